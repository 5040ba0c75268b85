//! A certificate and its key, as two keys of a table name them: `chain` and `key`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::HostPattern;
use crate::config::certificate;
use crate::config::certificate::Pair;
use crate::config::model::{Certificate, Config};
use crate::config::text::section::Section;

/// The certificates of the configuration before this one, by the file of the chain.
#[derive(Default)]
pub(crate) struct KnownCertificates<'a>(HashMap<&'a Path, &'a Pair>);

impl<'a> KnownCertificates<'a> {
    pub(crate) fn of(before: &'a Config) -> Self {
        let of_sites = before.sites.iter().flat_map(|site| &site.certificates).map(|certificate| &**certificate);
        let of_admin = before.admin.tls.iter().map(|tls| &*tls.certificate);
        let all = of_sites.chain(of_admin);
        Self(all.map(|certificate| (certificate.chain.as_path(), &certificate.pair)).collect())
    }

    /// What the file held.
    pub(crate) fn of_file(&self, chain: &Path) -> Option<&'a Pair> {
        self.0.get(chain).copied()
    }
}

/// By what time certificates are judged, and which ones are already known.
#[derive(Clone, Copy)]
pub(crate) struct Judging<'a> {
    pub(crate) now: SystemTime,
    pub(crate) known: &'a KnownCertificates<'a>,
}

/// Reads `chain` and `key`. What is wrong with the files, or with the certificate for these hosts, is reported.
pub(crate) fn read(section: &Section<'_>, hosts: &[HostPattern], judging: Judging<'_>) -> Option<Arc<Certificate>> {
    let (chain, key) = (section.required_text("chain"), section.required_text("key"));
    let (chain, key) = (section.named_file(chain?.text), section.named_file(key?.text));
    let known = judging.known.of_file(&chain);
    let inspection = certificate::inspect(&chain, &key, hosts, judging.now, known);
    let how_to_make = how_to_make(&chain, &key, hosts);
    for finding in inspection.findings {
        let at = section.place_of(if finding.file == key && key != chain { "key" } else { "chain" });
        let what = format!("{}: {}", finding.file.display(), finding.what);
        let advice = how_to_make.clone().unwrap_or(finding.advice);
        if finding.fatal {
            section.problems.error(at, what, advice);
        } else {
            section.problems.warning(at, what, advice);
        }
    }
    inspection.pair.map(|pair| Arc::new(Certificate { chain, key, pair }))
}

/// Reads `chain` and `key` of a certificate that Weir shows to nodes. What only matters to clients is not told of it.
pub(crate) fn read_client(section: &Section<'_>, now: SystemTime) -> Option<Arc<Certificate>> {
    let (chain, key) = (section.required_text("chain"), section.required_text("key"));
    let (chain, key) = (section.named_file(chain?.text), section.named_file(key?.text));
    let inspection = certificate::inspect(&chain, &key, &[], now, None);
    for finding in inspection.findings.into_iter().filter(|finding| finding.fatal || finding.file == key) {
        let at = section.place_of(if finding.file == key && key != chain { "key" } else { "chain" });
        let what = format!("{}: {}", finding.file.display(), finding.what);
        if finding.fatal {
            section.problems.error(at, what, finding.advice);
        } else {
            section.problems.warning(at, what, finding.advice);
        }
    }
    let pair = inspection.pair?;
    let today = now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    if pair.leaf.not_after < today.saturating_add(WARNED_BEFORE) {
        let (verb, day) =
            (if pair.leaf.not_after < today { "expired" } else { "expires" }, certificate::day(pair.leaf.not_after));
        let what = format!("{}: it {verb} on {day}: nodes that ask for it refuse it then", chain.display());
        section.problems.warning(section.place_of("chain"), what, "have it signed anew");
    }
    Some(Arc::new(Certificate { chain, key, pair }))
}

/// In seconds: 30 days.
const WARNED_BEFORE: i64 = 30 * 86_400;

/// On a new machine neither file exists, and one command creates both. What this user may not look at may be there.
fn how_to_make(chain: &Path, key: &Path, hosts: &[HostPattern]) -> Option<String> {
    let is_missing = |file: &Path| file.try_exists().is_ok_and(|exists| !exists);
    if !is_missing(chain) || !is_missing(key) || chain.with_extension("") != key.with_extension("") {
        return None;
    }
    let hosts: String = match hosts {
        [] => " --host HOST".to_owned(),
        hosts => hosts.iter().map(|host| format!(" --host '{host}'")).collect(),
    };
    let name = chain.file_stem()?.to_str()?;
    let directory = chain.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(format!("`weir cert create{hosts} --name {name} --out {}` makes a pair for trying", directory.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_pair_is_to_be_made_only_where_there_is_none_for_sure() {
        let directory = std::env::temp_dir().join(format!("weir-pairs-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let told = |directory: &Path| how_to_make(&directory.join("wrk.crt"), &directory.join("wrk.key"), &[]);
        assert!(told(&directory).is_some_and(|advice| advice.starts_with("`weir cert create")));
        // As of a directory that is closed to this user, which root cannot try: nobody can tell whether the file is there.
        fs::write(directory.join("closed"), "").unwrap();
        assert_eq!(told(&directory.join("closed")), None);
        fs::remove_dir_all(directory).unwrap();
    }
}
