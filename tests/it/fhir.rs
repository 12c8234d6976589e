//! Claims in FHIR's form, and answers that are waited for or known already.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::support::{Answer, TestServer, agent, answer, photo};
use serde_json::json;

const FHIR: &str = "application/fhir+json";

fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Answer {
    let agent = agent();
    let mut request = agent.get(format!("http://127.0.0.1:{}{path}", server.port));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(request.call())
}

#[test]
fn a_fhir_claim_is_answered_with_a_claim_response() {
    let server = TestServer::start_with(|config| config.made_up = true);
    let claim = |amount: f64| {
        json!({
            "resourceType": "Claim", "status": "active", "use": "claim", "identifier": [{ "value": "F-1" }],
            "contained": [{ "resourceType": "Patient", "id": "p", "name": [{ "text": "郑试例" }] }],
            "patient": { "reference": "#p" }, "total": { "value": amount, "currency": "CNY" },
        })
    };
    let send = |claim: serde_json::Value, headers: &[(&str, &str)]| {
        let claim = claim.to_string();
        server.post(&[("claim", None, claim.as_bytes()), ("photo", Some("a.png"), &photo(1)[..])], headers)
    };
    let approved = send(claim(88.0), &[("accept", FHIR)]);
    assert_eq!((approved.status, approved.headers["content-type"].as_str()), (200, FHIR));
    let response = approved.json();
    assert_eq!(response["resourceType"], "ClaimResponse");
    assert_eq!(
        (&response["outcome"], &response["request"]["identifier"]["value"]),
        (&json!("complete"), &json!("F-1"))
    );
    assert_eq!(response["extension"][0], json!({ "url": "urn:claimlens:decision", "valueCode": "auto_approve" }));
    let location = approved.headers["location"].clone();
    let ours = get(&server, &location, &[]).json();
    assert_eq!(ours["claim"]["id"], "F-1");
    assert_eq!(response["identifier"][0]["value"], ours["id"]);
    let held = send(claim(88.01), &[("accept", FHIR)]).json();
    assert_eq!(held["outcome"], "queued", "a person decides");
    let reasons: Vec<_> = held["extension"].as_array().unwrap().iter().map(|one| &one["valueCode"]).collect();
    assert!(reasons.contains(&&json!("total_in_words_differs")), "{reasons:?}");
    let notes = held["processNote"].as_array().unwrap();
    assert_eq!(notes.len(), 2 * (reasons.len() - 1), "each reason in two languages");
    let wrong = send(json!({ "resourceType": "Claim" }), &[]).problem();
    assert_eq!(wrong, (422, "claim_invalid".to_owned()));
}

#[test]
fn a_decision_can_be_waited_for_and_is_not_sent_twice() {
    let server = TestServer::start_with(|config| config.made_up = true);
    let claim = json!({ "id": "slow", "amount": "10.09" }).to_string();
    let parts = [("claim", None, claim.as_bytes()), ("photo", Some("a.png"), &photo(1)[..])];
    let accepted = server.post(&parts, &[("prefer", "respond-async")]);
    assert_eq!((accepted.status, accepted.json()["status"].clone()), (202, json!("processing")));
    let path = accepted.headers["location"].clone();
    assert_eq!(get(&server, &path, &[]).json()["status"], "processing", "it is not waited for unasked");
    let decided = get(&server, &path, &[("prefer", "wait=60")]);
    assert_eq!(decided.json()["decision"], "auto_approve");
    let tag = decided.headers["etag"].clone();
    let again = get(&server, &path, &[("if-none-match", &tag)]);
    assert_eq!((again.status, again.bytes.len()), (304, 0));
    assert_eq!(get(&server, &path, &[("if-none-match", "\"another\"")]).status, 200);
}
