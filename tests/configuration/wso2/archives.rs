//! Nodes in tar archives: found wherever they are in one, and no archive makes it panic, grow or wait.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::*;

/// An archive of a directory, below this path in it.
fn archive(directory: &Path, inner: &str) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    tar.append_dir_all(inner, directory).unwrap();
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// One entry; its name and link go into the header as they are.
fn entry(kind: EntryType, name: &str, link: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    [header.as_bytes().as_slice(), bytes, &vec![0; bytes.len().next_multiple_of(512) - bytes.len()]].concat()
}

/// What is found in worker1 where it is this archive.
fn found(world: &World, bytes: &[u8], inner: &str) -> Checked {
    let path = world.room.0.join("worker1.tar");
    fs::write(&path, bytes).unwrap();
    let nodes = vec![(0, if inner.is_empty() { path } else { path.join(inner) })];
    check(&Asked { config: &world.config, nodes, resolve: false, now: SystemTime::now() })
}

#[test]
fn a_node_in_an_archive_is_checked_as_in_a_directory() {
    for (tree, conf) in [("ei", "conf"), ("esb", "repository/conf")] {
        let world = World::new(tree);
        let home = world.room.0.join("worker1");
        let deep = "a-directory-with-a-long-name/".repeat(6);
        for (bytes, files) in [
            (archive(&home, "."), 7),
            (archive(&home, "wso2ei-6.1.1"), 7),
            (gzip(&archive(&home, "wso2ei-6.1.1")), 7),
            (archive(&home, &deep), 7),
            (archive(&home.join(conf), "."), 6),
            (archive(&home.join(conf), "conf"), 6),
        ] {
            let checked = found(&world, &bytes, "");
            assert_eq!((said(&checked.findings).as_str(), checked.files.len()), ("", files), "{tree}");
        }
    }
    let world = World::new("ei");
    world.edit((A, "localMemberPort\">4200", "localMemberPort\">42OO"));
    let findings = said(&found(&world, &archive(&world.room.0.join("worker1"), "wso2ei"), "").findings);
    assert!(
        findings.contains("worker1.tar/wso2ei/conf/axis2/axis2.xml:") && findings.lines().count() == 1,
        "{findings}"
    );
    let node = format!("--node=worker1={}", world.room.0.join("worker1.tar").display());
    let told = String::from_utf8(weir(&world, &[&node]).stdout).unwrap();
    assert!(told.contains("│         <parameter name=\"localMemberPort\">42OO</parameter>"), "{told}");
}

#[test]
fn of_several_nodes_in_an_archive_one_is_named() {
    let world = World::new("ei");
    let all = archive(&world.room.0, "all");
    let findings = said(&found(&world, &all, "").findings);
    for part in ["the archive has 3 nodes: ", "worker1.tar/all/manager/conf", "name one of these"] {
        assert!(findings.contains(part), "{part:?} is not in\n{findings}");
    }
    for inner in ["all/worker1", "all/worker1/conf"] {
        let checked = found(&world, &all, inner);
        assert_eq!((said(&checked.findings).as_str(), checked.files.len()), ("", 7), "{inner}");
    }
    let index = |name: &str| world.config.nodes.iter().position(|node| *node.name == *name).unwrap();
    let path = world.room.0.join("worker1.tar/all/worker1");
    let nodes = vec![(index("worker1"), path.clone()), (index("worker2"), path.join("conf"))];
    let checked = check(&Asked { config: &world.config, nodes, resolve: false, now: SystemTime::now() });
    let findings = said(&checked.findings);
    assert!(findings.contains("the files of worker2 are those of worker1 too"), "{findings}");
    assert_eq!((checked.nodes, findings.lines().count()), (1, 1), "{findings}");
    let findings = said(&found(&world, &all, "all/worker9").findings);
    assert!(findings.contains("neither carbon.xml nor axis2/axis2.xml in this archive"), "{findings}");
    // What else is called carbon.xml lies deeper, or in no conf.
    let mut home = archive(&world.room.0.join("worker1"), "ei");
    home.truncate(home.len() - 1024);
    let more = ["ei/wso2/broker/conf/carbon.xml", "ei/conf.old/carbon.xml"];
    home.extend(more.iter().flat_map(|name| entry(EntryType::Regular, name, "", b"<x/>")));
    assert_eq!(said(&found(&world, &home, "").findings), "");
}

