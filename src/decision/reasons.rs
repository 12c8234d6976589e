//! Every reason there is: its code and its sentence in English and Chinese, in one table.
//!
//! `{name}` stands for a figure. No sentence carries a name, an identity number or text off the paper.

use crate::domain::risk::Feature;
use crate::domain::{CheckId, DocumentKind, FieldName, Finding, Message, Quad, Reason, Severity, Upload};

macro_rules! codes {
    ($($variant:ident $code:literal $en:literal $zh:literal;)*) => {
        /// The code of a reason.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Code { $($variant),* }

        /// Code, English, Chinese.
        const TABLE: &[(&str, &str, &str)] = &[$(($code, $en, $zh)),*];
    };
}

codes! {
    // The claim as a whole.
    NoPhotos "no_photos" "The claim has no photo." "案件没有照片。";
    TooManyDocuments "too_many_documents"
        "The claim has {count} documents; at most {limit} are handled automatically."
        "案件共有{count}份单据，自动处理上限为{limit}份。";
    PapersMissing "papers_missing"
        "Papers that such a claim needs were not found: {papers}."
        "未见此类案件所需的材料：{papers}。";
    ClaimTypeUnknown "claim_type_unknown"
        "The policy does not say which papers a claim of this type needs."
        "现行规则未规定此类案件所需的材料。";
    ProcessingFailed "processing_failed"
        "Part of the processing failed, so a person looks at the claim."
        "部分处理未能完成，转人工处理。";
    // Photo and kind.
    PhotoUnreadable "photo_unreadable" "The photo could not be opened or read." "照片无法打开或读取。";
    UnreadableQuality "unreadable_quality"
        "The photo is not good enough to be relied on: {what} is {value}, at least {least} is needed."
        "照片质量不足以采信：{what}为{value}，至少需要{least}。";
    RetakeAdvised "retake_advised" "{advice} The photo should be taken again." "{advice}建议重新拍照。";
    UnknownDocument "unknown_document" "The kind of document was not recognised." "未能识别单据类型。";
    KindUncertain "kind_uncertain"
        "It is not certain enough that this is {kind} ({confidence}; {least} is needed)."
        "单据类型“{kind}”把握不足（{confidence}，至少需要{least}）。";
    KindNotApprovable "kind_not_approvable" "A person always looks at documents of this kind: {kind}." "此类单据须人工处理：{kind}。";
    // Fields.
    RequiredFieldMissing "required_field_missing" "The {field} was not found." "未找到{field}。";
    FieldNotUnderstood "field_not_understood" "The {field} was seen but could not be read for certain." "看到了{field}，但无法确定其内容。";
    LowConfidence "low_confidence"
        "The {field} is not read surely enough ({confidence}; {least} is needed)."
        "{field}的识别把握不足（{confidence}，至少需要{least}）。";
    ReadersDisagree "readers_disagree" "Two readers read differently: {field}." "两个识别引擎读数不一致：{field}。";
    ReadByOneReader "read_by_one_reader"
        "Only one of two readers could read the {field}, and nothing else on the paper bears it out."
        "{field}仅有一个识别引擎读出，单据上也无其他内容可佐证。";
    TotalNotPositive "total_not_positive" "The total is {total}, not an amount to be paid." "合计金额为{total}，不是应付金额。";
    AmountAboveLimit "amount_above_limit"
        "The amount of {total} is above the limit of {limit} for automatic approval."
        "金额{total}超过自动通过限额{limit}。";
    TotalNotCorroborated "total_not_corroborated"
        "Too little on the paper confirms the total: {count} of {least} needed."
        "票面上能印证合计金额的信息不足：{count}项，至少需要{least}项。";
    // Checks in general.
    CheckUnclear "check_unclear" "Could not tell whether {check}." "无法判定：{check}。";
    CheckNotPassed "check_not_passed" "Must hold, but was not shown to: {check}." "必须满足但未能确认：{check}。";
    // One for each check that fails.
    TotalInWordsDiffers "total_in_words_differs"
        "The amount in words is {words}, the amount in figures {total}."
        "大写金额为{words}，小写金额为{total}，两者不符。";
    ItemsDoNotAddUp "items_do_not_add_up"
        "The {items} rows add up to {sum}, the total is {total}."
        "{items}行明细合计为{sum}，票面合计为{total}。";
    PaymentsDoNotAddUp "payments_do_not_add_up"
        "The payments by fund, others, account and cash add up to {sum}, the total is {total}."
        "统筹、其他、账户与现金支付合计为{sum}，票面合计为{total}。";
    DepositsDoNotAddUp "deposits_do_not_add_up"
        "Deposit and top-up less refund come to {paid}, the cash payment is {cash_payment}."
        "预缴加补缴减退费为{paid}，个人现金支付为{cash_payment}。";
    OwnShareDiffers "own_share_differs"
        "What the patient bears comes to {own_share}, account and cash paid {own_payments}."
        "个人自付与个人自费合计为{own_share}，个人账户与现金支付合计为{own_payments}。";
    TaxDoesNotAddUp "tax_does_not_add_up"
        "The amount without tax ({amount_without_tax}) and the tax ({tax}) do not make the total ({total})."
        "不含税金额{amount_without_tax}与税额{tax}之和不等于价税合计{total}。";
    SubtotalDoesNotAddUp "subtotal_does_not_add_up"
        "Subtotal ({subtotal}), tax and rounding do not make the total ({total})."
        "小计{subtotal}、税额与舍入之和不等于合计{total}。";
    CashAndChangeDiffer "cash_and_change_differ"
        "Cash ({cash}) less change ({change}) is not the total ({total})."
        "现金{cash}减找零{change}不等于合计{total}。";
    BillCodeMalformed "bill_code_malformed" "The bill code is not well formed." "票据代码格式有误。";
    BillNumberMalformed "bill_number_malformed" "The bill number is not well formed." "票据号码格式有误。";
    CheckCodeMalformed "check_code_malformed" "The check code is not well formed." "校验码格式有误。";
    InvoiceNumberMalformed "invoice_number_malformed" "Invoice code and number are not well formed." "发票代码或号码格式有误。";
    CreditCodeWrong "credit_code_wrong"
        "A unified social credit code has a wrong check character."
        "统一社会信用代码校验位不符。";
    PayerIdentityWrong "payer_identity_wrong"
        "The payer's identity number does not fit (check character, sex or the insured's number)."
        "交款人证件号码不符（校验位、性别或被保险人证件号码）。";
    DatesOutOfOrder "dates_out_of_order" "The dates are not in a possible order." "日期先后顺序不合理。";
    DateInFuture "date_in_future" "The date {date} lies after today, {today}." "日期{date}晚于今天{today}。";
    BillTooOld "bill_too_old"
        "Issued on {date}, more than two years before today, {today}."
        "开票日期{date}距今天{today}已超过两年。";
    OutsidePolicyPeriod "outside_policy_period"
        "The date {date} lies outside the period of cover."
        "日期{date}不在保险期间内。";
    QrDiffersFromPrint "qr_differs_from_print" "The QR code says otherwise than the print." "二维码内容与票面不符。";
    QrChecksumWrong "qr_checksum_wrong" "The checksum of the QR code is wrong." "二维码校验值不符。";
    SeenBeforeSameBytes "seen_before_same_bytes" "This very file was submitted before." "同一照片文件曾经提交过。";
    SeenBeforeSameNumber "seen_before_same_number"
        "A bill of the same number was submitted in another claim."
        "相同号码的票据曾在其他案件中提交过。";
    SeenBeforeSamePicture "seen_before_same_picture"
        "A picture that looks the same was submitted in another claim."
        "高度相似的照片曾在其他案件中提交过。";
    SeenBeforeSamePaper "seen_before_same_paper"
        "The same paper was submitted in another claim: its print agrees in place and in figures."
        "同一张单据曾在其他案件中提交过：版面位置与数字均一致。";
    MayHaveBeenSeenBefore "may_have_been_seen_before"
        "This document may have been submitted before, here or in another claim."
        "该单据可能在本案件或其他案件中提交过。";
    NameDiffers "name_differs" "The name on the paper is not the insured's." "单据上的姓名与被保险人不符。";
    ClaimedAmountAboveDocuments "claimed_amount_above_documents"
        "The amount claimed is {claimed}, the documents come to {documents}."
        "申请金额为{claimed}，单据合计仅为{documents}。";
    DocumentsDisagree "documents_disagree" "The documents of the claim do not agree with each other." "案件中的单据互相矛盾。";
    MarkedVoid "marked_void" "The paper is marked as void or as taking back another bill." "单据带有作废或冲红标记。";
    TotalContradicted "total_contradicted" "Something else on the paper contradicts the total." "票面其他信息与合计金额矛盾。";
    TextLayerDiffers "text_layer_differs"
        "The text inside the PDF gives a total of {text_layer}, the page shows {total}."
        "PDF内嵌文字的合计金额为{text_layer}，页面显示为{total}。";
    OtherGrid "other_jpeg_grid"
        "Characters lie on another JPEG grid than the page around them ({field}): they were put there after the photo was taken."
        "部分字符（{field}）的JPEG网格与周围页面不一致：疑为拍照后添加。";
    OtherSaves "other_saves"
        "Characters lack the traces of the earlier save that the page shows ({field})."
        "部分字符（{field}）缺少页面先前保存的痕迹。";
    CharactersCopied "characters_copied"
        "Characters are copies of others on the page, down to the noise ({field})."
        "部分字符（{field}）连同噪点与页面其他字符完全相同，疑为复制。";
    CharactersOdd "characters_odd"
        "Characters differ from their own line in ink, edges or place ({field})."
        "部分字符（{field}）的墨色、边缘或位置与同行不一致。";
    CharactersPutIn "characters_put_in"
        "Characters bear traces that a model has learned from forged bills ({field})."
        "部分字符（{field}）带有模型从伪造票据中学到的痕迹。";
    PictureOfPicture "picture_of_a_picture"
        "This looks like a picture of a screen or of a printed picture, not of the paper."
        "疑为翻拍屏幕或打印件，而非原始单据。";
    FileEdited "file_edited" "The file itself says that it was edited or generated." "文件信息显示图片经过编辑或由程序生成。";
    IssuerMismatched "issuer_mismatched"
        "The social credit code on the paper is registered to another issuer than the one it names."
        "票面统一社会信用代码登记在其他单位名下。";
    DocumentForged "document_forged" "The issuer verifier says that this paper was not issued so." "开票核验结果显示该单据并非如此开具。";
    IssuerUnknown "issuer_unknown"
        "The issuer is not known to the registry."
        "开票单位未在登记名录中。";
    IssuerUnclear "issuer_unclear"
        "It could not be told for certain which registered issuer this is, or answers about it contradict each other."
        "开票单位与登记名录不能确定对应，或查询结果互相矛盾。";
    IssuerUnanswered "issuer_unanswered" "No answer was to be had on who issued the paper." "未能得到开票单位的核验结果。";
    CurrencyDiffers "currency_differs"
        "The paper is in {printed}, the claim in {claimed}."
        "票面币种为{printed}，申请币种为{claimed}。";
    PlaceDiffers "code_of_another_place"
        "The region in the bill code is not the province of the title."
        "票据代码中的地区与票据名称中的省份不符。";
    StayDaysDiffer "stay_days_differ"
        "The stay is said to be {days} days; from admission to discharge are {stayed}."
        "票面住院天数为{days}天，入院至出院为{stayed}天。";
    SealOfAnother "seal_of_another_issuer"
        "The issuer's seal names another issuer than the one printed."
        "印章上的单位与票面开票单位不符。";
    RowDoesNotMultiply "row_does_not_multiply"
        "A row does not work out: quantity {quantity} times price {price} is not the amount {amount}."
        "明细行计算不符：数量{quantity}乘以单价{price}不等于金额{amount}。";
    // What all of it together says.
    RiskAboveLimit "risk_above_limit"
        "Taken together, the chance that approving this is wrong is {risk}, above the limit of {limit}; most of it because {most}."
        "综合判断，自动通过出错的可能性为{risk}，超过上限{limit}；主要原因：{most}。";
    GuaranteeNotEarned "guarantee_not_earned"
        "No measurement bears out the policy's limit on wrong approvals, so a person decides."
        "现有测量结果不足以支持政策规定的误通过上限，转人工处理。";
    ApprovalClosed "approval_closed"
        "Automatic approval is closed, since too many approvals that people looked at were wrong; a person decides."
        "抽查发现误通过过多，自动通过已关闭，转人工处理。";
    DrawnByLot "drawn_by_lot"
        "Drawn by lot: a share of the claims that would be approved is looked at by a person."
        "随机抽查：部分可自动通过的案件由人工复核。";
    // Told with an approval.
    AllChecksPassed "all_checks_passed"
        "Every rule holds: {passed} checks passed, none failed; left open, and not needed: {open}."
        "全部规则均满足：{passed}项检查通过，无一不符；未能判定且不作依据：{open}项。";
    TotalCorroborated "total_corroborated" "The total of {total} is confirmed by: {by}." "合计金额{total}得到印证：{by}。";
    WithinAmountLimit "within_amount_limit"
        "The amount of {total} is within the limit of {limit} for automatic approval."
        "金额{total}在自动通过限额{limit}以内。";
}

