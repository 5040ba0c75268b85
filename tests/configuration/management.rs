//! The management routes of the shipped file against a reader of targets that is written as Axis2's is.

use std::fs;

use weir::config::{Action, Site};
use weir::traffic::routing::routes::{RouteScratch, Routes};
use weir::wire::{HeadLimits, RequestHead};

use super::{Directory, MINIMAL, guide, root};

const ADMIN: [&str; 4] = ["useradmin", "remoteuserrealmservice", "mediationlibraryuploader", "logviewer"];

const PIECES: &str = "/services /services /services/ services /SERVICES/ /%73ervices %2Fservices%2f %252fservices/ / // ; ;x= ? \
    ?x= & = Echo UserAdmin UserAdmin User%41dmin User%2541dmin LogViewer RemoteUserRealmService MediationLibraryUploader .Https ./ ../ \
    t/a.com/ OrderAdmin /services/OrderAdmin ?wsdl %3f %3B %2F x /wsdl";

/// The names that Axis2 looks for: as `Utils.parseRequestURLForServiceAndOperation` does, and as
/// `getServiceAndOperationPart` of later versions does, without the tenant before and the endpoint behind.
fn services(url: &str) -> Vec<String> {
    let url = url.to_ascii_lowercase();
    let after = |context: &str, skipped: usize| url.get(url.rfind(context)? + context.len() + skipped..);
    [after("/services", 1), after("/services/", 0)].into_iter().flatten().map(name).collect()
}

fn name(rest: &str) -> String {
    fn before(text: &str, end: char) -> &str {
        text.find(end).filter(|at| *at > 0).map_or(text, |at| &text[..at])
    }
    let path = before(rest, '?').trim_start_matches('/');
    let path = path.strip_prefix("t/").and_then(|path| path.split_once('/')).map_or(path, |(_, path)| path);
    before(before(path.trim_start_matches('/'), '/'), '.').to_owned()
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => out.extend([char::from(byte)].into_iter().chain(part[2..].chars())),
            None => out.extend(['%'].into_iter().chain(part.chars())),
        }
    }
    out
}

/// Without parameters in the path, as Tomcat reads it.
fn without_parameters(target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let segments: Vec<&str> = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
    segments.join("/") + query
}

fn is_admin(target: &str) -> bool {
    let once = decoded(target);
    let readings =
        [target.to_owned(), decoded(&once), once, without_parameters(target), decoded(&without_parameters(target))];
    readings.iter().flat_map(|url| services(url)).any(|name| ADMIN.contains(&name.as_str()))
}

#[test]
fn whatever_axis2_takes_for_an_admin_service_is_denied() {
    let config = guide(&Directory::new("management"));
    hold(config.sites.iter().find(|site| *site.name == *"esb.https").unwrap());
}

/// As docs/operations.md says it.
#[test]
fn a_service_of_ones_own_that_is_called_admin_is_let_through_and_nothing_beside_it() {
    let own = "target = '^/services/OrderAdmin(\\.\\w+)?([?](wsdl2?|xsd(=\\w+)?))?$'\n";
    assert!(fs::read_to_string(root().join("docs/operations.md")).unwrap().contains(own));
    let shipped = fs::read_to_string(root().join("conf/weir.toml")).unwrap();
    let (_, management) = shipped.split_once("[[site.route]]\nname = \"management\"").unwrap();
    let (management, _) = management.split_once("deny = true").unwrap();
    let directory = Directory::new("own-admin");
    let text = format!("{MINIMAL}[[site.route]]\n{own}[[site.route]]{management}deny = true\n");
    let config = directory.load(&text).map_err(|errors| errors.to_string()).unwrap();
    let site = &config.sites[0];
    let passes = |target: &str| passes(site, &Routes::new(&site.routes, None), target).unwrap();
    for target in
        ["/services/OrderAdmin", "/services/OrderAdmin?wsdl", "/services/OrderAdmin.OrderAdminHttpSoap11Endpoint"]
    {
        assert!(passes(target), "{target}");
    }
    for target in
        ["/services/OrdersAdmin", "/services/OrderAdmin?x=/services/UserAdmin", "/services/OrderAdmin/../UserAdmin"]
    {
        assert!(!passes(target), "{target}");
    }
    hold(site);
}

/// Whether a request for this reaches a node; none where it is no request.
fn passes(site: &Site, routes: &Routes, target: &str) -> Option<bool> {
    let mut head = RequestHead::new();
    head.parse(format!("GET {target} HTTP/1.1\r\nHost: esb.wso2.com\r\n\r\n").as_bytes(), &HeadLimits::default())
        .ok()?;
    let found = routes.find(&head, &mut RouteScratch::default(), &|_| false);
    Some(matches!(found, Ok(route) if route.is_none_or(|route| site.routes[route].action != Action::Deny)))
}

fn hold(site: &Site) {
    let routes = Routes::new(&site.routes, None);
    let pieces: Vec<&str> = PIECES.split_whitespace().collect();
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        (chance >> 11) as usize % below
    };
    let (mut denied, mut open) = (0, 0);
    for _ in 0..40_000 {
        let target: String = ["/"].into_iter().chain((0..1 + draw(7)).map(|_| pieces[draw(pieces.len())])).collect();
        let Some(passes) = passes(site, &routes, &target) else { continue };
        assert!(!(passes && is_admin(&target)), "{target}");
        denied += usize::from(is_admin(&target));
        open += usize::from(passes);
    }
    assert!(denied > 1_000 && open > 10_000, "{denied} for the management, {open} let through");
}
