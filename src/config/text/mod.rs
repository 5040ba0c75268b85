//! Reads a file into typed values, and shows a person where it is wrong: text, tables, keys, places, problems.

mod advice;
pub(crate) mod choices;
pub(crate) mod errors;
pub(crate) mod include;
pub(crate) mod reference;
pub mod regular;
pub(crate) mod report;
pub(crate) mod secrets;
pub(crate) mod section;
pub(crate) mod source;
pub(crate) mod syntax;
pub(crate) mod units;
pub(crate) mod value;
pub(crate) mod variables;
pub(crate) mod words;
