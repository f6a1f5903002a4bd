//! What the body of a write names, read anew: neither the client's writer nor the practice CRM's reader is asked.

use std::collections::BTreeMap;

/// An entry of a list: its parts by element.
pub type Parts = BTreeMap<String, String>;

/// What a body names.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Body {
    /// The scalars by element.
    pub scalars: Parts,
    /// The lists by element, each with its entries.
    pub lists: BTreeMap<String, Vec<Parts>>,
}

impl Body {
    /// Reads what the client writes: elements, text and references, no CDATA and no comments.
    pub fn read(xml: &str) -> Self {
        let (mut body, mut path) = (Self::default(), Vec::new());
        for part in xml.split('<').skip(1) {
            let (tag, text) = part.split_once('>').unwrap_or((part, ""));
            if tag.starts_with('/') {
                path.pop();
            } else if !tag.starts_with('?') {
                let name = tag.split([' ', '/']).next().unwrap_or_default();
                path.push(name.to_owned());
                body.enter(&path, tag.contains("type=\"array\""), text);
                if tag.ends_with('/') {
                    path.pop();
                }
            }
        }
        body
    }

    fn enter(&mut self, path: &[String], is_list: bool, text: &str) {
        match path {
            [_, list] if is_list => drop(self.lists.entry(list.clone()).or_default()),
            [_, scalar] => drop(self.scalars.insert(scalar.clone(), plain(text))),
            [_, list, _] => self.lists.entry(list.clone()).or_default().push(Parts::new()),
            [_, list, _, part] => {
                if let Some(entry) = self.lists.get_mut(list).and_then(|entries| entries.last_mut()) {
                    entry.insert(part.clone(), plain(text));
                }
            }
            _ => {}
        }
    }

    /// True when it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.scalars.is_empty() && self.lists.is_empty()
    }
}

fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&#13;", "\r").replace("&amp;", "&")
}

#[test]
fn a_body_is_read() {
    let body = Body::read(
        "<?xml version=\"1.0\"?>\n<contact><last_name>A &amp; B</last_name><comment></comment>\
         <contact_items type=\"array\"><contact_item><id>5</id><value>x</value></contact_item></contact_items>\
         <contact_addresses type=\"array\"></contact_addresses></contact>\n",
    );
    let text = |text: &str| text.to_owned();
    assert_eq!(body.scalars, Parts::from([(text("comment"), text("")), (text("last_name"), text("A & B"))]));
    assert_eq!(body.lists["contact_items"], [Parts::from([(text("id"), text("5")), (text("value"), text("x"))])]);
    assert!(body.lists["contact_addresses"].is_empty() && !body.is_empty() && Body::read("<contact/>").is_empty());
}
