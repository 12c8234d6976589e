//! 医疗门诊收费票据 and 医疗住院收费票据, electronic or paper.

use crate::domain::document::doubt;
use crate::domain::{Bp, DocumentKind, FieldName as F, identifier, is_chinese};
use crate::extract::labels::{self, Hit, Label};
use crate::extract::layout::{Sheet, Span};
use crate::extract::{Fields, Found, FoundItem, parse};

/// Labels of both bills. The wordings are those of the national filling rules and the provincial forms.
const LABELS: &[Label] = &[
    Label { field: Some(F::BillCode), words: &["票据代码"] },
    Label { field: Some(F::BillNumber), words: &["票据号码"] },
    Label { field: None, words: &["电子票据代码"] },
    Label { field: None, words: &["电子票据号码"] },
    Label { field: Some(F::CheckCode), words: &["校验码"] },
    Label { field: Some(F::PayerId), words: &["交款人统一社会信用代码"] },
    Label { field: Some(F::PayerName), words: &["交款人", "姓名", "患者姓名"] },
    Label { field: Some(F::IssueDate), words: &["开票日期", "收费日期"] },
    Label { field: None, words: &["金额合计", "合计", "大写"] },
    Label { field: Some(F::Total), words: &["小写"] },
    Label { field: Some(F::BusinessSerial), words: &["业务流水号"] },
    Label { field: Some(F::OutpatientNumber), words: &["门诊号"] },
    Label { field: Some(F::VisitDate), words: &["就诊日期"] },
    Label { field: Some(F::CaseNumber), words: &["病历号", "病案号"] },
    Label { field: Some(F::AdmissionNumber), words: &["住院号"] },
    Label { field: Some(F::Department), words: &["住院科别", "住院科室", "科别", "科室"] },
    Label { field: None, words: &["住院时间", "住院日期"] },
    Label { field: None, words: &["出院时间", "出院日期", "入院时间", "入院日期", "日期"] },
    Label { field: Some(F::Deposit), words: &["预缴金额", "预交金额", "预缴款", "预交款"] },
    Label { field: Some(F::TopUp), words: &["补缴金额", "补交金额", "补缴款"] },
    Label { field: Some(F::Refund), words: &["退费金额", "退款金额"] },
    Label { field: Some(F::InstitutionType), words: &["医疗机构类型", "医疗机构类别"] },
    Label { field: Some(F::InsuranceType), words: &["医保类型", "医保类别"] },
    Label { field: Some(F::InsuranceNumber), words: &["医保编号", "社会保障号码", "社会保障卡号"] },
    Label { field: Some(F::Sex), words: &["性别"] },
    Label {
        field: Some(F::FundPayment), words: &["医保统筹基金支付", "医保统筹支付", "统筹基金支付"]
    },
    Label { field: Some(F::OtherPayment), words: &["其他支付", "其他医保支付"] },
    Label { field: Some(F::AccountPayment), words: &["个人账户支付"] },
    Label { field: Some(F::CashPayment), words: &["个人现金支付", "现金支付"] },
    Label { field: Some(F::SelfPaid), words: &["个人自付"] },
    Label { field: Some(F::SelfFunded), words: &["个人自费"] },
    Label { field: Some(F::IssuerName), words: &["收款单位(章)", "收款单位"] },
    Label { field: Some(F::IssuerId), words: &["收款单位统一社会信用代码", "执收单位代码"] },
    Label { field: Some(F::Reviewer), words: &["复核人"] },
    Label { field: Some(F::Cashier), words: &["收款人", "收费员", "收款员"] },
    // These end other values.
    Label {
        field: None,
        words: &[
            "项目名称",
            "项目/规格",
            "收费项目",
            "数量/单位",
            "金额(元)",
            "备注",
            "其他信息",
            "账户余额",
            "个人账户余额",
            "住院天数",
            "起付线",
            "附加支付",
            "当年账户结余",
            "历年账户结余",
            "卡号",
            "登记号",
            "个人支付金额",
            "购买方",
            "医院承担",
            "大病保险支付",
            "其他保险支付",
            "医疗救助支付",
            "公务员补助",
            "支付方式",
            "分类自负",
            "个人自负",
            "自付一",
            "自付二",
            "开票人",
            "谈判药费",
            "查验网站地址",
            "查验网址",
        ],
    },
];

