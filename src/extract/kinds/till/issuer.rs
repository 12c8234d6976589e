//! Who issued a receipt: shop name and address, from its head.
//!
//! Every row of the head is weighed by what its words look like; no row is a name or an address by its place alone.

use super::words::{HEAD_ENDS, LEGAL_FORMS, NO_NAMES, NOT_ADDRESS, PLACES, REGIONS, SHOP_WORDS};
use super::{Row, contains_words, plain_letter};
use crate::domain::FieldName as F;
use crate::extract::labels::{distance, mended};
use crate::extract::layout::{Cell, Sheet};
use crate::extract::parse::{self, DateOrder};
use crate::extract::{Fields, Found};
use std::ops::Range;

/// Rows of the head that are looked at.
const HEAD: usize = 18;

/// Adds shop name and address.
pub fn read(sheet: &Sheet<'_>, rows: &[Row], fields: &mut Fields) {
    // A head ends where goods and money begin; a torn-off foot of another receipt may stand above it.
    let head = &rows[..rows.len().min(HEAD)];
    let address = address(sheet, head);
    if let Some(name) = name(sheet, head, address.as_ref().map(|a| a.0.clone())) {
        fields.insert(F::IssuerName, name);
    }
    if let Some((_, found)) = address {
        fields.insert(F::IssuerAddress, found);
    }
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).count()
}

fn has_any(words: &str, list: &[&str]) -> bool {
    list.iter().any(|w| contains_words(words, w))
}

/// A telephone number, a registration number, or nothing but digits and marks.
fn is_number_row(row: &Row) -> bool {
    let (letters, digits) = (letters(&row.text), digits(&row.text));
    letters < 3
        || digits >= 5
            && letters <= 8
            && (letters <= 3 || has_any(&row.words, &["co", "no", "roc", "brn"]) || row.words.contains("reg"))
        || row.text.starts_with('(') && digits >= 4 && letters <= 5
        || row.words.split(' ').any(|word| word.starts_with("cashier") && digits >= 2)
}

/// Whether the row tells of the receipt and no longer of the shop.
fn ends_head(row: &Row) -> bool {
    has_any(&row.words, HEAD_ENDS) || !row.amounts.is_empty()
}

/// A company's registration number: `123456-X`, `(123456-X)`.
fn is_registration(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| matches!(c, '(' | ')' | '[' | ']' | '<' | '>'));
    let number = bare.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end_matches('-');
    number.len() >= 5 && number.bytes().all(|b| b.is_ascii_digit()) && bare.len() > number.len() && letters(bare) <= 2
}

/// How much a row looks like part of an address; 0 or less for one that does not.
fn address_weight(row: &Row) -> i32 {
    if !row.amounts.is_empty() || !parse::dates(&row.text, DateOrder::DayFirst).is_empty() {
        return -9;
    }
    let words: Vec<&str> = row.words.split(' ').collect();
    // A misread letter in a long word leaves it itself.
    let place = words.iter().filter(|w| {
        PLACES.contains(w)
            || w.chars().count() >= 5 && PLACES.iter().any(|p| p.len() >= 5 && distance(w, p, 1).is_some())
    });
    let street = row.text.contains("straße")
        || row.words.contains("strasse")
        || words.iter().any(|w| w.len() > 5 && w.ends_with("str"));
    let numbered = words.first().is_some_and(|w| {
        *w == "no" || w.strip_prefix("no").is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()))
    });
    let starts = numbered || words.first().is_some_and(|w| w.starts_with(|c: char| c.is_ascii_digit()));
    let commas = row.text.chars().filter(|c| *c == ',').count().min(2) as i32;
    let region = has_any(&row.words, REGIONS);
    let mut weight = 2 * (place.count().min(2) as i32) + 2 * i32::from(street) + commas;
    weight += 2 * i32::from(region) + 3 * i32::from(postcode(&row.text).is_some());
    // A number alone starts a row of goods as often as one of an address.
    weight += 2 * i32::from(starts && (numbered || weight > 0));
    let label = NOT_ADDRESS.iter().any(|w| row.words.starts_with(w) && contains_words(&row.words, w))
        || row.words.starts_with("site") && row.text.contains(':');
    let number = is_number_row(row) && !region && !numbered && weight < 4 || row.text.split(' ').any(is_registration);
    let other = has_any(&row.words, &["roc", "reg", "gst", "invoice", "receipt", "cashier"]);
    // A company, not a place.
    let company = has_any(&row.words, LEGAL_FORMS) && !starts && weight < 6;
    if label || number || other || company {
        weight -= 9;
    }
    weight
}

