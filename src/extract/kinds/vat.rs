//! 增值税发票, on paper or electronic, and 数电票.

use super::prices::Columns;
use crate::domain::{FieldName as F, identifier};
use crate::extract::labels::{self, Hit, Label};
use crate::extract::layout::{Sheet, Span};
use crate::extract::{Fields, Found, FoundItem, parse};

const LABELS: &[Label] = &[
    Label { field: Some(F::InvoiceCode), words: &["发票代码"] },
    Label { field: Some(F::InvoiceNumber), words: &["发票号码"] },
    Label { field: Some(F::IssueDate), words: &["开票日期"] },
    Label { field: Some(F::CheckCode), words: &["校验码"] },
    Label { field: None, words: &["机器编号"] },
    Label { field: None, words: &["名称"] },
    Label { field: None, words: &["统一社会信用代码/纳税人识别号", "纳税人识别号"] },
    Label { field: None, words: &["地址、电话", "地址,电话"] },
    Label { field: None, words: &["开户行及账号", "开户行及帐号"] },
    Label { field: None, words: &["价税合计", "合计"] },
    Label { field: None, words: &["大写"] },
    Label { field: Some(F::Total), words: &["小写"] },
    Label { field: Some(F::Cashier), words: &["收款人"] },
    Label { field: Some(F::Reviewer), words: &["复核", "复核人"] },
    Label {
        field: None,
        words: &[
            "开票人",
            "销售方",
            "购买方",
            "密码区",
            "备注",
            "税率",
            "税额",
            "金额",
            "数量",
            "单价",
            "规格型号",
            "单位",
            "项目名称",
            "货物或应税劳务、服务名称",
            "订单号",
            "发票专用章",
        ],
    },
];

/// Reads a VAT invoice.
pub fn read(sheet: &Sheet<'_>) -> (Fields, Vec<FoundItem>) {
    let (mut fields, hits) = labels::read(sheet, LABELS);
    fields.remove(&F::Cashier);
    fields.remove(&F::Reviewer);
    totals(sheet, &mut fields);
    labels::settle_words(sheet, &mut fields);
    numbers(sheet, &mut fields);
    parties(sheet, &hits, &mut fields);
    net_and_tax(sheet, &hits, &mut fields);
    if let Some(found) = fields.get(&F::SellerName).cloned() {
        fields.insert(F::IssuerName, found);
    }
    let items = items(sheet, &hits, &fields);
    (fields, items)
}

/// Total in words, and the total in numerals on its row where 小写 did not give it.
fn totals(sheet: &Sheet<'_>, fields: &mut Fields) {
    let Some(span) = labels::amount_in_words(sheet) else { return };
    fields.insert(F::TotalInWords, labels::words(sheet, span));
    let cell = &sheet.cells[span.cell];
    let own = Span { cell: span.cell, from: span.to, to: cell.chars.len() };
    let row = sheet.to_the_right(cell.right, cell.middle(), cell.height() * 1.3);
    for span in std::iter::once(own).chain(row.into_iter().map(|i| sheet.whole(i))).filter(|s| s.from < s.to) {
        let text = sheet.text(span);
        if let Some(p) = parse::amounts(&text).into_iter().find(|p| parse::has_cents(&text, p)) {
            // With cents beats what 小写 gave without: that was cut by a stamp.
            let better = fields.get(&F::Total).is_none_or(|f| f.value.is_none() || !f.text.contains(['.', ',']));
            if better {
                fields.insert(F::Total, labels::found(sheet, span, p));
            }
            return;
        }
    }
}

fn all_digits(found: Option<&Found>, lengths: &[usize]) -> bool {
    found
        .and_then(|f| f.value.as_deref())
        .is_some_and(|v| lengths.contains(&v.len()) && v.bytes().all(|b| b.is_ascii_digit()))
}

