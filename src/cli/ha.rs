//! `weir ha keepalived`: the keepalived.conf of two machines with Weir that share an address.

use std::env;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use ipnet::IpNet;
use nix::ifaddrs::getifaddrs;

use super::output::{fail, print, tell_aside};
use crate::app::FAILED;

/// For which program.
#[derive(clap::Subcommand)]
pub(super) enum Ha {
    /// Print keepalived.conf for this machine: an address that is where Weir can serve
    Keepalived(Keepalived),
}

impl Ha {
    /// Returns the exit code.
    pub(super) fn run(&self) -> i32 {
        let Self::Keepalived(keepalived) = self;
        match keepalived.conf() {
            Ok(conf) if print(&conf) => {
                tell_aside(
                    "weir: this is /etc/keepalived/keepalived.conf of this machine; the other machine's is written on that one",
                );
                0
            }
            Ok(_) => FAILED,
            Err(why) => fail(&why),
        }
    }
}

#[derive(clap::Args)]
pub(super) struct Keepalived {
    /// An address that moves, with the length of its network; may be written several times
    #[arg(long, value_name = "ADDRESS[/LENGTH]", required = true, value_parser = vip)]
    vip: Vec<Vip>,
    /// The other machine's own address; may be written several times
    #[arg(long, value_name = "ADDRESS", required = true)]
    peer: Vec<IpAddr>,
    /// The address that this machine has when it comes back or both are well; without it an address stays where it is
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    prefer: Vec<IpAddr>,
    /// This machine's own address [default: the one that leads to the first peer]
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// The network interface [default: the one that has this machine's own address]
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// The virtual_router_id, which no other VRRP in this network has; of several addresses that of the first
    #[arg(long, value_name = "NUMBER", default_value_t = 51, value_parser = clap::value_parser!(u8).range(1..=200))]
    id: u8,
    /// The user that asks Weir whether it is ready
    #[arg(long, value_name = "USER", default_value = "weir")]
    user: String,
    /// Weir counts as ready only when this site can be served; may be written several times
    #[arg(long, value_name = "SITE")]
    site: Vec<String>,
}

/// An address that moves. Without a length it is written without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Vip {
    address: IpAddr,
    length: Option<u8>,
}

fn vip(text: &str) -> Result<Vip, String> {
    let wrong = |_| format!("{text} is no address; write 10.0.0.100/24");
    match text.contains('/') {
        true => text
            .parse()
            .map(|net: IpNet| Vip { address: net.addr(), length: Some(net.prefix_len()) })
            .map_err(|error| wrong(error.to_string())),
        false => address(text).map(|address| Vip { address, length: None }).map_err(wrong),
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("{text} is no address; write 10.0.0.100"))
}

/// The priority of both machines. As they have the same, an address stays where it is when the other one comes back; and
/// whatever lowers it moves the address, unless it lowers the other one too.
const PRIORITY: u8 = 100;

/// That of an address which this machine prefers.
const PREFERRED: u8 = 110;

impl Keepalived {
    fn conf(&self) -> Result<String, String> {
        let (own, interface) = self.place()?;
        let is_ipv4 = own.is_ipv4();
        if let Some(peer) = self.peer.iter().find(|peer| peer.is_ipv4() != is_ipv4) {
            return Err(format!("the peer {peer} and this machine's own address {own} are not of one IP version"));
        }
        if self.peer.contains(&own) {
            return Err(format!("the peer {own} is this machine itself: write the other one's address"));
        }
        if let Some(stranger) = self.prefer.iter().find(|prefer| self.vip.iter().all(|vip| vip.address != **prefer)) {
            return Err(format!("--prefer {stranger} is none of the --vip"));
        }
        if let Some(own) = self.vip.iter().find(|vip| vip.address == own || self.peer.contains(&vip.address)) {
            return Err(format!("--vip {} is an address that a machine has already: it must be one more", own.address));
        }
        if let Some(word) = self.site.iter().chain([&self.user]).find(|word| !is_word(word)) {
            return Err(format!("{word:?} cannot stand in keepalived.conf: letters, digits and -_.@: can"));
        }
        let groups = self.groups(is_ipv4)?;
        if groups.len() > usize::from(u8::MAX - self.id) {
            return Err(format!(
                "there is no virtual_router_id beyond 255 for {} addresses: write a smaller --id",
                groups.len()
            ));
        }
        let mut conf = self.head();
        for (vips, number) in groups.into_iter().zip(self.id..) {
            self.instance(&mut conf, number, &vips, (own, &interface));
        }
        Ok(conf)
    }

