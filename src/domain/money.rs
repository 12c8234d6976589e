//! Money: whole fen, decimal numerals, and amounts in capital (大写) characters.

use std::fmt;

/// An amount in fen (1/100 yuan, or 1/100 of whatever currency the paper is in). May be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fen(pub i64);

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100)
    }
}

/// The codes of ISO 4217 in use, without those of metals, funds and tests, in order.
const CURRENCY_CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP \
     BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF \
     GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD \
     LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR \
     PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY \
     TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// The codes of currencies, by ISO 4217: three capital letters each.
pub fn currency_codes() -> impl Iterator<Item = &'static str> {
    CURRENCY_CODES.split(' ')
}

/// Whether a text is one of [`currency_codes`].
pub fn is_currency(code: &str) -> bool {
    currency_codes().any(|known| known == code)
}

impl Fen {
    /// Parses the contract's form: optional minus, digits, point, two digits. Nothing else.
    pub fn parse(s: &str) -> Option<Self> {
        let (sign, digits) = s.strip_prefix('-').map_or((1, s), |rest| (-1, rest));
        let (whole, cents) = digits.split_once('.')?;
        let plain = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(cents) || cents.len() != 2 || whole.len() > 13 {
            return None;
        }
        Some(Self(sign * (whole.parse::<i64>().ok()? * 100 + cents.parse::<i64>().ok()?)))
    }
}

/// The value of an amount in capital characters, or `None` if the text is not one beyond doubt.
///
/// Compare amounts by this value, never as strings: 圆 and 元, 正 and 整 and several 零 are optional in print.
/// See [`parse_capital_with_repairs`] for what is accepted.
pub fn parse_capital(text: &str) -> Option<Fen> {
    parse_capital_with_repairs(text).map(|(value, _)| value)
}

/// Like [`parse_capital`], with one phrase for each character that was taken for another.
///
/// Writing variants (圆, 正, 萬, lower-case 一二三 …) are the same character and not repairs; look-alikes (员 for 元,
/// 玫 for 玖 …) are. A character that may stand for two others is tried as both, and only one may make sense.
/// The grammar is strict where a lost character would change the value: a position left out inside the integer
/// must be marked by 零, a unit must have its digit, units must fall. So 壹佰壹元, 玖玖拾元 and 壹佰零元 are `None`.
pub fn parse_capital_with_repairs(text: &str) -> Option<(Fen, Vec<String>)> {
    let is_between = |c: &char| c.is_whitespace() || matches!(c, '：' | ':' | '，' | ',' | '。' | '、');
    let mut chars: Vec<char> = text.chars().filter(|c| !is_between(c)).collect();
    let mut repairs = Vec::new();
    for label in ["大写", "人民币"] {
        if chars.starts_with(&label.chars().collect::<Vec<_>>()) {
            chars.drain(..label.chars().count());
        }
    }
    // VAT invoices print ⊗ before the words, which readers take for all sorts of round things. Dropped only before a
    // digit: before a unit it might be a misread digit itself.
    if let [mark, digit, ..] = chars[..]
        && "⊗⊠⊙○◎×ⓧⓍXx@®©&8Q0O".contains(mark)
        && matches!(tokens_of(digit).first(), Some(Token::Digit(1..)))
    {
        repairs.push(format!("leading {mark} dropped"));
        chars.remove(0);
    }
    let negative = chars.first() == Some(&'负') || chars.first() == Some(&'負');
    if negative {
        chars.remove(0);
    }
    if chars.is_empty() || chars.len() > 64 || mixes_dash_like_one(&chars) {
        return None;
    }
    let mut readings = vec![(Vec::new(), Vec::new())];
    for &c in &chars {
        let choices = tokens_of(c);
        if choices.is_empty() || readings.len() * choices.len() > 8 {
            return None;
        }
        readings = readings
            .into_iter()
            .flat_map(|(tokens, repairs): (Vec<Token>, Vec<String>)| {
                choices.iter().map(move |&token| {
                    let (mut tokens, mut repairs) = (tokens.clone(), repairs.clone());
                    tokens.push(token);
                    if is_look_alike(c) {
                        repairs.push(format!("{c} → {}", token.as_char()));
                    }
                    (tokens, repairs)
                })
            })
            .collect();
    }
    let mut understood = readings.into_iter().filter_map(|(tokens, repairs)| Some((amount(&tokens)?, repairs)));
    let (value, more) = understood.next()?;
    if understood.next().is_some() {
        return None;
    }
    repairs.extend(more);
    Some((Fen(if negative { -value } else { value }), repairs))
}

