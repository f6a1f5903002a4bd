//! `carnet list`: contacts of the mirror.

use clap::Args;

use super::{
    args::condition,
    context::Context,
    errors::CliError,
    exit,
    lookup::{self, COLUMNS},
    output::Output,
    plural::counted,
};
use crate::mirror::{Mirror, Search};

/// Flags of `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only contacts with this value, case does not matter; may be given several times
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = condition)]
    where_: Vec<(String, String)>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// `carnet list`.
pub fn run(args: &ListArgs, context: &mut Context) -> Result<u8, CliError> {
    let search = Search { limit: args.limit, ..Search::by(&args.where_)? };
    let settings = context.settings()?;
    let mirror = context.mirror(&settings)?;
    print(&mirror, &search, context)
}

/// Prints the contacts that a search finds.
pub fn print(mirror: &Mirror, search: &Search, context: &mut Context) -> Result<u8, CliError> {
    let count = print_to(mirror, search, &mut context.out)?;
    if context.out.terminal && !context.out.json {
        context.talk(&counted(count, "contact"));
    }
    Ok(exit::DONE)
}

fn print_to(mirror: &Mirror, search: &Search, out: &mut Output) -> Result<u64, CliError> {
    let mut count = 0;
    // A table needs all rows before its first line; programs get each as it comes.
    let mut rows = Vec::new();
    let mut broken = None;
    mirror.for_each_contact(search, &mut |stored| {
        count += 1;
        let done = match (&broken, out.json, out.terminal) {
            (Some(_), _, _) => Ok(()),
            (None, true, _) => out.object(&lookup::object(&stored)),
            (None, false, false) => out.rows(&COLUMNS, &[lookup::row(&stored)]),
            (None, false, true) => {
                rows.push(lookup::row(&stored));
                Ok(())
            }
        };
        broken = broken.take().or(done.err());
        Ok(())
    })?;
    if let Some(error) = broken {
        return Err(error.into());
    }
    if !rows.is_empty() {
        out.rows(&COLUMNS, &rows)?;
    }
    out.flush()?;
    Ok(count)
}
