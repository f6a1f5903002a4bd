//! Scans that say only what changed: nothing is said twice, so nothing may be forgotten between two of them.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use crate::{
    contact::Contact,
    mirror::{AttentionKind, Decision, OutboxAction::Create, OutboxState::Unknown},
    reconcile::{Limit, Winner},
    replica::{
        Absence, Baseline, Capabilities, Conduct, Diagnostic, LocalFuture, Lookup, Replica, ReplicaError, Scanned,
        Sink, Write, Writes, Written, memory::Memory,
    },
    sync::{
        participant::{Direction, Participant},
        review::Review,
        testing::{CONFIRM, RunFixture, SETTLE, ada, with_fixture},
    },
};

/// A book that people use between the scans; and whether it answers no question about a single record.
#[derive(Clone)]
struct Shared(Rc<RefCell<Memory>>, Rc<Cell<bool>>);

impl Shared {
    /// One that says only what changed; `asked`: a server, whose absences are asked about.
    fn new(asked: bool) -> Self {
        let mut memory = Memory::default();
        memory.deltas = true;
        if asked {
            memory.conduct = Conduct { absence: Absence::AskById, writes: Writes::Uncertain, ..memory.conduct };
        }
        Self(Rc::new(RefCell::new(memory)), Rc::default())
    }

    fn edit<T>(&self, edit: impl FnOnce(&mut Memory) -> T) -> T {
        edit(&mut self.0.borrow_mut())
    }

    fn participant(&self) -> Participant {
        Participant::new("cards", Box::new(self.clone()), Winner::Here)
    }
}

impl Replica for Shared {
    fn capabilities(&self) -> Capabilities {
        self.0.borrow().capabilities()
    }

    fn conduct(&self) -> Conduct {
        self.0.borrow().conduct
    }

    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        let mut now = self.0.borrow().clone();
        Box::pin(async move { now.scan(baseline, sink).await })
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        let (mut now, answers) = (self.0.borrow().clone(), !self.1.get());
        let error = ReplicaError::Unavailable(Diagnostic::new("reach it"));
        Box::pin(async move { if answers { now.fetch(remote).await } else { Err(error) } })
    }

    fn apply<'a>(&'a mut self, _: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        Box::pin(async { Vec::new() })
    }
}

/// One more run reads the book, so many seconds later.
fn scan(fixture: &mut RunFixture<'_>, book: &Shared, seconds: u64) {
    fixture.later(seconds);
    fixture.scan(&mut book.participant()).unwrap();
}

fn person(last_name: &str) -> Contact {
    Contact { last_name: last_name.into(), ..Contact::default() }
}

/// A book of two people, both known.
fn of_two(fixture: &mut RunFixture<'_>, asked: bool) -> Shared {
    let book = Shared::new(asked);
    book.edit(|book| ["Ada", "Bob"].map(|name| book.put(&format!("{name}.vcf"), person(name))));
    fixture.run.policy.max_delete = Limit::Percent(100);
    scan(fixture, &book, 0);
    assert_eq!(fixture.run.mirror.count_contacts().unwrap(), 2);
    book
}

fn count(fixture: &RunFixture<'_>) -> u64 {
    fixture.run.mirror.count_contacts().unwrap()
}

#[test]
fn what_is_gone_is_named_once_and_asked_about_twice() {
    for asked in [false, true] {
        with_fixture(|mut fixture| {
            let book = of_two(&mut fixture, asked);
            book.edit(|book| book.remove("Ada.vcf"));
            scan(&mut fixture, &book, 0);
            assert_eq!(count(&fixture), if asked { 2 } else { 1 });
            scan(&mut fixture, &book, CONFIRM / 2);
            assert_eq!(count(&fixture), if asked { 2 } else { 1 }, "too soon");
            scan(&mut fixture, &book, CONFIRM);
            assert_eq!(count(&fixture), 1);
            assert!(fixture.run.mirror.absences("cards").unwrap().is_empty());
        });
    }
}

