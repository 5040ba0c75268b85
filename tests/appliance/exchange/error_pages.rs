//! Pages of the operator's own, in place of what Weir says itself, and of what nodes say.

use std::fs;

use crate::harness::{Answer, Appliance, H2Client, Origin, Plan, eventually, ok};

const ROUTES: &str = "[[site.route]]\nprefix = \"/dead\"\npool = \"dead\"\n[[site.route]]\nprefix = \"/closed\"\nanswer = { status = 503 }\n\
                      [[site.route]]\nprefix = \"/said\"\nanswer = { status = 503, body = \"said\" }\n[[site.route]]\nprefix = \"/denied\"\ndeny = true";
const DEAD: &str =
    "[[node]]\nname = \"dead\"\naddress = \"127.0.0.1\"\n[[pool]]\nname = \"dead\"\nnodes = [\"dead\"]\nport = 1";
const SOON: &str = "<h1>Back soon</h1>\n";

/// Sites with two pages, and what else their table says.
fn with_pages(origin: &Origin, more: &str) -> Appliance {
    let mut weir = Plan::before(&[origin]).secure().site(ROUTES).more(DEAD).start();
    fs::write(weir.path("soon.html"), SOON).expect("the directory is there");
    fs::write(weir.path("denied.json"), "{\"error\":\"denied\"}").expect("the directory is there");
    let pages = format!("pool = \"app\"\nerror-pages = {{ 403 = \"denied.json\", 5xx = \"soon.html\" }}\n{more}\n");
    weir.edit(|text| text.replace("pool = \"app\"\n", &pages));
    let told = weir.reload();
    assert!(!told.contains("refused"), "{told}");
    weir
}

fn shown(answer: &Answer) -> (u16, String, String) {
    (answer.status, answer.field("content-type").unwrap_or_default(), answer.text())
}

fn html(status: u16) -> (u16, String, String) {
    (status, "text/html; charset=utf-8".to_owned(), SOON.to_owned())
}

#[test]
fn each_page_with_another_text_is_told_before_a_reload() {
    let weir = with_pages(&Origin::named("n1"), "");
    fs::write(weir.path("soon.html"), "soon").expect("the directory is there");
    fs::write(weir.path("denied.json"), "{}").expect("the directory is there");
    let said = weir.command(&["diff"]);
    for page in ["denied.json", "soon.html"] {
        assert!(said.out.contains(&format!("{page} has another text")), "{page}: {said:?}");
    }
}

