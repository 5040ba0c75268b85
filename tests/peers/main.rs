//! Weir before real servers: the sessions of a real Tomcat, its paths, its redirects, its certificate.
//!
//! Where Tomcat is not installed every test says SKIPPED and why, and tests nothing.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod browser;
mod cluster;
mod crowd;
mod forwarder;
mod harness;
mod recipe;
mod scene;
mod stage;
mod tomcat;

use std::collections::HashSet;
use std::io::Write;
use std::process::Command;

use browser::{Browser, Page};
use harness::eventually;
use scene::scene;

#[test]
fn sessions_stay_on_their_worker_and_survive_a_reload() {
    let Some(mut scene) = scene("sessions of a real Tomcat", ["left", "right"]) else { return };
    let mut users: Vec<Browser> =
        (0..20).map(|user| if user % 2 == 0 { scene.plain() } else { scene.secure() }).collect();
    for (user, browser) in users.iter_mut().enumerate() {
        browser.get(&format!("{SESSIONS}?dataname=mine&datavalue=value-{user}-"));
    }
    let ids: Vec<String> = users.iter().map(|browser| browser.cookie("JSESSIONID").unwrap().to_owned()).collect();
    assert_eq!(workers(&ids), HashSet::from(["left", "right"]), "both workers have sessions: {ids:?}");
    for round in 0..10 {
        if round == 5 {
            scene.reload_with(
                "[[site]]\nname = \"more\"\nlistener = \"http\"\nhosts = [\"more.example\"]\npool = \"esb-http\"\n",
            );
        }
        // In another order each time: taking turns alone must not keep anybody where they were.
        let mut order: Vec<usize> = (0..users.len()).collect();
        order.rotate_left(3 * round % 20);
        for user in order {
            let browser = &mut users[user];
            if (user + round) % 3 == 0 {
                browser.hang_up();
            }
            let page = browser.get(SESSIONS);
            assert_eq!(session(&page), ids[user], "user {user}, round {round}");
            assert!(page.body.contains(&format!("mine = value-{user}-")), "user {user}, round {round}:\n{}", page.body);
        }
    }
    assert_eq!(scene.stop(), Some(0));
}

#[test]
fn curl_keeps_its_session_with_a_cookie_jar() {
    let Some(scene) = scene("curl's sessions on a real Tomcat", ["left", "right"]) else { return };
    let (http, https) = (format!("http://{}{SESSIONS}", scene.http), scene.https.port());
    let plain = ["-H", "Host: esb.wso2.com", &http];
    let (resolve, authority) = (format!("esb.wso2.com:{https}:127.0.0.1"), scene.path("site.crt"));
    let secure = ["--cacert", &authority, "--resolve", &resolve, &format!("https://esb.wso2.com:{https}{SESSIONS}")];
    for (name, words) in [("plain", &plain[..]), ("secure", &secure[..])] {
        let jar = scene.path(&format!("{name}.jar"));
        let seen: HashSet<String> = (0..8).map(|_| curl(&jar, words)).collect();
        assert_eq!(seen.len(), 1, "{name}: eight requests with one jar had these sessions: {seen:?}");
    }
}

#[test]
fn a_session_moves_when_its_worker_is_killed_and_stays_where_it_moved() {
    let Some(mut scene) = scene("a real Tomcat that is killed", ["worker1", "worker2"]) else { return };
    let mut user = scene.secure();
    let first = user.get(SESSIONS);
    let id = session(&first);
    let home = id.rsplit_once('.').unwrap().1.to_owned();
    let refuge = if home == "worker1" { "worker2" } else { "worker1" };

    scene.kill(&home);
    // Tomcat gives a new session for one that it does not know; asking with the old cookie shows where that is bound.
    for attempt in 0..10 {
        let page = ask_as(&mut scene.secure(), &id);
        assert_eq!((page.status, worker(&page)), (200, refuge.to_owned()), "attempt {attempt}");
    }
    eventually("the killed worker is passive", || scene.state("esb-https", &home) == "passive");
    scene.start(&home);
    eventually("the started worker is active", || scene.state("esb-https", &home) == "active");
    for attempt in 0..10 {
        let page = ask_as(&mut scene.secure(), &id);
        assert_eq!((page.status, worker(&page)), (200, refuge.to_owned()), "with {home} back, attempt {attempt}");
    }
    eventually("new clients go to the started worker too", || worker(&scene.secure().get(SESSIONS)) == home);
}

