//! What an auditor asks for: checkpoints, proofs, evidence packs.

use super::Shared;
use super::actor::Caller;
use super::check::Bytes;
use super::claims::parse_id;
use super::error::{ApiError, Problem};
use super::number::Whole;
use crate::domain::ClaimId;
use crate::service::{EntryList, KeyHistory, LogQuery, ReadOf, ReplayFrom, ReplayOf, ReplayReport};
use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

/// A log and a later state of it.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Entries in the earlier state.
    old: u64,
    /// Entries in the later one; at most as many as there are.
    new: u64,
}

/// The proof that a log only grew.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Consistency {
    /// Entries in the earlier state.
    old: u64,
    /// Entries in the later one.
    new: u64,
    /// Hashes in base64, in the order of RFC 9162, 2.1.4.
    hashes: Vec<String>,
}

/// Which entries of the log.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct EntriesQuery {
    /// The newest one to be told, by its position: `next` of the page before.
    #[param(value_type = Option<u64>, maximum = 9007199254740991i64)]
    from: Option<Whole>,
    /// Entries on a page, 1 to 200. Default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Only those that speak of this claim, or of `gate`, `policy` or `key`.
    subject: Option<String>,
    /// Whether they tell of looks at claims: only these, or all others; without, both.
    reads: Option<bool>,
}

/// Which claims.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "claims": ["clm_06ah1g8q00c8f3m3c5n0u0k4ts"] }))]
pub struct ReplayBody {
    /// Their names here, 1 to 100.
    #[schema(min_items = 1, max_items = 100)]
    claims: Vec<String>,
}

fn text(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body(body)
}

/// Take the signed state of the audit log
///
/// A C2SP checkpoint in a signed note: name of the log, number of entries, root of the Merkle tree, signature. Whoever keeps one
/// can show later that the log was altered, if it was.
#[utoipa::path(get, path = "/v1/audit/checkpoint", tag = "audit", responses(
    (status = 200, description = "the checkpoint", body = String, content_type = "text/plain"),
    (status = 503, description = "the records cannot be read", body = Problem, content_type = "application/problem+json"),
))]
pub async fn checkpoint(service: Shared) -> Result<HttpResponse, ApiError> {
    Ok(text(service.records().audit_checkpoint().await?.0))
}

/// Take the public key of the audit log
///
/// As `NAME+ID+BASE64`, the form of C2SP signed notes. Note it once, elsewhere: a key is worth as much as the way it came.
#[utoipa::path(get, path = "/v1/audit/key", tag = "audit", responses(
    (status = 200, description = "the key", body = String, content_type = "text/plain"),
    (status = 503, description = "the records cannot be read", body = Problem, content_type = "application/problem+json"),
))]
pub async fn key(service: Shared) -> Result<HttpResponse, ApiError> {
    Ok(text(format!("{}\n", service.records().audit_checkpoint().await?.1)))
}

/// Take the changes of the audit log's key
///
/// Each with its proof for the checkpoint that comes along: the old key signed the new one. Whoever noted any of the
/// keys is led to the one in force.
#[utoipa::path(get, path = "/v1/audit/keys", tag = "audit", responses(
    (status = 200, description = "the changes", body = KeyHistory),
    (status = 503, description = "the records cannot be read", body = Problem, content_type = "application/problem+json"),
))]
pub async fn keys(service: Shared) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(service.records().key_history().await?))
}

