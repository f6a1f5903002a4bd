//! The five actions, and what is refused.

use super::*;

#[tokio::test]
async fn a_listing_is_read_page_by_page() {
    let tried = Tried::small(120).await;
    let first = tried.get("/contacts.xml").await;
    assert_eq!((first.status, first.header("content-type")), (200, "application/xml; charset=utf-8"));
    let text = first.text();
    assert!(
        text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<contacts type=\"array\">\n  <pagination>\n")
    );
    assert_eq!(between(&text, "<total_pages type=\"integer\">", "<"), "3");
    assert_eq!(first.ids(), (1001..=1050).collect::<Vec<_>>());
    assert_eq!(tried.get("/contacts.xml?page=3").await.ids(), (1101..=1120).collect::<Vec<_>>());
    assert_eq!(tried.get("/contacts.xml?page=2&per_page=70").await.ids(), (1071..=1120).collect::<Vec<_>>());
    let past = tried.get("/contacts.xml?page=4").await;
    assert_eq!((past.status, past.ids().len()), (200, 0));
    assert_eq!(between(&past.text(), "<current_page_items_count type=\"integer\">", "<"), "0");
}

#[tokio::test]
async fn a_page_holds_250_contacts_at_most() {
    let tried = Tried::small(300).await;
    assert_eq!(tried.get("/contacts.xml?per_page=100000").await.ids().len(), 250);
}

#[tokio::test]
async fn past_the_end_by_choice() {
    let tried = |past_end| Tried::new(SandboxSettings { contacts: 7, per_page: 5, past_end, ..Default::default() });
    assert_eq!(tried(PastEnd::Repeat).await.get("/contacts.xml?page=9").await.ids(), [1006, 1007]);
    assert_eq!(tried(PastEnd::NotFound).await.get("/contacts.xml?page=3").await.status, 404);
    let empty = SandboxSettings { contacts: 0, past_end: PastEnd::NotFound, ..Default::default() };
    let got = Tried::new(empty).await.get("/contacts.xml").await;
    assert_eq!((got.status, got.ids().len()), (200, 0));
}

#[tokio::test]
async fn one_contact_is_the_same_alone_as_in_the_listing() {
    let tried = Tried::small(5).await;
    let alone = tried.get("/contacts/1003.xml").await;
    assert_eq!((alone.status, alone.ids()), (200, vec![1003]));
    let lines = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let alone = alone.text();
    let inside = lines(between(&alone, "<contact>\n", "</contact>\n"));
    assert!(lines(&tried.get("/contacts.xml").await.text()).contains(&inside));
    assert_eq!(tried.sandbox.store().contact_xml(1003).unwrap().as_deref(), Some(alone.as_str()));
    for missing in ["/contacts/99.xml", "/contacts/x.xml", "/quotes.xml"] {
        assert_eq!(tried.get(missing).await.status, 404, "{missing}");
    }
}

#[tokio::test]
async fn a_new_contact_gets_a_number_and_is_answered_whole() {
    let tried = Tried::small(3).await;
    let got = tried
        .post(
            "<civility_label_id>18</civility_label_id><last_name>L&#233;v&#234;que &amp; co</last_name><comment>a\n&lt;b&gt; 😀</comment>\
             <contact_addresses type=\"array\"><contact_address><address_type>21</address_type><zip_code>06000</zip_code></contact_address></contact_addresses>\
             <contact_items><contact_item><type_id>430</type_id><value>live:x</value></contact_item></contact_items>",
        )
        .await;
    assert_eq!((got.status, got.ids(), got.header("location")), (201, vec![1004], "/demo/contacts/1004.xml"));
    let text = got.text();
    assert!(text.contains("<last_name>Lévêque &amp; co</last_name>\n"));
    assert!(text.contains("<comment>a\n&lt;b&gt; 😀</comment>\n"));
    assert!(text.contains("<zip_code>06000</zip_code>\n      <city nil=\"true\"/>\n"));
    assert!(text.contains("<type_id type=\"integer\">430</type_id>\n      <value>live:x</value>\n"));
    assert!(text.contains("<reference>C01004</reference>"));
    let made = between(&text, "<created_at>", "</created_at>").to_owned();
    assert!(chrono::NaiveDateTime::parse_from_str(&made, "%d-%m-%Y-%H-%M").is_ok(), "{made}");
    assert_eq!(tried.get("/contacts/1004.xml").await.text(), text);
}

#[tokio::test]
async fn a_put_changes_what_it_names() {
    let tried = Tried::small(3).await;
    let before = tried.get("/contacts/1002.xml").await.text();
    let got = tried.put(1002, "<job_title>Directrice</job_title><comment></comment><country nil=\"true\"/>").await;
    assert_eq!(got.status, 200);
    let text = tried.get("/contacts/1002.xml").await.text();
    assert_eq!(got.text(), text);
    assert!(text.contains("<job_title>Directrice</job_title>\n  "));
    assert!(text.contains("<comment></comment>\n"));
    assert!(text.contains("<country nil=\"true\"/>\n"));
    let rest = |text: &str| {
        let kept = text
            .lines()
            .filter(|line| !["<job_title", "<comment", "  <country"].iter().any(|name| line.contains(name)));
        kept.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rest(&text), rest(&before));
    assert_eq!(tried.write("PUT", "/contacts/9.xml", "<contact/>").await.unwrap().status, 404);
}

