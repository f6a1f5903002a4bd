//! What pages look like, compiled in.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

/// The one style sheet. A browser may keep it: it asks each time whether it is still this one.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("desk.css")).into_response()
}
