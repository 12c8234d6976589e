//! Which cards of a case a queue shows: what is kept, and changing it, which is logged.

use super::settings::value;
use super::{Actor, Records, ServiceError};
use crate::decision::reason_codes;
use crate::domain::cards::{Cards, CardsFault};
use crate::store::settings::{RawSetting, Setting};
use serde::Serialize;

/// Why cards were not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardsRefusal {
    /// They cannot be shown so.
    #[error(transparent)]
    Invalid(#[from] CardsFault),
    /// Somebody else changed them meanwhile.
    #[error("the cards were changed since they were looked at: look at them again")]
    Changed,
}

/// The cards, and who changed them last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CardsView {
    /// Of each queue.
    pub cards: Cards,
    /// Place of the last change in the audit log; 0 while nobody changed anything. The ETag is made of it.
    pub entry: u64,
    /// When they were changed last, RFC 3339 in UTC.
    pub at: Option<String>,
    /// By whom, if that is known.
    pub by: Option<String>,
}

impl CardsView {
    fn of(act: RawSetting) -> Result<Self, ServiceError> {
        let cards = value(&act)?;
        Ok(Self { cards, entry: act.entry as u64, at: Some(act.at), by: act.reviewer })
    }
}

impl Records {
    /// Which cards a queue shows: those that were said last, or else all.
    ///
    /// # Errors
    /// If they cannot be read, or are damaged.
    pub async fn cards(&self) -> Result<CardsView, ServiceError> {
        match self.store.setting(Setting::Cards).await? {
            Some(act) => CardsView::of(act),
            None => Ok(CardsView { cards: Cards::default(), entry: 0, at: None, by: None }),
        }
    }

    /// Changes which cards a queue shows, if they are still those of the entry `seen`.
    ///
    /// # Errors
    /// [`CardsRefusal`], or the store's.
    pub async fn change_cards(
        &self,
        cards: &Cards,
        actor: &Actor,
        seen: Option<i64>,
    ) -> Result<CardsView, ServiceError> {
        cards.check(|reason| reason_codes().contains(&reason)).map_err(CardsRefusal::from)?;
        match self.change_setting(Setting::Cards, cards, actor, seen).await? {
            Some(act) => CardsView::of(act),
            None => Err(CardsRefusal::Changed.into()),
        }
    }
}
