//! `carnet conflicts list`: one line for all that waits: each conflict and question, with what to type, and what failed.

use super::item;
use crate::{
    cli::{
        context::Context,
        errors::CliError,
        exit,
        messages::Messages,
        output::{FAINT, Output, STRONG, WARNING, plain},
        problems,
        report::who,
        status::unsettled_object,
    },
    sync::CRM,
    views::{
        MirrorError, Reader, State,
        attention::{Item, Subject, items},
        clock::local,
        problems::{Problem, problems},
        status::{UnsettledWrite, unsettled_in_crm},
    },
};

/// In the place of a number, where nothing is to be answered.
const NO_NUMBER: &str = "-";

/// `carnet conflicts list`.
pub fn run(all: bool, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let waiting = Waiting::read(&context.reader(&settings)?, all)?;
    if waiting.is_empty() && !context.out.json {
        context.talk(context.out.messages().nothing_waits());
    }
    context.out.begin_list();
    print(&waiting, &mut context.out)?;
    Ok(exit::DONE)
}

/// What waits: what is asked, and what needs no answer.
struct Waiting {
    items: Vec<Item>,
    unsettled: Vec<UnsettledWrite>,
    problems: Vec<Problem>,
}

impl Waiting {
    fn read(reader: &Reader, all: bool) -> Result<Self, MirrorError> {
        Ok(Self { items: items(reader, all)?, unsettled: unsettled_in_crm(reader)?, problems: problems(reader)? })
    }

    fn is_empty(&self) -> bool {
        let Self { items, unsettled, problems } = self;
        items.is_empty() && unsettled.is_empty() && problems.is_empty()
    }

    /// The rows of a table, each with whether it waits.
    fn rows(&self, messages: &dyn Messages) -> Vec<(bool, Vec<String>)> {
        let items = self.items.iter().map(|one| (one.state == State::Open, row(one, messages)));
        let unsettled = self.unsettled.iter().map(|write| (true, row_of_write(write, messages)));
        let problems = self.problems.iter().map(|problem| (true, row_of_problem(problem, messages)));
        items.chain(unsettled).chain(problems).collect()
    }
}

fn print(waiting: &Waiting, out: &mut Output) -> Result<(), CliError> {
    let messages = out.messages();
    if out.json {
        for one in &waiting.items {
            out.object(&item::object(one, messages))?;
        }
        for write in &waiting.unsettled {
            let mut object = unsettled_object(write, messages);
            object["type"] = "unsettled".into();
            object["replica"] = CRM.into();
            out.object(&object)?;
        }
        for problem in &waiting.problems {
            out.object(&problems::waiting(problem, messages))?;
        }
        return Ok(());
    }
    let (waits, rows): (Vec<bool>, Vec<Vec<String>>) = waiting.rows(messages).into_iter().unzip();
    if !out.terminal {
        return Ok(out.rows(&[], &rows)?);
    }
    // Not a table that wraps: a command on one line can be copied.
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    for (row, waits) in rows.iter().zip(waits) {
        let pad = |column: usize| {
            let cell = plain(&row[column]);
            let gap = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
            format!("{cell}{gap}")
        };
        let style = if waits { WARNING } else { FAINT };
        let (number, name, what, replica, since) = (pad(0), pad(1), pad(2), pad(3), pad(4));
        let command = plain(&row[5]);
        out.line(&format!(
            "{STRONG}{number}{STRONG:#}  {name}  {style}{what}{style:#}  {replica}  {FAINT}{since}{FAINT:#}  {command}"
        ))?;
        if !row[6].is_empty() {
            out.line(&format!("{:width$}  {}", "", plain(&row[6]), width = widths[0]))?;
        }
    }
    Ok(())
}

/// Number, contact, field or kind, replica, since when, what to type, what is in question.
fn row(one: &Item, messages: &dyn Messages) -> Vec<String> {
    let since = match &one.subject {
        Subject::Conflict { kept, .. } if one.state == State::Settled => {
            format!("{}, {}", local(&one.since), messages.kept(kept))
        }
        Subject::Conflict { .. } | Subject::Attention { .. } => local(&one.since),
    };
    let (name, what) = (item::name(one, messages), item::what(one, messages));
    let question = item::question(one, messages);
    vec![one.id.to_string(), name, what, one.replica.clone(), since, item::command(one, messages), question]
}

/// The same of a write to the CRM that has no number: there is nothing to type.
fn row_of_write(write: &UnsettledWrite, messages: &dyn Messages) -> Vec<String> {
    let (what, todo) = (write.state.word().to_owned(), messages.unsettled_todo(write));
    let text = format!("{}; {todo}", messages.unsettled(write, &who(&write.contact)));
    vec![NO_NUMBER.to_owned(), who(&write.contact), what, CRM.to_owned(), local(&write.sent_at), text, String::new()]
}

