//! What `weir init` says at its end. The lines work as they stand.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::answers::Answers;
use super::look;

/// What they depend on.
pub(super) struct NextSteps<'a> {
    /// The new file, where it is not the one that all commands take by themselves.
    pub(super) file: Option<&'a Path>,
    pub(super) https: SocketAddr,
    pub(super) answers: &'a Answers,
}

impl NextSteps<'_> {
    /// How many warnings there are, and what shows them.
    pub(super) fn of_warnings(&self, warnings: usize) -> String {
        match warnings {
            0 => String::new(),
            1 => format!(", with 1 warning: weir check{}", self.option()),
            many => format!(", with {many} warnings: weir check{}", self.option()),
        }
    }

    pub(super) fn text(&self) -> String {
        let option = self.option();
        let start = match self.file {
            None => format!("{}systemctl enable --now weir", sudo()),
            Some(_) => format!("weir run{option}    # stays; the next lines are for another terminal"),
        };
        let Answers { esb_host, mgt_host, manager, .. } = self.answers;
        let here =
            look::own_address(&manager.address).map_or("ADDRESS-OF-THIS-MACHINE".to_owned(), |own| own.to_string());
        format!(
            "next:\n  {start}\n  weir status{option}\n  {}\n  {}\n\n\
             until DNS has the hosts, in /etc/hosts of clients and nodes:\n  {here}  {esb_host} {mgt_host}\n",
            self.request(esb_host, "services/"),
            self.request(mgt_host, "carbon/"),
        )
    }

    /// A first request, without DNS and whoever has signed the certificate.
    fn request(&self, host: &str, path: &str) -> String {
        let port = self.https.port();
        let address = match self.https.ip() {
            IpAddr::V4(any) if any.is_unspecified() => "127.0.0.1".to_owned(),
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(any) if any.is_unspecified() => "[::1]".to_owned(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let shown = if port == 443 { String::new() } else { format!(":{port}") };
        format!("curl -ik --resolve {host}:{port}:{address} https://{host}{shown}/{path}")
    }

    fn option(&self) -> String {
        self.file.map(|file| format!(" --config {}", word(&file.to_string_lossy()))).unwrap_or_default()
    }
}

/// For whoever is root only while this command runs, or not at all.
fn sudo() -> &'static str {
    let stays_root = rustix::process::geteuid().is_root() && std::env::var_os("SUDO_USER").is_none();
    if stays_root { "" } else { "sudo " }
}

/// One word of a shell.
fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+,@:=".contains(&byte);
    if text.bytes().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::super::answers::server;
    use super::*;

    fn said(file: Option<&str>, https: &str) -> String {
        let manager = server("127.0.0.3").unwrap();
        let answers = Answers {
            esb_host: "esb.test".into(),
            mgt_host: "mgt.test".into(),
            workers: Vec::new(),
            manager,
            esb_files: None,
            mgt_files: None,
        };
        let next = NextSteps { file: file.map(Path::new), https: https.parse().unwrap(), answers: &answers };
        next.text() + &next.of_warnings(1)
    }

    #[test]
    fn the_file_is_named_where_commands_would_take_another_one() {
        let default = said(None, "0.0.0.0:443");
        for line in [
            "systemctl enable --now weir\n",
            "  weir status\n",
            "  curl -ik --resolve esb.test:443:127.0.0.1 https://esb.test/services/\n",
            ", with 1 warning: weir check",
        ] {
            assert!(default.contains(line), "{line}: {default}");
        }
        let other = said(Some("/tmp/a b/weir.toml"), "[::]:8443");
        for line in [
            "  weir run --config '/tmp/a b/weir.toml' ",
            "  weir status --config '/tmp/a b/weir.toml'\n",
            "  curl -ik --resolve mgt.test:8443:[::1] https://mgt.test:8443/carbon/\n",
            "weir check --config '/tmp/a b/weir.toml'",
        ] {
            assert!(other.contains(line), "{line}: {other}");
        }
    }
}
