//! Tasks of cases, with their clocks: shown, done by hand, and put before the others once their time is over. Also the
//! claimant's question when it goes on, and whether people ruled by when it was promised.

use super::actor::Actor;
use super::guidance::{Guidance, guidance};
use super::review::{
    Ask, CaseView, ClaimReview, QueueAsk, ReviewRefusal, ReviewState, allowed, checked_note, noted, place, step, time,
};
use super::work::stamp;
use super::{Service, ServiceError, result_of};
use crate::domain::review::{CaseState, CaseVerdict, Phase, StepKind, StepRefusal};
use crate::domain::tasks::{Basis, DAY, Taken, Task, TaskKind, TaskState, tasks};
use crate::domain::{ClaimId, Tenant};
use crate::store::reviews::{
    CaseFile, CasePlace, CaseQuery, Content, NewStep, Over, PromiseCounts, QueuedCase, RawCase, TaskQuery,
};
use crate::store::{ClaimState, StoreError};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the program looks whose time is over.
const EVERY: Duration = Duration::from_secs(60);

/// Cases looked at in one go.
const AT_ONCE: u32 = 100;

/// Days over which promises are counted.
const PROMISE_DAYS: i64 = 90;

/// Something to be done with a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TaskView {
    /// What.
    pub kind: TaskKind,
    /// Where it stands.
    pub state: TaskState,
    /// Since when it is to be done, RFC 3339 in UTC.
    #[schema(example = "2026-03-05T08:00:00.000Z")]
    pub since: String,
    /// By when, RFC 3339 in UTC; `null` where the claimant is awaited. Later by every moment that papers are awaited.
    #[schema(example = "2026-03-10T08:00:00.000Z")]
    pub due_at: Option<String>,
    /// Whether it was done, or stays undone, after its time.
    pub late: bool,
    /// Who works on it, or did it.
    #[schema(example = "rv-017")]
    pub who: Option<String>,
    /// When it was done, RFC 3339 in UTC.
    pub done_at: Option<String>,
    /// Whether somebody can say now that it is done: a verdict ends the others.
    pub by_hand: bool,
}

impl TaskView {
    fn of(task: Task, now: i64) -> Self {
        Self {
            kind: task.kind,
            state: task.state,
            since: time(task.since),
            due_at: task.due.map(time),
            late: task.is_late(now),
            by_hand: is_by_hand(&task),
            done_at: task.done.map(time),
            who: task.who,
        }
    }
}

/// Whether somebody can say of a task that it is done.
fn is_by_hand(task: &Task) -> bool {
    !task.kind.is_ruling() && task.state != TaskState::Done && task.due.is_some()
}

/// A task of a case.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct CaseTask {
    /// The task.
    #[serde(flatten)]
    pub task: TaskView,
    /// Name of the case's claim here.
    #[schema(value_type = String, example = "clm_06ah1g8q00c8f3m3c5n0u0k4ts")]
    pub case: ClaimId,
    /// Name of the claim at the sender's.
    pub external_id: Option<String>,
    /// Where the case stands.
    pub case_state: CaseState,
    /// Whether the case was put before the others.
    pub escalated: bool,
    /// When the claimant asked last when it goes on, as long as nobody ruled; RFC 3339 in UTC.
    pub nudged_at: Option<String>,
}

/// A page of tasks.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TaskPage {
    /// By case, those that were put before the others first, then what is due first.
    pub tasks: Vec<CaseTask>,
    /// Hand this back as `cursor` for the next page; `null` on the last.
    pub next: Option<String>,
}

/// Which tasks are asked for.
#[derive(Debug, Clone, Default)]
pub struct TaskAsk {
    /// Of this kind; without, those of cases that are not ruled.
    pub kind: Option<TaskKind>,
    /// Only of cases that whoever asks holds.
    pub mine: bool,
    /// Only those whose time is over.
    pub overdue: bool,
    /// Of this tenant.
    pub tenant: Option<Tenant>,
    /// Of how many cases.
    pub limit: u32,
}

