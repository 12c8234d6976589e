//! What was read, where, how sure.

use super::shape::{Page, Quad};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A share in basis points, 0 to 10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Bp(pub u16);

impl Bp {
    /// Certain.
    pub const ONE: Bp = Bp(10_000);

    /// Rounds a share in 0..=1; not-a-number becomes 0.
    pub fn from_share(share: f64) -> Self {
        Self((share.clamp(0.0, 1.0) * 10_000.0).round() as u16)
    }

    /// As a share in 0..=1.
    pub fn to_share(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// The product of two shares, rounded down.
    pub fn times(self, other: Bp) -> Bp {
        Bp((u32::from(self.0) * u32::from(other.0) / 10_000) as u16)
    }
}

impl fmt::Display for Bp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} %", self.0 / 100, self.0 % 100)
    }
}

/// Whether this is a Chinese character: of the block "CJK Unified Ideographs" of Unicode, in which all that are printed on
/// bills stand.
pub fn is_chinese(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// One line of text on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// As recognised, in NFKC.
    pub text: String,
    /// Mean confidence of the characters; for a line this is the recogniser's, not calibrated.
    pub confidence: Bp,
    /// Where it stands on the page.
    pub quad: Quad<Page>,
    /// For each `char` of `text`, where it is centred, in 1/1000 of the line's width. Same length as
    /// `text.chars()`.
    pub centres: Vec<u16>,
    /// For each `char` of `text`, how sure the recogniser was. Same length as `text.chars()`.
    pub char_confidence: Vec<Bp>,
    /// For each `char` of `text`, others that the recogniser held possible in its place, likeliest first; empty where it
    /// was sure. Same length as `text.chars()`.
    pub rivals: Vec<String>,
}

impl Line {
    /// A line for tests and fixtures: upright box in pixels, evenly spaced characters.
    pub fn at(text: &str, left: f64, top: f64, right: f64, bottom: f64) -> Self {
        let n = text.chars().count().max(1);
        Self {
            text: text.to_owned(),
            confidence: Bp(9_900),
            quad: Quad::rect(left, top, right, bottom),
            centres: (0..text.chars().count()).map(|i| ((2 * i + 1) * 500 / n) as u16).collect(),
            char_confidence: vec![Bp(9_900); text.chars().count()],
            rivals: vec![String::new(); text.chars().count()],
        }
    }

    /// The place of the characters `from..to` (char indices) within the line.
    ///
    /// Reaches half way to the neighbouring characters, and to the line's ends for the outermost.
    pub fn char_quad(&self, from: usize, to: usize) -> Quad<Page> {
        let n = self.centres.len();
        if n == 0 || from >= to {
            return self.quad;
        }
        let at = |i: usize| f64::from(self.centres[i]) / 1000.0;
        let start = if from == 0 { 0.0 } else { (at(from - 1) + at(from)) / 2.0 };
        let end = if to >= n { 1.0 } else { (at(to - 1) + at(to)) / 2.0 };
        self.quad.slice(start, end.max(start))
    }

    /// The least confidence among the characters `from..to` (char indices), or the line's own.
    pub fn min_confidence(&self, from: usize, to: usize) -> Bp {
        let to = to.min(self.char_confidence.len());
        self.char_confidence.get(from..to).and_then(|c| c.iter().min().copied()).unwrap_or(self.confidence)
    }
}

/// All lines of one page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageText {
    /// Width of the page in pixels.
    pub width: u32,
    /// Height of the page in pixels.
    pub height: u32,
    /// Lines in no promised order.
    pub lines: Vec<Line>,
}
