//! Whole names of the kinds that people write, and names that are put into whole ones.

use proptest::prelude::*;

use super::*;

/// "title|civility / FIRST / LAST / suffix", or "company X"; empty parts left out.
fn told(text: &str, order: Order) -> String {
    let PersonName { civility, title, first, last, suffix, company, .. } = split(text, order);
    if !company.is_empty() {
        return format!("company {company}");
    }
    let civility = civility.map(|civility| format!("{} ", civility.code())).unwrap_or_default();
    let rest = [first, bracketed(&title), bracketed(&suffix)].into_iter().filter(|part| !part.is_empty());
    format!("{civility}{last} / {}", rest.collect::<Vec<_>>().join(" ")).trim().to_owned()
}

fn bracketed(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("[{text}]") }
}

#[test]
fn whole_names_are_taken_apart() {
    for (text, expected) in [
        ("Ada Roux", "Roux / Ada"),
        ("Roux", "Roux /"),
        ("", "/"),
        ("Roux, Ada", "Roux / Ada"),
        ("Petit-Roux, Élise", "Petit-Roux / Élise"),
        ("Le Gall, Yann", "Le Gall / Yann"),
        ("Berg, Kees van den", "van den Berg / Kees"),
        ("Roux,", "Roux /"),
        ("Yann Le Gall", "Le Gall / Yann"),
        ("Luc De Wit", "De Wit / Luc"),
        ("Jan van Dam", "van Dam / Jan"),
        ("Piet van 't Hof", "van 't Hof / Piet"),
        ("Jean-Paul de La Tour", "de La Tour / Jean-Paul"),
        ("Jean de La Tour Maubourg", "de La Tour Maubourg / Jean"),
        ("Ana da Silva Santos", "da Silva Santos / Ana"),
        ("María del Carmen Ruiz", "Ruiz / María del Carmen"),
        ("José Ortega y Gasset", "Ortega y Gasset / José"),
        ("Abd El Malik Ben Salah", "Ben Salah / Abd El Malik"),
        ("Mohamed El Amine Bouzid", "Bouzid / Mohamed El Amine"),
        ("Karim Ben Salah", "Ben Salah / Karim"),
        ("Nora Abd El Malik", "Abd El Malik / Nora"),
        ("Oscar de la Vega", "de la Vega / Oscar"),
        ("Sean O'Hara", "O'Hara / Sean"),
        ("Le Gall", "Le Gall /"),
        ("de La Tour", "de La Tour /"),
        ("De Wit Luc", "De Wit / Luc"),
        ("Ben Hart", "Hart / Ben"),
        ("jean paul roux", "roux / jean paul"),
        ("山本太郎", "山本太郎 /"),
        ("Ned Hall Jr.", "Hall / Ned [Jr.]"),
        ("Ned Hall, Jr.", "Hall / Ned [Jr.]"),
        ("Hall, Ned, III", "Hall / Ned [III]"),
        ("Hall Jr., Ned", "Hall / Ned [Jr.]"),
        ("Alain Roy fils", "Roy / Alain [fils]"),
        ("Ana Roux, PhD, MBA", "Roux / Ana [PhD MBA]"),
        ("Mme Claire Roux", "18 Roux / Claire"),
        ("Roux, Mme Claire", "18 Roux / Claire"),
        ("M. Roux", "17 Roux /"),
        ("Roux, M.", "Roux / M."),
        ("Roux, Mme", "18 Roux /"),
        ("M Roux", "17 Roux /"),
        ("Monsieur Paul Le Gall", "17 Le Gall / Paul"),
        ("Dr. Roux", "Roux / [Dr.]"),
        ("Dr Paul Roux", "Roux / Paul [Dr]"),
        ("Me Anne Roux", "Roux / Anne [Me]"),
        ("Maître Roux", "Roux / [Maître]"),
        ("Mme le Pr Anne Roux", "18 Roux / Anne [le Pr]"),
        ("Mme Vve Roux", "18 Roux / [Vve]"),
        ("M. et Mme Roux", "Roux / [M. et Mme]"),
        ("M. C. Roux", "Roux / M. C."),
        ("ROUX Élodie", "ROUX / Élodie"),
        ("Élodie ROUX", "ROUX / Élodie"),
        ("VAN DEN BOS Kees", "VAN DEN BOS / Kees"),
        ("Kees van den BOS", "van den BOS / Kees"),
        ("Jean-Paul PETIT ROUX", "PETIT ROUX / Jean-Paul"),
        ("Ian McKAY", "McKAY / Ian"),
        ("Anne d'ARCY", "d'ARCY / Anne"),
        ("JP Roux", "Roux / JP"),
        ("J.-P. ROUX", "ROUX / J.-P."),
        ("ADA ROUX", "ROUX / ADA"),
        ("YANN LE GALL", "LE GALL / YANN"),
        ("Léa Roux (compta)", "Roux / Léa"),
        ("Robert \"Bob\" Roux", "Roux / Robert"),
        ("Ada Roux - Atelier", "Roux / Ada"),
        ("Ada Roux née Petit", "Roux / Ada"),
        ("Ada & Paul Roux", "Roux / Ada & Paul"),
        ("Roux & Petit", "Roux & Petit /"),
        ("Paul Roux, Roux Bois SARL", "Roux / Paul"),
        ("SARL Bois, Clous", "company SARL Bois, Clous"),
        ("Roux & Fils", "company Roux & Fils"),
        ("Roux Frères", "company Roux Frères"),
        ("Mairie de Dax", "company Mairie de Dax"),
        ("Garage du Port", "company Garage du Port"),
        ("Acme GmbH", "company Acme GmbH"),
        ("ROUX SA", "company ROUX SA"),
        ("SAS Roux", "company SAS Roux"),
        ("Jan Sas", "Sas / Jan"),
        ("Café du Port (1931)", "company Café du Port (1931)"),
        ("Famille Roux", "Famille Roux /"),
        ("Studio 54 Paris", "Studio 54 Paris /"),
        ("ada@roux.example", "ada@roux.example /"),
        ("06 00 00 00 00", "06 00 00 00 00 /"),
        ("Paris, Lyon, Dax", "Paris, Lyon, Dax /"),
        ("Mme", "Mme /"),
        ("Jr.", "Jr. /"),
    ] {
        assert_eq!(told(text, Order::GivenFirst), expected, "{text}");
    }
}

