//! What the pages say holds: each command in a block `sh` runs, each command in the running text exists with its options,
//! and each piece of configuration passes `weir check`.
//!
//! The commands run on a machine that is made for them: the cluster of `weir demo` under the names and addresses of the
//! guide, with stand-ins for what may not run here (`stand_ins.rs` has the list, with a reason each).
#![allow(clippy::unwrap_used)] // clippy knows tests by their attribute, not what they call

mod commands;
mod configurations;
mod files;
mod machine;
mod page;
mod patience;
mod recipes;
mod stand_ins;

use std::sync::atomic::{AtomicUsize, Ordering};

use machine::Machine;
use page::Page;

/// Pages on which commands are for contributors, who build and measure: they take minutes, or need other programs.
const FOR_CONTRIBUTORS: [&str; 3] = ["docs/code.md", "docs/performance.md", "docs/style.md"];

#[test]
fn every_command_in_a_block_runs() {
    let pages: Vec<Page> = pages().into_iter().filter(|page| page.blocks("sh").next().is_some()).collect();
    assert!(pages.len() > 3, "{} pages with commands", pages.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut faults = Vec::new();
        while let Some(page) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
            faults.extend(faults_of(page));
        }
        faults
    };
    let faults: Vec<String> = std::thread::scope(|scope| {
        let workers = [(); 2].map(|()| scope.spawn(work));
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    report(&faults);
}

/// The test itself: a command that is not there, an option that is not there, an exit code, a program that nobody listed.
#[test]
fn a_page_with_a_wrong_command_is_found_out() {
    let machine = Machine::start();
    for (line, told) in [
        ("weir nodez", "weir nodez"),
        ("weir nodes --colour", "weir nodes --colour"),
        ("weir nodes\nweir drain worker9", "weir drain worker9"),
        ("weir nodes | grep worker9", "grep worker9"),
        ("systemctl reload wier", "systemctl reload wier"),
        ("make instal", "make instal"),
        ("nginx -s reload", "nginx -s reload"),
        ("sudo editor /etc/weir/wier.toml", "editor"),
    ] {
        let fault = machine.run(line).expect_err(line);
        assert!(fault.contains(told), "{line}: {fault}");
    }
    assert_eq!(machine.run("weir nodes | grep worker1"), Ok(()));
}

#[test]
fn every_command_in_the_text_exists() {
    let faults: Vec<String> = pages().iter().flat_map(commands::faults).collect();
    report(&faults);
    let page = |text: &str| Page { name: "page.md".to_owned(), text: text.to_owned() };
    for wrong in ["`weir nodez`", "`weir drain NODE --waits`", "`weir cert pins HOST:PORT`", "```\nweir nodes\n```\n"] {
        assert_eq!(commands::faults(&page(wrong)).len(), 1, "{wrong}");
    }
    for right in ["`weir nodes`", "`weir drain NODE --wait`", "`weir COMMAND --help`", "`weir check -c FILE`"] {
        assert_eq!(commands::faults(&page(right)), [""; 0], "{right}");
    }
}

#[test]
fn every_piece_of_configuration_passes_the_check() {
    let faults: Vec<String> = pages().iter().flat_map(configurations::faults).collect();
    report(&faults);
}

/// Words that say nothing to who reads them first.
#[test]
fn the_pages_speak_plainly() {
    let words = ["door", "doors", "words about nodes"];
    let mut faults = Vec::new();
    for page in pages() {
        for (number, line) in page.text.lines().enumerate() {
            let plain = line.to_lowercase().replace(|letter: char| !letter.is_alphanumeric(), " ");
            let said = words.iter().filter(|word| format!(" {plain} ").contains(&format!(" {word} ")));
            faults.extend(said.map(|word| format!("{}:{}: {word}", page.name, number + 1)));
        }
    }
    report(&faults);
}

/// Of the commands of a page, on a machine of its own, which is configured on the way as the page says.
fn faults_of(page: &Page) -> Vec<String> {
    let machine = Machine::start();
    let mut faults = Vec::new();
    for block in page.all_blocks() {
        if let Some(site) = block.note.strip_suffix(" gets this") {
            machine.configure(site, &block.text);
        } else if block.note == "as before" {
            machine.configure_as_before();
        }
        let ran = if block.language == "sh" { machine.run(&block.text) } else { Ok(()) };
        faults.extend(ran.err().map(|told| format!("{}:{}: {told}", page.name, block.line)));
    }
    faults
}

/// The README and all pages of docs/, but those for contributors.
fn pages() -> Vec<Page> {
    let pages = Page::all();
    pages.into_iter().filter(|page| !FOR_CONTRIBUTORS.contains(&page.name.as_str())).collect()
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{} fault(s):\n  {}", faults.len(), faults.join("\n  "));
}
