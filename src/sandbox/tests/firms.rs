//! Firms, behind the same doors as contacts.

use super::*;

/// The firms of the first five contacts.
const NAMED: [i64; 3] = [310, 312, 336];

async fn tried(quirks: &[Quirk]) -> Tried {
    Tried::new(SandboxSettings { contacts: 5, quirks: quirks.to_vec(), ..SandboxSettings::default() }).await
}

impl Tried {
    async fn firm(&self, method: &str, path: &str, body: &str) -> Got {
        self.write(method, path, &format!("<firm>{body}</firm>")).await.unwrap()
    }
}

fn refusal(got: &Got) -> (u16, String) {
    (got.status, between(&got.text(), "<error>", "</error>").to_owned())
}

#[tokio::test]
async fn every_firm_id_names_a_firm_whose_name_is_that_of_the_mailboxes() {
    let tried = tried(&[]).await;
    let store = tried.sandbox.store();
    let firms = tried.get("/firms.xml").await;
    assert_eq!(firms.ids_of("firm"), NAMED);
    assert!(firms.text().starts_with(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<firms type=\"array\">\n  <pagination>\n    <total_pages type=\"integer\">1<"
    ));
    let mut named: Vec<i64> = Vec::new();
    for id in store.ids().unwrap() {
        named.extend(store.value(id, "firm_id").unwrap().map(|firm| firm.parse::<i64>().unwrap()));
    }
    named.sort_unstable();
    named.dedup();
    assert_eq!(named, NAMED);
}

#[tokio::test]
async fn a_listing_follows_the_rules_of_contacts() {
    let settings = SandboxSettings { contacts: 0, firms: 120, ..SandboxSettings::default() };
    let tried = Tried::new(settings).await;
    let ids = async |path: &str| tried.get(path).await.ids_of("firm");
    assert_eq!(ids("/firms.xml").await, (901..=950).collect::<Vec<_>>());
    assert_eq!(ids("/firms.xml?page=3").await, (1001..=1020).collect::<Vec<_>>());
    assert_eq!(ids("/firms.xml?page=2&per_page=70").await, (971..=1020).collect::<Vec<_>>());
    assert_eq!(ids("/firms.xml?page=4").await, [0; 0]);
    assert_eq!(tried.sandbox.store().asked("GET", "/firms.xml"), 4);
    assert_eq!(tried.sandbox.store().asked("GET", "/contacts.xml"), 0);
    let with = async |past_end: PastEnd, quirks: &[Quirk]| {
        let settings =
            SandboxSettings { contacts: 5, per_page: 2, past_end, quirks: quirks.to_vec(), ..Default::default() };
        let tried = Tried::new(settings).await;
        let got = tried.get("/firms.xml?page=3").await;
        (got.status, got.ids_of("firm"), tried.get("/firms.xml").await)
    };
    let (status, ids, _) = with(PastEnd::Repeat, &[]).await;
    assert_eq!((status, ids), (200, NAMED[2..].to_vec()));
    assert_eq!(with(PastEnd::NotFound, &[]).await.0, 404);
    let quirks = [Quirk::NewestFirst, Quirk::NoPagination, Quirk::NoEtag, Quirk::OmitEmpty];
    let (_, _, first) = with(PastEnd::Empty, &quirks).await;
    assert_eq!(first.ids_of("firm"), [336, 312]);
    assert_eq!(
        (first.header("etag"), first.text().contains("pagination"), first.text().contains("nil=")),
        ("", false, false)
    );
}

