//! The rooms that are fuzzed, built from their own sources without the rest of the house: the whole of it would take
//! a quarter of an hour to build with a fuzzer's instruments in it.
//! `cargo test` compiles it too, as an example.

#![allow(missing_docs, unreachable_pub, dead_code, unused_imports)]

#[path = "../src/wire/mod.rs"]
pub mod wire;

/// What members of the nodes' cluster say of each other.
#[path = "../src/control/cluster/member_list.rs"]
mod member_list;

/// The members in an answer, or what is wrong with it.
pub fn members_of(answer: &[u8]) -> Result<Vec<String>, String> {
    let list = member_list::MemberList::parse(answer)?;
    assert!(list.own.is_none_or(|own| list.members.contains(&own)));
    let parsed = |member: &member_list::MemberAddress| member_list::MemberAddress::parse(&member.to_string());
    assert!(list.members.iter().all(|member| parsed(member).as_ref() == Some(member)), "it is written as it is read");
    Ok(list.members.iter().map(ToString::to_string).collect())
}

/// The importer of nginx's configurations.
#[path = "../src/import"]
pub mod import {
    pub mod nginx;

    pub use self::nginx::class::Class;
    pub use self::nginx::import;
    pub use self::nginx::source::Input;
}

/// What these rooms know of `config`: the fields that they read.
#[path = "../src/config/text"]
pub mod config {
    use std::net::{IpAddr, SocketAddr};
    use std::path::Path;
    use std::sync::Arc;
    use std::time::SystemTime;

    pub mod regular;

    /// What is not a configuration of Weir's is found by its own checks; here only that it is TOML.
    pub fn load_draft(_: &Path, text: String, _: SystemTime) -> Result<Checked, Errors> {
        if let Err(error) = toml::de::DeTable::parse(&text) {
            panic!("{error}\n{text}");
        }
        Ok(Checked { warnings: Vec::new() })
    }

    /// Every value is one: the text is to be TOML whatever stands in nginx's.
    pub mod rules {
        use std::net::SocketAddr;

        use ipnet::IpNet;

        pub fn limits(_: &str, _: &str) -> (u64, u64) {
            (0, u64::MAX)
        }

        pub fn listens_on(_: SocketAddr) -> Result<(), String> {
            Ok(())
        }

        pub fn host(text: &str) -> Option<String> {
            Some(text.to_ascii_lowercase())
        }

        pub fn domain_of_cookie(text: &str) -> Option<String> {
            host(text)
        }

        pub fn network(text: &str) -> Option<IpNet> {
            text.parse().ok()
        }

        pub fn fits_no_path(_: &str) -> bool {
            false
        }

        macro_rules! anything {
            ($($name:ident)*) => { $(pub fn $name(_: &str) -> bool { true })* };
        }

        anything! {
            is_one_host is_server_name is_node is_path is_compared is_expression is_url is_beginning is_field_to_node
            is_field_to_client is_field_value is_host_value is_content_type is_cookie_name is_path_of_own_cookie
            is_path_of_cookie are_statuses are_failures
        }
    }

    pub struct Checked {
        pub warnings: Vec<Problem>,
    }

    pub struct Errors(pub Vec<Problem>);

    pub struct Problem {
        pub at: Place,
        pub what: String,
        pub advice: String,
    }

    pub struct Place {
        pub line: usize,
    }

    pub struct Wrong {
        pub what: String,
    }

    /// No page is read.
    pub fn error_page(_: &Path) -> Result<(), Wrong> {
        Err(Wrong { what: "there is no such file".to_owned() })
    }

    pub fn suggestion(_: &str, _: &str, _: &[&str]) -> String {
        String::new()
    }

    use ipnet::IpNet;

    #[derive(Clone, Debug, Default)]
    pub struct Edits {
        pub set: Vec<(Arc<str>, FieldValue)>,
        pub add: Vec<(Arc<str>, FieldValue)>,
        pub remove: Vec<Arc<str>>,
    }

    #[derive(Clone, Debug)]
    pub struct FieldValue(pub Vec<ValuePart>);

    #[derive(Clone, Debug)]
    pub enum ValuePart {
        Text(Arc<str>),
        Request(RequestValue),
    }

    #[derive(Clone, Copy, Debug)]
    pub enum RequestValue {
        Client,
        Host,
        Scheme,
        Port,
        RequestId,
        ClientCert,
    }

    pub struct Cookies {
        pub domains: Vec<(Arc<str>, NewDomain)>,
        pub paths: Vec<(Arc<str>, Arc<str>)>,
        pub all: CookieFlags,
        pub named: Vec<(Arc<str>, CookieFlags)>,
    }

    pub enum NewDomain {
        Name(Arc<str>),
        Host,
    }

    pub struct CookieFlags {
        pub secure: Option<bool>,
        pub http_only: Option<bool>,
        pub same_site: Option<CookieSameSite>,
    }

    #[derive(Clone, Copy)]
    pub enum CookieSameSite {
        Strict,
        Lax,
        None,
        Off,
    }

    pub struct ErrorPage {
        pub content_type: &'static str,
        pub body: Box<str>,
    }

    pub struct Access {
        pub allow: Option<Vec<IpNet>>,
        pub deny: Vec<IpNet>,
    }

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Redirects {
        Off,
        Pairs(Vec<(Arc<str>, Arc<str>)>),
    }

    impl Default for Redirects {
        fn default() -> Self {
            Self::Pairs(Vec::new())
        }
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub enum Address {
        Ip(IpAddr),
        Name(Arc<str>),
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub enum HostPattern {
        Exact(Arc<str>),
        Wildcard(Arc<str>),
    }

    pub enum Action {
        Pool(usize),
        Deny,
    }

    pub struct Config {
        pub listeners: Vec<Listener>,
        pub nodes: Vec<Node>,
        pub pools: Vec<Pool>,
        pub sites: Vec<Site>,
    }

    pub struct Listener {
        pub bind: SocketAddr,
        pub tls: Option<()>,
        pub public_port: Option<u16>,
    }

    pub struct Node {
        pub address: Address,
        pub port_offset: u16,
    }

    pub struct Pool {
        pub members: Vec<Member>,
        pub port: u16,
        pub tls: Option<()>,
        pub redirects: Redirects,
    }

    pub struct Member {
        pub node: usize,
    }

    pub struct Site {
        pub listeners: Vec<usize>,
        pub hosts: Vec<HostPattern>,
        pub default: bool,
        pub pool: Option<usize>,
        pub routes: Vec<Route>,
    }

    pub struct Route {
        pub action: Action,
    }
}

/// What `traffic` does with heads.
#[path = "../src/traffic"]
pub mod traffic {
    pub mod affinity {
        pub mod session_id;
    }
    pub mod message {
        /// No client shows one.
        pub mod client_certificate {
            use crate::config::RequestValue;

            #[derive(Debug)]
            pub struct ClientCertificate;

            impl ClientCertificate {
                pub fn write(&self, _: RequestValue, _: &mut Vec<u8>) {}
            }
        }
        pub mod cookies;
        pub mod decimal;
        pub mod forwarded;
        pub mod headers;
        pub mod location;
        pub mod request_source;
        pub mod request_values;
    }
    pub mod resolved;
    pub mod routing {
        pub mod access;
        pub mod edits;
        pub mod normalized_path;
        pub mod path_change;
        pub mod reverse_map;
        pub mod sites;
    }
}
