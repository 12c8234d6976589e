//! Find a label, take the value beside it.

use super::layout::{Sheet, Span};
use super::{Fields, Found, parse};
use crate::domain::document::{SETTLED_BY_SUM, ValueType};
use crate::domain::{Bp, FieldName};

/// A label: the words it may be printed as, and the field it announces (`None`: it only ends other values).
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// The field.
    pub field: Option<FieldName>,
    /// Wordings without white space or colon.
    pub words: &'static [&'static str],
}

/// A label seen on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Index into the table of labels.
    pub label: usize,
    /// Where its words stand.
    pub span: Span,
    /// How far the printed words are from the expected ones: [`EDIT`] for each character edited, 1 for each that the
    /// recogniser held possible though it chose another.
    pub cost: usize,
}

/// The cost of one character edited, in units of one character for which the recogniser had another in mind.
const EDIT: usize = 3;

/// What a label of this length may cost and still be itself.
///
/// Labels of one bill differ from one another by as little as one character of four (预缴金额, 补缴金额), so an exact
/// hit always takes a place before a fuzzy one does. Half of a label of two may rest on the recogniser's next choices.
fn tolerance(length: usize) -> usize {
    match length {
        0..=1 => 0,
        2 => 1,
        3 => EDIT,
        4..=5 => EDIT + 2,
        _ => 2 * EDIT + 1,
    }
}

/// A character as read, and others possible in its place.
type Seen<'a> = (char, &'a str);

