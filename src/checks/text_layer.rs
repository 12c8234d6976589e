//! What the page of a PDF holds as text against what was read off its picture.
//!
//! Nobody sees that text: a scanner may have misread it, and a forger may have written it. So it bears no value out,
//! and only raises doubt: what was read and does not stand there is read again by a person.

use super::{Answer, Case, Seen};
use crate::domain::FieldName::{BillCode, BillNumber, InvoiceCode, InvoiceNumber, IssueDate, Total, TotalInWords};
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::money::parse_capital;
use crate::domain::{Day, Fen, FieldName};
use unicode_normalization::UnicodeNormalization;

/// Fewer digits than this are a scanner's mark or a page number.
const LEAST_DIGITS: usize = 20;

/// What is compared.
const FIELDS: [FieldName; 7] = [Total, TotalInWords, IssueDate, BillCode, BillNumber, InvoiceCode, InvoiceNumber];

/// Each decisive value that was read off the picture also stands in the text of the PDF.
///
/// Fails only where that text gives another total, in figures and in words alike. A value that merely is not there may
/// have been misread on either side.
pub(super) fn text_layer(case: &Case) -> Answer {
    let Some(text) = &case.reading.text_layer else { return Answer::not_applicable() };
    let text: String = text.nfkc().collect();
    if text.chars().filter(char::is_ascii_digit).count() < LEAST_DIGITS {
        return Answer::not_applicable();
    }
    let (amounts, in_words) = (amounts(&text), in_words(&text));
    let stands = |name: FieldName| match name {
        Total => Some(amounts.contains(&case.money(name).read()?)),
        TotalInWords => Some(in_words.contains(&case.typed(name, parse_capital).read()?)),
        IssueDate => Some(holds_day(&text, case.day(name).read()?)),
        _ => Some(holds_number(&text, case.text(name).read()?)),
    };
    let compared: Vec<(FieldName, bool)> = FIELDS.iter().filter_map(|name| Some((*name, stands(*name)?))).collect();
    let with = |wanted| compared.iter().filter(|(_, stands)| *stands == wanted).map(|(name, _)| *name).collect();
    let (same, missing): (Vec<FieldName>, Vec<FieldName>) = (with(true), with(false));
    if compared.is_empty() {
        return Answer::not_applicable();
    }
    if missing.is_empty() {
        return case.answer(Pass, &same).with("same", names(&same));
    }
    let other = in_words.iter().find(|amount| amounts.contains(amount));
    match (case.money(Total), other) {
        (Seen::Read(total), Some(other))
            if case.well_read(Total) && !amounts.contains(&total) && !in_words.contains(&total) =>
        {
            case.answer(Fail, &missing).with("missing", names(&missing)).with("total", total).with("text_layer", other)
        }
        _ => case.answer(Inconclusive, &missing).with("missing", names(&missing)),
    }
}

fn names(fields: &[FieldName]) -> String {
    let names: Vec<&str> = fields.iter().map(|name| name.as_str()).collect();
    names.join(",")
}

/// Every number as an amount, whichever of `.`, `,` and `'` it is written with: one before the last one or two digits is
/// the decimal point.
fn amounts(text: &str) -> Vec<Fen> {
    text.split(|c: char| !(c.is_ascii_digit() || ".,'".contains(c)))
        .filter_map(|number| {
            let number = number.trim_matches(|c: char| !c.is_ascii_digit());
            let (whole, cents) = match number.rsplit_once(|c: char| !c.is_ascii_digit()) {
                Some((whole, cents)) if cents.len() <= 2 => (whole, cents),
                _ => (number, ""),
            };
            let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
            Fen::parse(&format!("{whole}.{cents:0<2}"))
        })
        .collect()
}

/// Every amount in words.
fn in_words(text: &str) -> Vec<Fen> {
    const PRINTED: &str = "零壹贰貳叁叄参肆伍陆陸柒捌玖拾佰仟万萬亿億元圆圓角分整正";
    let line = |line: &str| line.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    text.lines()
        .map(line)
        .flat_map(|line| line.split(|c| !PRINTED.contains(c)).filter_map(parse_capital).collect::<Vec<_>>())
        .collect()
}

/// Whether a number or code stands there, with no more letters or digits of its kind at its ends.
fn holds_number(text: &str, number: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(|run| run == number)
        || text.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| run == number)
}

/// Whether a day stands there: as eight digits, or as three numbers in any usual order, of which the month may be a name
/// and the year two digits.
fn holds_day(text: &str, day: Day) -> bool {
    let iso = day.to_string();
    let parts: Vec<u32> = iso.split('-').filter_map(|part| part.parse().ok()).collect();
    let [year, month, day] = parts[..] else { return false };
    let short = year % 100;
    let orders =
        [year, short].into_iter().flat_map(|year| [[year, month, day], [day, month, year], [month, day, year]]);
    let orders: Vec<[Option<u32>; 3]> = orders.map(|order| order.map(Some)).collect();
    holds_number(text, &iso.replace('-', ""))
        || numbers(text).windows(3).any(|found| orders.iter().any(|order| order == found))
}

/// The numbers of a text, names of months among them; `None` where what stands between two is not written within a date.
fn numbers(text: &str) -> Vec<Option<u32>> {
    let kind = |c: char| (c.is_ascii_digit(), c.is_ascii_alphabetic());
    let between = |c: char| c.is_whitespace() || "-/.,'’年月日".contains(c);
    let mut numbers = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (run, after) = rest.split_at(rest.find(|c| kind(c) != kind(first)).unwrap_or(rest.len()));
        match kind(first) {
            (true, _) => numbers.push(run.parse().ok()),
            (_, true) if matches!(run, "st" | "nd" | "rd" | "th") => {}
            (_, true) => numbers.push(month(run)),
            _ if run.chars().all(between) => {}
            _ => numbers.push(None),
        }
        rest = after;
    }
    numbers
}

