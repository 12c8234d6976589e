//! One byte changed anywhere is found and located.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::support::{Running, config, photo};
use claimlens::audit::{Fault, FaultKind};
use claimlens::domain::{Claim, ClaimId};
use claimlens::service::{Records, Submission, Upload};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Row, SqlitePool};
use std::path::Path;

/// Two claims, decided: entries 1 and 2 are of the first, 3 and 4 of the second, which has two photos.
fn filled(data: &Path) -> (Running, Vec<ClaimId>) {
    let running = Running::open(config(data));
    let mut ids = Vec::new();
    for photos in [vec![1], vec![2, 3]] {
        let photos = photos.into_iter().map(|n| Upload { name: format!("{n}.png"), bytes: photo(n) }).collect();
        let claim = Claim {
            id: "A-1".to_owned(),
            insured: None,
            policy: None,
            amount: Some("12.00".to_owned()),
            currency: None,
        };
        let submission = Submission { claim: Some(claim), photos, now: None };
        ids.push(running.wait(running.service.submit_and_wait(submission)).unwrap().id);
    }
    (running, ids)
}

fn faults(running: &Running) -> Vec<Fault> {
    running.wait(running.service.records().audit_verify(None)).unwrap().faults
}

async fn tamperer(data: &Path) -> SqlitePool {
    // Checks and foreign keys off: who tampers is bound by none.
    let options = SqliteConnectOptions::new()
        .filename(data.join("claimlens.sqlite"))
        .foreign_keys(false)
        .pragma("ignore_check_constraints", "ON");
    SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
}

#[test]
fn untouched_records_hold() {
    let dir = tempfile::tempdir().unwrap();
    let (running, _) = filled(dir.path());
    let report = running.wait(running.service.records().audit_verify(None)).unwrap();
    assert_eq!(report.faults, []);
    assert_eq!((report.entries, report.claims, report.decisions, report.photos), (4, 2, 2, 3));
}

#[test]
fn a_flipped_byte_in_any_column_is_found_and_located() {
    let dir = tempfile::tempdir().unwrap();
    let (running, ids) = filled(dir.path());
    // Column, and what a change of it must be told as.
    let of_photo = |kind: FaultKind| move |f: &Fault| f.kind == kind && f.photo.is_some();
    type Located = Box<dyn Fn(&Fault) -> bool>;
    let columns: Vec<(&str, &str, Located)> = vec![
        ("log", "at", Box::new(|f| f.kind == FaultKind::EntryAltered)),
        ("log", "kind", Box::new(|f| f.kind == FaultKind::EntryAltered)),
        ("log", "subject", Box::new(|f| f.kind == FaultKind::EntryAltered)),
        ("log", "payload", Box::new(|f| f.kind == FaultKind::PayloadAltered)),
        ("log", "payload_sha256", Box::new(|f| f.kind == FaultKind::PayloadAltered)),
        ("log", "prev_hash", Box::new(|f| f.kind == FaultKind::LinkBroken)),
        ("log", "hash", Box::new(|f| f.kind == FaultKind::EntryAltered)),
        ("log_head", "hash", Box::new(|f| f.kind == FaultKind::HeadDiffers)),
        ("claims", "claim_json", Box::new(|f| f.kind == FaultKind::ClaimAltered)),
        ("claims", "created_at", Box::new(|f| f.kind == FaultKind::ClaimAltered)),
        ("claims", "salt", Box::new(|f| f.kind == FaultKind::ClaimAltered)),
        ("claims", "state", Box::new(|f| f.kind == FaultKind::SummaryDiffers)),
        ("claims", "id", Box::new(|f| f.kind == FaultKind::ClaimMissing)),
        ("photos", "source", Box::new(of_photo(FaultKind::PhotoEntryAltered))),
        ("photos", "sha256", Box::new(of_photo(FaultKind::PhotoEntryAltered))),
        ("photos", "media_type", Box::new(of_photo(FaultKind::PhotoEntryAltered))),
        ("photos", "page_sha256", Box::new(of_photo(FaultKind::PageAltered))),
        ("decisions", "record", Box::new(|f| f.kind == FaultKind::RecordAltered && f.entry.is_some())),
        ("decisions", "timing", Box::new(|f| f.kind == FaultKind::TimingAltered && f.entry.is_some())),
        ("decisions", "decision", Box::new(|f| f.kind == FaultKind::SummaryDiffers)),
        ("decisions", "decided_at", Box::new(|f| f.kind == FaultKind::SummaryDiffers)),
        ("policies", "body", Box::new(|f| f.kind == FaultKind::PolicyAltered)),
        ("policies", "sha256", Box::new(|f| f.kind == FaultKind::PolicyAltered)),
        ("fingerprints", "sha256", Box::new(|f| f.kind == FaultKind::FingerprintsDiffer)),
        ("fingerprints", "picture_hash", Box::new(|f| f.kind == FaultKind::FingerprintsDiffer)),
    ];
    let pool = running.wait(tamperer(dir.path()));
    let mut tried = 0;
    for (table, column, told) in &columns {
        let select = format!("SELECT rowid, CAST({column} AS BLOB), typeof({column}) FROM {table}");
        let rows = running.wait(sqlx::query(AssertSqlSafe(select)).fetch_all(&pool)).unwrap();
        assert!(!rows.is_empty(), "{table}");
        for row in rows {
            let (rowid, before, kind): (i64, Vec<u8>, String) = (row.get(0), row.get(1), row.get(2));
            let kind = if kind == "text" { "TEXT" } else { "BLOB" };
            let update = format!("UPDATE {table} SET {column} = CAST(? AS {kind}) WHERE rowid = ?");
            let set = |bytes: &[u8]| {
                let query = sqlx::query(AssertSqlSafe(update.clone())).bind(bytes.to_vec()).bind(rowid);
                running.wait(query.execute(&pool)).unwrap();
            };
            // First, middle and last byte; the lowest bit, and the highest, which breaks UTF-8.
            for (at, bit) in [(0, 1), (before.len() / 2, 1), (before.len() - 1, 0x80)] {
                let mut after = before.clone();
                after[at] ^= bit;
                set(&after);
                let faults = faults(&running);
                assert!(faults.iter().any(told), "{table}.{column}, row {rowid}, byte {at}: {faults:?}");
                if *table == "log" {
                    assert!(faults.iter().any(|f| f.entry == Some(rowid as u64)), "{faults:?}");
                }
                tried += 1;
            }
            set(&before);
        }
    }
    assert_eq!(faults(&running), [], "after putting everything back");
    assert!(tried > 100 && ids.len() == 2);
}

