//! The invented people that a new practice CRM begins with: French, plausible, and the same for the same seed.
//!
//! Contact number n of a seed is the same person however many there are; only the date of creation depends on that.

mod firms;
mod names;

use std::collections::HashMap;

pub use firms::{FirmSeed, firms};

use self::firms::Company;
use super::{
    chance::Chance,
    object::{Entry, ITEMS, Record, Value},
    state::FIRST_ID,
};

/// The people of a seed, in the order of their numbers.
pub fn people(seed: u64, count: u32) -> impl Iterator<Item = Record> {
    let mut mailboxes = HashMap::new();
    (0..count).map(move |at| {
        let person = Person::new(seed, at, count);
        person.record(&mut mailboxes)
    })
}

struct Person {
    /// From 0.
    at: u32,
    count: u32,
    chance: Chance,
    woman: bool,
    first_name: &'static str,
    last_name: String,
    company: Option<Company>,
    town: (&'static str, &'static str, &'static str),
}

impl Person {
    fn new(seed: u64, at: u32, count: u32) -> Self {
        let mut chance = Chance::for_occasion(seed, "contact", at);
        let woman = chance.percent(50);
        let first_name = chance.pick(if woman { &names::WOMEN } else { &names::MEN });
        let mut last_name = chance.pick(&names::FAMILIES).to_owned();
        if chance.percent(6) {
            last_name = format!("{last_name}-{}", chance.pick(&names::FAMILIES));
        }
        // About one company for six contacts of a small account; a large one has no more than its directory holds.
        let company =
            chance.percent(82).then(|| Company::new(seed, chance.below(600.min(40 + at as usize / 8)) as u32));
        let town = names::TOWNS[chance.below(names::TOWNS.len())];
        Self { at, count, chance, woman, first_name, last_name, company, town }
    }

    fn record(mut self, mailboxes: &mut HashMap<String, u32>) -> Record {
        let contact_type = self.contact_type();
        let (first_name, last_name) = match self.chance.below(100) {
            0..6 => (None, Some(self.last_name.clone())),
            6..8 => (Some(self.first_name), Some(String::new())),
            8..14 => (Some(self.first_name), Some(self.last_name.to_uppercase())),
            _ => (Some(self.first_name), Some(self.last_name.clone())),
        };
        let job = names::JOBS[self.chance.below(names::JOBS.len())];
        let works = self.company.is_some();
        let title = if self.woman { job.1 } else { job.0 };
        let civility = match (self.chance.below(100), self.woman) {
            (0..5, _) => None,
            (_, false) => Some("17"),
            (5..25, true) => Some("19"),
            (_, true) => Some("18"),
        };
        let scalars = [
            civility.map(str::to_owned),
            last_name,
            first_name.map(str::to_owned),
            self.comment(),
            (works && self.chance.percent(85)).then(|| title.to_owned()),
            (works && self.chance.percent(70)).then(|| job.2.to_owned()),
            self.chance.percent(70).then(|| "France".to_owned()),
            contact_type.map(str::to_owned),
            self.company.as_ref().map(|company| company.firm_id.clone()),
        ];
        let addresses = self.addresses();
        let items = self.items(mailboxes);
        Record {
            id: 0,
            reference: Some(format!("C{:05}", FIRST_ID + i64::from(self.at))),
            creator_id: Some(["412", "415", "430"][self.chance.below(3)].to_owned()),
            language: Some("fr".to_owned()),
            created_at: self.created_at(),
            scalars,
            lists: [addresses, items],
        }
    }

    fn contact_type(&mut self) -> Option<&'static str> {
        let code = match self.chance.below(100) {
            0..3 => return None,
            3..40 => "client",
            40..65 => "prospect",
            65..77 => "supplier",
            77..81 => "press",
            81..88 => "partner",
            88..93 => "staff",
            93..97 => "perso",
            _ => "other",
        };
        Some(code)
    }

    fn comment(&mut self) -> Value {
        if !self.chance.percent(45) {
            return None;
        }
        Some(match &self.company {
            Some(company) => self.chance.pick(&names::COMMENTS).replace("{}", &company.name),
            None => self.chance.pick(&names::COMMENTS[names::COMMENTS_ON_COMPANY..]).to_owned(),
        })
    }

    fn addresses(&mut self) -> Vec<Entry> {
        let mut found = Vec::new();
        if let Some(company) = &self.company
            && self.chance.percent(75)
        {
            found.push(address(&mut self.chance, "21", Some(&company.street), company.town));
        }
        if self.chance.percent(40) {
            found.push(address(&mut self.chance, "20", None, self.town));
        }
        if self.chance.percent(10) {
            let town = names::TOWNS[self.chance.below(names::TOWNS.len())];
            found.push(address(&mut self.chance, "22", None, town));
        }
        found
    }

