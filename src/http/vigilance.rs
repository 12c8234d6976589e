//! How carefully people look.

use super::Shared;
use super::error::{ApiError, Problem};
use crate::service::vigilance::VigilanceView;
use actix_web::HttpResponse;

/// Look at how carefully people look
///
/// By person and for all: verdicts on claims whose end was known when they were sent (`known` of `POST /v1/claims`),
/// and on those that two people ruled without knowing of each other (`--blind-pairs`).
#[utoipa::path(get, path = "/v1/vigilance", tag = "operation", responses(
    (status = 200, description = "the figures", body = VigilanceView),
    (status = 503, description = "the records cannot be read", body = Problem,
        content_type = "application/problem+json"),
))]
pub async fn vigilance(service: Shared) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(service.vigilance().await?))
}
