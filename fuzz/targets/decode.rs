//! Bytes that say they are a photo: decoding ends, and gives a picture within the limits or says why not.
#![no_main]

use claimlens::vision::{self, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Small, so that many are tried: a bomb is one that goes beyond them.
    let limits = Limits { pixels: 4_000_000, ..Limits::default() };
    let Ok(pages) = vision::documents(bytes, &limits) else { return };
    for page in pages.into_iter().take(2) {
        if let Ok(photo) = vision::decode(bytes, page, &limits) {
            let (width, height) = photo.image.dimensions();
            assert!(u64::from(width) * u64::from(height) <= 4_000_000);
        }
    }
});
