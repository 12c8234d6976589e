//! Traces: what a collector is told of requests and of the work on claims, and that nothing waits for it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::stub;
use crate::support::{Part, TestServer, photo};
use claimlens::service::Traces;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// What names people and sums; none of it may be told.
const CLAIM: Part<'static> =
    ("claim", None, r#"{ "id": "OUTSIDE-77", "amount": "4312.05", "insured": { "name": "郑试例" } }"#.as_bytes());
const PRIVATE: [&str; 6] = ["OUTSIDE-77", "4312.05", "431205", "郑试例", "zheng", "secret=state"];

/// A collector that keeps what it is sent.
fn collector() -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    let url = stub::serve(move |asked| {
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/v1/traces"));
        assert_eq!(asked.headers["content-type"], "application/x-protobuf");
        keep.lock().unwrap().push(asked.body.clone());
        (200, "application/x-protobuf", Vec::new())
    });
    (url, kept)
}

fn spans(sent: &[Vec<u8>]) -> Vec<Span> {
    let sent = sent.iter().map(|bytes| ExportTraceServiceRequest::decode(&bytes[..]).unwrap());
    sent.flat_map(|request| request.resource_spans)
        .flat_map(|of| of.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect()
}

fn said(span: &Span, key: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_trace_tells_each_stage_of_a_claim_below_its_callers_and_nothing_of_a_person() {
    let (url, kept) = collector();
    let mut server = TestServer::start_with(move |config| config.traces = Traces::to(&url).unwrap());
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    let bytes = photo(1);
    let parts = [CLAIM, ("photo", Some("zheng-bill.png"), &bytes[..])];
    let answer = server.post(&parts, &[("traceparent", &traceparent), ("tracestate", "secret=state")]);
    assert_eq!(answer.status, 200);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/v1/claims/clm_00000000000000000000000000").status, 404);
    server.stop();
    let sent = kept.lock().unwrap().clone();
    let all = spans(&sent);
    let of_trace: Vec<&Span> = all.iter().filter(|span| hex::encode(&span.trace_id) == TRACE).collect();
    let parent = |span: &Span| match hex::encode(&span.parent_span_id).as_str() {
        CALLER => "caller".to_owned(),
        other => of_trace
            .iter()
            .find(|above| hex::encode(&above.span_id) == other)
            .map_or(format!("nowhere: {other}"), |above| above.name.clone()),
    };
    let mut tree: Vec<(String, String)> = of_trace.iter().map(|span| (parent(span), span.name.clone())).collect();
    tree.sort();
    let expected = [
        ("POST /v1/claims", "intake"),
        ("caller", "POST /v1/claims"),
        ("claim", "judge"),
        ("claim", "look_up"),
        ("claim", "queue"),
        ("claim", "read"),
        ("claim", "record"),
        ("intake", "claim"),
        ("intake", "probe"),
        ("intake", "store"),
        ("photo", "recognise"),
        ("read", "photo"),
    ];
    assert_eq!(tree, expected.map(|(above, name)| (above.to_owned(), name.to_owned())));
    let named = |name: &str| of_trace.iter().find(|span| span.name == name).unwrap();
    for (span, key, value) in [
        ("POST /v1/claims", "http.route", "/v1/claims"),
        ("POST /v1/claims", "http.request.method", "POST"),
        ("POST /v1/claims", "http.response.status_code", "200"),
        ("intake", "claimlens.claim", &id),
        ("claim", "claimlens.claim", &id),
        ("claim", "claimlens.decision", "human_review"),
    ] {
        assert_eq!(said(named(span), key).as_deref(), Some(value), "{span} {key}");
    }
    let within = |inner: &Span, outer: &Span| {
        outer.start_time_unix_nano <= inner.start_time_unix_nano && inner.end_time_unix_nano <= outer.end_time_unix_nano
    };
    for name in ["queue", "read", "look_up", "judge", "record"] {
        assert!(within(named(name), named("claim")), "{name}");
    }
    let stage = named("recognise");
    assert_eq!(stage.end_time_unix_nano - stage.start_time_unix_nano, 1_500_000, "as the reader told it");
    // The other requests are traces of their own, by their routes.
    let other: Vec<&str> = all.iter().filter(|s| hex::encode(&s.trace_id) != TRACE).map(|s| s.name.as_str()).collect();
    assert_eq!(other, ["GET /v1/claims/{id}"]);
    let raw = sent.concat();
    for private in PRIVATE {
        assert!(!raw.windows(private.len()).any(|window| window == private.as_bytes()), "{private} was sent");
    }
    assert!(raw.windows(9).any(|window| window == b"claimlens"), "it says who it is");
}

#[test]
fn a_caller_who_does_not_sample_is_followed() {
    let (url, kept) = collector();
    let mut server = TestServer::start_with(move |config| config.traces = Traces::to(&url).unwrap());
    let traceparent = format!("00-{TRACE}-{CALLER}-00");
    let bytes = photo(1);
    let answer = server.post(&[CLAIM, ("photo", None, &bytes)], &[("traceparent", &traceparent)]);
    assert_eq!(answer.status, 200);
    server.stop();
    assert_eq!(spans(&kept.lock().unwrap()), []);
}

/// Decides a claim and asks more than fits into the queue, with a collector of this kind; gives the time that
/// stopping took.
fn with_a_collector_that_is_away(url: String) -> Duration {
    let mut server = TestServer::start_with(move |config| config.traces = Traces::to(&url).unwrap());
    let bytes = photo(1);
    let start = Instant::now();
    let answer = server.post(&[CLAIM, ("photo", None, &bytes)], &[]);
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("decided")));
    assert!(start.elapsed() < Duration::from_secs(5));
    for _ in 0..2_200 {
        assert_eq!(server.get("/v1/session").status, 200);
    }
    let stopping = Instant::now();
    server.stop();
    stopping.elapsed()
}

#[test]
fn nothing_waits_for_a_collector_that_is_gone() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    assert!(with_a_collector_that_is_away(url) < Duration::from_secs(15));
}

#[test]
fn nothing_waits_for_a_collector_that_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    assert!(with_a_collector_that_is_away(url) < Duration::from_secs(15));
    drop(silent);
}
