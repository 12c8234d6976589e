//! Bad input over HTTP: each gets its problem with a stable code, creates no claim, and the service goes on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::support::{BOUNDARY, CLAIM, HEIC, Part, TestServer, encode, form, pdf, photo};
use image::{GrayImage, ImageFormat};
use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn bad_input_is_refused_and_leaves_nothing_behind() {
    let server = TestServer::start();
    let good = photo(1);
    let jpeg = encode(1, ImageFormat::Jpeg);
    let truncated = &jpeg[..jpeg.len() / 2];
    let webp = b"RIFF\xff\xff\xff\x7fWEBPVP8 garbage".as_slice();
    let mut bomb = Cursor::new(Vec::new());
    GrayImage::new(10_000, 10_000).write_to(&mut bomb, ImageFormat::Png).unwrap();
    let bomb = bomb.into_inner();
    let large = [jpeg.as_slice(), &vec![0; 21 << 20]].concat();
    let huge = vec![0_u8; 60 << 20];
    let long_claim = format!(r#"{{ "id": "{}" }}"#, "x".repeat(70 << 10));
    let p = |bytes: &'static [u8]| -> Part<'static> { ("claim", None, bytes) };
    let ok: Part<'_> = ("photo", Some("a.png"), &good);
    let pic = |bytes| -> Part<'_> { ("photo", Some("a.jpg"), bytes) };
    let (eleven, long, endless, none) = (pdf(11), pdf(21), pdf(10_000), pdf(0));
    let locked = [pdf(1), b"trailer << /Root 1 0 R /Encrypt << >> >>".to_vec()].concat();
    let loops = b"%PDF-1.7\n1 0 obj << /Pages 2 0 R >> endobj 2 0 obj << /Type /Pages /Kids [2 0 R] >> endobj\n%%EOF";
    let many: Vec<Part<'_>> = std::iter::once(CLAIM).chain(std::iter::repeat_n(ok, 21)).collect();

    let two_long: Vec<Part<'_>> = vec![CLAIM, ("photo", None, &eleven), ("photo", None, &eleven)];
    let table: Vec<(&str, Vec<Part<'_>>, u16, &str)> = vec![
        ("no photo", vec![CLAIM], 400, "photo_missing"),
        ("no part at all", vec![], 400, "claim_missing"),
        ("no claim", vec![ok], 400, "claim_missing"),
        ("empty photo", vec![CLAIM, pic(b"")], 422, "photo_empty"),
        ("one of two empty", vec![CLAIM, ok, pic(b"")], 422, "photo_empty"),
        ("text called .jpg", vec![CLAIM, pic(b"I am no picture at all.")], 415, "photo_unsupported"),
        ("GIF", vec![CLAIM, pic(b"GIF89a\x01\0\x01\0\0\0\0;")], 415, "photo_unsupported"),
        ("100-megapixel PNG bomb", vec![CLAIM, pic(&bomb)], 422, "photo_unreadable"),
        ("truncated JPEG", vec![CLAIM, pic(truncated)], 422, "photo_unreadable"),
        ("first bytes of a JPEG only", vec![CLAIM, pic(b"\xff\xd8\xff\xe0")], 422, "photo_unreadable"),
        ("garbage called WebP", vec![CLAIM, pic(webp)], 422, "photo_unreadable"),
        ("truncated HEIC", vec![CLAIM, pic(&HEIC[..HEIC.len() / 2])], 422, "photo_unreadable"),
        ("first bytes of a HEIC only", vec![CLAIM, pic(&HEIC[..16])], 422, "photo_unreadable"),
        ("first bytes of a PDF only", vec![CLAIM, pic(b"%PDF-1.7\n")], 422, "photo_unreadable"),
        ("PDF without pages", vec![CLAIM, pic(&none)], 422, "photo_unreadable"),
        ("PDF that is its own page", vec![CLAIM, pic(loops)], 422, "photo_unreadable"),
        ("encrypted PDF", vec![CLAIM, pic(&locked)], 422, "photo_unreadable"),
        ("PDF of 21 pages", vec![CLAIM, pic(&long)], 413, "too_many_photos"),
        ("PDF of 10000 pages", vec![CLAIM, pic(&endless)], 413, "too_many_photos"),
        ("PDF cut short", vec![CLAIM, pic(&eleven[..eleven.len() / 2])], 422, "photo_unreadable"),
        ("two PDFs of 11 pages", two_long, 413, "too_many_photos"),
        ("OFD", vec![CLAIM, pic(b"PK\x03\x04\x14\0\0\0OFD.xml")], 415, "photo_unsupported"),
        ("one bad photo among good ones", vec![CLAIM, ok, pic(truncated), ok], 422, "photo_unreadable"),
        ("21 MB photo", vec![CLAIM, pic(&large)], 413, "photo_too_large"),
        ("60 MB body", vec![CLAIM, pic(&huge[..18 << 20]), pic(&huge[..18 << 20]), pic(&huge)], 413, "body_too_large"),
        ("21 photos", many, 413, "too_many_photos"),
        ("not JSON", vec![p(b"{ id: 1 }"), ok], 400, "claim_not_json"),
        ("cut-off JSON", vec![p(br#"{ "id": "A"#), ok], 400, "claim_not_json"),
        ("JSON of another shape", vec![p(b"[1]"), ok], 422, "claim_invalid"),
        ("members without names", vec![p(br#"["A-1", null, null, null]"#), ok], 422, "claim_invalid"),
        ("inner members without names", vec![p(br#"{ "id": "A", "insured": ["n", null] }"#), ok], 422, "claim_invalid"),
        ("wrong type", vec![p(br#"{ "id": 7 }"#), ok], 422, "claim_invalid"),
        ("no id", vec![p(b"{}"), ok], 422, "claim_invalid"),
        ("unknown member", vec![p(br#"{ "id": "A-1", "amuont": "12.00" }"#), ok], 422, "claim_invalid"),
        (
            "unknown inner member",
            vec![p(br#"{ "id": "A", "insured": { "name": "n", "x": 1 } }"#), ok],
            422,
            "claim_invalid",
        ),
        ("repeated member", vec![p(br#"{ "id": "A-1", "id": "A-2" }"#), ok], 422, "claim_invalid"),
        ("bad amount", vec![p(br#"{ "id": "A-1", "amount": "12" }"#), ok], 422, "claim_invalid"),
        (
            "bad date",
            vec![p(br#"{ "id": "A", "policy": { "number": "1", "from": "2026-02-30" } }"#), ok],
            422,
            "claim_invalid",
        ),
        ("invalid UTF-8", vec![p(b"{ \"id\": \"\xff\" }"), ok], 400, "claim_not_json"),
        ("deep JSON", vec![("claim", None, "[".repeat(60_000).leak().as_bytes()), ok], 422, "claim_invalid"),
        ("long claim", vec![("claim", None, long_claim.as_bytes()), ok], 413, "claim_too_large"),
        ("two parts named claim", vec![CLAIM, CLAIM, ok], 400, "claim_twice"),
        ("unknown part", vec![CLAIM, ok, ("photos", None, b"x")], 400, "unknown_part"),
    ];
    for (name, parts, status, code) in table {
        let answer = server.post(&parts, &[]);
        assert_eq!(answer.problem(), (status, code.to_owned()), "{name}: {}", answer.json());
        assert_eq!(server.claims(), 0, "{name}");
    }

    // What to send instead is told as a decision tells it.
    for (bytes, code) in [
        (b"GIF89a\x01\0\x01\0\0\0\0;".as_slice(), "format_unsupported"),
        (b"PK\x03\x04\x14\0\0\0OFD.xml", "format_unsupported"),
        (truncated, "file_unreadable"),
        (&locked, "pdf_encrypted"),
        (&long, "pdf_too_long"),
    ] {
        let checked = server.send_to("/v1/photos:check", bytes, &[("content-type", "application/octet-stream")]);
        for answer in [server.post(&[CLAIM, pic(bytes)], &[]).json(), checked.json()] {
            let retake = &answer["retake"][0];
            assert_eq!(retake["code"], code, "{answer}");
            assert!(retake["message"]["zh"].is_string() && retake["message"]["en"].is_string(), "{answer}");
            assert!(retake["region"].is_null(), "{answer}");
        }
    }
    assert!(server.post(&[CLAIM], &[]).json().get("retake").is_none());

    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    let whole = form(&[CLAIM, ok]);
    let bodies: [(&str, &[u8], &str, u16, &str); 6] = [
        ("JSON in place of a form", b"{}", "application/json", 415, "not_multipart"),
        ("no boundary", &whole, "multipart/form-data", 415, "not_multipart"),
        ("another boundary", &whole, "multipart/form-data; boundary=other", 400, "multipart_malformed"),
        ("cut-off form", &whole[..whole.len() - 40], &multipart, 400, "multipart_malformed"),
        ("no form at all", b"hello", &multipart, 400, "multipart_malformed"),
        ("empty body", b"", &multipart, 400, "multipart_malformed"),
    ];
    for (name, body, content_type, status, code) in bodies {
        let answer = server.send(body, &[("Content-Type", content_type)]);
        assert_eq!(answer.problem(), (status, code.to_owned()), "{name}");
        assert_eq!(server.claims(), 0, "{name}");
    }
    let long_key = "k".repeat(256);
    for key in ["", "with space", &long_key] {
        let answer = server.post(&[CLAIM, ok], &[("Idempotency-Key", key)]);
        assert_eq!(answer.problem(), (400, "idempotency_key_invalid".to_owned()), "{key}");
    }
    assert_eq!(server.claims(), 0);

    // And goes on.
    assert_eq!(server.post(&[CLAIM, ok], &[]).status, 200);
    assert_eq!(server.claims(), 1);
    assert_eq!(server.get("/readyz").status, 200);
    // Nothing refused has left a file behind: one photo and its page.
    let files = |dir: &std::path::Path| std::fs::read_dir(dir).unwrap().count();
    assert_eq!(files(&server.data.join("photos/tmp")), 0);
    assert_eq!(files(&server.data.join("photos")), 3, "tmp and one folder each for photo and page");
}

#[test]
fn paths_and_queries_are_answered_with_problems() {
    let server = TestServer::start();
    let unknown = format!("/v1/claims/clm_{}", "0".repeat(26));
    let table = [
        ("/nothing", 404, "not_found"),
        ("/v1/claims/", 404, "not_found"),
        ("/v1/claims/clm_short", 404, "not_found"),
        ("/v1/claims/..%2f..%2fetc%2fpasswd", 404, "not_found"),
        (unknown.as_str(), 404, "not_found"),
        (&format!("{unknown}/photos/0/original"), 404, "not_found"),
        (&format!("{unknown}/photos/-1/original"), 404, "not_found"),
        (&format!("{unknown}/photos/0/secret"), 404, "not_found"),
        ("/v1/claims?limit=0", 400, "bad_query"),
        ("/v1/claims?limit=many", 400, "bad_query"),
        ("/v1/claims?page=2", 400, "bad_query"),
        ("/v1/claims?cursor=2", 400, "bad_cursor"),
    ];
    for (path, status, code) in table {
        assert_eq!(server.get(path).problem(), (status, code.to_owned()), "{path}");
    }
    let agent = crate::support::agent();
    let answer = agent.delete(format!("http://127.0.0.1:{}/v1/claims", server.port)).call().unwrap();
    assert_eq!(answer.status().as_u16(), 405);
    assert_eq!(answer.headers()["allow"], "GET, HEAD, POST");
}

/// A connection over which a claim came so far that half its body is there.
fn half_sent(server: &TestServer, body: &[u8]) -> TcpStream {
    let head = format!(
        "POST /v1/claims HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body[..body.len() / 2]).unwrap();
    stream
}

#[test]
fn a_body_that_trickles_or_breaks_off_creates_no_claim() {
    let server = TestServer::start_with(|c| c.intake.body_time = Duration::from_millis(400));
    let picture = photo(1);
    let body = form(&[CLAIM, ("photo", None, &picture)]);
    let mut slow = half_sent(&server, &body);
    slow.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut answer = [0; 4096];
    let n = slow.read(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer[..n]).into_owned();
    assert!(text.starts_with("HTTP/1.1 408") && text.contains("body_too_slow"), "{text}");

    drop(half_sent(&server, &body));
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(server.claims(), 0);
    assert_eq!(server.send(&body, &[]).status, 200);
}

#[test]
fn bodies_that_trickle_keep_nobody_else_out() {
    let server = TestServer::start_with(|c| c.intake.queue = 4);
    let picture = photo(1);
    let body = form(&[CLAIM, ("photo", None, &picture)]);
    let slow: Vec<TcpStream> = (0..40).map(|_| half_sent(&server, &body)).collect();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(server.send(&body, &[]).status, 200);
    drop(slow);
}

#[test]
fn a_body_of_no_announced_length_is_cut_off_at_the_limit() {
    let server = TestServer::start_with(|c| c.intake.body = 1 << 20);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST /v1/claims HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let opening = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"photo\"\r\n\r\n");
    let chunk = |stream: &mut TcpStream, bytes: &[u8]| {
        stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).unwrap();
        stream.write_all(bytes).unwrap();
        stream.write_all(b"\r\n").unwrap();
    };
    chunk(&mut stream, opening.as_bytes());
    for _ in 0..32 {
        chunk(&mut stream, &[0xff; 64 << 10]);
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let mut answer = [0; 4096];
    let n = stream.read(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer[..n]).into_owned();
    assert!(text.starts_with("HTTP/1.1 413") && text.contains("body_too_large"), "{text}");
    assert_eq!(server.claims(), 0);
}

#[test]
fn engines_that_fail_send_the_claim_to_a_person() {
    let server = TestServer::start_with(|c| c.work.photo_time = Duration::from_millis(600));
    for (n, name) in ["broken.png", "panic.png", "stuck.png"].into_iter().enumerate() {
        let picture = photo(10 + n as u8);
        let answer = server.post(&[CLAIM, ("photo", Some(name), &picture)], &[]);
        assert_eq!(answer.status, 200, "{name}");
        let claim = answer.json();
        assert_eq!((&claim["status"], &claim["decision"]), (&"decided".into(), &"human_review".into()), "{name}");
        assert!(!claim["reasons"].as_array().unwrap().is_empty(), "{name}");
        // The next one is read as if nothing had happened.
        let picture = photo(20 + n as u8);
        let answer = server.post(&[CLAIM, ("photo", Some("fine.png"), &picture)], &[]);
        assert_eq!(answer.json()["documents"][0]["unreadable"], serde_json::Value::Null, "{name}");
        assert_eq!(server.get("/readyz").status, 200, "{name}");
    }
}
