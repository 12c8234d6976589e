//! Photos read again, and what was decided of them decided again.

use super::{DIFFERENCES_TOLD, differences, models_of, to_value};
use crate::decision::Policy;
use crate::domain::{Bp, Decision, Evidence, Reading, Record, canonical_json};
use crate::pipeline::{check, judge_by};
use crate::service::work::{ReadPhotos, build, cpu_class};
use crate::store::{Blobs, PhotoRow};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How far a confidence may lie from the one recorded where inference gives other floats: the guard band that the
/// built-in policy keeps above its thresholds, so that within it nothing comes to be approved that was below one.
const CONFIDENCE: u16 = 100;

/// How a decision made anew stands to the one recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Readings and verdict, byte for byte.
    Identical,
    /// Within the tolerance, by another build or on another class of processor.
    Within,
    /// Neither.
    Differs,
}

/// What came of reading the photos of a decision again.
pub(super) struct Reread {
    /// The decision.
    pub(super) now: Option<Decision>,
    pub(super) likeness: Likeness,
    /// Fields compared, and those of the same value.
    pub(super) fields: [u64; 2],
    /// Empty if it is identical.
    pub(super) differences: Vec<String>,
}

impl Reread {
    fn failed(why: String) -> Self {
        Self { now: None, likeness: Likeness::Differs, fields: [0, 0], differences: vec![why] }
    }
}

/// The photos that a record was made of, in its order: others may have come since, and some been left out.
pub(super) fn of_record(record: &Record, photos: Vec<PhotoRow>) -> Vec<PhotoRow> {
    let is_same =
        |photo: &PhotoRow, reading: &Reading| (photo.sha256, photo.pdf_page) == (reading.sha256, reading.pdf_page);
    let readings = &record.evidence.readings;
    if photos.len() == readings.len() && photos.iter().zip(readings).all(|(photo, reading)| is_same(photo, reading)) {
        return photos;
    }
    // One that is gone is told by another in its place.
    let found = |reading| photos.iter().find(|photo| is_same(photo, reading)).or(photos.first());
    readings.iter().filter_map(found).cloned().collect()
}

/// Reads the photos of a record again and judges by its policy.
pub(super) fn read_again(
    blobs: &Blobs,
    reader: &mut dyn ReadPhotos,
    record: &Record,
    photos: &[PhotoRow],
    policy: Option<&Policy>,
) -> Reread {
    let Some(policy) = policy else {
        return Reread::failed("the policy it was decided by is missing, altered or no longer valid".to_owned());
    };
    let mut readings = Vec::new();
    for (n, before) in record.evidence.readings.iter().enumerate() {
        match read_one(blobs, reader, before, photos.get(n)) {
            Ok(after) => readings.push(after),
            Err(why) => return Reread::failed(format!("readings[{n}]: {why}")),
        }
    }
    let is_same_maker = record.versions.build == build()
        && record.versions.cpu.as_deref() == Some(cpu_class())
        && record.versions.models == *reader.models()
        && record.versions.runtime == reader.runtime();
    compare(record, readings, policy, is_same_maker)
}

fn read_one(
    blobs: &Blobs,
    reader: &mut dyn ReadPhotos,
    before: &Reading,
    photo: Option<&PhotoRow>,
) -> Result<Reading, String> {
    let photo = photo.filter(|photo| photo.sha256 == before.sha256).ok_or("no such photo is stored")?;
    let bytes = blobs.photo(photo).map_err(|e| format!("its bytes could not be had: {e}"))?;
    let bytes = bytes.ok_or("its stored bytes are missing or altered")?;
    let read = catch_unwind(AssertUnwindSafe(|| reader.read(&before.source, &bytes, before.pdf_page)));
    Ok(read.map_err(|_| "the reader panicked")?.map_err(|e| e.to_string())?.reading)
}

/// Holds readings made anew, and what follows from them, against a record.
fn compare(record: &Record, readings: Vec<Reading>, policy: &Policy, is_same_maker: bool) -> Reread {
    let (before, was) = (&record.evidence.readings, record.verdict.decision);
    let mut fields = [0, 0];
    let mut is_near = true;
    let mut told = Vec::new();
    for (n, (a, b)) in before.iter().zip(&readings).enumerate() {
        let [compared, equal] = fields_of(a, b);
        fields = [fields[0] + compared, fields[1] + equal];
        is_near &= compared == equal && lie_near(a, b);
        if canonical_json(a) != canonical_json(b) {
            told.extend(differences(&format!("readings[{n}]"), &to_value(a), &to_value(b)));
        }
    }
    let evidence = Evidence { readings, ..record.evidence.clone() };
    let by = match models_of(record) {
        Ok(by) => by,
        Err(why) => return Reread { fields, ..Reread::failed(why) },
    };
    let judged = catch_unwind(AssertUnwindSafe(|| judge_by(policy, by, &evidence, check(&evidence))));
    let Ok(verdict) = judged else {
        return Reread { fields, ..Reread::failed("judging panicked".to_owned()) };
    };
    if canonical_json(&verdict) != canonical_json(&record.verdict) {
        told.extend(differences("verdict", &to_value(&record.verdict), &to_value(&verdict)));
    }
    let likeness = match (told.is_empty(), is_same_maker) {
        (true, _) => Likeness::Identical,
        (false, false) if is_near && verdict.decision == was => Likeness::Within,
        _ => Likeness::Differs,
    };
    if likeness == Likeness::Differs && !is_same_maker {
        let versions = &record.versions;
        let cpu = versions.cpu.as_deref().unwrap_or("an unknown processor");
        told.insert(0, format!("made by build {} on {cpu}, now {} on {}", versions.build, build(), cpu_class()));
    }
    told.truncate(DIFFERENCES_TOLD);
    Reread { now: Some(verdict.decision), likeness, fields, differences: told }
}