/// Whether a row's words are a street: `12 main street`, `hauptweg 3`.
fn is_street(words: &str) -> bool {
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit()) && letters(word) <= 1;
    let mut named = words.split(' ').filter(|word| !is_number(word));
    let (Some(first), second) = (named.next(), named.next()) else { return false };
    let german = ["weg", "str", "strasse", "straße", "allee", "gasse", "platz"];
    let ends = |word: &str| german.iter().any(|end| word.len() > end.len() + 2 && word.ends_with(end));
    let numbered = words.split(' ').next().is_some_and(is_number);
    second.is_none() && ends(first) || numbered && words.split(' ').any(|word| PLACES.contains(&word))
}

/// Five digits on their own, as most countries' postcodes.
fn postcode(text: &str) -> Option<&str> {
    text.split([' ', ',', '.']).find(|w| w.len() == 5 && w.bytes().all(|b| b.is_ascii_digit()))
}

/// The address: the best run of rows that look like one, with the rows it stands on.
fn address(sheet: &Sheet<'_>, head: &[Row]) -> Option<(Range<usize>, Found)> {
    let weights: Vec<i32> = head.iter().map(address_weight).collect();
    let mut best: Option<(i32, usize, usize)> = None; // rank, first, last
    for first in (0..head.len()).filter(|&i| weights[i] >= 1) {
        let mut sum = 0;
        let mut last = first;
        for at in first..head.len().min(first + 7) {
            // One row that says nothing may stand between two that do; two end it.
            let gap = at > first && head[at].top - head[at - 1].bottom > 2.0 * head[at].height.max(head[at - 1].height);
            if weights[at] <= -3 || gap {
                break;
            }
            if weights[at] > 0 {
                last = at;
            } else if at > last + 1 {
                break;
            }
            sum = (first..=last).map(|i| weights[i]).sum();
        }
        // The shop's own address stands first; one further down is a buyer's or an owner's.
        let rank = sum - first as i32;
        if sum >= 4 && best.is_none_or(|(s, ..)| rank > s) {
            best = Some((rank, first, last));
        }
    }
    let (_, mut first, mut last) = best?;
    // A branch named after a place stands before the street; the street itself has a number or a comma.
    while first < last
        && !head[first].text.contains(',')
        && digits(&head[first].text) == 0
        && weights[first] <= 2
        && head[first + 1].text.chars().any(|c| c.is_ascii_digit())
        && weights[first + 1] > weights[first]
    {
        first += 1;
    }
    // What follows postcode and region is a branch, unless it names a region itself.
    let ends = |i: &usize| postcode(&head[*i].text).is_some() || has_any(&head[*i].words, REGIONS);
    if let Some(end) = (first..=last).rev().find(ends) {
        let tail = (end + 1..=last).all(|i| weights[i] <= 2 && !head[i].text.contains(','));
        if tail {
            last = end;
        }
    }
    // One that has not come to its end yet goes on over a row of plain words.
    let ended = (first..=last).any(|i| ends(&i));
    let plain = |i: usize| {
        let row = &head[i];
        letters(&row.text) >= 4
            && weights[i] > -3
            && digits(&row.text) <= 2
            && !row.text.contains(':')
            && !ends_head(row)
    };
    if !ended
        && last + 1 < head.len()
        && plain(last + 1)
        && head.get(last + 2).is_none_or(|r| ends_head(r) || is_number_row(r))
    {
        last += 1;
    }
    let cells: Vec<usize> =
        (first..=last).flat_map(|i| head[i].cells.iter().copied()).filter(|&c| belongs(sheet, c)).collect();
    let mut found = joined(sheet, &cells)?;
    let value = found.value.take().map(|v| within(&v)).filter(|v| letters(v) >= 4)?;
    found.value = Some(readable(sheet, &value, &mut found.repairs));
    Some((first..last + 1, found))
}

