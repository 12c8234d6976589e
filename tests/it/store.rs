//! Every verb of the store, on each backend: the same tests, once on SQLite and once on PostgreSQL.

#![allow(clippy::unwrap_used, reason = "in a test, the panic is the message")]

use crate::postgres::fresh_database;
use crate::support::{Running, canned, config, photo, policy, printed};
use claimlens::audit::note::LogKey;
use claimlens::audit::{self, FaultKind, keys, merkle};
use claimlens::decision::Policy;
use claimlens::domain::access::{Scope, Tenant};
use claimlens::domain::cards::Cards;
use claimlens::domain::gate::{AuditSource, Audited, Gate, Reviewer, Why};
use claimlens::domain::pixels::{Device, History, PixelEvidence, Stratum};
use claimlens::domain::{
    ClaimId, ContentHash, Decision, DocumentKind, Evidence, Facts, FieldName, Reading, Record, RepeatKind, Verdict,
    Versions,
};
use claimlens::service::review::Ask;
use claimlens::service::shift::{ShiftAsk, Told};
use claimlens::service::{
    Actor, CardsRefusal, ClaimState, Noted, Place, PolicyRefusal, ReadOf, ReplayFrom, ReplayOf, Role, Service,
    ServiceConfig, ServiceError, SharedTrait, Submission, Upload,
};
use claimlens::store::walk::{LogBlock, Names};
use claimlens::store::windows::Window;
use claimlens::store::{
    Acceptance, AuditedOutcome, ClaimKey, Database, Job, KekPlace, KeyedBody, NewClaim, PhotoRow, SealedDecision,
    Sealing, Store, StoreError, Undone,
};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::{Duration, Instant};

/// A database of its own, and the folder beside it.
struct Bed {
    dir: tempfile::TempDir,
    url: Option<String>,
}

impl Bed {
    fn sqlite() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), url: None }
    }

    fn postgres() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), url: Some(fresh_database()) }
    }

    fn place(&self) -> Place {
        let database = self.url.as_ref().map(|url| url.parse().unwrap());
        Place { database, ..Place::from(self.dir.path()) }
    }

    /// Opens it as one process does.
    async fn open(&self) -> Store {
        let database = match &self.url {
            Some(url) => Database::Postgres(Box::new(url.parse().unwrap())),
            None => Database::Sqlite(self.dir.path().join("claimlens.sqlite")),
        };
        let kek = KekPlace::File(self.dir.path().join("kek.key"));
        Store::open(&database, &self.dir.path().join("log.key"), &kek).await.unwrap()
    }

    fn config(&self, role: Role) -> ServiceConfig {
        ServiceConfig { place: self.place(), role, ..config(self.dir.path()) }
    }

    /// Changes rows behind the store's back.
    async fn tamper(&self, sql: &str) {
        let changed = match &self.url {
            Some(url) => {
                let pool = sqlx::PgPool::connect(url).await.unwrap();
                sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&pool).await.unwrap().rows_affected()
            }
            None => {
                let file = format!("sqlite://{}", self.dir.path().join("claimlens.sqlite").display());
                let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
                sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&pool).await.unwrap().rows_affected()
            }
        };
        assert!(changed > 0, "{sql}");
    }
}

macro_rules! on_each_backend {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::$test(super::Bed::sqlite()).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::$test(super::Bed::postgres()).await; })*
        }
    };
}

on_each_backend! {
    a_claim_is_accepted_listed_decided_and_counted
    a_key_stands_for_one_body
    a_key_sent_by_many_at_once_brings_one_claim
    claims_that_come_at_once_are_all_in_the_log
    a_claim_that_cannot_be_stored_keeps_out_no_other
    a_job_is_held_by_one_and_free_again_when_its_lease_ends
    a_renewed_lease_does_not_end
    a_released_job_waits_out_its_pause
    a_late_decision_is_refused
    takers_at_once_share_the_jobs_out
    work_that_fails_is_recorded_and_ended
    repeats_are_found_by_bytes_picture_and_number
    approvals_that_share_something_are_listed
    approvals_of_one_camera_are_listed_where_that_tells_something
    a_decision_sees_every_decision_before_it
    a_snapshot_sees_one_moment
    outcomes_close_and_open_the_gate
    the_log_proves_what_is_in_it
    without_the_key_all_is_read_and_nothing_written
    what_is_verified_comes_back_as_it_was_stored
    an_erased_claim_leaves_what_it_was_and_nothing_of_what_it_said
    without_its_key_encryption_key_nothing_sealed_is_read_and_nothing_taken_in
    claims_over_their_time_are_told_by_kind_and_decision
    claims_come_in_pieces_with_what_the_log_says_of_them
    tampering_is_found
    policies_decide_by_logged_acts_alone
    decisions_by_a_policy_that_was_not_in_force_are_found
    a_shadow_is_counted_and_changes_nothing
    a_changed_key_is_followed_from_any_before_it
    a_change_of_the_key_that_was_interrupted_is_finished
    readings_are_logged_together_and_held_against_the_log
    cards_are_changed_only_by_who_saw_them_as_they_are
    arrivals_are_counted_by_their_half_hour
    a_shift_is_told_by_the_windows_and_values_of_decisions
}

const LEASE: Duration = Duration::from_secs(60);
const AT: &str = "2026-01-01T00:00:01.000Z";

fn id(n: u64) -> ClaimId {
    ClaimId::new(n, [7; 10])
}

fn new_claim(n: u64) -> NewClaim {
    NewClaim {
        id: id(n),
        created_at: "2026-01-01T00:00:00.000Z".to_owned(),
        tenant: Tenant::default(),
        claim: None,
        salt: [n as u8; 16],
        seal: ClaimKey::new(&id(n)),
        photos: vec![PhotoRow {
            source: format!("票据 {n}.jpg"),
            sha256: ContentHash::of(&n.to_le_bytes()),
            blob: ContentHash::of(&n.to_be_bytes()),
            seal: None,
            bytes: 1,
            media_type: "image/jpeg".to_owned(),
            pdf_page: (n % 2 == 1).then_some(3),
            page: None,
        }],
        key: None,
        now: None,
        taken: None,
        known: None,
    }
}

fn keyed(n: u64, key: &[u8], body: &[u8]) -> NewClaim {
    NewClaim { key: Some(KeyedBody { key: ContentHash::of(key), body: ContentHash::of(body) }), ..new_claim(n) }
}

fn reading(bytes: &[u8], picture: Option<&str>, number: Option<(&str, &str)>) -> Reading {
    let mut r = Reading::unreadable("a.jpg", ContentHash::of(bytes), String::new());
    r.unreadable = None;
    r.picture_hash = picture.map(str::to_owned);
    if let Some((code, number)) = number {
        if !code.is_empty() {
            r.fields.insert(FieldName::BillCode, printed(code));
        }
        r.fields.insert(FieldName::BillNumber, printed(number));
    }
    r
}

fn record(readings: Vec<Reading>, repeats: Vec<claimlens::domain::Repeat>, decision: Decision) -> Record {
    let facts = Facts {
        now: "2026-01-01T00:00:00Z".to_owned(),
        today: "2026-01-01".to_owned(),
        repeats_searched: true,
        repeats,
        lot: None,
        gate: Gate::Open,
        issuers: Vec::new(),
        failures: Vec::new(),
    };
    Record {
        schema: 1,
        evidence: Evidence { claim: None, readings, facts },
        verdict: Verdict { decision, reasons: Vec::new(), findings: Vec::new(), risk: None, completeness: None },
        versions: Versions {
            build: String::new(),
            models: BTreeMap::new(),
            policy: String::new(),
            calibration: "none".to_owned(),
            runtime: String::new(),
            cpu: None,
        },
    }
}

/// Accepts a claim whose job is taken with it, and decides it; tells the repeats found.
async fn decide(store: &Store, n: u64, readings: Vec<Reading>, how: Decision) -> Vec<(usize, RepeatKind, String, u32)> {
    store.accept(NewClaim { taken: Some(("me".to_owned(), LEASE)), ..new_claim(n) }).await.unwrap();
    let job = store.taken_job(&id(n), None).await.unwrap();
    decide_job(store, &job, readings, how).await.unwrap()
}

/// `None` if the job is no longer held.
async fn decide_job(
    store: &Store,
    job: &Job,
    readings: Vec<Reading>,
    how: Decision,
) -> Option<Vec<(usize, RepeatKind, String, u32)>> {
    let mut tx = store.begin_decision(job).await.unwrap()?;
    let repeats = tx.repeats(&readings).await.unwrap();
    let told = repeats.iter().map(|r| (r.document, r.kind, r.claim.clone(), r.distance)).collect();
    tx.commit(AT, &record(readings, repeats, how), "{}", &[Some(ContentHash::of(b"page"))]).await.unwrap();
    Some(told)
}

