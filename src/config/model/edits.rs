//! Part of the checked configuration: how heads are changed, by sites and routes, and the nodes' cookies, by pools.

use std::sync::Arc;

use crate::config::text::choices::{CookieSameSite, RequestValue};

/// Fields set or removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Name as written, and value. Replaces all lines of that name.
    pub set: Vec<(Arc<str>, FieldValue)>,
    /// Name as written, and value. Added to the lines of that name.
    pub add: Vec<(Arc<str>, FieldValue)>,
    /// Lower-case names.
    pub remove: Vec<Arc<str>>,
}

/// The value of a field: its parts, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldValue(pub Vec<ValuePart>);

/// A part of a field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValuePart {
    /// This text.
    Text(Arc<str>),
    /// What the request says.
    Request(RequestValue),
}

impl FieldValue {
    /// Whether the request's own value is a part of it.
    pub fn takes(&self, value: RequestValue) -> bool {
        self.0.contains(&ValuePart::Request(value))
    }

    /// Whether something of the client's certificate is a part of it.
    pub fn takes_certificate(&self) -> bool {
        self.0.iter().any(|part| matches!(part, ValuePart::Request(value) if value.is_of_certificate()))
    }
}

/// A value that is the same for every request.
impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self(vec![ValuePart::Text(text.into())])
    }
}

/// The `cookies` table of a pool: what changes in the cookies of its nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookies {
    /// A Domain, in lower case and without a dot in front, and what replaces it.
    pub domains: Vec<(Arc<str>, NewDomain)>,
    /// The beginning of a Path, and what replaces it.
    pub paths: Vec<(Arc<str>, Arc<str>)>,
    /// What is changed in every cookie that is not named.
    pub all: CookieFlags,
    /// Names of cookies, and what is changed in these instead.
    pub named: Vec<(Arc<str>, CookieFlags)>,
}

/// What replaces the Domain of a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewDomain {
    /// This name.
    Name(Arc<str>),
    /// The host that the client asked for.
    Host,
}

/// Attributes of a cookie. `None`: as the node wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CookieFlags {
    /// Whether it has Secure.
    pub secure: Option<bool>,
    /// Whether it has HttpOnly.
    pub http_only: Option<bool>,
    /// Its SameSite.
    pub same_site: Option<CookieSameSite>,
}
