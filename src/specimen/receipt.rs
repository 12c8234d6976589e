//! Paints an English till receipt as a thermal printer would.

use super::canvas::{Canvas, Style, smooth_noise};
use super::content::{Receipt, Row};
use super::dice::Dice;
use super::{Face, Fonts, Ledger, Mark, Specimen, TruthItem};
use crate::domain::{DocumentKind, Fen, FieldName};
use image::{Rgb, RgbImage};

/// Width of the paper in pixels: 80 mm at about 9.5 dots a millimetre.
const WIDTH: u32 = 760;
/// Blank margin at either side, pixels.
const MARGIN: f64 = 46.0;

struct Printer<'f> {
    canvas: Canvas<'f>,
    ledger: Ledger,
    style: Style,
    /// Left and right end of the print.
    span: [f64; 2],
    /// Baseline of the last printed line.
    y: f64,
}

impl Printer<'_> {
    fn feed(&mut self, lines: f64) {
        self.y += f64::from(self.style.em) * 1.42 * lines;
    }

    fn line(&mut self, anchor: f64, text: &str) {
        self.feed(1.0);
        self.canvas.fit(&self.style, self.span, self.y, anchor, text);
    }

    fn dashes(&mut self) {
        self.repeated("-");
    }

    /// A line filled with one character.
    fn repeated(&mut self, c: &str) {
        let n = (self.span[1] - self.span[0]) / self.canvas.width(&self.style, c);
        self.line(0.0, &c.repeat(n as usize));
    }

    /// A label at the left and a noted amount at the right.
    fn amount(&mut self, style: &Style, label: &str, printed: &str, name: FieldName, amount: Fen) {
        self.y += f64::from(style.em) * 1.42;
        let end = self.canvas.fit(style, self.span, self.y, 0.0, label).end;
        let set = self.canvas.fit(style, [end + 10.0, self.span[1]], self.y, 1.0, printed);
        self.ledger.field(name, &amount.to_string(), printed, &set, self.y);
    }

    /// The shop's name and, as one value, its address.
    fn shop(&mut self, receipt: &Receipt, title: &Style, anchor: f64) {
        let set = self.canvas.fit(title, self.span, self.y, anchor, receipt.shop);
        self.ledger.field(FieldName::IssuerName, receipt.shop, receipt.shop, &set, self.y);
        self.feed(0.2);
        let mut address: Option<super::canvas::Set> = None;
        for line in receipt.address {
            self.feed(1.0);
            let mut set = self.canvas.fit(&self.style, self.span, self.y, anchor, line);
            if let Some(above) = address {
                let (a, b) = (above.bounds, set.bounds);
                set.bounds = [a[0].min(b[0]), a[1], a[2].max(b[2]), b[3]];
            }
            address = Some(set);
        }
        if let Some(set) = address {
            let text = receipt.address.join(" ");
            self.ledger.field(FieldName::IssuerAddress, &text, &text, &set, self.y);
        }
    }

    fn row(&mut self, i: usize, row: &Row, two_lines: bool) {
        let amount = row.amount.to_string();
        self.feed(1.0);
        let mut left = self.span[0];
        if two_lines {
            let set = self.canvas.fit(&self.style, self.span, self.y, 0.0, &row.name);
            self.ledger.place(Mark::ItemName(i), &row.name, &set, self.y);
            self.feed(1.0);
            let each = Fen(row.amount.0 / row.quantity);
            let text = format!("  {} x {each}", row.quantity);
            let set = self.canvas.fit(&self.style, self.span, self.y, 0.0, &text);
            self.ledger.place(Mark::ItemQuantity(i), &text, &set, self.y);
        } else {
            let quantity = format!("{:<3}", row.quantity);
            let set = self.canvas.fit(&self.style, self.span, self.y, 0.0, &quantity);
            self.ledger.place(Mark::ItemQuantity(i), &quantity, &set, self.y);
            left = set.end;
            let set = self.canvas.fit(&self.style, [left, self.span[1] - 130.0], self.y, 0.0, &row.name);
            self.ledger.place(Mark::ItemName(i), &row.name, &set, self.y);
        }
        let set = self.canvas.fit(&self.style, [left, self.span[1]], self.y, 1.0, &amount);
        self.ledger.place(Mark::ItemAmount(i), &amount, &set, self.y);
        self.item(row, amount);
    }

    fn item(&mut self, row: &Row, amount: String) {
        let quantity = Some(row.quantity.to_string());
        self.ledger.truth.items.push(TruthItem { name: row.name.clone(), quantity, unit: None, amount });
    }

    /// A row in columns; `quantity` and the name stand where they are told to.
    fn columns(&mut self, i: usize, row: &Row, quantity: &str, at: [[f64; 2]; 3], anchors: [f64; 2]) {
        let amount = row.amount.to_string();
        self.feed(1.0);
        let style = self.style;
        let set = self.canvas.fit(&style, at[0], self.y, 0.0, &row.name);
        self.ledger.place(Mark::ItemName(i), &row.name, &set, self.y);
        let set = self.canvas.fit(&style, at[1], self.y, anchors[0], quantity);
        self.ledger.place(Mark::ItemQuantity(i), quantity, &set, self.y);
        let set = self.canvas.fit(&style, at[2], self.y, anchors[1], &amount);
        self.ledger.place(Mark::ItemAmount(i), &amount, &set, self.y);
        self.item(row, amount);
    }
}

