//! A card looked at as a contact, and where in the card each part of it was found.

use std::{borrow::Cow, collections::HashSet};

use super::{
    DefaultContext,
    address::{self, Labelled},
    agreed,
    card::Card,
    channel::{self, Channel, Context},
    extra,
    labels::Labels,
    name::{self, Named},
    property::Prop,
    sort_key,
    value::View,
    vocabulary::{self, Types},
};
use crate::contact::{Address, AddressType, Civility, Contact, ContactType, is_number, keys};

/// The contact that a card describes.
///
/// `known` is the contact as the mirror has it: a telephone, e-mail or address that it already holds keeps its type there,
/// as long as the card does not say otherwise. Types that the card leaves open are those of its manner's default context.
///
/// What a program makes of an agreed text by saving it (see `agreed`) is read as the text that `known` has.
pub fn read(card: &Card, known: Option<&Contact>) -> Contact {
    Reading::of(card, known).contact
}

/// The same, where the texts that were agreed on are those of `agreed`.
pub fn read_agreed(card: &Card, known: Option<&Contact>, agreed: &Contact) -> Contact {
    Reading::of(card, Knowledge { values: known, texts: Some(agreed) }).contact
}

/// What is known of a contact when its card is read.
#[derive(Clone, Copy)]
pub(super) struct Knowledge<'a> {
    /// Whose telephones, e-mails and addresses keep their types.
    values: Option<&'a Contact>,
    /// Whose texts a program may have rewritten.
    texts: Option<&'a Contact>,
}

impl<'a> From<Option<&'a Contact>> for Knowledge<'a> {
    fn from(known: Option<&'a Contact>) -> Self {
        Self { values: known, texts: known }
    }
}

/// A contact and the places of its parts.
pub(super) struct Reading {
    pub contact: Contact,
    pub places: Places,
}

/// Which line says what.
#[derive(Default)]
pub(super) struct Places {
    pub name: Option<usize>,
    pub full_name: Option<usize>,
    /// The further FN lines that only repeat the name.
    pub full_names: Vec<usize>,
    pub org: Option<usize>,
    pub title: Option<usize>,
    pub note: Option<usize>,
    pub crm_civility: Option<usize>,
    pub crm_country: Option<usize>,
    pub crm_firm: Option<usize>,
    pub crm_type: Option<usize>,
    pub categories: Vec<usize>,
    /// (index of the item, place of a line that says it).
    pub items: Vec<(usize, usize)>,
    /// The place of each address.
    pub addresses: Vec<usize>,
    /// (index of the address, place of a LABEL line that belongs to it).
    pub labels: Vec<(usize, usize)>,
    /// The place of each entry of `extra`.
    pub extra: Vec<usize>,
    /// The names, or the company's, were taken from FN, since N and ORG have none.
    pub named_by_full: Option<Named>,
    /// The category that was read as the contact type, as spelt.
    pub type_category: Option<String>,
}

impl Places {
    /// True where FN is the only line that says the name: its titles and suffixes, too.
    fn is_full_name_all(&self) -> bool {
        self.named_by_full.is_some() && self.name.is_none()
    }
}

