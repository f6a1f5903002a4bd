//! Bytes to text and back, without loss: decoding and encoding again gives the same bytes in every encoding here.
//!
//! Bytes that are no UTF-8 are tried as windows-1252, macintosh and iso-8859-15, in the order that the bytes themselves
//! make likely; the header line then decides. chardetng is not used: it takes MacRoman for windows-1252.

use encoding_rs::{ISO_8859_15, MACINTOSH, WINDOWS_1252};

/// An encoding that a table may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// Western Windows.
    Windows1252,
    /// Western Mac OS before X, still written by old Office versions for the Mac.
    Macintosh,
    /// Latin-9: Latin-1 with the euro sign and the French oe.
    Iso8859_15,
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Encoding; 6] =
        [Self::Utf8, Self::Utf16Le, Self::Utf16Be, Self::Windows1252, Self::Macintosh, Self::Iso8859_15];

    /// The name used in profiles and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Windows1252 => "windows-1252",
            Self::Macintosh => "macintosh",
            Self::Iso8859_15 => "iso-8859-15",
        }
    }

    /// The encoding of this name, as [`Encoding::name`] writes it.
    pub fn from_name(name: &str) -> Option<Encoding> {
        Self::ALL.into_iter().find(|encoding| encoding.name() == name)
    }

    /// The text of these bytes, byte order mark already cut; `None` where they are not valid.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Self::Utf16Le => decode_utf16(bytes, u16::from_le_bytes),
            Self::Utf16Be => decode_utf16(bytes, u16::from_be_bytes),
            Self::Windows1252 => Some(WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()),
            Self::Macintosh => Some(MACINTOSH.decode_without_bom_handling(bytes).0.into_owned()),
            Self::Iso8859_15 => Some(ISO_8859_15.decode_without_bom_handling(bytes).0.into_owned()),
        }
    }

    /// What decodes a file of this encoding portion by portion, byte order mark already cut.
    pub(super) fn decoder(self) -> encoding_rs::Decoder {
        let table = match self {
            Self::Utf8 => encoding_rs::UTF_8,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Windows1252 => WINDOWS_1252,
            Self::Macintosh => MACINTOSH,
            Self::Iso8859_15 => ISO_8859_15,
        };
        table.new_decoder_without_bom_handling()
    }

    /// The bytes of this text, without a byte order mark; `None` where a character does not exist in the encoding.
    pub(super) fn encode(self, text: &str) -> Option<Vec<u8>> {
        let table = match self {
            Self::Utf8 => return Some(text.as_bytes().to_vec()),
            Self::Utf16Le => return Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Self::Utf16Be => return Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Self::Windows1252 => WINDOWS_1252,
            Self::Macintosh => MACINTOSH,
            Self::Iso8859_15 => ISO_8859_15,
        };
        let (bytes, _, unmappable) = table.encode(text);
        (!unmappable).then(|| bytes.into_owned())
    }

    /// The byte order mark of the encoding; empty for those that have none.
    pub(super) fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf8 => b"\xEF\xBB\xBF",
            Self::Utf16Le => b"\xFF\xFE",
            Self::Utf16Be => b"\xFE\xFF",
            Self::Windows1252 | Self::Macintosh | Self::Iso8859_15 => b"",
        }
    }
}

/// Splits off the byte order mark, if there is one.
pub(super) fn marked(bytes: &[u8]) -> Option<(Encoding, &[u8])> {
    [Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be]
        .into_iter()
        .find_map(|encoding| bytes.strip_prefix(encoding.mark()).map(|rest| (encoding, rest)))
}

/// So many bytes beyond ASCII in a row are in no word of a Latin alphabet.
const ROW_MIN: usize = 4;

/// What the bytes of a file tell of its encoding, taken in portion by portion, the byte order mark left out.
pub(super) struct Survey {
    /// What the byte order mark promised.
    mark: Option<Encoding>,
    is_blank: bool,
    line_ends: LineEnds,
    /// Characters beyond ASCII, and sequences that are no UTF-8.
    valid: usize,
    invalid: usize,
    line: usize,
    invalid_line: Option<usize>,
    /// The start of a character that goes on in the next portion; the first byte of a unit of UTF-16.
    rest: Vec<u8>,
    /// Letters with accents, in MacRoman and in the Latin family.
    mac: usize,
    latin: usize,
    has_controls: bool,
    has_latin_9: bool,
    /// The byte before, and whether it is one that sets Latin-9 apart.
    before: u8,
    is_open: bool,
    /// Whether it is a letter of MacRoman after a letter, and a sign in windows-1252.
    is_inside: bool,
    /// Bytes beyond ASCII, those of them in long rows, and the length of the row that the last byte is in.
    high: usize,
    high_in_rows: usize,
    row: usize,
    /// Which bytes beyond ASCII there are, a bit for each.
    high_sorts: u128,
}

