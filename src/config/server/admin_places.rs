//! Where a configuration says that its Weir is asked. Read without checking anything else: who asks a running Weir may
//! not be allowed to read the keys that the file names.

use std::net::SocketAddr;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::config::model::AdminSocket;
use crate::config::server::admin;
use crate::config::server::listeners::ADMIN;
use crate::config::text::errors::Place;
use crate::config::text::source::Source;

/// Where a Weir is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminPlaces {
    /// Its socket.
    pub socket: AdminSocket,
    /// Its address.
    pub bind: SocketAddr,
    /// Whether the address speaks TLS.
    pub tls: bool,
}

impl Default for AdminPlaces {
    fn default() -> Self {
        Self { socket: AdminSocket::Default, bind: ADMIN, tls: false }
    }
}

/// What the file says of it; the defaults for what it does not say. `None` if the file cannot be read.
pub fn admin_places(file: &Path) -> Option<AdminPlaces> {
    let source = Source::read(file).ok()?;
    let table = DeTable::parse(&source.text).ok()?;
    let mut places = AdminPlaces::default();
    let Some(DeValue::Table(written)) = table.get_ref().get("admin").map(toml::Spanned::get_ref) else {
        return Some(places);
    };
    places.tls = written.contains_key("tls");
    let text = |key: &str| match written.get(key)?.get_ref() {
        DeValue::String(text) => Some(text.as_ref()),
        _ => None,
    };
    if let Some(socket) = text("socket").and_then(|text| admin::socket(text, |path| source.resolve(path)).ok()) {
        places.socket = socket.map_or(AdminSocket::Off, |path| AdminSocket::At(path, Place::default()));
    }
    if let Some(bind) = text("bind").and_then(|text| text.parse().ok()) {
        places.bind = bind;
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_file_does_not_say_is_the_default() {
        let file = std::env::temp_dir().join(format!("weir-places-{}.toml", std::process::id()));
        let at = |path: &Path| AdminSocket::At(path.to_owned(), Place::default());
        let other: SocketAddr = "127.0.0.1:9181".parse().unwrap();
        for (text, socket, bind) in [
            ("threads = 1\n", AdminSocket::Default, ADMIN),
            ("[admin]\nbind = \"127.0.0.1:9181\"\n", AdminSocket::Default, other),
            ("[admin]\nsocket = \"off\"\n", AdminSocket::Off, ADMIN),
            ("[admin]\nsocket = \"\"\n[[site]]\ncertificate = 5\n", AdminSocket::Off, ADMIN),
            ("[admin]\nsocket = \"/run/a.sock\"\n", at(Path::new("/run/a.sock")), ADMIN),
            ("[admin]\nsocket = \"a.sock\"\n", at(&std::env::temp_dir().join("a.sock")), ADMIN),
            ("[admin]\nsocket = 5\nbind = 5\n", AdminSocket::Default, ADMIN),
            ("[admin]\nsocket = \"off\"\n[admin.tls]\nchain = 5\n", AdminSocket::Off, ADMIN),
        ] {
            std::fs::write(&file, text).unwrap();
            let tls = text.contains("tls");
            assert_eq!(admin_places(&file), Some(AdminPlaces { socket, bind, tls }), "{text}");
        }
        std::fs::write(&file, "[admin\n").unwrap();
        assert_eq!(admin_places(&file), None);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(admin_places(&file), None);
    }
}
