//! Values side by side: four columns where there is room for them, else stacked lines.

use comfy_table::{ContentArrangement, Table, presets};

use crate::{cli::output::plain, views::comparison::Row};

/// Columns narrower than this say nothing: below, lines are stacked.
const WIDTH_MIN: usize = 72;

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
}
