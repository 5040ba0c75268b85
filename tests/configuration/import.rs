//! `weir import nginx`: every directive of every fixture is in the report, what is written passes the checks, and what nginx
//! means is what Weir does. `tests/import/NAME` beside `NAME.report`, the report without what stays the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use nginx_lint_parser::ast::{ConfigItem, Directive};
use weir::import::{Class, Imported, Input, import};

use super::*;

/// Blocks whose lines are values, besides includes.
const VALUES: [&str; 4] = ["types", "map", "geo", "match"];

#[test]
fn no_directive_is_left_out_and_what_is_written_is_good() {
    let mut seen = 0;
    for fixture in fixtures() {
        let world = World::of(&fixture);
        let imported = world.import();
        let told = imported.report.lines.iter().filter(|line| !line.default);
        let told = counted(told.map(|line| (line.file.clone(), line.line, line.directive.clone())));
        assert_eq!(told, world.written_by_hand(), "{}", fixture.display());
        let text = imported.text.unwrap_or_else(|errors| panic!("{}: {}", fixture.display(), errors.render(false)));
        let path = world.room.write("out.toml", &text);
        config::load(&path).unwrap_or_else(|errors| panic!("{}: {}", fixture.display(), errors.render(false)));
        assert_eq!(world.import().text.unwrap(), text, "{} is written in another way each time", fixture.display());
        seen += 1;
    }
    assert!(seen >= 25, "only {seen} configurations were found");
}

#[test]
fn reports_say_what_changes() {
    let mut different = Vec::new();
    for fixture in fixtures() {
        let world = World::of(&fixture);
        let report = world.import().report.text().replace(world.room.0.to_str().unwrap(), "$dir");
        let said = report.split("\nsame:").next().unwrap_or_default().split("\nignored:").next().unwrap_or_default();
        let golden = fixture.with_file_name(format!("{}.report", fixture.file_stem().unwrap().to_str().unwrap()));
        if std::env::var_os("WEIR_WRITE_REPORTS").is_some() {
            fs::write(&golden, said).unwrap();
        }
        if fs::read_to_string(&golden).unwrap_or_default() != said {
            different.push(format!("{}:\n{said}", golden.display()));
        }
    }
    assert!(different.is_empty(), "WEIR_WRITE_REPORTS=1 writes them anew\n{}", different.join("\n"));
}

/// What nginx means, and the lines of weir.toml that mean the same.
#[test]
fn what_nginx_means_is_what_weir_does() {
    let node = "server 10.0.0.3:80;";
    let rows: [(&str, String, &[&str]); 40] = [
        ("one process has one node", format!("upstream a {{ {node} }} upstream b {{ server 10.0.0.3:81; }} server {{ location / {{ proxy_pass http://a; }} location /b/ {{ proxy_pass http://b; }} }}"), &["name = \"node1\"\naddress = \"10.0.0.3\"\n\n# from stdin:1\n[[pool]]"]),
        ("the longest prefix comes first", site("location /a/ { return 200; } location /a/b/ { return 200; } location = /a/ { return 200; }"), &["path = \"/a/\"\nanswer = { status = 200 }\n\n# from stdin:1\n[[site.route]]\nprefix = \"/a/b/\"", "prefix = \"/a/\""]),
        ("a firm prefix comes before expressions", site("location ~ ^/a { return 200; } location ^~ /a/ { return 200; } location /b/ { return 200; }"), &["prefix = \"/a/\"\nanswer = { status = 200 }\n\n# from stdin:1\n[[site.route]]\nregex = '^/a'\nanswer = { status = 200 }\n\n# from stdin:1\n[[site.route]]\nprefix = \"/b/\""]),
        ("the same path is no change", site("location /carbon { proxy_pass http://10.0.0.3/carbon; }"), &["prefix = \"/carbon\"\npool = \"10.0.0.3-80\""]),
        ("a path is changed, and led back", site("location /esb/ { proxy_pass http://10.0.0.3/; proxy_cookie_path / /esb/; }"), &["prefix = \"/esb/\"\nupstream-path = \"/\"\npool = \"10.0.0.3-80\""]),
        ("all below another path", site("location / { proxy_pass http://10.0.0.3/esb/; }"), &["prefix = \"/\"\nupstream-path = \"/esb/\"\npool"]),
        ("a path that runs into the rest reaches no node", site("location /esb/ { proxy_pass http://10.0.0.3/new; }"), &["[[site.route]]\n# missing: stdin:1: proxy_pass http://10.0.0.3/new", "answer = { status = 501"]),
        ("paths without a location get 404", site("location /a/ { return 204; }"), &["[[site.route]]\nanswer = { status = 404 }"]),
        ("the default is the one that says so", "server { server_name a; location / { return 204; } } server { listen 80 default_server; server_name b; location / { return 204; } }".to_owned(), &["name = \"b.http\"\nlistener = \"http\"\nhosts = [\"b\"]\ndefault = true", "hosts = [\"a\"]\n\n"]),
        ("without one the first takes nameless clients", "server { server_name a; location / { return 204; } } server { server_name b; location / { return 204; } }".to_owned(), &["hosts = [\"a\"]\nnameless = true", "hosts = [\"b\"]\n\n"]),
        ("a name that listens is looked up", "server { listen localhost:8080; server_name a; location / { return 204; } }".to_owned(), &["bind = \"127.0.0.1:8080\""]),
        ("another limit makes a route of it", "upstream a { server 10.0.0.3:80; } server { server_name x; location / { proxy_read_timeout 2m; proxy_pass http://a; } location /l/ { proxy_read_timeout 9m; proxy_pass http://a; } }".to_owned(), &["prefix = \"/l/\"\npool = \"a\"", "timeouts = { read = \"2m\" }"]),
        ("limits hold in their location alone", "upstream a { server 10.0.0.3:80; } server { server_name x; proxy_read_timeout 9m; location / { proxy_pass http://a; } location /l/ { proxy_send_timeout 1m; proxy_pass http://a; } }".to_owned(), &["timeouts = { read = \"9m\" }", "timeouts = { read = \"9m\", send = \"1m\" }"]),
        ("a network inside another is not opened", site("location / { allow 10.0.0.0/8; deny 10.1.0.0/16; deny all; proxy_pass http://10.0.0.3; }"), &["answer = { status = 501"]),
        ("a site that only redirects has no route", "server { server_name a; return 301 https://$host$request_uri; }".to_owned(), &["nameless = true\nredirect = { scheme = \"https\", status = 301 }"]),
        ("what the routes leave is redirected", site("location /a/ { return 204; } location / { return 301 https://$host$request_uri; }"), &["redirect = { scheme = \"https\", status = 301 }\n\n# from stdin:1\n[[site.route]]\nprefix = \"/a/\""]),
        ("a rewrite that leads away redirects", "server { server_name a; rewrite ^/(.*) https://b.c/$1 permanent; }".to_owned(), &["redirect = { scheme = \"https\", host = \"b.c\", status = 301 }"]),
        ("a condition of the site that refuses closes the site", site("if ($http_x_bad) { return 403; } location / { proxy_pass http://10.0.0.3; }"), &["\nanswer = { status = 501"]),
        ("an expression that Weir cannot have closes what it guards", site("location ~ ^/(?!pub) { deny all; } location / { proxy_pass http://10.0.0.3; }"), &["\nanswer = { status = 501"]),
        ("a nested one closes its location alone", site("location /adm/ { proxy_pass http://10.0.0.3; location ~ do$ { deny all; } } location / { proxy_pass http://10.0.0.3; }"), &["prefix = \"/adm/\"\nanswer = { status = 501", "pool = \"10.0.0.3-80\"\n\n# from"]),
        ("a closed prefix is closed as far as in nginx", site("location /a.b { deny all; } location / { proxy_pass http://10.0.0.3; }"), &["regex = '^/a\\.b'\ndeny = true"]),
        ("a path that changes has such a prefix, and nothing else that begins so", site("location /a { allow 10.0.0.0/8; deny all; proxy_pass http://10.0.0.3/b; }"), &["prefix = \"/a\"\nupstream-path = \"/b\"\npool = \"10.0.0.3-80\"\nallow-from = [\"10.0.0.0/8\"]\n\n# from stdin:1\n[[site.route]]\nregex = '^/a'\nanswer = { status = 501"]),
        ("an expression that guards is not overtaken", site("location ^~ /i/ { return 200; } location /i/s/ { proxy_pass http://10.0.0.3; } location ~ p$ { deny all; }"), &["prefix = \"/i/s/\"\nanswer = { status = 501", "prefix = \"/i/\"\nanswer = { status = 200 }"]),
        ("values of the request have Weir's names", site("location / { proxy_pass http://10.0.0.3; proxy_set_header X-From \"$scheme://$host:${server_port}a $remote_addr\"; proxy_set_header Host $host:8280; }"), &["set = { \"X-From\" = \"$scheme://$host:${port}a $client\", \"Host\" = \"$host:8280\" }"]),
        ("a cookie's Domain and its flags", site("location / { proxy_pass http://10.0.0.3; proxy_cookie_domain internal.local $host; proxy_cookie_flags JSESSIONID nosecure samesite=lax; proxy_cookie_flags ~ secure httponly; }"), &["cookies = { domain = [{ from = \"internal.local\", to = \"$host\" }], secure = true, http-only = true, named = [{ name = \"JSESSIONID\", secure = false, same-site = \"lax\" }] }"]),
        ("flags behind a path", site("location / { proxy_pass http://10.0.0.3; proxy_cookie_path / \"/; Secure; HttpOnly; SameSite=None\"; }"), &["cookies = { secure = true, http-only = true, same-site = \"none\" }"]),
        ("other cookies make another pool", site("location / { proxy_pass http://10.0.0.3; } location /c/ { proxy_pass http://10.0.0.3; proxy_cookie_flags ~ secure; }"), &["name = \"10.0.0.3-80-2\"", "cookies = { secure = true }"]),
        ("a password that Weir does not ask for opens nothing", site("auth_basic x; location / { proxy_pass http://10.0.0.3; } location /f/ { auth_basic off; proxy_pass http://10.0.0.3; }"), &["prefix = \"/f/\"\npool", "answer = { status = 501"]),
        ("a path without its slash leads to it", site("location /esb/ { proxy_pass http://10.0.0.3/; } location / { proxy_pass http://10.0.0.4; }"), &["path = \"/esb\"\nredirect = { path = \"/esb/\", keep-query = true, status = 301 }\n\n# from stdin:1\n[[site.route]]\nprefix = \"/esb/\""]),
        ("it comes before expressions, and where nodes are not reached", site("location ~ ^/a { return 200; } location /a/ { fastcgi_pass 10.0.0.3:90; }"), &["path = \"/a\"\nredirect = { path = \"/a/\", keep-query = true, status = 301 }\n\n# from stdin:1\n[[site.route]]\nregex = '^/a'"]),
        ("not where a location takes that path", site("location /esb/ { proxy_pass http://10.0.0.3; } location = /esb { return 204; }"), &["pool = \"10.0.0.3-80\"", "path = \"/esb\"\nanswer = { status = 204 }\n\n# from stdin:1\n[[site.route]]\nprefix = \"/esb/\""]),
        ("but where the location around it does", site("location /o { return 200; location /o/ { proxy_pass http://10.0.0.3; } }"), &["path = \"/o\"\nredirect = { path = \"/o/\", keep-query = true, status = 301 }"]),
        ("rewrites of a server come before its locations", site("rewrite ^/x$ /y permanent; rewrite ^/old/(.*)$ /new/$1 redirect; location /z { proxy_pass http://10.0.0.3; } location / { return 204; }"), &["path = \"/x\"\nredirect = { path = \"/y\", keep-query = true, status = 301 }\n\n# from stdin:1\n[[site.route]]\n# missing: stdin:1: rewrite", "regex = '^/old/(.*)$'\nanswer = { status = 501", "prefix = \"/z\"\npool = \"10.0.0.3-80\""]),
        ("they take what a slash or an exact location would", site("rewrite ^/esb /k permanent; location /esb/ { proxy_pass http://10.0.0.3; } location = /esb/x { deny all; }"), &["regex = '^/esb'\nredirect = { path = \"/k\", keep-query = true, status = 301 }\n\n# from stdin:1\n[[site.route]]\nprefix = \"/esb/\""]),
        ("one that changes all paths closes the locations", site("rewrite ^ /app last; location /z { proxy_pass http://10.0.0.3; }"), &["prefix = \"/z\"\nanswer = { status = 501"]),
        ("what is refused beside a redirect stays closed", site("if ($http_x_bad) { return 403; } rewrite ^/x$ /y permanent; location / { proxy_pass http://10.0.0.3; }"), &["path = \"/x\"\nanswer = { status = 501"]),
        ("files that are asked first keep requests from the nodes", site("location /f { try_files $uri /x; proxy_pass http://10.0.0.3; } location / { return 204; }"), &["regex = '^/f'\nanswer = { status = 501"]),
        ("a name that is taken on one listener is free on another", "server { server_name a; location / { return 204; } } server { listen 80; listen 81; server_name a; location / { return 205; } }".to_owned(), &["name = \"a.http-2\"\nlistener = \"http-81\"\nhosts = [\"a\"]\nnameless = true"]),
        ("a default of one listener is none of another", "server { listen 81; server_name b; location / { return 204; } } server { listen 80 default_server; listen 81; server_name a; location / { return 205; } }".to_owned(), &["listener = \"http\"\nhosts = [\"a\"]\ndefault = true", "listener = \"http-81\"\nhosts = [\"a\"]\n\n"]),
        ("probes", "upstream a { server 10.0.0.3:9443; } match ok { status 200 301-303; body ~ Welcome; } server { server_name x; location / { proxy_pass https://a; health_check interval=10 passes=2 fails=3 uri=/x port=9444 match=ok mandatory; } }".to_owned(), &["health = { interval = \"10s\", rise = 2, fall = 3, mandatory = true, probes = [{ kind = \"https\", path = \"/x\", port = 9444, status = \"200,301-303\", contains = \"Welcome\" }] }"]),
    ];
    are_written(&rows);
}