/// What becomes of a claimant's question when it goes on.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct NudgeView {
    /// Name of the claim here.
    #[schema(value_type = String, example = "clm_06ah1g8q00c8f3m3c5n0u0k4ts")]
    pub id: ClaimId,
    /// When it was asked, RFC 3339 in UTC.
    pub nudged_at: String,
    /// From when on it can be asked again, RFC 3339 in UTC.
    pub again_at: String,
    /// Where the claim stands with people.
    pub review: ClaimReview,
    /// What happens next and by when.
    pub guidance: Vec<Guidance>,
}

/// Tasks of a case as it stands in the queue.
pub(super) fn of_row(service: &Service, case: &RawCase, steps: &[Taken], now: i64) -> Result<Vec<Task>, StoreError> {
    let (codes, held) = (case.codes(), case.held(now));
    let phase = Phase::parse(&case.phase).ok_or_else(|| StoreError::Corrupt("a case stands nowhere".to_owned()))?;
    let basis = Basis {
        phase,
        opened: case.opened,
        clock: case.clock,
        paused: case.paused,
        appeal: case.appeal != 0,
        verdict: case.verdict.as_deref().and_then(CaseVerdict::parse),
        codes: &codes,
        holder: held.as_ref().map(|holder| holder.name.as_str()),
        steps,
    };
    Ok(tasks(&basis, &service.terms().clocks, now))
}

/// As they are shown.
pub(super) fn shown(tasks: Vec<Task>, now: i64) -> Vec<TaskView> {
    tasks.into_iter().map(|task| TaskView::of(task, now)).collect()
}

/// What people did with a case.
pub(super) fn taken(file: &CaseFile) -> Result<Vec<Taken>, StoreError> {
    file.happened.iter().filter_map(|happened| happened.step.as_ref()).map(|step| step.taken()).collect()
}

impl Service {
    fn tasks_of(&self, file: &CaseFile, now: i64) -> Result<Vec<Task>, StoreError> {
        let Some(row) = &file.row else { return Ok(Vec::new()) };
        of_row(self, row, &taken(file)?, now)
    }

    /// From when on a task is over that began earlier.
    fn over(&self, now: i64) -> Over {
        let clocks = &self.terms().clocks;
        let since = |kind| clocks.of(kind).map(|long| time(now - long));
        let [decide, task] = [clocks.decide, clocks.task].map(|days| now - i64::from(days) * DAY);
        Over { decide, task, refuse: since(TaskKind::RefusalNotice), pay: since(TaskKind::Payment) }
    }

    /// A page of tasks that are not done. `cursor` is what the page before gave.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for a cursor that no page gave, or the store's.
    pub async fn tasks(&self, ask: &TaskAsk, cursor: Option<&str>, actor: &Actor) -> Result<TaskPage, ServiceError> {
        let now = Timestamp::now().as_millisecond();
        let order = QueueAsk::default().order;
        let after = cursor.map(|cursor| place(cursor, order).ok_or(ServiceError::NotFound)).transpose()?;
        let kinds = ask.kind.map_or(TaskKind::OF_OPEN.to_vec(), |kind| vec![kind]);
        let states = match ask.kind.and_then(TaskKind::after) {
            Some(_) => vec![CaseState::Closed],
            None => vec![CaseState::Open, CaseState::Held, CaseState::Second, CaseState::Waiting],
        };
        let queue = QueueAsk { states, mine: ask.mine, tenant: ask.tenant.clone(), ..QueueAsk::default() };
        let query = CaseQuery {
            after,
            limit: ask.limit + 1,
            task: Some(TaskQuery {
                kinds: kinds.clone(),
                over: ask.overdue.then(|| self.over(now)),
                not_raised: false,
            }),
            ..self.query(&queue, actor.name().unwrap_or_default(), now)
        };
        let mut found = self.0.records.store.cases(query.clone()).await?;
        let more = found.len() > ask.limit as usize;
        found.truncate(ask.limit as usize);
        let next = found.last().filter(|_| more).map(|last| {
            let CasePlace(rank, key, claim) = query.place(last.id.as_str(), &last.case);
            format!("{}.{rank}.{key}.{claim}", order.name())
        });
        let wanted = |task: &Task| {
            let is_over = !ask.overdue || task.state == TaskState::Overdue;
            kinds.contains(&task.kind) && task.state != TaskState::Done && is_over
        };
        let mut out = Vec::new();
        for queued in found {
            let who = actor.name().unwrap_or_default();
            let QueuedCase { id, external_id, case, steps, .. } = self.queued_for(queued, who, now).await?;
            let case_state = case.state(now)?;
            for task in of_row(self, &case, &steps, now)?.into_iter().filter(wanted) {
                out.push(CaseTask {
                    task: TaskView::of(task, now),
                    case: id.clone(),
                    external_id: external_id.clone(),
                    case_state,
                    escalated: case.rank == 0,
                    nudged_at: case.nudged.map(time),
                });
            }
        }
        Ok(TaskPage { tasks: out, next })
    }

