//! What is known of people stands in no log line, no error and no file that anybody could read; and once erased,
//! nowhere.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::postgres::fresh_database;
use crate::support::{Part, Running, TestServer, canned, config, photo, printed};
use claimlens::domain::gate::{Reviewer, Why};
use claimlens::domain::{ClaimId, FieldName, Scope};
use claimlens::pipeline::{ReadError, ReadOutcome};
use claimlens::service::{
    ClaimState, Issuers, Noted, Place, ReadPhotos, Records, ReplayFrom, ReplayOf, ServiceConfig, Submission, Upload,
    Verifier,
};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;
use serde_json::{Value, json};
use sqlx::Row;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

/// Stands in names, numbers, codes, files' names and keys that the tests make up, and must come out nowhere else.
const CANARY: &str = "KANARIA";

/// A claim's data key, taken up from what README.md and `store::vault` say of the layout, without their code.
pub struct DataKey {
    key: [u8; 32],
    claim: String,
}

impl DataKey {
    /// What data keys of this claim are wrapped with.
    fn wrapping(data: &Path, claim: &str) -> Self {
        let kek = fs::read_to_string(data.join("kek.key")).unwrap();
        let kek = claimlens::audit::note::from_base64(kek.trim()).unwrap().0;
        let wrapping = hkdf::Salt::new(hkdf::HKDF_SHA256, claim.as_bytes()).extract(&kek);
        let mut key = [0; 32];
        wrapping.expand(&[b"claimlens key v1"], hkdf::HKDF_SHA256).unwrap().fill(&mut key).unwrap();
        Self { key, claim: claim.to_owned() }
    }

    pub fn unwrap(data: &Path, claim: &str, wrapped: &[u8]) -> Self {
        let key = Self::wrapping(data, claim).open("key", wrapped);
        Self { key: key.try_into().unwrap(), claim: claim.to_owned() }
    }

    /// A key, and how it is stored.
    pub fn make(data: &Path, claim: &str) -> (Self, Vec<u8>) {
        let key = Self { key: [7; 32], claim: claim.to_owned() };
        let wrapped = Self::wrapping(data, claim).seal("key", &key.key);
        (key, wrapped)
    }

    fn aead(&self, cell: &str) -> (LessSafeKey, Aad<String>) {
        let key = UnboundKey::new(&AES_256_GCM, &self.key).unwrap();
        (LessSafeKey::new(key), Aad::from(format!("claimlens cell v{}\0{cell}\0{}", Self::form(cell), self.claim)))
    }

    /// Records are packed.
    fn form(cell: &str) -> u8 {
        1 + u8::from(cell == "record")
    }

    pub fn open(&self, cell: &str, sealed: &[u8]) -> Vec<u8> {
        let (key, aad) = self.aead(cell);
        assert_eq!(sealed[0], Self::form(cell));
        let nonce = Nonce::try_assume_unique_for_key(&sealed[1..13]).unwrap();
        let mut rest = sealed[13..].to_vec();
        let plain = key.open_in_place(nonce, aad, &mut rest).unwrap().to_vec();
        if cell == "record" { lz4_flex::decompress_size_prepended(&plain).unwrap() } else { plain }
    }

    pub fn seal(&self, cell: &str, plain: &[u8]) -> Vec<u8> {
        let (key, aad) = self.aead(cell);
        let mut rest = if cell == "record" { lz4_flex::compress_prepend_size(plain) } else { plain.to_vec() };
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key([9; 12]), aad, &mut rest).unwrap();
        [&[Self::form(cell)][..], &[9; 12], &rest].concat()
    }
}

