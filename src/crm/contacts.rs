//! The actions of the reference on one contact, and what their answers mean.

use super::{
    client::Client,
    error::{self, CrmError, ErrorKind},
    wire::Verb,
    xml::{self, Record, Resource, XmlError},
};

/// A contact made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its id, from the answer's body or its `Location`.
    pub id: String,
    /// The answer, if it is the whole record.
    pub answer: Option<Record>,
}

impl Client {
    /// Reads one contact; `None` if the server says that there is none (404, 410).
    pub async fn contact(&self, id: &str) -> Result<Option<Record>, CrmError> {
        self.one(id).await
    }

    /// The same of whatever this client asks for.
    pub(super) async fn one(&self, id: &str) -> Result<Option<Record>, CrmError> {
        let resource = self.resource();
        let what = format!("read {} {id}", resource.element());
        let record = self
            .get(&what, &self.one_url(id)?, |answer| match answer.status {
                200 => xml::read_record_of(resource, &answer.text()?).map(Some),
                _ => Ok(None),
            })
            .await?;
        match record {
            Some(record) if record.id != id => {
                let other = format!("{what}: the server answered another {}", resource.element());
                Err(CrmError::new(ErrorKind::Unavailable, other)
                    .hint("try again later; if it stays so, ask the CRM's support"))
            }
            other => Ok(other),
        }
    }

    /// Makes a contact, once. An answer of success that names no id is unsettled: there may be one now.
    pub async fn create(&self, body: String) -> Result<Created, CrmError> {
        let resource = self.resource();
        let what = &format!("create a {}", resource.element());
        let answer = self.write(what, Verb::Post, &self.all_url(), Some(body)).await?;
        let text = answer.text();
        let record = text.as_ref().map_err(|error| *error).and_then(|text| xml::read_record_of(resource, text));
        let named = match &record {
            Ok(record) => Some(record.id.clone()),
            Err(_) => text.ok().and_then(|text| xml::read_created_id(resource, &text)),
        };
        match named.or_else(|| answer.location.as_deref().and_then(|location| id_of_location(resource, location))) {
            Some(id) => {
                let answer = record.ok().filter(|record| record.id == id);
                Ok(Created { id, answer })
            }
            None => Err(CrmError::new(ErrorKind::OutcomeUnknown, format!("{what}: the answer names no id"))
                .hint("the next run looks for it in the listing before anything is sent again")),
        }
    }

    /// Changes a contact, once. The record, if the answer is that of this contact.
    pub async fn update(&self, id: &str, body: String) -> Result<Option<Record>, CrmError> {
        let what = format!("update contact {id}");
        let answer = self.write(&what, Verb::Put, &self.one_url(id)?, Some(body)).await?;
        if answer.body.is_empty() {
            return Ok(None);
        }
        match answer.text() {
            Ok(text) => Ok(xml::read_record(&text).ok().filter(|record| record.id == id)),
            // A login form with status 200 says nothing about the contact.
            Err(problem) => Err(CrmError { kind: ErrorKind::OutcomeUnknown, ..error::unreadable(&what, problem) }),
        }
    }

    /// Removes a contact, once; false if the server says that there is none (404, 410).
    pub async fn delete(&self, id: &str) -> Result<bool, CrmError> {
        let what = format!("delete contact {id}");
        let unsettled =
            |problem: XmlError| CrmError { kind: ErrorKind::OutcomeUnknown, ..error::unreadable(&what, problem) };
        match self.write(&what, Verb::Delete, &self.one_url(id)?, None).await {
            Ok(answer) => match answer.text() {
                Err(problem @ XmlError::WebPage) => Err(unsettled(problem)),
                Ok(_) | Err(_) => Ok(true),
            },
            Err(error) if error.kind == ErrorKind::Gone => Ok(false),
            Err(error) => Err(error::of_deletion(error)),
        }
    }
}

