//! Which of the reference's actions a request asks for: pure.

use super::object::{CONTACT, FIRM, Kind};

/// An action of the reference, on one kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// One of the five.
    To(Kind, Action),
    /// None of them.
    Nowhere,
}

/// What is to be done; the paths are those of contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `GET /contacts.xml`, with the page (from 1) and the contacts a page that it asks for.
    List {
        /// From 1; anything that is no such number counts as 1.
        page: usize,
        /// Not in the reference; some public clients send it.
        per_page: Option<usize>,
    },
    /// `GET /contacts/ID.xml`.
    Read(i64),
    /// `POST /contacts.xml`.
    Create,
    /// `PUT /contacts/ID.xml`.
    Update(i64),
    /// `DELETE /contacts/ID.xml`.
    Delete(i64),
}

/// Reads method, path and query. The account may stand before the path or be left out; an empty one stands for any.
pub fn route(method: &str, path: &str, query: &str, account: &str) -> Route {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let parts = match parts.as_slice() {
        [first, rest @ ..] if !rest.is_empty() && is_account(first, account) => rest,
        whole => whole,
    };
    let found = match parts {
        [file] => file.strip_suffix(".xml").and_then(kind).zip(on_all(method, query)),
        [many, file] => kind(many).zip(object_id(file).and_then(|id| on_one(method, id))),
        _ => None,
    };
    found.map_or(Route::Nowhere, |(kind, action)| Route::To(kind, action))
}

fn kind(many: &str) -> Option<Kind> {
    [(CONTACT.many, CONTACT.kind), (FIRM.many, FIRM.kind)]
        .into_iter()
        .find(|(name, _)| *name == many)
        .map(|found| found.1)
}

fn on_all(method: &str, query: &str) -> Option<Action> {
    let number = |name: &str| {
        let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
        found.and_then(|(_, value)| value.parse::<usize>().ok()).filter(|number| *number > 0)
    };
    match method {
        "GET" => Some(Action::List { page: number("page").unwrap_or(1), per_page: number("per_page") }),
        "POST" => Some(Action::Create),
        _ => None,
    }
}

fn on_one(method: &str, id: i64) -> Option<Action> {
    match method {
        "GET" => Some(Action::Read(id)),
        "PUT" => Some(Action::Update(id)),
        "DELETE" => Some(Action::Delete(id)),
        _ => None,
    }
}

fn is_account(part: &str, account: &str) -> bool {
    part == account || (account.is_empty() && kind(part).is_none())
}

fn object_id(file: &str) -> Option<i64> {
    let digits = file.strip_suffix(".xml")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, path: &str, query: &str, expected: Action) {
        check_route(method, path, query, Route::To(Kind::Contact, expected));
        check_route(method, &path.replace("contacts", "firms"), query, Route::To(Kind::Firm, expected));
    }

    fn check_route(method: &str, path: &str, query: &str, expected: Route) {
        assert_eq!(route(method, path, query, "demo"), expected, "{method} {path}?{query}");
    }

    #[test]
    fn the_five_actions() {
        check("GET", "/demo/contacts.xml", "", Action::List { page: 1, per_page: None });
        check("GET", "/contacts.xml", "page=3", Action::List { page: 3, per_page: None });
        check("GET", "/contacts.xml", "per_page=250&page=2", Action::List { page: 2, per_page: Some(250) });
        check("GET", "/contacts.xml", "page=0&per_page=x", Action::List { page: 1, per_page: None });
        check("GET", "/demo/contacts/1042.xml", "", Action::Read(1042));
        check("POST", "/demo/contacts.xml", "", Action::Create);
        check("PUT", "/contacts/7.xml", "", Action::Update(7));
        check("DELETE", "/demo/contacts/7.xml", "", Action::Delete(7));
    }

    #[test]
    fn anything_else_is_nowhere() {
        for path in [
            "/",
            "/demo",
            "/contacts",
            "/contacts/7",
            "/contacts/+7.xml",
            "/contacts/.xml",
            "/other/contacts.xml",
            "/quotes.xml",
        ] {
            check_route("GET", path, "", Route::Nowhere);
        }
        check_route("GET", "/demo/contacts/99999999999999999999.xml", "", Route::Nowhere);
        check_route("GET", "/demo/demo/contacts.xml", "", Route::Nowhere);
        check_route("PATCH", "/demo/contacts/7.xml", "", Route::Nowhere);
        check_route("DELETE", "/demo/contacts.xml", "", Route::Nowhere);
    }

    #[test]
    fn an_empty_account_stands_for_any() {
        assert_eq!(route("GET", "/123456/contacts/7.xml", "", ""), Route::To(Kind::Contact, Action::Read(7)));
        assert_eq!(route("GET", "/contacts/7.xml", "", ""), Route::To(Kind::Contact, Action::Read(7)));
        assert_eq!(route("POST", "/987/firms.xml", "", ""), Route::To(Kind::Firm, Action::Create));
    }
}
