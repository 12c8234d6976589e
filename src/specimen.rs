//! The lab: labelled synthetic documents. Paint one flat, photograph it as a phone would, forge it.
//!
//! `bill`, `receipt`, `invoice`, `list` and `discharge` paint; `wear` and `photograph` make a photo of it; `camera` saves it; `attack` edits the saved
//! photo's pixels with the acts of `retouch`, after `revise` said what must be printed; `chain` is what befalls the
//! file; `lab` does all of this for one [`Order`], and many orders on all cores. `forge` is the older attack, done to
//! the flat picture before it is photographed.
//!
//! Off the service's path: nothing that reads or decides uses it. Everything is drawn from a seed; the same seed,
//! fonts and build give the same bytes. Contents are made up and say so, bills carry the words 样张 (specimen), and
//! no payload names a registered bill. Not promised: that a specimen looks like any one province's print, or that a
//! forgery is hard to find.
//!
//! Coordinates are pixels of the specimen's own picture, which is the one to upload; hence the space [`Upload`].

mod attack;
mod bill;
mod camera;
mod canvas;
mod chain;
mod content;
mod dice;
mod discharge;
mod fonts;
mod forge;
mod invoice;
mod lab;
mod list;
mod photograph;
mod receipt;
mod retouch;
mod revise;
mod samples;
mod sheet;
mod wear;

pub use attack::{Attack, Tool};
pub use camera::{MAKERS, Maker};
pub use canvas::Style;
pub use chain::{Chain, Picture};
pub use fonts::{Face, FontError, Fonts};
pub use forge::{forge, forge_field};
pub use lab::{Order, Take, develop, develop_all};
pub use photograph::{CameraParams, Curl, CurlAxis, Pose, View, photograph};
pub use samples::{write_picture, write_samples};
pub use sheet::write_sheet;

use crate::domain::{DocumentKind, FieldName, Homography, Quad, Upload};
use canvas::Bounds;
use dice::Dice;
use image::RgbImage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization;

/// What can be painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecimenKind {
    /// 医疗门诊收费票据（电子）.
    OutpatientBill,
    /// 医疗住院收费票据（电子）.
    InpatientBill,
    /// An English till receipt.
    TillReceipt,
    /// 增值税发票, electronic or on paper.
    VatInvoice,
    /// 费用清单.
    ExpenseList,
    /// 出院记录, 出院小结, 诊断证明书. Prints no amounts.
    DischargeRecord,
}

impl SpecimenKind {
    /// All of them.
    pub const ALL: [SpecimenKind; 6] = [
        Self::OutpatientBill,
        Self::InpatientBill,
        Self::TillReceipt,
        Self::VatInvoice,
        Self::ExpenseList,
        Self::DischargeRecord,
    ];

    /// The name used for folders and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutpatientBill => "outpatient_bill",
            Self::InpatientBill => "inpatient_bill",
            Self::TillReceipt => "till_receipt",
            Self::VatInvoice => "vat_invoice",
            Self::ExpenseList => "expense_list",
            Self::DischargeRecord => "discharge_record",
        }
    }

    /// How many layouts it has; they are counted from 0.
    pub fn layouts(self) -> u8 {
        match self {
            Self::OutpatientBill | Self::InpatientBill | Self::TillReceipt => 4,
            Self::VatInvoice | Self::ExpenseList | Self::DischargeRecord => 3,
        }
    }

    /// The seed's choice of a layout.
    pub fn layout(self, seed: u64) -> u8 {
        Dice::new(seed, &format!("layout of {}", self.as_str())).between(0, i64::from(self.layouts()) - 1) as u8
    }

    /// Whether a QR code is printed in this layout.
    pub fn has_code(self, layout: u8) -> bool {
        match self {
            Self::OutpatientBill | Self::InpatientBill => bill::has_code(layout),
            Self::VatInvoice => true,
            Self::TillReceipt | Self::ExpenseList | Self::DischargeRecord => false,
        }
    }

    /// Whether amounts are printed on it.
    pub fn has_amounts(self) -> bool {
        self != Self::DischargeRecord
    }

    /// The kind of document it shows.
    pub fn document_kind(self) -> DocumentKind {
        match self {
            Self::OutpatientBill => DocumentKind::MedicalOutpatientBill,
            Self::InpatientBill => DocumentKind::MedicalInpatientBill,
            Self::TillReceipt => DocumentKind::TillReceipt,
            Self::VatInvoice => DocumentKind::VatInvoice,
            Self::ExpenseList => DocumentKind::ExpenseList,
            Self::DischargeRecord => DocumentKind::DischargeRecord,
        }
    }
}