/// What ends the lines of a file: what stands outside quotation marks, where a break inside a cell may be another.
#[derive(Default)]
struct LineEnds {
    is_quoted: bool,
    has_newline: bool,
    is_newline: bool,
    is_return: bool,
}

impl LineEnds {
    /// Takes in the next units; nothing more is looked for once a `\n` was seen outside quotation marks.
    fn feed(&mut self, units: impl Iterator<Item = u16>) {
        for unit in units {
            match u8::try_from(unit) {
                Ok(b'"') => self.is_quoted = !self.is_quoted,
                Ok(b'\n') if !self.is_quoted => self.is_newline = true,
                Ok(b'\n') => self.has_newline = true,
                Ok(b'\r') if !self.is_quoted => self.is_return = true,
                _ => {}
            }
            if self.is_newline {
                return;
            }
        }
    }

    fn is_newline(&self) -> bool {
        self.is_newline || (self.has_newline && !self.is_return)
    }
}

impl Survey {
    /// Of a file that begins with this byte order mark.
    pub fn new(mark: Option<Encoding>) -> Survey {
        Survey {
            mark,
            is_blank: true,
            line_ends: LineEnds::default(),
            valid: 0,
            invalid: 0,
            line: 1,
            invalid_line: None,
            rest: Vec::new(),
            mac: 0,
            latin: 0,
            has_controls: false,
            has_latin_9: false,
            before: 0,
            is_open: false,
            is_inside: false,
            high: 0,
            high_in_rows: 0,
            row: 0,
            high_sorts: 0,
        }
    }

    /// Of all the bytes of a file.
    #[cfg(test)]
    pub fn of(mark: Option<Encoding>, bytes: &[u8]) -> Survey {
        let mut survey = Survey::new(mark);
        survey.feed(bytes);
        survey.end();
        survey
    }

