//! A policy file: what is valid is told apart by its hash and decides; what is not is told in lines.
#![no_main]

use claimlens::decision::Policy;
use claimlens::domain::{Decision, Evidence, Facts};
use claimlens::pipeline::judge;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Policy::parse(text) {
        Ok(policy) => {
            assert_eq!(policy.text(), text);
            let nothing = Evidence { claim: None, readings: Vec::new(), facts: Facts::default() };
            assert_eq!(judge(&policy, &nothing).decision, Decision::HumanReview);
        }
        Err(faults) => assert!(!faults.0.is_empty()),
    }
});