/// Runs another test of this program in a process of its own that logs everything, and gives the log: libraries share
/// one logger, so listening here would hear all other tests too.
fn log_of(test: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let (said, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{log}");
    log.into_owned()
}

/// Logs as the built program does, to standard error.
fn log_everything() {
    let filter = claimlens::cli::log_filter("trace");
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
}

fn assert_clean(log: &str) {
    assert!(log.contains("TRACE") && log.contains("claim accepted"), "nothing was heard: {log}");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(lines.is_empty(), "{} lines, such as {:?}", lines.len(), &lines[..lines.len().min(5)]);
}

/// Reads a bill that names a person.
struct Named(Box<dyn ReadPhotos>);

impl ReadPhotos for Named {
    fn read(&self, source: &str, bytes: &[u8], pdf_page: Option<u32>) -> Result<ReadOutcome, ReadError> {
        let mut outcome = self.0.read(source, bytes, pdf_page)?;
        for (name, value) in [
            (FieldName::PayerName, format!("{CANARY} VOGEL")),
            (FieldName::PayerId, format!("{CANARY}110101")),
            (FieldName::BillCode, "11060124".to_owned()),
            (FieldName::BillNumber, format!("{CANARY}0012345678")),
            (FieldName::CheckCode, format!("{CANARY}77")),
            (FieldName::IssuerName, format!("{CANARY} 医院")),
            (FieldName::IssueDate, "2026-03-04".to_owned()),
            (FieldName::Total, "12.00".to_owned()),
        ] {
            outcome.reading.fields.insert(name, printed(&value));
        }
        Ok(outcome)
    }

    fn models(&self) -> &BTreeMap<String, String> {
        self.0.models()
    }

    fn runtime(&self) -> &str {
        self.0.runtime()
    }
}

/// With that reader, and a verifier of issuers that is asked about every paper and fails.
fn named(config: &mut ServiceConfig) {
    let plain = canned(320);
    config.load_reader = Arc::new(move || Ok(Box::new(Named(plain()?)) as Box<dyn ReadPhotos>));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 65536]);
            let _ = stream.write_all(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    config.issuers = Arc::new(Issuers { registry: None, verifier: Some(Verifier::new(&url, 60).unwrap()) });
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The files under a folder in which these bytes stand, as they are or in hex; by their names too.
fn holding(folder: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let stands = |within: &[u8]| {
        [bytes, hex.as_bytes()].iter().any(|sought| within.windows(sought.len()).any(|part| part == *sought))
    };
    let mut found = files(folder);
    found.retain(|file| stands(&fs::read(file).unwrap()) || stands(file.as_os_str().as_encoded_bytes()));
    found
}

const CLAIM: &[u8] = br#"{ "id": "KANARIA-1", "insured": { "name": "KANARIA VOGEL", "id_number": "KANARIA110101" },
    "policy": { "number": "KANARIA-P" }, "amount": "12.00" }"#;

#[test]
fn a_person_stands_in_no_log_line_no_error_and_no_file() {
    assert_clean(&log_of("privacy::a_service_that_is_listened_to"));
}

