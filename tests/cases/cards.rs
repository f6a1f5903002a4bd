//! What is done to a card: an edit, a turn into another version, a reading.

use super::Case;

/// Tells a case; the error says what came out wrong.
pub fn tell(case: &Case) -> Result<(), String> {
    Err(format!("no such verb: {}", case.parts[0].verb))
}