/// The id in `.../contacts/ID` or `.../contacts/ID.xml`.
fn id_of_location(resource: Resource, location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next()?;
    let (_, last) = path.rsplit_once(&format!("/{}/", resource.plural()))?;
    let id = last.strip_suffix(".xml").unwrap_or(last);
    xml::id_key(id).map(|_| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::stub::{Reply, Stub};

    #[tokio::test]
    async fn a_contact_is_found_gone_or_neither() {
        let stub = Stub::start(|request, _| match request.id() {
            Some("1") => Reply::xml("<contact><id>1</id></contact>"),
            Some("2") => Reply::status(404).header("content-type", "text/html").body("<html>no</html>"),
            Some("3") => Reply::status(410),
            Some("4") => Reply::xml("<contact><id>5</id></contact>"),
            Some("6") => Reply::xml("<html>hello</html>"),
            _ => Reply::xml("<contact><id>7</id><comment>&x;</comment></contact>"),
        })
        .await;
        let client = stub.client();
        assert_eq!(client.contact("1").await.unwrap().unwrap().id, "1");
        assert_eq!(client.contact("2").await, Ok(None));
        assert_eq!(client.contact("3").await, Ok(None));
        for (id, message) in [
            ("4", "read contact 4: the server answered another contact"),
            ("6", "read contact 6: the server answered a web page, not XML"),
            ("7", "read contact 7: the contact's record holds an entity that XML does not define"),
        ] {
            let error = client.contact(id).await.unwrap_err();
            assert_eq!((error.kind, error.to_string()), (ErrorKind::Unavailable, message.to_owned()));
        }
    }

    #[tokio::test]
    async fn the_new_id_is_taken_from_body_or_location() {
        let whole = "<contact><id>9</id><last_name>x</last_name></contact>";
        for (reply, id, answered) in [
            (Reply::status(201).body(whole), Some("9"), true),
            (Reply::xml("<id>9</id>"), Some("9"), false),
            (Reply::status(201).header("location", "https://x/1/contacts/9.xml"), Some("9"), false),
            (Reply::status(201).header("location", "/1/contacts/9?x=y"), Some("9"), false),
            (Reply::status(201).header("location", "/1/contacts/new"), None, false),
            (Reply::xml("<html>/contacts/9</html>"), None, false),
            (Reply::xml(""), None, false),
            (Reply::xml("<contact><id>9</id>"), None, false),
        ] {
            let shown = format!("{reply:?}");
            let stub = Stub::start(move |_, _| reply.clone()).await;
            let created = stub.client().create("<contact/>".into()).await;
            match id {
                Some(id) => {
                    let created = created.unwrap();
                    assert_eq!((created.id.as_str(), created.answer.is_some()), (id, answered), "{shown}");
                }
                None => assert_eq!(created.unwrap_err().kind, ErrorKind::OutcomeUnknown, "{shown}"),
            }
            assert_eq!(stub.lines(), ["POST /1/contacts.xml"]);
        }
    }

    #[tokio::test]
    async fn updates_and_deletions_are_done_gone_or_unsettled() {
        use ErrorKind::{Gone, OutcomeUnknown, Rejected};
        for (reply, put, delete) in [
            (Reply::status(200), Ok(()), Ok(true)),
            (Reply::status(204), Ok(()), Ok(true)),
            (Reply::xml("<contact><id>1</id></contact>"), Ok(()), Ok(true)),
            (Reply::status(200).header("content-type", "text/html").body(" "), Ok(()), Ok(true)),
            (
                Reply::status(200).header("content-type", "text/html").body("Log in"),
                Err(OutcomeUnknown),
                Err(OutcomeUnknown),
            ),
            (Reply::xml("<html>log in</html>"), Err(OutcomeUnknown), Err(OutcomeUnknown)),
            (Reply::status(404), Err(Gone), Ok(false)),
            (Reply::status(410), Err(Gone), Ok(false)),
            (Reply::status(422), Err(Rejected), Err(Rejected)),
            (Reply::status(500), Err(OutcomeUnknown), Err(OutcomeUnknown)),
            (Reply::drop(), Err(OutcomeUnknown), Err(OutcomeUnknown)),
        ] {
            let shown = format!("{reply:?}");
            let stub = Stub::start(move |_, _| reply.clone()).await;
            let client = stub.client();
            let updated = client.update("1", "<contact/>".into()).await;
            assert_eq!(updated.map(|_| ()).map_err(|error| error.kind), put, "{shown}");
            assert_eq!(client.delete("1").await.map_err(|error| error.kind), delete, "{shown}");
            assert_eq!(stub.lines(), ["PUT /1/contacts/1.xml", "DELETE /1/contacts/1.xml"]);
        }
    }
}
