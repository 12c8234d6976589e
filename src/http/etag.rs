//! Entity tags (RFC 9110, 8.8.3): so that nobody is sent what they have, and nobody changes what they have not seen.

use crate::domain::ContentHash;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

/// What was changed so many times, tagged with that number.
pub(super) fn numbered(number: impl std::fmt::Display, view: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::ETAG, format!("\"{number}\""))).json(view)
}

/// The number that whoever asks has seen, by `If-Match`. A tag that is none of ours matches nothing.
pub(super) fn seen(request: &HttpRequest) -> Option<i64> {
    let tag = request.headers().get(header::IF_MATCH)?;
    let tag = tag.to_str().unwrap_or_default().trim();
    (tag != "*").then(|| tag.trim_start_matches("W/").trim_matches('"').parse().unwrap_or(-1))
}

/// An answer tagged by its bytes, or that it is what the client has.
pub(super) fn hashed(request: &HttpRequest, media_type: &'static str, body: Vec<u8>) -> HttpResponse {
    let tag = strong(&body);
    if is_known(request, &tag) {
        return HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish();
    }
    HttpResponse::Ok().insert_header((header::ETAG, tag)).content_type(media_type).body(body)
}

/// The tag of these bytes.
pub(super) fn strong(bytes: &[u8]) -> String {
    format!("\"{}\"", &ContentHash::of(bytes).to_string()[..32])
}

/// Whether the client says that it has what bears this tag.
pub(super) fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn the_number_seen_is_taken_from_the_tag() {
        let of = |tag: &str| seen(&TestRequest::default().insert_header(("If-Match", tag)).to_http_request());
        assert_eq!([of("\"3\""), of("W/\"3\""), of("3")], [Some(3); 3]);
        assert_eq!([of("*"), of("\"x\""), of("")], [None, Some(-1), Some(-1)]);
        assert_eq!(seen(&TestRequest::default().to_http_request()), None);
    }

    #[test]
    fn nobody_is_sent_what_they_have() {
        let ask = |tags: &str| TestRequest::default().insert_header(("If-None-Match", tags)).to_http_request();
        let status = |request: &HttpRequest| hashed(request, "text/plain", b"body".to_vec()).status().as_u16();
        let tag = strong(b"body");
        assert_eq!([status(&ask(&tag)), status(&ask(&format!("\"other\", {tag}")))], [304; 2]);
        assert_eq!([status(&ask("\"other\"")), status(&TestRequest::default().to_http_request())], [200; 2]);
    }
}
