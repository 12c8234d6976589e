//! Whether two photos show one sheet of paper, by where its print stands and what its figures say.
//!
//! Papers of one form carry the same words in the same places, so that pictures of them look alike; what was filled in
//! tells them apart. The words give the map from one page to the other, and the figures are compared under it. Whole
//! numbers only: the same two readings give the same counts on any machine.

use super::identifier::alike_faces;
use super::{FixedHomography, Reading};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Fewer words in common give no map that could be trusted.
const FEWEST_ANCHORS: usize = 6;
/// So many are enough, and keep the sums small.
const MOST_ANCHORS: usize = 300;
/// How far from its place a token may stand, in sixteenths of the median line height: across, and up or down. Its place
/// within a line is estimated from the number of characters before it.
const REACH: [i64; 2] = [48, 20];
/// Shortest figure of which one character may be misread.
const LONG: usize = 4;

/// How the print of one page stands to that of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintMatch {
    /// Words that would fall on the other page.
    pub words: u32,
    /// Of these, how many stand there.
    pub words_in_place: u32,
    /// Figures that say the same in the same place.
    pub figures_same: u32,
    /// Long figures that differ in one character: misread, or the next number.
    pub figures_near: u32,
    /// Figures in whose place the other page has another one.
    pub figures_other: u32,
}

/// What a [`PrintMatch`] comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamePaper {
    /// One sheet.
    Yes,
    /// Too little in common, or too little read, to tell.
    Unclear,
    /// Two sheets, perhaps of one form.
    No,
}

impl PrintMatch {
    /// Compares two readings; `None` if they have too little in common to lay one page over the other.
    pub fn of(a: &Reading, b: &Reading) -> Option<Self> {
        let (a, b) = (tokens(a), tokens(b));
        let mut heights: Vec<i64> = b.iter().map(|t| t.height).collect();
        heights.sort_unstable();
        let height = *heights.get(heights.len() / 2)?;
        let reach = REACH.map(|r| (r * height / 16).max(1));
        let map = fit(&anchors(&a, &b), reach)?;
        let edges = [0, 1].map(|i| {
            let along = || b.iter().map(|t| t.at[i]);
            [along().min().unwrap_or(0) - height, along().max().unwrap_or(0) + height]
        });
        let mut found = Self { words: 0, words_in_place: 0, figures_same: 0, figures_near: 0, figures_other: 0 };
        for token in &a {
            let at = map.apply(token.at);
            if (0..2).any(|i| at[i] < edges[i][0] || at[i] > edges[i][1]) {
                continue;
            }
            let here =
                |t: &&Token| t.is_figure == token.is_figure && (0..2).all(|i| (t.at[i] - at[i]).abs() <= reach[i]);
            let mut there = b.iter().filter(here).peekable();
            match token.is_figure {
                false => {
                    found.words += 1;
                    found.words_in_place += u32::from(there.any(|t| t.text == token.text));
                }
                // A figure that was not seen there says nothing.
                true if there.peek().is_none() => {}
                true => {
                    let texts: Vec<&str> = there.map(|t| t.text.as_str()).collect();
                    match () {
                        () if texts.contains(&token.text.as_str()) => found.figures_same += 1,
                        () if texts.iter().any(|text| is_near(text, &token.text)) => found.figures_near += 1,
                        () => found.figures_other += 1,
                    }
                }
            }
        }
        Some(found)
    }

    /// Whether it is one sheet.
    ///
    /// Two photos of one sheet differ by misreadings, two sheets of one form in nearly all that was filled in. Of 860 pairs
    /// of photos, crops, scans and saves of one paper all had at least 87 % of the words in place and at most 5 % other
    /// figures. Of 121,000 pairs of different papers none came near that, and five, with hardly a figure to compare, are
    /// left unclear. Copies with an altered figure or two stand with the former.
    pub fn same_paper(&self) -> SamePaper {
        let Self { words, words_in_place, figures_same, figures_near, figures_other } = *self;
        let figures = figures_same + figures_near + figures_other;
        if words_in_place * 2 < words || figures >= 4 && figures_other * 4 > figures {
            SamePaper::No
        } else if figures_same >= 5 && figures_other * 20 <= figures {
            SamePaper::Yes
        } else {
            SamePaper::Unclear
        }
    }
}

