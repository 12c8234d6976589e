//! Tasks of cases with their clocks, what a claimant is told of how far a claim has come, and their question when it
//! goes on; over HTTP and on both databases.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::reviews::{Desk, on_each_database, receipts};
use crate::support::{Part, config, photo};
use claimlens::domain::tasks::Clocks;
use claimlens::service::{Role, Service};
use serde_json::{Value, json};
use std::time::Duration;

on_each_database! {
    what_is_to_be_done_follows_from_the_case_and_is_done_by_hand_or_by_a_verdict
    clocks_stand_still_while_papers_are_awaited
    what_is_over_its_time_comes_first
    a_claimant_sees_how_far_it_is_and_may_ask_once_a_day
    promises_are_counted
}

/// A claim for a stay in hospital of which papers are missing.
fn submit(desk: &Desk, seed: u8) -> String {
    let claim = json!({ "id": format!("A-{seed}"), "amount": "12.00", "type": "inpatient" }).to_string();
    let parts: [Part<'_>; 2] = [("claim", None, claim.as_bytes()), ("photo", Some("held.png"), &photo(seed))];
    let answer = desk.server.post(&parts, &[("Prefer", "wait=30")]);
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn start(database: Option<String>, clocks: Clocks) -> Desk {
    Desk::start_with(database, move |config| config.reviews.clocks = clocks)
}

/// Kind and state of each task.
fn told(of: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    of["tasks"].as_array().unwrap().iter().map(|task| (text(&task["kind"]), text(&task["state"]))).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(kind, state)| ((*kind).to_owned(), (*state).to_owned())).collect()
}

/// Claims of a list of tasks, without those in a row.
fn cases(page: &Value) -> Vec<String> {
    let mut cases: Vec<String> =
        page["tasks"].as_array().unwrap().iter().map(|task| task["case"].as_str().unwrap().to_owned()).collect();
    cases.dedup();
    cases
}

fn what_is_to_be_done_follows_from_the_case_and_is_done_by_hand_or_by_a_verdict(database: Option<String>) {
    let desk = Desk::start_with(database, |_| {});
    let (stay, plain) = (submit(&desk, 1), desk.submit(2, "12.00"));
    assert_eq!(told(&desk.case(&stay)), pairs(&[("decide", "open"), ("missing_papers", "open")]));
    assert_eq!(told(&desk.case(&plain)), pairs(&[("decide", "open")]));
    let list = |query: &str| desk.server.get_as(&format!("/v1/tasks{query}"), "rv-1").json();
    assert_eq!((cases(&list("")), list("")["next"].clone()), (vec![stay.clone(), plain.clone()], Value::Null));
    assert_eq!(told(&list("?kind=missing_papers")), pairs(&[("missing_papers", "open")]));
    assert_eq!(cases(&list("?kind=missing_papers")), std::slice::from_ref(&stay));
    assert_eq!((list("?overdue=true")["tasks"].clone(), list("?mine=true")["tasks"].clone()), (json!([]), json!([])));
    let first = list("?limit=1");
    assert_eq!(cases(&first), std::slice::from_ref(&stay));
    let next = first["next"].as_str().unwrap();
    assert_eq!(cases(&list(&format!("?limit=1&cursor={next}"))), std::slice::from_ref(&plain));
    for wrong in ["?kind=rest", "?limit=0", "?mine=perhaps", "?state=open"] {
        assert_eq!(desk.server.get(&format!("/v1/tasks{wrong}")).problem(), (400, "bad_query".to_owned()), "{wrong}");
    }
    assert_eq!(desk.server.get("/v1/tasks?cursor=x").problem(), (400, "bad_cursor".to_owned()));

    // Whoever holds the case has its tasks.
    desk.claim(&stay, "rv-1");
    let mine = list("?mine=true");
    assert_eq!((cases(&mine), &mine["tasks"][0]["who"]), (vec![stay.clone()], &json!("rv-1")));
    let queue = |query: &str| desk.server.get_as(&format!("/v1/reviews{query}"), "rv-1").json();
    let queued = queue("?task=missing_papers");
    assert_eq!((queued["cases"].as_array().unwrap().len(), &queued["cases"][0]["id"]), (1, &json!(stay)));
    assert_eq!(told(&queued["cases"][0])[1].0, "missing_papers");

    let note = json!({ "note": "they came by post" });
    let done = desk.step(&stay, "tasks/missing_papers/done", "rv-1", note.clone());
    let task = &done["tasks"][1];
    assert_eq!((&task["state"], &task["who"], &task["late"]), (&json!("done"), &json!("rv-1"), &json!(false)));
    let step = done["timeline"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&step["kind"], &step["reason"], &step["note"]),
        (&json!("task_done"), &json!("missing_papers"), &note["note"])
    );
    assert_eq!(queue("?task=missing_papers")["cases"], json!([]));
    assert_eq!(list("?kind=missing_papers")["tasks"], json!([]));
    for wrong in ["missing_papers", "decide", "payment", "issuer_check"] {
        let refused = desk.refused(&stay, &format!("tasks/{wrong}/done"), "rv-1", note.clone());
        assert_eq!(refused, (409, "task_not_open".to_owned()), "{wrong}");
    }
    assert_eq!(desk.refused(&stay, "tasks/rest/done", "rv-1", note.clone()).0, 404);

    // A verdict ends the ruling, and brings up what follows it once it cannot be taken back.
    desk.step(&stay, "decide", "rv-1", json!({ "verdict": "reject", "note": "x", "reason": "altered" }));
    assert_eq!(told(&desk.case(&stay)), pairs(&[("decide", "done")]));
    assert_eq!(list("?kind=refusal_notice")["tasks"], json!([]));
    let early = desk.refused(&stay, "tasks/refusal_notice/done", "rv-2", json!({ "note": "sent" }));
    assert_eq!(early, (409, "task_not_open".to_owned()));
    std::thread::sleep(Duration::from_millis(10_100));
    assert_eq!(told(&desk.case(&stay)), pairs(&[("decide", "done"), ("refusal_notice", "open")]));
    assert_eq!(cases(&list("")), std::slice::from_ref(&plain), "what follows a verdict is told if it is asked for");
    assert_eq!(cases(&list("?kind=refusal_notice")), std::slice::from_ref(&stay));
    assert_eq!(list("?kind=payment")["tasks"], json!([]));
    desk.step(&stay, "tasks/refusal_notice/done", "rv-2", json!({ "note": "sent" }));
    assert_eq!(list("?kind=refusal_notice")["tasks"], json!([]));
    desk.assert_sound();
}

