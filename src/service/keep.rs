//! Sessions over a restart: read once at the start, written soon after one was bound, every half minute and at the end,
//! never by a thread that carries traffic. A file that cannot be used is set aside, and the table heals itself by use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::generation::Generation;
use super::moments;
use super::state_dir::StateDir;
use super::worker::Shared;
use crate::traffic::pool::Pool;
use crate::traffic::sessions::file::{self, Stamp, Stored, Table};
use crate::traffic::sessions::{Restored, Sessions};
use crate::traffic::tick::Tick;

/// Its file in the state directory.
const FILE: &str = "sessions";

/// Between two writings where nothing was bound: what a crash may cost of what is known of their use.
const EVERY: Duration = Duration::from_secs(30);
/// Between two looks whether one was bound.
const LOOK: Duration = Duration::from_millis(250);
/// Between two writings at least, and so many times as long as the last one took: a hundredth of a core at most.
const PAUSE: Duration = Duration::from_secs(1);
const SHARE: u32 = 100;

/// Writes them again and again, for as long as Weir runs.
pub(crate) async fn keep(shared: Arc<Shared>) {
    if dir(&shared).is_none() {
        return;
    }
    let mut pace = Pace { last: Instant::now(), pause: Duration::ZERO };
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let began = Instant::now();
        if !pace.is_due(began, has_news(&shared)) {
            continue;
        }
        let shared = Arc::clone(&shared);
        // It fails only where the runtime ends.
        let _ = tokio::task::spawn_blocking(move || save(&shared)).await;
        pace = Pace::after(began, Instant::now());
    }
}

/// When they are written next.
struct Pace {
    last: Instant,
    /// How long after that one that was bound must wait.
    pause: Duration,
}

impl Pace {
    fn after(began: Instant, ended: Instant) -> Self {
        let took = ended.saturating_duration_since(began);
        Self { last: ended, pause: took.saturating_mul(SHARE).clamp(PAUSE, EVERY) }
    }

    fn is_due(&self, now: Instant, news: bool) -> bool {
        now.saturating_duration_since(self.last) >= if news { self.pause } else { EVERY }
    }
}

/// Whether one was bound since the last writing, or that failed.
fn has_news(shared: &Shared) -> bool {
    let generation = shared.current.load();
    let mut tables = generation.snapshot.pools.iter().filter_map(|pool| pool.sessions.as_ref());
    tables.any(|known| known.has_news()) || dir(shared).is_some_and(|dir| dir.is_behind(FILE))
}

/// Where they are kept, if anywhere.
fn dir(shared: &Shared) -> Option<&StateDir> {
    shared.state_dir.as_ref().filter(|_| shared.keeps_sessions)
}

/// Takes up the sessions that were kept; false where there are some that cannot be known.
pub(crate) fn restore(dir: &StateDir, generation: &Generation, now: Tick) -> bool {
    let bytes = match dir.read(FILE) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return true,
        // The next writing would replace what may be readable in a moment.
        Err(error) => {
            set_aside(dir, &format!("not readable ({error})"));
            return false;
        }
    };
    let file = match file::decode(&bytes) {
        Ok(file) => file,
        Err(why) => {
            set_aside(dir, &why.to_string());
            return false;
        }
    };
    let downtime = file.downtime(&Stamp { moment: moments::now(), boot: &moments::boot() });
    let (mut taken, mut over) = (0, 0);
    for stored in &file.tables {
        match take_up(stored, generation, downtime, now) {
            Ok(restored) => (taken, over) = (taken + restored.taken, over + restored.over),
            // They are whole; only nobody will ever ask for them.
            Err(why) => {
                log::error!("the kept sessions cannot be used: {why}; they are learned anew");
                return false;
            }
        }
    }
    let too_old = if over == 0 { String::new() } else { format!("; too old: {over}") };
    log::info!("{taken} sessions are known from before{too_old}");
    true
}

fn take_up(
    stored: &Stored<'_>,
    generation: &Generation,
    downtime: Duration,
    now: Tick,
) -> Result<Restored, file::Unreadable> {
    let pool = generation.snapshot.pool(stored.pool);
    let Some((pool, sessions)) = pool.and_then(|pool| Some((pool, pool.sessions.as_ref()?))) else {
        return Ok(Restored::default());
    };
    let number = |label: &str| pool.members.iter().find(|member| &*member.label == label).map(|member| member.number);
    stored.restore(sessions, number, downtime, now)
}

fn set_aside(dir: &StateDir, why: &str) {
    match dir.set_aside(FILE) {
        Ok(aside) => log::error!("the kept sessions are {why}: set aside as {}, learned anew", aside.display()),
        Err(error) => log::error!("the kept sessions are {why}, and cannot be set aside: {error}"),
    }
}

/// Writes all sessions; to be called where waiting for the disk holds nobody up.
pub(crate) fn save(shared: &Shared) {
    let Some(dir) = dir(shared) else { return };
    let generation = shared.current.load_full();
    let kept: Vec<Kept<'_>> = generation.snapshot.pools.iter().filter_map(Kept::of).collect();
    let tables: Vec<Table<'_>> = kept.iter().map(Kept::table).collect();
    let (now, boot) = (Tick::from_millis(shared.now()), moments::boot());
    let written = Stamp { moment: moments::now(), boot: &boot };
    // Who failed has told the journal, and is tried again.
    let _ = dir.write(FILE, |out| {
        tables.iter().for_each(|table| _ = table.sessions.take_news());
        file::encode(out, &tables, now, &written)
    });
}

/// A pool with a table.
struct Kept<'g> {
    pool: &'g str,
    nodes: Vec<(u32, &'g str)>,
    sessions: &'g Sessions,
}

impl<'g> Kept<'g> {
    fn of(pool: &'g Pool) -> Option<Self> {
        let nodes = pool.members.iter().map(|member| (member.number, &*member.label)).collect();
        Some(Self { pool: pool.name(), nodes, sessions: pool.sessions.as_ref()? })
    }

    fn table(&self) -> Table<'_> {
        Table { pool: self.pool, nodes: &self.nodes, sessions: self.sessions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_takes_a_hundredth_of_the_time_and_never_waits_for_more_than_half_a_minute() {
        let began = Instant::now();
        let ms = Duration::from_millis;
        for (took, pause) in [(0, 1_000), (5, 1_000), (40, 4_000), (250, 25_000), (900, 30_000)] {
            let (ended, pause) = (began + ms(took), ms(pause));
            let pace = Pace::after(began, ended);
            let due = |after: Duration, news| pace.is_due(ended + after, news);
            assert_eq!((due(pause - ms(1), true), due(pause, true)), (false, true), "{took} ms");
            assert_eq!((due(EVERY - ms(1), false), due(EVERY, false)), (false, true), "{took} ms");
        }
    }
}
