//! What `weir top` shows, as plain lines, and what keys do to it.

use std::cmp::Ordering;
use std::time::{Instant, SystemTime};

use serde_json::Value;

use super::super::super::status::minute_line;
use super::super::super::table::{milliseconds, shortened, text};
use crate::cli::screen::{Size, wrapped};
use crate::cli::times::{on_the_clock, span};

/// The columns: their titles and widths, 79 with the gaps and the mark.
const COLUMNS: [(&str, usize); 8] =
    [("NODE", 16), ("POOL", 14), ("STATE", 11), ("REQ/S", 8), ("ERR %", 6), ("P95", 7), ("RUN", 4), ("SESS", 4)];

/// So many lines of the screen the verdict may take, and how far those after the first stand in.
const MOST_OF_THE_VERDICT: usize = 5;
const INDENT: usize = 2;

/// A line of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) style: Style,
}

/// What a line is like. All is said in words and marks too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Title,
    Bad,
    Good,
    /// By an operator's order.
    Resting,
}

/// A key, or an end of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Escape,
    Enter,
    Backspace,
    Up,
    Down,
    PageUp,
    PageDown,
    Char(char),
}

/// What a key came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    Quit,
    Stay,
}

/// What Weir tells at one moment.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) status: Value,
    pub(super) nodes: Value,
    pub(super) pools: Value,
}

/// What is known, and what of it is looked at.
#[derive(Default)]
pub(super) struct View {
    seen: Seen,
    /// Why there is no newer answer, and since when.
    lost: Option<(String, Instant)>,
    answered: bool,
    search: String,
    searching: bool,
    scrolled: usize,
}

/// A node in a pool, or a pool in trouble.
struct Row<'a> {
    node: &'a str,
    pool: &'a str,
    /// Why it is passive, or `active`.
    state: &'a str,
    row: &'a Value,
}

impl Key {
    /// The key of what a terminal sends at once.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            // Ctrl-C and Ctrl-D.
            [3 | 4, ..] => Self::Quit,
            b"\x1b" => Self::Escape,
            b"\r" | b"\n" => Self::Enter,
            [8 | 127] => Self::Backspace,
            b"\x1b[A" | b"\x1bOA" => Self::Up,
            b"\x1b[B" | b"\x1bOB" => Self::Down,
            b"\x1b[5~" => Self::PageUp,
            b"\x1b[6~" => Self::PageDown,
            [byte @ 0x20..=0x7e, ..] => Self::Char(char::from(*byte)),
            _ => return None,
        })
    }
}

impl View {
    /// Takes an answer, or why there is none.
    pub(super) fn take(&mut self, answer: Result<Seen, String>, now: Instant) {
        match answer {
            Ok(seen) => *self = Self { seen, lost: None, answered: true, ..std::mem::take(self) },
            Err(why) => {
                let since = self.lost.take().map_or(now, |(_, since)| since);
                self.lost = Some((why, since));
            }
        }
    }

    /// Does what a key means.
    pub(super) fn press(&mut self, key: Key) -> Pressed {
        match key {
            Key::Quit => return Pressed::Quit,
            Key::Char('q') if !self.searching => return Pressed::Quit,
            Key::Char('/') if !self.searching => {
                self.searching = true;
                self.search.clear();
            }
            Key::Char(letter) if self.searching => self.search.push(letter),
            Key::Backspace if self.searching => _ = self.search.pop(),
            Key::Enter => self.searching = false,
            Key::Escape => {
                self.searching = false;
                self.search.clear();
            }
            Key::Up | Key::Char('k') => self.scrolled = self.scrolled.saturating_sub(1),
            Key::Down | Key::Char('j') => self.scrolled += 1,
            Key::PageUp => self.scrolled = self.scrolled.saturating_sub(10),
            Key::PageDown => self.scrolled += 10,
            Key::Char(_) | Key::Backspace => {}
        }
        if self.searching {
            self.scrolled = 0;
        }
        Pressed::Stay
    }

    /// The screen.
    pub(super) fn frame(&mut self, size: Size, now: Instant, time: SystemTime) -> Vec<Line> {
        let mut lines = self.head(now, time, size.width);
        let rows = self.rows();
        let room = size.height.saturating_sub(lines.len() + 1).max(1);
        let (count, last) = (rows.len(), rows.len().saturating_sub(room));
        let scrolled = self.scrolled.min(last);
        lines.extend(rows.iter().skip(scrolled).take(room).map(Row::line));
        lines.resize(size.height.saturating_sub(1), Line { text: String::new(), style: Style::Plain });
        lines.push(self.foot(count, scrolled, room));
        self.scrolled = scrolled;
        lines.into_iter().map(|line| Line { text: shortened(&line.text, size.width), ..line }).collect()
    }