/// Code and number where no label announces them: on paper the code is printed large at the top left, the number
/// behind No at the top right.
fn numbers(sheet: &Sheet<'_>, fields: &mut Fields) {
    let head = |lengths: &[usize], name: F, right_half: bool, fields: &mut Fields| {
        if all_digits(fields.get(&name), lengths) {
            return;
        }
        fields.remove(&name);
        let mut best: Option<(f64, Found)> = None;
        for (i, cell) in sheet.cells.iter().enumerate() {
            if cell.middle() > sheet.height * 0.4 || (cell.centre() > sheet.width * 0.55) != right_half {
                continue;
            }
            let span = sheet.whole(i);
            let text = sheet.text(span);
            let text = text.trim_start_matches(|c: char| !c.is_ascii_digit());
            let skipped = sheet.cells[i].chars.len() - text.chars().count();
            let Some(parsed) = parse::digits(text, lengths[0], lengths[lengths.len() - 1]) else { continue };
            if !lengths.contains(&parsed.value.len()) || text.chars().count() > parsed.value.len() + 2 {
                continue;
            }
            let parsed = parse::Parsed { chars: (parsed.chars.0 + skipped, parsed.chars.1 + skipped), ..parsed };
            if best.as_ref().is_none_or(|(h, _)| cell.height() > *h) {
                best = Some((cell.height(), labels::found(sheet, span, parsed)));
            }
        }
        if let Some((_, found)) = best {
            fields.insert(name, found);
        }
    };
    head(&[8, 20], F::InvoiceNumber, true, fields);
    let electronic = fields.get(&F::InvoiceNumber).and_then(|f| f.value.as_deref()).is_some_and(|v| v.len() == 20);
    if electronic {
        fields.remove(&F::InvoiceCode);
    } else {
        head(&[10, 12], F::InvoiceCode, false, fields);
        if !fields.contains_key(&F::InvoiceCode) {
            head(&[10, 12], F::InvoiceCode, true, fields);
        }
    }
    if !all_digits(fields.get(&F::CheckCode), &[20]) {
        // Printed in four groups of five, sometimes without a label the reader caught.
        fields.remove(&F::CheckCode);
        for i in 0..sheet.cells.len() {
            let span = sheet.whole(i);
            if sheet.cells[i].middle() < sheet.height * 0.4
                && let Some(parsed) = parse::digits(&sheet.text(span), 20, 20)
            {
                fields.insert(F::CheckCode, labels::found(sheet, span, parsed));
            }
        }
        if electronic {
            fields.remove(&F::CheckCode);
        }
    }
}

/// Names and tax numbers: the buyer above or left, the seller below or right.
fn parties(sheet: &Sheet<'_>, hits: &[Hit], fields: &mut Fields) {
    let mut names: Vec<(f64, f64, Found)> = Vec::new();
    let mut ids: Vec<(f64, f64, Found)> = Vec::new();
    for (i, cell) in sheet.cells.iter().enumerate() {
        // 名 and 称 are printed apart, so the reader often gives 称:NAME, or 名称:NAME.
        let text = &cell.line.text;
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let starts = ["名称:", "称:", "名:", "名称"].iter().find(|p| compact.starts_with(**p));
        if starts.is_some() {
            let colon = cell.chars.iter().position(|c| *c == ':').map_or(2, |p| p + 1);
            let end = second_label(&cell.chars, colon);
            let span = Span { cell: i, from: colon.min(end), to: end };
            let found = if sheet.text(span).trim().is_empty() {
                sheet
                    .to_the_right(cell.right, cell.middle(), cell.height())
                    .into_iter()
                    .filter(|&j| j != i && sheet.cells[j].left < cell.right + sheet.width * 0.15)
                    .find_map(|j| party_name(sheet, sheet.whole(j)))
            } else {
                party_name(sheet, span)
            };
            names.extend(found.map(|f| (cell.left, cell.middle(), f)));
            if end < cell.chars.len() {
                let from = end + cell.chars[end..].iter().position(|c| *c == ':').map_or(0, |p| p + 1);
                let rest = Span { cell: i, from, to: cell.chars.len() };
                names.extend(party_name(sheet, rest).map(|f| (cell.right, cell.middle(), f)));
            }
        }
    }
    for hit in hits.iter().filter(|h| LABELS[h.label].words.contains(&"纳税人识别号")) {
        let cell = &sheet.cells[hit.span.cell];
        let spans = labels::inline(sheet, hits, hit).map_or_else(|| labels::beside(sheet, hits, hit), |s| vec![s]);
        let (left, ..) = sheet.quad(hit.span).bounds();
        ids.extend(spans.into_iter().find_map(|s| tax_id(sheet, s)).map(|f| (left, cell.middle(), f)));
    }
    assign(names, F::BuyerName, F::SellerName, sheet, fields);
    assign(ids, F::BuyerTaxId, F::SellerTaxId, sheet, fields);
    let person = fields.get(&F::BuyerName).and_then(|f| f.value.as_deref()).is_some_and(|v| v == "个人");
    if person {
        fields.remove(&F::BuyerTaxId);
    }
}

/// Where a second 名称 starts in a cell that spans both parties, or the cell's end.
fn second_label(chars: &[char], from: usize) -> usize {
    (from..chars.len().saturating_sub(2))
        .find(|&i| chars[i] == '名' && chars[i + 1] == '称' && chars.get(i + 2) == Some(&':'))
        .unwrap_or(chars.len())
}