/// How the receipts after the first layout are set.
struct Slip {
    width: u32,
    margin: f64,
    face: Face,
    bold: Face,
    em: [f64; 2],
    inks: [[u8; 3]; 2],
    papers: [[u8; 3]; 2],
}

/// A receipt in one of the layouts from 1 on.
fn slip(receipt: &Receipt, seed: u64, layout: u8, fonts: &Fonts) -> Specimen {
    let mut dice = Dice::new(seed, &format!("receipt look {layout}"));
    let set = match layout {
        1 => Slip {
            width: 600,
            margin: 34.0,
            face: Face::Courier,
            bold: Face::CourierBold,
            em: [23.0, 25.0],
            inks: [[34, 32, 40], [62, 58, 70]],
            papers: [[250, 250, 250], [246, 246, 248]],
        },
        2 => {
            let face = dice.pick(&[Face::Narrow, Face::Sans, Face::Serif]);
            Slip {
                width: 1000,
                margin: 90.0,
                face,
                bold: face,
                em: [25.0, 28.0],
                inks: [[16, 16, 18], [34, 34, 38]],
                papers: [[255, 255, 255], [252, 251, 247]],
            }
        }
        _ => Slip {
            width: 720,
            margin: 44.0,
            face: Face::Needle,
            bold: Face::Needle,
            em: [26.0, 28.5],
            inks: [[58, 48, 110], [50, 50, 70]],
            papers: [[253, 251, 243], [250, 244, 240]],
        },
    };
    let em = dice.real(set.em[0], set.em[1]) as f32;
    let image = RgbImage::from_pixel(set.width, 2_600, Rgb(dice.pick(&set.papers)));
    let mut p = Printer {
        canvas: Canvas::new(image, fonts),
        ledger: Ledger::new(DocumentKind::TillReceipt, set.face, &[]),
        style: Style { face: set.face, em, ink: dice.pick(&set.inks), weight: 0.0 },
        span: [set.margin, f64::from(set.width) - set.margin],
        y: 40.0,
    };
    let plain = p.style;
    let bold = Style { face: set.bold, weight: if set.bold == set.face { 0.9 } else { 0.0 }, ..plain };
    let [left, right] = p.span;
    let wide = right - left;
    let title = Style { em: em * if layout == 2 { 1.5 } else { 1.25 }, ..bold };
    p.y += f64::from(em) * 1.8;
    let middle = if layout == 2 { 0.0 } else { 0.5 };
    p.shop(receipt, &title, middle);
    p.feed(0.6);
    p.slip_head(receipt, layout, &mut dice);

    // The rows, under heads where there are some.
    match layout {
        1 => {
            p.repeated("=");
            p.heads(&[("ITEM / QTY X PRICE", 0.0), ("AMOUNT", 1.0)]);
            p.repeated("=");
            receipt.rows.iter().enumerate().for_each(|(i, row)| p.row(i, row, true));
            p.repeated("=");
        }
        2 => {
            p.feed(0.3);
            p.ruled(2.4);
            p.heads(&[("Description", 0.0), ("Qty", 0.7), ("Amount", 1.0)]);
            p.y += 12.0;
            p.ruled(1.2);
            let at = [[left, left + wide * 0.6], [left + wide * 0.62, left + wide * 0.74], [right - 150.0, right]];
            for (i, row) in receipt.rows.iter().enumerate() {
                p.columns(i, row, &row.quantity.to_string(), at, [0.5, 1.0]);
            }
            p.y += 12.0;
            p.ruled(1.2);
        }
        _ => {
            p.feed(0.4);
            let at = [[left, left + wide * 0.62], [left + wide * 0.63, left + wide * 0.73], [right - 140.0, right]];
            for (i, row) in receipt.rows.iter().enumerate() {
                p.columns(i, row, &format!("x{}", row.quantity), at, [0.0, 1.0]);
            }
            p.repeated("_");
            p.feed(0.3);
        }
    }

    // The totals, in a block of their own width.
    p.span = match layout {
        1 => p.span,
        2 => [left + wide * 0.45, right],
        _ => [left + wide * 0.2, right],
    };
    let big = Style { em: em * 1.2, ..bold };
    // No dollars: beside them 07/09 would be read month first, and truly be ambiguous.
    let currency = dice.pick(&["", "RM ", "RM"]);
    let words = match layout {
        1 => ["SUB TOTAL", "GST 6%", "ROUNDING", "GRAND TOTAL", "CASH", "CHANGE"],
        2 => ["Subtotal", "Tax (6%)", "Rounding", "Total", "Cash", "Change"],
        _ => ["SUB-TOTAL", "TAX 6%", "ROUNDING ADJ", "TOTAL", "CASH", "CHANGE"],
    };
    let sums = [
        (FieldName::Subtotal, receipt.subtotal),
        (FieldName::Tax, receipt.tax),
        (FieldName::Rounding, receipt.rounding),
        (FieldName::Total, receipt.total),
        (FieldName::Cash, receipt.cash),
        (FieldName::Change, receipt.change),
    ];
    for (label, (name, amount)) in words.into_iter().zip(sums) {
        let total = name == FieldName::Total;
        if total && layout == 2 {
            p.y += 12.0;
            p.ruled(1.6);
        }
        let text = format!("{}{amount}", if total { currency } else { "" });
        p.amount(if total { &big } else { &plain }, label, &text, name, amount);
        if total && layout == 2 {
            p.y += 14.0;
            p.ruled(1.6);
        }
    }
    p.span = [left, right];
    if layout == 1 {
        p.feed(0.4);
        p.heads(&[("GST SUMMARY", 0.0), ("RATE", 1.0)]);
        p.heads(&[("SR = STANDARD RATED", 0.0), ("6%", 1.0)]);
        p.repeated("=");
    }
    p.feed(0.5);
    let thanks = match layout {
        2 => ["Goods sold are not returnable.", "Thank you for your visit.", "Please keep this receipt."],
        _ => ["*** THANK YOU ***", "THANK YOU. SEE YOU AGAIN", "GOODS SOLD ARE NOT RETURNABLE"],
    };
    p.line(middle, dice.pick(&thanks));
    p.line(middle, if layout == 2 { "Specimen - not a real receipt" } else { "SPECIMEN - NOT A REAL RECEIPT" });

    let height = (p.y + 70.0) as u32;
    let mut image = image::imageops::crop_imm(&p.canvas.image, 0, 0, set.width, height).to_image();
    if layout == 1 {
        fade(&mut image, dice.bits());
        band(&mut image, &mut dice);
    }
    p.ledger.finish(image)
}

