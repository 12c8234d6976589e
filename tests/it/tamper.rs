//! Records changed in thousands of ways, by somebody who can write them but has no key, and by somebody who has it:
//! every change is found and told where it is.
//!
//! `CLAIMLENS_TAMPERINGS=10000 cargo test --release --test it tamper -- --nocapture` tries so many on SQLite and a tenth
//! of them on PostgreSQL; otherwise it is a few hundred.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::postgres::fresh_database;
use crate::support::{Running, canned, config, pdf, photo, policy, printed};
use claimlens::audit::note::{LogKey, PublicKey};
use claimlens::audit::{Checkpoint, Entry, Fault, FaultKind, merkle};
use claimlens::decision::Policy;
use claimlens::domain::cards::Cards;
use claimlens::domain::gate::{AuditSource, Audited, Reviewer, Why};
use claimlens::domain::review::CaseVerdict;
use claimlens::domain::skills::Skills;
use claimlens::domain::{Claim, ClaimId, ContentHash, DocumentKind, FieldName, Tenant};
use claimlens::pipeline::{ReadError, ReadOutcome};
use claimlens::service::review::{Ask, Ruling};
use claimlens::service::{
    Actor, KeyLimits, NewKey, Noted, Place, ReadOf, ReadPhotos, Records, ServiceConfig, Submission, Upload,
};
use claimlens::store::{AuditedOutcome, ClaimKey, ClaimState, Database, KekPlace, NewClaim, PhotoRow, Store};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, Row, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Every table with what names a row, what a fault of it must name, and the columns that verification covers.
const TABLES: &[Table] = &[
    table("claims", "id", "id", &["id", "created_at", "claim_json", "salt", "state", "sealed", "erased_at", "tenant"]),
    table("claim_keys", "claim", "claim", &["claim", "wrapped"]),
    table("erasures", "claim", "claim", &["claim", "entry", "at", "reviewer", "why", "salt"]),
    table("vault", "id", "NULL", &["id", "index_key"]),
    table(
        "photos",
        "claim, n",
        "claim",
        &[
            "claim",
            "n",
            "source",
            "sha256",
            "bytes",
            "media_type",
            "page_sha256",
            "pdf_page",
            "blob",
            "round",
            "left_out",
        ],
    ),
    table("jobs", "claim", "claim", &["claim", "now"]),
    table("idempotency", "key_sha256", "claim", &["key_sha256", "body_sha256", "claim"]),
    table("policies", "sha256", "NULL", &["sha256", "body"]),
    table("decisions", "id", "claim", &["claim", "decided_at", "decision", "record", "timing", "kind"]),
    table(
        "fingerprints",
        "id",
        "claim",
        &["claim", "document", "sha256", "picture_hash", "family", "code", "number", "issued", "issuer"],
    ),
    table("marks", "mark, claim, document", "claim", &["mark", "claim", "document"]),
    table("outcomes", "claim", "claim", &["claim", "entry", "at", "outcome", "source", "reviewer"]),
    table(
        "gate",
        "entry",
        "entry",
        &["entry", "at", "state", "audited", "wrong", "bound_ppm", "limit_ppm", "reviewer", "why", "salt"],
    ),
    table(
        "policy_acts",
        "entry",
        "entry",
        &["entry", "at", "kind", "policy", "begins", "figures", "reviewer", "why", "salt"],
    ),
    table(
        "api_keys",
        "entry",
        "entry",
        &[
            "entry",
            "at",
            "kind",
            "key",
            "name",
            "role",
            "tenant",
            "mac",
            "expires",
            "per_minute",
            "photos_a_day",
            "replaces",
            "overlap_ends",
            "reviewer",
            "salt",
        ],
    ),
    table("card_acts", "entry", "entry", &["entry", "at", "cards", "reviewer", "salt"]),
    table("skill_acts", "entry", "entry", &["entry", "at", "skills", "reviewer", "salt"]),
    table("reads", "entry", "claim", &["entry", "claim", "at", "what", "reader", "salt"]),
    table(
        "review_steps",
        "entry",
        "claim",
        &["entry", "claim", "at", "kind", "reviewer", "verdict", "reason", "second", "replaces", "content", "salt"],
    ),
    table(
        "cases",
        "claim",
        "claim",
        &[
            "claim",
            "phase",
            "rank",
            "clock",
            "opened",
            "paused",
            "holder",
            "held_until",
            "appeal",
            "verdict",
            "steps",
            "kind",
            "reasons",
            "documents",
            "amount",
            "currency",
            "risk",
            "external",
            "nudged",
            "blind",
            "languages",
        ],
    ),
    table("log", "seq", "seq", &["seq", "at", "kind", "subject", "payload", "payload_sha256", "prev_hash", "hash"]),
    table("log_nodes", "level, i", "(i << CAST(level AS INTEGER)) + 1", &["level", "i", "hash"]),
    table("log_head", "id", "NULL", &["id", "size", "hash", "note", "public_key"]),
];

/// What is stored and not covered, and why.
const UNCOVERED: &[(&str, &[&str], &str)] = &[
    (
        "jobs",
        &["attempts", "holder", "fence", "lease_until", "not_before"],
        "at most work is done again or later, or the claim goes to a person: the decision says so",
    ),
    (
        "webhooks",
        &["id", "url", "events", "secret", "state", "created_at", "place"],
        "messages tell nothing but that something happened to a claim; secrets are wrapped",
    ),
    (
        "deliveries",
        &["webhook", "entry", "attempts", "due", "gave_up", "status"],
        "at most a message is sent again, later or not at all; what it tells of stands in the log",
    ),
    ("erasures", &["pending"], "what is still to be deleted of a claim that is erased"),
    ("decisions", &["id"], "a number given by the database; only the order counts, and that is covered"),
    ("fingerprints", &["id"], "a number given by the database; only the order counts, and that is covered"),
    (
        "shadow_counts",
        &["entry", "what", "n"],
        "what a shadow policy would have done, which decides nothing and can be derived anew",
    ),
    ("shadow_flips", &["entry", "claim", "now"], "the same"),
    (
        "sessions",
        &["id", "key", "mac", "begun", "used"],
        "who is signed in at present: bound by a keyed hash to its key and its beginning, so that no change signs anybody in",
    ),
    (
        "key_photos",
        &["key", "day", "photos"],
        "what keys with a quota sent today: at most more than the quota comes in",
    ),
    ("cases_made", &["id"], "whether the cases of earlier claims are made; where one is missing then, that is told"),
    ("sqlite_sequence", &["name", "seq"], "SQLite's own counters for these numbers"),
];

struct Table {
    name: &'static str,
    key: &'static str,
    place: &'static str,
    columns: &'static [&'static str],
}

const fn table(name: &'static str, key: &'static str, place: &'static str, columns: &'static [&'static str]) -> Table {
    Table { name, key, place, columns }
}

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    fn pick<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())]
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(self.pick(b"0123456789abcdef"))).collect()
    }
}

/// Reads what no photo says: a bill with a number, a check code and a payer, made of the photo's hash.
struct Bills(Box<dyn ReadPhotos>);

