//! Reading the multipart body: limits hold while it streams in, so that nothing over them is ever held in memory.

use super::error::ApiError;
use crate::domain::Claim;
use crate::service::{IntakeLimits, Refusal, Submission, Upload};
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

/// Reads claim and photos out of a request's body.
///
/// # Errors
/// Names the limit or rule that was broken first.
pub async fn read(headers: &HeaderMap, payload: Payload, limits: &IntakeLimits) -> Result<Submission, ApiError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let body =
        Counted { payload: Rc::new(RefCell::new(payload)), left: Rc::new(Cell::new(limits.body)), over: Rc::default() };
    let outcome = if announced.is_some_and(|n: usize| n > limits.body) {
        Err(ApiError::BodyTooLarge(limits.body))
    } else {
        let parts = read_parts(Multipart::new(headers, body.clone()), limits);
        match tokio::time::timeout(limits.body_time, parts).await {
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

async fn read_parts(mut parts: Multipart, limits: &IntakeLimits) -> Result<Submission, ApiError> {
    let (mut claim, mut photos) = (None, Vec::new());
    while let Some(part) = parts.next().await {
        let mut part = part.map_err(refuse)?;
        match part.name() {
            Some("claim") if claim.is_some() => return Err(ApiError::ClaimTwice),
            Some("claim") => {
                let bytes = collect(&mut part, limits.claim, || ApiError::ClaimTooLarge(limits.claim)).await?;
                claim = Some(parse_claim(&bytes)?);
            }
            Some("photo") if photos.len() == limits.photos => return Err(Refusal::TooManyPhotos(limits.photos).into()),
            Some("photo") => {
                let n = photos.len();
                let name = part.content_disposition().and_then(|d| d.get_filename()).unwrap_or_default().to_owned();
                let bytes = collect(&mut part, limits.photo, || Refusal::PhotoTooLarge(n, limits.photo).into()).await?;
                photos.push(Upload { name, bytes });
            }
            _ => return Err(ApiError::UnknownPart),
        }
    }
    let claim = claim.ok_or(ApiError::ClaimMissing)?;
    Ok(Submission { claim: Some(claim), photos, now: None })
}

async fn collect(part: &mut Field, limit: usize, over: impl Fn() -> ApiError) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.next().await {
        let chunk = chunk.map_err(refuse)?;
        if bytes.len() + chunk.len() > limit {
            return Err(over());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn parse_claim(bytes: &[u8]) -> Result<Claim, ApiError> {
    Claim::from_json(bytes).map_err(|e| match e.classify() {
        // Well-formed, but not a claim: an unknown, missing or repeated member, or one of another type.
        serde_json::error::Category::Data => Refusal::ClaimInvalid(without_values(&e.to_string())).into(),
        _ => ApiError::ClaimNotJson(e.to_string()),
    })
}

/// The parser's words without the value it stumbled over, which may be a person's name or number.
fn without_values(words: &str) -> String {
    // `invalid type: string "…", expected an object at line 1 column 20`: what was expected comes last.
    let from_end = |mark: &str| words.rfind(mark).map(|at| &words[at + mark.len()..]);
    if words.starts_with("invalid ") {
        return from_end(", expected ")
            .map_or_else(|| "a value is invalid".to_owned(), |rest| format!("expected {rest}"));
    }
    if words.starts_with("unknown field ") {
        return from_end("`, expected ")
            .map_or_else(|| "unknown member".to_owned(), |rest| format!("unknown member; known are {rest}"));
    }
    words.to_owned()
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
