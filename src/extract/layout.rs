//! Where lines stand to one another: rows, neighbours, reading order. All in page pixels.

use super::bend::Bend;
use crate::domain::text::Line;
use crate::domain::{Bp, Page, PageText, Quad};

/// A line with its box, as the rest of extraction sees it.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// The line.
    pub line: &'a Line,
    /// Its characters.
    pub chars: Vec<char>,
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Bottom edge.
    pub bottom: f64,
}

impl Cell<'_> {
    /// Middle of the box from top to bottom.
    pub fn middle(&self) -> f64 {
        (self.top + self.bottom) / 2.0
    }

    /// Middle of the box from left to right.
    pub fn centre(&self) -> f64 {
        (self.left + self.right) / 2.0
    }

    /// Height of the box.
    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// The text of some characters.
    pub fn text(&self, from: usize, to: usize) -> String {
        self.chars[from..to].iter().collect()
    }

    /// Whether the line runs down the page.
    pub fn is_vertical(&self) -> bool {
        self.height() > (self.right - self.left) * 1.5 && self.chars.len() > 1
    }
}

/// Characters `from..to` of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Index of the cell.
    pub cell: usize,
    /// First character.
    pub from: usize,
    /// One past the last character.
    pub to: usize,
}

/// A page laid out.
#[derive(Debug, Clone)]
pub struct Sheet<'a> {
    /// Every line.
    pub cells: Vec<Cell<'a>>,
    /// Width of the page.
    pub width: f64,
    /// Height of the page.
    pub height: f64,
    /// Median height of the lines.
    pub line_height: f64,
}

impl<'a> Sheet<'a> {
    /// Lays out a page.
    pub fn new(page: &'a PageText) -> Self {
        let bend = Bend::of(page);
        let cells: Vec<Cell<'a>> = page
            .lines
            .iter()
            .map(|line| {
                let (left, mut top, right, mut bottom) = line.quad.bounds();
                if let Some(bend) = &bend {
                    (top, bottom) = bend.level(&line.quad);
                }
                Cell { line, chars: line.text.chars().collect(), left, top, right, bottom }
            })
            .collect();
        let mut heights: Vec<f64> = cells.iter().filter(|c| !c.is_vertical()).map(Cell::height).collect();
        heights.sort_by(f64::total_cmp);
        let line_height = heights.get(heights.len() / 2).copied().unwrap_or(20.0).max(1.0);
        Self { cells, width: f64::from(page.width), height: f64::from(page.height), line_height }
    }

    /// The text of a span.
    pub fn text(&self, span: Span) -> String {
        self.cells[span.cell].text(span.from, span.to)
    }

    /// Where a span stands.
    pub fn quad(&self, span: Span) -> Quad<Page> {
        self.cells[span.cell].line.char_quad(span.from, span.to)
    }

    /// The least confidence of a span's characters; those that only part others (`-`, `/`, `:`, spaces) do not count.
    pub fn confidence(&self, span: Span) -> Bp {
        let cell = &self.cells[span.cell];
        let parts = |c: char| c.is_whitespace() || matches!(c, '-' | '/' | ':');
        let sure = |i: usize| cell.line.min_confidence(i, i + 1);
        (span.from..span.to)
            .filter(|&i| cell.chars.get(i).is_some_and(|c| !parts(*c)))
            .map(sure)
            .min()
            .unwrap_or(cell.line.confidence)
    }

    /// The whole of a cell.
    pub fn whole(&self, cell: usize) -> Span {
        Span { cell, from: 0, to: self.cells[cell].chars.len() }
    }

    /// Cells grouped into rows from top to bottom, each from left to right; lines that run down are left out.
    ///
    /// A cell joins the row whose last cell to its left overlaps it by half of the smaller height, so that a row
    /// may rise or fall across the page.
    pub fn rows(&self) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.cells.len()).filter(|&i| !self.cells[i].is_vertical()).collect();
        order.sort_by(|&a, &b| self.cells[a].left.total_cmp(&self.cells[b].left));
        let mut rows: Vec<Vec<usize>> = Vec::new();
        for i in order {
            let cell = &self.cells[i];
            let overlap = |row: &Vec<usize>| {
                let last = &self.cells[row[row.len() - 1]];
                let shared = cell.bottom.min(last.bottom) - cell.top.max(last.top);
                // A cell that starts well before the last one ends is another row, however close.
                let beside = cell.left >= last.right - self.line_height;
                if beside { shared / cell.height().min(last.height()).max(1.0) } else { 0.0 }
            };
            let best = (0..rows.len()).max_by(|&a, &b| overlap(&rows[a]).total_cmp(&overlap(&rows[b])));
            match best {
                Some(r) if overlap(&rows[r]) >= 0.5 => rows[r].push(i),
                _ => rows.push(vec![i]),
            }
        }
        rows.sort_by(|a, b| self.cells[a[0]].middle().total_cmp(&self.cells[b[0]].middle()));
        rows
    }

    /// Lines row by row, left to right; lines that run down the page last.
    pub fn reading_order(&self) -> Vec<Line> {
        let vertical = (0..self.cells.len()).filter(|&i| self.cells[i].is_vertical());
        self.rows().into_iter().flatten().chain(vertical).map(|i| self.cells[i].line.clone()).collect()
    }

    /// Cells that start right of `x` and stand on the same row as a place of this middle and height, nearest first.
    pub fn to_the_right(&self, x: f64, middle: f64, height: f64) -> Vec<usize> {
        let mut found: Vec<usize> = (0..self.cells.len())
            .filter(|&i| {
                let c = &self.cells[i];
                !c.is_vertical()
                    && c.left >= x - height * 0.6
                    && (c.middle() - middle).abs() < 0.75 * height.max(c.height())
            })
            .collect();
        // A print shifted against its form stands off by part of a line: the nearer row counts more than the
        // nearer column.
        let cost = |i: usize| (self.cells[i].left - x).max(0.0) + 4.0 * (self.cells[i].middle() - middle).abs();
        found.sort_by(|&a, &b| cost(a).total_cmp(&cost(b)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_a_slope() {
        let lines = (0..3).flat_map(|r| {
            (0..3).map(move |c| {
                let (x, y) = (f64::from(c) * 100.0, f64::from(r) * 30.0 + f64::from(c) * 9.0);
                Line::at(&format!("{r}{c}"), x, y, x + 60.0, y + 20.0)
            })
        });
        let page = PageText { width: 300, height: 120, lines: lines.collect() };
        let text: Vec<String> = Sheet::new(&page).reading_order().into_iter().map(|l| l.text).collect();
        assert_eq!(text, ["00", "01", "02", "10", "11", "12", "20", "21", "22"]);
    }
}
