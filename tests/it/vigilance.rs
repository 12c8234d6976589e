//! Blind pairs and known cases from the outside: what people see of them, what comes of them, and the figures.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::reviews::{Desk, assert_pack_holds, on_each_database};
use crate::support::{Part, photo};
use serde_json::{Value, json};
use std::time::Duration;

on_each_database! {
    two_rule_without_knowing_of_each_other
    a_known_case_looks_like_any_other_and_counts_nowhere_else
}

/// Until a verdict can no longer be taken back.
fn settle() {
    std::thread::sleep(Duration::from_millis(10_200));
}

fn approve() -> Value {
    json!({ "verdict": "approve", "note": "it fits" })
}

fn reject() -> Value {
    json!({ "verdict": "reject", "note": "painted over", "reason": "altered" })
}

impl Desk {
    fn rule(&self, id: &str, who: &str, verdict: Value) -> Value {
        self.claim(id, who);
        self.step(id, "decide", who, verdict)
    }

    fn seen(&self, id: &str, who: &str) -> Value {
        let answer = self.server.get_as(&format!("/v1/reviews/{id}"), who);
        assert_eq!(answer.headers["etag"], format!("\"{}\"", answer.json()["steps"]));
        answer.json()
    }

    fn listed(&self, query: &str, who: &str) -> Vec<String> {
        let page = self.server.get_as(&format!("/v1/reviews{query}"), who).json();
        page["cases"].as_array().unwrap().iter().map(|case| case["id"].as_str().unwrap().to_owned()).collect()
    }

    fn review(&self, id: &str, who: &str) -> Value {
        self.server.get_as(&format!("/v1/claims/{id}"), who).json()["review"].clone()
    }
}

fn kinds(case: &Value) -> Vec<&str> {
    case["timeline"].as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect()
}

