//! What holds for whatever bytes come in: nobody panics, what is not edited keeps its bytes, an edit touches its own lines
//! alone, and nothing grows out of proportion. The fuzz targets (`fuzz/`) include this file and hold the same laws.
//!
//! Each law panics where it is broken, with the input at hand: cards and rows of tests alone come here.

use std::io::Read;

use carnet::{
    contact::{Contact, Field, ItemKind, identity::Identity},
    crm,
    formats::{
        csv::{CsvError, Row, Table, import},
        vcard::{Card, read, split, stream, update},
    },
};

/// What the edits write. Plain letters, which every encoding has.
const COMMENT: &str = "a comment of the laws";

/// The laws of a file of cards. Answers how many of its cards could be read.
pub fn cards(bytes: &[u8]) -> usize {
    let text = split::text(bytes);
    let mut joined = Vec::with_capacity(text.len());
    let mut count = 0;
    for piece in split::cards(&text) {
        let raw = &text[piece.range.clone()];
        joined.extend_from_slice(raw);
        if piece.kind == split::Kind::Card
            && piece.problem.is_none()
            && let Ok(card) = Card::parse(raw)
        {
            one_card(raw, card);
            count += 1;
        }
    }
    assert_eq!(joined, text.as_ref(), "the pieces are not the file");
    // A file with CR alone is told by its first 64 KB when it is streamed, by all of it at once.
    if text.contains(&b'\n') || !text.contains(&b'\r') {
        let streamed = stream::Cards::new(Portions(&text, 701)).map(|found| found.expect("reading from memory").bytes);
        assert_eq!(streamed.collect::<Vec<_>>().concat(), text.as_ref(), "the streamed pieces are not the file");
    }
    count
}

fn one_card(raw: &[u8], mut card: Card) {
    assert_eq!(card.to_bytes(), raw, "an unedited card");
    let contact = read(&card, None);
    let lines = raw.split(|byte| matches!(byte, b'\n' | b'\r')).count();
    let entries = contact.items.len() + contact.addresses.len() + contact.extra.len();
    assert!(entries <= lines, "{entries} entries of {lines} lines");
    // Escaping may triple a text: as the entry of another property, in another version.
    assert!(size(&contact) <= 3 * raw.len() + 256, "{} bytes of a card of {}", size(&contact), raw.len());
    assert!(!update(&mut card, &contact, &contact), "nothing to change");
    assert_eq!(card.to_bytes(), raw, "a card that nothing changed");
    let mut to = contact.clone();
    to.comment = COMMENT.to_owned();
    let after = edited(&card, &contact, &to);
    assert!(after.len() <= raw.len() + 100, "a comment of {} bytes added {}", COMMENT.len(), after.len() - raw.len());
    let (removed, added) = difference(raw, &after);
    let is_note = |lines: &[u8]| lines.is_empty() || name(lines).eq_ignore_ascii_case(b"NOTE");
    // A card that did not say its version may have to, once its last 2.1 manners are gone.
    let versions = |bytes: &[u8]| shown(bytes).matches("VERSION:").count();
    let is_told = versions(&after) > versions(raw);
    assert!(is_told || (is_note(removed) && is_note(added)), "another line than NOTE was touched: {}", shown(removed));
    if let Some(at) = contact.items.iter().position(|item| item.item_type.kind() == ItemKind::Phone) {
        let mut to = contact.clone();
        to.items.remove(at);
        edited(&card, &contact, &to);
        let mut to = contact.clone();
        to.items[at].value = "01 99 00 98 76".to_owned();
        edited(&card, &contact, &to);
    }
}

/// The card after an edit: it is a card, and reads as asked.
fn edited(card: &Card, from: &Contact, to: &Contact) -> Vec<u8> {
    let mut card = card.clone();
    update(&mut card, from, to);
    let bytes = card.to_bytes();
    let again = Card::parse(&bytes).expect("still a card");
    let (mut found, mut asked) = (sorted(read(&again, None)), sorted(to.clone()));
    // The new number may be one that was there.
    asked.items.dedup();
    // A stray line may be taken for base64 once the line before it is gone: a picture's, or that of a wrapped text.
    if bytes.split(|byte| *byte == b'\n').any(|line| !line.trim_ascii().is_empty() && !line.contains(&b':')) {
        let text = shown(&bytes).to_ascii_uppercase();
        if text.contains("ENCODING=B") || text.contains(";BASE64") {
            return bytes;
        }
        (found.extra, asked.extra) = (Vec::new(), Vec::new());
    }
    assert_eq!(found, asked, "{}", shown(&bytes));
    bytes
}

