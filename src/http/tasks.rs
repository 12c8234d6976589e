//! Tasks of cases with their clocks, and a claimant's question when it goes on.

use super::Shared;
use super::actor::Caller;
use super::claims::parse_id;
use super::error::{ApiError, Problem};
use super::etag::seen;
use super::reviews::{self, NoteBody, Nothing, NothingBody, answer, of_cursor, wrong};
use crate::domain::ClaimId;
use crate::domain::tasks::TaskKind;
use crate::service::review::{Ask, CaseView};
use crate::service::tasks::{NudgeView, TaskAsk, TaskPage};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

/// Which page of tasks.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct TaskListQuery {
    /// Only of this kind. `refusal_notice` and `payment` are told only if they are asked for.
    kind: Option<TaskKind>,
    /// Only of cases that whoever asks holds.
    mine: Option<bool>,
    /// Only those whose time is over.
    overdue: Option<bool>,
    /// Of so many cases, 1 to 100. Default 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(pattern = r"^due\.-?[0-9]{1,18}\.-?[0-9]{1,18}\.clm_[0-9a-v]{26}$")]
    cursor: Option<String>,
}

/// Look at what is to be done
///
/// Tasks of cases that are not done yet, each with its clock: they follow by rule from what holds a claim and from what
/// people did with it. By case, those that were put before the others first, then what is due first.
#[utoipa::path(
    get, path = "/v1/tasks", tag = "reviews",
    params(
        TaskListQuery,
        ("If-None-Match" = Option<String>, Header, description = "ETag of the page as seen before"),
        ("X-Claimlens-Actor" = Option<String>, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "a page of tasks", body = TaskPage),
        (status = 304, description = "the page is as it was"),
        (status = 400, description = "`bad_query`, `bad_cursor`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    request: HttpRequest,
    query: web::Query<TaskListQuery>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let TaskListQuery { kind, mine, overdue, limit, cursor } = query.into_inner();
    let limit = limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(wrong("`limit` must be 1 to 100"));
    }
    let tenant = caller.1.scope().tenant().cloned();
    let ask = TaskAsk { kind, mine: mine.unwrap_or_default(), overdue: overdue.unwrap_or_default(), tenant, limit };
    let page = service.tasks(&ask, cursor.as_deref(), &caller.0).await.map_err(of_cursor)?;
    let mut told: Vec<&ClaimId> = page.tasks.iter().map(|task| &task.case).collect();
    told.dedup();
    reviews::list(&request, &page, told, &caller, &service)
}

/// Say that a task is done
///
/// Of what is done outside, such as asking an issuer, telling those who look into fraud, sending a notice or paying. A
/// verdict ends the other tasks.
#[utoipa::path(
    post, path = "/v1/reviews/{id}/tasks/{task}/done", tag = "reviews", request_body = NoteBody,
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("task" = TaskKind, Path, description = "Which task"),
        ("If-Match" = Option<String>, Header, description = "ETag of the case as seen"),
        ("X-Claimlens-Actor" = String, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "the case", body = CaseView),
        (status = 403, description = "`reviewer_unknown`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`task_not_open`: the case has no such task that is not done, or a verdict ends it",
            body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`case_changed`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`note_invalid`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn done(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    body: web::Json<NoteBody>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let (id, kind) = path.into_inner();
    let kind = TaskKind::parse(&kind).ok_or(ApiError::NotFound)?;
    let ask = Ask { actor: &caller.0, seen: seen(&request) };
    Ok(answer(&service.finish_task(&parse_id(&id)?, ask, kind, &body.note).await?))
}

/// Ask when it goes on
///
/// While a person has the claim before them, at most once a day. That it was asked is logged, whoever looks at the claim
/// sees it, and it comes before others whose time is not over. The answer tells what happens next and by when.
#[utoipa::path(
    post, path = "/v1/claims/{id}/nudge", tag = "claims", request_body = Option<NothingBody>,
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("X-Claimlens-Actor" = Option<String>, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "what happens next and by when", body = NudgeView),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`claim_undecided`: it is being read; `case_waiting`: your papers are awaited; \
            `case_closed`; `claim_withdrawn`", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "`claim_erased`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`nudged_already`: again after `Retry-After`", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn nudge(
    path: web::Path<String>,
    _: Nothing,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(service.nudge(&parse_id(&path)?, &caller.0).await?))
}
