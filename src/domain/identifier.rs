//! Checksummed numbers of Chinese papers, their legal repairs, and masked numbers.

use super::date::Day;

/// Alphabet of GB 32100: no I, O, S, V, Z. A character's place is its value.
const CREDIT_ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// Powers of 3 modulo 31.
const CREDIT_WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
/// Weights of GB 11714.
const ORGANISATION_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
/// Weights of GB 11643: powers of 2 modulo 11.
const RESIDENT_WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// Whether an 18-character unified social credit code (GB 32100) has a right check character, and the organisation
/// code inside it (characters 9 to 17, GB 11714) too. Upper case only.
pub fn credit_code_holds(code: &str) -> bool {
    let bytes = code.as_bytes();
    if bytes.len() != 18 {
        return false;
    }
    let values: Option<Vec<u32>> =
        bytes.iter().map(|b| CREDIT_ALPHABET.iter().position(|a| a == b).map(|v| v as u32)).collect();
    let Some(values) = values else { return false };
    let sum: u32 = values.iter().zip(CREDIT_WEIGHTS).map(|(v, w)| v * w).sum();
    values[17] == (31 - sum % 31) % 31 && organisation_code_holds(&code[8..17])
}

/// Whether a 9-character organisation code (GB 11714), without hyphen, has a right check character.
pub fn organisation_code_holds(code: &str) -> bool {
    let bytes = code.as_bytes();
    if bytes.len() != 9 {
        return false;
    }
    let mut sum = 0;
    for (b, w) in bytes.iter().zip(ORGANISATION_WEIGHTS) {
        sum += w * match b {
            b'0'..=b'9' => u32::from(b - b'0'),
            b'A'..=b'Z' => u32::from(b - b'A') + 10,
            _ => return false,
        };
    }
    bytes[8]
        == match 11 - sum % 11 {
            10 => b'X',
            11 => b'0',
            check => b'0' + check as u8,
        }
}

/// A credit code with the letters it cannot hold read as the digits they look like, and one phrase a repair.
///
/// I, O, S and Z are not in the alphabet, so 1, 0, 5 and 2 are the only things they can be. Lower case is raised.
/// The check character is not looked at, and nothing is repaired that could be right as it stands.
pub fn repair_credit_code(text: &str) -> (String, Vec<String>) {
    let mut repairs = Vec::new();
    let code = text
        .chars()
        .map(|c| {
            let digit = match c.to_ascii_uppercase() {
                'I' => '1',
                'O' => '0',
                'S' => '5',
                'Z' => '2',
                other => return other,
            };
            repairs.push(format!("{c} → {digit}"));
            digit
        })
        .collect();
    (code, repairs)
}

/// What a resident identity number (GB 11643) tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResidentId {
    /// Day of birth.
    pub birth: Day,
    /// Whether the holder is registered as male.
    pub male: bool,
}

/// Reads an 18-character resident identity number, or `None` if its region, date or check character is wrong.
pub fn parse_resident_id(id: &str) -> Option<ResidentId> {
    let bytes = id.as_bytes();
    if bytes.len() != 18 || !bytes[..17].iter().all(u8::is_ascii_digit) || !region_exists(&id[..2]) {
        return None;
    }
    let sum: u32 = bytes.iter().zip(RESIDENT_WEIGHTS).map(|(b, w)| u32::from(b - b'0') * w).sum();
    if bytes[17] != b"10X98765432"[(sum % 11) as usize] {
        return None;
    }
    Some(ResidentId { birth: Day::parse_compact(&bytes[6..14])?, male: bytes[16] % 2 == 1 })
}

/// Whether two digits begin a region code of a province (GB/T 2260).
pub fn region_exists(two_digits: &str) -> bool {
    let Ok(region) = two_digits.parse::<u8>() else { return false };
    two_digits.len() == 2 && matches!(region, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81 | 82)
}

/// Whether a number, in which some characters are masked by `*`, can be the full number `full`.
///
/// What is visible before the first and after the last mask must be the beginning and end of `full`; if the lengths
/// are equal, every visible character must be in its place. `None` if fewer than four characters can be compared.
/// Letters compare without regard to case.
pub fn masked_matches(masked: &str, full: &str) -> Option<bool> {
    let clean = |s: &str| s.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect::<Vec<_>>();
    let (masked, full) = (clean(masked), clean(full));
    let is_mask = |c: &char| matches!(c, '*' | '＊' | '×' | '•' | '●');
    if masked.len() == full.len() {
        let visible = masked.iter().zip(&full).filter(|(m, _)| !is_mask(m));
        let (seen, equal) = visible.fold((0, true), |(n, equal), (m, f)| (n + 1, equal && m == f));
        return (seen >= 4).then_some(equal);
    }
    let first = masked.iter().position(is_mask)?;
    let last = masked.iter().rposition(is_mask)?;
    let (head, tail) = (&masked[..first], &masked[last + 1..]);
    (head.len() + tail.len() >= 4)
        .then(|| head.len() + tail.len() <= full.len() && full.starts_with(head) && full.ends_with(tail))
}

/// A masked resident identity number with as many masks as make its 18 characters: readers merge a run of `*`. `None` if
/// it is as long already, is not masked in one run, or does not begin with the digits of a region.
pub fn unmerge_masks(masked: &str) -> Option<String> {
    let (head, rest) = masked.split_once('*')?;
    let tail = rest.trim_start_matches('*');
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let resident = head.len() >= 4 && digits(head) && region_exists(&head[..2]) && digits(tail.trim_end_matches('X'));
    let masks = 18_usize.checked_sub(head.len() + tail.len())?;
    (resident && masks > 0 && masked.len() != 18).then(|| format!("{head}{}{tail}", "*".repeat(masks)))
}

