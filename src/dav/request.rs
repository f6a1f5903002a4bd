//! The bodies of requests. Everything is asked for by name: `allprop` is answered differently by each server.

use quick_xml::escape::escape;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";
const NAMESPACES: &str =
    "xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:carddav\" xmlns:S=\"http://calendarserver.org/ns/\"";

/// Of a collection: what it is and can do.
pub const COLLECTION_LOOK: &[&str] = &[
    "D:resourcetype",
    "D:displayname",
    "D:sync-token",
    "D:supported-report-set",
    "C:supported-address-data",
    "C:max-resource-size",
    "D:current-user-privilege-set",
];
/// Of a collection that counts no changes: one server reads every card in it to say this.
pub const COLLECTION_CTAG: &[&str] = &["D:resourcetype", "S:getctag"];
/// Of what is in a collection.
pub const MEMBERS: &[&str] = &["D:resourcetype", "D:getetag"];
/// Of any resource: what it is, and who is logged in (RFC 5397).
pub const PRINCIPAL: &[&str] =
    &["D:resourcetype", "D:displayname", "D:current-user-principal", "C:addressbook-home-set"];
/// Of a principal: where its address books are (RFC 6352, 7.1.1).
pub const HOME_SET: &[&str] = &["C:addressbook-home-set"];

/// PROPFIND for these properties.
pub fn propfind(properties: &[&str]) -> String {
    let properties: String = properties.iter().map(|name| format!("<{name}/>")).collect();
    format!("{HEAD}<D:propfind {NAMESPACES}><D:prop>{properties}</D:prop></D:propfind>")
}

/// REPORT sync-collection (RFC 6578): the etags of what changed since the token. Cards are not asked for here, since two of
/// five servers do not give them; and no limit, since one cuts silently.
pub fn sync_collection(token: &str) -> String {
    format!(
        "{HEAD}<D:sync-collection {NAMESPACES}><D:sync-token>{}</D:sync-token><D:sync-level>1</D:sync-level>\
         <D:prop><D:getetag/></D:prop></D:sync-collection>",
        escape(token)
    )
}

/// REPORT addressbook-multiget (RFC 6352, 8.7) of these paths.
pub fn multiget(paths: &[String]) -> String {
    let hrefs: String = paths.iter().map(|path| format!("<D:href>{}</D:href>", escape(path.as_str()))).collect();
    format!(
        "{HEAD}<C:addressbook-multiget {NAMESPACES}><D:prop><D:getetag/><C:address-data/></D:prop>{hrefs}\
         </C:addressbook-multiget>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::XmlReader;

    #[test]
    fn bodies_are_whole_documents_whatever_they_quote() {
        let odd = "a<b>&\"'é";
        for body in [
            propfind(COLLECTION_LOOK),
            propfind(COLLECTION_CTAG),
            propfind(MEMBERS),
            sync_collection(odd),
            multiget(&["/x/a&b.vcf".to_owned(), odd.to_owned()]),
        ] {
            assert_eq!(XmlReader::new(&body).finish(), Ok(()), "{body}");
        }
    }
}