#[test]
#[ignore = "run by the one above, in a process of its own"]
fn a_service_that_is_listened_to() {
    log_everything();
    let mut server = TestServer::start_with(named);
    let name = Some("KANARIA.png");
    let (good, other) = (photo(41), photo(42));
    let whole: [Part<'_>; 2] = [("claim", None, CLAIM), ("photo", name, &good)];
    let key = [("Idempotency-Key", "KANARIA-key"), ("Prefer", "wait=20")];
    let accepted = server.post(&whole, &key);
    assert_eq!(accepted.status, 200);
    let id = accepted.json()["id"].as_str().unwrap().to_owned();
    assert!(accepted.json().to_string().contains(CANARY), "whoever may see the claim sees it whole");
    // A second of the same papers, so that repeats are found and told.
    let second = server.post(&[("claim", None, CLAIM), ("photo", name, &other), ("photo", name, &good)], &key[1..]);
    assert_eq!(second.status, 200);
    let codes: Vec<String> =
        second.json()["reasons"].as_array().unwrap().iter().map(|r| r["code"].to_string()).collect();
    assert!(codes.iter().any(|code| code.contains("seen") || code.contains("same")), "{codes:?}");

    // Whatever is wrong, the answer says so without saying what was sent.
    let broken = [&good[..30], CANARY.as_bytes(), &good[30..60]].concat();
    let claims: [&[u8]; 7] = [
        br#"{ "id": "KANARIA", "KANARIA": 1 }"#,
        br#"{ "id": { "KANARIA": 1 } }"#,
        br#"{ "id": "x", "insured": "KANARIA" }"#,
        br#"{ "id": "x", "amount": "KANARIA" }"#,
        br#"{ "id": "x", "policy": { "number": "1", "from": "KANARIA" } }"#,
        br#"{ "id": "KANARIA"#,
        b"KANARIA",
    ];
    let mut told: Vec<crate::support::Answer> =
        claims.iter().map(|claim| server.post(&[("claim", None, claim), ("photo", name, &good)], &[])).collect();
    told.extend([
        server.post(&[("claim", None, CLAIM), ("KANARIA", name, &good)], &[]),
        server.post(&[("claim", None, CLAIM), ("photo", name, b"KANARIA")], &[]),
        server.post(&[("claim", None, CLAIM), ("photo", name, &broken)], &[]),
        server.post(&[("claim", None, CLAIM), ("photo", name, &other)], &key),
        server.post(&whole, &[("Idempotency-Key", "KANARIA key")]),
        server.get("/v1/claims?cursor=KANARIA"),
        server.get("/v1/claims?KANARIA=1"),
        server.get("/v1/claims/KANARIA"),
        server.get("/KANARIA"),
        server.send_json(&format!("/v1/claims/{id}/outcome"), &json!({ "outcome": "KANARIA" })),
        server.send_json(&format!("/v1/claims/{id}/erase"), &json!({ "by": "KANARIA VOGEL", "why": "KANARIA" })),
        server.send_json("/v1/claims/KANARIA/erase", &json!({ "by": "a", "why": "KANARIA" })),
        server.send_to("/v1/photos:check", &broken, &[("content-type", "image/png")]),
    ]);
    for answer in &told {
        assert!((400..500).contains(&answer.status), "{answer:?}");
        let (_, code) = answer.problem();
        assert!(!String::from_utf8_lossy(&answer.bytes).contains(CANARY), "{code}: {answer:?}");
    }
    assert!(!server.get("/v1/stats").json().to_string().contains(CANARY));
    assert_eq!(holding(&server.data, CANARY.as_bytes()), Vec::<PathBuf>::new());
    assert_eq!(holding(&server.data, &good[..40]), Vec::<PathBuf>::new(), "photos are sealed too");

    // The key that opens the first claim, as it is stored: it must be gone from every file.
    let wrapped = wrapped_key(&server.data, &id);
    assert!(!holding(&server.data, &wrapped).is_empty());
    let before = files(&server.data.join("photos")).len();
    let by = json!({ "by": "dpo-1", "why": "request 2026-117" });
    let erased = server.send_json(&format!("/v1/claims/{id}/erase"), &by);
    assert_eq!((erased.status, &erased.json()["finished"]), (200, &json!(true)), "{:?}", erased.json());
    assert_eq!(holding(&server.data, &wrapped), Vec::<PathBuf>::new());
    assert_eq!(files(&server.data.join("photos")).len(), before - 2, "its photo and its page");

    let gone = (410, "claim_erased".to_owned());
    let of = |rest: &str| server.get(&format!("/v1/claims/{id}{rest}")).problem();
    assert_eq!(
        [of(""), of("/photos/0/original"), of("/photos/0/page"), of("/related")],
        [(); 4].map(|()| gone.clone())
    );
    assert_eq!(server.send_json(&format!("/v1/claims/{id}/erase"), &by).problem(), gone);
    let said = json!({ "outcome": "right", "source": "sample", "by": "rv-1" });
    assert_eq!(server.send_json(&format!("/v1/claims/{id}/outcome"), &said).problem(), gone);
    // Sent again by a client that does not know.
    assert_eq!(server.post(&whole, &key).problem(), gone);
    let listed = server.get("/v1/claims").json();
    let states: Vec<&Value> = listed["claims"].as_array().unwrap().iter().map(|c| &c["status"]).collect();
    assert_eq!(states, ["decided", "erased"]);
    let pack = server.get(&format!("/v1/claims/{id}/evidence")).json();
    assert_eq!(pack["erased"]["by"], "dpo-1");
    assert!(!pack.to_string().contains(CANARY));
    // What the other claim says is still whole, and found again by a third.
    let third = server.post(&[("claim", None, CLAIM), ("photo", name, &other)], &key[1..]).json();
    assert!(third["reasons"].to_string().contains("same") || third["reasons"].to_string().contains("seen"), "{third}");

    server.stop();
    let report = verified(&server.data);
    assert_eq!((report.faults, report.claims, report.erased, report.locked), (vec![], 3, 1, 0));
    assert_eq!(holding(&server.data, CANARY.as_bytes()), Vec::<PathBuf>::new());
}

fn wrapped_key(data: &Path, claim: &str) -> Vec<u8> {
    on_runtime(async {
        let file = format!("sqlite://{}", data.join("claimlens.sqlite").display());
        let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
        let key = sqlx::query("SELECT wrapped FROM claim_keys WHERE claim = ?").bind(claim);
        let key = key.fetch_one(&pool).await.unwrap().get(0);
        pool.close().await;
        key
    })
}

fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

fn verified(place: impl Into<Place>) -> claimlens::service::AuditReport {
    let place = place.into();
    on_runtime(async {
        let records = Records::open_existing(place).await.unwrap();
        let report = records.audit_verify(&Noted::default()).await.unwrap();
        records.close().await;
        report
    })
}

fn who() -> (Reviewer, Why) {
    (Reviewer::try_from("dpo-1".to_owned()).unwrap(), Why::try_from("asked for".to_owned()).unwrap())
}

#[test]
fn no_table_of_postgresql_and_no_log_line_holds_a_person() {
    assert_clean(&log_of("privacy::a_service_on_postgresql_that_is_listened_to"));
}

#[test]
#[ignore = "run by the one above, in a process of its own"]
fn a_service_on_postgresql_that_is_listened_to() {
    log_everything();
    let (dir, url) = (tempfile::tempdir().unwrap(), fresh_database());
    let mut config = config(dir.path());
    named(&mut config);
    config.place = Place { database: Some(url.parse().unwrap()), ..Place::from(dir.path()) };
    let running = Running::open(config);
    let claim = serde_json::from_slice(CLAIM).unwrap();
    let photos = vec![Upload { name: "KANARIA.png".to_owned(), bytes: photo(43) }];
    let submission = Submission { claim: Some(claim), photos, now: None, known: None };
    let id = running.wait(async {
        running.service.start().await.unwrap();
        let ticket = running.service.admit(Some("KANARIA-key")).await.unwrap();
        let id = running.service.submit(ticket, submission).await.unwrap();
        running.service.wait(&id, Duration::from_secs(20)).await;
        id
    });
    let dump = || {
        running.wait(async {
            let pool = sqlx::PgPool::connect(&url).await.unwrap();
            let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
            let mut out = String::new();
            for table in sqlx::query_scalar::<_, String>(tables).fetch_all(&pool).await.unwrap() {
                let rows = sqlx::AssertSqlSafe(format!("SELECT t::text FROM {table} t"));
                out.extend(sqlx::query_scalar::<_, String>(rows).fetch_all(&pool).await.unwrap());
            }
            let key = "SELECT encode(wrapped, 'hex') FROM claim_keys";
            let keys: Vec<String> = sqlx::query_scalar(key).fetch_all(&pool).await.unwrap();
            pool.close().await;
            (out, keys)
        })
    };
    let hex: String = CANARY.bytes().map(|b| format!("{b:02x}")).collect();
    let (before, keys) = dump();
    assert!(before.contains(id.as_str()) && before.contains(&keys[0]));
    assert!(!before.contains(CANARY) && !before.contains(&hex), "{before}");
    let (by, why) = who();
    assert!(running.wait(running.service.erase(&id, &by, &why)).unwrap().finished);
    let (after, left) = dump();
    assert!(left.is_empty() && after.contains(id.as_str()));
    assert!(!after.contains(&keys[0]) && !after.contains(CANARY) && !after.contains(&hex), "{after}");
    let report = running.wait(running.service.records().audit_verify(&Noted::default())).unwrap();
    assert_eq!((report.faults, report.erased), (vec![], 1));
}

/// Records that the version before content was sealed left: of two claims, which share a photo.
fn plain(data: &Path) -> [ClaimId; 2] {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plain");
    for file in files(&fixture) {
        let to = data.join(file.strip_prefix(&fixture).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&file, to).unwrap();
    }
    fs::create_dir(data.join("photos/tmp")).unwrap();
    let packed = fs::read(data.join("claimlens.sqlite.gz")).unwrap();
    fs::remove_file(data.join("claimlens.sqlite.gz")).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    fs::write(data.join("claimlens.sqlite"), bytes).unwrap();
    ["clm_01k81ac7mabsvnstrn70v1h8v5", "clm_01k81ac82cgs1ajpp08m94n577"].map(|id| id.parse().unwrap())
}

#[test]
fn records_from_before_content_was_sealed_open_verify_replay_and_are_erased() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let [first, second] = plain(data);
    assert!(!holding(data, CANARY.as_bytes()).is_empty(), "it is as it was");
    let running = Running::open(config(data));
    let records = running.service.records();
    let verify = || running.wait(records.audit_verify(&Noted::default())).unwrap();
    let report = verify();
    assert_eq!((report.faults, report.claims, report.decisions, report.photos), (vec![], 2, 2, 3));
    let replay = |of| running.wait(records.replay(&of, &ReplayFrom::Evidence)).unwrap();
    assert_eq!(replay(ReplayOf::All).identical, 2);
    let pack = running.wait(records.evidence_pack(&first)).unwrap();
    assert!(pack["claim"]["claim_json"].as_str().unwrap().contains(CANARY));
    let kind = claimlens::service::PictureKind::Original;
    let original = running.wait(running.service.picture(&first, 0, kind)).unwrap().bytes;
    // The key sent with it stands for it as before.
    let sent = |key: &str, bytes: Vec<u8>, claim: &[u8]| {
        running.wait(async {
            let ticket = running.service.admit(Some(key)).await.unwrap();
            let photos = vec![Upload { name: "1.png".to_owned(), bytes }];
            let claim = Some(serde_json::from_slice(claim).unwrap());
            running.service.submit(ticket, Submission { claim, photos, now: None, known: None }).await
        })
    };
    let claim = pack["claim"]["claim_json"].as_str().unwrap().as_bytes();
    assert_eq!(sent("old-1", original.clone(), claim).unwrap(), first);
    assert!(sent("old-1", photo(1), claim).is_err());
    // A new claim beside them is sealed, and finds them.
    let photos = vec![Upload { name: "again.png".to_owned(), bytes: original.clone() }];
    let again = running.wait(running.service.submit_and_wait(Submission { photos, ..Submission::default() })).unwrap();
    let repeats: Vec<&str> = again.record.evidence.facts.repeats.iter().map(|r| r.claim.as_str()).collect();
    assert_eq!(repeats, [first.as_str(), second.as_str()]);
    assert_eq!(verify().faults, []);

    let (by, why) = who();
    let done = running.wait(running.service.erase(&first, &by, &why)).unwrap();
    assert!(done.was_plain && done.finished);
    assert!(running.wait(records.rewrite_files()).unwrap());
    assert_eq!(holding(data, CANARY.as_bytes()), Vec::<PathBuf>::new());
    // The other claim's photo is the same, and stays.
    assert_eq!(running.wait(running.service.picture(&second, 0, kind)).unwrap().bytes, original);
    let report = verify();
    assert_eq!((report.faults, report.erased, report.unreferenced), (vec![], 1, Some(0)));
    assert_eq!(replay(ReplayOf::All).identical, 2);
    let named = replay(ReplayOf::Claims(vec![first.clone(), second.clone()]));
    assert_eq!((named.identical, named.erased, named.undecided), (1, vec![first.to_string()], vec![]));
    running.wait(running.service.erase(&second, &by, &why)).unwrap();
    assert_eq!(holding(&data.join("photos"), &original[..40]), Vec::<PathBuf>::new());
    assert_eq!(verify().faults, []);
}