    /// Takes in the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.is_blank &= bytes.iter().all(u8::is_ascii_whitespace);
        match self.mark {
            Some(Encoding::Utf16Le) => self.feed_units(bytes, u16::from_le_bytes),
            Some(Encoding::Utf16Be) => self.feed_units(bytes, u16::from_be_bytes),
            _ => {
                if !self.line_ends.is_newline {
                    self.line_ends.feed(bytes.iter().map(|byte| u16::from(*byte)));
                }
                self.feed_utf_8(bytes);
                if !bytes.is_ascii() || self.is_open || self.is_inside {
                    self.feed_accents(bytes);
                } else if let Some(last) = bytes.last() {
                    (self.before, self.row) = (*last, 0);
                }
            }
        }
    }

    /// There are no more bytes.
    pub fn end(&mut self) {
        if !std::mem::take(&mut self.rest).is_empty() {
            self.note_invalid();
        }
    }

    /// True when there is nothing but white space.
    pub fn is_blank(&self) -> bool {
        self.is_blank
    }

    /// True when lines end with `\n`, with or without a `\r` before it; false for a `\r` alone.
    pub fn ends_with_newline(&self) -> bool {
        self.line_ends.is_newline()
    }

    /// True when no encoding known here makes sense of the bytes: letters beyond ASCII stand among others in the Latin
    /// alphabets, whole words of nothing else are Cyrillic, Greek, Japanese.
    pub fn is_foreign(&self) -> bool {
        self.mark.is_none()
            && self.invalid > 0
            && 2 * self.high_in_rows > self.high
            && self.high_sorts.count_ones() >= 4
    }

    /// The encodings that the file may have, the likeliest first.
    pub fn candidates(&self) -> Vec<Encoding> {
        if let Some(mark) = self.mark {
            return vec![mark];
        }
        if self.invalid == 0 {
            return vec![Encoding::Utf8];
        }
        if self.mac > self.latin {
            vec![Encoding::Macintosh, Encoding::Windows1252, Encoding::Iso8859_15]
        } else if self.has_latin_9 && !self.has_controls {
            vec![Encoding::Iso8859_15, Encoding::Windows1252, Encoding::Macintosh]
        } else {
            vec![Encoding::Windows1252, Encoding::Macintosh, Encoding::Iso8859_15]
        }
    }

    /// The line of the first byte that is no UTF-8, where most of the bytes beyond ASCII are.
    ///
    /// A text in a one-byte encoding is hardly ever UTF-8 by accident, so such a file was put together from two.
    pub fn mixed_line(&self) -> Option<usize> {
        self.invalid_line.filter(|_| self.mark.is_none() && self.valid > self.invalid)
    }

    fn feed_units(&mut self, bytes: &[u8], unit: fn([u8; 2]) -> u16) {
        for byte in bytes {
            match self.rest.pop() {
                Some(first) => self.line_ends.feed([unit([first, *byte])].into_iter()),
                None => self.rest.push(*byte),
            }
        }
    }

    fn feed_utf_8(&mut self, bytes: &[u8]) {
        let joined: Vec<u8>;
        let bytes = if self.rest.is_empty() {
            bytes
        } else {
            joined = [&std::mem::take(&mut self.rest), bytes].concat();
            &joined
        };
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
            self.line += chunk.valid().matches('\n').count();
            if chunk.invalid().is_empty() {
                continue;
            }
            let goes_on = std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
            if goes_on && chunks.peek().is_none() {
                self.rest = chunk.invalid().to_vec();
            } else {
                self.note_invalid();
            }
        }
    }

    fn note_invalid(&mut self) {
        self.invalid += 1;
        self.invalid_line.get_or_insert(self.line);
    }

    /// The bytes that set Latin-9 apart count where only its letters make sense: "c\xBDur" is no fraction.
    fn feed_accents(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // à ç é è ê, and É: in the other's table these bytes are rare signs or capitals. ë î ï ô ù and others: there they
            // are quotation marks, bullets and the like, which do not stand between letters.
            self.mac += usize::from([0x83, 0x88, 0x8D, 0x8E, 0x8F, 0x90].contains(byte));
            self.mac += usize::from(self.is_inside && byte.is_ascii_alphabetic());
            self.is_inside = self.before.is_ascii_alphabetic()
                && [0x87, 0x89, 0x91, 0x93, 0x94, 0x95, 0x98, 0x99, 0x9B, 0x9D].contains(byte);
            self.latin += usize::from([0xE0, 0xE7, 0xE8, 0xE9, 0xEA].contains(byte));
            self.has_controls |= (0x80..=0x9F).contains(byte);
            let is_sign = [0xA6, 0xA8, 0xB4, 0xB8, 0xBC, 0xBD, 0xBE].contains(byte);
            self.has_latin_9 |= *byte == 0xA4
                || (is_sign && self.before.is_ascii_alphabetic())
                || (self.is_open && byte.is_ascii_alphabetic());
            (self.before, self.is_open) = (*byte, is_sign);
            self.row = if byte.is_ascii() { 0 } else { self.row + 1 };
            self.high += usize::from(!byte.is_ascii());
            self.high_sorts |= if byte.is_ascii() { 0 } else { 1 << (byte & 0x7f) };
            // The fourth tells that the three before it were in a long row, too.
            self.high_in_rows += match self.row {
                0..ROW_MIN => 0,
                ROW_MIN => ROW_MIN,
                _ => 1,
            };
        }
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect::<Result<String, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_in_the_one_byte_encodings() {
        let bytes: Vec<u8> = (0..=255).collect();
        for encoding in [Encoding::Windows1252, Encoding::Macintosh, Encoding::Iso8859_15] {
            let text = encoding.decode(&bytes).unwrap();
            assert_eq!(encoding.encode(&text).unwrap(), bytes, "{}", encoding.name());
        }
    }

    #[test]
    fn two_encodings_in_one_file_are_told_apart_from_one() {
        for (bytes, line) in [
            (&b"a\n\xC3\xA9\xC3\xA9\n\xE9\n"[..], Some(3)),
            (b"\xE9t\xE9 \xC3\xA9\n", None),
            (b"\xC3\xA9", None),
            (b"abc", None),
        ] {
            assert_eq!(Survey::of(None, bytes).mixed_line(), line);
        }
    }

    #[test]
    fn a_break_inside_a_cell_does_not_end_lines() {
        for (text, newline) in [
            ("a,b\n", true),
            ("a\r\nb\r\n", true),
            ("a\rb\r", false),
            ("a,b\r1,\"2\n3\"\r", false),
            ("a,b\n1,\"2\r3\"\n", true),
            ("\"a\nb\"", true),
            ("5\" pipe\rx\n", true),
            ("a", false),
        ] {
            assert_eq!(Survey::of(None, text.as_bytes()).ends_with_newline(), newline, "{text:?}");
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert_eq!(Survey::of(Some(Encoding::Utf16Be), &units).ends_with_newline(), newline, "{text:?}");
        }
    }

    #[test]
    fn words_of_other_alphabets_are_told_from_accents() {
        for (encoding, words, foreign) in [
            (encoding_rs::WINDOWS_1251, "Иванов,Пётр", true),
            (encoding_rs::WINDOWS_1253, "Παπαδόπουλος", true),
            (encoding_rs::SHIFT_JIS, "木村,太郎", true),
            (encoding_rs::GBK, "张伟,王芳", true),
            (WINDOWS_1252, "Hélène Créée, œuvre à l’été – « où »", false),
            (MACINTOSH, "Zoë Çelik, Éléonore", false),
            (WINDOWS_1252, "ÉÉÉÉÉ ÈÈÈÈÈ", false),
            (encoding_rs::WINDOWS_1250, "Łukasz Dąbrowski", false),
            (encoding_rs::UTF_8, "木村 太郎 Иванов", false),
        ] {
            let (bytes, ..) = encoding.encode(words);
            assert_eq!(Survey::of(None, &bytes).is_foreign(), foreign, "{words}");
        }
    }

    #[test]
    fn utf_16_is_read_and_written_and_broken_units_are_refused() {
        for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
            let bytes = encoding.encode("Élodie 𝄞").unwrap();
            assert_eq!(encoding.decode(&bytes).as_deref(), Some("Élodie 𝄞"));
            assert_eq!(encoding.decode(&bytes[1..]), None);
            assert_eq!(encoding.decode(&[0xD8, 0xD8]), None);
        }
    }

    #[test]
    fn the_likeliest_encoding_comes_first() {
        for encoding in [Encoding::Utf8, Encoding::Windows1252, Encoding::Macintosh, Encoding::Iso8859_15] {
            for text in ["Hélène, cœur, à gauche", "Loïc, cœur", "Étage 2, cœur", "Noël Côté, cœur"] {
                let bytes = encoding.encode(text).unwrap();
                assert_eq!(Survey::of(None, &bytes).candidates()[0], encoding, "{text}");
            }
        }
        let (bytes, ..) = WINDOWS_1252.encode("l’ami – “Chez Marie” • 5…6 ‰");
        assert_eq!(Survey::of(None, &bytes).candidates()[0], Encoding::Windows1252);
    }

    proptest::proptest! {
        #[test]
        fn portions_tell_what_the_whole_tells(
            parts in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40),
            words in "[a\\n é€œ]{0,12}",
            size in 1..6_usize,
            mark in 0..7_usize,
        ) {
            let bytes = [words.as_bytes(), &parts].concat();
            let mark = Encoding::ALL.get(mark).copied();
            let whole = Survey::of(mark, &bytes);
            let mut portions = Survey::new(mark);
            bytes.chunks(size).for_each(|portion| portions.feed(portion));
            portions.end();
            let told = |survey: &Survey| (survey.candidates(), survey.mixed_line(), survey.ends_with_newline(), survey.is_blank(), survey.is_foreign());
            proptest::prop_assert_eq!(told(&portions), told(&whole));
            if mark.is_none() {
                proptest::prop_assert_eq!(whole.invalid == 0, std::str::from_utf8(&bytes).is_ok());
            }
        }
    }

    #[test]
    fn a_character_outside_the_encoding_is_told() {
        assert_eq!(Encoding::Windows1252.encode("Łódź"), None);
    }

    #[test]
    fn marks_are_split_off() {
        assert_eq!(marked(b"\xEF\xBB\xBFa"), Some((Encoding::Utf8, &b"a"[..])));
        assert_eq!(marked(b"\xFF\xFEa\0"), Some((Encoding::Utf16Le, &b"a\0"[..])));
        assert_eq!(marked(b"abc"), None);
        for encoding in Encoding::ALL {
            assert_eq!(Encoding::from_name(encoding.name()), Some(encoding));
        }
    }
}