/// Prove that an entry is in the audit log
///
/// A C2SP `tlog-proof`: the entry's bytes, its place, the hashes that lead to the root, and the signed checkpoint.
#[utoipa::path(
    get, path = "/v1/audit/entries/{seq}/proof", tag = "audit",
    params(("seq" = u64, Path, description = "number of the entry, from 1")),
    responses(
        (status = 200, description = "the proof", body = String, content_type = "text/plain"),
        (status = 404, description = "there is no such entry", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn proof(seq: web::Path<u64>, service: Shared) -> Result<HttpResponse, ApiError> {
    let proof = service.records().proof(*seq).await?.ok_or(ApiError::NotFound)?;
    Ok(text(proof.to_string()))
}

/// Look through the audit log, newest first
///
/// Or through what it says of one claim: also who read what of it.
#[utoipa::path(
    get, path = "/v1/audit/entries", tag = "audit", params(EntriesQuery),
    responses(
        (status = 200, description = "a page of entries", body = EntryList),
        (status = 400, description = "`bad_query`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn entries(query: web::Query<EntriesQuery>, service: Shared) -> Result<HttpResponse, ApiError> {
    let EntriesQuery { from, limit, subject, reads } = query.into_inner();
    let limit = limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(ApiError::BadQuery("`limit` must be 1 to 200".to_owned()));
    }
    let from = from.map(|Whole(position)| position);
    Ok(HttpResponse::Ok().json(service.records().log_entries(LogQuery { subject, reads, from, limit }).await?))
}

/// Decide claims again
///
/// From the recorded evidence, each by the policy that it was decided by: the same must come out, byte for byte. What
/// differs is told with both values.
#[utoipa::path(
    post, path = "/v1/audit/replay", tag = "audit", request_body = ReplayBody,
    params(("X-Claimlens-Actor" = Option<String>, Header, description = "who asks: a short opaque name")),
    responses(
        (status = 200, description = "what came out", body = ReplayReport),
        (status = 400, description = "`body_invalid`: not JSON of this form, or more than 100 claims", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "a name is none that a claim can have", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn replay(body: web::Json<ReplayBody>, caller: Caller, service: Shared) -> Result<HttpResponse, ApiError> {
    if !(1..=100).contains(&body.claims.len()) {
        return Err(ApiError::BodyInvalid("`claims` must name 1 to 100".to_owned()));
    }
    let ids = body.claims.iter().map(|id| parse_id(id)).collect::<Result<Vec<ClaimId>, _>>()?;
    let report = service.records().replay(&ReplayOf::Claims(ids.clone()), &ReplayFrom::Evidence).await?;
    let decided = |id: &&ClaimId| !report.undecided.iter().chain(&report.erased).any(|other| other == id.as_str());
    service.note_read(&caller.0, ReadOf::Replay, ids.iter().filter(decided))?;
    Ok(HttpResponse::Ok().json(report))
}

/// Take a tile of the audit log
///
/// C2SP `tlog-tiles`, of which `/v1/audit` is the prefix: `tile/LEVEL/N` holds 256 hashes, `tile/entries/N` the bytes
/// of 256 entries, and either with `.p/W` the first W of them. No personal data stands there.
#[utoipa::path(
    get, path = "/v1/audit/tile/{tile}", tag = "audit",
    params(("tile" = String, Path, description = "the path below `tile/`, such as `0/x001/067` or `entries/000.p/12`")),
    responses(
        (status = 200, description = "the tile", body = Bytes, content_type = "application/octet-stream"),
        (status = 404, description = "there is none, or the log does not reach so far", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn tile(path: web::Path<String>, service: Shared) -> Result<HttpResponse, ApiError> {
    let tile = path.parse().map_err(|_| ApiError::NotFound)?;
    let file = service.records().tile(&tile).await?.ok_or(ApiError::NotFound)?;
    Ok(HttpResponse::Ok().content_type(ContentType::octet_stream()).body(file))
}

/// Prove that the audit log only grew
#[utoipa::path(
    get, path = "/v1/audit/consistency", tag = "audit", params(Span),
    responses(
        (status = 200, description = "the proof", body = Consistency),
        (status = 400, description = "`bad_query`: the log is shorter, or the later state is the smaller", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn consistency(span: web::Query<Span>, service: Shared) -> Result<HttpResponse, ApiError> {
    let Span { old, new } = span.into_inner();
    let hashes = service.records().consistency(old, new).await?.ok_or_else(shorter)?;
    Ok(HttpResponse::Ok().json(Consistency { old, new, hashes }))
}

fn shorter() -> ApiError {
    ApiError::BadQuery("the log is shorter than that, or `new` is smaller than `old`".to_owned())
}

/// Take the evidence pack of a claim
///
/// Everything the audit log commits to of this claim, with the proofs, to be checked offline; the photos are told by their
/// hashes. It holds personal data.
#[utoipa::path(
    get, path = "/v1/claims/{id}/evidence", tag = "audit",
    params(("id" = String, Path, description = "Name of the claim here")),
    responses(
        (status = 200, description = "the pack", body = Object),
        (status = 404, description = "there is no such claim", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn evidence(path: web::Path<String>, caller: Caller, service: Shared) -> Result<HttpResponse, ApiError> {
    let id = parse_id(&path)?;
    let pack = service.records().evidence_pack(&id).await?;
    service.note_read(&caller.0, ReadOf::Evidence, [&id])?;
    Ok(HttpResponse::Ok().json(pack))
}
