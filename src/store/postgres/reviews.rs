//! The rows of cases and their steps in PostgreSQL.

use super::{PostgresRows, entry};
use crate::audit::Entry;
use crate::domain::review::CaseState;
use crate::store::reviews::{
    CASE, CaseCounts, CaseQuery, CaseRecord, PromiseCounts, RawCase, RawStep, ReviewRows, Turn, renewed,
};
use crate::store::walk::{Named, Names};
use crate::store::{LogQuery, RawPhoto, StoreError};
use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};

const CASES: &str = "SELECT claim, phase, rank, clock, opened, paused, holder, held_until, appeal, verdict, steps, \
     kind, reasons, documents, amount, currency, risk, external, nudged, blind, \
     languages FROM cases";

#[async_trait]
impl ReviewRows for PostgresRows {
    async fn keep_step(&mut self, claim: &str, step: &RawStep) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO review_steps (entry, claim, at, kind, reviewer, verdict, reason, second, replaces, content, \
             salt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(step.entry)
        .bind(claim)
        .bind(&step.at)
        .bind(&step.kind)
        .bind(&step.reviewer)
        .bind(&step.verdict)
        .bind(&step.reason)
        .bind(step.second)
        .bind(step.replaces)
        .bind(&step.content)
        .bind(&step.salt)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    async fn steps_in(&mut self, names: &Names) -> Result<Vec<Named<RawStep>>, StoreError> {
        let select = "SELECT claim, entry, at, kind, \
                      reviewer, verdict, reason, second, replaces, content, \
                      salt FROM review_steps";
        let step = |r: &PgRow| {
            let (at, kind) = (r.try_get(2)?, r.try_get(3)?);
            let (reviewer, verdict, reason) = (r.try_get(4)?, r.try_get(5)?, r.try_get(6)?);
            let (second, replaces, content, salt) = (r.try_get(7)?, r.try_get(8)?, r.try_get(9)?, r.try_get(10)?);
            let entry = r.try_get(1)?;
            Ok(RawStep { entry, at, kind, reviewer, verdict, reason, second, replaces, content, salt, cell: None })
        };
        self.named(select, "claim", names, "claim, entry", step).await
    }

    async fn steps_of(&mut self, claims: &[String]) -> Result<Vec<(String, RawStep)>, StoreError> {
        let rows = sqlx::query(
            "SELECT claim, entry, at, kind, reviewer, verdict, reason, second FROM review_steps \
             WHERE claim = ANY($1) ORDER BY claim, entry",
        );
        let step = |r: &PgRow| {
            let step = RawStep {
                entry: r.try_get(1)?,
                at: r.try_get(2)?,
                kind: r.try_get(3)?,
                reviewer: r.try_get(4)?,
                verdict: r.try_get(5)?,
                reason: r.try_get(6)?,
                second: r.try_get(7)?,
                replaces: None,
                content: None,
                salt: Vec::new(),
                cell: None,
            };
            Ok((r.try_get(0)?, step))
        };
        rows.bind(claims).fetch_all(&mut *self.tx).await?.iter().map(step).collect()
    }

    async fn promises(&mut self, since: &str, may_take: i64, now: i64) -> Result<PromiseCounts, StoreError> {
        let row = sqlx::query(
            "WITH ruled AS (SELECT c.clock, round(extract(epoch FROM max(s.at)::timestamptz) * 1000) AS at \
             FROM review_steps s JOIN cases c ON c.claim = s.claim WHERE c.phase = 'closed' AND c.verdict IS NOT NULL \
             AND s.kind IN ('review_decided', 'review_seconded', 'review_agreed') AND s.at >= $1 \
             AND s.claim NOT IN (SELECT claim FROM review_steps WHERE kind = 'claim_known') \
             GROUP BY c.claim, c.clock) SELECT \
             (SELECT count(*) FROM ruled WHERE at <= clock + $2), \
             (SELECT count(*) FROM ruled WHERE at > clock + $2), \
             (SELECT count(*) FROM cases WHERE phase IN ('open', 'second') AND paused IS NULL AND clock + $2 < $3 \
             AND claim NOT IN (SELECT claim FROM review_steps WHERE kind = 'claim_known')), \
             (SELECT count(*) FROM cases WHERE phase IN ('open', 'second') AND nudged IS NOT NULL \
             AND claim NOT IN (SELECT claim FROM review_steps WHERE kind = 'claim_known'))",
        );
        let row = row.bind(since).bind(may_take).bind(now).fetch_one(&mut *self.tx).await?;
        let [kept, broken, overdue] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
        Ok(PromiseCounts { kept, broken, overdue, nudged: row.try_get(3)? })
    }

    async fn keep_case(&mut self, claim: &str, case: &RawCase) -> Result<(), StoreError> {
        let insert = format!(
            "INSERT INTO cases (claim, {CASE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, \
             $16, $17, $18, $19, $20, $21) \
             ON CONFLICT (claim) DO UPDATE SET {}",
            renewed()
        );
        sqlx::query(AssertSqlSafe(insert))
            .bind(claim)
            .bind(&case.phase)
            .bind(case.rank)
            .bind(case.clock)
            .bind(case.opened)
            .bind(case.paused)
            .bind(&case.holder)
            .bind(case.held_until)
            .bind(case.appeal)
            .bind(&case.verdict)
            .bind(case.steps)
            .bind(&case.kind)
            .bind(&case.reasons)
            .bind(case.documents)
            .bind(case.amount)
            .bind(&case.currency)
            .bind(case.risk)
            .bind(&case.external)
            .bind(case.nudged)
            .bind(&case.blind)
            .bind(&case.languages)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    async fn cases_in(&mut self, names: &Names) -> Result<Vec<Named<RawCase>>, StoreError> {
        self.named(CASES, "claim", names, "claim", |r| RawCase::from(r, 1)).await
    }

    async fn turns(&mut self, claim: &str) -> Result<Vec<Turn>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, at, kind, payload FROM log WHERE subject = $1 \
             AND kind IN ('decision', 'claim_failed', 'claim_erased') ORDER BY seq",
        );
        let turn =
            |r: &PgRow| Ok(Turn { seq: r.try_get(0)?, at: r.try_get(1)?, kind: r.try_get(2)?, payload: r.try_get(3)? });
        rows.bind(claim).fetch_all(&mut *self.tx).await?.iter().map(turn).collect()
    }

