//! The measurement as tables for a terminal.

use super::Run;
use crate::cli::show::{Paint, many};
use crate::service::evaluate::{Calibration, Decisions, Rate, Report, SetReport, Total};
use std::fmt::Write;

/// Stages in the order they run; others follow by name.
pub const STAGES: &[&str] = &[
    "decode",
    "normalise",
    "detect",
    "recognise",
    "second_reader",
    "extract",
    "authenticity",
    "judge",
    "total",
    "wall",
];

/// Every set, then all together, then what went wrong.
pub fn tables(report: &Report, run: &Run, paint: Paint) -> String {
    let mut out = String::new();
    put(&mut out, &paint.dim(&run.to_string()));
    out.push('\n');
    for set in &report.sets {
        table(&mut out, set, paint);
    }
    if report.sets.len() != 1 {
        table(&mut out, &report.overall, paint);
    }
    confidences(&mut out, "money, dates and numbers", &report.calibration, paint);
    confidences(&mut out, "text", &report.calibration_of_text, paint);
    if report.calibration.n > 0 {
        put(&mut out, &format!("amounts wrong at 99 % or more: {}", report.amounts_surely_wrong));
    }
    for line in report.authenticity.iter().flat_map(super::alterations::lines) {
        put(&mut out, &line);
    }
    match (report.wrong_approvals.len(), report.wrong_in_deciding()) {
        (0, _) => put(&mut out, &paint.green("wrong approvals: none")),
        (n, deciding) => {
            put(&mut out, &paint.red(&format!("wrong approvals: {n}, {deciding} of them in a deciding value")));
        }
    }
    for wrong in &report.wrong_approvals {
        put(&mut out, &format!("  {}", wrong.photos.join(", ")));
        for (of, why) in [("deciding", &wrong.deciding), ("elsewhere", &wrong.elsewhere)] {
            if !why.is_empty() {
                put(&mut out, &format!("    {of}: {}", why.join("; ")));
            }
        }
    }
    out
}

fn confidences(out: &mut String, of: &str, c: &Calibration, paint: Paint) {
    if c.n == 0 {
        return;
    }
    put(
        out,
        &format!(
            "{}  expected calibration error {:.2} % over {} values; stated at 99 % or more: {} of {} right",
            paint.bold(&format!("confidence, {of}")),
            c.ece * 100.0,
            c.n,
            c.sure.right,
            c.sure.n
        ),
    );
    put(out, &paint.dim("                        n   stated    right"));
    let bins = c.bins.iter().map(|b| (format!("{}–{} %", digits(b.from), digits(b.to)), b));
    let supports = c.by_support.iter().map(|(support, b)| (support.as_str().to_owned(), b));
    for (name, bin) in bins.chain(supports).filter(|(_, b)| b.n > 0) {
        put(out, &format!("  {name:<18} {:>4}  {}  {}", bin.n, percent(bin.stated), percent(bin.right)));
    }
}

/// A share in per cent with no more digits than it has.
pub fn digits(share: f64) -> String {
    format!("{}", (share * 1000.0).round() / 10.0)
}

fn table(out: &mut String, set: &SetReport, paint: Paint) {
    let mut head = format!("{}, {} labelled", many(set.photos, "photo", "photos"), set.labelled);
    for (n, what) in [(set.unreadable, "unreadable"), (set.failed, "failed")] {
        if n > 0 {
            head += &format!(", {n} {what}");
        }
    }
    put(out, &format!("{}  {head}", paint.bold(&set.set)));
    if set.labelled > 0 {
        put(out, &paint.dim("                        n  right  wrong  missing  accuracy   95 %             loose"));
    }
    for f in &set.fields {
        let loose = f.loose.map_or(String::new(), |l| percent(l.share));
        row(out, f.field.as_str(), &f.rate, &format!("{:>6}  {:>7}", f.wrong, f.missing), &loose);
    }
    for Total { name, rate, missed } in set.totals() {
        let middle = missed.map_or(" ".repeat(15), |(wrong, missing)| format!("{wrong:>6}  {missing:>7}"));
        row(out, name, rate, &middle, "");
    }
    for line in geometry(set) {
        put(out, &format!("  {line}"));
    }
    let decided = |d: &Decisions| format!("{} of {} approved", d.approved, d.n);
    let standing: Vec<String> =
        [("genuine", &set.genuine), ("altered", &set.altered), ("not vouched for", &set.unvouched)]
            .iter()
            .filter(|(_, d)| d.n > 0)
            .map(|(name, d)| format!("{name} {}", decided(d)))
            .collect();
    put(out, &format!("  decisions: {}", standing.join(", ")));
    if !set.attacks.is_empty() {
        let attacks: Vec<String> = set.attacks.iter().map(|(name, d)| format!("{name} {}", decided(d))).collect();
        put(out, &format!("    altered by: {}", attacks.join(", ")));
    }
    let mut reasons: Vec<_> = set.reasons.iter().collect();
    reasons.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let reasons: Vec<String> = reasons.iter().take(8).map(|(code, n)| format!("{code} {n}")).collect();
    put(out, &paint.dim(&format!("    reasons: {}", reasons.join(", "))));
    let times: Vec<String> =
        stages(set).iter().map(|(name, t)| format!("{name} {}/{}", millis(t.median_ms), millis(t.p95_ms))).collect();
    let longest = set.times.get("wall").map_or(0.0, |t| t.max_ms);
    put(out, &format!("  time (ms, median/95 %): {}; longest {}", times.join(", "), millis(longest)));
    out.push('\n');
}

/// What was measured of sheets and skew, a line each.
pub fn geometry(set: &SetReport) -> Vec<String> {
    let sheets = set.sheets.map(|s| {
        let (mean, least) = (s.mean_iou, s.least_iou);
        format!("sheets: {} of {} found, intersection over union {mean:.3}, least {least:.3}", s.found, s.n)
    });
    let skew = set.skew.map(|s| {
        let (mean, largest) = (s.mean_error, s.largest_error);
        format!("skew: off by {mean:.2}° in the mean of {}, at most {largest:.2}°", s.n)
    });
    sheets.into_iter().chain(skew).collect()
}

/// The stages that were timed, in the order they run.
pub fn stages(set: &SetReport) -> Vec<(&str, crate::service::evaluate::Times)> {
    let mut out: Vec<_> = set.times.iter().map(|(name, t)| (name.as_str(), *t)).collect();
    // Those unknown to the list stand before the sums at its end.
    out.sort_by_key(|(name, _)| STAGES.iter().position(|s| s == name).unwrap_or(STAGES.len() - 3));
    out
}

fn row(out: &mut String, name: &str, rate: &Rate, middle: &str, loose: &str) {
    if rate.n == 0 {
        return;
    }
    let interval = format!("{:.1}–{:.1} %", rate.low * 100.0, rate.high * 100.0);
    put(
        out,
        &format!(
            "  {name:<18} {:>4}  {:>5}  {middle}   {}   {interval:<14}  {loose}",
            rate.n,
            rate.right,
            percent(rate.share)
        ),
    );
}

/// A share with one digit, aligned.
pub fn percent(share: f64) -> String {
    format!("{:>5.1} %", share * 100.0)
}

/// Milliseconds with as many digits as matter.
pub fn millis(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

fn put(out: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}", line.trim_end());
}