#[test]
fn links_in_an_archive_are_followed_and_no_name_leads_out_of_it() {
    let world = World::new("ei");
    let conf = world.room.0.join("worker1/conf");
    let carbon = fs::read(conf.join("carbon.xml")).unwrap();
    let regular = |name: &str| entry(EntryType::Regular, name, "", &carbon);
    let link = |name: &str, to: &str| entry(EntryType::Symlink, name, to, b"");
    let none = "axis2.xml: there is no such file";
    for (entries, words) in [
        (vec![regular("/opt/ei/conf/carbon.xml")], none),
        (vec![regular("../../conf/carbon.xml")], none),
        (vec![link("conf/carbon.xml", "../common/carbon.test"), regular("common/carbon.test")], none),
        (vec![link("conf/carbon.xml", "/opt/carbon.test"), regular("/opt/carbon.test")], none),
        (
            vec![entry(EntryType::Link, "conf/carbon.xml", "common/carbon.test", b""), regular("common/carbon.test")],
            none,
        ),
        (vec![link("node/conf", "../common"), regular("common/carbon.xml")], none),
        (vec![link("conf/carbon.xml", "carbon.xml")], "has a link here, and not what it leads to"),
        (vec![link("conf/carbon.xml", "../../../etc/passwd")], "has a link here, and not what it leads to"),
        (vec![entry(EntryType::Fifo, "conf/carbon.xml", "", b"")], "this is a pipe or a device"),
        (vec![entry(EntryType::Regular, "conf/carbon.xml", "", &vec![b' '; 5 << 20])], "larger than 4 MiB"),
        (vec![regular("conf/carbon.xml.erb")], "carbon.xml.erb is a template"),
        (vec![regular("conf/deployment.toml")], "deployment.toml is here"),
    ] {
        let findings = said(&found(&world, &entries.concat(), "").findings);
        assert!(findings.contains(words), "{words:?} is not in\n{findings}");
        assert!(words != none || !findings.contains("carbon.xml: "), "{findings}");
    }
    // Nothing beside the archive is taken for a part of it.
    fs::create_dir(world.room.0.join("bin")).unwrap();
    fs::write(world.room.0.join("bin/integrator.sh"), "java -DworkerNode=true\n").unwrap();
    assert_eq!(said(&found(&world, &archive(&conf, "."), "").findings), "");
}

