//! Files made to take for ever: what grows with the square of its input does not come to an end here.
//!
//! No time is taken. Each file is 100 to 300 KB of one thing: a reader that goes back to the start for each piece makes
//! thousands of millions of steps of it, which nobody waits for. Lines are capped at 5,000 a card; there are fewer of them.

use super::laws;

/// A card around these lines.
fn card(lines: &str) -> Vec<u8> {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nN:Grand;Guy;;;\r\nFN:Guy Grand\r\n{lines}END:VCARD\r\n").into_bytes()
}

fn check(name: &str, bytes: &[u8], count: usize) {
    assert!(bytes.len() > 100_000, "{name} is too small to say anything: {}", bytes.len());
    assert_eq!(laws::cards(bytes), count, "{name}");
}

#[test]
fn no_shape_takes_for_ever() {
    let many = |piece: &str| piece.repeat(300_000 / piece.len());
    let numbered = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    check("a line of many folds", &card(&format!("NOTE:{}\r\n", many("a\r\n "))), 1);
    check("folds and no colon", &card(&format!("X{}\r\n", many("\r\n a"))), 1);
    check("folds in an open quote", &card(&format!("X;A=\"{}\r\n", many("\r\n :"))), 1);
    check("soft breaks", &card(&format!("NOTE;QUOTED-PRINTABLE:{}.\r\n", many("=\r\n"))), 1);
    check("base64 at the margin", &card(&format!("PHOTO;ENCODING=b:\r\n{}", many("AAAA\r\n"))), 1);
    check("parameters", &card(&format!("TEL{}:01 99 00 00 01\r\n", many(";a"))), 1);
    check("named parameters", &card(&format!("X{}:1\r\n", many(";TYPE=a"))), 1);
    check("words of a parameter", &card(&format!("TEL;TYPE={}home:01 99 00 00 01\r\n", many("a,"))), 1);
    check("components", &card(&format!("ORG:a;b{}\r\n", many(";c"))), 1);
    check("backslashes", &card(&format!("NOTE:{}\r\n", many("\\"))), 1);
    check("values of a list", &card(&format!("CATEGORIES:{}z\r\n", numbered(40_000, &|at| format!("k{at},")))), 1);
    let words = numbered(40_000, &|at| format!("m{at} "));
    check("words of a name", &card(&format!("N:{words};{words};;;\r\nFN:{words} {words}\r\n")), 1);
    let long = format!("BEGIN:VCARD\r\nN:{words};{words};{words};;\r\nFN:{words}{words}\r\nEND:VCARD\r\n");
    check("words of a shown name", long.as_bytes(), 1);
    check(
        "telephones",
        &card(&numbered(1_500, &|at| format!("TEL;TYPE=HOME:01 99 00 {at:04} {}\r\n", "poste ".repeat(9)))),
        1,
    );
    let labelled = |at| format!("item{at}.TEL:01 99 00 {at:04}\r\nitem{at}.X-ABLabel:{}{at}\r\n", "Poste ".repeat(12));
    check("groups", &card(&numbered(1_000, &labelled)), 1);
    let cards = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:a\r\nEND:VCARD\r\n";
    check("cards", many(cards).as_bytes(), 300_000 / cards.len());
    check("cards without an end", many("BEGIN:VCARD\r\n").as_bytes(), 0);
    check("ends without a card", many("END:VCARD\r\n").as_bytes(), 0);
    let nested = format!("{}{}", many("AGENT:\r\nBEGIN:VCARD\r\n"), "END:VCARD\r\n".repeat(300_000 / 21));
    check("cards in cards", &card(&nested), 0);
}

#[test]
fn numbers_that_the_mirror_knows_are_found_at_once() {
    use carnet::formats::vcard::{Card, read};
    let lines: String = (0..4_000).map(|at| format!("TEL:01 99 00 {at:04} poste 1\r\n")).collect();
    let card = Card::parse(&card(&lines)).expect("a card");
    let mut known = read(&card, None);
    known.items.iter_mut().for_each(|item| item.value.push_str(" (ancien)"));
    assert_eq!(read(&card, Some(&known)).items.len(), 4_000);
}
