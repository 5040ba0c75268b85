//! `weir init`: from the addresses of a cluster to a checked weir.toml. It asks, or takes flags, looks at the nodes, makes
//! certificates or names those given, and says what to do next. Until the last question is answered nothing is written.

mod answers;
mod ask;
mod look;
mod next_steps;
mod render;
mod write;

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use self::answers::{Answers, CertificateFiles, Server, host, server};
use self::ask::Dialog;
use self::look::Looked;
use self::next_steps::NextSteps;
use self::render::Places;
pub(super) use self::render::management_route;
use super::output::{fail, print, print_line, warn};
use crate::app::{BAD_CONFIG, FAILED, shows_color};
use crate::config::LONGEST_SOCKET;

/// What need not be asked.
#[derive(Clone, clap::Args)]
pub(super) struct Init {
    /// The host of the services
    #[arg(long, value_name = "HOST", value_parser = host)]
    esb_host: Option<String>,
    /// The host of the management console
    #[arg(long, value_name = "HOST", value_parser = host)]
    mgt_host: Option<String>,
    /// A worker; may be repeated. OFFSET is the Offset of its carbon.xml
    #[arg(long = "worker", value_name = "[NAME=]ADDRESS[+OFFSET]", value_parser = server)]
    workers: Vec<Server>,
    /// The manager
    #[arg(long, value_name = "[NAME=]ADDRESS[+OFFSET]", value_parser = server)]
    manager: Option<Server>,
    /// The certificate of the services' host [default: a new one, self-signed]
    #[arg(long, value_name = "FILE", requires = "esb_key")]
    esb_chain: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires = "esb_chain")]
    esb_key: Option<PathBuf>,
    /// The certificate of the console's host [default: a new one, self-signed]
    #[arg(long, value_name = "FILE", requires = "mgt_key")]
    mgt_chain: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires = "mgt_chain")]
    mgt_key: Option<PathBuf>,
    /// Where Weir listens for HTTP
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:80")]
    http: SocketAddr,
    /// Where Weir listens for HTTPS
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:443")]
    https: SocketAddr,
    /// The admin address
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9180")]
    admin: SocketAddr,
    /// The admin socket, or off [default: /run/weir/admin.sock; with --config admin.sock in the state directory]
    #[arg(long, value_name = "PATH", value_parser = socket)]
    socket: Option<String>,
    /// The directory for what outlives a restart
    #[arg(long, value_name = "DIR", default_value = "/var/lib/weir")]
    state_dir: PathBuf,
    /// The file to write; certificates are made in the directory certs beside it
    #[arg(long, short, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// Ask nothing: what has no flag gets its default
    #[arg(long)]
    yes: bool,
    /// Do not look at the nodes; then their certificates are not pinned
    #[arg(long)]
    no_look: bool,
    /// Replace a configuration that is there already
    #[arg(long)]
    force: bool,
}

/// Asks, looks, writes. Returns the exit code.
pub(super) fn run(init: &Init) -> i32 {
    match init.go(SystemTime::now()) {
        Ok(()) => 0,
        Err(Stop::Said(why)) => fail(&why),
        Err(Stop::Refused(drawn)) => {
            eprint!("{drawn}");
            fail("this configuration would be refused, so it was not written");
            BAD_CONFIG
        }
        Err(Stop::Unheard) => FAILED,
    }
}

/// Why there is no new configuration.
enum Stop {
    Said(String),
    /// The checks found these errors.
    Refused(String),
    /// Nobody reads what is printed.
    Unheard,
}

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Self::Said(why)
    }
}

impl Init {
    fn go(&self, now: SystemTime) -> Result<(), Stop> {
        write::may_write(&self.config, self.force)?;
        let (input, out) = (io::stdin(), io::stdout());
        let mut dialog = Dialog::new(input.lock(), out);
        let answers = if self.yes { self.without_asking()? } else { self.asked(&mut dialog)? };
        answers.check()?;
        let looked = self.look(&answers);
        if !self.yes && !dialog.confirm(&format!("Write {}?", self.config.display()))? {
            return Err(Stop::Said("nothing was written".to_owned()));
        }
        let warnings = self.write(&answers, &looked, now)?;
        let file = (self.config != Path::new(DEFAULT_FILE)).then_some(&*self.config);
        let next = NextSteps { file, https: self.https, answers: &answers };
        let said = format!("\nwrote {}; it is good{}", self.config.display(), next.of_warnings(warnings));
        if print(&format!("{said}\n\n{}", next.text())) { Ok(()) } else { Err(Stop::Unheard) }
    }

