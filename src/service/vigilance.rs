//! How carefully people look, in figures for those who answer for the operation.

use super::{Service, ServiceError};
use crate::domain::vigilance::{Tally, vigilance};
use crate::models::upper;
use serde::Serialize;

/// Half of what lies outside an interval: at 95 % so much above and so much below.
const BEYOND: f64 = 0.025;

/// A share that was counted, with its exact 95 % interval (Clopper and Pearson 1934). Shares, not per cent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CountedShare {
    /// So many of them.
    pub n: u64,
    /// Of so many.
    pub of: u64,
    /// The share; `null` of none.
    pub share: Option<f64>,
    /// From here
    pub low: f64,
    /// to here it lies.
    pub high: f64,
}

impl CountedShare {
    fn new(n: u64, of: u64) -> Self {
        let share = (of > 0).then(|| n as f64 / of as f64);
        Self { n, of, share, low: 1.0 - upper(of - n, of, BEYOND), high: upper(n, of, BEYOND) }
    }
}

/// What verdicts come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct TallyView {
    /// Known cases that had to be rejected, and of these approved.
    pub missed: CountedShare,
    /// Known cases that had to be approved, and of these rejected.
    pub refused: CountedShare,
    /// Blind pairs, and of these ruled alike.
    pub agreed: CountedShare,
    /// How much more they are ruled alike than chance makes it (Cohen's kappa): 1 always, 0 no more than by chance;
    /// `null` where that cannot be told, as where all are ruled the same.
    pub kappa: Option<f64>,
}

impl TallyView {
    fn of(tally: &Tally) -> Self {
        Self {
            missed: CountedShare::new(tally.missed, tally.forged),
            refused: CountedShare::new(tally.refused, tally.genuine),
            agreed: CountedShare::new(tally.agreed(), tally.pairs_in_all()),
            kappa: kappa(&tally.pairs),
        }
    }
}

/// Cohen's kappa of a table of verdicts by two.
fn kappa(pairs: &[[u64; 2]; 2]) -> Option<f64> {
    let [[a, b], [c, d]] = pairs.map(|row| row.map(|n| n as f64));
    let n = a + b + c + d;
    let by_chance = ((a + b) * (a + c) + (c + d) * (b + d)) / (n * n);
    let kappa = ((a + d) / n - by_chance) / (1.0 - by_chance);
    kappa.is_finite().then_some(kappa)
}

/// A person's.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ReviewerVigilance {
    /// Who.
    #[schema(example = "rv-017")]
    pub reviewer: String,
    /// What their verdicts come to.
    #[serde(flatten)]
    pub tally: TallyView,
}

/// How carefully people look.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct VigilanceView {
    /// Share of verdicts that another person gives again blind.
    #[schema(example = 0.02)]
    pub blind_pairs: f64,
    /// Known cases that nobody ruled on yet.
    pub unruled: u64,
    /// Blind pairs that wait for the second verdict.
    pub half: u64,
    /// All together.
    pub all: TallyView,
    /// Each person, by name.
    pub reviewers: Vec<ReviewerVigilance>,
}

impl Service {
    /// What people's verdicts come to on known cases and in blind pairs.
    ///
    /// # Errors
    /// If the store cannot tell.
    pub async fn vigilance(&self) -> Result<VigilanceView, ServiceError> {
        let watched = self.0.records.store.watched().await?;
        let told = vigilance(watched.iter().map(Vec::as_slice));
        let one = |(reviewer, tally)| ReviewerVigilance { reviewer, tally: TallyView::of(&tally) };
        Ok(VigilanceView {
            blind_pairs: f64::from(self.terms().blind_pairs_ppm) / 1e6,
            unruled: told.unruled,
            half: told.half,
            all: TallyView::of(&told.all),
            reviewers: told.people.into_iter().map(one).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kappa_is_that_of_the_textbook() {
        // Cohen's own way of reckoning: 20 and 15 alike of 50, 0.7 alike and 0.5 by chance.
        assert!((kappa(&[[20, 5], [10, 15]]).unwrap() - 0.4).abs() < 1e-12);
        assert_eq!(kappa(&[[3, 0], [0, 5]]), Some(1.0));
        assert_eq!((kappa(&[[4, 0], [0, 0]]), kappa(&[[0; 2]; 2])), (None, None));
    }

    #[test]
    fn a_share_comes_with_its_exact_interval() {
        let share = CountedShare::new(1, 10);
        assert!((share.low - 0.00253).abs() < 1e-4 && (share.high - 0.44502).abs() < 1e-4, "{share:?}");
        let none = CountedShare::new(0, 0);
        assert_eq!((none.share, none.low, none.high), (None, 0.0, 1.0));
    }
}