#[tokio::test]
async fn a_firm_is_made_read_changed_and_deleted() {
    let tried = tried(&[]).await;
    let item = "<contact_item><type_id>912</type_id><value>x</value></contact_item>";
    let made = tried
        .firm(
            "POST",
            "/firms.xml",
            &format!("<name>Caf\u{e9} &amp; \"Fils\"</name><siren>012</siren><contact_items>{item}</contact_items>"),
        )
        .await;
    assert_eq!((made.status, made.ids_of("firm"), made.header("location")), (201, vec![901], "/demo/firms/901.xml"));
    let text = made.text();
    assert!(
        text.contains(
            "<reference>F00901</reference>\n  <name>Café &amp; \"Fils\"</name>\n  <firm_type nil=\"true\"/>\n"
        )
    );
    assert!(text.contains("<siren>012</siren>") && text.contains("<type_id type=\"integer\">912</type_id>"), "{text}");
    assert_eq!(tried.get("/firms/901.xml").await.text(), text);
    assert_eq!(tried.sandbox.store().firm_xml(901).unwrap(), Some(text));
    let put = tried.firm("PUT", "/firms/901.xml", "<firm_type>supplier</firm_type><siren/>").await;
    assert!(put.status == 200 && put.text().contains("<name>Café &amp; \"Fils\"</name>\n  <firm_type>supplier<"));
    assert!(put.text().contains("<siren></siren>"), "{}", put.text());
    assert_eq!(
        refusal(&tried.firm("POST", "/firms.xml", "<siren>1</siren>").await),
        (422, "Name can't be blank".to_owned())
    );
    assert_eq!(tried.firm("PUT", "/firms/901.xml", "<firm_type>firm</firm_type>").await.status, 422);
    assert_eq!(tried.write("POST", "/firms.xml", "<contact/>").await.unwrap().status, 400);
    assert_eq!(tried.write("POST", "/contacts.xml", "<firm><name>A</name></firm>").await.unwrap().status, 400);
    assert_eq!(tried.firm("DELETE", "/firms/901.xml", "").await.status, 200);
    assert_eq!(refusal(&tried.firm("DELETE", "/firms/901.xml", "").await), (404, "Couldn't find Firm".to_owned()));
    assert_eq!(tried.get("/firms/901.xml").await.status, 404);
    assert_eq!(tried.firm("POST", "/firms.xml", "<name>B</name>").await.ids_of("firm"), [902]);
    let tried = self::tried(&[Quirk::PostIdOnly, Quirk::PutEmpty]).await;
    let made = tried.firm("POST", "/firms.xml", "<name>A</name>").await;
    assert_eq!((made.ids_of("firm"), made.text().contains("name>")), (vec![901], false));
    assert_eq!(tried.firm("PUT", "/firms/901.xml", "<name>B</name>").await.body.len(), 0);
    assert_eq!(tried.sandbox.store().firm_name(901).unwrap().as_deref(), Some("B"));
}

#[tokio::test]
async fn an_etag_saves_the_body_until_a_firm_changes() {
    let tried = tried(&[]).await;
    let (firms, contacts) = (tried.get("/firms.xml").await, tried.get("/contacts.xml").await);
    let again = async |path: &str, etag: &str| {
        tried.send(tried.request("GET", path).header("If-None-Match", etag)).await.unwrap().status
    };
    assert_eq!(again("/firms.xml", firms.header("etag")).await, 304);
    assert!(tried.sandbox.store().rename_firm(312, "Autre nom").unwrap());
    assert_eq!(again("/firms.xml", firms.header("etag")).await, 200);
    assert_eq!(again("/contacts.xml", contacts.header("etag")).await, 304);
}