    /// Certificates, the file, and directories that are not there yet. Returns how many warnings the checks have.
    fn write(&self, answers: &Answers, looked: &Looked, now: SystemTime) -> Result<usize, Stop> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()));
        let directory = self.config.parent().unwrap_or(Path::new("."));
        write::directory(directory)?;
        let pairs = write::certificates(answers, &directory.join("certs"), now)?;
        let state_dir = &absolute(&self.state_dir)?;
        let Self { http, https, admin, .. } = *self;
        let socket = self.socket.clone().or_else(|| self.own_socket(state_dir));
        let places = Places { http, https, admin, socket: socket.as_deref(), state_dir };
        let text = render::text(&places, answers, looked, &pairs);
        let warnings = write::checked(&self.config, &text, now).map_err(|why| match why {
            write::Failed::Io(why) => Stop::Said(why),
            write::Failed::Refused(errors) => Stop::Refused(errors.render(shows_color(&io::stderr()))),
        })?;
        write::own_directory(state_dir, 0o700)?;
        Ok(warnings)
    }

    /// Where no service makes /run/weir, the state directory is what Weir can write to for sure.
    fn own_socket(&self, state_dir: &Path) -> Option<String> {
        let own = state_dir.join("admin.sock").to_str()?.to_owned();
        (self.config != Path::new(DEFAULT_FILE) && own.len() <= LONGEST_SOCKET).then_some(own)
    }

    fn without_asking(&self) -> Result<Answers, String> {
        let manager = self.manager.clone().ok_or("--yes needs the manager: --manager 10.0.0.2")?;
        if self.workers.is_empty() {
            return Err("--yes needs the workers: --worker 10.0.0.3 --worker 10.0.0.4".to_owned());
        }
        Ok(Answers {
            esb_host: self.esb_host.clone().unwrap_or_else(|| ESB_HOST.to_owned()),
            mgt_host: self.mgt_host.clone().unwrap_or_else(|| MGT_HOST.to_owned()),
            workers: self.workers.clone(),
            manager,
            esb_files: files(self.esb_chain.as_ref(), self.esb_key.as_ref()),
            mgt_files: files(self.mgt_chain.as_ref(), self.mgt_key.as_ref()),
        })
    }

    fn asked(&self, dialog: &mut Dialog<impl io::BufRead, impl io::Write>) -> Result<Answers, String> {
        if io::stdin().is_terminal() {
            print_line("Weir in front of a WSO2 cluster. Nothing is written before the last question; Ctrl-C ends.\n");
        }
        let given = |name: &Option<String>, ask: &mut dyn FnMut() -> Result<String, String>| match name {
            Some(name) => Ok(name.clone()),
            None => ask(),
        };
        let esb_host = given(&self.esb_host, &mut || dialog.ask("Host of the services", Some(ESB_HOST), host))?;
        let mgt_host =
            given(&self.mgt_host, &mut || dialog.ask("Host of the management console", Some(MGT_HOST), host))?;
        let workers = match self.workers.as_slice() {
            [] => dialog.ask("Addresses of the workers, as 10.0.0.3 10.0.0.4", None, answers::servers)?,
            given => given.to_vec(),
        };
        let manager = match &self.manager {
            Some(manager) => manager.clone(),
            None => dialog.ask("Address of the manager, as 10.0.0.2", None, server)?,
        };
        let esb_files = match files(self.esb_chain.as_ref(), self.esb_key.as_ref()) {
            None => dialog.certificate(&esb_host)?,
            given => given,
        };
        let mgt_files = match files(self.mgt_chain.as_ref(), self.mgt_key.as_ref()) {
            None => dialog.certificate(&mgt_host)?,
            given => given,
        };
        Ok(Answers { esb_host, mgt_host, workers, manager, esb_files, mgt_files })
    }

    fn look(&self, answers: &Answers) -> Looked {
        if self.no_look {
            return Looked::not_at_all();
        }
        print_line("\nlooking at the nodes, for 5 s at most …");
        let looked = Looked::at(answers);
        looked.told.iter().for_each(print_line);
        looked.warnings.iter().for_each(|what| warn(what));
        looked
    }
}

fn files(chain: Option<&PathBuf>, key: Option<&PathBuf>) -> Option<CertificateFiles> {
    let (chain, key) = chain.zip(key)?;
    Some(CertificateFiles { chain: chain.clone(), key: key.clone() })
}

/// A relative path is one of the directory in which the command runs.
fn socket(text: &str) -> Result<String, String> {
    match text {
        "off" => Ok(text.to_owned()),
        path => std::path::absolute(path).map(|path| path.display().to_string()).map_err(|error| error.to_string()),
    }
}

const DEFAULT_FILE: &str = "/etc/weir/weir.toml";
/// The hosts of the clustering guide.
const ESB_HOST: &str = "esb.wso2.com";
const MGT_HOST: &str = "mgt.esb.wso2.com";