#[test]
fn retention_erases_what_is_over_its_time_and_nobody_has_still_to_look_at() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.retention.rules = vec!["unknown:*=30".parse().unwrap(), "till_receipt:*=1".parse().unwrap()];
    let running = Running::open(config);
    let submit = |n| {
        let photos = vec![Upload { name: format!("{n}.png"), bytes: photo(n) }];
        running.wait(running.service.submit_and_wait(Submission { photos, ..Submission::default() })).unwrap().id
    };
    let (approved, reviewed) = (submit(1), submit(2));
    // As if it had been approved.
    running.wait(async {
        let file = format!("sqlite://{}", dir.path().join("claimlens.sqlite").display());
        let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
        let update = sqlx::query("UPDATE decisions SET decision = 'auto_approve' WHERE claim = ?");
        update.bind(approved.as_str()).execute(&pool).await.unwrap();
        let case = sqlx::query("DELETE FROM cases WHERE claim = ?");
        case.bind(approved.as_str()).execute(&pool).await.unwrap();
    });
    let after = |days: i64| {
        let now = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        running.wait(running.service.retain_once(now)).unwrap()
    };
    assert_eq!((after(29), after(31), after(31)), (0, 1, 0));
    let state = |id: &ClaimId| {
        running.wait(running.service.list(&Scope::All, None, 10)).unwrap().0.into_iter().find(|c| c.id == *id)
    };
    assert_eq!(state(&approved).unwrap().state, ClaimState::Erased);
    assert_eq!(state(&reviewed).unwrap().state, ClaimState::Decided, "it went to a person");
    let pack = running.wait(running.service.records().evidence_pack(&approved)).unwrap();
    assert_eq!(pack["erased"]["by"], "retention");
    assert_eq!(pack["erased"]["why"], "kept for 30 days by the rule unknown:*=30");
    assert_eq!(verified(dir.path()).faults, []);
}

