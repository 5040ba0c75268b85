//! What a pool is made of: the target of `proxy_pass`, and the servers behind it.

use crate::config::rules;
use crate::import::nginx::class::Class::Refused;
use crate::import::nginx::parse::{Directive, Origin};
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::values;

/// What `proxy_pass` names, without its path.
pub(crate) struct Target<'a> {
    pub(crate) host: &'a str,
    pub(crate) tls: bool,
}

/// A server of an upstream.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    /// What the pool says of this node alone.
    pub(super) keys: Vec<(String, String)>,
    pub(super) at: Origin,
}

impl Endpoint {
    /// The one server of a `proxy_pass` that names no upstream.
    pub(super) fn alone(target: &Target<'_>, pass: &Directive, verdicts: &Verdicts) -> Option<Self> {
        let usual = if target.tls { 443 } else { 80 };
        let (host, port) = address(target.host, usual).or_else(|| {
            verdicts.say(pass, Refused, "", format!("{} is no address of a node", target.host));
            None
        })?;
        Some(Self { host, port, keys: Vec::new(), at: pass.at.clone() })
    }

    /// What a pool of it alone is called.
    pub(super) fn pool_name(&self) -> String {
        match self.port {
            9443 | 9763 => "manager".to_owned(),
            port => values::name(&format!("{}-{port}", self.host)),
        }
    }
}

pub(super) fn address(text: &str, usual: u16) -> Option<(String, u16)> {
    let (host, port) = values::host_and_port(text)?;
    let port = port.unwrap_or(usual);
    (rules::is_node(&host) && port > 0).then_some((host, port))
}
