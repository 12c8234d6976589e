//! What people do with claims that a person has to look at: the queue, a case, and the steps taken with it.

use super::Shared;
use super::actor::Caller;
use super::claims::{ClaimAnswer, parse_id};
use super::error::{ApiError, Problem};
use super::etag::{self, is_known, seen};
use super::form;
use super::number::Whole;
use crate::domain::review::{CaseState, CaseVerdict};
use crate::domain::skills::Language;
use crate::domain::tasks::TaskKind;
use crate::domain::{ClaimId, Fen};
use crate::service::review::{Ask, CaseView, QueueAsk, QueueOrder, QueuePage, ReviewRefusal, Ruling};
use crate::service::{ReadOf, Service, ServiceError};
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::iter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Nothing more to say.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NothingBody {}

/// A body that says nothing: there is none, `null`, or an empty object.
pub(super) struct Nothing;

impl FromRequest for Nothing {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut body) = (request.clone(), payload.take());
        Box::pin(async move {
            let Some(first) = body.next().await else { return Ok(Self) };
            let mut whole: Payload = Payload::Stream { payload: Box::pin(iter([first]).chain(body)) };
            web::Json::<Option<NothingBody>>::from_request(&request, &mut whole).await?;
            Ok(Self)
        })
    }
}

/// An order to work on a case.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimBody {
    /// Even if somebody else holds it.
    takeover: bool,
}

/// Which case comes next.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "order": "due", "kind": "medical_outpatient_bill" }))]
pub struct NextBody {
    /// Which is the most urgent. Default `due`.
    order: QueueOrder,
    /// With this code among the reasons.
    reason: Option<String>,
    /// Whose first paper is of this kind.
    kind: Option<String>,
    /// With a paper in this language.
    language: Option<Language>,
    /// With such a task that is not done.
    task: Option<TaskKind>,
    /// Also of what they do not work on, if an admin said what they do.
    any: bool,
    /// Of at least this amount, such as `100.00`.
    #[schema(pattern = r"^[0-9]{1,13}\.[0-9]{2}$")]
    min: Option<String>,
    /// Of at most this amount.
    #[schema(pattern = r"^[0-9]{1,13}\.[0-9]{2}$")]
    max: Option<String>,
}

/// A value put right.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectionBody {
    /// In which document, from 0.
    #[schema(value_type = u64, maximum = 9007199254740991i64)]
    document: Whole,
    /// Of which field.
    #[schema(example = "total")]
    field: String,
    /// What stands there, in the form that a result has it.
    #[schema(example = "13.00")]
    value: String,
}

/// A verdict.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "verdict": "reject", "note": "the total was painted over", "reason": "altered" }))]
pub struct DecideBody {
    /// What is ruled.
    verdict: CaseVerdict,
    /// Why, in 1 to 2000 characters. The audit log holds only its salted hash, and senders never see it.
    #[schema(
        max_length = 2000,
        pattern = r"^[\t\n\r ]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
    )]
    note: String,
    /// Why, by its code, of a rejection (`not_covered`, `altered`, `repeated`, `not_the_insured`, `unreadable`,
    /// `wrong_amount`, `other`) or a request for photos (`blurred`, `cut_off`, `glare`, `page_missing`, `wrong_document`,
    /// `other`). Senders see it.
    reason: Option<String>,
    /// Values put right.
    #[serde(default)]
    corrections: Vec<CorrectionBody>,
}

/// Something to note.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteBody {
    /// 1 to 2000 characters. The audit log holds only their salted hash.
    #[schema(
        max_length = 2000,
        pattern = r"^[\t\n\r ]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
    )]
    pub(super) note: String,
}

/// What an appeal or a withdrawal says.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "note": "the second page was overlooked" }))]
pub struct AppealBody {
    /// Why, in at most 2000 characters.
    #[schema(
        max_length = 2000,
        pattern = r"^[\t\n\r ]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
    )]
    note: Option<String>,
}

/// What `POST /v1/claims/{id}/photos` takes, as `multipart/form-data`.
#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the form to OpenAPI; `form` reads it")]
pub struct PhotosForm {
    /// One or more parts of this name: JPEG, PNG, WebP, HEIC or PDF.
    #[schema(value_type = Vec<String>, format = Binary, min_items = 1, max_items = 20)]
    photo: Vec<u8>,
    /// The place, from 0, of a photo that these stand for: it is decided of no longer.
    #[schema(required = false, maximum = 9007199254740991i64)]
    replaces: usize,
}

