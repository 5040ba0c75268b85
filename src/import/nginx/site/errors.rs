//! `error_page`: the files that clients get in place of Weir's own words, and the locations that hold nothing else.

use std::collections::HashSet;
use std::path::Path;

use crate::config;
use crate::import::nginx::class::Class::{Changed, Ignored, Same, Wider};
use crate::import::nginx::known;
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::table::Table;
use crate::import::nginx::values;

/// Writes `error-pages` and `intercept-errors`; tells the ids of the locations that are there for these pages alone.
pub(super) fn write(table: &mut Table, scope: &Scope<'_>, verdicts: &Verdicts) -> HashSet<usize> {
    let mut found = Found { pairs: Vec::new(), taken: HashSet::new(), blocks: HashSet::new(), verdicts };
    let all = scope.all("error_page");
    let written: HashSet<&str> = all.iter().flat_map(|one| &one.words).map(String::as_str).collect();
    for one in all {
        match page(one, scope) {
            Ok(page) => found.add(one, page, written.contains("503")),
            Err(why) => verdicts.missing(one, why),
        }
    }
    for one in scope.below("error_page") {
        verdicts.missing(one, known::lacks("error_page"));
    }
    if !found.pairs.is_empty() {
        table.set("error-pages", values::inline(&found.pairs));
    }
    intercept(table, scope, !found.pairs.is_empty(), verdicts);
    found.blocks
}

struct Found<'b> {
    pairs: Vec<(String, String)>,
    taken: HashSet<u16>,
    blocks: HashSet<usize>,
    verdicts: &'b Verdicts,
}

impl Found<'_> {
    fn add(&mut self, one: &Directive, page: Page<'_>, other_for_503: bool) {
        let mut codes = page.codes;
        if codes.contains(&502) && !other_for_503 {
            codes.push(503);
            let note = "for 503 too: while no node can serve, Weir answers with it, and nginx with 502";
            self.verdicts.say(one, Changed, "error-pages", note);
        } else {
            self.verdicts.same(one, "error-pages");
        }
        // Of two pages nginx takes the first.
        codes.retain(|code| self.taken.insert(*code));
        match codes.as_slice() {
            [] => {}
            [code] => self.pairs.push((code.to_string(), values::text(&page.file))),
            codes => {
                let codes: Vec<String> = codes.iter().map(u16::to_string).collect();
                self.pairs.push((values::text(&codes.join(",")), values::text(&page.file)));
            }
        }
        page.block.into_iter().for_each(|block| self.block(block));
    }

    fn block(&mut self, block: &Directive) {
        if !self.blocks.insert(block.id) {
            return;
        }
        if block.inside().iter().any(|one| one.name == "internal") {
            self.verdicts.same(block, "error-pages");
        } else {
            self.verdicts.say(
                block,
                Changed,
                "error-pages",
                "the page comes with its statuses; its own path is answered 404",
            );
        }
        let of_files = block.inside().iter().filter(|one| matches!(one.name.as_str(), "root" | "alias" | "internal"));
        of_files.for_each(|one| self.verdicts.same(one, "error-pages"));
    }
}

struct Page<'a> {
    codes: Vec<u16>,
    file: String,
    /// The location that is there for it alone.
    block: Option<&'a Directive>,
}

fn page<'a>(one: &Directive, scope: &Scope<'a>) -> Result<Page<'a>, String> {
    let Some((uri, words)) = one.words.split_last().filter(|(_, words)| !words.is_empty()) else {
        return Err("write statuses and a path".to_owned());
    };
    let (change, codes): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| word.starts_with('='));
    let code = |word: &&String| word.parse::<u16>().ok().filter(|code| (400..=599).contains(code) && *code != 499);
    if let Some(word) = codes.iter().find(|word| code(word).is_none()) {
        return Err(format!("{word}: pages are for answers with 400 to 599"));
    }
    if let Some(change) = change.first().filter(|change| codes.iter().any(|code| format!("={code}") != ***change)) {
        return Err(format!("{change}: the status of the answer stays as it is"));
    }
    if uri.starts_with('@') {
        return Err(format!("{uri}: a page is a file; requests are not passed on to another location"));
    }
    if !uri.starts_with('/') || uri.contains(['$', '?']) {
        return Err(format!("{uri}: a page is a file, not a URL to go to"));
    }
    let (file, block) = file(uri, scope)?;
    config::error_page(Path::new(&file)).map_err(|wrong| wrong.what)?;
    Ok(Page { codes: codes.iter().filter_map(code).collect(), file, block })
}

/// The file behind a path, and the location that is there for it alone.
fn file<'a>(uri: &str, scope: &Scope<'a>) -> Result<(String, Option<&'a Directive>), String> {
    let blocks = scope.own("location").into_iter().filter_map(|block| Some((block, fits(block, uri)?)));
    let found = blocks.max_by_key(|(_, path)| (path.is_none(), path.map_or(0, str::len)));
    let Some((block, path)) = found else { return Ok((below(uri, scope)?, None)) };
    let inner = scope.inside(block);
    let others = ["proxy_pass", "return", "rewrite", "try_files", "fastcgi_pass"];
    if others.iter().any(|name| !inner.own(name).is_empty()) {
        return Err(format!("{uri}: its location answers otherwise than with a file"));
    }
    let alone = path.is_none() || !inner.own("internal").is_empty();
    let file = match inner.own("alias").first() {
        Some(alias) => {
            let rest = path.and_then(|path| uri.strip_prefix(path)).unwrap_or_default();
            plain(scope.file(&format!("{}{rest}", alias.word())))?
        }
        None => below(uri, &inner)?,
    };
    Ok((file, alone.then_some(block)))
}

/// The prefix by which a location takes this path; none where it takes this one alone.
fn fits<'a>(block: &'a Directive, uri: &str) -> Option<Option<&'a str>> {
    match block.words.as_slice() {
        [kind, path] if kind == "=" => (path == uri).then_some(None),
        [kind, path] if kind == "^~" => uri.starts_with(path.as_str()).then_some(Some(path)),
        [path] => uri.starts_with(path.as_str()).then_some(Some(path)),
        _ => None,
    }
}

fn below(uri: &str, scope: &Scope<'_>) -> Result<String, String> {
    let root = scope.one("root").map_or("html", Directive::word);
    plain(format!("{}{uri}", scope.file(root).trim_end_matches('/')))
}

fn plain(file: String) -> Result<String, String> {
    if file.contains('$') { Err(format!("{file}: the name of a page has no variables")) } else { Ok(file) }
}

/// `proxy_intercept_errors`, which a site of Weir has for all of its requests.
fn intercept(table: &mut Table, scope: &Scope<'_>, has_pages: bool, verdicts: &Verdicts) {
    let (on, off): (Vec<_>, Vec<_>) =
        scope.below("proxy_intercept_errors").into_iter().partition(|one| one.word() == "on");
    let own = scope.one("proxy_intercept_errors").filter(|one| one.word() == "on");
    if !has_pages || own.is_none() && on.is_empty() {
        let none = "there is no page to show instead";
        return own.into_iter().chain(on).for_each(|one| verdicts.say(one, Ignored, "", none));
    }
    table.set("intercept-errors", "true");
    own.into_iter().for_each(|one| verdicts.say(one, Same, "intercept-errors", ""));
    let note = "it holds for all requests of the site";
    on.into_iter().for_each(|one| verdicts.say(one, Wider, "intercept-errors", note));
    off.into_iter().for_each(|one| verdicts.say(one, Wider, "intercept-errors", note));
}
