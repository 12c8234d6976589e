//! A page of a PDF → pixels, as a viewer would show it.
//!
//! A PDF is a program for drawing, and this one may be hostile. Its streams are measured before the parser may unpack
//! any; the page is then drawn once on a [`Survey`], which allocates no pixels, adds up what drawing costs and ends it
//! at [`BUDGET`]; only a page that came through is drawn on pixels. Encrypted files are refused, so what was measured
//! is what is unpacked. Scripts, attachments and forms' logic are never run.
//!
//! The parser repairs what it can, and leaves out the rest in silence. A bill with something left out is another bill:
//! a file that ends too early, lacks a page or holds a stream that breaks off is damaged.

use super::decode::{DecodeError, within};
use super::jpeg_stream;
use super::{Limits, Photo};
use flate2::{Decompress, FlushDecompress, Status};
use hayro::hayro_interpret::font::{FontQuery, Glyph, GlyphRun};
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::pattern::Pattern;
use hayro::hayro_interpret::{
    BlendMode, CacheKey, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, InterpreterWarning, Paint, SoftMask, TransformExt, interpret_page,
};
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::{Affine, BezPath, Point, Rect, Shape};
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::vello_cpu::{Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit};
use hayro::{RenderCache, RenderSettings, render_into};
use image::codecs::jpeg::JpegDecoder;
use image::{ImageDecoder, RgbImage};
use std::collections::HashSet;
use std::io::Cursor;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Long side of a drawn page in pixels: A4 at 190 dpi, where small print is 20 pixels high.
const LONG_SIDE: f64 = 2200.0;
/// Longest side at which a scan is shown. Twice what a page is reduced to anyway.
const LONGEST_SCAN: f64 = 5200.0;
/// A picture that covers this share of the page is a scan of it.
const WHOLE_PAGE: f64 = 0.9;
/// What drawing a page may cost, where a path element is 1. A bill costs some thousands; this takes some seconds.
const BUDGET: f64 = 2_000_000.0;
/// Painted pixels that cost as much as a path element.
const PIXELS_A_UNIT: f64 = 4096.0;
/// Pixels of an embedded picture that cost as much: each has to be unpacked and converted.
const PICTURE_PIXELS_A_UNIT: f64 = 256.0;

/// Stack to parse and draw on: what nests in a PDF is followed by recursion, and a stack that overflows cannot be
/// caught. Only what is used of it is ever taken.
const STACK: usize = 256 << 20;
/// Most objects in a PDF whose pages are drawn. Twenty pages of bills have some hundreds.
const MOST_OBJECTS: usize = 20_000;
/// Most characters of a page's text that are kept. A full page of small print has some 6,000.
const MOST_TEXT: usize = 20_000;
/// How deep the braces of a calculator function may nest. Printed matter nests two or three.
const DEEPEST_BRACES: usize = 32;

/// How many pages there are: 1 to [`Limits::pdf_pages`].
pub(super) fn pages(bytes: &[u8], limits: &Limits) -> Result<u32, DecodeError> {
    guarded(|| {
        let pdf = open(bytes, limits)?;
        u32::try_from(pdf.pages().len()).map_err(|_| DAMAGED)
    })
}

/// Draws page `number`, counted from 1, on white, and collects its text.
pub(super) fn decode(bytes: &[u8], number: u32, limits: &Limits) -> Result<Photo, DecodeError> {
    guarded(|| {
        let pdf = open(bytes, limits)?;
        check_objects(&pdf, limits)?;
        let page = (number as usize).checked_sub(1).and_then(|i| pdf.pages().get(i));
        draw(page.ok_or(DecodeError::NoSuchPage { page: number })?, limits)
    })
}

const DAMAGED: DecodeError = DecodeError::Damaged { format: "PDF" };

/// Runs `work` on a stack of [`STACK`] bytes; a panic in it is a damaged file, and [`stop`] ends it with its reason.
fn guarded<T: Send>(work: impl FnOnce() -> Result<T, DecodeError> + Send) -> Result<T, DecodeError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let joined = thread.map_err(|_| DecodeError::NoThread)?.join();
        joined.unwrap_or_else(|thrown| Err(thrown.downcast::<DecodeError>().map_or(DAMAGED, |reason| *reason)))
    })
}

/// Leaves the interpreter, which has no way to be told to stop, for [`guarded`].
fn stop(reason: DecodeError) -> ! {
    resume_unwind(Box::new(reason))
}

fn open(bytes: &[u8], limits: &Limits) -> Result<Pdf, DecodeError> {
    if !has_end(bytes) {
        return Err(DAMAGED);
    }
    if names(bytes, b"Encrypt") > 0 {
        return Err(DecodeError::Encrypted);
    }
    measure_deflated(bytes, limits)?;
    let pdf = Pdf::new(bytes.to_vec()).map_err(|_| DAMAGED)?;
    let found = pdf.pages().len();
    // What the file says of itself. Pages that cannot be found are left out by the parser.
    let root = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id());
    let tree = root.and_then(|root| root.get::<Dict<'_>>(b"Pages".as_slice())).ok_or(DAMAGED)?;
    let told = tree.get::<usize>(b"Count".as_slice()).ok_or(DAMAGED)?;
    match found {
        pages if pages > limits.pdf_pages => Err(DecodeError::TooManyPages { pages, limit: limits.pdf_pages }),
        _ if found != told => Err(DAMAGED),
        0 => Err(DecodeError::NoPages),
        _ => Ok(pdf),
    }
}

