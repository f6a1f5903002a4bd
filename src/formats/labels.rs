//! What people and programs write beside a telephone number or an e-mail address: TYPE words, labels, the names of columns. One
//! vocabulary for cards and sheets, in French and English, with the words of neighbours that are on telephones ("Handy", "Natel").

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::contact::{ItemKind, ItemType, keys};

/// What a label, or a line's TYPE parameters, say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Types(u16);

impl Types {
    pub const NONE: Types = Types(0);
    pub const HOME: Types = Types(1);
    pub const WORK: Types = Types(1 << 1);
    pub const CELL: Types = Types(1 << 2);
    pub const FAX: Types = Types(1 << 3);
    pub const MAIN: Types = Types(1 << 4);
    pub const VOICE: Types = Types(1 << 5);
    pub const PREF: Types = Types(1 << 6);
    /// Pager, car, other.
    pub const OTHER: Types = Types(1 << 7);
    /// A word that is not known: somebody's own.
    pub const OWN: Types = Types(1 << 8);

    pub fn has(self, types: Types) -> bool {
        self.0 & types.0 == types.0
    }

    pub fn or(self, types: Types) -> Types {
        Types(self.0 | types.0)
    }

    pub fn less(self, types: Types) -> Types {
        Types(self.0 & !types.0)
    }

    pub fn is_none(self) -> bool {
        self == Types::NONE
    }

    /// True where nothing says what sort of telephone it is, nor where.
    pub fn is_bare(self) -> bool {
        self.less(Types::VOICE.or(Types::PREF).or(Types::OWN)).is_none()
    }

    /// What a label says; nothing when a word of it is not known: then it is a user's own label.
    pub fn of_label(label: &str) -> Option<Types> {
        let types = words(label).iter().try_fold(Types::NONE, |types, word| Some(types.or(word_types(word)?)))?;
        Some(types).filter(|types| !types.is_none())
    }

    /// True for a label all of whose words are known, though they may say nothing: "Téléphone".
    pub fn knows(label: &str) -> bool {
        words(label).iter().all(|word| word_types(word).is_some())
    }

    /// What the known words of a user's own label say: "Portable de Paul", "Fax (compta)". Somebody's name says nothing.
    pub fn of_own_label(label: &str) -> Types {
        // A word that may well be part of a name does not count beside words that are not known.
        let certain = Types::CELL.or(Types::FAX).or(Types::HOME).or(Types::WORK);
        let found = words(label).iter().filter_map(|word| word_types(word)).fold(Types::NONE, Types::or);
        found.less(Types(!certain.0))
    }

    /// The label's word on home or work goes before the parameters'; all else adds up.
    pub fn labelled(self, label: Option<Types>) -> Types {
        let Some(label) = label else { return self };
        let places = Types::HOME.or(Types::WORK);
        let own = if label.0 & places.0 != 0 { self.less(places) } else { self };
        own.or(label)
    }
}

