//! What parent and child say to each other over two pipes: frames of a head in JSON and of bytes.

use super::locks::Locks;
use crate::domain::Reading;
use crate::domain::result::Timing;
use crate::vision::{DecodeError, PdfPage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

/// Longest head: the reading of a page full of text is a hundredth of it.
const MOST_HEAD: u32 = 64 << 20;
/// Most bytes: an upload, or the pixels of the largest page.
const MOST_BODY: u32 = 256 << 20;

/// What is asked of a child; the photo's bytes follow.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Told again in the answer.
    pub id: u64,
    /// What to do with the photo.
    pub task: Task,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Task {
    /// Read it; needs the models.
    Read { source: String, pdf_page: PdfPage },
    /// Which documents it holds; with `probe`, also whether the only one opens.
    Documents { probe: bool },
    /// A first look.
    Check,
    /// Draw on it what was read, or where it looks altered.
    Draw { heatmap: bool, pdf_page: PdfPage, reading: Box<Reading> },
}

/// What a child answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    /// Of the request; 0 for the first word.
    pub id: u64,
    pub answer: Answer,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The first word of a child: it is locked in and waits for photos.
    Ready(Hello),
    /// The reading; the page's pixels follow, of this width and height.
    Read {
        reading: Box<Reading>,
        timing: Timing,
        page: Option<[u32; 2]>,
    },
    Documents(Vec<PdfPage>),
    Checked(Value),
    /// A JPEG follows, unless there is nothing to draw.
    Drawn(bool),
    /// The photo cannot be decoded.
    Undecodable(Undecodable),
    /// The work could not be done.
    Failed(String),
}

/// What a child says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    /// SHA-256 of each model, by name.
    pub models: BTreeMap<String, String>,
    /// The runtime's name and version.
    pub runtime: String,
    /// What keeps it in.
    pub locks: Locks,
}

/// [`DecodeError`] as it goes over the wire: its words are our own, so only which of them it was has to be told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Undecodable {
    Empty,
    TooManyBytes(usize, usize),
    UnsupportedFormat(String),
    TooManyPixels(u64, u64),
    SideTooLong(u32, u32),
    TooMuchMemory(u64, u64),
    Damaged(String),
    SeveralPictures(String),
    Encrypted,
    NoPages,
    TooManyPages(usize, usize),
    NoSuchPage(u32),
    FontMissing,
    PdfPicture,
    PdfNote,
    NoThread,
    PdfTooComplex,
}

impl From<DecodeError> for Undecodable {
    fn from(why: DecodeError) -> Self {
        match why {
            DecodeError::Empty => Self::Empty,
            DecodeError::TooManyBytes { bytes, limit } => Self::TooManyBytes(bytes, limit),
            DecodeError::UnsupportedFormat { looks_like } => Self::UnsupportedFormat(looks_like.to_owned()),
            DecodeError::TooManyPixels { pixels, limit } => Self::TooManyPixels(pixels, limit),
            DecodeError::SideTooLong { side, limit } => Self::SideTooLong(side, limit),
            DecodeError::TooMuchMemory { bytes, limit } => Self::TooMuchMemory(bytes, limit),
            DecodeError::Damaged { format } => Self::Damaged(format.to_owned()),
            DecodeError::SeveralPictures { format } => Self::SeveralPictures(format.to_owned()),
            DecodeError::Encrypted => Self::Encrypted,
            DecodeError::NoPages => Self::NoPages,
            DecodeError::TooManyPages { pages, limit } => Self::TooManyPages(pages, limit),
            DecodeError::NoSuchPage { page } => Self::NoSuchPage(page),
            DecodeError::FontMissing => Self::FontMissing,
            DecodeError::PdfPicture => Self::PdfPicture,
            DecodeError::PdfNote => Self::PdfNote,
            DecodeError::NoThread => Self::NoThread,
            DecodeError::PdfTooComplex => Self::PdfTooComplex,
        }
    }
}

