//! `carnet conflicts show`: one conflict side by side, or one question with what could be answered.

use serde_json::{Value, json};

use super::{
    table::{Row, aligned, lay_out},
    waiting::{Subject, Waiting, typed_number},
};
use crate::{
    cli::{
        context::Context,
        errors::CliError,
        exit,
        output::{FAINT, Output, STRONG, WARNING, plain},
        status::local,
    },
    contact::{Address, Contact, Field, FieldSet, Item},
    mirror::{ConflictRow, Mirror, State},
    reconcile::{
        Keep,
        resolution::{Sides, scalar},
    },
    sync::{self, Candidate, Number},
};

/// Columns where nobody says how wide the screen is.
const WIDTH_ASSUMED: usize = 100;

/// `carnet conflicts show`.
pub fn run(number: Number, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let mirror = context.mirror(&settings)?;
    let one = find(&mirror, number)?;
    let width = if context.out.terminal { comfy_table::Table::new().width().map(usize::from) } else { None };
    print(&mirror, &one, width.unwrap_or(WIDTH_ASSUMED), &mut context.out)?;
    Ok(exit::DONE)
}

fn find(mirror: &Mirror, number: Number) -> Result<Waiting, CliError> {
    let found = match number {
        Number::Conflict(id) => mirror.conflict(id)?.map(|row| Waiting::conflict(mirror, row)),
        Number::Question(id) => mirror.question_by_id(id)?.map(|row| Waiting::question(mirror, row)),
    };
    let what = match number {
        Number::Conflict(_) => "conflict",
        Number::Question(_) => "question",
    };
    found.unwrap_or_else(|| {
        Err(CliError::usage(format!("find {what} {}", typed_number(number)), "`carnet conflicts` lists them"))
    })
}

fn print(mirror: &Mirror, one: &Waiting, width: usize, out: &mut Output) -> Result<(), CliError> {
    match &one.subject {
        Subject::Conflict(row) => {
            let view = View::of(mirror, one, row)?;
            if out.json {
                let mut object = one.object();
                object["rows"] = view.rows.iter().map(|row| view.object(row)).collect();
                return Ok(out.object(&object)?);
            }
            head(one, out)?;
            let heads = ["base", view.replica.as_str(), "mirror", view.proposed];
            out.line(&lay_out(&heads, &view.rows, width))?;
        }
        Subject::Question(row) => {
            if out.json {
                return Ok(out.object(&one.object())?);
            }
            head(one, out)?;
            out.line(&plain(&row.text))?;
            if let Some(todo) = &one.todo {
                out.line(&plain(todo))?;
            }
            for candidate in &one.candidates {
                out.line(&could_be(candidate, &row.replica))?;
            }
        }
    }
    out.line("")?;
    let (number, answers) = (typed_number(one.number()), one.answers());
    let wide = answers.iter().map(|answer| answer.chars().count()).max().unwrap_or(0);
    for answer in &answers {
        let meaning = one.meaning(answer);
        out.line(&format!("  carnet conflicts resolve {number} {answer:wide$}  {FAINT}{meaning}{FAINT:#}"))?;
    }
    Ok(())
}

/// "  it could be 1042 (Ada Durand, who is a.vcf of cards already)"
fn could_be(candidate: &Candidate, replica: &str) -> String {
    let Candidate { id, name, held } = candidate;
    let name = name.as_deref().unwrap_or("not taken in yet, look at it in the CRM");
    let held = held.as_ref().map_or_else(String::new, |held| format!(", who is {held} of {replica} already"));
    format!("  it could be {} {FAINT}({}){FAINT:#}", plain(id), plain(&format!("{name}{held}")))
}

fn head(one: &Waiting, out: &mut Output) -> Result<(), CliError> {
    let (word, field) = match &one.subject {
        Subject::Conflict(_) => ("conflict", one.what().to_owned()),
        Subject::Question(row) => ("question", row.kind.clone()),
    };
    let id = one.contact.as_ref().and_then(|stored| stored.crm_id.clone());
    let name = id.map_or_else(|| one.name(), |id| format!("{} ({id})", one.name()));
    let state = match one.state() {
        State::Open => format!("{WARNING}waits for you{WARNING:#}"),
        State::Settled => "settled".to_owned(),
    };
    let (number, since) = (typed_number(one.number()), local(&one.since));
    let (name, field, replica) = (plain(&name), plain(&field), plain(one.replica()));
    out.line(&format!("{STRONG}{word} {number}{STRONG:#}  {name}  {field}  {FAINT}with{FAINT:#} {replica}"))?;
    Ok(out.line(&format!("{FAINT}since{FAINT:#} {since}  {state}"))?)
}

