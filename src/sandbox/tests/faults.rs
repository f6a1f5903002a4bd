//! Each fault, as a client meets it: what was answered, and whether it was done.

use super::*;

#[tokio::test]
async fn faults_before_anything_is_done() {
    let tried = Tried::small(3).await;
    let store = tried.sandbox.store();
    let check = async |mishap: Mishap, status: Option<u16>| {
        store.fail_next("POST", mishap);
        let got = tried.write("POST", "/contacts.xml", "<contact><last_name>A</last_name></contact>").await;
        assert_eq!(got.as_ref().ok().map(|got| got.status), status, "{mishap:?}");
        assert_eq!(store.count().unwrap(), 3, "{mishap:?}");
        got
    };
    check(Mishap::Error500, Some(500)).await.ok();
    assert_eq!(check(Mishap::TooMany, Some(429)).await.unwrap().header("retry-after"), "1");
    let html = check(Mishap::Html, Some(200)).await.unwrap();
    assert!(html.header("content-type").starts_with("text/html") && html.text().contains("<html>"));
    check(Mishap::Drop, None).await.err();
    assert_eq!(tried.post("<last_name>A</last_name>").await.status, 201);
}

#[tokio::test]
async fn faults_after_it_is_done() {
    let tried = Tried::small(3).await;
    let store = tried.sandbox.store();
    let check = async |mishap: Mishap, status: Option<u16>, count: usize| {
        store.fail_next("POST", mishap);
        let got = tried.write("POST", "/contacts.xml", "<contact><last_name>A</last_name></contact>").await;
        assert_eq!(got.ok().map(|got| got.status), status, "{mishap:?}");
        assert_eq!(store.count().unwrap(), count, "{mishap:?}");
    };
    check(Mishap::Error500After, Some(500), 4).await;
    check(Mishap::DropAfter, None, 5).await;
    check(Mishap::Truncate, None, 6).await;
}

#[tokio::test]
async fn a_late_commit_comes_after_the_connection_broke() {
    let tried = Tried::small(3).await;
    let store = tried.sandbox.store();
    store.fail_next("POST", Mishap::Late);
    assert!(tried.write("POST", "/contacts.xml", "<contact><last_name>A</last_name></contact>").await.is_err());
    assert_eq!(store.count().unwrap(), 3);
    let came = async {
        while store.count().unwrap() == 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), came).await.unwrap();
}

#[tokio::test]
async fn a_truncated_page_never_arrives_whole() {
    let faults = vec![Fault::Sometimes(Mishap::Truncate, Share::ALL)];
    let tried = Tried::new(SandboxSettings { contacts: 30, faults, ..Default::default() }).await;
    let (mut told, mut chunked) = (0, 0);
    for _ in 0..20 {
        let answer = tried.request("GET", "/contacts.xml").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        if answer.headers().contains_key("content-length") {
            told += 1
        } else {
            chunked += 1
        }
        assert!(answer.bytes().await.is_err());
    }
    assert!(told > 0 && chunked > 0, "{told} {chunked}");
    tried.sandbox.store().set_faults(Vec::new());
    assert_eq!(tried.get("/contacts.xml").await.ids().len(), 30);
}

#[tokio::test]
async fn a_shifted_page_repeats_or_skips_one() {
    let faults = vec![Fault::Sometimes(Mishap::Shift, Share::ALL)];
    let tried = Tried::new(SandboxSettings { contacts: 30, per_page: 10, faults, ..Default::default() }).await;
    let mut starts = std::collections::BTreeSet::new();
    for _ in 0..20 {
        starts.insert(tried.get("/contacts.xml?page=2").await.ids()[0]);
    }
    assert_eq!(starts.into_iter().collect::<Vec<_>>(), [1010, 1012]);
}

#[tokio::test]
async fn a_lie_hides_everything_and_touches_nothing() {
    let tried = Tried::small(3).await;
    let store = tried.sandbox.store();
    store.fail_next("GET", Mishap::Lie);
    store.fail_next("GET", Mishap::Lie);
    let listing = tried.get("/contacts.xml").await;
    assert_eq!((listing.status, listing.ids().len()), (200, 0));
    assert_eq!(tried.get("/contacts/1001.xml").await.status, 404);
    assert_eq!(tried.get("/contacts/1001.xml").await.status, 200);
}

#[tokio::test]
async fn slow_and_locked() {
    let faults = vec!["slow=60".parse().unwrap(), Fault::Unauthorized];
    let tried = Tried::new(SandboxSettings { contacts: 3, faults, ..Default::default() }).await;
    let begun = std::time::Instant::now();
    assert_eq!(tried.get("/contacts.xml").await.status, 401);
    assert!(begun.elapsed() >= Duration::from_millis(60));
}
