//! Which encoding, delimiter, header line and dialect a file has, by its column names.
//!
//! Every line near the top is split at every delimiter in every encoding that the bytes may have; the most known names
//! win. Measured on samples of every dialect, the two sniffers that exist as crates were wrong on most.

use std::{collections::HashSet, ops::Range};

use super::{
    charset::{self, Encoding, Survey},
    error::{CsvError, delimiter_name},
    layout::Layout,
    names::fold,
    profile::{Name, Profile},
    records::{Records, cells},
};

/// What was found out about a file.
pub(super) struct Sniffed<'p> {
    pub text: String,
    pub bom: bool,
    pub found: Found<'p>,
}

/// How a file is to be read.
#[derive(Debug, Clone)]
pub(super) struct Found<'p> {
    pub encoding: Encoding,
    pub delimiter: u8,
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
    /// This one: a person vouches for it.
    Given(&'p Profile),
    /// A built-in one, or one of a person's own; of two that fit equally well, the own one counts.
    Among(&'p [Profile]),
}

impl<'p> From<Option<&'p Profile>> for Candidates<'p> {
    fn from(given: Option<&'p Profile>) -> Self {
        given.map_or(Candidates::Among(&[]), Candidates::Given)
    }
}

/// Finds out how a file is to be read.
pub(super) fn sniff<'p>(bytes: &[u8], candidates: Candidates<'p>) -> Result<Sniffed<'p>, CsvError> {
    let (mark, bytes) = match charset::marked(bytes) {
        Some((encoding, rest)) => (Some(encoding), rest),
        None => (None, bytes),
    };
    let found = find(bytes, bytes.len(), &Survey::of(mark, bytes), candidates)?;
    let text = found.encoding.decode(bytes).ok_or(CsvError::Undecodable(found.encoding))?;
    Ok(Sniffed { text, bom: mark.is_some(), found })
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
    let profiles: Vec<&'p Profile> = match candidates {
        Candidates::Given(profile) => vec![profile],
        Candidates::Among(own) => own.iter().chain(Profile::all()).collect(),
    };
    let names = Names::new(&profiles);
    let encodings = survey.candidates();
    if survey.is_blank() {
        return Err(CsvError::Empty);
    }
    if let Some(line) = survey.mixed_line() {
        return Err(CsvError::MixedEncodings(line));
    }
    let mut best: Option<(Encoding, Header)> = None;
    for encoding in &encodings {
        let head = head(*encoding, start).ok_or(CsvError::Undecodable(*encoding))?;
        if let Some(header) = names.best_header(&head, whole, &DELIMITERS)
            && best.as_ref().is_none_or(|(_, known)| header.score > known.score)
        {
            best = Some((*encoding, header));
        }
    }
    // A single known word may stand in any text; a person who names the profile vouches for it.
    let hits_min = if matches!(candidates, Candidates::Given(_)) { 1 } else { 2 };
    let found = best.filter(|(_, header)| header.score.0 >= hits_min);
    let unknown = || unrecognised((start, whole), &encodings, &profiles, &names);
    let (encoding, header) = found.ok_or_else(unknown)?;
    let profile = dialect(&profiles, &header.folded).filter(|(hits, _)| *hits >= hits_min).ok_or_else(unknown)?.1;
    Ok(Found { encoding, delimiter: header.delimiter, header: header.place, header_line: header.line, profile })
}

/// Every column name of the profiles, folded.
struct Names<'p> {
    plain: HashSet<&'p str>,
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
            plain: all().filter_map(Name::first).collect(),
            numbered: all().filter(|name| name.written(2).is_some() || name.first().is_none()).collect(),
        }
    }

    fn know(&self, folded: &str) -> bool {
        self.plain.contains(folded)
            || (folded.bytes().any(|byte| byte.is_ascii_digit())
                && self.numbered.iter().any(|name| name.number(folded).is_some()))
    }

    /// The likeliest header in the start of a text. `whole`: the text ends with it.
    fn best_header(&self, head: &str, whole: bool, delimiters: &[u8]) -> Option<Header> {
        let forced = forced_delimiter(head);
        let mut best: Option<Header> = None;
        for (index, start) in line_starts(head).take(LINES_MAX).enumerate() {
            if forced.is_some() && index == 0 {
                continue;
            }
            for delimiter in forced.as_slice().iter().chain(delimiters.iter().filter(|_| forced.is_none())) {
                let Some(Ok(record)) = Records::new(head, start, index + 1, *delimiter).next() else { continue };
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

/// The profile with most of its names in the header; of equals the one of which most is there, then the earliest.
fn dialect<'p>(profiles: &[&'p Profile], folded: &[String]) -> Option<(usize, &'p Profile)> {
    let mut best: Option<((usize, usize), &Profile)> = None;
    for profile in profiles {
        let hits = Layout::hits(profile, folded);
        let share = hits * 1000 / profile.columns.len().max(1);
        if best.is_none_or(|(known, _)| (hits, share) > known) {
            best = Some(((hits, share), profile));
        }
    }
    best.map(|((hits, _), profile)| (hits, profile))
}

/// The start of the text, enough to find a header in.
fn head(encoding: Encoding, bytes: &[u8]) -> Option<String> {
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

fn line_starts(text: &str) -> impl Iterator<Item = usize> {
    let newline = if text.contains('\n') { '\n' } else { '\r' };
    std::iter::once(0).chain(text.match_indices(newline).map(|(at, _)| at + 1)).filter(|at| *at < text.len())
}

fn unrecognised(
    (start, whole): (&[u8], bool),
    encodings: &[Encoding],
    profiles: &[&Profile],
    names: &Names<'_>,
) -> CsvError {
    let head = encodings.first().and_then(|encoding| head(*encoding, start)).unwrap_or_default();
    let strange = names.best_header(&head, whole, &STRANGE_DELIMITERS).filter(|header| header.score.0 >= 2);
    let list = |words: Vec<String>| words.join(", ");
    CsvError::Unrecognised {
        lines: line_starts(&head).take(LINES_MAX).count(),
        tried: format!(
            "as {}, separated by {}, for the columns of {}",
            list(encodings.iter().map(|encoding| encoding.name().to_owned()).collect()),
            list(DELIMITERS.iter().map(|delimiter| delimiter_name(char::from(*delimiter))).collect()),
            list(profiles.iter().map(|profile| profile.name().to_owned()).collect()),
        ),
        delimiter: strange.map(|header| char::from(header.delimiter)),
    }
}
