//! `weir wso2 check`: right trees have no findings, each planted fault is found at its place, and no bytes make it panic or wait.
//! The right trees are in `tests/wso2`: a manager and two workers of EI 6, and the same of ESB 5.

use std::process::{Command, Output};
use std::time::SystemTime;

use weir::wso2::{Asked, Checked, Finding, check, checks};

use super::*;

mod archives;

pub(super) const NODES: [&str; 3] = ["manager", "worker1", "worker2"];

/// A copy of a right tree, and the configuration of the guide.
pub(super) struct World {
    pub(super) room: Directory,
    pub(super) config: Config,
}

impl World {
    pub(super) fn new(tree: &str) -> Self {
        let room = Directory::new("wso2");
        copy(&root().join("tests/wso2").join(tree), &room.0);
        let config = guide(&room);
        Self { room, config }
    }

    pub(super) fn check(&self) -> Checked {
        self.check_of(&NODES)
    }

    fn check_of(&self, names: &[&str]) -> Checked {
        let index = |name: &str| self.config.nodes.iter().position(|node| *node.name == *name).unwrap();
        let nodes = names.iter().map(|name| (index(name), self.room.0.join(name))).collect();
        check(&Asked { config: &self.config, nodes, resolve: false, now: SystemTime::now() })
    }

