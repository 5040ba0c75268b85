//! `weir sites`: how much comes to each site, how it ends, and how long its certificate lasts.

use std::collections::HashMap;

use hyper::Method;
use serde_json::Value;

use super::super::connection::AdminArgs;
use super::super::request::ask_json;
use super::super::table::{milliseconds, shortened, table, text};
use crate::app::FAILED;
use crate::cli::output::{fail, print};

/// A table of 80 columns has room for so much of these.
const HOSTS: usize = 22;
const NAME: usize = 16;

/// `weir sites`.
pub(crate) fn sites(args: &AdminArgs) -> i32 {
    let ask = |path| ask_json(args, &Method::GET, path, Vec::new());
    let shown = match ask("/api/v1/sites") {
        Ok(sites) if args.json => format!("{sites:#}\n"),
        Ok(sites) => match ask("/api/v1/certificates") {
            Ok(certificates) => site_table(&sites, &certificates),
            Err(why) => return fail(&why),
        },
        Err(why) => return fail(&why),
    };
    if print(&shown) { 0 } else { FAILED }
}

fn site_table(sites: &Value, certificates: &Value) -> String {
    let items = |list: &'_ Value| list.as_array().cloned().unwrap_or_default();
    let days: HashMap<String, i64> = items(certificates)
        .iter()
        .filter_map(|certificate| Some((certificate["site"].as_str()?.to_owned(), certificate["days_left"].as_i64()?)))
        .collect();
    let row = |site: &Value| {
        let minute = &site["last_minute"];
        let name = text(&site["site"]);
        let days = days.get(&name).map_or_else(|| "-".to_owned(), |days| lasts(*days));
        vec![
            shortened(&name, NAME),
            hosts(&site["hosts"]),
            shortened(&leads_to(site), NAME),
            text(&minute["per_second"]),
            minute["error_percent"].as_f64().map_or_else(|| "-".to_owned(), |errors| format!("{errors} %")),
            milliseconds(&minute["milliseconds"]["p95"]),
            days,
        ]
    };
    let titles = ["SITE", "HOSTS", "POOL", "REQ/S", "ERRORS", "P95", "CERT"];
    let shown = table(&titles, items(sites).iter().map(row).collect());
    items(sites)
        .iter()
        .filter_map(|site| site["closed_sentence"].as_str())
        .fold(shown, |all, closed| all + closed + "\n")
}

/// The site's pool, or that it is closed.
pub(in crate::cli::admin) fn leads_to(site: &Value) -> String {
    site["closed"].as_u64().map_or_else(|| text(&site["pool"]), |status| format!("closed ({status})"))
}

fn lasts(days: i64) -> String {
    if days < 0 { "expired!".to_owned() } else { format!("{days} d") }
}

/// The first, and how many more.
pub(in crate::cli::admin) fn hosts(hosts: &Value) -> String {
    let hosts = hosts.as_array().map(Vec::as_slice).unwrap_or_default();
    let first = hosts.first().map(text).unwrap_or_default();
    match hosts.len() {
        0 => "-".to_owned(),
        1 => shortened(&first, HOSTS),
        many => {
            let more = format!(" +{}", many - 1);
            format!("{}{more}", shortened(&first, HOSTS.saturating_sub(more.len())))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sites_fit_80_columns() {
        let minute = json!({"per_second": 1234.56, "error_percent": 12.34, "milliseconds": {"p95": 1520.0}});
        let sites = json!([
            {"site": "a", "hosts": ["esb.wso2.com"], "pool": "esb-http", "last_minute": {"per_second": 0.0, "error_percent": null}},
            {"site": "a-site-with-a-long-name", "hosts": ["a-very-long-host-name.example.com", "b"],
             "pool": "a-pool-with-a-long-name", "last_minute": minute},
        ]);
        let shown = site_table(&sites, &json!([{"site": "a", "days_left": 61}]));
        let expected = "\
SITE              HOSTS                   POOL              REQ/S    ERRORS   P95     CERT
a                 esb.wso2.com            esb-http          0.0      -        -       61 d
a-site-with-a-l…  a-very-long-host-n… +1  a-pool-with-a-l…  1234.56  12.34 %  1.52 s  -
";
        assert_eq!(shown, expected);
        assert_eq!((lasts(-3), lasts(0)), ("expired!".to_owned(), "0 d".to_owned()));
    }
}
