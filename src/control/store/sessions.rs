//! Sessions over a restart. They are read once at the start, and written soon after a session was bound, every half
//! minute, and at the end. No traffic thread writes them. A file that cannot be used is set aside; Weir then learns the
//! sessions anew from their requests.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::moments;
use super::state_dir::StateDir;
use crate::config::{Address, Node};
use crate::control::state::Control;
use crate::proxy::generation::Generation;
use crate::traffic::affinity::sessions::file;
use crate::traffic::affinity::sessions::file::{
    PendingTable, PreviousFile, SessionFile, Stamp, StoredTable, Table, Unreadable,
};
use crate::traffic::affinity::sessions::{Restored, Sessions};
use crate::traffic::pool::Pool;
use crate::traffic::tick::Tick;

/// The file of sessions in the state directory.
const FILE: &str = "sessions";

/// The time between two writes when no session was bound. A crash loses at most so much of what is known about the use
/// of sessions.
const EVERY: Duration = Duration::from_secs(30);
/// How often to check whether a session was bound.
const LOOK: Duration = Duration::from_millis(250);
/// After a write Weir pauses `CORE_SHARE` times as long as the write computed, and `DISK_SHARE` times as long as it took, but
/// at least `PAUSE` and at most `EVERY`. So writing uses a hundredth of a core and a fifth of a slow disk's time, and more only
/// when a write computes for longer than 0.3 s. What other processes take of the machine does not count.
const PAUSE: Duration = Duration::from_secs(1);
const CORE_SHARE: u32 = 100;
const DISK_SHARE: u32 = 4;

/// Writes the sessions again and again, as long as Weir runs.
pub(crate) async fn write_regularly(control: Arc<Control>) {
    if dir(&control).is_none() {
        return;
    }
    let mut schedule = WriteSchedule { last: Instant::now(), pause: Duration::ZERO };
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let began = Instant::now();
        if !schedule.is_due(began, has_changes(&control)) {
            continue;
        }
        let control = Arc::clone(&control);
        let write = move || {
            let before = computed();
            save(&control);
            computed().saturating_sub(before)
        };
        // This fails only when the runtime ends.
        let computed = tokio::task::spawn_blocking(write).await.unwrap_or_default();
        schedule = WriteSchedule::after(began, Instant::now(), computed);
    }
}

/// How long this thread has computed.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Decides when the sessions are written next.
struct WriteSchedule {
    last: Instant,
    /// How long after the last write a new session must wait to be written.
    pause: Duration,
}

impl WriteSchedule {
    fn after(began: Instant, ended: Instant, computed: Duration) -> Self {
        let took = ended.saturating_duration_since(began);
        let pause = computed.saturating_mul(CORE_SHARE).max(took.saturating_mul(DISK_SHARE));
        Self { last: ended, pause: pause.clamp(PAUSE, EVERY) }
    }

    fn is_due(&self, now: Instant, changed: bool) -> bool {
        now.saturating_duration_since(self.last) >= if changed { self.pause } else { EVERY }
    }
}

/// Whether a session was bound since the last write, or the last write failed.
fn has_changes(control: &Control) -> bool {
    are_new(control) || dir(control).is_some_and(|dir| dir.is_behind(FILE))
}

/// The directory for sessions, if they are stored.
fn dir(control: &Control) -> Option<&StateDir> {
    control.dir_to_write().filter(|_| control.keeps_sessions)
}

