//! 费用清单, 费用明细: rows of goods and services, page subtotals, and the total on the last page.

use super::prices::Columns;
use crate::domain::FieldName as F;
use crate::extract::labels::{self, Label};
use crate::extract::layout::Sheet;
use crate::extract::{Fields, FoundItem, parse};

const LABELS: &[Label] = &[
    Label { field: Some(F::PatientName), words: &["姓名", "患者姓名", "病人姓名"] },
    Label { field: Some(F::AdmissionNumber), words: &["住院号", "住院号码"] },
    Label { field: Some(F::IssueDate), words: &["打印日期", "打印时间", "制单日期"] },
    Label {
        field: None,
        words: &[
            "性别",
            "年龄",
            "科室",
            "科别",
            "病区",
            "床号",
            "病案号",
            "病历号",
            "费别",
            "医保类型",
            "入院日期",
            "出院日期",
            "住院天数",
            "结算日期",
            "页码",
        ],
    },
];

/// What the sum of a whole list is called, and what the sum of a part of it is.
const TOTALS: &[&str] = &["总计", "合计", "总金额", "费用总额", "总费用"];
const PARTS: &[&str] = &["小计", "本页", "分类合计", "页合计"];

/// Reads a list of expenses.
pub fn read(sheet: &Sheet<'_>) -> (Fields, Vec<FoundItem>) {
    let (mut fields, _) = labels::read(sheet, LABELS);
    let columns = Columns::of(sheet);
    let mut items = Vec::new();
    for row in sheet.rows() {
        let text: String = row.iter().map(|&i| sheet.cells[i].line.text.as_str()).collect();
        let Some((at, amount)) = row.iter().rev().find_map(|&i| {
            let text = &sheet.cells[i].line.text;
            let last = parse::amounts(text).into_iter().rfind(|p| parse::has_cents(text, p))?;
            Some((i, last))
        }) else {
            continue;
        };
        let found = labels::found(sheet, sheet.whole(at), amount);
        if PARTS.iter().any(|w| text.contains(w)) {
            continue;
        }
        if TOTALS.iter().any(|w| text.contains(w)) {
            // The last one: sums build up down the list.
            fields.insert(F::Total, found);
            continue;
        }
        let name = row.iter().copied().find(|&i| {
            let chars = &sheet.cells[i].chars;
            i != at
                && chars.iter().filter(|c| c.is_alphabetic()).count() >= 2
                && parse::dates(&sheet.cells[i].line.text, parse::DateOrder::DayFirst).is_empty()
        });
        let Some(name) = name else { continue };
        let between = |i: &&usize| {
            sheet.cells[**i].left > sheet.cells[name].left && sheet.cells[**i].right < sheet.cells[at].left
        };
        let quantity = row.iter().filter(between).map(|&i| sheet.cells[i].line.text.trim()).find(|t| {
            let digits = t.trim_end_matches(".00");
            !digits.is_empty() && digits.len() <= 4 && digits.bytes().all(|b| b.is_ascii_digit())
        });
        let priced = columns.as_ref().and_then(|columns| columns.read(sheet, &row));
        let quantity = priced.as_ref().map(|p| p.quantity.as_str()).or(quantity);
        items.push(FoundItem {
            name: sheet.cells[name].line.text.trim().to_owned(),
            quantity: quantity.map(|q| q.trim_end_matches(".00").to_owned()),
            unit: None,
            price: priced.as_ref().map(|p| p.price.clone()),
            price_confidence: priced.map(|p| p.confidence),
            amount: found.value,
            confidence: found.confidence,
            quad: sheet.cells[name].line.quad.union(&found.quad),
            repairs: found.repairs,
        });
    }
    if let Some((cell, _)) = super::medical::hospital(sheet) {
        labels::put(
            &mut fields,
            F::IssuerName,
            labels::found(sheet, sheet.whole(cell), super::medical::hospital_name(sheet, cell)),
        );
    }
    (fields, items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{PageText, text::Line};

    #[test]
    fn rows_page_sums_and_the_last_total() {
        let rows: &[&[(&str, f64)]] = &[
            &[("示例市人民医院", 300.0)],
            &[("住院费用清单", 320.0)],
            &[("姓名:张三", 20.0), ("住院号:0012345", 250.0)],
            &[("项目名称", 20.0), ("数量", 300.0), ("单价", 400.0), ("金额", 500.0)],
            &[("阿莫西林胶囊", 20.0), ("2", 300.0), ("10.50", 400.0), ("21.00", 500.0)],
            &[("床位费", 20.0), ("3.00", 300.0), ("40.00", 400.0), ("120.00", 500.0)],
            &[("本页小计", 20.0), ("141.00", 500.0)],
            &[("合计", 20.0), ("141.00", 500.0)],
        ];
        let mut lines = Vec::new();
        for (y, row) in rows.iter().enumerate() {
            for (text, x) in *row {
                let (top, width) = (y as f64 * 40.0, 16.0 * text.chars().count() as f64);
                lines.push(Line::at(text, *x, top, x + width, top + 24.0));
            }
        }
        let page = PageText { width: 700, height: 400, lines };
        let (fields, items) = read(&Sheet::new(&page));
        let value = |n| fields.get(&n).and_then(|f| f.value.as_deref());
        assert_eq!(value(F::PatientName), Some("张三"));
        assert_eq!(value(F::AdmissionNumber), Some("0012345"));
        assert_eq!(value(F::Total), Some("141.00"));
        assert_eq!(value(F::IssuerName), Some("示例市人民医院"));
        let rows: Vec<_> =
            items.iter().map(|i| (i.name.as_str(), i.quantity.as_deref(), i.amount.as_deref())).collect();
        assert_eq!(rows, [("阿莫西林胶囊", Some("2"), Some("21.00")), ("床位费", Some("3"), Some("120.00"))]);
    }
}
