//! Passwords, the CRM's and those of books on servers: each from the first source that is configured, and from no other.
//!
//! A source that fails is an error; falling through to the next would hide it and could send an old password. Nothing
//! here prints a password, puts it into an error, or hands it to another program.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use secrecy::SecretString;

use super::{BookServer, CrmUrl, Environment, PasswordSettings, Settings};

/// User and password of the embedded practice CRM.
pub const SANDBOX_LOGIN: &str = "demo";

/// How long a `password_command` may take; a user may have to unlock a key ring meanwhile.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Longer than any password or token, shorter than a log file named by mistake.
const PASSWORD_BYTES_MAX: u64 = 16_384;

/// Whose password it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The CRM's.
    Crm,
    /// That of the server of the book with this name.
    Book(String),
}

impl Owner {
    /// The variable that holds it: `CARNET_CRM_PASSWORD`, `CARNET_BOOK_MY_PHONE_PASSWORD`.
    pub fn variable(&self) -> String {
        match self {
            Self::Crm => "CARNET_CRM_PASSWORD".to_owned(),
            Self::Book(name) => format!("CARNET_BOOK_{}_PASSWORD", name.to_uppercase().replace('-', "_")),
        }
    }

    /// The variable that names a file with it.
    pub fn file_variable(&self) -> String {
        format!("{}_FILE", self.variable())
    }

    /// The systemd credential that holds it.
    fn credential(&self) -> String {
        match self {
            Self::Crm => "crm-password".to_owned(),
            Self::Book(name) => format!("{name}-password"),
        }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Crm => f.write_str("the CRM"),
            Self::Book(name) => write!(f, "book {name}"),
        }
    }
}

/// Where a password comes from. Debug shows no secret.
#[derive(Debug, Clone)]
pub enum Source {
    /// The practice CRM's well-known one.
    Sandbox,
    /// A user was asked earlier in this process.
    Given(SecretString),
    /// A file in `$CREDENTIALS_DIRECTORY` (systemd).
    Credential(PathBuf),
    /// A file that a variable names.
    EnvironmentFile {
        /// The variable.
        variable: String,
        /// What it names.
        file: PathBuf,
    },
    /// A variable.
    Environment {
        /// Its name.
        variable: String,
        /// What it holds.
        secret: SecretString,
    },
    /// `password_command`.
    Command(Vec<String>),
    /// `token_command`.
    TokenCommand(Vec<String>),
    /// `password_file`.
    File(PathBuf),
    /// `password`.
    Inline(SecretString),
    /// A prompt on the terminal.
    Prompt,
}

/// Why there is no password. Reads after "failed to"; never holds one.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// No source is configured, and there is nobody to ask.
    #[error("find a password for {0}")]
    NoSource(Owner),
    /// There is a password, and nothing says whose.
    #[error("use the password of {owner} from {place}: the book has no username")]
    NoUsername {
        /// Whose it is.
        owner: Owner,
        /// The source, in words.
        place: String,
    },
    /// A file cannot be read.
    #[error("read the password file {}: {source}", file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The source gave nothing, or what cannot be a password.
    #[error("get a password from {place}: {reason}")]
    Unusable {
        /// The source, in words.
        place: String,
        /// What is wrong with what it gave.
        reason: &'static str,
    },
    /// `password` stands in a settings file that others can read.
    #[error("use the password in {}: other users can read the file", file.display())]
    Exposed {
        /// The settings file.
        file: PathBuf,
    },
    /// The command could not be run, failed, or took too long.
    #[error("run the {what} command `{program}`: {reason}")]
    Command {
        /// What it should have printed: "password", "token".
        what: &'static str,
        /// Its program; the arguments are left out.
        program: String,
        /// What happened.
        reason: String,
    },
    /// Nobody answered the prompt.
    #[error("ask for the password: {0}")]
    Prompt(String),
}

impl SecretError {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSource(Owner::Crm) => Some(
                "set crm.password_command or crm.password_file in the settings, or $CARNET_CRM_PASSWORD".to_owned(),
            ),
            Self::NoSource(owner) => {
                Some(format!("set the book's password_command or password_file, or ${}", owner.variable()))
            }
            Self::NoUsername { .. } => Some("set the book's username, or take the password away".to_owned()),
            Self::Exposed { file } => Some(format!("chmod 600 {}, or use password_command", file.display())),
            Self::Command { what, .. } => Some(format!("it must print the {what}, and nothing else, on its output")),
            Self::File { file, source } if source.kind() == std::io::ErrorKind::NotFound => {
                let file = file.display();
                Some(format!(
                    "put the password there (`install -m 600 /dev/stdin {file}`, type it, Ctrl-D), or name another source"
                ))
            }
            Self::File { .. } | Self::Unusable { .. } | Self::Prompt(_) => None,
        }
    }
}