#[test]
fn a_page_of_ones_own_changes_the_body_and_nothing_else() {
    let origin = Origin::named("n1");
    let plain = Plan::before(&[&origin]).site(ROUTES).more(DEAD).start();
    let weir = with_pages(&origin, "");
    assert_eq!(shown(&weir.get("/denied")), (403, "application/json".to_owned(), "{\"error\":\"denied\"}".to_owned()));
    assert_eq!(shown(&weir.get("/closed")), html(503));
    assert_eq!(weir.get("/said").text(), "said");
    for target in ["/denied", "/dead/"] {
        let (ours, own) = (plain.get(target), weir.get(target));
        assert_eq!(own.status, ours.status, "{target}");
        for field in ["cache-control", "retry-after", "connection"] {
            assert_eq!(own.field(field), ours.field(field), "{field} of {target}");
        }
        assert_ne!(own.text(), ours.text(), "{target}");
    }
    // A length that is not that of the body would spoil what follows on the connection.
    let mut client = weir.client();
    client.send("HEAD /closed HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    let head = client.answer_to_head().expect("an answer");
    assert_eq!((head.status, head.field("content-length")), (503, Some(SOON.len().to_string())));
    assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: esb.test\r\n\r\n").status, 200);
    // Where no site is known, no site's page is.
    let stray = weir.client().ask("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
    assert_eq!(stray.refusal(), "421 unknown-host");
}

#[test]
fn http2_clients_get_the_page_too() {
    let origin = Origin::named("n1");
    let weir = with_pages(&origin, "");
    let mut client = H2Client::connect(weir.https());
    let closed = client.get("/closed", &[]).expect("an answer");
    assert_eq!((closed.status, closed.text()), (503, SOON.to_owned()));
    let head = client.ask("HEAD", "/closed", &[], &[], None).expect("an answer");
    assert_eq!((head.status, head.text()), (503, String::new()));
    assert_eq!(client.get("/", &[]).expect("an answer").status, 200);
}

#[test]
fn a_reload_takes_the_page_anew_and_a_page_that_is_gone_changes_nothing() {
    let origin = Origin::named("n1");
    let mut weir = with_pages(&origin, "");
    fs::write(weir.path("soon.html"), "<h1>At nine</h1>").expect("the directory is there");
    assert_eq!(weir.get("/closed").text(), SOON, "a page was read without a reload");
    weir.reload();
    assert_eq!(weir.get("/closed").text(), "<h1>At nine</h1>");
    fs::remove_file(weir.path("soon.html")).expect("the page is there");
    weir.reload();
    eventually("the journal says what is missing", || weir.journal().contains("soon.html: there is no such file"));
    assert_eq!(weir.get("/closed").text(), "<h1>At nine</h1>");
}

/// An answer with 403 or 503 that says much of its body, and a fault that is none of the pages'.
fn troubled() -> Origin {
    Origin::answering(|seen| {
        match seen.target().as_str() {
        "/ok" => ok("fine"),
        "/chunked" => b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n0\r\n\r\n".to_vec(),
        "/fault" => b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nfour".to_vec(),
        _ => b"HTTP/1.1 503 Busy\r\nContent-Type: text/xml\r\nContent-Encoding: gzip\r\nETag: \"a\"\r\nRetry-After: 7\r\n\
               Set-Cookie: a=b\r\nDigest: md5=a\r\nRepr-Digest: md5=:a:\r\nContent-Digest: md5=:a:\r\nContent-Length: 3\r\n\r\nbad"
            .to_vec(),
    }
    })
}

#[test]
fn a_nodes_answer_is_replaced_where_the_site_says_so() {
    let origin = troubled();
    let weir = with_pages(&origin, "");
    assert_eq!(weir.get("/").text(), "bad");
    let weir = with_pages(&origin, "intercept-errors = true");
    let answer = weir.get("/");
    assert_eq!(shown(&answer), html(503));
    assert_eq!(answer.field("retry-after").as_deref(), Some("7"));
    assert_eq!(answer.field("set-cookie").as_deref(), Some("a=b"));
    for name in ["etag", "content-encoding", "digest", "repr-digest", "content-digest"] {
        assert_eq!(answer.field(name), None, "{name} is of the node's body");
    }
    assert_eq!(weir.get("/fault").text(), "four");
    let mut client = H2Client::connect(weir.https());
    let answer = client.get("/", &[]).expect("an answer");
    assert_eq!((answer.status, answer.text()), (503, SOON.to_owned()));
}

#[test]
fn a_node_whose_answer_was_replaced_keeps_its_connection() {
    let origin = troubled();
    let weir = with_pages(&origin, "intercept-errors = true");
    let mut client = weir.client();
    let mut ask = |method: &str, target: &str| {
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: esb.test\r\n\r\n"));
        if method == "HEAD" { client.answer_to_head() } else { client.answer() }.expect("an answer")
    };
    assert_eq!(shown(&ask("GET", "/")), html(503));
    assert_eq!(shown(&ask("GET", "/chunked")), html(503));
    assert_eq!(ask("GET", "/ok").text(), "fine");
    assert_eq!(origin.connections(), 1);
    assert_eq!(ask("HEAD", "/").field("content-length"), Some(SOON.len().to_string()));
    assert_eq!(ask("GET", "/ok").text(), "fine");
}