    async fn decision_words(&mut self, claim: &str) -> Result<Vec<String>, StoreError> {
        let words = sqlx::query_scalar("SELECT decision FROM decisions WHERE claim = $1 ORDER BY id").bind(claim);
        Ok(words.fetch_all(&mut *self.tx).await?)
    }

    async fn case_page(
        &mut self,
        query: &CaseQuery,
        external: Option<&str>,
        state: CaseState,
    ) -> Result<Vec<CaseRecord>, StoreError> {
        let mut statement = query.statement(state, external, "strpos");
        let rows = statement.build().fetch_all(&mut *self.tx).await?;
        rows.iter().map(CaseRecord::from).collect()
    }

    async fn case_counts(&mut self, now: i64, who: &str, tenant: Option<&str>) -> Result<CaseCounts, StoreError> {
        // Counted in an index where nobody's claims are left out.
        let cases = match tenant {
            None => "cases",
            Some(_) => "(SELECT q.* FROM cases q JOIN claims c ON c.id = q.claim WHERE c.tenant = $3)",
        };
        let counts = format!(
            "WITH held AS (SELECT phase, holder, blind FROM {cases} AS q \
             WHERE holder IS NOT NULL AND held_until > $1), \
             seen AS (SELECT phase, holder FROM held WHERE blind IS DISTINCT FROM $2) SELECT \
             (SELECT count(*) FROM {cases} AS q WHERE phase = 'open') \
             - (SELECT count(*) FROM held WHERE phase = 'open') \
             - (SELECT count(*) FROM {cases} AS q WHERE phase = 'open' AND blind = $2 \
             AND (held_until IS NULL OR held_until <= $1)), \
             (SELECT count(*) FROM seen), \
             (SELECT count(*) FROM {cases} AS q WHERE phase = 'second') \
             - (SELECT count(*) FROM held WHERE phase = 'second'), \
             (SELECT count(*) FROM {cases} AS q WHERE phase = 'waiting'), \
             (SELECT count(*) FROM seen WHERE holder = $2)"
        );
        let mut row = sqlx::query(AssertSqlSafe(counts)).bind(now).bind(who);
        if let Some(tenant) = tenant {
            row = row.bind(tenant);
        }
        let row = row.fetch_one(&mut *self.tx).await?;
        let [open, held, second] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
        Ok(CaseCounts { open, held, second, waiting: row.try_get(3)?, mine: row.try_get(4)? })
    }

