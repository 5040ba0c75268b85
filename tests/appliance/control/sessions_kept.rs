//! Sessions, cookies and operators' orders outlive a restart of Weir. Whatever lies where they were kept, Weir starts and
//! serves.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::harness::{Answer, Appliance, eventually, weir};
use crate::session_world::{LEARN, World, two_pools};

const KEPT: usize = 12;

/// Sessions on every node, and where each of them lives.
fn with_sessions() -> (World, Vec<(String, String)>) {
    let world = World::of(3, |plan| plan.state_dir("$dir/state").pool(LEARN));
    let homes: Vec<_> =
        (0..KEPT).map(|number| format!("KEPT{number}")).map(|id| (id.clone(), world.login(&id))).collect();
    let used: std::collections::BTreeSet<_> = homes.iter().map(|home| &home.1).collect();
    assert_eq!(used.len(), 3, "logins are spread");
    (world, homes)
}

fn all_stay(world: &World, homes: &[(String, String)]) {
    homes.iter().for_each(|(id, node)| assert_eq!(world.of_session(id), *node, "{id}"));
}

/// After a stop, something happens to the state directory, and Weir starts again.
#[track_caller]
fn restarted_after(change: impl FnOnce(&Path)) -> (World, Vec<(String, String)>) {
    let (mut world, homes) = with_sessions();
    assert_eq!(world.weir.stop(), Some(0));
    change(&world.weir.path("state"));
    world.weir.start_again();
    (world, homes)
}

/// How many of the sessions were served by their own nodes. Chance alone finds a third.
fn at_home(world: &World, homes: &[(String, String)]) -> usize {
    homes.iter().filter(|(id, node)| world.of_session(id) == *node).count()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("the state directory is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    files.sort();
    files
}

fn names(weir: &Appliance) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().expect("it has a name").to_string_lossy().into_owned();
    files(&weir.path("state")).into_iter().map(name).collect()
}

/// The journal says this; another thread writes it.
#[track_caller]
fn told(weir: &Appliance, what: &str) {
    eventually(&format!("the journal says {what:?}"), || weir.journal().contains(what));
}

/// The journal has this line, and the file now lies aside.
#[track_caller]
fn told_and_set_aside(weir: &Appliance, file: &str, what: &str) {
    told(weir, what);
    let journal = weir.journal();
    let line = journal.lines().find(|line| line.contains(what)).unwrap_or_default();
    let aside = names(weir).into_iter().find(|name| name.starts_with(&format!("{file}.damaged-")));
    let aside = aside.unwrap_or_else(|| panic!("nothing of {file} lies aside: {:?}", names(weir)));
    assert!(line.contains(&aside), "{line} does not say {aside}");
}

#[test]
fn sessions_stay_over_a_stop_and_a_start() {
    let (mut world, homes) = with_sessions();
    assert_eq!(world.weir.stop(), Some(0));
    world.weir.start_again();
    assert!((world.known() - KEPT as f64).abs() < 0.1, "{}", world.known());
    told(&world.weir, "12 sessions are known from before");
    all_stay(&world, &homes);
    world.weir.stop();
    world.weir.start_again();
    all_stay(&world, &homes);
}

#[test]
fn what_was_written_before_a_crash_stays() {
    let (mut world, homes) = restarted_after(|_| ());
    world.login("AFTER");
    world.weir.kill();
    world.weir.start_again();
    all_stay(&world, &homes);
    let unfinished = |names: Vec<String>| names.into_iter().filter(|name| name.starts_with('.')).count();
    assert_eq!(unfinished(names(&world.weir)), 0);
}

/// Whether as many sessions are in the file as the pool `app` of two nodes knows: what is around them takes 77 bytes.
fn all_are_written(world: &World) -> bool {
    let file = fs::metadata(world.weir.path("sessions"));
    file.is_ok_and(|file| file.len() as f64 >= world.known() * 24.0 + 76.0)
}

