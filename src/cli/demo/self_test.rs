//! The demo tests itself as a user would: it tries every line that it prints, then stops a worker and starts it again.

use std::process::{Command, Stdio};

use tokio::task::spawn_blocking;

use super::client::{ClientRequest, Reply};
use super::examples::{Example, examples, http, https};
use super::scene::Scene;
use crate::cli::output::print_line;

/// Tries everything. Returns whether all of it worked.
pub(super) async fn run(scene: &mut Scene) -> bool {
    let mut report = Report::default();
    report.note("all nodes get active", all_active(scene).await);
    for call in examples(&scene.layout) {
        if let Some(question) = &call.ask {
            report.note(call.says, ask(scene, &call, question).await);
        }
        report.note(&call.line, paste(call.line.clone(), call.shows.clone()).await);
    }
    report.note("requests go to both workers", both_workers(scene).await);
    report.note("a session stays, moves when its worker stops, and a reload keeps it", session(scene).await);
    print_line(format_args!("{} passed, {} failed", report.passed, report.failed));
    report.failed == 0
}

#[derive(Debug, Default)]
struct Report {
    passed: u32,
    failed: u32,
}

impl Report {
    fn note(&mut self, what: &str, outcome: Result<CheckResult, String>) {
        match outcome {
            Ok(CheckResult::Well) => {
                self.passed += 1;
                print_line(format_args!("ok      {what}"));
            }
            Ok(CheckResult::Skipped(why)) => print_line(format_args!("SKIPPED: {what} ({why})")),
            Err(why) => {
                self.failed += 1;
                print_line(format_args!("FAILED  {what}: {why}"));
            }
        }
    }
}

#[derive(Debug)]
enum CheckResult {
    Well,
    Skipped(&'static str),
}

async fn all_active(scene: &Scene) -> Result<CheckResult, String> {
    for (pool, node) in [
        ("esb-http", "worker1"),
        ("esb-http", "worker2"),
        ("esb-https", "worker1"),
        ("esb-https", "worker2"),
        ("manager", "manager"),
    ] {
        scene.until(pool, node, true).await.map_err(|error| format!("{node} in {pool}: {error}"))?;
    }
    Ok(CheckResult::Well)
}

async fn ask(scene: &mut Scene, call: &Example, question: &ClientRequest) -> Result<CheckResult, String> {
    let reply = scene.client.ask_with_jar(question).await.map_err(|error| error.to_string())?;
    call.judge(&reply).map(|()| CheckResult::Well)
}

/// Runs the line as a user's shell would.
async fn paste(line: String, shows: String) -> Result<CheckResult, String> {
    let needs_curl = line.starts_with("curl ");
    let run = move || Command::new("sh").args(["-c", &line]).env("NO_PROXY", "*").stdin(Stdio::null()).output();
    let output = spawn_blocking(run).await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let (shown, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match output.status.code() {
        Some(127) if needs_curl => Ok(CheckResult::Skipped("curl is not installed")),
        Some(0) if shown.contains(&shows) => Ok(CheckResult::Well),
        _ => Err(format!("wanted {shows:?}, got {}:\n{shown}{said}", output.status)),
    }
}

async fn both_workers(scene: &Scene) -> Result<CheckResult, String> {
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(node(&asked(scene, &http(&scene.layout, "/services/hello")).await?)?);
    }
    let both = ["worker1", "worker2"].iter().all(|worker| seen.iter().filter(|node| node == worker).count() == 2);
    if both { Ok(CheckResult::Well) } else { Err(format!("four requests went to {seen:?}")) }
}

async fn session(scene: &mut Scene) -> Result<CheckResult, String> {
    let hello = https(&scene.layout, "esb.wso2.com", "/services/hello");
    let first = asked(scene, &hello).await?;
    let home = node(&first)?;
    let session = ClientRequest { cookie: Some(first.cookie().ok_or("no session was set")?.to_owned()), ..hello };
    stays(scene, &session, &home).await?;
    scene.command("reload").await.map_err(|error| format!("reload: {error}"))?;
    stays(scene, &session, &home).await?;

    scene.cluster.stop_node(&home).await.map_err(|error| error.to_string())?;
    let refuge = node(&asked(scene, &session).await?)?;
    if refuge == home {
        return Err(format!("{home} is stopped and still answers"));
    }
    scene.until("esb-https", &home, false).await.map_err(|error| format!("{home} is stopped: {error}"))?;
    stays(scene, &session, &refuge).await?;

    scene.cluster.start_node(&home).await.map_err(|error| error.to_string())?;
    scene.until("esb-https", &home, true).await.map_err(|error| format!("{home} is started: {error}"))?;
    scene.until("esb-http", &home, true).await.map_err(|error| format!("{home} is started: {error}"))?;
    stays(scene, &session, &refuge).await?;
    Ok(CheckResult::Well)
}

async fn stays(scene: &Scene, session: &ClientRequest, home: &str) -> Result<(), String> {
    for turn in 1..=5 {
        let now = node(&asked(scene, session).await?)?;
        if now != home {
            return Err(format!("request {turn} of a session on {home} went to {now}"));
        }
    }
    Ok(())
}

async fn asked(scene: &Scene, ask: &ClientRequest) -> Result<Reply, String> {
    let reply = scene.client.ask(ask).await.map_err(|error| error.to_string())?;
    if reply.status == 200 { Ok(reply) } else { Err(format!("{} {}", reply.head.first, reply.body)) }
}

fn node(reply: &Reply) -> Result<String, String> {
    reply.element("node").map(str::to_owned).ok_or_else(|| format!("no node's name in {:?}", reply.body))
}
