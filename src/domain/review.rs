//! Cases: what people do with a claim that a person has to look at.
//!
//! A case is not kept as it stands but follows from what happened: the decisions of its claim and the steps that people
//! took ([`Case::after`]). Which step may be taken now, and by whom, follows from the case ([`Case::take`]). Times are
//! milliseconds since 1970.

use super::document::ValueType;
use super::{Claim, Day, DocumentKind, Fen, FieldName, Reading, money};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How long somebody holds a case without a further step: 15 minutes.
pub const LEASE: i64 = 15 * 60 * 1000;

/// How long a verdict can be taken back, before anybody else is told of it: 10 seconds.
pub const UNDO: i64 = 10_000;

/// What a person rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaseVerdict {
    /// The claim is paid.
    Approve,
    /// It is not.
    Reject,
    /// Other or better photos are asked for.
    RequestPhotos,
}

impl CaseVerdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::Approve, Self::Reject, Self::RequestPhotos];

    /// The name in JSON, in the log and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::RequestPhotos => "request_photos",
        }
    }

    /// The verdict of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == name)
    }

    /// The codes of reasons that go with it; an approval needs none.
    pub fn reasons(self) -> &'static [&'static str] {
        match self {
            Self::Approve => &[],
            Self::Reject => {
                &["not_covered", "altered", "repeated", "not_the_insured", "unreadable", "wrong_amount", "other"]
            }
            Self::RequestPhotos => &["blurred", "cut_off", "glare", "page_missing", "wrong_document", "other"],
        }
    }
}

macro_rules! steps {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $logged:literal;)*) => {
        /// A step that somebody took.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum StepKind { $($(#[doc = $doc])+ $variant),* }

        impl StepKind {
            /// Every step.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The kind of its entry in the log, and its name in the database.
            pub fn logged(self) -> &'static str {
                match self { $(Self::$variant => $logged),* }
            }
        }
    };
}

steps! {
    /// Somebody began to work on it.
    Claimed "claimed" "review_claimed";
    /// And let go of it.
    Released "released" "review_released";
    /// Somebody took it from whoever held it.
    TakenOver "taken_over" "review_taken_over";
    /// Somebody approved or rejected.
    Decided "decided" "review_decided";
    /// Another person said whether a first approval holds.
    Seconded "seconded" "review_seconded";
    /// Somebody approved or rejected the first of a blind pair: another person rules as if nobody had.
    Paired "paired" "review_paired";
    /// The other person of a blind pair ruled the same.
    Agreed "agreed" "review_agreed";
    /// The other person of a blind pair ruled otherwise: a third one rules, and sees both.
    Parted "parted" "review_parted";
    /// The last verdict was taken back.
    Undone "undone" "review_undone";
    /// It was put before the others.
    Escalated "escalated" "review_escalated";
    /// Something was noted.
    Noted "noted" "review_noted";
    /// The insured person does not agree.
    Appealed "appealed" "claim_appealed";
    /// The insured person takes the claim back.
    Withdrawn "withdrawn" "claim_withdrawn";
    /// The insured person asks when it goes on.
    Nudged "nudged" "claim_nudged";
    /// Something besides ruling was done by hand.
    TaskDone "task_done" "review_task_done";
    /// The time to do something was over, and the program put it before the others.
    Overdue "overdue" "review_overdue";
    /// Photos were asked for.
    PhotosAsked "photos_asked" "photos_asked";
    /// Photos came.
    PhotosAdded "photos_added" "photos_added";
    /// Whoever sent it knows how it has to end, and looks how people rule on it; the verdict is that end.
    Known "known" "claim_known";
}

impl StepKind {
    /// The step that stands in the log as an entry of this kind.
    pub fn of_logged(kind: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|step| step.logged() == kind)
    }
}

/// Something that happened to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: i64,
    /// What.
    pub act: Act,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The program left the claim to a person, or could not decide it.
    Held,
    /// The program approved it.
    Approved,
    /// Its content was erased.
    Erased,
    /// Somebody took a step.
    Step(Step),
}

/// A step as far as the case depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub kind: StepKind,
    /// By whom; an appeal and photos may come from somebody who is not named.
    pub by: Option<String>,
    /// What was ruled.
    pub verdict: Option<CaseVerdict>,
    /// Of an approval: whether another person has to agree.
    pub second: bool,
    /// Of added photos: whether an earlier one is left out for them.
    pub replaces: bool,
}

/// Where a case stands, whoever holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A person has to rule.
    Open,
    /// One approved, and another has to agree.
    Second,
    /// Photos were asked for.
    Waiting,
    /// It is ruled.
    Closed,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 4] = [Self::Open, Self::Second, Self::Waiting, Self::Closed];

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Second => "second",
            Self::Waiting => "waiting",
            Self::Closed => "closed",
        }
    }

    /// The phase of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == name)
    }
}

/// Where a case stands at a moment, as shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// A person has to rule, and nobody works on it.
    Open,
    /// Somebody works on it.
    Held,
    /// One person approved; it waits for another.
    Second,
    /// It waits for photos.
    Waiting,
    /// It is ruled.
    Closed,
}

impl CaseState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Open, Self::Held, Self::Second, Self::Waiting, Self::Closed];

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Held => "held",
            Self::Second => "second",
            Self::Waiting => "waiting",
            Self::Closed => "closed",
        }
    }
}

/// Who holds a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The name.
    pub name: String,
    /// Until when, without a further step.
    pub until: i64,
}

/// The last verdict, as long as it can be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undoable {
    /// Who gave it.
    pub by: String,
    /// Until when it can be taken back.
    pub until: i64,
    before: Box<Case>,
}

