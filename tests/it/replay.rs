//! Deciding again gives the same bytes; where it does not, it says where.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::privacy::DataKey;
use crate::support::{Running, canned, config, pdf, photo, policy};
use claimlens::decision::Policy;
use claimlens::domain::gate::{Reviewer, Why};
use claimlens::domain::{ClaimId, Record};
use claimlens::service::replay::{replay_records, variants::digest};
use claimlens::service::{Actor, Change, ReplayFrom, ReplayOf, ReplayReport, Submission, Upload};
use sqlx::Row;
use sqlx::sqlite::SqliteConnectOptions;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn filled(dir: &std::path::Path, claims: u8) -> (Running, Vec<ClaimId>) {
    let running = Running::open(config(dir));
    let decide = |n| {
        let photos = vec![Upload { name: format!("{n}.png"), bytes: photo(n) }];
        running.wait(running.service.submit_and_wait(Submission { photos, ..Submission::default() })).unwrap().id
    };
    let ids = (0..claims).map(decide).collect();
    (running, ids)
}

fn replay(running: &Running, of: ReplayOf, from: ReplayFrom) -> ReplayReport {
    running.wait(running.service.records().replay(&of, &from)).unwrap()
}

#[test]
fn every_decision_comes_out_the_same_from_evidence_and_from_photos() {
    let dir = tempfile::tempdir().unwrap();
    let (running, ids) = filled(dir.path(), 5);
    for from in [ReplayFrom::Evidence, ReplayFrom::Photos(canned(320))] {
        let report = replay(&running, ReplayOf::All, from);
        assert_eq!(report, ReplayReport { checked: 5, identical: 5, ..ReplayReport::default() });
    }
    let photos = vec![Upload { name: "bill.pdf".to_owned(), bytes: pdf(3) }];
    let pages = running.wait(running.service.submit_and_wait(Submission { photos, ..Submission::default() })).unwrap();
    assert_eq!(
        pages.record.evidence.readings.iter().map(|r| r.pdf_page).collect::<Vec<_>>(),
        [Some(1), Some(2), Some(3)]
    );
    let report = replay(&running, ReplayOf::Claims(vec![pages.id]), ReplayFrom::Photos(canned(320)));
    assert_eq!((report.checked, report.identical), (1, 1));
    let unknown = ClaimId::new(0, [0; 10]);
    let report = replay(&running, ReplayOf::Claims(vec![ids[3].clone(), unknown.clone()]), ReplayFrom::Evidence);
    assert_eq!((report.checked, report.identical, report.undecided), (1, 1, vec![unknown.to_string()]));
}

#[test]
fn the_golden_records_are_judged_as_they_were() {
    // Made by `make golden`: what the samples' photos were read as, and what was decided of them.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden");
    let mut records = Vec::new();
    let mut policies = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        if path.extension().is_some_and(|e| e == "toml") {
            let policy = Policy::parse(std::str::from_utf8(&bytes).unwrap()).unwrap();
            policies.insert(policy.hash.to_string(), Arc::new(policy));
        } else {
            records.push((path.display().to_string(), bytes));
        }
    }
    assert_eq!(policies.len(), 1, "the policy that decided them, which need not be today's");
    let report = replay_records(&records, |hash| policies.get(hash).cloned());
    assert_eq!((report.checked, report.identical), (9, 9), "{:#?}", report.differing);
    // The control: one word less of evidence is another decision, and told.
    let (name, bytes) = &records[0];
    let mut record: Record = serde_json::from_slice(bytes).unwrap();
    record.evidence.readings[0].fields.clear();
    let report = replay_records(&[(name.clone(), record.canonical())], |hash| policies.get(hash).cloned());
    assert_eq!((report.checked, report.identical), (1, 0));
    // One digest over variants of them, which scripts/replay_cpus.sh compares between processors.
    let records: Vec<Record> = records.iter().map(|(_, bytes)| serde_json::from_slice(bytes).unwrap()).collect();
    let digests = [200, 200, 199].map(|n| digest(&records, &Policy::default(), n));
    assert!(digests[0] == digests[1] && digests[1] != digests[2]);
}

