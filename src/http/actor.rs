//! Who asks. Until there is authentication, whom the caller names in `X-Claimlens-Actor` is taken as given.

use super::error::ApiError;
use crate::domain::gate::Reviewer;
use crate::service::Actor;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use std::future::{Ready, ready};

/// The header that names who asks: a short opaque name.
const HEADER: &str = "x-claimlens-actor";

/// Who asks.
pub struct Caller(pub Actor);

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.headers().get(HEADER) {
            None => Ok(Self(Actor::default())),
            Some(value) => {
                let name = value.to_str().ok().and_then(|name| Reviewer::try_from(name.to_owned()).ok());
                name.map(|name| Self(Actor::named(name))).ok_or(ApiError::ActorInvalid)
            }
        })
    }
}
