//! `cookies` of a pool: what clients get of the cookies that its nodes set.

use crate::harness::{Appliance, H2Client, Origin, Plan, ok_with};

/// Sets the cookies that the request asks it for: `X-Say: a=1; Path=/`.
fn parrot() -> Origin {
    Origin::answering(|seen| {
        let said: String = seen.values("x-say").iter().map(|line| format!("Set-Cookie: {line}\r\n")).collect();
        ok_with(&said, "said")
    })
}

/// What the client gets, the same by HTTP/1 and HTTP/2.
#[track_caller]
fn told(weir: &Appliance, target: &str, say: &[&str]) -> Vec<String> {
    let lines: String = say.iter().map(|line| format!("X-Say: {line}\r\n")).collect();
    let one = weir.client().ask(format!("GET {target} HTTP/1.1\r\nHost: esb.test\r\n{lines}\r\n"));
    let one = one.values("set-cookie");
    let fields: Vec<_> = say.iter().map(|line| ("x-say", *line)).collect();
    let two = H2Client::connect(weir.https()).get(target, &fields).expect("an answer");
    let two: Vec<_> = two.fields.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect();
    assert_eq!(one, two, "HTTP/1 and HTTP/2");
    one
}

#[test]
fn domains_and_flags_of_the_nodes_cookies_are_those_of_the_pool() {
    let origin = parrot();
    let cookies = "cookies = { domain = [{ from = \"Internal.local\", to = \"wso2.com\" }, { from = \"n1.local\", to = \"$host\" }], \
        secure = true, http-only = false, same-site = \"lax\", named = [{ name = \"LANG\", same-site = \"off\" }] }\n";
    let esb = "[[site.route]]\nprefix = \"/esb/\"\nupstream-path = \"/\"\n";
    let site = format!("response-headers = {{ add = {{ Set-Cookie = \"own=1; HttpOnly\" }} }}\n{esb}");
    let mut weir = Plan::before(&[&origin]).secure().pool(cookies).site(&site).start();
    let say = [
        "JSESSIONID=a1; Path=/carbon; Domain=.internal.LOCAL; HttpOnly",
        "b=\"x y\"; domain=n1.local; SameSite=None; Secure; Max-Age=5",
        "lang=en; SameSite=Strict; HttpOnly",
        "d=4; Domain=other.local",
    ];
    let changed = [
        "JSESSIONID=a1; Path=/carbon; Domain=.wso2.com; Secure; SameSite=Lax",
        "b=\"x y\"; domain=esb.test; SameSite=Lax; Secure; Max-Age=5",
        "lang=en; HttpOnly",
        "d=4; Domain=other.local; Secure; SameSite=Lax",
        "own=1; HttpOnly",
    ];
    assert_eq!(told(&weir, "/", &say), changed);
    let led_back = changed[0].replace("/carbon", "/esb/carbon");
    assert_eq!(told(&weir, "/esb/x", &say)[0], led_back);
    weir.edit(|text| text.replace("secure = true, http-only", "secure = false, http-only"));
    weir.reload();
    assert_eq!(told(&weir, "/", &say[1..2])[0], "b=\"x y\"; domain=esb.test; SameSite=Lax; Max-Age=5");
}

#[test]
fn sessions_stay_and_weirs_own_cookie_is_as_sticky_says() {
    let session = |name: &'static str| {
        Origin::answering(move |_| ok_with(&format!("Set-Cookie: JSESSIONID={name}; Path=/; Domain=n.local\r\n"), name))
    };
    let (first, second) = (session("one"), session("two"));
    let cookies =
        "cookies = { domain = [{ from = \"n.local\", to = \"esb.test\" }], secure = true, same-site = \"lax\" }\n";
    let own = "sticky = { mode = \"cookie\", secure = false, http-only = false, same-site = \"strict\" }\n";
    for sticky in ["sticky = { mode = \"learn\" }\n", own] {
        let weir = Plan::before(&[&first, &second]).pool(&format!("{cookies}{sticky}")).start();
        let answer = weir.get("/");
        let set = answer.values("set-cookie");
        let expected = format!("JSESSIONID={}; Path=/; Domain=esb.test; Secure; SameSite=Lax", answer.text());
        assert_eq!(set[0], expected);
        if sticky == own {
            assert!(set.len() == 2 && set[1].ends_with("; Path=/; SameSite=Strict"), "{set:?}");
        }
        let sent: Vec<_> = set.iter().filter_map(|cookie| cookie.split(';').next()).collect();
        let request = format!("GET / HTTP/1.1\r\nHost: esb.test\r\nCookie: {}\r\n\r\n", sent.join("; "));
        for _ in 0..4 {
            assert_eq!(weir.client().ask(&request).text(), answer.text(), "{sticky}");
        }
    }
}
