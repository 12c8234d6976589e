//! Paints a VAT invoice: the electronic one without paper form (数电票), the older electronic one, and the older one
//! printed by needles on a pre-printed form.
//!
//! Lengths are in pixels of the flat picture.

use super::canvas::{Canvas, Set, Stamp, Style, smooth_noise};
use super::content::Invoice;
use super::dice::Dice;
use super::{Face, Fonts, Ledger, Mark, Specimen, TruthItem};
use crate::domain::{DocumentKind, FieldName as F};
use image::{Rgb, RgbImage};

/// Width and height: 210 × 140 mm.
const PAGE: [f64; 2] = [1760.0, 1173.0];
/// Left and right end of the form's rules.
const EDGES: [f64; 2] = [70.0, 1690.0];
/// Left edges of 项目名称, 规格型号, 单位, 数量, 单价, 金额, 税率, 税额, and the right edge of the last.
const COLUMNS: [f64; 9] = [70.0, 480.0, 690.0, 770.0, 880.0, 1040.0, 1240.0, 1390.0, 1690.0];

struct Painter<'f> {
    canvas: Canvas<'f>,
    ledger: Ledger,
    form: Style,
    data: Style,
    /// How far the printer was off the form.
    shift: [f64; 2],
}

impl Painter<'_> {
    fn say(&mut self, span: [f64; 2], y: f64, anchor: f64, text: &str) -> f64 {
        self.canvas.fit(&self.form, span, y, anchor, text).end
    }

    fn set(&mut self, [left, right]: [f64; 2], y: f64, anchor: f64, text: &str) -> (Set, f64) {
        let [dx, dy] = self.shift;
        (self.canvas.fit(&self.data, [left + dx, right + dx], y + dy, anchor, text), y + dy)
    }

    fn value(&mut self, span: [f64; 2], y: f64, anchor: f64, field: F, value: &str, text: &str) {
        let (set, y) = self.set(span, y, anchor, text);
        self.ledger.field(field, value, text, &set, y);
    }

    fn pair(&mut self, [left, right]: [f64; 2], y: f64, label: &str, field: F, value: &str) {
        let end = self.say([left, right], y, 0.0, label);
        self.value([end + 4.0, right], y, 0.0, field, value, value);
    }

    fn mark(&mut self, span: [f64; 2], y: f64, anchor: f64, mark: Mark, text: &str) {
        let (set, y) = self.set(span, y, anchor, text);
        self.ledger.place(mark, text, &set, y);
    }

    fn across(&mut self, y: f64) {
        self.canvas.rule([EDGES[0], y], [EDGES[1], y], 2.0, self.form.ink);
    }

    fn down(&mut self, x: f64, from: f64, to: f64) {
        self.canvas.rule([x, from], [x, to], 2.0, self.form.ink);
    }
}

