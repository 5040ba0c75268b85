//! Pools: an upstream, or an address behind `proxy_pass`, with what the place says about TLS and retries. Places that say the
//! same share a pool, so its sessions and states are shared as in nginx.

mod cookies;
mod draft;
mod health;
mod nodes;
mod redirects;
mod settings;
mod target;
mod upstream;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use self::draft::{Draft, Identity};
use self::settings::Settings;
use self::target::Endpoint;
pub(super) use self::target::Target;
use super::class::Class::{Changed, Ignored, Refused};
use super::parse::Directive;
use super::report::Verdicts;
use super::scope::Scope;
use super::table::Table;
use super::values;

pub(super) use self::nodes::Nodes;

/// All pools so far.
pub(super) struct Pools<'a> {
    upstreams: BTreeMap<&'a str, &'a Directive>,
    /// Those of `stream`, which has names of its own.
    streams: BTreeMap<&'a str, &'a Directive>,
    /// What answers to probes must be, by its name.
    matches: BTreeMap<&'a str, &'a Directive>,
    drafts: Vec<Draft>,
    known: HashMap<Identity, usize>,
    names: values::Names,
    /// The upstreams that a pool was made of.
    used: HashSet<usize>,
}

/// A pool, and the time limits of this place where they are not the pool's.
pub(super) struct Chosen {
    pub(super) pool: String,
    pub(super) timeouts: Option<String>,
}

impl<'a> Pools<'a> {
    pub(super) fn new(http: &Scope<'a>, verdicts: &Verdicts) -> Self {
        let mut upstreams = BTreeMap::new();
        for one in http.own("upstream") {
            verdicts.same(one, "[[pool]]");
            if upstreams.insert(one.word(), one).is_some() {
                verdicts.say(one, Refused, "", "an upstream of this name is written before");
            }
        }
        let matches = http.own("match").into_iter().map(|one| (one.word(), one)).collect();
        Self {
            upstreams,
            streams: BTreeMap::new(),
            matches,
            drafts: Vec::new(),
            known: HashMap::new(),
            names: values::Names::default(),
            used: HashSet::new(),
        }
    }

    /// Learns the upstreams of a `stream` block.
    pub(super) fn know_streams(&mut self, stream: &Scope<'a>) {
        self.streams.extend(stream.own("upstream").into_iter().map(|one| (one.word(), one)));
    }

    /// The pool of this upstream of `stream`, or of this address, with these time limits, and which tells its nodes who the client is
    /// or does not.
    pub(super) fn choose_stream(
        &mut self,
        host: &str,
        (timeouts, introduces): (Option<String>, bool),
        pass: &Directive,
        verdicts: &Verdicts,
    ) -> Option<String> {
        let upstream = self.streams.get(host).copied();
        upstream.into_iter().for_each(|one| verdicts.same(one, "[[pool]]"));
        let introduction = introduces.then(|| ("proxy-protocol".to_owned(), "\"v1\"".to_owned()));
        let keys: Vec<_> = introduction.into_iter().collect();
        let limits = timeouts.iter().map(|timeouts| ("timeouts".to_owned(), timeouts.clone()));
        let identity = (format!("stream {host}"), true, keys.iter().cloned().chain(limits).collect());
        let at = match self.known.get(&identity) {
            Some(at) => *at,
            None => {
                let settings = Settings { keys, timeouts };
                self.add(&Target { host, tls: true }, upstream, pass, settings, identity, verdicts)?
            }
        };
        Some(self.drafts.get(at)?.name())
    }

    /// The pool for this target, as the place wants it. Nothing where it cannot be.
    pub(super) fn choose(
        &mut self,
        target: &Target<'_>,
        scope: &Scope<'a>,
        pass: &Directive,
        verdicts: &Verdicts,
    ) -> Option<Chosen> {
        let upstream = self.upstreams.get(target.host).copied();
        let settings = Settings::read(target, scope, pass, verdicts);
        let identity = (target.host.to_owned(), target.tls, settings.keys.clone());
        let at = match self.known.get(&identity) {
            Some(at) => *at,
            None => {
                upstream.into_iter().for_each(|one| self.told_apart(one, &settings, verdicts));
                self.add(target, upstream, pass, settings.clone(), identity, verdicts)?
            }
        };
        let draft = self.drafts.get_mut(at)?;
        for one in scope.own("health_check") {
            let Some(health) = health::read(one, target, &self.matches, verdicts) else { continue };
            // In nginx too the probes of one place decide for the whole upstream.
            match draft.table.value("health") {
                Some(other) if other != health => verdicts.missing(one, "a pool has one table of probes"),
                _ => draft.table.set("health", health),
            }
        }
        // The first place decides for the pool; another one has limits of its own.
        let timeouts = (draft.table.value("timeouts").unwrap_or_default()
            != settings.timeouts.clone().unwrap_or_default())
        .then(|| settings.for_a_route())
        .flatten();
        Some(Chosen { pool: draft.name(), timeouts })
    }

