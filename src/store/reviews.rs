//! Cases as stored: every step that somebody took, with its entry in the log, and for the queue where each case stands.
//!
//! A case follows from the decisions of its claim and from the steps ([`Case`]), both of which stand in the log. The row
//! that the queue is read from is computed anew with each of them, in the same transaction, and by verification.

use super::log::{Draft, Log};
use super::records::{claim_row, parse_claim};
use super::rows::{Rows, Session};
use super::vault::{self, Cell, Secrets, Vault};
use super::walk::{Named, Names};
use super::{
    ClaimKey, ClaimRow, ClaimState, KnownEnd, LogQuery, NewClaim, PhotoRow, RawPhoto, Store, StoreError, claim_id,
};
use crate::audit::reviews::{ReviewStep, added_photos, step_value};
use crate::audit::sealed::SealedPhoto;
use crate::audit::{Entry, PhotoCommitment, kind as logged};
use crate::domain::pairs::{Shown, shown};
use crate::domain::review::{
    Act, Case, CaseState, CaseVerdict, Correction, Event, Holder, Phase, Step, StepKind, asked,
};
use crate::domain::skills::{Language, Skill, languages};
use crate::domain::tasks::{Taken, TaskKind};
use crate::domain::{Claim, ClaimId, ContentHash, Fen, Record, Severity, Tenant, canonical_json};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{ColumnIndex, Database, Decode, Encode, QueryBuilder, Row, Type};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The amount's column of a case whose amount nobody knows.
const NO_AMOUNT: i64 = 1;

/// The risk's column of a case whose risk was not judged: before all others.
const NO_RISK: i64 = -1_000_001;

/// What a step says of the claim: sealed with it, and erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// What somebody wrote.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// Values put right.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub corrections: Vec<Correction>,
    /// Name and SHA-256 of each photo that was added.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub photos: Vec<[String; 2]>,
}

impl Content {
    /// Its canonical JSON; `None` if there is nothing in it.
    fn text(&self) -> Option<String> {
        let text = || String::from_utf8(canonical_json(self)).expect("JSON is UTF-8");
        (*self != Self::default()).then(text)
    }
}

/// A step as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawStep {
    /// As stored.
    pub entry: i64,
    /// As stored.
    pub at: String,
    /// As stored.
    pub kind: String,
    /// As stored.
    pub reviewer: Option<String>,
    /// As stored.
    pub verdict: Option<String>,
    /// As stored.
    pub reason: Option<String>,
    /// As stored.
    pub second: i64,
    /// As stored.
    pub replaces: Option<i64>,
    /// Opened if it was sealed and could be opened; else as stored.
    pub content: Option<Vec<u8>>,
    /// As stored.
    pub salt: Vec<u8>,
    /// SHA-256 of the content as it is sealed; `None` if it is not.
    pub cell: Option<ContentHash>,
}

impl RawStep {
    /// What the log should hold of it; `photos` as they were added with it.
    pub fn value(&self, claim_salt: &[u8], photos: Option<Value>) -> Value {
        let content = self.content.as_ref().map(|content| String::from_utf8_lossy(content));
        let step = ReviewStep {
            by: self.reviewer.as_deref(),
            verdict: self.verdict.as_deref(),
            reason: self.reason.as_deref(),
            second: self.second != 0,
            content: content.as_deref(),
            sealed: self.cell,
            replaces: self.replaces,
        };
        step_value(&self.salt, claim_salt, &step, photos)
    }

    /// What it says of the claim; nothing where that was erased.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn content(&self) -> Result<Content, StoreError> {
        let Some(content) = &self.content else { return Ok(Content::default()) };
        serde_json::from_slice(content).map_err(|_| vault::altered())
    }

    /// As far as tasks depend on it.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn taken(&self) -> Result<Taken, StoreError> {
        let Step { kind, by, verdict, .. } = self.step()?;
        Ok(Taken { at: millis(&self.at)?, kind, by, verdict, reason: self.reason.clone() })
    }

    fn step(&self) -> Result<Step, StoreError> {
        let kind = StepKind::of_logged(&self.kind).ok_or_else(|| malformed("a step's kind is unknown"))?;
        let verdict = self.verdict.as_deref().map(CaseVerdict::parse);
        if verdict == Some(None) || !matches!(self.second, 0 | 1) {
            return Err(malformed("a step's verdict is malformed"));
        }
        let (second, replaces) = (self.second == 1, self.replaces.is_some());
        Ok(Step { kind, by: self.reviewer.clone(), verdict: verdict.flatten(), second, replaces })
    }
}

/// Where a case stands as stored: see the table for what the numbers mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawCase {
    /// As stored.
    pub phase: String,
    /// As stored.
    pub rank: i64,
    /// As stored.
    pub clock: i64,
    /// As stored.
    pub opened: i64,
    /// As stored.
    pub paused: Option<i64>,
    /// As stored.
    pub holder: Option<String>,
    /// As stored.
    pub held_until: Option<i64>,
    /// As stored.
    pub appeal: i64,
    /// As stored.
    pub verdict: Option<String>,
    /// As stored.
    pub steps: i64,
    /// As stored.
    pub kind: Option<String>,
    /// As stored.
    pub reasons: String,
    /// As stored.
    pub documents: i64,
    /// As stored.
    pub amount: i64,
    /// As stored.
    pub currency: Option<String>,
    /// As stored.
    pub risk: i64,
    /// As stored.
    pub external: Option<String>,
    /// As stored.
    pub nudged: Option<i64>,
    /// As stored.
    pub blind: Option<String>,
    /// As stored.
    pub languages: String,
}

/// The columns of [`RawCase`], in their order.
pub(super) const CASE: &str = "phase, rank, clock, opened, paused, holder, held_until, appeal, verdict, steps, kind, \
     reasons, documents, amount, currency, risk, external, nudged, blind, languages";

/// The columns set anew where there was a row.
pub(super) fn renewed() -> String {
    let columns: Vec<String> = CASE.split(", ").map(|column| format!("{column} = excluded.{column}")).collect();
    columns.join(", ")
}

impl RawCase {
    /// The row of a case.
    pub fn of(case: &Case, steps: usize, facts: &CaseFacts, external: Option<String>) -> Self {
        Self {
            phase: case.phase.as_str().to_owned(),
            rank: rank(case),
            clock: case.clock,
            opened: case.opened,
            paused: case.paused,
            holder: case.holder.as_ref().map(|holder| holder.name.clone()),
            held_until: case.holder.as_ref().map(|holder| holder.until),
            appeal: i64::from(case.appeal),
            verdict: case.verdict.map(|verdict| verdict.as_str().to_owned()),
            steps: steps as i64,
            kind: facts.kind.clone(),
            reasons: between_blanks(facts.reasons.iter().map(String::as_str)),
            documents: facts.documents as i64,
            amount: facts.amount.map_or(NO_AMOUNT, |amount| -amount.0.max(0)),
            currency: facts.currency.clone(),
            risk: facts.risk.map_or(NO_RISK, |ppm| -i64::from(ppm)),
            external,
            nudged: case.nudged_unruled(),
            blind: case.is_ruled_for().map(str::to_owned),
            languages: between_blanks(facts.languages.iter().map(|language| language.as_str())),
        }
    }

