//! Sessions of people: a key is shown once, and a cookie stands for it from then on.
//!
//! Over TLS the cookie bears the prefix `__Host-`, which holds it to this host and to TLS. Browsers refuse such a cookie
//! over plain HTTP, so on this very machine, and only there, it has a plain name.

use super::Shared;
use super::access::{Who, is_to_loopback};
use super::client;
use super::error::{ApiError, Problem};
use crate::domain::access::Role;
use crate::service::access::SESSION_LASTS;
use crate::service::{Holder, LimitReached, Secret, Service};
use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

/// What browsers keep for this service under a name, out of reach of scripts.
pub(super) struct Kept {
    /// Over TLS.
    pub(super) host: &'static str,
    /// On this machine.
    pub(super) loopback: &'static str,
    /// From which sites they send it.
    pub(super) same_site: SameSite,
}

impl Kept {
    fn name(&self, request: &HttpRequest) -> &'static str {
        if is_to_loopback(request) { self.loopback } else { self.host }
    }

    /// What the request's cookie holds, if it has one.
    pub(super) fn of(&self, request: &HttpRequest) -> Option<String> {
        request.cookie(self.name(request)).map(|cookie| cookie.value().to_owned())
    }

    /// The cookie that holds this from now on.
    pub(super) fn cookie(&self, request: &HttpRequest, value: &str, lasts: time::Duration) -> Cookie<'static> {
        Cookie::build(self.name(request), value.to_owned())
            .path("/")
            .http_only(true)
            .secure(!is_to_loopback(request))
            .same_site(self.same_site)
            .max_age(lasts)
            .finish()
    }
}

/// The cookie that stands for a key.
const SESSION: Kept = Kept { host: "__Host-claimlens", loopback: "claimlens", same_site: SameSite::Strict };

/// A key to sign in with.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The key as `claimlens keys add` printed it.
    key: String,
}

/// Who asks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SessionView {
    /// Whether no key was ever given, so that whoever reaches the service may do everything.
    open: bool,
    /// The name that acts and readings are logged under; `null` while it is open.
    name: Option<String>,
    /// `null` while it is open.
    role: Option<Role>,
    /// The one tenant whose claims are seen; `null` if those of all are.
    tenant: Option<String>,
    /// `true` where claims are made up to try the service out, as with `serve --demo`; else left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    made_up: bool,
}

impl SessionView {
    fn of(who: &Who, service: &Service) -> Self {
        let made_up = service.is_made_up();
        let Who::Known(holder) = who else {
            return Self { open: true, name: None, role: None, tenant: None, made_up };
        };
        let Holder { name, role, scope, .. } = holder;
        let tenant = scope.tenant().map(ToString::to_string);
        Self { open: false, name: Some(name.as_str().to_owned()), role: Some(*role), tenant, made_up }
    }
}

/// What the request's cookie holds, if it has one.
pub(super) fn cookie_of(request: &HttpRequest) -> Option<String> {
    SESSION.of(request)
}

/// Counts an attempt to sign in. One without an address comes over no network.
pub(super) fn count(request: &HttpRequest, service: &Service) -> Result<(), LimitReached> {
    client::address_of(request).map_or(Ok(()), |from| service.count_sign_in(from))
}

pub(super) fn set(request: &HttpRequest, secret: &Secret) -> Cookie<'static> {
    SESSION.cookie(request, secret.expose(), time::Duration::seconds(SESSION_LASTS.as_secs()))
}

/// Sign in
///
/// Sets a cookie that stands for the key: for 12 hours, if it is used at least once an hour, and as long as the key
/// opens. For people in browsers; programs send the key itself with each request.
#[utoipa::path(
    post, path = "/v1/session", tag = "session", request_body = SignIn,
    responses(
        (status = 200, description = "signed in", body = SessionView),
        (status = 401, description = "`unauthenticated`: the key opens nothing", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "`cross_site`: sent by another site", body = Problem,
            content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`: too many attempts from this address; try again after \
            `Retry-After`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn sign_in(request: HttpRequest, body: web::Json<SignIn>, service: Shared) -> Result<HttpResponse, ApiError> {
    count(&request, &service)?;
    let (holder, secret) = service.sign_in(body.key.trim()).await?.ok_or(ApiError::Unauthenticated)?;
    let view = SessionView::of(&Who::Known(holder), &service);
    Ok(HttpResponse::Ok().cookie(set(&request, &secret)).json(view))
}

/// Who am I?
#[utoipa::path(get, path = "/v1/session", tag = "session", responses(
    (status = 200, description = "who the key or the cookie is of", body = SessionView),
))]
pub async fn get(who: Who, service: Shared) -> HttpResponse {
    HttpResponse::Ok().json(SessionView::of(&who, &service))
}

/// Sign out
#[utoipa::path(delete, path = "/v1/session", tag = "session", responses(
    (status = 204, description = "the session has ended, if there was one"),
))]
pub async fn sign_out(request: HttpRequest, who: Who, service: Shared) -> Result<HttpResponse, ApiError> {
    if let Who::Known(Holder { session: Some(session), .. }) = &who {
        service.sign_out(session).await?;
    }
    Ok(HttpResponse::NoContent().cookie(SESSION.cookie(&request, "", time::Duration::ZERO)).finish())
}
