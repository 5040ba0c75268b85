//! `weir events`: what happened, and what happens.

use std::io::stdout;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use hyper::Method;
use serde_json::Value;

use super::super::connection::AdminArgs;
use super::super::encode::encoded;
use super::super::request::{Told, ask_json, follow};
use super::super::table::text;
use crate::app::FAILED;
use crate::cli::output::{fail, print, warn};
use crate::cli::screen::for_screen;
use crate::cli::times::{moment_after, moment_before, on_the_clock};

/// How many events are shown that happened before a `--follow`.
const BEFORE: usize = 20;
/// How long to wait before asking a Weir again that did not answer.
const PAUSE: Duration = Duration::from_secs(1);

const AFTER: &str = "\
Weir keeps the last 1000 events since its start, over upgrades too; the journal has them all. --since takes a time ago (30m, 2h), a time of \
day (03:10, the last one), or a moment (2026-11-22T03:10:00Z). Times are shown in the local time; in JSON they are UTC.";

/// `weir events`.
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct EventsArgs {
    /// Stay and show what happens, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Only what is about this node, pool or POOL/NODE
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// Only what happened from this time on
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<String>,
    /// Only what happened until this time, written in the same ways
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    until: Option<String>,
    /// Only what is about this pool and its nodes
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,
    /// Only events of this kind: certificate, cluster, files, operator, pool, reload, shared, start, state, stop or upgrade
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    #[command(flatten)]
    args: AdminArgs,
}

fn since(text: &str) -> Result<String, String> {
    moment_before(text, SystemTime::now())
}

/// `weir events`.
pub(crate) fn events(asked: &EventsArgs) -> i32 {
    let path = match asked.path(SystemTime::now()) {
        Ok(path) => path,
        Err(why) => return fail(&format!("--until: {why}")),
    };
    let answer = match ask_json(&asked.args, &Method::GET, &path, Vec::new()) {
        Ok(answer) => answer,
        Err(why) => return fail(&why),
    };
    let shown = if asked.args.json && !asked.follow {
        print(&format!("{answer:#}\n"))
    } else {
        let all = answer["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        let first = if asked.follow && asked.since.is_none() { all.len().saturating_sub(BEFORE) } else { 0 };
        let lines: String = all[first..].iter().map(|event| asked.line(event)).collect();
        if asked.follow { print(&lines) } else { print(&(asked.begins(&answer, &lines) + &lines)) }
    };
    match shown {
        false => FAILED,
        true if asked.follow => asked.follow(answer["newest"].as_u64().unwrap_or_default()),
        true => 0,
    }
}

impl EventsArgs {
    fn path(&self, now: SystemTime) -> Result<String, String> {
        let about = self.about();
        let until = self.until.as_deref().map(|until| moment_after(until, self.since.as_deref(), now)).transpose()?;
        let parts = [("about", &about), ("kind", &self.kind), ("from_time", &self.since), ("to_time", &until)];
        let parts = parts.into_iter().filter_map(|(name, value)| Some(format!("&{name}={}", encoded(value.as_ref()?))));
        Ok(format!("/api/v1/events?limit=1000{}", parts.collect::<String>()))
    }

    /// The node, the pool, or the node in the pool.
    fn about(&self) -> Option<String> {
        match (&self.pool, &self.node) {
            (Some(pool), Some(node)) => Some(format!("{pool}/{node}")),
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        }
    }

    /// A line that says since when Weir knows events, where less is shown than was asked for.
    fn begins(&self, answer: &Value, lines: &str) -> String {
        let Some(begins) = answer["begins"].as_str() else { return "no events\n".to_owned() };
        let when = on_the_clock(begins, SystemTime::now());
        let asked_for_later = self.since.as_deref().is_some_and(|since| since >= begins);
        match (lines.is_empty(), asked_for_later) {
            (true, true) => "no events\n".to_owned(),
            (true, false) => format!("no such events since {when}; what was before is in the journal\n"),
            (false, false) if self.since.is_some() => {
                format!("(events are kept since {when}; what was before is in the journal)\n")
            }
            (false, _) => String::new(),
        }
    }

    fn line(&self, event: &Value) -> String {
        if self.args.json { format!("{event}\n") } else { for_screen(&line(event, SystemTime::now()), stdout()) }
    }

    /// Shows what comes. A Weir that is gone for a while, as over a restart, is asked again.
    fn follow(&self, newest: u64) -> i32 {
        let (mut last, mut lost) = (newest.to_string(), false);
        loop {
            let path = format!("/api/v1/stream?only=events&since={last}");
            let ended = follow(&self.args, &path, |told| {
                if lost {
                    warn("Weir answers again");
                    lost = false;
                }
                !self.show(&told, &mut last)
            });
            match ended {
                // What reads this is gone, as after `| head`.
                Ok(true) => return 0,
                // A stream ends now and then, and goes on.
                Ok(false) => {}
                Err(why) if !lost => {
                    warn(&format!("{why}; asking again"));
                    lost = true;
                }
                Err(_) => {}
            }
            if lost {
                sleep(PAUSE);
            }
        }
    }

    /// False where it cannot be shown.
    fn show(&self, told: &Told, last: &mut String) -> bool {
        let event: Value = serde_json::from_str(&told.data).unwrap_or_default();
        if !told.id.is_empty() {
            last.clone_from(&told.id);
        }
        match &*told.event {
            "event" => !self.is_meant(&event) || crate::cli::output::print_to_reader(&self.line(&event)),
            "missed" => {
                warn(&format!("{} events came too fast to be shown", text(&event["events"])));
                true
            }
            _ => true,
        }
    }

    fn is_meant(&self, event: &Value) -> bool {
        let subject = event["subject"].as_str().unwrap_or_default();
        let about = |name: String| {
            let named = ["node", "pool"].iter().any(|key| event[*key] == *name);
            named || subject == name || subject.split('/').any(|part| part == name)
        };
        self.about().is_none_or(about) && self.kind.as_ref().is_none_or(|kind| event["kind"] == **kind)
    }
}

/// `03:10:22  state     esb-https/worker1  is passive (unhealthy)`, and who did it.
pub(in crate::cli::admin) fn line(event: &Value, now: SystemTime) -> String {
    let by = event["actor"].as_str().map(|actor| format!(" (by {actor})")).unwrap_or_default();
    let reason = event["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    let when = on_the_clock(event["at"].as_str().unwrap_or_default(), now);
    let (kind, subject) = (text(&event["kind"]), text(&event["subject"]));
    format!("{when}  {kind:<11}  {subject}  {}{by}{reason}\n", text(&event["text"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_a_line() {
        let event = json!({"number": 3, "at": "no time", "kind": "operator", "subject": "worker1", "text": "drain",
            "actor": "uid:1000 (anna)", "reason": "kernel"});
        let expected = "no time  operator     worker1  drain (by uid:1000 (anna)): kernel\n";
        assert_eq!(line(&event, SystemTime::now()), expected);
    }
}
