//! `/api/9`: what programs made for NGINX Plus read of Weir.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::harness::{Appliance, Client, Gate, Offer, Origin, Plan, eventually, ok};

#[track_caller]
fn read(weir: &Appliance, path: &str) -> Value {
    let answer = weir.ask_admin(path);
    assert_eq!((answer.status, answer.field("content-type").as_deref()), (200, Some("application/json")), "{path}");
    serde_json::from_str(&answer.text()).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.text()))
}

#[track_caller]
fn eventually_is(weir: &Appliance, path: &str, pointer: &str, expected: &Value) -> Value {
    eventually(&format!("{path}{pointer} is {expected}"), || read(weir, path).pointer(pointer) == Some(expected));
    read(weir, path)
}

#[test]
fn sites_routes_and_nodes_are_zones_and_servers_with_what_came() {
    let origin = Origin::answering(|seen| if seen.target() == "/none" { not_found() } else { ok("five!") });
    let weir = Plan::before(&[&origin])
        .weights(&[3])
        .member(1, "max-requests = 7")
        .pool("queue = { size = 9 }")
        .site("rate = { requests = 1000, per = \"1s\", burst = 10 }")
        .more("[[site.route]]\nname = \"none\"\npath = \"/none\"\n")
        .start();
    let mut client = weir.client();
    for target in ["/", "/", "/none"] {
        let head = format!("POST {target} HTTP/1.1\r\nHost: esb.test\r\nContent-Length: 4\r\n\r\nbody");
        client.ask(head);
    }
    let zone = eventually_is(&weir, "/api/9/http/server_zones/main", "/requests", &json!(3));
    let expected = json!({
        "requests": 3, "discarded": 0, "received": 12, "sent": 10,
        "responses": { "1xx": 0, "2xx": 2, "3xx": 0, "4xx": 1, "5xx": 0, "codes": { "200": 2, "404": 1 }, "total": 3 },
    });
    assert_eq!(zone, expected);
    let route = read(&weir, "/api/9/http/location_zones/main/none");
    assert_eq!((&route["requests"], &route["responses"]["4xx"]), (&json!(1), &json!(1)), "{route:#}");
    let rest = read(&weir, "/api/9/http/location_zones/main/-");
    assert_eq!(rest["requests"], 2);

    let upstream = read(&weir, "/api/9/http/upstreams/app/");
    assert_eq!(upstream["queue"], json!({ "size": 0, "max_size": 9, "overflows": 0 }));
    assert_eq!((&upstream["zone"], &upstream["zombies"]), (&json!("app"), &json!(0)));
    let peer = &upstream["peers"][0];
    let server = format!("127.0.0.1:{}", origin.port());
    for (field, expected) in [
        ("id", json!(0)),
        ("server", json!(server)),
        ("name", json!("n1")),
        ("backup", json!(false)),
        ("weight", json!(3)),
        ("state", json!("up")),
        ("max_conns", json!(7)),
        ("requests", json!(3)),
        ("sent", json!(12)),
        ("received", json!(10)),
        ("fails", json!(0)),
        ("unavail", json!(0)),
        ("responses", expected["responses"].clone()),
    ] {
        assert_eq!(peer[field], expected, "{field}: {peer:#}");
    }
    let configured = read(&weir, "/api/9/http/upstreams/app/servers/0");
    assert_eq!((&configured["server"], &configured["max_conns"]), (&json!(server), &json!(7)), "{configured:#}");
    let rates = read(&weir, "/api/9/http/limit_reqs/");
    assert_eq!((&rates["main"]["passed"], &rates["main"]["rejected"]), (&json!(3), &json!(0)), "{rates:#}");
}

fn not_found() -> Vec<u8> {
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()
}

#[test]
fn a_nodes_state_has_the_word_that_nginx_has_for_it() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let weir = Plan::before(&[&a, &b])
        .health("probes = [{ kind = \"tcp\" }]\ninterval = \"100ms\"\nrise = 1\nfall = 1\n")
        .start();
    let path = "/api/9/http/upstreams/app";
    eventually_is(&weir, path, "/peers/0/health_checks/last_passed", &json!(true));
    assert_eq!(weir.command(&["maintain", "n1", "--force"]).code, Some(0));
    eventually_is(&weir, path, "/peers/0/state", &json!("down"));
    assert_eq!(weir.command(&["activate", "n1"]).code, Some(0));
    drop(b);
    let upstream = eventually_is(&weir, path, "/peers/1/state", &json!("unhealthy"));
    let peer = &upstream["peers"][1];
    assert_eq!(
        (&peer["health_checks"]["unhealthy"], &peer["health_checks"]["last_passed"]),
        (&json!(1), &json!(false))
    );
    assert!(peer["downstart"].as_str().is_some_and(|since| since.ends_with('Z')), "{peer:#}");
}

