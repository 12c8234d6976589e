//! How many cases will come to people, half-hour by half-hour, how wrong such forecasts were, and how many people the
//! work takes.
//!
//! The model is plain enough to be explained at a desk: *last week's number of cases, spread over the week as the last
//! weeks were, and grown as they grew*. It knows no holidays and nothing of what senders plan.
//!
//! What it is worth is measured on the last seven days: each is forecast from what was known before it began, and held
//! against what came. Beside that error stands what chance alone makes of it: numbers that come at random (Poisson)
//! around a known mean still differ from it, and no forecast can do better.

use super::work::stamp;
use super::{Service, ServiceError};
use crate::domain::review::StepKind;
use crate::store::arrivals::HoldStep;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::HashMap;

/// Milliseconds of a half-hour.
const SLOT: i64 = 30 * 60 * 1000;
/// Half-hours of a day.
const DAY: usize = 48;
/// Half-hours of a week.
const WEEK: usize = 7 * DAY;
/// Weeks that a forecast is made of at least: one says nothing of how weeks differ.
const WEEKS_LEAST: usize = 2;
/// And at most: what was longer ago was otherwise.
const WEEKS_MOST: usize = 8;
/// Growth a week that is believed at most, as a logarithm: a tenth up or down.
const GROWTH_MOST: f64 = 0.1;

/// Of so many cases in ten nine are taken up in time.
const IN_TIME: f64 = 0.9;
/// Minutes within which a case is taken up.
const WITHIN: f64 = 10.0;
/// Nobody is kept busier than this.
const BUSY_MOST: f64 = 0.85;
/// Steps that handling time is measured on at most.
const STEPS_MOST: i64 = 20_000;
/// Cases that it is measured on at least.
const HANDLED_LEAST: usize = 20;
/// Seconds after which somebody who holds a case is taken to do something else.
const HANDLED_MOST: f64 = 3600.0;
/// The factor of a normal deviation within which eight of ten lie.
const EIGHT_OF_TEN: f64 = 1.2816;

/// A half-hour to come.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SlotView {
    /// When it begins, RFC 3339 in UTC.
    pub at: String,
    /// Cases that are expected.
    pub cases: f64,
    /// From here to `high` it lies in eight of ten, by how far forecasts were off; `null` until that was measured.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// People that it takes; `null` until handling time was measured.
    pub people: Option<u32>,
}

/// A half-hour that was forecast and came.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CameView {
    /// When it began, RFC 3339 in UTC.
    pub at: String,
    /// Cases that came.
    pub came: u32,
    /// Cases that were expected the day before.
    pub expected: f64,
}

/// How far forecasts were off.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct BacktestedView {
    /// Mean of the errors, each as a share of what came; over half-hours in which something came. `null` if none did.
    pub mape: Option<f64>,
    /// Half-hours that it is the mean of.
    pub n: usize,
    /// What a forecast that knew the true mean would have had for the same figure, by chance alone.
    pub chance: Option<f64>,
    /// Sum of the errors as a share of the sum of what came, over all half-hours.
    pub of_all: Option<f64>,
    /// Each half-hour of the last seven days.
    pub half_hours: Vec<CameView>,
}

/// How long people take for a case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct HandlingView {
    /// Seconds from taking a case to ruling on it, in the mean.
    pub seconds: f64,
    /// Cases that it is the mean of.
    pub n: usize,
}

/// By what rule people are counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct StaffingRule {
    /// This share of cases is taken up in time (Erlang C).
    pub share_in_time: f64,
    /// Minutes that are in time.
    pub within_minutes: f64,
    /// And nobody is kept busier than this share of the time.
    pub busy_most: f64,
}

