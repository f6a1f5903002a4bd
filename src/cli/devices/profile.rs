//! A configuration profile for iPhone, iPad and Mac: one CardDAV account (`com.apple.carddav.account` of Apple's device
//! management reference).

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use quick_xml::escape::escape;
use url::Url;

use crate::http::dav::Setup;

/// The profile's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile(String);

impl Profile {
    /// The profile of a device whose address is known.
    pub fn of(setup: &Setup) -> Self {
        let address = setup.address.as_deref().and_then(|address| Url::parse(address).ok());
        let host = address.as_ref().and_then(Url::host_str).unwrap_or_default();
        let is_secure = address.as_ref().is_none_or(|address| address.scheme() == "https");
        let port = address.as_ref().and_then(Url::port_or_known_default).unwrap_or(443);
        let path = address.as_ref().map_or("", |address| address.path().trim_end_matches('/'));
        let principal = format!("{path}/dav/{}/", setup.user);
        let id = |what: &str| format!("carnet.{}.{what}", setup.user);
        let account = [
            text("PayloadType", "com.apple.carddav.account"),
            text("PayloadIdentifier", &id("account")),
            text("PayloadUUID", &uuid_of(&id("account"))),
            number("PayloadVersion", 1),
            text("CardDAVAccountDescription", &format!("carnet: {}", setup.user)),
            text("CardDAVHostName", host),
            number("CardDAVPort", port),
            format!("<key>CardDAVUseSSL</key><{is_secure}/>\n"),
            text("CardDAVPrincipalURL", &principal),
            text("CardDAVUsername", &setup.user),
            text("CardDAVPassword", &setup.password),
        ];
        let profile = [
            text("PayloadType", "Configuration"),
            text("PayloadIdentifier", &id("profile")),
            text("PayloadUUID", &uuid_of(&id("profile"))),
            number("PayloadVersion", 1),
            text("PayloadDisplayName", &format!("carnet: {}", setup.user)),
            format!("<key>PayloadContent</key><array><dict>\n{}</dict></array>\n", account.concat()),
        ];
        Self(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
             <plist version=\"1.0\"><dict>\n{}</dict></plist>\n",
            profile.concat()
        ))
    }

    /// Writes it into a new file that nobody else can read: it holds the password.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
        made.write_all(self.0.as_bytes())
    }
}

fn text(key: &str, value: &str) -> String {
    format!("<key>{key}</key><string>{}</string>\n", escape(value))
}

fn number(key: &str, value: u16) -> String {
    format!("<key>{key}</key><integer>{value}</integer>\n")
}

/// The same for the same device: a new profile replaces the one of before.
fn uuid_of(id: &str) -> String {
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_DNS, id.as_bytes()).hyphenated().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_names_server_port_principal_and_login() {
        let check = |address: &str, expected: [&str; 4]| {
            let (user, password) = ("marie-iphone".to_owned(), "abcde-fghij".to_owned());
            let Profile(text) = Profile::of(&Setup { user, password, address: Some(address.to_owned()) });
            for line in expected {
                assert!(text.contains(line), "{line}\n{text}");
            }
            assert!(text.contains("<key>CardDAVUsername</key><string>marie-iphone</string>"));
            assert!(text.contains("<key>CardDAVPassword</key><string>abcde-fghij</string>"));
        };
        check(
            "https://cards.example.com",
            [
                "<key>CardDAVHostName</key><string>cards.example.com</string>",
                "<key>CardDAVPort</key><integer>443</integer>",
                "<key>CardDAVUseSSL</key><true/>",
                "<key>CardDAVPrincipalURL</key><string>/dav/marie-iphone/</string>",
            ],
        );
        check(
            "http://127.0.0.1:8008/office",
            [
                "<key>CardDAVHostName</key><string>127.0.0.1</string>",
                "<key>CardDAVPort</key><integer>8008</integer>",
                "<key>CardDAVUseSSL</key><false/>",
                "<key>CardDAVPrincipalURL</key><string>/office/dav/marie-iphone/</string>",
            ],
        );
    }

    #[test]
    fn the_file_is_private_and_replaces_none() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("marie.mobileconfig");
        let profile = Profile("x".into());
        profile.write(&file).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(profile.write(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
