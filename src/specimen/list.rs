//! Paints a hospital's list of expenses (住院费用清单).
//!
//! Lengths are in pixels of the flat picture.

use super::canvas::{Canvas, Set, Stamp, Style};
use super::content::List;
use super::dice::Dice;
use super::{Face, Fonts, Ledger, Mark, Specimen, TruthItem};
use crate::domain::{DocumentKind, FieldName as F};
use image::{Rgb, RgbImage};

/// How a layout is set.
struct Sheet {
    width: f64,
    /// Height of the head, of one row and of the foot.
    heights: [f64; 3],
    /// Left edges of 项目名称, 规格, 单位, 数量, 单价, 金额, and the right edge of the last.
    columns: [f64; 7],
    /// Rules around every cell, only above and below the table, or lines of dashes.
    rules: Rules,
}

#[derive(Clone, Copy, PartialEq)]
enum Rules {
    Grid,
    Above,
    Dashes,
}

/// A4 with a grid, A4 with three rules, wide continuous paper from a needle printer.
const SHEETS: [Sheet; 3] = [
    Sheet {
        width: 1240.0,
        heights: [330.0, 50.0, 220.0],
        columns: [80.0, 440.0, 620.0, 710.0, 810.0, 970.0, 1160.0],
        rules: Rules::Grid,
    },
    Sheet {
        width: 1240.0,
        heights: [360.0, 46.0, 260.0],
        columns: [100.0, 470.0, 690.0, 790.0, 880.0, 1010.0, 1140.0],
        rules: Rules::Above,
    },
    Sheet {
        width: 1500.0,
        heights: [290.0, 42.0, 190.0],
        columns: [90.0, 560.0, 820.0, 930.0, 1060.0, 1230.0, 1410.0],
        rules: Rules::Dashes,
    },
];

