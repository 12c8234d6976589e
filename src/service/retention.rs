//! How long claims are kept, by the kind of their first paper and by how they were decided.
//!
//! Whatever process works claims off looks every hour which are over their time, and erases them: an act like any other
//! erasure, logged with `retention` as who and the rule as why. Claims that are not decided are never erased, nor those
//! that went to a person, unless an outcome is recorded of them: nothing else tells yet that the person is done.

use super::work::stamp;
use super::{Service, ServiceError};
use crate::domain::gate::{Reviewer, Why};
use crate::domain::{Decision, DocumentKind};
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Claims erased by one rule in one go.
const AT_ONCE: u32 = 100;

/// How long claims are kept.
#[derive(Debug, Clone)]
pub struct Retention {
    /// For what is named nowhere: for ever.
    pub rules: Vec<Rule>,
    /// How often to look. Default an hour.
    pub every: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { rules: Vec::new(), every: Duration::from_secs(3600) }
    }
}

/// One rule, as `till_receipt:auto_approve=365`: kind and decision, `*` for any, and the days from the decision on, or
/// `keep`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    kind: Option<DocumentKind>,
    decision: Option<Decision>,
    /// `None` keeps.
    days: Option<u32>,
}

/// The text is no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a retention rule is KIND:DECISION=DAYS, such as till_receipt:auto_approve=365 or *:*=keep")]
pub struct NoRule;

const DECISIONS: [Decision; 2] = [Decision::AutoApprove, Decision::HumanReview];

impl FromStr for Rule {
    type Err = NoRule;

    fn from_str(text: &str) -> Result<Self, NoRule> {
        let (of, days) = text.trim().split_once('=').ok_or(NoRule)?;
        let (kind, decision) = of.split_once(':').ok_or(NoRule)?;
        let kind = match kind {
            "*" => None,
            name => Some(DocumentKind::ALL.into_iter().find(|k| k.as_str() == name).ok_or(NoRule)?),
        };
        let decision = match decision {
            "*" => None,
            name => Some(DECISIONS.into_iter().find(|d| d.as_str() == name).ok_or(NoRule)?),
        };
        let days = match days {
            "keep" => None,
            days => Some(days.parse().ok().filter(|days| (1..=36_500).contains(days)).ok_or(NoRule)?),
        };
        Ok(Self { kind, decision, days })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.map_or("*", DocumentKind::as_str);
        let decision = self.decision.map_or("*", Decision::as_str);
        match self.days {
            Some(days) => write!(f, "{kind}:{decision}={days}"),
            None => write!(f, "{kind}:{decision}=keep"),
        }
    }
}

impl Retention {
    /// The rule for a kind and a decision: the one that names most of them, of equals the last.
    pub fn rule(&self, kind: DocumentKind, decision: Decision) -> Option<&Rule> {
        let fits =
            |rule: &&Rule| rule.kind.is_none_or(|of| of == kind) && rule.decision.is_none_or(|of| of == decision);
        let named = |rule: &&Rule| (rule.kind.is_some(), rule.decision.is_some());
        self.rules.iter().filter(fits).max_by_key(named)
    }
}

impl Service {
    /// Erases again and again what is over its time, and finishes erasures that were left, until the service closes.
    pub(super) async fn retain(self) {
        while !self.0.closing.load(Ordering::Acquire) {
            match self.retain_once(Timestamp::now()).await {
                Ok(0) => {}
                Ok(erased) => tracing::info!(erased, "claims over their retention were erased"),
                Err(error) => tracing::warn!(%error, "claims over their retention could not all be erased"),
            }
            tokio::time::sleep(self.0.retention.every).await;
        }
    }

    /// Erases what is over its time by now; gives how many claims.
    ///
    /// # Errors
    /// The store's, or the photo storage's; what was erased by then stays so.
    pub async fn retain_once(&self, now: Timestamp) -> Result<u64, ServiceError> {
        let records = &self.0.records;
        records.finish_erasures().await?;
        let internal = |_| ServiceError::Internal("a retention rule cannot be told");
        let by = Reviewer::try_from("retention".to_owned()).map_err(internal)?;
        let mut erased = 0;
        for (kind, decision) in DocumentKind::ALL.into_iter().flat_map(|kind| DECISIONS.map(|d| (kind, d))) {
            let Some(rule) = self.0.retention.rule(kind, decision) else { continue };
            let Some(days) = rule.days else { continue };
            let why = Why::try_from(format!("kept for {days} days by the rule {rule}")).map_err(internal)?;
            let before = stamp(now - SignedDuration::from_hours(24 * i64::from(days)));
            loop {
                let aged = records.store.aged(kind.as_str(), decision.as_str(), &before, AT_ONCE).await?;
                if aged.is_empty() || self.0.closing.load(Ordering::Acquire) {
                    break;
                }
                for id in &aged {
                    match self.erase(id, &by, &why).await {
                        Ok(_) => erased += 1,
                        // Another process was quicker.
                        Err(ServiceError::Erased) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(erased)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_that_names_most_holds() {
        let rules = ["*:*=3650", "till_receipt:*=365", "*:human_review=keep", "till_receipt:auto_approve=30"];
        let retention =
            Retention { rules: rules.iter().map(|text| text.parse().unwrap()).collect(), ..Retention::default() };
        let rule = |kind, decision| retention.rule(kind, decision).unwrap().to_string();
        assert_eq!(rule(DocumentKind::TillReceipt, Decision::AutoApprove), "till_receipt:auto_approve=30");
        assert_eq!(rule(DocumentKind::TillReceipt, Decision::HumanReview), "till_receipt:*=365");
        assert_eq!(rule(DocumentKind::VatInvoice, Decision::HumanReview), "*:human_review=keep");
        assert_eq!(rule(DocumentKind::VatInvoice, Decision::AutoApprove), "*:*=3650");
        assert!(Retention::default().rule(DocumentKind::VatInvoice, Decision::AutoApprove).is_none());
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in ["", "till_receipt=3", "a:b=3", "*:*=0", "*:*=-1", "*:*=never", "*:auto_approve", "*:*=99999"] {
            assert_eq!(text.parse::<Rule>(), Err(NoRule), "{text}");
        }
    }
}
