//! Column profiles: what the columns of a program's CSV files are called and what they hold. All dialects, the built-in
//! ones and people's own, have one TOML form; `config/csv/carnet.toml` explains it line by line.
//!
//! A dialect is known by its column names, never by its delimiter: a spreadsheet changes that when it saves the file.

use std::sync::LazyLock;

use toml::{Spanned, de::DeTable};

use super::{
    charset::Encoding,
    description::{self, ProfileFault},
    error::CsvError,
    names::fold,
    words::Language,
};
use crate::contact::{AddressType, Field, FieldSet, ItemType};

/// How the CSV files of one program look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) export: bool,
    pub(super) delimiter: u8,
    pub(super) encoding: Encoding,
    pub(super) bom: bool,
    pub(super) quote_always: bool,
    pub(super) line_end: &'static str,
    pub(super) cell_line_end: &'static str,
    pub(super) language: Language,
    pub(super) spreadsheet: bool,
    pub(super) exact: bool,
    pub(super) unlisted_codes: bool,
    /// It describes the words of no program: where another fits as well, that one counts.
    pub(super) any_table: bool,
    /// A column that it does not name may be read by its words: "Tél. portable perso".
    pub(super) label_words: bool,
    pub(super) weak: FieldSet,
    pub(super) categories: Option<String>,
    pub(super) joined: Option<String>,
    pub(super) groups: Vec<Group>,
    pub(super) columns: Vec<Column>,
}

/// A numbered group whose label says what the value is, as Google's `Phone 1 - Label` and `Phone 1 - Value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub name: String,
    pub labels: Labels,
}

/// What the labels of a group say: the entry's type, the label written for it, and all that are read, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Labels {
    Items {
        known: Vec<(ItemType, String, Vec<String>)>,
        /// What an entry with another label is; `None` leaves such entries alone.
        unknown: Option<ItemType>,
    },
    Addresses {
        known: Vec<(AddressType, String, Vec<String>)>,
        unknown: Option<AddressType>,
    },
}

/// A column, or a row of numbered ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// The names it may have, the one that is written first.
    pub names: Vec<Name>,
    /// What it holds; `None` for a column that is written empty because the program expects it.
    pub means: Option<Means>,
    /// Not written, and read only where its name stands in the header as often as the profile has it.
    pub spare: bool,
}

/// A column's name; `{n}` in it stands for a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    written: String,
    /// The name of the first column where it differs from the numbered ones.
    folded_first: Option<String>,
    /// Before and after the number; `None` for a column that there is only one of.
    folded_numbered: Option<(String, String)>,
    numbered: Option<String>,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Means {
    /// The CRM's id.
    Id,
    /// carnet's UID.
    Uid,
    /// The whole name: written when the names change, read only where there is no other name.
    DisplayName,
    /// What somebody is called who has no other name; never written.
    Nickname,
    /// A scalar field.
    Scalar(Field),
    /// An item of the first of these types; the further types may be shown here too, but are read as the first.
    Item(Vec<ItemType>),
    /// A part of an address.
    Address(AddressType, Part),
    /// A part of a labelled entry, by the group's index.
    Group(usize, GroupPart),
}

/// A part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Street,
    Street2,
    /// More lines of the second street line.
    Street3,
    ZipCode,
    City,
    Country,
    /// The whole address as one text: read where there is nothing else, emptied when the address changes.
    Formatted,
}

/// A part of a labelled entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupPart {
    Label,
    Value,
    Address(Part),
}

/// Numbered columns beyond this many are neither read nor added: a file may not ask for a million columns.
pub(super) const NUMBER_MAX: u32 = 99;

