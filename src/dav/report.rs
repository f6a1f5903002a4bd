//! The bodies of REPORT, as a server reads them: addressbook-query and addressbook-multiget (RFC 6352, 8.6 and 8.7),
//! sync-collection (RFC 6578, 3.2).

use std::borrow::Cow;

use super::{
    body::{BodyError, Properties, properties, read_strictly},
    element::{Element, Ns},
    filter::{Filter, FilterError},
};
use crate::xml::NotWhole;

/// A report that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report<'a> {
    /// The cards that a filter takes.
    Query {
        /// What of each.
        wanted: Wanted<'a>,
        /// Which ones.
        filter: Filter,
        /// At most so many.
        limit: Option<usize>,
    },
    /// The cards at these addresses.
    Multiget {
        /// What of each.
        wanted: Wanted<'a>,
        /// Their addresses as written.
        hrefs: Vec<String>,
    },
    /// What changed.
    Sync {
        /// What of each card.
        wanted: Wanted<'a>,
        /// Since when; none for the first time.
        token: Option<String>,
        /// At most so many changes.
        limit: Option<usize>,
    },
    /// Another report.
    Other,
}

/// What is wanted of each card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Its properties; its text, if that is wanted too, is not among them.
    pub properties: Properties<'a>,
    /// Its text.
    pub text: Option<WantedText>,
}

/// How a card's text is wanted: `CARDDAV:address-data` (RFC 6352, 10.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedText {
    /// Its media type, if one is named.
    pub media_type: Option<String>,
    /// Its version, if one is named.
    pub version: Option<String>,
    /// These lines alone; empty for all.
    pub lines: Vec<WantedLine>,
}

/// A line that is wanted of a card: `CARDDAV:prop`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedLine {
    /// Its name, which may begin with a group.
    pub name: String,
    /// Only that it is there.
    pub without_value: bool,
}

/// Why a report cannot be made. Names no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportError {
    /// The body is not a report.
    Body(BodyError),
    /// Its filter.
    Filter(FilterError),
}

impl From<BodyError> for ReportError {
    fn from(error: BodyError) -> Self {
        ReportError::Body(error)
    }
}

impl From<NotWhole> for ReportError {
    fn from(error: NotWhole) -> Self {
        ReportError::Body(error.into())
    }
}

/// Reads the body of a REPORT.
///
/// # Errors
/// Not XML, a report that lacks a part, or a filter that is not known here.
pub fn read_report(text: &str) -> Result<Report<'_>, ReportError> {
    let root = read_strictly(text)?;
    match (root.ns, root.local) {
        (Ns::CardDav, "addressbook-query") => {
            let filter =
                root.child(Ns::CardDav, "filter").map(Filter::read).transpose().map_err(ReportError::Filter)?;
            // Programs that want everything leave the filter out.
            let filter = filter.unwrap_or_default();
            Ok(Report::Query { wanted: Wanted::of(&root)?, filter, limit: limit(&root, Ns::CardDav)? })
        }
        (Ns::CardDav, "addressbook-multiget") => {
            let hrefs: Vec<String> = root.all(Ns::Dav, "href").map(|href| href.trimmed().to_owned()).collect();
            if hrefs.is_empty() {
                return Err(BodyError::Unexpected("there is no DAV:href").into());
            }
            Ok(Report::Multiget { wanted: Wanted::of(&root)?, hrefs })
        }
        (Ns::Dav, "sync-collection") => {
            let token = root.child(Ns::Dav, "sync-token").ok_or(BodyError::Unexpected("there is no DAV:sync-token"))?;
            let level = root.child(Ns::Dav, "sync-level").map_or("1", Element::trimmed);
            if !matches!(level, "1" | "infinite") {
                return Err(BodyError::Unexpected("DAV:sync-level is neither 1 nor infinite").into());
            }
            let token = Some(token.trimmed().to_owned()).filter(|token| !token.is_empty());
            Ok(Report::Sync { wanted: Wanted::of(&root)?, token, limit: limit(&root, Ns::Dav)? })
        }
        _ => Ok(Report::Other),
    }
}

