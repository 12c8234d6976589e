//! Days in order, not in the future, not too old, within cover.

use super::{Answer, Case, Seen};
use crate::domain::FieldName::{AdmissionDate, DischargeDate, IssueDate, VisitDate};
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::{Day, FieldName};

const DATES: [FieldName; 4] = [IssueDate, VisitDate, AdmissionDate, DischargeDate];

/// Years after which a bill is too old: the limitation of 保险法 art. 26.
const STALE_YEARS: u16 = 2;

/// Days after the visit or the stay within which a bill is issued; it is when it is paid.
const ISSUED_WITHIN: i64 = 31;

/// Admission ≤ discharge ≤ issue, and visit ≤ issue. A bill issued more than [`ISSUED_WITHIN`] days after what it is for is
/// printed anew, or not of that day: a person has to tell.
pub(super) fn date_order(case: &Case) -> Answer {
    const PAIRS: [(FieldName, FieldName); 4] = [
        (AdmissionDate, DischargeDate),
        (DischargeDate, IssueDate),
        (AdmissionDate, IssueDate),
        (VisitDate, IssueDate),
    ];
    let (mut compared, mut late) = (0, None);
    for (earlier, later) in PAIRS {
        if let (Seen::Read(a), Seen::Read(b)) = (case.day(earlier), case.day(later)) {
            if a > b {
                return case.answer(Fail, &[earlier, later]).with(earlier.as_str(), a).with(later.as_str(), b);
            }
            compared += 1;
            if later == IssueDate && earlier != AdmissionDate && a.days_until(b) > ISSUED_WITHIN {
                late = Some((earlier, a, b));
            }
        }
    }
    if let Some((earlier, day, issued)) = late {
        let answer = case.answer(Inconclusive, &[earlier, IssueDate]).why("issued_late");
        return answer.with(earlier.as_str(), day).with(IssueDate.as_str(), issued);
    }
    let unclear: Vec<FieldName> = DATES.into_iter().filter(|d| case.day(*d) == Seen::Unclear).collect();
    match (unclear.is_empty(), compared) {
        (false, _) => case.answer(Inconclusive, &unclear).why("date_unclear"),
        (true, 0) => Answer::not_applicable(),
        (true, _) => case.answer(Pass, &DATES),
    }
}

/// No date lies after the day of the decision.
pub(super) fn date_not_future(case: &Case) -> Answer {
    let seen: Vec<FieldName> = DATES.into_iter().filter(|d| case.field(*d).is_some()).collect();
    if seen.is_empty() {
        return Answer::not_applicable();
    }
    let Some(today) = case.today() else { return case.answer(Inconclusive, &seen).why("today_unknown") };
    let future: Vec<(FieldName, Day)> =
        seen.iter().filter_map(|d| Some((*d, case.day(*d).read()?))).filter(|(_, day)| *day > today).collect();
    if let Some((_, latest)) = future.iter().max_by_key(|(_, day)| *day) {
        let names: Vec<FieldName> = future.iter().map(|(name, _)| *name).collect();
        return case.answer(Fail, &names).with("date", latest).with("today", today);
    }
    let unclear = seen.iter().any(|d| case.day(*d) == Seen::Unclear);
    case.answer(if unclear { Inconclusive } else { Pass }, &seen).with("today", today)
}

/// Issued no more than two years before the claim. Needs a claim.
pub(super) fn date_not_stale(case: &Case) -> Answer {
    if case.evidence.claim.is_none() || !case.is_bill() {
        return Answer::not_applicable();
    }
    match (case.day(IssueDate), case.today()) {
        (Seen::Read(issued), Some(today)) => {
            let outcome = if issued.years_later(STALE_YEARS) < today { Fail } else { Pass };
            case.answer(outcome, &[IssueDate]).with("date", issued).with("today", today)
        }
        _ => case.answer(Inconclusive, &[IssueDate]).why("date_unclear"),
    }
}

