//! Paints a national fiscal medical e-bill.
//!
//! Lengths are in units of the form's drawing, 2019.4 × 1350, y counted down from the top edge.

use super::canvas::{Canvas, Set, Stamp, Style};
use super::content::{Bill, Visit};
use super::dice::Dice;
use super::{Face, Fonts, Ledger, Mark, Specimen, TruthItem};
use crate::domain::{DocumentKind, Fen, FieldName};
use image::{Rgb, RgbImage};
use jiff::civil::Date;
use qrcode::{Color, EcLevel, QrCode};

/// Width of the flat picture in pixels; with the form's 3:2 shape about 2 megapixels.
const WIDTH: f64 = 1760.0;
/// Width and height of the form in its own units.
const FORM: [f64; 2] = [2019.4, 1350.0];
/// The form's own print.
const BROWN: [u8; 3] = [153, 101, 0];

/// Fields a bill could carry that these do not print.
const NEVER: [FieldName; 1] = [FieldName::IssuerId];
const OUTPATIENT_ONLY: [FieldName; 2] = [FieldName::OutpatientNumber, FieldName::VisitDate];
const INPATIENT_ONLY: [FieldName; 8] = [
    FieldName::CaseNumber,
    FieldName::AdmissionNumber,
    FieldName::Department,
    FieldName::AdmissionDate,
    FieldName::DischargeDate,
    FieldName::Deposit,
    FieldName::TopUp,
    FieldName::Refund,
];

/// How this copy of the form is set.
struct Look {
    label: Style,
    data: Style,
    currency: &'static str,
    colon: &'static str,
    full_width_brackets: bool,
    column_rules: bool,
    down_first: bool,
    quantities: bool,
    compact_dates: bool,
    stamp_over_name: bool,
}

impl Look {
    fn draw(dice: &mut Dice) -> Self {
        let label_face = dice.pick(&[Face::Kai, Face::Kai, Face::Song]);
        let face = dice.pick(&[Face::Song, Face::Hei, Face::Kai, Face::Song]);
        let em = dice.real(23.5, 25.5) as f32;
        // The Song and Kai faces are light; printers thicken them a little.
        let weight = |face| if face == Face::Hei { 0.0 } else { 0.45 };
        Self {
            label: Style { face: label_face, em: 23.5, ink: BROWN, weight: weight(label_face) },
            data: Style { face, em, ink: dice.pick(&[[12, 12, 16], [30, 30, 34]]), weight: weight(face) },
            currency: dice.pick(&["", "￥"]),
            colon: dice.pick(&["：", "：", ":"]),
            full_width_brackets: dice.chance(0.6),
            column_rules: dice.chance(0.4),
            down_first: dice.chance(0.4),
            quantities: dice.chance(0.8),
            compact_dates: dice.chance(0.7),
            stamp_over_name: dice.chance(0.5),
        }
    }
}

/// One 其他信息 cell: label, printed value, and the fields it gives with the share of the text they take.
struct Cell {
    label: &'static str,
    text: String,
    fields: Vec<(FieldName, String)>,
}

struct Painter<'f> {
    canvas: Canvas<'f>,
    ledger: Ledger,
    look: Look,
}

/// The scale from form units to pixels.
const S: f64 = WIDTH / FORM[0];

impl Painter<'_> {
    fn scaled(style: &Style) -> Style {
        Style { em: style.em * S as f32, ..*style }
    }

    /// Sets a label or any print that is no value; hands back where it ends.
    fn say(&mut self, style: &Style, [left, right]: [f64; 2], y: f64, anchor: f64, text: &str) -> f64 {
        self.canvas.fit(&Self::scaled(style), [left * S, right * S], y * S, anchor, text).end / S
    }

    /// Sets the printed form of a value and notes it.
    fn value(&mut self, [left, right]: [f64; 2], y: f64, anchor: f64, text: &str, fields: &[(FieldName, String)]) {
        if text.is_empty() {
            fields.iter().for_each(|(f, _)| {
                self.ledger.truth.fields.entry(*f).or_insert(None);
            });
            return;
        }
        let style = Self::scaled(&self.look.data);
        if let [(name, value)] = fields {
            let set = self.canvas.fit(&style, [left * S, right * S], y * S, anchor, text);
            self.ledger.field(*name, value, text, &set, y * S);
            return;
        }
        // Several values joined by a dash: set one after the other, so that each has its own place.
        let shrink = ((right - left) * S / self.canvas.width(&style, text)).min(1.0) as f32;
        let style = Style { em: style.em * shrink, ..style };
        let mut x = left * S;
        for (part, (name, value)) in text.split('-').zip(fields) {
            if x > left * S {
                x = self.canvas.fit(&style, [x, right * S], y * S, 0.0, "-").end;
            }
            let set = self.canvas.fit(&style, [x, right * S + 2.0], y * S, 0.0, part);
            self.ledger.field(*name, value, part, &set, y * S);
            x = set.end;
        }
    }

    /// Sets `label：value` from `x`, both within `right`.
    fn pair(&mut self, [x, right]: [f64; 2], y: f64, label: &str, text: &str, fields: &[(FieldName, String)]) {
        let label = format!("{label}{}", self.look.colon);
        let end = self.say(&self.look.label.clone(), [x, right], y, 0.0, &label);
        self.value([end + 3.0, right], y, 0.0, text, fields);
    }

    fn money(&self, amount: Fen) -> String {
        amount.to_string()
    }

    fn rule(&mut self, from: [f64; 2], to: [f64; 2]) {
        self.canvas.rule(from.map(|v| v * S), to.map(|v| v * S), 1.7, BROWN);
    }
}

