//! The first generation of a process: what must be known, bound and read before anything runs.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::binding::bind_new;
use crate::config::{Config, Place, Problem};
use crate::control::changes::stored;
use crate::control::changes::stored::StoredOrders;
use crate::control::names::naming::Naming;
use crate::control::shared::keys::SharedKeys;
use crate::control::store::names::{self, KnownNames};
use crate::control::store::state_dir::StateDir;
use crate::observe::Observer;
use crate::proxy::accept::sockets::{Inherited, Opened};
use crate::proxy::client::tls;
use crate::proxy::client::tls::Lasting;
use crate::proxy::client::tls::digits::from_digits;
use crate::proxy::client::tls::ticket_keys::TicketKeys;
use crate::proxy::generation::{Generation, Prepared};
use crate::traffic::snapshot::{BuildInput, Secrets};

/// What the process before gives, so that all goes on; empty where there is none.
#[derive(Clone, Default)]
pub(crate) struct Handed {
    /// The secret of sessions, in hexadecimal digits.
    pub(crate) sessions: String,
    /// The keys of TLS tickets.
    pub(crate) tickets: String,
    /// Operators' orders and weights, in the form of their file.
    pub(crate) orders: String,
    /// The addresses of the nodes' names, in the form of their file.
    pub(crate) names: String,
}

/// Why nothing was started.
pub(crate) enum StartError {
    /// The configuration cannot be used, now or later.
    Config(Vec<Problem>),
    /// An address is in use. This may pass.
    Bind(Vec<Problem>),
    /// Stored state that must be known before a node serves cannot be read. This may pass.
    State(Vec<Problem>),
}

/// The first generation, prepared while nothing runs yet.
pub(crate) struct FirstGeneration {
    pub(crate) generation: Arc<Generation>,
    pub(crate) lasting: Lasting,
    pub(in crate::control) secret: [u8; 32],
    pub(crate) state_dir: Option<StateDir>,
    pub(crate) stored: StoredOrders,
    /// The orders come from the process before, and not from the disk.
    pub(crate) orders_are_handed: bool,
    pub(crate) keeps_sessions: bool,
    pub(crate) names: KnownNames,
    pub(super) naming: Naming,
    pub(super) opened: Vec<Opened>,
    /// What is left of it belongs to no listener.
    pub(super) inherited: Inherited,
}

impl FirstGeneration {
    /// Prepares a configuration for the first run, with its sockets.
    pub(crate) async fn prepare(
        config: Arc<Config>,
        mut naming: Naming,
        observer: &Arc<Observer>,
        (mut inherited, handed): (Inherited, Handed),
    ) -> Result<Self, StartError> {
        let at = config.admin.at.clone();
        let problem = |what: String| StartError::Config(vec![Problem { at: at.clone(), what, advice: String::new() }]);
        let shared = SharedKeys::of(&config);
        let tickets = match &shared {
            Some(shared) => TicketKeys::shared(shared.tickets),
            None => TicketKeys::given(&handed.tickets),
        };
        let tickets = Arc::new(tickets.map_or_else(TicketKeys::random, Ok).map_err(problem)?);
        let lasting = Lasting { tickets, challenges: Arc::default() };
        let new_secret = tls::secret().map_err(problem)?;
        let state_dir = open_state_dir(&config.state_dir);
        let handed_orders = stored::handed(&handed.orders);
        let orders_are_handed = handed_orders.is_some();
        let stored = handed_orders.map_or_else(|| stored::load(&config.state_dir, state_dir.as_ref()), Ok);
        let stored = stored.map_err(|(what, advice)| {
            let at = Place { line: 0, ..at.clone() };
            StartError::State(vec![Problem { at, what, advice: advice.to_owned() }])
        })?;
        let names = names::handed(&handed.names).unwrap_or_else(|| KnownNames::of_start(state_dir.as_ref()));
        let handed = from_digits(&handed.sessions);
        let of_start = match shared {
            Some(shared) => (shared.sessions, true),
            None => secret(state_dir.as_ref(), handed.unwrap_or(new_secret)),
        };
        let (secret, keeps_sessions) = going_on(of_start, handed);
        let secrets = Secrets::of(secret);
        let prepared = Prepared::new(Arc::clone(&config), None, &lasting, observer).map_err(StartError::Config)?;
        let opened = bind_new(&config, &HashSet::new(), config.threads, &mut inherited).map_err(StartError::Bind)?;
        naming.prepare(&config, &names.known()).await.map_err(problem)?;
        let input = BuildInput {
            generation: 1,
            previous: None,
            resolved: naming.resolved(),
            secrets,
            weights: &stored.weights,
        };
        let generation = prepared.run(&input, observer);
        Ok(Self {
            generation,
            lasting,
            secret,
            state_dir,
            stored,
            orders_are_handed,
            keeps_sessions,
            names,
            naming,
            opened,
            inherited,
        })
    }
}

/// Opens the state directory. Without one Weir still serves, but remembers nothing over a restart.
fn open_state_dir(path: &Path) -> Option<StateDir> {
    StateDir::open(path).inspect_err(|error| log::error!("state-dir: {error}: nothing is kept over a restart")).ok()
}

/// The process before gives its sessions with its secret: both are used until a restart. Sessions that the next start could not
/// find are not stored.
fn going_on(of_start: ([u8; 32], bool), handed: Option<[u8; 32]>) -> ([u8; 32], bool) {
    match handed.filter(|handed| *handed != of_start.0) {
        None => of_start,
        Some(handed) => {
            log::warn!(
                "the secret of sessions and cookies stays that of the process before, since an upgrade forgets none; a restart takes the other one"
            );
            (handed, false)
        }
    }
}

/// The secret of a process that starts, and whether sessions may be stored. Stored sessions and cookies can be used only with
/// the secret they were made with. If that cannot be read now, the stored sessions stay as they are for a later start.
fn secret(dir: Option<&StateDir>, new_secret: [u8; 32]) -> ([u8; 32], bool) {
    let kept = dir.map_or(Ok(new_secret), |dir| dir.secret(new_secret));
    let known = kept.inspect_err(|error| {
        log::error!(
            "the secret of sessions cannot be read (state-dir): {error}: those of before are not known, and none are kept now"
        );
    });
    (*known.as_ref().unwrap_or(&new_secret), known.is_ok())
}
