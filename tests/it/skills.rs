//! Who works on which cases: said by an admin, logged, and what the queue offers to whom by it; on both databases.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::reviews::{Desk, on_each_database};
use crate::support::{Answer, answer, canned};
use claimlens::audit::FaultKind;
use claimlens::domain::document::DocumentKind;
use claimlens::domain::evidence::ReadLine;
use claimlens::domain::{Bp, Quad};
use claimlens::pipeline::{ReadError, ReadOutcome};
use claimlens::service::ReadPhotos;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::slice::from_ref;
use std::sync::Arc;

on_each_database! {
    who_works_on_what_is_said_with_its_tag_and_logged_without_names
    the_queue_offers_what_suits_and_forbids_nothing
    skills_are_held_to_the_log
}

/// Reads a photo by its name: `zh-invoice…` and `en-receipt…` are such papers, of anything else nothing is read.
struct Papers(Box<dyn ReadPhotos>);

impl ReadPhotos for Papers {
    fn read(&self, source: &str, bytes: &[u8], pdf_page: Option<u32>) -> Result<ReadOutcome, ReadError> {
        let mut outcome = self.0.read(source, bytes, pdf_page)?;
        let (kind, text) = match source {
            s if s.starts_with("zh-invoice") => (DocumentKind::VatInvoice, "增值税电子普通发票"),
            s if s.starts_with("en-receipt") => (DocumentKind::TillReceipt, "OLD MILL BOOKS"),
            _ => return Ok(outcome),
        };
        outcome.reading.kind = kind;
        let polygon = Quad::rect(10.0, 10.0, 90.0, 20.0);
        outcome.reading.lines = vec![ReadLine { text: text.to_owned(), confidence: Bp(9_900), polygon }];
        Ok(outcome)
    }

    fn models(&self) -> &BTreeMap<String, String> {
        self.0.models()
    }

    fn runtime(&self) -> &str {
        self.0.runtime()
    }
}

fn start(database: Option<String>) -> Desk {
    let plain = canned(320);
    Desk::start_with(database, move |config| {
        config.load_reader = Arc::new(move || Ok(Box::new(Papers(plain()?)) as Box<dyn ReadPhotos>));
    })
}

fn put(desk: &Desk, body: &Value, tag: Option<&str>) -> Answer {
    let request = crate::support::agent().put(format!("http://127.0.0.1:{}/v1/skills", desk.server.port));
    let mut request = request.header("content-type", "application/json").header("x-claimlens-actor", "boss-1");
    if let Some(tag) = tag {
        request = request.header("if-match", tag);
    }
    answer(request.send(body.to_string().as_bytes()))
}

fn invoices() -> Value {
    json!({ "reviewers": [{ "name": "rv-zh", "kinds": ["vat_invoice"], "languages": ["zh"] }] })
}

