//! Where data goes: stdout, with colours where they are wanted, cut clean of what could play tricks on a terminal.

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
};

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::{
    args::{Color, Global},
    messages::{Language, Messages},
    pager::Pager,
};

/// Headings and names.
pub const STRONG: Style = Style::new().bold();
/// What is beside the point.
pub const FAINT: Style = Style::new().dimmed();
/// All is well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Look here.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// It failed.
pub const BAD: Style = AnsiColor::Red.on_default().bold();

/// The blanks on both sides of a cell.
const PADDING: usize = 2;

/// Sets what all output streams of the process do about colours.
pub fn choose_color(color: Color) {
    match color {
        // `anstream` itself reads NO_COLOR, CLICOLOR_FORCE, TERM and whether it is a terminal.
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// Standard output.
pub struct Output {
    out: Box<dyn Write>,
    /// True when a user reads it.
    pub terminal: bool,
    /// One JSON object a line instead of words.
    pub json: bool,
    /// No words at all.
    pub quiet: bool,
    /// The user's language.
    pub language: Language,
    /// Long lists are shown a screen at a time.
    paged: bool,
}

impl Output {
    /// The process's own.
    pub fn new(global: &Global) -> Self {
        Self {
            out: Box::new(anstream::stdout()),
            terminal: io::stdout().is_terminal(),
            json: global.json,
            quiet: global.quiet,
            language: Language::default(),
            paged: !global.no_pager && !global.json,
        }
    }

    /// What follows is a list that may be long: on a terminal it goes through the user's pager.
    pub fn begin_list(&mut self) {
        if self.terminal
            && self.paged
            && let Some(pager) = Pager::start()
        {
            self.out = Box::new(pager);
        }
    }

    /// The list is over: waits until the user has closed the pager, if there is one.
    pub fn end_list(&mut self) {
        if self.terminal && self.paged {
            self.out = Box::new(anstream::stdout());
        }
    }

    /// The messages in the user's language.
    pub fn messages(&self) -> &'static dyn Messages {
        self.language.messages()
    }

    /// A line of data, whoever reads it.
    ///
    /// # Errors
    /// The stream's, a closed pipe among them.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// A line of words for people: nothing with `--json` or `--quiet`.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        if self.json || self.quiet { Ok(()) } else { self.line(text) }
    }

    /// An object on a line of its own.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn object(&mut self, value: &serde_json::Value) -> io::Result<()> {
        writeln!(self.out, "{value}")
    }

    /// Rows: a table on a terminal, else tab-separated without a header, for programs.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn rows(&mut self, header: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        if !self.terminal {
            for row in rows {
                let cells: Vec<Cow<'_, str>> = row.iter().map(|cell| plain(cell)).collect();
                self.line(&cells.join("\t"))?;
            }
            return Ok(());
        }
        self.line(&table(header, rows, None))
    }

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The stream itself, for what is written whole.
    pub fn stream(&mut self) -> &mut dyn Write {
        &mut *self.out
    }
}

/// Rows for people, no wider than this or else than the terminal if that can be.
fn table(header: &[&str], rows: &[Vec<String>], width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    match (width, table.width()) {
        (Some(width), _) => _ = table.set_width(width),
        // Serial lines and some containers do not tell how wide they are.
        (None, Some(0)) => _ = table.set_width(80),
        (None, _) => {}
    }
    // Colours are the stream's business: it strips them where they are not wanted.
    // A column in which nobody has anything is no use, and the others need its room.
    let is_used = |column: &usize| rows.iter().any(|row| !row[*column].is_empty());
    let used: Vec<usize> = (0..header.len()).filter(is_used).collect();
    table.enforce_styling();
    table.set_header(used.iter().map(|column| Cell::new(header[*column]).add_attribute(Attribute::Bold)));
    for row in rows {
        table.add_row(used.iter().map(|column| plain(&row[*column]).into_owned()));
    }
    for (column, shown) in used.iter().zip(table.column_iter_mut()) {
        // Lines break between words: an address that is cut in two cannot be copied.
        let words = rows.iter().flat_map(|row| row[*column].split_whitespace()).map(|word| word.chars().count());
        let longest = words.max().unwrap_or(0).max(header[*column].chars().count());
        let width = u16::try_from(longest + PADDING).unwrap_or(u16::MAX);
        shown.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
    }
    table.trim_fmt()
}

/// Text from outside on one line: control characters, which could move the cursor or forge lines, become spaces.
pub fn plain(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(harmful) {
        Cow::Owned(text.chars().map(|c| if harmful(c) { ' ' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// A value on one line: its line breaks can be seen, so that they differ from blanks.
pub fn on_one_line(value: &str) -> String {
    plain(&value.replace("\r\n", "\n").replace('\n', "\\n")).into_owned()
}

/// Output that a test can read.
#[cfg(test)]
pub mod captured {
    use std::{cell::RefCell, rc::Rc};

    use super::*;

    /// What was written, readable while the writer lives.
    #[derive(Clone, Default)]
    pub struct Written(Rc<RefCell<Vec<u8>>>);

    impl Written {
        /// As text, without colours.
        pub fn text(&self) -> String {
            String::from_utf8(anstream::adapter::strip_bytes(&self.0.borrow()).into_vec())
                .expect("what was written is text")
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// An output and what is written to it.
    pub fn output(terminal: bool, json: bool, quiet: bool) -> (Output, Written) {
        let written = Written::default();
        (
            Output {
                out: Box::new(written.clone()),
                terminal,
                json,
                quiet,
                language: Language::default(),
                paged: false,
            },
            written,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_its_line_and_moves_no_cursor() {
        let check = |text: &str, expected: &str| assert_eq!(plain(text), expected);
        check("Élodie Durand", "Élodie Durand");
        check("a\nb\tc\rd", "a b c d");
        check("\u{1b}[2Jgone\u{9b}1m", " [2Jgone 1m");
        check("abc\u{202e}fdp.exe", "abc fdp.exe");
    }

    #[test]
    fn rows_are_tabs_for_programs() {
        let (mut output, written) = captured::output(false, false, false);
        output.rows(&["id", "name"], &[vec!["1".to_owned(), "Ada\tL.".to_owned()]]).unwrap();
        assert_eq!(written.text(), "1\tAda L.\n");
    }

    #[test]
    fn rows_are_a_table_for_people() {
        let (mut output, written) = captured::output(true, false, false);
        output.rows(&["id", "name"], &[vec!["1042".to_owned(), "Ada".to_owned()]]).unwrap();
        assert_eq!(written.text(), " id    name \n 1042  Ada\n");
    }

    #[test]
    fn no_word_is_cut_in_two_and_empty_columns_are_left_out() {
        let mail = "joel.andre@fonderie-garnier-sarl-et-compagnie.example.org".to_owned();
        let name = "Une entreprise dont le nom est plus long que la place qui reste sur la ligne".to_owned();
        let rows = [vec!["1042".to_owned(), String::new(), name, mail.clone()]];
        let text = table(&["id", "company", "name", "e-mail"], &rows, Some(100));
        let text = anstream::adapter::strip_str(&text).to_string();
        assert!(text.contains(&mail) && text.lines().count() > 2 && !text.contains("company"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn words_are_for_people_only() {
        for (json, quiet, expected) in [(false, false, "hello\n"), (true, false, ""), (false, true, "")] {
            let (mut output, written) = captured::output(true, json, quiet);
            output.say("hello").unwrap();
            assert_eq!(written.text(), expected);
        }
    }
}