/// What a character of a capital amount means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// 零 to 玖.
    Digit(u8),
    /// 拾, 佰, 仟: the position from the right, 1 to 3.
    Unit(u8),
    Wan,
    Yi,
    Yuan,
    Jiao,
    Fen,
    Zheng,
}

const DIGITS: [char; 10] = ['零', '壹', '贰', '叁', '肆', '伍', '陆', '柒', '捌', '玖'];
const UNITS: [char; 4] = [' ', '拾', '佰', '仟'];

impl Token {
    fn as_char(self) -> char {
        match self {
            Self::Digit(d) => DIGITS[usize::from(d)],
            Self::Unit(u) => UNITS[usize::from(u)],
            Self::Wan => '万',
            Self::Yi => '亿',
            Self::Yuan => '元',
            Self::Jiao => '角',
            Self::Fen => '分',
            Self::Zheng => '整',
        }
    }
}

/// What `c` may mean. Empty if nothing, two if it looks like two things.
fn tokens_of(c: char) -> &'static [Token] {
    use Token::{Digit, Fen, Jiao, Unit, Wan, Yi, Yuan, Zheng};
    match c {
        '零' | '〇' | '○' | '另' | 'O' | 'o' | '0' => &[Digit(0)],
        '壹' | '壱' | '弌' | '一' => &[Digit(1)],
        '贰' | '貳' | '弍' | '弐' | '貮' | '二' | '贡' => &[Digit(2)],
        '叁' | '叄' | '參' | '参' | '三' => &[Digit(3)],
        '肆' | '四' | '肄' => &[Digit(4)],
        '伍' | '五' => &[Digit(5)],
        '陆' | '陸' | '六' => &[Digit(6)],
        '柒' | '七' | '染' | '漆' => &[Digit(7)],
        '捌' | '八' | '扒' => &[Digit(8)],
        '玖' | '九' | '玫' => &[Digit(9)],
        // Half 伍, half 仟.
        '仵' => &[Digit(5), Unit(3)],
        '拾' | '十' | '捨' => &[Unit(1)],
        '佰' | '百' => &[Unit(2)],
        '仟' | '千' | '仞' => &[Unit(3)],
        '万' | '萬' => &[Wan],
        '亿' | '億' => &[Yi],
        '元' | '圆' | '圓' | '園' | '园' | '员' | '員' => &[Yuan],
        '角' | '毛' => &[Jiao],
        '分' => &[Fen],
        '整' | '正' => &[Zheng],
        _ => &[],
    }
}

/// Whether `c` can stand for the digit or unit that is printed as `printed` in the usual capital form.
pub fn may_mean(c: char, printed: char) -> bool {
    tokens_of(c).iter().any(|token| token.as_char() == printed)
}

/// Whether `c` is another character that only looks like the one meant.
fn is_look_alike(c: char) -> bool {
    "另O o0贡参肄染漆扒玫仵捨仞園园员員毛".contains(c)
}

/// A lone 一 among capital digits is more likely a dash or a rule than a one.
fn mixes_dash_like_one(chars: &[char]) -> bool {
    chars.contains(&'一') && chars.iter().any(|c| DIGITS[1..].contains(c))
}