/// What real files have beside that.
#[test]
fn what_real_files_have_is_what_weir_does() {
    are_written(&[
        ("a rewrite that takes a prefix away", site("location /esb/ { rewrite ^/esb/(.*)$ /$1 break; proxy_pass http://10.0.0.3; }"), &["prefix = \"/esb/\"\nupstream-path = \"/\"\npool = \"10.0.0.3-80\""]),
        ("a name that is the same for every request", "server { server_name a; set $up 10.0.0.3:8280; location / { proxy_pass http://$up; } location /x/ { set $y http://10.0.0.4; proxy_pass $y; } }".to_owned(), &["pool = \"10.0.0.3-8280\"", "prefix = \"/x/\"\npool = \"10.0.0.4-80\""]),
        ("not where it has two values, or a path of its own", "server { server_name a; set $up 10.0.0.3; location / { set $up 10.0.0.4; proxy_pass http://$up; } location /x/ { set $y http://10.0.0.4; proxy_pass $y/z/; } }".to_owned(), &["prefix = \"/x/\"\nanswer = { status = 501", "over TCP\nanswer = { status = 501"]),
        ("a site that certbot leads to https", "server { if ($host = a.test) { return 301 https://$host$request_uri; } if ($host = b.test) { return 301 https://$host$request_uri; } server_name a.test b.test; return 404; }".to_owned(), &["hosts = [\"a.test\", \"b.test\"]\nnameless = true\nredirect = { scheme = \"https\", status = 301 }"]),
        ("one name of two is no whole site", "server { if ($host = a.test) { return 301 https://$host$request_uri; } server_name a.test b.test; return 404; }".to_owned(), &["[[site.route]]\nanswer = { status = 501"]),
        ("a scheme that all of its requests have", site("if ($scheme = http) { return 301 https://$host$request_uri; } location / { proxy_pass http://10.0.0.3; }"), &["nameless = true\nredirect = { scheme = \"https\", status = 301 }"]),
        ("methods that are answered", site("location /a/ { if ($request_method = OPTIONS) { add_header X-A b; return 204; } proxy_pass http://10.0.0.3; }"), &["prefix = \"/a/\"\nmethods = [\"OPTIONS\"]\nanswer = { status = 204 }\nresponse-headers = { add = { \"X-A\" = \"b\" } }\n\n# from stdin:1\n[[site.route]]\nprefix = \"/a/\"\npool"]),
        ("methods that alone are let in", site("location / { limit_except GET { deny all; } proxy_pass http://10.0.0.3; }"), &["methods = [\"GET\", \"HEAD\"]\npool = \"10.0.0.3-80\"\n\n# from stdin:1\n[[site.route]]\ndeny = true"]),
        ("a field of the request that is answered", site("if ($http_x_forwarded_proto = \"http\") { return 301 https://$host$request_uri; } location / { proxy_pass http://10.0.0.3; }"), &["headers = [{ name = \"x-forwarded-proto\", value = \"http\" }]\nredirect = { scheme = \"https\", status = 301 }"]),
        ("fields of answers of its own", site("add_header X-A b; add_header X-C d always; location /a/ { deny all; } location /b/ { return 200 \"{}\"; default_type application/json; } location / { proxy_pass http://10.0.0.3; }"), &["deny = true\nresponse-headers = { add = { \"X-C\" = \"d\" } }", "answer = { status = 200, content-type = \"application/json\", body = \"{}\" }\nresponse-headers = { add = { \"X-A\" = \"b\", \"X-C\" = \"d\" } }"]),
        ("a location's rate in place of the server's", format!("{ZONE}; limit_req_zone $binary_remote_addr zone=y:1m rate=9r/s; {}", site("limit_req zone=z; location /a/ { limit_req zone=y; proxy_pass http://10.0.0.3; } location / { proxy_pass http://10.0.0.4; }")), &["nameless = true\n\n# from stdin:1\n[[site.route]]\npath = \"/a\"", "prefix = \"/a/\"\npool = \"10.0.0.3-80\"\nrate = { requests = 9", "pool = \"10.0.0.4-80\"\nrate = { requests = 5"]),
        ("one scheme for another in redirects", site("location / { proxy_pass http://10.0.0.3; proxy_redirect http:// https://; }"), &["redirects = [{ from = \"http://x.test/\", to = \"https://x.test/\" }]"]),
        ("numbers are written as TOML has them", format!("limit_req_zone $binary_remote_addr zone=z:1m rate=05r/s; upstream a {{ server 10.0.0.3 max_conns=075 max_fails=03; server 10.0.0.4 weight=02 max_fails=03; queue 010; }} {}", site("proxy_next_upstream_tries 02; limit_req zone=z burst=07; location / { proxy_pass http://a; }")), &["max-requests = 75", "weight = 2", "failures = 3", "size = 10", "tries = 2", "requests = 5", "burst = 7"]),
        ("connections that are not kept", format!("upstream a {{ server 10.0.0.3; keepalive_timeout 0; }} {}", site("location / { proxy_pass http://a; }")), &["reuse = false"]),
        ("a parameter that is written twice has its last value", "upstream a { server 10.0.0.3 max_conns=5 max_conns=7; server 10.0.0.4; } server { location / { proxy_pass http://a; } }".to_owned(), &["max-requests = 7 }"]),
        ("another Path of cookies", site("location / { proxy_pass http://10.0.0.3; proxy_cookie_path /carbon/ /; proxy_cookie_path / /x/; proxy_cookie_path /y /z; }"), &["cookies = { path = [{ from = \"/carbon/\", to = \"/\" }, { from = \"/\", to = \"/x/\" }] }"]),
    ]);
}

