//! How listings end, what is in flight meanwhile, and what trouble on the way makes of them.

use std::{
    sync::{
        Condvar,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::*;
use crate::crm::stub::{Reply, Request, Stub, impatient, settings};

/// Contacts 1 to `last`, two a page, with `total_pages` if `told`.
fn page(number: u32, last: u64, told: bool) -> String {
    let first = u64::from(number) * 2 - 1;
    let total = last.div_ceil(2);
    let pagination =
        if told { format!("<pagination><total_pages>{total}</total_pages></pagination>") } else { String::new() };
    let contacts: String = (first..first + 2)
        .filter(|id| *id <= last)
        .map(|id| format!("<contact><id>{id}</id><last_name>n{id}</last_name></contact>"))
        .collect();
    format!("<contacts type=\"array\">{pagination}{contacts}</contacts>")
}

/// Where threads wait until so many of them have come; false if they do not.
struct Meeting {
    size: usize,
    come: Mutex<usize>,
    more: Condvar,
}

impl Meeting {
    fn of(size: usize) -> Arc<Self> {
        Arc::new(Self { size, come: Mutex::new(0), more: Condvar::new() })
    }

    fn wait(&self) -> bool {
        let meet = || {
            let mut come = self.come.lock().unwrap();
            *come += 1;
            let wanted = come.next_multiple_of(self.size);
            self.more.notify_all();
            let late = Duration::from_secs(10);
            !self.more.wait_timeout_while(come, late, |come| *come < wanted).unwrap().1.timed_out()
        };
        // Handing the thread's other tasks on: one of them may be the one waited for.
        tokio::task::block_in_place(meet)
    }
}

async fn list(client: Client, remembered: Remembered) -> (Vec<String>, Result<(), CrmError>) {
    let mut listing = Listing::start(client, Arc::new(remembered), |page| {
        page.records.iter().filter_map(PageRecord::key).map(|key| key.to_string()).collect::<Vec<_>>()
    });
    let mut seen = Vec::new();
    let end = loop {
        match listing.next().await {
            Ok(Some(Arrived { content: Content::Fresh(ids), .. })) => seen.extend(ids),
            Ok(Some(Arrived { content: Content::Same, number, .. })) => seen.push(format!("page {number}")),
            Ok(Some(Arrived { content: Content::Missing, .. })) => {}
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    seen.sort_by_key(|id| (id.len(), id.clone()));
    seen.dedup();
    (seen, end)
}

fn numbers(last: u64) -> Vec<String> {
    (1..=last).map(|id| id.to_string()).collect()
}

#[tokio::test]
async fn every_way_of_ending_a_listing_is_understood() {
    type Beyond = fn(&Request) -> Reply;
    let beyonds: [Beyond; 3] = [
        |_| Reply::xml("<contacts type=\"array\"/>"),
        |_| Reply::xml(page(4, 7, false)),
        |_| Reply::status(404).header("content-type", "text/html").body("<html>"),
    ];
    for (case, beyond) in beyonds.into_iter().enumerate() {
        for told in [true, false] {
            for concurrency in [1, 4] {
                let stub = Stub::start(move |request, _| match request.page() {
                    number @ 1..=4 => Reply::xml(page(number, 7, told)),
                    _ => beyond(request),
                })
                .await;
                let mut settings = stub.settings();
                settings.concurrency = concurrency;
                let client = impatient(&settings);
                let (seen, end) = list(client, Remembered::default()).await;
                assert_eq!((seen, end), (numbers(7), Ok(())), "case {case}, told {told}, {concurrency} at once");
                if told {
                    assert_eq!(stub.seen().len(), 4, "four are asked for at once where nothing is known");
                }
            }
        }
    }
}

/// A listing after a refused login.
fn refused_before() -> Remembered {
    Remembered { login_refused: true, ..Remembered::default() }
}

#[tokio::test]
async fn pages_past_a_told_end_are_asked_for_once_and_not_handed_over() {
    let stub = Stub::start(|_, _| Reply::xml(page(1, 2, true))).await;
    let mut listing = Listing::start(stub.client(), Arc::default(), |page| page.number);
    let (mut fresh, mut missing) = (0, 0);
    while let Some(page) = listing.next().await.unwrap() {
        match page.content {
            Content::Fresh(_) => fresh += 1,
            Content::Same | Content::Missing => missing += 1,
        }
    }
    assert_eq!((fresh, missing, stub.seen().len()), (1, 3, 4));
}

#[tokio::test]
async fn a_login_refused_before_is_tried_on_one_request() {
    for (remembered, most) in [(refused_before(), 1), (Remembered::default(), 4)] {
        let stub = Stub::start(|_, _| Reply::status(401)).await;
        let (_, end) = list(stub.client(), remembered).await;
        assert_eq!(end.unwrap_err().kind, ErrorKind::Login);
        assert!((1..=most).contains(&stub.seen().len()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn as_many_requests_as_allowed_are_in_flight() {
    // After page 1, nobody is answered before four ask at once: with fewer in flight this would time out.
    let four = Meeting::of(4);
    let (asking, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen_most = most.clone();
    let stub = Stub::start(move |request, _| {
        seen_most.fetch_max(asking.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let met = request.page() == 1 || four.wait();
        asking.fetch_sub(1, Ordering::SeqCst);
        if met { Reply::xml(page(request.page(), 18, true)) } else { Reply::status(400) }
    })
    .await;
    assert_eq!(list(stub.client(), refused_before()).await, (numbers(18), Ok(())));
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn a_page_being_read_holds_no_request_up() {
    // Pages 2 to 5 are answered once all four are asked for, page 1 is done with once they are.
    let five = Meeting::of(5);
    let answered = five.clone();
    let stub = Stub::start(move |request, _| {
        let met = !(2..=5).contains(&request.page()) || answered.wait();
        if met { Reply::xml(page(request.page(), 18, true)) } else { Reply::status(400) }
    })
    .await;
    let mut listing = Listing::start(stub.client(), Arc::default(), move |page| page.number > 1 || five.wait());
    let mut pages = 0;
    while let Some(page) = listing.next().await.unwrap() {
        assert!(matches!(page.content, Content::Fresh(true)));
        pages += 1;
    }
    assert_eq!(pages, 9);
}

#[tokio::test]
async fn unchanged_pages_are_not_read_again() {
    let stub = Stub::start(|request, _| match (request.page(), request.header("if-none-match")) {
        (1, Some("\"e1\"")) => Reply::status(304),
        (number, None) => Reply::xml(page(number, 6, true)),
        _ => Reply::status(400),
    })
    .await;
    let mut remembered = Remembered::default();
    for (number, etag) in [(1, Some("\"e1\"".to_owned())), (2, None)] {
        let digest = Digest::of(page(number, 6, true).as_bytes());
        remembered.pages.insert(number, RememberedPage { etag, digest, ids: vec![], total_pages: Some(3) });
    }
    let (seen, end) = list(stub.client(), remembered).await;
    assert_eq!((seen, end), (["5", "6", "page 1", "page 2"].map(str::to_owned).to_vec(), Ok(())));
}

#[tokio::test]
async fn a_304_nobody_asked_for_is_no_page() {
    let stub = Stub::start(|_, _| Reply::status(304)).await;
    let (_, end) = list(stub.client(), Remembered::default()).await;
    assert_eq!(end.unwrap_err().kind, ErrorKind::Rejected);
}

#[tokio::test]
async fn pages_past_an_untold_end_are_not_handed_over() {
    let faulty = "<contacts><contact><last_name>nobody</last_name></contact></contacts>";
    for (beyond, handed_over) in
        [(page(2, 4, false), vec![1, 2]), ("<contacts/>".into(), vec![1, 2]), (faulty.into(), vec![1, 2, 3])]
    {
        let stub = Stub::start(move |request, _| match request.page() {
            number @ 1..=2 => Reply::xml(page(number, 4, false)),
            3 => Reply::xml(beyond.as_bytes()),
            _ => Reply::status(404),
        })
        .await;
        let mut settings = stub.settings();
        settings.concurrency = 1;
        let mut listing = Listing::start(impatient(&settings), Arc::default(), |page| page.number);
        let mut numbers = Vec::new();
        while let Some(page) = listing.next().await.unwrap() {
            numbers.extend(if let Content::Fresh(number) = page.content { Some(number) } else { None });
        }
        numbers.sort_unstable();
        assert_eq!(numbers, handed_over);
    }
}

#[tokio::test]
async fn a_listing_without_end_is_given_up() {
    type Answer = fn(u32) -> (u32, u64);
    // Page -> total_pages and first id.
    let cases: [(Answer, usize); 2] =
        [(|number| (number + 1, 1), 1 + 16 + 3), (|number| (number + 1, u64::from(number)), 102 + 3)];
    for (case, (answer, most)) in cases.into_iter().enumerate() {
        let stub = Stub::start(move |request, _| {
            let (total, id) = answer(request.page());
            Reply::xml(format!("<contacts total_pages=\"{total}\"><contact><id>{id}</id></contact></contacts>"))
        })
        .await;
        let (_, end) = list(stub.client(), Remembered::default()).await;
        let error = end.unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ErrorKind::Unavailable, "read the contacts: the listing does not end")
        );
        assert!(error.hint.is_some());
        assert!(stub.seen().len() <= most, "case {case}: {}", stub.seen().len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_listing_read_before_does_not_wait_for_page_1() {
    // Nobody is answered before four ask at once, page 1 included.
    let four = Meeting::of(4);
    let stub = Stub::start(move |request, _| match four.wait() {
        true => Reply::xml(page(request.page(), 16, true)),
        false => Reply::status(400),
    })
    .await;
    let remembered = Remembered { pages_last: Some(8), ..Remembered::default() };
    assert_eq!(list(stub.client(), remembered).await, (numbers(16), Ok(())));
    assert_eq!(stub.seen().len(), 8);
}

#[tokio::test]
async fn what_a_page_holds_counts_and_not_what_it_is_called() {
    for lead in ["", "<?xml version=\"1.0\"?>\n", "\n<!-- made by hand --> "] {
        let stub = Stub::start(move |_, _| {
            let body = format!("{lead}{}", page(1, 2, true));
            Reply::status(200).header("content-type", "text/html; charset=utf-8").body(body)
        })
        .await;
        assert_eq!(list(stub.client(), Remembered::default()).await, (numbers(2), Ok(())), "{lead:?}");
    }
    for body in ["<html><contacts/></html>", "<div>hello</div>", "Bad gateway", "<!DOCTYPE html>\n<html/>"] {
        let stub = Stub::start(move |_, _| Reply::status(200).header("content-type", "text/html").body(body)).await;
        let (_, end) = list(stub.client(), Remembered::default()).await;
        let message = "read page 1 of the contacts: the server answered a web page, not XML";
        assert_eq!(end.unwrap_err().message, message, "{body}");
    }
}

#[tokio::test]
async fn trouble_on_the_way_is_overcome_or_ends_it() {
    let stub = Stub::start(|request, place| match (request.page(), place) {
        (1, 0) => Reply::status(500),
        (1, 1) => Reply::cut(&page(1, 4, true), 40),
        (1, 2) => Reply::xml(&page(1, 4, true)[..60]),
        (1, _) => Reply::status(500),
        _ => Reply::xml(page(2, 4, true)),
    })
    .await;
    let (seen, end) = list(stub.client(), refused_before()).await;
    assert_eq!(seen, numbers(0));
    assert_eq!(end.unwrap_err().message, "read page 1 of the contacts: the XML is cut or malformed at byte 49");
    assert_eq!(stub.seen().len(), 3);
    for (reply, kind, message) in [
        (Reply::status(401), ErrorKind::Login, "log in to the CRM: the login was refused (401 Unauthorized)"),
        (Reply::status(403), ErrorKind::Login, "log in to the CRM: the login was refused (403 Forbidden)"),
        (
            Reply::status(404),
            ErrorKind::Rejected,
            "read page 1 of the contacts: there are no contacts at that address (404 Not Found)",
        ),
        (
            Reply::status(200).header("content-type", "text/html").body("<html>"),
            ErrorKind::Unavailable,
            "read page 1 of the contacts: the server answered a web page, not XML",
        ),
    ] {
        let stub = Stub::start(move |_, _| reply.clone()).await;
        let (_, end) = list(stub.client(), refused_before()).await;
        let error = end.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, message));
        assert!(error.hint.is_some());
        assert_eq!(stub.seen().len(), 1, "{message}");
    }
}

#[tokio::test]
async fn pages_before_a_failure_are_handed_over() {
    let stub = Stub::start(|request, _| match request.page() {
        3 => Reply::status(500),
        number => Reply::xml(page(number, 10, true)),
    })
    .await;
    let mut settings = settings(&stub.settings().base_url);
    settings.concurrency = 1;
    let (seen, end) = list(impatient(&settings), Remembered::default()).await;
    // Pages behind it may come while it is tried again.
    assert!(numbers(4).iter().all(|id| seen.contains(id)), "{seen:?}");
    assert_eq!(end.unwrap_err().kind, ErrorKind::Unavailable);
}
