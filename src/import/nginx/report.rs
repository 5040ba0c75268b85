//! The report: what becomes of each directive. A directive that nothing has looked at gets its line from the table of
//! names (`known`), so none is left out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;

use super::class::Class;
use super::known;
use super::parse::{Directive, Origin};

/// One line of the report.
#[derive(Clone, Debug)]
pub struct Line {
    /// The directive.
    pub directive: String,
    /// Its words.
    pub args: String,
    /// The file that has it.
    pub file: String,
    /// Its line there.
    pub line: usize,
    /// What becomes of it.
    pub class: Class,
    /// The key of Weir that does it, or nothing.
    pub key: String,
    /// What there is to know.
    pub note: String,
    /// It is not written, but nginx's default.
    pub default: bool,
    pub(super) at: Origin,
}

/// All lines, and what was read.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// One for each directive, in the order of the files; then those of defaults.
    pub lines: Vec<Line>,
    /// How much was read, in words.
    pub read: String,
    /// The nodes that were found, in words.
    pub nodes: String,
}

struct Verdict {
    class: Class,
    key: String,
    note: String,
}

/// How long a note of several gaps gets, in bytes.
const LONGEST_NOTE: usize = 400;

/// Collects verdicts while the directives are looked at.
#[derive(Default)]
pub(super) struct Verdicts {
    said: RefCell<BTreeMap<usize, Verdict>>,
    defaults: RefCell<Vec<(Line, usize)>>,
}

impl Verdicts {
    /// The first ones: on includes of files that come with nginx and are not here.
    pub(super) fn of_absent(includes: &[usize]) -> Self {
        let note = "it is not here; nginx's own file of this name has nothing for Weir";
        let verdict = || Verdict { class: Class::Ignored, key: String::new(), note: note.to_owned() };
        Self { said: RefCell::new(includes.iter().map(|id| (*id, verdict())).collect()), ..Self::default() }
    }

    /// What becomes of this directive.
    pub(super) fn say(&self, on: &Directive, class: Class, key: impl Into<String>, note: impl Into<String>) {
        let verdict = Verdict { class, key: key.into(), note: note.into() };
        let mut said = self.said.borrow_mut();
        match said.get_mut(&on.id) {
            // One directive may have several gaps.
            Some(before) if before.class == class && class >= Class::Missing => {
                if !before.note.contains(&verdict.note) && before.note.len() < LONGEST_NOTE {
                    before.note = format!("{}; {}", before.note, verdict.note);
                }
            }
            Some(before) if before.class >= class => {}
            _ => drop(said.insert(on.id, verdict)),
        }
    }

    /// Whether something was said of it.
    pub(super) fn has(&self, on: &Directive) -> bool {
        self.said.borrow().contains_key(&on.id)
    }

    /// Whether `upstream-path` does what it says.
    pub(super) fn is_upstream_path(&self, on: &Directive) -> bool {
        self.said.borrow().get(&on.id).is_some_and(|verdict| verdict.key == "upstream-path")
    }

    pub(super) fn same(&self, on: &Directive, key: &str) {
        self.say(on, Class::Same, key, "");
    }

    pub(super) fn missing(&self, on: &Directive, note: impl Into<String>) {
        self.say(on, Class::Missing, "", note);
    }

    /// Says this too, once, of a directive of which something was said.
    pub(super) fn add(&self, on: &Directive, note: &str) {
        if let Some(verdict) = self.said.borrow_mut().get_mut(&on.id).filter(|verdict| !verdict.note.contains(note)) {
            verdict.note = format!("{}; {note}", verdict.note);
        }
    }

    /// Says of everything in the block that it has no effect.
    pub(super) fn silence(&self, block: &Directive, note: &str) {
        for one in block.inside() {
            self.say(one, Class::Ignored, "", note);
            self.silence(one, note);
        }
    }

    /// Says of everything in the block that it has no effect, since nobody is let in.
    pub(super) fn close(&self, block: &Directive, note: &str) {
        for one in block.inside().iter().filter(|one| !matches!(one.name.as_str(), "listen" | "server_name")) {
            if !known::is_settled(one) {
                self.say(one, Class::Missing, "", note);
            }
            self.close(one, note);
        }
    }

    /// What becomes of a default of nginx that is not written at `at`. Told once, with how often it holds.
    pub(super) fn unwritten(&self, at: &Origin, directive: &str, class: Class, key: &str, note: &str) {
        let mut defaults = self.defaults.borrow_mut();
        match defaults.iter_mut().find(|(line, _)| line.directive == directive && line.note == note) {
            Some((_, times)) => *times += 1,
            None => defaults.push((new_line(directive, "", at, class, key, note, true), 1)),
        }
    }

