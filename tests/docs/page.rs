//! A page of documentation: its blocks, links and the commands in its text; and the comparison of what is printed.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What the page says of a block, in a comment before it that readers do not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// `<!-- not run: REASON -->`
    NotRun(String),
    /// `<!-- exit N -->`
    Exit(i32),
    /// `<!-- serves: until the page ends -->`
    Serves,
}

/// What stands between two fences.
#[derive(Debug)]
pub struct Block {
    /// The line of its first fence.
    pub line: usize,
    /// The word behind the fence.
    pub language: String,
    /// What stands before it.
    pub mark: Option<Mark>,
    /// Its lines.
    pub text: String,
}

/// A page.
#[derive(Debug)]
pub struct Page {
    /// Its path in the project.
    pub name: String,
    /// All of it.
    pub text: String,
    /// Its blocks.
    pub blocks: Vec<Block>,
}

impl Page {
    /// The page of this path in the project.
    pub fn read(name: &str) -> Self {
        let text = fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let blocks = blocks(name, &text);
        Self { name: name.to_owned(), text, blocks }
    }

    /// README.md and all of docs/.
    pub fn all() -> Vec<Self> {
        let folder = fs::read_dir(root().join("docs")).unwrap();
        let mut names: Vec<String> =
            folder.map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy())).collect();
        names.sort();
        names.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "md"));
        assert!(names.len() > 5, "docs/ was not found");
        std::iter::once("README.md").chain(names.iter().map(String::as_str)).map(Self::read).collect()
    }

    /// Where it lies.
    pub fn path(&self) -> PathBuf {
        root().join(&self.name)
    }

    /// Its lines outside of blocks, numbered from 1.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut inside = false;
        self.text.lines().enumerate().filter_map(move |(at, line)| {
            let fence = line.starts_with("```");
            inside ^= fence;
            (!inside && !fence).then_some((at + 1, line))
        })
    }

    /// Links to files of the project.
    pub fn links(&self) -> Vec<(usize, &str)> {
        let mut links = Vec::new();
        for (at, line) in self.prose() {
            for part in line.split("](").skip(1) {
                let target = part.split([')', '#']).next().unwrap_or_default();
                if !target.is_empty() && !target.contains("://") {
                    links.push((at, target));
                }
            }
        }
        links
    }

    /// The carnet commands in running text: code that begins with `carnet `.
    pub fn spans(&self) -> Vec<(usize, &str)> {
        let spans = self.prose().flat_map(|(at, line)| line.split('`').skip(1).step_by(2).map(move |span| (at, span)));
        spans.filter(|(_, span)| span.starts_with("carnet ")).collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn blocks(name: &str, text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut mark, mut open) = (None, false);
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => {
                let (language, mark) = (language.trim().to_owned(), mark.take());
                blocks.push(Block { line: at + 1, language, mark, text: String::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let block = blocks.last_mut().expect("a block is open");
                block.text += line;
                block.text.push('\n');
            }
            (None, false) if line.starts_with("<!-- ") => {
                let words = line.trim_start_matches("<!-- ").trim_end_matches(" -->");
                mark = match (words.strip_prefix("not run: "), words.strip_prefix("exit ")) {
                    (Some(reason), _) => Some(Mark::NotRun(reason.to_owned())),
                    (None, None) if words == "serves: until the page ends" => Some(Mark::Serves),
                    (None, Some(code)) => Some(Mark::Exit(code.parse().expect("an exit code"))),
                    (None, None) => panic!("{name}:{}: this mark means nothing: {line}", at + 1),
                };
            }
            (None, false) if !line.trim().is_empty() => {
                assert!(mark.is_none(), "{name}:{}: a mark must stand right before its block", at + 1);
            }
            (None, false) => {}
        }
    }
    assert!(!open, "{name}: a fence is not closed");
    blocks
}

/// The lines must be those, whatever the time; `...` stands for any lines.
pub fn assert_printed(at: &str, expected: &str, printed: &str) {
    let lines = |text: &str| -> Vec<String> { text.trim_end().lines().map(|line| timeless(line.trim_end())).collect() };
    let (expected, printed) = (lines(expected), lines(printed));
    assert!(fits(&expected, &printed), "{at}: this is printed:\n{}", printed.join("\n"));
}

fn fits(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "..." => (0..=printed.len()).any(|from| fits(rest, &printed[from..])),
        Some((first, rest)) => printed.first() == Some(first) && fits(rest, &printed[1..]),
    }
}

/// A line whose dates and times are all the same.
fn timeless(line: &str) -> String {
    let shape: String = line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let mut out = line.to_owned();
    // From the longest: a time with seconds is not a time without them and a remainder.
    for form in ["0000-00-00 00:00:00", "0000-00-00 00:00"] {
        for (from, _) in shape.match_indices(form) {
            // Digits are one byte in both, but other letters may be longer: both strings have the same bytes elsewhere.
            out.replace_range(from..from + form.len(), form);
        }
    }
    out
}

#[test]
fn a_page_is_read() {
    let text =
        "Say `carnet sync`, see [it](a.md#b) or [that](https://x).\n\n<!-- exit 3 -->\n```sh\ncarnet x `y`\n```\n";
    let page = Page { name: "p".into(), text: text.into(), blocks: blocks("p", text) };
    assert_eq!((page.links(), page.spans()), (vec![(1, "a.md")], vec![(1, "carnet sync")]));
    let [Block { line: 4, mark: Some(Mark::Exit(3)), text, .. }] = &page.blocks[..] else { panic!("{page:?}") };
    assert_eq!(text, "carnet x `y`\n");
}

#[test]
fn what_is_printed_is_compared() {
    let check = |expected: &str, printed: &str, same: bool| {
        let lines = |text: &str| -> Vec<String> { text.lines().map(timeless).collect() };
        assert_eq!(fits(&lines(expected), &lines(printed)), same, "{expected} | {printed}");
    };
    check("a\nb", "a\nb", true);
    check("a", "a\nb", false);
    check("a\n...\nd", "a\nb\nc\nd", true);
    check("a\n...\nd", "a\nb\nc", false);
    check("é at 2026-01-01 10:00:00 x", "é at 2027-11-30 09:12:34 x", true);
    check("at 2026-01-01 10:00:00", "at 2026-01-01 10:00", false);
}
