//! The demo's prompt: reads a line and runs the command in it.

use std::io::{BufRead, IsTerminal, Write, stdin, stdout};
use std::thread;

use tokio::sync::mpsc;

use super::scene::Scene;
use crate::cli::output::print_line;

/// The commands.
#[derive(Debug, PartialEq, Eq)]
enum Input<'a> {
    Help,
    Nothing,
    Quit,
    Reload,
    Start(&'a str),
    States,
    Stop(&'a str),
    Try,
    Unknown,
}

/// Whether the demo goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Go,
    Leave,
    /// Show again what to try, then go on.
    Tell,
}

/// The lines of standard input, read by a thread of its own. The end of input from a terminal counts as `quit`. After
/// the end of a pipe no more lines come.
pub(super) fn lines() -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel(16);
    thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if send.blocking_send(line).is_err() {
                return;
            }
        }
        if stdin().is_terminal() {
            let _ = send.blocking_send("quit".to_owned());
        }
    });
    lines
}

/// Shows the prompt, if the input is a terminal.
pub(super) fn show() {
    if stdin().is_terminal() {
        let _ = write!(stdout(), "demo> ").and_then(|()| stdout().flush());
    }
}

/// Runs the command in the line.
pub(super) async fn obey(scene: &mut Scene, line: &str) -> Next {
    let outcome = match word(line) {
        Input::Help => Ok(HELP.to_owned()),
        Input::Nothing => return Next::Go,
        Input::Quit => return Next::Leave,
        Input::Try => return Next::Tell,
        Input::Reload => scene.command("reload").await,
        Input::Start(node) => scene.cluster.start_node(node).await.map(|()| format!("{node} is started")),
        Input::States => scene.command("nodes").await,
        Input::Stop(node) => scene.cluster.stop_node(node).await.map(|()| format!("{node} is stopped")),
        Input::Unknown => Ok(format!("what is {line:?}? {HELP}")),
    };
    print_line(outcome.unwrap_or_else(|error| error.to_string()));
    Next::Go
}

fn word(line: &str) -> Input<'_> {
    let mut words = line.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Input::Nothing,
        (Some("help" | "?"), None, _) => Input::Help,
        (Some("quit" | "exit"), None, _) => Input::Quit,
        (Some("reload"), None, _) => Input::Reload,
        (Some("states" | "nodes"), None, _) => Input::States,
        (Some("try"), None, _) => Input::Try,
        (Some("start"), Some(node), None) => Input::Start(node),
        (Some("stop"), Some(node), None) => Input::Stop(node),
        _ => Input::Unknown,
    }
}

const HELP: &str =
    "stop NODE, start NODE (worker1, worker2, manager), states, reload, try (the lines again), help, quit";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_commands_are_read_and_others_are_unknown() {
        let cases = [
            ("", Input::Nothing),
            ("  ", Input::Nothing),
            ("help", Input::Help),
            (" stop  worker1 ", Input::Stop("worker1")),
            ("start manager", Input::Start("manager")),
            ("stop", Input::Unknown),
            ("stop a b", Input::Unknown),
            ("quit", Input::Quit),
            ("quit now", Input::Unknown),
            ("states", Input::States),
            ("STOP worker1", Input::Unknown),
        ];
        for (line, expected) in cases {
            assert_eq!(word(line), expected, "{line:?}");
        }
    }
}
