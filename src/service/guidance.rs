//! What the claimant is told of a claim: where it stands, what to do now, what comes next and by when. Coded, in both
//! languages, and never an outcome that is not ruled. It follows from the claim as it stands and is kept nowhere.

use super::ClaimState;
use super::review::{ClaimReview, ReviewState};
use crate::domain::Message;
use crate::domain::review::CaseVerdict;
use serde::Serialize;
use serde_json::Value;

/// One thing that the claimant is told.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Guidance {
    /// `being_read`, `accepted`, `person_looks`, `nudge_noted`, `paper_missing`, `take_again`, `photos_wanted`, `ruled`,
    /// `withdrawn` or `may_appeal`; more may be added.
    #[schema(example = "person_looks")]
    pub code: &'static str,
    /// In both languages.
    #[schema(value_type = Object)]
    pub message: Message,
    /// By when it comes, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<String>,
    /// Which document it speaks of, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub document: Option<usize>,
    /// Where on it, in pixels of the photo as uploaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Object>)]
    pub region: Option<Value>,
}

impl Guidance {
    fn new(code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        let message = Message { en: en.into(), zh: zh.into() };
        Self { code, message, by: None, document: None, region: None }
    }
}

/// What is told of a claim. `result` is the contract's; `review` is how it stands with people, if they look at it.
pub(super) fn guidance(state: ClaimState, result: Option<&Value>, review: Option<&ClaimReview>) -> Vec<Guidance> {
    let approved = result.is_some_and(|result| result["decision"] == "auto_approve");
    let mut told = Vec::new();
    match (state, review) {
        (ClaimState::Erased, _) => {}
        (_, Some(ClaimReview { state: ReviewState::Withdrawn, .. })) => told.push(Guidance::new(
            "withdrawn",
            "You have withdrawn this claim. Nothing more happens with it; to claim again, send it as a new one.",
            "您已撤回此申请，不再处理。如需再次申请，请重新提交。",
        )),
        (ClaimState::Processing, _) => told.push(Guidance::new(
            "being_read",
            "Your photos have arrived and are being read. This usually takes a few seconds.",
            "照片已收到，正在识别，通常只需几秒钟。",
        )),
        (_, Some(ClaimReview { state: ReviewState::WaitingForPerson, due_at, late, nudged_at, .. })) => {
            // A further paper or a better photo may spare the wait, whatever the person finds.
            let mut wanted = papers_missing(result);
            wanted.extend(take_again(result));
            told.push(if *late { looks_late() } else { looks(due_at, wanted.is_empty()) });
            told.extend(nudged_at.is_some().then(nudge_noted));
            told.extend(wanted);
        }
        (_, Some(ClaimReview { state: ReviewState::WaitingForYou, reason, .. })) => {
            let (en, zh) = wanted(reason.as_deref());
            told.push(Guidance::new("photos_wanted", en, zh));
            told.extend(papers_missing(result));
            told.extend(take_again(result));
        }
        (_, Some(ClaimReview { state: ReviewState::Decided, verdict: Some(verdict), .. })) => {
            let (en, zh) = match verdict {
                CaseVerdict::Approve => (
                    "A person has looked at your claim and accepted your papers. Your insurer tells you what is paid.",
                    "工作人员已审核并认可您的单据。赔付金额由保险公司另行告知。",
                ),
                _ => (
                    "A person has looked at your claim and not accepted it. Your insurer tells you why.",
                    "工作人员已审核您的申请，未予通过。具体原因由保险公司告知。",
                ),
            };
            told.push(Guidance::new("ruled", en, zh));
            told.push(may_appeal());
        }
        _ if approved => {
            told.push(Guidance::new(
                "accepted",
                "Your papers were checked and accepted. Your insurer tells you what is paid.",
                "您的单据已通过核验。赔付金额由保险公司另行告知。",
            ));
            told.push(may_appeal());
        }
        _ => told.push(Guidance::new("person_looks", "A person looks at your claim.", "您的申请将由工作人员审核。")),
    }
    told
}