#[test]
fn what_came_back_before_the_second_look_is_there() {
    with_fixture(|mut fixture| {
        let book = of_two(&mut fixture, true);
        book.edit(|book| book.remove("Ada.vcf"));
        scan(&mut fixture, &book, 0);
        assert_eq!(fixture.run.mirror.absences("cards").unwrap().len(), 1);
        book.edit(|book| book.put("Ada.vcf", person("Ada")));
        scan(&mut fixture, &book, CONFIRM);
        assert!(fixture.run.mirror.absences("cards").unwrap().is_empty());
        scan(&mut fixture, &book, CONFIRM);
        assert_eq!(count(&fixture), 2);
    });
}

#[test]
fn an_absence_that_got_no_answer_is_named_again() {
    for unwell in [false, true] {
        with_fixture(|mut fixture| {
            let book = of_two(&mut fixture, true);
            book.edit(|book| {
                book.remove("Ada.vcf");
                // No answer about her, or none that counts: the server denies somebody who is there.
                book.faults.unreadable.insert(if unwell { "Bob.vcf" } else { "Ada.vcf" }.to_owned());
            });
            scan(&mut fixture, &book, 0);
            assert!(fixture.run.mirror.absences("cards").unwrap().is_empty());
            book.edit(|book| book.faults.unreadable.clear());
            scan(&mut fixture, &book, CONFIRM);
            scan(&mut fixture, &book, CONFIRM);
            assert_eq!(count(&fixture), 1, "{unwell}");
        });
    }
}

#[test]
fn a_book_that_answers_no_question_stops_nobody_else() {
    with_fixture(|mut fixture| {
        let book = of_two(&mut fixture, true);
        book.edit(|book| book.remove("Ada.vcf"));
        book.1.set(true);
        scan(&mut fixture, &book, 0);
        book.1.set(false);
        scan(&mut fixture, &book, CONFIRM);
        scan(&mut fixture, &book, CONFIRM);
        assert_eq!(count(&fixture), 1, "she is asked for until there is an answer");
    });
}

#[test]
fn an_unreadable_card_answers_for_nobody() {
    with_fixture(|mut fixture| {
        let book = of_two(&mut fixture, true);
        book.edit(|book| {
            book.put("Adam.vcf", person("Adam"));
            book.put("Zoe.vcf", person("Zoe"));
            book.remove("Ada.vcf");
            book.faults.unreadable.insert("Adam.vcf".to_owned());
        });
        scan(&mut fixture, &book, 0);
        scan(&mut fixture, &book, CONFIRM);
        assert_eq!(count(&fixture), 2, "Bob and Zoe");
    });
}

/// A card that could be either of two people, as `asked` says.
fn with_a_question(fixture: &mut RunFixture<'_>, asked: bool) -> (Shared, i64) {
    let book = of_two(fixture, asked);
    for uid in ["one", "two"] {
        fixture.contact(uid, &ada("Comtesse"));
    }
    book.edit(|book| book.put("new.vcf", ada("Comtesse")));
    scan(fixture, &book, 0);
    let question =
        fixture.run.mirror.attention_to("cards", "new.vcf", &AttentionKind::Ambiguous).unwrap().expect("a question");
    (book, question.id)
}

#[test]
fn a_card_that_waits_for_a_user_is_asked_for_by_name() {
    for asked in [false, true] {
        with_fixture(|mut fixture| {
            let (book, question) = with_a_question(&mut fixture, asked);
            for _ in 0..2 {
                scan(&mut fixture, &book, CONFIRM);
                assert_eq!(fixture.run.mirror.count_open_attention().unwrap(), 1, "it still waits");
            }
            // No answer about the card is no reason to forget it.
            book.edit(|book| book.faults.unreadable.insert("new.vcf".to_owned()));
            scan(&mut fixture, &book, CONFIRM);
            assert_eq!(fixture.run.mirror.count_open_attention().unwrap(), 1, "it still waits");
            Review::new(&mut fixture.run).answer(question, &Decision::New).unwrap();
            scan(&mut fixture, &book, CONFIRM);
            assert_eq!(count(&fixture), 4);
            book.edit(|book| book.faults.unreadable.clear());
            scan(&mut fixture, &book, CONFIRM);
            assert_eq!(count(&fixture), 5, "the answer is carried out");
            assert!(fixture.run.mirror.agreement_by_remote("cards", "new.vcf").unwrap().is_some());
        });
    }
}

