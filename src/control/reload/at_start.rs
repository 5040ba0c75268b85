//! What a running Weir took from its configuration at the start and keeps until the next one.

use std::path::{Path, PathBuf};

use crate::config::{Admin, Config, MetricsAddress, Place, Problem};
use crate::control::shared::keys::{self, SharedKeys};

/// What holds until the next start.
pub(crate) struct AtStart {
    admin: Admin,
    metrics: Option<MetricsAddress>,
    threads: usize,
    state_dir: PathBuf,
    /// That of sessions.
    secret: [u8; 32],
    /// Whether it is that of `[shared]`.
    is_shared: bool,
}

impl AtStart {
    /// Of the configuration that the start has, and the secret of sessions that it took.
    pub(in crate::control) fn of(config: &Config, secret: [u8; 32]) -> Self {
        Self {
            admin: config.admin.clone(),
            metrics: config.metrics.clone(),
            threads: config.threads,
            state_dir: config.state_dir.clone(),
            secret,
            is_shared: SharedKeys::of(config).is_some_and(|shared| shared.sessions == secret),
        }
    }

    /// What the records of `[shared] servers` are sealed with. `None`: sessions are not those of the shared secret.
    pub(in crate::control) fn seal_of_records(&self) -> Option<[u8; 16]> {
        keys::seal_of_records(&self.secret).filter(|_| self.is_shared)
    }

    /// Changes in the file that a running Weir cannot apply.
    pub(crate) fn needs_restart(&self, now: &Config) -> Vec<Problem> {
        let file = Place { line: 0, ..now.admin.at.clone() };
        let (admin, threads, dir) = (&self.admin, self.threads, &self.state_dir);
        let all = [
            (admin.bind != now.admin.bind).then(|| {
                let what = format!("the admin address stays {} and does not become {}", admin.bind, now.admin.bind);
                (now.admin.at.clone(), what)
            }),
            (admin.socket.path() != now.admin.socket.path()).then(|| {
                let named =
                    |admin: &Admin| admin.socket.path().map_or("off".into(), Path::to_string_lossy).into_owned();
                let what = format!("the admin socket stays {} and does not become {}", named(admin), named(&now.admin));
                (now.admin.at.clone(), what)
            }),
            (address(self.metrics.as_ref()) != address(now.metrics.as_ref())).then(|| {
                let (stays, becomes) = (address(self.metrics.as_ref()), address(now.metrics.as_ref()));
                let at = now.metrics.as_ref().map_or_else(|| file.clone(), |metrics| metrics.at.clone());
                (at, format!("the metrics address stays {stays} and does not become {becomes}"))
            }),
            (threads != now.threads).then(|| {
                let what = format!("the number of traffic threads stays {threads} and does not become {}", now.threads);
                (file.clone(), what)
            }),
            (*dir != now.state_dir).then(|| {
                let (dir, other) = (dir.display(), now.state_dir.display());
                (file.clone(), format!("the state directory stays {dir} and does not become {other}"))
            }),
            SharedKeys::of(now).map_or(self.is_shared, |shared| shared.sessions != self.secret).then(|| {
                let at = now.shared.as_ref().map_or_else(|| file.clone(), |shared| shared.at.clone());
                let whose = if self.is_shared { "the one that it was" } else { "this machine's own" };
                (at, format!("the secret of sessions, cookies and tickets stays {whose}"))
            }),
        ];
        let advice = || "restart Weir to follow (`systemctl restart weir`)".to_string();
        all.into_iter().flatten().map(|(at, what)| Problem { at, what, advice: advice() }).collect()
    }
}

fn address(metrics: Option<&MetricsAddress>) -> String {
    metrics.map_or_else(|| "off".to_owned(), |metrics| metrics.bind.to_string())
}
