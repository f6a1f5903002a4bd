//! Examples of every command: the end of its `--help`, and a section of its manual page. A test lets the program's own
//! parser read each.

/// A command line and what it does.
pub type Example = (&'static str, &'static str);

/// The examples of every command, by its name as it is typed after `carnet`.
const ALL: &[(&str, &[Example])] = &[
    (
        "",
        &[
            ("carnet init", "write a settings file"),
            ("carnet sync -n", "what a run would do"),
            ("carnet sync", "do it"),
        ],
    ),
    (
        "init",
        &[
            ("carnet init", "ask on the terminal, try the account, write carnet.toml, make the first book"),
            ("carnet init --url sandbox --book vdir practice.toml", "the practice CRM and a folder of cards"),
            (
                "carnet init --url https://www.incwo.com/123456 --username me@example.com --password-file crm-password",
                "by flags alone",
            ),
        ],
    ),
    (
        "check",
        &[
            ("carnet check", "settings, password, server, books"),
            ("carnet check --offline", "the same without asking any server"),
            ("carnet check --write phones", "try the server of book \"phones\" with a throwaway card, too"),
        ],
    ),
    (
        "pull",
        &[("carnet pull", "read the CRM into the mirror"), ("carnet pull -n", "what that would change in the mirror")],
    ),
    ("push", &[("carnet push -n", "what the CRM would be sent"), ("carnet push", "send it")]),
    (
        "sync",
        &[
            ("carnet sync -n", "what would be done"),
            ("carnet sync --only crm,team", "the CRM and the book \"team\" alone"),
            ("carnet sync --max-delete 40", "let 40 deletions pass, this once"),
        ],
    ),
    (
        "import",
        &[
            ("carnet import -n people.csv", "how each column is read, and what would be done"),
            ("carnet import --no-push people.vcf", "into the mirror alone; the next run sends it on"),
            ("carnet import --format google -", "Google's CSV from standard input"),
        ],
    ),
    (
        "export",
        &[
            ("carnet export clients.vcf --where contact_type=client", "the clients, as vCard 3.0"),
            ("carnet export --format excel-fr contacts.csv", "a sheet for a French Excel"),
        ],
    ),
    (
        "list",
        &[
            ("carnet list --where contact_type=client --where country=France", "both must fit"),
            ("carnet list --json --limit 10", "ten of them, an object a line"),
        ],
    ),
    (
        "show",
        &[
            ("carnet show 1042", "by the CRM's id"),
            ("carnet show ada.durand@example.com", "by e-mail address; a name does, too"),
        ],
    ),
    (
        "books",
        &[
            ("carnet books", "name, kind, direction and place of each"),
            ("carnet books discover phones", "the address books on the server of book \"phones\""),
        ],
    ),
    ("books list", &[("carnet books list", "all books"), ("carnet books list --json", "an object a line")]),
    (
        "books discover",
        &[
            ("carnet books discover phones", "the url and name of each address book that its login may see"),
            ("carnet books discover phones -v", "each step of the search, too"),
        ],
    ),
    (
        "firms",
        &[
            ("carnet firms list durand", "firms with this in their name, and their ids"),
            ("carnet firms create Durand-Colin", "have it made by the next sync"),
        ],
    ),
    (
        "firms list",
        &[
            ("carnet firms list", "all that the mirror knows"),
            ("carnet firms list durand --json", "those with this in their name, an object a line"),
        ],
    ),
    (
        "firms create",
        &[
            ("carnet firms create 'Durand & fils'", "have it made by the next sync"),
            ("carnet firms create Durand --json", "the same, for a script"),
        ],
    ),
    (
        "devices",
        &[
            ("carnet devices", "who is served, and when each was last seen"),
            ("carnet devices add marie-iphone", "user, password and address, shown this once"),
        ],
    ),
    (
        "devices list",
        &[
            ("carnet devices list", "name, book, cards, what waits for a run, last seen, program"),
            ("carnet devices list --json", "an object a line"),
        ],
    ),
    (
        "devices add",
        &[
            ("carnet devices add marie-iphone --mobileconfig marie.mobileconfig", "and a profile for iPhone and Mac"),
            ("carnet devices add reception --book clients --read-only", "a desk telephone that shows the clients"),
        ],
    ),
    (
        "devices password",
        &[
            ("carnet devices password marie-iphone", "another one; the old one is good no more"),
            ("carnet devices password marie-iphone --json", "the same, for a script"),
        ],
    ),
    (
        "devices revoke",
        &[
            ("carnet devices revoke marie-iphone", "a lost telephone"),
            ("carnet devices revoke --force marie-iphone", "also with edits that no run has taken"),
        ],
    ),
    (
        "backup",
        &[
            ("carnet backup carnet-backup.db", "a copy of the mirror, while a run writes"),
            ("carnet backup --force carnet-backup.db", "in place of the one before"),
        ],
    ),
    (
        "restore",
        &[
            ("carnet restore carnet-backup.db", "put it back; the present mirror stays beside it"),
            ("carnet restore --force other.db", "another account's"),
        ],
    ),
    (
        "repair",
        &[
            ("carnet repair", "build a damaged mirror anew; nothing is written elsewhere"),
            ("carnet repair --force", "a sound one, too"),
        ],
    ),
    ("find", &[("carnet find durand", "a part of a name"), ("carnet find 06 12", "a part of a telephone number")]),
    (
        "status",
        &[("carnet status", "for people"), ("carnet status -q || echo 'carnet waits for somebody'", "for a monitor")],
    ),
    ("runs", &[("carnet runs", "the last 20 runs"), ("carnet runs 12", "what run 12 replaced, and what failed in it")]),
    (
        "history",
        &[
            ("carnet history", "the last 50 changes"),
            ("carnet history durand --limit 5", "the last five of one contact"),
        ],
    ),
    (
        "conflicts",
        &[
            ("carnet conflicts", "what waits for you"),
            ("carnet conflicts --all", "settled conflicts, too, with the values that lost"),
        ],
    ),
    (
        "conflicts list",
        &[
            ("carnet conflicts list", "what waits for you"),
            ("carnet conflicts list --json", "with both values, an object a line"),
        ],
    ),
    (
        "conflicts show",
        &[
            ("carnet conflicts show 3", "conflict 3, side by side"),
            ("carnet conflicts show q7", "question 7, and who it may be"),
        ],
    ),
    (
        "conflicts resolve",
        &[
            ("carnet conflicts resolve 3 --keep crm", "the CRM's value stands"),
            ("carnet conflicts resolve 3 --keep job_title=Directrice", "another value stands"),
            ("carnet conflicts resolve q7 --same-as 1042", "the card is that contact"),
        ],
    ),
    (
        "undo",
        &[
            ("carnet undo 12 -n", "what taking back run 12 would do"),
            ("carnet undo h345", "take back one change of `carnet history`"),
        ],
    ),
    (
        "daemon",
        &[
            ("carnet daemon", "run on the schedule of the settings until Ctrl-C"),
            ("carnet -c /etc/carnet/carnet.toml daemon --log-format json", "log as JSON, for a collector"),
        ],
    ),
    (
        "desk",
        &[
            ("carnet desk --name Marie", "an address that lets Marie's browser in, once"),
            ("carnet desk --viewer", "whoever comes in may look, and not decide"),
        ],
    ),
    (
        "sandbox",
        &[
            ("carnet sandbox --port 8080", "250 invented contacts, gone when it stops"),
            ("carnet sandbox --contacts 5000 --fault drop-after=5%", "one answer of twenty is lost"),
        ],
    ),
    (
        "completions",
        &[
            ("carnet completions bash > ~/.local/share/bash-completion/completions/carnet", "for bash"),
            ("carnet completions fish > ~/.config/fish/completions/carnet.fish", "for fish"),
        ],
    ),
    (
        "man",
        &[
            ("carnet man | man -l -", "read it"),
            ("carnet man ~/.local/share/man", "put all pages where man finds them"),
        ],
    ),
];

/// The examples of a command.
pub fn of(command: &str) -> &'static [Example] {
    ALL.iter().find(|(name, _)| *name == command).map_or(&[], |(_, examples)| *examples)
}
