//! Seeded choices. The ranges are our own, so the same seed draws the same paper whatever the version of `rand`.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A reproducible source of choices: the same seed and purpose give the same sequence.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Choices for one purpose; different purposes with one seed are independent.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // FNV-1a of the purpose picks the stream.
        rng.set_stream(
            purpose.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)),
        );
        Self(rng)
    }

    /// A number in `from..=to`.
    pub(super) fn between(&mut self, from: i64, to: i64) -> i64 {
        let span = (to - from + 1) as u128;
        from + ((u128::from(self.0.next_u64()) * span) >> 64) as i64
    }

    /// A number in `from..to`.
    pub(super) fn real(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * ((self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64)
    }

    /// Whether something with this probability happens.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.real(0.0, 1.0) < probability
    }

    /// One of `options`, which is never empty.
    pub(super) fn pick<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.between(0, options.len() as i64 - 1) as usize]
    }

    /// `n` different ones of `options`, in their own order.
    pub(super) fn choose<T: Copy>(&mut self, options: &[T], n: usize) -> Vec<T> {
        let mut out = Vec::new();
        for (i, option) in options.iter().enumerate() {
            let (left, wanted) = (options.len() - i, n.saturating_sub(out.len()));
            if self.between(1, left as i64) <= wanted as i64 {
                out.push(*option);
            }
        }
        out
    }

    /// `n` decimal digits.
    pub(super) fn digits(&mut self, n: usize) -> String {
        (0..n).map(|_| self.pick(b"0123456789") as char).collect()
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }
}
