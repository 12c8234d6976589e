//! What went wrong, as `application/problem+json` (RFC 9457) with a stable `code`. The one table of codes is
//! [`ApiError::row`]; nothing below this floor knows a status code.

use super::request;
use crate::decision::policy::PolicyError;
use crate::domain::access::Role;
use crate::domain::review::StepRefusal;
use crate::domain::{RetakeAdvice, result};
use crate::service::review::time;
use crate::service::{
    CardsRefusal, EraseRefusal, GateRefusal, KeyRefusal, LimitReached, Refusal, ReviewRefusal, ServiceError,
    SkillsRefusal, WebhookRefusal,
};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::Value;

/// Everything the API answers besides what was asked for. The texts are what the sender is told.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// From the service. What is not the sender's fault is told without its inner cause.
    #[error("{}", told(.0))]
    Service(ServiceError),
    /// The path names nothing.
    #[error("there is nothing here")]
    NotFound,
    /// The path exists, the method does not; which do.
    #[error("this path does not take that method")]
    MethodNotAllowed(String),
    /// A query parameter is malformed.
    #[error("the query is not one this path takes: {0}")]
    BadQuery(String),
    /// The cursor is none of ours.
    #[error("the cursor is not one this service gave")]
    BadCursor,
    /// The body is no `multipart/form-data`.
    #[error("send multipart/form-data with a boundary")]
    NotMultipart,
    /// The body breaks off or is not what multipart must be.
    #[error("the body breaks off or is not well-formed")]
    Malformed,
    /// A part has a name we do not know; which there may be.
    #[error("parts are {0}")]
    UnknownPart(&'static str),
    /// The part `replaces` is no number.
    #[error("`replaces` must be the place of a photo, from 0")]
    ReplacesMalformed,
    /// The part `claim` is missing.
    #[error("the part `claim` is missing")]
    ClaimMissing,
    /// The part `claim` came twice.
    #[error("there must be exactly one part `claim`")]
    ClaimTwice,
    /// The part `claim` is too long.
    #[error("`claim` is longer than {0} bytes")]
    ClaimTooLarge(usize),
    /// The part `claim` is not JSON.
    #[error("`claim` is not JSON: {0}")]
    ClaimNotJson(String),
    /// The part `known` says nothing that a claim can end with.
    #[error("`known` must be `approve` or `reject`")]
    KnownMalformed,
    /// The body is of another type than JSON.
    #[error("send application/json")]
    NotJson,
    /// The body is not JSON of the form that the path takes.
    #[error("the body is not what this path takes, see /openapi.json: {0}")]
    BodyInvalid(String),
    /// The body is no valid policy.
    #[error(transparent)]
    PolicyInvalid(PolicyError),
    /// The header that names who asks holds no name.
    #[error("X-Claimlens-Actor must be 1 to 64 ASCII letters, digits, `-`, `_` and `.`")]
    ActorInvalid,
    /// No key and no session, or one that opens nothing; which of these is not told.
    #[error("send a key that opens, as `Authorization: Bearer clk_…`, or sign in")]
    Unauthenticated,
    /// The key is of a role that may not.
    #[error("this needs a key of {}", roles(.0))]
    Forbidden(&'static [Role]),
    /// The key sees one tenant.
    #[error("this concerns the whole installation, and the key sees one tenant of it")]
    OneTenant,
    /// A page of another site made a browser send it.
    #[error("this may have been sent by a page of another site: who comes with a cookie says from where, by `Origin`")]
    CrossSite,
    /// It was sent to a name that is not this machine's own, which another site may have made to stand for it.
    #[error("while there are no keys, only this machine's own names are answered: `localhost`, `127.0.0.1`, `[::1]`")]
    OtherHost,
    /// The key sent too much.
    #[error(transparent)]
    Limit(#[from] LimitReached),
    /// The body is too long.
    #[error("the body is longer than {0} bytes")]
    BodyTooLarge(usize),
    /// The body did not come in time.
    #[error("the body took longer than {0} s")]
    BodyTooSlow(u64),
}

/// `the role a, b or c`.
fn roles(roles: &[Role]) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    match names.split_last() {
        Some((last, [])) => format!("the role {last}"),
        Some((last, others)) => format!("the role {} or {last}", others.join(", ")),
        None => "a role that nobody has".to_owned(),
    }
}

fn told(error: &ServiceError) -> String {
    match error {
        ServiceError::Refused(refusal) => return refusal.to_string(),
        ServiceError::Gate(refusal) => return refusal.to_string(),
        ServiceError::Erase(refusal) => return refusal.to_string(),
        ServiceError::Webhook(refusal) => return refusal.to_string(),
        ServiceError::ApiKey(refusal) => return refusal.to_string(),
        ServiceError::Cards(refusal) => return refusal.to_string(),
        ServiceError::Skills(refusal) => return refusal.to_string(),
        ServiceError::Review(refusal) => return refusal.to_string(),
        ServiceError::SignIn(refusal) => return refusal.to_string(),
        ServiceError::Erased => "the claim's content was erased",
        ServiceError::NotFound => "there is no such claim, photo, picture or webhook",
        ServiceError::Busy => "too much work is waiting; try again later",
        ServiceError::Closing => "the service is shutting down",
        ServiceError::Store(_)
        | ServiceError::Files(_)
        | ServiceError::PhotosElsewhere
        | ServiceError::MadeUp { .. } => "records cannot be read or written at present",
        ServiceError::Readers(_) => "photos cannot be read at present",
        ServiceError::Policy(_) | ServiceError::PolicyAct(_) | ServiceError::Internal(_) => {
            "this is a fault of the service"
        }
    }
    .to_owned()
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Service(refusal.into())
    }
}

