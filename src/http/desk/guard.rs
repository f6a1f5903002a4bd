//! Which requests are the desk's own: the Host is one of its names, what changes something was sent from its own page, and every
//! answer tells the browser how little it may do.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::http::routes::is_loopback;

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // A browser sends no Origin with a form where this is no-referrer.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The names of the desk.
#[derive(Debug, Clone, Default)]
pub(super) struct Site {
    /// The proxy's address, as a browser writes an origin; none on this machine alone.
    pub url: Option<String>,
}

impl Site {
    /// The origin of the pages that this Host names; none for a name that is not the desk's.
    fn origin(&self, host: &str) -> Option<String> {
        if is_loopback(host) {
            return Some(format!("http://{}", host.to_ascii_lowercase()));
        }
        let url = self.url.as_ref()?;
        let (_, own) = url.split_once("://")?;
        own.eq_ignore_ascii_case(host.strip_suffix(":443").unwrap_or(host)).then(|| url.clone())
    }
}

/// How a request reached the desk.
#[derive(Debug, Clone)]
pub(super) struct Reached {
    /// Over https, through a proxy.
    pub is_secure: bool,
    /// The cookie's name: browsers do not tell ports apart, and another desk of this machine has another one.
    pub cookie: String,
}

impl Reached {
    fn of(origin: &str) -> Self {
        let port = origin.rsplit(':').next().filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        Self { is_secure: origin.starts_with("https://"), cookie: format!("carnet-desk-{}", port.unwrap_or("443")) }
    }
}

/// Lets the desk's own requests through.
pub(super) async fn guard(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let host = text(request.headers(), &header::HOST);
    let mut answer = match site.origin(host) {
        None => (StatusCode::FORBIDDEN, "the Host of this request is not the desk's\n").into_response(),
        Some(origin) if !is_own(request.method(), request.headers(), &origin) => {
            (StatusCode::FORBIDDEN, "this was not sent from the desk's own page\n").into_response()
        }
        Some(origin) => {
            request.extensions_mut().insert(Reached::of(&origin));
            next.run(request).await
        }
    };
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// True for what only looks, and for what comes from the desk's own page.
fn is_own(method: &Method, headers: &HeaderMap, origin: &str) -> bool {
    match *method {
        Method::GET | Method::HEAD => true,
        Method::POST => text(headers, &header::ORIGIN).eq_ignore_ascii_case(origin),
        _ => false,
    }
}

/// A header that is there once, as text.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default(),
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_desk_answers_to_its_own_names_alone() {
        let site = Site { url: Some("https://desk.example.org".to_owned()) };
        let check = |host: &str, expected: Option<&str>| assert_eq!(site.origin(host).as_deref(), expected, "{host}");
        check("127.0.0.1:9464", Some("http://127.0.0.1:9464"));
        check("LOCALHOST:9464", Some("http://localhost:9464"));
        check("[::1]:9464", Some("http://[::1]:9464"));
        check("desk.example.org", Some("https://desk.example.org"));
        check("Desk.example.org:443", Some("https://desk.example.org"));
        for other in ["", "evil.example", "desk.example.org.evil.example", "desk.example.org:80", "x@127.0.0.1"] {
            check(other, None);
        }
        assert_eq!(Site::default().origin("desk.example.org"), None);
    }

    #[test]
    fn what_changes_something_comes_from_the_desks_own_page() {
        let own = "http://127.0.0.1:9464";
        let check = |method: Method, origins: &[&'static str], expected: bool| {
            let mut headers = HeaderMap::new();
            for origin in origins {
                headers.append(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_own(&method, &headers, own), expected, "{method} {origins:?}");
        };
        check(Method::GET, &[], true);
        check(Method::POST, &[own], true);
        check(Method::POST, &[], false);
        check(Method::POST, &["null"], false);
        check(Method::POST, &["http://127.0.0.1:9465"], false);
        check(Method::POST, &["https://127.0.0.1:9464"], false);
        check(Method::POST, &[own, "http://evil.example"], false);
        check(Method::PUT, &[own], false);
    }

    #[test]
    fn cookies_of_two_desks_are_told_apart() {
        let name = |origin: &str| Reached::of(origin).cookie;
        assert_eq!(name("http://127.0.0.1:9464"), "carnet-desk-9464");
        assert_eq!(name("https://desk.example.org"), "carnet-desk-443");
        assert!(Reached::of("https://desk.example.org").is_secure);
    }
}
