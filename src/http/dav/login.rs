//! Who asks: a device's name and password in an `Authorization: Basic` header (RFC 7617).
//!
//! An unknown device and a wrong password cost the same and look the same. A login that was right is remembered for some
//! minutes by a keyed hash of it, since a phone sends its password with every request and argon2id is slow on purpose; it is
//! forgotten at once when the device is revoked or has another password, since both are asked of the store each time.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::password::{PASSWORD_LEN_MAX, hash_password, is_password};
use crate::http::throttle::Throttle;

/// A right login is believed again for so long.
const REMEMBERED_FOR: Duration = Duration::from_secs(10 * 60);
/// So many right logins are remembered.
const REMEMBERED_MAX: usize = 1024;
/// The longest name of a device, in bytes.
const NAME_LEN_MAX: usize = 255;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a request shows.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    /// The device's name.
    pub device: String,
    password: String,
}

impl Credentials {
    /// Reads the value of the header; none for another scheme and for what is no login.
    pub fn read(authorization: &[u8]) -> Option<Self> {
        let (scheme, rest) = authorization.split_at_checked("Basic ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return None;
        }
        let text = String::from_utf8(BASE64.decode(rest.trim_ascii()).ok()?).ok()?;
        let (device, password) = text.split_once(':')?;
        let is_sane = !device.is_empty() && device.len() <= NAME_LEN_MAX && password.len() <= PASSWORD_LEN_MAX;
        is_sane.then(|| Self { device: device.to_owned(), password: password.to_owned() })
    }
}

/// What is to be done about a login.
pub(super) enum Login {
    /// It was right a moment ago.
    Known,
    /// It has to be looked at.
    Doubted(Doubt),
    /// There were too many wrong ones; not looked at before this is over.
    TooOften(Duration),
}

/// A login that has to be looked at, which takes its time.
pub(super) struct Doubt {
    password: String,
    hash: String,
    is_real: bool,
}

impl Doubt {
    /// True for a device that is there and its password. Slow, for one that is not there too.
    pub fn is_right(&self) -> bool {
        is_password(&self.password, &self.hash) && self.is_real
    }
}

/// The logins so far.
pub(super) struct Logins {
    key: [u8; 32],
    /// A password nobody has, for devices that are not there.
    decoy: String,
    right: Mutex<HashMap<blake3::Hash, Duration>>,
    throttle: Mutex<Throttle>,
}

impl Logins {
    pub fn new() -> Self {
        let mut key = [0; 32];
        key[..16].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        key[16..].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        let decoy = hash_password(&uuid::Uuid::new_v4().to_string()).unwrap_or_default();
        Self { key, decoy, right: Mutex::default(), throttle: Mutex::default() }
    }

    /// True for a login that was right a moment ago.
    pub fn is_known(&self, shown: &Credentials, hash: &str, now: Duration) -> bool {
        let mut right = locked(&self.right);
        let Some(until) = right.get_mut(&self.mark(shown, hash)).filter(|until| **until > now) else { return false };
        *until = now + REMEMBERED_FOR;
        true
    }

    /// Looks at a login from an address; `hash`: the device's, if it is there.
    pub fn look(&self, shown: &Credentials, hash: Option<&str>, address: IpAddr, now: Duration) -> Login {
        if hash.is_some_and(|hash| self.is_known(shown, hash, now)) {
            return Login::Known;
        }
        if let Err(wait) = locked(&self.throttle).begin(address, &shown.device, now) {
            return Login::TooOften(wait);
        }
        let password = shown.password.clone();
        Login::Doubted(Doubt { password, hash: hash.unwrap_or(&self.decoy).to_owned(), is_real: hash.is_some() })
    }

    /// The login that was doubted is right.
    pub fn is_right(&self, shown: &Credentials, hash: &str, address: IpAddr, now: Duration) {
        locked(&self.throttle).succeeded(address, &shown.device);
        let mut right = locked(&self.right);
        if right.len() >= REMEMBERED_MAX {
            right.retain(|_, until| *until > now);
        }
        if right.len() >= REMEMBERED_MAX {
            right.clear();
        }
        right.insert(self.mark(shown, hash), now + REMEMBERED_FOR);
    }

