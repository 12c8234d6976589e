//! How carefully people look: what their verdicts come to on cases whose end is known, and on those that two ruled
//! blind.

use super::review::{CaseVerdict, StepKind};
use super::tasks::Taken;
use std::collections::BTreeMap;

/// What verdicts come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Verdicts on known cases that have to be rejected.
    pub forged: u64,
    /// Of these approved.
    pub missed: u64,
    /// Verdicts on known cases that have to be approved.
    pub genuine: u64,
    /// Of these rejected.
    pub refused: u64,
    /// Blind pairs, by one's own verdict and then by the other's: approved first, rejected second.
    pub pairs: [[u64; 2]; 2],
}

impl Tally {
    /// Blind pairs.
    pub fn pairs_in_all(&self) -> u64 {
        self.pairs.iter().flatten().sum()
    }

    /// Of these both said the same.
    pub fn agreed(&self) -> u64 {
        self.pairs[0][0] + self.pairs[1][1]
    }

    fn know(&mut self, has_to: CaseVerdict, was: CaseVerdict) {
        let is_wrong = u64::from(has_to != was);
        match has_to {
            CaseVerdict::Approve => (self.genuine, self.refused) = (self.genuine + 1, self.refused + is_wrong),
            _ => (self.forged, self.missed) = (self.forged + 1, self.missed + is_wrong),
        }
    }

    fn pair(&mut self, own: CaseVerdict, other: CaseVerdict) {
        let place = |verdict| usize::from(verdict != CaseVerdict::Approve);
        self.pairs[place(own)][place(other)] += 1;
    }
}

/// What the verdicts of all come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vigilance {
    /// Of all together; of a pair once, by the first verdict and then by the second.
    pub all: Tally,
    /// Of each person.
    pub people: BTreeMap<String, Tally>,
    /// Known cases that nobody ruled on yet.
    pub unruled: u64,
    /// Blind pairs that wait for the second verdict.
    pub half: u64,
}

/// From what people did with claims, claim by claim and in order; verdicts taken back do not count.
pub fn vigilance<'a>(claims: impl IntoIterator<Item = &'a [Taken]>) -> Vigilance {
    let mut out = Vigilance::default();
    for steps in claims {
        let has_to = steps.iter().find(|step| step.kind == StepKind::Known).and_then(|step| step.verdict);
        let given = standing(steps);
        match has_to {
            Some(has_to) => out.count_known(has_to, &given),
            None => out.count_pairs(steps, &given),
        }
    }
    out
}

/// The verdicts that were not taken back.
fn standing(steps: &[Taken]) -> Vec<&Taken> {
    let mut given: Vec<&Taken> = Vec::new();
    for step in steps {
        match step.kind {
            StepKind::Undone => drop(given.pop()),
            StepKind::Known => {}
            _ if step.verdict.is_some() => given.push(step),
            _ => {}
        }
    }
    given
}

impl Vigilance {
    fn of(&mut self, who: &Taken) -> &mut Tally {
        self.people.entry(who.by.clone().unwrap_or_default()).or_default()
    }

    fn count_known(&mut self, has_to: CaseVerdict, given: &[&Taken]) {
        let mut rulings = given.iter().filter(|step| step.verdict != Some(CaseVerdict::RequestPhotos)).peekable();
        self.unruled += u64::from(rulings.peek().is_none());
        for ruling in rulings {
            let Some(was) = ruling.verdict else { continue };
            self.all.know(has_to, was);
            self.of(ruling).know(has_to, was);
        }
    }

    fn count_pairs(&mut self, steps: &[Taken], given: &[&Taken]) {
        for (n, first) in given.iter().enumerate().filter(|(_, step)| step.kind == StepKind::Paired) {
            let second = given.get(n + 1).filter(|next| matches!(next.kind, StepKind::Agreed | StepKind::Parted));
            let (Some(own), Some(other)) = (first.verdict, second.and_then(|second| second.verdict)) else {
                // What came between them, such as other photos, ended a pair before its second verdict.
                let ends = [StepKind::PhotosAdded, StepKind::Escalated, StepKind::Overdue, StepKind::Withdrawn];
                let is_over = steps.iter().any(|step| step.at >= first.at && ends.contains(&step.kind));
                self.half += u64::from(second.is_none() && n + 1 == given.len() && !is_over);
                continue;
            };
            self.all.pair(own, other);
            self.of(first).pair(own, other);
            if let Some(second) = second {
                self.of(second).pair(other, own);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CaseVerdict::{Approve, Reject, RequestPhotos};

    fn taken(kind: StepKind, by: &str, verdict: Option<CaseVerdict>) -> Taken {
        Taken { at: 0, kind, by: Some(by.to_owned()), verdict, reason: None }
    }

    #[test]
    fn verdicts_count_by_what_is_known_and_by_what_the_other_said() {
        let known = |has_to, given: &[(&str, CaseVerdict)]| {
            let mut steps = vec![taken(StepKind::Known, "ad", Some(has_to))];
            steps.extend(given.iter().map(|(who, verdict)| taken(StepKind::Decided, who, Some(*verdict))));
            steps
        };
        let pair = |one, second, other| vec![taken(StepKind::Paired, "a", Some(one)), taken(second, "b", Some(other))];
        let mut taken_back = known(Reject, &[("a", Approve)]);
        taken_back.push(taken(StepKind::Undone, "a", None));
        taken_back.push(taken(StepKind::PhotosAsked, "a", Some(RequestPhotos)));
        let claims = [
            known(Reject, &[("a", Approve)]),
            known(Reject, &[("b", Reject)]),
            known(Approve, &[("a", Approve)]),
            known(Approve, &[("b", Reject)]),
            taken_back,
            pair(Approve, StepKind::Agreed, Approve),
            pair(Approve, StepKind::Parted, Reject),
            vec![taken(StepKind::Paired, "a", Some(Reject))],
            vec![taken(StepKind::Paired, "a", Some(Reject)), taken(StepKind::Escalated, "b", None)],
        ];
        let told = vigilance(claims.iter().map(Vec::as_slice));
        let a = Tally { forged: 1, missed: 1, genuine: 1, refused: 0, pairs: [[1, 1], [0, 0]] };
        let b = Tally { forged: 1, missed: 0, genuine: 1, refused: 1, pairs: [[1, 0], [1, 0]] };
        assert_eq!(told.people, BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]));
        assert_eq!(told.all, Tally { forged: 2, missed: 1, genuine: 2, refused: 1, pairs: [[1, 1], [0, 0]] });
        assert_eq!((told.unruled, told.half), (1, 1));
        assert_eq!((told.all.pairs_in_all(), told.all.agreed()), (2, 1));
    }
}
