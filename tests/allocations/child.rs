//! Another process, which is this same program in another role.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{self, ChildStdin, ChildStdout, Command, Stdio};

/// Variables that tell a child its role, the test's directory, and the port that it shall ask.
pub(crate) const ROLE: &str = "WEIR_TEST_ROLE";
pub(crate) const DIR: &str = "WEIR_TEST_DIR";
pub(crate) const PORT: &str = "WEIR_TEST_PORT";

/// Ends with its value.
pub(crate) struct Child {
    process: process::Child,
    /// Where it listens, if it does.
    pub(crate) port: u16,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn start(role: &str, dir: &Path, port: Option<u16>) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "another_role", "--nocapture"])
            .env(ROLE, role)
            .env(DIR, dir)
            .envs(port.map(|port| (PORT, port.to_string())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let (to, from) = (process.stdin.take().expect("piped"), process.stdout.take().expect("piped"));
        let mut child = Self { process, port: 0, to, from: BufReader::new(from) };
        child.port = child.hear();
        child
    }

    /// The next number that it says; what the test harness says around it is passed over.
    fn hear(&mut self) -> u16 {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.from.read_line(&mut line).expect("readable") > 0, "a child ended early");
            if let Some(number) = line.trim().strip_prefix("says ").and_then(|text| text.parse().ok()) {
                return number;
            }
        }
    }

    /// Lets it send its requests once more, and waits until all are answered.
    pub(crate) fn turn(&mut self) {
        self.to.write_all(b"go\n").expect("told");
        self.hear();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
