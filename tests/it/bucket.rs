//! The service and the program with photos on S3-compatible storage, which fails now and then.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::s3::{Mode, S3};
use crate::support::{CLAIM, Running, TestServer, config, photo};
use claimlens::audit::{Fault, FaultKind};
use claimlens::domain::{ClaimId, ContentHash};
use claimlens::service::{
    ClaimState, Noted, Place, Records, ReplayFrom, ReplayOf, ServiceConfig, ServiceError, Submission, Upload,
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

fn at(s3: &S3, data: &Path) -> ServiceConfig {
    ServiceConfig { place: Place { photos: s3.place(), ..Place::from(data) }, ..config(data) }
}

fn submit(running: &Running, name: &str, seed: u8) -> ClaimId {
    let photos = vec![Upload { name: name.to_owned(), bytes: photo(seed) }];
    running.wait(async {
        let ticket = running.service.admit(None).await.unwrap();
        running.service.submit(ticket, Submission { photos, ..Submission::default() }).await.unwrap()
    })
}

fn state(running: &Running, id: &ClaimId) -> ClaimState {
    running.wait(running.service.get(id)).unwrap().state
}

/// Waits until a claim stands so, for at most 20 s.
fn becomes(running: &Running, id: &ClaimId, wanted: ClaimState) {
    let start = Instant::now();
    while state(running, id) != wanted {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", state(running, id));
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn faults(running: &Running) -> Vec<Fault> {
    running.wait(running.service.records().audit_verify(&Noted::default())).unwrap().faults
}

fn object(s3: &S3, name: &str) -> PathBuf {
    s3.objects().join(&name[..2]).join(name)
}

/// The name of the object that a claim's first photo is stored by.
fn photo_of(pack: &Value) -> String {
    pack["claim"]["photos"][0]["blob"].as_str().unwrap().to_owned()
}

/// The built program, told of the storage as an operator would.
fn claimlens(args: &[&str], data: &Path, s3: &S3) -> Output {
    Command::new(env!("CARGO_BIN_EXE_claimlens"))
        .args(args)
        .env("NO_COLOR", "1")
        .env("RUST_LOG", "trace")
        .env("CLAIMLENS_DATA", data)
        .env("CLAIMLENS_PHOTOS", s3.url())
        .envs(s3.variables())
        .output()
        .unwrap()
}

#[test]
fn claims_are_taken_decided_shown_verified_and_replayed() {
    let s3 = S3::start();
    let place = s3.place();
    let server = TestServer::start_with(move |c| c.place.photos = place);
    assert_eq!(server.get("/readyz").status, 200);
    let bytes = photo(1);
    let answer = server.post(&[CLAIM, ("photo", Some("a.png"), &bytes)], &[]);
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("/v1/claims/{id}/photos/0/original")).bytes, bytes);
    assert_eq!(server.get(&format!("/v1/claims/{id}/photos/0/page")).status, 200);
    let name = photo_of(&server.get(&format!("/v1/claims/{id}/evidence")).json());
    let stored = std::fs::read(object(&s3, &name)).unwrap();
    assert_eq!(ContentHash::of(&stored).to_string(), name);
    assert!(!stored.windows(8).any(|part| part == &bytes[..8]), "it is sealed");
    assert!(!server.data.join("photos").exists(), "nothing is kept beside the records");
    let output = claimlens(&["audit", "verify", "--format", "json"], &server.data, &s3);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["photos"], &report["unreferenced"]), (&1.into(), &0.into()));
    // From records that another process keeps open, as the command line does.
    let running = Running::open(at(&s3, &server.data));
    let replayed = running
        .wait(running.service.records().replay(&ReplayOf::All, &ReplayFrom::Photos(crate::support::canned(320))));
    assert_eq!(replayed.unwrap().identical, 1);
}

#[test]
fn an_altered_or_missing_object_is_found_and_strange_ones_are_counted() {
    let (s3, dir) = (S3::start(), tempfile::tempdir().unwrap());
    let running = Running::open(at(&s3, dir.path()));
    running.wait(running.service.start()).unwrap();
    let id = submit(&running, "1.png", 1);
    becomes(&running, &id, ClaimState::Decided);
    assert_eq!(faults(&running), []);
    let pack = running.wait(running.service.records().evidence_pack(&id)).unwrap();
    let file = object(&s3, &photo_of(&pack));
    let before = std::fs::read(&file).unwrap();
    let expected = |kind| Fault { entry: Some(2), claim: Some(id.to_string()), photo: Some(0), kind };
    std::fs::write(&file, b"another photo").unwrap();
    assert_eq!(faults(&running), [expected(FaultKind::PhotoAltered)]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(faults(&running), [expected(FaultKind::PhotoMissing)]);
    std::fs::write(&file, before).unwrap();
    // What a crash between storing a photo and its claim leaves, and what somebody put there.
    let orphan = object(&s3, &ContentHash::of(&photo(2)).to_string());
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    std::fs::write(orphan, photo(2)).unwrap();
    std::fs::write(s3.objects().join("planted.jpg"), b"planted").unwrap();
    let report = running.wait(running.service.records().audit_verify(&Noted::default())).unwrap();
    assert_eq!((report.faults, report.unreferenced), (vec![], Some(2)));
    let output = claimlens(&["audit", "verify"], dir.path(), &s3);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("2 files among the photos are named by no record\n"), "{said}");
}