async fn entries(store: &Store) -> u64 {
    let (note, key) = store.signed_head().await.unwrap();
    key.open(&note).unwrap().size
}

/// The whole log holds: chain, tree and signature.
async fn assert_log_holds(store: &Store) -> u64 {
    let mut snapshot = store.snapshot().await.unwrap();
    let mut walk = audit::Walk::new(None);
    let mut from = i64::MIN;
    while let Some(LogBlock { entries, nodes }) = snapshot.block_from(from).await.unwrap() {
        from = entries.last().unwrap().seq as i64 + 1;
        walk.take(&entries, nodes);
    }
    let entries = walk.entries();
    assert_eq!(walk.end(&snapshot.sealed().await.unwrap(), None), []);
    entries
}

async fn a_claim_is_accepted_listed_decided_and_counted(bed: Bed) {
    let store = bed.open().await;
    assert_eq!(
        store.accept(NewClaim { now: Some("2026-03-01T00:00:00Z".to_owned()), ..new_claim(1) }).await,
        Ok(Acceptance::Accepted)
    );
    store.accept(new_claim(2)).await.unwrap();
    assert_eq!(store.unfinished().await.unwrap(), [id(1), id(2)]);
    let names = |rows: Vec<claimlens::store::ClaimRow>| rows.into_iter().map(|r| r.id).collect::<Vec<_>>();
    assert_eq!(names(store.claims(&Scope::All, None, 10).await.unwrap()), [id(2), id(1)]);
    assert_eq!(names(store.claims(&Scope::All, None, 1).await.unwrap()), [id(2)]);
    assert_eq!(names(store.claims(&Scope::All, Some(&id(2)), 10).await.unwrap()), [id(1)]);
    assert!(store.claim(&id(3)).await.unwrap().is_none());
    let job = store.take_job("me", LEASE).await.unwrap().unwrap();
    assert_eq!((&job.id, job.attempts, job.fence, job.now.as_deref()), (&id(1), 1, 1, Some("2026-03-01T00:00:00Z")));
    let unsealed = |photo: PhotoRow| PhotoRow { seal: None, ..photo };
    assert!(job.photos[0].seal.is_some());
    assert_eq!(job.photos.iter().cloned().map(unsealed).collect::<Vec<_>>(), new_claim(1).photos);
    let told = decide_job(&store, &job, vec![reading(b"one", None, None)], Decision::AutoApprove).await;
    assert_eq!(told, Some(vec![]));
    let claim = store.claim(&id(1)).await.unwrap().unwrap();
    assert_eq!((claim.state, claim.created_at.as_str()), (ClaimState::Decided, "2026-01-01T00:00:00.000Z"));
    let decision = claim.decision.unwrap();
    let made = record(vec![reading(b"one", None, None)], vec![], Decision::AutoApprove).canonical();
    assert_eq!((decision.decided_at.as_str(), &decision.record, decision.timing.as_str()), (AT, &made, "{}"));
    assert_eq!(store.photos(&id(1)).await.unwrap()[0].page, Some(ContentHash::of(b"page")));
    assert_eq!(store.photos(&id(9)).await.unwrap(), []);
    let [states, decisions] = store.counts().await.unwrap();
    assert_eq!(states, BTreeMap::from([("decided".to_owned(), 1), ("processing".to_owned(), 1)]));
    assert_eq!(decisions, BTreeMap::from([("auto_approve".to_owned(), 1)]));
    let decided = store.decided(i64::MIN, 10).await.unwrap();
    assert_eq!((decided.len(), decided[0].1.as_str(), &decided[0].2), (1, id(1).as_str(), &made));
    assert_eq!(store.decided(decided[0].0, 10).await.unwrap(), []);
    let policy = ContentHash::of(b"policy");
    for _ in 0..2 {
        store.keep_policy(&policy, "text").await.unwrap();
    }
    assert_eq!(store.policies().await.unwrap(), [(policy.to_string(), "text".to_owned())]);
    store.probe().await.unwrap();
    assert_eq!(assert_log_holds(&store).await, 3);
    store.close().await;
    assert!(store.unfinished().await.is_err(), "it is closed");
    assert_eq!(bed.open().await.unfinished().await.unwrap(), [id(2)], "another opening finds the same");
}

async fn a_key_stands_for_one_body(bed: Bed) {
    let store = bed.open().await;
    assert_eq!(store.accept(keyed(1, b"k", b"a")).await, Ok(Acceptance::Accepted));
    assert_eq!(store.accept(keyed(2, b"k", b"a")).await, Ok(Acceptance::Repeated(id(1))));
    assert_eq!(store.accept(keyed(3, b"k", b"b")).await, Err(StoreError::KeyTaken));
    let asked = |body: &[u8]| KeyedBody { key: ContentHash::of(b"k"), body: ContentHash::of(body) };
    assert_eq!(store.by_key(&asked(b"a")).await, Ok(Some(id(1))));
    assert_eq!(store.by_key(&asked(b"b")).await, Err(StoreError::KeyTaken));
    assert_eq!(store.by_key(&KeyedBody { key: ContentHash::of(b"other"), ..asked(b"a") }).await, Ok(None));
    assert_eq!((store.claims(&Scope::All, None, 10).await.unwrap().len(), entries(&store).await), (1, 1));
}

async fn a_key_sent_by_many_at_once_brings_one_claim(bed: Bed) {
    let stores = [bed.open().await, bed.open().await];
    let under_way: Vec<_> = (0..40)
        .map(|n| {
            let (store, body) = (stores[n % 2].clone(), if n % 5 == 4 { &b"b"[..] } else { b"a" });
            tokio::spawn(async move { store.accept(keyed(n as u64, b"k", body)).await })
        })
        .collect();
    let mut told = Vec::new();
    for one in under_way {
        told.push(one.await.unwrap());
    }
    let claims = stores[0].claims(&Scope::All, None, 100).await.unwrap();
    assert_eq!((claims.len(), entries(&stores[0]).await), (1, 1));
    let first = &claims[0].id;
    assert_eq!(told.iter().filter(|t| **t == Ok(Acceptance::Accepted)).count(), 1);
    let repeated = told.iter().filter(|t| **t == Ok(Acceptance::Repeated(first.clone()))).count();
    let refused = told.iter().filter(|t| **t == Err(StoreError::KeyTaken)).count();
    assert_eq!(1 + repeated + refused, 40, "{told:?}");
    assert!(refused == 8 || refused == 32, "those with the other body: {refused}");
}

async fn claims_that_come_at_once_are_all_in_the_log(bed: Bed) {
    let stores = [bed.open().await, bed.open().await];
    let under_way: Vec<_> = (0..200)
        .map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move { store.accept(new_claim(n as u64)).await })
        })
        .collect();
    for one in under_way {
        assert_eq!(one.await.unwrap(), Ok(Acceptance::Accepted));
    }
    assert_eq!(stores[1].claims(&Scope::All, None, 300).await.unwrap().len(), 200);
    assert_eq!(assert_log_holds(&stores[0]).await, 200);
}

async fn a_claim_that_cannot_be_stored_keeps_out_no_other(bed: Bed) {
    let store = bed.open().await;
    store.accept(new_claim(1)).await.unwrap();
    // Its name is taken. While something else is written, all of them wait, and are accepted together.
    let busy = store.begin_gate().await.unwrap();
    let under_way: Vec<_> = [2, 1, 3]
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.accept(new_claim(n)).await })
        })
        .into();
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(busy);
    let mut told = Vec::new();
    for one in under_way {
        told.push(one.await.unwrap().is_ok());
    }
    assert_eq!(told, [true, false, true]);
    assert_eq!((store.claims(&Scope::All, None, 10).await.unwrap().len(), assert_log_holds(&store).await), (3, 3));
}

async fn a_job_is_held_by_one_and_free_again_when_its_lease_ends(bed: Bed) {
    let (one, other) = (bed.open().await, bed.open().await);
    one.accept(new_claim(1)).await.unwrap();
    let short = Duration::from_millis(300);
    let first = one.take_job("one", short).await.unwrap().unwrap();
    assert!(other.take_job("other", LEASE).await.unwrap().is_none());
    tokio::time::sleep(short * 2).await;
    let second = other.take_job("other", LEASE).await.unwrap().unwrap();
    assert_eq!((second.id, second.attempts), (first.id, 2));
    assert!(second.fence > first.fence);
}