fn party_name(sheet: &Sheet<'_>, span: Span) -> Option<Found> {
    if span.from >= span.to {
        return None;
    }
    let found = labels::typed(sheet, F::SellerName, span)?;
    let v = found.value.as_deref()?;
    (v.chars().count() >= 2 && !v.chars().all(|c| c.is_ascii_digit() || c.is_ascii_punctuation())).then_some(found)
}

/// A tax number of 15, 17, 18 or 20 characters. Letters that the code's alphabet lacks are always misreads.
fn tax_id(sheet: &Sheet<'_>, span: Span) -> Option<Found> {
    let mut parsed = parse::identifier(&sheet.text(span))?;
    parsed.value = parsed.value.to_ascii_uppercase();
    if parsed.value.len() == 18 && !identifier::credit_code_holds(&parsed.value) {
        let mended: String = parsed
            .value
            .chars()
            .map(|c| match c {
                'I' => '1',
                'O' => '0',
                'S' => '5',
                'Z' => '2',
                other => other,
            })
            .collect();
        if mended != parsed.value && identifier::credit_code_holds(&mended) {
            parsed.value = mended;
            parsed.repairs.push("letters that the code's alphabet lacks read as digits".to_owned());
        }
    }
    (15..=20).contains(&parsed.value.len()).then(|| labels::found(sheet, span, parsed))
}

/// Two finds: the upper is the buyer's if they stand on different rows, else the left one. One find alone is the
/// seller's in the lower half of the page, and in the right one: there are forms with the seller below the buyer, and forms
/// with the seller beside the buyer.
fn assign(mut finds: Vec<(f64, f64, Found)>, buyer: F, seller: F, sheet: &Sheet<'_>, fields: &mut Fields) {
    finds.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (top, bottom) = sheet.cells.iter().fold((f64::INFINITY, 0.0_f64), |(t, b), c| (t.min(c.top), b.max(c.bottom)));
    match finds.len() {
        0 => {}
        1 => {
            let (x, y, found) = finds.remove(0);
            let is_sellers = y > (top + bottom) / 2.0 || x > sheet.width / 2.0;
            fields.insert(if is_sellers { seller } else { buyer }, found);
        }
        _ => {
            let (Some(first), Some(last)) = (finds.first().cloned(), finds.last().cloned()) else { return };
            let same_row = (last.1 - first.1).abs() < sheet.line_height * 1.2;
            let (b, s) = if same_row && first.0 > last.0 { (last, first) } else { (first, last) };
            fields.insert(buyer, b.2);
            fields.insert(seller, s.2);
        }
    }
}

/// Net amount and tax from the row of 合计: the amounts under 金额 and 税额, which is the order they stand in.
fn net_and_tax(sheet: &Sheet<'_>, hits: &[Hit], fields: &mut Fields) {
    let header_x = |words: &str| {
        hits.iter()
            .filter(|h| LABELS[h.label].words.contains(&words) && sheet.text(h.span) == words)
            .map(|h| {
                let (l, _, r, _) = sheet.quad(h.span).bounds();
                (l + r) / 2.0
            })
            .next()
    };
    let total_top = fields.get(&F::TotalInWords).map_or(sheet.height, |f| f.quad.bounds().1);
    // The row just above the total in words that holds an amount with a currency mark, or follows 合 … 计.
    let mut row: Vec<(f64, f64, Span, parse::Parsed)> = Vec::new();
    for (i, cell) in sheet.cells.iter().enumerate() {
        if cell.middle() >= total_top || cell.middle() < sheet.height * 0.25 {
            continue;
        }
        let text = &cell.line.text;
        if !text.contains(['¥', '￥']) && !text.trim_start().starts_with(['Y', 'V']) {
            continue;
        }
        let span = sheet.whole(i);
        row.extend(parse::amounts(text).into_iter().filter(|p| parse::has_cents(text, p)).map(|p| {
            let part = Span { cell: i, from: p.chars.0, to: p.chars.1 };
            let (l, _, r, _) = sheet.quad(part).bounds();
            ((l + r) / 2.0, cell.middle(), span, p)
        }));
    }
    if row.is_empty() {
        // No currency mark was read: the amounts on the row of 合 … 计.
        let sum = sheet.cells.iter().find(|c| {
            let t: String = c.chars.iter().filter(|c| !c.is_whitespace()).collect();
            (t == "合计" || t == "计" || t == "合") && c.middle() < total_top && c.middle() > sheet.height * 0.25
        });
        if let Some(c) = sum {
            for i in sheet.to_the_right(c.right, c.middle(), c.height() * 1.3) {
                let text = &sheet.cells[i].line.text;
                let span = sheet.whole(i);
                row.extend(
                    parse::amounts(text)
                        .into_iter()
                        .filter(|p| parse::has_cents(text, p))
                        .map(|p| (sheet.cells[i].centre(), sheet.cells[i].middle(), span, p)),
                );
            }
        }
    }
    let lowest = row.iter().map(|r| r.1).fold(0.0, f64::max);
    row.retain(|r| lowest - r.1 < sheet.line_height * 1.5);
    row.sort_by(|a, b| a.0.total_cmp(&b.0));
    let middle = match (header_x("金额"), header_x("税额")) {
        (Some(net), Some(tax)) => (net + tax) / 2.0,
        _ => f64::INFINITY,
    };
    let n = row.len();
    for (k, (x, _, span, parsed)) in row.into_iter().enumerate() {
        let is_tax = if middle.is_finite() { x > middle } else { k + 1 == n && n > 1 };
        let name = if is_tax { F::Tax } else { F::AmountWithoutTax };
        labels::put(fields, name, labels::found(sheet, span, parsed));
    }
}

