//! How replicas behave in these tests: books, and a server.

use std::{cell::RefCell, rc::Rc};

use crate::{
    contact::Contact,
    replica::{
        Absence, Answers, Baseline, Capabilities, Conduct, Firms, Ids, LocalFuture, Lookup, Reading, RemoteContact,
        Replica, ReplicaError, Scanned, Sink, Write, Writes, Written,
    },
    sync::participant::CRM,
};

pub(super) const BOOK: Conduct = Conduct {
    absence: Absence::Certain,
    writes: Writes::Atomic,
    answers: Answers::OwnWrite,
    ids: Ids::Own,
    abridges: false,
    rereads: true,
    restorable: true,
    writes_at_once: 2_500,
};

const SERVER: Conduct = Conduct {
    absence: Absence::AskById,
    writes: Writes::Uncertain,
    answers: Answers::Present,
    ids: Ids::Shared,
    abridges: true,
    rereads: false,
    restorable: false,
    writes_at_once: 16,
};

/// How a replica of this name behaves.
pub(super) fn conduct_of(name: &str) -> Conduct {
    if name == CRM { SERVER } else { BOOK }
}

/// What a replica was asked to do, in order.
pub(crate) type Heard = Rc<RefCell<Vec<&'static str>>>;

/// Another replica that behaves as one of this name does, and notes what it is asked to do.
pub(super) struct Behaving<R>(pub R, pub Conduct, pub Heard);

impl<R: Replica> Replica for Behaving<R> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn conduct(&self) -> Conduct {
        self.1
    }

    fn interpret(&self, record: &RemoteContact, known: &Contact) -> Option<Reading> {
        self.2.borrow_mut().push("reads");
        self.0.interpret(record, known)
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
        self.2.borrow_mut().push("writes");
        self.0.apply(writes)
    }

    fn firms(&mut self) -> Option<&mut dyn Firms> {
        self.0.firms()
    }

    fn clear_up<'a>(&'a mut self) -> LocalFuture<'a, ()> {
        self.2.borrow_mut().push("clears up");
        self.0.clear_up()
    }

    fn learned(&self) -> Vec<(String, String)> {
        self.0.learned()
    }
}
