//! What another policy would have decided of everything recorded, in figures.
//!
//! Evidence holds every probability, so a verdict is only judged anew, on its [`Basis`]. Not foreseen: what the gate
//! would have done on other approvals, and what senders would have done on other answers.

mod basis;

use super::policy::codes;
use super::stats::guarantee;
use super::work::build;
use super::{Records, ServiceError, off_thread};
use crate::decision::Policy;
use crate::domain::{Decision, Fen, FieldName, Verdict};
use crate::pipeline::limit_ppm;
use crate::store::{SealedDecision, StoreError};
use basis::{Basis, Before};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Decisions judged in one go.
const PAGE: u32 = 200;

/// How many, before and after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Change {
    /// As recorded.
    pub before: u64,
    /// By the other policy.
    pub after: u64,
}

impl Change {
    fn count(&mut self, was: bool, is: bool) {
        self.before += u64::from(was);
        self.after += u64::from(is);
    }

    fn add(&mut self, other: Self) {
        self.before += other.before;
        self.after += other.after;
    }
}

/// What a policy would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct BacktestReport {
    /// SHA-256 of the policy tried.
    pub policy: String,
    /// Decisions judged anew.
    pub decisions: u64,
    /// Of them approved.
    pub approved: Change,
    /// Held as recorded, approved by the other policy.
    pub newly_approved: u64,
    /// Approved as recorded, held by the other policy.
    pub newly_held: u64,
    /// Sum of the totals read on approved papers, in fen, whatever the currency.
    pub amount_approved_fen: Change,
    /// Claims approved, by the kind of their first paper.
    pub approved_by_kind: BTreeMap<String, Change>,
    /// Claims that have a reason, by its code.
    pub reasons: BTreeMap<String, Change>,
    /// Decisions that could not be judged anew: damaged records.
    pub failed: u64,
    /// The bound on wrong approvals that this policy would run at, as in `/v1/stats`.
    #[schema(value_type = Object)]
    pub guarantee: Value,
}

impl BacktestReport {
    fn add(&mut self, other: Self) {
        self.decisions += other.decisions;
        self.approved.add(other.approved);
        self.newly_approved += other.newly_approved;
        self.newly_held += other.newly_held;
        self.amount_approved_fen.add(other.amount_approved_fen);
        self.failed += other.failed;
        for (into, from) in [(&mut self.approved_by_kind, other.approved_by_kind), (&mut self.reasons, other.reasons)] {
            for (name, change) in from {
                into.entry(name).or_default().add(change);
            }
        }
    }

    fn count(&mut self, before: &Before, now: &Verdict) {
        let was = before.decision == Decision::AutoApprove;
        let is = now.decision == Decision::AutoApprove;
        self.decisions += 1;
        self.approved.count(was, is);
        self.newly_approved += u64::from(!was && is);
        self.newly_held += u64::from(was && !is);
        let totals = before.evidence.readings.iter().filter_map(|r| Fen::parse(r.value(FieldName::Total)?));
        let amount: u64 = totals.map(|fen| fen.0.unsigned_abs()).sum();
        self.amount_approved_fen.add(Change { before: u64::from(was) * amount, after: u64::from(is) * amount });
        if let Some(first) = before.evidence.readings.first() {
            self.approved_by_kind.entry(first.kind.as_str().to_owned()).or_default().count(was, is);
        }
        let (old, new) = (before.codes.iter().map(String::as_str).collect::<BTreeSet<&str>>(), codes(now));
        for code in old.union(&new) {
            let change = self.reasons.entry((*code).to_owned()).or_default();
            change.count(old.contains(code), new.contains(code));
        }
    }
}

impl Records {
    /// Judges everything recorded by another policy, on all cores. What this very program checked is not checked again.
    ///
    /// # Errors
    /// If the records cannot be read. A damaged record is counted, not an error.
    pub async fn backtest(&self, policy: Policy) -> Result<BacktestReport, ServiceError> {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let mut report = BacktestReport {
            policy: policy.hash.to_string(),
            guarantee: guarantee(&policy),
            ..BacktestReport::default()
        };
        // Of these nothing was paid or refused.
        let known = Arc::new(self.store.known().await?);
        let policy = Arc::new(policy);
        let mut under_way = VecDeque::new();
        let mut after = i64::MIN;
        loop {
            let page = self.store.decided_sealed(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.place();
            let (policy, known) = (policy.clone(), known.clone());
            under_way.push_back(tokio::spawn(off_thread(move || judged(&policy, &known, page))));
            if under_way.len() > at_once {
                report.add(ended(under_way.pop_front()).await?);
            }
        }
        while !under_way.is_empty() {
            report.add(ended(under_way.pop_front()).await?);
        }
        Ok(report)
    }
}

type Part = tokio::task::JoinHandle<Result<Result<BacktestReport, StoreError>, ServiceError>>;

async fn ended(part: Option<Part>) -> Result<BacktestReport, ServiceError> {
    let Some(part) = part else { return Ok(BacktestReport::default()) };
    Ok(part.await.map_err(|_| ServiceError::Internal("judging anew was interrupted"))???)
}

fn judged(policy: &Policy, known: &BTreeSet<String>, page: Vec<SealedDecision>) -> Result<BacktestReport, StoreError> {
    let mut report = BacktestReport::default();
    let (build, limit) = (exact(build()), limit_ppm(policy));
    for decision in page {
        let (_, claim, bytes) = decision.open()?;
        if known.contains(&claim) {
            continue;
        }
        let judge = || Basis::of(&bytes, build.as_deref()).ok().map(|basis| basis.judge(policy, limit));
        match catch_unwind(AssertUnwindSafe(judge)).ok().flatten() {
            Some((before, now)) => report.count(&before, &now),
            None => report.failed += 1,
        }
    }
    Ok(report)
}

/// A version that names the code exactly: of a commit, without changes that are not in it.
fn exact(build: String) -> Option<String> {
    let (_, commit) = build.split_once('+')?;
    (commit.len() >= 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(build)
}