/// The head of an entry that says how large it is, and no more.
fn large(kind: EntryType, name: &str, size: u64) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_entry_type(kind);
    header.set_size(size);
    if kind == EntryType::GNUSparse {
        let sparse = header.as_gnu_mut().unwrap();
        sparse.set_real_size(1 << 60);
        sparse.sparse[0].set_offset(1 << 60);
        sparse.sparse[0].set_length(0);
    }
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[test]
fn no_archive_makes_it_panic_or_grow_or_wait() {
    let world = World::new("ei");
    let whole = archive(&world.room.0.join("worker1"), "ei");
    let zeros = vec![0; 8 << 20];
    for (bytes, words) in [
        (Vec::new(), "neither carbon.xml nor axis2/axis2.xml in this archive"),
        (b"<Server/>".to_vec(), "no directory and no tar archive"),
        (vec![b'x'; 2000], "no directory and no tar archive"),
        (b"PK\x03\x04xxxx".to_vec(), "compressed by zip"),
        (whole[..whole.len() / 2 - 100].to_vec(), "the archive is broken: "),
        (gzip(&whole)[..500].to_vec(), "the archive is broken: "),
        ([gzip(&whole)[..500].to_vec(), vec![0xff; 500]].concat(), "the archive is broken: "),
        ([gzip(&whole)[..12].to_vec(), vec![0xff; 500]].concat(), "the archive is broken: "),
        (gzip(&[large(EntryType::GNULongName, "x", 8 << 20), zeros.clone()].concat()), "a name of more than 1 MiB"),
        (gzip(&[large(EntryType::XHeader, "x", 8 << 20), zeros].concat()), "a name of more than 1 MiB"),
        (large(EntryType::Regular, "conf/carbon.xml", 1 << 60), "the archive is broken: "),
        (large(EntryType::GNUSparse, "conf/holes", 0), "in this archive"),
    ] {
        let findings = said(&found(&world, &bytes, "").findings);
        assert!(findings.contains(words) && findings.lines().count() == 1, "{words:?} is not in\n{findings}");
    }
    let keystores = "x".repeat(3 << 20);
    let many: Vec<u8> = (0..30)
        .flat_map(|number| entry(EntryType::Regular, &format!("conf/{number}.jks"), "", keystores.as_bytes()))
        .collect();
    let findings = said(&found(&world, &gzip(&many), "").findings);
    assert!(findings.contains("it holds more than a node has"), "{findings}");
    for end in (0..whole.len()).step_by(509) {
        let mut broken = whole.clone();
        broken[end] ^= 0x55;
        found(&world, &broken, "");
        found(&world, &whole[..end], "");
    }
    let pipe = world.room.0.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let node = format!("--node=worker1={}", pipe.display());
    let told = weir(&world, &[&node]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("this is a pipe, not a file"), "{told}");
}

/// Links with these names and targets.
fn links(all: impl Iterator<Item = (String, String)>) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (name, target) in all {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, name, target).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn paths_in_an_archive_are_bounded() {
    let world = World::new("ei");
    let (deep, long) = ("a/".repeat(2000), "x".repeat(5000));
    let too_long = "it has a path of more than 4096 bytes or 100 parts";
    let one = |name: &str, target: &str| links([(name.to_owned(), target.to_owned())].into_iter());
    let named = |name: &str| {
        let (mut tar, mut header) = (Builder::new(Vec::new()), Header::new_gnu());
        header.set_size(0);
        tar.append_data(&mut header, name, &b""[..]).unwrap();
        tar.into_inner().unwrap()
    };
    for (bytes, words) in [
        (named(&format!("{deep}carbon.xml")), too_long),
        (named(&format!("{long}/carbon.xml")), too_long),
        (one("conf/carbon.xml", &deep), too_long),
        (one("conf/carbon.xml", &long), too_long),
        // What links lead to may be longer than each of them.
        (links((0..60).map(|at| (format!("{at}"), format!("{}{}", at + 1, "/a".repeat(90))))), "in this archive"),
        (links((0..17_000).map(|at| (format!("{at}"), "x".repeat(4000)))), "it holds more than a node has"),
        (links((0..5000).map(|at| (format!("{at}"), "a/".repeat(90)))), "it holds more than a node has"),
    ] {
        let findings = said(&found(&world, &bytes, "").findings);
        assert!(findings.contains(words) && findings.lines().count() == 1, "{words:?} is not in\n{findings}");
    }
    // A name that is there many times is kept once.
    let world = World::new("ei");
    let mut whole = archive(&world.room.0.join("worker1"), "ei");
    whole.truncate(whole.len() - 1024);
    let large = entry(EntryType::Regular, "conf.jks", "", &vec![b'x'; 4 << 20]);
    whole.extend((0..20).flat_map(|_| large.clone()));
    assert_eq!(said(&found(&world, &whole, "").findings), "");
}

#[test]
fn an_archive_is_only_read() {
    let world = World::new("ei");
    let path = world.room.0.join("worker1.tar");
    fs::write(&path, archive(&world.room.0.join("worker1"), ".")).unwrap();
    let config = world.room.0.join("conf/weir.toml");
    let told = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["wso2", "write", "--dry-run", "--config"])
        .arg(config)
        .arg(format!("--node=worker1={}", path.display()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(text.contains("archives are only read: unpack it first") && told.status.code() == Some(1), "{text}");
}
