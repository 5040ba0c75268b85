//! Listeners and what they hold: their limits, descriptors, memory, IPv6.

mod descriptors;
mod ipv6;
mod listener;
mod memory;
mod proxy_protocol;
mod proxy_protocol_to_nodes;
