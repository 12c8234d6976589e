//! Whether the coded picture of a JPEG is whole, by walking its entropy-coded data as ITU-T T.81 has it, annexes F and G,
//! without making pixels of it.
//!
//! Decoders mend what they can: bytes that were lost shift all that follows, so that the paper's edge comes to lie in the
//! middle of the picture with a word cut in two, and the end is filled with grey. What reads well there is still not what
//! was photographed. A stream of which blocks were lost or gained does not end where its picture does, and that is
//! found here. Of 320 places in public photos the loss of 200 bytes is found at 311 and that of one at 194; where it is
//! not, a block or two are wrong and nothing is shifted.

/// Scans of one picture at most. Encoders make about ten.
const MOST_SCANS: usize = 100;
/// Blocks that are visited in all its scans together. A block may cost no bits, so that a short file could have billions of
/// visits asked for; encoders visit each about six times, and the largest picture that is decoded has three million.
const MOST_VISITS: usize = 32_000_000;

/// How the coded data of a JPEG and its picture fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// The data ends where the picture does.
    Whole,
    /// It has an end, and is of a kind that is not walked: lossless, arithmetic, hierarchical.
    Unwalked,
    /// The data goes on after the picture's last block, before the next marker.
    Surplus,
    /// The data ends before the picture does, or holds a code that there is none of.
    Broken,
}

/// Why a walk ends.
enum End {
    Broken,
    /// Of a kind that is not walked, or larger than is decoded at all.
    Unknown,
}

/// Walks a JPEG from its first marker to the end of its picture. `pixels` is the largest picture that is walked.
pub(super) fn walk(bytes: &[u8], pixels: u64) -> Stream {
    match Walk::default().all(bytes, pixels) {
        Ok(false) => Stream::Whole,
        Err(End::Unknown) if has_end(bytes) => Stream::Unwalked,
        Ok(true) => Stream::Surplus,
        Err(End::Broken | End::Unknown) => Stream::Broken,
    }
}

/// Whether the end marker (EOI) is reached when walking from marker to marker. Bytes after it do not matter:
/// phones append previews and depth maps there. Segments are skipped by length, so an EOI inside an EXIF preview
/// does not count.
fn has_end(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // To the next marker: 0xff, then neither 0x00 (stuffing) nor 0xff (fill).
        let Some(ff) = bytes.get(at..).and_then(|rest| rest.iter().position(|&b| b == 0xff)) else { return false };
        at += ff + 1;
        match bytes.get(at) {
            None => return false,
            Some(0xd9) => return true,
            Some(0x00 | 0x01 | 0xd0..=0xd8) => at += 1,
            Some(0xff) => {}
            Some(_) => match bytes.get(at + 1..at + 3) {
                Some(&[high, low]) => at += 1 + usize::from(u16::from_be_bytes([high, low])).max(2),
                _ => return false,
            },
        }
    }
}

/// Bits that are looked up at once.
const LOOK: u32 = 9;

/// A Huffman table: what the next bits stand for.
#[derive(Clone)]
struct Table {
    /// By the next [`LOOK`] bits: length of the code and its symbol; a length of 0 for longer ones.
    short: Vec<(u8, u8)>,
    /// For each length, the first code that is too large, in 16 bits; the codes before it; and their symbols' place.
    long: Vec<(u32, u32, usize)>,
    symbols: Vec<u8>,
}

impl Table {
    /// From the sixteen counts and the symbols of a DHT segment.
    fn new(counts: &[u8], symbols: &[u8]) -> Option<Self> {
        let (mut short, mut long) = (vec![(0, 0); 1 << LOOK], Vec::with_capacity(16));
        let (mut code, mut at) = (0_u32, 0_usize);
        for (length, count) in (1..=16_u32).zip(counts) {
            let (first, place) = (code, at);
            for _ in 0..*count {
                let symbol = *symbols.get(at)?;
                if length <= LOOK {
                    let from = (code << (LOOK - length)) as usize;
                    let to = from + (1 << (LOOK - length));
                    short.get_mut(from..to)?.fill((length as u8, symbol));
                }
                (code, at) = (code + 1, at + 1);
            }
            if code > 1 << length {
                return None;
            }
            long.push((code << (16 - length), first, place));
            code <<= 1;
        }
        Some(Self { short, long, symbols: symbols[..at].to_vec() })
    }
}

