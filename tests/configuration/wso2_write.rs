//! `weir wso2 write`: each planted fault becomes the smallest edit that mends it or is left to the operator, a second run changes
//! nothing, and either all files are written or none.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use similar::TextDiff;
use weir::wso2::{Asked, Change, Finding, Plan, plan};

use super::wso2::{CLUSTER, Edit, FAULTS, NODES, SHOP, World, copy, said};
use super::*;

fn planned(world: &World) -> Plan {
    planned_of(world, &NODES)
}

fn planned_of(world: &World, names: &[&str]) -> Plan {
    let index = |name: &str| world.config.nodes.iter().position(|node| *node.name == *name).unwrap();
    let nodes = names.iter().map(|name| (index(name), world.room.0.join(name))).collect();
    plan(&Asked { config: &world.config, nodes, resolve: false, now: SystemTime::now() }, None).unwrap()
}

/// Writes what is planned, and says how each file differs from before.
fn written(world: &World) -> String {
    written_of(world, &NODES)
}

fn written_of(world: &World, names: &[&str]) -> String {
    let plan = planned_of(world, names);
    let one = |change: &Change| {
        fs::write(&change.path, &change.after).unwrap();
        let name = change.path.strip_prefix(&world.room.0).unwrap().display().to_string();
        let diff = TextDiff::from_lines(change.texts.0.as_str(), change.texts.1.as_str());
        format!("{name}\n{}", diff.unified_diff().context_radius(1))
    };
    plan.changes.iter().map(one).collect()
}

/// Whether a file is the one of the right tree.
fn is_right(world: &World, file: &str) -> bool {
    same(&root().join("tests/wso2/ei").join(file), &world.room.0.join(file))
}

fn trees() -> impl Iterator<Item = (&'static str, World)> {
    let all = ["ei", "esb"].into_iter();
    all.flat_map(|tree| [(tree, World::new(tree)), (tree, World::new(tree).with(CLUSTER))])
}

#[test]
fn right_files_are_left_alone() {
    for (tree, world) in trees() {
        let plan = planned(&world);
        assert_eq!((plan.changes.len(), plan.left.len(), plan.files.len()), (0, 0, 21), "{tree}");
    }
}

/// A copy of the right trees with these edits, and a weir.toml that says what the cluster is.
fn broken(guide: &World, edits: &[Edit]) -> World {
    let config = config::load(&guide.room.0.join("conf/weir.toml")).unwrap();
    let world = World { room: Directory::new("wso2-write"), config };
    copy(&root().join("tests/wso2/ei"), &world.room.0);
    edits.iter().for_each(|edit| world.edit(*edit));
    world
}