#[tokio::test]
async fn the_faults_of_contacts_strike_firms() {
    let tried = tried(&[]).await;
    let store = tried.sandbox.store();
    let post = async || tried.write("POST", "/firms.xml", "<firm><name>A</name></firm>").await.map(|got| got.status);
    for (mishap, status, count) in [
        (Mishap::Error500, Some(500), 3),
        (Mishap::Drop, None, 3),
        (Mishap::DropAfter, None, 4),
        (Mishap::Error500After, Some(500), 5),
    ] {
        store.fail_next("POST", mishap);
        assert_eq!((post().await.ok(), store.firm_count().unwrap()), (status, count), "{mishap:?}");
    }
    store.fail_next_at("GET", "/firms", Mishap::Lie);
    store.fail_next_at("GET", "/firms/310.xml", Mishap::Lie);
    assert_eq!(tried.get("/contacts.xml").await.ids().len(), 5);
    assert_eq!(tried.get("/firms.xml").await.ids_of("firm"), [0; 0]);
    assert_eq!((tried.get("/firms/312.xml").await.status, tried.get("/firms/310.xml").await.status), (200, 404));
    store.fail_next("GET", Mishap::Thin);
    assert_eq!(tried.get("/firms.xml").await.ids_of("firm"), [310]);
    store.fail_next("GET", Mishap::Shift);
    let shifted = tried.get("/firms.xml?per_page=1&page=2").await.ids_of("firm");
    assert!([[310], [336]].iter().any(|ids| *ids == *shifted), "{shifted:?}");
    store.fail_next("GET", Mishap::Truncate);
    assert!(tried.send(tried.request("GET", "/firms.xml")).await.is_err());
    store.set_faults(vec![Fault::Unauthorized]);
    assert_eq!(tried.get("/firms.xml").await.status, 401);
}

#[tokio::test]
async fn a_server_may_keep_its_firms_to_itself() {
    for (quirk, status, words) in [
        (Quirk::FirmsForbidden, 403, "You may not see firms"),
        (Quirk::FirmsMissing, 404, "there is nothing at this address"),
        (Quirk::FirmsUnauthorized, 401, "HTTP Basic: Access denied."),
        (Quirk::FirmsHtml, 200, "<title>Maintenance</title>"),
        (Quirk::FirmsOdd, 200, "<nil-classes type=\"array\"/>"),
    ] {
        let tried = tried(&[quirk]).await;
        for (method, path) in [("GET", "/firms.xml?page=1"), ("GET", "/firms/310.xml"), ("DELETE", "/firms/310.xml")] {
            let got = tried.firm(method, path, "").await;
            assert!(got.status == status && got.text().contains(words), "{quirk:?} {path}: {}", got.text());
        }
        assert_eq!(tried.firm("POST", "/firms.xml", "<name>A</name>").await.status, status);
        assert_eq!((tried.sandbox.store().firm_count().unwrap(), tried.get("/contacts.xml").await.status), (3, 200));
    }
    let tried = tried(&[Quirk::NoDeletion]).await;
    let got = tried.firm("DELETE", "/firms/310.xml", "").await;
    assert_eq!(refusal(&got), (403, "You may not delete firms".to_owned()));
}

#[tokio::test]
async fn a_contact_may_be_put_into_any_firm_unless_that_is_checked() {
    let put = async |tried: &Tried, firm: &str| refusal(&tried.put(1001, &format!("<firm_id>{firm}</firm_id>")).await);
    let refused = (422, "Firm does not exist".to_owned());
    let calm = tried(&[]).await;
    assert_eq!(put(&calm, "77777").await.0, 200);
    let tried = tried(&[Quirk::ChecksFirms]).await;
    assert_eq!(put(&tried, "312").await.0, 200);
    assert_eq!(put(&tried, "77777").await, refused);
    assert_eq!(put(&tried, "").await.0, 200);
    assert_eq!(put(&tried, "letters").await, (422, "firm_id is not included in the list".to_owned()));
    assert_eq!(refusal(&tried.post("<last_name>A</last_name><firm_id>77777</firm_id>").await), refused);
    assert_eq!(tried.post("<last_name>A</last_name><firm_id>336</firm_id>").await.status, 201);
    assert_eq!(
        tried.write("PUT", "/contacts/9.xml", "<contact><firm_id>7</firm_id></contact>").await.unwrap().status,
        404
    );
    // A contact whose firm went is not refused for that when something else is changed.
    assert!(tried.sandbox.store().edit(1001, "firm_id", "77777").unwrap());
    assert_eq!(tried.put(1001, "<comment>new</comment>").await.status, 200);
    let tried = self::tried(&[Quirk::IgnoresFirm]).await;
    let before = tried.sandbox.store().value(1001, "firm_id").unwrap();
    assert_eq!((put(&tried, "336").await.0, tried.sandbox.store().value(1001, "firm_id").unwrap()), (200, before));
}

