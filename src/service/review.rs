//! What people do with claims that a person has to look at: the queue, one case, and the steps taken with it.

use super::actor::Actor;
use super::tasks::{self, TaskView};
use super::work::stamp;
use super::{Service, ServiceError};
use crate::domain::review::{
    Act, Case, CaseState, CaseVerdict, Correction, StepKind, StepRefusal, Wish, at_stake, is_value_of,
};
use crate::domain::skills::{Language, Skill};
use crate::domain::tasks::{Clocks, DAY, TaskKind};
use crate::domain::{Claim, ClaimId, Fen, FieldName, Record, Tenant};
use crate::store::reviews::{
    CaseCounts, CaseFile, CaseOrder, CasePlace, CaseQuery, Content, Happened, NewStep, QueuedCase, RawCase,
    ReviewTransaction, TaskQuery,
};
use crate::store::{ClaimState, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The longest note, in characters.
pub const LONGEST_NOTE: usize = 2000;

/// Of so many most urgent cases one is drawn, where the first is above the limit of drawing.
const DRAWN_FROM: u32 = 20;

/// By which rules people review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewTerms {
    /// Above this amount an approval takes two people. Default 10,000.00.
    pub second_above: Fen,
    /// Above this amount nobody chooses which case comes next: it is drawn. Default 5,000.00.
    pub random_above: Fen,
    /// Share of verdicts that another person gives again without knowing of the first, in millionths; 0 for none.
    /// Default 20,000, which is 2 %.
    pub blind_pairs_ppm: u32,
    /// How long what is to be done may take.
    pub clocks: Clocks,
}

impl Default for ReviewTerms {
    fn default() -> Self {
        let clocks = Clocks::default();
        Self { second_above: Fen(1_000_000), random_above: Fen(500_000), blind_pairs_ppm: 20_000, clocks }
    }
}

/// Why a step cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviewRefusal {
    /// Whoever asks has no name.
    #[error("whoever reviews has to say who they are")]
    ReviewerUnknown,
    /// The case does not allow it now, or not to them.
    #[error(transparent)]
    Step(#[from] StepRefusal),
    /// The case is not as whoever asks saw it last.
    #[error("the case went on since you looked at it: look again")]
    Changed,
    /// The note is missing or too long.
    #[error("`note` must be 1 to 2000 characters")]
    NoteInvalid,
    /// The reason does not go with the verdict.
    #[error("`reason` of {} must be {}", .0.as_str(), one_of(.0.reasons()))]
    ReasonInvalid(CaseVerdict),
    /// A value cannot be put right like this.
    #[error("`{field}` of document {document} cannot be put right: {why}")]
    CorrectionInvalid {
        /// Of which document.
        document: usize,
        /// Which field, as given.
        field: String,
        /// Why not.
        why: String,
    },
    /// A person has the claim before them.
    #[error("a person has the claim before them; there is no verdict to appeal from")]
    ReviewOpen,
    /// The claim was taken back.
    #[error("the claim was withdrawn; send it again as a new one")]
    Withdrawn,
    /// The claim waits for its decision.
    #[error("the claim is not decided yet")]
    Undecided,
    /// No person has the claim before them.
    #[error("photos can be added while a person has the claim before them; an appeal puts it there")]
    PhotosNotTaken,
    /// There is no such task that somebody could say is done.
    #[error("the case has no task `{}` that is not done and that no verdict ends", .0.as_str())]
    TaskNotOpen(TaskKind),
    /// It was asked within a day when it goes on; seconds until it can be asked again.
    #[error("you asked within the last day; what you were told then still holds")]
    NudgedAlready(u64),
    /// There is no such photo to stand for.
    #[error("`replaces` is {0}, and the claim has no such photo")]
    ReplacesInvalid(usize),
}

fn one_of(codes: &[&str]) -> String {
    if codes.is_empty() { "left out".to_owned() } else { format!("one of {}", codes.join(", ")) }
}