/// The codes of all reasons, in the order of the table.
pub fn reason_codes() -> Vec<&'static str> {
    TABLE.iter().map(|(code, _, _)| *code).collect()
}

/// All reasons as `(code, English, Chinese)`, with `{name}` where figures go; for documentation.
pub fn reason_table() -> &'static [(&'static str, &'static str, &'static str)] {
    TABLE
}

/// A reason being written.
pub(super) struct Draft {
    code: Code,
    document: Option<usize>,
    fields: Vec<FieldName>,
    regions: Vec<Quad<Upload>>,
    /// Name, English, Chinese.
    figures: Vec<(String, String, String)>,
}

impl Draft {
    pub(super) fn new(code: Code) -> Self {
        Self { code, document: None, fields: Vec::new(), regions: Vec::new(), figures: Vec::new() }
    }

    /// Of a document, with a finding's figures, fields and places.
    pub(super) fn of_finding(code: Code, document: usize, finding: &Finding) -> Self {
        let figures = finding.detail.iter().map(|(name, value)| (name.clone(), value.clone(), value.clone())).collect();
        Self {
            code,
            document: Some(document),
            fields: finding.fields.clone(),
            regions: finding.regions.clone(),
            figures,
        }
    }

    pub(super) fn on(mut self, document: usize) -> Self {
        self.document = Some(document);
        self
    }

