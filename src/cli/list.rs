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
use crate::views::{
    Reader,
    contacts::{self, Search},
};

/// Flags of `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only contacts with this value, case does not matter; may be given several times
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = condition)]
    where_: Vec<(String, String)>,
    /// At most so many [default: all]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// `carnet list`.
pub fn run(args: &ListArgs, context: &mut Context) -> Result<u8, CliError> {
    let search = Search { limit: args.limit, ..Search::by(&args.where_)? };
    let settings = context.settings()?;
    let reader = context.reader(&settings)?;
    print(&reader, &search, context)
}

/// Prints the contacts that a search finds.
pub fn print(reader: &Reader, search: &Search, context: &mut Context) -> Result<u8, CliError> {
    context.out.begin_list();
    let count = print_to(reader, search, &mut context.out)?;
    context.out.end_list();
    if context.out.terminal && !context.out.json {
        context.talk(&counted(count, "contact"));
    }
    Ok(exit::DONE)
}

fn print_to(reader: &Reader, search: &Search, out: &mut Output) -> Result<u64, CliError> {
    let mut count = 0;
    // A table needs all rows before its first line; programs get each as it comes.
    let mut rows = Vec::new();
    let mut broken = None;
    contacts::for_each(reader, search, &mut |stored| {
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