/// The 31 provinces and what stands for the central one, as they begin a title.
const PROVINCES: &[&str] = &[
    "北京市",
    "天津市",
    "河北省",
    "山西省",
    "内蒙古自治区",
    "辽宁省",
    "吉林省",
    "黑龙江省",
    "上海市",
    "江苏省",
    "浙江省",
    "安徽省",
    "福建省",
    "江西省",
    "山东省",
    "河南省",
    "湖北省",
    "湖南省",
    "广东省",
    "广西壮族自治区",
    "海南省",
    "重庆市",
    "四川省",
    "贵州省",
    "云南省",
    "西藏自治区",
    "陕西省",
    "甘肃省",
    "青海省",
    "宁夏回族自治区",
    "新疆维吾尔自治区",
    "中央",
    "示例省",
];

/// Reads a medical bill of one of the two kinds.
pub fn read(sheet: &Sheet<'_>, kind: DocumentKind) -> (Fields, Vec<FoundItem>) {
    let (mut fields, hits) = labels::read(sheet, LABELS);
    keep_sex(&mut fields);
    electronic_pair(sheet, &hits, &mut fields);
    if let Some(found) = title(sheet) {
        fields.insert(F::BillTitle, found);
    }
    totals(sheet, &mut fields);
    if kind == DocumentKind::MedicalInpatientBill {
        stay(sheet, &hits, &mut fields);
    } else {
        for name in [F::Deposit, F::TopUp, F::Refund, F::AdmissionNumber, F::CaseNumber, F::Department] {
            fields.remove(&name);
        }
    }
    labels::settle_words(sheet, &mut fields);
    issue_date(sheet, &mut fields);
    issuer(sheet, &mut fields);
    known_words(&mut fields, sheet);
    shapes(&mut fields);
    let items = items(sheet, &hits);
    (fields, items)
}

/// A paper print of an electronic bill carries both pairs of code and number; the electronic pair names the bill.
fn electronic_pair(sheet: &Sheet<'_>, hits: &[Hit], fields: &mut Fields) {
    for (words, name) in [("电子票据代码", F::BillCode), ("电子票据号码", F::BillNumber)] {
        for hit in hits.iter().filter(|h| LABELS[h.label].words == [words]) {
            let places = labels::inline(sheet, hits, hit).map_or_else(|| labels::beside(sheet, hits, hit), |s| vec![s]);
            if let Some(found) = places.iter().find_map(|&s| labels::typed(sheet, name, s)) {
                fields.insert(name, found);
            }
        }
    }
}

/// Keeps only 男 and 女 of what stands behind 性别.
pub fn keep_sex(fields: &mut Fields) {
    if let Some(found) = fields.get_mut(&F::Sex) {
        found.value = found.text.chars().find(|c| matches!(c, '男' | '女')).map(|c| c.to_string());
    }
}

/// Words of hospitals and their departments, by which a name misread in a character or two is mended where the recogniser
/// held the right ones possible.
#[rustfmt::skip]
const KNOWN_WORDS: &[&str] = &[
    "妇幼保健院", "中西医结合医院", "中医医院", "人民医院", "中心医院", "附属医院", "综合医院", "专科医院", "中医院",
    "儿童医院", "肿瘤医院", "口腔医院", "眼科医院", "康复医院", "社区卫生服务中心", "卫生院", "门诊部", "大学", "第一", "第二",
    "第三", "心血管内科", "呼吸内科", "消化内科", "神经内科", "内分泌科", "肾内科", "血液科", "普通外科", "骨科",
    "神经外科", "心胸外科", "泌尿外科", "妇产科", "妇科", "产科", "儿科", "眼科", "口腔科", "耳鼻喉科", "皮肤科", "肿瘤科",
    "急诊科", "感染科", "康复科", "中医科", "重症医学科", "内科", "外科", "职工基本医疗保险", "城乡居民基本医疗保险", "自费",
];

/// Mends names by [`KNOWN_WORDS`].
fn known_words(fields: &mut Fields, sheet: &Sheet<'_>) {
    for name in [F::IssuerName, F::InstitutionType, F::InsuranceType, F::Department] {
        let Some(found) = fields.get_mut(&name) else { continue };
        let Some(value) = found.value.as_deref() else { continue };
        if let Some((mended, word)) = labels::mended(sheet, value, KNOWN_WORDS.iter().copied()) {
            found.repairs.push(format!("{word}: the recogniser's next choices make a known word"));
            found.value = Some(mended);
        }
    }
}