/// Whether the end marker stands where viewers look for it: in the last kilobyte (ISO 32000-1, annex H, 3.4.4).
fn has_end(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(1024)..];
    tail.windows(5).any(|w| w == b"%%EOF")
}

/// How often a name stands there, also with some of its letters written as `#` and two hex digits.
fn names(bytes: &[u8], wanted: &[u8]) -> usize {
    let hex = |digit: u8| char::from(digit).to_digit(16);
    let stands = |mut name: &[u8]| {
        let same = wanted.iter().all(|&letter| {
            let (read, rest) = match name {
                [b'#', high, low, rest @ ..] if hex(*high).zip(hex(*low)).is_some() => {
                    (hex(*high).zip(hex(*low)).map(|(h, l)| (16 * h + l) as u8), rest)
                }
                [byte, rest @ ..] => (Some(*byte), rest),
                [] => (None, name),
            };
            name = rest;
            read == Some(letter)
        });
        // White space and delimiters end a name (ISO 32000-1, 7.2.2).
        same && name.first().is_none_or(|c| matches!(c, 0 | 9 | 10 | 12 | 13 | 32) || b"()<>[]{}/%".contains(c))
    };
    bytes.iter().enumerate().filter(|(at, byte)| **byte == b'/' && stands(&bytes[at + 1..])).count()
}

/// Inflates, without keeping any of it, whatever is deflated behind a `stream` keyword: also what the parser unpacks
/// while it opens the file.
fn measure_deflated(bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    let mut gauge = Gauge::new(2 * bytes_allowed(limits));
    let mut before = 0;
    for at in stream_starts(bytes)? {
        // What this is no measure of, because it is not deflated or not alone, is found by `check_stream`; but streams of
        // objects and of cross-references the parser unpacks before that.
        if is_filtered_table(after_stream(&bytes[before..at])) {
            return Err(DecodeError::PdfTooComplex);
        }
        gauge.inflated(&bytes[at..])?;
        before = at;
    }
    Ok(())
}

/// What follows the first end of a stream, or everything where there is none.
fn after_stream(bytes: &[u8]) -> &[u8] {
    const END: &[u8] = b"endstream";
    let end = bytes.windows(END.len()).position(|w| w == END);
    end.map_or(bytes, |at| &bytes[at + END.len()..])
}

/// Whether what stands before a stream, its dictionary included, says that it holds objects or cross-references (ISO
/// 32000-1, 7.5.7 and 7.5.8) and is packed in another way than deflated once, as every known writer does.
fn is_filtered_table(before: &[u8]) -> bool {
    const TABLES: [&[u8]; 3] = [b"ObjStm", b"XRef", b"First"];
    const DEFLATED: [&[u8]; 2] = [b"FlateDecode", b"Fl"];
    const OTHERS: [&[u8]; 8] =
        [b"LZWDecode", b"LZW", b"ASCIIHexDecode", b"AHx", b"ASCII85Decode", b"A85", b"RunLengthDecode", b"RL"];
    let count = |wanted: &[&[u8]]| wanted.iter().map(|name| names(before, name)).sum::<usize>();
    let deflated = count(&DEFLATED);
    count(&TABLES) > 0 && (count(&OTHERS) > 0 || deflated > 1 || deflated == 0 && count(&[b"Filter"]) > 0)
}

/// Where the data of streams may begin: behind the keyword and the end of its line.
///
/// Where a length is wrong the parser looks for the keyword of the end, from each stream anew. A file in which that could
/// take long is refused: streams lie one after another, so that together these ways are no longer than the file.
fn stream_starts(bytes: &[u8]) -> Result<Vec<usize>, DecodeError> {
    let mut starts = Vec::new();
    let (mut ended, mut way) = (0, 0);
    for (at, _) in bytes.windows(6).enumerate().filter(|(_, w)| *w == b"stream") {
        let data = at + 6;
        if bytes[..at].ends_with(b"end") {
            way += starts[ended..].iter().map(|start| at.saturating_sub(*start)).sum::<usize>();
            ended = starts.len();
        } else if bytes[data..].starts_with(b"\r\n") {
            starts.push(data + 2);
        } else if matches!(bytes.get(data), Some(b'\r' | b'\n')) {
            starts.push(data + 1);
        }
        if starts.len() > MOST_OBJECTS || way > 4 * bytes.len() {
            return Err(DecodeError::PdfTooComplex);
        }
    }
    if ended < starts.len() { Err(DAMAGED) } else { Ok(starts) }
}

/// Measures deflated data without keeping what it unpacks to.
struct Gauge {
    state: Decompress,
    scratch: Vec<u8>,
    /// Bytes read and unpacked so far, and how many they may be.
    spent: u64,
    limit: u64,
}

impl Gauge {
    fn new(limit: u64) -> Self {
        Self { state: Decompress::new(true), scratch: vec![0; 64 << 10], spent: 0, limit }
    }