/// A conflict, ready to be laid out.
struct View {
    replica: String,
    rows: Vec<Row>,
    /// The last column's head: what could stand, or what stands.
    proposed: &'static str,
}

impl View {
    fn of(mirror: &Mirror, one: &Waiting, row: &ConflictRow) -> Result<Self, CliError> {
        let nothing = Contact::default();
        let here = one.contact.as_ref().filter(|stored| !stored.deleted);
        let mirrors = here.map_or(&nothing, |stored| &stored.contact);
        let agreement = here.map(|stored| mirror.agreement(&row.replica, stored.id)).transpose()?.flatten();
        let rows = match row.field.as_deref().map(Field::from_name) {
            None => {
                let base = agreement.as_ref().map_or(&nothing, |agreement| &agreement.theirs);
                whole(base, mirrors)
            }
            Some(Some(field)) if field.is_list() => {
                let base = row.base.iter().flat_map(|base| base.split("; ")).map(str::to_owned).collect();
                let theirs = agreement.as_ref().map_or(&nothing, |agreement| &agreement.theirs);
                let now = entries(mirrors, field);
                aligned(field.name(), &[base, entries(theirs, field), now.clone(), now])
            }
            Some(Some(field)) => {
                let (here, there) = match here {
                    Some(stored) => sync::conflict_values(row, stored, agreement.as_ref(), field),
                    None => (String::new(), row.there.clone().unwrap_or_default()),
                };
                let proposed = match row.state {
                    State::Open => proposal(row, field, &here, &there),
                    State::Settled => mirrors.scalar(field).into_owned(),
                };
                let base = row.base.clone().unwrap_or_default();
                vec![Row { name: field.name().to_owned(), cells: [base, there, here, proposed] }]
            }
            Some(None) => Vec::new(),
        };
        let proposed = match row.state {
            State::Open => "proposed",
            State::Settled => "stands",
        };
        Ok(Self { replica: row.replica.clone(), rows, proposed })
    }

    fn object(&self, row: &Row) -> Value {
        let [base, there, here, proposed] = &row.cells;
        json!({ "name": row.name, "base": base, "replica": there, "mirror": here, "proposed": proposed })
    }
}

/// What would stand if a person had no better idea: both comments; else the CRM's, as the settings' default has it.
fn proposal(row: &ConflictRow, field: Field, here: &str, there: &str) -> String {
    let sides = match row.replica.as_str() {
        "crm" => Sides { crm: there, book: here },
        _ => Sides { crm: here, book: there },
    };
    let keep = if field == Field::Comment { Keep::Both } else { Keep::Crm };
    scalar(field, sides, &keep).unwrap_or_default()
}

/// A contact that one side deleted and the other edited: every field, the deleting side empty.
fn whole(base: &Contact, mirrors: &Contact) -> Vec<Row> {
    let mut rows = Vec::new();
    for field in base.set_fields().or(mirrors.set_fields()).and(FieldSet::ALL).iter() {
        if field.is_list() {
            let now = entries(mirrors, field);
            rows.extend(aligned(field.name(), &[entries(base, field), Vec::new(), now.clone(), now]));
        } else {
            let now = mirrors.scalar(field).into_owned();
            let cells = [base.scalar(field).into_owned(), String::new(), now.clone(), now];
            rows.push(Row { name: field.name().to_owned(), cells });
        }
    }
    rows
}

