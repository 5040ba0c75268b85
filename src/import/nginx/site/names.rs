//! Which requests a server answers: for each of its listeners the hosts, and whether it takes what no other server takes. Where
//! these differ from listener to listener, the server becomes several sites.

use std::collections::HashSet;

use super::listen::{Listens, Rank};
use crate::config::rules;
use crate::import::nginx::class::Class::{Changed, Ignored, Narrower, Wider};
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;

/// One site that comes of a server.
pub(super) struct Face {
    pub(super) listeners: Vec<String>,
    pub(super) tls: bool,
    pub(super) hosts: Vec<String>,
    pub(super) role: Role,
}

/// What it answers besides its hosts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Nothing,
    /// Clients that give no name.
    Nameless,
    /// Everything that no other site takes.
    Rest,
}

/// What the lines of `server_name` come to.
#[derive(Default)]
struct Written {
    hosts: Vec<String>,
    /// A name that nobody asks for, as `_`.
    any: bool,
    /// The empty name: requests that name no host.
    empty: bool,
    /// Those that are not imported.
    lost: Vec<String>,
}

/// Names of listeners and hosts that have a site.
pub(super) type Taken = HashSet<(String, String)>;

/// The sites of this server, none, with a verdict, where no request would reach one; and the names of it that are lost.
pub(super) fn faces(
    server: &Directive,
    scope: &Scope<'_>,
    listens: &Listens,
    taken: &mut Taken,
    verdicts: &Verdicts,
) -> (Vec<Face>, Vec<String>) {
    let written = written(scope, verdicts);
    let mut faces: Vec<Face> = Vec::new();
    for listen in &listens.all {
        let free = |host: &&String| !taken.contains(&(listen.name.clone(), (*host).clone()));
        let hosts: Vec<String> = written.hosts.iter().filter(free).cloned().collect();
        if hosts.len() < written.hosts.len() {
            let note = "an earlier server has the same name here, and gets the requests, as in nginx";
            scope.own("server_name").iter().for_each(|one| verdicts.say(one, Changed, "hosts", note));
        }
        taken.extend(hosts.iter().map(|host| (listen.name.clone(), host.clone())));
        let role = match listen.rank {
            Rank::Default => Role::Rest,
            Rank::First if written.any || written.hosts.is_empty() => Role::Rest,
            Rank::First => Role::Nameless,
            Rank::Other if hosts.is_empty() => continue,
            Rank::Other => Role::Nothing,
        };
        match faces.iter_mut().find(|face| face.role == role && face.hosts == hosts) {
            Some(face) => {
                face.listeners.push(listen.name.clone());
                face.tls |= listen.tls;
            }
            None => faces.push(Face { listeners: vec![listen.name.clone()], tls: listen.tls, hosts, role }),
        }
    }
    if faces.is_empty() {
        unreached(server, &written, verdicts);
    }
    let nameless = faces.iter().any(|face| face.role == Role::Nameless);
    if nameless {
        let note = "clients that give no name get this site, the first of its listener; any other name gets 421, unless the site says default = true";
        verdicts.unwritten(&server.at, "listen … default_server", Narrower, "nameless", note);
    }
    (faces, written.lost)
}

fn written(scope: &Scope<'_>, verdicts: &Verdicts) -> Written {
    let lines = scope.own("server_name");
    let mut written = Written { empty: lines.is_empty(), ..Written::default() };
    for one in lines {
        verdicts.same(one, "hosts");
        for word in &one.words {
            match host(word) {
                Host::Any => written.any = true,
                Host::Empty => (written.any, written.empty) = (true, true),
                Host::Names(names) => written.hosts.extend(names),
                Host::No(why) => {
                    verdicts.missing(one, format!("{word}: {why}"));
                    written.lost.push(word.to_ascii_lowercase());
                }
            }
        }
    }
    let mut seen = HashSet::new();
    written.hosts.retain(|host| seen.insert(host.clone()));
    written
}

/// All names that clients ask for, in lower case.
pub(super) fn all(scope: &Scope<'_>) -> Vec<String> {
    let of = |word: &String| match host(word) {
        Host::Any | Host::Empty => Vec::new(),
        Host::Names(names) => names,
        Host::No(_) => vec![word.to_ascii_lowercase()],
    };
    scope.own("server_name").iter().flat_map(|one| &one.words).flat_map(of).collect()
}

/// A server that is left out, since it has no name that Weir could ask for.
fn unreached(server: &Directive, written: &Written, verdicts: &Verdicts) {
    if !written.lost.is_empty() {
        let note =
            "none of its names is imported: its requests get 421, or the site that takes the rest on this listener";
        // What stands in it gets its lines as in any block that is not imported.
        return verdicts.missing(server, note);
    }
    let (class, note, inside) = if written.empty {
        let note =
            "only requests that name no host (HTTP/1.0) reach it in nginx: they get the first site of the listener";
        (Wider, note, "only requests that name no host reach this server in nginx")
    } else {
        let note = "it answers to no name, and is not the first of its listener: no request reaches it";
        (Ignored, note, "no request reaches this server")
    };
    verdicts.say(server, class, "", note);
    verdicts.silence(server, inside);
}

enum Host {
    /// A name that nobody asks for, as `_`: what no other server takes.
    Any,
    /// Requests without a name.
    Empty,
    Names(Vec<String>),
    No(&'static str),
}

fn host(word: &str) -> Host {
    let word = word.to_ascii_lowercase();
    let as_written = |name: &str| match rules::host(name) {
        Some(host) => Host::Names(vec![host]),
        None => Host::No("no host name"),
    };
    match word.as_str() {
        "" => Host::Empty,
        "_" | "-" | "--" | "*" | "!@#" => Host::Any,
        name if name.starts_with('~') => Host::No("names are written, not matched by a regular expression"),
        name if name.ends_with(".*") => Host::No("a wildcard stands at the beginning of a name"),
        name if name.contains('$') => Host::No("names are written, not found by a variable"),
        name => match name.strip_prefix('.').map(|bare| (rules::host(bare), rules::host(&format!("*{name}")))) {
            Some((Some(bare), Some(below))) => Host::Names(vec![bare, below]),
            _ => as_written(name),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_servers() {
        let names = |word| match host(word) {
            Host::Any => vec!["any".to_owned()],
            Host::Empty => vec!["empty".to_owned()],
            Host::Names(names) => names,
            Host::No(_) => Vec::new(),
        };
        assert_eq!(names("_"), ["any"]);
        assert_eq!(names(""), ["empty"]);
        assert_eq!(names("ESB.wso2.com"), ["esb.wso2.com"]);
        assert_eq!(names(".wso2.com"), ["wso2.com", "*.wso2.com"]);
        assert_eq!(names("*.wso2.com"), ["*.wso2.com"]);
        assert_eq!(names("my_host.test"), ["my_host.test"]);
        assert!(names("a..b").is_empty() && names(".a..b").is_empty() && names("*.1.2.3.4").is_empty());
        assert!(names("~^esb").is_empty() && names("esb.*").is_empty());
    }
}