fn clocks_stand_still_while_papers_are_awaited(database: Option<String>) {
    let desk = start(database, Clocks { decide: 0, task: 0, ..Clocks::default() });
    let id = submit(&desk, 3);
    assert_eq!(told(&desk.case(&id)), pairs(&[("decide", "overdue"), ("missing_papers", "overdue")]));
    desk.claim(&id, "rv-1");
    desk.step(&id, "decide", "rv-1", json!({ "verdict": "request_photos", "note": "x", "reason": "page_missing" }));
    let waits = desk.case(&id);
    assert_eq!(told(&waits), pairs(&[("decide", "paused"), ("missing_papers", "paused")]));
    assert_eq!((&waits["tasks"][1]["due_at"], &waits["tasks"][1]["by_hand"]), (&Value::Null, &json!(false)));
    let list = |query: &str| desk.server.get(&format!("/v1/tasks{query}")).json();
    assert_eq!(
        (cases(&list("?kind=missing_papers")), list("?overdue=true")["tasks"].clone()),
        (vec![id.clone()], json!([]))
    );
    assert_eq!(list("?kind=unreadable_page")["tasks"], json!([]));
    assert_eq!(desk.add_photos(&id, "held-2.png", 4, None).status, 202);
    desk.settled(&id);
    assert_eq!(told(&desk.case(&id)), pairs(&[("decide", "overdue"), ("missing_papers", "overdue")]));
    assert_eq!(cases(&list("?overdue=true")), [id]);
}