/// Paints one list, in the layout of this number.
pub(super) fn paint(list: &List, seed: u64, layout: u8, fonts: &Fonts) -> Specimen {
    let sheet = &SHEETS[usize::from(layout).min(SHEETS.len() - 1)];
    let mut dice = Dice::new(seed, &format!("look of list {layout}"));
    let face = match sheet.rules {
        Rules::Dashes => Face::Needle,
        _ => dice.pick(&[Face::Song, Face::Hei, Face::MicroHei]),
    };
    let ink = match sheet.rules {
        Rules::Dashes => dice.pick(&[[34, 36, 60], [48, 46, 54]]),
        _ => dice.pick(&[[14, 14, 16], [36, 36, 40]]),
    };
    let weight = if face == Face::Song { 0.45 } else { 0.0 };
    let data = Style { face, em: dice.real(22.5, 24.5) as f32, ink, weight };
    let [head, row, foot] = sheet.heights;
    let (left, right) = (sheet.columns[0], sheet.columns[6]);
    let rows = list.lines.len() as f64;
    let height = (head + row * (rows + 2.0) + foot) as u32;
    let image = RgbImage::from_pixel(sheet.width as u32, height, Rgb(dice.pick(&[[255, 255, 255], [251, 250, 246]])));
    let mut canvas = Canvas::new(image, fonts);
    let mut ledger = Ledger::new(DocumentKind::ExpenseList, face, &[]);

    let title = Style { em: data.em * 1.6, ..data };
    let mut y = 96.0;
    let span = [left, right];
    if sheet.rules == Rules::Above {
        let set = canvas.fit(&title, span, y, 0.5, &list.hospital);
        ledger.field(F::IssuerName, &list.hospital, &list.hospital, &set, y);
        y += 62.0;
        canvas.fit(&title, span, y, 0.5, "住院费用清单");
    } else {
        let set = canvas.fit(&title, span, y, 0.5, &format!("{}住院费用清单", list.hospital));
        // The name is the title's first part.
        let share = canvas.width(&set.style, &list.hospital);
        let [l, t, _, b] = set.bounds;
        let bounds = [l, t, set.start + share, b];
        let part = Set { bounds, start: set.start, end: set.start + share, style: set.style };
        ledger.field(F::IssuerName, &list.hospital, &list.hospital, &part, y);
    }

    let day = |d: jiff::civil::Date| d.to_string();
    let age = format!("{}岁", list.age);
    let (admitted, discharged, printed) = (day(list.admitted), day(list.discharged), day(list.printed));
    let facts: [(&str, Option<F>, &str); 8] = [
        ("姓名：", Some(F::PatientName), &list.patient),
        ("性别：", None, list.sex),
        ("年龄：", None, &age),
        ("住院号：", Some(F::AdmissionNumber), &list.admission_number),
        ("科室：", None, list.department),
        ("入院日期：", None, &admitted),
        ("出院日期：", None, &discharged),
        ("打印日期：", Some(F::IssueDate), &printed),
    ];
    let places = if sheet.rules == Rules::Dashes { 4 } else { 3 };
    let lines = facts.len().div_ceil(places);
    let width = (right - left) / places as f64;
    let first = head - 24.0 - 42.0 * (lines as f64 - 0.5);
    for (i, (label, name, text)) in facts.into_iter().enumerate() {
        let x = left + width * (i % places) as f64;
        let at = first + 42.0 * (i / places) as f64;
        let right = x + width - 12.0;
        let end = canvas.fit(&data, [x, right], at, 0.0, label).end;
        let set = canvas.fit(&data, [end, right], at, 0.0, text);
        if let Some(name) = name {
            ledger.field(name, text, text, &set, at);
        }
    }

    let dashes = |canvas: &mut Canvas<'_>, y: f64| {
        let n = (right - left) / canvas.width(&data, "-");
        canvas.fit(&data, span, y, 0.0, &"-".repeat(n as usize));
    };
    let base = row * 0.5 + f64::from(data.em) * 0.36;
    let cell = |c: usize| [sheet.columns[c] + 10.0, sheet.columns[c + 1] - 10.0];
    let anchors =
        if sheet.rules == Rules::Grid { [0.0, 0.5, 0.5, 0.5, 1.0, 1.0] } else { [0.0, 0.0, 0.5, 1.0, 1.0, 1.0] };
    for (c, text) in ["项目名称", "规格", "单位", "数量", "单价", "金额"].iter().enumerate() {
        let anchor = if sheet.rules == Rules::Grid { 0.5 } else { anchors[c] };
        canvas.fit(&data, cell(c), head + base, anchor, text);
    }
    let decimals = if dice.chance(0.4) { ".00" } else { "" };
    for (i, line) in list.lines.iter().enumerate() {
        let y = head + row * (i as f64 + 1.0) + base;
        let quantity = format!("{}{decimals}", line.quantity);
        let (price, amount) = (line.price.to_string(), line.amount.to_string());
        let mut set = |c: usize, text: &str| canvas.fit(&data, cell(c), y, anchors[c], text);
        let name = set(0, line.name);
        set(1, line.model);
        set(2, line.unit);
        let numbers = [set(3, &quantity), set(4, &price), set(5, &amount)];
        ledger.place(Mark::ItemName(i), line.name, &name, y);
        ledger.place(Mark::ItemQuantity(i), &quantity, &numbers[0], y);
        ledger.place(Mark::ItemPrice(i), &price, &numbers[1], y);
        ledger.place(Mark::ItemAmount(i), &amount, &numbers[2], y);
        ledger.truth.items.push(TruthItem {
            name: line.name.to_owned(),
            quantity: Some(line.quantity.to_string()),
            unit: Some(line.unit.to_owned()),
            amount,
        });
    }
    let bottom = head + row * (rows + 2.0);
    let y = bottom - row + base;
    let total = list.total.to_string();
    canvas.fit(&data, cell(0), y, 0.0, dice.pick(&["合计", "总计", "合计金额"]));
    let set = canvas.fit(&data, [sheet.columns[4], right - 10.0], y, 1.0, &total);
    ledger.field(F::Total, &total, &total, &set, y);

    match sheet.rules {
        Rules::Grid => {
            for i in 0..=list.lines.len() + 2 {
                let y = head + row * i as f64;
                canvas.rule([left, y], [right, y], 1.6, ink);
            }
            for (c, x) in sheet.columns.iter().enumerate() {
                let end = if (1..6).contains(&c) { bottom - row } else { bottom };
                canvas.rule([*x, head], [*x, end], 1.6, ink);
            }
        }
        Rules::Above => {
            for (y, thick) in [(head, 2.6), (head + row, 1.4), (bottom - row, 1.4), (bottom, 2.6)] {
                canvas.rule([left, y], [right, y], thick, ink);
            }
        }
        Rules::Dashes => {
            for y in [head - 2.0, head + row - 2.0, bottom - row - 2.0, bottom - 2.0] {
                dashes(&mut canvas, y + 6.0);
            }
        }
    }
    canvas.fit(&data, [left, right], bottom + 60.0, 0.0, "制单人：0021");
    canvas.fit(&data, [left, right], bottom + 60.0, 0.45, "患者签字：");
    canvas.fit(&data, [left, right], bottom + 60.0, 1.0, "第1页 共1页");
    if sheet.rules != Rules::Dashes {
        canvas.stamp(&Stamp {
            centre: [right - 210.0 + dice.real(-60.0, 30.0), bottom + 130.0],
            radii: [112.0, 78.0],
            arc: &list.hospital,
            lines: &["样张", "住院结算章"],
            lines_at: -0.05,
            opacity: dice.real(0.5, 0.65) as f32,
            seed: dice.bits(),
        });
    }
    let note = Style { face: Face::Hei, em: 16.0, ink: [150, 145, 135], weight: 0.0 };
    canvas.fit(&note, [left, right], f64::from(height) - 20.0, 0.0, "样张 内容纯属虚构 不得作为凭证");
    ledger.finish(canvas.image)
}
