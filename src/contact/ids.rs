//! The names under which a change is known to come from somewhere: replicas bear their settings' names beside these.

/// The CRM, among the replicas.
pub const CRM: &str = "crm";
/// The mirror, among the places of a change.
pub const MIRROR: &str = "mirror";
/// A file given to `import`.
pub const IMPORT: &str = "import";
/// A user who resolved a conflict or answered a question.
pub const PERSON: &str = "person";
/// A user who took back a run or a change.
pub const UNDO: &str = "undo";