    /// The same case after a step, its claim being what it was.
    pub fn after(&self, case: &Case, steps: usize) -> Self {
        let Self { kind, reasons, documents, amount, currency, risk, external, languages, .. } = self.clone();
        let bare = Self::of(case, steps, &CaseFacts::default(), external);
        Self { kind, reasons, documents, amount, currency, risk, languages, ..bare }
    }

    /// Codes of what holds the claim.
    pub fn codes(&self) -> Vec<String> {
        self.reasons.split_whitespace().map(str::to_owned).collect()
    }

    /// What its papers are written in.
    pub fn languages(&self) -> Vec<Language> {
        parsed(&self.languages)
    }

    /// The amount, if it is known.
    pub fn fen(&self) -> Option<Fen> {
        (self.amount != NO_AMOUNT).then_some(Fen(-self.amount))
    }

    /// How likely approving is wrong, in millionths, if that was judged.
    pub fn ppm(&self) -> Option<i64> {
        (self.risk != NO_RISK).then_some(-self.risk)
    }

    /// Who holds it now.
    pub fn held(&self, now: i64) -> Option<Holder> {
        let until = self.held_until.filter(|until| *until > now)?;
        Some(Holder { name: self.holder.clone()?, until })
    }

    /// Where it stands now.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn state(&self, now: i64) -> Result<CaseState, StoreError> {
        let phase = Phase::parse(&self.phase).ok_or_else(|| malformed("a case stands nowhere"))?;
        Ok(match phase {
            Phase::Closed => CaseState::Closed,
            Phase::Waiting => CaseState::Waiting,
            _ if self.held(now).is_some() => CaseState::Held,
            Phase::Open => CaseState::Open,
            Phase::Second => CaseState::Second,
        })
    }

    /// From the columns of [`CASE`], which begin at `first`.
    pub(super) fn from<'r, R: Row>(row: &'r R, first: usize) -> Result<Self, sqlx::Error>
    where
        usize: ColumnIndex<R>,
        String: Decode<'r, R::Database> + Type<R::Database>,
        i64: Decode<'r, R::Database> + Type<R::Database>,
    {
        Ok(Self {
            phase: row.try_get(first)?,
            rank: row.try_get(first + 1)?,
            clock: row.try_get(first + 2)?,
            opened: row.try_get(first + 3)?,
            paused: row.try_get(first + 4)?,
            holder: row.try_get(first + 5)?,
            held_until: row.try_get(first + 6)?,
            appeal: row.try_get(first + 7)?,
            verdict: row.try_get(first + 8)?,
            steps: row.try_get(first + 9)?,
            kind: row.try_get(first + 10)?,
            reasons: row.try_get(first + 11)?,
            documents: row.try_get(first + 12)?,
            amount: row.try_get(first + 13)?,
            currency: row.try_get(first + 14)?,
            risk: row.try_get(first + 15)?,
            external: row.try_get(first + 16)?,
            nudged: row.try_get(first + 17)?,
            blind: row.try_get(first + 18)?,
            languages: row.try_get(first + 19)?,
        })
    }
}

/// Words as a column holds them that is searched for each of them.
fn between_blanks<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let all: String = words.map(|word| format!(" {word}")).collect();
    if all.is_empty() { all } else { all + " " }
}

/// The languages of a column.
fn parsed(languages: &str) -> Vec<Language> {
    languages.split_whitespace().filter_map(Language::parse).collect()
}

/// What was put before the others comes first, then what the insured person asked about.
fn rank(case: &Case) -> i64 {
    match (case.escalated || case.overdue, case.nudged_unruled()) {
        (true, _) => 0,
        (false, Some(_)) => 1,
        (false, None) => 2,
    }
}

/// What a reviewer finds cases by, besides where they stand. Of an erased claim there is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseFacts {
    /// Of the first paper.
    pub kind: Option<String>,
    /// Codes of what holds the claim.
    pub reasons: Vec<String>,
    /// How many.
    pub documents: usize,
    /// Asked for.
    pub amount: Option<Fen>,
    /// Of the amount, if the sender named one.
    pub currency: Option<String>,
    /// How likely approving is wrong, in millionths.
    pub risk: Option<u32>,
    /// What its papers are written in.
    pub languages: BTreeSet<Language>,
}

impl CaseFacts {
    /// Of a claim with its last record, if there is one; `failed` is the code if no decision could be made since, with the
    /// number of photos.
    pub fn of(claim: Option<&Claim>, record: Option<&Record>, failed: Option<(&str, usize)>) -> Self {
        let readings = record.map_or(&[][..], |record| &record.evidence.readings);
        let verdict = record.map(|record| &record.verdict);
        let mut reasons = Vec::new();
        let blocking = verdict.iter().flat_map(|v| &v.reasons).filter(|reason| reason.severity == Severity::Blocking);
        for code in blocking.map(|reason| &reason.code) {
            if !reasons.contains(code) {
                reasons.push(code.clone());
            }
        }
        let risk = verdict.and_then(|verdict| verdict.risk.as_ref()).map(|risk| risk.probability_ppm);
        let (reasons, documents, risk) = match failed {
            Some((code, photos)) => (vec![code.to_owned()], photos, None),
            None => (reasons, readings.len(), risk),
        };
        Self {
            kind: readings.first().map(|reading| reading.kind.as_str().to_owned()),
            reasons,
            documents,
            amount: asked(claim, readings),
            currency: claim.and_then(|claim| claim.currency.clone()),
            risk,
            languages: languages(readings),
        }
    }
}

/// An entry of the log by which a claim was decided, failed or was erased.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The entry's number.
    pub seq: i64,
    /// When.
    pub at: String,
    /// One of [`crate::audit::kind`].
    pub kind: String,
    /// Canonical JSON of hashes.
    pub payload: String,
}

/// Something that happened to a claim, with its entry in the log.
#[derive(Debug, Clone)]
pub struct Happened {
    /// The entry's number.
    pub entry: i64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What.
    pub event: Event,
    /// Why no decision could be made, in one stable word.
    pub failed: Option<String>,
    /// The step as stored, if it was one.
    pub step: Option<RawStep>,
}

impl Happened {
    /// As it is shown.
    fn shown(&self, shown: Shown) -> Option<Self> {
        let Shown::As(kind) = shown else { return (shown == Shown::AsIs).then(|| self.clone()) };
        let mut out = self.clone();
        let (Act::Step(step), Some(raw)) = (&mut out.event.act, &mut out.step) else { return Some(out) };
        (step.kind, raw.kind) = (kind, kind.logged().to_owned());
        if kind == StepKind::Released {
            (step.verdict, step.second) = (None, false);
            (raw.verdict, raw.reason, raw.content, raw.second) = (None, None, None, 0);
        }
        Some(out)
    }
}

