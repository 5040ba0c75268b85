//! Nodes of a pool: their states, who stands by, who waits for a place.

mod ejection;
mod health;
mod pauses;
mod queue;
mod slow_start;
mod standby;