/// Characters of every electronic bill's check code.
const CHECK_CODE: usize = 6;

/// What identifiers of these bills can look like; anything else is text seen but not understood.
fn shapes(fields: &mut Fields) {
    let fits = |name: F, v: &str| match name {
        F::BillCode => (6..=12).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_digit()),
        F::BillNumber => (6..=12).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_digit()),
        F::CheckCode => (4..=20).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_alphanumeric()),
        F::PayerId => (6..=18).contains(&v.len()),
        _ => true,
    };
    for (name, found) in fields.iter_mut() {
        if found.value.as_deref().is_some_and(|v| !fits(*name, v)) {
            found.value = None;
            found.confidence = Bp(0);
        }
    }
    if let Some(found) = fields.get_mut(&F::CheckCode) {
        // Check codes are lower case; a capital letter is a misread small one of the same shape.
        if let Some(value) = &mut found.value
            && value.bytes().any(|b| b.is_ascii_uppercase())
        {
            *value = value.to_ascii_lowercase();
            found.repairs.push("check code put in lower case".to_owned());
        }
        if found.value.as_ref().is_some_and(|value| value.len() != CHECK_CODE) {
            found.repairs.push(doubt::LENGTH.to_owned());
        }
    }
    if let Some(found) = fields.get_mut(&F::PayerId)
        && let Some(whole) = found.value.as_deref().and_then(identifier::unmerge_masks)
    {
        found.value = Some(whole);
        found.repairs.push("a resident number has 18 characters: merged masks parted".to_owned());
    }
    // A name or department is words; digits or a label's remains there are a neighbour's text.
    for name in [F::PayerName, F::Reviewer, F::Department] {
        if fields.get(&name).is_some_and(|f| f.value.as_deref().is_some_and(|v| v.chars().count() > 20)) {
            fields.remove(&name);
        }
    }
}

/// The title: the line with most of the words of one, alone or with the line that goes on beside it, mended to the form that
/// the ministry prints.
fn title(sheet: &Sheet<'_>) -> Option<Found> {
    const FORMS: &[&str] = &[
        "医疗门诊收费票据",
        "医疗住院收费票据",
        "医疗门诊收费票据(电子)",
        "医疗住院收费票据(电子)",
        "医疗机构住院收费票据",
        "医疗机构门诊收费票据",
    ];
    // A seal over it or a wide space parts a title in two.
    let beside = |i: usize| {
        let cell = &sheet.cells[i];
        let right = sheet.to_the_right(cell.right, cell.middle(), cell.height());
        let next = right.into_iter().find(|&j| j != i)?;
        (sheet.cells[next].left - cell.right < 2.0 * cell.height()).then_some(next)
    };
    let lines = (0..sheet.cells.len()).flat_map(|i| [Some((i, None)), beside(i).map(|next| (i, Some(next)))]).flatten();
    let mut best: Option<(usize, usize, Option<usize>, String)> = None; // edits, cell, cell beside it, value
    for (i, next) in lines {
        let cell = &sheet.cells[i];
        let beyond = next.into_iter().flat_map(|j| &sheet.cells[j].chars);
        let text: String = cell.chars.iter().chain(beyond).filter(|c| !c.is_whitespace()).collect();
        let n = text.chars().count();
        if !(6..=24).contains(&n) || cell.middle() > sheet.height * 0.5 {
            continue;
        }
        let province = PROVINCES.iter().find(|p| text.starts_with(**p)).copied().unwrap_or("");
        let rest: String = text.chars().skip(province.chars().count()).collect();
        for form in FORMS {
            let limit = form.chars().count() * 2 / 5;
            if let Some(edits) = labels::distance(&rest, form, limit)
                && best.as_ref().is_none_or(|(e, .., value)| {
                    edits < *e || edits == *e && value.chars().count() < province.chars().count() + form.chars().count()
                })
            {
                best = Some((edits, i, next, format!("{province}{form}")));
            }
        }
    }
    let (edits, cell, next, value) = best?;
    let span = sheet.whole(cell);
    let repairs =
        if edits == 0 { vec![] } else { vec![format!("{edits} characters mended to the printed form of titles")] };
    let mut found = labels::found(sheet, span, parse::Parsed { value, repairs, chars: (0, span.to) });
    if let Some(next) = next.map(|next| &sheet.cells[next].line) {
        found.text.push_str(&next.text);
        found.quad = found.quad.union(&next.quad);
        found.confidence = found.confidence.min(next.confidence);
    }
    Some(found)
}

