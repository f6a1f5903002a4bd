//! The desk's words: one list, each word in every language beside the other, so that none can be missing. Sentences have places,
//! `{name}`, which are filled in. Nothing below the desk has words of its own.

mod list;

#[cfg(test)]
use list::ALL;
pub(super) use list::Words;

/// The languages of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    French,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    /// By the tag of HTTP and HTML.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let main = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(main))
    }

    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::English => Self::French,
            Self::French => Self::English,
        }
    }

    pub fn words(self) -> &'static Words {
        match self {
            Self::English => &list::ENGLISH,
            Self::French => &list::FRENCH,
        }
    }

    /// What a browser asks for first of what there is; English where it asks for neither. Source: RFC 9110, section 12.5.4.
    pub fn asked_for(header: &str) -> Self {
        let wanted = header.split(',').filter_map(|part| {
            let (tag, rest) = part.split_once(';').unwrap_or((part, ""));
            let weight = rest.trim().strip_prefix("q=").map_or(Some(1.0), |text| text.trim().parse::<f32>().ok())?;
            Some((Self::of_tag(tag.trim())?, weight))
        });
        let best = wanted.filter(|(_, weight)| *weight > 0.0).fold(None, |best: Option<(Self, f32)>, one| match best {
            Some(best) if best.1 >= one.1 => Some(best),
            _ => Some(one),
        });
        best.map_or(Self::English, |(language, _)| language)
    }

    /// The word for so many: French counts 0 with 1.
    pub fn plural(self, count: u64, one: &'static str, many: &'static str) -> String {
        let is_one = count == 1 || (count == 0 && self == Self::French);
        fill(if is_one { one } else { many }, &[("n", &self.number(count))])
    }

    /// A number as the language groups it.
    pub fn number(self, number: u64) -> String {
        let gap = match self {
            Self::English => ",",
            // A narrow space that does not break.
            Self::French => "\u{202f}",
        };
        let digits = number.to_string();
        let mut text = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push_str(gap);
            }
            text.push(digit);
        }
        text
    }
}

/// A sentence with its places filled in. What is filled in is not looked through for places.
pub(super) fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let (mut text, mut rest) = (String::new(), sentence);
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        rest = behind;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(sentence: &str) -> Vec<&str> {
        let mut places: Vec<&str> =
            sentence.split('{').skip(1).map(|part| part.split_once('}').expect("a closed place").0).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    #[test]
    fn every_word_is_there_in_both_languages() {
        assert!(ALL.len() > 50);
        for (name, english, french) in ALL {
            assert!(!english.trim().is_empty() && !french.trim().is_empty(), "{name}");
            assert_eq!(places(english), places(french), "{name}");
            // French sets a space before these, one that does not break.
            for mark in ["?", "!", ";", ":"] {
                for at in french.match_indices(mark).map(|(at, _)| at) {
                    let before = french[..at].chars().next_back();
                    assert!(matches!(before, Some('\u{a0}' | '\u{202f}')), "{name}: {french}");
                }
            }
            assert!(!french.contains('\'') && !english.contains('\''), "{name}: a typewriter's apostrophe");
        }
    }

    #[test]
    fn the_language_is_the_browsers_first_of_ours() {
        let check = |header: &str, expected: Language| assert_eq!(Language::asked_for(header), expected, "{header}");
        check("fr-FR,fr;q=0.9,en;q=0.8", Language::French);
        check("en-GB,en;q=0.9,fr;q=0.8", Language::English);
        check("de, fr;q=0.5, en;q=0.4", Language::French);
        check("de", Language::English);
        check("", Language::English);
        check("fr;q=0, en;q=0.1", Language::English);
        check("fr;q=x", Language::English);
        check("*", Language::English);
    }

    #[test]
    fn numbers_and_places_are_written_as_the_language_does() {
        assert_eq!(Language::English.number(1_234_567), "1,234,567");
        assert_eq!(Language::French.number(10_000), "10\u{202f}000");
        assert_eq!(Language::French.number(999), "999");
        assert_eq!(Language::French.plural(0, "{n} fiche", "{n} fiches"), "0 fiche");
        assert_eq!(Language::English.plural(0, "{n} card", "{n} cards"), "0 cards");
        assert_eq!(fill("{a} of {b}", &[("a", "{b}"), ("b", "<i>")]), "{b} of <i>");
    }
}