/// A word, or a figure without its punctuation, and where its middle stands on the page in 1/16 pixel.
struct Token {
    text: String,
    is_figure: bool,
    at: [i64; 2],
    height: i64,
}

fn tokens(reading: &Reading) -> Vec<Token> {
    let mut out = Vec::new();
    for line in &reading.lines {
        let corners = line.polygon.0.map(|corner| on_page(&reading.upload_to_page, corner));
        let [Some(a), Some(b), Some(c), Some(d)] = corners else { continue };
        let middle = |p: [i64; 2], q: [i64; 2]| [0, 1].map(|i| (p[i] + q[i]) / 2);
        let (from, to) = (middle(a, d), middle(b, c));
        let height = (d[1] - a[1]).abs().max((c[1] - b[1]).abs()).max(1);
        let whole: i64 = line.text.chars().map(width).sum();
        for (start, end, text) in split(&line.text) {
            let is_figure = text.chars().any(|c| c.is_ascii_digit());
            let text: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
            let letters = text.chars().count();
            // Noughts stand on every form.
            let tells = if is_figure { text.chars().any(|c| !matches!(c, '0')) } else { true };
            if letters >= 2 && tells {
                let at = [0, 1].map(|i| from[i] + (to[i] - from[i]) * (start + end) / (2 * whole.max(1)));
                out.push(Token { text: alike_faces(&text), is_figure, at, height });
            }
        }
    }
    out
}

/// Ideographs are twice as wide as letters.
fn width(c: char) -> i64 {
    if c.is_ascii() { 1 } else { 2 }
}

/// Runs of letters and digits, or of ideographs, with where each begins and ends in widths. Points, colons and the like
/// between two digits are part of a figure.
fn split(text: &str) -> Vec<(i64, i64, String)> {
    let chars: Vec<char> = text.chars().collect();
    let digit = |i: Option<usize>| i.and_then(|i| chars.get(i)).is_some_and(char::is_ascii_digit);
    let class = |i: usize| match chars[i] {
        c if c.is_ascii_alphanumeric() => 1,
        '.' | ',' | ':' | '-' | '/' if digit(i.checked_sub(1)) && digit(Some(i + 1)) => 1,
        c if c.is_alphanumeric() => 2,
        _ => 0,
    };
    let (mut out, mut at): (Vec<(i64, i64, String)>, i64) = (Vec::new(), 0);
    let mut last = 0;
    for (i, c) in chars.iter().enumerate() {
        let (this, next) = (class(i), at + width(*c));
        match out.last_mut() {
            Some((_, end, run)) if this != 0 && this == last => {
                *end = next;
                run.push(*c);
            }
            _ if this != 0 => out.push((at, next, c.to_string())),
            _ => {}
        }
        (at, last) = (next, this);
    }
    out
}

/// Where a place of the photo lies on the page, both in 1/16 pixel; `None` if the map takes it out of sight.
fn on_page(map: &FixedHomography, [x, y]: [i32; 2]) -> Option<[i64; 2]> {
    let row = |i: usize| {
        let [a, b, c] = [map.0[i], map.0[i + 1], map.0[i + 2]].map(i128::from);
        a * i128::from(x) + b * i128::from(y) + c * 16
    };
    // The last row is without unit, so that it needs no 16.
    let depth = {
        let [a, b, c] = [map.0[6], map.0[7], map.0[8]].map(i128::from);
        (a * i128::from(x) + b * i128::from(y)) / 16 + c
    };
    let place = |i: usize| i64::try_from(row(i).checked_div(depth)?).ok().filter(|p| p.abs() < 1 << 22);
    if depth <= 0 { None } else { Some([place(0)?, place(3)?]) }
}

