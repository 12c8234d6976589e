//! Everything a decision may use, and nothing else: readings, facts looked up, the claim.

use super::document::{DocumentKind, Field, FieldName, Item};
use super::gate::Gate;
use super::id::ContentHash;
use super::issuer::IssuerFact;
use super::money::currency_codes;
use super::pixels::PixelEvidence;
use super::print::PrintMatch;
use super::shape::{FixedHomography, Quad, Upload};
use super::text::Bp;
use super::verdict::Message;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

/// What an insured person submits besides photos. Unknown members are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The sender's own name for the claim.
    #[schema(max_length = 200, pattern = r"^ *[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    pub id: String,
    /// What it is for, such as `inpatient`; the decision policy says which papers a claim of each type must hold.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    #[schema(pattern = "^[a-z0-9_]{1,40}$", example = "inpatient")]
    pub claim_type: Option<String>,
    /// Who is insured.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "optional_object")]
    pub insured: Option<Insured>,
    /// Under which policy.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "optional_object")]
    pub policy: Option<PolicyTerm>,
    /// The amount asked for, a decimal string such as `"993.54"`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(max_length = 16, pattern = r"^([0-9]*[1-9][0-9]*\.[0-9]{2}|0+\.(0[1-9]|[1-9][0-9]))$")]
    pub amount: Option<String>,
    /// The currency it is asked for in, by its ISO 4217 code; without it, that of the paper.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(schema_with = currency_schema)]
    pub currency: Option<String>,
}

/// The codes that there are, and none.
fn currency_schema() -> Object {
    let codes = currency_codes().map(Value::from).chain([Value::Null]);
    let either = SchemaType::from_iter([Type::String, Type::Null]);
    let words = "The currency it is asked for in, by its ISO 4217 code; without it, that of the paper.";
    ObjectBuilder::new().schema_type(either).enum_values(Some(codes)).description(Some(words)).build()
}

impl Claim {
    /// Reads a claim from JSON.
    ///
    /// # Errors
    /// If it is not JSON, or (then of the category `Data`) not an object with the members of a claim.
    pub fn from_json(bytes: &[u8]) -> serde_json::Result<Self> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let claim = object(&mut json)?;
        json.end()?;
        Ok(claim)
    }
}

/// Reads a structure from an object only: derived code also takes an array of the members in their order.
fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(members))
        }
    }
    from.deserialize_map(Object(PhantomData))
}

fn optional_object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent, bound = "T: Deserialize<'de>")]
    struct Only<T>(#[serde(deserialize_with = "object")] T);
    Ok(Option::<Only<T>>::deserialize(from)?.map(|only| only.0))
}

/// The insured person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Insured {
    /// Name as on the policy.
    #[schema(max_length = 200, pattern = r"^ *[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    pub name: String,
    /// Identity number, if known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(max_length = 200, pattern = r"^ *[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    pub id_number: Option<String>,
}

/// The insurance policy the claim is made under (not the decision policy).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyTerm {
    /// Policy number.
    #[schema(max_length = 200, pattern = r"^ *[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    pub number: String,
    /// First day of cover, ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(format = Date)]
    pub from: Option<String>,
    /// Last day of cover, ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(format = Date)]
    pub to: Option<String>,
}

/// Measures of the picture. All integers; `None` where there was nothing to measure on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Quality {
    /// Edge sharpness of the text strokes in basis points: 10000 is a scan, under about 2500 is blurred.
    pub sharpness: Option<Bp>,
    /// Median height of a text line on the page, 1/16 pixel.
    pub text_height: Option<u32>,
    /// Share of the sheet that is blown out.
    pub glare: Bp,
    /// Share of the photo that the sheet covers.
    pub coverage: Bp,
    /// Mean luma of the sheet, 0..=255.
    pub brightness: u8,
    /// Megapixels of the upload, in 1/100.
    pub megapixels: u32,
}

/// What the claimant should do now, while still holding the paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetakeAdvice {
    /// Stable code such as `blurred`.
    pub code: String,
    /// What is wrong and what to do.
    pub message: Message,
    /// Where, if it is a place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub region: Option<Quad<Upload>>,
}

/// A decoded QR code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QrCode {
    /// The payload.
    pub text: String,
    /// Where it stands in the photo.
    pub polygon: Quad<Upload>,
}

