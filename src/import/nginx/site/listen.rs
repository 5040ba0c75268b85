//! `listen`: listeners that several sites share, and what a server says about its connections.

mod address;
mod real_ip;
mod shared;

use std::collections::HashMap;
use std::iter;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use self::address::bind;
use self::real_ip::{Believed, believed, names_introducers};
use self::shared::set;
use crate::config::rules;
use crate::import::nginx::class::Class::{Better, Changed, Missing, Narrower, Refused, Same, Wider};
use crate::import::nginx::numbers;
use crate::import::nginx::parse::{Directive, Origin};
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::table::Table;
use crate::import::nginx::values;

pub(super) use self::real_ip::is_told_otherwise;

/// All listeners so far.
#[derive(Default)]
pub(crate) struct Listeners {
    all: Vec<Listener>,
    /// Which of them has this address.
    known: HashMap<SocketAddr, usize>,
    names: values::Names,
}

struct Listener {
    tls: bool,
    http2: bool,
    /// Whether a server said that it takes what no other takes.
    default: bool,
    /// How many servers have it so far, and how many of them as a site.
    servers: usize,
    sites: usize,
    /// A server that says so was read.
    default_read: bool,
    /// A server says that it speaks no HTTP/2.
    no_http2: bool,
    /// The proxies that it believes about clients: those of the first server that names some.
    believed: Option<Believed>,
    /// A server says that its connections begin with a PROXY header.
    introduced: bool,
    table: Table,
}

/// What a server's `listen` lines come to.
#[derive(Default)]
pub(crate) struct Listens {
    pub(super) all: Vec<Listen>,
    /// One of them speaks TLS.
    pub(super) tls: bool,
    pub(super) port: u16,
    /// The proxies that each of them believes about clients.
    believed: Vec<Option<Believed>>,
}

impl Listens {
    /// Whether one of them believes other proxies about clients than nginx does at this place.
    pub(super) fn mistaken(&self, scope: &Scope<'_>) -> bool {
        let pairs = self.all.iter().zip(&self.believed);
        pairs.into_iter().any(|(one, listener)| *listener != believed(scope, one.introduced))
    }

    /// Whether they speak TLS. Nothing where some do and some do not.
    pub(super) fn speak_tls(&self) -> Option<bool> {
        let own = self.all.iter().filter(|one| one.tls).count();
        match own {
            0 => Some(false),
            all if all == self.all.len() => Some(true),
            _ => None,
        }
    }

    /// Those without TLS and those with it.
    pub(super) fn by_scheme(self) -> Vec<Self> {
        let mut parts = [Self::default(), Self::default()];
        for (one, believed) in self.all.into_iter().zip(self.believed) {
            let [plain, secure] = &mut parts;
            let part = if one.tls { secure } else { plain };
            if part.all.is_empty() {
                (part.tls, part.port) = (one.tls, one.port);
            }
            part.all.push(one);
            part.believed.push(believed);
        }
        parts.into_iter().filter(|part| !part.all.is_empty()).collect()
    }
}

/// One of a server's listeners.
pub(super) struct Listen {
    pub(super) name: String,
    pub(super) tls: bool,
    pub(super) rank: Rank,
    port: u16,
    introduced: bool,
}

/// What a server is on one of its listeners.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// The line says `default_server`.
    Default,
    /// The first server, and none says that it is the default.
    First,
    Other,
}

struct Wanted<'a> {
    bind: SocketAddr,
    tls: bool,
    http2: bool,
    no_http2: bool,
    default: bool,
    introduced: bool,
    from: &'a Origin,
}