    /// This machine's own address, and its interface.
    fn place(&self) -> Result<(IpAddr, String), String> {
        let own = match self.address {
            Some(own) => own,
            None => towards(self.peer[0]).ok_or_else(|| {
                format!("no address of this machine leads to {}: write --address and --interface", self.peer[0])
            })?,
        };
        let interface = match &self.interface {
            Some(name) if is_word(name) && name.len() <= LONGEST_INTERFACE => name.clone(),
            Some(name) => return Err(format!("{name:?} is no name of an interface")),
            None => interface_of(own).ok_or_else(|| {
                format!(
                    "no interface of this machine has {own}: write --interface, or run this on the machine that has it"
                )
            })?,
        };
        Ok((own, interface))
    }

    /// The addresses that move together. Each for itself, where this machine prefers some: the other one prefers the others.
    fn groups(&self, is_ipv4: bool) -> Result<Vec<Vec<Vip>>, String> {
        if self.prefer.is_empty() {
            return match self.vip.iter().any(|vip| vip.address.is_ipv4() == is_ipv4) {
                true => Ok(vec![self.vip.clone()]),
                false => Err("the peers and no --vip are of one IP version: keepalived needs one".to_owned()),
            };
        }
        match self.vip.iter().find(|vip| vip.address.is_ipv4() != is_ipv4) {
            None => Ok(self.vip.iter().map(|vip| vec![*vip]).collect()),
            Some(vip) => {
                Err(format!("--vip {} is of another IP version than the peers, and moves by itself", vip.address))
            }
        }
    }

    fn head(&self) -> String {
        let sites: String = self.site.iter().map(|site| format!(" --site {site}")).collect();
        let program = program();
        let user = &self.user;
        format!(
            "# An address that is where Weir can serve. Written by `weir ha keepalived`; the other machine's differs in its own address\n\
             # and its peer. What each line is for: two-balancers.md in /usr/share/doc/weir.\n\
             global_defs {{\n    enable_script_security\n    script_user {user}\n    vrrp_version 3\n    vrrp_garp_master_refresh 60\n}}\n\n\
             # Weir says that it can serve. When it cannot, this machine counts less: the address moves, unless the other one cannot either.\n\
             vrrp_script weir_ready {{\n    script \"{program} ready{sites}\"\n    interval 1\n    timeout 2\n    fall 2\n    rise 2\n    weight -20\n}}\n\n\
             # The kernel says at once when no Weir runs any more.\n\
             vrrp_track_process weir_runs {{\n    process {program} run\n    param_match partial\n    quorum 1\n    weight -30\n}}\n"
        )
    }

    fn instance(&self, conf: &mut String, number: u8, vips: &[Vip], (own, interface): (IpAddr, &str)) {
        let prefers = vips.iter().any(|vip| self.prefer.contains(&vip.address));
        let priority = if prefers { PREFERRED } else { PRIORITY };
        let peers: String = self.peer.iter().map(|peer| format!("        {peer}\n")).collect();
        let (of_it, others): (Vec<Vip>, Vec<Vip>) = vips.iter().partition(|vip| vip.address.is_ipv4() == own.is_ipv4());
        let list = |vips: &[Vip]| vips.iter().map(|vip| format!("        {}\n", vip.written())).collect::<String>();
        let excluded = match others.is_empty() {
            true => String::new(),
            false => format!("    virtual_ipaddress_excluded {{\n{}    }}\n", list(&others)),
        };
        let delay = if prefers { "    preempt_delay 5\n" } else { "" };
        // Writing into memory does not fail.
        let _ = write!(
            conf,
            "\nvrrp_instance weir_{number} {{\n    state BACKUP\n    interface {interface}\n    virtual_router_id {number}\n    priority {priority}\n{delay}    \
             # Three of these and a little more without a word, and the other machine takes over.\n    \
             advert_int 0.1\n    unicast_src_ip {own}\n    unicast_peer {{\n{peers}    }}\n    virtual_ipaddress {{\n{}    }}\n{excluded}    \
             track_script {{\n        weir_ready\n    }}\n    track_process {{\n        weir_runs\n    }}\n}}\n",
            list(&of_it)
        );
    }
}

impl Vip {
    fn written(self) -> String {
        self.length.map_or_else(|| self.address.to_string(), |length| format!("{}/{length}", self.address))
    }
}

/// The path of this program, by which keepalived runs it.
fn program() -> String {
    let own = env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok());
    own.filter(|path| path.split('/').skip(1).all(is_word)).unwrap_or_else(|| "/usr/bin/weir".to_owned())
}

