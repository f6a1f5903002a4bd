//! From the body's bytes to text: the byte order mark, then the charset of `Content-Type`, then the XML declaration,
//! then UTF-8. The first of them that decodes without an error is taken: a wrong declaration is common, mangled names
//! are not to be had.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

use super::NotWhole;

/// The text of a body. `content_type` is the header, if it was sent.
pub fn decode<'a>(body: &'a [u8], content_type: Option<&str>) -> Result<Cow<'a, str>, NotWhole> {
    let mark = Encoding::for_bom(body);
    let bare = mark.map_or(body, |(_, length)| body.get(length..).unwrap_or_default());
    let candidates =
        [mark.map(|(encoding, _)| encoding), content_type.and_then(charset), declaration(bare), Some(UTF_8)];
    candidates
        .into_iter()
        .flatten()
        .find_map(|encoding| encoding.decode_without_bom_handling_and_without_replacement(bare))
        .ok_or(NotWhole::Encoding)
}

/// True for a `Content-Type` of HTML.
pub fn says_html(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

fn charset(content_type: &str) -> Option<&'static Encoding> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let label = value.trim().trim_matches(['"', '\'']);
        name.trim().eq_ignore_ascii_case("charset").then(|| Encoding::for_label(label.as_bytes())).flatten()
    })
}

/// The declaration can be read as ASCII here, so that it is wrong where it says UTF-16.
fn declaration(body: &[u8]) -> Option<&'static Encoding> {
    let head = body.get(..body.len().min(200))?;
    let head = head.strip_prefix(b"<?xml")?;
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let declaration = std::str::from_utf8(&head[..end]).ok()?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let label = value[1..].split(quote).next()?;
    Encoding::for_label(label.as_bytes()).filter(|encoding| encoding.is_ascii_compatible())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], content_type: Option<&str>, expected: Option<&str>) {
        let text = decode(body, content_type).ok();
        assert_eq!(text.as_deref(), expected, "{body:?} {content_type:?}");
    }

    #[test]
    fn the_first_encoding_that_fits_is_taken() {
        check("é".as_bytes(), None, Some("é"));
        check("é".as_bytes(), Some("application/xml; charset=utf-8"), Some("é"));
        check(b"\xe9", Some("application/xml; charset=ISO-8859-1"), Some("é"));
        check(b"\xe9", Some("application/xml; Charset=\"windows-1252\""), Some("é"));
        check(b"\xef\xbb\xbfa", Some("text/xml; charset=iso-8859-1"), Some("a"));
        check(b"\xff\xfea\0\xe9\0", None, Some("aé"));
        check(b"\xfe\xff\0a", None, Some("a"));
        check(
            b"<?xml version='1.0' encoding='ISO-8859-15'?>\xa4",
            None,
            Some("<?xml version='1.0' encoding='ISO-8859-15'?>€"),
        );
        // A declared UTF-8 that is not: the declaration in the text is believed next.
        check(
            b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\xe9",
            Some("application/xml; charset=utf-8"),
            Some("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>é"),
        );
        check(
            b"<?xml version=\"1.0\" encoding=\"utf-16\"?>a",
            None,
            Some("<?xml version=\"1.0\" encoding=\"utf-16\"?>a"),
        );
        check(b"\xe9", None, None);
        check(b"\xe9", Some("application/xml; charset=utf-8"), None);
        check(b"", None, Some(""));
        assert_eq!(decode(b"a", None), Ok(Cow::Borrowed("a")));
    }

    #[test]
    fn html_is_told_by_its_type() {
        assert!(says_html(Some("Text/HTML; charset=utf-8")));
        assert!(!says_html(Some("application/xml")));
        assert!(!says_html(None));
    }
}
