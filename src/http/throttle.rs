//! Wrong logins, counted per address and per device, and forgotten with time. Pure; time is handed in as the uptime of the
//! listener.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

/// So many wrong logins from one address are looked at at once...
const ADDRESS_MAX: u32 = 10;
/// ...and so many for one device, from wherever.
const DEVICE_MAX: u32 = 20;
/// One is forgotten after so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);
/// So many addresses, and so many devices, are remembered.
const REMEMBERED_MAX: usize = 4096;

/// What is remembered of wrong logins.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    addresses: Buckets<IpAddr>,
    devices: Buckets<String>,
}

impl Throttle {
    /// Takes a login in before it is looked at; the error says after how long another one is looked at.
    ///
    /// It counts as wrong until it [succeeded](Self::succeeded): so many at once do not slip through.
    pub fn begin(&mut self, address: IpAddr, device: &str, now: Duration) -> Result<(), Duration> {
        let address = network(address);
        let wait = self.addresses.wait(&address, ADDRESS_MAX, now).max(self.devices.wait(device, DEVICE_MAX, now));
        if !wait.is_zero() {
            return Err(wait);
        }
        self.addresses.add(address, now);
        self.devices.add(device.to_owned(), now);
        Ok(())
    }

    /// The login that was taken in was right.
    pub fn succeeded(&mut self, address: IpAddr, device: &str) {
        self.addresses.take(&network(address));
        self.devices.take(device);
    }
}

/// Who has one address of IPv6 has the whole network of it.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => IpAddr::V4(four),
            None => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & (!0 << 64))),
        },
    }
}

/// Counts that run empty with time.
#[derive(Debug)]
struct Buckets<K> {
    /// When each will be empty.
    empty_at: HashMap<K, Duration>,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self { empty_at: HashMap::new() }
    }
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// How long until there is room for one more.
    fn wait<Q>(&self, key: &Q, max: u32, now: Duration) -> Duration
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let level = self.empty_at.get(key).map_or(Duration::ZERO, |at| at.saturating_sub(now));
        (level + FORGOTTEN_AFTER).saturating_sub(FORGOTTEN_AFTER * max)
    }

    fn add(&mut self, key: K, now: Duration) {
        if self.empty_at.len() >= REMEMBERED_MAX && !self.empty_at.contains_key(&key) {
            self.make_room(now);
        }
        let at = self.empty_at.entry(key).or_insert(now);
        *at = (*at).max(now) + FORGOTTEN_AFTER;
    }

    fn take<Q>(&mut self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(at) = self.empty_at.get_mut(key) {
            *at = at.saturating_sub(FORGOTTEN_AFTER);
        }
    }

    /// Forgets those that are empty; where there is none, the one that is so first.
    fn make_room(&mut self, now: Duration) {
        self.empty_at.retain(|_, at| *at > now);
        if self.empty_at.len() >= REMEMBERED_MAX {
            let least = self.empty_at.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone());
            least.and_then(|key| self.empty_at.remove(&key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn elsewhere(number: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + number))
    }

    #[test]
    fn an_address_that_guesses_is_let_wait_and_forgotten() {
        let mut throttle = Throttle::default();
        for number in 0..ADDRESS_MAX {
            assert_eq!(throttle.begin(HOME, &format!("device-{number}"), at(100)), Ok(()));
        }
        assert_eq!(throttle.begin(HOME, "another", at(100)), Err(at(30)));
        assert_eq!(throttle.begin(HOME, "another", at(110)), Err(at(20)));
        assert_eq!(throttle.begin(elsewhere(1), "another", at(110)), Ok(()));
        assert_eq!(throttle.begin(HOME, "another", at(130)), Ok(()));
        assert_eq!(throttle.begin(HOME, "another", at(130)), Err(at(30)));
        assert_eq!(throttle.begin(HOME, "another", at(1000)), Ok(()));
    }

    #[test]
    fn a_device_that_is_guessed_at_from_everywhere_is_let_wait() {
        let mut throttle = Throttle::default();
        for number in 0..DEVICE_MAX {
            assert_eq!(throttle.begin(elsewhere(number), "phone", at(7)), Ok(()));
        }
        assert_eq!(throttle.begin(elsewhere(99), "phone", at(7)), Err(at(30)));
        assert_eq!(throttle.begin(elsewhere(99), "tablet", at(7)), Ok(()));
    }

    #[test]
    fn right_logins_count_for_nothing() {
        let mut throttle = Throttle::default();
        for _ in 0..10 * DEVICE_MAX {
            assert_eq!(throttle.begin(HOME, "phone", at(0)), Ok(()));
            throttle.succeeded(HOME, "phone");
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let mut throttle = Throttle::default();
        let six = |last: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
        for number in 0..ADDRESS_MAX as u16 {
            assert_eq!(throttle.begin(six(number), &number.to_string(), at(0)), Ok(()));
        }
        assert!(throttle.begin(six(99), "x", at(0)).is_err());
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), HOME);
    }

    #[test]
    fn memory_is_bounded_and_who_guesses_most_is_not_forgotten() {
        let mut throttle = Throttle::default();
        for _ in 0..ADDRESS_MAX {
            assert_eq!(throttle.begin(HOME, "phone", at(0)), Ok(()));
        }
        for number in 0..2 * REMEMBERED_MAX as u32 {
            assert_eq!(throttle.begin(elsewhere(number), &number.to_string(), at(1)), Ok(()));
        }
        assert!(
            throttle.addresses.empty_at.len() <= REMEMBERED_MAX && throttle.devices.empty_at.len() <= REMEMBERED_MAX
        );
        assert!(throttle.begin(HOME, "phone", at(1)).is_err());
    }
}
