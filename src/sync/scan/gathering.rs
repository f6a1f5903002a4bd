//! What a scan has gathered while it runs. What needs no judgement is committed as it comes, so that an interrupted first
//! pull is not lost; the rest waits until the whole scan has passed the guard.

use super::{
    baseline::HasMirror,
    intake::{Intake, Observed},
    known::KnownRecords,
    waiting::Waiting,
};
use crate::{
    contact::Field,
    mirror::Mirror,
    reconcile::guard,
    replica::{Batch, ConflictCopy, Diagnostic, Ids, Problem, RemoteContact, RemoteId},
    sync::{
        SyncError,
        events::SyncEvent,
        firms::cards::ShownFirmCards,
        participant::MergeSide,
        run::{Run, Step},
    },
};

/// Contacts committed at a time while a scan runs: large enough for few fsyncs, small enough for little memory.
const COMMITTED_AT_ONCE: usize = 1_000;

/// What a scan has gathered so far.
pub struct Gathering {
    pub known: KnownRecords,
    /// Newcomers may go straight in: nobody in the mirror could be one of them.
    straight_in: bool,
    /// Known contacts that say something new, or may.
    pub edits: Waiting,
    /// How many there were; once the guard has tripped only their number matters.
    pub edited: u64,
    /// Known contacts that say nothing new under another revision.
    quiet: Vec<Observed>,
    pub newcomers: Waiting,
    /// Newcomers on their way straight in.
    coming_in: Vec<RemoteContact>,
    /// Contacts that the listing showed twice: the later counts.
    pub repeats: Waiting,
    /// Copies that sync programs made.
    pub copies: Vec<ConflictCopy>,
    /// Records that the replica said are not there any more.
    pub gone: Vec<RemoteId>,
    /// The highest shown id, where ids ascend.
    pub highest_id: Option<i64>,
    /// A record that was shown and could be read: a positive control for denials. The first by name.
    pub control: Option<RemoteId>,
    /// What is told of records unless what is known of them settles it.
    pub doubts: Vec<(Field, Problem)>,
    /// What was shown of the cards of firms: none of them is counted among the records.
    pub firm_cards: ShownFirmCards,
    /// The names of records that could not be read.
    pub unreadable: Vec<RemoteId>,
    steps: u32,
}

impl Gathering {
    /// Nothing yet, over what is known of the replica.
    pub fn new(mirror: &mut Mirror, replica: &str, straight_in: bool) -> Result<Self, SyncError> {
        let mut known = KnownRecords::with_capacity(mirror.count_known(replica)?);
        mirror.for_each_known(replica, &mut |remote, _| known.add(remote))?;
        Ok(Self {
            known: known.sorted(),
            straight_in,
            edits: Waiting::new(Waiting::EDITS, mirror)?,
            edited: 0,
            quiet: Vec::new(),
            newcomers: Waiting::new(Waiting::NEWCOMERS, mirror)?,
            coming_in: Vec::new(),
            repeats: Waiting::new(Waiting::REPEATS, mirror)?,
            copies: Vec::new(),
            gone: Vec::new(),
            highest_id: None,
            control: None,
            doubts: Vec::new(),
            firm_cards: ShownFirmCards::new(mirror, replica)?,
            unreadable: Vec::new(),
            steps: 0,
        })
    }

    /// How many records the replica has, where the scan has shown what changed.
    pub fn present_count(&self) -> u64 {
        let gone = self.gone.iter().filter(|remote| self.known.contains(remote)).count() as u64;
        (self.known.count() + self.known.strangers() as u64).saturating_sub(gone)
    }

    fn show(&mut self, remote: &str, ids: Ids) -> bool {
        if ids == Ids::Shared {
            self.highest_id = self.highest_id.max(remote.parse().ok());
        }
        self.known.show(remote)
    }

    /// A record that was shown and could be read answers for the others.
    fn show_readable(&mut self, remote: &str, ids: Ids) -> bool {
        if self.control.as_deref().is_none_or(|control| remote < control) {
            self.control = Some(remote.to_owned());
        }
        self.show(remote, ids)
    }
}

/// Takes in the batches of a scan under way.
pub struct Taking<'t, 'a> {
    pub run: &'t mut Run<'a>,
    /// The replica as the other side of a merge; without the replica itself, which the scan has.
    pub side: MergeSide<'t>,
    pub gathering: Gathering,
}

impl HasMirror for Taking<'_, '_> {
    fn mirror(&self) -> &Mirror {
        self.run.mirror
    }
}