fn claimlens(args: &[&str], data: &Path, variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_claimlens"))
        .args(args)
        .env("NO_COLOR", "1")
        .env("CLAIMLENS_DATA", data)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn the_program_tells_what_it_lacks_the_key_for_and_erases() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let running = Running::open(config(&data));
    let submit = |n| {
        let photos = vec![Upload { name: format!("{n}.png"), bytes: photo(n) }];
        running.wait(running.service.submit_and_wait(Submission { photos, ..Submission::default() })).unwrap().id
    };
    let (id, other) = (submit(1).to_string(), submit(2).to_string());
    running.wait(running.service.records().close());
    let said = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let told = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said(&claimlens(&["doctor"], &data, &[])).contains("✓ key-encryption key: it opens"));

    // Elsewhere: by its file, or by the environment.
    let elsewhere = dir.path().join("elsewhere.key");
    fs::rename(data.join("kek.key"), &elsewhere).unwrap();
    let locked = claimlens(&["audit", "verify"], &data, &[]);
    assert_eq!(locked.status.code(), Some(1));
    assert!(said(&locked).contains("2 of the claims could not be opened without the key-encryption key"), "{locked:?}");
    assert!(said(&locked).ends_with("what could be checked holds\n"), "{locked:?}");
    let doctor = said(&claimlens(&["doctor"], &data, &[]));
    assert!(doctor.contains("✗ key-encryption key: ") && doctor.contains("kek.key is missing"), "{doctor}");
    assert!(!data.join("kek.key").exists(), "none is made in its place");
    let replay = claimlens(&["replay", "--all"], &data, &[]);
    assert!(replay.status.code() == Some(1) && told(&replay).contains("is missing"), "{replay:?}");
    let text = fs::read_to_string(&elsewhere).unwrap();
    let path = elsewhere.to_str().unwrap();
    for variable in [("CLAIMLENS_KEK_FILE", path), ("CLAIMLENS_KEK", text.as_str())] {
        let verified = claimlens(&["audit", "verify"], &data, &[variable]);
        assert_eq!(verified.status.code(), Some(0), "{}: {verified:?}", variable.0);
    }
    let wrong = [("CLAIMLENS_KEK", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")];
    let verified = claimlens(&["audit", "verify"], &data, &wrong);
    assert!(said(&verified).contains("does not open these records") && verified.status.code() == Some(1));
    let doctor = said(&claimlens(&["doctor"], &data, &wrong));
    assert!(doctor.contains("is not the one that these records are sealed with"), "{doctor}");
    let secret = [("CLAIMLENS_KEK", "geheim")];
    let output = claimlens(&["audit", "verify"], &data, &secret);
    assert!(output.status.code() == Some(2) && !told(&output).contains("geheim"), "{output:?}");

    // Erasing needs no key-encryption key.
    let order = ["erase", &id, "clm_00000000000000000000000000", "--by", "dpo-1", "--why", "request 2026-117"];
    let erased = claimlens(&order, &data, &[]);
    assert!(said(&erased).starts_with(&format!("{id}: erased at ")), "{erased:?}");
    assert!(erased.status.code() == Some(1) && told(&erased).contains("there is no such claim"), "{erased:?}");
    fs::rename(&elsewhere, data.join("kek.key")).unwrap();
    let verified = claimlens(&["audit", "verify"], &data, &[]);
    assert!(verified.status.success() && said(&verified).contains("1 of the claims was erased"), "{verified:?}");
    let replayed = claimlens(&["replay", &id, &other], &data, &[]);
    assert!(said(&replayed).contains(&format!("{id}: erased")) && said(&replayed).contains("1 of 1"), "{replayed:?}");
}
