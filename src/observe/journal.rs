//! The journal: a logger for the `log` crate that writes to standard error on a thread of its own. A caller never waits;
//! lines for which there is no room are dropped and counted, and the next line says how many. Control characters are
//! escaped, so what a client sends cannot begin a line of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::appender::{Appender, Output, stderr_is_journal};
use super::dates::write_rfc3339;
use super::queue::{LogQueue, QueueLimits, QueuedLines};
use super::writer::Writer;

/// The running logger; clones share it.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The level of this logger alone; `None` follows that of the process, which can be changed.
    level: Option<LevelFilter>,
    style: Style,
    queue: LogQueue,
    told_dropped: AtomicU64,
    writer: Writer,
}

impl Journal {
    /// Starts the writer and registers it with `log`, at the level that WEIR_LOG names (error, warn, info, debug; else info).
    pub fn start() -> io::Result<Self> {
        let level = level(std::env::var("WEIR_LOG").ok().as_deref());
        let style = if stderr_is_journal() { Style::Prefixed } else { Style::Dated };
        let journal = Self::on(Output::Stderr, None, style)?;
        log::set_max_level(level);
        // In a test another logger may be registered already; then only calls on this handle are written.
        let _ = log::set_boxed_logger(Box::new(journal.clone()));
        Ok(journal)
    }

    /// Waits until what was logged so far is written; false if `within` was not enough. Called before the process ends.
    pub fn flush(&self, within: Duration) -> bool {
        self.inner.writer.flush(within)
    }

    /// How many lines were lost.
    pub fn dropped(&self) -> u64 {
        self.inner.queue.dropped()
    }

    fn on(output: Output, level: Option<LevelFilter>, style: Style) -> io::Result<Self> {
        let writer = Writer::start("weir-journal", Duration::from_secs(1))?;
        let limits = QueueLimits { most: 1024 * 1024, wake: 1 };
        let lines = Arc::new(QueuedLines::new("stderr".to_owned(), limits, b"", writer.wakeup()));
        writer.add(Appender::new(lines.clone(), output));
        let inner = Inner { level, style, queue: LogQueue::new(lines), told_dropped: AtomicU64::new(0), writer };
        Ok(Self { inner: Arc::new(inner) })
    }

    fn report_dropped(&self, now: SystemTime) {
        let dropped = self.inner.queue.dropped();
        let lost = dropped.saturating_sub(self.inner.told_dropped.swap(dropped, Relaxed));
        if lost > 0 {
            let text = format!("the journal could not keep up: {lost} lines lost");
            self.inner.queue.line(&line(self.inner.style, now, Level::Warn, &text));
        }
    }
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_wanted(metadata.level(), metadata.target(), self.inner.level.unwrap_or_else(log::max_level))
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = match record.target() {
            target if is_ours(target) => record.args().to_string(),
            target => format!("{target}: {}", record.args()),
        };
        let now = SystemTime::now();
        self.report_dropped(now);
        self.inner.queue.line(&line(self.inner.style, now, record.level(), &text));
    }

    fn flush(&self) {
        Self::flush(self, Duration::from_secs(1));
    }
}

/// The levels there are, by their words.
const LEVELS: [(&str, LevelFilter); 4] = [
    ("error", LevelFilter::Error),
    ("warn", LevelFilter::Warn),
    ("info", LevelFilter::Info),
    ("debug", LevelFilter::Debug),
];

/// The words of all levels.
pub fn levels() -> [&'static str; 4] {
    LEVELS.map(|(word, _)| word)
}

/// The word of the present level.
pub fn current_level() -> &'static str {
    let now = log::max_level();
    LEVELS.iter().find(|(_, level)| *level == now).map_or("info", |(word, _)| word)
}

/// Changes the level until the next start; false where no level has this word.
pub fn set_level(word: &str) -> bool {
    let found = LEVELS.iter().find(|(known, _)| *known == word);
    found.iter().for_each(|(_, level)| log::set_max_level(*level));
    found.is_some()
}

/// How a line begins.
#[derive(Clone, Copy, Debug)]
enum Style {
    /// `2026-11-22T12:00:00.123Z WARN  `, for a terminal or a file.
    Dated,
    /// `<4>`, for systemd's journal, which has the time itself (sd-daemon(3)).
    Prefixed,
}

fn level(wanted: Option<&str>) -> LevelFilter {
    match wanted.map(str::to_ascii_lowercase).as_deref() {
        Some("error") => LevelFilter::Error,
        Some("warn") => LevelFilter::Warn,
        Some("debug") => LevelFilter::Debug,
        _ => LevelFilter::Info,
    }
}