fn entries(contact: &Contact, field: Field) -> Vec<String> {
    match field {
        Field::Addresses => contact.addresses.iter().map(Address::one_line).collect(),
        Field::Items => contact.items.iter().map(Item::one_line).collect(),
        // A photo is kilobytes of base64: its first letters are enough to know it.
        Field::Extra => contact.extra.iter().map(|line| line.chars().take(100).collect()).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{conflicts::practice, output::captured};

    fn shown(number: Number, width: usize, json: bool) -> String {
        let mirror = practice::mirror();
        let (mut out, written) = captured::output(true, json, false);
        print(&mirror, &find(&mirror, number).unwrap(), width, &mut out).unwrap();
        written.text().replace(&local(practice::AT), "THEN")
    }

    #[test]
    fn a_scalar_side_by_side_and_stacked() {
        insta::assert_snapshot!(shown(Number::Conflict(1), 100, false), @r"
    conflict 1  Ada Durand (1042)  job_title  with cards
    since THEN  waits for you
                  base       cards      mirror    proposed
     * job_title  Stagiaire  Arpenteur  Géomètre  Géomètre

      carnet conflicts resolve 1 --keep crm              the mirror's, for the CRM too
      carnet conflicts resolve 1 --keep book             this book's
      carnet conflicts resolve 1 --keep job_title=VALUE  a value of your own
    ");
        insta::assert_snapshot!(shown(Number::Conflict(1), 40, false), @r"
    conflict 1  Ada Durand (1042)  job_title  with cards
    since THEN  waits for you
    * job_title
        base      Stagiaire
        cards     Arpenteur
        mirror    Géomètre
        proposed  Géomètre

      carnet conflicts resolve 1 --keep crm              the mirror's, for the CRM too
      carnet conflicts resolve 1 --keep book             this book's
      carnet conflicts resolve 1 --keep job_title=VALUE  a value of your own
    ");
        insta::assert_snapshot!(shown(Number::Conflict(1), 100, true), @r#"{"answers":["--keep crm","--keep book","--keep job_title=VALUE"],"base":"Stagiaire","contact":{"deleted":false,"id":"1042","name":"Ada Durand","uid":"u-1"},"field":"job_title","here":"Géomètre","id":1,"kept":"open","number":"1","replica":"cards","rows":[{"base":"Stagiaire","mirror":"Géomètre","name":"job_title","proposed":"Géomètre","replica":"Arpenteur"}],"run":1,"since":"2026-01-01T00:00:00Z","state":"open","there":"Arpenteur","type":"conflict"}"#);
    }

    #[test]
    fn a_list_entry_by_entry() {
        insta::assert_snapshot!(shown(Number::Conflict(2), 100, false), @r"
    conflict 2  Ada Durand (1042)  contact_items  with cards
    since THEN  settled
                           base            cards           mirror          stands
       professional_phone  01 99 00 00 02  01 99 00 00 03  01 99 00 00 03  01 99 00 00 03
       professional_phone                  01 99 00 00 01  01 99 00 00 01  01 99 00 00 01

      carnet conflicts resolve 2 --keep crm   the mirror's, for the CRM too
      carnet conflicts resolve 2 --keep book  this book's
      carnet conflicts resolve 2 --keep both  both
    ");
    }

    #[test]
    fn a_whole_contact() {
        insta::assert_snapshot!(shown(Number::Conflict(3), 100, false), @r"
    conflict 3  Bob Durand (1043)  whole contact  with crm
    since THEN  waits for you
                           base            crm  mirror          proposed
     * last_name           Durand               Durand          Durand
     * first_name          Bob                  Bob             Bob
     * job_title                                Acheteur        Acheteur
     * professional_phone  01 99 00 00 08       01 99 00 00 09  01 99 00 00 09

      carnet conflicts resolve 3 --keep book  it stays, and is created in the CRM again
      carnet conflicts resolve 3 --keep crm   it is deleted here, as in the CRM
    ");
    }

    #[test]
    fn questions() {
        insta::assert_snapshot!(shown(Number::Question(1), 100, false), @r"
    question q1  Zoé Durand  parked  with crm
    since THEN  waits for you
    contact u-3 may or may not have been created in the CRM: its answer was lost
      it could be 1044 (not taken in yet, look at it in the CRM)

      carnet conflicts resolve q1 --adopt CRM_ID  the CRM's contact of this id is it
      carnet conflicts resolve q1 --create        it was not made: send it again
    ");
        insta::assert_snapshot!(shown(Number::Question(2), 100, false), @r"
        question q2  x.vcf  ambiguous  with cards
        since THEN  waits for you
        x.vcf could be 2 known contacts; it was left alone
          it could be 1042 (Ada Durand, who is ada.vcf of cards already)
          it could be 1043 (Bob Durand)

          carnet conflicts resolve q2 --same-as CONTACT  the record is this contact
          carnet conflicts resolve q2 --new              it is somebody else, a contact of its own
        ");
        insta::assert_snapshot!(shown(Number::Question(3), 100, false), @r"
        question q3  y.vcf  ambiguous  with cards
        since THEN  waits for you
        y.vcf looks like a copy of ada.vcf; it was left alone
          it could be 1042 (Ada Durand, who is ada.vcf of cards already)

          carnet conflicts resolve q3 --same-as 1042  the record is this contact
          carnet conflicts resolve q3 --new           it is somebody else, a contact of its own
        ");
        insta::assert_snapshot!(shown(Number::Question(4), 100, false), @r"
        question q4  cards  held_deletion  with cards
        since THEN  waits for you
        30 of 100 contacts are missing from cards; 10 may go without a word
        nothing was deleted; if this is meant, run `carnet sync --max-delete 30`

          carnet conflicts resolve q4 --dismiss  it is seen; nothing is done
        ");
        let nobody = find(&practice::mirror(), Number::Question(9)).unwrap_err();
        assert_eq!(nobody.to_string(), "find question q9");
    }
}
