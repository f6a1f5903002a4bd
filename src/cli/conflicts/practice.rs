//! A mirror with one of each that can wait for a user, for the tests of this folder.

use crate::{
    contact::{Contact, Item, ItemType},
    mirror::{
        Agreement, Ambiguity, Attention, AttentionRow, ConflictRow, ContactId, Mirror, OutboxAction, OutboxRow,
        OutboxState, State,
    },
};

/// When all of it happened.
pub const AT: &str = "2026-01-01T00:00:00Z";

fn person(name: &str, title: &str, phones: &[&str]) -> Contact {
    Contact {
        first_name: name.into(),
        last_name: "Durand".into(),
        job_title: title.into(),
        items: phones.iter().map(|phone| Item::new(ItemType::ProfessionalPhone, *phone)).collect(),
        ..Contact::default()
    }
}

/// Conflicts 1 (a scalar, open), 2 (a list, settled), 3 (a whole contact, open); questions 1 (parked), 2 (ambiguous), 3 (a look-alike), 4 (held deletions).
pub fn mirror() -> Mirror {
    let mut mirror = Mirror::in_memory().unwrap();
    let run = mirror.begin_run("sync", AT).unwrap();
    let ada = person("Ada", "Géomètre", &["01 99 00 00 01", "01 99 00 00 03"]);
    let card = person("Ada", "Arpenteur", &["01 99 00 00 03", "01 99 00 00 01"]);
    let bob = person("Bob", "Acheteur", &["01 99 00 00 09"]);
    let lost = person("Zoé", "", &[]);
    let mut ids = Vec::new();
    for (uid, contact, source) in [("u-1", &ada, "crm"), ("u-2", &bob, "crm"), ("u-3", &lost, "cards")] {
        ids.push(mirror.insert_contact(uid, contact, source, run, AT).unwrap());
    }
    let agreement = |contact, remote: &str, theirs: &Contact, ours: &Contact, detached| Agreement {
        contact,
        remote: remote.into(),
        revision: "r".into(),
        theirs: theirs.clone(),
        ours: ours.clone(),
        version: 0,
        detail: None,
        detached,
        marks: String::new(),
    };
    mirror.put_agreement("crm", &agreement(ids[0], "1042", &ada, &ada, false)).unwrap();
    mirror.put_agreement("cards", &agreement(ids[0], "ada.vcf", &card, &ada, false)).unwrap();
    let before = person("Bob", "", &["01 99 00 00 08"]);
    mirror.put_agreement("crm", &agreement(ids[1], "1043", &before, &before, true)).unwrap();
    let conflict = |contact, replica: &str, field: Option<&str>, values: [&str; 3], kept: &str, state| ConflictRow {
        id: 0,
        run,
        at: AT.into(),
        contact,
        replica: replica.into(),
        field: field.map(Into::into),
        base: Some(values[0].into()),
        here: Some(values[1].into()),
        there: Some(values[2].into()),
        kept: kept.into(),
        state,
    };
    let phone =
        ["01 99 00 00 02", "01 99 00 00 01", "01 99 00 00 03"].map(|phone| format!("professional_phone: {phone}"));
    let rows = [
        conflict(ids[0], "cards", Some("job_title"), ["Stagiaire", "Géomètre", "Arpenteur"], "open", State::Open),
        conflict(ids[0], "cards", Some("contact_items"), [&phone[0], &phone[1], &phone[2]], "both", State::Settled),
        conflict(ids[1], "crm", None, ["", "Bob Durand", ""], "open", State::Open),
    ];
    for row in &rows {
        mirror.add_conflict(row).unwrap();
    }
    let mut raise = |replica: &str, remote: &str, contact, attention| {
        let (replica, remote) = (replica.into(), remote.into());
        let row = AttentionRow { id: 0, run, replica, remote, contact, attention, state: State::Open };
        mirror.raise(&row).unwrap();
    };
    let could_be =
        |contacts: &[ContactId], reason| Attention::Ambiguous { candidates: contacts.to_vec(), reason, says: None };
    raise("crm", "u-3", Some(ids[2]), Attention::LostCreation);
    raise("cards", "x.vcf", None, could_be(&ids[..2], Ambiguity::Several));
    raise("cards", "y.vcf", None, could_be(&ids[..1], Ambiguity::CopyOf { record: "ada.vcf".into() }));
    raise("cards", "", None, Attention::HeldDeletions { missing: 30, known: 100, allowed: 10, contacts: Vec::new() });
    mirror.put_outbox(&parked(ids[2])).unwrap();
    mirror.set_fact("crm.held_back", "1042 1043 1044").unwrap();
    mirror
}

fn parked(contact: i64) -> OutboxRow {
    OutboxRow {
        id: 0,
        replica: "crm".into(),
        contact,
        action: OutboxAction::Create,
        state: OutboxState::HeldForReview,
        payload: "{}".into(),
        highest_id: Some(1043),
        sent_at: AT.into(),
        sent_uptime: "boot 1.000".into(),
        attempts: 1,
        error: None,
    }
}
