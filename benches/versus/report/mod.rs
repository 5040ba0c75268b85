//! The results as a table for people, JSON for programs, and one chart.

mod chart;
pub(crate) mod table;

use std::path::Path;

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::rounds::{Measured, Taken};
use crate::stage::put;
use crate::told::Told;
use crate::words::Words;

/// Writes all three.
pub(crate) fn write(dir: &Path, words: &Words, machine: &Machine, all: &[Measured]) -> Told<()> {
    let text = serde_json::to_string_pretty(&json(words, machine, all)).map_err(|error| error.to_string())?;
    put(&dir.join("results.json"), &(text + "\n"))?;
    let tables = all.iter().map(table::of).collect::<Vec<_>>().join("\n\n");
    put(&dir.join("table.md"), &format!("{}\n\n{}\n\n{tables}\n", machine.line(), table::summary(all)))?;
    put(&dir.join("chart.svg"), &chart::draw(&machine.line(), all))
}

fn json(words: &Words, machine: &Machine, all: &[Measured]) -> Value {
    let workloads = all.iter().map(workload).collect::<Vec<_>>();
    json!({
        "machine": machine.json(),
        "rounds": words.rounds,
        "seconds": words.seconds,
        "threads": words.threads,
        "workloads": workloads,
    })
}

fn workload(measured: &Measured) -> Value {
    let columns = measured.columns.iter().map(|taken| column(measured, taken)).collect::<Vec<_>>();
    let Measured { workload, .. } = measured;
    json!({ "name": workload.name, "what": workload.what, "ratio_of": workload.by, "columns": columns })
}

fn column(measured: &Measured, taken: &Taken) -> Value {
    let medians = measured.figures().into_iter().map(|name| (name.to_owned(), json!(taken.median(name))));
    let rounds = taken.rounds.iter().map(|round| match round {
        Some(figures) => Value::Object(figures.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()),
        None => Value::Null,
    });
    json!({
        "name": taken.column.name,
        "ratio_to_nginx": measured.ratio(taken).map(|ratio| json!([ratio.least, ratio.median, ratio.greatest])),
        "medians": Value::Object(medians.collect()),
        "rounds": rounds.collect::<Vec<_>>(),
        "failures": taken.failures,
    })
}
