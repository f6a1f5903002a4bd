//! What pages look like, compiled in.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

/// The one script: pages work without it.
pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("desk.js")).into_response()
}

/// The icon of a browser's tab.
pub(super) async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], include_str!("desk.svg")).into_response()
}

/// The one style sheet.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("desk.css")).into_response()
}
