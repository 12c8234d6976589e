//! Attacks: forging a photo's own pixels, the way people do with the file on a phone or a computer.

use super::canvas::{self, Bounds, Style};
use super::dice::Dice;
use super::forge::{amount_of, other_amount};
use super::retouch::{self, Blend, Ink, Mask, Paper, Region};
use super::revise::Revision;
use super::{Face, Fonts, Mark, Place, Specimen, SpecimenKind, View, content};
use crate::domain::document::ValueType;
use crate::domain::{DocumentKind, Fen, FieldName, Homography, Upload};
use image::RgbImage;
use jiff::civil::Date;
use qrcode::{Color, EcLevel, QrCode};

/// What a forger does. The names are those of the truth files and only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attack {
    /// One amount is replaced by another.
    RetypeAmount,
    /// A row is raised and all that follows is made to agree: sums, words, payments, the QR code.
    RetypeAll,
    /// Digits of an amount are replaced by digits copied from elsewhere in the same photo.
    CopyMove,
    /// An amount is replaced by one from the photo of another paper.
    Splice,
    /// A row or a value is painted out; the sums then agree or not.
    Erase,
    /// The date of issue is replaced.
    EditDate,
    /// The payer's name is replaced.
    EditName,
    /// Digits of an identifier are replaced.
    EditNumber,
    /// The QR code of another bill is laid over this one's.
    QrReplaced,
    /// A whole bill rendered from a template; no paper was ever photographed.
    Generated,
    /// One amount is replaced before printing, and the print is photographed: no trace in the file.
    FlatRetype,
    /// The name of the hospital is replaced; its seal stays.
    EditIssuer,
}

impl Attack {
    /// All of them.
    pub const ALL: [Attack; 12] = [
        Self::RetypeAmount,
        Self::RetypeAll,
        Self::CopyMove,
        Self::Splice,
        Self::Erase,
        Self::EditDate,
        Self::EditName,
        Self::EditNumber,
        Self::QrReplaced,
        Self::Generated,
        Self::FlatRetype,
        Self::EditIssuer,
    ];

    /// The stable name, written to the truth.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RetypeAmount => "retype_amount",
            Self::RetypeAll => "retype_all",
            Self::CopyMove => "copy_move",
            Self::Splice => "splice",
            Self::Erase => "erase",
            Self::EditDate => "edit_date",
            Self::EditName => "edit_name",
            Self::EditNumber => "edit_number",
            Self::QrReplaced => "qr_replaced",
            Self::Generated => "generated",
            Self::FlatRetype => "flat_retype",
            Self::EditIssuer => "edit_issuer",
        }
    }

    /// Whether a document of this kind and layout prints what the attack is after.
    pub fn suits(self, kind: SpecimenKind, layout: u8) -> bool {
        match self {
            Self::EditDate | Self::Generated => true,
            Self::EditName => kind != SpecimenKind::TillReceipt,
            Self::EditNumber => kind != SpecimenKind::TillReceipt && kind.has_amounts(),
            Self::EditIssuer => !matches!(kind, SpecimenKind::TillReceipt | SpecimenKind::VatInvoice),
            Self::QrReplaced => kind.has_code(layout),
            _ => kind.has_amounts(),
        }
    }

    /// Whether it is done to the photo's file, rather than before there is one.
    pub fn in_the_photo(self) -> bool {
        !matches!(self, Self::Generated | Self::FlatRetype)
    }

    fn tools(self) -> &'static [Tool] {
        match self {
            Self::CopyMove | Self::Splice | Self::QrReplaced => &[Tool::Pasted, Tool::Cloned],
            Self::Erase => &[Tool::Painted, Tool::Inpainted],
            _ => &[Tool::Typed, Tool::Brushed, Tool::Cloned],
        }
    }
}

/// What draws an alteration. The names are those of the truth files and only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// An editor's text tool.
    Typed,
    /// A round brush and an unsteady hand.
    Brushed,
    /// A patch blended in, feathered or by Poisson's equation.
    Cloned,
    /// A patch laid on with hard edges.
    Pasted,
    /// One colour over all.
    Painted,
    /// The surrounding paper carried on.
    Inpainted,
}

impl Tool {
    /// All, as they are listed.
    pub const ALL: [Tool; 6] = [Self::Typed, Self::Brushed, Self::Cloned, Self::Pasted, Self::Painted, Self::Inpainted];

    /// The stable name, written to the truth.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Typed => "typed",
            Self::Brushed => "brushed",
            Self::Cloned => "cloned",
            Self::Pasted => "pasted",
            Self::Painted => "painted",
            Self::Inpainted => "inpainted",
        }
    }
}