/// What one pass over the lines gathers.
#[derive(Default)]
struct Gathered<'a> {
    name: Vec<String>,
    full_name: Cow<'a, str>,
    org: Vec<Cow<'a, str>>,
    categories: Vec<String>,
    crm_civility: Cow<'a, str>,
    /// The name of somebody who has no other.
    nickname: Cow<'a, str>,
    crm_type: Option<Cow<'a, str>>,
    channels: Vec<Channel>,
    addresses: Vec<(usize, View<'a>)>,
    postal_labels: Vec<(usize, View<'a>)>,
    /// The card says that it is a company's.
    is_organisation: bool,
    labels: Labels<'a>,
}

impl Reading {
    pub fn of<'k>(card: &Card, known: impl Into<Knowledge<'k>>) -> Reading {
        let Knowledge { values: known, texts } = known.into();
        let mut reading = Reading { contact: Contact::default(), places: Places::default() };
        let mut gathered = reading.gather(card);
        if let Some(agreed) = texts {
            let there =
                std::mem::take(&mut gathered.org).into_iter().map(|part| Cow::Owned(part.into_owned())).collect();
            gathered.org =
                agreed::organisation(there, agreed).into_iter().map(|part| Cow::Owned(part.into_owned())).collect();
        }
        let Reading { contact, places } = &mut reading;
        contact.company = part(&gathered.org, 0);
        contact.job_department = part(&gathered.org, 1);
        contact.last_name = gathered.name.first().cloned().unwrap_or_default();
        contact.first_name = gathered.name.get(1).cloned().unwrap_or_default();
        if gathered.is_organisation && is_nameless(contact) && contact.company.trim().is_empty() {
            // RFC 6350 6.1.4: what is shown is an organisation's name, where it is no number or address of it.
            let full = gathered.full_name.trim();
            if !gathered.channels.iter().any(|channel| channel.value.trim() == full) {
                full.clone_into(&mut contact.company);
                places.named_by_full = Some(Named::Company);
            }
        }
        contact.civility =
            gathered.name.get(3).and_then(|prefix| prefix.split(',').find_map(vocabulary::civility)).or_else(|| {
                Some(&gathered.crm_civility).filter(|code| !code.is_empty()).map(|code| Civility::from_code(code))
            });
        let rest_of_categories = contact_type(contact, places, &gathered);
        let addresses_work =
            || gathered.addresses.iter().any(|(_, view)| gathered.labels.types(*view).has(Types::WORK));
        let personal = match card.style().default_context {
            DefaultContext::Work => false,
            DefaultContext::Home => true,
            DefaultContext::Auto if contact.contact_type == Some(ContactType::Personal) => true,
            DefaultContext::Auto => {
                contact.company.is_empty() && !gathered.channels.iter().any(Channel::is_work) && !addresses_work()
            }
        };
        let context = Context { personal, known };
        addresses(contact, places, &gathered, known);
        (contact.items, places.items) = channel::items(gathered.channels, &context);
        if let Some(agreed) = texts {
            agreed::texts(contact, agreed);
        }
        let full = gathered.full_name.trim();
        if is_nameless(contact) && !full.is_empty() && !name::is_no_name(&keys::text(full), contact) {
            places.named_by_full = Some(name::from_full(full, contact, &mut gathered.name));
        } else if is_nameless(contact) && contact.company.trim().is_empty() {
            gathered.nickname.trim().clone_into(&mut contact.last_name);
        }
        let rest = Rest {
            name: rest_of_name(&gathered.name),
            org: gathered.org.iter().skip(2).map(|unit| unit.to_string()).collect(),
            categories: rest_of_categories,
            parts: gathered.name,
            labels: gathered.labels,
        };
        reading.extra(card, &rest, texts);
        reading
    }

    fn gather<'a>(&mut self, card: &'a Card) -> Gathered<'a> {
        let Reading { contact, places } = self;
        let mut gathered =
            Gathered { labels: Labels::of(card), channels: Vec::with_capacity(8), ..Gathered::default() };
        for (at, view) in card.views() {
            match view.head.prop {
                Prop::N => first(&mut places.name, at, || gathered.name = name::components(view)),
                Prop::Fn => first(&mut places.full_name, at, || gathered.full_name = view.text()),
                Prop::Org => first(&mut places.org, at, || gathered.org = view.components()),
                Prop::Title => first(&mut places.title, at, || contact.job_title = view.text().into_owned()),
                Prop::Note => first(&mut places.note, at, || contact.comment = comment(view)),
                Prop::CrmCivility => first(&mut places.crm_civility, at, || gathered.crm_civility = view.text()),
                Prop::CrmCountry => first(&mut places.crm_country, at, || contact.country = view.text().into_owned()),
                Prop::CrmFirm => first(&mut places.crm_firm, at, || contact.firm_id = firm_id(view)),
                Prop::CrmType => first(&mut places.crm_type, at, || gathered.crm_type = Some(view.text())),
                Prop::Categories => {
                    places.categories.push(at);
                    gathered.categories.extend(view.list());
                }
                Prop::Adr => gathered.addresses.push((at, view)),
                Prop::PostalLabel => gathered.postal_labels.push((at, view)),
                Prop::Tel | Prop::Email | Prop::Impp | Prop::XMessenger | Prop::CrmItem => {
                    gathered.channels.extend(Channel::of(at, view, gathered.labels.said(view)));
                }
                Prop::Kind | Prop::ShowAs => {
                    let word = view.text();
                    gathered.is_organisation |=
                        ["org", "company"].iter().any(|other| word.trim().eq_ignore_ascii_case(other));
                }
                Prop::Other if view.name().eq_ignore_ascii_case(b"NICKNAME") => {
                    let nickname = view.list().into_iter().next().unwrap_or_default();
                    gathered.nickname = Cow::Owned(nickname);
                }
                Prop::Begin
                | Prop::End
                | Prop::Version
                | Prop::Uid
                | Prop::Rev
                | Prop::ProdId
                | Prop::SortKey
                | Prop::Label
                | Prop::AbAdr
                | Prop::CrmId
                | Prop::CrmOther
                | Prop::Agent
                | Prop::Other
                | Prop::Opaque => {}
            }
        }
        gathered
    }

    /// Collects what the model does not name, in the card's order.
    fn extra(&mut self, card: &Card, rest: &Rest<'_>, agreed: Option<&Contact>) {
        let Reading { contact, places } = self;
        let is_company = is_company(contact);
        let has_sort_line = card.views().any(|(_, view)| view.head.prop == Prop::SortKey);
        for (at, view) in card.views() {
            let is_first = |place: Option<usize>| place == Some(at);
            let other = || {
                if extra::is_local_file(view) {
                    return agreed.and_then(|agreed| extra::first_of(view, agreed)).cloned();
                }
                extra::entry(view, rest.labels.label(view))
            };
            let entry = match view.head.prop {
                Prop::N if is_first(places.name) => extra::rest_of_name(&rest.name),
                Prop::Org if is_first(places.org) => extra::rest("ORG:;;", &rest.org),
                Prop::Categories => extra::list("CATEGORIES:", &rest.categories).filter(|_| places.categories[0] == at),
                Prop::Fn if name::is_derived(&view.text(), &rest.parts, contact) => {
                    let is_further = !is_first(places.full_name) && !view.text().trim().is_empty();
                    places.full_names.extend(Some(at).filter(|_| is_further));
                    None
                }
                Prop::Adr if places.addresses.contains(&at) => None,
                Prop::Adr if is_empty_address(view) => None,
                Prop::Title if is_first(places.title) => None,
                Prop::Note if is_first(places.note) => None,
                Prop::Kind if view.text().trim().eq_ignore_ascii_case("individual") => None,
                Prop::Kind if is_company && view.text().trim().eq_ignore_ascii_case("org") => None,
                Prop::ShowAs if is_company && view.text().trim().eq_ignore_ascii_case("company") => None,
                Prop::Impp | Prop::XMessenger if places.items.iter().any(|(_, line)| *line == at) => None,
                Prop::XMessenger if view.text().trim().is_empty() => None,
                Prop::AbAdr if view.head.group > 0 => None,
                Prop::N | Prop::Fn | Prop::Org | Prop::Title | Prop::Note => other(),
                Prop::Adr | Prop::Impp | Prop::XMessenger => other(),
                Prop::SortKey => sort_key::entry(&view.text(), contact),
                Prop::Kind | Prop::ShowAs | Prop::AbAdr | Prop::Agent | Prop::Other => other(),
                Prop::Begin
                | Prop::End
                | Prop::Version
                | Prop::Uid
                | Prop::Rev
                | Prop::ProdId
                | Prop::Tel
                | Prop::Email
                | Prop::PostalLabel
                | Prop::Label
                | Prop::CrmId
                | Prop::CrmItem
                | Prop::CrmCivility
                | Prop::CrmCountry
                | Prop::CrmFirm
                | Prop::CrmType
                | Prop::CrmOther
                | Prop::Opaque => None,
            };
            let sort_key = match view.head.prop {
                Prop::N if is_first(places.name) && !has_sort_line => sort_key::of_param(view),
                _ => None,
            };
            let sort_key = sort_key.and_then(|key| sort_key::entry(&key, contact));
            let is_source = is_first(places.full_name) && places.is_full_name_all();
            let by_full = is_source.then(|| extra::rest_of_name(&rest.name)).flatten();
            for mut entry in entry.into_iter().chain(sort_key).chain(by_full) {
                if let Some(agreed) = agreed.and_then(|agreed| agreed::entry(&entry, agreed)) {
                    entry.clone_from(agreed);
                }
                contact.extra.push(entry);
                places.extra.push(at);
            }
        }
    }
}

