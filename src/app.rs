//! Wiring: makes each part once and hands it over.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use crate::admin;
use crate::config::{self, Errors};
use crate::control::run::{self, NotRun};
use crate::observe::Observer;
use crate::observe::journal::Journal;

/// It said why not.
pub const FAILED: i32 = 1;
/// The configuration is bad (sysexits' EX_CONFIG).
pub const BAD_CONFIG: i32 = 78;
/// How long the last lines may take to reach their files.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Runs the configuration in `path` until a signal ends it. Returns the exit code.
pub fn run(path: &Path) -> i32 {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(errors) => return complain(&errors, BAD_CONFIG),
    };
    let (journal, observer) = match (Journal::start(), Observer::start(env!("CARGO_PKG_VERSION"))) {
        (Ok(journal), Ok(observer)) => (journal, observer),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("weir: cannot start a thread for logs: {error}");
            return FAILED;
        }
    };
    let code = match run::run(path, config, &observer, admin::begin) {
        Ok(()) => 0,
        Err(NotRun::Config(problems)) => complain(&Errors(problems), BAD_CONFIG),
        Err(NotRun::System(problems)) => complain(&Errors(problems), FAILED),
    };
    observer.logs.flush(LAST_LINES);
    journal.flush(LAST_LINES);
    code
}

fn complain(errors: &Errors, code: i32) -> i32 {
    eprint!("{}", errors.render(std::io::stderr().is_terminal()));
    code
}
