//! The figures of the operation.

use super::{Service, ServiceError};
use crate::decision::Policy;
use crate::models::{Certificate, PREVALENCE_PPM, RiskModel};
use serde_json::{Value, json};

impl Service {
    /// How many claims stand where, how they were decided, what bound on wrong approvals was earned, the gate, and
    /// whether people ruled by when it was promised.
    ///
    /// # Errors
    /// If the store cannot tell.
    pub async fn stats(&self) -> Result<Value, ServiceError> {
        let [states, decisions] = self.0.records.store.counts().await?;
        let policy = &*self.policy().await?;
        let gate = self.0.records.gate(policy).await?;
        let promises = self.promises().await?;
        Ok(json!({
            "claims": states, "decisions": decisions, "guarantee": guarantee(policy), "gate": gate, "promises": promises,
        }))
    }
}

/// What the certificate bears out of a policy's limit on wrong approvals. Shares, not per cent.
pub(super) fn guarantee(policy: &Policy) -> Value {
    let (model, certificate) = (RiskModel::in_force(), Certificate::in_force());
    let share = |ppm: u32| f64::from(ppm) / 1e6;
    let step = certificate.step(model, policy.wrong_approvals_ppm());
    let earned = step.map(|step| {
        json!({
            "bound": step.bound(), "confidence": 0.95, "largest_risk_approved": share(step.limit_ppm),
            "genuine": step.genuine, "genuine_approved": step.approved, "genuine_approved_misread": step.misread,
            "altered": step.altered, "altered_approved": step.missed,
        })
    });
    json!({
        "limit": share(policy.wrong_approvals_ppm()), "share_altered_assumed": share(PREVALENCE_PPM),
        "date": certificate.date, "model": model.hash, "certificate": certificate.hash, "earned": earned,
    })
}