/// Paints one invoice. Layouts: 0 数电票, 1 the older electronic one, 2 the older one on paper, needle-printed.
pub(super) fn paint(invoice: &Invoice, seed: u64, layout: u8, fonts: &Fonts) -> Specimen {
    let mut dice = Dice::new(seed, &format!("look of invoice {layout}"));
    let face = match layout {
        2 => Face::Needle,
        _ => dice.pick(&[Face::Song, Face::Song, Face::Hei, Face::MicroHei]),
    };
    let weight = |face| if matches!(face, Face::Song | Face::Kai) { 0.45 } else { 0.0 };
    let label = dice.pick(&[Face::Kai, Face::Song]);
    let ink = dice.pick(&[[128, 60, 30], [150, 84, 20], [116, 40, 44]]);
    let data = match layout {
        2 => [[30, 34, 80], [40, 40, 52]],
        _ => [[16, 16, 20], [30, 30, 40]],
    };
    let form = Style { face: label, em: 22.0, ink, weight: weight(label) };
    let data = Style { face, em: dice.real(21.5, 23.0) as f32, ink: dice.pick(&data), weight: weight(face) };
    let shift = if layout == 2 { [dice.real(0.0, 14.0), dice.real(-7.0, 7.0)] } else { [0.0; 2] };
    let absent = if invoice.codes.is_some() { &[][..] } else { &[F::InvoiceCode, F::CheckCode][..] };
    let paper = Rgb(dice.pick(&[[255, 255, 255], [253, 252, 247]]));
    let image = RgbImage::from_pixel(PAGE[0] as u32, PAGE[1] as u32, paper);
    let ledger = Ledger::new(DocumentKind::VatInvoice, face, absent);
    let mut p = Painter { canvas: Canvas::new(image, fonts), ledger, form, data, shift };
    p.canvas.stamp(&Stamp {
        centre: [880.0 + dice.real(-6.0, 6.0), 98.0],
        radii: [118.0, 78.0],
        arc: "全国统一发票监制章",
        lines: &["样张", "仅供测试"],
        lines_at: 0.12,
        opacity: dice.real(0.45, 0.6) as f32,
        seed: dice.bits(),
    });
    head(&mut p, invoice, layout);
    let foot = body(&mut p, invoice, layout);
    if layout > 0 {
        p.canvas.stamp(&Stamp {
            centre: [1500.0 + dice.real(-30.0, 30.0), foot + 20.0],
            radii: [120.0, 82.0],
            arc: &invoice.seller,
            lines: &["样张", "发票专用章"],
            lines_at: -0.1,
            opacity: dice.real(0.5, 0.65) as f32,
            seed: dice.bits(),
        });
    }
    let note = Style { face: Face::Hei, em: 16.0, ink: [150, 140, 125], weight: 0.0 };
    p.canvas.fit(&note, EDGES, PAGE[1] - 22.0, 1.0, "样张 内容纯属虚构 不得作为凭证");
    let Painter { canvas: Canvas { mut image, .. }, ledger, .. } = p;
    if layout == 2 {
        tired(&mut image, dice.bits());
    }
    ledger.finish(image)
}

/// A carbon copy: the print fades in broad patches.
fn tired(image: &mut RgbImage, seed: u64) {
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        // Blank paper stays as it is.
        if pixel.0[2] > 235 {
            continue;
        }
        let weak = 0.22 * smooth_noise(f64::from(x) / 210.0, f64::from(y) / 160.0, seed);
        for c in &mut pixel.0 {
            *c += (f64::from(255 - *c) * weak) as u8;
        }
    }
}

fn head(p: &mut Painter<'_>, invoice: &Invoice, layout: u8) {
    let bold = Style { em: 46.0, weight: 0.8, ..p.form };
    let title = match layout {
        0 => "电子发票（普通发票）".to_owned(),
        1 => format!("{}增值税电子普通发票", invoice.province),
        _ => format!("{}增值税普通发票", invoice.province),
    };
    p.canvas.fit(&bold, [430.0, 1270.0], 100.0, 0.5, &title);
    p.canvas.rule([540.0, 122.0], [1220.0, 122.0], 2.0, p.form.ink);
    p.canvas.rule([540.0, 129.0], [1220.0, 129.0], 2.0, p.form.ink);
    let payload = invoice.qr();
    if let Some(set) = p.canvas.code([222.0, 26.0], 150.0, &payload, &p.data) {
        p.ledger.place(Mark::Code, &payload, &set, set.bounds[3]);
    }
    let day = invoice.issued.strftime("%Y年%m月%d日").to_string();
    let right = [1300.0, 1690.0];
    let dated = |p: &mut Painter<'_>, y: f64| {
        let end = p.say(right, y, 0.0, "开票日期：");
        p.value([end + 4.0, right[1]], y, 0.0, F::IssueDate, &invoice.issued.to_string(), &day);
    };
    match (&invoice.codes, layout) {
        (Some([code, check]), 1) => {
            p.pair(right, 56.0, "发票代码：", F::InvoiceCode, code);
            p.pair(right, 94.0, "发票号码：", F::InvoiceNumber, &invoice.number);
            dated(p, 132.0);
            let end = p.say(right, 170.0, 0.0, "校 验 码：");
            p.value([end + 4.0, right[1]], 170.0, 0.0, F::CheckCode, check, &grouped(check));
        }
        (Some([code, check]), _) => {
            // Code and number are the form's own, printed large.
            let large = Style { face: Face::Mono, em: 38.0, ink: [70, 60, 60], weight: 0.0 };
            let set = p.canvas.fit(&large, [240.0, 540.0], 70.0, 0.0, code);
            p.ledger.field(F::InvoiceCode, code, code, &set, 70.0);
            p.say([240.0, 540.0], 112.0, 0.0, "第二联 发票联");
            let end = p.say([1300.0, 1400.0], 70.0, 0.0, "No");
            let set = p.canvas.fit(&large, [end + 12.0, 1690.0], 70.0, 0.0, &invoice.number);
            p.ledger.field(F::InvoiceNumber, &invoice.number, &invoice.number, &set, 70.0);
            dated(p, 132.0);
            let end = p.say([240.0, 700.0], 164.0, 0.0, "校验码");
            p.value([end + 8.0, 660.0], 164.0, 0.0, F::CheckCode, check, &grouped(check));
        }
        (None, _) => {
            p.pair([1230.0, 1690.0], 70.0, "发票号码：", F::InvoiceNumber, &invoice.number);
            let end = p.say([1230.0, 1690.0], 112.0, 0.0, "开票日期：");
            p.value([end + 4.0, 1690.0], 112.0, 0.0, F::IssueDate, &invoice.issued.to_string(), &day);
        }
    }
}

