//! `error-pages` of a site: files that clients get in place of Weir's own words.

use std::collections::HashMap;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::model::{ErrorPage, ErrorPages};
use crate::config::text::errors::Wrong;
use crate::config::text::regular;
use crate::config::text::section::Section;
use crate::config::text::value::Text;
use crate::config::text::words::quoted;
use crate::config::values::statuses;

/// A larger page would be more than an answer holds at once.
const LARGEST: u64 = 64 << 10;

const ENDS: [(&str, &str); 5] = [
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("json", "application/json"),
    ("txt", "text/plain; charset=utf-8"),
    ("xml", "text/xml; charset=utf-8"),
];

/// Reads the site's pages.
pub(super) fn read(section: &Section<'_>) -> ErrorPages {
    let written =
        section.value("error-pages").and_then(|value| value.pairs("{ 503 = \"503.html\" }")).unwrap_or_default();
    let mut found = Found::default();
    for (statuses, file) in &written {
        found.add(statuses, file, section.named_file(file.text));
    }
    let intercept = section.flag("intercept-errors");
    if intercept && !section.has("error-pages") {
        section.no_effect(
            &["intercept-errors"],
            "without error-pages",
            "leave it out, or write error-pages = { 503 = \"503.html\" }",
        );
    }
    let pages = ErrorPages { pages: found.in_order(), intercept };
    if pages.instead_of(500).is_some() {
        let what =
            "intercept-errors: a SOAP fault is an answer with 500, and its client would get the page for 500 instead";
        section.problems.warning(section.place_of("intercept-errors"), what, "leave 500 out where nodes answer SOAP");
    }
    pages
}

/// Statuses, and whether they are a whole hundred, to which single ones are an exception.
struct Statuses {
    ranges: Vec<RangeInclusive<u16>>,
    whole: bool,
}

fn of_pages(text: &str) -> Result<Statuses, Wrong> {
    let whole = match text {
        "4xx" => Some(400..=499),
        "5xx" => Some(500..=599),
        _ => None,
    };
    if let Some(range) = whole {
        return Ok(Statuses { ranges: vec![range], whole: true });
    }
    let ranges = statuses::failures(text).map_err(|wrong| {
        Wrong::new(wrong.what, "write 503, \"502-504\", \"502,504\", or 4xx and 5xx for all others of these")
    })?;
    Ok(Statuses { ranges, whole: false })
}

#[derive(Default)]
struct Found {
    pages: Vec<(Statuses, Arc<ErrorPage>)>,
    files: HashMap<PathBuf, Arc<ErrorPage>>,
}

impl Found {
    fn add(&mut self, statuses: &Text<'_>, file: &Text<'_>, path: PathBuf) {
        let (read, page) = (statuses.parsed(of_pages), self.page(file, path));
        let Some(read) = read else { return };
        if !read.whole && read.ranges.iter().any(|range| self.has(range)) {
            let what = format!("{} has a status that has a page already", quoted(statuses.text));
            return statuses.refuse(what, "give each status one page");
        }
        self.pages.extend(page.map(|page| (read, page)));
    }

    fn page(&mut self, file: &Text<'_>, path: PathBuf) -> Option<Arc<ErrorPage>> {
        if let Some(known) = self.files.get(&path) {
            return Some(Arc::clone(known));
        }
        let page = Arc::new(file.parsed(|_| page(&path))?);
        self.files.insert(path, Arc::clone(&page));
        Some(page)
    }

    fn has(&self, range: &RangeInclusive<u16>) -> bool {
        let others = self.pages.iter().filter(|(other, _)| !other.whole).flat_map(|(other, _)| &other.ranges);
        others.into_iter().any(|other| other.start() <= range.end() && range.start() <= other.end())
    }

    fn in_order(mut self) -> Vec<(Vec<RangeInclusive<u16>>, Arc<ErrorPage>)> {
        self.pages.sort_by_key(|(statuses, _)| statuses.whole);
        self.pages.into_iter().map(|(statuses, page)| (statuses.ranges, page)).collect()
    }
}

/// The page in this file.
pub(crate) fn page(file: &Path) -> Result<ErrorPage, Wrong> {
    let end = file.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
    let Some((_, content_type)) = ENDS.iter().find(|(known, _)| *known == end) else {
        let what = format!("{}: what kind of page it is cannot be told from its name", file.display());
        return Err(Wrong::new(what, "end the name with .html, .json, .txt or .xml"));
    };
    let bytes = regular::read(file, LARGEST).map_err(|error| unreadable(file, &error))?;
    let body = String::from_utf8(bytes)
        .map_err(|_| Wrong::new(format!("{}: the page is not UTF-8 text", file.display()), "save it in UTF-8"))?;
    Ok(ErrorPage { file: file.to_path_buf(), content_type, body: body.into() })
}

fn unreadable(file: &Path, error: &io::Error) -> Wrong {
    let name = file.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            Wrong::new(format!("{name}: there is no such file"), "relative names begin where this file is")
        }
        io::ErrorKind::PermissionDenied => Wrong::new(
            format!("{name}: the page cannot be read: permission denied"),
            "make it readable for the user that runs weir",
        ),
        io::ErrorKind::FileTooLarge => Wrong::new(
            format!("{name}: the page is larger than 64 KiB"),
            "keep pictures elsewhere, on a site that serves them",
        ),
        io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput => {
            Wrong::new(format!("{name}: {error}"), "name a file")
        }
        _ => Wrong::new(format!("{name}: the page cannot be read: {error}"), ""),
    }
}
