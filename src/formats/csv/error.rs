//! Why a CSV file cannot be used as a whole. What is wrong with one row is in that row's notes instead.

use super::charset::Encoding;

/// A failure, in words that read after "failed to read FILE: ". Never holds a cell's value.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The system's own word.
    #[error("{0}")]
    Unreadable(std::io::Error),
    /// The file holds nothing, or only white space.
    #[error("the file is empty: there is no header line")]
    Empty,
    /// The bytes are not what the byte order mark promises.
    #[error("the text is not valid {}", .0.name())]
    Undecodable(Encoding),
    /// UTF-8 but for a few bytes: read as anything else, every accent would be wrong.
    #[error("the text is UTF-8, but line {0} holds bytes that are not")]
    MixedEncodings(usize),
    /// Letters of no Latin alphabet, in an encoding of their own: read as anything else, every word would be wrong.
    #[error("the text is in an encoding that carnet does not read, an Asian, Cyrillic or Greek one")]
    ForeignEncoding,
    /// No line near the top holds enough known column names.
    #[error("no header line was recognised: looked at the first {lines} lines, {tried}")]
    Unrecognised {
        /// How many lines were looked at.
        lines: usize,
        /// The encodings, delimiters and dialects that were tried.
        tried: String,
        /// A delimiter that carnet does not read but that would have made sense of the file.
        delimiter: Option<char>,
    },
    /// Columns that hold people's data in a language that no dialect has: a part of the row would be left out.
    #[error("the columns {0} are in a language that carnet does not read")]
    ForeignWords(String),
    /// The header uses one delimiter and the rows below it another.
    #[error("the header on line {line} is separated by {}, the rows below it by {}", delimiter_name(*.header), delimiter_name(*.rows))]
    MixedDelimiters {
        /// The header's line, from 1.
        line: usize,
        /// The header's delimiter.
        header: char,
        /// The rows' delimiter.
        rows: char,
    },
    /// A quotation mark opens a cell and none closes it: everything after it would be one cell.
    #[error("the quotation mark that opens a cell of the row on line {0} is never closed")]
    UnclosedQuote(usize),
    /// A column profile cannot be used.
    #[error("the column profile{} cannot be used: {}{message}", spaced(name), at_line(*line))]
    Profile {
        /// Its name, or "" when even that could not be read.
        name: String,
        /// The line of its text, from 1; none where the whole is meant.
        line: Option<usize>,
        /// What is wrong with it.
        message: String,
    },
    /// There is no such row to change: removed, malformed, or beyond the end.
    #[error("row {0} is not there or has too many or too few cells to be changed")]
    NoRow(usize),
    /// Nothing of the contact has a column here: its row would be blank, and look removed when the file is next read.
    #[error("none of the contact's values has a column in this table")]
    BlankRow,
    /// A character of the contact does not exist in the profile's encoding.
    #[error("row {row} holds a character that {} cannot write", .encoding.name())]
    Unencodable {
        /// The row written, from 1, the header not counted.
        row: usize,
        /// The profile's encoding.
        encoding: Encoding,
    },
    /// The output refused the bytes.
    #[error("the output could not be written: {0}")]
    Output(#[from] std::io::Error),
}

impl CsvError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            CsvError::Unreadable(_) => "see the system's log, the disk may be failing".to_owned(),
            Self::Empty | Self::NoRow(_) | Self::Output(_) => return None,
            Self::BlankRow => "add a column for carnet's uid or for the names to the table".to_owned(),
            Self::Undecodable(_) | Self::MixedEncodings(_) | Self::ForeignEncoding => {
                "save the file again as UTF-8".to_owned()
            }
            Self::Unrecognised { delimiter: Some(found), .. } => format!(
                "the columns seem to be separated by {}; save the file with ; , | or a tab",
                delimiter_name(*found)
            ),
            Self::Unrecognised { delimiter: None, .. } => {
                "the first line should name the columns, as the program that wrote the file does; \
                 for columns of your own describe them in a [csv.NAME] table of the settings, or in a file for --format"
                    .to_owned()
            }
            Self::ForeignWords(_) => {
                "rename them (Nom, Téléphone, Ville; or Name, Phone, City), or describe the table in a [csv.NAME] of the settings"
                    .to_owned()
            }
            Self::MixedDelimiters { header, .. } => {
                format!("save the file again with {} everywhere", delimiter_name(*header))
            }
            Self::UnclosedQuote(_) => "close it, or double it if it belongs to the text".to_owned(),
            Self::Profile { .. } => "compare it with the built-in ones in config/csv".to_owned(),
            Self::Unencodable { .. } => "use encoding = \"utf-8\" in the profile".to_owned(),
        })
    }
}

fn spaced(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" {name}") }
}

fn at_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!("line {line}: "))
}

/// A delimiter as a user reads it.
pub(super) fn delimiter_name(delimiter: char) -> String {
    match delimiter {
        '\t' => "a tab".to_owned(),
        ' ' => "a space".to_owned(),
        other => format!("\"{other}\""),
    }
}