#[tokio::test]
async fn a_deleted_firm_leaves_its_contacts_takes_them_out_or_stays() {
    for (quirks, status, expected) in [
        (vec![], 200, Some("310")),
        (vec![Quirk::FirmDeleteClears], 200, None),
        (vec![Quirk::FirmDeleteRefused], 422, Some("310")),
    ] {
        let tried = tried(&quirks).await;
        let store = tried.sandbox.store();
        let member = store.contacts_of_firm(310).unwrap()[0];
        let got = tried.firm("DELETE", "/firms/310.xml", "").await;
        assert_eq!((got.status, store.value(member, "firm_id").unwrap().as_deref()), (status, expected), "{quirks:?}");
        assert_eq!(store.firm(310).unwrap().is_none(), status == 200);
        let lonely = store.add_firm("Sans personne").unwrap();
        assert!(matches!(store.delete_firm(lonely).unwrap(), Outcome::Done(())), "{quirks:?}");
    }
}

#[tokio::test]
async fn people_at_the_crm_itself_rename_merge_and_add_firms() {
    let tried = tried(&[]).await;
    let store = tried.sandbox.store();
    assert!(store.rename_firm(310, "").unwrap() && !store.rename_firm(7, "A").unwrap());
    assert_eq!(store.firm_name(310).unwrap().as_deref(), Some(""));
    assert_eq!((store.add_firm("A").unwrap(), store.firm_ids().unwrap().len()), (901, 4));
    let (mut both, second) = (store.contacts_of_firm(310).unwrap(), store.contacts_of_firm(312).unwrap());
    assert_eq!(store.merge_firms(310, 312).unwrap(), Some(both.len()));
    both.extend(second);
    both.sort_unstable();
    assert_eq!(store.contacts_of_firm(312).unwrap(), both);
    assert_eq!((store.merge_firms(310, 312).unwrap(), tried.get("/firms/310.xml").await.status), (None, 404));
    assert!(matches!(store.put_firm(312, "<firm><name>B</name></firm>").unwrap(), Outcome::Done(_)));
    assert!(matches!(store.post_firm("<firm/>").unwrap(), Outcome::Refused(_)));
    assert!(matches!(store.delete_firm(310).unwrap(), Outcome::Missing));
    assert!(store.revise_firm(312, |firm| firm.scalars[1] = None).unwrap());
    assert!(tried.get("/firms/312.xml").await.text().contains("<name>B</name>\n  <firm_type nil=\"true\"/>"));
}

#[tokio::test]
async fn oddities_are_seeded_on_request() {
    let seeded = async |quirk: Quirk| {
        let settings = SandboxSettings { contacts: 250, quirks: vec![quirk], ..SandboxSettings::default() };
        let store = Tried::new(settings).await.sandbox.store();
        let ids = store.firm_ids().unwrap();
        let names: Vec<Option<String>> = ids.iter().map(|&id| store.firm_name(id).unwrap()).collect();
        let dangling: Vec<i64> = store
            .ids()
            .unwrap()
            .into_iter()
            .filter_map(|id| store.value(id, "firm_id").unwrap()?.parse().ok())
            .filter(|firm| !ids.contains(firm))
            .collect();
        (names, dangling, store.contacts_of_firm(901).unwrap().len(), ids.contains(&901))
    };
    let (names, dangling, members, lonely) = seeded(Quirk::OddFirms).await;
    assert_eq!((names[0].is_some(), &names[0], dangling.len(), members, lonely), (true, &names[1], 0, 0, true));
    let (_, dangling, _, lonely) = seeded(Quirk::FirmsDangling).await;
    assert!(!dangling.is_empty() && dangling.iter().all(|firm| *firm == dangling[0]) && !lonely, "{dangling:?}");
}
