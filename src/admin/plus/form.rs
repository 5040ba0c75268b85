//! The form of answers: the choice of fields, collections by name, errors.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::admin::numbers::Statuses;
use crate::admin::query;
use crate::observe::metrics::Counts;

/// `?fields=a,b`: only these fields are wanted; empty, only the names of a collection. Without it, everything.
pub(super) struct Fields(Option<Vec<String>>);

impl Fields {
    pub(super) fn in_query(query: &str) -> Result<Self, PlusError> {
        let pairs = query::pairs(query).map_err(|_| PlusError::bad_request("invalid arguments", "InvalidArguments"))?;
        let fields = pairs.into_iter().find(|(name, _)| name == "fields").map(|(_, fields)| fields);
        let split = |fields: String| fields.split(',').filter(|field| !field.is_empty()).map(str::to_owned).collect();
        Ok(Self(fields.map(split)))
    }

    pub(super) fn of_object(&self, object: Value) -> Result<Value, PlusError> {
        Ok(self.chosen(object))
    }

    pub(super) fn of_list(&self, objects: Vec<Value>) -> Result<Value, PlusError> {
        Ok(objects.into_iter().map(|object| self.chosen(object)).collect())
    }

    /// Of a collection all, or the one whose name is what is left of the path. `kind` is what its members are.
    pub(super) fn of_zones(&self, zones: Zones, name: &[&str], kind: &str) -> Result<Value, PlusError> {
        if name.is_empty() {
            return Ok(match &self.0 {
                Some(fields) if fields.is_empty() => zones.into_iter().map(|(name, _)| name).collect(),
                _ => zones.into_iter().map(|(name, zone)| (name, self.chosen(zone))).collect::<Map<_, _>>().into(),
            });
        }
        let name = name.join("/");
        let found = zones.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, zone)| self.chosen(zone)).ok_or_else(|| PlusError::unknown(kind))
    }

    fn chosen(&self, object: Value) -> Value {
        match (&self.0, object) {
            (Some(fields), Value::Object(object)) => {
                object.into_iter().filter(|(name, _)| fields.contains(name)).collect::<Map<_, _>>().into()
            }
            (_, whole) => whole,
        }
    }
}

/// A collection: its members with their names.
pub(super) type Zones = Vec<(String, Value)>;

/// How many answers of each status there were.
pub(super) type Codes = BTreeMap<u16, u64>;

/// `responses` of a zone or a server.
#[derive(Serialize)]
pub(super) struct Responses {
    #[serde(flatten)]
    classes: Statuses,
    /// Absent where only classes are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    codes: Option<Codes>,
    total: u64,
}

impl Responses {
    pub(super) fn of(counts: &Counts, codes: Option<Codes>) -> Self {
        Self { classes: Statuses::of(&counts.classes), codes, total: requests(counts) }
    }
}

/// How many requests were counted.
pub(super) fn requests(counts: &Counts) -> u64 {
    counts.classes.iter().sum()
}

/// An error in NGINX Plus' form.
pub(super) struct PlusError {
    status: StatusCode,
    text: String,
    code: String,
}

impl PlusError {
    /// As NGINX Plus answers where its API may not write.
    pub(super) fn read_only() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method disabled", "MethodDisabled")
    }

    pub(super) fn not_found(text: &str, code: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, text, code)
    }

    /// There is none of this kind with the name that was asked for.
    pub(super) fn unknown(kind: &str) -> Self {
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        let code = kind.split(' ').map(capital).collect::<String>();
        Self::not_found(&format!("{kind} not found"), &format!("{code}NotFound"))
    }

    pub(super) fn bad_request(text: &str, code: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text, code)
    }

    fn new(status: StatusCode, text: &str, code: &str) -> Self {
        Self { status, text: text.to_owned(), code: code.to_owned() }
    }
}

impl IntoResponse for PlusError {
    fn into_response(self) -> Response {
        let body = json!({
            "error": { "status": self.status.as_u16(), "text": self.text, "code": self.code },
            "request_id": "",
            "href": "https://nginx.org/en/docs/http/ngx_http_api_module.html",
        });
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        }
        response
    }
}
