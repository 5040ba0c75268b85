//! What single values may be, for who writes a file: each answer is the one that `weir check` would give.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::hosts;
use super::pool::{cookies, sticky};
use super::server::listeners;
use super::text::reference::{Form, find};
use super::values::edits::Direction;
use super::values::{addresses, edits, paths, redirect, request_values, statuses};

/// The smallest and the largest number, or size in bytes, that this key of this table takes.
pub(crate) fn limits(table: &str, key: &str) -> (u64, u64) {
    match find(table, key).map(|key| key.form) {
        Some(Form::Integer(from, to) | Form::Size(from, to)) => (from, to),
        _ => (0, u64::MAX),
    }
}

/// An address to listen on. An error says what stands against it.
pub(crate) fn listens_on(address: SocketAddr) -> Result<(), String> {
    let admin = listeners::ADMIN;
    if address == admin || listeners::shadows(admin, address) {
        return Err(format!("{admin} is where Weir's own admin address is: write [admin] with another bind first"));
    }
    addresses::bind(&address.to_string()).map(|_| ()).map_err(|wrong| wrong.advice)
}

/// A host of a site as it is compared. Nothing where it is none.
pub(crate) fn host(text: &str) -> Option<String> {
    hosts::pattern(text).ok().map(|host| host.to_string())
}

/// Whether a redirect may lead to this host.
pub(crate) fn is_one_host(text: &str) -> bool {
    hosts::authority(text).is_ok()
}

/// Whether nodes may be asked for this name in a handshake.
pub(crate) fn is_server_name(text: &str) -> bool {
    hosts::name(text).is_ok()
}

/// Whether a node may be at this address or have this name.
pub(crate) fn is_node(text: &str) -> bool {
    addresses::node(text).is_ok()
}

/// A network, or one address.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    addresses::network(text).ok()
}

/// Whether it is a path as it stands in a request.
pub(crate) fn is_path(text: &str) -> bool {
    paths::in_a_request(text).is_ok()
}

/// Whether paths of requests may be compared with it.
pub(crate) fn is_compared(text: &str) -> bool {
    paths::compared(text).is_ok()
}

/// Whether it is an expression that paths may be compared with.
pub(crate) fn is_expression(text: &str) -> bool {
    paths::regex(text).is_ok()
}

/// Whether no path fits this expression, since paths begin with a slash.
pub(crate) fn fits_no_path(text: &str) -> bool {
    paths::begins_without_slash(text)
}

/// Whether every redirect may lead to this URL.
pub(crate) fn is_url(text: &str) -> bool {
    redirect::url(text).is_ok()
}

/// Whether a Location may begin so.
pub(crate) fn is_beginning(text: &str) -> bool {
    redirect::beginning(text).is_ok()
}

/// Whether this field of requests may be set or removed.
pub(crate) fn is_field_to_node(name: &str) -> bool {
    edits::changeable(name, Direction::ToNode).is_ok()
}

/// Whether this field of answers may be added or removed.
pub(crate) fn is_field_to_client(name: &str) -> bool {
    edits::changeable(name, Direction::ToClient).is_ok()
}

/// Whether a field may have this value.
pub(crate) fn is_field_value(value: &str) -> bool {
    edits::field_value(value).is_ok()
}

/// Whether Host may have this value.
pub(crate) fn is_host_value(value: &str) -> bool {
    request_values::read_host(value).is_ok()
}

/// Whether an answer may have this Content-Type.
pub(crate) fn is_content_type(value: &str) -> bool {
    edits::written(value).is_ok()
}

/// Whether a cookie may have this name.
pub(crate) fn is_cookie_name(text: &str) -> bool {
    sticky::cookie_name(text).is_ok()
}

/// Whether Weir's own cookie may have this Path.
pub(crate) fn is_path_of_own_cookie(text: &str) -> bool {
    sticky::cookie_path(text).is_ok()
}

/// Whether a node's cookie may have this Path.
pub(crate) fn is_path_of_cookie(text: &str) -> bool {
    cookies::path(text).is_ok()
}

/// A Domain of cookies as it is compared. Nothing where it is none.
pub(crate) fn domain_of_cookie(text: &str) -> Option<String> {
    cookies::domain(text).ok().map(|domain| domain.to_string())
}

/// Whether these are statuses that a probe may ask for.
pub(crate) fn are_statuses(text: &str) -> bool {
    statuses::any(text).is_ok()
}

/// Whether these are statuses after which another node may be tried.
pub(crate) fn are_failures(text: &str) -> bool {
    statuses::failures(text).is_ok()
}
