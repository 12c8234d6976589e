//! Who may do what: one table of routes and roles, and the guard that stands before all of them.
//!
//! The guard answers whatever has no row in [`TABLE`] itself, as if it were not there, so that a route without a row
//! cannot be reached. Registering one ends the process at its start.
//!
//! As long as no key was ever given, everybody may do everything. From then on a request brings a key
//! (`Authorization: Bearer …`) or the cookie of a session.

use super::Shared;
use super::error::ApiError;
use super::session::cookie_of;
use crate::domain::access::Role::{self, Admin, Auditor, Reviewer, Submitter};
use crate::domain::{ClaimId, Scope, Tenant, gate};
use crate::service::{Holder, Service, ServiceError};
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, ResponseError};
use std::future::{Ready, ready};
use std::net::IpAddr;

/// Who may take a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Whoever reaches the service.
    Anyone,
    /// Who has one of these roles.
    Roles(&'static [Role]),
}

/// Whose affair a route is, where tenants share an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// That of the claim which the path names as `{id}`. It is not there for who does not see its tenant.
    Claim,
    /// Of the claims that the caller sees: the route itself asks [`Who::scope`].
    Seen,
    /// Of all tenants together: not for who sees one only.
    Installation,
    /// Of none.
    None,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// GET stands for HEAD as well.
    pub method: &'static str,
    /// As it is routed.
    pub path: &'static str,
    /// Who may.
    pub may: May,
    /// Whose affair it is.
    pub of: Of,
}

const fn rule(method: &'static str, path: &'static str, may: May, of: Of) -> Rule {
    Rule { method, path, may, of }
}

/// All roles.
const ALL: May = May::Roles(&Role::ALL);
/// Those who work for the installation.
const STAFF: May = May::Roles(&[Reviewer, Auditor, Admin]);
/// Those who answer for it.
const OVERSEERS: May = May::Roles(&[Auditor, Admin]);

