//! Whether confidences mean what they say, as a diagram and two tables.

use super::table::{digits, percent};
use crate::service::evaluate::{Bin, Calibration};

/// Where the axes end; a share this near 1 or nearer stands at the end.
const END: f64 = 0.999;

/// Length of an axis, pixels.
const SIDE: f64 = 220.0;

/// Marks on the axes.
const TICKS: [(f64, &str); 5] = [(0.0, "0"), (0.5, "50"), (0.9, "90"), (0.99, "99"), (END, "100 %")];

/// The section on values of one sort.
pub fn section(of: &str, c: &Calibration) -> String {
    let bins = || c.bins.iter().filter(|b| b.n > 0);
    let named = bins().map(|b| (format!("{}–{} %", digits(b.from), digits(b.to)), b));
    let supports = c.by_support.iter().map(|(support, b)| (support.as_str().replace('_', " "), b));
    format!(
        "<section><h2>Does confidence mean what it says? <span class=\"soft\">{of}</span></h2><p class=\"soft\">Expected \
         calibration error {:.2} % over {} values; stated at 99 % or more: {} of {} right. Below the diagonal it promises \
         too much. The axes are stretched towards 100 %, where confidences crowd.</p><div class=\"beside\">{}{}{}</div></section>",
        c.ece * 100.0,
        c.n,
        c.sure.right,
        c.sure.n,
        diagram(bins(), c.n),
        table("confidence", named),
        table("rests on", supports)
    )
}

/// Stated confidence against the share that was right; on the diagonal both agree.
fn diagram<'a>(bins: impl Iterator<Item = &'a Bin>, n: usize) -> String {
    let mut marks = String::new();
    for (share, label) in TICKS {
        let at = along(share);
        let (x, y) = (36.0 + at, 10.0 + SIDE - at);
        marks += &format!(
            "<path d=\"M{x:.1} 10V230M36 {y:.1}H256\" stroke=\"var(--line)\"/>\
             <text x=\"{x:.1}\" y=\"245\" text-anchor=\"middle\">{label}</text>\
             <text x=\"31\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            y + 4.0,
            label.trim_end_matches(" %")
        );
    }
    marks += "<path d=\"M36 230L256 10\" stroke=\"var(--soft)\" stroke-dasharray=\"4 4\"/>";
    for bin in bins {
        // Area follows the number of values.
        let radius = 3.0 + 9.0 * (bin.n as f64 / n as f64).sqrt();
        marks += &format!(
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\" fill=\"var(--hue)\" fill-opacity=\".6\" \
             stroke=\"var(--paper)\"><title>{} values: stated {:.1} %, right {:.1} %</title></circle>",
            36.0 + along(bin.stated),
            10.0 + SIDE - along(bin.right),
            bin.n,
            bin.stated * 100.0,
            bin.right * 100.0
        );
    }
    format!(
        "<svg width=\"290\" height=\"270\" viewBox=\"0 0 290 270\" role=\"img\" aria-label=\"reliability diagram\">{marks}\
         <text x=\"146\" y=\"264\" text-anchor=\"middle\">stated</text>\
         <text x=\"8\" y=\"120\" transform=\"rotate(-90 8 120)\" text-anchor=\"middle\">right</text></svg>"
    )
}

/// Where a share stands on an axis, pixels from its start: each factor of ten in the share that is wrong takes as much
/// room as any other.
fn along(share: f64) -> f64 {
    (1.0 - share.clamp(0.0, END)).log10() / (1.0 - END).log10() * SIDE
}

fn table<'a>(head: &str, rows: impl Iterator<Item = (String, &'a Bin)>) -> String {
    let row = |(name, bin): (String, &Bin)| {
        format!(
            "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            bin.n,
            percent(bin.stated),
            percent(bin.right)
        )
    };
    let rows: String = rows.map(row).collect();
    format!("<table><tr><th>{head}</th><th>values</th><th>stated</th><th>right</th></tr>{rows}</table>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_gives_every_nine_the_same_room() {
        let third = SIDE / 3.0;
        for (share, at) in [(0.0, 0.0), (0.9, third), (0.99, 2.0 * third), (END, SIDE), (1.0, SIDE)] {
            assert!((along(share) - at).abs() < 1e-9, "{share}: {}", along(share));
        }
    }
}
