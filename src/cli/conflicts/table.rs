//! Values side by side: four columns where there is room for them, else stacked lines.

use comfy_table::{ContentArrangement, Table, presets};

use crate::cli::output::plain;

/// Columns narrower than this say nothing: below, lines are stacked.
const WIDTH_MIN: usize = 72;

/// One field, or one entry of a list, in each of the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The field's name; of an entry of a list, what kind it is.
    pub name: String,
    /// What the columns hold; "" for nothing.
    pub cells: [String; 4],
}

impl Row {
    /// True where the two sides, the second and the third column, do not say the same.
    fn differs(&self) -> bool {
        self.cells[1] != self.cells[2]
    }
}

/// The rows as lines of text, none wider than `width` if that can be; differing ones are marked with a star.
pub fn lay_out(heads: &[&str; 4], rows: &[Row], width: usize) -> String {
    if width < WIDTH_MIN { stacked(heads, rows) } else { side_by_side(heads, rows, width) }
}

fn side_by_side(heads: &[&str; 4], rows: &[Row], width: usize) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(std::iter::once("").chain(heads.iter().copied()).map(str::to_owned));
    for row in rows {
        let mark = if row.differs() { "*" } else { " " };
        let name = format!("{mark} {}", row.name);
        table.add_row(std::iter::once(name).chain(row.cells.iter().map(|cell| lines(cell))));
    }
    table.trim_fmt()
}

fn stacked(heads: &[&str; 4], rows: &[Row]) -> String {
    let wide = heads.iter().map(|head| head.chars().count()).max().unwrap_or(0);
    let mut out = Vec::new();
    for row in rows {
        let mark = if row.differs() { "*" } else { " " };
        out.push(format!("{mark} {}", row.name).trim_end().to_owned());
        for (head, cell) in heads.iter().zip(&row.cells) {
            for (index, line) in lines(cell).split('\n').enumerate() {
                let head = if index == 0 { head } else { "" };
                out.push(format!("    {head:wide$}  {line}").trim_end().to_owned());
            }
        }
    }
    out.join("\n")
}

/// A value's own line breaks stay; whatever else could play tricks on a terminal does not.
fn lines(cell: &str) -> String {
    cell.lines().map(|line| plain(line).into_owned()).collect::<Vec<_>>().join("\n")
}

/// The entries of four lists, aligned: the same ones on one row, then alternatives of one kind, in the columns' order.
pub fn aligned(name: &str, columns: &[Vec<String>; 4]) -> Vec<Row> {
    let mut rows: Vec<[Option<String>; 4]> = Vec::new();
    let mut left: Vec<(usize, &String)> = Vec::new();
    for (column, entries) in columns.iter().enumerate() {
        for entry in entries {
            let same = |row: &&mut [Option<String>; 4]| {
                row[column].is_none() && row.iter().flatten().any(|held| held == entry)
            };
            match rows.iter_mut().find(same) {
                Some(row) => row[column] = Some(entry.clone()),
                // An entry that a later column repeats word for word has a row of its own.
                None if columns[column + 1..].iter().any(|later| later.contains(entry)) => {
                    let mut row = [const { None }; 4];
                    row[column] = Some(entry.clone());
                    rows.push(row);
                }
                None => left.push((column, entry)),
            }
        }
    }
    for (column, entry) in left {
        let equal_normalised = |row: &&mut [Option<String>; 4]| {
            row[column].is_none() && row.iter().flatten().any(|held| kind(held) == kind(entry))
        };
        match rows.iter_mut().find(equal_normalised) {
            Some(row) => row[column] = Some(entry.clone()),
            None => {
                let mut row = [const { None }; 4];
                row[column] = Some(entry.clone());
                rows.push(row);
            }
        }
    }
    rows.into_iter().map(|cells| named(name, cells.map(Option::unwrap_or_default))).collect()
}

/// A row under the kind that all of its entries share, which they then need not repeat; else under the field's name.
fn named(field: &str, cells: [String; 4]) -> Row {
    let shared = cells.iter().find(|cell| !cell.is_empty()).map(|cell| kind(cell).to_owned()).unwrap_or_default();
    let value = |cell: &String| match cell.strip_prefix(&shared).and_then(|rest| rest.strip_prefix(':')) {
        Some(value) => Some(value.trim_start().to_owned()),
        None => cell.is_empty().then(String::new),
    };
    match cells.each_ref().map(value) {
        [Some(a), Some(b), Some(c), Some(d)] => Row { name: shared, cells: [a, b, c, d] },
        _ => Row { name: field.to_owned(), cells },
    }
}

/// What kind of entry its words begin with: "personal_phone" of "personal_phone: 01".
fn kind(words: &str) -> &str {
    words.split([':', ';']).next().unwrap_or(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADS: [&str; 4] = ["base", "crm", "mirror", "proposed"];

    fn row(name: &str, cells: [&str; 4]) -> Row {
        Row { name: name.into(), cells: cells.map(str::to_owned) }
    }

    #[test]
    fn wide_terminals_show_columns() {
        let rows = [
            row("comment", ["", "appeler\nle matin", "rappeler", "appeler\nle matin\nrappeler"]),
            row("country", ["France", "France", "France", "France"]),
        ];
        insta::assert_snapshot!(lay_out(&HEADS, &rows, 100), @r"
               base    crm       mirror    proposed
    * comment          appeler   rappeler  appeler
                       le matin            le matin
                                           rappeler
      country  France  France    France    France
    ");
    }

    #[test]
    fn narrow_terminals_stack_lines() {
        let rows = [row("comment", ["", "appeler\nle \u{1b}[2Jmatin", "rappeler", "x"]), row("", ["a", "a", "a", "a"])];
        insta::assert_snapshot!(lay_out(&HEADS, &rows, 60), @r"
    * comment
        base
        crm       appeler
                  le  [2Jmatin
        mirror    rappeler
        proposed  x

        base      a
        crm       a
        mirror    a
        proposed  a
    ");
    }

    #[test]
    fn long_values_stay_within_the_width() {
        let long = "un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize";
        let text = lay_out(&HEADS, &[row("comment", [long, long, "x", long])], 80);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn entries_are_aligned() {
        let list = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let check = |columns: [&str; 4], expected: &[(&str, [&str; 4])]| {
            let expected: Vec<Row> = expected.iter().map(|(name, cells)| row(name, *cells)).collect();
            assert_eq!(aligned("items", &columns.map(list)), expected);
        };
        check(["a:1 b:2", "b:2 a:1", "a:1", "a:1"], &[("a", ["1", "1", "1", "1"]), ("b", ["2", "2", "", ""])]);
        check(["a:1", "a:2", "a:3", "a:2 a:3"], &[("a", ["1", "2", "", "2"]), ("a", ["", "", "3", "3"])]);
        check(["", "", "", ""], &[]);
        check(["", "a:1", "b:1", ""], &[("a", ["", "1", "", ""]), ("b", ["", "", "1", ""])]);
        check(["a:1", "a:1", "a:9", "a:1 a:9"], &[("a", ["1", "1", "", "1"]), ("a", ["", "", "9", "9"])]);
        check(["", "a:1 a:1", "a:1", ""], &[("a", ["", "1", "1", ""]), ("a", ["", "1", "", ""])]);
        check(["", "a;x:1", "", ""], &[("items", ["", "a;x:1", "", ""])]);
    }
}
