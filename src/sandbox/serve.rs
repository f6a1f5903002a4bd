//! The practice CRM on a terminal: says how to reach it, and runs until it is told to stop.

use std::io::{self, Write};

use super::{Sandbox, SandboxError, SandboxSettings, state::is_seeded};

/// Runs a practice CRM until Ctrl-C or SIGTERM. Its address, login and commands to paste go to `out`, which the
/// caller chooses: only `cli` knows where words belong.
pub async fn serve(settings: SandboxSettings, out: &mut dyn Write) -> Result<(), SandboxError> {
    let known = settings.state.as_deref().is_some_and(is_seeded);
    let sandbox = Sandbox::start(settings).await?;
    greet(&sandbox, known, out)?;
    told_to_stop().await?;
    sandbox.stop().await;
    Ok(())
}

fn greet(sandbox: &Sandbox, known: bool, out: &mut dyn Write) -> Result<(), SandboxError> {
    let (url, store) = (sandbox.url(), sandbox.store());
    let settings = store.settings();
    let (user, password) = (&settings.user, &settings.password);
    let id = store.ids()?.first().copied().unwrap_or(super::state::FIRST_ID);
    writeln!(out, "practice CRM: {url}")?;
    writeln!(out, "user: {user}")?;
    writeln!(out, "password: {password}")?;
    match (&settings.state, known) {
        (None, _) => writeln!(out, "{} contacts, in memory only: they are gone when it stops", store.count()?)?,
        (Some(path), true) => writeln!(out, "{} contacts, as left in {}", store.count()?, path.display())?,
        (Some(path), false) => writeln!(out, "{} contacts, new in {}", store.count()?, path.display())?,
    }
    for fault in &settings.faults {
        writeln!(out, "fault: {fault}")?;
    }
    for quirk in &settings.quirks {
        writeln!(out, "quirk: {}", quirk.name())?;
    }
    let curl = format!("curl -u {} -H 'Content-Type: application/xml'", quoted(&format!("{user}:{password}")));
    writeln!(out, "\nlist the first page:\n  {curl} '{url}/contacts.xml?page=1'")?;
    let change = "<contact><job_title>Directrice</job_title></contact>";
    writeln!(out, "change a job title:\n  {curl} -X PUT -d '{change}' '{url}/contacts/{id}.xml'")?;
    let new = "<contact><last_name>Martin</last_name><first_name>Chloé</first_name></contact>";
    writeln!(out, "create a contact:\n  {curl} -X POST -d '{new}' '{url}/contacts.xml'")?;
    writeln!(out, "list the firms that contacts belong to:\n  {curl} '{url}/firms.xml?page=1'")?;
    writeln!(out, "\nstop with Ctrl-C")?;
    out.flush()?;
    Ok(())
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    if word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":._-@".contains(&byte)) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(unix)]
async fn told_to_stop() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn told_to_stop() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_greeting_says_how_to_reach_it() {
        let settings = SandboxSettings { contacts: 3, faults: vec!["drop=5%".parse().unwrap()], ..Default::default() };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let mut out = Vec::new();
        greet(&sandbox, false, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let url = sandbox.url();
        assert!(
            text.starts_with(&format!("practice CRM: {url}\nuser: demo\npassword: demo\n3 contacts, in memory only"))
        );
        assert!(text.contains("fault: drop=5%\n"));
        let curl = "curl -u demo:demo -H 'Content-Type: application/xml'";
        assert!(text.contains(&format!("{curl} '{url}/contacts.xml?page=1'")));
        assert!(text.contains(&format!("{curl} -X PUT -d '<contact><job_title>")));
        assert!(text.contains(&format!("'{url}/contacts/1001.xml'")));
        assert!(text.contains(&format!("{curl} '{url}/firms.xml?page=1'")));
        assert!(text.contains(&format!("{curl} -X POST -d '<contact><last_name>")));
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("demo:demo"), "demo:demo");
        assert_eq!(quoted("me:it's $5"), r"'me:it'\''s $5'");
    }
}