/// The laws of a CSV file. Answers how many rows it has.
pub fn table(bytes: &[u8]) -> usize {
    let (read, streamed) = (Table::parse(bytes, None), import(bytes, None));
    let mut table = match (read, &streamed) {
        (Ok(table), Ok(_)) => table,
        (Err(whole), Err(streamed)) => {
            assert_eq!(whole.to_string(), streamed.to_string(), "the same fault");
            return 0;
        }
        (read, _) => panic!("read as a whole: {:?}, as a stream: {:?}", read.err(), streamed.err()),
    };
    assert_eq!(table.to_bytes(), bytes, "an unedited table");
    let rows: Vec<_> = table.rows().collect();
    let streamed = streamed.expect("it was read as a whole");
    assert_eq!(streamed.recognised, table.recognised());
    assert!(streamed.rows.len() == rows.len(), "the same rows");
    for (streamed, row) in streamed.rows.iter().zip(&rows) {
        let of = |row: &Row| (row.index, row.line, row.malformed, row.uid.clone(), row.contact.last_name.clone());
        assert_eq!(of(streamed), of(row), "the same row");
    }
    let total: usize = rows.iter().map(|row| size(&row.contact)).sum();
    assert!(total <= 3 * bytes.len() + 256, "{total} bytes of a table of {}", bytes.len());
    let Some(row) = rows.iter().find(|row| row.malformed.is_none()) else { return rows.len() };
    let identity = Identity { uid: row.uid.clone(), crm_id: row.crm_id.clone() };
    table.update(row.index, &row.contact, &row.contact, &identity).expect("a row that is there");
    assert_eq!(table.to_bytes(), bytes, "a table that nothing changed");
    if table.fields().contains(Field::Comment) && !row.keep.contains(Field::Comment) {
        let to = Contact { comment: COMMENT.to_owned(), ..row.contact.clone() };
        if table.update(row.index, &row.contact, &to, &identity).is_ok() {
            // The old comment may have held the only bytes that told the file's encoding.
            let again = match Table::parse(&table.to_bytes(), None) {
                Ok(again) if again.recognised().encoding == table.recognised().encoding => again,
                Ok(_) | Err(CsvError::MixedEncodings(_)) => return rows.len(),
                Err(error) => panic!("no table any more: {error}"),
            };
            let after: Vec<_> = again.rows().collect();
            assert_eq!(after.len(), rows.len(), "no row comes or goes");
            for (before, after) in rows.iter().zip(&after) {
                let expected = if before.index == row.index { &to } else { &before.contact };
                assert_eq!(&after.contact, expected, "the row of line {}", before.line);
            }
        }
    }
    rows.len()
}

/// The laws of a page of the CRM's listing: a page that was cut at `cut` is no page. Answers how many contacts it has.
pub fn page(bytes: &[u8], cut: usize) -> usize {
    let Some(count) = crm::contacts_of_page(bytes) else { return 0 };
    // `<contact/>` is the shortest contact.
    assert!(count <= bytes.len() / 10, "{count} contacts in {} bytes", bytes.len());
    let end = end_of_root(bytes);
    assert_eq!(crm::contacts_of_page(&bytes[..cut % end]), None, "cut at {} of {end}", cut % end);
    count
}

/// Where the root element ends: what may follow are blanks, comments and instructions.
fn end_of_root(bytes: &[u8]) -> usize {
    let mut end = bytes.trim_ascii_end().len();
    loop {
        let rest = &bytes[..end];
        let open: &[u8] = match rest {
            [.., b'-', b'-', b'>'] => b"<!--",
            [.., b'?', b'>'] => b"<?",
            _ => return end.max(1),
        };
        let Some(start) = rest.windows(open.len()).rposition(|window| window == open) else { return end.max(1) };
        end = rest[..start].trim_ascii_end().len();
    }
}

/// The contact with its lists sorted: a card that is changed in place keeps the order of its lines.
pub fn sorted(mut contact: Contact) -> Contact {
    contact.items.sort_by(|one, other| (&one.item_type, &one.value).cmp(&(&other.item_type, &other.value)));
    contact.addresses.sort_by_key(|address| format!("{address:?}"));
    contact.extra.sort();
    contact
}

/// How many bytes of text a contact holds.
fn size(contact: &Contact) -> usize {
    let scalars: usize =
        Field::ALL.iter().filter(|field| !field.is_list()).map(|field| contact.scalar(*field).len()).sum();
    let items: usize = contact.items.iter().map(|item| item.value.len()).sum();
    let extra: usize = contact.extra.iter().map(String::len).sum();
    let addresses = contact.addresses.iter().map(|address| {
        let parts = [&address.street_address, &address.street_address2, &address.zip_code, &address.city];
        parts.iter().map(|part| part.len()).sum::<usize>() + address.country.len()
    });
    scalars + items + extra + addresses.sum::<usize>()
}

/// The lines that differ, between those that the two have in common at their start and at their end.
fn difference<'a>(before: &'a [u8], after: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let end = if before.contains(&b'\n') { b'\n' } else { b'\r' };
    let lines = |bytes: &'a [u8]| bytes.split_inclusive(|byte| *byte == end).collect::<Vec<_>>();
    let (one, other) = (lines(before), lines(after));
    let start = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let rest = (&one[start..], &other[start..]);
    let end = rest.0.iter().rev().zip(rest.1.iter().rev()).take_while(|(one, other)| one == other).count();
    let length = |lines: &[&[u8]]| lines.iter().map(|line| line.len()).sum::<usize>();
    let (from, to) = (length(&one[..start]), length(&one[one.len() - end..]));
    (&before[from..before.len() - to], &after[from..after.len() - to])
}

/// The property's name at the start of a line, without its group. It may be folded.
fn name(line: &[u8]) -> Vec<u8> {
    let end = line.iter().position(|byte| matches!(byte, b':' | b';')).unwrap_or(0);
    let name: Vec<u8> = line[..end].iter().copied().filter(u8::is_ascii_graphic).collect();
    name[name.iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot + 1)..].to_vec()
}

fn shown(bytes: &[u8]) -> String {
    format!("{:.9000}", String::from_utf8_lossy(bytes))
}

/// Gives its bytes a few at a time.
struct Portions<'a>(&'a [u8], usize);

impl Read for Portions<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(out.len()).min(self.0.len());
        out[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}