/// What to paint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaintSpec {
    /// Which document.
    pub kind: SpecimenKind,
    /// Decides content and type.
    pub seed: u64,
    /// Which of the kind's layouts; those beyond [`SpecimenKind::layouts`] are the last.
    pub layout: u8,
}

impl PaintSpec {
    /// The kind's first layout, which is that of `samples/`.
    pub fn first(kind: SpecimenKind, seed: u64) -> Self {
        Self { kind, seed, layout: 0 }
    }
}

/// One row of the truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthItem {
    /// As printed.
    pub name: String,
    /// As printed, if printed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quantity: Option<String>,
    /// As printed, if printed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
    /// Decimal string with two digits.
    pub amount: String,
}

/// What is true of a picture, in the contract's form of truth files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// What the page is.
    pub kind: DocumentKind,
    /// What is printed, after any alteration; `None` for a field of this kind that is not on the paper.
    pub fields: BTreeMap<FieldName, Option<String>>,
    /// The rows, in the order of the national list or of the receipt.
    pub items: Vec<TruthItem>,
    /// Which layout of its kind it is set in.
    #[serde(default)]
    pub layout: u8,
    /// The face its values are set in: the name of a [`Face`].
    #[serde(default)]
    pub font: String,
    /// Whether nothing was altered.
    pub genuine: bool,
    /// Where it was altered, corners in pixels of the picture.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub altered: Vec<[[f64; 2]; 4]>,
    /// How it was altered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attack: Option<String>,
    /// What drew the alteration: the name of a [`Tool`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tool: Option<String>,
    /// How careful the hand was: 0 flat and crooked, 1 warped, shaded, blurred and grained as the photo is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub care: Option<f64>,
    /// What befell the file: the name of a [`Chain`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chain: Option<String>,
    /// The picture is of a picture of the paper: `screenshot`, `screen_photo` or `reprint`. The content may be genuine.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recapture: Option<String>,
    /// Which of [`MAKERS`] made the camera, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub camera: Option<usize>,
    /// How often the file was saved as JPEG, the camera's own save included.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub saves: Option<u8>,
    /// The stem of the specimen that shows the same sheet of paper.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub same_as: Option<String>,
    /// Corners of the sheet in a photo, clockwise from its own top left, pixels.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub corners: Option<[[f64; 2]; 4]>,
    /// Always `specimen`.
    pub source: String,
}

/// What a printed text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The value of a field.
    Field(FieldName),
    /// The name of a row, counted from 0 as in [`Truth::items`].
    ItemName(usize),
    /// How many of what a row has, and their price where that is printed with it, counted likewise.
    ItemQuantity(usize),
    /// The price of one of a row, counted likewise.
    ItemPrice(usize),
    /// The amount of a row, counted likewise.
    ItemAmount(usize),
    /// The tax on a row, counted likewise.
    ItemTax(usize),
    /// The QR code; its text is the payload.
    Code,
}

impl Mark {
    /// The row it belongs to.
    pub fn row(mut self) -> Option<usize> {
        self.row_mut().copied()
    }

    fn row_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::ItemName(i) | Self::ItemQuantity(i) | Self::ItemPrice(i) | Self::ItemAmount(i) | Self::ItemTax(i) => {
                Some(i)
            }
            Self::Field(_) | Self::Code => None,
        }
    }
}

/// Where a value is printed.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// What it is.
    pub mark: Mark,
    /// As printed.
    pub text: String,
    /// The box around its ink.
    pub quad: Quad<Upload>,
    /// How it was set on the flat picture; sizes are in flat pixels even on a photo.
    pub style: Style,
    /// Where its baseline starts on the flat picture.
    pub origin: [f64; 2],
}

/// A picture and what is true of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Specimen {
    /// The pixels.
    pub image: RgbImage,
    /// What is true.
    pub truth: Truth,
    /// Where the values are.
    pub places: Vec<Place>,
    /// Leads from the flat picture to this one; `None` for a picture of a picture of a bent sheet.
    pub view: Option<View>,
}

