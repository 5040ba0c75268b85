//! A page, and what stands in it: blocks of a language, and code in the running text.

use std::fs;
use std::path::{Path, PathBuf};

/// A page of the documents.
pub(crate) struct Page {
    /// Its path from the root of the repository.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What stands between two lines of three backticks.
pub(crate) struct Block {
    /// The number of its first line.
    pub(crate) line: usize,
    pub(crate) language: String,
    pub(crate) text: String,
    /// What a comment just before it says of the machine; empty where there is none.
    pub(crate) note: String,
}

impl Page {
    /// The README, and the pages of docs/ and its folders, but decisions.
    pub(crate) fn all() -> Vec<Self> {
        let docs = root().join("docs");
        let folders = fs::read_dir(&docs).unwrap().map(|entry| entry.unwrap().path());
        let folders = folders.filter(|path| path.is_dir() && !path.ends_with("decisions"));
        let mut files: Vec<PathBuf> = folders
            .chain([docs.clone()])
            .flat_map(|folder| markdown(&folder))
            .chain([root().join("README.md")])
            .collect();
        files.sort();
        files.into_iter().map(|file| Self { name: name(&file), text: fs::read_to_string(&file).unwrap() }).collect()
    }

    /// This page.
    pub(crate) fn read(name: &str) -> Self {
        Self { name: name.to_owned(), text: fs::read_to_string(root().join(name)).unwrap() }
    }

    /// The blocks of this language (empty: of none).
    pub(crate) fn blocks(&self, language: &str) -> impl Iterator<Item = Block> {
        self.all_blocks().into_iter().filter(move |block| block.language == language)
    }

    /// What stands between single backticks outside of blocks.
    pub(crate) fn code(&self) -> Vec<(usize, String)> {
        let mut inside = false;
        let mut found = Vec::new();
        for (number, line) in self.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                inside = !inside;
            } else if !inside {
                found.extend(line.split('`').skip(1).step_by(2).map(|code| (number + 1, code.to_owned())));
            }
        }
        found
    }

    /// All blocks, in their order.
    pub(crate) fn all_blocks(&self) -> Vec<Block> {
        let mut lines = self.text.lines().enumerate().peekable();
        let (mut blocks, mut note) = (Vec::new(), String::new());
        while let Some((number, line)) = lines.next() {
            let indent = line.len() - line.trim_start().len();
            if let Some(language) = line.trim_start().strip_prefix("```") {
                let inside = lines.by_ref().take_while(|(_, line)| line.trim() != "```");
                let text = inside.map(|(_, line)| format!("{}\n", line.get(indent..).unwrap_or_default())).collect();
                blocks.push(Block {
                    line: number + 2,
                    language: language.to_owned(),
                    text,
                    note: std::mem::take(&mut note),
                });
            } else if !line.is_empty() {
                let told = line.trim().strip_prefix("<!-- machine: ").and_then(|rest| rest.strip_suffix(" -->"));
                told.unwrap_or_default().clone_into(&mut note);
            }
        }
        blocks
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn markdown(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "md")).collect()
}

fn name(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().display().to_string()
}