/// Whether a cell on a row of the address is part of it.
fn belongs(sheet: &Sheet<'_>, cell: usize) -> bool {
    let text = &sheet.cells[cell].line.text;
    let words = words_of(text);
    let label = NOT_ADDRESS.iter().any(|w| words.starts_with(w) && contains_words(&words, w));
    let bracketed = text.starts_with('(') && text.ends_with(')');
    !label && !bracketed && !has_any(&words, NO_NAMES)
}

/// Lower case, with single spaces for all that is neither letter nor digit.
fn words_of(text: &str) -> String {
    let folded: String = text.chars().map(|c| if c.is_alphanumeric() { plain_letter(c) } else { ' ' }).collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The address in a text that goes on about telephones and opening hours.
fn within(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let cut = NOT_ADDRESS
        .iter()
        .flat_map(|w| lower.match_indices(w))
        .filter(|(i, w)| {
            let before = lower[..*i].chars().next_back();
            let after = lower[i + w.len()..].chars().find(|c| *c != ' ');
            before.is_some_and(|c| !c.is_alphanumeric())
                && after.is_some_and(|c| matches!(c, ':' | '.' | '(' | 'n') || c.is_ascii_digit())
        })
        .map(|(i, _)| i)
        .min();
    cut.map_or(text, |i| &text[..i])
        .trim_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ':' | '-'))
        .to_owned()
}

/// The name: of the rows before the goods the one that looks most like one, with what belongs to it above and below.
fn name(sheet: &Sheet<'_>, head: &[Row], address: Option<Range<usize>>) -> Option<Found> {
    let end = head.iter().position(|r| !r.amounts.is_empty()).filter(|&i| i >= 4).unwrap_or(head.len());
    let head: Vec<Row> = head[..end].iter().map(|row| printed_part(sheet, row)).collect();
    let street = head.iter().position(|row| is_street(&row.words)).unwrap_or(head.len());
    let weigh = |i: usize| -> Option<i32> {
        let row = &head[i];
        if letters(&row.text) < 3
            || !row.amounts.is_empty()
            || is_number_row(row)
            || has_any(&row.words, NO_NAMES)
            || row.words.contains("www")
        {
            return None;
        }
        let bare = without_registration(&row.text);
        let legal = has_any(&row.words, LEGAL_FORMS);
        let shop = has_any(&row.words, SHOP_WORDS);
        let elsewhere = ["tel", "gst", "date", "invoice", "receipt", "cashier"];
        if ends_head(row) && !legal && (!shop || has_any(&row.words, &elsewhere)) {
            return None;
        }
        // A street, or what stands below one: the logo above could not be read. No name is better than a wrong one.
        if !legal && !shop && (i >= street || address_weight(row) >= 3) {
            return None;
        }
        // Printed names start with a capital or a digit; a small letter is a note somebody wrote at the top.
        let printed = bare.chars().find(|c| c.is_alphanumeric()).is_some_and(|c| !c.is_lowercase());
        let confidence = row.cells.iter().map(|&c| sheet.cells[c].line.confidence.0).min().unwrap_or(0);
        let mut weight =
            6 * i32::from(legal) + 3 * i32::from(shop) - 3 * i32::from(!printed) - 4 * i32::from(confidence < 8_500);
        weight += i32::from(row.height > 1.3 * sheet.line_height);
        // Above the address, and nearer to the top.
        weight += match &address {
            Some(a) if i < a.start => 5 - i32::from(a.start - i > 3) * 2,
            Some(a) if a.contains(&i) => -12,
            Some(_) => -4,
            None => 0,
        };
        weight -= (i as i32).min(6);
        Some(weight)
    };
    let weights: Vec<Option<i32>> = (0..head.len()).map(weigh).collect();
    // Of equals the first.
    let at = (0..head.len()).filter(|&i| weights[i].is_some()).rev().max_by_key(|&i| weights[i])?;
    let (mut from, mut to) = (at, at);
    let close = |a: usize, b: usize| head[b].top - head[a].bottom < 0.8 * head[a].height.max(head[b].height);
    let open = |text: &str| text.trim_end().ends_with(['&', '-', '+']) || text.trim_end().ends_with(" and");
    // Nothing but a legal form or what kind of shop it is: the name itself stands above.
    if from > 0 && weights[from - 1].is_some() && close(from - 1, from) {
        let row = &head[from];
        let starts_open = row.text.trim_start().starts_with(['&', '+']);
        let alike = row.height > 1.25 * sheet.line_height && (head[from - 1].height / row.height - 1.0).abs() < 0.35;
        if own_words(&row.words) <= 1 || starts_open || open(&head[from - 1].text) || alike && from == 1 {
            from -= 1;
        }
    }
    if to + 1 < head.len() && address.as_ref().is_none_or(|a| !a.contains(&(to + 1))) && close(to, to + 1) {
        let (row, next) = (&head[to], &head[to + 1]);
        let large = row.height > 1.25 * sheet.line_height && (next.height / row.height - 1.0).abs() < 0.3;
        let continues = open(&row.text) || next.text.trim_start().starts_with('&');
        let capital = next.text.chars().find(|c| c.is_alphabetic()).is_some_and(char::is_uppercase);
        let plain = weights[to + 1].is_some() && next.cells.len() == 1 && capital;
        let form = matches!(next.words.as_str(), "sdn bhd" | "bhd" | "s b") && !has_any(&row.words, &["bhd", "s b"]);
        if form
            || continues && letters(&next.text) >= 3
            || plain && (own_words(&next.words) == 0 && !has_any(&row.words, LEGAL_FORMS) || large)
        {
            to += 1;
        }
    }
    let cells: Vec<usize> = (from..=to).flat_map(|i| head[i].cells.iter().copied()).collect();
    let mut found = joined(sheet, &cells)?;
    let value = found.value.take().map(|v| without_registration(&v)).filter(|v| letters(v) >= 2)?;
    found.value = Some(readable(sheet, &value, &mut found.repairs));
    Some(found)
}