/// What happened to a claim, in order: `words` are its decisions, in theirs.
///
/// # Errors
/// If anything of it is malformed.
pub fn happened(turns: Vec<Turn>, words: &[String], steps: Vec<RawStep>) -> Result<Vec<Happened>, StoreError> {
    let mut out = Vec::with_capacity(turns.len() + steps.len());
    let mut words = words.iter();
    for Turn { seq, at, kind, payload } in turns {
        let mut failed = None;
        let act = match kind.as_str() {
            logged::DECIDED => match words.next().map(String::as_str) {
                Some("auto_approve") => Act::Approved,
                _ => Act::Held,
            },
            logged::FAILED => {
                let payload: Value = serde_json::from_str(&payload).unwrap_or_default();
                failed = payload["code"].as_str().map(str::to_owned);
                Act::Held
            }
            _ => Act::Erased,
        };
        out.push(Happened { entry: seq, event: Event { at: millis(&at)?, act }, at, failed, step: None });
    }
    for step in steps {
        let event = Event { at: millis(&step.at)?, act: Act::Step(step.step()?) };
        out.push(Happened { entry: step.entry, at: step.at.clone(), event, failed: None, step: Some(step) });
    }
    out.sort_by_key(|happened| happened.entry);
    Ok(out)
}

/// The case that follows from what happened.
pub fn case_of(happened: &[Happened]) -> Option<Case> {
    Case::of(happened.iter().map(|happened| &happened.event))
}

/// Why no decision could be made, if that is the last that was tried.
pub fn last_failure(happened: &[Happened]) -> Option<&str> {
    let last = happened.iter().rfind(|happened| matches!(happened.event.act, Act::Held | Act::Approved));
    last?.failed.as_deref()
}

/// Milliseconds since 1970 of a time as the log tells it.
fn millis(at: &str) -> Result<i64, StoreError> {
    at.parse::<Timestamp>().map(Timestamp::as_millisecond).map_err(|_| malformed("a time is malformed"))
}

fn malformed(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}

/// A step to be recorded.
#[derive(Debug, Clone)]
pub struct NewStep<'a> {
    /// Which.
    pub kind: StepKind,
    /// Who.
    pub by: Option<&'a str>,
    /// What was ruled.
    pub verdict: Option<CaseVerdict>,
    /// The code of the reason.
    pub reason: Option<&'a str>,
    /// Whether an approval needs another person's.
    pub second: bool,
    /// What it says of the claim.
    pub content: Content,
    /// Random bytes for the log's commitment to who.
    pub salt: [u8; 16],
}

/// By what a queue is ordered; cases that were escalated come first in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CaseOrder {
    /// What is due first.
    #[default]
    Due,
    /// What is likeliest to be wrong to approve.
    Risk,
    /// What was opened first.
    Oldest,
    /// What asks for most.
    Amount,
}

impl CaseOrder {
    fn column(self) -> &'static str {
        match self {
            Self::Due => "q.clock",
            Self::Risk => "q.risk",
            Self::Oldest => "q.opened",
            Self::Amount => "q.amount",
        }
    }
}

/// A place in a queue: rank, what it is ordered by, and the claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CasePlace(pub i64, pub i64, pub String);

/// Which cases are asked for.
#[derive(Debug, Clone, Default)]
pub struct CaseQuery {
    /// In any of these states.
    pub states: Vec<CaseState>,
    /// Held by this person.
    pub holder: Option<String>,
    /// With this code among the reasons.
    pub reason: Option<String>,
    /// Whose first paper is of this kind.
    pub kind: Option<String>,
    /// With a paper in this language.
    pub language: Option<Language>,
    /// That this person works on.
    pub skill: Option<Skill>,
    /// Of at least this amount.
    pub min: Option<Fen>,
    /// Of at most this amount.
    pub max: Option<Fen>,
    /// Whose name here begins like this, or whose name at the sender's is this.
    pub named: Option<String>,
    /// Of this tenant.
    pub tenant: Option<Tenant>,
    /// With such a task.
    pub task: Option<TaskQuery>,
    /// As this person sees them: without those that are ruled for them alone.
    pub who: Option<String>,
    /// Instead of those in the states: that are ruled for this person alone.
    pub ruled_for: Option<String>,
    /// In which order.
    pub order: CaseOrder,
    /// Beyond this place.
    pub after: Option<CasePlace>,
    /// How many.
    pub limit: u32,
    /// Now, in milliseconds since 1970.
    pub now: i64,
}

impl CaseQuery {
    /// The statement for those in one state. `external` is the name sought, keyed as those of senders are, and `position`
    /// the function that tells where a text stands in another.
    pub(super) fn statement<DB: Database>(
        &self,
        state: CaseState,
        external: Option<&str>,
        position: &str,
    ) -> QueryBuilder<DB>
    where
        for<'q> &'q str: Encode<'q, DB> + Type<DB>,
        for<'q> i64: Encode<'q, DB> + Type<DB>,
    {
        let column = self.order.column();
        let mut query = QueryBuilder::new("SELECT q.claim, c.created_at, c.claim_json, c.sealed, k.wrapped");
        for column in CASE.split(", ") {
            query.push(", q.").push(column);
        }
        // Found first, so that nothing more is looked up of cases that are not on the page.
        query.push(" FROM (SELECT q.claim FROM cases q WHERE ");
        match state {
            _ if self.ruled_for.is_some() => {
                query.push("q.blind = ").push_bind(self.ruled_for.as_deref().unwrap_or_default())
            }
            CaseState::Held => query.push("q.holder IS NOT NULL AND q.held_until > ").push_bind(self.now),
            CaseState::Open | CaseState::Second => query
                .push("q.phase = ")
                .push_bind(state.as_str())
                .push(" AND (q.held_until IS NULL OR q.held_until <= ")
                .push_bind(self.now)
                .push(")"),
            CaseState::Waiting | CaseState::Closed => query.push("q.phase = ").push_bind(state.as_str()),
        };
        if let Some(holder) = &self.holder {
            query.push(" AND q.holder = ").push_bind(holder.as_str());
        }
        if let Some(reason) = &self.reason {
            let sought = format!(" {reason} ");
            query.push(format!(" AND {position}(q.reasons, ")).push_bind(sought.as_str()).push(") > 0");
        }
        if let Some(kind) = &self.kind {
            query.push(" AND q.kind = ").push_bind(kind.as_str());
        }
        if let Some(language) = self.language {
            push_language(&mut query, language, position).push(" > 0");
        }
        if let Some(skill) = &self.skill {
            push_skill(&mut query, skill, position);
        }
        // Amounts are stored below zero, and one that nobody knows above.
        if let Some(min) = self.min {
            query.push(" AND q.amount <= ").push_bind(-min.0);
        }
        if let Some(max) = self.max {
            query.push(" AND q.amount <= 0 AND q.amount >= ").push_bind(-max.0);
        }
        if let Some(named) = &self.named {
            // Beyond every name that begins like this: names are of letters before it.
            let end = format!("{named}~");
            query.push(" AND ((q.claim >= ").push_bind(named.as_str());
            query.push(" AND q.claim < ").push_bind(end.as_str()).push(")");
            if let Some(external) = external {
                query.push(" OR q.external = ").push_bind(external);
            }
            query.push(")");
        }
        if let Some(tenant) = &self.tenant {
            query.push(" AND EXISTS (SELECT 1 FROM claims t WHERE t.id = q.claim AND t.tenant = ");
            query.push_bind(tenant.as_str()).push(")");
        }
        if let Some(task) = &self.task {
            task.push(&mut query, position);
        }
        if let Some(who) = self.who.as_ref().filter(|_| self.ruled_for.is_none()) {
            // Few, and so looked up once and not for each case.
            query.push(" AND q.claim NOT IN (SELECT b.claim FROM cases b WHERE b.blind = ");
            query.push_bind(who.as_str()).push(")");
        }
        if let Some(CasePlace(rank, key, claim)) = &self.after {
            query.push(format!(" AND (q.rank, {column}, q.claim) > (")).push_bind(*rank);
            query.push(", ").push_bind(*key).push(", ").push_bind(claim.as_str()).push(")");
        }
        query.push(format!(" ORDER BY q.rank, {column}, q.claim LIMIT ")).push_bind(i64::from(self.limit));
        query.push(
            ") AS found JOIN cases q ON q.claim = found.claim JOIN claims c ON c.id = q.claim \
             LEFT JOIN claim_keys k ON k.claim = q.claim",
        );
        query
    }

