//! The bodies of PROPFIND, PROPPATCH and extended MKCOL, as a server reads them (RFC 4918, 9.1 and 9.2; RFC 5689).

use super::{
    element::{Element, Ns, read_document},
    name::Name,
};
use crate::xml::{NotWhole, is_blank};

/// Why a body is not what its method wants. Names no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not one whole XML document.
    #[error("{0}")]
    NotWhole(#[from] NotWhole),
    /// XML, of something else.
    #[error("{0}")]
    Unexpected(&'static str),
}

/// Which properties are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Properties<'a> {
    /// Those that RFC 4918 defines, and these.
    All(Vec<Name<'a>>),
    /// Only which there are.
    Names,
    /// These.
    Named(Vec<Name<'a>>),
}

/// What a PROPFIND asks for; an empty body asks for all.
///
/// # Errors
/// Not XML, or another document.
pub fn read_propfind(text: &str) -> Result<Properties<'_>, BodyError> {
    if is_blank(text) {
        return Ok(Properties::All(Vec::new()));
    }
    let root = read_strictly(text)?;
    if !root.is(Ns::Dav, "propfind") {
        return Err(BodyError::Unexpected("the root element is not DAV:propfind"));
    }
    properties(&root).ok_or(BodyError::Unexpected("there is no one of DAV:prop, DAV:propname and DAV:allprop"))
}

/// `prop`, `propname` or `allprop`, wherever requests have it; none for another number of them than one.
pub(super) fn properties<'a>(parent: &Element<'a>) -> Option<Properties<'a>> {
    let mut found = None;
    for child in parent.children.iter().filter(|child| child.ns == Ns::Dav) {
        let properties = match child.local {
            "prop" => Properties::Named(child.children.iter().map(Name::of).collect()),
            "propname" => Properties::Names,
            "allprop" => {
                let included = parent.child(Ns::Dav, "include");
                Properties::All(included.iter().flat_map(|include| &include.children).map(Name::of).collect())
            }
            _ => continue,
        };
        if found.replace(properties).is_some() {
            return None;
        }
    }
    found
}

/// The properties that a PROPPATCH sets or removes, in order, each once.
///
/// # Errors
/// Not XML, or another document, or nothing to do.
pub fn read_proppatch(text: &str) -> Result<Vec<Name<'_>>, BodyError> {
    let root = read_strictly(text)?;
    if !root.is(Ns::Dav, "propertyupdate") {
        return Err(BodyError::Unexpected("the root element is not DAV:propertyupdate"));
    }
    let names = updated(&root);
    if names.is_empty() {
        return Err(BodyError::Unexpected("no property is set or removed"));
    }
    Ok(names)
}

/// The properties that an extended MKCOL sets; an empty body is a plain MKCOL.
///
/// # Errors
/// Not XML, or another document.
pub fn read_mkcol(text: &str) -> Result<Vec<Name<'_>>, BodyError> {
    if is_blank(text) {
        return Ok(Vec::new());
    }
    let root = read_strictly(text)?;
    if !root.is(Ns::Dav, "mkcol") {
        return Err(BodyError::Unexpected("the root element is not DAV:mkcol"));
    }
    Ok(updated(&root))
}

fn updated<'a>(root: &Element<'a>) -> Vec<Name<'a>> {
    let acts = root.children.iter().filter(|child| child.is(Ns::Dav, "set") || child.is(Ns::Dav, "remove"));
    let mut names = Vec::new();
    for property in acts.flat_map(|act| act.all(Ns::Dav, "prop")).flat_map(|prop| &prop.children) {
        let name = Name::of(property);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A whole document whose prefixes are all declared.
pub(super) fn read_strictly(text: &str) -> Result<Element<'_>, BodyError> {
    let root = read_document(text)?;
    if has_stray_prefix(&root) {
        return Err(BodyError::Unexpected("a prefix is not declared"));
    }
    Ok(root)
}

fn has_stray_prefix(element: &Element<'_>) -> bool {
    element.local.contains(':') || element.local.is_empty() || element.children.iter().any(has_stray_prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(names: &[Name<'_>]) -> String {
        let names: Vec<String> = names.iter().map(|name| format!("{}{}", name.uri, name.local)).collect();
        names.join(" ")
    }

    fn check_propfind(text: &str, expected: Result<&str, BodyError>) {
        let found = read_propfind(text).map(|properties| match properties {
            Properties::All(more) => format!("all {}", line(&more)).trim().to_owned(),
            Properties::Names => "names".to_owned(),
            Properties::Named(names) => line(&names),
        });
        assert_eq!(found.as_deref().map_err(|error| *error), expected, "{text}");
    }

    const NONE: BodyError = BodyError::Unexpected("there is no one of DAV:prop, DAV:propname and DAV:allprop");

    #[test]
    fn a_propfind_asks_for_all_names_or_some() {
        check_propfind("", Ok("all"));
        check_propfind(" \r\n", Ok("all"));
        check_propfind("<propfind xmlns='DAV:'><allprop/></propfind>", Ok("all"));
        check_propfind("<propfind xmlns='DAV:'><allprop/><include><acl/></include></propfind>", Ok("all DAV:acl"));
        check_propfind("<x:propfind xmlns:x='DAV:'><x:propname/></x:propfind>", Ok("names"));
        check_propfind(
            "<propfind xmlns='DAV:'><prop><a/><b xmlns='urn:x&amp;y '/><c xmlns=''/></prop></propfind>",
            Ok("DAV:a urn:x&y b c"),
        );
        check_propfind("<propfind xmlns='DAV:'><prop/></propfind>", Ok(""));
        check_propfind("<propfind xmlns='DAV:'/>", Err(NONE));
        check_propfind("<propfind xmlns='DAV:'><propname/><allprop/></propfind>", Err(NONE));
        check_propfind(
            "<propfind xmlns='urn:x'><prop/></propfind>",
            Err(BodyError::Unexpected("the root element is not DAV:propfind")),
        );
        check_propfind(
            "<propfind xmlns='DAV:'><prop><y:a/></prop></propfind>",
            Err(BodyError::Unexpected("a prefix is not declared")),
        );
        check_propfind("<propfind xmlns='DAV:'><prop>", Err(BodyError::NotWhole(NotWhole::Malformed(29))));
        check_propfind("<!DOCTYPE a><propfind xmlns='DAV:'/>", Err(BodyError::NotWhole(NotWhole::Doctype)));
        let deep = format!("<propfind xmlns='DAV:'>{}{}</propfind>", "<a>".repeat(40), "</a>".repeat(40));
        check_propfind(&deep, Err(BodyError::NotWhole(NotWhole::TooDeep)));
    }

    #[test]
    fn a_proppatch_names_what_it_would_change() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(read_proppatch(text).ok().map(|names| line(&names)).as_deref(), expected, "{text}");
        };
        check(
            "<propertyupdate xmlns='DAV:'><set><prop><a>1</a><b/></prop></set><remove><prop><a/><c/></prop></remove>\
             </propertyupdate>",
            Some("DAV:a DAV:b DAV:c"),
        );
        check("<propertyupdate xmlns='DAV:'/>", None);
        check("<mkcol xmlns='DAV:'/>", None);
        check("", None);
        assert_eq!(read_mkcol(""), Ok(Vec::new()));
        let text = "<mkcol xmlns='DAV:'><set><prop><resourcetype><collection/></resourcetype></prop></set></mkcol>";
        assert_eq!(read_mkcol(text).map(|names| line(&names)), Ok("DAV:resourcetype".to_owned()));
        assert!(read_mkcol("<propfind xmlns='DAV:'/>").is_err());
    }
}