/// Total in words and in numerals. The words are found by their characters wherever they stand; the numerals after
/// 小写, else on the row of the words.
fn totals(sheet: &Sheet<'_>, fields: &mut Fields) {
    let Some(span) = labels::amount_in_words(sheet) else { return };
    fields.insert(F::TotalInWords, labels::words(sheet, span));
    if fields.get(&F::Total).is_some_and(|f| f.value.is_some()) {
        return;
    }
    let cell = &sheet.cells[span.cell];
    // The rest of the words' own line, then its row.
    let own = Span { cell: span.cell, from: span.to, to: cell.chars.len() };
    let row = sheet.to_the_right(cell.right, cell.middle(), cell.height() * 1.5);
    let spans = std::iter::once(own).chain(row.into_iter().map(|i| sheet.whole(i)));
    let found = spans.filter(|s| s.from < s.to).find_map(|s| {
        let text = sheet.text(s);
        let first = parse::amounts(&text).into_iter().find(|p| parse::has_cents(&text, p))?;
        Some(labels::found(sheet, s, first))
    });
    if let Some(found) = found {
        fields.insert(F::Total, found);
    }
}

/// Admission and discharge from 住院时间, which holds both, from labels of their own, or from a remark.
fn stay(sheet: &Sheet<'_>, hits: &[Hit], fields: &mut Fields) {
    for hit in hits.iter().filter(|h| LABELS[h.label].words.contains(&"住院时间")) {
        let mut spans: Vec<Span> = labels::inline(sheet, hits, hit).into_iter().collect();
        if spans.is_empty() {
            spans = labels::beside(sheet, hits, hit);
        } else {
            spans.extend(labels::beside(sheet, hits, &Hit { span: sheet.whole(hit.span.cell), ..*hit }));
        }
        let mut names = [F::AdmissionDate, F::DischargeDate].into_iter();
        for span in spans {
            for date in parse::dates(&sheet.text(span), parse::DateOrder::DayFirst) {
                let Some(name) = names.next() else { return };
                labels::put(fields, name, labels::found(sheet, span, date));
            }
        }
    }
    for (words, name) in [
        ("出院时间", F::DischargeDate),
        ("出院日期", F::DischargeDate),
        ("入院日期", F::AdmissionDate),
        ("入院时间", F::AdmissionDate),
    ] {
        if fields.contains_key(&name) {
            continue;
        }
        for (i, cell) in sheet.cells.iter().enumerate() {
            let Some(byte) = cell.line.text.find(words) else { continue };
            let from = cell.line.text[..byte].chars().count() + words.chars().count();
            let span = Span { cell: i, from, to: cell.chars.len() };
            if let Some(date) = parse::dates(&sheet.text(span), parse::DateOrder::DayFirst).into_iter().next() {
                fields.insert(name, labels::found(sheet, span, date));
                break;
            }
        }
    }
}

/// Bills without the label 开票日期 carry the date at the foot: the last date on the page that is no other field's.
fn issue_date(sheet: &Sheet<'_>, fields: &mut Fields) {
    if fields.get(&F::IssueDate).is_some_and(|f| f.value.is_some()) {
        return;
    }
    let foot = sheet.height * 0.6;
    let taken: Vec<_> = fields.values().map(|f| f.quad.bounds()).collect();
    let mut best: Option<(f64, Found)> = None;
    for i in 0..sheet.cells.len() {
        let cell = &sheet.cells[i];
        let dates = parse::dates(&cell.line.text, parse::DateOrder::DayFirst);
        // Two dates on a line are a stay's.
        if cell.middle() < foot || dates.len() > 1 {
            continue;
        }
        let span = sheet.whole(i);
        for date in dates {
            let found = labels::found(sheet, span, date);
            let (left, top, right, bottom) = found.quad.bounds();
            if taken.iter().any(|t| t.0 < right && left < t.2 && t.1 < bottom && top < t.3) {
                continue;
            }
            if best.as_ref().is_none_or(|(y, _)| cell.middle() > *y) {
                best = Some((cell.middle(), found));
            }
        }
    }
    if let Some((_, mut found)) = best {
        found.confidence = found.confidence.times(Bp(8_500));
        fields.insert(F::IssueDate, found);
    }
}