fn two_rule_without_knowing_of_each_other(database: Option<String>) {
    let desk = Desk::start_with(database, |config| config.reviews.blind_pairs_ppm = 1_000_000);
    let [alike, apart, back] = [1, 2, 3].map(|seed| desk.submit(seed, "12.00"));
    // Fewer than two others ruled lately: there would be no third where two differ.
    for (seed, who) in [(8, "rv-8"), (9, "rv-9")] {
        let alone = desk.submit(seed, "12.00");
        assert_eq!(desk.rule(&alone, who, approve())["state"], "closed");
        assert_eq!(kinds(&desk.seen(&alone, "viewer")), ["opened", "claimed", "decided"]);
    }

    let first = desk.rule(&alike, "rv-1", reject());
    assert_eq!((&first["state"], &first["verdict"]), (&json!("closed"), &json!("reject")));
    assert_eq!((kinds(&first), &first["may"]), (vec!["opened", "claimed", "decided"], &json!(["note", "undo"])));
    desk.rule(&apart, "rv-1", approve());
    desk.rule(&back, "rv-1", approve());
    let taken_back = desk.step(&back, "undo", "rv-1", json!({}));
    assert_eq!((&taken_back["state"], &taken_back["holder"]), (&json!("held"), &json!("rv-1")));
    assert_eq!(
        (&desk.seen(&alike, "rv-2")["state"], &desk.seen(&alike, "rv-2")["holder"]),
        (&json!("held"), &json!("rv-1"))
    );
    settle();

    // For the first it is ruled, wherever they look; for the others it was let go of.
    let first = desk.seen(&alike, "rv-1");
    assert_eq!((&first["state"], &first["may"]), (&json!("closed"), &json!(["note"])));
    assert!(!desk.listed("?limit=100", "rv-1").contains(&alike));
    assert!(desk.listed("?state=closed", "rv-1").contains(&alike));
    assert_eq!(desk.review(&alike, "rv-1")["state"], "decided");
    assert_eq!(desk.refused(&alike, "claim", "rv-1", json!({})), (409, "case_closed".to_owned()));
    assert_eq!(desk.post("/v1/reviews/next", "rv-1", &json!({})).status, 204, "nor is it given to them");
    let noted = desk.step(&alike, "note", "rv-1", json!({ "note": "surely painted over" }));
    assert_eq!(noted["steps"], 4);
    let second = desk.seen(&alike, "rv-2");
    assert_eq!((&second["state"], &second["verdict"], &second["steps"]), (&json!("open"), &Value::Null, &json!(3)));
    assert_eq!(kinds(&second), ["opened", "claimed", "released"]);
    let told = second["timeline"].to_string();
    assert!(!told.contains("painted over") && !told.contains("altered") && !told.contains("reject"), "{told}");
    let waits = desk.listed("?limit=100", "rv-2");
    assert!(waits.contains(&alike) && waits.contains(&apart));
    assert!(!desk.listed("?state=closed", "rv-2").contains(&alike));
    for who in ["viewer", "rv-2", "app-1"] {
        assert_eq!(desk.review(&alike, who)["state"], "waiting_for_person", "{who}");
    }
    let counts = |who: &str| desk.server.get_as("/v1/reviews", who).json()["counts"]["open"].clone();
    assert_eq!((counts("rv-1"), counts("rv-2")), (json!(0), json!(2)));
    assert_eq!(desk.server.get("/v1/vigilance").json()["half"], 2);

    // Alike, and it is closed as that; otherwise, and a third rules.
    desk.claim(&alike, "rv-2");
    assert_eq!(desk.step(&alike, "decide", "rv-2", reject())["state"], "closed");
    let ruled = desk.rule(&apart, "rv-2", reject());
    assert_eq!((&ruled["state"], kinds(&ruled).pop()), (&json!("closed"), Some("decided")));
    settle();
    assert_eq!(kinds(&desk.seen(&alike, "rv-1")), ["opened", "claimed", "paired", "noted", "claimed", "agreed"]);
    let told = desk.review(&alike, "app-1");
    assert_eq!(
        (&told["state"], &told["verdict"], &told["reason"]),
        (&json!("decided"), &json!("reject"), &json!("altered"))
    );
    let open = desk.seen(&apart, "rv-3");
    assert_eq!((&open["state"], &open["escalated"]), (&json!("open"), &json!(true)));
    assert_eq!(kinds(&open), ["opened", "claimed", "paired", "claimed", "parted"]);
    for who in ["rv-1", "rv-2"] {
        assert_eq!(desk.refused(&apart, "claim", who, json!({})), (403, "same_reviewer".to_owned()));
    }
    assert_eq!(desk.review(&apart, "app-1")["state"], "waiting_for_person");
    assert_eq!(desk.rule(&apart, "rv-3", approve())["state"], "closed");

    let figures = desk.server.get("/v1/vigilance").json();
    assert_eq!(
        (&figures["half"], &figures["all"]["agreed"]["n"], &figures["all"]["agreed"]["of"]),
        (&json!(0), &json!(1), &json!(2))
    );
    let names: Vec<&Value> = figures["reviewers"].as_array().unwrap().iter().map(|one| &one["reviewer"]).collect();
    assert_eq!(names, ["rv-1", "rv-2"]);
    desk.assert_sound();
    assert_pack_holds(&desk, &apart);
}

