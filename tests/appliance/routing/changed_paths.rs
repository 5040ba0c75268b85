//! `upstream-path`: the node is asked for another path than the client wrote, and what it says leads the client back.

use crate::harness::{H2Client, Origin, Plan, Talk, ok_with};

const ESB: &str = "[[site.route]]\nname = \"esb\"\nprefix = \"/esb/\"\nupstream-path = \"/\"\n";

/// Says a redirect and a cookie of its own paths, and what it was asked for.
fn node() -> Origin {
    Origin::answering(|seen| {
        let fields = "Location: /carbon/login\r\nContent-Location: /services/\r\nRefresh: 5; url=/again\r\n\
                      Set-Cookie: JSESSIONID=a1; Path=/; HttpOnly\r\nSet-Cookie: other=b; Path=/carbon\r\n";
        ok_with(fields, &seen.target())
    })
}

#[test]
fn a_node_sees_its_own_paths_and_the_client_those_of_the_site() {
    let origin = node();
    let weir = Plan::before(&[&origin]).secure().site(ESB).start();
    let (mut one, mut two) = (weir.client(), H2Client::connect(weir.https()));
    for (asked, up) in [
        ("/esb/services/Echo?wsdl", "/services/Echo?wsdl"),
        ("/esb/", "/"),
        ("/esb/a%2fb;v=1//c%20d?x=/esb/", "/a%2fb;v=1//c%20d?x=/esb/"),
        ("/%65sb/x", "/x"),
    ] {
        let answer = one.ask(format!("GET {asked} HTTP/1.1\r\nHost: esb.test\r\nX-Forwarded-Prefix: /forged\r\n\r\n"));
        assert_eq!(answer.text(), up);
        assert_eq!(origin.last().values("x-forwarded-prefix"), ["/esb"]);
        assert_eq!(answer.field("location").as_deref(), Some("/esb/carbon/login"));
        assert_eq!(answer.field("content-location").as_deref(), Some("/esb/services/"));
        assert_eq!(answer.field("refresh").as_deref(), Some("5; url=/esb/again"));
        assert_eq!(answer.values("set-cookie"), ["JSESSIONID=a1; Path=/esb; HttpOnly", "other=b; Path=/esb/carbon"]);
        let answer = two.get(asked, &[]).expect("an answer");
        let field = |name: &str| answer.fields.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(answer.text(), up);
        assert_eq!(field("location").collect::<Vec<_>>(), ["/esb/carbon/login"]);
        assert_eq!(field("set-cookie").nth(1).as_deref(), Some("other=b; Path=/esb/carbon"));
    }
    // What no route changes goes up and comes back as it is.
    let answer = one.ask("GET /esbx HTTP/1.1\r\nHost: esb.test\r\n\r\n");
    assert_eq!((answer.text().as_str(), answer.field("location").as_deref()), ("/esbx", Some("/carbon/login")));
    assert!(origin.last().values("x-forwarded-prefix").is_empty());
}

#[test]
fn no_spelling_of_the_path_leaves_the_prefix() {
    let origin = node();
    let weir = Plan::before(&[&origin]).site(ESB).start();
    for target in ["/esb/a/../../esb/x", "/esb/./../esb/x", "/a/../esb/x", "//esb/x", "/./esb/x", "/esb;v=1/x"] {
        let answer = weir.client().ask(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\n\r\n"));
        assert_eq!((answer.status, answer.refusal().as_str()), (400, "400 path-unclear"), "{target}");
    }
    assert_eq!(origin.count(), 0);
}

#[test]
fn the_next_node_is_asked_for_the_same_path_and_why_tells_it() {
    let second = node();
    let first = Origin::speaking(Talk::reset);
    let weir = Plan::before(&[&first, &second]).site(ESB).start();
    for _ in 0..2 {
        let answer = weir.client().ask("GET /esb/x?y HTTP/1.1\r\nHost: esb.test\r\n\r\n");
        assert_eq!(answer.text(), "/x?y");
    }
    let told = weir.command(&["why", "--host", "esb.test", "--path", "/esb/x?y"]);
    assert!(told.out.contains("path: the node is asked for /x?y"), "{}", told.out);
}
