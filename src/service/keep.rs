//! Sessions over a restart: read once at the start, written every half minute and at the end, never by a thread that
//! carries traffic. A file that cannot be used is set aside, and the table heals itself by use.

use std::sync::Arc;
use std::time::Duration;

use super::generation::Generation;
use super::operators::unix_now;
use super::state_dir::StateDir;
use super::worker::Shared;
use crate::traffic::pool::Pool;
use crate::traffic::sessions::Sessions;
use crate::traffic::sessions::file::{self, Stored, Table};
use crate::traffic::tick::Tick;

/// Its file in the state directory.
const FILE: &str = "sessions";

/// Between two writings: what a crash may cost.
const EVERY: Duration = Duration::from_secs(30);

/// Writes them again and again, for as long as Weir runs.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let mut turn = tokio::time::interval_at(tokio::time::Instant::now() + EVERY, EVERY);
    turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turn.tick().await;
        let shared = Arc::clone(&shared);
        // It fails only where the runtime ends.
        let _ = tokio::task::spawn_blocking(move || save(&shared)).await;
    }
}

/// Takes up the sessions that were kept.
pub(crate) fn restore(dir: &StateDir, generation: &Generation, now: Tick) {
    let bytes = match dir.read(FILE) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return,
        // The next writing would replace what may be readable in a moment.
        Err(error) => return set_aside(dir, &format!("not readable ({error})")),
    };
    let file = match file::decode(&bytes) {
        Ok(file) => file,
        Err(why) => return set_aside(dir, &why.to_string()),
    };
    let downtime = file.downtime(unix_now());
    let mut restored = 0;
    for stored in &file.tables {
        match take_up(stored, generation, downtime, now) {
            Ok(count) => restored += count,
            // They are whole; only nobody will ever ask for them.
            Err(why) => return log::error!("the kept sessions cannot be used: {why}; they are learned anew"),
        }
    }
    log::info!("{restored} sessions are known from before");
}

fn take_up(
    stored: &Stored<'_>,
    generation: &Generation,
    downtime: Duration,
    now: Tick,
) -> Result<usize, file::Unreadable> {
    let Some(pool) = generation.snapshot.pool(stored.pool) else { return Ok(0) };
    let Some(sessions) = &pool.sessions else { return Ok(0) };
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
    let Some(dir) = shared.state_dir.as_ref().filter(|_| shared.keeps_sessions) else { return };
    let generation = shared.current.load_full();
    let kept: Vec<Kept<'_>> = generation.snapshot.pools.iter().filter_map(Kept::of).collect();
    let tables: Vec<Table<'_>> = kept.iter().map(Kept::table).collect();
    let now = Tick::from_millis(shared.now());
    if let Err(error) = dir.write(FILE, |out| file::encode(out, &tables, now, unix_now())) {
        log::error!("sessions cannot be kept over a restart: {error}");
    }
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