/// Forges a photo in its own pixels. `None` if it offers nothing to this attack: no such print, an attack that is not
/// made in the photo. `donor` is asked, once, for the photo of another paper of the same kind.
///
/// What comes back differs from `photo` inside `truth.altered` only.
pub(super) fn attack(
    photo: &Specimen,
    attack: Attack,
    seed: u64,
    fonts: &Fonts,
    donor: impl FnOnce() -> Option<Specimen>,
) -> Option<Specimen> {
    let mut dice = Dice::new(seed, attack.as_str());
    let sheet = photo.view?;
    // Where the first edit will be is not known yet; each region takes the map near it.
    let view = sheet.near([0.0, 0.0, 1.0, 1.0])?;
    let hand = Hand::draw(&mut dice, attack.tools());
    let boxes = photo.places.iter().map(|p| sheet.flat(&p.quad)).collect::<Option<_>>()?;
    let back = view.inverse()?;
    let mut editor = Editor { before: photo, out: photo.clone(), sheet, boxes, view, back, hand, dice, fonts };
    match attack {
        Attack::RetypeAmount => editor.retype_amount(),
        Attack::RetypeAll => editor.retype_all(),
        Attack::CopyMove => editor.copy_move(),
        Attack::Splice => editor.splice(&donor()?),
        Attack::Erase => editor.erase(),
        Attack::EditDate => editor.edit_date(),
        Attack::EditName => editor.edit_name(),
        Attack::EditNumber => editor.edit_number(),
        Attack::EditIssuer => editor.edit_issuer(),
        Attack::QrReplaced => editor.qr_replaced(),
        Attack::Generated | Attack::FlatRetype => None,
    }?;
    let Editor { mut out, hand, .. } = editor;
    out.truth.genuine = false;
    out.truth.attack = Some(attack.as_str().to_owned());
    out.truth.tool = Some(hand.tool.as_str().to_owned());
    out.truth.care = Some((hand.care * 100.0).round() / 100.0);
    (!out.truth.altered.is_empty()).then_some(out)
}

/// One forger's habits, kept through all edits of one photo.
struct Hand {
    tool: Tool,
    /// 0 careless to 1 careful; the rest follows from it, with some chance.
    care: f64,
    /// Follows the sheet's perspective; else only turned and scaled.
    warped: bool,
    /// Takes the ink's and the paper's light from the place; else plain near-black on one colour.
    shaded: bool,
    /// Softens edges as the lens did.
    blur: f64,
    /// Adds noise as the sensor did.
    grained: bool,
    /// Uses the face that stood there.
    same_face: bool,
    /// Replaces only the characters that differ.
    partial: bool,
}

impl Hand {
    fn draw(dice: &mut Dice, tools: &[Tool]) -> Self {
        let tool = dice.pick(tools);
        let care = dice.real(0.0, 1.0);
        let mut careful = |threshold: f64| care + dice.real(-0.2, 0.2) > threshold;
        let (warped, shaded, soft, grained, same_face) =
            (careful(0.35), careful(0.3), careful(0.45), careful(0.6), careful(0.5));
        let blur = if soft { dice.real(0.45, 0.8) } else { 0.0 };
        Self { tool, care, warped, shaded, blur, grained, same_face, partial: dice.chance(0.5) }
    }
}

struct Editor<'a> {
    before: &'a Specimen,
    out: Specimen,
    sheet: View,
    /// The box of each place on the flat sheet.
    boxes: Vec<Bounds>,
    /// The map near the region being edited, and back.
    view: Homography<Upload, Upload>,
    back: Homography<Upload, Upload>,
    hand: Hand,
    dice: Dice,
    fonts: &'a Fonts,
}

/// Flat pixels around a print that go with it.
const MARGIN: f64 = 2.5;