/// The bits of entropy-coded data up to a marker; zeros follow.
struct Bits<'a> {
    bytes: &'a [u8],
    /// Of the next byte that was not taken in.
    at: usize,
    /// The next bits, the first one highest.
    held: u64,
    /// How many of them.
    count: u32,
    /// How many of these came after the end.
    made_up: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, held: 0, count: 0, made_up: 0 }
    }

    fn fill(&mut self) {
        while self.count <= 56 {
            let byte = match (self.bytes.get(self.at), self.bytes.get(self.at + 1)) {
                (Some(0xff), Some(0)) => {
                    self.at += 2;
                    0xff
                }
                (Some(0xff), _) | (None, _) => {
                    self.made_up += 8;
                    0
                }
                (Some(byte), _) => {
                    self.at += 1;
                    *byte
                }
            };
            self.held |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// `n` is at most 16.
    fn take(&mut self, n: u32) -> u32 {
        if self.count < n {
            self.fill();
        }
        let out = (self.held >> 1 >> (63 - n)) as u32;
        self.held <<= n;
        self.count -= n;
        out
    }

    fn symbol(&mut self, table: &Table) -> Result<u8, End> {
        if self.count < 16 {
            self.fill();
        }
        let next = (self.held >> 48) as u32;
        let (mut length, mut symbol) = table.short[(next >> (16 - LOOK)) as usize];
        if length == 0 {
            let found = (LOOK as usize..16).find(|at| next < table.long[*at].0).ok_or(End::Broken)?;
            let (_, first, place) = table.long[found];
            length = found as u8 + 1;
            let code = next >> (16 - u32::from(length));
            symbol = *table
                .symbols
                .get(place + (code.checked_sub(first).ok_or(End::Broken)?) as usize)
                .ok_or(End::Broken)?;
        }
        self.held <<= length;
        self.count -= u32::from(length);
        Ok(symbol)
    }

    /// Whether bits were taken that are not there.
    fn ran_out(&self) -> bool {
        self.count < self.made_up
    }

    /// Ends a stretch of data: the place of the marker behind it, and whether whole bytes were left over before that.
    fn end(&self) -> (usize, bool) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        // 0xff may fill up before a marker.
        let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff);
        let left = rest.windows(2).position(is_marker).unwrap_or(rest.len());
        let is_left = rest[..left].iter().any(|byte| *byte != 0xff) || self.count - self.made_up >= 8;
        (self.at + left, is_left)
    }
}

#[derive(Default)]
struct Component {
    id: u8,
    /// Which quantisation table it has.
    quantised_by: u8,
    /// Blocks of an MCU across and down.
    sampling: [usize; 2],
    /// Blocks across and down, without and with those that fill the last MCU up.
    blocks: [usize; 2],
    stride: usize,
    /// Of each block, with a progressive picture: which coefficients are not zero so far.
    known: Vec<u64>,
    /// Whether a scan held its mean values.
    seen: bool,
}

#[derive(Default)]
struct Walk {
    progressive: bool,
    /// MCUs across and down.
    mcus: [usize; 2],
    components: Vec<Component>,
    /// Which quantisation tables there are.
    quantisations: [bool; 4],
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    /// MCUs between restart markers; 0 for none.
    restart: usize,
    /// Blocks visited so far.
    visits: usize,
    surplus: bool,
}

/// What a scan of a progressive picture holds: coefficients from, to, bits before and below.
#[derive(Clone, Copy)]
struct Spectrum {
    from: u32,
    to: u32,
    refines: bool,
}

