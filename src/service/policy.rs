//! Which policy decides. A policy takes effect by a logged act alone, after it was tried on what is recorded; one may
//! be tried beside the one in force, on each claim as it is decided, without any effect.
//!
//! Every decision asks, within its own transaction, which policy is in force: so all processes change over between two
//! entries of the log, and the log tells of each decision by which policy it had to be made.

use super::actor::Actor;
use super::backtest::BacktestReport;
use super::work::stamp;
use super::{Place, Records, Service, ServiceError};
use crate::audit::kind;
use crate::decision::Policy;
use crate::domain::gate::{Reviewer, Why};
use crate::domain::{ClaimId, Decision, Evidence, Verdict};
use crate::pipeline::judge;
use crate::store::policy::{NewAct, PolicyActs, RawAct, ShadowCounts};
use crate::store::{Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// How long a backtest speaks for a policy: what is decided changes with the papers that come.
const BACKTEST_HOLDS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Claims told that a shadow would have decided the other way.
const FLIPS_TOLD: i64 = 100;

/// Who puts the first policy in force, since nobody was asked.
const FIRST: &str = "first-start";

/// After all times.
const AT_LAST: &str = "~";

/// Why a policy was not put in force, or not taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    /// It was never tried on these records.
    #[error("this policy was not tried on what is recorded: run `claimlens policy backtest` on this very file first")]
    NotBacktested,
    /// It was tried too long ago.
    #[error("this policy was last tried at {0}, more than 7 days ago: run `claimlens policy backtest` again")]
    BacktestOld(String),
    /// It is in force, and none waits to follow it.
    #[error("this policy is in force already")]
    InForce,
    /// It should have begun before now.
    #[error("a policy cannot take effect in the past")]
    Past,
    /// No shadow is set.
    #[error("there is no shadow policy")]
    NoShadow,
    /// A process was started with another policy than the one in force.
    #[error(
        "the policy given ({given:.12}) is not the one in force ({in_force:.12}, since {since}). Start without --policy to \
         decide by the one in force. To change it: `claimlens policy backtest FILE`, then \
         `claimlens policy adopt FILE --by NAME --why TEXT`"
    )]
    NotInForce {
        /// SHA-256 of the one given.
        given: String,
        /// SHA-256 of the one in force.
        in_force: String,
        /// Since when it is.
        since: String,
    },
}

/// Policies parsed before, by hash.
#[derive(Default)]
pub(super) struct Parsed(Mutex<HashMap<String, Arc<Policy>>>);

impl Parsed {
    fn of(&self, hash: &str) -> Option<Arc<Policy>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    async fn read(&self, acts: &mut PolicyActs<'_>, act: &RawAct) -> Result<Arc<Policy>, ServiceError> {
        let hash = act.policy.as_deref().unwrap_or_default();
        if let Some(policy) = self.of(hash) {
            return Ok(policy);
        }
        let policy = Arc::new(parsed(hash, acts.text(hash).await?)?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hash.to_owned(), policy.clone());
        Ok(policy)
    }
}

/// A policy that is kept, from its text.
fn parsed(hash: &str, text: Option<String>) -> Result<Policy, ServiceError> {
    let lost = || StoreError::Corrupt("the policy in force is altered or missing".to_owned());
    let policy = Policy::parse(&text.ok_or_else(lost)?)?;
    if policy.hash.to_string() == hash { Ok(policy) } else { Err(lost().into()) }
}

/// What a claim is decided by.
pub(super) struct Rules {
    /// In force.
    pub(super) policy: Arc<Policy>,
    /// Tried beside it.
    shadow: Option<(RawAct, Arc<Policy>)>,
}

impl Rules {
    /// Those at a time.
    pub(super) async fn at(parsed: &Parsed, acts: &mut PolicyActs<'_>, at: &str) -> Result<Self, ServiceError> {
        let act = acts.in_force(at).await?.ok_or_else(none)?;
        let policy = parsed.read(acts, &act).await?;
        let shadow = match acts.shadow().await? {
            None => None,
            Some(act) => match parsed.read(acts, &act).await {
                Ok(policy) => Some((act, policy)),
                // It has no effect, and so keeps nothing from being decided.
                Err(error) => {
                    tracing::error!(%error, "the shadow policy cannot be read");
                    None
                }
            },
        };
        Ok(Self { policy, shadow })
    }