/// Restores the stored sessions. Returns those whose nodes are not known yet; they stay in the file. `Err` when there
/// is a file that cannot be used.
pub(crate) fn restore(dir: &StateDir, generation: &Generation) -> Result<Option<PreviousFile>, ()> {
    let bytes = match dir.read(FILE) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        // Set aside, because the next write would replace the file, and it may be readable in a moment.
        Err(error) => {
            set_aside(dir, &format!("not readable ({error})"));
            return Err(());
        }
    };
    let file = file::decode(&bytes).map_err(|why| set_aside(dir, &why.to_string()))?;
    let downtime = file.downtime(&Stamp { moment: moments::now(), boot: &moments::boot() });
    // The file is good, but it was written with another secret, so no request can match its sessions.
    let unusable = |why| log::error!("the kept sessions cannot be used: {why}; they are learned anew");
    let Restored { taken, expired } = restore_all(&file, generation, downtime, Tick::START).map_err(unusable)?;
    let too_old = if expired == 0 { String::new() } else { format!("; too old: {expired}") };
    log::info!("{taken} sessions are known from before{too_old}");
    Ok(awaits_names(generation).then_some(PreviousFile { bytes, downtime }))
}

/// Restores the stored sessions of nodes that this generation is the first to know.
pub(crate) fn restore_more(control: &Control, generation: &Generation) {
    let mut before = control.previous_sessions.lock();
    let Some(kept) = &*before else { return };
    let now = Tick::from_millis(control.now());
    if let Ok(Ok(Restored { taken: taken @ 1.., .. })) = file::decode(&kept.bytes)
        .map(|file| restore_all(&file, generation, kept.downtime + now.since(Tick::START), now))
    {
        log::info!("{taken} more sessions are known from before: the names of their nodes have addresses now");
    }
    if !awaits_names(generation) {
        *before = None;
    }
}

/// Whether a pool with a session table has a node with a name that has no address yet.
fn awaits_names(generation: &Generation) -> bool {
    let config = &generation.snapshot.config;
    let nowhere = |pool: &Pool, node: &Node| {
        matches!(node.address, Address::Name(_)) && pool.members.iter().all(|member| *member.node != *node.name)
    };
    let mut pools = generation.snapshot.pools.iter().filter(|pool| pool.sessions.is_some());
    pools.any(|pool| {
        let mut nodes = pool.settings.members.iter().filter_map(|member| config.nodes.get(member.node));
        nodes.any(|node| nowhere(pool, node))
    })
}

/// `age` is how long ago the file was written.
fn restore_all(
    file: &SessionFile<'_>,
    generation: &Generation,
    age: Duration,
    now: Tick,
) -> Result<Restored, Unreadable> {
    file.tables.iter().try_fold(Restored::default(), |all, stored| {
        let Restored { taken, expired } = restore_table(stored, generation, age, now)?;
        Ok(Restored { taken: all.taken + taken, expired: all.expired + expired })
    })
}

fn restore_table(
    stored: &StoredTable<'_>,
    generation: &Generation,
    age: Duration,
    now: Tick,
) -> Result<Restored, Unreadable> {
    let pool = generation.snapshot.pool(stored.pool);
    let Some((pool, sessions)) = pool.and_then(|pool| Some((pool, pool.sessions.as_ref()?))) else {
        return Ok(Restored::default());
    };
    stored.restore(sessions, |label| number_of(pool, label), age, now)
}

fn number_of(pool: &Pool, label: &str) -> Option<u32> {
    pool.members.iter().find(|member| &*member.label == label).map(|member| member.number)
}

/// The stored sessions that are written again, although their nodes are not known yet. They are dropped when they are
/// too old.
fn pending<'f>(stored: &'f StoredTable<'f>, generation: &Generation, age: Duration) -> Option<PendingTable<'f>> {
    let pool = generation.snapshot.pool(stored.pool)?;
    let idle = pool.settings.sticky.as_ref()?.idle;
    let unknown = |(_, label): &(u32, &&str)| number_of(pool, label).is_none();
    let indexes: Vec<_> = (0..).zip(stored.nodes()).filter(unknown).map(|(index, _)| index).collect();
    (age < idle && !indexes.is_empty()).then_some(PendingTable { table: stored, indexes, age })
}

fn set_aside(dir: &StateDir, why: &str) {
    match dir.set_aside(FILE) {
        Ok(aside) => log::error!("the kept sessions are {why}: set aside as {}, learned anew", aside.display()),
        Err(error) => log::error!("the kept sessions are {why}, and cannot be set aside: {error}"),
    }
}

