//! The measurement as one self-contained page: no script, no font, no picture from elsewhere.

use super::gallery::{Gallery, Miss};
use super::table::{geometry, millis, percent, stages};
use super::{Run, alterations, reliability};
use crate::cli::show::many;
use crate::domain::DocumentKind;
use crate::service::evaluate::{Decisions, Rate, Report, SetReport, Total};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::{BTreeMap, BTreeSet};

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2430;--soft:#667284;--line:#dfe4ea;--paper:#fff;--back:#f4f6f8;--good:#2f8f5b;--bad:#c8453b;--warn:#c98a1b;--hue:#3a6ea5}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#98a4b5;--line:#2c3542;--paper:#171d26;--back:#0f141b;--good:#56b981;--bad:#e5736a;--warn:#e0ab48;--hue:#7aa9dd}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:2rem 1rem 4rem}h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:0 0 .8rem}
section,.cards>div{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:1.1rem 1.3rem;margin:1.1rem 0;overflow-x:auto}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.8rem;margin:1.4rem 0}.cards>div{margin:0;display:flex;flex-direction:column;justify-content:space-between}
.cards>div{padding:.9rem 1.1rem;gap:.3rem}.cards span{font-size:13px;line-height:1.3}.cards b{display:block;font-size:1.5rem;line-height:1.3}.soft,.cards span{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{padding:.28rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:500}th:first-child,td:first-child{text-align:left}.t{text-align:left;white-space:normal}td.t{overflow-wrap:break-word;vertical-align:top}
.kinds{width:auto}.kinds th,.kinds td:first-child{white-space:normal;vertical-align:bottom;max-width:9rem}.kinds th:not(:first-child){border-left:1px solid var(--line)}
.fields th:first-child,.fields td:first-child{position:sticky;left:0;background:var(--paper)}
.bar{display:flex;width:180px;height:10px;border-radius:5px;overflow:hidden;background:var(--line)}.bar i{display:block;height:100%}
.key{display:inline-block;width:10px;height:10px;border-radius:3px;margin:0 .3rem 0 .6rem}summary{cursor:pointer}details table{margin-top:.6rem}
.beside{display:flex;gap:1.5rem;flex-wrap:wrap}.beside th,.beside td{padding:.28rem .45rem}.beside table{width:auto;align-self:flex-start}
.misses{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr));gap:.8rem}
figure{margin:0;border:1px solid var(--line);border-radius:8px;overflow:hidden}figure>div{display:grid;place-items:center;min-height:96px;padding:.5rem;background:var(--back)}
figure img{display:block;max-width:100%;border-radius:3px}figcaption{padding:.6rem .8rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:auto 1fr;gap:0 .7rem;margin:.3rem 0}dt{color:var(--soft)}dd{margin:0}
p{margin:.5rem 0}code{font:13px ui-monospace,monospace}svg{overflow:visible;margin-top:.5rem}svg text{fill:var(--soft);font-size:11px}
@media(max-width:600px){section{padding:.9rem}th,td{padding:.28rem .4rem}.bar{width:60px}}
";

/// The page.
pub fn page(report: &Report, run: &Run, gallery: &Gallery) -> String {
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
         <p class=\"soft\">{}<br>{}, {} labelled · {} unreadable · {} failed</p><div class=\"cards\">",
        escape(&run.to_string()),
        many(all.photos, "photo", "photos"),
        all.labelled,
        all.unreadable,
        all.failed
    );
    out += &card("wrong approvals", wrong.to_string(), if wrong == 0 { "good" } else { "bad" });
    out += &card("fields right", share(&all.all_fields), "");
    out += &card("documents all right", share(&all.whole), "");
    out += &card("kind right", share(&all.kind), "");
    out += &card("approved", format!("{approved} of {cases}"), "");
    out += &card("median time", wall, "");
    out += "</div>";
    if wrong > 0 {
        out += &wrong_approvals(report);
    }
    if let Some(authenticity) = &report.authenticity {
        out += &alterations::section(authenticity, escape);
    }
    out += &looked_at(gallery);
    for (of, calibration) in [("money, dates and numbers", &report.calibration), ("text", &report.calibration_of_text)]
    {
        if calibration.n > 0 {
            out += &reliability::section(of, calibration);
        }
    }
    out += &confusion(report);
    if report.sets.len() != 1 {
        out += &section(all);
    }
    for set in &report.sets {
        out += &section(set);
    }
    if !report.misses.is_empty() {
        out += &format!("<section><details><summary>All {} misses as a table</summary><table>", report.misses.len());
        out += "<tr><th>photo</th><th>field</th><th>truth</th><th>read</th><th>sure</th></tr>";
        for m in &report.misses {
            let value = |v: &Option<String>| v.as_deref().map_or_else(|| "–".to_owned(), escape);
            let sure = m.confidence.map_or_else(|| "–".to_owned(), |c| c.to_string());
            out += &format!(
                "<tr><td class=\"t\">{}</td><td class=\"t\">{}</td><td class=\"t\">{}</td><td class=\"t\">{}</td><td>{sure}</td></tr>",
                escape(&m.photo),
                escape(&m.field),
                value(&m.truth),
                value(&m.got)
            );
        }
        out += "</table></details></section>";
    }
    out + "</main></body></html>\n"
}

