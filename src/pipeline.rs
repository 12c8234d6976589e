//! Read and judge: the only file that knows the order of the floors.
//!
//! [`Reader::read`] turns bytes into a [`Reading`]; [`judge`] turns evidence into a [`Verdict`]. Between them stands
//! whoever looks up facts. Floats end in `read`: everything a reading holds is an integer, a decimal or text.

mod heatmap;
mod overlay;

use crate::decision::Policy;
use crate::domain::document::ValueType;
use crate::domain::document::doubt;
use crate::domain::evidence::ReadLine;
use crate::domain::identifier::alike_faces;
use crate::domain::pixels::PixelEvidence;
use crate::domain::result::Timing;
use crate::domain::risk::{DocumentRisk, Risk};
use crate::domain::text::{Bp, Line};
use crate::domain::{
    ContentHash, DocumentKind, Evidence, Field, FieldName, Finding, FixedHomography, Item, Page, QrCode, Quad, Reading,
    RetakeAdvice, Upload, Verdict,
};
use crate::extract::{self, Extraction, Found, parse};
use crate::forensics::{self, Model, ModelFailed, Original, Print};
use crate::models::{Calibration, Certificate, Manifest, ManifestError, RiskModel};
use crate::ocr::lanes::{Lanes, spread};
use crate::ocr::ppocr::PpOcrParams;
use crate::ocr::tensor::{OrtModel, Precision, TensorModel, has_bf16};
use crate::ocr::{LOOKS, OcrError, Orientation, PpOcr, Runtime, Tesseract, crop, seals};
use crate::vision::ink::Inked;
use crate::vision::{self, Advice, Limits, NormalisedPage, PdfPage};
use image::RgbImage;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::checks;
pub use crate::checks::{features, support};
pub use heatmap::heatmap;
pub use overlay::overlay;

/// The inference library, and so in what numbers text is found and read. The other models always compute in 32-bit floats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inference {
    /// In 32-bit floats: the file of ONNX Runtime.
    F32(PathBuf),
    /// In bfloat16: the folder with the pinned OpenVINO. Only for processors that multiply in it.
    Bf16(PathBuf),
}

/// Where the models and native libraries are, and what a photo may be.
#[derive(Debug, Clone)]
pub struct ReaderConfig {
    /// Folder with `manifest.toml` and the model files.
    pub models: PathBuf,
    /// The inference library.
    pub inference: Inference,
    /// Limits on each photo.
    pub limits: Limits,
    /// Threads that lines are read on, by all photos together: one a core.
    pub threads: usize,
    /// Whether confidences are calibrated. Off only to fit the calibration, which needs the recogniser's own scores.
    pub calibrated: bool,
}

/// The engines. A clone shares them, so that photos may be read at once and a model is in memory once a thread at most.
#[derive(Clone)]
pub struct Reader {
    ppocr: Arc<PpOcr>,
    orientation: Arc<Orientation>,
    pixels: Arc<Lanes<OrtModel>>,
    second: Arc<Lanes<Tesseract>>,
    /// Held while a photo is straightened: the copies this takes are several times the photo.
    at_the_picture: Arc<Lanes<()>>,
    limits: Limits,
    models: BTreeMap<String, String>,
    runtime: String,
    calibration: Option<Calibration>,
}

/// What reading one photo gave.
#[derive(Debug)]
pub struct ReadOutcome {
    /// For the evidence.
    pub reading: Reading,
    /// Wall time by stage.
    pub timing: Timing,
    /// The decoded upload and the page, for pictures; `None` if undecodable.
    pub pictures: Option<Pictures>,
}

/// Pictures for reviewers, not part of evidence.
#[derive(Debug)]
pub struct Pictures {
    /// The upload, upright; left out where it would have to come from another process.
    pub upload: Option<RgbImage>,
    /// The normalised page.
    pub page: RgbImage,
}

