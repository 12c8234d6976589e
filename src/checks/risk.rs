//! What is odd about a document, as the risk model counts it.

use super::{Finding, Reading};
use crate::domain::document::ValueType;
use crate::domain::pixels::SignalName;
use crate::domain::risk::{Feature, Features};
use crate::domain::{Bp, CheckId, Outcome};

/// The features of a document, from its reading and its findings.
///
/// How much on the paper confirms the total is not among them: painted papers print more of that than most real ones, so a
/// weight fitted to them would hold up honest receipts. The policy asks for so much of it by kind.
pub fn features(reading: &Reading, findings: &[Finding]) -> Features {
    let mut features = Features::default();
    let mut put = |feature: Feature, value: u32| {
        if value > 0 {
            features.0.insert(feature, value);
        }
    };
    let score = |name: SignalName| reading.pixels.as_ref().and_then(|p| p.signal(name)).and_then(|s| s.score);
    for name in SignalName::ALL {
        let share = i64::from(score(name).unwrap_or(0)) * 1000 / i64::from(name.alarm());
        put(name.into(), share.clamp(0, 1_500) as u32);
    }
    let assessed = score(SignalName::GlyphGrid).or(score(SignalName::DoubleJpeg)).is_some();
    put(Feature::Unassessed, if assessed { 0 } else { 1_000 });
    let decisive = reading.fields.iter().filter(|(name, field)| {
        matches!(name.value_type(), ValueType::Money | ValueType::Date) && field.value.is_some()
    });
    let least = decisive.map(|(_, field)| field.confidence).min().unwrap_or(Bp(0));
    put(Feature::Unsure, u32::from(Bp::ONE.0.saturating_sub(least.0)));
    let carries_qr = reading.kind.is_medical_bill() || reading.kind == crate::domain::DocumentKind::VatInvoice;
    let qr = findings.iter().any(|f| f.check == CheckId::QrMatchesPrint && f.outcome == Outcome::Pass);
    put(Feature::NoQr, if carries_qr && !qr { 1_000 } else { 0 });
    let sharpness = reading.quality.sharpness.unwrap_or(Bp(0));
    put(Feature::Blur, u32::from(Bp::ONE.0.saturating_sub(sharpness.0)) / 10);
    features
}

#[cfg(test)]
mod tests {
    use super::super::run;
    use super::*;
    use crate::domain::support::{bill, evidence};

    #[test]
    fn a_sound_bill_is_odd_only_where_nothing_could_be_looked_at() {
        let evidence = evidence(vec![bill()]);
        let features = features(&evidence.readings[0], &run(&evidence)[0]);
        assert_eq!(features.0.get(&Feature::Unassessed), Some(&1_000));
        assert_eq!(features.0.get(&Feature::CopiedGlyphs), None);
        assert_eq!(features.0.get(&Feature::NoQr), None);
    }
}