async fn a_renewed_lease_does_not_end(bed: Bed) {
    let (one, other) = (bed.open().await, bed.open().await);
    one.accept(new_claim(1)).await.unwrap();
    let short = Duration::from_millis(600);
    let job = one.take_job("one", short).await.unwrap().unwrap();
    for _ in 0..5 {
        tokio::time::sleep(short / 3).await;
        assert!(one.renew(&job, short).await.unwrap());
        assert!(other.take_job("other", LEASE).await.unwrap().is_none());
    }
    tokio::time::sleep(short * 2).await;
    assert!(other.take_job("other", LEASE).await.unwrap().is_some());
    assert!(!one.renew(&job, short).await.unwrap(), "it is another's");
}

async fn a_released_job_waits_out_its_pause(bed: Bed) {
    let store = bed.open().await;
    store.accept(new_claim(1)).await.unwrap();
    let job = store.take_job("one", LEASE).await.unwrap().unwrap();
    store.release(&job, Duration::from_millis(400), true).await.unwrap();
    assert!(store.take_job("two", LEASE).await.unwrap().is_none());
    tokio::time::sleep(Duration::from_millis(600)).await;
    let again = store.take_job("two", LEASE).await.unwrap().unwrap();
    // Whoever had it before cannot let go of it now.
    store.release(&job, Duration::ZERO, true).await.unwrap();
    assert!(store.take_job("three", LEASE).await.unwrap().is_none());
    store.release(&again, Duration::ZERO, true).await.unwrap();
    let third = store.take_job("three", LEASE).await.unwrap().unwrap();
    assert_eq!(third.attempts, 3);
    store.release(&third, Duration::ZERO, false).await.unwrap();
    assert_eq!(store.take_job("four", LEASE).await.unwrap().unwrap().attempts, 3, "that one did not count");
}

async fn a_late_decision_is_refused(bed: Bed) {
    let (one, other) = (bed.open().await, bed.open().await);
    one.accept(new_claim(1)).await.unwrap();
    let stale = one.take_job("one", Duration::ZERO).await.unwrap().unwrap();
    let held = other.take_job("other", LEASE).await.unwrap().unwrap();
    let readings = || vec![reading(b"one", None, None)];
    assert!(one.begin_decision(&stale).await.unwrap().is_none(), "somebody else has it");
    // Begun and dropped: nothing happened.
    drop(other.begin_decision(&held).await.unwrap().unwrap());
    assert!(decide_job(&other, &held, readings(), Decision::HumanReview).await.is_some());
    for job in [&stale, &held] {
        assert!(one.begin_decision(job).await.unwrap().is_none(), "it is decided");
    }
    assert_eq!((one.decided(0, 10).await.unwrap().len(), entries(&one).await), (1, 2));
    // One whose lease has ended may still decide, if nobody has come.
    one.accept(new_claim(2)).await.unwrap();
    let ended = one.take_job("one", Duration::ZERO).await.unwrap().unwrap();
    assert!(decide_job(&one, &ended, readings(), Decision::HumanReview).await.is_some());
}

async fn takers_at_once_share_the_jobs_out(bed: Bed) {
    let stores = [bed.open().await, bed.open().await];
    for n in 0..60 {
        stores[0].accept(new_claim(n)).await.unwrap();
    }
    let takers: Vec<_> = (0..8)
        .map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                while let Some(job) = store.take_job(&format!("taker {n}"), LEASE).await.unwrap() {
                    taken.push(job.id);
                }
                taken
            })
        })
        .collect();
    let mut taken = Vec::new();
    for taker in takers {
        taken.extend(taker.await.unwrap());
    }
    // On PostgreSQL a taker may pass over a row that another is taking, find no other and stop: that other has it.
    assert_eq!((taken.len(), taken.iter().collect::<BTreeSet<_>>().len()), (60, 60));
}

async fn work_that_fails_is_recorded_and_ended(bed: Bed) {
    let store = bed.open().await;
    store.accept(new_claim(1)).await.unwrap();
    let job = store.take_job("me", LEASE).await.unwrap().unwrap();
    store.begin_decision(&job).await.unwrap().unwrap().fail(AT, "panicked").await.unwrap();
    assert_eq!(store.claim(&id(1)).await.unwrap().unwrap().state, ClaimState::Failed);
    assert!(store.begin_decision(&job).await.unwrap().is_none());
    assert!(store.take_job("me", LEASE).await.unwrap().is_none());
    assert_eq!(assert_log_holds(&store).await, 2);
}

async fn repeats_are_found_by_bytes_picture_and_number(bed: Bed) {
    let store = bed.open().await;
    let decide = async |store: &Store, n, readings| decide(store, n, readings, Decision::HumanReview).await;
    let first = reading(b"one", Some("00000000000000ff"), Some(("11010123", "0012345678")));
    assert_eq!(decide(&store, 1, vec![first.clone()]).await, []);
    let one = id(1).to_string();
    // The strongest likeness only.
    assert_eq!(decide(&store, 2, vec![first]).await, [(0, RepeatKind::SameBytes, one.clone(), 0)]);
    let again = reading(b"three", Some("00000000000001fe"), None);
    assert_eq!(
        decide(&store, 3, vec![again]).await,
        [(0, RepeatKind::SamePicture, one.clone(), 2), (0, RepeatKind::SamePicture, id(2).to_string(), 2)]
    );
    let far = reading(b"four", Some("ffffffffffff0000"), Some(("", "00 1234 5678")));
    let told = decide(&store, 4, vec![far]).await;
    assert_eq!(
        told.iter().map(|t| (t.1, t.2.clone())).collect::<Vec<_>>(),
        [(RepeatKind::SameNumber, one), (RepeatKind::SameNumber, id(2).to_string())]
    );
    let other_code = reading(b"five", None, Some(("11010199", "0012345678")));
    // A number read without its code may be anyone's, so claim 4 is told; claims 1 and 2 have another code.
    assert_eq!(decide(&store, 5, vec![other_code]).await, [(0, RepeatKind::SameNumber, id(4).to_string(), 0)]);
    // An altered copy, photographed again: its number tells more than its looks.
    let altered = reading(b"altered", Some("00000000000ffff0"), Some(("11010123", "0012345678")));
    let told = decide(&store, 7, vec![altered]).await;
    assert!(told.contains(&(0, RepeatKind::SameNumber, id(1).to_string(), 0)), "{told:?}");
    // Another process sees the same.
    let pair = vec![reading(b"six", None, None), reading(b"six", Some("00000000000000ff"), None)];
    let told = decide(&bed.open().await, 6, pair).await;
    assert_eq!(
        told,
        [
            (1, RepeatKind::SamePicture, id(1).to_string(), 0),
            (1, RepeatKind::SamePicture, id(2).to_string(), 0),
            (1, RepeatKind::SamePicture, id(3).to_string(), 2)
        ]
    );
}

async fn approvals_that_share_something_are_listed(bed: Bed) {
    let store = bed.open().await;
    let numbered = |bytes: &[u8], number| reading(bytes, None, Some(("11010123", number)));
    let papers = [(1, &b"one"[..], "0012345678"), (2, b"two", "0012345685"), (3, b"three", "0012345699")];
    for (n, bytes, number) in papers {
        decide(&store, n, vec![numbered(bytes, number)], Decision::AutoApprove).await;
    }
    decide(&store, 4, vec![numbered(b"one", "0012345678")], Decision::HumanReview).await;
    decide(&store, 5, vec![numbered(b"one", "0012345678")], Decision::HumanReview).await;
    let related = async |before: Option<u64>, limit| {
        let before = before.map(id);
        let found = store.related(&id(4), Some(Decision::AutoApprove), before.as_ref(), limit).await.unwrap().unwrap();
        found.into_iter().map(|(claim, _, shared)| (claim, shared.into_iter().collect())).collect::<Vec<(_, Vec<_>)>>()
    };
    let (first, second) =
        ((id(1), vec![SharedTrait::Bytes, SharedTrait::Number]), (id(2), vec![SharedTrait::NeighbouringNumber]));
    assert_eq!(related(None, 10).await, [second.clone(), first.clone()], "5 was not approved");
    assert_eq!(related(None, 1).await, [second]);
    assert_eq!(related(Some(2), 10).await, [first]);
    assert_eq!(store.related(&id(9), None, None, 10).await.unwrap(), None, "no such claim");
    let either = store.related(&id(4), None, None, 10).await.unwrap().unwrap();
    let same = BTreeSet::from([SharedTrait::Bytes, SharedTrait::Number]);
    assert_eq!(either.len(), 3);
    assert_eq!(either[0], (id(5), Decision::HumanReview, same), "held ones are told where they are asked for");
    let held = store.related(&id(4), Some(Decision::HumanReview), None, 10).await.unwrap().unwrap();
    assert_eq!(held, either[..1]);
}

