//! Wiring: makes each part once and hands it over.

use std::env;
use std::ffi::OsStr;
use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::admin;
use crate::config::{self, Errors};
use crate::control::run::{self, RunError};
use crate::observe::Observer;
use crate::observe::journal::Journal;

/// It said why not.
pub const FAILED: i32 = 1;
/// The configuration is bad (sysexits' EX_CONFIG).
pub const BAD_CONFIG: i32 = 78;
/// How long the last lines and spans may take to where they go.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Runs the configuration in `path` until a signal ends it. Returns the exit code.
pub fn run(path: &Path) -> i32 {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(errors) => return print_errors(&errors, BAD_CONFIG),
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
        Err(RunError::Config(problems)) => print_errors(&Errors(problems), BAD_CONFIG),
        Err(RunError::System(problems)) => print_errors(&Errors(problems), FAILED),
    };
    let ended = Instant::now();
    observer.logs.flush(LAST_LINES);
    // A collector that hangs has only what is left of the same time.
    observer.spans.flush(LAST_LINES.saturating_sub(ended.elapsed()));
    journal.flush(LAST_LINES);
    code
}

fn print_errors(errors: &Errors, code: i32) -> i32 {
    eprint!("{}", errors.render(shows_color(&std::io::stderr())));
    code
}

/// Whether text on this stream may have colours: on a terminal that has them, unless the user wants none.
pub fn shows_color(stream: &impl IsTerminal) -> bool {
    shows_cursor_moves(stream) && allows_color(env::var_os("NO_COLOR").as_deref())
}

/// Whether text on this stream may move the cursor: on a terminal that understands escape sequences.
pub fn shows_cursor_moves(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && understands_escapes(env::var_os("TERM").as_deref())
}

/// By <https://no-color.org>: any value but the empty one switches colours off.
fn allows_color(no_color: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty)
}

fn understands_escapes(term: Option<&OsStr>) -> bool {
    term.is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_off_where_the_user_or_the_terminal_says_so() {
        for (no_color, allowed) in [(None, true), (Some(""), true), (Some("1"), false), (Some("0"), false)] {
            assert_eq!(allows_color(no_color.map(OsStr::new)), allowed, "NO_COLOR {no_color:?}");
        }
        for (term, understood) in
            [(None, true), (Some("xterm-256color"), true), (Some(""), true), (Some("dumb"), false)]
        {
            assert_eq!(understands_escapes(term.map(OsStr::new)), understood, "TERM {term:?}");
        }
    }
}