    /// Bytes that `data` unpacks to, whatever follows it; `None` if it is not deflated or breaks off.
    fn inflated(&mut self, data: &[u8]) -> Result<Option<u64>, DecodeError> {
        // As the parser does: also without the header (RFC 1950, 2.2) that should be there.
        let has_header = matches!(data, [cmf, flg, ..] if cmf & 15 == 8 && u16::from_be_bytes([*cmf, *flg]) % 31 == 0);
        for zlib_header in [true, false].into_iter().filter(|with| has_header || !with) {
            self.state.reset(zlib_header);
            loop {
                let (read, written) = (self.state.total_in(), self.state.total_out());
                let step = self.state.decompress(&data[read as usize..], &mut self.scratch, FlushDecompress::None);
                let gone = self.state.total_in() - read + self.state.total_out() - written;
                self.spent += gone;
                if self.spent > self.limit {
                    return Err(DecodeError::TooMuchMemory { bytes: self.spent, limit: self.limit });
                }
                match step {
                    Ok(Status::StreamEnd) => return Ok(Some(self.state.total_out())),
                    Ok(Status::Ok | Status::BufError) if gone > 0 => {}
                    Ok(_) | Err(_) => break,
                }
            }
        }
        Ok(None)
    }
}

/// Bytes that one unpacked stream may have.
fn bytes_allowed(limits: &Limits) -> u64 {
    4 * limits.pixels
}

fn check_objects(pdf: &Pdf, limits: &Limits) -> Result<(), DecodeError> {
    if pdf.len() > MOST_OBJECTS {
        return Err(DecodeError::PdfTooComplex);
    }
    pdf.objects().into_iter().try_for_each(|object| match object {
        Object::Stream(stream) => check_stream(&stream, limits),
        Object::Dict(dict) if is_function(&dict, STITCHING) => check_stitching(&dict),
        _ => Ok(()),
    })
}

/// The kinds of functions that are made of others, and of a program.
const STITCHING: u32 = 3;
const CALCULATOR: u32 = 4;

fn is_function(dict: &Dict<'_>, kind: u32) -> bool {
    dict.get::<u32>(b"FunctionType".as_slice()) == Some(kind)
}

/// Refuses a stitching of stitchings: each level may name the next one twice, and the parser follows both.
fn check_stitching(dict: &Dict<'_>) -> Result<(), DecodeError> {
    let parts = dict.get::<Array<'_>>(b"Functions".as_slice()).ok_or(DAMAGED)?;
    let nested = parts.iter::<Dict<'_>>().any(|part| is_function(&part, STITCHING));
    if nested { Err(DecodeError::PdfTooComplex) } else { Ok(()) }
}

/// Refuses a stream that could unpack to more than [`bytes_allowed`], or whose picture breaks a limit.
fn check_stream(stream: &Stream<'_>, limits: &Limits) -> Result<(), DecodeError> {
    use hayro::hayro_syntax::Filter;
    let (filters, raw) = (stream.filters(), stream.raw_data());
    let limit = bytes_allowed(limits);
    let mut most = raw.len() as u64;
    if filters.as_slice() == [Filter::FlateDecode] {
        if most > 0 {
            // What breaks off would be drawn as far as it goes.
            most = Gauge::new(limit).inflated(&raw)?.ok_or(DAMAGED)?;
        }
    } else {
        for filter in &filters {
            // The most bytes that one byte can become.
            let growth = match filter {
                Filter::FlateDecode => 1032,
                // 12 bits can stand for 4095 bytes.
                Filter::LzwDecode => 2730,
                Filter::RunLengthDecode => 64,
                Filter::Jbig2Decode | Filter::JpxDecode => return Err(DecodeError::PdfPicture),
                _ => 1,
            };
            most = most.saturating_mul(growth);
        }
    }
    if most > limit {
        return Err(DecodeError::TooMuchMemory { bytes: most, limit });
    }
    if is_function(stream.dict(), CALCULATOR) {
        let program = stream.decoded_data().map_err(|_| DAMAGED)?;
        let mut depth = 0_usize;
        for byte in program.iter() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST_BRACES {
                return Err(DecodeError::PdfTooComplex);
            }
        }
    }
    let number = |names: [&[u8]; 2]| names.iter().find_map(|name| stream.dict().get::<u32>(*name));
    if let (Some(width), Some(height)) = (number([b"Width", b"W"]), number([b"Height", b"H"])) {
        within(width, height, limits, &DAMAGED)?;
        let columns = stream.dict().get::<Dict<'_>>(b"DecodeParms".as_slice());
        if let Some(columns) = columns.and_then(|d| d.get::<u32>(b"Columns".as_slice())) {
            within(columns.max(1), height, limits, &DAMAGED)?;
        }
        if filters.as_slice() == [Filter::DctDecode] {
            // The decoder would fill the rest with grey, as in `decode`.
            if jpeg_stream::walk(&raw, limits.pixels) != jpeg_stream::Stream::Whole {
                return Err(DAMAGED);
            }
            let (width, height) = JpegDecoder::new(Cursor::new(&raw)).map_err(|_| DAMAGED)?.dimensions();
            within(width, height, limits, &DAMAGED)?;
        } else if filters.contains(&Filter::DctDecode) {
            // A JPEG wrapped in another filter: rare, and its own size cannot be seen from here.
            return Err(DecodeError::PdfPicture);
        }
    }
    Ok(())
}

