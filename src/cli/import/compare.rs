//! `weir import nginx --compare`: the old nginx, and Weir on what was imported, are asked the same requests, and what differs
//! is shown. Weir is started for it as a child process; of the operator's files none is written.

mod ask;
mod diff;
mod example;
mod exchange;
mod given;
mod made;
mod places;
mod shown;
mod stubs;
mod trial;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, timeout};

use self::ask::Ask;
use self::diff::{Judge, Round};
use self::exchange::Client;
use self::made::Nodes;
use self::places::{Door, Old, OldUrl};
use self::shown::Compared;
use self::stubs::Stubs;
use self::trial::Room;
use crate::config::{self, Config};
use crate::import::{Class, Imported};

pub(super) use self::shown::Comparison;

/// What is compared, and how.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Ask the nginx at this URL, and Weir on what was imported, the same requests, and show what differs
    #[arg(long, value_name = "URL")]
    compare: Option<OldUrl>,
    /// Where that nginx takes TLS, if it is not at the same address and the port of its file
    #[arg(long, value_name = "ADDRESS:PORT", requires = "compare")]
    compare_tls: Option<String>,
    /// Take the requests from this file: lines METHOD URL, indented lines below are fields, or > and a line of the body
    #[arg(long, value_name = "FILE", requires = "compare")]
    requests: Option<PathBuf>,
    /// Listen on the nodes' own addresses, and compare what a node gets to see too; they must be this machine's
    #[arg(long, requires = "compare")]
    stubs: bool,
    /// So many requests a second, each to both; default: 20, or as fast as it goes with --stubs
    #[arg(long, value_name = "N", requires = "compare", value_parser = clap::value_parser!(u32).range(1..=1000))]
    per_second: Option<u32>,
}

impl Options {
    /// What a comparison finds; nothing where none is wanted.
    pub(super) fn run(&self, imported: &Imported, now: SystemTime) -> Result<Option<Comparison>, String> {
        let Some(url) = &self.compare else { return Ok(None) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(self.compared(url, imported, now)).map(Some)
    }

    async fn compared(&self, url: &OldUrl, imported: &Imported, now: SystemTime) -> Result<Comparison, String> {
        let mut doors = doors(imported);
        let room = Room::new()?;
        let config = room.configuration(imported, &mut doors, now)?;
        Old::new(url, self.compare_tls.as_deref())?.place(&mut doors)?;
        let (asks, more) = match &self.requests {
            Some(path) => (given::read(path, &doors)?, false),
            None => made::requests(imported, &config, &doors, self.nodes()),
        };
        until_signal(reachable(&doors)).await??;
        let stubs = if self.stubs { Some(Stubs::start(&config).await?) } else { None };
        self.tell(asks.len());
        let front = until_signal(room.start(imported, &mut doors)).await??;
        let session = Session { client: Client::new()?, doors: &doors, judge: judge(&config, self.stubs), stubs };
        let all = until_signal(session.all(&asks, self.rate())).await;
        front.stop().await;
        let mut notes: Vec<_> = doors.iter().filter(|door| door.old.is_none()).map(not_asked).collect();
        let gaps = imported.report.count(Class::Missing) + imported.report.count(Class::Refused);
        if gaps > 0 {
            notes.push(format!("{gaps} directives of the file are missing or refused: --out DIR says which"));
        }
        if more {
            notes.push(format!("only the first {} requests were asked", asks.len()));
        }
        Ok(Comparison { all: all?, notes })
    }

    fn nodes(&self) -> Nodes {
        if self.stubs { Nodes::Stubs } else { Nodes::Live }
    }

    fn rate(&self) -> Option<u32> {
        self.per_second.or((!self.stubs).then_some(RATE))
    }

    /// Said before it begins, since nodes at work get these requests.
    fn tell(&self, number: usize) {
        let methods = if self.requests.is_some() { "those of the file" } else { "GET and HEAD alone" };
        let whose = match self.nodes() {
            Nodes::Live => format!("the nodes of the file get each of them twice ({methods})"),
            Nodes::Stubs => "stubs listen in the place of the nodes".to_owned(),
        };
        let pace = self.rate().map(|number| format!(", {number} a second")).unwrap_or_default();
        eprintln!("weir: asking the old and the new {number} requests{pace}; {whose}");
    }
}

fn doors(imported: &Imported) -> Vec<Door> {
    let door = |(name, bind): (String, SocketAddr)| Door { name, bind, secure: false, old: None, new: bind };
    imported.listeners().into_iter().map(door).collect()
}

impl Room {
    /// The configuration that will run, checked. It says which doors speak TLS.
    fn configuration(&self, imported: &Imported, doors: &mut [Door], now: SystemTime) -> Result<Config, String> {
        let binds: Vec<_> = doors.iter().map(|door| door.bind).collect();
        let text = imported.trial(&binds, ([127, 0, 0, 1], 9180).into(), self.path());
        let config =
            config::load_draft(&self.path().join("weir.toml"), text, now).map_err(|errors| errors.render(false))?;
        for (door, listener) in doors.iter_mut().zip(&config.listeners) {
            door.secure = listener.tls.is_some();
        }
        Ok(config)
    }
}

fn judge(config: &Config, stubs: bool) -> Judge {
    let pools = config.pools.iter().map(|pool| {
        let nodes = pool.members.iter().filter_map(|member| config.nodes.get(member.node));
        nodes.flat_map(|node| stubs::addresses(node, pool.port)).collect()
    });
    Judge { pools: pools.collect(), stubs }
}

fn not_asked(door: &Door) -> String {
    format!("{} ({}) was not asked: the old one was named by an IPv4 address", door.name, door.bind)
}

/// An error where the old one takes no connection at any of its places.
async fn reachable(doors: &[Door]) -> Result<(), String> {
    let mut why = "nothing that the file listens on can be reached by this address".to_owned();
    for old in doors.iter().filter_map(|door| door.old) {
        match timeout(PATIENCE, TcpStream::connect(old)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => why = format!("{old}: {error}"),
            Err(_) => why = format!("{old}: no connection in {} s", PATIENCE.as_secs()),
        }
    }
    Err(format!("the old nginx cannot be reached: {why}; --compare takes its URL, such as http://10.0.0.1"))
}

/// An error when somebody ends the command first.
async fn until_signal<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let on = |kind| signal(kind).map_err(|error| error.to_string());
    let (mut interrupt, mut terminate) = (on(SignalKind::interrupt())?, on(SignalKind::terminate())?);
    let mut hangup = on(SignalKind::hangup())?;
    tokio::select! {
        done = work => Ok(done),
        _ = interrupt.recv() => Err("interrupted".to_owned()),
        _ = terminate.recv() => Err("told to end".to_owned()),
        _ = hangup.recv() => Err("told to end".to_owned()),
    }
}

