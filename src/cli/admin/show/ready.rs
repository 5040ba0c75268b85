//! `weir ready`: whether Weir can serve, as an exit code, for keepalived and scripts.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use serde_json::json;

use super::super::connection::{AdminArgs, open, run, within};
use super::super::encode::encoded;
use crate::app::FAILED;
use crate::cli::output::{fail, print, print_line};

/// `weir ready`.
#[derive(clap::Args)]
pub(crate) struct Ready {
    /// Only this site counts, which can be served by one of its pools; may be written several times
    #[arg(long, value_name = "SITE")]
    site: Vec<String>,
    /// Only this pool counts; may be written several times
    #[arg(long, value_name = "POOL")]
    pool: Vec<String>,
    /// How many seconds the answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    #[command(flatten)]
    args: AdminArgs,
}

/// Tells whether Weir can serve. Returns the exit code: 0 only if it can.
pub(crate) fn ready(ready: &Ready) -> i32 {
    let (status, said) = match asked(ready) {
        Ok(answered) => answered,
        Err(why) if ready.args.json => (StatusCode::SERVICE_UNAVAILABLE, why),
        Err(why) => return fail(&format!("not ready: {why}")),
    };
    let (is_ready, said) = (status.is_success(), said.trim());
    if ready.args.json {
        print(&format!("{:#}\n", json!({ "ready": is_ready, "said": said })));
    } else if !is_ready {
        return fail(&format!("not ready: {said}"));
    } else if said == "ok" {
        print_line("ready");
    } else {
        print_line(format_args!("ready, but {said}"));
    }
    if is_ready { 0 } else { FAILED }
}

fn asked(ready: &Ready) -> Result<(StatusCode, String), String> {
    let named = |what: &'static str, names: &[String]| -> Vec<String> {
        names.iter().map(|name| format!("{what}={}", encoded(name))).collect()
    };
    let query = [named("site", &ready.site), named("pool", &ready.pool)].concat().join("&");
    let path = if query.is_empty() { "/readyz".to_owned() } else { format!("/readyz?{query}") };
    let exchange = async {
        let (answer, _) = open(&ready.args, &Method::GET, &path, Bytes::new()).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| format!("the answer broke off: {error}"))?;
        Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    };
    run(within(Duration::from_secs(ready.timeout), &ready.args, exchange))
}