impl Source {
    /// The `password_file` of the settings, where others can read it.
    pub fn exposed_file(&self) -> Option<&Path> {
        let Self::File(file) = self else { return None };
        file.metadata().is_ok_and(|found| !is_private(&found)).then_some(file)
    }

    /// What to call it on a screen; never the secret.
    pub fn describe(&self) -> String {
        match self {
            Self::Sandbox => "the practice CRM's own".to_owned(),
            Self::Given(_) | Self::Prompt => "a prompt on the terminal".to_owned(),
            Self::Credential(file) => format!("the credential {}", file.display()),
            Self::EnvironmentFile { variable, file } => format!("${variable}, {}", file.display()),
            Self::Environment { variable, .. } => format!("${variable}"),
            Self::Command(argv) => format!("password_command, `{}`", argv.first().map_or("", String::as_str)),
            Self::TokenCommand(argv) => format!("token_command, `{}`", argv.first().map_or("", String::as_str)),
            Self::File(file) => format!("password_file, {}", file.display()),
            Self::Inline(_) => "the settings file".to_owned(),
        }
    }
}

/// The CRM's first configured source, by the order of operations.md, section 3.
pub fn source(settings: &Settings, environment: Environment<'_>) -> Source {
    if settings.crm.url == CrmUrl::Sandbox {
        return Source::Sandbox;
    }
    first(&Owner::Crm, &settings.crm.password, None, environment).unwrap_or(Source::Prompt)
}

/// The first configured source of this book's server; none where there is none. Nobody is asked.
pub fn book_source(book: &str, server: &BookServer, environment: Environment<'_>) -> Option<Source> {
    first(&Owner::Book(book.to_owned()), &server.password, server.token_command.as_ref(), environment)
}

fn first(
    owner: &Owner,
    password: &PasswordSettings,
    token: Option<&Vec<String>>,
    environment: Environment<'_>,
) -> Option<Source> {
    if let Some(given) = &password.given {
        return Some(Source::Given(given.clone()));
    }
    let credential = environment.get("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(owner.credential()));
    // systemd sets the folder for credentials of any name; ours counts as configured when it is there.
    if let Some(file) = credential.filter(|file| file.symlink_metadata().is_ok()) {
        return Some(Source::Credential(file));
    }
    let variable = owner.file_variable();
    if let Some(file) = environment.get(&variable) {
        return Some(Source::EnvironmentFile { variable, file: PathBuf::from(file) });
    }
    let variable = owner.variable();
    if let Some(text) = environment.get(&variable) {
        return Some(Source::Environment { variable, secret: SecretString::from(text) });
    }
    if let Some(argv) = &password.command {
        return Some(Source::Command(argv.clone()));
    }
    if let Some(argv) = token {
        return Some(Source::TokenCommand(argv.clone()));
    }
    if let Some(file) = &password.file {
        return Some(Source::File(file.clone()));
    }
    password.inline.clone().map(Source::Inline)
}

/// The CRM's password, from the first configured source.
///
/// # Errors
/// When that source fails. No other is tried.
pub async fn password(settings: &Settings) -> Result<SecretString, SecretError> {
    read(settings, source(settings, Environment::of_process())).await
}

/// How a book logs in to its server.
#[derive(Debug, Clone)]
pub enum BookLogin {
    /// It does not: the server asks for no login.
    Nobody,
    /// A name and its password.
    Password {
        /// The name.
        username: String,
        /// Its password.
        password: SecretString,
    },
    /// A Bearer token.
    Token(SecretString),
}

/// The login of this book, its password from the first configured source.
///
/// # Errors
/// When that source fails, or a name has no password, or a password no name.
pub async fn book_login(settings: &Settings, book: &str, server: &BookServer) -> Result<BookLogin, SecretError> {
    let owner = Owner::Book(book.to_owned());
    match (book_source(book, server, Environment::of_process()), server.username.clone()) {
        (None, None) => Ok(BookLogin::Nobody),
        (None, Some(_)) => Err(SecretError::NoSource(owner)),
        (Some(source @ Source::TokenCommand(_)), _) => Ok(BookLogin::Token(read(settings, source).await?)),
        (Some(source), Some(username)) => Ok(BookLogin::Password { username, password: read(settings, source).await? }),
        (Some(source), None) => Err(SecretError::NoUsername { owner, place: source.describe() }),
    }
}

/// The password of this source.
///
/// # Errors
/// When it fails.
pub async fn read(settings: &Settings, source: Source) -> Result<SecretString, SecretError> {
    let place = source.describe();
    let bytes = match source {
        Source::Sandbox => return Ok(SecretString::from(SANDBOX_LOGIN)),
        Source::Given(secret) | Source::Environment { secret, .. } => return Ok(secret),
        Source::Inline(secret) => {
            let file = &settings.file;
            return match file.metadata() {
                Ok(metadata) if is_private(&metadata) => Ok(secret),
                Ok(_) => Err(SecretError::Exposed { file: file.clone() }),
                Err(source) => Err(SecretError::File { file: file.clone(), source }),
            };
        }
        Source::Prompt => return prompt(settings).await,
        Source::Command(argv) => run("password", &argv, settings.file.parent(), COMMAND_TIMEOUT).await?,
        Source::TokenCommand(argv) => run("token", &argv, settings.file.parent(), COMMAND_TIMEOUT).await?,
        Source::Credential(file) | Source::EnvironmentFile { file, .. } | Source::File(file) => read_file(file)?,
    };
    cut(bytes, &place)
}

fn read_file(file: PathBuf) -> Result<Vec<u8>, SecretError> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(&file).and_then(|open| open.take(PASSWORD_BYTES_MAX + 1).read_to_end(&mut bytes));
    match opened {
        Ok(_) => Ok(bytes),
        Err(source) => Err(SecretError::File { file, source }),
    }
}

