//! What a user of the appliance notices: the real binary, real sockets, scripted origins.

mod admin;
mod balancing;
mod bodies;
mod descriptors;
mod h2;
mod h2_requests;
mod harness;
mod health;
mod ipv6;
mod limits;
mod logs;
mod memory;
mod names;
mod methods;
mod node_answers;
mod raw_requests;
mod reload;
mod retry;
mod routing;
mod shutdown;
mod slow_readers;
mod sticky;
mod tls;
mod upgrade;
mod warmth;
mod websocket;
