//! From text to typed values; whatever was changed on the way is recorded.

use crate::domain::Fen;
use regex::Regex;
use std::sync::LazyLock;

/// A typed value with what was changed to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The value as the contract writes it.
    pub value: String,
    /// What was changed, one short English phrase each.
    pub repairs: Vec<String>,
    /// First character of the text that belongs to the value, and one past the last.
    pub chars: (usize, usize),
}

pub(super) fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant and tested")
}

/// Char index of a byte index.
fn char_at(text: &str, byte: usize) -> usize {
    text[..byte].chars().count()
}

/// All amounts in a text, in order.
pub fn amounts(text: &str) -> Vec<Parsed> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        if let Some((parsed, end)) = amount_at(&chars, i) {
            i = end;
            out.push(parsed);
        } else {
            i += 1;
        }
    }
    out
}

/// A number that starts exactly at `start` (its sign and currency mark included), and where it ends.
fn amount_at(chars: &[char], start: usize) -> Option<(Parsed, usize)> {
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let behind_a_point = start > 1 && matches!(chars[start - 1], '.' | ',') && chars[start - 2].is_ascii_digit();
    // Some tills print less than one without its zero: `.05`.
    let bare = at(start) == '.'
        && at(start + 1).is_ascii_digit()
        && at(start + 2).is_ascii_digit()
        && !(at(start + 3).is_ascii_alphanumeric() || at(start + 3) == '.')
        && !(start > 0 && (chars[start - 1].is_ascii_digit() || matches!(chars[start - 1], '.' | ',')));
    // `RMI1.90`, `RMO.01`: behind a currency a letter of a digit's face is that digit.
    let misread = match at(start) {
        'I' | 'l' | '|' => Some('1'),
        'O' => Some('0'),
        _ => None,
    }
    .filter(|_| start >= 2 && chars[start - 2..start] == ['R', 'M'])
    .filter(|_| at(start + 1).is_ascii_digit() || at(start + 1) == '.' && at(start + 2).is_ascii_digit());
    if !(at(start).is_ascii_digit() || bare || misread.is_some())
        || behind_a_point
        || (start > 0 && (chars[start - 1].is_ascii_alphanumeric() && !ends_in_currency(&chars[..start])))
    {
        return None;
    }
    // Digits, points, commas, and single spaces beside a point or comma.
    let mut end = start + usize::from(misread.is_some());
    let mut raw = String::from(if bare { "0" } else { "" });
    let mut repairs = Vec::new();
    if let Some(digit) = misread {
        raw.push(digit);
        repairs.push(format!("{} read as {digit}", at(start)));
    }
    while end < chars.len() {
        match chars[end] {
            c if c.is_ascii_digit() || matches!(c, '.' | ',') => raw.push(c),
            ' ' if matches!(at(end + 1), '.' | ',') && at(end + 2).is_ascii_digit()
                || matches!(at(end.wrapping_sub(1)), '.' | ',')
                    && at(end + 1).is_ascii_digit()
                    && at(end + 2).is_ascii_digit()
                    && !at(end + 3).is_ascii_digit() =>
            {
                repairs.push("dropped a space inside the number".to_owned());
            }
            _ => break,
        }
        end += 1;
    }
    while raw.ends_with(['.', ',']) {
        raw.pop();
        end -= 1;
    }
    let fen = decimal(&raw, &mut repairs)?;
    let (mut from, mut negative) = (start, false);
    // Step back over mark and sign, in either order.
    loop {
        match from.checked_sub(1).map(|i| chars[i]) {
            Some('¥' | '￥' | '$' | '€' | '£') => from -= 1,
            Some('M') if from >= 2 && chars[from - 2] == 'R' => from -= 2,
            Some('-') if !negative && !from.checked_sub(2).is_some_and(|i| chars[i].is_ascii_alphanumeric()) => {
                negative = true;
                from -= 1;
            }
            _ => break,
        }
    }
    if at(end) == '-' && !at(end + 1).is_ascii_alphanumeric() && !negative {
        negative = true;
        end += 1;
    }
    // Book-keepers' minus: in brackets of its own, or credited.
    let bracketed = from > 0 && chars[from - 1] == '(' && at(end) == ')';
    let credited = at(end) == 'C' && at(end + 1) == 'R' && !at(end + 2).is_ascii_alphanumeric();
    negative |= raw.contains(['.', ',']) && (bracketed || credited);
    let fen = Fen(if negative { -fen } else { fen });
    Some((Parsed { value: fen.to_string(), repairs, chars: (from, end) }, end))
}

