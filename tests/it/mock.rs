//! Made-up decisions for those who build an app, over HTTP, and never among real ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::support::{TestServer, config, photo};
use claimlens::service::{Service, ServiceConfig, ServiceError};
use serde_json::json;

fn made_up(config: &mut ServiceConfig) {
    config.made_up = true;
}

/// A claim for so much, with the same photo each time.
fn ask(server: &TestServer, amount: &str) -> serde_json::Value {
    let claim = json!({ "id": amount, "amount": amount, "insured": { "name": "郑试例" } }).to_string();
    let parts = [("claim", None, claim.as_bytes()), ("photo", Some("a.png"), &photo(1)[..])];
    let answer = server.post(&parts, &[("prefer", "wait=30")]);
    assert_eq!(answer.status, 200, "{amount}: {}", String::from_utf8_lossy(&answer.bytes));
    answer.json()
}

#[test]
fn an_app_meets_every_answer_by_what_it_asks_for() {
    let server = TestServer::start_with(made_up);
    for (amount, code) in [
        ("120.00", None),
        ("77.20", None),
        ("120.01", Some("total_in_words_differs")),
        ("120.02", Some("seen_before_same_number")),
        ("120.03", Some("name_differs")),
        ("120.04", Some("retake_advised")),
        ("120.05", Some("photo_unreadable")),
        ("120.06", Some("unknown_document")),
        ("120.07", Some("processing_failed")),
        ("120.08", Some("bill_too_old")),
        ("5000.00", Some("amount_above_limit")),
    ] {
        let result = ask(&server, amount);
        let decision = if code.is_some() { "human_review" } else { "auto_approve" };
        assert_eq!(result["decision"], decision, "{amount}: {}", result["reasons"]);
        let reasons = result["reasons"].as_array().unwrap();
        assert!(code.is_none_or(|code| reasons.iter().any(|reason| reason["code"] == code)), "{amount}: {reasons:?}");
        assert_eq!(result["versions"]["runtime"], "made-up", "nobody takes it for a real one");
    }
}

#[test]
fn made_up_decisions_and_real_ones_never_share_records() {
    for first in [true, false] {
        let mut server = TestServer::start_with(move |config| config.made_up = first);
        let claim = json!({ "id": "1" }).to_string();
        let parts = [("claim", None, claim.as_bytes()), ("photo", Some("a.png"), &photo(1)[..])];
        assert_eq!(server.post(&parts, &[("prefer", "wait=30")]).status, 200);
        server.stop();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        for again in [true, false] {
            let mut config = config(&server.data);
            config.made_up = again;
            match runtime.block_on(Service::open(config)) {
                Ok(service) => {
                    assert_eq!(again, first);
                    runtime.block_on(service.drain(std::time::Duration::ZERO));
                }
                Err(error) => {
                    assert_ne!(again, first);
                    assert!(matches!(error, ServiceError::MadeUp { records } if records == first), "{error}");
                }
            }
        }
    }
}
