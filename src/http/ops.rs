//! Health, the OpenAPI document, and where to look.

use super::error::{ApiError, Problem};
use super::{ApiDocument, Shared};
use actix_web::HttpResponse;
use serde_json::json;
use utoipa::OpenApi;

/// Whether the process answers
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, description = "it does")))]
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Whether claims can be accepted and read at present
///
/// True only if the database and the photo storage can be written and read and a reader with its models is loaded.
/// `access` is `open` as long as no API key was ever given, so that whoever reaches the service may do everything, and
/// else `keys`.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "they can"),
    (status = 503, description = "they cannot; `code` tells what is missing", body = Problem,
        content_type = "application/problem+json"),
))]
pub async fn readyz(service: Shared) -> Result<HttpResponse, ApiError> {
    service.ready().await?;
    let access = if service.is_open().await? { "open" } else { "keys" };
    Ok(HttpResponse::Ok().json(json!({ "status": "ready", "access": access })))
}

/// The figures of the operation
///
/// How many claims stand where and how they were decided; the bound on wrong approvals: the policy's limit, what was earned,
/// when and on how many specimens; and the gate as `/v1/gate` tells it.
#[utoipa::path(get, path = "/v1/stats", tag = "operation", responses(
    (status = 200, description = "the figures", body = serde_json::Value),
    (status = 503, description = "the records cannot be read", body = Problem, content_type = "application/problem+json"),
))]
pub async fn stats(service: Shared) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(service.stats().await?))
}

/// Counts and times for a monitoring system
///
/// Of this process since its start, in the text form of OpenMetrics, which Prometheus reads. Nothing in it tells of a person.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses(
    (status = 200, description = "the counts", content_type = "application/openmetrics-text", body = String),
))]
pub async fn metrics(service: Shared) -> Result<HttpResponse, ApiError> {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(HttpResponse::Ok().content_type(kind).body(service.metrics().await?))
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "operation", responses((status = 200, description = "OpenAPI 3.1")))]
pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok().json(ApiDocument::openapi())
}

/// Where to look, for who has no browser.
pub fn root() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(concat!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>claimlens</title>",
        "<h1>claimlens ",
        env!("CARGO_PKG_VERSION"),
        "</h1><p>Photos of medical bills, invoices and receipts in; <code>auto_approve</code> or ",
        "<code>human_review</code> with reasons out.</p><ul>",
        "<li><code>POST /v1/claims</code>: submit a claim (multipart: one <code>claim</code>, one or more ",
        "<code>photo</code>)</li>",
        "<li><a href=\"/v1/claims\">/v1/claims</a>: claims and decisions</li>",
        "<li><a href=\"/openapi.json\">/openapi.json</a>: the whole interface</li>",
        "<li><a href=\"/healthz\">/healthz</a>, <a href=\"/readyz\">/readyz</a>: health</li></ul></html>\n"
    ))
}
