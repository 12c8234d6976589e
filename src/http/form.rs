//! Reading the multipart body: limits hold while it streams in, so that nothing over them is ever held in memory.

use super::error::ApiError;
use super::fhir;
use crate::domain::Claim;
use crate::domain::review::CaseVerdict;
use crate::service::{Actor, IntakeLimits, Refusal, Room, Submission, Upload};
use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Bytes, Payload};
use futures_util::{Stream, StreamExt};
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// After a refusal so much more of the body is read and dropped, for so long: a client that is still sending would
/// otherwise see a broken connection in place of the answer.
const LINGER_BYTES: usize = 64 << 20;
const LINGER: Duration = Duration::from_secs(10);

/// The body's stream with a count of its bytes, shared so that the rest can be dropped after a refusal.
#[derive(Clone)]
struct Counted {
    payload: Rc<RefCell<Payload>>,
    left: Rc<Cell<usize>>,
    over: Rc<Cell<bool>>,
}

impl Stream for Counted {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.payload.borrow_mut().poll_next_unpin(cx);
        if let Poll::Ready(Some(Ok(chunk))) = &next {
            match self.left.get().checked_sub(chunk.len()) {
                Some(left) => self.left.set(left),
                None => {
                    self.over.set(true);
                    return Poll::Ready(Some(Err(PayloadError::Overflow)));
                }
            }
        }
        next
    }
}

/// Reads claim and photos out of a request's body, and how it has to end if that stands there, said by nobody yet.
///
/// # Errors
/// Names the limit or rule that was broken first.
pub async fn read(
    headers: &HeaderMap,
    payload: Payload,
    room: &mut Room,
    limits: &IntakeLimits,
) -> Result<Submission, ApiError> {
    receive(headers, payload, limits, async |body| read_parts(Multipart::new(headers, body), room, limits).await).await
}

/// Reads photos that come later, and the place of one that they stand for, out of a request's body.
///
/// # Errors
/// Names the limit or rule that was broken first.
pub async fn read_more(
    headers: &HeaderMap,
    payload: Payload,
    room: &mut Room,
    limits: &IntakeLimits,
) -> Result<(Vec<Upload>, Option<usize>), ApiError> {
    let parts = async |body| {
        let mut parts = Multipart::new(headers, body);
        let (mut photos, mut replaces) = (Vec::new(), None);
        while let Some(part) = parts.next().await {
            let mut part = part.map_err(refuse)?;
            match part.name() {
                Some("photo") => photos.push(photo(&mut part, photos.len(), room, limits).await?),
                Some("replaces") if replaces.is_none() => {
                    let bytes = collect(&mut part, room, 20, || ApiError::ReplacesMalformed).await?;
                    let place = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
                    replaces = Some(place.ok_or(ApiError::ReplacesMalformed)?);
                }
                _ => return Err(ApiError::UnknownPart("one or more `photo` and at most one `replaces`")),
            }
        }
        Ok((photos, replaces))
    };
    receive(headers, payload, limits, parts).await
}

/// A part `photo`, the nth of a form.
async fn photo(part: &mut Field, n: usize, room: &mut Room, limits: &IntakeLimits) -> Result<Upload, ApiError> {
    if n == limits.photos {
        return Err(Refusal::TooManyPhotos(limits.photos).into());
    }
    let name = part.content_disposition().and_then(|d| d.get_filename()).unwrap_or_default().to_owned();
    let bytes = collect(part, room, limits.photo, || Refusal::PhotoTooLarge(n, limits.photo).into()).await?;
    Ok(Upload { name, bytes })
}

/// Reads one photo out of a request's body: the part `photo` of a form, or the body itself if it is no form.
///
/// # Errors
/// Names the limit or rule that was broken first.
pub async fn read_photo(
    headers: &HeaderMap,
    payload: Payload,
    room: &mut Room,
    limits: &IntakeLimits,
) -> Result<Vec<u8>, ApiError> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let too_large = || Refusal::PhotoTooLarge(0, limits.photo).into();
    if !media_type.to_ascii_lowercase().starts_with("multipart/") {
        let body = async |mut body: Counted| collect(&mut body, room, limits.photo, too_large).await;
        return receive(headers, payload, limits, body).await;
    }
    let parts = async |body| {
        let mut parts = Multipart::new(headers, body);
        let mut photo = None;
        while let Some(part) = parts.next().await {
            let mut part = part.map_err(refuse)?;
            match (part.name(), &photo) {
                (Some("photo"), None) => photo = Some(collect(&mut part, room, limits.photo, too_large).await?),
                (Some("photo"), Some(_)) => return Err(Refusal::TooManyPhotos(1).into()),
                _ => return Err(ApiError::UnknownPart("one `photo`")),
            }
        }
        photo.ok_or(Refusal::PhotoMissing.into())
    };
    receive(headers, payload, limits, parts).await
}

/// Reads a request's body as text of at most so many bytes.
///
/// # Errors
/// If it is longer, does not come in time or is no UTF-8.
pub async fn read_text(
    headers: &HeaderMap,
    payload: Payload,
    room: &mut Room,
    limits: &IntakeLimits,
    most: usize,
) -> Result<String, ApiError> {
    let body = async |mut body: Counted| collect(&mut body, room, most, || ApiError::BodyTooLarge(most)).await;
    let bytes = receive(headers, payload, limits, body).await?;
    String::from_utf8(bytes).map_err(|_| ApiError::BodyInvalid("it is no UTF-8".to_owned()))
}

