//! Values unlike the other values of their page.
//!
//! A forger replaces a value, not a character: a date, a name, a number, the amounts. Its ink, edges, tint and paper, what
//! earlier saves left there, and what the small model says of its characters are each held against the same of the other
//! values of the page, and weighed together by a logistic model.

use super::copies::median;
use super::glyphs::{Glyph, TextLine};
use super::learned::Window;
use crate::domain::document::ValueType;
use crate::domain::pixels::Suspect;
use crate::domain::{FieldName, Quad, Upload};
use weights::{BIAS, WEIGHTS};

mod weights;

/// What is measured of a character.
const TRAITS: usize = 16;
/// `NaN` where it cannot be measured.
type Traits = [f64; TRAITS];
/// How many numbers tell of a value: see [`Value::features`].
pub const FEATURES: usize = 2 * TRAITS + 1 + Role::ALL.len();

/// Differences below these mean nothing, in the order of [`traits`].
const FLOORS: Traits = [4.0, 0.05, 2.0, 2.0, 0.1, 0.1, 1.0, 1.0, 0.05, 0.3, 0.3, 0.03, 0.1, 0.1, 0.05, 1.5];
/// Deviations are cut here, scales.
const MOST_DEVIATION: f64 = 8.0;
/// So many values of a page are compared, those of the lines that decide first: specks without number must take no time.
const MOST_VALUES: usize = 600;
/// With fewer other values there is no telling what is usual.
const LEAST_COMPANY: usize = 4;

/// What a value is to who would change it; others are only company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A date.
    Date,
    /// The name of who was treated or pays.
    Person,
    /// The name of who issued it.
    Issuer,
    /// A number or code.
    Number,
    /// An amount of money.
    Money,
}

impl Role {
    const ALL: [Role; 5] = [Self::Date, Self::Person, Self::Issuer, Self::Number, Self::Money];

    fn of(field: Option<FieldName>, amount: bool) -> Option<Self> {
        match field {
            Some(FieldName::PayerName | FieldName::PatientName | FieldName::BuyerName) => Some(Self::Person),
            Some(FieldName::IssuerName | FieldName::SellerName) => Some(Self::Issuer),
            // They are no identifiers, and too short to tell anything of.
            Some(FieldName::Age | FieldName::StayDays) => None,
            Some(field) => match field.value_type() {
                ValueType::Date => Some(Self::Date),
                ValueType::Identifier => Some(Self::Number),
                ValueType::Money => Some(Self::Money),
                ValueType::CapitalAmount | ValueType::Text => None,
            },
            None => amount.then_some(Self::Money),
        }
    }
}

/// A character with what was measured of it.
struct Seen<'a> {
    glyph: &'a Glyph,
    traits: Traits,
    /// Mean log-odds of its cells.
    odds: f64,
}

/// Characters that stand together in a line.
pub struct Value {
    /// Its box.
    pub polygon: Quad<Upload>,
    /// The field that most of it stands in.
    pub field: Option<FieldName>,
    role: Option<Role>,
    digits: bool,
    /// Characters.
    count: usize,
    /// Median height of its characters, pixels.
    height: f64,
    traits: Traits,
    odds: f64,
    /// What tells of it, against the others of its page: how far each trait lies above and below what is usual there, as
    /// `ln(1 + scales)`; how far its log-odds lie above the page's median, likewise; which role it has. Empty if it has
    /// none, or too little company.
    pub features: Vec<f64>,
}

/// The characters of a line's window, with what the model said of its cells.
pub(super) struct Seeing<'a> {
    pub line: &'a TextLine,
    pub window: Window,
    /// Of its characters, in their order; `None` for those without a cell.
    pub odds: Vec<Option<f64>>,
    /// See `Scene::planes`.
    pub planes: &'a [i8],
}

impl Value {
    /// The values of a line; none of a steep one.
    pub(super) fn of_line(seeing: &Seeing) -> Vec<Self> {
        // In a line that runs downwards characters stand on, not beside each other.
        let [from, to, ..] = seeing.line.quad.0;
        if (to[0] - from[0]).abs() < (to[1] - from[1]).abs() {
            return Vec::new();
        }
        let mut runs: Vec<Vec<Seen>> = Vec::new();
        for (glyph, odds) in seeing.line.glyphs.iter().zip(&seeing.odds) {
            let Some(traits) = traits(seeing.planes, &seeing.window, glyph) else { continue };
            let Some(odds) = *odds else { continue };
            let seen = Seen { glyph, traits, odds };
            match runs.last_mut() {
                Some(run) if run.last().is_some_and(|last| stand_together(last.glyph, glyph)) => run.push(seen),
                _ => runs.push(vec![seen]),
            }
        }
        runs.iter().map(|run| Self::of(run)).collect()
    }