/// The first verdict of a blind pair, as long as the second is not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstOfPair {
    /// Who gave it.
    pub by: String,
    /// What it is.
    pub verdict: CaseVerdict,
    /// Until when it can be taken back: nobody else can begin before.
    pub until: i64,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Where it stands.
    pub phase: Phase,
    /// When it was opened last.
    pub opened: i64,
    /// When it would have been opened if its clock had never been paused.
    pub clock: i64,
    /// Since when the clock is paused.
    pub paused: Option<i64>,
    /// Who holds it, or held it until the lease ended.
    pub holder: Option<Holder>,
    /// Whether it was opened by an appeal.
    pub appeal: bool,
    /// Whether it was put before the others.
    pub escalated: bool,
    /// Whether it was put before the others since the time for something was over.
    pub overdue: bool,
    /// When the insured person asked last when it goes on, since it was opened and since they were last waited for.
    pub nudged: Option<i64>,
    /// What was ruled, once that closed it or photos were asked for.
    pub verdict: Option<CaseVerdict>,
    /// From when on claimants are told of it.
    pub settles: i64,
    /// Whether photos came that are not decided of yet.
    pub reading: bool,
    /// Whether only a person may close it: an earlier photo was left out, so that what spoke against it no longer counts,
    /// or photos came before the request for them stood.
    pub watched: bool,
    /// Whether the insured person took the claim back: then nothing opens it again.
    pub withdrawn: bool,
    /// The last verdict, if it can be taken back.
    pub undoable: Option<Undoable>,
    /// The first verdict of a blind pair that waits for the second: the case is open for all others.
    pub pair: Option<FirstOfPair>,
    /// Who ruled second where two people ruled blind and differed, so that a third has to rule.
    pub parted: Option<String>,
    /// Whether whoever sent it knows how it has to end.
    pub known: bool,
    /// Who approved first.
    first: Option<String>,
    /// Who ruled so far.
    ruled: BTreeSet<String>,
    /// Who may not rule now, since they did before the appeal.
    barred: BTreeSet<String>,
}

/// What somebody wants to do with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Work on it; take it over, if somebody else holds it.
    Claim {
        /// Even then.
        takeover: bool,
    },
    /// Let go of it.
    Release,
    /// Rule.
    Decide(CaseVerdict),
    /// Put it before the others.
    Escalate,
    /// Note something.
    Note,
    /// Take the last verdict back.
    Undo,
}

/// What somebody may want, by its name in JSON.
const VERBS: [(&str, Wish); 7] = [
    ("claim", Wish::Claim { takeover: false }),
    ("takeover", Wish::Claim { takeover: true }),
    ("release", Wish::Release),
    ("decide", Wish::Decide(CaseVerdict::Reject)),
    ("escalate", Wish::Escalate),
    ("note", Wish::Note),
    ("undo", Wish::Undo),
];

/// Why a step cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepRefusal {
    /// It takes another person.
    #[error(
        "another person has to do that: who ruled before may not rule on the appeal, nor between themselves and \
         another, nor second their own approval"
    )]
    SameReviewer,
    /// Somebody else holds it.
    #[error("{name} holds the case")]
    Held {
        /// Who.
        name: String,
        /// Until when.
        until: i64,
    },
    /// Whoever asks does not hold it.
    #[error("claim the case first: you do not hold it, or no longer")]
    NotHeld,
    /// It is ruled.
    #[error("the case is closed; an appeal opens it again")]
    Closed,
    /// Photos are awaited.
    #[error("the case waits for photos")]
    Waiting,
    /// Photos came that are not read yet.
    #[error("photos were added, and their decision is not there yet")]
    Reading,
    /// It is too late to take the verdict back, or the case went on.
    #[error("it is too late to take that back")]
    TooLate,
    /// There is no verdict of theirs to take back.
    #[error("there is no verdict of yours to take back")]
    NothingToUndo,
}

impl StepRefusal {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SameReviewer => "same_reviewer",
            Self::Held { .. } => "case_held",
            Self::NotHeld => "case_not_held",
            Self::Closed => "case_closed",
            Self::Waiting => "case_waiting",
            Self::Reading => "claim_undecided",
            Self::TooLate => "too_late",
            Self::NothingToUndo => "nothing_to_undo",
        }
    }
}

impl Case {
    fn opened(at: i64) -> Self {
        Self {
            phase: Phase::Open,
            opened: at,
            clock: at,
            paused: None,
            holder: None,
            appeal: false,
            escalated: false,
            overdue: false,
            nudged: None,
            verdict: None,
            settles: at,
            reading: false,
            watched: false,
            withdrawn: false,
            undoable: None,
            pair: None,
            parted: None,
            known: false,
            first: None,
            ruled: BTreeSet::new(),
            barred: BTreeSet::new(),
        }
    }