#[tokio::test]
async fn a_deleted_contact_is_gone_and_its_number_too() {
    let tried = Tried::small(3).await;
    assert_eq!(tried.write("DELETE", "/contacts/1003.xml", "").await.unwrap().status, 200);
    assert_eq!(tried.get("/contacts/1003.xml").await.status, 404);
    assert_eq!(tried.write("DELETE", "/contacts/1003.xml", "").await.unwrap().status, 404);
    assert_eq!(tried.get("/contacts.xml").await.ids(), [1001, 1002]);
    assert_eq!(tried.post("<last_name>New</last_name>").await.ids(), [1004]);
}

#[tokio::test]
async fn lists_follow_the_chosen_behaviour() {
    let check = async |lists: Lists, body: fn(&str) -> String, expected: &[&str]| {
        let tried = Tried::new(SandboxSettings { contacts: 0, lists, ..Default::default() }).await;
        let item = "<contact_item><type_id>88</type_id><value>old</value></contact_item>";
        let text = tried.post(&format!("<last_name>A</last_name><contact_items>{item}</contact_items>")).await.text();
        let id = between(&text, "<contact_item>\n      <id type=\"integer\">", "<").to_owned();
        let got = tried.put(1001, &format!("<contact_items>{}</contact_items>", body(&id))).await.text();
        let values: Vec<&str> = got.split("<value>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
        assert_eq!(values, expected, "{lists:?}");
        assert_eq!(
            got.contains(&format!("<id type=\"integer\">{id}</id>")),
            expected.iter().any(|value| value.starts_with("old"))
        );
    };
    let new = |_: &str| "<contact_item><type_id>24</type_id><value>new</value></contact_item>".to_owned();
    check(Lists::Replace, new, &["new"]).await;
    check(Lists::Append, new, &["old", "new"]).await;
    check(Lists::Ids, new, &["old", "new"]).await;
    let edit = |id: &str| format!("<contact_item><id>{id}</id><value>old, edited</value></contact_item>");
    check(Lists::Replace, edit, &["old, edited"]).await;
    check(Lists::Ids, edit, &["old, edited"]).await;
    let destroy = |id: &str| format!("<contact_item><id>{id}</id><_destroy>1</_destroy></contact_item>");
    check(Lists::Ids, destroy, &[]).await;
    check(Lists::Replace, |_| String::new(), &[]).await;
    check(Lists::Ids, |_| String::new(), &["old"]).await;
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let tried = Tried::small(1).await;
    let nameless = tried.post("<comment>x</comment>").await;
    assert_eq!(nameless.status, 422);
    assert!(
        nameless
            .text()
            .contains("<errors>\n  <error>Last name and first name can't both be blank</error>\n</errors>\n")
    );
    assert_eq!(tried.put(1001, "<contact_type>friend</contact_type>").await.status, 422);
    assert_eq!(tried.put(1001, "<last_name/><first_name/>").await.status, 422);
    for broken in ["", "<contact>", "<contact/><contact/>", "<contacts/>", "<!DOCTYPE a><contact/>"] {
        assert_eq!(tried.write("PUT", "/contacts/1001.xml", broken).await.unwrap().status, 400, "{broken}");
        assert_eq!(tried.write("POST", "/contacts.xml", broken).await.unwrap().status, 400, "{broken}");
    }
    assert_eq!(tried.sandbox.store().count().unwrap(), 1);
}

#[tokio::test]
async fn the_door_has_a_lock() {
    let tried = Tried::small(1).await;
    let url = format!("{}/contacts.xml", tried.sandbox.url());
    let request = || tried.client.get(&url).header("Content-Type", "application/xml");
    let none = tried.send(request()).await.unwrap();
    assert_eq!((none.status, none.header("www-authenticate")), (401, "Basic realm=\"practice CRM\""));
    assert_eq!(tried.send(request().basic_auth("demo", Some("wrong"))).await.unwrap().status, 401);
    let untyped = tried.client.get(&url).basic_auth("demo", Some("demo"));
    assert_eq!(tried.send(untyped).await.unwrap().status, 415);
    let base = tried.sandbox.url();
    let root = base.strip_suffix("/demo").unwrap();
    for (path, status) in [("/contacts.xml", 200), ("/other/contacts.xml", 404)] {
        let request =
            tried.client.get(format!("{root}{path}")).header("Content-Type", "application/xml; charset=utf-8");
        assert_eq!(tried.send(request.basic_auth("demo", Some("demo"))).await.unwrap().status, status, "{path}");
    }
}

#[tokio::test]
async fn an_etag_saves_the_body() {
    let tried = Tried::small(3).await;
    for path in ["/contacts.xml", "/contacts/1001.xml"] {
        let etag = tried.get(path).await.header("etag").to_owned();
        assert!(etag.starts_with("W/\""), "{etag}");
        let again = || tried.request("GET", path).header("If-None-Match", &etag);
        let got = tried.send(again()).await.unwrap();
        assert_eq!((got.status, got.body.len(), got.header("etag")), (304, 0, etag.as_str()));
        assert!(tried.sandbox.store().edit(1001, "comment", path).unwrap());
        assert_eq!(tried.send(again()).await.unwrap().status, 200);
    }
}
