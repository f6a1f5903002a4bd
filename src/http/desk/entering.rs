//! Coming in and leaving. A one-time address only shows a button: what follows links before people do uses nothing up.

use std::net::{IpAddr, Ipv4Addr};

use askama::Template;
use axum::{
    Extension,
    body::Body,
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::Utc;
use serde::Deserialize;

use super::{
    Desk,
    access::Role,
    form::{Form, is_token},
    guard::Reached,
    visit::{LANGUAGE_COOKIE, Visit, cookie, language, message, render, see},
    words::{Language, Words, fill},
};

/// All that comes from this machine, a proxy's visitors too, is one address to the count of wrong logins.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[derive(Template)]
#[template(path = "enter.html", config = "src/http/desk/askama.toml")]
struct Enter {
    words: &'static Words,
    language: Language,
    login: String,
    note: String,
}

#[derive(Deserialize)]
pub(super) struct Shown {
    #[serde(default)]
    login: String,
}

/// The page behind a one-time address. It changes nothing.
pub(super) async fn show(headers: HeaderMap, Query(Shown { login }): Query<Shown>) -> Response {
    let language = language(&headers);
    render(&Enter { words: language.words(), language, login, note: String::new() }, StatusCode::OK)
}

/// Uses a login up.
pub(super) async fn enter(
    State(desk): State<Desk>,
    Extension(reached): Extension<Reached>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let language = language(&headers);
    let words = language.words();
    let refuse =
        |status: StatusCode, note: String| render(&Enter { words, language, login: String::new(), note }, status);
    let Some(form) = Form::read(&headers, body).await else {
        return refuse(StatusCode::BAD_REQUEST, words.too_large.to_owned());
    };
    if let Err(wait) = desk.throttled(|throttle, now| throttle.begin(HERE, "", now)) {
        let seconds = (wait.as_secs() + 1).to_string();
        return refuse(StatusCode::TOO_MANY_REQUESTS, fill(words.enter_slow, &[("n", &seconds)]));
    }
    let (access, login) = (desk.access(), form.get("login").to_owned());
    let entered = tokio::task::spawn_blocking(move || access.enter(&login, Utc::now())).await;
    match entered {
        Ok(Ok(Some(session))) => {
            desk.throttled(|throttle, _| throttle.succeeded(HERE, ""));
            let mut answer = see("/desk/");
            let kept = set(&reached.cookie, &session, reached.is_secure);
            answer.headers_mut().append(header::SET_COOKIE, kept);
            answer
        }
        Ok(Ok(None)) => refuse(StatusCode::UNAUTHORIZED, words.enter_void.to_owned()),
        Ok(Err(_)) | Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, words.unreadable.to_owned()),
    }
}

/// A cookie that no script reads and no other site sends.
fn set(name: &str, value: &str, is_secure: bool) -> HeaderValue {
    let secure = if is_secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/desk/; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Ends the session.
pub(super) async fn leave(Extension(visit): Extension<Visit>, Extension(reached): Extension<Reached>) -> Response {
    let access = visit.desk.access();
    let session = visit.session.clone();
    // Where the file stays, it ends by itself.
    let _ = tokio::task::spawn_blocking(move || access.leave(&session)).await;
    let mut answer = see("/desk/enter");
    answer.headers_mut().append(header::SET_COOKIE, ended(&reached.cookie, reached.is_secure));
    answer
}

fn ended(name: &str, is_secure: bool) -> HeaderValue {
    let secure = if is_secure { "; Secure" } else { "" };
    let text = format!("{name}=; Path=/desk/; Max-Age=0; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Takes the other language from now on.
pub(super) async fn speak(
    Extension(visit): Extension<Visit>,
    Extension(reached): Extension<Reached>,
    Extension(form): Extension<Form>,
) -> Response {
    let language = Language::of_tag(form.get("language")).unwrap_or(visit.language);
    let mut answer = see("/desk/");
    answer.headers_mut().append(header::SET_COOKIE, set(LANGUAGE_COOKIE, language.tag(), reached.is_secure));
    answer
}

/// Lets through whoever has a session, and of what they send only what their own pages sent. Viewers send nothing that
/// changes contacts: the routes that do are behind [`decides`].
pub(super) async fn admit(State(desk): State<Desk>, mut request: Request, next: Next) -> Response {
    let language = language(request.headers());
    let reached = request.extensions().get::<Reached>().cloned();
    let session = reached.and_then(|reached| cookie(request.headers(), &reached.cookie).map(str::to_owned));
    let visitor = match &session {
        Some(session) => {
            let (access, session) = (desk.access(), session.clone());
            let visitor = tokio::task::spawn_blocking(move || access.session(&session, Utc::now())).await;
            visitor.ok().flatten()
        }
        None => None,
    };
    let is_post = request.method() == axum::http::Method::POST;
    let (Some(visitor), Some(session)) = (visitor, session) else {
        if is_post {
            return message(language, StatusCode::FORBIDDEN, language.words().session_over.to_owned());
        }
        let words = language.words();
        let page = Enter { words, language, login: String::new(), note: words.enter_how.to_owned() };
        return render(&page, StatusCode::UNAUTHORIZED);
    };
    if is_post {
        let (parts, body) = request.into_parts();
        let form = Form::read(&parts.headers, body).await;
        let form = form.filter(|form| is_token(&session, form.get("token")));
        let Some(form) = form else {
            return message(language, StatusCode::FORBIDDEN, language.words().forbidden.to_owned());
        };
        request = Request::from_parts(parts, Body::empty());
        request.extensions_mut().insert(form);
    }
    request.extensions_mut().insert(Visit { desk, visitor, language, session });
    next.run(request).await
}

/// Lets through whoever may decide.
pub(super) async fn decides(Extension(visit): Extension<Visit>, request: Request, next: Next) -> Response {
    match visit.visitor.role {
        Role::Decides => next.run(request).await,
        Role::Views => visit.trouble(&super::visit::Trouble::MayOnlyLook).into_response(),
    }
}
