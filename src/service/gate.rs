//! The gate of automatic approval: what people say of single approvals closes it, and only a person opens it again.
//!
//! The certificate bears out a bound β on the share of approvals that are wrong. Without a single wrong one, so much is borne
//! out at 95 % by n₀ = ⌈ln 20 / β⌉ approvals, and for that many the certificate counts. When of n audited claims k were wrong,
//! the live bound is the exact one-sided upper 95 % limit (Clopper and Pearson 1934) on k wrong among n + n₀: the share p at
//! which k or fewer would be seen with probability 5 %. It starts at or below β. Once it is above the policy's limit the gate
//! closes, and stays closed however good later outcomes are, until a person opens it. Outcomes from before that no longer count.

use super::work::stamp;
use super::{Records, ServiceError};
use crate::decision::Policy;
use crate::domain::ClaimId;
use crate::domain::gate::{Gate, Reviewer, Why};
use crate::models::{Certificate, RiskModel, upper, upper_is_above};
use crate::store::gate::GateRows;
use crate::store::{AuditedOutcome, Standing, StoreError};
use jiff::Timestamp;
use serde::Serialize;

/// How surely the bound holds: wrong with this probability.
const DELTA: f64 = 0.05;

/// Shares of wrong approvals for which [`GateView`] tells how soon they close the gate, in millionths.
const FORETOLD_PPM: [u32; 4] = [20_000, 50_000, 100_000, 200_000];

/// The most wrong outcomes that are looked ahead for; a share that takes more of them is at the limit itself.
const MOST_WRONG: u64 = 1 << 12;

/// Why an outcome or a reopening cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GateRefusal {
    /// The claim was neither approved nor held back by lot alone.
    #[error("only a claim that was approved, or would have been but for the lot, has an outcome that counts")]
    NotAnApproval,
    /// Another outcome of the claim is recorded.
    #[error("another outcome of this claim is recorded, and the first one counts")]
    OutcomeRecorded,
    /// The gate is open.
    #[error("automatic approval is open")]
    Open,
}

/// What the live bound is made of, and held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Clean approvals that the certificate is worth, n₀.
    pub clean: u64,
    /// The policy's limit on wrong approvals, millionths.
    pub limit_ppm: u32,
}

impl Terms {
    /// Those of a policy; `None` if the certificate bears out nothing that keeps to it, and so nothing is approved.
    pub fn of(policy: &Policy) -> Option<Self> {
        let limit_ppm = policy.wrong_approvals_ppm();
        let certificate = Certificate::in_force();
        certificate.step(RiskModel::in_force(), limit_ppm).map(|step| Self::new(step.bound_ppm, limit_ppm))
    }

    /// Those of an earned bound and a limit, both in millionths.
    pub fn new(bound_ppm: u32, limit_ppm: u32) -> Self {
        Self { clean: (20_f64.ln() * 1e6 / f64::from(bound_ppm.max(1))).ceil() as u64, limit_ppm }
    }

    /// The live bound as a share, after `audited` outcomes of which `wrong` were wrong.
    pub fn bound(&self, wrong: u64, audited: u64) -> f64 {
        upper(wrong, audited + self.clean, DELTA)
    }

    /// Whether that bound is above the limit.
    pub fn are_broken(&self, wrong: u64, audited: u64) -> bool {
        upper_is_above(f64::from(self.limit_ppm) / 1e6, wrong, audited + self.clean, DELTA)
    }

    /// How many more outcomes close the gate at the earliest, which is when all of them are wrong.
    pub fn left(&self, wrong: u64, audited: u64) -> Option<u64> {
        (0..=MOST_WRONG).find(|more| self.are_broken(wrong + more, audited + more))
    }

    /// After how many audits from none on the gate closes if every (1/share)th is wrong: the first n = ⌈k / share⌉ at which
    /// k wrong ones are too many. `None` if it does not: the share keeps to the limit, or nearly.
    pub fn closes_after(&self, wrong_ppm: u32) -> Option<u64> {
        let audited = |wrong: u64| (wrong * 1_000_000).div_ceil(u64::from(wrong_ppm.max(1)));
        (1..=MOST_WRONG).find(|wrong| self.are_broken(*wrong, audited(*wrong))).map(audited)
    }
}