/// Levenshtein distance in units of [`Hit::cost`], or `None` above `limit`.
fn cost(a: &[Seen<'_>], b: &[char], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) * EDIT > limit {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).map(|n| n * EDIT).collect();
    for (i, (x, rivals)) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = (i + 1) * EDIT;
        for (j, y) in b.iter().enumerate() {
            let here = if x == y {
                0
            } else if rivals.contains(*y) {
                1
            } else {
                EDIT
            };
            let next = (diagonal + here).min(row[j] + EDIT).min(row[j + 1] + EDIT);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    Some(row[b.len()]).filter(|d| *d <= limit)
}

/// Edits between two strings, or `None` above `limit`.
pub fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let a: Vec<Seen<'_>> = a.chars().map(|c| (c, "")).collect();
    Some(cost(&a, &b.chars().collect::<Vec<_>>(), limit * EDIT)? / EDIT)
}

/// Every label on the page; no two share a character.
///
/// White space inside labels is ignored. A fuzzy hit must start its line or end before a colon or the line's end:
/// running text is full of near misses.
pub fn find(sheet: &Sheet<'_>, table: &[Label]) -> Vec<Hit> {
    let mut candidates: Vec<(Hit, usize)> = Vec::new(); // with the length of the words
    for (cell, c) in sheet.cells.iter().enumerate() {
        let compact: Vec<usize> = (0..c.chars.len()).filter(|&i| !c.chars[i].is_whitespace()).collect();
        let letters: Vec<Seen<'_>> = compact.iter().map(|&i| (c.chars[i], c.line.rivals[i].as_str())).collect();
        for (label, spec) in table.iter().enumerate() {
            for words in spec.words {
                let words: Vec<char> = words.chars().collect();
                let limit = tolerance(words.len());
                let slack = (limit / EDIT).min(1);
                for start in 0..letters.len() {
                    for length in words.len() - slack..=words.len() + slack {
                        let Some(window) = letters.get(start..start + length) else { break };
                        let seen = |w: &char| window.iter().any(|(c, rivals)| c == w || rivals.contains(*w));
                        if words.iter().filter(|w| seen(w)).count() + limit / EDIT < words.len() {
                            continue;
                        }
                        let Some(cost) = cost(window, &words, limit) else { continue };
                        let next = letters.get(start + length).map(|(c, _)| *c);
                        let bounded = next.is_none_or(|n| matches!(n, ':' | '(' | ')')) || start == 0;
                        let changed = length != words.len() || words.len() == 3 && cost == EDIT;
                        if cost > 0 && (!bounded || changed && next != Some(':')) {
                            continue;
                        }
                        let span = Span { cell, from: compact[start], to: compact[start + length - 1] + 1 };
                        candidates.push((Hit { label, span, cost }, words.len()));
                    }
                }
            }
        }
    }
    // What explains more of the print goes first, of equals the one that takes the least on trust.
    candidates.sort_by_key(|(hit, length)| {
        let explained = (length * EDIT).saturating_sub(2 * hit.cost);
        (std::cmp::Reverse(explained), hit.cost, hit.span.cell, hit.span.from)
    });
    let mut hits: Vec<Hit> = Vec::new();
    for (n, &(hit, length)) in candidates.iter().enumerate() {
        let s = hit.span;
        // A short word that is as near to another label says neither: 文款人 may be 交款人 or 收款人.
        let same = |other: &(Hit, usize)| other.0.span == s && other.0.cost == hit.cost && other.0.label != hit.label;
        if length == 3 && hit.cost == EDIT && candidates.iter().enumerate().any(|(m, c)| m != n && same(c)) {
            continue;
        }
        if !hits.iter().any(|h| h.span.cell == s.cell && h.span.from < s.to && s.from < h.span.to) {
            hits.push(hit);
        }
    }
    hits
}

/// The text after a label in its own cell, up to the next label; leading colons and spaces skipped, and a remark in
/// brackets of up to three characters that belongs to the label: `(章):`.
pub fn inline(sheet: &Sheet<'_>, hits: &[Hit], hit: &Hit) -> Option<Span> {
    let chars = &sheet.cells[hit.span.cell].chars;
    let end = hits
        .iter()
        .filter(|h| h.span.cell == hit.span.cell && h.span.from >= hit.span.to)
        .map(|h| h.span.from)
        .min()
        .unwrap_or(chars.len());
    let skip = |c: char| c.is_whitespace() || matches!(c, ':' | ';' | '.' | ',' | '·' | ')' | '|' | '=' | '_' | '/');
    let bracket = chars.get(hit.span.to).is_some_and(|c| !c.is_alphanumeric());
    let remark = (hit.span.to..end.min(hit.span.to + 6)).find(|&i| chars[i] == ':' && i > 0 && chars[i - 1] == ')');
    let start = remark.filter(|_| bracket).map_or(hit.span.to, |colon| colon + 1);
    let from = (start..end).find(|&i| !skip(chars[i]))?;
    let to = (from..end).rev().find(|&i| !chars[i].is_whitespace())? + 1;
    Some(Span { cell: hit.span.cell, from, to })
}

/// Places to the right of a label on its row, nearest first, none of them behind another label.
pub fn beside(sheet: &Sheet<'_>, hits: &[Hit], hit: &Hit) -> Vec<Span> {
    let cell = &sheet.cells[hit.span.cell];
    let (_, _, right, _) = sheet.quad(hit.span).bounds();
    // Where the line itself ends: the cell of a label in the middle of a line is not its own neighbour.
    let x = if hit.span.to >= cell.chars.len().saturating_sub(2) { cell.right } else { right };
    let right_of = sheet.to_the_right(x, cell.middle(), cell.height());
    let fence = hits
        .iter()
        .filter(|h| h.span.cell != hit.span.cell && right_of.contains(&h.span.cell))
        .map(|h| sheet.quad(h.span).bounds().0)
        .fold(f64::INFINITY, f64::min);
    right_of
        .into_iter()
        .filter(|&i| i != hit.span.cell && sheet.cells[i].left < fence - 1.0)
        .map(|i| {
            let to = hits
                .iter()
                .filter(|h| h.span.cell == i)
                .map(|h| h.span.from)
                .min()
                .unwrap_or(sheet.cells[i].chars.len());
            Span { cell: i, from: 0, to }
        })
        .filter(|s| s.to > 0)
        .collect()
}

/// A place's text with each character that is none of an amount in words replaced by the first of an amount's that the
/// recogniser held possible there; and what was replaced.
fn in_capitals(sheet: &Sheet<'_>, span: Span) -> (String, Vec<String>) {
    let cell = &sheet.cells[span.cell];
    let mut repairs = Vec::new();
    let read = (span.from..span.to).map(|i| {
        let c = cell.chars[i];
        let rival = cell.line.rivals[i].chars().find(|r| parse::is_capital(*r));
        let Some(rival) = rival.filter(|_| !parse::may_be_capital(c) && c.is_alphanumeric()) else { return c };
        repairs.push(format!("{c} → {rival}: the recogniser's next choice"));
        rival
    });
    (read.collect(), repairs)
}

/// A place's text with its first letter made a currency sign, where the recogniser held that possible: `V120.00`.
fn with_currency(sheet: &Sheet<'_>, span: Span) -> String {
    let (text, line) = (sheet.text(span), sheet.cells[span.cell].line);
    let sign = line.rivals[span.from].chars().find(|r| matches!(r, '¥' | '￥'));
    match (sign, text.chars().next()) {
        (Some(sign), Some(c)) if c.is_ascii_alphabetic() => text.replacen(c, &sign.to_string(), 1),
        _ => text,
    }
}

/// A value with the first of some words in the place of characters that differ from it, but that the recogniser held
/// possible; and that word. `None` if the value stands nowhere on the page as it is, or no word fits.
pub fn mended<'w>(
    sheet: &Sheet<'_>,
    value: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> Option<(String, &'w str)> {
    let letters: Vec<char> = value.chars().collect();
    let (cell, at) = sheet.cells.iter().find_map(|cell| {
        Some((cell, cell.chars.windows(letters.len().max(1)).position(|window| window == letters)?))
    })?;
    let fits = |word: &[char], from: usize| {
        let cost = word.iter().enumerate().try_fold(0, |cost, (i, w)| match letters[from + i] {
            c if c == *w => Some(cost),
            _ if cell.line.rivals[at + from + i].contains(*w) => Some(cost + 1),
            _ => None,
        });
        // At least half is read as it is: the rest alone would make any word.
        cost.is_some_and(|cost| cost > 0 && cost * 2 <= word.len())
    };
    words.into_iter().find_map(|word| {
        let chars: Vec<char> = word.chars().collect();
        let from = (0..=letters.len().checked_sub(chars.len())?).find(|&from| fits(&chars, from))?;
        let mut mended = letters.clone();
        mended.splice(from..from + chars.len(), chars);
        Some((mended.into_iter().collect(), word))
    })
}

/// The longest run of capital-amount characters on the page: the total in words, wherever it stands.
pub fn amount_in_words(sheet: &Sheet<'_>) -> Option<Span> {
    let runs = (0..sheet.cells.len()).filter_map(|cell| {
        let (from, to) = parse::capital_run(&in_capitals(sheet, sheet.whole(cell)).0)?;
        Some(Span { cell, from, to })
    });
    // The first of equals.
    runs.rev().max_by_key(|run| run.to - run.from)
}

/// The total in words at a place; without value if it does not parse.
pub fn words(sheet: &Sheet<'_>, span: Span) -> Found {
    typed(sheet, FieldName::TotalInWords, span).unwrap_or_else(|| Found {
        value: None,
        text: sheet.text(span),
        confidence: Bp(0),
        quad: sheet.quad(span),
        repairs: vec![],
    })
}

/// Lets the total in numerals settle one or two misread characters of the total in words. The repair is told, so that the
/// words then prove nothing of the numerals.
pub fn settle_words(sheet: &Sheet<'_>, fields: &mut Fields) {
    let total = fields.get(&FieldName::Total).and_then(|f| f.value.as_deref()).and_then(crate::domain::Fen::parse);
    let Some((total, words)) = total.zip(fields.get_mut(&FieldName::TotalInWords)) else { return };
    if words.value.is_none()
        && let Some(span) = amount_in_words(sheet)
    {
        words.value = parse::capital_by_numerals(&in_capitals(sheet, span).0, total);
        if words.value.is_some() {
            words.confidence = Bp(9_000);
            words.repairs.push(SETTLED_BY_SUM.to_owned());
        }
    }
}

/// Makes a field of a place by the type of its value; `None` if the text cannot be one at all.
pub fn typed(sheet: &Sheet<'_>, name: FieldName, span: Span) -> Option<Found> {
    let text = sheet.text(span);
    let parsed = match name.value_type() {
        ValueType::CapitalAmount => {
            let (text, repairs) = in_capitals(sheet, span);
            let mut parsed = parse::capital(&text)?;
            parsed.repairs.extend(repairs);
            Some(parsed)
        }
        ValueType::Money => parse::money(&with_currency(sheet, span)),
        ValueType::Date => parse::dates(&text, parse::DateOrder::DayFirst).into_iter().next(),
        ValueType::Identifier => parse::identifier(&text),
        ValueType::Text => {
            let trimmed = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | ';' | ',' | '_'));
            let start = text.find(trimmed).map_or(0, |b| text[..b].chars().count());
            let n = trimmed.chars().count();
            (n > 0).then(|| parse::Parsed { value: trimmed.to_owned(), repairs: vec![], chars: (start, start + n) })
        }
    }?;
    let torn = parsed.repairs.iter().any(|repair| repair == parse::TORN);
    let mut found = found(sheet, span, parsed);
    if torn {
        found.confidence = found.confidence.times(Bp(5_000));
    }
    Some(found)
}

