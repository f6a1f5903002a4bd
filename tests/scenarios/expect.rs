//! What must be so in the world of a scenario.

use std::fs;

use carnet::mirror::{Mirror, Search, Stored};

use super::{
    words::{Outcome, assignment, body_of, holds, same},
    world::World,
};

impl World {
    pub(super) fn expect(&mut self, line: &str) -> Outcome {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        if ["card", "untouched", "quiet"].contains(&what) {
            self.pull()?;
        }
        match what {
            "crm" => self.expect_crm(rest),
            "card" => self.expect_card(rest),
            "sheet" => self.expect_sheet(rest),
            "mirror" => self.expect_mirror(rest),
            "sent" => self.expect_sent(rest),
            "told" => self.told.iter().any(|told| told.contains(rest)).then_some(()).ok_or(self.told.join("\n")),
            "untouched" => same("files", &self.snapshot(), &self.before),
            "quiet" => {
                self.expect_sent("nothing")?;
                same("files", &self.snapshot(), &self.before)?;
                if self.summary.nothing_changed() { Ok(()) } else { Err(format!("{:?}", self.summary)) }
            }
            other => Err(format!("nothing to expect of {other}")),
        }
    }

    /// `expect crm #2 job_title = X`, `expect crm has 5 contacts`, `expect crm last holds TEXT`
    fn expect_crm(&self, line: &str) -> Outcome {
        let store = self.sandbox().store();
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["has", count, "contacts"] => {
                same("contacts", &store.count().map_err(|error| error.to_string())?.to_string(), &(*count).to_owned())
            }
            [id, element, "=", ..] => {
                let value = assignment(line)?.1;
                let held = store.value(self.id(id)?, element).map_err(|error| error.to_string())?;
                same(element, &held.unwrap_or_default(), &value.to_owned())
            }
            [id, verb @ ("holds" | "lacks"), ..] => {
                let text = line.split_once(&format!(" {verb} ")).map(|(_, text)| text).unwrap_or_default();
                let xml = store.contact_xml(self.id(id)?).map_err(|error| error.to_string())?.unwrap_or_default();
                holds(&xml, text, *verb == "holds")
            }
            _ => Err("expected `ID ELEMENT = VALUE`, `has N contacts` or `ID holds TEXT`".to_owned()),
        }
    }

    /// `expect card #2 holds TITLE:X`, `expect card #2 lacks ...`, `expect card are 5`
    fn expect_card(&self, line: &str) -> Outcome {
        if let Some(count) = line.strip_prefix("are ") {
            let found = self.snapshot().keys().filter(|path| path.extension().is_some_and(|e| e == "vcf")).count();
            return same("cards", &found.to_string(), &count.to_owned());
        }
        let (who, rest) = line.split_once(' ').ok_or("expected a card")?;
        let (verb, text) = rest.split_once(' ').ok_or("expected `holds` or `lacks`")?;
        let card = fs::read_to_string(self.card_of(who)?).map_err(|error| error.to_string())?;
        holds(&card, text, verb == "holds")
    }

    /// `expect sheet #2 job_title = X`, `expect sheet has 5 rows`, `expect sheet lacks TEXT`
    fn expect_sheet(&self, line: &str) -> Outcome {
        let (header, rows) = self.table()?;
        if let Some(count) = line.strip_prefix("has ").and_then(|rest| rest.strip_suffix(" rows")) {
            return same("rows", &rows.len().to_string(), &count.to_owned());
        }
        let (cell, value) = assignment(line)?;
        let (who, name) = cell.split_once(' ').ok_or("expected `ID COLUMN`")?;
        let who = self.id(who)?.to_string();
        let at = |name: &str| header.iter().position(|held| held == name).ok_or(format!("no column {name}"));
        let row = rows.iter().find(|row| at("id").is_ok_and(|id| row[id] == who)).ok_or("no such row")?;
        same(name, &row[at(name)?], &value.to_owned())
    }

    /// `expect mirror has 5 contacts`, `expect mirror holds TEXT`
    fn expect_mirror(&self, line: &str) -> Outcome {
        let mirror =
            Mirror::open_read_only(&self.folder.path().join("carnet.db")).map_err(|error| error.to_string())?;
        if let Some(count) = line.strip_prefix("has ").and_then(|rest| rest.strip_suffix(" contacts")) {
            let held = mirror.count_contacts().map_err(|error| error.to_string())?;
            return same("contacts", &held.to_string(), &count.to_owned());
        }
        if let Some((verb @ ("holds" | "lacks"), text)) = line.split_once(' ') {
            let mut all = String::new();
            let mut take = |stored: Stored| {
                all += &serde_json::json!(stored.contact).to_string();
                Ok(())
            };
            mirror.for_each_contact(&Search::default(), &mut take).map_err(|error| error.to_string())?;
            return holds(&all, text, verb == "holds");
        }
        let (field, value) = line.split_once(" = ").ok_or("expected `has N contacts` or `FIELD = VALUE`")?;
        let mut found = 0;
        let search = Search::by(&[(field.to_owned(), value.to_owned())]).map_err(|error| error.to_string())?;
        // A search does not mind the case, a scenario does.
        let exactly = format!("\"{field}\":{}", serde_json::Value::from(value));
        mirror
            .for_each_contact(&search, &mut |stored| {
                found += usize::from(serde_json::json!(stored.contact).to_string().contains(&exactly));
                Ok(())
            })
            .map_err(|error| error.to_string())?;
        if found == 1 { Ok(()) } else { Err(format!("{found} contacts of the mirror fit")) }
    }

    /// `expect sent nothing`, `expect sent PUT #2 <contact>...</contact>`, `expect sent 1 POST`
    fn expect_sent(&self, line: &str) -> Outcome {
        let log = self.sandbox().store().log();
        let writes: Vec<String> = log
            .iter()
            .filter(|request| request.method != "GET" && !request.body.contains("carnet probe"))
            .map(|request| format!("{} {} {}", request.method, request.path, request.body))
            .collect();
        if line == "nothing" {
            return same("writes", &writes, &Vec::new());
        }
        if let Some((count, method)) = line.split_once(' ').filter(|(count, _)| count.parse::<usize>().is_ok()) {
            let found = writes.iter().filter(|write| write.starts_with(method)).count();
            return same(method, &found.to_string(), &count.to_owned());
        }
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let [method, who, body] = words.as_slice() else { return Err("expected METHOD ID BODY".to_owned()) };
        let path = format!("{method} /demo/contacts/{}.xml ", self.id(who)?);
        let sent: Vec<&str> = writes.iter().filter_map(|write| write.strip_prefix(&path)).map(body_of).collect();
        if sent == [*body] { Ok(()) } else { Err(format!("sent: {writes:#?}")) }
    }
}
