//! The lists of one PUT: what is sent of each, what is withheld, what the list read back says, and the mending of a contact
//! that was harmed because the server does something else with lists than was believed.

use super::{
    apply::CrmWriter,
    list_modes::{Evidence, contradicted},
};
use crate::{
    contact::{Address, Contact, FieldSet, Item},
    crm::{
        ErrorKind, Record, list_body,
        lists::{self, Entry, ListBehaviour, ListKind, Listed, Lists, Outgoing, PerList, Verdict},
    },
    replica::Diagnostic,
};

/// What is not sent, and why.
#[derive(Debug, Default)]
pub struct Withheld {
    /// The fields.
    pub fields: FieldSet,
    /// Those of them that there is no way to send.
    pub inexpressible: FieldSet,
    /// Why; where there are several reasons, the first.
    pub reason: Option<Diagnostic>,
}

impl Withheld {
    /// Both.
    pub fn and(self, other: Self) -> Self {
        Self {
            fields: self.fields.or(other.fields),
            inexpressible: self.inexpressible.or(other.inexpressible),
            reason: self.reason.or(other.reason),
        }
    }
}

/// A kind of list that was not treated as was believed, and the behaviour that explains what was read back.
pub type Contradiction = (ListKind, Option<ListBehaviour>);

/// What one PUT does to the lists.
pub struct ListWrites<'a> {
    addresses: Option<ListWrite<'a, Address>>,
    items: Option<ListWrite<'a, Item>>,
}

struct ListWrite<'a, T> {
    belief: ListBehaviour,
    before: Listed<'a, T>,
    wanted: &'a [T],
    /// None where the belief has no way to say it.
    sent: Option<Vec<Outgoing<'a, T>>>,
}

impl<'a, T: Entry + Clone> ListWrite<'a, T> {
    fn plan(
        believed: &PerList<Result<ListBehaviour, Diagnostic>>,
        changed: FieldSet,
        before: &'a Record,
        contact: &'a Contact,
    ) -> Option<Self> {
        let belief = *believed.get(T::KIND).as_ref().ok().filter(|_| changed.contains(T::KIND.field()))?;
        let (before, wanted) = (Listed::of(before), T::entries(contact));
        let sent = lists::to_send(belief, &before, wanted, &before);
        Some(Self { belief, before, wanted, sent })
    }

    fn verdict(&self, after: &Record) -> Option<(ListKind, Verdict)> {
        let verdict = lists::judge(self.belief, &self.before, self.sent.as_ref()?, T::entries(&after.contact));
        Some((T::KIND, verdict))
    }

    /// The body that brings the list from what stands there to what was wanted, on a server of this behaviour; none where
    /// that is not needed or cannot be said.
    fn mending(&self, after: &Record, observed: ListBehaviour) -> Option<String> {
        let there = Listed::of(after);
        let entries = lists::to_send(observed, &there, self.wanted, &self.before)?;
        if lists::same(there.entries, self.wanted) { None } else { list_body(&entries).ok() }
    }
}

impl<'a> ListWrites<'a> {
    /// What is to be sent so that the lists of the record become the contact's.
    pub fn plan(
        believed: &PerList<Result<ListBehaviour, Diagnostic>>,
        changed: FieldSet,
        before: &'a Record,
        contact: &'a Contact,
    ) -> Self {
        Self {
            addresses: ListWrite::plan(believed, changed, before, contact),
            items: ListWrite::plan(believed, changed, before, contact),
        }
    }

    /// As a body names them.
    pub fn in_body(&self) -> Lists<'_, 'a> {
        Lists {
            addresses: self.addresses.as_ref().and_then(|list| list.sent.as_deref()),
            items: self.items.as_ref().and_then(|list| list.sent.as_deref()),
        }
    }

    /// The lists that are to change and that this server has no way to be told so.
    pub fn inexpressible(&self, changed: FieldSet) -> Withheld {
        let Lists { addresses, items } = self.in_body();
        let belief = |kind: ListKind| match kind {
            ListKind::Addresses => self.addresses.as_ref().map(|list| list.belief).filter(|_| addresses.is_none()),
            ListKind::Items => self.items.as_ref().map(|list| list.belief).filter(|_| items.is_none()),
        };
        let mut withheld = Withheld::default();
        for (kind, belief) in ListKind::among(changed).filter_map(|kind| Some((kind, belief(kind)?))) {
            let fields = FieldSet::NONE.with(kind.field());
            let reason = Some(no_way(kind, belief));
            withheld = withheld.and(Withheld { fields, inexpressible: fields, reason });
        }
        withheld
    }

