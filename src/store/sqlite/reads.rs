//! The rows of readings in SQLite.

use super::{SqliteRows, lossy, lossy_or_null};
use crate::store::StoreError;
use crate::store::reads::{RawRead, ReadRows};
use crate::store::walk::{Named, Names};
use async_trait::async_trait;
use sqlx::Row;

#[async_trait]
impl ReadRows for SqliteRows {
    async fn keep_reads(&mut self, reads: &[(String, RawRead)]) -> Result<(), StoreError> {
        for (claim, read) in reads {
            sqlx::query("INSERT INTO reads (entry, claim, at, what, reader, salt) VALUES (?, ?, ?, ?, ?, ?)")
                .bind(read.entry)
                .bind(claim)
                .bind(&read.at)
                .bind(&read.what)
                .bind(&read.reader)
                .bind(&read.salt)
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(())
    }

    async fn reads_in(&mut self, names: &Names) -> Result<Vec<Named<RawRead>>, StoreError> {
        let select = "SELECT CAST(claim AS BLOB), entry, CAST(at AS BLOB), CAST(what AS BLOB), \
                      CAST(reader AS BLOB), salt FROM reads";
        self.named(select, "claim", names, "claim, entry", |r| {
            let [at, what] = [lossy(r, 2)?, lossy(r, 3)?];
            Ok(RawRead { entry: r.try_get(1)?, at, what, reader: lossy_or_null(r, 4)?, salt: r.try_get(5)? })
        })
        .await
    }
}
