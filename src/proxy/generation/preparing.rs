//! From a checked configuration to a generation. Steps that can fail come first; after them nothing can fail.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::listener::RunningListener;
use super::{Generation, RunningPool, RunningSite};
use crate::config::{self, Action, Config, LogFormat, LogTarget, Problem, Verify};
use crate::observe::Observer;
use crate::observe::access_log::{AccessLog, Format};
use crate::observe::logs::{Destination, LogQueue};
use crate::observe::spans::{Settings, SpanQueue};
use crate::proxy::client::tls;
use crate::proxy::client::tls::Lasting;
use crate::proxy::client::tls::asking::Believed;
use crate::proxy::node::{NodeTls, verify};
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::retry;
use crate::traffic::snapshot::{self, BuildInput, Snapshot};

/// The results of all steps that can fail. They are ready before anything is changed.
pub(crate) struct Prepared {
    config: Arc<Config>,
    listeners: Vec<Option<Arc<ServerConfig>>>,
    pools: Vec<Option<NodeTls>>,
    logs: Vec<(AccessLog, Option<Arc<LogQueue>>)>,
    stray: AccessLog,
    /// By site.
    believed: Vec<Option<Arc<Believed>>>,
    any_certificate: NodeTls,
    admin_tls: Option<Arc<ServerConfig>>,
    spans: Option<Arc<SpanQueue>>,
}

impl Prepared {
    /// The configuration that is about to run.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Opens logs and builds TLS configurations. A pool whose TLS settings did not change keeps its TLS configuration,
    /// and with it the sessions that can be resumed.
    pub(crate) fn new(
        config: Arc<Config>,
        before: Option<&Generation>,
        lasting: &Lasting,
        observer: &Observer,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let believed: Vec<_> = config
            .sites
            .iter()
            .map(|site| or_problem(believed(site, before), &site.at, &mut problems).flatten())
            .collect();
        let listeners = (0..config.listeners.len())
            .map(|index| {
                let hosts = snapshot::hosts_of(&config, index);
                or_problem(
                    tls::server_config(&config, index, &hosts, (lasting, &believed)),
                    &config.listeners[index].at,
                    &mut problems,
                )
                .flatten()
            })
            .collect();
        let pools = config
            .pools
            .iter()
            .map(|pool| or_problem(node_tls(pool, before), &pool.at, &mut problems).flatten())
            .collect();
        let logs = config
            .sites
            .iter()
            .map(|site| {
                let opened = open_logs(&site.logs, observer);
                or_problem(opened, &site.at, &mut problems)
                    .unwrap_or_else(|| (AccessLog { queue: None, format: Format::Combined }, None))
            })
            .collect();
        let stray = or_problem(open_logs(&config.logs, observer), &config.admin.at, &mut problems);
        let any_certificate = or_problem(
            connector(&config::NodeTls { verify: Verify::None, server_name: None, certificate: None }),
            &config.admin.at,
            &mut problems,
        );
        let admin_tls = config.admin.tls.as_ref().map(tls::admin_config).transpose();
        let admin_tls = or_problem(admin_tls, &config.admin.at, &mut problems).flatten();
        let spans = config
            .tracing
            .as_ref()
            .map(|tracing| or_problem(open_spans(tracing, observer), &tracing.at, &mut problems));
        match (stray, any_certificate) {
            (Some((stray, _)), Some(any_certificate)) if problems.is_empty() => {
                let spans = spans.flatten();
                Ok(Self { config, listeners, pools, logs, stray, believed, any_certificate, admin_tls, spans })
            }
            _ => Err(problems),
        }
    }

    /// Makes the generation that follows the current one. This cannot fail: [`Prepared::new`] did everything that
    /// could.
    pub(crate) fn run(self, input: &BuildInput<'_>, observer: &Arc<Observer>) -> Arc<Generation> {
        let Self { config, listeners, pools, logs, stray, believed, any_certificate, admin_tls, spans } = self;
        let snapshot = Snapshot::build(config, input);
        let config = &snapshot.config;
        let metrics = &observer.metrics;
        let pools: Vec<_> = pools
            .into_iter()
            .zip(&snapshot.pools)
            .map(|(tls, pool)| {
                let members: Vec<_> =
                    pool.members.iter().map(|member| metrics.node(pool.name(), &member.label)).collect();
                for member in &members {
                    member.know_retries(retry::reasons(&pool.settings.retry, tls.is_some()));
                }
                RunningPool { tls, counters: metrics.pool(pool.name()), members }
            })
            .collect();
        let sites = config.sites.iter().zip(logs).zip(believed).map(|((site, (access, errors)), believed)| {
            let routes = pools_of(site).into_iter().map(|index| {
                let pool = &snapshot.pools[index];
                let nodes = pool.members.iter().map(|member| &*member.label).chain([""]);
                (index, nodes.map(|node| metrics.route(&site.name, pool.name(), node)).collect())
            });
            let counters = metrics.site(&site.name);
            if config.sites.len() <= MOST_SITES_WITH_WORDS {
                counters.know_refusals(Refusal::ALL.iter().map(|refusal| refusal.word()));
            }
            RunningSite {
                access,
                errors,
                believed,
                by_route: site.routes.iter().map(|route| counters.tally(&route.name)).collect(),
                without_route: counters.tally(""),
                counters,
                routes: routes.collect(),
                alone: metrics.route(&site.name, "", ""),
            }
        });
        let listeners = config.listeners.iter().zip(listeners).zip(&snapshot.hosts).map(|((listener, tls), hosts)| {
            let by_address = tls.is_some() && hosts.by_address();
            RunningListener::new(config, listener, tls, by_address, metrics.listener(&listener.name))
        });
        let stray_counters = metrics.route("", "", "");
        Arc::new(Generation {
            listeners: listeners.collect(),
            sites: sites.collect(),
            tells_ends: config.pools.iter().any(|pool| pool.proxy_protocol.is_some()),
            links: snapshot.pools.iter().flat_map(|pool| pool.members.iter().map(|member| member.link)).collect(),
            pools,
            session_names: session_names(config),
            stray,
            spans,
            stray_tally: stray_counters.site().tally(""),
            stray_counters,
            observer: Arc::clone(observer),
            any_certificate,
            admin_tls,
            since: SystemTime::now(),
            snapshot,
        })
    }
}