/// What depends on the listener, on the place or on the order of the lines.
#[test]
fn what_is_the_same_for_every_request_is_written_as_such() {
    are_written(&[
        (
            "a rewritten path beside another one is not asked for",
            site(
                "set $p /fix; location /in/ { rewrite ^/in/(.*)$ /$1 break; proxy_pass http://10.0.0.3$request_uri; } location /b/ { rewrite ^/b/(.*)$ /$1 break; proxy_pass http://10.0.0.3$p; } location /c/ { rewrite ^/c/(.*)$ /$1 break; proxy_pass http://10.0.0.4$uri; }",
            ),
            &[
                "prefix = \"/in/\"\nanswer = { status = 501",
                "prefix = \"/b/\"\nanswer = { status = 501",
                "prefix = \"/c/\"\nupstream-path = \"/\"\npool = \"10.0.0.4-80\"",
            ],
        ),
        (
            "a name that an expression gives is none of the server",
            site(
                "set $up 10.0.0.3; location ~ ^/t/(?<up>[a-z0-9.]+)/ { proxy_pass http://$up; } location ~ ^/p/(?P<other>x) { proxy_pass http://10.0.0.4; }",
            ),
            &["regex = '^/t/(?<up>[a-z0-9.]+)/'\nanswer = { status = 501", "pool = \"10.0.0.4-80\""],
        ),
        (
            "nor one behind a break, or of a location around",
            site(
                "location /b { break; set $z 10.0.0.4; proxy_pass http://$z; } location /c { set $y 10.0.0.5; location /c/d { proxy_pass http://$y; } return 204; } location /e { if ($arg_a) { break; } set $x 10.0.0.6; proxy_pass http://$x; }",
            ),
            &[
                "prefix = \"/b\"\nanswer = { status = 501",
                "prefix = \"/c/d\"\nanswer = { status = 501",
                "prefix = \"/e\"\nanswer = { status = 501",
            ],
        ),
        (
            "a location inside has no limit_except of the one around it",
            site(
                "location /a/ { limit_except GET { deny all; } proxy_pass http://10.0.0.3; location /a/b/ { proxy_pass http://10.0.0.4; } }",
            ),
            &["prefix = \"/a/b/\"\npool = \"10.0.0.4-80\"", "methods = [\"GET\", \"HEAD\"]\npool = \"10.0.0.3-80\""],
        ),
    ]);
}

/// What holds for a part of the requests alone.
#[test]
fn what_holds_for_a_part_is_written_for_that_part() {
    let node = "location / { proxy_pass http://10.0.0.3; }";
    are_written(&[
        (
            "a dry run is no rate",
            format!(
                "{ZONE}; {}",
                site(
                    "limit_req zone=z; location /a/ { limit_req_dry_run on; proxy_pass http://10.0.0.3; } location / { proxy_pass http://10.0.0.4; }"
                )
            ),
            &["prefix = \"/a/\"\npool = \"10.0.0.3-80\"\n\n", "pool = \"10.0.0.4-80\"\nrate ="],
        ),
        (
            "refused handshakes leave what is asked without TLS",
            format!(
                "server {{ listen 80 default_server; listen 443 ssl default_server; server_name _; ssl_reject_handshake on; return 301 https://$host$request_uri; }} server {{ listen 81; server_name b; {node} }}"
            ),
            &["listener = \"http\"\ndefault = true\nredirect = { scheme = \"https\", status = 301 }"],
        ),
        (
            "a flag of every Path takes what stands behind it",
            site(
                "location / { proxy_pass http://10.0.0.3; proxy_cookie_path / \"/; Secure\"; proxy_cookie_path /carbon/ /c/; }",
            ),
            &["cookies = { secure = true }"],
        ),
    ]);
}

/// What nginx knows of the scheme, the client and the path, where Weir would know something else.
#[test]
fn what_another_server_or_place_decides_opens_nothing() {
    let secure =
        "server { listen 443 ssl; server_name a.test; ssl_certificate c.pem; ssl_certificate_key k.pem; return 204; }";
    let other = |lines: &str| {
        from_text(&format!(
            "{secure} server {{ listen 443; {lines} ssl_certificate c.pem; ssl_certificate_key k.pem; server_name x.test; location / {{ proxy_pass http://10.0.0.3; proxy_redirect $scheme://a/ $scheme://$host/; }} }}"
        ))
    };
    // Whether a condition holds is told of it; the certificates are not there, so the sites are closed.
    for (lines, class) in [
        ("if ($scheme = https) { return 403; }", Class::Same),
        ("if ($https = on) { return 403; }", Class::Same),
        ("if ($scheme != https) { return 403; }", Class::Ignored),
    ] {
        let report = other(lines).report;
        let line = report.lines.iter().find(|line| line.directive == "if");
        assert_eq!(line.map(|line| line.class), Some(class), "{lines}: {}", report.text());
    }
    let whole = "ssl on; ssl_certificate c.pem; ssl_certificate_key k.pem; server { listen 443; server_name x.test; if ($scheme = http) { return 403; } return 204; }";
    assert_class(whole, "ssl on", Class::Same);
    assert_class(whole, "if ($scheme = http)", Class::Ignored);
}