/// For each fault that `weir wso2 check` finds: the diff that mends it, and what is left.
#[test]
fn each_fault_becomes_the_smallest_edit_or_is_left() {
    // What Weir leads to besides changes none of them.
    let guide = World::new("ei").with(CLUSTER).with(SHOP);
    let mut report = String::new();
    for (edits, name, ..) in FAULTS {
        let world = broken(&guide, edits);
        let before = world.check().findings;
        writeln!(report, "=== {name}: {edits:?}").unwrap();
        report += &written(&world);
        let after = world.check().findings;
        let errors = |of: &[Finding]| of.iter().filter(|one| one.is_error).count();
        assert!(errors(&after) <= errors(&before), "{edits:?}\n{}", said(&after));
        assert_eq!(written(&world), "", "a second run changes nothing: {edits:?}");
        for line in said(&after).replace(world.room.0.to_str().unwrap(), "").lines() {
            writeln!(report, "left: {line}").unwrap();
        }
        if NODES.iter().all(|node| is_right(&world, node)) {
            report += "as before the fault\n";
        }
    }
    let golden = root().join("tests/wso2/write.expected");
    if std::env::var_os("WEIR_WRITE_REPORTS").is_some() {
        fs::write(&golden, &report).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    let diff = TextDiff::from_lines(expected.as_str(), report.as_str()).unified_diff().to_string();
    assert!(diff.is_empty(), "WEIR_WRITE_REPORTS=1 writes it anew\n{diff}");
}

/// Whether two trees have the same bytes.
fn same(one: &Path, two: &Path) -> bool {
    let names = |path: &Path| {
        let mut names: Vec<_> = path.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    if one.is_file() {
        return fs::read(one).unwrap() == fs::read(two).unwrap();
    }
    names(one) == names(two) && names(one).iter().all(|name| same(&one.join(name), &two.join(name)))
}

/// A cluster out of the box: what is shipped, on three nodes.
const SHIPPED: &[Edit] = &[
    (
        "*/conf/axis2/axis2.xml",
        "HazelcastClusteringAgent\" enable=\"true\"",
        "HazelcastClusteringAgent\" enable=\"false\"",
    ),
    ("*/conf/axis2/axis2.xml", ">wka<", ">multicast<"),
    ("*/conf/axis2/axis2.xml", ">wso2.esb.domain</parameter>", ">wso2.carbon.domain</parameter>"),
    ("*/conf/carbon.xml", "    <HostName>esb.wso2.com</HostName>\n", ""),
    ("manager/conf/carbon.xml", "    <MgtHostName>mgt.esb.wso2.com</MgtHostName>\n", ""),
    ("*/conf/carbon.xml", "<Enabled>true", "<Enabled>false"),
    ("manager/conf/carbon.xml", "<AutoCommit>true", "<AutoCommit>false"),
    ("*/conf/carbon.xml", "https://svn.test/repos/esb", "http://svnrepo.example.com/repos/"),
    ("*/conf/tomcat/catalina-server.xml", "                   proxyPort=\"443\"\n", ""),
    ("*/conf/tomcat/catalina-server.xml", "                   proxyPort=\"80\"\n", ""),
    ("*/conf/passthru-http.properties", "transport.listener.shutdown.wait.sec=30\n", ""),
    (
        "worker1/conf/axis2/axis2.xml",
        "\n        <parameter name=\"WSDLEPRPrefix\" locked=\"false\">http://esb.wso2.com:80</parameter>",
        "",
    ),
    ("worker2/conf/axis2/axis2.xml", "localMemberHost\">10.0.0.4", "localMemberHost\">127.0.0.1"),
    ("worker2/conf/axis2/axis2.xml", "localMemberPort\">4300", "localMemberPort\">4100"),
    ("worker2/conf/axis2/axis2.xml", "<hostName>10.0.0.2<", "<hostName>127.0.0.1<"),
    ("worker2/conf/axis2/axis2.xml", "value=\"worker\"", "value=\"mgt\""),
];

/// As an editor on Windows saves it: with a mark at the beginning, and other ends of lines.
fn as_on_windows(text: &str) -> Vec<u8> {
    format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes()
}

/// In the encoding that the file names, with a word that UTF-8 writes in other bytes.
fn in_latin1(text: &str) -> Vec<u8> {
    let text = text.replacen("cluster", "clüster", 1).replacen("<Name>", "<!-- für alle -->\n<Name>", 1);
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

#[test]
fn what_is_shipped_becomes_a_cluster_in_every_encoding() {
    let plain: fn(&str) -> Vec<u8> = |text| text.as_bytes().to_vec();
    for encoded in [plain, as_on_windows, in_latin1] {
        let guide = World::new("ei").with(CLUSTER);
        let world = broken(&guide, SHIPPED);
        let names = ["axis2/axis2.xml", "carbon.xml", "tomcat/catalina-server.xml"];
        let files = || NODES.iter().flat_map(|node| names.map(|name| format!("{node}/conf/{name}")));
        for file in files() {
            let path = world.room.0.join(&file);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, encoded(&text)).unwrap();
        }
        assert_ne!(said(&world.check().findings), "");
        assert_ne!(written(&world), "");
        assert_eq!(said(&world.check().findings), "");
        assert_eq!(written(&world), "", "a second run changes nothing");
        for file in files().filter(|file| !file.starts_with("worker") || !file.ends_with("catalina-server.xml")) {
            let right = fs::read_to_string(root().join("tests/wso2/ei").join(&file)).unwrap();
            let is = fs::read(world.room.0.join(&file)).unwrap();
            assert_eq!(String::from_utf8_lossy(&is), String::from_utf8_lossy(&encoded(&right)), "{file}");
        }
    }
}

/// What stands within a value or beside it, and how it is written, stays.
#[test]
fn comments_and_quotes_around_a_value_stay() {
    for (file, right, wrong, after) in [
        ("worker1/conf/carbon.xml", "esb.wso2.com", "esb.<!-- the host -->wso2.org", "esb.wso2.com<!-- the host -->"),
        ("worker1/conf/carbon.xml", "esb.wso2.com", "<![CDATA[esb.wso2.org]]>", "esb.wso2.com"),
        (
            "worker1/conf/carbon.xml",
            "<Offset>0<",
            "<Offset>\n <!-- of all -->\n 1\n <",
            "<Offset>\n <!-- of all -->\n 0\n <",
        ),
        (
            "worker1/conf/carbon.xml",
            "<HostName>esb.wso2.com</HostName>",
            "<HostName/>",
            "<HostName>esb.wso2.com</HostName>",
        ),
        ("worker1/conf/axis2/axis2.xml", "value=\"worker\"", "value = 'mgt'", "value = 'worker'"),
        ("worker1/conf/axis2/axis2.xml", "enable=\"true\"", "enable='fa&#x6c;se'", "enable='true'"),
        (
            "manager/conf/tomcat/catalina-server.xml",
            "port=\"9443\"\n                   proxyPort=\"443\"",
            "port='9443'",
            "port='9443'\n                   proxyPort=\"443\"",
        ),
    ] {
        let world = World::new("ei").with(CLUSTER);
        world.edit((file, right, wrong));
        written(&world);
        assert_eq!(said(&world.check().findings), "", "{wrong}");
        let original = fs::read_to_string(root().join("tests/wso2/ei").join(file)).unwrap();
        let is = fs::read_to_string(world.room.0.join(file)).unwrap();
        assert_eq!(is, original.replace(right, after), "{wrong}");
    }
}

/// What is filled in later is nobody's to change, and what weir.toml does not say is the operator's.
#[test]
fn what_weir_toml_does_not_decide_is_left() {
    for (edit, words) in [
        (
            ("worker1/conf/carbon.xml", "<HostName>esb.wso2.com", "<HostName>${host.name}"),
            "its value is not known here",
        ),
        (
            ("worker1/conf/axis2/axis2.xml", "localMemberHost\">10.0.0.3", "localMemberHost\">${ip}"),
            "is not known here",
        ),
        (("worker1/conf/axis2/axis2.xml", ">wso2.esb.domain</parameter>", ">other</parameter>"), "on manager it is"),
        (
            ("*/conf/axis2/axis2.xml", "localMemberHost\">10.0.0.", "localMemberHost\">10.9.0."),
            "unless the node has both",
        ),
    ] {
        let world = World::new("ei");
        world.edit(edit);
        let plan = planned(&world);
        assert!(!plan.changes.iter().any(|change| change.path.ends_with("carbon.xml")), "{edit:?}");
        let left = said(&plan.left);
        assert!(left.contains(words), "{edit:?}\n{left}");
    }
}

/// Without `[cluster]` only the nodes that were named are known, and the others are members all the same.
#[test]
fn members_that_no_finding_is_about_stay() {
    const AXIS2: &str = "worker1/conf/axis2/axis2.xml";
    let names = ["worker1", "worker2"];
    let world = World::new("ei");
    world.edit((AXIS2, "<port>4300<", "<port>4301<"));
    let diff = written_of(&world, &names);
    assert!(is_right(&world, AXIS2), "{diff}");
    // A node that weir.toml has by its name.
    let world = World::new("ei").with(CLUSTER);
    let toml = world.room.0.join("conf/weir.toml");
    let text = fs::read_to_string(&toml).unwrap();
    assert!(text.contains("10.0.0.4"));
    fs::write(&toml, text.replace("10.0.0.4", "worker2.test")).unwrap();
    let world = world.with("");
    world.edit(("worker2/conf/axis2/axis2.xml", "localMemberHost\">10.0.0.4", "localMemberHost\">127.0.0.1"));
    world.edit((AXIS2, "<hostName>10.0.0.4<", "<hostName>worker2.test<"));
    world.edit((AXIS2, "<port>4100<", "<port>4101<"));
    written(&world);
    let text = fs::read_to_string(world.room.0.join(AXIS2)).unwrap();
    assert!(text.contains("<hostName>worker2.test<") && text.contains("<port>4100<"), "{text}");
}

/// The nodes have a network of their own for the cluster, and one file is a copy of another.
#[test]
fn a_member_that_two_nodes_say_they_are_is_left() {
    const WORKER2: &str = "worker2/conf/axis2/axis2.xml";
    let world = World::new("ei").with(CLUSTER);
    for host in ["10.0.0.2", "10.0.0.3", "10.0.0.4"] {
        let other = host.replace("10.0.", "192.168.");
        for node in NODES {
            let path = world.room.0.join(node).join("conf/axis2/axis2.xml");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replace(host, &other)).unwrap();
        }
    }
    assert_eq!(written(&world), "");
    fs::copy(world.room.0.join("worker1/conf/axis2/axis2.xml"), world.room.0.join(WORKER2)).unwrap();
    let diff = written(&world);
    assert!(diff.contains("localMemberPort\">4300<") && !diff.contains("hostName"), "{diff}");
    let left = said(&world.check().findings);
    assert!(
        left.contains("worker2/conf/axis2/axis2.xml:30: localMemberHost 192.168.0.3 is that of worker1 too"),
        "{left}"
    );
    assert_eq!(left.matches("is that of").count(), 1, "{left}");
    // What the operator says then makes the rest right.
    world.edit((WORKER2, "localMemberHost\">192.168.0.3", "localMemberHost\">192.168.0.4"));
    let diff = written(&world);
    assert_eq!(diff.matches("+                <hostName>192.168.0.3").count(), 1, "{diff}");
    assert!(!said(&world.check().findings).contains("[members]"), "{diff}");
}

/// The name of the shared datasource is like that of the node's own one, which is not there.
#[test]
fn a_node_keeps_its_own_database() {
    let world = World::new("ei").with(CLUSTER);
    let path = world.room.0.join(D);
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once("        <datasource>\n            <name>WSO2_CARBON_DB").unwrap();
    let end = rest.find("        <datasource>").unwrap();
    fs::write(&path, format!("{head}{}", &rest[end..])).unwrap();
    let diff = written(&world);
    assert!(is_right(&world, "worker1/conf/registry.xml"), "{diff}");
    assert!(said(&planned(&world).left).contains("jdbc/WSO2CarbonDB"), "{diff}");
}

/// `currentDBConfig` names the shared database: which one was meant nobody can tell, and nothing is made of the node's own one.
#[test]
fn a_node_whose_own_database_is_the_shared_one_is_left() {
    let world = World::new("ei").with(CLUSTER);
    let path = world.room.0.join("worker1/conf/registry.xml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("<currentDBConfig>wso2registry<", "<currentDBConfig>shared<")).unwrap();
    let diff = written(&world);
    let databases = fs::read_to_string(world.room.0.join(D)).unwrap();
    assert!(databases.contains("jdbc:h2:repository/database"), "{diff}");
    assert!(fs::read_to_string(&path).unwrap().contains("<dbConfig>shared<"), "{diff}");
}

/// What is written in a URL beside the database is the operator's.
#[test]
fn options_and_logins_of_a_url_stay() {
    const SQL: &str = "jdbc:sqlserver://db.test:1433;databaseName=reg";
    const ORACLE: &str = "jdbc:oracle:thin:@db.test:1521/orcl";
    for (wanted, is, becomes) in [
        (SQL, "jdbc:sqlserver://db.test:1433;databaseName=reg;encrypt=true", ""),
        (SQL, "jdbc:sqlserver://db.test:1433;encrypt=true;database=reg", ""),
        (
            SQL,
            "jdbc:sqlserver://old.test:1433;databaseName=reg;encrypt=true",
            "jdbc:sqlserver://db.test:1433;databaseName=reg;encrypt=true",
        ),
        ("jdbc:db2://db.test:50000/reg", "jdbc:db2://db.test:50000/reg:currentSchema=WSO2;", ""),
        (
            "jdbc:db2://db.test:50000/reg",
            "jdbc:db2://old.test:50000/reg:currentSchema=WSO2;",
            "jdbc:db2://db.test:50000/reg:currentSchema=WSO2;",
        ),
        (ORACLE, "jdbc:oracle:thin:regadmin/pw1@db.test:1521/orcl", ""),
        (ORACLE, "jdbc:oracle:thin:regadmin/pw1@old.test:1521/orcl", ""),
        (ORACLE, "jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=db.test)(PORT=1521)))", ""),
        ("jdbc:mysql://db.test/reg", "jdbc:mysql://old.test/reg?user=reg&amp;password=pw1", ""),
    ] {
        let world =
            World::new("ei").with(&CLUSTER.replace("jdbc:mysql://carbondb.mysql-wso2.com:3306/registry", wanted));
        let old = "jdbc:mysql://carbondb.mysql-wso2.com:3306/registry?autoReconnect=true";
        world.edit(("*/conf/datasources/master-datasources.xml", old, is));
        let diff = written(&world);
        let text = |file: &str| fs::read_to_string(world.room.0.join(file)).unwrap();
        let becomes = if becomes.is_empty() { is } else { becomes };
        assert!(text(D).contains(&format!("<url>{becomes}</url>")), "{is}\n{diff}");
        assert!(!text("worker1/conf/registry.xml").contains("pw1"), "{is}\n{diff}");
        assert_eq!(written(&world), "", "a second run changes nothing: {is}");
    }
}

#[test]
fn a_user_that_is_missing_is_written() {
    let world = World::new("ei").with(CLUSTER);
    world.edit((D, "                    <username>regadmin</username>\n", ""));
    let before = said(&world.check().findings);
    assert!(before.contains("has no user"), "{before}");
    let diff = written(&world);
    assert!(NODES.iter().all(|node| is_right(&world, node)), "{diff}");
}

/// The same numbers each time, without a crate.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides
    }
}

