//! The proxies side by side: each writes its configuration into a directory of its own, starts, and is ready when it
//! answers 200 on all four of its ports. None has settings that the others lack for the same thing.

mod haproxy;
mod nginx;
mod plan;
mod weir;

use std::process::Command;
use std::time::Duration;

pub(crate) use plan::Shape;
use plan::{OfTwo, Plan};
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
    /// The second of two, and what they have in common.
    beside: Vec<Process>,
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
            _ => Ports::from(first),
        };
        let facts = Figures::default();
        let mut running = Self { column, ports, facts, testbed, origins, shape, process: None, beside: Vec::new() };
        running.restart().map(|()| running)
    }

    /// Where the second of two listens.
    pub(crate) const fn second(&self) -> Ports {
        Ports::from(self.ports.http + 5)
    }

    /// Ends it, and starts it anew in an empty directory.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.process = None;
        self.beside.clear();
        self.facts = Figures::default();
        if self.column.kind == Kind::Origin {
            return Ok(());
        }
        if let Shape::Sites(count) = self.shape {
            self.testbed.certificates(count)?;
        }
        if self.shape != Shape::Two {
            let process = self.begin(&self.column.name, &self.ports, None)?;
            return wait_for(self.process.insert(process), &self.ports);
        }
        let links = [self.ports.http + 10, self.ports.http + 11];
        if self.column.kind == Kind::Weir {
            for port in links {
                self.beside.push(self.server(port)?);
            }
        }
        let name = format!("{}-second", self.column.name);
        let second = self.second();
        let mut other = self.begin(&name, &second, Some(OfTwo { own: 1, links }))?;
        let own = self.begin(&self.column.name, &self.ports, Some(OfTwo { own: 0, links }))?;
        wait_for(self.process.insert(own), &self.ports)?;
        wait_for(&mut other, &second)?;
        self.beside.push(other);
        Ok(())
    }

    fn begin(&self, name: &str, ports: &Ports, of_two: Option<OfTwo>) -> Result<Process> {
        let dir = self.testbed.empty_dir(name)?;
        let plan = Plan {
            testbed: self.testbed,
            shape: self.shape,
            of_two,
            ports,
            origins: OriginPorts::of(self.testbed),
            dir: &dir,
            logged: self.column.logged,
        };
        let (file, text) = match self.column.kind {
            Kind::Weir => ("weir.toml", weir::configuration(&plan, ports.http + 4)),
            Kind::Haproxy => ("haproxy.cfg", haproxy::configuration(&plan)),
            Kind::Nginx | Kind::Origin => ("nginx.conf", nginx::configuration(&plan)),
        };
        let file = dir.join(file);
        write_file(&file, &text)?;
        let mut command = Command::new(&self.column.binary);
        match self.column.kind {
            Kind::Weir => command.arg("run").arg("--config").arg(file),
            Kind::Haproxy => {
                of_two.iter().for_each(|two| _ = command.arg("-L").arg(format!("lb{}", two.own)));
                command.arg("-W").arg("-f").arg(file)
            }
            Kind::Nginx | Kind::Origin => command.arg("-e").arg(dir.join("error.log")).arg("-c").arg(file),
        };
        Process::start(name, &mut command, &dir)
    }

    /// One of the servers by which two of ours have sessions in common.
    fn server(&self, port: u16) -> Result<Process> {
        let name = format!("{}-server-{port}", self.column.name);
        let dir = self.testbed.empty_dir(&name)?;
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port"])
            .arg(port.to_string())
            .args(["--save", ""])
            .arg("--dir")
            .arg(&dir);
        Process::start(&name, &mut command, &dir)
    }

    /// The programs whose CPU and memory count.
    fn counted(&self) -> Vec<&Process> {
        match &self.process {
            Some(process) => self.beside.iter().chain([process]).collect(),
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
