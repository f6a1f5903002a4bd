//! Which encoding, delimiter, header line and dialect a file has, by its column names.
//!
//! Every line near the top is split at every delimiter in every encoding that the bytes may have; the most known names
//! win. Measured on samples of every dialect, the two sniffers that exist as crates were wrong on most.

use std::{collections::HashSet, ops::Range};

use super::{
    charset::{Encoding, Survey},
    error::{CsvError, delimiter_name},
    foreign_words::is_foreign,
    layout::Layout,
    names::{bare, fold},
    profile::{Name, Profile},
    records::{Records, cells},
};
use crate::{contact::Field, formats::labels};

/// How a file is to be read.
#[derive(Debug, Clone)]
pub(super) struct Found<'p> {
    pub encoding: Encoding,
    pub delimiter: u8,
    /// Whether lines end with `\n`, or with a lone `\r`.
    pub is_newline: bool,
    /// The header record's place in the text, its line end not included.
    pub header: Range<usize>,
    /// The header's physical line, from 1.
    pub header_line: usize,
    pub profile: &'p Profile,
}

const LINES_MAX: usize = 12;
/// So many bytes are looked at for the header.
pub(super) const HEAD_MAX: usize = 64 * 1024;
/// A line with more cells is no header: pairing names takes time that grows with the square.
const COLUMNS_MAX: usize = 4000;
const DELIMITERS: [u8; 4] = *b";,\t|";
/// Read by no one, but worth a hint.
const STRANGE_DELIMITERS: [u8; 5] = *b":^~# ";

/// The profiles that a file may have.
#[derive(Debug, Clone, Copy)]
pub enum Candidates<'p> {
    /// This one: a user vouches for it.
    Given(&'p Profile),
    /// A built-in one, or one of a user's own; of two that fit equally well, the own one counts.
    Among(&'p [Profile]),
}

impl<'p> From<Option<&'p Profile>> for Candidates<'p> {
    fn from(given: Option<&'p Profile>) -> Self {
        given.map_or(Candidates::Among(&[]), Candidates::Given)
    }
}

/// Finds out how a file is to be read from its start, at least [`HEAD_MAX`] bytes of it, the byte order mark left out, and
/// from a survey of all of it.
pub(super) fn find<'p>(
    start: &[u8],
    length: usize,
    survey: &Survey,
    candidates: Candidates<'p>,
) -> Result<Found<'p>, CsvError> {
    let whole = length <= HEAD_MAX;
    let (own, profiles): (usize, Vec<&'p Profile>) = match candidates {
        Candidates::Given(profile) => (1, vec![profile]),
        Candidates::Among(own) => (own.len(), own.iter().chain(Profile::all()).collect()),
    };
    let (names, is_newline) = (Names::new(&profiles), survey.ends_with_newline());
    let encodings = survey.candidates();
    if survey.is_blank() {
        return Err(CsvError::Empty);
    }
    if let Some(line) = survey.mixed_line() {
        return Err(CsvError::MixedEncodings(line));
    }
    if survey.is_foreign() {
        return Err(CsvError::ForeignEncoding);
    }
    let mut best: Option<(Encoding, Header)> = None;
    for encoding in &encodings {
        let head = head(*encoding, start).ok_or(CsvError::Undecodable(*encoding))?;
        if let Some(header) = names.best_header(&head, (whole, is_newline), &DELIMITERS)
            && best.as_ref().is_none_or(|(_, known)| header.score > known.score)
        {
            best = Some((*encoding, header));
        }
    }
    // A single known word may stand in any text, and a table of which a program left one column is another one. A profile
    // that a user names, or has made, need not be that of an address book in every other way.
    let is_own = |profile: &Profile| profiles[..own].iter().any(|known| std::ptr::eq(*known, profile));
    let fits = |profile: &Profile, header: &Header| {
        let is_known = Layout::hits(profile, &header.folded) >= 2;
        let is_of_people = match candidates {
            Candidates::Given(_) => tells_who(&layout_of(profile, &header.folded)),
            Candidates::Among(_) => is_own(profile) || is_address_book(profile, &header.folded),
        };
        is_known && is_of_people
    };
    let found = best.and_then(|(encoding, header)| {
        let profile = dialect(&profiles, own, &header.folded).filter(|profile| fits(profile, &header))?;
        Some((encoding, header, profile))
    });
    if let Some((_, header, profile)) = found.as_ref().filter(|(.., profile)| !is_own(profile)) {
        let layout = layout_of(profile, &header.folded);
        let unread = header.folded.iter().zip(&layout.read_as).filter(|(_, read_as)| read_as.is_none());
        let foreign: Vec<&str> = unread.map(|(name, _)| name.as_str()).filter(|name| is_foreign(name)).collect();
        if !foreign.is_empty() {
            return Err(CsvError::ForeignWords(foreign.join(", ")));
        }
    }
    let (encoding, Header { place, line, delimiter, .. }, profile) =
        found.ok_or_else(|| unrecognised((start, whole, is_newline), &encodings, &profiles, &names))?;
    Ok(Found { encoding, delimiter, is_newline, header: place, header_line: line, profile })
}