/// Which route takes which role. An admin may do everything but decide reviews.
pub const TABLE: &[Rule] = &[
    rule("GET", "/v1/claims", ALL, Of::Seen),
    rule("POST", "/v1/claims", May::Roles(&[Submitter, Admin]), Of::Seen),
    rule("GET", "/v1/claims/{id}", ALL, Of::Claim),
    rule("POST", "/v1/claims/{id}/outcome", May::Roles(&[Reviewer, Admin]), Of::Claim),
    rule("POST", "/v1/claims/{id}/erase", May::Roles(&[Admin]), Of::Claim),
    rule("GET", "/v1/claims/{id}/related", STAFF, Of::Claim),
    // Holds everything of a claim, also what people are not to see who rule on it.
    rule("GET", "/v1/claims/{id}/evidence", OVERSEERS, Of::Claim),
    rule("GET", "/v1/claims/{id}/photos/{n}/{picture}", STAFF, Of::Claim),
    rule("POST", "/v1/photos:check", May::Roles(&[Submitter, Reviewer, Admin]), Of::None),
    // These four hold nothing but hashes, and are what a witness needs, who should not have to see any claim.
    rule("GET", "/v1/audit/checkpoint", ALL, Of::None),
    rule("GET", "/v1/audit/key", ALL, Of::None),
    rule("GET", "/v1/audit/keys", ALL, Of::None),
    rule("GET", "/v1/audit/consistency", ALL, Of::None),
    rule("GET", "/v1/audit/entries/{seq}/proof", OVERSEERS, Of::Installation),
    rule("GET", "/v1/audit/tile/{tile:.*}", OVERSEERS, Of::Installation),
    rule("POST", "/v1/audit/replay", OVERSEERS, Of::Installation),
    rule("GET", "/v1/audit/entries", OVERSEERS, Of::Installation),
    rule("POST", "/v1/claims/{id}/appeal", May::Roles(&[Submitter, Admin]), Of::Claim),
    rule("POST", "/v1/claims/{id}/withdraw", May::Roles(&[Submitter, Admin]), Of::Claim),
    rule("POST", "/v1/claims/{id}/nudge", May::Roles(&[Submitter, Admin]), Of::Claim),
    rule("POST", "/v1/claims/{id}/photos", May::Roles(&[Submitter, Admin]), Of::Claim),
    rule("GET", "/v1/reviews", May::Roles(&[Reviewer, Admin]), Of::Seen),
    rule("POST", "/v1/reviews/next", May::Roles(&[Reviewer]), Of::Seen),
    rule("GET", "/v1/reviews/{id}", May::Roles(&[Reviewer, Admin]), Of::Claim),
    rule("POST", "/v1/reviews/{id}/claim", May::Roles(&[Reviewer]), Of::Claim),
    rule("POST", "/v1/reviews/{id}/release", May::Roles(&[Reviewer]), Of::Claim),
    rule("POST", "/v1/reviews/{id}/decide", May::Roles(&[Reviewer]), Of::Claim),
    rule("POST", "/v1/reviews/{id}/escalate", May::Roles(&[Reviewer]), Of::Claim),
    rule("POST", "/v1/reviews/{id}/note", May::Roles(&[Reviewer]), Of::Claim),
    rule("POST", "/v1/reviews/{id}/undo", May::Roles(&[Reviewer]), Of::Claim),
    rule("GET", "/v1/tasks", May::Roles(&[Reviewer, Admin]), Of::Seen),
    rule("POST", "/v1/reviews/{id}/tasks/{task}/done", May::Roles(&[Reviewer]), Of::Claim),
    rule("GET", "/v1/gate", STAFF, Of::Installation),
    rule("POST", "/v1/gate/reopen", May::Roles(&[Admin]), Of::Installation),
    rule("GET", "/v1/policy", OVERSEERS, Of::Installation),
    rule("POST", "/v1/policy/backtest", OVERSEERS, Of::Installation),
    rule("GET", "/v1/stats", STAFF, Of::Installation),
    rule("GET", "/v1/cards", STAFF, Of::None),
    rule("PUT", "/v1/cards", May::Roles(&[Admin]), Of::Installation),
    rule("GET", "/v1/skills", OVERSEERS, Of::Installation),
    rule("PUT", "/v1/skills", May::Roles(&[Admin]), Of::Installation),
    rule("GET", "/v1/forecast", STAFF, Of::Installation),
    rule("GET", "/v1/shift", OVERSEERS, Of::Installation),
    rule("GET", "/v1/vigilance", OVERSEERS, Of::Installation),
    rule("GET", "/v1/reasons", ALL, Of::None),
    rule("GET", "/v1/webhooks", May::Roles(&[Admin]), Of::Installation),
    rule("POST", "/v1/webhooks", May::Roles(&[Admin]), Of::Installation),
    rule("DELETE", "/v1/webhooks/{id}", May::Roles(&[Admin]), Of::Installation),
    rule("POST", "/v1/webhooks/{id}/resume", May::Roles(&[Admin]), Of::Installation),
    rule("POST", "/v1/session", May::Anyone, Of::None),
    rule("GET", "/v1/session", ALL, Of::None),
    rule("DELETE", "/v1/session", ALL, Of::None),
    rule("GET", "/v1/session/ways", May::Anyone, Of::None),
    rule("GET", "/v1/session/oidc", May::Anyone, Of::None),
    rule("GET", "/v1/session/oidc/callback", May::Anyone, Of::None),
    rule("GET", "/healthz", May::Anyone, Of::None),
    rule("GET", "/readyz", May::Anyone, Of::None),
    rule("GET", "/metrics", OVERSEERS, Of::Installation),
    rule("GET", "/openapi.json", May::Anyone, Of::None),
    rule("GET", "/workbench/{version}/{path:.*}", May::Anyone, Of::None),
    rule("GET", "/docs", May::Anyone, Of::None),
    rule("GET", "/docs/{file:.*}", May::Anyone, Of::None),
    rule("GET", "/", May::Anyone, Of::None),
];

/// The row of a route; `None` if there is no such route.
pub fn rule_of(method: &str, path: &str) -> Option<&'static Rule> {
    let method = if method == "HEAD" { "GET" } else { method };
    TABLE.iter().find(|rule| rule.method == method && rule.path == path)
}

/// The methods that a path takes, as `Allow` names them.
pub fn methods_of(path: &str) -> String {
    let rules = TABLE.iter().filter(|rule| rule.path == path);
    rules.map(|rule| if rule.method == "GET" { "GET, HEAD" } else { rule.method }).collect::<Vec<_>>().join(", ")
}

/// Who sent the request, as the guard found it.
#[derive(Debug, Clone)]
pub enum Who {
    /// Anybody, since no key was ever given, or the route takes anybody.
    Anybody,
    /// Who has a key or is signed in.
    Known(Holder),
}

