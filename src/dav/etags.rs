//! Lists of entity tags (RFC 9110, 8.8.3, 13.1.1 and 13.1.2).

/// What `If-Match` or `If-None-Match` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Etags {
    /// `*`: whatever is there.
    Any,
    /// These.
    Listed(Vec<Etag>),
}

/// An entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etag {
    /// Without its quotes.
    pub opaque: String,
    /// `W/`.
    pub is_weak: bool,
}

impl Etags {
    /// Reads the value of a header, several joined by commas; none where it is not a list of tags. A tag without quotes, as
    /// some programs send it, is taken as it stands.
    pub fn read(value: &str) -> Option<Self> {
        if value.trim() == "*" {
            return Some(Etags::Any);
        }
        let mut listed = Vec::new();
        let mut rest = value.trim_start();
        while !rest.is_empty() {
            let (is_weak, tag) = match rest.strip_prefix("W/") {
                Some(tag) => (true, tag),
                None => (false, rest),
            };
            let (opaque, behind) = match tag.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => tag.split_at(tag.find(',').unwrap_or(tag.len())),
            };
            let opaque = opaque.trim();
            if opaque.contains('"') || (opaque.is_empty() && !tag.starts_with('"')) {
                return None;
            }
            listed.push(Etag { opaque: opaque.to_owned(), is_weak });
            rest = behind.trim_start();
            rest = match rest.strip_prefix(',') {
                Some(next) => next.trim_start(),
                None if rest.is_empty() => rest,
                None => return None,
            };
        }
        (!listed.is_empty()).then_some(Etags::Listed(listed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<&str>) {
        let found = Etags::read(value).map(|etags| match etags {
            Etags::Any => "*".to_owned(),
            Etags::Listed(listed) => {
                let listed =
                    listed.iter().map(|etag| format!("{}{}", if etag.is_weak { "~" } else { "" }, etag.opaque));
                listed.collect::<Vec<_>>().join("|")
            }
        });
        assert_eq!(found.as_deref(), expected, "{value:?}");
    }

    #[test]
    fn lists_of_tags_are_read() {
        check("*", Some("*"));
        check(" * ", Some("*"));
        check("\"1-a\"", Some("1-a"));
        check("\"a\", \"b\" ,W/\"c\"", Some("a|b|~c"));
        check("\"a,b\",\"\"", Some("a,b|"));
        check("1-a", Some("1-a"));
        check("1-a , 2", Some("1-a|2"));
        check("\"a\",", Some("a"));
        check("", None);
        check(",", None);
        check("\"a", None);
        check("\"a\" \"b\"", None);
        check("a\"b\"", None);
        check("\"*\"", Some("*"));
    }
}
