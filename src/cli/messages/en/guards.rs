//! Why a replica is neither believed nor written, and what to do about it.

use crate::sync::StopReason;

pub const OTHER_ACCOUNT: &str =
    "use another mirror.path for another account; if it is the same one, run `carnet sync --force`";

pub fn stopped(replica: &str, reason: &StopReason) -> String {
    match reason {
        StopReason::Emptied { known } => format!("{replica} is empty, and held {known} contacts before"),
        StopReason::MassEdit { edited, known } => format!("{edited} of {known} contacts of {replica} changed at once"),
        StopReason::ListingLeavesOut { count } => format!(
            "the CRM's listing leaves out {count} contacts that the books know by their CRM id; nothing is written there"
        ),
        StopReason::OtherAccount { mirror, settings } => {
            format!("this mirror is a copy of {mirror}, and the settings name {settings}")
        }
        StopReason::NoFolder { path, .. } => format!("{replica} has no folder at {path}"),
        StopReason::NoMarker { path, .. } => format!("{replica} has no marker file at {path}"),
        StopReason::MarkerWentAway { path, .. } => {
            format!("{replica} has lost its marker file at {path}")
        }
        StopReason::NoFile { path } => format!("the file of {replica} is missing: {path}"),
    }
}

pub fn stopped_todo(reason: &StopReason) -> String {
    match reason {
        StopReason::Emptied { .. } | StopReason::MassEdit { .. } => {
            "look at it first; if this is meant, run `carnet sync --force`".to_owned()
        }
        StopReason::ListingLeavesOut { count } => {
            format!(
                "if the listing was not whole, run it again; `carnet sync --max-delete {count}` asks for each by its id"
            )
        }
        StopReason::OtherAccount { .. } => OTHER_ACCOUNT.to_owned(),
        StopReason::NoFolder { marker, .. }
        | StopReason::NoMarker { marker, .. }
        | StopReason::MarkerWentAway { marker, .. } => {
            format!("is its disk mounted? if the folder is the right one, `touch {marker}` and run again")
        }
        StopReason::NoFile { .. } => {
            "is its disk mounted? if the book is to start anew, make an empty file there".to_owned()
        }
    }
}