    /// Counts what the shadow, if there is one, would have decided otherwise.
    pub(super) async fn compare(
        &self,
        acts: &mut PolicyActs<'_>,
        claim: &ClaimId,
        evidence: &Evidence,
        verdict: &Verdict,
    ) -> Result<(), StoreError> {
        let Some((act, policy)) = &self.shadow else { return Ok(()) };
        let judged = catch_unwind(AssertUnwindSafe(|| judge(policy, evidence)));
        let Ok(other) = judged else { return acts.count(act, &["failed".to_owned()], None).await };
        let mut whats = vec!["compared".to_owned()];
        let flipped = verdict.decision != other.decision;
        if flipped {
            let what = if other.decision == Decision::AutoApprove { "newly_approved" } else { "newly_held" };
            whats.push(what.to_owned());
        }
        let (before, after) = (codes(verdict), codes(&other));
        whats.extend(after.difference(&before).map(|code| format!("{GAINED}{code}")));
        whats.extend(before.difference(&after).map(|code| format!("{LOST}{code}")));
        acts.count(act, &whats, flipped.then_some((claim, verdict.decision))).await
    }
}

const GAINED: &str = "reason_gained:";
const LOST: &str = "reason_lost:";

fn none() -> StoreError {
    StoreError::Unavailable("no policy is in force".to_owned())
}

/// The codes of a verdict's reasons.
pub(super) fn codes(verdict: &Verdict) -> BTreeSet<&str> {
    verdict.reasons.iter().map(|reason| reason.code.as_str()).collect()
}

/// A policy and how it came to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AdoptedView {
    /// SHA-256 of the policy file.
    pub policy: String,
    /// From when it decides, or will, RFC 3339 in UTC.
    pub since: String,
    /// By whose order.
    pub by: Option<String>,
    /// Why.
    pub why: Option<String>,
    /// Place of the act in the audit log.
    pub entry: u64,
}

impl From<&RawAct> for AdoptedView {
    fn from(act: &RawAct) -> Self {
        Self {
            policy: act.policy.clone().unwrap_or_default(),
            since: act.begins.clone().unwrap_or_else(|| act.at.clone()),
            by: act.reviewer.clone(),
            why: act.why.clone(),
            entry: act.entry as u64,
        }
    }
}

/// A policy tried beside the one in force, with what it would have decided otherwise since it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ShadowView {
    /// The policy and who set it when.
    #[serde(flatten)]
    pub set: AdoptedView,
    /// Decisions that it was asked about.
    pub compared: u64,
    /// Held, and it would have approved.
    pub newly_approved: u64,
    /// Approved, and it would have held.
    pub newly_held: u64,
    /// How often it gave a reason that the one in force did not, by code.
    pub reasons_gained: BTreeMap<String, u64>,
    /// How often it lacked a reason that the one in force gave, by code.
    pub reasons_lost: BTreeMap<String, u64>,
    /// Times that judging by it broke down.
    pub failed: u64,
    /// Claims that it would have decided the other way, newest first, at most 100.
    pub flipped: Vec<Flip>,
}

/// A claim that a shadow would have decided the other way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Flip {
    /// Name of the claim here.
    pub claim: String,
    /// What was decided.
    pub decided: String,
}

impl ShadowView {
    fn of(act: &RawAct, ShadowCounts { counts, flips }: ShadowCounts) -> Self {
        let count = |what: &str| counts.get(what).map_or(0, |n| *n as u64);
        let by_code = |start: &str| {
            let of = counts.iter().filter_map(|(what, n)| Some((what.strip_prefix(start)?.to_owned(), *n as u64)));
            of.collect()
        };
        Self {
            set: act.into(),
            compared: count("compared"),
            newly_approved: count("newly_approved"),
            newly_held: count("newly_held"),
            reasons_gained: by_code(GAINED),
            reasons_lost: by_code(LOST),
            failed: count("failed"),
            flipped: flips.into_iter().map(|[claim, decided]| Flip { claim, decided }).collect(),
        }
    }
}