/// A case of the queue.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct CaseSummary {
    /// Name of its claim here.
    #[schema(value_type = String, example = "clm_06ah1g8q00c8f3m3c5n0u0k4ts")]
    pub id: ClaimId,
    /// Where it stands now.
    pub state: CaseState,
    /// When the claim was accepted, RFC 3339 in UTC.
    pub submitted_at: String,
    /// When the case was opened last, RFC 3339 in UTC.
    #[schema(example = "2026-03-05T08:00:00.000Z")]
    pub opened_at: String,
    /// Until when a person has to rule, RFC 3339 in UTC; later by every moment that photos are awaited.
    #[schema(example = "2026-04-04T08:00:00.000Z")]
    pub due_at: String,
    /// Whether the clock stands still.
    pub paused: bool,
    /// Who works on it.
    #[schema(example = "rv-017")]
    pub holder: Option<String>,
    /// Until when, without a further step, RFC 3339 in UTC.
    pub held_until: Option<String>,
    /// Whether one person approved and another has to agree.
    pub second: bool,
    /// Codes of what holds the claim, or why no decision could be made.
    #[schema(example = json!(["total_in_words_differs"]))]
    pub reasons: Vec<String>,
    /// Kind of the first paper.
    #[schema(example = "medical_outpatient_bill")]
    pub kind: Option<String>,
    /// What its papers are written in, as far as they were read; `en` for whatever is in Latin letters.
    pub languages: Vec<Language>,
    /// Asked for, or what the papers come to.
    #[schema(example = "993.54")]
    pub amount: Option<String>,
    /// ISO 4217, if the sender named one.
    pub currency: Option<String>,
    /// How many papers, or photos that were not read.
    pub documents: i64,
    /// How likely approving is wrong, in millionths; `null` if that was not judged.
    pub wrong_approval_ppm: Option<i64>,
    /// Whether it was opened by an appeal.
    pub appeal: bool,
    /// Whether it was put before the others, by somebody or since something is over its time.
    pub escalated: bool,
    /// When the claimant asked last when it goes on, as long as nobody ruled; RFC 3339 in UTC.
    pub nudged_at: Option<String>,
    /// What is to be done with it, and what of it is done.
    pub tasks: Vec<TaskView>,
    /// Name of the claim at the sender's.
    pub external_id: Option<String>,
    /// What was ruled, of one that is closed or waits for photos.
    pub verdict: Option<CaseVerdict>,
    /// Things that happened to it: also its ETag.
    pub steps: i64,
}

/// How many cases stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct QueueCounts {
    /// Nobody works on them.
    pub open: i64,
    /// Somebody does.
    pub held: i64,
    /// They wait for a second approval.
    pub second: i64,
    /// They wait for photos.
    pub waiting: i64,
    /// Whoever asks works on them.
    pub mine: i64,
}

/// A page of the queue.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct QueuePage {
    /// In the order asked for, cases that were escalated first.
    pub cases: Vec<CaseSummary>,
    /// Hand this back as `cursor` for the next page; `null` on the last.
    pub next: Option<String>,
    /// Of all cases, whatever was asked for.
    pub counts: QueueCounts,
    /// What whoever asks works on; `null` if nothing is said of them, and they work on everything.
    pub skill: Option<Skill>,
}

/// Something that happened to a case.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct StepView {
    /// Which, from 0.
    pub n: usize,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Who; `null` for the program, and for senders who name nobody.
    pub by: Option<String>,
    /// `opened`, `claimed`, `released`, `taken_over`, `decided`, `seconded`, `paired`, `agreed`, `parted`, `undone`,
    /// `escalated`, `noted`, `appealed`, `withdrawn`, `nudged`, `task_done`, `overdue`, `photos_asked` or
    /// `photos_added`.
    #[schema(value_type = String, example = "decided")]
    pub kind: &'static str,
    /// What was ruled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub verdict: Option<CaseVerdict>,
    /// What was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub note: Option<String>,
    /// The code of the reason; of an opening `machine`, or `failed` if no decision could be made; the kind of the task
    /// that was done or is overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// Values put right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub corrections: Vec<Correction>,
    /// Place in the audit log.
    pub entry: i64,
}

/// A case with everything that a person needs to rule.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct CaseView {
    /// As the queue shows it.
    #[serde(flatten)]
    pub summary: CaseSummary,
    /// What was submitted besides photos.
    pub claim: Option<Claim>,
    /// The result as `/v1/claims/{id}` gives it; `null` if no decision could be made.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    /// What happened, in order.
    pub timeline: Vec<StepView>,
    /// What whoever asks may do now: `claim`, `takeover`, `release`, `decide`, `escalate`, `note`, `undo`.
    #[schema(value_type = Vec<String>, example = json!(["release", "decide", "escalate", "note"]))]
    pub may: Vec<&'static str>,
    /// What they may not, with the code of the problem that it would be.
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({ "undo": "nothing_to_undo" }))]
    pub may_not: BTreeMap<&'static str, &'static str>,
    /// Above this amount an approval takes two people.
    #[schema(example = "10000.00")]
    pub needs_second_above: String,
    /// Until when the last verdict can be taken back by whoever gave it, RFC 3339 in UTC.
    pub undo_until: Option<String>,
    /// Whether photos came that are being read: until then nobody rules.
    pub reading: bool,
}

/// Where a claim stands with the people who look at it, as its sender is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ClaimReview {
    /// Who has to do something.
    pub state: ReviewState,
    /// What was ruled, once it is told.
    pub verdict: Option<CaseVerdict>,
    /// The code of the reason.
    pub reason: Option<String>,
    /// Until when a person rules, RFC 3339 in UTC.
    pub due_at: String,
    /// Whether that time is over and nobody ruled.
    pub late: bool,
    /// When it was asked last when it goes on, as long as nobody ruled; RFC 3339 in UTC.
    pub nudged_at: Option<String>,
    /// Values that a person put right for this verdict.
    pub corrections: Vec<Correction>,
}

