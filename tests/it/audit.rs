//! One byte changed anywhere is found and located.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::support::{Running, config, photo};
use claimlens::audit::note::{LogKey, Proof};
use claimlens::audit::{Fault, FaultKind, merkle};
use claimlens::domain::{Claim, ClaimId, ContentHash};
use claimlens::service::{Noted, Records, Submission, Upload};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, SqlitePool};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Two claims that came with idempotency keys, decided: entry 1 is of the policy, 2 and 3 are of the
/// first claim, 4 and 5 of the second, which has two photos.
fn filled(data: &Path) -> (Running, Vec<ClaimId>) {
    let running = Running::open(config(data));
    running.wait(running.service.start()).unwrap();
    let mut ids = Vec::new();
    for photos in [vec![1], vec![2, 3]] {
        let photos = photos.into_iter().map(|n| Upload { name: format!("{n}.png"), bytes: photo(n) }).collect();
        let claim = Claim {
            id: "A-1".to_owned(),
            insured: None,
            policy: None,
            amount: Some("12.00".to_owned()),
            claim_type: None,
            currency: None,
        };
        let submission = Submission { claim: Some(claim), photos, now: None, known: None };
        let key = format!("key-{}", ids.len());
        ids.push(running.wait(async {
            let ticket = running.service.admit(Some(&key)).await.unwrap();
            let id = running.service.submit(ticket, submission).await.unwrap();
            running.service.wait(&id, Duration::from_secs(20)).await;
            id
        }));
    }
    (running, ids)
}