impl ReadPhotos for Bills {
    fn read(&self, source: &str, bytes: &[u8], pdf_page: Option<u32>) -> Result<ReadOutcome, ReadError> {
        let mut outcome = self.0.read(source, bytes, pdf_page)?;
        let digits = |n: usize| {
            let hash = ContentHash::of(bytes).0;
            (0..n).map(|i| char::from(b'0' + hash[(i + pdf_page.unwrap_or(0) as usize) % 32] % 10)).collect::<String>()
        };
        let reading = &mut outcome.reading;
        reading.kind = DocumentKind::MedicalOutpatientBill;
        for (name, value) in [
            (FieldName::BillCode, "11060124".to_owned()),
            (FieldName::BillNumber, digits(10)),
            (FieldName::CheckCode, digits(6)),
            (FieldName::IssueDate, "2026-03-04".to_owned()),
            (FieldName::IssuerName, "样张医院".to_owned()),
            (FieldName::PayerName, "郑试例".to_owned()),
            (FieldName::Total, "12.00".to_owned()),
        ] {
            reading.fields.insert(name, printed(&value));
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

/// Records with everything in them that can be: decided, failed and waiting claims, a PDF, outcomes, a gate that closed
/// and opened. With the log's state noted after each step, and the database as it was then.
struct Lab {
    running: Running,
    dir: tempfile::TempDir,
    public: PublicKey,
    secret: LogKey,
    notes: Vec<String>,
    entries: u64,
    /// Which claims each file under `photos` belongs to.
    blobs: Vec<(PathBuf, BTreeSet<String>)>,
    whole: String,
}

impl Lab {
    fn base(&self) -> PathBuf {
        self.dir.path().join("base")
    }

    fn old(&self, step: usize) -> PathBuf {
        self.dir.path().join(format!("old-{step}.sqlite"))
    }

    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let (running, notes, public) = fill(&Place::from(&data), Some(dir.path()));
        // Copied while it is open, so that the write-ahead log is part of it.
        let base = dir.path().join("base");
        copy_folder(&data, &base);
        let _ = fs::remove_file(base.join("claimlens.sqlite-shm"));
        let secret = LogKey::parse(&fs::read_to_string(data.join("log.key")).unwrap()).unwrap();
        let entries = public.open(notes.last().unwrap()).unwrap().size;
        let mut lab = Self { running, dir, public, secret, notes, entries, blobs: Vec::new(), whole: String::new() };
        let trial = lab.trial(false);
        lab.whole = lab.running.wait(rows_of(trial.path())).unwrap();
        lab.blobs = lab.running.wait(blobs_of(trial.path()));
        lab
    }

    /// A copy to change; with photos of its own, or else the base's.
    fn trial(&self, photos: bool) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let base = self.base();
        for file in ["claimlens.sqlite", "claimlens.sqlite-wal", "log.key", "kek.key"] {
            fs::copy(base.join(file), dir.path().join(file)).unwrap();
        }
        match photos {
            true => copy_folder(&base.join("photos"), &dir.path().join("photos")),
            false => std::os::unix::fs::symlink(base.join("photos"), dir.path().join("photos")).unwrap(),
        }
        dir
    }

    fn held(&self, step: usize) -> Noted {
        Noted { note: Some(self.notes[step].clone()), key: Some(self.public.clone()) }
    }

    /// What verification says; `None` if the records cannot even be opened.
    fn verify(&self, data: &Path, held: &Noted) -> Option<Vec<Fault>> {
        self.running.wait(async {
            let records = Records::open_existing(data).await.ok()?;
            let faults = records.audit_verify(held).await.ok().map(|report| report.faults);
            records.close().await;
            faults
        })
    }
}

/// Makes the records. `old` is the folder for what the database was after each step.
fn fill(place: &Place, old: Option<&Path>) -> (Running, Vec<String>, PublicKey) {
    let plain = canned(320);
    let load_reader = Arc::new(move || Ok(Box::new(Bills(plain()?)) as Box<dyn ReadPhotos>));
    let config = ServiceConfig { place: place.clone(), load_reader, ..config(&place.data) };
    let running = Running::open(config);
    let database = match &place.database {
        Some(url) => Database::Postgres(Box::new(url.clone())),
        None => Database::Sqlite(place.data.join("claimlens.sqlite")),
    };
    let (notes, public) = running.wait(async {
        running.service.start().await.unwrap();
        let kek = KekPlace::File(place.data.join("kek.key"));
        let store = Store::open(&database, &place.data.join("log.key"), &kek).await.unwrap();
        let data = &place.data;
        let mut steps = Steps { running: &running, store, data, old, notes: Vec::new(), decided: Vec::new() };
        steps.decide(Some("k-1"), vec![photo(1)]).await;
        steps.decide(Some("k-2"), vec![photo(2), photo(3)]).await;
        steps.decide(None, vec![pdf(3)]).await;
        steps.say(0, Audited::Right, AuditSource::Sample).await;
        // The first photo again: a repeat.
        steps.decide(None, vec![photo(4), photo(1)]).await;
        steps.say(1, Audited::Wrong, AuditSource::Appeal).await;
        steps.gate(false).await;
        steps.decide(Some("k-3"), vec![photo(5)]).await;
        steps.gate(true).await;
        steps.decide(Some("k-4"), vec![photo(6)]).await;
        steps.tried_and_read().await;
        steps.keys().await;
        steps.reviewed().await;
        steps.decide(Some("k-5"), vec![photo(9)]).await;
        steps.say(6, Audited::Right, AuditSource::Sample).await;
        steps.ruled(6).await;
        steps.erase(6).await;
        steps.undecided(photo(7), true).await;
        steps.undecided(photo(8), false).await;
        steps.of_tenant(photo(11)).await;
        let (_, public) = steps.store.signed_head().await.unwrap();
        (steps.notes, public)
    });
    (running, notes, public)
}

struct Steps<'a> {
    running: &'a Running,
    store: Store,
    data: &'a Path,
    old: Option<&'a Path>,
    notes: Vec<String>,
    decided: Vec<ClaimId>,
}

const AT: &str = "2026-03-05T00:00:00.000Z";