async fn approvals_of_one_camera_are_listed_where_that_tells_something(bed: Bed) {
    let store = bed.open().await;
    let taken = |n: u8, serial: Option<&str>, build: &str| {
        let mut taken = reading(&[n], None, None);
        let device = Device { serial: serial.map(str::to_owned), build: build.to_owned() };
        let history = History {
            stratum: Stratum::Camera,
            quality: None,
            earlier_quality: None,
            notes: vec![],
            device: Some(device),
        };
        taken.pixels = Some(PixelEvidence { history, signals: vec![] });
        vec![taken]
    };
    for (n, serial, build) in [(1, Some("a"), "common"), (2, None, "rare"), (3, Some("b"), "rare")] {
        let repeats = decide(&store, n, taken(n as u8, serial, build), Decision::AutoApprove).await;
        assert_eq!(repeats, [], "a camera makes no repeat");
    }
    for n in 10..20 {
        decide(&store, n, taken(n as u8, None, "common"), Decision::AutoApprove).await;
    }
    decide(&store, 30, taken(30, Some("a"), "common"), Decision::AutoApprove).await;
    decide(&store, 31, taken(31, None, "rare"), Decision::AutoApprove).await;
    let related = async |n| store.related(&id(n), None, None, 10).await.unwrap().unwrap();
    let device = |n| (id(n), Decision::AutoApprove, BTreeSet::from([SharedTrait::Device]));
    assert_eq!(related(30).await, [device(1)], "the very camera, and not all of its model");
    assert_eq!(related(31).await, [device(3), device(2)]);
}

async fn a_decision_sees_every_decision_before_it(bed: Bed) {
    let stores = [bed.open().await, bed.open().await];
    let under_way: Vec<_> = (0..16)
        .map(|n| {
            let store = stores[n as usize % 2].clone();
            tokio::spawn(async move {
                decide(&store, n, vec![reading(b"the same", None, None)], Decision::HumanReview).await.len()
            })
        })
        .collect();
    let mut seen = Vec::new();
    for one in under_way {
        seen.push(one.await.unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..16).collect::<Vec<_>>(), "each saw all that were decided before it");
    assert_eq!(assert_log_holds(&stores[0]).await, 32);
}

async fn a_snapshot_sees_one_moment(bed: Bed) {
    let (store, other) = (bed.open().await, bed.open().await);
    store.accept(new_claim(1)).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    let all = Names { from: Bound::Unbounded, to: Bound::Unbounded };
    assert_eq!(snapshot.names_in(&all).await.unwrap().len(), 1);
    other.accept(new_claim(2)).await.unwrap();
    assert_eq!(snapshot.names_in(&all).await.unwrap(), [id(1).as_str().as_bytes()]);
    assert_eq!(snapshot.block_from(1).await.unwrap().unwrap().entries.len(), 1);
    assert!(snapshot.claim(id(2).as_str()).await.unwrap().is_none());
    assert_eq!(store.snapshot().await.unwrap().names_in(&all).await.unwrap().len(), 2);
}

async fn outcomes_close_and_open_the_gate(bed: Bed) {
    let store = bed.open().await;
    decide(&store, 1, vec![reading(b"one", None, None)], Decision::AutoApprove).await;
    let untouched = store.gate_standing().await.unwrap();
    assert_eq!((untouched.state, untouched.since, untouched.audited), (Gate::Open, None, 0));
    let by = Reviewer::try_from("rv-1".to_owned()).unwrap();
    let said = AuditedOutcome { outcome: Audited::Wrong, source: AuditSource::Appeal, by: by.clone() };
    let mut tx = store.begin_gate().await.unwrap();
    let mut gate = tx.gate();
    assert!(gate.auditable(&id(9)).await.unwrap().is_none());
    let claim = gate.auditable(&id(1)).await.unwrap().unwrap();
    assert_eq!((claim.record.as_ref().unwrap().verdict.decision, &claim.outcome), (Decision::AutoApprove, &None));
    gate.keep_outcome(&id(1), &claim, &said, AT).await.unwrap();
    gate.close([1, 1, 20_000, 10_000], AT).await.unwrap();
    let closed = gate.standing().await.unwrap();
    assert_eq!((closed.state, closed.since.as_deref(), closed.audited, closed.wrong), (Gate::Closed, Some(AT), 1, 1));
    drop(tx);
    assert_eq!(store.gate_standing().await.unwrap().state, Gate::Open, "not committed, not done");
    let mut tx = store.begin_gate().await.unwrap();
    let mut gate = tx.gate();
    gate.keep_outcome(&id(1), &claim, &said, AT).await.unwrap();
    gate.close([1, 1, 20_000, 10_000], AT).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.gate_standing().await.unwrap(), closed);
    let mut tx = store.begin_gate().await.unwrap();
    assert_eq!(
        tx.gate().auditable(&id(1)).await.unwrap().unwrap().outcome,
        Some(["wrong", "appeal", "rv-1"].map(str::to_owned))
    );
    let why = Why::try_from("查明".to_owned()).unwrap();
    tx.gate().reopen(&by, &why, [3; 16], AT).await.unwrap();
    tx.commit().await.unwrap();
    let standing = store.gate_standing().await.unwrap();
    assert_eq!((standing.state, standing.audited, standing.wrong), (Gate::Open, 0, 0));
    let moves = store.snapshot().await.unwrap().gate().await.unwrap();
    assert_eq!(moves.iter().map(|m| (m.entry, m.state.as_str())).collect::<Vec<_>>(), [(4, "closed"), (5, "open")]);
    assert_eq!(
        (moves[0].figures, moves[1].why.as_deref()),
        ([Some(1), Some(1), Some(20_000), Some(10_000)], Some("查明"))
    );
    assert_eq!(moves[1].salt.as_deref(), Some(&[3; 16][..]));
    assert_eq!(assert_log_holds(&store).await, 5);
}

async fn the_log_proves_what_is_in_it(bed: Bed) {
    let store = bed.open().await;
    let mut roots = Vec::new();
    for n in 1..=9 {
        store.accept(new_claim(n)).await.unwrap();
        let (note, key) = store.signed_head().await.unwrap();
        roots.push(key.open(&note).unwrap());
    }
    for old in 1..=9_u64 {
        for new in old..=9 {
            let hashes = store.consistency(old, new).await.unwrap().unwrap();
            let root = |n: u64| (n, roots[n as usize - 1].root);
            assert!(merkle::continues(root(old), root(new), &hashes), "{old} {new}");
        }
    }
    assert_eq!(store.consistency(2, 10).await.unwrap(), None);
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.entries_of(id(5).as_str()).await.unwrap(), [5]);
    let proved = snapshot.proved(&[2, 5, 99]).await.unwrap();
    assert_eq!(proved.entries.len(), 2);
    for (entry, hashes) in &proved.entries {
        let leaf = merkle::leaf_hash(&entry.leaf().unwrap());
        assert!(merkle::includes(leaf, entry.seq - 1, 9, hashes, roots[8].root), "{}", entry.seq);
    }
}

async fn without_the_key_all_is_read_and_nothing_written(bed: Bed) {
    let store = bed.open().await;
    store.accept(new_claim(1)).await.unwrap();
    store.close().await;
    std::fs::rename(bed.dir.path().join("log.key"), bed.dir.path().join("elsewhere")).unwrap();
    let store = bed.open().await;
    assert_eq!(store.claims(&Scope::All, None, 10).await.unwrap().len(), 1);
    assert!(matches!(store.accept(new_claim(2)).await, Err(StoreError::Unavailable(why)) if why.contains("log.key")));
    assert!(store.probe().await.is_err());
    assert_eq!(store.claims(&Scope::All, None, 10).await.unwrap().len(), 1);
}

async fn what_is_verified_comes_back_as_it_was_stored(bed: Bed) {
    let store = bed.open().await;
    store.accept(NewClaim { taken: Some(("me".to_owned(), LEASE)), ..keyed(1, b"k", b"a") }).await.unwrap();
    let job = store.taken_job(&id(1), None).await.unwrap();
    let readings =
        vec![reading(b"one", Some("00000000000000ff"), Some(("11010123", "0012345678"))), reading(b"2", None, None)];
    decide_job(&store, &job, readings.clone(), Decision::HumanReview).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    let raw = snapshot.claim(id(1).as_str()).await.unwrap().unwrap();
    assert_eq!(raw.fingerprints, store.keyed_fingerprints(&readings).unwrap());
    let plain = claimlens::store::fingerprints(&readings);
    assert_eq!(raw.fingerprints[0].picture_hash, plain[0].picture_hash);
    assert!(raw.fingerprints[0].number.is_some() && raw.fingerprints[0].number != plain[0].number);
    assert_eq!(raw.sealing, Sealing::Open);
    assert_eq!((raw.salt.as_slice(), raw.state.as_str(), raw.job), (&[1; 16][..], "decided", false));
    let [[key, body]] = raw.keys.as_slice() else { panic!("{:?}", raw.keys) };
    assert!(*key != ContentHash::of(b"k").to_string() && *body != ContentHash::of(b"a").to_string());
    let [photo] = raw.photos.as_slice() else { panic!("{:?}", raw.photos) };
    assert_eq!((photo.n, photo.source.as_str(), photo.bytes, photo.pdf_page), (0, "票据 1.jpg", 1, Some(3)));
    assert_eq!(photo.page.as_deref(), Some(ContentHash::of(b"page").to_string().as_str()));
    let [decision] = raw.decisions.as_slice() else { panic!("{:?}", raw.decisions) };
    assert_eq!((decision.decision.as_str(), decision.decided_at.as_str()), ("human_review", AT));
    assert!(raw.outcome.is_none() && raw.job_now.is_none());
    assert_eq!(snapshot.damage().await.unwrap(), Vec::<String>::new());
}

