//! Reading everything that is stored in bounded pieces, for verification: nothing is trusted, and no piece is kept.

use super::gate::RawOutcome;
use super::vault::RawErasure;
use super::{Fingerprint, RawClaim, RawDecision, RawPhoto, Snapshot, StoreError};
use crate::audit::merkle::Nodes;
use crate::audit::{self, BLOCK, Entry, Sealed};
use crate::domain::ContentHash;
use async_trait::async_trait;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

/// Entries of one block, in order, with the nodes stored of it.
#[derive(Debug)]
pub struct LogBlock {
    /// At least one.
    pub entries: Vec<Entry>,
    /// Nodes of the block's subtree; those whose hash is none are left out.
    pub nodes: Nodes,
}

/// Names from one to another, in the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Where they begin.
    pub from: Bound<Vec<u8>>,
    /// Where they end.
    pub to: Bound<Vec<u8>>,
}

impl Names {
    /// This name alone.
    pub fn one(name: &str) -> Self {
        let bound = || Bound::Included(name.as_bytes().to_vec());
        Self { from: bound(), to: bound() }
    }

    /// Those of them that a claim can have; `None` if there are none.
    fn of_claims(&self) -> Option<Self> {
        let [first, end] = audit::CLAIMS.map(str::as_bytes);
        let from = match &self.from {
            Bound::Included(name) | Bound::Excluded(name) if name.as_slice() >= first => self.from.clone(),
            _ => Bound::Included(first.to_vec()),
        };
        let to = match &self.to {
            Bound::Included(name) | Bound::Excluded(name) if name.as_slice() < end => self.to.clone(),
            _ => Bound::Excluded(end.to_vec()),
        };
        let (Bound::Included(first) | Bound::Excluded(first), Bound::Included(last) | Bound::Excluded(last)) =
            (&from, &to)
        else {
            return None;
        };
        (first <= last).then_some(Self { from, to })
    }
}

/// What the log says of a claim, in one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The entry's number.
    pub seq: u64,
    /// When.
    pub at: String,
    /// One of [`audit::kind`].
    pub kind: String,
    /// Canonical JSON of hashes.
    pub payload: String,
}

/// Claims of a range of names, and everything stored under names of that range.
#[derive(Debug, Default)]
pub struct ClaimBatch {
    /// The claims, each with what the log says of it, in order.
    pub claims: Vec<(RawClaim, Vec<Said>)>,
    /// Claims that the log speaks of and that are not stored, with the first entry of each.
    pub unstored: Vec<(String, u64)>,
    /// Claims that other rows name and that are not stored: with foreign keys enforced, only tampering makes them.
    pub strays: BTreeSet<String>,
}

/// A row with the bytes of the claim's name that it bears.
pub(super) type Named<T> = (Vec<u8>, T);

/// A job as far as it is verified: the time that it decides its claim as of.
pub(super) type RawJob = Option<String>;

/// A document's mark.
#[derive(Debug)]
pub(super) struct RawMark {
    pub(super) document: i64,
    pub(super) mark: String,
}

/// Rows for verification, within one transaction. Ranges are of names; lists come by name, and within one in the order
/// that is given here. Damaged text is given as far as it is text.
#[async_trait]
pub(super) trait Walk: Send {
    /// From now on the transaction is left alone for as long as it takes.
    async fn take_time(&mut self) -> Result<(), StoreError>;

    /// The least number of an entry from this one on.
    async fn next_entry(&mut self, from: i64) -> Result<Option<i64>, StoreError>;
    /// Those of a level from the first to the last, both included. Rows that no node can have are left out, here and in
    /// the next.
    async fn nodes_between(&mut self, level: u32, from: i64, to: i64) -> Result<Nodes, StoreError>;
    /// Those of all levels above this one.
    async fn nodes_above(&mut self, level: u32) -> Result<Nodes, StoreError>;
    /// How many rows of nodes there are.
    async fn count_nodes(&mut self) -> Result<i64, StoreError>;

