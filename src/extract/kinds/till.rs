//! Western till receipts: rows of words with an amount at their end.

mod issuer;
mod words;

use crate::domain::document::{SETTLED_BY_SUM, doubt};
use crate::domain::{Bp, FieldName as F};
use crate::extract::labels::{self, put};
use crate::extract::layout::{Sheet, Span};
use crate::extract::parse::{self, DateOrder, Parsed};
use crate::extract::{Fields, Found, FoundItem};
use regex::Regex;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// A row of the receipt.
#[derive(Clone)]
struct Row {
    cells: Vec<usize>,
    /// Lower case, amounts and all but letters, digits and single spaces taken out.
    words: String,
    /// The whole text.
    text: String,
    /// Amounts with cents, left to right, with the whole cell they stand in.
    amounts: Vec<(Span, Parsed)>,
    top: f64,
    bottom: f64,
    height: f64,
}

/// Reads a till receipt.
pub fn read(sheet: &Sheet<'_>) -> (Fields, Vec<FoundItem>) {
    // Amounts with thousands marked off and no cents count only where nothing on the receipt has cents: elsewhere
    // `122,124` is two house numbers.
    let cents = sheet.cells.iter().any(|c| {
        let t = &c.line.text;
        parse::amounts(t).iter().any(|p| parse::has_cents(t, p))
    });
    let is_amount = if cents { parse::has_cents } else { parse::is_amount };
    let rows: Vec<Row> = sheet.rows().into_iter().map(|cells| row(sheet, cells, is_amount)).collect();
    let mut fields = Fields::new();
    let mut roles: Vec<Role> = rows.iter().map(|r| role(&r.words)).collect();
    set_tax_tables_aside(&rows, &mut roles);
    labelled(sheet, &rows, &roles, &mut fields);
    total(sheet, &rows, &roles, &mut fields);
    settle(sheet, &rows, &roles, &mut fields);
    date(sheet, &rows, &mut fields);
    issuer::read(sheet, &rows, &mut fields);
    let items = items(sheet, &rows, &roles);
    (fields, items)
}

fn row(sheet: &Sheet<'_>, cells: Vec<usize>, is_amount: fn(&str, &Parsed) -> bool) -> Row {
    let text = cells.iter().map(|&i| sheet.cells[i].line.text.as_str()).collect::<Vec<_>>().join(" ");
    let mut amounts = Vec::new();
    let mut words = String::new();
    for &i in &cells {
        let t = &sheet.cells[i].line.text;
        let found: Vec<Parsed> = parse::amounts(t).into_iter().filter(|p| is_amount(t, p) && !measures(t, p)).collect();
        for (k, &c) in sheet.cells[i].chars.iter().enumerate() {
            if found.iter().any(|p| (p.chars.0..p.chars.1).contains(&k)) {
                continue;
            }
            let c = if c.is_alphanumeric() { plain_letter(c) } else { ' ' };
            if c != ' ' || !words.ends_with(' ') {
                words.push(c);
            }
        }
        words.push(' ');
        amounts.extend(found.into_iter().map(|p| (sheet.whole(i), p)));
    }
    let of = |f: fn(&crate::extract::layout::Cell<'_>) -> f64| cells.iter().map(move |&i| f(&sheet.cells[i]));
    Row {
        top: of(|c| c.top).fold(f64::INFINITY, f64::min),
        bottom: of(|c| c.bottom).fold(0.0, f64::max),
        height: of(|c| c.bottom - c.top).fold(0.0, f64::max),
        words: words.split_whitespace().collect::<Vec<_>>().join(" "),
        text,
        amounts,
        cells,
    }
}

/// Whether a number is no amount to pay: `@6.00%` is a rate, `39.42 litre` what was filled in, `7.30am` a time, `@2.50` the
/// price of one.
fn measures(text: &str, number: &Parsed) -> bool {
    const UNITS: [&str; 8] = ["litre", "liter", "ltr", "kg", "gal", "pcs", "am", "pm"];
    // A letter that stands apart says how it is taxed.
    const CLOSE: [&str; 6] = ["l", "ml", "g", "m", "cm", "mm"];
    let rest = text.chars().skip(number.chars.1).collect::<String>().to_lowercase();
    let (word, is_close) = (rest.trim_start(), !rest.starts_with(' '));
    let is = |unit: &&str| -> bool {
        let end = word.strip_prefix(*unit).map(|end| end.strip_prefix('s').unwrap_or(end));
        end.is_some_and(|end| !end.starts_with(char::is_alphabetic))
    };
    let before = text.chars().take(number.chars.0).filter(|c| *c != ' ').last();
    before == Some('@') || word.starts_with('%') || UNITS.iter().any(&is) || is_close && CLOSE.iter().any(is)
}

/// In lower case and without its accent: readers put accents on dirt.
fn plain_letter(c: char) -> char {
    let base = std::iter::once(c).nfd().next().unwrap_or(c);
    base.to_lowercase().next().unwrap_or(base)
}

/// What a row's words say its amount is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The total, with the weight of its wording.
    Total(u32),
    Subtotal,
    /// What the total is without the tax: the subtotal, where nothing is called that.
    Net,
    Rounding,
    Change,
    Cash,
    Card,
    Tax,
    /// Another sum that is not an item: discount, savings, tax table.
    Aside,
    None,
}

/// Weight of the wording `grand total`.
const GRAND_TOTAL: u32 = 17;

