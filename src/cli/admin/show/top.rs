//! `weir top`: the nodes live, those in trouble first.

mod frame;
mod terminal;

use std::io::{IsTerminal, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use hyper::Method;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use self::frame::{Pressed, Seen, View};
use self::terminal::Terminal;
use super::super::connection::AdminArgs;
use super::super::request::ask_within;
use crate::app::{FAILED, shows_color, shows_cursor_moves};
use crate::cli::output::{fail, print};
use crate::cli::screen::table_width;

/// How often Weir is asked, and how long an answer may take.
const EVERY: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(5);
/// How soon a signal or another size of the terminal is seen.
const GLANCE: Duration = Duration::from_millis(200);

/// `weir top`.
#[derive(clap::Args)]
#[command(after_help = "Keys: q ends, / searches for a node, pool or state, arrows and PgUp PgDn scroll.")]
pub(crate) struct Top {
    /// Print one table and end
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    args: AdminArgs,
}

/// How Weir is.
type Answer = Result<Seen, String>;

/// `weir top`.
pub(crate) fn top(Top { once, args }: &Top) -> i32 {
    if *once || args.json {
        return print_once(args);
    }
    if !stdin().is_terminal() || !shows_cursor_moves(&stdout()) {
        return fail("top needs a terminal that can move its cursor; `weir top --once` prints one table");
    }
    let stop = match until_signal() {
        Ok(stop) => stop,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    match Terminal::open(shows_color(&stdout())) {
        Ok(terminal) => live(terminal, args, &stop),
        Err(error) => fail(&format!("the terminal cannot be set up: {error}")),
    }
}

fn live(mut terminal: Terminal, args: &AdminArgs, stop: &AtomicBool) -> i32 {
    let (answer, answers) = mpsc::channel();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| keep_asking(args, &answer, &ended));
        let mut view = View::default();
        while !stop.load(Ordering::Relaxed) {
            answers.try_iter().for_each(|answer| view.take(answer, Instant::now()));
            if terminal.draw(|size| view.frame(size, Instant::now(), SystemTime::now())).is_err() {
                break;
            }
            match terminal.key(GLANCE) {
                Ok(Some(key)) if view.press(key) == Pressed::Quit => break,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        // Before the thread has ended: it may wait for an answer.
        drop(terminal);
        ended.store(true, Ordering::Relaxed);
    });
    0
}

fn keep_asking(args: &AdminArgs, answer: &mpsc::Sender<Answer>, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) && answer.send(ask(args)).is_ok() {
        let until = Instant::now() + EVERY;
        while !ended.load(Ordering::Relaxed) && Instant::now() < until {
            thread::sleep(GLANCE / 4);
        }
    }
}

fn ask(args: &AdminArgs) -> Answer {
    let one = |path| {
        let bytes = ask_within(TIMEOUT, args, &Method::GET, path, Vec::new())?;
        serde_json::from_slice(&bytes).map_err(|error| format!("the answer is not understood: {error}"))
    };
    Ok(Seen { status: one("/api/v1/status")?, nodes: one("/api/v1/nodes")?, pools: one("/api/v1/pools")? })
}

fn print_once(args: &AdminArgs) -> i32 {
    let answer = match ask(args) {
        Ok(answer) => answer,
        Err(why) => return fail(&why),
    };
    let text = if args.json {
        format!("{:#}\n", json!({"status": answer.status, "nodes": answer.nodes, "pools": answer.pools}))
    } else {
        let mut view = View::default();
        view.take(Ok(answer), Instant::now());
        view.whole(SystemTime::now(), table_width())
    };
    if print(&text) { 0 } else { FAILED }
}

/// True as soon as a signal has come that ends the process: the terminal must be set back first.
fn until_signal() -> std::io::Result<Arc<AtomicBool>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stop = Arc::<AtomicBool>::default();
    let stopped = Arc::clone(&stop);
    let signals = {
        let _inside = runtime.enter();
        [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()].map(signal)
    };
    let [terminate, hang_up, interrupt, quit] = signals;
    let (mut terminate, mut hang_up, mut interrupt, mut quit) = (terminate?, hang_up?, interrupt?, quit?);
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
                _ = interrupt.recv() => {}
                _ = quit.recv() => {}
            }
        });
        stopped.store(true, Ordering::Relaxed);
    });
    Ok(stop)
}
