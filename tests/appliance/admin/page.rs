//! The dashboard: small, whole, and of this address alone. What it does in a browser is tried by `make acceptance`.

use std::collections::BTreeMap;

use crate::harness::{Answer, Appliance, Client, Origin};

/// What all files of the page weigh at most.
const MOST: usize = 120 * 1024;

/// The page and all that it loads, by path.
fn files(weir: &Appliance) -> BTreeMap<String, Answer> {
    let (mut found, mut wanted) = (BTreeMap::new(), vec!["/".to_owned()]);
    while let Some(path) = wanted.pop() {
        if found.contains_key(&path) {
            continue;
        }
        let answer = weir.ask_admin(&path);
        assert_eq!(answer.status, 200, "{path}");
        let text = answer.text();
        for begin in ["src=\"", "href=\"/", "from '"] {
            for named in text.split(begin).skip(1) {
                let name = named.split(['"', '\'']).next().unwrap_or_default();
                let name = name.trim_start_matches("./").trim_start_matches('/').trim_start_matches("page/");
                wanted.push(format!("/page/{name}"));
            }
        }
        found.insert(path, answer);
    }
    found
}

#[test]
fn the_page_is_small_and_whole_and_loads_from_here_alone() {
    let weir = Appliance::in_front_of(&[&Origin::named("n")]);
    let files = files(&weir);
    let all: usize = files.values().map(|file| file.body.len()).sum();
    assert!(all <= MOST, "{all} bytes");
    assert!(files.contains_key("/page/page.css") && files.len() > 10, "{:?}", files.keys());
    for (path, file) in &files {
        let head = file.head.to_ascii_lowercase();
        for field in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n",
            "x-content-type-options: nosniff\r\n",
            "referrer-policy: no-referrer\r\n",
            "cache-control: no-cache\r\n",
        ] {
            assert!(head.contains(field), "{path}: {head}");
        }
        let text = file.text();
        // The name of SVG, and an example of what may be asked, are no references.
        let elsewhere = text.replace("http://www.w3.org/2000/svg", "").replace("placeholder=\"https://", "");
        for reference in ["\"http", "'http", "`http", "url(", "@import", "\"//", "'//"] {
            assert!(!elsewhere.contains(reference), "{path} has {reference}");
        }
        for way in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser"]
        {
            assert!(!text.contains(way), "{path}: text of a node could come to life by {way}");
        }
    }
    let document = files["/"].text();
    for inline in ["<style", "style=", "onclick", "onload", "javascript:"] {
        assert!(!document.contains(inline), "{inline}");
    }
    assert!(document.split("<script").skip(1).all(|script| script.contains("src=\"/page/")), "{document}");
    assert!(document.contains(&format!("data-version=\"{}\"", env!("CARGO_PKG_VERSION"))), "{document}");
}

#[test]
fn a_browser_that_has_a_file_is_told_so_and_nothing_is_written_there() {
    let weir = Appliance::in_front_of(&[&Origin::named("n")]);
    let ask = |method: &str, path: &str, more: &str| {
        let mut client = Client::plain(weir.admin()).unwrap();
        client.ask(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n"))
    };
    for path in ["/", "/page/main.js", "/page/page.css"] {
        let first = ask("GET", path, "");
        let tag = first.head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("there is a tag");
        let again = ask("GET", path, &format!("If-None-Match: \"other\", W/{tag}\r\n"));
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(ask("GET", path, "If-None-Match: \"other\"\r\n").status, 200, "{path}");
        let post = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(weir.operator().ask(post).status, 405, "{path}");
    }
    assert_eq!(ask("GET", "/page/", "").status, 404);
    assert_eq!(ask("GET", "/page/../weir.toml", "").status, 404);
}
