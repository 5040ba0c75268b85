//! Gauges of this process, read from the kernel. A value that cannot be read is not set.

use std::fs;

use prometheus::{Counter, CounterVec, IntGauge, IntGaugeVec, Registry};

use super::definitions::register;

/// The gauges, each by the name that all programs have for it and by its older one.
#[derive(Clone, Debug)]
pub(super) struct Process {
    cpu: [Counter; 2],
    max_fds: [IntGauge; 2],
    open_fds: [IntGauge; 2],
    resident: [IntGauge; 2],
    virtual_memory: [IntGauge; 1],
    threads: [IntGauge; 2],
    start_time: [IntGauge; 2],
    memory_limit: IntGauge,
    memory_short: IntGauge,
}

impl Process {
    pub(super) fn registered_in(registry: &Registry) -> Self {
        let gauge = |name| register(registry, name, IntGaugeVec::new).with_label_values::<&str>(&[]);
        let counter = |name| register(registry, name, CounterVec::new).with_label_values::<&str>(&[]);
        Self {
            cpu: ["process_cpu_seconds_total", "weir_process_cpu_seconds_total"].map(counter),
            max_fds: ["process_max_fds", "weir_process_max_fds"].map(gauge),
            open_fds: ["process_open_fds", "weir_process_open_fds"].map(gauge),
            resident: ["process_resident_memory_bytes", "weir_process_resident_memory_bytes"].map(gauge),
            virtual_memory: ["process_virtual_memory_bytes"].map(gauge),
            threads: ["process_threads", "weir_threads"].map(gauge),
            start_time: ["process_start_time_seconds", "weir_start_time_seconds"].map(gauge),
            memory_limit: gauge("weir_memory_limit_bytes"),
            memory_short: gauge("weir_memory_short"),
        }
    }

    /// From how many bytes on requests are refused, and whether they are now.
    pub(super) fn memory(&self, limit: Option<u64>, short: bool) {
        self.memory_limit.set(limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or_default());
        self.memory_short.set(short.into());
    }

    /// When the process started, in Unix seconds.
    pub(super) fn started(&self, unix: i64) {
        set(&self.start_time, Some(unix));
    }

    /// Sets the gauges from /proc/self. Called by each scrape.
    pub(super) fn read(&self) {
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            let bytes = |key| number(&status, key).map(|kibibytes| kibibytes * 1024);
            set(&self.resident, bytes("VmRSS:"));
            set(&self.virtual_memory, bytes("VmSize:"));
            set(&self.threads, number(&status, "Threads:"));
        }
        if let Ok(limits) = fs::read_to_string("/proc/self/limits") {
            set(&self.max_fds, number(&limits, "Max open files"));
        }
        // One of them is the directory being read.
        let open = fs::read_dir("/proc/self/fd").map(|entries| entries.count().saturating_sub(1));
        set(&self.open_fds, open.ok().and_then(|open| i64::try_from(open).ok()));

        let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let used = used.tv_sec as f64 + used.tv_nsec as f64 / 1e9;
        for cpu in &self.cpu {
            cpu.inc_by((used - cpu.get()).max(0.0));
        }
    }
}

fn set(gauges: &[IntGauge], value: Option<i64>) {
    if let Some(value) = value {
        gauges.iter().for_each(|gauge| gauge.set(value));
    }
}

/// The first number behind `key` at the start of a line.
fn number(text: &str, key: &str) -> Option<i64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_as_the_kernel_writes_them() {
        let text = "Name:\tweir\nVmRSS:\t   10240 kB\nThreads:\t5\nMax open files            1024                 4096    files\n";
        assert_eq!(number(text, "VmRSS:"), Some(10_240));
        assert_eq!(number(text, "Threads:"), Some(5));
        assert_eq!(number(text, "Max open files"), Some(1_024));
        assert_eq!(number(text, "Name:"), None);
        assert_eq!(number(text, "Missing:"), None);
    }
}
