//! What an admin says of how people work: kept as a whole with each change, which is logged.

use super::work::stamp;
use super::{Actor, Records, ServiceError};
use crate::domain::canonical_json;
use crate::store::StoreError;
use crate::store::settings::{RawSetting, Setting};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

impl Records {
    /// Keeps a setting, if it was last changed by the entry `seen`; else `None`.
    pub(super) async fn change_setting(
        &self,
        setting: Setting,
        value: &impl Serialize,
        actor: &Actor,
        seen: Option<i64>,
    ) -> Result<Option<RawSetting>, ServiceError> {
        let act = RawSetting {
            setting,
            entry: 0,
            at: stamp(Timestamp::now()),
            value: String::from_utf8_lossy(&canonical_json(value)).into_owned(),
            reviewer: actor.name().map(str::to_owned),
            salt: rand::random::<[u8; 16]>().to_vec(),
        };
        Ok(self.store.change_setting(act, seen).await?)
    }
}

/// What a change says.
pub(super) fn value<T: DeserializeOwned>(act: &RawSetting) -> Result<T, StoreError> {
    let altered = |_| StoreError::Corrupt(format!("the {} that are kept are altered", act.setting.subject()));
    serde_json::from_str(&act.value).map_err(altered)
}
