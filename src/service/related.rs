//! Which other claims share something with a claim: where to look when one of its papers turns out to be forged or sent
//! before.

use super::{Records, ServiceError};
use crate::domain::{ClaimId, Decision, Scope};
use crate::store::{ClaimState, SharedTrait};
use serde::Serialize;
use std::collections::BTreeSet;

/// Another claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Related {
    /// Name of the claim here.
    #[schema(value_type = String)]
    pub claim: ClaimId,
    /// How it was last decided.
    pub decision: Decision,
    /// What it shares with the claim asked about, the most telling first.
    #[schema(value_type = Vec<SharedTrait>)]
    pub shared: BTreeSet<SharedTrait>,
}

impl Records {
    /// Claims that share a picture, a number or one close to it, content, the camera or the issuer with this one, newest first
    /// and older than `before`, as far as somebody sees them; only those last decided so, if a decision is given. And the
    /// name to go on from, if there are more.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if there is no such claim, [`ServiceError::Erased`], or the store's.
    pub async fn related(
        &self,
        scope: &Scope,
        id: &ClaimId,
        decided: Option<Decision>,
        before: Option<&ClaimId>,
        limit: u32,
    ) -> Result<(Vec<Related>, Option<ClaimId>), ServiceError> {
        if self.store.claim(id).await?.ok_or(ServiceError::NotFound)?.state == ClaimState::Erased {
            return Err(ServiceError::Erased);
        }
        let (mut related, mut from) = (Vec::new(), before.cloned());
        // What is not seen neither fills a page nor says where the next begins.
        loop {
            let found =
                self.store.related(id, decided, from.as_ref(), limit + 1).await?.ok_or(ServiceError::NotFound)?;
            let last = found.last().map(|(claim, ..)| claim.clone()).filter(|_| found.len() > limit as usize);
            for (claim, decision, shared) in found {
                if *scope == Scope::All || self.store.sees(scope, &claim).await? {
                    related.push(Related { claim, decision, shared });
                }
            }
            match last {
                Some(last) if related.len() <= limit as usize => from = Some(last),
                _ => break,
            }
        }
        let more = related.len() > limit as usize;
        related.truncate(limit as usize);
        let next = related.last().filter(|_| more).map(|last| last.claim.clone());
        Ok((related, next))
    }
}
