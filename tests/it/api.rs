//! The service as its callers see it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::support::{CLAIM, HEIC, Running, TestServer, canned, config, form, pdf, photo, policy};
use claimlens::audit::note::{Proof, PublicKey};
use claimlens::domain::Scope;
use claimlens::service::{Noted, Records, Service, ServiceConfig, Submission, Upload};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

fn png(server: &TestServer, seed: u8, name: &str, headers: &[(&str, &str)]) -> crate::support::Answer {
    server.post(&[CLAIM, ("photo", Some(name), &photo(seed))], headers)
}

#[test]
fn a_claim_goes_in_and_its_decision_comes_out() {
    let server = TestServer::start();
    let (one, two) = (photo(1), photo(2));
    let answer = server.post(&[CLAIM, ("photo", Some("dir/one.png"), &one), ("photo", None, &two)], &[]);
    assert_eq!(answer.status, 200);
    let claim = answer.json();
    let id = claim["id"].as_str().unwrap();
    assert!(id.starts_with("clm_") && id.len() == 30);
    assert_eq!(answer.headers["location"], format!("/v1/claims/{id}"));
    assert_eq!(claim["status"], "decided");
    assert_eq!(claim["claim"], json!({ "id": "A-1" }));
    assert_eq!(claim["decision"], "human_review");
    assert!(!claim["reasons"].as_array().unwrap().is_empty());
    assert_eq!(claim["documents"].as_array().unwrap().len(), 2);
    assert_eq!(claim["documents"][0]["source"], "one.png");
    assert_eq!(claim["documents"][1]["source"], "photo-1");
    assert_eq!(claim["versions"]["models"]["canned"], "00".repeat(32));
    assert_eq!(claim["versions"]["calibration"].as_str().unwrap().len(), 64);
    assert_eq!(claim["timing_ms"]["recognise"], 3.0);
    assert_eq!(claim["evidence_sha256"].as_str().unwrap().len(), 64);
    for member in ["created_at", "decided_at", "risk"] {
        assert!(claim.get(member).is_some(), "{member}");
    }
    let (created, decided) = (claim["created_at"].as_str().unwrap(), claim["decided_at"].as_str().unwrap());
    assert!(created.len() == decided.len() && created <= decided, "{created} {decided}");
    assert_eq!(server.get(&format!("/v1/claims/{id}")).json(), claim);

    for (header, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.headers[header], value);
    }
    let original = server.get(&format!("/v1/claims/{id}/photos/0/original"));
    assert_eq!((original.status, original.headers["content-type"].as_str()), (200, "image/png"));
    assert_eq!(original.bytes, one);
    let page = server.get(&format!("/v1/claims/{id}/photos/1/page"));
    assert_eq!((page.status, page.headers["content-type"].as_str()), (200, "image/jpeg"));
    assert!(image::load_from_memory(&page.bytes).is_ok());
    let overlay = server.get(&format!("/v1/claims/{id}/photos/1/overlay"));
    assert_eq!((overlay.status, overlay.headers["content-type"].as_str()), (200, "image/jpeg"));
    assert_eq!(server.get(&format!("/v1/claims/{id}/photos/2/original")).status, 404);
}

#[test]
fn each_page_of_a_pdf_is_a_document_of_its_own() {
    let server = TestServer::start();
    let (pages, turned) = (pdf(2), HEIC);
    let answer = server.post(&[CLAIM, ("photo", Some("bill.pdf"), &pages), ("photo", Some("a.heic"), turned)], &[]);
    assert_eq!(answer.status, 200);
    let claim = answer.json();
    let shown: Vec<_> = claim["documents"].as_array().unwrap().iter().map(|d| (&d["source"], &d["pdf_page"])).collect();
    let (one, two) = (Value::from(1), Value::from(2));
    assert_eq!(
        shown,
        [
            (&Value::from("bill.pdf#page=1"), &one),
            (&Value::from("bill.pdf#page=2"), &two),
            (&Value::from("a.heic"), &Value::Null)
        ]
    );
    assert_eq!(claim["documents"][0]["sha256"], claim["documents"][1]["sha256"]);
    // They share their bytes, and that is no repeat.
    for document in 0..2 {
        let findings = claim["documents"][document]["findings"].as_array().unwrap();
        let repeat = findings.iter().find(|f| f["check"] == "repeat").unwrap();
        assert!(repeat["detail"].get("same_bytes").is_none(), "{repeat}");
    }
    let id = claim["id"].as_str().unwrap();
    let picture = |n: usize, kind: &str| server.get(&format!("/v1/claims/{id}/photos/{n}/{kind}"));
    let original = picture(1, "original");
    assert_eq!((original.headers["content-type"].as_str(), &original.bytes), ("application/pdf", &pages));
    assert_eq!(original.headers["content-disposition"], "attachment");
    assert_eq!(picture(2, "original").headers["content-type"], "image/heic");
    let red = |n| image::load_from_memory(&picture(n, "overlay").bytes).unwrap().to_rgb8();
    let red = |n| red(n).pixels().filter(|p| p[0] > 200 && p[1] < 80).count();
    assert!(red(1) > red(0) * 3 / 2, "the second page has two bars");
    assert_eq!(picture(3, "page").status, 404);
    // The same file in another claim is one.
    let again = server.post(&[CLAIM, ("photo", Some("copy.pdf"), &pages)], &[]).json();
    let reasons = again["reasons"].as_array().unwrap();
    assert!(reasons.iter().any(|r| r["code"] == "seen_before_same_bytes"), "{reasons:?}");
    // A single page keeps its name.
    let single = pdf(1);
    let single = server.post(&[CLAIM, ("photo", Some("bill.pdf"), &single)], &[]).json();
    assert_eq!((&single["documents"][0]["source"], &single["documents"][0]["pdf_page"]), (&"bill.pdf".into(), &one));
}

