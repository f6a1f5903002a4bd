//! The words around a person's names: forms of address, titles, particles, what follows a name, and what only companies are
//! called. Lists are folded: without case, accents and full stops.
//!
//! Sources: IFLA, "Names of Persons" (particles and their place, by language); the Dutch register of persons, table 36
//! (Voorvoegsels); French legal forms by INSEE's "catégories juridiques". Compared with the tables of nameparser (Python) and
//! human_name (Rust), which know neither French titles nor family names in capitals.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::contact::Civility;

/// Without case, accents and full stops.
pub(super) fn fold(word: &str) -> String {
    let plain = word.nfkd().filter(|char| !is_combining_mark(*char) && *char != '.');
    plain.flat_map(char::to_lowercase).map(|char| if char == '’' { '\'' } else { char }).collect()
}

/// A form of address that the CRM knows, in French or English.
pub fn civility(text: &str) -> Option<Civility> {
    Some(match fold(text.trim()).trim() {
        "m" | "mr" | "monsieur" | "mister" => Civility::Mr,
        "mme" | "madame" | "mrs" | "ms" | "madam" => Civility::Madam,
        "mlle" | "melle" | "mademoiselle" | "miss" => Civility::Miss,
        _ => return None,
    })
}

/// Titles before a name, and forms of address in other languages. They stay with the name, and are none that the CRM knows.
const TITLES: &[&str] = &[
    "herr",
    "frau",
    "dhr",
    "mevr",
    "mevrouw",
    "senor",
    "senora",
    "sra",
    "signor",
    "signora",
    "dr",
    "dra",
    "drs",
    "docteur",
    "doctor",
    "doktor",
    "pr",
    "prof",
    "professeur",
    "professor",
    "me",
    "maitre",
    "sir",
    "lady",
    "lord",
    "reverend",
    "abbe",
    "mgr",
    "monseigneur",
    "vve",
    "veuve",
    "dipl-ing",
    "colonel",
    "capitaine",
    "commandant",
    "lieutenant",
];
/// Titles only with a full stop: without one they are names.
const SHORT_TITLES: &[&str] = &["ing", "col", "cne", "cdt", "gal", "lt", "sgt", "hon", "ir", "rev", "mag", "eng"];

/// True for a title.
pub(super) fn is_title(word: &str) -> bool {
    let folded = fold(word);
    TITLES.contains(&folded.as_str()) || (word.ends_with('.') && SHORT_TITLES.contains(&folded.as_str()))
}

/// What a whole name may follow it with. The second list only where enough other words are left to be a name.
const SUFFIXES: &[&str] = &["jr", "sr", "ii", "iii", "iv", "phd", "esq", "pere", "fils"];
const LONG_SUFFIXES: &[&str] =
    &["junior", "senior", "jnr", "snr", "md", "mba", "cpa", "dds", "msc", "bsc", "llm", "mcf"];

/// True for a word that tells one of a name from another, or a degree. `words` are there in all; none where a comma stands
/// before it, which says that it is no name.
pub(super) fn is_suffix(word: &str, words: Option<usize>) -> bool {
    let folded = fold(word);
    let is_long = LONG_SUFFIXES.contains(&folded.as_str());
    match folded.as_str() {
        // "Alexandre Roy fils": with a capital it may be anybody's name.
        "pere" | "fils" => word.starts_with(char::is_lowercase),
        "ii" | "iii" | "iv" => !word.contains(char::is_lowercase),
        folded if SUFFIXES.contains(&folded) => true,
        _ => is_long && words.is_none_or(|words| words > 2),
    }
}

/// Particles that open a family name which goes on to its end: "de La Tour Maubourg".
const OPENING: &[&str] = &[
    "de", "du", "des", "d'", "della", "delle", "dello", "degli", "dei", "di", "da", "das", "do", "dos", "del", "van",
    "vande", "vanden", "vander", "vd", "von", "vom", "zu", "zum", "zur", "ten", "ter", "der", "den", "dem", "het",
    "'t",
];
/// Particles that belong to the word behind them alone: "Mohamed El Amine Bouzid".
const JOINED: &[&str] = &[
    "le", "la", "les", "el", "al", "ben", "bin", "bint", "ibn", "abu", "abou", "bou", "ould", "ait", "saint", "sainte",
    "st", "ste", "san", "santa", "mac", "mc", "lo", "dal", "dalla", "dalle",
];
/// Particles in small letters alone.
const SMALL: &[&str] = &["in", "op", "te", "auf", "af", "av", "aan", "bij", "y", "e", "i"];
/// Nobody's given name: a name that begins with one is a family's.
const NEVER_GIVEN: &[&str] = &[
    "de", "du", "des", "d'", "della", "degli", "dei", "dos", "del", "van", "vande", "vanden", "vander", "vd", "von",
    "vom", "zu", "ten", "ter", "der", "den", "'t", "le", "la", "les", "el", "ould", "ait", "bou", "saint", "sainte",
    "st", "ste", "mc", "dal", "dalla",
];

/// True for a particle that opens the family name.
pub(super) fn opens(word: &str) -> bool {
    let folded = fold(word);
    let is_elided = folded.strip_prefix("d'").is_some_and(|rest| rest.chars().count() > 1);
    OPENING.contains(&folded.as_str()) || is_elided
}

/// True for any particle.
pub(super) fn is_particle(word: &str) -> bool {
    let folded = fold(word);
    OPENING.contains(&folded.as_str())
        || JOINED.contains(&folded.as_str())
        || (word.starts_with(char::is_lowercase) && SMALL.contains(&folded.as_str()))
}

