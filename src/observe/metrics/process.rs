//! Gauges of this process, read from the kernel. A value that cannot be read is not set.

use std::fs;

use super::metric_vecs::MetricVecs;

/// Sets the gauges from /proc/self. Called by each scrape.
pub(super) fn read_into(vecs: &MetricVecs) {
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        set(&vecs.process_resident, number(&status, "VmRSS:").map(|kibibytes| kibibytes * 1024));
        set(&vecs.threads, number(&status, "Threads:"));
    }
    if let Ok(limits) = fs::read_to_string("/proc/self/limits") {
        set(&vecs.process_max_fds, number(&limits, "Max open files"));
    }
    // One of them is the directory being read.
    let open = fs::read_dir("/proc/self/fd").map(|entries| entries.count().saturating_sub(1));
    set(&vecs.process_open_fds, open.ok().and_then(|open| i64::try_from(open).ok()));

    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let cpu = vecs.process_cpu.with_label_values::<&str>(&[]);
    let more = used.tv_sec as f64 + used.tv_nsec as f64 / 1e9 - cpu.get();
    if more > 0.0 {
        cpu.inc_by(more);
    }
}

fn set(gauge: &prometheus::IntGaugeVec, value: Option<i64>) {
    if let Some(value) = value {
        gauge.with_label_values::<&str>(&[]).set(value);
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
