//! The form of `operators.json`: operators' orders for nodes, as the state directory keeps them over a restart. A running
//! Weir reads and writes the file; `weir check` only reads it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Its name in the state directory.
pub const FILE: &str = "operators.json";

/// The version that is written, and the newest that is read.
const VERSION: u64 = 1;

/// An order as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "lowercase")]
pub enum WrittenOrder {
    /// The node serves its sessions, and nothing new.
    Drain {
        /// When the order was given, in Unix seconds.
        since: u64,
        /// In Unix seconds: for people, and for use after a reboot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<u64>,
        /// In milliseconds since the machine's start: for use within this boot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline_up: Option<u64>,
        /// The boot that `deadline_up` counts from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        boot: Option<String>,
    },
    /// The node serves nothing.
    Maintain {
        /// When the order was given, in Unix seconds.
        since: u64,
    },
}

impl WrittenOrder {
    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Drain { .. } => "drain",
            Self::Maintain { .. } => "maintain",
        }
    }

    /// When it was given, in Unix seconds.
    pub const fn since(&self) -> u64 {
        match self {
            Self::Drain { since, .. } | Self::Maintain { since } => *since,
        }
    }

    /// When a drain ends at the latest, in Unix seconds.
    pub const fn deadline(&self) -> Option<u64> {
        match self {
            Self::Drain { deadline, .. } => *deadline,
            Self::Maintain { .. } => None,
        }
    }
}

/// Why the file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is malformed; the text says why.
    Damaged(String),
    /// A later version of Weir wrote it, so its orders may be valid.
    Later(u64),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(why) => write!(f, "it is damaged: {why}"),
            Self::Later(version) => write!(f, "it has version {version}, and this Weir reads version {VERSION}"),
        }
    }
}

impl std::error::Error for Unreadable {}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct Text {
    version: u64,
    nodes: BTreeMap<String, WrittenOrder>,
}

/// The text for the disk, from the orders by node name: JSON, so that operators can read it.
pub fn to_text(nodes: BTreeMap<String, WrittenOrder>) -> String {
    // Names, words and numbers always have a JSON form, so this cannot fail.
    serde_json::to_string_pretty(&Text { version: VERSION, nodes }).unwrap_or_default() + "\n"
}

/// Reads the file's bytes, or says what is wrong with them.
///
/// # Errors
/// Where they are damaged, or of a later version.
pub fn from_bytes(bytes: &[u8]) -> Result<BTreeMap<String, WrittenOrder>, Unreadable> {
    let damaged = |error: serde_json::Error| Unreadable::Damaged(error.to_string());
    let text = str::from_utf8(bytes).map_err(|error| Unreadable::Damaged(error.to_string()))?;
    // Reads the version first, because a later version may have another form.
    match serde_json::from_str::<Versioned>(text).map_err(damaged)?.version {
        VERSION => {}
        later if later > VERSION => return Err(Unreadable::Later(later)),
        other => return Err(Unreadable::Damaged(format!("nobody writes version {other}"))),
    }
    Ok(serde_json::from_str::<Text>(text).map_err(damaged)?.nodes)
}
