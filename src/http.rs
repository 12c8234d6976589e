//! The HTTP face: the route list, and the OpenAPI document made from the handlers.
//!
//! Who may take which route stands in [`access`].

pub mod access;
mod actor;
mod audit;
mod cards;
mod check;
mod claims;
pub mod client;
mod codes;
mod described;
mod docs;
mod documents;
mod erase;
mod error;
mod etag;
mod fhir;
mod forecast;
mod form;
mod gate;
mod number;
mod oidc;
mod ops;
mod policy;
mod request;
mod reviews;
mod schema;
pub mod server;
mod session;
mod shift;
mod skills;
mod tasks;
pub mod tls;
mod vigilance;
mod webhooks;
mod workbench;

use crate::service::Service;
use actix_web::error::QueryPayloadError;
use actix_web::http::Method;
use actix_web::{ResponseError, web};
use described::Described;
use error::ApiError;
use utoipa::OpenApi;

/// The OpenAPI document, generated from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "claimlens",
        description = "Reads photos of medical bills, invoices and receipts, checks them, and answers auto_approve or \
                       human_review with reasons."
    ),
    paths(
        claims::submit,
        claims::list,
        claims::get,
        gate::outcome,
        gate::get,
        gate::reopen,
        policy::get,
        policy::backtest,
        cards::get,
        cards::put,
        skills::get,
        skills::put,
        claims::related,
        reviews::queue,
        reviews::case,
        reviews::next,
        reviews::claim,
        reviews::release,
        reviews::decide,
        reviews::escalate,
        reviews::note,
        reviews::undo,
        reviews::appeal,
        reviews::withdraw,
        reviews::photos,
        tasks::list,
        tasks::done,
        tasks::nudge,
        audit::checkpoint,
        audit::key,
        audit::keys,
        audit::entries,
        audit::replay,
        audit::proof,
        audit::consistency,
        audit::tile,
        audit::evidence,
        documents::picture,
        erase::erase,
        codes::reasons,
        webhooks::add,
        webhooks::list,
        webhooks::resume,
        webhooks::forget,
        check::check,
        session::sign_in,
        session::get,
        session::sign_out,
        oidc::ways,
        oidc::begin,
        oidc::callback,
        workbench::root,
        ops::healthz,
        ops::readyz,
        ops::stats,
        forecast::get,
        shift::shift,
        vigilance::vigilance,
        ops::metrics,
        ops::openapi,
        docs::docs
    ),
    modifiers(&Described)
)]
pub struct ApiDocument;