impl Printer<'_> {
    fn ruled(&mut self, thickness: f64) {
        self.canvas.rule([self.span[0], self.y], [self.span[1], self.y], thickness, self.style.ink);
    }

    /// Heads of columns, each with how far right it is set.
    fn heads(&mut self, heads: &[(&str, f64)]) {
        self.feed(1.0);
        for (text, anchor) in heads {
            self.canvas.fit(&self.style, self.span, self.y, *anchor, text);
        }
    }

    /// Number, date, time and cashier.
    fn slip_head(&mut self, receipt: &Receipt, layout: u8, dice: &mut Dice) {
        let format = match layout {
            2 => dice.pick(&["%d %b %Y", "%Y-%m-%d", "%d/%m/%Y"]),
            _ => dice.pick(&["%d/%m/%Y", "%d-%m-%Y", "%Y-%m-%d"]),
        };
        let date = receipt.date.strftime(format).to_string().to_uppercase();
        let style = self.style;
        let dated = |p: &mut Self, label: &str, anchor: f64| {
            let wide = p.canvas.width(&style, label) + p.canvas.width(&style, &date);
            let x = p.span[0] + (p.span[1] - p.span[0] - wide) * anchor;
            let end = p.canvas.fit(&style, [x, p.span[1]], p.y, 0.0, label).end;
            let set = p.canvas.fit(&style, [end, p.span[1] + 1.0], p.y, 0.0, &date);
            p.ledger.field(FieldName::IssueDate, &receipt.date.to_string(), &date, &set, p.y);
        };
        match layout {
            1 => {
                self.line(0.5, "TAX INVOICE");
                self.feed(0.3);
                self.line(0.0, &format!("INVOICE NO : {}", receipt.number));
                self.feed(1.0);
                dated(self, "DATE       : ", 0.0);
                self.line(0.0, &format!("TIME       : {}", receipt.time));
                self.line(0.0, &format!("CASHIER    : {:02}", dice.between(1, 9)));
            }
            2 => {
                self.feed(1.0);
                self.canvas.fit(&style, self.span, self.y, 0.0, &format!("Receipt No. {}", receipt.number));
                dated(self, "Date: ", 1.0);
                self.line(0.0, &format!("Cashier {:02}", dice.between(1, 9)));
            }
            _ => {
                self.repeated("*");
                self.feed(1.0);
                dated(self, "", 0.0);
                self.canvas.fit(&style, self.span, self.y, 1.0, &receipt.time);
                self.line(0.0, &format!("RECEIPT {}  CASHIER {:02}", receipt.number, dice.between(1, 9)));
                self.repeated("*");
            }
        }
    }
}

