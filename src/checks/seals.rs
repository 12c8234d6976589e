//! What the issuer's seal says against what is printed.

use super::{Answer, Case};
use crate::domain::Bp;
use crate::domain::Outcome::{Fail, Inconclusive, Pass};
use crate::domain::evidence::ReadLine;
use crate::domain::identifier::credit_code_holds;
use crate::domain::issuer::issuer_fields;

/// A rim read at least this surely names an issuer; below, letters are guessed.
const READ: Bp = Bp(8_000);
/// A rim must be read this surely to speak against the print.
const SURE: Bp = Bp(9_300);
/// A name of fewer characters may be a part of one.
const LEAST_NAME: usize = 5;
/// Words of the seals of those who supervise: they name no issuer.
const SUPERVISORS: [&str; 6] = ["监制", "财政", "税务", "统一发票", "票据", "监督"];
/// What names of issuers end in.
const ENDINGS: [&str; 16] = [
    "医院",
    "卫生院",
    "服务中心",
    "医学中心",
    "服务站",
    "诊所",
    "门诊部",
    "保健院",
    "疗养院",
    "急救中心",
    "公司",
    "药房",
    "药店",
    "大药房",
    "大学",
    "学院",
];
/// What a seal is for, which stands behind the name.
const PURPOSES: [&str; 8] = ["收费", "财务", "发票", "结算", "现金", "住院", "门诊", "专用"];
/// Words that many issuers' names share: they tell none from another.
const COMMON: [&str; 22] = [
    "人民医院",
    "中医医院",
    "中心医院",
    "附属医院",
    "妇幼保健院",
    "社区卫生服务中心",
    "卫生院",
    "医院",
    "门诊部",
    "诊所",
    "有限责任公司",
    "股份有限公司",
    "有限公司",
    "分公司",
    "大药房",
    "连锁",
    "医药",
    "第",
    "省",
    "市",
    "县",
    "区",
];

/// The issuer's seal names the issuer that is printed, by name along the rim or by credit code.
///
/// Seals are half legible as a rule: a rim that agrees in the greater part passes, one that was surely read and shares less than
/// half of what tells names apart fails, and all else is left open. Where no seal could be read it does not apply.
pub(super) fn seal_issuer(case: &Case) -> Answer {
    let Some([name, code, ..]) = issuer_fields(case.kind()) else { return Answer::not_applicable() };
    let seals = case.reading.seals.as_deref().unwrap_or_default();
    let rims: Vec<(&ReadLine, String)> = seals.iter().filter_map(|seal| Some((seal, named(seal)?))).collect();
    let codes: Vec<(&ReadLine, &str)> = case
        .reading
        .overprint
        .iter()
        .filter(|line| line.confidence >= SURE && lies_in_a_seal(line, seals))
        .filter_map(|line| Some((line, credit_code(&line.text)?)))
        .collect();
    if rims.is_empty() && codes.is_empty() {
        return Answer::not_applicable();
    }
    let answer = |outcome, seal: &ReadLine| {
        let mut answer = case.answer(outcome, &[name, code]);
        answer.regions.push(seal.polygon);
        answer.with("read", seal.confidence)
    };
    if let (Some(printed), false) = (case.text(code).read(), codes.is_empty()) {
        if codes.iter().any(|(_, sealed)| *sealed == printed) {
            return answer(Pass, codes[0].0).why("code");
        }
        if credit_code_holds(printed) && case.well_read(code) {
            return answer(Fail, codes[0].0).why("code");
        }
    }
    let Some(printed) = case.text(name).read() else {
        return rims
            .first()
            .map_or_else(Answer::not_applicable, |(seal, _)| answer(Inconclusive, seal).why("name_unclear"));
    };
    let printed = plain(printed);
    let (mut other, mut open) = (None, None);
    for (seal, sealed) in &rims {
        match compared(&printed, sealed) {
            Likeness::Same => return answer(Pass, seal).why("name"),
            Likeness::Another if seal.confidence >= SURE && case.well_read(name) => other = Some(seal),
            _ => open = Some(seal),
        }
    }
    match (open, other) {
        // Two seals, one of which may well be the issuer's.
        (Some(seal), _) => answer(Inconclusive, seal).why("partly_read"),
        (None, Some(seal)) => answer(Fail, seal).why("name"),
        (None, None) => Answer::not_applicable(),
    }
}

/// The issuer's name that stands along a rim; `None` if it was not read or is a supervisor's.
fn named(seal: &ReadLine) -> Option<String> {
    let text = plain(&seal.text);
    if seal.confidence < READ || SUPERVISORS.iter().any(|word| text.contains(word)) {
        return None;
    }
    let end = ENDINGS.iter().filter_map(|ending| Some(text.rfind(ending)? + ending.len())).max()?;
    // A branch is named behind its company.
    let behind = PURPOSES.iter().filter_map(|purpose| text[end..].find(purpose)).min();
    let name = &text[..behind.map_or(text.len(), |at| end + at)];
    (name.chars().count() >= LEAST_NAME).then(|| name.to_owned())
}

/// A valid credit code in a line.
fn credit_code(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| credit_code_holds(word))
}

fn lies_in_a_seal(line: &ReadLine, seals: &[ReadLine]) -> bool {
    let (l, t, r, b) = line.polygon.bounds();
    let (x, y) = ((l + r) / 2.0, (t + b) / 2.0);
    seals.iter().any(|seal| {
        let (left, top, right, bottom) = seal.polygon.bounds();
        (left..right).contains(&x) && (top..bottom).contains(&y)
    })
}

/// Only what a seal can show too.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Same,
    Open,
    Another,
}