fn word(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

impl Walk {
    /// Whether there was a surplus.
    fn all(mut self, bytes: &[u8], pixels: u64) -> Result<bool, End> {
        let (mut at, mut scans) = (2, 0);
        loop {
            // To the next marker; what lies between segments no decoder reads.
            let rest = bytes.get(at..).ok_or(End::Broken)?;
            at +=
                rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff)).ok_or(End::Broken)?
                    + 2;
            let marker = bytes[at - 1];
            match marker {
                0xd9 => break,
                0x01 | 0xd0..=0xd8 => continue,
                _ => {}
            }
            let length = bytes.get(at..at + 2).map(word).filter(|length| *length >= 2).ok_or(End::Broken)?;
            let segment = bytes.get(at + 2..at + length).ok_or(End::Broken)?;
            at += length;
            match marker {
                0xc0..=0xc2 => self.frame(segment, marker == 0xc2, pixels)?,
                0xc4 => self.tables(segment)?,
                0xdb => self.quantisations(segment)?,
                0xc3 | 0xc5..=0xcf => return Err(End::Unknown),
                // A height told behind the data, of a picture whose header tells it: no decoder here takes both.
                0xdc => return Err(End::Broken),
                0xdd => self.restart = segment.get(..2).map(word).ok_or(End::Broken)?,
                0xda => {
                    scans += 1;
                    if scans > MOST_SCANS {
                        return Err(End::Broken);
                    }
                    at = self.scan(segment, bytes, at)?;
                }
                _ => {}
            }
        }
        // A picture without one of its colours is not whole either.
        let is_seen = !self.components.is_empty() && self.components.iter().all(|component| component.seen);
        if is_seen { Ok(self.surplus) } else { Err(End::Broken) }
    }

    fn frame(&mut self, segment: &[u8], progressive: bool, pixels: u64) -> Result<(), End> {
        let (Some(&[_, y1, y0, x1, x0, n]), false) = (segment.first_chunk(), !self.components.is_empty()) else {
            return Err(End::Broken);
        };
        let (width, height) = (word(&[x1, x0]), word(&[y1, y0]));
        if height == 0 || (width * height) as u64 > pixels {
            return Err(End::Unknown);
        }
        let told = segment.get(6..6 + 3 * usize::from(n)).ok_or(End::Broken)?;
        let sampling: Vec<[usize; 2]> =
            told.chunks(3).map(|one| [usize::from(one[1] >> 4), usize::from(one[1] & 15)]).collect();
        if width == 0 || n == 0 || n > 4 || sampling.iter().flatten().any(|s| !(1..=4).contains(s)) {
            return Err(End::Broken);
        }
        let most = [0, 1].map(|axis| sampling.iter().map(|s| s[axis]).max().unwrap_or(1));
        self.progressive = progressive;
        self.mcus = [width.div_ceil(8 * most[0]), height.div_ceil(8 * most[1])];
        self.components = told
            .chunks(3)
            .zip(sampling)
            .map(|(one, sampling)| {
                let blocks =
                    [(width * sampling[0]).div_ceil(8 * most[0]), (height * sampling[1]).div_ceil(8 * most[1])];
                let padded = [0, 1].map(|axis| self.mcus[axis] * sampling[axis]);
                let known = if progressive { vec![0; padded[0] * padded[1]] } else { Vec::new() };
                Component { id: one[0], quantised_by: one[2], sampling, blocks, stride: padded[0], known, seen: false }
            })
            .collect();
        Ok(())
    }

    /// Which tables a DQT segment holds, of 64 bytes or words each.
    fn quantisations(&mut self, mut segment: &[u8]) -> Result<(), End> {
        while let [id, rest @ ..] = segment {
            *self.quantisations.get_mut(usize::from(id & 15)).ok_or(End::Broken)? = true;
            segment = rest.get(if id >> 4 == 0 { 64 } else { 128 }..).ok_or(End::Broken)?;
        }
        Ok(())
    }

    fn tables(&mut self, mut segment: &[u8]) -> Result<(), End> {
        while let [id, rest @ ..] = segment {
            let counts = rest.get(..16).ok_or(End::Broken)?;
            let n: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let symbols = rest.get(16..16 + n).ok_or(End::Broken)?;
            let tables = if id >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(id & 15)).ok_or(End::Broken)? =
                Some(Table::new(counts, symbols).ok_or(End::Broken)?);
            segment = &rest[16 + n..];
        }
        Ok(())
    }

    /// Walks a scan whose data begins at a place, and gives that of the marker behind it.
    fn scan(&mut self, segment: &[u8], bytes: &[u8], at: usize) -> Result<usize, End> {
        let n = usize::from(*segment.first().ok_or(End::Broken)?);
        let (Some(told), Some(&[from, to, bits])) =
            (segment.get(1..1 + 2 * n), segment.get(1 + 2 * n..).and_then(<[u8]>::first_chunk))
        else {
            return Err(End::Broken);
        };
        let spectrum = match self.progressive {
            true => Spectrum { from: from.into(), to: to.into(), refines: bits >> 4 != 0 },
            false => Spectrum { from: 0, to: 63, refines: false },
        };
        if spectrum.from > spectrum.to || spectrum.to > 63 || (self.progressive && (from == 0) != (to == 0)) {
            return Err(End::Broken);
        }
        let mut parts = Vec::with_capacity(n);
        for one in told.chunks(2) {
            let component = self.components.iter().position(|component| component.id == one[0]).ok_or(End::Broken)?;
            self.components[component].seen |= spectrum.from == 0;
            if self.quantisations.get(usize::from(self.components[component].quantised_by)) != Some(&true) {
                return Err(End::Broken);
            }
            parts.push((component, usize::from(one[1] >> 4), usize::from(one[1] & 15)));
        }
        let (alone, mcus) = match parts[..] {
            [] => return Err(End::Broken),
            [(one, ..)] => (true, self.components[one].blocks),
            _ => (false, self.mcus),
        };
        // One colour's details come by themselves.
        if !alone && spectrum.from > 0 {
            return Err(End::Broken);
        }
        let blocks_of =
            |part: &(usize, usize, usize)| if alone { 1 } else { self.components[part.0].sampling.iter().product() };
        let blocks: usize = parts.iter().map(blocks_of).sum();
        self.visits = self.visits.saturating_add(mcus[0] * mcus[1] * blocks);
        if self.visits > MOST_VISITS {
            return Err(End::Broken);
        }
        let (mut bits, mut run) = (Bits::new(bytes, at), 0);
        for mcu in 0..mcus[0] * mcus[1] {
            if self.restart > 0 && mcu > 0 && mcu % self.restart == 0 {
                let (marker, surplus) = bits.end();
                self.surplus |= surplus;
                if !matches!(bytes.get(marker + 1), Some(0xd0..=0xd7)) {
                    return Err(End::Broken);
                }
                (bits, run) = (Bits::new(bytes, marker + 2), 0);
            }
            let [column, row] = [mcu % mcus[0], mcu / mcus[0]];
            for (component, dc, ac) in &parts {
                let tables = (self.dc.get(*dc).and_then(Option::as_ref), self.ac.get(*ac).and_then(Option::as_ref));
                let component = &mut self.components[*component];
                let [across, down] = if alone { [1, 1] } else { component.sampling };
                for block in 0..across * down {
                    let place = (row * down + block / across) * component.stride + column * across + block % across;
                    match component.known.get_mut(place) {
                        Some(known) => progressive_block(&mut bits, tables, spectrum, known, &mut run)?,
                        None => baseline_block(&mut bits, tables)?,
                    }
                }
            }
            if bits.ran_out() {
                return Err(End::Broken);
            }
        }
        let (marker, surplus) = bits.end();
        self.surplus |= surplus;
        Ok(marker)
    }
}

