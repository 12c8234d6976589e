//! The rows about settings in SQLite.

use super::{SqliteRows, lossy, lossy_or_null};
use crate::store::StoreError;
use crate::store::settings::{RawSetting, Setting, SettingRows};
use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

fn act(setting: Setting, row: &SqliteRow) -> Result<RawSetting, StoreError> {
    Ok(RawSetting {
        setting,
        entry: row.try_get(0)?,
        at: lossy(row, 1)?,
        value: lossy(row, 2)?,
        reviewer: lossy_or_null(row, 3)?,
        salt: row.try_get(4)?,
    })
}

fn select(setting: Setting, order: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT entry, CAST(at AS BLOB), CAST({} AS BLOB), CAST(reviewer AS BLOB), salt FROM {} ORDER BY entry {order}",
        setting.column(),
        setting.table()
    ))
}

#[async_trait]
impl SettingRows for SqliteRows {
    async fn setting_acts(&mut self, setting: Setting) -> Result<Vec<RawSetting>, StoreError> {
        let rows = sqlx::query(select(setting, "")).fetch_all(&mut *self.tx).await?;
        rows.iter().map(|row| act(setting, row)).collect()
    }

    async fn last_setting(&mut self, setting: Setting) -> Result<Option<RawSetting>, StoreError> {
        let row = sqlx::query(select(setting, "DESC LIMIT 1")).fetch_optional(&mut *self.tx).await?;
        row.map(|row| act(setting, &row)).transpose()
    }

    async fn keep_setting(&mut self, act: &RawSetting) -> Result<(), StoreError> {
        let (table, column) = (act.setting.table(), act.setting.column());
        let insert = format!("INSERT INTO {table} (entry, at, {column}, reviewer, salt) VALUES (?, ?, ?, ?, ?)");
        sqlx::query(AssertSqlSafe(insert))
            .bind(act.entry)
            .bind(&act.at)
            .bind(&act.value)
            .bind(&act.reviewer)
            .bind(&act.salt)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}
