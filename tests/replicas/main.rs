//! The port's contract, once, on every replica: the books, the CRM, the replica in memory in each of its ways.
//!
//! What a replica may do differently is asked of its `conduct` and of the coverage of its scans, never of its name. What is
//! only true of one kind of book is tested beside that book.

mod contract;
mod cursor;
mod everyone;
mod lifetime;
mod seen;
mod storages;
mod subject;
mod time;

use std::any::type_name;

use carnet::{
    books::{csv_file::CsvFile, served::Served, vcard_file::VcardFile, vdir::Vdir},
    crm::replica::CrmReplica,
    formats::csv::Profile,
    replica::{Absence, Conduct, Writes, memory::Memory},
    sandbox::Lists,
};

use crate::{
    storages::{Files, InMemory, OnDevice, PracticeCrm, settings},
    subject::Subject,
};

/// One way of a replica that is held to the contract.
struct Case {
    /// The replica's type.
    of: &'static str,
    /// Which of its ways this is.
    way: String,
    subject: Box<dyn Subject>,
}

fn case<R>(way: &str, subject: impl Subject + 'static) -> Case {
    Case { of: type_name::<R>(), way: way.to_owned(), subject: Box::new(subject) }
}

/// Every replica, in every way.
fn cases() -> Vec<Case> {
    let mut cases = vec![
        case::<Vdir>("a folder", Files::new("books/team", |path| Vdir::new(settings(path)))),
        case::<VcardFile>("a file", Files::new("books/all.vcf", |path| VcardFile::new(settings(path)))),
        case::<Served>("a device's book", OnDevice::new()),
        case::<Memory>("complete scans", InMemory::new(Memory::default())),
        case::<Memory>("deltas", InMemory::new(deltas())),
        case::<Memory>("deltas of a server", InMemory::new(server())),
        case::<CrmReplica>("lists are replaced", PracticeCrm::new(Lists::Replace)),
        case::<CrmReplica>("lists go by their ids", PracticeCrm::new(Lists::Ids)),
    ];
    for profile in ["carnet", "google", "outlook-fr", "thunderbird", "excel-fr"] {
        let made = |path| CsvFile::new("team".into(), path, Profile::named(profile).cloned());
        cases.push(case::<CsvFile>(profile, Files::new("books/all.csv", made)));
    }
    cases
}

/// A replica in memory that says only what changed.
fn deltas() -> Memory {
    let mut memory = Memory::default();
    memory.deltas = true;
    memory
}

/// The same, behaving as an address-book server does.
fn server() -> Memory {
    let mut memory = deltas();
    memory.conduct =
        Conduct { absence: Absence::AskById, writes: Writes::Uncertain, writes_at_once: 16, ..memory.conduct };
    memory
}

/// Holds every way of a replica to the whole contract.
fn keeps_the_contract<R>() {
    let mut count = 0;
    for mut case in cases().into_iter().filter(|case| case.of == type_name::<R>()) {
        println!("{}: {}", case.of, case.way);
        contract::check(case.subject.as_mut());
        count += 1;
    }
    for check in [cursor::check, lifetime::check] {
        for mut case in cases().into_iter().filter(|case| case.of == type_name::<R>()) {
            println!("{}: {}", case.of, case.way);
            check(case.subject.as_mut());
        }
    }
    assert!(count > 0, "{} is no subject", type_name::<R>());
}

#[test]
fn vdir_keeps_the_contract() {
    keeps_the_contract::<Vdir>();
}

#[test]
fn vcard_file_keeps_the_contract() {
    keeps_the_contract::<VcardFile>();
}

#[test]
fn served_books_keep_the_contract() {
    keeps_the_contract::<Served>();
}

#[test]
fn csv_files_keep_the_contract_in_each_dialect() {
    keeps_the_contract::<CsvFile>();
}

#[test]
fn memory_keeps_the_contract() {
    keeps_the_contract::<Memory>();
}

#[test]
fn the_crm_keeps_the_contract() {
    keeps_the_contract::<CrmReplica>();
}