    /// Says of a task that it is done, with what was found.
    ///
    /// # Errors
    /// A [`ReviewRefusal`], [`ServiceError::NotFound`], [`ServiceError::Erased`], or the store's.
    pub async fn finish_task(
        &self,
        id: &ClaimId,
        ask: Ask<'_>,
        kind: TaskKind,
        note: &str,
    ) -> Result<CaseView, ServiceError> {
        let note = checked_note(note)?;
        let tx = self.begin(id, ask).await?;
        let (who, _) = allowed(&tx.file, ask)?;
        let at = Timestamp::now();
        let tasks = self.tasks_of(&tx.file, at.as_millisecond())?;
        if !tasks.iter().any(|task| task.kind == kind && is_by_hand(task)) {
            return Err(ReviewRefusal::TaskNotOpen(kind).into());
        }
        let content = Content { note: Some(note), ..Content::default() };
        let done = NewStep { reason: Some(kind.as_str()), content, ..step(StepKind::TaskDone, Some(who)) };
        self.case_view(tx.record(done, &stamp(at)).await?, ask.actor)
    }

    /// Takes note that the claimant asks when it goes on, at most once a day, while a person has the claim before them:
    /// it then comes before others whose time is not over.
    ///
    /// # Errors
    /// A [`ReviewRefusal`], [`ServiceError::NotFound`], [`ServiceError::Erased`], or the store's.
    pub async fn nudge(&self, id: &ClaimId, actor: &Actor) -> Result<NudgeView, ServiceError> {
        let tx = self.0.records.store.begin_review(id).await?.ok_or(ServiceError::NotFound)?;
        let at = Timestamp::now();
        let review = self.told(&tx.file)?;
        match (tx.file.claim.state, review.map(|review| review.state)) {
            (ClaimState::Erased, _) => return Err(ServiceError::Erased),
            (_, Some(ReviewState::Withdrawn)) => return Err(ReviewRefusal::Withdrawn.into()),
            (ClaimState::Processing, _) => return Err(ReviewRefusal::Undecided.into()),
            (_, Some(ReviewState::WaitingForPerson)) => {}
            (_, Some(ReviewState::WaitingForYou)) => return Err(ReviewRefusal::Step(StepRefusal::Waiting).into()),
            (_, Some(ReviewState::Decided) | None) => return Err(ReviewRefusal::Step(StepRefusal::Closed).into()),
        }
        let last = taken(&tx.file)?.into_iter().rfind(|step| step.kind == StepKind::Nudged);
        let rests = last.map_or(0, |step| step.at + DAY - at.as_millisecond());
        if rests > 0 {
            return Err(ReviewRefusal::NudgedAlready((rests as u64).div_ceil(1000)).into());
        }
        let file = tx.record(noted(StepKind::Nudged, actor, None), &stamp(at)).await?;
        tracing::info!(claim = %id, "asked when it goes on");
        let review = self.told(&file)?.ok_or(ServiceError::Internal("a case was lost"))?;
        let guidance = guidance(file.claim.state, result_of(&file.claim)?.as_ref(), Some(&review));
        let again_at = time(at.as_millisecond() + DAY);
        Ok(NudgeView { id: id.clone(), nudged_at: stamp(at), again_at, review, guidance })
    }