fn limit(root: &Element<'_>, ns: Ns) -> Result<Option<usize>, BodyError> {
    let Some(limit) = root.child(ns, "limit") else { return Ok(None) };
    let number = limit.child(ns, "nresults").and_then(|number| number.trimmed().parse().ok());
    number.filter(|number| *number > 0).map(Some).ok_or(BodyError::Unexpected("the limit is not a number above 0"))
}

impl<'a> Wanted<'a> {
    /// A report without a list of properties wants to know only what there is.
    fn of(root: &Element<'a>) -> Result<Self, BodyError> {
        let is_none = !root
            .children
            .iter()
            .any(|child| matches!((child.ns, child.local), (Ns::Dav, "prop" | "propname" | "allprop")));
        if is_none {
            return Ok(Self { properties: Properties::Named(Vec::new()), text: None });
        }
        let mut properties = properties(root)
            .ok_or(BodyError::Unexpected("there is more than one of DAV:prop, DAV:propname and DAV:allprop"))?;
        if let Properties::Named(names) | Properties::All(names) = &mut properties {
            names.retain(|name| !name.is(Ns::CardDav, "address-data"));
        }
        let listed = [root.child(Ns::Dav, "prop"), root.child(Ns::Dav, "include")];
        let text = listed.into_iter().flatten().find_map(|list| list.child(Ns::CardDav, "address-data"));
        Ok(Self { properties, text: text.map(WantedText::of) })
    }
}

