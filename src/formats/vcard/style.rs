//! How cards are written where the model leaves a choice, and what a bare line is taken for: the settings' `[vcard]`.
//!
//! No choice here makes a card that another choice reads differently: every one of them is read whatever is set.

use super::Version;

/// The choices. A card carries the ones that it is read and written with; [`super::Card::parse`] gives it the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteStyle {
    /// What new cards are written in; cards that exist keep theirs.
    pub version: Version,
    /// What a number or e-mail address is that says neither home nor work.
    pub default_context: DefaultContext,
    /// The lines that a messaging account gets.
    pub messengers: Messengers,
    /// The language that contact types are written in, as CATEGORIES.
    pub words: CategoryLanguage,
    /// What REV says of a card that is written now; none leaves REV as it is.
    pub revised: Option<Rev>,
}

/// What a number or e-mail address is that says neither home nor work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DefaultContext {
    /// Professional, unless the contact is a personal one, or has neither a company nor anything professional.
    #[default]
    Auto,
    /// Professional.
    Work,
    /// Personal.
    Home,
}

/// The lines that a messaging account gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Messengers {
    /// IMPP (RFC 4770). Two lines of one account drift apart where a program knows only one of them.
    #[default]
    Impp,
    /// IMPP and X-SKYPE, X-AIM...: Evolution knows only the latter.
    Both,
}

/// A language of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CategoryLanguage {
    /// "Fournisseur".
    #[default]
    French,
    /// "Supplier".
    English,
}

/// A moment, in seconds since 1970. The formats have no clock: it is handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rev(pub i64);

impl Rev {
    /// A moment as the mirror writes it (RFC 3339); none for anything else.
    pub fn parse(stamp: &str) -> Option<Rev> {
        chrono::DateTime::parse_from_rfc3339(stamp).ok().map(|at| Rev(at.timestamp()))
    }

    /// As REV has it: RFC 2426 writes it with hyphens and colons, RFC 6350 and the programs that write 2.1 without. None
    /// for a moment that no calendar has.
    pub(super) fn text(self, version: Version) -> Option<String> {
        let format = match version {
            Version::V30 => "%Y-%m-%dT%H:%M:%SZ",
            Version::V21 | Version::V40 => "%Y%m%dT%H%M%SZ",
        };
        Some(chrono::DateTime::from_timestamp(self.0, 0)?.format(format).to_string())
    }
}