impl Listeners {
    /// Which listeners are the default of some server, and whom they believe, before any site is read.
    pub(crate) fn expect<'a>(&mut self, servers: &[&'a Directive], scope: &Scope<'a>) {
        // What is wrong is told when the site is read. The lines are read once, since a name in them is looked up.
        let quiet = Verdicts::default();
        let inside = |server: &&'a Directive| {
            let inner = scope.inside(server);
            (wanted(server, &inner, &quiet), inner)
        };
        let all: Vec<_> = servers.iter().map(inside).collect();
        for wanted in all.iter().flat_map(|(wanted, _)| wanted) {
            let listener = self.find_or_add(wanted);
            listener.default |= wanted.default;
            listener.introduced |= wanted.introduced;
        }
        // Whether a listener has PROXY headers may be said by its last server.
        for (wanted, inner) in &all {
            for wanted in wanted {
                let listener = self.find_or_add(wanted);
                let introduced = listener.introduced;
                listener.believed = listener.believed.take().or_else(|| believed(inner, introduced));
            }
        }
    }

    /// The listeners of this server.
    pub(super) fn of(&mut self, server: &Directive, scope: &Scope<'_>, verdicts: &Verdicts) -> Listens {
        let mut listens = Listens::default();
        for wanted in wanted(server, scope, verdicts) {
            let listener = self.find_or_add(&wanted);
            if listener.tls && !wanted.tls {
                let note = "the port speaks TLS, since another server says so";
                scope.own("listen").iter().for_each(|one| verdicts.say(one, Changed, "tls", note));
            }
            // No request comes through these.
            if listener.tls && scope.is_on("ssl_reject_handshake") {
                continue;
            }
            let name = listener.name();
            if listens.all.iter().any(|listen| listen.name == name) {
                let note = "this address is written twice in the server, and nginx does not start with that";
                line(&wanted, scope).for_each(|one| verdicts.say(one, Refused, "", note));
                continue;
            }
            if wanted.default && std::mem::replace(&mut listener.default_read, true) {
                let note = "an earlier server is the default of this address, and nginx does not start with two";
                line(&wanted, scope).for_each(|one| verdicts.say(one, Refused, "", note));
            }
            let rank = match (wanted.default, listener.servers) {
                (true, _) => Rank::Default,
                (false, 0) if !listener.default => Rank::First,
                _ => Rank::Other,
            };
            (listener.servers, listener.sites) = (listener.servers + 1, listener.sites + 1);
            listens.tls |= listener.tls;
            let port = wanted.bind.port();
            listens.all.push(Listen { name, tls: listener.tls, rank, port, introduced: listener.introduced });
            if listens.port == 0 {
                listens.port = port;
            }
            listens.believed.push(listener.believed.clone());
            limits(listener, scope, verdicts);
        }
        if listens.mistaken(scope) {
            let note = "its listener believes the proxies that another server names, and takes clients' \
                        addresses from them";
            verdicts.say(server, Wider, "trusted-proxies", note);
        }
        listens
    }

    /// The listeners of a server of `stream` whose TLS is passed through.
    pub(crate) fn passing(&mut self, server: &Directive, scope: &Scope<'_>, verdicts: &Verdicts) -> Vec<String> {
        let mut names = Vec::new();
        for wanted in wanted(server, scope, verdicts) {
            let listener = self.find_or_add(&Wanted { tls: true, ..wanted });
            (listener.servers, listener.sites) = (listener.servers + 1, listener.sites + 1);
            names.push(listener.name());
        }
        names
    }

    /// A server that refuses all handshakes: the next one is not the first of its TLS listeners. Their names, and whether it has
    /// others too.
    pub(super) fn refusing(&mut self, server: &Directive, scope: &Scope<'_>) -> (Vec<String>, bool) {
        let (mut secure, mut others) = (Vec::new(), false);
        for wanted in wanted(server, scope, &Verdicts::default()) {
            let listener = self.find_or_add(&wanted);
            if listener.tls {
                listener.servers += 1;
                secure.push(listener.name());
            } else {
                others = true;
            }
        }
        (secure, others)
    }

    fn find_or_add(&mut self, wanted: &Wanted<'_>) -> &mut Listener {
        let at = *self.known.entry(wanted.bind).or_insert_with(|| {
            let mut table = Table::new("[[listener]]", wanted.from);
            table.set("name", values::text(&self.names.free(name(wanted.bind, wanted.tls))));
            table.set("bind", values::text(&wanted.bind.to_string()));
            self.all.push(Listener {
                tls: false,
                http2: false,
                default: false,
                servers: 0,
                sites: 0,
                default_read: false,
                no_http2: false,
                believed: None,
                introduced: false,
                table,
            });
            self.all.len() - 1
        });
        let listener = &mut self.all[at];
        listener.tls |= wanted.tls;
        listener.http2 |= wanted.http2;
        listener.no_http2 |= wanted.no_http2;
        if listener.tls && listener.table.value("tls").is_none() {
            listener.table.keys.insert(2, ("tls".to_owned(), "{}".to_owned()));
        }
        listener
    }

    /// What is written.
    pub(crate) fn finish(self) -> Vec<Table> {
        let written = |mut one: Listener| {
            if one.refuses_http2() {
                one.table.set("http2", "false");
            }
            // nginx answers nobody there without a header, and whose would be believed is not known.
            if one.introduced && one.table.value("proxy-protocol-from").is_none() {
                one.table.set("deny-from", values::texts(["0.0.0.0/0", "::/0"]));
            }
            one.table
        };
        self.all.into_iter().filter(|one| one.sites > 0).map(written).collect()
    }
}

