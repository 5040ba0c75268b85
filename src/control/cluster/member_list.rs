//! Hazelcast's list of members, as 3.5 to 3.12 write it into their log and into the answer to `/hazelcast/rest/cluster`. What
//! a member says is read with bounds, and nothing in it is believed to be well formed.

use std::fmt;

/// The most members that a list may have.
const MOST: usize = 256;
/// The longest name of a host.
const LONGEST_HOST: usize = 253;
/// How much of a line is shown that is none of a list.
const EXCERPT: usize = 60;

/// Where a member takes messages of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MemberAddress {
    /// An IP address without brackets, or a name; in lower case.
    pub(crate) host: Box<str>,
    /// Its localMemberPort.
    pub(crate) port: u16,
}

/// The members that one of them knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemberList {
    /// In the order in which they joined.
    pub(crate) members: Vec<MemberAddress>,
    /// The one that says so: it is marked with `this`.
    pub(crate) own: Option<MemberAddress>,
}

impl MemberAddress {
    /// `HOST:PORT`, with an IPv6 address in brackets.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = inner.unwrap_or(host);
        let written = |byte: u8| byte.is_ascii_alphanumeric() || b".:-_%".contains(&byte);
        let is_host = (1..=LONGEST_HOST).contains(&host.len()) && host.bytes().all(written);
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port > 0)?;
        is_host.then(|| Self { host: host.to_ascii_lowercase().into(), port })
    }
}

impl fmt::Display for MemberAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl MemberList {
    /// The first list in an answer, or what is wrong with it.
    pub(crate) fn parse(answer: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(answer).map_err(|_| "what it says is no text".to_owned())?;
        let mut lines = ListLines::default();
        text.lines().find_map(|line| lines.read(line)).unwrap_or_else(|| Err(lines.missing()))
    }
}

/// Finds lists among lines.
#[derive(Debug, Default)]
pub(crate) struct ListLines {
    open: Option<OpenList>,
}

/// A list whose end has not come yet.
#[derive(Debug)]
struct OpenList {
    counted: usize,
    list: MemberList,
}

impl ListLines {
    /// Reads the next line. Where it ends a list, that is told.
    pub(crate) fn read(&mut self, line: &str) -> Option<Result<MemberList, String>> {
        let line = line.trim();
        if let Some(counted) = heading(line) {
            self.open = Some(OpenList { counted, list: MemberList::default() });
            return None;
        }
        let open = self.open.as_mut()?;
        let added = match line {
            "}" | "]" => return self.open.take().map(OpenList::closed),
            _ => open.add(line),
        };
        added.inspect_err(|_| self.open = None).err().map(Err)
    }

    fn missing(&self) -> String {
        let what =
            if self.open.is_some() { "its list of members breaks off" } else { "there is no list of members in it" };
        what.to_owned()
    }
}

impl OpenList {
    fn add(&mut self, line: &str) -> Result<(), String> {
        let Some((address, own)) = member(line) else {
            let start: String = line.chars().take(EXCERPT).collect();
            return Err(format!("\"{}\" is no member", start.escape_debug()));
        };
        let MemberList { members, own: mine } = &mut self.list;
        if members.len() == MOST {
            return Err(format!("it has more than {MOST} members"));
        }
        if members.contains(&address) {
            return Err(format!("it has {address} twice"));
        }
        if own {
            *mine = Some(address.clone());
        }
        members.push(address);
        Ok(())
    }

    fn closed(self) -> Result<MemberList, String> {
        let found = self.list.members.len();
        match found == self.counted {
            true => Ok(self.list),
            false => Err(format!("it counts {} members and has {found}", self.counted)),
        }
    }
}

/// The number of members in `Members [3] {` (3.5 to 3.9) and `Members {size:3, ver:7} [` (3.10 and newer).
fn heading(line: &str) -> Option<usize> {
    let rest = line.strip_prefix("Members ")?;
    let counted = match rest.strip_prefix('[') {
        Some(older) => older.strip_suffix("] {")?,
        None => rest.strip_prefix("{size:")?.strip_suffix("} [")?.split_once(", ver:")?.0,
    };
    counted.parse().ok()
}