impl From<Version> for WriteStyle {
    fn from(version: Version) -> Self {
        WriteStyle { version, ..WriteStyle::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::{Contact, ContactType, Item, ItemType, identity::Identity},
        formats::vcard::{Card, new_card, read, update},
    };

    const AT: Rev = Rev(1_795_453_200);

    fn card(text: &str, style: WriteStyle) -> Card {
        Card::parse(text.replace('\n', "\r\n").as_bytes()).expect("a card").in_style(style)
    }

    fn text(card: &Card) -> String {
        String::from_utf8(card.to_bytes()).unwrap().replace("\r\n", "\n")
    }

    fn changed(before: &str, style: WriteStyle, change: impl FnOnce(&mut Contact)) -> String {
        let mut card = card(before, style);
        let from = read(&card, None);
        let mut to = from.clone();
        change(&mut to);
        update(&mut card, &from, &to);
        assert_eq!(read(&card, None), to, "{before}");
        text(&card)
    }

    #[test]
    fn a_bare_line_is_of_the_default_context() {
        use ItemType::{PersonalEmail, PersonalPhone, ProfessionalEmail, ProfessionalPhone};
        let check = |default_context, more: &str, expected: [ItemType; 2]| {
            let text =
                format!("BEGIN:VCARD\nVERSION:3.0\nN:Roux;Ada;;;\nTEL:0199000001\nEMAIL:a@b.fr\n{more}END:VCARD\n");
            let card = card(&text, WriteStyle { default_context, ..WriteStyle::default() });
            let types = read(&card, None).items.into_iter().map(|item| item.item_type).collect::<Vec<_>>();
            assert_eq!(types, expected, "{default_context:?} {more}");
        };
        let (home, work) = ([PersonalPhone, PersonalEmail], [ProfessionalPhone, ProfessionalEmail]);
        check(DefaultContext::Auto, "", home.clone());
        check(DefaultContext::Auto, "ORG:Roux SA\n", work.clone());
        check(DefaultContext::Work, "", work.clone());
        check(DefaultContext::Work, "CATEGORIES:Perso\n", work);
        check(DefaultContext::Home, "ORG:Roux SA\n", home);
    }

    #[test]
    fn a_messaging_account_gets_one_line_or_two() {
        let both = WriteStyle { messengers: Messengers::Both, ..WriteStyle::default() };
        let contact = Contact { items: vec![Item::new(ItemType::Aim, "ada b")], ..Contact::default() };
        let one = new_card(WriteStyle::default(), &contact, &Identity::default());
        assert!(text(&one).contains("IMPP;X-SERVICE-TYPE=AIM:aim:ada%20b\n") && !text(&one).contains("X-AIM"));
        let two = new_card(both, &contact, &Identity::default());
        assert!(text(&two).contains("IMPP;X-SERVICE-TYPE=AIM:aim:ada%20b\nX-AIM:ada b\n"), "{}", text(&two));
        assert_eq!(read(&two, None), contact);
        // An edit and a removal concern both lines.
        let before = text(&two);
        let edited = changed(&before, both, |contact| contact.items[0].value = "c".into());
        assert_eq!(edited, before.replace("ada%20b", "c").replace("ada b", "c"));
        let retyped = changed(&before, both, |contact| contact.items[0].item_type = ItemType::Skype);
        assert!(retyped.contains("IMPP;X-SERVICE-TYPE=Skype:skype:ada%20b\nX-SKYPE:ada b\n"), "{retyped}");
        let removed = changed(&before, both, |contact| contact.items.clear());
        assert!(!removed.contains("AIM"), "{removed}");
    }

    #[test]
    fn contact_types_have_words_in_two_languages() {
        for (words, expected) in [
            (CategoryLanguage::French, "CATEGORIES:Fournisseur\n"),
            (CategoryLanguage::English, "CATEGORIES:Supplier\n"),
        ] {
            let contact = Contact { contact_type: Some(ContactType::Supplier), ..Contact::default() };
            let card = new_card(WriteStyle { words, ..WriteStyle::default() }, &contact, &Identity::default());
            assert!(text(&card).contains(expected), "{}", text(&card));
            assert_eq!(read(&card, None), contact);
        }
        // A word that is there and says it already stays, whatever its language.
        let before = "BEGIN:VCARD\nVERSION:3.0\nN:Roux;;;;\nCATEGORIES:Lead\nEND:VCARD\n";
        let english = WriteStyle { words: CategoryLanguage::English, ..WriteStyle::default() };
        assert_eq!(
            changed(before, english, |contact| contact.job_title = "x".into()),
            before.replace("END", "TITLE:x\nEND")
        );
    }

    #[test]
    fn rev_says_when_carnet_changed_a_card_that_has_one() {
        let dated = |version| WriteStyle { version, revised: Some(AT), ..WriteStyle::default() };
        for (version, rev) in [
            (Version::V21, "REV:20261123T170000Z\n"),
            (Version::V30, "REV:2026-11-23T17:00:00Z\n"),
            (Version::V40, "REV:20261123T170000Z\n"),
        ] {
            let head = format!("BEGIN:VCARD\nVERSION:{}\nN:Roux;;;;\n", version.number());
            let old = format!("{head}rev;X-P=1;VALUE=date:2001-01-01\nEND:VCARD\n");
            // A card that says it already is not touched, REV included.
            assert_eq!(changed(&old, dated(version), |_| {}), old);
            let now = rev.replace("REV", "rev;X-P=1");
            let expected = format!("{head}{now}TITLE:x\nEND:VCARD\n");
            assert_eq!(changed(&old, dated(version), |contact| contact.job_title = "x".into()), expected);
            // One without gets none, and without a moment it stays as it is.
            let bare = format!("{head}END:VCARD\n");
            let titled = changed(&bare, dated(version), |contact| contact.job_title = "x".into());
            assert_eq!(titled, format!("{head}TITLE:x\nEND:VCARD\n"));
            let kept = changed(&old, WriteStyle::from(version), |contact| contact.job_title = "x".into());
            assert_eq!(kept, old.replace("END", "TITLE:x\nEND"));
            // A new card says when it was made.
            let new = new_card(dated(version), &Contact::default(), &Identity::default());
            assert!(text(&new).ends_with(&format!("{rev}END:VCARD\n")), "{}", text(&new));
        }
    }

    #[test]
    fn moments_are_read_as_the_mirror_writes_them() {
        assert_eq!(Rev::parse("2026-11-23T17:00:00Z"), Some(AT));
        assert_eq!(Rev::parse("2026-11-23T17:00:00.250Z"), Some(AT));
        assert_eq!(Rev::parse("yesterday"), None);
        assert_eq!(Rev(i64::MAX).text(Version::V30), None);
    }
}
