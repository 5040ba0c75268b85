//! `weir wso2 test`: the guide's "Testing the cluster" as one command. It asks the running cluster as clients do, through the
//! balancer, and each node by itself, and compares what it sees with weir.toml.
//!
//! Nothing is changed, except with `--failover`, which asks first.

mod api;
mod checks;
mod client;
mod failover;
mod ground;
mod places;
mod report;
mod url;
mod ways;
mod who;

use std::fs::File;
use std::io::{BufRead, IsTerminal, Read, Write, stderr, stdin};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use self::api::Api;
use self::client::{Client, Envelope};
use self::ground::{Ground, ports};
use self::places::{Through, doors, through};
use self::report::{Report, Subject};
use crate::app::{BAD_CONFIG, FAILED, shows_color};
use crate::cli::admin::AdminArgs;
use crate::cli::output::{fail, print};
use crate::config::{self, Config};
use crate::wso2::soap;

#[derive(clap::Args)]
pub(crate) struct Test {
    /// Where the balancer is asked, in place of what the host names resolve to: for all listeners, the one with this port, or the named one
    #[arg(long, value_name = "[LISTENER=]HOST[:PORT]", value_parser = through)]
    through: Vec<Through>,
    /// A service that every worker has, such as /services/echo; default: `services` of [cluster]
    #[arg(long = "service", value_name = "PATH", value_parser = path)]
    services: Vec<String>,
    /// A SOAP request in a file, posted to this service on each worker and through each site; for services to which that does no harm
    #[arg(long = "soap", value_name = "PATH=FILE", value_parser = soap_file)]
    envelopes: Vec<(String, PathBuf)>,
    /// Also drain one active node, see another take over, and give it back; asks first
    #[arg(long)]
    failover: bool,
    /// Do not ask before a failover
    #[arg(long, requires = "failover")]
    yes: bool,
    /// So many requests a second
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    per_second: u32,
    #[command(flatten)]
    weir: AdminArgs,
}

fn path(text: &str) -> Result<String, String> {
    let fits = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if fits { Ok(text.to_owned()) } else { Err("write the path of its URL, such as /services/echo".to_owned()) }
}

fn soap_file(text: &str) -> Result<(String, PathBuf), String> {
    let (service, file) = text.split_once('=').ok_or("write PATH=FILE, such as /services/echo=request.xml")?;
    Ok((path(service)?, PathBuf::from(file)))
}

/// Reads a SOAP request.
fn envelope(file: &Path) -> Result<Envelope, String> {
    let wrong = |why: String| format!("{}: {why}", file.display());
    let mut text = Vec::new();
    let read = File::open(file).and_then(|file| file.take(MOST + 1).read_to_end(&mut text));
    if read.map_err(|error| wrong(error.to_string()))? as u64 > MOST {
        return Err(wrong(format!("a request may have {MOST} bytes")));
    }
    Ok(Envelope { fields: soap::fields(&text).map_err(wrong)?, text: text.into() })
}

/// The longest request, in bytes.
const MOST: u64 = 1024 * 1024;
const INTERRUPTED: &str = "interrupted; nothing was changed, and the rest was not asked";

