//! The reference's code lists. A code that the reference does not list is kept as it came, in `Unlisted`.
//!
//! Two headings of the reference are swapped (wire-facts): 20-22 belong to addresses, 23-554 to items.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal, $word:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A code the reference does not list, verbatim.
            Unlisted(String),
        }

        impl $name {
            /// Every listed value, in the reference's order.
            pub const LISTED: &'static [$name] = &[$($name::$variant),+];

            /// Reads the wire's code; surrounding white space is ignored.
            pub fn from_code(code: &str) -> Self {
                match code.trim() {
                    $($code => Self::$variant,)+
                    other => Self::Unlisted(other.to_owned()),
                }
            }

            /// The wire's code.
            pub fn code(&self) -> &str {
                match self {
                    $(Self::$variant => $code,)+
                    Self::Unlisted(code) => code,
                }
            }

            /// The name used in CSV headers, JSON words and on screens; an unlisted value's code.
            pub fn word(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Unlisted(code) => code,
                }
            }

            /// Reads a word of [`Self::word`] or, failing that, a code.
            pub fn from_word(word: &str) -> Self {
                match word.trim() {
                    $($word => Self::$variant,)+
                    other => Self::from_code(other),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.code())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let code = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Ok(Self::from_code(&code))
            }
        }
    };
}

codes! {
    /// `civility_label_id`.
    Civility {
        /// Mr.
        Mr = "17", "mr";
        /// Madam.
        Madam = "18", "madam";
        /// Miss.
        Miss = "19", "miss";
    }
}

codes! {
    /// `contact_type` ("client/firm type" in the reference).
    ContactType {
        /// A client.
        Client = "client", "client";
        /// A prospect.
        Prospect = "prospect", "prospect";
        /// A supplier.
        Supplier = "supplier", "supplier";
        /// A journalist.
        Press = "press", "press";
        /// A partner.
        Partner = "partner", "partner";
        /// A staff member or potential member.
        Staff = "staff", "staff";
        /// A personal contact.
        Personal = "perso", "perso";
        /// None of the above.
        Other = "other", "other";
    }
}

codes! {
    /// `address_type`.
    AddressType {
        /// A personal address.
        Personal = "20", "personal";
        /// A professional address.
        Professional = "21", "professional";
        /// None of the above.
        Other = "22", "other";
    }
}

codes! {
    /// `type_id` of an item.
    ItemType {
        /// A personal phone.
        PersonalPhone = "23", "personal_phone";
        /// A personal fax.
        PersonalFax = "25", "personal_fax";
        /// A personal e-mail.
        PersonalEmail = "28", "personal_email";
        /// A personal cell phone.
        PersonalCellPhone = "554", "personal_cell_phone";
        /// The main professional phone.
        MainProfessionalPhone = "471", "main_professional_phone";
        /// A professional phone.
        ProfessionalPhone = "24", "professional_phone";
        /// A professional fax.
        ProfessionalFax = "26", "professional_fax";
        /// A professional e-mail.
        ProfessionalEmail = "27", "professional_email";
        /// A professional cell phone.
        ProfessionalCellPhone = "88", "professional_cell_phone";
        /// A Skype account.
        Skype = "430", "skype";
        /// A Yahoo messenger id.
        Yahoo = "431", "yahoo";
        /// An MSN messenger id.
        Msn = "432", "msn";
        /// An AIM messenger id.
        Aim = "433", "aim";
        /// An ICQ messenger id.
        Icq = "457", "icq";
    }
}

/// What sort of value an item holds: decides how two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemKind {
    /// A telephone, fixed or mobile.
    Phone,
    /// A fax.
    Fax,
    /// An e-mail address.
    Email,
    /// A messaging account, or an unlisted code.
    Account,
}

impl ItemType {
    /// The kind of value this type holds.
    pub fn kind(&self) -> ItemKind {
        match self {
            Self::PersonalPhone
            | Self::PersonalCellPhone
            | Self::MainProfessionalPhone
            | Self::ProfessionalPhone
            | Self::ProfessionalCellPhone => ItemKind::Phone,
            Self::PersonalFax | Self::ProfessionalFax => ItemKind::Fax,
            Self::PersonalEmail | Self::ProfessionalEmail => ItemKind::Email,
            Self::Skype | Self::Yahoo | Self::Msn | Self::Aim | Self::Icq | Self::Unlisted(_) => ItemKind::Account,
        }
    }
}

/// True for what may stand where the CRM keeps a number: digits alone, or nothing. A server makes 12 of "12 rue", and 0 of
/// a name, without a word.
pub fn is_number(text: &str) -> bool {
    text.len() <= NUMBER_LEN_MAX && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// More digits are no number that a column holds (64 bits).
const NUMBER_LEN_MAX: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_round_trip() {
        for code in ["17", "18", "19", "99", ""] {
            assert_eq!(Civility::from_code(code).code(), code);
        }
        for item in ItemType::LISTED {
            assert_eq!(&ItemType::from_code(item.code()), item);
            assert_eq!(&ItemType::from_word(item.word()), item);
        }
        assert_eq!(ItemType::from_word("554"), ItemType::PersonalCellPhone);
        assert_eq!(ContactType::from_code("vip"), ContactType::Unlisted("vip".into()));
    }
}
