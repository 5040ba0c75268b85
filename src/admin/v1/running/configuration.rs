//! The configuration that runs, and what another one would change. Nothing here writes a file or changes what runs.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::super::handler::{Answer, Weir};
use super::super::problem::{ApiProblem, FileProblem};
use crate::config;
use crate::config::{Config, Effective};
use crate::control::notice::Notice;
use crate::control::state::Control;

/// Checks come one after another: each takes a processor and some memory.
#[derive(Default)]
pub(super) struct Checks(Arc<Mutex<()>>);

/// What runs.
#[derive(Serialize, ToSchema)]
pub(super) struct ConfigurationView {
    generation: u64,
    /// The files that it was read from, the main one first. They may have changed since.
    files: Vec<String>,
    /// Every value as in a file, with the place where it stands or `default`. Values of header fields are left out.
    text: String,
    values: Vec<ValueView>,
}

/// A value that holds.
#[derive(Serialize, ToSchema)]
pub(super) struct ValueView {
    /// The table, as `[pool.health] esb-http`; empty for the top level.
    table: String,
    key: &'static str,
    /// As it would be written; in brackets where the default is no fixed value.
    value: String,
    /// Absent for a default, as the line.
    file: Option<String>,
    line: Option<usize>,
}

/// How many changes are told at most.
const CHANGES: usize = 500;

/// What a check came to.
#[derive(Serialize, ToSchema)]
pub(super) struct CheckView {
    /// Whether a reload would read it without an error. It may still fail, where a new listener cannot be bound.
    accepted: bool,
    /// The generation that it was compared with.
    generation: u64,
    /// The main file, in whose place a body is checked.
    main: String,
    problems: Vec<FileProblem>,
    warnings: Vec<FileProblem>,
    /// What would change, each in a sentence. What may be a secret is told without its value.
    changes: Vec<String>,
}

/// What runs: each value, and where it comes from.
#[utoipa::path(get, path = "/api/v1/config", responses((status = 200, body = ConfigurationView)))]
pub(super) async fn configuration(State(control): Weir) -> Json<ConfigurationView> {
    let generation = control.current.load_full();
    let config = &generation.snapshot.config;
    let values = config::explain(config);
    Json(ConfigurationView {
        generation: generation.snapshot.generation,
        files: config.files.iter().map(|file| file.display().to_string()).collect(),
        text: text(&values),
        values: values.iter().map(ValueView::of).collect(),
    })
}

/// Checks the files on the disk as a reload would read them, and says what would change.
///
/// With a body it is checked in place of the main file; paths in it begin at the directory of that file.
#[utoipa::path(post, path = "/api/v1/config/check", request_body(content = String, content_type = "text/plain"), responses(
    (status = 200, body = CheckView),
    (status = 400, body = ApiProblem, content_type = "application/problem+json"),
    (status = 403, body = ApiProblem, content_type = "application/problem+json"),
    (status = 408, body = ApiProblem, content_type = "application/problem+json"),
    (status = 413, body = ApiProblem, content_type = "application/problem+json"),
    (status = 503, body = ApiProblem, content_type = "application/problem+json"),
))]
pub(super) async fn check(
    State(control): Weir,
    Extension(checks): Extension<Arc<Checks>>,
    body: Bytes,
) -> Answer<CheckView> {
    let text = String::from_utf8(body.to_vec())
        .map_err(|_| ApiProblem::bad_request(Notice::new("the body is not UTF-8 text", "send a configuration")))?;
    let text = Some(text).filter(|text| !text.is_empty());
    let turn = Arc::clone(&checks.0).lock_owned().await;
    let generation = control.current.load_full();
    let running = Arc::clone(&generation.snapshot.config);
    let number = generation.snapshot.generation;
    // The check keeps its turn to its end, also when nobody waits for it any more.
    let check = move || {
        let _turn = turn;
        CheckView::of(&control, &running, text, number)
    };
    let checked = tokio::task::spawn_blocking(check).await;
    checked.map(Json).map_err(|_| ApiProblem::unavailable("Weir is stopping", ""))
}

impl CheckView {
    fn of(control: &Control, running: &Config, text: Option<String>, generation: u64) -> Self {
        let path = running.files.first().map_or_else(PathBuf::new, PathBuf::clone);
        let loaded = match text {
            Some(text) => config::load_text(&path, text, running),
            None => config::load_after(&path, running),
        };
        let main = path.display().to_string();
        match loaded {
            Ok(next) => Self {
                accepted: true,
                generation,
                main,
                problems: Vec::new(),
                warnings: next
                    .warnings
                    .iter()
                    .chain(&control.at_start.needs_restart(&next))
                    .map(FileProblem::from)
                    .collect(),
                changes: config::changes(running, &next).first(CHANGES),
            },
            Err(errors) => Self {
                accepted: false,
                generation,
                main,
                problems: errors.0.iter().map(FileProblem::from).collect(),
                warnings: Vec::new(),
                changes: Vec::new(),
            },
        }
    }
}

impl ValueView {
    fn of(value: &Effective) -> Self {
        Self {
            table: value.table.clone(),
            key: value.key,
            value: value.value.clone(),
            file: value.at.as_ref().map(|at| at.file.display().to_string()),
            line: value.at.as_ref().map(|at| at.line),
        }
    }
}

/// As in a file: a heading for each table, a line for each value, and where it stands.
fn text(values: &[Effective]) -> String {
    let mut text = String::new();
    for table in values.chunk_by(|one, next| one.table == next.table) {
        let heading = table.first().map(|value| value.table.as_str()).filter(|heading| !heading.is_empty());
        // Writing into a text cannot fail.
        heading.into_iter().for_each(|heading| _ = writeln!(text, "\n{heading}"));
        for Effective { key, value, at, .. } in table {
            let place = at.as_ref().map_or_else(|| "default".to_owned(), ToString::to_string);
            let _ = writeln!(text, "{key} = {value}  # {place}");
        }
    }
    text
}
