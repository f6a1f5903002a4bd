//! Where a password may go: https anywhere, plain http to a literal loopback address.

use std::net::IpAddr;

use url::{Host, Url};

/// Why an address is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL.
    #[error("it is not an address")]
    NotAnAddress,
    /// `user:password@`.
    #[error("it holds a login")]
    HoldsALogin,
    /// What a base address has no use for.
    #[error("it has a `?` or `#` part")]
    HasAQuery,
    /// Not on the loopback.
    #[error("plain http would show the password to the network")]
    PlainHttp,
    /// Another protocol.
    #[error("it is neither https nor http")]
    OtherScheme,
    /// `https:///x`.
    #[error("it names no host")]
    NoHost,
}

/// The address, checked: http or https, no login in it, plain http to the loopback only (unless allowed).
pub fn checked_address(text: &str, insecure_http: bool) -> Result<Url, AddressError> {
    let url = Url::parse(text.trim()).map_err(|_| AddressError::NotAnAddress)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::HoldsALogin);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(AddressError::HasAQuery);
    }
    match url.scheme() {
        "https" => {}
        "http" if insecure_http || is_loopback(&url) => {}
        "http" => return Err(AddressError::PlainHttp),
        _ => return Err(AddressError::OtherScheme),
    }
    if url.host().is_none() { Err(AddressError::NoHost) } else { Ok(url) }
}

/// A literal loopback address. A name is not enough, `localhost` neither: what it resolves to is not ours to say.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(_)) | None => false,
    }
}
