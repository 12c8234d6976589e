//! How well alterations are seen, as a diagram and two tables.

use super::table::percent;
use crate::service::evaluate::{Ablation, Authenticity, Coverage, Rate, Row, SignalReport};

/// Side of the diagram, pixels.
const SIDE: f64 = 220.0;
/// One hue a signal, in their order.
const HUES: [&str; 6] = ["#2563eb", "#d97706", "#16a34a", "#9333ea", "#dc2626", "#0891b2"];

fn of(rate: &Rate) -> String {
    format!("{} of {}", rate.right, rate.n)
}

/// What a row is of: `genuine` or the attack.
fn name(row: &Row) -> &str {
    row.attack.as_deref().unwrap_or("genuine")
}

/// Of how many altered pictures with told places an alarm points to one.
fn hit(row: &Row) -> String {
    row.hit.map_or_else(|| "–".to_owned(), |(hit, n)| format!("{hit} of {n}"))
}

/// Lines for a terminal.
pub fn lines(a: &Authenticity) -> Vec<String> {
    let mut out = vec![
        "alterations                  chain         n  approved  caught  by pixels  by paper  place hit".to_owned(),
    ];
    out.extend(a.rows.iter().map(|row| {
        format!(
            "  {:<26} {:<12} {:>3}  {:>8}  {:>6}  {:>9}  {:>8}  {}",
            name(row),
            row.chain,
            row.n,
            row.approved,
            row.caught.right,
            row.by_pixels,
            row.by_paper,
            hit(row)
        )
    }));
    out.push(
        "signals                      false alarms           alarms on altered      alone  area under curve".to_owned(),
    );
    out.extend(a.signals.iter().map(|s| {
        format!(
            "  {:<26} {:>11} {}  {:>11} {}  {:>5}  {}",
            s.signal.as_str(),
            of(&s.false_alarms),
            percent(s.false_alarms.share),
            of(&s.alarms),
            percent(s.alarms.share),
            s.alone,
            auc(s)
        )
    }));
    out.push("approval up to a risk of     genuine through   altered through   wrong at most (95 %)".to_owned());
    out.extend(told(&a.coverage).map(|c| {
        format!(
            "  {:<26} {:>15}   {:>15}   {:>9.3} ‰",
            format!("{:.3} ‰", c.largest_risk * 1e3),
            percent(c.genuine),
            percent(c.altered),
            c.bound * 1e3
        )
    }));
    if !a.ablation.is_empty() {
        out.push("through at the risk approved  genuine                altered".to_owned());
    }
    out.extend(a.ablation.iter().map(|row| {
        let (genuine, altered) = (&row.genuine, &row.altered);
        format!(
            "  {:<26} {:>12} {}  {:>12} {}",
            without(row),
            of(genuine),
            percent(genuine.share),
            of(altered),
            percent(altered.share)
        )
    }));
    out
}

/// What a row of the ablation leaves out.
fn without(row: &Ablation) -> String {
    row.without.map_or_else(|| "with every signal".to_owned(), |signal| format!("without {}", signal.as_str()))
}

/// At most a dozen steps, the last of them kept.
fn told(coverage: &[Coverage]) -> impl Iterator<Item = &Coverage> {
    let (step, last) = (coverage.len().div_ceil(12).max(1), coverage.len().saturating_sub(1));
    coverage.iter().enumerate().filter(move |(i, _)| i % step == 0 || *i == last).map(|(_, c)| c)
}

fn auc(s: &SignalReport) -> String {
    s.auc.map_or_else(|| "–".to_owned(), |auc| format!("{auc:.3}"))
}

