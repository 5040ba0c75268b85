//! The last good addresses of the nodes' names. It makes no look-ups itself. A look-up that finds no address does not
//! replace a known answer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Addresses by name. Each list is sorted and has no duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved(HashMap<Arc<str>, Vec<IpAddr>>);

impl Resolved {
    /// The addresses of a name; empty while none is known.
    pub fn of(&self, name: &str) -> &[IpAddr] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// All names, in no order, with their addresses.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &[IpAddr])> {
        self.0.iter().map(|(name, addresses)| (name, addresses.as_slice()))
    }

    /// Stores the addresses of a name; true if they have changed. An empty list is ignored, and the known addresses
    /// stay.
    pub fn learn(&mut self, name: &Arc<str>, mut addresses: Vec<IpAddr>) -> bool {
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() || self.of(name) == addresses {
            return false;
        }
        self.0.insert(Arc::clone(name), addresses);
        true
    }

    /// Forgets every name that is not among these.
    pub fn keep_only(&mut self, names: &[Arc<str>]) {
        self.0.retain(|name, _| names.contains(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn only_news_is_news() {
        let name = Arc::from("esb.example");
        let mut resolved = Resolved::default();
        for (told, news, known) in [
            (&[][..], false, &[][..]),
            (&["10.0.0.2", "10.0.0.1"], true, &["10.0.0.1", "10.0.0.2"]),
            (&["10.0.0.1", "10.0.0.2"], false, &["10.0.0.1", "10.0.0.2"]),
            (&["10.0.0.2", "10.0.0.1", "10.0.0.2"], false, &["10.0.0.1", "10.0.0.2"]),
            (&[], false, &["10.0.0.1", "10.0.0.2"]),
            (&["2001:db8::1", "10.0.0.2"], true, &["10.0.0.2", "2001:db8::1"]),
            (&["10.0.0.2"], true, &["10.0.0.2"]),
        ] {
            assert_eq!(resolved.learn(&name, addresses(told)), news, "{told:?}");
            assert_eq!(resolved.of(&name), addresses(known), "{told:?}");
        }
    }

    #[test]
    fn names_that_left_the_configuration_are_forgotten() {
        let [one, two] = ["one", "two"].map(Arc::<str>::from);
        let mut resolved = Resolved::default();
        resolved.learn(&one, addresses(&["10.0.0.1"]));
        resolved.learn(&two, addresses(&["10.0.0.2"]));
        resolved.keep_only(&[Arc::clone(&two), Arc::from("three")]);
        assert_eq!((resolved.of("one"), resolved.of("two")), (&[][..], &*addresses(&["10.0.0.2"])));
    }
}
