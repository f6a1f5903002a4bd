//! Filters as RFC 6352, 10.5 has them, held against one card.

use super::*;
use crate::dav::element::read_document;

fn line<'a>(group: &'a str, name: &'a str, parameters: &[(&'a str, &'a str)], value: &'a str) -> CardLine<'a> {
    let parameters = parameters.iter().map(|(name, value)| (Cow::from(*name), Cow::from(*value))).collect();
    CardLine { group: group.into(), name: name.into(), parameters, value: value.into() }
}

fn read(inside: &str) -> Result<Filter, FilterError> {
    let text = format!("<C:filter xmlns:C=\"urn:ietf:params:xml:ns:carddav\" {inside}</C:filter>");
    Filter::read(&read_document(&text).expect("XML"))
}

/// A filter, from its attributes on, against Ada's card.
fn check(inside: &str, expected: Result<bool, FilterError>) {
    let card = [
        line("", "FN", &[], "Ada Lovelace"),
        line("", "N", &[], "Lovelace;Ada;;;"),
        line("", "NICKNAME", &[], "Élodie Straße"),
        line("", "TEL", &[("TYPE", "home"), ("TYPE", "voice")], "+33 1 23"),
        line("item1", "TEL", &[("TYPE", "WORK")], "+44 20"),
    ];
    assert_eq!(read(inside).map(|filter| filter.takes(&card)), expected, "{inside}");
}

fn text(name: &str, attributes: &str, wanted: &str) -> String {
    format!("><C:prop-filter name=\"{name}\"><C:text-match {attributes}>{wanted}</C:text-match></C:prop-filter>")
}

#[test]
fn properties_are_there_or_not() {
    check(">", Ok(true));
    check("><C:prop-filter name=\"fn\"/>", Ok(true));
    check("><C:prop-filter name=\"EMAIL\"/>", Ok(false));
    check("><C:prop-filter name=\"EMAIL\"><C:is-not-defined/></C:prop-filter>", Ok(true));
    check("><C:prop-filter name=\"FN\"><C:is-not-defined/></C:prop-filter>", Ok(false));
    check("><C:prop-filter name=\"ITEM1.TEL\"/>", Ok(true));
    check("><C:prop-filter name=\"item2.TEL\"/>", Ok(false));
}

#[test]
fn texts_match_as_the_collation_and_the_kind_say() {
    check(&text("FN", "", "LOVE"), Ok(true));
    check(&text("FN", "match-type=\"contains\"", "a l"), Ok(true));
    check(&text("FN", "match-type=\"equals\"", "ada lovelace"), Ok(true));
    check(&text("FN", "match-type=\"equals\"", "ada"), Ok(false));
    check(&text("FN", "match-type=\"starts-with\"", "ada"), Ok(true));
    check(&text("FN", "match-type=\"starts-with\"", "love"), Ok(false));
    check(&text("FN", "match-type=\"ends-with\"", "LACE"), Ok(true));
    check(&text("FN", "match-type=\"ends-with\"", "ada"), Ok(false));
    check(&text("NICKNAME", "", "éLODIE"), Ok(true));
    check(&text("NICKNAME", "collation=\"i;unicode-casemap\"", "e\u{301}lodie"), Ok(true));
    check(&text("NICKNAME", "", "STRASSE"), Ok(false));
    check(&text("NICKNAME", "collation=\"i;ascii-casemap\"", "éLODIE"), Ok(false));
    check(&text("NICKNAME", "collation=\"i;ascii-casemap\"", "ÉLODIE"), Ok(true));
    check(&text("FN", "negate-condition=\"yes\"", "babbage"), Ok(true));
    check(&text("FN", "negate-condition=\"yes\"", "ada"), Ok(false));
    check(&text("FN", "negate-condition=\"no\"", "ada"), Ok(true));
    check(&text("EMAIL", "negate-condition=\"yes\"", "ada"), Ok(false));
    check(&text("N", "", "Lovelace;Ada"), Ok(true));
    check(&text("FN", "", ""), Ok(true));
}

#[test]
fn parameters_are_looked_at_too() {
    let parameter = |inside: &str| format!("><C:prop-filter name=\"TEL\">{inside}</C:prop-filter>");
    let work = "<C:param-filter name=\"type\"><C:text-match match-type=\"equals\">work</C:text-match></C:param-filter>";
    check(&parameter(work), Ok(true));
    check(&parameter("<C:param-filter name=\"TYPE\"/>"), Ok(true));
    check(&parameter("<C:param-filter name=\"PREF\"/>"), Ok(false));
    check(&parameter("<C:param-filter name=\"PREF\"><C:is-not-defined/></C:param-filter>"), Ok(true));
    check(&parameter("<C:param-filter name=\"TYPE\"><C:is-not-defined/></C:param-filter>"), Ok(false));
    // All of one line, not of several together.
    let both = |test: &str, number: &str| {
        format!(
            "><C:prop-filter name=\"TEL\" test=\"{test}\"><C:text-match>{number}</C:text-match>{work}</C:prop-filter>"
        )
    };
    check(&both("allof", "+44"), Ok(true));
    check(&both("allof", "+33"), Ok(false));
    check(&both("anyof", "+33"), Ok(true));
    check(&both("anyof", "+99"), Ok(true));
}

#[test]
fn several_properties_are_joined_by_the_test() {
    let two = "<C:prop-filter name=\"FN\"/><C:prop-filter name=\"EMAIL\"/>";
    check(&format!(">{two}"), Ok(true));
    check(&format!("test=\"anyof\">{two}"), Ok(true));
    check(&format!("test=\"allof\">{two}"), Ok(false));
}

#[test]
fn what_is_not_known_is_refused() {
    for inside in [
        "test=\"most\">",
        "><C:comp-filter name=\"x\"/>",
        "><C:prop-filter/>",
        "><C:prop-filter name=\"\"/>",
        "><prop-filter name=\"FN\"/>",
        "><C:prop-filter name=\"FN\" test=\"x\"/>",
        "><C:prop-filter name=\"FN\"><C:time-range/></C:prop-filter>",
        "><C:prop-filter name=\"FN\"><C:is-not-defined/><C:text-match>x</C:text-match></C:prop-filter>",
        "><C:prop-filter name=\"FN\"><C:param-filter name=\"TYPE\"><C:x/></C:param-filter></C:prop-filter>",
        "><C:prop-filter name=\"FN\"><C:param-filter/></C:prop-filter>",
        &text("FN", "match-type=\"like\"", "x"),
        &text("FN", "negate-condition=\"perhaps\"", "x"),
        &text("FN", "", "<C:x/>"),
    ] {
        check(inside, Err(FilterError::Unsupported));
    }
    check(&text("FN", "collation=\"i;octet\"", "x"), Err(FilterError::Collation));
}
