//! Reads again, without the red ink, what stands under a seal; and what a stamp itself says, without what stands under it.

use super::{OcrError, PpOcr};
use crate::domain::text::{Bp, Line};
use crate::domain::{PageText, Quad};
use crate::vision::ink::{self, Ink, Inked, SealBox};
use crate::vision::rim::{BANDS, Rim};
use image::RgbImage;
use std::time::Duration;

/// A line under a seal that was read as surely as this is left as it is.
const SURE: Bp = Bp(9_850);
/// Stamps are read at no more than this, pixels of the longer side: the words that void a paper are few and large.
const STAMP_SIDE: u32 = 320;
/// The supervising ministry's seal stands over the title, in the middle of the top fifth of a bill; a title is mended by the
/// forms it can have.
const TITLE: f64 = 0.22;

/// Replaces the lines that seals cross by what is read of them without the red ink, where that is surer, and adds the
/// lines that the seals had hidden. Returns the lines replaced: a stamp's own words may be among them. Costs the reading of
/// a strip of the page for each seal that covers print.
///
/// # Errors
/// If inference failed.
pub fn read_under(reader: &PpOcr, page: &RgbImage, ink: &Inked, text: &mut PageText) -> Result<Vec<Line>, OcrError> {
    let seals = ink.seals();
    let mut replaced = Vec::new();
    for seal in &seals {
        let crossed = |line: &Line| overlaps(line, seal);
        if f64::from(seal[3]) < TITLE * f64::from(page.height()) {
            continue;
        }
        let sure = text.lines.iter().filter(|l| crossed(l)).all(|l| l.confidence >= SURE);
        if sure && text.lines.iter().any(crossed) {
            continue;
        }
        // The part holds whole lines: the seal, a third of its height more, and the lines that cross it.
        let margin = (seal[3] - seal[1]) / 3;
        let mut part =
            [seal[0].saturating_sub(margin), seal[1].saturating_sub(margin), seal[2] + margin, seal[3] + margin];
        for line in text.lines.iter().filter(|l| crossed(l)) {
            let (left, top, right, bottom) = line.quad.bounds();
            let pad = (bottom - top) / 2.0;
            part[0] = part[0].min((left - pad).max(0.0) as u32);
            part[2] = part[2].max((right + pad) as u32);
        }
        (part[2], part[3]) = (part[2].min(page.width()), part[3].min(page.height()));
        let strip = ink::without_red(page, part, &seals);
        let (clean, _, _) = reader.read_page(&strip, &|| Duration::ZERO)?;
        for mut line in clean.lines {
            line.quad = line.quad.shifted(f64::from(part[0]), f64::from(part[1]));
            if overlaps(&line, seal) {
                replaced.extend(put(text, line));
            }
        }
    }
    Ok(replaced)
}

/// The lines of what is stamped in red or blue, read in that ink alone: words over print that no reading of the page
/// makes out. They are no part of the page's text.
///
/// # Errors
/// If inference failed.
pub fn read_stamps(reader: &PpOcr, page: &RgbImage, inked: &Inked) -> Result<Vec<Line>, OcrError> {
    let mut lines = Vec::new();
    for colour in [Ink::Red, Ink::Blue] {
        for [left, top, right, bottom] in inked.stamps(colour) {
            let margin = (bottom - top) / 8;
            let part = [
                left.saturating_sub(margin),
                top.saturating_sub(margin),
                (right + margin).min(page.width()),
                (bottom + margin).min(page.height()),
            ];
            let stamp = ink::alone(page, part, colour, STAMP_SIDE);
            let (text, _, _) = reader.read_page(&stamp, &|| Duration::ZERO)?;
            let scale = f64::from(part[2] - part[0]) / f64::from(stamp.width());
            lines.extend(text.lines.into_iter().map(|mut line| {
                let placed =
                    line.quad.to_px().map(|[x, y]| [x * scale + f64::from(part[0]), y * scale + f64::from(part[1])]);
                line.quad = Quad::from_px(placed);
                line
            }));
        }
    }
    Ok(lines)
}

