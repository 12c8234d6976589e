//! The retake check: what to do better with a photo, before it is submitted.

use super::Shared;
use super::error::{ApiError, Problem};
use super::form;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

/// What `POST /v1/photos:check` takes, as `multipart/form-data`; or the photo's bytes alone, as they are.
#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the form to OpenAPI; `form` reads it")]
pub struct PhotoForm {
    /// Exactly one part: JPEG, PNG, WebP, HEIC or PDF.
    #[schema(value_type = String, format = Binary)]
    photo: Vec<u8>,
}

/// Bytes as they are.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes bodies to OpenAPI")]
pub struct Bytes(Vec<u8>);

/// What a first look at a photo shows.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the answer to OpenAPI; `service::check` makes it")]
pub struct PhotoCheck {
    /// Whether nothing stands in the way of reading it, as far as was looked.
    ok: bool,
    /// What to do better: `code` (`blurred`, `glare`, `cut_off`, `text_too_small`, `too_dark`, `too_small`,
    /// `not_a_document`, `several_documents`, `file_damaged`; more may be added), `message` in `en` and `zh`, and
    /// `region`, where it is a place.
    retake: Vec<Value>,
    /// Width and height after EXIF orientation, pixels. Places are in these pixels.
    size: [u32; 2],
    /// The sheet's corners, clockwise; `null` if no sheet stands out from what it lies on.
    sheet: Option<[[f64; 2]; 4]>,
    /// Measures, as in a decision. `text_height_px` is an estimate here.
    quality: Value,
    /// Which page of a PDF was looked at: 1. Absent for other formats.
    page: Option<u32>,
    /// How many pages the PDF has. Absent for other formats.
    pages: Option<u32>,
    /// Wall time: `decode`, `check`, `total`.
    timing_ms: Value,
}

/// Check a photo before submitting it
///
/// For the camera screen of an app: tells within a fraction of a second whether to take the photo again, before any
/// text is read. Makes no claim; the photo is neither kept nor logged. A photo that passes may still go to a person.
/// Of a PDF the first page is looked at, which `page` and `pages` tell.
#[utoipa::path(
    post, path = "/v1/photos:check", tag = "photos",
    request_body(content(
        (PhotoForm = "multipart/form-data"),
        (Bytes = "image/jpeg"),
        (Bytes = "image/png"),
        (Bytes = "image/webp"),
        (Bytes = "image/heic"),
        (Bytes = "application/pdf"),
    )),
    responses(
        (status = 200, description = "it was looked at; `ok` tells how it is", body = PhotoCheck),
        (status = 413, description = "`photo_too_large`, `body_too_large`; `too_many_photos`: a PDF of too many pages", body = Problem,
            content_type = "application/problem+json"),
        (status = 415, description = "`photo_unsupported`: no format that is read", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`photo_unreadable`, `photo_empty`: as it would be in a claim", body = Problem,
            content_type = "application/problem+json"),
        (status = "4XX", description = "the form is not as it must be", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn check(request: HttpRequest, payload: web::Payload, service: Shared) -> Result<HttpResponse, ApiError> {
    let mut room = service.room();
    let photo = form::read_photo(request.headers(), payload, &mut room, service.intake_limits()).await?;
    Ok(HttpResponse::Ok().json(service.check(photo).await?))
}