    /// The report on these directives.
    pub(super) fn report(self, top: &[Directive]) -> Report {
        let mut lines = Vec::new();
        let said = self.said.into_inner();
        top.iter().for_each(|one| tell(one, &said, &Level::Top, &mut lines));
        for (mut line, times) in self.defaults.into_inner() {
            if times > 1 {
                let _ = write!(line.note, " ({times} times)");
            }
            lines.push(line);
        }
        Report { lines, ..Report::default() }
    }
}

/// Where a directive stands, for those that nothing has looked at.
enum Level<'a> {
    Top,
    In(&'a str),
    /// In a block that is not imported.
    Lost(&'a str),
}

fn tell(one: &Directive, said: &BTreeMap<usize, Verdict>, level: &Level<'_>, lines: &mut Vec<Line>) {
    let unsaid = || match level {
        Level::Lost(block) => (Class::Missing, format!("in `{block}`, which is not imported")),
        Level::Top => known::unread(&one.name, &one.words, ""),
        Level::In(block) => known::unread(&one.name, &one.words, block),
    };
    let (class, key, note) = match said.get(&one.id) {
        Some(verdict) => (verdict.class, verdict.key.as_str(), verdict.note.clone()),
        None => {
            let (class, note) = unsaid();
            (class, "", note)
        }
    };
    lines.push(new_line(&one.name, &one.said(), &one.at, class, key, &note, false));
    let lost = class >= Class::Missing || matches!(level, Level::Lost(_));
    let level = if lost { Level::Lost(&one.name) } else { Level::In(&one.name) };
    one.reported().for_each(|inner| tell(inner, said, &level, lines));
}

fn new_line(directive: &str, args: &str, at: &Origin, class: Class, key: &str, note: &str, default: bool) -> Line {
    Line {
        directive: directive.to_owned(),
        args: args.to_owned(),
        file: at.file.to_string(),
        line: at.line,
        class,
        key: key.to_owned(),
        note: note.to_owned(),
        default,
        at: at.clone(),
    }
}

impl Line {
    /// The directive with its words, shortened to what can be read.
    pub fn said(&self) -> String {
        let words = if self.default { "(default)" } else { &self.args };
        let whole = one_line(&format!("{} {words}", self.directive));
        let whole = whole.trim_end();
        match whole.char_indices().nth(60) {
            Some((end, _)) => format!("{}…", whole.get(..end).unwrap_or_default()),
            None => whole.to_owned(),
        }
    }

    /// The key and the note, in one text.
    pub fn told(&self) -> String {
        match (self.key.as_str(), self.note.as_str()) {
            ("", note) => one_line(note),
            (key, "") => one_line(key),
            (key, note) => one_line(&format!("{key}: {note}")),
        }
    }

    /// Where the directive stands: its file and line.
    pub fn place(&self) -> String {
        one_line(&format!("{}:{}", self.file, self.line))
    }
}

/// As one line that can stand in a comment of TOML and on a terminal, neither of which takes control characters.
pub(super) fn one_line(text: &str) -> String {
    let seen = |letter: char| match letter {
        '\n' | '\r' | '\t' => ' ',
        _ if letter.is_control() => '?',
        _ => letter,
    };
    text.chars().map(seen).collect()
}

impl Report {
    /// How many directives have this class.
    pub fn count(&self, class: Class) -> usize {
        self.lines.iter().filter(|line| line.class == class).count()
    }

    /// Whether everything has its counterpart.
    pub fn is_whole(&self) -> bool {
        self.count(Class::Missing) + self.count(Class::Refused) == 0
    }

    /// What becomes of the first directive of these lines that this class is said of.
    pub(super) fn change(&mut self, at: &Origin, directive: &str, class: Class, note: &str) {
        let found = self.lines.iter_mut().find(|line| line.directive == directive && at.holds(&line.at));
        if let Some(line) = found {
            (line.class, line.note) = (class, note.to_owned());
        }
    }

    /// For people: counts first, then each line, the gravest first.
    pub fn text(&self) -> String {
        let mut text = format!("read      {}\n", one_line(&self.read));
        if !self.nodes.is_empty() {
            let _ = writeln!(text, "nodes     {}", self.nodes);
        }
        let classes = || Class::ALL.into_iter().filter(|class| self.count(*class) > 0);
        text.push('\n');
        for class in classes() {
            let _ = writeln!(text, "{:<9} {:>4}  {}", class.word(), self.count(class), class.meaning());
        }
        for class in classes() {
            let _ = writeln!(text, "\n{}:", class.word());
            for line in self.lines.iter().filter(|line| line.class == class) {
                let _ = writeln!(text, "  {}  {}", line.place(), line.said());
                if !line.told().is_empty() {
                    let _ = writeln!(text, "      {}", line.told());
                }
            }
        }
        text
    }
}