/// Who has to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// A person looks at it.
    WaitingForPerson,
    /// Photos are asked for.
    WaitingForYou,
    /// Nobody: it is ruled.
    Decided,
    /// Nobody: the claim was taken back.
    Withdrawn,
}

/// Which cases of the queue are asked for.
#[derive(Debug, Clone, Default)]
pub struct QueueAsk {
    /// In any of these states; without, those that a person has to rule on.
    pub states: Vec<CaseState>,
    /// Only those that whoever asks holds.
    pub mine: bool,
    /// With this code among the reasons.
    pub reason: Option<String>,
    /// Whose first paper is of this kind.
    pub kind: Option<String>,
    /// With a paper in this language.
    pub language: Option<Language>,
    /// Only those that whoever asks works on, if an admin said so. Of what they hold nothing is left out.
    pub suited: bool,
    /// Of at least this amount.
    pub min: Option<Fen>,
    /// Of at most this amount.
    pub max: Option<Fen>,
    /// Whose name begins like this, or whose name at the sender's is this.
    pub named: Option<String>,
    /// Of this tenant.
    pub tenant: Option<Tenant>,
    /// With such a task that is not done.
    pub task: Option<TaskKind>,
    /// In which order.
    pub order: QueueOrder,
    /// How many.
    pub limit: u32,
}

/// By what the queue is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueueOrder {
    /// What is due first.
    #[default]
    Due,
    /// What is likeliest to be wrong to approve; what was not judged first.
    Risk,
    /// What was opened first.
    Oldest,
    /// What asks for most.
    Amount,
}

impl QueueOrder {
    /// Every order, by its name in queries and cursors.
    pub const ALL: [(&'static str, Self); 4] =
        [("due", Self::Due), ("risk", Self::Risk), ("oldest", Self::Oldest), ("amount", Self::Amount)];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, order)| *order == self).map_or("due", |(name, _)| name)
    }

    fn stored(self) -> CaseOrder {
        match self {
            Self::Due => CaseOrder::Due,
            Self::Risk => CaseOrder::Risk,
            Self::Oldest => CaseOrder::Oldest,
            Self::Amount => CaseOrder::Amount,
        }
    }
}

/// A verdict as somebody gives it.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// What.
    pub verdict: CaseVerdict,
    /// Why, in words.
    pub note: String,
    /// Why, by its code.
    pub reason: Option<String>,
    /// Document, field and value of each value put right.
    pub corrections: Vec<(usize, String, String)>,
}

/// How somebody asks for a step.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// How many things had happened to the case when they looked at it, if they say so.
    pub seen: Option<i64>,
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// RFC 3339 in UTC of milliseconds since 1970.
pub(crate) fn time(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map(stamp).unwrap_or_default()
}

pub(super) fn checked_note(note: &str) -> Result<String, ReviewRefusal> {
    // Blanks around it count, as the API's document says.
    let is_long = note.chars().count() > LONGEST_NOTE;
    let note = note.trim();
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    match note.is_empty() || is_long || note.contains(is_odd) {
        true => Err(ReviewRefusal::NoteInvalid),
        false => Ok(note.to_owned()),
    }
}

/// What stands right by the last verdict that was not taken back.
fn standing(happened: &[Happened]) -> Result<Vec<Ruled>, StoreError> {
    let mut given: Vec<Ruled> = Vec::new();
    for step in happened.iter().filter_map(|happened| happened.step.as_ref()) {
        let Some(kind) = StepKind::of_logged(&step.kind) else { continue };
        let approves = step.verdict.as_deref() == Some(CaseVerdict::Approve.as_str());
        let mut ruled = Ruled { kind, approves, reason: step.reason.clone(), corrections: step.content()?.corrections };
        match kind {
            StepKind::Undone => drop(given.pop()),
            StepKind::Decided | StepKind::PhotosAsked | StepKind::Paired | StepKind::Agreed | StepKind::Parted => {
                given.push(ruled);
            }
            StepKind::Seconded => {
                // Who agrees agrees to the values as well.
                if approves && let Some(first) = given.last() {
                    ruled.corrections.clone_from(&first.corrections);
                }
                given.push(ruled);
            }
            _ => {}
        }
    }
    Ok(given)
}

/// What goes with a verdict.
#[derive(Clone)]
struct Ruled {
    kind: StepKind,
    approves: bool,
    reason: Option<String>,
    corrections: Vec<Correction>,
}

