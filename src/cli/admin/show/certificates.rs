//! `weir cert status` and `weir cert renew`: the certificates that a running Weir shows, and those that it orders from CAs.

use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::client::send_change;
use super::super::connection::AdminArgs;
use super::super::encode::encoded;
use super::super::reason::Reason;
use super::super::request::ask_json;
use super::super::table::{table, text};
use crate::app::FAILED;
use crate::cli::output::{fail, print, tell, tell_line};
use crate::cli::times::on_the_clock;

/// Between two looks at an order.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const AFTER_RENEW: &str = "\
It waits until the CA has given the certificate or has refused it, and then tells what the CA said. Ctrl-C ends the waiting; the \
order goes on. A certificate is renewed by itself when a third of its life is left, or when its CA says so.";

/// `weir cert renew`.
#[derive(clap::Args)]
#[command(after_help = AFTER_RENEW)]
pub(crate) struct Renew {
    /// The site whose certificate is ordered
    site: String,
    /// Begin, and do not wait
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    why: Reason,
    #[command(flatten)]
    args: AdminArgs,
}

/// `weir cert status`.
pub(crate) fn certificate_status(args: &AdminArgs) -> i32 {
    let ask = |path| ask_json(args, &Method::GET, path, Vec::new());
    let told = ask("/api/v1/certificates").and_then(|shown| Ok((shown, ask("/api/v1/certificates/orders")?)));
    let done = match told {
        Ok((shown, orders)) if args.json => {
            print(&format!("{:#}\n", json!({ "certificates": shown, "orders": orders })))
        }
        Ok((shown, orders)) => tell(&tables(&shown, &orders, SystemTime::now())),
        Err(why) => return fail(&why),
    };
    if done { 0 } else { FAILED }
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn tables(shown: &Value, orders: &Value, now: SystemTime) -> String {
    let row = |one: &Value| {
        let days = one["days_left"].as_i64().map_or_else(|| "-".to_owned(), |days| format!("{days} d"));
        vec![text(&one["site"]), text(&one["key"]), days, text(&one["issuer"]), text(&one["file"])]
    };
    let rows: Vec<_> = items(shown).iter().map(row).collect();
    let mut told = match rows.is_empty() {
        true => "no certificate is shown\n".to_owned(),
        false => table(&["SITE", "KEY", "LEFT", "ISSUER", "FILE"], rows),
    };
    if !items(orders).is_empty() {
        let row = |one: &Value| vec![text(&one["site"]), text(&one["key_type"]), text(&one["acme"]), state(one, now)];
        told += "\n";
        told += &table(&["ORDERED FOR", "KEY", "FROM", "STATE"], items(orders).iter().map(row).collect());
        told.extend(items(orders).iter().map(remarks));
    }
    told
}

/// What is done for a certificate, or when something is.
fn state(order: &Value, now: SystemTime) -> String {
    if let Some(since) = order["ordering_since"].as_str() {
        return format!("being ordered since {}", on_the_clock(since, now));
    }
    let next = order["next"].as_str().map_or_else(|| "due now".to_owned(), |next| on_the_clock(next, now));
    match order["failures"].as_u64().unwrap_or_default() {
        0 if order["next"].is_null() => next,
        0 => format!("good; the next is ordered {next}"),
        1 => format!("the last order failed; next try {next}"),
        failures => format!("{failures} orders failed; next try {next}"),
    }
}

/// What the CA said, and the records that it looks for.
fn remarks(order: &Value) -> String {
    let site = text(&order["site"]);
    let error = order["error"].as_str().map(|error| format!("\n{site}: {error}\n"));
    let records = items(&order["records"]).iter().filter(|_| error.is_some());
    let records: String = records.map(|record| format!("{site} needs this DNS record: {}\n", text(record))).collect();
    error.unwrap_or_default() + &records
}

/// `weir cert renew`. Exit code 0 means that the certificates have come.
pub(crate) fn renew(renew: &Renew) -> i32 {
    let Renew { site, no_wait, why, args } = renew;
    let path = format!("/api/v1/certificates/{}/renew", encoded(site));
    let begun = match send_change(args, &Method::POST, &path, &json!({ "reason": why.said() })) {
        Ok((StatusCode::OK, orders)) => orders,
        Ok((_, problem)) => {
            let part = |key: &str| problem[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            return fail(&[part("detail"), part("advice")].into_iter().flatten().collect::<Vec<_>>().join("; "));
        }
        Err(why) => return fail(&why),
    };
    if *no_wait {
        return match args.json {
            true => i32::from(!print(&format!("{begun:#}\n"))),
            false => {
                tell_line(format!("the certificates of {site} are ordered: {}", items(&begun).len()));
                0
            }
        };
    }
    match wait(args, site, &begun) {
        Ok(orders) => report(args, &orders),
        Err(why) => fail(&why),
    }
}

/// How long an order is waited for; Weir gives it up earlier.
const LONGEST: Duration = Duration::from_secs(35 * 60);

/// Waits until each order has ended once more.
fn wait(args: &AdminArgs, site: &str, begun: &Value) -> Result<Value, String> {
    let since = Instant::now();
    while since.elapsed() < LONGEST {
        sleep(LOOK_EVERY);
        let orders = ask_json(args, &Method::GET, "/api/v1/certificates/orders", Vec::new())?;
        let of_site: Vec<Value> = items(&orders).iter().filter(|order| order["site"] == site).cloned().collect();
        let last = |order: &Value| {
            let before = items(begun).iter().find(|before| before["file"] == order["file"]);
            before.map_or(Value::Null, |before| before["last"].clone())
        };
        if of_site.iter().any(|order| order["last"].is_null() && !last(order).is_null()) {
            return Err("another process of Weir runs now, which was not asked; weir cert status tells more".to_owned());
        }
        let has_ended = |order: &Value| !order["last"].is_null() && last(order) != order["last"];
        if of_site.iter().all(has_ended) {
            return Ok(Value::Array(of_site));
        }
    }
    Err("the order has not ended; weir cert status tells more".to_owned())
}

fn report(args: &AdminArgs, orders: &Value) -> i32 {
    let failed = items(orders).iter().any(|order| !order["error"].is_null());
    let told = match args.json {
        true => print(&format!("{orders:#}\n")),
        false => {
            let line = |order: &Value| match order["error"].as_str() {
                Some(_) => remarks(order).trim_start().to_owned(),
                None => {
                    let until = order["not_after"].as_str().and_then(|until| until.get(..10)).unwrap_or("-");
                    format!(
                        "{}: {} given by {}, valid until {until}\n",
                        text(&order["site"]),
                        text(&order["key_type"]),
                        text(&order["acme"])
                    )
                }
            };
            tell(&items(orders).iter().map(line).collect::<String>())
        }
    };
    if told && !failed { 0 } else { FAILED }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn each_order_tells_its_state_and_what_the_ca_said() {
        let shown =
            json!([{ "site": "esb", "key": "ECDSA P-256", "days_left": 61, "issuer": "CN=R3", "file": "/f.pem" }]);
        let good = json!({ "site": "esb", "key_type": "ecdsa-p256", "acme": "le", "failures": 0, "next": "2027-01-26T00:00:00.000Z", "records": [] });
        let failed = json!({
            "site": "mgt", "key_type": "rsa-2048", "acme": "le", "failures": 2, "next": "x", "error": "caa (403): no",
            "records": ["_validation-persist.mgt. IN TXT \"ca\""],
        });
        let told = tables(&shown, &json!([good, failed]), UNIX_EPOCH);
        for part in [
            "SITE  KEY          LEFT  ISSUER  FILE\nesb   ECDSA P-256  61 d  CN=R3   /f.pem\n",
            "good; the next is ordered 2027-01-26",
            "2 orders failed; next try x",
            "\nmgt: caa (403): no\nmgt needs this DNS record: _validation-persist.mgt. IN TXT \"ca\"\n",
        ] {
            assert!(told.contains(part), "{part:?} is not in\n{told}");
        }
        let busy = json!({ "ordering_since": "x", "failures": 3 });
        assert_eq!(state(&busy, UNIX_EPOCH), "being ordered since x");
        assert_eq!(state(&json!({ "failures": 0 }), UNIX_EPOCH), "due now");
    }
}
