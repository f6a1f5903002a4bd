//! The names that carnet gives to new cards, as files and on servers: never foreign text.

use uuid::Uuid;

/// A namespace of our own for file names made from UIDs that cannot be names.
const NAMES: Uuid = Uuid::from_u128(0x8f5f_2a0e_4c57_4f6b_9d1a_6f0f_3c1e_7a42);

/// The name of a contact's file: its UID where that is a harmless name everywhere, as those that carnet makes are, else
/// one made from it. Capitals are not harmless: where case does not count, two UIDs would be one file.
pub fn file_name(uid: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let harmless = (1..=64).contains(&uid.len()) && uid.bytes().all(plain) && !uid.starts_with('-') && !is_device(uid);
    if harmless { format!("{uid}.vcf") } else { digest_name(uid) }
}

/// A name made from the UID alone.
pub fn digest_name(uid: &str) -> String {
    format!("{}.vcf", Uuid::new_v5(&NAMES, uid.as_bytes()))
}

/// Names that are devices on Windows, whatever follows the dot.
fn is_device(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let numbered =
        |stem: &str| name.strip_prefix(stem).is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit());
    ["CON", "PRN", "AUX", "NUL"].contains(&name.as_str()) || numbered("COM") || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_never_come_from_foreign_text() {
        for plain in ["3f2504e0-4f89-11d3-9a0c-0305e82c3301", "a1", &"x".repeat(64)] {
            assert_eq!(file_name(plain), format!("{plain}.vcf"));
        }
        for foreign in
            ["", "../x", "/etc/passwd", "a.b", "é", "a b", "-rf", "A1", "CON", "com1", "a\0b", &"x".repeat(300)]
        {
            let name = file_name(foreign);
            assert!(name.len() == 40 && crate::books::is_card_name(name.as_bytes()), "{foreign:?} {name}");
            assert!(!name.contains('/'), "{foreign:?}");
            assert_eq!(name, file_name(foreign), "the same each time");
        }
        assert_ne!(file_name("../x"), file_name("../y"));
    }
}
