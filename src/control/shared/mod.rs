//! What this machine has in common with others that serve the same hosts (`[shared]`): one secret, and the learned sessions, which
//! servers keep for all.
//!
//! The table here stays what requests ask. Whatever is bound is told to every server (`writing`, through the `queue` of each); a request
//! whose session is not known here asks them all (`asking`); what another machine moved, or let through (`rates`), comes by `streams`; and
//! `feeding` keeps alive what is used, and fills a server that has lost something. A version (`clock`) decides between two bindings of a session, in the
//! server itself, so all agree. Requests never depend on a server.

mod asking;
pub(crate) mod board;
pub(crate) mod clock;
mod common;
mod feeding;
pub(crate) mod keys;
pub(crate) mod machines;
mod orders;
mod places;
mod queue;
mod rates;
mod record;
pub(crate) mod server;
mod streams;
mod table;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsConnector;

use self::common::Common;
use self::feeding::Run;
use self::machines::said::Machines;
use self::places::Places;
use self::rates::passed::Rates;
use self::record::Seal;
use self::server::{Connection, Server, in_words, takes_nothing};
use super::operators::following;
use super::state::Control;
use crate::config::{Config, Stores};
use crate::proxy::client::tls;
use crate::proxy::node::verify;

/// How soon a server is tried again that cannot be used.
const AGAIN: Duration = Duration::from_secs(1);

/// The servers that are told and asked. Nothing goes on when it is dropped.
#[derive(Default)]
pub(crate) struct Sharing {
    running: Option<Running>,
}

