//! Bytes that say they are a photo: decoding ends, and gives a picture within the limits or says why not; looking at the
//! picture and making a page of it never fails.
#![no_main]

use claimlens::vision::{self, Limits};
use libfuzzer_sys::fuzz_target;

/// Small, so that many are tried: a bomb is one that goes beyond them. Pages of a PDF are drawn 2200 pixels long, so that
/// only a narrow strip of paper is drawn at all.
const PIXELS: u64 = 1_000_000;
/// Larger pictures are decoded and no more, for the same reason.
const PIXELS_LOOKED_AT: u64 = 10_000;

fuzz_target!(
    // Other people's decoders panic, and `decode` makes a damaged file of that. The fuzzer's hook would end the run for
    // it; without the hook, only what `decode` lets through does.
    init: drop(std::panic::take_hook()),
    |bytes: &[u8]| {
        let limits = Limits { pixels: PIXELS, ..Limits::default() };
        let Ok(pages) = vision::documents(bytes, &limits) else { return };
        for page in pages.into_iter().take(2) {
            let decoded = vision::decode(bytes, page, &limits);
            // What would be read is never refused at intake.
            assert!(decoded.is_err() || vision::opens(bytes, page, &limits).is_ok());
            if let Ok(photo) = decoded {
                let (width, height) = photo.image.dimensions();
                let pixels = u64::from(width) * u64::from(height);
                assert!((1..=PIXELS).contains(&pixels));
                if pixels <= PIXELS_LOOKED_AT {
                    vision::normalise(&photo, &|_| 1);
                }
            }
            if page.is_none()
                && let Ok(reduced) = vision::decode_reduced(bytes, page, &limits)
                && u64::from(reduced.size[0]) * u64::from(reduced.size[1]) <= PIXELS_LOOKED_AT
            {
                vision::first_look(&reduced);
            }
        }
    }
);
