//! The practice CRM as a client meets it: every action, quirk and fault over real HTTP.

mod actions;
mod faults;
mod firms;
mod inside;
mod quirks;

use super::*;

/// A sandbox and a client for it.
struct Tried {
    sandbox: Sandbox,
    client: reqwest::Client,
}

/// An answer, read whole or not.
struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The numbers of the contacts, in the order in which the answer has them.
    fn ids(&self) -> Vec<i64> {
        self.ids_of("contact")
    }

    fn ids_of(&self, element: &str) -> Vec<i64> {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        let start = format!("<{element}>\n");
        let objects = text.split(&start).skip(1);
        objects.map(|object| between(object, "<id type=\"integer\">", "</id>").parse().unwrap()).collect()
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map_or("", |(inside, _)| inside)
}

impl Tried {
    async fn new(settings: SandboxSettings) -> Self {
        // The program does this first thing in main.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { sandbox: Sandbox::start(settings).await.unwrap(), client }
    }

    async fn small(count: u32) -> Self {
        Self::new(SandboxSettings { contacts: count, ..SandboxSettings::default() }).await
    }

    async fn quirky(quirk: Quirk) -> Self {
        Self::new(SandboxSettings { contacts: 3, quirks: vec![quirk], ..SandboxSettings::default() }).await
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.sandbox.url());
        let request = self.client.request(method.parse().unwrap(), url);
        request.basic_auth("demo", Some("demo")).header("Content-Type", "application/xml")
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Got, reqwest::Error> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Got { status, headers, body: answer.bytes().await?.to_vec() })
    }

    async fn get(&self, path: &str) -> Got {
        self.send(self.request("GET", path)).await.unwrap()
    }

    async fn write(&self, method: &str, path: &str, body: &str) -> Result<Got, reqwest::Error> {
        self.send(self.request(method, path).body(body.to_owned())).await
    }

    async fn put(&self, id: i64, body: &str) -> Got {
        self.write("PUT", &format!("/contacts/{id}.xml"), &format!("<contact>{body}</contact>")).await.unwrap()
    }

    async fn post(&self, body: &str) -> Got {
        self.write("POST", "/contacts.xml", &format!("<contact>{body}</contact>")).await.unwrap()
    }
}
