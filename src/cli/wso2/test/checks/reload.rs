//! Whether Weir runs what the file says: all other checks compare the cluster with the file.

use crate::cli::wso2::test::ground::Ground;
use crate::cli::wso2::test::report::{Report, Subject, Verdict};

/// One line.
pub(super) async fn check(ground: &Ground<'_>, report: &mut Report) {
    let subject = Subject::new("reload", "the running Weir");
    match ground.api.changes().await {
        Ok(changes) => report.judged(subject, judged(&changes)),
        Err(why) => report.skipped(subject, format!("it does not say whether it runs the file: {why}")),
    }
}

fn judged(changes: &[String]) -> Verdict {
    let Some(first) = changes.first() else { return Ok("runs what the file says".to_owned()) };
    let more = match changes.len() {
        1 => String::new(),
        many => format!(", and {} more", many - 1),
    };
    let what = format!("it was not told to take the file over, which has: {first}{more}");
    Err((what, "`weir diff` shows what differs, `weir reload` takes it over".to_owned()))
}
