//! `carnet conflicts list`: one line for each conflict and question, with what to type.

use super::item;
use crate::{
    cli::{
        context::Context,
        errors::CliError,
        exit,
        messages::{Messages, typed_number},
        output::{FAINT, Output, STRONG, WARNING, plain},
        status::local,
    },
    views::{
        State,
        attention::{Item, Subject, items},
    },
};

/// `carnet conflicts list`.
pub fn run(all: bool, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let items = items(&context.reader(&settings)?, all)?;
    if items.is_empty() && !context.out.json {
        context.talk(context.out.messages().nothing_waits());
    }
    print(&items, &mut context.out)?;
    Ok(exit::DONE)
}

fn print(items: &[Item], out: &mut Output) -> Result<(), CliError> {
    let messages = out.messages();
    if out.json {
        for one in items {
            out.object(&item::object(one, messages))?;
        }
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items.iter().map(|one| row(one, messages)).collect();
    if !out.terminal {
        return Ok(out.rows(&[], &rows)?);
    }
    // Not a table that wraps: a command on one line can be copied.
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    for (row, one) in rows.iter().zip(items) {
        let pad = |column: usize| {
            let cell = plain(&row[column]);
            let gap = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
            format!("{cell}{gap}")
        };
        let style = if one.state == State::Open { WARNING } else { FAINT };
        let (number, name, what, replica, since) = (pad(0), pad(1), pad(2), pad(3), pad(4));
        let command = plain(&row[5]);
        out.line(&format!(
            "{STRONG}{number}{STRONG:#}  {name}  {style}{what}{style:#}  {replica}  {FAINT}{since}{FAINT:#}  {command}"
        ))?;
    }
    Ok(())
}

/// Number, contact, field or kind, replica, since when, what to type.
fn row(one: &Item, messages: &dyn Messages) -> Vec<String> {
    let since = match &one.subject {
        Subject::Conflict { kept, .. } if one.state == State::Settled => {
            format!("{}, {}", local(&one.since), messages.kept(kept))
        }
        Subject::Conflict { .. } | Subject::Attention { .. } => local(&one.since),
    };
    let (name, what) = (item::name(one, messages), item::what(one, messages));
    vec![typed_number(one.id), name, what, one.replica.clone(), since, item::command(one, messages)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::{conflicts::practice, output::captured},
        mirror::Mirror,
        views::Reader,
    };

    fn listed(reader: &Reader, all: bool, terminal: bool, json: bool) -> String {
        let (mut out, written) = captured::output(terminal, json, false);
        print(&items(reader, all).unwrap(), &mut out).unwrap();
        written.text().replace(&local(practice::AT), "THEN")
    }

    #[test]
    fn one_line_each_with_what_to_type() {
        let reader = practice::mirror().into();
        insta::assert_snapshot!(listed(&reader, false, true, false), @r"
        1   Ada Durand  job_title      cards  THEN  carnet conflicts resolve 1 --keep crm (or book, job_title=VALUE)
        3   Bob Durand  whole contact  crm    THEN  carnet conflicts resolve 3 --keep book (or crm)
        q1  Zoé Durand  parked         crm    THEN  carnet conflicts resolve q1 --adopt CRM_ID (or --create)
        q2  x.vcf       ambiguous      cards  THEN  carnet conflicts resolve q2 --same-as CONTACT (or --new)
        q3  y.vcf       ambiguous      cards  THEN  carnet conflicts resolve q3 --same-as 1042 (or --new)
        q4  cards       held_deletion  cards  THEN  nothing was deleted; if this is meant, run `carnet sync --max-delete 30`
        ");
        insta::assert_snapshot!(listed(&reader, true, false, false).replace('\t', " | "), @r"
        1 | Ada Durand | job_title | cards | THEN | carnet conflicts resolve 1 --keep crm (or book, job_title=VALUE)
        2 | Ada Durand | contact_items | cards | THEN, both were kept | carnet conflicts resolve 2 --keep crm (or book, both)
        3 | Bob Durand | whole contact | crm | THEN | carnet conflicts resolve 3 --keep book (or crm)
        q1 | Zoé Durand | parked | crm | THEN | carnet conflicts resolve q1 --adopt CRM_ID (or --create)
        q2 | x.vcf | ambiguous | cards | THEN | carnet conflicts resolve q2 --same-as CONTACT (or --new)
        q3 | y.vcf | ambiguous | cards | THEN | carnet conflicts resolve q3 --same-as 1042 (or --new)
        q4 | cards | held_deletion | cards | THEN | nothing was deleted; if this is meant, run `carnet sync --max-delete 30`
        ");
        insta::assert_snapshot!(listed(&reader, false, false, true), @r#"
        {"answers":["--keep crm","--keep book","--keep job_title=VALUE"],"base":"Stagiaire","contact":{"deleted":false,"id":"1042","name":"Ada Durand","uid":"u-1"},"field":"job_title","here":"Géomètre","id":1,"kept":"open","number":"1","replica":"cards","run":1,"since":"2026-01-01T00:00:00Z","state":"open","there":"Arpenteur","type":"conflict"}
        {"answers":["--keep book","--keep crm"],"base":"","contact":{"deleted":false,"id":"1043","name":"Bob Durand","uid":"u-2"},"field":null,"here":"Bob Durand","id":3,"kept":"open","number":"3","replica":"crm","run":1,"since":"2026-01-01T00:00:00Z","state":"open","there":"","type":"conflict"}
        {"answers":["--adopt CRM_ID","--create"],"candidates":[{"held":null,"id":"1044","name":null}],"contact":{"deleted":false,"id":null,"name":"Zoé Durand","uid":"u-3"},"id":1,"kind":"parked","number":"q1","remote":"u-3","replica":"crm","run":1,"since":"2026-01-01T00:00:00Z","state":"open","text":"contact u-3 may or may not have been created in the CRM: its answer was lost","todo":null,"type":"question"}
        {"answers":["--same-as CONTACT","--new"],"candidates":[{"held":"ada.vcf","id":"1042","name":"Ada Durand"},{"held":null,"id":"1043","name":"Bob Durand"}],"contact":null,"id":2,"kind":"ambiguous","number":"q2","remote":"x.vcf","replica":"cards","run":1,"since":"2026-01-01T00:00:00Z","state":"open","text":"x.vcf could be 2 known contacts; it was left alone","todo":null,"type":"question"}
        {"answers":["--same-as 1042","--new"],"candidates":[{"held":"ada.vcf","id":"1042","name":"Ada Durand"}],"contact":null,"id":3,"kind":"ambiguous","number":"q3","remote":"y.vcf","replica":"cards","run":1,"since":"2026-01-01T00:00:00Z","state":"open","text":"y.vcf looks like a copy of ada.vcf; it was left alone","todo":null,"type":"question"}
        {"answers":["--dismiss"],"candidates":[],"contact":null,"id":4,"kind":"held_deletion","number":"q4","remote":"","replica":"cards","run":1,"since":"2026-01-01T00:00:00Z","state":"open","text":"30 of 100 contacts are missing from cards; 10 may go without a word","todo":"nothing was deleted; if this is meant, run `carnet sync --max-delete 30`","type":"question"}
        "#);
        assert_eq!(listed(&Mirror::in_memory().unwrap().into(), true, true, false), "");
    }
}
