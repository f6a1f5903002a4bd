//! Files that people hand over and that are no address book as they are: what each is, by its first bytes.

/// A kind of file that holds no contacts which could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// Nothing, or white space.
    Empty,
    /// A workbook of Excel 2007 and later (ECMA-376).
    Excel,
    /// A workbook of Excel 97, or another file of that time (MS-CFB).
    OldExcel,
    /// A sheet of LibreOffice (ODF 1.3).
    OpenDocument,
    /// Another zip archive.
    Zip,
    /// Compressed by gzip (RFC 1952).
    Gzip,
    /// A PDF.
    Pdf,
    /// A web page, or another XML file.
    Markup,
    /// One JSON array instead of an object a line.
    JsonArray,
    /// A database of SQLite.
    Sqlite,
}

impl Foreign {
    /// True for a kind that a table may look like whose first column is called oddly.
    pub fn is_text(self) -> bool {
        match self {
            Foreign::Markup | Foreign::JsonArray => true,
            Foreign::Empty
            | Foreign::Excel
            | Foreign::OldExcel
            | Foreign::OpenDocument
            | Foreign::Zip
            | Foreign::Gzip
            | Foreign::Pdf
            | Foreign::Sqlite => false,
        }
    }
}

/// Recognises such a file by its beginning.
pub fn foreign(head: &[u8]) -> Option<Foreign> {
    let begins = |magic: &[u8]| head.starts_with(magic);
    let has = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    if begins(b"PK\x03\x04") {
        // Zip members' names stand before their contents; ODF has its type in an uncompressed first member.
        return Some(match () {
            () if has(b"mimetypeapplication/vnd.oasis.opendocument") => Foreign::OpenDocument,
            () if has(b"[Content_Types].xml") || has(b"xl/") => Foreign::Excel,
            () => Foreign::Zip,
        });
    }
    for (magic, kind) in [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), Foreign::OldExcel),
        (b"\x1f\x8b", Foreign::Gzip),
        (b"%PDF-", Foreign::Pdf),
        (b"SQLite format 3\0", Foreign::Sqlite),
    ] {
        if begins(magic) {
            return Some(kind);
        }
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    match text.first() {
        None => Some(Foreign::Empty),
        Some(b'<') => Some(Foreign::Markup),
        Some(b'[') => Some(Foreign::JsonArray),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_address_book_are_named() {
        let check = |head: &[u8], expected: Option<Foreign>| assert_eq!(foreign(head), expected, "{head:?}");
        check(b"", Some(Foreign::Empty));
        check(b"\xef\xbb\xbf \r\n", Some(Foreign::Empty));
        check(b"PK\x03\x04\x14\x00\x06\x00\x08\x00[Content_Types].xml \xa2", Some(Foreign::Excel));
        check(b"PK\x03\x04\x14\x00xl/worksheets/sheet1.xml", Some(Foreign::Excel));
        check(
            b"PK\x03\x04\x14\x00mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK",
            Some(Foreign::OpenDocument),
        );
        check(b"PK\x03\x04\x14\x00contacts.vcf", Some(Foreign::Zip));
        check(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", Some(Foreign::OldExcel));
        check(b"\x1f\x8b\x08\x00", Some(Foreign::Gzip));
        check(b"%PDF-1.7\n", Some(Foreign::Pdf));
        check(b"SQLite format 3\0\x10", Some(Foreign::Sqlite));
        check(b"<!DOCTYPE html><html>", Some(Foreign::Markup));
        check(b"\n[{\"last_name\":\"Durand\"}]", Some(Foreign::JsonArray));
        check(b"BEGIN:VCARD\r\n", None);
        check(b"Nom;Pr\xe9nom\r\n", None);
        check(b"{\"last_name\":\"Durand\"}\n", None);
        check(b"\xff\xfeN\x00", None);
    }
}
