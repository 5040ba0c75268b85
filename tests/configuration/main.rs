//! What an operator sees: good files load, bad ones say everything that is wrong, and every key of the reference is read.
#![allow(clippy::unwrap_used)] // clippy knows tests by their attribute, not what they call

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use weir::config::{self, Action, Config, Form, HostPattern, LogFormat, LogTarget, PathPattern, ProbeKind, Verify};

mod compare;
mod defaults;
mod import;
mod import_values;
mod management;
#[path = "../docs/patience.rs"]
mod patience;
mod pools;
#[path = "../appliance/harness/ports.rs"]
mod ports;
mod schema;
mod sites;
mod unwise;
mod wso2;
mod wso2_write;

/// `tests/bad_configs/NAME.toml` beside `NAME.expected`, the lines that the journal would show.
#[test]
fn bad_files_say_all_that_is_wrong_where_it_is() {
    let directory = root().join("tests/bad_configs");
    let mut seen = 0;
    let mut different = Vec::new();
    for path in files_in(&directory) {
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap();
        let said = config::load(&path).expect_err(&format!("{} is good", path.display())).to_string();
        let said =
            said.replace(&format!("{}/", directory.display()), "").replace(&directory.display().to_string(), ".");
        if said.trim_end() != expected.trim_end() {
            different.push(format!("{}:\n--- expected\n{expected}\n--- said\n{said}\n", path.display()));
        }
        seen += 1;
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(seen >= 40, "only {seen} bad configurations were found");
}

#[test]
fn errors_are_drawn_with_the_line_and_the_advice() {
    let errors = config::load(&root().join("tests/bad_configs/unknown-key-in-health.toml")).unwrap_err();
    let drawn = errors.render(false);
    for part in [
        "unknown key \"intervall\" in [pool.health]",
        "14 │ intervall = \"5s\"",
        "did you mean \"interval\"?",
        "\n1 error\n",
    ] {
        assert!(drawn.contains(part), "{part:?} is missing in\n{drawn}");
    }
    assert!(!drawn.contains('\u{1b}'), "colours where none were asked for");
    assert!(errors.render(true).contains('\u{1b}'), "no colours where they were asked for");
}

/// What programs write is large: no check may hold everything against everything.
#[test]
fn a_file_four_times_as_large_takes_about_four_times_as_long() {
    let directory = Directory::new("large");
    let many = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<String>();
    let files: [(&str, &dyn Fn(usize) -> String); 5] = [
        ("nodes", &|n| format!("[[node]]\nname = \"n{n}\"\naddress = \"10.1.{}.{}\"\n", n / 256, n % 256)),
        ("paths", &|n| format!("[[site.route]]\nprefix = \"/services/S{n}\"\ndeny = true\n")),
        ("tenants", &|n| format!("[[site.route]]\nheaders = [{{ name = \"X-T\", value = \"{n}\" }}]\ndeny = true\n")),
        ("pools", &|n| format!("[[pool]]\nname = \"p{n}\"\nnodes = [\"nobody\"]\nport = 80\n")),
        ("sites", &|n| format!("[[site]]\nname = \"s{n}\"\nlistener = \"http\"\nhosts = [\"h{n}\"]\npool = \"p\"\n")),
    ];
    for (what, one) in files {
        let taken = [4_000, 16_000].map(|count| {
            let path = directory.0.join(format!("{what}-{count}.toml"));
            fs::write(&path, format!("{MINIMAL}{}", many(count, one))).unwrap();
            let before = cpu_time();
            let said = config::load(&path)
                .map_or_else(|errors| errors.render(false), |config| config::render_warnings(&config.warnings, false));
            assert!(said.len() < 100_000, "{what}: {} bytes of words", said.len());
            cpu_time() - before
        });
        assert!(taken[1] < taken[0] * 9, "{what}: {taken:?}");
    }
}

/// Who sends a configuration to be checked chooses what is in it: mistakes take no longer than their number.
#[test]
fn a_wrong_file_four_times_as_large_takes_about_four_times_as_long() {
    let directory = Directory::new("wrong");
    let many = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<String>();
    let deep = |count: usize, open: &str, close: &str| format!("x = {}{}\n", open.repeat(count), close.repeat(count));
    let files: [(&str, &dyn Fn(usize) -> String); 17] = [
        ("headings", &|n| format!("{}{}", many(n, &|n| format!("[h{n}]\n")), many(n, &|n| format!("[[h{n}]]\n")))),
        ("lists", &|n| format!("x = 1\n{}", many(n, &|n| format!("[[x.l{n}]]\n")))),
        ("tables", &|n| many(n, &|_| "[pool]\n".to_owned())),
        ("many-files", &|n| format!("include = [{}]\n", "\"*\", ".repeat(n))),
        ("keys", &|n| many(n, &|n| format!("k{n} = 1\n"))),
        ("twice", &|n| many(n, &|_| "k = 1\n".to_owned())),
        ("bare", &|n| many(n, &|n| format!("k{n} = v\n"))),
        ("no-values", &|n| many(n, &|n| format!("k{n}\n"))),
        ("one-line", &|n| format!("include = [{}]\n", "1, ".repeat(n))),
        ("one-line-bare", &|n| format!("include = [{}]\n", "v, ".repeat(n))),
        ("strings", &|n| many(n, &|n| format!("k{n} = \"\n"))),
        ("arrays", &|n| deep(n, "[", "]")),
        ("inline", &|n| deep(n, "{ x = ", "}")),
        ("dotted", &|n| format!("{}x = 1\n", "x.".repeat(n))),
        ("dotted-heading", &|n| format!("[{}x]\n", "x.".repeat(n))),
        ("open", &|n| format!("x = {}\n", "[".repeat(n))),
        ("included", &|n| format!("include = [{}]\n", many(n / 20, &|n| format!("\"{n}*.toml\", ")))),
    ];
    for (what, text) in files {
        let taken = [4_000, 16_000].map(|count| {
            let path = directory.0.join(format!("{what}-{count}.toml"));
            fs::write(&path, text(count)).unwrap();
            let before = cpu_time();
            let said = config::load(&path).map_or_else(|errors| errors.to_string(), |_| String::new());
            assert!(said.len() < 100_000, "{what}: {} bytes of words", said.len());
            cpu_time() - before
        });
        // Of what takes next to no time, the moment of the measurement decides.
        assert!(taken[1] < taken[0] * 9 + Duration::from_millis(20), "{what}: {taken:?}");
    }
}

#[test]
fn a_probe_that_passes_whatever_a_worker_runs_is_told_with_what_to_write() {
    let directory = Directory::new("passthrough");
    for (probe, told) in [
        ("kind = \"http\"", true),
        ("kind = \"http\", path = \"/health\"", false),
        ("kind = \"http\", path = \"/services/Version\", port = 8280", true),
        ("kind = \"http\", status = \"200\"", false),
        ("kind = \"http\", contains = \"definitions\"", false),
        ("kind = \"tcp\"", false),
    ] {
        let health = format!("port = 80\n[pool.health]\nprobes = [{{ {probe} }}]\n[[site]]");
        let path = directory.write("weir.toml", &MINIMAL.replace("port = 80\n[[site]]", &health));
        let config = config::load(&path).map_err(|errors| errors.to_string()).unwrap();
        let said =
            config.warnings.iter().any(|w| w.what.contains("202") && w.advice.contains("contains = \"definitions\""));
        assert_eq!(said, told, "{probe}: {:?}", config.warnings);
    }
}

/// Problems are read in the journal, in events, in the status and in bundles, and at a start with lines of the file.
#[test]
fn what_may_be_a_secret_is_in_no_problem() {
    let directory = Directory::new("secrets");
    let site = |line: &str| format!("{MINIMAL}{line}\n");
    let admin = |line: &str| format!("[admin]\n{line}\n{MINIMAL}");
    let long = "h".repeat(30) + "unter2";
    let files = [
        site("request-headers = \"Authorization: hunter2\""),
        site("request-headers = { set = { Authorization = \"hunter2\\n\" } }"),
        site("request-headers = { set = { \"two words\" = \"hunter2\" } }"),
        site("request-headers = { set = { X-Key = [\"hunter2\"] } }"),
        site("request-headers = { set = \"X-Key: hunter2\" }"),
        site("request-headers = { set = { X-Key = \"a$hunter2\" } }"),
        site("response-headers = { add = \"X-Key: hunter2\" }"),
        site("[site.request-headers.set]\nX-Key = hunter2"),
        site("[site.request-headers.set]\nX-Key = \"hunter2"),
        site("[site.request-headers.set]\nX-Key = \"hunter2\"\nX-Key = \"hunter2\""),
        site("[[site.route]]\nheaders = \"X-Key: hunter2\"\ndeny = true"),
        site("[[site.route]]\nheaders = [\"X-Key: hunter2\"]\ndeny = true"),
        site("[[site.route]]\nheaders = [{ name = \"two words\", value = \"hunter2\" }]\ndeny = true"),
        site("[[site.route]]\nheaders = [{ name = \"X-Key\", value = \"hunter2 \" }]\ndeny = true"),
        site("[[site.route]]\nheaders = [{ name = \"X-Key\", value = [\"hunter2\"] }]\ndeny = true"),
        admin("token = \"hunter2\""),
        admin("token = [\"hunter2\"]"),
        admin("[[admin.token]]\nname = \"a\"\nmay = \"read\"\ntoken = \"hunter2\""),
        admin(&format!("[[admin.token]]\nname = \"a\"\nmay = \"read\"\nfile = \"{long}\"")),
    ];
    for text in files {
        let path = directory.write("weir.toml", &text);
        let errors = config::load(&path).expect_err(&text);
        for said in [errors.to_string(), errors.render(false)] {
            assert!(!said.contains("hunter2") && !said.contains("hhh"), "{text}\n{said}");
        }
    }
    let number = site("request-headers = { set = { X-Pin = 424242 } }");
    let errors = config::load(&directory.write("weir.toml", &number)).unwrap_err();
    let said = errors.to_string() + &errors.render(false);
    assert!(said.contains("set must be text, not a number; write it in quotes") && !said.contains("4242"), "{said}");
}

/// A file around a line.
type Around<'a> = &'a dyn Fn(&str) -> String;

/// What is wrong, what the advice has of what would be right, and that.
#[test]
fn advice_that_is_followed_holds() {
    let admin = |line: &str| format!("[admin]\n{line}\n{MINIMAL}");
    let listener = |line: &str| MINIMAL.replace("bind = \"127.0.0.1:8080\"\n", &format!("{line}\n"));
    let pool = |line: &str| MINIMAL.replace("port = 80\n", &format!("port = 80\n{line}\n"));
    let site = |line: &str| format!("{MINIMAL}{line}\n");
    let rows: [(Around<'_>, &str, &str, &str); 12] = [
        (&admin, "hosts = [\"weir1.test:9180\"]", "\"weir1.test\"", "hosts = [\"weir1.test\"]"),
        (&admin, "hosts = \"a.test b.test\"", "hosts = [\"a.test\", \"b.test\"]", ""),
        (&listener, "bind = \"443 ssl\"", "\"0.0.0.0:443\"", "bind = \"0.0.0.0:443\""),
        (&listener, "bind = \"127.0.0.1:443 ssl http2\"", "\"127.0.0.1:443\"", "bind = \"127.0.0.1:443\""),
        (
            &pool,
            "health = { probes = [\"tcp\"] }",
            "probes = [{ kind = \"tcp\" }]",
            "health = { probes = [{ kind = \"tcp\" }] }",
        ),
        (
            &pool,
            "health = { probes = { kind = \"tcp\" } }",
            "probes = [{ kind",
            "health = { probes = [{ kind = \"tcp\" }] }",
        ),
        (&site, "hosts = \"a.test b.test\"", "hosts = [\"a.test\", \"b.test\"]", ""),
        (&site, "hosts = [\"a.test b.test\"]", "\"a.test\", \"b.test\"", "hosts = [\"a.test\", \"b.test\"]"),
        (&site, "hosts = [\"A.test, b.test\"]", "\"a.test\", \"b.test\"", "hosts = [\"a.test\", \"b.test\"]"),
        (&site, "rate = 5", "rate = { requests = 100 }", ""),
        (&site, "request-headers = [\"X-A: b\"]", "request-headers = { set = { \"X-Tenant\" = \"gold\" } }", ""),
        (
            &site,
            "request-headers = { set = [\"X-A\"] }",
            "set = { \"X-Tenant\" = \"gold\" }",
            "request-headers = { set = { \"X-Tenant\" = \"gold\" } }",
        ),
    ];
    follow(&rows);
}

#[test]
fn advice_about_routes_that_is_followed_holds() {
    let route = |line: &str| format!("{MINIMAL}[[site.route]]\n{line}\n");
    let no_pool = |line: &str| MINIMAL.replace("pool = \"p\"\n", &format!("{line}\n"));
    let rows: [(Around<'_>, &str, &str, &str); 12] = [
        (&route, "methods = \"GET POST\"", "methods = [\"GET\", \"POST\"]", ""),
        (&route, "headers = [\"X-Tenant\"]", "headers = [{ name = \"X-Tenant\", value = \"gold\" }]", ""),
        (&route, "headers = { X-Tenant = \"gold\" }", "headers = [{ name = \"X-Tenant\", value = \"gold\" }]", ""),
        (&route, "headers = \"X-Tenant\"", "headers = [{ name = \"X-Tenant\", value = \"gold\" }]", ""),
        (&route, "path = \"~^/x\"", "regex = '^/x'", ""),
        (&route, "regex = '~* \\.wsdl$'", "regex = '(?i)\\.wsdl$'", ""),
        (&route, "prefix = \"^~ /x\"", "prefix = \"/x\"", ""),
        (&route, "target = \"= /x\"", "path = \"/x\"", ""),
        (&route, "regex = '^services/'", "'^/services/'", "regex = '^/services/'"),
        (&no_pool, "[[site.route]]\nprefix = \"/a\"\nredirect = { path = \"/b\" }", "pool = \"p\"", "pool = \"p\""),
        (
            &no_pool,
            "[[site.route]]\npath = \"/a\"\n[[site.route]]\ndeny = true",
            "pool = \"p\"",
            "pool = \"p\"\n[[site.route]]\npath = \"/a\"",
        ),
        (
            &no_pool,
            "[[site.route]]\npath = \"/a\"\n[[site.route]]\ndeny = true",
            "answer or",
            "[[site.route]]\npath = \"/a\"\nanswer = {}\n[[site.route]]\ndeny = true",
        ),
    ];
    follow(&rows);
}

fn follow(rows: &[(Around<'_>, &str, &str, &str)]) {
    let directory = Directory::new(&format!("followed-{}", rows.len()));
    for (around, wrong, advice, right) in rows {
        let errors = directory.load(&around(wrong)).expect_err(wrong);
        assert_eq!(errors.0.len(), 1, "{wrong}: {errors}");
        assert!(errors.0[0].advice.contains(advice), "{wrong}: {errors}");
        let right = if right.is_empty() { advice } else { right };
        directory.load(&around(right)).map_err(|errors| panic!("{right}: {errors}")).ok();
    }
}

#[test]
fn the_admin_address_is_open_to_other_machines_only_with_tokens() {
    let directory = Directory::new("admin-tokens");
    let secret = directory.write("secret", "0123456789abcdef\n");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o640)).unwrap();
    let token = format!("[[admin.token]]\nname = \"ops\"\nfile = \"{}\"\n", secret.display());
    for bind in ["0.0.0.0:9180", "[::]:9180", "10.0.0.9:9180"] {
        let admin = format!("[admin]\nbind = \"{bind}\"\n");
        let errors = directory.load(&format!("{admin}{MINIMAL}")).unwrap_err();
        assert!(errors.0[0].what.contains(&format!("{bind} is reached from other machines")), "{errors}");
        assert!(errors.0[0].advice.contains("[[admin.token]]"), "{errors}");
        let config = directory.load(&format!("{admin}{token}{MINIMAL}")).map_err(|errors| errors.to_string()).unwrap();
        let warned = config.warnings.iter().all(|warning| warning.what.ends_with("can read the tokens"));
        assert!(warned && config.warnings.len() == 1, "{:?}", config.warnings);
        assert!(config.admin.token(b"0123456789abcdef").is_some_and(|token| &*token.name == "ops"));
        for wrong in [&b""[..], b"0123456789abcde", b"0123456789abcdef0", b"0123456789abcdef\n"] {
            assert!(config.admin.token(wrong).is_none(), "{wrong:?}");
        }
        assert!(!format!("{config:?}").contains("0123456789abcdef"), "the token itself is not kept");
    }
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let open = directory.load(&format!("{token}{MINIMAL}")).map_err(|errors| errors.to_string()).unwrap();
    assert!(open.warnings[0].what.contains("everybody on this machine can read the token"), "{:?}", open.warnings);
    for (content, said) in [
        ("short", "has 5 characters, and 16 to 1000 are taken"),
        ("", "has 0 characters"),
        ("0123456789 abcdef", "is not one word"),
        (&"x".repeat(1001), "has 1001 characters"),
        (&"x".repeat(5000), "it is larger than 4096 bytes"),
    ] {
        fs::write(&secret, content).unwrap();
        let errors = directory.load(&format!("{token}{MINIMAL}")).unwrap_err();
        assert!(errors.0[0].what.contains(said) && errors.0[0].advice.len() > 5, "{content:.20}: {errors}");
    }
}

#[test]
fn what_lets_everybody_in_and_what_does_nothing_is_warned_of() {
    let directory = Directory::new("open");
    let listener = |line: &str| MINIMAL.replace("8080\"\n", &format!("8080\"\n{line}\n"));
    let pool = |line: &str| MINIMAL.replace("port = 80\n", &format!("port = 80\n{line}\n"));
    let admin = |line: &str| format!("[admin]\n{line}\n{MINIMAL}");
    let route = |line: &str| format!("{MINIMAL}[[site.route]]\n{line}\n");
    let rows: [(Around<'_>, &str, &str); 11] = [
        (&listener, "trusted-proxies = [\"0.0.0.0/0\"]", "0.0.0.0/0 believes everybody"),
        (&listener, "trusted-proxies = [\"10.0.0.0/8\", \"::/0\"]", "::/0 believes everybody"),
        (&listener, "trusted-proxies = [\"10.0.0.0/8\"]", ""),
        (&admin, "bind = \"[::1]:9180\"", ""),
        (&pool, "retry-on = [\"connect\"]", "retry-on has no effect in a pool of one node"),
        (&route, "path = \"/a\"\nanswer = { body = \"you are $remote_addr\" }", "$remote_addr is sent as it stands"),
        (&route, "path = \"/a\"\nanswer = { body = \"that is 5$\" }", ""),
        (&route, "regex = '^/a\\?x='\ndeny = true", "is found in next to no path"),
        (&route, "regex = '^/a%20b'\ndeny = true", "is found in next to no path"),
        (&route, "regex = '^/a.+b'\ndeny = true", ""),
        (&route, "target = '^/a\\?x=%20'\ndeny = true", ""),
    ];
    for (around, line, said) in rows {
        let config = directory.load(&around(line)).map_err(|errors| errors.to_string()).unwrap();
        let whats: Vec<&str> = config.warnings.iter().map(|warning| &*warning.what).collect();
        assert_eq!(whats.len(), usize::from(!said.is_empty()), "{line}: {whats:?}");
        assert!(whats.iter().all(|what| what.contains(said)), "{line}: {whats:?}");
    }
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

const MINIMAL: &str = "[[listener]]\nname = \"http\"\nbind = \"127.0.0.1:8080\"\n\
    [[node]]\nname = \"n\"\naddress = \"10.0.0.3\"\n[[pool]]\nname = \"p\"\nnodes = [\"n\"]\nport = 80\n\
    [[site]]\nname = \"s\"\nlistener = \"http\"\ndefault = true\npool = \"p\"\n";

#[test]
fn a_file_that_is_not_there_is_said_to_be_so() {
    let directory = Directory::new("missing");
    for (name, what) in [("nothing.toml", "there is no such file"), ("", "this is a directory, not a file")] {
        let errors = config::load(&directory.0.join(name)).unwrap_err();
        assert_eq!(errors.0[0].what, what);
        assert!(errors.render(false).contains(what), "{}", errors.render(false));
    }
}

#[test]
fn the_minimal_file_needs_nothing_but_itself() {
    let config = config::load(&root().join("conf/minimal.toml")).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!((config.listeners.len(), config.nodes.len(), config.pools.len(), config.sites.len()), (1, 2, 1, 1));
    assert_eq!(config.files, [root().join("conf/minimal.toml")]);
}

#[test]
fn every_key_can_be_written_and_arrives() {
    let directory = Directory::new("every-key");
    directory.certificate("site", &["esb.wso2.com", "*.esb.wso2.com"]);
    fs::create_dir_all(directory.0.join("sites")).unwrap();
    directory.write("sites/10-esb.toml", SITE);
    directory.write("sites/.20-hidden.toml", "this is not read");
    let config = directory.load(EVERY_KEY).unwrap();
    let listener = &config.listeners[0];
    assert_eq!((listener.head_timeout.as_secs(), listener.max_head, listener.max_requests), (14, 32768, 500));
    assert_eq!(listener.trusted_proxies.as_ref().unwrap()[1].to_string(), "10.1.0.7/32");
    assert_eq!(config.nodes[1].port_offset, 1);
    let pool = &config.pools[0];
    assert_eq!(
        (pool.members[1].node, pool.members[1].weight, pool.retry.tries, pool.buffer_request),
        (1, 2, 2, 1 << 20)
    );
    assert!(matches!(&pool.tls.as_ref().unwrap().verify, Verify::Pin(pins) if pins.len() == 2 && pins[0] == pins[1]));
    assert_eq!(pool.tls.as_ref().unwrap().server_name.as_deref(), Some("localhost"));
    let probe = &pool.health.as_ref().unwrap().probes[1];
    assert_eq!(
        (probe.kind, probe.port, &*probe.path, &probe.status[..]),
        (ProbeKind::Https, 9443, "/x", &[200..=200, 301..=303][..])
    );
    assert_eq!((pool.timeouts.connect.as_secs(), pool.timeouts.tunnel.as_secs()), (1, 7200));
    let site = &config.sites[0];
    assert_eq!(site.hosts, [HostPattern::Exact("esb.wso2.com".into()), HostPattern::Wildcard("esb.wso2.com".into())]);
    assert_eq!(
        (&site.listeners[..], site.pool, site.max_body, site.default, site.via),
        (&[0, 1][..], Some(0), Some(100 << 20), true, true)
    );
    assert_eq!(
        (&site.logs.access, site.logs.format),
        (&LogTarget::File(directory.0.join("sites/access.log")), LogFormat::Combined)
    );
    assert_eq!((&site.logs.error, config.logs.format), (&LogTarget::Off, LogFormat::Json));
    assert!(!site.certificates.is_empty(), "the certificate is read");
    assert_eq!(config.files.len(), 2);
}

#[test]
fn what_is_not_written_is_as_the_reference_says() {
    let config = config::load(&root().join("conf/minimal.toml")).unwrap();
    let (listener, pool, site) = (&config.listeners[0], &config.pools[0], &config.sites[0]);
    let seconds = [
        ("", "start-timeout", config.start_timeout),
        ("", "stop-timeout", config.stop_timeout),
        ("listener", "handshake-timeout", listener.handshake_timeout),
        ("listener", "head-timeout", listener.head_timeout),
        ("listener", "idle-timeout", listener.idle_timeout),
        ("listener", "body-timeout", listener.body_timeout),
        ("listener", "write-timeout", listener.write_timeout),
        ("listener", "http2-idle-timeout", listener.http2_idle_timeout),
        ("pool", "idle-timeout", pool.idle_timeout),
        ("pool", "slow-start", pool.members[1].slow_start),
        ("pool", "retry-time", pool.retry.time),
        ("pool.eject", "within", pool.eject.within),
        ("pool.eject", "for", pool.eject.first),
        ("pool.timeouts", "connect", pool.timeouts.connect),
        ("pool.timeouts", "handshake", pool.timeouts.handshake),
    ];
    for (table, key, value) in seconds {
        let written = config::reference().iter().find(|k| k.table == table && k.key == key).unwrap().default;
        assert_eq!(format!("`\"{}s\"`", value.as_secs()), written, "{table} {key}");
    }
    assert_eq!((listener.max_head, listener.max_fields, listener.max_requests), (65536, 100, 10_000));
    assert_eq!((pool.reuse, pool.timeouts.tunnel.as_secs()), (true, 3600));
    assert_eq!((site.max_body, &*site.upgrades[0], &site.logs.access), (None, "websocket", &LogTarget::Journal));
    assert_eq!(listener.trusted_proxies, None);
}

/// The cluster of the guide, with certificates and log files put where a test may put them.
#[test]
fn the_file_of_the_guide_loads_once_its_certificates_are_there() {
    let config = guide(&Directory::new("guide"));
    let names: Vec<&str> = config.sites.iter().map(|site| &*site.name).collect();
    assert_eq!(names, ["esb.http", "esb.https", "mgt.esb.https"]);
    let said: Vec<String> = config.warnings.iter().map(|warning| warning.what.clone()).collect();
    assert!(said.iter().any(|what| what.starts_with("verify = \"none\"")), "{said:?}");
}

/// On the esb sites nobody reaches the console or an admin service; on the manager's everybody allowed does.
#[test]
fn the_routes_of_the_guide_keep_the_management_away_from_the_workers() {
    let config = guide(&Directory::new("guide-routes"));
    let denies = |site: &str, path: &str| {
        let site = config.sites.iter().find(|known| *known.name == *site).unwrap();
        site.routes.iter().any(|route| match &route.path {
            Some(PathPattern::Target(regex)) => regex.is_match(path.as_bytes()) && route.action == Action::Deny,
            _ => false,
        })
    };
    for path in MANAGEMENT {
        assert!(denies("esb.http", path) && denies("esb.https", path), "{path} is not denied");
        assert!(!denies("mgt.esb.https", path), "{path} is denied on the manager's site");
    }
    for path in PUBLIC {
        assert!(!denies("esb.http", path) && !denies("esb.https", path), "{path} is denied");
    }
}

const MANAGEMENT: &[&str] = &[
    "/carbon",
    "/carbon/",
    "/carbon/admin/login.jsp",
    "/t/example.com/carbon",
    "/t/example.com/carbon/admin/",
    "/services/AuthenticationAdmin",
    "/services/authenticationadmin",
    "/services/ServerAdmin/",
    "/services/ServerAdmin/restart",
    "/services/ServerAdmin.ServerAdminHttpsSoap11Endpoint",
    "/services/ServerAdmin.ServerAdminHttpsSoap12Endpoint/",
    "/services/t/example.com/ServerAdmin",
    "/services/t/example.com/ServerAdmin.ServerAdminHttpsSoap11Endpoint",
    "/t/example.com/services/ServerAdmin",
    "/servicesxServerAdmin",
    "/services/ResourceAdminService",
    "/services/RemoteUserStoreManagerService",
    "/services/RemoteUserRealmService",
    "/services/RemoteClaimManagerService?wsdl",
    "/services/RemoteProfileConfigurationManagerService",
    "/services/RemoteAuthorizationManagerService",
    "/services/RemoteTenantManagerService.RemoteTenantManagerServiceHttpsSoap11Endpoint",
    "/services/RemoteLoggingConfig",
    "/services/CarbonAppUploader",
    "/services/MediationLibraryUploader",
    "/services/DataServiceFileUploader",
    "/services/FileUploadService",
    "/services/FileDownloadService",
    "/services/UserProfileMgtService",
    "/services/ClaimManagementService",
    "/services/ClaimMetadataManagementService",
    "/services/IdentityProviderMgtService",
    "/services/EventBrokerService",
    "/services/RegistryEventBrokerService",
    "/services/WSRegistryService",
    "/services/HandlerManagementService",
    "/services/MetricsDataService",
    "/services/LogViewer",
    "/services/t/example.com/ExternalTryitService",
    "/services/WSDL2CodeService",
    "/services/Java2WSDLService",
    "/services/WSDLValidatorService",
];

const PUBLIC: &[&str] = &[
    "/",
    "/services",
    "/services/",
    "/services/Version",
    "/services/AdminLookup",
    "/services/RemoteOrderService",
    "/services/PhotoUploader",
    "/services/OrderEventBrokerService",
    "/services/ServerAdmins",
    "/service/OrderAdmin",
    "/service/ServerAdmin",
    "/servicedeskAdmin",
    "/servicedesk/t/OrderAdmin",
    "/services/Orders/Admin",
    "/services/t/example.com/Orders",
    "/carbonara",
    "/api/carbon",
    "/orders/carbon",
    "/favicon.ico",
];

#[test]
fn the_file_of_the_guide_shows_every_key_at_least_in_a_comment() {
    let text = fs::read_to_string(root().join("conf/weir.toml")).unwrap();
    for key in config::reference() {
        let shown = format!("{} = ", key.key);
        let head = [format!("[{}]", key.key), format!("[{}.{}]", key.table, key.key)];
        assert!(
            text.contains(&shown) || head.iter().any(|head| text.contains(head)),
            "conf/weir.toml never shows {} of {:?}",
            key.key,
            key.table
        );
    }
}

/// A date is never right: where a key is read, it is refused at its own place.
#[test]
fn every_key_of_the_reference_is_read_and_checked() {
    for key in config::reference() {
        let directory = Directory::new(&format!("date-{}-{}", key.table, key.key));
        let text = with_key(key.table, key.key, "1979-05-27", matches!(key.form, Form::Table(_)));
        let errors = directory.load(&text).expect_err(&text).to_string();
        let expected = format!("{} must be ", key.key);
        assert!(errors.lines().any(|line| line.contains(&expected) && line.contains("not a date")), "{text}\n{errors}");
    }
}

#[test]
fn a_key_that_is_not_in_the_reference_is_refused_in_every_table() {
    let tables: std::collections::BTreeSet<&str> = config::reference().iter().map(|key| key.table).collect();
    for table in tables {
        let directory = Directory::new(&format!("unknown-{table}"));
        let text = with_key(table, "qqqq", "1", false);
        let errors = directory.load(&text).expect_err(&text).to_string();
        assert!(errors.contains("unknown key \"qqqq\""), "{text}\n{errors}");
    }
}

#[test]
fn what_is_allowed_but_doubtful_is_said() {
    let directory = Directory::new("warnings");
    let config = directory.load(DOUBTFUL).unwrap();
    let said: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    let expected = [
        (1, "include: \"sites/*.toml\" matches no file"),
        (5, "http2 has no effect on a listener without tls"),
        (6, "listener \"idle\" has no site: every request on it is answered 421"),
        (14, "node \"worker2\" is the same server as node \"worker1\""),
        (15, "node \"worker3\" is in no pool"),
        (22, "an http probe on a port that speaks TLS will fail"),
        (23, "verify = \"none\": their certificates are not checked"),
        (24, "pool \"unused\" serves no site"),
        (27, "port: WSO2's PassThrough transport may never answer a POST whose body comes apart from its head"),
        (28, "a TLS probe on the port of a pool without tls will fail"),
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for ((line, what), said) in expected.iter().zip(&said) {
        assert!(said.starts_with(&format!("{}:{line}: {what}", directory.0.join("weir.toml").display())), "{said}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let directory = Directory::new("bytes");
    let text = fs::read(root().join("conf/weir.toml")).unwrap();
    // Every prefix of whole lines, and the file with one byte of each line broken.
    let ends: Vec<usize> = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    for (turn, &end) in ends.iter().enumerate() {
        let mut broken = text.clone();
        broken[end.saturating_sub(3)] = [b'"', b'[', 0, 0xff, b'=', b'\\', b'{', b'\n'][turn % 8];
        for bytes in [&text[..end - end.min(turn % 7)], &broken] {
            let path = directory.0.join("weir.toml");
            fs::write(&path, bytes).unwrap();
            if let Err(errors) = config::load(&path) {
                assert!(!errors.0.is_empty() && errors.render(false).to_lowercase().contains("error"));
            }
        }
    }
}

fn guide(directory: &Directory) -> Config {
    fs::create_dir_all(directory.0.join("conf")).unwrap();
    fs::create_dir_all(directory.0.join("certs")).unwrap();
    directory.certificate("certs/wrk", &["esb.wso2.com"]);
    directory.certificate("certs/mgt", &["mgt.esb.wso2.com"]);
    let text = fs::read_to_string(root().join("conf/weir.toml")).unwrap().replace("/var/log/weir", "..");
    let path = directory.write("conf/weir.toml", &text);
    let said = config::load(&path).expect_err("the example pin is no node's").to_string();
    assert!(
        said.contains("weir.toml:") && said.contains("weir cert pin HOST:PORT") && said.lines().count() == 1,
        "{said}"
    );
    let text = text.replace(&"0".repeat(64), &"ab".repeat(32));
    let path = directory.write("conf/weir.toml", &text);
    config::load(&path).map_err(|errors| errors.to_string()).unwrap()
}

/// A file in which this key of this table is written, and little else.
fn with_key(table: &str, key: &str, value: &str, is_table: bool) -> String {
    let line = format!("{key} = {value}");
    let nodes = "[[node]]\nname = \"n\"\naddress = \"10.0.0.3\"\n";
    match table {
        "" if is_table => line,
        "" => format!("{line}\n{nodes}"),
        "acme" | "listener" | "node" | "pool" | "site" => format!("[[{table}]]\n{line}\n"),
        "listener.tls" => format!("[[listener]]\n[listener.tls]\n{line}\n"),
        "pool.nodes" => format!("{nodes}[[pool]]\nnodes = [{{ {line} }}]\n"),
        "pool.tls" | "shared.tls" if key != "verify" => {
            let above = if table == "pool.tls" { "[[pool]]\n" } else { "" };
            let verify = if key == "pins" { "pin" } else { "full" };
            format!("{above}[{table}]\nverify = \"{verify}\"\n{line}\n")
        }
        "site.route" => format!("[[site]]\n[[site.route]]\n{line}\n"),
        "site.route.headers" => format!("[[site]]\n[[site.route]]\nheaders = [{{ {line} }}]\n"),
        _ if table.starts_with("site.route.") => format!("[[site]]\n[[site.route]]\n[{table}]\n{line}\n"),
        "pool.health.probes" => format!("[[pool]]\n[pool.health]\nprobes = [{{ {line} }}]\n"),
        "admin"
        | "admin.tls"
        | "cluster"
        | "cluster.database"
        | "dns"
        | "metrics"
        | "shared"
        | "shared.tls"
        | "shared.tls.certificate"
        | "tracing" => {
            format!("[{table}]\n{line}\n")
        }
        "acme.eab" => format!("[[acme]]\n[acme.eab]\n{line}\n"),
        "cluster.members" => format!("[cluster]\nmembers = [{{ {line} }}]\n"),
        "admin.certificate" | "admin.token" => format!("[[{table}]]\n{line}\n"),
        _ if table.starts_with("pool.") => format!("[[pool]]\n[{table}]\n{line}\n"),
        _ if table.starts_with("site.") => format!("[[site]]\n[{table}]\n{line}\n"),
        _ => panic!("write an example for {table}"),
    }
}

/// A directory of its own for one test, gone afterwards.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        // Tests run at the same time, and some share a function that makes one.
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("weir-configuration-{}-{number}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.0.join(name), text).unwrap();
        self.0.join(name)
    }

    fn load(&self, text: &str) -> Result<Config, config::Errors> {
        config::load(&self.write("weir.toml", text))
    }

    fn certificate(&self, name: &str, hosts: &[&str]) {
        let hosts = hosts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let made = rcgen::generate_simple_self_signed(hosts).unwrap();
        self.write(&format!("{name}.crt"), &made.cert.pem());
        let key = self.write(&format!("{name}.key"), &made.signing_key.serialize_pem());
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_in(directory: &Path) -> Vec<PathBuf> {
    let paths = directory.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect();
    paths.sort();
    paths
}

const EVERY_KEY: &str = r#"
include = ["sites/*.toml"]
state-dir = "state"
threads = 3
stop-timeout = "0s"
access-log = "journal"
error-log = "off"
log-format = "json"

[admin]
bind = "127.0.0.1:9181"

[[listener]]
name = "https"
bind = "127.0.0.1:8443"
http2 = false
handshake-timeout = "9s"
head-timeout = "14s"
idle-timeout = "74s"
body-timeout = "59s"
write-timeout = "59s"
max-head = "32KiB"
max-fields = 50
max-requests = 500
http2-idle-timeout = "2m"
trusted-proxies = ["10.0.0.0/24", "10.1.0.7"]
[listener.tls]
min-version = "1.3"

[[listener]]
name = "http"
bind = "[::1]:8080"

[[node]]
name = "worker1"
address = "10.0.0.3"

[[node]]
name = "worker2"
address = "10.0.0.3"
port-offset = 1

[[pool]]
name = "esb"
nodes = ["worker1", { node = "worker2", weight = 2 }]
port = 8243
balance = "round-robin"
sticky = { mode = "learn", cookie = "SID", idle = "20m", max-sessions = 1_000 }
timeouts = { connect = "1s", read = "1m", send = "1m", tunnel = "2h" }
idle-timeout = "4s"
reuse = false
buffer-request = "1MiB"
tries = 5
eject = { failures = 0 }
[pool.tls]
verify = "pin"
pins = [
  "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  "sha256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
]
server-name = "localhost"
[pool.health]
interval = "1s"
timeout = "500ms"
rise = 1
fall = 1
[[pool.health.probes]]
kind = "tcp"
[[pool.health.probes]]
kind = "https"
port = 9443
path = "/x"
host = "esb.wso2.com:9443"
status = "200,301-303"
contains = "WSO2"
"#;

const SITE: &str = r#"
[[site]]
name = "esb"
listener = ["https", "http"]
hosts = ["ESB.wso2.com", "*.esb.wso2.com"]
default = true
certificate = { chain = "../site.crt", key = "../site.key" }
pool = "esb"
max-body = "100MiB"
via = true
upgrades = ["websocket", "h2c"]
access-log = "access.log"
log-format = "combined"
"#;

const DOUBTFUL: &str = r#"include = ["sites/*.toml"]
[[listener]]
name = "http"
bind = "127.0.0.1:8080"
http2 = true
[[listener]]
name = "idle"
bind = "127.0.0.1:8081"
[[node]]
name = "worker1"
address = "10.0.0.3"
[[node]]
name = "worker2"
address = "10.0.0.3"
[[node]]
name = "worker3"
address = "10.0.0.5"
[[pool]]
name = "web"
nodes = ["worker1", "worker2"]
port = 8244
health = { probes = [{ kind = "http" }] }
tls = { verify = "none" }
[[pool]]
name = "unused"
nodes = ["worker1"]
port = 8280
health = { probes = [{ kind = "tls" }] }
[[site]]
name = "all"
listener = "http"
default = true
pool = "web"
"#;