    /// Replaces a text everywhere in a file; `*` for the node stands for all of them.
    pub(super) fn edit(&self, (file, from, to): Edit) {
        let (node, rest) = file.split_once('/').unwrap();
        for node in NODES.iter().filter(|name| node == "*" || node == **name) {
            let path = self.room.0.join(node).join(rest);
            let text = fs::read_to_string(&path).unwrap_or_default();
            assert!(text.contains(from), "{file} has no {from:?}");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, if from.is_empty() { to.to_owned() } else { text.replace(from, to) }).unwrap();
        }
    }

    /// The weir.toml with more at its end.
    pub(super) fn with(mut self, more: &str) -> Self {
        let path = self.room.0.join("conf/weir.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text + more).unwrap();
        self.config = config::load(&path).map_err(|errors| errors.to_string()).unwrap();
        self
    }

    /// The first line with this part, or the last one if the part begins with `^`.
    fn line(&self, file: &str, part: &str) -> usize {
        let text = fs::read_to_string(self.room.0.join(file)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let found = match part.strip_prefix('^') {
            Some(part) => lines.iter().rposition(|line| line.contains(part)),
            None => lines.iter().position(|line| line.contains(part)),
        };
        1 + found.unwrap_or_else(|| panic!("{file} has no {part:?}"))
    }
}

pub(super) type Edit = (&'static str, &'static str, &'static str);

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(super) fn said(findings: &[Finding]) -> String {
    findings.iter().map(|one| format!("[{}] {}\n", one.check.name, one.problem)).collect()
}

pub(super) const CLUSTER: &str = r#"
[cluster]
domain = "wso2.esb.domain"
manager = "manager"
members = [{ node = "manager", port = 4100 }, { node = "worker1", port = 4200 }, { node = "worker2", port = 4300 }]
deployment = "svn"
svn-url = "https://svn.test/repos/esb"
console = "mgt.esb.https"
[cluster.database]
url = "jdbc:mysql://carbondb.mysql-wso2.com:3306/registry"
user = "regadmin"
"#;

/// Another server behind the same Weir.
pub(super) const SHOP: &str = r#"
[[node]]
name = "shop"
address = "10.0.0.9"
[[pool]]
name = "shop"
nodes = ["shop"]
port = 8080
[[site]]
name = "shop"
listener = "http"
hosts = ["shop.test"]
pool = "shop"
"#;

#[test]
fn a_right_tree_has_no_findings() {
    for tree in ["ei", "esb"] {
        let world = World::new(tree);
        let checked = world.check();
        assert_eq!(said(&checked.findings), "", "{tree}");
        assert_eq!((checked.files.len(), checked.nodes), (21, 3), "{tree}");
        assert_eq!(said(&world.check_of(&["worker1"]).findings), "", "one node of {tree}");
        assert_eq!(said(&world.with(CLUSTER).check().findings), "", "{tree} with [cluster]");
    }
}

#[test]
fn a_copy_of_conf_alone_is_enough() {
    let world = World::new("esb");
    for name in NODES {
        let conf = world.room.0.join(name).join("repository/conf");
        fs::rename(&conf, world.room.0.join("moved")).unwrap();
        fs::remove_dir_all(world.room.0.join(name)).unwrap();
        fs::rename(world.room.0.join("moved"), world.room.0.join(name)).unwrap();
    }
    assert_eq!(said(&world.check().findings), "");
}

/// What is planted; the check that finds it; file and a part of the line; words of the finding.
pub(super) type Fault = (&'static [Edit], &'static str, (&'static str, &'static str), &'static str);

const A: &str = "worker1/conf/axis2/axis2.xml";
const C: &str = "worker1/conf/carbon.xml";
const T: &str = "manager/conf/tomcat/catalina-server.xml";
const R: &str = "worker1/conf/registry.xml";
const D: &str = "worker1/conf/datasources/master-datasources.xml";
const P: &str = "worker1/conf/passthru-http.properties";
const S: &str = "worker1/bin/integrator.sh";

const U: &str = "worker1/conf/user-mgt.xml";
const USERS: &str = r#"<UserManager>
    <Realm>
        <Configuration>
            <AdminRole>admin</AdminRole>
            <AdminUser>
                <UserName>admin</UserName>
                <Password>own</Password>
            </AdminUser>
            <EveryOneRoleName>everyone</EveryOneRoleName>
            <Property name="isCascadeDeleteEnabled">true</Property>
            <Property name="dataSource">jdbc/WSO2SharedDB</Property>
        </Configuration>
        <UserStoreManager class="org.wso2.carbon.user.core.jdbc.JDBCUserStoreManager"/>
    </Realm>
</UserManager>
"#;

#[rustfmt::skip]
pub(super) const FAULTS: &[Fault] = &[
    (&[(A, "enable=\"true\"", "enable=\"false\"")], "clustering-enabled", (A, "HazelcastClusteringAgent\" enable"), "not enabled"),
    (&[(A, "HazelcastClusteringAgent\" enable", "TribesClusteringAgent\" enable")], "clustering-enabled", (A, "TribesClusteringAgent\" enable"), "is not the class"),
    (&[(A, "<clustering ", "<!--clustering "), (A, "</clustering>", "</clustering-->")], "clustering-enabled", (A, "<axisconfig"), "no clustering element"),
    (&[(A, "</clustering>", "</clustering><clustering enable=\"false\"/>")], "clustering-enabled", (A, "<clustering enable"), "second clustering"),
    (&[(A, ">wka<", ">wkka<")], "membership-scheme", (A, ">wkka<"), "did you mean \"wka\""),
    (&[(A, ">wka<", ">multicast<")], "membership-scheme", (A, ">multicast<"), "on manager it is \"wka\""),
    (&[(A, ">wso2.esb.domain</parameter>", ">wso2.esb.domian</parameter>")], "domain", (A, "wso2.esb.domian"), "on manager it is \"wso2.esb.domain\""),
    (&[("*/conf/axis2/axis2.xml", ">wso2.esb.domain</parameter>", ">wso2.carbon.domain</parameter>")], "domain", (A, "wso2.carbon.domain"), "the one that is shipped"),
    (&[(A, "<members>", "<parameter name=\"groupPassword\">x</parameter><members>"), ("manager/conf/axis2/axis2.xml", "<members>", "<parameter name=\"groupPassword\">y</parameter><members>")], "group-password", (A, "groupPassword"), "another one than on manager"),
    (&[("manager/conf/axis2/axis2.xml", "<members>", "<parameter name=\"groupPassword\">x</parameter><members>"), ("worker2/conf/axis2/axis2.xml", "<members>", "<parameter name=\"groupPassword\">x</parameter><members>")], "group-password", (A, "<clustering"), "manager has one"),
    (&[(A, "<members>", "<parameter name=\"groupPassword\">x</parameter><members>")], "group-password", (A, "groupPassword"), "is there, and manager has none"),
    (&[(A, "localMemberHost\">10.0.0.3", "localMemberHost\">127.0.0.1")], "member-host", (A, "localMemberHost\">127"), "by which no other node reaches"),
    (&[(A, "localMemberHost\">10.0.0.3", "localMemberHost\">10.0.0.4")], "member-host", (A, "localMemberHost"), "is the address of worker2"),
    (&[(A, "localMemberHost\">10.0.0.3", "localMemberHost\">worker1.test")], "member-host", (A, "localMemberHost"), "is the name \"worker1.test\""),
    (&[(A, "localMemberHost\">10.0.0.3", "localMemberHost\">10.9.0.3")], "member-host", (A, "localMemberHost"), "weir.toml reaches worker1 at 10.0.0.3"),
    (&[(A, "localMemberPort\">4200", "localMemberPort\">42OO")], "member-port", (A, "localMemberPort"), "is no port"),
    (&[(A, "localMemberPort\">4200", "localMemberPort\">8280")], "member-port", (A, "localMemberPort"), "also the port of the node's receiver"),
    (&[(A, "localMemberPort\">4200", "localMemberPort\">4201")], "members", ("manager/conf/axis2/axis2.xml", "<port>4200"), "localMemberPort of worker1 is 4201"),
    (&[(A, "<hostName>10.0.0.2<", "<hostName>127.0.0.1<")], "members", (A, "<hostName>127.0.0.1"), "on the node itself"),
    (&[(A, "<hostName>10.0.0.4<", "<hostName>10.0.0.3<"), (A, "<port>4300<", "<port>4201<")], "members", (A, "<port>4201"), "is this node itself, on a port that it does not have"),
    (&[(A, "<hostName>10.0.0.2<", "<hostName>10.0.0.22<")], "members", (A, "<hostName>10.0.0.22"), "no node of weir.toml is at"),
    (&[(A, "<hostName>10.0.0.2</hostName>", "")], "members", (A, "<member>"), "no hostName or no port"),
    (&[(A, "<members>", "<!--members>"), (A, "</members>", "</members-->")], "members", (A, "<clustering"), "no members"),
    (&[(A, "<hostName>10.0.0.2<", "<hostName>10.0.0.3<"), (A, ">4100<", ">4200<"), (A, "<hostName>10.0.0.4<", "<hostName>10.0.0.3<"), (A, "<port>4300<", "<port>4200<")], "members", (A, "<member>"), "only member is this node itself"),
    (&[(A, "            <member>\n                <hostName>10.0.0.4</hostName>\n                <port>4300</port>\n            </member>\n", "")], "members", (A, "<member>"), "only one well-known member"),
    (&[("worker2/conf/axis2/axis2.xml", ">10.0.0.4<", ">10.0.0.3<"), ("worker2/conf/axis2/axis2.xml", ">4300<", ">4200<")], "member-port", ("worker2/conf/axis2/axis2.xml", "localMemberPort"), "worker1 has the same localMemberHost and localMemberPort"),
    (&[(A, "value=\"worker\"", "value=\"mgt\"")], "sub-domain", (A, "value=\"mgt\""), "worker1 is a worker"),
    (&[(A, "<property name=\"subDomain\" value=\"worker\"/>", "")], "sub-domain", (A, "name=\"properties\""), "neither manager nor worker"),
    (&[("manager/conf/axis2/axis2.xml", "<property name=\"subDomain\" value=\"mgt\"/>", "<!-- <property name=\"subDomain\" value=\"mgt\"/> -->")], "sub-domain", ("manager/conf/axis2/axis2.xml", "name=\"properties\""), "neither manager nor worker"),
    (&[("worker1/conf/axis2/axis2.xml", "nonWorkerManager", "WorkerManager"), ("worker2/conf/axis2/axis2.xml", "nonWorkerManager", "WorkerManager")], "clustering-pattern", (A, "clusteringPattern"), "scheduled tasks run nowhere"),
    (&[(A, "nonWorkerManager", "nonworker")], "clustering-pattern", (A, "clusteringPattern"), "is not known"),
    (&[(A, "\"localMemberPort\"", "\"localMemberport\"")], "parameters", (A, "localMemberport"), "did you mean \"localMemberPort\""),
    (&[(A, "<members>", "<parameter name=\"localMemberBindAddress\">10.0.0.3</parameter><members>")], "parameters", (A, "localMemberBindAddress"), "no server reads it"),
    (&[(A, "AvoidInitiation\">true", "AvoidInitiation\">false")], "parameters", (A, "AvoidInitiation"), "before it is able to"),
    (&[(A, "<groupManagement enable=\"false\"", "<groupManagement enable=\"true\"")], "parameters", (A, "<groupManagement"), "former load balancer"),
    (&[(A, "<members>", "<parameter name=\"domain\">other</parameter><members>")], "parameters", (A, ">other<"), "written twice"),
    (&[(A, ">8280<", ">8281<")], "receiver-port", (A, ">8281<"), "pool esb-http of weir.toml reaches the node on 8280"),
    (&[(A, "PassThroughHttpSSLListener", "PassThroughHttpListener")], "receiver-port", (A, ">8243<"), "speaks plain HTTP"),
    (&[(A, "<!--parameter name=\"bind-address\" locked=\"false\">hostname or IP address</parameter-->", "<parameter name=\"bind-address\">127.0.0.1</parameter>")], "receiver-port", (A, "bind-address"), "weir.toml reaches worker1 at 10.0.0.3"),
    (&[(A, "<!--parameter name=\"bind-address\" locked=\"false\">hostname or IP address</parameter-->", "<parameter name=\"bind-address\">10.0.0.4</parameter>")], "receiver-port", (A, "bind-address"), "bind-address is 10.0.0.4, the address of worker2"),
    (&[(A, "http://esb.wso2.com:80", "http://esb.wso2.com:8280")], "wsdl-prefix", (A, ":8280<"), "clients reach esb.wso2.com by http:80"),
    (&[(A, "https://esb.wso2.com:443", "https://esb.wso2.com:9443")], "wsdl-prefix", (A, ":9443"), "clients reach esb.wso2.com by"),
    (&[(A, "https://esb.wso2.com:443", "https://esb.wso2.com:443/")], "wsdl-prefix", (A, ":443/"), "ends with a slash"),
    (&[(A, "https://esb.wso2.com:443", "https://worker1.local:443")], "wsdl-prefix", (A, "worker1.local"), "have esb.wso2.com"),
    (&[(A, "https://esb.wso2.com:443", "http://esb.wso2.com:80")], "wsdl-prefix", (A, "^http://esb.wso2.com:80"), "the address of the other receiver"),
    (&[(A, "<parameter name=\"WSDLEPRPrefix\" locked=\"false\">https://esb.wso2.com:443</parameter>", "")], "wsdl-prefix", (A, "PassThroughHttpSSLListener"), "has no WSDLEPRPrefix"),
    (&[(A, "TLSv1.1,TLSv1.2", "TLSv1,TLSv1.1")], "tls-protocols", (A, "HttpsProtocols"), "Weir speaks TLS 1.2 and 1.3"),
    (&[(T, "sslEnabledProtocols=\"TLSv1.1,TLSv1.2\"", "sslEnabledProtocols=\"TLSv1\"")], "tls-protocols", (T, "sslEnabledProtocols"), "Weir speaks TLS 1.2 and 1.3"),
    (&[(C, "<HostName>esb.wso2.com", "<HostName>esb.wso2.org")], "host-name", (C, "esb.wso2.org"), "have esb.wso2.com"),
    (&[(C, "<HostName>esb.wso2.com</HostName>", "<!--HostName>esb.wso2.com</HostName-->")], "host-name", (C, "<Server"), "HostName is not there"),
    (&[("manager/conf/carbon.xml", "mgt.esb.wso2.com", "mgt.wso2.com")], "mgt-host-name", ("manager/conf/carbon.xml", "mgt.wso2.com"), "have mgt.esb.wso2.com"),
    (&[("manager/conf/carbon.xml", "<MgtHostName>mgt.esb.wso2.com</MgtHostName>", "")], "mgt-host-name", ("manager/conf/carbon.xml", "<Server"), "MgtHostName is not there"),
    (&[(C, "<Offset>0", "<Offset>1")], "offset", (C, "<Offset>"), "reaches worker1 with port-offset 0"),
    (&[(C, "<Offset>0", "<Offset>one")], "offset", (C, "<Offset>"), "is no number"),
    (&[(S, "-DworkerNode=false", "-DportOffset=2")], "offset", (S, "-DportOffset"), "the offset is 2"),
    (&[(C, "<WorkerHttpsProxyPort>443", "<WorkerHttpsProxyPort>8243")], "worker-proxy-ports", (C, "WorkerHttpsProxyPort"), "clients reach services on 443"),
    (&[("manager/conf/carbon.xml", "<WorkerHttpProxyPort>80</WorkerHttpProxyPort>", "")], "worker-proxy-ports", ("manager/conf/carbon.xml", "<Ports"), "WorkerHttpProxyPort is not there"),
    (&[("manager/conf/carbon.xml", "<WorkerHttpsProxyPort>443</WorkerHttpsProxyPort>", "<WorkerHttpsProxyPort/>")], "worker-proxy-ports", ("manager/conf/carbon.xml", "<Ports"), "WorkerHttpsProxyPort is not there"),
    (&[(C, "<!--HttpAdminServices>*</HttpAdminServices-->", "<HttpAdminServices>*</HttpAdminServices>")], "http-admin-services", (C, "<HttpAdminServices"), "without TLS"),
    (&[(C, "<Enabled>true", "<Enabled>false")], "synchronizer", (C, "<Enabled>"), "is not enabled"),
    (&[(C, "<AutoCommit>false", "<AutoCommit>true")], "auto-commit", (C, "<AutoCommit>"), "two nodes would write"),
    (&[("manager/conf/carbon.xml", "<AutoCommit>true", "<AutoCommit>false")], "auto-commit", ("manager/conf/carbon.xml", "<AutoCommit>"), "reaches no worker"),
    (&[(C, "<AutoCheckout>true", "<AutoCheckout>false")], "auto-checkout", (C, "<AutoCheckout>"), "never gets what the manager deploys"),
    (&[("*/conf/carbon.xml", "https://svn.test/repos/esb", "https://svn.wso2.org/repos/esb")], "svn", (C, "<SvnUrl>"), "repository of an example"),
    (&[(C, "https://svn.test/repos/esb", "https://svn.test/repos/other")], "svn", (C, "<SvnUrl>"), "on manager it is"),
    (&[(C, ">deployer<", ">svnuser<")], "svn", (C, "<SvnUser>"), "user of an example"),
    (&[(T, "                   proxyPort=\"443\"\n", "")], "proxy-port", (T, "^<Connector"), "in a comment"),
    (&[(T, "proxyPort=\"443\"\n", "proxyPort=\"8443\"\n")], "proxy-port", (T, "proxyPort=\"8443\"\n"), "clients come by port 443"),
    (&[(T, "                   proxyPort=\"80\"\n", "                   proxyPort=\"8080\"\n")], "proxy-port", (T, "8080"), "clients come by port"),
    (&[(T, "SSLEnabled=\"true\"", "SSLEnabled=\"true\" proxyName=\"console.local\"")], "proxy-name", (T, "proxyName"), "host of no site"),
    (&[(T, "port=\"9443\"", "port=\"9444\"")], "connector", (T, "port=\"9444\""), "no connector is on port 9443"),
    (&[(R, "<mount path=\"/_system/config\" overwrite=\"true\">\n        <instanceId>sharedregistry", "<mount path=\"/_system/config\" overwrite=\"true\">\n        <instanceId>sharedregistri")], "mount", (R, "sharedregistri<"), "did you mean \"sharedregistry\""),
    (&[(R, "<targetPath>/_system/esb", "<targetPath>/_system/other")], "mount", (R, "/_system/other"), "on manager at /_system/esb"),
    (&[(R, "/_system/governance\" overwrite", "/_system/governanc\" overwrite")], "mount", (R, "<wso2registry"), "/_system/governance is not mounted here"),
    (&[(R, "/_system/governance\" overwrite", "/_system/governanc\" overwrite")], "mount", (R, "governanc\""), "is mounted here, and on manager it is not"),
    (&[(R, "<dbConfig>shared<", "<dbConfig>sharred<")], "remote-instance", (R, "sharred"), "did you mean \"shared\""),
    (&[(R, "<dbConfig>shared<", "<dbConfig>wso2registry<")], "remote-instance", (R, "<dbConfig>wso2registry"), "nothing is shared"),
    (&[(R, "<dataSource>jdbc/WSO2SharedDB", "<dataSource>jdbc/WSO2SharedDb")], "remote-instance", (R, "WSO2SharedDb"), "no datasource of master-datasources.xml"),
    (&[(R, "<cacheId>regadmin@", "<cacheId>root@")], "cache-id", (R, "<cacheId>"), "and on manager it is \"regadmin@"),
    (&[("*/conf/registry.xml", "<cacheId>regadmin@", "<cacheId>root@")], "cache-id", (R, "<cacheId>"), "its datasource is \"regadmin@"),
    (&[(D, ">regadmin<", ">root<")], "shared-database", (D, ">root<"), "the user of jdbc/WSO2SharedDB is \"root\", and on manager"),
    (&[(R, "<readOnly>true", "<readOnly>false")], "read-only", (R, "^<readOnly>"), "beside the manager"),
    (&[("manager/conf/registry.xml", "<readOnly>false</readOnly>\n        <enableCache>", "<readOnly>true</readOnly>\n        <enableCache>")], "read-only", ("manager/conf/registry.xml", "<readOnly>true"), "nobody can write"),
    (&[(D, "3306/registry", "3306/registri")], "shared-database", (D, "3306/registri"), "and on manager it is"),
    (&[("*/conf/datasources/master-datasources.xml", "carbondb.mysql-wso2.com", "localhost"), ("*/conf/registry.xml", "carbondb.mysql-wso2.com", "localhost")], "shared-database", (D, "localhost"), "another machine on each node"),
    (&[(D, "jdbc:mysql://carbondb.mysql-wso2.com:3306/registry?autoReconnect=true", "jdbc:h2:repository/database/SHARED")], "shared-database", (D, "database/SHARED"), "H2"),
    (&[(D, "</datasources>", "<datasource><name>WSO2_SHARED_DB</name><jndiConfig><name>jdbc/WSO2SharedDB</name></jndiConfig><definition type=\"RDBMS\"><configuration><url>jdbc:mysql://other.test:3306/registry</url><username>regadmin</username><password>x</password><driverClassName>com.mysql.jdbc.Driver</driverClassName></configuration></definition></datasource></datasources>")], "shared-database", (D, "^WSO2_SHARED_DB</name><jndiConfig><name>jdbc/WSO2SharedDB</name></jndiConfig><definition type=\"RDBMS\"><configuration><url>jdbc:mysql://other"), "takes the place of the first"),
    (&[(D, "<name>WSO2_CARBON_DB<", "<name>WSO2_SHARED_DB<")], "shared-database", (D, "^<name>WSO2_SHARED_DB"), "a second datasource"),
    (&[(D, ">of-regadmin<", "><")], "shared-database", (D, "<password></password>"), "has no password"),
    (&[(D, "<password>of-regadmin</password>", "")], "shared-database", (D, "^<datasource>"), "has no password"),
    (&[(D, "com.mysql.jdbc.Driver", "org.postgresql.Driver")], "shared-database", (D, "org.postgresql.Driver"), "does not take URLs of mysql"),
    (&[(P, "180000", "30000")], "socket-timeout", (P, "30000"), "the node closes first"),
    (&[(P, "180000", "3m")], "socket-timeout", (P, "3m"), "no number of milliseconds"),
    (&[(P, "wait.sec=30", "wait.sec=0")], "shutdown-wait", (P, "wait.sec"), "is cut when the node stops"),
    (&[(S, "-DworkerNode=false", "-DworkerNode=true")], "worker-node", (S, "    -DworkerNode=true"), "does not start with it"),
    (&[(S, "-DworkerNode=false", "-Dsetup")], "start-options", (S, "-Dsetup"), "first start alone"),
    (&[(S, "-DworkerNode=false", "-Dhazelcast.config=/etc/hazelcast.xml")], "start-options", (S, "-Dhazelcast"), "do not count"),
    (&[("worker1/conf/etc/hazelcast.xml", "", "<hazelcast/>")], "hazelcast", ("worker1/conf/etc/hazelcast.xml", "<hazelcast"), "do not count"),
    (&[("worker1/conf/hazelcast.properties", "", "hazelcast.rest.enabled=true\n")], "hazelcast", ("worker1/conf/hazelcast.properties", "rest"), "without a password"),
    (&[(C, "<Version>6.1.1", "<Version>6.4.0")], "product", (C, "<Version>"), "manager is WSO2 Enterprise Integrator 6.1.1"),
    (&[(A, ">wso2.esb.domain</parameter>", ">wso2.esb.domain </parameter>")], "domain", (A, "wso2.esb.domain </"), "domain is \"wso2.esb.domain \""),
    (&[(A, ">wso2.esb.domain</parameter>", ">\n  wso2.esb.domain\n  </parameter>")], "domain", (A, "  wso2.esb.domain"), "domain is \"\\n  wso2.esb.domain\\n  \""),
    (&[(A, "name=\"domain\"", "name=\" domain\"")], "domain", (A, "<clustering"), "domain is not there"),
    (&[(A, "name=\"domain\"", "name=\" domain\"")], "parameters", (A, "\" domain\""), "did you mean \"domain\""),
    (&[(A, "<parameter name=\"AvoidInitiation\">true</parameter>", "")], "parameters", (A, "<clustering"), "before it is able to"),
    (&[(A, "<property name=\"subDomain\" value=\"worker\"/>", "<property name=\"subDomain\" value=\"worker\"/><property name=\"subDomain\" value=\"mgt\"/>")], "parameters", (A, "\"mgt\""), "the property subDomain is written twice"),
    (&[(A, "<parameter name=\"port\" locked=\"false\">8280</parameter>", "<parameter name=\"port\">8280</parameter><parameter name=\"port\">8290</parameter>")], "receiver-port", (A, "8290"), "pool esb-http of weir.toml reaches the node on 8280"),
    (&[(A, "<parameter name=\"port\" locked=\"false\">8280</parameter>", "<parameter name=\"port\">8290</parameter>\n<parameter name=\"port\">8280</parameter>")], "parameters", (A, ">8280<"), "the last one counts"),
    (&[(A, "<clustering ", "<transportReceiver name=\"http\" class=\"org.apache.synapse.transport.passthru.PassThroughHttpListener\"><parameter name=\"port\">8280</parameter><parameter name=\"WSDLEPRPrefix\">http://esb.wso2.com:80</parameter></transportReceiver>\n<clustering ")], "receiver-port", (A, "^<transportReceiver name=\"http\""), "a second receiver \"http\""),
    (&[(A, "https://esb.wso2.com:443", "https://esb.wso2.com:443/services")], "wsdl-prefix", (A, "443/services"), "ends with /services"),
    (&[(A, "<hostName>10.0.0.4</hostName>\n                <port>4300", "<hostName>10.0.0.2</hostName>\n                <port>4100")], "members", (A, "^<member>"), "is written twice"),
    (&[(C, "<HostName>esb.wso2.com</HostName>", "<HostName>esb.wso2.com</HostName>\n<HostName>localhost</HostName>")], "host-name", (C, "localhost"), "HostName is written twice"),
    (&[(C, "</Server>", "<DeploymentSynchronizer><Enabled>false</Enabled></DeploymentSynchronizer></Server>")], "synchronizer", (C, "^<DeploymentSynchronizer>"), "is written twice"),
    (&[("*/conf/carbon.xml", "WSO2 Enterprise Integrator", "WSO2 API Manager")], "product", (C, "API Manager"), "only Enterprise Integrator"),
    (&[(C, "<RepositoryType>svn", "<RepositoryType>swn")], "synchronizer", (C, "swn"), "is not known"),
    (&[(C, "<RepositoryType>svn", "<RepositoryType>git")], "synchronizer", (C, ">git<"), "and on manager it is \"svn\""),
    (&[(C, "<SvnUrlAppendTenantId>true", "<SvnUrlAppendTenantId>false")], "svn", (C, "SvnUrlAppendTenantId"), "and on manager it is \"true\""),
    (&[("*/conf/carbon.xml", "https://svn.test", "http://localhost")], "svn", (C, "<SvnUrl>"), "another machine on each node"),
    (&[("*/conf/carbon.xml", "https://svn.test", "file:///opt")], "svn", (C, "<SvnUrl>"), "each node's own machine"),
    (&[(T, "SSLEnabled=\"true\"", "SSLEnabled=\"true\" address=\"127.0.0.1\"")], "connector", (T, "address=\"127"), "where Weir does not reach it"),
    (&[(T, "SSLEnabled=\"true\"", "SSLEnabled=\"true\" address=\"10.0.0.3\"")], "connector", (T, "address=\"10"), "the address of worker1"),
    (&[(T, "SSLEnabled=\"true\"", "SSLEnabled=\"true\" address=\"192.168.0.2\"")], "connector", (T, "address=\"192"), "weir.toml reaches manager at 10.0.0.2"),
    (&[("worker1/conf/tomcat/catalina-server.xml", "SSLEnabled=\"true\"", "SSLEnabled=\"true\" address=\"10.0.0.2\"")], "connector", ("worker1/conf/tomcat/catalina-server.xml", "address=\"10"), "the address of manager"),
    (&[(T, "SSLEnabled=\"true\"", "SSLEnabled=\"false\"")], "connector", (T, "SSLEnabled=\"false\""), "this connector speaks plain HTTP"),
    (&[(T, "scheme=\"https\"", "scheme=\"http\"")], "connector", (T, "scheme=\"http\""), "scheme and secure say otherwise"),
    (&[(T, "secure=\"true\"", "secure=\"false\"")], "connector", (T, "secure=\"false\""), "scheme and secure say otherwise"),
    (&[(T, "                   proxyPort=\"80\"\n", "")], "proxy-port", (T, "<Connector"), "has no proxyPort"),
    (&[(T, "SSLEnabled=\"true\"", "SSLEnabled=\"true\" proxyName=\"esb.wso2.com\"")], "proxy-name", (T, "proxyName"), "that leads to the console"),
    (&[(R, "</wso2registry>", "<mount path=\"/_system/config\"><instanceId>sharedregistry</instanceId><targetPath>/_system/esb</targetPath></mount></wso2registry>")], "mount", (R, "^<mount"), "is mounted twice"),
    (&[(R, "/_system/config\" overwrite=\"true\"", "/_system/config\" overwrite=\"true|false|virtual\"")], "mount", (R, "virtual"), "overwrite is"),
    (&[(R, "<readOnly>true", "<readOnly>true|false")], "read-only", (R, "true|false"), "neither true nor false"),
    (&[("manager/conf/registry.xml", "<readOnly>false</readOnly>\n    <dbConfig", "<readOnly>true</readOnly>\n    <dbConfig")], "read-only", ("manager/conf/registry.xml", "<readOnly>true"), "of the whole registry"),
    (&[(D, "jdbc:h2:repository/database/WSO2CARBON_DB;DB_CLOSE_ON_EXIT=FALSE", "jdbc:mysql://carbondb.mysql-wso2.com:3306/registry"), (D, "org.h2.Driver", "com.mysql.jdbc.Driver")], "shared-database", (D, "registry?autoReconnect"), "the node's own one too"),
    (&[("*/conf/datasources/master-datasources.xml", "</datasources>", "<datasource><jndiConfig><name>jdbc/UM</name></jndiConfig><definition><configuration><url>jdbc:mysql://um.test/um</url></configuration></definition></datasource></datasources>"), (D, "um.test", "um2.test")], "shared-database", (D, "um2.test"), "jdbc/UM is"),
    (&[(S, "-DworkerNode=false", "-Dsetup=true")], "start-options", (S, "-Dsetup=true"), "first start alone"),
    (&[(A, ">wso2.esb.domain</parameter>", ">\u{a0}wso2.esb.domain</parameter>")], "domain", (A, "\u{a0}wso2.esb.domain"), "domain is \"\\u{a0}wso2.esb.domain\""),
    (&[("*/conf/axis2/axis2.xml", ">wka<", ">multicast<"), (A, "mcastPort\">45564", "mcastPort\">45565")], "membership-scheme", (A, "45565"), "and on manager it is \"45564\""),
    (&[("*/conf/axis2/axis2.xml", ">wka<", ">multicast<"), (A, "<parameter name=\"mcastPort\">45564</parameter>", "")], "membership-scheme", (A, "<clustering"), "mcastPort is \"54327\", and on manager"),
    (&[("*/conf/axis2/axis2.xml", ">wka<", ">multicast<"), (A, "mcastPort\">45564", "mcastPort\">4556x")], "membership-scheme", (A, "4556x"), "is no number"),
    (&[(A, ">wka<", ">aws<")], "membership-scheme", (A, ">aws<"), "secretKey is not there"),
    (&[(A, ">wka<", ">aws<"), (A, "<members>", "<parameter name=\"tagKey\">x</parameter><members>")], "membership-scheme", (A, "tagKey"), "without tagValue"),
    (&[(A, "<parameter name=\"HttpsProtocols\">", "<parameter name=\"SSLVerifyClient\">require</parameter>\n<parameter name=\"HttpsProtocols\">")], "receiver-port", (A, "SSLVerifyClient"), "asks for a client certificate"),
    (&[(T, "SSLEnabled=\"true\"", "SSLEnabled=\"true\" clientAuth=\"true\"")], "connector", (T, "clientAuth"), "asks for a client certificate"),
    (&[(T, "redirectPort=\"9443\"", "redirectPort=\"8443\"")], "connector", (T, "redirectPort"), "no connector of TLS is on it"),
    (&[(C, "<SvnUser>deployer<", "<SvnUser><")], "svn", (C, "<SvnUser>"), "asked as nobody"),
    (&[(C, "<AutoCommit>false", "<AutoCommit>no")], "svn", (C, "<AutoCommit>"), "counts as false"),
    (&[(D, "com.mysql.jdbc.Driver", "com.mysql.jdbc.Drivr")], "shared-database", (D, "Drivr"), "did you mean \"com.mysql.jdbc.Driver\""),
    (&[(R, "/_system/config\" overwrite=\"true\"", "/_system/config\" overwrite=\"false\"")], "mount", (R, "overwrite=\"false\""), "the mount is not made"),
    (&[("*/conf/registry.xml", "/_system/config\" overwrite=\"true\"", "/_system/config\"")], "mount", (R, "/_system/config\""), "the mount is not made"),
    (&[(R, "/_system/governance\" overwrite=\"true\"", "/_system/governance\" overwrite=\"virtual\"")], "mount", (R, "virtual"), "and on manager it is \"true\""),
    (&[(R, "<registryRoot>/<", "<registryRoot>/esb<")], "remote-instance", (R, "<registryRoot>"), "registryRoot is \"/esb\", and on manager"),
    (&[(R, "<enableCache>true", "<enableCache>false")], "remote-instance", (R, "<enableCache>"), "enableCache is \"false\", and on manager"),
    (&[("*/conf/user-mgt.xml", "", USERS), (U, "jdbc/WSO2SharedDB", "jdbc/WSO2CarbonDB")], "users", (U, "WSO2CarbonDB"), "that it has for itself"),
    (&[("*/conf/user-mgt.xml", "", USERS), (U, "jdbc/WSO2SharedDB", "jdbc/WSO2SharedDb")], "users", (U, "WSO2SharedDb"), "did you mean \"jdbc/WSO2SharedDB\""),
    (&[("*/conf/user-mgt.xml", "", USERS), (U, "<AdminRole>admin", "<AdminRole>root")], "users", (U, "<AdminRole>"), "AdminRole is \"root\", and on manager"),
    (&[("*/conf/user-mgt.xml", "", USERS), (U, "jdbc.JDBCUserStoreManager", "ldap.ReadWriteLDAPUserStoreManager")], "users", (U, "<UserStoreManager"), "the class of the user store"),
    (&[("*/conf/user-mgt.xml", "", USERS), (U, "jdbc/WSO2SharedDB", "jdbc/UM"), (D, "</datasources>", "<datasource><jndiConfig><name>jdbc/UM</name></jndiConfig><definition><configuration><url>jdbc:mysql://um.test/um</url></configuration></definition></datasource></datasources>")], "users", (U, "jdbc/UM"), "the users are in jdbc:mysql://um.test/um, and on manager in"),
    (&[("*/conf/user-mgt.xml", "", USERS), ("*/conf/user-mgt.xml", "jdbc/WSO2SharedDB", "jdbc/UM"), ("*/conf/datasources/master-datasources.xml", "</datasources>", "<datasource><jndiConfig><name>jdbc/UM</name></jndiConfig><definition><configuration><url>jdbc:mysql://localhost/um</url></configuration></definition></datasource></datasources>")], "users", (D, "localhost"), "which is another machine on each node"),
    (&[("*/conf/user-mgt.xml", "", USERS), (U, "<Password>own<", "<Password>admin<")], "admin-password", (U, "<Password>"), "the one that WSO2 ships"),
    (&[(A, "</clustering>", "")], "file", (A, "</axisconfig>"), "stands where </clustering> belongs"),
    (&[(C, "</Server>", "")], "file", (C, "</DeploymentSynchronizer>"), "a part of it is missing"),
    (&[(R, "wso2registry>", "registry>")], "file", (R, "<registry>"), "this is <registry>"),
];

#[test]
fn each_planted_fault_is_found_at_its_place() {
    for guide in [World::new("ei"), World::new("ei").with(SHOP)] {
        let wrong: String = FAULTS.iter().filter_map(|fault| missed(&guide, fault)).collect();
        assert!(wrong.is_empty(), "{wrong}");
    }
}

/// What was found instead.
fn missed(guide: &World, (edits, name, (file, part), words): &Fault) -> Option<String> {
    let config = config::load(&guide.room.0.join("conf/weir.toml")).unwrap();
    let world = World { room: Directory::new("wso2-fault"), config };
    copy(&root().join("tests/wso2/ei"), &world.room.0);
    edits.iter().for_each(|edit| world.edit(*edit));
    let findings = world.check().findings;
    let line = world.line(file, part.trim_end_matches('\n'));
    let is_it = |one: &Finding| {
        let at = &one.problem.at;
        let its_place = at.line == line && at.file.ends_with(file);
        one.check.name == *name && its_place && one.problem.to_string().contains(words)
    };
    let found = findings.iter().any(is_it) && findings.len() <= 4;
    (!found).then(|| format!("{edits:?}: {name} {file}:{line} {words}\n  found:\n{}", said(&findings)))
}

/// What is wrong in comparison with `[cluster]`; the check; the words.
const AGAINST_CLUSTER: &[(Edit, &str, &str)] = &[
    (("*/conf/axis2/axis2.xml", ">wka<", ">multicast<"), "membership-scheme", "[cluster] of weir.toml says \"wka\""),
    (
        ("*/conf/axis2/axis2.xml", ">wso2.esb.domain<", ">esb<"),
        "domain",
        "[cluster] of weir.toml says \"wso2.esb.domain\"",
    ),
    (("*/conf/axis2/axis2.xml", ">4100<", ">4101<"), "member-port", "[cluster] of weir.toml says 4100"),
    (("*/conf/carbon.xml", "<Enabled>true", "<Enabled>false"), "synchronizer", "[cluster] of weir.toml says \"svn\""),
    (("*/conf/carbon.xml", "svn.test/repos/esb", "svn.test/esb"), "svn", "[cluster] of weir.toml says"),
    (
        ("*/conf/datasources/master-datasources.xml", "3306/registry", "3306/reg"),
        "shared-database",
        "[cluster.database] of weir.toml says",
    ),
    (
        ("*/conf/datasources/master-datasources.xml", ">regadmin<", ">root<"),
        "shared-database",
        "the user of the shared database is",
    ),
    (("*/conf/registry.xml", "mount", "mnt"), "mount", "there is no mount"),
];

#[test]
fn nodes_that_agree_with_each_other_are_compared_with_the_cluster() {
    for (edit, name, words) in AGAINST_CLUSTER {
        let world = World::new("ei").with(CLUSTER);
        world.edit(*edit);
        let findings = world.check().findings;
        let found = findings.iter().any(|one| one.check.name == *name && one.problem.to_string().contains(words));
        assert!(found, "{edit:?}: {name} {words}\n{}", said(&findings));
    }
}

/// Faults that need another weir.toml, keystores, or the system.
#[test]
fn names_and_certificates_are_those_of_the_sites() {
    let world = World::new("ei");
    let path = world.room.0.join("conf/weir.toml");
    let text = fs::read_to_string(&path).unwrap().replace("hosts = [\"esb.wso2.com\"]", "hosts = [\"*.wso2.com\"]");
    fs::write(&path, text).unwrap();
    world.room.certificate("certs/wrk", &["*.wso2.com"]);
    let world = world.with("");
    world.edit(("*/conf/carbon.xml", ">esb.wso2.com<", ">a.b.wso2.com<"));
    let findings = world.check().findings;
    assert_eq!(findings.len(), 3, "{}", said(&findings));
    assert!(
        said(&findings).contains("[certificate] ") && said(&findings).contains("is not for \"a.b.wso2.com\""),
        "{}",
        said(&findings)
    );

    let world = World::new("ei");
    world.edit(("*/conf/datasources/master-datasources.xml", "carbondb.mysql-wso2.com", "db.invalid"));
    world.edit(("*/conf/registry.xml", "carbondb.mysql-wso2.com", "db.invalid"));
    let nodes = vec![(0, world.room.0.join("worker1"))];
    let asked = Asked { config: &world.config, nodes, resolve: true, now: SystemTime::now() };
    let findings = said(&check(&asked).findings);
    assert!(findings.contains("[resolves] ") && findings.contains("\"db.invalid\""), "{findings}");
}

/// A keystore with a key that nobody reads, and this certificate.
fn keystore(certificate: &[u8]) -> Vec<u8> {
    let short = |text: &[u8]| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text].concat();
    let long = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let head = [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1];
    [&head[..], &short(b"wso2carbon"), &[0; 8], &long(b"key"), &[0, 0, 0, 1], &short(b"X.509"), &long(certificate)]
        .concat()
}

#[test]
fn the_certificate_that_a_node_shows_is_the_one_that_pools_pin() {
    let world = World::new("ei");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let store = world.room.0.join("worker1/repository/resources/security/wso2carbon.jks");
    fs::create_dir_all(store.parent().unwrap()).unwrap();
    let none = said(&world.check().findings);
    assert_eq!(none.matches("there is no such keystore").count(), 3, "{none}");
    for (bytes, words) in [
        (b"404 Not Found".to_vec(), "this file is no keystore"),
        (vec![0x30, 0x82, 5, 0], "this keystore is PKCS12 or JCEKS, which is not read here"),
        (keystore(made.cert.der())[..60].to_vec(), "ends too early"),
        (vec![0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 0], "has no private key"),
    ] {
        fs::write(&store, bytes).unwrap();
        let findings = said(&world.check().findings);
        assert!(findings.contains(words), "{words:?} is not in\n{findings}");
    }
    let named = |alias: &[u8]| {
        let mut bytes = keystore(made.cert.der());
        let at = bytes.windows(10).position(|part| part == b"wso2carbon").unwrap();
        bytes[at..at + 10].copy_from_slice(alias);
        bytes
    };
    fs::write(&store, named(b"wso2carbom")).unwrap();
    let findings = said(&world.check().findings);
    assert!(
        findings.contains("this keystore has no key \"wso2carbon\"") && findings.contains("did you mean"),
        "{findings}"
    );
    fs::write(&store, keystore(made.cert.der())).unwrap();
    let findings = said(&world.check().findings);
    assert!(
        findings.contains("[keystore] ") && findings.contains("pool esb-https of weir.toml pins other certificates"),
        "{findings}"
    );
    let pin = config::certificate::pin_text(config::certificate::pin_of(made.cert.der()));
    assert!(findings.contains(&format!("add {pin}")), "{findings}");
    let path = world.room.0.join("conf/weir.toml");
    let text = fs::read_to_string(&path).unwrap().replace(&format!("sha256:{}", "ab".repeat(32)), &pin);
    fs::write(&path, text).unwrap();
    assert_eq!(said(&world.with("").check().findings), "");
}

/// What another server has is neither missing from the cluster nor right for its nodes.
#[test]
fn other_servers_behind_the_same_weir_are_not_of_the_cluster() {
    for more in [SHOP.to_owned(), format!("{SHOP}{CLUSTER}")] {
        let world = World::new("ei").with(&more);
        assert_eq!(said(&world.check().findings), "");
        world.edit((C, "<HostName>esb.wso2.com", "<HostName>shop.test"));
        world.edit((A, "http://esb.wso2.com:80", "http://shop.test:80"));
        let findings = said(&world.check().findings);
        assert!(findings.contains("have esb.wso2.com") && findings.contains("write esb.wso2.com"), "{findings}");
        assert!(findings.contains("the host \"shop.test\"") && findings.contains("write http://esb"), "{findings}");
        assert_eq!(findings.lines().count(), 2, "{findings}");
    }
    // With two nodes in the cluster, each knows the only other one.
    let world = World::new("ei");
    let path = world.room.0.join("conf/weir.toml");
    let text = fs::read_to_string(&path).unwrap().replace("\"worker1\", \"worker2\"", "\"worker1\"");
    fs::write(&path, text.replace("[[node]]\nname = \"worker2\"\naddress = \"10.0.0.4\"\n", "")).unwrap();
    let world = world.with(SHOP);
    let other = "            <member>\n                <hostName>10.0.0.4</hostName>\n                <port>4300</port>\n            </member>\n";
    for node in ["manager/conf/axis2/axis2.xml", A] {
        world.edit((node, other, ""));
    }
    assert_eq!(said(&world.check_of(&["manager", "worker1"]).findings), "");
    // A member at the address of another server.
    let world = World::new("ei").with(&format!("{SHOP}{CLUSTER}"));
    world.edit((A, "<hostName>10.0.0.4<", "<hostName>10.0.0.9<"));
    let findings = said(&world.check().findings);
    assert!(findings.contains("is the address of shop, which is no node of this cluster"), "{findings}");
}

/// Two more workers, which know each other and themselves alone.
#[test]
fn two_halves_that_never_hear_of_each_other_are_found() {
    let more = "\n[[node]]\nname = \"worker3\"\naddress = \"10.0.0.5\"\n[[node]]\nname = \"worker4\"\naddress = \"10.0.0.6\"\n";
    let world = World::new("ei").with(more);
    for (name, host) in [("worker3", "10.0.0.5"), ("worker4", "10.0.0.6")] {
        copy(&root().join("tests/wso2/ei/worker1"), &world.room.0.join(name));
        let path = world.room.0.join(name).join("conf/axis2/axis2.xml");
        let text = fs::read_to_string(&path)
            .unwrap()
            .replace("localMemberHost\">10.0.0.3", &format!("localMemberHost\">{host}"));
        let text = text.replace(">10.0.0.2<", ">10.0.0.5<").replace(">10.0.0.4<", ">10.0.0.6<");
        fs::write(&path, text.replace(">4100<", ">4200<").replace(">4300<", ">4200<")).unwrap();
    }
    let findings = said(&world.check_of(&["manager", "worker1", "worker2", "worker3", "worker4"]).findings);
    assert!(findings.contains("no way leads from worker3 to manager by members"), "{findings}");
    assert_eq!(findings.lines().count(), 1, "{findings}");
}

/// What other databases, and other ways to write a cluster, look like.
const CONFIG_SOURCE: &str = "<datasource><jndiConfig><name>jdbc/WSO2ConfigDB</name></jndiConfig><definition><configuration><url>jdbc:mysql://carbondb.mysql-wso2.com:3306/config</url><username>regadmin</username><password>x</password></configuration></definition></datasource></datasources>";
const OTHER_SOURCES: &str = "<datasources-configuration><datasources><datasource><jndiConfig><name>jdbc/WSO2ConfigDB</name></jndiConfig><definition><configuration><url>jdbc:mysql://carbondb.mysql-wso2.com:3306/config</url><username>regadmin</username><password>x</password></configuration></definition></datasource></datasources></datasources-configuration>";
const CONFIG_REMOTE: &str = "<dbConfig name=\"conf\"><dataSource>jdbc/WSO2ConfigDB</dataSource></dbConfig><remoteInstance url=\"x\"><id>conf</id><dbConfig>conf</dbConfig><readOnly>true</readOnly></remoteInstance><mount path=\"/_system/config\" overwrite=\"true\"><instanceId>conf";

#[test]
fn two_shared_databases_are_right_and_so_is_no_cache_id() {
    let mount = "<mount path=\"/_system/config\" overwrite=\"true\">\n        <instanceId>sharedregistry";
    let world = World::new("ei").with(CLUSTER);
    world.edit(("*/conf/datasources/master-datasources.xml", "</datasources>", CONFIG_SOURCE));
    world.edit(("*/conf/registry.xml", mount, CONFIG_REMOTE));
    world.edit(("manager/conf/registry.xml", "<readOnly>true", "<readOnly>false"));
    world.edit(("*/conf/registry.xml", "<cacheId>", "<!--cacheId>"));
    world.edit(("*/conf/registry.xml", "</cacheId>", "</cacheId-->"));
    assert_eq!(said(&world.check().findings), "");
    world.edit(("*/conf/datasources/master-datasources.xml", "3306/registry", "3306/other"));
    let findings = said(&world.check().findings);
    assert_eq!(findings.matches("[cluster.database] of weir.toml says").count(), 3, "{findings}");
}

#[test]
fn other_ways_to_write_the_same_are_right() {
    let driver = "com.mysql.jdbc.Driver";
    for edits in [
        &[("*/conf/user-mgt.xml", "", USERS)][..],
        &[("*/conf/datasources/master-datasources.xml", driver, "org.mariadb.jdbc.Driver")],
        &[("*/conf/datasources/master-datasources.xml", driver, "com.mysql.cj.jdbc.Driver")],
        &[("*/conf/datasources/master-datasources.xml", driver, "com.mysql.jdbc.jdbc2.optional.MysqlXADataSource")],
        &[("*/conf/datasources/master-datasources.xml", "<password>of-regadmin", "<password svns:secretAlias=\"A\">")],
        &[("*/conf/registry.xml", "overwrite=\"true\"", "overwrite=\"virtual\"")],
        &[("*/conf/registry.xml", "overwrite=\"true\"", "overwrite=\"TRUE\"")],
        &[("*/conf/registry.xml", "<registryRoot>/</registryRoot>", "")],
        &[("*/conf/registry.xml", "<enableCache>true", "<enableCache>false")],
        &[("*/conf/carbon.xml", "<SvnUser>deployer</SvnUser>", "")],
        &[("worker1/conf/carbon.xml", "<WorkerHttpProxyPort>80</WorkerHttpProxyPort>", "")],
        &[("*/conf/axis2/axis2.xml", ">wka<", ">multicast<")],
        &[(
            "manager/conf/tomcat/catalina-server.xml",
            "SSLEnabled=\"true\"",
            "SSLEnabled=\"true\" address=\"10.0.0.2\"",
        )],
        &[("*/conf/tomcat/catalina-server.xml", "SSLEnabled=\"true\"", "SSLEnabled=\"true\" address=\"0.0.0.0\"")],
        &[
            ("*/conf/datasources/esb-datasources.xml", "", OTHER_SOURCES),
            ("*/conf/registry.xml", "<dataSource>jdbc/WSO2SharedDB", "<dataSource>jdbc/WSO2ConfigDB"),
            ("*/conf/registry.xml", "3306/registry?autoReconnect=true", "3306/config"),
        ],
        &[("*/conf/tomcat/catalina-server.xml", "redirectPort=\"9443\"", "redirectPort=\"443\"")],
        &[("*/conf/tomcat/catalina-server.xml", "SSLEnabled=\"true\"", "SSLEnabled=\"true\" clientAuth=\"want\"")],
        &[("*/conf/axis2/axis2.xml", ">wso2.esb.domain</parameter>", ">\n  wso2.esb.domain\t</parameter>")],
        &[("*/conf/axis2/axis2.xml", ">wso2.esb.domain</parameter>", ">wso2.esb.<!-- x -->domain</parameter>")],
    ] {
        let world = World::new("ei");
        edits.iter().for_each(|edit| world.edit(*edit));
        assert_eq!(said(&world.check().findings), "", "{edits:?}");
    }
}

#[test]
fn what_weir_toml_and_other_nodes_say_differently_is_told_once() {
    for edit in [(D, "3306/registry", "3306/registri"), (D, ">regadmin<", ">root<")] {
        let world = World::new("ei").with(CLUSTER);
        world.edit(edit);
        let findings = said(&world.check().findings);
        assert_eq!(findings.matches("[shared-database]").count(), 1, "{findings}");
    }
}

#[test]
fn what_differs_on_one_node_is_reported_on_that_node_alone() {
    let group = "<parameter name=\"groupPassword\">x</parameter><members>";
    for edit in [
        (R, "/_system/governance\" overwrite", "/_system/governanc\" overwrite"),
        (
            R,
            "</wso2registry>",
            "<mount path=\"/x\"><instanceId>sharedregistry</instanceId><targetPath>/x</targetPath></mount></wso2registry>",
        ),
        (A, "<members>", group),
        (D, "3306/registry", "3306/other"),
        (C, "<Enabled>true", "<Enabled>false"),
    ] {
        let world = World::new("ei");
        world.edit(edit);
        let findings = world.check().findings;
        let elsewhere = findings.iter().find(|one| !one.problem.at.file.to_string_lossy().contains("/worker1/"));
        assert!(!findings.is_empty() && elsewhere.is_none(), "{edit:?}\n{}", said(&findings));
    }
    let world = World::new("ei");
    world.edit(("*/conf/carbon.xml", "<Enabled>true", "<Enabled>false"));
    world.edit((C, "<Enabled>false", "<Enabled>true"));
    let findings = said(&world.check().findings);
    assert!(findings.contains("worker1/conf/carbon.xml") && findings.lines().count() == 1, "{findings}");
}

#[test]
fn a_cluster_of_ei_without_sub_domains_has_one_warning() {
    let world = World::new("ei").with(CLUSTER);
    for name in ["mgt", "worker"] {
        for node in NODES {
            let path = world.room.0.join(node).join("conf/axis2/axis2.xml");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replace(&format!("<property name=\"subDomain\" value=\"{name}\"/>"), "")).unwrap();
        }
    }
    let findings = world.check().findings;
    assert!(findings.len() == 1 && !findings[0].is_error, "{}", said(&findings));
}

#[test]
fn a_value_that_is_filled_in_elsewhere_is_not_judged() {
    for (edit, words) in [
        ((C, "<HostName>esb.wso2.com", "<HostName>${host.name}"), "its value is not known here"),
        ((C, "<Offset>0", "<Offset>${portOffset}"), "its value is not known here"),
        ((A, ">8280<", ">${http.port}<"), "its value is not known here"),
        ((A, ">8280<", ">{{ http_port }}<"), "this is a template"),
        ((A, ">wso2.esb.domain</parameter>", ">&lt;%= @domain %></parameter>"), "this is a template"),
        ((T, "proxyPort=\"443\"\n", "proxyPort=\"${port}\"\n"), "its value is not known here"),
        ((D, "carbondb.mysql-wso2.com", "${db.host}"), "its value is not known here"),
        ((C, "https://svn.test/repos/esb", "${svn}"), "its value is not known here"),
    ] {
        let world = World::new("ei");
        world.edit(edit);
        let findings = world.check().findings;
        let text = said(&findings);
        assert!(findings.len() == 1 && !findings[0].is_error && text.contains(words), "{edit:?}\n{text}");
    }
    let world = World::new("ei");
    let conf = world.room.0.join("worker1/conf");
    fs::rename(conf.join("carbon.xml"), conf.join("carbon.xml.erb")).unwrap();
    let findings = said(&world.check_of(&["worker1"]).findings);
    assert!(findings.contains("carbon.xml.erb is a template") && findings.lines().count() == 1, "{findings}");
    fs::remove_file(conf.join("axis2/axis2.xml")).unwrap();
    let findings = said(&world.check_of(&["worker1"]).findings);
    assert!(findings.contains("carbon.xml.erb is a template") && findings.lines().count() == 1, "{findings}");
}

#[test]
fn of_many_findings_all_errors_are_kept_and_the_others_counted() {
    let world = World::new("ei");
    let many = "<parameter name=\"mcastBindAddress\">x</parameter>".repeat(9000);
    let path = world.room.0.join(A);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("<members>", &format!("{many}<members>"))).unwrap();
    let checked = world.check();
    let errors = checked.findings.iter().filter(|one| one.is_error).count();
    assert_eq!((errors, checked.findings.len() - errors, checked.left_out), (8999, 1000, 8000));
    let directory = format!("--node=worker1={}", world.room.0.join("worker1").display());
    let said = weir(&world, &[&directory]);
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(
        text.ends_with("read; 17999 findings\n") && said.status.code() == Some(78),
        "{}",
        &text[text.len() - 100..]
    );
}