/// Whether two names are of one issuer. The same if the shorter one is found in the longer one in its order, but for a
/// character in four; another if less than half of what tells the one apart is found anywhere in the other, both ways.
fn compared(printed: &str, sealed: &str) -> Likeness {
    let (a, b): (Vec<char>, Vec<char>) = (printed.chars().collect(), sealed.chars().collect());
    let shorter = a.len().min(b.len());
    if shorter < 4 {
        return Likeness::Open;
    }
    if in_order(&a, &b) * 4 >= shorter * 3 {
        return Likeness::Same;
    }
    let foreign = |of: &str, to: &str| {
        let telling: Vec<char> = telling(of).chars().collect();
        let missing = telling.iter().filter(|c| !to.contains(**c)).count();
        missing >= 2 && missing * 2 > telling.len()
    };
    if foreign(printed, sealed) && foreign(sealed, printed) { Likeness::Another } else { Likeness::Open }
}

/// What tells a name apart: all but the words that many share.
fn telling(name: &str) -> String {
    COMMON.iter().fold(name.to_owned(), |rest, word| rest.replace(word, ""))
}

/// Length of the longest run of characters, gaps allowed, that both have in the same order.
fn in_order(a: &[char], b: &[char]) -> usize {
    let mut row = vec![0_usize; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if x == y { diagonal + 1 } else { above.max(row[j]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::super::tests::ask;
    use super::*;
    use crate::domain::Outcome::NotApplicable;
    use crate::domain::support::{bill, evidence, invoice, receipt};
    use crate::domain::{CheckId, FieldName, Finding, Outcome, Quad, Reading};

    fn sealed(mut reading: Reading, seals: &[(&str, u16)]) -> Reading {
        let line = |(text, read): &(&str, u16)| ReadLine {
            text: (*text).to_owned(),
            confidence: Bp(*read),
            polygon: Quad::rect(400.0, 400.0, 500.0, 500.0),
        };
        reading.seals = Some(seals.iter().map(line).collect());
        reading
    }

    fn finding(reading: Reading) -> Finding {
        ask(&evidence(vec![reading]), CheckId::SealIssuer)
    }

    #[test]
    fn a_seal_agrees_speaks_against_the_print_or_is_left_open() {
        // The bill is of 晴川市第一人民医院.
        for (name, seals, outcome) in [
            ("the same", &[("晴川市第一人民医院", 9_800)][..], Pass),
            ("with its purpose", &[("晴川市第一人民医院收费专用章", 9_800)], Pass),
            ("a character misread", &[("晴川市第一人氏医院", 8_500)], Pass),
            ("the first characters cut", &[("市第一人民医院", 9_000)], Pass),
            ("another", &[("云溪县中医医院", 9_800)], Fail),
            ("another, not surely read", &[("云溪县中医医院", 9_000)], Inconclusive),
            ("another beside the issuer's", &[("云溪县中医医院", 9_800), ("晴川市第一人民医院", 9_000)], Pass),
            (
                "another beside an unclear one",
                &[("云溪县中医医院", 9_800), ("白州川市医学院医院", 8_500)],
                Inconclusive,
            ),
            ("of the same town", &[("晴川市妇幼保健院", 9_800)], Inconclusive),
            ("a supervisor", &[("全国统一发票监制章", 9_900)], NotApplicable),
            ("a ministry's", &[("示例省财政厅医院", 9_900)], NotApplicable),
            ("no name of an issuer", &[("样张仅供测试用", 9_900)], NotApplicable),
            ("hardly read", &[("云溪县中医医院", 7_000)], NotApplicable),
            ("nothing legible", &[("", 0)], NotApplicable),
            ("none", &[], NotApplicable),
        ] {
            let finding = finding(sealed(bill(), seals));
            assert_eq!(finding.outcome, outcome, "{name}: {finding:?}");
        }
        let mut hardly = sealed(bill(), &[("云溪县中医医院", 9_800)]);
        hardly.fields.get_mut(&FieldName::IssuerName).unwrap().score = Bp(7_000);
        assert_eq!(finding(hardly).outcome, Inconclusive, "the print is not well read");
        let unclear = sealed(bill(), &[("云溪县中医医院", 9_800)]).unclear(FieldName::IssuerName);
        assert_eq!(finding(unclear).outcome, Inconclusive);
        assert_eq!(finding(sealed(receipt(), &[("云溪县中医医院", 9_800)])).outcome, Fail);
        let branch = sealed(invoice(), &[("晴川大药房有限公司东湖分公司", 9_800)]);
        assert_eq!(finding(branch).outcome, Pass);
    }

    #[test]
    fn a_credit_code_in_a_seal_is_held_against_the_printed_one() {
        let coded = |code: &str, left: f64| {
            let mut reading = sealed(invoice(), &[("", 0)]);
            let polygon = Quad::rect(left, 440.0, left + 60.0, 460.0);
            reading.overprint.push(ReadLine { text: code.to_owned(), confidence: Bp(9_800), polygon });
            finding(reading).outcome
        };
        assert_eq!(coded("91440300MA5ABC120X", 420.0), Pass);
        assert_eq!(coded("92330106MA2KXY9929", 420.0), Fail);
        assert_eq!(coded("92330106MA2KXY9928", 420.0), Outcome::NotApplicable, "its check character is wrong");
        assert_eq!(coded("92330106MA2KXY9929", 900.0), Outcome::NotApplicable, "stands outside of all seals");
    }

    #[test]
    fn readings_from_before_seals_were_read_are_judged_as_then() {
        let mut old = evidence(vec![bill()]);
        let now = super::super::run(&old)[0].len();
        old.readings[0].seals = None;
        let then = &super::super::run(&old)[0];
        assert_eq!(then.len(), now - 2);
        assert!(then.iter().all(|f| !matches!(f.check, CheckId::SealIssuer | CheckId::RowPrices)));
    }
}
