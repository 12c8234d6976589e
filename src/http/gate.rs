//! The gate of automatic approval: what people say of approvals, and opening it again.

use super::Shared;
use super::access::Who;
use super::claims::parse_id;
use super::error::{ApiError, Problem};
use super::form::without_values;
use crate::domain::gate::{AuditSource, Audited, Reviewer, Why};
use crate::service::{AuditedOutcome, GateView};
use actix_web::error::JsonPayloadError;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// The longest body: a note of 2000 characters may take 4 bytes for each, or 12 as escapes, and values put right stand
/// beside it.
const BODY: usize = 64 << 10;

/// What a person found of a claim.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeBody {
    /// Whether approving it was right, or would have been.
    outcome: Audited,
    /// How it came to be looked at.
    source: AuditSource,
    /// Who looked; needed where there are no API keys, and else whom the key names.
    by: Option<Reviewer>,
}

/// An order to open the gate again.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReopenBody {
    /// Who orders it; needed where there are no API keys, and else whom the key names.
    by: Option<Reviewer>,
    /// Why, in 1 to 1000 characters on one line. The audit log holds only its salted hash.
    why: Why,
}

/// How JSON bodies are read, here and nowhere else.
pub fn json() -> web::JsonConfig {
    web::JsonConfig::default().limit(BODY).error_handler(|error, _| {
        match error {
            JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
                ApiError::BodyTooLarge(BODY)
            }
            JsonPayloadError::ContentType => ApiError::NotJson,
            JsonPayloadError::Deserialize(error) => ApiError::BodyInvalid(without_values(&error.to_string())),
            _ => ApiError::BodyInvalid("it is cut short".to_owned()),
        }
        .into()
    })
}

/// Say whether an approval was right
///
/// Of a claim that was approved, or would have been but for the lot. A claim counts once: the same said again changes nothing.
/// Answers with the gate, which the outcome may have closed.
#[utoipa::path(
    post, path = "/v1/claims/{id}/outcome", tag = "gate",
    params(("id" = String, Path, description = "Name of the claim here")),
    request_body = OutcomeBody,
    responses(
        (status = 200, description = "recorded; the gate as it stands now", body = GateView),
        (status = 400, description = "`body_invalid`: not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such claim", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`outcome_recorded`: another outcome is recorded; `not_an_approval`: the claim was neither \
            approved nor held back by lot alone", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn outcome(
    path: web::Path<String>,
    body: web::Json<OutcomeBody>,
    who: Who,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let OutcomeBody { outcome, source, by } = body.into_inner();
    let said = AuditedOutcome { outcome, source, by: who.acts(by)? };
    let policy = service.policy().await?;
    Ok(HttpResponse::Ok().json(service.records().record_outcome(&parse_id(&path)?, &said, &policy).await?))
}

/// Look at the gate
///
/// Whether claims can be approved automatically at present: what people said of approvals, the bound on wrong ones that follows
/// at 95 %, and how near that is to closing the gate.
#[utoipa::path(get, path = "/v1/gate", tag = "gate", responses(
    (status = 200, description = "the gate", body = GateView),
    (status = 503, description = "the records cannot be read", body = Problem, content_type = "application/problem+json"),
))]
pub async fn get(service: Shared) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(service.records().gate(&*service.policy().await?).await?))
}

/// Open the gate again
///
/// The one act that does, and it is logged. Outcomes recorded before no longer count.
#[utoipa::path(
    post, path = "/v1/gate/reopen", tag = "gate", request_body = ReopenBody,
    responses(
        (status = 200, description = "it is open", body = GateView),
        (status = 400, description = "`body_invalid`: not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`gate_open`: it was open", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn reopen(body: web::Json<ReopenBody>, who: Who, service: Shared) -> Result<HttpResponse, ApiError> {
    let ReopenBody { by, why } = body.into_inner();
    let by = who.acts(by)?;
    let policy = service.policy().await?;
    Ok(HttpResponse::Ok().json(service.records().reopen_gate(&by, &why, &policy).await?))
}