impl Listener {
    fn name(&self) -> String {
        self.table.value("name").unwrap_or_default().trim_matches('"').to_owned()
    }

    /// Whether it speaks HTTP/1.1 alone: a server says so, and no other one says the opposite.
    fn refuses_http2(&self) -> bool {
        self.tls && self.no_http2 && !self.http2
    }
}

/// The line that says this.
fn line<'a>(wanted: &Wanted<'_>, scope: &Scope<'a>) -> impl Iterator<Item = &'a Directive> {
    scope.own("listen").into_iter().filter(|one| one.at == *wanted.from)
}

fn name(bind: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    let six = if bind.is_ipv6() { "6" } else { "" };
    let usual = if tls { 443 } else { 80 };
    let address = if bind.ip().is_unspecified() { String::new() } else { format!("-{}", bind.ip()) };
    let port = if bind.port() == usual { String::new() } else { format!("-{}", bind.port()) };
    values::name(&format!("{scheme}{six}{address}{port}"))
}

fn wanted<'a>(server: &'a Directive, scope: &Scope<'a>, verdicts: &Verdicts) -> Vec<Wanted<'a>> {
    let lines = scope.own("listen");
    let all_tls = scope.is_on("ssl");
    if let Some(one) = scope.one("ssl") {
        verdicts.same(one, "tls");
    }
    let http2 = |word: &str| scope.one("http2").is_some_and(|one| one.word() == word);
    let (all_http2, no_http2) = (http2("on"), http2("off"));
    if let Some(one) = scope.one("http2") {
        verdicts.same(one, "http2");
    }
    if lines.is_empty() {
        verdicts.unwritten(&server.at, "listen 80", Same, "[[listener]]", "");
        let bind = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), if all_tls { 443 } else { 80 });
        return vec![Wanted {
            bind,
            tls: all_tls,
            http2: all_http2,
            no_http2,
            default: false,
            introduced: false,
            from: &server.at,
        }];
    }
    let line = |one: &&'a Directive| {
        let has = |word: &str| one.words.iter().any(|other| other == word);
        let bind = bind(one, verdicts)?;
        if let Err(why) = rules::listens_on(bind) {
            verdicts.missing(one, why);
            return None;
        }
        about(one, names_introducers(scope), verdicts);
        let introduced = has("proxy_protocol");
        let (tls, default) = (all_tls || has("ssl"), has("default_server") || has("default"));
        let http2 = all_http2 || has("http2");
        let wanted = |bind| Wanted { bind, tls, http2, no_http2, default, introduced, from: &one.at };
        // One socket for both families, which are two listeners here.
        let both = has("ipv6only=off") && bind.ip() == Ipv6Addr::UNSPECIFIED;
        let four = both.then(|| wanted(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), bind.port())));
        Some(iter::once(wanted(bind)).chain(four))
    };
    lines.iter().filter_map(line).flatten().collect()
}

