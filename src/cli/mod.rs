//! The commands and their options. Those that concern a running Weir (`admin`) ask its admin address and nothing else.

mod admin;
mod cert;
mod check;
mod completions;
mod config_file;
mod demo;
mod ha;
mod import;
mod init;
mod output;
mod rig;
mod schema;
mod screen;
mod times;
mod wso2;

use std::ffi::OsString;
use std::time::SystemTime;

use clap::{CommandFactory, Parser, Subcommand};

use self::admin::show::{bundle, configuration, events, ready, sites, top};
use self::admin::{AdminArgs, names, operate, status, why};
use self::config_file::ConfigFile;
use crate::app;

/// A reverse-proxy load balancer for WSO2 EI/ESB and other Java clusters.
#[derive(Parser)]
#[command(name = "weir", version, about, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run in the foreground; SIGHUP reloads, SIGTERM and SIGQUIT stop, SIGUSR1 reopens log files
    Run {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Write a configuration for a WSO2 cluster: asks for its hosts and nodes, looks at them, makes certificates
    Init(Box<init::Init>),
    /// Take the configuration of another proxy over
    #[command(subcommand)]
    Import(import::Import),
    /// Check a configuration and everything it names, without running it
    Check {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        output: check::Output,
    },
    /// Check the nodes of a WSO2 cluster by their own configuration files
    #[command(subcommand)]
    Wso2(wso2::Wso2),
    /// Print the JSON Schema of the configuration, by which editors complete and check it
    Schema,
    /// Show a whole cluster on this machine: two workers, a manager, and Weir in front
    Demo(demo::Options),
    /// Make, inspect and pin certificates
    #[command(subcommand)]
    Cert(cert::Cert),
    /// Show what a running Weir is doing
    Status(AdminArgs),
    /// Tell whether a running Weir can serve, by the exit code: for keepalived and scripts
    Ready(ready::Ready),
    /// Write what another program needs so that two machines serve as one
    #[command(subcommand)]
    Ha(ha::Ha),
    /// Show the nodes of every pool, active or passive and why
    Nodes(AdminArgs),
    /// Show the learned sessions of every pool
    Sessions(AdminArgs),
    /// Take a node out gently: its sessions stay until they end, nothing new goes there
    Drain(operate::Drain),
    /// Take a node out at once: its sessions move, running requests are answered; until it is activated
    Maintain(operate::Maintain),
    /// Let a node serve again that was drained or in maintenance
    Activate(operate::NodeArgs),
    /// Ask what a running Weir would do with a request, and why, without sending anything
    Why(why::Why),
    /// Make a running Weir read its configuration again, and tell what came of it
    Reload {
        /// Change nothing; tell what a reload would change, or why it would be refused
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        reload: status::ReloadArgs,
    },
    /// Hand over to the version that is installed now, without a gap: every socket, the sessions, the counters
    Upgrade(status::ReloadArgs),
    /// Compare the files on the disk with what runs, and tell what a reload would change
    Diff(configuration::Diff),
    /// Print the configuration that runs: each value and where it comes from
    Config(AdminArgs),
    /// Show what happened: state changes, reloads, what operators did
    Events(events::EventsArgs),
    /// Show the sites: how much comes, how it ends, and how long the certificates last
    Sites(AdminArgs),
    /// Watch the nodes live, those in trouble first
    Top(top::Top),
    /// Write an archive for support: what runs and what happened, without secrets
    Bundle(bundle::Bundle),
    /// Give a node of a pool another weight than the file's, over reloads and restarts, until it is reset
    Weight(operate::Weight),
    /// Tell how much the journal says, or change it until the next start
    LogLevel(status::LogLevel),
    /// Print the names of nodes or pools, for the completions of a shell
    #[command(hide = true)]
    Names(names::Names),
    /// Print the script by which a shell completes these commands
    Completions(completions::Completions),
}

/// Runs the command of these arguments. Returns the exit code: 0 done, 1 it said why not, 2 wrong usage, 78 bad
/// configuration.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Where even this cannot be printed, only the exit code is left.
            let _ = error.print();
            return error.exit_code();
        }
    };
    match cli.command {
        Command::Run { file } => app::run(&file.config),
        Command::Init(init) => init::run(&init),
        Command::Import(import) => import.run(SystemTime::now()),
        Command::Check { file, output } => check::run(&file.config, output),
        Command::Wso2(wso2) => wso2.run(SystemTime::now()),
        Command::Schema => schema::run(),
        Command::Demo(options) => demo::run(&options),
        Command::Cert(cert) => i32::from(cert.run(SystemTime::now(), &mut std::io::stdout(), &mut std::io::stderr())),
        Command::Status(args) => status::status(&args),
        Command::Ready(asked) => ready::ready(&asked),
        Command::Ha(ha) => ha.run(),
        Command::Nodes(args) => status::nodes(&args),
        Command::Sessions(args) => status::sessions(&args),
        Command::Drain(drain) => operate::drain(&drain),
        Command::Maintain(maintain) => operate::maintain(&maintain),
        Command::Activate(node) => operate::activate(&node),
        Command::Why(why) => why::why(&why),
        Command::Reload { dry_run: true, reload } => configuration::dry_run(&reload.args),
        Command::Reload { dry_run: false, reload } => status::reload(&reload),
        Command::Upgrade(upgrade) => status::upgrade(&upgrade),
        Command::Diff(diff) => configuration::diff(&diff),
        Command::Config(args) => configuration::config(&args),
        Command::Events(args) => events::events(&args),
        Command::Sites(args) => sites::sites(&args),
        Command::Top(args) => top::top(&args),
        Command::Bundle(bundle) => bundle::bundle(&bundle),
        Command::Weight(weight) => operate::weight(&weight),
        Command::LogLevel(level) => status::log_level(&level),
        Command::Names(asked) => names::names(&asked),
        Command::Completions(args) => completions::completions(&args, command()),
    }
}

/// All commands with their options and help, as clap knows them: the man page and the completions are written from it.
pub fn command() -> clap::Command {
    Cli::command()
}
