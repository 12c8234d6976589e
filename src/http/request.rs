//! One line of log and one count a request, and an id by which to find it. Never a body, a name or a number of anybody.

use super::Shared;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use std::time::Instant;
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Which span of the caller's a request belongs to: W3C Trace Context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    static ID: String;
}

/// The id of the request being answered, if one is.
pub fn current_id() -> Option<String> {
    ID.try_with(Clone::clone).ok()
}

/// Gives the request an id (the sender's `X-Request-Id` if it is a plain one), answers with it, and logs the request.
pub async fn trace(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let id = request.headers().get(REQUEST_ID).and_then(|v| v.to_str().ok()).filter(|v| is_plain(v));
    let id = id.map_or_else(|| hex::encode(rand::random::<[u8; 8]>()), str::to_owned);
    let span = tracing::info_span!("request", id = %id);
    let (start, method) = (Instant::now(), request.method().clone());
    let traced = request.app_data::<Shared>().map(|service| {
        let route = request.match_pattern().unwrap_or_else(|| "-".to_owned());
        let traceparent = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
        service.traces().request(method.as_str(), &route, traceparent)
    });
    let traced = traced.unwrap_or_default();
    let answering = traced.around(ID.scope(id.clone(), next.call(request)));
    let mut response = answering.instrument(span.clone()).await?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    // The pattern and not the path: what a caller puts into a path may be anything.
    let route = response.request().match_pattern().unwrap_or_else(|| "-".to_owned());
    let (status, took) = (response.status().as_u16(), start.elapsed());
    if let Some(service) = response.request().app_data::<Shared>() {
        service.answered(method.as_str(), &route, status, took);
    }
    traced.answered(status);
    let ms = took.as_millis() as u64;
    span.in_scope(|| tracing::info!(%method, route, status, ms, "answered"));
    Ok(response)
}

fn is_plain(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