#[test]
fn a_session_in_the_path_stays_on_its_worker() {
    let Some(scene) = scene("jsessionid in the path of a real Tomcat", ["left", "right"]) else { return };
    for user in 0..6 {
        let page = scene.plain().get(&format!("{SESSIONS}?dataname=mine&datavalue=path-{user}-"));
        let form = page.between("<form action=\"SessionExample;jsessionid=", "\"").unwrap();
        let path = format!("{SESSIONS};jsessionid={form}");
        for request in 0..5 {
            // A browser without cookies, each time a new one.
            let page = scene.plain().get(&path);
            assert!(
                page.body.contains(&format!("mine = path-{user}-")),
                "user {user}, request {request}:\n{}",
                page.body
            );
        }
    }
}

#[test]
fn a_session_that_weir_never_saw_is_found_by_its_route() {
    let Some(scene) = scene("jvmRoute of a real Tomcat", ["worker1", "worker2"]) else { return };
    for (name, address) in [("worker1", "127.0.0.1"), ("worker2", "127.0.0.2")] {
        let direct = format!("{address}:{}", scene.ports.plain).parse().unwrap();
        let id = session(&Browser::plain("esb.wso2.com", direct).get(SESSIONS));
        assert!(id.ends_with(name), "{id}");
        for request in 0..5 {
            assert_eq!(session(&ask_as(&mut scene.plain(), &id)), id, "request {request} with a session of {name}");
        }
    }
}

#[test]
fn the_consoles_redirect_names_the_public_address() {
    let Some(scene) = scene("absolute redirects of a real Tomcat", ["left", "right"]) else { return };
    let public = format!("mgt.esb.wso2.com:{}", scene.https.port());
    for host in [public.as_str(), "mgt.esb.wso2.com"] {
        let page = scene.console(host).get("/carbon");
        assert_eq!(page.status, 302, "{host}");
        assert_eq!(page.field("Location"), Some(format!("https://{host}/carbon/").as_str()), "{host}");
    }
    // A redirect that names its Host rightly passes as it is.
    let page = scene.secure().get("/carbon");
    assert_eq!(page.field("Location"), Some(format!("https://esb.wso2.com:{}/carbon/", scene.https.port()).as_str()));
}

/// Asks with this session's cookie.
fn ask_as(browser: &mut Browser, id: &str) -> Page {
    browser.carry("JSESSIONID", id, "/examples");
    browser.get(SESSIONS)
}

/// With the route in its id a session needs no memory of Weir's.
#[test]
fn the_recipe_for_tomcat_keeps_sessions_on_the_tomcat_that_their_id_names() {
    if let Some(why) = tomcat::missing() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: not tested: the recipe for Tomcat: {why}");
        return;
    }
    let mut recipe = recipe::Recipe::start();
    eventually("both Tomcats are active", || recipe.is_well());
    let mut users: Vec<Browser> = (0..6).map(|_| recipe.browser()).collect();
    let ids: Vec<String> = users.iter_mut().map(|user| session(&user.get(SESSIONS))).collect();
    assert_eq!(workers(&ids), HashSet::from(["tomcat1", "tomcat2"]), "both have sessions: {ids:?}");
    for round in 0..3 {
        if round == 1 {
            recipe.forget();
            eventually("both Tomcats are active again", || recipe.is_well());
        }
        for (user, id) in users.iter_mut().zip(&ids).rev() {
            user.hang_up();
            assert_eq!(session(&user.get(SESSIONS)), *id, "round {round}");
        }
    }
    recipe.tomcats[0].kill();
    let (user, id) = users.iter_mut().zip(&ids).find(|(_, id)| id.ends_with(".tomcat1")).unwrap();
    user.hang_up();
    let page = user.get(SESSIONS);
    assert_eq!(page.status, 200, "{id}: another Tomcat takes over");
}

fn session(page: &Page) -> String {
    let id = page.between("Session ID: ", "\n");
    id.unwrap_or_else(|| panic!("no session on this page ({}):\n{}", page.status, page.body)).to_owned()
}

/// The route at the end of the page's session.
fn worker(page: &Page) -> String {
    session(page).rsplit_once('.').unwrap().1.to_owned()
}

fn workers(ids: &[String]) -> HashSet<&str> {
    ids.iter().map(|id| id.rsplit_once('.').unwrap().1).collect()
}

fn curl(jar: &str, words: &[&str]) -> String {
    let output =
        Command::new("curl").args(["-sS", "--noproxy", "*", "-b", jar, "-c", jar]).args(words).output().unwrap();
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    let id = page.split_once("Session ID: ").and_then(|(_, rest)| rest.split_once('\n'));
    id.unwrap_or_else(|| panic!("{page}{}", String::from_utf8_lossy(&output.stderr))).0.to_owned()
}

const SESSIONS: &str = "/examples/servlets/servlet/SessionExample";
