//! `weir config`, `weir diff`, `weir reload --dry-run`: what runs, and what a reload would change.

use std::path::{Path, PathBuf};

use hyper::Method;
use serde_json::Value;

use super::super::connection::AdminArgs;
use super::super::request::ask_json;
use super::super::status::problem_line;
use super::super::table::text;
use crate::app::FAILED;
use crate::cli::output::{fail, print, tell, tell_aside, warn};

/// `weir diff`.
#[derive(clap::Args)]
pub(crate) struct Diff {
    /// A file to compare in place of the main one; the files that it includes are looked for beside the running one
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    args: AdminArgs,
}

/// `weir config`: what runs.
pub(crate) fn config(args: &AdminArgs) -> i32 {
    match ask_json(args, &Method::GET, "/api/v1/config", Vec::new()) {
        Ok(answer) if args.json => printed(&format!("{answer:#}\n")),
        Ok(answer) => printed(answer["text"].as_str().unwrap_or_default()),
        Err(why) => fail(&why),
    }
}

/// `weir diff`: what a reload would change.
pub(crate) fn diff(diff: &Diff) -> i32 {
    let text = match diff.file.as_ref().map(|file| (file, std::fs::read(file))) {
        None => Vec::new(),
        Some((file, Ok(text))) if text.is_empty() => return fail(&format!("{} is empty", file.display())),
        Some((_, Ok(text))) => text,
        Some((file, Err(error))) => return fail(&format!("{} cannot be read: {error}", file.display())),
    };
    check(&diff.args, text, diff.file.as_deref())
}

/// `weir reload --dry-run`: the same for the files on the disk.
pub(crate) fn dry_run(args: &AdminArgs) -> i32 {
    check(args, Vec::new(), None)
}

/// Has a text checked, or without one the files on the disk. The text is that of `file`.
fn check(args: &AdminArgs, text_of_file: Vec<u8>, file: Option<&Path>) -> i32 {
    let mut answer = match ask_json(args, &Method::POST, "/api/v1/config/check", text_of_file) {
        Ok(answer) => answer,
        Err(why) => return fail(&why),
    };
    if let Some(file) = file {
        name_the_file(&mut answer, &file.display().to_string());
    }
    let accepted = answer["accepted"] == true;
    if args.json {
        print(&format!("{answer:#}\n"));
    } else if accepted {
        items(&answer["warnings"]).for_each(|warning| warn(&problem_line(warning)));
        if !tell(&changes(&answer)) {
            return FAILED;
        }
    } else {
        let head = format!("weir: a reload would be refused; generation {} keeps running", text(&answer["generation"]));
        let lines = items(&answer["problems"]).map(|problem| format!("\n  {}", problem_line(problem)));
        tell_aside(&(head + &lines.collect::<String>()));
    }
    if accepted { 0 } else { FAILED }
}

/// Weir checks the text in the place of its main file, and so tells that one's name.
fn name_the_file(answer: &mut Value, file: &str) {
    let main = text(&answer["main"]);
    for list in ["problems", "warnings"] {
        for problem in answer[list].as_array_mut().into_iter().flatten() {
            if problem["file"] == *main {
                problem["file"] = file.into();
            }
            // What is written twice is told with its other place.
            problem["what"] = text(&problem["what"]).replace(&format!("{main}:"), &format!("{file}:")).into();
        }
    }
}

fn changes(answer: &Value) -> String {
    let lines: Vec<String> = items(&answer["changes"]).map(|change| format!("  {}\n", text(change))).collect();
    match lines.len() {
        0 => format!("nothing would change: generation {} runs the same\n", text(&answer["generation"])),
        1 => format!("1 change\n{}", lines.concat()),
        many => format!("{many} changes\n{}", lines.concat()),
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn printed(text: &str) -> i32 {
    if print(text) { 0 } else { FAILED }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mistake_is_told_with_the_file_that_has_it() {
        let main = "/etc/weir/weir.toml";
        let problem = |file: &str, what: &str| json!({"file": file, "line": 3, "what": what, "advice": ""});
        let twice = |file: &str| format!("another pool is called \"p\": {file}:2");
        let included = problem("/etc/weir/sites/a.toml", "unknown key");
        let mut answer = json!({"main": main, "problems": [problem(main, &twice(main)), included], "warnings": []});
        name_the_file(&mut answer, "next.toml");
        assert_eq!(answer["problems"], json!([problem("next.toml", &twice("next.toml")), included]));
    }
}