/// The role by words. Wordings are those of SROIE's receipts (domain notes, section 7), of American and German ones.
fn role(words: &str) -> Role {
    let words =
        &words.split(' ').map(|word| if is_nearly_total(word) { "total" } else { word }).collect::<Vec<_>>().join(" ");
    let has = |list: &[&str]| list.iter().any(|w| contains_words(words, w));
    let squeezed: String = words.chars().filter(|c| !c.is_whitespace()).collect();
    let glued = |list: &[&str]| list.iter().any(|w| squeezed.contains(w));
    if glued(&["subtotal", "subtota1", "subtt", "zwischensumme", "subtl", "sub7otal"])
        || has(&["sub ttl", "sttl", "net sales", "food total", "gross amount"])
    {
        return Role::Subtotal;
    }
    let total = glued(&["total", "tota1", "t0tal", "totai", "totaal", "gesamtbetrag", "zuzahlen", "endbetrag"])
        || has(&[
            "summe",
            "amount due",
            "amt due",
            "amount payable",
            "balance due",
            "nett",
            "net amount",
            "bal due",
            "amount paid",
            "amt paid",
            "ttl",
            "payable",
        ]);
    let inclusive = glued(&["incl", "inc1", "inci"]) || has(&["inc", "with gst", "w gst"]);
    if total {
        if has(&[
            "qty",
            "quantity",
            "items",
            "item",
            "item s",
            "items sold",
            "saving",
            "savings",
            "points",
            "no of",
            "pcs",
            "count",
            "unit",
        ]) || glued(&["discount", "savings", "totalqty", "totalitem", "totaldisc"])
        {
            return Role::Aside;
        }
        if glued(&["excl", "exctu", "xcluding", "exgst", "beforegst", "withoutgst", "wogst", "exctax"]) {
            return Role::Net;
        }
        // `GST payable`
        if !glued(&["total"]) && has(&["payable"]) && has(&["gst", "sst", "vat", "tax"]) {
            return Role::Tax;
        }
        if words.starts_with("total included gst")
            || glued(&["totalincludedgst", "totalgst"]) && !glued(&["totalgstincl"]) && !inclusive
        {
            return Role::Tax;
        }
        if !inclusive && (glued(&["totalgst", "totaltax", "totalsst", "totalvat", "taxtotal", "gsttotal", "totalmwst"]))
        {
            return Role::Tax;
        }
        if glued(&["roundedtotal", "totalrounded", "afterround", "afteradj", "totalafter", "roundtotal", "totalround"])
        {
            return Role::Total(20);
        }
        if glued(&["grandtotal", "finaltotal"]) {
            return Role::Total(GRAND_TOTAL);
        }
        if glued(&[
            "totalpayable",
            "amountdue",
            "amtdue",
            "totaldue",
            "balancedue",
            "baldue",
            "amountpayable",
            "totalamtpayable",
            "zuzahlen",
            "netttotal",
            "nettotal",
            "nettamount",
            "endbetrag",
        ]) {
            return Role::Total(16);
        }
        if inclusive {
            return Role::Total(14);
        }
        if glued(&["totalsales", "totalamount", "totalamt", "totalrm", "summe"]) {
            return Role::Total(13);
        }
        if glued(&["amountpaid", "amtpaid", "totalpaid"]) {
            return Role::Total(9);
        }
        return Role::Total(12);
    }
    if has(&["rounding", "round", "rnd", "rounding adj", "rounding adjustment", "round adj", "rounded"])
        || glued(&["rounding", "roundadj", "rndadj"])
    {
        return Role::Rounding;
    }
    let is_charge = has(&["delivery", "service", "svc", "serv", "packing"]);
    if has(&["change", "change due", "ruckgeld", "rückgeld", "change rm", "chg", "balance"]) && !is_charge
        || squeezed.starts_with("change")
    {
        return Role::Change;
    }
    if has(&["due"]) {
        return Role::Total(11);
    }
    let counts = ["totqty", "itemcount", "noqty", "noofitem", "noitem", "taxable", "einzelpreis"];
    if glued(&["discount", "saving", "youpay", "voucher", "deposit"])
        || glued(&counts)
        || ["qty", "quantity"].iter().any(|word| words.starts_with(word))
    {
        return Role::Aside;
    }
    if has(&[
        "visa",
        "master",
        "mastercard",
        "amex",
        "debit",
        "credit card",
        "card",
        "ec karte",
        "girocard",
        "bank card",
        "kartenzahlung",
    ]) {
        return Role::Card;
    }
    if has(&[
        "cash",
        "tender",
        "tendered",
        "gegeben",
        "bar",
        "amount tender",
        "cash tender",
        "cash tendered",
        "payment",
        "paid",
    ]) && !has(&["cashier", "cash bill", "cash sales", "gst", "vat", "tax"])
    {
        return Role::Cash;
    }
    if words
        .split(' ')
        .any(|w| w.strip_prefix("tax").is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit())))
        || has(&[
            "gst",
            "btw",
            "iva",
            "tva",
            "tax",
            "hst",
            "vat",
            "pst",
            "sst",
            "taxes",
            "mwst",
            "ust",
            "salestax",
            "sales tax",
            "service tax",
            "govt tax",
        ])
        || glued(&["salestax", "govttax", "gsttax"])
    {
        if has(&["invoice", "reg", "id", "no", "summary", "code"]) || glued(&["taxinvoice", "gstno", "gstreg", "gstid"])
        {
            return Role::Aside;
        }
        return Role::Tax;
    }
    if has(&["service charge", "svc chg", "serv charge", "surcharge", "tip", "gratuity", "amount"]) {
        return Role::Aside;
    }
    Role::None
}

/// Rows of a tax table (a head that names codes or rates, then sums by rate) are no sums of the receipt: their total is
/// the tax's. A table ends where cash, change or a stronger total follows.
fn set_tax_tables_aside(rows: &[Row], roles: &mut [Role]) {
    let mut inside = false;
    for (row, role) in rows.iter().zip(roles) {
        let squeezed: String = row.words.chars().filter(|c| !c.is_whitespace()).collect();
        let head = row.amounts.is_empty()
            && ["gstsummary", "taxsummary", "gstanalysis", "gstsum", "taxcode"].iter().any(|w| squeezed.contains(w));
        inside |= head;
        match role {
            Role::Cash | Role::Change | Role::Card | Role::Rounding | Role::Subtotal => inside = false,
            Role::Total(weight) if *weight > 14 => inside = false,
            Role::Total(_) | Role::Net if inside => *role = Role::Aside,
            _ => {}
        }
    }
}

/// `total` with one character misread.
fn is_nearly_total(word: &str) -> bool {
    word.chars().count() == 5 && word.chars().zip("total".chars()).filter(|(a, b)| a != b).count() == 1
}

