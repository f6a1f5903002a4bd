//! What a file is, by what stands in it; never by its name.

/// A family of formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// vCard of any version.
    Vcard,
    /// A table of any dialect, delimiter and encoding.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// How far into a file is looked.
pub const HEAD: usize = 64 * 1024;

/// One character of so many may be a control character in a text.
const ODD_SHARE: usize = 50;

/// Recognises a file; none if it is empty or plainly something else. Whether a table's columns are known is for the CSV
/// reader to say.
pub fn recognise(bytes: &[u8]) -> Option<Format> {
    let head = &bytes[..bytes.len().min(HEAD)];
    let text: String = match encoding_rs::Encoding::for_bom(head) {
        Some((encoding, _)) => encoding.decode(head).0.into_owned(),
        None => head.iter().map(|byte| char::from(*byte)).collect(),
    };
    let first = text.trim_start();
    // Old Macs end lines with CR, and write UTF-16 without a byte order mark.
    let is_begin = |line: &str| line.replace('\0', "").trim().eq_ignore_ascii_case("BEGIN:VCARD");
    if text.split(['\n', '\r']).any(is_begin) {
        return Some(Format::Vcard);
    }
    if first.starts_with('{') {
        return Some(Format::Jsonl);
    }
    // A stray control character in a cell is one cell's trouble.
    let odd = |c: &char| c.is_control() && !matches!(c, '\t' | '\r' | '\n') && !('\u{80}'..'\u{a0}').contains(c);
    let binary = text.chars().filter(odd).count() > text.len() / ODD_SHARE;
    let table = text.lines().any(|line| line.contains([',', ';', '\t', '|']));
    (table && !binary && !first.starts_with(['<', '['])).then_some(Format::Csv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised() {
        let check = |bytes: &[u8], expected: Option<Format>| assert_eq!(recognise(bytes), expected, "{bytes:?}");
        check(b"", None);
        check(b"\xef\xbb\xbf\r\nbegin:vcard\r\nVERSION:3.0", Some(Format::Vcard));
        check(b"BEGIN:VCARD\rVERSION:3.0\rEND:VCARD\r", Some(Format::Vcard));
        let bare: Vec<u8> = "BEGIN:VCARD\rN:Ď".encode_utf16().flat_map(u16::to_be_bytes).collect();
        check(&bare, Some(Format::Vcard));
        check(b"\x00\x01\x02,\x00", None);
        check(b"Pr\xe9nom;Nom\r\nA;B", Some(Format::Csv));
        check(b"first_name,last_name\n", Some(Format::Csv));
        check(b"{\"last_name\":\"x\"}\n", Some(Format::Jsonl));
        check(b"<html>a, b</html>", None);
        check(b"\x7fELF\x02\x01,\x00", None);
        check(b"[\"vcard\",[[\"version\",{},\"text\",\"4.0\"]]]", None);
        check(b"just words", None);
        let utf16: Vec<u8> = "\u{feff}a,b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        check(&utf16, Some(Format::Csv));
    }
}
