//! The measurement as one self-contained page: no script, no font, no picture from elsewhere.

use super::table::{digits, geometry, millis, percent, stages};
use crate::service::evaluate::{Calibration, Decisions, Rate, Report, SetReport};

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2430;--soft:#667284;--line:#dfe4ea;--paper:#fff;--back:#f4f6f8;--good:#2f8f5b;--bad:#c8453b;--warn:#c98a1b;--hue:#3a6ea5}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#98a4b5;--line:#2c3542;--paper:#171d26;--back:#0f141b;--good:#56b981;--bad:#e5736a;--warn:#e0ab48;--hue:#7aa9dd}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:2rem 1rem 4rem}h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:0 0 .8rem}
section,.cards>div{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:1.1rem 1.3rem;margin:1.1rem 0;overflow-x:auto}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.8rem;margin:1.4rem 0}.cards>div{margin:0}
.cards b{display:block;font-size:1.5rem;line-height:1.3}.soft,.cards span{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{padding:.28rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:500}th:first-child,td:first-child{text-align:left}td.t{text-align:left;white-space:normal}
.bar{display:flex;width:180px;height:10px;border-radius:5px;overflow:hidden;background:var(--line)}.bar i{display:block;height:100%}
p{margin:.5rem 0}code{font:13px ui-monospace,monospace}svg text{fill:var(--soft);font-size:11px}
";

/// The page.
pub fn page(report: &Report) -> String {
    let all = &report.overall;
    let wrong = report.wrong_approvals.len();
    let approved = all.genuine.approved + all.altered.approved + all.unvouched.approved;
    let cases = all.genuine.n + all.altered.n + all.unvouched.n;
    let card = |label: &str, value: String, class: &str| {
        format!("<div><span>{label}</span><b class=\"{class}\">{value}</b></div>")
    };
    let share = |rate: &Rate| if rate.n == 0 { "–".to_owned() } else { percent(rate.share) };
    let wall = all.times.get("wall").map_or_else(|| "–".to_owned(), |t| format!("{} ms", millis(t.median_ms)));
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>claimlens eval</title><style>{STYLE}</style></head>\
         <body><main><h1>How well it reads and decides</h1>\
         <p class=\"soft\">claimlens {} · {} photos, {} labelled · {} unreadable · {} failed</p><div class=\"cards\">",
        env!("CARGO_PKG_VERSION"),
        all.photos,
        all.labelled,
        all.unreadable,
        all.failed
    );
    out += &card("wrong approvals", wrong.to_string(), if wrong == 0 { "good" } else { "bad" });
    out += &card("fields right", share(&all.all_fields), "");
    out += &card("whole documents right", share(&all.whole), "");
    out += &card("document kind right", share(&all.kind), "");
    out += &card("approved", format!("{approved} of {cases}"), "");
    out += &card("median time a case", wall, "");
    out += "</div>";
    if wrong > 0 {
        out += "<section><h2 class=\"bad\">Wrong approvals</h2><table><tr><th>photos</th><th>why</th></tr>";
        for w in &report.wrong_approvals {
            let (photos, why) = (escape(&w.photos.join(", ")), escape(&w.why.join("; ")));
            out += &format!("<tr><td>{photos}</td><td class=\"t\">{why}</td></tr>");
        }
        out += "</table></section>";
    }
    if report.calibration.n > 0 {
        out += &reliability(&report.calibration);
    }
    if report.sets.len() != 1 {
        out += &section(all);
    }
    for set in &report.sets {
        out += &section(set);
    }
    if !report.misses.is_empty() {
        out += &format!("<section><details><summary>{} misses</summary><table>", report.misses.len());
        out += "<tr><th>photo</th><th>field</th><th>truth</th><th>read</th><th>sure</th></tr>";
        for m in &report.misses {
            let value = |v: &Option<String>| v.as_deref().map_or_else(|| "–".to_owned(), escape);
            let sure = m.confidence.map_or_else(|| "–".to_owned(), |c| c.to_string());
            out += &format!(
                "<tr><td>{}</td><td class=\"t\">{}</td><td class=\"t\">{}</td><td class=\"t\">{}</td><td>{sure}</td></tr>",
                escape(&m.photo),
                escape(&m.field),
                value(&m.truth),
                value(&m.got)
            );
        }
        out += "</table></details></section>";
    }
    out + "<p class=\"soft\">Intervals are Wilson's, 95 %. Loose: text counts as right where one contains the other.</p>\
           </main></body></html>\n"
}