    /// Of the claim as a whole: no document, and no places, which would be of one document.
    pub(super) fn of_claim(mut self) -> Self {
        self.document = None;
        self.regions.clear();
        self
    }

    pub(super) fn at(mut self, field: Option<FieldName>, region: Option<Quad<Upload>>) -> Self {
        self.fields.extend(field);
        self.regions.extend(region);
        self
    }

    pub(super) fn figure(self, name: &str, value: impl ToString) -> Self {
        let value = value.to_string();
        self.words(name, (value.clone(), value))
    }

    pub(super) fn words(mut self, name: &str, (en, zh): (String, String)) -> Self {
        self.figures.push((name.to_owned(), en, zh));
        self
    }

    pub(super) fn write(self, severity: Severity) -> Reason {
        let (code, en, zh) = TABLE[self.code as usize];
        Reason {
            code: code.to_owned(),
            severity,
            message: Message {
                en: fill(en, self.figures.iter().map(|(name, en, _)| (name.as_str(), en.as_str()))),
                zh: fill(zh, self.figures.iter().map(|(name, _, zh)| (name.as_str(), zh.as_str()))),
            },
            document: self.document,
            fields: self.fields,
            regions: self.regions,
        }
    }
}

/// Puts figures in their places; `?` where there is none.
fn fill<'a>(template: &str, figures: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> String {
    let mut parts = template.split('{');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        out.push_str(figures.clone().find(|(n, _)| *n == name).map_or("?", |(_, value)| value));
        out.push_str(rest);
    }
    out
}