fn ends_in_currency(chars: &[char]) -> bool {
    let tail: String = chars.iter().rev().take(2).rev().collect();
    tail == "RM" || tail.ends_with('Y') && chars.len() == 1
}

/// Fen of digits with points and commas. The last separator is decimal if one or two digits follow it (or up to
/// five after a point); three digits after a comma, or after a point that is not the only separator, are thousands.
fn decimal(raw: &str, repairs: &mut Vec<String>) -> Option<i64> {
    let separators: Vec<usize> = raw.match_indices(['.', ',']).map(|(i, _)| i).collect();
    let digits = |s: &str| s.chars().filter(char::is_ascii_digit).collect::<String>();
    // Marks part thousands, so three digits stand between two of them: `10.07.13` is a date.
    if separators.windows(2).any(|w| w[1] - w[0] != 4 && w[1] - w[0] != 1) {
        return None;
    }
    let (whole, cents) = match separators.last() {
        None => (raw.to_owned(), "00".to_owned()),
        Some(&last) => {
            let tail = &raw[last + 1..];
            let comma = raw.as_bytes()[last] == b',';
            match tail.len() {
                2 => {
                    if comma && separators.len() == 1 {
                        repairs.push("comma read as decimal point".to_owned());
                    } else if separators.len() > 1 && raw.as_bytes()[separators[0]] == raw.as_bytes()[last] {
                        repairs.push("first separators read as thousands marks".to_owned());
                    }
                    (digits(&raw[..last]), tail.to_owned())
                }
                1 => (digits(&raw[..last]), format!("{tail}0")),
                3 if comma || separators.len() > 1 => (digits(raw), "00".to_owned()),
                3..=5 if !comma => {
                    if tail[2..].bytes().any(|b| b != b'0') {
                        return None;
                    }
                    (digits(&raw[..last]), tail[..2].to_owned())
                }
                _ => return None,
            }
        }
    };
    if whole.is_empty() || whole.len() > 11 {
        return None;
    }
    Some(whole.parse::<i64>().ok()? * 100 + cents.parse::<i64>().ok()?)
}

/// The repair of an amount whose decimal point has faded out of the print: `36282 03`.
pub const FADED_POINT: &str = "a gap before the last two digits read as a decimal point";

/// The amount in a text that holds nothing else but marks and units, or the only amount with two decimals.
pub fn money(text: &str) -> Option<Parsed> {
    if let Some((whole, cents)) = text.trim().rsplit_once(' ') {
        let digits = |s: &str, n: usize| s.len() >= n && s.bytes().all(|b| b.is_ascii_digit());
        if digits(whole, 2) && digits(cents, 2) && cents.len() == 2 {
            let from = text.chars().take_while(|c| c.is_whitespace()).count();
            let value = format!("{}.{cents}", whole.trim_start_matches('0').parse::<u64>().unwrap_or(0));
            let chars = (from, from + whole.len() + 3);
            return Some(Parsed { value, repairs: vec![FADED_POINT.to_owned()], chars });
        }
    }
    let all = amounts(text);
    let with_cents: Vec<&Parsed> = all.iter().filter(|p| has_cents(text, p)).collect();
    match (&all[..], &with_cents[..]) {
        ([one], _) => Some(one.clone()),
        (_, [one]) => Some((*one).clone()),
        _ => None,
    }
}

/// Whether a number was printed as an amount is: with two decimals, or with thousands marked off (as in currencies
/// whose smallest unit is out of use).
pub fn is_amount(text: &str, parsed: &Parsed) -> bool {
    let part: Vec<char> = text.chars().skip(parsed.chars.0).take(parsed.chars.1 - parsed.chars.0).collect();
    let grouped =
        part.len() >= 5 && part[part.len() - 4] == ',' && part[part.len() - 3..].iter().all(char::is_ascii_digit);
    grouped || has_cents(text, parsed)
}

/// Whether an amount was printed with a decimal part.
pub fn has_cents(text: &str, parsed: &Parsed) -> bool {
    let part: String = text.chars().skip(parsed.chars.0).take(parsed.chars.1 - parsed.chars.0).collect();
    let digits = part.trim_end_matches('-');
    let bytes = digits.as_bytes();
    bytes.len() >= 3 && matches!(bytes[bytes.len() - 3], b'.' | b',')
}