/// All routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .app_data(web::QueryConfig::default().error_handler(|error, _| bad_query(&error).into()))
        .app_data(web::PathConfig::default().error_handler(|_, _| ApiError::NotFound.into()))
        .app_data(gate::json())
        .service(resource("/v1/claims").get(claims::list).post(claims::submit))
        .service(resource("/v1/claims/{id}").get(claims::get))
        .service(resource("/v1/claims/{id}/outcome").post(gate::outcome))
        .service(resource("/v1/claims/{id}/erase").post(erase::erase))
        .service(resource("/v1/claims/{id}/appeal").post(reviews::appeal))
        .service(resource("/v1/claims/{id}/withdraw").post(reviews::withdraw))
        .service(resource("/v1/claims/{id}/nudge").post(tasks::nudge))
        .service(resource("/v1/claims/{id}/photos").post(reviews::photos))
        .service(resource("/v1/claims/{id}/related").get(claims::related))
        .service(resource("/v1/claims/{id}/photos/{n}/{picture}").get(documents::picture))
        .service(resource("/v1/photos:check").post(check::check))
        .service(resource("/v1/claims/{id}/evidence").get(audit::evidence))
        .service(resource("/v1/audit/checkpoint").get(audit::checkpoint))
        .service(resource("/v1/audit/key").get(audit::key))
        .service(resource("/v1/audit/keys").get(audit::keys))
        .service(resource("/v1/audit/entries").get(audit::entries))
        .service(resource("/v1/audit/replay").post(audit::replay))
        .service(resource("/v1/audit/entries/{seq}/proof").get(audit::proof))
        .service(resource("/v1/audit/tile/{tile:.*}").get(audit::tile))
        .service(resource("/v1/audit/consistency").get(audit::consistency))
        .service(resource("/v1/reviews").get(reviews::queue))
        .service(resource("/v1/reviews/next").post(reviews::next))
        .service(resource("/v1/reviews/{id}").get(reviews::case))
        .service(resource("/v1/reviews/{id}/claim").post(reviews::claim))
        .service(resource("/v1/reviews/{id}/release").post(reviews::release))
        .service(resource("/v1/reviews/{id}/decide").post(reviews::decide))
        .service(resource("/v1/reviews/{id}/escalate").post(reviews::escalate))
        .service(resource("/v1/reviews/{id}/note").post(reviews::note))
        .service(resource("/v1/reviews/{id}/undo").post(reviews::undo))
        .service(resource("/v1/reviews/{id}/tasks/{task}/done").post(tasks::done))
        .service(resource("/v1/tasks").get(tasks::list))
        .service(resource("/v1/gate").get(gate::get))
        .service(resource("/v1/gate/reopen").post(gate::reopen))
        .service(resource("/v1/policy").get(policy::get))
        .service(resource("/v1/policy/backtest").post(policy::backtest))
        .service(resource("/v1/cards").get(cards::get).put(cards::put))
        .service(resource("/v1/skills").get(skills::get).put(skills::put))
        .service(resource("/v1/reasons").get(codes::reasons))
        .service(resource("/v1/webhooks").get(webhooks::list).post(webhooks::add))
        .service(resource("/v1/webhooks/{id}").delete(webhooks::forget))
        .service(resource("/v1/webhooks/{id}/resume").post(webhooks::resume))
        .service(resource("/v1/session").get(session::get).post(session::sign_in).delete(session::sign_out))
        .service(resource("/v1/session/ways").get(oidc::ways))
        .service(resource("/v1/session/oidc").get(oidc::begin))
        .service(resource("/v1/session/oidc/callback").get(oidc::callback))
        .service(resource("/healthz").get(ops::healthz))
        .service(resource("/readyz").get(ops::readyz))
        .service(resource("/metrics").get(ops::metrics))
        .service(resource("/v1/stats").get(ops::stats))
        .service(resource("/v1/forecast").get(forecast::get))
        .service(resource("/v1/shift").get(shift::shift))
        .service(resource("/v1/vigilance").get(vigilance::vigilance))
        .service(resource("/openapi.json").get(ops::openapi))
        .service(resource("/docs").get(docs::docs))
        .service(resource("/docs/{file:.*}").get(docs::file))
        .service(resource("/").get(workbench::root))
        .service(resource("/workbench/{version}/{path:.*}").get(workbench::file))
        .default_service(web::to(async || ApiError::NotFound.error_response()));
}

/// Why a query cannot be read, without the values in it.
fn bad_query(error: &QueryPayloadError) -> ApiError {
    ApiError::BadQuery(match error {
        QueryPayloadError::Deserialize(error) => form::without_values(&error.to_string()),
        _ => "it is malformed".to_owned(),
    })
}

/// The routes of a process that only works claims off.
pub fn operation_routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/healthz").get(ops::healthz))
        .service(resource("/readyz").get(ops::readyz))
        .service(resource("/metrics").get(ops::metrics))
        .default_service(web::to(async || ApiError::NotFound.error_response()));
}

/// A resource that answers a method it does not know with a problem, like everything else, and whose routes have each a
/// row in [`access::TABLE`].
struct Resource(&'static str, actix_web::Resource);

fn resource(path: &'static str) -> Resource {
    let unknown = web::to(move || async move { ApiError::MethodNotAllowed(access::methods_of(path)).error_response() });
    Resource(path, web::resource(path).default_service(unknown))
}

impl Resource {
    fn get<F, Args>(self, handler: F) -> Self
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        // Who asks for the head alone gets what GET would answer, without its body.
        self.on(Method::GET, handler.clone()).on(Method::HEAD, handler)
    }

    fn post<F, Args>(self, handler: F) -> Self
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        self.on(Method::POST, handler)
    }

    fn put<F, Args>(self, handler: F) -> Self
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        self.on(Method::PUT, handler)
    }

    fn delete<F, Args>(self, handler: F) -> Self
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        self.on(Method::DELETE, handler)
    }

    fn on<F, Args>(self, method: Method, handler: F) -> Self
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        access::assert_ruled(&method, self.0);
        Self(self.0, self.1.route(web::method(method).to(handler)))
    }
}

impl actix_web::dev::HttpServiceFactory for Resource {
    fn register(self, config: &mut actix_web::dev::AppService) {
        self.1.register(config);
    }
}

type Shared = web::Data<Service>;