/// The own address that packets to this one leave from. Nothing is sent for that.
fn towards(peer: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    // Port 9 discards what comes, and nothing does.
    socket.connect(SocketAddr::new(peer, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|own| !own.is_unspecified())
}

fn interface_of(own: IpAddr) -> Option<String> {
    let has_it = |address: &nix::sys::socket::SockaddrStorage| {
        let ipv4 = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
        ipv4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::from(address.ip()))) == Some(own)
    };
    let found = getifaddrs().ok()?.find(|interface| interface.address.as_ref().is_some_and(has_it));
    found.map(|interface| interface.interface_name)
}

/// The kernel's limit, in bytes.
const LONGEST_INTERFACE: usize = 15;

/// Whether keepalived reads it as one word.
fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(vips: &[&str], peer: &str, prefer: &[&str]) -> Keepalived {
        Keepalived {
            vip: vips.iter().map(|text| vip(text).unwrap()).collect(),
            peer: vec![peer.parse().unwrap()],
            prefer: prefer.iter().map(|text| text.parse().unwrap()).collect(),
            address: Some(if peer.contains(':') { "fd00::11" } else { "10.0.0.11" }.parse().unwrap()),
            interface: Some("eth0".to_owned()),
            id: 51,
            user: "weir".to_owned(),
            site: Vec::new(),
        }
    }

    #[test]
    fn one_address_stays_where_it_is_and_a_preferred_one_comes_back() {
        let conf = asked(&["10.0.0.100/24", "fd00::100/64"], "10.0.0.12", &[]).conf().unwrap();
        assert!(conf.contains("priority 100\n") && !conf.contains("preempt_delay"), "{conf}");
        assert!(conf.contains("virtual_ipaddress {\n        10.0.0.100/24\n    }\n    virtual_ipaddress_excluded {\n        fd00::100/64\n"), "{conf}");
        let conf = asked(&["10.0.0.100", "10.0.0.101"], "10.0.0.12", &["10.0.0.101"]).conf().unwrap();
        let instances: Vec<&str> = conf.split("vrrp_instance ").skip(1).collect();
        assert_eq!(instances.len(), 2, "{conf}");
        assert!(
            instances[0].contains("virtual_router_id 51\n    priority 100\n")
                && instances[0].contains("  10.0.0.100\n")
        );
        assert!(instances[1].contains("virtual_router_id 52\n    priority 110\n    preempt_delay 5\n"));
    }

    #[test]
    fn what_cannot_work_is_said() {
        for (vips, peer, prefer, said) in [
            (&["10.0.0.100"][..], "10.0.0.11", &[][..], "is this machine itself"),
            (&["10.0.0.12"], "10.0.0.12", &[], "must be one more"),
            (&["10.0.0.100"], "10.0.0.12", &["10.0.0.1"], "none of the --vip"),
            (&["fd00::100"], "10.0.0.12", &[], "keepalived needs one"),
            (&["10.0.0.100", "fd00::100"], "10.0.0.12", &["10.0.0.100"], "another IP version"),
        ] {
            let wrong = asked(vips, peer, prefer).conf().unwrap_err();
            assert!(wrong.contains(said), "{wrong}");
        }
        let many: Vec<String> = (1..=60).map(|last| format!("10.0.1.{last}")).collect();
        let mut many = asked(&many.iter().map(String::as_str).collect::<Vec<_>>(), "10.0.0.12", &["10.0.1.1"]);
        assert!(many.conf().unwrap().contains("virtual_router_id 110\n"));
        many.id = 200;
        assert!(many.conf().unwrap_err().contains("a smaller --id"));
        let mut other = asked(&["10.0.0.100"], "10.0.0.12", &[]);
        other.peer = vec!["fd00::12".parse().unwrap()];
        assert!(other.conf().unwrap_err().contains("one IP version"));
        for (site, interface, said) in [("a\"b", "eth0", "cannot stand"), ("a", "eth0 {", "no name of an interface")] {
            let mut odd = asked(&["10.0.0.100"], "10.0.0.12", &[]);
            (odd.site, odd.interface) = (vec![site.to_owned()], Some(interface.to_owned()));
            assert!(odd.conf().unwrap_err().contains(said));
        }
        assert!(vip("10.0.0.100/33").is_err() && vip("lb").is_err());
    }

    #[test]
    fn the_own_address_is_found_by_the_peer() {
        let own = towards(Ipv4Addr::LOCALHOST.into());
        assert_eq!(own, Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(interface_of(Ipv4Addr::LOCALHOST.into()).as_deref(), Some("lo"));
    }
}
