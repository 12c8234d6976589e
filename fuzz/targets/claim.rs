//! The JSON of a claim: what is taken is written again as the same, and what is not is refused in words.
#![no_main]

use claimlens::domain::{Claim, canonical_json};
use claimlens::service::intake::check_claim;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(claim) = Claim::from_json(bytes) else { return };
    let written = canonical_json(&claim);
    let again = Claim::from_json(&written).expect("what was written is a claim");
    assert_eq!(canonical_json(&again), written);
    if let Err(why) = check_claim(&claim) {
        assert!(why.starts_with('`'), "{why}");
    }
});