/// `is_all` if nothing is wanted of the claimant.
fn looks(due_at: &str, is_all: bool) -> Guidance {
    let (en, zh) = match is_all {
        true => (
            "A person looks at your claim. You need not do anything; you will be told by the date given.",
            "您的申请正由工作人员审核。您无需操作，我们将在所示日期前告知您。",
        ),
        false => (
            "A person looks at your claim. You will be told by the date given.",
            "您的申请正由工作人员审核，我们将在所示日期前告知您。",
        ),
    };
    Guidance { by: Some(due_at.to_owned()), ..Guidance::new("person_looks", en, zh) }
}

/// Without a date: the one that was given has passed.
fn looks_late() -> Guidance {
    Guidance::new(
        "person_looks",
        "A person looks at your claim. It takes longer than you were told, for which we are sorry; it now comes before \
         others.",
        "您的申请正由工作人员审核，已超出此前告知的时间，非常抱歉。现已优先处理。",
    )
}

fn nudge_noted() -> Guidance {
    Guidance::new(
        "nudge_noted",
        "You asked when it goes on. Whoever looks at your claim sees that, and it comes before others that are in time.",
        "您的催办已记录，审核人员可以看到，您的申请将优先于其他未超期的申请处理。",
    )
}

fn may_appeal() -> Guidance {
    Guidance::new(
        "may_appeal",
        "If you think this is wrong, you can ask that a person looks at it again.",
        "如您认为有误，可以申请由工作人员再次审核。",
    )
}

/// What a person asks for, by the code of the reason.
fn wanted(reason: Option<&str>) -> (&'static str, &'static str) {
    match reason {
        Some("blurred") => ("Please send a sharper photo of the paper.", "请重新拍摄更清晰的单据照片。"),
        Some("cut_off") => ("Please send a photo with the whole paper in it.", "请重新拍摄，使单据完整入镜。"),
        Some("glare") => ("Please send a photo without the reflection.", "请避开反光后重新拍摄。"),
        Some("page_missing") => ("A page is missing. Please send a photo of it.", "缺少页面，请补拍后上传。"),
        Some("wrong_document") => (
            "This is not the paper that is needed. Please send the bill itself.",
            "所传并非所需单据，请上传票据原件的照片。",
        ),
        _ => ("Please send further photos of your papers.", "请补充上传单据照片。"),
    }
}

/// Which papers such a claim needs besides those that were found, one by one.
fn papers_missing(result: Option<&Value>) -> Vec<Guidance> {
    let needs = result.and_then(|result| result["completeness"]["needs"].as_array());
    let missing = needs.into_iter().flatten().filter(|need| need["met"] == false);
    let tell = |need: &Value| {
        let named = |language: &str| need["message"][language].as_str().unwrap_or_default();
        // What the claim says cannot be added to; papers can.
        let (en, zh) = match need["any_of"][0] == "insured_identity" {
            true => ("The person who looks at it may ask for it.", "审核人员可能会向您询问。"),
            false => ("If you have it, send it.", "如有，请补充上传。"),
        };
        Guidance::new(
            "paper_missing",
            format!("Your claim needs this as well: {}. {en}", named("en")),
            format!("您的申请还需要：{}。{zh}", named("zh")),
        )
    };
    missing.map(tell).collect()
}

