//! The URLs that nodes write: in Location, and in the descriptions of services.

/// An absolute URL of http or https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) tls: bool,
    /// In lower case.
    pub(super) host: String,
    pub(super) port: u16,
    /// With query; at least a slash.
    pub(super) target: String,
}

impl Url {
    /// Reads one. None for what is relative, and for other schemes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let default = if tls { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, default),
        };
        let target = target.split('#').next().unwrap_or_default();
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        (!host.is_empty()).then(|| Self { tls, host: host.to_ascii_lowercase(), port, target })
    }
}

/// What a Location names, seen from a URL.
pub(super) fn located(base: &Url, location: &str) -> Url {
    if let Some(url) = Url::parse(location) {
        return url;
    }
    let scheme = if base.tls { "https" } else { "http" };
    if let Some(url) = location.strip_prefix("//").and_then(|rest| Url::parse(&format!("{scheme}://{rest}"))) {
        return url;
    }
    let target = match location {
        absolute if absolute.starts_with('/') => absolute.to_owned(),
        relative => {
            let path = base.target.split('?').next().unwrap_or_default();
            normal(&format!("{}/{relative}", path.rsplit_once('/').map_or("", |(directory, _)| directory)))
        }
    };
    Url { target, ..base.clone() }
}

/// Without dot segments.
fn normal(target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("/{}{query}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_clients_read_them() {
        let told = |url: Url| format!("{} {} {} {}", url.tls, url.host, url.port, url.target);
        for (text, expected) in [
            ("https://MGT.example.com/carbon", Some("true mgt.example.com 443 /carbon")),
            ("http://10.0.0.3:8280/services/echo", Some("false 10.0.0.3 8280 /services/echo")),
            ("https://[::1]:9443", Some("true [::1] 9443 /")),
            ("https://[::1]/a#b", Some("true [::1] 443 /a")),
            ("jms:/queue", None),
            ("/carbon", None),
            ("https:///carbon", None),
        ] {
            assert_eq!(Url::parse(text).map(told).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_relative_location_is_seen_from_where_it_was_sent() {
        let base = Url::parse("https://mgt:8443/carbon/admin/index.jsp?x=1").unwrap();
        for (location, expected) in [
            ("login.jsp?a=b", "/carbon/admin/login.jsp?a=b"),
            ("../admin/./login.jsp", "/carbon/admin/login.jsp"),
            ("/login", "/login"),
        ] {
            let url = located(&base, location);
            assert_eq!((url.port, url.target.as_str()), (8443, expected), "{location}");
        }
        assert_eq!(located(&base, "//other/x").host, "other");
    }
}