/// Paints one bill.
pub(super) fn paint(kind: DocumentKind, bill: &Bill, seed: u64, fonts: &Fonts) -> Specimen {
    let mut dice = Dice::new(seed, &format!("look of {kind}"));
    let look = Look::draw(&mut dice);
    let absent = match bill.visit {
        Visit::Outpatient { .. } => [&NEVER[..], &INPATIENT_ONLY].concat(),
        Visit::Inpatient(_) => [&NEVER[..], &OUTPATIENT_ONLY].concat(),
    };
    let paper = Rgb(dice.pick(&[[255, 255, 255], [254, 253, 248], [253, 250, 243]]));
    let image = RgbImage::from_pixel(WIDTH as u32, (FORM[1] * S).round() as u32, paper);
    let mut p = Painter { canvas: Canvas::new(image, fonts), ledger: Ledger::new(kind, &absent), look };
    // Stamps first: ink multiplies, so the order does not show, and texts keep their own bounds.
    stamps(&mut p, bill, &mut dice);
    head(&mut p, bill);
    frame(&mut p);
    items(&mut p, bill);
    total(&mut p, bill);
    other(&mut p, bill, &mut dice);
    foot(&mut p, bill);
    let Painter { canvas, ledger, .. } = p;
    ledger.finish(canvas.image)
}

fn one(name: FieldName, value: &str) -> Vec<(FieldName, String)> {
    vec![(name, value.to_owned())]
}

fn head(p: &mut Painter<'_>, bill: &Bill) {
    let what = if matches!(bill.visit, Visit::Outpatient { .. }) { "门诊" } else { "住院" };
    let brackets = if p.look.full_width_brackets { ("（", "）") } else { ("(", ")") };
    let title = format!("{}医疗{what}收费票据{}电子{}", bill.province, brackets.0, brackets.1);
    let style = Painter::scaled(&Style { em: 56.25, weight: 0.7, ..p.look.label });
    let set = p.canvas.fit(&style, [430.0 * S, 1590.0 * S], 150.0 * S, 0.5, &title);
    p.ledger.field(FieldName::BillTitle, &title, &title, &set, 150.0 * S);

    p.pair([135.0, 900.0], 270.0, "票据代码", &bill.code, &one(FieldName::BillCode, &bill.code));
    let id = &bill.payer_id;
    p.pair([135.0, 900.0], 306.0, "交款人统一社会信用代码", id, &one(FieldName::PayerId, id));
    p.pair([135.0, 900.0], 342.0, "交款人", &bill.payer, &one(FieldName::PayerName, &bill.payer));
    let issued = bill.issued.to_string();
    p.pair([1250.0, 1670.0], 270.0, "票据号码", &bill.number, &one(FieldName::BillNumber, &bill.number));
    p.pair([1250.0, 1670.0], 306.0, "校验码", &bill.check, &one(FieldName::CheckCode, &bill.check));
    p.pair([1250.0, 1670.0], 342.0, "开票日期", &issued, &one(FieldName::IssueDate, &issued));
    qr(p, &bill.qr());
}

/// The code at the top right, 208 units wide, each module a whole number of pixels.
fn qr(p: &mut Painter<'_>, payload: &str) {
    let Ok(code) = QrCode::with_error_correction_level(payload, EcLevel::M) else { return };
    let n = code.width();
    let module = (208.0 * S / n as f64).floor().max(2.0);
    let [x0, y0] = [(1885.0 * S - module * n as f64).floor(), (146.0 * S).floor()];
    for (i, colour) in code.to_colors().into_iter().enumerate() {
        if colour == Color::Dark {
            let [x, y] = [x0 + (i % n) as f64 * module, y0 + (i / n) as f64 * module];
            p.canvas.fill([x, y, x + module, y + module], [10, 10, 12]);
        }
    }
    let [x1, y1] = [x0 + module * n as f64, y0 + module * n as f64];
    let style = Style { ink: [10, 10, 12], ..p.look.data };
    p.ledger.place(Mark::Code, payload, &Set { bounds: [x0, y0, x1, y1], start: x0, end: x1, style }, y1);
}