impl Who {
    /// Which claims are seen.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Anybody => Scope::All,
            Self::Known(holder) => holder.scope.clone(),
        }
    }

    /// Whose claims are that come from there.
    pub fn tenant(&self) -> Tenant {
        self.scope().tenant().cloned().unwrap_or_default()
    }

    /// Who acts: whom the key names, whatever the request says; without keys, whom the request names.
    ///
    /// # Errors
    /// If neither names anybody.
    pub fn acts(&self, given: Option<gate::Reviewer>) -> Result<gate::Reviewer, ApiError> {
        match self {
            Self::Anybody => given.ok_or_else(|| ApiError::BodyInvalid("`by` is missing".to_owned())),
            Self::Known(holder) => Ok(holder.name.clone()),
        }
    }

    /// Counts photos that are taken in.
    ///
    /// # Errors
    /// If they are more than the key may send in a day.
    pub async fn count_photos(&self, service: &Service, photos: usize) -> Result<(), ApiError> {
        match self {
            Self::Anybody => Ok(()),
            Self::Known(holder) => Ok(service.count_photos(holder, photos).await??),
        }
    }
}

impl FromRequest for Who {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.extensions().get::<Self>().cloned();
        ready(found.ok_or(ServiceError::Internal("the guard was passed by").into()))
    }
}

/// Lets a request through to its route, or answers in its place.
pub async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    match admit(&request).await {
        Ok(who) => {
            request.extensions_mut().insert(who);
            Ok(next.call(request).await?.map_into_left_body())
        }
        Err(error) => Ok(request.into_response(error.error_response()).map_into_right_body()),
    }
}

async fn admit(request: &ServiceRequest) -> Result<Who, ApiError> {
    let service = request.app_data::<Shared>().ok_or(ServiceError::Internal("there is no service"))?;
    let path = request.match_pattern().ok_or(ApiError::NotFound)?;
    let rule =
        rule_of(request.method().as_str(), &path).ok_or_else(|| ApiError::MethodNotAllowed(methods_of(&path)))?;
    let May::Roles(roles) = rule.may else {
        same_site(request, false)?;
        return Ok(Who::Anybody);
    };
    if service.is_open().await? {
        same_site(request, false)?;
        // A page from elsewhere whose name was made to stand for this machine names itself as the host.
        if !service.is_open_to_all() && !is_to_loopback(request.request()) {
            return Err(ApiError::OtherHost);
        }
        return Ok(Who::Anybody);
    }
    let holder = holder(request, service).await?;
    service.count_request(&holder)?;
    if !roles.contains(&holder.role) {
        return Err(ApiError::Forbidden(roles));
    }
    match (&holder.scope, rule.of) {
        (Scope::All, _) | (_, Of::Seen | Of::None) => {}
        (Scope::Of(_), Of::Installation) => return Err(ApiError::OneTenant),
        (scope @ Scope::Of(_), Of::Claim) => {
            // One that is another's is answered like one that is not there.
            let claim = claim_in(&path, request.path()).ok_or(ServiceError::NotFound)?;
            if !service.sees(scope, &claim).await? {
                return Err(ServiceError::NotFound.into());
            }
        }
    }
    Ok(Who::Known(holder))
}

/// Who the key or the session is of.
async fn holder(request: &ServiceRequest, service: &Service) -> Result<Holder, ApiError> {
    let known = match (bearer(request), cookie_of(request.request())) {
        (Some(key), _) => service.by_key(key).await?,
        (None, Some(session)) => {
            // Browsers send cookies along with what other sites make them send.
            same_site(request, true)?;
            service.by_session(&session).await?
        }
        (None, None) => None,
    };
    known.ok_or(ApiError::Unauthenticated)
}

/// What stands after `Bearer`; other schemes may be a proxy's.
fn bearer(request: &ServiceRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Refuses what a page of another site makes a browser send, for all methods that change something: by Fetch Metadata,
/// or by `Origin` from browsers that lack these. Who sends neither is no browser, and refused if `strict`.
fn same_site(request: &ServiceRequest, strict: bool) -> Result<(), ApiError> {
    let headers = request.headers();
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    // No page of another site can know a key.
    if request.method().is_safe() || bearer(request).is_some() {
        return Ok(());
    }
    let is_ours = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority.is_some() && authority == host(request.request())
        }
        (None, None) => !strict,
    };
    is_ours.then_some(()).ok_or(ApiError::CrossSite)
}