impl<'a> Step<'a> for Taking<'_, 'a> {
    fn run(&mut self) -> &mut Run<'a> {
        self.run
    }
}

impl Taking<'_, '_> {
    /// One batch.
    pub fn take(&mut self, batch: Batch) -> Result<(), SyncError> {
        self.run.check_stop()?;
        let ids = self.side.conduct.ids;
        let Batch { same, changed, gone, copies, problems, doubts, remarks, progress } = batch;
        for Problem { place, message, hint, remote: _ } in remarks {
            let message = format!("{place}: {message}");
            self.run.notice(self.side.name, Diagnostic { message, hint });
        }
        for problem in problems {
            if let Some(remote) = &problem.remote {
                match self.gathering.firm_cards.contains(remote) {
                    true => self.gathering.firm_cards.show(remote),
                    false => drop(self.gathering.show(remote, ids)),
                }
                self.gathering.unreadable.push(remote.clone());
            }
            self.run.problem(self.side.name, problem);
        }
        self.gathering.doubts.extend(doubts);
        for remote in same {
            match self.gathering.firm_cards.contains(&remote) {
                true => self.gathering.firm_cards.show(&remote),
                false => drop(self.gathering.show_readable(&remote, ids)),
            }
        }
        for record in changed {
            if self.is_firm_card(&record) {
                self.gathering.firm_cards.take(self.run.mirror, record)?;
                continue;
            }
            let is_known = self.gathering.known.contains(&record.remote);
            if !self.gathering.show_readable(&record.remote, ids) {
                self.gathering.repeats.push(self.run.mirror, record)?;
            } else if is_known {
                self.take_known(record)?;
            } else if self.gathering.straight_in {
                self.gathering.coming_in.push(record);
            } else {
                self.gathering.newcomers.push(self.run.mirror, record)?;
            }
        }
        for copy in copies {
            self.gathering.show(&copy.record.remote, ids);
            self.gathering.copies.push(copy);
        }
        for remote in gone {
            match self.gathering.firm_cards.contains(&remote) {
                true => self.gathering.firm_cards.take_gone(remote),
                false => self.gathering.gone.push(remote),
            }
        }
        self.gathering.steps += progress.steps;
        if self.gathering.quiet.len() + self.gathering.coming_in.len() >= COMMITTED_AT_ONCE {
            self.flush()?;
        }
        let (contacts, pages) = (self.gathering.known.shown_count(), self.gathering.steps);
        let (replica, pages_expected) = (self.side.name.to_owned(), progress.expected);
        self.run.emit(SyncEvent::ScanProgress { replica, contacts, pages, pages_expected });
        Ok(())
    }

    fn is_firm_card(&mut self, record: &RemoteContact) -> bool {
        let Gathering { firm_cards, known, .. } = &self.gathering;
        if firm_cards.contains(&record.remote) {
            return true;
        }
        let may_be = self.side.conduct.ids == Ids::Own && !known.contains(&record.remote);
        may_be && self.run.firm_of_card(record).is_some()
    }

    /// A record that can be read without knowing its contact is judged at once; others once the scan is over.
    fn take_known(&mut self, record: RemoteContact) -> Result<(), SyncError> {
        let judged = !self.side.conduct.rereads;
        let mut record = Observed::from(record);
        if judged && !Intake::new(self.run).is_edit(&self.side, &mut record)? {
            self.gathering.quiet.push(record);
            return Ok(());
        }
        let Gathering { known, edits, edited, .. } = &mut self.gathering;
        *edited += 1;
        let tripped = judged && !self.run.policy.force && guard::mass_edit(*edited, known.count()).is_some();
        if tripped { Ok(()) } else { edits.push(self.run.mirror, record) }
    }

    /// Commits what needs no judgement: newcomers that may go straight in, and new revisions of unchanged contacts.
    pub fn flush(&mut self) -> Result<(), SyncError> {
        let quiet = std::mem::take(&mut self.gathering.quiet);
        let newcomers = std::mem::take(&mut self.gathering.coming_in);
        if quiet.is_empty() && newcomers.is_empty() {
            return Ok(());
        }
        self.transact(|taking| {
            let side = taking.side;
            for record in newcomers {
                Intake::new(taking.run).insert(&side, record)?;
            }
            for record in quiet {
                Intake::new(taking.run).intake(&side, record)?;
            }
            Ok(())
        })
    }
}