impl Steps<'_> {
    async fn noted(&mut self) {
        if let Some(old) = self.old {
            let old = old.join(format!("old-{}.sqlite", self.notes.len()));
            let sql = format!("VACUUM INTO '{}'", old.display());
            sqlx::query(AssertSqlSafe(sql)).execute(&mut open(self.data).await).await.unwrap();
        }
        self.notes.push(self.store.signed_head().await.unwrap().0);
    }

    async fn decide(&mut self, key: Option<&str>, photos: Vec<Vec<u8>>) {
        let photos = photos.into_iter().map(|bytes| Upload { name: "样张.png".to_owned(), bytes }).collect();
        let claim = Claim {
            id: "A-1".to_owned(),
            insured: None,
            policy: None,
            amount: Some("12.00".to_owned()),
            claim_type: None,
            currency: None,
        };
        let service = &self.running.service;
        let ticket = service.admit(key).await.unwrap();
        let id =
            service.submit(ticket, Submission { claim: Some(claim), photos, now: None, known: None }).await.unwrap();
        service.wait(&id, Duration::from_secs(300)).await;
        assert_eq!(self.store.claim(&id).await.unwrap().unwrap().state, ClaimState::Decided);
        self.decided.push(id);
        self.noted().await;
    }

    async fn say(&mut self, n: usize, outcome: Audited, source: AuditSource) {
        let mut tx = self.store.begin_gate().await.unwrap();
        let by = Reviewer::try_from("rv-017".to_owned()).unwrap();
        let (id, said) = (&self.decided[n], AuditedOutcome { outcome, source, by });
        let of = tx.gate().auditable(id).await.unwrap().unwrap();
        tx.gate().keep_outcome(id, &of, &said, AT).await.unwrap();
        tx.commit().await.unwrap();
        self.noted().await;
    }

    async fn erase(&mut self, n: usize) {
        let (by, why) = ("rv-019".to_owned(), "asked for".to_owned());
        let (by, why) = (Reviewer::try_from(by).unwrap(), Why::try_from(why).unwrap());
        self.running.service.erase(&self.decided[n], &by, &why).await.unwrap();
        self.noted().await;
    }

    async fn gate(&mut self, open: bool) {
        let mut tx = self.store.begin_gate().await.unwrap();
        if open {
            let (by, why) = ("rv-018".to_owned(), "looked at again".to_owned());
            let (by, why) = (Reviewer::try_from(by).unwrap(), Why::try_from(why).unwrap());
            tx.gate().reopen(&by, &why, [9; 16], AT).await.unwrap();
        } else {
            tx.gate().close([100, 3, 12_000, 10_000], AT).await.unwrap();
        }
        tx.commit().await.unwrap();
        self.noted().await;
    }

    /// A policy tried, cards and skills changed, and claims read.
    async fn tried_and_read(&mut self) {
        let records = self.running.service.records();
        let other = Policy::parse(&policy().replace("max_documents = 10", "max_documents = 9")).unwrap();
        let actor = Actor::named(Reviewer::try_from("rv-019".to_owned()).unwrap());
        records.backtest_logged(other.clone(), &actor).await.unwrap().1.unwrap();
        records.shadow(&other, &actor).await.unwrap();
        records.change_cards(&Cards::default(), &actor, Some(0)).await.unwrap();
        records.change_skills(&Skills::default(), &actor, Some(0)).await.unwrap();
        records.log_read(&actor, ReadOf::Page, &self.decided).await.unwrap();
        records.log_read(&Actor::default(), ReadOf::Evidence, &self.decided[..1]).await.unwrap();
        self.noted().await;
    }

    /// Keys given, replaced and taken back.
    async fn keys(&mut self) {
        let records = self.running.service.records();
        let named = |name: &str| Reviewer::try_from(name.to_owned()).unwrap();
        let key = NewKey {
            name: named("app-1"),
            role: claimlens::domain::access::Role::Submitter,
            tenant: Some("north".parse().unwrap()),
            expires: Some(jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24)),
            limits: KeyLimits { per_minute: std::num::NonZeroU32::new(60), photos_a_day: Some(500) },
        };
        let boss = Actor::named(named("boss"));
        let (given, _) = records.add_api_key(&key, &Actor::default()).await.unwrap();
        let overlap = jiff::SignedDuration::from_hours(1);
        let (newer, _) = records.rotate_api_key(&given.id, overlap, None, &boss).await.unwrap();
        records.revoke_api_key(&newer.id, &boss).await.unwrap();
        self.noted().await;
    }

    /// A decided claim of another tenant than the others.
    async fn of_tenant(&mut self, bytes: Vec<u8>) {
        let service = &self.running.service;
        let ticket = service.admit_for("north".parse().unwrap(), Some("k-1")).await.unwrap();
        let photos = vec![Upload { name: "b.png".to_owned(), bytes }];
        let id = service.submit(ticket, Submission { claim: None, photos, now: None, known: None }).await.unwrap();
        service.wait(&id, Duration::from_secs(300)).await;
        assert_eq!(self.store.claim(&id).await.unwrap().unwrap().tenant.as_str(), "north");
        self.noted().await;
    }

    /// Cases that people worked on: two closed, one that waits for another person, one with a photo more in
    /// the place of another.
    async fn reviewed(&mut self) {
        self.ruled(0).await;
        self.ruled(1).await;
        let service = &self.running.service;
        let actor = |name: &str| Actor::named(Reviewer::try_from(name.to_owned()).unwrap());
        let one = actor("rv-021");
        let ask = Ask { actor: &one, seen: None };
        let large = &self.decided[4];
        service.claim_case(large, ask, false).await.unwrap();
        let right = vec![(0, "total".to_owned(), "20000.00".to_owned())];
        let ruling =
            Ruling {
                verdict: CaseVerdict::Approve, note: "金额应为两万".to_owned(), reason: None, corrections: right
            };
        service.decide_case(large, ask, ruling).await.unwrap();
        let retaken = &self.decided[3];
        service.claim_case(retaken, ask, false).await.unwrap();
        let ruling = Ruling {
            verdict: CaseVerdict::RequestPhotos,
            note: "再拍一张".to_owned(),
            reason: Some("blurred".to_owned()),
            corrections: Vec::new(),
        };
        service.decide_case(retaken, ask, ruling).await.unwrap();
        let photos = vec![Upload { name: "重拍.png".to_owned(), bytes: photo(10) }];
        let ticket = service.admit(None).await.unwrap();
        service.add_photos(ticket, retaken, photos, Some(0), &Actor::default()).await.unwrap();
        service.wait(retaken, Duration::from_secs(300)).await;
        assert_eq!(self.store.claim(retaken).await.unwrap().unwrap().state, ClaimState::Decided);
        service.escalate_case(retaken, ask, "请看一下").await.unwrap();
        self.noted().await;
    }

    /// A case rejected.
    async fn ruled(&mut self, n: usize) {
        let (service, id) = (&self.running.service, &self.decided[n]);
        let actor = Actor::named(Reviewer::try_from("rv-020".to_owned()).unwrap());
        let ask = Ask { actor: &actor, seen: None };
        service.claim_case(id, ask, false).await.unwrap();
        let ruling = Ruling {
            verdict: CaseVerdict::Reject,
            note: "改过".to_owned(),
            reason: Some("altered".to_owned()),
            corrections: Vec::new(),
        };
        service.decide_case(id, ask, ruling).await.unwrap();
        self.noted().await;
    }

    /// A claim that no decision could be made of, or whose work waits.
    async fn undecided(&mut self, bytes: Vec<u8>, failed: bool) {
        let sha256 = ContentHash::of(&bytes);
        let folder = self.data.join("photos").join(&sha256.to_string()[..2]);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(sha256.to_string()), &bytes).unwrap();
        let row = PhotoRow {
            source: "a.png".to_owned(),
            sha256,
            blob: sha256,
            seal: None,
            bytes: bytes.len() as u64,
            media_type: "image/png".to_owned(),
            pdf_page: None,
            page: None,
        };
        let id = ClaimId::new(1_772_668_800_000, [u8::from(failed); 10]);
        let new = NewClaim {
            id: id.clone(),
            created_at: AT.to_owned(),
            tenant: Tenant::default(),
            claim: None,
            salt: [7; 16],
            seal: ClaimKey::new(&id),
            photos: vec![row],
            key: None,
            now: (!failed).then(|| AT.to_owned()),
            // Nobody else works on it meanwhile.
            taken: Some(("the test".to_owned(), Duration::from_secs(36_000))),
            known: None,
        };
        self.store.accept(new).await.unwrap();
        if failed {
            let job = self.store.taken_job(&id, None).await.unwrap();
            self.store.begin_decision(&job).await.unwrap().unwrap().fail(AT, "judging_panicked").await.unwrap();
        }
        self.noted().await;
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A connection bound by nothing: checks and foreign keys off.
async fn open(data: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(data.join("claimlens.sqlite"))
        .foreign_keys(false)
        .pragma("synchronous", "OFF")
        .pragma("ignore_check_constraints", "ON");
    options.connect().await.unwrap()
}