fn section(set: &SetReport) -> String {
    let mut out = format!(
        "<section><h2>{} <span class=\"soft\">{} photos, {} labelled, {} unreadable, {} failed</span></h2>",
        escape(&set.set),
        set.photos,
        set.labelled,
        set.unreadable,
        set.failed
    );
    if set.labelled > 0 {
        out += "<table><tr><th>field</th><th></th><th>n</th><th>right</th><th>wrong</th><th>missing</th>\
                <th>accuracy</th><th>95 %</th><th>loose</th></tr>";
        for f in &set.fields {
            let loose = f.loose.map_or_else(String::new, |l| percent(l.share));
            out += &row(f.field.as_str(), &f.rate, Some((f.wrong, f.missing)), &loose);
        }
        for (name, rate) in set.totals() {
            if rate.n > 0 {
                out += &row(&format!("<b>{name}</b>"), rate, None, "");
            }
        }
        out += "</table>";
    }
    for line in geometry(set) {
        out += &format!("<p>{line}</p>");
    }
    let decided = |name: &str, d: &Decisions| (d.n > 0).then(|| format!("{name}: {} of {} approved", d.approved, d.n));
    let mut decisions: Vec<String> = [
        decided("genuine", &set.genuine),
        decided("altered", &set.altered),
        decided("not vouched for", &set.unvouched),
    ]
    .into_iter()
    .flatten()
    .collect();
    decisions.extend(set.attacks.iter().filter_map(|(name, d)| decided(&format!("altered by {}", escape(name)), d)));
    out += &format!("<p>{}</p>", decisions.join(" · "));
    let mut reasons: Vec<_> = set.reasons.iter().collect();
    reasons.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let reasons: Vec<String> = reasons.iter().map(|(code, n)| format!("<code>{}</code> {n}", escape(code))).collect();
    out += &format!("<p class=\"soft\">Reasons: {}</p>", reasons.join(" · "));
    let times = stages(set);
    let longest = times.iter().map(|(_, t)| t.p95_ms).fold(1e-9, f64::max);
    out += "<table><tr><th>stage</th><th></th><th>median ms</th><th>95 % ms</th><th>longest ms</th></tr>";
    for (name, t) in times {
        let (median, rest) = (t.median_ms / longest * 100.0, (t.p95_ms - t.median_ms) / longest * 100.0);
        out += &format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            bar(&[(median, "hue"), (rest, "warn")]),
            millis(t.median_ms),
            millis(t.p95_ms),
            millis(t.max_ms)
        );
    }
    out + "</table></section>"
}

fn row(name: &str, rate: &Rate, misses: Option<(usize, usize)>, loose: &str) -> String {
    let part = |n: usize| n as f64 / rate.n.max(1) as f64 * 100.0;
    let (wrong, missing) = misses.unwrap_or((rate.n - rate.right, 0));
    let told = |n: usize| if misses.is_some() { n.to_string() } else { String::new() };
    format!(
        "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
         <td class=\"soft\">{:.1}–{:.1} %</td><td>{loose}</td></tr>",
        bar(&[(part(rate.right), "good"), (part(wrong), "bad"), (part(missing), "warn")]),
        rate.n,
        rate.right,
        told(wrong),
        told(missing),
        percent(rate.share),
        rate.low * 100.0,
        rate.high * 100.0
    )
}