/// The words of a label, without accents and case. Apple's own labels are marked: `_$!<Home>!$_`.
fn words(label: &str) -> Vec<String> {
    let bare = label.trim().strip_prefix("_$!<").and_then(|text| text.strip_suffix(">!$_")).unwrap_or(label);
    let plain: String = bare.nfkd().filter(|char| !is_combining_mark(*char)).flat_map(char::to_lowercase).collect();
    plain.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn word_types(word: &str) -> Option<Types> {
    Some(match word {
        "home" | "domicile" | "maison" | "personnel" | "personnelle" | "perso" | "prive" | "privee" | "private"
        | "privat" | "prv" | "personal" | "residence" | "zuhause" | "thuis" => Types::HOME,
        "work" | "bureau" | "travail" | "professionnel" | "professionnelle" | "pro" | "prof" | "office"
        | "business" | "boulot" | "direct" | "directe" | "arbeit" | "geschaftlich" | "werk" => Types::WORK,
        "mobile" | "portable" | "cell" | "cellular" | "cellulaire" | "cellphone" | "gsm" | "natel" | "handy"
        | "iphone" | "smartphone" | "mob" => Types::CELL,
        "main" | "principal" | "principale" | "standard" | "switchboard" | "accueil" => Types::MAIN,
        "fax" | "otherfax" | "telecopie" | "telecopieur" | "telefax" => Types::FAX,
        "homefax" => Types::HOME.or(Types::FAX),
        "workfax" => Types::WORK.or(Types::FAX),
        "fixe" | "landline" => Types::VOICE,
        "other" | "autre" => Types::OTHER,
        "phone" | "tel" | "telephone" | "email" | "e" | "mail" | "courriel" | "adresse" | "address" | "ligne"
        | "line" | "numero" | "number" | "no" | "n" | "num" => Types::NONE,
        _ => return None,
    })
}

/// What a column's name says it holds, and its number: "Tél. portable", "Fax bureau", "Mail perso 2". Nothing where it does
/// not plainly name a telephone, a fax or an e-mail address.
pub(super) fn column(name: &str) -> Option<(Vec<ItemType>, u32)> {
    let mut words = words(name);
    let number = words.last().and_then(|word| word.parse().ok()).filter(|number| (2..=9).contains(number));
    if number.is_some() {
        words.pop();
    }
    words.retain(|word| !["de", "du", "la", "le", "s"].contains(&word.as_str()));
    let types = words.iter().try_fold(Types::NONE, |types, word| Some(types.or(word_types(word)?)))?;
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let is_home = types.has(Types::HOME) && !types.has(Types::WORK);
    let types = if has(&["mail", "email", "courriel"]) {
        match (is_home, types.less(Types::HOME.or(Types::WORK).or(Types::MAIN)).is_none()) {
            (_, false) => return None,
            (true, _) => vec![ItemType::PersonalEmail],
            (false, _) if types.has(Types::WORK) => vec![ItemType::ProfessionalEmail],
            (false, _) => vec![ItemType::ProfessionalEmail, ItemType::PersonalEmail],
        }
    } else if has(&["tel", "phone", "telephone", "ligne", "line"])
        || [Types::CELL, Types::FAX, Types::VOICE].into_iter().any(|sort| types.has(sort))
    {
        let of = phone_type(types.less(Types::OTHER), "", false, false);
        let open =
            (types.has(Types::CELL) && !is_home && !types.has(Types::WORK)).then_some(ItemType::PersonalCellPhone);
        std::iter::once(of).chain(open).collect()
    } else {
        return None;
    };
    Some((types, number.unwrap_or(1)))
}

/// The type of an item of this kind by its label, or by its number where the label is somebody's own.
pub(super) fn item_type(label: &str, value: &str, kind: ItemKind, personal: bool) -> Option<ItemType> {
    let types = Types::of_label(label).unwrap_or_else(|| Types::of_own_label(label));
    match kind {
        ItemKind::Phone | ItemKind::Fax => Some(phone_type(types, value, personal, false)),
        ItemKind::Email => Some(email_type(types, personal)),
        ItemKind::Account => None,
    }
}

/// The type of a telephone or fax. `pref_is_main`: the preferred one of several at work is the main one.
pub(super) fn phone_type(types: Types, value: &str, personal_by_default: bool, pref_is_main: bool) -> ItemType {
    let has = |type_| types.has(type_);
    let personal = match (has(Types::HOME), has(Types::WORK)) {
        (true, false) => true,
        (_, true) => false,
        (false, false) => personal_by_default,
    };
    if has(Types::FAX) {
        if personal { ItemType::PersonalFax } else { ItemType::ProfessionalFax }
    } else if has(Types::CELL) || (types.is_bare() && keys::is_french_mobile(&keys::phone(value))) {
        if personal { ItemType::PersonalCellPhone } else { ItemType::ProfessionalCellPhone }
    } else if (has(Types::MAIN) && !has(Types::HOME)) || (has(Types::WORK) && has(Types::PREF) && pref_is_main) {
        ItemType::MainProfessionalPhone
    } else if personal {
        ItemType::PersonalPhone
    } else {
        ItemType::ProfessionalPhone
    }
}

/// The type of an e-mail address.
pub(super) fn email_type(types: Types, personal_by_default: bool) -> ItemType {
    let personal = types.has(Types::HOME) || (personal_by_default && !types.has(Types::WORK));
    if personal && !types.has(Types::WORK) { ItemType::PersonalEmail } else { ItemType::ProfessionalEmail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_in_two_languages() {
        for (label, expected) in [
            ("_$!<HomeFAX>!$_", Some(Types::HOME.or(Types::FAX))),
            ("_$!<Other>!$_", Some(Types::OTHER)),
            ("Portable pro", Some(Types::CELL.or(Types::WORK))),
            ("Fax (bureau)", Some(Types::FAX.or(Types::WORK))),
            ("Privé", Some(Types::HOME)),
            ("Ligne directe", Some(Types::WORK)),
            ("Standard", Some(Types::MAIN)),
            ("NATEL", Some(Types::CELL)),
            ("Téléphone", None),
            ("Chez Marie", None),
            ("", None),
        ] {
            assert_eq!(Types::of_label(label), expected, "{label}");
        }
        for (label, expected) in [
            ("Portable de Paul", Types::CELL),
            ("Portable-Lucie", Types::CELL),
            ("Fax compta", Types::FAX),
            ("Maison Marie", Types::HOME),
            ("Chez Marie", Types::NONE),
            ("Standard Roux", Types::NONE),
        ] {
            assert_eq!(Types::of_own_label(label), expected, "{label}");
        }
    }

    #[test]
    fn columns_are_read_by_their_words() {
        let read = |name| column(name).map(|(types, number)| (types[0].word().to_owned(), number));
        for (name, expected) in [
            ("Tél. portable", Some(("professional_cell_phone", 1))),
            ("Portable perso", Some(("personal_cell_phone", 1))),
            ("Fax bureau", Some(("professional_fax", 1))),
            ("Fax domicile", Some(("personal_fax", 1))),
            ("E-mail perso 2", Some(("personal_email", 2))),
            ("Mail pro", Some(("professional_email", 1))),
            ("Ligne directe", Some(("professional_phone", 1))),
            ("N° de téléphone (domicile)", Some(("personal_phone", 1))),
            ("Téléphone principal", Some(("main_professional_phone", 1))),
            ("Mobile number", Some(("professional_cell_phone", 1))),
            ("GSM", Some(("professional_cell_phone", 1))),
            ("Bureau", None),
            ("Standard", None),
            ("Adresse", None),
            ("Numéro", None),
            ("Mail envoyé", None),
            ("Phone model", None),
            ("", None),
        ] {
            assert_eq!(read(name), expected.map(|(word, number)| (word.to_owned(), number)), "{name}");
        }
    }
}