fn who_works_on_what_is_said_with_its_tag_and_logged_without_names(database: Option<String>) {
    let desk = start(database);
    let first = desk.server.get("/v1/skills");
    assert_eq!(first.headers["etag"], "\"0\"");
    let none = json!({ "cases": 0, "unsuited": 0, "of": [] });
    let nobody = json!({ "skills": { "reviewers": [] }, "entry": 0, "at": null, "by": null, "open": none });
    assert_eq!(first.json(), nobody);

    let changed = put(&desk, &invoices(), Some("\"0\""));
    assert_eq!(changed.status, 200, "{changed:?}");
    let view = changed.json();
    assert_eq!((&view["skills"], &view["by"]), (&invoices(), &json!("boss-1")));
    assert_eq!(view["open"], json!({ "cases": 0, "unsuited": 0, "of": [{ "name": "rv-zh", "cases": 0 }] }));
    let again = desk.server.get("/v1/skills");
    assert_eq!((&again.headers["etag"], again.json()), (&format!("\"{}\"", view["entry"]), view.clone()));

    // Somebody who saw what was before is told, and changes nothing.
    assert_eq!(put(&desk, &invoices(), Some("\"0\"")).problem(), (412, "skills_changed".to_owned()));
    let twice = json!({ "reviewers": [{ "name": "rv-1" }, { "name": "RV-1" }] });
    let refused = put(&desk, &twice, None);
    assert_eq!(refused.json()["detail"], "reviewer 2 is named before");
    assert_eq!(refused.problem(), (422, "skills_invalid".to_owned()));
    for wrong in [json!({}), json!({ "reviewers": [{ "name": "a b" }] }), json!({ "reviewers": [{ "kinds": [] }] })] {
        assert_eq!(put(&desk, &wrong, None).problem(), (400, "body_invalid".to_owned()), "{wrong}");
    }
    assert_eq!(desk.server.get("/v1/skills").json(), view);

    let entries = desk.server.get("/v1/audit/entries?subject=skills").json();
    let entries = entries["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((&entries[0]["kind"], &entries[0]["position"]), (&json!("skills_changed"), &view["entry"]));
    let payload = entries[0]["payload"].to_string();
    assert!(!payload.contains("rv-zh") && !payload.contains("boss-1"), "{payload}");
    desk.assert_sound();
}

fn the_queue_offers_what_suits_and_forbids_nothing(database: Option<String>) {
    let desk = start(database);
    let invoice = desk.submit_named(1, "10.00", "zh-invoice.png");
    let receipt = desk.submit_named(2, "10.00", "en-receipt.png");
    let blank = desk.submit_named(3, "10.00", "blank.png");
    let listed = |query: &str, who: &str| -> Vec<String> {
        let cases = desk.server.get_as(&format!("/v1/reviews{query}"), who).json()["cases"].clone();
        cases.as_array().unwrap().iter().map(|case| case["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = [invoice.clone(), receipt.clone(), blank.clone()];
    assert_eq!(desk.case(&invoice)["languages"], json!(["zh"]));
    assert_eq!((&desk.case(&receipt)["languages"], &desk.case(&blank)["languages"]), (&json!(["en"]), &json!([])));
    assert_eq!(listed("?language=zh", "rv-zh"), from_ref(&invoice));
    assert_eq!(listed("?language=en", "rv-zh"), from_ref(&receipt));
    for wrong in ["?language=fr", "?suited=perhaps"] {
        assert_eq!(desk.server.get(&format!("/v1/reviews{wrong}")).problem(), (400, "bad_query".to_owned()), "{wrong}");
    }

    // Of whom nothing is said works on everything.
    assert_eq!(listed("?suited=true", "rv-zh"), all);
    let skills = json!({ "reviewers": [
        { "name": "rv-zh", "kinds": ["vat_invoice"], "languages": ["zh"] },
        { "name": "rv-bill", "kinds": ["medical_inpatient_bill"], "languages": [] },
    ] });
    let view = put(&desk, &skills, None).json();
    // A paper of which nothing was read is `unknown`, which neither works on.
    let of = json!([{ "name": "rv-zh", "cases": 1 }, { "name": "rv-bill", "cases": 0 }]);
    assert_eq!(view["open"], json!({ "cases": 3, "unsuited": 2, "of": of }));
    assert_eq!(listed("?suited=true", "rv-zh"), from_ref(&invoice));
    assert_eq!(listed("?suited=true", "RV-ZH"), from_ref(&invoice));
    assert_eq!(listed("", "rv-zh"), all);
    assert_eq!(listed("?suited=true", "rv-other"), all);
    let page = |who: &str| desk.server.get_as("/v1/reviews", who).json()["skill"].clone();
    assert_eq!((page("rv-zh"), page("rv-other")), (skills["reviewers"][0].clone(), Value::Null));

    // What comes next is what suits, or anything if that is asked for.
    let next = |who: &str, body: Value| desk.post("/v1/reviews/next", who, &body);
    assert_eq!(next("rv-bill", json!({})).status, 204);
    assert_eq!(next("rv-zh", json!({})).json()["id"], invoice);
    assert_eq!(next("rv-zh", json!({})).status, 204);
    assert_eq!(next("rv-zh", json!({ "any": true, "language": "en" })).json()["id"], receipt);
    // What was put before the others is offered to all.
    let pressing = desk.submit_named(4, "10.00", "en-receipt-4.png");
    assert_eq!(next("rv-bill", json!({})).status, 204);
    desk.step(&pressing, "escalate", "rv-1", json!({ "note": "press is asking" }));
    let open = &desk.server.get("/v1/skills").json()["open"];
    assert_eq!((&open["cases"], &open["unsuited"]), (&json!(2), &json!(1)));
    assert_eq!(next("rv-bill", json!({})).json()["id"], pressing);
    desk.step(&pressing, "release", "rv-bill", json!({}));
    desk.step(&pressing, "claim", "rv-1", json!({}));
    // What they hold they see in any case, and a case by its name is anybody's.
    assert_eq!(listed("?mine=true&suited=true", "rv-zh"), [invoice, receipt]);
    desk.claim(&blank, "rv-bill");
    assert_eq!(desk.server.get("/v1/skills").json()["open"]["cases"], 0);
    desk.assert_sound();
}

fn skills_are_held_to_the_log(database: Option<String>) {
    let desk = start(database);
    assert_eq!(put(&desk, &invoices(), None).status, 200);
    desk.assert_sound();
    for sql in [
        "UPDATE skill_acts SET skills = replace(skills, 'zh', 'en')",
        "UPDATE skill_acts SET reviewer = NULL",
        "DELETE FROM skill_acts",
    ] {
        assert_eq!(desk.execute(sql), 1, "{sql}");
        let told = FaultKind::SkillsAltered.to_string();
        assert!(desk.faults().contains(&told), "{sql}: {:?}", desk.faults());
    }
}