/// With more sites, a site's refusals are in the scrape from the first one of their kind on: thirty series for each of
/// thousands of sites would cost more than they tell.
const MOST_SITES_WITH_WORDS: usize = 64;

fn or_problem<T>(result: Result<T, String>, at: &config::Place, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|what| problems.push(Problem { at: at.clone(), what, advice: String::new() })).ok()
}

/// What a site believes of client certificates. Where that has not changed it is the same as before, so that nobody is judged anew.
fn believed(site: &config::Site, before: Option<&Generation>) -> Result<Option<Arc<Believed>>, String> {
    let Some(auth) = &site.client_auth else { return Ok(None) };
    let same = before.and_then(|generation| {
        let sites = &generation.snapshot.config.sites;
        let asks_so = |old: &config::Site| {
            old.client_auth.as_ref() == Some(auth) && old.always_needs_certificate() == site.always_needs_certificate()
        };
        let index = sites.iter().position(|old| old.name == site.name && asks_so(old))?;
        generation.sites.get(index)?.believed.clone()
    });
    let new = || Believed::new(auth, site.always_needs_certificate(), &tls::provider());
    same.map_or_else(|| new().map(Arc::new), Ok).map(Some)
}

fn node_tls(pool: &config::Pool, before: Option<&Generation>) -> Result<Option<NodeTls>, String> {
    let Some(settings) = &pool.tls else { return Ok(None) };
    let same = before.and_then(|generation| {
        let index = generation.snapshot.config.pools.iter().position(|p| p.name == pool.name && p.tls == pool.tls)?;
        generation.pools.get(index)?.tls.clone()
    });
    same.map_or_else(|| connector(settings), Ok).map(Some)
}

fn connector(settings: &config::NodeTls) -> Result<NodeTls, String> {
    let client = verify::client_config(settings, &tls::provider())?;
    let server_name = match settings.server_name.as_deref() {
        Some(name) => Some(
            ServerName::try_from(name.to_string())
                .map_err(|_| format!("\"{name}\" is no name that TLS can ask for"))?,
        ),
        None => None,
    };
    Ok(NodeTls { connector: TlsConnector::from(client), server_name })
}

fn open_logs(logs: &config::Logs, observer: &Observer) -> Result<(AccessLog, Option<Arc<LogQueue>>), String> {
    let open = |target: &LogTarget| {
        let destination = match target {
            LogTarget::Journal => Destination::Journal,
            LogTarget::File(path) => Destination::File(path.clone()),
            LogTarget::Off => Destination::Off,
        };
        observer.logs.open(&destination).map_err(|error| format!("cannot open a log: {error}"))
    };
    let format = match logs.format {
        LogFormat::Combined => Format::Combined,
        LogFormat::Json => Format::Json,
    };
    let errors = if logs.error == LogTarget::Journal { None } else { open(&logs.error)? };
    Ok((AccessLog { queue: open(&logs.access)?, format }, errors))
}

fn open_spans(tracing: &config::Tracing, observer: &Observer) -> Result<Arc<SpanQueue>, String> {
    let settings = Settings {
        authority: tracing.endpoint.authority.clone(),
        path: tracing.endpoint.path.clone(),
        service_name: tracing.service_name.clone(),
        interval: tracing.interval,
        timeout: tracing.timeout,
        batch_size: tracing.batch_size,
        queue: tracing.queue,
    };
    let opened = observer.spans.open(&settings, &observer.metrics);
    opened.map_err(|error| format!("cannot start the thread that sends spans: {error}"))
}

fn session_names(config: &Config) -> Vec<Arc<str>> {
    let cookies = config.pools.iter().filter_map(|pool| Some(&pool.sticky.as_ref()?.cookie));
    let mut names: Vec<_> = cookies.filter(|name| !name.eq_ignore_ascii_case("JSESSIONID")).map(Arc::clone).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The pools that a site sends requests to: its own pool and the pools of its routes.
fn pools_of(site: &config::Site) -> Vec<usize> {
    let by_route = site.routes.iter().filter_map(|route| match route.action {
        Action::Pool(pool) => Some(pool),
        _ => None,
    });
    let mut pools: Vec<usize> = site.pool.into_iter().chain(by_route).collect();
    pools.sort_unstable();
    pools.dedup();
    pools
}
