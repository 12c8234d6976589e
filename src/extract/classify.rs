//! Which kind of document a page is, by the words on it.

use super::labels::distance;
use super::layout::Sheet;
use super::parse;
use crate::domain::{Bp, DocumentKind, is_chinese};

/// Words that speak for a kind, with their weight. A page is of a kind from a total of [`ENOUGH`] on.
const WORDS: &[(DocumentKind, &[(&str, u32)])] = &[
    (
        DocumentKind::MedicalInpatientBill,
        &[
            ("医疗住院收费票据", 8),
            ("住院收费票据", 8),
            ("住院收费", 4),
            ("住院医药费", 6),
            ("住院时间", 3),
            ("预缴金额", 2),
            ("预交金额", 2),
            ("补缴金额", 2),
            ("退费金额", 1),
            ("住院科别", 2),
            ("医保统筹基金支付", 3),
            ("医保统筹", 2),
            ("个人账户支付", 2),
            ("个人现金支付", 2),
            ("医疗机构类型", 2),
            ("收款单位", 2),
            ("交款人统一社会信用代码", 2),
            ("票据代码", 1),
            ("校验码", 1),
        ],
    ),
    (
        DocumentKind::MedicalOutpatientBill,
        &[
            ("医疗门诊收费票据", 8),
            ("门诊收费票据", 8),
            ("门诊收费", 4),
            ("门急诊收费", 6),
            ("门诊医药费", 6),
            ("门诊号", 3),
            ("就诊日期", 3),
            ("医保统筹基金支付", 3),
            ("医保统筹", 2),
            ("个人账户支付", 2),
            ("个人现金支付", 2),
            ("医疗机构类型", 2),
            ("收款单位", 2),
            ("交款人统一社会信用代码", 2),
            ("票据代码", 1),
            ("校验码", 1),
        ],
    ),
    (
        DocumentKind::VatInvoice,
        &[
            ("增值税电子普通发票", 10),
            ("增值税专用发票", 10),
            ("增值税普通发票", 10),
            ("增值税", 5),
            ("电子发票", 6),
            ("价税合计", 6),
            ("纳税人识别号", 4),
            ("发票代码", 3),
            ("发票号码", 3),
            ("密码区", 2),
            ("税率", 2),
            ("税额", 2),
            ("发票专用章", 2),
            ("购买方", 2),
            ("销售方", 2),
        ],
    ),
    (
        DocumentKind::ExpenseList,
        &[("费用清单", 8), ("费用明细", 8), ("明细清单", 8), ("住院费用汇总", 8), ("一日清单", 8)],
    ),
    (
        DocumentKind::DischargeRecord,
        &[
            ("出院记录", 10),
            ("出院小结", 10),
            ("诊断证明", 10),
            ("出院诊断", 5),
            ("入院诊断", 3),
            ("出院医嘱", 4),
            ("诊疗经过", 4),
            ("入院情况", 3),
            ("出院情况", 3),
            ("主治医师", 1),
        ],
    ),
];

/// The weight from which on words make a kind.
const ENOUGH: u32 = 8;

/// Words of a till receipt. English and German, as the trade's receipts are.
const TILL_WORDS: &[(&str, u32)] = &[
    ("subtotal", 4),
    ("sub total", 4),
    ("sub-total", 4),
    ("grand total", 4),
    ("total", 2),
    ("cash", 3),
    ("change", 3),
    ("rounding", 3),
    ("gst", 2),
    ("tax", 1),
    ("cashier", 3),
    ("receipt", 3),
    ("thank you", 3),
    ("qty", 2),
    ("amount due", 2),
    ("amt due", 3),
    ("balance", 1),
    ("tender", 3),
    ("visa", 2),
    ("mastercard", 2),
    ("server", 2),
    ("table", 1),
    ("guest", 2),
    ("check", 1),
    ("tax invoice", 3),
    ("tip", 1),
    ("summe", 3),
    ("mwst", 3),
    ("bar ", 1),
    ("zu zahlen", 4),
    ("rückgeld", 3),
    ("gegeben", 3),
    ("ec-karte", 3),
    ("bon", 1),
    ("kasse", 2),
    ("steuer", 2),
    ("eur", 1),
    ("prepaid", 2),
    ("payment method", 3),
    ("gallons", 4),
    ("pump", 3),
    ("fecha", 2),
    ("mesa", 2),
    ("importe", 2),
    ("iva", 2),
    ("serial #", 1),
    ("approved", 2),
    ("sale", 1),
    ("service charge", 3),
    ("toll", 2),
];