/// The visit or admission (failing these, the issue) lies within the cover of the insurance policy. Needs a claim with one.
pub(super) fn policy_period(case: &Case) -> Answer {
    let term = case.evidence.claim.as_ref().and_then(|claim| claim.policy.as_ref());
    let Some(term) = term.filter(|t| (t.from.is_some() || t.to.is_some()) && case.is_bill()) else {
        return Answer::not_applicable();
    };
    let bound = |day: &Option<String>| match day {
        None => Ok(None),
        Some(day) => Day::parse(day).map(Some).ok_or(()),
    };
    let event: Vec<FieldName> =
        match [VisitDate, AdmissionDate].into_iter().filter(|d| case.field(*d).is_some()).collect() {
            days if Vec::is_empty(&days) => vec![IssueDate],
            days => days,
        };
    let days: Option<Vec<Day>> = event.iter().map(|d| case.day(*d).read()).collect();
    let (Some(days), Ok(from), Ok(to)) = (days, bound(&term.from), bound(&term.to)) else {
        return case.answer(Inconclusive, &event).why("date_unclear");
    };
    let outside = days.iter().find(|day| from.is_some_and(|from| **day < from) || to.is_some_and(|to| **day > to));
    let mut answer = case.answer(if outside.is_some() { Fail } else { Pass }, &event);
    for (name, day) in [("date", outside.or(days.first()).copied()), ("from", from), ("to", to)] {
        if let Some(day) = day {
            answer = answer.with(name, day);
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use super::*;
    use crate::domain::Outcome::NotApplicable;
    use crate::domain::support::{bill, claim, evidence, inpatient, receipt};
    use crate::domain::{CheckId, PolicyTerm};

    #[test]
    fn order() {
        for (name, reading, outcome) in [
            ("visit and issue on one day", bill(), Pass),
            ("visit after issue", bill().set(VisitDate, "2024-05-13"), Fail),
            ("stay", inpatient(), Pass),
            ("discharged before admitted", inpatient().set(DischargeDate, "2024-05-01"), Fail),
            ("issued during the stay", inpatient().set(IssueDate, "2024-05-08"), Fail),
            ("same day", inpatient().set(AdmissionDate, "2024-05-12"), Pass),
            ("issued a month after the stay", inpatient().set(IssueDate, "2024-06-12"), Pass),
            ("issued later", inpatient().set(IssueDate, "2024-06-13"), Inconclusive),
            ("unclear", bill().unclear(VisitDate), Inconclusive),
            ("one date only", receipt(), NotApplicable),
        ] {
            assert_eq!(ask(&evidence(vec![reading]), CheckId::DateOrder).outcome, outcome, "{name}");
        }
    }

    #[test]
    fn future_and_stale() {
        use CheckId::{DateNotFuture, DateNotStale};
        // Today is 2024-06-01.
        for (check, date, with_claim, outcome) in [
            (DateNotFuture, "2024-06-01", false, Pass),
            (DateNotFuture, "2024-06-02", false, Fail),
            (DateNotFuture, "2042-05-12", false, Fail),
            (DateNotStale, "2022-06-01", true, Pass),
            (DateNotStale, "2022-05-31", true, Fail),
            (DateNotStale, "2012-05-31", false, NotApplicable),
        ] {
            let mut evidence = evidence(vec![bill().set(IssueDate, date)]);
            evidence.claim = with_claim.then(claim);
            assert_eq!(ask(&evidence, check).outcome, outcome, "{check:?} {date}");
        }
        let mut no_day = evidence(vec![bill()]);
        no_day.facts.today = "soon".into();
        no_day.claim = Some(claim());
        assert_eq!(ask(&no_day, DateNotFuture).outcome, Inconclusive);
        assert_eq!(ask(&no_day, DateNotStale).outcome, Inconclusive);
        assert_eq!(ask(&evidence(vec![bill().unclear(IssueDate)]), DateNotFuture).outcome, Inconclusive);
    }

    #[test]
    fn cover() {
        let term = |from: Option<&str>, to: Option<&str>| PolicyTerm {
            number: "P1".into(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        for (name, policy, outcome) in [
            ("within", Some(term(Some("2024-01-01"), Some("2024-12-31"))), Pass),
            ("first day", Some(term(Some("2024-05-12"), None)), Pass),
            ("last day", Some(term(None, Some("2024-05-12"))), Pass),
            ("too early", Some(term(Some("2024-05-13"), None)), Fail),
            ("too late", Some(term(None, Some("2024-05-11"))), Fail),
            ("no day", Some(term(Some("next week"), None)), Inconclusive),
            ("no bounds", Some(term(None, None)), NotApplicable),
            ("no policy", None, NotApplicable),
        ] {
            let mut evidence = evidence(vec![bill()]);
            evidence.claim = Some(crate::domain::Claim { policy, ..claim() });
            assert_eq!(ask(&evidence, CheckId::PolicyPeriod).outcome, outcome, "{name}");
            evidence.claim = None;
            assert_eq!(ask(&evidence, CheckId::PolicyPeriod).outcome, NotApplicable, "{name}");
        }
    }
}
