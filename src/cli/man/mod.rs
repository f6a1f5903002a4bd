//! `carnet man`: the manual pages, made from what they are about: those of the commands from the definitions of `--help`,
//! carnet.toml(5) from the documented settings file.

mod settings;
mod words;

use std::{fs, io, path::PathBuf};

use clap::{Args, Command, CommandFactory, ValueHint};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use super::{args::Cli, context::Context, errors::CliError, examples, exit};

/// Flags of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write all pages where man looks for them below this folder: man1/carnet.1, a page for each command,
    /// man5/carnet.toml.5
    #[arg(value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
}

/// A page: its name and section, and what man reads.
struct Page {
    name: String,
    section: u8,
    text: Vec<u8>,
}

/// `carnet man`.
pub fn run(args: &ManArgs, context: &mut Context) -> Result<u8, CliError> {
    let pages = pages()?;
    let Some(folder) = &args.folder else {
        // The first one is carnet.1.
        context.out.stream().write_all(&pages[0].text)?;
        context.out.flush()?;
        return Ok(exit::DONE);
    };
    for Page { name, section, text } in &pages {
        let folder = folder.join(format!("man{section}"));
        let file = folder.join(format!("{name}.{section}"));
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&file, text))
            .map_err(|error| CliError::file("write", &file, &error))?;
    }
    Ok(exit::DONE)
}

/// All pages, carnet.1 first.
fn pages() -> io::Result<Vec<Page>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, "", &mut pages)?;
    pages.push(Page { name: "carnet.toml".to_owned(), section: 5, text: settings::page().into_bytes() });
    Ok(pages)
}

fn add(command: &Command, path: &str, pages: &mut Vec<Page>) -> io::Result<()> {
    let name = format!("carnet {path}").trim_end().replace(' ', "-");
    let mut text = Vec::new();
    // What all commands have stands in carnet(1).
    let shown = if path.is_empty() { command.clone() } else { command.clone().mut_args(|arg| folded(arg, command)) };
    let man = Man::new(shown).manual("carnet");
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    text.extend(tail(command, path, &name).render().into_bytes());
    pages.push(Page { name, section: 1, text });
    for sub in command.get_subcommands() {
        add(sub, format!("{path} {}", sub.get_name()).trim_start(), pages)?;
    }
    Ok(())
}

fn folded(arg: clap::Arg, command: &Command) -> clap::Arg {
    let is_own = command.get_arguments().any(|own| own.get_id() == arg.get_id() && !own.is_global_set());
    if is_own { arg } else { arg.hide(true) }
}

/// The sections that `--help` has no room for.
fn tail(command: &Command, path: &str, name: &str) -> Roff {
    let mut roff = Roff::new();
    if !path.is_empty() {
        roff.control("PP", []);
        roff.text([roman("The options that all commands have are in "), bold("carnet"), roman("(1).")]);
    }
    roff.control("SH", ["EXAMPLES"]);
    for (line, what) in examples::of(path) {
        entry(&mut roff, line, what);
    }
    for (title, entries) in [("FILES", words::FILES), ("ENVIRONMENT", words::ENVIRONMENT), ("EXIT STATUS", words::EXIT)]
    {
        roff.control("SH", [title]);
        for (what, meaning) in entries {
            entry(&mut roff, what, meaning);
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    let mut others: Vec<String> = command.get_subcommands().map(|sub| format!("{name}-{}", sub.get_name())).collect();
    if let Some((parent, _)) = name.rsplit_once('-') {
        others.insert(0, parent.to_owned());
    }
    let commands = others.iter().flat_map(|other| [bold(other.as_str()), roman("(1), ")]);
    roff.text(commands.chain([bold("carnet.toml"), roman("(5)")]).collect::<Vec<_>>());
    roff
}

fn entry(roff: &mut Roff, what: &str, meaning: &str) {
    roff.control("TP", []);
    roff.text([bold(what)]);
    roff.text([roman(meaning)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_its_sections() {
        let pages = pages().unwrap();
        assert!(pages.len() > 22 && pages[0].name == "carnet", "{}", pages.len());
        for Page { name, section, text } in &pages {
            let text = String::from_utf8(text.clone()).unwrap();
            assert!(text.contains(&format!(".TH {name} {section}")), "{name}: {}", &text[..200.min(text.len())]);
            for title in ["NAME", "DESCRIPTION", "EXAMPLES", "FILES", "ENVIRONMENT", "\"SEE ALSO\""] {
                assert!(text.contains(&format!("\n.SH {title}\n")), "{name} has no {title}");
            }
            assert_eq!(text.contains("\\fB\\-\\-log\\-format\\fR"), name == "carnet", "{name}");
        }
    }
}