pub(super) fn answer(view: &CaseView) -> HttpResponse {
    etag::numbered(view.summary.steps, view)
}

pub(super) fn wrong(why: &str) -> ApiError {
    ApiError::BadQuery(why.to_owned())
}

fn amount(text: &str) -> Result<Fen, ApiError> {
    Fen::parse(text).filter(|fen| fen.0 >= 0).ok_or_else(|| wrong("an amount must be as 100.00"))
}

/// Reads a query in which a parameter may come again.
fn queue_ask(query: &[(String, String)]) -> Result<(QueueAsk, Option<String>), ApiError> {
    let (mut ask, mut cursor) = (QueueAsk { limit: 20, ..QueueAsk::default() }, None);
    for (name, value) in query {
        match name.as_str() {
            "state" => {
                let state = CaseState::ALL.into_iter().find(|state| state.as_str() == value);
                ask.states.push(state.ok_or_else(|| wrong("there is no such `state`"))?);
            }
            "mine" => ask.mine = value.parse().map_err(|_| wrong("`mine` must be true or false"))?,
            "reason" => ask.reason = Some(value.clone()),
            "kind" => ask.kind = Some(value.clone()),
            "language" => {
                let language = Language::parse(value);
                ask.language = Some(language.ok_or_else(|| wrong("there is no such `language`"))?);
            }
            "suited" => ask.suited = value.parse().map_err(|_| wrong("`suited` must be true or false"))?,
            "task" => {
                let task = TaskKind::parse(value);
                ask.task = Some(task.ok_or_else(|| wrong("there is no such `task`"))?);
            }
            "min" => ask.min = Some(amount(value)?),
            "max" => ask.max = Some(amount(value)?),
            "q" => ask.named = Some(value.trim().to_owned()).filter(|named| !named.is_empty()),
            "order" => {
                let order = QueueOrder::ALL.into_iter().find(|(name, _)| name == value);
                ask.order = order.ok_or_else(|| wrong("there is no such `order`"))?.1;
            }
            "limit" => {
                let limit = value.parse().ok().filter(|n| (1..=100).contains(n));
                ask.limit = limit.ok_or_else(|| wrong("`limit` must be 1 to 100"))?;
            }
            "cursor" => cursor = Some(value.clone()),
            _ => return Err(wrong("there is no such parameter")),
        }
    }
    Ok((ask, cursor))
}

