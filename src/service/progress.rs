//! How far a claim has come, as its sender is told: the stages that it went through, where it is, what comes next, and
//! the day that was promised. Never an outcome.

use super::ClaimState;
use super::review::{ClaimReview, ReviewState, time};
use crate::domain::Message;
use crate::domain::review::{Act, StepKind};
use crate::store::reviews::CaseFile;
use serde::Serialize;

/// How far a claim has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Progress {
    /// What it goes through, in order.
    pub stages: Vec<Stage>,
    /// By when a person rules, RFC 3339 in UTC, as long as that is promised; `null` while nothing is. Later by every
    /// moment that papers are awaited.
    pub promised_by: Option<String>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Stage {
    /// `received`, `read`, `with_person`, `awaiting_papers`, `decided` or `withdrawn`; more may be added.
    #[schema(example = "with_person")]
    pub code: &'static str,
    /// In both languages.
    #[schema(value_type = Object)]
    pub message: Message,
    /// Whether it is over, is now, or comes.
    pub state: StageState,
    /// When it began, RFC 3339 in UTC; of one that is over at once, when it was.
    pub at: Option<String>,
}

/// Whether a stage is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    /// It is over.
    Done,
    /// It is now.
    Now,
    /// It comes.
    Next,
}

use StageState::{Done, Next, Now};

fn stage(code: &'static str, state: StageState, at: Option<String>) -> Stage {
    let (en, zh) = match (code, state) {
        ("received", _) => ("Received", "已收到"),
        ("read", Done) => ("Read", "已识别"),
        ("read", _) => ("Being read", "正在识别"),
        ("with_person", Done) => ("A person looked at it", "人工审核完成"),
        ("with_person", Now) => ("With a person", "人工审核中"),
        ("with_person", Next) => ("A person goes on with it", "继续人工审核"),
        ("awaiting_papers", Done) => ("Your papers came", "已收到补充材料"),
        ("awaiting_papers", _) => ("Waiting for your papers", "等待您补充材料"),
        ("withdrawn", _) => ("Withdrawn", "已撤回"),
        (_, Done) => ("Decided", "已有结论"),
        _ => ("Decision", "作出结论"),
    };
    Stage { code, message: Message { en: en.to_owned(), zh: zh.to_owned() }, state, at }
}

/// How far the claim of a file has come.
pub(super) fn progress(file: &CaseFile, review: Option<&ClaimReview>) -> Progress {
    let acts = || file.happened.iter().map(|happened| (&happened.event, &happened.at));
    let read = acts().find(|(event, _)| matches!(event.act, Act::Held | Act::Approved)).map(|(_, at)| at.clone());
    let asked = last_step(file, StepKind::PhotosAsked);
    let mut stages = vec![stage("received", Done, Some(file.claim.created_at.clone()))];
    let is_read = read.is_some();
    stages.push(stage("read", if is_read { Done } else { Now }, read.clone()));
    let opened = file.case.as_ref().map(|case| time(case.opened));
    let decided = file.claim.decision.as_ref().map(|decision| decision.decided_at.clone()).or(read);
    let state = review.map(|review| review.state);
    match (file.claim.state, state) {
        (_, Some(ReviewState::Withdrawn)) => {
            stages.retain(|stage| stage.state == Done);
            stages.push(stage("withdrawn", Done, last_step(file, StepKind::Withdrawn)));
        }
        (_, Some(ReviewState::WaitingForPerson)) => {
            let came = last_step(file, StepKind::PhotosAdded);
            stages.extend(came.map(|at| stage("awaiting_papers", Done, Some(at))));
            stages.push(stage("with_person", Now, opened));
            stages.push(stage("decided", Next, None));
        }
        (_, Some(ReviewState::WaitingForYou)) => {
            stages.push(stage("with_person", Done, opened));
            stages.push(stage("awaiting_papers", Now, asked));
            stages.push(stage("with_person", Next, None));
            stages.push(stage("decided", Next, None));
        }
        (_, Some(ReviewState::Decided)) => {
            stages.push(stage("with_person", Done, opened));
            let by_people = [StepKind::Decided, StepKind::Seconded, StepKind::Agreed];
            let ruled = by_people.into_iter().filter_map(|kind| last_step(file, kind)).max().or(decided);
            stages.push(stage("decided", Done, ruled));
        }
        (ClaimState::Processing, None) => stages.push(stage("decided", Next, None)),
        (_, None) => stages.push(stage("decided", Done, decided)),
    }
    let is_promised = matches!(state, Some(ReviewState::WaitingForPerson | ReviewState::WaitingForYou));
    Progress { stages, promised_by: review.filter(|_| is_promised).map(|review| review.due_at.clone()) }
}

/// When the last step of a kind was taken.
fn last_step(file: &CaseFile, kind: StepKind) -> Option<String> {
    let is_it = |act: &Act| matches!(act, Act::Step(step) if step.kind == kind);
    file.happened.iter().rfind(|happened| is_it(&happened.event.act)).map(|happened| happened.at.clone())
}
