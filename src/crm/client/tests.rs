//! The client against a stub: what is sent, what is tried again, what is refused.

use super::*;
use crate::{
    crm::stub::{Reply, Stub, settings},
    transport::BODY_LEN_MAX,
};

#[tokio::test]
async fn a_request_carries_login_and_type_and_no_redirect_is_followed() {
    let stub = Stub::start(|request, _| match request.path.as_str() {
        "/1/contacts.xml" => Reply::status(302).header("location", "/canary-place"),
        _ => Reply::xml("<contacts/>"),
    })
    .await;
    let client = stub.client();
    let error = client.get("read", &client.page_url(1), |_| Ok(())).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert!(error.hint.is_some() && !error.to_string().contains("canary"));
    let seen = stub.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("authorization"), Some("Basic YWRhOmNhbmFyeS1zZWNyZXQ="));
    assert_eq!(seen[0].header("content-type"), Some("application/xml"));
    assert_eq!(seen[0].header("accept"), Some("application/xml"));
    assert_eq!(seen[0].header("user-agent"), Some(concat!("carnet/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(seen[0].query, "page=1");
    assert_eq!(client.requests(), BTreeMap::from([("GET".to_owned(), 1)]));
}

#[tokio::test]
async fn reads_are_tried_again_and_writes_never() {
    for (statuses, expected, count) in [
        (vec![500, 502, 200], Ok(()), 3),
        (vec![500, 500, 500], Err(ErrorKind::Unavailable), 3),
        (vec![429, 429, 429, 503, 200], Ok(()), 5),
        (vec![401], Err(ErrorKind::Login), 1),
        (vec![403], Err(ErrorKind::Forbidden), 1),
        (vec![400], Err(ErrorKind::Rejected), 1),
    ] {
        let answers = statuses.clone();
        let stub = Stub::start(move |_, place| {
            let status = answers.get(place).copied().unwrap_or(500);
            let reply = if status == 200 { Reply::xml("<contacts/>") } else { Reply::status(status) };
            if matches!(status, 429 | 503) { reply.header("retry-after", "0") } else { reply }
        })
        .await;
        let client = stub.client();
        let got = client.get("read", &client.page_url(1), |_| Ok(())).await;
        assert_eq!(got.map_err(|error| error.kind), expected, "{statuses:?}");
        assert_eq!(stub.seen().len(), count, "{statuses:?}");
    }
    let stub = Stub::start(|_, _| Reply::status(503).header("retry-after", "0")).await;
    let client = stub.client();
    let error = client.write("make", Verb::Post, &client.all_url(), Some("x".into())).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::OutcomeUnknown);
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn a_write_does_not_wait_for_an_hour() {
    let stub = Stub::start(|_, _| Reply::status(429).header("retry-after", "3600")).await;
    let client = stub.client();
    for _ in 0..2 {
        let error = client.write("make", Verb::Post, &client.all_url(), None).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.hint.is_some_and(|hint| hint.starts_with("the server asks to wait 3")));
    }
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn nobody_there_means_nothing_was_sent() {
    let client = Stub::nobody().await;
    let error = client.write("make", Verb::Post, &client.all_url(), Some("x".into())).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(client.requests().is_empty());
    let error = client.get("read", &client.page_url(1), |_| Ok(())).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    let place = client.page_url(1).replace("http://", "").replace("/1/contacts.xml?page=1", "");
    assert!(error.message.starts_with(&format!("connect to {place}: ")), "{error}");
    assert!(!client.is_welcome());
}

#[tokio::test]
async fn cut_answers_are_tried_again_to_read_and_unsettled_to_write() {
    let stub = Stub::start(|_, place| match place {
        0 => Reply::cut("<contacts></contacts>", 12),
        1 => Reply::drop(),
        2 => Reply::xml("<contacts></contacts>"),
        3 => Reply::cut("<contact></contact>", 3),
        _ => Reply::drop(),
    })
    .await;
    let client = stub.client();
    let text = client.get("read", &client.page_url(1), |answer| Ok(answer.text()?.into_owned())).await;
    assert_eq!(text.unwrap(), "<contacts></contacts>");
    for _ in 0..2 {
        let error = client.write("make", Verb::Put, &client.all_url(), None).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{error}");
    }
    assert_eq!(stub.seen().len(), 5);
}

#[tokio::test]
async fn bodies_are_bounded_and_ids_are_numbers() {
    let stub = Stub::start(|_, _| Reply::xml(" ".repeat(BODY_LEN_MAX + 1))).await;
    let client = stub.client();
    let error = client.get("read", &client.page_url(1), |_| Ok(())).await.unwrap_err();
    assert_eq!(error.message, "read: the answer is larger than 16 MiB");
    assert_eq!(stub.seen().len(), 1);
    assert!(client.one_url("12").unwrap().ends_with("/1/contacts/12.xml"));
    for id in ["", "../1", "1/2", "1?x", "012"] {
        assert_eq!(client.one_url(id).unwrap_err().kind, ErrorKind::Rejected, "{id}");
    }
}

/// 17 MiB of spaces in 110 KiB: DEFLATE's fixed codes (RFC 1951, 3.2.6), one literal and then copies of 258 bytes.
fn gzip_bomb() -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    let code = |bits: &mut Vec<bool>, code: u32, length: u32| {
        bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
    };
    code(&mut bits, 0x30 + u32::from(b' '), 8);
    for _ in 0..17 * 1024 * 1024 / 258 {
        code(&mut bits, 0xc5, 8);
        code(&mut bits, 0, 5);
    }
    code(&mut bits, 0, 7);
    let mut bytes = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    bytes.extend(bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |value, bit| value << 1 | u8::from(*bit))));
    bytes
}

#[tokio::test]
async fn a_small_answer_that_unpacks_to_a_large_one_is_refused() {
    let bomb = gzip_bomb();
    assert!(bomb.len() < 128 * 1024);
    let stub = Stub::start(move |_, _| Reply::xml(bomb.clone()).header("content-encoding", "gzip")).await;
    let client = stub.client();
    let error = client.get("read", &client.page_url(1), |_| Ok(())).await.unwrap_err();
    assert_eq!(error.message, "read: the answer is larger than 16 MiB");
    assert!(stub.seen()[0].header("accept-encoding").is_some_and(|value| value.contains("gzip")));
}

#[test]
fn pages_are_addressed_with_what_is_set() {
    let mut settings = settings("http://127.0.0.1:1/9/");
    let client = Client::new(&settings).unwrap();
    assert_eq!(client.page_url(2), "http://127.0.0.1:1/9/contacts.xml?page=2");
    settings.per_page = Some(250);
    assert_eq!(Client::new(&settings).unwrap().page_url(2), "http://127.0.0.1:1/9/contacts.xml?page=2&per_page=250");
    settings.username = "a:b".into();
    assert_eq!(Client::new(&settings).err().map(|error| error.kind), Some(ErrorKind::Settings));
    settings.username = "ada".into();
    settings.ca_file = Some("Cargo.toml".into());
    assert_eq!(Client::new(&settings).err().map(|error| error.kind), Some(ErrorKind::Settings));
}
