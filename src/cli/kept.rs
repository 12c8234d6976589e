//! Readings kept from one run to the next: reading takes a second a photo, judging a thousandth of it.

use crate::domain::result::Timing;
use crate::domain::{ContentHash, Reading};
use crate::pipeline::{ReadError, ReadOutcome, Reader};
use crate::service::work::ReadPhotos;
use crate::vision::PdfPage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where readings are kept.
#[derive(Debug, Clone)]
pub struct Readings {
    /// The folder; it must be there.
    pub folder: PathBuf,
    /// Look at the pixels of kept ones anew, within the lines that were read.
    pub look_again: bool,
}

/// Reads every photo once: what was read of it lies in a folder, under the SHA-256 of its bytes, and is taken from there
/// the next time, without pictures. What was read with other models or another runtime is read anew; where it is only
/// another pixel model, the pixels are looked at anew, which takes a tenth of the time. A program that reads otherwise is
/// not noticed. Confidences are part of what was read, and with them the sums that they rest on.
pub struct Kept {
    /// Reads what is not there yet.
    pub reader: Reader,
    /// Where to.
    pub readings: Readings,
}

/// The model that looks at pixels and reads nothing, by its name among the models.
const PIXELS: &str = "pixels";

#[derive(Serialize, Deserialize)]
struct File {
    models: BTreeMap<String, String>,
    runtime: String,
    timing: Timing,
    reading: Reading,
}

/// The models that read, without the one that looks at pixels.
fn that_read(models: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    models.iter().filter(|(name, _)| *name != PIXELS)
}

impl Kept {
    /// Whether it was read as this reader reads, whichever model looked at its pixels.
    fn reads_like(&self, file: &File) -> bool {
        that_read(&file.models).eq(that_read(self.models())) && file.runtime == self.runtime()
    }
}

impl ReadPhotos for Kept {
    fn read(&self, source: &str, bytes: &[u8], pdf_page: PdfPage) -> Result<ReadOutcome, ReadError> {
        let page = pdf_page.map_or_else(String::new, |page| format!("-{page}"));
        let path = self.readings.folder.join(format!("{}{page}.json", ContentHash::of(bytes)));
        let kept = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<File>(&text).ok());
        let outcome = match kept.filter(|kept| self.reads_like(kept)) {
            Some(kept) => {
                let mut reading = Reading { source: source.to_owned(), ..kept.reading };
                if kept.models == *self.models() && !self.readings.look_again {
                    return Ok(ReadOutcome { reading, timing: kept.timing, pictures: None });
                }
                reading.pixels = self.reader.look_again(bytes, &reading)?;
                ReadOutcome { reading, timing: kept.timing, pictures: None }
            }
            None => self.reader.read(source, bytes, pdf_page)?,
        };
        let file = File {
            models: self.models().clone(),
            runtime: self.runtime().to_owned(),
            timing: outcome.timing.clone(),
            reading: outcome.reading.clone(),
        };
        let failed = |why: &dyn std::fmt::Display| ReadError::Elsewhere(format!("{}: {why}", path.display()));
        let text = serde_json::to_vec(&file).map_err(|e| failed(&e))?;
        std::fs::write(&path, text).map_err(|e| failed(&e))?;
        Ok(outcome)
    }

    fn models(&self) -> &BTreeMap<String, String> {
        self.reader.models()
    }

    fn runtime(&self) -> &str {
        self.reader.runtime()
    }
}