fn wrong_approvals(report: &Report) -> String {
    let rows: String = report
        .wrong_approvals
        .iter()
        .map(|w| {
            let [photos, deciding, elsewhere] = [w.photos.join(", "), w.deciding.join("; "), w.elsewhere.join("; ")];
            let [photos, deciding, elsewhere] = [photos, deciding, elsewhere].map(|text| if text.is_empty() { "–".to_owned() } else { escape(&text) });
            format!("<tr><td class=\"t\">{photos}</td><td class=\"t bad\">{deciding}</td><td class=\"t\">{elsewhere}</td></tr>")
        })
        .collect();
    format!(
        "<section><h2 class=\"bad\">Wrong approvals <span class=\"soft\">{} of {} in a deciding value</span></h2>\
         <table><tr><th>photos</th><th class=\"t\">in a deciding value</th><th class=\"t\">elsewhere</th></tr>{rows}</table>\
         <p class=\"soft\">Deciding are money, dates, numbers, the kind, and whether the paper is altered; names are not.</p>\
         </section>",
        report.wrong_in_deciding(),
        report.wrong_approvals.len()
    )
}

/// What the colours of a bar mean.
fn legend(keys: &[(&str, &str)]) -> String {
    keys.iter()
        .map(|(hue, what)| format!("<span class=\"key\" style=\"background:var(--{hue})\"></span>{what}"))
        .collect()
}

