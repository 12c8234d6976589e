//! Which cards of a case a queue shows: data that an admin changes, logged, and held to the log.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::access::beside;
use crate::support::{Answer, TestServer, answer};
use claimlens::audit::FaultKind;
use claimlens::service::Noted;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

fn put(server: &TestServer, body: &Value, headers: &[(&str, &str)]) -> Answer {
    let agent = crate::support::agent();
    let mut request = agent.put(format!("http://127.0.0.1:{}/v1/cards", server.port));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(request.header("content-type", "application/json").send(body.to_string().as_bytes()))
}

fn invoices() -> Value {
    json!({
        "queues": [{
            "name": { "en": "Invoices", "zh": "发票" },
            "kind": "vat_invoice",
            "cards": [
                { "card": "amounts", "label": { "en": "Sums", "zh": "合计核对" } },
                { "card": "problems" },
            ],
        }],
        "rest": [{ "card": "problems" }, { "card": "fields" }],
    })
}

#[test]
fn cards_are_changed_over_http_seen_by_their_tag_and_logged() {
    let server = TestServer::start();
    let first = server.get("/v1/cards");
    assert_eq!(first.headers["etag"], "\"0\"");
    let shown = first.json();
    assert_eq!((&shown["cards"]["queues"], &shown["at"], &shown["by"]), (&json!([]), &Value::Null, &Value::Null));
    assert_eq!(shown["cards"]["rest"].as_array().unwrap().len(), 7);

    let by = ("x-claimlens-actor", "boss-1");
    let changed = put(&server, &invoices(), &[by, ("if-match", "\"0\"")]);
    assert_eq!(changed.status, 200, "{changed:?}");
    let view = changed.json();
    assert_eq!((&view["cards"], &view["by"]), (&invoices(), &json!("boss-1")));
    let tag = format!("\"{}\"", view["entry"]);
    let again = server.get("/v1/cards");
    assert_eq!((&again.headers["etag"], again.json()), (&tag, view.clone()));

    // Somebody who saw what was before is told, and changes nothing.
    assert_eq!(put(&server, &invoices(), &[by, ("if-match", "\"0\"")]).problem(), (412, "cards_changed".to_owned()));
    assert_eq!(server.get("/v1/cards").json(), view);

    // What cannot be shown is refused with its place.
    let mut none = invoices();
    none["queues"][0]["cards"] = json!([{ "card": "fields" }]);
    let refused = put(&server, &none, &[by]);
    assert!(refused.json()["detail"].as_str().unwrap().starts_with("queue 1: the card `problems`"), "{refused:?}");
    assert_eq!(refused.problem(), (422, "cards_invalid".to_owned()));
    let mut unknown = invoices();
    unknown["queues"][0]["reason"] = json!("bad_luck");
    assert_eq!(put(&server, &unknown, &[by]).problem(), (422, "cards_invalid".to_owned()));
    unknown["queues"][0]["weather"] = json!("fine");
    assert_eq!(put(&server, &unknown, &[by]).problem(), (400, "body_invalid".to_owned()));

    let entries = server.get("/v1/audit/entries?subject=cards").json();
    let entries = entries["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((&entries[0]["kind"], &entries[0]["position"]), (&json!("cards_changed"), &view["entry"]));
    let payload = entries[0]["payload"].to_string();
    assert!(payload.contains("合计核对") && !payload.contains("boss-1"), "{payload}");
}

#[test]
fn cards_changed_behind_the_logs_back_are_found() {
    let server = TestServer::start();
    assert_eq!(put(&server, &invoices(), &[("x-claimlens-actor", "boss-1")]).status, 200);
    let faults = || beside(&server.data, async |records| records.audit_verify(&Noted::default()).await.unwrap().faults);
    assert_eq!(faults(), []);
    for sql in [
        "UPDATE card_acts SET cards = replace(cards, 'Sums', 'Sum')",
        "UPDATE card_acts SET reviewer = NULL",
        "DELETE FROM card_acts",
        "INSERT INTO card_acts (entry, at, cards, salt) VALUES (99, '2020', '{}', x'00')",
    ] {
        beside(&server.data, async |_| {
            let file = SqliteConnectOptions::new().filename(server.data.join("claimlens.sqlite"));
            let mut db = file.connect().await.unwrap();
            sqlx::query(sql).execute(&mut db).await.unwrap();
            db.close().await.unwrap();
        });
        assert!(faults().iter().any(|fault| fault.kind == FaultKind::CardsAltered), "{sql}");
    }
}