/// A field from a parsed part of a place.
pub fn found(sheet: &Sheet<'_>, span: Span, parsed: parse::Parsed) -> Found {
    let part = Span { cell: span.cell, from: span.from + parsed.chars.0, to: span.from + parsed.chars.1 };
    Found {
        value: Some(parsed.value),
        text: sheet.text(part),
        confidence: repaired(sheet.confidence(part), parsed.repairs.len()),
        quad: sheet.quad(part),
        repairs: parsed.repairs,
    }
}

/// Each repair costs a tenth of the confidence.
fn repaired(confidence: Bp, repairs: usize) -> Bp {
    (0..repairs.min(5)).fold(confidence, |c, _| c.times(Bp(9_000)))
}

/// Reads every field of a table: after its label, else beside it. Of several places for one field the surest stays;
/// a place whose text has no value of the field's type is kept, without value, only if there is nothing better.
pub fn read(sheet: &Sheet<'_>, table: &[Label]) -> (Fields, Vec<Hit>) {
    let hits = find(sheet, table);
    let mut fields = Fields::new();
    for hit in &hits {
        let Some(name) = table[hit.label].field else { continue };
        let places: Vec<Span> = inline(sheet, &hits, hit).map_or_else(|| beside(sheet, &hits, hit), |s| vec![s]);
        let Some(mut found) = places.iter().find_map(|&s| typed(sheet, name, s)).or_else(|| {
            // Seen but not understood: only worth telling where a wrong guess is not likely a neighbour's text.
            let span = inline(sheet, &hits, hit)?;
            Some(Found {
                value: None,
                text: sheet.text(span),
                confidence: Bp(0),
                quad: sheet.quad(span),
                repairs: vec![],
            })
        }) else {
            continue;
        };
        if hit.cost > 0 {
            found.confidence = found.confidence.times(Bp(9_700));
        }
        put(&mut fields, name, found);
    }
    (fields, hits)
}

