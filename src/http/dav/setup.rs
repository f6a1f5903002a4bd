//! What somebody types into a device, or what its camera reads.

use url::Url;

use crate::config::Settings;

/// Letters and digits that nobody takes for another one.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Characters of a password, 100 bits; in groups, so that they can be typed.
const LETTERS: usize = 20;
const GROUP: usize = 5;

/// How a device logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The device's name.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Where it connects to, without a slash at the end; none where nothing is served.
    pub address: Option<String>,
}

impl Setup {
    /// A new password for this device.
    pub fn new(settings: &Settings, name: &str) -> Self {
        let address = settings.carddav.as_ref().map(|serving| serving.address());
        Self { user: name.to_owned(), password: new_password(), address }
    }

    /// The login as an address that DAVx5 opens.
    pub fn link(&self) -> Option<String> {
        let address = self.address.as_deref()?;
        let (scheme, rest) = match address.split_once("://")? {
            ("http", rest) => ("carddav", rest),
            (_, rest) => ("carddavs", rest),
        };
        // A user is letters, digits, - and _: nothing in it needs encoding, nor in the password.
        let link = format!("{scheme}://{}:{}@{rest}/", self.user, self.password);
        Url::parse(&link).is_ok().then_some(link)
    }
}

fn new_password() -> String {
    let chance = blake3::Hasher::new()
        .update(uuid::Uuid::new_v4().as_bytes())
        .update(uuid::Uuid::new_v4().as_bytes())
        .finalize();
    password_of(chance.as_bytes())
}

/// A password of these bytes, five bits each.
fn password_of(chance: &[u8; 32]) -> String {
    let letters: Vec<u8> = chance.iter().take(LETTERS).map(|byte| ALPHABET[usize::from(byte % 32)]).collect();
    let groups = letters.chunks(GROUP).map(|group| group.iter().copied().map(char::from).collect::<String>());
    groups.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(address: Option<&str>) -> Setup {
        let address = address.map(str::to_owned);
        Setup { user: "marie-iphone".into(), password: "abcde-fghij-kmnpq-rstuv".into(), address }
    }

    #[test]
    fn a_password_can_be_typed_and_uses_every_letter_alike() {
        let counting: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(password_of(&counting), "abcde-fghij-kmnpq-rstuv");
        assert_eq!(password_of(&counting.map(|byte| byte + 224)), "abcde-fghij-kmnpq-rstuv");
        assert_eq!(password_of(&[31; 32]), "99999-99999-99999-99999");
        assert_ne!(new_password(), new_password());
    }

    #[test]
    fn a_login_is_an_address_that_a_telephone_opens() {
        let check = |address: Option<&str>, expected: Option<&str>| {
            assert_eq!(setup(address).link().as_deref(), expected, "{address:?}");
        };
        check(None, None);
        check(
            Some("https://cards.example.com"),
            Some("carddavs://marie-iphone:abcde-fghij-kmnpq-rstuv@cards.example.com/"),
        );
        check(
            Some("http://127.0.0.1:8008/carnet"),
            Some("carddav://marie-iphone:abcde-fghij-kmnpq-rstuv@127.0.0.1:8008/carnet/"),
        );
    }
}