#[test]
fn cut_added_and_moved_rows_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let (running, ids) = filled(dir.path());
    let pool = running.wait(tamperer(dir.path()));
    let second = ids[1].to_string();
    let table: [(&str, FaultKind); 9] = [
        ("DELETE FROM log WHERE seq = 4", FaultKind::HeadDiffers),
        ("DELETE FROM log WHERE seq = 2", FaultKind::Sequence),
        ("UPDATE log SET seq = 9 WHERE seq = 4", FaultKind::Sequence),
        ("UPDATE log_head SET size = 5", FaultKind::HeadDiffers),
        ("DELETE FROM decisions WHERE id = 2", FaultKind::RecordMissing),
        ("UPDATE decisions SET claim = (SELECT MIN(id) FROM claims) WHERE id = 2", FaultKind::RecordNotLogged),
        ("DELETE FROM claims WHERE id = (SELECT MAX(id) FROM claims)", FaultKind::ClaimMissing),
        ("DELETE FROM fingerprints WHERE id = 1", FaultKind::FingerprintsDiffer),
        ("DELETE FROM photos WHERE claim = (SELECT MAX(id) FROM claims) AND n = 1", FaultKind::PhotoEntryAltered),
    ];
    let copy = |to: &Path| {
        let sql = format!("VACUUM INTO '{}'", to.display());
        running.wait(sqlx::query(AssertSqlSafe(sql)).execute(&pool)).unwrap();
    };
    for (i, (sql, kind)) in table.into_iter().enumerate() {
        let data = dir.path().join(format!("copy-{i}"));
        std::fs::create_dir(&data).unwrap();
        copy(&data.join("claimlens.sqlite"));
        std::os::unix::fs::symlink(dir.path().join("photos"), data.join("photos")).unwrap();
        let faults = running.wait(async {
            let pool = tamperer(&data).await;
            assert_eq!(sqlx::query(sql).execute(&pool).await.unwrap().rows_affected(), 1, "{sql}");
            Records::open_existing(&data).await.unwrap().audit_verify(None).await.unwrap().faults
        });
        assert!(faults.iter().any(|f| f.kind == kind), "{sql}: {faults:?}");
    }
    // Rows in which the log has no part.
    let sql = "INSERT INTO claims SELECT 'clm_00000000000000000000000000', created_at, claim_json, salt, state FROM claims \
               WHERE id = ?";
    running.wait(sqlx::query(sql).bind(second).execute(&pool)).unwrap();
    assert!(faults(&running).iter().any(|f| f.kind == FaultKind::ClaimNotLogged));
}