    fn of(run: &[Seen]) -> Self {
        let mut named: Vec<FieldName> = run.iter().filter_map(|s| s.glyph.field).collect();
        named.sort_unstable();
        let of = |field: &FieldName| named.iter().filter(|f| *f == field).count();
        let field = named.iter().copied().max_by_key(of).filter(|field| 2 * of(field) >= run.len());
        let bounds = |edge: fn(&Glyph) -> u32| run.iter().map(move |s| edge(s.glyph));
        let (left, top) = (bounds(|g| g.left).min().unwrap_or(0), bounds(|g| g.top).min().unwrap_or(0));
        let (right, bottom) = (bounds(|g| g.right).max().unwrap_or(0), bounds(|g| g.bottom).max().unwrap_or(0));
        Self {
            polygon: Quad::rect(left.into(), top.into(), right.into(), bottom.into()),
            field,
            role: Role::of(field, run.iter().any(|s| s.glyph.amount)),
            digits: 2 * run.iter().filter(|s| s.glyph.digit).count() > run.len(),
            count: run.len(),
            height: median(&mut run.iter().map(|s| f64::from(s.glyph.height())).collect::<Vec<_>>()),
            traits: std::array::from_fn(|t| mean(run.iter().map(|s| s.traits[t]).filter(|v| v.is_finite()))),
            odds: mean(run.iter().map(|s| s.odds)),
            features: Vec::new(),
        }
    }

    /// How much tells that it was put in later, nat; `None` without features.
    pub(super) fn score(&self) -> Option<f64> {
        let sum = |features: &[f64]| features.iter().zip(WEIGHTS).map(|(f, w)| f * w).sum::<f64>();
        (!self.features.is_empty()).then(|| BIAS + sum(&self.features))
    }

    /// As a place that was looked at.
    pub(super) fn suspect(&self, score: i32) -> Suspect {
        Suspect { polygon: self.polygon, score, field: self.field, like: None }
    }

    /// Whether it is money.
    pub(super) fn is_money(&self) -> bool {
        self.role == Some(Role::Money)
    }
}

/// Whether two characters of a line, one after the other, belong to one value.
fn stand_together(a: &Glyph, b: &Glyph) -> bool {
    let height = f64::from(a.height().max(b.height()));
    let gap = f64::from(b.left) - f64::from(a.right);
    let beside = f64::from(a.bottom.min(b.bottom)) - f64::from(a.top.max(b.top));
    gap < 0.9 * height && beside > 0.3 * f64::from(a.height().min(b.height()))
}

/// Holds each value that has a role against the others of the page.
pub(super) fn compare(values: &mut Vec<Value>) {
    values.truncate(MOST_VALUES);
    let usual = median(&mut values.iter().map(|v| v.odds).collect::<Vec<_>>());
    let features: Vec<_> = (0..values.len()).map(|i| features(values, i, usual)).collect();
    for (value, features) in values.iter_mut().zip(features) {
        value.features = features.unwrap_or_default();
    }
}

