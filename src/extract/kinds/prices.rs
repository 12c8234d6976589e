//! Quantity and price of a row, by the columns they stand in.

use crate::domain::Bp;
use crate::extract::layout::{Sheet, Span};

/// Quantity and price as printed, and how sure the less sure of them is.
pub struct Priced {
    /// The quantity.
    pub quantity: String,
    /// The price of one.
    pub price: String,
    /// The least confidence among their characters.
    pub confidence: Bp,
}

/// Where a table of rows has its columns.
pub struct Columns {
    /// Left edges of 数量, of 单价, and of what stands right of each.
    quantity: [f64; 2],
    price: [f64; 2],
    bottom: f64,
}

impl Columns {
    /// The columns under a head that names both 数量 and 单价; `None` where none does.
    pub fn of(sheet: &Sheet<'_>) -> Option<Self> {
        let compact = |i: usize| -> String { sheet.cells[i].chars.iter().filter(|c| !c.is_whitespace()).collect() };
        let price = (0..sheet.cells.len()).find(|&i| matches!(compact(i).as_str(), "单价" | "单价(元)"))?;
        let head = &sheet.cells[price];
        let row: Vec<usize> = (0..sheet.cells.len())
            .filter(|&i| (sheet.cells[i].middle() - head.middle()).abs() < 0.7 * head.height())
            .collect();
        let quantity = row.iter().copied().find(|&i| compact(i) == "数量")?;
        let next = |of: usize| {
            let right = row.iter().map(|&i| sheet.cells[i].left).filter(|left| *left > sheet.cells[of].right);
            Some(right.fold(f64::INFINITY, f64::min)).filter(|left| left.is_finite())
        };
        let column = |of: usize| Some([sheet.cells[of].left, next(of)?]);
        Some(Self { quantity: column(quantity)?, price: column(price)?, bottom: head.bottom })
    }

    /// Quantity and price among the cells of a row: plain decimals that end between the start of their head and that of the
    /// next, one in each column.
    pub fn read(&self, sheet: &Sheet<'_>, cells: &[usize]) -> Option<Priced> {
        let numbers: Vec<(String, Span, f64)> = cells
            .iter()
            .filter(|&&i| sheet.cells[i].middle() > self.bottom)
            .flat_map(|&i| words(&sheet.cells[i].chars).into_iter().map(move |(from, to)| Span { cell: i, from, to }))
            .filter_map(|span| Some((decimal(&sheet.text(span))?, span, sheet.quad(span).bounds().2)))
            .collect();
        let under = |[left, next]: [f64; 2]| {
            let mut within = numbers.iter().filter(|(_, _, end)| (left..next).contains(end));
            within.next().filter(|_| within.next().is_none())
        };
        let (quantity, price) = (under(self.quantity)?, under(self.price)?);
        Some(Priced {
            quantity: quantity.0.clone(),
            price: price.0.clone(),
            confidence: sheet.confidence(quantity.1).min(sheet.confidence(price.1)),
        })
    }
}

/// Where the words of a line start and end.
fn words(chars: &[char]) -> Vec<(usize, usize)> {
    let starts = (0..chars.len()).filter(|&i| !chars[i].is_whitespace() && (i == 0 || chars[i - 1].is_whitespace()));
    let end = |from: usize| (from..chars.len()).find(|&i| chars[i].is_whitespace()).unwrap_or(chars.len());
    starts.map(|from| (from, end(from))).collect()
}

/// A plain decimal without sign, its commas of thousands left out.
fn decimal(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['¥', '￥']);
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let grouped = rest.is_empty() || first.len() <= 3 && rest.iter().all(|group| group.len() == 3);
    let plain = text.replace(',', "");
    let fits = digits(first) && rest.iter().all(|group| digits(group)) && grouped && digits(part) && plain.len() <= 24;
    fits.then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{PageText, text::Line};

    #[test]
    fn numbers_belong_to_the_column_they_end_in() {
        let head =
            [("项目名称", 30.0, 120.0), ("数 量", 523.0, 563.0), ("单 价", 630.0, 670.0), ("金 额", 750.0, 790.0)];
        type Words = [(&'static str, f64, f64)];
        type Row<'a> = (&'a Words, Option<(&'static str, &'static str)>);
        let rows: &[Row<'_>] = &[
            (
                &[("*运输服务*", 30.0, 180.0), ("1", 590.0, 598.0), ("14.50", 668.0, 704.0), ("14.50", 824.0, 860.0)],
                Some(("1", "14.50")),
            ),
            (&[("药", 30.0, 60.0), ("2", 535.0, 545.0), ("1,234.567", 600.0, 700.0)], Some(("2", "1234.567"))),
            (
                &[("药", 30.0, 60.0), ("2", 535.0, 545.0), ("3盒", 570.0, 590.0), ("5.00", 640.0, 680.0)],
                Some(("2", "5.00")),
            ),
            (&[("型号", 30.0, 60.0), ("500", 400.0, 440.0), ("14.50", 824.0, 860.0)], None),
            (&[("折扣", 30.0, 60.0), ("1", 535.0, 545.0), ("-5.00", 640.0, 680.0)], None),
            (&[("药", 30.0, 60.0), ("2 3", 535.0, 565.0), ("5.00", 640.0, 680.0)], None),
        ];
        for (row, wanted) in rows {
            let at = |cells: &[(&str, f64, f64)], top: f64| -> Vec<Line> {
                cells.iter().map(|(text, left, right)| Line::at(text, *left, top, *right, top + 20.0)).collect()
            };
            let lines = [at(&head, 100.0), at(row, 140.0)].concat();
            let page = PageText { width: 1100, height: 730, lines };
            let sheet = Sheet::new(&page);
            let cells: Vec<usize> = (0..sheet.cells.len()).collect();
            let read = Columns::of(&sheet).unwrap().read(&sheet, &cells);
            let read = read.as_ref().map(|p| (p.quantity.as_str(), p.price.as_str()));
            assert_eq!(read, *wanted, "{row:?}");
        }
        let page = PageText { width: 700, height: 100, lines: vec![Line::at("单价", 10.0, 10.0, 50.0, 30.0)] };
        assert!(Columns::of(&Sheet::new(&page)).is_none(), "no quantities");
    }
}