/// The policies that decide, will decide, and are tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PolicyView {
    /// In force; `null` before the first start.
    pub in_force: Option<AdoptedView>,
    /// The policy in force, byte for byte.
    pub text: Option<String>,
    /// Adopted and to follow, the next one first.
    pub waiting: Vec<AdoptedView>,
    /// Tried beside it.
    pub shadow: Option<ShadowView>,
}

/// An act about policies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyEvent {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What: the kind of the log's entry.
    pub act: String,
    /// SHA-256 of the policy meant.
    pub policy: Option<String>,
    /// From when it decides, if not from then on.
    pub from: Option<String>,
    /// Who.
    pub by: Option<String>,
    /// Why.
    pub why: Option<String>,
    /// What a backtest found.
    pub figures: Option<Value>,
    /// Place of the act in the audit log.
    pub entry: u64,
}

impl Records {
    /// Puts the first policy in force if none is: the one given, else the built-in one. If one is, it must be the one
    /// given, if any is.
    pub(super) async fn take_up(&self, given: Option<&Policy>) -> Result<(), ServiceError> {
        if !self.store.can_record() {
            tracing::warn!("without the log's signing key nothing is taken in or decided, and no reading is logged");
        }
        let mut tx = self.store.begin_policies().await?;
        let at = stamp(Timestamp::now());
        let mut acts = tx.policies();
        match (acts.in_force(&at).await?, given) {
            (Some(act), Some(given)) if act.policy.as_deref() != Some(&given.hash.to_string()) => {
                let AdoptedView { policy: in_force, since, .. } = AdoptedView::from(&act);
                return Err(PolicyRefusal::NotInForce { given: given.hash.to_string(), in_force, since }.into());
            }
            (Some(act), _) => {
                let hash = act.policy.as_deref().unwrap_or_default();
                parsed(hash, acts.text(hash).await?)?;
                return Ok(());
            }
            (None, _) if !self.store.can_record() => {
                tracing::warn!("no policy is in force, and none can be put in force");
                return Ok(());
            }
            (None, _) => {}
        }
        let built_in;
        let (policy, why) = match given {
            Some(policy) => (policy, "the first start, with --policy"),
            None => {
                built_in = Policy::default();
                (&built_in, "the first start, without --policy: the built-in one")
            }
        };
        acts.record(&NewAct {
            kind: kind::POLICY_ADOPTED,
            at: &at,
            policy: Some((&policy.hash, policy.text())),
            by: Some(FIRST),
            why: Some(why),
            salt: rand::random(),
            ..NewAct::default()
        })
        .await?;
        Ok(tx.commit().await?)
    }

    /// Judges everything recorded by another policy, as [`Self::backtest`], and logs that this was done and what came
    /// of it.
    ///
    /// # Errors
    /// If the records cannot be read; or cannot be written, with what was found.
    pub async fn backtest_logged(
        &self,
        policy: Policy,
        actor: &Actor,
    ) -> Result<(BacktestReport, Result<(), ServiceError>), ServiceError> {
        let (hash, text) = (policy.hash, policy.text().to_owned());
        let report = self.backtest(policy).await?;
        let figures = serde_json::to_string(&report).map_err(|_| ServiceError::Internal("a report is JSON"))?;
        let act = NewAct {
            kind: kind::POLICY_BACKTESTED,
            policy: Some((&hash, &text)),
            figures: Some(&figures),
            by: actor.name(),
            ..NewAct::default()
        };
        Ok((report, self.record(&act).await))
    }

    async fn record(&self, act: &NewAct<'_>) -> Result<(), ServiceError> {
        let mut tx = self.store.begin_policies().await?;
        let at = stamp(Timestamp::now());
        tx.policies().record(&NewAct { at: &at, salt: rand::random(), ..act.clone() }).await?;
        Ok(tx.commit().await?)
    }

