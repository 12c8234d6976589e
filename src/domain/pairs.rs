//! What people see of a case by which they are watched: nothing that tells it from any other.
//!
//! Of a blind pair whoever ruled first sees the case as ruled by them, and all others as one that they let go of, until
//! the second verdict stands. That a case is a known one nobody sees here at all.

use super::review::{Act, Case, Event, Step, StepKind};

/// How something that happened is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// As it is.
    AsIs,
    /// Not at all.
    Hidden,
    /// As if it were another step; as a release without what it says.
    As(StepKind),
}

/// How each thing that happened to a claim is shown to somebody at a moment, in milliseconds since 1970.
pub fn shown(events: &[&Event], who: &str, now: i64) -> Vec<Shown> {
    let case = Case::of(events.iter().copied());
    let untold = case.as_ref().and_then(|case| case.untold(now));
    let steps = || events.iter().map(|event| step(event)).enumerate();
    let taken_back = taken_back(steps());
    let last = |holds: &dyn Fn(&Step) -> bool| {
        let found = steps().rev().find(|(n, step)| !taken_back.contains(n) && step.is_some_and(holds));
        found.map(|(n, _)| n)
    };
    let paired = last(&|step| step.kind == StepKind::Paired);
    // What can still be taken back is told to nobody else.
    let ruled = untold.and_then(|(_, second)| second).and_then(|_| last(&is_ruling));
    let is_by = |step: &Step, name: &str| step.by.as_ref().is_some_and(|by| by.eq_ignore_ascii_case(name));
    let one = |(n, step): (usize, Option<&Step>)| {
        let Some(step) = step.filter(|step| untold.is_some() || taken_back.contains(&n) || is_known(step)) else {
            return Shown::AsIs;
        };
        match step.kind {
            StepKind::Known => return Shown::Hidden,
            StepKind::Paired if taken_back.contains(&n) && is_by(step, who) => return Shown::As(StepKind::Decided),
            _ if taken_back.contains(&n) && !is_by(step, who) => return Shown::Hidden,
            _ => {}
        }
        let Some((first, second)) = untold else { return Shown::AsIs };
        let (of_first, is_first) = (is_by(step, &first.by), first.by.eq_ignore_ascii_case(who));
        match step.kind {
            _ if is_first && Some(n) > paired && !of_first => Shown::Hidden,
            StepKind::Paired if is_first => Shown::As(StepKind::Decided),
            StepKind::Paired if now >= first.until => Shown::As(StepKind::Released),
            StepKind::Paired => Shown::Hidden,
            _ if Some(n) == ruled && second != Some(who) => Shown::Hidden,
            StepKind::Agreed | StepKind::Parted => Shown::As(StepKind::Decided),
            StepKind::Noted | StepKind::TaskDone if of_first && !is_first => Shown::Hidden,
            _ => Shown::AsIs,
        }
    };
    steps().map(one).collect()
}

/// The first verdicts of pairs that were taken back, and the steps by which they were.
fn taken_back<'a>(steps: impl Iterator<Item = (usize, Option<&'a Step>)>) -> Vec<usize> {
    let (mut given, mut out) = (Vec::new(), Vec::new());
    for (n, step) in steps.filter_map(|(n, step)| Some((n, step?))) {
        if is_ruling(step) {
            given.push((n, step.kind));
        } else if step.kind == StepKind::Undone
            && let Some((ruling, StepKind::Paired)) = given.pop()
        {
            out.extend([ruling, n]);
        }
    }
    out
}

fn is_ruling(step: &Step) -> bool {
    step.verdict.is_some() && !is_known(step)
}

fn step(event: &Event) -> Option<&Step> {
    match &event.act {
        Act::Step(step) => Some(step),
        _ => None,
    }
}