/// We could not do the work (as against: the paper is bad, which is a reading).
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A model is missing or not the pinned one.
    #[error(transparent)]
    Models(#[from] ManifestError),
    /// An engine did not load or failed.
    #[error(transparent)]
    Engine(#[from] OcrError),
    /// The pixels could not be looked at.
    #[error(transparent)]
    Pixels(#[from] ModelFailed),
    /// The process that reads could not do it.
    #[error("{0}")]
    Elsewhere(String),
}

const NO_BF16: &str = "this processor does not multiply in bfloat16; choose --precision f32";

/// Values of the planes of a long line; the pixel model gives back what larger ones took.
const USUAL_PLANES: usize = crate::forensics::PLANES * 64 * 2048;

/// Measures the stages of one photo. Times are for people and never part of evidence.
struct Watch {
    timing: Timing,
    last: Instant,
}

impl Watch {
    fn lap(&mut self, stage: &str) {
        let now = Instant::now();
        self.timing.add(stage, now - self.last);
        self.last = now;
    }
}

impl Reader {
    /// Loads the runtime and the models, each checked against the manifest. Takes about half a second.
    ///
    /// # Errors
    /// If a model is missing or its SHA-256 differs from the manifest, or the runtime does not load.
    pub fn load(config: &ReaderConfig) -> Result<Self, ReadError> {
        let manifest = Manifest::parse(&config.models)?;
        let (library, precision, version) = match &config.inference {
            Inference::F32(library) => {
                manifest.runtime().verify(library)?;
                (library.clone(), Precision::F32, &manifest.runtime().version)
            }
            Inference::Bf16(_) if !has_bf16() => return Err(OcrError::Runtime(NO_BF16.to_owned()).into()),
            Inference::Bf16(dir) => {
                manifest.bf16().verify(dir)?;
                (dir.join(&manifest.bf16().library), Precision::Bf16, &manifest.bf16().version)
            }
        };
        let runtime = Runtime::load(&library)?;
        let dictionary = String::from_utf8_lossy(&manifest.read("dictionary")?).into_owned();
        let threads = config.threads.max(1);
        let ppocr = PpOcr::load(
            &runtime,
            &manifest.read("detection")?,
            &manifest.read("recognition")?,
            &dictionary,
            precision,
            threads,
            PpOcrParams::default(),
        )?;
        let orientation = Orientation::load(&runtime, &manifest.read("orientation")?)?;
        let pixels = manifest.read("pixels")?;
        let pixels = (0..threads).map(|_| OrtModel::load(&runtime, &pixels, Precision::F32, 1, USUAL_PLANES));
        let pixels = pixels.collect::<Result<_, _>>()?;
        let second = (0..threads).map(|_| Tesseract::start(None)).collect::<Result<_, _>>()?;
        let runtime = format!("onnxruntime {version}");
        let calibration = config.calibrated.then(Calibration::default);
        Ok(Self {
            ppocr: Arc::new(ppocr),
            orientation: Arc::new(orientation),
            pixels: Arc::new(Lanes::of(pixels)),
            second: Arc::new(Lanes::of(second)),
            at_the_picture: Arc::new(Lanes::of(vec![()])),
            limits: config.limits,
            models: manifest.hashes(),
            runtime,
            calibration,
        })
    }

    /// SHA-256 of each model in use, by name, as recorded in versions.
    pub fn models(&self) -> &BTreeMap<String, String> {
        &self.models
    }

    /// The runtime's name and version, as recorded in versions.
    pub fn runtime(&self) -> &str {
        &self.runtime
    }

    /// Reads one document: a photo, or the page of a PDF that is named. One that cannot be decoded is a reading with
    /// `unreadable` set, not an error.
    ///
    /// # Errors
    /// Only if an engine failed.
    pub fn read(&self, source: &str, bytes: &[u8], pdf_page: PdfPage) -> Result<ReadOutcome, ReadError> {
        let start = Instant::now();
        let mut watch = Watch { timing: Timing::default(), last: start };
        let sha256 = ContentHash::of(bytes);
        let photo = match vision::decode(bytes, pdf_page, &self.limits) {
            Ok(photo) => photo,
            Err(error) => {
                watch.lap("decode");
                watch.timing.add("total", start.elapsed());
                let retake = vec![error.advice()];
                let reading = Reading { pdf_page, retake, ..Reading::unreadable(source, sha256, error.to_string()) };
                return Ok(ReadOutcome { reading, timing: watch.timing, pictures: None });
            }
        };
        watch.lap("decode");

        let failed = RefCell::new(None);
        let alone = self.at_the_picture.lend();
        let page = vision::normalise(&photo, &|picture| match self.orientation.quarter_turns(picture) {
            // Turning an upright page ruins it; a page left lying is only read badly. So it has to be sure.
            Ok((turns, sure)) => {
                if sure >= TURN_SURE {
                    turns
                } else {
                    0
                }
            }
            Err(error) => {
                *failed.borrow_mut() = Some(error);
                0
            }
        });
        if let Some(error) = failed.into_inner() {
            return Err(error.into());
        }
        drop(alone);
        watch.lap("normalise");

        let (mut text, detect, recognise) = self.ppocr.read_page(&page.image, &|| start.elapsed())?;
        watch.timing.add("detect", detect);
        watch.timing.add("recognise", recognise);
        watch.last = Instant::now();
        let inked = Inked::of(&page.image);
        let mut overprint = seals::read_under(&self.ppocr, &page.image, &inked, &mut text)?;
        overprint.extend(seals::read_stamps(&self.ppocr, &page.image, &inked)?);
        watch.lap("seals");
        let rims = seals::read_rims(&self.ppocr, &page.image, &inked)?;
        watch.lap("seal_rims");
        let extraction = extract::extract(&text);
        watch.lap("extract");
        let mut reading = self.assemble(source, sha256, &photo.image, &page, extraction, &mut watch)?;
        if photo.surplus {
            reading.retake.push(Advice::Damaged.at(None));
        }
        if runs_out(&reading) && reading.retake.iter().all(|advice| advice.code != Advice::CutOff.code()) {
            reading.retake.push(Advice::CutOff.at(None));
        }
        let (width, height) = photo.image.dimensions();
        let overprint = overprint.into_iter().map(|line| placed(line, &page, width, height)).collect();
        let seals = Some(rims.into_iter().map(|line| placed(line, &page, width, height)).collect());
        watch.last = Instant::now();
        let original = Original { bytes, from_pdf: pdf_page.is_some(), image: &photo.image };
        let pixels = Some(self.examine(&original, &reading)?);
        watch.lap("authenticity");
        let reading = Reading { pdf_page, overprint, seals, text_layer: photo.text_layer, pixels, ..reading };
        watch.timing.add("total", start.elapsed());
        let pictures = Some(Pictures { upload: Some(photo.image), page: page.image });
        Ok(ReadOutcome { reading, timing: watch.timing, pictures })
    }

    /// Looks at the pixels of a photo that was read before, within the lines that were read. `None` if it cannot be
    /// decoded.
    ///
    /// # Errors
    /// Only if the model failed.
    pub fn look_again(&self, bytes: &[u8], reading: &Reading) -> Result<Option<PixelEvidence>, ReadError> {
        let Ok(photo) = vision::decode(bytes, reading.pdf_page, &self.limits) else { return Ok(None) };
        let original = Original { bytes, from_pdf: reading.pdf_page.is_some(), image: &photo.image };
        Ok(Some(self.examine(&original, reading)?))
    }

    /// What tells of each value of a photo that was read before, to fit the model of values to. Empty if it cannot be
    /// decoded.
    ///
    /// # Errors
    /// Only if the model failed.
    pub fn values(&self, bytes: &[u8], reading: &Reading) -> Result<Vec<forensics::Value>, ReadError> {
        let Ok(photo) = vision::decode(bytes, reading.pdf_page, &self.limits) else { return Ok(Vec::new()) };
        let original = Original { bytes, from_pdf: reading.pdf_page.is_some(), image: &photo.image };
        Ok(self.with_pixels(reading, |print, model| forensics::values(&original, print, model))?)
    }

    fn examine(&self, original: &Original, reading: &Reading) -> Result<PixelEvidence, ModelFailed> {
        self.with_pixels(reading, |print, model| forensics::examine(original, print, model))
    }

    fn with_pixels<T>(&self, reading: &Reading, look: impl FnOnce(&Print, &mut Model) -> T) -> T {
        let lines: Vec<_> = reading.lines.iter().map(|line| line.polygon).collect();
        let texts: Vec<_> = reading.lines.iter().map(|line| line.text.as_str()).collect();
        let fields: Vec<_> = reading.fields.iter().map(|(name, field)| (*name, field.polygon)).collect();
        let print = Print { lines: &lines, texts: &texts, fields: &fields };
        let mut session = self.pixels.lend();
        let mut model = |shape, planes| {
            let mut odds = Vec::new();
            let see = &mut |_: &[i64], values: &[f32]| {
                odds = values.to_vec();
                Ok(())
            };
            session.run(shape, planes, see).map_err(|e| ModelFailed(e.to_string()))?;
            Ok(odds)
        };
        look(&print, &mut model)
    }

    fn assemble(
        &self,
        source: &str,
        sha256: ContentHash,
        upload: &RgbImage,
        page: &NormalisedPage,
        extraction: Extraction,
        watch: &mut Watch,
    ) -> Result<Reading, ReadError> {
        let (width, height) = upload.dimensions();
        let place = |quad: &Quad<Page>| -> Quad<Upload> { page.page_to_upload.quad(quad).clamped(width, height) };
        let second = second_readings(&page.image, &extraction, &self.second)?;
        watch.lap("second_reader");
        let mut fields = BTreeMap::new();
        for (name, found) in extraction.fields {
            let polygon = place(&found.quad);
            let opinion = second.get(&name).cloned();
            fields.insert(name, field(found, polygon, opinion));
        }
        if let Some(code) = fields.get_mut(&FieldName::CheckCode) {
            settle_faces(code, &page.qr);
        }
        let items: Vec<Item> = extraction
            .items
            .into_iter()
            .map(|i| {
                let polygon = place(&i.quad);
                i.placed(polygon)
            })
            .collect();
        let mut quality = page.quality.clone();
        quality.text_height = median_height(&extraction.lines);
        let mut retake = page.retake.clone();
        retake.extend(advice_on_text(extraction.kind, quality.text_height, extraction.lines.len()));
        let lines = extraction.lines.into_iter().map(|line| placed(line, page, width, height)).collect();
        let mut reading = Reading {
            source: source.to_owned(),
            sha256,
            pdf_page: None,
            unreadable: None,
            size: [width, height],
            page_size: [page.image.width(), page.image.height()],
            upload_to_page: FixedHomography::from(page.upload_to_page),
            sheet: page.sheet,
            picture_hash: page.picture_hash.map(|h| format!("{h:016x}")),
            quality,
            retake,
            kind: extraction.kind,
            kind_confidence: extraction.kind_confidence,
            fields,
            items,
            lines,
            overprint: Vec::new(),
            seals: None,
            text_layer: None,
            qr: page.qr.clone(),
            pixels: None,
        };
        if let Some(calibration) = &self.calibration {
            calibrate(&mut reading, calibration);
        }
        Ok(reading)
    }
}

/// A line with its place in the photo, whose size is given.
fn placed(line: Line, page: &NormalisedPage, width: u32, height: u32) -> ReadLine {
    let polygon = page.page_to_upload.quad(&line.quad).clamped(width, height);
    ReadLine { polygon, text: line.text, confidence: line.confidence }
}

/// Turns the recogniser's scores of a reading's fields into probabilities that their values are right.
fn calibrate(reading: &mut Reading, calibration: &Calibration) {
    for (name, support) in support(reading) {
        if let Some(field) = reading.fields.get_mut(&name) {
            let calibrated = calibration.confidence(name.value_type(), support, field.score);
            field.confidence = calibrated.min(field.ceiling());
            if is_name(name) && field.confidence < NAME_UNDERSTOOD {
                field.value = None;
                field.readers = BTreeMap::new();
            }
        }
    }
}

/// A name less likely right than this counts as seen but not understood: a wrong name is worse than none, and nothing
/// else on a paper can put it right. Of seven real ones below it, one was right; of those above, five in six.
const NAME_UNDERSTOOD: Bp = Bp(6_500);

fn is_name(name: FieldName) -> bool {
    matches!(name, FieldName::IssuerName | FieldName::SellerName | FieldName::BuyerName | FieldName::PayerName)
}

/// The orientation classifier's probability from which a page is turned. It is that of one sure look or the mean of
/// four; an upright page has not come near it with another answer.
const TURN_SURE: f32 = 0.4;

/// Whether a field is read a second time: amounts, dates and numbers, which are Latin digits wherever they stand.
fn is_decisive(name: FieldName) -> bool {
    matches!(name.value_type(), ValueType::Money | ValueType::Date)
        || matches!(
            name,
            FieldName::BillCode
                | FieldName::BillNumber
                | FieldName::CheckCode
                | FieldName::InvoiceCode
                | FieldName::InvoiceNumber
        )
}

/// The second reader's opinion of each decisive field, where it has one.
///
/// It looks in other ways where it read something else than the first reader: of 95 such differences on public and painted
/// papers the first reader was right in 93. What it then reads the same, it has read by itself all the same.
fn second_readings(
    page: &RgbImage,
    extraction: &Extraction,
    readers: &Lanes<Tesseract>,
) -> Result<BTreeMap<FieldName, String>, OcrError> {
    let wanted: Vec<(FieldName, &Quad<Page>, &str)> = extraction
        .fields
        .iter()
        .filter(|(name, _)| is_decisive(**name))
        .filter_map(|(name, f)| Some((*name, &f.quad, f.value.as_deref()?)))
        .collect();
    let opinions = spread(wanted.len(), readers.count(), |i| {
        let (name, quad, first) = wanted[i];
        let crop = crop::cut(page, &widened(quad));
        let mut reader = readers.lend();
        let mut opinion = None;
        for look in LOOKS {
            match second_value(name, &reader.look(&crop, look)?.text, first) {
                Some(same) if same == first => return Ok(Some(same)),
                other => opinion = opinion.or(other),
            }
        }
        Ok(opinion)
    })?;
    Ok(wanted.iter().zip(opinions).filter_map(|((name, ..), opinion)| Some((*name, opinion?))).collect())
}

/// The place of a value with a margin of a sixth of its height to both sides, so that a character at the edge that
/// the first reader placed by its centre alone is whole.
fn widened(quad: &Quad<Page>) -> [[f64; 2]; 4] {
    let [a, b, c, d] = quad.to_px();
    let [length, height] = quad.sides();
    let margin = height / 6.0 / length.max(1.0);
    let (dx, dy) = ((b[0] - a[0]) * margin, (b[1] - a[1]) * margin);
    [[a[0] - dx, a[1] - dy], [b[0] + dx, b[1] + dy], [c[0] + dx, c[1] + dy], [d[0] - dx, d[1] - dy]]
}

/// A second reader's text as a value of the field's type, or `None` if it is no opinion.
fn second_value(name: FieldName, text: &str, first: &str) -> Option<String> {
    match name.value_type() {
        ValueType::Money => {
            // Only what was read with a decimal part, unless the first reading has none to compare with either.
            let parsed = parse::money(text)?;
            (parse::has_cents(text, &parsed) || first.ends_with(".00")).then_some(parsed.value)
        }
        ValueType::Date => {
            let all: Vec<String> = [parse::DateOrder::DayFirst, parse::DateOrder::MonthFirst]
                .into_iter()
                .flat_map(|order| parse::dates(text, order))
                .map(|p| p.value)
                .collect();
            all.iter().find(|v| *v == first).or(all.first()).cloned()
        }
        _ => {
            let parsed = parse::identifier(text)?;
            // A crop cut short or run over into a neighbour says nothing of the value itself.
            (parsed.value.len() == first.len()).then_some(parsed.value)
        }
    }
}

/// A field with both readers' opinions. Its confidence is the recogniser's own until it is calibrated.
fn field(found: Found, polygon: Quad<Upload>, second: Option<String>) -> Field {
    let mut readers = BTreeMap::new();
    if let Some(first) = &found.value {
        readers.insert("ppocr".to_owned(), first.clone());
        readers.extend(second.map(|value| ("tesseract".to_owned(), value)));
    }
    Field {
        value: found.value,
        text: found.text,
        confidence: found.confidence,
        score: found.confidence,
        polygon,
        page_polygon: found.quad,
        readers,
        repairs: found.repairs,
    }
}

/// Lets a QR code decide between characters of one face (1, l, i; 0, o) in a check code, which is random letters and
/// digits: no reader can tell them apart there. Any other difference is left for the checks to find.
fn settle_faces(code: &mut Field, qr: &[QrCode]) {
    let Some(read) = code.value.clone() else { return };
    let parts = qr.iter().flat_map(|q| q.text.split([',', '/']));
    let Some(coded) =
        parts.into_iter().find(|part| part.len() == read.len() && alike_faces(part) == alike_faces(&read))
    else {
        return;
    };
    if coded != read {
        code.repairs.push(format!("{read} read as {coded}: characters of one face, settled by the QR code"));
        code.value = Some(coded.to_owned());
    }
    // What the QR code repeats is whole, whatever its length.
    code.repairs.retain(|repair| repair != doubt::LENGTH);
    code.confidence = code.confidence.max(QR_SETTLED);
    code.score = code.confidence;
}

/// Confidence of a check code that the QR code repeats but for characters of one face.
const QR_SETTLED: Bp = Bp(9_900);

/// Median height of the lines that are not upright, 1/16 pixel; `None` without lines.
fn median_height(lines: &[Line]) -> Option<u32> {
    let mut heights: Vec<i32> = lines
        .iter()
        .map(|l| {
            let [a, _, _, d] = l.quad.0;
            let (dx, dy) = (f64::from(d[0] - a[0]), f64::from(d[1] - a[1]));
            (dx * dx + dy * dy).sqrt().round() as i32
        })
        .collect();
    heights.sort_unstable();
    heights.get(heights.len() / 2).map(|h| (*h).max(0) as u32)
}

/// Advice that only the text can give.
fn advice_on_text(kind: DocumentKind, text_height: Option<u32>, lines: usize) -> Option<RetakeAdvice> {
    if lines < 3 && kind == DocumentKind::Unknown {
        return Some(Advice::NotADocument.at(None));
    }
    text_height.is_some_and(|h| h < 10 * 16).then(|| Advice::TextTooSmall.at(None))
}

/// Pixels from a side of the photo within which print ends there.
const AT_THE_SIDE: i32 = 2 * 16;

/// Whether print runs out of the photo: two lines or more end at the same side, or the line of the total, or a value that
/// decides. What the side cuts off is missed by nothing else: of SUB TOTAL it leaves TOTAL.
///
/// Of 276 public receipts and invoices six run out so, two of 103 that were approved.
fn runs_out(reading: &Reading) -> bool {
    let [width, height] = reading.size.map(|side| 16 * side as i32);
    let sides = |quad: &Quad<Upload>| -> [bool; 4] {
        let [a, b, c, d] = quad.0;
        // Where a line begins and where it ends.
        let ends = [[a, d], [b, c]].map(|[p, q]| [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2]);
        [
            ends.iter().any(|[x, _]| *x <= AT_THE_SIDE),
            ends.iter().any(|[x, _]| width - x <= AT_THE_SIDE),
            ends.iter().any(|[_, y]| *y <= AT_THE_SIDE),
            ends.iter().any(|[_, y]| height - y <= AT_THE_SIDE),
        ]
    };
    let is_line = |line: &&ReadLine| {
        let [length, thickness] = line.polygon.sides();
        line.text.chars().count() > 1 && length > 1.5 * thickness
    };
    let out: Vec<([bool; 4], &ReadLine)> =
        reading.lines.iter().filter(is_line).map(|l| (sides(&l.polygon), l)).collect();
    let many = (0..4).any(|side| out.iter().filter(|(sides, _)| sides[side]).count() > 1);
    let total = reading.fields.get(&FieldName::Total).map(|field| {
        let (_, top, _, bottom) = field.polygon.bounds();
        (top + bottom) / 2.0
    });
    let is_beside = |line: &ReadLine| {
        let (_, top, _, bottom) = line.polygon.bounds();
        total.is_some_and(|middle| (top..=bottom).contains(&middle))
    };
    let value = reading
        .fields
        .iter()
        .any(|(name, field)| is_decisive(*name) && field.value.is_some() && sides(&field.polygon).contains(&true));
    many || value || out.iter().any(|(sides, line)| sides.contains(&true) && is_beside(line))
}

/// Decides on evidence alone: integers and decimals, no clock, no I/O; the same evidence gives the same bytes.
pub fn judge(policy: &Policy, evidence: &Evidence) -> Verdict {
    judge_by(policy, (RiskModel::in_force(), Certificate::in_force()), evidence, check(evidence))
}

/// Likewise, by what checks found, by this risk model and this certificate.
pub fn judge_by(
    policy: &Policy,
    by: (&RiskModel, &Certificate),
    evidence: &Evidence,
    findings: Vec<Vec<Finding>>,
) -> Verdict {
    let risk = assess(by.0, evidence, &findings, limit_by(by, policy));
    crate::decision::decide(policy, evidence, findings, Some(risk))
}

/// What every check finds, one list a document. No policy changes it.
pub fn check(evidence: &Evidence) -> Vec<Vec<Finding>> {
    checks::run(evidence)
}

/// The largest probability of being wrong that a policy approves, in millionths; `None` if the certificate bears out
/// none.
pub fn limit_ppm(policy: &Policy) -> Option<u32> {
    limit_by((RiskModel::in_force(), Certificate::in_force()), policy)
}

fn limit_by((model, certificate): (&RiskModel, &Certificate), policy: &Policy) -> Option<u32> {
    certificate.step(model, policy.wrong_approvals_ppm()).map(|step| step.limit_ppm)
}

/// How likely it is by this model that approving these documents is wrong. For several it is at most the sum.
pub fn assess(model: &RiskModel, evidence: &Evidence, findings: &[Vec<Finding>], limit_ppm: Option<u32>) -> Risk {
    let document = |(reading, findings): (&Reading, &Vec<Finding>)| {
        let (score, contributions) = model.score(&checks::features(reading, findings));
        DocumentRisk { probability_ppm: model.probability_ppm(score), contributions }
    };
    let documents: Vec<DocumentRisk> = evidence.readings.iter().zip(findings).map(document).collect();
    let sum: u32 = documents.iter().map(|d| d.probability_ppm).sum();
    Risk { probability_ppm: sum.min(1_000_000), limit_ppm, model: model.hash, documents }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_check_code_is_not_sure_unless_the_qr_code_repeats_it() {
        let read = |qr: &str| {
            let mut reading = Reading::unreadable("bill.jpg", ContentHash::of(b""), String::new());
            let found = Found {
                value: Some("a1b2".to_owned()),
                text: "a1b2".to_owned(),
                confidence: Bp(9_900),
                quad: Quad::from_px([[0.0; 2]; 4]),
                repairs: vec![doubt::LENGTH.to_owned()],
            };
            let mut code = field(found, Quad::from_px([[0.0; 2]; 4]), Some("a1b2".to_owned()));
            settle_faces(&mut code, &[QrCode { text: qr.to_owned(), polygon: Quad::from_px([[0.0; 2]; 4]) }]);
            reading.fields.insert(FieldName::CheckCode, code);
            calibrate(&mut reading, &Calibration::default());
            reading.fields[&FieldName::CheckCode].confidence
        };
        assert!(read("CZ-EI-11,1.1.0,11060124,0012345678,a1b2c3,20240512,320.50") <= doubt::CEILING_OF_LENGTH);
        assert!(read("CZ-EI-11,1.1.0,11060124,0012345678,a1b2,20240512,320.50") > doubt::CEILING);
    }

    #[test]
    fn print_that_runs_out_of_the_photo_is_told_by_its_lines_and_values() {
        let line = |left: f64, right: f64, top: f64| ReadLine {
            polygon: Quad::from_px([[left, top], [right, top], [right, top + 20.0], [left, top + 20.0]]),
            text: "TOTAL".to_owned(),
            confidence: Bp(9_900),
        };
        let total = |left: f64, top: f64| {
            let quad = Quad::from_px([[left, top], [left + 80.0, top], [left + 80.0, top + 20.0], [left, top + 20.0]]);
            let (value, text) = (Some("12.00".to_owned()), "12.00".to_owned());
            let found =
                Found { value, text, confidence: Bp(9_900), quad: Quad::from_px([[0.0; 2]; 4]), repairs: vec![] };
            field(found, quad, None)
        };
        let out = |lines: &[ReadLine], total: Option<Field>| {
            let unread = Reading::unreadable("bill.jpg", ContentHash::of(b""), String::new());
            let fields = total.map(|total| (FieldName::Total, total)).into_iter().collect();
            runs_out(&Reading { size: [600, 800], lines: lines.to_vec(), fields, ..unread })
        };
        assert!(!out(&[line(40.0, 200.0, 100.0), line(40.0, 560.0, 300.0)], Some(total(450.0, 300.0))));
        assert!(!out(&[line(0.0, 200.0, 100.0)], Some(total(450.0, 300.0))), "one line elsewhere, such as a stamp");
        assert!(out(&[line(0.0, 200.0, 100.0), line(1.0, 200.0, 140.0)], None), "two lines at one side");
        assert!(!out(&[line(0.0, 200.0, 100.0), line(400.0, 600.0, 140.0)], None), "one at each");
        assert!(out(&[line(0.0, 90.0, 304.0)], Some(total(450.0, 300.0))), "the total's own line");
        assert!(out(&[], Some(total(519.0, 300.0))), "the total itself");
        // A line along the upper side does not end there.
        assert!(!out(&[line(40.0, 200.0, 0.0), line(240.0, 500.0, 0.0)], None));
    }

    #[test]
    fn a_name_hardly_read_counts_as_not_understood() {
        let read = |score: u16| {
            let mut reading = Reading::unreadable("bill.jpg", ContentHash::of(b""), String::new());
            let found = |text: &str| Found {
                value: Some(text.to_owned()),
                text: text.to_owned(),
                confidence: Bp(score),
                quad: Quad::from_px([[0.0; 2]; 4]),
                repairs: Vec::new(),
            };
            for (name, text) in [(FieldName::IssuerName, "某市某医院"), (FieldName::BillTitle, "门诊收费票据")]
            {
                reading.fields.insert(name, field(found(text), Quad::from_px([[0.0; 2]; 4]), None));
            }
            calibrate(&mut reading, &Calibration::default());
            reading.fields
        };
        let (hardly, well) = (read(4_000), read(9_900));
        assert_eq!(hardly[&FieldName::IssuerName].value, None);
        assert_eq!(hardly[&FieldName::IssuerName].text, "某市某医院");
        assert!(hardly[&FieldName::BillTitle].value.is_some(), "a title is one of a few");
        assert!(well[&FieldName::IssuerName].value.is_some());
    }
}
