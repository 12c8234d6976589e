//! Kinds of document and the fields they carry.

use super::shape::{Page, Quad, Upload};
use super::text::Bp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// 医疗门诊收费票据, electronic or paper.
    MedicalOutpatientBill,
    /// 医疗住院收费票据, electronic or paper.
    MedicalInpatientBill,
    /// 增值税发票, 数电票, pharmacy invoice.
    VatInvoice,
    /// Western till receipt.
    TillReceipt,
    /// 费用清单.
    ExpenseList,
    /// 出院记录, 出院小结, 诊断证明.
    DischargeRecord,
    /// Anything else.
    Unknown,
}

impl DocumentKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::MedicalOutpatientBill,
        Self::MedicalInpatientBill,
        Self::VatInvoice,
        Self::TillReceipt,
        Self::ExpenseList,
        Self::DischargeRecord,
        Self::Unknown,
    ];

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MedicalOutpatientBill => "medical_outpatient_bill",
            Self::MedicalInpatientBill => "medical_inpatient_bill",
            Self::VatInvoice => "vat_invoice",
            Self::TillReceipt => "till_receipt",
            Self::ExpenseList => "expense_list",
            Self::DischargeRecord => "discharge_record",
            Self::Unknown => "unknown",
        }
    }

    /// Whether this is one of the two medical bills.
    pub fn is_medical_bill(self) -> bool {
        matches!(self, Self::MedicalOutpatientBill | Self::MedicalInpatientBill)
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What type a field's value has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// A decimal string with two digits.
    Money,
    /// ISO 8601 date.
    Date,
    /// An amount in capital characters, kept as printed.
    CapitalAmount,
    /// Digits and letters, leading zeros kept.
    Identifier,
    /// Free text.
    Text,
}

/// The repair of a value that was chosen among what is on the paper because a sum holds with it. Such a value says
/// nothing in favour of that sum.
pub const SETTLED_BY_SUM: &str = "chosen among what is on the paper because a sum holds with it";

/// What makes a value doubtful however well its letters were read. Stands among its repairs.
pub mod doubt {
    use crate::domain::Bp;

    /// A date of three numbers, of which nothing tells which is the day, the month or the year.
    pub const ORDER_OF_DATE: &str = "nothing on the paper tells day, month and year apart";
    /// Dates of equal rank that differ.
    pub const OTHER_DATE: &str = "another date on the paper has as good a claim";
    /// A larger sum is called the grand total.
    pub const LARGER_TOTAL: &str = "a larger sum is called the grand total";
    /// A discount, voucher or deposit stands below the total.
    pub const TAKEN_OFF: &str = "something is taken off below the total";
    /// An identifier that is shorter or longer than those of its form, which all have one length.
    pub const LENGTH: &str = "not of the length that the form's have: a part, or more than it";
    /// The surest that a value of [`LENGTH`] can be: such a one is hardly ever right.
    pub const CEILING_OF_LENGTH: Bp = Bp(2_000);
    /// The surest that any other such value can be: about as often as they were right on public receipts, and below what any
    /// sensible policy asks of a value that decides.
    pub const CEILING: Bp = Bp(8_000);

    pub(super) const ALL: [&str; 5] = [ORDER_OF_DATE, OTHER_DATE, LARGER_TOTAL, TAKEN_OFF, LENGTH];
}

impl ValueType {
    /// Every type.
    pub const ALL: [ValueType; 5] =
        [ValueType::Money, ValueType::Date, ValueType::CapitalAmount, ValueType::Identifier, ValueType::Text];

    /// The name in the calibration table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Date => "date",
            Self::CapitalAmount => "capital_amount",
            Self::Identifier => "identifier",
            Self::Text => "text",
        }
    }

    /// Whether a decision can turn on a single character of such a value: money, dates and numbers.
    pub fn is_decisive(self) -> bool {
        self != Self::Text
    }
}

macro_rules! fields {
    ($($variant:ident $name:literal $ty:ident;)*) => {
        /// The fields of the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs, reason = "the names are the contract's own")]
        pub enum FieldName { $($variant),* }

        impl FieldName {
            /// Every field, in the order of the contract.
            pub const ALL: &'static [FieldName] = &[$(FieldName::$variant),*];

            /// The name in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The type of the value.
            pub fn value_type(self) -> ValueType {
                match self { $(Self::$variant => ValueType::$ty),* }
            }
        }
    };
}