/// Refuses a page with a note that says itself what it shows but not how. Each viewer draws such a note in its own way,
/// and this one not at all: a bill would be read without the VOID typed over it.
fn check_notes(page: &Page<'_>) -> Result<(), DecodeError> {
    let notes = page.raw().get::<Array<'_>>(b"Annots".as_slice());
    let undrawn = notes.is_some_and(|notes| notes.iter::<Dict<'_>>().any(|note| shows_undrawn(&note)));
    if undrawn { Err(DecodeError::PdfNote) } else { Ok(()) }
}

/// Whether viewers show a note (ISO 32000-1, 12.5.6) of whose look the file says nothing.
fn shows_undrawn(note: &Dict<'_>) -> bool {
    const HIDDEN_OR_NO_VIEW: u32 = 1 << 1 | 1 << 5;
    if note.get::<u32>(b"F".as_slice()).unwrap_or(0) & HIDDEN_OR_NO_VIEW != 0 {
        return false;
    }
    let look = note.get::<Dict<'_>>(b"AP".as_slice()).and_then(|looks| looks.get::<Object<'_>>(b"N".as_slice()));
    let kind = note.get::<Name<'_>>(b"Subtype".as_slice());
    match kind.as_deref() {
        Some(b"Link" | b"Popup") => false,
        // A field shows its value. A signature has a dictionary for one, and need not show.
        Some(b"Widget") => {
            let inherited = note.get::<Dict<'_>>(b"Parent".as_slice());
            let value = note.get::<Object<'_>>(b"V".as_slice());
            let value = value.or_else(|| inherited.and_then(|field| field.get::<Object<'_>>(b"V".as_slice())));
            let empty = match value {
                Some(Object::String(text)) => text.is_empty(),
                Some(Object::Name(state)) => &*state == b"Off",
                Some(Object::Array(choices)) => choices.iter::<Object<'_>>().next().is_none(),
                _ => true,
            };
            look.is_none() && !empty
        }
        _ => match look {
            Some(Object::Stream(_)) => false,
            Some(Object::Dict(states)) => {
                let state = note.get::<Name<'_>>(b"AS".as_slice());
                state.and_then(|state| states.get::<Stream<'_>>(&*state)).is_none()
            }
            _ => true,
        },
    }
}

fn draw(page: &Page<'_>, limits: &Limits) -> Result<Photo, DecodeError> {
    let (width, height) = page.render_dimensions();
    let (width, height) = (f64::from(width), f64::from(height));
    if !(width > 0.0 && height > 0.0 && width.is_finite() && height.is_finite()) {
        return Err(DAMAGED);
    }
    check_notes(page)?;
    let faults = Faults::default();
    let settings = faults.watched();
    let placed = |scale: f64| {
        let size = [width, height].map(|side| (side * scale).round().max(1.0));
        let to_pixels = Affine::scale_non_uniform(size[0] / width, size[1] / height);
        (size, to_pixels * page.initial_transform(true).to_kurbo())
    };
    let scale = LONG_SIDE / width.max(height);
    let ([w, h], transform) = placed(scale);
    let area = Rect::new(0.0, 0.0, w, h);
    let mut survey =
        Survey { limits, area, cost: 0.0, scan: None, drawn: false, masks: HashSet::new(), text: TextLayer::default() };
    let cache = InterpreterCache::new();
    let mut context = Context::new(transform, area, &cache, page.xref(), settings.clone());
    interpret_page(page, &mut context, &mut survey);
    faults.told()?;

    // A scan as it was scanned: enlarging it adds nothing, reducing it loses print. With print over it, not under ours.
    let most = LONGEST_SCAN / LONG_SIDE;
    let zoom = match survey.scan {
        Some(native) if survey.drawn => native.clamp(1.0, most),
        Some(native) => native.min(most),
        None => 1.0,
    };
    let ([w, h], transform) = placed(scale * zoom);
    within(w as u32, h as u32, limits, &DAMAGED)?;
    let mut target = RenderContext::new(w as u16, h as u16);
    render_into(page, &RenderCache::new(), &settings, &RenderSettings::default(), &mut target, transform);
    target.flush();
    faults.told()?;
    let mut pixmap = Pixmap::new(w as u16, h as u16);
    let on_white = RasterizerSettings { target_init: TargetInit::Clear(WHITE), ..RasterizerSettings::default() };
    target.render_with(&mut pixmap, &mut Resources::default(), on_white);
    let rgb = pixmap.data().iter().flat_map(|p| [p.r, p.g, p.b]).collect();
    let image = RgbImage::from_raw(w as u32, h as u32, rgb).ok_or(DAMAGED)?;
    Ok(Photo { image, text_layer: survey.text.told(), surplus: false })
}

/// What the renderer would leave out without failing. A page with something missing is not what was sent.
#[derive(Debug, Default, Clone)]
struct Faults {
    font: Arc<AtomicBool>,
    picture: Arc<AtomicBool>,
}

impl Faults {
    /// Settings that draw the standard 14 fonts and Latin print from the fonts built in, and note what cannot be drawn.
    fn watched(&self) -> InterpreterSettings {
        let (asked, told) = (self.clone(), self.clone());
        InterpreterSettings {
            font_resolver: Arc::new(move |query| match query {
                FontQuery::Standard(font) => Some(font.get_font_data()),
                // A composite font, such as any Chinese one: what its codes stand for lies in the missing file.
                FontQuery::Fallback(font) if font.character_collection.is_some() => {
                    asked.font.store(true, Ordering::Relaxed);
                    None
                }
                FontQuery::Fallback(font) => Some(font.pick_standard_font().get_font_data()),
            }),
            warning_sink: Arc::new(move |warning| match warning {
                InterpreterWarning::UnsupportedFont => told.font.store(true, Ordering::Relaxed),
                InterpreterWarning::ImageDecodeFailure => told.picture.store(true, Ordering::Relaxed),
                // The look of a note or form field is missing: `check_notes`.
                _ => {}
            }),
            ..InterpreterSettings::default()
        }
    }

    fn told(&self) -> Result<(), DecodeError> {
        if self.font.load(Ordering::Relaxed) {
            return Err(DecodeError::FontMissing);
        }
        if self.picture.load(Ordering::Relaxed) { Err(DAMAGED) } else { Ok(()) }
    }
}

/// The characters that text operators show, also in invisible ink, in the order of the file.
#[derive(Default)]
struct TextLayer {
    text: String,
    length: usize,
    /// Where the last glyph ended on its baseline.
    end: Option<Point>,
}

impl TextLayer {
    /// Widest gap within a word and farthest step off its baseline, in ems.
    const GAP: f64 = 0.2;
    const OFF_LINE: f64 = 0.5;

    /// Adds a glyph whose outline, 1000 units an em, is placed so. Where it does not follow the last one, a space or the
    /// end of a line comes between.
    fn add(&mut self, glyph: &Glyph<'_>, place: Affine) {
        if self.length >= MOST_TEXT {
            return;
        }
        let advance = match glyph {
            Glyph::Outline(outline) => outline.advance_width(),
            Glyph::Type3(drawing) => drawing.advance_width(),
        };
        let at = |x: f32| place * Point::new(f64::from(x), 0.0);
        let (start, em) = (at(0.0), at(1000.0) - at(0.0));
        let between = self.end.and_then(|end| {
            let step = start - end;
            let (along, off) = (step.dot(em) / em.hypot2(), step.cross(em) / em.hypot2());
            match off.abs() <= Self::OFF_LINE {
                true if along.abs() <= Self::GAP => None,
                true if along > 0.0 => Some(' '),
                _ => Some('\n'),
            }
        });
        self.end = Some(at(advance.unwrap_or(0.0)));
        match glyph.as_unicode() {
            Some(BfString::Char(c)) => self.push(between, [c]),
            Some(BfString::String(s)) => self.push(between, s.chars()),
            None => self.push(between, [char::REPLACEMENT_CHARACTER]),
        }
    }

    fn push(&mut self, between: Option<char>, said: impl IntoIterator<Item = char>) {
        let said = said.into_iter().filter(|c| !c.is_control());
        for c in between.into_iter().chain(said).take(MOST_TEXT - self.length) {
            self.text.push(c);
            self.length += 1;
        }
    }

    /// The text, if any of it is known.
    fn told(self) -> Option<String> {
        let known = |c: char| !c.is_whitespace() && c != char::REPLACEMENT_CHARACTER;
        self.text.contains(known).then_some(self.text)
    }
}

/// Draws nothing: adds up what drawing costs, looks for a scan, and collects text.
struct Survey<'l> {
    limits: &'l Limits,
    area: Rect,
    cost: f64,
    /// Pixels of the scan that covers the page, for each pixel of `area`.
    scan: Option<f64>,
    /// Whether anything but pictures is drawn.
    drawn: bool,
    /// Masks counted. The renderer draws each once.
    masks: HashSet<u128>,
    text: TextLayer,
}

impl Survey<'_> {
    fn spend(&mut self, cost: f64) {
        self.cost += cost;
        if self.cost.is_nan() || self.cost > BUDGET {
            stop(DecodeError::PdfTooComplex);
        }
    }

    /// Pixels of the page within `shape`.
    fn pixels(&self, shape: Rect) -> f64 {
        shape.intersect(self.area).area()
    }

    /// The outline of a shape of so many elements, in user space: curves are cut into lines, and lines into dashes.
    fn outline(&mut self, elements: usize, shape: Rect, length: f64, transform: Affine, mode: &DrawMode) {
        let shown = transform.transform_rect_bbox(shape);
        self.spend(elements as f64 * (1.0 + shown.width().hypot(shown.height()).sqrt() / 100.0));
        if let DrawMode::Stroke(stroke) | DrawMode::FillAndStroke(_, stroke) = mode
            && !stroke.dash_array.is_empty()
        {
            // Never ends where the dashes have no length, which is infinitely many.
            self.spend(length / stroke.dash_array.iter().map(|dash| f64::from(*dash)).sum::<f64>().max(0.0));
        }
    }

    fn paint<'a>(&mut self, shape: Rect, paint: &Paint<'a>, mask: Option<&SoftMask<'a>>) {
        self.drawn = true;
        self.spend(1.0 + self.pixels(shape) / PIXELS_A_UNIT);
        if let Paint::Pattern(pattern) = paint
            && let Pattern::Tiling(tile) = pattern.as_ref()
        {
            // Tiles that overlap are drawn again for each of their neighbours.
            let copies = |side: f64, step: f32| (side / f64::from(step.abs())).ceil().max(1.0);
            let copies = copies(tile.bbox.width(), tile.x_step) * copies(tile.bbox.height(), tile.y_step);
            let before = self.cost;
            tile.interpret(self, Affine::IDENTITY, false);
            self.spend((self.cost - before + 1.0) * copies);
        }
        self.mask(mask);
    }

    fn mask<'a>(&mut self, mask: Option<&SoftMask<'a>>) {
        if let Some(mask) = mask
            && self.masks.insert(mask.cache_key())
        {
            self.spend(self.pixels(self.area) / PIXELS_A_UNIT);
            mask.interpret(self);
        }
    }
}