async fn claims_come_in_pieces_with_what_the_log_says_of_them(bed: Bed) {
    let store = bed.open().await;
    for n in 1..=5 {
        store.accept(keyed(n, &n.to_le_bytes(), b"a")).await.unwrap();
    }
    // The fourth is in the log alone, the fifth not even there.
    for table in ["idempotency", "photos", "jobs", "claim_keys"] {
        bed.tamper(&format!("DELETE FROM {table} WHERE claim >= '{}'", id(4))).await;
    }
    bed.tamper(&format!("DELETE FROM claims WHERE id >= '{}'", id(4))).await;
    bed.tamper(&format!("DELETE FROM log WHERE subject = '{}'", id(5))).await;
    let mut snapshot = store.snapshot().await.unwrap();
    snapshot.take_time().await.unwrap();
    let (mut from, mut pieces) = (Bound::Unbounded, Vec::new());
    loop {
        let names = snapshot.next_names(from, 2).await.unwrap();
        let batch = snapshot.claims_in(&names).await.unwrap();
        for (claim, said) in &batch.claims {
            assert_eq!((claim.photos.len(), claim.keys.len(), claim.job, said.len()), (1, 1, true, 1), "{}", claim.id);
        }
        let claims: Vec<String> = batch.claims.into_iter().map(|(claim, _)| claim.id).collect();
        pieces.push((claims, batch.unstored, batch.strays));
        let Bound::Included(last) = names.to else { break };
        from = Bound::Excluded(last);
    }
    let piece = |claims: &[u64], unstored: Vec<(String, u64)>| {
        (claims.iter().map(|n| id(*n).to_string()).collect::<Vec<_>>(), unstored, BTreeSet::new())
    };
    assert_eq!(pieces, [piece(&[1, 2], vec![]), piece(&[3], vec![(id(4).to_string(), 4)]), piece(&[], vec![])]);
    let alone = snapshot.claims_in(&Names::one(id(2).as_str())).await.unwrap();
    assert_eq!(alone.claims.len(), 1);
    assert!(snapshot.claim(id(4).as_str()).await.unwrap().is_none());
    let mut files = vec![ContentHash::of(b"nobody's").to_string()];
    for n in [1, 2] {
        files.push(snapshot.claim(id(n).as_str()).await.unwrap().unwrap().photos[0].blob.clone());
    }
    assert_eq!(snapshot.unnamed(&files).await.unwrap(), 1);
}

fn said(by: &str) -> (Reviewer, Why) {
    (Reviewer::try_from(by.to_owned()).unwrap(), Why::try_from("asked for".to_owned()).unwrap())
}

async fn an_erased_claim_leaves_what_it_was_and_nothing_of_what_it_said(bed: Bed) {
    let store = bed.open().await;
    let (by, why) = said("dpo-1");
    let erase = async |n| store.erase(&id(n), &by, &why, [5; 16], AT).await.unwrap();
    assert_eq!(erase(1).await, Err(Undone::Absent));
    store.accept(keyed(1, b"k", b"a")).await.unwrap();
    assert_eq!(erase(1).await, Err(Undone::Undecided));
    let job = store.take_job("me", LEASE).await.unwrap().unwrap();
    let bill = reading(b"one", Some("00000000000000ff"), Some(("11010123", "0012345678")));
    decide_job(&store, &job, vec![bill.clone()], Decision::AutoApprove).await.unwrap();
    decide(&store, 2, vec![bill.clone()], Decision::HumanReview).await;
    let done = erase(1).await.unwrap();
    assert!(!done.was_plain);
    assert_eq!(erase(1).await, Err(Undone::Already));

    let claim = store.claim(&id(1)).await.unwrap().unwrap();
    assert_eq!((claim.state, claim.claim.is_none(), claim.decision.is_none()), (ClaimState::Erased, true, true));
    assert_eq!(store.claims(&Scope::All, None, 10).await.unwrap().len(), 2);
    assert_eq!(store.photos(&id(1)).await.unwrap(), []);
    assert_eq!(store.decided(i64::MIN, 10).await.unwrap().len(), 1);
    let [states, decisions] = store.counts().await.unwrap();
    assert_eq!(states, BTreeMap::from([("decided".to_owned(), 1), ("erased".to_owned(), 1)]));
    assert_eq!(decisions.values().sum::<i64>(), 2, "how it was decided is still counted");
    // A later paper of the same number is told of the other claim alone.
    let told = decide(&store, 3, vec![bill], Decision::HumanReview).await;
    assert_eq!(told, [(0, RepeatKind::SameBytes, id(2).to_string(), 0)]);
    // The key still stands for the claim, whatever body comes with it now.
    let again = KeyedBody { key: ContentHash::of(b"k"), body: ContentHash::of(b"whatever") };
    assert_eq!(store.by_key(&again).await, Ok(Some(id(1))));

    let raw = store.snapshot().await.unwrap().claim(id(1).as_str()).await.unwrap().unwrap();
    assert_eq!((raw.sealing, raw.photos.len(), raw.fingerprints.len()), (Sealing::Erased, 0, 0));
    assert!(raw.salt.is_empty() && raw.decisions[0].record.is_empty() && raw.wrapped.is_none());
    let pending = store.pending_erasures(10).await.unwrap();
    // The page's name is that of the other claims' too.
    assert_eq!(pending, [(id(1), vec![new_claim(1).photos[0].blob])]);
    assert!(store.scrub(false).await.unwrap());
    store.end_erasures(&[id(1)]).await.unwrap();
    assert_eq!(store.pending_erasures(10).await.unwrap(), []);
    assert_eq!(entries(&store).await, 7);
}

async fn without_its_key_encryption_key_nothing_sealed_is_read_and_nothing_taken_in(bed: Bed) {
    let store = bed.open().await;
    decide(&store, 1, vec![reading(b"one", None, None)], Decision::HumanReview).await;
    store.accept(new_claim(2)).await.unwrap();
    store.close().await;
    let [key, elsewhere] = ["kek.key", "elsewhere"].map(|name| bed.dir.path().join(name));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    std::fs::rename(&key, &elsewhere).unwrap();
    let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    for wrong in [None, Some(other), Some("no key at all")] {
        if let Some(text) = wrong {
            std::fs::write(&key, text).unwrap();
        }
        let store = bed.open().await;
        let locked = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Locked(_)));
        assert!(locked(store.unlocked()) && locked(store.probe().await));
        assert_eq!(store.snapshot().await.unwrap().has_wrong_key().await, Ok(wrong.is_some()));
        assert!(locked(store.accept(new_claim(3)).await.map(drop)));
        assert!(locked(store.claim(&id(1)).await.map(drop)));
        assert!(locked(store.take_job("me", LEASE).await.map(drop)), "no attempt is begun");
        let raw = store.snapshot().await.unwrap().claim(id(1).as_str()).await.unwrap().unwrap();
        assert_eq!((raw.sealing, raw.claim_json), (Sealing::Locked, None));
        assert_eq!(entries(&store).await, 3, "nothing was written");
        store.close().await;
        assert_eq!(std::fs::read_to_string(&key).ok().as_deref(), wrong, "nothing was overwritten");
    }
    std::fs::rename(&elsewhere, &key).unwrap();
    let store = bed.open().await;
    assert_eq!(store.claim(&id(1)).await.unwrap().unwrap().state, ClaimState::Decided);
    assert_eq!(store.take_job("me", LEASE).await.unwrap().unwrap().attempts, 1);
}