/// Lines of goods: a name that starts with `*category*` or stands in the name column, with the amount of its row
/// under 金额. Of several cells left of one amount the leftmost is the name; the others are the model and the unit.
fn items(sheet: &Sheet<'_>, hits: &[Hit], fields: &Fields) -> Vec<FoundItem> {
    let amount_x = hits
        .iter()
        .filter(|h| LABELS[h.label].words.contains(&"金额") && sheet.text(h.span) == "金额")
        .map(|h| (sheet.cells[h.span.cell].centre(), sheet.cells[h.span.cell].bottom))
        .next();
    let Some((amount_x, head)) = amount_x else { return Vec::new() };
    let foot = fields
        .get(&F::AmountWithoutTax)
        .or_else(|| fields.get(&F::TotalInWords))
        .map_or(sheet.height, |f| f.quad.bounds().1);
    let columns = Columns::of(sheet);
    let mut items: Vec<(usize, usize, FoundItem)> = Vec::new();
    for (i, cell) in sheet.cells.iter().enumerate() {
        if cell.middle() < head
            || cell.bottom > foot + cell.height() * 0.3
            || cell.is_vertical()
            || cell.centre() > sheet.width * 0.4
        {
            continue;
        }
        if cell.chars.iter().filter(|c| c.is_alphabetic()).count() < 2 {
            continue;
        }
        let mut row = sheet.to_the_right(cell.right, cell.middle(), cell.height());
        row.retain(|&j| j != i);
        let amount = row
            .iter()
            .copied()
            .flat_map(|j| {
                let text = sheet.cells[j].line.text.clone();
                parse::amounts(&text).into_iter().filter(move |p| parse::has_cents(&text, p)).map(move |p| (j, p))
            })
            .map(|(j, p)| {
                let (l, _, r, _) = sheet.cells[j].line.char_quad(p.chars.0, p.chars.1).bounds();
                (((l + r) / 2.0 - amount_x).abs(), j, p)
            })
            .min_by(|a, b| a.0.total_cmp(&b.0));
        // A row without an amount goes on the name of the row above.
        let Some((off, j, parsed)) = amount else { continue };
        if off > sheet.width * 0.08 {
            continue;
        }
        let at = parsed.chars.0;
        let found = labels::found(sheet, sheet.whole(j), parsed);
        let priced = columns.as_ref().and_then(|columns| columns.read(sheet, &row));
        let item = FoundItem {
            name: cell.line.text.clone(),
            quantity: priced.as_ref().map(|p| p.quantity.clone()),
            unit: None,
            price: priced.as_ref().map(|p| p.price.clone()),
            price_confidence: priced.map(|p| p.confidence),
            amount: found.value,
            confidence: found.confidence,
            quad: cell.line.quad.union(&found.quad),
            repairs: vec![],
        };
        match items.iter_mut().find(|(cell, from, _)| (*cell, *from) == (j, at)) {
            Some((_, _, known)) if known.quad.bounds().0 > item.quad.bounds().0 => *known = item,
            Some(_) => {}
            None => items.push((j, at, item)),
        }
    }
    items.into_iter().map(|(_, _, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DocumentKind, PageText, text::Line};

    #[test]
    fn a_whole_invoice_is_understood() {
        let lines: &[(&str, f64, f64, f64)] = &[
            ("示例增值税电子普通发票", 350.0, 25.0, 750.0),
            ("发票代码:044002400111", 776.0, 32.0, 948.0),
            ("发票号码:12345678", 776.0, 64.0, 919.0),
            ("开票日期:2024年05月20日", 776.0, 96.0, 993.0),
            ("校验码:54538 46872 04014 57166", 776.0, 128.0, 1033.0),
            ("名", 72.0, 159.0, 95.0),
            ("称:个人", 153.0, 159.0, 230.0),
            ("纳税人识别号:", 72.0, 191.0, 184.0),
            ("项目名称", 123.0, 273.0, 196.0),
            ("金额", 758.0, 273.0, 818.0),
            ("税率", 871.0, 272.0, 916.0),
            ("税额", 971.0, 273.0, 1030.0),
            ("BP-10", 260.0, 300.0, 320.0),
            ("*化学药品制剂*示例片", 30.0, 299.0, 230.0),
            ("100.00", 770.0, 298.0, 830.0),
            ("13.00", 990.0, 298.0, 1040.0),
            ("合", 111.0, 477.0, 132.0),
            ("计", 181.0, 475.0, 210.0),
            ("¥100.00", 770.0, 479.0, 840.0),
            ("¥13.00", 990.0, 479.0, 1050.0),
            ("价税合计(大写)", 99.0, 512.0, 217.0),
            ("壹佰壹拾叁圆整", 301.0, 509.0, 468.0),
            ("(小写)¥113.00", 814.0, 509.0, 945.0),
            ("名", 72.0, 547.0, 95.0),
            ("称:示例药房有限公司", 157.0, 548.0, 402.0),
            ("纳税人识别号:91440300MA5ABC12OX", 72.0, 575.0, 425.0),
        ];
        let lines = lines.iter().map(|(t, l, top, r)| Line::at(t, *l, *top, *r, top + 22.0)).collect();
        let out = crate::extract::extract(&PageText { width: 1100, height: 730, lines });
        assert_eq!(out.kind, DocumentKind::VatInvoice);
        let value = |n: F| out.fields.get(&n).and_then(|f| f.value.clone());
        for (name, want) in [
            (F::InvoiceCode, Some("044002400111")),
            (F::InvoiceNumber, Some("12345678")),
            (F::IssueDate, Some("2024-05-20")),
            (F::CheckCode, Some("54538468720401457166")),
            (F::BuyerName, Some("个人")),
            (F::BuyerTaxId, None),
            (F::SellerName, Some("示例药房有限公司")),
            (F::SellerTaxId, Some("91440300MA5ABC120X")),
            (F::AmountWithoutTax, Some("100.00")),
            (F::Tax, Some("13.00")),
            (F::Total, Some("113.00")),
            (F::TotalInWords, Some("壹佰壹拾叁圆整")),
        ] {
            assert_eq!(value(name).as_deref(), want, "{name}");
        }
        assert_eq!(out.fields[&F::SellerTaxId].repairs.len(), 1, "O read as 0 is recorded");
        assert_eq!(out.items.len(), 1);
        assert_eq!(out.items[0].amount.as_deref(), Some("100.00"));
        assert_eq!(out.items[0].name, "*化学药品制剂*示例片", "the model is no row of its own");
    }

    #[test]
    fn a_lone_number_in_the_box_at_the_right_is_the_sellers() {
        let lines: &[(&str, f64, f64, f64)] = &[
            ("电子发票(普通发票)", 350.0, 25.0, 750.0),
            ("发票号码:24442000000012345678", 776.0, 32.0, 1060.0),
            ("开票日期:2024年05月20日", 776.0, 64.0, 993.0),
            ("名称:张三", 60.0, 140.0, 200.0),
            ("名称:示例药房有限公司", 620.0, 140.0, 900.0),
            ("统一社会信用代码/纳税人识别号:", 60.0, 180.0, 340.0),
            ("统一社会信用代码/纳税人识别号:91440300MA5ABC120X", 620.0, 180.0, 1060.0),
            ("价税合计(大写)", 99.0, 512.0, 217.0),
            ("壹佰壹拾叁圆整", 301.0, 509.0, 468.0),
            ("(小写)¥113.00", 814.0, 509.0, 945.0),
        ];
        let lines = lines.iter().map(|(t, l, top, r)| Line::at(t, *l, *top, *r, top + 22.0)).collect();
        let out = crate::extract::extract(&PageText { width: 1100, height: 730, lines });
        let value = |n: F| out.fields.get(&n).and_then(|f| f.value.clone());
        assert_eq!(value(F::SellerTaxId).as_deref(), Some("91440300MA5ABC120X"));
        assert_eq!(value(F::BuyerTaxId), None);
    }
}
