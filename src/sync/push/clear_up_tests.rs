//! What an interrupted run left in a replica is cleared up after the writes, which may have a use for it.

use std::{cell::RefCell, rc::Rc};

use crate::{
    reconcile::Winner,
    replica::{
        Baseline, Capabilities, Conduct, LocalFuture, Lookup, Replica, ReplicaError, Scanned, Sink, Write, Written,
        memory::Memory,
    },
    sync::{
        participant::{Participant, Trust},
        testing::{ada, with_fixture},
    },
};

/// A replica that notes what it is asked to do.
#[derive(Default)]
struct Noting(Memory, Rc<RefCell<Vec<&'static str>>>);

impl Replica for Noting {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn conduct(&self) -> Conduct {
        self.0.conduct
    }

    fn scan<'a>(
        &'a mut self,
        baseline: &'a dyn Baseline,
        sink: &'a mut Sink<'_>,
    ) -> LocalFuture<'a, Result<Scanned, ReplicaError>> {
        self.0.scan(baseline, sink)
    }

    fn fetch<'a>(&'a mut self, remote: &'a str) -> LocalFuture<'a, Result<Lookup, ReplicaError>> {
        self.0.fetch(remote)
    }

    fn apply<'a>(&'a mut self, writes: Vec<Write>) -> LocalFuture<'a, Vec<Result<Written, ReplicaError>>> {
        self.1.borrow_mut().push("writes");
        self.0.apply(writes)
    }

    fn clear_up<'a>(&'a mut self) -> LocalFuture<'a, ()> {
        self.1.borrow_mut().push("clears up");
        Box::pin(async {})
    }
}

#[test]
fn it_is_cleared_up_after_the_writes_and_where_there_are_none() {
    let check = |pending: bool, trust: Trust, expected: &[&str]| {
        with_fixture(|mut fixture| {
            let noting = Noting::default();
            let told = noting.1.clone();
            let mut book = Participant { trust, ..Participant::new("cards", Box::new(noting), Winner::Here) };
            if pending {
                fixture.contact("ada-1", &ada("Comtesse"));
            }
            fixture.push(&mut book).unwrap();
            assert_eq!(told.borrow().as_slice(), expected);
        });
    };
    check(true, Trust::Full, &["writes", "clears up"]);
    check(false, Trust::Full, &["clears up"]);
    check(true, Trust::Nothing, &[]);
}
