//! `carnet find`: contacts by a part of what they hold.

use clap::Args;

use super::{context::Context, errors::CliError, list};
use crate::views::contacts::Search;

/// Flags of `find`.
#[derive(Debug, Args)]
pub struct FindArgs {
    /// A part of a name, company, number, e-mail address or comment; case and accents do not matter
    #[arg(required = true)]
    text: Vec<String>,
    /// At most so many [default: all]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// `carnet find`.
pub fn run(args: &FindArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let reader = context.reader(&settings)?;
    let search = Search { find: Some(args.text.join(" ")), limit: args.limit, ..Search::default() };
    list::print(&reader, &search, context)
}