/// What will come, as far as that can be told.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ForecastView {
    /// Whole half-hours since the first case.
    pub half_hours_known: usize,
    /// Half-hours that a forecast takes.
    pub half_hours_needed: usize,
    /// Half-hours that it takes to measure how far forecasts are off.
    pub half_hours_to_measure: usize,
    /// The half-hours of the next seven days; empty while too little is known.
    pub half_hours: Vec<SlotView>,
    /// Growth from week to week that the forecast goes on with; 0 where the weeks differ by no more than chance.
    pub weekly_growth: f64,
    /// How far forecasts were off; `null` while too little is known.
    pub measured: Option<BacktestedView>,
    /// How long people take; `null` while fewer than 20 cases tell.
    pub handling: Option<HandlingView>,
    /// By what rule people are counted.
    pub rule: StaffingRule,
    /// Whether all of this is of cases that never came, to be looked at: only where decisions are made up, and too few
    /// cases came.
    pub made_up: bool,
}

impl Service {
    /// What will come to people in the next seven days, how far such forecasts were off, and how many people it takes.
    ///
    /// # Errors
    /// If the records cannot be read.
    pub async fn forecast(&self) -> Result<ForecastView, ServiceError> {
        let store = &self.0.records.store;
        let now = Timestamp::now().as_millisecond() / SLOT;
        let first = store.first_arrival().await?.map_or(now, |at| at / SLOT);
        let known = usize::try_from(now - first).unwrap_or(0);
        let begin = now - known.min(WEEK * (WEEKS_MOST + 1)) as i64;
        let mut counts = vec![0; (now - begin) as usize];
        for (slot, n) in store.arrivals(begin * SLOT, SLOT).await? {
            // What came in the half-hour that is not over yet is left out.
            if let Some(count) = usize::try_from(slot - begin).ok().and_then(|at| counts.get_mut(at)) {
                *count = u32::try_from(n).unwrap_or(u32::MAX);
            }
        }
        let handling = handling(&store.hold_steps(STEPS_MOST).await?);
        let told = view(&counts, known, now, handling);
        if told.half_hours.is_empty() && self.is_made_up() {
            return Ok(ForecastView { made_up: true, ..view(&made_up(now), known, now, Some(MADE_UP_HANDLING)) });
        }
        Ok(told)
    }
}

fn at(slot: i64) -> String {
    Timestamp::from_millisecond(slot * SLOT).map(stamp).unwrap_or_default()
}

/// What can be told of these counts, the last of which is of the half-hour before `now`.
fn view(counts: &[u32], known: usize, now: i64, handling: Option<HandlingView>) -> ForecastView {
    let measured = backtest(counts);
    let spread = measured.as_ref().map(|points| dispersion(points));
    let model = Model::of(counts);
    let slot = |model: &Model, ahead: usize| {
        let cases = model.ahead(ahead);
        let band = spread.map(|spread| EIGHT_OF_TEN * (spread * cases).sqrt());
        SlotView {
            at: at(now + ahead as i64),
            cases,
            low: band.map(|band| (cases - band).max(0.0)),
            high: band.map(|band| cases + band),
            people: handling.map(|handling| people(cases, handling.seconds)),
        }
    };
    ForecastView {
        half_hours_known: known,
        half_hours_needed: WEEKS_LEAST * WEEK,
        half_hours_to_measure: (WEEKS_LEAST + 1) * WEEK,
        half_hours: model.as_ref().map_or_else(Vec::new, |model| (0..WEEK).map(|n| slot(model, n)).collect()),
        weekly_growth: model.map_or(0.0, |model| model.growth.exp_m1()),
        measured: measured.map(|points| told(&points, now)),
        handling,
        rule: StaffingRule { share_in_time: IN_TIME, within_minutes: WITHIN, busy_most: BUSY_MOST },
        made_up: false,
    }
}

/// How long people are said to take where arrivals are made up.
const MADE_UP_HANDLING: HandlingView = HandlingView { seconds: 240.0, n: 400 };

