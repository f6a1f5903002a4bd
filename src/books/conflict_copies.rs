//! The names that sync programs give to the copy that they set beside a file when two machines changed it at once.

/// The file that a name says to be a copy of; none for a name of another kind.
///
/// - Syncthing: `ada.sync-conflict-20261129-181234-ABCDEFG.vcf`
/// - Nextcloud, ownCloud: `ada (conflicted copy 2026-11-29 181234).vcf`
/// - Dropbox: `ada (Ada's conflicted copy 2026-11-29).vcf`
pub fn copy_of(name: &str) -> Option<String> {
    let (stem, ending) = name.rsplit_once('.')?;
    let mut original = original_of(stem)?;
    // A copy may be in conflict itself.
    while let Some(before) = original_of(original) {
        original = before;
    }
    Some(format!("{original}.{ending}"))
}

fn original_of(stem: &str) -> Option<&str> {
    syncthings(stem).or_else(|| bracketed(stem)).filter(|original| !original.is_empty())
}

fn syncthings(stem: &str) -> Option<&str> {
    let (original, tail) = stem.rsplit_once(".sync-conflict-")?;
    let mut parts = tail.split('-');
    let is_date = parts.next().is_some_and(|date| are_digits(date, 8));
    (is_date && parts.next().is_some_and(|time| are_digits(time, 6))).then_some(original)
}

fn bracketed(stem: &str) -> Option<&str> {
    let (original, told) = stem.strip_suffix(')')?.rsplit_once(" (")?;
    let (_, date) = told.split_once("conflicted copy ")?;
    let mut parts = date.split([' ', '-']);
    let is_date = [4, 2, 2].into_iter().all(|length| parts.next().is_some_and(|part| are_digits(part, length)));
    is_date.then_some(original)
}

fn are_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_known_by_the_names_that_programs_give_them() {
        let check = |name: &str, expected: Option<&str>| assert_eq!(copy_of(name).as_deref(), expected, "{name}");
        check("ada.sync-conflict-20261129-181234-ABCDEFG.vcf", Some("ada.vcf"));
        check("ada.sync-conflict-20261129-181234.vcf", Some("ada.vcf"));
        check("ada (conflicted copy 2026-11-29 181234).vcf", Some("ada.vcf"));
        check("ada (conflicted copy 2026-11-29 181234 1).vcf", Some("ada.vcf"));
        check("ada (Ada's conflicted copy 2026-11-29).vcf", Some("ada.vcf"));
        check("sheet (Ada's conflicted copy 2026-11-29).csv", Some("sheet.csv"));
        check("a.b.sync-conflict-20261129-181234-AB.sync-conflict-20261130-181234-AB.VCF", Some("a.b.VCF"));
        for other in [
            "ada.vcf",
            "ada (1).vcf",
            "ada copy.vcf",
            "ada (conflicted copy).vcf",
            "ada.sync-conflict-notes.vcf",
            ".sync-conflict-20261129-181234-ABCDEFG.vcf",
            "sync-conflict",
        ] {
            check(other, None);
        }
    }
}
