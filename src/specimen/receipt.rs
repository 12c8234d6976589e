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
    /// Baseline of the last printed line.
    y: f64,
}

impl Printer<'_> {
    const SPAN: [f64; 2] = [MARGIN, WIDTH as f64 - MARGIN];

    fn feed(&mut self, lines: f64) {
        self.y += f64::from(self.style.em) * 1.42 * lines;
    }

    fn line(&mut self, anchor: f64, text: &str) {
        self.feed(1.0);
        self.canvas.fit(&self.style, Self::SPAN, self.y, anchor, text);
    }

    fn dashes(&mut self) {
        let n = (Self::SPAN[1] - Self::SPAN[0]) / self.canvas.width(&self.style, "-");
        self.line(0.0, &"-".repeat(n as usize));
    }

    /// A label at the left and a noted amount at the right.
    fn amount(&mut self, style: &Style, label: &str, printed: &str, name: FieldName, amount: Fen) {
        self.y += f64::from(style.em) * 1.42;
        let end = self.canvas.fit(style, Self::SPAN, self.y, 0.0, label).end;
        let set = self.canvas.fit(style, [end + 10.0, Self::SPAN[1]], self.y, 1.0, printed);
        self.ledger.field(name, &amount.to_string(), printed, &set, self.y);
    }

    fn row(&mut self, i: usize, row: &Row, two_lines: bool) {
        let amount = row.amount.to_string();
        self.feed(1.0);
        let mut left = Self::SPAN[0];
        if two_lines {
            let set = self.canvas.fit(&self.style, Self::SPAN, self.y, 0.0, &row.name);
            self.ledger.place(Mark::ItemName(i), &row.name, &set, self.y);
            self.feed(1.0);
            let each = Fen(row.amount.0 / row.quantity);
            let text = format!("  {} x {each}", row.quantity);
            let set = self.canvas.fit(&self.style, Self::SPAN, self.y, 0.0, &text);
            self.ledger.place(Mark::ItemQuantity(i), &text, &set, self.y);
        } else {
            let quantity = format!("{:<3}", row.quantity);
            let set = self.canvas.fit(&self.style, Self::SPAN, self.y, 0.0, &quantity);
            self.ledger.place(Mark::ItemQuantity(i), &quantity, &set, self.y);
            left = set.end;
            let set = self.canvas.fit(&self.style, [left, Self::SPAN[1] - 130.0], self.y, 0.0, &row.name);
            self.ledger.place(Mark::ItemName(i), &row.name, &set, self.y);
        }
        let set = self.canvas.fit(&self.style, [left, Self::SPAN[1]], self.y, 1.0, &amount);
        self.ledger.place(Mark::ItemAmount(i), &amount, &set, self.y);
        let quantity = Some(row.quantity.to_string());
        self.ledger.truth.items.push(TruthItem { name: row.name.clone(), quantity, unit: None, amount });
    }
}

/// Paints one receipt.
pub(super) fn paint(receipt: &Receipt, seed: u64, fonts: &Fonts) -> Specimen {
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
        ledger: Ledger::new(DocumentKind::TillReceipt, &[]),
        style: Style { face: Face::Mono, em, ink, weight: 0.0 },
        y: 40.0,
    };
    let bold = Style { face: Face::MonoBold, ..p.style };

    p.y += f64::from(em) * 1.8;
    let title = Style { em: em * 1.35, ..bold };
    let set = p.canvas.fit(&title, Printer::SPAN, p.y, 0.5, receipt.shop);
    p.ledger.field(FieldName::IssuerName, receipt.shop, receipt.shop, &set, p.y);
    p.feed(0.2);
    let mut address: Option<super::canvas::Set> = None;
    for line in receipt.address {
        p.feed(1.0);
        let mut set = p.canvas.fit(&p.style, Printer::SPAN, p.y, 0.5, line);
        if let Some(above) = address {
            let (a, b) = (above.bounds, set.bounds);
            set.bounds = [a[0].min(b[0]), a[1], a[2].max(b[2]), b[3]];
        }
        address = Some(set);
    }
    if let Some(set) = address {
        let text = receipt.address.join(" ");
        p.ledger.field(FieldName::IssuerAddress, &text, &text, &set, p.y);
    }
    p.feed(0.5);
    p.line(0.5, dice.pick(&["RECEIPT", "CASH RECEIPT", "TAX INVOICE"]));
    p.feed(0.3);
    p.line(0.0, &format!("{} {}", dice.pick(&["RECEIPT NO:", "INV NO:", "BILL NO :"]), receipt.number));
    p.feed(1.0);
    let format = dice.pick(&["%d/%m/%Y", "%d/%m/%Y", "%d-%m-%Y", "%d %b %Y"]);
    let date = receipt.date.strftime(format).to_string().to_uppercase();
    let end = p.canvas.fit(&p.style, Printer::SPAN, p.y, 0.0, dice.pick(&["DATE: ", "DATE : ", ""])).end;
    let set = p.canvas.fit(&p.style, [end, Printer::SPAN[1]], p.y, 0.0, &date);
    p.ledger.field(FieldName::IssueDate, &receipt.date.to_string(), &date, &set, p.y);
    p.canvas.fit(&p.style, Printer::SPAN, p.y, 1.0, &receipt.time);
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
