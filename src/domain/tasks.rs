//! Tasks of a case, each with its clock. They follow by rule from where the case stands and from what people did with
//! it, and are kept nowhere: what cannot be told from there, that something was done by hand, is a step like others. Times
//! are milliseconds since 1970.

use super::review::{CaseVerdict, Phase, StepKind, UNDO};
use serde::{Deserialize, Serialize};

/// A day.
pub const DAY: i64 = 86_400_000;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// A person has to rule.
    Decide,
    /// Another person has to agree to an approval.
    SecondApproval,
    /// A person who did not rule before has to look at it again.
    Appeal,
    /// A paper that the claim needs is to be asked for, or is awaited.
    MissingPapers,
    /// A better photo of a page is to be asked for, or is awaited.
    UnreadablePage,
    /// Who issued a paper is to be asked by hand: no source could tell, or one says otherwise.
    IssuerCheck,
    /// Somebody who looks into fraud is to be told: something looks altered.
    FraudReferral,
    /// The claimant is to be told of the rejection and why.
    RefusalNotice,
    /// What was approved is to be paid.
    Payment,
}

impl TaskKind {
    /// Every kind, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::SecondApproval,
        Self::Appeal,
        Self::Decide,
        Self::MissingPapers,
        Self::UnreadablePage,
        Self::IssuerCheck,
        Self::FraudReferral,
        Self::RefusalNotice,
        Self::Payment,
    ];

    /// Those of cases that are not ruled.
    pub const OF_OPEN: [Self; 7] = [
        Self::SecondApproval,
        Self::Appeal,
        Self::Decide,
        Self::MissingPapers,
        Self::UnreadablePage,
        Self::IssuerCheck,
        Self::FraudReferral,
    ];

    /// The name in JSON, and in the log of what was done by hand.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::SecondApproval => "second_approval",
            Self::Appeal => "appeal",
            Self::MissingPapers => "missing_papers",
            Self::UnreadablePage => "unreadable_page",
            Self::IssuerCheck => "issuer_check",
            Self::FraudReferral => "fraud_referral",
            Self::RefusalNotice => "refusal_notice",
            Self::Payment => "payment",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether a verdict alone ends it.
    pub fn is_ruling(self) -> bool {
        matches!(self, Self::Decide | Self::SecondApproval | Self::Appeal)
    }

    /// The codes of reasons of which one brings it up.
    pub fn codes(self) -> &'static [&'static str] {
        match self {
            Self::MissingPapers => &["papers_missing"],
            Self::UnreadablePage => &["photo_unreadable", "unreadable_quality", "retake_advised"],
            Self::IssuerCheck => &["issuer_mismatched", "issuer_unknown", "issuer_unclear", "issuer_unanswered"],
            Self::FraudReferral => &[
                "document_forged",
                "text_layer_differs",
                "other_jpeg_grid",
                "other_saves",
                "characters_copied",
                "characters_odd",
                "characters_put_in",
                "picture_of_a_picture",
                "file_edited",
                "seal_of_another_issuer",
            ],
            Self::Decide | Self::SecondApproval | Self::Appeal | Self::RefusalNotice | Self::Payment => &[],
        }
    }

    /// The codes of requests for photos by which it waits for the claimant.
    pub fn asked_by(self) -> &'static [&'static str] {
        match self {
            Self::MissingPapers => &["page_missing", "wrong_document", "other"],
            Self::UnreadablePage => &["blurred", "cut_off", "glare"],
            _ => &[],
        }
    }

    /// The verdict after which it is to be done.
    pub fn after(self) -> Option<CaseVerdict> {
        match self {
            Self::RefusalNotice => Some(CaseVerdict::Reject),
            Self::Payment => Some(CaseVerdict::Approve),
            _ => None,
        }
    }
}

/// How long each task may take, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// From a case's opening to the verdict, while no photos are awaited. Default 30.
    pub decide: u32,
    /// From a rejection to the notice of it with its reasons; 0 where that is not followed here. Default 3.
    pub refuse: u32,
    /// From an approval to the payment; 0 where that is not followed here. Default 10.
    pub pay: u32,
    /// From a case's opening to what is to be done besides ruling, while no photos are awaited. Default 5.
    pub task: u32,
}

impl Default for Clocks {
    fn default() -> Self {
        Self { decide: 30, refuse: 3, pay: 10, task: 5 }
    }
}

