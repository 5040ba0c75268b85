//! One generation of the checked configuration, as a request sees it: sites by host, the rules of each site, pools with
//! node states and sessions. It is built from a `Config`, the resolved addresses and the previous generation. State
//! that must outlive a reload is taken over from there by identity (pool name and node). Once built, a snapshot does
//! not change.

mod numbers;
mod pools;
mod secrets;

use std::collections::HashMap;
use std::sync::Arc;

use self::numbers::{MANY_NUMBERS, Numbers};
pub use self::pools::ChangedByReload;
use self::pools::{BuiltPools, PoolsInput};
pub use self::secrets::Secrets;
use super::limits::connections::ConnectionLimits;
use super::limits::rate::RateLimit;
use super::pool::Pool;
use super::resolved::Resolved;
use super::routing::reverse_map::ReverseMap;
use super::routing::rules::SiteRules;
use super::routing::sites::Sites;
use crate::config::orders_file::Weights;
use crate::config::{self, Config};

/// One generation.
pub struct Snapshot {
    /// Starts at 1 and grows by one with each successful reload. It stays the same when only the addresses of a name
    /// have changed.
    pub generation: u64,
    /// What it was built from.
    pub config: Arc<Config>,
    /// Which site a host means, by listener (same order as in the configuration).
    pub hosts: Vec<Arc<Sites>>,
    /// What sites do with their requests, same order as in the configuration.
    pub sites: Vec<SiteRules>,
    /// The pools, same order as in the configuration.
    pub pools: Vec<Pool>,
    /// The open connections of listeners, same order as in the configuration.
    pub connection_limits: Vec<Arc<ConnectionLimits>>,
    /// The rates of listeners, same order as in the configuration.
    pub listener_rates: Vec<Option<Arc<RateLimit>>>,
    /// Maps node addresses in a Location to the site that clients use.
    pub reverse_map: ReverseMap,
    /// State changes of nodes that the previous generation had. They are announced when this generation runs.
    pub changed: Vec<ChangedByReload>,
    /// Pool and member index of nodes that the previous generation did not have.
    pub added: Vec<(usize, usize)>,
    numbers: Numbers,
}

/// What a generation is built from, beside its configuration.
pub struct BuildInput<'a> {
    /// Its number.
    pub generation: u64,
    /// The generation before.
    pub previous: Option<&'a Snapshot>,
    /// The addresses of nodes that have names.
    pub resolved: &'a Resolved,
    /// The secret keys.
    pub secrets: Secrets,
    /// The weights that operators ordered.
    pub weights: &'a Weights,
}

impl Snapshot {
    /// Builds a generation.
    pub fn build(config: Arc<Config>, input: &BuildInput<'_>) -> Self {
        let previous = input.previous;
        let numbers = previous.map(Self::numbers_of_remaining).unwrap_or_default();
        let pools_input = PoolsInput {
            config: &config,
            previous: previous.map(|previous| &*previous.pools),
            resolved: input.resolved,
            secrets: input.secrets,
            weights: input.weights,
        };
        let BuiltPools { pools, numbers, changed, added } = pools::build(&pools_input, numbers);
        let before: HashMap<&str, &SiteRules> = previous
            .iter()
            .flat_map(|before| before.config.sites.iter().zip(&before.sites))
            .map(|(site, rules)| (&*site.name, rules))
            .collect();
        let hosts: Vec<_> = (0..config.listeners.len()).map(|listener| Arc::new(hosts_of(&config, listener))).collect();
        Self {
            generation: input.generation,
            sites: config
                .sites
                .iter()
                .map(|site| SiteRules::new(site, before.get(&*site.name).copied(), input.secrets.tables))
                .collect(),
            connection_limits: config.listeners.iter().map(|listener| connection_limits(listener, input)).collect(),
            listener_rates: config.listeners.iter().map(|listener| listener_rate(listener, input)).collect(),
            pools,
            reverse_map: ReverseMap::new(&config, input.resolved, &hosts),
            hosts,
            changed,
            added,
            numbers,
            config,
        }
    }

    fn numbers_of_remaining(&self) -> Numbers {
        let mut numbers = self.numbers.clone();
        if numbers.count() >= MANY_NUMBERS {
            let members = self.pools.iter().flat_map(|pool| &pool.members);
            numbers.keep(&members.map(|member| &*member.label).collect());
        }
        numbers
    }

    /// Applies limits that are lower than before. Call it when no request uses the previous generation for a decision
    /// any more: both share permits and queues, and the previous one may have no queue for requests that the lower
    /// limits hold back.
    pub fn apply_lower_limits(&self) {
        for pool in &self.pools {
            pool.waiting.resize(pools::queue_size(&pool.settings));
            pool.members.iter().for_each(|member| member.load.set_most(member.most));
        }
    }

    /// The rate limits that machines share.
    pub fn shared_rates(&self) -> impl Iterator<Item = (u64, &Arc<RateLimit>)> {
        let of_sites = self.sites.iter().flat_map(SiteRules::all_rates);
        let all = self.listener_rates.iter().flatten().chain(of_sites);
        all.filter_map(|rate| Some((rate.shared()?, rate)))
    }

    /// The pool of that name.
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| &**pool.name() == name)
    }
}

/// Which site of a listener a host means.
pub fn hosts_of(config: &Config, listener: usize) -> Sites {
    let here = || config.sites.iter().enumerate().filter(|(_, site)| site.listeners.contains(&listener));
    let hosts = here().flat_map(|(index, site)| site.hosts.iter().map(move |host| (host, index)));
    let that = |is_it: fn(&config::Site) -> bool| here().find(|(_, site)| is_it(site)).map(|(index, _)| index);
    let sites = Sites::new(hosts, that(|site| site.default)).with_nameless(that(|site| site.nameless));
    match that(|site| site.passthrough) {
        Some(_) => sites.with_first(that(|site| !site.passthrough)),
        None => sites,
    }
}

/// The previous generation, and the index of this listener there.
fn listener_before<'a>(listener: &config::Listener, input: &BuildInput<'a>) -> Option<(&'a Snapshot, usize)> {
    let before = input.previous?;
    Some((before, before.config.listeners.iter().position(|known| known.bind == listener.bind)?))
}

fn listener_rate(listener: &config::Listener, input: &BuildInput<'_>) -> Option<Arc<RateLimit>> {
    let rate = listener.rate.as_ref()?;
    let known = listener_before(listener, input).and_then(|(before, index)| before.listener_rates.get(index)?.as_ref());
    Some(RateLimit::carried_on(rate, known, input.secrets.tables, &format!("listener {}", listener.name)))
}

fn connection_limits(listener: &config::Listener, input: &BuildInput<'_>) -> Arc<ConnectionLimits> {
    let known = || {
        let (before, index) = listener_before(listener, input)?;
        before.connection_limits.get(index)
    };
    known().map_or_else(|| Arc::new(ConnectionLimits::new(input.secrets.tables)), Arc::clone)
}
