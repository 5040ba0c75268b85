//! `[pool.tls]` and `[shared.tls]`: how the certificate of a node, or of a server that machines share, is verified. `verify` must be
//! written, so that nothing is trusted by accident.

use std::time::SystemTime;

use rustls_pki_types::CertificateDer;

use crate::config::certificate;
use crate::config::hosts;
use crate::config::model::{NodeTls, Verify};
use crate::config::text::choices;
use crate::config::text::section::Section;
use crate::config::values::pairs;
use crate::config::values::pins::pin;

/// Reads the table with its pins and roots. `shown` is the name of its own table with the certificate that Weir shows.
pub(crate) fn read(section: &Section<'_>, now: SystemTime, shown: &'static str) -> NodeTls {
    section.required("verify");
    let mode = section.choice("verify");
    let pins = pins(section);
    let verify = match mode {
        Some(choices::Verify::Pin) => Verify::Pin(pins),
        Some(choices::Verify::Full) => Verify::Full(roots(section)),
        Some(choices::Verify::Chain) => Verify::Chain(roots(section)),
        Some(choices::Verify::None) | None => Verify::None,
    };
    if !matches!(verify, Verify::Full(_) | Verify::Chain(_)) {
        refuse_roots(section, mode);
    }
    refuse_strangers(section, mode);
    let certificate = section.section("certificate", shown);
    NodeTls {
        verify,
        server_name: section.parsed("server-name", hosts::name),
        certificate: certificate.and_then(|certificate| pairs::read_client(&certificate, now)),
    }
}

fn pins(section: &Section<'_>) -> Vec<[u8; 32]> {
    let Some(written) = section.texts("pins") else { return Vec::new() };
    if section.is_empty_list("pins") {
        section.refuse("pins", "pins: the list is empty, nobody would be believed", HOW_TO_PIN);
    }
    written.iter().filter_map(|text| text.parsed(pin)).collect()
}

fn roots(section: &Section<'_>) -> Vec<CertificateDer<'static>> {
    let Some(file) = section.text("ca") else {
        let roots = certificate::system_roots();
        if roots.is_empty() {
            section.refuse(
                "verify",
                "verify: this system has no certificate authorities of its own",
                "name them: ca = \"ca.pem\", or install ca-certificates",
            );
        }
        return roots;
    };
    certificate::roots(&section.named_file(file.text)).unwrap_or_else(|finding| {
        file.refuse(format!("{}: {}", finding.file.display(), finding.what), finding.advice);
        Vec::new()
    })
}

fn refuse_roots(section: &Section<'_>, mode: Option<choices::Verify>) {
    if let (Some(mode), Some(ca)) = (mode, section.text("ca")) {
        ca.refuse(
            format!("has no effect with verify = {:?}", <&str>::from(mode)),
            "leave it out, or write verify = \"full\" or \"chain\"",
        );
    }
}

fn refuse_strangers(section: &Section<'_>, mode: Option<choices::Verify>) {
    match mode {
        Some(choices::Verify::Pin) if !section.has("pins") => {
            section.refuse("verify", "verify = \"pin\" needs pins", HOW_TO_PIN);
        }
        Some(mode) if mode != choices::Verify::Pin && section.has("pins") => {
            let what = format!("pins have no effect with verify = {:?}", <&str>::from(mode));
            section.refuse("pins", what, "leave them out, or write verify = \"pin\"");
        }
        Some(choices::Verify::None) => {
            let what = "verify = \"none\": their certificates are not checked, anyone between Weir and them can read and change all of it";
            section.problems.warning(section.place_of("verify"), what, HOW_TO_PIN);
        }
        _ => {}
    }
}

const HOW_TO_PIN: &str = "write verify = \"pin\" and pins = [\"sha256:…\"]; `weir cert pin HOST:PORT` prints them";