    fn items(&mut self, mailboxes: &mut HashMap<String, u32>) -> Vec<Entry> {
        if self.chance.percent(5) {
            return Vec::new();
        }
        let mut found = Vec::new();
        // The rarer codes in turn, so that a few hundred contacts show all of them.
        if self.at % 9 == 4 {
            let code = ITEMS.codes[(self.at as usize / 9) % ITEMS.codes.len()];
            let value = self.value_for(code, mailboxes);
            found.push(item(code, value));
        }
        let wished: [(&str, usize); 8] =
            [("27", 80), ("88", 55), ("24", 40), ("471", 30), ("26", 10), ("554", 30), ("28", 25), ("23", 15)];
        for (code, percent) in wished {
            let works_for_it = self.company.is_some() || matches!(code, "554" | "28" | "23");
            let new = found.iter().all(|entry: &Entry| entry.values[0].as_deref() != Some(code));
            if self.chance.percent(percent) && works_for_it && new {
                let value = self.value_for(code, mailboxes);
                found.push(item(code, value));
            }
        }
        if self.chance.percent(8) && found.iter().all(|entry| entry.values[0].as_deref() != Some("430")) {
            let value = self.value_for("430", mailboxes);
            found.push(item("430", value));
        }
        found.truncate(6);
        found
    }

    /// A value that fits the code's kind.
    fn value_for(&mut self, code: &str, mailboxes: &mut HashMap<String, u32>) -> String {
        // 7919 shares no factor with 10,000: a range's numbers come up once each before any comes again.
        let own = (self.at.wrapping_mul(7919).wrapping_add(code.bytes().map(u32::from).sum::<u32>() * 13)) % 10_000;
        let name = format!("{}.{}", slug(self.first_name), slug(&self.last_name));
        let zone = self.company.as_ref().map_or(self.town, |company| company.town).2;
        let digits = match code {
            "27" | "28" => {
                let domain = match &self.company {
                    Some(company) if code == "27" => company.domain.clone(),
                    Some(_) | None => self.chance.pick(&names::DOMAINS).to_owned(),
                };
                return mailbox(&name, &domain, mailboxes);
            }
            "431" | "432" | "433" => {
                return mailbox(&name, self.chance.pick(&names::DOMAINS), mailboxes);
            }
            "430" => return format!("live:{}{}", name, self.at),
            "457" => return format!("{}-{:03}-{:03}", 100 + own % 900, own % 1000, self.at % 1000),
            "554" | "88" => format!("{}{own:04}", names::MOBILE),
            "471" => match &self.company {
                Some(company) => company.switchboard.clone(),
                None => format!("{zone}{own:04}"),
            },
            "23" | "25" => format!("{}{own:04}", self.town.2),
            _ => format!("{zone}{own:04}"),
        };
        written(&digits, &mut self.chance)
    }

    fn created_at(&self) -> String {
        // Ten years of work, evenly: minutes from the first morning, and only office hours.
        let day = u64::from(self.at) * 3650 / u64::from(self.count.max(1));
        let minute = 8 * 60 + (u64::from(self.at) * 37) % (10 * 60);
        let start = chrono::NaiveDate::from_ymd_opt(2015, 1, 5).unwrap_or_default();
        let date = start.checked_add_days(chrono::Days::new(day)).unwrap_or(start);
        format!("{}-{:02}-{:02}", date.format("%d-%m-%Y"), minute / 60, minute % 60)
    }
}

fn item(code: &str, value: String) -> Entry {
    Entry { id: 0, label: None, values: vec![Some(code.to_owned()), Some(value)] }
}

fn address(chance: &mut Chance, code: &str, known: Option<&str>, town: (&str, &str, &str)) -> Entry {
    let street = known.map_or_else(|| street(chance), str::to_owned);
    let more = chance.percent(25).then(|| chance.pick(&names::MORE).to_owned());
    let country = chance.percent(80).then(|| "France".to_owned());
    let text = |text: &str| Some(text.to_owned());
    Entry { id: 0, label: None, values: vec![text(code), Some(street), more, text(town.1), text(town.0), country] }
}

fn street(chance: &mut Chance) -> String {
    let number = 1 + chance.below(180);
    let again = match chance.below(12) {
        0 => " bis",
        1 => " ter",
        _ => "",
    };
    format!("{number}{again}, {}", chance.pick(&names::STREETS))
}

