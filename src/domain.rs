//! Words of the trade: plain values, no I/O, no pixels, no clock.
//!
//! Everything that ends up in a record is an integer, a decimal string or text. Confidences are basis
//! points ([`Bp`]), coordinates 1/16 pixel ([`Quad`]), money whole fen ([`Fen`]).

pub mod access;
pub mod cards;
pub mod completeness;
pub mod date;
pub mod document;
pub mod evidence;
pub mod gate;
pub mod id;
pub mod identifier;
pub mod issuer;
pub mod likeness;
pub mod money;
pub mod pairs;
pub mod pixels;
pub mod print;
pub mod record;
pub mod result;
pub mod review;
pub mod risk;
pub mod shape;
pub mod skills;
#[cfg(test)]
pub(crate) mod support;
pub mod tasks;
pub mod text;
pub mod verdict;
pub mod vigilance;

pub use access::{Scope, Tenant};
pub use completeness::{Completeness, Need};
pub use date::Day;
pub use document::{DocumentKind, Field, FieldName, Item};
pub use evidence::{
    CheckId, Claim, Evidence, Facts, Finding, Insured, Outcome, PolicyTerm, QrCode, Quality, Reading, Repeat,
    RepeatKind, RetakeAdvice, Support,
};
pub use gate::Gate;
pub use id::{ClaimId, ContentHash};
pub use money::Fen;
pub use print::{PrintMatch, SamePaper};
pub use record::{Record, Versions, canonical_json};
pub use shape::{FixedHomography, Homography, Page, Quad, Upload};
pub use text::{Bp, Line, PageText, is_chinese};
pub use verdict::{Decision, Message, Reason, Severity, Verdict};
