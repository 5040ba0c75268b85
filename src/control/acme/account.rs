//! The account of this machine with a CA: made once, and kept in the state directory.

use std::io;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};

use super::complaint::{Complaint, is_about};
use super::disk::on_disk;
use super::transport::Transport;
use crate::config::Acme;
use crate::control::store::state_dir::StateDir;

/// The folder in the state directory.
const FOLDER: &str = "acme";

/// The account, which is made where there is none yet.
pub(super) async fn open(acme: &Acme, transport: &Transport, state_dir: &Path) -> Result<Account, Complaint> {
    let (folder, name) = (state_dir.join(FOLDER), file_name(acme));
    let (in_folder, of_name) = (folder.clone(), name.clone());
    if let Some(credentials) = on_disk(move || known(&in_folder, &of_name)).await.map_err(Complaint::of_disk)? {
        let builder = Account::builder_with_http(Box::new(transport.clone()));
        return builder.from_credentials(credentials).await.map_err(|error| Complaint::of(&error, transport));
    }
    make(acme, transport, (&folder, &name)).await
}

/// Another account, in place of one that the CA does not know any more.
pub(super) async fn make_again(acme: &Acme, transport: &Transport, state_dir: &Path) -> Result<Account, Complaint> {
    log::warn!("{} does not know the account of this machine any more: another one is made", acme.name);
    make(acme, transport, (&state_dir.join(FOLDER), &file_name(acme))).await
}

/// Whether the CA does not know the account.
pub(super) fn is_unknown(error: &instant_acme::Error) -> bool {
    is_about(error, "accountDoesNotExist")
}

/// One for each directory: who tries a CA's staging first has two accounts.
fn file_name(acme: &Acme) -> String {
    let hash = digest(&SHA256, acme.directory.as_bytes());
    let hash: String = hash.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{hash}.json", acme.name)
}

/// What is kept; nothing, where it is damaged. It is set aside then.
fn known(folder: &Path, name: &str) -> io::Result<Option<AccountCredentials>> {
    let Some(bytes) = StateDir::read_in(folder, name)? else { return Ok(None) };
    match serde_json::from_slice(&bytes) {
        Ok(credentials) => Ok(Some(credentials)),
        Err(error) => {
            let aside = StateDir::open(folder)?.set_aside(name)?;
            log::warn!("{} is damaged ({error}): it is now {}", folder.join(name).display(), aside.display());
            Ok(None)
        }
    }
}

async fn make(acme: &Acme, transport: &Transport, (folder, name): (&Path, &str)) -> Result<Account, Complaint> {
    let contact: Vec<&str> = acme.contact.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contact, terms_of_service_agreed: acme.accept_terms, only_return_existing: false };
    let external = acme.external_account.as_ref();
    let external = external.map(|external| ExternalAccountKey::new(external.key_id.clone(), &external.key));
    let builder = Account::builder_with_http(Box::new(transport.clone()));
    let made = builder.create(&new, acme.directory.clone(), external.as_ref()).await;
    let (account, credentials) = made.map_err(|error| {
        let mut complaint = Complaint::of(&error, transport).before("the account cannot be made");
        if is_about(&error, "userActionRequired") || (!acme.accept_terms && complaint.what.contains("erms of")) {
            complaint.what += "; accept-terms = true says that you agree to its terms";
        }
        if is_about(&error, "externalAccountRequired") {
            complaint.what += "; eab = { kid = \"…\", hmac-file = \"…\" } says which account you have with it";
        }
        complaint
    })?;
    let text = serde_json::to_vec_pretty(&credentials).map_err(|error| Complaint::own(error.to_string()))?;
    let (folder, name) = (folder.to_owned(), name.to_owned());
    let kept = on_disk(move || StateDir::open(&folder)?.replace(&name, |out| out.write_all(&text))).await;
    let lost = |error| Complaint::of_disk(error).before(&format!("the new account {} cannot be kept", account.id()));
    kept.map_err(lost)?;
    log::info!("an account was made with {}: {}", acme.name, account.id());
    Ok(account)
}