/// Several faults at once, and lines that are gone or there twice: the files stay XML, nothing becomes worse, and it ends.
#[test]
fn many_faults_together_never_make_it_worse() {
    let guide = World::new("ei").with(CLUSTER);
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let world = broken(&guide, &[]);
        for _ in 0..1 + dice.roll(6) {
            let (edits, ..) = FAULTS[dice.roll(FAULTS.len())];
            let fits = |(file, from, _): &Edit| {
                let there = |node: &str| fs::read_to_string(world.room.0.join(file.replacen('*', node, 1)));
                NODES.iter().all(|node| there(node).is_ok_and(|text| text.contains(from)))
            };
            edits.iter().filter(|edit| fits(edit)).for_each(|edit| world.edit(*edit));
        }
        for _ in 0..dice.roll(4) {
            let file = ["axis2/axis2.xml", "carbon.xml", "tomcat/catalina-server.xml"][dice.roll(3)];
            let path = world.room.0.join(NODES[dice.roll(3)]).join("conf").join(file);
            let text = fs::read_to_string(&path).unwrap();
            let mut lines: Vec<&str> = text.lines().collect();
            let at = dice.roll(lines.len());
            let line = lines.remove(at);
            (0..[0, 2, 3][dice.roll(3)]).for_each(|_| lines.insert(at, line));
            fs::write(&path, lines.join(["\n", "\r\n"][dice.roll(2)])).unwrap();
        }
        let before = world.check().findings;
        let diff = written(&world);
        let after = world.check().findings;
        let of = |all: &[Finding], name: &str| {
            all.iter().filter(|one| one.is_error && (name.is_empty() || one.check.name == name)).count()
        };
        let said = format!("seed {seed}\n{}\n{diff}\n{}", said(&before), said(&after));
        assert!(of(&after, "") <= of(&before, "") && of(&after, "file") <= of(&before, "file"), "{said}");
        assert_eq!(written(&world), "", "a second run changes nothing: {said}");
    }
}

