//! The terminal while `weir top` has it: no echo, key by key, on its second screen. Dropped, it is as it was before.

use std::io::{self, Write, stdin, stdout};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use super::frame::{Key, Line, Style};
use crate::cli::screen::{Size, size_of};

const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// The terminal.
pub(super) struct Terminal {
    before: Termios,
    color: bool,
    shown: String,
}

impl Terminal {
    pub(super) fn open(color: bool) -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Flush, &raw)?;
        let terminal = Self { before, color, shown: String::new() };
        write(ENTER)?;
        Ok(terminal)
    }

    /// Draws what a screen of this size shows, unless it is there already.
    pub(super) fn draw(&mut self, frame: impl FnOnce(Size) -> Vec<Line>) -> io::Result<()> {
        let size = size_of(stdout()).unwrap_or(Size { width: 80, height: 24 });
        let lines: Vec<String> = frame(size).iter().take(size.height).map(|line| self.styled(line)).collect();
        let screen = format!("\x1b[H{}\x1b[J", lines.join("\r\n"));
        if screen != self.shown {
            write(&screen)?;
            self.shown = screen;
        }
        Ok(())
    }

    fn styled(&self, line: &Line) -> String {
        let style = match line.style {
            Style::Title => "\x1b[7m",
            Style::Bad if self.color => "\x1b[31m",
            Style::Good if self.color => "\x1b[32m",
            Style::Resting if self.color => "\x1b[33m",
            _ => return format!("{}\x1b[K", line.text),
        };
        format!("{style}{}\x1b[0m\x1b[K", line.text)
    }

    /// The next key; `None` when none came in this time or one that means nothing, an error when the terminal is gone.
    pub(super) fn key(&self, within: Duration) -> io::Result<Option<Key>> {
        let stdin = stdin();
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        let within = Timespec { tv_sec: 0, tv_nsec: within.subsec_nanos().into() };
        match poll(&mut ready, Some(&within)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; 16];
        let length = rustix::io::read(&stdin, &mut bytes)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Key::of(&bytes[..length]))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Where the terminal is gone there is nothing to set back.
        let _ = write(LEAVE);
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.before);
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}
