//! The demo's prompt: words in, deeds out.

use std::io::{BufRead, IsTerminal, Write, stdin, stdout};
use std::thread;

use tokio::sync::mpsc;

use super::scene::Scene;
use crate::cli::voice::say;

/// What the operator may type.
#[derive(Debug, PartialEq, Eq)]
enum Word<'a> {
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

/// The lines of standard input, read by a thread of its own. A terminal that is closed says `quit`; a pipe that ends
/// says nothing more.
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

/// Shows that a word is awaited, where there is somebody to see it.
pub(super) fn show() {
    if stdin().is_terminal() {
        let _ = write!(stdout(), "demo> ").and_then(|()| stdout().flush());
    }
}

/// Does what the line says.
pub(super) async fn obey(scene: &mut Scene, line: &str) -> Next {
    let outcome = match word(line) {
        Word::Help => Ok(HELP.to_owned()),
        Word::Nothing => return Next::Go,
        Word::Quit => return Next::Leave,
        Word::Try => return Next::Tell,
        Word::Reload => scene.command("reload").await,
        Word::Start(node) => scene.cluster.start_node(node).await.map(|()| format!("{node} is started")),
        Word::States => scene.command("nodes").await,
        Word::Stop(node) => scene.cluster.stop_node(node).await.map(|()| format!("{node} is stopped")),
        Word::Unknown => Ok(format!("what is {line:?}? {HELP}")),
    };
    say(outcome.unwrap_or_else(|error| error.to_string()));
    Next::Go
}

fn word(line: &str) -> Word<'_> {
    let mut words = line.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Word::Nothing,
        (Some("help" | "?"), None, _) => Word::Help,
        (Some("quit" | "exit"), None, _) => Word::Quit,
        (Some("reload"), None, _) => Word::Reload,
        (Some("states" | "nodes"), None, _) => Word::States,
        (Some("try"), None, _) => Word::Try,
        (Some("start"), Some(node), None) => Word::Start(node),
        (Some("stop"), Some(node), None) => Word::Stop(node),
        _ => Word::Unknown,
    }
}

const HELP: &str =
    "stop NODE, start NODE (worker1, worker2, manager), states, reload, try (the lines again), help, quit";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood_or_said_to_be_unknown() {
        let cases = [
            ("", Word::Nothing),
            ("  ", Word::Nothing),
            ("help", Word::Help),
            (" stop  worker1 ", Word::Stop("worker1")),
            ("start manager", Word::Start("manager")),
            ("stop", Word::Unknown),
            ("stop a b", Word::Unknown),
            ("quit", Word::Quit),
            ("quit now", Word::Unknown),
            ("states", Word::States),
            ("STOP worker1", Word::Unknown),
        ];
        for (line, expected) in cases {
            assert_eq!(word(line), expected, "{line:?}");
        }
    }
}