static ISO_LIKE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(20\d\d|19\d\d)\s?[-./年·]\s?(\d{1,2})\s?[-./月·]\s?(\d{2}|\d)\s?日?"));
static COMPACT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?:^|[^\d])((?:20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?:$|[^\d])"));
static DAY_MONTH_YEAR: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?:^|[^\d])(\d{1,2})\s?([-./])\s?(\d{1,2})\s?([-./])\s?(20\d\d|\d\d)(?:$|[^\d]|\d{1,2}:)")
});
/// Behind a number it is glued to, a date shows itself by the time that follows it.
static GLUED: LazyLock<Regex> = LazyLock::new(|| regex(r"\d(\d\d)([-./])(\d\d)([-./])(20\d\d)\s?\d{1,2}:\d\d"));
static DAY_NAME_YEAR: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)(?:^|[^\d])(\d{1,2})(?:st|nd|rd|th)?[-./,'\s]{0,2}(jan|feb|mar|apr|may|jun|ju[l1]|aug|[s5]ep|[o0]ct|n[o0]v|dec)[a-z]*[-./,'’\s]{0,3}(20\d\d|\d\d)(?:$|[^\d]|\d{1,2}:)",
    )
});
static NAME_DAY_YEAR: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)(?:^|[^a-z])(jan|feb|mar|apr|may|jun|ju[l1]|aug|[s5]ep|[o0]ct|n[o0]v|dec)[a-z]*[-./\s]{0,2}(\d{1,2})(?:st|nd|rd|th)?(?:\s\d\d:\d\d(?::\d\d)?)?[,'’./\s-]{1,3}(20\d\d|\d\d)(?:$|[^\d:])",
    )
});

/// How many different days a date may mean by itself: its numbers taken day, month or year first.
pub fn orders_of_date(text: &str) -> usize {
    let mut days: Vec<String> = [DateOrder::DayFirst, DateOrder::MonthFirst]
        .into_iter()
        .flat_map(|order| dates(text, order))
        .map(|p| p.value)
        .collect();
    // Two digits that may be a recent year, before a month and a day.
    let short: Vec<i16> = text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect();
    if let [year @ 10..=49, month, day, ..] = short[..]
        && short.iter().all(|n| *n < 100)
        && let Ok(date) = jiff::civil::Date::new(2000 + year, month as i8, day as i8)
    {
        days.push(date.to_string());
    }
    days.sort();
    days.dedup();
    days.len()
}

/// How a date of three numbers is to be taken where both orders are possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// Day before month: most of the world.
    DayFirst,
    /// Month before day: the United States.
    MonthFirst,
}

/// All dates in a text, in order of their place.
pub fn dates(text: &str, order: DateOrder) -> Vec<Parsed> {
    let mut out: Vec<Parsed> = Vec::new();
    let mut push = |year: &str, month: u32, day: u32, m: regex::Match<'_>, repairs: Vec<String>| {
        let year: i16 = match year.len() {
            2 => 2000 + year.parse::<i16>().unwrap_or(0),
            _ => year.parse().unwrap_or(0),
        };
        let Ok(date) = jiff::civil::Date::new(year, month as i8, day as i8) else { return };
        let chars = (char_at(text, m.start()), char_at(text, m.end()));
        if !out.iter().any(|p| p.chars.0 < chars.1 && chars.0 < p.chars.1) {
            out.push(Parsed { value: date.to_string(), repairs, chars });
        }
    };
    let number = |m: Option<regex::Match<'_>>| m.and_then(|m| m.as_str().parse::<u32>().ok()).unwrap_or(0);
    for c in ISO_LIKE.captures_iter(text) {
        if let Some(m) = c.get(0) {
            push(&c[1], number(c.get(2)), number(c.get(3)), m, vec![]);
        }
    }
    let mut from = 0;
    // Neighbouring compact dates share the character between them, so the search goes on inside the last match.
    while let Some(c) = COMPACT.captures_at(text, from) {
        if let (Some(y), Some(d)) = (c.get(1), c.get(3)) {
            push(&c[1], number(c.get(2)), number(c.get(3)), y, vec![]);
            from = d.end();
        } else {
            break;
        }
    }
    let mut from = 0;
    while let Some(c) = DAY_MONTH_YEAR.captures_at(text, from) {
        let (Some(whole), Some(separator)) = (c.get(0), c.get(2)) else { break };
        // `19-24/07/2016` is a number and a date: a date keeps to one separator.
        if c[2] != c[4] {
            from = separator.start();
            continue;
        }
        from = whole.end();
        let (a, b) = (number(c.get(1)), number(c.get(3)));
        let month_first = b > 12 || (a <= 12 && order == DateOrder::MonthFirst && &c[2] != ".");
        let (day, month) = if month_first { (b, a) } else { (a, b) };
        push(&c[5], month, day, whole, vec![]);
    }
    for c in GLUED.captures_iter(text).filter(|c| c[2] == c[4]) {
        if let Some(m) = c.get(0) {
            let (a, b) = (number(c.get(1)), number(c.get(3)));
            let (day, month) = if b > 12 || (a <= 12 && order == DateOrder::MonthFirst) { (b, a) } else { (a, b) };
            push(&c[5], month, day, m, vec!["parted from the number before it".to_owned()]);
        }
    }
    for c in DAY_NAME_YEAR.captures_iter(text) {
        if let Some(m) = c.get(0) {
            push(&c[3], month_number(&c[2]), number(c.get(1)), m, vec![]);
        }
    }
    for c in NAME_DAY_YEAR.captures_iter(text) {
        if let Some(m) = c.get(0) {
            push(&c[3], month_number(&c[1]), number(c.get(2)), m, vec![]);
        }
    }
    out.sort_by_key(|p| p.chars.0);
    out
}