fn weir(world: &World, more: &[&str]) -> Output {
    command(world, more).output().unwrap()
}

fn command(world: &World, more: &[&str]) -> Command {
    let nodes = NODES.iter().map(|name| format!("--node={name}={}", world.room.0.join(name).display()));
    let mut command = command_of(world);
    command.args(nodes).args(more);
    command
}

fn command_of(world: &World) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(["wso2", "write", "--config"]).arg(world.room.0.join("conf/weir.toml"));
    command
}

fn run(world: &World, more: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = weir(world, more);
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.code(), text.replace(world.room.0.canonicalize().unwrap().to_str().unwrap(), "$dir"))
}

const D: &str = "worker1/conf/datasources/master-datasources.xml";

#[test]
fn the_command_shows_first_and_keeps_the_old_files() {
    let world = World::new("ei").with(CLUSTER);
    world.edit(("worker1/conf/carbon.xml", "<HostName>esb.wso2.com", "<HostName>esb.wso2.org"));
    world.edit(("worker1/conf/axis2/axis2.xml", "<hostName>10.0.0.2<", "<hostName>127.0.0.1<"));
    let secret = "<parameter name=\"groupPassword\">hunter2</parameter>\n        <members>";
    world.edit(("*/conf/axis2/axis2.xml", "<members>", secret));
    world.edit((
        "worker1/conf/axis2/axis2.xml",
        "name=\"HttpsProtocols\">TLSv1.1,TLSv1.2",
        "name=\"HttpsProtocols\">TLSv1.1",
    ));
    let path = world.room.0.join("worker1/conf/carbon.xml");
    let old = fs::read(&path).unwrap();
    let (code, text) = run(&world, &["--dry-run"]);
    assert_eq!(code, Some(0), "{text}");
    let expected = "-    <HostName>esb.wso2.org</HostName>\n+    <HostName>esb.wso2.com</HostName>\n";
    assert!(text.contains(expected) && text.contains("--- ") && text.contains("@@ -"), "{text}");
    assert!(text.ends_with("; 2 files would be changed, nothing was written; 0 findings left to you\n"), "{text}");
    assert!(text.contains("a line that may hold a secret is not shown") && !text.contains("hunter2"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), old);
    let (code, text) = run(&world, &[]);
    assert!(
        code == Some(0)
            && text.contains("wrote $dir/worker1/conf/carbon.xml; before: $dir/worker1/conf/carbon.xml.before-1"),
        "{text}"
    );
    assert_eq!(fs::read(path.with_file_name("carbon.xml.before-1")).unwrap(), old);
    assert_eq!(said(&world.check().findings), "");
    let (code, text) = run(&world, &[]);
    assert_eq!((code, text.as_str()), (Some(0), "21 files of 3 nodes read; 0 files written; 0 findings left to you\n"));
}

