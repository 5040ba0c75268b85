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
use crate::stage::{Stage, put};
use crate::told::Told;

/// One column's program, running; `None` for the floor, whose programs run all the time.
pub(crate) struct Running<'run> {
    /// Which.
    pub(crate) column: &'run Column,
    /// Where it listens.
    pub(crate) ports: Ports,
    /// What was found out once about this start and belongs to each of its rounds.
    pub(crate) facts: Figures,
    stage: &'run Stage,
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
        stage: &'run Stage,
        origins: &'run Origins,
    ) -> Told<Self> {
        let first = stage.ports + PORTS_EACH * (place as u16 + 1);
        let floor = OriginPorts::of(stage);
        let ports = match column.kind {
            Kind::Origin => Ports { http: floor.plain, https: floor.tls, edge: floor.h2, sink: floor.sink },
            _ => Ports { http: first, https: first + 1, edge: first + 2, sink: first + 3 },
        };
        let mut running = Self { column, ports, facts: Figures::default(), stage, origins, shape, process: None };
        running.restart().map(|()| running)
    }

    /// Ends it, and starts it anew in an empty directory.
    pub(crate) fn restart(&mut self) -> Told<()> {
        self.process = None;
        self.facts = Figures::default();
        if self.column.kind == Kind::Origin {
            return Ok(());
        }
        if let Shape::Sites(count) = self.shape {
            self.stage.certificates(count)?;
        }
        let room = self.stage.room(&self.column.name)?;
        let plan = Plan {
            stage: self.stage,
            shape: self.shape,
            ports: &self.ports,
            origins: OriginPorts::of(self.stage),
            room: &room,
            logged: self.column.logged,
        };
        let (name, text) = match self.column.kind {
            Kind::Weir => ("weir.toml", weir::configuration(&plan, self.ports.http + 4)),
            Kind::Haproxy => ("haproxy.cfg", haproxy::configuration(&plan)),
            Kind::Nginx | Kind::Origin => ("nginx.conf", nginx::configuration(&plan)),
        };
        let file = room.join(name);
        put(&file, &text)?;
        let mut command = Command::new(&self.column.binary);
        match self.column.kind {
            Kind::Weir => command.arg("run").arg("--config").arg(file),
            Kind::Haproxy => command.arg("-W").arg("-f").arg(file),
            Kind::Nginx | Kind::Origin => command.arg("-e").arg(room.join("error.log")).arg("-c").arg(file),
        };
        let process = self.process.insert(Process::start(&self.column.name, &mut command, &room)?);
        wait_for(process, &self.ports)
    }

    /// The programs whose CPU and memory count.
    fn counted(&self) -> Vec<&Process> {
        match &self.process {
            Some(process) => vec![process],
            None => vec![&self.origins.nginx, &self.origins.sink],
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
    pub(crate) fn alive(&mut self) -> Told<()> {
        self.process.as_mut().map_or(Ok(()), Process::alive)
    }

    /// Makes it read its configuration again, in its own way.
    pub(crate) fn reload(&self) -> Told<()> {
        let signal = if self.column.kind == Kind::Haproxy { Signal::USR2 } else { Signal::HUP };
        self.process.as_ref().map_or(Ok(()), |process| process.signal(signal))
    }

    /// What tells this start from others of the column.
    pub(crate) fn id(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::id)
    }

    /// The run's directory and certificates.
    pub(crate) fn stage(&self) -> &'run Stage {
        self.stage
    }
}