    /// Where a case stands in the queue.
    pub fn place(&self, id: &str, case: &RawCase) -> CasePlace {
        let key = match self.order {
            CaseOrder::Due => case.clock,
            CaseOrder::Risk => case.risk,
            CaseOrder::Oldest => case.opened,
            CaseOrder::Amount => case.amount,
        };
        CasePlace(case.rank, key, id.to_owned())
    }
}

/// Asks of a case what one of its papers is written in; the place of that is above 0 where there is one.
fn push_language<'q, DB: Database>(
    query: &'q mut QueryBuilder<DB>,
    language: Language,
    position: &str,
) -> &'q mut QueryBuilder<DB>
where
    for<'a> &'a str: Encode<'a, DB> + Type<DB>,
{
    let sought = format!(" {} ", language.as_str());
    query.push(format!(" AND {position}(q.languages, ")).push_bind(sought.as_str()).push(")")
}

/// As [`Skill::suits`]. What was put before the others is anybody's.
fn push_skill<DB: Database>(query: &mut QueryBuilder<DB>, skill: &Skill, position: &str)
where
    for<'a> &'a str: Encode<'a, DB> + Type<DB>,
{
    query.push(" AND (q.rank = 0 OR (1 = 1");
    if !skill.kinds.is_empty() {
        query.push(" AND (q.kind IS NULL OR q.kind IN (''");
        for kind in &skill.kinds {
            query.push(", ").push_bind(kind.as_str());
        }
        query.push("))");
    }
    for language in Language::ALL.into_iter().filter(|language| !skill.reads(*language)) {
        push_language(query, language, position).push(" = 0");
    }
    query.push("))");
}

/// Cases with a task of one of these kinds that is not done, as [`crate::domain::tasks::tasks`] has them.
#[derive(Debug, Clone, Default)]
pub struct TaskQuery {
    /// Of these kinds.
    pub kinds: Vec<TaskKind>,
    /// Only those whose time is over.
    pub over: Option<Over>,
    /// Only of cases that were not put before the others.
    pub not_raised: bool,
}

/// From when on a task's time is over that began earlier; clocks in milliseconds since 1970, verdicts as RFC 3339 in UTC.
#[derive(Debug, Clone, Default)]
pub struct Over {
    /// The clock of a case, for its verdict.
    pub decide: i64,
    /// The clock of a case, for what is to be done besides.
    pub task: i64,
    /// A rejection; `None` where its notice is not followed.
    pub refuse: Option<String>,
    /// An approval; `None` where its payment is not followed.
    pub pay: Option<String>,
}

/// The last verdict that a person gave on a case.
const LAST_RULED: &str = "(SELECT max(m.entry) FROM review_steps m WHERE m.claim = q.claim AND m.kind IN \
     ('review_decided', 'review_seconded', 'review_agreed'))";

impl TaskQuery {
    fn push<DB: Database>(&self, query: &mut QueryBuilder<DB>, position: &str)
    where
        for<'q> &'q str: Encode<'q, DB> + Type<DB>,
        for<'q> i64: Encode<'q, DB> + Type<DB>,
    {
        if self.not_raised {
            query.push(" AND q.rank > 0");
        }
        // Told first of all of them together, so that the rest is asked only of those that are over something.
        if let Some(over) = self.over.as_ref().filter(|_| self.kinds.iter().all(|kind| kind.after().is_none())) {
            Self::push_over(query, Some(over.decide.max(over.task)));
        }
        query.push(" AND (1 = 0");
        for kind in &self.kinds {
            query.push(" OR (");
            match kind {
                TaskKind::RefusalNotice | TaskKind::Payment => self.push_closing(*kind, query),
                kind if kind.is_ruling() => self.push_ruling(*kind, query),
                kind => self.push_beside(*kind, query, position),
            }
            query.push(")");
        }
        query.push(")");
    }

    fn push_over<DB: Database>(query: &mut QueryBuilder<DB>, clock: Option<i64>)
    where
        for<'q> i64: Encode<'q, DB> + Type<DB>,
    {
        if let Some(clock) = clock {
            query.push(" AND q.paused IS NULL AND q.clock < ").push_bind(clock);
        }
    }

    fn push_ruling<DB: Database>(&self, kind: TaskKind, query: &mut QueryBuilder<DB>)
    where
        for<'q> i64: Encode<'q, DB> + Type<DB>,
    {
        query.push(match kind {
            TaskKind::SecondApproval => "q.phase = 'second'",
            TaskKind::Appeal => "q.phase IN ('open', 'waiting') AND q.appeal = 1",
            _ => "q.phase IN ('open', 'waiting') AND q.appeal = 0",
        });
        Self::push_over(query, self.over.as_ref().map(|over| over.decide));
    }

