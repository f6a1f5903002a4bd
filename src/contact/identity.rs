//! What ties a record in a file to a contact: carnet's own UID and the CRM's id.
//!
//! Both formats write them, so that a record is recognised again after a user has changed everything else in it.

/// The marks that a card or a row carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The contact's UID, without `urn:uuid:`.
    pub uid: Option<String>,
    /// Its id in the CRM, digits.
    pub crm_id: Option<String>,
}
