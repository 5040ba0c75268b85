//! The things that run: listeners, the exchange and its wire, node connections, probes, reload, the admin address.
//! The only room that knows pingora-core.

mod account;
mod admin;
mod answer_why;
mod buffers;
mod choose;
mod client;
mod clock;
mod conn;
mod connection;
mod download;
mod exchange;
mod fault;
mod gate;
mod generation;
mod h1;
mod h2;
mod h2_budget;
mod heads;
mod keep;
mod listeners;
mod names;
mod naming;
mod operate;
mod operators;
mod outages;
mod probes;
mod query;
mod question;
mod reach;
mod reload;
mod run;
mod serve_h1;
mod serve_h2;
mod state_dir;
mod sticky;
mod tcp;
mod threads;
mod tls;
mod trip;
mod tunnel;
mod upload;
mod upstream;
pub mod verify;
mod worker;

pub use run::{NotRun, run};