#[test]
fn a_flipped_byte_in_a_photo_names_claim_and_photo() {
    let dir = tempfile::tempdir().unwrap();
    let (running, ids) = filled(dir.path());
    for (seed, claim, entry, n) in [(1, 0, 1, 0), (2, 1, 3, 0), (3, 1, 3, 1)] {
        let name = claimlens::domain::ContentHash::of(&photo(seed)).to_string();
        let path = dir.path().join("photos").join(&name[..2]).join(&name);
        let before = std::fs::read(&path).unwrap();
        let expected = |kind| Fault { entry: Some(entry), claim: Some(ids[claim].to_string()), photo: Some(n), kind };
        for at in (0..before.len()).step_by(7) {
            let mut after = before.clone();
            after[at] ^= 1;
            std::fs::write(&path, &after).unwrap();
            assert_eq!(faults(&running), [expected(FaultKind::PhotoAltered)]);
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(faults(&running), [expected(FaultKind::PhotoMissing)]);
        std::fs::write(&path, &before).unwrap();
    }
    assert_eq!(faults(&running), []);
}

/// Payloads and hashes of the log, and the beginnings of records, as a reader of the database sees them.
async fn texts(data: &Path) -> Vec<Vec<u8>> {
    let pool = tamperer(data).await;
    let sql = "SELECT CAST(payload AS BLOB) FROM log UNION ALL SELECT CAST(hash AS BLOB) FROM log \
               UNION ALL SELECT substr(record, 1, 200) FROM decisions";
    let rows = sqlx::query(sql).fetch_all(&pool).await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.unwrap();
    pool.close().await;
    rows.iter().map(|r| r.get(0)).collect()
}

#[test]
fn a_flipped_byte_in_the_database_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (running, _) = filled(dir.path());
    running.wait(running.service.records().close());
    let original = running.wait(texts(dir.path()));
    assert_eq!(original.len(), 10);
    let file = dir.path().join("claimlens.sqlite");
    let before = std::fs::read(&file).unwrap();
    for (n, text) in original.iter().enumerate() {
        let windows = before.windows(text.len()).enumerate();
        let places: Vec<usize> = windows.filter(|(_, w)| w == text).map(|(place, _)| place).collect();
        let mut found = 0;
        for place in places {
            let mut after = before.clone();
            after[place + text.len() / 2] ^= 4;
            for side in ["claimlens.sqlite-wal", "claimlens.sqlite-shm"] {
                let _ = std::fs::remove_file(dir.path().join(side));
            }
            std::fs::write(&file, &after).unwrap();
            let report = running.wait(async {
                let records = Records::open_existing(dir.path()).await.unwrap();
                let report = records.audit_verify(None).await.unwrap();
                records.close().await;
                report
            });
            if report.faults.iter().any(|f| f.entry.is_some()) {
                found += 1;
            } else {
                // The remains of an earlier version of a page, which hold nothing that is read.
                assert_eq!(running.wait(texts(dir.path())), original, "text {n} at {place}: {:?}", report.faults);
            }
        }
        assert!(found > 0, "text {n}");
    }
}

#[test]
fn a_log_rewritten_from_its_start_is_found_by_a_checkpoint_kept_elsewhere() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, _) = filled(one.path());
    let noted = first.wait(first.service.records().audit_checkpoint()).unwrap();
    assert_eq!(noted.size, 4);
    let verify = |running: &Running| running.wait(running.service.records().audit_verify(Some(&noted))).unwrap().faults;
    assert_eq!(verify(&first), []);
    // Another history of the same length, sound in itself.
    let (second, _) = filled(two.path());
    assert_eq!(faults(&second), []);
    assert_eq!(verify(&second), [Fault::of(FaultKind::CheckpointDiffers).at_entry(4)]);
}