struct Running {
    common: Arc<Common>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Sharing {
    /// Tells and asks the servers of this configuration and no others.
    pub(crate) fn follow(&mut self, control: &Arc<Control>, config: &Config) {
        let stores = config.shared.as_ref().and_then(|shared| shared.stores.as_ref());
        if self.running.as_ref().map(|running| &running.common.settings) == stores {
            return;
        }
        let before = self.leave(stores);
        control.shared_board.servers.lock().clear();
        *control.shared_board.machines.lock() = Machines::default();
        control.shared_board.orders.share(None);
        let Some(stores) = stores else { return control.sharing.switch(false, Duration::ZERO, Duration::ZERO) };
        match control.at_start.seal_of_records().zip(connector(stores)) {
            Some((seal, tls)) => self.begin(control, stores, &before, (Seal(seal), tls)),
            None => {
                control.sharing.switch(false, Duration::ZERO, Duration::ZERO);
                log::error!(
                    "shared: no server is used before a restart: sessions are not hashed with the secret of [shared] yet"
                );
            }
        }
    }

    /// Ends what runs. What it had still to tell the same servers get to know. A name that nobody has any more must not be waited for.
    fn leave(&mut self, next: Option<&Stores>) -> Vec<Arc<Server>> {
        let Some(running) = self.running.take() else { return Vec::new() };
        let (servers, own) = (running.common.servers.clone(), &running.common.settings);
        if next.is_none_or(|next| (&next.name, &next.prefix) != (&own.name, &own.prefix)) {
            tokio::spawn(async move {
                machines::say_goodbye(&running.common).await;
                // Its connections end with it.
                drop(running);
            });
        }
        servers
    }

    fn begin(
        &mut self,
        control: &Arc<Control>,
        stores: &Stores,
        before: &[Arc<Server>],
        (seal, tls): (Seal, Option<TlsConnector>),
    ) {
        let servers: Vec<Arc<Server>> = stores.servers.iter().map(Server::new).collect();
        for server in &servers {
            before.iter().filter(|old| old.name == server.name).for_each(|old| server.queue.take_over(&old.queue));
        }
        control.shared_board.servers.lock().clone_from(&servers);
        control.sharing.switch(true, stores.confirm, stores.timeout);
        following::share(control, &stores.name);
        let common = Arc::new(Common {
            control: Arc::clone(control),
            settings: stores.clone(),
            tls,
            places: Places(Arc::clone(&stores.prefix)),
            seal,
            clock: Arc::clone(&control.shared_board.orders.clock),
            servers,
            counts: Arc::clone(&control.shared_board.counts),
            process: process(),
            rates: Rates::new(),
            following: Arc::default(),
        });
        common.look();
        let mut tasks = vec![
            tokio::spawn(writing::listen(Arc::clone(&common))),
            tokio::spawn(asking::answer(Arc::clone(&common))),
            tokio::spawn(rates::say(Arc::clone(&common))),
        ];
        let each = common.servers.iter().map(|server| tokio::spawn(keep(Arc::clone(&common), Arc::clone(server))));
        tasks.extend(each);
        self.running = Some(Running { common, tasks });
    }

    /// Waits until the servers that can be used were told everything, for a second at most. To be called when no request is left.
    /// `for_good`: nobody serves in place of this process.
    pub(crate) async fn finish(&self, for_good: bool) {
        let Some(Running { common, .. }) = &self.running else { return };
        let told = async {
            let is_gone = |server: &Server| server.is_tried() && !server.is_up();
            let is_done = |server: &Arc<Server>| is_gone(server) || server.queue.is_done();
            let mut looks = 0;
            // Twice: between two looks a session may have been on its way to the queues.
            while looks < 2 {
                let done = common.control.sharing.has_told_all() && common.servers.iter().all(is_done);
                looks = if done { looks + 1 } else { 0 };
                tokio::time::sleep(LAST_LOOK).await;
            }
            if for_good {
                machines::say_goodbye(common).await;
            }
        };
        if tokio::time::timeout(LAST_WORDS, told).await.is_err() {
            log::warn!("shared: not every server was told of the last sessions");
        }
    }
}

/// How long the end of the process waits for that, and how often it looks.
const LAST_WORDS: Duration = Duration::from_secs(1);
const LAST_LOOK: Duration = Duration::from_millis(5);

/// Waits until a server can be asked for the sessions that other machines know, or none can.
pub(crate) async fn reached(control: &Control) {
    let servers = control.shared_board.servers.lock().clone();
    let mut tries: JoinSet<bool> =
        servers.into_iter().map(|server| async move { server.once_tried().await.is_some() }).collect();
    while let Some(tried) = tries.join_next().await {
        if matches!(tried, Ok(true)) {
            return;
        }
    }
}

/// By the time and the process id.
fn process() -> u64 {
    let nanoseconds = common::unix_now().as_nanos();
    (u64::try_from(nanoseconds).unwrap_or_default() << 16) ^ u64::from(std::process::id())
}

/// None: it cannot be made, which `check` has refused.
fn connector(stores: &Stores) -> Option<Option<TlsConnector>> {
    let Some(tls) = &stores.tls else { return Some(None) };
    let made = verify::client_config(tls, &tls::provider());
    made.inspect_err(|why| log::error!("shared: {why}")).ok().map(|config| Some(TlsConnector::from(config)))
}

/// Keeps connections to a server, for ever.
async fn keep(common: Arc<Common>, server: Arc<Server>) {
    loop {
        let why = use_it(&common, &server).await;
        server.set_link(None);
        server.queue.forget_confirms();
        common.becomes(&server, Some(&why));
        tokio::time::sleep(AGAIN).await;
    }
}

/// Until it cannot be used any more; why.
async fn use_it(common: &Common, server: &Server) -> String {
    let patience = common.settings.connect_timeout;
    let open = |patience| Connection::open(&server.name, &common.settings, common.tls.as_ref(), patience);
    let (main, moves) = match tokio::try_join!(open(patience), open(patience + Duration::from_millis(streams::WAITS))) {
        Ok(both) => both,
        Err(why) => return why,
    };
    let (mut link, mut moved) = (main.redis.clone(), moves.redis.clone());
    let script: Result<String, _> = redis::cmd("SCRIPT").arg("LOAD").arg(writing::MERGE).query_async(&mut link).await;
    let script = match script {
        Ok(script) => script,
        Err(error) => return in_words(&error),
    };
    let run = match Run::of(&mut link).await {
        Ok(run) => run,
        Err(error) => return in_words(&error),
    };
    let fault = match feeding::try_out(common, server, &mut link, &script).await {
        // Questions it may answer all the same.
        Err(error) if takes_nothing(&error) => Some(in_words(&error)),
        Err(error) => return in_words(&error),
        Ok(()) => None,
    };
    server.set_link(Some(link.clone()));
    let ends = match streams::catch_up(common, server, &mut moved).await {
        Ok(ends) => ends,
        Err(error) => return in_words(&error),
    };
    common.becomes(server, fault.as_deref());
    tokio::select! {
        why = writing::tell(common, server, link.clone(), &script) => why,
        why = streams::follow(common, server, (moved, ends)) => why,
        why = rates::tell(common, link.clone()) => why,
        why = feeding::beat(common, server, link.clone(), &run) => why,
        why = feeding::feed(common, server, link.clone(), (&script, &run)) => why,
    }
}