fn frame(p: &mut Painter<'_>) {
    for y in [368.0, 422.0, 847.0, 908.0, 1246.0] {
        p.rule([129.0, y], [1885.0, y]);
    }
    for x in [129.0, 1885.0] {
        p.rule([x, 368.0], [x, 1246.0]);
    }
    p.rule([182.0, 908.0], [182.0, 1246.0]);
    if p.look.column_rules {
        for x in COLUMNS[1..].iter().flat_map(|x| [*x, x + GROUP]).chain([129.0 + GROUP]) {
            p.rule([x, 368.0], [x, 847.0]);
        }
    }
    let label = p.look.label;
    for (i, c) in ["其", "他", "信", "息"].iter().enumerate() {
        p.say(&label, [129.0, 182.0], 1000.0 + 56.0 * i as f64, 0.5, c);
    }
}

/// Width of one of the two column groups.
const GROUP: f64 = 878.0;
/// Left edges of 项目名称, 数量/单位, 金额（元）, 备注 in the left group.
const COLUMNS: [f64; 4] = [129.0, 479.0, 629.0, 819.0];

fn items(p: &mut Painter<'_>, bill: &Bill) {
    let label = p.look.label;
    for group in [0.0, GROUP] {
        let right = [COLUMNS[1], COLUMNS[2], COLUMNS[3], 129.0 + GROUP];
        for ((text, left), right) in ["项目名称", "数量/单位", "金额（元）", "备注"].iter().zip(COLUMNS).zip(right)
        {
            p.say(&label, [left + group, right + group], 404.0, 0.5, text);
        }
    }
    let lines = bill.rows.len().div_ceil(2).max(4);
    let step = (400.0 / lines as f64).min(62.0);
    for (i, row) in bill.rows.iter().enumerate() {
        let half = bill.rows.len().div_ceil(2);
        let (line, group) = if p.look.down_first { (i % half, i / half) } else { (i / 2, i % 2) };
        let (x, y) = (group as f64 * GROUP, 464.0 + step * line as f64);
        let data = Painter::scaled(&p.look.data);
        let name = [(COLUMNS[0] + 14.0 + x) * S, (COLUMNS[1] - 8.0 + x) * S];
        let set = p.canvas.fit(&data, name, y * S, 0.0, &row.name);
        p.ledger.place(Mark::ItemName(i), &row.name, &set, y * S);
        if p.look.quantities {
            let text = format!("{}/{}", row.quantity, row.unit);
            let span = [(COLUMNS[1] + 8.0 + x) * S, (COLUMNS[2] - 8.0 + x) * S];
            let set = p.canvas.fit(&data, span, y * S, 0.5, &text);
            p.ledger.place(Mark::ItemQuantity(i), &text, &set, y * S);
        }
        let amount = row.amount.to_string();
        let span = [(COLUMNS[2] + 8.0 + x) * S, (COLUMNS[3] - 24.0 + x) * S];
        let set = p.canvas.fit(&data, span, y * S, 1.0, &amount);
        p.ledger.place(Mark::ItemAmount(i), &amount, &set, y * S);
        p.ledger.truth.items.push(TruthItem {
            name: row.name.clone(),
            quantity: p.look.quantities.then(|| row.quantity.to_string()),
            unit: p.look.quantities.then(|| row.unit.to_owned()),
            amount,
        });
    }
}

fn total(p: &mut Painter<'_>, bill: &Bill) {
    let label = p.look.label;
    let words = bill.words();
    let end = p.say(&label, [143.0, 500.0], 886.0, 0.0, "金额合计（大写）");
    p.value([end + 12.0, 1270.0], 886.0, 0.0, &words, &one(FieldName::TotalInWords, &words));
    let end = p.say(&label, [1294.0, 1420.0], 886.0, 0.0, "（小写）");
    let value = bill.total.to_string();
    let printed = format!("{}{value}", p.look.currency);
    p.value([end + 12.0, 1870.0], 886.0, 0.0, &printed, &one(FieldName::Total, &value));
}