fields! {
    IssuerName "issuer_name" Text; IssueDate "issue_date" Date; Total "total" Money;
    BillTitle "bill_title" Text; BillCode "bill_code" Identifier; BillNumber "bill_number" Identifier;
    CheckCode "check_code" Identifier; PayerName "payer_name" Text; PayerId "payer_id" Identifier;
    TotalInWords "total_in_words" CapitalAmount; IssuerId "issuer_id" Identifier;
    BusinessSerial "business_serial" Identifier; InstitutionType "institution_type" Text;
    InsuranceType "insurance_type" Text; InsuranceNumber "insurance_number" Identifier; Sex "sex" Text;
    VisitDate "visit_date" Date; FundPayment "fund_payment" Money; OtherPayment "other_payment" Money;
    AccountPayment "account_payment" Money; CashPayment "cash_payment" Money; SelfPaid "self_paid" Money;
    SelfFunded "self_funded" Money; Reviewer "reviewer" Text; Cashier "cashier" Text;
    OutpatientNumber "outpatient_number" Identifier; CaseNumber "case_number" Identifier;
    AdmissionNumber "admission_number" Identifier; Department "department" Text;
    AdmissionDate "admission_date" Date; DischargeDate "discharge_date" Date; Deposit "deposit" Money;
    TopUp "top_up" Money; Refund "refund" Money;
    InvoiceCode "invoice_code" Identifier; InvoiceNumber "invoice_number" Identifier; SellerName "seller_name" Text;
    SellerTaxId "seller_tax_id" Identifier; BuyerName "buyer_name" Text; BuyerTaxId "buyer_tax_id" Identifier;
    AmountWithoutTax "amount_without_tax" Money; Tax "tax" Money;
    IssuerAddress "issuer_address" Text; Subtotal "subtotal" Money; Rounding "rounding" Money; Cash "cash" Money;
    Change "change" Money;
    PatientName "patient_name" Text; Age "age" Identifier; StayDays "stay_days" Identifier; Diagnosis "diagnosis" Text;
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One field: as read, as parsed, where, how sure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The typed value as a string, or `None` if the text was seen but not understood.
    pub value: Option<String>,
    /// The text as read.
    pub text: String,
    /// How sure that `value` is right.
    pub confidence: Bp,
    /// How sure the reader was of the letters alone; `confidence` also weighs what else the paper says.
    #[serde(default)]
    pub score: Bp,
    /// Where it stands in the uploaded photo.
    pub polygon: Quad<Upload>,
    /// Where it stands on the page.
    pub page_polygon: Quad<Page>,
    /// What each engine read, by engine name, already typed where it parsed.
    pub readers: BTreeMap<String, String>,
    /// What was changed between `text` and `value`, one short English phrase each.
    pub repairs: Vec<String>,
}

impl Field {
    /// Whether the value was chosen because a sum holds with it.
    pub fn is_settled(&self) -> bool {
        self.repairs.iter().any(|repair| repair == SETTLED_BY_SUM)
    }

    /// The surest that the value can be, by the [`doubt`]s about it.
    pub fn ceiling(&self) -> Bp {
        match self.repairs.iter().any(|repair| repair == doubt::LENGTH) {
            true => doubt::CEILING_OF_LENGTH,
            false if self.is_doubtful() => doubt::CEILING,
            false => Bp::ONE,
        }
    }

    /// Whether there is a [`doubt`] about the value that is not one about its letters.
    pub fn is_doubtful(&self) -> bool {
        self.repairs.iter().any(|repair| doubt::ALL.contains(&repair.as_str()))
    }
}

/// One row of the bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Category, drug or goods name.
    pub name: String,
    /// Quantity as printed, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quantity: Option<String>,
    /// Unit as printed, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
    /// Price of one as a decimal string as printed, if any: prices have up to as many decimals as the printer likes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price: Option<String>,
    /// How sure that `quantity` and `price` are right; `None` unless both were read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price_confidence: Option<Bp>,
    /// Amount of the row as a decimal string with two digits, or `None` if it was not understood.
    pub amount: Option<String>,
    /// How sure that `amount` is right.
    pub confidence: Bp,
    /// Where the row stands in the uploaded photo.
    pub polygon: Quad<Upload>,
    /// What was changed between print and `name`, one short English phrase each.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub repairs: Vec<String>,
}
