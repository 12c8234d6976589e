//! Asking who issued a paper: the operator's registry, and a verifier over HTTP. Neither is asked unless configured.
//!
//! Whatever a verifier does, it costs at most its deadline and a bounded read, and ends in an answer or in `unanswered`.

mod registry;
mod verifier;

pub use registry::{Registry, RegistryError};
pub use verifier::{Verifier, VerifierError};

use crate::domain::Reading;
use crate::domain::issuer::{IssuerFact, IssuerOutcome, IssuerQuestion, IssuerSource};

/// Who can be asked.
#[derive(Default)]
pub struct Issuers {
    /// The operator's list.
    pub registry: Option<Registry>,
    /// The service to ask.
    pub verifier: Option<Verifier>,
}

impl Issuers {
    /// What each source says of each document that asks for money, in the order of the documents. Blocks for as long as a
    /// verifier takes.
    pub fn look_up(&self, readings: &[Reading]) -> Vec<IssuerFact> {
        let mut facts = Vec::new();
        let mut given_up = false;
        for (document, reading) in readings.iter().enumerate() {
            let Some(question) = IssuerQuestion::of(reading) else { continue };
            let registered = self.registry.as_ref().map(|registry| registry.fact(document, &question));
            if let Some(verifier) = &self.verifier {
                // One question without an answer holds the claim: the rest would only make it wait longer.
                let answer = (!given_up).then(|| verifier.ask(&question)).flatten();
                given_up |= answer.is_none();
                let outcome = answer.as_ref().map_or(IssuerOutcome::Unanswered, |a| a.issuer);
                let contradicts = registered.as_ref().is_some_and(|r| {
                    (r.outcome, outcome) == (IssuerOutcome::Matched, IssuerOutcome::Unknown)
                        || (r.outcome, outcome) == (IssuerOutcome::Mismatched, IssuerOutcome::Matched)
                });
                facts.extend(registered);
                facts.push(IssuerFact {
                    conflict: contradicts || answer.as_ref().is_some_and(|a| a.differs_from_before),
                    paper: answer.map(|a| a.paper),
                    ..IssuerFact::new(document, IssuerSource::Verifier, outcome)
                });
            } else {
                facts.extend(registered);
            }
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Decision;
    use crate::service::gate::tests::{decide, open_with};
    use crate::service::{Noted, ReplayFrom, ReplayOf};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_said_stands_in_the_record_and_decides_again_the_same() {
        let list = b"name,aliases,credit_code,level,nature,province\nSHOP 1,,,,,\n";
        let registry = || Registry::parse(list).ok();
        // Nobody listens there.
        let dead = || Verifier::new("http://127.0.0.1:1/", 60).ok();
        for (issuers, wanted) in [
            (Issuers { registry: registry(), verifier: None }, [(1, "", true), (2, "issuer_unknown", true)]),
            (
                Issuers { registry: registry(), verifier: dead() },
                [(1, "issuer_unanswered", false), (2, "issuer_unanswered", false)],
            ),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let service = open_with(dir.path(), issuers).await;
            for (n, code, sound) in wanted {
                let (_, record) = decide(&service, n).await;
                assert!(!record.evidence.facts.issuers.is_empty());
                let told = record.verdict.reasons.iter().find(|r| r.code.starts_with("issuer_"));
                assert_eq!(told.map_or("", |r| r.code.as_str()), code, "{n}");
                assert_eq!(record.verdict.is_sample_of_approvals(), sound, "{n}");
                assert!(sound || record.verdict.decision == Decision::HumanReview);
            }
            let replayed = service.records().replay(&ReplayOf::All, &ReplayFrom::Evidence).await.unwrap();
            assert_eq!((replayed.checked, replayed.identical), (2, 2));
            assert_eq!(service.records().audit_verify(&Noted::default()).await.unwrap().faults, []);
        }
    }
}
