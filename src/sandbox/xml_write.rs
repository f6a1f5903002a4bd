//! Writes the XML of an answer, in the form of a Rails application: one element a line, `type` and `nil` attributes.

use super::{
    object::{INTEGERS, LABEL, Object, Shape, Value},
    settings::{Quirk, SandboxSettings},
};

/// A document that holds one contact or firm.
pub fn document<const N: usize>(shape: &Shape<N>, object: &Object<N>, settings: &SandboxSettings) -> Vec<u8> {
    let mut page = Page::new(settings);
    page.object(shape, object, 0);
    page.finish()
}

/// A document that holds its number and nothing else, as some servers answer a POST.
pub fn id_document<const N: usize>(shape: &Shape<N>, id: i64, settings: &SandboxSettings) -> Vec<u8> {
    let mut page = Page::new(settings);
    page.line(0, &format!("<{}>", shape.one));
    page.value(2, "id", &Some(id.to_string()));
    page.line(0, &format!("</{}>", shape.one));
    page.finish()
}

/// A page of the listing.
pub fn listing_document<const N: usize>(
    shape: &Shape<N>,
    objects: &[Object<N>],
    pages_total: usize,
    settings: &SandboxSettings,
) -> Vec<u8> {
    let mut page = Page::new(settings);
    page.line(0, &format!("<{} type=\"array\">", shape.many));
    if !settings.has(Quirk::NoPagination) {
        page.line(2, "<pagination>");
        page.line(4, &format!("<total_pages type=\"integer\">{pages_total}</total_pages>"));
        let count = objects.len();
        page.line(4, &format!("<current_page_items_count type=\"integer\">{count}</current_page_items_count>"));
        page.line(2, "</pagination>");
    }
    for object in objects {
        page.object(shape, object, 2);
    }
    page.line(0, &format!("</{}>", shape.many));
    page.finish()
}

/// A listing of something else: a root that no action of the reference answers.
pub fn odd_document(settings: &SandboxSettings) -> Vec<u8> {
    let mut page = Page::new(settings);
    page.line(0, "<nil-classes type=\"array\"/>");
    page.finish()
}

/// What went wrong, a sentence each.
pub fn errors_document(errors: &[String], settings: &SandboxSettings) -> Vec<u8> {
    let mut page = Page::new(settings);
    page.line(0, "<errors>");
    for error in errors {
        page.value(2, "error", &Some(error.clone()));
    }
    page.line(0, "</errors>");
    page.finish()
}

struct Page<'a> {
    text: String,
    settings: &'a SandboxSettings,
}

