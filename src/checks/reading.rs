//! What the reading says of itself: two readers, words that void the paper.

use super::arithmetic::total_in_words;
use super::{Answer, Case, support};
use crate::domain::FieldName::Total;
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::document::ValueType;
use crate::domain::money::parse_capital;
use crate::domain::{Day, DocumentKind, Fen, Field, FieldName};

/// Where two engines read one field, they read the same. Text is left out: it decides nothing by its letters.
///
/// `fields` are those that differ, or, if none does, those that were read twice alike. What an engine read but could not
/// be typed is no second opinion; nor does one count against a total that its words and something else say, and nothing
/// denies: it is not another because the second reader takes its zeros for eights. Without words it does count: figures
/// that add up may all be misread alike.
pub(super) fn readers_agree(case: &Case) -> Answer {
    let mut alike = Vec::new();
    let mut differ = Vec::new();
    let is_total_settled = || {
        let votes = support::votes(case).remove(&Total).unwrap_or_default();
        votes.same >= 2 && votes.otherwise == 0 && total_in_words(case).outcome == Pass
    };
    for (name, field) in &case.reading.fields {
        let opinions = opinions(*name, field);
        let Some((first, rest)) = opinions.split_first().filter(|(_, rest)| !rest.is_empty()) else { continue };
        match rest.iter().all(|other| other == first) {
            true => alike.push(*name),
            false if *name == Total && is_total_settled() => {}
            false => differ.push(*name),
        }
    }
    match (differ.is_empty(), alike.is_empty()) {
        (false, _) => case.answer(Inconclusive, &differ).with("differ", differ.len()).with("alike", alike.len()),
        (true, false) => case.answer(Pass, &alike).with("alike", alike.len()),
        (true, true) => Answer::not_applicable(),
    }
}

/// Each engine's reading in a form that compares by value.
pub(super) fn opinions(name: FieldName, field: &Field) -> Vec<String> {
    let typed = |text: &String| match name.value_type() {
        ValueType::Money => Fen::parse(text).map(|fen| fen.to_string()),
        ValueType::Date => Day::parse(text).map(|day| day.to_string()),
        ValueType::CapitalAmount => parse_capital(text).map(|fen| fen.to_string()),
        ValueType::Identifier => Some(text.split_whitespace().collect::<String>()).filter(|t| !t.is_empty()),
        ValueType::Text => None,
    };
    field.readers.values().filter_map(typed).collect()
}

/// Nothing on the paper says that it takes back another bill (红冲), is void, no bill yet, or settled already.
pub(super) fn not_void(case: &Case) -> Answer {
    if case.reading.lines.is_empty() {
        return Answer::not_applicable();
    }
    // A refund on an inpatient bill is what was left of the deposit. An outpatient bill has none to give back.
    let outpatient = case.kind() == DocumentKind::MedicalOutpatientBill;
    let given_back = |text: &str| {
        outpatient && text.split_once("退费金额").is_some_and(|(_, rest)| rest.contains(|c| matches!(c, '1'..='9')))
    };
    let void = |line: &&crate::domain::evidence::ReadLine| voids(&line.text) || given_back(&line.text);
    let lines = case.reading.lines.iter().chain(&case.reading.overprint);
    let places: Vec<_> = lines.filter(void).map(|line| line.polygon).collect();
    let mut answer = case.answer(if places.is_empty() { Pass } else { Fail }, &[]);
    answer.regions = places;
    answer
}

/// Whether a line takes the paper's worth away, and is not the small print that says when it would.
///
/// Every line of every paper is asked: the two alphabets by themselves, and neither where the line has none of it.
fn voids(text: &str) -> bool {
    !text.is_ascii() && voids_in_chinese(&simplified(text))
        || text.bytes().any(|b| b.is_ascii_alphabetic()) && voids_in_english(text)
}

/// What each of [`WORDS`] and [`STAMPS`] begins with.
const BEGINNINGS: [char; 10] = ['作', '冲', '已', '押', '无', '注', '红', '退', '销', '预'];
const WORDS: [&str; 18] = [
    "冲红",
    "红冲",
    "红字",
    "销项负数",
    "已作废",
    "已退费",
    "已退款",
    "已报销",
    "已结报",
    "预交金收据",
    "预缴金收据",
    "押金收据",
    "退费票据",
    "已注销",
    "已冲正",
    "已理赔",
    "已赔付",
    "已核销",
];
/// A stamp's own words, on a line of their own; the first one also within a line.
const STAMPS: [&str; 5] = ["作废", "退费", "注销", "无效", "冲正"];

fn voids_in_chinese(text: &str) -> bool {
    // 过期作废, 涂改作废, 手写作废: what would void it.
    const WOULD_VOID: [&str; 9] = ["过期", "逾期", "涂改", "手写", "手工", "遗失", "无章", "使用", "复印"];
    if !text.contains(BEGINNINGS) {
        return false;
    }
    let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let alone = text.chars().filter(|c| c.is_alphanumeric()).count() <= 3;
    let stamps = if alone { &STAMPS[..] } else { &STAMPS[..1] };
    holds(&WORDS) || holds(stamps) && !holds(&WOULD_VOID)
}