    /// The case that follows from everything that happened, in its order; `None` if no person has ever had to look.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<Self> {
        events.into_iter().fold(None, Self::after)
    }

    /// The case after something happened.
    pub fn after(case: Option<Self>, event: &Event) -> Option<Self> {
        let at = event.at;
        match (&event.act, case) {
            (Act::Held, None) => Some(Self::opened(at)),
            (Act::Approved | Act::Erased, None) => None,
            (Act::Step(step), None) => match step.kind {
                StepKind::Appealed => Some(Self::appealed(at, None)),
                StepKind::Withdrawn => Some(Self::opened(at).withdrawn(at)),
                // Not before people until it is read.
                StepKind::Known => Some(Self { phase: Phase::Closed, known: true, ..Self::opened(at) }),
                _ => None,
            },
            (Act::Held, Some(case)) => Some(case.decided_anew(at, false)),
            (Act::Approved, Some(case)) => Some(case.decided_anew(at, true)),
            (Act::Erased, Some(mut case)) => {
                case.resume(at);
                Some(Self { phase: Phase::Closed, holder: None, undoable: None, pair: None, reading: false, ..case })
            }
            (Act::Step(step), Some(case)) => Some(case.after_step(at, step)),
        }
    }

    fn appealed(at: i64, before: Option<Self>) -> Self {
        let opened = Self { appeal: true, ..Self::opened(at) };
        match before {
            None => opened,
            Some(Self { ruled, barred, known, .. }) => Self { barred: &barred | &ruled, ruled, known, ..opened },
        }
    }

    fn withdrawn(mut self, at: i64) -> Self {
        self.resume(at);
        let closed = Self { phase: Phase::Closed, withdrawn: true, verdict: None, holder: None, ..self };
        Self { undoable: None, pair: None, nudged: None, ..closed }
    }

    /// After a decision over added photos, or one that came after the claim was taken back.
    fn decided_anew(mut self, at: i64, approved: bool) -> Self {
        if self.withdrawn {
            return Self { reading: false, ..self };
        }
        self.resume(at);
        (self.reading, self.undoable) = (false, None);
        let by_itself = approved && !self.appeal && !self.escalated && !self.watched && !self.known;
        match self.phase {
            Phase::Waiting if by_itself => {
                (self.phase, self.verdict, self.settles) = (Phase::Closed, Some(CaseVerdict::Approve), at);
            }
            // What was approved first was approved of other photos.
            Phase::Waiting | Phase::Second => {
                (self.phase, self.verdict, self.first, self.holder) = (Phase::Open, None, None, None);
            }
            // A person rules on what is known, whatever the program thinks.
            Phase::Closed if !approved || (self.known && self.verdict.is_none()) => {
                let Self { ruled, barred, appeal, known, .. } = self;
                return Self { ruled, barred, appeal, known, ..Self::opened(at) };
            }
            // Whoever holds it has seen other photos.
            Phase::Open => self.holder = None,
            Phase::Closed => {}
        }
        self
    }

    fn resume(&mut self, at: i64) {
        if let Some(since) = self.paused.take() {
            self.clock += (at - since).max(0);
        }
    }

    fn after_step(mut self, at: i64, step: &Step) -> Self {
        let by = step.by.clone().unwrap_or_default();
        match step.kind {
            StepKind::Claimed | StepKind::TakenOver => {
                self.holder = Some(Holder { name: by, until: at + LEASE });
                self.undoable = None;
            }
            StepKind::Released => self.holder = None,
            StepKind::Escalated => {
                (self.escalated, self.holder, self.undoable, self.pair) = (true, None, None, None);
            }
            StepKind::Noted | StepKind::TaskDone => {
                if let Some(holder) = self.holder.as_mut().filter(|holder| holder.name == by && holder.until > at) {
                    holder.until = at + LEASE;
                }
            }
            StepKind::Paired => self.pair_with(at, by, step),
            StepKind::Decided | StepKind::Seconded | StepKind::Agreed | StepKind::Parted | StepKind::PhotosAsked => {
                self.rule(at, by, step);
            }
            StepKind::Undone => {
                if let Some(Undoable { before, .. }) = self.undoable {
                    return Self { holder: Some(Holder { name: by, until: at + LEASE }), ..*before };
                }
            }
            StepKind::Appealed => return Self::appealed(at, Some(self)),
            StepKind::Withdrawn => return self.withdrawn(at),
            StepKind::Nudged => {
                self.nudged = Some(at);
                // It stays asked if the verdict is taken back.
                if let Some(Undoable { before, .. }) = &mut self.undoable {
                    before.nudged = Some(at);
                }
            }
            // Nobody to rule second came by then.
            StepKind::Overdue => (self.overdue, self.pair) = (true, None),
            StepKind::PhotosAdded => {
                self.watched |= step.replaces || !self.is_settled(at);
                self.nudged = self.nudged.filter(|_| self.phase != Phase::Waiting);
                self.resume(at);
                // Whoever ruled first ruled on other photos.
                (self.reading, self.undoable, self.pair, self.parted) = (true, None, None, None);
            }
            StepKind::Known => self.known = true,
        }
        self
    }

    fn can_be_undone(&mut self, by: &str, until: i64) {
        let before = Box::new(Self { undoable: None, ..self.clone() });
        self.undoable = Some(Undoable { by: by.to_owned(), until, before });
    }

    /// The first verdict of a blind pair: for whoever gave it the case is ruled, for the others they let go of it.
    fn pair_with(&mut self, at: i64, by: String, step: &Step) {
        let (verdict, until) = (step.verdict.unwrap_or(CaseVerdict::Reject), at + UNDO);
        self.can_be_undone(&by, until);
        self.holder = Some(Holder { name: by.clone(), until });
        self.ruled.insert(by.clone());
        self.pair = Some(FirstOfPair { by, verdict, until });
    }

    fn rule(&mut self, at: i64, by: String, step: &Step) {
        self.can_be_undone(&by, at + UNDO);
        (self.holder, self.settles) = (None, at + UNDO);
        let first = self.pair.take();
        let verdict = step.verdict.unwrap_or(CaseVerdict::Reject);
        match (step.kind, verdict) {
            (StepKind::PhotosAsked, _) => {
                (self.phase, self.verdict, self.paused) = (Phase::Waiting, Some(verdict), Some(at));
                return;
            }
            (StepKind::Seconded, CaseVerdict::Reject | CaseVerdict::RequestPhotos) => {
                (self.phase, self.first) = (Phase::Open, None);
            }
            (StepKind::Parted, _) => {
                self.barred.extend(first.map(|first| first.by).into_iter().chain([by.clone()]));
                (self.escalated, self.parted) = (true, Some(by.clone()));
                // Nobody sees the other's verdict as long as this one can be taken back.
                self.holder = Some(Holder { name: by.clone(), until: at + UNDO });
            }
            (StepKind::Decided, CaseVerdict::Approve) if step.second => {
                (self.phase, self.first) = (Phase::Second, Some(by.clone()));
            }
            _ => (self.phase, self.verdict) = (Phase::Closed, Some(verdict)),
        }
        self.ruled.insert(by);
    }

    /// Where it stands now.
    pub fn state(&self, now: i64) -> CaseState {
        match self.phase {
            Phase::Closed => CaseState::Closed,
            Phase::Waiting => CaseState::Waiting,
            _ if self.held(now).is_some() => CaseState::Held,
            Phase::Open => CaseState::Open,
            Phase::Second => CaseState::Second,
        }
    }

    /// Who holds it now.
    pub fn held(&self, now: i64) -> Option<&Holder> {
        self.holder.as_ref().filter(|holder| holder.until > now)
    }

    /// Whether claimants are told now what was ruled: a verdict can be taken back at first.
    pub fn is_settled(&self, now: i64) -> bool {
        now >= self.settles && self.verdict.is_some()
    }

    /// When the insured person asked last when it goes on, as long as it is not ruled.
    pub fn nudged_unruled(&self) -> Option<i64> {
        self.nudged.filter(|_| matches!(self.phase, Phase::Open | Phase::Second))
    }

    /// Since when its clock would run if it had never been paused, nor were now.
    pub fn running_since(&self, now: i64) -> i64 {
        self.clock + self.paused.map_or(0, |since| (now - since).max(0))
    }

    /// The step that somebody may take now to get what they want.
    ///
    /// # Errors
    /// Why they may not.
    pub fn take(&self, wish: Wish, who: &str, now: i64) -> Result<StepKind, StepRefusal> {
        let held = self.held(now);
        let mine = held.is_some_and(|holder| holder.name == who);
        let of_another = || match held {
            Some(Holder { name, until }) if name != who => Err(StepRefusal::Held { name: name.clone(), until: *until }),
            _ => Ok(()),
        };
        let first = self.pair.as_ref().filter(|first| first.by.eq_ignore_ascii_case(who));
        match wish {
            Wish::Note => Ok(StepKind::Noted),
            Wish::Undo => match &self.undoable {
                Some(undo) if undo.by == who && now < undo.until => Ok(StepKind::Undone),
                Some(undo) if undo.by == who => Err(StepRefusal::TooLate),
                None if self.ruled.contains(who) => Err(StepRefusal::TooLate),
                _ => Err(StepRefusal::NothingToUndo),
            },
            _ if self.phase == Phase::Closed || first.is_some() => Err(StepRefusal::Closed),
            _ if self.phase == Phase::Waiting => Err(StepRefusal::Waiting),
            Wish::Claim { .. } | Wish::Decide(_) if self.may_not_rule(who) => Err(StepRefusal::SameReviewer),
            Wish::Claim { takeover } => match of_another() {
                Ok(()) => Ok(StepKind::Claimed),
                Err(_) if takeover => Ok(StepKind::TakenOver),
                Err(refusal) => Err(refusal),
            },
            Wish::Release | Wish::Decide(_) if !mine => Err(StepRefusal::NotHeld),
            Wish::Release => Ok(StepKind::Released),
            Wish::Decide(_) if self.reading => Err(StepRefusal::Reading),
            Wish::Decide(_) if self.phase == Phase::Second => Ok(StepKind::Seconded),
            Wish::Decide(CaseVerdict::RequestPhotos) => Ok(StepKind::PhotosAsked),
            Wish::Decide(verdict) => Ok(match &self.pair {
                Some(first) if first.verdict == verdict => StepKind::Agreed,
                Some(_) => StepKind::Parted,
                None => StepKind::Decided,
            }),
            Wish::Escalate => of_another().map(|()| StepKind::Escalated),
        }
    }

    /// The blind pair whose verdicts are not told yet: the first, and who ruled second if that can still be taken back.
    pub fn untold(&self, now: i64) -> Option<(&FirstOfPair, Option<&str>)> {
        match (&self.pair, &self.undoable) {
            (Some(first), _) => Some((first, None)),
            (None, Some(undo)) if now < undo.until => undo.before.pair.as_ref().map(|first| (first, Some(&*undo.by))),
            _ => None,
        }
    }

    /// For whom alone it is ruled though it is not closed: who ruled first of a blind pair, or second of one that
    /// differed.
    pub fn is_ruled_for(&self) -> Option<&str> {
        let first = self.pair.as_ref().map(|first| &*first.by);
        first.or(self.parted.as_deref().filter(|_| self.phase != Phase::Closed))
    }

    /// Whether a verdict on it can be the first of a blind pair: nobody ruled on it before, nobody put it before the
    /// others, and it is no known one.
    pub fn can_pair(&self) -> bool {
        let is_new = self.phase == Phase::Open && self.ruled.is_empty() && !self.appeal;
        is_new && !self.escalated && !self.overdue && !self.known
    }

    /// Whether somebody ruled before the appeal or in a pair that differed, or gave the approval that is to be
    /// seconded.
    pub fn may_not_rule(&self, who: &str) -> bool {
        // One person does not become two by writing the name otherwise.
        let is_who = |name: &String| name.eq_ignore_ascii_case(who);
        self.barred.iter().any(is_who) || (self.phase == Phase::Second && self.first.as_ref().is_some_and(is_who))
    }

    /// What somebody may do now and what not, by its name.
    pub fn may(&self, who: &str, now: i64) -> Vec<(&'static str, Result<StepKind, StepRefusal>)> {
        let told = VERBS.into_iter().map(|(verb, wish)| (verb, self.take(wish, who, now)));
        // Where nobody else holds it there is nothing to take over.
        told.filter(|(verb, taken)| *verb != "takeover" || *taken != Ok(StepKind::Claimed)).collect()
    }
}

