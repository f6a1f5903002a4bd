//! What is answered to which request.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    health,
    metrics::Seen,
    nudge::{Nudges, Taken},
    text,
    token::Token,
};
use crate::{daemon::DaemonHandle, sync::stamp};

/// Webhooks send what has changed; it is not looked at.
const BODY_MAX: usize = 64 * 1024;

/// What requests are answered from.
#[derive(Clone)]
pub(super) struct Observed {
    pub daemon: DaemonHandle,
    pub seen: Seen,
    pub token: Arc<Mutex<Option<Token>>>,
    nudges: Arc<Mutex<Nudges>>,
    begun: Instant,
}

impl Observed {
    pub fn new(daemon: DaemonHandle, seen: Seen) -> Self {
        Self { daemon, seen, token: Arc::default(), nudges: Arc::default(), begun: Instant::now() }
    }

    fn token(&self) -> Option<Token> {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nudges<T>(&self, act: impl FnOnce(&mut Nudges, Duration) -> T) -> T {
        act(&mut self.nudges.lock().unwrap_or_else(PoisonError::into_inner), self.begun.elapsed())
    }
}

/// The routes; on the loopback only programs of this machine are answered, not other sites' pages.
pub(super) fn router(observed: Observed, on_loopback: bool) -> Router {
    let routes = Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .route("/nudge", post(nudge))
        .fallback(async || (StatusCode::NOT_FOUND, "there is /healthz, /metrics and /nudge\n"));
    let routes = if on_loopback { routes.layer(middleware::from_fn(guard)) } else { routes };
    routes.layer(middleware::map_response(marked)).with_state(observed)
}

/// An answer is of its moment, and is what it says that it is.
async fn marked(mut answer: Response) -> Response {
    for (name, value) in [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// A name that some site has pointed at this machine is not answered (DNS rebinding).
async fn guard(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_loopback(host) {
        return next.run(request).await;
    }
    let text =
        "the Host of this request is not 127.0.0.1, [::1] or localhost; a proxy in front must send one of these\n";
    (StatusCode::FORBIDDEN, text).into_response()
}

/// True for a Host header that names the loopback.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']').unwrap_or_default();
            if port.is_empty() || port.starts_with(':') { name } else { "" }
        }
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn healthz(State(observed): State<Observed>) -> Response {
    let state = observed.daemon.state.borrow().clone();
    let schedule = observed.daemon.settings.borrow().sync.schedule.clone();
    let trouble = health::judge(&state, &schedule, observed.seen.stirred(), Utc::now());
    let code = if trouble.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, json_body(&health::object(&state, trouble))).into_response()
}

async fn metrics(State(observed): State<Observed>) -> Response {
    let state = observed.daemon.state.borrow().clone();
    ([(header::CONTENT_TYPE, text::CONTENT_TYPE)], observed.seen.text(&state)).into_response()
}

async fn nudge(State(observed): State<Observed>, headers: HeaderMap, body: Body) -> Response {
    let shown = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    if !observed.token().is_some_and(|token| token.is_shown(shown)) {
        let answer = json!({ "status": "unauthorized", "text": "show the token: Authorization: Bearer TOKEN" });
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], json_body(&answer)).into_response();
    }
    if to_bytes(body, BODY_MAX).await.is_err() {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let later = |status: StatusCode, word: &str, wait: Duration| {
        let seconds = wait.as_secs() + 1;
        let answer = json!({ "status": word, "retry_after_seconds": seconds });
        (status, [(header::RETRY_AFTER, seconds.to_string())], json_body(&answer)).into_response()
    };
    let (refused, next) = {
        let state = observed.daemon.state.borrow();
        (state.is_login_refused(), state.next)
    };
    if refused {
        let wait = next.map_or(Duration::ZERO, |next| (next - Utc::now()).to_std().unwrap_or_default());
        return later(StatusCode::SERVICE_UNAVAILABLE, "login_refused", wait);
    }
    let (taken, now) = observed.nudges(|nudges, now| (nudges.take(now), now));
    let at = match taken {
        Taken::TooOften(wait) => return later(StatusCode::TOO_MANY_REQUESTS, "too_often", wait),
        Taken::WithOthers(at) => at,
        Taken::First(at) => {
            tokio::spawn(pass_on(observed.clone(), at));
            at
        }
    };
    observed.seen.nudged();
    let wait = at.saturating_sub(now);
    let begins = Utc::now() + TimeDelta::from_std(wait).unwrap_or_default();
    let answer = json!({
        "status": "accepted", "run_in_seconds": wait.as_secs_f64(), "run_at": stamp(begins),
        "at_work": observed.daemon.state.borrow().running.is_some(),
    });
    (StatusCode::ACCEPTED, json_body(&answer)).into_response()
}

fn json_body(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], format!("{value}\n")).into_response()
}

async fn pass_on(observed: Observed, at: Duration) {
    tokio::time::sleep_until(observed.begun + at).await;
    observed.nudges(Nudges::pass_on);
    observed.daemon.nudge.ask();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loopbacks_own_names_are_answered() {
        let check = |host: &str, expected: bool| assert_eq!(is_loopback(host), expected, "{host}");
        check("127.0.0.1:9464", true);
        check("127.0.0.1", true);
        check("localhost:9464", true);
        check("LOCALHOST", true);
        check("[::1]:9464", true);
        check("127.8.8.8", true);
        check("", false);
        check("evil.example:9464", false);
        check("127.0.0.1.evil.example", false);
        check("localhost.evil.example", false);
        check("[::1].evil.example", false);
        check("192.168.1.2:9464", false);
    }
}
