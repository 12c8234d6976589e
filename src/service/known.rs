//! What this process read lately, by the bytes: sent again, they need not be decoded or read again.
//!
//! Kept in memory only. A reading out of the records would have to be held against the log and against the program that
//! made it; one of our own needs neither.

use crate::domain::{ContentHash, Reading};
use crate::store::{BlobState, Blobs};
use crate::vision::PdfPage;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Photos kept. A reading of much text takes some 100 KB.
const MOST: usize = 256;

type Key = (ContentHash, PdfPage);

/// A reading and the normalised page kept for viewing.
pub(super) type KnownReading = (Arc<Reading>, ContentHash);

/// The latest readings, the oldest forgotten first.
#[derive(Default)]
pub(super) struct Known(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    readings: HashMap<Key, KnownReading>,
    order: VecDeque<Key>,
}

impl Known {
    /// Keeps a reading; one that is kept already stays as it is.
    pub(super) fn keep(&self, reading: &Reading, page: ContentHash) {
        let key = (reading.sha256, reading.pdf_page);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.readings.contains_key(&key) {
            return;
        }
        if kept.order.len() == MOST
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.readings.remove(&oldest);
        }
        kept.readings.insert(key, (Arc::new(reading.clone()), page));
        kept.order.push_back(key);
    }

    /// The reading of these bytes, unless the page that was kept with it is gone or altered: then reading them again
    /// mends that. Reads the page.
    pub(super) fn of(&self, blobs: &Blobs, sha256: ContentHash, pdf_page: PdfPage) -> Option<KnownReading> {
        let key = (sha256, pdf_page);
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).readings.get(&key).cloned()?;
        match blobs.state(&found.1) {
            Ok(BlobState::Sound) => return Some(found),
            Ok(BlobState::Altered | BlobState::Missing) => {}
            // It may be there all the same.
            Err(_) => return None,
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.readings.remove(&key);
        kept.order.retain(|k| *k != key);
        None
    }

    /// Whether these bytes are a picture that was read.
    pub(super) fn is_picture(&self, sha256: ContentHash) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).readings.contains_key(&(sha256, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_a_lost_page_is_no_answer() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let page = blobs.put(b"page").unwrap();
        let known = Known::default();
        let sha256 = |n: usize| ContentHash::of(&n.to_le_bytes());
        for n in 0..=MOST {
            known.keep(&Reading::unreadable("a", sha256(n), String::new()), page);
        }
        assert!(!known.is_picture(sha256(0)) && known.is_picture(sha256(1)) && known.is_picture(sha256(MOST)));
        assert_eq!(known.of(&blobs, sha256(1), None).unwrap().1, page);
        assert!(known.of(&blobs, sha256(1), Some(1)).is_none());
        known.keep(&Reading::unreadable("a", sha256(0), String::new()), sha256(7));
        assert!(known.of(&blobs, sha256(0), None).is_none() && !known.is_picture(sha256(0)));
    }
}
