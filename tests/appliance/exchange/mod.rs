//! One request and its answer: bodies, what nodes answer, other nodes when one fails, upgrades.

mod bodies;
mod error_pages;
mod node_answers;
mod retry;
mod retry_terms;
mod second_tries;
mod upgrade;
mod websocket;