    /// Puts a policy in force, from now on or from a time to come.
    ///
    /// # Errors
    /// A [`PolicyRefusal`], or the store's.
    pub async fn adopt(
        &self,
        policy: &Policy,
        by: &Reviewer,
        why: &Why,
        from: Option<Timestamp>,
    ) -> Result<AdoptedView, ServiceError> {
        let mut tx = self.store.begin_policies().await?;
        let now = Timestamp::now();
        if from.is_some_and(|from| from < now) {
            return Err(PolicyRefusal::Past.into());
        }
        let at = stamp(now);
        let mut acts = tx.policies();
        let last = acts.in_force(AT_LAST).await?.filter(|act| act.begins.as_ref().is_none_or(|begins| *begins <= at));
        if last.is_some_and(|act| act.policy == Some(policy.hash.to_string())) {
            return Err(PolicyRefusal::InForce.into());
        }
        if acts.any_decided().await? {
            let tried = acts.backtest(&policy.hash).await?.ok_or(PolicyRefusal::NotBacktested)?;
            if tried.at < stamp(now - BACKTEST_HOLDS) {
                return Err(PolicyRefusal::BacktestOld(tried.at).into());
            }
        }
        let begins = from.map(stamp);
        let act = NewAct {
            kind: kind::POLICY_ADOPTED,
            at: &at,
            policy: Some((&policy.hash, policy.text())),
            begins: begins.as_deref(),
            by: Some(by.as_str()),
            why: Some(why.as_str()),
            salt: rand::random(),
            ..NewAct::default()
        };
        let adopted = AdoptedView::from(&acts.record(&act).await?);
        tx.commit().await?;
        Ok(adopted)
    }

    /// Sets a policy to be tried beside the one in force, in place of another one if there is one. It has no effect.
    ///
    /// # Errors
    /// If it cannot be recorded.
    pub async fn shadow(&self, policy: &Policy, actor: &Actor) -> Result<(), ServiceError> {
        let (kind, policy) = (kind::POLICY_SHADOWED, Some((&policy.hash, policy.text())));
        self.record(&NewAct { kind, policy, by: actor.name(), ..NewAct::default() }).await
    }

    /// Ends trying a policy beside the one in force.
    ///
    /// # Errors
    /// [`PolicyRefusal::NoShadow`], or the store's.
    pub async fn end_shadow(&self, actor: &Actor) -> Result<(), ServiceError> {
        let mut tx = self.store.begin_policies().await?;
        if tx.policies().shadow().await?.is_none() {
            return Err(PolicyRefusal::NoShadow.into());
        }
        let at = stamp(Timestamp::now());
        let (kind, by, salt) = (kind::POLICY_SHADOW_ENDED, actor.name(), rand::random());
        tx.policies().record(&NewAct { kind, at: &at, by, salt, ..NewAct::default() }).await?;
        Ok(tx.commit().await?)
    }

    /// Every act about policies, the first one first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn policy_history(&self) -> Result<Vec<PolicyEvent>, ServiceError> {
        let acts = self.store.snapshot().await?.policy_acts().await?;
        let event = |act: RawAct| PolicyEvent {
            at: act.at,
            act: act.kind,
            policy: act.policy,
            from: act.begins,
            by: act.reviewer,
            why: act.why,
            figures: act.figures.and_then(|figures| serde_json::from_str(&figures).ok()),
            entry: act.entry as u64,
        };
        Ok(acts.into_iter().map(event).collect())
    }

    /// The policies that decide, will decide, and are tried.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn policy_view(&self) -> Result<PolicyView, ServiceError> {
        let mut snapshot = self.store.snapshot().await?;
        let now = stamp(Timestamp::now());
        let in_force = snapshot.in_force(&now).await?;
        let text = match in_force.as_ref().and_then(|act| act.policy.as_deref()) {
            Some(hash) => snapshot.policy(hash).await?,
            None => None,
        };
        let since = in_force.as_ref().map_or(0, |act| act.entry);
        let adopted = snapshot.policy_acts().await?;
        let waiting = waiting(adopted.iter().filter(|act| act.kind == kind::POLICY_ADOPTED && act.entry > since));
        let shadow = snapshot.shadow(FLIPS_TOLD).await?.map(|(act, counts)| ShadowView::of(&act, counts));
        Ok(PolicyView { in_force: in_force.as_ref().map(Into::into), text, waiting, shadow })
    }

    /// The hash of the policy in force and since when, changing nothing; `None` before the first start.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn inspect_policy(place: &Place) -> Result<Option<(String, String)>, ServiceError> {
        Ok(Store::inspect_policy(&place.database(), &stamp(Timestamp::now())).await?)
    }

    /// The policy in force; `None` before the first start.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    pub async fn policy_in_force(&self) -> Result<Option<Policy>, ServiceError> {
        let mut snapshot = self.store.snapshot().await?;
        let Some(act) = snapshot.in_force(&stamp(Timestamp::now())).await? else { return Ok(None) };
        let hash = act.policy.unwrap_or_default();
        Ok(Some(parsed(&hash, snapshot.policy(&hash).await?)?))
    }
}