fn features(values: &[Value], i: usize, usual: f64) -> Option<Vec<f64>> {
    let value = &values[i];
    let role = value.role?;
    // Printed labels are set otherwise than what is filled in.
    let filled = |v: &Value| v.role.is_some() || v.digits || v.field.is_some_and(|f| f != FieldName::BillTitle);
    let alike = |v: &Value, [low, high]: [f64; 2]| {
        v.digits == value.digits && (low..high).contains(&(v.height / value.height.max(1.0)))
    };
    let others = || values.iter().enumerate().filter(|(k, v)| *k != i && filled(v)).map(|(_, v)| v);
    let heights = if value.digits { [0.7, 1.4] } else { [0.6, 1.6] };
    let mut company: Vec<&Value> = others().filter(|v| alike(v, heights)).collect();
    if company.len() < LEAST_COMPANY {
        company = others().collect();
    }
    if company.len() < LEAST_COMPANY {
        return None;
    }
    let deviations: Traits = std::array::from_fn(|t| {
        let mut told: Vec<f64> = company.iter().map(|v| v.traits[t]).filter(|v| v.is_finite()).collect();
        if told.len() < LEAST_COMPANY || !value.traits[t].is_finite() {
            return 0.0;
        }
        let middle = median(&mut told);
        told.iter_mut().for_each(|v| *v = (*v - middle).abs());
        // The mean of a few characters strays more than that of many.
        let scale = 1.4826 * median(&mut told) * (1.0 + 1.0 / value.count as f64).sqrt() + FLOORS[t];
        ((value.traits[t] - middle) / scale).clamp(-MOST_DEVIATION, MOST_DEVIATION)
    });
    let lift = (value.odds - usual) * value.count as f64 / (value.count + 1) as f64;
    let mut features: Vec<f64> = deviations.iter().map(|d| d.max(0.0).ln_1p()).collect();
    features.extend(deviations.iter().map(|d| (-d).max(0.0).ln_1p()));
    features.push(lift.max(0.0).ln_1p());
    features.extend(Role::ALL.map(|r| f64::from(u8::from(r == role))));
    Some(features)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// Pixels around a character's box that are looked at.
const AROUND: u32 = 3;
/// A pixel of plane 0 this low is ink.
const INK: f64 = super::learned::INK as f64;
/// Fewer pixels than these tell nothing: of ink, and of paper.
const LEAST_INK: usize = 6;
const LEAST_PAPER: usize = 6;

/// What is measured of one character, in the planes of its window; `None` for a speck.
fn traits(planes: &[i8], window: &Window, glyph: &Glyph) -> Option<Traits> {
    let (w, h) = (window.width as usize, window.height as usize);
    let side = |low: u32, high: u32, origin: u32, most: usize| {
        let from = low.saturating_sub(origin).saturating_sub(AROUND) as usize;
        (from, ((high.saturating_sub(origin) + AROUND) as usize).min(most))
    };
    let ((x0, x1), (y0, y1)) =
        (side(glyph.left, glyph.right, window.left, w), side(glyph.top, glyph.bottom, window.top, h));
    if x1 < x0 + 4 || y1 < y0 + 6 {
        return None;
    }
    let at = |plane: usize, x: usize, y: usize| f64::from(planes[plane * w * h + y * w + x]);
    let luma = |x: usize, y: usize| at(0, x, y);
    let margin = AROUND as usize;
    let inside = |x: usize, y: usize| x >= x0 + margin && x + margin < x1 && y >= y0 + margin && y + margin < y1;
    let places = || (y0..y1).flat_map(move |y| (x0..x1).map(move |x| (x, y)));
    if places().filter(|(x, y)| luma(*x, *y) <= INK).count() < LEAST_INK {
        return None;
    }
    let mut body: Vec<f64> = places().filter(|(x, y)| inside(*x, *y)).map(|(x, y)| luma(x, y)).collect();
    if body.is_empty() {
        return None;
    }
    let tenth = body.len() / 10;
    let depth = *body.select_nth_unstable_by(tenth, f64::total_cmp).1;
    let contrast = (-depth).max(12.0);
    let solid = |x: usize, y: usize| luma(x, y) <= -0.5 * contrast;
    let dark = |x: usize, y: usize| luma(x, y) < -0.25 * contrast;
    // Paper has nothing dark next to it.
    let paper = |x: usize, y: usize| {
        let beside = x > x0 && dark(x - 1, y) || x + 1 < x1 && dark(x + 1, y);
        let above = y > y0 && dark(x, y - 1) || y + 1 < y1 && dark(x, y + 1);
        !(dark(x, y) || beside || above)
    };
    let [mut gradient, mut blue, mut red, mut earlier, mut strays, mut sharp] = [Spread::default(); 6];
    let [mut noise, mut ground, mut paper_blue, mut paper_red, mut rim, mut inner] = [Spread::default(); 6];
    let (mut area, mut between) = (0.0, 0.0);
    for (x, y) in places() {
        if solid(x, y) {
            area += 1.0;
            blue.add(at(2, x, y));
            red.add(at(3, x, y));
            sharp.add(at(1, x, y).abs());
        }
        if luma(x, y) <= INK {
            earlier.add(at(4, x, y));
            strays.add(at(5, x, y));
        }
        if (-0.75 * contrast..-0.25 * contrast).contains(&luma(x, y)) {
            between += 1.0;
        }
        let right = (x + 1 < x1).then(|| (x + 1, y));
        let below = (y + 1 < y1).then(|| (x, y + 1));
        for (nx, ny) in right.into_iter().chain(below) {
            if solid(x, y) != solid(nx, ny) {
                gradient.add((luma(x, y) - luma(nx, ny)).abs());
            }
        }
        if paper(x, y) {
            noise.add(at(1, x, y).abs());
            ground.add(luma(x, y));
            paper_blue.add(at(2, x, y));
            paper_red.add(at(3, x, y));
            let on_rim = x == x0 || x + 1 == x1 || y == y0 || y + 1 == y1;
            if on_rim { rim.add(luma(x, y)) } else { inner.add(luma(x, y)) }
        }
    }
    let perimeter = gradient.count.max(1.0);
    let of_ink = |spread: Spread| spread.mean(3);
    let of_paper = |spread: Spread| spread.mean(LEAST_PAPER);
    Some([
        depth,
        (gradient.sum / perimeter / contrast + 0.02).ln(),
        of_ink(blue),
        of_ink(red),
        (of_paper(noise) + 1.0).ln(),
        (ground.deviation(LEAST_PAPER) + 0.5).ln(),
        of_paper(paper_blue),
        of_paper(paper_red),
        // Width of the edges.
        between / perimeter,
        of_ink(earlier) / 10.0,
        of_ink(strays) / 10.0,
        // Width of the strokes.
        2.0 * area / perimeter / f64::from(glyph.height().max(1)).sqrt(),
        // Ink out of a printer is not all of one tint.
        (blue.deviation(4) + 1.0).ln(),
        (red.deviation(4) + 1.0).ln(),
        (of_ink(sharp) / contrast + 0.02).ln(),
        // A patch has its own paper.
        of_paper(rim) - of_paper(inner),
    ])
}

#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    sum: f64,
    squares: f64,
    count: f64,
}