fn faults(running: &Running) -> Vec<Fault> {
    running.wait(running.service.records().audit_verify(&Noted::default())).unwrap().faults
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
    let report = running.wait(running.service.records().audit_verify(&Noted::default())).unwrap();
    assert_eq!(report.faults, []);
    assert_eq!((report.entries, report.claims, report.decisions, report.photos), (5, 2, 2, 3));
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
        ("log_head", "note", Box::new(|f| f.kind == FaultKind::SignatureInvalid)),
        ("log_head", "public_key", Box::new(|f| f.kind == FaultKind::SignatureInvalid)),
        ("idempotency", "key_sha256", Box::new(|f| f.kind == FaultKind::KeyAltered)),
        ("idempotency", "body_sha256", Box::new(|f| f.kind == FaultKind::KeyAltered)),
        ("claims", "sealed", Box::new(|f| f.kind == FaultKind::ClaimAltered)),
        ("claims", "created_at", Box::new(|f| f.kind == FaultKind::ClaimAltered)),
        ("claims", "state", Box::new(|f| f.kind == FaultKind::SummaryDiffers)),
        ("claims", "id", Box::new(|f| f.kind == FaultKind::ClaimMissing)),
        ("photos", "blob", Box::new(of_photo(FaultKind::PhotoEntryAltered))),
        ("photos", "media_type", Box::new(of_photo(FaultKind::PhotoEntryAltered))),
        ("photos", "page_sha256", Box::new(of_photo(FaultKind::PageAltered))),
        ("decisions", "record", Box::new(|f| f.kind == FaultKind::RecordAltered && f.entry.is_some())),
        ("decisions", "timing", Box::new(|f| f.kind == FaultKind::TimingAltered && f.entry.is_some())),
        ("decisions", "decision", Box::new(|f| f.kind == FaultKind::SummaryDiffers)),
        ("decisions", "kind", Box::new(|f| f.kind == FaultKind::SummaryDiffers)),
        ("decisions", "decided_at", Box::new(|f| f.kind == FaultKind::SummaryDiffers)),
        ("policies", "body", Box::new(|f| f.kind == FaultKind::PolicyAltered)),
        ("policies", "sha256", Box::new(|f| f.kind == FaultKind::PolicyAltered)),
        ("policy_acts", "at", Box::new(|f| f.kind == FaultKind::PolicyActAltered)),
        ("policy_acts", "kind", Box::new(|f| f.kind == FaultKind::PolicyActAltered)),
        ("policy_acts", "policy", Box::new(|f| f.kind == FaultKind::PolicyActAltered)),
        ("policy_acts", "reviewer", Box::new(|f| f.kind == FaultKind::PolicyActAltered)),
        ("policy_acts", "why", Box::new(|f| f.kind == FaultKind::PolicyActAltered)),
        ("policy_acts", "salt", Box::new(|f| f.kind == FaultKind::PolicyActAltered)),
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
    let table: [(&str, FaultKind); 15] = [
        ("DELETE FROM log WHERE seq = 5", FaultKind::HeadDiffers),
        ("DELETE FROM log WHERE seq = 2", FaultKind::Sequence),
        ("UPDATE log SET seq = 9 WHERE seq = 5", FaultKind::Sequence),
        ("UPDATE log_head SET size = 6", FaultKind::HeadDiffers),
        ("UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 1 AND i = 0", FaultKind::TreeAltered),
        ("DELETE FROM log_nodes WHERE level = 2", FaultKind::TreeAltered),
        ("INSERT INTO log_nodes VALUES (0, 5, zeroblob(32))", FaultKind::TreeAltered),
        ("DELETE FROM decisions WHERE id = 2", FaultKind::RecordMissing),
        ("UPDATE decisions SET claim = (SELECT MIN(id) FROM claims) WHERE id = 2", FaultKind::RecordNotLogged),
        ("DELETE FROM claims WHERE id = (SELECT MAX(id) FROM claims)", FaultKind::ClaimMissing),
        ("DELETE FROM idempotency WHERE claim = (SELECT MAX(id) FROM claims)", FaultKind::KeyAltered),
        ("DELETE FROM fingerprints WHERE id = 1", FaultKind::FingerprintsDiffer),
        ("DELETE FROM photos WHERE claim = (SELECT MAX(id) FROM claims) AND n = 1", FaultKind::PhotoEntryAltered),
        ("DELETE FROM claim_keys WHERE claim = (SELECT MAX(id) FROM claims)", FaultKind::DataKeyAltered),
        ("UPDATE claims SET erased_at = created_at WHERE id = (SELECT MAX(id) FROM claims)", FaultKind::ErasureAltered),
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
        std::fs::copy(dir.path().join("kek.key"), data.join("kek.key")).unwrap();
        let faults = running.wait(async {
            let pool = tamperer(&data).await;
            assert_eq!(sqlx::query(sql).execute(&pool).await.unwrap().rows_affected(), 1, "{sql}");
            Records::open_existing(&data).await.unwrap().audit_verify(&Noted::default()).await.unwrap().faults
        });
        assert!(faults.iter().any(|f| f.kind == kind), "{sql}: {faults:?}");
    }
    // Rows in which the log has no part.
    let sql = "INSERT INTO claims SELECT 'clm_00000000000000000000000000', created_at, claim_json, salt, state, sealed, \
               erased_at, tenant FROM claims WHERE id = ?";
    running.wait(sqlx::query(sql).bind(second).execute(&pool)).unwrap();
    assert!(faults(&running).iter().any(|f| f.kind == FaultKind::ClaimNotLogged));
}

