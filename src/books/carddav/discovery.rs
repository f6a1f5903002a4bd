//! From the address of a server, a principal or an address book to the address books there (RFC 6764, 6352, 5397).
//!
//! A login is for one server: where its address books, or what the DNS names, turn out to be on another one, a user is told to
//! name that one.

use std::{collections::BTreeSet, time::Duration};

use domain::resolv::stub::conf::ResolvConf;
use reqwest::header;
use url::Url;

use super::{
    client::DavClient,
    collection::{propfind, responses},
    error, service,
    settings::CarddavSettings,
};
use crate::{
    dav::{Element, HOME_SET, Ns, PRINCIPAL},
    replica::{Diagnostic, ReplicaError},
};

/// An address book that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its whole address.
    pub url: String,
    /// What people call it.
    pub name: Option<String>,
}

/// A step of the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was asked: "ask `/dav/` who is logged in".
    pub what: String,
    /// What came of it.
    pub outcome: String,
}

/// Where well-known addresses are (RFC 6764, 5).
const WELL_KNOWN: &str = "/.well-known/carddav";
/// Redirects of a well-known address that are followed on the same server.
const REDIRECTS_MAX: usize = 5;
/// What is asked of the resources in a home.
const BOOKS: &[&str] = &["D:resourcetype", "D:displayname"];

/// The address books that this login may see, where the settings' address leads. Each step is told.
///
/// # Errors
/// What stands in the way, in words that read after "failed to".
pub async fn discover(settings: &CarddavSettings, tell: &mut dyn FnMut(Step)) -> Result<Vec<Found>, ReplicaError> {
    let client = DavClient::new(settings)
        .map_err(|diagnostic| error::distrusted(diagnostic.message, diagnostic.hint.as_deref().unwrap_or_default()))?;
    let mut search = Search { client: &client, is_wide: true, tell };
    let service = search.service(settings.timeout).await;
    search.books_beside(service).await
}

/// The path of the one address book there is.
pub(super) async fn find_one(client: &DavClient, book: &str) -> Result<String, ReplicaError> {
    let is_wide = client.base().path() == "/";
    let found = Search { client, is_wide, tell: &mut |_| {} }.books(None).await?;
    match found.as_slice() {
        [one] => Ok(Url::parse(&one.url).map(|url| url.path().to_owned()).unwrap_or_default()),
        [] => Err(error::distrusted(
            format!("find an address book at {}: there is none", client.base()),
            "make one there, or check the book's url and login",
        )),
        several => {
            let urls: Vec<&str> = several.iter().map(|found| found.url.as_str()).collect();
            Err(error::distrusted(
                format!("choose an address book at {}: there are {}: {}", client.base(), urls.len(), urls.join(", ")),
                &format!("set url of book {book} to one of them"),
            ))
        }
    }
}

struct Search<'s> {
    client: &'s DavClient,
    /// The address may be wrong: the server's well-known places are asked too.
    is_wide: bool,
    tell: &'s mut dyn FnMut(Step),
}

/// What a resource says of itself and of who asks.
#[derive(Debug, Default)]
struct About {
    is_book: bool,
    name: Option<String>,
    principal: Option<String>,
    homes: Vec<String>,
}