/// The kind of a page and how clear it is.
pub fn classify(sheet: &Sheet<'_>) -> (DocumentKind, Bp) {
    let lines: Vec<String> =
        sheet.cells.iter().map(|c| c.chars.iter().filter(|c| !c.is_whitespace()).collect()).collect();
    let mut scores: Vec<(DocumentKind, u32)> = WORDS
        .iter()
        .map(|(kind, words)| (*kind, words.iter().map(|(w, n)| if seen(&lines, w) { *n } else { 0 }).sum()))
        .collect();
    scores.push((DocumentKind::TillReceipt, till_score(sheet)));
    scores.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
    let (best, second) = (scores[0], scores[1]);
    if best.1 < ENOUGH {
        return (DocumentKind::Unknown, Bp(10_000 - (best.1 * 5_000 / ENOUGH) as u16));
    }
    // Both medical bills share most of their words: the margin, not the ratio, tells them apart.
    let margin = f64::from(best.1 - second.1) / f64::from(best.1.min(12));
    (best.0, Bp::from_share(0.5 + 0.5 * margin.min(1.0)))
}

/// Whether a word stands on some line, with one misread character allowed in four or more, two in eight or more.
fn seen(lines: &[String], word: &str) -> bool {
    let n = word.chars().count();
    let limit = match n {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    lines.iter().any(|line| {
        if line.contains(word) {
            return true;
        }
        let chars: Vec<char> = line.chars().collect();
        limit > 0
            && chars.windows(n).any(|w| {
                let window: String = w.iter().collect();
                distance(&window, word, limit).is_some()
            })
    })
}

/// How much a page looks like a till receipt: Latin text with its words and a column of amounts at the right.
fn till_score(sheet: &Sheet<'_>) -> u32 {
    let text: String =
        sheet.cells.iter().flat_map(|c| c.line.text.chars().chain([' '])).collect::<String>().to_lowercase();
    let cjk = text.chars().filter(|c| is_chinese(*c)).count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count().max(1);
    if cjk * 4 > letters {
        return 0;
    }
    let words: u32 = TILL_WORDS.iter().map(|(w, n)| if text.contains(w) { *n } else { 0 }).sum();
    let amounts = sheet
        .cells
        .iter()
        .filter(|c| parse::amounts(&c.line.text).iter().any(|p| parse::is_amount(&c.line.text, p)))
        .count() as u32;
    if amounts == 0 {
        return 0;
    }
    // A sheet as wide as it is tall, or a page dense with prose, is an invoice or a letter rather than a till roll.
    let (left, right) = sheet.cells.iter().fold((f64::INFINITY, 0.0_f64), |(l, r), c| (l.min(c.left), r.max(c.right)));
    let (top, bottom) = sheet.cells.iter().fold((f64::INFINITY, 0.0_f64), |(t, b), c| (t.min(c.top), b.max(c.bottom)));
    let columns = (right - left) / sheet.line_height;
    let squat = (right - left) > 1.3 * (bottom - top);
    let wide = columns > 48.0;
    // A business invoice names its buyer and an account to pay to; a till never does.
    let business: u32 = [
        "iban",
        "client:",
        "seller:",
        "bill to",
        "invoice to",
        "due date",
        "net worth",
        "account number",
        "pay period",
    ]
    .iter()
    .map(|w| if text.contains(w) { 6 } else { 0 })
    .sum();
    (words + amounts.min(6)).saturating_sub(u32::from(wide) * 12 + u32::from(squat) * 4 + business)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{PageText, text::Line};

    fn kind(lines: &[&str]) -> DocumentKind {
        let lines = lines
            .iter()
            .enumerate()
            .map(|(i, t)| Line::at(t, 0.0, i as f64 * 30.0, 14.0 * t.chars().count() as f64, i as f64 * 30.0 + 20.0))
            .collect();
        classify(&Sheet::new(&PageText { width: 800, height: 1000, lines })).0
    }

    #[test]
    fn words_make_the_kind() {
        use DocumentKind::*;
        assert_eq!(kind(&["示例省医疗门诊收费票据(电子)", "就诊日期:20240101"]), MedicalOutpatientBill);
        assert_eq!(kind(&["示例省医行住院收嘉票据(电子)", "住院时间:", "预缴金额:1"]), MedicalInpatientBill);
        assert_eq!(kind(&["增值税电子普通发票", "价税合计(大写)"]), VatInvoice);
        assert_eq!(kind(&["出院记录", "入院诊断"]), DischargeRecord);
        assert_eq!(kind(&["GOOD SHOP", "TOTAL 3.50", "CASH 5.00", "CHANGE 1.50", "THANK YOU"]), TillReceipt);
        assert_eq!(kind(&["A letter about nothing", "Dear reader"]), Unknown);
        assert_eq!(kind(&[]), Unknown);
    }
}
