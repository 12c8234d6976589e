//! Pictures of a claim's photos.

use super::Shared;
use super::actor::Caller;
use super::check::Bytes;
use super::claims::parse_id;
use super::error::{ApiError, Problem};
use crate::service::{PictureKind, ReadOf};
use actix_web::http::header;
use actix_web::{HttpResponse, web};

/// Look at a photo
///
/// `original` is what was uploaded, byte for byte, and so a whole PDF; `page` the normalised page; `overlay` the upload with boxes and
/// field names drawn on it; `heatmap` the upload in grey with the places that look altered. The last three exist once the claim is
/// decided.
#[utoipa::path(
    get, path = "/v1/claims/{id}/photos/{n}/{picture}", tag = "claims",
    params(
        ("id" = String, Path, description = "Name of the claim here"),
        ("n" = usize, Path, description = "Which document, from 0, in the order of upload; each page of a PDF is one"),
        ("picture" = String, Path, description = "`original`, `page`, `overlay` or `heatmap`"),
    ),
    responses(
        (status = 200, description = "the picture", content_type = "image/jpeg", body = Bytes),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn picture(
    path: web::Path<(String, usize, String)>,
    caller: Caller,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    let (id, n, kind) = path.into_inner();
    let (kind, of) = match kind.as_str() {
        "original" => (PictureKind::Original, ReadOf::Original),
        "page" => (PictureKind::Page, ReadOf::Page),
        "overlay" => (PictureKind::Overlay, ReadOf::Overlay),
        "heatmap" => (PictureKind::Heatmap, ReadOf::Heatmap),
        _ => return Err(ApiError::NotFound),
    };
    let id = parse_id(&id)?;
    let picture = service.picture(&id, n, kind).await?;
    service.note_read(&caller.0, of, [&id])?;
    let mut response = HttpResponse::Ok();
    response.content_type(picture.media_type.as_str());
    if !picture.media_type.starts_with("image/") {
        response.insert_header((header::CONTENT_DISPOSITION, "attachment"));
    }
    Ok(response.body(picture.bytes))
}
