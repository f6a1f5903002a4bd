//! One card as its lines. What is not changed keeps its bytes.

use super::{
    Version, WriteStyle,
    edit::head_without,
    line::{self, Span},
    property::{Prop, Wrapping},
    split,
    value::View,
    write::{LineWriter, Value},
};
use crate::contact::identity::Identity;

/// More logical lines than any honest card has; what looks for doubles among them stays quick.
const LINES_MAX: usize = 5_000;

/// More components or categories than any honest line has: each takes far more memory than its one byte.
const PARTS_MAX: usize = 200_000;

/// Why bytes are not a card. Never holds the card's own values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CardError {
    /// The line in the given bytes, from 1.
    pub line: usize,
    /// What is wrong, a lowercase fragment.
    pub message: &'static str,
    /// What to do.
    pub hint: Option<&'static str>,
}

/// A card: its lines in order, each with its raw bytes.
///
/// `Card::parse(bytes)?.to_bytes() == bytes`, but that UTF-16 comes back as UTF-8.
#[derive(Debug, Clone)]
pub struct Card {
    source: Vec<u8>,
    /// Bytes of a byte order mark before the first line.
    lead: usize,
    version: Version,
    style: WriteStyle,
    eol: &'static str,
    lines: Vec<Line>,
    /// Lines to go in before the one at the given place, in order.
    coming: Vec<(usize, Line)>,
    begin: usize,
    end: usize,
}

#[derive(Debug, Clone)]
struct Line {
    /// The line's own bytes where it is not one of the source's.
    own: Option<Box<[u8]>>,
    span: Span,
    gone: bool,
}

impl Card {
    /// Reads one card. Blank lines and a byte order mark around it are kept.
    ///
    /// Errors: no BEGIN or END, a second card, an unknown version, more than 16 MB or 5,000 lines (folds not counted), a line
    /// of more than 200,000 parts.
    pub fn parse(bytes: &[u8]) -> Result<Card, CardError> {
        let fail = |line: usize, message, hint| Err(CardError { line, message, hint });
        if bytes.len() > split::CARD_MAX {
            return fail(1, split::TOO_LARGE, Some("remove the picture from the card"));
        }
        let source = split::text(bytes).into_owned();
        let lead = split::byte_order_mark(&source);
        let lines = line::spans(&source[lead..], |span| Line { own: None, span, gone: false });
        let is = |line: &Line, prop| is(&source[lead..], &line.span, prop);
        let Some(begin) = lines.iter().position(|line| is(line, Prop::Begin)) else {
            return fail(1, "there is no BEGIN:VCARD", Some("this is not a vCard"));
        };
        let Some(end) = lines.iter().position(|line| is(line, Prop::End)).filter(|end| *end > begin) else {
            return fail(
                lines[begin].span.number + 1,
                "card has no END:VCARD",
                Some("the file may have been cut short"),
            );
        };
        if let Some(second) = lines[begin + 1..].iter().find(|line| is(line, Prop::Begin)) {
            return fail(second.span.number + 1, "a second card begins here", Some("one card is expected"));
        }
        if lines.len() > LINES_MAX {
            return fail(lines[begin].span.number + 1, "card has more than 5,000 lines", None);
        }
        if let Some(line) = lines.iter().find(|line| has_too_many_parts(&source[lead..], &line.span)) {
            return fail(line.span.number + 1, "a line of the card has more than 200,000 parts", None);
        }
        let eol = line_end(&source[lead..][lines[begin].span.raw.clone()]);
        let mut card = Card {
            source,
            lead,
            version: Version::V30,
            style: WriteStyle::default(),
            eol,
            lines,
            coming: Vec::new(),
            begin,
            end,
        };
        card.version = card.find_version()?;
        Ok(card)
    }

