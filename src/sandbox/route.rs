//! Which of the reference's five actions a request asks for: pure.

/// An action of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
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
    /// None of them.
    Nowhere,
}

/// Reads method, path and query. The account may stand before the path or be left out; an empty one stands for any.
pub fn route(method: &str, path: &str, query: &str, account: &str) -> Route {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let parts = match parts.as_slice() {
        [first, rest @ ..] if !rest.is_empty() && is_account(first, account) => rest,
        whole => whole,
    };
    match (method, parts) {
        ("GET", ["contacts.xml"]) => {
            let number = |name: &str| {
                let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
                found.and_then(|(_, value)| value.parse::<usize>().ok()).filter(|number| *number > 0)
            };
            Route::List { page: number("page").unwrap_or(1), per_page: number("per_page") }
        }
        ("POST", ["contacts.xml"]) => Route::Create,
        (_, ["contacts", file]) => match (method, contact_id(file)) {
            ("GET", Some(id)) => Route::Read(id),
            ("PUT", Some(id)) => Route::Update(id),
            ("DELETE", Some(id)) => Route::Delete(id),
            _ => Route::Nowhere,
        },
        _ => Route::Nowhere,
    }
}

fn is_account(part: &str, account: &str) -> bool {
    part == account || (account.is_empty() && part != "contacts")
}

fn contact_id(file: &str) -> Option<i64> {
    let digits = file.strip_suffix(".xml")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, path: &str, query: &str, expected: Route) {
        assert_eq!(route(method, path, query, "demo"), expected, "{method} {path}?{query}");
    }

    #[test]
    fn the_five_actions() {
        check("GET", "/demo/contacts.xml", "", Route::List { page: 1, per_page: None });
        check("GET", "/contacts.xml", "page=3", Route::List { page: 3, per_page: None });
        check("GET", "/contacts.xml", "per_page=250&page=2", Route::List { page: 2, per_page: Some(250) });
        check("GET", "/contacts.xml", "page=0&per_page=x", Route::List { page: 1, per_page: None });
        check("GET", "/demo/contacts/1042.xml", "", Route::Read(1042));
        check("POST", "/demo/contacts.xml", "", Route::Create);
        check("PUT", "/contacts/7.xml", "", Route::Update(7));
        check("DELETE", "/demo/contacts/7.xml", "", Route::Delete(7));
    }

    #[test]
    fn anything_else_is_nowhere() {
        for path in
            ["/", "/demo", "/contacts", "/contacts/7", "/contacts/+7.xml", "/contacts/.xml", "/other/contacts.xml"]
        {
            check("GET", path, "", Route::Nowhere);
        }
        check("GET", "/demo/contacts/99999999999999999999.xml", "", Route::Nowhere);
        check("GET", "/demo/demo/contacts.xml", "", Route::Nowhere);
        check("PATCH", "/demo/contacts/7.xml", "", Route::Nowhere);
        check("DELETE", "/demo/contacts.xml", "", Route::Nowhere);
    }

    #[test]
    fn an_empty_account_stands_for_any() {
        assert_eq!(route("GET", "/123456/contacts/7.xml", "", ""), Route::Read(7));
        assert_eq!(route("GET", "/contacts/7.xml", "", ""), Route::Read(7));
        assert_eq!(route("POST", "/987/contacts.xml", "", ""), Route::Create);
    }
}