/// The line that most looks like a hospital's name, with a rank: larger is surer.
pub fn hospital(sheet: &Sheet<'_>) -> Option<(usize, usize)> {
    const ENDINGS: &[&str] =
        &["医院", "卫生院", "卫生服务中心", "卫生服务站", "诊所", "门诊部", "保健院", "疗养院", "医学中心", "医院(章)"];
    let mut best: Option<(usize, usize)> = None;
    for (i, cell) in sheet.cells.iter().enumerate() {
        let text: &str = &cell.line.text;
        let n = cell.chars.len();
        if !(4..=24).contains(&n)
            || is_stamp_text(text)
            || text.contains(':')
            || cell.chars.iter().any(char::is_ascii_digit)
        {
            continue;
        }
        if ENDINGS.iter().any(|e| text.ends_with(e)) || ENDINGS.iter().any(|e| text.contains(e)) && n >= 8 {
            let rank = n.min(16) + 16 * usize::from(ENDINGS.iter().any(|e| text.ends_with(e)));
            if best.is_none_or(|(_, r)| rank > r) {
                best = Some((i, rank));
            }
        }
    }
    best
}

/// The whole of a hospital's line as its name.
pub fn hospital_name(sheet: &Sheet<'_>, cell: usize) -> parse::Parsed {
    let n = sheet.cells[cell].chars.len();
    parse::Parsed { value: sheet.cells[cell].line.text.clone(), repairs: vec![], chars: (0, n) }
}

/// The issuer behind 收款单位 if that is a name at all, else the line that most looks like a hospital.
fn issuer(sheet: &Sheet<'_>, fields: &mut Fields) {
    let looks = |v: &str| {
        v.chars().count() >= 4
            && !v.contains("专用章")
            && v.chars().filter(|c| is_chinese(*c)).count() * 2 > v.chars().count()
    };
    let clean = |v: &str| {
        let v = v.strip_prefix("(章)").or_else(|| v.strip_prefix("章)")).unwrap_or(v);
        v.trim_start_matches([':', ' ', ')', '(']).to_owned()
    };
    if let Some(found) = fields.get_mut(&F::IssuerName) {
        found.value = found.value.as_deref().map(clean);
    }
    let named = fields
        .get(&F::IssuerName)
        .and_then(|f| f.value.as_deref())
        .is_some_and(|v| looks(v) && v.contains(['院', '所', '站', '心', '部']));
    if named {
        return;
    }
    if let Some((cell, _)) = hospital(sheet) {
        let mut found = labels::found(sheet, sheet.whole(cell), hospital_name(sheet, cell));
        found.confidence = found.confidence.times(Bp(8_000));
        fields.insert(F::IssuerName, found);
    } else if !fields.get(&F::IssuerName).and_then(|f| f.value.as_deref()).is_some_and(looks) {
        fields.remove(&F::IssuerName);
    }
}

