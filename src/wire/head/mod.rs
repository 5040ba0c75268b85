//! Heads of requests and answers, read and judged.

pub(super) mod answer;
pub(super) mod connection;
pub(super) mod host;
pub(super) mod meaning;
#[cfg(test)]
mod mutated;
pub(super) mod request;
pub(super) mod request_line;
pub(super) mod run;
pub(super) mod scan;
pub(super) mod spell;
pub(super) mod target;