/// The reason a failed check gives. A repeat may give several.
pub(super) fn codes_of_failure(finding: &Finding) -> Vec<Code> {
    let one = match finding.check {
        CheckId::TotalInWords => Code::TotalInWordsDiffers,
        CheckId::ItemsSum => Code::ItemsDoNotAddUp,
        CheckId::PaymentSplit => Code::PaymentsDoNotAddUp,
        CheckId::TaxSum => Code::TaxDoesNotAddUp,
        CheckId::SubtotalSum => Code::SubtotalDoesNotAddUp,
        CheckId::CashChange => Code::CashAndChangeDiffer,
        CheckId::BillCodeFormat => Code::BillCodeMalformed,
        CheckId::BillNumberFormat => Code::BillNumberMalformed,
        CheckId::CheckCodeFormat => Code::CheckCodeMalformed,
        CheckId::InvoiceNumberFormat => Code::InvoiceNumberMalformed,
        CheckId::CreditCode => Code::CreditCodeWrong,
        CheckId::PayerIdentity => Code::PayerIdentityWrong,
        CheckId::DateOrder => Code::DatesOutOfOrder,
        CheckId::DateNotFuture => Code::DateInFuture,
        CheckId::DateNotStale => Code::BillTooOld,
        CheckId::PolicyPeriod => Code::OutsidePolicyPeriod,
        CheckId::QrMatchesPrint => Code::QrDiffersFromPrint,
        CheckId::QrChecksum => Code::QrChecksumWrong,
        CheckId::ClaimName => Code::NameDiffers,
        CheckId::ClaimAmount => Code::ClaimedAmountAboveDocuments,
        CheckId::DocumentsAgree => Code::DocumentsDisagree,
        CheckId::NotVoid => Code::MarkedVoid,
        CheckId::TotalCorroborated => Code::TotalContradicted,
        CheckId::ReadersAgree => Code::ReadersDisagree,
        CheckId::TextLayer => Code::TextLayerDiffers,
        CheckId::GlyphGrid => Code::OtherGrid,
        CheckId::DoubleJpeg => Code::OtherSaves,
        CheckId::CopiedGlyphs => Code::CharactersCopied,
        CheckId::OddInLine => Code::CharactersOdd,
        CheckId::Recapture => Code::PictureOfPicture,
        CheckId::LearnedTrace => Code::CharactersPutIn,
        CheckId::FileHistory => Code::FileEdited,
        CheckId::IssuerRegistered => match finding.detail.get("why").map(String::as_str) {
            Some("forged") => Code::DocumentForged,
            _ => Code::IssuerMismatched,
        },
        CheckId::Currency => Code::CurrencyDiffers,
        CheckId::CodeOrigin => Code::PlaceDiffers,
        CheckId::StayDays => Code::StayDaysDiffer,
        CheckId::SealIssuer => Code::SealOfAnother,
        CheckId::RowPrices => Code::RowDoesNotMultiply,
        CheckId::DepositSum => Code::DepositsDoNotAddUp,
        CheckId::OwnShare => Code::OwnShareDiffers,
        // Leaves it open at most.
        CheckId::CardPaid => Code::CheckNotPassed,
        CheckId::Repeat => {
            let told: Vec<Code> = [
                ("same_bytes", Code::SeenBeforeSameBytes),
                ("same_number", Code::SeenBeforeSameNumber),
                ("same_picture", Code::SeenBeforeSamePicture),
                ("same_paper", Code::SeenBeforeSamePaper),
            ]
            .into_iter()
            .filter(|(kind, _)| finding.detail.contains_key(*kind))
            .map(|(_, code)| code)
            .collect();
            return if told.is_empty() { vec![Code::MayHaveBeenSeenBefore] } else { told };
        }
    };
    vec![one]
}