    /// Everything, for a printer or a file.
    pub(super) fn whole(&self, time: SystemTime, width: usize) -> String {
        let rows = self.rows();
        let lines = self.head(Instant::now(), time, width).into_iter().chain(rows.iter().map(Row::line));
        lines.map(|line| format!("{}\n", line.text.trim_end())).collect()
    }

    fn head(&self, now: Instant, time: SystemTime, width: usize) -> Vec<Line> {
        let line = |text: &str, style| Line { text: text.to_owned(), style };
        let lines = |text: &str, style| -> Vec<Line> {
            wrapped(&printable(text), width, INDENT).split('\n').map(|text| line(text, style)).collect()
        };
        let plain = |text: &str| lines(text, Style::Plain);
        let status = &self.seen.status;
        let title = if self.answered {
            let up = span(status["uptime_seconds"].as_u64().unwrap_or_default());
            let at = on_the_clock(status["now"].as_str().unwrap_or_default(), time);
            let (version, generation) = (text(&status["version"]), text(&status["generation"]));
            format!(
                "weir {version}, generation {generation}, up {up}, {} connections, {at}",
                text(&status["connections"])
            )
        } else {
            "weir".to_owned()
        };
        let titles: Vec<String> = COLUMNS.iter().map(|(title, _)| (*title).to_owned()).collect();
        let minute = if self.answered { minute_line(&status["last_minute"]) } else { String::new() };
        let (verdict, style) = self.verdict(now);
        let mut verdict = lines(&verdict, style);
        verdict.truncate(MOST_OF_THE_VERDICT);
        let titles = line(&format!("   {}", columns(&titles)), Style::Title);
        [plain(&title), verdict, plain(&minute), plain(""), vec![titles]].concat()
    }

    fn verdict(&self, now: Instant) -> (String, Style) {
        match &self.lost {
            Some((why, since)) if self.answered => {
                let seconds = now.saturating_duration_since(*since).as_secs();
                (format!("NO CONTACT for {seconds} s, what is below is old: {why}"), Style::Bad)
            }
            Some((why, _)) => (format!("NO CONTACT: {why}"), Style::Bad),
            None if !self.answered => ("asking".to_owned(), Style::Plain),
            None => {
                let verdict = &self.seen.status["verdict"];
                let style = if verdict["word"] == "well" { Style::Good } else { Style::Bad };
                (text(&verdict["sentence"]), style)
            }
        }
    }

    fn foot(&self, count: usize, scrolled: usize, room: usize) -> Line {
        let shown = if count > room {
            format!("{}-{} of {count}", scrolled + 1, (scrolled + room).min(count))
        } else {
            format!("{count} rows")
        };
        let text = match (self.searching, self.search.is_empty()) {
            (true, _) => format!("/{}_   Enter keeps it, Esc ends it   {shown}", self.search),
            (false, false) => format!("/{}   Esc shows all   q ends   {shown}", self.search),
            (false, true) => format!("q ends   / searches   arrows scroll   {shown}"),
        };
        Line { text, style: Style::Plain }
    }

    /// The rows that are looked for, those in trouble first.
    fn rows(&self) -> Vec<Row<'_>> {
        let search = self.search.to_ascii_lowercase();
        let members = array(&self.seen.nodes).flat_map(|node| array(&node["pools"]).map(Row::of));
        let mut rows: Vec<Row<'_>> = members
            .chain(array(&self.seen.pools).filter_map(Row::of_pool))
            .filter(|row| {
                [row.node, row.pool, row.state].iter().any(|cell| cell.to_ascii_lowercase().contains(&search))
            })
            .collect();
        rows.sort_by(Row::by_trouble);
        rows
    }
}

impl<'a> Row<'a> {
    fn of(row: &'a Value) -> Self {
        let word = |key: &str| row[key].as_str().unwrap_or("-");
        let state = row["reason"].as_str().unwrap_or_else(|| word("state"));
        Self { node: word("member"), pool: word("pool"), state, row }
    }

    /// A pool whose clients get errors or wait: its numbers have the requests too that got no node.
    fn of_pool(row: &'a Value) -> Option<Self> {
        let pool = row["pool"].as_str().unwrap_or("-");
        let state = if row["queued"].as_u64().is_some_and(|queued| queued > 0) { "waiting" } else { "errors" };
        let whole = Self { node: "(all)", pool, state, row };
        (state == "waiting" || whole.errors() >= 1.0).then_some(whole)
    }

