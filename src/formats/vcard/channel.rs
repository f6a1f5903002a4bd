//! Telephones, e-mails and messaging names of a card, and which item of the reference each is.
//!
//! The order of the rules is that of the mapping's specification: what the mirror knows of the same value, unless the
//! card's types contradict it; then label and types; then, for a bare value, what the rest of the card suggests.

use super::{
    labels::Said,
    property::Prop,
    value::View,
    vocabulary::{self, Types},
};
use crate::{
    contact::{Contact, Item, ItemKind, ItemType, clean::percent_decoded, keys},
    formats::labels::{email_type, phone_type},
};

/// A line that says how to reach the user.
pub(super) struct Channel {
    /// The line's place.
    pub at: usize,
    pub types: Types,
    pub value: String,
    kind: Kind,
}

enum Kind {
    Phone,
    Email,
    /// The line says exactly what it is.
    Is(ItemType),
    /// The line has a scheme that other services' accounts go by, too.
    MayBe(ItemType),
}

impl Channel {
    /// Reads a line, or nothing when it is empty or of a service that the reference does not know.
    pub fn of(at: usize, view: View<'_>, label: Said) -> Option<Channel> {
        let mut types = Types::NONE;
        let (kind, value) = match view.head.prop {
            Prop::Tel => {
                types = label.of(view);
                (Kind::Phone, without_scheme(view, "tel:"))
            }
            Prop::Email => {
                types = label.of(view);
                (Kind::Email, without_scheme(view, "mailto:"))
            }
            Prop::Impp => messenger(view)?,
            Prop::XMessenger => {
                let service = std::str::from_utf8(view.name().get(2..)?).ok()?;
                (Kind::Is(vocabulary::messenger(service)?), view.text().into_owned())
            }
            Prop::CrmItem => {
                let code = view.param("TYPE").unwrap_or_default();
                (Kind::Is(ItemType::from_code(&code)), view.text().into_owned())
            }
            _ => return None,
        };
        (!value.trim().is_empty()).then_some(Channel { at, types, value, kind })
    }

    /// True when the line itself says that it is a professional one.
    pub fn is_work(&self) -> bool {
        self.types.has(Types::WORK) || self.types.has(Types::MAIN)
    }
}

/// The text behind the scheme, if it begins with it.
pub(super) fn cut_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    text.get(..scheme.len()).filter(|head| head.eq_ignore_ascii_case(scheme)).map(|_| &text[scheme.len()..])
}

/// The text without its URI scheme: many write one without saying VALUE=uri. VALUE=text says that it is none.
fn without_scheme(view: View<'_>, scheme: &str) -> String {
    let text = view.text();
    match cut_scheme(&text, scheme).filter(|_| !view.has("VALUE", "text")) {
        Some(bare) => bare.to_owned(),
        None => text.into_owned(),
    }
}

fn messenger(view: View<'_>) -> Option<(Kind, String)> {
    let text = view.text();
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if vocabulary::messenger(scheme).is_some() || is_carrier(scheme) => (Some(scheme), rest),
        _ => (None, text.as_ref()),
    };
    let by_type = || {
        view.params()
            .filter(|(name, _)| name.is_empty() || name.eq_ignore_ascii_case(b"TYPE"))
            .flat_map(|(_, value)| super::property::words(value))
            .find_map(|word| vocabulary::messenger(std::str::from_utf8(word).ok()?))
    };
    let kind = match view.param("X-SERVICE-TYPE").filter(|service| !service.trim().is_empty()) {
        Some(service) => Kind::Is(vocabulary::messenger(service.trim())?),
        None => Kind::MayBe(scheme.and_then(vocabulary::messenger).or_else(by_type)?),
    };
    Some((kind, if scheme.is_some() { handle(rest) } else { rest.to_owned() }))
}

/// Schemes that say nothing of the service.
fn is_carrier(scheme: &str) -> bool {
    ["x-apple", "xmpp", "im"].iter().any(|carrier| carrier.eq_ignore_ascii_case(scheme))
}

/// The account's name in the part of a messaging URI after its scheme.
fn handle(rest: &str) -> String {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let mut name = rest;
    for lead in ["chat?contact=", "add?contact=", "goim?screenname=", "sendim?", "addfriend?"] {
        name = cut_scheme(name, lead).unwrap_or(name);
    }
    let name = name.split('?').next().unwrap_or(name);
    percent_decoded(name).into_owned()
}

/// The URI of a messaging account; the inverse of what is read.
pub(super) fn uri(scheme: &str, handle: &str) -> String {
    let mut uri = format!("{scheme}:");
    for byte in handle.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+=:@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// What is known of the contact when a bare value is to be classified.
pub(super) struct Context<'a> {
    /// Bare values are personal ones.
    pub personal: bool,
    /// The contact as the mirror knows it.
    pub known: Option<&'a Contact>,
}