fn what_is_over_its_time_comes_first(database: Option<String>) {
    let desk = Desk::start_with(database, |_| {});
    let (large, old) = (desk.submit(5, "9000.00"), submit(&desk, 6));
    desk.claim(&old, "rv-1");
    // Another process with the same records, where what is to be done besides ruling may take no time.
    let of_other = {
        let mut config = config(&desk.server.data);
        receipts(&mut config);
        config.place = desk.place.clone();
        (config.role, config.reviews.clocks.task) = (Role::Api, 0);
        config
    };
    let raise = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    raise.block_on(async {
        let other = Service::open(of_other).await.unwrap();
        let now = jiff::Timestamp::now();
        assert_eq!(other.raise_overdue(now).await.unwrap(), 1);
        assert_eq!(other.raise_overdue(now).await.unwrap(), 0, "once is enough");
    });
    let queue = desk.server.get("/v1/reviews?order=amount").json();
    let ids: Vec<&Value> = queue["cases"].as_array().unwrap().iter().map(|case| &case["id"]).collect();
    assert_eq!(ids, [&json!(old), &json!(large)]);
    assert_eq!((&queue["cases"][0]["escalated"], &queue["cases"][1]["escalated"]), (&json!(true), &json!(false)));
    let case = desk.case(&old);
    let step = case["timeline"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&step["kind"], &step["reason"], &step["by"], &case["holder"]),
        (&json!("overdue"), &json!("missing_papers"), &Value::Null, &json!("rv-1")),
        "whoever holds it keeps it"
    );
    desk.assert_sound();
}

