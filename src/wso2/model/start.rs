//! How one node is started: options for Java in its scripts and in wrapper.conf.

use crate::config::Source;
use crate::wso2::files::Written;
use crate::wso2::files::properties::Properties;
use crate::wso2::files::secrets::place;
use crate::wso2::files::tree::Tree;
use crate::wso2::reading::Reading;

/// Options that change what the files say.
#[derive(Default)]
pub(crate) struct Start {
    pub(crate) worker_node: Option<Written>,
    /// It is stronger than Offset in carbon.xml.
    pub(crate) port_offset: Option<Written>,
    pub(crate) hazelcast: Option<Written>,
    pub(crate) setup: Option<Written>,
}

pub(crate) const SCRIPTS: [&str; 3] = ["bin/integrator.sh", "bin/wso2server.sh", "bin/wso2ei.sh"];

impl Start {
    pub(crate) fn read(tree: &Tree, read: &Reading<'_>) -> Self {
        let mut start = Self::default();
        for script in SCRIPTS.iter().filter_map(|script| read.source(&tree.home(script))) {
            words(&script).into_iter().for_each(|word| start.take(word));
        }
        if let Some(wrapper) = read.source(&tree.conf("wrapper.conf")) {
            for value in Properties::read(&wrapper).all().filter(|value| value.text.starts_with("-D")) {
                start.take(value.clone());
            }
        }
        start
    }

    fn take(&mut self, word: Written) {
        let option = |name: &str| word.text.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
        let value = |text: &str| Some(Written { text: text.trim_matches('"').to_owned(), at: word.at.clone() });
        if let Some(text) = option("-DworkerNode") {
            self.worker_node = value(text);
        } else if let Some(text) = option("-DportOffset") {
            // A variable of the script is not known here.
            self.port_offset = value(text).filter(|said| !said.text.contains('$'));
        } else if let Some(text) = option("-Dhazelcast.config") {
            self.hazelcast = value(text);
        } else if word.text == "-Dsetup" || option("-Dsetup").is_some() {
            self.setup = value("");
        }
    }
}

/// The words of a script that are options for Java, outside of comments.
fn words(script: &Source) -> Vec<Written> {
    let mut start = 0;
    let mut found = Vec::new();
    for line in script.text.split_inclusive('\n') {
        if !line.trim_start().starts_with('#') {
            let code = without_comment(line);
            for (at, _) in code.match_indices("-D").filter(|(at, _)| begins_word(code, *at)) {
                let rest = code.get(at..).unwrap_or_default();
                let end = rest.find(|c: char| c.is_whitespace() || c == '\\').unwrap_or(rest.len());
                let text = rest.get(..end).unwrap_or_default().trim_end_matches(['"', '\'']);
                found.push(Written { text: text.to_owned(), at: place(script, start + at..start + at + text.len()) });
            }
        }
        start += line.len();
    }
    found
}

/// What a line has before a comment at its end. A `#` within quotes or a word begins none.
fn without_comment(line: &str) -> &str {
    let begins = |at: usize| {
        let before = line.get(..at).unwrap_or_default();
        before.ends_with(char::is_whitespace) && before.matches('"').count() % 2 == 0
    };
    let end = line.match_indices('#').map(|(at, _)| at).find(|at| begins(*at));
    line.get(..end.unwrap_or(line.len())).unwrap_or(line)
}

fn begins_word(line: &str, at: usize) -> bool {
    line.get(..at)
        .and_then(|before| before.chars().last())
        .is_none_or(|c| c.is_whitespace() || c == '"' || c == '\'' || c == '=')
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn options_are_found_outside_of_comments() {
        let text = "# -DworkerNode=true\n  -DworkerNode=false \\\n$JAVA -DportOffset=2 -Dsetup\nOPTS=\"-Dhazelcast.config=/etc/h.xml\"\nx-Dsetup=1\nx=1 # -Dsetup\ny=\"a # -Dsetup\"\n";
        let script = Source::new(Arc::new(PathBuf::from("s")), text.to_owned());
        let found: Vec<_> = words(&script).into_iter().map(|word| (word.at.line, word.text)).collect();
        let found: Vec<_> = found.iter().map(|(line, text)| (*line, text.as_str())).collect();
        assert_eq!(
            found,
            [
                (2, "-DworkerNode=false"),
                (3, "-DportOffset=2"),
                (3, "-Dsetup"),
                (4, "-Dhazelcast.config=/etc/h.xml"),
                (7, "-Dsetup")
            ]
        );
    }
}
