//! The machine under a simulated run: its clocks, its crashes, its full disk.

use std::time::Duration;

use carnet::{
    replica::Diagnostic,
    sync::{FailPoint, Host, Uptime},
};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::world::Shared;

/// What a killed process throws; nobody prints it.
pub struct Killed;

pub struct SimulatedHost {
    pub world: Shared,
    /// When the simulation began.
    pub epoch: Instant,
}

impl SimulatedHost {
    fn lock(&self) -> std::sync::MutexGuard<'_, crate::world::World> {
        self.world.lock().expect("the world")
    }
}

impl Host for SimulatedHost {
    fn now(&self) -> DateTime<Utc> {
        let start = DateTime::from_timestamp(1_767_261_600, 0).expect("a moment in 2026");
        let passed = TimeDelta::from_std(self.epoch.elapsed()).expect("a simulation of some hours");
        start + passed + TimeDelta::seconds(self.lock().wall_offset)
    }

    fn uptime(&self) -> Uptime {
        let world = self.lock();
        Uptime::new(&format!("boot-{}", world.boots), world.booted.elapsed() + Duration::from_secs(30))
    }

    fn fresh_uid(&self) -> String {
        let mut world = self.lock();
        world.uids += 1;
        format!("uid-{}", world.uids)
    }

    fn reached(&self, point: FailPoint) -> Result<(), Diagnostic> {
        let name = match point {
            FailPoint::Begun => "begun",
            FailPoint::Recovered => "recovered",
            FailPoint::Scanned => "scanned",
            FailPoint::TakenIn => "taken in",
            FailPoint::Committing => "committing",
            FailPoint::Committed => "committed",
            FailPoint::AboutToWrite => "about to write",
            FailPoint::Answered => "answered",
            FailPoint::Settled => "settled",
            FailPoint::Finishing => "finishing",
        };
        let (killed, full) = {
            let mut world = self.lock();
            world.people_act();
            if point == FailPoint::Answered {
                world.somebody_acts_at_the_desk();
            }
            let full = point == FailPoint::Committing
                && match &mut world.full_in {
                    Some(0) => {
                        world.full_in = None;
                        world.note("*** disk full");
                        true
                    }
                    Some(left) => {
                        *left -= 1;
                        false
                    }
                    None => false,
                };
            (world.kills_at(name), full)
        };
        if killed {
            std::panic::panic_any(Killed);
        }
        if full { Err(Diagnostic::new("write the mirror: the disk is full")) } else { Ok(()) }
    }
}