/// `[integer 元] [d 角] [d 分] [整]` in fen.
fn amount(tokens: &[Token]) -> Option<i64> {
    let (yuan, rest) = match tokens.iter().position(|&t| t == Token::Yuan) {
        Some(at) => (Some(integer(&tokens[..at])?), &tokens[at + 1..]),
        None => (None, tokens),
    };
    let rest = rest.strip_suffix(&[Token::Zheng]).unwrap_or(rest);
    let fen = fraction(rest)?;
    if yuan.is_none() && fen == 0 {
        return None;
    }
    yuan.unwrap_or(0).checked_mul(100)?.checked_add(fen)
}

/// What follows 元, without 整, in fen. 零 before the first digit is optional: 元叁角, 元零叁角 and 元伍分 occur.
fn fraction(tokens: &[Token]) -> Option<i64> {
    use Token::{Digit, Fen, Jiao};
    let value = |d: u8| i64::from(d);
    match *tokens {
        [] => Some(0),
        [Digit(j), Jiao] | [Digit(0), Digit(j @ 1..), Jiao] => Some(value(j) * 10),
        [Digit(f), Fen] | [Digit(0), Digit(f @ 1..), Fen] => Some(value(f)),
        [Digit(j), Jiao, Digit(f), Fen] | [Digit(0), Digit(j @ 1..), Jiao, Digit(f), Fen] => {
            Some(value(j) * 10 + value(f))
        }
        _ => None,
    }
}

/// What stands before 元, in yuan.
fn integer(tokens: &[Token]) -> Option<i64> {
    if tokens == [Token::Digit(0)] {
        return Some(0);
    }
    let (yi, rest) = split(tokens, Token::Yi);
    let (wan, low) = split(rest, Token::Wan);
    let mut total = 0;
    // What stands before the group: nothing, the neighbouring group and whether it ends in zero, or a farther one.
    let mut before = Before::Nothing;
    for (group, present) in [(yi, yi.is_some()), (wan, wan.is_some()), (Some(low), !low.is_empty())] {
        total *= 10_000;
        if !present {
            before = match before {
                Before::Nothing => Before::Nothing,
                Before::Neighbour { .. } | Before::Far => Before::Far,
            };
            continue;
        }
        let value = group_of_four(group?, before)?;
        total += value;
        before = Before::Neighbour { ends_in_zero: value % 10 == 0 };
    }
    (total > 0).then_some(total)
}

