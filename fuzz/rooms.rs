//! The rooms that are fuzzed, built from their own sources without the rest of the house: the whole of it would take
//! a quarter of an hour to build with a fuzzer's instruments in it.

#[path = "../src/wire/mod.rs"]
pub mod wire;

/// What `traffic` does with heads.
#[path = "../src/traffic"]
pub mod traffic {
    pub mod cookies;
    pub mod headers;
    pub mod location;
}