async fn number(db: &mut SqliteConnection, sql: String) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(db).await.unwrap()
}

/// Everything that is covered, as text, read without an index; an error if the file cannot be read.
async fn rows_of(data: &Path) -> Result<String, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(data.join("claimlens.sqlite"));
    let mut db = options.connect().await?;
    let mut out = String::new();
    for table in TABLES {
        let columns: Vec<String> = table.columns.iter().map(|c| format!("quote({c})")).collect();
        let sql = format!("SELECT {} FROM {} NOT INDEXED ORDER BY 1", columns.join(" || '|' || "), table.name);
        for row in sqlx::query(AssertSqlSafe(format!(
            "SELECT CAST(x AS BLOB) FROM ({})",
            sql.replacen(" FROM", " AS x FROM", 1)
        )))
        .fetch_all(&mut db)
        .await?
        {
            out += &format!("{} {}\n", table.name, String::from_utf8_lossy(row.get::<&[u8], _>(0)));
        }
    }
    db.close().await?;
    Ok(out)
}

async fn blobs_of(data: &Path) -> Vec<(PathBuf, BTreeSet<String>)> {
    let mut db = open(data).await;
    let sql =
        "SELECT blob, claim FROM photos UNION SELECT page_sha256, claim FROM photos WHERE page_sha256 IS NOT NULL";
    let mut found: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    for row in sqlx::query(sql).fetch_all(&mut db).await.unwrap() {
        let (hash, claim): (String, String) = (row.get(0), row.get(1));
        found.entry(Path::new("photos").join(&hash[..2]).join(hash)).or_default().insert(claim);
    }
    found.into_iter().collect()
}

/// What was changed, and what a fault must name of it: one of these claims or entries.
#[derive(Debug, Default)]
struct Change {
    what: String,
    claims: BTreeSet<String>,
    entries: BTreeSet<u64>,
    /// Of the end of the log, of all that was decided by a policy: whatever entry or claim is named.
    anywhere: bool,
    /// The claim whose pack holds what was changed.
    pack: Option<String>,
}

impl Change {
    fn is_located_by(&self, faults: &[Fault]) -> bool {
        faults.iter().any(|f| {
            // Of no claim more than of another.
            if f.kind == FaultKind::VaultAltered {
                return self.anywhere;
            }
            // What is no value of a record, as an index, has no other place than its table.
            let of_table = matches!(&f.kind, FaultKind::Database(what) if what.starts_with("table "));
            let claim = f.claim.as_ref().is_some_and(|claim| self.anywhere || self.claims.contains(claim));
            let entry = f.entry.is_some_and(|entry| self.anywhere || self.entries.contains(&entry));
            claim || entry || (self.anywhere && of_table)
        })
    }

    /// Also at this row of a table.
    async fn at(&mut self, db: &mut SqliteConnection, table: &Table, row: &str) {
        let sql = format!("SELECT CAST({} AS TEXT) FROM {} WHERE {row}", table.place, table.name);
        let place: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(db).await.unwrap();
        self.place(table.name, place);
    }

    /// Also where a row of a table is, as told by its `place`.
    fn place(&mut self, table: &str, place: Option<String>) {
        match (place, table) {
            (None, _) => self.anywhere = true,
            (Some(seq), "log" | "log_nodes" | "gate" | "policy_acts" | "api_keys" | "card_acts" | "skill_acts") => {
                // A gap is told where the log goes on, a lost end where it ends.
                let seq = seq.parse::<i64>().unwrap() as u64;
                self.entries.extend([seq.wrapping_sub(1), seq, seq.wrapping_add(1)]);
            }
            (Some(claim), _) => drop(self.claims.insert(claim)),
        }
    }
}

/// The condition that selects the n-th row of a table.
fn nth(table: &Table, n: usize) -> String {
    let (name, key) = (table.name, table.key);
    format!("({key}) = (SELECT {key} FROM {name} ORDER BY {key} LIMIT 1 OFFSET {n})")
}

async fn rows(db: &mut SqliteConnection, table: &Table) -> usize {
    number(db, format!("SELECT count(*) FROM {}", table.name)).await as usize
}

/// Columns of which a pack holds the value or something made of it.
fn is_in_pack(table: &str, column: &str) -> bool {
    match table {
        "claims" => ["created_at", "claim_json", "salt", "tenant"].contains(&column),
        "photos" => !["claim", "n", "left_out"].contains(&column),
        "review_steps" => ["kind", "reviewer", "verdict", "reason", "replaces", "content", "salt"].contains(&column),
        "decisions" => ["record", "timing"].contains(&column),
        "erasures" => ["at", "reviewer", "why", "salt"].contains(&column),
        "outcomes" => ["outcome", "source", "reviewer"].contains(&column),
        "idempotency" => column != "claim",
        _ => false,
    }
}

/// One bit of one value.
async fn flip(db: &mut SqliteConnection, dice: &mut Dice) -> Option<Change> {
    let table = &TABLES[dice.below(TABLES.len())];
    let column = dice.pick(table.columns);
    let count = rows(db, table).await;
    let row = nth(table, dice.below(count));
    let sql = format!("SELECT CAST({column} AS BLOB), typeof({column}) FROM {} WHERE {row}", table.name);
    let found = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut *db).await.unwrap();
    let (before, kind): (Option<Vec<u8>>, String) = (found.get(0), found.get(1));
    let mut change = Change { what: format!("{}.{column}, {kind}", table.name), ..Change::default() };
    change.at(db, table, &row).await;
    let (mut after, bit) = (before.unwrap_or_default(), dice.below(8));
    let value = match kind.as_str() {
        "integer" => {
            let number: i64 = String::from_utf8(after).unwrap().parse().unwrap();
            format!("{}", number ^ (1_i64 << dice.below(48)))
        }
        "null" => {
            let declared = format!("SELECT type FROM pragma_table_info('{}') WHERE name = '{column}'", table.name);
            let declared: String = sqlx::query_scalar(AssertSqlSafe(declared)).fetch_one(&mut *db).await.unwrap();
            match declared.as_str() {
                "INTEGER" => "1".to_owned(),
                "TEXT" => format!("'{}'", dice.hex(16)),
                _ => format!("x'{}'", dice.hex(16)),
            }
        }
        kind => {
            if after.is_empty() {
                return None;
            }
            let place = dice.below(after.len());
            after[place] ^= 1 << bit;
            format!("CAST(x'{}' AS {kind})", hex(&after))
        }
    };
    if is_in_pack(table.name, column) {
        change.pack = change.claims.first().cloned();
    }
    let sql = format!("UPDATE {} SET {column} = {value} WHERE {row}", table.name);
    let done = sqlx::query(AssertSqlSafe(sql)).execute(db).await;
    // A name that another row bears already is refused.
    done.ok().map(|_| change)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A row gone.