/// Lower case, with characters of the same face put as one: 1, l and i; 0 and o.
pub fn alike_faces(code: &str) -> String {
    code.chars()
        .map(|c| match c.to_ascii_lowercase() {
            'l' | 'i' => '1',
            'o' => '0',
            other => other,
        })
        .collect()
}

/// Whether a bank card number has a right check digit (Luhn, ISO/IEC 7812). No bill number uses it.
pub fn luhn_holds(number: &str) -> bool {
    let bytes = number.as_bytes();
    if bytes.len() < 2 || !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = bytes
        .iter()
        .rev()
        .enumerate()
        .map(|(i, b)| match (i % 2, u32::from(b - b'0')) {
            (0, d) => d,
            (_, d) if d > 4 => 2 * d - 9,
            (_, d) => 2 * d,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// CRC-16/UMTS: polynomial 0x8005, start 0, nothing reflected, no final xor. Guards the QR payload of VAT invoices.
pub fn crc16_umts(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |c, _| if c & 0x8000 == 0 { c << 1 } else { (c << 1) ^ 0x8005 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CODES: &[&str] =
        &["12110000400685133L", "123200004660000105", "52310115MJ4W12349M", "91440300MA5ABC120X", "92330106MA2KXY9929"];

    #[test]
    fn credit_codes() {
        for code in CODES {
            assert!(credit_code_holds(code), "{code}");
        }
        for code in ["", "12110000400685133", "12110000400685133M", "12110000400685134L", "1211000040068513人"] {
            assert!(!credit_code_holds(code), "{code}");
        }
        // Outer check right, inner wrong: 4…L with another organisation code.
        assert!(organisation_code_holds("D2143569X"));
        assert!(!organisation_code_holds("D21435690"));
    }

    #[test]
    fn any_single_change_breaks_a_credit_code() {
        for code in CODES {
            for at in 0..18 {
                for &other in CREDIT_ALPHABET {
                    let mut bytes = code.as_bytes().to_vec();
                    if bytes[at] != other {
                        bytes[at] = other;
                        assert!(!credit_code_holds(std::str::from_utf8(&bytes).unwrap()));
                    }
                }
            }
        }
    }

    #[test]
    fn credit_codes_are_repaired() {
        let (code, repairs) = repair_credit_code("l2IIO0004OO68SI33L");
        assert_eq!(repairs, ["I → 1", "I → 1", "O → 0", "O → 0", "O → 0", "S → 5", "I → 1"]);
        assert_eq!(code, "L2110000400685133L", "a small l may be L or 1: left alone");
        assert_eq!(
            repair_credit_code("9144O300MA5ABCI20X"),
            ("91440300MA5ABC120X".into(), vec!["O → 0".into(), "I → 1".into()])
        );
    }

    #[test]
    fn resident_ids() {
        let id = parse_resident_id("11010519491231002X").unwrap();
        assert_eq!((id.birth.to_string().as_str(), id.male), ("1949-12-31", false));
        assert!(parse_resident_id("440524188001010014").unwrap().male);
        for bad in
            ["110105194912310021", "11010519490231002X", "99010519491231002X", "11010519491231002x", "1101051949"]
        {
            assert_eq!(parse_resident_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn merged_masks_are_parted() {
        for (read, whole) in [
            ("110101***1234", Some("110101********1234")),
            ("110101*********123X", Some("110101********123X")),
            ("110101********1234", None),
            ("990101***1234", None),
            ("138****1234", None),
            ("1101**01**1234", None),
            ("110101199001011234", None),
        ] {
            assert_eq!(unmerge_masks(read).as_deref(), whole, "{read}");
        }
    }

    #[test]
    fn masked_numbers() {
        let full = "11010519491231002X";
        for (masked, answer) in [
            ("110105********002X", Some(true)),
            ("110105********002x", Some(true)),
            ("110105********0021", Some(false)),
            ("**************002X", Some(true)),
            ("**************102X", Some(false)),
            ("11010519491231***", Some(true)),
            ("11010519491232***", Some(false)),
            ("110105*002X", Some(true)),
            ("******************", None),
            ("1***************2X", None),
            ("110105", None),
            ("11010519491231002X", Some(true)),
            ("110105194912310021", Some(false)),
        ] {
            assert_eq!(masked_matches(masked, full), answer, "{masked}");
        }
    }

    #[test]
    fn luhn() {
        assert!(luhn_holds("6222020000000000000"));
        assert!(!luhn_holds("6225880000000004"));
        assert!(!luhn_holds("62x2"));
    }

    #[test]
    fn crc_vectors() {
        for (text, crc) in [
            ("123456789", 0xFEE8),
            ("01,10,044001500111,81966722,173.79,20170524,17884534745749991611", 0xBE2D),
            ("01,32,,24312000000136634917,0.01,20240514,,", 0x1DD6),
            ("01,31,,24312000000358032546,633.00,20241118,,", 0x16C0),
            ("", 0),
        ] {
            assert_eq!(crc16_umts(text.as_bytes()), crc, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(a in ".{0,24}", b in ".{0,24}") {
            let _ = (credit_code_holds(&a), organisation_code_holds(&a), parse_resident_id(&a), luhn_holds(&a));
            let _ = (masked_matches(&a, &b), repair_credit_code(&a), region_exists(&a));
        }
    }
}
