//! The example clients in `samples/clients`, run against a server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::support::{TestServer, photo};
use claimlens::service::Reach;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

fn run(program: &str, script: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).arg(format!("samples/clients/{script}")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_example_clients_submit_a_claim_once_and_tell_its_decision() {
    let server = TestServer::start();
    let dir = tempfile::tempdir().unwrap();
    let (picture, claim) = (dir.path().join("photo.png"), dir.path().join("claim.json"));
    fs::write(&claim, r#"{ "id": "A-1", "amount": "12.00" }"#).unwrap();
    let url = format!("http://127.0.0.1:{}", server.port);
    let arguments = [url.as_str(), picture.to_str().unwrap(), claim.to_str().unwrap()];
    for (n, (program, script)) in
        [("sh", "submit.sh"), ("python3", "submit.py"), ("node", "submit.mjs")].iter().enumerate()
    {
        fs::write(&picture, photo(n as u8)).unwrap();
        let first = run(program, script, &arguments);
        assert!(first.contains("clm_") && first.contains("human_review"), "{script}: {first}");
        let id = |text: &str| text[text.find("clm_").unwrap()..][..30].to_owned();
        assert_eq!(id(&run(program, script, &arguments)), id(&first), "{script}: sent twice, one claim");
        assert_eq!(server.claims(), n + 1);
    }
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_example_receiver_takes_what_is_signed_and_nothing_else() {
    let server = TestServer::start_with(|config| config.reach = Reach::Anywhere);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");
    let made = server.send_json("/v1/webhooks", &json!({ "url": url })).json();
    let secret = made["secret"].as_str().unwrap();
    let child = Command::new("python3")
        .args(["samples/clients/webhook.py", &port.to_string(), secret])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Ended(child);
    let answer = server.post(&[crate::support::CLAIM, ("photo", Some("a.png"), &photo(1))], &[]).json();
    let id = answer["id"].as_str().unwrap();
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, format!("claim.decided {id}\n"));
    let forged = ureq::post(&url).config().http_status_as_error(false).build();
    let forged = forged.header("webhook-id", "msg_1").header("webhook-timestamp", "1614265330");
    let answered = forged.header("webhook-signature", "v1,AAAA").send(r#"{"type":"claim.decided"}"#).unwrap();
    assert_eq!(answered.status(), 401);
    assert_ne!(server.get("/v1/webhooks").json()["webhooks"], Value::Null);
}
