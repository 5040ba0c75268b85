//! `weir cert`: makes certificates, shows what is wrong with one, prints a node's pin. It overwrites a file only with
//! `--force`. Of a running Weir it asks its admin address.

mod create;
mod files;
mod inspect;
mod issue;
mod outcome;
mod pin;

use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use clap::Subcommand;

use self::create::Create;
use self::inspect::Inspect;
use self::pin::Pin;

use super::admin::AdminArgs;
use super::admin::show::certificates::{Renew, certificate_status, renew};

pub(super) use self::create::host;
pub(super) use self::files::Draft;
pub(super) use self::outcome::quoted;
pub(super) use self::pin::pin_shown_by;

/// The `weir cert` commands.
#[derive(Subcommand)]
pub(super) enum Cert {
    /// Make a key and a certificate for host names: self-signed, or signed by a CA of your own
    Create(Create),
    /// Show what a certificate (and its key) is, and what is wrong with it
    Inspect(Inspect),
    /// Print the pin of the certificate that a node shows
    Pin(Pin),
    /// Show the certificates of a running Weir, and those that it orders from CAs
    Status(AdminArgs),
    /// Have the certificate of a site ordered from its CA now
    Renew(Renew),
}

impl Cert {
    /// Runs the command. Writes the answer to `out`, or why it failed to `err`. Returns the exit code.
    pub(super) fn run(&self, now: SystemTime, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
        let done = match self {
            Self::Create(create) => create.run(now),
            Self::Inspect(inspect) => Ok(inspect.run(now)),
            Self::Pin(pin) => pin.run(now),
            Self::Status(args) => return exit_code(certificate_status(args)),
            Self::Renew(order) => return exit_code(renew(order)),
        };
        // Writing fails when the reader has closed the pipe. This is no error: the exit code still tells the result.
        match done {
            Ok(said) => {
                let _ = out.write_all(said.text.as_bytes());
                u8::from(!said.good)
            }
            Err(why) => {
                let _ = writeln!(err, "weir: {why}");
                1
            }
        }
    }
}

fn exit_code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(1)
}

