//! `carnet undo`: takes back what a run or one change did, and says what it left alone.
//!
//! A run has a plain number, as in `carnet runs 12`; a change is typed as `carnet history` shows it, `h345`. So a number
//! can never mean the other.

use clap::Args;
use serde_json::{Value, json};

use super::{
    args::WaitArgs,
    context::Context,
    errors::CliError,
    events_json,
    messages::Messages,
    output::{FAINT, Output, STRONG, WARNING, plain},
    plural::counted,
    report::{change_line, place_totals, who},
};
use crate::{
    app,
    sync::{Left, Summary, SyncEvent, Target, UndoOptions, Undone, events::Label},
};

/// Lines of one kind on a screen; `-v` shows all.
const LINES_SHOWN_MAX: usize = 50;

/// Flags of `undo`.
#[derive(Debug, Args)]
pub struct UndoArgs {
    /// A run by its number in `carnet runs` (12), or one change by its number in `carnet history` (h345)
    #[arg(value_name = "RUN|CHANGE", value_parser = target)]
    target: Target,
    /// Show what would be taken back, write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Delete the contacts that the run made, too
    #[arg(long)]
    created: bool,
    /// Replace later values too, and let many contacts be deleted
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

fn target(text: &str) -> Result<Target, String> {
    let (digits, change) = match text.strip_prefix('h') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    match digits.parse::<i64>() {
        Ok(id) if id > 0 && change => Ok(Target::Change(id)),
        Ok(id) if id > 0 => Ok(Target::Run(id)),
        Ok(_) | Err(_) => {
            Err("expected a run of `carnet runs`, such as 12, or a change of `carnet history`, such as h345".to_owned())
        }
    }
}

/// `carnet undo`.
pub fn run(args: &UndoArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings_with_devices()?;
    context.start_logging("warn");
    let UndoArgs { target, dry_run, created, force, wait } = *args;
    let options = UndoOptions { target, dry_run, created, force };
    let mut events = Vec::new();
    let (undone, summary) = app::undo(&settings, &options, wait.limit(), &mut |event| events.push(event))?;
    let shown_max = if context.global.verbose > 0 { usize::MAX } else { LINES_SHOWN_MAX };
    print(&options, &events, &undone, &summary, shown_max, &mut context.out)?;
    Ok(summary.exit_code())
}

fn print(
    options: &UndoOptions,
    events: &[SyncEvent],
    undone: &Undone,
    summary: &Summary,
    shown_max: usize,
    out: &mut Output,
) -> Result<(), CliError> {
    if out.json {
        for event in events {
            out.object(&events_json::event(event, out.messages()))?;
        }
        return Ok(out.object(&object(undone, summary, out.messages()))?);
    }
    let changes = events.iter().filter_map(|event| match event {
        SyncEvent::Change(change) => Some(change_line(change)),
        _ => None,
    });
    listed(changes.collect(), shown_max, out)?;
    listed(undone.left.iter().map(left_line).collect(), shown_max, out)?;
    if !undone.left.is_empty() && !options.force {
        out.say(&format!("{FAINT}--force takes back what was changed again since, too{FAINT:#}"))?;
    }
    listed(undone.without.iter().map(without_line).collect(), shown_max, out)?;
    if let (Target::Run(run), false) = (options.target, undone.created.is_empty()) {
        let made = counted(undone.created.len() as u64, "contact");
        out.say(&format!("{WARNING}run {run} made {made}, which stay:{WARNING:#}"))?;
        listed(undone.created.iter().map(|contact| format!("  {}", who(contact))).collect(), shown_max, out)?;
        out.say(&format!("{FAINT}`carnet undo {run} --created` deletes what the run made{FAINT:#}"))?;
    }
    if let Some(words) = place_totals(summary, "mirror", options.dry_run) {
        out.say(&format!("{STRONG}mirror{STRONG:#}  {words}"))?;
    }
    match () {
        () if undone.nothing => out.say("nothing to take back")?,
        () if options.dry_run => out.say("dry run: nothing was written")?,
        () if !summary.nothing_changed() => {
            out.say(&format!("{FAINT}`carnet sync` carries it to the CRM and the books{FAINT:#}"))?;
            out.say(&format!("{FAINT}`carnet undo {}` takes this back{FAINT:#}", summary.run))?;
        }
        () => {}
    }
    Ok(())
}

fn listed(lines: Vec<String>, shown_max: usize, out: &mut Output) -> Result<(), CliError> {
    let more = lines.len().saturating_sub(shown_max);
    for line in lines.iter().take(shown_max) {
        out.say(line)?;
    }
    if more > 0 {
        out.say(&format!("{more} more; -v shows all"))?;
    }
    Ok(())
}

fn left_line(left: &Left) -> String {
    let Left { change, contact, field, reason } = left;
    let change = change.map_or_else(String::new, |id| format!("h{id}  "));
    let field = plain(field.as_deref().unwrap_or("contact"));
    format!("{WARNING}left alone{WARNING:#}  {change}{}  {field}: {}", who(contact), reason.words())
}

/// What the CRM held of a contact and does not get back.
fn without_line((contact, elements): &(Label, Vec<String>)) -> String {
    let elements = plain(&elements.join(", ")).to_string();
    format!(
        "{WARNING}without{WARNING:#}  {}: {elements}; the CRM's API takes no such elements, the mirror keeps them (facts, \
         `beside.{}`)",
        who(contact),
        plain(&contact.uid)
    )
}

/// The summary of a run, with what was left.
fn object(undone: &Undone, summary: &Summary, messages: &dyn Messages) -> Value {
    let Undone { left, created, without, nothing } = undone;
    let mut object = events_json::summary(summary, messages);
    object["left"] = left
        .iter()
        .map(|left| {
            json!({ "change": left.change, "contact": left.contact, "field": left.field, "reason": left.reason.word() })
        })
        .collect();
    object["created_left"] = created.iter().map(|contact| json!(contact)).collect();
    object["without"] =
        without.iter().map(|(contact, elements)| json!({ "contact": contact, "elements": elements })).collect();
    object["nothing"] = (*nothing).into();
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::output::captured,
        contact::Field,
        sync::{
            Reason,
            events::{Change, ChangeAction, FieldChange, Label},
        },
    };

