//! Where data goes: stdout, with colours where they are wanted, cut clean of what could play tricks on a terminal.

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
};

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};

use super::{
    args::{Color, Global},
    messages::{Language, Messages},
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
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        if table.width() == Some(0) {
            // Serial lines and some containers do not tell how wide they are.
            table.set_width(80);
        }
        // Colours are the stream's business: it strips them where they are not wanted.
        table.enforce_styling().set_header(header.iter().map(|word| Cell::new(word).add_attribute(Attribute::Bold)));
        for row in rows {
            table.add_row(row.iter().map(|cell| plain(cell).into_owned()));
        }
        self.line(&table.trim_fmt())
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
        (Output { out: Box::new(written.clone()), terminal, json, quiet, language: Language::default() }, written)
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
    fn words_are_for_people_only() {
        for (json, quiet, expected) in [(false, false, "hello\n"), (true, false, ""), (false, true, "")] {
            let (mut output, written) = captured::output(true, json, quiet);
            output.say("hello").unwrap();
            assert_eq!(written.text(), expected);
        }
    }
}