/// Other crates may log warnings and errors. What they log of handshakes is left out: any scanner could fill the journal
/// with it, and the access log has a line for each.
fn is_wanted(level: Level, target: &str, most: LevelFilter) -> bool {
    let handshake = ["rustls", "tokio_rustls", "pingora_core::services::listening", "pingora_core::protocols::tls"];
    match target {
        target if is_ours(target) => level <= most,
        target if handshake.iter().any(|noisy| target.starts_with(noisy)) => false,
        _ => level <= most.min(LevelFilter::Warn),
    }
}

fn is_ours(target: &str) -> bool {
    target == "weir" || target.starts_with("weir::")
}

fn line(style: Style, now: SystemTime, level: Level, text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len().min(MOST_TEXT) + 40);
    match style {
        Style::Dated => {
            write_rfc3339(&mut out, now);
            out.extend_from_slice(match level {
                Level::Error => b" ERROR ",
                Level::Warn => b" WARN  ",
                Level::Info => b" INFO  ",
                Level::Debug | Level::Trace => b" DEBUG ",
            });
        }
        Style::Prefixed => out.extend_from_slice(match level {
            Level::Error => b"<3>",
            Level::Warn => b"<4>",
            Level::Info => b"<6>",
            Level::Debug | Level::Trace => b"<7>",
        }),
    }
    write_text(&mut out, text);
    out
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    for character in text.chars().take(MOST_TEXT) {
        match character {
            character if character.is_control() => out.extend(character.escape_default().map(|c| c as u8)),
            character => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Characters of a line: journald cuts what is longer than 48 KiB into two.
const MOST_TEXT: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn levels_and_targets_decide_what_is_heard() {
        use Level::{Debug, Error, Info, Warn};
        let cases = [
            (Info, "weir::service", None, true),
            (Debug, "weir::service", None, false),
            (Debug, "weir", Some("debug"), true),
            (Warn, "weir", Some("ERROR"), false),
            (Info, "weir", Some("nonsense"), true),
            (Info, "weirdo", Some("debug"), false),
            (Info, "pingora_core::server", Some("debug"), false),
            (Warn, "pingora_core::server", None, true),
            (Warn, "h2::proto", Some("error"), false),
            (Error, "rustls::common_state", Some("debug"), false),
            (Error, "pingora_core::services::listening", None, false),
        ];
        for (at, target, wanted, logged) in cases {
            assert_eq!(is_wanted(at, target, level(wanted)), logged, "{at} {target} {wanted:?}");
        }
    }

    #[test]
    fn a_line_says_when_and_how_grave_and_stays_one_line() {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_348_800_123);
        let cases = [
            (Style::Dated, Level::Warn, "text", "2026-11-22T12:00:00.123Z WARN  text"),
            (Style::Dated, Level::Error, "é\n<3>x\u{7f}", "2026-11-22T12:00:00.123Z ERROR é\\n<3>x\\u{7f}"),
            (Style::Prefixed, Level::Error, "text", "<3>text"),
            (Style::Prefixed, Level::Warn, "text", "<4>text"),
            (Style::Prefixed, Level::Info, "a\0b", "<6>a\\u{0}b"),
            (Style::Prefixed, Level::Debug, "", "<7>"),
        ];
        for (style, level, text, want) in cases {
            assert_eq!(String::from_utf8_lossy(&line(style, now, level, text)), want);
        }
        let long = "é".repeat(MOST_TEXT + 1);
        assert_eq!(line(Style::Prefixed, now, Level::Info, &long).len(), 2 * MOST_TEXT + 3);
    }

    #[test]
    fn lines_arrive_and_losses_are_reported() {
        let path = std::env::temp_dir().join(format!("weir-journal-{}", std::process::id()));
        let journal = Journal::on(Output::open(&path).unwrap(), Some(LevelFilter::Info), Style::Prefixed).unwrap();
        let say = |text: &str| {
            let mut record = Record::builder();
            journal.log(&record.level(Level::Info).target("weir").args(format_args!("{text}")).build());
        };
        say("first");
        journal.inner.queue.line(&vec![b'x'; 2 * 1024 * 1024]);
        assert_eq!(journal.dropped(), 1);
        say("second");
        journal.log(&Record::builder().level(Level::Info).target("h2").args(format_args!("noise")).build());
        journal.log(&Record::builder().level(Level::Warn).target("h2::a").args(format_args!("trouble")).build());
        assert!(journal.flush(Duration::from_secs(10)));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text, "<6>first\n<4>the journal could not keep up: 1 lines lost\n<6>second\n<4>h2::a: trouble\n");
    }
}
