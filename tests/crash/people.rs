//! What people do: at the CRM's own screen, in a card, in the .vcf file, in the sheet. Each act is noted in the ledger,
//! with what the person saw while doing it.

use std::{collections::BTreeSet, fs, io, path::PathBuf};

use super::{
    ledger::{Field, tokens},
    world::{Place, World},
};

/// The telephone number that a contact is made with: one at work.
pub const FIRST_ITEM: Field = Field::Item("24");

impl World {
    /// Somebody makes a contact with a job title and a number; its name.
    pub fn make(&mut self, place: Place) -> io::Result<String> {
        let name = self.ledger.fresh(Field::Name);
        let (title, phone) = (self.ledger.fresh(Field::JobTitle), self.ledger.fresh(FIRST_ITEM));
        match place {
            Place::Crm => self.post(&name, &title, &phone)?,
            Place::Cards => {
                fs::create_dir_all(self.path("cards"))?;
                fs::write(self.path(&format!("cards/{name}.vcf")), card(&name, &title, &phone))?;
            }
            Place::Phone => {
                let path = self.path("phone/phone.vcf");
                let text = fs::read_to_string(&path)?;
                fs::write(&path, text + &card(&name, &title, &phone))?;
            }
            Place::Sheet => self.edit_sheet(|header, rows| {
                let mut row = vec![String::new(); header.len()];
                for (column, value) in [("last_name", &name), ("job_title", &title), ("professional_phone", &phone)] {
                    row[column_of(header, column)?].clone_from(value);
                }
                rows.push(row);
                Ok(())
            })?,
        }
        for (field, text) in [(Field::Name, &name), (Field::JobTitle, &title), (FIRST_ITEM, &phone)] {
            self.ledger.type_in(place, &name, field, text, &BTreeSet::new());
        }
        Ok(name)
    }

    fn post(&self, name: &str, title: &str, phone: &str) -> io::Result<()> {
        let xml = format!(
            "<contact><last_name>{name}</last_name><job_title>{title}</job_title>{}</contact>",
            items_xml(&[("24".to_owned(), phone.to_owned())])
        );
        self.crm().post(&xml).map(drop).map_err(io::Error::other)
    }

    /// Somebody writes a single value over the one there. False if that place does not hold the contact.
    pub fn write(&mut self, place: Place, name: &str, field: Field) -> io::Result<bool> {
        let Some(seen) = self.seen(place, name)? else { return Ok(false) };
        let text = self.ledger.fresh(field);
        let (element, property) = if field == Field::Comment { ("comment", "NOTE") } else { ("job_title", "TITLE") };
        match place {
            Place::Crm => {
                self.crm().edit(self.crm_id(name)?, element, &text).map_err(io::Error::other)?;
            }
            Place::Cards | Place::Phone => self.edit_card(place, name, |lines| {
                lines.retain(|line| {
                    !line.starts_with(&format!("{property}:")) && !line.starts_with(&format!("{property};"))
                });
                lines.insert(lines.len() - 1, format!("{property}:{text}"));
            })?,
            Place::Sheet => self.edit_row(name, element, &text)?,
        }
        self.ledger.type_in(place, name, field, &text, &seen);
        Ok(true)
    }

