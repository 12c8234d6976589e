//! What an admin says of how people work, as stored: each change with its entry in the log.

use super::log::Draft;
use super::{Snapshot, Store, StoreError};
use crate::audit::settings::{cards_payload, skills_payload};
use crate::audit::{self, FaultKind, kind};
use async_trait::async_trait;

/// What can be said. Each has a table of its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// The cards that a queue shows.
    Cards,
    /// Who works on which cases.
    Skills,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Cards, Self::Skills];

    /// The subject of its entries in the log.
    pub fn subject(self) -> &'static str {
        match self {
            Self::Cards => audit::CARDS,
            Self::Skills => audit::SKILLS,
        }
    }

    /// The kind of its entries in the log.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Cards => kind::CARDS_CHANGED,
            Self::Skills => kind::SKILLS_CHANGED,
        }
    }

    /// The fault of what is not as the log has it.
    pub fn altered(self) -> FaultKind {
        match self {
            Self::Cards => FaultKind::CardsAltered,
            Self::Skills => FaultKind::SkillsAltered,
        }
    }

    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Cards => "card_acts",
            Self::Skills => "skill_acts",
        }
    }

    /// The column of what was said.
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Cards => "cards",
            Self::Skills => "skills",
        }
    }
}

/// A change as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSetting {
    /// Of what.
    pub setting: Setting,
    /// Its place in the log.
    pub entry: i64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What holds from then on, canonical JSON.
    pub value: String,
    /// By whose order.
    pub reviewer: Option<String>,
    /// Random bytes for the log's commitments.
    pub salt: Vec<u8>,
}

impl RawSetting {
    /// The payload that the log should hold of it.
    pub fn payload(&self) -> String {
        let payload = match self.setting {
            Setting::Cards => cards_payload,
            Setting::Skills => skills_payload,
        };
        payload(&self.salt, &self.value, self.reviewer.as_deref())
    }
}

/// The rows about settings, within one transaction.
#[async_trait]
pub(super) trait SettingRows: Send {
    /// In order.
    async fn setting_acts(&mut self, setting: Setting) -> Result<Vec<RawSetting>, StoreError>;
    async fn last_setting(&mut self, setting: Setting) -> Result<Option<RawSetting>, StoreError>;
    async fn keep_setting(&mut self, act: &RawSetting) -> Result<(), StoreError>;
}

impl Store {
    /// What was said last; `None` if nobody ever said anything.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn setting(&self, setting: Setting) -> Result<Option<RawSetting>, StoreError> {
        self.read().await?.last_setting(setting).await
    }

    /// Changes a setting and logs it, unless it was last changed by another entry than the one `seen` (0 for none);
    /// then nothing happens. `entry` of the act is filled in.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn change_setting(
        &self,
        mut act: RawSetting,
        seen: Option<i64>,
    ) -> Result<Option<RawSetting>, StoreError> {
        let mut db = self.write().await?;
        let last = db.last_setting(act.setting).await?.map_or(0, |last| last.entry);
        if seen.is_some_and(|seen| seen != last) {
            return Ok(None);
        }
        let (kind, subject) = (act.setting.kind(), act.setting.subject());
        let draft = Draft { at: &act.at, kind, subject, payload: act.payload() };
        act.entry = self.log.append(db.as_mut(), vec![draft]).await? as i64;
        db.keep_setting(&act).await?;
        db.commit().await?;
        Ok(Some(act))
    }
}

impl Snapshot {
    /// Every change of a setting, in order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn setting_acts(&mut self, setting: Setting) -> Result<Vec<RawSetting>, StoreError> {
        self.db.setting_acts(setting).await
    }
}