fn corrected(record: Option<&Record>, given: &[(usize, String, String)]) -> Result<Vec<Correction>, ReviewRefusal> {
    let readings = record.map_or(&[][..], |record| &record.evidence.readings);
    let mut out: Vec<Correction> = Vec::new();
    for (document, name, value) in given {
        let refused = |why: &str| ReviewRefusal::CorrectionInvalid {
            document: *document,
            field: if is_name(name) { name.clone() } else { "?".to_owned() },
            why: why.to_owned(),
        };
        let reading = readings.get(*document).ok_or_else(|| refused("there is no such document"))?;
        let field = FieldName::ALL.iter().copied().find(|field| field.as_str() == name);
        let field = field.ok_or_else(|| refused("there is no such field"))?;
        is_value_of(field, value).map_err(|form| refused(&format!("the value must be {form}")))?;
        if out.iter().any(|other| (other.document, other.field) == (*document, field)) {
            return Err(refused("it is given twice"));
        }
        let from = reading.value(field).map(str::to_owned);
        out.push(Correction { document: *document, field, from, to: value.clone() });
    }
    Ok(out)
}

/// Whether a field's name as given may be repeated: it is none of a person's words.
fn is_name(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

impl Service {
    pub(super) fn terms(&self) -> &ReviewTerms {
        &self.0.reviews
    }

    fn due(&self, running_since: i64) -> String {
        time(self.due_millis(running_since))
    }

    fn due_millis(&self, running_since: i64) -> i64 {
        running_since + i64::from(self.terms().clocks.decide) * DAY
    }

    /// A page of the queue. `cursor` is what the page before gave.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for a cursor that no page gave, or the store's.
    pub async fn queue(&self, ask: &QueueAsk, cursor: Option<&str>, actor: &Actor) -> Result<QueuePage, ServiceError> {
        let now = now();
        let after = cursor.map(|cursor| place(cursor, ask.order).ok_or(ServiceError::NotFound)).transpose()?;
        let who = actor.name().unwrap_or_default();
        let skill = self.0.records.skill_of(who).await?;
        let suited = skill.clone().filter(|_| ask.suited && !ask.mine);
        let query = CaseQuery { after, limit: ask.limit + 1, skill: suited, ..self.query(ask, who, now) };
        let mut found = self.0.records.store.cases(query.clone()).await?;
        let more = found.len() > ask.limit as usize;
        found.truncate(ask.limit as usize);
        let next = found.last().filter(|_| more).map(|last| {
            let CasePlace(rank, key, claim) = query.place(last.id.as_str(), &last.case);
            format!("{}.{rank}.{key}.{claim}", ask.order.name())
        });
        let CaseCounts { open, held, second, waiting, mine } =
            self.0.records.store.case_counts(now, who, ask.tenant.as_ref()).await?;
        let mut cases = Vec::with_capacity(found.len());
        for queued in found {
            let is_blind = queued.case.blind.is_some();
            let seen = self.queued_for(queued, who, now).await?;
            // For them it stands elsewhere than for others.
            if !is_blind || query.states.contains(&seen.case.state(now)?) {
                cases.push(self.summary(seen, now)?);
            }
        }
        Ok(QueuePage { cases, next, counts: QueueCounts { open, held, second, waiting, mine }, skill })
    }

    /// A case of the queue as somebody sees it.
    pub(super) async fn queued_for(&self, queued: QueuedCase, who: &str, now: i64) -> Result<QueuedCase, ServiceError> {
        if queued.case.blind.is_none() {
            return Ok(queued);
        }
        let file = self.0.records.store.case_file(&queued.id).await?.ok_or(ServiceError::NotFound)?;
        let file = file.shown_to(who, now);
        Ok(QueuedCase { steps: tasks::taken(&file)?, case: file.row.clone().unwrap_or(queued.case), ..queued })
    }

    pub(super) fn query(&self, ask: &QueueAsk, who: &str, now: i64) -> CaseQuery {
        let states = match (ask.mine, ask.states.is_empty()) {
            (true, _) => vec![CaseState::Held],
            (false, true) => vec![CaseState::Open, CaseState::Held, CaseState::Second],
            (false, false) => ask.states.clone(),
        };
        CaseQuery {
            states,
            holder: ask.mine.then(|| who.to_owned()),
            reason: ask.reason.clone(),
            kind: ask.kind.clone(),
            language: ask.language,
            min: ask.min,
            max: ask.max,
            named: ask.named.clone(),
            tenant: ask.tenant.clone(),
            task: ask.task.map(|kind| TaskQuery { kinds: vec![kind], ..TaskQuery::default() }),
            who: Some(who.to_owned()).filter(|who| !who.is_empty()),
            order: ask.order.stored(),
            limit: ask.limit,
            now,
            ..CaseQuery::default()
        }
    }

    fn summary(&self, queued: QueuedCase, now: i64) -> Result<CaseSummary, StoreError> {
        let QueuedCase { id, created_at, external_id, case, steps } = queued;
        let tasks = tasks::shown(tasks::of_row(self, &case, &steps, now)?, now);
        let held = case.held(now);
        let (state, codes, amount, ppm) = (case.state(now)?, case.codes(), case.fen(), case.ppm());
        let languages = case.languages();
        let RawCase { phase, rank, clock, opened, paused, appeal, verdict, steps, kind, documents, .. } = case;
        let RawCase { currency, nudged, .. } = case;
        Ok(CaseSummary {
            id,
            state,
            submitted_at: created_at,
            opened_at: time(opened),
            due_at: self.due(clock + paused.map_or(0, |since| (now - since).max(0))),
            paused: paused.is_some(),
            held_until: held.as_ref().map(|holder| time(holder.until)),
            holder: held.map(|holder| holder.name),
            second: phase == "second",
            reasons: codes,
            kind,
            languages,
            amount: amount.map(|amount| amount.to_string()),
            currency,
            documents,
            wrong_approval_ppm: ppm,
            appeal: appeal != 0,
            escalated: rank == 0,
            nudged_at: nudged.map(time),
            tasks,
            external_id,
            verdict: verdict.as_deref().and_then(CaseVerdict::parse),
            steps,
        })
    }

    /// One case, as somebody sees it.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if there is none, [`ServiceError::Erased`], or the store's.
    pub async fn case(&self, id: &ClaimId, actor: &Actor) -> Result<CaseView, ServiceError> {
        let file = self.0.records.store.case_file(id).await?.ok_or(ServiceError::NotFound)?;
        self.case_view(file, actor)
    }

    pub(super) fn case_view(&self, file: CaseFile, actor: &Actor) -> Result<CaseView, ServiceError> {
        if file.is_erased() {
            return Err(ServiceError::Erased);
        }
        let now = now();
        let file = file.shown_to(actor.name().unwrap_or_default(), now);
        let (Some(case), Some(row)) = (&file.case, file.row.clone()) else { return Err(ServiceError::NotFound) };
        let timeline = file.happened.iter().enumerate().filter_map(|(n, happened)| step_view(n, happened).transpose());
        let timeline = timeline.collect::<Result<_, _>>()?;
        let (mut may, mut may_not) = (Vec::new(), BTreeMap::new());
        for (verb, taken) in actor.name().map(|who| case.may(who, now)).unwrap_or_default() {
            match taken {
                Ok(_) => may.push(verb),
                Err(refusal) => drop(may_not.insert(verb, refusal.code())),
            }
        }
        let (created_at, external_id) =
            (file.claim.created_at.clone(), file.claim.claim.as_ref().map(|c| c.id.clone()));
        let steps = tasks::taken(&file)?;
        let queued = QueuedCase { id: file.claim.id.clone(), created_at, external_id, case: row, steps };
        let undo_until = case.undoable.as_ref().filter(|undo| undo.until > now).map(|undo| time(undo.until));
        Ok(CaseView {
            summary: self.summary(queued, now)?,
            claim: file.claim.claim.clone(),
            result: super::result_of(&file.claim)?,
            timeline,
            may,
            may_not,
            needs_second_above: self.terms().second_above.to_string(),
            undo_until,
            reading: case.reading,
        })
    }

    /// Where a claim stands with people, as its sender is told; `None` if nobody has ever had to look.
    pub(super) fn told(&self, file: &CaseFile) -> Result<Option<ClaimReview>, StoreError> {
        let (Some(case), now) = (&file.case, now()) else { return Ok(None) };
        let state = match case.state(now) {
            _ if case.withdrawn => ReviewState::Withdrawn,
            CaseState::Closed if case.is_settled(now) => ReviewState::Decided,
            CaseState::Waiting if case.is_settled(now) && !case.reading => ReviewState::WaitingForYou,
            _ => ReviewState::WaitingForPerson,
        };
        let is_told = state != ReviewState::WaitingForPerson;
        let by_person = is_told && case.verdict.is_some() && !is_by_machine(file);
        let ruled = if by_person { standing(&file.happened)?.pop() } else { None };
        Ok(Some(ClaimReview {
            state,
            verdict: case.verdict.filter(|_| is_told),
            reason: ruled.as_ref().and_then(|ruled| ruled.reason.clone()),
            due_at: self.due(case.running_since(now)),
            late: state == ReviewState::WaitingForPerson && now > self.due_millis(case.running_since(now)),
            // What a person ruled must not show by it before it is told.
            nudged_at: case.nudged.filter(|_| !is_told).map(time),
            corrections: ruled.map(|ruled| ruled.corrections).unwrap_or_default(),
        }))
    }

    pub(super) async fn begin(&self, id: &ClaimId, ask: Ask<'_>) -> Result<ReviewTransaction, ServiceError> {
        let tx = self.0.records.store.begin_review(id).await?.ok_or(ServiceError::NotFound)?;
        allowed(&tx.file, ask)?;
        Ok(tx)
    }

    /// Works on a case, also in the place of whoever holds it, if it is to be taken over.
    ///
    /// # Errors
    /// A [`ReviewRefusal`], [`ServiceError::NotFound`], [`ServiceError::Erased`], or the store's.
    pub async fn claim_case(&self, id: &ClaimId, ask: Ask<'_>, takeover: bool) -> Result<CaseView, ServiceError> {
        let wish = Wish::Claim { takeover };
        // Asked first without the write lock: of many who want the same case all but one are told so at once.
        let file = self.0.records.store.case_file(id).await?.ok_or(ServiceError::NotFound)?;
        let (who, case) = allowed(&file, ask)?;
        take(&file, case, wish, who, now())?;
        self.simple(id, ask, wish, None).await
    }

    /// Lets go of a case.
    ///
    /// # Errors
    /// As [`Self::claim_case`].
    pub async fn release_case(&self, id: &ClaimId, ask: Ask<'_>) -> Result<CaseView, ServiceError> {
        self.simple(id, ask, Wish::Release, None).await
    }

    /// Puts a case before the others and lets go of it.
    ///
    /// # Errors
    /// As [`Self::claim_case`].
    pub async fn escalate_case(&self, id: &ClaimId, ask: Ask<'_>, note: &str) -> Result<CaseView, ServiceError> {
        self.simple(id, ask, Wish::Escalate, Some(checked_note(note)?)).await
    }

    /// Notes something.
    ///
    /// # Errors
    /// As [`Self::claim_case`].
    pub async fn note_case(&self, id: &ClaimId, ask: Ask<'_>, note: &str) -> Result<CaseView, ServiceError> {
        self.simple(id, ask, Wish::Note, Some(checked_note(note)?)).await
    }

    /// Takes the last verdict back.
    ///
    /// # Errors
    /// As [`Self::claim_case`].
    pub async fn undo_case(&self, id: &ClaimId, ask: Ask<'_>) -> Result<CaseView, ServiceError> {
        self.simple(id, ask, Wish::Undo, None).await
    }

    async fn simple(
        &self,
        id: &ClaimId,
        ask: Ask<'_>,
        wish: Wish,
        note: Option<String>,
    ) -> Result<CaseView, ServiceError> {
        let tx = self.begin(id, ask).await?;
        let (who, case) = allowed(&tx.file, ask)?;
        let at = Timestamp::now();
        let kind = take(&tx.file, case, wish, who, at.as_millisecond())?;
        let content = Content { note, ..Content::default() };
        let step = NewStep { content, ..step(kind, Some(who)) };
        self.case_view(tx.record(step, &stamp(at)).await?, ask.actor)
    }

    /// Rules on a case.
    ///
    /// # Errors
    /// As [`Self::claim_case`].
    pub async fn decide_case(&self, id: &ClaimId, ask: Ask<'_>, ruling: Ruling) -> Result<CaseView, ServiceError> {
        let Ruling { verdict, note, reason, corrections } = ruling;
        let note = checked_note(&note)?;
        let codes = verdict.reasons();
        let fits = reason.as_deref().map_or(codes.is_empty(), |code| codes.contains(&code));
        if !fits {
            return Err(ReviewRefusal::ReasonInvalid(verdict).into());
        }
        let mut tx = self.begin(id, ask).await?;
        let (who, case) = allowed(&tx.file, ask)?;
        let at = Timestamp::now();
        let kind = take(&tx.file, case, Wish::Decide(verdict), who, at.as_millisecond())?;
        let (can_pair, is_third) = (case.can_pair(), case.parted.is_some());
        let record = tx.file.record()?;
        let corrections = match (kind, corrections.as_slice()) {
            (StepKind::Seconded, [(document, field, _), ..]) => {
                let why = "a second approval takes the values of the first; do not agree if they are wrong".to_owned();
                let field = if is_name(field) { field.clone() } else { "?".to_owned() };
                return Err(ReviewRefusal::CorrectionInvalid { document: *document, field, why }.into());
            }
            (_, given) => corrected(record.as_ref(), given)?,
        };
        let readings = record.as_ref().map_or(&[][..], |record| &record.evidence.readings);
        let stake = at_stake(tx.file.claim.claim.as_ref(), readings, &corrections);
        let kind = match kind {
            StepKind::Decided if can_pair && self.is_drawn(&mut tx, who).await? => StepKind::Paired,
            StepKind::Agreed if verdict == CaseVerdict::Approve && !has_approved_alike(&tx.file, &corrections)? => {
                StepKind::Parted
            }
            kind => kind,
        };
        // The third of a pair that differed may agree with one of the two: these are two people.
        let alone = !(is_third && has_approved_alike(&tx.file, &corrections)?);
        let is_one_of_two = kind != StepKind::Seconded && verdict == CaseVerdict::Approve && alone;
        let second = is_one_of_two && stake.is_none_or(|stake| stake > self.terms().second_above);
        let content = Content { note: Some(note), corrections, photos: Vec::new() };
        let of = step(kind, Some(who));
        let step = NewStep { verdict: Some(verdict), reason: reason.as_deref(), second, content, ..of };
        self.case_view(tx.record(step, &stamp(at)).await?, ask.actor)
    }

    /// Whether a first verdict is one of those that another person gives again. Nobody can foresee it, and whoever
    /// takes it back and rules again does not draw again. None is where fewer than two others ruled lately: there would
    /// be no third where the two differ.
    async fn is_drawn(&self, tx: &mut ReviewTransaction, who: &str) -> Result<bool, ServiceError> {
        let share = self.terms().blind_pairs_ppm;
        Ok(share > 0 && tx.lot()? < share && tx.who_rule_besides(who).await? >= 2)
    }

    /// Gives somebody the most urgent case that nobody holds and that they may rule on; `None` if there is none.
    ///
    /// # Errors
    /// As [`Self::claim_case`].
    pub async fn next_case(&self, ask: &QueueAsk, actor: &Actor) -> Result<Option<CaseView>, ServiceError> {
        let who = actor.name().ok_or(ReviewRefusal::ReviewerUnknown)?;
        let states = vec![CaseState::Open, CaseState::Second];
        let skill = if ask.suited { self.0.records.skill_of(who).await? } else { None };
        let mut query = CaseQuery { states, skill, limit: DRAWN_FROM, ..self.query(ask, who, now()) };
        loop {
            let mut found = self.0.records.store.cases(query.clone()).await?;
            let Some(last) = found.last() else { return Ok(None) };
            query.after = Some(query.place(last.id.as_str(), &last.case));
            let is_drawn = |queued: &QueuedCase| queued.case.fen().is_none_or(|fen| fen > self.terms().random_above);
            if found.first().is_some_and(is_drawn) {
                let drawn: Vec<usize> = (0..found.len()).filter(|n| is_drawn(&found[*n])).collect();
                let chosen = drawn[rand::random_range(0..drawn.len())];
                found[..=chosen].rotate_right(1);
            }
            for queued in found {
                let Some(tx) = self.0.records.store.begin_review(&queued.id).await? else { continue };
                let at = Timestamp::now();
                let wish = Wish::Claim { takeover: false };
                // Somebody else may have taken it meanwhile, or it is not for this person.
                let Some(Ok(kind)) = tx.file.case.as_ref().map(|case| case.take(wish, who, at.as_millisecond())) else {
                    continue;
                };
                return Ok(Some(self.case_view(tx.record(step(kind, Some(who)), &stamp(at)).await?, actor)?));
            }
        }
    }

    /// Opens the case of a claim whose verdict somebody does not agree with: a person who did not rule before looks at it.
    ///
    /// # Errors
    /// A [`ReviewRefusal`], [`ServiceError::NotFound`], [`ServiceError::Erased`], or the store's.
    pub async fn appeal(&self, id: &ClaimId, actor: &Actor, note: Option<&str>) -> Result<(), ServiceError> {
        let note = note.map(checked_note).transpose()?;
        let tx = self.0.records.store.begin_review(id).await?.ok_or(ServiceError::NotFound)?;
        let at = Timestamp::now();
        let is_ruled =
            |case: &Case| case.state(at.as_millisecond()) == CaseState::Closed && case.is_settled(at.as_millisecond());
        match (tx.file.claim.state, &tx.file.case) {
            (ClaimState::Erased, _) => return Err(ServiceError::Erased),
            (ClaimState::Processing, _) => return Err(ReviewRefusal::Undecided.into()),
            (_, Some(case)) if case.withdrawn => return Err(ReviewRefusal::Withdrawn.into()),
            (_, Some(case)) if !is_ruled(case) => return Err(ReviewRefusal::ReviewOpen.into()),
            _ => {}
        }
        tx.record(noted(StepKind::Appealed, actor, note), &stamp(at)).await?;
        tracing::info!(claim = %id, "appealed");
        Ok(())
    }

    /// Closes the case of a claim that is taken back, wherever it stands; nothing opens it again. What is recorded stays. Of
    /// one that was taken back before nothing is recorded.
    ///
    /// # Errors
    /// A [`ReviewRefusal`], [`ServiceError::NotFound`], [`ServiceError::Erased`], or the store's.
    pub async fn withdraw(&self, id: &ClaimId, actor: &Actor, note: Option<&str>) -> Result<(), ServiceError> {
        let note = note.map(checked_note).transpose()?;
        let tx = self.0.records.store.begin_review(id).await?.ok_or(ServiceError::NotFound)?;
        if tx.file.is_erased() {
            return Err(ServiceError::Erased);
        }
        if tx.file.case.as_ref().is_some_and(|case| case.withdrawn) {
            return Ok(());
        }
        tx.record(noted(StepKind::Withdrawn, actor, note), &stamp(Timestamp::now())).await?;
        tracing::info!(claim = %id, "withdrawn");
        Ok(())
    }
}

/// A step that says nothing more than who took it.
pub(super) fn step(kind: StepKind, by: Option<&str>) -> NewStep<'_> {
    NewStep { kind, by, verdict: None, reason: None, second: false, content: Content::default(), salt: rand::random() }
}