/// The body of every answer that is an error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Always `about:blank`: what the problem is stands in `code`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Stable, for programs. New ones may be added.
    pub code: &'static str,
    /// For people.
    pub detail: String,
    /// What to send instead of a photo that cannot be read, as `retake` of a decision: `code` (`format_unsupported`,
    /// `file_unreadable`, `several_pictures`, `pdf_encrypted`, `pdf_too_long`, `pdf_annotated`; more may be added),
    /// `message` in `en` and `zh`, and `region`, which is `null`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub retake: Vec<Value>,
    /// Of `case_held`: who holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub holder: Option<String>,
    /// Of `case_held`: until when, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub until: Option<String>,
    /// Finds the request in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl ApiError {
    /// Status and code: the one table.
    fn row(&self) -> (u16, &'static str) {
        match self {
            Self::NotFound | Self::Service(ServiceError::NotFound) => (404, "not_found"),
            Self::MethodNotAllowed(_) => (405, "method_not_allowed"),
            Self::BadQuery(_) => (400, "bad_query"),
            Self::BadCursor => (400, "bad_cursor"),
            Self::NotMultipart => (415, "not_multipart"),
            Self::Malformed => (400, "multipart_malformed"),
            Self::UnknownPart(_) => (400, "unknown_part"),
            Self::ReplacesMalformed => (422, "replaces_invalid"),
            Self::KnownMalformed => (422, "known_invalid"),
            Self::ClaimMissing => (400, "claim_missing"),
            Self::ClaimTwice => (400, "claim_twice"),
            Self::ClaimTooLarge(_) => (413, "claim_too_large"),
            Self::ClaimNotJson(_) => (400, "claim_not_json"),
            Self::NotJson => (415, "not_json"),
            Self::BodyInvalid(_) => (400, "body_invalid"),
            Self::PolicyInvalid(_) => (422, "policy_invalid"),
            Self::ActorInvalid => (400, "actor_invalid"),
            Self::Unauthenticated | Self::Service(ServiceError::SignIn(_)) => (401, "unauthenticated"),
            Self::Forbidden(_) | Self::OneTenant => (403, "forbidden"),
            Self::CrossSite | Self::OtherHost => (403, "cross_site"),
            Self::Limit(_) => (429, "rate_limited"),
            Self::BodyTooLarge(_) => (413, "body_too_large"),
            Self::BodyTooSlow(_) => (408, "body_too_slow"),
            Self::Service(ServiceError::Refused(refusal)) => match refusal {
                Refusal::PhotoMissing => (400, "photo_missing"),
                Refusal::TooManyPhotos(_) => (413, "too_many_photos"),
                Refusal::PhotoEmpty(_) => (422, "photo_empty"),
                Refusal::PhotoTooLarge(..) => (413, "photo_too_large"),
                Refusal::PhotoTooLong(..) => (413, "too_many_photos"),
                Refusal::PhotoUnsupported(..) => (415, "photo_unsupported"),
                Refusal::PhotoUnreadable(..) => (422, "photo_unreadable"),
                Refusal::ClaimInvalid(_) => (422, "claim_invalid"),
                Refusal::KnownTold => (409, "known_told"),
                Refusal::KeyInvalid => (400, "idempotency_key_invalid"),
                Refusal::KeyReused => (422, "idempotency_key_reused"),
                Refusal::KeyInFlight => (409, "idempotency_key_in_flight"),
            },
            Self::Service(ServiceError::Gate(refusal)) => match refusal {
                GateRefusal::NotAnApproval => (409, "not_an_approval"),
                GateRefusal::OutcomeRecorded => (409, "outcome_recorded"),
                GateRefusal::Open => (409, "gate_open"),
            },
            Self::Service(ServiceError::ApiKey(KeyRefusal::Unknown)) => (404, "not_found"),
            Self::Service(ServiceError::ApiKey(KeyRefusal::Ended)) => (409, "api_key_ended"),
            Self::Service(ServiceError::ApiKey(KeyRefusal::NameTaken | KeyRefusal::NameReserved)) => {
                (409, "api_key_name_taken")
            }
            Self::Service(ServiceError::Cards(refusal)) => match refusal {
                CardsRefusal::Invalid(_) => (422, "cards_invalid"),
                CardsRefusal::Changed => (412, "cards_changed"),
            },
            Self::Service(ServiceError::Skills(refusal)) => match refusal {
                SkillsRefusal::Invalid(_) => (422, "skills_invalid"),
                SkillsRefusal::Changed => (412, "skills_changed"),
            },
            Self::Service(ServiceError::Erased) => (410, "claim_erased"),
            Self::Service(ServiceError::Erase(EraseRefusal::Undecided)) => (409, "claim_undecided"),
            Self::Service(ServiceError::Webhook(refusal)) => match refusal {
                WebhookRefusal::TooMany => (409, "too_many_webhooks"),
                WebhookRefusal::BadUrl | WebhookRefusal::NoEvents => (422, "webhook_invalid"),
            },
            Self::Service(ServiceError::Review(refusal)) => match refusal {
                ReviewRefusal::ReviewerUnknown => (403, "reviewer_unknown"),
                ReviewRefusal::Step(refusal @ StepRefusal::SameReviewer) => (403, refusal.code()),
                ReviewRefusal::Step(refusal) => (409, refusal.code()),
                ReviewRefusal::Changed => (412, "case_changed"),
                ReviewRefusal::NoteInvalid => (422, "note_invalid"),
                ReviewRefusal::ReasonInvalid(_) => (422, "reason_invalid"),
                ReviewRefusal::CorrectionInvalid { .. } => (422, "correction_invalid"),
                ReviewRefusal::ReviewOpen => (409, "review_open"),
                ReviewRefusal::Withdrawn => (409, "claim_withdrawn"),
                ReviewRefusal::Undecided => (409, "claim_undecided"),
                ReviewRefusal::TaskNotOpen(_) => (409, "task_not_open"),
                ReviewRefusal::NudgedAlready(_) => (429, "nudged_already"),
                ReviewRefusal::PhotosNotTaken => (409, "photos_not_taken"),
                ReviewRefusal::ReplacesInvalid(_) => (422, "replaces_invalid"),
            },
            Self::Service(ServiceError::Busy) => (503, "busy"),
            Self::Service(ServiceError::Closing) => (503, "closing"),
            Self::Service(
                ServiceError::Store(_)
                | ServiceError::Files(_)
                | ServiceError::PhotosElsewhere
                | ServiceError::MadeUp { .. },
            ) => (503, "store_unavailable"),
            Self::Service(ServiceError::Readers(_)) => (503, "readers_unavailable"),
            Self::Service(ServiceError::Policy(_) | ServiceError::PolicyAct(_) | ServiceError::Internal(_)) => {
                (500, "internal")
            }
        }
    }

    /// What to send instead.
    fn retake(&self) -> Option<RetakeAdvice> {
        match self {
            Self::Service(ServiceError::Refused(refusal)) => refusal.retake(),
            _ => None,
        }
    }

    /// Who holds a case that somebody else wants, and until when.
    fn held(&self) -> Option<(&str, i64)> {
        match self {
            Self::Service(ServiceError::Review(ReviewRefusal::Step(StepRefusal::Held { name, until }))) => {
                Some((name, *until))
            }
            _ => None,
        }
    }

    /// Seconds after which to try again, where that makes sense.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Service(ServiceError::Busy | ServiceError::Closing) => Some(10),
            Self::Service(ServiceError::Store(_) | ServiceError::Files(_) | ServiceError::Readers(_)) => Some(30),
            Self::Service(ServiceError::Refused(Refusal::KeyInFlight)) => Some(1),
            Self::Service(ServiceError::Review(ReviewRefusal::NudgedAlready(seconds))) => Some(*seconds),
            Self::Limit(limit) => Some(limit.retry_after()),
            _ => None,
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.row().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let (_, code) = self.row();
        let status = self.status_code();
        if status.is_server_error()
            && let Self::Service(cause) = self
        {
            tracing::error!(code, error = %cause, "answered with an error");
        }
        let mut response = HttpResponse::build(status);
        if let Some(seconds) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        match self {
            Self::Unauthenticated => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"claimlens\""));
            }
            Self::MethodNotAllowed(methods) => {
                response.insert_header((header::ALLOW, methods.as_str()));
            }
            _ => {}
        }
        response.content_type("application/problem+json").json(Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: self.to_string(),
            retake: self.retake().iter().map(result::retake).collect(),
            holder: self.held().map(|(holder, _)| holder.to_owned()),
            until: self.held().map(|(_, until)| time(until)),
            request_id: request::current_id(),
        })
    }
}
