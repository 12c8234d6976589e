//! How much of a change in a share each value explains: figures in, figures out.
//!
//! The share of decisions that are *hits* was R₀ before and is R₁ now. Of a value v let w be its share of the decisions
//! and r the share of hits among its own. Kitagawa (“Components of a Difference Between Two Rates”, Journal of the
//! American Statistical Association 50 (1955), 1168–1194) splits what v adds to R₁ − R₀ into
//!
//! - mix, (w₁ − w₀) · ((r₁ + r₀) / 2 − R̄): there is more or less of it, and it differs from the mean;
//! - rate, (w₁ + w₀) / 2 · (r₁ − r₀): it is judged otherwise itself,
//!
//! where R̄ = (R₁ + R₀) / 2. Taking R̄ off changes no sum, since the shares w add up to one in both windows, and without
//! it every value that grew would seem to raise the share. Of a value that one window lacks, all is mix. Together the
//! two are (a₁ − a₀) − (w₁ − w₀) · R̄ with a the share of all decisions that are hits of v, and over all values R₁ − R₀.
//!
//! Figures are whole millionths. They are rounded so that the parts add up to the change itself, to the last one.

use crate::service::evaluate::wilson;

/// Decisions in the window before and in the recent one, and hits among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Decisions.
    pub(super) of: [u64; 2],
    /// Those that are hits.
    pub(super) hits: [u64; 2],
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        for window in 0..2 {
            self.of[window] += other.of[window];
            self.hits[window] += other.hits[window];
        }
    }

    fn rate(self, window: usize) -> f64 {
        share(self.hits[window], self.of[window])
    }
}

/// What a value explains, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// By how much there is of it.
    pub(super) mix: i64,
    /// By how it is judged.
    pub(super) rate: i64,
    /// Chance alone leaves the sum of both from here
    pub(super) low: i64,
    /// to here.
    pub(super) high: i64,
}

impl Part {
    /// Both together.
    pub(super) fn sum(self) -> i64 {
        self.mix + self.rate
    }

    /// Whether chance alone does not explain it.
    pub(super) fn is_more_than_chance(self) -> bool {
        self.low > 0 || self.high < 0
    }
}

/// So many standard errors to either side hold 99.73 in 100 values, and all of twenty in 95 of 100 cases.
pub(super) const OF_MANY: f64 = 3.0;
/// So many hold 95 in 100 values.
pub(super) const OF_ONE: f64 = 1.959_964;

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn millionths(share: f64) -> i64 {
    (share * 1e6).round() as i64
}

/// A share in millionths; 0 of nothing.
pub(super) fn ppm(part: u64, whole: u64) -> i64 {
    millionths(share(part, whole))
}

/// What each value explains of the change, which is the difference of the shares in whole millionths: both windows must
/// hold decisions. `errors` is how many standard errors the interval reaches to either side, by the delta method: it
/// takes decisions as independent of each other.
pub(super) fn parts(values: &[Counts], errors: f64) -> Vec<Part> {
    let mut all = Counts::default();
    values.iter().for_each(|value| all.add(*value));
    let change = ppm(all.hits[1], all.of[1]) - ppm(all.hits[0], all.of[0]);
    let middle = (all.rate(0) + all.rate(1)) / 2.0;
    let exact: Vec<f64> = values.iter().map(|value| 1e6 * explained(*value, all, middle)).collect();
    let sums = rounded(&exact, change);
    values
        .iter()
        .zip(&exact)
        .zip(sums)
        .map(|((value, exact), sum)| {
            let [before, recent] = [0, 1].map(|window| share(value.of[window], all.of[window]));
            let in_both = value.of[0] > 0 && value.of[1] > 0;
            let mix = (recent - before) * ((value.rate(0) + value.rate(1)) / 2.0 - middle);
            let mix = if in_both { millionths(mix) } else { sum };
            let reach = errors * 1e6 * deviation(*value, all, middle);
            Part { mix, rate: sum - mix, low: (exact - reach).floor() as i64, high: (exact + reach).ceil() as i64 }
        })
        .collect()
}

/// What a value explains, mix and rate together.
fn explained(value: Counts, all: Counts, middle: f64) -> f64 {
    let of =
        |window: usize| share(value.hits[window], all.of[window]) - share(value.of[window], all.of[window]) * middle;
    of(1) - of(0)
}

