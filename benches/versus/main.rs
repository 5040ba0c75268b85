//! Weir beside nginx and HAProxy on the same work, on this machine: `make bench`, told in docs/performance.md.
//! A round that saw errors counts for nothing and fails the run: a benchmark that measured errors is none.
//!
//! Its floors: `report` → `rounds`, `machine` → `words` → `workloads` → `proxies` → `origins` → `ports`, `sink` → `clients` →
//! `load` → `stage` → `told`.

mod clients;
mod columns;
mod figures;
mod interrupt;
mod load;
mod machine;
mod origins;
mod ports;
mod process;
mod proxies;
mod report;
mod rounds;
mod sink;
mod stage;
mod stats;
mod told;
mod words;
mod workloads;

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use origins::Origins;
use rounds::Measured;
use stage::Stage;
use told::Told;
use words::Words;

fn main() -> ExitCode {
    let words = env::args().skip(1).collect::<Vec<_>>();
    if words.first().is_some_and(|word| word == sink::WORD) {
        return ended(sink::serve(&words[1..]).map(|()| true));
    }
    // Only `cargo bench` says this; `cargo test` runs benches too, and there it is enough that this one compiles.
    if !words.iter().any(|word| word == "--bench") {
        println!("versus: compiled; make bench runs it");
        return ExitCode::SUCCESS;
    }
    ended(Words::read(&words).and_then(|words| compare(&words)))
}

fn ended(outcome: Told<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("versus: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The whole run. False when some rounds failed: what could be measured is reported all the same.
fn compare(words: &Words) -> Told<bool> {
    interrupt::heed();
    let machine = machine::look(words)?;
    let stage = Stage::set(words.ports, words.threads)?;
    let origins = Origins::start(&stage)?;
    println!("{}", machine.line());
    let mut all = Vec::new();
    for workload in &words.workloads {
        let begun = Instant::now();
        let measured = Measured::of(workload, words, &stage, &origins)?;
        println!("\n{}\ntook {} s", report::table::of(&measured), begun.elapsed().as_secs());
        all.push(measured);
        // After every workload, so that an interrupted run keeps what it has.
        report::write(&stage.results, words, &machine, &all)?;
    }
    println!("\n{}", report::table::summary(&all));
    println!("\nwritten: {0}/results.json, {0}/table.md, {0}/chart.svg", stage.results.display());
    let failed = all.iter().flat_map(Measured::failures).collect::<Vec<_>>();
    for failure in &failed {
        eprintln!("versus: FAILED {failure}");
    }
    Ok(failed.is_empty())
}