fn a_claimant_sees_how_far_it_is_and_may_ask_once_a_day(database: Option<String>) {
    let desk = Desk::start_with(database, |_| {});
    let (before, id) = (desk.submit(7, "12.00"), desk.submit(8, "13.00"));
    let approved = desk.submit_named(9, "10.60", "good-9.png");
    let claim = |id: &str| desk.server.get(&format!("/v1/claims/{id}")).json();
    let stages = |claim: &Value| -> Vec<String> {
        let of = |stage: &Value| format!("{} {}", stage["code"].as_str().unwrap(), stage["state"].as_str().unwrap());
        claim["progress"]["stages"].as_array().unwrap().iter().map(of).collect()
    };
    let waits = claim(&id);
    assert_eq!(stages(&waits), ["received done", "read done", "with_person now", "decided next"]);
    assert_eq!(waits["progress"]["promised_by"], waits["review"]["due_at"]);
    assert_eq!(stages(&claim(&approved)), ["received done", "read done", "decided done"]);
    assert_eq!(claim(&approved)["progress"]["promised_by"], Value::Null);
    let list = desk.server.get("/v1/claims").json();
    assert!(list["claims"][0].get("progress").is_none());

    let nudge = |id: &str| desk.post(&format!("/v1/claims/{id}/nudge"), "app-1", &json!({}));
    assert_eq!(nudge(&approved).problem(), (409, "case_closed".to_owned()));
    // No body says as little as an empty object, and another one is refused.
    let bare = |id: &str, body: &[u8], headers: &[(&str, &str)]| {
        desk.server.send_to(&format!("/v1/claims/{id}/nudge"), body, headers)
    };
    assert_eq!(bare(&approved, b"", &[]).problem(), (409, "case_closed".to_owned()));
    let json_type = [("content-type", "application/json")];
    assert_eq!(bare(&id, br#"{"when":"now"}"#, &json_type).problem(), (400, "body_invalid".to_owned()));
    assert_eq!(bare(&id, b"{}", &[("content-type", "text/plain")]).status, 415);
    let answer = bare(&id, b"", &[("x-claimlens-actor", "app-1")]);
    let told = answer.json();
    assert_eq!(
        (answer.status, &told["guidance"][0]["code"], &told["guidance"][1]["code"]),
        (200, &json!("person_looks"), &json!("nudge_noted"))
    );
    assert_eq!(told["guidance"][0]["by"], told["review"]["due_at"], "by when");
    let again = nudge(&id);
    assert_eq!(again.problem(), (429, "nudged_already".to_owned()));
    let rests: u64 = again.headers["retry-after"].parse().unwrap();
    assert!((86_000..=86_400).contains(&rests), "{rests}");
    // It comes before what came before it, and after what was put before the others.
    let queue = || -> Vec<Value> {
        let page = desk.server.get("/v1/reviews").json();
        page["cases"].as_array().unwrap().iter().map(|case| case["id"].clone()).collect()
    };
    assert_eq!(queue(), [json!(id), json!(before)]);
    assert!(desk.case(&id)["nudged_at"].is_string() && desk.case(&before)["nudged_at"].is_null());
    desk.step(&before, "escalate", "rv-1", json!({ "note": "x" }));
    assert_eq!(queue(), [json!(before), json!(id)]);

    desk.claim(&id, "rv-1");
    desk.step(&id, "decide", "rv-1", json!({ "verdict": "request_photos", "note": "x", "reason": "blurred" }));
    assert_eq!(stages(&claim(&id))[2], "with_person now", "while it can be taken back it is not told");
    desk.step(&id, "undo", "rv-1", json!({}));
    assert!(desk.case(&id)["nudged_at"].is_string(), "what was taken back answers nothing");
    desk.step(&id, "decide", "rv-1", json!({ "verdict": "request_photos", "note": "x", "reason": "blurred" }));
    std::thread::sleep(std::time::Duration::from_millis(10_200));
    let asked = claim(&id);
    assert_eq!(
        stages(&asked),
        ["received done", "read done", "with_person done", "awaiting_papers now", "with_person next", "decided next"]
    );
    assert_eq!(nudge(&id).problem(), (409, "case_waiting".to_owned()));
    // Its clock stands still, so that by when it is due moves: who asks again and again is told nothing new by that.
    for path in ["/v1/tasks", "/v1/reviews?state=waiting"] {
        let page = desk.server.get(path);
        assert!(page.json().to_string().contains("due_at"), "{path}");
        let again = crate::support::agent().get(format!("http://127.0.0.1:{}{path}", desk.server.port));
        let again = again.header("if-none-match", &page.headers["etag"]).call().unwrap();
        assert_eq!(again.status().as_u16(), 304, "{path}");
    }
    assert_eq!(desk.add_photos(&id, "held-3.png", 10, None).status, 202);
    desk.settled(&id);
    assert_eq!(
        stages(&claim(&id)),
        ["received done", "read done", "awaiting_papers done", "with_person now", "decided next"]
    );
    assert_eq!(desk.post(&format!("/v1/claims/{id}/withdraw"), "", &json!({})).status, 200);
    assert_eq!(stages(&claim(&id)), ["received done", "read done", "withdrawn done"]);
    assert_eq!(nudge(&id).problem(), (409, "claim_withdrawn".to_owned()));
    assert_eq!(nudge("clm_00000000000000000000000000").problem(), (404, "not_found".to_owned()));
    let entries = desk.server.get("/v1/audit/entries?limit=100").json();
    let logged = entries["entries"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "claim_nudged");
    assert_eq!(logged.count(), 1);
    desk.assert_sound();
}

fn promises_are_counted(database: Option<String>) {
    let reject = json!({ "verdict": "reject", "note": "x", "reason": "altered" });
    let count = |desk: &Desk| desk.server.get("/v1/stats").json()["promises"].clone();
    for (days, kept, broken, overdue) in [(30, 1, 0, 0), (0, 0, 1, 1)] {
        let database = database.as_ref().map(|_| crate::postgres::fresh_database());
        let desk = start(database, Clocks { decide: days, ..Clocks::default() });
        let (ruled, open) = (desk.submit(11, "12.00"), desk.submit(12, "12.00"));
        desk.claim(&ruled, "rv-1");
        desk.step(&ruled, "decide", "rv-1", reject.clone());
        assert_eq!(desk.post(&format!("/v1/claims/{open}/nudge"), "", &json!({})).status, 200);
        let promises = json!({
            "decide_days": days, "over_days": 90, "kept": kept, "broken": broken, "overdue": overdue, "nudged": 1,
        });
        assert_eq!(count(&desk), promises);
        let claim = desk.server.get(&format!("/v1/claims/{open}")).json();
        let (late, by) = (&claim["review"]["late"], &claim["guidance"][0]["by"]);
        assert_eq!((late, by.is_null()), (&json!(days == 0), days == 0), "no date is told that has passed");
    }
}
