//! Who asks: whom the key names. Without keys, whom the caller names in `X-Claimlens-Actor` is taken as given.

use super::access::Who;
use super::error::ApiError;
use crate::domain::gate::Reviewer;
use crate::service::Actor;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use std::future::{Ready, ready};

/// The header that names who asks where there are no keys: a short opaque name.
const HEADER: &str = "x-claimlens-actor";

/// Who asks, by the name that is logged, and as the guard found it.
pub struct Caller(pub Actor, pub Who);

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let who = match Who::from_request(request, payload).into_inner() {
            Ok(who) => who,
            Err(error) => return ready(Err(error)),
        };
        // One that no name can stand in is refused whoever asks, as the API's document says.
        let given = request.headers().get(HEADER).map(|value| {
            value.to_str().ok().and_then(|name| Reviewer::try_from(name.to_owned()).ok()).ok_or(ApiError::ActorInvalid)
        });
        ready(given.transpose().map(|given| match &who {
            Who::Known(holder) => Self(holder.actor(), who),
            Who::Anybody => Self(given.map(Actor::named).unwrap_or_default(), who),
        }))
    }
}