impl Undecodable {
    /// As the decoder said it. `media` is what the photo begins like, for a format whose name is not one of ours.
    pub fn error(self, media: &'static str) -> DecodeError {
        let format = |name: String| FORMATS.into_iter().find(|known| *known == name).unwrap_or(media);
        match self {
            Self::Empty => DecodeError::Empty,
            Self::TooManyBytes(bytes, limit) => DecodeError::TooManyBytes { bytes, limit },
            Self::UnsupportedFormat(name) => DecodeError::UnsupportedFormat { looks_like: format(name) },
            Self::TooManyPixels(pixels, limit) => DecodeError::TooManyPixels { pixels, limit },
            Self::SideTooLong(side, limit) => DecodeError::SideTooLong { side, limit },
            Self::TooMuchMemory(bytes, limit) => DecodeError::TooMuchMemory { bytes, limit },
            Self::Damaged(name) => DecodeError::Damaged { format: format(name) },
            Self::SeveralPictures(name) => DecodeError::SeveralPictures { format: format(name) },
            Self::Encrypted => DecodeError::Encrypted,
            Self::NoPages => DecodeError::NoPages,
            Self::TooManyPages(pages, limit) => DecodeError::TooManyPages { pages, limit },
            Self::NoSuchPage(page) => DecodeError::NoSuchPage { page },
            Self::FontMissing => DecodeError::FontMissing,
            Self::PdfPicture => DecodeError::PdfPicture,
            Self::PdfNote => DecodeError::PdfNote,
            Self::NoThread => DecodeError::NoThread,
            Self::PdfTooComplex => DecodeError::PdfTooComplex,
        }
    }
}

/// The names of the formats that are read.
const FORMATS: [&str; 5] = ["JPEG", "PNG", "WebP", "HEIC", "PDF"];

/// Writes a frame and sends it off.
pub(super) fn write(to: &mut impl Write, head: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let head = serde_json::to_vec(head).map_err(io::Error::other)?;
    let length = |n: usize, most: u32| u32::try_from(n).ok().filter(|n| *n <= most).ok_or_else(too_long);
    let lengths = [length(head.len(), MOST_HEAD)?, length(body.len(), MOST_BODY)?].map(u32::to_le_bytes);
    to.write_all(&[lengths.concat(), head].concat())?;
    to.write_all(body)?;
    to.flush()
}

/// Reads a frame; `None` at the end, where no frame has begun.
///
/// # Errors
/// If it is cut short or no frame.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut first = [0; 1];
    if from.read(&mut first)? == 0 {
        return Ok(None);
    }
    let mut rest = [0; 7];
    from.read_exact(&mut rest)?;
    let head = u32::from_le_bytes([first[0], rest[0], rest[1], rest[2]]);
    let body = u32::from_le_bytes([rest[3], rest[4], rest[5], rest[6]]);
    if head > MOST_HEAD || body > MOST_BODY {
        return Err(too_long());
    }
    let head = serde_json::from_slice(&exactly(from, head)?).map_err(io::Error::other)?;
    Ok(Some((head, exactly(from, body)?)))
}

/// So many bytes. Memory is taken as they come, not as they were announced.
fn exactly(from: &mut impl Read, length: u32) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity((length as usize).min(1 << 20));
    from.take(u64::from(length)).read_to_end(&mut bytes)?;
    if bytes.len() == length as usize { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn too_long() -> io::Error {
    io::Error::other("a message is too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut pipe = Vec::new();
        for (id, body) in [(1, b"photo".as_slice()), (2, b"")] {
            write(&mut pipe, &Request { id, task: Task::Documents { probe: true } }, body).unwrap();
        }
        let mut from = pipe.as_slice();
        for expected in [(1, b"photo".to_vec()), (2, Vec::new())] {
            let (request, body) = read::<Request>(&mut from).unwrap().unwrap();
            assert_eq!((request.id, body), expected);
        }
        assert!(read::<Request>(&mut from).unwrap().is_none());
    }

    #[test]
    fn nonsense_is_an_error_and_takes_no_memory() {
        let frame = |head: u32, body: u32, rest: &[u8]| [&head.to_le_bytes(), &body.to_le_bytes(), rest].concat();
        for (case, bytes) in [
            ("cut short in the lengths", vec![1, 2, 3]),
            ("a head that is announced and does not come", frame(MOST_HEAD, 0, b"{")),
            ("longer than anything we say", frame(u32::MAX, u32::MAX, b"")),
            ("no JSON", frame(3, 0, b"???")),
            ("of another shape", frame(2, 0, b"{}")),
        ] {
            assert!(read::<Reply>(&mut bytes.as_slice()).is_err(), "{case}");
        }
    }

    #[test]
    fn a_refusal_comes_over_as_it_was() {
        for why in [
            DecodeError::Damaged { format: "JPEG" },
            DecodeError::SeveralPictures { format: "HEIC" },
            DecodeError::TooManyPages { pages: 30, limit: 20 },
            DecodeError::Encrypted,
        ] {
            let sent = serde_json::to_string(&Undecodable::from(why.clone())).unwrap();
            assert_eq!(serde_json::from_str::<Undecodable>(&sent).unwrap().error("photo"), why);
        }
    }
}