/// A step of a claim's sender, with what they say to it.
pub(super) fn noted(kind: StepKind, actor: &Actor, note: Option<String>) -> NewStep<'_> {
    NewStep { content: Content { note, ..Content::default() }, ..step(kind, actor.name()) }
}

/// Who asks, and the case, if it is as they saw it.
pub(super) fn allowed<'f, 'a>(file: &'f CaseFile, ask: Ask<'a>) -> Result<(&'a str, &'f Case), ServiceError> {
    let who = ask.actor.name().ok_or(ReviewRefusal::ReviewerUnknown)?;
    if file.is_erased() {
        return Err(ServiceError::Erased);
    }
    let case = file.case.as_ref().ok_or(ServiceError::NotFound)?;
    if ask.seen.is_some_and(|seen| seen != file.shown_to(who, now()).happened.len() as i64) {
        return Err(ReviewRefusal::Changed.into());
    }
    Ok((who, case))
}

/// The step that somebody may take now to get what they want, as they see the case and as it is.
fn take(file: &CaseFile, case: &Case, wish: Wish, who: &str, at: i64) -> Result<StepKind, ReviewRefusal> {
    if let Cow::Owned(CaseFile { case: Some(seen), .. }) = file.shown_to(who, at) {
        seen.take(wish, who, at)?;
    }
    Ok(case.take(wish, who, at)?)
}