async fn delete(db: &mut SqliteConnection, dice: &mut Dice) -> Option<Change> {
    let table = &TABLES[dice.below(TABLES.len())];
    let count = rows(db, table).await;
    let row = nth(table, dice.below(count));
    let mut change = Change { what: format!("a row of {} gone", table.name), ..Change::default() };
    change.at(db, table, &row).await;
    let sql = format!("DELETE FROM {} WHERE {row}", table.name);
    sqlx::query(AssertSqlSafe(sql)).execute(db).await.unwrap();
    Some(change)
}

/// A row more: a copy of one with another name, number or owner.
async fn insert(db: &mut SqliteConnection, dice: &mut Dice) -> Option<Change> {
    let id = format!("clm_{}", dice.hex(26));
    let other = "(SELECT id FROM claims ORDER BY hex(randomblob(4)) LIMIT 1)".to_owned();
    let far = |dice: &mut Dice| (1_i64 << dice.below(62)).to_string();
    let quoted = |text: &str| format!("'{text}'");
    let (name, new): (&str, Vec<(&str, String)>) = match dice.below(29) {
        0 => ("claims", vec![("id", quoted(&id))]),
        1 => ("photos", vec![("n", "n + 1000".to_owned())]),
        2 => ("photos", vec![("claim", quoted(&id))]),
        3 => ("jobs", vec![("claim", other)]),
        4 => ("jobs", vec![("claim", quoted(&id))]),
        5 => ("idempotency", vec![("key_sha256", quoted(&dice.hex(64)))]),
        6 => ("idempotency", vec![("key_sha256", quoted(&dice.hex(64))), ("claim", other)]),
        7 => ("decisions", vec![("id", "NULL".to_owned())]),
        8 => ("decisions", vec![("id", "NULL".to_owned()), ("claim", other)]),
        9 => ("fingerprints", vec![("id", "NULL".to_owned())]),
        10 => ("fingerprints", vec![("id", "NULL".to_owned()), ("claim", quoted(&id))]),
        11 => ("marks", vec![("mark", quoted(&dice.hex(32)))]),
        12 => ("marks", vec![("document", "document + 9".to_owned())]),
        13 => ("marks", vec![("claim", quoted(&id))]),
        14 => ("outcomes", vec![("claim", other), ("entry", "entry + 1000".to_owned())]),
        15 => ("gate", vec![("entry", far(dice))]),
        16 => ("log", vec![("seq", far(dice))]),
        17 => ("log", vec![("seq", format!("-{}", far(dice)))]),
        24 => ("review_steps", vec![("entry", "entry + 1000".to_owned())]),
        25 => ("review_steps", vec![("entry", "entry + 1000".to_owned()), ("claim", quoted(&id))]),
        26 => ("cases", vec![("claim", other)]),
        27 => ("cases", vec![("claim", quoted(&id))]),
        18 => ("log_nodes", vec![("i", far(dice))]),
        19 => ("claim_keys", vec![("claim", other)]),
        20 => ("claim_keys", vec![("claim", quoted(&id))]),
        21 => ("erasures", vec![("claim", other), ("entry", "entry + 1000".to_owned())]),
        22 => ("erasures", vec![("claim", quoted(&id)), ("entry", "entry + 1000".to_owned())]),
        23 => ("api_keys", vec![("entry", far(dice))]),
        _ => ("log_nodes", vec![("level", dice.below(64).to_string()), ("i", "i".to_owned())]),
    };
    let table = TABLES.iter().find(|table| table.name == name).unwrap();
    let count = rows(db, table).await;
    let row = nth(table, dice.below(count));
    let all: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT name FROM pragma_table_info('{name}')")))
        .fetch_all(&mut *db)
        .await
        .unwrap();
    let value = |column: &String| new.iter().find(|(c, _)| c == column).map_or(column.clone(), |(_, v)| v.clone());
    let values: Vec<String> = all.iter().map(value).collect();
    let sql = format!("INSERT INTO {name} ({}) SELECT {} FROM {name} WHERE {row}", all.join(", "), values.join(", "));
    let made = sqlx::query(AssertSqlSafe(sql)).execute(&mut *db).await.ok()?;
    let mut change = Change { what: format!("a row more of {name}"), ..Change::default() };
    if ["log_nodes", "log", "gate", "api_keys"].contains(&name) {
        change.anywhere = true;
    } else {
        let sql = format!("SELECT {} FROM {name}", table.place);
        // What stands in two claims may be told of either, and a claim drawn at random is only known now.
        let _ = made;
        let claims: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(db).await.unwrap();
        change.claims = claims.into_iter().collect();
    }
    Some(change)
}

/// Two rows that change places in one column, or two entries of the log in all of them.
async fn exchange(db: &mut SqliteConnection, dice: &mut Dice) -> Option<Change> {
    let table = &TABLES[dice.below(TABLES.len())];
    let count = rows(db, table).await;
    let (a, b) = (nth(table, dice.below(count)), nth(table, dice.below(count)));
    let columns: Vec<&str> = match table.name {
        "log" => table.columns[1..].to_vec(),
        _ => vec![dice.pick(table.columns)],
    };
    let mut change = Change { what: format!("{} {columns:?} exchanged", table.name), ..Change::default() };
    change.at(db, table, &a).await;
    change.at(db, table, &b).await;
    let same = columns
        .iter()
        .map(|c| format!("(SELECT {c} FROM {0} WHERE {a}) IS (SELECT {c} FROM {0} WHERE {b})", table.name));
    let sql = format!("SELECT {}", same.collect::<Vec<_>>().join(" AND "));
    if number(db, sql).await != 0 {
        return None;
    }
    let mut tx = db.begin().await.unwrap();
    for column in columns {
        let name = table.name;
        // Both at once, so that a condition on the column still selects its row.
        let sql = format!(
            "UPDATE {name} SET {column} = CASE WHEN {a} THEN (SELECT {column} FROM {name} WHERE {b}) \
             ELSE (SELECT {column} FROM {name} WHERE {a}) END WHERE {a} OR {b}"
        );
        // Names are held apart row by row, so two of them cannot change places like this.
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await.ok()?;
    }
    tx.commit().await.unwrap();
    Some(change)
}

