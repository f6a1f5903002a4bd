//! What a run says: a few calm lines on stdout, troubles on stderr, JSON if asked for.
//!
//! stdout is data, and names people. What goes to stderr ends in a log as soon as nobody sits before it (cron, a service):
//! there people are their ids, and only a terminal is told their names too.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
};

use super::{
    args::Global,
    context::Context,
    events_json,
    messages::Said,
    output::{BAD, FAINT, Output, STRONG, WARNING, on_one_line, plain},
    plural::counted,
    progress::Progress,
};
use crate::{
    config::{BookKind, Settings},
    sync::{
        Summary, SyncEvent, Telling,
        events::{Change, ChangeAction, ConflictNote, Label, Note},
    },
};

/// Takes a run's events and tells of them.
pub struct Report<'o> {
    out: &'o mut Output,
    talk: Box<dyn Write>,
    /// The talk goes to a user, not into a log.
    names: bool,
    progress: Progress,
    /// Print each change.
    each_change: bool,
    /// Print every trouble, log-like progress too.
    verbose: bool,
    dry_run: bool,
    /// The replicas in the order of the settings, with what their records are called.
    places: Vec<(String, &'static str)>,
    pages: BTreeMap<String, u32>,
    /// The first error of stdout; a run is not given up for it.
    broken: Option<io::Error>,
}

impl<'o> Report<'o> {
    /// For a run on these settings.
    pub fn new(context: &'o mut Context, settings: &Settings, dry_run: bool) -> Self {
        let Context { global, out } = context;
        let talk = (Box::new(anstream::stderr()) as Box<dyn Write>, io::stderr().is_terminal());
        Self::to(out, talk, global, settings, dry_run)
    }

    fn to(
        out: &'o mut Output,
        (talk, names): (Box<dyn Write>, bool),
        global: &Global,
        settings: &Settings,
        dry_run: bool,
    ) -> Self {
        let books = settings.books.iter().map(|book| {
            let noun = match book.kind() {
                BookKind::Vdir | BookKind::Vcard | BookKind::Carddav | BookKind::Devices => "card",
                BookKind::Csv => "row",
            };
            (book.name.clone(), noun)
        });
        let crm_and_mirror = [("mirror".to_owned(), "contact"), ("crm".to_owned(), "contact")];
        Self {
            out,
            talk,
            names,
            progress: Progress::new(global),
            each_change: global.verbose > 0 || dry_run,
            verbose: global.verbose > 0,
            dry_run,
            places: crm_and_mirror.into_iter().chain(books).collect(),
            pages: BTreeMap::new(),
            broken: None,
        }
    }

    /// The same, without a line for each change.
    #[must_use]
    pub fn in_sum(self) -> Self {
        Self { each_change: false, ..self }
    }

    /// Tells of an event.
    pub fn event(&mut self, event: SyncEvent) {
        self.progress.event(&event);
        if self.out.json {
            let moving = matches!(
                event,
                SyncEvent::ScanProgress { .. } | SyncEvent::AskProgress { .. } | SyncEvent::PushProgress { .. }
            );
            if !moving || self.verbose {
                self.object(&events_json::event(&event, self.out.messages()));
            }
            return;
        }
        match event {
            SyncEvent::ScanProgress { replica, pages, .. } => {
                self.pages.insert(replica, pages);
            }
            // Of what could not be read, nothing is known.
            SyncEvent::ScanFinished { contacts: 0, whole: false, .. } => {}
            SyncEvent::ScanFinished { replica, contacts, whole: _ } => {
                let noun = self.places.iter().find(|(name, _)| *name == replica).map_or("contact", |(_, noun)| *noun);
                let pages = self.pages.get(&replica).filter(|pages| **pages > 0);
                let pages = pages.map_or_else(String::new, |pages| format!(", {}", counted((*pages).into(), "page")));
                self.place_line(&replica, &format!("{}{pages}", counted(contacts, noun)));
            }
            SyncEvent::Change(change) if self.each_change => self.line(&change_line(&change)),
            SyncEvent::Conflict(conflict) => self.line(&conflict_line(&conflict)),
            SyncEvent::Problem { replica, problem, telling } => {
                let words = format!("{replica}: {}: {}", problem.place, problem.message);
                self.trouble(&words, problem.hint.as_deref(), telling);
            }
            SyncEvent::Failed { replica, contact, message, hint, telling } => {
                let contact = contact.map_or_else(String::new, |contact| format!("{}: ", self.told_of(&contact)));
                let words = format!("{replica}: {contact}failed to {message}");
                self.trouble(&words, hint.as_deref(), telling);
            }
            SyncEvent::FailedAlike { replica, activity, count } if !self.verbose => {
                let words = self.out.messages().failed_alike(activity, count);
                self.talk_of("warning", &format!("{replica}: {words}"), None);
            }
            SyncEvent::Attention { replica, note } => self.tell_note(&replica, &note),
            SyncEvent::Notice { replica, message, hint } if !self.out.quiet => {
                self.talk_of("warning", &format!("{replica}: {message}"), hint.as_deref());
            }
            SyncEvent::ScanStarted { .. }
            | SyncEvent::AskProgress { .. }
            | SyncEvent::PushStarted { .. }
            | SyncEvent::PushProgress { .. }
            | SyncEvent::Change(_)
            | SyncEvent::FailedAlike { .. }
            | SyncEvent::Notice { .. } => {}
        }
    }