/// True for a particle that is nobody's given name.
pub(super) fn is_never_given(word: &str) -> bool {
    NEVER_GIVEN.contains(&fold(word).as_str())
}

/// Given names that go on with an article: "Abd El Kader".
pub(super) fn is_bound(word: &str) -> bool {
    ["abd", "abdel", "abdul", "abdoul", "nour", "seif", "salah"].contains(&fold(word).as_str())
}

/// "María del Carmen" is a given name.
pub(super) fn is_devotion(given: &str, particle: &str) -> bool {
    ["maria", "mª", "ma"].contains(&fold(given).as_str()) && ["del", "de"].contains(&fold(particle).as_str())
}

/// Words between two people, or two names of a company.
pub(super) fn is_and(word: &str) -> bool {
    ["&", "+", "et", "and", "und", "en"].contains(&fold(word).as_str())
}

/// What follows is the name that somebody had, or has beside: "née Martin".
pub(super) fn is_maiden(word: &str) -> bool {
    ["nee", "ne", "epouse", "ep", "geb"].contains(&fold(word).as_str())
        && (word.contains('é') || word.ends_with('.') || fold(word).len() > 2)
        && word.starts_with(char::is_lowercase)
}

/// Legal forms, in any case.
const LEGAL: &[&str] = &[
    "sarl",
    "sasu",
    "eurl",
    "selarl",
    "selas",
    "gaec",
    "asbl",
    "sprl",
    "bvba",
    "gmbh",
    "ltd",
    "limited",
    "llc",
    "llp",
    "plc",
    "inc",
    "corp",
    "corporation",
];
/// Legal forms in capitals alone: Sas is a family name.
const LOUD_LEGAL: &[&str] = &[
    "SAS", "SNC", "SCOP", "SCEA", "SRL", "OHG", "SPA", "SpA", "SCPI", "SCCV", "SCI", "SCP", "GIE", "EARL", "CUMA",
    "SEM",
];
/// Legal forms in capitals at the end alone: at the start they may be initials.
const LAST_LEGAL: &[&str] = &["SA", "BV", "NV", "AG", "KG", "UG", "AB", "OY"];
/// What a firm's name ends with.
const ENDS: &[&str] = &["fils", "filles", "co", "cie", "associes", "associees", "sons", "partners", "sohne", "zonen"];
/// What a name begins with that no person has.
const BODIES: &[&str] = &[
    "mairie",
    "commune",
    "prefecture",
    "ministere",
    "ecole",
    "lycee",
    "universite",
    "faculte",
    "creche",
    "hopital",
    "clinique",
    "ehpad",
    "pharmacie",
    "cabinet",
    "garage",
    "hotel",
    "restaurant",
    "brasserie",
    "boulangerie",
    "patisserie",
    "boucherie",
    "charcuterie",
    "fromagerie",
    "epicerie",
    "librairie",
    "imprimerie",
    "menuiserie",
    "charpente",
    "scierie",
    "plomberie",
    "serrurerie",
    "carrosserie",
    "chocolaterie",
    "papeterie",
    "quincaillerie",
    "association",
    "amicale",
    "syndicat",
    "federation",
    "fondation",
    "comite",
    "agence",
    "societe",
    "entreprise",
    "etablissements",
    "ets",
    "groupe",
    "groupement",
    "cooperative",
    "compagnie",
    "banque",
    "mutuelle",
    "domaine",
    "camping",
    "centre",
    "ateliers",
    "transports",
    "editions",
    "theatre",
    "cinema",
    "musee",
    "bibliotheque",
    "mediatheque",
    "paroisse",
    "copropriete",
    "syndic",
    "gendarmerie",
    "commissariat",
    "tribunal",
    "laboratoire",
    "laboratoires",
    "institut",
    "university",
    "hospital",
    "association",
    "foundation",
    "institute",
    "company",
    "garages",
    "jardinerie",
    "pepinieres",
    "cafe",
    "bistrot",
    "creperie",
    "pizzeria",
    "auberge",
    "ambulances",
    "taxis",
];
/// What a name begins with that is no one person and no company either.
const LEFT_WHOLE: &[&str] = &[
    "famille",
    "family",
    "familie",
    "consorts",
    "indivision",
    "succession",
    "epoux",
    "service",
    "accueil",
    "secretariat",
    "comptabilite",
    "direction",
    "standard",
];

/// True for the name of a company or another body.
pub(super) fn is_company(words: &[&str]) -> bool {
    let bare = |word: &str| fold(word.trim_matches([',', '(', ')']));
    let plain = |word: &str| word.replace('.', "").trim_matches([',', '(', ')']).to_owned();
    let is_legal = |word: &&str| LEGAL.contains(&bare(word).as_str()) || LOUD_LEGAL.contains(&plain(word).as_str());
    let is_last_legal = words.last().is_some_and(|word| LAST_LEGAL.contains(&plain(word).as_str()));
    let is_house =
        words.windows(2).any(|pair| is_and(pair[0]) && ENDS.contains(&bare(pair[1]).as_str())) && words.len() > 2;
    let is_brothers =
        words.len() > 1 && words.last().is_some_and(|word| ["freres", "bros"].contains(&bare(word).as_str()));
    words.len() > 1 && (words.iter().any(is_legal) || is_last_legal)
        || words.first().is_some_and(|word| BODIES.contains(&bare(word).as_str()))
        || is_house
        || is_brothers
}

/// True for a name that is left as it is.
pub(super) fn is_left_whole(words: &[&str]) -> bool {
    words.first().is_some_and(|word| LEFT_WHOLE.contains(&fold(word).as_str()))
        || words.iter().any(|word| word.contains(|char: char| char.is_ascii_digit()))
}