    /// Somebody adds an entry to the list of items. Each place adds its own kind, once, so that a table has a column for
    /// each. False if that place does not hold the contact, or the entry was added before.
    pub fn add_item(&mut self, place: Place, name: &str) -> io::Result<bool> {
        let Some(seen) = self.seen(place, name)? else { return Ok(false) };
        let (field, column, start) = match place {
            Place::Crm => (Field::Item("23"), "personal_phone", "TEL;TYPE=HOME,VOICE"),
            Place::Cards => (Field::Item("88"), "professional_cell_phone", "TEL;TYPE=WORK,CELL"),
            Place::Phone => (Field::Item("26"), "professional_fax", "TEL;TYPE=WORK,FAX"),
            Place::Sheet => (Field::Item("27"), "professional_email", "EMAIL;TYPE=INTERNET,WORK"),
        };
        if self.ledger.typed.iter().any(|typed| typed.contact == name && typed.field == field) {
            return Ok(false);
        }
        let text = self.ledger.fresh(field);
        match place {
            Place::Crm => {
                let Field::Item(code) = field else { return Ok(false) };
                self.edit_items(name, |items| items.push((code.to_owned(), text.clone())))?;
            }
            Place::Cards | Place::Phone => {
                self.edit_card(place, name, |lines| lines.insert(lines.len() - 1, format!("{start}:{text}")))?;
            }
            Place::Sheet => self.edit_row(name, column, &text)?,
        }
        self.ledger.type_in(place, name, field, &text, &seen);
        Ok(true)
    }

    /// Somebody corrects the number that the contact was made with. False if that place does not show exactly one.
    pub fn correct_item(&mut self, place: Place, name: &str) -> io::Result<bool> {
        let Some(seen) = self.seen(place, name)? else { return Ok(false) };
        let ours = |typed: &&super::ledger::Typed| {
            typed.contact == name && typed.field == FIRST_ITEM && seen.contains(typed.token())
        };
        let shown: Vec<String> = self.ledger.typed.iter().filter(ours).map(|typed| typed.text.clone()).collect();
        let [old] = shown.as_slice() else { return Ok(false) };
        let text = self.ledger.fresh(FIRST_ITEM);
        match place {
            Place::Crm => self.edit_items(name, |items| {
                items.iter_mut().filter(|(_, value)| value == old).for_each(|(_, value)| value.clone_from(&text));
            })?,
            Place::Cards | Place::Phone => self.edit_card(place, name, |lines| {
                for line in lines.iter_mut() {
                    *line = line.replace(old.as_str(), &text);
                }
            })?,
            Place::Sheet => self.edit_row(name, "professional_phone", &text)?,
        }
        self.ledger.take_out(name, old);
        self.ledger.type_in(place, name, FIRST_ITEM, &text, &seen);
        Ok(true)
    }

    /// Somebody deletes a contact. False if that place does not hold it.
    pub fn remove(&mut self, place: Place, name: &str) -> io::Result<bool> {
        let Some(seen) = self.seen(place, name)? else { return Ok(false) };
        match place {
            Place::Crm => {
                self.crm().delete(self.crm_id(name)?).map_err(io::Error::other)?;
            }
            Place::Cards => fs::remove_file(self.card_path(name)?)?,
            Place::Phone => self.edit_card(place, name, Vec::clear)?,
            Place::Sheet => self.edit_sheet(|_, rows| {
                rows.retain(|row| !row.iter().any(|cell| cell == name));
                Ok(())
            })?,
        }
        self.ledger.delete(name, &seen);
        Ok(true)
    }

    fn crm_id(&self, name: &str) -> io::Result<i64> {
        let crm = self.crm();
        for id in crm.ids().map_err(io::Error::other)? {
            let xml = crm.contact_xml(id).map_err(io::Error::other)?.unwrap_or_default();
            if tokens(&xml).contains(name) {
                return Ok(id);
            }
        }
        Err(missing(name))
    }

    fn edit_items(&self, name: &str, edit: impl FnOnce(&mut Vec<(String, String)>)) -> io::Result<()> {
        let (crm, id) = (self.crm(), self.crm_id(name)?);
        let mut items = items_of(&crm.contact_xml(id).map_err(io::Error::other)?.unwrap_or_default());
        edit(&mut items);
        crm.put(id, &format!("<contact>{}</contact>", items_xml(&items))).map(drop).map_err(io::Error::other)
    }

    /// The file of a contact's card.
    pub fn card_path(&self, name: &str) -> io::Result<PathBuf> {
        for path in self.card_files()? {
            if tokens(&fs::read_to_string(&path)?).contains(name) {
                return Ok(path);
            }
        }
        Err(missing(name))
    }