/// `Member [10.0.0.3]:4200 - 1b9c3fa5-54d4-46a8-8371-df8218f20e2e this`; older ones have no uuid. True: this one says so.
fn member(line: &str) -> Option<(MemberAddress, bool)> {
    let rest = line.strip_prefix("Member ")?;
    let (address, rest) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
    let address = address.starts_with('[').then(|| MemberAddress::parse(address))??;
    Some((address, rest.split(' ').next_back() == Some("this")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<String, String> {
        let list = MemberList::parse(text.as_bytes())?;
        let own = list.own.map(|own| own.to_string()).unwrap_or_default();
        Ok(format!("{} by {own}", list.members.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
    }

    #[test]
    fn every_version_is_understood() {
        let three = Ok("10.0.0.2:4100 10.0.0.3:4200 10.0.0.4:4300 by 10.0.0.3:4200".to_owned());
        let uuid = "e1c7fcfd-df71-4435-bd23-9b0688ef1b31";
        let body = |uuid: &str| {
            format!(
                "\tMember [10.0.0.2]:4100{uuid}\n\tMember [10.0.0.3]:4200{uuid} this\n\tMember [10.0.0.4]:4300{uuid}\n"
            )
        };
        let end = "\nConnectionCount: 1\nAllConnectionCount: 21\n";
        let of_3_5 = format!("\n\nMembers [3] {{\n{}}}\n{end}", body(""));
        let of_3_8 = format!("\n\nMembers [3] {{\n{}}}\n{end}", body(&format!(" - {uuid}")));
        let of_3_10 = format!("\n\nMembers {{size:3, ver:7}} [\n{}]\n{end}", body(&format!(" - {uuid}")));
        for text in [of_3_5, of_3_8, of_3_10] {
            assert_eq!(told(&text), three, "{text}");
            assert_eq!(told(&text.replace('\n', "\r\n")), three, "{text}");
        }
    }

    #[test]
    fn hosts_may_have_names_and_be_ipv6() {
        let text = "Members [2] {\n\tMember [fd00::3]:4200 this\n\tMember [Worker_2.local]:4300\n}";
        assert_eq!(told(text), Ok("[fd00::3]:4200 worker_2.local:4300 by [fd00::3]:4200".to_owned()));
        assert_eq!(told("Members [0] {\n}"), Ok(" by ".to_owned()));
    }

    #[test]
    fn what_is_no_list_is_told() {
        let many = (1..=257).map(|port| format!("Member [10.0.0.3]:{port}\n")).collect::<String>();
        let long = format!("Member [{}]:4200\n", "a".repeat(254));
        for (text, said) in [
            ("", "there is no list of members in it"),
            ("<html>Members</html>", "there is no list of members in it"),
            ("Members [x] {\n}", "there is no list of members in it"),
            ("Members [2] {\n\tMember [10.0.0.2]:4100\n", "its list of members breaks off"),
            ("Members [2] {\n\tMember [10.0.0.2]:4100\n}", "it counts 2 members and has 1"),
            ("Members [2] {\nMember [10.0.0.2]:4100\nMember [10.0.0.2]:4100\n}", "it has 10.0.0.2:4100 twice"),
            ("Members [1] {\n<b>\x1b\n}", "\"<b>\\u{1b}\" is no member"),
            ("Members [1] {\nMember [10.0.0.2]:0\n}", "\"Member [10.0.0.2]:0\" is no member"),
            ("Members [1] {\nMember [10.0.0.2]:70000\n}", "\"Member [10.0.0.2]:70000\" is no member"),
            ("Members [1] {\nMember [10.0.0.2]:+41\n}", "\"Member [10.0.0.2]:+41\" is no member"),
            ("Members [1] {\nMember [a\"b]:4100\n}", "\"Member [a\\\"b]:4100\" is no member"),
            ("Members [1] {\nMember []:4100\n}", "\"Member []:4100\" is no member"),
            ("Members [1] {\nMember 10.0.0.2:4100\n}", "\"Member 10.0.0.2:4100\" is no member"),
            (&format!("Members [257] {{\n{many}}}"), "it has more than 256 members"),
        ] {
            assert_eq!(told(text), Err(said.to_owned()), "{text}");
        }
        assert!(told(&format!("Members [1] {{\n{long}}}")).is_err_and(|said| said.len() < 100));
        assert_eq!(MemberList::parse(b"\xff"), Err("what it says is no text".to_owned()));
    }

    #[test]
    fn lists_are_found_among_other_lines() {
        let log = "INFO: x\n\nMembers [2] {\n\tMember [10.0.0.2]:4100 this\nMembers [1] {\n\tMember [10.0.0.3]:4100 this\n}\nINFO";
        let mut lines = ListLines::default();
        let found: Vec<_> = log.lines().filter_map(|line| lines.read(line)).collect();
        assert_eq!(found.len(), 1, "one that breaks off is none");
        assert_eq!(found[0].as_ref().unwrap().members[0].to_string(), "10.0.0.3:4100");
    }
}