/// The rows between the table's head and the total: a name with the amount that stands to its right before the next
/// name. Category rows only: a row of detail (specification, quantity) has a price behind it and is a later matter.
fn items(sheet: &Sheet<'_>, hits: &[Hit]) -> Vec<FoundItem> {
    let is = |h: &&Hit, words: &str| LABELS[h.label].words.contains(&words);
    let heads: Vec<&Hit> = hits.iter().filter(|h| is(h, "项目名称")).collect();
    let head_bottom = heads
        .iter()
        .filter(|h| matches!(sheet.text(h.span).as_str(), t if t.contains("项目") || t.contains("目名称")))
        .map(|h| sheet.cells[h.span.cell].bottom)
        .fold(0.0, f64::max);
    let words_top = sheet
        .cells
        .iter()
        .filter(|c| parse::capital_run(&c.line.text).is_some())
        .map(|c| c.top)
        .fold(f64::INFINITY, f64::min);
    let total_top = hits
        .iter()
        .filter(|h| is(h, "金额合计") || is(h, "小写"))
        .map(|h| sheet.cells[h.span.cell].top)
        .filter(|t| *t > head_bottom)
        .fold(words_top, f64::min);
    if head_bottom <= 0.0 || !total_top.is_finite() {
        return Vec::new();
    }
    let tolerance = sheet.line_height * 0.5;
    let inside = |i: &usize| {
        let c = &sheet.cells[*i];
        !c.is_vertical() && c.middle() > head_bottom - tolerance && c.middle() < total_top
    };
    let label_cells: Vec<usize> = hits.iter().map(|h| h.span.cell).collect();
    let cells: Vec<usize> = (0..sheet.cells.len()).filter(inside).filter(|i| !label_cells.contains(i)).collect();
    let chinese = |i: usize| sheet.cells[i].chars.iter().filter(|c| is_chinese(**c)).count();
    let is_name = |i: usize| {
        let c = &sheet.cells[i];
        let name: String = name_part(&c.line.text);
        let letters = name.chars().filter(|c| c.is_alphabetic()).count();
        letters >= 2 && (chinese(i) >= 2 || letters >= 3) && !is_stamp(sheet, i)
    };
    let mut items = Vec::new();
    for &i in cells.iter().filter(|&&i| is_name(i)) {
        let cell = &sheet.cells[i];
        let name = name_part(&cell.line.text);
        let own = Span { cell: i, from: name.chars().count().min(cell.chars.len()), to: cell.chars.len() };
        let fence = cells
            .iter()
            .filter(|&&j| {
                j != i
                    && is_name(j)
                    && sheet.cells[j].left > cell.right
                    && (sheet.cells[j].middle() - cell.middle()).abs() < 0.8 * cell.height()
            })
            .map(|&j| sheet.cells[j].left)
            .fold(f64::INFINITY, f64::min);
        // On the row and before the next name. The first with cents: what follows it is a remark or the share the
        // patient paid. A form that prints no cents has the quantity first, so then the last plain number.
        let mut beside: Vec<usize> = sheet
            .to_the_right(cell.right, cell.middle(), cell.height())
            .into_iter()
            .filter(|j| cells.contains(j) && *j != i && !is_name(*j) && sheet.cells[*j].left < fence)
            .collect();
        // Of two that stand one above the other, only the one nearer to the name's own row.
        let off = |j: usize| (sheet.cells[j].middle() - cell.middle()).abs();
        let all = beside.clone();
        beside.retain(|&j| {
            !all.iter().any(|&k| {
                let (a, b) = (&sheet.cells[j], &sheet.cells[k]);
                k != j && a.left < b.right && b.left < a.right && off(k) < off(j)
            })
        });
        beside.sort_by(|&a, &b| sheet.cells[a].left.total_cmp(&sheet.cells[b].left));
        let mut options: Vec<(Span, parse::Parsed)> = Vec::new();
        for span in std::iter::once(own).chain(beside.iter().map(|&j| sheet.whole(j))).filter(|s| s.from < s.to) {
            options.extend(parse::amounts(&sheet.text(span)).into_iter().map(|p| (span, p)));
        }
        let text_of = |(s, p): &(Span, parse::Parsed)| (sheet.text(*s), p.clone());
        let with_cents = options.iter().map(text_of).position(|(t, p)| parse::has_cents(&t, &p));
        let with_point = || {
            options.iter().map(text_of).position(|(t, p)| {
                let part: String = t.chars().skip(p.chars.0).take(p.chars.1 - p.chars.0).collect();
                part.contains('.')
            })
        };
        let plain = || options.iter().map(text_of).rposition(|(t, _)| !t.contains(['(', ')']));
        let Some(chosen) = with_cents.or_else(with_point).or_else(plain) else { continue };
        let (span, parsed) = options.swap_remove(chosen);
        let found = labels::found(sheet, span, parsed);
        let quantity =
            (chosen > 0).then(|| options.first()).flatten().map(|(_, p)| p.value.trim_end_matches(".00").to_owned());
        let unit = beside
            .iter()
            .flat_map(|&j| sheet.cells[j].chars.iter())
            .find(|c| "项次个支盒瓶片粒袋天日".contains(**c))
            .map(char::to_string);
        let (name, repairs) = category(name);
        items.push(FoundItem {
            name,
            quantity,
            unit,
            price: None,
            price_confidence: None,
            amount: found.value,
            confidence: found.confidence,
            quad: cell.line.quad.union(&found.quad),
            repairs,
        });
    }
    items
}

