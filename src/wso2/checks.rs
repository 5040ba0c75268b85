//! Everything that is checked. docs/wso2.md has its table from here, and a test plants a fault for each.

/// One check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its word in `--json`.
    pub name: &'static str,
    /// The file that it reads.
    pub file: &'static str,
    /// What must hold.
    pub holds: &'static str,
}

const AXIS2: &str = "axis2/axis2.xml";
const CARBON: &str = "carbon.xml";
const CATALINA: &str = "tomcat/catalina-server.xml";
const REGISTRY: &str = "registry.xml";
const SOURCES: &str = "datasources/master-datasources.xml";
const USER_MGT: &str = "user-mgt.xml";
const PASSTHRU: &str = "passthru-http.properties";
const START: &str = "bin/integrator.sh, bin/wso2server.sh, wrapper.conf";

macro_rules! checks {
    ($($name:ident, $word:literal, $file:expr, $holds:literal;)*) => {
        $(pub(crate) const $name: Check = Check { name: $word, file: $file, holds: $holds };)*
        /// All of them, in the order of the documentation.
        pub const ALL: &[Check] = &[$($name),*];
    };
}

checks! {
    FILE, "file", "all", "it is there where the node needs it, is of no other node, can be read, and is well-formed XML with the right outermost element";
    PRODUCT, "product", CARBON, "all nodes are of one product and version, Enterprise Integrator or Enterprise Service Bus";
    ENABLED, "clustering-enabled", AXIS2, "there is one `clustering` element, enabled, with Hazelcast's class";
    SCHEME, "membership-scheme", AXIS2, "`membershipScheme` is known, the same on all nodes, and that of `[cluster]`; what it needs is there: with `multicast` the same address and port, with `aws` keys";
    DOMAIN, "domain", AXIS2, "`domain` is the same on all nodes and that of `[cluster]`, and not the one that is shipped";
    GROUP_PASSWORD, "group-password", AXIS2, "`groupPassword` is the same on all nodes";
    MEMBER_HOST, "member-host", AXIS2, "`localMemberHost` is an IP address of this node, not this machine's loopback and not another node's";
    MEMBER_PORT, "member-port", AXIS2, "`localMemberPort` is a port that nothing else on this address has, of no node, and that of `[cluster]`";
    MEMBERS, "members", AXIS2, "each of `members` is some node's host and port; there are two or more, others than the node itself, and all nodes find each other";
    SUB_DOMAIN, "sub-domain", AXIS2, "`subDomain` is `mgt` on the manager alone and `worker` on all others; EI may do without on all nodes";
    PATTERN, "clustering-pattern", AXIS2, "EI: `clusteringPattern` leaves a node that runs scheduled tasks";
    PARAMETERS, "parameters", AXIS2, "no parameter or property is written twice, misspelt, or read by nothing; `AvoidInitiation` is true; `groupManagement` is off";
    RECEIVER, "receiver-port", AXIS2, "the receivers of http and https, with the offset, are on the ports of the pools, plain and TLS, and on an address that Weir reaches, and ask for no client certificate";
    PREFIX, "wsdl-prefix", AXIS2, "`WSDLEPRPrefix` of both receivers is the public address of a site, without a slash or `/services` at its end";
    PROTOCOLS, "tls-protocols", "axis2/axis2.xml, tomcat/catalina-server.xml", "TLS 1.2 or newer is among the protocols";
    HOST_NAME, "host-name", CARBON, "`HostName` is a host of the workers' sites";
    MGT_HOST_NAME, "mgt-host-name", CARBON, "`MgtHostName` is a host of the console's site; the manager has one";
    CERTIFICATE, "certificate", CARBON, "the certificates of the sites cover `HostName` and `MgtHostName`";
    RESOLVES, "resolves", CARBON, "with `--resolve`: host names of the nodes and of their databases have an address on this machine";
    OFFSET, "offset", CARBON, "`Offset`, or `-DportOffset` of the start script, is the node's `port-offset`";
    WORKER_PORTS, "worker-proxy-ports", CARBON, "`WorkerHttpProxyPort` and `WorkerHttpsProxyPort` are the public ports of the workers' sites; the manager has both";
    ADMIN_SERVICES, "http-admin-services", CARBON, "`HttpAdminServices` does not open the admin services without TLS";
    SYNCHRONIZER, "synchronizer", CARBON, "the deployment synchronizer is on or off on all nodes, as in `[cluster]`; its `RepositoryType` is known and the same";
    AUTO_COMMIT, "auto-commit", CARBON, "`AutoCommit` is true on the manager alone";
    AUTO_CHECKOUT, "auto-checkout", CARBON, "`AutoCheckout` is true on all nodes";
    SVN, "svn", CARBON, "`SvnUrl` is the same on all nodes, that of `[cluster]`, no example, and on no node itself; its user is no example and not empty; `SvnUrlAppendTenantId` is the same";
    PROXY_PORT, "proxy-port", CATALINA, "`proxyPort` is an attribute of the connectors, and the public port of the console's site";
    PROXY_NAME, "proxy-name", CATALINA, "`proxyName` is a host of a site, on the manager of the console's";
    CONNECTOR, "connector", CATALINA, "a connector is on the port by which a pool reaches the console, on an address that Weir reaches, with the right `scheme` and `secure`, and asks for no client certificate; `redirectPort` is one of TLS";
    MOUNT, "mount", REGISTRY, "each mount names a remote instance and may take its path over (`overwrite`); all nodes have the same mounts and targets; with `[cluster.database]` there is one";
    REMOTE, "remote-instance", REGISTRY, "each remote instance has a `dbConfig` of its own, with a datasource that exists; `registryRoot` and `enableCache` are the same on all nodes";
    CACHE, "cache-id", REGISTRY, "`cacheId`, where there is one, is user@URL of its datasource, and the same on all nodes";
    READ_ONLY, "read-only", REGISTRY, "`readOnly` is false on the manager, also for the whole registry, and true on workers";
    SHARED, "shared-database", SOURCES, "the shared database is a server, at the same URL and user from all nodes, that of `[cluster.database]`, and not a node's own one, and has a password; no two datasources have one name; the driver is a known one that fits the URL; other databases are the same";
    USERS, "users", USER_MGT, "the datasource of the users is there; between several nodes it is a server and the same database, and administrator, roles and user store are the same";
    ADMIN, "admin-password", USER_MGT, "the administrator's password is not the one that WSO2 ships";
    SOCKET_TIMEOUT, "socket-timeout", PASSTHRU, "`http.socket.timeout` is not shorter than the pool waits (180 s beside 5 minutes, as both are shipped, is not told), and longer than it keeps idle connections";
    SHUTDOWN, "shutdown-wait", PASSTHRU, "`transport.listener.shutdown.wait.sec` is 30 or more, so that a stop cuts no request";
    WORKER_NODE, "worker-node", START, "`-DworkerNode=true` is not there on EI 6, which does not start with it, nor on a manager";
    OPTIONS, "start-options", START, "`-Dsetup` is not left over, and `-Dhazelcast.config` does not replace axis2.xml";
    HAZELCAST, "hazelcast", "etc/hazelcast.xml, hazelcast.properties", "no hazelcast.xml replaces the members of axis2.xml; Hazelcast's REST is not switched on in the file";
    KEYSTORE, "keystore", "the keystores", "the key is not the one that WSO2 ships, not expired, and the one that pools pin";
}