/// A row without the stamps and scribbles that stand on its height; as it is if nothing else is left.
fn printed_part(sheet: &Sheet<'_>, row: &Row) -> Row {
    let text = |c: usize| sheet.cells[c].line.text.as_str();
    let capital = |c: usize| text(c).chars().find(|c| c.is_alphanumeric()).is_some_and(|c| !c.is_lowercase());
    let any_capital = row.cells.iter().any(|&c| capital(c));
    let keep =
        |&c: &usize| letters(text(c)) >= 2 && (capital(c) || !any_capital) && !has_any(&words_of(text(c)), NO_NAMES);
    let mut part = row.clone();
    part.cells.retain(keep);
    if part.cells.is_empty() {
        return row.clone();
    }
    if part.cells.len() < row.cells.len() {
        part.text = part.cells.iter().map(|&c| text(c)).collect::<Vec<_>>().join(" ");
        part.words = words_of(&part.text);
        let cells = || part.cells.iter().map(|&c| &sheet.cells[c]);
        let (top, bottom) =
            (cells().map(|c| c.top).fold(f64::INFINITY, f64::min), cells().map(|c| c.bottom).fold(0.0, f64::max));
        let height = cells().map(Cell::height).fold(0.0, f64::max);
        (part.top, part.bottom, part.height) = (top, bottom, height);
    }
    part
}

/// Letters of a row's words that are neither a legal form nor a kind of shop.
fn own_words(words: &str) -> usize {
    let mut rest = format!(" {words} ");
    for list in [LEGAL_FORMS, SHOP_WORDS] {
        for w in list {
            rest = rest.replace(&format!(" {w} "), " ");
        }
    }
    letters(&rest)
}