impl Editor<'_> {
    /// The region of the photo that shows a box of the flat sheet; noted as altered.
    fn region(&mut self, [left, top, right, bottom]: Bounds) -> Option<Region> {
        let [l, t, r, b] = [left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN];
        self.view = self.sheet.near([l, t, r, b])?;
        self.back = self.view.inverse()?;
        let (w, h) = (f64::from(self.out.image.width()), f64::from(self.out.image.height()));
        let corners = [[l, t], [r, t], [r, b], [l, b]].map(|c| {
            let [x, y] = self.view.apply(c);
            [x.clamp(0.0, w), y.clamp(0.0, h)].map(|v| (v * 16.0).round() / 16.0)
        });
        let region = Region::new(corners, &self.out.image)?;
        self.out.truth.altered.push(region.corners);
        Some(region)
    }

    /// The characters of a place: each with the flat pen positions before and after it.
    fn cells(&self, place: &Place) -> Vec<(char, [f64; 2])> {
        let mut pen = place.origin[0];
        let mut cell = |c: char| {
            let from = pen;
            pen += f64::from(canvas::advance(self.fonts, &place.style, c));
            (c, [from, pen])
        };
        place.text.chars().map(&mut cell).collect()
    }

    /// Places that print an amount above 0, the total first.
    fn amounts(&self) -> Vec<usize> {
        let money = |p: &Place| match p.mark {
            // Nobody is after the rounding of a few cents.
            Mark::Field(f) => f.value_type() == ValueType::Money && f != FieldName::Rounding,
            Mark::ItemAmount(_) => true,
            _ => false,
        };
        let places = self.before.places.iter().enumerate();
        let printed = places.filter(|(_, p)| money(p) && amount_of(&p.text).is_some_and(|(_, v)| v.0 > 0));
        let mut found: Vec<usize> = printed.map(|(i, _)| i).collect();
        found.sort_by_key(|i| self.before.places[*i].mark != Mark::Field(FieldName::Total));
        found
    }

    /// The total, which is first, or another.
    fn pick_amount(&mut self, among: &[usize]) -> Option<usize> {
        if self.dice.chance(0.5) { among.first().copied() } else { (!among.is_empty()).then(|| self.dice.pick(among)) }
    }

    fn place_of(&self, mark: Mark) -> Option<usize> {
        self.before.places.iter().position(|p| p.mark == mark)
    }

    fn retype_amount(&mut self) -> Option<()> {
        let place = self.pick_amount(&self.amounts())?;
        let (_, amount) = amount_of(&self.before.places[place].text)?;
        let mut revision = Revision::new(&self.before.places, &self.out.truth);
        revision.amount(self.before.places[place].mark, other_amount(amount, &mut self.dice));
        self.carry_out(revision)
    }

    fn retype_all(&mut self) -> Option<()> {
        let truth = &self.before.truth;
        let total = truth.fields.get(&FieldName::Total)?.as_deref().and_then(Fen::parse)?;
        for _ in 0..20 {
            let row = self.dice.between(0, truth.items.len() as i64 - 1) as usize;
            let quantity = truth.items[row].quantity.as_deref().and_then(|q| q.parse().ok()).unwrap_or(1);
            let delta = Fen(self.dice.between(1, 9) * self.dice.pick(&[100, 1_000, 10_000, 100_000]) * quantity);
            let new = Fen(total.0 + delta.0);
            // As long as the old one, and on the same side of 3,000 yuan, so that no amount limit gives it away.
            let alike = new.to_string().len() == total.to_string().len() && (new.0 < 300_000) == (total.0 < 300_000);
            if alike && delta.0 * 20 > total.0 {
                let mut revision = Revision::new(&self.before.places, truth);
                revision.raise_row(row, delta);
                return self.carry_out(revision);
            }
        }
        // A total like 999.00 has no larger one of its length.
        let mut revision = Revision::new(&self.before.places, truth);
        let quantity = truth.items[0].quantity.as_deref().and_then(|q| q.parse().ok()).unwrap_or(1);
        revision.raise_row(0, Fen(1_000 * quantity));
        self.carry_out(revision)
    }

    fn edit_date(&mut self) -> Option<()> {
        let place = self.place_of(Mark::Field(FieldName::IssueDate))?;
        let printed = &self.before.places[place].text;
        let date: Date = self.before.truth.fields.get(&FieldName::IssueDate)?.as_deref()?.parse().ok()?;
        let formats = ["%Y-%m-%d", "%Y年%m月%d日", "%Y%m%d", "%d/%m/%Y", "%d-%m-%Y", "%d %b %Y"];
        let set = |date: Date, format: &str| date.strftime(format).to_string().to_uppercase();
        let format = formats.into_iter().find(|f| set(date, f) == *printed)?;
        let new = content::later(date, self.dice.pick(&[-60, -30, -14, -9, -3, 2, 5, 10, 28, 31, 61]));
        let mut revision = Revision::new(&self.before.places, &self.out.truth);
        revision.text(place, set(new, format), &new.to_string());
        self.carry_out(revision)
    }

    fn edit_name(&mut self) -> Option<()> {
        let names = [FieldName::PayerName, FieldName::BuyerName, FieldName::PatientName];
        let place = names.into_iter().find_map(|f| self.place_of(Mark::Field(f)))?;
        let old = &self.before.places[place].text;
        let mut name = content::person(&mut self.dice);
        while name == *old {
            name = content::person(&mut self.dice);
        }
        let mut revision = Revision::new(&self.before.places, &self.out.truth);
        revision.text(place, name.clone(), &name);
        self.carry_out(revision)
    }

    fn edit_issuer(&mut self) -> Option<()> {
        let place = self.place_of(Mark::Field(FieldName::IssuerName))?;
        let name = content::another_hospital(&self.before.places[place].text, &mut self.dice);
        let mut revision = Revision::new(&self.before.places, &self.out.truth);
        revision.text(place, name.clone(), &name);
        self.carry_out(revision)
    }

    fn edit_number(&mut self) -> Option<()> {
        let fields = [
            FieldName::BillNumber,
            FieldName::BillNumber,
            FieldName::BillCode,
            FieldName::InvoiceNumber,
            FieldName::InvoiceCode,
            FieldName::BusinessSerial,
            FieldName::OutpatientNumber,
            FieldName::AdmissionNumber,
            FieldName::CaseNumber,
            FieldName::InsuranceNumber,
        ];
        let printed: Vec<usize> = fields.into_iter().filter_map(|f| self.place_of(Mark::Field(f))).collect();
        let place = (!printed.is_empty()).then(|| self.dice.pick(&printed))?;
        let mut text: Vec<char> = self.before.places[place].text.chars().collect();
        let figures: Vec<usize> = (0..text.len()).filter(|i| text[*i].is_ascii_digit()).collect();
        let n = self.dice.between(1, 3) as usize;
        for i in self.dice.choose(&figures, n) {
            let others: Vec<char> = ('0'..='9').filter(|c| *c != text[i]).collect();
            text[i] = self.dice.pick(&others);
        }
        let text: String = text.into_iter().collect();
        let mut revision = Revision::new(&self.before.places, &self.out.truth);
        revision.text(place, text.clone(), &text);
        self.carry_out(revision)
    }

    /// Prints what the revision says and takes over its truth.
    fn carry_out(&mut self, revision: Revision<'_>) -> Option<()> {
        let Revision { truth, texts, .. } = revision;
        let altered = std::mem::take(&mut self.out.truth.altered);
        self.out.truth = super::Truth { altered, ..truth };
        for (place, text) in texts {
            if self.before.places[place].mark == Mark::Code {
                self.draw_code(place, &text)?;
            } else {
                self.retype(place, &text)?;
            }
            self.out.places[place].text = text;
        }
        Some(())
    }

    /// Replaces a print by another text.
    fn retype(&mut self, place: usize, text: &str) -> Option<()> {
        let old = &self.before.places[place];
        let [left, top, right, bottom] = self.boxes[place];
        let style = self.style(&old.style);
        // The characters that differ, if only they are replaced; each keeps the room it had.
        let cells = self.cells(old);
        let same_room = cells.iter().zip(text.chars()).all(|((a, _), b)| a.is_ascii_digit() == b.is_ascii_digit());
        let differ: Vec<usize> =
            cells.iter().zip(text.chars()).enumerate().filter(|(_, ((a, _), b))| *a != *b).map(|(i, _)| i).collect();
        let run = match (differ.first(), differ.last()) {
            (Some(a), Some(b)) if self.hand.partial && same_room && cells.len() == text.chars().count() => {
                Some((*a, *b))
            }
            _ => None,
        };
        let (text, hole, wide, start) = match run {
            Some((a, b)) => {
                let (from, to) = (cells[a].1[0], cells[b].1[1]);
                let text: String = text.chars().skip(a).take(b - a + 1).collect();
                // The margin must not reach the neighbours.
                (text, [from + MARGIN - 0.5, top, to - MARGIN + 0.5, bottom], to - from, from)
            }
            None => (text.to_owned(), [left, top, right, bottom], right - left, left),
        };
        let width =
            |style: &Style| -> f64 { text.chars().map(|c| f64::from(canvas::advance(self.fonts, style, c))).sum() };
        // As wide as what stood there if it is as long, so that columns still line up.
        let as_long = run.is_some() || text.chars().count() == old.text.chars().count();
        let style = match (as_long, style == old.style) {
            (true, false) => Style { em: style.em * (wide / width(&style)).clamp(0.85, 1.12) as f32, ..style },
            _ => style,
        };
        // Amounts end where they ended, all else begins where it began.
        let ends = matches!(old.mark, Mark::ItemAmount(_)) || self.out.truth.kind == DocumentKind::TillReceipt;
        let x = match (run, style == old.style, ends && old.mark != Mark::Field(FieldName::IssueDate)) {
            (Some(_), ..) => start + (wide - width(&style)) / 2.0,
            (None, true, false) => old.origin[0],
            (None, _, true) => right - width(&style),
            (None, false, false) => left,
        };
        let slack = 1.6 * (1.0 - self.hand.care);
        let at = [x + self.dice.real(-slack, slack), old.origin[1] + self.dice.real(-slack, slack)];
        let mask = if self.hand.tool == Tool::Brushed {
            Mask::brushed(self.fonts, &style, at, &text, &mut self.dice)
        } else {
            Mask::typed(self.fonts, &style, at, &text)
        };
        let drawn = mask.bounds();
        let hole = if run.is_some() {
            [hole[0], hole[1].min(drawn[1]), hole[2], hole[3].max(drawn[3])]
        } else {
            around(hole, drawn)
        };
        let region = self.region(hole)?;
        self.replace(&region, &mask, at);
        Some(())
    }

    /// The face and size this hand uses for what is set in `old`.
    fn style(&mut self, old: &Style) -> Style {
        if self.hand.same_face {
            return *old;
        }
        let face = old.face.mistaken_for();
        let weight = if face == Face::Song { 0.5 } else { 0.0 };
        Style { face, em: old.em * self.dice.real(0.95, 1.05) as f32, weight, ..*old }
    }

    /// Clears a region and draws a mask in it, as this hand does.
    fn replace(&mut self, region: &Region, mask: &Mask, anchor: [f64; 2]) {
        let paper = Paper::around(&self.out.image, region);
        let ink = if self.hand.shaded {
            Ink::Share(retouch::ink_share(&self.out.image, region, &paper))
        } else {
            let black = self.dice.real(0.0, 45.0) as f32;
            Ink::Opaque([black; 3])
        };
        let grain = if self.hand.grained { paper.grain } else { 0.0 };
        self.clear(region, &paper);
        let (view, back) = (self.view, self.back);
        let mut cover = if self.hand.warped {
            retouch::cover(region, mask, |p| back.apply(p), self.hand.blur)
        } else {
            let upright = Upright::at(&view, anchor, self.hand.care > 0.12);
            retouch::cover(region, mask, |p| upright.back(p), self.hand.blur)
        };
        // Who matches the light also matches the weight, which the blur has taken from thin strokes.
        if self.hand.shaded {
            let bold = self.dice.real(1.2, 2.6) as f32;
            cover.iter_mut().for_each(|c| *c = 1.0 - (1.0 - *c).powf(bold));
        }
        retouch::lay(&mut self.out.image, region, &cover, ink, grain, &mut self.dice);
    }

    /// Puts paper where print was.
    fn clear(&mut self, region: &Region, paper: &Paper) {
        let source = self.out.image.clone();
        let image = &mut self.out.image;
        let shift = match self.hand.tool {
            Tool::Cloned | Tool::Inpainted => retouch::blank_nearby(image, region, &mut self.dice),
            _ => None,
        };
        if let Some(there) = shift.and_then(|s| retouch::moved(image, region, s)) {
            let blend = if self.dice.chance(0.6) { Blend::Seamless } else { Blend::Feather(2.0) };
            return retouch::paste(image, region, |p| retouch::at(&source, there(p)), blend);
        }
        let level = match self.hand.tool {
            Tool::Pasted => Some([255.0; 3]),
            Tool::Painted => Some(paper.level()),
            Tool::Inpainted | Tool::Cloned => None,
            Tool::Typed | Tool::Brushed => (!self.hand.shaded).then(|| paper.level()),
        };
        if let Some(level) = level {
            return retouch::paste(image, region, |_| level, Blend::Hard);
        }
        let grain = if self.hand.grained { paper.grain } else { 0.0 };
        // Long enough, and prime, so that no pattern shows.
        let noise: Vec<f32> = (0..4_999).map(|_| retouch::normal(&mut self.dice) * grain).collect();
        let of = |[x, y]: [usize; 2]| {
            let noise = noise[(x * 7_919 + y * 104_729) % noise.len()];
            paper.at([x, y]).map(|c| c + noise)
        };
        retouch::paste(image, region, of, Blend::Feather(1.5));
    }

    fn copy_move(&mut self) -> Option<()> {
        let amounts = self.amounts();
        let places = &self.before.places;
        let cells: Vec<_> = places.iter().map(|p| self.cells(p)).collect();
        // Every digit that could stand in for another: target place and character, source place and character.
        let mut swaps: Vec<([usize; 2], [usize; 2])> = Vec::new();
        for &i in &amounts {
            for (p, (old, _)) in cells[i].iter().enumerate().filter(|(_, (c, _))| c.is_ascii_digit()) {
                let leads = p == 0 || !cells[i][p - 1].0.is_ascii_digit();
                let point_next = cells[i].get(p + 1).is_none_or(|(c, _)| !c.is_ascii_digit());
                for (j, source) in cells.iter().enumerate() {
                    let (a, b) = (&places[i].style, &places[j].style);
                    if places[j].mark == Mark::Code || a.face != b.face || (a.em / b.em - 1.0).abs() > 0.03 {
                        continue;
                    }
                    swaps.extend(source.iter().enumerate().filter_map(|(q, (c, _))| {
                        let fits = c.is_ascii_digit() && c != old && !(leads && !point_next && *c == '0');
                        fits.then_some(([i, p], [j, q]))
                    }));
                }
            }
        }
        let targets: Vec<usize> = amounts.into_iter().filter(|i| swaps.iter().any(|(t, _)| t[0] == *i)).collect();
        let target = self.pick_amount(&targets)?;
        swaps.retain(|(t, _)| t[0] == target);
        let mut text: Vec<char> = places[target].text.chars().collect();
        let mut chosen: Vec<([usize; 2], [usize; 2])> = Vec::new();
        for _ in 0..self.dice.pick(&[1, 1, 2, 3]) {
            swaps.retain(|(t, _)| chosen.iter().all(|(c, _)| c[1] != t[1]));
            if swaps.is_empty() {
                break;
            }
            let swap = self.dice.pick(&swaps);
            text[swap.0[1]] = cells[swap.1[0]][swap.1[1]].0;
            chosen.push(swap);
        }
        let text: String = text.into_iter().collect();
        let (_, amount) = amount_of(&text)?;
        let mut revision = Revision::new(places, &self.out.truth);
        revision.text(target, text.clone(), &amount.to_string());
        self.out.truth = revision.truth;
        self.out.places[target].text = text;
        // Subpixel copies fit the perspective; plain ones keep the pixels.
        let resampled = self.hand.warped && self.dice.chance(0.4);
        let (blend, before) = (self.blend(), self.before);
        for ([i, p], [j, q]) in chosen {
            let (to, from) = (&places[i], &places[j]);
            let view = self.sheet.near(self.boxes[j])?;
            let ([left, right], [source_left, source_right]) = (cells[i][p].1, cells[j][q].1);
            let [_, top, _, bottom] = self.boxes[i];
            let [_, source_top, _, source_bottom] = self.boxes[j];
            let rise = to.origin[1] - from.origin[1];
            let hole = [
                left + MARGIN - 0.5,
                top.min(source_top + rise),
                right - MARGIN + 0.5,
                bottom.max(source_bottom + rise),
            ];
            let region = self.region(hole)?;
            let offset = [(source_left + source_right - left - right) / 2.0, -rise];
            let middle = [(left + right) / 2.0, (top + bottom) / 2.0];
            self.bring(&region, &before.image, &view, offset, middle, resampled, [1.0; 3], blend)?;
        }
        Some(())
    }

    /// What an edge looks like that this hand leaves.
    fn blend(&mut self) -> Blend {
        match self.hand.tool {
            Tool::Pasted => Blend::Hard,
            _ if self.dice.chance(0.5) => Blend::Seamless,
            _ => Blend::Feather(self.dice.real(1.2, 2.5) as f32),
        }
    }

    /// Fills a region from another picture whose own view is `view`: what lies `offset` away on the flat sheet comes to
    /// the region, either along both perspectives or, pixel by pixel, as it lies at `middle`.
    #[expect(clippy::too_many_arguments, reason = "one paste has that many sides")]
    fn bring(
        &mut self,
        region: &Region,
        from: &RgbImage,
        view: &Homography<Upload, Upload>,
        offset: [f64; 2],
        middle: [f64; 2],
        resampled: bool,
        gain: [f32; 3],
        blend: Blend,
    ) -> Option<()> {
        let back = self.back;
        let lit = |c: [f32; 3]| std::array::from_fn(|i| c[i] * gain[i]);
        let there = |[u, v]: [f64; 2]| view.apply([u + offset[0], v + offset[1]]);
        if resampled {
            let source =
                |[x, y]: [usize; 2]| lit(retouch::between(from, there(back.apply([x as f64 + 0.5, y as f64 + 0.5]))));
            retouch::paste(&mut self.out.image, region, source, blend);
            return Some(());
        }
        let ([tx, ty], [sx, sy]) = (self.view.apply(middle), there(middle));
        let shift = retouch::moved(from, region, [(sx - tx).round() as i64, (sy - ty).round() as i64])?;
        retouch::paste(&mut self.out.image, region, |p| lit(retouch::at(from, shift(p))), blend);
        Some(())
    }

    fn splice(&mut self, donor: &Specimen) -> Option<()> {
        let theirs = donor.view?;
        let places = &self.before.places;
        // Amounts of another value that fill the same room.
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for i in self.amounts() {
            let as_long = |text: &str| text.chars().count() == places[i].text.chars().count();
            pairs.extend(donor.places.iter().enumerate().filter_map(|(j, p)| {
                let money = matches!(p.mark, Mark::ItemAmount(_))
                    || matches!(p.mark, Mark::Field(f) if f.value_type() == ValueType::Money);
                let size = p.style.em / places[i].style.em;
                let other = amount_of(&p.text).is_some_and(|(_, v)| v.0 > 0) && p.text != places[i].text;
                (money && other && as_long(&p.text) && (0.85..1.2).contains(&size)).then_some((i, j))
            }));
        }
        let targets: Vec<usize> = {
            let mut targets: Vec<usize> = pairs.iter().map(|(i, _)| *i).collect();
            targets.dedup();
            targets
        };
        let target = self.pick_amount(&targets)?;
        pairs.retain(|(i, _)| *i == target);
        let (_, source) = self.dice.pick(&pairs);
        let (to, from) = (&places[target], &donor.places[source]);
        let (_, amount) = amount_of(&from.text)?;
        let mut revision = Revision::new(places, &self.out.truth);
        revision.text(target, from.text.clone(), &amount.to_string());
        self.out.truth = revision.truth;
        self.out.places[target].text.clone_from(&from.text);

        let offset = [from.origin[0] - to.origin[0], from.origin[1] - to.origin[1]];
        let [l, t, r, b] = theirs.flat(&from.quad)?;
        let view = theirs.near([l, t, r, b])?;
        let hole = around(self.boxes[target], [l - offset[0], t - offset[1], r - offset[0], b - offset[1]]);
        let region = self.region(hole)?;
        let gain = if self.hand.shaded {
            let corners = [[l, t], [r, t], [r, b], [l, b]].map(|c| view.apply(c));
            let theirs = Paper::around(&donor.image, &Region::new(corners, &donor.image)?).level();
            let ours = Paper::around(&self.out.image, &region).level();
            std::array::from_fn(|c| ours[c] / theirs[c].max(1.0))
        } else {
            [1.0; 3]
        };
        let middle = [(hole[0] + hole[2]) / 2.0, (hole[1] + hole[3]) / 2.0];
        let blend = self.blend();
        self.bring(&region, &donor.image, &view, offset, middle, self.hand.warped, gain, blend)
    }

    fn erase(&mut self) -> Option<()> {
        let places = &self.before.places;
        let values: Vec<usize> = self
            .amounts()
            .into_iter()
            .filter(|i| matches!(places[*i].mark, Mark::Field(f) if f != FieldName::Total))
            .collect();
        if self.dice.chance(0.35) && !values.is_empty() {
            let place = self.dice.pick(&values);
            let Mark::Field(field) = places[place].mark else { return None };
            self.out.truth.fields.insert(field, None);
            self.out.places.remove(place);
            return self.wipe(self.boxes[place]);
        }
        // Not the last row: the paper would be no bill any more.
        let rows = self.before.truth.items.len();
        let row = (rows > 1).then(|| self.dice.between(0, rows as i64 - 1) as usize)?;
        let mut revision = Revision::new(places, &self.out.truth);
        let amount = revision.drop_row(row);
        if self.dice.chance(0.4) {
            revision.follow(Fen(-amount.0));
        }
        let of_row = |p: &&Place| p.mark.row() == Some(row);
        let printed = places.iter().zip(&self.boxes).filter(|(p, _)| of_row(p));
        let mut boxes: Vec<Bounds> = printed.map(|(_, b)| *b).collect();
        if self.dice.chance(0.5) {
            boxes = boxes.into_iter().reduce(around).into_iter().collect();
        }
        self.carry_out(revision)?;
        for hole in boxes {
            self.wipe(hole)?;
        }
        self.out.places.retain(|p| !of_row(&p));
        for place in &mut self.out.places {
            if let Some(i) = place.mark.row_mut().filter(|i| **i > row) {
                *i -= 1;
            }
        }
        Some(())
    }

    fn wipe(&mut self, hole: Bounds) -> Option<()> {
        let region = self.region(hole)?;
        let paper = Paper::around(&self.out.image, &region);
        self.clear(&region, &paper);
        Some(())
    }

    fn qr_replaced(&mut self) -> Option<()> {
        let place = self.place_of(Mark::Code)?;
        let payload = content::payload(self.before.truth.kind, self.before.truth.layout, self.dice.bits())?;
        self.draw_code(place, &payload)?;
        self.out.places[place].text = payload;
        Some(())
    }

    fn draw_code(&mut self, place: usize, payload: &str) -> Option<()> {
        let code = QrCode::with_error_correction_level(payload, EcLevel::M).ok()?;
        let dark: Vec<bool> = code.to_colors().into_iter().map(|c| c == Color::Dark).collect();
        let hole = self.boxes[place];
        let mask = Mask::code(hole, code.width(), &dark);
        let region = self.region(hole)?;
        self.replace(&region, &mask, [(hole[0] + hole[2]) / 2.0, (hole[1] + hole[3]) / 2.0]);
        Some(())
    }
}

