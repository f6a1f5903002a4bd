//! What may go wrong on purpose, and the decision whether it does: pure, and repeatable from a seed.
//!
//! The wire and the server carry it out; nothing here touches a socket.

use std::{fmt, str::FromStr};

use super::{chance::Chance, settings::UnknownName};

/// A fault switched on for the life of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Every answer is held back this many milliseconds.
    Slow(u64),
    /// Every login is refused.
    Unauthorized,
    /// A mishap strikes this share of the requests.
    Sometimes(Mishap, Share),
}

/// What may happen to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mishap {
    /// 500 before anything was done.
    Error500,
    /// It is done, then 500.
    Error500After,
    /// 429 with `Retry-After: 1`; nothing was done.
    TooMany,
    /// The connection is closed without an answer; nothing was done.
    Drop,
    /// It is done, then the connection is closed without an answer.
    DropAfter,
    /// The connection is closed without an answer, and it is done half a second later.
    Late,
    /// It is done, but the answer's body is cut at a random byte and the connection closed.
    Truncate,
    /// 200 with a web page; nothing was done.
    Html,
    /// A listing page begins one contact too early or too late: one appears twice, or not at all.
    Shift,
    /// The server answers as though it held nothing: empty listings, 404 for every id. Writes are not affected.
    Lie,
    /// A listing shows its first contact alone, as though there were no other.
    Thin,
}

impl Mishap {
    /// All of them, in the order in which they are drawn.
    pub const ALL: [Self; 11] = [
        Self::Error500,
        Self::Error500After,
        Self::TooMany,
        Self::Drop,
        Self::DropAfter,
        Self::Late,
        Self::Truncate,
        Self::Html,
        Self::Shift,
        Self::Lie,
        Self::Thin,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error500 => "500",
            Self::Error500After => "500-after",
            Self::TooMany => "429",
            Self::Drop => "drop",
            Self::DropAfter => "drop-after",
            Self::Late => "late",
            Self::Truncate => "truncate",
            Self::Html => "html",
            Self::Shift => "shift",
            Self::Lie => "lie",
            Self::Thin => "thin",
        }
    }
}

/// A share of requests, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    /// Every request.
    pub const ALL: Self = Self(10_000);

    /// A share in percent; more than 100 counts as 100.
    pub fn percent(percent: u32) -> Self {
        Self(percent.saturating_mul(100).min(Self::ALL.0))
    }

    fn strikes(self, chance: &mut Chance) -> bool {
        chance.below(Self::ALL.0 as usize) < self.0 as usize
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / 100.0)
    }
}

/// What the command line accepts, for help texts and errors.
pub const FAULT_NAMES: &str = "slow=MILLISECONDS, 401, 500=P%, 500-after=P%, 429=P%, drop=P%, drop-after=P%, late=P%, \
                               truncate=P%, html=P%, shift=P%, lie=P%, thin=P%";

impl FromStr for Fault {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let unknown = || UnknownName::new("fault", text, FAULT_NAMES);
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        match name {
            "401" if value.is_empty() => Ok(Self::Unauthorized),
            "slow" => value.strip_suffix("ms").unwrap_or(value).parse().map(Self::Slow).map_err(|_| unknown()),
            _ => {
                let mishap = Mishap::ALL.into_iter().find(|mishap| mishap.name() == name).ok_or_else(unknown)?;
                let percent: f64 = value.strip_suffix('%').unwrap_or(value).parse().map_err(|_| unknown())?;
                if !(0.0..=100.0).contains(&percent) {
                    return Err(unknown());
                }
                Ok(Self::Sometimes(mishap, Share((percent * 100.0).round() as u32)))
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow(milliseconds) => write!(f, "slow={milliseconds}"),
            Self::Unauthorized => f.write_str("401"),
            Self::Sometimes(mishap, share) => write!(f, "{}={share}", mishap.name()),
        }
    }
}

/// The first mishap that strikes, if any. Each draws whether or not one struck before it, so that switching one off
/// leaves the fate of the others alone.
pub fn strike(faults: &[Fault], chance: &mut Chance) -> Option<Mishap> {
    let mut struck = None;
    for mishap in Mishap::ALL {
        let share = faults.iter().find_map(|fault| match fault {
            Fault::Sometimes(which, share) if *which == mishap => Some(*share),
            Fault::Sometimes(..) | Fault::Slow(_) | Fault::Unauthorized => None,
        });
        let hit = share.unwrap_or(Share(0)).strikes(chance);
        if hit && struck.is_none() {
            struck = Some(mishap);
        }
    }
    struck
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Fault>) {
        assert_eq!(text.parse::<Fault>().ok(), expected, "{text}");
    }

    #[test]
    fn faults_are_read_from_the_command_line() {
        check("slow=100", Some(Fault::Slow(100)));
        check("slow=100ms", Some(Fault::Slow(100)));
        check("401", Some(Fault::Unauthorized));
        check("500=5%", Some(Fault::Sometimes(Mishap::Error500, Share(500))));
        check("500-after=100", Some(Fault::Sometimes(Mishap::Error500After, Share::ALL)));
        check("drop=0.5%", Some(Fault::Sometimes(Mishap::Drop, Share(50))));
        for bad in
            ["", "slow", "slow=", "slow=-1", "401=5%", "500", "500=", "500=101%", "500=-1%", "500=NaN", "fire=1%"]
        {
            check(bad, None);
        }
        let error = "fire=1%".parse::<Fault>().unwrap_err().to_string();
        assert!(Mishap::ALL.iter().all(|mishap| error.contains(mishap.name())), "{error}");
    }

    #[test]
    fn a_fault_written_out_reads_back() {
        for text in ["slow=250", "401", "late=0.25%", "html=12%"] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_share_strikes_about_as_often_as_it_says() {
        let faults = [Fault::Sometimes(Mishap::Html, Share::percent(10))];
        let hits = (0..10_000).filter(|n| strike(&faults, &mut Chance::for_occasion(5, "GET /", *n)).is_some()).count();
        assert!((850..1_150).contains(&hits), "{hits}");
        assert_eq!(strike(&[], &mut Chance::for_occasion(1, "", 0)), None);
        let always = [Fault::Sometimes(Mishap::Lie, Share::ALL)];
        assert_eq!(strike(&always, &mut Chance::for_occasion(1, "", 0)), Some(Mishap::Lie));
    }
}