/// The host and port that the request was sent to, as its sender sees them.
fn host(request: &HttpRequest) -> Option<&str> {
    // HTTP/2 has it in the address.
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    named.or_else(|| request.uri().authority().map(|authority| authority.as_str()))
}

/// Whether the request was sent to this very machine by a name that no other can have.
pub(super) fn is_to_loopback(request: &HttpRequest) -> bool {
    let host = host(request).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The claim that a path names where its pattern has `{id}`.
fn claim_in(pattern: &str, path: &str) -> Option<ClaimId> {
    let place = pattern.split('/').position(|part| part == "{id}")?;
    path.split('/').nth(place)?.parse().ok()
}

/// Ends the process at its start if a route has no row.
///
/// # Panics
/// If it has none.
pub(super) fn assert_ruled(method: &Method, path: &str) {
    assert!(rule_of(method.as_str(), path).is_some(), "{method} {path} has no row in http::access::TABLE");
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn no_route_has_two_rows() {
        for (n, rule) in TABLE.iter().enumerate() {
            let same = |other: &&Rule| (other.method, other.path) == (rule.method, rule.path);
            assert_eq!(TABLE.iter().position(|other| same(&other)), Some(n), "{} {}", rule.method, rule.path);
            let names_claim = rule.path.contains("{id}") && !rule.path.starts_with("/v1/webhooks/");
            assert_eq!(rule.of == Of::Claim, names_claim, "{}", rule.path);
        }
    }

    #[test]
    fn a_path_tells_the_methods_it_takes() {
        assert_eq!(methods_of("/v1/claims"), "GET, HEAD, POST");
        assert_eq!(methods_of("/v1/webhooks/{id}"), "DELETE");
    }

    #[test]
    fn the_claim_of_a_path_is_found_by_its_pattern() {
        let id = "clm_06ah1g8q00c8f3m3c5n0u0k4ts";
        let path = format!("/v1/claims/{id}/photos/0/page");
        let found = claim_in("/v1/claims/{id}/photos/{n}/{picture}", &path);
        assert_eq!(found.map(|id| id.to_string()).as_deref(), id.parse::<ClaimId>().ok().map(|_| id));
        assert_eq!(claim_in("/v1/claims/{id}", "/v1/claims/clm%5Fx"), None);
        assert_eq!(claim_in("/v1/claims", "/v1/claims"), None);
    }

    #[test]
    fn what_another_site_makes_a_browser_send_is_refused() {
        let post = |headers: &[(&'static str, &'static str)]| {
            let request = TestRequest::post().insert_header(("host", "claims.example:8443"));
            headers.iter().fold(request, |request, header| request.insert_header(*header)).to_srv_request()
        };
        for (headers, lax, strict) in [
            (vec![], true, false),
            (vec![("sec-fetch-site", "same-origin")], true, true),
            (vec![("sec-fetch-site", "none")], true, true),
            (vec![("sec-fetch-site", "same-site")], false, false),
            (vec![("sec-fetch-site", "cross-site")], false, false),
            (vec![("sec-fetch-site", "cross-site"), ("origin", "https://claims.example:8443")], false, false),
            (vec![("origin", "https://claims.example:8443")], true, true),
            (vec![("origin", "https://claims.example")], false, false),
            (vec![("origin", "https://evil.example")], false, false),
            (vec![("origin", "null")], false, false),
        ] {
            assert_eq!(same_site(&post(&headers), false).is_ok(), lax, "{headers:?}");
            assert_eq!(same_site(&post(&headers), true).is_ok(), strict, "{headers:?}");
        }
        let get = TestRequest::get().insert_header(("sec-fetch-site", "cross-site")).to_srv_request();
        assert!(same_site(&get, true).is_ok(), "looking changes nothing");
    }

    #[test]
    fn this_machine_is_known_by_its_own_names() {
        let to =
            |host: &'static str| is_to_loopback(&TestRequest::get().insert_header(("host", host)).to_http_request());
        for host in ["127.0.0.1:8080", "127.9.9.9", "localhost", "LOCALHOST:1", "[::1]:8080", "[::1]"] {
            assert!(to(host), "{host}");
        }
        for host in ["localhost.example", "10.0.0.1", "claims.example:8080", "[::2]:1", "127.0.0.1.example", ""] {
            assert!(!to(host), "{host}");
        }
    }
}