fn grouped(digits: &str) -> String {
    let chars: Vec<char> = digits.chars().collect();
    chars.chunks(5).map(|c| c.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// A party's box from `x`: its name upright at the left, name and tax number.
fn party(p: &mut Painter<'_>, [x, right]: [f64; 2], [top, bottom]: [f64; 2], who: &str, fields: [F; 2], is: [&str; 2]) {
    let count = who.chars().count() as f64;
    let step = (bottom - top - 8.0) / count;
    let small = Style { em: (step as f32).min(22.0), ..p.form };
    for (i, c) in who.chars().enumerate() {
        let y = top + step * (i as f64 + 0.5) + f64::from(small.em) * 0.42;
        p.canvas.fit(&small, [x + 6.0, x + 44.0], y, 0.5, &c.to_string());
    }
    p.down(x + 50.0, top, bottom);
    let (first, second) = (top + (bottom - top) * 0.36, top + (bottom - top) * 0.80);
    p.pair([x + 62.0, right - 10.0], first, "名称：", fields[0], is[0]);
    let label = "统一社会信用代码/纳税人识别号：";
    if is[1].is_empty() {
        p.say([x + 62.0, right - 10.0], second, 0.0, label);
        p.ledger.truth.fields.insert(fields[1], None);
    } else {
        p.pair([x + 62.0, right - 10.0], second, label, fields[1], is[1]);
    }
}

/// The framed part and the names under it; hands back where the names stand.
fn body(p: &mut Painter<'_>, invoice: &Invoice, layout: u8) -> f64 {
    let buyer = [invoice.buyer.as_str(), invoice.buyer_tax_id.as_deref().unwrap_or("")];
    let seller = [invoice.seller.as_str(), invoice.seller_tax_id.as_str()];
    p.ledger.truth.fields.insert(F::IssuerName, Some(invoice.seller.clone()));
    let (buys, sells) = ([F::BuyerName, F::BuyerTaxId], [F::SellerName, F::SellerTaxId]);
    let [top, table] = if layout == 0 { [186.0, 302.0] } else { [186.0, 316.0] };
    p.across(top);
    if layout == 0 {
        party(p, [EDGES[0], 880.0], [top, table], "购买方信息", buys, buyer);
        p.down(880.0, top, table);
        party(p, [880.0, EDGES[1]], [top, table], "销售方信息", sells, seller);
    } else {
        party(p, [EDGES[0], 1000.0], [top, table], "购买方", buys, buyer);
        p.down(1000.0, top, table);
        for (i, c) in "密码区".chars().enumerate() {
            p.say([1004.0, 1040.0], top + 38.0 + 36.0 * i as f64, 0.5, &c.to_string());
        }
        p.down(1044.0, top, table);
        let mut dice = Dice::new(invoice.total.0 as u64, "cipher");
        for i in 0..4 {
            let cipher: String = (0..28).map(|_| dice.pick(b"0123456789*/+-<>") as char).collect();
            p.set([1054.0, 1670.0], top + 30.0 + 29.0 * f64::from(i), 0.0, &cipher);
        }
    }
    p.across(table);
    let heads = ["项目名称", "规格型号", "单 位", "数 量", "单 价", "金 额", "税率", "税 额"];
    let heads = if layout == 0 {
        ["项目名称", "规格型号", "单位", "数量", "单价", "金额", "税率/征收率", "税额"]
    } else {
        heads
    };
    for (i, text) in heads.iter().enumerate() {
        p.say([COLUMNS[i] + 6.0, COLUMNS[i + 1] - 6.0], table + 32.0, 0.5, text);
    }
    let sum = if layout == 0 { 800.0 } else { 690.0 };
    let step = ((sum - table - 90.0) / invoice.goods.len() as f64).min(58.0);
    for (i, goods) in invoice.goods.iter().enumerate() {
        let y = table + 78.0 + step * i as f64;
        let at = |c: usize| [COLUMNS[c] + 8.0, COLUMNS[c + 1] - 8.0];
        p.mark(at(0), y, 0.0, Mark::ItemName(i), &goods.name);
        p.set(at(1), y, 0.0, goods.model);
        p.set(at(2), y, 0.5, goods.unit);
        p.mark(at(3), y, 1.0, Mark::ItemQuantity(i), &goods.quantity.to_string());
        p.mark(at(4), y, 1.0, Mark::ItemPrice(i), &goods.price.to_string());
        p.mark(at(5), y, 1.0, Mark::ItemAmount(i), &goods.net.to_string());
        p.set(at(6), y, 0.5, &format!("{}%", invoice.rate));
        p.mark(at(7), y, 1.0, Mark::ItemTax(i), &goods.tax.to_string());
        p.ledger.truth.items.push(TruthItem {
            name: goods.name.clone(),
            quantity: Some(goods.quantity.to_string()),
            unit: Some(goods.unit.to_owned()),
            amount: goods.net.to_string(),
        });
    }
    p.say([COLUMNS[0] + 120.0, COLUMNS[1]], sum + 32.0, 0.0, "合      计");
    let [net, tax] = [invoice.net, invoice.tax].map(|v| v.to_string());
    p.value([COLUMNS[5], COLUMNS[6] - 8.0], sum + 32.0, 1.0, F::AmountWithoutTax, &net, &format!("¥{net}"));
    p.value([COLUMNS[7], COLUMNS[8] - 8.0], sum + 32.0, 1.0, F::Tax, &tax, &format!("¥{tax}"));
    let words_top = sum + 48.0;
    if layout > 0 {
        COLUMNS[1..8].iter().for_each(|x| p.down(*x, table, words_top));
    }
    p.across(words_top);
    let y = words_top + 42.0;
    p.say([90.0, 470.0], y, 0.0, "价税合计（大写）");
    // The Chinese faces lack this sign.
    let cross = Style { face: Face::Sans, ..p.form };
    let end = p.canvas.fit(&cross, [490.0, 530.0], y, 0.0, "⊗").end;
    let words = invoice.words();
    p.value([end + 6.0, 1180.0], y, 0.0, F::TotalInWords, &words, &words);
    let end = p.say([1240.0, 1390.0], y, 0.0, "（小写）");
    let total = invoice.total.to_string();
    p.value([end + 6.0, 1670.0], y, 0.0, F::Total, &total, &format!("¥{total}"));
    let last = words_top + 64.0;
    p.across(last);
    p.down(480.0, words_top, last);
    let bottom = last + if layout == 0 { 110.0 } else { 130.0 };
    let from = if layout == 0 {
        EDGES[0]
    } else {
        party(p, [EDGES[0], 1000.0], [last, bottom], "销售方", sells, seller);
        p.down(1000.0, last, bottom);
        1000.0
    };
    for (i, c) in "备注".chars().enumerate() {
        p.say([from + 6.0, from + 44.0], last + 44.0 + 44.0 * i as f64, 0.5, &c.to_string());
    }
    p.down(from + 50.0, last, bottom);
    p.across(bottom);
    EDGES.iter().for_each(|x| p.down(*x, top, bottom));
    let y = bottom + 42.0;
    if layout == 0 {
        let end = p.say([120.0, 400.0], y, 0.0, "开票人：");
        p.set([end + 4.0, 500.0], y, 0.0, &invoice.issuer);
    } else {
        for (x, label, name) in [
            (90.0, "收款人：", &invoice.cashier),
            (450.0, "复核：", &invoice.reviewer),
            (800.0, "开票人：", &invoice.issuer),
        ] {
            let end = p.say([x, x + 140.0], y, 0.0, label);
            p.set([end + 4.0, x + 330.0], y, 0.0, name);
        }
        p.say([1180.0, 1400.0], y, 0.0, "销售方（章）");
    }
    y
}
