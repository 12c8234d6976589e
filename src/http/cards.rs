//! Which cards of a case a queue shows.

use super::Shared;
use super::actor::Caller;
use super::error::{ApiError, Problem};
use super::etag::{self, seen};
use crate::domain::cards::Cards;
use crate::service::CardsView;
use actix_web::{HttpRequest, HttpResponse, web};

fn answer(view: &CardsView) -> HttpResponse {
    etag::numbered(view.entry, view)
}

/// Look at the cards that a queue shows
///
/// A case is shown as the first of the queues says whose `kind` and `reason` it has, or else as `rest` says. Until an
/// admin says otherwise every case shows every card.
#[utoipa::path(get, path = "/v1/cards", tag = "cards", responses(
    (status = 200, description = "the cards, and who changed them last; `ETag` for the change", body = CardsView),
    (status = 503, description = "the records cannot be read", body = Problem, content_type = "application/problem+json"),
))]
pub async fn get(service: Shared) -> Result<HttpResponse, ApiError> {
    Ok(answer(&service.records().cards().await?))
}

/// Change the cards that a queue shows
///
/// All of them at once, in force from the next case that is opened. Who changed them to what stands in the audit log.
#[utoipa::path(
    put, path = "/v1/cards", tag = "cards", request_body = Cards,
    params(
        ("If-Match" = Option<String>, Header, description = "ETag of the cards as seen"),
        ("X-Claimlens-Actor" = Option<String>, Header, description = "who asks: a short opaque name"),
    ),
    responses(
        (status = 200, description = "they are in force", body = CardsView),
        (status = 400, description = "`body_invalid`: not JSON of this form; `actor_invalid`", body = Problem,
            content_type = "application/problem+json"),
        (status = 412, description = "`cards_changed`: somebody else changed them meanwhile", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`cards_invalid`: which fault, and where", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn put(
    request: HttpRequest,
    body: web::Json<Cards>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    Ok(answer(&service.records().change_cards(&body, &caller.0, seen(&request)).await?))
}
