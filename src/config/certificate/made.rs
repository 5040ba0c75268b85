//! Certificates, keys and a directory for tests, and damaged copies of files.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// A temporary directory.
pub(crate) struct Room(PathBuf);

impl Room {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("weir-certificates-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let room = Self(std::env::temp_dir().join(name));
        fs::create_dir(&room.0).unwrap();
        room
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file with the mode that a key should have.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(self.path(name)).unwrap();
        file.write_all(bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs openssl in this directory. False, with a message, when openssl is not installed.
    pub(crate) fn openssl(&self, words: &[&str]) -> bool {
        let ran = Command::new("openssl").args(words).current_dir(&self.0).stdin(Stdio::null()).output();
        let Ok(ran) = ran else {
            eprintln!("NOT TESTED: openssl is not installed");
            return false;
        };
        assert!(ran.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&ran.stderr));
        true
    }
}

impl AsRef<Path> for Room {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A self-signed certificate for these names, valid for 90 days, and its key.
pub(crate) fn simple(names: &[&str]) -> (String, String) {
    let now = SystemTime::now();
    with_dates(names, now - DAY, now + 89 * DAY)
}

pub(crate) fn with_dates(names: &[&str], from: SystemTime, to: SystemTime) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = params(names, from, to).self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// A CA, a certificate for these names that the CA signed, and its key.
pub(crate) fn signed_by(names: &[&str]) -> (String, String, String) {
    let now = SystemTime::now();
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = params(&[], now - DAY, now + 89 * DAY);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, format!("CA {:?}", ca_key.public_key_raw().get(1..5)));
    let root = ca.self_signed(&ca_key).unwrap();
    let leaf = params(names, now - DAY, now + 89 * DAY).signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    (root.pem(), leaf.pem(), key.serialize_pem())
}

/// Copies that are cut at many places or have changed bytes. Every run has the same ones.
pub(crate) fn damages(whole: &[u8], most: usize) -> Vec<Vec<u8>> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut chance = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    let mut all: Vec<_> = (0..most).map(|_| whole[..chance() % whole.len()].to_vec()).collect();
    for round in 0..most {
        let mut damaged = whole.to_vec();
        for _ in 0..=round % 4 {
            let at = chance() % damaged.len();
            damaged[at] = u8::try_from(chance() % 256).unwrap();
        }
        all.push(damaged);
    }
    all
}

fn params(names: &[&str], from: SystemTime, to: SystemTime) -> CertificateParams {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names.clone()).unwrap();
    params.is_ca = IsCa::ExplicitNoCa;
    params.distinguished_name.push(DnType::CommonName, names.first().map_or("nameless", String::as_str));
    (params.not_before, params.not_after) = (from.into(), to.into());
    params
}

const DAY: Duration = Duration::from_secs(86_400);