#[test]
fn waiting_is_as_long_as_preferred() {
    let server = TestServer::start();
    let start = Instant::now();
    let answer = png(&server, 1, "slow.png", &[("Prefer", "wait=0")]);
    assert_eq!(answer.status, 202);
    let claim = answer.json();
    assert_eq!(claim["status"], "processing");
    assert!(claim.get("decision").is_none() && claim.get("decided_at").is_none());
    assert!(start.elapsed() < Duration::from_millis(290));
    let at = &answer.headers["location"];
    while server.get(at).json()["status"] == "processing" {
        assert!(start.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.get(at).json()["decision"], "human_review");
    assert_eq!(png(&server, 2, "slow.png", &[("Prefer", "wait=5")]).status, 200);
}

#[test]
fn a_repeated_key_gives_the_first_claim() {
    let server = TestServer::start();
    let key = [("Idempotency-Key", "retry-1"), ("Prefer", "wait=0")];
    let first = png(&server, 1, "slow.png", &key);
    let id = first.json()["id"].clone();
    // The same claim and photo under another file name: a client that builds its form anew.
    assert_eq!(png(&server, 1, "again.png", &key).json()["id"], id);
    let waited = png(&server, 1, "slow.png", &[("Idempotency-Key", "retry-1")]);
    assert_eq!((waited.status, &waited.json()["id"]), (200, &id));
    assert_eq!(png(&server, 2, "slow.png", &key).problem(), (422, "idempotency_key_reused".to_owned()));
    assert_eq!(server.claims(), 1);
    // Another key is another claim; and the photo is now one seen before.
    let other = png(&server, 1, "slow.png", &[("Idempotency-Key", "retry-2")]).json();
    assert_ne!(other["id"], id);
    assert!(repeats(&other) > 0, "{}", other["documents"][0]["findings"]);
}

#[test]
fn the_same_key_at_the_same_time_makes_one_claim() {
    let server = TestServer::start();
    let statuses: Vec<(u16, Value)> = std::thread::scope(|scope| {
        let post = || {
            let answer = png(&server, 1, "a.png", &[("Idempotency-Key", "race")]);
            (answer.status, answer.json())
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(post)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(server.claims(), 1);
    let id = statuses.iter().find(|(s, _)| *s == 200).unwrap().1["id"].clone();
    for (status, body) in statuses {
        match status {
            200 => assert_eq!(body["id"], id),
            409 => assert_eq!(body["code"], "idempotency_key_in_flight"),
            other => panic!("{other}: {body}"),
        }
    }
}

#[test]
fn a_key_whose_claim_is_there_is_answered_however_many_ask_at_once() {
    let server = TestServer::start();
    let key = [("Idempotency-Key", "again")];
    let first = png(&server, 1, "a.png", &key).json();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..32).map(|_| scope.spawn(|| png(&server, 1, "a.png", &key))).collect();
        for answer in threads.into_iter().map(|thread| thread.join().unwrap()) {
            assert_eq!((answer.status, &answer.json()["id"]), (200, &first["id"]));
        }
    });
    assert_eq!(server.claims(), 1);
}

#[test]
fn bytes_that_were_read_before_are_not_read_again() {
    let server = TestServer::start();
    let first = png(&server, 1, "a.png", &[]).json();
    assert!(first["timing_ms"].get("recognise").is_some());
    // The reader would take an hour over a photo of this name.
    let again = png(&server, 1, "stuck.png", &[("Prefer", "wait=5")]);
    assert_eq!(again.status, 200);
    let again = again.json();
    assert_eq!(repeats(&again), 1);
    assert!(again["timing_ms"].get("recognise").is_none());
    assert_eq!((&again["documents"][0]["source"], &again["decision"]), (&"stuck.png".into(), &"human_review".into()));
    // Beside a photo that is new, only the new one is read.
    let (known, new) = (photo(1), photo(2));
    let both = server.post(&[CLAIM, ("photo", Some("stuck.png"), &known), ("photo", Some("b.png"), &new)], &[]);
    assert_eq!(both.status, 200);
    assert_eq!(both.json()["documents"].as_array().map(Vec::len), Some(2));
}

#[test]
fn the_figures_of_the_operation_are_told() {
    let server = TestServer::start();
    png(&server, 1, "a.png", &[]);
    png(&server, 2, "b.png", &[]);
    let answer = server.get("/v1/stats");
    assert_eq!(answer.status, 200);
    let stats = answer.json();
    assert_eq!((&stats["claims"]["decided"], &stats["decisions"]["human_review"]), (&2.into(), &2.into()));
    let guarantee = &stats["guarantee"];
    assert!(guarantee["limit"].is_number() && guarantee["date"].is_string(), "{guarantee}");
    let earned = &guarantee["earned"];
    assert!(earned["bound"].as_f64().unwrap() <= guarantee["limit"].as_f64().unwrap(), "{guarantee}");
}

/// Documents whose repeat check failed.
fn repeats(claim: &Value) -> usize {
    let findings = claim["documents"].as_array().unwrap().iter().flat_map(|d| d["findings"].as_array().unwrap());
    findings.filter(|f| f["check"] == "repeat" && f["outcome"] == "fail").count()
}

#[test]
fn of_claims_with_one_photo_at_the_same_time_all_but_one_are_told_as_repeats() {
    let server = TestServer::start();
    let claims: Vec<Value> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| png(&server, 1, "a.png", &[]).json())).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(claims.iter().filter(|c| repeats(c) == 0).count(), 1);
}

