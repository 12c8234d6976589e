//! What the pixels tell, held against the limits of alarm. The limits are the signals' own: see [`SignalName::alarm`].

use super::{Answer, Case};
use crate::domain::FieldName;
use crate::domain::Outcome::{Fail, Inconclusive, NotApplicable, Pass};
use crate::domain::pixels::{SignalName, Stratum};

pub(super) fn glyph_grid(case: &Case) -> Answer {
    signal(case, SignalName::GlyphGrid)
}

pub(super) fn double_jpeg(case: &Case) -> Answer {
    signal(case, SignalName::DoubleJpeg)
}

pub(super) fn copied_glyphs(case: &Case) -> Answer {
    signal(case, SignalName::CopiedGlyphs)
}

pub(super) fn odd_in_line(case: &Case) -> Answer {
    signal(case, SignalName::OddInLine)
}

pub(super) fn learned_trace(case: &Case) -> Answer {
    signal(case, SignalName::LearnedTrace)
}

/// The picture is of the paper itself: not by its pixels a picture of a screen or a print, nor by its file a screenshot.
pub(super) fn recapture(case: &Case) -> Answer {
    let answer = signal(case, SignalName::Recapture);
    let stratum = case.reading.pixels.as_ref().map(|pixels| pixels.history.stratum);
    if stratum != Some(Stratum::Screenshot) {
        return answer;
    }
    let answer = Answer { outcome: Fail, ..answer };
    answer.with("stratum", Stratum::Screenshot.as_str())
}

/// The file does not say of itself that it is not what a camera took.
///
/// That an editor wrote it is told and proves nothing: scanners, galleries and messengers write through the same programs.
pub(super) fn file_history(case: &Case) -> Answer {
    let Some(pixels) = &case.reading.pixels else { return Answer::not_applicable() };
    let history = &pixels.history;
    let harmless = |note: &String| matches!(note.as_str(), "editing_software" | "edited_after_taken");
    let outcome = match (history.notes.is_empty(), history.notes.iter().all(harmless)) {
        (true, _) => Pass,
        (false, true) => Inconclusive,
        (false, false) => Fail,
    };
    let answer = case.answer(outcome, &[]).with("stratum", history.stratum.as_str());
    let answer = if history.notes.is_empty() { answer } else { answer.with("notes", history.notes.join(",")) };
    let answer = history.quality.iter().fold(answer, |a, quality| a.with("quality", quality));
    history.earlier_quality.iter().fold(answer, |a, quality| a.with("earlier_quality", quality))
}

fn signal(case: &Case, name: SignalName) -> Answer {
    let Some(signal) = case.reading.pixels.as_ref().and_then(|pixels| pixels.signal(name)) else {
        return Answer::not_applicable();
    };
    let (Some(score), Some(alarms)) = (signal.score, signal.alarms()) else {
        let why = signal.not_applicable.as_deref().unwrap_or("unknown");
        return case.answer(NotApplicable, &[]).with("because", why);
    };
    let mut fields: Vec<FieldName> = signal.alarming().filter_map(|suspect| suspect.field).collect();
    fields.sort_unstable();
    fields.dedup();
    let mut answer = case.answer(if alarms { Fail } else { Pass }, &[]);
    answer.fields = fields;
    answer.regions = signal.alarming().flat_map(|s| std::iter::once(s.polygon).chain(s.like)).collect();
    answer.with("score", thousandths(score)).with("limit", thousandths(name.alarm())).with("tested", signal.tested)
}

fn thousandths(score: i32) -> String {
    format!("{}{}.{:03}", if score < 0 { "-" } else { "" }, score.unsigned_abs() / 1000, score.unsigned_abs() % 1000)
}

#[cfg(test)]
mod tests {
    use super::super::run;
    use super::*;
    use crate::domain::pixels::{History, PixelEvidence, Signal, Suspect};
    use crate::domain::support::{bill, evidence};
    use crate::domain::{CheckId, Finding, Outcome, Quad, Reading};

    fn with(signal: Signal, notes: &[&str]) -> Reading {
        let notes = notes.iter().map(|n| (*n).to_owned()).collect();
        let history = History { stratum: Stratum::Camera, quality: None, earlier_quality: None, notes, device: None };
        Reading { pixels: Some(PixelEvidence { history, signals: vec![signal] }), ..bill() }
    }

    fn finding(reading: Reading, check: CheckId) -> Finding {
        run(&evidence(vec![reading]))[0].iter().find(|f| f.check == check).unwrap().clone()
    }

    #[test]
    fn a_signal_beyond_its_limit_fails_and_points_to_the_place() {
        let name = SignalName::CopiedGlyphs;
        let place = |x: f64| Quad::rect(x, 0.0, x + 8.0, 12.0);
        let suspect = |score: i32, x: f64| Suspect {
            polygon: place(x),
            score,
            field: Some(FieldName::Total),
            like: Some(place(x + 100.0)),
        };
        let of = |score: i32| Signal {
            name,
            not_applicable: None,
            score: Some(score),
            tested: 40,
            suspects: vec![suspect(score, 5.0), suspect(name.alarm() - 1, 30.0)],
        };
        let found = finding(with(of(name.alarm()), &[]), CheckId::CopiedGlyphs);
        assert_eq!((found.outcome, found.fields), (Outcome::Fail, vec![FieldName::Total]));
        assert_eq!(found.regions, [place(5.0), place(105.0)]);
        let found = finding(with(of(name.alarm() - 1), &[]), CheckId::CopiedGlyphs);
        assert_eq!((found.outcome, found.regions.len()), (Outcome::Pass, 0));
    }

    #[test]
    fn not_assessable_is_not_genuine_and_says_why() {
        let signal = Signal::not_applicable(SignalName::GlyphGrid, "no_jpeg_grid");
        let found = finding(with(signal, &[]), CheckId::GlyphGrid);
        assert_eq!((found.outcome, found.detail["because"].as_str()), (Outcome::NotApplicable, "no_jpeg_grid"));
    }

    #[test]
    fn a_file_that_says_it_was_generated_fails_and_one_that_names_an_editor_is_told() {
        let signal = || Signal::not_applicable(SignalName::GlyphGrid, "no_jpeg_grid");
        assert_eq!(finding(with(signal(), &[]), CheckId::FileHistory).outcome, Outcome::Pass);
        let found = finding(with(signal(), &["editing_software"]), CheckId::FileHistory);
        assert_eq!((found.outcome, found.detail["notes"].as_str()), (Outcome::Inconclusive, "editing_software"));
        let notes = ["editing_software", "generated_by_ai"];
        assert_eq!(finding(with(signal(), &notes), CheckId::FileHistory).outcome, Outcome::Fail);
    }

    #[test]
    fn a_screenshot_is_no_picture_of_the_paper() {
        let mut reading = with(Signal::not_applicable(SignalName::Recapture, "too_small"), &[]);
        assert_eq!(finding(reading.clone(), CheckId::Recapture).outcome, Outcome::NotApplicable);
        reading.pixels.as_mut().unwrap().history.stratum = Stratum::Screenshot;
        assert_eq!(finding(reading, CheckId::Recapture).outcome, Outcome::Fail);
    }

    #[test]
    fn thousandths_are_written_in_full() {
        assert_eq!([-1_250, 0, 7, 4_200].map(thousandths), ["-1.250", "0.000", "0.007", "4.200"]);
    }
}
