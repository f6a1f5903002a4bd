//! Firms in a book in memory, run by run.

use std::{cell::RefCell, rc::Rc};

use crate::{
    contact::{Contact, Field},
    mirror::FirmRow,
    reconcile::firms::key,
    replica::{
        Absence, Baseline, Capabilities, Conduct, Diagnostic, LocalFuture, Lookup, Replica, ReplicaError, Scanned,
        Sink, Write, Written, memory::Memory,
    },
    sync::{
        Participant,
        events::{FirmCardCounts, Note, SyncEvent},
        firms::FirmPolicy,
        testing::{RunFixture, ada, with_fixture},
    },
};

/// A book that a test looks into between runs.
struct Shelf(Rc<RefCell<Memory>>, Absence);

#[expect(clippy::await_holding_refcell_ref, reason = "nobody else has it while the run does")]
impl Replica for Shelf {
    fn capabilities(&self) -> Capabilities {
        self.0.borrow().capabilities()
    }

    fn conduct(&self) -> Conduct {
        Conduct { absence: self.1, ..self.0.borrow().conduct() }
    }

    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        Box::pin(async move { self.0.borrow_mut().scan(baseline, sink).await })
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        Box::pin(async move { self.0.borrow_mut().fetch(remote).await })
    }

    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(async move { writes.into_iter().map(|write| self.0.borrow_mut().write(write)).collect() })
    }
}

/// A book, and the runs that keep it.
struct Desk<'a> {
    fixture: RunFixture<'a>,
    book: Rc<RefCell<Memory>>,
    absence: Absence,
    shows: bool,
}

/// Two firms in the CRM, and a book with these cards in it that is to show them.
fn check(cards: &[(&str, Contact)], story: impl FnOnce(Desk<'_>)) {
    with_fixture(|mut fixture| {
        fixture.run.policy.firms = FirmPolicy::Read;
        let book = Rc::new(RefCell::new(Memory::default()));
        for (remote, contact) in cards {
            book.borrow_mut().put(remote, contact.clone());
        }
        let mut desk = Desk { fixture, book, absence: Absence::Certain, shows: true };
        desk.firm("7", "Roux SA", false);
        desk.firm("8", "Durand & Fils", false);
        story(desk);
    });
}

impl Desk<'_> {
    fn firm(&mut self, id: &str, name: &str, gone: bool) {
        let (id, name, details) = (id.to_owned(), name.to_owned(), String::new());
        let row = FirmRow { id, key: key(&name), name, details, revision: "r".into(), gone };
        self.fixture.run.mirror.put_firm(&row).unwrap();
        self.fixture.run.recall_firms().unwrap();
    }

    /// A run; what it did to the cards of firms, and how many writes the book took.
    fn run(&mut self) -> (FirmCardCounts, u64) {
        let shelf = Box::new(Shelf(self.book.clone(), self.absence));
        let shows_firms = self.shows;
        let mut book = Participant { shows_firms, ..Participant::new("cards", shelf, crate::reconcile::Winner::Here) };
        let before = self.book.borrow().writes;
        self.fixture.told.borrow_mut().clear();
        self.fixture.later(1);
        self.fixture.run.follow_firm_cards(&book).unwrap();
        self.fixture.scan(&mut book).unwrap();
        self.fixture.push(&mut book).unwrap();
        self.fixture.push_firm_cards(&mut book);
        let counts = self.fixture.told.borrow().iter().find_map(|event| match event {
            SyncEvent::Attention { note: Note::FirmCards(counts), .. } => Some(*counts),
            _ => None,
        });
        (counts.unwrap_or_default(), self.book.borrow().writes - before)
    }

    /// The cards of firms that were made, changed, removed and put back by a run; a further one writes nothing.
    fn check(&mut self, expected: [u64; 4]) {
        let (FirmCardCounts { made, changed, removed, put_back, .. }, _) = self.run();
        assert_eq!([made, changed, removed, put_back], expected);
        assert_eq!(self.run(), (FirmCardCounts::default(), 0), "a further run");
        let contacts = self.fixture.run.mirror.count_contacts().unwrap();
        let people = self.book.borrow().remotes().iter().filter(|remote| remote.starts_with("ada")).count();
        assert_eq!(contacts as usize, people, "no firm is a contact");
        assert!(self.fixture.run.summary.stopped.is_empty());
    }

    /// The companies of the book's cards, with the name of a person where there is one.
    fn cards(&self) -> Vec<String> {
        let book = self.book.borrow();
        let cards = book.remotes().into_iter().filter_map(|remote| book.contact(&remote).cloned());
        let mut shown: Vec<String> = cards.map(|card| format!("{}{}", card.last_name, card.company)).collect();
        shown.sort();
        shown
    }

    /// The name of a firm's card.
    fn card_of(&self, firm: &str) -> String {
        self.fixture.run.mirror.card_of_firm("cards", firm).unwrap().unwrap().remote
    }
}