    /// Stands for a login without telling it.
    fn mark(&self, shown: &Credentials, hash: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in [&shown.device, &shown.password, hash] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn shown(text: &str) -> Option<Credentials> {
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        Credentials::read(format!("Basic {encoded}").as_bytes())
    }

    #[test]
    fn a_login_is_read_from_its_header() {
        let check = |header: &[u8], expected: Option<(&str, &str)>| {
            let found = Credentials::read(header).map(|shown| (shown.device, shown.password));
            assert_eq!(found.as_ref().map(|(device, password)| (device.as_str(), password.as_str())), expected);
        };
        check(b"Basic cGhvbmU6c2VjcmV0", Some(("phone", "secret")));
        check(b"basic  cGhvbmU6YTpi ", Some(("phone", "a:b")));
        check(b"BASIC cGjDqTo", Some(("ph\u{e9}", "")));
        check(b"Basic cGhvbmU=", None);
        check(b"Basic OnNlY3JldA==", None);
        check(b"Basic !", None);
        check(b"Bearer cGhvbmU6c2VjcmV0", None);
        check(b"Basic", None);
        check(b"", None);
        assert!(shown(&format!("{}:x", "d".repeat(NAME_LEN_MAX + 1))).is_none());
        assert!(shown(&format!("d:{}", "x".repeat(PASSWORD_LEN_MAX + 1))).is_none());
    }

    #[test]
    fn a_right_login_is_remembered_while_it_is_right() {
        let logins = Logins::new();
        let phone = shown("phone:secret").unwrap();
        let hash = hash_password("secret").unwrap();
        let at = Duration::from_secs;
        let is_known =
            |phone: &Credentials, hash: Option<&str>, now| matches!(logins.look(phone, hash, HOME, now), Login::Known);
        let Login::Doubted(doubt) = logins.look(&phone, Some(&hash), HOME, at(0)) else { panic!("known before it is") };
        assert!(doubt.is_right());
        logins.is_right(&phone, &hash, HOME, at(0));
        assert!(is_known(&phone, Some(&hash), at(599)));
        // Each time anew.
        assert!(is_known(&phone, Some(&hash), at(1000)));
        assert!(!is_known(&phone, Some(&hash), at(2000)));
        logins.is_right(&phone, &hash, HOME, at(2000));
        assert!(!is_known(&phone, Some("another hash"), at(2001)), "the password was changed");
        assert!(!is_known(&phone, None, at(2001)), "the device was revoked");
        assert!(!is_known(&shown("phone:secreT").unwrap(), Some(&hash), at(2001)));
        assert!(!is_known(&shown("phon:esecret").unwrap(), Some(&hash), at(2001)));
    }

    #[test]
    fn a_device_that_is_not_there_is_looked_at_like_one_that_is() {
        let logins = Logins::new();
        for (text, hash) in [("phone:wrong", hash_password("secret").ok()), ("nobody:secret", None)] {
            let login = logins.look(&shown(text).unwrap(), hash.as_deref(), HOME, Duration::ZERO);
            let Login::Doubted(doubt) = login else { panic!("{text} is not looked at") };
            assert!(doubt.hash.starts_with("$argon2id$"), "{text}");
            assert!(!doubt.is_right(), "{text}");
        }
    }

    #[test]
    fn a_right_login_is_let_in_while_others_guess() {
        let logins = Logins::new();
        let phone = shown("phone:secret").unwrap();
        let hash = hash_password("secret").unwrap();
        logins.is_right(&phone, &hash, HOME, Duration::ZERO);
        let guess = shown("phone:guess").unwrap();
        let mut refused = 0;
        for _ in 0..100 {
            refused += u32::from(matches!(logins.look(&guess, Some(&hash), HOME, Duration::ZERO), Login::TooOften(_)));
        }
        assert_eq!(refused, 90);
        assert!(matches!(logins.look(&phone, Some(&hash), HOME, Duration::ZERO), Login::Known));
    }
}
