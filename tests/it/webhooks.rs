//! Webhooks from the outside: a receiver of our own that takes, refuses and checks messages.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::reviews::Desk;
use crate::support::{CLAIM, TestServer, photo};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claimlens::service::Reach;
use ring::hmac;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A message as received.
#[derive(Clone)]
struct Message {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Message {
    fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    fn claim(&self) -> String {
        serde_json::from_str::<Value>(&self.body).unwrap()["data"]["id"].as_str().unwrap().to_owned()
    }
}

/// Answers each message with the status that `answer` gives for its number and for how often it came before, and keeps
/// all of them.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    fn start(answer: impl Fn(usize, usize) -> u16 + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = got.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(message) = read(&stream) else { continue };
                let status = {
                    let mut kept = kept.lock().unwrap();
                    let before = kept.iter().filter(|other: &&Message| other.id() == message.id()).count();
                    kept.push(message);
                    answer(kept.len() - 1, before)
                };
                // A receiver that closes early is one that failed: the sender's to bear.
                let _ = write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        Self { url, got }
    }

    fn got(&self) -> Vec<Message> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until something holds of what was received.
    fn wait(&self, holds: impl Fn(&[Message]) -> bool) -> Vec<Message> {
        let start = Instant::now();
        loop {
            let got = self.got();
            if holds(&got) {
                return got;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{} messages", got.len());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn read(stream: &TcpStream) -> Option<Message> {
    let mut from = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    for line in from.by_ref().lines() {
        let line = line.ok()?;
        match line.split_once(": ") {
            Some((name, value)) => {
                headers.insert(name.to_ascii_lowercase(), value.to_owned());
            }
            None if line.is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    from.read_exact(&mut body).ok()?;
    Some(Message { headers, body: String::from_utf8(body).ok()? })
}

fn server() -> TestServer {
    TestServer::start_with(|config| config.reach = Reach::Anywhere)
}

fn submit(server: &TestServer, seed: u8) -> String {
    let answer = server.post(&[CLAIM, ("photo", Some("one.png"), &photo(seed))], &[]);
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_decision_is_told_signed_and_with_nothing_personal() {
    let (server, receiver) = (server(), Receiver::start(|_, _| 204));
    let before = submit(&server, 1);
    let made = server.send_json("/v1/webhooks", &json!({ "url": receiver.url }));
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(made["events"].as_array().unwrap().len(), 7, "all, as nothing else was said");
    let id = submit(&server, 2);
    let got = receiver.wait(|got| !got.is_empty());
    let message = &got[0];
    assert_ne!(message.claim(), before, "what happened before is not told");
    let body: Value = serde_json::from_str(&message.body).unwrap();
    let entry = body["data"]["entry"].as_u64().unwrap();
    assert_eq!((&body["type"], &body["data"]), (&json!("claim.decided"), &json!({ "id": id, "entry": entry })));
    assert_eq!(server.get(&format!("/v1/audit/entries/{entry}/proof")).status, 200);

    let secret = made["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(secret).unwrap());
    let signed = format!("{}.{}.{}", message.id(), message.headers["webhook-timestamp"], message.body);
    let signature = message.headers["webhook-signature"].strip_prefix("v1,").unwrap();
    hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(signature).unwrap()).unwrap();

    let listed = server.get("/v1/webhooks").json();
    assert_eq!(listed["webhooks"][0]["secret"], Value::Null, "told once");
    assert_eq!((&listed["webhooks"][0]["waiting"], &listed["webhooks"][0]["gave_up"]), (&json!(0), &json!(0)));
}

#[test]
fn nothing_is_lost_to_a_receiver_that_fails_half_the_time() {
    let (server, receiver) = (server(), Receiver::start(|_, before| if before == 0 { 500 } else { 200 }));
    assert_eq!(server.send_json("/v1/webhooks", &json!({ "url": receiver.url })).status, 201);
    let sent: Vec<String> = (0..8).map(|seed| submit(&server, seed)).collect();
    // A second attempt follows after five seconds.
    let times = |got: &[Message], id: &String| got.iter().filter(|message| message.claim() == *id).count();
    let got = receiver.wait(|got| sent.iter().all(|id| times(got, id) == 2));
    for id in &sent {
        let ids: BTreeSet<&str> = got.iter().filter(|m| m.claim() == *id).map(Message::id).collect();
        assert_eq!(ids.len(), 1, "a message sent again keeps its id");
    }
}

#[test]
fn a_receiver_that_never_answers_holds_up_no_other() {
    let server = server();
    // Takes connections, and no more.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", silent.local_addr().unwrap());
    assert_eq!(server.send_json("/v1/webhooks", &json!({ "url": url })).status, 201);
    let receiver = Receiver::start(|_, _| 200);
    assert_eq!(server.send_json("/v1/webhooks", &json!({ "url": receiver.url })).status, 201);
    for seed in 0..40 {
        submit(&server, seed);
    }
    // An attempt lasts fifteen seconds where nobody answers.
    let start = Instant::now();
    let got = receiver.wait(|got| got.len() == 40);
    assert!(start.elapsed() < Duration::from_secs(13), "{} messages after {:?}", got.len(), start.elapsed());
}

#[test]
fn a_verdict_that_was_taken_back_is_not_told() {
    let desk = Desk::start_with(None, |config| config.reach = Reach::Anywhere);
    let receiver = Receiver::start(|_, _| 200);
    let hook = json!({ "url": receiver.url, "events": ["claim.reviewed", "claim.photos_wanted"] });
    assert_eq!(desk.server.send_json("/v1/webhooks", &hook).status, 201);
    let [undone, kept] = [1, 2].map(|seed| desk.submit(seed, "10.60"));
    let verdict = json!({ "verdict": "reject", "note": "painted over", "reason": "altered" });
    let asked = json!({ "verdict": "request_photos", "note": "take it again", "reason": "blurred" });
    for (id, verdicts) in [(&undone, vec![&verdict, &asked]), (&kept, vec![&verdict])] {
        desk.claim(id, "rv-1");
        for verdict in verdicts {
            desk.step(id, "decide", "rv-1", verdict.clone());
            if id == &undone {
                desk.step(id, "undo", "rv-1", json!({}));
            }
        }
    }
    // What can no longer be taken back is told after ten seconds; the other would have been told before it.
    let got = receiver.wait(|got| !got.is_empty());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(receiver.got().len(), got.len());
    assert_eq!(got.iter().map(Message::claim).collect::<Vec<_>>(), [kept]);
}

#[test]
fn a_receiver_that_is_gone_is_told_nothing_more_until_it_is_turned_on_again() {
    let (server, receiver) = (server(), Receiver::start(|n, _| if n == 0 { 410 } else { 200 }));
    let made = server.send_json("/v1/webhooks", &json!({ "url": receiver.url, "events": ["claim.decided"] })).json();
    let name = made["id"].as_str().unwrap();
    let first = submit(&server, 1);
    receiver.wait(|got| got.len() == 1);
    let start = Instant::now();
    while server.get("/v1/webhooks").json()["webhooks"][0]["active"] == json!(true) {
        assert!(start.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(50));
    }
    let second = submit(&server, 2);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(receiver.got().len(), 1);
    let resumed = server.send_json(&format!("/v1/webhooks/{name}/resume"), &json!({ "from": 1 }));
    assert_eq!((resumed.status, &resumed.json()["active"]), (200, &json!(true)));
    let got = receiver.wait(|got| got.len() == 3);
    // Messages may overtake each other.
    assert_eq!(BTreeSet::from([got[1].claim(), got[2].claim()]), BTreeSet::from([first, second]));
}

#[test]
fn webhooks_go_to_public_addresses_only_and_are_made_and_forgotten() {
    let server = TestServer::start();
    for url in ["http://example.com/", "https://127.0.0.1/", "https://localhost/x", "https://10.1.2.3/", "nonsense"] {
        let refused = server.send_json("/v1/webhooks", &json!({ "url": url }));
        assert_eq!(refused.problem(), (422, "webhook_invalid".to_owned()), "{url}");
    }
    let url = "https://app.example.com/hook";
    let none = server.send_json("/v1/webhooks", &json!({ "url": url, "events": [] }));
    assert_eq!(none.problem(), (422, "webhook_invalid".to_owned()));
    let unknown = server.send_json("/v1/webhooks", &json!({ "url": url, "events": ["claim.eaten"] }));
    assert_eq!(unknown.problem(), (400, "body_invalid".to_owned()));
    let made = server.send_json("/v1/webhooks", &json!({ "url": url })).json();
    let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    assert_eq!(server.delete(&path).status, 204);
    assert_eq!(server.delete(&path).problem(), (404, "not_found".to_owned()));
    let gone = server.send_json(&format!("{path}/resume"), &json!({}));
    assert_eq!(gone.problem(), (404, "not_found".to_owned()));
    assert_eq!(server.get("/v1/webhooks").json(), json!({ "webhooks": [] }));
}

#[test]
fn the_api_can_be_read_and_tried_in_a_browser() {
    let server = TestServer::start();
    let page = server.get("/docs/");
    assert_eq!((page.status, page.headers["content-type"].as_str()), (200, "text/html"));
    let text = String::from_utf8(page.bytes).unwrap();
    assert!(text.contains("swagger-ui"));
    assert!(!text.contains("https://"), "nothing from elsewhere");
    assert_eq!(server.get("/docs/swagger-ui-bundle.js").status, 200);
    let initializer = String::from_utf8(server.get("/docs/swagger-initializer.js").bytes).unwrap();
    assert!(initializer.contains("/openapi.json"));
    assert_eq!(server.get("/docs/nothing").problem(), (404, "not_found".to_owned()));
}
