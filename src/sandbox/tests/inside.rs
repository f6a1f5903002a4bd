//! The handle on the insides, the state file, starting and stopping.

use super::*;

#[tokio::test]
async fn the_log_holds_what_was_asked() {
    let tried = Tried::small(1).await;
    tried.get("/contacts.xml?page=1").await;
    tried.put(1001, "<comment>é</comment>").await;
    let log = tried.sandbox.store().log();
    let lines: Vec<String> = log.iter().map(|line| format!("{} {} {}", line.method, line.path, line.body)).collect();
    let put = "PUT /demo/contacts/1001.xml <contact><comment>é</comment></contact>";
    assert_eq!(lines, ["GET /demo/contacts.xml?page=1 ", put]);
    tried.sandbox.store().clear_log();
    assert!(tried.sandbox.store().log().is_empty());
}

#[tokio::test]
async fn people_at_the_crm_itself() {
    let tried = Tried::small(2).await;
    let store = tried.sandbox.store();
    assert!(store.edit(1001, "job_title", "Chef").unwrap());
    assert!(!store.edit(1001, "no_such", "x").unwrap() && !store.edit(9, "comment", "x").unwrap());
    assert!(tried.get("/contacts/1001.xml").await.text().contains("<job_title>Chef</job_title>"));
    assert!(matches!(store.put(1001, "<contact><comment>b</comment></contact>").unwrap(), Outcome::Done(_)));
    assert!(matches!(store.put(7, "<contact/>").unwrap(), Outcome::Missing));
    assert!(matches!(store.post("<contact/>").unwrap(), Outcome::Refused(_)));
    assert!(store.delete(1002).unwrap() && !store.delete(1002).unwrap());
    assert_eq!(store.ids().unwrap(), [1001]);
    assert_eq!(store.contact_xml(1002).unwrap(), None);
}

#[tokio::test]
async fn a_state_file_outlives_the_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deeper").join("state.db");
    let settings = SandboxSettings { contacts: 5, state: Some(path), ..Default::default() };
    let tried = Tried::new(settings.clone()).await;
    tried.post("<last_name>New</last_name>").await;
    let url = tried.sandbox.url();
    tried.sandbox.stop().await;
    assert!(tried.client.get(url).send().await.unwrap_err().is_connect());
    let tried = Tried::new(SandboxSettings { contacts: 50, ..settings }).await;
    assert_eq!(tried.get("/contacts.xml").await.ids(), [1001, 1002, 1003, 1004, 1005, 1006]);
}

#[tokio::test]
async fn a_dropped_sandbox_stops() {
    let Tried { sandbox, client } = Tried::small(1).await;
    let url = sandbox.url();
    drop(sandbox);
    let stopped = async { while client.get(&url).send().await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(20), stopped).await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_said() {
    let tried = Tried::small(1).await;
    let port = tried.sandbox.url().split(':').nth(2).and_then(|rest| rest.split('/').next()?.parse().ok()).unwrap();
    let error = Sandbox::start(SandboxSettings { port, ..Default::default() }).await.unwrap_err();
    assert_eq!(error.to_string(), format!("listen on 127.0.0.1:{port}"));
    assert!(error.hint().unwrap().contains("--port"));
}

#[tokio::test]
async fn many_at_once_lose_nothing() {
    let tried = std::sync::Arc::new(Tried::small(0).await);
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..60 {
        let tried = tried.clone();
        tasks.spawn(async move { tried.post(&format!("<last_name>n{at}</last_name>")).await.status });
    }
    assert!(tasks.join_all().await.into_iter().all(|status| status == 201));
    assert_eq!(tried.sandbox.store().count().unwrap(), 60);
}