    /// Names of claims from here on, in order.
    async fn claim_names(&mut self, from: &Bound<Vec<u8>>, limit: usize) -> Result<Vec<Vec<u8>>, StoreError>;
    /// What the log speaks of, from here on, in order.
    async fn subjects(&mut self, names: &Names, limit: usize) -> Result<Vec<Vec<u8>>, StoreError>;
    /// Claims with nothing that hangs on them.
    async fn claims_in(&mut self, names: &Names) -> Result<Vec<Named<RawClaim>>, StoreError>;
    async fn jobs_in(&mut self, names: &Names) -> Result<Vec<Named<RawJob>>, StoreError>;
    /// In order.
    async fn photos_in(&mut self, names: &Names) -> Result<Vec<Named<RawPhoto>>, StoreError>;
    /// In order.
    async fn decisions_in(&mut self, names: &Names) -> Result<Vec<Named<RawDecision>>, StoreError>;
    /// Hashes of key and body, by key.
    async fn keys_in(&mut self, names: &Names) -> Result<Vec<Named<[String; 2]>>, StoreError>;
    async fn outcomes_in(&mut self, names: &Names) -> Result<Vec<Named<RawOutcome>>, StoreError>;
    /// Without their marks, by document.
    async fn prints_in(&mut self, names: &Names) -> Result<Vec<Named<Fingerprint>>, StoreError>;
    async fn marks_in(&mut self, names: &Names) -> Result<Vec<Named<RawMark>>, StoreError>;
    /// Wrapped data keys.
    async fn wrapped_in(&mut self, names: &Names) -> Result<Vec<Named<Vec<u8>>>, StoreError>;
    async fn erasures_in(&mut self, names: &Names) -> Result<Vec<Named<RawErasure>>, StoreError>;
    /// In order.
    async fn said_in(&mut self, names: &Names) -> Result<Vec<Named<Said>>, StoreError>;

    /// Those of these hashes by which a photo or a page is stored.
    async fn photos_named(&mut self, hashes: &[String]) -> Result<Vec<String>, StoreError>;
}

impl Snapshot {
    /// From now on it may be left alone for as long as it takes.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn take_time(&mut self) -> Result<(), StoreError> {
        self.db.take_time().await
    }

    /// The first entries from number `from` on, all of one block.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn block_from(&mut self, from: i64) -> Result<Option<LogBlock>, StoreError> {
        let Some(first) = self.db.next_entry(from).await? else { return Ok(None) };
        let block = u64::try_from(first).ok().and_then(audit::block_of);
        let most = first.saturating_add((1 << BLOCK) - 1);
        let last = match block {
            Some(block) => most.min(((block + 1) << BLOCK) as i64),
            None if first < 1 => most.min(0),
            None => most,
        };
        let entries = self.db.entries(first, last).await?;
        let mut nodes = Nodes::new();
        for level in block.iter().flat_map(|_| 0..=BLOCK) {
            let from = (block.unwrap_or_default() << (BLOCK - level)) as i64;
            nodes.extend(self.db.nodes_between(level, from, from + (1 << (BLOCK - level)) - 1).await?);
        }
        Ok(Some(LogBlock { entries, nodes }))
    }

    /// What is kept of the log beside entries and blocks.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn sealed(&mut self) -> Result<Sealed, StoreError> {
        let (upper, stored) = (self.db.nodes_above(BLOCK).await?, self.db.count_nodes().await? as u64);
        let Some(head) = self.db.head().await? else { return Ok(Sealed { upper, stored, ..Sealed::default() }) };
        Ok(Sealed { head: Some(head.checkpoint), upper, stored, note: head.note, public_key: head.public_key })
    }

    /// The range of the next names that claims are stored under, or that the log speaks of, from here on: `limit` of
    /// them, and without an end once there are fewer.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn next_names(&mut self, from: Bound<Vec<u8>>, limit: usize) -> Result<Names, StoreError> {
        let mut found = BTreeSet::from_iter(self.db.claim_names(&from, limit).await?);
        let mut names = Names { from, to: Bound::Unbounded };
        if let Some(of_claims) = names.of_claims() {
            found.extend(self.db.subjects(&of_claims, limit).await?);
        }
        if let Some(last) = found.into_iter().nth(limit.saturating_sub(1)) {
            names.to = Bound::Included(last);
        }
        Ok(names)
    }

    /// Names of claims in a range, in order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn names_in(&mut self, names: &Names) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(self.db.claims_in(names).await?.into_iter().map(|(name, _)| name).collect())
    }

    /// All claims of these names with all that hangs on them, as stored; [`Store::open_raw`](super::Store::open_raw) opens
    /// what is sealed.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn claims_in(&mut self, names: &Names) -> Result<ClaimBatch, StoreError> {
        let db = self.db.as_mut();
        let mut batch = Gathered::default();
        for (name, claim) in db.claims_in(names).await? {
            batch.places.insert(name, batch.out.claims.len());
            batch.out.claims.push((claim, Vec::new()));
        }
        batch.hang(db.jobs_in(names).await?, |claim, now| (claim.job, claim.job_now) = (true, now));
        batch.hang(db.photos_in(names).await?, |claim, photo| claim.photos.push(photo));
        batch.hang(db.decisions_in(names).await?, |claim, decision| claim.decisions.push(decision));
        batch.hang(db.keys_in(names).await?, |claim, key| claim.keys.push(key));
        batch.hang(db.outcomes_in(names).await?, |claim, outcome| claim.outcome = Some(outcome));
        batch.hang(db.prints_in(names).await?, |claim, print| claim.fingerprints.push(print));
        batch.hang(db.marks_in(names).await?, |claim, RawMark { document, mark }| {
            match claim.fingerprints.iter_mut().find(|print| print.document == document) {
                Some(print) => drop(print.marks.insert(mark)),
                None => claim.fingerprints.push(stray_mark(document, mark)),
            }
        });
        batch.hang(db.reads_in(names).await?, |claim, read| claim.reads.push(read));
        batch.hang(db.steps_in(names).await?, |claim, step| claim.steps.push(step));
        batch.hang(db.cases_in(names).await?, |claim, case| claim.case = Some(case));
        batch.hang(db.wrapped_in(names).await?, |claim, wrapped| claim.wrapped = Some(wrapped));
        batch.hang(db.erasures_in(names).await?, |claim, erasure| claim.erasure = Some(erasure));
        let Some(names) = names.of_claims() else { return Ok(batch.out) };
        for (name, said) in db.said_in(&names).await? {
            match batch.places.get(&name) {
                Some(place) => batch.out.claims[*place].1.push(said),
                None => {
                    let name = String::from_utf8_lossy(&name).into_owned();
                    if batch.out.unstored.last().is_none_or(|(last, _)| *last != name) {
                        batch.out.unstored.push((name, said.seq));
                    }
                }
            }
        }
        Ok(batch.out)
    }

    /// A claim with all that hangs on it, opened; `None` if it is not stored.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn claim(&mut self, id: &str) -> Result<Option<RawClaim>, StoreError> {
        let mut found = self.claims_in(&Names::one(id)).await?.claims.pop().map(|(claim, _)| claim);
        found.iter_mut().for_each(|claim| self.vault.open_raw(claim));
        Ok(found)
    }

    /// Those of these hashes by which no photo and no page is stored.
    ///
    /// # Errors
    /// If it cannot be told.
    pub async fn unnamed(&mut self, hashes: &[String]) -> Result<usize, StoreError> {
        let named = BTreeSet::from_iter(self.db.photos_named(hashes).await?);
        Ok(hashes.iter().filter(|hash| !named.contains(*hash)).count())
    }
}