    fn push_beside<DB: Database>(&self, kind: TaskKind, query: &mut QueryBuilder<DB>, position: &str)
    where
        for<'q> &'q str: Encode<'q, DB> + Type<DB>,
        for<'q> i64: Encode<'q, DB> + Type<DB>,
    {
        query.push("(q.phase <> 'closed' AND (1 = 0");
        for code in kind.codes() {
            let sought = format!(" {code} ");
            query.push(format!(" OR {position}(q.reasons, ")).push_bind(sought.as_str()).push(") > 0");
        }
        query.push(
            ") AND NOT EXISTS (SELECT 1 FROM review_steps d WHERE d.claim = q.claim AND d.kind = 'review_task_done' \
             AND d.reason = ",
        );
        query.push_bind(kind.as_str()).push(")");
        Self::push_over(query, self.over.as_ref().map(|over| over.task));
        query.push(")");
        if self.over.is_none() && !kind.asked_by().is_empty() {
            query.push(
                " OR (q.phase = 'waiting' AND EXISTS (SELECT 1 FROM review_steps r WHERE r.claim = q.claim \
                 AND r.entry = (SELECT max(m.entry) FROM review_steps m WHERE m.claim = q.claim \
                 AND m.kind = 'photos_asked') AND r.reason IN (''",
            );
            for code in kind.asked_by() {
                query.push(", ").push_bind(*code);
            }
            query.push(")))");
        }
    }

    fn push_closing<DB: Database>(&self, kind: TaskKind, query: &mut QueryBuilder<DB>)
    where
        for<'q> &'q str: Encode<'q, DB> + Type<DB>,
    {
        let verdict = kind.after().map_or("", CaseVerdict::as_str);
        query.push("q.phase = 'closed' AND q.verdict = ").push_bind(verdict);
        query.push(format!(
            " AND EXISTS (SELECT 1 FROM review_steps r WHERE r.claim = q.claim AND r.entry = {LAST_RULED}"
        ));
        if let Some(over) = &self.over {
            let since = if kind == TaskKind::Payment { &over.pay } else { &over.refuse };
            // What is not followed is never over: no time comes before an empty one.
            query.push(" AND r.at < ").push_bind(since.as_deref().unwrap_or_default());
        }
        query.push(
            " AND NOT EXISTS (SELECT 1 FROM review_steps d WHERE d.claim = q.claim AND d.kind = 'review_task_done' \
             AND d.entry > r.entry AND d.reason = ",
        );
        query.push_bind(kind.as_str()).push(")) AND q.claim NOT IN ");
        query.push("(SELECT claim FROM review_steps WHERE kind = 'claim_known')");
    }
}

/// Cases of one kind and of the same languages that nobody holds and that wait for a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeCases {
    /// Of the first paper, if it was read.
    pub kind: Option<String>,
    /// What the papers are written in.
    pub languages: Vec<Language>,
    /// How many.
    pub n: u64,
}

/// A case of the queue as stored, with what its claim's name at the sender's is sealed in.
pub(super) struct CaseRecord {
    claim: String,
    created_at: String,
    claim_json: Option<String>,
    sealed: Option<Vec<u8>>,
    wrapped: Option<Vec<u8>>,
    case: RawCase,
}

impl CaseRecord {
    /// From the columns that [`CaseQuery::statement`] selects.
    pub(super) fn from<'r, R: Row>(row: &'r R) -> Result<Self, StoreError>
    where
        usize: ColumnIndex<R>,
        String: Decode<'r, R::Database> + Type<R::Database>,
        i64: Decode<'r, R::Database> + Type<R::Database>,
        Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    {
        Ok(Self {
            claim: row.try_get(0)?,
            created_at: row.try_get(1)?,
            claim_json: row.try_get(2)?,
            sealed: row.try_get(3)?,
            wrapped: row.try_get(4)?,
            case: RawCase::from(row, 5)?,
        })
    }
}

/// A case of the queue.
#[derive(Debug, Clone)]
pub struct QueuedCase {
    /// Its claim.
    pub id: ClaimId,
    /// When that was accepted, RFC 3339 in UTC.
    pub created_at: String,
    /// Its name at the sender's.
    pub external_id: Option<String>,
    /// Where it stands.
    pub case: RawCase,
    /// What people did with it.
    pub steps: Vec<Taken>,
}

/// Whether people ruled by when it was promised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PromiseCounts {
    /// Cases ruled in time.
    pub kept: i64,
    /// Cases ruled later.
    pub broken: i64,
    /// Cases that are not ruled, and whose time is over.
    pub overdue: i64,
    /// Cases of which the insured person asked when they go on, and that are not ruled.
    pub nudged: i64,
}

/// How many cases stand where, whoever asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaseCounts {
    /// Nobody holds them.
    pub open: i64,
    /// Somebody does.
    pub held: i64,
    /// They wait for a second approval, and nobody holds them.
    pub second: i64,
    /// They wait for photos.
    pub waiting: i64,
    /// Whoever asks holds them.
    pub mine: i64,
}

/// The rows of cases and their steps, within one transaction. Damaged text is given as far as it is text.
#[async_trait]
pub(super) trait ReviewRows: Send {
    async fn keep_step(&mut self, claim: &str, step: &RawStep) -> Result<(), StoreError>;
    /// By claim, and within one in order.
    async fn steps_in(&mut self, names: &Names) -> Result<Vec<Named<RawStep>>, StoreError>;
    /// Claim and step, in order, of these claims; without what a step says of its claim.
    async fn steps_of(&mut self, claims: &[String]) -> Result<Vec<(String, RawStep)>, StoreError>;
    /// Cases ruled since a time, RFC 3339 in UTC, that may take so many milliseconds, and those open now.
    async fn promises(&mut self, since: &str, may_take: i64, now: i64) -> Result<PromiseCounts, StoreError>;
    /// Instead of the row that was there.
    async fn keep_case(&mut self, claim: &str, case: &RawCase) -> Result<(), StoreError>;
    async fn cases_in(&mut self, names: &Names) -> Result<Vec<Named<RawCase>>, StoreError>;
    /// In order.
    async fn turns(&mut self, claim: &str) -> Result<Vec<Turn>, StoreError>;
    /// How a claim was decided, each time.
    async fn decision_words(&mut self, claim: &str) -> Result<Vec<String>, StoreError>;
    /// Those in one state, in the order of the query.
    async fn case_page(
        &mut self,
        query: &CaseQuery,
        external: Option<&str>,
        state: CaseState,
    ) -> Result<Vec<CaseRecord>, StoreError>;
    /// Of one tenant, if one is named.
    async fn case_counts(&mut self, now: i64, who: &str, tenant: Option<&str>) -> Result<CaseCounts, StoreError>;
    /// How many that nobody holds wait for a verdict, by kind and languages as stored; of those that were put before the
    /// others neither is told.
    async fn free_cases(&mut self, now: i64) -> Result<Vec<(Option<String>, String, i64)>, StoreError>;
    /// The claims whose end is known.
    async fn known_claims(&mut self) -> Result<Vec<String>, StoreError>;
    async fn is_known(&mut self, claim: &str) -> Result<bool, StoreError>;
    /// Claim and step, in order, of those claims by which people are watched; without what a step says of its claim.
    async fn watched_steps(&mut self) -> Result<Vec<(String, RawStep)>, StoreError>;
    /// How many people but this one ruled, among the last so many steps.
    async fn others_who_ruled(&mut self, who: &str, among: i64) -> Result<i64, StoreError>;
    async fn are_cases_made(&mut self) -> Result<bool, StoreError>;
    async fn note_cases_made(&mut self) -> Result<(), StoreError>;
    /// Beside those that are there.
    async fn keep_added(&mut self, claim: &str, photos: &[RawPhoto]) -> Result<(), StoreError>;
    /// Leaves a photo out from this addition on.
    async fn leave_out(&mut self, claim: &str, n: i64, round: i64) -> Result<(), StoreError>;
    /// Queues the work on a claim again, to be decided as of this time.
    async fn queue_again(&mut self, claim: &str, now: Option<&str>) -> Result<(), StoreError>;
    /// Newest first.
    async fn newest_entries(&mut self, query: &LogQuery) -> Result<Vec<Entry>, StoreError>;
    /// Who is named by these readings.
    async fn readers(&mut self, entries: &[i64]) -> Result<Vec<(i64, String)>, StoreError>;
    /// What the log says of a claim's acceptance.
    async fn acceptance(&mut self, claim: &str) -> Result<Option<String>, StoreError>;
    /// Claims after this one that were ever left to a person, in order.
    async fn claims_for_people(&mut self, after: &str, limit: i64) -> Result<Vec<String>, StoreError>;
}

