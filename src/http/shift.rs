//! Where a shift came from.

use super::Shared;
use super::error::{ApiError, Problem};
use super::reviews::wrong;
use crate::service::shift::{ShiftAsk, ShiftView};
use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// Which windows are held against each other.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ShiftQuery {
    /// Days of the recent window, which ends now: 1 to 90. Default 7.
    #[param(minimum = 1, maximum = 90)]
    recent_days: Option<u32>,
    /// Days of the window before it: 1 to 365. Default 28.
    #[param(minimum = 1, maximum = 365)]
    before_days: Option<u32>,
    /// The code of a reason: the share of decisions that it holds, instead of the share that goes through untouched.
    #[param(max_length = 64, pattern = r"^[a-z0-9_]{1,64}$")]
    reason: Option<String>,
}

/// Tell where a shift came from
///
/// How the share of decisions that go through untouched changed from one window to the next, or the share that a reason
/// holds, and how much of that each issuer, kind of document, camera, set of models, program and policy explains:
/// by there being more or less of it (mix), and by being judged otherwise (rate). The parts of a dimension add up to
/// the change (E. M. Kitagawa, 1955). Values of fewer than 20 decisions are told together. Says how many decisions it
/// takes where there are too few. What was read stays good for five minutes.
#[utoipa::path(get, path = "/v1/shift", tag = "operation", params(ShiftQuery), responses(
    (status = 200, description = "the shift", body = ShiftView),
    (status = 400, description = "`bad_query`", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "the records cannot be read", body = Problem, content_type = "application/problem+json"),
))]
pub async fn shift(query: web::Query<ShiftQuery>, service: Shared) -> Result<HttpResponse, ApiError> {
    let ShiftQuery { recent_days, before_days, reason } = query.into_inner();
    let usual = ShiftAsk::default();
    let ask = ShiftAsk {
        recent_days: recent_days.unwrap_or(usual.recent_days),
        before_days: before_days.unwrap_or(usual.before_days),
        reason,
    };
    if !(1..=90).contains(&ask.recent_days) {
        return Err(wrong("`recent_days` must be 1 to 90"));
    }
    if !(1..=365).contains(&ask.before_days) {
        return Err(wrong("`before_days` must be 1 to 365"));
    }
    let is_code = |code: &str| {
        (1..=64).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if ask.reason.as_deref().is_some_and(|code| !is_code(code)) {
        return Err(wrong("`reason` must be the code of a reason"));
    }
    Ok(HttpResponse::Ok().json(service.shift(&ask).await?))
}
