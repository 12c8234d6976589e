//! Webhooks: who is told of what happens to claims.

use super::Shared;
use super::error::{ApiError, Problem};
use super::number::Whole;
use crate::service::{Event, WebhookView};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

/// A webhook to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Where messages go: `https://`, a public host.
    #[schema(example = "https://app.example.com/claims/hook", format = "uri")]
    url: String,
    /// What is told. All by default.
    #[serde(default = "all")]
    #[schema(min_items = 1)]
    events: Vec<Event>,
}

fn all() -> Vec<Event> {
    Event::ALL.to_vec()
}

/// Where to go on.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// Send everything again from this entry of the audit log on; without, what waits and what happens from now on.
    #[schema(value_type = Option<u64>, maximum = 9007199254740991i64)]
    from: Option<Whole>,
}

/// Every webhook.
#[derive(Serialize, utoipa::ToSchema)]
pub struct WebhookList {
    /// By name.
    webhooks: Vec<WebhookView>,
}

/// Be told of what happens to claims
///
/// Messages are signed after Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,…`, HMAC-SHA-256
/// with the secret that this answer tells once) and hold the claim's id, not what is in it: ask for the claim. A message that
/// is not answered with 2xx within 15 s is sent again after 5 s, 30 s, 5 and 30 min, 2, 5, 10, 14, 20 and 24 h; 410 turns the
/// webhook off. The same message may come twice, with the same id.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", request_body = NewWebhook,
    responses(
        (status = 201, description = "it is told of what happens from now on", body = WebhookView),
        (status = 400, description = "`body_invalid`: not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`too_many_webhooks`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`webhook_invalid`: no address that is sent to, or no events", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn add(body: web::Json<NewWebhook>, service: Shared) -> Result<HttpResponse, ApiError> {
    let NewWebhook { url, events } = body.into_inner();
    Ok(HttpResponse::Created().json(service.add_webhook(&url, &events).await?))
}

/// List webhooks
///
/// With how many messages wait, and how many were given up.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks",
    responses((status = 200, description = "every one", body = WebhookList))
)]
pub async fn list(service: Shared) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(WebhookList { webhooks: service.webhooks().await? }))
}

/// Turn a webhook on again, or send again what was sent
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/resume", tag = "webhooks", request_body = Resume,
    params(("id" = String, Path, description = "Name of the webhook")),
    responses(
        (status = 200, description = "it is on", body = WebhookView),
        (status = 400, description = "`body_invalid`: not JSON of this form", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn resume(
    path: web::Path<String>,
    body: web::Json<Resume>,
    service: Shared,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(service.resume_webhook(&path, body.from.map(|Whole(entry)| entry)).await?))
}

/// Forget a webhook
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "webhooks",
    params(("id" = String, Path, description = "Name of the webhook")),
    responses(
        (status = 204, description = "it is told nothing more"),
        (status = 404, description = "there is none", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn forget(path: web::Path<String>, service: Shared) -> Result<HttpResponse, ApiError> {
    service.drop_webhook(&path).await?;
    Ok(HttpResponse::NoContent().finish())
}
