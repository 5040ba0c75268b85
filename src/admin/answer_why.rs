//! Answers what would happen to a request, and why. It asks the same decisions as the exchange, but nothing is sent, no
//! turn is taken, no session is touched and no rate is used up.

mod words;

use std::net::IpAddr;
use std::time::Instant;

use self::words::{method, passive, session_in_words};
use super::question::{ConsideredNode, Explanation, Question};
use crate::config::{Action, ClientAuth, Listener, RateBy, RequestIds, Site};
use crate::control::notice::Notice;
use crate::control::state::Control;
use crate::proxy::exchange::admission;
use crate::proxy::generation::Generation;
use crate::traffic::balance::PickInput;
use crate::traffic::message::forwarded::Trust;
use crate::traffic::message::ids;
use crate::traffic::message::ids::{IdRules, IdSource};
use crate::traffic::message::refusal::Refusal;
use crate::traffic::pool::affinity;
use crate::traffic::pool::affinity::{Affinity, AffinityInput};
use crate::traffic::pool::member::Member;
use crate::traffic::pool::state::Reason;
use crate::traffic::pool::why::Why;
use crate::traffic::pool::{Choice, Criteria, Pool, Purpose, Tried, WaitTarget};
use crate::traffic::routing::access::may_come;
use crate::traffic::routing::client_address::client_of;
use crate::traffic::routing::routes::RouteScratch;
use crate::traffic::routing::rules::SiteRules;
use crate::traffic::tick::Tick;
use crate::wire::{FieldKind, HeadLimits, RequestHead};

/// The answer in plain words.
pub(crate) fn answer(control: &Control, question: &Question) -> Result<Explanation, Notice> {
    let generation = control.current.load_full();
    let mut explainer = Explainer {
        generation: &generation,
        now: Tick::from_millis(control.now()),
        head: RequestHead::new(),
        asks_others: control.sharing.is_on(),
        explanation: Explanation::default(),
    };
    explainer.listen(question)?;
    explainer.tell_of_cluster(control);
    Ok(explainer.explanation)
}

/// The listener that the request comes to, and its client.
struct Incoming {
    listener: usize,
    peer: IpAddr,
    client: IpAddr,
}

struct Explainer<'g> {
    generation: &'g Generation,
    now: Tick,
    head: RequestHead,
    /// Whether servers that machines share are asked for sessions that are not known here.
    asks_others: bool,
    explanation: Explanation,
}

