//! The shape of a result, for the OpenAPI document alone: `domain::result` writes it, and a test holds what is answered
//! against what stands here.

#![expect(dead_code, reason = "describes answers to OpenAPI; nothing is made of these types")]

use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Four corners `[x, y]`, clockwise from the text's own top left. Pixels of the photo as uploaded, after EXIF orientation.
type Polygon = Vec<Vec<f64>>;

/// What came of a claim. All of it is left out while the claim waits.
#[derive(ToSchema)]
pub struct ClaimResult {
    #[schema(required = false)]
    decision: Decision,
    /// At least one, blocking ones first.
    #[schema(required = false, min_items = 1)]
    reasons: Vec<ReasonBody>,
    /// One a photo, or a page of a PDF, in the order of the upload. Left out in lists.
    #[schema(required = false)]
    documents: Vec<DocumentBody>,
    /// How likely it is that approving is wrong; `null` where nothing was judged.
    #[schema(required = false)]
    risk: Option<RiskBody>,
    #[schema(required = false)]
    versions: VersionsBody,
    /// Milliseconds by stage, all photos together; `total` is the wall time.
    #[schema(required = false)]
    timing_ms: BTreeMap<String, f64>,
    /// Of the canonical bytes of the evidence.
    #[schema(required = false)]
    evidence_sha256: String,
    /// Which papers it must hold; left out where the claim has no `type`, or one that the policy does not know.
    #[schema(required = false)]
    completeness: CompletenessBody,
}

/// Which papers a claim must hold, and which of them it does.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct CompletenessBody {
    /// What the claim says it is for.
    #[schema(example = "inpatient")]
    r#type: String,
    needs: Vec<NeedBody>,
}

/// One thing that a claim of its type must hold.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct NeedBody {
    /// Kinds of document, of which one is enough; or `insured_identity`, which the claim tells.
    #[schema(example = json!(["discharge_record"]))]
    any_of: Vec<String>,
    /// What it is called.
    message: MessageBody,
    /// The documents that meet it, from 0.
    documents: Vec<u32>,
    /// Whether it is met.
    met: bool,
}

/// There is no third.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum Decision {
    AutoApprove,
    HumanReview,
}

/// Why.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct ReasonBody {
    /// Stable, snake case.
    #[schema(example = "total_in_words_differs")]
    code: String,
    severity: Severity,
    message: MessageBody,
    /// Which document it speaks of, from 0; left out where it speaks of the claim.
    #[schema(required = false)]
    document: u32,
    /// Names of fields.
    fields: Vec<String>,
    regions: Vec<Polygon>,
}

/// Whether a reason keeps a claim from approval.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum Severity {
    Blocking,
    Info,
}

/// A sentence in both languages.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct MessageBody {
    en: String,
    zh: String,
}

/// What was read from one photo, and what the checks say of it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct DocumentBody {
    /// The photo's name, or its place in the claim.
    source: String,
    /// Of the bytes uploaded.
    sha256: String,
    /// Counted from 1; left out where the upload is no PDF.
    #[schema(required = false)]
    pdf_page: u32,
    /// One of the document kinds.
    #[schema(example = "medical_outpatient_bill")]
    kind: String,
    /// 0 to 1.
    kind_confidence: f64,
    /// Why it could not be read; `null` if it was.
    unreadable: Option<String>,
    /// Width and height of the upload after EXIF orientation, pixels.
    size: [u32; 2],
    /// Width and height of the page, pixels.
    page_size: [u32; 2],
    /// Homography from upload to page, row by row.
    #[schema(min_items = 9, max_items = 9)]
    upload_to_page: Vec<f64>,
    quality: QualityBody,
    /// What to do before the photo is taken again.
    retake: Vec<RetakeBody>,
    /// By name. A field that was not found is left out.
    fields: BTreeMap<String, FieldBody>,
    items: Vec<ItemBody>,
    lines: Vec<LineBody>,
    qr: Vec<CodeBody>,
    findings: Vec<FindingBody>,
    authenticity: AuthenticityBody,
}

