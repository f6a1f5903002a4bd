//! Whose request it is: the peer's, unless the peer is a proxy that the settings name. Nobody else may say so. Pure.

use std::net::IpAddr;

/// The address of the client. `forwarded`: the values of `X-Forwarded-For`, in order; each proxy puts the address that it was
/// asked from last.
pub(super) fn client_address<'a>(peer: IpAddr, proxies: &[IpAddr], forwarded: impl Iterator<Item = &'a str>) -> IpAddr {
    let peer = peer.to_canonical();
    if !proxies.contains(&peer) {
        return peer;
    }
    let told: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut client = peer;
    for address in told.iter().rev().map_while(|text| address(text)) {
        client = address;
        if !proxies.contains(&client) {
            break;
        }
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:99`, `2001:db8::1`, `[2001:db8::1]:99`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => match text.split_once(':') {
            Some((four, port)) if !port.contains(':') => four,
            _ => text,
        },
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let proxies = ["127.0.0.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        let found = client_address(peer.parse().unwrap(), &proxies, forwarded.iter().copied());
        assert_eq!(found.to_string(), expected, "{peer} {forwarded:?}");
    }

    #[test]
    fn only_a_named_proxy_says_who_asks() {
        check("192.0.2.7", &[], "192.0.2.7");
        check("192.0.2.7", &["198.51.100.1"], "192.0.2.7");
        check("127.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("::ffff:127.0.0.1", &["198.51.100.1:99"], "198.51.100.1");
        // What the client itself claims stands before what the proxy adds.
        check("127.0.0.1", &["203.0.113.9, 198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &["203.0.113.9", "198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &["203.0.113.9, 198.51.100.1, 10.0.0.1"], "198.51.100.1");
        check("127.0.0.1", &["[2001:db8::1]:99"], "2001:db8::1");
        check("127.0.0.1", &["2001:db8::1"], "2001:db8::1");
        check("127.0.0.1", &[], "127.0.0.1");
        check("127.0.0.1", &["203.0.113.9, unknown"], "127.0.0.1");
        check("127.0.0.1", &["10.0.0.1"], "10.0.0.1");
    }
}
