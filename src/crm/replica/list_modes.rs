//! How this server's PUT treats each kind of list: what the settings say, what was found out, and what was read back.
//!
//! A kind whose treatment was contradicted by what was read back is not sent any more in that run. What was found out is
//! then found out anew by the next run, and given up for good after the third time; a setting is believed again only once
//! it is another.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    contact::FieldSet,
    crm::{
        ListsSetting,
        lists::{ListBehaviour, ListKind, PerList},
    },
    replica::Diagnostic,
};

/// So often the server is asked anew: a colleague's edit in the instant of a write looks the same.
const DOUBTS_MAX: u32 = 3;

/// The names under which something is kept of a kind for the next run.
struct Keys {
    learnt: &'static str,
    doubts: &'static str,
    refuted: &'static str,
}

fn keys(kind: ListKind) -> Keys {
    match kind {
        ListKind::Addresses => Keys {
            learnt: "crm.lists_addresses",
            doubts: "crm.lists_addresses_doubted",
            refuted: "crm.lists_addresses_refuted",
        },
        ListKind::Items => {
            Keys { learnt: "crm.lists_items", doubts: "crm.lists_items_doubted", refuted: "crm.lists_items_refuted" }
        }
    }
}

/// What earlier versions kept: one behaviour for both kinds, found out by items.
const LEARNT_OF_BOTH: &str = "crm.lists";
const DOUBTS_OF_BOTH: &str = "crm.lists_doubted";

/// What was read back in this run, shared by all writes.
#[derive(Debug, Default)]
pub struct Evidence {
    borne_out: PerList<AtomicBool>,
    refuted: PerList<AtomicBool>,
}

impl Evidence {
    /// What is believed of the kind has shown to be so.
    pub fn bear_out(&self, kind: ListKind) {
        self.borne_out.get(kind).store(true, Ordering::Relaxed);
    }

    /// What is believed of the kind has shown not to be so.
    pub fn refute(&self, kind: ListKind) {
        self.refuted.get(kind).store(true, Ordering::Relaxed);
    }

    /// Writes of the kind may go side by side.
    pub fn is_borne_out(&self, kind: ListKind) -> bool {
        self.borne_out.get(kind).load(Ordering::Relaxed)
    }

    /// No list of the kind is sent any more.
    pub fn is_refuted(&self, kind: ListKind) -> bool {
        self.refuted.get(kind).load(Ordering::Relaxed)
    }
}

/// What is known of one kind.
#[derive(Debug, Clone, Default)]
struct Known {
    learnt: Option<ListBehaviour>,
    /// How often that was contradicted in earlier runs.
    doubts: u32,
    /// The behaviour of the settings that was contradicted in an earlier run.
    refuted: Option<ListBehaviour>,
    /// Why it could not be found out in this run.
    failed: Option<Diagnostic>,
}

/// How each kind of list is treated.
#[derive(Debug)]
pub struct ListModes {
    setting: ListsSetting,
    known: PerList<Known>,
    evidence: Arc<Evidence>,
}

impl ListModes {
    pub fn new(setting: ListsSetting) -> Self {
        Self { setting, known: PerList::default(), evidence: Arc::default() }
    }

    pub fn setting(&self) -> ListsSetting {
        self.setting
    }

    pub fn evidence(&self) -> Arc<Evidence> {
        self.evidence.clone()
    }

    /// Takes up what earlier runs have kept. What one version kept of both kinds is true of items; a refused trial made it
    /// "unknown", which is no knowledge.
    pub fn recall(&mut self, known: &dyn Fn(&str) -> Option<String>) {
        let behaviour = |name: &str| known(name).and_then(|text| text.parse::<ListBehaviour>().ok());
        let number = |name: &str| known(name).and_then(|text| text.parse().ok());
        for kind in ListKind::ALL {
            let Keys { learnt, doubts, refuted } = keys(kind);
            *self.known.get_mut(kind) = Known {
                learnt: behaviour(learnt),
                doubts: number(doubts).unwrap_or(0),
                refuted: behaviour(refuted),
                failed: None,
            };
        }
        let items = self.known.get_mut(ListKind::Items);
        let of_both = behaviour(LEARNT_OF_BOTH).filter(|learnt| *learnt != ListBehaviour::Unknown);
        items.learnt = items.learnt.or(of_both);
        items.doubts = items.doubts.max(number(DOUBTS_OF_BOTH).unwrap_or(0));
    }

