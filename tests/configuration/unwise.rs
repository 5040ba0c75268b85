//! What is allowed and unwise is warned of, with what to write instead; what is wise is not.

use super::{Around, Directory, MINIMAL, guide};

#[test]
fn what_is_unwise_is_warned_of_with_what_would_be_better() {
    let port = |line: &str| MINIMAL.replace("port = 80\n", &format!("{line}\n"));
    let pool = |line: &str| MINIMAL.replace("port = 80\n", &format!("port = 80\n{line}\n"));
    let tls =
        |line: &str| pool(&format!("tls = {{ verify = \"pin\", pins = [\"sha256:{}\"] }}\n{line}", "ab".repeat(32)));
    let route = |line: &str| format!("{MINIMAL}[[site.route]]\n{line}\n");
    let change = "[[site.route]]\nprefix = \"/esb/\"\nupstream-path = \"/\"";
    let around = |denied: &str| format!("{denied}\ndeny = true\n{change}");
    let denied_twice =
        format!("prefix = \"/carbon\"\ndeny = true\n[[site.route]]\nprefix = \"/esb/carbon\"\ndeny = true\n{change}");
    warned(&[
        (&port, "port = 8280\nbuffer-request = \"0\"\ntimeouts = { read = \"181s\" }", "read is above the 180 s"),
        (&port, "port = 8280\nbuffer-request = \"0\"\ntimeouts = { read = \"3m\" }", ""),
        (&port, "port = 8280\nbuffer-request = \"0\"", ""),
        (&pool, "timeouts = { read = \"10m\" }", ""),
        (&pool, "health = { probes = [{ kind = \"http\", path = \"/\", status = \"200\" }] }", "this probe asks for /"),
        (&pool, "health = { probes = [{ kind = \"http\", status = \"200\" }] }", "this probe asks for /"),
        (&pool, "health = { probes = [{ kind = \"http\" }] }", "passes for any answer from 200 to 399"),
        (&pool, "health = { probes = [{ kind = \"http\", path = \"/\", contains = \"shop\" }] }", ""),
        (&pool, "health = { probes = [{ kind = \"http\", path = \"/up\" }] }", ""),
        (&tls, "health = { probes = [{ kind = \"tcp\" }] }", "a tcp probe on a port that speaks TLS passes"),
        (&tls, "health = { probes = [{ kind = \"tcp\" }, { kind = \"tls\" }] }", ""),
        (&tls, "health = { probes = [{ kind = \"tcp\", port = 81 }] }", ""),
        (&pool, "health = { probes = [{ kind = \"tcp\" }] }", ""),
        (&pool, "sticky = { idle = \"10m\" }", "idle is shorter than the session timeout of Tomcat"),
        (&pool, "sticky = { mode = \"source\", idle = \"29m\" }", "which is 30 minutes"),
        (&pool, "sticky = { mode = \"cookie\", idle = \"10m\" }", ""),
        (&port, "port = 9443\nsticky = { idle = \"14m\" }", "management console, which is 15 minutes"),
        (&port, "port = 9443\nsticky = { idle = \"15m\" }", ""),
        (&pool, "health = { probes = [{ kind = \"http\", path = \"/$uri\" }] }", "$uri stays as it is written"),
        (&route, "target = '/a$b'\ndeny = true", ""),
        (
            &route,
            &around("prefix = \"/carbon\""),
            "route \"/esb/\" leads to /carbon of the nodes, which route \"/carbon\" denies",
        ),
        (&route, &around("target = '^/+carbon'"), "leads to /carbon/admin/login.jsp of the nodes"),
        (&route, &around("prefix = \"/esb/carbon\"").replace("/carbon", "/x"), ""),
        (&route, &denied_twice, ""),
    ]);
}

#[test]
fn members_that_cannot_be_told_apart_are_warned_of() {
    let twins = |cluster: &str| {
        let nodes = MINIMAL.replace("[\"n\"]", "[\"n\", \"m\"]");
        let other = "[[node]]\nname = \"m\"\naddress = \"10.0.0.3\"\nport-offset = 1\n";
        format!("[cluster]\n{cluster}\n{nodes}{other}")
    };
    let from = "members-from = [\"http://10.0.0.3:4200\"]";
    let ports = "members = [{ node = \"n\", port = 4200 }, { node = \"m\", port = 4300 }]";
    warned(&[
        (&twins, "domain = \"d\"", ""),
        (&twins, from, "n and m have one address, so members there cannot be told apart"),
        (&twins, &format!("{from}\n{ports}"), ""),
    ]);
}

#[test]
fn a_management_console_for_everybody_is_warned_of() {
    let site = |text: &str| {
        let carbon =
            MINIMAL.replace("port = 80\n", "port = 9443\n[[pool]]\nname = \"other\"\nnodes = [\"n\"]\nport = 80\n");
        format!("{}{text}\n", carbon.replace("127.0.0.1:8080", "0.0.0.0:8080"))
    };
    let used = "[[site.route]]\npath = \"/other\"\npool = \"other\"";
    let other = |text: &str| site(&format!("{text}\n{used}"));
    let local = |text: &str| other(text).replace("0.0.0.0:8080", "127.0.0.1:8080");
    let console = "site \"s\" leads to the management console";
    warned(&[
        (&other, "", console),
        (&other, "allow-from = [\"10.0.0.0/8\"]", ""),
        (&other, "deny-from = [\"10.0.0.0/8\"]", console),
        (&local, "", ""),
        (&other, "[[site.route]]\nprefix = \"/carbon\"\ndeny = true", ""),
        (&other, "[[site.route]]\nprefix = \"/carbon\"\nallow-from = [\"10.0.0.0/8\"]", ""),
        (&other, "[[site.route]]\ntarget = '^/carbon'\nredirect = { to = \"https://mgt.test/\" }", ""),
        (&other, "[[site.route]]\nprefix = \"/services\"\ndeny = true", console),
        (&site, "[[site.route]]\nprefix = \"/carbon\"\npool = \"other\"", ""),
    ]);
}

/// The file of the guide is warned of where the guide itself is unwise, and the file says so; nowhere else.
#[test]
fn the_file_of_the_guide_has_no_warnings_but_those_that_it_tells_of() {
    let config = guide(&Directory::new("guide-unwise"));
    let whats: Vec<&str> = config.warnings.iter().map(|warning| &*warning.what).collect();
    let known =
        ["matches no file", "verify = \"none\"", "leads to the management console", "is self-signed", "more than 398"];
    let unknown: Vec<_> = whats.iter().filter(|what| !known.iter().any(|known| what.contains(known))).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// Each of these lines is warned of with the given text, or not at all where it is empty; each warning has advice.
fn warned(rows: &[(Around<'_>, &str, &str)]) {
    let directory = Directory::new("unwise");
    for (around, line, said) in rows {
        let config = directory.load(&around(line)).map_err(|errors| errors.to_string()).unwrap();
        let whats: Vec<&str> = config.warnings.iter().map(|warning| &*warning.what).collect();
        assert_eq!(whats.len(), usize::from(!said.is_empty()), "{line}: {whats:?}");
        assert!(whats.iter().all(|what| what.contains(said)), "{line}: {whats:?}");
        assert!(config.warnings.iter().all(|warning| !warning.advice.is_empty() && warning.at.line > 0), "{line}");
    }
}