    async fn free_cases(&mut self, now: i64) -> Result<Vec<(Option<String>, String, i64)>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT CASE WHEN rank > 0 THEN kind END, CASE WHEN rank > 0 THEN languages ELSE '' END, count(*) \
             FROM cases WHERE phase IN ('open', 'second') AND (held_until IS NULL OR held_until <= $1) \
             GROUP BY 1, 2 ORDER BY 1, 2",
        );
        Ok(rows.bind(now).fetch_all(&mut *self.tx).await?)
    }

    async fn known_claims(&mut self) -> Result<Vec<String>, StoreError> {
        let known = sqlx::query_scalar("SELECT claim FROM review_steps WHERE kind = 'claim_known'");
        Ok(known.fetch_all(&mut *self.tx).await?)
    }

    async fn is_known(&mut self, claim: &str) -> Result<bool, StoreError> {
        let known = sqlx::query("SELECT 1 FROM review_steps WHERE kind = 'claim_known' AND claim = $1").bind(claim);
        Ok(known.fetch_optional(&mut *self.tx).await?.is_some())
    }

    async fn watched_steps(&mut self) -> Result<Vec<(String, RawStep)>, StoreError> {
        let watched = "SELECT claim FROM review_steps WHERE kind = 'claim_known' \
                       UNION SELECT claim FROM review_steps WHERE kind = 'review_paired'";
        let claims: Vec<String> = sqlx::query_scalar(watched).fetch_all(&mut *self.tx).await?;
        self.steps_of(&claims).await
    }

    async fn others_who_ruled(&mut self, who: &str, among: i64) -> Result<i64, StoreError> {
        let others = sqlx::query_scalar(
            "SELECT count(DISTINCT lower(reviewer)) \
             FROM (SELECT kind, reviewer FROM review_steps ORDER BY entry DESC LIMIT $2) AS late \
             WHERE kind IN ('review_decided', 'review_seconded', 'review_paired', 'review_agreed', 'review_parted') \
             AND lower(reviewer) <> lower($1)",
        );
        Ok(others.bind(who).bind(among).fetch_one(&mut *self.tx).await?)
    }

    async fn are_cases_made(&mut self) -> Result<bool, StoreError> {
        Ok(sqlx::query("SELECT 1 FROM cases_made").fetch_optional(&mut *self.tx).await?.is_some())
    }

    async fn note_cases_made(&mut self) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO cases_made (id) VALUES (1)").execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn keep_added(&mut self, claim: &str, photos: &[RawPhoto]) -> Result<(), StoreError> {
        for photo in photos {
            sqlx::query(
                "INSERT INTO photos (claim, n, source, sha256, blob, bytes, media_type, pdf_page, round) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(claim)
            .bind(photo.n)
            .bind(&photo.source)
            .bind(&photo.sha256)
            .bind(&photo.blob)
            .bind(photo.bytes)
            .bind(&photo.media_type)
            .bind(photo.pdf_page)
            .bind(photo.round)
            .execute(&mut *self.tx)
            .await?;
        }
        Ok(())
    }

    async fn leave_out(&mut self, claim: &str, n: i64, round: i64) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE photos SET left_out = $1 WHERE claim = $2 AND n = $3");
        update.bind(round).bind(claim).bind(n).execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn queue_again(&mut self, claim: &str, now: Option<&str>) -> Result<(), StoreError> {
        let job = sqlx::query(
            "INSERT INTO jobs (claim, attempts, now, fence, lease_until, not_before) \
             VALUES ($1, 0, $2, 0, '-infinity', '-infinity')",
        );
        job.bind(claim).bind(now).execute(&mut *self.tx).await?;
        let state = sqlx::query("UPDATE claims SET state = 'processing' WHERE id = $1").bind(claim);
        state.execute(&mut *self.tx).await?;
        Ok(())
    }

    async fn newest_entries(&mut self, query: &LogQuery) -> Result<Vec<Entry>, StoreError> {
        let select = "SELECT seq, at, kind, subject, payload, payload_sha256, prev_hash, hash FROM log";
        let rows = query.statement(select).build().fetch_all(&mut *self.tx).await?;
        rows.iter().map(entry).collect()
    }

    async fn readers(&mut self, entries: &[i64]) -> Result<Vec<(i64, String)>, StoreError> {
        let rows = sqlx::query_as("SELECT entry, reader FROM reads WHERE entry = ANY($1) AND reader IS NOT NULL");
        Ok(rows.bind(entries).fetch_all(&mut *self.tx).await?)
    }

    async fn acceptance(&mut self, claim: &str) -> Result<Option<String>, StoreError> {
        let payload = sqlx::query_scalar(
            "SELECT payload FROM log WHERE subject = $1 AND kind = 'claim_accepted' ORDER BY seq LIMIT 1",
        );
        Ok(payload.bind(claim).fetch_optional(&mut *self.tx).await?)
    }

    async fn claims_for_people(&mut self, after: &str, limit: i64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query_scalar(
            "SELECT id FROM claims c WHERE id > $1 AND (state = 'failed' OR EXISTS \
             (SELECT 1 FROM decisions d WHERE d.claim = c.id AND d.decision <> 'auto_approve')) ORDER BY id LIMIT $2",
        );
        Ok(rows.bind(after).bind(limit).fetch_all(&mut *self.tx).await?)
    }
}
