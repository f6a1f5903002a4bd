//! Planted bugs, to see the simulation catch them. Test-only: without the feature `canaries` none of them is in the program.
//!
//! Each is a mistake that somebody could make in good faith, at the very place where it would be made. One sings at a time.

/// A mistake that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Canary {
    /// A POST whose answer was lost is sent again at once.
    BlindRepost = 1,
    /// A 5xx to a write means that it did not happen.
    ServerErrorIsFailure,
    /// One base for both sides: what was sent is what stands there.
    OneBase,
    /// What a listing does not show is deleted.
    DeleteOnMissing,
    /// One 404 is enough.
    OneStrike,
    /// A 404 counts also on a server that denies everything.
    NoWitness,
    /// However much is missing, it is believed.
    NoMassGuard,
    /// A lost write is judged at once.
    NoSettleTime,
    /// The settle time is taken from the wall clock.
    WallClockSettle,
    /// The outbox row is closed in one transaction, the agreement made in another.
    AckInTwo,
    /// A PUT without a GET before it.
    NoLookBeforePut,
    /// A PUT is believed to have done what it was sent for.
    NoReadBack,
    /// A conflict's loser is not written down.
    SilentConflict,
    /// List entries are sent without their ids.
    ListWithoutIds,
    /// Lost creations are not looked for.
    NoAdoption,
    /// Any new contact is taken for the lost creation.
    AdoptAnyone,
    /// One listing without it, and the creation is sent again.
    OneMiss,
    /// Sent again although a new contact in the CRM cannot be explained.
    NeverPark,
    /// What a crash left under way is not looked at again.
    NoRecovery,
    /// A contact deleted there goes here too, edited or not.
    DeletionBeatsEdit,
    /// What was deleted in a book, and may not be deleted in the CRM, is taken for new there.
    DeletionForgotten,
    /// Newcomers are never recognised.
    NoPairing,
    /// The HTTP client sends a write again when the connection breaks.
    RetriedWrite,
    /// An element that a record leaves out is empty.
    AbsentIsEmpty,
    /// A newcomer that resembles a lost creation is taken for somebody else.
    NothingHeldBack,
    /// A DELETE without a GET before it.
    NoLookBeforeDelete,
    /// A write that found something else there is taken for done.
    StaleIsDone,
    /// What a listing leaves out is new, whatever id its card has.
    NamedIsNew,
}

impl Canary {
    /// All of them.
    pub const ALL: [Canary; 28] = [
        Canary::BlindRepost,
        Canary::ServerErrorIsFailure,
        Canary::OneBase,
        Canary::DeleteOnMissing,
        Canary::OneStrike,
        Canary::NoWitness,
        Canary::NoMassGuard,
        Canary::NoSettleTime,
        Canary::WallClockSettle,
        Canary::AckInTwo,
        Canary::NoLookBeforePut,
        Canary::NoReadBack,
        Canary::SilentConflict,
        Canary::ListWithoutIds,
        Canary::NoAdoption,
        Canary::AdoptAnyone,
        Canary::OneMiss,
        Canary::NeverPark,
        Canary::NoRecovery,
        Canary::DeletionBeatsEdit,
        Canary::DeletionForgotten,
        Canary::NoPairing,
        Canary::RetriedWrite,
        Canary::AbsentIsEmpty,
        Canary::NothingHeldBack,
        Canary::NoLookBeforeDelete,
        Canary::StaleIsDone,
        Canary::NamedIsNew,
    ];

    /// True while this mistake is planted.
    #[cfg(feature = "canaries")]
    pub fn sings(self) -> bool {
        planted::NOW.load(std::sync::atomic::Ordering::Relaxed) == self as u8
    }

    /// Never.
    #[cfg(not(feature = "canaries"))]
    pub const fn sings(self) -> bool {
        false
    }

    /// Plants one mistake, or none, in the whole process.
    #[cfg(feature = "canaries")]
    pub fn plant(canary: Option<Canary>) {
        planted::NOW.store(canary.map_or(0, |canary| canary as u8), std::sync::atomic::Ordering::Relaxed);
    }
}

#[cfg(feature = "canaries")]
mod planted {
    use std::sync::atomic::AtomicU8;

    /// The one that sings; 0 for none.
    pub static NOW: AtomicU8 = AtomicU8::new(0);
}
