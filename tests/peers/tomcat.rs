//! A real Tomcat as a node: Debian's tomcat10 with its examples, in a directory of its own.
//!
//! It speaks plain HTTP, TLS, and TLS once more with `proxyPort` set to its own port, which makes the absolute
//! redirects of a WSO2 console that nobody told of its balancer. Its certificate is a stock WSO2 server's: expired,
//! self-signed, CN=localhost, no SAN. Dropped, it is killed.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Directory, Ports};

/// A running Tomcat.
pub struct Tomcat {
    /// Its address; its ports are `Ports`.
    pub address: &'static str,
    java: Child,
    base: PathBuf,
}

/// What is missing on this machine, in words; `None` where a Tomcat can run.
pub fn missing() -> Option<String> {
    let files =
        ["/usr/share/tomcat10/bin/catalina.sh", SKELETON, "/usr/share/tomcat10-examples/examples/WEB-INF/web.xml"];
    let file = files.into_iter().find(|file| !Path::new(file).exists()).map(|file| format!("there is no {file}"));
    let keytool = || Command::new("keytool").arg("-help").output().err().map(|_| "there is no keytool".to_owned());
    let javac = || Command::new("javac").arg("-version").output().err().map(|_| "there is no javac".to_owned());
    file.or_else(keytool)
        .or_else(javac)
        .map(|what| format!("{what}; apt-get install tomcat10-user tomcat10-examples openjdk-17-jdk-headless"))
}

impl Tomcat {
    /// Starts Tomcats at these addresses, with these routes (`""`: none), and waits until all of them answer.
    pub fn start<const N: usize>(
        directory: &Directory,
        ports: Ports,
        nodes: [(&'static str, &'static str); N],
    ) -> [Self; N] {
        let keystore = directory.path().join("node.p12");
        fs::write(&keystore, &self::keystore().pkcs12).unwrap();
        let mut tomcats = nodes.map(|(address, route)| Self::begin(directory, ports, address, route, &keystore));
        tomcats.iter_mut().for_each(|tomcat| tomcat.wait(ports));
        tomcats
    }

    /// Kills the JVM: what was open is cut, and connecting is refused.
    pub fn kill(&mut self) {
        let _ = self.java.kill();
        let _ = self.java.wait();
    }

    /// Starts it again, without the sessions it had, and waits until it answers.
    pub fn restart(&mut self, ports: Ports) {
        self.kill();
        self.java = java(&self.base);
        self.wait(ports);
    }