/// Who signs a log that was rewritten.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Signed {
    Nobody,
    Stranger,
    Thief,
}

/// The log written anew from some entry on, sound in itself: chain, tree and head made for it. Gives the first entry
/// that changed.
async fn rewrite(db: &mut SqliteConnection, dice: &mut Dice, lab: &Lab, signed: Signed) -> Option<(Change, u64)> {
    let mut entries = entries_of(db).await;
    let n = dice.below(entries.len());
    let what = match dice.below(8) {
        0 => {
            entries[n].at = "2020-01-01T00:00:00.000Z".to_owned();
            "backdated"
        }
        1 => {
            entries[n].kind = dice.pick(&["decision", "claim_failed", "outcome", "gate_reopened", "x"]).to_owned();
            "of another kind"
        }
        2 => {
            entries[n].subject = format!("clm_{}", dice.hex(26));
            "of another claim"
        }
        3 => {
            entries[n].payload = format!("{{\"record\":\"{}\"}}", dice.hex(64));
            "of another content"
        }
        4 => {
            entries.remove(n);
            "left out"
        }
        5 => {
            let copy = Entry { subject: format!("clm_{}", dice.hex(26)), ..entries[n].clone() };
            entries.insert(n, copy);
            "put in"
        }
        6 => {
            entries.truncate(n);
            "cut off"
        }
        _ => {
            // What the log commits to is changed with it.
            let sql = "UPDATE decisions SET timing = '{\"total\":1}' WHERE id = (SELECT min(id) FROM decisions)";
            sqlx::query(sql).execute(&mut *db).await.unwrap();
            let entry = entries.iter_mut().find(|e| e.kind == "decision").unwrap();
            let mut payload: Value = serde_json::from_str(&entry.payload).unwrap();
            payload["timing"] = ContentHash::of(b"{\"total\":1}").to_string().into();
            entry.payload = payload.to_string();
            "changed together with its decision"
        }
    };
    let before = entries_of(db).await;
    if before == entries {
        return None;
    }
    let first = before.iter().zip(&entries).take_while(|(a, b)| a == b).count() as u64 + 1;
    let (mut head, mut made) = (Checkpoint::empty(), Vec::new());
    for e in &entries {
        let entry = Entry::after(&head, &e.at, &e.kind, &e.subject, e.payload.clone()).unwrap();
        head = entry.checkpoint();
        made.push(entry);
    }
    let (size, nodes) = merkle::build(made.iter().map(|e| merkle::leaf_hash(&e.leaf().unwrap())));
    let mut tx = db.begin().await.unwrap();
    sqlx::query("DELETE FROM log").execute(&mut *tx).await.unwrap();
    sqlx::query("DELETE FROM log_nodes").execute(&mut *tx).await.unwrap();
    for e in &made {
        sqlx::query("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(e.seq as i64)
            .bind(&e.at)
            .bind(&e.kind)
            .bind(&e.subject)
            .bind(&e.payload)
            .bind(&e.payload_sha256)
            .bind(&e.prev_hash)
            .bind(&e.hash)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    for ((level, i), hash) in &nodes {
        let node = sqlx::query("INSERT INTO log_nodes VALUES (?, ?, ?)").bind(level).bind(*i as i64);
        node.bind(hash.0.as_slice()).execute(&mut *tx).await.unwrap();
    }
    let head_row = sqlx::query("UPDATE log_head SET size = ?, hash = ?").bind(head.size as i64).bind(&head.hash);
    head_row.execute(&mut *tx).await.unwrap();
    let stranger = LogKey::of(lab.public.to_string().split('+').next().unwrap(), [1; 32]).unwrap();
    let key = match signed {
        Signed::Nobody => None,
        Signed::Stranger => Some(&stranger),
        Signed::Thief => Some(&lab.secret),
    };
    if let Some(key) = key {
        sqlx::query("UPDATE log_head SET note = ?, public_key = ?")
            .bind(key.sign(size, merkle::root(size, &nodes).unwrap()))
            .bind(key.public().to_string())
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let change = Change { what: format!("entry {what}, signed by {signed:?}"), anywhere: true, ..Change::default() };
    Some((change, first))
}

async fn entries_of(db: &mut SqliteConnection) -> Vec<Entry> {
    let rows =
        sqlx::query("SELECT seq, at, kind, subject, payload, payload_sha256, prev_hash, hash FROM log ORDER BY seq");
    let entry = |r: &sqlx::sqlite::SqliteRow| Entry {
        seq: r.get::<i64, _>(0) as u64,
        at: r.get(1),
        kind: r.get(2),
        subject: r.get(3),
        payload: r.get(4),
        payload_sha256: r.get(5),
        prev_hash: r.get(6),
        hash: r.get(7),
    };
    rows.fetch_all(db).await.unwrap().iter().map(entry).collect()
}

/// A photo's or a page's file changed, cut, lengthened, gone, or taken for another's.
fn blob(data: &Path, dice: &mut Dice, lab: &Lab) -> Option<Change> {
    let (path, claims) = &lab.blobs[dice.below(lab.blobs.len())];
    let file = data.join(path);
    let mut bytes = fs::read(&file).unwrap();
    let place = dice.below(bytes.len());
    let what = match dice.below(8) {
        0..=2 => {
            bytes[place] ^= 1 << dice.below(8);
            "a bit"
        }
        3 => {
            bytes.truncate(place);
            "cut"
        }
        4 => {
            bytes.insert(place, bytes[place]);
            "longer"
        }
        5 => {
            let other = dice.below(bytes.len());
            bytes.swap(place, other);
            "reordered"
        }
        6 => {
            bytes = fs::read(data.join(&lab.blobs[dice.below(lab.blobs.len())].0)).unwrap();
            "another's"
        }
        _ => {
            fs::remove_file(&file).unwrap();
            return Some(Change { what: "file gone".to_owned(), claims: claims.clone(), ..Change::default() });
        }
    };
    if bytes == fs::read(&file).unwrap() {
        return None;
    }
    fs::write(&file, bytes).unwrap();
    Some(Change { what: format!("file {what}"), claims: claims.clone(), ..Change::default() })
}

/// A bit of the database's files.
fn raw(data: &Path, dice: &mut Dice) -> Change {
    let name = dice.pick(&["claimlens.sqlite", "claimlens.sqlite-wal"]);
    let mut bytes = fs::read(data.join(name)).unwrap();
    let cut = name.ends_with("wal") && dice.below(4) == 0;
    let place = dice.below(bytes.len());
    match cut {
        true => bytes.truncate(place),
        false => bytes[place] ^= 1 << dice.below(8),
    }
    fs::write(data.join(name), bytes).unwrap();
    Change { what: format!("{name}, {}", if cut { "cut" } else { "a bit" }), anywhere: true, ..Change::default() }
}

fn wanted() -> usize {
    std::env::var("CLAIMLENS_TAMPERINGS").map_or(400, |n| n.parse().unwrap())
}

#[test]
fn every_stored_column_is_covered_or_named_as_not() {
    let lab = Lab::new();
    let trial = lab.trial(false);
    let mut stored: BTreeSet<(String, String)> = BTreeSet::new();
    lab.running.wait(async {
        let mut db = open(trial.path()).await;
        let sql = "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'";
        for row in sqlx::query(sql).fetch_all(&mut db).await.unwrap() {
            stored.insert((row.get(0), row.get(1)));
        }
        for table in TABLES {
            assert!(rows(&mut db, table).await > 0, "{} is empty", table.name);
        }
    });
    let named = |table: &str, columns: &[&str]| -> Vec<(String, String)> {
        columns.iter().map(|column| (table.to_owned(), (*column).to_owned())).collect()
    };
    let known: BTreeSet<_> = (TABLES.iter().flat_map(|t| named(t.name, t.columns)))
        .chain(UNCOVERED.iter().flat_map(|(table, columns, _)| named(table, columns)))
        .collect();
    // What sqlx notes of the migrations is no record.
    stored.retain(|(table, _)| table != "_sqlx_migrations");
    assert_eq!(stored, known);
    lab.running.wait(async {
        let url = fresh_database();
        let database = Database::Postgres(Box::new(url.parse().unwrap()));
        let kek = KekPlace::File(trial.path().join("other-kek.key"));
        Store::open(&database, &trial.path().join("other.key"), &kek).await.unwrap().close().await;
        let mut db = PgConnection::connect(&url).await.unwrap();
        let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns \
                   WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'";
        let there: BTreeSet<(String, String)> =
            sqlx::query_as(sql).fetch_all(&mut db).await.unwrap().into_iter().collect();
        let counters = |(table, _): &(String, String)| table == "sqlite_sequence";
        assert_eq!(there, known.into_iter().filter(|column| !counters(column)).collect());
    });
}

#[test]
#[expect(clippy::print_stdout, reason = "it measures")]
fn every_tampering_is_found_and_located_and_clean_copies_hold() {
    let lab = Lab::new();
    let (last, mut dice) = (lab.notes.len() - 1, Dice(ChaCha8Rng::seed_from_u64(6)));
    let wanted = wanted();
    for _ in 0..wanted / 10 {
        let step = dice.below(lab.notes.len());
        assert_eq!(lab.verify(lab.trial(false).path(), &lab.held(step)), Some(Vec::new()));
    }
    let bent = lab.dir.path().join("bent");
    fs::create_dir(&bent).unwrap();
    // Three in ten are changes of packs: see below.
    let (mut tried, mut without_meaning, mut unlocated) = (BTreeMap::<&str, usize>::new(), 0, 0);
    let mut unopened = 0;
    let mut packs = 0;
    while tried.values().sum::<usize>() < wanted * 7 / 10 {
        let class = dice.below(100);
        let trial = lab.trial((55..65).contains(&class));
        let data = trial.path();
        let mut held = lab.held(last);
        let mut stolen = None;
        let (name, change) = lab.running.wait(async {
            let mut db = open(data).await;
            let made = match class {
                0..35 => ("a bit of a value", flip(&mut db, &mut dice).await),
                35..40 => ("a row gone", delete(&mut db, &mut dice).await),
                40..48 => ("a row more", insert(&mut db, &mut dice).await),
                48..55 => ("rows exchanged", exchange(&mut db, &mut dice).await),
                55..65 => ("a photo's file", blob(data, &mut dice, &lab)),
                65..75 => (
                    "log rewritten, not signed",
                    rewrite(&mut db, &mut dice, &lab, Signed::Nobody).await.map(|(c, _)| c),
                ),
                75..80 => (
                    "log rewritten, signed by another key",
                    rewrite(&mut db, &mut dice, &lab, Signed::Stranger).await.map(|(c, _)| c),
                ),
                80..88 => {
                    let made = rewrite(&mut db, &mut dice, &lab, Signed::Thief).await;
                    stolen = made.as_ref().map(|(_, first)| *first);
                    ("log rewritten, signed by the stolen key", made.map(|(change, _)| change))
                }
                88..90 => {
                    let step = dice.below(last);
                    let later = step + 1 + dice.below(last - step);
                    held = lab.held(later);
                    db.close().await.unwrap();
                    fs::remove_file(data.join("claimlens.sqlite-wal")).unwrap_or_default();
                    fs::copy(lab.old(step), data.join("claimlens.sqlite")).unwrap();
                    return (
                        "put back behind a held checkpoint",
                        Some(Change { what: format!("{step} for {later}"), anywhere: true, ..Change::default() }),
                    );
                }
                90..92 => {
                    let mut note = held.note.take().unwrap().into_bytes();
                    let place = dice.below(note.len());
                    note[place] ^= 1 << dice.below(8);
                    held.note = Some(String::from_utf8_lossy(&note).into_owned());
                    (
                        "a bit of the held checkpoint",
                        Some(Change { what: format!("byte {place}"), ..Change::default() }),
                    )
                }
                _ => {
                    db.close().await.unwrap();
                    // What the copy's own opening left, so that the file is as it was.
                    for file in ["claimlens.sqlite", "claimlens.sqlite-wal"] {
                        fs::copy(lab.base().join(file), data.join(file)).unwrap();
                    }
                    return ("a bit of the database's files", Some(raw(data, &mut dice)));
                }
            };
            db.close().await.unwrap();
            made
        });
        let Some(change) = change else { continue };
        let is_raw = name == "a bit of the database's files";
        if is_raw && lab.running.wait(rows_of(data)).is_ok_and(|rows| rows == lab.whole) {
            without_meaning += 1;
            continue;
        }
        if let Some(first) = stolen {
            // Whoever holds a checkpoint from before the change, or none, sees a log that is sound and signed.
            let (step, _) =
                lab.notes.iter().enumerate().find(|(_, n)| lab.public.open(n).unwrap().size >= first).unwrap();
            held = lab.held(step + dice.below(last + 1 - step));
            assert!(!is_kept_by_witness(&lab, data, &held), "{change:?}");
        }
        let faults = lab.verify(data, &held);
        assert_ne!(faults, Some(Vec::new()), "{name}: {change:?}");
        if is_raw && faults.is_none() {
            // SQLite cannot read the tables' definitions, and names the one.
            unopened += 1;
            *tried.entry(name).or_default() += 1;
            continue;
        }
        let faults = faults.unwrap_or_default();
        if name == "a bit of the held checkpoint" {
            assert!(faults.iter().any(|f| f.kind == FaultKind::CheckpointDiffers), "{faults:?}");
        } else if is_raw {
            unlocated += usize::from(!change.is_located_by(&faults));
        } else {
            assert!(change.is_located_by(&faults), "{name}, {}: {change:?}: {faults:?}", change.what);
        }
        if let Some(claim) = &change.pack {
            let pack = lab.running.wait(async {
                let records = Records::open_existing(data).await.unwrap();
                let pack = records.evidence_pack(&claim.parse().unwrap()).await;
                records.close().await;
                pack
            });
            // What is no record any more cannot be exported.
            if let Ok(pack) = pack {
                packs += 1;
                fs::write(bent.join(format!("{packs}.json")), pack.to_string()).unwrap();
            }
        }
        *tried.entry(name).or_default() += 1;
    }
    for (name, n) in &tried {
        println!("{n:6} {name}");
    }
    println!(
        "all found; not located: {unlocated} of the bits in files; with {unopened} the records do not open; \
         {without_meaning} of these changed nothing stored"
    );
    println!("{} clean copies, none with a fault", wanted / 10);
    let mut arguments = vec![bent.into_os_string().into_string().unwrap()];
    println!("{}", packs_script(&lab, "--all-bent", &arguments));
    let whole = lab.dir.path().join("packs");
    fs::create_dir(&whole).unwrap();
    lab.running.wait(async {
        let trial = lab.trial(false);
        let records = Records::open_existing(trial.path()).await.unwrap();
        let mut db = open(trial.path()).await;
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM claims").fetch_all(&mut db).await.unwrap();
        for id in ids {
            let pack = records.evidence_pack(&id.parse().unwrap()).await.unwrap();
            fs::write(whole.join(format!("{id}.json")), serde_json::to_string_pretty(&pack).unwrap()).unwrap();
        }
        records.close().await;
    });
    arguments = vec![whole.into_os_string().into_string().unwrap(), (wanted * 3 / 10).to_string()];
    println!("{}", packs_script(&lab, "--bend", &arguments));
    assert!(lab.entries > 15 && packs > 0);
}

/// One value or row changed in PostgreSQL.
async fn change_postgres(db: &mut PgConnection, dice: &mut Dice) -> Option<Change> {
    let table = &TABLES[dice.below(TABLES.len())];
    let (name, column) = (table.name, dice.pick(table.columns));
    let places = sqlx::query_scalar(AssertSqlSafe(format!("SELECT ctid::text FROM {name} ORDER BY ctid")));
    let places: Vec<String> = places.fetch_all(&mut *db).await.unwrap();
    let row = format!("ctid = '{}'", places[dice.below(places.len())]);
    let place = format!("SELECT CAST({} AS TEXT) FROM {name} WHERE {row}", table.place);
    let place: Option<String> = sqlx::query_scalar(AssertSqlSafe(place)).fetch_one(&mut *db).await.unwrap();
    let mut change = Change { what: format!("{name}.{column}"), ..Change::default() };
    change.place(name, place);
    if dice.below(8) == 0 {
        change.what = format!("a row of {name} gone");
        db.execute(AssertSqlSafe(format!("DELETE FROM {name} WHERE {row}"))).await.unwrap();
        return Some(change);
    }
    let value = format!("SELECT pg_typeof({column})::text, {column}::text FROM {name} WHERE {row}");
    let (kind, value): (String, Option<String>) =
        sqlx::query_as(AssertSqlSafe(value)).fetch_one(&mut *db).await.unwrap();
    let new = match (kind.as_str(), value) {
        ("bigint", None) => "1".to_owned(),
        ("bigint", Some(number)) => (number.parse::<i64>().unwrap() ^ (1_i64 << dice.below(48))).to_string(),
        // In hex, after the sign for it.
        ("bytea", Some(hex)) if hex.len() > 2 => {
            let mut digits = hex.into_bytes();
            let at = 2 + dice.below(digits.len() - 2);
            digits[at] = if digits[at] == b'0' { b'1' } else { b'0' };
            format!("'{}'", String::from_utf8(digits).unwrap())
        }
        ("text", Some(text)) if !text.is_empty() => {
            let mut letters: Vec<char> = text.chars().collect();
            let at = dice.below(letters.len());
            letters[at] = if letters[at] == 'a' { 'b' } else { 'a' };
            format!("'{}'", letters.into_iter().collect::<String>().replace('\'', "''"))
        }
        ("text" | "bytea", None) => "'61'".to_owned(),
        _ => return None,
    };
    // What a constraint refuses changes nothing.
    let done = db.execute(AssertSqlSafe(format!("UPDATE {name} SET {column} = {new} WHERE {row}"))).await;
    done.ok().map(|_| change)
}

#[test]
#[expect(clippy::print_stdout, reason = "it measures")]
fn every_tampering_in_postgresql_is_found_and_located() {
    let (dir, url) = (tempfile::tempdir().unwrap(), fresh_database());
    let place = Place { database: Some(url.parse().unwrap()), ..Place::from(dir.path()) };
    let (running, notes, public) = fill(&place, None);
    let (mut dice, held) =
        (Dice(ChaCha8Rng::seed_from_u64(7)), Noted { note: notes.last().cloned(), key: Some(public) });
    let (wanted, mut found, mut clean) = (wanted() / 10, 0, 0);
    running.wait(async {
        let records = Records::open_existing(place).await.unwrap();
        let mut db = PgConnection::connect(&url).await.unwrap();
        db.execute("SET session_replication_role = replica").await.unwrap();
        for table in TABLES {
            let copy = format!("CREATE TEMP TABLE old_{0} AS TABLE {0}", table.name);
            db.execute(AssertSqlSafe(copy)).await.unwrap();
        }
        while found < wanted {
            if let Some(change) = change_postgres(&mut db, &mut dice).await {
                let faults = records.audit_verify(&held).await.unwrap().faults;
                assert!(change.is_located_by(&faults), "{change:?}: {faults:?}");
                found += 1;
            }
            for table in TABLES {
                let back =
                    format!("DELETE FROM {0}; INSERT INTO {0} OVERRIDING SYSTEM VALUE TABLE old_{0}", table.name);
                sqlx::raw_sql(AssertSqlSafe(back)).execute(&mut db).await.unwrap();
            }
            if found % 10 == 0 {
                assert_eq!(records.audit_verify(&held).await.unwrap().faults, []);
                clean += 1;
            }
        }
        records.close().await;
    });
    println!(
        "{found} changes of values and rows in PostgreSQL, all found and located; {clean} times none, and none told"
    );
}

/// What `audit witness` asks and decides, before it would keep the newest checkpoint in the place of the held one.
fn is_kept_by_witness(lab: &Lab, data: &Path, held: &Noted) -> bool {
    lab.running.wait(async {
        let records = Records::open_existing(data).await.unwrap();
        let (note, _) = records.audit_checkpoint().await.unwrap();
        let (kept, now) = (lab.public.open(held.note.as_ref().unwrap()).unwrap(), lab.public.open(&note).unwrap());
        let proof = records.consistency(kept.size, now.size).await.unwrap();
        records.close().await;
        let hashes =
            proof.map(|hashes| hashes.iter().map(|h| claimlens::audit::note::from_base64(h).unwrap()).collect());
        hashes.is_some_and(|hashes: Vec<_>| merkle::continues((kept.size, kept.root), (now.size, now.root), &hashes))
    })
}

/// What the second verifier, in Python, makes of packs.
fn packs_script(lab: &Lab, how: &str, arguments: &[String]) -> String {
    let public = lab.dir.path().join("log.pub");
    fs::write(&public, lab.public.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/faults/packs.py");
    let output = Command::new("python3").arg("-B").arg(script).arg(public).arg(how).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