/// What goes to `extra` of properties that the model names in part.
struct Rest<'a> {
    name: Vec<String>,
    org: Vec<String>,
    categories: Vec<String>,
    /// N's components, which a shown name may only repeat.
    parts: Vec<String>,
    labels: Labels<'a>,
}

/// True for a company without a user: its card may say so (KIND, X-ABShowAs), which is no news.
pub(super) fn is_company(contact: &Contact) -> bool {
    is_nameless(contact) && !contact.company.trim().is_empty()
}

fn is_nameless(contact: &Contact) -> bool {
    contact.first_name.trim().is_empty() && contact.last_name.trim().is_empty()
}

fn first(place: &mut Option<usize>, at: usize, read: impl FnOnce()) {
    if place.is_none() {
        *place = Some(at);
        read();
    }
}

/// The comment; one of blanks and line ends alone, which Exchange writes for none, is none.
fn comment(view: View<'_>) -> String {
    Some(view.text()).filter(|text| !text.trim().is_empty()).map(Cow::into_owned).unwrap_or_default()
}

/// The firm's id; what is not all digits is none.
fn firm_id(view: View<'_>) -> String {
    let text = view.text();
    let id = text.trim();
    if is_number(id) { id.to_owned() } else { String::new() }
}

/// True where nothing but the order of FN's words says which is the family name.
pub fn is_name_guessed(card: &Card) -> bool {
    let has_name = |view: View<'_>| view.components().iter().take(2).any(|part| !part.trim().is_empty());
    let is_named = card.views().any(|(_, view)| view.head.prop == Prop::N && has_name(view));
    !is_named && Reading::of(card, None).places.named_by_full == Some(Named::Guessed)
}

