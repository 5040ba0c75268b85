//! The results as a table for people, JSON for programs, and one chart.

mod chart;
pub(crate) mod table;

use std::path::Path;

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::options::Options;
use crate::result::Result;
use crate::rounds::{ColumnResult, WorkloadResult};
use crate::testbed::write_file;

/// Writes all three.
pub(crate) fn write(dir: &Path, options: &Options, machine: &Machine, all: &[WorkloadResult]) -> Result<()> {
    let text = serde_json::to_string_pretty(&json(options, machine, all)).map_err(|error| error.to_string())?;
    write_file(&dir.join("results.json"), &(text + "\n"))?;
    let tables = all.iter().map(table::of).collect::<Vec<_>>().join("\n\n");
    write_file(&dir.join("table.md"), &format!("{}\n\n{}\n\n{tables}\n", machine.line(), table::summary(all)))?;
    write_file(&dir.join("chart.svg"), &chart::draw(&machine.line(), all))
}

fn json(options: &Options, machine: &Machine, all: &[WorkloadResult]) -> Value {
    let workloads = all.iter().map(workload).collect::<Vec<_>>();
    json!({
        "machine": machine.json(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "threads": options.threads,
        "workloads": workloads,
    })
}

fn workload(measured: &WorkloadResult) -> Value {
    let columns = measured.columns.iter().map(|taken| column(measured, taken)).collect::<Vec<_>>();
    let WorkloadResult { workload, .. } = measured;
    json!({ "name": workload.name, "what": workload.what, "ratio_of": workload.by, "columns": columns })
}

fn column(measured: &WorkloadResult, taken: &ColumnResult) -> Value {
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
