//! Paints a fiscal medical bill: the national e-bill, and other layouts that provinces and printers give it.
//!
//! Lengths are in units of the national form's drawing, 2019.4 wide and 1350 high, y counted down from the top edge.

use super::canvas::{Canvas, Stamp, Style};
use super::content::{Bill, Visit};
use super::dice::Dice;
use super::{Face, Fonts, Ledger, Mark, Specimen, TruthItem};
use crate::domain::{DocumentKind, Fen, FieldName};
use image::{Rgb, RgbImage};
use jiff::civil::Date;

/// Where something is set: between which ends, on which baseline.
type Line = ([f64; 2], f64);

/// Where a layout puts things.
struct Form {
    /// Width and height of the page.
    page: [f64; 2],
    /// The form's own print.
    ink: [u8; 3],
    /// An e-bill and says so; else a pre-printed form, filled in by needles.
    electronic: bool,
    title: Line,
    /// 票据代码, 交款人统一社会信用代码, 交款人, 票据号码, 校验码, 开票日期.
    head: [Line; 6],
    /// Top right corner of the QR code.
    code: Option<[f64; 2]>,
    /// Left and right end of the rules, and whether the form is closed by rules there.
    edges: [f64; 2],
    closed: bool,
    /// Rules across, the first two around the heads of the columns, the third above the total.
    across: &'static [f64],
    /// Left edges of 项目名称, 数量/单位, 金额（元）, 备注 in the left group, and the group's end; a column of no width is
    /// not there.
    columns: [f64; 5],
    groups: usize,
    /// Baselines of the columns' heads and of the first row, the height for the rows, the most for one.
    rows: [f64; 4],
    /// Baseline of the total; where the words start, where they end at most, where the numerals start and end at most.
    total: (f64, [f64; 4]),
    /// 其他信息: left, width, first baseline, height; how many cells a line.
    other: [f64; 4],
    cells: usize,
    /// The box of the label 其他信息, set upright: left, right, top, bottom.
    side: Option<[f64; 4]>,
    /// 收款单位, 复核人, 收款人.
    foot: [Line; 3],
    /// Middles of the two stamps; the lower one may also lie where the third says.
    stamps: [[f64; 2]; 3],
}

impl Form {
    fn of(layout: u8) -> &'static Self {
        &FORMS[usize::from(layout).min(FORMS.len() - 1)]
    }
}

/// Whether a layout has a QR code.
pub(super) fn has_code(layout: u8) -> bool {
    Form::of(layout).code.is_some()
}