fn company(name: &str) -> Contact {
    Contact { company: name.into(), ..Contact::default() }
}

#[test]
fn a_book_shows_the_firms_as_they_are() {
    check(&[("ada.vcf", ada("CEO"))], |mut desk| {
        desk.check([2, 0, 0, 0]);
        assert_eq!(desk.cards(), ["Durand & Fils", "Lovelace", "Roux SA"]);
        desk.firm("7", "Roux SAS", false);
        desk.check([0, 1, 0, 0]);
        desk.firm("8", "Durand & Fils", true);
        desk.firm("9", "Neuf", false);
        desk.check([1, 0, 1, 0]);
        assert_eq!(desk.cards(), ["Lovelace", "Neuf", "Roux SAS"]);
        desk.shows = false;
        desk.check([0, 0, 2, 0]);
        assert_eq!(desk.cards(), ["Lovelace"]);
    });
}

#[test]
fn what_somebody_does_to_a_firms_card_is_put_back() {
    check(&[("ada.vcf", ada("CEO"))], |mut desk| {
        desk.check([2, 0, 0, 0]);
        let (one, other) = (desk.card_of("7"), desk.card_of("8"));
        desk.book.borrow_mut().edit(&one, |card| {
            card.company = "Roux et Cie".into();
            card.first_name = "Max".into();
            card.comment = "VIP".into();
        });
        desk.book.borrow_mut().remove(&other);
        desk.check([1, 1, 0, 2]);
        assert_eq!(desk.cards(), ["Durand & Fils", "Lovelace", "Roux SA"]);
        let card = desk.book.borrow().contact(&one).unwrap().clone();
        assert_eq!((card.first_name.as_str(), card.comment.as_str()), ("", "VIP"), "what was added beside it stays");
        desk.book.borrow_mut().edit(&one, |card| card.comment.clear());
        desk.check([0, 0, 0, 0]);
    });
}

#[test]
fn no_guard_counts_them() {
    check(&[("ada.vcf", ada("CEO"))], |mut desk| {
        (10..60).for_each(|id| desk.firm(&id.to_string(), &format!("Firm {id}"), false));
        desk.check([52, 0, 0, 0]);
        let mut cards = desk.book.borrow().remotes();
        cards.retain(|remote| remote != "ada.vcf");
        cards.iter().for_each(|remote| desk.book.borrow_mut().remove(remote));
        desk.check([52, 0, 0, 52]);
    });
}

#[test]
fn somebodys_own_company_card_shows_its_firm() {
    let own = [("ada.vcf", ada("CEO")), ("roux.vcf", company("ROUX  sa"))];
    check(&own, |mut desk| {
        desk.check([1, 0, 0, 0]);
        assert_eq!(desk.cards(), ["Durand & Fils", "Lovelace", "ROUX  sa"]);
        desk.book.borrow_mut().edit("roux.vcf", |card| card.company = "Autre".into());
        desk.check([1, 0, 0, 0]);
        desk.book.borrow_mut().remove("roux.vcf");
        desk.check([0, 0, 0, 0]);
        assert_eq!(desk.cards(), ["Durand & Fils", "Lovelace", "Roux SA"]);
    });
    check(&own, |mut desk| {
        desk.book.borrow_mut().deltas = true;
        desk.check([1, 0, 0, 0]);
        desk.book.borrow_mut().remove("roux.vcf");
        desk.check([1, 0, 0, 0]);
    });
    // A contact of the CRM without a name, which was there before.
    check(&[("ada.vcf", ada("CEO"))], |mut desk| {
        let id = desk.fixture.contact("roux-1", &company("Roux SA"));
        desk.run();
        assert_eq!(desk.cards(), ["Durand & Fils", "Lovelace", "Roux SA"]);
        assert!(desk.fixture.run.mirror.agreement("cards", id).unwrap().is_some());
    });
}

#[test]
fn a_book_that_is_told_to_show_firms_is_read_whole() {
    check(&[("ada.vcf", ada("CEO")), ("roux.vcf", company("Roux SA"))], |mut desk| {
        desk.book.borrow_mut().deltas = true;
        desk.shows = false;
        desk.check([0, 0, 0, 0]);
        desk.shows = true;
        desk.check([1, 0, 0, 0]);
        assert_eq!(desk.cards(), ["Durand & Fils", "Lovelace", "Roux SA"]);
    });
}

