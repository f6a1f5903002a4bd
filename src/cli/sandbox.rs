//! `carnet sandbox`: the practice CRM, over HTTP on the loopback, until Ctrl-C.

use std::{io::Write, path::PathBuf};

use crate::sandbox::{self, FAULT_NAMES, Fault, Lists, PastEnd, Quirk, SandboxError, SandboxSettings};

/// What `carnet sandbox` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct SandboxArgs {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Keep the contacts in this SQLite file; without it, those of the settings given with -c, else gone when it stops
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// How many invented contacts a new state begins with
    #[arg(long, default_value_t = 250)]
    pub contacts: u32,
    /// How many firms a new state begins with at least; those that its contacts belong to are always there
    #[arg(long, default_value_t = 0)]
    pub firms: u32,
    /// The same seed gives the same contacts and the same faults
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Contacts on a listing page
    #[arg(long, default_value_t = 50)]
    pub per_page: u32,
    /// What a list in a PUT means: replace, append, ids or sync (as ids, and what is not listed goes)
    #[arg(long, default_value = "replace")]
    pub lists: Lists,
    /// What a list of addresses in a PUT means, where that is something else
    #[arg(long, value_name = "LISTS")]
    pub addresses: Option<Lists>,
    /// What a page after the last answers: empty, repeat or 404
    #[arg(long, default_value = "empty")]
    pub past_end: PastEnd,
    /// An oddity of the server, such as latin1 or post-empty; may be repeated
    #[arg(long = "quirk", value_name = "NAME", long_help = quirks())]
    pub quirks: Vec<Quirk>,
    /// What is to go wrong, such as slow=100 or drop-after=5%; may be repeated
    #[arg(long = "fault", value_name = "FAULT", long_help = format!("What is to go wrong; may be repeated: {FAULT_NAMES}"))]
    pub faults: Vec<Fault>,
}

fn quirks() -> String {
    format!("An oddity of the server; may be repeated: {}", Quirk::ALL.map(Quirk::name).join(", "))
}

/// Runs the practice CRM; how to reach it goes to `out`.
pub async fn run(args: SandboxArgs, out: &mut dyn Write) -> Result<(), SandboxError> {
    let SandboxArgs { port, state, contacts, firms, seed, per_page, lists, addresses, past_end, quirks, faults } = args;
    let given = SandboxSettings {
        state,
        port,
        contacts,
        firms,
        seed,
        per_page,
        lists,
        addresses,
        past_end,
        quirks,
        faults,
        ..Default::default()
    };
    sandbox::serve(given, out).await
}
