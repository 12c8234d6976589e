//! A page of a PDF → pixels, as a viewer would show it.
//!
//! A PDF is a program for drawing, and this one may be hostile. Its streams are measured before the parser may unpack
//! any; the page is then drawn once on a [`Survey`], which allocates no pixels, adds up what drawing costs and ends it
//! at [`BUDGET`]; only a page that came through is drawn on pixels. Encrypted files are refused, so what was measured
//! is what is unpacked. Scripts, attachments and forms' logic are never run.

use super::Limits;
use super::decode::{DecodeError, within};
use flate2::read::ZlibDecoder;
use hayro::hayro_interpret::font::{FontQuery, Glyph, GlyphRun};
use hayro::hayro_interpret::pattern::Pattern;
use hayro::hayro_interpret::{
    BlendMode, CacheKey, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, InterpreterWarning, Paint, SoftMask, TransformExt, interpret_page,
};
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::object::{Object, Stream};
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::{Affine, BezPath, Rect, Shape};
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::vello_cpu::{Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit};
use hayro::{RenderCache, RenderSettings, render_into};
use image::codecs::jpeg::JpegDecoder;
use image::{ImageDecoder, RgbImage};
use std::collections::HashSet;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
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

/// How many pages there are: 1 to [`Limits::pdf_pages`].
pub(super) fn pages(bytes: &[u8], limits: &Limits) -> Result<u32, DecodeError> {
    guarded(|| {
        let pdf = open(bytes, limits)?;
        u32::try_from(pdf.pages().len()).map_err(|_| DAMAGED)
    })
}

/// Draws page `number`, counted from 1, on white.
pub(super) fn decode(bytes: &[u8], number: u32, limits: &Limits) -> Result<RgbImage, DecodeError> {
    guarded(|| {
        let pdf = open(bytes, limits)?;
        check_streams(&pdf, limits)?;
        let page = (number as usize).checked_sub(1).and_then(|i| pdf.pages().get(i));
        draw(page.ok_or(DecodeError::NoSuchPage { page: number })?, limits)
    })
}

const DAMAGED: DecodeError = DecodeError::Damaged { format: "PDF" };

/// Runs `work`; a panic in it is a damaged file, and [`stop`] ends it with its reason.
fn guarded<T>(work: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|thrown| Err(thrown.downcast::<DecodeError>().map_or(DAMAGED, |reason| *reason)))
}

/// Leaves the interpreter, which has no way to be told to stop, for [`guarded`].
fn stop(reason: DecodeError) -> ! {
    resume_unwind(Box::new(reason))
}

fn open(bytes: &[u8], limits: &Limits) -> Result<Pdf, DecodeError> {
    if bytes.windows(8).any(|w| w == b"/Encrypt") {
        return Err(DecodeError::Encrypted);
    }
    measure_deflated(bytes, limits)?;
    let pdf = Pdf::new(bytes.to_vec()).map_err(|_| DAMAGED)?;
    match pdf.pages().len() {
        0 => Err(DecodeError::NoPages),
        pages if pages > limits.pdf_pages => Err(DecodeError::TooManyPages { pages, limit: limits.pdf_pages }),
        _ => Ok(pdf),
    }
}

/// Inflates, without keeping any of it, whatever is deflated behind a `stream` keyword: also what the parser unpacks
/// while it opens the file.
fn measure_deflated(bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    let limit = 2 * bytes_allowed(limits);
    let mut total = 0;
    for at in bytes.windows(6).enumerate().filter(|(_, w)| *w == b"stream").map(|(at, _)| at + 6) {
        let data = bytes.get(at..).unwrap_or_default();
        let data = data.strip_prefix(b"\r").unwrap_or(data);
        let data = data.strip_prefix(b"\n").unwrap_or(data);
        // Any count up to the limit; an error means that this was no deflated data or its end.
        let mut inflated = ZlibDecoder::new(data).take(limit + 1 - total);
        let mut scratch = [0; 16 << 10];
        while let Ok(n @ 1..) = inflated.read(&mut scratch) {
            total += n as u64;
        }
        if total > limit {
            return Err(DecodeError::TooMuchMemory { bytes: total, limit });
        }
    }
    Ok(())
}

/// Bytes that one unpacked stream may have.
fn bytes_allowed(limits: &Limits) -> u64 {
    4 * limits.pixels
}

