//! Claims: submit, look at one, list.

use super::Shared;
use super::access::Who;
use super::actor::Caller;
use super::error::{ApiError, Problem};
use super::etag;
use super::schema::ClaimResult;
use super::{fhir, form};
use crate::domain::access::Role;
use crate::domain::{ClaimId, Decision, Tenant};
use crate::service::{ClaimReview, ClaimState, ClaimView, Guidance, Progress, ReadOf, Related, ServiceError};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// How long an answer waits for the decision unless `Prefer: wait=N` says otherwise.
const WAIT: u64 = 10;
/// The longest it waits, whatever is asked for.
const LONGEST_WAIT: u64 = 60;

/// What `POST /v1/claims` takes, as `multipart/form-data`.
#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the form to OpenAPI; `form` reads it")]
pub struct ClaimForm {
    /// Exactly one part, JSON; or a `Claim` of FHIR R4, of which README.md tells what is taken.
    claim: crate::domain::Claim,
    /// One or more parts of this name: JPEG, PNG, WebP, HEIC or PDF.
    #[schema(value_type = Vec<String>, format = Binary, min_items = 1, max_items = 20)]
    photo: Vec<u8>,
    /// How the claim has to end, `approve` or `reject`, where that is known and it is sent to see how people rule on
    /// it: only by an admin. A person rules on it, it is paid by nobody, and no figure counts it but those of
    /// `/v1/vigilance`.
    #[schema(value_type = String, required = false, pattern = "^(approve|reject)$")]
    known: String,
}

/// A claim as answered. Once decided, the members of the result stand beside these.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ClaimAnswer {
    /// Name of the claim here.
    #[schema(value_type = String, example = "clm_06ah1g8q00c8f3m3c5n0u0k4ts")]
    pub(super) id: ClaimId,
    /// Whose it is; absent where that is the tenant that claims are of if nothing else is said.
    #[serde(skip_serializing_if = "Tenant::is_default")]
    #[schema(value_type = String, required = false)]
    tenant: Tenant,
    /// Where it stands.
    pub(super) status: ClaimState,
    /// The sender's own name for it.
    pub(super) claim: Option<ClaimName>,
    /// RFC 3339 in UTC.
    pub(super) created_at: String,
    /// RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) decided_at: Option<String>,
    /// Where it stands with the people who look at it; `null` if nobody has ever had to. Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ClaimReview>, required = false)]
    pub(super) review: Option<Option<ClaimReview>>,
    /// What to tell the claimant: where it stands, what to do now, what comes next and by when. Left out in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    guidance: Vec<Guidance>,
    /// How far it has come, and the day that was promised. Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    progress: Option<Progress>,
    /// The members of [`ClaimResult`]; none while the claim waits.
    #[serde(flatten)]
    #[schema(value_type = ClaimResult)]
    pub(super) result: Map<String, Value>,
}

/// The sender's own name for a claim.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ClaimName {
    /// As submitted.
    pub(super) id: String,
}

/// A page of claims, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ClaimList {
    /// With decision and reasons; the documents are told by each claim's own address.
    claims: Vec<ClaimAnswer>,
    /// Hand this back as `cursor` for the next page; `null` on the last.
    next: Option<String>,
}

/// Which page of claims.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// `next` of the page before.
    #[param(pattern = "^clm_[0-9a-v]{26}$")]
    cursor: Option<String>,
    /// Claims on a page, 1 to 100. Default 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// How many claims, and older than which.
fn page(limit: Option<u32>, cursor: Option<&str>) -> Result<(u32, Option<ClaimId>), ApiError> {
    let limit = limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(ApiError::BadQuery("`limit` must be 1 to 100".to_owned()));
    }
    let before = cursor.map(str::parse).transpose().map_err(|_| ApiError::BadCursor)?;
    Ok((limit, before))
}

/// Which page of related claims.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct RelatedQuery {
    /// Only claims last decided so. Default `auto_approve`.
    #[serde(default)]
    decision: Decided,
    /// `next` of the page before.
    #[param(pattern = "^clm_[0-9a-v]{26}$")]
    cursor: Option<String>,
    /// Claims on a page, 1 to 100. Default 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// How a claim was decided.
#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Decided {
    /// Approved.
    #[default]
    AutoApprove,
    /// Held for a person.
    HumanReview,
    /// Either way.
    Any,
}

impl From<Decided> for Option<Decision> {
    fn from(decided: Decided) -> Self {
        match decided {
            Decided::AutoApprove => Some(Decision::AutoApprove),
            Decided::HumanReview => Some(Decision::HumanReview),
            Decided::Any => None,
        }
    }
}

