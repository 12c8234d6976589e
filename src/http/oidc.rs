//! Signing in at an OpenID Connect issuer: off to it, and back.
//!
//! People follow these by their browsers, so whatever goes wrong ends at the sign-in page, which says it in a sentence.

use super::Shared;
use super::error::{ApiError, Problem};
use super::session::{self, Kept};
use crate::service::oidc::{ATTEMPT_LASTS, OidcRefusal, Returned};
use crate::service::{Service, ServiceError};
use actix_web::cookie::{SameSite, time};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

/// The cookie that a sign-in under way keeps. The way back comes from the issuer's site; a strict one would stay behind.
const ATTEMPT: Kept = Kept { host: "__Host-claimlens-oidc", loopback: "claimlens-oidc", same_site: SameSite::Lax };

/// In which ways people may sign in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct WaysView {
    /// By an API key.
    key: bool,
    /// At an OpenID Connect issuer: send the browser to `/v1/session/oidc`.
    oidc: bool,
}

/// What the issuer sends back.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Back {
    /// As it was sent there.
    state: Option<String>,
    /// What the issuer changes for a token.
    code: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    /// Who answers.
    iss: Option<String>,
}

fn sent_to(address: &str) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, address));
    response
}

/// Where the sign-in page says what went wrong; everything that is not the sign-in's affair stays a problem.
fn told(error: ServiceError) -> Result<actix_web::HttpResponseBuilder, ApiError> {
    match error {
        ServiceError::SignIn(refusal) => {
            tracing::warn!(why = refusal.code(), "a sign-in at the issuer came to nothing");
            Ok(sent_to(&format!("/?signin={}", refusal.code())))
        }
        other => Err(other.into()),
    }
}

/// Counts an attempt to sign in at the issuer; where there is none nothing is tried.
fn is_one_too_many(request: &HttpRequest, service: &Service) -> bool {
    service.has_issuer() && session::count(request, service).is_err()
}

/// Where the sign-in page says that there were too many attempts.
fn too_many() -> HttpResponse {
    sent_to("/?signin=too_many").finish()
}

/// In which ways may people sign in?
#[utoipa::path(get, path = "/v1/session/ways", tag = "session", responses(
    (status = 200, description = "the ways", body = WaysView),
))]
pub async fn ways(service: Shared) -> HttpResponse {
    HttpResponse::Ok().json(WaysView { key: true, oidc: service.has_issuer() })
}

/// Sign in at the issuer
///
/// For browsers: sends them to the OpenID Connect issuer that `serve --oidc-issuer` names, which sends them back to
/// `/v1/session/oidc/callback`.
#[utoipa::path(get, path = "/v1/session/oidc", tag = "session", responses(
    (status = 303, description = "on to the issuer, or to the sign-in page with `?signin=` and why not"),
    (status = 500, description = "`internal`: a fault of the service", body = Problem,
        content_type = "application/problem+json"),
))]
pub async fn begin(request: HttpRequest, service: Shared) -> Result<HttpResponse, ApiError> {
    if is_one_too_many(&request, &service) {
        return Ok(too_many());
    }
    match service.begin_sign_in().await {
        Ok((secret, address)) => {
            let lasts = time::Duration::seconds(ATTEMPT_LASTS.as_secs() as i64);
            Ok(sent_to(&address).cookie(ATTEMPT.cookie(&request, secret.expose(), lasts)).finish())
        }
        Err(error) => Ok(told(error)?.finish()),
    }
}

/// Back from the issuer
///
/// For browsers: sets the session's cookie if the issuer vouches for the person and names a role, and sends them on to
/// the workbench.
#[utoipa::path(get, path = "/v1/session/oidc/callback", tag = "session", params(Back), responses(
    (status = 303, description = "on to the workbench, or to the sign-in page with `?signin=` and why not"),
    (status = 500, description = "`internal`: a fault of the service", body = Problem,
        content_type = "application/problem+json"),
    (status = 503, description = "the session cannot be kept at present", body = Problem,
        content_type = "application/problem+json"),
))]
pub async fn callback(request: HttpRequest, back: web::Query<Back>, service: Shared) -> Result<HttpResponse, ApiError> {
    if is_one_too_many(&request, &service) {
        return Ok(too_many());
    }
    let Back { state, code, error, iss } = back.into_inner();
    let secret = ATTEMPT.of(&request).unwrap_or_default();
    let done = ATTEMPT.cookie(&request, "", time::Duration::ZERO);
    match service.end_sign_in(&secret, Returned { state, code, error, iss }).await {
        Ok((_, session)) => Ok(sent_to("/").cookie(done).cookie(session::set(&request, &session)).finish()),
        // A sign-in that another one overtook keeps that one's cookie.
        Err(ServiceError::SignIn(OidcRefusal::Stale)) => Ok(told(OidcRefusal::Stale.into())?.finish()),
        Err(error) => Ok(told(error)?.cookie(done).finish()),
    }
}
