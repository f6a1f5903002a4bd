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

/// The encodings that bytes without a byte order mark may have, the likeliest first.
pub(super) fn candidates(bytes: &[u8]) -> Vec<Encoding> {
    if std::str::from_utf8(bytes).is_ok() {
        return vec![Encoding::Utf8];
    }
    let count = |wanted: &[u8]| bytes.iter().filter(|byte| wanted.contains(byte)).count();
    // à ç é è ê, in MacRoman and in the Latin family: in the other's table these bytes are rare signs or capitals.
    let mac = count(&[0x88, 0x8D, 0x8E, 0x8F, 0x90]);
    let latin = count(&[0xE0, 0xE7, 0xE8, 0xE9, 0xEA]);
    if mac > latin {
        vec![Encoding::Macintosh, Encoding::Windows1252, Encoding::Iso8859_15]
    } else if looks_latin_9(bytes) {
        vec![Encoding::Iso8859_15, Encoding::Windows1252, Encoding::Macintosh]
    } else {
        vec![Encoding::Windows1252, Encoding::Macintosh, Encoding::Iso8859_15]
    }
}

/// The line of the first byte that is no UTF-8, where most of the bytes beyond ASCII are.
///
/// A text in a one-byte encoding is hardly ever UTF-8 by accident, so such a file was put together from two.
pub(super) fn mixed_line(bytes: &[u8]) -> Option<usize> {
    let (mut valid, mut invalid, mut line, mut first) = (0usize, 0usize, 1usize, None);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        line += chunk.valid().matches('\n').count();
        if !chunk.invalid().is_empty() {
            invalid += 1;
            first.get_or_insert(line);
        }
    }
    first.filter(|_| valid > invalid)
}

/// True when the bytes that set Latin-9 apart stand where only its letters make sense: "c\xBDur" is no fraction.
fn looks_latin_9(bytes: &[u8]) -> bool {
    if bytes.iter().any(|byte| (0x80..=0x9F).contains(byte)) {
        return false;
    }
    let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
    bytes.iter().enumerate().any(|(at, byte)| match byte {
        0xA4 => true,
        0xA6 | 0xA8 | 0xB4 | 0xB8 | 0xBC | 0xBD | 0xBE => letter(at.checked_sub(1)) || letter(Some(at + 1)),
        _ => false,
    })
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
            assert_eq!(mixed_line(bytes), line);
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
            let bytes = encoding.encode("Hélène, cœur, à gauche").unwrap();
            assert_eq!(candidates(&bytes)[0], encoding);
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