#[test]
fn a_flipped_byte_in_a_photo_names_claim_and_photo() {
    let dir = tempfile::tempdir().unwrap();
    let (running, ids) = filled(dir.path());
    for (claim, entry, n) in [(0, 2, 0), (1, 4, 0), (1, 4, 1)] {
        let pack = running.wait(running.service.records().evidence_pack(&ids[claim])).unwrap();
        let name = pack["claim"]["photos"][n]["blob"].as_str().unwrap().to_owned();
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

/// Payloads of the log but the one that holds a policy, which takes several pages, its hashes, and the beginnings of
/// records, as a reader of the database sees them.
async fn texts(data: &Path) -> Vec<Vec<u8>> {
    let pool = tamperer(data).await;
    let sql = "SELECT CAST(payload AS BLOB) FROM log WHERE kind <> 'policy_adopted' UNION ALL SELECT CAST(hash AS BLOB) FROM log \
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
    assert_eq!(original.len(), 11);
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
                let report = records.audit_verify(&Noted::default()).await.unwrap();
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
    let (note, key) = noted;
    assert_eq!(key.open(&note).unwrap().size, 5);
    let noted = Noted { note: Some(note.clone()), key: Some(key) };
    let verify = |running: &Running| running.wait(running.service.records().audit_verify(&noted)).unwrap().faults;
    assert_eq!(verify(&first), []);
    // Another history of the same length, sound in itself.
    let (second, _) = filled(two.path());
    assert_eq!(faults(&second), []);
    // Another key signed it.
    let at_end = Fault::of(FaultKind::SignatureInvalid).at_entry(5);
    assert_eq!(verify(&second), [at_end, Fault::of(FaultKind::CheckpointDiffers).at_entry(5)]);
    // The thief of the key signs that history: found by the checkpoint alone.
    drop(second);
    std::fs::copy(one.path().join("log.key"), two.path().join("log.key")).unwrap();
    let stolen = std::fs::read_to_string(two.path().join("log.key")).unwrap();
    let thief = LogKey::parse(&stolen).unwrap();
    first.wait(resigned(&two.path().join("claimlens.sqlite"), &thief));
    let second = first.wait(Records::open_existing(two.path())).unwrap();
    assert_eq!(first.wait(second.audit_verify(&Noted { note: None, ..noted.clone() })).unwrap().faults, []);
    let found = first.wait(second.audit_verify(&noted)).unwrap().faults;
    assert_eq!(found, [Fault::of(FaultKind::CheckpointDiffers).at_entry(5)]);
}

/// Signs the log in this file, as it is, by another key.
async fn resigned(file: &Path, key: &LogKey) {
    let mut db = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let nodes = sqlx::query("SELECT level, i, hash FROM log_nodes").fetch_all(&mut db).await.unwrap();
    let nodes: merkle::Nodes = nodes
        .iter()
        .map(|r| ((r.get(0), r.get::<i64, _>(1) as u64), ContentHash(r.get::<Vec<u8>, _>(2).try_into().unwrap())))
        .collect();
    let size = sqlx::query("SELECT size FROM log_head").fetch_one(&mut db).await.unwrap().get::<i64, _>(0) as u64;
    sqlx::query("UPDATE log_head SET note = ?, public_key = ?")
        .bind(key.sign(size, merkle::root(size, &nodes).unwrap()))
        .bind(key.public().to_string())
        .execute(&mut db)
        .await
        .unwrap();
}

/// What the second verifier, in Python and of no code of ours, says of a pack; `Ok` if it holds.
fn second_opinion(folder: &Path, pack: &Value, key: &str) -> Result<(), String> {
    let (file, public) = (folder.join("pack.json"), folder.join("log.pub"));
    std::fs::write(&file, pack.to_string()).unwrap();
    std::fs::write(&public, key).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify_pack.py");
    let output =
        Command::new("python3").arg(script).args([&file, &public]).arg(folder.join("photos")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) if told == "holds\n" => Ok(()),
        Some(1) if !told.is_empty() => Err(told),
        _ => panic!("{output:?}"),
    }
}

/// Every text and number in a JSON value, by its path.
fn leaves(value: &Value, path: String, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, v)| leaves(v, format!("{path}/{}", name.replace('/', "~1")), out));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| leaves(v, format!("{path}/{i}"), out)),
        Value::Null | Value::Bool(_) => {}
        Value::String(_) | Value::Number(_) => out.push(path),
    }
}

#[test]
fn an_evidence_pack_holds_for_a_second_verifier_and_no_change_of_it_does() {
    let dir = tempfile::tempdir().unwrap();
    let (running, ids) = filled(dir.path());
    let (_, key) = running.wait(running.service.records().audit_checkpoint()).unwrap();
    let key = key.to_string();
    let pack = running.wait(running.service.records().evidence_pack(&ids[1])).unwrap();
    assert_eq!(second_opinion(dir.path(), &pack, &key), Ok(()));
    let stranger = LogKey::of("claimlens/other", [1; 32]).unwrap().public().to_string();
    assert!(second_opinion(dir.path(), &pack, &stranger).is_err());
    let mut paths = Vec::new();
    leaves(&pack, String::new(), &mut paths);
    assert!(paths.len() > 30, "{paths:?}");
    for path in paths {
        let mut bent = pack.clone();
        let place = bent.pointer_mut(&path).unwrap();
        *place = match place.as_str() {
            Some(text) => {
                let mut chars: Vec<char> = text.chars().collect();
                let middle = chars.len() / 2;
                chars[middle] = if chars[middle] == 'b' { 'c' } else { 'b' };
                Value::from(chars.into_iter().collect::<String>())
            }
            None => Value::from(place.as_u64().unwrap() + 1),
        };
        assert!(second_opinion(dir.path(), &bent, &key).is_err(), "{path}");
    }
    for list in ["/entries", "/decisions", "/claim/photos"] {
        let mut short = pack.clone();
        short.pointer_mut(list).unwrap().as_array_mut().unwrap().pop();
        assert!(second_opinion(dir.path(), &short, &key).is_err(), "{list}");
    }
}

