//! An element of a DAV document with its namespaces resolved, borrowed from the text.

use std::borrow::Cow;

use quick_xml::events::attributes::Attributes;

use crate::xml::{NotWhole, Token, XmlReader, resolve};

/// The longest text of one element in bytes: a card with a telephone's photo is 11 MB of base64.
const TEXT_LEN_MAX: usize = 17 << 20;
/// So many elements in one are more than any answer about one resource has.
const CHILDREN_MAX: usize = 20_000;

/// A namespace, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ns {
    /// `DAV:`.
    Dav,
    /// `urn:ietf:params:xml:ns:carddav`.
    CardDav,
    /// `http://calendarserver.org/ns/`.
    CalendarServer,
    /// Another, or none.
    Other,
}

impl Ns {
    /// The namespaces that have a name here.
    pub const KNOWN: [Ns; 3] = [Ns::Dav, Ns::CardDav, Ns::CalendarServer];

    /// The namespace of this name.
    pub fn of(uri: &str) -> Self {
        Self::KNOWN.into_iter().find(|known| known.uri() == uri).unwrap_or(Ns::Other)
    }

    /// Its name; empty for others.
    pub fn uri(self) -> &'static str {
        match self {
            Ns::Dav => "DAV:",
            Ns::CardDav => "urn:ietf:params:xml:ns:carddav",
            Ns::CalendarServer => "http://calendarserver.org/ns/",
            Ns::Other => "",
        }
    }
}

/// An element, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its namespace.
    pub ns: Ns,
    /// Its namespace's name; empty for none.
    pub uri: Cow<'a, str>,
    /// Its name there; with its prefix where that is declared nowhere.
    pub local: &'a str,
    /// Its attributes as written.
    pub attributes: &'a str,
    /// The elements in it, in order.
    pub children: Vec<Element<'a>>,
    /// Its own text, joined; line ends as XML reads them.
    pub text: Cow<'a, str>,
}

impl<'a> Element<'a> {
    /// True for this name.
    pub fn is(&self, ns: Ns, local: &str) -> bool {
        self.ns == ns && self.local == local
    }

    /// The first child of this name.
    pub fn child(&self, ns: Ns, local: &str) -> Option<&Element<'a>> {
        self.children.iter().find(|child| child.is(ns, local))
    }

    /// The children of this name.
    pub fn all<'e>(&'e self, ns: Ns, local: &'e str) -> impl Iterator<Item = &'e Element<'a>> {
        self.children.iter().filter(move |child| child.is(ns, local))
    }

    /// True where an element of this name is anywhere inside.
    pub fn holds(&self, ns: Ns, local: &str) -> bool {
        self.children.iter().any(|child| child.is(ns, local) || child.holds(ns, local))
    }

    /// The text without the white space around it.
    pub fn trimmed(&self) -> &str {
        self.text.trim()
    }

    /// The value of an attribute without a namespace, or of `xml:lang`; none where it holds a reference to nothing.
    pub fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        let found = Attributes::new(self.attributes, 0).with_checks(false).flatten().find(|attribute| {
            let key: &str = attribute.key.as_ref();
            key == name
        })?;
        value(found.value)
    }
}

/// The value of an attribute, its references resolved; none for a reference to nothing.
fn value(written: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if !written.contains('&') {
        return Some(written);
    }
    let mut pieces = written.split('&');
    let mut out = pieces.next()?.to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once(';')?;
        out.push(resolve(name)?);
        out.push_str(rest);
    }
    Some(out.into())
}

/// The namespaces in force, as prefixes of the open elements.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    bindings: Vec<(&'a str, Ns, Cow<'a, str>)>,
}

impl<'a> Scope<'a> {
    /// Takes the declarations of a start tag; gives back how many there were.
    fn enter(&mut self, attributes: &'a str) -> usize {
        if !attributes.contains("xmlns") {
            return 0;
        }
        let before = self.bindings.len();
        for attribute in Attributes::new(attributes, 0).with_checks(false).flatten() {
            let key: &str = attribute.key.into_inner();
            let prefix = match key {
                "xmlns" => "",
                other => match other.strip_prefix("xmlns:") {
                    Some(prefix) => prefix,
                    None => continue,
                },
            };
            // A name that is no text is another namespace's in any case.
            let uri = value(attribute.value).unwrap_or_default();
            self.bindings.push((prefix, Ns::of(&uri), uri));
        }
        self.bindings.len() - before
    }

    fn leave(&mut self, count: usize) {
        self.bindings.truncate(self.bindings.len() - count);
    }

    fn resolve(&self, name: &'a str) -> (Ns, Cow<'a, str>, &'a str) {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        match self.bindings.iter().rev().find(|(known, ..)| *known == prefix) {
            Some((_, ns, uri)) => (*ns, uri.clone(), local),
            None => (Ns::Other, Cow::Borrowed(""), name),
        }
    }
}

/// An element whose start tag was just read, without its content.
pub(super) fn opened<'a>(name: &'a str, attributes: &'a str, scope: &mut Scope<'a>) -> (Element<'a>, usize) {
    let entered = scope.enter(attributes);
    let (ns, uri, local) = scope.resolve(name);
    (Element { ns, uri, local, attributes, children: Vec::new(), text: Cow::Borrowed("") }, entered)
}

/// Reads a whole document into its root element.
pub fn read_document(text: &str) -> Result<Element<'_>, NotWhole> {
    let mut reader = XmlReader::new(text);
    let mut scope = Scope::default();
    let Some(Token::Open { name, attributes, .. }) = reader.next_token()? else {
        return Err(NotWhole::Malformed(0));
    };
    let root = opened(name, attributes, &mut scope);
    let root = read_inside(&mut reader, &mut scope, root)?;
    reader.finish()?;
    Ok(root)
}

/// Reads the rest of an element whose start tag was just read.
pub(super) fn read_inside<'a>(
    reader: &mut XmlReader<'a>,
    scope: &mut Scope<'a>,
    (mut element, entered): (Element<'a>, usize),
) -> Result<Element<'a>, NotWhole> {
    let end = reader.text().len();
    let malformed = || NotWhole::Malformed(end);
    loop {
        match reader.next_token()?.ok_or_else(malformed)? {
            Token::Open { name, attributes, at } => {
                if element.children.len() >= CHILDREN_MAX {
                    return Err(NotWhole::Malformed(at));
                }
                let child = opened(name, attributes, scope);
                element.children.push(read_inside(reader, scope, child)?);
            }
            Token::Close { .. } => {
                scope.leave(entered);
                return Ok(element);
            }
            Token::Text(text) | Token::Cdata(text) => push(&mut element.text, line_ends(text)),
            Token::Reference(name) => {
                let char = resolve(name).ok_or_else(malformed)?;
                element.text.to_mut().push(char);
            }
        }
        if element.text.len() > TEXT_LEN_MAX {
            return Err(malformed());
        }
    }
}

fn push<'a>(text: &mut Cow<'a, str>, more: Cow<'a, str>) {
    if text.is_empty() {
        *text = more;
    } else {
        text.to_mut().push_str(&more);
    }
}

/// Line ends as XML hands them on (XML 1.0, 2.11): a CR that is meant comes as `&#13;`.
fn line_ends(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}
