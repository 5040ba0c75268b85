//! Where a redirect of nginx leads, as the table `redirect` of a route.

use crate::config::rules;
use crate::import::nginx::values;

/// The table `redirect` that leads to this URL of nginx, with the query of the request behind a path that is written.
pub(super) fn redirect(to: &str, status: u16, keep_query: bool) -> Option<String> {
    let mut pairs = Vec::new();
    let mut add = |key: &str, value: String| pairs.push((key.to_owned(), value));
    let whole = |to: &str| vec![("to".to_owned(), values::text(to))];
    let (scheme, rest) = match to.split_once("://") {
        Some(("$scheme", rest)) => (None, rest),
        Some((scheme @ ("http" | "https"), rest)) => (Some(scheme), rest),
        Some(_) => return None,
        None => {
            add("path", values::text(to));
            if keep_query {
                add("keep-query", "true".to_owned());
            }
            return (rules::is_path(to) && !to.contains('$')).then(|| finished(pairs, status));
        }
    };
    let (authority, path) = split_authority(rest);
    let keeps_path = path == "$request_uri" || path == "$uri$is_args$args";
    if !to.contains('$') && !keep_query {
        return rules::is_url(to).then(|| finished(whole(to), status));
    }
    scheme.into_iter().for_each(|scheme| add("scheme", values::text(scheme)));
    let (host, port) = authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    match host {
        "$host" | "$http_host" | "$server_name" => {}
        host if rules::is_one_host(host) => add("host", values::text(host)),
        _ => return None,
    }
    if let Some(port) = port {
        add("port", port.parse::<u16>().ok().filter(|port| *port > 0)?.to_string());
    }
    if !keeps_path {
        let path = if path.is_empty() { "/" } else { path };
        if path.contains('$') || !rules::is_path(path) {
            return None;
        }
        add("path", values::text(path));
        if keep_query {
            add("keep-query", "true".to_owned());
        }
    }
    // Without any of these it would lead to where the request came from.
    (!pairs.is_empty()).then(|| finished(pairs, status))
}

/// `$host$request_uri` → `$host` and `$request_uri`; `a.b/x` → `a.b` and `/x`.
fn split_authority(rest: &str) -> (&str, &str) {
    let at = rest.find("$request_uri").or_else(|| rest.find("$uri")).or_else(|| rest.find('/')).unwrap_or(rest.len());
    let at = rest.find('/').map_or(at, |slash| slash.min(at));
    rest.split_at(at)
}

fn finished(mut pairs: Vec<(String, String)>, status: u16) -> String {
    pairs.push(("status".to_owned(), status.to_string()));
    values::inline(&pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_keep_their_meaning() {
        let cases = [
            ("https://$host$request_uri", Some("{ scheme = \"https\", status = 301 }")),
            ("https://$server_name/x", Some("{ scheme = \"https\", path = \"/x\", status = 301 }")),
            ("$scheme://b.c$request_uri", Some("{ host = \"b.c\", status = 301 }")),
            ("https://b.c:8443$request_uri", Some("{ scheme = \"https\", host = \"b.c\", port = 8443, status = 301 }")),
            ("https://b.c/x", Some("{ to = \"https://b.c/x\", status = 301 }")),
            ("/carbon", Some("{ path = \"/carbon\", status = 301 }")),
            ("https://$tenant.b.c/", None),
            ("$scheme://$server_name$request_uri", None),
            ("/#/login", None),
            ("https://a/b c", None),
            ("https://a:99999/", None),
            ("https://$host:0/", None),
            ("https://a..b$request_uri", None),
            ("https://$host/a$uri", None),
        ];
        for (to, table) in cases {
            assert_eq!(redirect(to, 301, false).as_deref(), table, "{to}");
        }
    }
}