/// What nginx would see in a request, however it is written, and Weir never does.
#[test]
fn what_can_never_be_seen_here_opens_nothing() {
    kept_from_nodes(&[
        (
            "proxies of a place alone",
            "location /adm/ { set_real_ip_from 127.0.0.0/8; real_ip_header X-Forwarded-For; allow 127.0.0.0/8; deny all; {node} } location / { {node} }",
            &["prefix = \"/adm/\"\nanswer = { status = 501"],
        ),
        (
            "two cookies in one text",
            "if ($http_cookie = \"a=1; b=2\") { return 403; } location / { {node} }",
            &["\nanswer = { status = 501"],
        ),
        (
            "two lines in one text",
            "if ($http_x = \"a, b\") { return 403; } location / { {node} }",
            &["\nanswer = { status = 501"],
        ),
        (
            "a parameter",
            "location ~ \"[;]jsessionid=\" { deny all; } location / { {node} }",
            &["\nanswer = { status = 501"],
        ),
        (
            "a parameter by its number",
            r"location ~ \x3bfoo { deny all; } location / { {node} }",
            &["\nanswer = { status = 501"],
        ),
        ("a backslash", r#"location ~ "\\\\" { deny all; } location / { {node} }"#, &["\nanswer = { status = 501"]),
        (
            "a bracket in brackets",
            r#"location ~ "^/adm[[i]]n" { deny all; } location / { {node} }"#,
            &["\nanswer = { status = 501"],
        ),
        (
            "two slashes that stay",
            "merge_slashes off; location ~ ^//adm { deny all; } location / { {node} }",
            &["\nanswer = { status = 501"],
        ),
    ]);
    for inside in
        ["proxy_pass http://10.0.0.4;", "block_it on;", "content_by_lua_file x;", "js_content m.f;", "root /x;"]
    {
        let condition = format!("if ($http_x_internal != 1) {{ {inside} }}");
        kept_from_nodes(&[
            (inside, &format!("location / {{ {condition} {{node}} }}"), &["\nanswer = { status = 501"]),
            (inside, &format!("{condition} location / {{ {{node}} }}"), &["\nanswer = { status = 501"]),
        ]);
        let text = from_text(&site(&format!("location / {{ {condition} proxy_pass http://10.0.0.3; }}"))).text.unwrap();
        assert!(!text.contains("\npool ="), "{inside}: {text}");
    }
    let harmless = "if ($http_x) { set $y 1; add_header X-Y z; proxy_set_header X-Y z; gzip off; limit_rate 1k; }";
    let text = from_text(&site(&format!("location / {{ {harmless} proxy_pass http://10.0.0.3; }}"))).text.unwrap();
    assert!(text.contains("\npool = \"10.0.0.3-80\""), "{text}");
    assert_class(&site("merge_slashes off; location / { return 204; }"), "merge_slashes off", Class::Wider);
    assert_class(
        &site("if ($request_method = PUT) { return 405; } location / { return 204; }"),
        "if ($request_method = PUT)",
        Class::Wider,
    );
}

/// `listen 80; listen 443 ssl` in one server: the plain listener leads to the other one.
#[test]
fn a_server_that_asks_for_the_scheme_becomes_a_site_for_each() {
    let room = Directory::new("import-schemes");
    let made = rcgen::generate_simple_self_signed(HOSTS.map(str::to_owned)).unwrap();
    let (chain, key) = (room.write("c.pem", &made.cert.pem()), room.write("k.pem", &made.signing_key.serialize_pem()));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let nginx = format!(
        "server {{ listen 80; listen 443 ssl; server_name x.test; ssl_certificate {}; ssl_certificate_key {}; if ($scheme = http) {{ return 301 https://$host$request_uri; }} location / {{ proxy_pass http://10.0.0.3; proxy_redirect $scheme://a/ /; }} }}",
        chain.display(),
        key.display()
    );
    let Imported { text, report, .. } = from_text(&nginx);
    let text = text.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    let plain =
        "listener = \"http\"\nhosts = [\"x.test\"]\nnameless = true\nredirect = { scheme = \"https\", status = 301 }\n";
    assert!(text.contains(plain), "{text}");
    let secure = text.split("listener = \"https\"").nth(1).unwrap_or_default();
    assert!(secure.contains("pool = \"10.0.0.3-80\"") && !secure.contains("redirect = "), "{text}");
    assert!(text.contains("redirects = [{ from = \"https://a/\", to = \"/\" }]"), "{text}");
    assert!(report.is_whole(), "{}", report.text());
}

/// Each row: what, a text of nginx, and lines of weir.toml that mean the same.
fn are_written(rows: &[(&str, String, &[&str])]) {
    for (what, nginx, wanted) in rows {
        let text = from_text(nginx).text.unwrap_or_else(|errors| panic!("{what}: {}", errors.render(false)));
        wanted.iter().for_each(|part| assert!(text.contains(part), "{what}: {part:?} is not in\n{text}"));
    }
}

/// Each row: what, the inside of a server, and lines of weir.toml that keep the nodes from what nginx keeps them from.
fn kept_from_nodes(rows: &[(&str, &str, &[&str])]) {
    for (what, nginx, wanted) in rows {
        let nginx = site(&nginx.replace("{node}", "proxy_pass http://10.0.0.3;"));
        let text = from_text(&nginx).text.unwrap_or_else(|errors| panic!("{what}: {}", errors.render(false)));
        wanted.iter().for_each(|part| assert!(text.contains(part), "{what}: {part:?} is not in\n{text}"));
        assert!(!text.contains("Left out"), "{what}: {text}");
    }
}

/// Which location of nginx is asked before which.
#[test]
fn no_location_is_overtaken_by_one_that_nginx_asks_later() {
    kept_from_nodes(&[
        (
            "a firm location inside another stops none of the server's expressions",
            "location /a/ { {node} location ^~ /a/b/ { {node} } } location ~ p$ { deny all; }",
            &["regex = 'p$'\ndeny = true\n\n# from stdin:1\n[[site.route]]\nprefix = \"/a/b/\""],
        ),
        (
            "one inside a firm one is firm",
            "location ^~ /a/ { {node} location /a/b/ { {node} } } location ~ p$ { deny all; }",
            &["prefix = \"/a/b/\"\npool = \"10.0.0.3-80\"\n\n# from stdin:1\n[[site.route]]\nprefix = \"/a/\""],
        ),
        (
            "an expression to which it is handed down is not overtaken",
            "deny all; location ^~ /a/ { allow all; {node} } location /a/b/ { allow all; {node} } location ~ p$ { {node} }",
            &["prefix = \"/a/b/\"\nanswer = { status = 501"],
        ),
        (
            "a longer location outside of the one around it is taken",
            "location /a/ { deny all; location /a/b/c/ { allow all; {node} } } location /a/b/ { deny all; }",
            &["prefix = \"/a/b/\"\ndeny = true\n\n# from stdin:1\n[[site.route]]\nprefix = \"/a/\""],
        ),
    ]);
}

/// What holds in a location without standing there, and how far.
#[test]
fn what_is_handed_down_is_kept_as_far_as_in_nginx() {
    kept_from_nodes(&[
        (
            "what is handed down is as wide as in nginx",
            "deny all; location /mgmt { {node} } location / { allow all; {node} }",
            &["regex = '^/mgmt'\ndeny = true"],
        ),
        (
            "a password that is handed down too",
            "auth_basic x; location /mgmt { {node} } location / { auth_basic off; {node} }",
            &["regex = '^/mgmt'\nanswer = { status = 501"],
        ),
        (
            "where no location differs nothing is wider",
            "allow 10.0.0.0/8; deny all; location /mgmt { {node} } location / { {node} }",
            &["prefix = \"/mgmt\"\npool"],
        ),
        (
            "one that Weir cannot have closes the site",
            "deny all; location ~ ^/(?!pub) { {node} } location / { allow all; {node} }",
            &["\nanswer = { status = 501"],
        ),
        (
            "methods are kept out as far as in nginx",
            "location /svc { limit_except GET { deny all; } {node} } location /m { if ($request_method = PUT) { return 405; } {node} } location / { {node} }",
            &[
                "regex = '^/svc'\nmethods = [\"GET\", \"HEAD\"]\npool = \"10.0.0.3-80\"\n\n# from stdin:1\n[[site.route]]\nregex = '^/svc'\ndeny = true",
                "regex = '^/m'\nmethods = [\"PUT\"]\nanswer = { status = 405",
            ],
        ),
        (
            "an answer is as wide as in nginx",
            "location /adm { return 503; } location /old { return 301 /new; } location /f { root /x; } location / { {node} }",
            &[
                "regex = '^/adm'\nanswer = { status = 503",
                "regex = '^/old'\nredirect",
                "regex = '^/f'\nanswer = { status = 501",
            ],
        ),
    ]);
}

/// Locations that are written twice, or nearly.
#[test]
fn of_two_locations_the_one_of_nginx_is_taken() {
    kept_from_nodes(&[
        (
            "two words before one expression are two",
            "location ~ ^/c { {node} } location ~* ^/c { deny all; } location / { {node} }",
            &[
                "regex = '^/c'\npool = \"10.0.0.3-80\"\n\n# from stdin:1\n[[site.route]]\nregex = '(?i)^/c'\ndeny = true",
            ],
        ),
        (
            "of two equal expressions the first is taken",
            "location ~ ^/c { deny all; } location ~ ^/c { {node} } location / { {node} }",
            &["regex = '^/c'\ndeny = true"],
        ),
        (
            "of a location and the same one inside it the inner one is taken",
            "location /a/ { {node} location /a/ { deny all; } } location / { {node} }",
            &["prefix = \"/a/\"\ndeny = true"],
        ),
        (
            "and where both are for all paths",
            "location / { {node} location / { deny all; } }",
            &["[[site.route]]\ndeny = true"],
        ),
        (
            "what is written twice and keeps people out closes the first",
            "location /a/ { {node} } location /a/ { deny all; } location / { {node} }",
            &["prefix = \"/a/\"\nanswer = { status = 501"],
        ),
    ]);
}

/// What answers in a location, or could, and what costs no site.
#[test]
fn what_answers_before_the_nodes_closes_its_place() {
    kept_from_nodes(&[
        (
            "an if that answers closes its place",
            "location / { if ($http_x) { return 302 /login; } {node} }",
            &["answer = { status = 501"],
        ),
        (
            "so does one that rewrites, at the site",
            "if ($http_x) { rewrite ^ /denied last; } location / { {node} }",
            &["answer = { status = 501"],
        ),
        (
            "so does what protects by a module",
            "location /l/ { rewrite_by_lua_block { ngx.exit(403) } {node} } location /p/ { auth_pam \"x\"; {node} } location /m/ { modsecurity on; {node} }",
            &[
                "prefix = \"/l/\"\nanswer = { status = 501",
                "prefix = \"/p/\"\nanswer = { status = 501",
                "prefix = \"/m/\"\nanswer = { status = 501",
            ],
        ),
        (
            "so does a typing error",
            "location / { {node} } location /v/ { dny all; {node} }",
            &["prefix = \"/v/\"\nanswer = { status = 501", "pool = \"10.0.0.3-80\""],
        ),
        (
            "a location with two slashes, and one that a rewrite takes, lose nothing else",
            "rewrite ^/old https://z.test/ redirect; location ~ ^/old { {node} } location /a//b/ { {node} } location / { allow 10.0.0.5/8; deny all; {node} proxy_set_header Host \"\"; }",
            &["regex = '^/old'\nredirect", "allow-from = [\"10.0.0.0/8\"]"],
        ),
    ]);
}

/// The default site takes no requests of a server that keeps people out, of which a name or the whole is lost.
#[test]
fn the_default_site_takes_nothing_that_was_kept_from_it() {
    let open = |names: &str| {
        format!(
            "server {{ listen 80 default_server; server_name {names}; location / {{ proxy_pass http://10.0.0.4; }} }}"
        )
    };
    let kept = |lines: &str| format!("server {{ listen 80; {lines} location / {{ proxy_pass http://10.0.0.3; }} }}");
    let gap = "\n\n# from stdin:1\n[[site.route]]\nanswer = { status = 501";
    let rows = [
        (open("_"), kept(r"server_name ~^adm\d+\.x$; deny all;"), format!("default = true{gap}")),
        (open("_"), kept("server_name ok.x a..b; deny all;"), format!("default = true{gap}")),
        (open("d.x"), kept("server_name adm.*; auth_basic x;"), "hosts = [\"d.x\"]\nnameless = true\n".to_owned()),
        (open("d.x"), kept("server_name adm.*; location /a { deny all; }"), "nameless = true\n".to_owned()),
        (open("d.x"), kept("server_name adm.*;"), "hosts = [\"d.x\"]\ndefault = true\n".to_owned()),
        (
            open("_"),
            kept("server_name k.x; location /a/ { return 301 /a/b; } allow 10.0.0.9; deny all;"),
            format!("hosts = [\"k.x\"]{gap}"),
        ),
    ];
    for (default, server, wanted) in rows {
        let nginx = format!("{default} {server}");
        let text = from_text(&nginx).text.unwrap_or_else(|errors| panic!("{nginx}: {}", errors.render(false)));
        assert!(text.contains(&wanted), "{wanted:?} is not in\n{text}");
    }
    assert_class(&format!("{} {}", open("_"), kept("server_name adm.*; deny all;")), "server", Class::Changed);
    // What stands in a closed one has no effect.
    let shut = format!("{} {}", open("_"), kept("server_name adm.*; deny all;"));
    assert_class(&shut, "proxy_pass http://10.0.0.4", Class::Missing);
    // No request that names a host reaches such a guard in nginx, so it keeps nobody out of the default server.
    for guard in [
        "server_name ''; return 444;",
        "return 444;",
        "server_name d.x; deny all;",
        "listen 443 ssl; server_name _; ssl_certificate /none.pem; ssl_certificate_key /none.pem; deny all;",
    ] {
        for default in ["_", "d.x"] {
            let nginx = format!("{} {}", open(default), kept(guard));
            let text = from_text(&nginx).text.unwrap_or_else(|errors| panic!("{nginx}: {}", errors.render(false)));
            assert!(text.contains("default = true\n") && text.contains("pool = \"10.0.0.4-80\""), "{nginx}: {text}");
            assert!(!text.contains("status = 501"), "{nginx}: {text}");
        }
    }
    // It has no name that Weir can have.
    let text = from_text(&format!("{} {}", open("d.x"), kept("server_name a:99:b; deny all;"))).text;
    let text = text.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    assert!(text.contains("hosts = [\"d.x\"]\nnameless = true\n") && !text.contains("\"10.0.0.3"), "{text}");
}

#[test]
fn proxies_that_are_believed_are_networks_without_bits_behind_their_length() {
    let text =
        from_text(&site("set_real_ip_from 10.0.0.5/8; real_ip_header X-Forwarded-For; location / { return 204; }"));
    let text = text.text.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    assert!(text.contains("trusted-proxies = [\"10.0.0.0/8\"]"), "{text}");
}

#[test]
fn each_class_is_said_where_it_belongs() {
    let rows = [
        (
            site("location / { proxy_pass http://10.0.0.3; } location /a { proxy_pass http://10.0.0.4; }"),
            "location /a",
            Class::Narrower,
        ),
        (
            site("location / { proxy_set_header Host $http_host; proxy_pass http://10.0.0.3; }"),
            "proxy_set_header Host $http_host",
            Class::Same,
        ),
        (
            site(
                "proxy_set_header X-Forwarded-Port 80; location / { proxy_set_header A b; proxy_pass http://10.0.0.3; }",
            ),
            "proxy_set_header X-Forwarded-Port 80",
            Class::Better,
        ),
        (
            site("proxy_set_header X-Tenant a; location / { proxy_set_header A b; proxy_pass http://10.0.0.3; }"),
            "proxy_set_header X-Tenant a",
            Class::Ignored,
        ),
        (site("location / { proxy_pass http://10.0.0.3; }"), "client_max_body_size 1m", Class::Wider),
        (site("location / { proxy_pass http://10.0.0.3; }"), "proxy_read_timeout 60s", Class::Wider),
        (
            site("location / { proxy_cookie_path ~*^/x /y; proxy_pass http://10.0.0.3; }"),
            "proxy_cookie_path ~*^/x /y",
            Class::Missing,
        ),
        (
            site("location /new/ { proxy_cookie_path off; proxy_pass http://10.0.0.3/; }"),
            "proxy_cookie_path off",
            Class::Changed,
        ),
        (
            site("location / { proxy_cookie_path ~^/x /y; proxy_cookie_path /c/ /d/; proxy_pass http://10.0.0.3; }"),
            "proxy_cookie_path /c/ /d/",
            Class::Changed,
        ),
        (
            site(
                "location / { proxy_cookie_path / \"/; Secure\"; proxy_cookie_path /c/ /d/; proxy_pass http://10.0.0.3; }",
            ),
            "proxy_cookie_path /c/ /d/",
            Class::Ignored,
        ),
        (zone("limit_req zone=z; limit_req_dry_run on; return 204;"), "limit_req_dry_run on", Class::Ignored),
        (site("location / { proxy_pas http://10.0.0.3; return 204; }"), "proxy_pas http://10.0.0.3", Class::Refused),
        ("server { listen 443; ssl on; location / { return 204; } }".to_owned(), "server", Class::Refused),
    ];
    rows.iter().for_each(|(nginx, directive, class)| assert_class(nginx, directive, *class));
}

#[test]
fn fields_and_cookies_take_what_weir_has() {
    let rows = [
        (
            site("location / { proxy_pass http://10.0.0.3; proxy_set_header X-Address $remote_addr; }"),
            "proxy_set_header X-Address $remote_addr",
            Class::Same,
        ),
        (
            site("location / { proxy_pass http://10.0.0.3; proxy_set_header X-Uri $uri; }"),
            "proxy_set_header X-Uri $uri",
            Class::Missing,
        ),
        (
            site("location / { proxy_pass http://10.0.0.3; add_header X-Host $http_host always; }"),
            "add_header X-Host $http_host always",
            Class::Changed,
        ),
        (
            site("location / { proxy_pass http://10.0.0.3; proxy_cookie_flags ~^a secure; }"),
            "proxy_cookie_flags ~^a secure",
            Class::Missing,
        ),
        (
            site("location / { proxy_pass http://10.0.0.3; proxy_cookie_flags a sekure; }"),
            "proxy_cookie_flags a sekure",
            Class::Refused,
        ),
    ];
    rows.iter().for_each(|(nginx, directive, class)| assert_class(nginx, directive, *class));
    // A node believes these fields, so it never gets the client's own.
    for value in ["$ssl_client_s_dn", "$remote_user", "Ä", "\"a $remote_user\""] {
        let nginx = site(&format!("location / {{ proxy_pass http://10.0.0.3; proxy_set_header X-User {value}; }}"));
        let text = from_text(&nginx).text.unwrap_or_else(|errors| panic!("{value}: {}", errors.render(false)));
        assert!(text.contains("request-headers = { remove = [\"X-User\"] }"), "{value}: {text}");
    }
}

/// Two fields of one name are two lines in nginx, and one with both values here.
#[test]
fn of_two_fields_with_one_name_none_is_lost() {
    are_written(&[
        (
            "in answers of nodes",
            site("location / { proxy_pass http://10.0.0.3; add_header Link </a>; add_header link </b>; }"),
            &["add = { \"Link\" = \"</a>, </b>\" }"],
        ),
        (
            "in answers of its own",
            site("location / { add_header Link </a>; add_header Link </b>; return 204; }"),
            &["add = { \"Link\" = \"</a>, </b>\" }"],
        ),
        (
            "in requests",
            site("location / { proxy_pass http://10.0.0.3; proxy_set_header X-A $host; proxy_set_header X-A b; }"),
            &["set = { \"X-A\" = \"$host, b\" }"],
        ),
    ]);
    let two = site("location / { proxy_pass http://10.0.0.3; add_header Set-Cookie a=1; add_header Set-Cookie b=2; }");
    assert_class(&two, "add_header Set-Cookie a=1", Class::Missing);
    assert_class(&two, "add_header Set-Cookie b=2", Class::Wider);
}

/// Two variables in one key are no field of that name.
#[test]
fn a_key_of_two_variables_is_missing() {
    for key in ["$http_x_tenant$request_uri", "$cookie_a$uri", "$http_", "$http_a-b"] {
        let pool = format!("upstream a {{ hash {key} consistent; server 10.0.0.3:80; }}");
        let nginx = format!("{pool} {}", site("location / { proxy_pass http://a; }"));
        assert_class(&nginx, &format!("hash {key} consistent"), Class::Missing);
        let zone = format!("limit_req_zone {key} zone=z:1m rate=5r/s");
        let nginx = format!("{zone}; {}", site("limit_req zone=z; location / { proxy_pass http://10.0.0.3; }"));
        assert_class(&nginx, &zone, Class::Missing);
    }
}

#[test]
fn what_nginx_refuses_and_what_it_does_before_a_location_is_told() {
    let rows = [
        (zone("location /a/ { limit_req zone=z; proxy_pass http://10.0.0.3; }"), ZONE, Class::Same),
        (
            format!("{ZONE} sync; {}", site("location / { limit_req zone=z; proxy_pass http://10.0.0.3; }")),
            &format!("{ZONE} sync"),
            Class::Wider,
        ),
        (
            zone(
                "location /a/ { limit_req zone=z; proxy_pass http://10.0.0.3; } location /b/ { limit_req zone=z; proxy_pass http://10.0.0.3; }",
            ),
            ZONE,
            Class::Wider,
        ),
        (
            site("client_max_body_size 1m; client_max_body_size 2m; location / { return 204; }"),
            "client_max_body_size 2m",
            Class::Refused,
        ),
        (
            format!("upstream a {{ server 10.0.0.3 weight=0; }} {}", site("location / { proxy_pass http://a; }")),
            "server 10.0.0.3 weight=0",
            Class::Refused,
        ),
        (site("listen 81; listen 0.0.0.0:81; location / { return 204; }"), "listen 0.0.0.0:81", Class::Refused),
        (
            format!("server {{ listen 80 default; }} {}", site("listen 80 default_server;")),
            "listen 80 default_server",
            Class::Refused,
        ),
        // A server without a name that Weir could ask for, behind the first.
        (format!("{} server {{ server_name ~^b; deny all; }}", site("")), "deny all", Class::Missing),
        (format!("{} server {{ server_name x.test; deny all; }}", site("")), "deny all", Class::Ignored),
        (format!("{} server {{ server_name _; deny all; }}", site("")), "deny all", Class::Ignored),
        (
            format!("{} server {{ server_name x.test \"\"; listen 80; deny all; }}", site("")),
            "deny all",
            Class::Ignored,
        ),
        // A rewrite of which nobody knows what it takes does not hide the locations.
        (site("rewrite ^/x(?!y) /z permanent; location /q { return 204; }"), "location /q", Class::Missing),
        (site("rewrite ^ https://b.c/; location /q { return 204; }"), "location /q", Class::Ignored),
        (
            site("break; rewrite ^/x /y permanent; location / { return 204; }"),
            "rewrite ^/x /y permanent",
            Class::Ignored,
        ),
        (site("location /f { try_files $uri /x; proxy_pass http://10.0.0.3; }"), "try_files $uri /x", Class::Missing),
        (
            site("location / { proxy_pass http://10.0.0.3; proxy_pass_request_headers off; }"),
            "proxy_pass_request_headers off",
            Class::Missing,
        ),
        (site("location ~ \";\" { deny all; } location / { return 204; }"), "location ~ ;", Class::Missing),
        (site("location ~ [?&&] { deny all; } location / { return 204; }"), "location ~ [?&&]", Class::Missing),
        (
            site("location / { proxy_pass http://10.0.0.3; health_check match=no; }"),
            "health_check match=no",
            Class::Refused,
        ),
    ];
    rows.iter().for_each(|(nginx, directive, class)| assert_class(nginx, directive, *class));
}

#[test]
fn where_nodes_get_no_fields_of_clients_nobody_is_let_in() {
    let off = "proxy_pass_request_headers off;";
    for (nginx, shut) in [
        (site(&format!("location / {{ {off} proxy_pass http://10.0.0.3; }}")), true),
        (site(&format!("{off} location / {{ proxy_pass http://10.0.0.3; }}")), true),
        (format!("{off} {}", site("location / { proxy_pass http://10.0.0.3; }")), true),
        (site(&format!("{off} location / {{ proxy_pass_request_headers on; proxy_pass http://10.0.0.3; }}")), false),
        (site(&format!("{off} location / {{ return 204; }}")), false),
    ] {
        let imported = from_text(&nginx);
        let text = imported.text.unwrap();
        assert_eq!(text.contains("501"), shut, "{nginx}: {text}");
        if shut {
            assert_class(&nginx, "proxy_pass_request_headers off", Class::Missing);
        }
    }
}

#[test]
fn what_has_no_effect_or_another_one_is_told() {
    let rows = [
        // What stands in a place where nobody is let in has no effect.
        (
            site("location / { auth_basic x; proxy_pass http://10.0.0.3; proxy_read_timeout 5m; }"),
            "proxy_read_timeout 5m",
            Class::Missing,
        ),
        (site("location /a { access_log off; proxy_pass http://10.0.0.3; }"), "access_log off", Class::Wider),
        (
            site("location / { proxy_pass http://10.0.0.3; proxy_set_header X-Forwarded-Ssl on; }"),
            "proxy_set_header X-Forwarded-Ssl on",
            Class::Missing,
        ),
        (site("location / { proxy_pass http://10.0.0.3; }"), "proxy_set_header Upgrade \"\"", Class::Wider),
        (
            site("location / { proxy_pass http://10.0.0.3; proxy_next_upstream invalid_header; }"),
            "proxy_next_upstream invalid_header",
            Class::Wider,
        ),
        (
            format!("upstream a {{ server 10.0.0.3; queue 5; }} {}", site("location / { proxy_pass http://a; }")),
            "queue 5",
            Class::Changed,
        ),
        (
            site("large_client_header_buffers 8 256k; return 204;"),
            "large_client_header_buffers 8 256k",
            Class::Narrower,
        ),
        (
            format!(
                "upstream a {{ server 10.0.0.3; }} {}",
                site(
                    "location / { proxy_pass http://a; } location /c/ { proxy_pass http://a; proxy_cookie_flags ~ secure; }"
                )
            ),
            "upstream a",
            Class::Changed,
        ),
        // Sessions of one zone in two upstreams are those of two pools.
        (
            format!(
                "upstream a {{ server 10.0.0.3; {LEARN} }} upstream b {{ server 10.0.0.4; {LEARN} }} {}",
                site("location / { proxy_pass http://a; } location /b/ { proxy_pass http://b; }")
            ),
            LEARN.trim_end_matches(';'),
            Class::Changed,
        ),
    ];
    rows.iter().for_each(|(nginx, directive, class)| assert_class(nginx, directive, *class));
}

#[test]
fn a_time_that_is_none_is_refused_and_not_left_out() {
    for (inside, directive) in [
        ("server 10.0.0.3:80 slow_start=soon;", "server 10.0.0.3:80 slow_start=soon"),
        ("server 10.0.0.3:80 fail_timeout=10q;", "server 10.0.0.3:80 fail_timeout=10q"),
        ("server 10.0.0.3:80; keepalive_timeout long;", "keepalive_timeout long"),
        ("server 10.0.0.3:80; queue 10 timeout=x;", "queue 10 timeout=x"),
        (
            "server 10.0.0.3:80; sticky learn create=$upstream_cookie_a lookup=$cookie_a zone=z:1m timeout=x;",
            "sticky learn create=$upstream_cookie_a lookup=$cookie_a zone=z:1m timeout=x",
        ),
    ] {
        let nginx = format!("upstream a {{ {inside} }} {}", site("location / { proxy_pass http://a; }"));
        assert_class(&nginx, directive, Class::Refused);
    }
}

/// A map of names and what becomes of each.
fn passing(map: &str) -> String {
    let pools = "upstream n { server 10.0.0.3:443; } upstream o { server 10.0.0.4:443; }";
    let server = "server { listen 443; ssl_preread on; proxy_pass $chosen; }";
    let stream = format!("stream {{ map $ssl_preread_server_name $chosen {{ {map} }} {pools} {server} }}");
    format!("{stream} http {{ {} }}", site("location / { return 204; }"))
}

#[test]
fn a_name_that_goes_nowhere_falls_to_no_other_pool() {
    let text = |nginx: &str| from_text(nginx).text.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    let closed = text(&passing("hostnames; admin.x.test \"\"; .x.test n; default o;"));
    let own = "hosts = [\"admin.x.test\"]\npassthrough = true\npool = \"n\"\ndeny-from = [\"0.0.0.0/0\", \"::/0\"]";
    assert!(closed.contains(own), "{closed}");
    for dead in ["server 10.0.0.5:443 down;", "server unix:/run/x;", "server 10.0.0.5:443; hash $http_x;"] {
        let nginx = passing("hostnames; secret.test \"\"; a.test dead; b.test n; \"\" dead; default o;");
        let text = text(&nginx.replace("upstream n", &format!("upstream dead {{ {dead} }} upstream n")));
        for host in ["\"a.test\"", "\"secret.test\"", "nameless = true"] {
            let mut sites = sites(&text);
            sites.retain(|site| site.contains(host) && site.contains("passthrough"));
            let closed = |site: &String| site.contains("deny-from = [\"0.0.0.0/0\", \"::/0\"]");
            assert!(!sites.is_empty() && sites.iter().all(closed), "{dead} {host}: {text}");
        }
        assert!(text.contains("hosts = [\"b.test\"]\npassthrough = true\npool = \"n\"\n"), "{dead}: {text}");
        assert!(text.contains("default = true\npassthrough = true\npool = \"o\"\n"), "{dead}: {text}");
    }
    let nobody = text(
        &passing("a.test \"\"; default gone;")
            .replace("upstream n", "upstream gone { server 10.0.0.5:443 down; } upstream n"),
    );
    assert!(!nobody.contains("passthrough"), "{nobody}");
    let included = passing("hostnames; include more.map; a.test n; *.x.test n; default o;");
    let dump = "# configuration file /etc/nginx/nginx.conf:\n";
    let more = "\n# configuration file /etc/nginx/more.map:\nadmin.x.test \"\";\n";
    let included = text(&format!("{dump}{included}{more}"));
    assert!(included.contains("hosts = [\"a.test\"]") && !included.contains("*.x.test"), "{included}");
    assert!(!included.contains("default = true\npassthrough"), "{included}");
    let hidden = text(&passing("hostnames; ~^secret o; a.test n; default o;"));
    assert!(!hidden.contains("default = true\npassthrough"), "{hidden}");
    let open = text(&passing("hostnames; a.test n; default o;"));
    assert!(open.contains("default = true\npassthrough"), "{open}");
}

#[test]
fn a_stream_that_keeps_people_out_in_another_way_is_closed() {
    let server = |inside: &str| format!("server {{ listen 443; ssl_preread on; {inside} proxy_pass 10.0.0.3:443; }}");
    let http = format!("http {{ {} }}", site("location / { return 204; }"));
    for stream in [
        format!("js_access m.f; {}", server("")),
        server("js_preread m.f;"),
        server("preread_by_lua_block { ngx.exit(1) }"),
        server("dney 10.0.0.1;"),
        format!("dney 10.0.0.1; {}", server("")),
    ] {
        let text = from_text(&format!("stream {{ {stream} }} {http}")).text;
        let text = text.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
        assert!(!text.contains("passthrough = true"), "{stream}: {text}");
    }
    let open = from_text(&format!("stream {{ js_access m.f; {} }} {http}", server("js_access off;"))).text.unwrap();
    assert!(open.contains("passthrough = true"), "{open}");
}

/// A name whose server keeps people out, and which no site has, is not taken by a wildcard or a default beside it.
#[test]
fn a_name_that_is_kept_from_people_is_taken_by_no_other_site() {
    let room = Directory::new("import-kept");
    let made = rcgen::generate_simple_self_signed(["*.x.test".to_owned(), "x.test".to_owned()]).unwrap();
    let (chain, key) = (room.write("c.pem", &made.cert.pem()), room.write("k.pem", &made.signing_key.serialize_pem()));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let shows = format!("ssl_certificate {}; ssl_certificate_key {};", chain.display(), key.display());
    let open = |names: &str| {
        format!(
            "server {{ listen 443 ssl; {shows} server_name {names}; location / {{ proxy_pass http://10.0.0.4; }} }}"
        )
    };
    let kept =
        |lines: &str| format!("server {{ listen 443 ssl; {lines} location / {{ proxy_pass http://10.0.0.3; }} }}");
    let gone = "ssl_certificate /none.pem; ssl_certificate_key /none.pem;";
    let text = |nginx: &str| from_text(nginx).text.unwrap_or_else(|errors| panic!("{nginx}: {}", errors.render(false)));
    let host = "hosts = [\"admin.x.test\"]\n";
    for server in [
        kept(&format!("server_name admin.x.test; {gone} allow 10.0.0.0/8; deny all;")),
        kept(&format!("server_name admin.x.test; {gone} ssl_verify_client on;")),
        kept(&format!("server_name admin.x.test; {gone} ssl_verify_client on; ssl_client_certificate /none.pem;")),
        kept("server_name admin.x.test; ssl_certificate $c; ssl_certificate_key $c; deny all;"),
        "server { listen 443 ssl; server_name admin.x.test; ssl_reject_handshake on; }".to_owned(),
    ] {
        for nginx in [format!("{server} {}", open("*.x.test")), format!("{} {server}", open("*.x.test"))] {
            let text = text(&nginx);
            let sites = sites(&text);
            let closed = sites.iter().find(|site| site.contains(host)).unwrap();
            assert!(closed.contains("answer = { status = 501") && !closed.contains("pool ="), "{nginx}: {text}");
            assert!(
                text.contains("hosts = [\"*.x.test\"]") && text.contains("pool = \"10.0.0.4-80\""),
                "{nginx}: {text}"
            );
        }
    }
    // The certificate does not cover it.
    let deep = kept(&format!("server_name a.b.x.test; {gone} deny all;"));
    let text = text(&format!("{} {deep}", open("*.x.test")));
    assert!(!text.contains("\npool = \"10.0.0.4-80\""), "{text}");
    let rejects = "server { listen 443 ssl; server_name a.test; ssl_reject_handshake on; }";
    assert_class(&format!("{rejects} {}", open("*.x.test")), "server", Class::Changed);
}

#[test]
fn who_a_client_is_is_believed_of_nobody_else_than_in_nginx() {
    let trusts = |more: &str| {
        format!(
            "server {{ set_real_ip_from 10.0.0.7; {more} allow 10.66.0.1; deny all; location / {{ proxy_pass http://10.0.0.3; }} }}"
        )
    };
    let text = |nginx: &str| from_text(nginx).text.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    for header in ["", "real_ip_header X-Client-IP;"] {
        let text = text(&trusts(header));
        assert!(!text.contains("\ntrusted-proxies") && text.contains("answer = { status = 501"), "{header}: {text}");
    }
    assert_class(&trusts(""), "set_real_ip_from 10.0.0.7", Class::Missing);
    let known = trusts("real_ip_header X-Forwarded-For;");
    assert!(text(&known).contains("trusted-proxies = [\"10.0.0.7\"]\n"), "{}", text(&known));
    assert_class(&known, "real_ip_recursive off", Class::Wider);
    // Before it and behind it.
    let other = "server { server_name b; allow 10.1.0.0/16; deny all; location / { proxy_pass http://10.0.0.4; } }";
    for two in [format!("{known} {other}"), format!("{other} {known}")] {
        assert_class(&two, "allow 10.1.0.0/16", Class::Missing);
        assert!(text(&two).contains("answer = { status = 501"), "{}", text(&two));
        assert!(!text(&two).contains("10.1.0.0/16\"]"), "{}", text(&two));
    }
    // It is told where nobody is kept out too, and where clients are counted.
    let counted = "server { server_name b; limit_req zone=z; location / { proxy_pass http://10.0.0.4; } }";
    let report = from_text(&format!("{ZONE}; {known} {counted}")).report;
    let of = |name: &str| match report.lines.iter().rfind(|line| line.directive == name) {
        Some(line) => line.told(),
        None => String::new(),
    };
    assert!(of("server").contains("the proxies that another server names"), "{}", report.text());
    assert!(of("limit_req").contains("which nginx does not believe here"), "{}", report.text());
    assert!(text(&format!("{known} {}", known.replace("server {", "server { server_name b;"))).contains("10.66.0.1"));
}

#[test]
fn what_is_refused_closes_what_leads_to_it_and_no_more() {
    let long = "a".repeat(300);
    let nginx = format!(
        "server {{ server_name x.test; location /a/ {{ proxy_pass http://{long}; }} location / {{ proxy_pass http://10.0.0.3; }} }}"
    );
    let imported = from_text(&nginx);
    let text = imported.text.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    assert!(text.contains("prefix = \"/a/\"\nanswer = { status = 501"), "{text}");
    assert!(text.contains("pool = \"10.0.0.3-80\"\n"), "{text}");
    assert!(imported.report.count(Class::Refused) > 0, "{}", imported.report.text());
}

#[test]
fn a_comment_right_behind_a_directive_is_one() {
    for comment in ["#old", "#it's", "#}", "# {", "#\"x", "#;#x"] {
        let nginx = format!(
            "server {{{comment}\nlisten 80;{comment}\n location /a/ {{ return 200 \";#y\"; }}{comment}\n location /b/ {{ deny all;{comment}\n }}\n}}{comment}\n"
        );
        let imported = from_text(&nginx);
        let text = imported.text.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
        for part in ["prefix = \"/a/\"\nanswer = { status = 200, body = \";#y\" }", "prefix = \"/b/\"\ndeny = true"] {
            assert!(text.contains(part), "{comment}: {part} is not in\n{text}\n{}", imported.report.text());
        }
    }
}

#[test]
fn one_socket_for_both_families_is_two_listeners() {
    let text = from_text("server { listen [::]:81 ipv6only=off; server_name a; return 204; }").text;
    let text = text.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    assert!(text.contains("bind = \"[::]:81\"") && text.contains("bind = \"0.0.0.0:81\""), "{text}");
}

#[test]
fn what_a_server_that_is_down_says_holds_for_no_other() {
    let servers = "server 10.0.0.3:80 max_fails=7 down; server 10.0.0.4:80; server 10.0.0.5:80 fail_timeout=20s;";
    let nginx = format!("upstream a {{ {servers} }} {}", site("location / { proxy_pass http://a; }"));
    let text = from_text(&nginx).text.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    assert!(!text.contains("failures = 7"), "{text}");
}

#[track_caller]
fn assert_class(nginx: &str, directive: &str, class: Class) {
    let report = from_text(nginx).report;
    let line = report.lines.iter().find(|line| format!("{} {}", line.directive, line.args).trim() == directive);
    assert_eq!(line.map(|line| line.class), Some(class), "{directive} in {nginx}: {}", report.text());
}

#[test]
fn the_command_writes_once_and_only_what_is_whole() {
    let room = Directory::new("import-command");
    let nginx = room.write("nginx.conf", &site("location / { proxy_pass http://10.0.0.3; }"));
    let out = room.0.join("new/etc");
    let run = |from: &Path, more: &[&str]| weir(&out, from, more, "");
    let said = |output: &Output| {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let first = run(&nginx, &[]);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    assert!(said(&first).contains("it is good"), "{}", said(&first));
    let again = run(&nginx, &[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("is there already; --force replaces it"), "{}", said(&again));
    let before = fs::read(out.join("weir.toml")).unwrap();
    let gaps = room.write("gaps.conf", &site("location / { proxy_cookie_path ~/ /x; proxy_pass http://10.0.0.3; }"));
    let sockets = run(&room.write("sockets.conf", "server { listen unix:/run/a.sock; return 204; }"), &["--force"]);
    assert!(said(&sockets).contains("no listener of these files can be imported"), "{}", said(&sockets));
    assert_eq!(sockets.status.code(), Some(1));
    let refused = run(&gaps, &["--force"]);
    assert_eq!(
        (refused.status.code(), fs::read(out.join("weir.toml")).unwrap()),
        (Some(1), before),
        "{}",
        said(&refused)
    );
    assert!(said(&refused).contains("nothing was written: 1 of these"), "{}", said(&refused));
    let partial = run(&gaps, &["--force", "--partial"]);
    assert_eq!(partial.status.code(), Some(1));
    assert!(
        fs::read_to_string(out.join("weir.toml")).unwrap().contains("# missing: gaps.conf:1: proxy_cookie_path ~/ /x")
    );
    config::load(&out.join("weir.toml")).unwrap();
    let json = weir(&out, Path::new("-"), &["--force", "--json"], &site("location / { return 204; }"));
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["counts"]["missing"], 0);
    assert_eq!(value["lines"][0]["directive"], "server");
    assert_eq!(value["written"], out.join("weir.toml").to_str().unwrap());
}

/// What the importer looks at by its name has a place on the page, and what the page has in its first column nginx knows.
#[test]
fn the_page_and_the_importer_have_the_same_directives() {
    let names = fs::read_to_string(root().join("src/import/nginx/known/names.txt")).unwrap();
    let names: Vec<&str> = names.split_whitespace().collect();
    let code = code_below(&root().join("src/import"));
    let page = fs::read_to_string(root().join("docs/from-nginx.md")).unwrap();
    let part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words: Vec<&str> = page.split(|letter| !part(letter)).collect();
    let untold = |name: &&&str| code.contains(&format!("\"{name}\"")) && !words.contains(*name);
    let untold: Vec<_> = names.iter().filter(untold).collect();
    assert!(untold.is_empty(), "docs/from-nginx.md has no row for {untold:?}");
    let of_nginx = page
        .split("\n## ")
        .filter(|section| !["Import\n", "Running it\n"].iter().any(|name| section.starts_with(name)));
    let rows = of_nginx.flat_map(str::lines).filter(|line| line.starts_with("| `"));
    let spans = rows.filter_map(|row| row.split(" | ").next()).flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let first = spans.flat_map(|span| span.split(';')).filter_map(|part| part.split_whitespace().next());
    let unknown: Vec<_> =
        first.filter(|word| word.chars().all(part) && !names.contains(word) && *word != "nodelay").collect();
    assert!(unknown.is_empty(), "nginx knows nothing of this: {unknown:?}");
}

/// The importer's sources, in one text.
fn code_below(directory: &Path) -> String {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: PathBuf| match path.extension() {
        None => code_below(&path),
        Some(end) if end == "rs" => fs::read_to_string(&path).unwrap(),
        Some(_) => String::new(),
    };
    entries.map(text).collect()
}

#[test]
fn files_that_come_with_nginx_need_not_be_there() {
    for name in ["mime.types", "/etc/nginx/mime.types", "/absent/fastcgi_params"] {
        let nginx = format!("include {name}; {}", site("location / { proxy_pass http://10.0.0.3; }"));
        assert_class(&nginx, &format!("include {name}"), Class::Ignored);
        assert!(from_text(&nginx).text.unwrap().contains("[[pool]]"));
    }
}

#[test]
fn what_cannot_be_read_says_where() {
    let rows = [
        ("http { server { listen 80; }", "stdin:1: expected '}'"),
        ("http { }", "there is no server block"),
        (
            "include nothing.conf;",
            "stdin:1: include: nothing.conf is not there: copy it too, or import what `nginx -T` prints",
        ),
        ("include my.types;", "stdin:1: include: my.types is not there"),
        ("\u{feff}http { }", "stdin:1: it begins with a byte order mark, which nginx refuses"),
    ];
    for (nginx, why) in rows {
        let said = import(Input::Text(nginx.to_owned()), Path::new("/x/weir.toml"), SystemTime::now()).err();
        assert!(said.as_ref().is_some_and(|said| said.contains(why)), "{nginx}: {said:?}");
    }
}

/// Texts that nobody writes by hand end in a report or in a sentence.
#[test]
fn hostile_texts_are_read_to_their_end() {
    let nested = |depth: usize| format!("{}{}", "location /a {".repeat(depth), "}".repeat(depth));
    let utf16: String =
        String::from_utf8_lossy(&"http { }".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()).into();
    let texts = [
        nested(100_000),
        site(&nested(60)),
        "{".repeat(1 << 16),
        "}".repeat(1 << 16),
        utf16,
        site("listen \0; server_name \0; location /\0 { proxy_pass http://\0; }"),
        site(&format!("server_name {}; location / {{ return 200; }}", "a".repeat(10 << 20))),
        site(&format!("location ~ {} {{ return 200; }}", "(".repeat(1 << 16))),
        format!("{}server {{ }}", "include nothing*.conf;".repeat(1000)),
        site("listen [; listen [::1; listen ]:80; listen :; listen 99999; listen \u{e9}:80; location / { return 200; }"),
        site("location é/ { } location ~ { } location = { } location { } location @ { }"),
        site("proxy_read_timeout 5µs; client_max_body_size é; location / { proxy_pass http://é:80/é/; rewrite é é; return é; }"),
        site("location / { proxy_pass http://[; } location /b { proxy_pass https://$; } location /c { proxy_pass ://; }"),
        "limit_req_zone; limit_req_zone $a zone= rate=; server { limit_req; limit_req zone=; location / { return 200; } }".to_owned(),
        "upstream { } upstream a { server; server :; server a weight=é max_conns=-1; sticky; hash; queue; }         server { location / { proxy_pass http://a; health_check interval= match= port=0 uri=é; } }"
            .to_owned(),
        site("rewrite; rewrite ^; rewrite ^ ?; rewrite ( $1; rewrite ^/(.*) $1; location / { return 301; }"),
        "server { server_name .; server_name *. ~ $ é; location \"\" { } if { } map { } }".to_owned(),
        "# configuration file :\nserver { include *; include [; include [!; include ?; }\n# configuration file /\0:\n".to_owned(),
    ];
    for text in texts {
        let shown: String = text.chars().take(60).collect();
        match import(Input::Text(text), Path::new("/x/weir.toml"), SystemTime::now()) {
            Ok(imported) => assert!(!imported.report.text().is_empty(), "{shown}"),
            Err(why) => assert!(why.len() < 1000, "{shown}: {why}"),
        }
    }
    let room = Directory::new("import-hostile");
    let itself = room.write("nginx.conf", "include nginx.conf; server { }");
    fs::create_dir(room.0.join("conf.d")).unwrap();
    room.write("conf.d/a.conf", "include *.conf; # again");
    room.write("conf.d/b.conf", "include conf.d/*.conf;");
    for (from, why) in [(itself, "files include one another"), (room.0.join("conf.d"), "include")] {
        let said = import(Input::Path(from), &room.0.join("weir.toml"), SystemTime::now()).err();
        assert!(said.as_ref().is_some_and(|said| said.contains(why)), "{said:?}");
    }
}

/// Neither a terminal nor a comment of TOML takes control characters.
#[test]
fn control_characters_are_in_no_report_and_no_comment() {
    let plain = |text: &str| !text.contains(|letter: char| letter.is_control() && letter != '\n');
    for nginx in [
        "upstream a { server 10.0.0\u{5}.3; server 10.0.0.4; } server { \u{7} b; deny \u{1b}[2J; location / { proxy_pass http://a; } }",
        "# configuration file /\u{1b}]0;x\u{7}.conf:\nserver { server_name a; location / { return 200; } }\n",
    ] {
        let Imported { report, text, .. } = from_text(nginx);
        assert!(plain(&report.text()), "{}", report.text());
        let text = text.unwrap_or_else(|errors| panic!("{}", errors.render(false)));
        assert!(plain(&text), "{text}");
    }
}

const LEARN: &str = "sticky learn create=$upstream_cookie_JSESSIONID lookup=$cookie_JSESSIONID zone=s:1m timeout=35m;";
const ZONE: &str = "limit_req_zone $binary_remote_addr zone=z:1m rate=5r/s";

/// What is written of each site, without comments.
fn sites(text: &str) -> Vec<String> {
    let lines: String = text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    lines.split("\n[[site]]\n").skip(1).map(str::to_owned).collect()
}

/// A server with this inside, and a zone.
fn zone(inside: &str) -> String {
    format!("{ZONE}; {}", site(inside))
}

/// A server with this inside.
fn site(inside: &str) -> String {
    format!("server {{ server_name x.test; {inside} }}")
}

fn from_text(nginx: &str) -> Imported {
    import(Input::Text(nginx.to_owned()), Path::new("/etc/weir/weir.toml"), SystemTime::now()).unwrap()
}

fn weir(out: &Path, from: &Path, more: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(["import", "nginx"]).arg(from).arg("--out").arg(out).args(more);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end before it reads, and then nobody takes the text.
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes());
    child.wait_with_output().unwrap()
}

/// All of them: files, and directories.
fn fixtures() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("tests/import")).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> =
        entries.filter(|path| path.is_dir() || path.extension().is_some_and(|end| end == "conf")).collect();
    all.sort();
    all
}

