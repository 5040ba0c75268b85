//! The machine on which the pages' commands run: the cluster of the guide, as `weir demo` starts it, behind the guide's names
//! and addresses; its files below a directory; and no programs but those that are listed.

#[path = "../appliance/harness/ports.rs"]
mod ports;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

pub(crate) use self::ports::free_port;
use crate::files::{certificate, directory};
use crate::page::root;
use crate::patience::Patience;
use crate::stand_ins::{REAL, STAND_INS};

/// All of it, running.
pub(crate) struct Machine {
    demo: Child,
    directory: PathBuf,
    https: String,
    admin: String,
    /// What stands in a page, and what it is here.
    names: Vec<(String, String)>,
}

impl Machine {
    /// Starts it, and waits until every node is active.
    pub(crate) fn start() -> Self {
        let directory = directory();
        let weir = directory.join("etc/weir");
        for folder in ["etc", "bin", "var/log/weir", "var/lib/weir", "home", "etc/default"] {
            fs::create_dir_all(directory.join(folder)).unwrap();
        }
        let [http, https, admin] = [(); 3].map(|()| free_port());
        let demo = demo(&directory, &weir, [http, https, admin]);
        let mut machine = Self {
            demo,
            directory,
            https: format!("127.0.0.1:{https}"),
            admin: format!("127.0.0.1:{admin}"),
            names: Vec::new(),
        };
        machine.until("the demo's Weir answers", |machine| {
            let nodes = machine.weir(&["nodes"]);
            nodes.contains("active") && !nodes.contains("unhealthy") && !nodes.contains("checking")
        });
        machine.programs(http, https, admin);
        machine.names = machine.names();
        machine.orders_by_the_socket();
        fs::create_dir_all(weir.join("sites")).unwrap();
        fs::copy(weir.join("weir.toml"), weir.join("weir.toml.ready")).unwrap();
        machine.files_of_the_operator();
        machine
    }

    /// Runs a block as a shell does that stops at the first line which fails; the fault is that line and what it wrote.
    pub(crate) fn run(&self, block: &str) -> Result<(), String> {
        let here = self.here(block);
        let script = format!("trap 'echo \"at: $BASH_COMMAND\" >&2' ERR\n{here}");
        let output = Command::new("/bin/bash")
            .args(["-Eeuo", "pipefail", "-c", &script])
            .env_clear()
            .env("PATH", self.directory.join("bin"))
            .env("HOME", self.directory.join("home"))
            .env("WEIR_ADMIN", &self.admin)
            .env("REPOSITORY", root())
            .env("ROOT", &self.directory)
            .env("JOURNAL", self.directory.join("journal"))
            .current_dir(self.directory.join("home"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        if output.status.success() {
            return Ok(());
        }
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Err(format!("{}:\n{said}{complained}", output.status))
    }

    /// Writes this into the configuration: keys and routes at the head of the site with this name.
    pub(crate) fn configure(&self, site: &str, piece: &str) {
        let file = self.directory.join("etc/weir/weir.toml");
        let text = fs::read_to_string(&file).unwrap();
        let (before, rest) =
            text.split_once(&format!("name = \"{site}\"\n")).unwrap_or_else(|| panic!("no site {site}"));
        let end = rest.find("\n[[").map_or(rest.len(), |end| end + 1);
        let (keys, after) = rest.split_at(end);
        let piece = self.here(piece);
        fs::write(&file, format!("{before}name = \"{site}\"\n{keys}{piece}\n{after}")).unwrap();
    }

    /// A text of a page with the names and addresses of this machine.
    fn here(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (there, here)| text.replace(there, here))
    }

    /// The configuration with which it began.
    pub(crate) fn configure_as_before(&self) {
        let file = self.directory.join("etc/weir/weir.toml");
        fs::copy(file.with_file_name("weir.toml.ready"), file).unwrap();
    }

    /// The programs that the pages may name.
    fn programs(&self, http: u16, https: u16, admin: u16) {
        for name in REAL {
            let found = ["/usr/bin", "/bin", "/usr/sbin"].map(|folder| Path::new(folder).join(name));
            let found = found.iter().find(|path| path.exists()).unwrap_or_else(|| panic!("there is no {name}"));
            symlink(found, self.directory.join("bin").join(name)).unwrap();
        }
        for (name, _, script) in STAND_INS {
            self.program(name, script);
        }
        self.program("weir", &WEIR.replace("BINARY", env!("CARGO_BIN_EXE_weir")));
        let to = |host: &str, port: u16, here: u16| format!("--connect-to {host}:{port}:127.0.0.1:{here}");
        let sites = ["esb.wso2.com", "mgt.esb.wso2.com"].map(|host| to(host, 80, http) + " " + &to(host, 443, https));
        let admins = ["localhost", "127.0.0.1", "10.0.0.2"].map(|host| to(host, 9180, admin));
        let curl = format!("/usr/bin/curl --insecure {} {}", sites.join(" "), admins.join(" "));
        // What would never end is read for two seconds.
        let stream = format!("case \"$*\" in *\"/stream\"*) {curl} --max-time 2 \"$@\" || [ $? = 28 ]; exit;; esac");
        let curl = format!("{stream}\nexec {curl} --max-time 10 \"$@\"");
        self.program("curl", &curl);
        for optional in ["jq", "promtool"] {
            let real = Path::new("/usr/bin").join(optional);
            if real.exists() {
                symlink(real, self.directory.join("bin").join(optional)).unwrap();
            } else {
                eprintln!("SKIPPED: there is no {optional}, so what it would make of its input is not tested");
                self.program(optional, "cat > /dev/null");
            }
        }
        symlink("/usr/bin/timeout", self.directory.join("bin/timeout")).unwrap();
    }

    /// What an operator has at hand: a new certificate from a CA, the secret of the other balancer, a token, and a tarball.
    fn files_of_the_operator(&self) {
        let home = self.directory.join("home");
        certificate(&home, "new");
        fs::write(home.join("secret"), "0".repeat(64)).unwrap();
        fs::write(home.join("grafana.token"), "t".repeat(32)).unwrap();
        let unpacked = home.join("weir-0.0.0-x86_64-linux");
        fs::create_dir(&unpacked).unwrap();
        let installer = unpacked.join("install.sh");
        fs::write(&installer, "#!/bin/sh\n[ -x \"$REPOSITORY/packaging/tarball/install.sh\" ]\n").unwrap();
        fs::set_permissions(&installer, fs::Permissions::from_mode(0o755)).unwrap();
        let pack = "tar czf weir-0.0.0-x86_64-linux.tar.gz weir-0.0.0-x86_64-linux && sha256sum *.gz > SHA256SUMS";
        assert!(Command::new("sh").args(["-c", pack]).current_dir(&home).status().unwrap().success());
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.directory.join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Where the demo has a socket for orders, the commands use it.
    fn orders_by_the_socket(&mut self) {
        let text = fs::read_to_string(self.directory.join("etc/weir/weir.toml")).unwrap();
        if let Some(socket) = text.lines().find_map(|line| line.strip_prefix("socket = ")) {
            socket.trim_matches('"').clone_into(&mut self.admin);
            self.names.push(("/run/weir/admin.sock".to_owned(), self.admin.clone()));
        }
    }

    /// The guide's addresses and files, and where they are here.
    fn names(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.directory.join("etc/weir/weir.toml")).unwrap();
        let ports: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("port = ")).collect();
        let mut names = Vec::new();
        for (node, here) in [("10.0.0.3", "127.0.0.1"), ("10.0.0.4", "127.0.0.2"), ("10.0.0.2", "127.0.0.3")] {
            for (port, there) in ["8280", "8243", "9443"].into_iter().zip(&ports) {
                names.push((format!("{node}:{port}"), format!("{here}:{there}")));
            }
        }
        for (there, here) in ["8280", "8243", "9443"].into_iter().zip(&ports) {
            names.push((format!("\nport = {there}\n"), format!("\nport = {here}\n")));
        }
        let pin =
            text.split_once("sha256:").and_then(|(_, rest)| rest.split_once('"')).expect("the demo pins its nodes").0;
        names.push(("sha256:…".to_owned(), format!("sha256:{pin}")));
        let below = |folder: &str| (folder.to_owned(), format!("{}{folder}", self.directory.display()));
        let repository = |folder: &str, here: &str| (folder.to_owned(), format!("{}/{here}", root().display()));
        names.push(("-connect esb.wso2.com:443".to_owned(), format!("-connect {}", self.https)));
        names.extend([
            repository("/usr/share/weir/prometheus/", "contrib/prometheus/"),
            repository("/usr/share/weir/grafana/", "contrib/grafana/"),
            repository("/usr/share/doc/weir/examples/", "conf/"),
            below("/etc/"),
            below("/var/log/"),
            below("/var/lib/"),
        ]);
        names
    }