#[test]
fn old_decisions_are_judged_by_their_own_policy() {
    let dir = tempfile::tempdir().unwrap();
    let (running, _) = filled(dir.path(), 2);
    let other = Policy::parse(&policy().replace("max_documents = 10", "max_documents = 9")).unwrap();
    let by = Reviewer::try_from("rv-1".to_owned()).unwrap();
    let why = Why::try_from("fewer papers".to_owned()).unwrap();
    running.wait(async {
        let records = running.service.records();
        records.backtest_logged(other.clone(), &Actor::default()).await.unwrap().1.unwrap();
        records.adopt(&other, &by, &why, None).await.unwrap();
    });
    let photos = vec![Upload { name: "9.png".to_owned(), bytes: photo(9) }];
    let last = running.wait(running.service.submit_and_wait(Submission { photos, ..Submission::default() })).unwrap();
    assert_eq!(last.record.versions.policy, other.hash.to_string());
    let report = replay(&running, ReplayOf::All, ReplayFrom::Evidence);
    assert_eq!((report.checked, report.identical), (3, 3));
}

#[test]
fn a_changed_verdict_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let (running, ids) = filled(dir.path(), 3);
    running.wait(async {
        let options = SqliteConnectOptions::new().filename(dir.path().join("claimlens.sqlite"));
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let row = sqlx::query("SELECT record, wrapped FROM decisions JOIN claim_keys USING (claim) WHERE claim = ?");
        let row = row.bind(ids[1].as_str()).fetch_one(&pool).await.unwrap();
        let key = DataKey::unwrap(dir.path(), ids[1].as_str(), row.get(1));
        let mut record: Record = serde_json::from_slice(&key.open("record", row.get(0))).unwrap();
        record.verdict.reasons[0].message.en.push('!');
        let update = sqlx::query("UPDATE decisions SET record = ? WHERE claim = ?");
        let sealed = key.seal("record", &record.canonical());
        update.bind(sealed).bind(ids[1].as_str()).execute(&pool).await.unwrap();
    });
    let report = replay(&running, ReplayOf::All, ReplayFrom::Evidence);
    assert_eq!((report.checked, report.identical, report.differing.len()), (3, 2, 1));
    assert_eq!(report.differing[0].claim, ids[1].to_string());
    let told = &report.differing[0].differences;
    assert!(told.len() == 1 && told[0].starts_with("verdict.reasons[0].message.en: \""), "{told:?}");
}

#[test]
fn another_reading_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let (running, _) = filled(dir.path(), 2);
    let report = replay(&running, ReplayOf::All, ReplayFrom::Photos(canned(321)));
    assert_eq!((report.checked, report.identical), (2, 0));
    assert_eq!(report.differing[0].differences, ["readings[0].quality.text_height: 320 → 321"]);
}

#[test]
fn another_policy_tells_what_it_would_change() {
    let dir = tempfile::tempdir().unwrap();
    let (running, _) = filled(dir.path(), 2);
    let same = ReplayFrom::Policy(Box::new(Policy::parse(&policy()).unwrap()));
    assert_eq!(replay(&running, ReplayOf::All, same).identical, 2);
    // A text height of 20 pixels is enough for the default and too little for this one.
    let strict = policy().replace("min_text_height = 10", "min_text_height = 30");
    let by_strict = ReplayFrom::Policy(Box::new(Policy::parse(&strict).unwrap()));
    let report = replay(&running, ReplayOf::All, by_strict);
    assert_eq!(report.differing.len(), 2);
    let new = report.differing[0].differences.iter().find_map(|d| d.strip_prefix("reason new: ")).unwrap();
    // The same in figures.
    let backtest = |text: &str| {
        let policy = Policy::parse(text).unwrap();
        running.wait(running.service.records().backtest(policy)).unwrap()
    };
    let unchanged = backtest(&policy());
    assert_eq!((unchanged.decisions, unchanged.newly_approved, unchanged.newly_held, unchanged.failed), (2, 0, 0, 0));
    assert!(!unchanged.reasons.is_empty() && unchanged.reasons.values().all(|c| c.before == c.after), "{unchanged:?}");
    let changed = backtest(&strict);
    assert_eq!(changed.reasons[new], Change { before: 0, after: 2 }, "{changed:?}");
    assert_ne!(changed.policy, unchanged.policy);
}
