//! The proxies side by side: each writes its configuration into a directory of its own, starts, and is ready when it
//! answers 200 on all four of its ports. None has settings that the others lack for the same thing.

mod haproxy;
mod nginx;
mod plan;
mod weir;

use std::process::Command;
use std::time::Duration;

use plan::Plan;
pub(crate) use plan::Shape;
use rustix::process::Signal;

use crate::columns::{Column, Kind};
use crate::figures::Figures;
use crate::origins::{OriginPorts, Origins};
use crate::ports::{PORTS_EACH, Ports, wait_for};
use crate::process::Process;
use crate::result::Result;
use crate::testbed::{Testbed, write_file};

/// One column's program, running; `None` for the floor, whose programs run all the time.
pub(crate) struct Running<'run> {
    /// Which.
    pub(crate) column: &'run Column,
    /// Where it listens.
    pub(crate) ports: Ports,
    /// What was found out once about this start and belongs to each of its rounds.
    pub(crate) facts: Figures,
    testbed: &'run Testbed,
    origins: &'run Origins,
    shape: Shape,
    process: Option<Process>,
}

impl<'run> Running<'run> {
    /// Starts it and waits until it answers.
    pub(crate) fn start(
        column: &'run Column,
        place: usize,
        shape: Shape,
        testbed: &'run Testbed,
        origins: &'run Origins,
    ) -> Result<Self> {
        let first = testbed.ports + PORTS_EACH * (place as u16 + 1);
        let floor = OriginPorts::of(testbed);
        let ports = match column.kind {
            Kind::Origin => Ports { http: floor.plain, https: floor.tls, edge: floor.h2, upload: floor.upload },
            _ => Ports { http: first, https: first + 1, edge: first + 2, upload: first + 3 },
        };
        let mut running = Self { column, ports, facts: Figures::default(), testbed, origins, shape, process: None };
        running.restart().map(|()| running)
    }

    /// Ends it, and starts it anew in an empty directory.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.process = None;
        self.facts = Figures::default();
        if self.column.kind == Kind::Origin {
            return Ok(());
        }
        if let Shape::Sites(count) = self.shape {
            self.testbed.certificates(count)?;
        }
        let dir = self.testbed.empty_dir(&self.column.name)?;
        let plan = Plan {
            testbed: self.testbed,
            shape: self.shape,
            ports: &self.ports,
            origins: OriginPorts::of(self.testbed),
            dir: &dir,
            logged: self.column.logged,
        };
        let (name, text) = match self.column.kind {
            Kind::Weir => ("weir.toml", weir::configuration(&plan, self.ports.http + 4)),
            Kind::Haproxy => ("haproxy.cfg", haproxy::configuration(&plan)),
            Kind::Nginx | Kind::Origin => ("nginx.conf", nginx::configuration(&plan)),
        };
        let file = dir.join(name);
        write_file(&file, &text)?;
        let mut command = Command::new(&self.column.binary);
        match self.column.kind {
            Kind::Weir => command.arg("run").arg("--config").arg(file),
            Kind::Haproxy => command.arg("-W").arg("-f").arg(file),
            Kind::Nginx | Kind::Origin => command.arg("-e").arg(dir.join("error.log")).arg("-c").arg(file),
        };
        let process = self.process.insert(Process::start(&self.column.name, &mut command, &dir)?);
        wait_for(process, &self.ports)
    }

    /// The programs whose CPU and memory count.
    fn counted(&self) -> Vec<&Process> {
        match &self.process {
            Some(process) => vec![process],
            None => vec![&self.origins.nginx, &self.origins.upload],
        }
    }

    /// CPU time so far.
    pub(crate) fn cpu(&self) -> Duration {
        self.counted().iter().map(|process| process.cpu()).sum()
    }

    /// Memory now, KiB.
    pub(crate) fn memory(&self) -> f64 {
        self.counted().iter().map(|process| process.memory()).sum()
    }

    /// Tells what it said last when it is not there any more.
    pub(crate) fn alive(&mut self) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), Process::alive)
    }

    /// Makes it read its configuration again, in its own way.
    pub(crate) fn reload(&self) -> Result<()> {
        let signal = if self.column.kind == Kind::Haproxy { Signal::USR2 } else { Signal::HUP };
        self.process.as_ref().map_or(Ok(()), |process| process.signal(signal))
    }

    /// What tells this start from others of the column.
    pub(crate) fn id(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::id)
    }

    /// The run's directory and certificates.
    pub(crate) fn testbed(&self) -> &'run Testbed {
        self.testbed
    }
}