/// Everything about the case of a claim.
#[derive(Debug, Clone)]
pub struct CaseFile {
    /// The claim.
    pub claim: ClaimRow,
    /// What happened to it.
    pub happened: Vec<Happened>,
    /// The case; `None` if no person has ever had to look.
    pub case: Option<Case>,
    /// What stands in the queue of it.
    pub row: Option<RawCase>,
    /// What its content is sealed with; `None` if it is not.
    pub seal: Option<ClaimKey>,
    /// How many photos it was decided of last, or has where it was not.
    pub photos: usize,
}

/// A step on one case, within a transaction that writes. Dropped without [`Self::record`], nothing happened.
pub struct ReviewTransaction {
    /// How it stands before the step.
    pub file: CaseFile,
    pub(super) db: Session,
    pub(super) log: Arc<Log>,
    pub(super) vault: Arc<Vault>,
    pub(super) salt: Vec<u8>,
}

impl Store {
    /// The case of a claim; `None` if there is no such claim.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn case_file(&self, id: &ClaimId) -> Result<Option<CaseFile>, StoreError> {
        Ok(load(self.read().await?.as_mut(), &self.vault, id).await?.map(|(file, _)| file))
    }

    /// Begins a step on the case of a claim; `None` if there is no such claim.
    ///
    /// # Errors
    /// If it cannot begin.
    pub async fn begin_review(&self, id: &ClaimId) -> Result<Option<ReviewTransaction>, StoreError> {
        let mut db = self.write().await?;
        let Some((file, salt)) = load(db.as_mut(), &self.vault, id).await? else { return Ok(None) };
        Ok(Some(ReviewTransaction { file, db, log: self.log.clone(), vault: self.vault.clone(), salt }))
    }

    /// A page of cases, in the order asked for.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn cases(&self, query: CaseQuery) -> Result<Vec<QueuedCase>, StoreError> {
        let external = query.named.as_ref().map(|named| self.vault.keyed("external", named)).transpose()?;
        let mut db = self.read().await?;
        let mut found = Vec::new();
        for state in CaseState::ALL.into_iter().filter(|state| query.states.contains(state)) {
            for record in db.case_page(&query, external.as_deref(), state).await? {
                found.push((query.place(&record.claim, &record.case), record));
            }
        }
        // For them these are closed, or wait for another's approval.
        let has_theirs = query.states.iter().any(|state| matches!(state, CaseState::Closed | CaseState::Second));
        if let Some(who) = query.who.as_ref().filter(|_| has_theirs) {
            let theirs = CaseQuery { ruled_for: Some(who.clone()), ..query.clone() };
            for record in db.case_page(&theirs, external.as_deref(), CaseState::Closed).await? {
                let Some((file, _)) = load(db.as_mut(), &self.vault, &claim_id(&record.claim)?).await? else {
                    continue;
                };
                let state = file.shown_to(who, query.now).row.as_ref().map(|row| row.state(query.now)).transpose()?;
                if state.is_some_and(|state| query.states.contains(&state)) {
                    found.push((query.place(&record.claim, &record.case), record));
                }
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found.truncate(query.limit as usize);
        let names: Vec<String> = found.iter().map(|(_, record)| record.claim.clone()).collect();
        let mut steps: BTreeMap<String, Vec<Taken>> = BTreeMap::new();
        for (claim, step) in db.steps_of(&names).await? {
            steps.entry(claim).or_default().push(step.taken()?);
        }
        let mut queued = |(_, record): (CasePlace, CaseRecord)| {
            let CaseRecord { claim, created_at, claim_json, sealed, wrapped, case } = record;
            let claim_json = match self.vault.secrets(&claim, sealed.as_deref(), wrapped.as_deref())? {
                Some((secrets, _)) => secrets.claim,
                None => claim_json,
            };
            let external_id = claim_json.as_deref().map(parse_claim).transpose()?.map(|claim| claim.id);
            let steps = steps.remove(&claim).unwrap_or_default();
            Ok(QueuedCase { id: claim_id(&claim)?, created_at, external_id, case, steps })
        };
        found.into_iter().map(&mut queued).collect()
    }

    /// How many cases that nobody holds wait for a verdict, by the kind of their first paper and by languages. Of those
    /// that were put before the others, which are anybody's, neither is told.
    ///
    /// # Errors
    /// If they cannot be counted.
    pub async fn free_cases(&self, now: i64) -> Result<Vec<FreeCases>, StoreError> {
        let found = self.read().await?.free_cases(now).await?;
        let free = |(kind, written, n): (_, String, i64)| FreeCases { kind, languages: parsed(&written), n: n as u64 };
        Ok(found.into_iter().map(free).collect())
    }

    /// How many cases stand where, of one tenant or of all.
    ///
    /// # Errors
    /// If they cannot be counted.
    pub async fn case_counts(&self, now: i64, who: &str, tenant: Option<&Tenant>) -> Result<CaseCounts, StoreError> {
        self.read().await?.case_counts(now, who, tenant.map(Tenant::as_str)).await
    }

    /// Names of the claims whose end was known when they were sent.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn known(&self) -> Result<BTreeSet<String>, StoreError> {
        Ok(self.read().await?.known_claims().await?.into_iter().collect())
    }

    /// What people did with the claims by which they are watched, claim by claim and in order.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn watched(&self) -> Result<Vec<Vec<Taken>>, StoreError> {
        let mut by_claim: BTreeMap<String, Vec<Taken>> = BTreeMap::new();
        for (claim, step) in self.read().await?.watched_steps().await? {
            by_claim.entry(claim).or_default().push(step.taken()?);
        }
        Ok(by_claim.into_values().collect())
    }

    /// Whether cases ruled since a time, RFC 3339 in UTC, were ruled within so many milliseconds.
    ///
    /// # Errors
    /// If they cannot be counted.
    pub async fn promises(&self, since: &str, may_take: i64, now: i64) -> Result<PromiseCounts, StoreError> {
        self.read().await?.promises(since, may_take, now).await
    }
}