    /// The worst first; among equals those with more errors, then the slower, then by name.
    fn by_trouble(&self, other: &Self) -> Ordering {
        let falling = |of: fn(&Self) -> f64| of(other).total_cmp(&of(self));
        let names = || (self.node, self.pool).cmp(&(other.node, other.pool));
        self.rank()
            .cmp(&other.rank())
            .then_with(|| falling(Self::errors))
            .then_with(|| falling(Self::p95))
            .then_with(names)
    }

    fn shown_state(&self) -> String {
        if self.state == "waiting" { format!("{} wait", text(&self.row["queued"])) } else { self.state.to_owned() }
    }

    fn rank(&self) -> usize {
        let worst =
            ["errors", "waiting", "unhealthy", "ejected", "checking", "gone", "maintenance", "draining", "active"];
        worst.iter().position(|state| *state == self.state).unwrap_or(worst.len())
    }

    fn errors(&self) -> f64 {
        self.row["last_minute"]["error_percent"].as_f64().unwrap_or_default()
    }

    fn p95(&self) -> f64 {
        self.row["last_minute"]["milliseconds"]["p95"].as_f64().unwrap_or_default()
    }

    /// A mark says without colour what the colour says.
    fn line(&self) -> Line {
        let (mark, style) = match self.state {
            "unhealthy" | "ejected" | "errors" => ("!!", Style::Bad),
            "waiting" if self.errors() >= 1.0 => ("!!", Style::Bad),
            "waiting" => ("! ", Style::Bad),
            "checking" | "gone" => ("? ", Style::Bad),
            "maintenance" | "draining" => ("- ", Style::Resting),
            "active" if self.errors() >= 1.0 => ("! ", Style::Bad),
            "active" => ("  ", Style::Plain),
            _ => (". ", Style::Plain),
        };
        let (row, minute) = (self.row, &self.row["last_minute"]);
        let cells = [
            self.node.to_owned(),
            self.pool.to_owned(),
            self.shown_state(),
            text(&minute["per_second"]),
            text(&minute["error_percent"]),
            milliseconds(&minute["milliseconds"]["p95"]),
            text(if row["in_flight"].is_null() { &minute["in_flight"] } else { &row["in_flight"] }),
            text(&row["sessions"]),
        ];
        Line { text: printable(&format!("{mark} {}", columns(&cells))), style }
    }
}

fn columns(cells: &[String]) -> String {
    let cell = |(cell, (_, width)): (&String, &(&str, usize))| format!("{:<width$}", shortened(cell, *width));
    cells.iter().zip(&COLUMNS).map(cell).collect::<Vec<_>>().join(" ")
}

/// What a node said may be in a text. It must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