/// Asks both.
struct Session<'a> {
    client: Client,
    doors: &'a [Door],
    judge: Judge,
    stubs: Option<Stubs>,
}

impl Session<'_> {
    async fn all(&self, asks: &[Ask], rate: Option<u32>) -> Vec<Compared> {
        let mut ticks = rate.map(|number| interval(Duration::from_secs(1) / number));
        if let Some(ticks) = &mut ticks {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut all = Vec::with_capacity(asks.len());
        for ask in asks {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            all.extend(self.one(ask).await);
        }
        all
    }

    /// One after the other, so that what a node saw is known to come from the one that was asked.
    async fn one(&self, ask: &Ask) -> Option<Compared> {
        let door = self.doors.get(ask.door)?;
        let place = door.old?;
        let (outcome, from) = self.client.ask(ask, place, None).await;
        let old = self.round(outcome);
        let (outcome, _) = self.client.ask(ask, door.new, from).await;
        let new = self.round(outcome);
        let mut differences = self.judge.differences(ask, &old, &new);
        let mut unsteady = Vec::new();
        if !differences.is_empty() && self.stubs.is_none() && matches!(ask.method.as_str(), "GET" | "HEAD") {
            let again = self.round(self.client.ask(ask, place, None).await.0);
            let changes = self.judge.differences(ask, &old, &again);
            unsteady = changes.into_iter().map(|one| one.what).collect();
            differences.retain(|one| !unsteady.contains(&one.what));
        }
        Some(Compared { said: ask.said(), statuses: [shown::status(&old), shown::status(&new)], differences, unsteady })
    }

    fn round(&self, outcome: exchange::Outcome) -> Round {
        Round { outcome, seen: self.stubs.as_ref().map(Stubs::take).unwrap_or_default() }
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
/// Requests a second that nodes at work get, twice each.
const RATE: u32 = 20;