/// Bands of weak heating across a thermal print, and one or two dead dots down it.
fn band(image: &mut RgbImage, dice: &mut Dice) {
    let (period, depth, phase) = (dice.real(24.0, 70.0), dice.real(0.05, 0.22), dice.real(0.0, 6.0));
    let dead: Vec<u32> =
        (0..dice.between(0, 2)).map(|_| dice.between(40, i64::from(image.width()) - 40) as u32).collect();
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let wave = (0.5 + 0.5 * (f64::from(y) * std::f64::consts::TAU / period + phase).sin()).powi(3) * depth;
        let weak = if dead.contains(&x) { 0.85 } else { wave };
        for c in &mut pixel.0 {
            *c += (f64::from(250_u8.saturating_sub(*c)) * weak) as u8;
        }
    }
}

/// Paints one receipt. Layouts: 0 80 mm thermal paper, 1 the same narrower and with a block of tax, 2 a laser print,
/// 3 two-coloured journal paper from a needle printer.
pub(super) fn paint(receipt: &Receipt, seed: u64, layout: u8, fonts: &Fonts) -> Specimen {
    if layout > 0 { slip(receipt, seed, layout, fonts) } else { thermal(receipt, seed, fonts) }
}

fn thermal(receipt: &Receipt, seed: u64, fonts: &Fonts) -> Specimen {
    let mut dice = Dice::new(seed, "receipt look");
    let two_lines = dice.chance(0.5);
    let currency = dice.pick(&["", "", "RM "]);
    let em = dice.real(26.0, 29.0) as f32;
    let ink = dice.pick(&[[30, 30, 36], [52, 50, 58]]);
    let paper = Rgb(dice.pick(&[[250, 250, 250], [248, 247, 242]]));
    // Far more than the longest receipt needs; cut below.
    let image = RgbImage::from_pixel(WIDTH, 2_600, paper);
    let mut p = Printer {
        canvas: Canvas::new(image, fonts),
        ledger: Ledger::new(DocumentKind::TillReceipt, Face::Mono, &[]),
        style: Style { face: Face::Mono, em, ink, weight: 0.0 },
        span: [MARGIN, f64::from(WIDTH) - MARGIN],
        y: 40.0,
    };
    let bold = Style { face: Face::MonoBold, ..p.style };

    p.y += f64::from(em) * 1.8;
    let title = Style { em: em * 1.35, ..bold };
    p.shop(receipt, &title, 0.5);
    p.feed(0.5);
    p.line(0.5, dice.pick(&["RECEIPT", "CASH RECEIPT", "TAX INVOICE"]));
    p.feed(0.3);
    p.line(0.0, &format!("{} {}", dice.pick(&["RECEIPT NO:", "INV NO:", "BILL NO :"]), receipt.number));
    p.feed(1.0);
    let format = dice.pick(&["%d/%m/%Y", "%d/%m/%Y", "%d-%m-%Y", "%d %b %Y"]);
    let date = receipt.date.strftime(format).to_string().to_uppercase();
    let end = p.canvas.fit(&p.style, p.span, p.y, 0.0, dice.pick(&["DATE: ", "DATE : ", ""])).end;
    let set = p.canvas.fit(&p.style, [end, p.span[1]], p.y, 0.0, &date);
    p.ledger.field(FieldName::IssueDate, &receipt.date.to_string(), &date, &set, p.y);
    p.canvas.fit(&p.style, p.span, p.y, 1.0, &receipt.time);
    p.line(0.0, &format!("CASHIER: {:02}", dice.between(1, 9)));
    p.dashes();
    for (i, row) in receipt.rows.iter().enumerate() {
        p.row(i, row, two_lines);
    }
    p.dashes();

    let plain = p.style;
    let subtotal = dice.pick(&["SUBTOTAL", "SUB-TOTAL", "SUB TOTAL"]);
    p.amount(&plain, subtotal, &receipt.subtotal.to_string(), FieldName::Subtotal, receipt.subtotal);
    let tax = dice.pick(&["TAX 6%", "SST 6%", "SALES TAX 6%"]);
    p.amount(&plain, tax, &receipt.tax.to_string(), FieldName::Tax, receipt.tax);
    let rounding = dice.pick(&["ROUNDING", "ROUNDING ADJ"]);
    p.amount(&plain, rounding, &receipt.rounding.to_string(), FieldName::Rounding, receipt.rounding);
    let big = Style { em: em * 1.3, ..bold };
    p.amount(&big, "TOTAL", &format!("{currency}{}", receipt.total), FieldName::Total, receipt.total);
    p.amount(&plain, "CASH", &receipt.cash.to_string(), FieldName::Cash, receipt.cash);
    p.amount(&plain, "CHANGE", &receipt.change.to_string(), FieldName::Change, receipt.change);
    p.dashes();
    p.line(0.5, dice.pick(&["THANK YOU, PLEASE COME AGAIN", "THANK YOU FOR SHOPPING", "HAVE A NICE DAY"]));
    p.line(0.5, "SPECIMEN - NOT A REAL RECEIPT");

    let height = (p.y + 70.0) as u32;
    let mut image = image::imageops::crop_imm(&p.canvas.image, 0, 0, WIDTH, height).to_image();
    fade(&mut image, dice.bits());
    p.ledger.finish(image)
}

/// Thermal print: some dot rows and columns print weaker than others.
fn fade(image: &mut RgbImage, seed: u64) {
    let columns: Vec<f64> = (0..image.width()).map(|x| smooth_noise(f64::from(x) / 23.0, 0.0, seed ^ 1)).collect();
    for (y, row) in image.enumerate_rows_mut() {
        let weak = smooth_noise(0.0, f64::from(y) / 7.0, seed);
        for (x, _, pixel) in row {
            let strength = 1.0 - 0.16 * weak - 0.12 * columns[x as usize];
            for c in &mut pixel.0 {
                *c = 250_u8.saturating_sub((f64::from(250_u8.saturating_sub(*c)) * strength) as u8).max((*c).min(250));
            }
        }
    }
}