/// A claim's case with the salt of the log's commitments.
async fn load(db: &mut dyn Rows, vault: &Vault, id: &ClaimId) -> Result<Option<(CaseFile, Vec<u8>)>, StoreError> {
    let name = id.as_str();
    let Some(record) = db.claim(name).await? else { return Ok(None) };
    let secrets = vault.secrets(name, record.sealed.as_deref(), record.wrapped.as_deref())?;
    let (seal, salt) = match secrets {
        Some((secrets, key)) => (Some(key), secrets.salt()?),
        None => (None, db.auditable(name).await?.map(|row| row.salt).unwrap_or_default()),
    };
    let mut happened = history(db, name).await?;
    for step in happened.iter_mut().filter_map(|happened| happened.step.as_mut()) {
        open_step(step, seal.as_ref());
    }
    let row = db.cases_in(&Names::one(name)).await?.pop().map(|(_, case)| case);
    let photos = db.photos(name).await?.iter().filter(|photo| photo.left_out.is_none()).count();
    let (claim, case) = (claim_row(vault, record)?, case_of(&happened));
    let file = CaseFile { claim, case, happened, row, seal, photos };
    Ok(Some((file, salt)))
}

/// Opens what a step says of its claim, if it is sealed and opens.
pub(super) fn open_step(step: &mut RawStep, key: Option<&ClaimKey>) {
    let (Some(key), Some(stored)) = (key, &step.content) else { return };
    step.cell = Some(ContentHash::of(stored));
    if let Some(opened) = key.open(Cell::Step, stored) {
        step.content = Some(opened);
    }
}

/// Names and hashes of the photos that came later, each time: they are sealed in the steps.
pub(super) fn added_names(steps: &[RawStep]) -> Vec<Vec<[String; 2]>> {
    let added = steps.iter().filter(|step| step.kind == StepKind::PhotosAdded.logged());
    added.map(|step| step.content().unwrap_or_default().photos).collect()
}

/// Notes of a claim that is being accepted how it has to end.
pub(super) async fn mark_known(
    db: &mut dyn Rows,
    log: &Log,
    vault: &Vault,
    new: &NewClaim,
    end: &KnownEnd,
) -> Result<(), StoreError> {
    let (at, id) = (&new.created_at, new.id.as_str());
    let mut step = RawStep {
        entry: 0,
        at: at.clone(),
        kind: StepKind::Known.logged().to_owned(),
        reviewer: end.by.clone(),
        verdict: Some(end.verdict.as_str().to_owned()),
        reason: None,
        second: 0,
        replaces: None,
        content: None,
        salt: end.salt.to_vec(),
        cell: None,
    };
    let payload = String::from_utf8(canonical_json(&step.value(&new.salt, None))).expect("JSON is UTF-8");
    step.entry = log.append(db, vec![Draft { at, kind: StepKind::Known.logged(), subject: id, payload }]).await? as i64;
    db.keep_step(id, &step).await?;
    project(db, vault, id, new.claim.as_ref(), None, new.photos.len()).await
}

/// Puts what is sealed of a claim's photos in its place, also of those that came later.
pub(super) async fn fill(
    db: &mut dyn Rows,
    claim: &str,
    photos: &mut [RawPhoto],
    secrets: Option<&(Secrets, ClaimKey)>,
) -> Result<(), StoreError> {
    let Some((secrets, key)) = secrets else { return Ok(()) };
    let mut steps = Vec::new();
    if photos.iter().any(|photo| photo.round > 0) {
        steps = db.steps_in(&Names::one(claim)).await?.into_iter().map(|(_, step)| step).collect();
        steps.iter_mut().for_each(|step| open_step(step, Some(key)));
    }
    secrets.fill(photos, &added_names(&steps));
    Ok(())
}

/// What happened to a claim, with what is sealed of it as stored.
async fn history(db: &mut dyn Rows, claim: &str) -> Result<Vec<Happened>, StoreError> {
    let (turns, words) = (db.turns(claim).await?, db.decision_words(claim).await?);
    let steps = db.steps_in(&Names::one(claim)).await?.into_iter().map(|(_, step)| step).collect();
    happened(turns, &words, steps)
}

/// Computes where the case of a claim stands and keeps it, if a person has ever had to look.
pub(super) async fn project(
    db: &mut dyn Rows,
    vault: &Vault,
    id: &str,
    claim: Option<&Claim>,
    record: Option<&Record>,
    photos: usize,
) -> Result<(), StoreError> {
    let happened = history(db, id).await?;
    let Some(case) = case_of(&happened) else { return Ok(()) };
    let is_erased = happened.iter().any(|happened| happened.event.act == Act::Erased);
    let row = match is_erased {
        true => RawCase::of(&case, happened.len(), &CaseFacts::default(), None),
        false => {
            let failed = last_failure(&happened).map(|code| (code, photos));
            let external = claim.map(|claim| vault.keyed("external", &claim.id)).transpose()?;
            RawCase::of(&case, happened.len(), &CaseFacts::of(claim, record, failed), external)
        }
    };
    db.keep_case(id, &row).await
}

/// Claims looked at in one go when the cases of earlier ones are made.
const AT_ONCE: i64 = 200;

/// Makes the cases of claims that were left to a person before there were cases. Does nothing the second time, nor where
/// what is sealed cannot be opened.
pub(super) async fn make_cases(db: &mut dyn Rows, vault: &Vault) -> Result<(), StoreError> {
    if vault.ready().is_err() || db.are_cases_made().await? {
        return Ok(());
    }
    let mut last = String::new();
    loop {
        let claims = db.claims_for_people(&last, AT_ONCE).await?;
        let Some(end) = claims.last() else { break };
        last.clone_from(end);
        for id in &claims {
            let Some(row) = db.claim(id).await? else { continue };
            // What was altered is the audit's to tell.
            let Ok(row) = claim_row(vault, row) else { continue };
            let record = row.decision.as_ref().and_then(|decision| serde_json::from_slice(&decision.record).ok());
            let photos = db.photos(id).await?.len();
            project(db, vault, id, row.claim.as_ref(), record.as_ref(), photos).await?;
        }
    }
    db.note_cases_made().await
}

/// Steps among which it is looked for others who rule.
const LATELY: i64 = 1000;

impl ReviewTransaction {
    /// A number from 0 to 999,999 that nobody can foresee, and the same each time for a claim.
    ///
    /// # Errors
    /// If the key that it is drawn with is not at hand.
    pub fn lot(&self) -> Result<u32, StoreError> {
        let drawn = self.vault.keyed("blind_pair", self.file.claim.id.as_str())?;
        let number = drawn.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        Ok(number.ok_or_else(|| malformed("a keyed text is malformed"))? % 1_000_000)
    }

