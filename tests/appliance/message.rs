//! Where a client is led by what a node writes: Location, Content-Location and Refresh, as a client sees them.

use crate::harness::{Answer, Appliance, Client, Gate, Offer, Origin, Plan, eventually, ok_with};

/// Writes into its answer the field that the request asks it for: `X-Say: Location: http://…`.
fn parrot() -> Origin {
    Origin::answering(|seen| {
        let said: String = seen.values("x-say").iter().map(|line| format!("{line}\r\n")).collect();
        ok_with(&said, "said")
    })
}

fn ask(mut client: Client, host: &str, say: &str) -> Answer {
    client.ask(format!("GET /asked HTTP/1.1\r\nHost: {host}\r\nX-Say: {say}\r\n\r\n"))
}

/// What the client is told in the field that the node wrote.
fn told(client: Client, host: &str, say: &str) -> String {
    let (name, _) = say.split_once(": ").expect("a field");
    ask(client, host, say).field(name).unwrap_or_default()
}

/// As the guide has it: a plain site and one with TLS of the same name, each with a pool of its own on the same node, and
/// a manager.
fn cluster(plain: &Origin, secure: &Origin, manager: &Origin, pool: &str) -> Appliance {
    let (secure, manager) = (secure.port(), manager.port());
    let certificate = "certificate = { chain = \"$dir/esb.crt\", key = \"$dir/esb.key\" }\n";
    let more = format!(
        "[[node]]\nname = \"w\"\naddress = \"127.0.0.1\"\n[[node]]\nname = \"m\"\naddress = \"127.0.0.2\"\n\
         [[pool]]\nname = \"other\"\nnodes = [\"w\"]\nport = {secure}\n\
         [[pool]]\nname = \"manager\"\nnodes = [\"m\"]\nport = {manager}\n\
         [[listener]]\nname = \"https\"\nbind = \"127.0.0.1:$https\"\ntls = {{}}\n\
         [[site]]\nname = \"secure\"\nlistener = \"https\"\nhosts = [\"esb.test\"]\npool = \"other\"\n{certificate}\
         [[site]]\nname = \"mgt\"\nlistener = \"https\"\nhosts = [\"mgt.esb.test\"]\npool = \"manager\"\n{certificate}"
    );
    Plan::before(&[plain]).pool(pool).more(&more).start()
}

#[test]
fn a_node_is_shown_as_the_site_that_leads_to_it() {
    let (plain, secure, manager) = (parrot(), parrot(), parrot());
    let weir = cluster(&plain, &secure, &manager, "");
    let (http, https) = (weir.http().port(), weir.https().port());
    let (p, s, m) = (plain.port(), secure.port(), manager.port());
    let host = format!("esb.test:{http}");
    for (say, expected) in [
        (
            format!("http://127.0.0.1:{p}/a?b=http://127.0.0.1:{p}/c#d"),
            format!("http://{host}/a?b=http://127.0.0.1:{p}/c#d"),
        ),
        (format!("http://esb.test:{p}/a"), format!("http://{host}/a")),
        (format!("https://127.0.0.1:{s}/asked"), format!("https://esb.test:{https}/asked")),
        (format!("https://esb.test:{s}/asked"), format!("https://esb.test:{https}/asked")),
        (format!("https://127.0.0.2:{m}/carbon/"), format!("https://mgt.esb.test:{https}/carbon/")),
        (format!("https://mgt.esb.test:{m}/carbon/"), format!("https://mgt.esb.test:{https}/carbon/")),
    ] {
        assert_eq!(told(weir.client(), &host, &format!("Location: {say}")), expected, "{say}");
        assert_eq!(told(weir.client(), &host, &format!("Content-Location: {say}")), expected, "{say}");
        assert_eq!(
            told(weir.client(), &host, &format!("Refresh: 3; url={say}")),
            format!("3; url={expected}"),
            "{say}"
        );
    }
    // Who came by https stays there.
    let client = || Client::tls(weir.https(), &Offer::http1("esb.test")).expect("a handshake");
    let host = format!("esb.test:{https}");
    for say in
        [format!("http://127.0.0.1:{p}/a"), format!("https://127.0.0.1:{s}/a"), format!("http://127.0.0.1:{s}/a")]
    {
        assert_eq!(told(client(), &host, &format!("Location: {say}")), format!("https://{host}/a"), "{say}");
    }
}

