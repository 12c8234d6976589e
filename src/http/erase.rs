//! Erasing a claim.

use super::Shared;
use super::access::Who;
use super::claims::parse_id;
use super::error::{ApiError, Problem};
use crate::domain::gate::{Reviewer, Why};
use crate::service::ErasedView;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// An order to erase a claim.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseBody {
    /// Who orders it; needed where there are no API keys, and else whom the key names.
    by: Option<Reviewer>,
    /// Why, in 1 to 1000 characters on one line, without anything about the person. The audit log holds only its salted
    /// hash.
    why: Why,
}

/// Erase a claim
///
/// Destroys the key that its content is sealed with, and deletes its photos. What remains is that there was such a
/// claim, when, how it was decided, and the audit log, which still verifies. There is no way back.
#[utoipa::path(
    post, path = "/v1/claims/{id}/erase", tag = "claims",
    params(("id" = String, Path, description = "Name of the claim here")),
    request_body = EraseBody,
    responses(
        (status = 200, description = "erased", body = ErasedView),
        (status = 404, description = "there is no such claim", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`claim_undecided`: it waits for its decision", body = Problem,
            content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`: it was erased before", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn erase(
    path: web::Path<String>,
    body: web::Json<EraseBody>,
    who: Who,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let EraseBody { by, why } = body.into_inner();
    let by = who.acts(by)?;
    Ok(HttpResponse::Ok().json(service.erase(&parse_id(&path)?, &by, &why).await?))
}