/// A fixture with the certificates that it names.
struct World {
    room: Directory,
    from: PathBuf,
}

/// A pair with an RSA key. Making one takes a while, so there is one.
fn rsa() -> &'static (String, String) {
    static PAIR: OnceLock<(String, String)> = OnceLock::new();
    PAIR.get_or_init(|| {
        let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let params = rcgen::CertificateParams::new(HOSTS.map(str::to_owned)).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    })
}

impl World {
    fn of(fixture: &Path) -> Self {
        let room = Directory::new(&format!("import-{}", fixture.file_name().unwrap().to_str().unwrap()));
        let from = room.0.join("nginx");
        let from = if fixture.is_dir() { from } else { from.join(fixture.file_name().unwrap()) };
        let ssl = room.0.join("nginx/ssl");
        fs::create_dir_all(&ssl).unwrap();
        fs::create_dir_all(room.0.join("nginx/logs")).unwrap();
        fs::create_dir_all(room.0.join("nginx/html")).unwrap();
        for page in ["404.html", "50x.html", "403.json"] {
            fs::write(room.0.join("nginx/html").join(page), "sorry").unwrap();
        }
        let certificates = format!("{}/", ssl.display());
        copy(fixture, &from, &|text| text.replace("/etc/nginx/ssl/", &certificates));
        let made = rcgen::generate_simple_self_signed(HOSTS.map(str::to_owned)).unwrap();
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let (rsa_chain, rsa_key) = rsa();
        let both = format!("{chain}{key}");
        let files = [
            ("site.crt", &chain),
            ("site.key", &key),
            ("both.pem", &both),
            ("rsa.crt", rsa_chain),
            ("rsa.key", rsa_key),
        ];
        for (name, text) in files {
            fs::write(ssl.join(name), text).unwrap();
            fs::set_permissions(ssl.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self { room, from }
    }

    fn import(&self) -> Imported {
        import(Input::Path(self.from.clone()), &self.room.0.join("weir.toml"), SystemTime::now()).unwrap()
    }

    /// The directives of its files, counted by the parser's own tree.
    fn written_by_hand(&self) -> BTreeMap<(String, usize, String), usize> {
        let base = self.room.0.join("nginx");
        let mut all = Vec::new();
        for path in texts_below(&base) {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(&base).unwrap().display().to_string();
            let parsed = nginx_lint_parser::parse_string(&text).unwrap();
            parsed.items.iter().for_each(|item| directives(item, &name, &mut all));
        }
        counted(all)
    }
}

fn directives(item: &ConfigItem, file: &str, all: &mut Vec<(String, usize, String)>) {
    let ConfigItem::Directive(one) = item else { return };
    let Directive { name, name_span, block, .. } = one.as_ref();
    all.push((file.to_owned(), name_span.start.line, name.clone()));
    let values = VALUES.contains(&name.as_str());
    let includes = |item: &&ConfigItem| matches!(item, ConfigItem::Directive(one) if one.name == "include");
    let items = block.iter().flat_map(|block| &block.items);
    items.filter(|item| !values || includes(item)).for_each(|item| directives(item, file, all));
}

fn counted<T: Ord>(all: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    all.into_iter().fold(BTreeMap::new(), |mut counts, one| {
        *counts.entry(one).or_default() += 1;
        counts
    })
}

fn texts_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    // Lines of a map are values.
    let fits = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !["html", "logs", "ssl"].contains(&name) && !name.ends_with(".map")
    };
    let below = |path: PathBuf| if path.is_dir() { texts_below(&path) } else { vec![path] };
    entries.filter(fits).flat_map(below).collect()
}

fn copy(from: &Path, to: &Path, change: &dyn Fn(String) -> String) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            copy(&path, &to.join(path.file_name().unwrap()), change);
        }
    } else {
        fs::write(to, change(fs::read_to_string(from).unwrap())).unwrap();
    }
}

const HOSTS: [&str; 12] = [
    "esb.wso2.com",
    "mgt.esb.wso2.com",
    "integrator.local",
    "ui.integrator.local",
    "mi.wso2.com",
    "api.am.wso2.com",
    "gw.am.wso2.com",
    "gateway.local",
    "publisher.local",
    "is.wso2.com",
    "wso2.example.com",
    "x.test",
];