/// Writes all sessions. To be called where waiting for the disk delays nothing else.
pub(crate) fn save(control: &Control) {
    let Some(dir) = dir(control) else { return };
    // `write` has already logged the failure, and a later call tries again.
    let _ = dir.write(FILE, |out| write(control, out));
}

/// All sessions, in the form of their file.
pub(crate) fn tables(control: &Control) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A vector takes all.
    let _ = write(control, &mut bytes);
    bytes
}

/// Whether a session was bound since they were written.
pub(crate) fn are_new(control: &Control) -> bool {
    let generation = control.current.load();
    let mut tables = generation.snapshot.pools.iter().filter_map(|pool| pool.sessions.as_ref());
    tables.any(|known| known.has_changes())
}

/// Adds the sessions of another process that runs, in the form of their file.
pub(crate) fn take_over(control: &Control, tables: &[u8]) {
    let (generation, now) = (control.current.load_full(), Tick::from_millis(control.now()));
    let taken = file::decode(tables).and_then(|file| {
        let downtime = file.downtime(&Stamp { moment: moments::now(), boot: &moments::boot() });
        restore_all(&file, &generation, downtime, now)
    });
    match taken {
        Ok(Restored { taken, .. }) => log::debug!("{taken} sessions were taken over"),
        Err(why) => log::error!("sessions cannot be taken over: {why}; they are learned anew"),
    }
}

/// Adds the sessions that another process has written to the state directory.
pub(crate) fn take_over_from_file(control: &Control) {
    if let Some(Ok(Some(tables))) = dir(control).map(|dir| dir.read(FILE)) {
        take_over(control, &tables);
    }
}

fn write(control: &Control, out: &mut dyn Write) -> io::Result<usize> {
    let generation = control.current.load_full();
    let kept: Vec<PoolTable<'_>> = generation.snapshot.pools.iter().filter_map(PoolTable::of).collect();
    let tables: Vec<Table<'_>> = kept.iter().map(PoolTable::table).collect();
    let (now, boot) = (Tick::from_millis(control.now()), moments::boot());
    let before = control.previous_sessions.lock().clone();
    let file = before.as_ref().and_then(|before| Some((file::decode(&before.bytes).ok()?, before.downtime)));
    let mut left = Vec::new();
    if let Some((file, downtime)) = &file {
        let age = *downtime + now.since(Tick::START);
        left.extend(file.tables.iter().filter_map(|stored| pending(stored, &generation, age)));
    }
    let written = Stamp { moment: moments::now(), boot: &boot };
    tables.iter().for_each(|table| _ = table.sessions.take_changes());
    file::encode(out, &tables, &left, now, &written)
}

/// A pool with a session table.
struct PoolTable<'g> {
    pool: &'g str,
    nodes: Vec<(u32, &'g str)>,
    sessions: &'g Sessions,
}

impl<'g> PoolTable<'g> {
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
    fn writing_takes_a_hundredth_of_a_core_and_never_waits_for_more_than_half_a_minute() {
        let began = Instant::now();
        let ms = Duration::from_millis;
        for (computed, took, pause) in [
            (0, 0, 1_000),
            (5, 5, 1_000),
            (40, 40, 4_000),
            (250, 250, 25_000),
            (900, 900, 30_000),
            // On a busy machine, and on a slow disk.
            (1, 900, 3_600),
            (1, 20_000, 30_000),
        ] {
            let (ended, pause) = (began + ms(took), ms(pause));
            let schedule = WriteSchedule::after(began, ended, ms(computed));
            let due = |after: Duration, changed| schedule.is_due(ended + after, changed);
            assert_eq!((due(pause - ms(1), true), due(pause, true)), (false, true), "{took} ms");
            assert_eq!((due(EVERY - ms(1), false), due(EVERY, false)), (false, true), "{took} ms");
        }
    }
}