/// Whether somebody of a blind pair approved with the same values put right.
fn has_approved_alike(file: &CaseFile, corrections: &[Correction]) -> Result<bool, StoreError> {
    let is_alike = |ruled: &Ruled| {
        let of_pair = matches!(ruled.kind, StepKind::Paired | StepKind::Parted) && ruled.approves;
        let given = &ruled.corrections;
        of_pair && given.len() == corrections.len() && given.iter().all(|one| corrections.contains(one))
    };
    Ok(standing(&file.happened)?.iter().any(is_alike))
}

/// Whether it was a decision over added photos that closed the case.
fn is_by_machine(file: &CaseFile) -> bool {
    let closing = |act: &Act| match act {
        Act::Approved => true,
        Act::Step(step) => step.verdict.is_some(),
        Act::Held | Act::Erased => false,
    };
    let last = file.happened.iter().map(|happened| &happened.event.act).rfind(|act| closing(act));
    matches!(last, Some(Act::Approved))
}

pub(super) fn place(cursor: &str, order: QueueOrder) -> Option<CasePlace> {
    let mut parts = cursor.splitn(4, '.');
    let (name, rank, key, claim) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let claim: ClaimId = claim.parse().ok()?;
    (name == order.name()).then_some(CasePlace(rank.parse().ok()?, key.parse().ok()?, claim.to_string()))
}

