//! For `weir check` as root: what the service's user could not read or write. By modes and owners, without becoming that
//! user; access lists (ACLs) are not looked at.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::{Config, LogTarget, Logs, Place, Problem};

const NAME: &str = "weir";

const READ: u32 = 4;
const WRITE: u32 = 2;
const ENTER: u32 = 1;

/// A warning for each file and directory, if root asks and there is a user weir.
pub(crate) fn warnings(config: &Config) -> Vec<Problem> {
    if !rustix::process::geteuid().is_root() {
        return Vec::new();
    }
    User::of_system().map_or_else(Vec::new, |user| user.warnings(config))
}

/// The id of the user that the service runs as, if root asks and there is one.
pub(crate) fn service_user() -> Option<u32> {
    let user = User::of_system().filter(|_| rustix::process::geteuid().is_root());
    user.map(|user| user.uid)
}

/// The user that the service runs as.
struct User {
    uid: u32,
    groups: Vec<u32>,
}

impl User {
    fn of_system() -> Option<Self> {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self::find(&text("/etc/passwd"), &text("/etc/group"))
    }

    /// From the content of /etc/passwd and /etc/group.
    fn find(passwd: &str, group: &str) -> Option<Self> {
        let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let (uid, own) = fields
            .filter(|fields| fields.first() == Some(&NAME))
            .find_map(|fields| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)))?;
        let others = group.lines().filter_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let is_member = fields.get(3)?.split(',').any(|member| member == NAME);
            fields.get(2)?.parse().ok().filter(|_| is_member)
        });
        Some(Self { uid, groups: [own].into_iter().chain(others).collect() })
    }

    fn warnings(&self, config: &Config) -> Vec<Problem> {
        let mut found = Vec::new();
        let whole = |file: &Path| Place { file: file.to_path_buf().into(), ..Place::default() };
        let main = config.files.first().map(|file| whole(file)).unwrap_or_default();
        found.extend(config.files.iter().filter_map(|file| self.problem(&whole(file), file, READ)));
        found.extend(self.problem(&main, &config.state_dir, READ | WRITE | ENTER));
        found.extend(self.logs(&main, &config.logs));
        let tokens = config.admin.tokens.iter();
        found.extend(tokens.filter_map(|token| self.problem(&token.at, token.file.as_ref()?, READ)));
        let shared = config.shared.iter();
        found.extend(shared.filter_map(|shared| self.problem(&shared.at, shared.file.as_ref()?, READ)));
        let admin = config.admin.tls.iter().flat_map(|tls| [&tls.certificate.chain, &tls.certificate.key]);
        found.extend(admin.filter_map(|file| self.problem(&config.admin.at, file, READ)));
        for site in &config.sites {
            let files = site.certificates.iter().flat_map(|certificate| [&certificate.chain, &certificate.key]);
            found.extend(files.filter_map(|file| self.problem(&site.at, file, READ)));
            let of_clients = site.client_auth.iter().flat_map(|auth| [Some(&auth.ca), auth.crl.as_ref()]);
            found.extend(of_clients.flatten().filter_map(|file| self.problem(&site.at, file, READ)));
            let pages = site.error_pages.pages.iter().map(|(_, page)| &page.file);
            found.extend(pages.filter_map(|file| self.problem(&site.at, file, READ)));
            found.extend(self.logs(&site.at, &site.logs));
        }
        // Those of pools, and whatever else is named; what was found at a closer place is not told again.
        found.extend(config.named_files.iter().filter_map(|(file, _)| self.problem(&main, file, READ)));
        let mut told = HashSet::new();
        found.retain(|problem| told.insert(problem.what.clone()));
        found
    }

    fn logs(&self, at: &Place, logs: &Logs) -> Vec<Problem> {
        let files = [&logs.access, &logs.error].into_iter().filter_map(|target| match target {
            LogTarget::File(file) => Some(file),
            _ => None,
        });
        // A log file that is not there is made, and after a rotation it never is.
        let needed = files.map(|file| match file.parent() {
            Some(directory) if !file.exists() => (directory, WRITE | ENTER),
            _ => (&**file, WRITE),
        });
        needed.filter_map(|(path, access)| self.problem(at, path, access)).collect()
    }

    /// What keeps the user from this path. `None` where nothing does, or where there is no such path: others say so.
    fn problem(&self, at: &Place, path: &Path, access: u32) -> Option<Problem> {
        let path = fs::canonicalize(path).ok()?;
        let closed = |path: &Path, access| fs::metadata(path).ok().filter(|about| !self.may(about, access));
        let mut directories: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_path_buf).collect();
        directories.reverse();
        let entered = directories.iter().find_map(|directory| Some((directory, closed(directory, ENTER)?, ENTER)));
        let (kept_by, about, access) = entered.or_else(|| Some((&path, closed(&path, access)?, access)))?;
        let verb = if access == READ {
            "read"
        } else if access == ENTER {
            "enter"
        } else {
            "write"
        };
        let (mode, owner, group) = (about.mode() & 0o7777, about.uid(), about.gid());
        let what = format!(
            "the user {NAME} cannot {verb} {}: its mode is {mode:04o}, its owner {owner}:{group}",
            kept_by.display()
        );
        let advice = match access {
            _ if owner == self.uid => format!("chmod {:04o} {}", mode | access << 6, kept_by.display()),
            ENTER => format!("keep it in a directory that {NAME} may enter, such as /etc/weir"),
            _ => format!("chgrp {NAME} {0} && chmod {1:04o} {0}", kept_by.display(), mode | access << 3),
        };
        Some(Problem { at: at.clone(), what, advice })
    }

    /// As the kernel does, the owner is judged by the owner's bits alone, and a member of the group by the group's.
    fn may(&self, about: &Metadata, access: u32) -> bool {
        let shift = match () {
            () if about.uid() == self.uid => 6,
            () if self.groups.contains(&about.gid()) => 3,
            () => 0,
        };
        (about.mode() >> shift) & access == access
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_user_and_its_groups_are_found() {
        let passwd = "root:x:0:0::/root:/bin/sh\nweir:x:990:991::/nonexistent:/usr/sbin/nologin\n";
        let user = User::find(passwd, "ssl-cert:x:110:postgres,weir\nadm:x:4:syslog\nweir:x:991:\n").unwrap();
        assert_eq!((user.uid, user.groups), (990, vec![991, 110]));
        assert!(User::find("weirs:x:1:1::/:/bin/sh\nweir:broken\n", "").is_none());
    }

    #[test]
    fn what_keeps_the_user_out_is_told_with_what_to_do() {
        let directory = std::env::temp_dir().join(format!("weir-readable-{}", std::process::id()));
        fs::create_dir_all(directory.join("certs")).unwrap();
        let key = directory.join("certs/site.key");
        fs::write(&key, "").unwrap();
        let about = fs::metadata(&key).unwrap();
        let (owner, member) =
            (User { uid: about.uid(), groups: vec![] }, User { uid: 65_001, groups: vec![about.gid()] });
        let stranger = User { uid: 65_001, groups: vec![65_001] };
        for (of_directory, of_key, user, said) in [
            (0o755, 0o600, &owner, None),
            (0o755, 0o600, &member, Some("cannot read")),
            (0o755, 0o640, &member, None),
            (0o755, 0o640, &stranger, Some("cannot read")),
            (0o750, 0o644, &stranger, Some("cannot enter")),
            (0o750, 0o640, &member, None),
        ] {
            for (path, mode) in [(directory.join("certs"), of_directory), (key.clone(), of_key)] {
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
            let problem = user.problem(&Place::default(), &key, READ);
            assert_eq!(problem.is_some(), said.is_some(), "{of_directory:o} {of_key:o}: {problem:?}");
            if let (Some(problem), Some(said)) = (problem, said) {
                assert!(problem.what.contains(said) && problem.advice.contains("weir"), "{problem:?}");
            }
        }
        fs::remove_dir_all(&directory).unwrap();
    }
}
