//! Walks XML text from its first byte to its last and believes it only if it is one whole document.
//!
//! quick-xml's reader alone says Ok to a list cut between records, to an empty text, to two roots and to trailing
//! garbage; everything above it reads through [`XmlReader`], which does not. What is read of an element is laid on a
//! [`Token`] tape that borrows from the text, so that a record can be digested first and built only if it is needed.
//! Deliberately not here: what any element means.

mod decode;

use quick_xml::{
    Reader,
    events::{Event, attributes::Attributes},
};

pub use decode::{decode, says_html};

/// How deep elements may nest.
const DEPTH_MAX: usize = 32;

/// How many tokens of one element are laid on a tape: some thousands of list entries, and no memory to speak of.
pub const TOKENS_MAX: usize = 1 << 15;

/// Why a text is not one whole XML document. Names no content: what is broken may hold people's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotWhole {
    /// No charset that the answer declares, nor UTF-8, decodes it.
    #[error("the text is in no declared encoding and not in UTF-8")]
    Encoding,
    /// Cut, or not well-formed.
    #[error("the XML is cut or malformed at byte {0}")]
    Malformed(usize),
    /// A document type, which may define entities, is refused.
    #[error("the XML declares a document type, which is refused")]
    Doctype,
    /// Elements within elements beyond any sense.
    #[error("the XML nests deeper than {DEPTH_MAX} elements")]
    TooDeep,
}

/// A piece of a document, borrowed from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A start tag.
    Open {
        /// The element's name as written.
        name: &'a str,
        /// Its attributes as written.
        attributes: &'a str,
        /// Where its `<` is.
        at: usize,
    },
    /// Character data without references, as written.
    Text(&'a str),
    /// The inside of a CDATA section.
    Cdata(&'a str),
    /// The inside of `&...;`; `""` for a bare `&`.
    Reference(&'a str),
    /// An end tag, or the end of `<x/>`.
    Close {
        /// The position just after it.
        end: usize,
    },
}

/// Hands out a document's tokens one by one and checks that it is whole. Comments and instructions are passed over.
pub struct XmlReader<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    depth: usize,
    root_seen: bool,
    close_pending: bool,
}

impl<'a> XmlReader<'a> {
    /// A walk over the text, from its start. A byte order mark is passed over.
    pub fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::from_str(text);
        // A bare `&` spoils its own record only; it comes as a text that begins with it.
        reader.config_mut().allow_dangling_amp = true;
        Self { text, reader, depth: 0, root_seen: false, close_pending: false }
    }

    /// The text that the tokens' positions refer to.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The next token; `None` at the proper end of a whole document.
    pub fn next_token(&mut self) -> Result<Option<Token<'a>>, NotWhole> {
        if std::mem::take(&mut self.close_pending) {
            self.depth -= 1;
            return Ok(Some(Token::Close { end: self.position() }));
        }
        loop {
            let at = self.position();
            let event = self.reader.read_event().map_err(|_| NotWhole::Malformed(at))?;
            let token = match event {
                Event::Start(tag) => self.open(at, tag.name().as_ref().len())?,
                Event::Empty(tag) => {
                    self.close_pending = true;
                    self.open(at, tag.name().as_ref().len())?
                }
                Event::End(_) => {
                    self.depth -= 1;
                    Token::Close { end: self.position() }
                }
                Event::Text(_) => match self.character_data(at)? {
                    Some(token) => token,
                    None => continue,
                },
                Event::CData(_) if self.depth > 0 => {
                    Token::Cdata(self.slice(at + "<![CDATA[".len(), self.position() - "]]>".len())?)
                }
                Event::GeneralRef(_) if self.depth > 0 => Token::Reference(self.slice(at + 1, self.position() - 1)?),
                Event::CData(_) | Event::GeneralRef(_) => return Err(NotWhole::Malformed(at)),
                Event::DocType(_) => return Err(NotWhole::Doctype),
                Event::Decl(_) if at > 0 => return Err(NotWhole::Malformed(at)),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => continue,
                Event::Eof if self.depth == 0 && self.root_seen => return Ok(None),
                Event::Eof => return Err(NotWhole::Malformed(at)),
            };
            return Ok(Some(token));
        }
    }

    /// Lays the inside of the element just opened on the tape, up to its end tag, which is consumed. Of one that holds
    /// more than [`TOKENS_MAX`] tokens, one more than that is laid down, and all are checked.
    pub fn take_inside(&mut self, tape: &mut Vec<Token<'a>>) -> Result<(), NotWhole> {
        tape.clear();
        let mut open = 1_usize;
        loop {
            let token = self.next_token()?.ok_or(NotWhole::Malformed(self.text.len()))?;
            match token {
                Token::Open { .. } => open += 1,
                Token::Close { .. } => open -= 1,
                Token::Text(_) | Token::Cdata(_) | Token::Reference(_) => {}
            }
            if open == 0 {
                return Ok(());
            }
            if tape.len() <= TOKENS_MAX {
                tape.push(token);
            }
        }
    }

    /// Reads the rest of the document and says whether it is whole.
    pub fn finish(mut self) -> Result<(), NotWhole> {
        while self.next_token()?.is_some() {}
        Ok(())
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX).min(self.text.len())
    }

    fn slice(&self, start: usize, end: usize) -> Result<&'a str, NotWhole> {
        self.text.get(start..end).ok_or(NotWhole::Malformed(start))
    }

    fn open(&mut self, at: usize, name_len: usize) -> Result<Token<'a>, NotWhole> {
        if self.depth == 0 && std::mem::replace(&mut self.root_seen, true) {
            return Err(NotWhole::Malformed(at));
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(NotWhole::TooDeep);
        }
        let tail = if self.close_pending { "/>".len() } else { ">".len() };
        let name = self.slice(at + 1, at + 1 + name_len)?;
        if !is_name(name) {
            return Err(NotWhole::Malformed(at));
        }
        Ok(Token::Open { name, attributes: self.slice(at + 1 + name_len, self.position() - tail)?, at })
    }

    fn character_data(&self, at: usize) -> Result<Option<Token<'a>>, NotWhole> {
        let text = self.slice(at, self.position())?;
        if self.depth == 0 {
            return if is_blank(text) { Ok(None) } else { Err(NotWhole::Malformed(at)) };
        }
        Ok(Some(if text.starts_with('&') { Token::Reference("") } else { Token::Text(text) }))
    }
}