#[test]
fn claims_are_listed_page_by_page_newest_first() {
    let server = TestServer::start();
    let mut ids: Vec<Value> = (0..5).map(|n| png(&server, n, "a.png", &[]).json()["id"].clone()).collect();
    ids.sort_by_key(|id| std::cmp::Reverse(id.as_str().unwrap().to_owned()));
    let (mut seen, mut path) = (Vec::new(), "/v1/claims?limit=2".to_owned());
    for size in [2, 2, 1] {
        let page = server.get(&path).json();
        let claims = page["claims"].as_array().unwrap();
        assert_eq!(claims.len(), size);
        for claim in claims {
            assert_eq!(claim["decision"], "human_review");
            assert!(claim.get("reasons").is_some() && claim.get("documents").is_none());
            seen.push(claim["id"].clone());
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/claims?limit=2&cursor={next}"),
            None => assert_eq!(seen.len(), 5),
        }
    }
    assert_eq!(seen, ids);
}

#[test]
fn a_full_queue_says_when_to_come_again() {
    let server = TestServer::start_with(|c| {
        c.intake.queue = 1;
        c.work.readers = 1;
    });
    let first = png(&server, 1, "slow.png", &[("Prefer", "wait=0")]);
    assert_eq!(first.status, 202);
    let second = png(&server, 2, "a.png", &[]);
    assert_eq!(second.problem(), (503, "busy".to_owned()));
    assert_eq!(second.headers["retry-after"], "10");
    let start = Instant::now();
    while png(&server, 2, "a.png", &[]).status != 200 {
        assert!(start.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.claims(), 2);
}

#[test]
fn the_gate_is_shown_and_takes_only_what_counts() {
    let server = TestServer::start();
    let gate = server.get("/v1/gate").json();
    assert_eq!((&gate["state"], &gate["since"], &gate["audited"]), (&json!("open"), &Value::Null, &json!(0)));
    assert!(gate["bound"].as_f64().unwrap() <= gate["limit"].as_f64().unwrap(), "{gate}");
    assert_eq!(server.get("/v1/stats").json()["gate"], gate);
    let json_body =
        |path: &str, body: &str| server.send_to(path, body.as_bytes(), &[("content-type", "application/json")]);
    let claim = png(&server, 1, "a.png", &[]).json();
    let path = format!("/v1/claims/{}/outcome", claim["id"].as_str().unwrap());
    let good = r#"{ "outcome": "wrong", "source": "appeal", "by": "rv-1" }"#;
    assert_eq!(json_body(&path, good).problem(), (409, "not_an_approval".to_owned()), "it was held for other reasons");
    assert_eq!(json_body("/v1/claims/clm_x/outcome", good).problem(), (404, "not_found".to_owned()));
    for (path, body) in [
        (path.as_str(), r#"{ "outcome": "perhaps", "source": "appeal", "by": "rv-1" }"#),
        (&path, r#"{ "outcome": "wrong", "source": "appeal", "by": "王 五" }"#),
        (&path, r#"{ "outcome": "wrong", "source": "appeal" }"#),
        (&path, r#"{ "outcome": "wrong", "source": "appeal", "by": "rv-1", "extra": 1 }"#),
        (&path, "{"),
        ("/v1/gate/reopen", r#"{ "by": "rv-1", "why": " " }"#),
    ] {
        let answer = json_body(path, body);
        assert_eq!(answer.problem(), (400, "body_invalid".to_owned()), "{body}");
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("王"), "no word of the sender's comes back");
    }
    assert_eq!(server.send_to(&path, good.as_bytes(), &[("content-type", "text/plain")]).problem().0, 415);
    assert_eq!(json_body(&path, &" ".repeat(70_000)).problem(), (413, "body_too_large".to_owned()));
    let reopen = json_body("/v1/gate/reopen", r#"{ "by": "rv-1", "why": "because" }"#);
    assert_eq!(reopen.problem(), (409, "gate_open".to_owned()));
}

#[test]
fn an_auditor_gets_checkpoints_proofs_and_packs() {
    let server = TestServer::start();
    let text = |path: &str| {
        let answer = server.get(path);
        assert_eq!(
            (answer.status, answer.headers["content-type"].as_str()),
            (200, "text/plain; charset=utf-8"),
            "{path}"
        );
        String::from_utf8(answer.bytes).unwrap()
    };
    let key: PublicKey = text("/v1/audit/key").parse().unwrap();
    assert_eq!(key.open(&text("/v1/audit/checkpoint")).unwrap().size, 1);
    let id = png(&server, 1, "one.png", &[]).json()["id"].as_str().unwrap().to_owned();
    let root = key.open(&text("/v1/audit/checkpoint")).unwrap();
    assert_eq!(root.size, 3);
    let proof: Proof = text("/v1/audit/entries/2/proof").parse().unwrap();
    assert_eq!(proof.check(&key).unwrap(), root);
    assert_eq!(server.get("/v1/audit/entries/4/proof").status, 404);
    assert_eq!(server.get("/v1/audit/entries/x/proof").status, 404);
    let grown = server.get("/v1/audit/consistency?old=1&new=2").json();
    assert_eq!((grown["old"].as_u64(), grown["new"].as_u64()), (Some(1), Some(2)));
    assert_eq!(grown["hashes"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/v1/audit/consistency?old=2&new=4").problem(), (400, "bad_query".to_owned()));
    assert_eq!(server.get("/v1/audit/consistency?old=2").problem().0, 400);
    let pack = server.get(&format!("/v1/claims/{id}/evidence")).json();
    assert_eq!((pack["claim"]["id"].as_str(), pack["entries"].as_array().unwrap().len()), (Some(id.as_str()), 2));
    assert_eq!(server.get("/v1/claims/clm_00000000000000000000000000/evidence").status, 404);
}

#[test]
fn the_interface_describes_itself() {
    let server = TestServer::start();
    let document = server.get("/openapi.json").json();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/",
            "/docs",
            "/healthz",
            "/metrics",
            "/openapi.json",
            "/readyz",
            "/v1/audit/checkpoint",
            "/v1/audit/consistency",
            "/v1/audit/entries",
            "/v1/audit/entries/{seq}/proof",
            "/v1/audit/key",
            "/v1/audit/keys",
            "/v1/audit/replay",
            "/v1/audit/tile/{tile}",
            "/v1/cards",
            "/v1/claims",
            "/v1/claims/{id}",
            "/v1/claims/{id}/appeal",
            "/v1/claims/{id}/erase",
            "/v1/claims/{id}/evidence",
            "/v1/claims/{id}/nudge",
            "/v1/claims/{id}/outcome",
            "/v1/claims/{id}/photos",
            "/v1/claims/{id}/photos/{n}/{picture}",
            "/v1/claims/{id}/related",
            "/v1/claims/{id}/withdraw",
            "/v1/forecast",
            "/v1/gate",
            "/v1/gate/reopen",
            "/v1/photos:check",
            "/v1/policy",
            "/v1/policy/backtest",
            "/v1/reasons",
            "/v1/reviews",
            "/v1/reviews/next",
            "/v1/reviews/{id}",
            "/v1/reviews/{id}/claim",
            "/v1/reviews/{id}/decide",
            "/v1/reviews/{id}/escalate",
            "/v1/reviews/{id}/note",
            "/v1/reviews/{id}/release",
            "/v1/reviews/{id}/tasks/{task}/done",
            "/v1/reviews/{id}/undo",
            "/v1/session",
            "/v1/session/oidc",
            "/v1/session/oidc/callback",
            "/v1/session/ways",
            "/v1/shift",
            "/v1/skills",
            "/v1/stats",
            "/v1/tasks",
            "/v1/vigilance",
            "/v1/webhooks",
            "/v1/webhooks/{id}",
            "/v1/webhooks/{id}/resume",
        ]
    );
    let form = &document["paths"]["/v1/claims"]["post"]["requestBody"]["content"]["multipart/form-data"];
    assert!(form["schema"]["$ref"].as_str().unwrap().ends_with("ClaimForm"), "{form}");
    let bodies = &document["paths"]["/v1/photos:check"]["post"]["requestBody"]["content"];
    let mut bodies: Vec<&String> = bodies.as_object().unwrap().keys().collect();
    bodies.sort();
    let pictures = ["application/pdf", "image/heic", "image/jpeg", "image/png", "image/webp", "multipart/form-data"];
    assert_eq!(bodies, pictures);
    assert!(document["components"]["schemas"]["Problem"]["properties"]["retake"].is_object());
    assert!(server.get("/").bytes.starts_with(b"<!doctype html>"));
    assert_eq!(server.get("/healthz").json(), json!({ "status": "ok" }));
    let answer = server.get("/readyz");
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": "ready", "access": "open" })));
    assert_eq!(answer.headers["x-request-id"].len(), 16);
}

#[test]
fn a_service_that_cannot_store_says_so_and_accepts_nothing() {
    let server = TestServer::start();
    // A file where the folder for new photos should be; works also for a user who may write everywhere.
    let tmp = server.data.join("photos/tmp");
    std::fs::remove_dir(&tmp).unwrap();
    std::fs::write(&tmp, b"").unwrap();
    assert_eq!(server.get("/readyz").problem(), (503, "store_unavailable".to_owned()));
    let answer = png(&server, 1, "a.png", &[]);
    assert_eq!(answer.problem(), (503, "store_unavailable".to_owned()));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(server.claims(), 0);
    std::fs::remove_file(&tmp).unwrap();
    std::fs::create_dir(&tmp).unwrap();
    assert_eq!(png(&server, 1, "a.png", &[]).status, 200);
}

#[test]
fn stopping_lets_reading_end_and_keeps_what_waits() {
    let mut server = TestServer::start_with(|c| c.work.readers = 1);
    for n in 0..4 {
        assert_eq!(png(&server, n, "slow.png", &[("Prefer", "wait=0")]).status, 202);
    }
    server.stop();
    let running = Running::open(config(&server.data));
    let (claims, _) = running.wait(running.service.list(&Scope::All, None, 10)).unwrap();
    assert_eq!(claims.len(), 4);
    assert!(claims.iter().any(|c| c.result.is_some()), "what was being read has ended");
    let waiting = claims.iter().filter(|c| c.result.is_none()).count();
    assert_eq!(running.wait(running.service.start()).unwrap(), waiting);
    for claim in claims {
        running.wait(running.service.wait(&claim.id, Duration::from_secs(10)));
        assert!(running.wait(running.service.get(&claim.id)).unwrap().result.is_some());
    }
}

fn submission(name: &str, seed: u8) -> Submission {
    Submission { photos: vec![Upload { name: name.to_owned(), bytes: photo(seed) }], ..Submission::default() }
}

#[test]
fn work_that_a_crash_cut_off_is_taken_up_again_and_given_up_after_three_attempts() {
    let dir = tempfile::tempdir().unwrap();
    let id = {
        let running = Running::open(config(dir.path()));
        running.wait(async {
            running.service.start().await.unwrap();
            let ticket = running.service.admit(None).await.unwrap();
            let id = running.service.submit(ticket, submission("stuck.png", 1)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
            id
        })
    };
    let state = |running: &Running| running.wait(running.service.get(&id)).unwrap();
    for _ in 0..2 {
        let running = Running::open(config(dir.path()));
        assert!(state(&running).result.is_none());
        assert_eq!(running.wait(running.service.start()).unwrap(), 1);
        // The one before holds the claim for another second at most.
        running.wait(running.service.wait(&id, Duration::from_secs(2)));
        assert!(state(&running).result.is_none());
    }
    let running = Running::open(config(dir.path()));
    running.wait(running.service.start()).unwrap();
    running.wait(running.service.wait(&id, Duration::from_secs(10)));
    let result = state(&running).result.unwrap();
    assert_eq!(result["decision"], "human_review");
    assert!(result["documents"][0]["unreadable"].is_string());
    let report = running.wait(running.service.records().audit_verify(&Noted::default())).unwrap();
    assert_eq!((report.entries, report.faults), (3, vec![]));
    assert_eq!(running.wait(running.service.start()).unwrap(), 0);
}

#[test]
fn work_cut_off_once_is_simply_done_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let id = {
        let running = Running::open(config(dir.path()));
        running.wait(async {
            running.service.start().await.unwrap();
            let ticket = running.service.admit(Some("k")).await.unwrap();
            running.service.submit(ticket, submission("slow.png", 1)).await.unwrap()
        })
    };
    let running = Running::open(config(dir.path()));
    assert_eq!(running.wait(running.service.start()).unwrap(), 1);
    running.wait(running.service.wait(&id, Duration::from_secs(10)));
    let result = running.wait(running.service.get(&id)).unwrap().result.unwrap();
    assert_eq!(result["documents"][0]["unreadable"], Value::Null);
    // The key still stands for it.
    let again = running.wait(async {
        let ticket = running.service.admit(Some("k")).await.unwrap();
        running.service.submit(ticket, submission("slow.png", 1)).await.unwrap()
    });
    assert_eq!(again, id);
}

#[test]
fn the_command_line_records_undecodable_photos_and_a_fixed_time() {
    let dir = tempfile::tempdir().unwrap();
    // Its reader is asked, like the real one, to read what is no picture.
    let running = Running::open(config(dir.path()));
    let mut odd = submission("broken.jpg", 1);
    odd.photos[0].bytes = b"no picture".to_vec();
    odd.now = Some("2026-03-01T17:30:00Z".parse().unwrap());
    let decided = running.wait(running.service.submit_and_wait(odd)).unwrap();
    assert_eq!(decided.record.evidence.facts.now, "2026-03-01T17:30:00Z");
    assert_eq!(decided.record.evidence.facts.today, "2026-03-02");
    assert!(decided.record.evidence.facts.repeats_searched);
    assert_eq!(decided.record.verdict.decision.as_str(), "human_review");
    let fine = running.wait(running.service.submit_and_wait(submission("fine.png", 2))).unwrap();
    assert!(fine.pictures[0].is_some());
    let report = running.wait(running.service.records().audit_verify(&Noted::default())).unwrap();
    assert_eq!((report.claims, report.faults), (2, vec![]));
}

#[test]
fn opening_what_is_not_there_or_not_valid_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(Records::open_existing(dir.path())).is_err());
    let bad = ServiceConfig::new(dir.path(), "nonsense = 1".to_owned(), canned(1));
    assert!(runtime.block_on(Service::open(bad)).is_err());
    let mut none = ServiceConfig::new(dir.path(), policy(), canned(1));
    none.load_reader = std::sync::Arc::new(|| Err(claimlens::ocr::OcrError::Runtime("no model".to_owned()).into()));
    assert!(runtime.block_on(Service::open(none)).is_err());
}

#[test]
fn readers_that_are_lost_and_cannot_be_loaded_again_send_claims_to_a_person() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static GONE: AtomicBool = AtomicBool::new(false);
    let server = TestServer::start_with(|c| {
        c.work.readers = 1;
        let load = c.load_reader.clone();
        c.load_reader = std::sync::Arc::new(move || match GONE.load(Ordering::SeqCst) {
            true => Err(claimlens::ocr::OcrError::Runtime("no model".to_owned()).into()),
            false => load(),
        });
    });
    GONE.store(true, Ordering::SeqCst);
    for (seed, name) in [(1, "panic.png"), (2, "fine.png")] {
        let claim = png(&server, seed, name, &[]).json();
        assert_eq!((&claim["status"], &claim["decision"]), (&json!("decided"), &json!("human_review")));
        assert!(claim["documents"][0]["unreadable"].is_string());
    }
    assert_eq!(server.get("/readyz").problem(), (503, "readers_unavailable".to_owned()));
    GONE.store(false, Ordering::SeqCst);
    assert_eq!(server.get("/readyz").status, 200);
    assert_eq!(png(&server, 3, "fine.png", &[]).json()["documents"][0]["unreadable"], Value::Null);
}

#[test]
fn every_reason_that_a_decision_gives_is_listed() {
    let server = TestServer::start();
    let listed = server.get("/v1/reasons").json();
    let listed: Vec<&str> =
        listed["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect();
    assert!(listed.contains(&"total_in_words_differs") && listed.len() > 40);
    for reason in png(&server, 1, "one.png", &[]).json()["reasons"].as_array().unwrap() {
        assert!(listed.contains(&reason["code"].as_str().unwrap()), "{reason}");
    }
}

#[test]
fn whoever_reads_a_claim_is_named_in_the_log() {
    let mut server = TestServer::start();
    let id = png(&server, 1, "one.png", &[]).json()["id"].as_str().unwrap().to_owned();
    for path in ["", "/photos/0/original", "/photos/0/overlay", "/evidence", "/related"] {
        assert_eq!(server.get_as(&format!("/v1/claims/{id}{path}"), "rv-1").status, 200, "{path}");
    }
    assert_eq!(server.get("/v1/claims").status, 200);
    assert_eq!(server.get(&format!("/v1/claims/{id}/photos/7/page")).status, 404);
    assert_eq!(server.get_as("/v1/claims", "two words").problem(), (400, "actor_invalid".to_owned()));
    server.stop();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let records = Records::open_existing(&server.data).await.unwrap();
        let reads = records.reads_of(&id.parse().unwrap()).await.unwrap();
        let told: Vec<_> = reads.iter().map(|read| (read.what.as_str(), read.by.as_deref())).collect();
        let by = Some("rv-1");
        let wanted =
            [("claim", by), ("original", by), ("overlay", by), ("evidence", by), ("related", by), ("list", None)];
        assert_eq!(told, wanted);
        assert_eq!(records.audit_verify(&Noted::default()).await.unwrap().faults, []);
    });
}

#[test]
fn looks_at_claims_can_be_left_out_of_the_log_and_pictures_cannot() {
    let mut server = TestServer::start_with(|config| config.log_claim_reads = false);
    let id = png(&server, 1, "one.png", &[]).json()["id"].as_str().unwrap().to_owned();
    for path in [format!("/v1/claims/{id}"), "/v1/claims".to_owned(), format!("/v1/claims/{id}/photos/0/page")] {
        assert_eq!(server.get(&path).status, 200);
    }
    server.stop();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let reads = runtime.block_on(async {
        let records = Records::open_existing(&server.data).await.unwrap();
        records.reads_of(&id.parse().unwrap()).await.unwrap()
    });
    assert_eq!(reads.iter().map(|read| read.what.as_str()).collect::<Vec<_>>(), ["page"]);
}

#[test]
fn the_policy_in_force_is_shown_and_another_one_tried() {
    let server = TestServer::start();
    png(&server, 1, "one.png", &[]);
    let shown = server.get("/v1/policy").json();
    assert_eq!((&shown["text"], &shown["in_force"]["by"]), (&json!(policy()), &json!("first-start")));
    assert_eq!((&shown["waiting"], &shown["shadow"]), (&json!([]), &Value::Null));
    let strict = policy().replace("min_text_height = 10", "min_text_height = 30");
    let try_out = |text: &str, by: &str| {
        let headers = [("content-type", "application/toml"), ("x-claimlens-actor", by)];
        server.send_to("/v1/policy/backtest", text.as_bytes(), &headers)
    };
    let tried = try_out(&strict, "rv-1").json();
    assert_eq!((&tried["decisions"], &tried["failed"]), (&json!(1), &json!(0)));
    assert!(
        tried["reasons"].as_object().unwrap().values().any(|change| change["before"] != change["after"]),
        "{tried}"
    );
    assert_eq!(try_out("nonsense = 1", "rv-1").problem(), (422, "policy_invalid".to_owned()));
    assert_eq!(try_out(&"#".repeat(70_000), "rv-1").problem(), (413, "body_too_large".to_owned()));
    assert_eq!(try_out(&strict, "two words").problem(), (400, "actor_invalid".to_owned()));
}

#[test]
fn a_photo_is_checked_without_a_claim() {
    let server = TestServer::start();
    let good = std::fs::read("samples/outpatient_bill/photo.jpg").unwrap();
    let check = |body: &[u8], kind: &str| server.send_to("/v1/photos:check", body, &[("content-type", kind)]);
    let in_form = |parts: &[crate::support::Part<'_>]| server.send_to("/v1/photos:check", &form(parts), &[]);
    for answer in [check(&good, "image/jpeg"), in_form(&[("photo", Some("a.jpg"), &good)])] {
        assert_eq!(answer.status, 200);
        let look = answer.json();
        assert_eq!((&look["ok"], &look["retake"], &look["size"]), (&json!(true), &json!([]), &json!([1840, 1380])));
        assert!(look["sheet"].as_array().is_some_and(|sheet| sheet.len() == 4));
        assert!(look["quality"]["text_height_px"].as_f64().is_some_and(|px| px > 8.0), "{look}");
        assert!(look["timing_ms"]["total"].is_number());
    }
    let look = check(&photo(1), "image/png").json();
    assert_eq!((&look["ok"], &look["retake"][0]["code"]), (&json!(false), &json!("too_small")));
    assert!(look["retake"][0]["message"]["zh"].is_string());
    assert!(look.get("page").is_none());
    let look = check(&pdf(3), "application/pdf");
    assert_eq!(look.status, 200, "{}", look.json());
    let look = look.json();
    assert_eq!((&look["page"], &look["pages"], &look["size"]), (&json!(1), &json!(3), &json!([2200, 1540])));
    assert_eq!(in_form(&[("photo", Some("a.heic"), HEIC)]).json()["size"], json!([48, 64]));
    let unknown = in_form(&[("x", Some("a.jpg"), &good)]).json();
    assert_eq!(unknown["detail"], "parts are one `photo`");
    for (answer, code) in [
        (check(b"", "image/jpeg"), (422, "photo_empty")),
        (check(b"GIF89a", "image/gif"), (415, "photo_unsupported")),
        (check(&good[..5000], "image/jpeg"), (422, "photo_unreadable")),
        (in_form(&[]), (400, "photo_missing")),
        (in_form(&[("photo", None, &good), ("photo", None, &good)]), (413, "too_many_photos")),
        (in_form(&[CLAIM]), (400, "unknown_part")),
        (server.get("/v1/photos:check"), (405, "method_not_allowed")),
    ] {
        assert_eq!(answer.problem(), (code.0, code.1.to_owned()));
    }
    assert_eq!(server.claims(), 0);
}

#[test]
fn metrics_count_what_happened_and_name_nobody() {
    let server = TestServer::start();
    assert_eq!(png(&server, 1, "canary-name.png", &[]).status, 200);
    assert_eq!(server.get("/v1/claims/canary-path").status, 404);
    let answer = server.get("/metrics");
    assert!(answer.headers["content-type"].starts_with("application/openmetrics-text"));
    let text = String::from_utf8(answer.bytes).unwrap();
    let has = |line: &str| assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    has("claimlens_claims_accepted_total 1");
    has("claimlens_decisions_total{decision=\"human_review\"} 1");
    has("claimlens_http_requests_total{method=\"POST\",route=\"/v1/claims\",status=\"200\"} 1");
    has("claimlens_http_requests_total{method=\"GET\",route=\"/v1/claims/{id}\",status=\"404\"} 1");
    has("claimlens_stage_duration_seconds_count{stage=\"recognise\"} 1");
    has("claimlens_approval_gate_open 1");
    has("claimlens_database_answers 1");
    has("claimlens_queue_limit_claims 200");
    assert!(text.ends_with("# EOF\n"));
    for secret in ["canary", "A-1", "clm_"] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
    // The dashboard asks for nothing that is not there.
    let dashboard = include_str!("../../deploy/grafana.json");
    let name = regex::Regex::new("claimlens_[a-z_]+").unwrap();
    let asked: BTreeSet<_> = name.find_iter(dashboard).map(|m| m.as_str()).collect();
    assert!(asked.len() > 10);
    for name in asked {
        let ends = ["_total", "_bucket", "_sum", "_count", "_info"];
        let family = ends.into_iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(text.contains(&format!("# TYPE {family} ")), "{name} is not told");
    }
}

#[test]
fn the_head_of_an_answer_can_be_asked_for_alone() {
    let server = TestServer::start();
    let agent = crate::support::agent();
    for (path, status) in [("/healthz", 200), ("/v1/claims", 200), ("/v1/claims/none", 404), ("/v1/photos:check", 405)]
    {
        let mut answer = agent.head(format!("http://127.0.0.1:{}{path}", server.port)).call().unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert!(answer.body_mut().read_to_vec().unwrap().is_empty(), "{path}");
    }
}

/// What of this value does not have the shape that the API's document gives it.
fn departures(document: &Value, shape: &str, value: &Value) -> Option<String> {
    const AT: &str = "http://localhost/openapi.json";
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource(AT, document.clone()).unwrap();
    let shape = compiler.compile(&format!("{AT}#/components/schemas/{shape}"), &mut schemas).unwrap();
    schemas.validate(value, shape).err().map(|error| format!("{error:#}"))
}

#[test]
fn answers_have_the_shape_that_the_document_says() {
    let server = TestServer::start();
    let document = server.get("/openapi.json").json();
    let holds = |shape: &str, value: &Value| assert_eq!(departures(&document, shape, value), None);
    let decided = png(&server, 1, "a.png", &[]).json();
    holds("ClaimAnswer", &decided);
    holds("ClaimAnswer", &png(&server, 2, "slow.png", &[("Prefer", "wait=0")]).json());
    holds("ClaimList", &server.get("/v1/claims").json());
    holds("GateView", &server.get("/v1/gate").json());
    holds("CardsView", &server.get("/v1/cards").json());
    holds("SkillsView", &server.get("/v1/skills").json());
    let forecast = server.get("/v1/forecast").json();
    holds("ForecastView", &forecast);
    assert_eq!((&forecast["half_hours"], &forecast["measured"]), (&json!([]), &Value::Null), "too little is known");
    let shift = server.get("/v1/shift?recent_days=1&before_days=365&reason=low_confidence").json();
    holds("ShiftView", &shift);
    assert_eq!(
        (&shift["change"], &shift["needed"], &shift["recent"]["decisions"]),
        (&Value::Null, &json!(100), &json!(1))
    );
    for wrong in ["recent_days=0", "recent_days=91", "before_days=366", "reason=Odd%20one", "days=7"] {
        let answer = server.get(&format!("/v1/shift?{wrong}"));
        assert_eq!((answer.status, answer.json()["code"].clone()), (400, json!("bad_query")), "{wrong}");
    }
    holds("Problem", &server.get("/v1/claims/none").json());
    // The check can fail.
    let mut other = decided.clone();
    other["decision"] = json!("reject");
    assert!(departures(&document, "ClaimAnswer", &other).is_some());
    let mut other = decided;
    other["documents"][0]["quality"]["new"] = json!(1);
    assert!(departures(&document, "ClaimAnswer", &other).is_some());

    // What is read of real pictures has members that the canned reading lacks.
    let photos = ["samples/outpatient_bill/altered.jpg", "samples/till_receipt/photo.jpg"];
    let program = Command::new(env!("CARGO_BIN_EXE_claimlens"));
    let read = { program }.args(["verify", "--format", "jsonl"]).args(photos).output().unwrap();
    let lines: Vec<Value> = read.stdout.split(|b| *b == b'\n').filter_map(|l| serde_json::from_slice(l).ok()).collect();
    assert_eq!(lines.len(), 2, "{}", String::from_utf8_lossy(&read.stderr));
    for line in &lines {
        holds("ClaimResult", line);
        let document = &line["documents"][0];
        assert!(document["fields"]["total"].is_object() && !document["lines"].as_array().unwrap().is_empty());
        assert_eq!(document["authenticity"]["signals"].as_array().unwrap().len(), 6);
    }
}
