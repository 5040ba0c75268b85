//! What the kernel knows of the running binary: its memory, its CPU time, how many descriptors it may open.

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

use super::appliance::Appliance;

impl Appliance {
    /// Memory in KiB that is its own: without the pages of the program, of which a debug build has many, and as many are there as
    /// the kernel likes.
    #[track_caller]
    pub(crate) fn resident_kib(&self) -> u64 {
        let text = self.kernel_says("status");
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).expect("the kernel says RssAnon")
    }

    /// CPU time used so far, user and system.
    #[track_caller]
    pub(crate) fn cpu_time(&self) -> Duration {
        let text = self.kernel_says("stat");
        // The name in parentheses may hold anything; what follows it is numbers, of which the 12th and 13th are ticks.
        let numbers = text.rsplit(')').next().unwrap_or_default();
        let ticks: u64 = numbers.split_whitespace().skip(11).take(2).filter_map(|text| text.parse::<u64>().ok()).sum();
        // Linux tells all programs a hundred ticks a second.
        Duration::from_millis(ticks * 10)
    }

    /// How many descriptors it has open.
    #[track_caller]
    pub(crate) fn open_descriptors(&self) -> u64 {
        let entries = std::fs::read_dir(format!("/proc/{}/fd", self.id())).expect("the process is ours");
        entries.count() as u64
    }

    /// From now on it may have so many descriptors open.
    #[track_caller]
    pub(crate) fn limit_descriptors(&self, most: u64) {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let limit = Rlimit { current: Some(most), maximum: getrlimit(Resource::Nofile).maximum };
        prlimit(id, Resource::Nofile, limit).expect("the process is ours");
    }

    /// So that a test may hold a thousand clients: a fresh machine lets a program begin with 1024 descriptors.
    pub(super) fn raise_own_descriptors() {
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the maximum anybody may");
    }

    fn kernel_says(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.id())).unwrap_or_default()
    }
}