/// Paints a document flat, as a renderer or a scanner would give it.
pub fn paint(spec: &PaintSpec, fonts: &Fonts) -> Specimen {
    let seed = spec.seed;
    let layout = spec.layout.min(spec.kind.layouts() - 1);
    let kind = spec.kind.document_kind();
    let mut specimen = match spec.kind {
        SpecimenKind::TillReceipt => receipt::paint(&content::receipt(seed), seed, layout, fonts),
        SpecimenKind::VatInvoice => invoice::paint(&content::invoice(seed, layout > 0), seed, layout, fonts),
        SpecimenKind::ExpenseList => list::paint(&content::list(seed), seed, layout, fonts),
        SpecimenKind::DischargeRecord => discharge::paint(&content::discharge(seed), seed, layout, fonts),
        SpecimenKind::OutpatientBill | SpecimenKind::InpatientBill => {
            bill::paint(kind, &content::bill(kind, seed), seed, layout, fonts)
        }
    };
    specimen.truth.layout = layout;
    specimen
}

/// Keeps what is printed while it is printed, so that the truth cannot differ from the paper.
struct Ledger {
    truth: Truth,
    places: Vec<Place>,
}

impl Ledger {
    fn new(kind: DocumentKind, font: Face, absent: &[FieldName]) -> Self {
        let truth = Truth {
            kind,
            fields: absent.iter().map(|f| (*f, None)).collect(),
            items: Vec::new(),
            layout: 0,
            font: font.as_str().to_owned(),
            genuine: true,
            altered: Vec::new(),
            corners: None,
            attack: None,
            tool: None,
            care: None,
            chain: None,
            recapture: None,
            camera: None,
            saves: None,
            same_as: None,
            source: "specimen".to_owned(),
        };
        Self { truth, places: Vec::new() }
    }

    /// Notes that `text` was printed and what it says; the value is kept in NFKC.
    fn field(&mut self, name: FieldName, value: &str, text: &str, set: &canvas::Set, baseline: f64) {
        self.truth.fields.insert(name, Some(value.nfkc().collect()));
        self.place(Mark::Field(name), text, set, baseline);
    }

    fn place(&mut self, mark: Mark, text: &str, set: &canvas::Set, baseline: f64) {
        let [left, top, right, bottom]: Bounds = set.bounds;
        self.places.push(Place {
            mark,
            text: text.to_owned(),
            quad: Quad::rect(left, top, right, bottom),
            style: set.style,
            origin: [set.start, baseline],
        });
    }