fn array(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn member(pool: &str, node: &str, reason: Option<&str>, errors: f64, p95: f64) -> Value {
        let state = if reason.is_some() { "passive" } else { "active" };
        json!({"pool": pool, "member": node, "state": state, "reason": reason, "in_flight": 3, "sessions": 12,
            "last_minute": {"per_second": 12.5, "error_percent": errors, "milliseconds": {"p95": p95}}})
    }

    fn view(members: &[Value]) -> View {
        let status = json!({"version": "1.0", "generation": 3, "uptime_seconds": 3700, "connections": 7, "now": "",
            "verdict": {"word": "degraded", "sentence": "Degraded: b is \u{1b}[31m unhealthy"},
            "last_minute": {"requests": 0, "in_flight": 0}});
        let mut view = View::default();
        let nodes = json!([{"node": "n", "pools": members}]);
        view.take(Ok(Seen { status, nodes, pools: json!([]) }), Instant::now());
        view
    }

    fn shown(view: &mut View, height: usize) -> Vec<String> {
        let lines = view.frame(Size { width: 80, height }, Instant::now(), SystemTime::now());
        lines.into_iter().map(|line| line.text.trim_end().to_owned()).collect()
    }

    fn some() -> View {
        view(&[
            member("p", "quick", None, 0.0, 3.0),
            member("p", "slow", None, 0.0, 1_520.0),
            member("p", "resting", Some("maintenance"), 0.0, 0.0),
            member("p", "failing", None, 12.34, 5.0),
            member("p", "down", Some("unhealthy"), 0.0, 0.0),
            member("p", "spare", Some("standby"), 0.0, 0.0),
        ])
    }

    #[test]
    fn trouble_comes_first_and_is_marked() {
        let shown = shown(&mut some(), 24);
        let rows: Vec<&str> = shown[5..11].iter().map(|line| line.get(..18).unwrap_or(line).trim_end()).collect();
        assert_eq!(rows, ["!! down", "-  resting", "!  failing", "   slow", "   quick", ".  spare"]);
        assert_eq!(shown[5], "!! down             p              unhealthy   12.5     0.0    0.0 ms  3    12");
        assert_eq!(shown[4], "   NODE             POOL           STATE       REQ/S    ERR %  P95     RUN  SESS");
    }

    #[test]
    fn a_pool_whose_clients_get_errors_or_wait_has_a_row_of_its_own() {
        let mut view = some();
        let minute = |errors: f64| json!({"per_second": 9.5, "error_percent": errors, "in_flight": 2});
        view.seen.pools = json!([
            {"pool": "well", "queued": 0, "last_minute": minute(0.5)},
            {"pool": "full", "queued": 5, "last_minute": minute(92.0)},
            {"pool": "busy", "queued": 3, "last_minute": minute(0.0)},
        ]);
        let shown = shown(&mut view, 24);
        assert_eq!(shown[5], "!! (all)            full           5 wait      9.5      92.0   -       2    -");
        assert!(shown[6].starts_with("!  (all)            busy           3 wait"), "{shown:#?}");
        assert!(!shown.iter().any(|line| line.contains("well  ")), "{shown:#?}");
    }

    #[test]
    fn a_screen_is_never_wider_or_higher_than_the_terminal() {
        let long = "x".repeat(200);
        let mut view =
            view(&(0..100).map(|n| member(&long, &format!("{long}{n}"), None, 100.0, 99_999.0)).collect::<Vec<_>>());
        for size in [Size { width: 80, height: 24 }, Size { width: 20, height: 5 }, Size { width: 1, height: 1 }] {
            let lines = view.frame(size, Instant::now(), SystemTime::now());
            assert!(lines.iter().all(|line| line.text.chars().count() <= size.width));
            assert!(lines.len() <= size.height.max(7), "{}", lines.len());
        }
    }

    #[test]
    fn a_long_verdict_is_read_to_its_end() {
        let mut view = some();
        let sentence = "Degraded: 77 % of pool esb-https's answers in the last minute are 503 (queue full); worker2 is unhealthy in 2 pools";
        view.seen.status["verdict"]["sentence"] = sentence.into();
        let shown = shown(&mut view, 24);
        assert_eq!(shown[1], "Degraded: 77 % of pool esb-https's answers in the last minute are 503 (queue");
        assert_eq!(shown[2], "  full); worker2 is unhealthy in 2 pools");
        assert!(shown[5].starts_with("   NODE") && shown[6].starts_with("!! down"), "{shown:#?}");
        let once = view.whole(SystemTime::now(), 80);
        assert!(once.lines().all(|line| line.chars().count() <= 80), "{once}");
    }

    #[test]
    fn what_a_node_said_does_not_steer_the_terminal() {
        assert_eq!(shown(&mut some(), 24)[1], "Degraded: b is ?[31m unhealthy");
    }

    #[test]
    fn keys_search_scroll_and_end() {
        let mut view = some();
        "/SLO".chars().for_each(|letter| _ = view.press(Key::Char(letter)));
        assert!(shown(&mut view, 24)[5].contains("slow"));
        assert_eq!(shown(&mut view, 24)[6], "");
        // While a name is typed, q is a letter.
        assert_eq!(view.press(Key::Char('q')), Pressed::Stay);
        assert_eq!(shown(&mut view, 24)[5], "");
        view.press(Key::Escape);
        for _ in 0..50 {
            view.press(Key::Down);
        }
        let last = shown(&mut view, 8);
        assert!(last[5].contains("quick") && last[6].contains("spare") && last[7].contains("5-6 of 6"), "{last:#?}");
        view.press(Key::Up);
        assert!(shown(&mut view, 8)[5].contains("slow"));
        assert_eq!(view.press(Key::Char('q')), Pressed::Quit);
        assert_eq!(Key::of(&[3]), Some(Key::Quit));
        assert_eq!(
            (Key::of(b"\x1b[A"), Key::of(b"\x1b[5~"), Key::of(b"\x1b[Z")),
            (Some(Key::Up), Some(Key::PageUp), None)
        );
    }

    #[test]
    fn old_numbers_are_never_shown_as_new() {
        let (mut view, now) = (some(), Instant::now());
        view.take(Err("cannot reach Weir".to_owned()), now);
        view.take(Err("cannot reach Weir".to_owned()), now + Duration::from_secs(4));
        let told = view.frame(Size { width: 80, height: 24 }, now + Duration::from_secs(5), SystemTime::now());
        assert_eq!(told[1].text, "NO CONTACT for 5 s, what is below is old: cannot reach Weir");
        let status = json!({"verdict": {"word": "well", "sentence": "All well"}});
        view.take(Ok(Seen { status, ..Seen::default() }), now);
        assert_eq!(shown(&mut view, 24)[1], "All well");
    }
}
