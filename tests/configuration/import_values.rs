//! What the importer writes passes the checks, whatever stands in a line of nginx: a value that Weir cannot have costs its own
//! line, and no pool, no site and no import.

use std::path::Path;
use std::time::SystemTime;

use weir::import::{Class, Imported, Input, import};

#[test]
fn no_value_of_a_line_closes_more_than_its_line() {
    let mut wrong = Vec::new();
    let mut read = 0;
    for (around, lines) in PLACES {
        for line in *lines {
            for value in VALUES {
                let nginx = around.replace("LINE", &line.replace("{}", value));
                read += usize::from(judge(&format!("{line} | {value}"), &nginx, &mut wrong));
            }
        }
    }
    // A redirect that leads back to itself does so in nginx too.
    wrong.retain(|closed| !closed.contains("redirect leads back to itself"));
    assert!(read > 2000, "only {read} files were read");
    assert!(wrong.is_empty(), "{} of {read}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_line_that_nginx_takes_closes_its_pool_or_site() {
    let mut wrong = Vec::new();
    for (around, lines) in HARMLESS {
        for line in *lines {
            assert!(judge(line, &around.replace("LINE", line), &mut wrong), "{line} is not read");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is said of a line, and what is written of it or not.
#[test]
fn what_is_beyond_a_limit_or_never_met_is_told_of_its_line() {
    #[rustfmt::skip]
    let rows: &[(&str, &str, &str, Class, &str, bool)] = &[
        (UPSTREAM, "server 10.0.0.3 weight=2000; server 10.0.0.4;", "server 10.0.0.3 weight=2000", Class::Changed, "weight = 1000 }", true),
        (UPSTREAM, "server 10.0.0.3 max_fails=9999;", "server 10.0.0.3 max_fails=9999", Class::Changed, "failures = 1000", true),
        (UPSTREAM, "server 10.0.0.3 max_conns=5 max_conns=0;", "server 10.0.0.3 max_conns=5 max_conns=0", Class::Changed, "max-requests", false),
        (UPSTREAM, "server 10.0.0.3 slow_start=5s slow_start=0;", "server 10.0.0.3 slow_start=5s slow_start=0", Class::Same, "slow-start", false),
        (SERVER, "keepalive_requests 0;", "keepalive_requests 0", Class::Changed, "max-requests = 1\n", true),
        (SERVER, "keepalive_requests 2000000;", "keepalive_requests 2000000", Class::Same, "max-requests = 2000000\n", true),
        (SERVER, "server_name my_host.test;", "server_name my_host.test", Class::Same, "\"my_host.test\"", true),
        (SERVER, "rewrite ^index.html$ /x permanent;", "rewrite ^index.html$ /x permanent", Class::Ignored, "index.html\"", false),
        (SERVER, "location ~ ^admin { deny all; }", "location ~ ^admin", Class::Ignored, "deny = true", false),
        (SERVER, "location ~ '' { deny all; }", "location ~ ", Class::Same, "regex = '/'\ndeny = true", true),
        (SERVER, "location /s { return 302 /#/login; }", "return 302 /#/login", Class::Missing, "answer = { status = 501", true),
        (SERVER, "location /s { return 204 ok; }", "return 204 ok", Class::Same, "answer = { status = 204 }", true),
        (SERVER, "listen 127.0.0.1:9180;", "listen 127.0.0.1:9180", Class::Missing, "9180\"", false),
        (LOCATION, "proxy_hide_header Upgrade;", "proxy_hide_header Upgrade", Class::Same, "Upgrade\"", false),
        (LOCATION, "deny 10.0.0.0/8; allow 10.1.0.0/16; deny all;", "allow 10.1.0.0/16", Class::Same, "deny = true", true),
        (LOCATION, "proxy_set_header A ''; proxy_set_header a b;", "proxy_set_header A ", Class::Same, "set = { \"a\" = \"b\" } }", true),
        (LOCATION, "limit_req zone=z burst=0;", "limit_req zone=z burst=0", Class::Changed, "excess", false),
    ];
    for (around, lines, said, class, part, is_written) in rows {
        let nginx = around.replace("LINE", lines);
        let Imported { report, text, .. } = imported(&nginx).unwrap();
        let line = report.lines.iter().find(|line| format!("{} {}", line.directive, line.args) == *said);
        assert_eq!(line.map(|line| line.class), Some(*class), "{nginx}: {}", report.text());
        let text = text.unwrap_or_else(|errors| panic!("{nginx}: {}", errors.render(false)));
        let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("# missing")).collect();
        assert_eq!(text.join("\n").contains(part), *is_written, "{nginx}: {part}: {}", text.join("\n"));
    }
}

fn imported(nginx: &str) -> Result<Imported, String> {
    import(Input::Text(nginx.to_owned()), Path::new("/none/weir.toml"), SystemTime::UNIX_EPOCH)
}

/// Notes what the checks said of the first draft. False where nginx's text cannot be read.
fn judge(what: &str, nginx: &str, wrong: &mut Vec<String>) -> bool {
    let Ok(Imported { report, text, .. }) = imported(nginx) else { return false };
    if let Err(errors) = text {
        wrong.push(format!("{what}: nothing is imported: {}", errors.render(false)));
        return true;
    }
    // The importer itself refuses a line without a key; the checks refuse one that had a key.
    let closed = |one: &&weir::import::Line| {
        one.class == Class::Refused
            && !one.key.is_empty()
            && matches!(one.directive.as_str(), "upstream" | "server" | "proxy_pass")
    };
    let closed = report.lines.iter().find(closed);
    wrong.extend(closed.map(|line| format!("{what}: {}: {}", line.directive, line.note)));
    true
}

const UPSTREAM: &str =
    "upstream a { LINE } server { listen 8080; server_name x.test; location / { proxy_pass http://a; } }";
const LOCATION: &str = "limit_req_zone $remote_addr zone=z:1m rate=5r/s; upstream a { server 10.0.0.3:8280; server 10.0.0.4:8280; } server { listen 8080; server_name x.test; location / { proxy_pass http://a; LINE } }";
const TLS: &str = "upstream a { server 10.0.0.3:8280; server 10.0.0.4:8280; } server { listen 8080; server_name x.test; location / { proxy_pass https://a; LINE } }";
const SERVER: &str = "upstream a { server 10.0.0.3:8280; server 10.0.0.4:8280; } server { listen 8080; server_name x.test; LINE location / { proxy_pass http://a; } }";
const WHOLE: &str = "LINE";

/// Where lines stand, and the lines: each is read with each of the values.
#[rustfmt::skip]
const PLACES: &[(&str, &[&str])] = &[
    (UPSTREAM, &[
        "server {};", "server 10.0.0.3:{};", "server 10.0.0.3 weight={};", "server 10.0.0.3 slow_start={};",
        "server 10.0.0.3 fail_timeout={};", "server 10.0.0.3 max_fails={};",
        "server 10.0.0.3 max_conns={}; queue {} timeout=3s;", "server 10.0.0.3 max_conns=3; queue 5 timeout={};",
        "server 10.0.0.3; keepalive_timeout {}; keepalive {};", "server 10.0.0.3; hash $http_{} consistent;",
        "server 10.0.0.3; hash $cookie_{};", "server 10.0.0.3; sticky cookie {};",
        "server 10.0.0.3; sticky learn create=$upstream_cookie_{} lookup=$cookie_{} zone=z:1m;",
        "server 10.0.0.3; sticky learn create=$upstream_cookie_j lookup=$cookie_j zone=z:1m timeout={};",
        "server 10.0.0.3; sticky cookie j path={} expires=1h;", "server 10.0.0.3; sticky cookie j samesite={};",
        "server 10.0.0.3; server {} weight={} max_conns={} slow_start={} max_fails={} fail_timeout={};",
    ]),
    (LOCATION, &[
        "allow {}; deny all;", "deny {};", "deny {}; allow {}; deny all;", "deny 1.0.0.0/8; allow {}; deny all;", "limit_req zone=z burst={};",
        "client_max_body_size {};", "proxy_set_header X-A {};", "proxy_set_header {} b;", "proxy_set_header {} '';",
        "proxy_set_header Host {};", "add_header X-A {};", "add_header {} b;", "proxy_hide_header {};",
        "proxy_connect_timeout {};", "proxy_read_timeout {};", "proxy_next_upstream_timeout {}; proxy_next_upstream_tries {};",
        "proxy_next_upstream {};", "proxy_next_upstream http_{};", "proxy_next_upstream error {} timeout {};", "proxy_buffer_size {};",
        "proxy_cookie_domain {} $host;", "proxy_cookie_domain a.b {};", "proxy_cookie_path {} /k;",
        "proxy_cookie_path /k {};", "proxy_cookie_flags {} secure;", "proxy_cookie_flags j {};", "proxy_redirect {} /k;", "proxy_redirect http://a/ {};",
        "health_check interval={};", "health_check uri={};", "health_check port={};", "health_check fails={} passes={};",
        "limit_except {} { deny all; }", "if ($request_method = {}) { return 403; }", "if ($request_method = {}) { return {}; }",
    ]),
    (TLS, &["proxy_ssl_server_name on; proxy_ssl_name {};", "proxy_ssl_verify off; proxy_ssl_trusted_certificate {};"]),
    (SERVER, &[
        "server_name {};", "location {} { proxy_pass http://a; } location = {} { deny all; }",
        "location {} { proxy_pass http://a/z/; } location = {} { proxy_pass http://a/y; }",
        "location /z/ { proxy_pass http://a{}; }", "location /z { proxy_pass http://a/{}; }",
        "location ~ {} { proxy_pass http://a; } location ~* {} { deny all; }", "location ~ ^{} { deny all; }",
        "location = /q { return {}; }", "location = /q { return 301 {}; }", "location = /q { return 200 {}; }", "location = /q { return {} {}; }",
        "location = /q { default_type {}; return 200 ok; }", "location = /q { add_header Content-Type {}; return 200 ok; }", "location = /q { return 301 https://{}$request_uri; }", "location = /q { return 302 https://{}; }", 
        "location = /q { return 301 https://$host:{}$request_uri; }", "location = /q { return 301 https://$host{}; }", "rewrite ^/k$ {} permanent;",
        "rewrite {} /k permanent;", "rewrite {} {} permanent;", "set_real_ip_from {}; real_ip_header X-Forwarded-For;",
        "client_max_body_size {}; location /b/ { client_max_body_size {}; proxy_pass http://a; }",
        "access_log {}; error_log {};", "keepalive_timeout {}; client_header_timeout {}; client_body_timeout {}; send_timeout {};",
        "keepalive_requests {};", "large_client_header_buffers 4 {};", "large_client_header_buffers {} 8k;",
        "if ($http_x = {}) { return 403; }", "if ($http_{} = x) { return 403; }", "if ($request_method = {}) { return 403; }",
        "if ($request_method ~ ^({}|GET)$) { return 403; }", "error_page {} /x.html;",
    ]),
    (WHOLE, &[
        "upstream {} { server 10.0.0.3; } server { server_name x; location / { proxy_pass http://{}; } }",
        "server { server_name x; location /a/ { proxy_pass http://10.0.0.3{}; } }",
        "server { server_name x; location /a { proxy_pass http://{}; } }",
        "limit_req_zone $binary_remote_addr zone=z:1m rate={}r/s; server { server_name x; location / { proxy_pass http://10.0.0.3; limit_req zone=z burst=5; } }",
        "limit_req_zone $http_{} zone=z:1m rate=5r/s; server { server_name x; location / { proxy_pass http://10.0.0.3; limit_req zone=z; } }",
        "match m { status {}; } server { server_name x; location / { proxy_pass http://10.0.0.3; health_check match=m; } }",
        "match m { body ~ {}; } server { server_name x; location / { proxy_pass http://10.0.0.3; health_check match=m; } }",
        "stream { map $ssl_preread_server_name $u { hostnames; {} a; default b; } upstream a { server 10.0.0.3:443; } upstream b { server 10.0.0.4:443; } server { listen 443; ssl_preread on; proxy_pass $u; } }",
        "stream { upstream a { server {} weight={}; } server { listen 443; ssl_preread on; proxy_timeout {}; proxy_connect_timeout {}; allow {}; proxy_pass a; } }",
    ]),
];

#[rustfmt::skip]
const VALUES: &[&str] = &[
    "0", "1", "00", "1000000", "1001", "101", "200", "204", "304", "0200", "99999999999", "-1", "x", "''", "'a b'", "ü", "$x", "'a;b'", "10m", "1ms",
    "2y", "500", "999", "2000000g", "2000000", "/", "/a", "/a/", "/a?b", "/a#b", "'/a b'", "/a%20b", "/ü", "a.b", "*.b", "a..b", "-a", "a_b", "[::1]",
    "1.2.3.4", "1.2.3.4/33", "1.2.3.4/8", "0.0.0.0", "::1/64", "off", "on", "http://a", "http://a/", "https://a.b:99999/",
    "https://a.b:0/", "'\\t'", "a\"b", "a'b", "any", "GET", "get", "'G ET'", "Upgrade", "Host", "Set-Cookie", "^a", "secure", "error",
];

/// Lines that files have, and that need nothing or not much.
#[rustfmt::skip]
const HARMLESS: &[(&str, &[&str])] = &[
    (UPSTREAM, &[
        "server 10.0.0.3 weight=2 weight=3 backup; server 10.0.0.4 backup backup; server 10.0.0.5;",
        "server 10.0.0.3 max_conns=5 max_conns=0 slow_start=5s slow_start=0;",
    ]),
    (LOCATION, &[
        "proxy_hide_header Upgrade;", "proxy_hide_header X-Powered-By; proxy_hide_header x-powered-by;",
        "proxy_set_header Proxy ''; proxy_set_header Proxy '';", "proxy_set_header A b; proxy_set_header a '';", "proxy_set_header A ''; proxy_set_header a b;",
        "limit_req zone=z burst=0;", "proxy_next_upstream error timeout error;", "proxy_next_upstream http_503 http_503 http_101 http_200;",
        "if ($request_method = POST) { return 405; } if ($request_method = POST) { return 405; }",
        "if ($request_method ~ ^(POST|PUT)$) { return 405; } if ($request_method = POST) { return 405; }",
        "if ($request_method ~ ^(GET|HEAD)$) { return 405; } limit_except GET { deny all; }",
        "if ($request_method = POST) { return 405; } if ($request_method != POST) { return 403; }",
        "deny 10.0.0.0/8; allow 10.1.0.0/16; allow 192.168.0.0/16; deny all;", "deny 10.0.0.0/8; allow 10.1.0.0/16; deny all;",
        "proxy_cookie_flags j secure; proxy_cookie_flags J nosecure;", "proxy_cookie_flags ~ nosecure samesite=none;",
        "proxy_cookie_domain a.b $host; proxy_cookie_domain .A.b c.d;", "proxy_cookie_path / '/; Secure; secure';",
        "proxy_cookie_flags ~ secure nosecure;", "health_check uri=/a uri=/b port=1 port=2;",
    ]),
    (SERVER, &[
        "location ~ ^admin { deny all; }", "location ~ '' { deny all; }", "rewrite ^index.html$ /x permanent;",
        "if ($request_method = POST) { return 405; } if ($request_method = POST) { return 405; }",
        "if ($http_x = a) { return 405; } if ($http_x = a) { return 403; }",
        "location /s { return 302 /#/login; }", "location /s { return 301 'https://a/b c'; }", "location /s { return 204 ok; }", "location /app { return 301 /app/; } location /app/ { proxy_pass http://a; }", "location /home/ { proxy_pass http://a; } location /x { return 301 /home/; }",
        "location /s { return 301 $scheme://$server_name$request_uri; }", "location /s { return 301 https://a:99999/; }",
        "set_real_ip_from proxy.local; real_ip_header X-Forwarded-For;",
    ]),
    (WHOLE, &[
        "server { listen 80; server_name x; location / { return 301 /home/; } location /home/ { proxy_pass http://10.0.0.3; } }",
        "server { listen 80; server_name my_host.x.test good.t bad..t; location / { proxy_pass http://10.0.0.3; } }",
        "server { listen 0; listen 80; server_name x; location / { proxy_pass http://10.0.0.3; } }",
        "server { listen 127.0.0.1:9180; listen 80; server_name x; location / { proxy_pass http://10.0.0.3; } }",
        "server { listen 9180; listen 81; server_name x; location / { proxy_pass http://10.0.0.3; } }",
        "match m { status 200; } match n { body ~ x; } server { server_name x; location / { proxy_pass http://10.0.0.3; health_check match=m match=n; } }",
    ]),
];
