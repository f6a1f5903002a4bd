//! `carnet desk`: lets a browser into the daemon's page for the office.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use chrono::Utc;
use clap::Args;
use serde_json::json;

use super::{context::Context, errors::CliError, exit};
use crate::{
    app::daemon_of,
    config::Settings,
    http::desk::{Access, Role, Visitor},
};

/// Flags of `desk`.
#[derive(Debug, Args)]
pub struct DeskArgs {
    /// Whoever comes in may look, and not decide
    #[arg(long)]
    viewer: bool,
    /// Who comes in: others are told whose answer it was
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    name: String,
    /// Print the address, and open no browser
    #[arg(long)]
    no_open: bool,
}

/// `carnet desk`.
pub fn run(args: &DeskArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let address = address(&settings)?;
    let role = if args.viewer { Role::Views } else { Role::Decides };
    let visitor = Visitor { name: args.name.trim().to_owned(), role };
    let access = Access::of(&settings.mirror.path);
    let unwritable = |error| CliError::failed(format!("make a login: {error}"), "it is kept beside the mirror");
    let login = access.invite(&visitor, Utc::now()).map_err(unwritable)?;
    let url = format!("{address}/desk/enter?login={login}");
    if context.out.json {
        context.out.object(&json!({ "type": "desk", "url": url }))?;
    } else {
        context.out.line(&url)?;
        context.talk("it lets one browser in, once, within 15 minutes; whoever has it is in");
    }
    if daemon_of(&settings.mirror.path).is_none() {
        context.talk("no daemon is at work: start `carnet daemon`, which serves the page");
    } else if !args.no_open && context.is_conversation() && !context.out.json {
        open(&access, &url);
    }
    Ok(exit::DONE)
}

/// Where browsers find the desk.
fn address(settings: &Settings) -> Result<String, CliError> {
    let http = settings.http.as_ref();
    let Some((http, desk)) = http.and_then(|http| Some((http, http.desk.as_ref()?))) else {
        let hint = "set listen = \"127.0.0.1:9464\" and desk = true in [http], then start or reload the daemon";
        return Err(CliError::failed("find the desk: the settings do not want one", hint));
    };
    match &desk.url {
        Some(url) => Ok(url.clone()),
        None if http.listen.port() == 0 => {
            Err(CliError::failed("find the desk: its port is another one each time", "set a port in [http] listen"))
        }
        None => Ok(format!("http://{}", http.listen)),
    }
}

/// Opens a browser where there is one. The login is handed over in a file: everybody can read what a program is started with.
fn open(access: &Access, url: &str) {
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    if !has_screen && !cfg!(target_os = "macos") {
        return;
    }
    // Where it cannot be opened, the address is on the screen.
    if let Ok(page) = access.leading_to(url) {
        let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        let _ = quietly(program, &page).spawn();
    }
}

fn quietly(program: &str, page: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