    /// The card's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.source.len() + 64);
        out.extend_from_slice(&self.source[..self.lead]);
        for line in &self.lines {
            out.extend_from_slice(self.raw(line));
        }
        out
    }

    /// The version that the card says it is in; 3.0 where it says none, or 2.1 if it is plainly written so.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The same card, to be read and written in this manner.
    #[must_use]
    pub fn in_style(mut self, style: WriteStyle) -> Card {
        self.style = style;
        self
    }

    /// How it is read and written.
    pub(super) fn style(&self) -> &WriteStyle {
        &self.style
    }

    /// The card's UID, `urn:uuid:` stripped.
    pub fn uid(&self) -> Option<String> {
        let (_, view) = self.views().find(|(_, view)| view.head.prop == Prop::Uid)?;
        let text = view.text();
        let text = text.trim();
        let bare = match text.get(..9) {
            Some(scheme) if scheme.eq_ignore_ascii_case("urn:uuid:") => &text[9..],
            _ => text,
        };
        Some(bare.to_owned()).filter(|uid| !uid.is_empty())
    }

    /// The CRM's id as X-INCWO-ID has it, if that is all digits.
    pub fn crm_id(&self) -> Option<String> {
        let (_, view) = self.views().find(|(_, view)| view.head.prop == Prop::CrmId)?;
        let text = view.text();
        let id = text.trim();
        (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.to_owned())
    }

    /// True for a card that is a group of others (KIND, X-ADDRESSBOOKSERVER-KIND) and not a contact.
    pub fn is_group(&self) -> bool {
        self.views().any(|(_, view)| view.head.prop == Prop::Kind && view.text().trim().eq_ignore_ascii_case("group"))
    }

    /// True for a card of a room, a device or a program. Sources: RFC 6350, 6.1.4; RFC 6473; RFC 6869.
    pub fn is_thing(&self) -> bool {
        let kinds = ["location", "device", "application", "thing"];
        let is_kind = |text: &str| kinds.iter().any(|kind| text.trim().eq_ignore_ascii_case(kind));
        self.views().any(|(_, view)| view.head.prop == Prop::Kind && is_kind(&view.text()))
    }

    /// True when every line but REV is, to the byte, one that [`super::new_card`] would write for what the card says, in
    /// whatever order: no other program wrote it, and whoever edited it did so line by line.
    pub fn is_in_own_hand(&self) -> bool {
        if self.lead > 0 || self.eol != "\r\n" {
            return false;
        }
        let identity = Identity { uid: self.uid(), crm_id: self.crm_id() };
        let style = WriteStyle { version: self.version, revised: None, ..self.style };
        let own = super::new_card(style, &super::read(self, None), &identity);
        self.sorted_lines() == own.sorted_lines()
    }

    /// The raw lines in alphabetical order, without REV.
    fn sorted_lines(&self) -> Vec<&[u8]> {
        let lines = self.lines.iter().filter(|line| line.span.prop() != Prop::Rev);
        let mut raw: Vec<&[u8]> = lines.map(|line| self.raw(line)).collect();
        raw.sort_unstable();
        raw
    }

    /// The content lines between BEGIN and END with their places.
    pub(super) fn views(&self) -> impl Iterator<Item = (usize, View<'_>)> {
        (self.begin + 1..self.end).filter_map(|at| Some((at, self.view(at)?)))
    }

    pub(super) fn view(&self, at: usize) -> Option<View<'_>> {
        let line = self.lines.get(at).filter(|line| !line.gone)?;
        let head = line.span.head.as_ref()?;
        let bytes = line.own.as_deref().unwrap_or(&self.source[self.lead..]);
        Some(View { content: line.span.content(bytes), head, version: self.version })
    }

    pub(super) fn pen(&self) -> LineWriter {
        LineWriter { version: self.version, eol: self.eol }
    }

    /// Puts another line in this place.
    pub(super) fn replace(&mut self, at: usize, raw: Vec<u8>) {
        if let Some(line) = own(raw) {
            self.lines[at] = line;
        }
    }

    /// Takes a line out; the places of the others stay until `settle`.
    pub(super) fn remove(&mut self, at: usize) {
        self.lines[at].gone = true;
    }

    /// Adds a line before another's place, once settled.
    pub(super) fn insert(&mut self, before: usize, raw: Vec<u8>) {
        self.coming.extend(own(raw).map(|line| (before, line)));
    }

    /// Adds a line before END, once settled.
    pub(super) fn append(&mut self, raw: Vec<u8>) {
        // A quoted-printable line that END alone keeps from going on would take in whatever came after it.
        let goes_on = |at: usize| {
            self.view(at).is_some_and(|view| {
                view.head.wrapping == Wrapping::QuotedPrintable && line::before_soft_break(view.content).is_some()
            })
        };
        let mut place = self.end;
        while place > self.begin + 1 && goes_on(place - 1) {
            place -= 1;
        }
        self.insert(place, raw);
    }

    /// Carries out what `remove`, `insert` and `append` asked for. Places change.
    pub(super) fn settle(&mut self) {
        let mut lines = Vec::with_capacity(self.lines.len() + self.coming.len());
        let mut coming = std::mem::take(&mut self.coming);
        coming.sort_by_key(|(before, _)| *before);
        let mut coming = coming.into_iter().peekable();
        let old_end = self.end;
        for (at, line) in std::mem::take(&mut self.lines).into_iter().enumerate() {
            while let Some((_, new)) = coming.next_if(|(before, _)| *before <= at) {
                lines.push(new);
            }
            if at == old_end {
                self.end = lines.len();
            }
            if !line.gone {
                lines.push(line);
            }
        }
        self.lines = lines;
    }

    /// Says the version where the card did not and, as it was changed, would now be taken for another one.
    pub(super) fn keep_version(&mut self) {
        if self.find_version() != Ok(self.version) {
            let line = format!("VERSION:{}{}", self.version.number(), self.eol);
            self.insert(self.begin + 1, line.into_bytes());
            self.settle();
        }
    }

    /// Has REV, if it is there, say when the card was changed. For a card that was changed.
    pub(super) fn revise(&mut self) {
        let Some(text) = self.style.revised.and_then(|revised| revised.text(self.version)) else { return };
        let place = self.views().find(|(_, view)| view.head.prop == Prop::Rev);
        // A moment is no date.
        let is_date = |name: &[u8], value: &[u8]| {
            name.eq_ignore_ascii_case(b"VALUE") && value.trim_ascii().eq_ignore_ascii_case(b"date")
        };
        let Some((at, head)) = place.map(|(at, view)| (at, head_without(view, is_date))) else { return };
        let line = self.pen().line(&head, &Value::Text(&text));
        self.replace(at, line);
    }

    /// True where there is something between BEGIN and END that is no content line.
    pub(super) fn has_stray_lines(&self) -> bool {
        let lines = &self.lines[self.begin + 1..self.end];
        lines.iter().any(|line| line.span.head.is_none() && !self.raw(line).trim_ascii().is_empty())
    }

    /// The bytes of the line in this place, its end included.
    pub(super) fn raw_line(&self, at: usize) -> &[u8] {
        self.lines.get(at).map_or(&[], |line| self.raw(line))
    }

    /// How the card ends its lines.
    pub(super) fn line_end(&self) -> &'static str {
        self.eol
    }

    fn raw<'a>(&'a self, line: &'a Line) -> &'a [u8] {
        line.own.as_deref().unwrap_or_else(|| &self.source[self.lead..][line.span.raw.clone()])
    }

    fn find_version(&self) -> Result<Version, CardError> {
        let mut stated = self.views().filter(|(_, view)| view.head.prop == Prop::Version);
        let Some((at, view)) = stated.find(|(_, view)| !view.text().trim().is_empty()) else {
            let is_old = self.views().any(|(_, view)| {
                view.head.wrapping == Wrapping::QuotedPrintable || view.params().any(|(name, _)| name.is_empty())
            });
            return Ok(if is_old { Version::V21 } else { Version::V30 });
        };
        match view.text().trim() {
            "2.1" => Ok(Version::V21),
            "3.0" | "3" => Ok(Version::V30),
            "4.0" | "4" => Ok(Version::V40),
            _ => Err(CardError {
                line: self.lines[at].span.number + 1,
                message: "card is of an unknown version",
                hint: Some("versions 2.1, 3.0 and 4.0 are known"),
            }),
        }
    }
}

