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
    fn of(uri: &str) -> Self {
        match uri {
            "DAV:" => Ns::Dav,
            "urn:ietf:params:xml:ns:carddav" => Ns::CardDav,
            "http://calendarserver.org/ns/" => Ns::CalendarServer,
            _ => Ns::Other,
        }
    }
}

/// An element, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its namespace.
    pub ns: Ns,
    /// Its name there.
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
}

/// The namespaces in force, as prefixes of the open elements.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    bindings: Vec<(&'a str, Ns)>,
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
            self.bindings.push((prefix, Ns::of(&attribute.value)));
        }
        self.bindings.len() - before
    }

    fn leave(&mut self, count: usize) {
        self.bindings.truncate(self.bindings.len() - count);
    }

    fn resolve(&self, name: &'a str) -> (Ns, &'a str) {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let bound = self.bindings.iter().rev().find(|(known, _)| *known == prefix);
        (bound.map_or(Ns::Other, |(_, ns)| *ns), local)
    }
}

/// An element whose start tag was just read, without its content.
pub(super) fn opened<'a>(name: &'a str, attributes: &'a str, scope: &mut Scope<'a>) -> (Element<'a>, usize) {
    let entered = scope.enter(attributes);
    let (ns, local) = scope.resolve(name);
    (Element { ns, local, attributes, children: Vec::new(), text: Cow::Borrowed("") }, entered)
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