/// The standard error of what a value explains.
fn deviation(value: Counts, all: Counts, middle: f64) -> f64 {
    let grown = share(value.of[1], all.of[1]) - share(value.of[0], all.of[0]);
    let variance = |window: usize| {
        let n = all.of[window] as f64;
        // What one decision moves it by: through its value, and through the mean that all are held against.
        let sign = if window == 1 { 1.0 } else { -1.0 };
        let of = |is_hit: f64, is_value: f64| sign * is_value * (is_hit - middle) - grown * is_hit / 2.0;
        let (mine, hits) = (value.of[window], value.hits[window]);
        let cells = [
            (of(1.0, 1.0), hits),
            (of(0.0, 1.0), mine - hits),
            (of(1.0, 0.0), all.hits[window] - hits),
            (of(0.0, 0.0), all.of[window] - mine - (all.hits[window] - hits)),
        ];
        let mean = cells.iter().map(|(moved, times)| moved * *times as f64).sum::<f64>() / n;
        let square = cells.iter().map(|(moved, times)| moved * moved * *times as f64).sum::<f64>() / n;
        (square - mean * mean).max(0.0) / n
    };
    (variance(0) + variance(1)).sqrt()
}

/// Whole numbers that add up to `sum`, each within one of its own where the sum allows it.
fn rounded(exact: &[f64], sum: i64) -> Vec<i64> {
    let mut whole: Vec<i64> = exact.iter().map(|one| one.round() as i64).collect();
    let missing = sum - whole.iter().sum::<i64>();
    let step = missing.signum();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    let left = |at: usize| (exact[at] - exact[at].round()) * step as f64;
    order.sort_by(|a, b| left(*b).total_cmp(&left(*a)));
    for at in order.iter().cycle().take(missing.unsigned_abs() as usize) {
        whole[*at] += step;
    }
    whole
}

