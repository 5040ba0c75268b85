//! HTTP/1 bytes and their meaning: heads of requests and answers, framing, chunks, the normal form of a path. And what
//! may come before HTTP: the server name in a TLS ClientHello, and the PROXY header.
//!
//! Strict if two readers could differ: every node reads what Weir accepts in the same way. Knows no other room, does no
//! I/O, and allocates nothing for a message once its buffers have their size.

mod blame;
mod chunks;
mod client_hello;
mod extension;
mod fault;
mod fields;
mod grammar;
mod head;
mod hpack;
mod kind;
mod limits;
mod proxy_header;
mod words;

pub use self::head::answer::{AnswerFraming, AnswerHead};
pub use self::head::host::{HostRef, split_authority};
pub use self::head::meaning::Framing;
pub use self::head::request::RequestHead;
pub use self::head::request_line::{Method, Version};
pub use self::head::run::Run;
pub use self::head::scan::{AnswerScan, Scan, scan_answer, scan_head};
pub use blame::{blame_answer, blame_request};
pub use chunks::{CHUNK_END, Chunks, LAST_CHUNK, Piece, trailer_may_travel, write_chunk_size, write_last_chunk};
pub use client_hello::{Greeting, HelloReader, MOST_READ};
pub use fault::{AnswerFault, ChunkFault, HeadFault};
pub use fields::Field;
pub use grammar::{digits, field_value_is_clean, is_token, trim};
pub use hpack::{Block, Follower, Oddity, Unfollowed};
pub use kind::FieldKind;
pub use limits::HeadLimits;
pub use proxy_header::{
    Ends, LONGEST as LONGEST_PROXY_HEADER, ProxyHeader, ProxyVersion, read_proxy_header, write_proxy_header,
};