fn check_streams(pdf: &Pdf, limits: &Limits) -> Result<(), DecodeError> {
    pdf.objects().into_iter().try_for_each(|object| match object {
        Object::Stream(stream) => check_stream(&stream, limits),
        _ => Ok(()),
    })
}

/// Refuses a stream that could unpack to more than [`bytes_allowed`], or whose picture breaks a limit.
fn check_stream(stream: &Stream<'_>, limits: &Limits) -> Result<(), DecodeError> {
    use hayro::hayro_syntax::Filter;
    let (filters, raw) = (stream.filters(), stream.raw_data());
    let limit = bytes_allowed(limits);
    let deflated_alone = filters.as_slice() == [Filter::FlateDecode] && stream.obj_id().obj_number != 0;
    let mut most = raw.len() as u64;
    for filter in &filters {
        // The most bytes that one byte can become.
        let growth = match filter {
            // Measured by `measure_deflated`, unless it lies inside of something else.
            Filter::FlateDecode if deflated_alone => 1,
            Filter::FlateDecode => 1032,
            // 12 bits can stand for 4095 bytes.
            Filter::LzwDecode => 2730,
            Filter::RunLengthDecode => 64,
            Filter::Jbig2Decode | Filter::JpxDecode => return Err(DecodeError::PdfPicture),
            _ => 1,
        };
        most = most.saturating_mul(growth);
    }
    if most > limit {
        return Err(DecodeError::TooMuchMemory { bytes: most, limit });
    }
    let number = |names: [&[u8]; 2]| names.iter().find_map(|name| stream.dict().get::<u32>(*name));
    if let (Some(width), Some(height)) = (number([b"Width", b"W"]), number([b"Height", b"H"])) {
        within(width, height, limits, &DAMAGED)?;
        let columns = stream.dict().get::<hayro::hayro_syntax::object::Dict<'_>>(b"DecodeParms".as_slice());
        if let Some(columns) = columns.and_then(|d| d.get::<u32>(b"Columns".as_slice())) {
            within(columns.max(1), height, limits, &DAMAGED)?;
        }
        if filters.as_slice() == [Filter::DctDecode] {
            let (width, height) = JpegDecoder::new(Cursor::new(&raw)).map_err(|_| DAMAGED)?.dimensions();
            within(width, height, limits, &DAMAGED)?;
        } else if filters.contains(&Filter::DctDecode) {
            // A JPEG wrapped in another filter: rare, and its own size cannot be seen from here.
            return Err(DecodeError::PdfPicture);
        }
    }
    Ok(())
}

fn draw(page: &Page<'_>, limits: &Limits) -> Result<RgbImage, DecodeError> {
    let (width, height) = page.render_dimensions();
    let (width, height) = (f64::from(width), f64::from(height));
    if !(width > 0.0 && height > 0.0 && width.is_finite() && height.is_finite()) {
        return Err(DAMAGED);
    }
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
    let mut survey = Survey { limits, area, cost: 0.0, scan: None, drawn: false, masks: HashSet::new() };
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
    RgbImage::from_raw(w as u32, h as u32, rgb).ok_or(DAMAGED)
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
                // A form field or note without a look of its own shows nothing in viewers either.
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

/// Draws nothing: adds up what drawing costs, and looks for a scan.
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
}

impl Survey<'_> {
    fn spend(&mut self, cost: f64) {
        self.cost += cost;
        // Also stops at a cost that is no number.
        if !(self.cost <= BUDGET) {
            stop(DecodeError::PdfTooComplex);
        }
    }

    /// Pixels of the page within `shape`.
    fn pixels(&self, shape: Rect) -> f64 {
        shape.intersect(self.area).area()
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
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, _: &DrawMode) {
        self.spend(path.elements().len() as f64);
        self.paint((props.transform * path.clone()).bounding_box(), &props.paint, props.soft_mask.as_ref());
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.spend(1.0 + clip.path.elements().len() as f64);
    }

    fn push_transparency_group(&mut self, _: f32, mask: Option<SoftMask<'a>>, _: BlendMode) {
        self.spend(100.0);
        self.mask(mask.as_ref());
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        if matches!(mode, DrawMode::Invisible) {
            return self.spend(run.glyphs().len() as f64);
        }
        for glyph in run.glyphs() {
            let transform = props.transform * glyph.transform();
            // An em is 1000 units of the outline.
            let em = transform.transform_rect_bbox(Rect::new(0.0, 0.0, 1000.0, 1000.0));
            self.spend(8.0);
            self.paint(em, &props.paint, props.soft_mask.as_ref());
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