/// The national e-bill; an upright e-bill with one list of items; a pre-printed paper bill; a wide e-bill with three
/// groups of items without quantities, its code at the left.
const FORMS: [Form; 4] = [
    Form {
        page: [2019.4, 1350.0],
        ink: [153, 101, 0],
        electronic: true,
        title: ([430.0, 1590.0], 150.0),
        head: [
            ([135.0, 900.0], 270.0),
            ([135.0, 900.0], 306.0),
            ([135.0, 900.0], 342.0),
            ([1250.0, 1670.0], 270.0),
            ([1250.0, 1670.0], 306.0),
            ([1250.0, 1670.0], 342.0),
        ],
        code: Some([1885.0, 146.0]),
        edges: [129.0, 1885.0],
        closed: true,
        across: &[368.0, 422.0, 847.0, 908.0, 1246.0],
        columns: [129.0, 479.0, 629.0, 819.0, 1007.0],
        groups: 2,
        rows: [404.0, 464.0, 400.0, 62.0],
        total: (886.0, [143.0, 1270.0, 1294.0, 1870.0]),
        other: [192.0, 1690.0, 944.0, 240.0],
        cells: 0,
        side: Some([129.0, 182.0, 908.0, 1246.0]),
        foot: [([135.0, 900.0], 1288.0), ([1080.0, 1440.0], 1288.0), ([1500.0, 1870.0], 1288.0)],
        stamps: [[1010.0, 132.0], [860.0, 1242.0], [500.0, 1242.0]],
    },
    Form {
        page: [1500.0, 1960.0],
        ink: [58, 66, 104],
        electronic: true,
        title: ([150.0, 1350.0], 140.0),
        head: [
            ([120.0, 620.0], 256.0),
            ([120.0, 1150.0], 376.0),
            ([640.0, 1150.0], 316.0),
            ([120.0, 620.0], 316.0),
            ([640.0, 1150.0], 256.0),
            ([120.0, 620.0], 436.0),
        ],
        code: Some([1390.0, 222.0]),
        edges: [110.0, 1390.0],
        closed: false,
        across: &[468.0, 524.0, 1150.0, 1214.0, 1708.0],
        columns: [110.0, 560.0, 830.0, 1130.0, 1390.0],
        groups: 1,
        rows: [506.0, 570.0, 590.0, 60.0],
        total: (1192.0, [124.0, 930.0, 950.0, 1380.0]),
        other: [124.0, 1260.0, 1262.0, 450.0],
        cells: 2,
        side: None,
        foot: [([120.0, 640.0], 1756.0), ([680.0, 1010.0], 1756.0), ([1050.0, 1380.0], 1756.0)],
        stamps: [[750.0, 114.0], [1190.0, 1852.0], [420.0, 1852.0]],
    },
    Form {
        page: [1900.0, 1250.0],
        ink: [146, 52, 60],
        electronic: false,
        title: ([420.0, 1480.0], 118.0),
        head: [
            ([104.0, 560.0], 196.0),
            ([600.0, 1280.0], 246.0),
            ([104.0, 560.0], 246.0),
            ([1310.0, 1800.0], 150.0),
            ([1310.0, 1800.0], 196.0),
            ([1310.0, 1800.0], 246.0),
        ],
        code: None,
        edges: [90.0, 1810.0],
        closed: true,
        across: &[268.0, 324.0, 740.0, 802.0, 1062.0],
        columns: [90.0, 430.0, 590.0, 800.0, 950.0],
        groups: 2,
        rows: [306.0, 372.0, 360.0, 60.0],
        total: (780.0, [104.0, 1180.0, 1210.0, 1790.0]),
        other: [106.0, 1700.0, 844.0, 230.0],
        cells: 4,
        side: None,
        foot: [([104.0, 640.0], 1112.0), ([980.0, 1340.0], 1112.0), ([1400.0, 1790.0], 1112.0)],
        stamps: [[950.0, 106.0], [800.0, 1150.0], [800.0, 1150.0]],
    },
    Form {
        page: [2019.4, 1300.0],
        ink: [24, 104, 84],
        electronic: true,
        title: ([380.0, 1890.0], 150.0),
        head: [
            ([380.0, 860.0], 236.0),
            ([380.0, 1400.0], 320.0),
            ([880.0, 1360.0], 278.0),
            ([880.0, 1360.0], 236.0),
            ([1400.0, 1885.0], 236.0),
            ([380.0, 860.0], 278.0),
        ],
        code: Some([338.0, 96.0]),
        edges: [129.0, 1885.0],
        closed: true,
        across: &[352.0, 408.0, 700.0, 764.0, 1060.0],
        columns: [129.0, 440.0, 440.0, 714.0, 714.0],
        groups: 3,
        rows: [390.0, 456.0, 260.0, 60.0],
        total: (742.0, [143.0, 1230.0, 1260.0, 1870.0]),
        other: [146.0, 1730.0, 812.0, 250.0],
        cells: 4,
        side: None,
        foot: [([135.0, 760.0], 1112.0), ([800.0, 1090.0], 1112.0), ([1130.0, 1420.0], 1112.0)],
        stamps: [[1135.0, 104.0], [1630.0, 1160.0], [420.0, 1190.0]],
    },
];

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
    form: &'static Form,
    /// How far the printer was off the form.
    shift: [f64; 2],
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
    fn draw(kind: DocumentKind, seed: u64, layout: u8, dice: &mut Dice) -> Self {
        let form = Form::of(layout);
        let mut look = Self::national(form, dice);
        if layout > 0 {
            // A stream of its own, so that the first layout stays what it is.
            let mut more = Dice::new(seed, &format!("look of {kind} {layout}"));
            let face = if form.electronic {
                more.pick(&[Face::MicroHei, Face::Song, Face::Hei, Face::Kai, Face::MicroHei])
            } else {
                look.shift = [more.real(3.0, 20.0), more.real(-9.0, 8.0)];
                look.data.ink = more.pick(&[[34, 38, 84], [44, 44, 58], [30, 32, 70]]);
                Face::Needle
            };
            look.data = Style { face, weight: thicker(face), ..look.data };
        }
        look
    }

    fn national(form: &'static Form, dice: &mut Dice) -> Self {
        let label_face = dice.pick(&[Face::Kai, Face::Kai, Face::Song]);
        let face = dice.pick(&[Face::Song, Face::Hei, Face::Kai, Face::Song]);
        let em = dice.real(23.5, 25.5) as f32;
        Self {
            form,
            shift: [0.0; 2],
            label: Style { face: label_face, em: 23.5, ink: form.ink, weight: thicker(label_face) },
            data: Style { face, em, ink: dice.pick(&[[12, 12, 16], [30, 30, 34]]), weight: thicker(face) },
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

/// The Song and Kai faces are light; printers thicken them a little.
fn thicker(face: Face) -> f32 {
    if matches!(face, Face::Song | Face::Kai) { 0.45 } else { 0.0 }
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

/// The scale from form units to pixels: the national form is 1760 pixels wide, and has about 2 megapixels.
const S: f64 = 1760.0 / 2019.4;

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
        let [dx, dy] = self.look.shift;
        let ([left, right], y) = ([left + dx, right + dx], y + dy);
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
        self.canvas.rule(from.map(|v| v * S), to.map(|v| v * S), 1.7, self.look.form.ink);
    }
}

/// Paints one bill.
pub(super) fn paint(kind: DocumentKind, bill: &Bill, seed: u64, layout: u8, fonts: &Fonts) -> Specimen {
    let mut dice = Dice::new(seed, &format!("look of {kind}"));
    let look = Look::draw(kind, seed, layout, &mut dice);
    let [width, height] = look.form.page.map(|v| (v * S).round() as u32);
    let absent = match bill.visit {
        Visit::Outpatient { .. } => [&NEVER[..], &INPATIENT_ONLY].concat(),
        Visit::Inpatient(_) => [&NEVER[..], &OUTPATIENT_ONLY].concat(),
    };
    let paper = Rgb(dice.pick(&[[255, 255, 255], [254, 253, 248], [253, 250, 243]]));
    let canvas = Canvas::new(RgbImage::from_pixel(width, height, paper), fonts);
    let mut p = Painter { canvas, ledger: Ledger::new(kind, look.data.face, &absent), look };
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
    let form = p.look.form;
    let title = if form.electronic {
        format!("{}医疗{what}收费票据{}电子{}", bill.province, brackets.0, brackets.1)
    } else {
        format!("{}医疗{what}收费票据", bill.province)
    };
    let style = Painter::scaled(&Style { em: 56.25, weight: 0.7, ..p.look.label });
    let (span, y) = form.title;
    let set = p.canvas.fit(&style, span.map(|x| x * S), y * S, 0.5, &title);
    p.ledger.field(FieldName::BillTitle, &title, &title, &set, y * S);

    // The number of a pre-printed form has eight digits, and no check code goes with it.
    let number = if form.electronic { bill.number.clone() } else { bill.number[2..].to_owned() };
    let issued = bill.issued.to_string();
    let printed = [
        ("票据代码", FieldName::BillCode, &bill.code),
        ("交款人统一社会信用代码", FieldName::PayerId, &bill.payer_id),
        ("交款人", FieldName::PayerName, &bill.payer),
        ("票据号码", FieldName::BillNumber, &number),
        ("校验码", FieldName::CheckCode, &bill.check),
        ("开票日期", FieldName::IssueDate, &issued),
    ];
    for ((span, y), (label, field, value)) in form.head.into_iter().zip(printed) {
        if form.electronic || field != FieldName::CheckCode {
            p.pair(span, y, label, value, &one(field, value));
        }
    }
    if let Some(corner) = form.code {
        let payload = bill.qr();
        if let Some(set) = p.canvas.code(corner.map(|v| v * S), 208.0 * S, &payload, &p.look.data) {
            p.ledger.place(Mark::Code, &payload, &set, set.bounds[3]);
        }
    }
}

fn frame(p: &mut Painter<'_>) {
    let form = p.look.form;
    let ([left, right], across) = (form.edges, form.across);
    for y in across {
        p.rule([left, *y], [right, *y]);
    }
    let (top, bottom) = (across[0], across[across.len() - 1]);
    if form.closed {
        for x in form.edges {
            p.rule([x, top], [x, bottom]);
        }
    }
    if let Some([_, x, top, bottom]) = form.side {
        p.rule([x, top], [x, bottom]);
    }
    if p.look.column_rules && form.closed {
        let edges: Vec<f64> = form.columns[1..4].iter().flat_map(|x| groups(form).map(move |g| x + g)).collect();
        let inner = groups(form).skip(1).map(|g| form.columns[0] + g);
        for x in edges.into_iter().chain(inner) {
            p.rule([x, top], [x, across[2]]);
        }
    }
    if let Some([left, right, top, _]) = form.side {
        let label = p.look.label;
        for (i, c) in ["其", "他", "信", "息"].iter().enumerate() {
            p.say(&label, [left, right], top + 92.0 + 56.0 * i as f64, 0.5, c);
        }
    }
}

/// How far right of the first group each one lies.
fn groups(form: &Form) -> impl Iterator<Item = f64> {
    let width = form.columns[4] - form.columns[0];
    (0..form.groups).map(move |i| i as f64 * width)
}

fn items(p: &mut Painter<'_>, bill: &Bill) {
    let (label, form) = (p.look.label, p.look.form);
    let columns = form.columns;
    let [head, first, height, most] = form.rows;
    for group in groups(form) {
        for (i, text) in ["项目名称", "数量/单位", "金额（元）", "备注"].iter().enumerate() {
            if columns[i + 1] > columns[i] {
                p.say(&label, [columns[i] + group, columns[i + 1] + group], head, 0.5, text);
            }
        }
    }
    let quantities = p.look.quantities && columns[2] > columns[1];
    let [dx, dy] = p.look.shift;
    let deep = bill.rows.len().div_ceil(form.groups);
    let step = (height / deep.max(4) as f64).min(most);
    for (i, row) in bill.rows.iter().enumerate() {
        let (line, group) = if p.look.down_first { (i % deep, i / deep) } else { (i / form.groups, i % form.groups) };
        let (x, y) = (group as f64 * (columns[4] - columns[0]) + dx, first + step * line as f64 + dy);
        let data = Painter::scaled(&p.look.data);
        let name = [(columns[0] + 14.0 + x) * S, (columns[1] - 8.0 + x) * S];
        let set = p.canvas.fit(&data, name, y * S, 0.0, &row.name);
        p.ledger.place(Mark::ItemName(i), &row.name, &set, y * S);
        if quantities {
            let text = format!("{}/{}", row.quantity, row.unit);
            let span = [(columns[1] + 8.0 + x) * S, (columns[2] - 8.0 + x) * S];
            let set = p.canvas.fit(&data, span, y * S, 0.5, &text);
            p.ledger.place(Mark::ItemQuantity(i), &text, &set, y * S);
        }
        let amount = row.amount.to_string();
        let span = [(columns[2] + 8.0 + x) * S, (columns[3] - 24.0 + x) * S];
        let set = p.canvas.fit(&data, span, y * S, 1.0, &amount);
        p.ledger.place(Mark::ItemAmount(i), &amount, &set, y * S);
        p.ledger.truth.items.push(TruthItem {
            name: row.name.clone(),
            quantity: quantities.then(|| row.quantity.to_string()),
            unit: quantities.then(|| row.unit.to_owned()),
            amount,
        });
    }
}

fn total(p: &mut Painter<'_>, bill: &Bill) {
    let label = p.look.label;
    let words = bill.words();
    let (y, [left, words_end, small, right]) = p.look.form.total;
    let end = p.say(&label, [left, left + 357.0], y, 0.0, "金额合计（大写）");
    p.value([end + 12.0, words_end], y, 0.0, &words, &one(FieldName::TotalInWords, &words));
    let end = p.say(&label, [small, small + 126.0], y, 0.0, "（小写）");
    let value = bill.total.to_string();
    let printed = format!("{}{value}", p.look.currency);
    p.value([end + 12.0, right], y, 0.0, &printed, &one(FieldName::Total, &value));
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
    let columns = match p.look.form.cells {
        0 if cells.len() <= 15 => dice.pick(&[3, 4]),
        0 => 4,
        n => n,
    };
    let [left, width, first, height] = p.look.form.other;
    let (width, lines) = (width / columns as f64, cells.len().div_ceil(columns));
    // The lowest line stays above the stamp, so that no amount lies under its ring.
    let step = (height / lines as f64).min(54.0);
    for (i, cell) in cells.iter().enumerate() {
        let x = left + width * (i % columns) as f64;
        let y = first + step * (i / columns) as f64;
        p.pair([x, x + width - 14.0], y, cell.label, &cell.text, &cell.fields);
    }
}

fn foot(p: &mut Painter<'_>, bill: &Bill) {
    let form = p.look.form;
    let printed = [
        ("收款单位（章）", FieldName::IssuerName, &bill.hospital),
        ("复核人", FieldName::Reviewer, &bill.reviewer),
        ("收款人", FieldName::Cashier, &bill.cashier),
    ];
    for ((span, y), (label, field, value)) in form.foot.into_iter().zip(printed) {
        p.pair(span, y, label, value, &one(field, value));
    }
    let note = Style { em: 17.0, ink: [150, 140, 125], weight: 0.0, face: Face::Hei };
    let right = form.edges[1];
    p.say(&note, [right - 685.0, right], form.page[1] - 20.0, 1.0, "样张 内容纯属虚构 不得作为凭证");
}

fn stamps(p: &mut Painter<'_>, bill: &Bill, dice: &mut Dice) {
    let mut at = |x: f64, y: f64| [(x + dice.real(-14.0, 14.0)) * S, (y + dice.real(-8.0, 8.0)) * S];
    let [top, beside, over] = p.look.form.stamps;
    let top = at(top[0], top[1]);
    let foot = if p.look.stamp_over_name { over } else { beside };
    let foot = at(foot[0], foot[1]);
    let opacity = dice.real(0.5, 0.7) as f32;
    let radii = |a: f64, b: f64| [a * S, b * S];
    p.canvas.stamp(&Stamp {
        centre: top,
        radii: radii(150.0, 100.0),
        arc: if p.look.form.electronic { "财政电子票据监制章" } else { "财政票据监制章" },
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