/// The section of the page; `escape` makes text fit for it.
pub fn section(a: &Authenticity, escape: impl Fn(&str) -> String) -> String {
    let rows: String = a
        .rows
        .iter()
        .map(|row| {
            format!(
                "<tr><td>{}</td><td class=\"t\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}–{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(name(row)),
                escape(&row.chain),
                row.n,
                row.approved,
                row.caught.right,
                percent(row.caught.share),
                percent(row.caught.low),
                percent(row.caught.high),
                row.by_pixels,
                row.by_paper,
                hit(row)
            )
        })
        .collect();
    let signals: String = a
        .signals
        .iter()
        .zip(HUES)
        .map(|(s, hue)| {
            format!(
                "<tr><td><span class=\"key\" style=\"background:{hue}\"></span>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                s.signal.as_str().replace('_', " "),
                of(&s.false_alarms),
                percent(s.false_alarms.share),
                of(&s.alarms),
                percent(s.alarms.share),
                s.alone,
                auc(s)
            )
        })
        .collect();
    format!(
        "<section><h2>Alterations <span class=\"soft\">caught: by what pixels or the paper itself say; held for another \
         reason does not count</span></h2><table><tr><th>altered by</th><th class=\"t\">chain</th><th>n</th><th>approved</th>\
         <th>caught</th><th></th><th>95 %</th><th>by pixels</th><th>by paper</th><th>place hit</th></tr>{rows}</table>\
         <h2>Pixel signals <span class=\"soft\">at their limits of alarm, and over all limits</span></h2>\
         <div class=\"beside\">{}<table><tr><th>signal</th><th>false alarms</th><th></th><th>alarms on altered</th><th></th>\
         <th>alone</th><th>area</th></tr>{signals}</table></div><h2>How far approval could go <span class=\"soft\">share of \
         approvals that are wrong, at most, with 95 %</span></h2>{}{}</section>",
        diagram(a),
        coverage(&a.coverage),
        ablation(&a.ablation)
    )
}

fn ablation(all: &[Ablation]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let rows: String = all
        .iter()
        .map(|row| {
            format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                without(row).replace('_', " "),
                of(&row.genuine),
                percent(row.genuine.share),
                of(&row.altered),
                percent(row.altered.share)
            )
        })
        .collect();
    format!(
        "<h2>What each signal does <span class=\"soft\">what would go through at the risk approved, were it not looked at\
         </span></h2><table><tr><th></th><th>genuine through</th><th></th><th>altered through</th><th></th></tr>{rows}</table>"
    )
}

fn coverage(steps: &[Coverage]) -> String {
    let rows: String = told(steps)
        .map(|c| {
            format!(
                "<tr><td>{:.3} ‰</td><td>{}</td><td>{}</td><td>{:.3} ‰</td></tr>",
                c.largest_risk * 1e3,
                percent(c.genuine),
                percent(c.altered),
                c.bound * 1e3
            )
        })
        .collect();
    format!(
        "<table><tr><th>approval up to a risk of</th><th>genuine through</th><th>altered through</th><th>wrong at most</th>\
         </tr>{rows}</table>"
    )
}

/// Alarms on altered pictures against false alarms on genuine ones, as the limit moves.
fn diagram(a: &Authenticity) -> String {
    let x = |share: f64| 36.0 + share * SIDE;
    let y = |share: f64| 10.0 + (1.0 - share) * SIDE;
    let mut marks = String::new();
    for share in [0.0, 0.5, 1.0] {
        let label = (share * 100.0) as u32;
        marks += &format!(
            "<path d=\"M{0:.1} 10V230M36 {1:.1}H256\" stroke=\"var(--line)\"/><text x=\"{0:.1}\" y=\"245\" \
             text-anchor=\"middle\">{label}</text><text x=\"31\" y=\"{2:.1}\" text-anchor=\"end\">{label}</text>",
            x(share),
            y(share),
            y(share) + 4.0
        );
    }
    for (signal, hue) in a.signals.iter().zip(HUES) {
        let points = signal.roc.iter().map(|[_, genuine, altered]| [*genuine, *altered]).chain([[0.0, 0.0]]);
        let points: Vec<String> = points.map(|[g, d]| format!("{:.1},{:.1}", x(g), y(d))).collect();
        if points.len() > 1 {
            marks += &format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{hue}\" stroke-width=\"1.6\"><title>{}</title></polyline>",
                points.join(" "),
                signal.signal.as_str()
            );
        }
    }
    format!(
        "<svg width=\"270\" height=\"262\" role=\"img\" aria-label=\"alarms on altered pictures against false alarms\">{marks}\
         <text x=\"146\" y=\"259\" text-anchor=\"middle\">false alarms, % of genuine</text></svg>"
    )
}