fn other(p: &mut Painter<'_>, bill: &Bill, dice: &mut Dice) {
    let compact = p.look.compact_dates;
    let day = |d: Date| if compact { d.strftime("%Y%m%d").to_string() } else { d.to_string() };
    let text = |label, field, value: &str| Cell { label, text: value.to_owned(), fields: one(field, value) };
    let sum = |label, field, amount: Fen| text(label, field, &p.money(amount));
    let mut cells = vec![
        text("业务流水号", FieldName::BusinessSerial, &bill.serial),
        text("医疗机构类型", FieldName::InstitutionType, bill.institution),
        text("性别", FieldName::Sex, bill.sex),
        text("医保类型", FieldName::InsuranceType, bill.insurance),
        text("医保编号", FieldName::InsuranceNumber, &bill.insurance_number),
    ];
    match &bill.visit {
        Visit::Outpatient { number, date } => {
            cells.insert(3, text("门诊号", FieldName::OutpatientNumber, number));
            let fields = one(FieldName::VisitDate, &date.to_string());
            cells.insert(4, Cell { label: "就诊日期", text: day(*date), fields });
        }
        Visit::Inpatient(s) => {
            cells.push(text("病历号", FieldName::CaseNumber, &s.case_number));
            cells.push(text("住院号", FieldName::AdmissionNumber, &s.admission_number));
            cells.push(text("住院科别", FieldName::Department, s.department));
            let text = format!("{}-{}", s.admitted.strftime("%Y%m%d"), s.discharged.strftime("%Y%m%d"));
            let fields = vec![
                (FieldName::AdmissionDate, s.admitted.to_string()),
                (FieldName::DischargeDate, s.discharged.to_string()),
            ];
            cells.push(Cell { label: "住院时间", text, fields });
            cells.push(sum("预缴金额", FieldName::Deposit, s.deposit));
            cells.push(sum("补缴金额", FieldName::TopUp, s.top_up));
            cells.push(sum("退费金额", FieldName::Refund, s.refund));
        }
    }
    cells.extend([
        sum("医保统筹基金支付", FieldName::FundPayment, bill.fund),
        sum("其他支付", FieldName::OtherPayment, bill.other),
        sum("个人账户支付", FieldName::AccountPayment, bill.account),
        sum("个人现金支付", FieldName::CashPayment, bill.cash),
        sum("个人自付", FieldName::SelfPaid, bill.self_paid),
        sum("个人自费", FieldName::SelfFunded, bill.self_funded),
    ]);
    let columns = if cells.len() <= 15 { dice.pick(&[3, 4]) } else { 4 };
    let (width, lines) = (1690.0 / columns as f64, cells.len().div_ceil(columns));
    // The lowest line stays above the stamp, so that no amount lies under its ring.
    let step = (240.0 / lines as f64).min(54.0);
    for (i, cell) in cells.iter().enumerate() {
        let x = 192.0 + width * (i % columns) as f64;
        let y = 944.0 + step * (i / columns) as f64;
        p.pair([x, x + width - 14.0], y, cell.label, &cell.text, &cell.fields);
    }
}

fn foot(p: &mut Painter<'_>, bill: &Bill) {
    p.pair([135.0, 900.0], 1288.0, "收款单位（章）", &bill.hospital, &one(FieldName::IssuerName, &bill.hospital));
    p.pair([1080.0, 1440.0], 1288.0, "复核人", &bill.reviewer, &one(FieldName::Reviewer, &bill.reviewer));
    p.pair([1500.0, 1870.0], 1288.0, "收款人", &bill.cashier, &one(FieldName::Cashier, &bill.cashier));
    let note = Style { em: 17.0, ink: [150, 140, 125], weight: 0.0, face: Face::Hei };
    p.say(&note, [1200.0, 1885.0], 1330.0, 1.0, "样张 内容纯属虚构 不得作为凭证");
}

fn stamps(p: &mut Painter<'_>, bill: &Bill, dice: &mut Dice) {
    let mut at = |x: f64, y: f64| [(x + dice.real(-14.0, 14.0)) * S, (y + dice.real(-8.0, 8.0)) * S];
    let top = at(1010.0, 132.0);
    let foot = at(if p.look.stamp_over_name { 500.0 } else { 860.0 }, 1242.0);
    let opacity = dice.real(0.5, 0.7) as f32;
    let radii = |a: f64, b: f64| [a * S, b * S];
    p.canvas.stamp(&Stamp {
        centre: top,
        radii: radii(150.0, 100.0),
        arc: "财政电子票据监制章",
        lines: &["样张仅供测试"],
        lines_at: 0.5,
        opacity: opacity * 0.8,
        seed: dice.bits(),
    });
    p.canvas.stamp(&Stamp {
        centre: foot,
        radii: radii(122.0, 84.0),
        arc: &bill.hospital,
        lines: &["样张", "收费专用章"],
        // Above the name that the stamp may lie on.
        lines_at: -0.22,
        opacity,
        seed: dice.bits(),
    });
}
