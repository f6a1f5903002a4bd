//! What a card says that no contact can hold: it stays in the card where that is a book's, and is named where a card is only
//! read, as by an import.

use super::{
    address, card::Card, extra, labels::Labels, property::Prop, read::Reading, value::View, vocabulary::Types,
};

/// True for a label that says of which type it is.
fn is_type_label(label: &str) -> bool {
    label.starts_with("_$!<") || Types::of_label(label).is_some() || Types::knows(label)
}

/// Names each such part of the card, once.
pub fn left_out(card: &Card) -> Vec<&'static str> {
    let Reading { contact, places } = Reading::of(card, None);
    let mut named = Vec::new();
    let mut name = |is_there: bool, what: &'static str| {
        if is_there && !named.contains(&what) {
            named.push(what);
        }
    };
    for (index, at) in places.addresses.iter().enumerate() {
        let Some(view) = card.view(*at).filter(|view| view.head.prop == Prop::Adr) else { continue };
        let parts = view.components();
        let part = |at: usize| parts.get(at).map_or("", |part| part.trim());
        let known = &contact.addresses[index];
        name(!part(4).is_empty(), "the region of an address");
        let is_newer = parts.iter().skip(address::COMPONENTS).any(|part| !part.trim().is_empty());
        name(is_newer && !address::is_told_otherwise(view), "the parts of an address that RFC 9554 added");
        name(says(view, b"GEO"), "GEO of an address");
        name(says(view, b"TZ"), "TZ of an address");
        name(says(view, b"CC") && known.country.trim().is_empty(), "CC of an address");
        let says_more = |label: String| !address::only_repeats(&label, known, part(4));
        name(address::label(view).is_some_and(says_more), "the label of an address");
        let of_it = places.labels.iter().filter(|(of, _)| *of == index).filter_map(|(_, at)| card.view(*at));
        name(of_it.map(|label| label.text().into_owned()).any(says_more), "the label of an address");
    }
    let labels = Labels::of(card);
    for (_, view) in card.views() {
        let is_typed = matches!(view.head.prop, Prop::Tel | Prop::Email);
        let is_own = |label: &str| !is_type_label(label) && !label.trim().is_empty();
        name(is_typed && labels.label(view).is_some_and(is_own), "the label of a telephone or e-mail address");
        name(is_typed && Types::of(view).has(Types::OWN), "the label of a telephone or e-mail address");
        name(extra::is_local_file(view), "a picture or key in a file of another machine");
        name(view.head.prop == Prop::Org && says(view, b"SORT-AS"), "what a company is sorted by");
    }
    name(card.has_stray_lines(), "a line that is no property");
    named
}

fn says(view: View<'_>, param: &[u8]) -> bool {
    view.params().any(|(name, value)| name.eq_ignore_ascii_case(param) && !value.is_empty())
}