/// A flat print laid on a photo with one scale and one turn, as an editor's text box is.
struct Upright {
    anchor: [f64; 2],
    seen: [f64; 2],
    turn: [f64; 2],
}

impl Upright {
    /// As large as the sheet is seen at `anchor`, and turned as it is there or not at all.
    fn at(view: &Homography<Upload, Upload>, anchor: [f64; 2], turned: bool) -> Self {
        let seen = view.apply(anchor);
        let beside = view.apply([anchor[0] + 1.0, anchor[1]]);
        let (dx, dy) = (beside[0] - seen[0], beside[1] - seen[1]);
        Self { anchor, seen, turn: if turned { [dx, dy] } else { [dx.hypot(dy), 0.0] } }
    }

    fn back(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let ([x, y], [c, s]) = ([x - self.seen[0], y - self.seen[1]], self.turn);
        let n = c * c + s * s;
        [self.anchor[0] + (x * c + y * s) / n, self.anchor[1] + (y * c - x * s) / n]
    }
}

fn around(a: Bounds, b: Bounds) -> Bounds {
    [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimen::{CameraParams, Curl, CurlAxis, PaintSpec, paint, photograph, tests::fonts};

    fn photo(kind: SpecimenKind, seed: u64, fonts: &Fonts) -> Specimen {
        let camera = CameraParams { long_side: 1000, ..CameraParams::default() };
        let layout = (seed % u64::from(kind.layouts())) as u8;
        photograph(&paint(&PaintSpec { kind, seed, layout }, fonts), seed, &camera)
    }

    fn inside([x, y]: [f64; 2], quad: &[[f64; 2]; 4]) -> bool {
        (0..4).all(|i| {
            let ([ax, ay], [bx, by]) = (quad[i], quad[(i + 1) % 4]);
            (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0.0
        })
    }

    #[test]
    fn every_attack_alters_where_the_truth_says_and_nowhere_else() {
        let Some(fonts) = fonts() else { return };
        for kind in SpecimenKind::ALL {
            let before = photo(kind, 4, &fonts);
            for a in Attack::ALL.into_iter().filter(|a| a.in_the_photo() && a.suits(kind, before.truth.layout)) {
                for seed in 0..4 {
                    let forge = || attack(&before, a, seed, &fonts, || Some(photo(kind, 76 + 12 * seed, &fonts)));
                    let name = format!("{} on {} with seed {seed}", a.as_str(), kind.as_str());
                    // A donor may have no amount that fits.
                    let Some(after) = forge() else {
                        assert_eq!(a, Attack::Splice, "{name} did nothing");
                        continue;
                    };
                    assert!(forge().as_ref() == Some(&after), "{name} differs from itself");
                    assert!(!after.truth.genuine && after.truth.attack.as_deref() == Some(a.as_str()), "{name}");
                    let mut touched = vec![0; after.truth.altered.len()];
                    for ((x, y, old), new) in before.image.enumerate_pixels().zip(after.image.pixels()) {
                        if old != new {
                            let p = [f64::from(x) + 0.5, f64::from(y) + 0.5];
                            let hits: Vec<usize> =
                                (0..touched.len()).filter(|i| inside(p, &after.truth.altered[*i])).collect();
                            assert!(!hits.is_empty(), "{name}: {x},{y} was altered unsaid");
                            hits.into_iter().for_each(|i| touched[i] += 1);
                        }
                    }
                    assert!(touched.iter().all(|n| *n > 8), "{name}: {touched:?}");
                    let printed_anew =
                        (after.truth.fields != before.truth.fields) || (after.truth.items != before.truth.items);
                    assert_eq!(printed_anew, a != Attack::QrReplaced, "{name}");
                }
            }
        }
    }

    #[test]
    fn a_paper_retyped_throughout_still_adds_up() {
        let Some(fonts) = fonts() else { return };
        let kinds = SpecimenKind::ALL.into_iter().filter(|k| k.has_amounts());
        for (kind, seed) in kinds.flat_map(|k| (0..4).map(move |s| (k, s))) {
            let before = photo(kind, seed, &fonts);
            let after = attack(&before, Attack::RetypeAll, seed, &fonts, || None).unwrap();
            let field = |f: FieldName| after.truth.fields[&f].clone().unwrap();
            let money = |f: FieldName| Fen::parse(&field(f)).unwrap().0;
            let items: i64 = after.truth.items.iter().map(|i| Fen::parse(&i.amount).unwrap().0).sum();
            assert_ne!(field(FieldName::Total), before.truth.fields[&FieldName::Total].clone().unwrap());
            if kind == SpecimenKind::TillReceipt {
                assert_eq!(items, money(FieldName::Subtotal));
                let parts = [FieldName::Subtotal, FieldName::Tax, FieldName::Rounding].map(money);
                assert_eq!(parts.iter().sum::<i64>(), money(FieldName::Total));
                assert_eq!(money(FieldName::Cash) - money(FieldName::Change), money(FieldName::Total));
            } else if kind == SpecimenKind::VatInvoice {
                assert_eq!(items, money(FieldName::AmountWithoutTax));
                assert_eq!(items + money(FieldName::Tax), money(FieldName::Total));
                let taxes: i64 = after
                    .places
                    .iter()
                    .filter(|p| matches!(p.mark, Mark::ItemTax(_)))
                    .map(|p| Fen::parse(&p.text).unwrap().0)
                    .sum();
                assert_eq!(taxes, money(FieldName::Tax));
            } else if kind == SpecimenKind::ExpenseList {
                assert_eq!(items, money(FieldName::Total));
            } else {
                assert_eq!(items, money(FieldName::Total));
                let words = crate::domain::money::parse_capital(&field(FieldName::TotalInWords)).unwrap();
                assert_eq!(words.0, money(FieldName::Total));
                let payers = [
                    FieldName::FundPayment,
                    FieldName::OtherPayment,
                    FieldName::AccountPayment,
                    FieldName::CashPayment,
                ];
                assert_eq!(payers.map(money).iter().sum::<i64>(), money(FieldName::Total));
                let code = after.places.iter().find(|p| p.mark == Mark::Code);
                assert_eq!(code.is_some(), kind.has_code(after.truth.layout));
                assert!(code.is_none_or(|c| c.text.ends_with(&format!(",{}", field(FieldName::Total)))));
            }
            if kind == SpecimenKind::InpatientBill {
                let [deposit, top_up, refund] = [FieldName::Deposit, FieldName::TopUp, FieldName::Refund].map(money);
                assert_eq!(deposit + top_up - refund, money(FieldName::CashPayment));
            }
        }
    }

    #[test]
    fn a_bent_sheet_is_edited_where_the_truth_says() {
        let Some(fonts) = fonts() else { return };
        for (axis, sag) in [(CurlAxis::Horizontal, 0.1), (CurlAxis::Vertical, -0.08)] {
            let curl = Some(Curl { axis, sag });
            let bent = |seed| {
                let flat = paint(&PaintSpec::first(SpecimenKind::OutpatientBill, seed), &fonts);
                photograph(&flat, seed, &CameraParams { long_side: 1000, curl, ..CameraParams::default() })
            };
            let before = bent(1);
            for a in Attack::ALL.into_iter().filter(|a| a.in_the_photo()) {
                let Some(after) = attack(&before, a, 1, &fonts, || Some(bent(77))) else {
                    assert_eq!(a, Attack::Splice, "{} did nothing", a.as_str());
                    continue;
                };
                for ((x, y, old), new) in before.image.enumerate_pixels().zip(after.image.pixels()) {
                    let p = [f64::from(x) + 0.5, f64::from(y) + 0.5];
                    let said = after.truth.altered.iter().any(|q| inside(p, q));
                    assert!(old == new || said, "{}: {x},{y} was altered unsaid", a.as_str());
                }
                // Where it says so, print lies: the middle of the first place that changed is in what was altered.
                let changed = before.places.iter().zip(&after.places).find(|(b, a)| b.text != a.text);
                if let Some((place, _)) = changed.filter(|_| a != Attack::Erase) {
                    let (l, t, r, b) = place.quad.bounds();
                    let near = |q: &[[f64; 2]; 4]| {
                        q.iter().any(|c| c[0] > l - 9.0 && c[0] < r + 9.0 && c[1] > t - 9.0 && c[1] < b + 9.0)
                    };
                    assert!(after.truth.altered.iter().any(near), "{}", a.as_str());
                }
            }
        }
    }
}