#[test]
fn an_evidence_pack_holds_for_whoever_noted_an_earlier_key() {
    let dir = tempfile::tempdir().unwrap();
    let (running, ids) = filled(dir.path());
    let records = running.service.records();
    let mut noted = vec![running.wait(records.audit_checkpoint()).unwrap().1];
    noted.extend((0..2).map(|_| running.wait(records.rotate_key()).unwrap()));
    let pack = running.wait(records.evidence_pack(&ids[0])).unwrap();
    for key in &noted {
        assert_eq!(second_opinion(dir.path(), &pack, &key.to_string()), Ok(()));
    }
    let stranger = LogKey::of(noted[0].name(), [1; 32]).unwrap().public().to_string();
    assert!(second_opinion(dir.path(), &pack, &stranger).is_err());
    let first = noted[0].to_string();
    let mut without = pack.clone();
    without.as_object_mut().unwrap().remove("keys");
    assert!(second_opinion(dir.path(), &without, &first).is_err());
    let mut paths = Vec::new();
    leaves(&pack["keys"], "/keys".to_owned(), &mut paths);
    for path in paths {
        let mut bent = pack.clone();
        let place = bent.pointer_mut(&path).unwrap();
        *place = match place.as_str() {
            Some(text) => Value::from(format!("{text} ")),
            None => Value::from(place.as_u64().unwrap() + 1),
        };
        assert!(second_opinion(dir.path(), &bent, &first).is_err(), "{path}");
    }
}

#[test]
fn a_key_that_no_earlier_one_leads_to_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (running, _) = filled(dir.path());
    running.wait(running.service.records().rotate_key()).unwrap();
    assert_eq!(faults(&running), []);
    let thief =
        LogKey::of(running.wait(running.service.records().audit_checkpoint()).unwrap().1.name(), [7; 32]).unwrap();
    running.wait(resigned(&dir.path().join("claimlens.sqlite"), &thief));
    assert_eq!(faults(&running), [Fault::of(FaultKind::KeyChainBroken).at_entry(6)]);
}

#[test]
fn an_entry_is_proved_and_a_log_shown_to_have_only_grown() {
    let dir = tempfile::tempdir().unwrap();
    let (running, _) = filled(dir.path());
    let records = running.service.records();
    let (note, key) = running.wait(records.audit_checkpoint()).unwrap();
    for seq in 1..=5 {
        let proof = running.wait(records.proof(seq)).unwrap().unwrap();
        let read: Proof = proof.to_string().parse().unwrap();
        assert_eq!(read.check(&key).unwrap(), key.open(&note).unwrap());
    }
    assert_eq!(running.wait(records.proof(6)).unwrap(), None);
    assert_eq!(running.wait(records.proof(0)).unwrap(), None);
    assert_eq!(running.wait(records.consistency(1, 4)).unwrap().map(|h| h.len()), Some(2));
    assert_eq!(running.wait(records.consistency(3, 6)).unwrap(), None);
    assert_eq!(running.wait(records.consistency(3, 2)).unwrap(), None);
}

#[test]
fn records_without_the_logs_key_are_read_and_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let (running, ids) = filled(dir.path());
    drop(running);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(dir.path().join("log.key")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    std::fs::remove_file(dir.path().join("log.key")).unwrap();
    let running = Running::open(config(dir.path()));
    assert_eq!(faults(&running), []);
    assert!(running.wait(running.service.records().evidence_pack(&ids[0])).is_ok());
    let photos = vec![Upload { name: "9.png".to_owned(), bytes: photo(9) }];
    let submission = Submission { claim: None, photos, now: None, known: None };
    let refused = running.wait(running.service.submit_and_wait(submission)).unwrap_err();
    assert!(refused.to_string().contains("log.key"), "{refused}");
    assert!(!dir.path().join("log.key").exists());
    assert_eq!(faults(&running), []);
}