async fn claims_over_their_time_are_told_by_kind_and_decision(bed: Bed) {
    let store = bed.open().await;
    let of = |kind| Reading { kind, ..reading(format!("{kind:?}").as_bytes(), None, None) };
    let (till, vat) = (of(DocumentKind::TillReceipt), of(DocumentKind::VatInvoice));
    decide(&store, 1, vec![till.clone(), vat.clone()], Decision::AutoApprove).await;
    decide(&store, 2, vec![vat], Decision::AutoApprove).await;
    decide(&store, 3, vec![till.clone()], Decision::HumanReview).await;
    decide(&store, 4, vec![till], Decision::HumanReview).await;
    store.accept(new_claim(5)).await.unwrap();
    let (before, after) = ("2026-01-01T00:00:00.999Z", "2026-01-01T00:00:01.001Z");
    let aged = async |kind, how, when| store.aged(kind, how, when, 10).await.unwrap();
    assert_eq!(aged("till_receipt", "auto_approve", before).await, []);
    assert_eq!(aged("till_receipt", "auto_approve", after).await, [id(1)], "the first paper counts");
    assert_eq!(aged("vat_invoice", "auto_approve", after).await, [id(2)]);
    assert_eq!(aged("till_receipt", "human_review", after).await, [], "a person may still look at them");
    let mut tx = store.begin_gate().await.unwrap();
    let auditable = tx.gate().auditable(&id(3)).await.unwrap().unwrap();
    let (by, why) = said("rv-1");
    let right = AuditedOutcome { outcome: Audited::Right, source: AuditSource::Sample, by: by.clone() };
    tx.gate().keep_outcome(&id(3), &auditable, &right, AT).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(aged("till_receipt", "human_review", after).await, [id(3)]);
    store.erase(&id(1), &by, &why, [1; 16], AT).await.unwrap().unwrap();
    assert_eq!(aged("till_receipt", "auto_approve", after).await, []);
}

fn submission(n: u8) -> Submission {
    Submission { photos: vec![Upload { name: format!("{n}.png"), bytes: photo(n) }], ..Submission::default() }
}

async fn tampering_is_found(bed: Bed) {
    let service = Service::open(bed.config(Role::All)).await.unwrap();
    for n in 0..3 {
        service.submit_and_wait(submission(n)).await.unwrap();
    }
    let records = service.records();
    let report = records.audit_verify(&Noted::default()).await.unwrap();
    assert_eq!((report.faults, report.entries, report.claims, report.photos), (vec![], 7, 3, 3));
    for from in [ReplayFrom::Evidence, ReplayFrom::Photos(canned(320))] {
        let replayed = records.replay(&ReplayOf::All, &from).await.unwrap();
        assert_eq!((replayed.checked, replayed.identical), (3, 3));
    }
    for (sql, kind) in [
        ("UPDATE claims SET created_at = '2020-01-01T00:00:00.000Z'", FaultKind::ClaimAltered),
        ("UPDATE photos SET source = 'x'", FaultKind::PhotoEntryAltered),
        ("UPDATE decisions SET decision = 'auto_approve'", FaultKind::SummaryDiffers),
        ("UPDATE fingerprints SET picture_hash = NULL", FaultKind::FingerprintsDiffer),
        ("DELETE FROM log_nodes WHERE level = 1", FaultKind::TreeAltered),
        ("UPDATE log_head SET note = ''", FaultKind::SignatureInvalid),
        ("DELETE FROM log WHERE seq = 7", FaultKind::HeadDiffers),
        ("DELETE FROM decisions", FaultKind::RecordMissing),
    ] {
        bed.tamper(sql).await;
        let faults = records.audit_verify(&Noted::default()).await.unwrap().faults;
        assert!(faults.iter().any(|f| f.kind == kind), "{sql}: {faults:?}");
    }
}

fn other_policy(from: &str, to: &str) -> Policy {
    let text = policy().replace(from, to);
    assert_ne!(text, policy());
    Policy::parse(&text).unwrap()
}

