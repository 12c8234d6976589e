//! Whether the issuer of a paper is one that is known: what was asked, and what came back.

use super::{ContentHash, DocumentKind, FieldName, Reading};
use serde::{Deserialize, Serialize};

/// What one source says of the issuer of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerFact {
    /// Which document, from 0.
    pub document: usize,
    /// Who was asked.
    pub source: IssuerSource,
    /// What the source says of the issuer.
    pub outcome: IssuerOutcome,
    /// What a verifier says of the paper itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paper: Option<PaperAnswer>,
    /// Whether the answer contradicts the registry, or what the same source said before.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub conflict: bool,
    /// SHA-256 of the registry's file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub registry: Option<ContentHash>,
    /// Level of the institution by the registry, such as 三级甲等.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<String>,
    /// Whether it is public or private by the registry, in its words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nature: Option<String>,
    /// Its province by the registry.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub province: Option<String>,
}

impl IssuerFact {
    /// What a source says of the issuer, and nothing else.
    pub fn new(document: usize, source: IssuerSource, outcome: IssuerOutcome) -> Self {
        Self {
            document,
            source,
            outcome,
            paper: None,
            conflict: false,
            registry: None,
            level: None,
            nature: None,
            province: None,
        }
    }
}

/// Who was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerSource {
    /// The operator's list.
    Registry,
    /// A service asked over HTTP.
    Verifier,
}

/// What a source says of an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerOutcome {
    /// It is known.
    Matched,
    /// Something about it is known and something differs that may be misread.
    Unclear,
    /// The credit code on the paper is registered to another name.
    Mismatched,
    /// It is not known.
    Unknown,
    /// There was no answer, or nothing was read to ask by.
    Unanswered,
}

/// What a verifier says of a paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaperAnswer {
    /// It was issued so.
    Genuine,
    /// It was not.
    Forged,
    /// It cannot tell.
    Unknown,
}

/// What is asked of one document, as read off it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
pub struct IssuerQuestion {
    /// Name of the issuer.
    pub issuer_name: Option<String>,
    /// Its unified social credit code.
    pub credit_code: Option<String>,
    /// Code of the bill or invoice.
    pub document_code: Option<String>,
    /// Its number.
    pub document_number: Option<String>,
}

/// The fields that name the issuer of a document of this kind, and the paper: name, credit code, code and number. `None` for
/// papers that ask for no money.
pub fn issuer_fields(kind: DocumentKind) -> Option<[FieldName; 4]> {
    use FieldName::*;
    match kind {
        DocumentKind::VatInvoice => Some([SellerName, SellerTaxId, InvoiceCode, InvoiceNumber]),
        kind if kind.is_medical_bill() || kind == DocumentKind::TillReceipt => {
            Some([IssuerName, IssuerId, BillCode, BillNumber])
        }
        _ => None,
    }
}

impl IssuerQuestion {
    /// What to ask of a document; `None` for papers that ask for no money.
    pub fn of(reading: &Reading) -> Option<Self> {
        let [issuer_name, credit_code, document_code, document_number] =
            issuer_fields(reading.kind)?.map(|name| reading.value(name).map(str::to_owned));
        Some(Self { issuer_name, credit_code, document_code, document_number })
    }
}