/// Places of what both pages say exactly once.
fn anchors(a: &[Token], b: &[Token]) -> Vec<[[i64; 2]; 2]> {
    let once = |tokens: &[Token]| {
        let mut places: BTreeMap<String, Option<[i64; 2]>> = BTreeMap::new();
        for token in tokens {
            places.entry(token.text.clone()).and_modify(|place| *place = None).or_insert(Some(token.at));
        }
        places
    };
    let there = once(b);
    let pairs = once(a).into_iter().filter_map(|(text, from)| Some([from?, (*there.get(&text)?)?]));
    pairs.take(MOST_ANCHORS).collect()
}

/// An affine map in 1/65536.
struct Affine([[i64; 3]; 2]);

impl Affine {
    fn apply(&self, [x, y]: [i64; 2]) -> [i64; 2] {
        self.0.map(|[a, b, c]| (a * x + b * y + c) >> 16)
    }
}

/// The affine map that takes most anchors to their partners: least squares, again and again without those that lie
/// farthest off. `None` if fewer than half of them are taken there.
fn fit(anchors: &[[[i64; 2]; 2]], reach: [i64; 2]) -> Option<Affine> {
    let off = |map: &Affine, [from, to]: &[[i64; 2]; 2]| {
        let at = map.apply(*from);
        (0..2).map(|i| (at[i] - to[i]).abs() * 16 / reach[i]).max().unwrap_or(0)
    };
    let mut kept = anchors.to_vec();
    let mut map = least_squares(&kept)?;
    for _ in 0..6 {
        let mut by_distance: Vec<i64> = kept.iter().map(|pair| off(&map, pair)).collect();
        by_distance.sort_unstable();
        let median = *by_distance.get(by_distance.len() / 2)?;
        let limit = (median * 2).max(16);
        let near: Vec<_> = anchors.iter().copied().filter(|pair| off(&map, pair) <= limit).collect();
        if near == kept {
            break;
        }
        kept = near;
        map = least_squares(&kept)?;
    }
    let within = anchors.iter().filter(|pair| off(&map, pair) <= 16).count();
    (within >= FEWEST_ANCHORS && within * 2 >= anchors.len()).then_some(map)
}

/// Solved by Cramer's rule. `None` for too few, or for anchors in one line.
fn least_squares(anchors: &[[[i64; 2]; 2]]) -> Option<Affine> {
    if anchors.len() < FEWEST_ANCHORS {
        return None;
    }
    let n = anchors.len() as i64;
    let centre = |side: usize| [0, 1].map(|i| anchors.iter().map(|pair| pair[side][i]).sum::<i64>() / n);
    let (from, to) = (centre(0), centre(1));
    let moved = |pair: &[[i64; 2]; 2], side: usize, i: usize| i128::from(pair[side][i] - [from, to][side][i]);
    let sum =
        |side: usize, i: usize, j: usize| anchors.iter().map(|p| moved(p, 0, i) * moved(p, side, j)).sum::<i128>();
    let (xx, xy, yy) = (sum(0, 0, 0), sum(0, 0, 1), sum(0, 1, 1));
    let determinant = xx * yy - xy * xy;
    let mut rows = [[0; 3]; 2];
    for (j, row) in rows.iter_mut().enumerate() {
        let (xu, yu) = (sum(1, 0, j), sum(1, 1, j));
        let part = |numerator: i128| i64::try_from((numerator << 16).checked_div(determinant)?).ok();
        let (a, b) = (part(xu * yy - yu * xy)?, part(yu * xx - xu * xy)?);
        // Paper is not stretched thirtyfold.
        if a.abs().max(b.abs()) > 32 << 16 {
            return None;
        }
        *row = [a, b, (to[j] << 16) - a * from[0] - b * from[1]];
    }
    Some(Affine(rows))
}