/// The gate, as shown. Shares, not per cent.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct GateView {
    /// `open` or `closed`.
    pub state: Gate,
    /// Since when, RFC 3339 in UTC; `null` if it never closed.
    pub since: Option<String>,
    /// Audited claims that count: those since the last reopening.
    pub audited: u64,
    /// Of them wrong to approve.
    pub wrong: u64,
    /// The live bound on the share of approvals that are wrong; `null` if the certificate bears out nothing.
    pub bound: Option<f64>,
    /// How surely it holds.
    pub confidence: f64,
    /// The policy's limit, above which the bound closes the gate.
    pub limit: f64,
    /// Clean approvals that the certificate counts for.
    pub clean_sample: Option<u64>,
    /// The fewest further outcomes that may close it, all of them wrong; 0 if it is closed.
    pub outcomes_left: Option<u64>,
    /// How soon it closes, by share of wrong approvals.
    pub closes_after: Vec<ClosesAfter>,
}

/// How soon a share of wrong approvals closes the gate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ClosesAfter {
    /// The share.
    pub wrong_share: f64,
    /// Audits from none on; `null` if so few wrong ones do not close it.
    pub audits: Option<u64>,
}

impl GateView {
    fn of(standing: Standing, policy: &Policy) -> Self {
        let terms = Terms::of(policy);
        let Standing { state, since, audited, wrong } = standing;
        let share = |ppm: u32| f64::from(ppm) / 1e6;
        let foretold = |terms: Terms| {
            FORETOLD_PPM.map(|ppm| ClosesAfter { wrong_share: share(ppm), audits: terms.closes_after(ppm) }).to_vec()
        };
        Self {
            state,
            since,
            audited,
            wrong,
            bound: terms.map(|terms| terms.bound(wrong, audited)),
            confidence: 1.0 - DELTA,
            limit: share(policy.wrong_approvals_ppm()),
            clean_sample: terms.map(|terms| terms.clean),
            outcomes_left: match state {
                Gate::Closed => Some(0),
                Gate::Open => terms.and_then(|terms| terms.left(wrong, audited)),
            },
            closes_after: terms.map(foretold).unwrap_or_default(),
        }
    }
}

/// Where the gate stands, after closing it if what was audited breaks the terms: also those of a policy that is new.
pub(super) async fn settle(gate: &mut GateRows<'_>, policy: &Policy, at: &str) -> Result<Standing, StoreError> {
    let standing = gate.standing().await?;
    let Standing { state, audited, wrong, .. } = standing;
    match Terms::of(policy) {
        Some(terms) if state == Gate::Open && terms.are_broken(wrong, audited) => {
            let bound_ppm = (terms.bound(wrong, audited) * 1e6).ceil() as i64;
            gate.close([audited as i64, wrong as i64, bound_ppm, i64::from(terms.limit_ppm)], at).await?;
            tracing::error!(
                audited,
                wrong,
                bound_ppm,
                "automatic approval is closed: audited outcomes break the limit"
            );
            gate.standing().await
        }
        _ => Ok(standing),
    }
}