/// What to take again, document by document, as the reading advises.
fn take_again(result: Option<&Value>) -> Vec<Guidance> {
    let documents = result.and_then(|result| result["documents"].as_array());
    let mut told = Vec::new();
    for (n, document) in documents.into_iter().flatten().enumerate() {
        for advice in document["retake"].as_array().into_iter().flatten() {
            let sentence = |language: &str| advice["message"][language].as_str().unwrap_or_default();
            let mut again = Guidance::new("take_again", sentence("en"), sentence("zh"));
            again.document = Some(n);
            again.region = Some(advice["region"].clone()).filter(|region| !region.is_null());
            told.push(again);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn review(state: ReviewState, verdict: Option<CaseVerdict>, reason: Option<&str>) -> ClaimReview {
        let (reason, due_at) = (reason.map(str::to_owned), "2026-12-22T00:00:00Z".to_owned());
        ClaimReview { state, verdict, reason, due_at, late: false, nudged_at: None, corrections: Vec::new() }
    }

    fn codes(told: &[Guidance]) -> Vec<&str> {
        told.iter().map(|one| one.code).collect()
    }

    #[test]
    fn the_claimant_is_told_where_the_claim_stands_and_what_to_do() {
        assert_eq!(codes(&guidance(ClaimState::Processing, None, None)), ["being_read"]);
        let approved = json!({ "decision": "auto_approve", "documents": [] });
        assert_eq!(codes(&guidance(ClaimState::Decided, Some(&approved), None)), ["accepted", "may_appeal"]);
        let advice = json!({ "code": "blurred", "message": { "en": "Blurred.", "zh": "模糊。" }, "region": null });
        let held = json!({ "decision": "human_review", "documents": [{ "retake": [] }, { "retake": [advice] }] });
        let person = review(ReviewState::WaitingForPerson, None, None);
        let told = guidance(ClaimState::Decided, Some(&held), Some(&person));
        assert_eq!(codes(&told), ["person_looks", "take_again"]);
        assert_eq!((told[0].by.as_deref(), told[1].document), (Some("2026-12-22T00:00:00Z"), Some(1)));
        assert_eq!((told[1].message.zh.as_str(), &told[1].region), ("模糊。", &None));
        let you = review(ReviewState::WaitingForYou, None, Some("cut_off"));
        let told = guidance(ClaimState::Decided, Some(&held), Some(&you));
        assert_eq!(codes(&told), ["photos_wanted", "take_again"]);
        assert!(told[0].message.en.contains("whole paper"));
        let failed = review(ReviewState::WaitingForPerson, None, None);
        assert_eq!(codes(&guidance(ClaimState::Failed, None, Some(&failed))), ["person_looks"]);
    }

    #[test]
    fn a_broken_promise_is_admitted_and_a_question_is_answered() {
        let held = json!({ "decision": "human_review", "documents": [] });
        let nudged_at = Some("2026-12-23T00:00:00Z".to_owned());
        let late = ClaimReview { late: true, nudged_at, ..review(ReviewState::WaitingForPerson, None, None) };
        let told = guidance(ClaimState::Decided, Some(&held), Some(&late));
        assert_eq!(codes(&told), ["person_looks", "nudge_noted"]);
        assert!(told[0].by.is_none() && told[0].message.en.contains("longer"), "no date that has passed: {told:?}");
    }

    #[test]
    fn every_missing_paper_is_told() {
        let need = |en: &str, met: bool| json!({ "any_of": [], "message": { "en": en, "zh": en }, "met": met });
        let needs = json!([need("inpatient bill", true), need("expense list", false), need("discharge record", false)]);
        let held = json!({ "decision": "human_review", "documents": [], "completeness": { "needs": needs } });
        for (state, first) in
            [(ReviewState::WaitingForPerson, "person_looks"), (ReviewState::WaitingForYou, "photos_wanted")]
        {
            let told = guidance(ClaimState::Decided, Some(&held), Some(&review(state, None, None)));
            assert_eq!(codes(&told), [first, "paper_missing", "paper_missing"]);
            assert!(told[1].message.en.contains("expense list") && told[2].message.zh.contains("discharge record"));
        }
    }

    #[test]
    fn no_outcome_is_told_that_is_not_ruled() {
        let held = json!({ "decision": "human_review", "documents": [] });
        for state in [ReviewState::WaitingForPerson, ReviewState::WaitingForYou] {
            for told in guidance(ClaimState::Decided, Some(&held), Some(&review(state, None, None))) {
                assert!(!told.message.en.contains("accepted") && !told.message.zh.contains("通过"), "{told:?}");
            }
        }
        let rejected = review(ReviewState::Decided, Some(CaseVerdict::Reject), Some("altered"));
        let told = guidance(ClaimState::Decided, Some(&held), Some(&rejected));
        assert_eq!(codes(&told), ["ruled", "may_appeal"]);
        assert!(told[0].message.en.contains("not accepted"), "the reason is the insurer's to tell");
    }
}