/// Everything read from one photo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Name of the photo as given by the caller.
    pub source: String,
    /// SHA-256 of the bytes as uploaded.
    pub sha256: ContentHash,
    /// Which page of a PDF it is, from 1; the pages of one PDF share its bytes. `None` for a picture.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pdf_page: Option<u32>,
    /// Why it could not be decoded; all else is then empty. English, names limits, never file content.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unreadable: Option<String>,
    /// Width and height of the upload after EXIF orientation, pixels.
    pub size: [u32; 2],
    /// Width and height of the page, pixels.
    pub page_size: [u32; 2],
    /// Maps upload pixels to page pixels.
    pub upload_to_page: FixedHomography,
    /// The sheet's corners in the photo, clockwise from the text's own top left; `None` if the whole photo was kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sheet: Option<Quad<Upload>>,
    /// Perceptual hash of the page, 16 hex digits; `None` if undecodable or almost blank.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub picture_hash: Option<String>,
    /// Measures of the picture.
    pub quality: Quality,
    /// What to do better.
    pub retake: Vec<RetakeAdvice>,
    /// What the page is.
    pub kind: DocumentKind,
    /// How clear the kind is.
    pub kind_confidence: Bp,
    /// The fields found.
    pub fields: BTreeMap<FieldName, Field>,
    /// The rows found.
    pub items: Vec<Item>,
    /// All text, in reading order.
    pub lines: Vec<ReadLine>,
    /// Lines that are no part of the page's text: as read before the red ink of a seal was taken away, where another
    /// reading took their place, and in the ink of stamps alone.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub overprint: Vec<ReadLine>,
    /// What stands along the rims of the red seals; the text is empty where nothing legible does. `None` in readings from
    /// before this was looked at, which hold no prices of rows either, and for what could not be decoded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seals: Option<Vec<ReadLine>>,
    /// What the page of a PDF writes by text operators, seen or unseen, in the order of the file and as the file spells
    /// it: at most 20,000 characters, where one that cannot be told is U+FFFD. To compare with what was read off the
    /// picture, and never read instead of it. `None` if it writes nothing so, as in a scan, and for a picture.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text_layer: Option<String>,
    /// QR codes decoded.
    pub qr: Vec<QrCode>,
    /// What the pixels tell of how the file came about; `None` in readings from before this was looked at, and for what
    /// could not be decoded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pixels: Option<PixelEvidence>,
}

/// A line of text as kept in evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadLine {
    /// The text.
    pub text: String,
    /// Mean confidence of its characters.
    pub confidence: Bp,
    /// Where it stands in the photo.
    pub polygon: Quad<Upload>,
}

impl Reading {
    /// A field's parsed value.
    pub fn value(&self, name: FieldName) -> Option<&str> {
        self.fields.get(&name).and_then(|f| f.value.as_deref())
    }

    /// Whether a check answers on this reading. All do, but that readings from before a check's evidence was collected are
    /// judged as they were then.
    pub fn is_asked(&self, check: CheckId) -> bool {
        !matches!(check, CheckId::SealIssuer | CheckId::RowPrices) || self.seals.is_some()
    }

    /// The reading of a photo that could not be decoded.
    pub fn unreadable(source: &str, sha256: ContentHash, why: String) -> Self {
        Self {
            source: source.to_owned(),
            sha256,
            pdf_page: None,
            unreadable: Some(why),
            size: [0, 0],
            page_size: [0, 0],
            upload_to_page: FixedHomography([1_000_000_000, 0, 0, 0, 1_000_000_000, 0, 0, 0, 1_000_000_000]),
            sheet: None,
            picture_hash: None,
            quality: Quality::default(),
            retake: Vec::new(),
            kind: DocumentKind::Unknown,
            kind_confidence: Bp(0),
            fields: BTreeMap::new(),
            items: Vec::new(),
            lines: Vec::new(),
            overprint: Vec::new(),
            seals: None,
            text_layer: None,
            qr: Vec::new(),
            pixels: None,
        }
    }
}

/// How a photo was seen before, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepeatKind {
    /// The very same bytes.
    SameBytes,
    /// The same bill or invoice number (with its code, where it has one).
    SameNumber,
    /// The same check code or serial number, or the same person or shop, day and total: see [`super::likeness`].
    SameContent,
    /// A picture that looks the same.
    SamePicture,
}

/// A photo of an earlier claim that is like one of this claim's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// Which of this claim's documents, from 0.
    pub document: usize,
    /// How alike.
    pub kind: RepeatKind,
    /// The service's id of the claim it was in; never this claim, whose documents are compared with each other.
    pub claim: String,
    /// Which of that claim's documents, from 0.
    pub other_document: usize,
    /// SHA-256 of that photo.
    pub sha256: ContentHash,
    /// Differing bits of the perceptual hashes; 0 for the other kinds.
    pub distance: u32,
    /// How the print of the two photos compares, where looks or a mark that others may share found it; `None` if it was
    /// found by more than that, if the pages have too little in common to be compared, and in records from before this
    /// was looked at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub print: Option<PrintMatch>,
}