    /// What is to be kept for the next run, by name; "" is forgotten.
    pub fn learned(&self) -> Vec<(String, String)> {
        let mut learned = vec![(LEARNT_OF_BOTH, String::new()), (DOUBTS_OF_BOTH, String::new())];
        for kind in ListKind::ALL {
            let keys = keys(kind);
            let Known { learnt, doubts, refuted, failed: _ } = self.known.get(kind);
            let is_refuted = self.evidence.is_refuted(kind);
            let text = |behaviour: Option<ListBehaviour>| behaviour.map(|it| it.to_string()).unwrap_or_default();
            let number = |count: u32| if count == 0 { String::new() } else { count.to_string() };
            match self.setting.behaviour() {
                None => {
                    learned.push((keys.learnt, text(self.found_out(kind))));
                    learned.push((keys.doubts, number(doubts + u32::from(is_refuted))));
                    learned.push((keys.refuted, String::new()));
                }
                Some(set) => {
                    // Set and found out anew afterwards, it is another try.
                    let sure = learnt.filter(|learnt| *learnt != ListBehaviour::Unknown);
                    learned.push((keys.learnt, text(sure)));
                    learned.push((keys.doubts, String::new()));
                    let refuted = refuted.filter(|refuted| *refuted == set);
                    learned.push((keys.refuted, text(if is_refuted { Some(set) } else { refuted })));
                }
            }
        }
        learned.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What is known by trying: nothing where that was contradicted, so that it is tried anew, and that there is no telling
    /// where it happened too often.
    fn found_out(&self, kind: ListKind) -> Option<ListBehaviour> {
        let Known { learnt, doubts, .. } = self.known.get(kind);
        match (self.evidence.is_refuted(kind), doubts + 1 >= DOUBTS_MAX) {
            (false, _) => *learnt,
            (true, false) => None,
            (true, true) => Some(ListBehaviour::Unknown),
        }
    }

    /// The kinds among these fields of which nothing is known, and that can be asked for.
    pub fn to_be_found_out(&self, changed: FieldSet) -> Vec<ListKind> {
        let open = |kind: ListKind| {
            let Known { learnt, failed, .. } = self.known.get(kind);
            self.setting.behaviour().is_none()
                && learnt.is_none()
                && failed.is_none()
                && !self.evidence.is_refuted(kind)
        };
        // Where one is needed and asked for, the other is asked for beside: there is one trial contact, not two.
        if ListKind::among(changed).any(open) {
            ListKind::ALL.into_iter().filter(|kind| open(*kind)).collect()
        } else {
            Vec::new()
        }
    }

    pub fn learn(&mut self, kind: ListKind, found: Result<ListBehaviour, Diagnostic>) {
        let known = self.known.get_mut(kind);
        match found {
            Ok(behaviour) => {
                tracing::info!(list = kind.field().name(), %behaviour, "found out how the CRM updates lists");
                known.learnt = Some(behaviour);
            }
            Err(diagnostic) => known.failed = Some(diagnostic),
        }
    }

    /// What could not be found out may be asked for again.
    pub fn try_again(&mut self) {
        ListKind::ALL.into_iter().for_each(|kind| self.known.get_mut(kind).failed = None);
    }

    /// How lists of the kind are written, or why they are not for now.
    pub fn behaviour(&self, kind: ListKind) -> Result<ListBehaviour, Diagnostic> {
        let Known { learnt, refuted, failed, .. } = self.known.get(kind);
        let set = self.setting.behaviour();
        if self.evidence.is_refuted(kind) || set.is_some_and(|set| *refuted == Some(set)) {
            return Err(contradicted(kind, self.setting));
        }
        set.or(*learnt).ok_or_else(|| failed.clone().unwrap_or_else(unknown_lists))
    }

    /// The same as text, told apart from the same by the settings; none while it is still to be found out.
    pub fn as_text(&self, kind: ListKind) -> Option<String> {
        match self.setting.behaviour() {
            Some(set) if self.behaviour(kind).is_err() => Some(format!("set {set}, refuted")),
            Some(set) => Some(format!("set {set}")),
            None => self.found_out(kind).map(|found| found.to_string()),
        }
    }
}

/// What is said where it is not known how the server treats lists.
pub fn unknown_lists() -> Diagnostic {
    Diagnostic::new("find out how the CRM updates lists")
        .hint("the next run tries again; crm.lists = \"replace\", \"append\" or \"ids\" tells it without trying")
}

/// What is said where what was read back contradicts what is believed.
pub fn contradicted(kind: ListKind, setting: ListsSetting) -> Diagnostic {
    let name = kind.field().name();
    match setting.behaviour() {
        Some(set) => Diagnostic::new(format!(
            "update {name}: the CRM does not do what the setting crm.lists = \"{}\" says; no more of them are sent",
            setting_word(set)
        ))
        .hint("set crm.lists = \"probe\" to have it found out, or to what the CRM does; what waits is then sent"),
        None => Diagnostic::new(format!(
            "update {name}: the CRM did something else with them than with the trial contact's; no more of them are sent \
             in this run"
        ))
        .hint("the next run finds it out anew; crm.lists = \"replace\", \"append\" or \"ids\" tells it without trying"),
    }
}

/// As it is written in the settings.
fn setting_word(behaviour: ListBehaviour) -> &'static str {
    match behaviour {
        ListBehaviour::Replace => "replace",
        ListBehaviour::Append => "append",
        ListBehaviour::Ids { .. } => "ids",
        ListBehaviour::Unknown => "probe",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Facts = BTreeMap<String, String>;

    fn facts(text: &str) -> Facts {
        let pairs = text.split_whitespace().map(|pair| pair.split_once('=').expect("NAME=VALUE"));
        pairs.map(|(name, value)| (format!("crm.{name}"), value.to_owned())).collect()
    }

    /// What is kept after a run with these facts in which `refuted` were contradicted.
    fn check(setting: ListsSetting, before: &str, refuted: &[ListKind], after: &str) {
        let mut kept = facts(before);
        let mut modes = ListModes::new(setting);
        modes.recall(&|name| kept.get(name).cloned());
        refuted.iter().for_each(|kind| modes.evidence.refute(*kind));
        for (name, value) in modes.learned() {
            if value.is_empty() { drop(kept.remove(&name)) } else { drop(kept.insert(name, value)) }
        }
        assert_eq!(kept, facts(after), "{setting:?} {before}");
    }

    #[test]
    fn what_is_kept_of_each_kind() {
        use ListKind::{Addresses, Items};
        use ListsSetting::{Ids, Probe, Replace};
        check(Probe, "lists_items=ids lists_addresses=replace", &[], "lists_items=ids lists_addresses=replace");
        // What an earlier version kept of both was found out by items; a refusal is no knowledge.
        check(Probe, "lists=append lists_doubted=1", &[], "lists_items=append lists_items_doubted=1");
        check(Probe, "lists=unknown", &[], "");
        check(Probe, "lists_items=ids", &[Items], "lists_items_doubted=1");
        check(Probe, "lists_items=ids lists_items_doubted=2", &[Items], "lists_items=unknown lists_items_doubted=3");
        check(Probe, "lists_items=ids lists_addresses=ids", &[Addresses], "lists_items=ids lists_addresses_doubted=1");
        check(Ids, "lists_items=replace", &[Items], "lists_items=replace lists_items_refuted=ids+destroy");
        check(Ids, "lists_items_refuted=ids+destroy", &[], "lists_items_refuted=ids+destroy");
        // Another setting is another try.
        check(Replace, "lists_items_refuted=ids+destroy lists_items=unknown lists_items_doubted=3", &[], "");
        check(Probe, "lists_items_refuted=ids+destroy", &[], "");
    }

    #[test]
    fn what_was_contradicted_is_not_believed() {
        let modes = |setting, text: &str| {
            let kept = facts(text);
            let mut modes = ListModes::new(setting);
            modes.recall(&|name| kept.get(name).cloned());
            modes
        };
        let kind = ListKind::Items;
        let set = modes(ListsSetting::Ids, "");
        assert_eq!(set.behaviour(kind), Ok(ListBehaviour::Ids { destroy: true }));
        assert_eq!(set.as_text(kind).as_deref(), Some("set ids+destroy"));
        set.evidence.refute(kind);
        assert!(set.behaviour(kind).unwrap_err().message.contains("crm.lists = \"ids\""));
        assert!(set.behaviour(ListKind::Addresses).is_ok());
        let again = modes(ListsSetting::Ids, "lists_items_refuted=ids+destroy");
        assert_eq!((again.behaviour(kind), again.as_text(kind)), (set.behaviour(kind), set.as_text(kind)));
        assert!(modes(ListsSetting::Replace, "lists_items_refuted=ids+destroy").behaviour(kind).is_ok());
        let learnt = modes(ListsSetting::Probe, "lists_items=replace lists_addresses=ids");
        assert_eq!(learnt.as_text(kind).as_deref(), Some("replace"));
        learnt.evidence.refute(kind);
        assert!(learnt.behaviour(kind).is_err() && learnt.to_be_found_out(FieldSet::CRM).is_empty());
        assert_eq!(learnt.as_text(kind), None, "the next run finds it out anew");
    }

    #[test]
    fn what_is_not_known_is_found_out_once_where_it_is_needed() {
        let mut modes = ListModes::new(ListsSetting::Probe);
        let only = |kind: ListKind| FieldSet::NONE.with(kind.field());
        assert_eq!(
            modes.to_be_found_out(FieldSet::CRM.less(only(ListKind::Items)).less(only(ListKind::Addresses))),
            []
        );
        assert_eq!(modes.to_be_found_out(only(ListKind::Items)), ListKind::ALL);
        modes.learn(ListKind::Items, Ok(ListBehaviour::Append));
        modes.learn(ListKind::Addresses, Err(Diagnostic::new("be told")));
        assert_eq!(modes.to_be_found_out(FieldSet::CRM), []);
        assert_eq!(modes.behaviour(ListKind::Addresses), Err(Diagnostic::new("be told")));
        modes.try_again();
        assert_eq!(modes.to_be_found_out(FieldSet::CRM), [ListKind::Addresses]);
        assert_eq!(modes.to_be_found_out(only(ListKind::Items)), []);
        assert!(ListModes::new(ListsSetting::Append).to_be_found_out(FieldSet::CRM).is_empty());
    }
}