    /// Says of an upstream that one more pool is made of it, and why.
    fn told_apart(&self, upstream: &Directive, settings: &Settings, verdicts: &Verdicts) {
        let other = |(identity, _): &(&Identity, &usize)| identity.0 == upstream.word();
        let Some((first, _)) = self.known.iter().filter(other).min_by_key(|(_, at)| **at) else { return };
        let (one, other) = (&first.2, &settings.keys);
        let differs = |(key, value): &&(String, String)| {
            let in_both = [one, other].iter().all(|keys| keys.iter().any(|pair| pair == &(key.clone(), value.clone())));
            !in_both
        };
        let keys: BTreeSet<&str> = one.iter().chain(other).filter(differs).map(|(key, _)| key.as_str()).collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        let note = format!(
            "several pools: places that differ in {} have one each, with sessions, states and limits of its own",
            keys.join(", ")
        );
        verdicts.say(upstream, Changed, "[[pool]]", note);
    }

    /// Says of zones of learned sessions that stand in several upstreams.
    fn told_of_zones(&self, verdicts: &Verdicts) {
        let mut zones: BTreeMap<&str, Vec<&Directive>> = BTreeMap::new();
        let used = self.upstreams.values().filter(|one| self.used.contains(&one.id));
        for one in used.flat_map(|one| one.inside()).filter(|one| one.name == "sticky" && one.word() == "learn") {
            let zone = one.words.iter().find_map(|word| word.strip_prefix("zone="));
            let name = zone.and_then(|zone| zone.split(':').next());
            name.into_iter().for_each(|name| zones.entry(name).or_default().push(one));
        }
        for (name, lines) in zones.iter().filter(|(_, lines)| lines.len() > 1) {
            let note = format!("zone {name} is that of several upstreams: each pool keeps sessions of its own");
            lines.iter().for_each(|one| verdicts.say(one, Changed, "sticky", note.as_str()));
        }
    }

    fn add(
        &mut self,
        target: &Target<'_>,
        upstream: Option<&'a Directive>,
        pass: &Directive,
        settings: Settings,
        identity: Identity,
        verdicts: &Verdicts,
    ) -> Option<usize> {
        let from = upstream.map_or(&pass.at, |one| &one.at);
        let mut table = Table::new("[[pool]]", from);
        let endpoints = match upstream {
            Some(one) => upstream::read(one, &mut table, verdicts)?,
            None => vec![Endpoint::alone(target, pass, verdicts)?],
        };
        let wanted = match upstream {
            Some(_) => values::name(target.host),
            None => endpoints.first().map(Endpoint::pool_name).unwrap_or_default(),
        };
        let name = self.names.free(wanted);
        table.keys.insert(0, ("name".to_owned(), values::text(&name)));
        settings.keys.iter().for_each(|(key, value)| table.set(key, value.clone()));
        if let Some(timeouts) = settings.timeouts {
            table.set("timeouts", timeouts);
        }
        self.used.extend(upstream.map(|one| one.id));
        self.known.insert(identity, self.drafts.len());
        self.drafts.push(Draft { table, endpoints });
        Some(self.drafts.len() - 1)
    }

    /// Names the nodes. Upstreams that nothing uses are told of.
    pub(super) fn finish(mut self, verdicts: &Verdicts) -> (Vec<Table>, Nodes) {
        for one in self.matches.values().filter(|one| !verdicts.has(one)) {
            verdicts.say(one, Ignored, "", "no health_check names it");
        }
        for one in self.upstreams.values().chain(self.streams.values()) {
            if !self.used.contains(&one.id) {
                let note = "no proxy_pass that is imported names it";
                verdicts.say(one, Ignored, "", note);
                verdicts.silence(one, note);
            }
        }
        self.told_of_zones(verdicts);
        let nodes = Nodes::of(&mut self.drafts);
        (self.drafts.into_iter().map(|draft| draft.table).collect(), nodes)
    }
}