/// A company's name without what stands behind it: registration number, branch number, who owns it before it.
fn without_registration(name: &str) -> String {
    let mut name = name.trim();
    for lead in ["own by", "owned by", "licensee of", "operated by"] {
        if name.to_ascii_lowercase().starts_with(lead) {
            name = name[lead.len()..].trim_start_matches([':', ' ', '.']);
        }
    }
    // Behind a registration number nothing belongs to the name.
    if let Some(at) = name.split(' ').skip(1).find(|w| is_registration(w)).and_then(|w| name.find(w)) {
        let whole = name[at..].split('(').next().is_some_and(|w| letters(w) >= 2);
        if letters(&name[..at]) >= 3 && !whole {
            name = name[..at].trim_end();
        }
    }
    loop {
        let before = name;
        let last = name.rsplit(' ').next().unwrap_or(name);
        let head = name[..name.len() - last.len()].trim_end();
        let bare: String = last.chars().filter(|c| c.is_alphanumeric()).collect();
        // `(123456-X)`, `#994`, `0006661`, `862725-U`, `28-05`: numbers behind a name of their own.
        let numbered = !last.contains('(') && digits(&bare) >= 2 && letters(&bare) <= 1;
        if letters(head) >= 3 && (numbered || bare.is_empty()) && !matches!(head.chars().next_back(), Some('&')) {
            name = head;
        }
        if let Some((head, tail)) = name.rsplit_once('(') {
            let inside = tail.trim_end_matches(')');
            if letters(head) >= 3 && (digits(inside) >= 3 || letters(inside) + digits(inside) < 2) {
                name = head.trim_end();
            }
        }
        name = name.trim_end_matches([' ', '#', ',', ':', '-', ')', '<']);
        if name.ends_with(|c: char| c.is_alphanumeric())
            && before.contains('(')
            && !name.contains(')')
            && name.contains('(')
        {
            name = before.trim();
            break;
        }
        if name == before {
            break;
        }
    }
    // The bracket that belongs to the name was trimmed with the rest.
    let open = name.matches('(').count() > name.matches(')').count();
    if open { format!("{name})") } else { name.to_owned() }
}

/// Letters and digits of one face put right by what stands around them, each noted: a digit inside a word of letters
/// is a letter, an O inside a number is a zero, and a legal form with one letter misread is itself.
fn readable(sheet: &Sheet<'_>, text: &str, repairs: &mut Vec<String>) -> String {
    let words: Vec<String> = text
        .split(' ')
        .map(|word| {
            let better = possible_word(sheet, word).unwrap_or_else(|| known_word(&readable_word(word)));
            if better != word {
                repairs.push(format!("{word} read as {better}"));
            }
            better
        })
        .collect();
    words.join(" ")
}

fn readable_word(word: &str) -> String {
    let mut chars: Vec<char> = word.chars().collect();
    let all = chars.clone();
    let at = |i: usize, step: isize| i.checked_add_signed(step).and_then(|j| all.get(j)).copied();
    let (letters, numbers) = (letters(word), digits(word));
    for i in 0..all.len() {
        let c = all[i];
        let beside = [at(i, -1), at(i, 1)];
        let letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphabetic());
        let number = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let upper = beside.iter().flatten().all(|c| !c.is_ascii_lowercase());
        // Inside a word of letters only.
        if c.is_ascii_digit()
            && numbers == 1
            && letters >= 3
            && (i == 0 || letter(beside[0]))
            && letter(beside[1])
            && i + 2 < all.len()
        {
            chars[i] = match (c, upper) {
                ('0', true) => 'O',
                ('0', false) => 'o',
                ('1', true) => 'I',
                ('1', false) => 'l',
                ('5', true) => 'S',
                ('8', true) => 'B',
                _ => c,
            };
        }
        // `WorId`: a capital I between small letters.
        if c == 'I' && i > 0 && beside.iter().all(|c| c.is_some_and(|c| c.is_ascii_lowercase())) {
            chars[i] = 'l';
        }
        // `G3O`, `4600D`, `B1750`: a letter beside digits that make a number with it.
        if matches!(c, 'O' | 'D') && number(beside[0]) && !letter(beside[1]) && numbers >= if c == 'O' { 1 } else { 4 }
        {
            chars[i] = '0';
        }
        if c == 'B' && i == 0 && all.len() == 5 && numbers == 4 {
            chars[i] = '8';
        }
        if c == '[' && i + 1 == all.len() && letters >= 3 {
            chars[i] = 'I';
        }
    }
    let out: String = chars.into_iter().collect();
    match out.trim_end_matches(['.', ',']) {
        "SON" | "SDM" | "5DN" | "SDH" => out.replace(out.trim_end_matches(['.', ',']), "SDN"),
        "3HD" | "BHO" | "8HD" | "BND" => out.replace(out.trim_end_matches(['.', ',']), "BHD"),
        _ => out,
    }
}