/// The categories of the national filling rules, and their common variants.
const CATEGORIES: &[&str] = &[
    "床位费",
    "诊察费",
    "诊查费",
    "检查费",
    "化验费",
    "检验费",
    "治疗费",
    "手术费",
    "护理费",
    "卫生材料费",
    "材料费",
    "西药费",
    "中药费",
    "中药饮片",
    "中草药费",
    "中成药费",
    "一般诊疗费",
    "挂号费",
    "其他门急诊收费",
    "其他住院收费",
    "其他住院费用",
    "其他费",
    "放射费",
    "输血费",
    "输氧费",
    "注射费",
    "药事服务费",
];

/// A row's name with one misread character mended (two in five or more), where that makes it a category of the
/// national list and no other name is as near.
fn category(name: String) -> (String, Vec<String>) {
    let n = name.chars().count();
    if n < 3 || CATEGORIES.contains(&name.as_str()) {
        return (name, vec![]);
    }
    let limit = if n >= 5 { 2 } else { 1 };
    let mut near: Vec<(usize, &str)> = CATEGORIES
        .iter()
        .filter(|c| c.chars().count() == n)
        .filter_map(|c| labels::distance(&name, c, limit).map(|d| (d, *c)))
        .collect();
    near.sort_unstable();
    match near[..] {
        [(d, best), ref rest @ ..] if rest.first().is_none_or(|(e, _)| *e > d) => {
            let repair = format!("{name} read as {best}");
            (best.to_owned(), vec![repair])
        }
        _ => (name, vec![]),
    }
}

/// The name at the start of a row: what stands before a colon, a number or the unit.
fn name_part(text: &str) -> String {
    let end = text
        .char_indices()
        .find(|&(i, c)| i > 0 && (matches!(c, ':' | '¥') || c.is_ascii_digit() && !text[..i].is_ascii()))
        .map_or(text.len(), |(i, _)| i);
    text[..end].trim().to_owned()
}

fn is_stamp_text(text: &str) -> bool {
    ["专用章", "监制", "财政部", "收讫", "跟章", "盖章"].iter().any(|w| text.contains(w))
}