/// What stands along the rims of the red seals that have one, with each seal's place on the page: the reading of the two
/// bands' that says more. The text is empty where nothing legible stands there. Costs the reading of two lines a seal.
///
/// The supervising seal over the title is left out: it names no issuer.
///
/// # Errors
/// If inference failed.
pub fn read_rims(reader: &PpOcr, page: &RgbImage, inked: &Inked) -> Result<Vec<Line>, OcrError> {
    let mut rims = Vec::new();
    for seal in inked.seals() {
        let [left, top, right, bottom] = seal.map(f64::from);
        if bottom < TITLE * f64::from(page.height()) {
            continue;
        }
        let Some(rim) = Rim::of(page, seal, Ink::Red) else { continue };
        let quad = Quad::rect(left, top, right, bottom);
        let mut best = Line { confidence: Bp(0), ..Line::at("", left, top, right, bottom) };
        for band in BANDS {
            if let Some(line) = reader.read_line(&rim.strip(band), quad)?
                && weight(&line) > weight(&best)
            {
                best = line;
            }
        }
        rims.push(best);
    }
    Ok(rims)
}

/// How much a line says: its characters weighed by how sure they are.
fn weight(line: &Line) -> u64 {
    line.text.chars().filter(|c| c.is_alphanumeric()).count() as u64 * u64::from(line.confidence.0).pow(2)
}

fn overlaps(line: &Line, seal: &SealBox) -> bool {
    let (left, top, right, bottom) = line.quad.bounds();
    let [l, t, r, b] = seal.map(f64::from);
    left < r && l < right && top < b && t < bottom
}

/// Share of the smaller of two lines' boxes that both cover, 0..=1.
fn shared(a: &Line, b: &Line) -> f64 {
    let (al, at, ar, ab) = a.quad.bounds();
    let (bl, bt, br, bb) = b.quad.bounds();
    let both = (ar.min(br) - al.max(bl)).max(0.0) * (ab.min(bb) - at.max(bt)).max(0.0);
    both / ((ar - al) * (ab - at)).min((br - bl) * (bb - bt)).max(1.0)
}

/// Puts a line in the place of those it covers, which are returned, if it says more.
fn put(text: &mut PageText, line: Line) -> Vec<Line> {
    let rivals: Vec<usize> = (0..text.lines.len()).filter(|&i| shared(&text.lines[i], &line) > 0.5).collect();
    let old: u64 = rivals.iter().map(|&i| weight(&text.lines[i])).sum();
    if weight(&line) <= old {
        return Vec::new();
    }
    let replaced = rivals.into_iter().rev().map(|i| text.lines.remove(i)).collect();
    text.lines.push(line);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reading_that_says_more_stays() {
        let at = |text: &str, left: f64, confidence: u16| Line {
            confidence: Bp(confidence),
            ..Line::at(text, left, 100.0, left + 100.0, 120.0)
        };
        let page = |lines: Vec<Line>| PageText { width: 500, height: 300, lines };
        let texts = |page: &PageText| page.lines.iter().map(|l| l.text.clone()).collect::<Vec<_>>();
        let mut text = page(vec![at("某市人氏医", 10.0, 6_000), at("合计", 200.0, 9_900)]);
        let replaced = put(&mut text, at("某市人民医院", 12.0, 9_000));
        assert_eq!(replaced[0].text, "某市人氏医", "and what gave way is told");
        assert_eq!(texts(&text), ["合计", "某市人民医院"]);
        put(&mut text, at("某市", 12.0, 9_000));
        assert_eq!(texts(&text), ["合计", "某市人民医院"], "less is not put in its place");
        put(&mut text, at("120.00", 350.0, 9_000));
        assert_eq!(text.lines.len(), 3, "what was hidden is added");
    }
}