/// The number of a month by its English name, of which at least three letters are there.
fn month(name: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let name = name.to_ascii_lowercase();
    (1..).zip(MONTHS).find(|(_, month)| name.len() >= 3 && month.starts_with(&name)).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use super::*;
    use crate::domain::Outcome::NotApplicable;
    use crate::domain::support::{bill, evidence, invoice, receipt};
    use crate::domain::{Bp, CheckId, Finding, Outcome, Reading};

    const BILL: &str = "票据代码：11060124 票据号码：0012345678\n开票日期：2024-05-12\n\
                        金额合计（大写）叁佰贰拾圆伍角整 （小写）320.50";

    fn asked(mut reading: Reading, text: &str) -> Finding {
        reading.text_layer = Some(text.to_owned());
        ask(&evidence(vec![reading]), CheckId::TextLayer)
    }

    #[test]
    fn what_was_read_stands_in_the_text() {
        let all = "total,total_in_words,issue_date,bill_code,bill_number";
        let finding = asked(bill(), BILL);
        assert_eq!((finding.outcome, finding.detail["same"].as_str()), (Pass, all));
        for (was, is, outcome, missing) in [
            ("320.50", "￥３２０．５０", Pass, ""),
            ("2024-05-12", "２０２４年 ５月 １２日", Pass, ""),
            ("0012345678", "001234567B", Inconclusive, "bill_number"),
            ("0012345678", "00123456789", Inconclusive, "bill_number"),
            ("320.50", "1320.50", Inconclusive, "total"),
            ("320.50", "900.00", Inconclusive, "total"),
            ("叁佰贰拾圆伍角整", "玖佰圆整", Inconclusive, "total_in_words"),
            ("2024-05-12", "2024-05-13", Inconclusive, "issue_date"),
            ("11060124", "", Inconclusive, "bill_code"),
        ] {
            let finding = asked(bill(), &BILL.replace(was, is));
            let found = finding.detail.get("missing").map_or("", String::as_str);
            assert_eq!((finding.outcome, found), (outcome, missing), "{was}: {is}");
        }
        assert_eq!(asked(invoice(), "044001900111 12345678 2024 5 12 ¥113.00 壹佰壹拾叁元整").outcome, Pass);
        assert_eq!(asked(receipt(), "2 0.50 12/05/24 11:02 No. 0001234567 TOTAL RM10.60").outcome, Pass);
    }

    #[test]
    fn another_total_fails_only_if_told_twice_and_the_picture_is_clear() {
        let other = BILL.replace("320.50", "900.00").replace("叁佰贰拾圆伍角整", "玖佰圆整");
        let finding = asked(bill(), &other);
        assert_eq!((finding.outcome, finding.detail["text_layer"].as_str()), (Fail, "900.00"));
        let mut faint = bill();
        faint.fields.get_mut(&Total).unwrap().score = Bp(5_000);
        assert_eq!(asked(faint, &other).outcome, Inconclusive);
        assert_eq!(asked(bill(), &format!("{other} 320.50")).outcome, Inconclusive);
    }

    #[test]
    fn a_page_without_text_or_values_says_nothing() {
        assert_eq!(ask(&evidence(vec![bill()]), CheckId::TextLayer).outcome, NotApplicable);
        for text in ["Scanned 2024-05-12 1/1", "", "\u{fffd}".repeat(99).as_str()] {
            assert_eq!(asked(bill(), text).outcome, NotApplicable, "{text}");
        }
        let unread = FIELDS.iter().fold(bill(), |reading, name| reading.unclear(*name));
        assert_eq!(asked(unread, BILL).outcome, NotApplicable);
        let elsewhere: (Outcome, &str) = (Inconclusive, "total,total_in_words,issue_date,bill_code,bill_number");
        let finding = asked(bill(), "A page of 99 other numbers: 1234567890 1234567890");
        assert_eq!((finding.outcome, finding.detail["missing"].as_str()), elsewhere);
    }

    #[test]
    fn amounts_are_written_in_many_ways() {
        for (text, fen) in [
            ("320.50", 32_050),
            ("¥1,320.50元", 132_050),
            ("1.320,50 €", 132_050),
            ("1'320.5", 132_050),
            ("1,320", 132_000),
            ("320", 32_000),
            ("Total: 320.50.", 32_050),
        ] {
            assert_eq!(amounts(text), [Fen(fen)], "{text}");
        }
        assert_eq!(amounts("., - 99999999999999999999"), []);
    }

    #[test]
    fn days_are_written_in_many_ways() {
        let day = Day::new(2024, 5, 12).unwrap();
        for text in [
            "20240512",
            "2024-05-12",
            "2024年05月12日",
            "2024 年 5 月 12 日",
            "12/05/2024 10:30",
            "5/12/24",
            "12.05.24",
            "12-May-2024",
            "12th May, 2024",
            "SUN MAY 12 2024",
        ] {
            assert!(holds_day(text, day), "{text}");
        }
        for text in ["2024-05-13", "12:05:2024", "12 of 5 in 2024", "120240512", "12 Ma 2024", "112/05/2024", "2024-05"]
        {
            assert!(!holds_day(text, day), "{text}");
        }
    }
}