/// A batch while it is read.
#[derive(Default)]
struct Gathered {
    /// Where each claim stands, by its name's bytes.
    places: HashMap<Vec<u8>, usize>,
    out: ClaimBatch,
}

impl Gathered {
    /// Hands each row to the claim that it names.
    fn hang<T>(&mut self, rows: Vec<Named<T>>, take: impl Fn(&mut RawClaim, T)) {
        for (name, row) in rows {
            match self.places.get(&name) {
                Some(place) => take(&mut self.out.claims[*place].0, row),
                None => drop(self.out.strays.insert(String::from_utf8_lossy(&name).into_owned())),
            }
        }
    }
}

/// Those of the rows that can be nodes: their level, place and hash.
pub(super) fn nodes_of(rows: Vec<(i64, i64, Vec<u8>)>) -> Nodes {
    let node = |(level, i, hash): (i64, i64, Vec<u8>)| {
        Some(((level.try_into().ok()?, i.try_into().ok()?), ContentHash(hash.try_into().ok()?)))
    };
    rows.into_iter().filter_map(node).collect()
}

/// A mark of a document that is none: a fingerprint that no record can have.
fn stray_mark(document: i64, mark: String) -> Fingerprint {
    Fingerprint {
        document,
        sha256: String::new(),
        picture_hash: None,
        family: None,
        code: None,
        number: None,
        issued: None,
        issuer: None,
        marks: BTreeSet::from([mark]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::kind;
    use crate::domain::ClaimId;
    use crate::service::{Noted, Records};
    use crate::store::log::Draft;
    use crate::store::{Blobs, ClaimKey, Database, KekPlace, NewClaim, PhotoRow, Store};
    use std::time::Instant;

    #[test]
    fn a_range_of_names_is_cut_to_those_of_claims() {
        let name = |text: &str| text.as_bytes().to_vec();
        let names = |from, to| Names { from, to };
        let all = names(Bound::Unbounded, Bound::Unbounded).of_claims().unwrap();
        assert_eq!(all, names(Bound::Included(name("clm_")), Bound::Excluded(name("clm`"))));
        let some = names(Bound::Excluded(name("clm_3")), Bound::Included(name("clm_5")));
        assert_eq!(some.of_claims().unwrap(), some);
        let wide = names(Bound::Excluded(name("a")), Bound::Included(name("z")));
        assert_eq!(wide.of_claims().unwrap(), all);
        for (from, to) in [("d", "e"), ("a", "b")] {
            assert_eq!(names(Bound::Excluded(name(from)), Bound::Included(name(to))).of_claims(), None);
        }
    }

    /// Seconds of processor time used so far, and the most memory held, in MB.
    fn used() -> (f64, u64) {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let ticks: Vec<f64> = stat.rsplit(')').next().unwrap().split(' ').filter_map(|n| n.parse().ok()).collect();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        // Fields 14 and 15, of which the first numeric is 4; a tick is a hundredth of a second.
        ((ticks[10] + ticks[11]) / 100.0, peak.trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024)
    }

    /// `cargo test --release --lib a_million_entries -- --ignored --nocapture`; `CLAIMLENS_ENTRIES` tries with fewer.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "appends a million entries and verifies them"]
    #[expect(clippy::print_stdout, reason = "it measures")]
    async fn a_million_entries_are_appended_and_verified_in_a_minute() {
        const AT: &str = "2026-01-01T00:00:00.000Z";
        let entries = std::env::var("CLAIMLENS_ENTRIES").map_or(1_000_000, |n| n.parse::<u64>().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let photo = Blobs::open(&dir.path().join("photos")).unwrap().put(b"made up").unwrap();
        let database = Database::Sqlite(dir.path().join("claimlens.sqlite"));
        let kek = KekPlace::File(dir.path().join("kek.key"));
        let store = Store::open(&database, &dir.path().join("log.key"), &kek).await.unwrap();
        let claim = |n: u64| NewClaim {
            id: ClaimId::new(n, [0; 10]),
            created_at: AT.to_owned(),
            tenant: crate::domain::Tenant::default(),
            claim: None,
            salt: [7; 16],
            seal: ClaimKey::new(&ClaimId::new(n, [0; 10])),
            photos: vec![PhotoRow {
                source: "a".to_owned(),
                sha256: photo,
                blob: photo,
                seal: None,
                bytes: 7,
                media_type: "b".to_owned(),
                pdf_page: None,
                page: None,
            }],
            key: None,
            now: None,
            taken: None,
            known: None,
        };
        let (begun, mut accepting) = (Instant::now(), 0.0);
        for batch in 0..entries / 1000 {
            // As they come over HTTP: at once, and so together.
            let started = Instant::now();
            let mut uploads = tokio::task::JoinSet::new();
            for n in batch * 500..(batch + 1) * 500 {
                let (store, claim) = (store.clone(), claim(n));
                uploads.spawn(async move { store.accept(claim).await.unwrap() });
            }
            uploads.join_all().await;
            accepting += started.elapsed().as_secs_f64();
            // No decision can be made of any of them.
            let mut db = store.write().await.unwrap();
            let ids: Vec<ClaimId> = (batch * 500..(batch + 1) * 500).map(|n| ClaimId::new(n, [0; 10])).collect();
            let payload = || crate::audit::failed_payload("judging_panicked");
            let draft = |id| Draft { at: AT, kind: kind::FAILED, subject: ClaimId::as_str(id), payload: payload() };
            store.log.append(db.as_mut(), ids.iter().map(draft).collect()).await.unwrap();
            for id in &ids {
                db.finish(id.as_str(), "failed").await.unwrap();
            }
            db.commit().await.unwrap();
        }
        let wall = begun.elapsed().as_secs_f64();
        let (cpu, memory) = used();
        println!("{entries} entries appended: {:.0} a second", entries as f64 / wall);
        println!("of them uploads, 500 sent at once: {:.0} a second", entries as f64 / 2.0 / accepting);
        let (note, key) = store.signed_head().await.unwrap();
        store.close().await;
        let size = std::fs::metadata(dir.path().join("claimlens.sqlite")).unwrap().len() >> 20;
        println!("{wall:.0} s, {cpu:.0} s of processor time, at most {memory} MB; the database has {size} MB");

        let records = Records::open_existing(dir.path()).await.unwrap();
        let longest = entries.next_power_of_two() / 2 - 1;
        let proof = records.proof(longest).await.unwrap().unwrap();
        assert_eq!(proof.check(&key).unwrap().size, entries);
        let bytes = proof.to_string().len();
        println!("a proof has {} hashes and {bytes} bytes", proof.hashes.len());
        assert!(bytes < 5 * 1024);

        let begun = Instant::now();
        let report = records.audit_verify(&Noted { note: Some(note), key: Some(key) }).await.unwrap();
        let wall = begun.elapsed().as_secs_f64();
        let (after, memory) = used();
        assert_eq!((report.faults, report.entries, report.claims), (Vec::new(), entries, entries / 2));
        println!("verified in {wall:.1} s, {:.1} s of processor time, at most {memory} MB", after - cpu);
    }
}