/// True for what XML calls white space, and for nothing at all.
pub fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// The value of an attribute, references resolved by nobody: what is looked for here are words and numbers.
pub fn attribute<'a>(attributes: &'a str, wanted: &str) -> Option<&'a str> {
    if !attributes.contains(wanted) {
        return None;
    }
    let found = Attributes::new(attributes, 0).with_checks(false).flatten().find(|attribute| {
        let key: &str = attribute.key.as_ref();
        key == wanted || key.strip_prefix("xsi:") == Some(wanted)
    })?;
    match found.value {
        std::borrow::Cow::Borrowed(value) => Some(value),
        std::borrow::Cow::Owned(_) => None,
    }
}

/// The character that `&NAME;` stands for: the five predefined names, and numbers.
pub fn resolve(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        other => {
            let number = other.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => u32::from_str_radix(digits, 16),
                None if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse(),
                _ => return None,
            };
            let character = code.ok().and_then(char::from_u32)?;
            let allowed = character >= ' ' || matches!(character, '\t' | '\n' | '\r');
            (allowed && !matches!(character, '\u{fffe}' | '\u{ffff}')).then_some(character)
        }
    }
}

/// Whether a byte may stand in a name; all beyond ASCII may.
const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let ascii = byte as u8;
        table[byte] = byte >= 0x80 || ascii.is_ascii_alphanumeric() || matches!(ascii, b'_' | b'-' | b'.' | b':');
        byte += 1;
    }
    table
};

fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let starts = bytes.first().is_some_and(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'.'));
    starts && bytes.iter().all(|byte| NAME_BYTES[usize::from(*byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<usize, NotWhole>) {
        let mut walker = XmlReader::new(text);
        let mut count = 0;
        let result = loop {
            match walker.next_token() {
                Ok(Some(_)) => count += 1,
                Ok(None) => break Ok(count),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(result, expected, "{text:?}");
    }

    #[test]
    fn only_whole_documents_are_believed() {
        check("<a/>", Ok(2));
        check("\u{feff}<?xml version=\"1.0\"?>\n<a><b x='1>2'/></a>\n<!-- end -->\n", Ok(4));
        check("<a>x&amp;y<!-- c --><![CDATA[<z>]]></a>", Ok(6));
        check("", Err(NotWhole::Malformed(0)));
        check("   ", Err(NotWhole::Malformed(3)));
        check("<a>", Err(NotWhole::Malformed(3)));
        check("<a></b>", Err(NotWhole::Malformed(3)));
        check("<a/><a/>", Err(NotWhole::Malformed(4)));
        check("<a/>x", Err(NotWhole::Malformed(4)));
        check("<a/>&amp;", Err(NotWhole::Malformed(4)));
        check("<a/><![CDATA[]]>", Err(NotWhole::Malformed(4)));
        check("x<a/>", Err(NotWhole::Malformed(0)));
        check("</a>", Err(NotWhole::Malformed(0)));
        check("<a><b</a>", Err(NotWhole::Malformed(3)));
        check("<a/><?xml version=\"1.0\"?>", Err(NotWhole::Malformed(4)));
        check("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", Err(NotWhole::Doctype));
        check(&"<a>".repeat(DEPTH_MAX + 1), Err(NotWhole::TooDeep));
        check(&format!("{}{}", "<a>".repeat(DEPTH_MAX), "</a>".repeat(DEPTH_MAX)), Ok(2 * DEPTH_MAX));
    }

    #[test]
    fn attributes_are_found_by_name() {
        assert_eq!(attribute(" total_pages=\"3\"", "total_pages"), Some("3"));
    }
}