/// Measures of the picture. Shares are 0 to 1.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct QualityBody {
    sharpness: Option<f64>,
    /// Median height of a line of text in the photo, pixels.
    text_height_px: Option<f64>,
    glare: f64,
    coverage: f64,
    /// Mean luma of the sheet, 0 to 255.
    brightness: u8,
    megapixels: f64,
}

/// A piece of retake advice.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct RetakeBody {
    #[schema(example = "blurred")]
    code: String,
    message: MessageBody,
    region: Option<Polygon>,
}

/// A value read.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct FieldBody {
    /// Normal form: money with two decimals, days as ISO 8601; `null` where it was seen and not understood.
    value: Option<String>,
    /// As printed.
    text: String,
    /// Calibrated probability that `value` is right.
    confidence: f64,
    polygon: Polygon,
    /// The same place on the page.
    page_polygon: Polygon,
    /// What each reader read.
    readers: BTreeMap<String, String>,
    /// What was put right, and by what right.
    repairs: Vec<String>,
}

/// A row.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct ItemBody {
    name: String,
    #[schema(required = false)]
    quantity: String,
    #[schema(required = false)]
    unit: String,
    /// Of one.
    #[schema(required = false)]
    price: String,
    amount: Option<String>,
    confidence: f64,
    polygon: Polygon,
    #[schema(required = false)]
    repairs: Vec<String>,
}

/// A line of text.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct LineBody {
    text: String,
    confidence: f64,
    polygon: Polygon,
}

/// A QR code.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    text: String,
    polygon: Polygon,
}

/// What one check says.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct FindingBody {
    #[schema(example = "total_in_words")]
    check: String,
    outcome: CheckOutcome,
    /// The figures it compared, by name.
    detail: BTreeMap<String, String>,
    fields: Vec<String>,
    regions: Vec<Polygon>,
}

/// What a check may say.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum CheckOutcome {
    Pass,
    Fail,
    Inconclusive,
    NotApplicable,
}

/// What the pixels tell.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct AuthenticityBody {
    /// Probability that the document is neither altered nor misread where it decides; `null` where nothing was judged.
    genuine: Option<f64>,
    /// What the file went through, as far as it tells.
    #[schema(required = false, value_type = Object)]
    history: Value,
    signals: Vec<SignalBody>,
    /// Name of the picture under the photo's address; `null` where there is none.
    heatmap: Option<String>,
}

/// One pixel signal.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct SignalBody {
    #[schema(example = "learned_trace")]
    signal: String,
    applicable: bool,
    /// Why it is not.
    because: Option<String>,
    /// `null` where it does not apply.
    alarm: Option<bool>,
    score: Option<f64>,
    /// From where on it is an alarm.
    limit: f64,
    /// How many things were looked at.
    tested: u32,
    message: MessageBody,
    suspects: Vec<SuspectBody>,
}

/// A place that a signal points at.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct SuspectBody {
    score: f64,
    polygon: Polygon,
    /// The field that stands there.
    #[schema(required = false)]
    field: String,
    /// What it is a copy of.
    #[schema(required = false)]
    like: Polygon,
}

/// How likely it is that approving is wrong. Shares.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct RiskBody {
    probability_wrong_approval: f64,
    /// The largest at which a claim is approved; `null` where no bound was earned.
    limit: Option<f64>,
    /// SHA-256 of the risk model.
    calibration: String,
    /// What each feature adds to the log-odds, in nats, one object a document.
    contributions: Vec<BTreeMap<String, f64>>,
}

/// What made the decision.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct VersionsBody {
    build: String,
    /// SHA-256 by name.
    models: BTreeMap<String, String>,
    policy: String,
    calibration: String,
    runtime: String,
    /// Class of the processor that the photos were read on.
    #[schema(required = false)]
    cpu: String,
}
