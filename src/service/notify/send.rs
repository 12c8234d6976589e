//! One message to one receiver: signed, to a public address only, never redirected.

use super::Reach;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::hmac;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// Time one attempt may take, from resolving the name to the answer's head.
const DEADLINE: Duration = Duration::from_secs(15);

/// What is sent, and to whom.
pub(super) struct Message {
    pub(super) url: String,
    pub(super) id: String,
    pub(super) body: String,
    pub(super) secret: [u8; 32],
}

/// Sends messages. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sender(Arc<ureq::Agent>);

/// Whether an address may be one to send to, as far as it tells without being looked up: what its name stands for is
/// looked at each time it is looked up.
pub(super) fn may_send(url: &str, reach: Reach) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    let by = match reach {
        Reach::Public => scheme == "https",
        Reach::Anywhere => scheme == "https" || scheme == "http",
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let literal = host.parse::<IpAddr>().ok();
    let public = match literal {
        Some(address) => is_public(address),
        // Names of one part, such as `localhost`, and numbers, such as `0x7f.1`, are no names of public hosts.
        None => host.trim_end_matches('.').rsplit_once('.').is_some_and(|(rest, last)| {
            !rest.is_empty() && last.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_internal(last)
        }),
    };
    by && !authority.as_str().contains('@') && !host.is_empty() && (public || reach == Reach::Anywhere)
}

/// Top-level names that never are public, by RFC 6761, RFC 8375, RFC 9476 and the reservation of `internal`.
fn is_internal(top: &str) -> bool {
    let internal = ["localhost", "local", "internal", "alt", "arpa", "invalid", "test", "onion"];
    internal.iter().any(|name| top.eq_ignore_ascii_case(name))
}

/// Whether an address is anybody's on the internet: none of the special ones of RFC 6890 and its registries.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || a == 10
        || a == 127
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        || a >= 224;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let [a, b, ..] = address.segments();
    // Only 2000::/3 is given out. In it 2001::/23, documentation and 6to4, which wraps addresses of the older kind, are special.
    a & 0xe000 == 0x2000
        && !(a == 0x2001 && b < 0x0200)
        && !(a == 0x2001 && b == 0x0db8)
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

/// Looks names up, and finds none that stands for an address that is not public.
#[derive(Debug, Default)]
struct PublicOnly(DefaultResolver);

impl Resolver for PublicOnly {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.0.resolve(uri, config, timeout)?;
        if found.iter().all(|address| is_public(address.ip())) { Ok(found) } else { Err(ureq::Error::HostNotFound) }
    }
}

impl Sender {
    pub(super) fn new(reach: Reach) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(DEADLINE))
            // Who was named is told, and nobody that it names.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            // A connection kept open would go to an address that the name may no longer stand for.
            .max_idle_connections(0)
            .build();
        let agent = match reach {
            Reach::Public => ureq::Agent::with_parts(config, DefaultConnector::default(), PublicOnly::default()),
            Reach::Anywhere => ureq::Agent::new_with_config(config),
        };
        Self(Arc::new(agent))
    }

    /// Sends a message and gives the status that was answered.
    ///
    /// # Errors
    /// Why none was in time. Names no address.
    pub(super) fn send(&self, message: &Message, now: Timestamp) -> Result<u16, String> {
        let seconds = now.as_second().to_string();
        let request = self
            .0
            .post(&message.url)
            .header("content-type", "application/json")
            .header("user-agent", concat!("claimlens/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", &seconds)
            .header("webhook-signature", signature(message, &seconds));
        match request.send(message.body.as_bytes()) {
            Ok(answer) => Ok(answer.status().as_u16()),
            // An address that is not public is not looked for any further: see `PublicOnly`.
            Err(ureq::Error::HostNotFound) => Err("its host has no address that is public".to_owned()),
            Err(ureq::Error::Timeout(_)) => Err("it did not answer in time".to_owned()),
            Err(ureq::Error::Io(error)) => Err(error.kind().to_string()),
            Err(ureq::Error::ConnectionFailed) => Err("no connection".to_owned()),
            Err(_) => Err("no answer that could be understood".to_owned()),
        }
    }
}

/// `v1,` and HMAC-SHA-256 over id, time and body, in base64.
fn signature(message: &Message, seconds: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &message.secret);
    let tag = hmac::sign(&key, format!("{}.{seconds}.{}", message.id, message.body).as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_the_standard_says() {
        // Worked out by Python's hmac over the same text.
        let secret: [u8; 32] = std::array::from_fn(|i| i as u8);
        let message = Message {
            url: String::new(),
            id: "msg_1".to_owned(),
            body: r#"{"type":"claim.decided"}"#.to_owned(),
            secret,
        };
        assert_eq!(signature(&message, "1614265330"), "v1,kOlv0E+RmbEaX6UFi5/A+ItO9VlNHGoSYahVfLqMejA=");
    }

    #[test]
    fn nothing_is_sent_to_what_is_not_public() {
        let refused = [
            "http://example.com/",
            "ftp://example.com/",
            "https://",
            "https:///x",
            "example.com",
            "https://user@example.com/",
            "https://a:b@example.com/",
            "https://localhost/",
            "https://localhost:8443/x",
            "https://LOCALHOST/",
            "https://db/",
            "https://db./",
            "https://printer.local/",
            "https://metadata.google.internal/computeMetadata/v1/",
            "https://x.localhost/",
            "https://1.0.0.127.in-addr.arpa/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://0x7f.0.0.1/",
            "https://0/",
            "https://0.0.0.0/",
            "https://10.0.0.1/",
            "https://10.255.255.255:443/",
            "https://100.64.0.1/",
            "https://100.127.255.255/",
            "https://169.254.169.254/latest/meta-data/",
            "https://172.16.0.1/",
            "https://172.31.255.255/",
            "https://192.0.0.8/",
            "https://192.0.2.1/",
            "https://192.168.1.1/",
            "https://198.18.0.1/",
            "https://198.51.100.7/",
            "https://203.0.113.7/",
            "https://224.0.0.1/",
            "https://240.0.0.1/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:a00:1]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001::1]/",
            "https://[2001:db8::1]/",
            "https://[fc00::1]/",
            "https://[fd12:3456::1]/",
            "https://[fe80::1]/",
            "https://[ff02::1]/",
            "https://[100::1]/",
        ];
        assert!(refused.len() >= 50);
        for url in refused {
            assert!(!may_send(url, Reach::Public), "{url}");
        }
        for url in ["https://example.com/hook", "https://93.184.216.34:8443/", "https://[2606:4700::1111]/x?y=z"] {
            assert!(may_send(url, Reach::Public), "{url}");
        }
        assert!(may_send("http://127.0.0.1:9000/", Reach::Anywhere));
        assert!(!may_send("ftp://127.0.0.1/", Reach::Anywhere));
    }

    #[test]
    fn a_name_that_stands_for_this_machine_is_not_found() {
        // Past the look at the address itself: a name is looked at where it is looked up.
        let sender = Sender::new(Reach::Public);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        for host in ["localhost", "127.0.0.1", "127.1", "2130706433"] {
            let message = Message {
                url: format!("http://{host}:{port}/"),
                id: "msg_1".to_owned(),
                body: "{}".to_owned(),
                secret: [0; 32],
            };
            let refused = sender.send(&message, Timestamp::now()).unwrap_err();
            assert!(!refused.contains(host), "{refused}");
        }
        assert!(listener.accept().is_err(), "nobody came");
    }
}
