//! Holds `docs/standards.md` to the sources: each rule that is kept has a mark in the code and one in a test, and each mark
//! belongs to a rule.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/standards.md";

/// Where a rule is marked.
#[derive(Default)]
struct Marks {
    code: usize,
    tests: usize,
}

#[test]
fn every_rule_that_is_kept_is_marked_in_the_code_and_in_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join(PAGE)).expect("the page is there");
    let mut rules: BTreeMap<String, Marks> = kept(&page).map(|rule| (rule, Marks::default())).collect();
    let mut breaches = Vec::new();
    let mut sources = Vec::new();
    super::collect(&root.join("src"), &mut sources);
    super::collect(&root.join("tests"), &mut sources);
    for file in sources {
        let text = fs::read_to_string(&file).expect("a source is text");
        let mut is_test = file.starts_with(root.join("tests")) || file.ends_with("tests.rs");
        for (number, line) in text.lines().map(str::trim).enumerate() {
            is_test |= line == "#[cfg(test)]";
            let Some(rule) = line.strip_prefix("//= ") else { continue };
            match rules.get_mut(rule) {
                Some(marks) if is_test => marks.tests += 1,
                Some(marks) => marks.code += 1,
                None => breaches.push(format!("{}:{}: {PAGE} has no rule {rule}", file.display(), number + 1)),
            }
        }
    }
    assert!(rules.len() > 80, "only {} rules were read from {PAGE}", rules.len());
    for (rule, Marks { code, tests }) in rules {
        if code == 0 || tests == 0 {
            breaches.push(format!("{rule}: {code} marks in the code, {tests} in tests"));
        }
    }
    super::report(breaches);
}

/// The rules under "Kept", as a mark has them: `rfc9112#2.2 bare-cr`.
fn kept(page: &str) -> impl Iterator<Item = String> {
    let (mut rfc, mut is_kept) = ("", false);
    page.lines().filter_map(move |line| {
        if let Some(heading) = line.strip_prefix("## RFC ") {
            rfc = heading.split(':').next().unwrap_or_default();
        } else if line.starts_with("### ") {
            is_kept = line.starts_with("### Kept in");
        }
        let rule = line.strip_prefix("| `")?.split('`').next()?;
        is_kept.then(|| format!("rfc{rfc}#{rule}"))
    })
}