impl Clocks {
    /// How long a task of a kind may take; `None` if it is not followed.
    pub fn of(&self, kind: TaskKind) -> Option<i64> {
        let days = match kind {
            TaskKind::RefusalNotice if self.refuse == 0 => return None,
            TaskKind::Payment if self.pay == 0 => return None,
            TaskKind::RefusalNotice => self.refuse,
            TaskKind::Payment => self.pay,
            kind if kind.is_ruling() => self.decide,
            _ => self.task,
        };
        Some(i64::from(days) * DAY)
    }
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It is to be done.
    Open,
    /// Its clock stands still: papers are awaited.
    Paused,
    /// Its time is over.
    Overdue,
    /// It is done.
    Done,
}

/// Something to be done with a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What.
    pub kind: TaskKind,
    /// Where it stands.
    pub state: TaskState,
    /// Since when it is to be done.
    pub since: i64,
    /// By when; `None` where the claimant is awaited.
    pub due: Option<i64>,
    /// Who has it, or did it.
    pub who: Option<String>,
    /// When it was done.
    pub done: Option<i64>,
}

impl Task {
    /// Whether it was done, or stays undone, after its time.
    pub fn is_late(&self, now: i64) -> bool {
        self.state != TaskState::Paused && self.due.is_some_and(|due| self.done.unwrap_or(now) > due)
    }
}

/// A step of a person, as far as tasks depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// When.
    pub at: i64,
    /// Which.
    pub kind: StepKind,
    /// By whom.
    pub by: Option<String>,
    /// What was ruled.
    pub verdict: Option<CaseVerdict>,
    /// The code of the reason; of a task that was done, its kind.
    pub reason: Option<String>,
}

/// What tasks follow from.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// Where the case stands.
    pub phase: Phase,
    /// When it was opened last.
    pub opened: i64,
    /// When it would have been opened if its clock had never been paused.
    pub clock: i64,
    /// Since when its clock is paused.
    pub paused: Option<i64>,
    /// Whether it was opened by an appeal.
    pub appeal: bool,
    /// What was ruled.
    pub verdict: Option<CaseVerdict>,
    /// Codes of what holds the claim.
    pub codes: &'a [String],
    /// Who works on it now.
    pub holder: Option<&'a str>,
    /// What people did, in order.
    pub steps: &'a [Taken],
}

/// What is to be done with a case now, and what of it is done.
pub fn tasks(basis: &Basis<'_>, clocks: &Clocks, now: i64) -> Vec<Task> {
    TaskKind::ALL.into_iter().filter_map(|kind| basis.task(kind, clocks, now)).collect()
}