fn step_view(n: usize, happened: &Happened) -> Result<Option<StepView>, StoreError> {
    let (at, entry) = (happened.at.clone(), happened.entry);
    let bare = |kind| StepView {
        n,
        at,
        by: None,
        kind,
        verdict: None,
        note: None,
        reason: None,
        corrections: Vec::new(),
        entry,
    };
    Ok(match (&happened.event.act, &happened.step) {
        (Act::Held, _) => {
            let reason = if happened.failed.is_some() { "failed" } else { "machine" };
            Some(StepView { reason: Some(reason.to_owned()), ..bare("opened") })
        }
        (Act::Approved, _) => Some(StepView { verdict: Some(CaseVerdict::Approve), ..bare("decided") }),
        (Act::Step(step), Some(raw)) => {
            let Content { note, corrections, .. } = raw.content()?;
            let (by, reason, verdict) = (step.by.clone(), raw.reason.clone(), step.verdict);
            Some(StepView { by, reason, verdict, note, corrections, ..bare(step.kind.as_str()) })
        }
        (Act::Erased | Act::Step(_), _) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_one_that_a_page_of_this_order_gave() {
        let id = ClaimId::new(7, [1; 10]);
        let cursor = format!("amount.0.-1200.{id}");
        assert_eq!(place(&cursor, QueueOrder::Amount), Some(CasePlace(0, -1200, id.to_string())));
        assert_eq!(place(&cursor, QueueOrder::Due), None);
        for wrong in ["", "due", "due.1.2", "due.1.x.clm_1", "due.1.2.3"] {
            assert_eq!(place(wrong, QueueOrder::Due), None, "{wrong}");
        }
    }

    #[test]
    fn notes_are_words_of_bearable_length() {
        assert_eq!(checked_note(" a\nb ").unwrap(), "a\nb");
        for wrong in ["", " \n ", "a\u{0}b", &"字".repeat(LONGEST_NOTE + 1)] {
            assert_eq!(checked_note(wrong), Err(ReviewRefusal::NoteInvalid));
        }
        assert!(checked_note(&"字".repeat(LONGEST_NOTE)).is_ok());
    }
}
