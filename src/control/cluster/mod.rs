//! What the nodes say of each other: members of their cluster are asked, and logs are read, who is in it. That is shown and
//! told. Requests, the states of nodes, and the nodes themselves never depend on it.

mod known;
mod log_tail;
mod member_list;
mod source;
mod told;
pub(crate) mod view;
mod word;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::task::JoinHandle;

use self::known::KnownNodes;
use self::log_tail::Log;
use self::source::Source;
use self::told::{Fault, Told};
use self::view::{ClusterState, SourceState};
use self::word::Word;
use super::state::Control;
use crate::config::{Cluster, Config, Endpoint};
use crate::observe::events::About;

/// The sources that are asked. One ends when it is dropped.
#[derive(Default)]
pub(crate) struct Watching {
    tasks: HashMap<SourceKey, WatchTask>,
    started: u64,
}

/// What must not change while a source is asked further.
#[derive(Clone, PartialEq, Eq, Hash)]
struct SourceKey {
    place: SourcePlace,
    interval: Duration,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum SourcePlace {
    Member(Endpoint),
    /// A node's name, and its log.
    Log(Arc<str>, PathBuf),
}

struct WatchTask {
    id: u64,
    task: JoinHandle<()>,
}

impl Watching {
    /// Asks the sources of this configuration and no others. One that was asked before is asked further, on its connection.
    pub(crate) fn follow(&mut self, control: &Arc<Control>, config: &Config) {
        let keys = config.cluster.as_ref().map(|cluster| keys_of(cluster, config)).unwrap_or_default();
        let mut before = std::mem::take(&mut self.tasks);
        let (mut sources, mut new) = (Vec::new(), Vec::new());
        for key in &keys {
            let kept = before.remove(key);
            let id = kept.as_ref().map_or_else(|| self.next(), |task| task.id);
            sources.push(key.place.state(id));
            match kept {
                Some(task) => drop(self.tasks.insert(key.clone(), task)),
                None => new.push((id, key)),
            }
        }
        match keys.first() {
            None => *control.cluster.lock() = None,
            Some(SourceKey { interval, .. }) => {
                let mut state = control.cluster.lock();
                let state = state.get_or_insert_with(|| Box::new(ClusterState::new(*interval)));
                state.follow(*interval, sources);
            }
        }
        for (id, key) in new {
            let task = tokio::spawn(watch(Arc::clone(control), id, key.clone()));
            self.tasks.insert(key.clone(), WatchTask { id, task });
        }
    }

    fn next(&mut self) -> u64 {
        self.started += 1;
        self.started
    }
}

impl Drop for WatchTask {
    fn drop(&mut self) {
        // Until its next await it goes on. Its number is no source's then, and what it says is not heard.
        self.task.abort();
    }
}

impl SourcePlace {
    fn state(&self, id: u64) -> SourceState {
        match self {
            Self::Member(Endpoint { authority, path }) => {
                SourceState::new(id, format!("http://{authority}{path}").into(), None)
            }
            Self::Log(node, path) => SourceState::new(id, path.display().to_string().into(), Some(Arc::clone(node))),
        }
    }
}

fn keys_of(cluster: &Cluster, config: &Config) -> Vec<SourceKey> {
    let members = cluster.members_from.iter().map(|endpoint| SourcePlace::Member(endpoint.clone()));
    let logs = cluster
        .members_log
        .iter()
        .filter_map(|(node, path)| Some(SourcePlace::Log(Arc::clone(&config.nodes.get(*node)?.name), path.clone())));
    members.chain(logs).map(|place| SourceKey { place, interval: cluster.members_interval }).collect()
}

async fn watch(control: Arc<Control>, id: u64, SourceKey { place, interval }: SourceKey) {
    match place {
        SourcePlace::Member(endpoint) => {
            let mut source = Source::new(endpoint, interval);
            loop {
                let said = source.ask().await.map(Word::from);
                hear(&control, id, said);
                tokio::time::sleep(interval).await;
            }
        }
        SourcePlace::Log(_, path) => {
            let mut log = Log::new(path);
            loop {
                let Some((kept, said)) = read(&control, id, log, interval).await else { return };
                log = kept;
                hear(&control, id, said);
                tokio::time::sleep(interval).await;
            }
        }
    }
}

/// Reads a log. A disk that hangs is told as a fault, and waited for.
async fn read(control: &Control, id: u64, mut log: Log, interval: Duration) -> Option<(Log, Result<Word, Fault>)> {
    let mut reading = tokio::task::spawn_blocking(move || {
        let said = log.read().map_err(|error| Fault::Unreadable(error.to_string()));
        (log, said)
    });
    loop {
        match tokio::time::timeout(interval * 2, &mut reading).await {
            Ok(read) => return read.ok(),
            Err(_) => {
                let why = format!("its disk did not answer within {:?}", interval * 2);
                hear(control, id, Err(Fault::Unreadable(why)));
            }
        }
    }
}

/// A source has said something.
fn hear(control: &Control, id: u64, said: Result<Word, Fault>) {
    look(control, |state, known, now| state.heard(id, said, known, now));
}

/// To be called each second: what members say is compared with how the probes go.
pub(crate) fn every_second(control: &Control) {
    if control.cluster.lock().is_some() {
        look(control, ClusterState::look);
    }
}

/// Members that are no node of the configuration, as `HOST:PORT`; `None` where nobody is asked.
pub(crate) fn strangers(control: &Control) -> Option<Vec<String>> {
    let known = KnownNodes::places(&control.current.load());
    let state = control.cluster.lock();
    Some(state.as_ref()?.strangers(&known).iter().map(ToString::to_string).collect())
}

fn look(control: &Control, look: impl FnOnce(&mut ClusterState, &KnownNodes, Instant) -> Vec<Told>) {
    let known = KnownNodes::of(&control.current.load_full());
    let told = control.cluster.lock().as_mut().map(|state| look(state, &known, Instant::now()));
    told.into_iter().flatten().for_each(|told| publish(control, told));
}

fn publish(control: &Control, Told { is_warning, subject, is_node, text }: Told) {
    let level = if is_warning { log::Level::Warn } else { log::Level::Info };
    let is_of_all = &*subject == "cluster";
    let cut: String = text.chars().take(LONGEST).collect();
    let whose = if is_of_all { String::new() } else { format!("{subject}: ") };
    log::log!(level, "cluster: {whose}{cut}");
    let about = About { node: is_node.then(|| subject.to_string()), ..About::default() };
    control.observer.events.push_about(SystemTime::now(), "cluster", &subject, &text, about);
}

/// The longest text in the journal, as among the events.
const LONGEST: usize = 1_000;