/// What a check asks, in both languages.
pub(super) fn check_label(check: CheckId) -> (String, String) {
    let (en, zh) = match check {
        CheckId::TotalInWords => ("the amount in words is the total", "大写金额与合计一致"),
        CheckId::ItemsSum => ("the rows add up to the total", "明细之和等于合计"),
        CheckId::PaymentSplit => ("the payments add up to the total", "各项支付之和等于合计"),
        CheckId::TaxSum => ("amount and tax make the total", "金额与税额之和等于合计"),
        CheckId::SubtotalSum => ("subtotal, tax and rounding make the total", "小计、税额与舍入之和等于合计"),
        CheckId::CashChange => ("cash less change is the total", "现金减找零等于合计"),
        CheckId::BillCodeFormat => ("the bill code is well formed", "票据代码格式正确"),
        CheckId::BillNumberFormat => ("the bill number is well formed", "票据号码格式正确"),
        CheckId::CheckCodeFormat => ("the check code is well formed", "校验码格式正确"),
        CheckId::InvoiceNumberFormat => ("invoice code and number are well formed", "发票代码与号码格式正确"),
        CheckId::CreditCode => ("the social credit codes have right check characters", "统一社会信用代码校验位正确"),
        CheckId::PayerIdentity => ("the payer's identity number fits", "交款人证件号码相符"),
        CheckId::DateOrder => ("the dates are in order", "日期先后合理"),
        CheckId::DateNotFuture => ("no date lies in the future", "日期不晚于今天"),
        CheckId::DateNotStale => ("the bill is not older than two years", "开票未超过两年"),
        CheckId::PolicyPeriod => ("the date lies within the period of cover", "日期在保险期间内"),
        CheckId::QrMatchesPrint => ("the QR code says what is printed", "二维码与票面一致"),
        CheckId::QrChecksum => ("the QR code's checksum is right", "二维码校验值正确"),
        CheckId::Repeat => ("the document was not submitted before", "单据未曾提交过"),
        CheckId::ClaimName => ("the name is the insured's", "姓名与被保险人一致"),
        CheckId::ClaimAmount => ("the amount claimed is covered by the documents", "申请金额不超过单据合计"),
        CheckId::DocumentsAgree => ("the documents agree with each other", "各单据互相一致"),
        CheckId::NotVoid => ("the paper is not marked void", "单据无作废或冲红标记"),
        CheckId::TotalCorroborated => ("something else on the paper confirms the total", "票面其他信息印证合计"),
        CheckId::ReadersAgree => ("two readers read the same", "两个识别引擎读数一致"),
        CheckId::Currency => ("the paper is in the currency of the claim", "票面币种与申请一致"),
        CheckId::CodeOrigin => ("the bill code fits province and year", "票据代码与省份及年份相符"),
        CheckId::StayDays => ("the days of the stay are those between its dates", "住院天数与入出院日期一致"),
        CheckId::DepositSum => {
            ("deposit and top-up less refund are the cash payment", "预缴加补缴减退费等于个人现金支付")
        }
        CheckId::OwnShare => {
            ("what the patient bears is what account and cash paid", "个人自付加自费等于账户加现金支付")
        }
        CheckId::SealIssuer => ("the issuer's seal names the issuer that is printed", "印章单位与票面开票单位一致"),
        CheckId::RowPrices => ("quantity times price is the amount in every row", "各行数量乘以单价等于金额"),
        CheckId::CardPaid => ("the card was charged the total", "刷卡金额等于合计"),
        CheckId::GlyphGrid => ("all characters lie on the page's JPEG grid", "所有字符均在页面的JPEG网格上"),
        CheckId::DoubleJpeg => ("all characters show the page's earlier saves", "所有字符的保存痕迹与页面一致"),
        CheckId::CopiedGlyphs => ("no character is a copy of another", "没有复制的字符"),
        CheckId::OddInLine => ("all characters look like those beside them", "所有字符与同行字符一致"),
        CheckId::Recapture => ("this is a picture of the paper itself", "照片直接拍摄单据原件"),
        CheckId::LearnedTrace => ("the model finds no characters put in later", "模型未发现后加的字符"),
        CheckId::FileHistory => ("the file does not say that it was edited", "文件信息未显示经过编辑"),
        CheckId::IssuerRegistered => ("the issuer is a known one", "开票单位在登记名录中"),
        CheckId::TextLayer => ("the text inside the PDF says what the page shows", "PDF内嵌文字与页面显示一致"),
    };
    (en.to_owned(), zh.to_owned())
}