/// What was looked up for the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Facts {
    /// When the decision was made, RFC 3339 in UTC, whole seconds.
    pub now: String,
    /// The calendar day of `now` in China (UTC+8), ISO 8601.
    pub today: String,
    /// Whether earlier photos were searched at all; `false` in stateless runs.
    pub repeats_searched: bool,
    /// Earlier photos like these.
    pub repeats: Vec<Repeat>,
    /// A number from 0 to 9999 drawn by lot for this decision: below the policy's share, a claim that would be approved goes to
    /// a person instead, so that approvals are known to be right. `None` in stateless runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lot: Option<u16>,
    /// Whether automatic approval was open. Open in stateless runs.
    #[serde(skip_serializing_if = "Gate::is_open", default)]
    pub gate: Gate,
    /// What was said of who issued the documents; empty where nobody was to be asked.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub issuers: Vec<IssuerFact>,
    /// Why the work could not be done, if so (timeout, model failure); always ends in review.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failures: Vec<String>,
}

/// All that the decision may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was submitted besides photos; `None` in stateless runs without `--claim`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub claim: Option<Claim>,
    /// One reading a photo, in the order of upload.
    pub readings: Vec<Reading>,
    /// What was looked up.
    pub facts: Facts,
}

macro_rules! checks {
    ($($variant:ident $name:literal;)*) => {
        /// The name of a check.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs, reason = "each is documented at its function in `checks`")]
        pub enum CheckId { $($variant),* }

        impl CheckId {
            /// Every check, in the order in which findings are listed.
            pub const ALL: &'static [CheckId] = &[$(CheckId::$variant),*];

            /// The name in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

checks! {
    TotalInWords "total_in_words"; ItemsSum "items_sum"; PaymentSplit "payment_split"; TaxSum "tax_sum";
    SubtotalSum "subtotal_sum"; CashChange "cash_change"; BillCodeFormat "bill_code_format";
    BillNumberFormat "bill_number_format"; CheckCodeFormat "check_code_format";
    InvoiceNumberFormat "invoice_number_format"; CreditCode "credit_code"; PayerIdentity "payer_identity";
    DateOrder "date_order"; DateNotFuture "date_not_future"; DateNotStale "date_not_stale";
    PolicyPeriod "policy_period"; QrMatchesPrint "qr_matches_print"; QrChecksum "qr_checksum"; Repeat "repeat";
    ClaimName "claim_name"; ClaimAmount "claim_amount"; DocumentsAgree "documents_agree"; NotVoid "not_void";
    TotalCorroborated "total_corroborated"; ReadersAgree "readers_agree"; TextLayer "text_layer"; GlyphGrid "glyph_grid"; DoubleJpeg "double_jpeg";
    CopiedGlyphs "copied_glyphs"; OddInLine "odd_in_line"; Recapture "recapture"; LearnedTrace "learned_trace"; FileHistory "file_history";
    IssuerRegistered "issuer_registered";
    Currency "currency"; CodeOrigin "code_origin"; StayDays "stay_days"; DepositSum "deposit_sum"; OwnShare "own_share"; CardPaid "card_paid";
    SealIssuer "seal_issuer"; RowPrices "row_prices";
}

/// What a check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// What it needs was there but not clear enough to say.
    Inconclusive,
    /// It does not apply to this document, or nothing it needs is there.
    NotApplicable,
}

/// What a value that was read rests on besides the letters themselves, the weakest first. It follows from the reading
/// alone, and with the recogniser's own score decides the calibrated confidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// Something else on the paper says otherwise, and nothing says the same.
    Contradicted,
    /// The second reader read otherwise, or the paper says both the same and otherwise.
    Disputed,
    /// One reader's word.
    Alone,
    /// Both readers read the same.
    Agreed,
    /// One other thing on the paper leads to the same value: a sum, the words, a check character, the QR code.
    Corroborated,
    /// Two or more such things do.
    WellCorroborated,
}

impl Support {
    /// Every kind of support, the weakest first.
    pub const ALL: [Support; 6] = [
        Support::Contradicted,
        Support::Disputed,
        Support::Alone,
        Support::Agreed,
        Support::Corroborated,
        Support::WellCorroborated,
    ];

    /// The name in JSON and in the calibration table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contradicted => "contradicted",
            Self::Disputed => "disputed",
            Self::Alone => "alone",
            Self::Agreed => "agreed",
            Self::Corroborated => "corroborated",
            Self::WellCorroborated => "well_corroborated",
        }
    }
}

/// What one check says of one document, with its figures and the places it speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which check.
    pub check: CheckId,
    /// What it says.
    pub outcome: Outcome,
    /// The figures, by name.
    pub detail: BTreeMap<String, String>,
    /// The fields it used.
    pub fields: Vec<FieldName>,
    /// The places it speaks of.
    pub regions: Vec<Quad<Upload>>,
}
