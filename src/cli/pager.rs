//! Long lists on a terminal go through `$PAGER`; nothing else does: not a pipe, not `--json`, not a script.

use std::{
    io::{self, Write},
    process::{Child, Command, Stdio},
};

use anstream::{AutoStream, ColorChoice, StripStream};

/// What shows the lists where `$PAGER` says nothing.
const PAGER: &str = "less";

/// What less is told where `$LESS` says nothing: end at once if all fits on the screen, pass colours, leave the text there.
const LESS: &str = "FRX";

/// A pager at work. What is written to it is shown; dropping it waits until the user has closed it.
pub struct Pager {
    child: Child,
    /// Closed before the pager is waited for: that is its end of the text.
    input: Option<Box<dyn Write>>,
}

impl Pager {
    /// Starts the user's pager; `None` where there is none, or it is `cat`.
    pub fn start() -> Option<Self> {
        let program = std::env::var("PAGER").unwrap_or_else(|_| PAGER.to_owned());
        Self::of(&program, AutoStream::choice(&io::stdout()) != ColorChoice::Never)
    }

    fn of(program: &str, has_colors: bool) -> Option<Self> {
        let words: Vec<&str> = program.split_whitespace().collect();
        let (name, arguments) = words.split_first().filter(|(name, _)| **name != "cat")?;
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::piped());
        if std::env::var_os("LESS").is_none() {
            command.env("LESS", LESS);
        }
        let mut child = command.spawn().ok()?;
        leave_interrupts_to_it();
        let input = child.stdin.take().map(|stdin| -> Box<dyn Write> {
            if has_colors { Box::new(stdin) } else { Box::new(StripStream::new(Box::new(stdin) as Box<dyn Write>)) }
        });
        Some(Self { child, input })
    }
}

/// Ctrl-C is the pager's: it ends a search there. A program that ended of it would leave the pager without its terminal.
fn leave_interrupts_to_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    if let Ok(runtime) = runtime {
        // Once somebody has listened, the signal no longer ends the process.
        let _ = runtime.block_on(async { tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()) });
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.as_mut().map_or(Ok(bytes.len()), |input| input.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        drop(self.input.take());
        // Whatever it says, the list was shown.
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reaches_the_pager_before_it_is_left() {
        let folder = tempfile::tempdir().unwrap();
        for (has_colors, expected) in [(true, "\u{1b}[1ma\u{1b}[0m\nb\n"), (false, "a\nb\n")] {
            let file = folder.path().join(format!("shown-{has_colors}"));
            let mut pager = Pager::of(&format!("dd status=none of={}", file.display()), has_colors).unwrap();
            pager.write_all(b"\x1b[1ma\x1b[0m\nb\n").unwrap();
            drop(pager);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), expected);
        }
    }

    #[test]
    fn where_there_is_no_pager_nothing_stands_between() {
        for program in ["", "cat", "cat -v", "/nowhere/less -R"] {
            assert!(Pager::of(program, true).is_none(), "{program}");
        }
    }
}
