//! The rows of readings in PostgreSQL.

use super::{PostgresRows, column};
use crate::store::StoreError;
use crate::store::reads::{RawRead, ReadRows};
use crate::store::walk::{Named, Names};
use async_trait::async_trait;
use sqlx::Row;

#[async_trait]
impl ReadRows for PostgresRows {
    async fn keep_reads(&mut self, reads: &[(String, RawRead)]) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO reads (entry, claim, at, what, reader, salt) \
             SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[])",
        )
        .bind(column(reads, |(_, read)| read.entry))
        .bind(column(reads, |(claim, _)| claim.as_str()))
        .bind(column(reads, |(_, read)| read.at.as_str()))
        .bind(column(reads, |(_, read)| read.what.as_str()))
        .bind(column(reads, |(_, read)| read.reader.as_deref()))
        .bind(column(reads, |(_, read)| read.salt.as_slice()))
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn reads_in(&mut self, names: &Names) -> Result<Vec<Named<RawRead>>, StoreError> {
        let select = "SELECT claim, entry, at, what, reader, salt FROM reads";
        self.named(select, "claim", names, "claim, entry", |r| {
            let (at, what, reader) = (r.try_get(2)?, r.try_get(3)?, r.try_get(4)?);
            Ok(RawRead { entry: r.try_get(1)?, at, what, reader, salt: r.try_get(5)? })
        })
        .await
    }
}
