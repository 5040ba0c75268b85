//! `weir demo`: the cluster of the guide on one machine. Two stub workers and a stub manager in this process,
//! new certificates, and Weir in front of them as a child process. All ports are unprivileged and on loopback.

mod certificates;
mod client;
mod cluster;
mod configuration;
mod examples;
mod layout;
mod manager;
mod prompt;
mod scene;
mod self_test;
mod worker;

use std::io::Result;
use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::cli::output::print_line;
use prompt::Next;
use scene::Scene;

/// The options of `weir demo`.
#[derive(Args, Clone, Debug)]
pub(super) struct Options {
    /// Port for HTTP; if it is busy, the next free one is taken
    #[arg(long, default_value_t = 8080)]
    pub(super) http_port: u16,
    /// Port for HTTPS; if it is busy, the next free one is taken
    #[arg(long, default_value_t = 8443)]
    pub(super) https_port: u16,
    /// Port for metrics, status and API; if it is busy, the next free one is taken
    #[arg(long, default_value_t = 9180)]
    pub(super) admin_port: u16,
    /// Where configuration, certificates and logs go; default: a temporary directory, removed at the end
    #[arg(long)]
    pub(super) dir: Option<PathBuf>,
    /// Try every example, stop and start a worker, print what passed, and end
    #[arg(long)]
    pub(super) self_test: bool,
}

/// Runs the demo until it is told to stop. Returns the exit code.
pub(super) fn run(options: &Options) -> i32 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(demo(options))) {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(error) => {
            eprintln!("weir demo: {error}");
            1
        }
    }
}

async fn demo(options: &Options) -> Result<bool> {
    let wanted = [options.http_port, options.https_port, options.admin_port];
    let mut scene = Scene::start(options.dir.clone(), wanted).await?;
    let well = if options.self_test { self_test::run(&mut scene).await } else { converse(&mut scene).await? };
    let status = scene.front.stop().await;
    print_line(format_args!("Weir ended: {status}"));
    // After a failure the files stay, so that the user can look at them. A directory that the user named always stays.
    if well && options.dir.is_none() {
        std::fs::remove_dir_all(&scene.layout.directory)?;
    }
    Ok(well)
}

/// Prints the examples and runs the prompt. False if Weir ended by itself.
async fn converse(scene: &mut Scene) -> Result<bool> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut lines = prompt::lines();
    tell(scene);
    loop {
        prompt::show();
        tokio::select! {
            line = next(&mut lines) => match prompt::obey(scene, &line).await {
                Next::Go => {}
                Next::Leave => return Ok(true),
                Next::Tell => tell(scene),
            },
            _ = interrupt.recv() => return Ok(true),
            _ = terminate.recv() => return Ok(true),
            _ = hangup.recv() => return Ok(true),
            _ = scene.front.ended() => {
                print_line(format_args!("Weir ended by itself; its configuration is in {}", scene.layout.directory.display()));
                return Ok(false);
            }
        }
    }
}

/// The next line. If no more lines will come, this never returns.
async fn next(lines: &mut mpsc::Receiver<String>) -> String {
    match lines.recv().await {
        Some(line) => line,
        None => std::future::pending().await,
    }
}

fn tell(scene: &Scene) {
    let layout = &scene.layout;
    print_line(format_args!(
        "\nWeir is in front of worker1 (127.0.0.1), worker2 (127.0.0.2) and manager (127.0.0.3), ports {}, {} and {}.\n\
         http {}   https {}   admin {}\nConfiguration, certificates and access log: {}\n",
        layout.nodes.http,
        layout.nodes.https,
        layout.nodes.console,
        layout.http,
        layout.https,
        layout.admin,
        layout.directory.display(),
    ));
    for call in examples::examples(layout) {
        print_line(format_args!("# {}\n{}\n", call.says, call.line));
    }
    print_line("Here: stop worker1, start worker1, states, reload, try, help, quit");
}