type Tables<'a> = (Option<&'a Table>, Option<&'a Table>);

fn baseline_block(bits: &mut Bits<'_>, (dc, ac): Tables<'_>) -> Result<(), End> {
    let (dc, ac) = dc.zip(ac).ok_or(End::Broken)?;
    mean(bits, dc)?;
    let mut k = 1;
    while k < 64 {
        let symbol = bits.symbol(ac)?;
        match (symbol >> 4, symbol & 15) {
            (15, 0) => k += 16,
            (_, 0) => return Ok(()),
            (zeros, size) => {
                bits.take(size.into());
                k += u32::from(zeros) + 1;
            }
        }
    }
    if k > 64 { Err(End::Broken) } else { Ok(()) }
}

/// The mean value of a block.
fn mean(bits: &mut Bits<'_>, table: &Table) -> Result<(), End> {
    match bits.symbol(table)? {
        size @ 0..=15 => {
            bits.take(size.into());
            Ok(())
        }
        _ => Err(End::Broken),
    }
}

/// `run` counts blocks whose details end here.
fn progressive_block(
    bits: &mut Bits<'_>,
    (dc, ac): Tables<'_>,
    Spectrum { from, to, refines }: Spectrum,
    known: &mut u64,
    run: &mut u32,
) -> Result<(), End> {
    if from == 0 {
        if refines {
            bits.take(1);
            return Ok(());
        }
        return mean(bits, dc.ok_or(End::Broken)?);
    }
    let mut k = from;
    if *run == 0 {
        let ac = ac.ok_or(End::Broken)?;
        while k <= to {
            let symbol = bits.symbol(ac)?;
            let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 && zeros < 15 {
                *run = (1 << zeros) + bits.take(zeros);
                break;
            }
            bits.take(size);
            if refines {
                k = after_zeros(bits, *known, k, to, zeros);
            } else {
                k += zeros;
            }
            if size > 0 {
                if k > to {
                    return Err(End::Broken);
                }
                *known |= 1 << k;
            }
            k += 1;
        }
    }
    if *run > 0 {
        // Of what is known of the rest of the block a bit follows each.
        let mut left =
            if refines && k <= to { (*known & (u64::MAX >> (63 - to)) & (u64::MAX << k)).count_ones() } else { 0 };
        while left > 0 {
            let some = left.min(16);
            bits.take(some);
            left -= some;
        }
        *run -= 1;
    }
    Ok(())
}

