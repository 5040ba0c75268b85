//! What somebody closed on purpose is told to whoever looks, and alarms nobody.

use serde_json::Value;

use super::v1::json;
use crate::harness::{Appliance, Origin, Plan};

const CLOSED: &str = "[[site.route]]\nname = \"closed\"\nanswer = { status = 503, body = \"back at six\" }\n";

#[track_caller]
fn out(weir: &Appliance, words: &[&str]) -> String {
    let told = weir.command(words);
    assert_eq!((told.code, &*told.err), (Some(0), ""), "{words:?}: {told:?}");
    told.out
}

/// The verdict, which is well, and Weir is ready.
#[track_caller]
fn verdict(weir: &Appliance) -> String {
    let status = json(weir, "/api/v1/status");
    assert_eq!((&status["verdict"]["word"], &status["verdict"]["reasons"]), (&"well".into(), &Value::Array(vec![])));
    assert_eq!(weir.ask_admin("/readyz").status, 200);
    let sentence = status["verdict"]["sentence"].as_str().unwrap_or_default().to_owned();
    assert!(out(weir, &["status"]).starts_with(&format!("{sentence}\n")));
    sentence
}

#[test]
fn a_closed_site_is_told_until_a_reload_opens_it() {
    let origin = Origin::named("a");
    let mut weir = Plan::before(&[&origin]).more(CLOSED).start();
    assert_eq!(weir.get("/").status, 503);
    let closed = "site main is closed: every request is answered 503";
    assert_eq!(verdict(&weir), format!("All well; {closed}"));
    let why = out(&weir, &["why", "http://esb.test/"]);
    assert!(why.contains("answered 503 by Weir itself: the site is closed"), "{why}");
    let site = &json(&weir, "/api/v1/sites")[0];
    assert_eq!((&site["closed"], &site["closed_sentence"]), (&503.into(), &closed.into()));
    assert_eq!(site["routes"][0]["closed"], 503);
    let sites = out(&weir, &["sites"]);
    assert!(sites.contains("closed (503)") && sites.ends_with(&format!("{closed}\n")), "{sites}");
    assert!(out(&weir, &["status"]).contains("closed (503)"));
    weir.edit(|text| text.replace(CLOSED, ""));
    weir.reload();
    assert_eq!(verdict(&weir), "All well");
    assert_eq!(json(&weir, "/api/v1/sites")[0]["closed"], Value::Null);
    assert!(!out(&weir, &["sites"]).contains("closed"));
}

#[test]
fn a_site_that_is_closed_for_a_while_before_its_other_routes_is_closed() {
    let origin = Origin::named("a");
    let before = "[[site.route]]\nname = \"closed\"\nregex = '.'\nanswer = { status = 503 }\n";
    let shop = "[[site.route]]\nname = \"shop\"\nprefix = \"/shop\"\npool = \"app\"\n";
    let mut weir = Plan::before(&[&origin]).more(&format!("{before}{shop}")).start();
    assert_eq!(verdict(&weir), "All well; site main is closed: every request is answered 503");
    let why = out(&weir, &["why", "http://esb.test/shop/1"]);
    assert!(why.contains("answered 503 by Weir itself: the site is closed"), "{why}");
    weir.edit(|text| text.replace(before, ""));
    weir.reload();
    assert_eq!(verdict(&weir), "All well");
}

#[test]
fn a_closed_route_is_told_and_its_site_stays_open() {
    let origin = Origin::named("a");
    let shop = "[[site.route]]\nname = \"shop\"\nprefix = \"/shop\"\nanswer = { status = 503 }\n";
    let weir = Plan::before(&[&origin]).more(shop).start();
    assert_eq!(verdict(&weir), "All well; site main: route shop answers 503 to all");
    let why = out(&weir, &["why", "http://esb.test/shop/1"]);
    assert!(why.contains("answered 503 by Weir itself: the route is closed"), "{why}");
    assert!(out(&weir, &["why", "http://esb.test/"]).contains("goes to n1"));
    let sites = out(&weir, &["sites"]);
    assert!(sites.contains(" app ") && sites.ends_with("site main: route shop answers 503 to all\n"), "{sites}");
}

#[test]
fn what_redirects_denies_or_greets_is_not_closed() {
    let origin = Origin::named("a");
    for (rules, step) in [
        ("redirect = { scheme = \"https\" }\n", "redirected with 308 by Weir itself"),
        ("deny = true\n", "answered 403 denied by Weir itself"),
        ("answer = { body = \"hello\" }\n", "answered 200 by Weir itself\n"),
    ] {
        let weir = Plan::before(&[&origin]).more(&format!("[[site.route]]\n{rules}")).start();
        assert_eq!(verdict(&weir), "All well", "{rules}");
        assert_eq!(json(&weir, "/api/v1/sites")[0]["closed"], Value::Null, "{rules}");
        let why = out(&weir, &["why", "http://esb.test/"]);
        assert!(why.contains(step) && !why.contains("closed"), "{rules}: {why}");
    }
}

#[test]
fn a_site_that_denies_some_and_closes_the_rest_is_closed() {
    let origin = Origin::named("a");
    let console = "[[site.route]]\nprefix = \"/carbon\"\ndeny = true\n";
    let weir = Plan::before(&[&origin]).more(&format!("{console}{CLOSED}")).start();
    let closed = "site main is closed: no request reaches a node, most are answered 503";
    assert_eq!(verdict(&weir), format!("All well; {closed}"));
}

#[test]
fn a_node_that_is_taken_out_is_told_beside_all_well() {
    let (a, b, c, d) = (Origin::named("a"), Origin::named("b"), Origin::named("c"), Origin::named("d"));
    let weir = Plan::before(&[&a, &b, &c, &d]).start();
    out(&weir, &["maintain", "n1", "--reason", "kernel update"]);
    let told = verdict(&weir);
    assert!(told.starts_with("All well; n1 in maintenance, by uid:") && told.ends_with(": kernel update"), "{told}");
    out(&weir, &["maintain", "n2"]);
    assert_eq!(verdict(&weir), "All well; n1 and n2 in maintenance");
    out(&weir, &["maintain", "n3"]);
    assert_eq!(verdict(&weir), "All well; 3 nodes in maintenance");
    for node in ["n1", "n2", "n3"] {
        out(&weir, &["activate", node]);
    }
    assert_eq!(verdict(&weir), "All well");
}

#[test]
fn the_last_node_that_is_taken_out_is_told_once() {
    let origin = Origin::named("a");
    let weir = Plan::before(&[&origin]).start();
    out(&weir, &["maintain", "n1", "--force"]);
    let verdict = &json(&weir, "/api/v1/status")["verdict"];
    let sentence = verdict["sentence"].as_str().unwrap_or_default();
    assert!(sentence.starts_with("Down: pool app has no active node") && verdict["word"] == "down", "{verdict}");
    assert_eq!(sentence.matches("maintenance").count(), 1, "{verdict}");
}