/// Whether two long figures differ in one character, as long as each other.
fn is_near(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.len() >= LONG && a.bytes().zip(b.bytes()).filter(|(a, b)| a != b).count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::evidence::ReadLine;
    use crate::domain::support::bill;
    use crate::domain::{Bp, Homography, Quad, Upload};

    /// A page of a form: labels left, figures right, seen through a map.
    fn page(figures: &[&str], seen: impl Fn([f64; 2]) -> [f64; 2]) -> Reading {
        const LABELS: [&str; 10] = [
            "票据代码",
            "票据号码",
            "校验码",
            "开票日期",
            "金额合计",
            "业务流水号",
            "医保编号",
            "个人现金支付",
            "收款单位",
            "复核人",
        ];
        let mut reading = bill();
        reading.lines = LABELS
            .iter()
            .enumerate()
            .flat_map(|(i, label)| {
                let top = 40.0 + 60.0 * i as f64;
                let left = 60.0 + f64::from(i as u8 % 3) * 90.0;
                let figure = figures.get(i).copied().unwrap_or_default();
                [(*label, left, 120.0), (figure, left + 400.0, 12.0 * figure.len() as f64)].map(|(text, left, wide)| {
                    let corners = [[left, top], [left + wide, top], [left + wide, top + 24.0], [left, top + 24.0]];
                    let polygon = Quad::from_px(corners.map(&seen));
                    ReadLine { text: text.to_owned(), confidence: Bp(9_900), polygon }
                })
            })
            .collect();
        reading
    }

    const FIGURES: [&str; 8] =
        ["11060124", "0012345678", "55e825", "2024-05-12", "320.50", "20240512000123", "8830012", "0.50"];

    #[test]
    fn one_sheet_is_one_however_it_was_taken() {
        let first = page(&FIGURES, |p| p);
        let turned = page(&FIGURES, |[x, y]| [0.8 * x - 0.03 * y + 90.0, 0.8 * y + 0.03 * x - 25.0]);
        let misread = page(
            &["11060124", "0012345673", "55e825", "2024-05-12", "320.50", "20240512000123", "8830012", "0.50"],
            |[x, y]| [1.5 * x + 7.0, 1.5 * y],
        );
        for again in [&first, &turned, &misread] {
            let found = PrintMatch::of(&first, again).unwrap();
            assert_eq!(found.same_paper(), SamePaper::Yes, "{found:?}");
        }
        let mut tilted = page(&FIGURES, |p| p);
        let map = Homography::<Upload, crate::domain::Page>::new([1.0, 0.1, 5.0, -0.05, 1.1, 9.0, 1e-4, 5e-5, 1.0]);
        tilted.upload_to_page = map.into();
        let back = map.inverse().unwrap();
        tilted.lines.iter_mut().for_each(|l| l.polygon = Quad::from_px(l.polygon.to_px().map(|p| back.apply(p))));
        assert_eq!(PrintMatch::of(&first, &tilted).unwrap().same_paper(), SamePaper::Yes);
    }

    #[test]
    fn two_sheets_of_one_form_are_two() {
        let first = page(&FIGURES, |p| p);
        let next = page(
            &["11060124", "0012345679", "qf3me9", "2024-05-12", "88.20", "20240512000977", "8830012", "88.20"],
            |p| p,
        );
        let found = PrintMatch::of(&first, &next).unwrap();
        assert_eq!(found.same_paper(), SamePaper::No, "{found:?}");
        assert_eq!(found.words_in_place, found.words);
    }

    #[test]
    fn what_has_nothing_in_common_is_not_compared() {
        let mut other = page(&FIGURES, |p| p);
        other.lines.iter_mut().for_each(|line| line.text = line.text.chars().map(|_| '页').collect());
        assert_eq!(PrintMatch::of(&page(&FIGURES, |p| p), &other), None);
        assert_eq!(PrintMatch::of(&other, &Reading { lines: Vec::new(), ..bill() }), None);
    }

    #[test]
    fn figures_keep_their_points_and_lose_them() {
        let texts: Vec<String> = split("合计:1,234.50元 No.A12-7").into_iter().map(|(_, _, text)| text).collect();
        assert_eq!(texts, ["合计", "1,234.50", "元", "No", "A12-7"]);
    }
}