#[test]
fn a_column_may_say_that_the_family_name_is_first() {
    for (text, expected) in [
        ("Roux Élodie", "Roux / Élodie"),
        ("Élodie ROUX", "ROUX / Élodie"),
        ("Roux, Élodie", "Roux / Élodie"),
        ("Le Gall Yann", "Le Gall / Yann"),
        ("Ben Salah Karim", "Ben Salah / Karim"),
        ("Mme Roux Élodie", "18 Roux / Élodie"),
        ("Roux", "Roux /"),
    ] {
        assert_eq!(told(text, Order::FamilyFirst), expected, "{text}");
    }
}

#[test]
fn only_the_order_of_words_is_a_guess() {
    for (text, is_guess) in
        [("Ada Roux", true), ("Roux, Ada", false), ("ROUX Ada", false), ("Roux", false), ("Mme Roux", false)]
    {
        assert_eq!(split(text, Order::GivenFirst).is_guess, is_guess, "{text}");
    }
}

#[test]
fn a_new_name_is_written_in_the_manner_of_the_old_one() {
    for (present, first, last, expected) in [
        ("", "Ada", "Roux", "Ada Roux"),
        ("Ada Roux", "Ada", "Petit", "Ada Petit"),
        ("Roux, Ada", "Ada", "Petit", "Petit, Ada"),
        ("Roux, Ada", "Eva", "Roux", "Roux, Eva"),
        ("Mme Ada Roux (compta)", "Ada", "Petit", "Mme Ada Petit (compta)"),
        ("Ned Hall Jr.", "Ned", "Hill", "Ned Hill Jr."),
        ("ROUX Ada", "Ada", "Petit", "Ada Petit"),
        ("Ada Roux", "Ana", "Ruiz Soler", "Ruiz Soler, Ana"),
        ("Roux", "Ada", "Roux", "Ada Roux"),
        ("Ada Roux", "", "Roux", "Roux"),
        ("SARL Bois", "Ada", "Roux", "Ada Roux"),
        ("", "", "Petit Roux", "Petit Roux,"),
        ("", "", "", ""),
    ] {
        let names = Names { first, last };
        assert_eq!(written(present, names, Order::GivenFirst), expected, "{present} {first} {last}");
    }
}

proptest! {
    #[test]
    fn names_come_back(
        first in "([A-ZÉ][a-zé]{2,6}([ -][A-Z][a-z]{2,6})?)?",
        last in "((de|van|Le|d'|El) )?[A-ZÉ][a-zé]{2,6}([ -][A-Z][a-z]{2,6})?",
        present in "[A-Za-zéÉ,.()' -]{0,20}",
    ) {
        for order in [Order::GivenFirst, Order::FamilyFirst] {
            let text = written(&present, Names { first: &first, last: &last }, order);
            let company = split(&text, order).company;
            prop_assume!(company.is_empty());
            let found = split(&text, order);
            prop_assert_eq!((&found.first, &found.last), (&first, &last), "{}", text);
        }
    }

    #[test]
    fn no_letter_is_lost(text in "[A-Za-zéÉ,.&()\"' -]{0,30}") {
        let found = split(&text, Order::GivenFirst);
        let count = |text: &str| text.chars().filter(|char| char.is_alphabetic()).count();
        let kept = [&found.title, &found.first, &found.last, &found.suffix, &found.company];
        let kept: usize = kept.into_iter().map(|part| count(part)).sum();
        prop_assert!(kept == count(&text) || found.says_more || found.civility.is_some(), "{:?}", found);
    }
}