impl Search<'_> {
    /// The address books, where the DNS names this address.
    async fn books_beside(&mut self, service: Option<Url>) -> Result<Vec<Found>, ReplicaError> {
        let own = service.as_ref().filter(|url| self.client.is_own(url)).map(|url| url.path().to_owned());
        let elsewhere = service.filter(|url| !self.client.is_own(url));
        match (self.books(own).await, elsewhere) {
            (Err(error), Some(url)) if !matches!(error, ReplicaError::Login(_)) => {
                let hint = format!("the DNS names {url} for address books: set the book's url to that address");
                Err(error::distrusted(error.to_string(), &hint))
            }
            (found, _) => found,
        }
    }

    /// The address books; `service` is a path to try before the well-known one.
    async fn books(&mut self, service: Option<String>) -> Result<Vec<Found>, ReplicaError> {
        let mut paths = vec![self.client.base().path().to_owned()];
        paths.extend(service);
        if self.is_wide {
            // Never in a run: a wrong address would have it take another address book than the one that is meant.
            paths.push(self.well_known().await.unwrap_or_else(|| WELL_KNOWN.to_owned()));
            paths.push("/".to_owned());
        }
        let (mut trouble, mut tried) = (None, BTreeSet::new());
        for path in paths {
            if !tried.insert(path.clone()) {
                continue;
            }
            match self.about(&path, PRINCIPAL).await {
                Ok(about) if about.is_book => {
                    return Ok(vec![Found { url: self.own(&path)?.to_string(), name: about.name }]);
                }
                Ok(about) => {
                    let homes = self.homes(about).await?;
                    if !homes.is_empty() {
                        return self.books_in(homes).await;
                    }
                }
                Err(error @ ReplicaError::Login(_)) => return Err(error),
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        Err(trouble.unwrap_or_else(|| {
            error::distrusted(
                format!("find an address book at {}: nothing there tells where any is", self.client.base()),
                "check the book's url: the server's pages show it for CardDAV",
            )
        }))
    }

    /// What the DNS names for the domain of a server's address. It is asked nothing: the login is not for it.
    async fn service(&mut self, patience: Duration) -> Option<Url> {
        let base = self.client.base();
        let domain = base.domain().filter(|domain| domain.contains('.') && base.path() == "/")?;
        let what = format!("ask the DNS for {}", service::record(domain));
        let found = service::find(ResolvConf::default(), domain, patience).await;
        let url = found.as_ref().ok().and_then(Option::as_ref).and_then(|service| Url::parse(&service.url()).ok());
        let outcome = match (&url, found) {
            (Some(url), _) if self.client.is_own(url) => format!("it names {url}"),
            (Some(url), _) => format!("it names {url}, another server: the login is not sent there"),
            (None, Err(why)) => why,
            (None, Ok(_)) => "it names none".to_owned(),
        };
        self.say(&what, &outcome);
        url
    }

    /// Where the well-known address leads on this server.
    async fn well_known(&mut self) -> Option<String> {
        let mut path = WELL_KNOWN.to_owned();
        for _ in 0..REDIRECTS_MAX {
            let answer = self.client.read("look for CardDAV", propfind(&path, "0", HOME_SET)).await.ok()?;
            let location = answer.header(header::LOCATION).filter(|_| matches!(answer.status, 300..=399));
            let Some(to) = location.and_then(|to| self.own(&path).ok()?.join(to).ok()) else {
                self.say(&format!("ask {path}"), &format!("it answers {}", answer.status));
                return (answer.status == 207).then_some(path);
            };
            self.say(&format!("ask {path}"), &format!("it leads to {to}"));
            if !self.client.is_own(&to) {
                return None;
            }
            to.path().clone_into(&mut path);
        }
        None
    }

    /// The homes of whoever is logged in.
    async fn homes(&mut self, about: About) -> Result<Vec<Url>, ReplicaError> {
        let mut homes = about.homes;
        if let (true, Some(principal)) = (homes.is_empty(), about.principal) {
            let principal = self.own(&principal)?;
            homes = self.about(principal.path(), HOME_SET).await?.homes;
        }
        homes.iter().map(|home| self.own(home)).collect()
    }

    async fn books_in(&mut self, homes: Vec<Url>) -> Result<Vec<Found>, ReplicaError> {
        let mut found: Vec<Found> = Vec::new();
        for home in homes {
            let what = format!("list the address books at {home}");
            let answer = self.client.read(&what, propfind(home.path(), "1", BOOKS)).await?;
            let mut books = Vec::new();
            responses(&what, &answer, &mut |response| {
                if response.is_address_book() && !response.is_gone() {
                    books.push((response.href.clone(), response.text(Ns::Dav, "displayname")));
                }
            })?;
            self.say(&what, &format!("{} found", books.len()));
            for (href, name) in books {
                let url = self.own(&href)?.to_string();
                if !found.iter().any(|other| other.url == url) {
                    found.push(Found { url, name });
                }
            }
        }
        Ok(found)
    }

    async fn about(&mut self, path: &str, properties: &[&str]) -> Result<About, ReplicaError> {
        let what = format!("ask {} what it is and who is logged in", self.own(path)?);
        let answer = self.client.read(&what, propfind(path, "0", properties)).await?;
        let mut about = About::default();
        let read = responses(&what, &answer, &mut |response| {
            if response.is_gone() {
                return;
            }
            about.is_book |= response.is_address_book();
            about.name = about.name.take().or_else(|| response.text(Ns::Dav, "displayname"));
            let principal = response.property(Ns::Dav, "current-user-principal");
            about.principal = about.principal.take().or_else(|| principal.and_then(|it| hrefs(it).into_iter().next()));
            about.homes.extend(response.property(Ns::CardDav, "addressbook-home-set").map(hrefs).unwrap_or_default());
        });
        self.say(
            &what,
            &match &read {
                Ok(_) if about.is_book => "an address book".to_owned(),
                Ok(_) => match (&about.principal, about.homes.first()) {
                    (_, Some(home)) => format!("address books are at {home}"),
                    (Some(principal), None) => format!("logged in as {principal}"),
                    (None, None) => "it does not say".to_owned(),
                },
                Err(error) => error.to_string(),
            },
        );
        read.map(|_| about)
    }

    fn say(&mut self, what: &str, outcome: &str) {
        (self.tell)(Step { what: what.to_owned(), outcome: outcome.to_owned() });
    }

    /// The whole address of a path or address in an answer, on this server.
    fn own(&self, href: &str) -> Result<Url, ReplicaError> {
        let base = self.client.base();
        match base.join(href) {
            Ok(url) if self.client.is_own(&url) => Ok(url),
            Ok(url) => Err(error::distrusted(
                format!("use the address books of {base}: they are on another server, {url}"),
                "the login is only sent to the server that the book names: set the book's url to that address",
            )),
            Err(_) => Err(ReplicaError::Unavailable(Diagnostic::new(format!(
                "use the answer of {base}: it names no address"
            )))),
        }
    }
}

fn hrefs(property: &Element<'_>) -> Vec<String> {
    property.all(Ns::Dav, "href").map(|href| href.trimmed().to_owned()).filter(|href| !href.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Login,
            tests::server::{Reply, Scripted},
        },
        *,
    };
    use crate::formats::vcard::WriteStyle;

    const BOOK: &str = "<C:addressbook-home-set><href>/dav/</href></C:addressbook-home-set>";

    /// What is found at the root of a server whose root answers 404, and what is looked at on the way.
    fn check(service: Option<&str>, rules: Vec<(&'static str, Reply)>, expected: Result<&[&str], &str>, asked: &str) {
        let settings = CarddavSettings {
            name: "phones".into(),
            url: "https://dav.example/".into(),
            login: Login::None,
            timeout: Duration::from_secs(9),
            concurrency: 1,
            ca_file: None,
            insecure_http: false,
            style: WriteStyle::default(),
            now: 0,
        };
        let server = Scripted::default();
        server.with_rules(rules);
        let client = DavClient::over(&settings, Box::new(server)).expect("a client");
        let mut steps = Vec::new();
        let mut tell = |step: Step| steps.push(step.what);
        let mut search = Search { client: &client, is_wide: true, tell: &mut tell };
        let service = service.map(|url| Url::parse(url).expect("an address"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let found = runtime.block_on(search.books_beside(service.clone()));
        let found = match found {
            Ok(found) => Ok(found.into_iter().map(|found| found.url).collect::<Vec<_>>()),
            Err(ReplicaError::Untrusted(crate::replica::Distrust::Other(diagnostic))) => {
                Err(diagnostic.hint.unwrap_or_default())
            }
            Err(other) => Err(other.to_string()),
        };
        let expected = expected.map(|urls| urls.iter().map(|url| (*url).to_owned()).collect()).map_err(str::to_owned);
        assert_eq!(found, expected, "{service:?}");
        assert_eq!(steps.join("; "), asked, "{service:?}");
    }

    fn home() -> Reply {
        let propstat = format!("<propstat><prop>{BOOK}</prop><status>HTTP/1.1 200 OK</status></propstat>");
        Reply::Multi(format!("<response><href>/dav/</href>{propstat}</response>"))
    }

    fn missing() -> Reply {
        Reply::Says(404, String::new())
    }

    #[test]
    fn what_the_dns_names_on_this_server_is_asked_and_another_server_is_named() {
        let root = "ask https://dav.example/ what it is and who is logged in";
        let well_known = "ask https://dav.example/.well-known/carddav what it is and who is logged in";
        let service = "ask https://dav.example/s/ what it is and who is logged in";
        let list = "list the address books at https://dav.example/dav/";
        let first = format!("ask /.well-known/carddav; {root}");
        check(
            Some("https://dav.example/s/"),
            vec![("look", missing()), ("look", missing()), ("look", home())],
            Ok(&["https://dav.example/dav/book/"]),
            &format!("{first}; {service}; {list}"),
        );
        check(
            Some("https://other.example/"),
            vec![("look*", missing())],
            Err("the DNS names https://other.example/ for address books: set the book's url to that address"),
            &format!("{first}; {well_known}"),
        );
        check(
            Some("https://other.example/"),
            vec![("look", missing()), ("look", home())],
            Ok(&["https://dav.example/dav/book/"]),
            &format!("{first}; {list}"),
        );
    }
}