/// Whether `words` holds `phrase` between word ends.
fn contains_words(words: &str, phrase: &str) -> bool {
    words.match_indices(phrase).any(|(i, m)| {
        let before = words[..i].chars().next_back();
        let after = words[i + m.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// The amount that belongs to a row's label: its last one, else the only one on the row below.
fn amount_of<'r>(rows: &'r [Row], roles: &[Role], i: usize) -> Option<&'r (Span, Parsed)> {
    rows[i].amounts.last().or_else(|| {
        // A number on the label's own row that is no amount is a torn one: the row below belongs to another label.
        let torn = |word: &str| {
            word.contains(['.', ',']) && word.starts_with(|c: char| c.is_ascii_digit()) && !word.ends_with('%')
        };
        if rows[i].text.split(' ').any(torn) {
            return None;
        }
        let next = rows.get(i + 1)?;
        let close = next.top - rows[i].bottom < rows[i].height * 1.2;
        let is_bare = roles[i + 1] == Role::None && next.words.chars().filter(|c| c.is_alphabetic()).count() <= 2;
        match next.amounts.as_slice() {
            [only] if close && is_bare => Some(only),
            _ => None,
        }
    })
}

fn fen(found: &Parsed) -> i64 {
    crate::domain::Fen::parse(&found.value).map_or(0, |f| f.0)
}

/// Subtotal, tax, rounding, cash, change.
fn labelled(sheet: &Sheet<'_>, rows: &[Row], roles: &[Role], fields: &mut Fields) {
    for (i, role) in roles.iter().enumerate() {
        let name = match role {
            Role::Subtotal => F::Subtotal,
            Role::Rounding => F::Rounding,
            Role::Change => F::Change,
            Role::Cash => F::Cash,
            Role::Tax => F::Tax,
            _ => continue,
        };
        let Some((span, parsed)) = amount_of(rows, roles, i) else { continue };
        if name == F::Rounding && fen(parsed).abs() > 5 {
            continue;
        }
        if fields.contains_key(&name) {
            continue; // the first of its kind: later ones are copies in a tax table or a card slip
        }
        put(fields, name, labels::found(sheet, *span, parsed.clone()));
    }
    let net = (0..rows.len()).filter(|&i| roles[i] == Role::Net).find_map(|i| amount_of(rows, roles, i));
    if let Some((span, parsed)) = net.filter(|_| !fields.contains_key(&F::Subtotal)) {
        put(fields, F::Subtotal, labels::found(sheet, *span, parsed.clone()));
    }
}

/// The total: the best wording, helped by what it must agree with.
fn total(sheet: &Sheet<'_>, rows: &[Row], roles: &[Role], fields: &mut Fields) {
    let value =
        |name: F| fields.get(&name).and_then(|f| f.value.as_deref()).and_then(crate::domain::Fen::parse).map(|f| f.0);
    let (cash, change) = (value(F::Cash), value(F::Change));
    let (subtotal, tax, rounding) = (value(F::Subtotal), value(F::Tax), value(F::Rounding));
    let all: Vec<i64> = rows.iter().flat_map(|r| r.amounts.iter().map(|(_, p)| fen(p))).collect();
    let largest = rows.iter().zip(roles).filter(|(_, role)| matches!(role, Role::None | Role::Card | Role::Tax));
    let largest = largest.flat_map(|(r, _)| &r.amounts).map(|(_, p)| fen(p)).max().unwrap_or(0);
    let agreement = |v: i64| {
        let mut score = 0;
        if let (Some(c), Some(g)) = (cash, change) {
            score += if c - g.abs() == v { 8 } else { 0 };
        }
        if let Some(s) = subtotal {
            let with = [0, tax.unwrap_or(0)].map(|t| s + t);
            score += if with.contains(&v) || rounding.is_some_and(|r| with.iter().any(|w| w + r == v)) { 2 } else { 0 };
        }
        if let Some(r) = rounding.filter(|r| *r != 0) {
            score += if all.contains(&(v - r)) { 5 } else { 0 };
        }
        score + if all.iter().filter(|a| **a == v).count() > 1 { 1 } else { 0 }
    };
    let mut best: Option<(u32, usize, Found)> = None;
    for (i, role) in roles.iter().enumerate() {
        let Role::Total(weight) = *role else { continue };
        let Some((span, parsed)) = amount_of(rows, roles, i) else { continue };
        let v = fen(parsed);
        // What is a small part of something that was bought is another sum: points, a saving.
        if v <= 0 || v * 3 < largest && all.iter().filter(|a| **a == v).count() < 2 {
            continue;
        }
        let large = u32::from(rows[i].height > sheet.line_height * 1.25) * 2;
        let score = weight + large + agreement(v);
        // Of equals the later: totals build up down the receipt.
        if best.as_ref().is_none_or(|(s, ..)| score >= *s) {
            best = Some((score, i, labels::found(sheet, *span, parsed.clone())));
        }
    }
    if best.is_none() {
        // No wording was legible. What cash minus change gives, or a card was charged, or else the largest amount.
        let wanted = cash.zip(change).map(|(c, g)| c - g.abs());
        let mut fallback: Option<(i64, Found)> = None;
        for (row, role) in rows.iter().zip(roles) {
            for (span, parsed) in &row.amounts {
                let v = fen(parsed);
                let rank = if Some(v) == wanted {
                    i64::MAX
                } else if *role == Role::Card {
                    i64::MAX - 1
                } else if matches!(role, Role::Cash | Role::Change) {
                    continue;
                } else {
                    v
                };
                if v > 0 && fallback.as_ref().is_none_or(|(r, _)| rank >= *r) {
                    let mut found = labels::found(sheet, *span, parsed.clone());
                    found.confidence = found.confidence.times(Bp(6_000));
                    fallback = Some((rank, found));
                }
            }
        }
        if let Some((_, found)) = fallback {
            fields.insert(F::Total, found);
        }
    }
    if let Some((_, i, found)) = best {
        let mut total = rounded(sheet, rows, i, rounding, &found).unwrap_or(found);
        let value = total.value.as_deref().and_then(crate::domain::Fen::parse).map_or(0, |f| f.0);
        // What is called the grand total and is larger is no other sum's part: which of the two is due, a person says.
        let rival = |(i, role): (usize, &Role)| {
            matches!(role, Role::Total(weight) if *weight >= GRAND_TOTAL)
                && amount_of(rows, roles, i).is_some_and(|(_, other)| fen(other) > value + 10)
        };
        if roles.iter().enumerate().any(rival) {
            total.repairs.push(doubt::LARGER_TOTAL.to_owned());
        }
        if taken_off(rows, roles, i, value) {
            total.repairs.push(doubt::TAKEN_OFF.to_owned());
        }
        fields.insert(F::Total, total);
    }
}

/// Whether below the row of the total a discount, a voucher, a deposit or another sum to pay stands, so that less was paid.
fn taken_off(rows: &[Row], roles: &[Role], total_row: usize, total: i64) -> bool {
    const WORDS: [&str; 12] = [
        "discount",
        "disc",
        "voucher",
        "gift card",
        "redeem",
        "redeemed",
        "redemption",
        "coupon",
        "deposit",
        "rabatt",
        "gutschein",
        "anzahlung",
    ];
    // What was saved is told for the record: the total has it already.
    const TOLD: [&str; 6] = ["saved", "saving", "savings", "total discount", "total disc", "gespart"];
    rows.iter().zip(roles).skip(total_row + 1).any(|(row, role)| {
        let has = |list: &[&str]| list.iter().any(|word| contains_words(&row.words, word));
        let amount = row.amounts.last().map_or(0, |(_, p)| fen(p).abs());
        let less = has(&WORDS) && !has(&TOLD) && amount > 0 && amount < total;
        let to_pay = has(&["you pay", "to pay", "balance to pay"]) && amount > 0 && amount != total;
        !matches!(role, Role::Subtotal | Role::Net | Role::Total(_)) && (less || to_pay)
    })
}

/// Tax and subtotal where their own rows give none or an impossible one: the amounts on the paper that make the total
/// together. What was chosen so is noted, and so proves nothing about the total.
fn settle(sheet: &Sheet<'_>, rows: &[Row], roles: &[Role], fields: &mut Fields) {
    let value = |fields: &Fields, name: F| {
        fields.get(&name).and_then(|f| f.value.as_deref()).and_then(crate::domain::Fen::parse).map(|f| f.0)
    };
    let Some(total) = value(fields, F::Total).filter(|t| *t > 0) else { return };
    // No country taxes goods at half of their price with the tax.
    let possible = |tax: i64| tax >= 0 && tax * 2 < total;
    let unlabelled = |i: usize| {
        let letters = rows[i].words.chars().filter(|c| c.is_alphabetic()).count();
        roles[i] == Role::None && (letters <= 2 || rows[i].text.contains('%'))
    };
    let place = |i: usize, v: i64| rows[i].amounts.iter().find(|(_, p)| fen(p) == v);
    let settled = |(span, parsed): &(Span, Parsed)| {
        let mut found = labels::found(sheet, *span, parsed.clone());
        found.repairs.push(SETTLED_BY_SUM.to_owned());
        found.confidence = found.confidence.times(Bp(9_000));
        found
    };
    // A row of a tax table: rate, base, tax, which make the total.
    let table = (0..rows.len()).filter(|&i| rows[i].text.contains('%') || roles[i] == Role::Tax).find_map(|i| {
        let amounts = &rows[i].amounts;
        amounts.windows(2).find(|w| {
            let (base, tax) = (fen(&w[0].1), fen(&w[1].1));
            base + tax == total && tax > 0 && possible(tax)
        })
    });
    let (subtotal, tax) = (value(fields, F::Subtotal), value(fields, F::Tax));
    let good_tax = tax.filter(|t| possible(*t));
    match (subtotal, good_tax) {
        (_, None) | (None, _) if table.is_some_and(|w| subtotal.is_none_or(|s| s == fen(&w[0].1))) => {
            let Some([base, part]) = table else { return };
            if good_tax.is_none() {
                fields.insert(F::Tax, settled(part));
            }
            if subtotal.is_none() {
                fields.insert(F::Subtotal, settled(base));
            }
        }
        (Some(s), None) => {
            let named =
                |i: &usize| roles[*i] == Role::Tax && rows[*i].amounts.last().is_some_and(|(_, p)| possible(fen(p)));
            // Its row is one of tax, or stands about the subtotal's and the total's, whatever its words were read as.
            let first = roles.iter().position(|r| matches!(r, Role::Subtotal | Role::Net)).map_or(0, |row| row + 1);
            let last = roles.iter().rposition(|r| matches!(r, Role::Total(_))).unwrap_or(0) + 1;
            let between = |i: usize| (first..=last).contains(&i) && matches!(roles[i], Role::None | Role::Aside);
            let by_sum = (0..rows.len())
                .filter(|&i| unlabelled(i) || roles[i] == Role::Tax || between(i))
                .find_map(|i| place(i, total - s));
            if let Some(found) = by_sum.filter(|_| s < total && possible(total - s)) {
                fields.insert(F::Tax, settled(found));
            } else if let Some(found) = (0..rows.len()).find(named).and_then(|i| rows[i].amounts.last()) {
                put(fields, F::Tax, labels::found(sheet, found.0, found.1.clone()));
            } else if tax.is_some() {
                fields.remove(&F::Tax);
            }
        }
        (None, Some(t)) if t > 0 => {
            // Only an amount alone on its row, above the total: items have names.
            let alone = |i: usize| unlabelled(i).then(|| place(i, total - t)).flatten();
            if let Some(found) = (0..rows.len()).find_map(alone) {
                fields.insert(F::Subtotal, settled(found));
            }
        }
        (None, None) if tax.is_some() => {
            fields.remove(&F::Tax);
        }
        _ => {}
    }
}

/// The total after rounding, where the total found is the one before: a rounding row names the difference, and an
/// amount further down is just that far off. The sign of a rounding is often lost, so both are tried.
fn rounded(sheet: &Sheet<'_>, rows: &[Row], at: usize, rounding: Option<i64>, before: &Found) -> Option<Found> {
    let v = crate::domain::Fen::parse(before.value.as_deref()?)?.0;
    // Rounding goes to the nearest 5 sen; a total that already is a multiple is the rounded one.
    let r = rounding.filter(|r| *r != 0 && v % 5 != 0)?;
    rows.iter().skip(at + 1).flat_map(|row| &row.amounts).find_map(|(span, parsed)| {
        let w = fen(parsed);
        (w % 5 == 0 && (w == v + r || w == v - r)).then(|| labels::found(sheet, *span, parsed.clone()))
    })
}

/// The date, by a label if there is one, else the first on the receipt.
fn date(sheet: &Sheet<'_>, rows: &[Row], fields: &mut Fields) {
    // Of a card, a member, a guarantee: not when the receipt was made.
    const OTHERS: [&str; 10] =
        ["exp", "expiry", "expires", "since", "birth", "dob", "valid", "until", "due", "best before"];
    let (order, told) = order_of_dates(rows);
    let mut best: Option<(u32, Found)> = None;
    let mut rivals: Vec<(u32, String)> = Vec::new();
    for row in rows {
        let other = OTHERS.iter().any(|word| contains_words(&row.words, word));
        for &i in &row.cells {
            let text = &sheet.cells[i].line.text;
            for parsed in parse::dates(text, order) {
                let labelled = contains_words(&row.words, "date") || row.words.contains("datum");
                let with_time = row.text.contains(':');
                let rank = if other { 0 } else { 1 + u32::from(labelled) * 2 + u32::from(with_time) };
                rivals.push((rank, parsed.value.clone()));
                if best.as_ref().is_none_or(|(r, _)| rank > *r) {
                    let part: String =
                        text.chars().skip(parsed.chars.0).take(parsed.chars.1 - parsed.chars.0).collect();
                    let mut found = labels::found(sheet, sheet.whole(i), parsed);
                    if !told && parse::orders_of_date(&part) > 1 {
                        found.repairs.push(doubt::ORDER_OF_DATE.to_owned());
                    }
                    best = Some((rank, found));
                }
            }
        }
    }
    if let Some((rank, mut found)) = best {
        if rivals.iter().any(|(r, value)| *r == rank && Some(value) != found.value.as_ref()) {
            found.repairs.push(doubt::OTHER_DATE.to_owned());
        }
        fields.insert(F::IssueDate, found);
    }
}

/// American receipts put the month first; they show a state with its ZIP code, sales tax, a dollar sign. `false` where
/// nothing sure tells one way or the other.
fn order_of_dates(rows: &[Row]) -> (DateOrder, bool) {
    let any = |sign: &dyn Fn(&Row) -> bool| i32::from(rows.iter().any(sign));
    let has = |row: &Row, words: &[&str]| words.iter().any(|w| contains_words(&row.words, w));
    let amount_behind_rm = |row: &Row| has(row, &["rm"]) && !row.amounts.is_empty();
    // `OH 6.25% Sales Tax`
    let state_tax =
        |row: &Row| row.words.contains("sales tax") && STATES.split(' ').any(|state| row.text.starts_with(state));
    let home = 3 * any(&|row| state_and_zip(&row.text) || state_tax(row)) + any(&|row| row.text.contains('$'));
    let american = home
        + any(&|row| PHONE.is_match(&row.text))
        + any(&|row| row.words.contains("sales tax"))
        + any(&|row| has(row, &["gratuity", "tip"]));
    let others = 3 * any(&|row| has(row, MALAYSIAN) || is_malaysian_gst(row))
        + 3 * any(&|row| row.words.contains("gmbh") || has(row, &["mwst", "ust id", "steuer nr", "rechnung"]))
        + 3 * any(&|row| row.text.contains('£') || row.text.contains('€'))
        + any(&|row| has(row, &["gst", "gstid"]))
        + any(&amount_behind_rm);
    let order = if home > 0 && american > others { DateOrder::MonthFirst } else { DateOrder::DayFirst };
    (order, (american - others).abs() >= 2)
}

/// A telephone number as North America writes it.
static PHONE: LazyLock<Regex> =
    LazyLock::new(|| parse::regex(r"(?:^|[^\d])\(?[2-9]\d\d\)?[-. ]{1,2}[2-9]\d\d[-. ]\d{4}(?:$|[^\d])"));

/// Whether a row holds a Malaysian GST number and nothing to pay: twelve digits, of which the first two are 0. No other
/// country's is like it.
fn is_malaysian_gst(row: &Row) -> bool {
    let is_number = |word: &str| word.len() == 12 && word.starts_with("00") && word.bytes().all(|b| b.is_ascii_digit());
    let named = ["gst", "gstid", "gstno"].iter().any(|word| contains_words(&row.words, word));
    named && row.amounts.is_empty() && row.words.split(' ').any(is_number)
}

/// Words of Malaysian legal forms, streets and states.
#[rustfmt::skip]
const MALAYSIAN: &[&str] = &[
    "sdn", "bhd", "jalan", "jln", "taman", "lorong", "selangor", "johor", "kuala lumpur", "penang", "perak", "melaka",
    "pahang", "kedah", "sabah", "sarawak", "malaysia",
];

/// The states of America, and its capital, as the post writes them.
const STATES: &str = "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY \
                      NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY";

/// A state and five digits: `NY 10014`.
fn state_and_zip(text: &str) -> bool {
    let all: Vec<char> = text.chars().collect();
    let point = |i: usize| matches!(all[i], ',' | '.') && !all.get(i + 1).is_some_and(char::is_ascii_digit);
    let c: Vec<char> = (0..all.len()).filter(|&i| !point(i)).map(|i| all[i]).collect();
    c.windows(8).enumerate().any(|(i, w)| {
        STATES.split(' ').any(|state| state.chars().eq(w[..2].iter().copied()))
            && w[2] == ' '
            && w[3..].iter().all(char::is_ascii_digit)
            && !i.checked_sub(1).is_some_and(|j| c[j].is_alphanumeric())
            && !c.get(i + 8).is_some_and(char::is_ascii_digit)
    })
}

/// Rows with words and an amount, above the first sum.
fn items(sheet: &Sheet<'_>, rows: &[Row], roles: &[Role]) -> Vec<FoundItem> {
    let is_sum = |role: &Role| matches!(role, Role::Total(_) | Role::Subtotal | Role::Net);
    let end = (0..rows.len()).position(|i| is_sum(&roles[i]) && amount_of(rows, roles, i).is_some()).unwrap_or(0);
    // What says in which currency, of which unit and how taxed is no name.
    const MARKS: [&str; 11] = ["rm", "x", "sr", "zr", "zrl", "zre", "s", "z", "pcs", "pc", "ea"];
    let letters = |row: &Row| {
        let words = row.words.split(' ').filter(|word| !MARKS.contains(word));
        words.flat_map(str::chars).filter(|c| c.is_alphabetic()).count()
    };
    let priced = |i: usize| i < end && roles[i] == Role::None && !rows[i].amounts.is_empty();
    // A card that is bought is named as one by which is paid, but not by that alone.
    let is_bought = |row: &Row| contains_words(&row.words, "card") && row.words.split(' ').count() > 1;
    let is_name = |i: usize| {
        let is_goods = roles[i] == Role::None || roles[i] == Role::Card && is_bought(&rows[i]);
        is_goods && rows[i].amounts.is_empty()
    };
    // Names stand above codes and amounts, or below them: as at the first that has no name of its own.
    let bare = |i: &usize| priced(*i) && letters(&rows[*i]) < 3;
    let below = (0..end).find(bare).is_some_and(|i| i == 0 || !is_name(i - 1));
    let name_of = |i: usize| match bare(&i) {
        false => Some(i),
        true if below => Some(i + 1).filter(|&j| j < end && is_name(j) && letters(&rows[j]) >= 3),
        true => i.checked_sub(1).filter(|&j| is_name(j)),
    };
    let item = |i: usize| {
        let (row, name_row) = (&rows[i], &rows[name_of(i)?]);
        let (span, parsed) = row.amounts.last()?;
        let found = labels::found(sheet, *span, parsed.clone());
        let texts = name_row.cells.iter().map(|&c| sheet.cells[c].line.text.as_str());
        Some(FoundItem {
            name: texts.filter(|t| t.chars().any(char::is_alphabetic)).collect::<Vec<_>>().join(" "),
            quantity: None,
            unit: None,
            price: None,
            price_confidence: None,
            amount: found.value,
            confidence: found.confidence,
            quad: sheet.cells[row.cells[0]].line.quad.union(&found.quad),
            repairs: vec![],
        })
    };
    (0..end).filter(|&i| priced(i)).filter_map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{PageText, text::Line};

    fn receipt(rows: &[(&str, Option<&str>)]) -> PageText {
        let mut lines = Vec::new();
        for (i, (words, amount)) in rows.iter().enumerate() {
            let y = i as f64 * 30.0;
            lines.push(Line::at(words, 20.0, y, 20.0 + 10.0 * words.chars().count() as f64, y + 20.0));
            if let Some(amount) = amount {
                lines.push(Line::at(amount, 400.0, y + 2.0, 460.0, y + 22.0));
            }
        }
        PageText { width: 500, height: 30 * rows.len() as u32, lines }
    }

    fn values(rows: &[(&str, Option<&str>)]) -> Vec<(F, String)> {
        let page = receipt(rows);
        let (fields, _) = read(&Sheet::new(&page));
        fields.into_iter().filter_map(|(n, f)| f.value.map(|v| (n, v))).collect()
    }

    #[test]
    fn a_whole_receipt_is_understood() {
        let rows = [
            ("EXAMPLE MART SDN BHD (123456-X)", None),
            ("12, JALAN CONTOH 3", None),
            ("TEL: 01-2345678", None),
            ("DATE: 05/11/2018 10:20", None),
            ("APPLE JUICE", Some("4.00")),
            ("BREAD", Some("5.63")),
            ("SUB TOTAL", Some("9.63")),
            ("GST 6%", Some("0.58")),
            ("TOTAL SALES INCL GST", Some("10.21")),
            ("ROUNDING ADJ", Some("-0.01")),
            ("TOTAL PAYABLE", Some("10.20")),
            ("CASH", Some("20.00")),
            ("CHANGE", Some("9.80")),
        ];
        let want = [
            (F::IssuerName, "EXAMPLE MART SDN BHD"),
            (F::IssueDate, "2018-11-05"),
            (F::Total, "10.20"),
            (F::Tax, "0.58"),
            (F::IssuerAddress, "12, JALAN CONTOH 3"),
            (F::Subtotal, "9.63"),
            (F::Rounding, "-0.01"),
            (F::Cash, "20.00"),
            (F::Change, "9.80"),
        ];
        let got = values(&rows);
        assert_eq!(got, want.map(|(n, v)| (n, v.to_owned())));
    }

    #[test]
    fn an_unlabelled_rounded_total_is_followed() {
        let got = values(&[
            ("TOTAL AMT RM", Some("60.31")),
            ("ROUNDING ADJ", Some("-0.01")),
            ("RM", Some("60.30")),
            ("CASH", Some("70.30")),
        ]);
        assert!(got.contains(&(F::Total, "60.30".to_owned())), "{got:?}");
    }

    fn goods(rows: &[(&str, Option<&str>)]) -> Vec<(String, String)> {
        let page = receipt(rows);
        let (_, items) = read(&Sheet::new(&page));
        items.into_iter().map(|item| (item.name, item.amount.unwrap())).collect()
    }

    fn pairs(goods: &[(&str, &str)]) -> Vec<(String, String)> {
        goods.iter().map(|(name, amount)| ((*name).to_owned(), (*amount).to_owned())).collect()
    }

    #[test]
    fn what_is_measured_is_no_amount() {
        let got = goods(&[
            ("OPEN 7.30am-6.00pm", None),
            ("39.42litre Pump # 09", None),
            ("DIESEL", Some("85.54")),
            ("APPLES 1.25 kg", Some("4.00")),
            ("5.00 SALTS", Some("5.00")),
            ("TOTAL", Some("94.54")),
        ]);
        assert_eq!(got, pairs(&[("DIESEL", "85.54"), ("APPLES 1.25 kg", "4.00"), ("5.00 SALTS", "5.00")]));
    }

    #[test]
    fn names_stand_beside_above_or_below_their_amounts() {
        let head = ("Description Qty Price", None);
        let total = ("TOTAL", Some("12.07"));
        let both = pairs(&[("SCISSORS", "7.45"), ("JUG", "4.62")]);
        let codes = [("8091 1", Some("7.45")), ("8092 1", Some("4.62"))];
        let names = [("SCISSORS", None), ("JUG", None)];
        assert_eq!(goods(&[head, ("SCISSORS", Some("7.45")), ("JUG", Some("4.62")), total]), both);
        assert_eq!(goods(&[names[0], codes[0], names[1], codes[1], total]), both);
        assert_eq!(goods(&[("Qty Amount", None), codes[0], names[0], codes[1], names[1], total]), both);
        assert_eq!(goods(&[("MEMBER CARD", None), ("8091 1", Some("7.45")), total]), pairs(&[("MEMBER CARD", "7.45")]));
        assert_eq!(goods(&[("VISA", None), ("RM", Some("12.07")), total]), [], "a payment");
        let below = [("SOUP", Some("9.00")), ("GRAND TOTAL", None), ("RM", Some("9.00")), ("THANK YOU", None), total];
        assert_eq!(goods(&below), pairs(&[("SOUP", "9.00")]), "the total's own amount");
    }

    #[test]
    fn a_total_without_the_tax_is_the_subtotal_where_nothing_is_called_that() {
        let all = [
            ("SOUP", Some("41.30")),
            ("Total (Excluding GST)", Some("41.30")),
            ("Serv. Charge (10%)", Some("4.13")),
            ("GST Payable", Some("2.73")),
            ("Total (Inclusive of GST)", Some("48.16")),
        ];
        let got = values(&all);
        for (name, value) in [(F::Subtotal, "41.30"), (F::Tax, "2.73"), (F::Total, "48.16")] {
            assert!(got.contains(&(name, value.to_owned())), "{got:?}");
        }
        let called = [all[0], ("Sub Total", Some("45.43")), all[1], all[3], all[4]];
        assert!(values(&called).contains(&(F::Subtotal, "45.43".to_owned())));
    }

    #[test]
    fn a_charge_for_the_delivery_is_no_change() {
        let got = values(&[("DELIVERY CHG", Some("4.00")), ("TOTAL", Some("9.00")), ("CHG", Some("1.00"))]);
        assert!(got.contains(&(F::Change, "1.00".to_owned())), "{got:?}");
    }

    #[test]
    fn the_head_of_a_table_names_none_of_its_first_row() {
        let got = values(&[("(GST) (GST) Tax", None), ("17 0.85 0.90 15.25", None), ("TOTAL", Some("15.25"))]);
        assert!(!got.iter().any(|(name, _)| *name == F::Tax), "{got:?}");
    }

    #[test]
    fn counts_and_discounts_are_no_totals() {
        let got = values(&[("TOTAL", Some("8.00")), ("TOTAL QTY", Some("3.00")), ("TOTAL DISCOUNT", Some("1.00"))]);
        assert!(got.contains(&(F::Total, "8.00".to_owned())), "{got:?}");
    }

    #[test]
    fn a_tax_table_has_no_total_of_the_receipt() {
        let got = values(&[
            ("TOTAL SALES (INCLUSIVE OF GST)", Some("21.20")),
            ("CASH", Some("100.00")),
            ("CHANGE", Some("78.80")),
            ("GST SUMMARY", None),
            ("SR 6 20.00", Some("1.20")),
            ("TOTAL: 20.00", Some("1.20")),
        ]);
        assert!(got.contains(&(F::Total, "21.20".to_owned())), "{got:?}");
    }

    #[test]
    fn a_name_and_an_address_are_told_from_what_stands_about_them() {
        let issuer = |head: &[&str]| {
            let mut rows: Vec<(&str, Option<&str>)> = head.iter().map(|t| (*t, None)).collect();
            rows.extend([("TAX INVOICE", None), ("BREAD", Some("5.00")), ("TOTAL", Some("5.00"))]);
            let values = values(&rows);
            let value = |name| values.iter().find(|(n, _)| *n == name).map_or("-", |(_, v)| v.as_str()).to_owned();
            (value(F::IssuerName), value(F::IssuerAddress))
        };
        let cases: &[(&[&str], &str, &str)] = &[
            (
                &[
                    "THE EXAMPLE",
                    "STATIONERY SDN BHD",
                    "(123456-X)",
                    "NO. 1, JALAN CONTOH,",
                    "54321 CONTOH, SELANGOR",
                    "TEL: 03-1234567",
                ],
                "THE EXAMPLE STATIONERY SDN BHD",
                "NO. 1, JALAN CONTOH, 54321 CONTOH, SELANGOR",
            ),
            (
                &[
                    "Noodle Corner",
                    "OWNED BY: EXAMPLE F00D SON BHD 123456-X",
                    "Branch Utama",
                    "12, Jln Contoh 5",
                    "5432I Contoh",
                ],
                "EXAMPLE F00D SDN BHD",
                "12, Jln Contoh 5",
            ),
            (
                &["EXAMPLE MART #994", "12 MAIN STREET", "SPRINGFIELD NY 10014"],
                "EXAMPLE MART",
                "12 MAIN STREET SPRINGFIELD NY 10014",
            ),
            (&["EXAMPLE MAXT"], "EXAMPLE MAXT", "-"),
            // Under a logo that could not be read.
            (&["12 Main Road", "Springfield"], "-", "12 Main Road Springfield"),
            (&["Musterweg"], "-", "-"),
            (&["0000#7259 CASHIER01"], "-", "-"),
        ];
        for (head, name, address) in cases {
            assert_eq!(issuer(head), ((*name).to_owned(), (*address).to_owned()), "{head:?}");
        }
    }

    #[test]
    fn a_tax_is_settled_by_the_sum_and_says_so() {
        let page = receipt(&[
            ("COFFEE", Some("20.00")),
            ("SUBTOTAL", Some("20.00")),
            ("7.0% - SOMEWHERE", Some("1.40")),
            ("TOTAL", Some("21.40")),
        ]);
        let (fields, _) = read(&Sheet::new(&page));
        let tax = &fields[&F::Tax];
        assert_eq!(tax.value.as_deref(), Some("1.40"));
        assert!(tax.repairs.iter().any(|r| r == SETTLED_BY_SUM));
        let page = receipt(&[("COFFEE", Some("20.00")), ("SUB W/TAX", Some("21.40")), ("TOTAL", Some("21.40"))]);
        assert!(!read(&Sheet::new(&page)).0.contains_key(&F::Tax), "a tax is no total");
    }

    #[test]
    fn a_rounding_without_its_zero_leads_to_the_rounded_total() {
        let got = values(&[
            ("TOTAL SALES (INCLUSIVE GST) RM", Some("45.34")),
            ("ROUNDING ADJUSTMENT RM", Some(".01")),
            ("ROUNDING RM", Some("45.35")),
            ("CREDIT RM", Some("45.35")),
        ]);
        assert!(got.contains(&(F::Total, "45.35".to_owned())), "{got:?}");
        assert!(got.contains(&(F::Rounding, "0.01".to_owned())), "{got:?}");
    }

    #[test]
    fn a_rate_is_no_amount_and_a_misread_total_is_one() {
        let got = values(&[("TATAL SALES INCLUSIVE GST @6.00%", Some("12.70")), ("TOTAL EXCL GST", Some("11.98"))]);
        assert!(got.contains(&(F::Total, "12.70".to_owned())), "{got:?}");
    }

    #[test]
    fn a_summer_is_no_sum() {
        let got = values(&[("1 SUMMER WIT", Some("2.00")), ("SUB-TOTAL", Some("21.40")), ("TOTAL", Some("29.50"))]);
        assert!(got.contains(&(F::Total, "29.50".to_owned())), "{got:?}");
    }

    #[test]
    fn a_date_that_could_be_read_either_way_is_doubtful() {
        let doubtful = |head: &str, date: &str| {
            let page = receipt(&[(head, None), (date, None), ("Total", Some("5.00"))]);
            let fields = read(&Sheet::new(&page)).0;
            fields[&F::IssueDate].repairs.iter().any(|repair| repair == doubt::ORDER_OF_DATE)
        };
        for (head, date, answer) in [
            ("Somewhere", "13/04/2012", false),
            ("Somewhere", "2012-04-03", false),
            ("Somewhere", "04/04/2012", false),
            ("Somewhere SDN BHD", "03/04/2012", false),
            ("GST ID: 000123456789", "03/04/2012", false),
            ("GST ID: 123456789 RT", "03/04/2012", true),
            ("KINGSTON CABLE 001234567890", "03/04/2012", true),
            ("inkl. 19% MwSt", "03.04.12", false),
            ("Somewhere, NY 10014", "03/04/2012", false),
            ("Somewhere", "03/04/2012", true),
            ("Room RM 4, tip not included", "03/04/2012", true),
            ("Somewhere", "24/11/25", true),
            ("Somewhere", "24.11.12", true),
        ] {
            assert_eq!(doubtful(head, date), answer, "{head}: {date}");
        }
    }

    #[test]
    fn the_date_of_a_card_is_not_the_receipt_s() {
        let date = |rows: &[(&str, Option<&str>)]| {
            let page = receipt(rows);
            let found = read(&Sheet::new(&page)).0.remove(&F::IssueDate).unwrap();
            (found.value.unwrap(), found.repairs.iter().any(|repair| repair == doubt::OTHER_DATE))
        };
        let head = ("Somewhere SDN BHD", None);
        assert_eq!(
            date(&[head, ("DATE 01/02/2026", None), ("EXP DATE: 20/12/2025 10:00", None)]),
            ("2026-02-01".to_owned(), false)
        );
        assert_eq!(date(&[head, ("01/02/2026", None), ("MEMBER SINCE DATE: 15/08/2019", None)]).0, "2026-02-01");
        assert!(date(&[head, ("DATE 01/02/2026", None), ("DATE 03/02/2026", None)]).1, "which of the two?");
    }

    #[test]
    fn what_is_taken_off_below_the_total_makes_it_doubtful() {
        let doubtful = |rows: &[(&str, Option<&str>)]| {
            let page = receipt(rows);
            let fields = read(&Sheet::new(&page)).0;
            fields[&F::Total].repairs.iter().any(|repair| repair == doubt::TAKEN_OFF)
        };
        let total = ("TOTAL", Some("111.40"));
        assert!(doubtful(&[
            ("Syrup", Some("111.40")),
            total,
            ("DISCOUNT", Some("-30.00")),
            ("YOU PAY", Some("81.40"))
        ]));
        assert!(doubtful(&[("Syrup", Some("111.40")), total, ("GIFT CARD", Some("50.00"))]));
        assert!(!doubtful(&[("Syrup", Some("111.40")), total, ("CASH", Some("120.00")), ("CHANGE", Some("8.60"))]));
        assert!(!doubtful(&[("Syrup", Some("111.40")), total, ("TOTAL SAVINGS", Some("5.00"))]));
    }

    #[test]
    fn american_receipts_put_the_month_first() {
        let date =
            |rows: &[(&str, Option<&str>)]| values(rows).into_iter().find(|(n, _)| *n == F::IssueDate).map(|(_, v)| v);
        assert_eq!(
            date(&[("Springfield, NY 10014", None), ("03/04/2012", None), ("Total", Some("$5.00"))]).as_deref(),
            Some("2012-03-04")
        );
        assert_eq!(
            date(&[("Somewhere", None), ("03/04/2012", None), ("Total", Some("5.00"))]).as_deref(),
            Some("2012-04-03")
        );
        assert_eq!(
            date(&[("Gsts: 2", None), ("03/04/2012", None), ("OH 6.25% Sales Tax", Some("4.93"))]).as_deref(),
            Some("2012-03-04"),
            "guests are no tax"
        );
    }
}
