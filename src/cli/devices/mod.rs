//! `carnet devices`: who may log in to the address books that carnet serves, and how a device is set up.

mod profile;
mod setup;

use std::path::PathBuf;

use chrono::DateTime;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::profile::Profile;
use super::{args::WaitArgs, context::Context, errors::CliError, exit, plural::counted};
use crate::{
    app::{self, DeviceShown, NewDevice},
    config::Settings,
    http::dav::{Setup, hash_password},
    sync::stamp,
    views::clock::local,
};

/// `devices` and what follows.
#[derive(Debug, Args)]
pub struct DevicesArgs {
    #[command(subcommand)]
    command: Option<DevicesCommand>,
}

#[derive(Debug, Subcommand)]
enum DevicesCommand {
    /// List devices: name, book, cards, what waits for a run, last seen, program
    List,
    /// Add a device: prints its user, password and address once, and a QR code
    Add(AddArgs),
    /// Give a device another password
    Password {
        /// Its name
        name: String,
        #[command(flatten)]
        profile: ProfileArgs,
    },
    /// Take a device away: it can log in no more, and its cards are gone; contacts stay
    Revoke {
        /// Its name
        name: String,
        /// Also what it wrote that no run has taken yet
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        wait: WaitArgs,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    /// Its name and user: letters, digits, - and _, such as marie-iphone
    name: String,
    /// The settings' book of kind "devices" that says which contacts are on it [default: all contacts]
    #[arg(long)]
    book: Option<String>,
    /// It may look and not write: a desk telephone
    #[arg(long)]
    read_only: bool,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    wait: WaitArgs,
}

#[derive(Debug, Args)]
struct ProfileArgs {
    /// Write a profile for iPhone, iPad and Mac as well, password and all
    #[arg(long, value_name = "FILE")]
    mobileconfig: Option<PathBuf>,
}

/// `carnet devices`.
pub fn run(args: &DevicesArgs, context: &mut Context) -> Result<u8, CliError> {
    match &args.command {
        None | Some(DevicesCommand::List) => list(context),
        Some(DevicesCommand::Add(args)) => add(args, context),
        Some(DevicesCommand::Password { name, profile }) => password(name, profile, context),
        Some(DevicesCommand::Revoke { name, force, wait }) => revoke(name, *force, *wait, context),
    }
}

fn list(context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let devices = app::devices(&settings)?;
    if context.out.json {
        for device in &devices {
            context.out.object(&object(device))?;
        }
    } else if devices.is_empty() {
        context.talk("there is no device yet; `carnet devices add NAME` adds one");
    } else {
        let rows: Vec<Vec<String>> = devices.iter().map(row).collect();
        context.out.rows(&["name", "book", "cards", "waiting", "last seen", "program"], &rows)?;
    }
    Ok(exit::DONE)
}

fn row(DeviceShown { device, counts }: &DeviceShown) -> Vec<String> {
    let book = device.book.clone().unwrap_or_else(|| "all".to_owned());
    let book = if device.read_only { format!("{book}, read-only") } else { book };
    let seen = device.last_seen_at.map_or_else(|| "never".to_owned(), |at| local(&moment(at)));
    let program = device.program.clone().unwrap_or_default();
    vec![device.name.clone(), book, counts.cards.to_string(), counts.waiting.to_string(), seen, program]
}

fn object(DeviceShown { device, counts }: &DeviceShown) -> Value {
    json!({
        "type": "device", "name": device.name, "book": device.book, "read_only": device.read_only,
        "cards": counts.cards, "waiting": counts.waiting, "created_at": moment(device.created_at),
        "last_seen_at": device.last_seen_at.map(moment), "program": device.program,
    })
}

/// Seconds since 1970 as RFC 3339, UTC.
fn moment(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).map(stamp).unwrap_or_default()
}

fn add(args: &AddArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let AddArgs { name, book, read_only, profile, wait } = args;
    let setup = Setup::new(&settings, name);
    let target = profile.target(&settings)?;
    let password_hash = hash(&setup)?;
    let device = NewDevice { name: name.clone(), book: book.clone(), read_only: *read_only, password_hash };
    app::add_device(&settings, &device, wait.limit(), &mut |_| {})?;
    tell(&setup, "was added", target, (&settings, context))
}

fn password(name: &str, profile: &ProfileArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let setup = Setup::new(&settings, name);
    let target = profile.target(&settings)?;
    if !app::set_device_password(&settings, name, &hash(&setup)?)? {
        return Err(no_device(name));
    }
    tell(&setup, "has another password", target, (&settings, context))
}

fn revoke(name: &str, force: bool, wait: WaitArgs, context: &mut Context) -> Result<u8, CliError> {
    let settings = context.settings()?;
    let shown = app::devices(&settings)?.into_iter().find(|shown| shown.device.name == name);
    let waiting = shown.ok_or_else(|| no_device(name))?.counts.waiting;
    if waiting > 0 && !force {
        let changes = counted(waiting, "change");
        return Err(CliError::failed(
            format!("take away the device {name}: {changes} of it would be lost that no run has taken yet"),
            "`carnet sync` takes them; --force drops them",
        ));
    }
    if !app::revoke_device(&settings, name, wait.limit(), &mut |_| {})? {
        return Err(no_device(name));
    }
    if context.out.json {
        context.out.object(&json!({ "type": "device_revoked", "name": name }))?;
    }
    context.out.say(&format!("the device {name} can log in no more, and its cards are gone; contacts stay"))?;
    Ok(exit::DONE)
}

fn no_device(name: &str) -> CliError {
    CliError::failed(format!("find a device named {name}"), "`carnet devices` lists them")
}

fn hash(setup: &Setup) -> Result<String, CliError> {
    hash_password(&setup.password).map_err(|error| CliError::failed(error.to_string(), "try again"))
}

impl ProfileArgs {
    /// Where the profile goes; none where no profile is wanted.
    fn target(&self, settings: &Settings) -> Result<Option<PathBuf>, CliError> {
        let Some(file) = &self.mobileconfig else { return Ok(None) };
        if settings.carddav.is_none() {
            return Err(CliError::failed(
                "write a profile: the settings do not say where devices connect to",
                "set listen, and url if devices use another address, in [carddav]",
            ));
        }
        if file.exists() {
            return Err(CliError::failed(
                format!("write the profile: {} is there already", file.display()),
                "name another file, or remove it",
            ));
        }
        Ok(Some(file.clone()))
    }
}

/// Says how to set the device up; the password is shown this once.
fn tell(
    setup: &Setup,
    happened: &str,
    profile: Option<PathBuf>,
    (settings, context): (&Settings, &mut Context),
) -> Result<u8, CliError> {
    if let Some(file) = &profile {
        Profile::of(setup).write(file).map_err(|error| {
            CliError::failed(format!("write {}: {error}", file.display()), "`carnet devices password` tries again")
        })?;
    }
    if context.out.json {
        context.out.object(&setup::object(setup))?;
        return Ok(exit::DONE);
    }
    context.out.line(&format!("the device {} {happened}; the password is not shown again", setup.user))?;
    context.out.line("")?;
    for line in setup::lines(setup) {
        context.out.line(&format!("  {line}"))?;
    }
    if let Some(file) = &profile {
        context.out.line(&format!("\niPhone, iPad, Mac: open {} there, then remove it here", file.display()))?;
    }
    if settings.carddav.is_none() {
        context.talk("the daemon serves no address books yet: set listen in [carddav]");
    }
    Ok(exit::DONE)
}
