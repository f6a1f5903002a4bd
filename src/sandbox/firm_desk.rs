//! What users do with firms at the CRM's own screen, for tests in the same process.

use super::{
    SandboxError,
    object::{FIRM_NAME, Firm, Kind},
    rows::FIRMS,
    store::{Outcome, Store},
};

impl Store {
    /// The numbers of all firms, ascending.
    pub fn firm_ids(&self) -> Result<Vec<i64>, SandboxError> {
        Ok(self.state().rows(&FIRMS).ids()?)
    }

    /// How many firms there are.
    pub fn firm_count(&self) -> Result<usize, SandboxError> {
        Ok(self.state().rows(&FIRMS).count()?)
    }

    /// A firm as it is stored.
    pub fn firm(&self, id: i64) -> Result<Option<Firm>, SandboxError> {
        self.get(&FIRMS, id)
    }

    /// A firm's name; `None` when it is unset, or there is no such firm.
    pub fn firm_name(&self, id: i64) -> Result<Option<String>, SandboxError> {
        Ok(self.firm(id)?.and_then(|mut firm| firm.scalars[FIRM_NAME].take()))
    }

    /// The firm's XML as a GET answers it; `None` when there is none.
    pub fn firm_xml(&self, id: i64) -> Result<Option<String>, SandboxError> {
        self.xml(&FIRMS, id)
    }

    /// The contacts whose `firm_id` is this number, ascending; the firm itself need not be there.
    pub fn contacts_of_firm(&self, id: i64) -> Result<Vec<i64>, SandboxError> {
        Ok(self.state().contacts_of_firm(id)?)
    }

    /// Adds a firm of this name, which may be any; its number.
    pub fn add_firm(&self, name: &str) -> Result<i64, SandboxError> {
        let mut firm = Firm { created_at: "01-01-2026-10-00".to_owned(), ..Firm::default() };
        firm.scalars[FIRM_NAME] = Some(name.to_owned());
        Ok(self.state().rows(&FIRMS).insert(&firm)?)
    }

    /// Gives a firm another name, which may be any; false when there is no such firm.
    pub fn rename_firm(&self, id: i64, name: &str) -> Result<bool, SandboxError> {
        self.revise_firm(id, |firm| firm.scalars[FIRM_NAME] = Some(name.to_owned()))
    }

    /// Changes a firm; false when there is none. Entries of number 0 are new ones. Nothing is checked.
    pub fn revise_firm(&self, id: i64, edit: impl FnOnce(&mut Firm)) -> Result<bool, SandboxError> {
        self.revise_row(&FIRMS, id, edit)
    }

    /// Moves the contacts of one firm to another and removes the first; how many contacts, or `None` when one of the firms
    /// is not there or both are the same.
    pub fn merge_firms(&self, from: i64, into: i64) -> Result<Option<usize>, SandboxError> {
        Ok(self.state().merge_firms(from, into)?)
    }

    /// Removes a firm under the rules that hold for a DELETE: its contacts' `firm_id` stays, goes with it, or forbids it, as
    /// the quirks have it.
    pub fn delete_firm(&self, id: i64) -> Result<Outcome<()>, SandboxError> {
        self.remove(Kind::Firm, id)
    }

    /// What a PUT of this XML does, without HTTP: another user's change.
    pub fn put_firm(&self, id: i64, xml: &str) -> Result<Outcome<Firm>, SandboxError> {
        self.put_xml(&FIRMS, id, xml)
    }

    /// What a POST of this XML does, without HTTP: another user's new firm.
    pub fn post_firm(&self, xml: &str) -> Result<Outcome<Firm>, SandboxError> {
        self.post_xml(&FIRMS, xml)
    }
}
