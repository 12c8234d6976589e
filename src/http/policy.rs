//! The policy that decides, and what another would have decided.

use super::Shared;
use super::actor::Caller;
use super::error::{ApiError, Problem};
use super::form;
use crate::decision::Policy;
use crate::service::{BacktestReport, PolicyView};
use actix_web::{HttpRequest, HttpResponse, web};

/// The longest policy file: sixteen times the built-in one.
const MOST: usize = 64 << 10;

/// Look at the policy that decides
///
/// Which one is in force, since when and by whose order; what follows it; and what a shadow policy, if one is set,
/// would have decided otherwise.
#[utoipa::path(get, path = "/v1/policy", tag = "policy", responses(
    (status = 200, description = "the policies", body = PolicyView),
    (status = 503, description = "the records cannot be read", body = Problem, content_type = "application/problem+json"),
))]
pub async fn get(service: Shared) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(service.records().policy_view().await?))
}

/// Try a policy on everything recorded
///
/// What it would have decided, in figures; nothing is decided anew. That it was tried, and what came of it, stands in
/// the audit log: only a policy that was tried can be adopted. One at a time.
#[utoipa::path(
    post, path = "/v1/policy/backtest", tag = "policy",
    params(("X-Claimlens-Actor" = Option<String>, Header, description = "who asks: a short opaque name")),
    request_body(content = String, content_type = "application/toml", description = "the policy file"),
    responses(
        (status = 200, description = "what would change", body = BacktestReport),
        (status = 400, description = "`body_invalid`: it is no UTF-8; `actor_invalid`", body = Problem,
            content_type = "application/problem+json"),
        (status = 408, description = "`body_too_slow`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body_too_large`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`policy_invalid`: with every fault", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`: another one is under way", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn backtest(
    request: HttpRequest,
    caller: Caller,
    payload: web::Payload,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let mut room = service.room();
    let text = form::read_text(request.headers(), payload, &mut room, service.intake_limits(), MOST).await?;
    let policy = Policy::parse(&text).map_err(ApiError::PolicyInvalid)?;
    Ok(HttpResponse::Ok().json(service.backtest(policy, &caller.0).await?))
}
