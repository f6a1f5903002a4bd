//! README.md and docs/: every command in them is run, every link leads somewhere, every settings example is understood, and
//! what they say of commands, exit codes and formats is what the program says.
//!
//! A page is read as [`page::Block`]s. A ```` ```sh ```` block is run by `sh` in a folder that looks like a fresh clone after the
//! README's first command, with the program under test as `carnet` (and as `cargo run`); a ```` ```text ```` block behind it is what
//! it must print. What a test machine cannot do is marked in the page itself, with one of the reasons of [`NOT_RUN`]; its carnet
//! commands, and those in running text, are still read by the program's own parser.

mod page;
mod place;

use std::{fs, path::Path};

use carnet::config::{Environment, Settings};
use page::{Block, Mark, Page};
use place::Place;

/// Why a command in the docs may not be run: the mark `<!-- not run: REASON -->` before its block.
const NOT_RUN: &[&str] = &[
    "it is the command that runs this",
    "builds the program",
    "needs systemd",
    "needs root and a package",
    "needs Litestream",
    "needs jq and sendmail",
    "needs the daemon",
    "needs a container engine",
    "needs more than an hour",
    "needs a nightly compiler",
    "needs a question that waits",
    "needs a CardDAV server",
];

/// Runs a page's blocks in their order.
fn run(page: &Page, place: &mut Place) {
    let mut printed = None;
    for block in &page.blocks {
        let at = format!("{}:{}", page.name, block.line);
        match (block.language.as_str(), &block.mark) {
            ("sh", Some(Mark::NotRun(reason))) => {
                assert!(NOT_RUN.contains(&reason.as_str()), "{at}: `{reason}` is no reason that this test knows");
                place.parse_all(&at, &block.text);
                printed = None;
            }
            ("sh", Some(Mark::Serves)) => place.serve(&at, &block.text),
            ("sh", mark) => {
                let code = if let Some(Mark::Exit(code)) = mark { *code } else { 0 };
                printed = Some(place.run(&at, block, code));
            }
            ("text", _) => {
                if let Some(printed) = printed.take() {
                    page::assert_printed(&at, &block.text, &printed);
                }
            }
            ("toml", _) => understood(&at, block),
            (other, _) => assert!(matches!(other, "" | "ini" | "json"), "{at}: a block of `{other}` is not looked at"),
        }
    }
    for (line, command) in page.spans() {
        place.parse(&format!("{}:{line}", page.name), command);
    }
}

/// A settings example must be settings; one without `[crm]` is a part of a file that has one.
fn understood(at: &str, block: &Block) {
    let head = if block.text.contains("[crm]") { "" } else { "[crm]\nurl = \"sandbox\"\n" };
    let text = format!("{head}{}", block.text);
    let nothing = |_: &str| None;
    if let Err(error) = Settings::parse(Path::new("/x/carnet.toml"), &text, Environment::from_fn(&nothing)) {
        panic!("{at}: {error}: {error:?}");
    }
}

fn check(name: &str) {
    let page = Page::read(name);
    assert!(!page.blocks.is_empty(), "{name} has no block");
    run(&page, &mut Place::new(name != "README.md"));
}

#[test]
fn the_readme_runs() {
    check("README.md");
}

#[test]
fn books_run() {
    check("docs/books.md");
}

#[test]
fn books_on_servers() {
    check("docs/carddav.md");
}

#[test]
fn devices_run() {
    check("docs/devices.md");
}

#[test]
fn spreadsheets_run() {
    check("docs/spreadsheets.md");
}

#[test]
fn conflicts_run() {
    check("docs/conflicts.md");
}

#[test]
fn settings_run() {
    check("docs/settings.md");
}

#[test]
fn sql_runs() {
    check("docs/sql.md");
}

#[test]
fn developing_runs() {
    check("docs/developing.md");
}

#[test]
fn the_service_runs() {
    check("docs/service.md");
}

#[test]
fn the_page_on_notifications() {
    check("docs/notifications.md");
}

#[test]
fn the_page_on_the_desk() {
    check("docs/desk.md");
}

#[test]
fn the_page_on_backup() {
    check("docs/backup.md");
}

#[test]
fn the_page_on_a_second_host() {
    check("docs/second-host.md");
}

#[test]
fn every_page_is_run_and_every_link_leads_somewhere() {
    let pages = Page::all();
    let source = include_str!("docs.rs");
    for page in &pages {
        let is_run = source.contains(&format!("check(\"{}\")", page.name));
        assert!(is_run || page.blocks.is_empty(), "no test runs {}", page.name);
        for (line, link) in page.links() {
            let file = page.path().parent().expect("a page is in a folder").join(link);
            assert!(file.exists(), "{}:{line}: {link} leads nowhere", page.name);
        }
    }
    let named = pages.iter().filter(|page| page.name.starts_with("docs/")).map(|page| page.name.clone());
    let readme = &pages.iter().find(|page| page.name == "README.md").expect("the README is there").text;
    for name in named {
        assert!(readme.contains(&format!("]({name})")), "README.md does not name {name}");
    }
    assert!(readme.lines().count() < 120, "the README is a first page");
}

#[test]
fn the_readme_names_every_command_and_exit_code() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let help = Place::new(false).carnet(&["--help"]);
    let commands = help.split("Commands:\n").nth(1).expect("the help lists commands").split("\n\n").next().unwrap();
    let rows = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = rows.filter_map(|line| line.split_whitespace().next());
    let mut count = 0;
    for name in names.filter(|name| *name != "help") {
        count += 1;
        assert!(readme.contains(&format!("`carnet {name}")) || readme.contains(&format!("`{name}`")), "{name}");
    }
    assert!(count > 15, "{commands}");
    let codes = |text: &str| -> Vec<u32> { text.split_whitespace().filter_map(|word| word.parse().ok()).collect() };
    let told = help.split("Exit codes:").nth(1).expect("the help lists exit codes");
    let rows: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).collect();
    assert_eq!(codes(told), codes(&rows.join(" ")));
}

#[test]
fn a_run_ends_with_a_summary_and_nothing_else_does() {
    let place = Place::new(true);
    fs::write(place.path("ada.csv"), "last_name,first_name\nLovelace,Ada\n").unwrap();
    let last = |arguments: &str| {
        let printed = place.carnet(&arguments.split(' ').chain(["--json"]).collect::<Vec<_>>());
        let line = printed.lines().last().unwrap_or_else(|| panic!("{arguments} prints nothing")).to_owned();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()["type"].as_str().unwrap().to_owned()
    };
    for run in ["import -n ada.csv", "import ada.csv", "pull", "push", "sync -n", "sync", "undo 2 -n"] {
        assert_eq!(last(run), "summary", "{run}");
    }
    for reader in ["list", "find lovelace", "show lovelace", "runs", "status", "check --offline"] {
        assert_ne!(last(reader), "summary", "{reader}");
    }
}

#[test]
fn a_format_is_written_where_the_docs_say_so() {
    let page = Page::read("docs/spreadsheets.md");
    let place = Place::new(true);
    let mut count = 0;
    for line in page.text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let written = match cells[3] {
            "yes" => 0,
            "no" => 2,
            other => panic!("{line}: neither yes nor no: {other}"),
        };
        for format in cells[1].split('`').skip(1).step_by(2).filter(|word| word.len() > 1) {
            assert_eq!(place.code(&["export", "--format", format, "-"]), written, "{format}: {line}");
            count += 1;
        }
    }
    assert!(count > 8, "the table of dialects was not found");
}