async fn policies_decide_by_logged_acts_alone(bed: Bed) {
    let service = Service::open(bed.config(Role::All)).await.unwrap();
    let records = service.records();
    let (strict, wide) = (
        other_policy("min_text_height = 10", "min_text_height = 30"),
        other_policy("max_documents = 10", "max_documents = 11"),
    );
    let by = Reviewer::try_from("rv-1".to_owned()).unwrap();
    let why = Why::try_from("张三".to_owned()).unwrap();
    let refused = |adopted: Result<_, ServiceError>| match adopted {
        Err(ServiceError::PolicyAct(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    // A process that is told another policy than the one in force does not start; one that is told none does.
    let given = |text: Option<&str>| ServiceConfig { policy: text.map(str::to_owned), ..bed.config(Role::All) };
    match Service::open(given(Some(strict.text()))).await {
        Err(ServiceError::PolicyAct(refusal @ PolicyRefusal::NotInForce { .. })) => {
            assert!(refusal.to_string().contains("claimlens policy adopt"), "{refusal}");
        }
        other => panic!("{:?}", other.map(|_| "started")),
    }
    let another = Service::open(given(None)).await.unwrap();
    // Nothing was decided yet, so there is nothing to try it on.
    records.adopt(&strict, &by, &why, None).await.unwrap();
    assert_eq!(another.policy().await.unwrap().hash, strict.hash);
    assert_eq!(refused(records.adopt(&strict, &by, &why, None).await), PolicyRefusal::InForce);
    let first = another.submit_and_wait(submission(1)).await.unwrap();
    assert_eq!(first.record.versions.policy, strict.hash.to_string());
    assert_eq!(refused(records.adopt(&wide, &by, &why, None).await), PolicyRefusal::NotBacktested);
    let (report, logged) = records.backtest_logged(wide.clone(), &Actor::named(by.clone())).await.unwrap();
    logged.unwrap();
    assert_eq!((report.decisions, report.failed), (1, 0));
    let hour = jiff::SignedDuration::from_hours(1);
    let past = records.adopt(&wide, &by, &why, Some(jiff::Timestamp::now() - hour)).await;
    assert_eq!(refused(past), PolicyRefusal::Past);
    records.adopt(&wide, &by, &why, Some(jiff::Timestamp::now() + hour)).await.unwrap();
    let view = records.policy_view().await.unwrap();
    assert_eq!(view.in_force.unwrap().policy, strict.hash.to_string());
    assert_eq!((view.text.as_deref(), view.waiting.len()), (Some(strict.text()), 1));
    // A time that comes.
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(300);
    records.adopt(&wide, &by, &why, Some(soon)).await.unwrap();
    let before = service.submit_and_wait(submission(2)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let after = service.submit_and_wait(submission(3)).await.unwrap();
    assert_eq!(before.record.versions.policy, strict.hash.to_string());
    assert_eq!(after.record.versions.policy, wide.hash.to_string());
    assert!(records.policy_view().await.unwrap().waiting.is_empty());

    let history = records.policy_history().await.unwrap();
    let acts: Vec<_> = history.iter().map(|event| (event.act.as_str(), event.by.as_deref())).collect();
    let adopted = ("policy_adopted", Some("rv-1"));
    let first_start = ("policy_adopted", Some("first-start"));
    assert_eq!(acts, [first_start, adopted, ("policy_backtested", Some("rv-1")), adopted, adopted]);
    assert_eq!(records.audit_verify(&Noted::default()).await.unwrap().faults, []);
    assert_eq!(records.replay(&ReplayOf::All, &ReplayFrom::Evidence).await.unwrap().identical, 3);
    for sql in [
        "UPDATE policy_acts SET reviewer = 'rv-2' WHERE reviewer = 'rv-1'",
        "DELETE FROM policy_acts WHERE entry = (SELECT max(entry) FROM policy_acts)",
        "INSERT INTO policy_acts (entry, at, kind, salt) \
         SELECT 99, '2020', 'policy_shadow_ended', salt FROM policy_acts LIMIT 1",
    ] {
        bed.tamper(sql).await;
        let faults = records.audit_verify(&Noted::default()).await.unwrap().faults;
        assert!(faults.iter().any(|f| f.kind == FaultKind::PolicyActAltered), "{sql}: {faults:?}");
    }
}

async fn decisions_by_a_policy_that_was_not_in_force_are_found(bed: Bed) {
    let service = Service::open(bed.config(Role::Api)).await.unwrap();
    let store = bed.open().await;
    decide(&store, 1, vec![reading(b"one", None, None)], Decision::AutoApprove).await;
    let faults = service.records().audit_verify(&Noted::default()).await.unwrap().faults;
    assert!(faults.iter().any(|f| f.kind == FaultKind::PolicyOverlooked && f.entry == Some(3)), "{faults:?}");
}

async fn a_shadow_is_counted_and_changes_nothing(bed: Bed) {
    let service = Service::open(bed.config(Role::All)).await.unwrap();
    let records = service.records();
    let strict = other_policy("min_text_height = 10", "min_text_height = 30");
    assert!(matches!(
        records.end_shadow(&Actor::default()).await,
        Err(ServiceError::PolicyAct(PolicyRefusal::NoShadow))
    ));
    let alone = service.submit_and_wait(submission(1)).await.unwrap();
    records.shadow(&strict, &Actor::default()).await.unwrap();
    for n in 2..4 {
        let decided = service.submit_and_wait(submission(n)).await.unwrap();
        assert_eq!(decided.record.verdict.reasons, alone.record.verdict.reasons);
        assert_eq!(decided.record.versions, alone.record.versions);
    }
    let shadow = records.policy_view().await.unwrap().shadow.unwrap();
    assert_eq!((shadow.compared, shadow.newly_approved, shadow.newly_held, shadow.failed), (2, 0, 0, 0));
    assert_eq!(shadow.set.policy, strict.hash.to_string());
    assert_eq!(shadow.reasons_gained.values().copied().collect::<Vec<_>>(), [2], "{shadow:?}");
    assert!(shadow.reasons_lost.is_empty() && shadow.flipped.is_empty());
    records.end_shadow(&Actor::default()).await.unwrap();
    service.submit_and_wait(submission(4)).await.unwrap();
    assert_eq!(records.policy_view().await.unwrap().shadow, None);
    assert_eq!(records.audit_verify(&Noted::default()).await.unwrap().faults, []);
}

async fn cards_are_changed_only_by_who_saw_them_as_they_are(bed: Bed) {
    let service = Service::open(bed.config(Role::Api)).await.unwrap();
    let records = service.records();
    let mut cards = Cards::default();
    cards.rest.truncate(2);
    let by = Actor::named(Reviewer::try_from("rv-1".to_owned()).unwrap());
    let first = records.change_cards(&cards, &by, Some(0)).await.unwrap();
    let refused = records.change_cards(&Cards::default(), &by, Some(0)).await;
    assert!(matches!(refused, Err(ServiceError::Cards(CardsRefusal::Changed))), "{refused:?}");
    assert_eq!(records.cards().await.unwrap(), first);
    let second = records.change_cards(&Cards::default(), &Actor::default(), None).await.unwrap();
    assert_eq!((second.by.clone(), second.entry > first.entry), (None, true));
    assert_eq!(records.cards().await.unwrap(), second);
    assert_eq!(records.audit_verify(&Noted::default()).await.unwrap().faults, []);
    bed.tamper("UPDATE card_acts SET reviewer = 'rv-2' WHERE reviewer = 'rv-1'").await;
    let faults = records.audit_verify(&Noted::default()).await.unwrap().faults;
    assert!(faults.iter().any(|f| f.kind == FaultKind::CardsAltered && f.entry == Some(first.entry)), "{faults:?}");
}

async fn arrivals_are_counted_by_their_half_hour(bed: Bed) {
    const HALF_HOUR: i64 = 1_800_000;
    let service = Service::open(bed.config(Role::Api)).await.unwrap();
    let store = bed.open().await;
    assert_eq!((store.first_arrival().await.unwrap(), store.arrivals(0, HALF_HOUR).await.unwrap()), (None, Vec::new()));
    for n in 1..=3 {
        decide(&store, n, vec![reading(&n.to_le_bytes(), None, None)], Decision::HumanReview).await;
    }
    let opened = |n: u64, at: i64| format!("UPDATE cases SET opened = {at} WHERE claim = '{}'", id(n));
    for (n, at) in [(1, 10 * HALF_HOUR), (2, 11 * HALF_HOUR - 1), (3, 12 * HALF_HOUR + 5)] {
        bed.tamper(&opened(n, at)).await;
    }
    assert_eq!(store.first_arrival().await.unwrap(), Some(10 * HALF_HOUR));
    assert_eq!(store.arrivals(0, HALF_HOUR).await.unwrap(), [(10, 2), (12, 1)]);
    assert_eq!(store.arrivals(11 * HALF_HOUR, HALF_HOUR).await.unwrap(), [(12, 1)]);

    let by = Actor::named(Reviewer::try_from("rv-1".to_owned()).unwrap());
    let ask = Ask { actor: &by, seen: None };
    service.claim_case(&id(1), ask, false).await.unwrap();
    service.release_case(&id(1), ask).await.unwrap();
    let steps = store.hold_steps(10).await.unwrap();
    let kinds: Vec<_> = steps.iter().map(|step| (step.claim.as_str(), step.kind.as_str())).collect();
    assert_eq!(kinds, [(id(1).as_str(), "review_released"), (id(1).as_str(), "review_claimed")]);
    assert_eq!(store.hold_steps(1).await.unwrap(), steps[..1]);
    let view = service.forecast().await.unwrap();
    assert!(view.half_hours_known > view.half_hours_to_measure && view.handling.is_none());
    let measured = view.measured.unwrap();
    assert_eq!((measured.n, measured.mape, measured.half_hours.len()), (0, None, 336));
}

async fn a_shift_is_told_by_the_windows_and_values_of_decisions(bed: Bed) {
    let service = Service::open(bed.config(Role::Api)).await.unwrap();
    let store = bed.open().await;
    // Two hospitals in turn; in the recent window the bills of one of them are held.
    for n in 0..240u64 {
        let (is_recent, is_odd) = (n >= 120, n % 2 == 1);
        let mut bill = reading(&n.to_le_bytes(), None, None);
        bill.fields.insert(FieldName::IssuerName, printed(if is_odd { "市一医院" } else { "仁和医院" }));
        let how = if is_recent && is_odd { Decision::HumanReview } else { Decision::AutoApprove };
        decide(&store, n, vec![bill], how).await;
    }
    let ago = |hours: i64| {
        let at = Timestamp::now() - jiff::SignedDuration::from_hours(hours);
        at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
    };
    let (recent, before, begin) = (ago(24 * 3), ago(24 * 20), ago(24 * 40));
    bed.tamper(&format!("UPDATE decisions SET decided_at = '{before}' WHERE claim < '{}'", id(120))).await;
    bed.tamper(&format!("UPDATE decisions SET decided_at = '{recent}' WHERE claim >= '{}'", id(120))).await;
    let window = Window { from: begin.clone(), to: recent.clone() };
    assert_eq!(store.decisions_within(&window).await.unwrap(), 120, "its last moment is not in it");
    let places = store.places_within(&window, 1).await.unwrap();
    assert_eq!((places.len(), store.places_within(&window, 4).await.unwrap().len()), (120, 30));
    let decided = store.decided_at(&places[..3]).await.unwrap();
    let mut found: Vec<i64> = decided.iter().map(SealedDecision::place).collect();
    found.sort_unstable();
    let mut sought = places[..3].to_vec();
    sought.sort_unstable();
    assert_eq!(found, sought);

    let view = service.shift(&ShiftAsk::default()).await.unwrap();
    assert_eq!((view.before.decisions, view.recent.read, view.failed), (120, 120, 0));
    let change = view.change.unwrap();
    assert_eq!((change.before_ppm, change.recent_ppm, change.more_than_chance), (1_000_000, 500_000, true));
    let [first, second] = &view.dimensions[0].values[..] else { panic!("{:?}", view.dimensions[0]) };
    assert_eq!((first.value.as_deref(), first.change_ppm, first.more_than_chance), (Some("市一医院"), -500_000, true));
    assert_eq!((second.value.as_deref(), second.change_ppm, second.more_than_chance), (Some("仁和医院"), 0, false));
    assert_eq!(view.dimensions[2].values[0].told, Told::Unknown, "no camera was named");
    // What was read stays good for a while; other windows are read anew. Erased claims are gone.
    bed.tamper(&format!("UPDATE decisions SET kind = '' WHERE claim >= '{}'", id(130))).await;
    assert_eq!(service.shift(&ShiftAsk::default()).await.unwrap().recent.decisions, 120);
    let view = service.shift(&ShiftAsk { recent_days: 6, ..ShiftAsk::default() }).await.unwrap();
    assert_eq!((view.recent.decisions, view.change, view.dimensions.len()), (10, None, 0), "too few");
}

async fn a_changed_key_is_followed_from_any_before_it(bed: Bed) {
    let service = Service::open(bed.config(Role::All)).await.unwrap();
    let other = Service::open(bed.config(Role::All)).await.unwrap();
    let records = service.records();
    let mut noted = vec![records.audit_checkpoint().await.unwrap()];
    for n in 0..2 {
        service.submit_and_wait(submission(n)).await.unwrap();
        let new = records.rotate_key().await.unwrap();
        // A process that knows only the key before takes the new one up.
        other.submit_and_wait(submission(10 + n)).await.unwrap();
        noted.push(records.audit_checkpoint().await.unwrap());
        assert_eq!(noted.last().unwrap().1, new);
    }
    let verify = async |noted: Noted| records.audit_verify(&noted).await.unwrap().faults;
    assert_eq!(verify(Noted::default()).await, []);
    for (note, key) in &noted {
        for (_, other) in &noted {
            let noted = Noted { note: Some(note.clone()), key: Some(other.clone()) };
            assert_eq!(verify(noted).await, [], "{key} {other}");
        }
    }
    let stranger = LogKey::of(noted[0].1.name(), [9; 32]).unwrap().public();
    let faults = verify(Noted { note: None, key: Some(stranger) }).await;
    assert!(faults.iter().any(|f| f.kind == FaultKind::SignatureInvalid), "{faults:?}");
    let rotations = records.key_rotations().await.unwrap();
    assert_eq!(rotations.iter().map(|r| &r.new).collect::<Vec<_>>(), [&noted[1].1, &noted[2].1]);
    let shown = records.key_history().await.unwrap();
    for (_, key) in &noted {
        let (root, _) = keys::follow(key, &shown.keys, &shown.checkpoint).unwrap();
        assert_eq!(root, noted[2].1.open(&shown.checkpoint).unwrap());
    }
    // The last change taken out of the log, head and all: the key that signs follows from nothing.
    bed.tamper("UPDATE log SET kind = 'claim_failed' WHERE kind = 'key_rotated'").await;
    assert!(!verify(Noted::default()).await.is_empty());
}

async fn a_change_of_the_key_that_was_interrupted_is_finished(bed: Bed) {
    let (key, next) = (bed.dir.path().join("log.key"), bed.dir.path().join("log.key.next"));
    let store = bed.open().await;
    let old = std::fs::read(&key).unwrap();
    // Before the log took it: a leftover that nobody uses.
    std::fs::write(&next, "left over").unwrap();
    store.accept(new_claim(1)).await.unwrap();
    let new = store.rotate_key(AT).await.unwrap();
    assert!(!next.exists() && std::fs::read(&key).unwrap() != old);
    // After it did, and before the file was put in place.
    std::fs::rename(&key, &next).unwrap();
    std::fs::write(&key, old).unwrap();
    let again = bed.open().await;
    assert!(!next.exists());
    for (n, store) in [(2, &store), (3, &again)] {
        store.accept(new_claim(n)).await.unwrap();
        assert_eq!(store.signed_head().await.unwrap().1, new);
    }
    assert_eq!(assert_log_holds(&again).await, 4);
}

async fn readings_are_logged_together_and_held_against_the_log(bed: Bed) {
    let service = Service::open(bed.config(Role::All)).await.unwrap();
    let records = service.records();
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(service.submit_and_wait(submission(n)).await.unwrap().id);
    }
    let by = Actor::named(Reviewer::try_from("rv-1".to_owned()).unwrap());
    let start = Instant::now();
    for _ in 0..500 {
        service.note_read(&by, ReadOf::Page, &ids).unwrap();
    }
    service.note_read(&Actor::default(), ReadOf::Claim, [&ids[0]]).unwrap();
    assert!(start.elapsed() < Duration::from_millis(200), "nobody waits for a commit: {:?}", start.elapsed());
    while records.reads_of(&ids[0]).await.unwrap().len() < 501 {
        assert!(start.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let reads = records.reads_of(&ids[0]).await.unwrap();
    assert_eq!((reads[0].what.as_str(), reads[0].by.as_deref()), ("page", Some("rv-1")));
    assert_eq!((reads[500].what.as_str(), &reads[500].by), ("claim", &None));
    assert_eq!(records.evidence_pack(&ids[0]).await.unwrap()["entries"].as_array().unwrap().len(), 2);
    let report = records.audit_verify(&Noted::default()).await.unwrap();
    assert_eq!((report.faults, report.entries), (vec![], 7 + 1501));
    for sql in [
        "UPDATE reads SET reader = 'rv-2' WHERE entry = 9",
        "DELETE FROM reads WHERE entry = 10",
        "UPDATE reads SET what = 'list' WHERE entry = 11",
    ] {
        bed.tamper(sql).await;
        let faults = records.audit_verify(&Noted::default()).await.unwrap().faults;
        let seq = sql[sql.len() - 2..].trim().parse().unwrap();
        assert!(faults.iter().any(|f| f.kind == FaultKind::ReadAltered && f.entry == Some(seq)), "{sql}: {faults:?}");
    }
}

/// One process takes claims in, two others work them off, on the same records.
fn processes_share_the_work(bed: &Bed) {
    let api = Running::open(bed.config(Role::Api));
    let workers = [Running::open(bed.config(Role::Worker)), Running::open(bed.config(Role::Worker))];
    for running in workers.iter().chain([&api]) {
        running.wait(running.service.start()).unwrap();
        running.wait(running.service.ready()).unwrap();
    }
    let start = Instant::now();
    let ids: Vec<ClaimId> = (0..12)
        .map(|n| {
            api.wait(async {
                let ticket = api.service.admit(Some(&format!("key-{n}"))).await.unwrap();
                api.service.submit(ticket, submission(n)).await.unwrap()
            })
        })
        .collect();
    for id in &ids {
        api.wait(api.service.wait(id, Duration::from_secs(20)));
        assert_eq!(api.wait(api.service.get(id)).unwrap().state, ClaimState::Decided);
    }
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    // Whoever asks at another process is answered there too.
    let other = Running::open(bed.config(Role::Api));
    other.wait(other.service.start()).unwrap();
    let ticket = api.wait(api.service.admit(None)).unwrap();
    let id = api.wait(api.service.submit(ticket, submission(50))).unwrap();
    other.wait(other.service.wait(&id, Duration::from_secs(20)));
    assert_eq!(other.wait(other.service.get(&id)).unwrap().state, ClaimState::Decided);
    let report = api.wait(api.service.records().audit_verify(&Noted::default())).unwrap();
    assert_eq!((report.faults, report.entries, report.decisions), (vec![], 27, 13));
    // All places in the queue were given back.
    for n in 0..api.service.intake_limits().queue {
        assert!(api.wait(api.service.admit(Some(&format!("place-{n}")))).is_ok());
    }
}

#[test]
fn processes_share_the_work_on_sqlite() {
    processes_share_the_work(&Bed::sqlite());
}

#[test]
fn processes_share_the_work_on_postgres() {
    processes_share_the_work(&Bed::postgres());
}

/// How many claims a second are accepted when 64 senders wait;
/// `cargo test --release accepted_a_second -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
#[expect(clippy::print_stdout, reason = "it measures")]
async fn claims_accepted_a_second() {
    for (name, bed) in [("SQLite", Bed::sqlite()), ("PostgreSQL", Bed::postgres())] {
        let store = bed.open().await;
        for senders in [1, 8, 64, 200] {
            let start = Instant::now();
            let under_way: Vec<_> = (0..senders)
                .map(|sender| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        let mut accepted = 0;
                        while start.elapsed() < Duration::from_secs(3) {
                            store.accept(new_claim(senders << 40 | sender << 24 | accepted)).await.unwrap();
                            accepted += 1;
                        }
                        accepted
                    })
                })
                .collect();
            let mut accepted = 0;
            for one in under_way {
                accepted += one.await.unwrap();
            }
            let rate = accepted as f64 / start.elapsed().as_secs_f64();
            println!("{name}, {senders} senders: {rate:.0} claims accepted a second");
        }
        assert_log_holds(&store).await;
    }
}

/// How many decisions a second are recorded when so many workers have them ready;
/// `cargo test --release recorded_a_second -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
#[expect(clippy::print_stdout, reason = "it measures")]
async fn decisions_recorded_a_second() {
    const EACH: u64 = 1000;
    for (name, bed) in [("SQLite", Bed::sqlite()), ("PostgreSQL", Bed::postgres())] {
        let store = bed.open().await;
        for workers in [1, 8, 32] {
            let first = workers << 20;
            for n in 0..EACH {
                let taken = Some(("me".to_owned(), Duration::from_secs(3600)));
                store.accept(NewClaim { taken, ..new_claim(first + n) }).await.unwrap();
            }
            let start = Instant::now();
            let under_way: Vec<_> = (0..workers)
                .map(|worker| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        for n in (worker..EACH).step_by(workers as usize) {
                            let job = store.taken_job(&id(first + n), None).await.unwrap();
                            let read = vec![reading(&n.to_le_bytes(), None, None)];
                            decide_job(&store, &job, read, Decision::HumanReview).await.unwrap();
                        }
                    })
                })
                .collect();
            for one in under_way {
                one.await.unwrap();
            }
            let rate = EACH as f64 / start.elapsed().as_secs_f64();
            println!("{name}, {workers} workers: {rate:.0} decisions recorded a second");
        }
        assert_log_holds(&store).await;
    }
}
