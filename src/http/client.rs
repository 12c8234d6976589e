//! From where a request comes: the address that its connection has, or what proxies of one's own say of it.

use actix_web::HttpRequest;
use actix_web::web::Data;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Proxies in front whose `X-Forwarded-For` is believed; of nobody else it is.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Those in these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whoever connected first, by what each trusted proxy says of who came to it. The nearest one's word stands last, and
    /// whoever is not trusted may have written what stands before their own address.
    fn origin<'a>(&self, peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut from = peer.to_canonical();
        for said in forwarded.rev() {
            if !self.0.iter().any(|network| network.contains(&from)) {
                break;
            }
            let Some(before) = address(said.trim()) else { break };
            from = before.to_canonical();
        }
        from
    }
}

/// An address as proxies write it: alone, or with the port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
}

/// Where a request comes from; `None` over no network.
pub fn address_of(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let Some(proxies) = request.app_data::<Data<Proxies>>() else { return Some(peer) };
    let lines: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        // What is no text ends what can be believed.
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    Some(proxies.origin(peer, lines.iter().flat_map(|line| line.split(','))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed_and_the_nearest_one_first() {
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
        for (peer, forwarded, from) in [
            // Nobody in front, and somebody who says so.
            ("192.0.2.7", "", "192.0.2.7"),
            ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
            ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            // What a client wrote before the proxy did is not believed.
            ("10.0.0.1", "127.0.0.1, 198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, 10.9.9.9", "198.51.100.1"),
            ("10.0.0.1", "10.1.1.1, 10.9.9.9", "10.1.1.1"),
            ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
            ("2001:db8::1", "[2001:db9::5]:443", "2001:db9::5"),
            ("10.0.0.1", "[2001:db9::5]", "2001:db9::5"),
            ("10.0.0.1", "198.51.100.1:50000", "198.51.100.1"),
            // What cannot be read leaves whoever said it.
            ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
            ("10.0.0.1", "198.51.100.1,, 10.9.9.9", "10.9.9.9"),
            ("10.0.0.1", "", "10.0.0.1"),
        ] {
            let said = proxies.origin(peer.parse().unwrap(), forwarded.split(','));
            assert_eq!(said, from.parse::<IpAddr>().unwrap(), "{peer}: {forwarded}");
        }
        let nobody = Proxies::default();
        let peer = "10.0.0.1".parse().unwrap();
        assert_eq!(nobody.origin(peer, ["198.51.100.1"].into_iter()), peer, "nobody is believed unless it is named");
    }
}