/// Whether a cell is the inscription of a stamp rather than a row.
fn is_stamp(sheet: &Sheet<'_>, i: usize) -> bool {
    let c = &sheet.cells[i];
    let text = &c.line.text;
    ["专用章", "监制", "财政部", "收讫", "清单", "已打", "医院", "大学"].iter().any(|w| text.contains(w))
        || c.height() > sheet.line_height * 1.8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{PageText, text::Line};

    fn bill() -> PageText {
        let lines: &[(&str, f64, f64, f64)] = &[
            ("示例省医疗住院收费票据(电子)", 400.0, 40.0, 900.0),
            ("票据代码:32060224", 60.0, 100.0, 300.0),
            ("票据号码:0000123456", 900.0, 100.0, 1200.0),
            ("校验码:", 900.0, 130.0, 980.0),
            ("a1b2c3", 1000.0, 131.0, 1080.0),
            ("交款人:某甲", 60.0, 130.0, 200.0),
            ("开票日期:2024-03-09", 900.0, 160.0, 1150.0),
            ("项目名称", 60.0, 200.0, 160.0),
            ("金额(元)", 400.0, 200.0, 480.0),
            ("项目名称", 660.0, 200.0, 760.0),
            ("金额(元)", 1000.0, 200.0, 1080.0),
            ("床位费", 60.0, 240.0, 130.0),
            ("120.00", 400.0, 242.0, 460.0),
            ("西药费", 660.0, 240.0, 730.0),
            ("1,879.99", 1000.0, 242.0, 1080.0),
            ("金额合计(大写)壹仟玖佰玖拾玖元玖角玖分", 60.0, 400.0, 560.0),
            ("(小写)1,999.99", 900.0, 402.0, 1080.0),
            ("住院时间:20240301-20240309", 60.0, 440.0, 340.0),
            ("预缴金额:3000", 400.0, 440.0, 560.0),
            ("退费金额:1000.01", 700.0, 440.0, 900.0),
            ("医保统筹基金支付:0.00", 60.0, 470.0, 300.0),
            ("其他支付:0", 400.0, 470.0, 540.0),
            ("个人账户支付:0.00", 700.0, 470.0, 900.0),
            ("个人现金支付:1999.99", 1000.0, 470.0, 1240.0),
            ("性别:女", 1000.0, 440.0, 1080.0),
            ("收款单位(章):示例市第一人民医院", 60.0, 520.0, 420.0),
            ("复核人:07", 600.0, 520.0, 700.0),
        ];
        let lines = lines.iter().map(|(t, l, top, r)| Line::at(t, *l, *top, *r, top + 22.0)).collect();
        PageText { width: 1300, height: 600, lines }
    }

    #[test]
    fn a_check_code_of_another_length_is_doubted() {
        for (code, doubted) in [("a1b2c3", false), ("a1b2", true), ("a1b2c3d4", true)] {
            let mut page = bill();
            let line = page.lines.iter_mut().find(|line| line.text == "a1b2c3").unwrap();
            *line = Line::at(code, 1000.0, 131.0, 1080.0, 153.0);
            let found = crate::extract::extract(&page).fields.remove(&F::CheckCode).unwrap();
            assert_eq!(found.repairs.iter().any(|repair| repair == doubt::LENGTH), doubted, "{found:?}");
        }
    }

    #[test]
    fn a_whole_bill_is_understood() {
        let out = crate::extract::extract(&bill());
        assert_eq!(out.kind, DocumentKind::MedicalInpatientBill);
        let value = |n: F| out.fields.get(&n).and_then(|f| f.value.clone()).unwrap_or_default();
        for (name, want) in [
            (F::BillTitle, "示例省医疗住院收费票据(电子)"),
            (F::BillCode, "32060224"),
            (F::BillNumber, "0000123456"),
            (F::CheckCode, "a1b2c3"),
            (F::PayerName, "某甲"),
            (F::IssueDate, "2024-03-09"),
            (F::Total, "1999.99"),
            (F::TotalInWords, "壹仟玖佰玖拾玖元玖角玖分"),
            (F::AdmissionDate, "2024-03-01"),
            (F::DischargeDate, "2024-03-09"),
            (F::Deposit, "3000.00"),
            (F::Refund, "1000.01"),
            (F::FundPayment, "0.00"),
            (F::CashPayment, "1999.99"),
            (F::Sex, "女"),
            (F::IssuerName, "示例市第一人民医院"),
            (F::Reviewer, "07"),
        ] {
            assert_eq!(value(name), want, "{name}");
        }
        let items: Vec<(&str, Option<&str>)> =
            out.items.iter().map(|i| (i.name.as_str(), i.amount.as_deref())).collect();
        assert_eq!(items, [("床位费", Some("120.00")), ("西药费", Some("1879.99"))]);
    }

    #[test]
    fn a_title_is_mended_only_when_close() {
        let page = |t: &str| PageText { width: 800, height: 600, lines: vec![Line::at(t, 0.0, 0.0, 300.0, 30.0)] };
        let mended = title(&Sheet::new(&page("贵州省医行住院收嘉票据(电子)"))).unwrap();
        assert_eq!(mended.value.as_deref(), Some("贵州省医疗住院收费票据(电子)"));
        assert_eq!(mended.repairs.len(), 1);
        assert!(title(&Sheet::new(&page("本票据使用至年底"))).is_none());
    }

    #[test]
    fn a_title_in_two_parts_is_one() {
        let parts = |gap: f64| PageText {
            width: 800,
            height: 600,
            lines: vec![
                Line::at("贵州省医疗住院收费票据", 0.0, 0.0, 330.0, 30.0),
                Line::at("(电子)", 330.0 + gap, 2.0, 420.0 + gap, 32.0),
            ],
        };
        let (near, far) = (parts(20.0), parts(200.0));
        let (near, far) = (title(&Sheet::new(&near)).unwrap(), title(&Sheet::new(&far)).unwrap());
        assert_eq!(near.value.as_deref(), Some("贵州省医疗住院收费票据(电子)"));
        assert_eq!(near.quad.bounds().2, 440.0);
        assert_eq!(far.value.as_deref(), Some("贵州省医疗住院收费票据"));
    }
}
