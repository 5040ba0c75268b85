//! The refusals that every operation has, for the OpenAPI document: they come before the handler, so it does not name them.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};

/// What is refused whatever is asked for.
const REFUSALS: [(&str, &str); 5] = [
    ("400", "The request cannot be understood"),
    ("401", "It needs a token, or its token is wrong"),
    ("403", "Who asks may not, or a web page seems to ask"),
    ("408", "Its body did not come in time"),
    ("413", "Its body is too large"),
];

/// What may be refused besides where a body is asked for.
const OF_BODIES: [(&str, &str); 2] =
    [("415", "Its body is not said to be JSON"), ("503", "Not now: Weir is stopping, or too much is going on")];

/// How any change may be refused.
pub(super) struct OfChange;

impl IntoResponses for OfChange {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let all = [
            ("422", "It is understood, and cannot be ordered"),
            ("4XX", "It is refused before it is looked at"),
            ("507", "It cannot be written to the audit file, and so nothing was changed"),
        ];
        all.map(|(status, meaning)| (status.to_owned(), problem(meaning))).into()
    }
}

/// How one may be refused that names what it is about.
pub(super) struct OfNamed;

impl IntoResponses for OfNamed {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        [("404".to_owned(), problem("There is nothing of this name"))].into()
    }
}

/// Adds them to each operation that does not name them itself.
pub(super) fn with_refusals(mut document: OpenApi) -> OpenApi {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let of_bodies = OF_BODIES.iter().filter(|_| operation.request_body.is_some());
        for (status, meaning) in REFUSALS.iter().chain(of_bodies) {
            operation.responses.responses.entry((*status).to_owned()).or_insert_with(|| problem(meaning));
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, patch, delete, .. } = item;
    [get, put, post, patch, delete].into_iter().flatten()
}

fn problem(meaning: &str) -> RefOr<Response> {
    let form = Content::new(Some(Ref::from_schema_name("ApiProblem")));
    ResponseBuilder::new().description(meaning).content("application/problem+json", form).into()
}