/// What shops and addresses are made of.
fn known_words() -> impl Iterator<Item = &'static str> {
    const MORE: &[&str] = &[
        "kuala",
        "lumpur",
        "darul",
        "ehsan",
        "petaling",
        "bandar",
        "jaya",
        "alam",
        "utama",
        "subang",
        "shah",
        "sri",
        "seri",
        "off",
        "indah",
        "baru",
        "damansara",
        "johor",
        "bahru",
        "tenaga",
        "raja",
    ];
    [SHOP_WORDS, PLACES, REGIONS, LEGAL_FORMS, MORE].into_iter().flatten().flat_map(|phrase| phrase.split(' '))
}

/// A word misread in characters for which the recogniser held those of a known word possible is that word.
fn possible_word(sheet: &Sheet<'_>, word: &str) -> Option<String> {
    let core = word.trim_matches(|c: char| matches!(c, '.' | ',' | '(' | ')' | '-'));
    let length = core.chars().count();
    if length < 3 || known_words().any(|known| known == core.to_lowercase()) {
        return None;
    }
    let cases = known_words().filter(|known| known.len() == length).flat_map(|known| {
        let mut title = known.to_uppercase();
        title.replace_range(1.., &known[1..]);
        [known.to_uppercase(), title, known.to_owned()]
    });
    let cases: Vec<String> = cases.collect();
    let (better, _) = mended(sheet, core, cases.iter().map(String::as_str))?;
    Some(word.replace(core, &better))
}

/// A long word that is one letter off one that shops and addresses are made of is that word; so is one with an accent
/// that no such word has.
fn known_word(word: &str) -> String {
    let core = word.trim_matches(|c: char| !c.is_alphanumeric());
    let lower: String = core.chars().map(plain_letter).collect();
    let known = || known_words().filter(|w| w.len() >= 5);
    if known().any(|w| w == core.to_lowercase()) || core.chars().count() < 5 {
        return word.to_owned();
    }
    let odd = core.chars().any(|c| !c.is_ascii_alphabetic());
    let length = core.chars().count();
    let off = |w: &&str| {
        w.len() == length
            && lower.chars().zip(w.chars()).filter(|(a, b)| a != b).count() <= usize::from(odd || length >= 7)
    };
    // Where only the end differs it may be another form of the word.
    let same_end = |w: &&str| w.chars().next_back() == lower.chars().next_back();
    let Some(better) = known().filter(same_end).find(off) else { return word.to_owned() };
    let upper = core.chars().filter(|c| c.is_uppercase()).count() * 2 > length;
    let cased: String = match upper {
        true => better.to_uppercase(),
        false if core.starts_with(char::is_uppercase) => better[..1].to_uppercase() + &better[1..],
        false => better.to_owned(),
    };
    word.replace(core, &cased)
}

/// Several cells as one text field.
fn joined(sheet: &Sheet<'_>, cells: &[usize]) -> Option<Found> {
    let first = *cells.first()?;
    let text = cells.iter().map(|&i| sheet.cells[i].line.text.trim()).collect::<Vec<_>>().join(" ");
    let quad = if cells.len() == 1 {
        sheet.cells[first].line.quad
    } else {
        cells.iter().map(|&i| sheet.cells[i].line.quad).reduce(|a, b| a.union(&b))?
    };
    let confidence = cells.iter().map(|&i| sheet.cells[i].line.confidence).min()?;
    Some(Found { value: Some(text.clone()), text, confidence, quad, repairs: vec![] })
}
