//! carnet.toml(5), made from `config/carnet.toml`: the comments are the text, so that the page and the file cannot differ.

/// The documented settings file.
const DOCUMENTED: &str = include_str!("../../../config/carnet.toml");

/// The page.
pub fn page() -> String {
    let head = format!(
        ".TH carnet.toml 5 \"\" \"carnet {}\" carnet\n.SH NAME\ncarnet.toml \\- the settings of carnet(1)\n.SH DESCRIPTION\n",
        env!("CARGO_PKG_VERSION")
    );
    let example = ".SH EXAMPLES\n.nf\n[crm]\nurl = \"https://www.incwo.com/123456\"\nusername = \"me@example.com\"\n\
                   password_file = \"crm\\-password\"\n\n[[book]]\nname = \"team\"\nkind = \"vdir\"\npath = \"books/team\"\n.fi\n";
    format!("{head}{}{example}{}", body(DOCUMENTED), tail())
}

fn tail() -> String {
    let mut tail = String::new();
    for (title, entries) in [("FILES", super::words::FILES), ("ENVIRONMENT", super::words::ENVIRONMENT)] {
        tail += &format!(".SH {title}\n");
        for (what, meaning) in entries {
            tail += &format!(".TP\n\\fB{}\\fR\n{}\n", escaped(what), escaped(meaning));
        }
    }
    tail + ".SH \"SEE ALSO\"\n\\fBcarnet\\fR(1), \\fBcarnet\\-init\\fR(1), \\fBcarnet\\-check\\fR(1)\n"
}

/// The file as roff: tables are headings, keys are tags over the comment that stands before them.
fn body(text: &str) -> String {
    let mut out = String::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in text.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        match bare {
            _ if is_table(bare) => {
                // What stands right before a table introduces it.
                out += &format!(".SS {}\n", escaped(bare));
                out += &paragraphs(&std::mem::take(&mut comment));
            }
            _ if is_key(bare) => {
                out += &format!(".TP\n\\fB{}\\fR\n", escaped(bare));
                let words = paragraphs(&std::mem::take(&mut comment));
                out += if words.is_empty() { "As above.\n" } else { &words };
            }
            "" | "#" => {
                out += &paragraphs(&std::mem::take(&mut comment));
                out += ".PP\n";
            }
            _ => comment.push(bare),
        }
    }
    out + &paragraphs(&comment)
}

/// `[crm]`, `[[book]]`.
fn is_table(line: &str) -> bool {
    line.starts_with('[') && line.ends_with(']') && !line.contains(' ')
}

/// `key = value`.
fn is_key(line: &str) -> bool {
    let name = line.split_once(" = ").map_or("", |(name, _)| name);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Lines of a comment; what is indented there keeps its lines.
fn paragraphs(lines: &[&str]) -> String {
    let mut out = String::new();
    for line in lines {
        match line.strip_prefix("  ") {
            Some(_) => out += &format!(".br\n{}\n", escaped(line.trim_start())),
            None => out += &format!("{}\n", escaped(line)),
        }
    }
    out
}

/// Text that roff takes for nothing else.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_keys_and_their_comments_are_found() {
        let text =
            "# Head.\n\n[crm]\n# One\n#   a  x\n# key = \"v\"\nother = 1\n\n# A folder.\n# [[book]]\n# name = \"t\"\n";
        let expected = "Head.\n.PP\n.SS [crm]\n.TP\n\\fBkey = \"v\"\\fR\nOne\n.br\na  x\n.TP\n\\fBother = 1\\fR\nAs above.\n.PP\n\
                        .SS [[book]]\nA folder.\n.TP\n\\fBname = \"t\"\\fR\nAs above.\n";
        assert_eq!(body(text), expected);
    }

    #[test]
    fn the_page_holds_the_whole_file() {
        let page = page().replace("\\-", "-").replace("\\e", "\\");
        let lines = DOCUMENTED.lines().map(|line| line.trim_start_matches('#').trim()).filter(|line| !line.is_empty());
        for line in lines {
            assert!(page.contains(line), "{line}");
        }
    }
}
