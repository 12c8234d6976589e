//! Amounts in capital characters: what is understood is written again as the same amount.
#![no_main]

use claimlens::domain::money::{parse_capital_with_repairs, to_capital};
use libfuzzer_sys::fuzz_target;

/// What such amounts are written with, what is taken for it, and what stands around it: hardly any other text gets far.
const LETTERS: &str =
    "零壹贰叁肆伍陆柒捌玖拾佰仟万亿元角分整负⊗人民币大写：一二三十百千萬億圆正毛〇○O0另仵染玫捌8x &，a\u{301}";

fuzz_target!(|bytes: &[u8]| {
    let letters: Vec<char> = LETTERS.chars().collect();
    let text: String = bytes.iter().map(|byte| letters[usize::from(*byte) % letters.len()]).collect();
    let Some((amount, _)) = parse_capital_with_repairs(&text) else { return };
    let words = to_capital(amount);
    assert_eq!(parse_capital_with_repairs(&words), Some((amount, Vec::new())), "{text} → {words}");
});
