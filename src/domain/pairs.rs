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
    let steps = || events.iter().map(|event| step(event));
    let Some((first, second)) = untold else {
        return steps().map(|step| if step.is_some_and(is_known) { Shown::Hidden } else { Shown::AsIs }).collect();
    };
    let last = |holds: &dyn Fn(&Step) -> bool| steps().rposition(|step| step.is_some_and(holds));
    let paired = last(&|step| step.kind == StepKind::Paired);
    // What can still be taken back is told to nobody else.
    let ruled = second.and_then(|_| last(&|step| step.verdict.is_some() && !is_known(step)));
    let is_first = first.by.eq_ignore_ascii_case(who);
    let mut undoes_first = false;
    let mut one = |(n, step): (usize, Option<&Step>)| {
        let Some(step) = step else { return Shown::AsIs };
        let is_of_first = step.by.as_ref() == Some(&first.by);
        let undone_first = step.kind == StepKind::Undone && undoes_first;
        if step.verdict.is_some() {
            undoes_first = step.kind == StepKind::Paired;
        }
        match step.kind {
            StepKind::Known => Shown::Hidden,
            _ if is_first && Some(n) > paired && !is_of_first => Shown::Hidden,
            StepKind::Paired if is_first => Shown::As(StepKind::Decided),
            StepKind::Paired if Some(n) == paired && now >= first.until => Shown::As(StepKind::Released),
            StepKind::Paired => Shown::Hidden,
            _ if Some(n) == ruled && second != Some(who) => Shown::Hidden,
            StepKind::Agreed | StepKind::Parted => Shown::As(StepKind::Decided),
            StepKind::Undone if undone_first && !is_first => Shown::Hidden,
            StepKind::Noted | StepKind::TaskDone if is_of_first && !is_first => Shown::Hidden,
            _ => Shown::AsIs,
        }
    };
    steps().enumerate().map(&mut one).collect()
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