fn month_number(name: &str) -> u32 {
    const NAMES: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    // Digits that stand for letters of the same face.
    let lower = name.to_ascii_lowercase().replace('1', "l").replace('0', "o").replace('5', "s");
    NAMES.iter().position(|n| lower.starts_with(n)).map_or(0, |i| i as u32 + 1)
}

/// The longest run of letters and digits (and `*`, for masked numbers) with spaces inside dropped.
pub fn identifier(text: &str) -> Option<Parsed> {
    let mut best: Option<(usize, usize, usize)> = None; // from, to, kept
    let chars: Vec<char> = text.chars().collect();
    let good = |c: char| c.is_ascii_alphanumeric() || c == '*';
    let mut i = 0;
    while i < chars.len() {
        if !good(chars[i]) {
            i += 1;
            continue;
        }
        let start = i;
        let mut kept = 0;
        let mut end = i;
        while i < chars.len()
            && (good(chars[i]) || (matches!(chars[i], ' ' | '-') && chars.get(i + 1).is_some_and(|c| good(*c))))
        {
            if good(chars[i]) {
                kept += 1;
                end = i + 1;
            }
            i += 1;
        }
        if best.is_none_or(|(_, _, k)| kept > k) {
            best = Some((start, end, kept));
        }
    }
    let (from, to, _) = best?;
    let value: String = chars[from..to].iter().copied().filter(|c| good(*c)).collect();
    let mut repairs = if value.chars().count() == to - from { vec![] } else { vec!["dropped separators".to_owned()] };
    // `00944177:9`: what stands in between was a character that could not be read.
    let torn = |beside: Option<usize>, beyond: Option<usize>| {
        let at = |i: Option<usize>| i.and_then(|i| chars.get(i)).copied();
        at(beside).is_some_and(|c| c.is_ascii_punctuation()) && at(beyond).is_some_and(good)
    };
    if torn(Some(to), Some(to + 1)) || torn(from.checked_sub(1), from.checked_sub(2)) {
        repairs.push(TORN.to_owned());
    }
    Some(Parsed { value, repairs, chars: (from, to) })
}

/// The repair of an identifier that may be only a part.
pub const TORN: &str = "what stands beside it, behind a mark, was left out";

/// The longest run of digits at least `least` long, confusable letters inside it repaired.
pub fn digits(text: &str, least: usize, most: usize) -> Option<Parsed> {
    let found = identifier(text)?;
    let mut repairs = found.repairs.clone();
    let value: String = found
        .value
        .chars()
        .map(|c| {
            let digit = match c {
                'O' | 'o' | 'D' => '0',
                'I' | 'l' => '1',
                'S' => '5',
                'Z' | 'z' => '2',
                'B' => '8',
                other => other,
            };
            if digit != c {
                repairs.push(format!("{c} read as {digit}"));
            }
            digit
        })
        .collect();
    let n = value.len();
    (value.bytes().all(|b| b.is_ascii_digit()) && (least..=most).contains(&n)).then_some(Parsed {
        value,
        repairs,
        chars: found.chars,
    })
}

/// Characters of an amount in words, and those that OCR puts in their place.
const CAPITALS: &str = "零壹贰叁肆伍陆柒捌玖拾佰仟万亿元圆角分整正貳貮弍叄參陸萬億圓园千百十壱弌肄仵玫捨扒染漆另仔仞参";