fn section(set: &SetReport) -> String {
    let mut out = format!(
        "<section><h2>{} <span class=\"soft\">{}, {} labelled, {} unreadable, {} failed</span></h2>",
        escape(&set.set),
        many(set.photos, "photo", "photos"),
        set.labelled,
        set.unreadable,
        set.failed
    );
    if set.labelled > 0 {
        out += "<table class=\"fields\"><tr><th>field</th><th></th><th>n</th><th>right</th><th>wrong</th><th>missing</th>\
                <th>accuracy</th><th>95 %</th><th>loose</th></tr>";
        for f in &set.fields {
            let loose = f.loose.map_or_else(String::new, |l| percent(l.share));
            out += &row(f.field.as_str(), &f.rate, Some((f.wrong, f.missing)), &loose);
        }
        for Total { name, rate, missed } in set.totals() {
            if rate.n > 0 {
                out += &row(&format!("<b>{name}</b>"), rate, missed, "");
            }
        }
        out += &format!(
            "</table><p class=\"soft\">{} (rows and documents: or missing). Intervals are Wilson's, 95 %. Loose: text counts \
             as right where one contains the other.</p>",
            legend(&[("good", "right"), ("warn", "missing"), ("bad", "wrong")])
        );
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
    let wall = set.times.get("wall").map_or_else(String::new, |t| {
        format!(" <span class=\"soft\">{} ms a case, 95 % within {} ms</span>", millis(t.median_ms), millis(t.p95_ms))
    });
    out += &format!(
        "<details><summary>Time{wall}</summary><p class=\"soft\">{}. <code>total</code>: reading, from bytes to fields. \
         <code>wall</code>: the whole case, opening the file and deciding included.</p>",
        legend(&[("hue", "median"), ("warn", "from there to what 95 % stay within")])
    );
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
    out + "</table></details></section>"
}

fn row(name: &str, rate: &Rate, misses: Option<(usize, usize)>, loose: &str) -> String {
    let part = |n: usize| n as f64 / rate.n.max(1) as f64 * 100.0;
    let (wrong, missing) = misses.unwrap_or((rate.n - rate.right, 0));
    let told = |n: usize| if misses.is_some() { n.to_string() } else { String::new() };
    format!(
        "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
         <td class=\"soft\">{:.1}–{:.1} %</td><td>{loose}</td></tr>",
        bar(&[(part(rate.right), "good"), (part(missing), "warn"), (part(wrong), "bad")]),
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

/// Which kinds were taken for which: a true kind a row, a kind read a column.
fn confusion(report: &Report) -> String {
    let all = &report.overall.kind;
    if all.n == 0 {
        return String::new();
    }
    if all.right == all.n {
        return format!("<section><p>No kind was taken for another: all {} are right.</p></section>", all.n);
    }
    let read: BTreeSet<DocumentKind> = report.kinds.values().flat_map(|row| row.keys().copied()).collect();
    let name = |kind: &DocumentKind| kind.as_str().replace('_', "_<wbr>");
    let head: String = read.iter().map(|kind| format!("<th>{}</th>", name(kind))).collect();
    let cell = |truth: DocumentKind, kind: &DocumentKind, row: &BTreeMap<DocumentKind, usize>| {
        let class = if truth == *kind { "good" } else { "bad" };
        row.get(kind).map_or_else(|| "<td></td>".to_owned(), |n| format!("<td class=\"{class}\">{n}</td>"))
    };
    let row = |(truth, row): (&DocumentKind, &BTreeMap<DocumentKind, usize>)| {
        let cells: String = read.iter().map(|kind| cell(*truth, kind, row)).collect();
        format!("<tr><td>{}</td>{cells}</tr>", name(truth))
    };
    let rows: String = report.kinds.iter().map(row).collect();
    format!(
        "<section><h2>Kinds taken for one another</h2><table class=\"kinds\"><tr><th>true ↓ read →</th>{head}</tr>{rows}\
         </table></section>"
    )
}

/// The misses with what the photo shows.
fn looked_at(gallery: &Gallery) -> String {
    if gallery.kept.is_empty() {
        return String::new();
    }
    let figures: String = gallery.kept.iter().map(figure).collect();
    format!(
        "<section><h2>Misses <span class=\"soft\">{} of {} wrong or missing values; those that decide and the surest \
         first</span></h2><div class=\"misses\">{figures}</div></section>",
        gallery.kept.len(),
        gallery.of
    )
}

fn figure(miss: &Miss) -> String {
    let score = &miss.score;
    let (field, value) =
        (score.field.as_str(), |v: &Option<String>| v.as_deref().map_or_else(|| "–".to_owned(), escape));
    let place = match (&miss.crop, &score.got) {
        (Some(jpeg), _) => {
            format!("<img alt=\"{field} in the photo\" src=\"data:image/jpeg;base64,{}\">", STANDARD.encode(jpeg))
        }
        (None, Some(_)) => "<span class=\"soft\">no picture</span>".to_owned(),
        (None, None) => "<span class=\"soft\">nothing read</span>".to_owned(),
    };
    let sure = score.confidence.map_or_else(String::new, |c| format!("<span class=\"soft\">{c} sure</span>"));
    format!(
        "<figure><div>{place}</div><figcaption><b>{field}</b> {sure}<dl><dt>truth</dt><dd class=\"good\">{}</dd>\
         <dt>read</dt><dd class=\"bad\">{}</dd></dl><span class=\"soft\">{}</span></figcaption></figure>",
        value(&score.truth),
        value(&score.got),
        escape(&miss.photo)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ContentHash, Decision, Reading};
    use crate::service::evaluate::{CaseScore, Truth, report, score};

    #[test]
    fn a_page_tells_the_wrong_approval_and_lets_no_name_break_it() {
        let truth = Truth::parse(r#"{"kind":"till_receipt","fields":{"total":"9.90"},"genuine":false,"attack":"<b>"}"#)
            .unwrap();
        let reading = Reading::unreadable("p", ContentHash::of(b"p"), "why".to_owned());
        let case = CaseScore {
            set: "a&b".to_owned(),
            photos: vec![score("<script>.jpg", &reading, Some(&truth))],
            genuine: Some(false),
            attack: truth.attack.clone(),
            chain: None,
            decision: Decision::AutoApprove,
            reasons: vec!["all_clear".to_owned()],
            misread: false,
            held_by: Vec::new(),
            features: None,
            risk_ppm: None,
            risk_limit_ppm: None,
            failed: None,
            stages: BTreeMap::new(),
            wall_us: 1500,
        };
        let mut misread = case.photos[0].fields[0].clone();
        misread.got = Some("<script>\"9\" & '1".to_owned());
        let mut gallery = Gallery::default();
        gallery.add(vec![
            Miss { photo: "<script>.jpg".to_owned(), score: misread, crop: Some(b"JPEG".to_vec()) },
            Miss { photo: "b.jpg".to_owned(), score: case.photos[0].fields[0].clone(), crop: None },
        ]);
        let report = report(&[case]);
        let run = Run {
            at: "2026-05-12T09:30:00Z".to_owned(),
            folder: "bills".to_owned(),
            build: "1.0+abc".to_owned(),
            policy: "built-in".to_owned(),
            policy_sha256: "0123456789abcdef".to_owned(),
            calibration_sha256: "fedcba9876543210".to_owned(),
        };
        let page = page(&report, &run, &gallery);
        let told = "bills · as of 2026-05-12T09:30:00Z · claimlens 1.0+abc · policy built-in 0123456789ab · calibration fedcba987654";
        assert!(page.contains(told), "{run}");
        assert!(page.contains("Wrong approvals") && page.contains("&lt;script&gt;.jpg") && !page.contains("<script>"));
        assert!(page.contains("<td>till_<wbr>receipt</td><td class=\"bad\">1</td>"), "taken for unknown");
        assert!(page.contains("a&amp;b") && page.contains("altered (&lt;b&gt;)"));
        assert!(page.contains("<dd class=\"bad\">&lt;script&gt;&quot;9&quot; &amp; &#39;1</dd>"));
        assert!(page.contains("src=\"data:image/jpeg;base64,SlBFRw==\"") && page.contains("nothing read"));
        assert!(page.contains("2 of 2 wrong or missing values"));
        assert!(!page.contains("http"), "the page needs nothing from elsewhere");
        let table = super::super::table::tables(&report, &run, crate::cli::show::Paint(false));
        assert!(
            table.starts_with(told)
                && table.contains("wrong approvals: 1, 1 of them in a deciding value")
                && table.contains("  total                 1      0"),
            "{table}"
        );
    }
}