/// Of adoptions that have not begun, in the order they were made, those that will: a later one that begins earlier
/// takes the place of an earlier one.
fn waiting<'a>(adopted: impl DoubleEndedIterator<Item = &'a RawAct>) -> Vec<AdoptedView> {
    let mut out: Vec<AdoptedView> = Vec::new();
    for act in adopted.rev().map(AdoptedView::from) {
        if out.last().is_none_or(|next| act.since < next.since) {
            out.push(act);
        }
    }
    out.reverse();
    out
}

impl Service {
    /// The policy in force.
    ///
    /// # Errors
    /// If it cannot be read, or there is none: only before a first start with the log's key.
    pub async fn policy(&self) -> Result<Arc<Policy>, ServiceError> {
        let mut snapshot = self.0.records.store.snapshot().await?;
        let act = snapshot.in_force(&stamp(Timestamp::now())).await?.ok_or_else(none)?;
        let hash = act.policy.unwrap_or_default();
        match self.0.policies.of(&hash) {
            Some(policy) => Ok(policy),
            None => Ok(Arc::new(parsed(&hash, snapshot.policy(&hash).await?)?)),
        }
    }

    /// What another policy would have decided of everything recorded; logged. One at a time.
    ///
    /// # Errors
    /// [`ServiceError::Busy`] if another one is under way, or the store's.
    pub async fn backtest(&self, policy: Policy, actor: &Actor) -> Result<BacktestReport, ServiceError> {
        let _turn = self.0.backtests.try_acquire().map_err(|_| ServiceError::Busy)?;
        let (report, logged) = self.0.records.backtest_logged(policy, actor).await?;
        logged?;
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Issuers;
    use crate::service::gate::tests::{decide, open_with};

    fn adoption(entry: i64, begins: &str) -> RawAct {
        RawAct {
            entry,
            at: "2026-01-01".to_owned(),
            kind: kind::POLICY_ADOPTED.to_owned(),
            policy: Some(entry.to_string()),
            begins: Some(begins.to_owned()),
            figures: None,
            reviewer: None,
            why: None,
            salt: Vec::new(),
        }
    }

    #[test]
    fn of_those_that_wait_a_later_act_that_begins_earlier_displaces_an_earlier_one() {
        let names = |acts: &[RawAct]| -> Vec<String> { waiting(acts.iter()).into_iter().map(|a| a.policy).collect() };
        assert_eq!(names(&[adoption(1, "2026-02"), adoption(2, "2026-03")]), ["1", "2"]);
        assert_eq!(names(&[adoption(1, "2026-03"), adoption(2, "2026-02")]), ["2"]);
        assert_eq!(names(&[]), [""; 0]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn claims_that_a_shadow_would_have_held_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        let service = open_with(dir.path(), Issuers::default()).await;
        let text = service.policy().await.unwrap().text().to_owned();
        let strict = Policy::parse(&text.replace("amount_limit = \"3000.00\"", "amount_limit = \"0.01\"")).unwrap();
        service.records().shadow(&strict, &Actor::default()).await.unwrap();
        let mut approved = Vec::new();
        for n in 0..5 {
            let (id, record) = decide(&service, n).await;
            if record.verdict.decision == Decision::AutoApprove {
                approved.push(id.to_string());
            }
        }
        assert!(!approved.is_empty());
        let shadow = service.records().policy_view().await.unwrap().shadow.unwrap();
        assert_eq!((shadow.compared, shadow.newly_held, shadow.newly_approved), (5, approved.len() as u64, 0));
        let mut flipped: Vec<_> = shadow.flipped.iter().map(|flip| flip.claim.clone()).collect();
        flipped.reverse();
        assert_eq!(flipped, approved);
        assert!(shadow.flipped.iter().all(|flip| flip.decided == "auto_approve"));
    }
}
