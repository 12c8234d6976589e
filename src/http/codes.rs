//! What codes there are, for programs that show or count them.

use crate::decision::reason_table;
use actix_web::HttpResponse;
use serde::Serialize;

/// A code of a reason.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ReasonCode {
    /// Stable.
    #[schema(example = "total_in_words_differs")]
    code: &'static str,
    /// The sentence, with `{name}` where a figure goes.
    message: Sentence,
}

/// A sentence in both languages.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Sentence {
    /// English.
    en: &'static str,
    /// Simplified Chinese.
    zh: &'static str,
}

/// Every reason.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Reasons {
    /// New ones may be added.
    reasons: Vec<ReasonCode>,
}

/// List the reasons that a decision may give
#[utoipa::path(
    get, path = "/v1/reasons", tag = "claims",
    responses((status = 200, description = "every code with its sentence", body = Reasons))
)]
pub async fn reasons() -> HttpResponse {
    let reason = |&(code, en, zh): &(_, _, _)| ReasonCode { code, message: Sentence { en, zh } };
    HttpResponse::Ok().json(Reasons { reasons: reason_table().iter().map(reason).collect() })
}