/// Look at the queue
///
/// The cases of claims that a person has to look at: held for review, failed, or appealed. In every order those come first
/// that were escalated or of which something is over its time, then those whose claimant asked when they go on.
#[utoipa::path(
    get, path = "/v1/reviews", tag = "reviews",
    params(
        ("state" = Option<Vec<CaseState>>, Query, description = "may come again; without, `open`, `held` and `second`"),
        ("mine" = Option<bool>, Query, description = "only those that whoever asks holds"),
        ("reason" = Option<String>, Query, description = "a code that is among the reasons"),
        ("kind" = Option<String>, Query, description = "kind of the first paper"),
        ("language" = Option<Language>, Query, description = "with a paper in this language"),
        ("suited" = Option<bool>, Query, description = "only those that whoever asks works on, if an admin said what"),
        ("task" = Option<TaskKind>, Query, description = "with such a task that is not done"),
        ("min" = Option<String>, Query, pattern = r"^[0-9]{1,13}\.[0-9]{2}$",
            description = "least amount, such as `100.00`"),
        ("max" = Option<String>, Query, pattern = r"^[0-9]{1,13}\.[0-9]{2}$",
            description = "greatest amount"),
        ("q" = Option<String>, Query, description = "how the claim's name here begins, or its whole name at the sender's"),
        ("order" = Option<QueueOrder>, Query, description = "default `due`"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "1 to 100; default 20"),
        ("cursor" = Option<String>, Query,
            pattern = r"^(due|risk|oldest|amount)\.-?[0-9]{1,18}\.-?[0-9]{1,18}\.clm_[0-9a-v]{26}$",
            description = "`next` of the page before, in the same order"),
        ("If-None-Match" = Option<String>, Header, description = "ETag of the page as seen before"),
        ("X-Claimlens-Actor" = Option<String>, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "a page of the queue", body = QueuePage),
        (status = 304, description = "the page is as it was"),
        (status = 400, description = "`bad_query`, `bad_cursor`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn queue(
    request: HttpRequest,
    query: web::Query<Vec<(String, String)>>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let (mut ask, cursor) = queue_ask(&query)?;
    ask.tenant = caller.1.scope().tenant().cloned();
    let page = service.queue(&ask, cursor.as_deref(), &caller.0).await.map_err(of_cursor)?;
    list(&request, &page, page.cases.iter().map(|case| &case.id), &caller, &service)
}

/// Why there is no page: what follows nothing that there is was no cursor.
pub(super) fn of_cursor(error: ServiceError) -> ApiError {
    match error {
        ServiceError::NotFound => ApiError::BadCursor,
        other => other.into(),
    }
}

/// A page with its ETag. What it tells of cases is noted as read, unless the client has it already.
pub(super) fn list<'a>(
    request: &HttpRequest,
    page: &impl Serialize,
    told: impl IntoIterator<Item = &'a ClaimId>,
    caller: &Caller,
    service: &Service,
) -> Result<HttpResponse, ApiError> {
    let failed = |_| ServiceError::Internal("a page of cases");
    let mut seen = serde_json::to_value(page).map_err(failed)?;
    stand_still(&mut seen);
    // Weak: pages that differ in nothing but clocks that stand still are the same to who asks again and again.
    let tag = format!("W/{}", etag::strong(seen.to_string().as_bytes()));
    if is_known(request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let body = serde_json::to_vec(page).map_err(failed)?;
    service.note_read(&caller.0, ReadOf::List, told)?;
    Ok(HttpResponse::Ok().insert_header((header::ETAG, tag)).content_type("application/json").body(body))
}

/// Takes off what moves by itself: by when something is due whose clock stands still, which is later at every look.
fn stand_still(page: &mut Value) {
    match page {
        Value::Array(items) => items.iter_mut().for_each(stand_still),
        Value::Object(members) => {
            if members.get("paused") == Some(&json!(true)) || members.get("state") == Some(&json!("paused")) {
                members.remove("due_at");
            }
            members.values_mut().for_each(stand_still);
        }
        _ => {}
    }
}

/// Look at a case
///
/// With the claim, its result, everything that happened, and what whoever asks may do now.
#[utoipa::path(
    get, path = "/v1/reviews/{id}", tag = "reviews",
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("X-Claimlens-Actor" = Option<String>, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "the case; its ETag changes with everything that happens to it", body = CaseView),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn case(path: web::Path<String>, caller: Caller, service: Shared) -> Result<HttpResponse, ApiError> {
    let id = parse_id(&path)?;
    let view = service.case(&id, &caller.0).await?;
    service.note_read(&caller.0, ReadOf::Case, [&id])?;
    Ok(answer(&view))
}

/// Take the next case
///
/// The most urgent one that nobody holds, that whoever asks may rule on and that they work on. Above a limit it is drawn
/// among the twenty most urgent, so that nobody chooses.
#[utoipa::path(
    post, path = "/v1/reviews/next", tag = "reviews", request_body = NextBody,
    params(("X-Claimlens-Actor" = String, Header, description = "who asks: a short opaque name")),
    responses(
        (status = 200, description = "the case, which they hold now", body = CaseView),
        (status = 204, description = "there is none"),
        (status = 403, description = "`reviewer_unknown`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn next(body: web::Json<NextBody>, caller: Caller, service: Shared) -> Result<HttpResponse, ApiError> {
    let NextBody { order, reason, kind, language, task, any, min, max } = body.into_inner();
    let [min, max] = [min, max].map(|text| text.as_deref().map(amount).transpose());
    let tenant = caller.1.scope().tenant().cloned();
    let (suited, min, max) = (!any, min?, max?);
    let ask = QueueAsk { order, reason, kind, language, task, suited, min, max, tenant, ..QueueAsk::default() };
    let Some(view) = service.next_case(&ask, &caller.0).await? else { return Ok(HttpResponse::NoContent().finish()) };
    service.note_read(&caller.0, ReadOf::Case, [&view.summary.id])?;
    Ok(answer(&view))
}

/// Work on a case
///
/// It is theirs for 15 minutes, and with each step for 15 more.
#[utoipa::path(
    post, path = "/v1/reviews/{id}/claim", tag = "reviews", request_body = ClaimBody,
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("If-Match" = Option<String>, Header, description = "ETag of the case as seen"),
        ("X-Claimlens-Actor" = String, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "the case, which they hold now", body = CaseView),
        (status = 403, description = "`reviewer_unknown`; `same_reviewer`: another person has to rule", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`case_held`: with `holder` and `until`; `case_closed`; `case_waiting`", body = Problem,
            content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`case_changed`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn claim(
    request: HttpRequest,
    path: web::Path<String>,
    body: web::Json<ClaimBody>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let (id, ask) = (parse_id(&path)?, Ask { actor: &caller.0, seen: seen(&request) });
    let view = service.claim_case(&id, ask, body.takeover).await?;
    service.note_read(&caller.0, ReadOf::Case, [&id])?;
    Ok(answer(&view))
}

/// Let go of a case
#[utoipa::path(
    post, path = "/v1/reviews/{id}/release", tag = "reviews", request_body = Option<NothingBody>,
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("If-Match" = Option<String>, Header, description = "ETag of the case as seen"),
        ("X-Claimlens-Actor" = String, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "the case", body = CaseView),
        (status = 403, description = "`reviewer_unknown`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`case_not_held`; `case_closed`; `case_waiting`", body = Problem,
            content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`case_changed`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn release(
    request: HttpRequest,
    path: web::Path<String>,
    _: Nothing,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let ask = Ask { actor: &caller.0, seen: seen(&request) };
    Ok(answer(&service.release_case(&parse_id(&path)?, ask).await?))
}

/// Rule on a case
///
/// Only by whoever holds it. An approval above the limit waits for another person, who claims the case and decides
/// likewise: an approval closes it, anything else opens it again. Senders are told after ten seconds, in which the
/// verdict can be taken back.
#[utoipa::path(
    post, path = "/v1/reviews/{id}/decide", tag = "reviews", request_body = DecideBody,
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("If-Match" = Option<String>, Header, description = "ETag of the case as seen"),
        ("X-Claimlens-Actor" = String, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "the case", body = CaseView),
        (status = 403, description = "`reviewer_unknown`; `same_reviewer`: another person has to rule", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`case_not_held`; `case_closed`; `case_waiting`; `claim_undecided`: added photos are \
            being read", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`case_changed`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`note_invalid`; `reason_invalid`; `correction_invalid`: names document and field",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn decide(
    request: HttpRequest,
    path: web::Path<String>,
    body: web::Json<DecideBody>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let DecideBody { verdict, note, reason, corrections } = body.into_inner();
    let corrections = corrections.into_iter().map(|c| (c.document.0 as usize, c.field, c.value)).collect();
    let ask = Ask { actor: &caller.0, seen: seen(&request) };
    let ruling = Ruling { verdict, note, reason, corrections };
    Ok(answer(&service.decide_case(&parse_id(&path)?, ask, ruling).await?))
}

/// Put a case before the others
///
/// It comes first in every queue from now on, and nobody holds it.
#[utoipa::path(
    post, path = "/v1/reviews/{id}/escalate", tag = "reviews", request_body = NoteBody,
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("If-Match" = Option<String>, Header, description = "ETag of the case as seen"),
        ("X-Claimlens-Actor" = String, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "the case", body = CaseView),
        (status = 403, description = "`reviewer_unknown`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`case_held`: by somebody else; `case_closed`; `case_waiting`", body = Problem,
            content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`case_changed`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`note_invalid`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn escalate(
    request: HttpRequest,
    path: web::Path<String>,
    body: web::Json<NoteBody>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let ask = Ask { actor: &caller.0, seen: seen(&request) };
    Ok(answer(&service.escalate_case(&parse_id(&path)?, ask, &body.note).await?))
}

/// Note something about a case
#[utoipa::path(
    post, path = "/v1/reviews/{id}/note", tag = "reviews", request_body = NoteBody,
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("If-Match" = Option<String>, Header, description = "ETag of the case as seen"),
        ("X-Claimlens-Actor" = String, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "the case", body = CaseView),
        (status = 403, description = "`reviewer_unknown`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`case_changed`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`note_invalid`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn note(
    request: HttpRequest,
    path: web::Path<String>,
    body: web::Json<NoteBody>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let ask = Ask { actor: &caller.0, seen: seen(&request) };
    Ok(answer(&service.note_case(&parse_id(&path)?, ask, &body.note).await?))
}

/// Take the last verdict back
///
/// By whoever gave it, within ten seconds, as long as nothing else happened.
#[utoipa::path(
    post, path = "/v1/reviews/{id}/undo", tag = "reviews", request_body = Option<NothingBody>,
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("If-Match" = Option<String>, Header, description = "ETag of the case as seen"),
        ("X-Claimlens-Actor" = String, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "the case, which they hold again", body = CaseView),
        (status = 403, description = "`reviewer_unknown`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`too_late`; `nothing_to_undo`", body = Problem,
            content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`case_changed`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn undo(
    request: HttpRequest,
    path: web::Path<String>,
    _: Nothing,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let ask = Ask { actor: &caller.0, seen: seen(&request) };
    Ok(answer(&service.undo_case(&parse_id(&path)?, ask).await?))
}

/// Appeal
///
/// Of a claim that was approved or that a person ruled on: a person who did not rule on it before looks at it, with the
/// same evidence.
#[utoipa::path(
    post, path = "/v1/claims/{id}/appeal", tag = "claims", request_body = AppealBody,
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("X-Claimlens-Actor" = Option<String>, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "the claim, which waits for a person", body = ClaimAnswer),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`review_open`: a person has it before them; `claim_undecided`", body = Problem,
            content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`note_invalid`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn appeal(
    path: web::Path<String>,
    body: web::Json<AppealBody>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let id: ClaimId = parse_id(&path)?;
    service.appeal(&id, &caller.0, body.note.as_deref()).await?;
    Ok(HttpResponse::Ok().json(ClaimAnswer::whole(service.get(&id).await?)))
}

/// Withdraw
///
/// Takes a claim back, wherever it stands: nobody looks at it any more, and nothing opens it again. What is recorded of it
/// stays. Sent again it changes nothing.
#[utoipa::path(
    post, path = "/v1/claims/{id}/withdraw", tag = "claims", request_body = AppealBody,
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("X-Claimlens-Actor" = Option<String>, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "the claim; `review.state` is `withdrawn`", body = ClaimAnswer),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`note_invalid`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn withdraw(
    path: web::Path<String>,
    body: web::Json<AppealBody>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let id: ClaimId = parse_id(&path)?;
    service.withdraw(&id, &caller.0, body.note.as_deref()).await?;
    Ok(HttpResponse::Ok().json(ClaimAnswer::whole(service.get(&id).await?)))
}

/// Add photos
///
/// While a person has the claim before them, as when they asked for photos. A new decision follows over all photos but
/// those that others stand for; the old one stays in the records. If photos were asked for, none was left out for them
/// and the program approves, the case is closed; else a person goes on with it. The same photos sent again, as when the
/// answer was lost, are answered alike and not added twice.
#[utoipa::path(
    post, path = "/v1/claims/{id}/photos", tag = "claims",
    request_body(content = PhotosForm, content_type = "multipart/form-data"),
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("X-Claimlens-Actor" = Option<String>, Header, description = "who sends them: a short opaque name"),
    ),
    responses(
        (status = 202, description = "stored; `Location` tells where to look for the decision", body = ClaimAnswer),
        (status = 404, description = "there is no such claim", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`photos_not_taken`: no person has it before them; `claim_undecided`", body = Problem,
            content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`replaces_invalid`; `photo_empty`; `photo_unreadable`", body = Problem,
            content_type = "application/problem+json"),
        (status = "4XX", description = "refused, as `POST /v1/claims` would", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "no room or no store; try again after `Retry-After`", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn photos(
    request: HttpRequest,
    path: web::Path<String>,
    caller: Caller,
    payload: web::Payload,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let id = parse_id(&path)?;
    let mut ticket = service.admit(None).await?;
    let (photos, replaces) =
        form::read_more(request.headers(), payload, ticket.room(), service.intake_limits()).await?;
    caller.1.count_photos(&service, photos.len()).await?;
    service.add_photos(ticket, &id, photos, replaces, &caller.0).await?;
    let location = format!("/v1/claims/{id}");
    let view = service.get(&id).await?;
    Ok(HttpResponse::Accepted().insert_header((header::LOCATION, location)).json(ClaimAnswer::whole(view)))
}

impl From<ReviewRefusal> for ApiError {
    fn from(refusal: ReviewRefusal) -> Self {
        Self::Service(refusal.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_understood_or_refused() {
        let ask = |query: &[(&str, &str)]| {
            let query: Vec<_> = query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            queue_ask(&query)
        };
        let (asked, cursor) = ask(&[("state", "held"), ("state", "open"), ("min", "1.50"), ("q", " ")]).unwrap();
        assert_eq!(
            (asked.states, asked.min, asked.named),
            (vec![CaseState::Held, CaseState::Open], Some(Fen(150)), None)
        );
        assert_eq!((asked.limit, cursor), (20, None));
        for wrong in [("state", "x"), ("limit", "0"), ("limit", "101"), ("min", "-1.00"), ("order", "x"), ("x", "1")] {
            assert!(matches!(ask(&[wrong]), Err(ApiError::BadQuery(_))), "{wrong:?}");
        }
    }
}