/// The items of the channels, each once, with the place of every line that says it: (index of the item, place).
pub(super) fn items(channels: Vec<Channel>, context: &Context<'_>) -> (Vec<Item>, Vec<(usize, usize)>) {
    let is_work_phone = |channel: &Channel| {
        matches!(channel.kind, Kind::Phone)
            && channel.types.has(Types::WORK)
            && !channel.types.has(Types::FAX)
            && !channel.types.has(Types::CELL)
    };
    let has_main = channels.iter().any(|channel| matches!(channel.kind, Kind::Phone) && channel.types.has(Types::MAIN));
    let pref_is_main = !has_main && channels.iter().filter(|channel| is_work_phone(channel)).count() > 1;
    let mut known = Acquaintance::of(context.known, &channels);
    let mut items: Vec<Item> = Vec::with_capacity(channels.len());
    let mut places = Vec::with_capacity(channels.len());
    for channel in channels {
        let Channel { at, types, value, kind } = channel;
        let item_type = match kind {
            Kind::Is(item_type) => item_type,
            // khard writes no service beside an account: ICQ goes by AIM's scheme.
            Kind::MayBe(item_type) => {
                context.known.and_then(|known| account(known, &item_type, &value)).unwrap_or(item_type)
            }
            Kind::Phone => known
                .take(&value, types, |kind| matches!(kind, ItemKind::Phone | ItemKind::Fax))
                .unwrap_or_else(|| phone_type(types, &value, context.personal, pref_is_main)),
            Kind::Email => known
                .take(&value, types, |kind| kind == ItemKind::Email)
                .unwrap_or_else(|| email_type(types, context.personal)),
        };
        let item = Item { item_type, value };
        let index = items.iter().position(|other| *other == item).unwrap_or(items.len());
        if index == items.len() {
            items.push(item);
        }
        places.push((index, at));
    }
    (items, places)
}

/// The service of an account that is known by this name, where it is none of this service.
fn account(known: &Contact, service: &ItemType, name: &str) -> Option<ItemType> {
    let mut accounts =
        known.items.iter().filter(|item| item.item_type.kind() == ItemKind::Account && item.value == name);
    let first = accounts.next()?;
    let is_of_service = first.item_type == *service || accounts.any(|item| item.item_type == *service);
    (!is_of_service).then(|| first.item_type.clone())
}

/// The items that the mirror already has, each to be recognised once.
struct Acquaintance<'a> {
    items: Vec<Known<'a>>,
}

struct Known<'a> {
    item: &'a Item,
    key: String,
    /// The card has this very spelling: no other spelling of it is to take the item away.
    is_verbatim: bool,
    is_taken: bool,
}

impl<'a> Acquaintance<'a> {
    fn of(known: Option<&'a Contact>, channels: &[Channel]) -> Self {
        let items = known.iter().flat_map(|contact| &contact.items).map(|item| Known {
            item,
            key: keys::item_value(item),
            is_verbatim: channels.iter().any(|channel| channel.value == item.value),
            is_taken: false,
        });
        Self { items: items.collect() }
    }

    fn take(&mut self, value: &str, types: Types, is_kind: impl Fn(ItemKind) -> bool) -> Option<ItemType> {
        // Telephone and fax have one key, and nothing else is asked for together.
        let mut own_key = None;
        let mut has_key = |known: &Known<'_>| {
            known.key
                == *own_key.get_or_insert_with(|| keys::item_value(&Item::new(known.item.item_type.clone(), value)))
        };
        let known = self.items.iter_mut().find(|known| {
            let item = known.item;
            !known.is_taken
                && is_kind(item.item_type.kind())
                && !contradicts(types, &item.item_type)
                && (item.value == value || (!known.is_verbatim && has_key(known)))
        })?;
        known.is_taken = true;
        Some(known.item.item_type.clone())
    }
}

/// True when the line plainly says something else than the type does. A word that is missing contradicts nothing: clients
/// drop words.
fn contradicts(types: Types, item_type: &ItemType) -> bool {
    let (home, work) = (types.has(Types::HOME), types.has(Types::WORK));
    let (personal, fax, cell, main) = match item_type {
        ItemType::PersonalPhone | ItemType::PersonalEmail => (true, false, false, false),
        ItemType::PersonalFax => (true, true, false, false),
        ItemType::PersonalCellPhone => (true, false, true, false),
        ItemType::MainProfessionalPhone => (false, false, false, true),
        ItemType::ProfessionalPhone | ItemType::ProfessionalEmail => (false, false, false, false),
        ItemType::ProfessionalFax => (false, true, false, false),
        ItemType::ProfessionalCellPhone => (false, false, true, false),
        ItemType::Skype | ItemType::Yahoo | ItemType::Msn | ItemType::Aim | ItemType::Icq | ItemType::Unlisted(_) => {
            return true;
        }
    };
    (home && !work && !personal)
        || (work && !home && personal)
        || (types.has(Types::FAX) && !fax)
        || (types.has(Types::CELL) && !cell)
        || (types.has(Types::MAIN) && !main)
        || (types.has(Types::VOICE) && fax)
}