fn split(tokens: &[Token], at: Token) -> (Option<&[Token]>, &[Token]) {
    match tokens.iter().position(|&t| t == at) {
        Some(i) => (Some(&tokens[..i]), &tokens[i + 1..]),
        None => (None, tokens),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Neighbour { ends_in_zero: bool },
    Far,
}

/// 1 to 9999: 仟 佰 拾 and ones, falling, with 零 where positions are skipped.
fn group_of_four(tokens: &[Token], before: Before) -> Option<i64> {
    let mut next: i32 = 3; // the highest position still free: 3 = 仟 … 0 = ones
    let mut zero = false; // a 零 that stands for skipped positions
    let mut total = 0;
    let mut at = 0;
    while at < tokens.len() {
        let (digit, position, used) = match (tokens[at], tokens.get(at + 1)) {
            (Token::Digit(d), Some(&Token::Unit(u))) => (d, i32::from(u), 2),
            (Token::Digit(0), Some(_)) => {
                if zero {
                    return None;
                }
                zero = true;
                at += 1;
                continue;
            }
            (Token::Digit(0), None) if next == 0 => (0, 0, 1), // …拾零元, with every position printed
            (Token::Digit(d @ 1..), None) => (d, 0, 1),
            // 拾伍 for 壹拾伍, only where nothing can have been lost before it.
            (Token::Unit(1), _) if at == 0 && before == Before::Nothing => (1, 1, 1),
            _ => return None,
        };
        if position > next {
            return None;
        }
        let skipped = position < next;
        let first = total == 0 && next == 3;
        let sound = match (first, before) {
            (true, Before::Nothing) => !zero,
            // 壹万伍佰 and 壹万零伍佰; 壹拾万柒仟 and 壹拾万零柒仟.
            (true, Before::Neighbour { ends_in_zero }) => match position {
                3 => !zero || ends_in_zero,
                2 => true,
                _ => zero,
            },
            (true, Before::Far) => zero,
            (false, _) => zero == skipped,
        };
        if !sound {
            return None;
        }
        total += i64::from(digit) * 10_i64.pow(position.unsigned_abs());
        next = position - 1;
        zero = false;
        at += used;
        if next < 0 && at < tokens.len() {
            return None;
        }
    }
    (total > 0 && !zero).then_some(total)
}

/// An amount in capital characters, as 支付结算办法 prescribes: 整 after 元 and 角, 零 for inner zeros.
///
/// Meant for 0 or more and less than 10^12 yuan; a negative amount gets 负 in front.
pub fn to_capital(amount: Fen) -> String {
    let mut out = String::new();
    if amount.0 < 0 {
        out.push('负');
    }
    let fen = amount.0.unsigned_abs();
    let (yuan, jiao, fen) = (fen / 100, (fen / 10 % 10) as usize, (fen % 10) as usize);
    if yuan > 0 || (jiao == 0 && fen == 0) {
        push_integer(yuan, &mut out);
        out.push('元');
    }
    if jiao > 0 {
        out.push(DIGITS[jiao]);
        out.push('角');
    } else if fen > 0 && yuan > 0 {
        out.push('零');
    }
    if fen > 0 {
        out.push(DIGITS[fen]);
        out.push('分');
    } else {
        out.push('整');
    }
    out
}

fn push_integer(yuan: u64, out: &mut String) {
    if yuan == 0 {
        out.push('零');
        return;
    }
    let groups = [(yuan / 100_000_000, '亿'), (yuan / 10_000 % 10_000, '万'), (yuan % 10_000, ' ')];
    let mut zero = false; // positions were skipped since the last character, so 零 is due before the next
    let mut started = false;
    for (group, name) in groups {
        for position in (0..4_u32).rev() {
            let digit = (group / 10_u64.pow(position) % 10) as usize;
            if digit == 0 {
                // A zero at the end of a group needs no 零 (壹拾万柒仟): only 仟 of the next group brings it back.
                zero = started && (position > 0 || zero || group == 0);
                continue;
            }
            if zero {
                out.push('零');
                zero = false;
            }
            started = true;
            out.push(DIGITS[digit]);
            if position > 0 {
                out.push(UNITS[position as usize]);
            }
        }
        if group > 0 && name != ' ' {
            out.push(name);
            // What was skipped before the group's name is told by the name.
            zero = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn currencies_are_three_letters_in_order_and_nothing_else_is_one() {
        let codes: Vec<&str> = CURRENCY_CODES.split(' ').collect();
        assert!(codes.iter().all(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())));
        assert!(codes.is_sorted_by(|a, b| a < b));
        assert!(["CNY", "MYR", "EUR"].into_iter().all(is_currency));
        assert!(!["", "cny", "CN", "yuan", "CNY ", "XXX", "XAU", "CNY CUP"].into_iter().any(is_currency));
    }

    /// The prescribed form of each, both ways.
    const PRESCRIBED: &[(&str, &str)] = &[
        ("0.00", "零元整"),
        ("0.01", "壹分"),
        ("0.10", "壹角整"),
        ("0.11", "壹角壹分"),
        ("0.50", "伍角整"),
        ("1.00", "壹元整"),
        ("1.01", "壹元零壹分"),
        ("1.10", "壹元壹角整"),
        ("10.00", "壹拾元整"),
        ("10.10", "壹拾元壹角整"),
        ("15.00", "壹拾伍元整"),
        ("20.00", "贰拾元整"),
        ("100.01", "壹佰元零壹分"),
        ("101.00", "壹佰零壹元整"),
        ("1010.00", "壹仟零壹拾元整"),
        ("1100.00", "壹仟壹佰元整"),
        ("10000.00", "壹万元整"),
        ("10010.00", "壹万零壹拾元整"),
        ("10100.00", "壹万零壹佰元整"),
        ("100000.00", "壹拾万元整"),
        ("100010.00", "壹拾万零壹拾元整"),
        ("100500.10", "壹拾万零伍佰元壹角整"),
        ("100000.01", "壹拾万元零壹分"),
        ("1000001.00", "壹佰万零壹元整"),
        ("1234567.89", "壹佰贰拾叁万肆仟伍佰陆拾柒元捌角玖分"),
        ("101010101.01", "壹亿零壹佰零壹万零壹佰零壹元零壹分"),
        ("10000000000.00", "壹佰亿元整"),
        ("999999999.99", "玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
        ("993.54", "玖佰玖拾叁元伍角肆分"),
        ("34.05", "叁拾肆元零伍分"),
        ("7484.10", "柒仟肆佰捌拾肆元壹角整"),
        ("188.21", "壹佰捌拾捌元贰角壹分"),
        ("34567.65", "叁万肆仟伍佰陆拾柒元陆角伍分"),
        ("300.05", "叁佰元零伍分"),
        ("16001.00", "壹万陆仟零壹元整"),
        ("200000.50", "贰拾万元伍角整"),
        ("107000.53", "壹拾万柒仟元伍角叁分"),
        ("100005000.00", "壹亿零伍仟元整"),
    ];

    /// Other forms that mean the same beyond doubt.
    const ACCEPTED: &[(&str, &str)] = &[
        ("10.70", "壹拾圆零柒角整"),
        ("107000.53", "壹拾万柒仟元零伍角叁分"),
        ("107000.53", "壹拾万零柒仟元伍角叁分"),
        ("188.21", "人民币壹佰捌拾捌圆贰角壹分"),
        ("34567.65", "叁萬肆仟伍佰陆拾柒元陆角伍分"),
        ("7484.10", "柒仟肆佰捌拾肆元壹角"),
        ("10500.00", "壹万伍佰元整"),
        ("32.50", "叁拾贰元伍角零分整"),
        ("32.00", "叁拾贰元零角零分"),
        ("15.00", "拾伍元整"),
        ("100000.00", "拾万元整"),
        ("34.05", "叁拾肆元伍分"),
        ("993.54", " 玖佰 玖拾叁元\u{3000}伍角肆分 "),
        ("993.54", "九百九十三元五角四分"),
        ("993.54", "玖百玖十參圓伍角肆分"),
        ("120.00", "壹佰贰拾圆正"),
        ("12.00", "人民币：壹拾贰元整"),
        ("-12.00", "负壹拾贰元整"),
        ("96.00", "⊗玖拾陆圆整"),
        ("100.00", "零仟壹佰零拾零元零角零分"),
        ("0.05", "零元零伍分"),
    ];

    /// Look-alikes, and how many characters were repaired.
    const REPAIRED: &[(&str, &str, usize)] = &[
        ("993.54", "玫佰玖拾叁员伍角肆分", 2),
        ("77.00", "染拾漆元整", 2),
        ("88.80", "捌拾扒元扒毛整", 3),
        ("1002.00", "壹仟另贰元整", 1),
        ("1002.00", "壹仞O贰园整", 3),
        ("4.20", "肄元贡角", 2),
        ("50.00", "仵捨元整", 2),
        ("5000.00", "伍仵元整", 1),
        ("5500.00", "仵仟伍佰元整", 1),
        ("5.00", "仵元整", 1),
        ("96.00", "8玖拾陆圆整", 1),
    ];

    /// In doubt: a lost, doubled or strange character.
    const REFUSED: &[&str] = &[
        "",
        "元",
        "整",
        "元整",
        "角",
        "分",
        "零",
        "拾",
        "壹佰",
        "壹佰整",
        "壹佰壹元",
        "壹仟伍拾元",
        "玖玖拾叁元",
        "佰玖拾叁元",
        "壹佰零元整",
        "玖佰零玖拾元",
        "壹拾佰元",
        "壹佰壹仟元",
        "壹万零贰仟元整",
        "壹万壹元整",
        "壹亿伍仟元整",
        "壹元元",
        "壹元贰元",
        "壹元角",
        "壹元伍角零肆分",
        "壹元肆分伍角",
        "壹佰零零壹元",
        "壹二三四元",
        "壹佰一拾元整",
        "⊗佰捌拾元整",
        "8佰捌拾元整",
        "993.54",
        "ABC",
        "壹佰元整（小写）",
        "万元整",
        "壹万万元",
        "壹万亿元",
        "壹元整伍角",
        "合计壹元整",
        "负",
        "零零元整",
        "壹元整整",
    ];

    #[test]
    fn prescribed_forms_both_ways() {
        for (numeral, capital) in PRESCRIBED {
            let value = Fen::parse(numeral).unwrap();
            assert_eq!(to_capital(value), *capital, "{numeral}");
            assert_eq!(parse_capital_with_repairs(capital), Some((value, vec![])), "{capital}");
        }
    }

    #[test]
    fn other_forms_mean_the_same() {
        for (numeral, capital) in ACCEPTED {
            assert_eq!(parse_capital(capital), Fen::parse(numeral), "{capital}");
        }
    }

    #[test]
    fn look_alikes_are_repaired_and_told() {
        for (numeral, capital, count) in REPAIRED {
            let (value, repairs) = parse_capital_with_repairs(capital).unwrap_or_else(|| panic!("{capital}"));
            assert_eq!((value.to_string().as_str(), repairs.len()), (*numeral, *count), "{capital}: {repairs:?}");
        }
        assert_eq!(parse_capital_with_repairs("壹佰员整").unwrap().1, ["员 → 元"]);
    }

    #[test]
    fn doubt_is_refused() {
        for text in REFUSED {
            assert_eq!(parse_capital(text), None, "{text}");
        }
    }

    #[test]
    fn decimal_numerals() {
        for (text, fen) in [("0.00", 0), ("993.54", 99_354), ("-0.02", -2), ("0012.30", 1230)] {
            assert_eq!(Fen::parse(text), Some(Fen(fen)), "{text}");
        }
        for text in ["", ".", "1", "1.2", "1.234", "+1.00", "1,000.00", "--1.00", "1.0x", "99999999999999.00"] {
            assert_eq!(Fen::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn capital_round_trip(fen in prop_oneof![0..100_000_i64, 0..100_000_000_i64, 0..100_000_000_000_000_i64]) {
            prop_assert_eq!(parse_capital_with_repairs(&to_capital(Fen(fen))), Some((Fen(fen), vec![])));
        }

        #[test]
        fn sparse_numbers_round_trip(digits in prop::collection::vec(prop_oneof![3 => Just(0_i64), 1 => 1..10_i64], 14)) {
            let fen = digits.iter().fold(0, |n, d| n * 10 + d);
            prop_assert_eq!(parse_capital(&to_capital(Fen(fen))), Some(Fen(fen)));
        }

        #[test]
        fn numerals_round_trip(fen in -100_000_000_000_000..100_000_000_000_000_i64) {
            prop_assert_eq!(Fen::parse(&Fen(fen).to_string()), Some(Fen(fen)));
        }

        #[test]
        fn any_text_is_survived(text in "[零壹贰叁拾佰仟万亿元角分整仵O一 ]{0,24}") {
            let _ = parse_capital_with_repairs(&text);
        }

        /// One lost digit with its unit inside a number is noticed, unless what is left is itself well formed in print.
        #[test]
        fn a_lost_inner_digit_is_never_read_as_the_same(fen in 100_000..10_000_000_i64, at in 0_usize..20) {
            let text: Vec<char> = to_capital(Fen(fen)).chars().collect();
            let at = at % text.len();
            if DIGITS[1..].contains(&text[at]) {
                let left: String = text.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, c)| *c).collect();
                // 壹拾 may lose its 壹 without changing the value.
                prop_assert!(parse_capital(&left) != Some(Fen(fen)) || text[at] == '壹');
            }
        }
    }
}