/// What makes a document odd, in both languages.
pub(super) fn feature_label(feature: Feature) -> (String, String) {
    let (en, zh) = match feature {
        Feature::GlyphGrid => ("characters lie off the JPEG grid", "部分字符偏离JPEG网格"),
        Feature::DoubleJpeg => ("characters lack the page's earlier saves", "部分字符缺少页面先前保存的痕迹"),
        Feature::CopiedGlyphs => ("characters resemble each other down to the noise", "部分字符连噪点也相似"),
        Feature::OddInLine => ("characters differ from their line", "部分字符与同行不一致"),
        Feature::Recapture => ("it may be a picture of a picture", "可能为翻拍"),
        Feature::LearnedTrace => ("characters bear traces learned from forged bills", "部分字符带有伪造票据的痕迹"),
        Feature::Unassessed => ("the file allows no look at its history", "文件无法反映图片来历"),
        Feature::Unsure => ("a value that decides is not read surely", "关键信息识别把握不足"),
        Feature::NoQr => ("no QR code confirms the print", "没有二维码印证票面"),
        Feature::Blur => ("the print is not sharp", "字迹不够清晰"),
    };
    (en.to_owned(), zh.to_owned())
}

/// What confirms a total, as listed by name in the finding of [`CheckId::TotalCorroborated`].
pub(super) fn corroboration_labels(by: &str) -> (String, String) {
    let labels: Vec<(String, String)> = by
        .split(',')
        .filter_map(|name| match name {
            "qr_amount" => Some(("the QR code holds the same amount".to_owned(), "二维码金额相同".to_owned())),
            _ => CheckId::ALL.iter().find(|check| check.as_str() == name).map(|check| check_label(*check)),
        })
        .collect();
    let (en, zh): (Vec<String>, Vec<String>) = labels.into_iter().unzip();
    (en.join("; "), zh.join("；"))
}