impl Basis<'_> {
    fn task(&self, kind: TaskKind, clocks: &Clocks, now: i64) -> Option<Task> {
        match kind {
            kind if kind.is_ruling() => self.ruling(kind, clocks, now),
            TaskKind::RefusalNotice | TaskKind::Payment => self.closing(kind, clocks, now),
            _ => self.beside(kind, clocks, now),
        }
    }

    /// The last step of which something holds.
    fn last(&self, holds: impl Fn(&Taken) -> bool) -> Option<&Taken> {
        self.steps.iter().rfind(|step| holds(step))
    }

    /// The verdict that a person gave on the case as it was opened last.
    fn ruled(&self) -> Option<&Taken> {
        self.last(|step| {
            matches!(step.kind, StepKind::Decided | StepKind::Seconded | StepKind::Agreed) && step.at >= self.opened
        })
    }

    fn running_since(&self, now: i64) -> i64 {
        self.clock + self.paused.map_or(0, |since| (now - since).max(0))
    }

    fn undone(&self, kind: TaskKind, since: i64, due: i64, now: i64) -> Task {
        let state = match self.paused {
            Some(_) => TaskState::Paused,
            None if now > due => TaskState::Overdue,
            None => TaskState::Open,
        };
        Task { kind, state, since, due: Some(due), who: self.holder.map(str::to_owned), done: None }
    }

    fn ruling(&self, kind: TaskKind, clocks: &Clocks, now: i64) -> Option<Task> {
        let first = if self.appeal { TaskKind::Appeal } else { TaskKind::Decide };
        let due = self.running_since(now) + clocks.of(kind)?;
        match self.phase {
            Phase::Second if kind == TaskKind::SecondApproval => {
                let since = self.ruled().map_or(self.opened, |step| step.at);
                Some(self.undone(kind, since, due, now))
            }
            Phase::Open | Phase::Waiting if kind == first => Some(self.undone(kind, self.opened, due, now)),
            Phase::Closed if kind == first && self.verdict.is_some() => {
                let ruled = self.ruled()?;
                let (who, done) = (ruled.by.clone(), Some(ruled.at));
                Some(Task { kind, state: TaskState::Done, since: self.opened, due: Some(due), who, done })
            }
            _ => None,
        }
    }

    /// What reasons or requests for photos bring up.
    fn beside(&self, kind: TaskKind, clocks: &Clocks, now: i64) -> Option<Task> {
        if self.phase == Phase::Closed {
            return None;
        }
        let asked = self.last(|step| step.kind == StepKind::PhotosAsked).filter(|_| self.phase == Phase::Waiting);
        let reason = asked.and_then(|step| step.reason.as_deref());
        if let Some(asked) = asked.filter(|_| reason.is_some_and(|code| kind.asked_by().contains(&code))) {
            return Some(Task { kind, state: TaskState::Paused, since: asked.at, due: None, who: None, done: None });
        }
        if !self.codes.iter().any(|code| kind.codes().contains(&code.as_str())) {
            return None;
        }
        let due = self.running_since(now) + clocks.of(kind)?;
        // What was done of a claim by hand stays done, also over further photos.
        match self.by_hand(kind, i64::MIN) {
            Some((who, at)) => {
                Some(Task { kind, state: TaskState::Done, since: self.opened, due: Some(due), who, done: Some(at) })
            }
            None => Some(self.undone(kind, self.opened, due, now)),
        }
    }

    /// What is to be done after a verdict, once that cannot be taken back.
    fn closing(&self, kind: TaskKind, clocks: &Clocks, now: i64) -> Option<Task> {
        if self.phase != Phase::Closed || self.verdict != kind.after() {
            return None;
        }
        let since = self.ruled()?.at;
        if now < since + UNDO {
            return None;
        }
        let due = since + clocks.of(kind)?;
        let (state, (who, done)) = match self.by_hand(kind, since) {
            Some((who, at)) => (TaskState::Done, (who, Some(at))),
            None if now > due => (TaskState::Overdue, (None, None)),
            None => (TaskState::Open, (None, None)),
        };
        Some(Task { kind, state, since, due: Some(due), who, done })
    }

    /// Who said since a moment that something was done, and when.
    fn by_hand(&self, kind: TaskKind, since: i64) -> Option<(Option<String>, i64)> {
        let is_it = |step: &Taken| {
            step.kind == StepKind::TaskDone && step.reason.as_deref() == Some(kind.as_str()) && step.at >= since
        };
        self.last(is_it).map(|step| (step.by.clone(), step.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: Basis<'_> = Basis {
        phase: Phase::Open,
        opened: 0,
        clock: 0,
        paused: None,
        appeal: false,
        verdict: None,
        codes: &[],
        holder: None,
        steps: &[],
    };

    fn step(at: i64, kind: StepKind, verdict: Option<CaseVerdict>, reason: Option<&str>) -> Taken {
        Taken { at, kind, by: Some("rv-1".to_owned()), verdict, reason: reason.map(str::to_owned) }
    }

    fn told(basis: &Basis<'_>, now: i64) -> Vec<(&'static str, TaskState, Option<i64>)> {
        let of = |task: Task| (task.kind.as_str(), task.state, task.due.map(|due| due / DAY));
        tasks(basis, &Clocks::default(), now).into_iter().map(of).collect()
    }

    #[test]
    fn an_open_case_is_to_be_decided_within_its_time() {
        assert_eq!(told(&HELD, DAY), [("decide", TaskState::Open, Some(30))]);
        assert_eq!(told(&HELD, 30 * DAY), [("decide", TaskState::Open, Some(30))], "the last moment is in time");
        assert_eq!(told(&HELD, 30 * DAY + 1), [("decide", TaskState::Overdue, Some(30))]);
        let appeal = Basis { appeal: true, ..HELD };
        assert_eq!(told(&appeal, DAY), [("appeal", TaskState::Open, Some(30))]);
    }

    #[test]
    fn clocks_stand_still_while_papers_are_awaited() {
        let codes = ["papers_missing".to_owned(), "issuer_unknown".to_owned()];
        let steps = [step(4 * DAY, StepKind::PhotosAsked, Some(CaseVerdict::RequestPhotos), Some("page_missing"))];
        let waiting = Basis { phase: Phase::Waiting, paused: Some(4 * DAY), codes: &codes, steps: &steps, ..HELD };
        // However long it takes, as many days are left as there were.
        for days in [4, 40, 400] {
            assert_eq!(
                told(&waiting, days * DAY),
                [
                    ("decide", TaskState::Paused, Some(days + 26)),
                    ("missing_papers", TaskState::Paused, None),
                    ("issuer_check", TaskState::Paused, Some(days + 1)),
                ]
            );
        }
        // They came after ten days.
        let back = Basis { phase: Phase::Open, paused: None, clock: 10 * DAY, ..waiting };
        assert_eq!(told(&back, 14 * DAY)[0], ("decide", TaskState::Open, Some(40)));
        assert_eq!(told(&back, 16 * DAY)[1], ("missing_papers", TaskState::Overdue, Some(15)));
    }

    #[test]
    fn what_was_done_by_hand_is_done() {
        let codes = ["characters_odd".to_owned(), "photo_unreadable".to_owned()];
        let steps = [step(2 * DAY, StepKind::TaskDone, None, Some("fraud_referral"))];
        let basis = Basis { codes: &codes, steps: &steps, holder: Some("rv-2"), ..HELD };
        let found = tasks(&basis, &Clocks::default(), 3 * DAY);
        assert_eq!(
            found.iter().map(|task| (task.kind, task.state, task.who.as_deref())).collect::<Vec<_>>(),
            [
                (TaskKind::Decide, TaskState::Open, Some("rv-2")),
                (TaskKind::UnreadablePage, TaskState::Open, Some("rv-2")),
                (TaskKind::FraudReferral, TaskState::Done, Some("rv-1")),
            ]
        );
        assert!(!found[2].is_late(90 * DAY), "done in time it stays in time");
    }

    #[test]
    fn after_the_verdict_the_notice_or_the_payment_is_due() {
        let rule = |verdict| [step(31 * DAY, StepKind::Decided, Some(verdict), None)];
        let (no, yes) = (rule(CaseVerdict::Reject), rule(CaseVerdict::Approve));
        let closed = Basis { phase: Phase::Closed, ..HELD };
        let rejected = Basis { verdict: Some(CaseVerdict::Reject), steps: &no, ..closed };
        assert_eq!(
            told(&rejected, 32 * DAY),
            [("decide", TaskState::Done, Some(30)), ("refusal_notice", TaskState::Open, Some(34))]
        );
        assert!(tasks(&rejected, &Clocks::default(), 32 * DAY)[0].is_late(32 * DAY), "a promise was broken");
        assert_eq!(told(&rejected, 31 * DAY + UNDO - 1).len(), 1, "it can still be taken back");
        let approved = Basis { verdict: Some(CaseVerdict::Approve), steps: &yes, ..closed };
        assert_eq!(told(&approved, 42 * DAY)[1], ("payment", TaskState::Overdue, Some(41)));
        let mut paid = yes.to_vec();
        paid.push(step(35 * DAY, StepKind::TaskDone, None, Some("payment")));
        assert_eq!(told(&Basis { steps: &paid, ..approved }, 42 * DAY)[1], ("payment", TaskState::Done, Some(41)));
        let unfollowed = Clocks { pay: 0, ..Clocks::default() };
        assert_eq!(tasks(&approved, &unfollowed, 42 * DAY).len(), 1, "what is not followed is no task");
        // Paid after a first approval says nothing of one after an appeal.
        paid.push(step(60 * DAY, StepKind::Decided, Some(CaseVerdict::Approve), None));
        let again = Basis { steps: &paid, opened: 50 * DAY, clock: 50 * DAY, appeal: true, ..approved };
        assert_eq!(told(&again, 61 * DAY)[1], ("payment", TaskState::Open, Some(70)));
        assert_eq!(told(&Basis { verdict: None, ..rejected }, 32 * DAY), [], "nothing is due of what was taken back");
    }

    #[test]
    fn a_second_approval_is_due_by_the_same_clock() {
        let steps = [step(5 * DAY, StepKind::Decided, Some(CaseVerdict::Approve), None)];
        let second = Basis { phase: Phase::Second, steps: &steps, ..HELD };
        let found = tasks(&second, &Clocks::default(), 6 * DAY);
        assert_eq!(
            (found.len(), found[0].kind, found[0].since, found[0].due),
            (1, TaskKind::SecondApproval, 5 * DAY, Some(30 * DAY))
        );
    }

    #[test]
    fn names_tell_kinds_apart() {
        for kind in TaskKind::ALL {
            assert_eq!(TaskKind::parse(kind.as_str()), Some(kind));
            assert_eq!(TaskKind::OF_OPEN.contains(&kind), kind.after().is_none());
        }
        assert_eq!(TaskKind::parse("rest"), None);
    }
}