/// How many fields either has, and how many have the same value in both.
fn fields_of(a: &Reading, b: &Reading) -> [u64; 2] {
    let names: BTreeSet<_> = a.fields.keys().chain(b.fields.keys()).copied().collect();
    let value = |reading: &Reading, name| reading.fields.get(&name).map(|field| field.value.clone());
    let equal = names.iter().filter(|name| value(a, **name) == value(b, **name)).count();
    [names.len() as u64, equal as u64]
}

/// Whether the kinds, rows and confidences of two readings lie within the tolerance.
fn lie_near(a: &Reading, b: &Reading) -> bool {
    let near = |a: Bp, b: Bp| a.0.abs_diff(b.0) <= CONFIDENCE;
    let rows = |reading: &Reading| -> Vec<(String, Option<String>)> {
        reading.items.iter().map(|item| (item.name.clone(), item.amount.clone())).collect()
    };
    let confidences = a.fields.iter().all(|(name, field)| {
        let other = b.fields.get(name);
        other.is_some_and(|other| near(field.confidence, other.confidence))
    });
    let alike = (a.kind, &a.unreadable, rows(a)) == (b.kind, &b.unreadable, rows(b));
    alike && near(a.kind_confidence, b.kind_confidence) && confidences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FieldName::Total;
    use crate::domain::Versions;
    use crate::domain::record::RECORD_SCHEMA;
    use crate::domain::support::receipt;
    use crate::service::work::stateless_facts;
    use std::collections::BTreeMap;

    /// A sound receipt as read, and what was decided of it.
    fn recorded(policy: &Policy) -> Record {
        let mut reading = receipt();
        reading.quality.sharpness = Some(Bp::ONE);
        reading.fields.values_mut().for_each(|field| field.confidence = Bp(9_950));
        let facts = stateless_facts("2024-06-01T02:00:00Z".parse().unwrap());
        let evidence = Evidence { claim: None, readings: vec![reading], facts };
        let verdict = crate::pipeline::judge(policy, &evidence);
        let versions = Versions {
            build: build(),
            models: BTreeMap::new(),
            policy: policy.hash.to_string(),
            calibration: "none".to_owned(),
            runtime: "none".to_owned(),
            cpu: Some(cpu_class().to_owned()),
        };
        Record { schema: RECORD_SCHEMA, evidence, verdict, versions }
    }

    #[test]
    fn another_processor_may_differ_in_the_last_digits_and_the_same_one_in_nothing() {
        let policy = Policy::default();
        let record = recorded(&policy);
        let bent = |bend: &dyn Fn(&mut Reading)| {
            let mut readings = record.evidence.readings.clone();
            bend(&mut readings[0]);
            readings
        };
        let with = |readings, same| compare(&record, readings, &policy, same);
        assert_eq!(with(bent(&|_| {}), true).likeness, Likeness::Identical);
        assert_eq!(with(bent(&|_| {}), false).likeness, Likeness::Identical);
        let confidence = |to: u16| bent(&move |r| r.fields.get_mut(&Total).unwrap().confidence = Bp(to));
        let near = with(confidence(9_900), false);
        assert_eq!((near.likeness, near.fields[0]), (Likeness::Within, near.fields[1]));
        assert_eq!(near.differences[0], "readings[0].fields.total.confidence: 9950 → 9900");
        assert_eq!(with(confidence(9_900), true).likeness, Likeness::Differs);
        assert_eq!(with(confidence(9_849), false).likeness, Likeness::Differs);
        let other = with(bent(&|r| r.fields.get_mut(&Total).unwrap().value = Some("1.00".to_owned())), false);
        assert_eq!((other.likeness, other.fields[0] - other.fields[1]), (Likeness::Differs, 1));
        assert!(other.differences[0].starts_with("made by build "), "{:?}", other.differences);
    }

    #[test]
    fn what_was_held_and_would_be_approved_is_never_within_the_tolerance() {
        let policy = Policy::default();
        let mut record = recorded(&policy);
        assert_eq!(record.verdict.decision, Decision::AutoApprove, "{:#?}", record.verdict.reasons);
        record.verdict.decision = Decision::HumanReview;
        let readings = record.evidence.readings.clone();
        for same in [true, false] {
            let flipped = compare(&record, readings.clone(), &policy, same);
            assert_eq!((flipped.likeness, flipped.now), (Likeness::Differs, Some(Decision::AutoApprove)));
        }
    }
}