/// Runs `take` on a request's body, under the limits on its length and time.
async fn receive<T>(
    headers: &HeaderMap,
    payload: Payload,
    limits: &IntakeLimits,
    take: impl AsyncFnOnce(Counted) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let body =
        Counted { payload: Rc::new(RefCell::new(payload)), left: Rc::new(Cell::new(limits.body)), over: Rc::default() };
    let outcome = if announced.is_some_and(|n: usize| n > limits.body) {
        Err(ApiError::BodyTooLarge(limits.body))
    } else {
        match tokio::time::timeout(limits.body_time, take(body.clone())).await {
            Ok(outcome) => outcome,
            Err(_) => return Err(ApiError::BodyTooSlow(limits.body_time.as_secs())),
        }
    };
    let outcome = if body.over.get() { Err(ApiError::BodyTooLarge(limits.body)) } else { outcome };
    if outcome.is_err() && announced.is_none_or(|n| n <= limits.body + LINGER_BYTES) {
        drop_rest(&body).await;
    }
    outcome
}

async fn drop_rest(body: &Counted) {
    body.left.set(LINGER_BYTES);
    let mut rest = body.clone();
    let rest = async { while let Some(Ok(_)) = rest.next().await {} };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

async fn read_parts(mut parts: Multipart, room: &mut Room, limits: &IntakeLimits) -> Result<Submission, ApiError> {
    let (mut claim, mut photos, mut known) = (None, Vec::new(), None);
    while let Some(part) = parts.next().await {
        let mut part = part.map_err(refuse)?;
        match part.name() {
            Some("claim") if claim.is_some() => return Err(ApiError::ClaimTwice),
            Some("claim") => {
                let bytes = collect(&mut part, room, limits.claim, || ApiError::ClaimTooLarge(limits.claim)).await?;
                claim = Some(parse_claim(&bytes)?);
            }
            Some("photo") => photos.push(photo(&mut part, photos.len(), room, limits).await?),
            Some("known") if known.is_none() => {
                let bytes = collect(&mut part, room, 20, || ApiError::KnownMalformed).await?;
                let verdict = std::str::from_utf8(&bytes).ok().and_then(|text| CaseVerdict::parse(text.trim()));
                let verdict = verdict.filter(|verdict| *verdict != CaseVerdict::RequestPhotos);
                known = Some(verdict.ok_or(ApiError::KnownMalformed)?);
            }
            _ => return Err(ApiError::UnknownPart("one `claim` and one or more `photo`")),
        }
    }
    let claim = claim.ok_or(ApiError::ClaimMissing)?;
    let known = known.map(|verdict| (verdict, Actor::default()));
    Ok(Submission { claim: Some(claim), photos, now: None, known })
}

/// All bytes of a part or a body, refused as `over` says where they exceed `limit`.
async fn collect<E: Into<Fault>>(
    from: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
    room: &mut Room,
    limit: usize,
    over: impl Fn() -> ApiError,
) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = from.next().await {
        let chunk = chunk.map_err(|e| e.into().0)?;
        if bytes.len() + chunk.len() > limit {
            return Err(over());
        }
        room.take(chunk.len()).await?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Why a part or a body could not be read, as it is answered.
struct Fault(ApiError);

impl From<MultipartError> for Fault {
    fn from(error: MultipartError) -> Self {
        Self(refuse(error))
    }
}

impl From<PayloadError> for Fault {
    fn from(_: PayloadError) -> Self {
        Self(ApiError::Malformed)
    }
}

fn parse_claim(bytes: &[u8]) -> Result<Claim, ApiError> {
    Claim::from_json(bytes).or_else(|e| match e.classify() {
        // Well-formed, but not a claim of our own form: an unknown, missing or repeated member, or one of another type.
        serde_json::error::Category::Data => {
            let of_fhir = serde_json::from_slice(bytes).ok().and_then(|json| fhir::claim_of(&json));
            let refused = || Err(without_values(&e.to_string()));
            of_fhir.unwrap_or_else(refused).map_err(|why| Refusal::ClaimInvalid(why).into())
        }
        _ => Err(ApiError::ClaimNotJson(e.to_string())),
    })
}

/// The parser's words without the value it stumbled over, which may be a person's name or number.
pub(super) fn without_values(words: &str) -> String {
    // `invalid type: string "…", expected an object at line 1 column 20`: what was expected comes last.
    let expected = || words.rfind(", expected ").map(|at| &words[at + ", expected ".len()..]);
    let known = |what: &str| expected().map_or_else(|| what.to_owned(), |rest| format!("{what}; known are {rest}"));
    if words.starts_with("missing field ") || words.starts_with("duplicate field ") {
        words.to_owned()
    } else if words.starts_with("unknown field ") {
        known("unknown member")
    } else if words.starts_with("unknown variant ") {
        known("unknown value")
    } else if let Some(rest) = expected() {
        format!("expected {rest}")
    } else {
        "a value is invalid".to_owned()
    }
}

fn refuse(error: MultipartError) -> ApiError {
    match error {
        MultipartError::ContentTypeMissing
        | MultipartError::ContentTypeParse
        | MultipartError::ContentTypeIncompatible
        | MultipartError::BoundaryMissing => ApiError::NotMultipart,
        _ => ApiError::Malformed,
    }
}