impl<'a> Page<'a> {
    fn new(settings: &'a SandboxSettings) -> Self {
        let encoding = if settings.has(Quirk::Latin1) { "ISO-8859-1" } else { "UTF-8" };
        Self { text: format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>\n"), settings }
    }

    fn object<const N: usize>(&mut self, shape: &Shape<N>, object: &Object<N>, indent: usize) {
        let Object { id, reference, creator_id, language, created_at, scalars, lists } = object;
        self.line(indent, &format!("<{}>", shape.one));
        self.value(indent + 2, "id", &Some(id.to_string()));
        self.value(indent + 2, "reference", reference);
        for (name, value) in shape.scalars.iter().zip(scalars) {
            self.value(indent + 2, name, value);
        }
        for name in shape.unset {
            self.value(indent + 2, name, &None);
        }
        self.value(indent + 2, "creator_id", creator_id);
        self.value(indent + 2, "created_at", &Some(created_at.clone()));
        self.value(indent + 2, "language", language);
        for (list, entries) in shape.lists.iter().zip(lists) {
            if entries.is_empty() {
                if !self.settings.has(Quirk::OmitEmpty) {
                    self.line(indent + 2, &format!("<{} type=\"array\"/>", list.list));
                }
                continue;
            }
            self.line(indent + 2, &format!("<{} type=\"array\">", list.list));
            for entry in entries {
                self.line(indent + 4, &format!("<{}>", list.entry));
                self.value(indent + 6, "id", &Some(entry.id.to_string()));
                for (name, value) in list.fields.iter().zip(&entry.values) {
                    self.value(indent + 6, name, value);
                }
                if self.settings.has(Quirk::EntryLabels) {
                    self.value(indent + 6, LABEL, &entry.label);
                }
                self.line(indent + 4, &format!("</{}>", list.entry));
            }
            self.line(indent + 2, &format!("</{}>", list.list));
        }
        self.line(indent, &format!("</{}>", shape.one));
    }

    fn value(&mut self, indent: usize, name: &str, value: &Value) {
        let empty = value.as_deref().unwrap_or_default().is_empty();
        if empty && self.settings.has(Quirk::OmitEmpty) {
            return;
        }
        self.indent(indent);
        self.text.push('<');
        self.text.push_str(name);
        if INTEGERS.contains(&name) {
            self.text.push_str(" type=\"integer\"");
        }
        match value {
            None => self.text.push_str(" nil=\"true\"/>\n"),
            Some(text) => {
                self.text.push('>');
                escape(text, &mut self.text);
                self.text.push_str("</");
                self.text.push_str(name);
                self.text.push_str(">\n");
            }
        }
    }

    fn line(&mut self, indent: usize, text: &str) {
        self.indent(indent);
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn indent(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
    }

    fn finish(self) -> Vec<u8> {
        if !self.settings.has(Quirk::Latin1) {
            return self.text.into_bytes();
        }
        let mut bytes = Vec::with_capacity(self.text.len());
        for letter in self.text.chars() {
            match u8::try_from(u32::from(letter)) {
                // 0x80 to 0x9f are control characters in ISO-8859-1 and letters to those who read windows-1252 instead.
                Ok(byte) if !(0x80..0xa0).contains(&byte) => bytes.push(byte),
                _ => bytes.extend(format!("&#{};", u32::from(letter)).into_bytes()),
            }
        }
        bytes
    }
}

/// Appends a text as XML; characters that XML 1.0 cannot hold at all are left out.
fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A bare one would be read as a line feed.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(letter),
            '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::object::{CONTACT, Entry, FIRM, Firm, Record};

    fn sample() -> Record {
        let mut record = Record { id: 1042, created_at: "03-02-2021-09-15".to_owned(), ..Record::default() };
        record.scalars[1] = Some("Lefèvre & <fils>".to_owned());
        record.scalars[3] = Some(String::new());
        record.lists[1].push(Entry {
            id: 9,
            label: None,
            values: vec![Some("88".to_owned()), Some("06 €".to_owned())],
        });
        record
    }

    fn check(quirks: &[Quirk], expected: &str) {
        let settings = SandboxSettings { quirks: quirks.to_vec(), ..SandboxSettings::default() };
        let bytes = document(&CONTACT, &sample(), &settings);
        let text = encoding_rs::mem::decode_latin1(&bytes).into_owned();
        let text = if quirks.contains(&Quirk::Latin1) { text } else { String::from_utf8(bytes).unwrap() };
        assert_eq!(text, expected);
    }

    #[test]
    fn a_contact_as_rails_writes_it() {
        check(
            &[],
            r#"<?xml version="1.0" encoding="UTF-8"?>
<contact>
  <id type="integer">1042</id>
  <reference nil="true"/>
  <civility_label_id type="integer" nil="true"/>
  <last_name>Lefèvre &amp; &lt;fils&gt;</last_name>
  <first_name nil="true"/>
  <comment></comment>
  <job_title nil="true"/>
  <job_department nil="true"/>
  <country nil="true"/>
  <contact_type nil="true"/>
  <firm_id type="integer" nil="true"/>
  <project_id type="integer" nil="true"/>
  <creator_id type="integer" nil="true"/>
  <created_at>03-02-2021-09-15</created_at>
  <language nil="true"/>
  <contact_addresses type="array"/>
  <contact_items type="array">
    <contact_item>
      <id type="integer">9</id>
      <type_id type="integer">88</type_id>
      <value>06 €</value>
    </contact_item>
  </contact_items>
</contact>
"#,
        );
    }

    #[test]
    fn empty_elements_left_out_in_latin_1() {
        check(
            &[Quirk::OmitEmpty, Quirk::Latin1],
            r#"<?xml version="1.0" encoding="ISO-8859-1"?>
<contact>
  <id type="integer">1042</id>
  <last_name>Lefèvre &amp; &lt;fils&gt;</last_name>
  <created_at>03-02-2021-09-15</created_at>
  <contact_items type="array">
    <contact_item>
      <id type="integer">9</id>
      <type_id type="integer">88</type_id>
      <value>06 &#8364;</value>
    </contact_item>
  </contact_items>
</contact>
"#,
        );
    }

    #[test]
    fn a_listing_tells_its_pages_unless_told_not_to() {
        let text = |quirks: &[Quirk]| {
            let settings = SandboxSettings { quirks: quirks.to_vec(), ..SandboxSettings::default() };
            String::from_utf8(listing_document(&CONTACT, &[sample(), sample()], 7, &settings)).unwrap()
        };
        assert!(text(&[]).contains("<total_pages type=\"integer\">7</total_pages>"));
        assert!(text(&[]).contains("<current_page_items_count type=\"integer\">2</current_page_items_count>"));
        assert!(!text(&[Quirk::NoPagination]).contains("pagination"));
        assert_eq!(text(&[]).matches("<contact>").count(), 2);
    }

    #[test]
    fn a_listing_of_firms() {
        let mut firm = Firm { id: 344, created_at: "03-02-2021-09-15".to_owned(), ..Firm::default() };
        firm.scalars =
            ["Durand & \"Fils\"", "client", "", "000000344", "FR00000000344"].map(|text| Some(text.to_owned()));
        firm.scalars[2] = None;
        firm.lists[1].push(Entry {
            id: 7,
            label: None,
            values: ["71", "01 99 00 43 00"].map(|text| Some(text.to_owned())).to_vec(),
        });
        let text = String::from_utf8(listing_document(&FIRM, &[firm], 1, &SandboxSettings::default())).unwrap();
        assert_eq!(
            text,
            r#"<?xml version="1.0" encoding="UTF-8"?>
<firms type="array">
  <pagination>
    <total_pages type="integer">1</total_pages>
    <current_page_items_count type="integer">1</current_page_items_count>
  </pagination>
  <firm>
    <id type="integer">344</id>
    <reference nil="true"/>
    <name>Durand &amp; "Fils"</name>
    <firm_type>client</firm_type>
    <project_id type="integer" nil="true"/>
    <siren>000000344</siren>
    <tva>FR00000000344</tva>
    <creator_id type="integer" nil="true"/>
    <created_at>03-02-2021-09-15</created_at>
    <language nil="true"/>
    <contact_addresses type="array"/>
    <contact_items type="array">
      <contact_item>
        <id type="integer">7</id>
        <type_id type="integer">71</type_id>
        <value>01 99 00 43 00</value>
      </contact_item>
    </contact_items>
  </firm>
</firms>
"#
        );
    }

    #[test]
    fn what_xml_cannot_hold_is_left_out() {
        let mut out = String::new();
        escape("a\u{1}\r\n\tb\u{ffff}😀", &mut out);
        assert_eq!(out, "a&#13;\n\tb😀");
    }
}