/// Adds UID and X-INCWO-ID where the card lacks them, and corrects an X-INCWO-ID that says otherwise. A UID that is
/// there stays. True when the card was changed.
pub fn set_identity(card: &mut Card, identity: &Identity) -> bool {
    let Identity { uid, crm_id } = identity;
    let mut changed = false;
    if let Some(uid) = uid.as_deref().filter(|_| card.uid().is_none()) {
        let is_uuid = uuid::Uuid::try_parse(uid).is_ok();
        let value = if card.version == Version::V40 && is_uuid { format!("urn:uuid:{uid}") } else { uid.to_owned() };
        put(card, Prop::Uid, "UID", &value);
        changed = true;
    }
    if let Some(id) = crm_id.as_deref().filter(|id| card.crm_id().as_deref() != Some(*id)) {
        put(card, Prop::CrmId, "X-INCWO-ID", id);
        changed = true;
    }
    card.settle();
    if changed {
        card.revise();
    }
    changed
}

fn put(card: &mut Card, prop: Prop, name: &str, value: &str) {
    let raw = card.pen().line(name.as_bytes(), &Value::Text(value));
    let there = card.views().find(|(_, view)| view.head.prop == prop).map(|(at, _)| at);
    match there {
        Some(at) => card.replace(at, raw),
        None => card.append(raw),
    }
}

fn own(raw: Vec<u8>) -> Option<Line> {
    let span = line::spans(&raw, |span| span).into_iter().next()?;
    Some(Line { own: Some(raw.into_boxed_slice()), span, gone: false })
}

fn is(bytes: &[u8], span: &Span, prop: Prop) -> bool {
    span.prop() == prop && {
        let content = span.content(bytes);
        let value = span.head.as_ref().map_or(&[][..], |head| &content[head.colon + 1..]);
        value.trim_ascii().eq_ignore_ascii_case(b"VCARD")
    }
}

fn has_too_many_parts(bytes: &[u8], span: &Span) -> bool {
    let separator = match span.prop() {
        Prop::N | Prop::Org | Prop::Adr => b';',
        Prop::Categories => b',',
        _ => return false,
    };
    let raw = &bytes[span.raw.clone()];
    raw.len() > PARTS_MAX && raw.iter().filter(|byte| **byte == separator).count() > PARTS_MAX
}

fn line_end(raw: &[u8]) -> &'static str {
    match raw {
        [.., b'\r', b'\n'] => "\r\n",
        [.., b'\n'] => "\n",
        [.., b'\r'] => "\r",
        _ => "\r\n",
    }
}