/// Six weeks of cases that never came, up to the half-hour before `now`: busy in the morning and the afternoon of a
/// working day in China, quiet at weekends, and scattered as much as cases that come at random.
fn made_up(now: i64) -> Vec<u32> {
    let mut dice = now.unsigned_abs();
    // Knuth's 64-bit congruence: the same at every look within a half-hour.
    let mut drawn = || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) as f64 / f64::from(1u32 << 31)
    };
    let weeks = 6 * WEEK as i64;
    (now - weeks..now)
        .map(|slot| {
            let there = slot + 16;
            let (day, hour) = (there.div_euclid(DAY as i64), there.rem_euclid(DAY as i64) as f64 / 2.0);
            let bump = |at: f64, wide: f64| (-((hour - at) / wide).powi(2)).exp();
            let busy = 0.4 + 14.0 * bump(10.0, 1.8) + 11.0 * bump(15.5, 2.2) + 2.0 * bump(20.0, 1.5);
            // The first day of 1970 was a Thursday.
            let mean = if (day + 3).rem_euclid(7) >= 5 { 0.3 * busy } else { busy };
            // The sum of two even draws has a sixth of the square of its half-width as variance.
            (mean + (6.0 * mean).sqrt() * (drawn() + drawn() - 1.0)).max(0.0).round() as u32
        })
        .collect()
}

/// The model: how a week's cases are spread over it, how many the last week had, and how weeks grow.
struct Model {
    /// Share of a week's cases, from the half-hour that is forecast first.
    shares: Vec<f64>,
    last_week: f64,
    /// Logarithm of the factor from one week to the next.
    growth: f64,
}

impl Model {
    /// Of these counts, the last of which is of the half-hour before the first that is forecast. `None` of too few.
    fn of(counts: &[u32]) -> Option<Self> {
        let weeks = (counts.len() / WEEK).min(WEEKS_MOST);
        if weeks < WEEKS_LEAST {
            return None;
        }
        let counts = &counts[counts.len() - weeks * WEEK..];
        let totals: Vec<f64> = counts.chunks(WEEK).map(|week| week.iter().copied().map(f64::from).sum()).collect();
        let all: f64 = totals.iter().sum();
        let share = |slot: usize| {
            let sum: f64 = counts.iter().skip(slot).step_by(WEEK).copied().map(f64::from).sum();
            if all > 0.0 { sum / all } else { 0.0 }
        };
        let last_week = totals.last().copied().unwrap_or_default();
        Some(Self { shares: (0..WEEK).map(share).collect(), last_week, growth: growth(&totals) })
    }

    /// Cases that are expected so many half-hours ahead, from 0.
    fn ahead(&self, slots: usize) -> f64 {
        let weeks = (slots / WEEK + 1) as f64;
        self.shares[slots % WEEK] * self.last_week * (self.growth * weeks).exp()
    }
}