impl Spread {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.squares += value * value;
        self.count += 1.0;
    }

    /// The mean, of at least so many.
    fn mean(self, least: usize) -> f64 {
        if self.count >= least as f64 { self.sum / self.count } else { f64::NAN }
    }

    /// The standard deviation, of at least so many.
    fn deviation(self, least: usize) -> f64 {
        let mean = self.mean(least);
        (self.squares / self.count - mean * mean).max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { left: 0, top: 0, width: 640, height: 48 };

    /// Planes of a line of four-digit values, 60 pixels apart: of each, the depth of its ink and its tint of blue.
    fn seen(looks: &[(i8, i8)], field: impl Fn(usize) -> Option<FieldName>) -> Vec<Value> {
        let (w, h) = (WINDOW.width as usize, WINDOW.height as usize);
        let mut planes = vec![0_i8; 9 * w * h];
        let mut glyphs = Vec::new();
        for (n, (depth, blue)) in looks.iter().enumerate() {
            for k in 0..4 {
                let left = 8 + n * 60 + k * 12;
                for y in 16..32 {
                    for x in [left, left + 1, left + 6, left + 7] {
                        planes[y * w + x] = *depth;
                        planes[2 * w * h + y * w + x] = *blue;
                    }
                }
                let (left, right) = (left as u32, left as u32 + 8);
                let glyph =
                    Glyph { left, top: 16, right, bottom: 32, ink: 64, field: field(n), digit: true, amount: true };
                glyphs.push(glyph);
            }
        }
        let quad = Quad::rect(0.0, 12.0, 640.0, 36.0);
        let line = TextLine { quad, height: 24.0, threshold: 100, glyphs };
        let odds = vec![Some(-3.0); line.glyphs.len()];
        Value::of_line(&Seeing { line: &line, window: WINDOW, odds, planes: &planes })
    }

    #[test]
    fn a_value_of_other_ink_stands_out_among_the_others_of_its_page() {
        let mut values = seen(&[(-100, 0), (-100, 0), (-60, 30), (-100, 0), (-100, 0), (-100, 0)], |_| None);
        compare(&mut values);
        assert_eq!(values.len(), 6);
        assert!(values.iter().all(|v| v.features.len() == FEATURES && v.is_money()));
        let usual = &values[0].features;
        assert!(usual[..2 * TRAITS].iter().all(|f| *f == 0.0), "{usual:?}");
        let odd = &values[2].features;
        // Lighter by 40 and bluer by 30, in floors of 4 and 2: cut at 8.
        assert_eq!((odd[0], odd[2]), (8.0_f64.ln_1p(), 8.0_f64.ln_1p()), "{odd:?}");
        assert_eq!(odd[2 * TRAITS + 1..], [0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(values[2].score().map(f64::is_finite), Some(true));
    }

    #[test]
    fn only_what_is_worth_changing_is_told_and_only_in_company() {
        let field = |n: usize| match n {
            0 => Some(FieldName::IssueDate),
            1 => Some(FieldName::PayerName),
            2 => Some(FieldName::BillNumber),
            3 => Some(FieldName::Age),
            _ => None,
        };
        let mut values = seen(&[(-100, 0); 5], field);
        compare(&mut values);
        let role = |v: &Value| v.features.get(2 * TRAITS + 1..).and_then(|r| r.iter().position(|f| *f == 1.0));
        assert_eq!(values.iter().map(role).collect::<Vec<_>>(), [Some(0), Some(1), Some(3), None, Some(4)]);
        assert_eq!(values[3].score(), None);
        let mut few = seen(&[(-100, 0); 4], |_| None);
        compare(&mut few);
        assert!(few.iter().all(|v| v.features.is_empty()), "three others are no company");
    }
}
