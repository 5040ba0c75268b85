//! Servers that ask clients for certificates: `ssl_verify_client` becomes `client-auth` of the sites on listeners with TLS.

use crate::import::nginx::class::Class::{Changed, Ignored, Narrower, Same, Wider};
use crate::import::nginx::parse::Directive;
use crate::import::nginx::report::Verdicts;
use crate::import::nginx::scope::Scope;
use crate::import::nginx::table::Table;
use crate::import::nginx::values;
use crate::import::nginx::variables::Certificates;

/// The line by which a server asks for certificates, and that of their CAs, where Weir can ask so too.
pub(super) fn asks<'a>(scope: &Scope<'a>) -> Option<(&'a Directive, &'a Directive)> {
    let verify = scope.one("ssl_verify_client").filter(|one| matches!(one.word(), "on" | "optional"))?;
    let is_file = |one: &&Directive| !one.word().is_empty() && !one.word().contains('$');
    let ca = scope.one("ssl_client_certificate").filter(is_file)?;
    scope.one("ssl_crl").as_ref().is_none_or(is_file).then_some((verify, ca))
}

/// What nodes of this place can be told of certificates. `is_needed`: the place itself, or its server, lets nobody in without one.
pub(super) fn certificates(scope: &Scope<'_>, tls: bool, is_needed: bool) -> Certificates {
    match asks(scope).filter(|_| tls) {
        None => Certificates::No,
        Some((verify, _)) if is_needed || verify.word() == "on" => Certificates::Required,
        Some(_) => Certificates::Optional,
    }
}

/// Says that an `if` which keeps those out who have shown no certificate is this key.
pub(super) fn is_needed(block: &Directive, key: &str, verdicts: &Verdicts) {
    let note = "who has shown no certificate gets 400 with the reason certificate-missing";
    block.inside().iter().chain([block]).for_each(|one| verdicts.say(one, Changed, key, note));
}

/// Writes `client-auth` of a server, as it is on its listeners with or without TLS. `needed`: the `if` of the server that keeps those out
/// who have shown no certificate.
pub(super) fn write(table: &mut Table, scope: &Scope<'_>, tls: bool, needed: Option<&Directive>, verdicts: &Verdicts) {
    let Some((verify, ca)) = asks(scope) else { return };
    let (crl, depth) = (scope.one("ssl_crl"), scope.one("ssl_verify_depth"));
    if !tls {
        let note = "without effect on a listener without TLS";
        [Some(verify), Some(ca), crl, depth].into_iter().flatten().for_each(|one| verdicts.say(one, Ignored, "", note));
        return;
    }
    let mut pairs = vec![("ca".to_owned(), values::text(&scope.file(ca.word())))];
    verdicts.say(ca, Same, "client-auth.ca", "");
    needed.into_iter().for_each(|block| is_needed(block, "client-auth.mode", verdicts));
    if verify.word() == "optional" && needed.is_none() {
        pairs.push(("mode".to_owned(), values::text("optional")));
    }
    verdicts.say(verify, Same, "client-auth.mode", "who is refused gets 400 with the reason");
    if let Some(crl) = crl {
        pairs.push(("crl".to_owned(), values::text(&scope.file(crl.word()))));
        let note =
            "the client's own certificate is looked up, those of CAs are not; a list is used beyond its next update";
        verdicts.say(crl, Wider, "client-auth.crl", note);
    }
    if let Some(trusted) = scope.one("ssl_trusted_certificate") {
        let note =
            "nginx believes the CAs of this file too, and does not name them to clients: append them to the file of ca";
        verdicts.say(trusted, Narrower, "client-auth.ca", note);
    }
    depth.into_iter().for_each(|one| verdicts.say(one, Wider, "", "chains may have any usual length"));
    let note = "nodes get the certificate in X-WSO2-CLIENT-CERTIFICATE too, which no client can send itself";
    verdicts.unwritten(&verify.at, "ssl_verify_client: no field of its own", Changed, "client-auth.header", note);
    table.set("client-auth", values::inline(&pairs));
}
