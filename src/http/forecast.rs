//! What will come to people.

use super::Shared;
use super::error::{ApiError, Problem};
use crate::service::forecast::ForecastView;
use actix_web::HttpResponse;

/// Forecast the cases that come to people
///
/// For each half-hour of the next seven days: how many, and how many people they take at the handling time that was
/// measured; beside it how far such forecasts were off on the last seven days, each made the day before. Says how much
/// is still missing where too little is known.
#[utoipa::path(get, path = "/v1/forecast", tag = "operation", responses(
    (status = 200, description = "the forecast", body = ForecastView),
    (status = 503, description = "the records cannot be read", body = Problem, content_type = "application/problem+json"),
))]
pub async fn get(service: Shared) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(service.forecast().await?))
}
