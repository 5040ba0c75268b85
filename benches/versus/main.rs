//! Weir beside nginx and HAProxy on the same work, on this machine: `make bench`, described in docs/performance.md.
//! A round that saw errors counts for nothing and fails the run: a benchmark that measured errors is none.
//!
//! Its floors: `report` → `rounds`, `machine` → `options` → `workloads` → `proxies` → `origins` → `ports`,
//! `upload_server` → `clients` → `load` → `testbed` → `result`.

mod clients;
mod columns;
mod figures;
mod interrupt;
mod load;
mod machine;
mod options;
mod origins;
mod ports;
mod process;
mod proxies;
mod report;
mod result;
mod rounds;
mod stats;
mod testbed;
mod upload_server;
mod workloads;

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use options::Options;
use origins::Origins;
use result::Result;
use rounds::WorkloadResult;
use testbed::Testbed;

fn main() -> ExitCode {
    let arguments = env::args().skip(1).collect::<Vec<_>>();
    if arguments.first().is_some_and(|first| first == upload_server::ARGUMENT) {
        return exit_code(upload_server::serve(&arguments[1..]).map(|()| true));
    }
    // Only `cargo bench` says this; `cargo test` runs benches too, and there it is enough that this one compiles.
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("versus: compiled; make bench runs it");
        return ExitCode::SUCCESS;
    }
    exit_code(Options::read(&arguments).and_then(|options| compare(&options)))
}

fn exit_code(outcome: Result<bool>) -> ExitCode {
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
fn compare(options: &Options) -> Result<bool> {
    interrupt::listen();
    let machine = machine::inspect(options)?;
    let testbed = Testbed::new(options.ports, options.threads)?;
    let origins = Origins::start(&testbed)?;
    println!("{}", machine.line());
    let mut all = Vec::new();
    for workload in &options.workloads {
        let begun = Instant::now();
        let measured = WorkloadResult::of(workload, options, &testbed, &origins)?;
        println!("\n{}\ntook {} s", report::table::of(&measured), begun.elapsed().as_secs());
        all.push(measured);
        // After every workload, so that an interrupted run keeps what it has.
        report::write(&testbed.results, options, &machine, &all)?;
    }
    println!("\n{}", report::table::summary(&all));
    println!("\nwritten: {0}/results.json, {0}/table.md, {0}/chart.svg", testbed.results.display());
    let failed = all.iter().flat_map(WorkloadResult::failures).collect::<Vec<_>>();
    for failure in &failed {
        eprintln!("versus: FAILED {failure}");
    }
    Ok(failed.is_empty())
}
