//! The parts of a file that are not pixels. Everything in them may be hostile: nothing is read past its end, and nothing
//! is copied out.

/// The segments of a JPEG in front of its pixels, each with its marker's second byte.
pub(super) fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8]).unwrap_or_default();
    std::iter::from_fn(move || {
        let after = rest.strip_prefix(&[0xff])?;
        let padding = after.iter().take_while(|b| **b == 0xff).count();
        let (&marker, after) = after.get(padding..)?.split_first()?;
        let (length, _) = after.split_first_chunk::<2>()?;
        let body = after.get(2..usize::from(u16::from_be_bytes(*length)))?;
        rest = &after[2 + body.len()..];
        // Start of scan: pixels follow.
        (marker != 0xda).then_some((marker, body))
    })
}

/// Width and height of a JPEG as its frame says, pixels.
pub(super) fn frame_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let (_, frame) = segments(bytes).find(|(marker, _)| matches!(marker, 0xc0..=0xc2))?;
    let side = |at: usize| Some(u32::from(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?])));
    Some((side(3)?, side(1)?)).filter(|(w, h)| *w > 0 && *h > 0)
}

/// The chunks of a PNG, each with its kind; those of the pixels too.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n").unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_at_checked(4)?;
        let (body, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = after.get(4..)?;
        Some((kind, body))
    })
}

/// Most bytes of notes that are looked at: whole C2PA manifests have a few hundred thousand.
const NOTES: usize = 1 << 20;

/// What a file says beside its pixels: EXIF, XMP, C2PA, comments; the first [`NOTES`] bytes of it.
pub(super) fn texts(bytes: &[u8]) -> Vec<&[u8]> {
    let jpeg = segments(bytes).filter(|(marker, _)| matches!(marker, 0xe1..=0xef | 0xfe)).map(|(_, body)| body);
    let png = chunks(bytes).filter(|(kind, _)| !matches!(*kind, b"IDAT" | b"IHDR" | b"PLTE")).map(|(_, body)| body);
    let mut left = NOTES;
    jpeg.chain(png)
        .map(|text| {
            let text = &text[..text.len().min(left)];
            left -= text.len();
            text
        })
        .filter(|text| !text.is_empty())
        .collect()
}

/// The EXIF part of a JPEG or PNG, from its TIFF header on.
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let jpeg = segments(bytes).filter(|(marker, _)| *marker == 0xe1).find_map(|(_, b)| b.strip_prefix(b"Exif\0\0"));
    jpeg.or_else(|| chunks(bytes).find(|(kind, _)| *kind == b"eXIf").map(|(_, body)| body))
}

/// What a camera or program wrote about the picture.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Exif<'a> {
    orientation: Option<u16>,
    /// Who made the camera.
    pub(super) make: Option<&'a [u8]>,
    /// The camera's model.
    pub(super) model: Option<&'a [u8]>,
    /// The camera's own number.
    pub(super) serial: Option<&'a [u8]>,
    /// The program that wrote the file.
    pub(super) software: Option<&'a [u8]>,
    /// When the file was last changed, `YYYY:MM:DD hh:mm:ss`.
    pub(super) modified: Option<&'a [u8]>,
    /// When the photo was taken.
    pub(super) taken: Option<&'a [u8]>,
    /// A small JPEG of the picture.
    pub(super) thumbnail: Option<&'a [u8]>,
}

/// Most entries of a directory that are read: cameras write a few dozen.
const ENTRIES: u16 = 256;

impl<'a> Exif<'a> {
    /// Reads a TIFF (Exif 2.32, 4.6); what is broken is left out.
    pub(super) fn of(tiff: &'a [u8]) -> Self {
        let mut exif = Self::default();
        exif.read(tiff);
        exif
    }

    fn read(&mut self, tiff: &'a [u8]) -> Option<()> {
        let little = match tiff.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let tiff = Tiff { bytes: tiff, little };
        let first = tiff.u32(4)?;
        let mut details = None;
        let second = tiff.directory(first, |tag, at| match tag {
            0x010f => self.make = tiff.text(at),
            0x0110 => self.model = tiff.text(at),
            0x0112 => self.orientation = tiff.u16(at + 8),
            0x0131 => self.software = tiff.text(at),
            0x0132 => self.modified = tiff.text(at),
            0x8769 => details = tiff.u32(at + 8),
            _ => {}
        })?;
        if let Some(details) = details {
            tiff.directory(details, |tag, at| match tag {
                0x9003 => self.taken = tiff.text(at),
                0xa431 => self.serial = tiff.text(at),
                _ => {}
            });
        }
        let (mut start, mut length) = (None, None);
        tiff.directory(second, |tag, at| match tag {
            0x0201 => start = tiff.u32(at + 8),
            0x0202 => length = tiff.u32(at + 8),
            _ => {}
        });
        let (start, length) = (start? as usize, length? as usize);
        self.thumbnail = tiff.bytes.get(start..start.checked_add(length)?);
        Some(())
    }

