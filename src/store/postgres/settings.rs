//! The rows about settings in PostgreSQL.

use super::PostgresRows;
use crate::store::StoreError;
use crate::store::settings::{RawSetting, Setting, SettingRows};
use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};

fn act(setting: Setting, row: &PgRow) -> Result<RawSetting, StoreError> {
    Ok(RawSetting {
        setting,
        entry: row.try_get(0)?,
        at: row.try_get(1)?,
        value: row.try_get(2)?,
        reviewer: row.try_get(3)?,
        salt: row.try_get(4)?,
    })
}

fn select(setting: Setting, order: &str) -> AssertSqlSafe<String> {
    let (column, table) = (setting.column(), setting.table());
    AssertSqlSafe(format!("SELECT entry, at, {column}, reviewer, salt FROM {table} ORDER BY entry {order}"))
}

#[async_trait]
impl SettingRows for PostgresRows {
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
        let insert = format!("INSERT INTO {table} (entry, at, {column}, reviewer, salt) VALUES ($1, $2, $3, $4, $5)");
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