    fn weir(&self, words: &[&str]) -> String {
        let output =
            Command::new(env!("CARGO_BIN_EXE_weir")).args(words).env("WEIR_ADMIN", &self.admin).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let patience = Patience::new();
        while !is_so(self) {
            patience.wait(what, &mut self.demo, &self.directory.join("journal"));
        }
    }
}

impl Drop for Machine {
    /// On SIGTERM the demo ends its Weir too.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.demo), Signal::TERM);
        let _ = self.demo.wait();
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// Where a page gives no file, that of the service is meant. The demo has made certificates already. It knows no
/// tokens, so of commands with one only the options are tried. What would never end is ended as by Ctrl-C. Nobody is there
/// to answer questions, the guide's addresses must not be asked from here, and no interface has them; what `weir init` writes has a place of its own.
const WEIR: &str = r#"
case "$*" in
    *"--config "*|*" -c "*) ;;
    check|"check "*) shift; set -- check --config "$ROOT/etc/weir/weir.toml" "$@" ;;
    "cert create "*) set -- "$@" --force ;;
    "ha keepalived "*) set -- "$@" --address 10.0.0.10 --interface eth0 ;;
    init) set -- init --yes --worker 10.0.0.3 --worker 10.0.0.4 --manager 10.0.0.2 ;;
    *"--token-file "*) exec BINARY "$@" --help ;;
esac
case "$*" in
    "init "*) mkdir -p "$ROOT/etc/weir/made"; set -- "$@" --no-look --force --state-dir "$ROOT/state" --config "$ROOT/etc/weir/made/weir.toml" ;;
esac
case "$*" in
    top|"top "*|*"--follow"*) timeout --preserve-status --signal INT 2 BINARY "$@" || [ $? = 130 ]; exit ;;
esac
exec timeout 60 BINARY "$@""#;

fn demo(directory: &Path, weir: &Path, [http, https, admin]: [u16; 3]) -> Child {
    let journal = fs::File::create(directory.join("journal")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_weir"))
        .arg("demo")
        .arg("--dir")
        .arg(weir)
        .args(["--http-port", &http.to_string(), "--https-port", &https.to_string()])
        .args(["--admin-port", &admin.to_string()])
        .stdin(Stdio::null())
        .stdout(journal.try_clone().unwrap())
        .stderr(journal)
        .spawn()
        .unwrap()
}