/// `introducers`: who sends PROXY headers is said here.
fn about(one: &Directive, introducers: bool, verdicts: &Verdicts) {
    for word in one.words.iter().skip(1) {
        match word.split('=').next().unwrap_or_default() {
            "ssl" | "http2" | "default_server" | "default" => {}
            "reuseport" | "backlog" | "rcvbuf" | "sndbuf" | "so_keepalive" | "fastopen" | "bind" | "deferred"
            | "accept_filter" | "ipv6only" | "setfib" | "multipath" => {
                verdicts.say(one, Same, "[[listener]]", format!("{word}: nothing to say"));
            }
            "proxy_protocol" if introducers => {
                let note = "only the proxies of set_real_ip_from may connect; nginx reads a header of others and does not believe it";
                verdicts.say(one, Narrower, "proxy-protocol-from", note);
            }
            "proxy_protocol" => {
                let note = "who may send the PROXY header is not said (set_real_ip_from with real_ip_header proxy_protocol), so nobody is let in here";
                verdicts.say(one, Missing, "proxy-protocol-from", note);
            }
            "quic" | "http3" => verdicts.say(one, Missing, "", "HTTP/3 is not spoken"),
            _ => verdicts.missing(one, format!("{word}: Weir has nothing like it")),
        }
    }
}

/// What the place says about connections of its listener. The first server that says it decides.
fn limits(listener: &mut Listener, scope: &Scope<'_>, verdicts: &Verdicts) {
    let times = [
        ("keepalive_timeout", "idle-timeout"),
        ("client_header_timeout", "head-timeout"),
        ("client_body_timeout", "body-timeout"),
        ("send_timeout", "write-timeout"),
    ];
    for (name, key) in times {
        let Some(one) = scope.one(name) else { continue };
        match values::time(one.word()) {
            Some(time) => set(&mut listener.table, key, time, one, verdicts),
            None => verdicts.say(one, Changed, key, "the default holds: there is no other time without an end"),
        }
    }
    if let Some(one) = scope.one("keepalive_requests") {
        match numbers::number(one.word(), ("listener", "max-requests"), one, verdicts) {
            Some(number) => set(&mut listener.table, "max-requests", number, one, verdicts),
            None => verdicts.say(one, Refused, "max-requests", "write a number"),
        }
    }
    if let Some(one) = scope.one("large_client_header_buffers") {
        let number = one.word().parse::<u64>().ok().zip(one.words.get(1).and_then(|size| values::bytes(size)));
        match number {
            Some((number, size)) => {
                let wanted = number.saturating_mul(size);
                let bytes = wanted.clamp(1 << 10, 1 << 20);
                set(&mut listener.table, "max-head", values::size(bytes), one, verdicts);
                if bytes < wanted {
                    verdicts.say(one, Narrower, "max-head", "a head has at most 1 MiB");
                }
            }
            None => verdicts.say(one, Refused, "", "write a number and a size, such as 4 8k"),
        }
    }
    real_ip::write(&mut listener.table, (listener.servers, listener.introduced), scope, verdicts);
    if listener.tls {
        tls(listener, scope, verdicts);
    }
}

fn tls(listener: &mut Listener, scope: &Scope<'_>, verdicts: &Verdicts) {
    if let Some(one) = scope.one("ssl_protocols") {
        let has = |word: &str| one.words.iter().any(|other| other == word);
        if !has("TLSv1.2") && !has("TLSv1.3") {
            verdicts.say(one, Refused, "tls.min-version", "TLS 1.1 and older are broken; Weir speaks 1.2 and 1.3");
        } else if one.words.iter().any(|word| word != "TLSv1.2" && word != "TLSv1.3") {
            verdicts.say(one, Narrower, "tls.min-version", "TLS 1.2 and 1.3 alone: older clients are refused");
        } else {
            verdicts.same(one, "tls.min-version");
        }
        if !has("TLSv1.2") && has("TLSv1.3") {
            listener.table.set("tls", "{ min-version = \"1.3\" }");
        }
    }
    if !listener.http2 && !listener.no_http2 {
        verdicts.unwritten(&listener.table.from, "http2 off", Better, "http2", "HTTP/2 is offered too");
    }
}