    #[test]
    fn runs_have_plain_numbers_and_changes_an_h() {
        let check = |text: &str, expected: Option<Target>| assert_eq!(target(text).ok(), expected, "{text}");
        check("12", Some(Target::Run(12)));
        check("h345", Some(Target::Change(345)));
        check("H345", None);
        check("#345", None);
        check("q3", None);
        check("0", None);
        check("", None);
    }

    fn label(name: &str) -> Label {
        Label { uid: "u-1".into(), crm_id: Some("1042".into()), name: name.into() }
    }

    fn shown(json: bool, dry_run: bool, undone: &Undone) -> String {
        let fields = vec![FieldChange { field: Field::JobTitle, old: "Directrice".into(), new: "Acheteuse".into() }];
        let contact = label("Ada Durand");
        let change = Change { place: "mirror".into(), action: ChangeAction::Update, contact, fields };
        let events = [SyncEvent::Change(change)];
        let mut summary = Summary { run: 13, failed: undone.left.len() as u64, dry_run, ..Summary::default() };
        summary.updated.insert("mirror".into(), 1);
        let options = UndoOptions { target: Target::Run(12), dry_run, created: false, force: false };
        let (mut out, written) = captured::output(false, json, false);
        print(&options, &events, undone, &summary, 50, &mut out).unwrap();
        written.text()
    }

    #[test]
    fn what_was_taken_back_and_what_was_not() {
        let left = Left {
            change: Some(345),
            contact: label("Bob Petit"),
            field: Some("comment".into()),
            reason: Reason::Overtaken,
        };
        let without = vec![(label("Ada Durand"), vec!["language".to_owned(), "reference".to_owned()])];
        let undone = Undone { left: vec![left], created: vec![label("Zoé Roux")], without, nothing: false };
        insta::assert_snapshot!(shown(false, false, &undone), @r#"
    mirror  update  Ada Durand (1042)  job_title: "Directrice" -> "Acheteuse"
    left alone  h345  Bob Petit (1042)  comment: it was changed again since
    --force takes back what was changed again since, too
    without  Ada Durand (1042): language, reference; the CRM's API takes no such elements, the mirror keeps them (facts, `beside.u-1`)
    run 12 made 1 contact, which stay:
      Zoé Roux (1042)
    `carnet undo 12 --created` deletes what the run made
    mirror  1 updated
    `carnet sync` carries it to the CRM and the books
    `carnet undo 13` takes this back
    "#);
        insta::assert_snapshot!(shown(false, true, &Undone::default()), @r#"
    mirror  update  Ada Durand (1042)  job_title: "Directrice" -> "Acheteuse"
    mirror  1 to update
    dry run: nothing was written
    "#);
        insta::assert_snapshot!(shown(true, false, &undone), @r#"
    {"action":"update","contact":{"crm_id":"1042","name":"Ada Durand","uid":"u-1"},"fields":[{"field":"job_title","new":"Acheteuse","old":"Directrice"}],"place":"mirror","type":"change"}
    {"conflicts":0,"created":{},"created_left":[{"crm_id":"1042","name":"Zoé Roux","uid":"u-1"}],"deleted":{},"dry_run":false,"failed":1,"left":[{"change":345,"contact":{"crm_id":"1042","name":"Bob Petit","uid":"u-1"},"field":"comment","reason":"overtaken"}],"nothing":false,"requests":{"DELETE":0,"GET":0,"POST":0,"PUT":0},"run":13,"scanned":{},"type":"summary","updated":{"mirror":1},"waiting":0,"without":[{"contact":{"crm_id":"1042","name":"Ada Durand","uid":"u-1"},"elements":["language","reference"]}]}
    "#);
    }
}