#[test]
fn no_password_is_in_the_diff() {
    let world = World::new("ei").with(CLUSTER);
    world.edit((D, "3306/registry?", "3306/registri?"));
    world.edit((D, "<username>regadmin", "<password>\n  hunter2\n</password>\n<username>regadmin"));
    world.edit((
        "manager/conf/tomcat/catalina-server.xml",
        "port=\"9443\"\n",
        "port=\"9444\" keystorePass=\n\"hunter2\"\n",
    ));
    world.edit(("worker1/conf/passthru-http.properties", "=180000", "=18000\npassword=\\\n  hunter2\\\n  hunter2"));
    let (code, text) = run(&world, &["--dry-run"]);
    assert!(code == Some(0) && text.contains("; 3 files would be changed"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(text.matches("(a line that may hold a secret is not shown)").count(), 3 + 2 + 1 + 3, "{text}");
    assert!(text.contains("+http.socket.timeout=300000\n") && text.contains("3306/registry?"), "{text}");
}

#[test]
fn with_one_file_that_cannot_be_written_none_is() {
    let world = World::new("ei").with(CLUSTER);
    world.edit(("*/conf/carbon.xml", "<HostName>esb.wso2.com", "<HostName>esb.wso2.org"));
    let text = fs::read(world.room.0.join("worker1/conf/carbon.xml")).unwrap();
    let registry = world.room.0.join("worker2/conf/registry.xml");
    let right = fs::read(&registry).unwrap();
    fs::remove_file(&registry).unwrap();
    fs::create_dir(&registry).unwrap();
    let (code, said) = run(&world, &[]);
    assert!(code == Some(78) && said.contains("nothing was written, because a file of a node is not right"), "{said}");
    fs::remove_dir(&registry).unwrap();
    fs::write(&registry, right).unwrap();
    // One file for two nodes, which must differ in it.
    let axis2 = |node: &str| world.room.0.join(node).join("conf/axis2/axis2.xml");
    fs::remove_file(axis2("worker2")).unwrap();
    std::os::unix::fs::symlink(axis2("worker1"), axis2("worker2")).unwrap();
    let (code, said) = run(&world, &[]);
    assert!(code == Some(1) && said.contains("are one file") && said.contains("nothing was written"), "{said}");
    assert_eq!(fs::read(world.room.0.join("worker1/conf/carbon.xml")).unwrap(), text);
    assert_eq!(world.room.0.join("worker1/conf").read_dir().unwrap().count(), 6);
}

#[test]
fn what_is_left_has_a_place_and_the_exit_code_of_the_check() {
    let world = World::new("ei").with(CLUSTER);
    world.edit(("worker1/conf/carbon.xml", "<HostName>esb.wso2.com", "<HostName>esb.wso2.org"));
    world.edit((D, "com.mysql.jdbc.Driver", "org.postgresql.Driver"));
    world.edit((
        "worker1/conf/axis2/axis2.xml",
        "<members>",
        "<parameter name=\"groupPassword\">hunter2</parameter><members>",
    ));
    let (code, text) = run(&world, &[]);
    assert_eq!(code, Some(78), "{text}");
    assert!(
        text.contains("Left to you, with lines as they are then:") && text.contains("groupPassword is there"),
        "{text}"
    );
    assert!(!text.contains("hunter2") && text.contains("2 files written"), "{text}");
}

/// Nothing that is shared yet, and a table that says what will be.
#[test]
fn a_registry_becomes_a_shared_one() {
    for (url, driver, query) in [
        ("jdbc:mysql://db.test:3306/registry?useSSL=true&x=1", "com.mysql.jdbc.Driver", "SELECT 1"),
        ("jdbc:postgresql://db.test:5432/registry", "org.postgresql.Driver", "SELECT 1"),
        ("jdbc:oracle:thin:@db.test:1521/orcl", "oracle.jdbc.OracleDriver", "SELECT 1 FROM DUAL"),
        (
            "jdbc:sqlserver://db.test:1433;databaseName=registry",
            "com.microsoft.sqlserver.jdbc.SQLServerDriver",
            "SELECT 1",
        ),
    ] {
        let cluster = CLUSTER.replace("jdbc:mysql://carbondb.mysql-wso2.com:3306/registry", url);
        let world = World::new("ei").with(&cluster);
        for node in NODES {
            let path = |name: &str| world.room.0.join(node).join("conf").join(name);
            let cut = |name: &str, from: &str, to: &str| {
                let text = fs::read_to_string(path(name)).unwrap();
                let (head, rest) = text.split_once(from).unwrap();
                fs::write(path(name), format!("{head}{}", &rest[rest.find(to).unwrap()..])).unwrap();
            };
            cut("registry.xml", "    <dbConfig name=\"shared\">", "</wso2registry>");
            cut(
                "datasources/master-datasources.xml",
                "        <datasource>\n            <name>WSO2_SHARED_DB",
                "    </datasources>",
            );
        }
        let before = said(&world.check().findings);
        assert_eq!(before.matches("there is no mount").count(), 3, "{before}");
        let diff = written(&world);
        let left = said(&world.check().findings);
        assert_eq!(left.matches("the shared datasource has no password").count(), 3, "{left}");
        assert_eq!(left.lines().count(), 3, "{left}");
        assert_eq!(written(&world), "", "a second run changes nothing");
        assert!(
            diff.contains(&format!("+                    <driverClassName>{driver}</driverClassName>\n")),
            "{diff}"
        );
        assert!(diff.contains(&format!("<validationQuery>{query}</validationQuery>")), "{diff}");
        assert!(diff.contains(&format!("<url>{}</url>", url.replace('&', "&amp;"))), "{diff}");
        assert_eq!((diff.matches("<readOnly>true").count(), diff.matches("<readOnly>false").count()), (2, 1), "{diff}");
    }
}

/// With the alias of a password in the nodes' secure vault.
#[test]
fn a_shared_datasource_gets_what_it_lacks() {
    let cluster = CLUSTER.replace("user =", "password-alias = \"Shared.Password\"\nuser =");
    let world = World::new("ei").with(&cluster);
    world.edit(("*/conf/registry.xml", "jdbc/WSO2SharedDB", "jdbc/Registry"));
    let diff = written(&world);
    assert!(
        diff.contains("+                    <password svns:secretAlias=\"Shared.Password\">password</password>\n"),
        "{diff}"
    );
    assert_eq!(said(&planned(&world).left), "", "{diff}");
    // Another one has the name already.
    let world = World::new("ei").with(&cluster);
    world.edit((D, "jdbc/WSO2SharedDB", "jdbc/Other"));
    world.edit((D, "3306/registry?", "3306/other?"));
    let diff = written(&world);
    assert!(diff.contains("+            <name>WSO2_SHARED_DB_2</name>\n"), "{diff}");
    assert_eq!(said(&world.check().findings), "", "{diff}");
    for none in ["<password/>", "<password></password>", ""] {
        let world = World::new("ei").with(&cluster);
        world.edit((D, "<password>of-regadmin</password>", none));
        let diff = written(&world);
        let alias = "+                    <password svns:secretAlias=\"Shared.Password\">password</password>\n";
        assert!(diff.contains(alias), "{none}: {diff}");
        assert_eq!(said(&world.check().findings), "", "{none}: {diff}");
    }
}

/// The guide's second worker: a copy of the first, with another port, address and members.
#[test]
fn a_node_begins_as_a_copy_of_another() {
    let world = World::new("ei").with(CLUSTER);
    let (worker1, worker2) = (world.room.0.join("worker1/conf"), world.room.0.join("worker2"));
    let right = world.room.0.join("right");
    fs::rename(&worker2, &right).unwrap();
    fs::write(worker1.join("carbon.xml.before-1"), "old").unwrap();
    fs::write(worker1.join("carbon.xml.4711.draft"), "half").unwrap();
    // The operator's own, with a name that is only like one of Weir's.
    for own in [worker1.join("notes.before-start"), right.join("conf/notes.before-start")] {
        fs::write(own, "mine").unwrap();
    }
    let count = || world.room.0.read_dir().unwrap().count();
    let there = count();
    let (code, text) = run(&world, &["--from=worker1", "--dry-run"]);
    assert!(code == Some(0) && text.contains("localMemberPort\">4300<"), "{text}");
    assert!(!text.contains(".draft") && text.contains("worker2/axis2/axis2.xml"), "{text}");
    assert!(text.contains("would make "), "{text}");
    assert!(!worker2.exists() && count() == there, "nothing is left of a dry run");
    // An empty directory is as good as none.
    fs::create_dir(&worker2).unwrap();
    let (code, text) = run(&world, &["--from=worker1"]);
    assert!(code == Some(0) && text.contains("made ") && !text.contains("before:"), "{text}");
    assert_eq!(count(), there + 1);
    assert!(same(&worker2, &right.join("conf")), "{text}");
    let (code, text) = run(&world, &["--from=worker1"]);
    let nothing = "--from: the files of all nodes are there already, so nothing is copied\n";
    assert_eq!(
        (code, text),
        (Some(0), format!("{nothing}20 files of 3 nodes read; 0 files written; 0 findings left to you\n"))
    );
    // A place among the files of another node, or none.
    let worker2 = |place: &Path| format!("--node=worker2={}", place.display());
    let worker1 = world.room.0.join("worker1");
    for (place, words) in [
        (worker1.join("conf/worker2"), "lies in the files of worker1; name a place of its own"),
        (worker1.join("worker2"), "lies in the files of worker1"),
        (world.room.0.join("none/.."), "write the name of the directory"),
        (world.room.0.join("none/worker2"), "No such file or directory"),
    ] {
        for named in [worker1.clone(), worker1.join("conf")] {
            let nodes = [format!("--node=worker1={}", named.display()), worker2(&place), "--from=worker1".to_owned()];
            let Output { status, stderr, .. } = command_of(&world).args(nodes).args(["--dry-run"]).output().unwrap();
            let text = String::from_utf8(stderr).unwrap();
            assert!(status.code() == Some(1) && text.contains(words), "{text}");
        }
    }
    let (code, text) = run(&world, &["--from=worker9"]);
    assert!(code == Some(1) && text.contains("which no --node names"), "{text}");
}

/// Ctrl-C while the diff is shown: the copy has all passwords of its node.
#[test]
fn an_interrupted_copy_leaves_nothing_behind() {
    let world = World::new("ei").with(CLUSTER);
    fs::remove_dir_all(world.room.0.join("worker2")).unwrap();
    // More is said than a pipe holds, so the command waits for its reader.
    let many = "<parameter name=\"mcastBindAddress\">x</parameter>".repeat(2000);
    let axis2 = world.room.0.join("worker1/conf/axis2/axis2.xml");
    let text = fs::read_to_string(&axis2).unwrap();
    fs::write(&axis2, text.replace("<members>", &format!("{many}<members>"))).unwrap();
    let there = || world.room.0.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>();
    let before = there();
    let mut child = command(&world, &["--from=worker1", "--dry-run"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0]).unwrap();
    assert_ne!(there(), before, "the copy is there");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    std::io::copy(&mut out, &mut std::io::sink()).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(2), "it ends as one that was interrupted");
    assert_eq!(there(), before);
}

#[test]
fn rest_of_hazelcast_is_as_the_operator_says_and_hosts_are_listed() {
    let world = World::new("ei").with(CLUSTER);
    let file = |node: &str| world.room.0.join(node).join("conf/hazelcast.properties");
    fs::write(file("manager"), "# hazelcast.rest.enabled=true\nhazelcast.x=1\n").unwrap();
    let hosts = world.room.0.join("hosts");
    let asked = ["--hazelcast-rest=off", "--hosts", hosts.to_str().unwrap()];
    let (code, text) = run(&world, &[&asked[..], &["--dry-run"]].concat());
    assert!(code == Some(0) && text.contains("would make $dir/hosts\n") && !hosts.exists(), "{text}");
    let (code, text) = run(&world, &asked);
    assert!(code == Some(0) && text.contains("made $dir/worker1/conf/hazelcast.properties"), "{text}");
    assert_eq!(fs::read_to_string(file("worker1")).unwrap(), "hazelcast.rest.enabled=false\n");
    let manager = fs::read_to_string(file("manager")).unwrap();
    assert_eq!(manager, "# hazelcast.rest.enabled=true\nhazelcast.rest.enabled=false\nhazelcast.x=1\n");
    let lines = fs::read_to_string(&hosts).unwrap();
    for line in
        ["10.0.0.3\tworker1", "# ADDRESS-OF-WEIR\tesb.wso2.com", "# ADDRESS-OF-DATABASE\tcarbondb.mysql-wso2.com"]
    {
        assert!(lines.lines().any(|said| said == line), "{line}: {lines}");
    }
    let (code, text) = run(&world, &asked);
    assert!(code == Some(1) && text.contains("is there already"), "{text}");
    let (code, text) = run(&world, &[&asked[..], &["--dry-run"]].concat());
    assert!(code == Some(1) && text.contains("is there already"), "{text}");
    // What something else fills in stays, and is told.
    fs::write(file("worker2"), "hazelcast.rest.enabled=${rest}\n").unwrap();
    let (code, text) = run(&world, &["--hazelcast-rest=off", "--dry-run"]);
    let stays = "hazelcast.rest.enabled is \"${rest}\", and stays so";
    assert!(code == Some(0) && text.matches(stays).count() == 1 && text.contains("; 1 finding left to you"), "{text}");
    fs::write(file("worker2"), "hazelcast.rest.enabled=false\n").unwrap();
    let (code, text) = run(&world, &["--hazelcast-rest=off", "--hosts=-"]);
    assert!(code == Some(0) && text.contains("10.0.0.2\tmanager\n") && text.contains("; 0 files written"), "{text}");
}
