//! The dashboard: one page for people, at `/`. Its files are part of the binary, and it asks for nothing but the API. A
//! browser asks each time whether it has the right version.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// A file of the page.
struct PageFile {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// The name and the text of each script.
macro_rules! scripts {
    ($($name:literal)*) => {
        [$(PageFile { path: concat!("/page/", $name), kind: "text/javascript; charset=utf-8", text: include_str!(concat!("page/", $name)) }),*]
    };
}

const DOCUMENT: PageFile =
    PageFile { path: "/", kind: "text/html; charset=utf-8", text: include_str!("page/index.html") };
const STYLE: PageFile =
    PageFile { path: "/page/page.css", kind: "text/css; charset=utf-8", text: include_str!("page/page.css") };
const SCRIPTS: [PageFile; 25] = scripts! {
    "api.js" "bar.js" "certificates.js" "charts.js" "dom.js" "events.js" "format.js" "help.js" "keys.js" "live.js" "login.js"
    "machines.js" "main.js" "menu.js" "nodes.js" "notices.js" "orders.js" "reload.js" "series.js" "shapes.js" "sheets.js" "sites.js"
    "state.js" "theme.js" "why.js"
};

/// The page may load from here alone, and nothing may be written into it that runs: what nodes say is shown there.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// What the document says in place of the version, so that a page sees when another version answers it.
const VERSION: &str = "{version}";

/// The routes of the page, to be merged into the router of the admin address.
pub(crate) fn router() -> Router {
    std::iter::once(DOCUMENT).chain([STYLE]).chain(SCRIPTS).fold(Router::new(), |router, file| {
        let text = file.text.replace(VERSION, env!("CARGO_PKG_VERSION"));
        let tag = tag(&text);
        router.route(file.path, get(async move |headers: HeaderMap| answer(&headers, file.kind, &tag, text)))
    })
}

/// The text, or that the browser has it already.
fn answer(headers: &HeaderMap, kind: &'static str, tag: &str, text: String) -> Response {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|known| known.to_str().ok());
    let same = known.flat_map(|known| known.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = if same { StatusCode::NOT_MODIFIED.into_response() } else { text.into_response() };
    let fields = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_TYPE, kind),
    ] {
        fields.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(tag) {
        fields.insert(header::ETAG, tag);
    }
    response
}

/// Another one for each text.
fn tag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}