fn bar(parts: &[(f64, &str)]) -> String {
    let parts: String = parts
        .iter()
        .map(|(width, hue)| format!("<i style=\"width:{width:.1}%;background:var(--{hue})\"></i>"))
        .collect();
    format!("<div class=\"bar\">{parts}</div>")
}

/// Stated confidence against the share that was right; on the diagonal both agree.
fn reliability(c: &Calibration) -> String {
    const SIDE: f64 = 220.0;
    let mut marks = String::new();
    for bin in c.bins.iter().filter(|b| b.n > 0) {
        let (x, y) = (30.0 + bin.stated * SIDE, 10.0 + (1.0 - bin.right) * SIDE);
        // Area follows the number of values.
        let radius = 3.0 + 9.0 * (bin.n as f64 / c.n as f64).sqrt();
        marks += &format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"var(--hue)\" fill-opacity=\".75\">\
             <title>{} values: stated {:.1} %, right {:.1} %</title></circle>",
            bin.n,
            bin.stated * 100.0,
            bin.right * 100.0
        );
    }
    let rows: String = c
        .bins
        .iter()
        .filter(|b| b.n > 0)
        .map(|b| {
            format!(
                "<tr><td>{}–{} %</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                digits(b.from),
                digits(b.to),
                b.n,
                percent(b.stated),
                percent(b.right)
            )
        })
        .collect();
    format!(
        "<section><h2>Does confidence mean what it says?</h2><p class=\"soft\">Expected calibration error {:.2} % over {} \
         values. Below the diagonal it promises too much.</p><div style=\"display:flex;gap:2rem;flex-wrap:wrap\">\
         <svg width=\"270\" height=\"260\" viewBox=\"0 0 270 260\" role=\"img\" aria-label=\"reliability diagram\">\
         <rect x=\"30\" y=\"10\" width=\"220\" height=\"220\" fill=\"none\" stroke=\"var(--line)\"/>\
         <line x1=\"30\" y1=\"230\" x2=\"250\" y2=\"10\" stroke=\"var(--soft)\" stroke-dasharray=\"4 4\"/>{marks}\
         <text x=\"110\" y=\"252\">stated</text><text x=\"14\" y=\"132\" transform=\"rotate(-90 14 132)\">right</text></svg>\
         <table style=\"width:auto;align-self:center\"><tr><th>confidence</th><th>values</th><th>stated</th><th>right</th></tr>{rows}\
         </table></div></section>",
        c.ece * 100.0,
        c.n
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ContentHash, Decision, Reading};
    use crate::service::evaluate::{CaseScore, Truth, report, score};
    use std::collections::BTreeMap;

    #[test]
    fn a_page_tells_the_wrong_approval_and_lets_no_name_break_it() {
        let truth = Truth::parse(r#"{"fields":{"total":"9.90"},"genuine":false,"attack":"<b>"}"#).unwrap();
        let reading = Reading::unreadable("p", ContentHash::of(b"p"), "why".to_owned());
        let case = CaseScore {
            set: "a&b".to_owned(),
            photos: vec![score("<script>.jpg", &reading, Some(&truth))],
            genuine: Some(false),
            attack: truth.attack.clone(),
            decision: Decision::AutoApprove,
            reasons: vec!["all_clear".to_owned()],
            failed: None,
            stages: BTreeMap::new(),
            wall_us: 1500,
        };
        let report = report(&[case]);
        let page = page(&report);
        assert!(page.contains("Wrong approvals") && page.contains("&lt;script&gt;.jpg") && !page.contains("<script>"));
        assert!(page.contains("a&amp;b") && page.contains("altered (&lt;b&gt;)"));
        assert!(!page.contains("http"), "the page needs nothing from elsewhere");
        let table = super::super::table::tables(&report, crate::cli::show::Paint(false));
        assert!(table.contains("wrong approvals: 1") && table.contains("  total                 1      0"), "{table}");
    }
}
