//! Paints what a hospital writes of a stay (出院记录, 出院小结, 诊断证明书).
//!
//! Lengths are in pixels of the flat picture.

use super::canvas::{Canvas, Stamp, Style};
use super::content::Discharge;
use super::dice::Dice;
use super::{Face, Fonts, Ledger, Specimen};
use crate::domain::{DocumentKind, FieldName as F};
use image::{Rgb, RgbImage};

/// Width and height of A4 at 150 dots an inch.
const PAGE: [u32; 2] = [1240, 1754];
const LEFT: f64 = 120.0;
const RIGHT: f64 = 1120.0;

/// A fact above the text: its label, the field it gives if any, what is printed, what is true.
type Fact = (&'static str, Option<F>, String, String);

/// How a layout is set.
struct Sheet {
    title: &'static str,
    /// How many facts stand side by side.
    abreast: usize,
    /// Whether rules stand around every fact and section.
    ruled: bool,
    /// The sections and whether they stand in it: complaint, course, state at discharge.
    told: bool,
    diagnosis: &'static str,
    advice: &'static str,
    written: &'static str,
    dates: &'static str,
}

const SHEETS: [Sheet; 3] = [
    Sheet {
        title: "出院记录",
        abreast: 3,
        ruled: false,
        told: true,
        diagnosis: "出院诊断：",
        advice: "出院医嘱：",
        written: "记录日期：",
        dates: "%Y年%m月%d日",
    },
    Sheet {
        title: "出院小结",
        abreast: 3,
        ruled: true,
        told: true,
        diagnosis: "出院诊断：",
        advice: "出院医嘱：",
        written: "记录日期：",
        dates: "%Y-%m-%d",
    },
    Sheet {
        title: "诊断证明书",
        abreast: 2,
        ruled: false,
        told: false,
        diagnosis: "临床诊断：",
        advice: "处理意见：",
        written: "开具日期：",
        dates: "%Y年%m月%d日",
    },
];

/// Paints one record, in the layout of this number.
pub(super) fn paint(record: &Discharge, seed: u64, layout: u8, fonts: &Fonts) -> Specimen {
    let sheet = &SHEETS[usize::from(layout).min(SHEETS.len() - 1)];
    let mut dice = Dice::new(seed, &format!("look of discharge {layout}"));
    let face = dice.pick(&[Face::Song, Face::Song, Face::MicroHei]);
    let weight = if face == Face::Song { 0.45 } else { 0.0 };
    let data = Style { face, em: dice.real(26.0, 28.5) as f32, ink: dice.pick(&[[14, 14, 16], [36, 36, 40]]), weight };
    let image = RgbImage::from_pixel(PAGE[0], PAGE[1], Rgb(dice.pick(&[[255, 255, 255], [251, 250, 246]])));
    let mut canvas = Canvas::new(image, fonts);
    let mut ledger = Ledger::new(DocumentKind::DischargeRecord, face, &[]);
    let span = [LEFT, RIGHT];

    let title = Style { em: data.em * 1.45, ..data };
    let set = canvas.fit(&title, span, 140.0, 0.5, &record.hospital);
    ledger.field(F::IssuerName, &record.hospital, &record.hospital, &set, 140.0);
    canvas.fit(&Style { em: data.em * 1.7, ..data }, span, 206.0, 0.5, sheet.title);

    let pitch = 54.0;
    let mut y = 300.0;
    let mut rules = vec![y - 38.0];
    for line in facts(record, sheet).chunks(sheet.abreast) {
        let width = (RIGHT - LEFT) / sheet.abreast as f64;
        for (i, (label, name, text, value)) in line.iter().enumerate() {
            let x = LEFT + width * i as f64 + 8.0;
            let right = LEFT + width * (i + 1) as f64 - 8.0;
            let end = canvas.fit(&data, [x, right], y, 0.0, label).end;
            let set = canvas.fit(&data, [end, right], y, 0.0, text);
            if let Some(name) = name {
                ledger.field(*name, value, text, &set, y);
            }
        }
        y += pitch;
        rules.push(y - 38.0);
    }

    y += 12.0;
    let case = record.case;
    let told = |text| sheet.told.then_some(text);
    let sections = [
        ("入院诊断：", None, told(case.diagnosis)),
        ("入院情况：", None, told(case.complaint)),
        ("诊疗经过：", None, told(case.course)),
        (sheet.diagnosis, Some(F::Diagnosis), Some(case.diagnosis)),
        ("出院情况：", None, told("一般情况好，生命体征平稳。")),
        (sheet.advice, None, Some(case.advice)),
    ];
    for (label, name, text) in sections {
        let Some(text) = text else { continue };
        let mut x = canvas.fit(&data, [LEFT + 8.0, RIGHT], y, 0.0, label).end;
        for piece in wrapped(&canvas, &data, text, [x, RIGHT - 8.0], LEFT + 8.0) {
            let set = canvas.fit(&data, [x, RIGHT], y, 0.0, &piece);
            if let Some(name) = name {
                ledger.field(name, text, &piece, &set, y);
            }
            x = LEFT + 8.0;
            y += pitch * 0.86;
        }
        y += 20.0;
        rules.push(y - 44.0);
    }

    if sheet.ruled {
        let ends = [rules[0], y - 44.0];
        for y in &rules {
            canvas.rule([LEFT, *y], [RIGHT, *y], 1.6, data.ink);
        }
        for x in span {
            canvas.rule([x, ends[0]], [x, ends[1]], 1.6, data.ink);
        }
    }
    y += 70.0;
    canvas.fit(&data, [LEFT + 520.0, RIGHT], y, 0.0, &format!("医师签名：{}", record.doctor));
    y += pitch;
    let end = canvas.fit(&data, [LEFT + 520.0, RIGHT], y, 0.0, sheet.written).end;
    let text = record.written.strftime(sheet.dates).to_string();
    let set = canvas.fit(&data, [end, RIGHT], y, 0.0, &text);
    ledger.field(F::IssueDate, &record.written.to_string(), &text, &set, y);
    canvas.stamp(&Stamp {
        centre: [LEFT + 330.0 + dice.real(-60.0, 60.0), y - 10.0],
        radii: [120.0, 120.0],
        arc: &record.hospital,
        lines: &["样张", "诊断专用章"],
        lines_at: -0.05,
        opacity: dice.real(0.5, 0.65) as f32,
        seed: dice.bits(),
    });
    let note = Style { face: Face::Hei, em: 16.0, ink: [150, 145, 135], weight: 0.0 };
    canvas.fit(&note, span, f64::from(PAGE[1]) - 24.0, 0.0, "样张 内容纯属虚构 不得作为凭证");
    ledger.finish(canvas.image)
}

fn facts(record: &Discharge, sheet: &Sheet) -> Vec<Fact> {
    let plain = |label, name, text: &str| -> Fact { (label, name, text.to_owned(), text.to_owned()) };
    let day = |label, name, day: jiff::civil::Date| -> Fact {
        (label, Some(name), day.strftime(sheet.dates).to_string(), day.to_string())
    };
    let (age, days) = (record.age.to_string(), record.days().to_string());
    vec![
        plain("姓名：", Some(F::PatientName), &record.patient),
        plain("性别：", Some(F::Sex), record.sex),
        ("年龄：", Some(F::Age), format!("{age}岁"), age),
        plain("科室：", Some(F::Department), record.department),
        plain("床号：", None, &format!("{}床", record.bed)),
        plain("住院号：", None, &record.case_number),
        day("入院日期：", F::AdmissionDate, record.admitted),
        day("出院日期：", F::DischargeDate, record.discharged),
        ("住院天数：", Some(F::StayDays), format!("{days}天"), days),
    ]
}

/// Breaks a text into lines: the first between `first`'s ends, the others from `left` on.
fn wrapped(canvas: &Canvas<'_>, style: &Style, text: &str, first: [f64; 2], left: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = first[1] - first[0];
    for c in text.chars() {
        let mut buffer = [0; 4];
        let wide = canvas.width(style, c.encode_utf8(&mut buffer));
        // A stop never begins a line.
        if room < wide && !"，。、".contains(c) {
            lines.push(String::new());
            room = first[1] - left;
        }
        room -= wide;
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
    }
    lines
}