/// The name of a property whose value is not taken, since the CRM keeps a number in its place.
pub fn unread(card: &Card) -> Option<&'static str> {
    let firm = card.views().find(|(_, view)| view.head.prop == Prop::CrmFirm);
    firm.filter(|(_, view)| !is_number(view.text().trim())).map(|_| "X-INCWO-FIRM-ID")
}

fn part(parts: &[Cow<'_, str>], at: usize) -> String {
    parts.get(at).map(|part| part.to_string()).unwrap_or_default()
}

/// N's further components, the civility taken out of the prefix.
fn rest_of_name(parts: &[String]) -> Vec<String> {
    let mut rest: Vec<String> = parts.iter().skip(2).cloned().collect();
    if let Some(prefix) = rest.get_mut(1).filter(|prefix| !prefix.is_empty()) {
        let mut words: Vec<&str> = prefix.split(',').collect();
        if let Some(civility) = words.iter().position(|word| vocabulary::civility(word).is_some()) {
            words.remove(civility);
        }
        *prefix = words.join(",");
    }
    rest
}

/// Sets the contact type, and gives the categories that are none.
fn contact_type(contact: &mut Contact, places: &mut Places, gathered: &Gathered<'_>) -> Vec<String> {
    let stated = gathered.crm_type.as_ref().map(|code| ContactType::from_code(code));
    let words: Vec<Option<ContactType>> =
        gathered.categories.iter().map(|word| vocabulary::contact_type(word)).collect();
    let chosen = match stated {
        // Written empty by carnet: none, whatever the categories say.
        Some(ContactType::Unlisted(code)) if code.is_empty() => None,
        Some(unlisted @ ContactType::Unlisted(_)) => Some(unlisted),
        // A client that keeps X- lines changes the category only: a category that says otherwise is the newer word.
        Some(listed) if words.iter().flatten().any(|word| *word == listed) => Some(listed),
        Some(listed) => words.iter().flatten().next().cloned().or(Some(listed)),
        None => words.iter().flatten().next().cloned(),
    };
    let category = words.iter().position(|word| word.is_some() && *word == chosen);
    places.type_category = category.map(|at| gathered.categories[at].clone());
    contact.contact_type = chosen;
    let mut seen = HashSet::new();
    let others = gathered.categories.iter().enumerate().filter(|(at, _)| Some(*at) != category);
    others.map(|(_, category)| category).filter(|category| seen.insert(*category)).cloned().collect()
}

/// Reads the addresses, and finds the LABEL lines that belong to them; one that belongs to none is an address as written.
fn addresses(contact: &mut Contact, places: &mut Places, gathered: &Gathered<'_>, known: Option<&Contact>) {
    let typed = |view: View<'_>| gathered.labels.types(view).less(Types::PREF);
    let mut read = |at: usize, view: View<'_>, mut address: Address| {
        address.address_type = match view.param("X-INCWO-TYPE") {
            Some(code) => AddressType::from_code(&code),
            None => address_type(&address, typed(view), contact, known),
        };
        contact.addresses.push(address);
        places.addresses.push(at);
    };
    let all = gathered.addresses.iter().filter_map(|(at, view)| Some((*at, *view, address::of(*view)?)));
    let all: Vec<(usize, View<'_>, Address)> = all.collect();
    let labelled: Vec<Labelled<'_>> =
        all.iter().map(|(_, view, address)| Labelled { view: *view, types: typed(*view), address }).collect();
    let (mut labels, mut alone, mut taken) = (Vec::new(), Vec::new(), Vec::new());
    for (at, view) in &gathered.postal_labels {
        match address::labelled(*view, typed(*view), &labelled, &taken) {
            Some(index) => {
                labels.push((index, *at));
                taken.push(index);
            }
            None => alone.extend(address::of(*view).map(|address| (*at, *view, address))),
        }
    }
    drop(labelled);
    all.into_iter().chain(alone).for_each(|(at, view, address)| read(at, view, address));
    places.labels = labels;
}

/// True for an ADR line that says nothing, in its parameters either.
fn is_empty_address(view: View<'_>) -> bool {
    let says = |name: &[u8]| [&b"GEO"[..], b"TZ", b"CC", b"LABEL"].iter().any(|other| other.eq_ignore_ascii_case(name));
    view.components().iter().all(|part| part.trim().is_empty())
        && !view.params().any(|(name, value)| says(name) && !value.is_empty())
}

fn address_type(address: &Address, types: Types, contact: &Contact, known: Option<&Contact>) -> AddressType {
    let stated = match (types.has(Types::HOME), types.has(Types::WORK), types.is_none()) {
        (true, false, _) => Some(AddressType::Personal),
        (_, true, _) => Some(AddressType::Professional),
        (false, false, false) => Some(AddressType::Other),
        (false, false, true) => None,
    };
    let acquainted = || {
        let key = keys::address(address);
        let known = known?.addresses.iter().find(|other| keys::address(other) == key)?;
        Some(known.address_type.clone())
    };
    stated.or_else(acquainted).unwrap_or(if contact.company.is_empty() {
        AddressType::Personal
    } else {
        AddressType::Professional
    })
}