/// A value that a person put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Correction {
    /// In which document, from 0.
    pub document: usize,
    /// Of which field.
    #[schema(value_type = String, example = "total")]
    pub field: FieldName,
    /// What was read; `None` if nothing was.
    pub from: Option<String>,
    /// What stands there.
    #[schema(example = "13.00")]
    pub to: String,
}

/// Whether a text is a value of a field's type.
///
/// # Errors
/// Names the form that it must have.
pub fn is_value_of(field: FieldName, text: &str) -> Result<(), &'static str> {
    let plain =
        |most: usize| !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control);
    let (holds, form) = match field.value_type() {
        ValueType::Money if field == FieldName::Total => (
            Fen::parse(text).is_some_and(|total| total.0 >= 0),
            "a decimal with two digits, not below zero, such as 13.00",
        ),
        ValueType::Money => (Fen::parse(text).is_some(), "a decimal with two digits such as 13.00"),
        ValueType::Date => (Day::parse(text).is_some(), "a date such as 2026-05-12"),
        ValueType::CapitalAmount => {
            (money::parse_capital(text).is_some() || Fen::parse(text).is_some(), "an amount in words")
        }
        ValueType::Identifier => {
            (plain(64) && !text.contains(char::is_whitespace), "1 to 64 characters without spaces")
        }
        ValueType::Text => (plain(200), "1 to 200 characters on one line"),
    };
    if holds { Ok(()) } else { Err(form) }
}