static BUILT_IN: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    [
        include_str!("../../../config/csv/carnet.toml"),
        include_str!("../../../config/csv/google.toml"),
        include_str!("../../../config/csv/outlook.toml"),
        include_str!("../../../config/csv/outlook-fr.toml"),
        include_str!("../../../config/csv/outlook-com.toml"),
        include_str!("../../../config/csv/thunderbird.toml"),
        include_str!("../../../config/csv/thunderbird-fr.toml"),
        include_str!("../../../config/csv/linkedin.toml"),
        include_str!("../../../config/csv/excel-fr.toml"),
        include_str!("../../../config/csv/hubspot.toml"),
        include_str!("../../../config/csv/salesforce.toml"),
        include_str!("../../../config/csv/plain.toml"),
    ]
    .into_iter()
    .map(|text| Profile::from_toml(text).expect("the built-in profiles are tested"))
    .collect()
});

impl Profile {
    /// The built-in profiles; where a header fits two equally well, the earlier one counts.
    pub fn all() -> &'static [Profile] {
        &BUILT_IN
    }

    /// The built-in profile of this name.
    pub fn named(name: &str) -> Option<&'static Profile> {
        Self::all().iter().find(|profile| profile.name == name)
    }

    /// carnet's own dialect, which carries the whole contact but for `extra`.
    pub fn carnet() -> &'static Profile {
        &BUILT_IN[0]
    }

    /// Reads a profile from its TOML form.
    ///
    /// # Errors
    /// [`CsvError::Profile`] says what is wrong and where.
    pub fn from_toml(text: &str) -> Result<Profile, CsvError> {
        description::read(text)
    }

    /// Reads a profile from a table of a larger TOML text, named by its key there; spans are those of the text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_table(name: &str, table: Spanned<DeTable<'_>>) -> Result<Profile, ProfileFault> {
        description::read_table(name, table)
    }

    /// The name used in settings and on the command line.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name for a user.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Whether it is offered as an export format; the others are only read.
    pub fn exports(&self) -> bool {
        self.export
    }
}

impl Name {
    /// The number of the column that has this folded name, from 1.
    pub fn number(&self, folded: &str) -> Option<u32> {
        if self.folded_first.as_deref() == Some(folded) {
            return Some(1);
        }
        let (before, after) = self.folded_numbered.as_ref()?;
        let digits = folded.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
        if digits.starts_with('0') || digits.len() > 2 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().filter(|number| *number <= NUMBER_MAX)
    }

    /// The folded name that it has where there is no number in it.
    pub fn first(&self) -> Option<&str> {
        self.folded_first.as_deref()
    }

    /// The name of the column of this number, if there can be one.
    pub fn written(&self, number: u32) -> Option<String> {
        if number == 1 {
            return Some(self.written.clone());
        }
        self.numbered.as_ref().filter(|_| number <= NUMBER_MAX).map(|name| name.replace("{n}", &number.to_string()))
    }

    /// A name as a profile writes it, and the pattern of its further numbers.
    pub fn new(first: &str, more: Option<&str>) -> Name {
        let split = |name: &str| {
            let folded = fold(name);
            folded.split_once("{n}").map(|(before, after)| (before.to_owned(), after.to_owned()))
        };
        match split(first) {
            Some(numbered) => Name {
                written: first.replace("{n}", "1"),
                folded_first: None,
                folded_numbered: Some(numbered),
                numbered: Some(first.to_owned()),
            },
            None => Name {
                written: first.to_owned(),
                folded_first: Some(fold(first)),
                folded_numbered: more.and_then(split),
                numbered: more.map(str::to_owned),
            },
        }
    }
}

/// The word of a scalar field.
pub(super) fn scalar_word(field: Field) -> &'static str {
    if field == Field::Civility { "civility" } else { field.name() }
}

/// The part of an address of this word.
pub(super) fn address_part(word: &str) -> Option<Part> {
    Part::ALL.into_iter().find(|part| part.word() == word)
}

impl Part {
    /// Every part.
    pub const ALL: [Part; 7] =
        [Part::Street, Part::Street2, Part::Street3, Part::ZipCode, Part::City, Part::Country, Part::Formatted];

    /// The word in profiles and column names.
    pub fn word(self) -> &'static str {
        match self {
            Part::Street => "street",
            Part::Street2 => "street2",
            Part::Street3 => "street3",
            Part::ZipCode => "zip_code",
            Part::City => "city",
            Part::Country => "country",
            Part::Formatted => "formatted",
        }
    }
}