    fn finish(self, image: RgbImage) -> Specimen {
        Specimen { image, truth: self.truth, places: self.places, view: Some(View::Flat(Homography::identity())) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::Fen;
    use crate::domain::identifier::crc16_umts;

    /// Every layout of every kind.
    pub(super) fn every_layout(seed: u64) -> impl Iterator<Item = PaintSpec> {
        let of = move |kind: SpecimenKind| (0..kind.layouts()).map(move |layout| PaintSpec { kind, seed, layout });
        SpecimenKind::ALL.into_iter().flat_map(of)
    }

    /// The fonts, or `None` with a word on stderr where they are not installed.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    pub(super) fn fonts() -> Option<Fonts> {
        Fonts::find(None).inspect_err(|e| eprintln!("painting is not tested here: {e}")).ok()
    }

    fn inside(s: &Specimen) {
        let (w, h) = (f64::from(s.image.width()), f64::from(s.image.height()));
        for [x, y] in s.places.iter().flat_map(|p| p.quad.to_px()).chain(s.truth.altered.iter().flatten().copied()) {
            assert!((0.0..=w).contains(&x) && (0.0..=h).contains(&y), "{x},{y} outside {w}x{h}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_picture_and_every_place_is_inside() {
        let Some(fonts) = fonts() else { return };
        for spec in every_layout(11) {
            let kind = spec.kind;
            let flat = paint(&spec, &fonts);
            assert!(flat == paint(&spec, &fonts), "{kind:?} differs from itself");
            let forged = forge(&flat, 3, &fonts);
            let photo = photograph(&forged, 5, &CameraParams::default());
            assert!(photo == photograph(&forge(&flat, 3, &fonts), 5, &CameraParams::default()));
            inside(&flat);
            inside(&forged);
            inside(&photo);
            assert!(flat.truth.genuine && flat.truth.altered.is_empty());
            let forged = usize::from(kind.has_amounts());
            assert_eq!((photo.truth.genuine, photo.truth.altered.len()), (forged == 0, forged));
        }
    }

    #[test]
    fn what_is_printed_says_what_is_true() {
        let Some(fonts) = fonts() else { return };
        for seed in 0..6 {
            for spec in every_layout(seed) {
                let (kind, s) = (spec.kind, paint(&spec, &fonts));
                assert_eq!(s.truth.layout, spec.layout);
                let field = |f: FieldName| s.truth.fields[&f].as_deref().unwrap();
                let items: i64 = s.truth.items.iter().map(|i| Fen::parse(&i.amount).unwrap().0).sum();
                let base = match kind {
                    SpecimenKind::TillReceipt => FieldName::Subtotal,
                    SpecimenKind::VatInvoice => FieldName::AmountWithoutTax,
                    _ => FieldName::Total,
                };
                if kind.has_amounts() {
                    assert_eq!(items, Fen::parse(field(base)).unwrap().0);
                } else {
                    let day = |f| field(f).parse::<jiff::civil::Date>().unwrap();
                    let stay = day(FieldName::DischargeDate) - day(FieldName::AdmissionDate);
                    assert_eq!(stay.get_days().to_string(), field(FieldName::StayDays));
                }
                for p in &s.places {
                    if let Mark::Field(f) = p.mark {
                        assert!(s.truth.fields[&f].is_some(), "{f} is printed but not in the truth");
                    }
                }
                let json = serde_json::to_value(&s.truth).unwrap();
                assert_eq!(json["source"], "specimen");
                assert_eq!(json["genuine"], true);
                assert!(json.get("altered").is_none() && json["fields"]["issue_date"].is_string());
            }
        }
    }

    #[test]
    fn the_code_says_what_is_printed() {
        let Some(fonts) = fonts() else { return };
        for seed in 0..3 {
            for spec in every_layout(seed).filter(|s| s.kind.has_code(s.layout)) {
                let flat = paint(&spec, &fonts);
                let photo = photograph(&flat, seed, &CameraParams::default());
                // The bare decoder finds the large code on a photo; the small ones only once the page is rectified.
                for picture in std::iter::once(&flat.image).chain((spec.layout == 0).then_some(&photo.image)) {
                    let mut grey = rqrr::PreparedImage::prepare_from_greyscale(
                        picture.width() as usize,
                        picture.height() as usize,
                        |x, y| picture.get_pixel(x as u32, y as u32).0[1],
                    );
                    let payloads: Vec<_> =
                        grey.detect_grids().iter().filter_map(|g| g.decode().ok()).map(|(_, text)| text).collect();
                    let field = |name| flat.truth.fields[&name].clone().unwrap();
                    let day = field(FieldName::IssueDate).replace('-', "");
                    assert_eq!(payloads.len(), 1, "{spec:?}");
                    let has = |part: &str| assert!(payloads[0].contains(part), "{spec:?}: {payloads:?} lacks {part}");
                    if spec.kind == SpecimenKind::VatInvoice {
                        has(&format!(",{},", field(FieldName::InvoiceNumber)));
                        has(&format!(",{day},"));
                        let (before, crc) = payloads[0].rsplit_once(',').unwrap();
                        let sums = [before.to_owned(), format!("{before},")].map(|t| crc16_umts(t.as_bytes()));
                        assert!(sums.map(|s| format!("{s:04X}")).contains(&crc.to_owned()), "{payloads:?}");
                    } else {
                        let parts = [FieldName::BillCode, FieldName::BillNumber, FieldName::CheckCode].map(field);
                        has(&format!("{},{day},{}", parts.join(","), field(FieldName::Total)));
                    }
                }
            }
        }
    }

    #[test]
    fn values_of_one_paper_do_not_overlap() {
        let Some(fonts) = fonts() else { return };
        for seed in 0..12 {
            for spec in every_layout(seed) {
                let s = paint(&spec, &fonts);
                for (i, a) in s.places.iter().enumerate() {
                    for b in &s.places[i + 1..] {
                        let (p, q) = (a.quad.bounds(), b.quad.bounds());
                        let apart = p.2 <= q.0 || q.2 <= p.0 || p.3 <= q.1 || q.3 <= p.1;
                        assert!(apart, "{spec:?}: {:?} and {:?} overlap", a.text, b.text);
                    }
                }
            }
        }
    }
}