fn a_known_case_looks_like_any_other_and_counts_nowhere_else(database: Option<String>) {
    let desk = Desk::start_with(database, |config| {
        let policy = config.policy.take().unwrap();
        config.policy = Some(policy.replace("review_share = 0", "review_share = 1"));
    });
    let send = |seed: u8, known: &str| {
        let claim = json!({ "id": format!("K-{seed}"), "amount": "10.60" }).to_string();
        let (name, bytes) = (format!("good-{seed}.png"), photo(seed));
        let mut parts: Vec<Part<'_>> = vec![("claim", None, claim.as_bytes()), ("photo", Some(&name), &bytes)];
        parts.push(("known", None, known.as_bytes()));
        desk.server.post(&parts, &[("Prefer", "wait=30"), ("x-claimlens-actor", "ad-1")])
    };
    for wrong in ["request_photos", "", "no"] {
        assert_eq!(send(9, wrong).problem(), (422, "known_invalid".to_owned()));
    }
    // Both are sound to the program: only who sent them knows better.
    let [forged, sound] = [(1, "reject"), (2, "approve")].map(|(seed, known)| {
        let answer = send(seed, known).json();
        assert_eq!(
            (&answer["decision"], &answer["review"]["state"]),
            (&json!("human_review"), &json!("waiting_for_person"))
        );
        let drawn = |reason: &Value| reason["code"] == "drawn_by_lot";
        assert!(answer["reasons"].as_array().unwrap().iter().any(drawn), "{}", answer["reasons"]);
        answer["id"].as_str().unwrap().to_owned()
    });
    assert_eq!(kinds(&desk.case(&forged)), ["opened"]);
    assert!(!desk.case(&forged).to_string().contains("known"));
    assert_eq!(desk.listed("?limit=100", "rv-1").len(), 2);
    assert_eq!(desk.rule(&forged, "rv-1", approve())["state"], "closed");
    assert_eq!(desk.rule(&sound, "rv-2", reject())["state"], "closed");
    assert_eq!(kinds(&desk.case(&forged)), ["opened", "claimed", "decided"]);
    // Nothing is to be paid, and the gate learns nothing from it.
    for task in ["payment", "refusal_notice"] {
        assert_eq!(desk.server.get(&format!("/v1/tasks?kind={task}")).json()["tasks"], json!([]));
    }
    let said = json!({ "outcome": "wrong", "source": "sample", "by": "rv-1" });
    assert_eq!(desk.post(&format!("/v1/claims/{forged}/outcome"), "rv-1", &said).status, 200);
    assert_eq!(desk.server.get("/v1/gate").json()["audited"], 0);
    let stats = desk.server.get("/v1/stats").json();
    assert_eq!((&stats["claims"], &stats["decisions"]), (&json!({}), &json!({})));
    assert_eq!((&stats["promises"]["kept"], &stats["promises"]["overdue"]), (&json!(0), &json!(0)));

    let figures = desk.server.get("/v1/vigilance").json();
    let all = &figures["all"];
    assert_eq!((&all["missed"]["n"], &all["missed"]["of"]), (&json!(1), &json!(1)));
    assert_eq!((&all["refused"]["n"], &all["refused"]["of"]), (&json!(1), &json!(1)));
    assert!(all["missed"]["low"].as_f64().unwrap() > 0.02 && all["missed"]["high"] == 1.0, "{all}");
    assert_eq!((&figures["unruled"], all["kappa"].is_null()), (&json!(0), true));
    // Auditors find in the log which they were.
    let entries = desk.server.get("/v1/audit/entries?limit=100").json();
    let known = entries["entries"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "claim_known");
    assert_eq!(known.count(), 2);
    desk.assert_sound();
}

#[test]
fn a_key_does_not_take_a_real_claim_for_one_whose_end_is_known() {
    let desk = Desk::start_with(None, |config| {
        let policy = config.policy.take().unwrap();
        config.policy = Some(policy.replace("review_share = 0", "review_share = 1"));
    });
    let (picture, key) = (photo(8), [("Idempotency-Key", "k")]);
    let real: [Part<'_>; 2] = [("claim", None, br#"{ "id": "K-8" }"#), ("photo", Some("good.png"), &picture)];
    let seeded = [&real[..], &[("known", None, b"reject")]].concat();
    assert_eq!(desk.server.post(&seeded, &key).status, 200);
    assert_eq!(desk.server.post(&seeded, &key).status, 200, "sent again");
    assert_eq!(desk.server.post(&real, &key).problem(), (422, "idempotency_key_reused".to_owned()));
}

#[test]
fn known_cases_take_a_policy_under_which_sound_claims_come_to_people() {
    let desk = Desk::start_with(None, |_| {});
    let claim = json!({ "id": "K-1", "amount": "10.60" }).to_string();
    let parts: [Part<'_>; 3] =
        [("claim", None, claim.as_bytes()), ("photo", Some("good.png"), &photo(1)), ("known", None, b"approve")];
    assert_eq!(desk.server.post(&parts, &[]).problem(), (409, "known_told".to_owned()));
}