/// The longest run of capital-amount characters in a text: at least three, with 元, 圆, 角 or 分 among them.
pub fn capital_run(text: &str) -> Option<(usize, usize)> {
    let chars: Vec<char> = text.chars().collect();
    let mut best: Option<(usize, usize)> = None;
    let mut start = None;
    for i in 0..=chars.len() {
        let inside = chars.get(i).is_some_and(|c| CAPITALS.contains(*c));
        // One or two foreign characters between capital ones are misread ones, and stay in the run.
        let capital = |i: Option<usize>| i.and_then(|i| chars.get(i)).is_some_and(|c| CAPITALS.contains(*c));
        let foreign = |i: usize| chars.get(i).is_some_and(|c| !c.is_ascii() && !matches!(c, '¥' | '￥'));
        let before = capital(i.checked_sub(1)) || foreign(i.wrapping_sub(1)) && capital(i.checked_sub(2));
        let alone = capital(i.checked_sub(1)) && capital(Some(i + 1));
        let pair = capital(i.checked_sub(1)) && foreign(i + 1) && capital(Some(i + 2))
            || before && capital(Some(i + 1)) && foreign(i.wrapping_sub(1)) && capital(i.checked_sub(2));
        let bridged = start.is_some() && !inside && foreign(i) && (alone || pair);
        if inside || bridged {
            start.get_or_insert(i);
        } else if let Some(s) = start.take()
            && i - s >= 3
            && best.is_none_or(|(a, b)| i - s > b - a)
        {
            best = Some((s, i));
        }
    }
    best.filter(|&(a, b)| chars[a..b].iter().any(|c| "元圆圓园角分".contains(*c)))
}

/// Whether `c` is printed in amounts in words: the capital digits and units, none of their look-alikes.
pub fn is_capital(c: char) -> bool {
    "零壹贰叁参肆伍陆柒捌玖拾佰仟万亿元圆角分整".contains(c)
}

/// Whether `c` is of an amount in words, or looks so like one of those characters that it may be meant.
pub fn may_be_capital(c: char) -> bool {
    CAPITALS.contains(c)
}

/// Parses an amount in words found in a text.
///
/// The value is the text as printed with confusable characters replaced; `None` if it does not parse as an amount.
pub fn capital(text: &str) -> Option<Parsed> {
    let (from, to) = capital_run(text)?;
    let run: String = text.chars().skip(from).take(to - from).collect();
    let (_, repairs) = crate::domain::money::parse_capital_with_repairs(&run)?;
    let mut value = run;
    for repair in &repairs {
        if let Some((wrong, right)) = repair.split_once('→') {
            value = value.replace(wrong.trim(), right.trim());
        }
    }
    Some(Parsed { value, repairs, chars: (from, to) })
}

