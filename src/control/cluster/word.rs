//! What one source says: a list of members, or as much of it as a log tells.

use super::member_list::{MemberAddress, MemberList};

/// The most members that are known to be there, and the most that have gone.
const MOST: usize = 256;

/// What one source says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    pub(super) members: Vec<MemberAddress>,
    /// Those that left, where not all members are known.
    pub(super) gone: Vec<MemberAddress>,
    /// Whether who is not named is no member. A log without a whole list only tells who came and who went.
    pub(super) is_whole: bool,
    /// The member that says so.
    pub(super) own: Option<MemberAddress>,
}

impl From<MemberList> for Word {
    fn from(MemberList { members, own }: MemberList) -> Self {
        Self { members, gone: Vec::new(), is_whole: true, own }
    }
}

impl Word {
    /// A member joined.
    pub(super) fn joined(&mut self, member: MemberAddress) {
        self.gone.retain(|gone| *gone != member);
        if !self.members.contains(&member) && self.members.len() < MOST {
            self.members.push(member);
        }
    }

    /// A member left.
    pub(super) fn left(&mut self, member: MemberAddress) {
        self.members.retain(|known| *known != member);
        if !self.gone.contains(&member) && self.gone.len() < MOST {
            self.gone.push(member);
        }
    }
}
