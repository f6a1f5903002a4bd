//! Why an answer of the API cannot be used, as a whole or one record of it.

use crate::xml::NotWhole;

/// Why a text as a whole is not usable XML. Names no content: what is broken may hold people's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// No charset that the answer declares, nor UTF-8, decodes it.
    #[error("{}", NotWhole::Encoding)]
    Encoding,
    /// HTML where XML was expected.
    #[error("the server answered a web page, not XML")]
    WebPage,
    /// Cut, or not well-formed.
    #[error("{}", NotWhole::Malformed(*.0))]
    Malformed(usize),
    /// A document type, which may define entities, is refused.
    #[error("{}", NotWhole::Doctype)]
    Doctype,
    /// Elements within elements beyond any sense.
    #[error("{}", NotWhole::TooDeep)]
    TooDeep,
    /// It is XML, of something else.
    #[error("the XML's root element is not `{0}`")]
    WrongRoot(&'static str),
    /// The one record asked for is there, but cannot be used.
    #[error("the contact's record holds {0}")]
    Record(Fault),
}

/// Why one record cannot be used although the XML around it is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No `<id>`, or one that is not a plain number.
    #[error("no id of 1 to 19 digits")]
    Id,
    /// `&foo;`, a bare `&`, or a reference to a character that XML does not allow.
    #[error("an entity that XML does not define")]
    Entity,
    /// A control character in the text.
    #[error("a control character that XML does not allow")]
    Control,
    /// A value beyond 64 KiB.
    #[error("a value of more than 64 KiB in `{0}`")]
    TooLong(&'static str),
    /// Elements where the reference has text.
    #[error("elements instead of text in `{0}`")]
    NotText(&'static str),
    /// Far more elements than a contact has.
    #[error("more elements than any contact has")]
    TooMany,
    /// An element that may be there once.
    #[error("`{0}` more than once")]
    Twice(&'static str),
}

impl From<NotWhole> for XmlError {
    fn from(not_whole: NotWhole) -> Self {
        match not_whole {
            NotWhole::Encoding => XmlError::Encoding,
            NotWhole::Malformed(at) => XmlError::Malformed(at),
            NotWhole::Doctype => XmlError::Doctype,
            NotWhole::TooDeep => XmlError::TooDeep,
        }
    }
}