/// Makes a self-signed pair for one host, as `weir cert create` does.
pub(super) fn create_pair(host: &str, directory: &Path, name: &str, now: SystemTime) -> Result<(), String> {
    Create::of_host(host, directory, name).run(now).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::Duration;

    use clap::Parser;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls_pki_types::{ServerName, UnixTime};

    use super::*;
    use crate::config::certificate::made::{Room, simple};
    use crate::config::certificate::{inspect, roots};
    use crate::config::{HostPattern, Verify};
    use crate::proxy::node::verify::NodeVerifier;

    #[test]
    fn a_new_pair_passes_the_checks_for_its_site() {
        let cases = [
            (vec!["--host", "esb.wso2.com", "mgt.esb.wso2.com"], "esb.wso2.com", "ECDSA P-256"),
            (vec!["--host", "*.wso2.com", "--name", "wrk"], "wrk", "ECDSA P-256"),
            (vec!["--host", "*.wso2.com", "--rsa"], "wildcard.wso2.com", "RSA 2048"),
            (vec!["--host", "10.0.0.1", "--rsa", "3072"], "10.0.0.1", "RSA 3072"),
            (vec!["--host", "[2001:db8::1]", "--days", "7"], "2001-db8--1", "ECDSA P-256"),
            (vec!["--host", "ESB.wso2.com", "--ca", "--name", "wrk"], "wrk", "ECDSA P-256"),
        ];
        for (words, stem, kind) in cases {
            let room = Room::new();
            let (code, out, err) = create(&room, &words);
            assert_eq!((code, err.as_str()), (0, ""), "{words:?}");
            let (chain, key) = (room.path(&format!("{stem}.crt")), room.path(&format!("{stem}.key")));
            let hosts: Vec<_> =
                words[1..].iter().take_while(|word| !word.starts_with("--")).map(|host| pattern(host)).collect();
            let seen = inspect(&chain, &key, &hosts, SystemTime::now(), None);
            let leaf = seen.pair.map(|pair| pair.leaf).unwrap_or_else(|| panic!("{words:?}: {:?}", seen.findings));
            assert_eq!((leaf.key.as_str(), leaf.version), (kind, 3), "{words:?}");
            assert!(leaf.not_after - leaf.not_before < 398 * 86_400, "{words:?}");
            let noise =
                seen.findings.iter().filter(|f| !f.what.contains("self-signed") && !f.what.contains("expires on"));
            assert_eq!(noise.count(), 0, "{words:?}: {:?}", seen.findings);
            assert_eq!((mode(&chain), mode(&key)), (0o644, 0o600), "{words:?}");
            assert!(out.contains(&format!(
                "chain = {:?}, key = {:?}",
                chain.canonicalize().unwrap(),
                key.canonicalize().unwrap()
            )));
        }
    }

    #[test]
    fn serial_numbers_are_never_the_same() {
        let room = Room::new();
        create(&room, &["--host", "a.b"]);
        create(&room, &["--host", "a.c"]);
        let serial = |name| {
            let (_, pem) = x509_parser::pem::parse_x509_pem(&room.read(name)).unwrap();
            pem.parse_x509().unwrap().raw_serial().to_vec()
        };
        assert_ne!(serial("a.b.crt"), serial("a.c.crt"));
        assert_eq!(serial("a.b.crt").len(), 16);
    }

    #[test]
    fn nothing_is_overwritten_unless_it_is_asked_for() {
        let room = Room::new();
        for taken in ["a.b.crt", "a.b.key"] {
            room.write(taken, b"precious");
            let (code, _, err) = create(&room, &["--host", "a.b"]);
            assert_eq!(code, 1);
            assert!(err.contains(taken) && err.contains("is there already; --force"), "{err}");
            assert_eq!(room.read(taken), b"precious");
            assert_eq!(fs::read_dir(&room).unwrap().count(), 1, "nothing else was written");
            fs::remove_file(room.path(taken)).unwrap();
        }
        room.write("a.b.key", b"precious");
        assert_eq!(create(&room, &["--host", "a.b", "--force"]).0, 0);
        assert!(room.read("a.b.key").starts_with(b"-----BEGIN PRIVATE KEY"));
        assert_eq!(fs::read_dir(&room).unwrap().count(), 2, "no drafts are left");
    }

    #[test]
    fn clients_that_trust_a_new_ca_accept_what_it_signs() {
        let room = Room::new();
        assert_eq!(create(&room, &["--host", "esb.wso2.com", "--ca"]).0, 0);
        assert_eq!(mode(&room.path("ca.key")), 0o600);
        // A CA kept in one file with its key must not show that key to clients.
        room.write("both.pem", &[room.read("ca.key"), room.read("ca.crt")].concat());
        let both = room.path("both.pem").display().to_string();
        let words = ["--host", "mgt.esb.wso2.com", "--rsa", "--ca-cert", &both, "--ca-key", &both];
        let (code, _, err) = create(&room, &words);
        assert_eq!((code, err.as_str()), (0, ""));
        for name in ["esb.wso2.com", "mgt.esb.wso2.com"] {
            let chain = roots(&room.path(&format!("{name}.crt"))).unwrap();
            assert!(!String::from_utf8_lossy(&room.read(&format!("{name}.crt"))).contains("PRIVATE"));
            assert_eq!(chain.len(), 2, "the CA follows");
            let verifier =
                NodeVerifier::new(&Verify::Full(roots(&room.path("ca.crt")).unwrap()), &default_provider()).unwrap();
            let server = ServerName::try_from(name).unwrap();
            let judged = verifier.verify_server_cert(&chain[0], &chain[1..], &server, &[], UnixTime::now());
            assert!(judged.is_ok(), "{name}: {judged:?}");
        }
    }

    #[test]
    fn a_ca_that_cannot_sign_is_refused_with_the_reason() {
        let room = Room::new();
        let (leaf, leaf_key) = simple(&["a.b"]);
        create(&room, &["--host", "a.b", "--ca", "--name", "other"]);
        room.write("leaf.crt", leaf.as_bytes());
        room.write("leaf.key", leaf_key.as_bytes());
        let cases = [
            ("leaf.crt", "leaf.key", "not a CA"),
            ("ca.crt", "leaf.key", "does not belong"),
            ("no.crt", "ca.key", "no such file"),
            ("ca.crt", "ca.crt", "a certificate, and no private key"),
        ];
        for (chain, key, expected) in cases {
            let (chain, key) = (room.path(chain).display().to_string(), room.path(key).display().to_string());
            let (code, _, err) = create(&room, &["--host", "a.b", "--ca-cert", &chain, "--ca-key", &key]);
            assert!(code == 1 && err.contains(expected), "{err}");
        }
        let ten_years = SystemTime::now() + Duration::from_secs(3660 * 86_400);
        let (chain, key) = (room.path("ca.crt").display().to_string(), room.path("ca.key").display().to_string());
        let (code, _, err) =
            run(ten_years, &[&["create", "--out", "x", "--host", "a.b", "--ca-cert", &chain, "--ca-key", &key]]);
        assert!(code == 1 && err.contains("the CA is expired"), "{err}");
    }

    #[test]
    fn wrong_arguments_are_refused_before_any_file_is_made() {
        assert!(Words::try_parse_from(weir(&["create", "--out", "x", "--host", "a.b"])).is_ok());
        let cases: [&[&str]; 12] = [
            &["create", "--out", "x"],
            &["create", "--host", "a.b"],
            &["create", "--out", "x", "--host", "https://a.b"],
            &["create", "--out", "x", "--host", "a.b:443"],
            &["create", "--out", "x", "--host", "a.*.b"],
            &["create", "--out", "x", "--host", "a..b"],
            &["create", "--out", "x", "--host", "bücher.de"],
            &["create", "--out", "x", "--host", "a.b", "--rsa", "1024"],
            &["create", "--out", "x", "--host", "a.b", "--name", "../x"],
            &["create", "--out", "x", "--host", "a.b", "--days", "0"],
            &["create", "--out", "x", "--host", "a.b", "--ca", "--ca-cert", "c", "--ca-key", "k"],
            &["create", "--out", "x", "--host", "a.b", "--ca-cert", "c"],
        ];
        for words in cases {
            assert!(Words::try_parse_from(weir(words)).is_err(), "{words:?}");
        }
    }

    #[test]
    fn inspect_says_what_is_wrong_and_its_exit_code_too() {
        let room = Room::new();
        let (chain, key) = simple(&["esb.wso2.com"]);
        room.write("a.crt", chain.as_bytes());
        room.write("a.key", key.as_bytes());
        let (chain, key) = (room.path("a.crt").display().to_string(), room.path("a.key").display().to_string());
        let cases: [(&[&str], u8, &str); 5] = [
            (&[&chain, &key], 0, "certificate and key belong together and can be used"),
            (&[&chain], 0, "its key was not looked at"),
            (&[&chain, &key, "--host", "esb.wso2.com"], 0, "warning: "),
            (&["--host", "other.wso2.com", &chain, &key], 1, "does not cover other.wso2.com"),
            (&[&key, &chain], 1, "are the two files swapped?"),
        ];
        for (words, code, expected) in cases {
            let (seen, out, _) = run(SystemTime::now(), &[&["inspect"], words]);
            assert!(seen == code && out.contains(expected), "{words:?}: {seen} {out}");
            let (seen, out, _) = run(SystemTime::now(), &[&["inspect", "--json"], words]);
            let json: serde_json::Value = serde_json::from_str(&out).unwrap();
            assert_eq!((seen, json["usable"].as_bool()), (code, Some(code == 0)), "{words:?}");
        }
    }

    #[derive(Parser)]
    struct Words {
        #[command(subcommand)]
        cert: Cert,
    }

    fn weir<'a>(words: &[&'a str]) -> Vec<&'a str> {
        [&["weir"], words].concat()
    }

    fn create(room: &Room, words: &[&str]) -> (u8, String, String) {
        let out = room.path("").display().to_string();
        run(SystemTime::now(), &[&["create"], words, &["--out", &out]])
    }

    fn run(now: SystemTime, words: &[&[&str]]) -> (u8, String, String) {
        let words = Words::try_parse_from(weir(&words.concat())).unwrap_or_else(|error| panic!("{error}"));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = words.cert.run(now, &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn pattern(host: &str) -> HostPattern {
        host.strip_prefix("*.")
            .map_or_else(|| HostPattern::Exact(host.into()), |parent| HostPattern::Wildcard(parent.into()))
    }

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().permissions().mode() & 0o777
    }
}
