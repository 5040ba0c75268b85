//! HTTP/1 bytes and their meaning: heads of requests and answers, framing, chunks, the normal form of a path.
//! Strict where two readers could differ: what Weir accepts, every node reads the same way. Knows no other room,
//! does no I/O, and allocates nothing per message once its buffers are warm.

mod answer;
mod blame;
mod chunks;
mod connection;
mod extension;
mod fault;
mod fields;
mod grammar;
mod host;
mod hpack;
mod hpack_field;
mod hpack_table;
mod huffman;
mod kind;
mod limits;
mod meaning;
#[cfg(test)]
mod mutated;
mod request;
mod request_line;
mod run;
mod scan;
mod spell;
mod target;
mod words;

pub use answer::{AnswerFraming, AnswerHead};
pub use blame::{blame_answer, blame_request};
pub use chunks::{CHUNK_END, Chunks, LAST_CHUNK, Piece, trailer_may_travel, write_chunk_size, write_last_chunk};
pub use fault::{AnswerFault, ChunkFault, HeadFault};
pub use fields::Field;
pub use grammar::{digits, field_value_is_clean, is_token, trim};
pub use host::{HostRef, split_authority};
pub use hpack::{Block, Follower, Oddity, Unfollowed};
pub use kind::FieldKind;
pub use limits::HeadLimits;
pub use meaning::Framing;
pub use request::RequestHead;
pub use request_line::{Method, Version};
pub use run::Run;
pub use scan::{AnswerScan, Scan, scan_answer, scan_head};
