//! What an interrupted run left in a replica is cleared up after the writes, which may have a use for it.

use crate::{
    replica::memory::Memory,
    sync::{
        participant::{Participant, Trust},
        testing::{ada, heard_participant, with_fixture},
    },
};

#[test]
fn it_is_cleared_up_after_the_writes_and_where_there_are_none() {
    let check = |pending: bool, trust: Trust, expected: &[&str]| {
        with_fixture(|mut fixture| {
            let (book, heard) = heard_participant("cards", Memory::default());
            let mut book = Participant { trust, ..book };
            if pending {
                fixture.contact("ada-1", &ada("Comtesse"));
            }
            fixture.push(&mut book).unwrap();
            assert_eq!(heard.borrow().as_slice(), expected);
        });
    };
    check(true, Trust::Full, &["writes", "clears up"]);
    check(false, Trust::Full, &["clears up"]);
    check(true, Trust::Nothing, &[]);
}