#[test]
fn while_the_storage_is_down_nothing_is_accepted_and_nothing_called_lost() {
    let (mut s3, bytes) = (S3::start(), photo(1));
    let place = s3.place();
    let server = TestServer::start_with(move |c| c.place.photos = place);
    let first = server.post(&[CLAIM, ("photo", Some("a.png"), &bytes)], &[]);
    let original = format!("/v1/claims/{}/photos/0/original", first.json()["id"].as_str().unwrap());
    s3.mode(Mode::Down);
    let refused = server.post(&[CLAIM, ("photo", Some("b.png"), &photo(2))], &[]);
    assert_eq!(refused.problem(), (503, "store_unavailable".to_owned()));
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(server.get("/readyz").problem(), (503, "store_unavailable".to_owned()));
    assert_eq!(server.get(&original).problem(), (503, "store_unavailable".to_owned()));
    assert_eq!(server.claims(), 1);
    let output = claimlens(&["audit", "verify"], &server.data, &s3);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("unreachable") && !said.contains("missing") && !said.contains("altered"), "{said}");
    assert!(said.contains("0 photos checked"), "{said}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!S3::betrays(&said) && !S3::betrays(&told), "{told}");
    let doctor = claimlens(&["doctor"], &server.data, &s3);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("✗ photo storage") && !S3::betrays(&said), "{said}");
    s3.mode(Mode::Serve);
    assert_eq!(server.post(&[CLAIM, ("photo", Some("b.png"), &photo(2))], &[]).status, 200);
    assert_eq!(server.get("/readyz").status, 200);
    assert_eq!(server.get(&original).bytes, bytes);
    let doctor = claimlens(&["doctor"], &server.data, &s3);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("✓ photo storage") && !S3::betrays(&said), "{said}");
    assert!(claimlens(&["audit", "verify"], &server.data, &s3).status.success());
}

#[test]
fn work_that_an_outage_keeps_from_its_photos_is_done_once_they_are_back() {
    let (mut s3, dir) = (S3::start(), tempfile::tempdir().unwrap());
    let id = {
        // Accepted, and cut off before it is read: the one reader is at work.
        let mut config = at(&s3, dir.path());
        config.work.readers = 1;
        let running = Running::open(config);
        submit(&running, "stuck.png", 1);
        std::thread::sleep(Duration::from_millis(300));
        submit(&running, "2.png", 2)
    };
    s3.mode(Mode::Down);
    let mut config = at(&s3, dir.path());
    // An outage must not use up the one attempt that may begin.
    config.work.attempts = 1;
    let running = Running::open(config);
    assert_eq!(running.wait(running.service.start()).unwrap(), 2);
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(state(&running, &id), ClaimState::Processing);
    s3.mode(Mode::Serve);
    becomes(&running, &id, ClaimState::Decided);
    let result = running.wait(running.service.get(&id)).unwrap().result.unwrap();
    assert!(!result.to_string().contains("given up"), "{result}");
    assert_eq!(faults(&running), []);
}

#[test]
fn records_are_not_opened_with_an_empty_folder_for_their_photos() {
    let (s3, dir) = (S3::start(), tempfile::tempdir().unwrap());
    let running = Running::open(at(&s3, dir.path()));
    running.wait(running.service.start()).unwrap();
    let id = submit(&running, "1.png", 1);
    becomes(&running, &id, ClaimState::Decided);
    let opened = running.wait(Records::open_existing(dir.path()));
    assert!(matches!(opened, Err(ServiceError::PhotosElsewhere)));
    // As under the mount point of a disk that is not mounted.
    std::fs::create_dir(dir.path().join("photos")).unwrap();
    let opened = running.wait(Records::open(dir.path()));
    assert!(matches!(opened, Err(ServiceError::PhotosElsewhere)));
    assert!(running.wait(Records::open_existing(Place { photos: s3.place(), ..Place::from(dir.path()) })).is_ok());
}
