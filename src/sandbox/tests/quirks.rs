//! Each oddity, as a client meets it.

use super::*;

#[tokio::test]
async fn quirks_show_on_the_wire() {
    let tried = Tried::quirky(Quirk::NoPagination).await;
    assert!(!tried.get("/contacts.xml").await.text().contains("pagination"));
    let tried = Tried::quirky(Quirk::Latin1).await;
    let got = tried.post("<last_name>Zoé €</last_name>").await;
    assert_eq!(got.header("content-type"), "application/xml; charset=ISO-8859-1");
    assert!(got.body.windows(11).any(|bytes| bytes == b"Zo\xe9 &#8364;"));
    let tried = Tried::quirky(Quirk::OmitEmpty).await;
    assert!(!tried.post("<last_name>A</last_name>").await.text().contains("nil="));
    let tried = Tried::quirky(Quirk::NoEtag).await;
    assert_eq!(tried.get("/contacts.xml").await.header("etag"), "");
    let tried = Tried::quirky(Quirk::NewestFirst).await;
    assert_eq!(tried.get("/contacts.xml").await.ids(), [1003, 1002, 1001]);
    assert_eq!(tried.get("/contacts.xml?page=2&per_page=2").await.ids(), [1001]);
    let tried = Tried::quirky(Quirk::PostIdOnly).await;
    let got = tried.post("<last_name>A</last_name>").await;
    assert_eq!((got.status, got.ids(), got.text().contains("last_name")), (201, vec![1004], false));
    let tried = Tried::quirky(Quirk::PostEmpty).await;
    let got = tried.post("<last_name>A</last_name>").await;
    assert_eq!((got.status, got.body.len(), got.header("location")), (201, 0, ""));
    let tried = Tried::quirky(Quirk::PutEmpty).await;
    let got = tried.put(1001, "<last_name>A</last_name>").await;
    assert_eq!((got.status, got.body.len()), (200, 0));
    assert_eq!(tried.sandbox.store().value(1001, "last_name").unwrap().as_deref(), Some("A"));
}

#[tokio::test]
async fn quirks_of_keeping_values() {
    let check = async |quirk: Quirk, body: &str, expected: &str| {
        let tried = Tried::quirky(quirk).await;
        assert_eq!(tried.put(1001, "<comment>old</comment><job_department>D</job_department>").await.status, 200);
        let text = tried.put(1001, body).await.text();
        assert!(text.contains(expected), "{quirk:?}: {text}");
    };
    let phone = "<contact_items><contact_item><type_id>88</type_id><value> +33 (0)6.39.98.01.02</value></contact_item></contact_items>";
    check(Quirk::Trim, "<last_name>  A  b </last_name>", "<last_name>A  b</last_name>").await;
    check(Quirk::Normalise, "<last_name>  A  b </last_name>", "<last_name>A b</last_name>").await;
    check(Quirk::Normalise, phone, "<value>06 39 98 01 02</value>").await;
    check(Quirk::Capitals, "<last_name>Lefèvre</last_name>", "<last_name>LEFÈVRE</last_name>").await;
    check(Quirk::EmptyKeeps, "<comment/>", "<comment>old</comment>").await;
    check(Quirk::IgnoresDepartment, "<job_department>Achats</job_department>", "<job_department").await;
    let tried = Tried::quirky(Quirk::IgnoresDepartment).await;
    let before = tried.sandbox.store().value(1001, "job_department").unwrap();
    assert_eq!(tried.put(1001, "<job_department>Nouveau</job_department>").await.status, 200);
    assert_eq!(tried.sandbox.store().value(1001, "job_department").unwrap(), before);
}

#[tokio::test]
async fn roles_and_validations_refuse_one_contact() {
    let check = async |quirk: Quirk, asked: [(i64, u16); 2], words: &str| {
        let tried = Tried::quirky(quirk).await;
        for (id, expected) in asked {
            let got = tried.write("DELETE", &format!("/contacts/{id}.xml"), "").await.unwrap();
            assert_eq!(got.status, expected, "{quirk:?} {id}");
            assert!(expected == 200 || got.text().contains(&format!("<error>{words}</error>")), "{}", got.text());
        }
    };
    check(Quirk::NoDeletion, [(1001, 403), (1002, 403)], "You may not delete contacts").await;
    check(Quirk::Guarded, [(1001, 200), (1002, 403)], "You may not change this contact").await;
    check(Quirk::Invoiced, [(1001, 422), (1002, 200)], "Contact has invoices").await;
    let tried = Tried::quirky(Quirk::Guarded).await;
    assert_eq!(tried.put(1002, "<comment>new</comment>").await.status, 403);
    assert_eq!(tried.put(1001, "<comment>new</comment>").await.status, 200);
    assert_eq!(tried.get("/contacts/1002.xml").await.status, 200);
    let tried = Tried::quirky(Quirk::RequiresType).await;
    assert_eq!(tried.post("<last_name>A</last_name>").await.status, 422);
    assert_eq!(tried.post("<last_name>A</last_name><contact_type>client</contact_type>").await.status, 201);
    let tried = Tried::quirky(Quirk::CastsIntegers).await;
    for (sent, kept) in [("12 rue", "12"), ("abc", "0")] {
        let got = tried.put(1001, &format!("<firm_id>{sent}</firm_id>")).await;
        assert!(got.status == 200 && got.text().contains(&format!(">{kept}</firm_id>")), "{}", got.text());
    }
    let tried = Tried::quirky(Quirk::CapitalsAtSave).await;
    let got = tried.put(1001, "<comment>new</comment>").await.text();
    let name = got.split("<last_name>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default().to_owned();
    assert!(!name.is_empty() && name == name.to_uppercase(), "{name}");
}