    /// Changes the lines of a card, `BEGIN` and `END` included; without lines it is gone from the file.
    fn edit_card(&self, place: Place, name: &str, edit: impl FnOnce(&mut Vec<String>)) -> io::Result<()> {
        let path = if place == Place::Cards { self.card_path(name)? } else { self.path("phone/phone.vcf") };
        let text = fs::read_to_string(&path)?;
        let mut edit = Some(edit);
        let mut out = String::new();
        for piece in text.split_inclusive("END:VCARD\r\n") {
            let mut lines: Vec<String> = piece.lines().map(str::to_owned).collect();
            if tokens(piece).contains(name)
                && let Some(edit) = edit.take()
            {
                edit(&mut lines);
                out.extend(lines.iter().map(|line| format!("{line}\r\n")));
            } else {
                out.push_str(piece);
            }
        }
        fs::write(&path, out)
    }

    fn edit_row(&self, name: &str, column: &str, value: &str) -> io::Result<()> {
        self.edit_sheet(|header, rows| {
            let (named, at) = (column_of(header, "last_name")?, column_of(header, column)?);
            let row = rows.iter_mut().find(|row| row[named] == name).ok_or_else(|| missing(name))?;
            value.clone_into(&mut row[at]);
            Ok(())
        })
    }

    fn edit_sheet(&self, edit: impl FnOnce(&[String], &mut Vec<Vec<String>>) -> io::Result<()>) -> io::Result<()> {
        let path = self.path("sheet/sheet.csv");
        let mut reader = csv::Reader::from_path(&path)?;
        let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for row in reader.records() {
            rows.push(row?.iter().map(str::to_owned).collect());
        }
        edit(&header, &mut rows)?;
        let mut writer = csv::Writer::from_path(&path)?;
        writer.write_record(&header)?;
        rows.iter().try_for_each(|row| writer.write_record(row))?;
        writer.flush()
    }
}

fn missing(name: &str) -> io::Error {
    io::Error::other(format!("{name} is not there"))
}

fn column_of(header: &[String], name: &str) -> io::Result<usize> {
    header.iter().position(|held| held == name).ok_or_else(|| io::Error::other(format!("no column {name}")))
}

fn card(name: &str, title: &str, phone: &str) -> String {
    format!(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:uid-{name}\r\nFN:{name}\r\nN:{name};;;;\r\nTITLE:{title}\r\n\
         TEL;TYPE=WORK,VOICE:{phone}\r\nEND:VCARD\r\n"
    )
}

fn items_xml(items: &[(String, String)]) -> String {
    let item = |(code, value): &(String, String)| {
        format!("<contact_item><type_id>{code}</type_id><value>{value}</value></contact_item>")
    };
    let items: String = items.iter().map(item).collect();
    format!("<contact_items type=\"array\">{items}</contact_items>")
}

/// Type codes and values of the items in a contact's XML, as the practice CRM writes it.
fn items_of(xml: &str) -> Vec<(String, String)> {
    let between = |text: &str, start: &str| -> Option<String> {
        let rest = &text[text.find(start)? + start.len()..];
        Some(rest[rest.find('>')? + 1..rest.find("</")?].to_owned())
    };
    let entries = xml.split("<contact_item>").skip(1);
    entries.filter_map(|entry| Some((between(entry, "<type_id")?, between(entry, "<value")?))).collect()
}

#[test]
fn items_are_read_from_xml() {
    let xml = "<contact><contact_items type=\"array\"><contact_item>\n<id type=\"integer\">7</id>\n\
               <type_id type=\"integer\">24</type_id>\n<value>0199000001</value>\n</contact_item></contact_items>";
    assert_eq!(items_of(xml), [("24".to_owned(), "0199000001".to_owned())]);
}
