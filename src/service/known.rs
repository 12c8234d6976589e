//! What this process read lately, by the bytes: sent again, they need not be decoded or read again.
//!
//! Kept in memory only. A reading out of the records would have to be held against the log and against the program that
//! made it; one of our own needs neither.

use crate::domain::{ClaimId, ContentHash, Reading};
use crate::store::{Blobs, ClaimKey, PhotoRow};
use crate::vision::PdfPage;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Photos kept. A reading of much text takes some 100 KB.
const MOST: usize = 256;

type Key = (ContentHash, PdfPage);

/// A reading and the normalised page kept for viewing, with what that is sealed with.
#[derive(Clone)]
struct KnownReading {
    reading: Arc<Reading>,
    page: ContentHash,
    seal: Option<ClaimKey>,
}

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
    pub(super) fn keep(&self, reading: &Reading, page: ContentHash, seal: Option<ClaimKey>) {
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
        kept.readings.insert(key, KnownReading { reading: Arc::new(reading.clone()), page, seal });
        kept.order.push_back(key);
    }

    /// The reading of these bytes and the name of its page, unless the page that was kept with it is gone or altered:
    /// then reading them again mends that. Reads the page, and stores it anew where another key seals this claim.
    pub(super) fn of(&self, blobs: &Blobs, photo: &PhotoRow) -> Option<(Arc<Reading>, ContentHash)> {
        let key = (photo.sha256, photo.pdf_page);
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).readings.get(&key).cloned()?;
        // It may be there all the same if the storage gives no answer.
        let Some(page) = blobs.page(&found.page, found.seal.as_ref()).ok()? else {
            self.forget_if(|kept, _| *kept == key);
            return None;
        };
        let name = match photo.seal == found.seal {
            true => found.page,
            false => blobs.put_page(&page, photo.seal.as_ref()).ok()?,
        };
        Some((found.reading, name))
    }

    /// Forgets what was read for a claim.
    pub(super) fn forget(&self, claim: &ClaimId) {
        self.forget_if(|_, known| known.seal.as_ref().is_some_and(|key| key.is_of(claim)));
    }

    fn forget_if(&self, of: impl Fn(&Key, &KnownReading) -> bool) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.readings.retain(|key, known| !of(key, known));
        let Kept { readings, order } = &mut *kept;
        order.retain(|key| readings.contains_key(key));
    }

    /// Whether these bytes are a picture that was read.
    pub(super) fn is_picture(&self, sha256: ContentHash) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).readings.contains_key(&(sha256, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(sha256: ContentHash, pdf_page: PdfPage, seal: Option<ClaimKey>) -> PhotoRow {
        let (source, media_type) = ("a".to_owned(), "image/png".to_owned());
        PhotoRow { source, sha256, blob: sha256, seal, bytes: 1, media_type, pdf_page, page: None }
    }

    #[test]
    fn the_oldest_are_forgotten_and_a_lost_page_is_no_answer() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let page = blobs.put(b"page").unwrap();
        let known = Known::default();
        let sha256 = |n: usize| ContentHash::of(&n.to_le_bytes());
        for n in 0..=MOST {
            known.keep(&Reading::unreadable("a", sha256(n), String::new()), page, None);
        }
        assert!(!known.is_picture(sha256(0)) && known.is_picture(sha256(1)) && known.is_picture(sha256(MOST)));
        assert_eq!(known.of(&blobs, &photo(sha256(1), None, None)).unwrap().1, page);
        assert!(known.of(&blobs, &photo(sha256(1), Some(1), None)).is_none());
        known.keep(&Reading::unreadable("a", sha256(0), String::new()), sha256(7), None);
        assert!(known.of(&blobs, &photo(sha256(0), None, None)).is_none() && !known.is_picture(sha256(0)));
    }

    #[test]
    fn a_page_is_sealed_anew_for_each_claim_and_forgotten_with_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let known = Known::default();
        let [one, other] = [1, 2].map(|n| ClaimId::new(n, [0; 10]));
        let (first, second) = (ClaimKey::new(&one), ClaimKey::new(&other));
        let page = blobs.put_page(b"page", Some(&first)).unwrap();
        let sha256 = ContentHash::of(b"photo");
        known.keep(&Reading::unreadable("a", sha256, String::new()), page, Some(first.clone()));
        assert_eq!(known.of(&blobs, &photo(sha256, None, Some(first))).unwrap().1, page);
        let name = known.of(&blobs, &photo(sha256, None, Some(second.clone()))).unwrap().1;
        assert_ne!(name, page);
        assert_eq!(blobs.page(&name, Some(&second)).unwrap().as_deref(), Some(&b"page"[..]));
        known.forget(&other);
        assert!(known.is_picture(sha256));
        known.forget(&one);
        assert!(!known.is_picture(sha256));
    }
}