impl WantedText {
    fn of(element: &Element<'_>) -> Self {
        let lines = element.all(Ns::CardDav, "prop").filter_map(|line| {
            let name = line.attribute("name")?.into_owned();
            Some(WantedLine { name, without_value: line.attribute("novalue").as_deref() == Some("yes") })
        });
        let attribute = |name| element.attribute(name).map(Cow::into_owned);
        Self { media_type: attribute("content-type"), version: attribute("version"), lines: lines.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dav::request;

    fn read(root: &str, inside: &str) -> Result<String, ReportError> {
        let (prefix, name) = root.split_once(':').unwrap();
        let text = format!(
            "<{prefix}:{name} xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:carddav\">{inside}</{prefix}:{name}>"
        );
        // The filter has its own tests.
        read_report(&text).map(|report| match report {
            Report::Query { wanted, limit, .. } => format!("query {} {limit:?}", said(&wanted)),
            Report::Multiget { wanted, hrefs } => format!("multiget {} {hrefs:?}", said(&wanted)),
            Report::Sync { wanted, token, limit } => format!("sync {} {token:?} {limit:?}", said(&wanted)),
            Report::Other => "other".to_owned(),
        })
    }

    fn said(wanted: &Wanted<'_>) -> String {
        let names = match &wanted.properties {
            Properties::All(_) => "all".to_owned(),
            Properties::Names => "names".to_owned(),
            Properties::Named(names) => names.iter().map(|name| name.local.as_ref()).collect::<Vec<_>>().join(","),
        };
        let text = wanted.text.as_ref().map(|text| {
            let lines: Vec<String> = text
                .lines
                .iter()
                .map(|line| format!("{}{}", line.name, if line.without_value { "!" } else { "" }))
                .collect();
            format!(
                "+{}/{}[{}]",
                text.media_type.as_deref().unwrap_or_default(),
                text.version.as_deref().unwrap_or_default(),
                lines.join(",")
            )
        });
        format!("{names}{}", text.unwrap_or_default())
    }

    fn unexpected(why: &'static str) -> Result<&'static str, ReportError> {
        Err(ReportError::Body(BodyError::Unexpected(why)))
    }

    fn check(root: &str, inside: &str, expected: Result<&str, ReportError>) {
        assert_eq!(read(root, inside).as_deref().map_err(|error| *error), expected, "{root} {inside}");
    }

    #[test]
    fn reports_say_what_they_want() {
        let data = "<D:prop><D:getetag/><C:address-data content-type=\"text/vcard\" version=\"3.0\">\
                    <C:prop name=\"FN\"/><C:prop name=\"item1.TEL\" novalue=\"yes\"/></C:address-data></D:prop>";
        check(
            "C:addressbook-query",
            &format!("{data}<C:filter/><C:limit><C:nresults>7</C:nresults></C:limit>"),
            Ok("query getetag+text/vcard/3.0[FN,item1.TEL!] Some(7)"),
        );
        check("C:addressbook-query", "<D:allprop/><C:filter/>", Ok("query all None"));
        check("C:addressbook-query", "", Ok("query  None"));
        check(
            "C:addressbook-multiget",
            "<D:prop><C:address-data/></D:prop><D:href> /a </D:href><D:href>/b</D:href>",
            Ok("multiget +/[] [\"/a\", \"/b\"]"),
        );
        check("C:addressbook-multiget", "<D:propname/><D:href>/a</D:href>", Ok("multiget names [\"/a\"]"));
        check(
            "D:sync-collection",
            "<D:sync-token/><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop>",
            Ok("sync getetag None None"),
        );
        check(
            "D:sync-collection",
            "<D:sync-token> data:,x </D:sync-token><D:limit><D:nresults>2</D:nresults></D:limit><D:prop/>",
            Ok("sync  Some(\"data:,x\") Some(2)"),
        );
        check("D:expand-property", "", Ok("other"));
        check("C:sync-collection", "", Ok("other"));
    }

    #[test]
    fn a_report_that_lacks_a_part_is_an_error() {
        check("C:addressbook-multiget", "<D:prop/>", unexpected("there is no DAV:href"));
        check("D:sync-collection", "<D:prop/>", unexpected("there is no DAV:sync-token"));
        check(
            "D:sync-collection",
            "<D:sync-token/><D:sync-level>2</D:sync-level>",
            unexpected("DAV:sync-level is neither 1 nor infinite"),
        );
        for number in ["0", "-1", "x", ""] {
            let limit = format!("<D:sync-token/><D:limit><D:nresults>{number}</D:nresults></D:limit>");
            check("D:sync-collection", &limit, unexpected("the limit is not a number above 0"));
        }
        check(
            "C:addressbook-query",
            "<D:prop/><D:allprop/>",
            unexpected("there is more than one of DAV:prop, DAV:propname and DAV:allprop"),
        );
        check("C:addressbook-query", "<C:filter><C:x/></C:filter>", Err(ReportError::Filter(FilterError::Unsupported)));
    }

    #[test]
    fn what_carnets_own_client_asks_is_understood() {
        assert!(
            matches!(read_report(&request::sync_collection("t")), Ok(Report::Sync { token: Some(token), .. }) if token == "t")
        );
        let paths = ["/x/a&b.vcf".to_owned()];
        assert!(
            matches!(read_report(&request::multiget(&paths)), Ok(Report::Multiget { hrefs, .. }) if hrefs == paths)
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_sent_is_understood_or_refused(cut in 0..600_usize, put in "[<>/&;\"a:D=x\r\n -]{0,12}", skip in 0..30_usize) {
            let whole = "<C:addressbook-query xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:carddav\"><D:prop><D:getetag/>\
                <C:address-data version=\"3.0\"><C:prop name=\"FN\" novalue=\"yes\"/></C:address-data></D:prop><C:filter test=\"allof\">\
                <C:prop-filter name=\"TEL\"><C:param-filter name=\"TYPE\"><C:text-match negate-condition=\"no\">x&amp;y</C:text-match>\
                </C:param-filter></C:prop-filter></C:filter><C:limit><C:nresults>7</C:nresults></C:limit></C:addressbook-query>";
            let cut = cut.min(whole.len());
            let spoilt = format!("{}{put}{}", &whole[..cut], whole.get(cut + skip..).unwrap_or_default());
            let understood = read_report(&spoilt).is_ok();
            // Nothing is understood that is not XML.
            proptest::prop_assert!(!understood || crate::xml::XmlReader::new(&spoilt).finish().is_ok());
        }
    }
}
