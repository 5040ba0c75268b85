//! Changes heads between client and node, in both directions. All other fields pass byte for byte, in their order and
//! case. The same rules serve HTTP/1 and HTTP/2 clients.

mod to_client;
mod to_node;

pub use self::to_client::{FramingToClient, ToClient, each_answer_field, write_answer};
pub use self::to_node::{FramingToNode, ToNode, write_request};
pub use super::forwarded::{Forwarded, Trust};

/// Writes one field line.
pub fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    write(out, &[name, b": ", value, b"\r\n"]);
}

fn write(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// More bytes than we add to most heads.
const USUAL_ADDED: usize = 320;