    /// How many people but this one ruled lately.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn who_rule_besides(&mut self, who: &str) -> Result<i64, StoreError> {
        self.db.others_who_ruled(who, LATELY).await
    }

    /// Records a step, logs it, and gives the case as it stands then.
    ///
    /// # Errors
    /// If it cannot be committed; then nothing is recorded.
    pub async fn record(mut self, step: NewStep<'_>, at: &str) -> Result<CaseFile, StoreError> {
        self.append(step, at, None, None).await?;
        self.db.commit().await?;
        Ok(self.file)
    }

    /// Records that photos were added, whose bytes are stored, and queues the work on the claim again. `replaces` is the
    /// place of one that is left out from now on, among those that are decided of.
    ///
    /// # Errors
    /// If it cannot be committed; then nothing is recorded.
    pub async fn add_photos(
        mut self,
        step: NewStep<'_>,
        photos: &[PhotoRow],
        replaces: Option<usize>,
        at: &str,
    ) -> Result<CaseFile, StoreError> {
        let id = self.file.claim.id.to_string();
        let before = self.db.photos(&id).await?;
        let round = before.iter().map(|photo| photo.round).max().unwrap_or_default() + 1;
        let first = before.iter().map(|photo| photo.n + 1).max().unwrap_or_default();
        let mut counted = before.iter().filter(|photo| photo.counts(round));
        let left_out = replaces.map(|place| counted.nth(place).ok_or_else(|| malformed("there is no such photo")));
        let left_out = left_out.transpose()?.map(|photo| photo.n);
        let is_sealed = self.file.seal.is_some();
        let names: Vec<[String; 2]> =
            photos.iter().map(|photo| [photo.source.clone(), photo.sha256.to_string()]).collect();
        let rows: Vec<RawPhoto> = (first..)
            .zip(photos)
            .zip(&names)
            .map(|((n, photo), [source, sha256])| {
                let [source, sha256] =
                    if is_sealed { [String::new(), String::new()] } else { [source.clone(), sha256.clone()] };
                RawPhoto {
                    n,
                    source,
                    sha256,
                    bytes: photo.bytes as i64,
                    media_type: photo.media_type.clone(),
                    pdf_page: photo.pdf_page.map(i64::from),
                    page: None,
                    blob: photo.blob.to_string(),
                    round,
                    left_out: None,
                }
            })
            .collect();
        let committed = rows.iter().zip(&names).map(|(row, [source, sha256])| SealedPhoto {
            photo: PhotoCommitment {
                sha256,
                bytes: row.bytes as u64,
                media_type: &row.media_type,
                pdf_page: row.pdf_page,
                source,
            },
            blob: &row.blob,
        });
        let committed = added_photos(&self.salt, &committed.collect::<Vec<_>>(), is_sealed);
        self.db.keep_added(&id, &rows).await?;
        if let Some(n) = left_out {
            self.db.leave_out(&id, n, round).await?;
        }
        // Every decision of a claim is as of the time that came with it, if one did.
        let accepted = self.db.acceptance(&id).await?.unwrap_or_default();
        let accepted: Value = serde_json::from_str(&accepted).unwrap_or_default();
        self.db.queue_again(&id, accepted["now"].as_str()).await?;
        let step = NewStep { content: Content { photos: names, ..step.content.clone() }, ..step };
        self.append(step, at, Some(committed), left_out).await?;
        self.db.commit().await?;
        Ok(self.file)
    }

    /// Writes a step and where the case then stands.
    pub(super) async fn append(
        &mut self,
        new: NewStep<'_>,
        at: &str,
        photos: Option<Value>,
        replaces: Option<i64>,
    ) -> Result<(), StoreError> {
        let text = new.content.text();
        let sealed =
            text.as_ref().zip(self.file.seal.as_ref()).map(|(text, key)| key.seal(Cell::Step, text.as_bytes()));
        let mut step = RawStep {
            entry: 0,
            at: at.to_owned(),
            kind: new.kind.logged().to_owned(),
            reviewer: new.by.map(str::to_owned),
            verdict: new.verdict.map(|verdict| verdict.as_str().to_owned()),
            reason: new.reason.map(str::to_owned),
            second: i64::from(new.second),
            replaces,
            content: text.map(String::into_bytes),
            salt: new.salt.to_vec(),
            cell: sealed.as_deref().map(ContentHash::of),
        };
        let id = self.file.claim.id.to_string();
        let payload = String::from_utf8(canonical_json(&step.value(&self.salt, photos))).expect("JSON is UTF-8");
        let draft = Draft { at, kind: new.kind.logged(), subject: &id, payload };
        step.entry = self.log.append(self.db.as_mut(), vec![draft]).await? as i64;
        let stored = RawStep { content: sealed.or_else(|| step.content.clone()), ..step.clone() };
        self.db.keep_step(&id, &stored).await?;
        let event = Event { at: millis(at)?, act: Act::Step(step.step()?) };
        let happened = Happened { entry: step.entry, at: step.at.clone(), event, failed: None, step: Some(step) };
        self.file.happened.push(happened);
        self.file.case = case_of(&self.file.happened);
        let Some(case) = &self.file.case else { return Ok(()) };
        let steps = self.file.happened.len();
        let row = match &self.file.row {
            Some(row) => row.after(case, steps),
            None => {
                let claim = self.file.claim.claim.as_ref();
                let record = self.file.record()?;
                let external = claim.map(|claim| self.vault.keyed("external", &claim.id)).transpose()?;
                RawCase::of(case, steps, &CaseFacts::of(claim, record.as_ref(), None), external)
            }
        };
        self.db.keep_case(&id, &row).await?;
        self.file.row = Some(row);
        Ok(())
    }
}

impl CaseFile {
    /// The last record, if the claim was decided.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn record(&self) -> Result<Option<Record>, StoreError> {
        let record = self.claim.decision.as_ref().map(|decision| serde_json::from_slice(&decision.record)).transpose();
        record.map_err(|_| malformed("a stored record is malformed"))
    }

    /// As somebody sees it: see [`crate::domain::pairs`].
    pub fn shown_to(&self, who: &str, now: i64) -> Cow<'_, Self> {
        let watched = |kind| matches!(kind, StepKind::Paired | StepKind::Known);
        let is_watched = |h: &Happened| matches!(&h.event.act, Act::Step(step) if watched(step.kind));
        if !self.happened.iter().any(is_watched) {
            return Cow::Borrowed(self);
        }
        let events: Vec<&Event> = self.happened.iter().map(|happened| &happened.event).collect();
        let shown = shown(&events, who, now);
        let happened: Vec<Happened> =
            self.happened.iter().zip(shown).filter_map(|(one, shown)| one.shown(shown)).collect();
        let case = case_of(&happened).or_else(|| self.case.clone().filter(|_| !happened.is_empty()));
        let row = self.row.as_ref().zip(case.as_ref()).map(|(row, case)| row.after(case, happened.len()));
        Cow::Owned(Self { happened, case, row, ..self.clone() })
    }

    /// Whether the claim was erased.
    pub fn is_erased(&self) -> bool {
        self.claim.state == ClaimState::Erased
    }
}