fn voids_in_english(text: &str) -> bool {
    const PHRASES: [&[&str]; 11] = [
        &["voided"],
        &["quotation"],
        &["proforma"],
        &["pro", "forma"],
        &["not", "paid"],
        &["unpaid"],
        &["duplicate", "copy"],
        &["refund", "receipt"],
        &["not", "a", "receipt"],
        &["training", "mode"],
        &["estimate"],
    ];
    const GUARDED: [&[&str]; 6] =
        [&["void"], &["refund"], &["refunded"], &["cancelled"], &["canceled"], &["sales", "return"]];
    // In a sentence about refunds or about when a receipt is void, these stand too.
    const SMALL_PRINT: [&str; 16] = [
        "no",
        "not",
        "non",
        "if",
        "unless",
        "without",
        "within",
        "after",
        "policy",
        "for",
        "exchange",
        "exchanges",
        "any",
        "will",
        "or",
        "and",
    ];
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let says = |phrase: &&[&str]| words.windows(phrase.len()).any(|run| run == *phrase);
    PHRASES.iter().any(says) || GUARDED.iter().any(says) && !words.iter().any(|word| SMALL_PRINT.contains(word))
}

/// The traditional characters of these words as simplified ones.
fn simplified(text: &str) -> String {
    const PAIRS: [(char, char); 9] = [
        ('廢', '废'),
        ('費', '费'),
        ('銷', '销'),
        ('註', '注'),
        ('無', '无'),
        ('沖', '冲'),
        ('衝', '冲'),
        ('報', '报'),
        ('賠', '赔'),
    ];
    text.chars().map(|c| PAIRS.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use super::*;
    use crate::domain::CheckId;
    use crate::domain::FieldName::{BillNumber, IssueDate, PayerName, TotalInWords};
    use crate::domain::Outcome::NotApplicable;
    use crate::domain::support::{bill, evidence, receipt};

    #[test]
    fn readers() {
        for (name, field, readers, outcome) in [
            ("alike", Total, &["320.50", "320.50"][..], Pass),
            ("differ", BillNumber, &["0012345678", "0012345670"], Inconclusive),
            ("differ where words, rows and payments tell", Total, &["320.50", "820.50"], NotApplicable),
            ("second not typed", Total, &["320.50", "32O.5O"], NotApplicable),
            ("alone", Total, &["320.50"], NotApplicable),
            ("days", IssueDate, &["2024-05-12", "2024-05-17"], Inconclusive),
            ("numbers, spaced", BillNumber, &["0012345678", "00123 45678"], Pass),
            ("words by value", TotalInWords, &["叁佰贰拾元伍角", "叁佰贰拾圆伍角整"], Pass),
            ("words by value, differing", TotalInWords, &["叁佰贰拾元伍角", "捌佰贰拾圆伍角整"], Inconclusive),
            ("text", PayerName, &["张三", "张二"], NotApplicable),
        ] {
            let mut reading = bill();
            reading.fields.values_mut().for_each(|f| f.readers.clear());
            let field = reading.fields.get_mut(&field).unwrap();
            field.readers = readers.iter().enumerate().map(|(i, r)| (format!("engine{i}"), (*r).to_owned())).collect();
            assert_eq!(ask(&evidence(vec![reading]), CheckId::ReadersAgree).outcome, outcome, "{name}");
        }
        // Rows, subtotal, cash and change of a receipt say its total too, in the same figures.
        let mut receipt = receipt();
        receipt.fields.get_mut(&Total).unwrap().readers.insert("tesseract".into(), "16.60".into());
        assert_eq!(ask(&evidence(vec![receipt]), CheckId::ReadersAgree).fields, [Total]);
    }

    #[test]
    fn every_chinese_word_begins_as_it_is_told() {
        for word in WORDS.iter().chain(&STAMPS) {
            assert!(word.starts_with(BEGINNINGS), "{word}");
        }
    }

    #[test]
    fn void_words() {
        for (line, outcome) in [
            ("医疗门诊收费票据（电子）", Pass),
            ("电子票据冲红", Fail),
            ("开具红字发票信息表编号", Fail),
            ("作废", Fail),
            ("作廢", Fail),
            ("F退费", Fail),
            ("退费金额:", Pass),
            ("已理赔", Fail),
            ("注销", Fail),
            ("无章无效", Pass),
            ("复印无效", Pass),
            ("*** CANCELLED ***", Fail),
            ("TRAINING MODE", Fail),
            ("ESTIMATE - NOT A RECEIPT", Fail),
            ("orders will not be cancelled", Pass),
            ("涂改作废", Pass),
            ("void", Fail),
            ("AVOID HEAT", Pass),
            ("*** VOID ***", Fail),
            ("TRANSACTION VOIDED", Fail),
            ("Void if altered", Pass),
            ("REFUND RECEIPT", Fail),
            ("CASH REFUND 12.00", Fail),
            ("No refund, exchange within 7 days", Pass),
            ("REFUND POLICY", Pass),
            ("DUPLICATE COPY", Fail),
            ("PRO FORMA INVOICE - UNPAID", Fail),
            ("本票据作废", Fail),
            ("本票据使用至2022年底,过期作废。", Pass),
            ("已退费", Fail),
            ("医保已报销", Fail),
            ("退费金额:644.10", Fail),
            ("退费金额:0.00", Pass),
            ("住院预交金收据", Fail),
        ] {
            assert_eq!(ask(&evidence(vec![bill().line(line)]), CheckId::NotVoid).outcome, outcome, "{line}");
        }
        let mut empty = receipt();
        empty.lines.clear();
        assert_eq!(ask(&evidence(vec![empty]), CheckId::NotVoid).outcome, NotApplicable);
    }
}
