//! The throwaway contacts of trials that are in the CRM: they are removed, or, where the server does not let us, told once
//! and kept for the next trial.

use std::collections::BTreeSet;

use super::replica_error;
use crate::{
    crm::{Client, CrmError, ErrorKind, is_probe},
    replica::{Diagnostic, ReplicaError},
};

/// The name under which those are kept that the server does not let us remove.
const KEPT: &str = "crm.trials_kept";

/// The throwaway contacts in the CRM.
#[derive(Debug, Default)]
pub struct Trials {
    /// Those that this run's listing has shown, or that were made since.
    pub seen: BTreeSet<String>,
    /// Those that the server does not let us remove; the user was told.
    kept: BTreeSet<String>,
    remarks: Vec<Diagnostic>,
}

impl Trials {
    pub fn recall(&mut self, known: &dyn Fn(&str) -> Option<String>) {
        let kept = known(KEPT).unwrap_or_default();
        self.kept = kept.split(' ').filter(|id| !id.is_empty()).map(str::to_owned).collect();
    }

    /// What is kept for the next run, under its name.
    pub fn learned(&self) -> (String, String) {
        let kept: Vec<&str> = self.kept.iter().map(String::as_str).collect();
        (KEPT.to_owned(), kept.join(" "))
    }

    pub fn remarks(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.remarks)
    }

    /// A whole listing was read: what it does not show, somebody has removed.
    pub fn listed(&mut self) {
        self.kept.retain(|id| self.seen.contains(id));
    }

    /// Those that a trial can use.
    pub fn usable(&self) -> BTreeSet<String> {
        self.seen.union(&self.kept).cloned().collect()
    }

    /// One could not be removed.
    pub fn stays(&mut self, id: String, error: CrmError) {
        if matches!(error.kind, ErrorKind::Rejected | ErrorKind::Forbidden) && self.kept.insert(id.clone()) {
            let message = format!("remove the trial contact {id}: could not {error}");
            let hint = format!("delete contact {id} in the CRM; until then it serves the next trial");
            self.remarks.push(Diagnostic::new(message).hint(hint));
        }
        self.seen.insert(id);
    }

    /// Removes them. Best effort: only a refused login stops the run, what cannot be removed now is tried another time,
    /// unless the server refuses it.
    pub async fn clear_up(&mut self, client: &Client) -> Result<(), ReplicaError> {
        for id in self.seen.difference(&self.kept).cloned().collect::<Vec<_>>() {
            let (removed, trial) = match client.contact(&id).await {
                Ok(Some(record)) if is_probe(&record.contact) => (client.delete(&id).await.map(drop), record.contact),
                other => (other.map(drop), Default::default()),
            };
            match removed {
                Ok(()) => drop(self.seen.remove(&id)),
                Err(error) if error.kind == ErrorKind::Login => return Err(replica_error(error)),
                Err(error) => {
                    tracing::debug!(id, %error, "the trial contact stays for now");
                    self.stays(id, error.in_words(&[&trial]));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::stub::{Reply, Stub};

    const TRIAL: &str =
        "<contact><id>61</id><last_name>carnet probe</last_name><comment>carnet probe 1</comment></contact>";

    /// A run in which 61 is listed, or not, on a server that answers this to DELETE: how often it was asked to remove it,
    /// what the user was told, what is kept.
    async fn run(kept: &str, listed: bool, answer: Reply) -> (usize, Vec<String>, String) {
        let stub =
            Stub::start(move |request, _| if request.method == "DELETE" { answer.clone() } else { Reply::xml(TRIAL) })
                .await;
        let mut trials = Trials::default();
        trials.recall(&|name| (name == KEPT).then(|| kept.to_owned()));
        trials.seen.extend(listed.then(|| "61".to_owned()));
        trials.listed();
        for _ in 0..2 {
            trials.clear_up(&stub.client()).await.unwrap();
        }
        let words = |told: &Diagnostic| format!("{told}; {}", told.hint.as_deref().unwrap_or_default());
        let told = trials.remarks().iter().map(words).collect();
        let asked = stub.lines().iter().filter(|line| line.starts_with("DELETE")).count();
        (asked, told, trials.learned().1)
    }

    #[tokio::test]
    async fn what_the_server_does_not_let_us_remove_is_told_once_and_kept() {
        let refused = || Reply::status(422).body("<errors><error>Contact is watched</error></errors>");
        let told = "remove the trial contact 61: could not delete contact 61: the server refused it: Contact is watched; \
                    delete contact 61 in the CRM; until then it serves the next trial";
        assert_eq!(run("", true, refused()).await, (1, vec![told.to_owned()], "61".to_owned()));
        assert_eq!(run("61", true, refused()).await, (0, vec![], "61".to_owned()));
        assert_eq!(run("61", false, refused()).await, (0, vec![], String::new()), "somebody has removed it");
        assert_eq!(run("", true, Reply::status(200)).await, (1, vec![], String::new()));
        assert_eq!(run("", true, Reply::status(500)).await, (2, vec![], String::new()), "that may pass");
    }
}