/// Known words stand in many a table: Outlook's in German has "Suffix", "ISDN" and "Pager". Two columns must hold
/// something, and where none of them is a name, most columns must be known. Words of no program in particular must be
/// those of people, since things have names, too; and unless both names are there, half of the columns must be known,
/// since "Name" and "Fax" are words of many languages.
fn is_address_book(profile: &Profile, folded: &[String]) -> bool {
    let layout = layout_of(profile, folded);
    let read = layout.read_as.iter().flatten().count();
    let named = folded.iter().filter(|name| !name.is_empty()).count();
    let [first, last] = [Field::FirstName, Field::LastName].map(|field| layout.has(field));
    let has_names = tells_who(&layout);
    let is_about_people = (first && last) || (!layout.items.is_empty() && 2 * read >= named);
    read >= 2 && (has_names || 2 * read > named) && (is_about_people || !profile.any_table)
}

fn layout_of(profile: &Profile, folded: &[String]) -> Layout {
    Layout::new(profile, folded.to_vec(), &|_| false)
}

/// True where some column says who a row is.
fn tells_who(layout: &Layout) -> bool {
    let named = [Field::FirstName, Field::LastName, Field::Company].iter().any(|field| layout.has(*field));
    named || layout.uid.is_some() || layout.display_name.is_some()
}

/// Every column name of the profiles, folded.
struct Names<'p> {
    plain: HashSet<&'p str>,
    reads_words: bool,
    numbered: Vec<&'p Name>,
}

/// A line that may be the header.
struct Header {
    /// Known names, then cells less the line's number: the better, the larger.
    score: (usize, isize),
    place: Range<usize>,
    line: usize,
    delimiter: u8,
    folded: Vec<String>,
}

impl<'p> Names<'p> {
    fn new(profiles: &[&'p Profile]) -> Names<'p> {
        let all = || profiles.iter().flat_map(|profile| &profile.columns).flat_map(|column| &column.names);
        Names {
            reads_words: profiles.iter().any(|profile| profile.label_words),
            plain: all().filter_map(Name::first).collect(),
            numbered: all().filter(|name| name.written(2).is_some() || name.first().is_none()).collect(),
        }
    }

    fn know(&self, folded: &str) -> bool {
        let is_bare_known = || bare(folded).is_some_and(|bare| self.plain.contains(bare.as_str()));
        self.plain.contains(folded)
            || is_bare_known()
            || (self.reads_words && labels::column(folded).is_some())
            || (folded.bytes().any(|byte| byte.is_ascii_digit())
                && self.numbered.iter().any(|name| name.number(folded).is_some()))
    }

    /// The likeliest header in the start of a text. `whole`: the text ends with it.
    fn best_header(&self, head: &str, (whole, is_newline): (bool, bool), delimiters: &[u8]) -> Option<Header> {
        let forced = forced_delimiter(head);
        let mut best: Option<Header> = None;
        for (index, start) in line_starts(head, is_newline).take(LINES_MAX).enumerate() {
            if forced.is_some() && index == 0 {
                continue;
            }
            for delimiter in forced.as_slice().iter().chain(delimiters.iter().filter(|_| forced.is_none())) {
                let Some(Ok(record)) = Records::new(head, start, index + 1, (*delimiter, is_newline)).next() else {
                    continue;
                };
                let header = cells(&head[record.content.clone()], *delimiter);
                let cut = !whole && record.end.is_empty();
                if cut || header.len() > COLUMNS_MAX {
                    continue;
                }
                let folded: Vec<String> = header.iter().map(|cell| fold(&cell.text)).collect();
                let hits = folded.iter().filter(|name| self.know(name)).count();
                let cells_less_line = isize::try_from(folded.len()).unwrap_or(isize::MAX) - index as isize;
                let score = (hits, cells_less_line);
                if best.as_ref().is_none_or(|known| score > known.score) {
                    let (place, line) = (record.content, record.line);
                    best = Some(Header { score, place, line, delimiter: *delimiter, folded });
                }
            }
        }
        best
    }
}

/// The profile with most of its names in the header; of equals one of the `own` first ones, then a program's own before
/// one for any table, then the one of which most is there, then the earliest.
fn dialect<'p>(profiles: &[&'p Profile], own: usize, folded: &[String]) -> Option<&'p Profile> {
    let rank = |(at, profile): (usize, &Profile)| {
        let hits = Layout::hits(profile, folded);
        (hits, at < own, !profile.any_table, hits * 1000 / profile.columns.len().max(1))
    };
    let ranked = profiles.iter().enumerate().map(|(at, profile)| (rank((at, *profile)), *profile));
    // The last of equals is the one that `max_by_key` answers.
    ranked.rev().max_by_key(|(rank, _)| *rank).map(|(_, profile)| profile)
}

