//! `weir cert create`: makes a certificate and a key for a site. Only the owner can read the key, and no file is lost.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;

use super::files;
use super::issue::{Authority, CertificateRequest, Made};
use super::outcome::{Outcome, quoted};
use crate::config::KeyType;
use crate::config::certificate::{authority, day};

/// `weir cert create`
#[derive(Args, Clone, Debug)]
pub(crate) struct Create {
    /// The names that clients ask for: host names, *.parent, or IP addresses; the first is the common name
    #[arg(long = "host", value_name = "NAME", required = true, num_args = 1.., value_parser = host)]
    pub(super) hosts: Vec<String>,
    /// The directory to write to; it is made if it is missing
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// An RSA key of 2048, 3072 or 4096 bits instead of ECDSA P-256
    #[arg(long, value_name = "BITS", num_args = 0..=1, default_missing_value = "2048", value_parser = rsa)]
    pub(super) rsa: Option<KeyType>,
    /// How long the certificate is valid; some clients refuse more than 398 days
    #[arg(long, default_value_t = USUAL_DAYS, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(super) days: u32,
    /// The files' name without .crt and .key; default: the first host
    #[arg(long, value_parser = file_name)]
    pub(super) name: Option<String>,
    /// Make a small CA as well (ca.crt, ca.key) and sign with it
    #[arg(long, conflicts_with_all = ["ca_cert", "ca_key"])]
    pub(super) ca: bool,
    /// Sign with this CA
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    pub(super) ca_cert: Option<PathBuf>,
    /// The key of that CA
    #[arg(long, value_name = "FILE", requires = "ca_cert")]
    pub(super) ca_key: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    pub(super) force: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Create {
    /// A pair for one host, with the defaults.
    pub(super) fn of_host(host: &str, out: &Path, name: &str) -> Self {
        Self {
            hosts: vec![host.to_owned()],
            out: out.to_owned(),
            rsa: None,
            days: USUAL_DAYS,
            name: Some(name.to_owned()),
            ca: false,
            ca_cert: None,
            ca_key: None,
            force: false,
            json: false,
        }
    }

    pub(super) fn run(&self, now: SystemTime) -> Result<Outcome, String> {
        let request = CertificateRequest {
            hosts: self.hosts.clone(),
            key: self.rsa.unwrap_or(KeyType::EcdsaP256),
            days: self.days,
        };
        let stem = self.stem();
        if self.ca && stem == "ca" {
            return Err("the CA is written to ca.crt and ca.key: give the pair another --name".into());
        }
        let mut texts = Vec::new();
        let authority = self.authority(request.key, now, &mut texts)?;
        let made = request.make(authority.as_ref(), now)?;
        let (chain, key) = (self.out.join(format!("{stem}.crt")), self.out.join(format!("{stem}.key")));
        texts.push((key.clone(), made.key.clone(), PRIVATE));
        texts.push((chain.clone(), made.chain.clone(), PUBLIC));
        fs::create_dir_all(&self.out).map_err(|error| format!("{}: {error}", self.out.display()))?;
        files::write_all(&texts, self.force)?;
        Ok(Outcome::good(if self.json {
            self.json(&chain, &key, &made)
        } else {
            self.words(&request, &chain, &key, &made)
        }))
    }

    fn authority(
        &self,
        key: KeyType,
        now: SystemTime,
        texts: &mut Vec<(PathBuf, String, u32)>,
    ) -> Result<Option<Authority>, String> {
        if let (Some(chain), Some(key)) = (&self.ca_cert, &self.ca_key) {
            return existing(chain, key, now).map(Some);
        }
        if !self.ca {
            return Ok(None);
        }
        let (authority, made) = Authority::make(key, now)?;
        texts.push((self.out.join("ca.key"), made.key, PRIVATE));
        texts.push((self.out.join("ca.crt"), made.chain, PUBLIC));
        Ok(Some(authority))
    }

    fn stem(&self) -> String {
        let first =
            || self.hosts.first().map_or_else(String::new, |host| host.replace('*', "wildcard").replace(':', "-"));
        self.name.clone().unwrap_or_else(first)
    }

    fn words(&self, request: &CertificateRequest, chain: &Path, key: &Path, made: &Made) -> String {
        let mut text = String::new();
        let (hosts, until) = (self.hosts.join(", "), day(made.not_after));
        let signed = match (&self.ca_cert, self.ca) {
            (Some(ca), _) => format!("signed by {}", ca.display()),
            (None, true) => format!("signed by {}", self.out.join("ca.crt").display()),
            (None, false) => "self-signed".into(),
        };
        let _ = writeln!(
            text,
            "made {}  {}, {signed}, valid until {until}, for {hosts}",
            chain.display(),
            request.key.words()
        );
        let _ = writeln!(text, "made {}  its private key, readable by its owner alone", key.display());
        if self.ca {
            let _ = writeln!(text, "made {}  the CA: give it to clients to trust", self.out.join("ca.crt").display());
            let _ = writeln!(
                text,
                "made {}  the CA's key: keep it away from this machine",
                self.out.join("ca.key").display()
            );
        }
        let list = self.hosts.iter().map(|host| quoted(host)).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "\nin the site:\nhosts = [{list}]");
        let _ = writeln!(text, "certificate = {{ chain = {}, key = {} }}", absolute(chain), absolute(key));
        text
    }

    fn json(&self, chain: &Path, key: &Path, made: &Made) -> String {
        let ca = self.ca.then(|| self.out.join("ca.crt"));
        let value = serde_json::json!({
            "chain": chain, "key": key, "hosts": self.hosts, "not_after": made.not_after, "ca": ca,
        });
        format!("{value:#}\n")
    }
}

/// Reads a CA from files, with the same checks as a site's pair.
fn existing(chain: &Path, key: &Path, now: SystemTime) -> Result<Authority, String> {
    let (certificates, private, not_after) = authority(chain, key, now).map_err(|finding| {
        let advice = if finding.advice.is_empty() { String::new() } else { format!(" ({})", finding.advice) };
        format!("{}: {}{advice}", finding.file.display(), finding.what)
    })?;
    let text = fs::read_to_string(chain).map_err(|error| format!("{}: {error}", chain.display()))?;
    let end = UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(not_after).unwrap_or(0)));
    let certificate = certificates.first().ok_or("no certificate")?;
    Authority::of(&text, certificate, &private, end)
}

pub(crate) fn host(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let name = text.to_ascii_lowercase();
    let labels = name.strip_prefix("*.").unwrap_or(&name);
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !name.is_ascii() {
        return Err("write it as DNS does, in its xn-- form".into());
    }
    if name.len() > 253 || !labels.split('.').all(fits) {
        return Err("not a host name: no port, no path, no scheme; a * only as the first label".into());
    }
    Ok(name)
}

fn rsa(text: &str) -> Result<KeyType, String> {
    match text {
        "2048" => Ok(KeyType::Rsa2048),
        "3072" => Ok(KeyType::Rsa3072),
        "4096" => Ok(KeyType::Rsa4096),
        _ => Err("2048, 3072 or 4096 bits".into()),
    }
}

fn file_name(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\0']);
    if plain { Ok(text.into()) } else { Err("a plain file name: no directories, no leading dot".into()) }
}

fn absolute(file: &Path) -> String {
    quoted(&fs::canonicalize(file).unwrap_or_else(|_| file.into()).to_string_lossy())
}

/// The longest that browsers believe.
const USUAL_DAYS: u32 = 398;
const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;
