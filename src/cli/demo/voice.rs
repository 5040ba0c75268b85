//! What the demo says. A reader that went away (`weir demo | head`) is no reason to stop.

use std::fmt::Display;
use std::io::Write;

/// Prints one line.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
