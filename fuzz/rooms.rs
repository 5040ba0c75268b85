//! The rooms that are fuzzed, built from their own sources without the rest of the house: the whole of it would take
//! a quarter of an hour to build with a fuzzer's instruments in it.

#[path = "../src/wire/mod.rs"]
pub mod wire;

/// The one thing of `config` that these rooms know.
pub mod config {
    use std::sync::Arc;

    /// As `config::Edits`.
    #[derive(Clone, Debug, Default)]
    pub struct Edits {
        pub set: Vec<(Arc<str>, Arc<str>)>,
        pub remove: Vec<Arc<str>>,
    }
}

/// What `traffic` does with heads.
#[path = "../src/traffic"]
pub mod traffic {
    pub mod cookies;
    pub mod edits;
    pub mod headers;
    pub mod location;
    pub mod plain_path;
}