/// Keeps the surer of two findings of one field; one with a value beats one without.
pub fn put(fields: &mut Fields, name: FieldName, found: Found) {
    let rank = |f: &Found| (f.value.is_some(), f.confidence);
    match fields.get(&name) {
        Some(old) if rank(old) >= rank(&found) => {}
        _ => {
            fields.insert(name, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{PageText, text::Line};

    /// A line with what the recogniser held possible at some places.
    fn doubted(text: &str, rivals: &[(usize, &str)]) -> Line {
        let mut line = Line::at(text, 0., 0., 400., 20.);
        rivals.iter().for_each(|(i, others)| line.rivals[*i] = (*others).to_owned());
        line
    }

    fn page(lines: Vec<Line>) -> PageText {
        PageText { width: 1000, height: 100, lines }
    }

    #[test]
    fn next_choices_make_a_label() {
        let field = |line: Line, words: &'static [&'static str]| {
            let page = page(vec![line]);
            let table = [
                Label { field: Some(FieldName::PayerName), words },
                Label { field: Some(FieldName::Cashier), words: &["收款人"] },
            ];
            read(&Sheet::new(&page), &table).0.remove(&FieldName::PayerName).and_then(|found| found.value)
        };
        assert_eq!(field(doubted("文款人:李四", &[(0, "交义")]), &["交款人"]).as_deref(), Some("李四"));
        assert_eq!(field(doubted("文款人:李四", &[]), &["交款人"]), None, "as near to another label");
        assert_eq!(field(doubted("患者姐名:李四", &[]), &["患者姓名"]).as_deref(), Some("李四"));
        assert_eq!(field(doubted("姐妹:李四", &[]), &["姓名"]), None, "two other characters");
    }

    #[test]
    fn next_choices_make_an_amount_in_words() {
        let words = |line: Line| {
            let page = page(vec![line]);
            let sheet = Sheet::new(&page);
            let found = words(&sheet, amount_in_words(&sheet).unwrap());
            (found.value, found.repairs.len())
        };
        let read = words(doubted("查万撕仟元整", &[(0, "壹聋"), (2, "测捌")]));
        assert_eq!(read, (Some("壹万捌仟元整".to_owned()), 2), "and both are told");
        assert_eq!(words(doubted("壹万撕仟元整", &[(2, "测")])).0, None);
    }

    #[test]
    fn next_choices_make_a_known_word_and_a_currency_sign() {
        let page = page(vec![doubted("某市如动保健院", &[(2, "和妇"), (3, "幼")]), doubted("V12.50", &[(0, "Y¥")])]);
        let sheet = Sheet::new(&page);
        let words = ["妇幼保健院"];
        assert_eq!(mended(&sheet, "某市如动保健院", words), Some(("某市妇幼保健院".to_owned(), "妇幼保健院")));
        assert_eq!(mended(&sheet, "某市如动保健院", ["某市人民医院"]), None);
        assert_eq!(mended(&sheet, "别的", words), None, "not on the page");
        let money = typed(&sheet, FieldName::Total, sheet.whole(1)).unwrap();
        assert_eq!(money.value.as_deref(), Some("12.50"));
    }

    const TABLE: &[Label] = &[
        Label { field: Some(FieldName::Deposit), words: &["预缴金额"] },
        Label { field: Some(FieldName::TopUp), words: &["补缴金额"] },
        Label { field: Some(FieldName::Refund), words: &["退费金额"] },
        Label { field: Some(FieldName::Sex), words: &["性别"] },
    ];

    #[test]
    fn values_are_taken_after_beside_and_despite_misread_labels() {
        let page = PageText {
            width: 1000,
            height: 100,
            lines: vec![
                Line::at("预缴金额:15000", 0., 0., 200., 20.),
                Line::at("补嫩金额:", 300., 0., 400., 20.),
                Line::at("0.00", 420., 4., 460., 24.),
                Line::at("退费金额:", 500., 0., 600., 20.),
                Line::at("性别:女", 700., 0., 780., 20.),
            ],
        };
        let sheet = Sheet::new(&page);
        let (fields, _) = read(&sheet, TABLE);
        let value = |n| fields.get(&n).and_then(|f: &Found| f.value.clone());
        assert_eq!(value(FieldName::Deposit).as_deref(), Some("15000.00"));
        assert_eq!(value(FieldName::TopUp).as_deref(), Some("0.00"));
        assert_eq!(value(FieldName::Refund), None, "the value of the next label is not taken");
        assert_eq!(value(FieldName::Sex).as_deref(), Some("女"));
        let deposit = &fields[&FieldName::Deposit];
        assert_eq!(deposit.text, "15000");
        let (left, _, right, _) = deposit.quad.bounds();
        assert!(left > 95.0 && right == 200.0, "{left} {right}");
    }
}
