//! How fast a policy is tried on everything recorded.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::privacy::DataKey;
use crate::support::{Running, config};
use claimlens::decision::Policy;
use claimlens::domain::{ClaimId, Record};
use claimlens::service::build;
use claimlens::service::shift::ShiftAsk;
use sqlx::sqlite::SqliteConnectOptions;
use std::path::Path;
use std::time::Instant;

/// The golden records, read off the samples' photos.
fn samples() -> Vec<Record> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let records = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
    records.map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
}

/// A store of so many decisions on SQLite, sealed, each a sample's with another lot. Only what a backtest reads is
/// there: no log.
async fn fill(data: &Path, decisions: u64) -> u64 {
    let options = SqliteConnectOptions::new().filename(data.join("claimlens.sqlite"));
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let mut samples = samples();
    let (many, mut bytes) = (samples.len(), 0);
    for from in (0..decisions).step_by(5_000) {
        let mut tx = pool.begin().await.unwrap();
        for n in from..(from + 5_000).min(decisions) {
            let id = ClaimId::new(n, [1; 10]);
            let (key, wrapped) = DataKey::make(data, id.as_str());
            sqlx::query("INSERT INTO claims (id, created_at, salt, state) VALUES (?, '', x'', 'decided')")
                .bind(id.as_str())
                .execute(&mut *tx)
                .await
                .unwrap();
            sqlx::query("INSERT INTO claim_keys (claim, wrapped) VALUES (?, ?)")
                .bind(id.as_str())
                .bind(wrapped)
                .execute(&mut *tx)
                .await
                .unwrap();
            let record = &mut samples[n as usize % many];
            record.evidence.facts.lot = Some((n % 10_000) as u16);
            record.versions.build = build();
            let canonical = record.canonical();
            bytes += canonical.len() as u64;
            sqlx::query(
                "INSERT INTO decisions (claim, decided_at, decision, record, timing) VALUES (?, '', ?, ?, '{}')",
            )
            .bind(id.as_str())
            .bind(record.verdict.decision.as_str())
            .bind(key.seal("record", &canonical))
            .execute(&mut *tx)
            .await
            .unwrap();
        }
        tx.commit().await.unwrap();
    }
    pool.close().await;
    bytes
}

/// The most memory that this process held so far, in MB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
}

/// Seconds of CPU that this process took so far.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    // The 14th and 15th field of the file, in hundredths: what it ran itself, and what the kernel ran for it.
    fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}

/// `cargo test --release --test it a_shift_of_many -- --ignored --nocapture`; `CLAIMLENS_DECISIONS` tries with another
/// number. A hundred thousand take 1.2 GB under the temporary folder.
#[test]
#[ignore = "it measures"]
#[expect(clippy::print_stdout, reason = "it measures")]
fn a_shift_of_many_decisions_is_told_in_bounded_time() {
    let decisions = std::env::var("CLAIMLENS_DECISIONS").map_or(100_000, |n| n.parse::<u64>().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let running = Running::open(config(dir.path()));
    running.wait(fill(dir.path(), decisions));
    // One of five in the last week, the others in the four weeks before.
    let ago = |hours: i64| {
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours);
        at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
    };
    running.wait(async {
        let options = SqliteConnectOptions::new().filename(dir.path().join("claimlens.sqlite"));
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let spread = sqlx::query(
            "UPDATE decisions SET kind = 'vat_invoice', decided_at = iif(id % 5 = 0, ?, ?) WHERE decided_at = ''",
        );
        spread.bind(ago(80)).bind(ago(480)).execute(&pool).await.unwrap();
        pool.close().await;
    });
    let before = peak();
    for round in ["read anew", "as read before"] {
        let (start, busy) = (Instant::now(), cpu());
        let told = running.wait(running.service.shift(&ShiftAsk::default())).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!((told.before.decisions + told.recent.decisions, told.failed), (decisions, 0));
        assert!(told.before.read <= 20_000 && told.recent.read <= 20_000 && told.change.is_some());
        println!(
            "{round}: {} + {} of {decisions} decisions in {seconds:.2} s, {:.2} s of CPU, {} MB more",
            told.before.read,
            told.recent.read,
            cpu() - busy,
            peak() - before
        );
    }
}

/// `cargo test --release --test it a_million_decisions -- --ignored --nocapture`; `CLAIMLENS_DECISIONS` tries with
/// fewer, and in a build of a commit. A million take 12 GB under the temporary folder.
#[test]
#[ignore = "it measures"]
#[expect(clippy::print_stdout, reason = "it measures")]
fn a_million_decisions_are_judged_anew_in_a_minute() {
    let decisions = std::env::var("CLAIMLENS_DECISIONS").map_or(1_000_000, |n| n.parse::<u64>().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let running = Running::open(config(dir.path()));
    let start = Instant::now();
    let bytes = running.wait(fill(dir.path(), decisions));
    println!(
        "{decisions} decisions of {} bytes each, stored in {:.0} s",
        bytes / decisions,
        start.elapsed().as_secs_f64()
    );
    let before = peak();
    for round in 0..2 {
        let (start, busy) = (Instant::now(), cpu());
        let policy = Policy::default();
        let report = running.wait(running.service.records().backtest(policy)).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!((report.decisions, report.failed), (decisions, 0));
        println!(
            "round {round}: {seconds:.1} s, {:.0} a second, {:.0} µs of CPU each, {} MB more",
            decisions as f64 / seconds,
            (cpu() - busy) / decisions as f64 * 1e6,
            peak() - before
        );
    }
}