/// The place of the coefficient behind so many that are still zero; of those that are not, on the way, a bit follows.
fn after_zeros(bits: &mut Bits<'_>, known: u64, mut k: u32, to: u32, mut zeros: u32) -> u32 {
    while k <= to {
        if known >> k & 1 == 1 {
            bits.take(1);
        } else if zeros == 0 {
            break;
        } else {
            zeros -= 1;
        }
        k += 1;
    }
    k
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::vision::deskew::tests::painted_text;
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    const PIXELS: u64 = 10_000_000;

    fn encoded(ready: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
        let (page, mut out) = (painted_text(317, 245), Vec::new());
        let mut encoder = Encoder::new(&mut out, 85);
        ready(&mut encoder);
        encoder.encode(page.as_raw(), 317, 245, ColorType::Rgb).unwrap();
        out
    }

    /// One of each kind of stream that encoders make.
    pub(in crate::vision) fn pictures() -> Vec<Vec<u8>> {
        let mut out = vec![
            encoded(|_| {}),
            encoded(|e| e.set_sampling_factor(SamplingFactor::F_2_2)),
            encoded(|e| e.set_sampling_factor(SamplingFactor::F_2_1)),
            encoded(|e| e.set_restart_interval(7)),
            encoded(|e| e.set_optimized_huffman_tables(true)),
            encoded(|e| e.set_progressive(true)),
            encoded(|e| {
                e.set_sampling_factor(SamplingFactor::F_2_2);
                e.set_progressive_scans(12);
            }),
        ];
        let grey = image::DynamicImage::ImageRgb8(painted_text(300, 190)).into_luma8();
        let mut one = Vec::new();
        Encoder::new(&mut one, 60).encode(grey.as_raw(), 300, 190, ColorType::Luma).unwrap();
        out.push(one);
        out
    }

    fn data_at(jpeg: &[u8]) -> usize {
        jpeg.windows(2).position(|pair| pair == b"\xff\xda").unwrap() + 20
    }

    #[test]
    fn what_encoders_make_is_whole() {
        for (n, jpeg) in pictures().iter().enumerate() {
            assert_eq!(walk(jpeg, PIXELS), Stream::Whole, "picture {n}");
            let tail = [jpeg.as_slice(), b"\xff\xd8 a preview"].concat();
            assert_eq!(walk(&tail, PIXELS), Stream::Whole, "picture {n} with a tail");
        }
    }

    #[test]
    fn lost_and_added_bytes_are_found() {
        let (mut found, mut tried) = (0, 0);
        for jpeg in pictures() {
            let data = data_at(&jpeg);
            for n in 0..20 {
                let at = data + n * (jpeg.len() - data - 220) / 20;
                let mut lost = jpeg.clone();
                lost.drain(at..at + 200);
                let mut added = jpeg.clone();
                let noise = (0..200_u32).map(|i| (i * 37 + n as u32 * 11) as u8 & 0x7f);
                added.splice(at..at, noise);
                for spoiled in [lost, added] {
                    tried += 1;
                    found += usize::from(walk(&spoiled, PIXELS) != Stream::Whole);
                }
            }
        }
        assert!(found * 100 >= tried * 95, "{found} of {tried}");
    }

    #[test]
    fn an_end_that_is_missing_is_found_everywhere() {
        for jpeg in pictures() {
            let data = data_at(&jpeg);
            for n in 1..=10 {
                let cut = data + n * (jpeg.len() - data - 8) / 11;
                let ended = [&jpeg[..cut], b"\xff\xd9"].concat();
                assert_eq!(walk(&ended, PIXELS), Stream::Broken, "{cut} of {}", jpeg.len());
            }
        }
    }

    /// Scans of a whole picture in a few bytes: runs of blocks that cost no bits.
    #[test]
    fn a_short_file_cannot_ask_for_endless_work() {
        let side = 8000_u16;
        let [high, low] = side.to_be_bytes();
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xc2, 0, 11, 8, high, low, high, low, 1, 1, 0x11, 0];
        jpeg.extend([0xff, 0xdb, 0, 67, 0]);
        jpeg.extend([1; 64]);
        // One code for a mean value of 0, and one for a run of 16384 blocks or more.
        for (id, symbol) in [(0, 0), (0x10, 0xe0)] {
            jpeg.extend([0xff, 0xc4, 0, 20, id, 1]);
            jpeg.extend([0; 15]);
            jpeg.push(symbol);
        }
        let blocks = usize::from(side / 8).pow(2);
        jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0]);
        jpeg.extend(vec![0; blocks / 8]);
        for _ in 0..60 {
            jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0x10]);
            jpeg.extend([0; 120]);
        }
        jpeg.extend([0xff, 0xd9]);
        assert_eq!(walk(&jpeg, 64_000_000), Stream::Broken);
        let scans = (0..jpeg.len() - 4).filter(|at| jpeg[*at..].starts_with(&[0xff, 0xda, 0, 8]));
        let few = [&jpeg[..scans.take(9).last().unwrap()], &[0xff, 0xd9]].concat();
        assert_ne!(walk(&few, 64_000_000), Stream::Broken, "a few of them are any encoder's right");
    }

    #[test]
    fn what_is_left_over_is_a_surplus() {
        let jpeg = encoded(|_| {});
        let more = [&jpeg[..jpeg.len() - 2], b"\x12\x34\xff\xd9"].concat();
        assert_eq!(walk(&more, PIXELS), Stream::Surplus);
    }

    #[test]
    fn kinds_that_are_not_walked_are_not_judged() {
        let mut lossless = encoded(|_| {});
        let frame = lossless.windows(2).position(|pair| pair == b"\xff\xc0").unwrap();
        lossless[frame + 1] = 0xc3;
        assert_eq!(walk(&lossless, PIXELS), Stream::Unwalked);
        assert_eq!(walk(&lossless[..lossless.len() - 2], PIXELS), Stream::Broken, "but for their end");
        assert_eq!(walk(&encoded(|_| {}), 1000), Stream::Unwalked, "too large to be decoded at all");
    }
}
