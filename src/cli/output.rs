//! The output of commands: answers on standard output, errors and warnings on standard error. A closed pipe, as of
//! `weir nodes | head -1`, is no error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use super::screen::for_screen;
use crate::app::FAILED;

/// Prints one line. Errors are ignored.
pub(super) fn print_line(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Prints a line for people, laid out for their screen. Errors are ignored.
pub(super) fn tell_line(line: impl Display) {
    print_line(for_screen(&line.to_string(), io::stdout()));
}

/// Prints a text for people, laid out for their screen. False, after an error message, where it cannot be written.
pub(super) fn tell(text: &str) -> bool {
    print(&for_screen(text, io::stdout()))
}

/// Prints the answer of a command. False, after an error message, where it cannot be written.
pub(super) fn print(text: &str) -> bool {
    match write_all(&mut io::stdout().lock(), text) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("weir: cannot write the answer: {error}");
            false
        }
    }
}

/// Prints for a reader that may go away. False when it has, or nothing can be written.
pub(super) fn print_to_reader(text: &str) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// Prints why a command failed and returns its exit code.
pub(super) fn fail(why: &str) -> i32 {
    tell_aside(&format!("weir: {why}"));
    FAILED
}

/// Prints a warning.
pub(super) fn warn(what: &str) {
    tell_aside(&format!("weir: warning: {what}"));
}

/// Prints a line for people on standard error.
pub(super) fn tell_aside(line: &str) {
    eprintln!("{}", for_screen(line, io::stderr()));
}

/// Treats a closed pipe as success.
fn write_all(out: &mut impl Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_fine_and_a_full_disk_is_not() {
        let cases = [(ErrorKind::BrokenPipe, true), (ErrorKind::StorageFull, false)];
        cases.iter().for_each(|(kind, fine)| assert_eq!(write_all(&mut Broken(*kind), "x").is_ok(), *fine, "{kind}"));
    }
}
