//! Weir: a reverse-proxy load balancer for WSO2 EI/ESB and other Java clusters.
//!
//! This is the map of the house. Each room knows only the rooms below it:
//!
//! ```text
//! main      words in, exit code out
//! cli  app  the commands; the wiring of a running Weir
//! admin     the admin address: what it shows, and what operators say there
//! import    from another proxy's configuration to one of Weir's
//! wso2      what is wrong in the nodes' own configuration files
//! control   what runs beside requests: life cycle, reload, probes, names, operators' orders, the state directory
//! proxy     what carries traffic: accepting, the exchange, clients, connections to nodes
//! traffic   what a request meets: routing, balancing, sessions, states, retries, headers, refusals
//! wire      HTTP bytes and their meaning: heads, chunks, and the field blocks of HTTP/2
//! config    what the operator wrote, and what it means
//! observe   metrics, logs, journal, events, systemd: leans on nothing, used from above
//! ```

mod admin;
pub mod app;
pub mod cli;
pub mod config;
mod control;
pub mod import;
pub mod observe;
pub mod proxy;
pub mod traffic;
pub mod wire;
pub mod wso2;
