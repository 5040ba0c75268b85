//! Memory: how much there may be, and who is sent away when it is used up. Better some requests get 503 than that the kernel ends
//! the process with all of them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Whether requests are sent away.
static SHORT: AtomicBool = AtomicBool::new(false);

/// The last limit, in bytes; zero: none.
static LIMIT: AtomicU64 = AtomicU64::new(0);

/// As long as so few connections are open, nobody is sent away: what is held then is held for other things than for clients, and
/// sending clients away would change nothing for ever.
const FEW: usize = 64;

/// Whether memory is used up, so that requests are to be sent away.
pub(crate) fn is_short() -> bool {
    SHORT.load(Relaxed)
}

/// The limit that holds, in bytes; none: there is none.
pub(crate) fn limit() -> Option<u64> {
    Some(LIMIT.load(Relaxed)).filter(|limit| *limit > 0)
}

/// Looks how much is used. `most` is what the operator allows, `open` the number of open connections. To be called now and then.
pub(crate) fn look(most: Option<u64>, open: usize) {
    let most = most.or_else(of_the_service).unwrap_or_default();
    if LIMIT.swap(most, Relaxed) != most && most > 0 {
        log::info!("memory: at most {} MiB; from there on requests get 503", most >> 20);
    }
    let before = is_short();
    if before {
        ask_for_some();
    }
    let Some(used) = used() else { return };
    let short = decide(before, used, most, open);
    if short != before {
        SHORT.store(short, Relaxed);
        let (used, most) = (used >> 20, most >> 20);
        if short {
            log::error!(
                "memory: {used} MiB are used of {most} MiB, with {open} connections open: requests get 503 (memory-exhausted)"
            );
        } else {
            log::warn!("memory: {used} MiB are used of {most} MiB: requests are taken again");
        }
    }
}

/// The allocator gives back to the system what is free, but only when somebody asks it for memory, and nobody may come for a while.
fn ask_for_some() {
    const LARGE: usize = 4 << 20;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE)));
}

/// Once short, an eighth must be free again.
fn decide(short: bool, used: u64, most: u64, open: usize) -> bool {
    let from = if short { most - most / 8 } else { most };
    most > 0 && used >= from && open > FEW
}

/// The memory that is this process' alone, in bytes. What is read from files, such as the program, the kernel can drop.
fn used() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split(' ').skip(1).map_while(|number| number.parse::<u64>().ok());
    let (resident, shared) = (pages.next()?, pages.next()?);
    Some(resident.saturating_sub(shared).saturating_mul(rustix::param::page_size() as u64))
}

/// Nine tenths of what the service may have (`MemoryMax=`, `MemoryHigh=`), or the container.
fn of_the_service() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = Path::new("/sys/fs/cgroup");
    let own = root.join(own);
    let folders = own.ancestors().take_while(|folder| folder.starts_with(root));
    let limits = folders.flat_map(|folder| ["memory.max", "memory.high"].map(|name| folder.join(name)));
    let limits = limits.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok());
    limits.min().map(|limit| limit / 10 * 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_short_of_memory_needs_an_eighth_before_it_goes_on() {
        for (short, used, most, open, expected) in [
            (false, 799, 800, 1000, false),
            (false, 800, 800, 1000, true),
            (true, 700, 800, 1000, true),
            (true, 699, 800, 1000, false),
            // What few connections do not hold does not go by sending them away.
            (false, 800, 800, FEW, false),
            (true, 800, 800, FEW, false),
            (false, u64::MAX, 0, 1000, false),
        ] {
            assert_eq!(decide(short, used, most, open), expected, "{short} {used} {most} {open}");
        }
        assert!(used().is_some_and(|used| used > 1 << 20));
    }
}
