//! The API's description as a page on which it can be tried: Swagger UI over `/openapi.json`.

use super::error::ApiError;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use std::sync::Arc;
use utoipa_swagger_ui::Config;

/// Nothing from elsewhere. Swagger UI sets styles by attributes.
const CONTENT_SECURITY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// Read and try the API in a browser
#[utoipa::path(
    get, path = "/docs", tag = "operation",
    responses((status = 308, description = "the page is at `/docs/`"))
)]
pub async fn docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

/// The page and what it is made of.
pub async fn file(path: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let config = Config::new(["/openapi.json"]).try_it_out_enabled(true).display_request_duration(true);
    let file = utoipa_swagger_ui::serve(&path, Arc::new(config)).ok().flatten().ok_or(ApiError::NotFound)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .content_type(file.content_type)
        .body(file.bytes.into_owned()))
}