impl<'a> Device<'a> for Survey<'_> {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        let length = if matches!(mode, DrawMode::Fill(_)) { 0.0 } else { path.perimeter(1.0) };
        self.outline(path.elements().len(), path.bounding_box(), length, props.transform, mode);
        self.paint((props.transform * path.clone()).bounding_box(), &props.paint, props.soft_mask.as_ref());
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        let mode = DrawMode::Fill(clip.fill);
        self.outline(1 + clip.path.elements().len(), clip.path.bounding_box(), 0.0, Affine::IDENTITY, &mode);
    }

    fn push_transparency_group(&mut self, _: f32, mask: Option<SoftMask<'a>>, _: BlendMode) {
        self.spend(100.0);
        self.mask(mask.as_ref());
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        for glyph in run.glyphs() {
            self.text.add(glyph, props.transform * glyph.transform());
        }
        if matches!(mode, DrawMode::Invisible) {
            return self.spend(run.glyphs().len() as f64);
        }
        for glyph in run.glyphs() {
            // An em is 1000 units of the outline; its strokes are about four times around it.
            let em = glyph.transform().transform_rect_bbox(Rect::new(0.0, 0.0, 1000.0, 1000.0));
            self.outline(8, em, 4.0 * em.perimeter(1.0), props.transform, mode);
            self.paint(props.transform.transform_rect_bbox(em), &props.paint, props.soft_mask.as_ref());
            if let Glyph::Type3(drawing) = &**glyph {
                drawing.interpret(self, props.transform, glyph.transform(), &props.paint);
            }
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        let (width, height) = (image.width(), image.height());
        let stream = match &image {
            Image::Stencil(stencil) => stencil.stream(),
            Image::Raster(raster) => raster.stream(),
        };
        // Those inside of content streams were not among the objects.
        if let Err(reason) = check_stream(stream, self.limits) {
            stop(reason);
        }
        let (w, h) = (f64::from(width), f64::from(height));
        let shown = props.transform.transform_rect_bbox(Rect::new(0.0, 0.0, w, h));
        self.spend(10.0 + w * h / PICTURE_PIXELS_A_UNIT + self.pixels(shown) / PIXELS_A_UNIT);
        if self.pixels(shown) >= WHOLE_PAGE * self.area.area() {
            let native = (w * h / shown.area()).sqrt();
            self.scan = Some(self.scan.map_or(native, |other| other.max(native)));
        }
        self.mask(props.soft_mask.as_ref());
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::support::{pdf, stream};
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use image::Rgb;
    use std::io::Write;

    /// A page of 200 × 100 points with this content, resources and further objects, the first of which is number 5.
    fn page(content: &str, resources: &str, more: &[Vec<u8>]) -> Vec<u8> {
        let dict = format!("<< /Type /Page /MediaBox [0 0 200 100] /Contents 4 0 R /Resources << {resources} >> >>");
        let mut objects = vec![dict.into_bytes(), stream("", content.as_bytes())];
        objects.extend_from_slice(more);
        pdf(&["3 0 R"], &objects)
    }

    fn picture(width: u32, height: u32, more: &str, data: &[u8]) -> Vec<u8> {
        let dict = format!(
            "/Subtype /Image /Width {width} /Height {height} /BitsPerComponent 8 /ColorSpace /DeviceGray {more}"
        );
        stream(&dict, data)
    }

    fn zipped(data: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn drawn(bytes: &[u8]) -> Result<RgbImage, DecodeError> {
        decode(bytes, 1, &Limits::default()).map(|photo| photo.image)
    }

    #[test]
    fn a_page_is_drawn_as_a_viewer_shows_it() {
        let image = drawn(&page("1 0 0 rg 0 50 100 50 re f", "", &[])).unwrap();
        assert_eq!(image.dimensions(), (2200, 1100));
        let at = |x, y| *image.get_pixel(x, y);
        assert_eq!((at(10, 10), at(1090, 540)), (Rgb([255, 0, 0]), Rgb([255, 0, 0])));
        assert_eq!((at(1110, 10), at(10, 560)), (Rgb([255; 3]), Rgb([255; 3])));
    }

    #[test]
    fn print_in_a_standard_font_is_there() {
        let text = "BT /F 20 Tf 10 40 Td (120.00) Tj ET";
        let fonts = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>";
        let image = drawn(&page(text, fonts, &[])).unwrap();
        assert!(image.pixels().filter(|p| p[0] < 80).count() > 5_000);
    }

    #[test]
    fn text_is_collected_seen_or_not() {
        let helvetica = "/Type /Font /Subtype /Type1 /BaseFont /Helvetica";
        let map = b"1 beginbfchar <41> <51436574> endbfchar";
        let chinese = format!("/Font << /F << {helvetica} >> /C << {helvetica} /ToUnicode 5 0 R >> >>");
        let text = |content: &str| {
            let bytes = page(content, &chinese, &[stream("", map)]);
            decode(&bytes, 1, &Limits::default()).unwrap().text_layer
        };
        for (content, wanted) in [
            ("BT /F 20 Tf 10 40 Td (120.00) Tj ET", Some("120.00")),
            ("BT 3 Tr /F 20 Tf 10 40 Td (900.00) Tj ET", Some("900.00")),
            ("BT 2 Tr /F 20 Tf 10 40 Td (9) Tj ET", Some("9\n9")),
            ("BT /F 9 Tf 1 0 0 1 10 40 Tm (12) Tj [(3) -2000 (4) 20 (5)] TJ ET", Some("123 45")),
            ("BT /F 9 Tf 10 40 Td (12) Tj 0 -20 Td (34) Tj 30 0 Td (56) Tj ET", Some("12\n34 56")),
            ("BT /F 9 Tf 0 1 -1 0 50 9 Tm (12) Tj (34) Tj ET", Some("1234")),
            ("BT /C 9 Tf 10 40 Td (A) Tj ET", Some("元整")),
            ("BT /F 0 Tf (12) Tj ET", Some("1\n2")),
            ("0 0 9 9 re f", None),
        ] {
            assert_eq!(text(content).as_deref(), wanted, "{content}");
        }
        let long = format!("BT /F 9 Tf ({}) Tj ET", "7".repeat(MOST_TEXT + 9));
        assert_eq!(text(&long).unwrap().len(), MOST_TEXT);
    }

    #[test]
    fn a_scan_keeps_its_own_pixels() {
        let scan: Vec<u8> = (0..300 * 150).map(|i| if (i / 300 + i % 300) % 2 == 0 { 255 } else { 0 }).collect();
        let shown = "200 0 0 100 0 0 cm /I Do";
        let image = drawn(&page(shown, "/XObject << /I 5 0 R >>", &[picture(300, 150, "", &scan)])).unwrap();
        assert_eq!(image.dimensions(), (300, 150));
        assert!(image.pixels().zip(&scan).all(|(p, s)| p.0 == [*s; 3]));
        // Print over it needs the resolution of print.
        let over = format!("q {shown} Q 0 0 5 5 re f");
        let image = drawn(&page(&over, "/XObject << /I 5 0 R >>", &[picture(300, 150, "", &scan)])).unwrap();
        assert_eq!(image.dimensions(), (2200, 1100));
    }

    #[test]
    fn pages_are_counted_within_the_limit() {
        let limits = Limits { pdf_pages: 2, ..Limits::default() };
        let some = |n: usize| {
            let kids: Vec<String> = (0..n).map(|i| format!("{} 0 R", i + 3)).collect();
            let kids: Vec<&str> = kids.iter().map(String::as_str).collect();
            pdf(&kids, &vec![b"<< /Type /Page /MediaBox [0 0 9 9] >>".to_vec(); n])
        };
        assert_eq!(pages(&some(1), &limits), Ok(1));
        assert_eq!(pages(&some(2), &limits), Ok(2));
        assert_eq!(pages(&some(3), &limits), Err(DecodeError::TooManyPages { pages: 3, limit: 2 }));
        assert_eq!(pages(&some(10_000), &limits), Err(DecodeError::TooManyPages { pages: 10_000, limit: 2 }));
        assert_eq!(pages(&some(0), &limits), Err(DecodeError::NoPages));
        for page in [0, 3] {
            assert_eq!(decode(&some(2), page, &limits).unwrap_err(), DecodeError::NoSuchPage { page });
        }
        assert_eq!(pages(b"%PDF-1.7\nnothing", &limits), Err(DAMAGED));
        // A tree that is its own child ends.
        assert!(pages(&pdf(&["2 0 R", "3 0 R"], &[b"<< /Type /Pages /Kids [2 0 R] >>".to_vec()]), &limits).is_err());
    }

    #[test]
    fn what_cannot_be_shown_as_meant_is_refused() {
        let chinese = "<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts \
             [<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) \
             /Ordering (GB1) /Supplement 4 >> >>] >>";
        let font = page("BT /F 20 Tf <4E2D> Tj ET", &format!("/Font << /F {chinese} >>"), &[]);
        assert_eq!(drawn(&font), Err(DecodeError::FontMissing));
        for name in ["/Encrypt", "/Encr#79pt", "/#45#6e#63#72#79#70#74"] {
            let trailer = format!("trailer << /Root 1 0 R {name} << >> >>\n%%EOF");
            let locked = [page("", "", &[]), trailer.into_bytes()].concat();
            assert_eq!(drawn(&locked), Err(DecodeError::Encrypted), "{name}");
        }
        assert!(drawn(&page("% /Encr#7ayption /Encr#7", "", &[])).is_ok());
        let jbig2 = picture(9, 9, "/Filter /JBIG2Decode", b"x");
        assert_eq!(drawn(&page("/I Do", "/XObject << /I 5 0 R >>", &[jbig2])), Err(DecodeError::PdfPicture));
    }

    #[test]
    fn a_file_with_something_left_out_is_damaged() {
        let page = b"<< /Type /Page /MediaBox [0 0 9 9] >>".to_vec();
        let limits = Limits::default();
        let two = pdf(&["3 0 R", "4 0 R"], &[page.clone(), page.clone()]);
        assert_eq!(pages(&two, &limits), Ok(2));
        let second = two.windows(7).position(|w| w == b"4 0 obj").unwrap();
        assert_eq!(pages(&two[..second], &limits), Err(DAMAGED), "cut before the second page");
        let end = [&two[..second], b"trailer << /Root 1 0 R >>\n%%EOF"].concat();
        assert_eq!(pages(&end, &limits), Err(DAMAGED), "its second page is gone");
        let tail = [two.as_slice(), &[b'\n'; 900]].concat();
        assert_eq!(pages(&tail, &limits), Ok(2));

        let content = zipped(&b"0 0 100 100 re f ".repeat(9));
        let broken = stream("/Filter /FlateDecode", &content[..content.len() - 9]);
        let drawn = drawn(&pdf(&["3 0 R"], &[b"<< /Type /Page /Contents 4 0 R >>".to_vec(), broken]));
        assert_eq!(drawn, Err(DAMAGED), "a stream breaks off");
    }

    #[test]
    fn notes_whose_look_is_not_told_are_refused() {
        let with = |note: &str| {
            let page = b"<< /Type /Page /MediaBox [0 0 200 100] /Annots [4 0 R] >>".to_vec();
            let look = stream("/Subtype /Form /BBox [0 0 9 9]", b"1 0 0 rg 0 0 9 9 re f");
            let note = format!("<< /Type /Annot /Rect [0 0 90 90] {note} >>");
            drawn(&pdf(&["3 0 R"], &[page, note.into_bytes(), look]))
        };
        for note in [
            "/Subtype /FreeText /Contents (VOID) /DA (/Helv 80 Tf)",
            "/Subtype /Stamp /Name /Void /F 4",
            "/Subtype /Stamp /AP << >>",
            "/Subtype /Stamp /AP << /N << /On 5 0 R >> >>",
            "/Subtype /Highlight",
            "/Subtype /Widget /FT /Tx /V (VOID)",
            "/Subtype /Widget /Parent << /FT /Btn /V /Yes >>",
        ] {
            assert_eq!(with(note), Err(DecodeError::PdfNote), "{note}");
        }
        for note in [
            "/Subtype /Link",
            "/Subtype /Popup",
            "/Subtype /FreeText /Contents (VOID) /F 2",
            "/Subtype /Widget /FT /Tx /V ()",
            "/Subtype /Widget /FT /Btn /V /Off",
            "/Subtype /Widget /FT /Sig /V << /Type /Sig >>",
        ] {
            assert!(with(note).unwrap().pixels().all(|p| p.0 == [255; 3]), "{note}");
        }
        for note in ["/Subtype /Stamp /AP << /N 5 0 R >>", "/Subtype /Stamp /AS /On /AP << /N << /On 5 0 R >> >>"] {
            assert!(with(note).unwrap().pixels().any(|p| p.0 == [255, 0, 0]), "{note}");
        }
    }

    #[test]
    fn words_of_streams_cost_nothing() {
        let page = |words: &[u8]| drawn(&[page("", "", &[]), words.to_vec(), b" %%EOF".to_vec()].concat());
        let start = std::time::Instant::now();
        assert!(page(&b"stream".repeat(500_000)).is_ok());
        assert_eq!(page(&b"stream\n\x78\x9c".repeat(100_000)), Err(DecodeError::PdfTooComplex));
        let far = [b"9 0 obj <<>> stream\n".repeat(10_000), vec![b' '; 1_000_000], b"endstream".to_vec()].concat();
        assert_eq!(page(&far), Err(DecodeError::PdfTooComplex));
        assert_eq!(page(b"9 0 obj <<>> stream\n"), Err(DAMAGED));
        assert!(start.elapsed().as_secs() < 10);
    }

    #[test]
    fn hostile_pages_end_soon_and_say_why() {
        let resources = "/XObject << /A 5 0 R >>";
        let form = |next: usize| {
            let dict = format!("/Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /A {next} 0 R >> >>");
            stream(&dict, &b"/A Do ".repeat(10))
        };
        let forms: Vec<Vec<u8>> = (6..36).map(form).chain([stream("/Subtype /Form /BBox [0 0 9 9]", b"f")]).collect();
        let too_complex = Err(DecodeError::PdfTooComplex);
        assert_eq!(drawn(&page("/A Do", resources, &forms)), too_complex);
        assert_eq!(drawn(&page(&"0 0 200 100 re f ".repeat(100_000), "", &[])), too_complex);
        assert_eq!(drawn(&page("[0.0000001] 0 d 0 0 m 200 100 l S", "", &[])), too_complex);
        let braces = stream("/FunctionType 4 /Domain [0 1] /Range [0 1]", &b"{".repeat(300_000));
        assert_eq!(drawn(&page("", "", &[braces])), too_complex);
        let stitched = |next: usize| format!("<< /FunctionType 3 /Functions [{next} 0 R {next} 0 R] >>").into_bytes();
        assert_eq!(drawn(&page("", "", &(6..46).map(stitched).collect::<Vec<_>>())), too_complex);
        assert!(drawn(&page("/A Do", resources, &[form(5)])).is_ok(), "a form within itself is drawn once");

        let huge = picture(2_000_000_000, 2, "", b"x");
        let too_long = Err(DecodeError::SideTooLong { side: 2_000_000_000, limit: 16_384 });
        assert_eq!(drawn(&page("/A Do", resources, &[huge])), too_long);
        assert_eq!(drawn(&page("BI /W 2000000000 /H 2 /BPC 8 /CS /G ID x EI", "", &[])), too_long);
        let small = Limits { pixels: 100_000, ..Limits::default() };
        let bomb = zipped(&vec![b' '; 1_000_000]);
        let too_much = |bytes: &[u8]| matches!(decode(bytes, 1, &small), Err(DecodeError::TooMuchMemory { .. }));
        assert!(too_much(&page("", "", &[stream("/Filter /FlateDecode", &bomb)])));
        let twice = stream("/Filter [/FlateDecode /FlateDecode]", &zipped(&bomb));
        assert!(too_much(&page("", "", &[twice])));
        assert!(too_much(&page("", "", &[stream("/Filter /LZWDecode", &[0; 1_000])])));
        for filters in ["[/FlateDecode /FlateDecode]", "[/AHx /Fl]", "/LZWDecode", "[/Flate#44ecode/Fl]", "7 0 R"] {
            let table = stream(&format!("/Type /ObjStm /N 1 /First 5 /Filter {filters}"), &zipped(&bomb));
            assert_eq!(drawn(&page("", "", &[table])), too_complex, "{filters}");
        }
    }
}