#[test]
fn a_client_that_came_by_address_is_led_to_an_address() {
    let (plain, secure, manager) = (parrot(), parrot(), parrot());
    let mut weir = cluster(&plain, &secure, &manager, "");
    let (http, https, s) = (weir.http().port(), weir.https().port(), secure.port());
    for key in ["nameless", "default"] {
        let hosts = "hosts = [\"esb.test\"]\n";
        weir.edit(|text| text.replace("nameless = true\n", "").replace(hosts, &format!("{hosts}{key} = true\n")));
        weir.reload();
        for host in ["127.0.0.1", "127.0.0.3"] {
            let say = format!("Location: https://{host}:{s}/a");
            let expected = format!("https://{host}:{https}/a");
            assert_eq!(told(weir.client(), &format!("{host}:{http}"), &say), expected, "{key}");
        }
        let foreign = format!("https://other.test:{s}/a");
        assert_eq!(told(weir.client(), "127.0.0.1", &format!("Location: {foreign}")), foreign, "{key}");
    }
}

#[test]
fn a_client_that_names_no_host_keeps_its_port() {
    let origin = parrot();
    let weir = Plan::before(&[&origin]).site("nameless = true").start();
    let host = format!("esb.test:{}", weir.http().port());
    let say = format!("X-Say: Location: http://127.0.0.1:{}/a", origin.port());
    let answer = weir.client().ask(format!("GET / HTTP/1.0\r\n{say}\r\n\r\n"));
    assert_eq!(answer.field("location"), Some(format!("http://{host}/a")));
    assert_eq!(origin.last().values("host"), [host.as_str()]);
    assert_eq!(origin.last().values("x-forwarded-host"), ["esb.test"]);
}

#[test]
fn a_host_that_only_a_forwarded_field_names_is_no_redirect_target() {
    let origin = parrot();
    let weir = Plan::before(&[&origin]).listener("trusted-proxies = [\"127.0.0.1\"]").start();
    let say = format!("Location: http://127.0.0.1:{}/a", origin.port());
    for (told, expected) in [("evil.test:99", "http://esb.test/a"), ("esb.test:8080", "http://esb.test:8080/a")] {
        let say = format!("{say}\r\nX-Forwarded-Host: {told}");
        let answer = ask(weir.client(), "esb.test", &say);
        assert_eq!(answer.field("location").as_deref(), Some(expected));
        // What the proxy says is for the node to judge.
        assert_eq!(origin.last().values("x-forwarded-host"), [told.split(':').next().unwrap_or_default()]);
    }
}

#[test]
fn what_names_no_node_of_ours_is_left_alone() {
    let (plain, secure, manager) = (parrot(), parrot(), parrot());
    let weir = cluster(&plain, &secure, &manager, "");
    let m = manager.port();
    for say in [
        // Another application on the node's machine, such as one that waits for an OAuth callback.
        "http://127.0.0.1/callback?code=1".to_owned(),
        "http://127.0.0.1:1/callback".to_owned(),
        format!("https://127.0.0.1:{m}/x"),
        format!("https://127.0.0.2:{}/x", plain.port()),
        format!("https://idp.test/authorize?redirect_uri=http://127.0.0.1:{}/cb", plain.port()),
        "http://esb.test:1/x".to_owned(),
        "https://esb.test/x".to_owned(),
        "/x".to_owned(),
    ] {
        assert_eq!(told(weir.client(), "esb.test", &format!("Location: {say}")), say);
    }
}

