//! Column names, labels and words made comparable: the same header is written with other accents, apostrophes and
//! spaces by every version of every program.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Text without case, accents, kinds of apostrophe and of space, byte order marks and space around it.
pub(super) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c == '\u{feff}').filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        if word.is_ascii() {
            out.extend(word.chars().map(|c| c.to_ascii_lowercase()));
        } else {
            // Signs first: NFKD takes a lone acute accent, used as an apostrophe, for a space and a mark.
            let plain = word.chars().map(plain_sign).nfkd().filter(|c| !is_combining_mark(*c));
            out.extend(plain.flat_map(char::to_lowercase));
        }
    }
    out
}

/// A folded name without what forms put around it: "*nom", "nom (obligatoire)", "e-mail [1]", "nom :"; none without any.
pub(super) fn bare(folded: &str) -> Option<String> {
    let mut name = folded;
    if let Some(at) = folded.find(['(', '[']).filter(|at| *at > 0 && folded.ends_with([')', ']', '*', ':'])) {
        name = &folded[..at];
    }
    let name = name.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | ':' | '?'));
    (name != folded && !name.is_empty()).then(|| name.to_owned())
}

fn plain_sign(c: char) -> char {
    match c {
        '’' | '‘' | 'ʼ' | '`' | '´' => '\'',
        '–' | '‑' | '—' => '-',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_forms_add_is_no_part_of_a_name() {
        for (folded, expected) in [
            ("last name (required)", Some("last name")),
            ("nom *", Some("nom")),
            ("*e-mail", Some("e-mail")),
            ("nom :", Some("nom")),
            ("e-mail [pro]", Some("e-mail")),
            ("nom", None),
            ("(nom)", None),
            ("*", None),
        ] {
            assert_eq!(bare(folded).as_deref(), expected, "{folded}");
        }
    }

    #[test]
    fn spellings_of_a_header_are_one() {
        for (written, folded) in [
            ("Prénom", "prenom"),
            ("\u{feff}PRE\u{301}NOM ", "prenom"),
            ("Téléphone de l’assistant(e)", "telephone de l'assistant(e)"),
            ("Dép/Région\u{a0}(bureau)", "dep/region (bureau)"),
            ("Société  ", "societe"),
            ("E-mail 1 - Value", "e-mail 1 - value"),
            (" ", ""),
        ] {
            assert_eq!(fold(written), folded, "{written:?}");
        }
    }
}