/// Ten digits in one of the ways that people write them.
fn written(digits: &str, chance: &mut Chance) -> String {
    let pairs = |separator: &str| {
        let pairs: Vec<String> =
            digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect();
        pairs.join(separator)
    };
    let abroad = |start: &str| format!("{start}{}", &pairs(" ")[1..]);
    match chance.below(20) {
        0..9 => pairs(" "),
        9..12 => pairs("."),
        12..14 => digits.to_owned(),
        14..16 => abroad("+33 "),
        16 => abroad("+33 (0)"),
        17 => pairs("-"),
        18 => format!("+33{}", &digits[1..]),
        _ => abroad("0033 "),
    }
}

/// An e-mail address that nobody had before.
fn mailbox(name: &str, domain: &str, mailboxes: &mut HashMap<String, u32>) -> String {
    let address = format!("{name}@{domain}");
    let times = mailboxes.entry(address.clone()).or_default();
    *times += 1;
    if *times == 1 { address } else { format!("{name}{times}@{domain}") }
}

/// The letters and digits of a name as an e-mail address has them: no accents, words joined by one hyphen.
fn slug(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization;

    let mut slug = String::new();
    for letter in name.nfd().filter(|letter| letter.is_ascii()) {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::sandbox::object::{ADDRESSES, CIVILITIES, CONTACT, CONTACT_TYPES, violations};

    fn all(record: &Record) -> impl Iterator<Item = &str> {
        let entries = record.lists.iter().flatten().flat_map(|entry| &entry.values);
        record.scalars.iter().chain(entries).filter_map(|value| value.as_deref())
    }

    #[test]
    fn the_same_seed_gives_the_same_people() {
        let take = |seed, count| people(seed, count).collect::<Vec<_>>();
        assert_eq!(take(1, 40), take(1, 40));
        assert_ne!(take(1, 40), take(2, 40));
        let names = |count| take(1, count).into_iter().take(40).map(|record| record.scalars).collect::<Vec<_>>();
        assert_eq!(names(40), names(400));
    }

    #[test]
    fn the_default_people_show_everything_the_reference_has() {
        let people: Vec<Record> = people(1, 250).collect();
        assert_eq!(people.len(), 250);
        for record in &people {
            assert_eq!(violations(&CONTACT, record), [""; 0], "{record:?}");
            let items: HashSet<_> = record.lists[1].iter().map(|item| &item.values).collect();
            assert_eq!(items.len(), record.lists[1].len(), "an item twice: {record:?}");
        }
        let codes = |at: usize| people.iter().filter_map(|record| record.scalars[at].clone()).collect::<HashSet<_>>();
        assert_eq!(codes(0), CIVILITIES.map(str::to_owned).into());
        assert_eq!(codes(7), CONTACT_TYPES.map(str::to_owned).into());
        for (at, shape) in [ADDRESSES, ITEMS].iter().enumerate() {
            let entries = people.iter().flat_map(|record| &record.lists[at]);
            let seen: HashSet<String> = entries.filter_map(|entry| entry.values[0].clone()).collect();
            assert_eq!(seen, shape.codes.iter().map(|code| (*code).to_owned()).collect());
        }
        let longest = |at: usize| people.iter().map(|record| record.lists[at].len()).max();
        assert_eq!((longest(0), longest(1)), (Some(3), Some(6)));
        assert!(people.iter().any(|record| record.lists.iter().all(Vec::is_empty)));
        assert!(people.iter().any(|record| record.scalars[2].is_none()));
        for sign in ["\n", "&", "<", ">", "é", "😀", "'", "Œ"] {
            assert!(people.iter().any(|record| all(record).any(|text| text.contains(sign))), "{sign:?}");
        }
    }

    #[test]
    fn nobody_real_is_reached() {
        let mut mailboxes = HashSet::new();
        for record in people(3, 3_000) {
            for entry in &record.lists[1] {
                let value = entry.values[1].clone().unwrap();
                let code = entry.values[0].as_deref().unwrap();
                if value.contains('@') {
                    assert!(names::DOMAINS.iter().any(|domain| value.ends_with(domain)), "{value}");
                    assert!(value.is_ascii() && mailboxes.insert(value.clone()), "{value}");
                } else if !matches!(code, "430" | "457") {
                    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
                    let digits = digits.strip_prefix("0033").or(digits.strip_prefix("33")).unwrap_or(&digits);
                    let national = digits.strip_prefix('0').unwrap_or(digits);
                    let fiction = ["19900", "26191", "35301", "46571", "53649", "63998"];
                    assert!(national.len() == 9 && fiction.contains(&&national[..5]), "{value}");
                }
            }
        }
    }

    #[test]
    fn names_become_addresses() {
        let check = |name: &str, expected: &str| assert_eq!(slug(name), expected);
        check("Anne-Sophie", "anne-sophie");
        check("L'Hénaff", "l-henaff");
        check("Établissements Roux & Fils", "etablissements-roux-fils");
        check("Nguyên", "nguyen");
    }
}