#[test]
fn a_session_that_was_opened_a_moment_before_a_crash_keeps_its_node_in_a_drain() {
    let mut world = World::of(2, |plan| plan.pool(LEARN));
    let id = world.login_on("n1", "C");
    eventually("it is written long before half a minute is over", || all_are_written(&world));
    let second = world.login_on("n1", "D");
    eventually("so is the next one", || all_are_written(&world));
    world.weir.kill();
    world.weir.start_again();
    let wait = world.weir.begin_command(&["drain", "n1", "--wait"]);
    eventually("they are waited for", || wait.out().contains("n1 is draining in app: 2 sessions, "));
    [id, second].iter().for_each(|id| world.stays(id, "n1"));
}

#[test]
fn a_drain_stores_the_sessions_that_it_waits_for() {
    let mut world = World::of(2, |plan| plan.pool(LEARN));
    let id = world.login_on("n1", "C");
    assert_eq!(world.weir.command(&["drain", "n1"]).code, Some(0));
    assert!(all_are_written(&world), "before it is answered");
    world.weir.kill();
    world.weir.start_again();
    assert_eq!(world.weir.state("app", "n1"), "passive draining");
    world.stays(&id, "n1");
}

#[test]
fn a_session_that_was_over_before_the_restart_is_over_after_it() {
    let mut world = World::of(2, |plan| plan.pool("sticky = { mode = \"learn\", idle = \"1s\" }"));
    world.login("SHORT");
    world.weir.stop();
    let file = fs::metadata(world.weir.path("sessions")).expect("it was written");
    assert!(file.len() > 90, "there is a session in it: {} bytes", file.len());
    // Its time goes on while Weir is away.
    let written = file.modified().expect("the file has a time");
    // Sessions know the second of their last use.
    eventually("its idle time is over", || written.elapsed().is_ok_and(|age| age.as_millis() > 3_600));
    world.weir.start_again();
    assert!(world.known() < 0.5);
    told(&world.weir, "0 sessions are known from before; too old: 1");
}

#[test]
fn own_cookies_stay_valid_over_a_restart() {
    let mut world = World::of(3, |plan| plan.pool("sticky = { mode = \"cookie\" }"));
    let cookie = |answer: &Answer| {
        let set = answer.field("set-cookie").expect("Weir sets its cookie");
        set.split(';').next().expect("split gives one at least").to_owned()
    };
    let first = world.weir.get("/");
    let (node, cookie) = (first.text(), cookie(&first));
    world.weir.kill();
    world.weir.start_again();
    for _ in 0..6 {
        let answer = world.with_cookie(&cookie);
        assert_eq!((answer.text(), answer.field("set-cookie")), (node.clone(), None));
    }
}

#[test]
fn files_are_for_weir_alone_and_no_id_is_in_them() {
    let mut world = World::of(2, |plan| plan.state_dir("$dir/state").pool(LEARN));
    let id = "0A1B2C3D4E5F60718293A4B5C6D7E8F9";
    world.of_session(id);
    world.weir.get(&format!("/shop;jsessionid={id}?a=b"));
    assert!((world.known() - 1.0).abs() < 0.1);
    world.weir.command(&["drain", "n2"]);
    world.weir.stop();
    let dir = world.weir.path("state");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(names(&world.weir), ["audit.log", "operators.json", "secret", "sessions"]);
    for path in files(&dir) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let bytes = fs::read(&path).expect("ours");
        for part in [id.as_bytes(), &id.to_ascii_lowercase().into_bytes(), &[0x0A, 0x1B, 0x2C, 0x3D, 0x4E]] {
            assert!(!bytes.windows(part.len()).any(|here| here == part), "{}", path.display());
        }
    }
    told(&world.weir, "stopped: every request was answered");
    assert!(!world.weir.journal().contains(id), "{}", world.weir.journal());
}

#[test]
fn damaged_sessions_are_set_aside_and_learned_anew() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(Damage, &str); 5] = [
        (|bytes| bytes.truncate(bytes.len() / 2), "checksum"),
        (|bytes| bytes[40] ^= 1, "checksum"),
        (Vec::clear, "begin"),
        (|bytes| *bytes = b"not what was written".to_vec(), "begin"),
        (|bytes| bytes[8..12].copy_from_slice(&3_u32.to_le_bytes()), "version"),
    ];
    for (damage, what) in damages {
        let (world, _) = restarted_after(|dir| {
            let mut bytes = fs::read(dir.join("sessions")).expect("it was written");
            damage(&mut bytes);
            fs::write(dir.join("sessions"), bytes).expect("ours");
        });
        told_and_set_aside(&world.weir, "sessions", what);
        assert!(world.known() < 0.5);
        let node = world.of_session("KEPT0");
        world.stays("KEPT0", &node);
    }
}