/// Where the difference of two shares lies, in millionths: R. G. Newcombe, “Interval estimation for the difference
/// between independent proportions”, Statistics in Medicine 17 (1998), 873–890, method 10, of Wilson's scores.
pub(super) fn difference(counts: Counts, errors: f64) -> [i64; 2] {
    let score = |window: usize| wilson(counts.rate(window), counts.of[window] as f64, errors);
    let ([low_0, high_0], [low_1, high_1]) = (score(0), score(1));
    let [rate_0, rate_1] = [counts.rate(0), counts.rate(1)];
    let low = rate_1 - rate_0 - (rate_1 - low_1).hypot(high_0 - rate_0);
    let high = rate_1 - rate_0 + (high_1 - rate_1).hypot(rate_0 - low_0);
    [(low * 1e6).floor() as i64, (high * 1e6).ceil() as i64]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(before: [u64; 2], recent: [u64; 2]) -> Counts {
        Counts { of: [before[0], recent[0]], hits: [before[1], recent[1]] }
    }

    fn change(values: &[Counts]) -> i64 {
        let sum = |of: fn(&Counts) -> u64| values.iter().map(of).sum::<u64>();
        ppm(sum(|v| v.hits[1]), sum(|v| v.of[1])) - ppm(sum(|v| v.hits[0]), sum(|v| v.of[0]))
    }

    /// Numbers that look random and are the same at every run (Knuth's 64-bit congruence).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, most: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % most
        }

        /// Decisions of values as often as `weights` say, with hits in 100 as `rates` say.
        fn drawn(&mut self, n: u64, weights: &[u64], rates: &[u64]) -> Vec<[u64; 2]> {
            let mut out = vec![[0, 0]; weights.len()];
            for _ in 0..n {
                let mut place = self.below(weights.iter().sum());
                let at = weights
                    .iter()
                    .position(|w| {
                        *w > place || {
                            place -= w;
                            false
                        }
                    })
                    .unwrap();
                out[at][0] += 1;
                out[at][1] += u64::from(self.below(100) < rates[at]);
            }
            out
        }
    }

    #[test]
    fn what_the_values_explain_adds_up_to_the_change_itself() {
        let mut dice = Dice(1);
        for round in 0..2_000 {
            let many = 1 + dice.below(25) as usize;
            let mut values: Vec<Counts> = (0..many)
                .map(|_| {
                    let of = [dice.below(400), dice.below(400)];
                    Counts { of, hits: of.map(|n| dice.below(n + 1)) }
                })
                .collect();
            // Neither window is empty.
            values[0].add(counts([3, 1], [7, 2]));
            let found = parts(&values, OF_MANY);
            assert_eq!(found.iter().map(|part| part.sum()).sum::<i64>(), change(&values), "round {round}: {values:?}");
            for (value, part) in values.iter().zip(&found) {
                assert!(part.low <= part.sum() + 2 && part.high >= part.sum() - 2, "{part:?}");
                assert!((value.of[0] > 0 && value.of[1] > 0) || part.rate == 0, "{value:?} {part:?}");
            }
        }
    }

    #[test]
    fn more_of_a_value_is_mix_and_another_judgement_is_rate() {
        // As many are approved of each as before, but there is more of the one of which fewer are.
        let mix = parts(&[counts([500, 450], [200, 180]), counts([500, 50], [800, 80])], OF_MANY);
        assert_eq!(mix.iter().map(|part| part.rate).collect::<Vec<_>>(), [0, 0]);
        assert_eq!(mix.iter().map(|part| part.mix).collect::<Vec<_>>(), [-156_000, -84_000]);
        assert!(mix.iter().all(|part| part.is_more_than_chance()));
        // As many come as before, and one of them is judged otherwise: 40 points less on half of all.
        let rate = parts(&[counts([500, 450], [500, 250]), counts([500, 50], [500, 50])], OF_MANY);
        assert_eq!((rate[0].mix, rate[0].rate), (0, -200_000));
        assert_eq!((rate[1].sum(), rate[1].is_more_than_chance()), (0, false));
    }

    #[test]
    fn a_value_that_one_window_lacks_is_mix() {
        // Another policy took the place of the one before: each explains half of what changed with it.
        let found = parts(&[counts([1_000, 800], [0, 0]), counts([0, 0], [1_000, 600])], OF_MANY);
        assert_eq!(found.iter().map(|part| (part.mix, part.rate)).collect::<Vec<_>>(), [(-100_000, 0), (-100_000, 0)]);
    }

    #[test]
    fn chance_alone_is_seldom_taken_for_more() {
        let (weights, rates) = ([40, 25, 15, 10, 5, 3, 1, 1], [80, 60, 70, 20, 90, 50, 40, 95]);
        let (mut dice, mut told, mut outside) = (Dice(7), 0, 0);
        for _ in 0..400 {
            let (before, recent) = (dice.drawn(4_000, &weights, &rates), dice.drawn(1_000, &weights, &rates));
            let values: Vec<Counts> = before.iter().zip(&recent).map(|(a, b)| counts(*a, *b)).collect();
            told += usize::from(parts(&values, OF_MANY).iter().any(|part| part.is_more_than_chance()));
            let mut all = Counts::default();
            values.iter().for_each(|value| all.add(*value));
            let [low, high] = difference(all, OF_ONE);
            outside += usize::from(low > 0 || high < 0);
        }
        assert!(told <= 20, "in {told} of 400 dimensions in which nothing changed something was told");
        assert!((8..=36).contains(&outside), "in {outside} of 400 the change was outside its interval of 95 %");
    }

    #[test]
    fn a_change_of_a_rare_value_is_found_where_it_is_large() {
        let mut dice = Dice(3);
        let before = dice.drawn(8_000, &[95, 5], &[70, 70]);
        let recent = dice.drawn(2_000, &[95, 5], &[70, 10]);
        let values: Vec<Counts> = before.iter().zip(&recent).map(|(a, b)| counts(*a, *b)).collect();
        let found = parts(&values, OF_MANY);
        assert!(found[1].is_more_than_chance() && found[1].rate < -20_000, "{found:?}");
        assert!(!found[0].is_more_than_chance(), "{found:?}");
    }

    #[test]
    fn the_difference_of_shares_is_newcombes() {
        // His first example: 56 of 70 and 48 of 80, method 10.
        assert_eq!(difference(counts([80, 48], [70, 56]), OF_ONE), [52_431, 333_873]);
    }
}
