//! Amounts in capital characters: what is understood is written again as the same amount.
#![no_main]

use claimlens::domain::money::{parse_capital_with_repairs, to_capital};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some((amount, _)) = parse_capital_with_repairs(text) else { return };
    if amount.0 >= 0 {
        let words = to_capital(amount);
        assert_eq!(parse_capital_with_repairs(&words).map(|(amount, _)| amount), Some(amount), "{words}");
    }
});