    /// How the stored picture is to be turned, 1..=8; 1 if nothing valid is said.
    pub(super) fn orientation(&self) -> u8 {
        self.orientation.and_then(|v| u8::try_from(v).ok()).filter(|v| (1..=8).contains(v)).unwrap_or(1)
    }
}

#[derive(Clone, Copy)]
struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Tiff<'a> {
    fn u16(self, at: usize) -> Option<u16> {
        let (head, _) = self.bytes.get(at..)?.split_first_chunk()?;
        Some(if self.little { u16::from_le_bytes(*head) } else { u16::from_be_bytes(*head) })
    }

    fn u32(self, at: usize) -> Option<u32> {
        let (head, _) = self.bytes.get(at..)?.split_first_chunk()?;
        Some(if self.little { u32::from_le_bytes(*head) } else { u32::from_be_bytes(*head) })
    }

    /// Shows every entry of a directory, as its tag and where it stands; gives the place of the next directory.
    fn directory(self, at: u32, mut entry: impl FnMut(u16, usize)) -> Option<u32> {
        let (at, count) = (at as usize, self.u16(at as usize)?.min(ENTRIES));
        for i in 0..usize::from(count) {
            let place = at + 2 + 12 * i;
            entry(self.u16(place)?, place);
        }
        self.u32(at + 2 + 12 * usize::from(count))
    }

    /// The text of an entry, without the zeros and spaces at its end.
    fn text(self, entry: usize) -> Option<&'a [u8]> {
        let length = self.u32(entry + 4)? as usize;
        let start = if length <= 4 { entry + 8 } else { self.u32(entry + 8)? as usize };
        let text = self.bytes.get(start..start.checked_add(length)?)?;
        let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
        Some(text[..end].trim_ascii())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A TIFF with texts by tag in its first directory, the moment of taking in the second, and a thumbnail.
    pub(crate) fn tiff(texts: &[(u16, &str)], taken: &str, thumbnail: &[u8]) -> Vec<u8> {
        let first = 8;
        let details = first + 2 + 12 * (texts.len() + 1) + 4;
        let second = details + 2 + 12 + 4;
        let mut heap = Vec::new();
        let start = second + 2 + 24 + 4;
        let entry = |tag: u16, kind: u16, count: usize, value: usize| {
            let head = [tag.to_be_bytes(), kind.to_be_bytes()].concat();
            [head, (count as u32).to_be_bytes().to_vec(), (value as u32).to_be_bytes().to_vec()].concat()
        };
        let mut text = |tag: u16, value: &str| {
            let at = start + heap.len();
            heap.extend_from_slice(value.as_bytes());
            heap.extend_from_slice(b"\0\0\0\0");
            entry(tag, 2, value.len() + 4, at)
        };
        let mut out = b"MM\0*\0\0\0\x08".to_vec();
        out.extend((texts.len() as u16 + 1).to_be_bytes());
        texts.iter().for_each(|(tag, value)| out.extend(text(*tag, value)));
        out.extend(entry(0x8769, 4, 1, details));
        out.extend((second as u32).to_be_bytes());
        out.extend([0, 1]);
        out.extend(text(0x9003, taken));
        out.extend([0; 4]);
        out.extend([0, 2]);
        out.extend(entry(0x0201, 4, 1, start + heap.len()));
        out.extend(entry(0x0202, 4, 1, thumbnail.len()));
        out.extend([0; 4]);
        out.extend(heap);
        out.extend(thumbnail);
        out
    }

    /// A JPEG with a segment put in front.
    pub(crate) fn with_segment(jpeg: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16 + 2).to_be_bytes();
        [&jpeg[..2], &[0xff, marker], &length, body, &jpeg[2..]].concat()
    }

    #[test]
    fn exif_is_read_and_broken_exif_says_less_without_harm() {
        let bytes = tiff(
            &[(0x010f, "Maker"), (0x0110, "M 1"), (0x0131, "Program 3"), (0x0132, "2026:01:02 10:00:00")],
            "2026:01:01 09:00:00",
            b"small",
        );
        let exif = Exif::of(&bytes);
        assert_eq!((exif.make, exif.model), (Some(&b"Maker"[..]), Some(&b"M 1"[..])));
        assert_eq!((exif.software, exif.serial), (Some(&b"Program 3"[..]), None));
        assert_eq!((exif.modified, exif.taken), (Some(&b"2026:01:02 10:00:00"[..]), Some(&b"2026:01:01 09:00:00"[..])));
        assert_eq!((exif.thumbnail, exif.orientation()), (Some(&b"small"[..]), 1));
        for end in 0..bytes.len() {
            Exif::of(&bytes[..end]);
        }
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] = 0xff;
            Exif::of(&broken);
        }
    }
}