/// An amount in words that does not parse, read by the amount in numerals: as printed but for at most two characters that
/// are none of an amount's, in whose place the numerals' own words are put. `None` if a digit or a unit contradicts.
pub fn capital_by_numerals(run: &str, numerals: Fen) -> Option<String> {
    const END: [char; 2] = ['整', '正'];
    let end: String = run.chars().rev().take_while(|c| END.contains(c)).collect();
    let read: Vec<char> = run.trim_end_matches(END).chars().collect();
    let words = crate::domain::money::to_capital(numerals);
    let words: Vec<char> = words.trim_end_matches(END).chars().collect();
    if read.len() != words.len() || read.len() < 4 {
        return None;
    }
    let same = |a: char, b: char| crate::domain::money::may_mean(a, b);
    let off: Vec<char> = read.iter().zip(&words).filter(|(a, b)| !same(**a, **b)).map(|(a, _)| *a).collect();
    let most = if read.len() >= 8 { 2 } else { 1 };
    let misread = off.len() <= most && !off.iter().any(|c| CAPITALS.contains(*c));
    misread.then(|| words.iter().collect::<String>() + &end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_by_the_numerals_only_where_nothing_contradicts() {
        let read = |run: &str, fen: i64| capital_by_numerals(run, Fen(fen));
        assert_eq!(read("贰佰零贰元集角柒分整", 20267).as_deref(), Some("贰佰零贰元陆角柒分整"));
        assert_eq!(read("贰佰需贰元集角柒分", 20267).as_deref(), Some("贰佰零贰元陆角柒分"));
        assert_eq!(read("贰佰零贰元伍角柒分", 20267), None, "a digit contradicts");
        assert_eq!(read("贰佰需贰集陆甲柒分", 20267), None, "too much is misread");
        assert_eq!(read("贰佰零贰元陆角", 20267), None, "something is missing");
    }

    #[test]
    fn amounts_in_every_dress() {
        let faded = money("36282 03").unwrap();
        assert_eq!((faded.value.as_str(), faded.repairs.len()), ("36282.03", 1));
        for (text, want) in [
            ("24,189.65", "24189.65"),
            ("1.128.50", "1128.50"),
            ("¥19.65", "19.65"),
            ("RM 9.00", "9.00"),
            ("15000", "15000.00"),
            ("0.01-", "-0.01"),
            ("-40.26", "-40.26"),
            ("24,23", "24.23"),
            ("1.234,56", "1234.56"),
            ("9 .00", "9.00"),
            ("2851.41000", "2851.41"),
            ("14.5", "14.50"),
            ("RM12.30", "12.30"),
            ("RMI1.90", "11.90"),
            ("-RMO.01", "-0.01"),
            ("$ 5.00", "5.00"),
        ] {
            assert_eq!(money(text).map(|p| p.value), Some(want.to_owned()), "{text}");
        }
        assert_eq!(money("no number"), None);
        assert_eq!(money("A1"), None);
        assert_eq!(money("12.345"), None);
        assert_eq!(money("RM .05").unwrap().value, "0.05");
        assert_eq!(money("-.05").unwrap().value, "-0.05");
        assert_eq!(money("(67.65)").unwrap().value, "-67.65");
        assert_eq!(money("67.65CR").unwrap().value, "-67.65");
        assert_eq!(money("(8)").unwrap().value, "8.00");
        assert_eq!(money("2 x 3.50").unwrap().value, "3.50");
    }

    #[test]
    fn dates_in_every_dress() {
        for (text, want) in [
            ("2020-12-23", "2020-12-23"),
            ("开票日期:2022年03月10日", "2022-03-10"),
            ("2021.04.2415:26", "2021-04-24"),
            ("25/12/2018 8:13:39 PM", "2018-12-25"),
            ("19-10-18", "2018-10-19"),
            ("DEC23'14 2:52PM", "2014-12-23"),
            ("20 Dec 13 14:14:13", "2013-12-20"),
            ("Jul03'12 02:34PM", "2012-07-03"),
            ("12/28/2012", "2012-12-28"),
            ("Date : 02.03.20", "2020-03-02"),
            ("14/03/20185:57:07PM", "2018-03-14"),
            ("Jun 15 12:47:59 2011", "2011-06-15"),
            ("Ju103'12 02:34PM", "2012-07-03"),
            ("ORD #95-REG #19- 24/07/2016 14:21:51", "2016-07-24"),
            ("#19-21/05/2018 11:59:48", "2018-05-21"),
        ] {
            assert_eq!(
                dates(text, DateOrder::DayFirst).first().map(|p| p.value.clone()),
                Some(want.to_owned()),
                "{text}"
            );
        }
        let two: Vec<String> = dates("20201217|20201223", DateOrder::DayFirst).into_iter().map(|p| p.value).collect();
        assert_eq!(two, ["2020-12-17", "2020-12-23"]);
        assert_eq!(dates("08/30/2012", DateOrder::MonthFirst)[0].value, "2012-08-30");
        assert_eq!(dates("03/04/2012", DateOrder::MonthFirst)[0].value, "2012-03-04");
        assert!(dates("99/99/2012 1234", DateOrder::DayFirst).is_empty());
    }

    #[test]
    fn capital_runs_are_found_among_other_text() {
        let text = "金额合计(大写)贰万肆仟壹佰捌拾玖元陆角伍分";
        let (from, to) = capital_run(text).unwrap();
        assert_eq!(text.chars().skip(from).take(to - from).collect::<String>(), "贰万肆仟壹佰捌拾玖元陆角伍分");
        assert_eq!(capital_run("第一联"), None);
    }

    #[test]
    fn identifiers_keep_zeros_and_lose_spaces() {
        assert_eq!(identifier("54538 46872 04014").unwrap().value, "545384687204014");
        assert_eq!(identifier("00944177:9").unwrap().repairs, [TORN]);
        assert!(identifier("号码:00944177").unwrap().repairs.is_empty());
        assert_eq!(digits("No O0018486", 8, 8), None);
        assert_eq!(digits("O0018486", 8, 8).unwrap().value, "00018486");
    }
}