/// A page of related claims, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RelatedList {
    /// Each with what it shares with the claim asked about.
    related: Vec<Related>,
    /// Hand this back as `cursor` for the next page; `null` on the last.
    next: Option<String>,
}

impl ClaimAnswer {
    /// With all members.
    pub(super) fn whole(view: ClaimView) -> Self {
        Self::of(view, |_| true)
    }

    fn of(view: ClaimView, members: impl Fn(&str) -> bool) -> Self {
        let mut result = match view.result {
            Some(Value::Object(result)) => result,
            _ => Map::new(),
        };
        result.retain(|name, _| members(name));
        Self {
            id: view.id,
            tenant: view.tenant,
            status: view.state,
            claim: view.outside_id.map(|id| ClaimName { id }),
            created_at: view.created_at,
            decided_at: view.decided_at,
            review: view.review,
            guidance: view.guidance,
            progress: view.progress,
            result,
        }
    }
}

/// Submit a claim
///
/// Answers with the decision if it is ready in time, else with where to find it. An answer of 200 or 202 means that
/// the claim and its photos are stored and will not be lost.
#[utoipa::path(
    post, path = "/v1/claims", tag = "claims",
    request_body(content = ClaimForm, content_type = "multipart/form-data"),
    params(
        ("Prefer" = Option<String>, Header,
            description = "`wait=N`: wait up to N seconds, at most 60; default 10. `respond-async`: do not wait"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$",
            description = "1 to 255 visible ASCII characters. A request repeated with its key and the same claim and \
                           photos is answered with the claim of the first. Keys do not expire, and each tenant has \
                           its own"),
    ),
    responses(
        (status = 200, description = "decided, or failed and waiting for a person; a `ClaimResponse` of FHIR R4 for who \
                                      accepts `application/fhir+json`",
            content((ClaimAnswer = "application/json"), (Value = "application/fhir+json"))),
        (status = 202, description = "accepted; `Location` tells where to look",
            content((ClaimAnswer = "application/json"), (Value = "application/fhir+json"))),
        (status = "4XX", description = "refused; there is no claim", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "no room or no store; try again after `Retry-After`", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn submit(
    request: HttpRequest,
    payload: web::Payload,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let Caller(actor, who) = caller;
    let key = match request.headers().get("idempotency-key") {
        None => None,
        Some(value) => Some(value.to_str().map_err(|_| crate::service::Refusal::KeyInvalid)?),
    };
    let mut ticket = service.admit_for(who.tenant(), key).await?;
    let mut submission = form::read(request.headers(), payload, ticket.room(), service.intake_limits()).await?;
    if let Some((_, by)) = &mut submission.known {
        if matches!(&who, Who::Known(holder) if holder.role != Role::Admin) {
            return Err(ApiError::Forbidden(&[Role::Admin]));
        }
        *by = actor;
    }
    who.count_photos(&service, submission.photos.len()).await?;
    let id = service.submit(ticket, submission).await?;
    service.wait(&id, Duration::from_secs(wait_seconds(&request, WAIT))).await;
    let view = service.get(&id).await?;
    let location = format!("/v1/claims/{id}");
    let mut response = match view.state {
        ClaimState::Processing => HttpResponse::Accepted(),
        ClaimState::Decided | ClaimState::Failed | ClaimState::Erased => HttpResponse::Ok(),
    };
    let (media_type, body) = body(&request, ClaimAnswer::whole(view))?;
    Ok(response.insert_header((header::LOCATION, location)).content_type(media_type).body(body))
}

/// An answer in the form that was asked for.
fn body(request: &HttpRequest, claim: ClaimAnswer) -> Result<(&'static str, Vec<u8>), ApiError> {
    let accepted = request.headers().get_all(header::ACCEPT).filter_map(|value| value.to_str().ok());
    let (media_type, body) = match accepted.into_iter().any(|accepted| accepted.contains(fhir::MEDIA_TYPE)) {
        true => (fhir::MEDIA_TYPE, serde_json::to_vec(&fhir::response_of(&claim))),
        false => ("application/json", serde_json::to_vec(&claim)),
    };
    Ok((media_type, body.map_err(|_| ServiceError::Internal("a claim as JSON"))?))
}

/// Look at a claim
///
/// Waits for the decision only if asked to.
#[utoipa::path(
    get, path = "/v1/claims/{id}", tag = "claims",
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: wait for the decision up to N seconds, at most 60"),
        ("If-None-Match" = Option<String>, Header, description = "ETag of the claim as seen before"),
    ),
    responses(
        (status = 200, description = "the claim as it stands; its ETag changes with it",
            content((ClaimAnswer = "application/json"), (Value = "application/fhir+json"))),
        (status = 304, description = "it is as it was"),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`: its content was erased", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn get(
    request: HttpRequest,
    path: web::Path<String>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let who = caller.0.name().unwrap_or_default();
    let mut view = service.get_for(&parse_id(&path)?, who).await?;
    let wait = wait_seconds(&request, 0);
    if view.state == ClaimState::Processing && wait > 0 {
        service.wait(&view.id, Duration::from_secs(wait)).await;
        view = service.get_for(&view.id, who).await?;
    }
    service.note_read(&caller.0, ReadOf::Claim, [&view.id])?;
    let (media_type, body) = body(&request, ClaimAnswer::whole(view))?;
    Ok(etag::hashed(&request, media_type, body))
}

/// List claims, newest first
#[utoipa::path(
    get, path = "/v1/claims", tag = "claims",
    params(ListQuery),
    responses(
        (status = 200, description = "a page of claims", body = ClaimList),
        (status = 400, description = "malformed query", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(query: web::Query<ListQuery>, caller: Caller, service: Shared) -> Result<HttpResponse, ApiError> {
    let (limit, before) = page(query.limit, query.cursor.as_deref())?;
    let (views, next) = service.list(&caller.1.scope(), before.as_ref(), limit).await?;
    service.note_read(&caller.0, ReadOf::List, views.iter().map(|view| &view.id))?;
    let in_list = |name: &str| name == "decision" || name == "reasons";
    let claims = views.into_iter().map(|v| ClaimAnswer::of(v, in_list)).collect();
    Ok(HttpResponse::Ok().json(ClaimList { claims, next: next.map(|id| id.to_string()) }))
}

/// Other claims that share something with a claim
///
/// For when one of its papers turns out to be forged, or sent before: a picture, a number or one within ten of it with the
/// same code, content or the issuer. Newest first.
#[utoipa::path(
    get, path = "/v1/claims/{id}/related", tag = "claims",
    params(("id" = String, Path, description = "Name of the claim here"), RelatedQuery),
    responses(
        (status = 200, description = "a page of claims", body = RelatedList),
        (status = 400, description = "malformed query", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such claim", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn related(
    path: web::Path<String>,
    query: web::Query<RelatedQuery>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let (limit, before) = page(query.limit, query.cursor.as_deref())?;
    let id = parse_id(&path)?;
    let (scope, decided) = (caller.1.scope(), query.decision.into());
    let (related, next) = service.records().related(&scope, &id, decided, before.as_ref(), limit).await?;
    service.note_read(&caller.0, ReadOf::Related, [&id])?;
    Ok(HttpResponse::Ok().json(RelatedList { related, next: next.map(|id| id.to_string()) }))
}

/// A claim's id from a path; anything else is simply not found.
pub(super) fn parse_id(text: &str) -> Result<ClaimId, ApiError> {
    text.parse().map_err(|_| ServiceError::NotFound.into())
}

/// How long to wait by the preferences (RFC 7240): `wait=N`, or not at all for `respond-async` alone, or `default`. What cannot
/// be understood is ignored, as that RFC asks.
fn wait_seconds(request: &HttpRequest, default: u64) -> u64 {
    let all = || {
        let values = request.headers().get_all("prefer").filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).filter_map(|one| one.split(';').next())
    };
    let seconds = all().find_map(|one| {
        let (name, value) = one.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').parse().ok())?
    });
    let at_once = || all().any(|one| one.trim().eq_ignore_ascii_case("respond-async"));
    seconds.unwrap_or_else(|| if at_once() { 0 } else { default }).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn preferences_are_understood_or_ignored() {
        let wait = |v: &str| wait_seconds(&TestRequest::default().insert_header(("Prefer", v)).to_http_request(), WAIT);
        assert_eq!(wait("wait=3"), 3);
        assert_eq!(wait("respond-async, Wait = 0"), 0);
        assert_eq!(wait("respond-async"), 0);
        assert_eq!(wait("respond-async, wait=7"), 7);
        assert_eq!(wait("Respond-Async"), 0);
        assert_eq!(wait("respond-async, wait=5"), 5);
        assert_eq!(wait("wait=3600"), 60);
        assert_eq!(wait("wait=soon"), 10);
        assert_eq!(wait("handling=lenient"), 10);
    }
}
