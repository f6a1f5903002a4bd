//! One sighting on its way into the mirror.

use crate::{
    replica::{Batch, RemoteContact},
    sync::testing::{ScriptedReplica, ada, heard_participant, seen, with_fixture},
};

#[test]
fn the_bytes_of_an_edited_card_are_read_once() {
    with_fixture(|mut fixture| {
        let id = fixture.contact("ada-1", &ada("CEO"));
        fixture.agree("cards", "ada.vcf", id);
        let edited = RemoteContact { source: Some(b"BEGIN:VCARD".to_vec()), ..seen("ada.vcf", None, &ada("CTO")) };
        let batch = Batch { changed: vec![edited], ..Batch::default() };
        let (mut book, heard) = heard_participant("cards", ScriptedReplica::new(vec![batch]));
        fixture.scan(&mut book).unwrap();
        assert_eq!(fixture.run.stored(id).unwrap().contact.job_title, "CTO");
        assert_eq!(heard.borrow().as_slice(), ["reads"]);
    });
}