impl Records {
    /// The gate by a policy's limit.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn gate(&self, policy: &Policy) -> Result<GateView, ServiceError> {
        Ok(GateView::of(self.store.gate_standing().await?, policy))
    }

    /// Records what a person said of an approval, and closes the gate if that is too much. The same said again changes
    /// nothing.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], a [`GateRefusal`], or the store's.
    pub async fn record_outcome(
        &self,
        id: &ClaimId,
        said: &AuditedOutcome,
        policy: &Policy,
    ) -> Result<GateView, ServiceError> {
        let mut tx = self.store.begin_gate().await?;
        let at = stamp(Timestamp::now());
        let mut gate = tx.gate();
        let claim = gate.auditable(id).await?.ok_or(ServiceError::NotFound)?;
        if claim.erased {
            return Err(ServiceError::Erased);
        }
        match &claim.outcome {
            Some(before) if *before == [said.outcome.as_str(), said.source.as_str(), said.by.as_str()] => {}
            Some(_) => return Err(GateRefusal::OutcomeRecorded.into()),
            None if claim.record.as_ref().is_some_and(|r| r.verdict.is_sample_of_approvals()) => {
                // A known one is answered like any other, so that whoever ruled on it cannot tell.
                if !gate.is_known(id).await? {
                    gate.keep_outcome(id, &claim, said, &at).await?;
                }
            }
            None => return Err(GateRefusal::NotAnApproval.into()),
        }
        let standing = settle(&mut gate, policy, &at).await?;
        tx.commit().await?;
        Ok(GateView::of(standing, policy))
    }

    /// Opens the gate again. Who and why is kept; outcomes recorded so far no longer count.
    ///
    /// # Errors
    /// [`GateRefusal::Open`], or the store's.
    pub async fn reopen_gate(&self, by: &Reviewer, why: &Why, policy: &Policy) -> Result<GateView, ServiceError> {
        let mut tx = self.store.begin_gate().await?;
        let mut gate = tx.gate();
        if gate.standing().await?.state == Gate::Open {
            return Err(GateRefusal::Open.into());
        }
        gate.reopen(by, why, rand::random(), &stamp(Timestamp::now())).await?;
        let standing = gate.standing().await?;
        tx.commit().await?;
        Ok(GateView::of(standing, policy))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::audit::FaultKind;
    use crate::domain::FieldName::IssuerName;
    use crate::domain::gate::{AuditSource, Audited};
    use crate::domain::result::Timing;
    use crate::domain::support::receipt;
    use crate::domain::{Bp, ContentHash, Decision, Reading, Record};
    use crate::pipeline::{ReadError, ReadOutcome};
    use crate::service::Noted;
    use crate::service::{Issuers, ReadPhotos, ReplayFrom, ReplayOf, Service, ServiceConfig, Submission, Upload};
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    /// Reads every photo as a sound receipt of a shop of its own.
    struct Receipts(BTreeMap<String, String>);

    impl ReadPhotos for Receipts {
        fn read(&self, source: &str, bytes: &[u8], _: Option<u32>) -> Result<ReadOutcome, ReadError> {
            let shop = receipt().set(IssuerName, &format!("SHOP {source}"));
            let mut reading =
                Reading { source: source.to_owned(), sha256: ContentHash::of(bytes), picture_hash: None, ..shop };
            reading.quality.sharpness = Some(Bp::ONE);
            reading.fields.values_mut().for_each(|field| field.confidence = Bp::ONE);
            Ok(ReadOutcome { reading, timing: Timing::default(), pictures: None })
        }

        fn models(&self) -> &BTreeMap<String, String> {
            &self.0
        }

        fn runtime(&self) -> &str {
            "none"
        }
    }

    /// At most 2 % wrong, of which the certificate bears out less than 1 %.
    async fn open(data: &Path) -> Service {
        open_with(data, Issuers::default()).await
    }

    pub(in crate::service) async fn open_with(data: &Path, issuers: Issuers) -> Service {
        let load: crate::service::LoadReader = Arc::new(|| Ok(Box::new(Receipts(BTreeMap::new())) as _));
        let policy = Policy::default().text().replace("wrong_approvals_ppm = 10000", "wrong_approvals_ppm = 20000");
        let config = ServiceConfig { issuers: Arc::new(issuers), ..ServiceConfig::new(data, policy, load) };
        Service::open(config).await.unwrap()
    }

    /// Decides on the receipt of `SHOP n`.
    pub(in crate::service) async fn decide(service: &Service, n: u64) -> (ClaimId, Record) {
        let photos = vec![Upload { name: format!("{n}"), bytes: n.to_le_bytes().to_vec() }];
        let now = Some("2024-06-01T02:00:00Z".parse().unwrap());
        let decided = service.submit_and_wait(Submission { claim: None, photos, now, known: None }).await.unwrap();
        (decided.id, decided.record)
    }

    /// Foreign keys off: who tampers is bound by none.
    async fn database(data: &Path) -> sqlx::SqlitePool {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(data.join("claimlens.sqlite")).foreign_keys(false);
        sqlx::SqlitePool::connect_with(options).await.unwrap()
    }

    fn reviewer() -> Reviewer {
        Reviewer::try_from("rv-1".to_owned()).unwrap()
    }

    fn why() -> Why {
        Why::try_from("张三的误判已查明".to_owned()).unwrap()
    }

    fn said(outcome: Audited) -> AuditedOutcome {
        AuditedOutcome { outcome, source: AuditSource::Sample, by: reviewer() }
    }

    #[test]
    fn the_bound_starts_below_what_was_earned_and_moves_as_the_tables_say() {
        for (bound_ppm, clean) in [(9_048, 332), (10_000, 300), (1_000, 2_996)] {
            let terms = Terms::new(bound_ppm, 20_000);
            assert_eq!(terms.clean, clean);
            assert!(terms.bound(0, 0) <= f64::from(bound_ppm) / 1e6, "{bound_ppm}");
            assert!(terms.bound(0, 500) < terms.bound(0, 0) && terms.bound(1, 500) > terms.bound(0, 500));
        }
        // 7.754 is the 95 % limit on a Poisson mean of which 3 were seen: the binomial one is a little below.
        let bound = Terms::new(9_048, 20_000).bound(3, 60);
        assert!(bound < 7.754 / 392.0 && bound > 7.7 / 392.0, "{bound}");
    }

    #[test]
    fn what_closes_it_is_foretold() {
        let terms = Terms::new(9_048, 20_000);
        assert_eq!(terms.left(0, 0), Some(3), "6.296 / 334 is below 2 %, 7.754 / 335 above");
        assert_eq!(terms.closes_after(50_000), Some(80));
        assert_eq!(terms.closes_after(0), None);
        assert_eq!(terms.closes_after(10_000), None, "half of the limit");
        assert_eq!(Terms::new(9_048, 1_000_000).left(0, 0), None);
        for ppm in FORETOLD_PPM.into_iter().skip(1) {
            let after = terms.closes_after(ppm).unwrap();
            let wrong = |audited: u64| audited * u64::from(ppm) / 1_000_000;
            assert!(terms.are_broken(wrong(after), after) && !terms.are_broken(wrong(after - 1), after - 1), "{ppm}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_rise_of_wrong_approvals_closes_the_gate_and_only_a_person_opens_it() {
        let dir = tempfile::tempdir().unwrap();
        let service = open(dir.path()).await;
        let (records, policy) = (service.records(), &*service.policy().await.unwrap());
        let terms = Terms::of(policy).unwrap();
        let foretold = terms.closes_after(50_000).unwrap();
        let mut claims = Vec::new();
        for n in 0..foretold + 500 {
            let (id, record) = decide(&service, n).await;
            assert!(record.verdict.is_sample_of_approvals(), "{:#?}", record.verdict.reasons);
            claims.push(id);
        }
        let untouched = records.gate(policy).await.unwrap();
        assert_eq!((untouched.state, untouched.since, untouched.audited), (Gate::Open, None, 0));
        // Every twentieth is wrong.
        let mut closed_at = None;
        for (n, id) in (1..).zip(&claims[..foretold as usize]) {
            let outcome = if n % 20 == 0 { Audited::Wrong } else { Audited::Right };
            let view = records.record_outcome(id, &said(outcome), policy).await.unwrap();
            assert_eq!(view.audited, n);
            if view.state == Gate::Closed {
                closed_at = Some(n);
                break;
            }
            assert!(view.bound.unwrap() <= view.limit && view.outcomes_left > Some(0));
        }
        assert_eq!(closed_at, Some(foretold));
        let (held, record) = decide(&service, 10_000).await;
        assert_eq!(record.verdict.decision, Decision::HumanReview);
        assert!(record.verdict.reasons.iter().any(|r| r.code == "approval_closed"));
        // What the gate held back is no sample of approvals.
        let refused = records.record_outcome(&held, &said(Audited::Right), policy).await;
        assert!(matches!(refused, Err(ServiceError::Gate(GateRefusal::NotAnApproval))));
        for id in &claims[foretold as usize..] {
            records.record_outcome(id, &said(Audited::Right), policy).await.unwrap();
        }
        let view = records.gate(policy).await.unwrap();
        assert_eq!((view.state, view.outcomes_left, view.wrong), (Gate::Closed, Some(0), foretold / 20));
        assert!(view.bound.unwrap() < view.limit, "500 good ones would bear it out again");
        assert_eq!(decide(&service, 10_001).await.1.evidence.facts.gate, Gate::Closed);

        let view = records.reopen_gate(&reviewer(), &why(), policy).await.unwrap();
        assert_eq!((view.state, view.audited, view.wrong), (Gate::Open, 0, 0));
        assert!(view.since.is_some());
        let again = records.reopen_gate(&reviewer(), &why(), policy).await;
        assert!(matches!(again, Err(ServiceError::Gate(GateRefusal::Open))));
        let (_, record) = decide(&service, 10_002).await;
        assert!(record.verdict.is_sample_of_approvals() && record.evidence.facts.gate.is_open());

        assert_eq!(records.audit_verify(&Noted::default()).await.unwrap().faults, []);
        let report = records.replay(&ReplayOf::All, &ReplayFrom::Evidence).await.unwrap();
        assert_eq!((report.checked, report.differing), (foretold + 503, vec![]));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_claim_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        let service = open(dir.path()).await;
        let (records, policy) = (service.records(), &*service.policy().await.unwrap());
        let (id, _) = decide(&service, 1).await;
        let right = said(Audited::Right);
        for _ in 0..2 {
            assert_eq!(records.record_outcome(&id, &right, policy).await.unwrap().audited, 1);
        }
        let appeal = AuditedOutcome { source: AuditSource::Appeal, ..said(Audited::Wrong) };
        let refused = records.record_outcome(&id, &appeal, policy).await;
        assert!(matches!(refused, Err(ServiceError::Gate(GateRefusal::OutcomeRecorded))));
        let nobody = records.record_outcome(&ClaimId::new(0, [0; 10]), &right, policy).await;
        assert!(matches!(nobody, Err(ServiceError::NotFound)));
        assert_eq!(records.gate(policy).await.unwrap().wrong, 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_stored_of_outcomes_and_gate_is_held_against_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let service = open(dir.path()).await;
        let (records, policy) = (service.records(), &*service.policy().await.unwrap());
        let (unaudited, _) = decide(&service, 0).await;
        let mut wrong = Vec::new();
        // How many it takes follows from the certificate.
        for n in 1.. {
            let (id, _) = decide(&service, n).await;
            let gate = records.record_outcome(&id, &said(Audited::Wrong), policy).await.unwrap();
            wrong.push(id);
            if gate.state == Gate::Closed {
                break;
            }
            assert!(n < 50, "{gate:?}");
        }
        decide(&service, 99).await;
        records.reopen_gate(&reviewer(), &why(), policy).await.unwrap();
        let faults = async || records.audit_verify(&Noted::default()).await.unwrap().faults;
        assert_eq!(faults().await, []);
        let original = database(dir.path()).await;
        let log: Vec<String> = sqlx::query_scalar("SELECT payload FROM log").fetch_all(&original).await.unwrap();
        assert!(log.iter().all(|payload| !payload.contains("rv-1") && !payload.contains("张三")));

        let (a, d) = (wrong[0].as_str(), unaudited.as_str());
        let pairs = [
            ("UPDATE outcomes SET outcome = 'right' WHERE claim = 'A'", FaultKind::OutcomeAltered),
            ("UPDATE outcomes SET source = 'appeal' WHERE claim = 'A'", FaultKind::OutcomeAltered),
            ("UPDATE outcomes SET reviewer = 'rv-2' WHERE claim = 'A'", FaultKind::OutcomeAltered),
            ("UPDATE outcomes SET at = '2020' WHERE claim = 'A'", FaultKind::OutcomeAltered),
            ("UPDATE outcomes SET entry = 999 WHERE claim = 'A'", FaultKind::OutcomeAltered),
            ("DELETE FROM outcomes WHERE claim = 'A'", FaultKind::OutcomeAltered),
            ("INSERT INTO outcomes VALUES ('D', 999, '2020', 'right', 'sample', 'rv-1')", FaultKind::OutcomeAltered),
            ("UPDATE gate SET state = 'open', wrong = NULL WHERE state = 'closed'", FaultKind::GateAltered),
            ("UPDATE gate SET wrong = 1 WHERE state = 'closed'", FaultKind::GateAltered),
            ("UPDATE gate SET why = 'x' WHERE state = 'open'", FaultKind::GateAltered),
            ("UPDATE gate SET reviewer = 'x' WHERE state = 'open'", FaultKind::GateAltered),
            ("DELETE FROM gate WHERE state = 'open'", FaultKind::GateAltered),
            ("INSERT INTO gate (entry, at, state) VALUES (999, '2020', 'open')", FaultKind::GateAltered),
            ("DELETE FROM log WHERE kind = 'gate_closed'", FaultKind::GateOverlooked),
        ];
        for (sql, kind) in pairs {
            let sql = sql.replace("'A'", &format!("'{a}'")).replace("'D'", &format!("'{d}'"));
            let copy = dir.path().join("copy");
            std::fs::create_dir(&copy).unwrap();
            let into = format!("VACUUM INTO '{}'", copy.join("claimlens.sqlite").display());
            sqlx::query(sqlx::AssertSqlSafe(into)).execute(&original).await.unwrap();
            std::os::unix::fs::symlink(dir.path().join("photos"), copy.join("photos")).unwrap();
            std::fs::copy(dir.path().join("kek.key"), copy.join("kek.key")).unwrap();
            let tampered = database(&copy).await;
            let done = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(&tampered).await.unwrap();
            assert_eq!(done.rows_affected(), 1, "{sql}");
            tampered.close().await;
            let other = Records::open_existing(&copy).await.unwrap();
            let faults = other.audit_verify(&Noted::default()).await.unwrap().faults;
            assert!(faults.iter().any(|f| f.kind == kind), "{sql}: {faults:?}");
            other.close().await;
            std::fs::remove_dir_all(&copy).unwrap();
        }
        assert_eq!(faults().await, []);
    }
}
