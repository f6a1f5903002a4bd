//! The firms that the invented people belong to, and those that nobody does.
//!
//! A firm's number says which company it is, so that people and firms agree whichever was made first; an older state gets
//! its firms long after its people.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;

use super::{address, item, names, slug, street, written};
use crate::sandbox::{
    chance::Chance,
    object::{FIRM_NAME, Firm, Value},
};

/// The number of the first company.
const FIRST: i64 = 301;
/// People belong to those below this number; from here on nobody does.
const NOBODYS: i64 = 901;

/// A company: several contacts share its address and switchboard.
pub struct Company {
    /// Its name.
    pub name: String,
    /// Where its people have their mailboxes.
    pub domain: String,
    /// Its number as a firm.
    pub firm_id: String,
    /// Name, postal code, start of telephone numbers.
    pub town: (&'static str, &'static str, &'static str),
    /// Street and number.
    pub street: String,
    /// Ten digits.
    pub switchboard: String,
}

impl Company {
    /// Company number `at` of a seed, from 0.
    pub fn new(seed: u64, at: u32) -> Self {
        let mut chance = Chance::for_occasion(seed, "company", at);
        let founder = chance.pick(&names::FAMILIES);
        let name = format!("{} {founder} {}", chance.pick(&names::TRADES), chance.pick(&names::SUFFIXES));
        let name = name.trim().to_owned();
        let town = names::TOWNS[chance.below(names::TOWNS.len())];
        Self {
            domain: format!("{}.{}", slug(&name), chance.pick(&names::DOMAINS)),
            name,
            firm_id: (FIRST + i64::from(at)).to_string(),
            town,
            street: street(&mut chance),
            switchboard: format!("{}{:02}00", town.2, at % 100),
        }
    }
}

/// Which firms a new state gets.
#[derive(Debug, Clone, Copy)]
pub struct FirmSeed {
    /// What chance starts from.
    pub seed: u64,
    /// So many at least.
    pub count: usize,
    /// Whether some are hard to tell apart.
    pub odd: bool,
    /// Whether one that contacts name is left out.
    pub dangling: bool,
}

/// The firms that contacts name by these numbers, which ascend, and more that nobody belongs to. Their names are those of
/// the companies; one that is taken gets its town's name added, so that all differ unless oddities are asked for.
pub fn firms(named: &[i64], wish: FirmSeed) -> Vec<Firm> {
    let FirmSeed { seed, count, odd, dangling } = wish;
    let free = (NOBODYS..).filter(|id| named.binary_search(id).is_err());
    let nobodys = count.saturating_sub(named.len()).max(usize::from(odd));
    let mut taken = HashSet::new();
    let mut firms: Vec<Firm> =
        named.iter().copied().chain(free.take(nobodys)).map(|id| firm(seed, id, &mut taken)).collect();
    if odd {
        make_odd(&mut firms[..named.len()]);
    }
    if dangling && !named.is_empty() {
        firms.remove(named.len() - 1);
    }
    firms
}

fn firm(seed: u64, id: i64, taken: &mut HashSet<String>) -> Firm {
    // Numbers that are no company of the directory get one all the same.
    let at = (id - FIRST) as u32;
    let company = Company::new(seed, at);
    let mut chance = Chance::for_occasion(seed, "firm", at);
    let kind = ["client", "client", "prospect", "supplier", "partner", "press", "other", ""][chance.below(8)];
    let siren = format!("{:09}", id % 1_000_000);
    let mut items = Vec::new();
    if chance.percent(80) {
        items.push(item("71", written(&company.switchboard, &mut chance)));
    }
    if chance.percent(60) {
        items.push(item("73", format!("contact@{}", company.domain)));
    }
    let addresses = match chance.percent(85) {
        true => vec![address(&mut chance, "21", Some(&company.street), company.town)],
        false => Vec::new(),
    };
    let scalars = [
        Some(unused(&company, taken)),
        Some(kind.to_owned()).filter(|kind| !kind.is_empty()),
        None,
        chance.percent(70).then(|| siren.clone()),
        chance.percent(50).then(|| vat(&siren)),
    ];
    Firm {
        id,
        reference: Some(format!("F{id:05}")),
        creator_id: Some("412".to_owned()),
        language: Some("fr".to_owned()),
        created_at: "05-01-2015-09-00".to_owned(),
        scalars,
        lists: [addresses, items],
    }
}

/// The company's name, made different from those before it.
fn unused(company: &Company, taken: &mut HashSet<String>) -> String {
    let with_town = format!("{} {}", company.name, company.town.0);
    let numbered = (2..).map(|number| format!("{with_town} {number}"));
    let mut names = [company.name.clone(), with_town.clone()].into_iter().chain(numbered);
    names.find(|name| taken.insert(slug(name))).unwrap_or(with_town)
}

/// A French VAT number: the company number begins with three noughts, which no real one does.
fn vat(siren: &str) -> String {
    let number: u64 = siren.parse().unwrap_or_default();
    format!("FR{:02}{siren}", (12 + 3 * (number % 97)) % 97)
}

/// Puts names that are hard to tell apart, as far as there are firms for them.
fn make_odd(firms: &mut [Firm]) {
    let name = |firms: &[Firm], at: usize| firms.get(at).and_then(|firm| firm.scalars[FIRM_NAME].clone());
    let plain = |text: String| text.nfd().filter(char::is_ascii).collect::<String>().to_uppercase();
    let spaced = |text: String| format!(" {}  ", text.replace(' ', "  "));
    let odd: [(usize, Value); 6] = [
        (1, name(firms, 0)),
        (3, name(firms, 2).map(plain)),
        (4, Some("L'\"Œuvre\" & <Fils>, S.A.".to_owned())),
        (5, Some(String::new())),
        (6, None),
        (7, name(firms, 7).map(spaced)),
    ];
    for (at, name) in odd {
        if let Some(firm) = firms.get_mut(at) {
            firm.scalars[FIRM_NAME] = name;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{
        object::{FIRM, violations},
        seed::people,
    };

    const CALM: FirmSeed = FirmSeed { seed: 1, count: 0, odd: false, dangling: false };

    fn named(seed: u64, count: u32) -> Vec<i64> {
        let mut ids: Vec<i64> =
            people(seed, count).filter_map(|person| person.scalars[8].clone()?.parse().ok()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    #[test]
    fn the_calm_default_has_each_firm_that_is_named_under_a_name_of_its_own() {
        for (seed, count) in [(1, 250), (2, 250), (3, 5_000)] {
            let ids = named(seed, count);
            let firms = firms(&ids, FirmSeed { seed, ..CALM });
            assert_eq!(firms.iter().map(|firm| firm.id).collect::<Vec<_>>(), ids);
            assert!(firms.iter().all(|firm| violations(&FIRM, firm).is_empty()));
            let names: HashSet<String> =
                firms.iter().map(|firm| slug(firm.scalars[FIRM_NAME].as_deref().unwrap())).collect();
            assert_eq!(names.len(), ids.len());
        }
        assert!(named(1, 250).len() > 40);
    }

    #[test]
    fn a_firm_is_named_as_its_peoples_mailboxes_say() {
        let firms = firms(&named(1, 250), CALM);
        let mut checked = 0;
        for person in people(1, 250) {
            let Some(firm) = person.scalars[8].as_ref().map(|id| id.parse::<i64>().unwrap()) else { continue };
            let firm = firms.iter().find(|known| known.id == firm).unwrap();
            let office = person.lists[1].iter().find(|item| item.values[0].as_deref() == Some("27"));
            let Some(mailbox) = office.and_then(|item| item.values[1].as_deref()) else { continue };
            let domain = mailbox.split_once('@').unwrap().1;
            let (host, _) = domain.split_once('.').unwrap();
            assert!(slug(firm.scalars[FIRM_NAME].as_deref().unwrap()).starts_with(host), "{mailbox} {firm:?}");
            checked += 1;
        }
        assert!(checked > 100, "{checked}");
    }

    #[test]
    fn more_firms_belong_to_nobody() {
        let firms = firms(&[302, 344, 902], FirmSeed { count: 6, ..CALM });
        assert_eq!(firms.iter().map(|firm| firm.id).collect::<Vec<_>>(), [302, 344, 902, 901, 903, 904]);
        let names: HashSet<&Value> = firms.iter().map(|firm| &firm.scalars[FIRM_NAME]).collect();
        assert_eq!(names.len(), 6);
    }

    #[test]
    fn odd_firms_are_hard_to_tell_apart() {
        let ids: Vec<i64> = (301..321).collect();
        let calm = firms(&ids, CALM);
        let odd = firms(&ids, FirmSeed { odd: true, ..CALM });
        let name = |at: usize| odd[at].scalars[FIRM_NAME].as_deref();
        assert_eq!(name(0), name(1));
        assert!(name(2) != name(3) && slug(name(2).unwrap()) == slug(name(3).unwrap()), "{:?}", (name(2), name(3)));
        assert!(name(4).unwrap().contains("\"Œuvre\" & <Fils>"));
        assert_eq!((name(5), name(6)), (Some(""), None));
        assert_ne!(name(7).map(str::trim), name(7));
        assert_eq!(odd[8..20], calm[8..20]);
        assert_eq!((odd.len(), odd[20].id), (21, 901));
        let dangling = firms(&ids, FirmSeed { dangling: true, ..CALM });
        assert_eq!(dangling, calm[..19]);
        assert_eq!(firms(&[], FirmSeed { dangling: true, odd: true, ..CALM }).len(), 1);
        assert_eq!(firms(&[7, i64::MAX / 10], FirmSeed { odd: true, ..CALM }).len(), 3);
    }

    #[test]
    fn a_vat_number_has_its_check_digits() {
        assert_eq!(vat("732829320"), "FR44732829320");
        assert_eq!(vat("000000301"), "FR42000000301");
    }
}