#[test]
fn what_weir_toml_says_decides_which_file_is_wrong() {
    let world = World::new("ei").with(CLUSTER);
    world.edit((A, ">4200<", ">4201<"));
    let findings = said(&world.check().findings);
    assert!(findings.contains("[cluster] of weir.toml says 4200") && findings.lines().count() == 1, "{findings}");
    let world = World::new("ei");
    world.edit((S, "-DworkerNode=false", "-Dx=1 # -DworkerNode=true"));
    assert_eq!(said(&world.check().findings), "");
}

#[test]
fn no_password_is_printed() {
    let world = World::new("ei");
    let url = "3306/registri?user=a&amp;password=hunter2&amp;autoReconnect=true";
    world.edit((D, "3306/registry?autoReconnect=true", url));
    world.edit((
        D,
        "<driverClassName>com.mysql.jdbc.Driver",
        "<password>hunter2</password><driverClassName>com.mysql.jdbc.Drivr",
    ));
    world.edit((D, "com.mysql.jdbc.Drivr", "org.postgresql.Driver"));
    world.edit((R, "3306/registry?autoReconnect=true", url));
    world.edit((A, "<members>", "<parameter name=\"groupPasswort\">hunter2</parameter><members>"));
    world.edit((
        A,
        "PassThroughHttpSSLListener\">",
        "PassThroughHttpListener\"><parameter name=\"x\"><Password>hunter2</Password></parameter>",
    ));
    world.edit((C, "https://svn.test", "https://me:hunter2@svn.test"));
    let nodes: Vec<String> =
        NODES.iter().map(|name| format!("--node={name}={}", world.room.0.join(name).display())).collect();
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    for more in [&[][..], &["--json"]] {
        let said = String::from_utf8(weir(&world, &[&nodes[..], more].concat()).stdout).unwrap();
        assert!(said.contains("password=***") && said.contains("me:***@svn.test"), "{said}");
        assert!(said.contains("groupPassword") && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn no_line_around_a_password_is_drawn() {
    let world = World::new("ei");
    // A fault on the line of each of them, and passwords on lines without their names.
    world.edit((
        T,
        "proxyPort=\"443\"\n",
        "keystorePass=\"hunter2\" truststorePass=\n\"hunter2\" proxyPort=\"8443\"\n",
    ));
    let on_its_own = "<parameter name=\"groupPasswort\">\nhunter2</parameter><parameter name=\"mcastBindAddress\">x</parameter><members>";
    world.edit((A, "<members>", on_its_own));
    world.edit((A, ">8280<", ">8290<"));
    let node = |name: &str| format!("--node={name}={}", world.room.0.join(name).display());
    let told = String::from_utf8(weir(&world, &[&node("manager"), &node("worker1")]).stdout).unwrap();
    assert!(told.contains("clients come by port 443") && told.contains("mcastBindAddress"), "{told}");
    assert!(!told.contains("hunter2") && told.contains(">8290<"), "{told}");
}

/// Of a reference to the secure vault the text does not matter.
#[test]
fn a_password_in_the_vault_is_not_the_shipped_one() {
    let world = World::new("ei");
    world.edit(("*/conf/user-mgt.xml", "", USERS));
    let vault = "<Password xmlns:svns=\"http://org.wso2.securevault/configuration\" svns:secretAlias=\"A\">admin<";
    world.edit((U, "<Password>own<", vault));
    assert_eq!(said(&world.check().findings), "");
}

#[test]
fn each_check_has_a_fault() {
    let planted: Vec<&str> = FAULTS.iter().map(|(_, name, ..)| *name).collect();
    let elsewhere = ["certificate", "resolves", "keystore"];
    for check in checks::ALL {
        assert!(planted.contains(&check.name) || elsewhere.contains(&check.name), "{} has no fault", check.name);
    }
}

/// A place and a sentence for everything that is no file of a node.
#[test]
fn what_is_no_file_of_a_node_is_told_and_waits_for_nobody() {
    let world = World::new("ei");
    let at = |name: &str| world.room.0.join("worker1/conf").join(name);
    let replaced = |name: &str| {
        fs::remove_file(at(name)).unwrap();
        at(name)
    };
    let pipe = replaced("carbon.xml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let large = fs::File::create(at("axis2/axis2.xml")).unwrap();
    large.set_len(1 << 30).unwrap();
    fs::create_dir(replaced("registry.xml")).unwrap();
    let link = replaced("tomcat/catalina-server.xml");
    std::os::unix::fs::symlink(&link, &link).unwrap();
    fs::write(at("datasources/master-datasources.xml"), [0xff, 0xfe, b'<', 0]).unwrap();
    let findings = said(&world.check_of(&["worker1"]).findings);
    for part in [
        "carbon.xml: this is a pipe, not a file",
        "axis2.xml: the file is larger than 4 MiB",
        "registry.xml: this is a directory, not a file",
        "catalina-server.xml: the file cannot be read: ",
        "master-datasources.xml: the file is in UTF-16",
    ] {
        assert!(findings.contains(part), "{part:?} is not in\n{findings}");
    }
    assert_eq!(findings.lines().count(), 5, "{findings}");
}

#[test]
fn no_xml_makes_it_panic_or_grow() {
    let world = World::new("ei");
    let path = world.room.0.join("worker1/conf/carbon.xml");
    let laughs = "<!DOCTYPE a [<!ENTITY a \"&b;&b;\"><!ENTITY b \"&a;&a;\">]><Server>&a;</Server>";
    for (text, words) in [
        (String::new(), "the file is empty"),
        ("HostName=esb.wso2.com\n".to_owned(), "this is no XML"),
        (laughs.to_owned(), "has a DTD"),
        ("<a>".repeat(10_000), "a part of it is missing"),
        (format!("<Server>{}</Server>", "<a/>".repeat(300_000)), "more than 50000 elements"),
        ("<html><body>404</body></html>".to_owned(), "this is <html>, not <Server>"),
        ("<Server><a b=\"1\" b=\"2\"/></Server>".to_owned(), "this is no XML: attribute 'b'"),
    ] {
        fs::write(&path, &text).unwrap();
        let findings = said(&world.check_of(&["worker1"]).findings);
        assert!(findings.contains(words), "{words:?} is not in\n{findings}");
    }
    let files =
        ["axis2/axis2.xml", "carbon.xml", "tomcat/catalina-server.xml", "registry.xml", "passthru-http.properties"];
    for file in files {
        let path = world.room.0.join("worker1/conf").join(file);
        let whole = fs::read(root().join("tests/wso2/ei/worker1/conf").join(file)).unwrap();
        for end in (0..whole.len()).step_by(37) {
            let mut broken = whole.clone();
            broken[end] = [b'<', b'"', 0, 0xff, b'&', b'>'][end % 6];
            for bytes in [&whole[..end], &broken] {
                fs::write(&path, bytes).unwrap();
                world.check_of(&["worker1"]);
            }
        }
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn a_directory_without_a_node_is_told() {
    let world = World::new("ei");
    let worker = world.room.0.join("worker1");
    for (make, words) in [
        ("", "the directory cannot be read"),
        ("x", "there is neither carbon.xml nor"),
        ("conf/deployment.toml", "deployment.toml is here"),
        ("wso2ei-6.1.1/conf/carbon.xml", "did you mean "),
    ] {
        fs::remove_dir_all(&worker).ok();
        if !make.is_empty() {
            fs::create_dir_all(worker.join(make).parent().unwrap()).unwrap();
            fs::write(worker.join(make), "").unwrap();
        }
        let findings = said(&world.check_of(&["worker1"]).findings);
        assert!(findings.contains(words) && findings.lines().count() == 1, "{findings}");
    }
}

fn weir(world: &World, more: &[&str]) -> Output {
    let config = world.room.0.join("conf/weir.toml");
    Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["wso2", "check", "--config"])
        .arg(config)
        .args(more)
        .output()
        .unwrap()
}

/// The whole output of one broken tree, as a terminal without colours shows it.
#[test]
fn findings_are_drawn_as_weir_check_draws_them() {
    let world = World::new("esb");
    world.edit(("worker2/repository/conf/axis2/axis2.xml", "<hostName>10.0.0.3<", "<hostName>127.0.0.1<"));
    world.edit(("worker2/repository/conf/axis2/axis2.xml", "value=\"worker\"", "value=\"mgt\""));
    world.edit(("worker2/repository/conf/registry.xml", "<readOnly>true", "<readOnly>false"));
    world.edit(("worker2/repository/conf/passthru-http.properties", "wait.sec=30", "wait.sec=0"));
    world.edit(("manager/repository/conf/tomcat/catalina-server.xml", "                   proxyPort=\"443\"\n", ""));
    let nodes: Vec<String> =
        NODES.iter().map(|name| format!("--node={name}={}", world.room.0.join(name).display())).collect();
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let said = weir(&world, &nodes);
    let text = String::from_utf8(said.stdout).unwrap().replace(world.room.0.to_str().unwrap(), "$dir");
    let golden = root().join("tests/wso2/broken.expected");
    if std::env::var_os("WEIR_WRITE_REPORTS").is_some() {
        fs::write(&golden, &text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&golden).unwrap_or_default(), "WEIR_WRITE_REPORTS=1 writes it anew");
    assert_eq!(said.status.code(), Some(78));
    let json = weir(&world, &[&nodes[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["ok"], &json["nodes"]), (&false.into(), &3.into()), "{json}");
    assert_eq!(json["findings"][0]["check"], "proxy-port", "{json}");
    assert_eq!(json["findings"][0]["column"], 9, "{json}");
}

#[test]
fn the_command_says_what_it_needs_and_how_it_went() {
    let world = World::new("esb");
    let node = format!("worker1={}", world.room.0.join("worker1").display());
    let twice = node.replacen("worker1=", "worker2=", 1);
    let run = |more: &[&str]| {
        let said = weir(&world, more);
        (said.status.code(), String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned())
    };
    assert_eq!(run(&["--node", &node]), (Some(0), "7 files of 1 node read; 0 findings\n".to_owned()));
    for (more, code, words) in [
        (&["--node", "worker9=/tmp"][..], 1, "has no node \"worker9\"; did you mean"),
        (&["--node", &node, "--node", &node], 1, "--node names \"worker1\" twice"),
        (&["--node", &node, "--node", &twice], 1, "--node names one directory for \"worker1\" and \"worker2\""),
        (&["--node", &node, "--node", &format!("{twice}/repository/conf")], 78, "of worker2 are those of worker1 too"),
        (&["--node", "worker1"], 2, "write NAME=DIR"),
        (&[], 2, "--node"),
        (&["--node", "worker1=/nowhere"], 78, "the directory cannot be read"),
    ] {
        let (is, said) = run(more);
        assert!(is == Some(code) && said.contains(words), "{more:?}: {is:?} {said}");
    }
}