#[test]
fn a_node_that_wants_https_is_not_answered_with_http_for_ever() {
    let origin = parrot();
    let weir = Plan::before(&[&origin]).start();
    let port = origin.port();
    for say in [
        format!("https://127.0.0.1:{port}/asked"),
        format!("https://esb.test:{port}/asked"),
        "https://esb.test/asked".to_owned(),
        "https://esb.test:8443/asked".to_owned(),
    ] {
        assert_eq!(told(weir.client(), "esb.test", &format!("Location: {say}")), say);
    }
    // With a TLS site before the same pool that is where it leads.
    let weir = Plan::before(&[&origin]).secure().start();
    let led = told(
        weir.client(),
        &format!("esb.test:{}", weir.http().port()),
        &format!("Location: https://127.0.0.1:{port}/asked"),
    );
    assert_eq!(led, format!("https://esb.test:{}/asked", weir.https().port()));
}

#[test]
fn a_node_that_has_a_name_is_mapped_by_its_name() {
    let origin = parrot();
    let text = "state-dir = \"$dir\"\nthreads = 1\n[admin]\nbind = \"127.0.0.1:$admin\"\n\
        [[listener]]\nname = \"http\"\nbind = \"127.0.0.1:$http\"\n[[node]]\nname = \"n\"\naddress = \"localhost\"\n\
        [[pool]]\nname = \"app\"\nnodes = [\"n\"]\nport = PORT\n\
        [[site]]\nname = \"main\"\nlistener = \"http\"\nhosts = [\"esb.test\"]\npool = \"app\"\n";
    let weir = Plan::text(text.replace("PORT", &origin.port().to_string())).start();
    for node in ["localhost", "LOCALHOST.", "127.0.0.1"] {
        let say = format!("Location: http://{node}:{}/a", origin.port());
        assert_eq!(told(weir.client(), "esb.test", &say), "http://esb.test/a", "{node}");
    }
}

#[test]
fn the_operator_maps_otherwise_or_not_at_all() {
    let (plain, secure, manager) = (parrot(), parrot(), parrot());
    let weir = cluster(&plain, &secure, &manager, "redirects = \"off\"");
    let say = format!("http://127.0.0.1:{}/a", plain.port());
    assert_eq!(told(weir.client(), "esb.test", &format!("Location: {say}")), say);
    let pairs = "redirects = [{ from = \"http://localhost:9763/\", to = \"https://esb.test/\" }, { from = \"/old\", to = \"/new\" }]";
    let weir = cluster(&plain, &secure, &manager, pairs);
    for (written, expected) in
        [("http://localhost:9763/a", "https://esb.test/a"), ("/old/a", "/new/a"), (&say, "http://esb.test/a")]
    {
        assert_eq!(told(weir.client(), "esb.test", &format!("Location: {written}")), expected);
    }
}

#[test]
fn who_waited_over_a_reload_that_adds_a_pool_is_led_to_no_node() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::speaking(move |talk| {
        let said: String = talk.seen().values("x-say").iter().map(|line| format!("{line}\r\n")).collect();
        if said.is_empty() {
            opens.pass();
        }
        talk.send(&ok_with(&said, "said"));
    });
    let mut weir = Plan::before(&[&origin]).pool("max-requests = 1\nqueue = { size = 1 }").start();
    let (mut holder, mut waiter) = (weir.client(), weir.client());
    holder.send("GET /hold HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    origin.reached(1);
    waiter.send(format!(
        "GET / HTTP/1.1\r\nHost: esb.test\r\nX-Say: Location: http://127.0.0.1:{}/a\r\n\r\n",
        origin.port()
    ));
    eventually("it waits", || weir.metric("weir_queue_waiting", &[("pool", "app")]) > 0.5);
    let before = "[[pool]]\nname = \"first\"\nnodes = [\"n1\"]\nport = 1\n[[pool]]";
    weir.edit(|text| text.replacen("[[pool]]", before, 1).replace("max-requests = 1", "max-requests = 2"));
    weir.reload();
    let answer = waiter.answer().expect("an answer");
    assert_eq!(answer.field("location").as_deref(), Some("http://esb.test/a"));
    gate.open();
    assert_eq!(holder.answer().expect("an answer").status, 200);
}