    /// Tells what waits on stderr, and what is merely to be known beside the run's other lines.
    fn tell_note(&mut self, replica: &str, note: &Note) {
        let Said { message, hint } = self.out.messages().note(replica, note);
        match note {
            Note::CarriedOut(_) => self.line(&plain(&message)),
            Note::StaysThere { .. }
            | Note::StaysOut { .. }
            | Note::TrialAhead
            | Note::FirmsRenamed { .. }
            | Note::FirmMade { .. }
            | Note::FirmAhead { .. }
            | Note::FirmCards(_)
            | Note::CopyRemoved { .. } => {
                self.place_line(replica, &plain(&message));
                if let Some(hint) = hint {
                    self.place_line("", &format!("{FAINT}{}{FAINT:#}", plain(&hint)));
                }
            }
            Note::Raised { .. }
            | Note::PingPong { .. }
            | Note::OlderCopy { .. }
            | Note::CopyStays { .. }
            | Note::FirmsUnread { .. }
            | Note::Dropped(_) => {
                if !self.out.quiet {
                    self.talk_of("warning", &format!("{replica}: {message}"), hint.as_deref());
                }
            }
        }
    }

    /// Tells how the run ended.
    ///
    /// # Errors
    /// The first that stdout answered in all of the run.
    pub fn summary(mut self, summary: &Summary) -> io::Result<()> {
        self.progress.clear();
        if self.out.json {
            self.object(&events_json::summary(summary, self.out.messages()));
            return self.broken.map_or(Ok(()), Err);
        }
        if let Some(tally) = &summary.import {
            self.place_line("import", &tally.in_words());
        }
        for (place, _) in self.places.clone() {
            if let Some(words) = place_totals(summary, &place, self.dry_run) {
                self.place_line(&place, &words);
            }
        }
        let failed = summary.failed.saturating_sub(summary.failed_before);
        let troubled = summary.conflicts + failed > 0 || !summary.stopped.is_empty();
        if summary.nothing_changed() && !troubled {
            self.line("nothing changed");
        }
        if summary.conflicts > 0 {
            let conflicts = counted(summary.conflicts, "conflict");
            self.line(&format!("{WARNING}{conflicts}{WARNING:#}: every value is kept, see `carnet conflicts --all`"));
        }
        if failed > 0 {
            self.line(&format!("{BAD}{failed} failed{BAD:#}: see above"));
        }
        if summary.waiting > 0 {
            let verb = if summary.waiting == 1 { "waits" } else { "wait" };
            self.line(&format!("{WARNING}{} {verb} for you{WARNING:#}: see `carnet status`", summary.waiting));
        }
        for stopped in &summary.stopped {
            self.talk_of("stopped", &self.out.messages().stopped(stopped), None);
        }
        if summary.dry_run || self.dry_run {
            self.line("dry run: nothing was written");
        }
        self.broken.map_or(Ok(()), Err)
    }

    /// Takes the bars away when the run ended early.
    pub fn abandon(mut self) {
        self.progress.clear();
    }

    fn place_line(&mut self, place: &str, words: &str) {
        let width = self.places.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        self.line(&format!("{STRONG}{place:width$}{STRONG:#}  {words}"));
    }

    fn line(&mut self, text: &str) {
        let Self { out, progress, .. } = self;
        let done = progress.aside(|| out.say(text));
        self.note(done);
    }

