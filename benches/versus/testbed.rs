//! What all share: a directory of the run's own, ports, certificates, the files that origins serve and scripts that wrk
//! runs. All of it is removed at the end, but the results.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;

use rcgen::{CertificateParams, KeyPair};

use crate::result::Result;

/// The name in the certificate that all have.
pub(crate) const HOST: &str = "versus.test";
/// The size of the big answer.
const BIG: usize = 1 << 20;
/// The size of the answer that is read slowly.
const SLOW: usize = 256 << 10;
/// The size of a posted message.
pub(crate) const MESSAGE: usize = 64 << 10;

/// Removed when dropped.
pub(crate) struct Testbed {
    /// Everything but the results; gone afterwards.
    pub(crate) dir: PathBuf,
    /// Where the results go.
    pub(crate) results: PathBuf,
    /// The first port; see `origins` and `proxies` for who has which.
    pub(crate) ports: u16,
    /// Threads of each proxy.
    pub(crate) threads: usize,
    /// A certificate chain and its key, PEM.
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// Both in one file, as HAProxy wants them.
    pub(crate) both: PathBuf,
    /// What two of ours have in common.
    pub(crate) secret: PathBuf,
}

impl Testbed {
    /// Makes the directory and what is in it.
    pub(crate) fn new(ports: u16, threads: usize) -> Result<Self> {
        let results = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("versus");
        let dir = results.join(format!("run-{}", process::id()));
        let (chain, key, both) = (dir.join("chain.pem"), dir.join("key.pem"), dir.join("both.pem"));
        remove_leftovers(&results);
        for part in ["www", "scripts"] {
            fs::create_dir_all(dir.join(part)).map_err(|error| format!("{}: {error}", dir.display()))?;
        }
        let pair = SelfSigned::new(&[HOST, "127.0.0.1"])?;
        write_file(&chain, &pair.chain)?;
        write_file(&key, &pair.key)?;
        write_file(&both, &format!("{}{}", pair.chain, pair.key))?;
        write_file(&dir.join("www/big"), &"w".repeat(BIG))?;
        write_file(&dir.join("www/slow"), &"s".repeat(SLOW))?;
        let secret = dir.join("shared.secret");
        write_file(&secret, &"7e5c".repeat(16))?;
        fs::set_permissions(&secret, Permissions::from_mode(0o600)).map_err(|error| error.to_string())?;
        Ok(Self { dir, results, ports, threads, chain, key, both, secret })
    }

    /// An empty directory of this name.
    pub(crate) fn empty_dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        Ok(dir)
    }

    /// As many sites' certificates as asked for, each with a key of its own, made once: `N.chain.pem`, `N.key.pem` and
    /// `both/N.pem`.
    pub(crate) fn certificates(&self, count: usize) -> Result<PathBuf> {
        let dir = self.dir.join("sites");
        if dir.is_dir() {
            return Ok(dir);
        }
        fs::create_dir_all(dir.join("both")).map_err(|error| format!("{}: {error}", dir.display()))?;
        (0..count).try_for_each(|site| certify(&dir, site))?;
        Ok(dir)
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Removes what interrupted runs have left.
fn remove_leftovers(results: &Path) {
    for entry in fs::read_dir(results).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.strip_prefix("run-").is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The host of a site.
pub(crate) fn site_host(site: usize) -> String {
    format!("s{site}.{HOST}")
}

/// A new certificate in the place of a site's old one.
pub(crate) fn certify(dir: &Path, site: usize) -> Result<()> {
    let pair = SelfSigned::new(&[&site_host(site)])?;
    write_file(&dir.join(format!("{site}.chain.pem")), &pair.chain)?;
    write_file(&dir.join(format!("{site}.key.pem")), &pair.key)?;
    write_file(&dir.join(format!("both/{site}.pem")), &format!("{}{}", pair.chain, pair.key))
}

/// Writes a whole file.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// ECDSA on P-256, self-signed.
struct SelfSigned {
    chain: String,
    key: String,
}

impl SelfSigned {
    fn new(names: &[&str]) -> Result<Self> {
        let failed = |error: rcgen::Error| format!("no certificate can be made: {error}");
        let key = KeyPair::generate().map_err(failed)?;
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let certificate = CertificateParams::new(names).and_then(|params| params.self_signed(&key)).map_err(failed)?;
        Ok(Self { chain: certificate.pem(), key: key.serialize_pem() })
    }
}
