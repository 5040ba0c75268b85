//! Why somebody changes something: the option of all commands that do.

use rustix::process::geteuid;

/// The option.
#[derive(clap::Args)]
pub(super) struct Reason {
    /// Why, in one line, for whoever reads the events or the audit file
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Reason {
    /// The reason, and with sudo for whom it is. Weir sees root at its socket then, so without this nobody would know.
    pub(super) fn said(&self) -> Option<String> {
        let user = std::env::var("SUDO_USER").ok().filter(|_| geteuid().is_root());
        with_user(self.reason.as_deref(), user.as_deref())
    }
}

/// The environment proves nothing, so it stands in the reason, which the client tells as well.
fn with_user(reason: Option<&str>, user: Option<&str>) -> Option<String> {
    let plain = |name: &&str| {
        *name != "root" && (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match (reason, user.filter(plain)) {
        // An empty one, and one that is too long, is refused as it was written.
        (Some(reason), Some(user)) if !reason.is_empty() && reason.chars().count() + user.len() < ROOM => {
            Some(format!("{reason} (sudo by {user})"))
        }
        (None, Some(user)) => Some(format!("sudo by {user}")),
        (reason, _) => reason.map(str::to_owned),
    }
}

/// What is left of a reason's 200 characters beside the words around the name.
const ROOM: usize = 200 - " (sudo by )".len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_behind_sudo_stands_in_the_reason() {
        let long = "x".repeat(190);
        for (reason, user, expected) in [
            (Some("kernel update"), Some("anna"), Some("kernel update (sudo by anna)")),
            (None, Some("anna"), Some("sudo by anna")),
            (Some("kernel update"), None, Some("kernel update")),
            (Some("kernel update"), Some("root"), Some("kernel update")),
            (Some("kernel update"), Some("an\nna"), Some("kernel update")),
            (Some(&*long), Some("anna"), Some(&*long)),
            (None, None, None),
        ] {
            assert_eq!(with_user(reason, user).as_deref(), expected, "{reason:?} {user:?}");
        }
    }
}
