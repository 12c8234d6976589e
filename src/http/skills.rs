//! Who works on which cases.

use super::Shared;
use super::actor::Caller;
use super::error::{ApiError, Problem};
use super::etag::{self, seen};
use crate::domain::skills::Skills;
use crate::service::SkillsView;
use actix_web::{HttpRequest, HttpResponse, web};

fn answer(view: &SkillsView) -> HttpResponse {
    etag::numbered(view.entry, view)
}

/// Look at who works on which cases
///
/// By kind of paper and by language, with how many of the cases that wait each of those named works on, and how many
/// none of them does. Whoever is not named works on everything.
#[utoipa::path(get, path = "/v1/skills", tag = "skills", responses(
    (status = 200, description = "who works on what, and who changed it last; `ETag` for the change", body = SkillsView),
    (status = 503, description = "the records cannot be read", body = Problem, content_type = "application/problem+json"),
))]
pub async fn get(service: Shared) -> Result<HttpResponse, ApiError> {
    Ok(answer(&service.records().skills().await?))
}

/// Change who works on which cases
///
/// All of it at once, in force at once: the queue offers people what suits them, and what was put before the others since
/// its time is over or somebody asked for it. It forbids nothing: a case by its name is anybody's who may review. Who changed it stands in the audit log, of which nobody's name can be read.
#[utoipa::path(
    put, path = "/v1/skills", tag = "skills", request_body = Skills,
    params(
        ("If-Match" = Option<String>, Header, description = "ETag of the skills as seen"),
        ("X-Claimlens-Actor" = Option<String>, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "they are in force", body = SkillsView),
        (status = 400, description = "`body_invalid`: not JSON of this form; `actor_invalid`", body = Problem,
            content_type = "application/problem+json"),
        (status = 412, description = "`skills_changed`: somebody else changed them meanwhile", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`skills_invalid`: which fault, and where", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn put(
    request: HttpRequest,
    body: web::Json<Skills>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    Ok(answer(&service.records().change_skills(&body, &caller.0, seen(&request)).await?))
}