impl Test {
    /// Returns the exit code: 0 nothing failed, 1 something did or it said why not, 78 a bad weir.toml.
    pub(super) fn run(&self, now: SystemTime) -> i32 {
        let config = match config::load_at(&self.weir.config, now) {
            Ok(config) => config,
            Err(errors) => {
                eprint!("{}", errors.render(shows_color(&stderr())));
                return BAD_CONFIG;
            }
        };
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return fail(&error.to_string()),
        };
        let report = runtime.block_on(self.tested(&config, now));
        // A name that is still looked up is not waited for.
        runtime.shutdown_background();
        match report {
            Ok(report) => self.ended(&report),
            Err(why) => fail(&why),
        }
    }

    fn ended(&self, report: &Report) -> i32 {
        let text = if self.weir.json { format!("{:#}\n", report.json()) } else { format!("{}\n", report.sum()) };
        if print(&text) && report.is_well() { 0 } else { FAILED }
    }

    async fn tested(&self, config: &Config, now: SystemTime) -> Result<Report, String> {
        let (mut stop, mut report) = (Stop::new()?, Report::new(!self.weir.json));
        let checked = tokio::select! {
            checked = self.checked(config, now, &mut report) => Some(checked?),
            () = stop.wanted() => None,
        };
        match checked {
            Some((ground, Some(node))) => failover::check(&ground, &node, stop.wanted(), &mut report).await,
            Some((_, None)) => {}
            None => report.failed(Subject::new("test", "this command"), INTERRUPTED, ""),
        }
        Ok(report)
    }

    /// Asks everything, and changes nothing. Returns on what it stood, and the node to drain, where that is wanted.
    async fn checked<'a>(
        &'a self,
        config: &'a Config,
        now: SystemTime,
        report: &mut Report,
    ) -> Result<(Ground<'a>, Option<String>), String> {
        let api = Api(&self.weir);
        let told = api.members().await;
        if let (true, Err(why)) = (self.failover, &told) {
            return Err(format!("--failover needs the running Weir, which does not answer: {why}"));
        }
        let ground = Ground {
            config,
            doors: doors(config, &self.through).await?,
            ports: ports(config).await,
            api,
            client: Client::new(self.per_second)?,
            services: self.services(config),
            envelopes: self.read_envelopes()?,
            members: told.as_ref().cloned().unwrap_or_default(),
            now,
        };
        let most = checks::most_requests(&ground) + if self.failover { failover::MOST } else { 0 };
        ground.client.allow(most);
        eprintln!("weir: at most {most} requests, {} a second, go to the cluster", self.per_second);
        let node = self.consented(&ground).await?;
        checks::run(&ground, !self.through.is_empty(), told.map(drop), report).await;
        Ok((ground, node))
    }

    fn services(&self, config: &Config) -> Vec<String> {
        if !self.services.is_empty() {
            return self.services.clone();
        }
        config.cluster.iter().flat_map(|cluster| &cluster.services).map(ToString::to_string).collect()
    }

    fn read_envelopes(&self) -> Result<Vec<(String, Envelope)>, String> {
        self.envelopes.iter().map(|(service, file)| Ok((service.clone(), envelope(file)?))).collect()
    }

    /// The node to drain, where that is wanted.
    async fn consented(&self, ground: &Ground<'_>) -> Result<Option<String>, String> {
        if !self.failover {
            return Ok(None);
        }
        let node = failover::candidate(ground).ok_or(
            "--failover: no active node can be drained, because no other could serve in its place; see `weir nodes`",
        )?;
        if self.yes {
            return Ok(Some(node));
        }
        if !stdin().is_terminal() {
            return Err(format!("--failover drains {node} for some seconds: say --yes, where nobody can be asked"));
        }
        eprint!("Drain {node}, see another node take over, and give it back? [y/N] ");
        let _ = stderr().flush();
        // On a thread of its own, so that a signal is heard meanwhile.
        let answer = spawn_blocking(|| stdin().lock().lines().next()).await;
        match answer.ok().flatten().and_then(Result::ok).as_deref().map(str::trim) {
            Some("y" | "Y" | "yes") => Ok(Some(node)),
            _ => Err("nothing was done".to_owned()),
        }
    }
}

/// Whether somebody wants the command to end.
struct Stop(watch::Receiver<bool>);

impl Stop {
    fn new() -> Result<Self, String> {
        let (tell, told) = watch::channel(false);
        for kind in [SignalKind::interrupt(), SignalKind::quit(), SignalKind::terminate(), SignalKind::hangup()] {
            let (mut signals, tell) = (signal(kind).map_err(|error| error.to_string())?, tell.clone());
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    let _ = tell.send(true);
                }
            });
        }
        Ok(Self(told))
    }

    async fn wanted(&mut self) {
        // The tasks above keep the sender.
        let _ = self.0.wait_for(|wanted| *wanted).await;
    }
}
