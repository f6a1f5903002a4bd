//! What the manual pages say of files, variables and exit codes.

/// A name and what it means.
type Entry = (&'static str, &'static str);

/// FILES.
pub const FILES: &[Entry] = &[
    ("./carnet.toml", "the settings, where neither -c nor $CARNET_CONFIG names others"),
    ("$CONFIGURATION_DIRECTORY/carnet.toml", "looked for next; systemd sets the folder for a service"),
    ("~/.config/carnet/carnet.toml", "looked for last ($XDG_CONFIG_HOME)"),
    ("carnet.db", "the mirror, an SQLite file: `path` of [mirror]; carnet.db.lock beside it is held by a run at work"),
];

/// ENVIRONMENT.
pub const ENVIRONMENT: &[Entry] = &[
    ("CARNET_CONFIG", "the settings file, if there is no -c"),
    (
        "CARNET_CRM_URL, CARNET_SYNC_SCHEDULE, ...",
        "CARNET_, a section and a key: comes before the settings file, for [crm], [mirror], [sync], [vcard], [http] and [notify]",
    ),
    ("CARNET_CRM_PASSWORD_FILE, CARNET_CRM_PASSWORD", "the CRM's password; carnet.toml(5) lists all its sources"),
    (
        "CARNET_BOOK_NAME_PASSWORD_FILE, CARNET_BOOK_NAME_PASSWORD",
        "the password of the carddav book NAME, in capitals, with _ for -",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "systemd's: its file crm-password is the CRM's password before all others, NAME-password that of the book NAME",
    ),
    ("CARNET_LOG", "what is logged: a level (debug), or a filter (carnet=trace); comes before -v"),
    ("PAGER, LESS", "what shows long lists on a terminal: less, unless said otherwise; cat for none"),
    ("NO_COLOR, CLICOLOR_FORCE, TERM", "whether there are colours, where --color is auto"),
];

/// EXIT STATUS.
pub const EXIT: &[Entry] = &[
    ("0", "done"),
    ("1", "failed"),
    ("2", "usage or settings"),
    ("3", "finished, but some contacts failed or something waits for a person"),
    ("4", "the login was refused"),
    ("5", "network or server trouble; a retry may help"),
    ("7", "stopped for safety: a mass deletion, an emptied or unmounted book, another account"),
    ("11", "another carnet works on this mirror"),
    ("130", "interrupted"),
];