    /// Puts cases before the others again and again of which something is over its time, until the service closes.
    pub(super) async fn watch_clocks(self) {
        while !self.0.closing.load(Ordering::Acquire) {
            match self.raise_overdue(Timestamp::now()).await {
                Ok(0) => {}
                Ok(raised) => tracing::info!(raised, "cases over their time were put before the others"),
                Err(error) => tracing::warn!(%error, "cases over their time could not all be put before the others"),
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Puts cases before the others of which something is over its time by now; gives how many.
    ///
    /// # Errors
    /// The store's; what was put before the others by then stays so.
    pub async fn raise_overdue(&self, now: Timestamp) -> Result<u64, ServiceError> {
        let at = now.as_millisecond();
        let states = vec![CaseState::Open, CaseState::Held, CaseState::Second];
        let kinds = TaskKind::OF_OPEN.to_vec();
        let mut query = CaseQuery {
            limit: AT_ONCE,
            task: Some(TaskQuery { kinds, over: Some(self.over(at)), not_raised: true }),
            ..self.query(&QueueAsk { states, ..QueueAsk::default() }, "", at)
        };
        let mut raised = 0;
        loop {
            let found = self.0.records.store.cases(query.clone()).await?;
            let Some(last) = found.last() else { return Ok(raised) };
            query.after = Some(query.place(last.id.as_str(), &last.case));
            for queued in found {
                let Some(tx) = self.0.records.store.begin_review(&queued.id).await? else { continue };
                // It may have gone on meanwhile.
                let is_raised = tx.file.case.as_ref().is_none_or(|case| case.overdue || case.escalated);
                let tasks = if is_raised { Vec::new() } else { self.tasks_of(&tx.file, at)? };
                let Some(over) = tasks.into_iter().find(|task| task.state == TaskState::Overdue) else { continue };
                let overdue = NewStep { reason: Some(over.kind.as_str()), ..step(StepKind::Overdue, None) };
                tx.record(overdue, &stamp(now)).await?;
                raised += 1;
            }
        }
    }

    /// Whether people ruled by when it was promised, over the last days.
    ///
    /// # Errors
    /// If the store cannot tell.
    pub(super) async fn promises(&self) -> Result<Value, ServiceError> {
        let now = Timestamp::now().as_millisecond();
        let days = self.terms().clocks.decide;
        let since = time(now - PROMISE_DAYS * DAY);
        let PromiseCounts { kept, broken, overdue, nudged } =
            self.0.records.store.promises(&since, i64::from(days) * DAY, now).await?;
        Ok(json!({
            "decide_days": days, "over_days": PROMISE_DAYS, "kept": kept, "broken": broken, "overdue": overdue,
            "nudged": nudged,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::reason_codes;

    #[test]
    fn tasks_are_brought_up_by_reasons_that_there_are() {
        let known = reason_codes();
        for kind in TaskKind::ALL {
            for code in kind.codes() {
                assert!(known.contains(code), "{code} of {}", kind.as_str());
            }
            for code in kind.asked_by() {
                assert!(CaseVerdict::RequestPhotos.reasons().contains(code), "{code}");
            }
        }
        for code in CaseVerdict::RequestPhotos.reasons() {
            let asked = TaskKind::ALL.iter().filter(|kind| kind.asked_by().contains(code));
            assert_eq!(asked.count(), 1, "every request waits as one task: {code}");
        }
    }
}