/// What a claim asks for: the amount that came with it, else what its papers come to; `None` if nobody knows.
pub fn asked(claim: Option<&Claim>, readings: &[Reading]) -> Option<Fen> {
    claimed(claim).or_else(|| sum(totals(readings, &[]).into_iter().flatten()))
}

/// What approving would pay at the most: what is asked for, or what the papers come to as they were read or as a person
/// put them right, whichever is most. So nobody escapes another person's look by correcting a total. `None` if nobody
/// knows: nothing is asked for, and a paper's total is not known.
pub fn at_stake(claim: Option<&Claim>, readings: &[Reading], corrections: &[Correction]) -> Option<Fen> {
    let right = totals(readings, corrections);
    let all_known = !right.is_empty() && right.iter().all(Option::is_some);
    let asked = claimed(claim);
    let papers = sum(totals(readings, &[]).into_iter().flatten()).max(sum(right.into_iter().flatten()));
    papers.max(asked).filter(|_| all_known || asked.is_some())
}

fn claimed(claim: Option<&Claim>) -> Option<Fen> {
    claim.and_then(|claim| claim.amount.as_deref()).and_then(Fen::parse)
}

/// The total of each paper that asks for one, `None` where it is not known. Lists and records ask for nothing, unless a
/// person says so.
fn totals(readings: &[Reading], corrections: &[Correction]) -> Vec<Option<Fen>> {
    let total = |(n, reading): (usize, &Reading)| {
        let corrected = corrections.iter().find(|c| c.document == n && c.field == FieldName::Total);
        let counts = !matches!(reading.kind, DocumentKind::ExpenseList | DocumentKind::DischargeRecord);
        let value = corrected.map(|c| c.to.as_str()).or_else(|| reading.value(FieldName::Total));
        (counts || corrected.is_some()).then(|| value.and_then(Fen::parse))
    };
    readings.iter().enumerate().filter_map(total).collect()
}