    fn object(&mut self, value: &serde_json::Value) {
        let done = self.out.object(value).and_then(|()| self.out.flush());
        self.note(done);
    }

    fn note(&mut self, done: io::Result<()>) {
        if let (Err(error), None) = (done, &self.broken) {
            self.broken = Some(error);
        }
    }

    /// Something went wrong with a contact or a replica; of a flood the first are told.
    fn trouble(&mut self, words: &str, hint: Option<&str>, telling: Telling) {
        match telling {
            Telling::Whole => self.talk_of("warning", words, hint),
            Telling::Brief => self.talk_of("warning", words, None),
            Telling::Counted | Telling::Known if self.verbose => self.talk_of("warning", words, hint),
            Telling::Counted | Telling::Known => {}
        }
    }

    /// A contact as stderr names it.
    fn told_of(&self, contact: &Label) -> String {
        if self.names {
            return who(contact);
        }
        let id = contact.crm_id.as_deref().unwrap_or(&contact.uid);
        format!("contact {}", plain(id))
    }

    fn talk_of(&mut self, head: &str, words: &str, hint: Option<&str>) {
        let style = if head == "warning" { WARNING } else { BAD };
        let Self { talk, progress, .. } = self;
        progress.aside(|| {
            // Talk is not worth failing for.
            let _ = writeln!(talk, "{style}{head}{style:#}: {}", plain(words));
            if let Some(hint) = hint {
                let _ = writeln!(talk, "{FAINT}hint:{FAINT:#} {}", plain(hint));
            }
        });
    }
}

/// "250 created, 1 updated", or "250 to create" where nothing was written; `None` when nothing happened there.
pub fn place_totals(summary: &Summary, place: &str, dry_run: bool) -> Option<String> {
    let words = [(&summary.created, "create"), (&summary.updated, "update"), (&summary.deleted, "delete")];
    let parts: Vec<String> = words
        .into_iter()
        .filter_map(|(counts, verb)| counts.get(place).filter(|count| **count > 0).map(|count| (count, verb)))
        .map(|(count, verb)| if dry_run { format!("{count} to {verb}") } else { format!("{count} {verb}d") })
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `crm  update  Élodie Durand (1042)  job_title: "a" -> "b"`.
pub fn change_line(change: &Change) -> String {
    let action = match change.action {
        ChangeAction::Create => "create",
        ChangeAction::Update => "update",
        ChangeAction::Delete => "delete",
        ChangeAction::Link => "link",
    };
    let fields: Vec<String> = change
        .fields
        .iter()
        .map(|field| {
            format!("{}: \"{}\" -> \"{}\"", field.field.name(), on_one_line(&field.old), on_one_line(&field.new))
        })
        .collect();
    let line = format!("{}  {action}  {}  {}", change.place, who(&change.contact), fields.join(", "));
    line.trim_end().to_owned()
}

fn conflict_line(conflict: &ConflictNote) -> String {
    let ConflictNote { replica, contact, field, here, there, kept } = conflict;
    let field = field.map_or("contact", crate::contact::Field::name);
    let (here, there) = (short(here), short(there));
    let kept = match kept.as_str() {
        "here" => "the mirror's is kept".to_owned(),
        "there" => format!("{replica}'s is kept"),
        "both" => "both are kept".to_owned(),
        _ => "waits for you".to_owned(),
    };
    let who = who(contact);
    format!("{replica}  {WARNING}conflict{WARNING:#}  {who}  {field}: mirror \"{here}\", {replica} \"{there}\"; {kept}")
}

/// A value on a line of its own that is no screenful: whole, it is in `carnet conflicts` and `--json`.
fn short(value: &str) -> String {
    const SHOWN_MAX: usize = 200;
    let cut: String = value.chars().take(SHOWN_MAX).collect();
    let more = if cut.len() < value.len() { "..." } else { "" };
    format!("{}{more}", on_one_line(&cut))
}

/// "Élodie Durand (1042)"; the UID where there is neither name nor id.
pub fn who(label: &Label) -> String {
    let name = plain(&label.name);
    match (&label.crm_id, name.is_empty()) {
        (Some(id), false) => format!("{name} ({})", plain(id)),
        (Some(id), true) => format!("({})", plain(id)),
        (None, false) => name.into_owned(),
        (None, true) => plain(&label.uid).into_owned(),
    }
}

#[cfg(test)]
mod tests;
