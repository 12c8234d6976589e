//! 出院记录, 出院小结, 诊断证明.

use crate::domain::FieldName as F;
use crate::extract::labels::{self, Label};
use crate::extract::layout::Sheet;
use crate::extract::{Fields, FoundItem};

const LABELS: &[Label] = &[
    Label { field: Some(F::PatientName), words: &["姓名", "患者姓名"] },
    Label { field: Some(F::Sex), words: &["性别"] },
    Label { field: Some(F::Age), words: &["年龄"] },
    Label { field: Some(F::AdmissionDate), words: &["入院时间", "入院日期"] },
    Label { field: Some(F::DischargeDate), words: &["出院时间", "出院日期"] },
    Label { field: Some(F::StayDays), words: &["住院天数"] },
    Label { field: Some(F::Department), words: &["科室", "科别", "科室名称"] },
    Label { field: Some(F::Diagnosis), words: &["出院诊断", "临床诊断"] },
    Label { field: Some(F::IssueDate), words: &["记录日期", "开具日期", "出具日期"] },
    Label {
        field: None,
        words: &[
            "床号",
            "住院号",
            "病案号",
            "病历号",
            "职业",
            "民族",
            "婚姻",
            "入院情况",
            "诊疗经过",
            "入院诊断",
            "出院情况",
            "出院医嘱",
            "处理意见",
            "医师签名",
        ],
    },
];

/// Reads a discharge record.
pub fn read(sheet: &Sheet<'_>) -> (Fields, Vec<FoundItem>) {
    let (mut fields, _) = labels::read(sheet, LABELS);
    super::medical::keep_sex(&mut fields);
    for name in [F::Age, F::StayDays] {
        if let Some(found) = fields.get_mut(&name) {
            // Years and days stand without unit and without a decimal part (6.0天).
            let digits: String =
                found.value.as_deref().unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
            found.value = (!digits.is_empty() && digits.len() <= 3).then_some(digits);
        }
    }
    if let Some((cell, _)) = super::medical::hospital(sheet) {
        let name = super::medical::hospital_name(sheet, cell);
        labels::put(&mut fields, F::IssuerName, labels::found(sheet, sheet.whole(cell), name));
    }
    (fields, Vec::new())
}