/// The start of the text, enough to find a header in.
pub(super) fn head(encoding: Encoding, bytes: &[u8]) -> Option<String> {
    let cut = bytes.len().min(HEAD_MAX);
    match encoding {
        // The mark promised it, and a cut may fall into a character.
        Encoding::Utf8 => Some(String::from_utf8_lossy(&bytes[..cut]).into_owned()),
        Encoding::Utf16Le | Encoding::Utf16Be => {
            encoding.decode(&bytes[..cut]).or_else(|| encoding.decode(&bytes[..cut.saturating_sub(2)]))
        }
        Encoding::Windows1252 | Encoding::Macintosh | Encoding::Iso8859_15 => encoding.decode(&bytes[..cut]),
    }
}

/// The delimiter of a first line `sep=;`, as Excel writes and reads it.
fn forced_delimiter(text: &str) -> Option<u8> {
    let line = text.lines().next()?.trim_matches('"');
    match line.get(..4).filter(|start| start.eq_ignore_ascii_case("sep=")).map(|_| &line.as_bytes()[4..])? {
        [delimiter] if delimiter.is_ascii() && !matches!(delimiter, b'"' | b'\r' | b'\n') => Some(*delimiter),
        _ => None,
    }
}

fn line_starts(text: &str, is_newline: bool) -> impl Iterator<Item = usize> {
    let newline = if is_newline { '\n' } else { '\r' };
    std::iter::once(0).chain(text.match_indices(newline).map(|(at, _)| at + 1)).filter(|at| *at < text.len())
}

fn unrecognised(
    (start, whole, is_newline): (&[u8], bool, bool),
    encodings: &[Encoding],
    profiles: &[&Profile],
    names: &Names<'_>,
) -> CsvError {
    let head = encodings.first().and_then(|encoding| head(*encoding, start)).unwrap_or_default();
    let strange = names.best_header(&head, (whole, is_newline), &STRANGE_DELIMITERS).filter(|header| {
        dialect(profiles, 0, &header.folded).is_some_and(|profile| is_address_book(profile, &header.folded))
    });
    let list = |words: Vec<String>| words.join(", ");
    CsvError::Unrecognised {
        lines: line_starts(&head, is_newline).take(LINES_MAX).count(),
        tried: format!(
            "as {}, separated by {}, for the columns of {}",
            list(encodings.iter().map(|encoding| encoding.name().to_owned()).collect()),
            list(DELIMITERS.iter().map(|delimiter| delimiter_name(char::from(*delimiter))).collect()),
            list(profiles.iter().map(|profile| profile.name().to_owned()).collect()),
        ),
        delimiter: strange.map(|header| char::from(header.delimiter)),
    }
}