    /// SIGTERM; returns when it ended.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let _ = self.java.wait();
    }

    /// Stops all its threads, as a long garbage collection does. The system still accepts connections for it.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends a pause.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Whether its counting page answers 500 only.
    pub fn be_broken(&self, broken: bool) {
        let file = self.base.join("broken");
        if broken { fs::write(file, "").unwrap() } else { fs::remove_file(file).unwrap() }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.java), signal).unwrap();
    }

    fn begin(directory: &Directory, ports: Ports, address: &'static str, route: &str, keystore: &Path) -> Self {
        let base = directory.path().join(format!("tomcat-{address}"));
        let contexts = base.join("conf/Catalina/localhost");
        for folder in [&contexts, &base.join("logs"), &base.join("temp"), &base.join("webapps"), &base.join("work")] {
            fs::create_dir_all(folder).unwrap();
        }
        let console = base.join("console");
        fs::create_dir_all(&console).unwrap();
        let app = base.join("app");
        write_counter(&app.join("WEB-INF"));
        for (name, documents) in [("examples", Path::new(EXAMPLES)), ("carbon", &console), ("app", &app)] {
            fs::write(contexts.join(format!("{name}.xml")), context(documents)).unwrap();
        }
        fs::copy(SKELETON, base.join("conf/web.xml")).unwrap();
        fs::write(base.join("conf/server.xml"), server_xml(address, ports, route, keystore)).unwrap();
        Self { address, java: java(&base), base }
    }

    /// The connectors open their ports when the applications are there, so an answer on one of them says all.
    fn wait(&mut self, ports: Ports) {
        let address: SocketAddr = format!("{}:{}", self.address, ports.plain).parse().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !answers(address) {
            assert!(Instant::now() < deadline, "no answer from Tomcat:\n{}", self.log());
            assert!(self.java.try_wait().unwrap().is_none(), "Tomcat ended:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.base.join("out.log")).unwrap_or_default()
    }
}

impl Drop for Tomcat {
    fn drop(&mut self) {
        self.kill();
    }
}

fn java(base: &Path) -> Child {
    let log = File::create(base.join("out.log")).unwrap();
    Command::new("/usr/share/tomcat10/bin/catalina.sh")
        .arg("run")
        .env("CATALINA_HOME", "/usr/share/tomcat10")
        .env("CATALINA_BASE", base)
        .env("JAVA_OPTS", "-Xmx96m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// The Tomcats' key and certificate.
struct Keystore {
    pkcs12: Vec<u8>,
    pin: String,
}

/// The SHA-256 of the Tomcats' certificate, as a pin.
pub fn pin() -> &'static str {
    &keystore().pin
}

/// Made once for all tests: keytool takes as long as a Tomcat.
fn keystore() -> &'static Keystore {
    static KEYSTORE: OnceLock<Keystore> = OnceLock::new();
    KEYSTORE.get_or_init(|| {
        let directory = Directory::new();
        let (store, certificate) = (directory.path().join("node.p12"), directory.path().join("node.der"));
        let dates = ["-startdate", "2007/02/19 00:00:00", "-validity", "3652"];
        let key = ["-genkeypair", "-alias", "node", "-keyalg", "RSA", "-keysize", "2048", "-dname", "CN=localhost"];
        keytool(&[&key[..], &dates[..]].concat(), &store);
        keytool(&["-exportcert", "-alias", "node", "-file", &certificate.display().to_string()], &store);
        let output = Command::new("sha256sum").arg(&certificate).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        Keystore { pkcs12: fs::read(store).unwrap(), pin: format!("sha256:{}", text.split(' ').next().unwrap()) }
    })
}

/// The application that counts.
fn write_counter(folder: &Path) {
    static CLASS: OnceLock<Vec<u8>> = OnceLock::new();
    let class = CLASS.get_or_init(|| {
        let directory = Directory::new();
        let source = directory.path().join("Counter.java");
        fs::write(&source, include_str!("Counter.java")).unwrap();
        let library = "/usr/share/tomcat10/lib/servlet-api.jar";
        let output = Command::new("javac").args(["-cp", library]).arg(&source).output().unwrap();
        assert!(output.status.success(), "javac: {}", String::from_utf8_lossy(&output.stderr));
        fs::read(directory.path().join("Counter.class")).unwrap()
    });
    fs::create_dir_all(folder.join("classes")).unwrap();
    fs::write(folder.join("classes/Counter.class"), class).unwrap();
    let mapping = "<web-app xmlns=\"https://jakarta.ee/xml/ns/jakartaee\" version=\"6.0\" metadata-complete=\"true\">\
        <servlet><servlet-name>count</servlet-name><servlet-class>Counter</servlet-class></servlet>\
        <servlet-mapping><servlet-name>count</servlet-name><url-pattern>/count</url-pattern></servlet-mapping></web-app>";
    fs::write(folder.join("web.xml"), mapping).unwrap();
}

fn keytool(words: &[&str], keystore: &Path) {
    let store = ["-storetype", "PKCS12", "-storepass", "changeit", "-keystore"];
    let output = Command::new("keytool").args(words).args(store).arg(keystore).output().unwrap();
    assert!(output.status.success(), "keytool {words:?}: {}", String::from_utf8_lossy(&output.stdout));
}

fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /examples/servlets/servlet/HelloWorldExample HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

fn server_xml(address: &str, ports: Ports, route: &str, keystore: &Path) -> String {
    let Ports { plain, tls, console } = ports;
    let connector = |port: u16, more: &str| {
        format!(
            "<Connector address=\"{address}\" port=\"{port}\" protocol=\"org.apache.coyote.http11.Http11NioProtocol\" maxThreads=\"20\" {more}"
        )
    };
    let secure = format!(
        "SSLEnabled=\"true\" scheme=\"https\" secure=\"true\"><SSLHostConfig><Certificate certificateKeystoreFile=\"{}\" \
         certificateKeystorePassword=\"changeit\"/></SSLHostConfig></Connector>",
        keystore.display()
    );
    let route = if route.is_empty() { String::new() } else { format!("jvmRoute=\"{route}\"") };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Server port=\"-1\"><Service name=\"Catalina\">\n{}\n{}\n{}\n\
         <Engine name=\"Catalina\" defaultHost=\"localhost\" {route}>\
         <Host name=\"localhost\" appBase=\"webapps\" autoDeploy=\"false\"/></Engine>\n</Service></Server>\n",
        connector(plain, "/>"),
        connector(tls, &secure),
        connector(console, &format!("proxyPort=\"{console}\" {secure}")),
    )
}

/// As Carbon's own context: redirects are absolute. Nothing is looked for in jars: that takes most of a start.
fn context(documents: &Path) -> String {
    format!(
        "<Context docBase=\"{}\" useRelativeRedirects=\"false\">\
         <JarScanner scanClassPath=\"false\" scanManifest=\"false\"/></Context>\n",
        documents.display()
    )
}

/// What tomcat10-user makes instances from. /etc/tomcat10 has one too, but only where the service is installed.
const SKELETON: &str = "/usr/share/tomcat10/skel/conf/web.xml";
const EXAMPLES: &str = "/usr/share/tomcat10-examples/examples";

/// A JVM takes two seconds here, and much longer where everything else is being built at the same time.
const PATIENCE: Duration = Duration::from_secs(180);
