//! What runs beside requests: probes, names, reloads, what operators say, what is kept on disk, the end.

mod acme;
mod cluster;
mod draining;
mod files;
mod hung_disk;
mod names;
mod operators;
mod outages;
mod probes;
mod reload;
mod sessions_kept;
mod shared;
mod shutdown;
mod start;
mod upgrade;
