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
    /// name to go on from, if there are more. Those that are not seen are left out of the page.
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
        let found = self.store.related(id, decided, before, limit + 1).await?.ok_or(ServiceError::NotFound)?;
        let more = found.len() > limit as usize;
        let related = found.into_iter().take(limit as usize);
        let related = related.map(|(claim, decision, shared)| Related { claim, decision, shared });
        let mut related: Vec<Related> = related.collect();
        let next = related.last().filter(|_| more).map(|last| last.claim.clone());
        if *scope != Scope::All {
            let mut seen = Vec::new();
            for one in related {
                if self.store.sees(scope, &one.claim).await? {
                    seen.push(one);
                }
            }
            related = seen;
        }
        Ok((related, next))
    }
}