fn sum(totals: impl Iterator<Item = Fen>) -> Option<Fen> {
    totals.fold(None, |sum: Option<Fen>, total| Some(Fen(sum.map_or(0, |sum| sum.0).saturating_add(total.0.max(0)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::support::reading;

    const MINUTE: i64 = 60_000;

    fn event(at: i64, kind: StepKind, by: &str, verdict: Option<CaseVerdict>, second: bool) -> Event {
        Event { at, act: Act::Step(Step { kind, by: Some(by.to_owned()), verdict, second, replaces: false }) }
    }

    #[test]
    fn what_is_withdrawn_stays_closed() {
        let took_back = |at| Event { at, act: Act::Step(nobodys(StepKind::Withdrawn)) };
        let held = |at| Event { at, act: Act::Held };
        let approved = |at| Event { at, act: Act::Approved };
        for events in [
            vec![held(1), took_back(2)],
            vec![took_back(1), held(2)],
            vec![took_back(1), approved(2)],
            vec![approved(1), took_back(2)],
            vec![held(1), event(2, StepKind::Claimed, "a", None, false), took_back(3)],
            vec![held(1), event(2, StepKind::PhotosAdded, "", None, false), took_back(3), held(4)],
        ] {
            let case = Case::of(&events).unwrap();
            assert_eq!((case.state(10), case.withdrawn, case.verdict), (CaseState::Closed, true, None), "{events:?}");
            assert!(!case.reading || events.len() < 4, "{events:?}");
            for wish in [Wish::Claim { takeover: true }, Wish::Decide(CaseVerdict::Approve), Wish::Escalate] {
                assert_eq!(case.take(wish, "a", 10), Err(StepRefusal::Closed));
            }
        }
    }

    fn nobodys(kind: StepKind) -> Step {
        Step { kind, by: None, verdict: None, second: false, replaces: false }
    }

    /// A case with whatever happened to it, step by step as they may be taken.
    struct Desk {
        events: Vec<Event>,
        now: i64,
    }

    impl Desk {
        fn open() -> Self {
            Self { events: vec![Event { at: 0, act: Act::Held }], now: 0 }
        }

        fn case(&self) -> Case {
            Case::of(&self.events).unwrap()
        }

        fn state(&self) -> CaseState {
            self.case().state(self.now)
        }

        fn after(&mut self, time: i64) -> &mut Self {
            self.now += time;
            self
        }

        fn act(&mut self, act: Act) -> &mut Self {
            self.events.push(Event { at: self.now, act });
            self
        }

        /// Takes a step; `second` where an approval needs another person.
        fn wish(&mut self, who: &str, wish: Wish, second: bool) -> Result<StepKind, StepRefusal> {
            let kind = self.case().take(wish, who, self.now)?;
            let verdict = match wish {
                Wish::Decide(verdict) => Some(verdict),
                _ => None,
            };
            let second = second && kind == StepKind::Decided && verdict == Some(CaseVerdict::Approve);
            self.events.push(event(self.now, kind, who, verdict, second));
            Ok(kind)
        }

        fn claim(&mut self, who: &str) -> Result<StepKind, StepRefusal> {
            self.wish(who, Wish::Claim { takeover: false }, false)
        }

        fn rule(&mut self, who: &str, verdict: CaseVerdict) -> Result<StepKind, StepRefusal> {
            self.wish(who, Wish::Decide(verdict), false)
        }
    }

    /// What somebody may do.
    fn verbs(case: &Case, who: &str, now: i64) -> Vec<&'static str> {
        case.may(who, now).into_iter().filter_map(|(verb, taken)| taken.is_ok().then_some(verb)).collect()
    }

    #[test]
    fn nobody_has_to_look_at_what_was_approved_until_somebody_appeals() {
        let approved = Event { at: 0, act: Act::Approved };
        assert_eq!(Case::of([&approved]), None);
        let appeal = Event { at: 5, act: Act::Step(nobodys(StepKind::Appealed)) };
        let case = Case::of([&approved, &appeal]).unwrap();
        assert_eq!((case.phase, case.appeal, case.opened), (Phase::Open, true, 5));
    }

    #[test]
    fn one_holds_it_until_the_lease_ends_and_each_step_renews_that() {
        let mut desk = Desk::open();
        assert_eq!(desk.rule("a", CaseVerdict::Approve), Err(StepRefusal::NotHeld));
        assert_eq!(desk.claim("a"), Ok(StepKind::Claimed));
        assert_eq!(desk.state(), CaseState::Held);
        let held = StepRefusal::Held { name: "a".to_owned(), until: LEASE };
        assert_eq!(desk.after(MINUTE).claim("b"), Err(held.clone()));
        assert_eq!(desk.wish("b", Wish::Escalate, false), Err(held));
        assert_eq!(desk.wish("b", Wish::Release, false), Err(StepRefusal::NotHeld));
        desk.after(13 * MINUTE).wish("a", Wish::Note, false).unwrap();
        assert_eq!(desk.after(14 * MINUTE).state(), CaseState::Held, "renewed by the note");
        assert_eq!(desk.after(MINUTE).state(), CaseState::Open, "and then it ends");
        assert_eq!(desk.rule("a", CaseVerdict::Approve), Err(StepRefusal::NotHeld), "also for them");
        assert_eq!(desk.claim("b"), Ok(StepKind::Claimed));
        assert_eq!(desk.wish("a", Wish::Claim { takeover: true }, false), Ok(StepKind::TakenOver));
        assert_eq!(desk.rule("b", CaseVerdict::Reject), Err(StepRefusal::NotHeld));
        assert_eq!(desk.wish("a", Wish::Release, false), Ok(StepKind::Released));
        assert_eq!(desk.state(), CaseState::Open);
    }

    #[test]
    fn a_verdict_can_be_taken_back_for_ten_seconds_by_whoever_gave_it() {
        for verdict in CaseVerdict::ALL {
            let mut desk = Desk::open();
            desk.claim("a").unwrap();
            desk.rule("a", verdict).unwrap();
            let there = if verdict == CaseVerdict::RequestPhotos { CaseState::Waiting } else { CaseState::Closed };
            assert_eq!(desk.state(), there);
            assert!(!desk.case().is_settled(desk.now));
            assert_eq!(desk.wish("b", Wish::Undo, false), Err(StepRefusal::NothingToUndo));
            assert_eq!(desk.after(UNDO - 1).wish("a", Wish::Undo, false), Ok(StepKind::Undone));
            assert_eq!((desk.state(), desk.case().verdict, desk.case().paused), (CaseState::Held, None, None));
            assert_eq!(desk.wish("a", Wish::Undo, false), Err(StepRefusal::NothingToUndo), "only once");
            desk.rule("a", verdict).unwrap();
            assert_eq!(desk.after(UNDO).wish("a", Wish::Undo, false), Err(StepRefusal::TooLate));
            assert!(desk.case().is_settled(desk.now));
        }
    }

    #[test]
    fn an_approval_above_the_limit_takes_two_people() {
        let approve = Wish::Decide(CaseVerdict::Approve);
        let mut desk = Desk::open();
        desk.claim("a").unwrap();
        assert_eq!(desk.wish("a", approve, true), Ok(StepKind::Decided));
        assert_eq!(desk.state(), CaseState::Second);
        assert_eq!(desk.claim("a"), Err(StepRefusal::SameReviewer));
        assert_eq!(desk.wish("a", approve, true), Err(StepRefusal::SameReviewer));
        assert_eq!(desk.claim("b"), Ok(StepKind::Claimed));
        assert_eq!(desk.wish("a", Wish::Undo, false), Err(StepRefusal::TooLate), "somebody went on");
        assert_eq!(desk.wish("b", approve, true), Ok(StepKind::Seconded));
        assert_eq!((desk.state(), desk.case().verdict), (CaseState::Closed, Some(CaseVerdict::Approve)));
        // Whoever does not agree opens it again, for anybody; and then it takes two again.
        assert_eq!(desk.wish("b", Wish::Undo, false), Ok(StepKind::Undone));
        assert_eq!(desk.rule("b", CaseVerdict::Reject), Ok(StepKind::Seconded));
        assert_eq!((desk.state(), desk.case().verdict), (CaseState::Open, None));
        desk.claim("a").unwrap();
        desk.wish("a", approve, true).unwrap();
        assert_eq!((desk.state(), desk.claim("a")), (CaseState::Second, Err(StepRefusal::SameReviewer)));
    }

    #[test]
    fn an_appeal_is_for_somebody_who_did_not_rule_before() {
        let mut desk = Desk::open();
        desk.claim("a").unwrap();
        desk.wish("a", Wish::Decide(CaseVerdict::Approve), true).unwrap();
        desk.claim("b").unwrap();
        desk.rule("b", CaseVerdict::Approve).unwrap();
        desk.after(30 * MINUTE).act(Act::Step(nobodys(StepKind::Appealed)));
        let case = desk.case();
        assert_eq!((desk.state(), case.appeal, case.clock), (CaseState::Open, true, 30 * MINUTE));
        for who in ["a", "b"] {
            assert_eq!(desk.claim(who), Err(StepRefusal::SameReviewer));
            assert_eq!(verbs(&case, who, desk.now), ["escalate", "note"]);
        }
        desk.claim("c").unwrap();
        desk.rule("c", CaseVerdict::Reject).unwrap();
        let again = nobodys(StepKind::Appealed);
        desk.act(Act::Step(again));
        assert_eq!(["a", "b", "c", "d"].map(|who| desk.claim(who).is_ok()), [false, false, false, true]);
    }

    #[test]
    fn the_clock_stands_still_while_photos_are_awaited_and_the_decision_over_them_ends_the_wait() {
        for (appeal, act, state) in [
            (false, Act::Approved, CaseState::Closed),
            (false, Act::Held, CaseState::Open),
            // A person rules on an appeal, whatever the program thinks.
            (true, Act::Approved, CaseState::Open),
        ] {
            let mut desk = Desk::open();
            if appeal {
                desk.claim("z").unwrap();
                desk.rule("z", CaseVerdict::Reject).unwrap();
                desk.act(Act::Step(nobodys(StepKind::Appealed)));
            }
            desk.claim("a").unwrap();
            desk.rule("a", CaseVerdict::RequestPhotos).unwrap();
            assert_eq!(desk.claim("b"), Err(StepRefusal::Waiting));
            assert_eq!(desk.case().running_since(MINUTE), MINUTE);
            let added = nobodys(StepKind::PhotosAdded);
            desk.after(60 * MINUTE).act(Act::Step(added));
            assert_eq!(desk.case().clock, 60 * MINUTE);
            assert_eq!(desk.wish("a", Wish::Undo, false), Err(StepRefusal::NothingToUndo), "photos came");
            desk.after(MINUTE).act(act);
            assert_eq!(desk.state(), state);
            assert_eq!((desk.case().clock, desk.case().reading), (60 * MINUTE, false));
        }
    }

    #[test]
    fn the_program_closes_nothing_where_a_photo_is_left_out_or_came_before_the_request_stood() {
        let in_place = Step { replaces: true, ..nobodys(StepKind::PhotosAdded) };
        for (wait, added, state) in [
            (MINUTE, nobodys(StepKind::PhotosAdded), CaseState::Closed),
            (MINUTE, in_place, CaseState::Open),
            (UNDO - 1, nobodys(StepKind::PhotosAdded), CaseState::Open),
        ] {
            let mut desk = Desk::open();
            desk.claim("a").unwrap();
            desk.rule("a", CaseVerdict::RequestPhotos).unwrap();
            desk.after(wait).act(Act::Step(added)).after(MINUTE).act(Act::Approved);
            assert_eq!(desk.state(), state);
        }
    }

    #[test]
    fn one_person_is_not_two_by_another_way_of_writing_the_name() {
        let mut desk = Desk::open();
        desk.claim("rv-a").unwrap();
        desk.wish("rv-a", Wish::Decide(CaseVerdict::Approve), true).unwrap();
        assert_eq!(desk.claim("RV-A"), Err(StepRefusal::SameReviewer));
    }

    #[test]
    fn nobody_rules_while_added_photos_are_read_and_a_first_approval_does_not_outlive_them() {
        let added = || Act::Step(nobodys(StepKind::PhotosAdded));
        let mut desk = Desk::open();
        desk.claim("a").unwrap();
        desk.act(added());
        assert_eq!(desk.rule("a", CaseVerdict::Approve), Err(StepRefusal::Reading));
        desk.act(Act::Approved);
        assert_eq!(desk.state(), CaseState::Open, "nobody asked for them, and whoever held it has not seen them");
        desk.claim("a").unwrap();
        desk.wish("a", Wish::Decide(CaseVerdict::Approve), true).unwrap();
        desk.act(added()).act(Act::Held);
        assert_eq!(desk.state(), CaseState::Open);
        assert_eq!(desk.claim("a"), Ok(StepKind::Claimed));
    }

    #[test]
    fn what_is_escalated_is_let_go_and_what_is_erased_is_closed() {
        let mut desk = Desk::open();
        desk.claim("a").unwrap();
        assert_eq!(desk.wish("a", Wish::Escalate, false), Ok(StepKind::Escalated));
        assert_eq!((desk.state(), desk.case().escalated), (CaseState::Open, true));
        desk.claim("b").unwrap();
        desk.act(Act::Erased);
        assert_eq!((desk.state(), desk.case().holder), (CaseState::Closed, None));
        assert_eq!(verbs(&desk.case(), "b", desk.now), ["note"]);
    }

    #[test]
    fn what_somebody_may_do_depends_on_who_holds_it() {
        let mut desk = Desk::open();
        assert_eq!(verbs(&desk.case(), "a", 0), ["claim", "escalate", "note"]);
        desk.claim("a").unwrap();
        assert_eq!(verbs(&desk.case(), "a", 0), ["claim", "release", "decide", "escalate", "note"]);
        assert_eq!(verbs(&desk.case(), "b", 0), ["takeover", "note"]);
        desk.rule("a", CaseVerdict::Reject).unwrap();
        assert_eq!(verbs(&desk.case(), "a", 0), ["note", "undo"]);
    }

    #[test]
    fn what_is_at_stake_is_the_most_that_was_asked_for_read_or_put_right() {
        let paper = |kind: DocumentKind, total: &str| reading(kind, &[(FieldName::Total, total)]);
        let bills = [
            paper(DocumentKind::MedicalOutpatientBill, "100.00"),
            paper(DocumentKind::TillReceipt, "20.00"),
            paper(DocumentKind::ExpenseList, "100.00"),
        ];
        let claim = |amount: Option<&str>| Claim {
            id: "A".to_owned(),
            insured: None,
            policy: None,
            amount: amount.map(str::to_owned),
            claim_type: None,
            currency: None,
        };
        let fen = |yuan: i64| Some(Fen(yuan * 100));
        assert_eq!(asked(Some(&claim(Some("90.00"))), &bills), fen(90));
        assert_eq!(asked(Some(&claim(None)), &bills), fen(120), "a list asks for nothing");
        assert_eq!(asked(None, &[]), None);
        assert_eq!(at_stake(Some(&claim(Some("90.00"))), &bills, &[]), fen(120));
        assert_eq!(at_stake(Some(&claim(Some("500.00"))), &bills, &[]), fen(500));
        let right = |document, from: Option<&str>, to: &str| {
            [Correction { document, field: FieldName::Total, from: from.map(str::to_owned), to: to.to_owned() }]
        };
        assert_eq!(at_stake(Some(&claim(Some("500.00"))), &bills, &right(1, Some("20.00"), "2000.00")), fen(2100));
        assert_eq!(at_stake(Some(&claim(Some("90.00"))), &bills, &right(1, Some("20.00"), "30.00")), fen(130));
        let less = right(0, Some("100.00"), "0.01");
        assert_eq!(at_stake(Some(&claim(Some("500.00"))), &bills, &less), fen(500), "it is still asked for");
        assert_eq!(at_stake(Some(&claim(None)), &bills, &less), fen(120), "it was still read");
        let unread = [paper(DocumentKind::TillReceipt, "20.00"), reading(DocumentKind::Unknown, &[])];
        assert_eq!(at_stake(Some(&claim(None)), &unread, &[]), None, "a paper may ask for anything");
        assert_eq!(at_stake(Some(&claim(Some("500.00"))), &unread, &right(0, Some("20.00"), "30.00")), fen(500));
        assert_eq!(at_stake(Some(&claim(None)), &unread, &right(1, None, "0.00")), fen(20));
        assert_eq!(at_stake(None, &[], &[]), None);
    }

    #[test]
    fn a_question_when_it_goes_on_outlasts_what_is_not_settled() {
        let nudge = |at| Event { at, act: Act::Step(nobodys(StepKind::Nudged)) };
        let held = Event { at: 0, act: Act::Held };
        let claim = event(1, StepKind::Claimed, "a", None, false);
        let approve = |second| event(3, StepKind::Decided, "a", Some(CaseVerdict::Approve), second);
        let undo = event(5, StepKind::Undone, "a", None, false);
        let of = |events: &[Event]| Case::of(events).map(|case| (case.nudged, case.nudged_unruled())).unwrap();
        let (asked, both) = (held.clone(), (Some(2), Some(2)));
        assert_eq!(of(&[asked.clone(), claim.clone(), nudge(2), approve(true)]), both, "a second person is to agree");
        assert_eq!(of(&[asked.clone(), claim.clone(), nudge(2), approve(false)]), (Some(2), None));
        assert_eq!(of(&[asked.clone(), claim.clone(), nudge(2), approve(false), undo.clone()]), both);
        assert_eq!(of(&[asked, claim, approve(false), nudge(4), undo]), (Some(4), Some(4)), "asked meanwhile");
        let photos = event(3, StepKind::PhotosAsked, "a", Some(CaseVerdict::RequestPhotos), false);
        let came = Event { at: 3 + UNDO, act: Act::Step(nobodys(StepKind::PhotosAdded)) };
        let waited = [held.clone(), nudge(2), photos];
        assert_eq!(of(&waited), (Some(2), None));
        assert_eq!(of(&[&waited[..], &[came, held]].concat()), (None, None), "the insured person was waited for");
    }

    #[test]
    fn values_are_of_their_fields_type() {
        for (field, text, holds) in [
            (FieldName::Total, "13.00", true),
            (FieldName::Total, "13", false),
            (FieldName::Total, "-13.00", false),
            (FieldName::Rounding, "-0.02", true),
            (FieldName::IssueDate, "2026-02-29", false),
            (FieldName::IssueDate, "2026-02-28", true),
            (FieldName::BillNumber, "0012 345", false),
            (FieldName::BillNumber, "0012345", true),
            (FieldName::TotalInWords, "壹佰元整", true),
            (FieldName::TotalInWords, "much", false),
            (FieldName::IssuerName, "样张医院", true),
            (FieldName::IssuerName, "a\nb", false),
        ] {
            assert_eq!(is_value_of(field, text).is_ok(), holds, "{field} {text}");
        }
    }

    #[test]
    fn names_are_found_again() {
        for kind in StepKind::ALL {
            assert_eq!(StepKind::of_logged(kind.logged()), Some(*kind));
        }
        for verdict in CaseVerdict::ALL {
            assert_eq!(CaseVerdict::parse(verdict.as_str()), Some(verdict));
        }
        for phase in Phase::ALL {
            assert_eq!(Phase::parse(phase.as_str()), Some(phase));
        }
        assert_eq!((StepKind::of_logged("decision"), CaseVerdict::parse("pay")), (None, None));
    }
}
