//! `[dns]`: the DNS servers for the nodes' names.

use crate::config::model::Dns;
use crate::config::text::section::Section;
use crate::config::values::addresses;

/// Reads the table of the main file. Without one the system's servers are used.
pub(crate) fn read(main: &Section<'_>) -> Dns {
    let Some(section) = main.section("dns", "dns") else { return Dns::default() };
    if section.is_empty_list("servers") {
        section.refuse("servers", "servers: the list is empty", "leave it out to ask those of this system");
    }
    let mut servers = Vec::new();
    for text in section.texts("servers").unwrap_or_default() {
        match text.parsed(addresses::name_server) {
            Some(server) if servers.contains(&server) => {
                text.refuse(format!("{server} is written twice"), "once is enough");
            }
            Some(server) => servers.push(server),
            None => {}
        }
    }
    Dns { servers }
}