/// A kind's name in both languages.
pub(super) fn kind_label(kind: DocumentKind) -> (String, String) {
    let zh = match kind {
        DocumentKind::MedicalOutpatientBill => "医疗门诊收费票据",
        DocumentKind::MedicalInpatientBill => "医疗住院收费票据",
        DocumentKind::VatInvoice => "增值税发票",
        DocumentKind::TillReceipt => "购物小票",
        DocumentKind::ExpenseList => "费用清单",
        DocumentKind::DischargeRecord => "出院记录",
        DocumentKind::Unknown => "未知单据",
    };
    (kind.as_str().replace('_', " "), zh.to_owned())
}

/// A field's name in both languages.
pub(super) fn field_label(field: FieldName) -> (String, String) {
    use FieldName::*;
    let zh = match field {
        IssuerName => "收款单位",
        IssueDate => "开票日期",
        Total => "合计金额",
        BillTitle => "票据名称",
        BillCode => "票据代码",
        BillNumber => "票据号码",
        CheckCode => "校验码",
        PayerName => "交款人",
        PayerId => "交款人统一社会信用代码",
        TotalInWords => "大写金额",
        IssuerId => "收款单位统一社会信用代码",
        BusinessSerial => "业务流水号",
        InstitutionType => "医疗机构类型",
        InsuranceType => "医保类型",
        InsuranceNumber => "医保编号",
        Sex => "性别",
        VisitDate => "就诊日期",
        FundPayment => "医保统筹基金支付",
        OtherPayment => "其他支付",
        AccountPayment => "个人账户支付",
        CashPayment => "个人现金支付",
        SelfPaid => "个人自付",
        SelfFunded => "个人自费",
        Reviewer => "复核人",
        Cashier => "收款人",
        OutpatientNumber => "门诊号",
        CaseNumber => "病历号",
        AdmissionNumber => "住院号",
        Department => "住院科别",
        AdmissionDate => "入院日期",
        DischargeDate => "出院日期",
        Deposit => "预缴金额",
        TopUp => "补缴金额",
        Refund => "退费金额",
        InvoiceCode => "发票代码",
        InvoiceNumber => "发票号码",
        SellerName => "销售方名称",
        SellerTaxId => "销售方纳税人识别号",
        BuyerName => "购买方名称",
        BuyerTaxId => "购买方纳税人识别号",
        AmountWithoutTax => "不含税金额",
        Tax => "税额",
        IssuerAddress => "商户地址",
        Subtotal => "小计",
        Rounding => "舍入",
        Cash => "现金",
        Change => "找零",
        PatientName => "患者姓名",
        Age => "年龄",
        StayDays => "住院天数",
        Diagnosis => "诊断",
    };
    (field.as_str().replace('_', " "), zh.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The names in braces.
    fn places(template: &str) -> BTreeSet<&str> {
        template.split('{').skip(1).map(|part| part.split_once('}').expect("closed").0).collect()
    }

    #[test]
    fn every_code_is_unique_snake_case_and_in_both_languages() {
        let codes: BTreeSet<&str> = reason_codes().into_iter().collect();
        assert_eq!(codes.len(), TABLE.len());
        for (code, en, zh) in TABLE {
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !code.contains("__"), "{code}");
            assert!(en.ends_with('.') && en.is_ascii(), "{code}: {en}");
            assert!(zh.ends_with('。') && zh.chars().any(|c| ('一'..='龥').contains(&c)), "{code}: {zh}");
            assert_eq!(places(en), places(zh), "{code}");
        }
    }

    #[test]
    fn every_check_field_and_kind_has_two_names() {
        let chinese = |s: &str| !s.is_empty() && !s.is_ascii();
        for check in CheckId::ALL {
            assert!(chinese(&check_label(*check).1) && check_label(*check).0.is_ascii());
        }
        for field in FieldName::ALL {
            assert!(chinese(&field_label(*field).1) && !field_label(*field).0.contains('_'));
        }
        assert_eq!(corroboration_labels("qr_amount,tax_sum").0.matches(';').count(), 1);
    }

    #[test]
    fn figures_are_put_in_their_places() {
        let figures = [("a", "1"), ("b", "2")];
        assert_eq!(fill("{b} and {a}, {c}.", figures.into_iter()), "2 and 1, ?.");
        assert_eq!(fill("none", figures.into_iter()), "none");
    }
}