/// The slope of the logarithms of weekly totals, where it is more than chance; each week counts as surely as it is known.
fn growth(totals: &[f64]) -> f64 {
    if totals.len() < 3 || totals.iter().any(|total| *total < 1.0) {
        return 0.0;
    }
    let weight: f64 = totals.iter().sum();
    let points = || totals.iter().enumerate().map(|(week, total)| (week as f64, total.ln(), *total));
    let mean = |of: fn((f64, f64, f64)) -> f64| points().map(|p| of(p) * p.2).sum::<f64>() / weight;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let spread: f64 = points().map(|p| p.2 * (p.0 - x).powi(2)).sum();
    let slope = points().map(|p| p.2 * (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
    // Totals that scatter more than Poisson ones do make the slope less sure.
    let scatter: f64 = points().map(|p| p.2 * (p.1 - y - slope * (p.0 - x)).powi(2)).sum();
    let factor = (scatter / (totals.len() - 2) as f64).max(1.0);
    let sure = slope.abs() > 2.0 * (factor / spread).sqrt();
    if sure { slope.clamp(-GROWTH_MOST, GROWTH_MOST) } else { 0.0 }
}

/// What came and what was expected, of each half-hour of the last seven days, each day forecast from what was known before
/// it. `None` of too few counts.
fn backtest(counts: &[u32]) -> Option<Vec<(u32, f64)>> {
    let begin = counts.len().checked_sub(WEEK)?;
    let mut points = Vec::with_capacity(WEEK);
    for day in (begin..counts.len()).step_by(DAY) {
        let model = Model::of(&counts[..day])?;
        points.extend((0..DAY).map(|slot| (counts[day + slot], model.ahead(slot))));
    }
    Some(points)
}

/// How much farther apart what came and what was expected are than Poisson numbers and their mean: at least 1.
fn dispersion(points: &[(u32, f64)]) -> f64 {
    let terms: Vec<f64> = points.iter().filter(|p| p.1 > 0.0).map(|p| (f64::from(p.0) - p.1).powi(2) / p.1).collect();
    if terms.is_empty() { 1.0 } else { (terms.iter().sum::<f64>() / terms.len() as f64).max(1.0) }
}

fn told(points: &[(u32, f64)], now: i64) -> BacktestedView {
    let error = |p: &(u32, f64)| (f64::from(p.0) - p.1).abs();
    let came: Vec<&(u32, f64)> = points.iter().filter(|p| p.0 > 0).collect();
    let mean = |of: &dyn Fn(&(u32, f64)) -> f64| {
        (!came.is_empty()).then(|| came.iter().map(|p| of(p)).sum::<f64>() / came.len() as f64)
    };
    let sum: f64 = points.iter().map(|p| f64::from(p.0)).sum();
    let begin = now - points.len() as i64;
    BacktestedView {
        mape: mean(&|p| error(p) / f64::from(p.0)),
        n: came.len(),
        chance: mean(&|p| by_chance(p.1)),
        of_all: (sum > 0.0).then(|| points.iter().map(error).sum::<f64>() / sum),
        half_hours: (begin..)
            .zip(points)
            .map(|(slot, p)| CameView { at: at(slot), came: p.0, expected: p.1 })
            .collect(),
    }
}

/// What the error of a perfect forecast is in the mean, as a share of what comes, where that is not nothing.
fn by_chance(mean: f64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    if mean > 500.0 {
        // The mean deviation of a normal distribution of this variance.
        return (2.0 / (std::f64::consts::PI * mean)).sqrt();
    }
    let (mut p, mut sum) = ((-mean).exp(), 0.0);
    let something = 1.0 - p;
    for n in 1..(mean + 12.0 * mean.sqrt() + 20.0) as u32 {
        let n = f64::from(n);
        p *= mean / n;
        sum += p * (n - mean).abs() / n;
    }
    sum / something
}

/// People that so many cases in a half-hour take, of so many seconds each: as few as keep the rule. Erlang C: cases come
/// at random and wait in one line for whoever is free first.
fn people(cases: f64, seconds: f64) -> u32 {
    let load = cases * seconds / (SLOT as f64 / 1000.0);
    if load < 1e-9 {
        return 0;
    }
    let mut people = (load / BUSY_MOST).ceil().max(1.0) as u32;
    while waits(people, load, WITHIN * 60.0 / seconds) > 1.0 - IN_TIME {
        people += 1;
    }
    people
}

/// The share of cases that wait longer than a time, told in handling times.
fn waits(people: u32, load: f64, time: f64) -> f64 {
    let lost = (1..=people).fold(1.0, |lost, n| load * lost / (f64::from(n) + load * lost));
    let busy = load / f64::from(people);
    let waits = lost / (1.0 - busy * (1.0 - lost));
    waits * (-(f64::from(people) - load) * time).exp()
}

/// How long people took, from each case's last taking to the ruling; steps come newest first.
fn handling(steps: &[HoldStep]) -> Option<HandlingView> {
    let (mut taken, mut took) = (HashMap::new(), Vec::new());
    for step in steps.iter().rev() {
        let Ok(at) = step.at.parse::<Timestamp>() else { continue };
        match StepKind::of_logged(&step.kind) {
            Some(StepKind::Claimed | StepKind::TakenOver) => drop(taken.insert(&step.claim, at)),
            Some(StepKind::Decided | StepKind::Seconded | StepKind::Paired | StepKind::Agreed | StepKind::Parted) => {
                let seconds = taken.remove(&step.claim).map(|since| at.duration_since(since).as_secs_f64());
                took.extend(seconds.filter(|seconds| (0.0..=HANDLED_MOST).contains(seconds)));
            }
            _ => drop(taken.remove(&step.claim)),
        }
    }
    let n = took.len();
    (n >= HANDLED_LEAST).then(|| HandlingView { seconds: took.iter().sum::<f64>() / n as f64, n })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    /// From 0 to 1.
    fn uniform(random: &mut ChaCha8Rng) -> f64 {
        (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The mean of a half-hour of a load with a daily course with two peaks, quiet nights, weekdays of their own and
    /// a growth of 1 % a week.
    fn mean(slot: usize, volume: f64) -> f64 {
        const DAYS: [f64; 7] = [1.18, 1.1, 1.05, 1.02, 1.08, 0.82, 0.75];
        let hour = (slot % DAY) as f64 / 2.0;
        let peak = |at: f64, wide: f64| (-((hour - at) / wide).powi(2)).exp();
        let day = 0.35 + 1.3 * peak(10.5, 2.6) + peak(15.5, 2.4) + 0.5 * peak(20.0, 1.8);
        volume * day * DAYS[slot / DAY % 7] * 1.01f64.powf(slot as f64 / WEEK as f64)
    }

    /// A number that comes at random around a mean: counted where it is small, and else the normal one near it.
    fn poisson(random: &mut ChaCha8Rng, mean: f64) -> u32 {
        if mean < 50.0 {
            let (limit, mut product, mut n) = ((-mean).exp(), uniform(random), 0);
            while product > limit {
                product *= uniform(random);
                n += 1;
            }
            return n;
        }
        let normal: f64 = (0..12).map(|_| uniform(random)).sum::<f64>() - 6.0;
        (mean + normal * mean.sqrt()).round().max(0.0) as u32
    }

    fn load(weeks: usize, volume: f64, seed: u64) -> Vec<u32> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..weeks * WEEK).map(|slot| poisson(&mut random, mean(slot, volume))).collect()
    }

    #[test]
    fn cases_that_are_made_up_are_enough_for_a_forecast_that_looks_like_one() {
        let (now, counts) = (987_654, made_up(987_654));
        assert_eq!((counts.len(), made_up(now) == counts), (6 * WEEK, true));
        let told = view(&counts, 0, now, Some(MADE_UP_HANDLING));
        let error = told.measured.unwrap();
        assert!(error.of_all.unwrap() < 0.4, "{:?}", error.of_all);
        let day: f64 = told.half_hours[..DAY].iter().map(|slot| slot.cases).sum();
        assert!((30.0..300.0).contains(&day) && told.half_hours.iter().any(|slot| slot.people > Some(1)), "{day}");
    }

    #[test]
    #[expect(clippy::print_stdout, reason = "the figures are what one runs it for")]
    fn on_seasonal_load_the_error_is_at_most_4_per_cent_where_chance_allows_that() {
        for (volume, most) in [(1500.0, 0.04), (150.0, 0.12), (15.0, 0.45)] {
            for seed in 0..5 {
                let counts = load(9, volume, seed);
                let measured = told(&backtest(&counts).unwrap(), 0);
                let (mape, chance) = (measured.mape.unwrap(), measured.chance.unwrap());
                let sum: u32 = counts[counts.len() - WEEK..].iter().sum();
                println!(
                    "{:6.0} cases a half-hour: MAPE {:.2} % (chance alone {:.2} %), n = {}",
                    f64::from(sum) / WEEK as f64,
                    100.0 * mape,
                    100.0 * chance,
                    measured.n
                );
                assert!(mape <= most, "{volume}, {seed}: {mape}");
                assert!(mape <= 1.25 * chance, "{volume}, {seed}: {mape} is more than chance, {chance}");
            }
        }
    }

    #[test]
    fn a_week_that_comes_again_exactly_is_foretold_exactly() {
        let week: Vec<u32> = (0..WEEK as u32).map(|slot| slot % 7).collect();
        let counts = week.repeat(3);
        let measured = told(&backtest(&counts).unwrap(), 3 * WEEK as i64);
        assert!(measured.mape.unwrap() < 1e-9 && measured.of_all.unwrap() < 1e-9);
        assert_eq!((measured.n, measured.half_hours.len()), (week.iter().filter(|n| **n > 0).count(), WEEK));
        assert_eq!(measured.half_hours[0].at, "1970-01-15T00:00:00.000Z");
        let view = view(&counts, counts.len(), 3 * WEEK as i64, None);
        assert!(view.half_hours.iter().zip(&week).all(|(slot, n)| (slot.cases - f64::from(*n)).abs() < 1e-9));
        assert!(view.half_hours.iter().all(|slot| slot.people.is_none() && slot.high.unwrap() >= slot.cases));
    }

    #[test]
    fn with_too_little_nothing_is_foretold_or_measured() {
        let short = view(&vec![3; 2 * WEEK - 1], 2 * WEEK - 1, 5000, None);
        assert!(short.half_hours.is_empty() && short.measured.is_none());
        let young = view(&vec![3; 2 * WEEK], 2 * WEEK, 5000, None);
        assert!(young.half_hours.len() == WEEK && young.measured.is_none() && young.half_hours[0].low.is_none());
        let silent = view(&vec![0; 4 * WEEK], 4 * WEEK, 5000, None);
        let measured = silent.measured.unwrap();
        assert_eq!((measured.mape, measured.n, measured.of_all), (None, 0, None));
        assert!(silent.half_hours.iter().all(|slot| slot.cases == 0.0));
        assert_eq!(view(&[], 0, 5000, None).half_hours_known, 0);
    }

    #[test]
    fn growth_counts_where_it_is_more_than_chance() {
        let grown: Vec<f64> = (0..6).map(|week| 10_000.0 * 1.05f64.powi(week)).collect();
        assert!((growth(&grown) - 1.05f64.ln()).abs() < 1e-9);
        assert_eq!(growth(&[100.0, 108.0, 95.0, 104.0]), 0.0);
        assert_eq!(growth(&[100.0, 200.0]), 0.0, "two weeks make no trend");
        assert_eq!(growth(&[10_000.0, 20_000.0, 40_000.0]), GROWTH_MOST);
    }

    #[test]
    fn people_keep_the_rule_and_one_less_would_not() {
        assert_eq!(people(0.0, 120.0), 0);
        // One erlang: 15 cases of two minutes each.
        for (cases, seconds) in [(15.0, 120.0), (400.0, 90.0), (2.0, 600.0), (3000.0, 45.0)] {
            let n = people(cases, seconds);
            let load = cases * seconds / 1800.0;
            let keeps =
                |n: u32| f64::from(n) * BUSY_MOST >= load && waits(n, load, WITHIN * 60.0 / seconds) <= 1.0 - IN_TIME;
            assert!(keeps(n) && (n == 1 || !keeps(n - 1)), "{cases} of {seconds} s take {n}");
        }
        // A textbook case: 10 erlang and 12 people, of whom nobody waits with 1 - 0.449.
        assert!((waits(12, 10.0, 0.0) - 0.449).abs() < 0.001);
    }

    #[test]
    fn handling_time_runs_from_the_last_taking_to_the_ruling() {
        let step = |claim: usize, second: usize, kind: &str| HoldStep {
            claim: claim.to_string(),
            at: format!("2026-03-01T08:{:02}:{:02}.000Z", second / 60, second % 60),
            kind: kind.to_owned(),
        };
        let mut steps = Vec::new();
        for n in 0..25 {
            steps.push(step(n, 0, "review_claimed"));
            steps.push(step(n, 5, "review_released"));
            steps.push(step(n, 10, "review_claimed"));
            steps.push(step(n, 20, "review_taken_over"));
            steps.push(step(n, 110, "review_decided"));
        }
        steps.reverse();
        assert_eq!(handling(&steps), Some(HandlingView { seconds: 90.0, n: 25 }));
        assert_eq!(handling(&steps[..50]), None, "too few to tell");
    }

    #[test]
    fn chance_is_what_a_perfect_forecast_is_off_by() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for mean in [2.0, 30.0, 400.0, 3000.0] {
            let came: Vec<f64> =
                (0..20_000).map(|_| f64::from(poisson(&mut random, mean))).filter(|n| *n > 0.0).collect();
            let seen = came.iter().map(|n| (n - mean).abs() / n).sum::<f64>() / came.len() as f64;
            assert!((by_chance(mean) / seen - 1.0).abs() < 0.05, "{mean}: {} and {seen}", by_chance(mean));
        }
    }
}