fn is_known(step: &Step) -> bool {
    step.kind == StepKind::Known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::review::CaseVerdict::{Approve, Reject, RequestPhotos};
    use crate::domain::review::{CaseState, CaseVerdict, LEASE, StepRefusal, UNDO, Wish};

    const MINUTE: i64 = 60_000;

    /// A case of which every first verdict is drawn.
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

        /// The case as somebody sees it, and the kinds of the steps that they see.
        fn seen(&self, who: &str) -> (Case, Vec<&'static str>) {
            let events: Vec<&Event> = self.events.iter().collect();
            let mut left = Vec::new();
            for (event, shown) in self.events.iter().zip(shown(&events, who, self.now)) {
                let mut event = event.clone();
                match (&mut event.act, shown) {
                    (_, Shown::Hidden) => continue,
                    (Act::Step(step), Shown::As(kind)) => step.kind = kind,
                    _ => {}
                }
                left.push(event);
            }
            let kinds = left.iter().filter_map(|event| step(event).map(|step| step.kind.as_str())).collect();
            (Case::of(&left).unwrap(), kinds)
        }

        fn after(&mut self, time: i64) -> &mut Self {
            self.now += time;
            self
        }

        fn push(&mut self, kind: StepKind, by: Option<&str>, verdict: Option<CaseVerdict>) {
            let by = by.map(str::to_owned);
            let act = Act::Step(Step { kind, by, verdict, second: false, replaces: false });
            self.events.push(Event { at: self.now, act });
        }

        fn wish(&mut self, who: &str, wish: Wish) -> Result<StepKind, StepRefusal> {
            self.seen(who).0.take(wish, who, self.now)?;
            let kind = match (self.case().take(wish, who, self.now)?, self.case().can_pair()) {
                (StepKind::Decided, true) => StepKind::Paired,
                (kind, _) => kind,
            };
            let verdict = match wish {
                Wish::Decide(verdict) => Some(verdict),
                _ => None,
            };
            self.push(kind, Some(who), verdict);
            Ok(kind)
        }

        fn rule(&mut self, who: &str, verdict: CaseVerdict) -> StepKind {
            self.wish(who, Wish::Claim { takeover: false }).unwrap();
            self.wish(who, Wish::Decide(verdict)).unwrap()
        }
    }

    fn claim() -> Wish {
        Wish::Claim { takeover: false }
    }

    #[test]
    fn until_the_second_rules_the_first_finds_it_ruled_and_all_others_find_it_let_go() {
        let mut desk = Desk::open();
        assert_eq!(desk.rule("a", Approve), StepKind::Paired);
        let (first, kinds) = desk.seen("a");
        assert_eq!((first.state(desk.now), first.verdict), (CaseState::Closed, Some(Approve)));
        assert_eq!(kinds, ["claimed", "decided"]);
        // As long as it can be taken back the others find that the first holds it, as before.
        let (other, kinds) = desk.seen("b");
        assert_eq!((other.holder.unwrap().until, kinds), (LEASE, vec!["claimed"]));
        assert!(matches!(desk.wish("b", claim()), Err(StepRefusal::Held { .. })));
        desk.after(UNDO);
        let (other, kinds) = desk.seen("b");
        assert_eq!((other.state(desk.now), other.verdict), (CaseState::Open, None));
        assert_eq!(kinds, ["claimed", "released"]);
        assert_eq!(other.undoable, None);
        // To each it is the very case that it would be if it were so.
        for (who, kind, verdict) in [("a", StepKind::Decided, Some(Approve)), ("b", StepKind::Released, None)] {
            let mut plain = Desk::open();
            plain.push(StepKind::Claimed, Some("a"), None);
            plain.push(kind, Some("a"), verdict);
            assert_eq!(desk.seen(who).0, plain.case());
        }
        // What the first notes the second does not see, and the other way round.
        desk.wish("a", Wish::Note).unwrap();
        desk.wish("b", claim()).unwrap();
        desk.wish("b", Wish::Note).unwrap();
        assert_eq!(desk.seen("a").1, ["claimed", "decided", "noted"]);
        assert_eq!(desk.seen("b").1, ["claimed", "released", "claimed", "noted"]);
        for who in ["a", "A"] {
            assert_eq!(desk.wish(who, Wish::Claim { takeover: true }), Err(StepRefusal::Closed));
            assert_eq!(desk.wish(who, Wish::Decide(Approve)), Err(StepRefusal::Closed));
            assert_eq!(desk.wish(who, Wish::Escalate), Err(StepRefusal::Closed));
        }
        assert_eq!(desk.case().is_ruled_for(), Some("a"));
        assert_eq!(desk.case().verdict, None, "and nobody outside is told");
    }

    #[test]
    fn who_rules_alike_closes_it() {
        for verdict in [Approve, Reject] {
            let mut desk = Desk::open();
            desk.rule("a", verdict);
            desk.after(MINUTE);
            assert_eq!(desk.rule("b", verdict), StepKind::Agreed);
            let case = desk.case();
            assert_eq!(
                (case.state(desk.now), case.verdict, case.is_ruled_for()),
                (CaseState::Closed, Some(verdict), None)
            );
            assert!(!case.is_settled(desk.now));
            assert_eq!(desk.seen("b").1, ["claimed", "released", "claimed", "decided"], "it can still be taken back");
            assert_eq!(desk.seen("c").1, ["claimed", "released", "claimed"]);
            desk.after(UNDO);
            for who in ["a", "b", "c"] {
                assert_eq!(desk.seen(who).1, ["claimed", "paired", "claimed", "agreed"]);
            }
            // Who ruled does not rule on an appeal.
            desk.push(StepKind::Appealed, None, None);
            let may = ["a", "b", "c"].map(|who| desk.wish(who, claim()).is_ok());
            assert_eq!(may, [false, false, true]);
        }
    }

    #[test]
    fn where_two_differ_a_third_rules_and_sees_both() {
        let mut desk = Desk::open();
        desk.rule("a", Approve);
        desk.after(MINUTE);
        assert_eq!(desk.rule("b", Reject), StepKind::Parted);
        let (second, kinds) = desk.seen("b");
        assert_eq!((second.state(desk.now), second.verdict), (CaseState::Closed, Some(Reject)));
        assert_eq!(kinds, ["claimed", "released", "claimed", "decided"]);
        assert!(matches!(desk.wish("c", claim()), Err(StepRefusal::Held { .. })));
        desk.after(UNDO);
        let case = desk.case();
        assert_eq!((case.state(desk.now), case.escalated, case.verdict), (CaseState::Open, true, None));
        for who in ["a", "b"] {
            assert_eq!(desk.wish(who, claim()), Err(StepRefusal::SameReviewer));
        }
        assert_eq!(desk.seen("c").1, ["claimed", "paired", "claimed", "parted"]);
        assert_eq!(desk.rule("c", Approve), StepKind::Decided, "and no pair again");
        assert_eq!(desk.case().verdict, Some(Approve));
    }

    #[test]
    fn either_verdict_can_be_taken_back_and_nobody_is_told_of_the_other() {
        let mut desk = Desk::open();
        desk.rule("a", Approve);
        assert_eq!(desk.after(UNDO - 1).wish("a", Wish::Undo), Ok(StepKind::Undone));
        assert_eq!(desk.seen("a").0.state(desk.now), CaseState::Held);
        assert_eq!((desk.seen("a").1, desk.seen("b").1), (vec!["claimed", "decided", "undone"], vec!["claimed"]));
        assert_eq!(desk.wish("a", Wish::Decide(Reject)), Ok(StepKind::Paired));
        assert_eq!(desk.seen("a").1, ["claimed", "decided", "undone", "decided"]);
        assert_eq!(desk.after(UNDO).seen("b").1, ["claimed", "released"]);
        let mut desk = Desk::open();
        desk.rule("a", Approve);
        assert_eq!(desk.after(UNDO).wish("a", Wish::Undo), Err(StepRefusal::TooLate));
        desk.rule("b", Reject);
        assert_eq!(desk.after(1).wish("b", Wish::Undo), Ok(StepKind::Undone));
        assert_eq!(desk.seen("b").1, ["claimed", "released", "claimed", "decided", "undone"]);
        assert_eq!(desk.seen("a").1, ["claimed", "decided"]);
        assert_eq!(desk.wish("b", Wish::Decide(Approve)), Ok(StepKind::Agreed));
    }

    #[test]
    fn other_photos_escalation_or_time_end_a_pair_openly() {
        for end in [StepKind::PhotosAdded, StepKind::Overdue, StepKind::Escalated, StepKind::Withdrawn] {
            let mut desk = Desk::open();
            desk.rule("a", Approve);
            desk.after(MINUTE).push(end, None, None);
            assert_eq!((desk.case().pair.clone(), desk.case().is_ruled_for()), (None, None), "{end:?}");
            assert_eq!(desk.seen("b").1, ["claimed", "paired", end.as_str()]);
            assert_eq!(desk.case().verdict, None);
        }
        let mut desk = Desk::open();
        desk.rule("a", Approve);
        desk.after(MINUTE);
        assert_eq!(desk.rule("b", RequestPhotos), StepKind::PhotosAsked);
        assert_eq!(desk.seen("b").1, ["claimed", "released", "claimed", "photos_asked"]);
        desk.after(UNDO);
        assert_eq!(desk.seen("b").1, ["claimed", "paired", "claimed", "photos_asked"]);
    }

    #[test]
    fn a_known_case_is_for_people_whatever_the_program_thinks_and_shown_as_any_other() {
        for act in [Act::Held, Act::Approved] {
            let mut desk = Desk { events: Vec::new(), now: 0 };
            desk.push(StepKind::Known, Some("ad"), Some(Reject));
            assert_eq!((desk.case().state(0), desk.case().verdict), (CaseState::Closed, None), "until it is read");
            desk.after(5).events.push(Event { at: 5, act });
            let case = desk.case();
            assert_eq!((case.state(5), case.opened, case.known), (CaseState::Open, 5, true));
            assert!(!case.can_pair());
            let events: Vec<&Event> = desk.events.iter().collect();
            assert_eq!(shown(&events, "a", 5), [Shown::Hidden, Shown::AsIs]);
        }
    }
}
