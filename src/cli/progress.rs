//! Progress bars on stderr: one for each replica being read or written. Shown on a terminal only, and gone at the end.

use std::{collections::HashMap, io::IsTerminal, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::Global;
use crate::sync::SyncEvent;

/// The bars of a run.
pub struct Progress {
    bars: MultiProgress,
    shown: bool,
    by_replica: HashMap<String, ProgressBar>,
}

impl Progress {
    /// No bars yet; none ever where nobody could see them or wants to.
    pub fn new(global: &Global) -> Self {
        let wanted = !global.no_progress && !global.quiet && !global.json;
        let dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        Self::drawn(wanted && !dumb && std::io::stderr().is_terminal())
    }

    fn drawn(shown: bool) -> Self {
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), shown, by_replica: HashMap::new() }
    }

    /// A bar for something that is no run.
    pub fn single(&mut self, name: &str, verb: &str) -> ProgressBar {
        self.begin(name, verb);
        self.by_replica.get(name).cloned().unwrap_or_else(ProgressBar::hidden)
    }

    /// Moves the bars.
    pub fn event(&mut self, event: &SyncEvent) {
        match event {
            SyncEvent::ScanStarted { replica } => self.begin(replica, "reading"),
            SyncEvent::ScanProgress { replica, contacts, pages, pages_expected } => {
                let Some(bar) = self.by_replica.get(replica) else { return };
                match pages_expected {
                    Some(expected) => {
                        self.measured(bar, u64::from(*expected), "pages");
                        bar.set_position(u64::from(*pages));
                    }
                    None => bar.set_message(format!("{contacts} contacts")),
                }
            }
            SyncEvent::AskProgress { replica, done, total } => {
                if let Some(bar) = self.by_replica.get(replica) {
                    self.measured(bar, *total, "missing contacts asked for");
                    bar.set_position(*done);
                }
                if done >= total {
                    self.end(replica);
                } else if !self.by_replica.contains_key(replica) {
                    self.begin(replica, "reading");
                }
            }
            SyncEvent::ScanFinished { replica, .. } => self.end(replica),
            SyncEvent::PushStarted { replica, total } => {
                self.begin(replica, "writing");
                if let Some(bar) = self.by_replica.get(replica) {
                    self.measured(bar, *total, "contacts");
                }
            }
            SyncEvent::PushProgress { replica, done, total } => {
                if let Some(bar) = self.by_replica.get(replica) {
                    bar.set_position(*done);
                }
                if done >= total {
                    self.end(replica);
                }
            }
            SyncEvent::Change(_)
            | SyncEvent::Conflict(_)
            | SyncEvent::Problem { .. }
            | SyncEvent::Failed { .. }
            | SyncEvent::FailedAlike { .. }
            | SyncEvent::Notice { .. }
            | SyncEvent::Attention { .. } => {}
        }
    }

    /// Does something that prints, with the bars out of the way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        if self.shown { self.bars.suspend(print) } else { print() }
    }

    /// Takes all bars away.
    pub fn clear(&mut self) {
        for (_, bar) in self.by_replica.drain() {
            bar.finish_and_clear();
        }
    }

    fn begin(&mut self, replica: &str, verb: &str) {
        self.end(replica);
        let bar = self.bars.add(ProgressBar::new_spinner());
        // The templates are constants, tried by a test; a bar in indicatif's own style would do as well.
        if let Ok(style) = ProgressStyle::with_template(UNMEASURED) {
            bar.set_style(style);
        }
        bar.set_prefix(format!("{verb} {replica}"));
        if self.shown {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        self.by_replica.insert(replica.to_owned(), bar);
    }

    fn measured(&self, bar: &ProgressBar, total: u64, unit: &'static str) {
        if bar.length() != Some(total) {
            bar.set_length(total);
            if let Ok(style) = ProgressStyle::with_template(MEASURED) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_message(unit);
        }
    }

    fn end(&mut self, replica: &str) {
        if let Some(bar) = self.by_replica.remove(replica) {
            bar.finish_and_clear();
        }
    }
}

const UNMEASURED: &str = "{spinner} {prefix} {msg}";
const MEASURED: &str = "{spinner} {prefix} [{bar:30}] {pos}/{len} {msg} {eta}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_understood() {
        assert!(ProgressStyle::with_template(UNMEASURED).is_ok());
        assert!(ProgressStyle::with_template(MEASURED).is_ok());
    }

    #[test]
    fn bars_come_and_go_with_the_events() {
        let mut progress = Progress::drawn(false);
        let replica = || "crm".to_owned();
        progress.event(&SyncEvent::ScanStarted { replica: replica() });
        let scanned =
            |pages, pages_expected| SyncEvent::ScanProgress { replica: replica(), contacts: 50, pages, pages_expected };
        progress.event(&scanned(0, None));
        progress.event(&scanned(2, Some(5)));
        let bar = &progress.by_replica["crm"];
        assert_eq!((bar.position(), bar.length()), (2, Some(5)));
        progress.event(&SyncEvent::ScanFinished { replica: replica(), contacts: 50, whole: true });
        assert!(progress.by_replica.is_empty());
        let asked = |done| SyncEvent::AskProgress { replica: replica(), done, total: 3 };
        progress.event(&asked(1));
        progress.event(&asked(2));
        assert_eq!(progress.by_replica["crm"].position(), 2);
        progress.event(&asked(3));
        assert!(progress.by_replica.is_empty());
        progress.event(&SyncEvent::PushStarted { replica: replica(), total: 2 });
        progress.event(&SyncEvent::PushProgress { replica: replica(), done: 1, total: 2 });
        assert_eq!(progress.by_replica["crm"].position(), 1);
        progress.event(&SyncEvent::PushProgress { replica: replica(), done: 2, total: 2 });
        assert!(progress.by_replica.is_empty());
        progress.event(&SyncEvent::PushProgress { replica: replica(), done: 2, total: 2 });
    }
}