    fn verdicts(&self, after: &Record) -> impl Iterator<Item = (ListKind, Verdict)> {
        let addresses = self.addresses.as_ref().and_then(|list| list.verdict(after));
        addresses.into_iter().chain(self.items.as_ref().and_then(|list| list.verdict(after)))
    }

    /// True where the record contradicts what is believed of a kind.
    pub fn is_contradicted_by(&self, after: &Record) -> bool {
        self.verdicts(after).any(|(_, verdict)| matches!(verdict, Verdict::Contradicted { .. }))
    }

    /// The kinds that what was read back contradicts; what it says of each is noted.
    pub fn judge(&self, after: &Record, evidence: &Evidence) -> Vec<Contradiction> {
        let mut contradicted = Vec::new();
        for (kind, verdict) in self.verdicts(after) {
            match verdict {
                Verdict::BorneOut => evidence.bear_out(kind),
                Verdict::Open => {}
                Verdict::Contradicted { observed } => {
                    tracing::warn!(list = kind.field().name(), "the CRM updates lists otherwise than was believed");
                    evidence.refute(kind);
                    contradicted.push((kind, observed));
                }
            }
        }
        contradicted
    }

    fn mending(&self, after: &Record, kind: ListKind, observed: ListBehaviour) -> Option<String> {
        match kind {
            ListKind::Addresses => self.addresses.as_ref()?.mending(after, observed),
            ListKind::Items => self.items.as_ref()?.mending(after, observed),
        }
    }
}

impl CrmWriter {
    /// The lists that are not sent for now, and why.
    pub fn withheld(&self, changed: FieldSet) -> Withheld {
        let mut withheld = Withheld::default();
        for kind in ListKind::among(changed) {
            let fields = FieldSet::NONE.with(kind.field());
            let reason = match self.lists.get(kind) {
                Err(diagnostic) => diagnostic.clone(),
                Ok(_) if self.evidence.is_refuted(kind) => contradicted(kind, self.setting),
                Ok(_) => continue,
            };
            withheld = withheld.and(Withheld { fields, reason: Some(reason), ..Withheld::default() });
        }
        withheld
    }

    /// What is said of a contradiction: nothing was withheld.
    pub fn contradicted(&self, kinds: &[Contradiction]) -> Withheld {
        let reason = kinds.first().map(|(kind, _)| contradicted(*kind, self.setting));
        Withheld { reason, ..Withheld::default() }
    }

    /// Brings a contact that was harmed to what was meant, from the lists that were read just before, as far as what was
    /// observed has a way to say it. The record as last read, and true where a later change of it may yet show.
    pub async fn mend(
        &self,
        remote: &str,
        lists: &ListWrites<'_>,
        kinds: &[Contradiction],
        mut after: Record,
    ) -> (Record, bool) {
        for (kind, observed) in kinds {
            let Some(body) = observed.and_then(|observed| lists.mending(&after, *kind, observed)) else { continue };
            match self.client.update(remote, body).await {
                Ok(_) => match self.client.contact(remote).await {
                    Ok(Some(record)) => after = Record { fields: record.fields.or(after.fields), ..record },
                    Ok(None) | Err(_) => return (after, true),
                },
                Err(error) if error.kind == ErrorKind::OutcomeUnknown => return (after, true),
                Err(error) => tracing::debug!(%error, "the list is not mended"),
            }
        }
        (after, false)
    }
}

/// Why a change of a list is not sent under a behaviour that is known.
fn no_way(kind: ListKind, behaviour: ListBehaviour) -> Diagnostic {
    let name = kind.field().name();
    match behaviour {
        ListBehaviour::Unknown => {
            Diagnostic::new(format!("update {name}: the CRM treats lists in a way that carnet does not know"))
                .hint("crm.lists = \"replace\", \"append\" or \"ids\" says what it does; what waits is then sent")
        }
        ListBehaviour::Append | ListBehaviour::Ids { .. } | ListBehaviour::Replace => Diagnostic::new(format!(
            "update {name}: what is to change there cannot be said where lists behave as \"{behaviour}\""
        ))
        .hint("change it in the CRM, or keep the CRM's list: `carnet conflicts` says how"),
    }
}