#[test]
fn a_card_that_the_mirror_has_forgotten_is_known_again() {
    check(&[("ada.vcf", ada("CEO"))], |mut desk| {
        desk.check([2, 0, 0, 0]);
        let other = desk.card_of("8");
        for firm in ["7", "8"] {
            let remote = desk.card_of(firm);
            desk.fixture.run.mirror.forget_company_card("cards", &remote).unwrap();
        }
        desk.book.borrow_mut().edit(&other, |card| card.last_name = "Max".into());
        desk.check([0, 1, 0, 0]);
        // Nor is it anybody's contact where the book shows none.
        for firm in ["7", "8"] {
            let remote = desk.card_of(firm);
            desk.fixture.run.mirror.forget_company_card("cards", &remote).unwrap();
            desk.firm(firm, "", true);
        }
        desk.fixture.run.firms.known = false;
        desk.shows = false;
        desk.check([0, 0, 0, 0]);
        assert_eq!(desk.cards(), ["Durand & Fils", "Lovelace", "Roux SA"]);
    });
}

#[test]
fn a_lost_answer_makes_nobodys_edit_and_no_second_card() {
    check(&[("ada.vcf", ada("CEO"))], |mut desk| {
        desk.run();
        for name in ["Roux SAS", "Roux SARL"] {
            desk.book.borrow_mut().faults.lose_answers = true;
            desk.firm("7", name, false);
            desk.firm(name, name, false);
            let (counts, _) = desk.run();
            assert_eq!(counts, FirmCardCounts::default());
            assert!(desk.fixture.run.summary.failed > 0);
            desk.book.borrow_mut().faults.lose_answers = false;
            // Renamed again before it is known what became of it.
            desk.firm("7", &format!("{name} bis"), false);
            desk.check([0, 1, 0, 0]);
        }
        assert_eq!(desk.cards(), ["Durand & Fils", "Lovelace", "Roux SARL", "Roux SARL bis", "Roux SAS"]);
    });
}

#[test]
fn a_book_that_refuses_is_asked_again_by_the_next_run() {
    check(&[], |mut desk| {
        let refused = ReplicaError::Rejected(Diagnostic::new("write it: no"));
        desk.book.borrow_mut().faults.apply = Some(refused);
        assert_eq!(desk.run(), (FirmCardCounts::default(), 0));
        assert_eq!(desk.fixture.run.summary.failed, 2);
        desk.book.borrow_mut().faults.apply = None;
        desk.check([2, 0, 0, 0]);
    });
}

#[test]
fn what_a_server_does_not_show_is_asked_for() {
    check(&[("ada.vcf", ada("CEO"))], |mut desk| {
        desk.absence = Absence::AskById;
        desk.check([2, 0, 0, 0]);
        let (one, other) = (desk.card_of("7"), desk.card_of("8"));
        desk.book.borrow_mut().faults.hidden.insert(one);
        desk.book.borrow_mut().remove(&other);
        desk.check([1, 0, 0, 1]);
        assert_eq!(desk.cards(), ["Durand & Fils", "Lovelace", "Roux SA"]);
    });
}

#[test]
fn an_unreadable_card_is_left_alone_and_a_rehearsal_writes_nothing() {
    check(&[], |mut desk| {
        desk.check([2, 0, 0, 0]);
        let one = desk.card_of("7");
        desk.book.borrow_mut().faults.unreadable.insert(one.clone());
        desk.book.borrow_mut().edit(&one, |card| card.last_name = "Max".into());
        assert_eq!(desk.run(), (FirmCardCounts::default(), 0));
        desk.book.borrow_mut().faults.unreadable.clear();
        desk.fixture.run.policy.dry_run = true;
        let rehearsed = FirmCardCounts { changed: 1, put_back: 1, ahead: true, ..FirmCardCounts::default() };
        assert_eq!(desk.run(), (rehearsed, 0));
        desk.fixture.run.policy.dry_run = false;
        desk.check([0, 1, 0, 0]);
    });
}

#[test]
fn details_of_a_firm_stand_in_its_card() {
    check(&[], |mut desk| {
        desk.check([2, 0, 0, 0]);
        let details = r#"{"addresses":[],"items":[{"type_id":"71","value":"04 78 00 00 00"}]}"#.to_owned();
        let (id, name) = ("7".to_owned(), "Roux SA".to_owned());
        let row = FirmRow { id, key: key(&name), name, details, revision: "r".into(), gone: false };
        desk.fixture.run.mirror.put_firm(&row).unwrap();
        desk.check([0, 1, 0, 0]);
        let one = desk.card_of("7");
        assert_eq!(desk.book.borrow().contact(&one).unwrap().items[0].value, "04 78 00 00 00");
        assert!(desk.book.borrow().contact(&one).unwrap().scalar(Field::Company).contains("Roux"));
    });
}
