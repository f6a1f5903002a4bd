//! What the client is told, and the checks that keep a password from going where it should not.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;
use url::Url;

use super::{
    error::{CrmError, ErrorKind},
    lists::ListBehaviour,
};
use crate::transport::{AddressError, checked_address};

/// How to reach the CRM. Source: operations.md, settings `[crm]`.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// `https://www.incwo.com/ACCOUNT`, with or without a slash at its end.
    pub base_url: String,
    /// The login.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// Requests in flight, at least 1.
    pub concurrency: usize,
    /// Requests a second, evenly spaced; `None` for no limit.
    pub requests_per_second: Option<u32>,
    /// Contacts a page; sent only if set, the reference does not name it.
    pub per_page: Option<u32>,
    /// For one request, whole.
    pub timeout: Duration,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Allows plain HTTP off the loopback.
    pub insecure_http: bool,
    /// How PUT treats lists.
    pub lists: ListsSetting,
}

/// How PUT treats lists, as a user set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListsSetting {
    /// Try it on a throwaway contact before the first list change.
    #[default]
    Probe,
    /// The list sent replaces the present one.
    Replace,
    /// What is sent is added.
    Append,
    /// Entries are matched by their ids; `_destroy` removes one.
    Ids,
}

impl ListsSetting {
    /// What the setting says, if it says it.
    pub fn behaviour(self) -> Option<ListBehaviour> {
        match self {
            Self::Probe => None,
            Self::Replace => Some(ListBehaviour::Replace),
            Self::Append => Some(ListBehaviour::Append),
            Self::Ids => Some(ListBehaviour::Ids { destroy: true }),
        }
    }
}

/// The base address, checked: http or https, no login in it, plain http to the loopback only (unless allowed). Its path
/// ends without a slash.
pub fn base(settings: &ClientSettings) -> Result<Url, CrmError> {
    let mut url = checked_address(&settings.base_url, settings.insecure_http).map_err(|error| {
        let hint = match error {
            AddressError::HoldsALogin => "set crm.username and a password source instead",
            AddressError::PlainHttp => "use https",
            AddressError::NotAnAddress | AddressError::HasAQuery | AddressError::OtherScheme | AddressError::NoHost => {
                "it should be https://www.incwo.com/ACCOUNT"
            }
        };
        CrmError::new(ErrorKind::Settings, format!("use crm.url: {error}")).hint(hint)
    })?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, insecure_http: bool, expected: Option<&str>) {
        let settings = ClientSettings {
            base_url: url.to_owned(),
            username: "ada".into(),
            password: SecretString::from("canary"),
            concurrency: 1,
            requests_per_second: None,
            per_page: None,
            timeout: Duration::from_secs(1),
            ca_file: None,
            insecure_http,
            lists: ListsSetting::Probe,
        };
        assert!(!format!("{settings:?}").contains("canary"));
        let base = base(&settings);
        assert_eq!(base.as_ref().ok().map(Url::as_str), expected, "{url}");
        if let Err(error) = base {
            assert!(error.hint.is_some() && !error.message.contains("secret"), "{error}");
        }
    }

    #[test]
    fn addresses_are_checked_before_a_password_goes_there() {
        check("https://www.incwo.com/123456", false, Some("https://www.incwo.com/123456"));
        check(" https://www.incwo.com/123456/ ", false, Some("https://www.incwo.com/123456"));
        check("http://127.0.0.1:8080/1", false, Some("http://127.0.0.1:8080/1"));
        check("http://127.9.9.9/1", false, Some("http://127.9.9.9/1"));
        check("http://[::1]:8080/1", false, Some("http://[::1]:8080/1"));
        check("http://localhost:8080/1", false, None);
        check("http://localhost.example.com/1", false, None);
        check("http://www.incwo.com/1", false, None);
        check("http://www.incwo.com/1", true, Some("http://www.incwo.com/1"));
        check("http://10.0.0.1/1", false, None);
        check("https://ada:secret@www.incwo.com/1", false, None);
        check("https://www.incwo.com/1?page=2", false, None);
        check("ftp://www.incwo.com/1", false, None);
        check("www.incwo.com/1", false, None);
        check("", false, None);
    }
}