#[test]
fn a_drain_whose_session_table_was_lost_warns_that_clients_will_be_moved() {
    let (mut world, _) = restarted_after(|dir| fs::write(dir.join("sessions"), "damaged").expect("ours"));
    let warning =
        "Weir was started without the sessions of before: those on n1 that were not used since get other nodes";
    let said = world.weir.command(&["drain", "n1"]);
    assert!(said.code == Some(0) && said.err.contains(warning), "{said:?}");
    assert!(!world.weir.command(&["maintain", "n1"]).err.contains(warning), "that moves all");
    world.weir.command(&["activate", "n1"]);
    world.weir.stop();
    world.weir.start_again();
    let said = world.weir.command(&["drain", "n1"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
}

#[test]
fn sessions_of_another_secret_are_learned_anew() {
    let (world, _) = restarted_after(|dir| fs::write(dir.join("secret"), [7; 32]).expect("ours"));
    told(&world.weir, "kept sessions cannot be used: written under another secret");
    assert!(world.known() < 0.5);
    let node = world.of_session("KEPT0");
    world.stays("KEPT0", &node);
}

#[test]
fn a_damaged_secret_is_set_aside() {
    let (world, _) = restarted_after(|dir| fs::write(dir.join("secret"), [7; 31]).expect("ours"));
    told_and_set_aside(&world.weir, "secret", "secret is damaged");
    assert_eq!(world.weir.get("/").status, 200);
}

#[test]
fn damaged_orders_of_operators_are_set_aside() {
    for (text, what) in [
        ("{", "damaged"),
        ("", "damaged"),
        ("\u{0}\u{1}", "damaged"),
        ("{\"version\": 0, \"nodes\": {}}", "version 0"),
        ("{\"version\": 1, \"nodes\": {\"n1\": {\"order\": \"dance\", \"since\": 1}}}", "damaged"),
    ] {
        let (world, homes) = restarted_after(|dir| fs::write(dir.join("operators.json"), text).expect("ours"));
        told_and_set_aside(&world.weir, "operators.json", what);
        assert_eq!(world.weir.state("app", "n1"), "active", "{text:?}");
        all_stay(&world, &homes);
    }
}

#[test]
fn weir_starts_whatever_lies_in_place_of_its_state_files() {
    let (world, _) = restarted_after(|dir| {
        for name in ["sessions", "secret"] {
            let _ = fs::remove_file(dir.join(name));
        }
        let pipe = std::process::Command::new("mkfifo").arg(dir.join("sessions")).status().expect("mkfifo");
        assert!(pipe.success());
        symlink("/dev/null", dir.join("secret")).expect("ours");
    });
    assert_eq!(world.weir.get("/").status, 200);
    ["state/sessions", "secret"].iter().for_each(|file| told(&world.weir, file));
}

#[test]
fn a_node_in_maintenance_does_not_serve_when_its_order_cannot_be_read() {
    let (mut world, _) = restarted_after(|_| ());
    assert_eq!(world.weir.command(&["maintain", "n1"]).code, Some(0));
    world.weir.stop();
    let (file, aside) = (world.weir.path("state/operators.json"), world.weir.path("state/elsewhere"));
    fs::rename(&file, &aside).expect("ours");
    fs::create_dir(&file).expect("ours");
    let config = world.weir.path("weir.toml").display().to_string();
    let started = weir(&["run", "--config", &config]).expect("the binary runs");
    let said = String::from_utf8_lossy(&started.stderr).into_owned();
    assert!(started.status.code().is_some_and(|code| code != 0 && code != 78), "it may pass: {:?}", started.status);
    for part in ["operators.json", "a directory", "state-dir", "a node in maintenance must not serve", "move it away"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(file.is_dir(), "it lies where it lay");
    fs::remove_dir(&file).expect("ours");
    fs::rename(&aside, &file).expect("ours");
    world.weir.start_again();
    assert_eq!(world.weir.state("app", "n1"), "passive maintenance");
}

#[test]
fn a_node_in_maintenance_does_not_serve_when_a_later_version_wrote_its_order() {
    let (mut world, _) = restarted_after(|_| ());
    world.weir.stop();
    let (file, later) = (world.weir.path("state/operators.json"), r#"{"version": 2, "nodes": ["n1 sleeps"]}"#);
    fs::write(&file, later).expect("ours");
    let config = world.weir.path("weir.toml").display().to_string();
    for command in ["check", "run"] {
        let ended = weir(&[command, "--config", &config]).expect("the binary runs");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{command}: {said}");
        for part in ["operators.json", "state-dir", "version 2", "reads version 1", "start the Weir that wrote it"] {
            assert!(said.contains(part), "{command}: {said}");
        }
    }
    let json = weir(&["check", "--json", "--config", &config]).expect("the binary runs");
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("it is JSON");
    assert_eq!((&json["ok"], &json["summary"]), (&false.into(), &serde_json::Value::Null), "{json}");
    assert_eq!(fs::read_to_string(&file).expect("it lies where it lay"), later);
    fs::remove_file(&file).expect("ours");
    world.weir.start_again();
}

#[test]
fn an_order_that_could_not_be_written_is_written_later() {
    let mut world = World::of(2, |plan| plan.state_dir("$dir/state").pool(LEARN));
    let file = world.weir.path("state/operators.json");
    // Nothing takes the place of a directory, not even for root.
    fs::create_dir(&file).expect("ours");
    let said = world.weir.command(&["maintain", "n1"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("tried again") && said.err.contains("state-dir"), "{said:?}");
    told(&world.weir, "operators.json: ");
    let began = std::time::Instant::now();
    eventually("it was tried again, and again", || began.elapsed().as_millis() > 2_300);
    fs::remove_dir(&file).expect("ours");
    eventually("it is written", || world.weir.read("state/operators.json").contains("maintain"));
    told(&world.weir, "operators.json is written again");
    let journal = world.weir.journal();
    let lines = journal.lines().filter(|line| line.contains("operators.json")).count();
    assert_eq!(lines, 2, "one when it began and one at its end: {journal}");
    world.weir.kill();
    world.weir.start_again();
    assert_eq!(world.weir.state("app", "n1"), "passive maintenance");
}

#[test]
fn sessions_come_back_with_a_secret_that_could_not_be_read_for_a_while() {
    let (mut world, homes) = with_sessions();
    world.weir.stop();
    let (secret, aside) = (world.weir.path("state/secret"), world.weir.path("state/elsewhere"));
    fs::rename(&secret, &aside).expect("ours");
    fs::create_dir(&secret).expect("ours");
    world.weir.start_again();
    told(&world.weir, "the secret of sessions cannot be read");
    world.login("MEANWHILE");
    world.weir.stop();
    fs::remove_dir(&secret).expect("ours");
    fs::rename(&aside, &secret).expect("ours");
    world.weir.start_again();
    all_stay(&world, &homes);
}

#[test]
fn without_a_state_directory_it_serves_and_says_what_it_cannot_do() {
    // Neither can be written in, not even by root.
    for place in ["/proc/self/weir", "$dir/weir.toml/state"] {
        let mut world = World::of(2, |plan| plan.state_dir(place).pool(LEARN));
        told(&world.weir, "nothing is kept over a restart");
        let node = world.login("HERE");
        world.stays("HERE", &node);
        let said = world.weir.command(&["maintain", "n1"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.err.contains("forgotten at the next restart"), "{said:?}");
        assert_eq!(world.weir.state("app", "n1"), "passive maintenance");
        assert_eq!(world.weir.stop(), Some(0));
    }
}

#[test]
fn a_state_directory_that_is_missing_is_made() {
    let world = World::of(1, |plan| plan.state_dir("$dir/some/where/state"));
    assert!(world.weir.path("some/where/state/secret").exists());
    assert!(!world.weir.journal().contains("state-dir"), "{}", world.weir.journal());
}

#[test]
fn a_file_in_place_of_the_state_directory_is_a_mistake_in_the_configuration() {
    let world = World::of(1, |plan| plan.state_dir("$dir/state"));
    fs::write(world.weir.path("file"), "").expect("ours");
    world.weir.edit(|text| text.replacen("/state\"", "/file\"", 1));
    let said = world.weir.command(&["check", "--config", &world.weir.path("weir.toml").display().to_string()]);
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!((said.out + &said.err).contains("/file is not a directory"));
}

#[test]
fn a_reload_that_renames_nothing_keeps_every_session() {
    let (mut world, homes) = with_sessions();
    world.weir.reload();
    all_stay(&world, &homes);
    // Others in the file, in another order, with other settings; the names are the same.
    world.weir.edit(|text| {
        text.replace("[{ node = \"n1\" }, ", "[\"n3\", { node = \"n1\", weight = 5 }, ")
            .replace(", { node = \"n3\" }]", "]")
    });
    world.weir.edit(|text| text.replace(LEARN, "sticky = { mode = \"learn\", idle = \"1h\", max-sessions = 5000 }"));
    let told = world.weir.reload();
    assert!(!told.contains("refused"), "{told}");
    all_stay(&world, &homes);
    world.weir.stop();
    world.weir.start_again();
    all_stay(&world, &homes);
}

#[test]
fn sessions_of_a_node_that_left_the_pool_move_once() {
    let (mut world, homes) = with_sessions();
    world.weir.edit(|text| text.replace("{ node = \"n2\" }, ", ""));
    world.weir.reload();
    let moved = |world: &World| {
        let others = homes.iter().filter(|(_, node)| node != "n2");
        others.for_each(|(id, node)| assert_eq!(world.of_session(id), *node));
        let (id, _) = homes.iter().find(|(_, node)| node == "n2").expect("logins are spread");
        let node = world.of_session(id);
        assert_ne!(node, "n2");
        world.stays(id, &node);
    };
    moved(&world);
    world.weir.stop();
    world.weir.start_again();
    moved(&world);
    assert_eq!(world.node("n2").count(), homes.iter().filter(|(_, node)| node == "n2").count());
}

#[test]
fn sessions_of_a_pool_that_was_renamed_are_learned_anew() {
    let (mut world, homes) = with_sessions();
    world.weir.stop();
    world.weir.edit(|text| text.replace("\"app\"", "\"other\""));
    world.weir.start_again();
    assert!(world.weir.metric("weir_sessions", &[("pool", "other")]) < 0.5);
    let backwards: Vec<_> = homes.into_iter().rev().collect();
    assert!(at_home(&world, &backwards) < KEPT, "nobody knows where they live");
}

#[test]
fn a_secret_that_others_could_read_is_closed_again() {
    let (world, homes) = restarted_after(|dir| {
        fs::set_permissions(dir.join("secret"), fs::Permissions::from_mode(0o644)).expect("ours");
    });
    let mode = fs::metadata(world.weir.path("state/secret")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    told(&world.weir, "could be read by others");
    all_stay(&world, &homes);
}

#[test]
fn two_pools_keep_their_sessions_apart() {
    let mut world = two_pools(LEARN);
    let other = |world: &World, id: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: other.test\r\nCookie: JSESSIONID={id}\r\n\r\n");
        world.weir.client().ask(request).text()
    };
    // The same id on different nodes in the two pools.
    let here = world.login("SAME");
    let login = || world.weir.client().ask("GET /login/SAME HTTP/1.1\r\nHost: other.test\r\n\r\n").text();
    eventually("the other pool has it on the other node", || login() != here);
    let there = other(&world, "SAME");
    for _ in 0..2 {
        for _ in 0..4 {
            assert_eq!((world.of_session("SAME"), other(&world, "SAME")), (here.clone(), there.clone()));
        }
        world.weir.stop();
        world.weir.start_again();
    }
    assert_ne!(here, there);
}