#[test]
fn a_card_that_waited_and_is_gone_is_forgotten() {
    for asked in [false, true] {
        with_fixture(|mut fixture| {
            let (book, _) = with_a_question(&mut fixture, asked);
            book.edit(|book| book.remove("new.vcf"));
            scan(&mut fixture, &book, CONFIRM);
            assert_eq!(fixture.run.mirror.attention_about("cards").unwrap(), []);
        });
    }
}

#[test]
fn a_scan_of_a_part_forgets_no_question() {
    with_fixture(|mut fixture| {
        let (book, question) = with_a_question(&mut fixture, false);
        Review::new(&mut fixture.run).answer(question, &Decision::New).unwrap();
        book.edit(|book| {
            (book.deltas, book.faults.changes_only) = (false, true);
            book.faults.hidden.insert("new.vcf".to_owned());
        });
        scan(&mut fixture, &book, 0);
        book.edit(|book| book.faults.hidden.clear());
        scan(&mut fixture, &book, 0);
        assert_eq!(count(&fixture), 5);
    });
}

#[test]
fn no_cursor_is_kept_of_a_part() {
    with_fixture(|mut fixture| {
        let book = Shared::new(false);
        book.edit(|book| {
            book.put("Ada.vcf", person("Ada"));
            book.put("Bob.vcf", person("Bob"));
            book.faults.changes_only = true;
            book.faults.hidden.insert("Ada.vcf".to_owned());
        });
        scan(&mut fixture, &book, 0);
        book.edit(|book| book.faults = Default::default());
        scan(&mut fixture, &book, 0);
        assert_eq!(count(&fixture), 2);
    });
}

#[test]
fn cards_that_are_not_taken_are_met_again() {
    with_fixture(|mut fixture| {
        let book = Shared::new(false);
        book.edit(|book| book.put("Ada.vcf", person("Ada")));
        fixture.scan(&mut Participant { direction: Direction::ToReplica, ..book.participant() }).unwrap();
        assert_eq!(count(&fixture), 0);
        scan(&mut fixture, &book, 0);
        assert_eq!(count(&fixture), 1, "now they are");
    });
}

#[test]
fn a_lost_creation_of_a_server_that_gives_no_shared_ids_is_sent_again() {
    with_fixture(|mut fixture| {
        let book = of_two(&mut fixture, true);
        let id = fixture.contact("ada-1", &ada("Comtesse"));
        fixture.sent("cards", id, (Create, Unknown));
        scan(&mut fixture, &book, SETTLE / 2);
        assert_eq!(fixture.states("cards"), [Unknown], "it may still take effect");
        scan(&mut fixture, &book, SETTLE);
        assert_eq!(fixture.states("cards"), []);
    });
}

#[test]
fn a_part_says_nothing_about_what_was_made() {
    with_fixture(|mut fixture| {
        let book = of_two(&mut fixture, true);
        let id = fixture.contact("ada-1", &ada("Comtesse"));
        fixture.sent("cards", id, (Create, Unknown));
        book.edit(|book| (book.deltas, book.faults.changes_only) = (false, true));
        scan(&mut fixture, &book, SETTLE);
        assert_eq!(fixture.states("cards"), [Unknown]);
        book.edit(|book| book.faults.changes_only = false);
        scan(&mut fixture, &book, SETTLE);
        assert_eq!(fixture.states("cards"), []);
    });
}