impl Explainer<'_> {
    fn listen(&mut self, question: &Question) -> Result<(), Notice> {
        let (index, chosen) = self.listener_of(question)?;
        let listener = self.settings(index);
        let limits = HeadLimits::new(listener.max_head, listener.max_fields, listener.tls.is_some());
        let name = listener.name.to_string();
        if let Err(fault) = self.head.parse(&question.head, &limits) {
            self.explanation.listener = name;
            return self.refuse(Refusal::Head(fault));
        }
        self.step(format!("listener {name}: {chosen}"));
        self.explanation.listener = name;
        let lines = self.head.fields().filter(|field| field.kind == FieldKind::XForwardedFor).map(|field| field.value);
        let client = client_of(question.client, self.settings(index).trusted_proxies.as_deref(), lines);
        self.find_site(&Incoming { listener: index, peer: question.client, client })
    }

    /// What the members of the nodes' own cluster say of the chosen node, where its probes say the opposite.
    fn tell_of_cluster(&mut self, control: &Control) {
        let node = self.explanation.node.as_deref().and_then(|label| label.split('@').next());
        let place = node.and_then(|node| control.cluster.lock().as_ref()?.node(node, Instant::now()));
        if let (Some(node), Some(remark)) = (node, place.and_then(|place| place.remark)) {
            self.step(format!("cluster: {node} {remark}; for requests only the probes count"));
        }
    }

    /// Where the ids come from by which the request is found in logs.
    fn tell_ids(&mut self, index: usize, peer: IpAddr) {
        let listener = self.settings(index);
        let rules = IdRules { request_id: listener.request_id, ..IdRules::default() };
        let trust = Trust::of(peer, listener.trusted_proxies.as_deref());
        let (word, how) = match ids::source(&self.head, rules, || trust == Trust::Trusted) {
            IdSource::Off => ("off", "Weir has none, X-Request-Id passes like any other field"),
            IdSource::Taken => ("taken", "taken from X-Request-Id of this trusted proxy"),
            IdSource::Made => ("made", "a new one"),
        };
        self.explanation.request_id = word;
        let unheeded = word == "made" && self.head.value(FieldKind::XRequestId).is_some();
        let why = match (unheeded, trust, rules.request_id) {
            (false, ..) => "",
            (true, _, RequestIds::Make) => ", since the listener makes all",
            (true, Trust::Trusted, _) => ", since the one that came is too long or has other bytes than an id",
            (true, ..) => ", since the one that came is from nobody in trusted-proxies",
        };
        self.step(format!("request id: {how}{why}"));
    }

    /// The listener that was asked for. Otherwise the first that fits the URL by scheme and port and has a site for the
    /// host. The text says how it was found: behind address translation the client's port is not the listener's.
    fn listener_of(&self, question: &Question) -> Result<(usize, String), Notice> {
        let listeners = &self.generation.snapshot.config.listeners;
        if let Some(wanted) = &question.listener {
            let known: Vec<&str> = listeners.iter().map(|listener| &*listener.name).collect();
            let found = known.iter().position(|name| name == wanted).ok_or_else(|| {
                let what = format!("no listener is called {wanted:?}");
                Notice::new(what, crate::config::suggestion(wanted, "listeners here", &known))
            });
            return found.map(|index| (index, "asked for".to_owned()));
        }
        let speaks = |index: &usize| question.secure.is_none_or(|secure| listeners[*index].tls.is_some() == secure);
        let scheme = match question.secure {
            Some(true) => "speaks https, ",
            Some(false) => "speaks http, ",
            None => "",
        };
        let fitting: Vec<usize> = (0..listeners.len()).filter(speaks).collect();
        let Some(first) = fitting.first() else {
            return Err(Notice::new(
                format!("no listener {}", scheme.trim_end_matches(", ")),
                "ask with the other scheme",
            ));
        };
        let on_port = question.port.map(|port| reached_by(listeners, &fitting, port)).unwrap_or_default();
        let knows = |index: &&usize| self.knows_host(**index, question);
        if let (true, Some(port)) = (on_port.is_empty(), question.port) {
            self.refuse_other_scheme(port)?;
        }
        let both = on_port.iter().find(knows);
        let described = |how: String| format!("{scheme}{how}");
        Ok(match (both.or_else(|| on_port.first()), question.port) {
            (Some(index), Some(port)) => (*index, described(format!("on port {port}"))),
            (_, port) => {
                let none = port.map(|port| format!("; none is on port {port}")).unwrap_or_default();
                match fitting.iter().find(knows) {
                    Some(index) => (*index, described(format!("the first with a site for this host{none}"))),
                    None => (*first, described(format!("the first of all, none has a site for this host{none}"))),
                }
            }
        })
    }

    /// Refuses a question whose port is that of a listener that speaks the other scheme: its client gets no answer there.
    fn refuse_other_scheme(&self, port: u16) -> Result<(), Notice> {
        let listeners = &self.generation.snapshot.config.listeners;
        let all: Vec<usize> = (0..listeners.len()).collect();
        let there = reached_by(listeners, &all, port).first().and_then(|index| listeners.get(*index));
        let Some(listener) = there else { return Ok(()) };
        let (speaks, other) = if listener.tls.is_some() { ("https", "http") } else { ("http", "https") };
        let what = format!(
            "listener {} on port {port} speaks {speaks}: who speaks {other} there gets no answer",
            listener.name
        );
        Err(Notice::new(what, format!("ask with {speaks}://, or name another port")))
    }

    /// Whether a listener has a site for the host of the question. Faults of the head are reported later, by the limits
    /// of the chosen listener.
    fn knows_host(&self, listener: usize, question: &Question) -> bool {
        let mut head = RequestHead::new();
        let _ = head.parse(&question.head, &HeadLimits::default());
        let name = head.host().map_or(&b""[..], |host| host.name);
        self.generation.snapshot.hosts.get(listener).is_some_and(|hosts| hosts.find(name).is_some())
    }

    fn find_site(&mut self, incoming: &Incoming) -> Result<(), Notice> {
        let host = self.head.host().map_or(&b""[..], |host| host.name).to_vec();
        if !may_come(&self.settings(incoming.listener).access, incoming.peer) {
            self.step(format!("peer {}: the listener closes its connections at once", incoming.peer));
            self.explanation.action = "deny";
            Refusal::Denied.word().clone_into(&mut self.explanation.why);
            return Ok(());
        }
        let sites = &self.generation.snapshot.config.sites;
        let found = self.generation.snapshot.hosts.get(incoming.listener).and_then(|hosts| hosts.find(&host));
        if !found.is_some_and(|site| sites[site].passthrough) {
            self.tell_ids(incoming.listener, incoming.peer);
        }
        let Some(site) = found else {
            if self.settings(incoming.listener).tls.is_some() {
                let what = "as a server name no site has it either: the TLS handshake fails, and no answer comes";
                self.step(what.to_owned());
            }
            return self.refuse(Refusal::UnknownHost);
        };
        let settings = &sites[site];
        self.explanation.site = Some(settings.name.to_string());
        let how = if settings.default { "takes this host, or as the default" } else { "takes this host" };
        let asks = self.certificate(site, None);
        self.step(format!("site {}: {how}{asks}", settings.name));
        if settings.passthrough {
            return self.pass_through(site, incoming);
        }
        self.find_route(site, incoming)
    }

    /// What is said of client certificates where these rules hold.
    fn certificate(&self, site: usize, route: Option<usize>) -> &'static str {
        let snapshot = &self.generation.snapshot;
        let asks = snapshot.config.sites.get(site).is_some_and(|site| site.client_auth.is_some());
        if asks { ClientAuth::told(snapshot.sites[site].of(route).needs_certificate) } else { "" }
    }

    /// What becomes of a connection whose TLS is passed through. Its client is the peer, and of the request nothing is seen.
    fn pass_through(&mut self, site: usize, incoming: &Incoming) -> Result<(), Notice> {
        let (rules, peer) = (&self.generation.snapshot.sites[site], incoming.peer.to_canonical());
        self.explanation.action = "passthrough";
        self.step("its TLS is passed through: the server name chose the site, and Weir sees no request".to_owned());
        if !rules.may_come(None, peer) {
            self.step(format!("client {peer}: not let in"));
            return self.refuse(Refusal::Denied);
        }
        if self.settings(incoming.listener).rate.as_ref().is_some_and(|rate| matches!(rate.by, RateBy::Client { .. })) {
            self.step("a rate holds here; what is used up of it is not asked".to_owned());
        }
        let Some(pool) = self.generation.snapshot.config.sites[site].pool else {
            return self.refuse(Refusal::NoActiveNode);
        };
        let pool = &self.generation.snapshot.pools[pool];
        let pick_input = affinity::pick_input_of_client(pool, peer, || random(self.now));
        self.explanation.pool = Some(pool.name().to_string());
        self.step(format!("pool {}: the node is chosen by {}", pool.name(), method(&pool.settings.balance)));
        self.choose_node(pool, &Affinity::default(), pick_input)
    }

    fn find_route(&mut self, site: usize, incoming: &Incoming) -> Result<(), Notice> {
        let (rules, client) = (&self.generation.snapshot.sites[site], incoming.client);
        let route = match self.route(rules, incoming) {
            Ok(route) => route,
            Err(refusal) => return self.refuse(refusal),
        };
        let own = rules.of(route);
        if route.is_some() {
            self.explanation.route = Some(own.name.to_string());
            let asks = self.certificate(site, route);
            let asks = if asks == self.certificate(site, None) { "" } else { asks };
            self.step(format!("route {}: the first that matches{asks}", own.name));
        } else {
            self.step("no route matches: the site's own pool".to_owned());
        }
        if let Some(change) = &own.path_change {
            let up = change.up(self.head.target_up()).concat();
            self.step(format!("path: the node is asked for {}", String::from_utf8_lossy(&up)));
        }
        if !rules.may_come(route, client) {
            self.step(format!("client {client}: not let in"));
            return self.refuse(Refusal::Denied);
        }
        if rules.rates(route).next().is_some() || self.settings(incoming.listener).rate.is_some() {
            self.step("a rate holds here; what is used up of it is not asked".to_owned());
        }
        let (action, told) = match &own.action {
            Action::Pool(pool) => return self.find_node(*pool, client),
            Action::Redirect(redirect) => ("redirect", format!("redirected with {} by Weir itself", redirect.status)),
            Action::Answer(answer) => ("answer", self.answered(site, answer.status)),
            Action::Deny => return self.refuse(Refusal::Denied),
        };
        self.explanation.action = action;
        self.step(told);
        self.explanation.why = "answered".to_owned();
        Ok(())
    }

    /// Says of a fixed answer whether the route or the whole site is closed with it.
    fn answered(&self, site: usize, status: u16) -> String {
        let is_closed = |site: &Site| site.closed().site.is_some();
        let closed = match self.generation.snapshot.config.sites.get(site) {
            _ if status < 500 => "",
            Some(site) if is_closed(site) => ": the site is closed",
            _ => ": the route is closed",
        };
        format!("answered {status} by Weir itself{closed}")
    }

    /// The route for this request, found as the exchange finds it.
    fn route(&self, rules: &SiteRules, incoming: &Incoming) -> Result<Option<usize>, Refusal> {
        let secure = self.settings(incoming.listener).tls.is_some();
        let from = self.generation.listeners[incoming.listener].forwarded(incoming.peer, b"", secure);
        let asked = || admission::asked(self.generation, incoming.listener, &from, &self.head);
        admission::route_of(rules, &self.head, &mut RouteScratch::default(), asked, || incoming.client)
    }

    fn find_node(&mut self, pool: usize, client: IpAddr) -> Result<(), Notice> {
        let pool = &self.generation.snapshot.pools[pool];
        self.explanation.action = "pool";
        self.explanation.pool = Some(pool.name().to_string());
        let session =
            Affinity::of(pool, &AffinityInput { head: &self.head, client, now: self.now, purpose: Purpose::Peek });
        self.step(session_in_words(pool, &session, self.asks_others));
        let pick_input = affinity::pick_input(pool, &self.head, || client, || random(self.now));
        self.choose_node(pool, &session, pick_input)
    }

    fn choose_node(&mut self, pool: &Pool, session: &Affinity, pick_input: PickInput) -> Result<(), Notice> {
        let criteria = Criteria {
            bound: session.bound,
            returns: session.returns(),
            prefers: session.prefers,
            tried: &Tried::default(),
            failure: None,
            pick_input,
            now: self.now,
        };
        let (chosen, bound) = match pool.choose(&criteria, Purpose::Peek) {
            Choice::Node(chosen) => {
                let label = &pool.members[chosen.member].label;
                self.explanation.node = Some(label.to_string());
                self.explanation.why = chosen.why.word().to_owned();
                self.step(format!("node {label}: {}", chosen.why.word()));
                self.tell_unprobed(pool, &pool.members[chosen.member]);
                (Some(chosen.member), matches!(chosen.why, Why::Session | Why::Returned))
            }
            Choice::Full(wanted) => match self.wait(pool, wanted) {
                Ok(bound) => (None, bound),
                Err(refusal) => return self.refuse_in(pool, refusal),
            },
            Choice::SessionLost => return self.refuse_in(pool, Refusal::SessionLost),
            Choice::Nobody => return self.refuse_in(pool, Refusal::NoActiveNode),
        };
        self.explain_nodes(pool, chosen, bound);
        Ok(())
    }

    /// Says that nobody looks whether a node answers: it may be dead, and the next request finds out.
    fn tell_unprobed(&mut self, pool: &Pool, chosen: &Member) {
        if pool.settings.health.is_none() && chosen.state.state().reason().is_none() {
            let label = &chosen.label;
            self.step(format!(
                "pool {}: no probes, so {label} counts as active until requests fail there",
                pool.name()
            ));
        }
    }

    /// Says that the request would wait: for the session's own node, which is then the answer, or for any node; or that it
    /// may not.
    fn wait(&mut self, pool: &Pool, wanted: WaitTarget) -> Result<bool, Refusal> {
        let own = wanted.node.and_then(|number| pool.members.get(pool.member_of(number)?));
        self.step(own.map_or_else(
            || "every node that could take it is full".to_owned(),
            |own| format!("node {}, where its session lives, is full", own.label),
        ));
        let waiting = pool.waiting.len();
        let Some(queue) = pool.settings.queue else {
            self.step(format!("pool {}: has no queue", pool.name()));
            return Err(Refusal::NodesBusy);
        };
        if pool.waiting.is_full() {
            self.step(format!("pool {}: its queue is full, {waiting} of {} wait", pool.name(), queue.size));
            return Err(Refusal::QueueFull);
        }
        self.step(format!("pool {}: {waiting} wait in its queue, which has room for {}", pool.name(), queue.size));
        self.explanation.queued = true;
        self.explanation.why = "queued".to_owned();
        self.explanation.node = own.map(|own| own.label.to_string());
        Ok(own.is_some())
    }

    fn refuse_in(&mut self, pool: &Pool, refusal: Refusal) -> Result<(), Notice> {
        self.explain_nodes(pool, None, false);
        self.refuse(refusal)
    }

    fn explain_nodes(&mut self, pool: &Pool, chosen: Option<usize>, bound: bool) {
        for (index, member) in pool.members.iter().enumerate() {
            let state = member.state.state();
            let why_not = match state.reason() {
                _ if chosen == Some(index) => None,
                Some(reason) => Some(passive(member, reason)),
                None if !member.has_room() => {
                    Some(format!("it runs as many requests as it may ({})", member.load.in_flight()))
                }
                None if member.backup => Some("it is a backup, and others can serve".to_owned()),
                None if bound => Some("the session lives elsewhere".to_owned()),
                None => Some("it could have, but it was another one's turn".to_owned()),
            };
            let (node, reason) = (member.label.to_string(), state.reason().map(Reason::word));
            self.explanation.nodes.push(ConsideredNode { node, state: state.word(), reason, why_not });
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> Result<(), Notice> {
        let (status, word) = refusal.answer();
        self.explanation.why = word.to_owned();
        let told = match self.explanation.action {
            "passthrough" => format!("the connection is closed, and logged as {status} {word}"),
            _ => format!("answered {status} {word} by Weir itself"),
        };
        self.explanation.action = if refusal == Refusal::Denied { "deny" } else { "refuse" };
        self.step(told);
        Ok(())
    }

    fn step(&mut self, what: String) {
        self.explanation.steps.push(what);
    }

    fn settings(&self, listener: usize) -> &Listener {
        &self.generation.snapshot.config.listeners[listener]
    }
}

/// The listeners that clients reach on this port (`public-port`). If there are none, those that are bound to it,
/// because on this machine the port is known by its bind.
fn reached_by(listeners: &[Listener], fitting: &[usize], port: u16) -> Vec<usize> {
    let those = |port_of: fn(&Listener) -> u16| {
        fitting.iter().copied().filter(|index| port_of(&listeners[*index]) == port).collect::<Vec<_>>()
    };
    let public = those(|listener| listener.public_port.unwrap_or(listener.bind.port()));
    if public.is_empty() { those(|listener| listener.bind.port()) } else { public }
}

/// A number for the choice of a node. The exchange would draw another one, but it is spread as evenly.
fn random(now: Tick) -> u64 {
    now.as_millis().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