#[test]
fn connections_handshakes_and_requests_are_counted_for_the_whole() {
    let gate = Gate::shut();
    let origin = Origin::waiting_at(&gate, "/held");
    let weir = Plan::before(&[&origin]).secure().listener("max-connections = 50").start();
    let config = Arc::new(Offer::http1("esb.test").config());
    for _ in 0..2 {
        let (mut client, _) = Client::tls_with(weir.https(), &config, "esb.test").expect("a handshake");
        assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200);
    }
    eventually_is(&weir, "/api/9/ssl", "/handshakes", &json!(2));
    let ssl = read(&weir, "/api/9/ssl");
    assert_eq!((&ssl["session_reuses"], &ssl["handshakes_failed"]), (&json!(1), &json!(0)), "{ssl:#}");
    let mut held = weir.client();
    held.send("GET /held HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    eventually_is(&weir, "/api/9/http/requests", "/current", &json!(1));
    let connections = read(&weir, "/api/9/connections");
    assert_eq!((&connections["accepted"], &connections["dropped"]), (&json!(3), &json!(0)), "{connections:#}");
    assert!(connections["active"].as_u64().is_some_and(|open| open >= 1), "{connections:#}");
    gate.open();
    assert_eq!(held.answer().expect("an answer").status, 200);
    eventually_is(&weir, "/api/9/http/requests", "/total", &json!(3));
    let nginx = read(&weir, "/api/9/nginx");
    assert_eq!((&nginx["pid"], &nginx["build"]), (&json!(weir.id()), &json!("weir")), "{nginx:#}");
    let limits = read(&weir, "/api/9/http/limit_conns");
    assert_eq!(limits["http"]["rejected"], 0, "{limits:#}");
}

#[test]
fn fields_and_names_are_chosen_and_what_is_not_there_has_nginxs_code() {
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    for (path, expected) in [
        ("/api/", json!([1, 2, 3, 4, 5, 6, 7, 8, 9])),
        ("/api/3/nginx?fields=build", json!({ "build": "weir" })),
        ("/api/9/http/upstreams/?fields=", json!(["app"])),
        ("/api/9/http/upstreams?fields=zone,zombies", json!({ "app": { "zone": "app", "zombies": 0 } })),
        ("/api/9/nginx?fields=build", json!({ "build": "weir" })),
        ("/api/9/http/upstreams/app/servers/?fields=weight", json!([{ "weight": 1 }])),
        ("/api/9/http/caches/", json!({})),
        ("/api/9/slabs", json!({})),
        ("/api/9/stream/server_zones", json!({})),
    ] {
        assert_eq!(read(&weir, path), expected, "{path}");
    }
    for (path, status, code) in [
        ("/api/9/nowhere", 404, "PathNotFound"),
        ("/api/9/stream/zone_sync", 404, "PathNotFound"),
        ("/api/9/http/upstreams/app/servers/1", 404, "UpstreamServerNotFound"),
        ("/api/9/http/upstreams/app/servers/x", 400, "UpstreamBadServerId"),
        ("/api/9/http/upstreams/none", 404, "UpstreamNotFound"),
        ("/api/9/http/upstreams/none/servers/", 404, "UpstreamNotFound"),
        ("/api/9/http/server_zones/none", 404, "ServerZoneNotFound"),
        ("/api/9/http/limit_reqs/none", 404, "LimitReqNotFound"),
        ("/api/9/nginx?fields=%zz", 400, "InvalidArguments"),
    ] {
        let answer = weir.ask_admin(path);
        let error: Value = serde_json::from_str(&answer.text()).unwrap();
        assert_eq!((answer.status, &error["error"]["code"]), (status, &json!(code)), "{path}: {error}");
        assert_eq!(error["error"]["status"], status, "{path}");
    }
    let head = "DELETE /api/9/ssl HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answer = weir.operator().ask(head);
    assert_eq!(answer.status, 405);
    assert!(answer.text().contains("MethodDisabled"), "{}", answer.text());
}

/// The fields that Telegraf's `nginx_plus_api` reads as whole numbers, below each path.
#[test]
fn telegraf_finds_a_number_where_it_reads_one() {
    const RESPONSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "total"];
    let origin = Origin::named("n");
    let weir = Appliance::in_front_of(&[&origin]);
    assert_eq!(weir.get("/").status, 200);
    eventually_is(&weir, "/api/9/http/upstreams", "/app/peers/0/requests", &json!(1));
    for (path, below, numbers) in [
        ("connections", "", &["accepted", "dropped", "active", "idle"][..]),
        ("ssl", "", &["handshakes", "handshakes_failed", "session_reuses"]),
        ("processes", "", &["respawned"]),
        ("http/requests", "", &["total", "current"]),
        ("http/server_zones", "/main", &["requests", "discarded", "received", "sent"]),
        ("http/server_zones", "/main/responses", &RESPONSES),
        ("http/location_zones", "/main~1-", &["requests", "discarded", "received", "sent"]),
        ("http/location_zones", "/main~1-/responses", &RESPONSES),
        ("http/upstreams", "/app", &["keepalive", "zombies"]),
        ("http/upstreams", "/app/peers/0", &["id", "weight", "active", "requests", "sent", "received"]),
        ("http/upstreams", "/app/peers/0", &["fails", "unavail"]),
        ("http/upstreams", "/app/peers/0/responses", &RESPONSES),
        ("http/upstreams", "/app/peers/0/health_checks", &["checks", "fails", "unhealthy"]),
    ] {
        let answer = read(&weir, &format!("/api/9/{path}"));
        let object = answer.pointer(below).unwrap_or_else(|| panic!("{path} has no {below}: {answer}"));
        numbers.iter().for_each(|number| assert!(object[number].is_u64(), "{path}{below}: {number}: {object}"));
    }
    for path in ["slabs", "http/caches", "stream/server_zones", "stream/upstreams", "resolvers", "http/limit_reqs"] {
        assert!(read(&weir, &format!("/api/9/{path}")).is_object(), "{path}");
    }
}
