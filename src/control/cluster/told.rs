//! What is told of the cluster: sentences for the journal and the events, and why a source says nothing.

use std::sync::Arc;

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Whether somebody should look.
    pub(super) is_warning: bool,
    /// The node, the source, or the cluster.
    pub(super) subject: Arc<str>,
    /// Whether `subject` is a node.
    pub(super) is_node: bool,
    pub(super) text: String,
}

/// Why a source says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It closed a new connection without a byte.
    Closed,
    /// No answer came, for this reason.
    Silent(String),
    /// A log cannot be read, for this reason.
    Unreadable(String),
    /// It answers something else.
    Useless(String),
}

impl Fault {
    /// Why, and what would be right.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Closed => "it closes connections without an answer, as Hazelcast does whose REST is off (3.6 and newer); \
                             write hazelcast.rest.enabled=true in that node's hazelcast.properties, and let only the nodes and \
                             Weir reach that port, or take it out of members-from"
                .to_owned(),
            Self::Silent(why) => format!("{why}; of its node that says nothing"),
            Self::Unreadable(why) => format!("{why}; see members-log"),
            Self::Useless(why) => format!("{why}; see members-from"),
        }
    }
}
