//! What people call the contact types of the reference, in cards and in sheets alike.

use crate::contact::ContactType;

/// One name in both languages.
pub(super) struct Name {
    pub french: &'static str,
    pub english: &'static str,
}

/// The name of a contact type; an unlisted one has none.
pub(super) fn name_of(contact_type: &ContactType) -> Option<Name> {
    let (french, english) = match contact_type {
        ContactType::Client => ("Client", "Client"),
        ContactType::Prospect => ("Prospect", "Prospect"),
        ContactType::Supplier => ("Fournisseur", "Supplier"),
        ContactType::Press => ("Presse", "Press"),
        ContactType::Partner => ("Partenaire", "Partner"),
        ContactType::Staff => ("Personnel", "Staff"),
        ContactType::Personal => ("Perso", "Personal"),
        ContactType::Other => ("Autre", "Other"),
        ContactType::Unlisted(_) => return None,
    };
    Some(Name { french, english })
}