/// Bytes as a password: UTF-8, the newline at the end cut, one line.
fn cut(bytes: Vec<u8>, place: &str) -> Result<SecretString, SecretError> {
    let unusable = |reason| SecretError::Unusable { place: place.to_owned(), reason };
    if bytes.len() as u64 > PASSWORD_BYTES_MAX {
        return Err(unusable("it is too long for a password"));
    }
    let text = String::from_utf8(bytes).map_err(|_| unusable("it is not UTF-8 text"))?;
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    match line {
        "" => Err(unusable("it is empty")),
        line if line.contains('\n') => Err(unusable("it has several lines")),
        line => Ok(SecretString::from(line)),
    }
}

/// Runs the command in the settings' folder. Its errors and questions go to the user's own terminal.
async fn run(
    what: &'static str,
    argv: &[String],
    folder: Option<&Path>,
    limit: Duration,
) -> Result<Vec<u8>, SecretError> {
    let program = argv.first().map(String::as_str).unwrap_or_default();
    let failed = |reason: String| SecretError::Command { what, program: program.to_owned(), reason };
    let mut command = tokio::process::Command::new(program);
    command.args(&argv[1.min(argv.len())..]).stdin(Stdio::inherit()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command.kill_on_drop(true);
    keep_secrets_from(&mut command);
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    let child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let output = tokio::time::timeout(limit, child.wait_with_output())
        .await
        .map_err(|_| failed(format!("no answer within {} s", limit.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    Ok(output.stdout)
}

/// Takes the variables that hold carnet's passwords out of what a program is given.
pub fn keep_secrets_from(command: &mut tokio::process::Command) {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| name.starts_with("CARNET_") && name.ends_with("_PASSWORD")) {
        command.env_remove(name);
    }
}

async fn prompt(settings: &Settings) -> Result<SecretString, SecretError> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(SecretError::NoSource(Owner::Crm));
    }
    let question = format!("password of {}", settings.crm.username);
    let asked = tokio::task::spawn_blocking(move || dialoguer::Password::new().with_prompt(question).interact());
    match asked.await {
        Ok(Ok(text)) => Ok(SecretString::from(text)),
        Ok(Err(error)) => Err(SecretError::Prompt(error.to_string())),
        Err(error) => Err(SecretError::Prompt(error.to_string())),
    }
}

#[cfg(unix)]
fn is_private(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o077 == 0
}

#[cfg(not(unix))]
fn is_private(_: &std::fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests;
