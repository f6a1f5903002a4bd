//! `carnet conflicts show`: one conflict side by side, or one question with what could be answered.

use serde_json::{Value, json};

use super::{item, table::lay_out};
use crate::{
    cli::{
        context::Context,
        errors::CliError,
        exit,
        messages::{Messages, candidates, typed_choice},
        output::{FAINT, Output, STRONG, WARNING, plain},
    },
    sync::{Candidate, ItemId, Refused, SyncError, Why},
    views::{
        State,
        attention::{Item, Subject},
        clock::local,
        comparison::{Row, side_by_side},
    },
};

/// Columns where nobody says how wide the screen is.
const WIDTH_ASSUMED: usize = 100;

/// `carnet conflicts show`.
pub fn run(id: ItemId, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let (item, rows) = found(id, side_by_side(&context.reader(&settings)?, id)?)?;
    let width = if context.out.terminal { comfy_table::Table::new().width().map(usize::from) } else { None };
    print(&item, &rows, width.unwrap_or(WIDTH_ASSUMED), &mut context.out)?;
    Ok(exit::DONE)
}

fn found<T>(item: ItemId, found: Option<T>) -> Result<T, CliError> {
    found.ok_or_else(|| SyncError::from(Refused { item, why: Why::NotFound }).into())
}

fn print(item: &Item, rows: &[Row], width: usize, out: &mut Output) -> Result<(), CliError> {
    let messages = out.messages();
    if out.json {
        let mut object = item::object(item, messages);
        if matches!(item.subject, Subject::Conflict { .. }) || item.is_conflict_copy() {
            object["rows"] = rows.iter().map(row_object).collect();
        }
        return Ok(out.object(&object)?);
    }
    head(item, out)?;
    if matches!(item.subject, Subject::Conflict { .. }) || !rows.is_empty() {
        let last = match item.state {
            State::Open => "proposed",
            State::Settled => "stands",
        };
        let there = if item.is_conflict_copy() { "copy" } else { &item.replica };
        out.line(&lay_out(&["base", there, "mirror", last], rows, width))?;
    }
    for line in item::text(item, messages).into_iter().chain(item::todo(item, messages)) {
        out.line(&plain(&line))?;
    }
    for candidate in candidates(item) {
        out.line(&could_be(candidate, &item.replica, messages))?;
    }
    out.line("")?;
    let (number, choices) = (item.id.to_string(), item.choices());
    let answers: Vec<String> = choices.iter().map(|choice| typed_choice(choice, candidates(item))).collect();
    let wide = answers.iter().map(|answer| answer.chars().count()).max().unwrap_or(0);
    for (answer, choice) in answers.iter().zip(&choices) {
        let meaning = messages.meaning(item, choice);
        out.line(&format!("  carnet conflicts resolve {number} {answer:wide$}  {FAINT}{meaning}{FAINT:#}"))?;
    }
    Ok(())
}

/// "  it could be 1042 (Ada Durand, who is a.vcf of cards already)"
fn could_be(candidate: &Candidate, replica: &str, messages: &dyn Messages) -> String {
    let (it_could_be, who) = (messages.it_could_be(), messages.candidate(candidate, replica));
    format!("  {it_could_be} {} {FAINT}({}){FAINT:#}", plain(&candidate.id), plain(&who))
}

fn head(one: &Item, out: &mut Output) -> Result<(), CliError> {
    let messages = out.messages();
    let id = one.contact.as_ref().and_then(|contact| contact.crm_id.clone());
    let name = item::name(one, messages);
    let name = id.map_or_else(|| name.clone(), |id| format!("{name} ({id})"));
    let state = match (one.state, &one.noted) {
        (State::Open, None) => format!("{WARNING}waits for you{WARNING:#}"),
        (State::Open, Some(_)) => format!("{WARNING}{}{WARNING:#}", plain(&item::command(one, messages))),
        (State::Settled, _) => "settled".to_owned(),
    };
    let (word, number, since) = (messages.item(one.id), one.id.to_string(), local(&one.since));
    let what = item::what(one, messages);
    let (name, what, replica) = (plain(&name), plain(&what), plain(&one.replica));
    out.line(&format!("{STRONG}{word} {number}{STRONG:#}  {name}  {what}  {FAINT}with{FAINT:#} {replica}"))?;
    Ok(out.line(&format!("{FAINT}since{FAINT:#} {since}  {state}"))?)
}

