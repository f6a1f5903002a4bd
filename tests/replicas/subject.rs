//! What is held to the contract: storage that outlives a replica's value, and what other programs do there.

use carnet::replica::Replica;

/// Storage that outlives the replica's value.
pub trait Subject {
    /// A new value on the same storage: the next run.
    fn open(&mut self) -> &mut dyn Replica;
    /// Another program replaces a job title in the records.
    fn edit(&mut self, from: &str, to: &str);
    /// All that a write could change.
    fn print(&self) -> String;
    /// Another program leaves the record with this job title in a state that nobody can read, or makes it good again.
    /// False where this cannot be told apart from the loss of all records.
    fn spoil(&mut self, title: &str, good: bool) -> bool {
        let _ = (title, good);
        false
    }
}