/// The same of what failed and is tried again.
fn row_of_problem(problem: &Problem, messages: &dyn Messages) -> Vec<String> {
    let Problem { failure, since, .. } = problem;
    let what = messages.failed_to_be(failure.activity).to_owned();
    let text = format!("{}; {}", messages.failure(failure), problems::todo(failure, messages));
    let (name, replica) = (problems::name(failure), failure.replica.clone());
    vec![NO_NUMBER.to_owned(), name, what, replica, local(since), text, String::new()]
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
        print(&Waiting::read(reader, all).unwrap(), &mut out).unwrap();
        written.text().replace(&local(practice::AT), "THEN")
    }

    #[test]
    fn one_line_each_with_what_to_type() {
        let reader = practice::mirror().into();
        insta::assert_snapshot!(listed(&reader, false, true, false), @r#"
        1   Ada Durand  job_title      cards  THEN  carnet conflicts resolve 1 --keep crm (or book, job_title=VALUE)
            mirror "Géomètre", cards "Arpenteur"
        3   Bob Durand  whole contact  crm    THEN  carnet conflicts resolve 3 --keep book (or crm)
            mirror "Bob Durand", crm nothing
        q1  Zoé Durand  parked         crm    THEN  carnet conflicts resolve q1 --adopt CRM_ID (or --create)
            contact Zoé Durand may or may not have been created in the CRM: its answer was lost
        q2  x.vcf       ambiguous      cards  THEN  carnet conflicts resolve q2 --same-as CONTACT (or --new)
            x.vcf could be 2 known contacts; it was left alone
        q3  y.vcf       ambiguous      cards  THEN  carnet conflicts resolve q3 --same-as 1042 (or --new)
            y.vcf looks like a copy of ada.vcf; it was left alone
        q4  cards       held_deletion  cards  THEN  nothing was deleted; if this is meant, run `carnet sync --max-delete 30`
            30 of 100 contacts are missing from cards; 10 may go without a word
        "#);
        insta::assert_snapshot!(listed(&reader, true, false, false).replace('\t', " | "), @r#"
        1 | Ada Durand | job_title | cards | THEN | carnet conflicts resolve 1 --keep crm (or book, job_title=VALUE) | mirror "Géomètre", cards "Arpenteur"
        2 | Ada Durand | contact_items | cards | THEN, both were kept | carnet conflicts resolve 2 --keep crm (or book, both) | mirror "professional_phone: 01 99 00 00 01", cards "professional_phone: 01 99 00 00 03"
        3 | Bob Durand | whole contact | crm | THEN | carnet conflicts resolve 3 --keep book (or crm) | mirror "Bob Durand", crm nothing
        q1 | Zoé Durand | parked | crm | THEN | carnet conflicts resolve q1 --adopt CRM_ID (or --create) | contact Zoé Durand may or may not have been created in the CRM: its answer was lost
        q2 | x.vcf | ambiguous | cards | THEN | carnet conflicts resolve q2 --same-as CONTACT (or --new) | x.vcf could be 2 known contacts; it was left alone
        q3 | y.vcf | ambiguous | cards | THEN | carnet conflicts resolve q3 --same-as 1042 (or --new) | y.vcf looks like a copy of ada.vcf; it was left alone
        q4 | cards | held_deletion | cards | THEN | nothing was deleted; if this is meant, run `carnet sync --max-delete 30` | 30 of 100 contacts are missing from cards; 10 may go without a word
        "#);
        insta::assert_snapshot!(listed(&reader, false, false, true), @r#"
        {"answers":["--keep crm","--keep book","--keep job_title=VALUE"],"base":"Stagiaire","contact":{"deleted":false,"id":"1042","name":"Ada Durand","uid":"u-1"},"field":"job_title","here":"Géomètre","id":1,"kept":"open","number":"1","replica":"cards","run":1,"since":"2026-01-01T00:00:00Z","state":"open","there":"Arpenteur","type":"conflict"}
        {"answers":["--keep book","--keep crm"],"base":"","contact":{"deleted":false,"id":"1043","name":"Bob Durand","uid":"u-2"},"field":null,"here":"Bob Durand","id":3,"kept":"open","number":"3","replica":"crm","run":1,"since":"2026-01-01T00:00:00Z","state":"open","there":"","type":"conflict"}
        {"answers":["--adopt CRM_ID","--create"],"candidates":[{"held":null,"id":"1044","name":null}],"contact":{"deleted":false,"id":null,"name":"Zoé Durand","uid":"u-3"},"id":1,"kind":"parked","number":"q1","remote":"u-3","replica":"crm","run":1,"since":"2026-01-01T00:00:00Z","state":"open","text":"contact Zoé Durand may or may not have been created in the CRM: its answer was lost","todo":null,"type":"question"}
        {"answers":["--same-as CONTACT","--new"],"candidates":[{"held":"ada.vcf","id":"1042","name":"Ada Durand"},{"held":null,"id":"1043","name":"Bob Durand"}],"contact":null,"id":2,"kind":"ambiguous","number":"q2","remote":"x.vcf","replica":"cards","run":1,"since":"2026-01-01T00:00:00Z","state":"open","text":"x.vcf could be 2 known contacts; it was left alone","todo":null,"type":"question"}
        {"answers":["--same-as 1042","--new"],"candidates":[{"held":"ada.vcf","id":"1042","name":"Ada Durand"}],"contact":null,"id":3,"kind":"ambiguous","number":"q3","remote":"y.vcf","replica":"cards","run":1,"since":"2026-01-01T00:00:00Z","state":"open","text":"y.vcf looks like a copy of ada.vcf; it was left alone","todo":null,"type":"question"}
        {"answers":["--dismiss"],"candidates":[],"contact":null,"id":4,"kind":"held_deletion","number":"q4","remote":"","replica":"cards","run":1,"since":"2026-01-01T00:00:00Z","state":"open","text":"30 of 100 contacts are missing from cards; 10 may go without a word","todo":"nothing was deleted; if this is meant, run `carnet sync --max-delete 30`","type":"question"}
        "#);
        assert_eq!(listed(&Mirror::in_memory().unwrap().into(), true, true, false), "");
    }
}
