//! Many decisions out of few records: evidence bent at random, always in the same way, so that machines can be compared
//! by one digest over all that they decide.

use crate::decision::Policy;
use crate::domain::{Bp, ContentHash, Evidence, Record, canonical_json};
use crate::pipeline::judge;
use sha2::{Digest, Sha256};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    fn share(&mut self) -> Bp {
        Bp(self.below(10_001) as u16)
    }

    /// Another digit in the place of one.
    fn bend(&mut self, text: &str) -> String {
        let digits: Vec<usize> = text.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit()).map(|(i, _)| i).collect();
        if digits.is_empty() {
            return text.to_owned();
        }
        let at = digits[self.below(digits.len() as u64) as usize];
        format!("{}{}{}", &text[..at], self.below(10), &text[at + 1..])
    }
}

/// The nth variant of some evidence.
pub fn variant(evidence: &Evidence, n: u64) -> Evidence {
    let (mut out, mut dice) = (evidence.clone(), Dice(n));
    out.facts.lot = Some(dice.below(10_000) as u16);
    for reading in &mut out.readings {
        for field in reading.fields.values_mut() {
            match dice.below(8) {
                0 => field.confidence = dice.share(),
                1 => field.score = dice.share(),
                2 => field.value = field.value.as_ref().map(|value| dice.bend(value)),
                3 if dice.below(4) == 0 => field.value = None,
                _ => {}
            }
        }
        for item in &mut reading.items {
            if dice.below(8) == 0 {
                item.amount = item.amount.as_ref().map(|amount| dice.bend(amount));
            }
        }
        match dice.below(6) {
            0 => reading.kind_confidence = dice.share(),
            1 => reading.quality.sharpness = Some(dice.share()),
            2 => reading.qr.clear(),
            3 => reading.pixels = None,
            _ => {}
        }
    }
    out
}

/// Decides variants of these records by a policy, on all cores; gives one digest over all verdicts, in order.
pub fn digest(records: &[Record], policy: &Policy, variants: u64) -> ContentHash {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let each = variants.div_ceil(cores).max(1);
    let of_one = |n: u64| {
        let record = records.get(usize::try_from(n).ok()? % records.len().max(1))?;
        let evidence = variant(&record.evidence, n);
        let verdict = catch_unwind(AssertUnwindSafe(|| judge(policy, &evidence)));
        // Where judging breaks down, it does so everywhere, or the digests differ.
        Some(ContentHash::of(&verdict.map_or_else(|_| b"panicked".to_vec(), |verdict| canonical_json(&verdict))))
    };
    let mut all = Sha256::new();
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..cores)
            .map(|core| (core * each).min(variants)..((core + 1) * each).min(variants))
            .map(|range| scope.spawn(move || range.filter_map(of_one).collect::<Vec<_>>()))
            .collect();
        for part in parts {
            match part.join() {
                Ok(hashes) => hashes.iter().for_each(|hash| all.update(hash.0)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    ContentHash(all.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::support::receipt;
    use crate::service::work::stateless_facts;

    #[test]
    fn a_variant_is_the_same_each_time_and_another_for_each_number() {
        let facts = stateless_facts("2024-06-01T02:00:00Z".parse().unwrap());
        let evidence = Evidence { claim: None, readings: vec![receipt()], facts };
        let made: Vec<_> = (0..100).map(|n| canonical_json(&variant(&evidence, n))).collect();
        assert_eq!(made, (0..100).map(|n| canonical_json(&variant(&evidence, n))).collect::<Vec<_>>());
        let distinct: std::collections::BTreeSet<_> = made.iter().collect();
        assert_eq!(distinct.len(), 100);
    }
}
