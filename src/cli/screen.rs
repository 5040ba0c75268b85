//! How large the screen is, and text laid out for it.

use std::env;
use std::io::stdout;
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;

/// How wide tables are where nothing says how wide the screen is.
const WIDTH: usize = 80;
/// How far the second line of a text stands in.
const INDENT: usize = 4;

/// How wide and high a screen is, in characters.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The size of the terminal that this leads to; none where it leads to none.
pub(super) fn size_of(stream: impl AsFd) -> Option<Size> {
    let size = tcgetwinsize(stream).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0)?;
    Some(Size { width: size.ws_col.into(), height: size.ws_row.into() })
}

/// How wide a table may be: as the terminal, as COLUMNS says (`watch` sets it), or 80 columns.
pub(super) fn table_width() -> usize {
    let said = || env::var("COLUMNS").ok()?.parse().ok().filter(|width| *width > 0);
    size_of(stdout()).map(|size| size.width).or_else(said).unwrap_or(WIDTH)
}

/// A text for people, on a terminal broken between its words. In a pipe each line stays one line.
pub(super) fn for_screen(text: &str, stream: impl AsFd) -> String {
    size_of(stream).map_or_else(|| text.to_owned(), |size| wrapped(text, size.width, INDENT))
}

/// The text in lines of at most this width; what continues a line stands further in than the line. A word that is longer is
/// never broken: it may have to be copied.
pub(super) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    text.split_inclusive('\n').map(|line| wrapped_line(line, width, indent)).collect()
}

fn wrapped_line(line: &str, width: usize, indent: usize) -> String {
    let (mut rest, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
    let margin = rest.len() - rest.trim_start_matches(' ').len();
    let further = " ".repeat((margin + indent).min(width / 2));
    let (mut out, mut room, mut begin) = (String::new(), width, margin);
    while let Some(at) = break_at(rest, begin, room) {
        let (head, tail) = rest.split_at(at);
        out += &format!("{}\n{further}", head.trim_end_matches(' '));
        (rest, room, begin) = (tail.trim_start_matches(' '), width.saturating_sub(further.len()), 0);
    }
    out + rest + end
}

/// The last blank that leaves no more than this room before it, or else the first one; none where all has room.
fn break_at(text: &str, begin: usize, room: usize) -> Option<usize> {
    if text.chars().count() <= room {
        return None;
    }
    let blanks = || text.char_indices().enumerate().filter(|(_, (at, letter))| *letter == ' ' && *at > begin);
    let fits = blanks().take_while(|(count, _)| *count <= room).last();
    fits.or_else(|| blanks().next()).map(|(_, (at, _))| at).filter(|at| !text[*at..].trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_broken_between_words_and_its_rest_stands_further_in() {
        for (text, width, expected) in [
            ("", 5, ""),
            ("one two\n", 7, "one two\n"),
            ("one two three\nfour\n", 8, "one two\n  three\nfour\n"),
            ("  one two three", 9, "  one two\n    three"),
            ("one  two", 6, "one\n  two"),
            ("one-word-alone", 5, "one-word-alone"),
            ("a one-word-alone b", 5, "a\n  one-word-alone\n  b"),
            ("äöü äöü", 3, "äöü\n äöü"),
            ("one two   \n", 7, "one two   \n"),
        ] {
            assert_eq!(wrapped(text, width, 2), expected, "{text:?}");
        }
    }
}
