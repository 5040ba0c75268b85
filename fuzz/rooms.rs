//! The rooms that are fuzzed, built from their own sources without the rest of the house: the whole of it would take
//! a quarter of an hour to build with a fuzzer's instruments in it.

#[path = "../src/wire/mod.rs"]
pub mod wire;

/// What `traffic` does with heads.
pub mod traffic {
    #[path = "../../src/traffic/cookies.rs"]
    pub mod cookies;
    #[path = "../../src/traffic/headers.rs"]
    pub mod headers;
    #[path = "../../src/traffic/location.rs"]
    pub mod location;
}