fn row_object(row: &Row) -> Value {
    let [base, there, here, proposed] = &row.cells;
    json!({ "name": row.name, "base": base, "replica": there, "mirror": here, "proposed": proposed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{conflicts::practice, output::captured};

    fn shown(id: ItemId, width: usize, json: bool) -> String {
        let (mut out, written) = captured::output(true, json, false);
        let (item, rows) = side_by_side(&practice::mirror().into(), id).unwrap().unwrap();
        print(&item, &rows, width, &mut out).unwrap();
        written.text().replace(&local(practice::AT), "THEN")
    }

    #[test]
    fn a_scalar_side_by_side_and_stacked() {
        insta::assert_snapshot!(shown(ItemId::Conflict(1), 100, false), @r"
    conflict 1  Ada Durand (1042)  job_title  with cards
    since THEN  waits for you
                  base       cards      mirror    proposed
     * job_title  Stagiaire  Arpenteur  Géomètre  Géomètre

      carnet conflicts resolve 1 --keep crm              the mirror's, for the CRM too
      carnet conflicts resolve 1 --keep book             this book's
      carnet conflicts resolve 1 --keep job_title=VALUE  a value of your own
    ");
        insta::assert_snapshot!(shown(ItemId::Conflict(1), 40, false), @r"
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
        insta::assert_snapshot!(shown(ItemId::Conflict(1), 100, true), @r#"{"answers":["--keep crm","--keep book","--keep job_title=VALUE"],"base":"Stagiaire","contact":{"deleted":false,"id":"1042","name":"Ada Durand","uid":"u-1"},"field":"job_title","here":"Géomètre","id":1,"kept":"open","number":"1","replica":"cards","rows":[{"base":"Stagiaire","mirror":"Géomètre","name":"job_title","proposed":"Géomètre","replica":"Arpenteur"}],"run":1,"since":"2026-01-01T00:00:00Z","state":"open","there":"Arpenteur","type":"conflict"}"#);
    }

    #[test]
    fn a_list_entry_by_entry() {
        insta::assert_snapshot!(shown(ItemId::Conflict(2), 100, false), @r"
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
        insta::assert_snapshot!(shown(ItemId::Conflict(3), 100, false), @r"
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
        insta::assert_snapshot!(shown(ItemId::Attention(1), 100, false), @r"
    question q1  Zoé Durand  parked  with crm
    since THEN  waits for you
    contact Zoé Durand may or may not have been created in the CRM: its answer was lost
      it could be 1044 (not taken in yet, look at it in the CRM)

      carnet conflicts resolve q1 --adopt CRM_ID  the CRM's contact of this id is it
      carnet conflicts resolve q1 --create        it was not made: send it again
    ");
        insta::assert_snapshot!(shown(ItemId::Attention(2), 100, false), @r"
        question q2  x.vcf  ambiguous  with cards
        since THEN  waits for you
        x.vcf could be 2 known contacts; it was left alone
          it could be 1042 (Ada Durand, who is ada.vcf of cards already)
          it could be 1043 (Bob Durand)

          carnet conflicts resolve q2 --same-as CONTACT  the record is this contact
          carnet conflicts resolve q2 --new              it is somebody else, a contact of its own
        ");
        insta::assert_snapshot!(shown(ItemId::Attention(3), 100, false), @r"
        question q3  y.vcf  ambiguous  with cards
        since THEN  waits for you
        y.vcf looks like a copy of ada.vcf; it was left alone
          it could be 1042 (Ada Durand, who is ada.vcf of cards already)

          carnet conflicts resolve q3 --same-as 1042  the record is this contact
          carnet conflicts resolve q3 --new           it is somebody else, a contact of its own
        ");
        insta::assert_snapshot!(shown(ItemId::Attention(4), 100, false), @r"
        question q4  cards  held_deletion  with cards
        since THEN  waits for you
        30 of 100 contacts are missing from cards; 10 may go without a word
        nothing was deleted; if this is meant, run `carnet sync --max-delete 30`

          carnet conflicts resolve q4 --dismiss  it is seen; nothing is done
        ");
        let nobody = ItemId::Attention(9);
        let nobody = found(nobody, side_by_side(&practice::mirror().into(), nobody).unwrap()).map(drop).unwrap_err();
        assert_eq!(nobody.to_string(), "find question q9");
    }
}
