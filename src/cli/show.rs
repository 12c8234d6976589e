//! A result as people read it: the decision, why, what was read, and where to look.

use super::{Ending, usage};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::fmt::{Display, Write as _};
use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;

/// Print results, as `verify --format jsonl` or the service gave them, readably
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  claimlens verify bills/ --format jsonl > results.jsonl && claimlens show results.jsonl
  curl -s http://127.0.0.1:8080/v1/claims/clm_… | claimlens show")]
pub struct ShowArgs {
    /// File with one or more JSON results; standard input if left out or -
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Language of the reasons
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// Only the decision, why, and where to look
    #[arg(long)]
    brief: bool,
}

/// Language of the reasons; every result holds both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

/// How many of something there are, in words.
pub(super) fn many<N: Display + PartialEq + From<u8>>(n: N, one: &str, more: &str) -> String {
    if n == N::from(1) { format!("1 {one}") } else { format!("{n} {more}") }
}

/// Runs the command.
pub fn run(args: &ShowArgs) -> Result<Ending> {
    let name = args.file.display().to_string();
    let mut text = String::new();
    if name == "-" {
        std::io::stdin().read_to_string(&mut text).context("standard input")?;
    } else {
        text = std::fs::read_to_string(&args.file).map_err(|e| usage(format!("{name}: {e}")))?;
    }
    let paint = Paint::for_stdout();
    let mut out = std::io::stdout().lock();
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        let value = value.map_err(|e| usage(format!("{name} holds no JSON results: {e}")))?;
        // The service wraps nothing around a result, but a list of claims is a natural thing to pass as well.
        out.write_all(render(&value, args.lang, paint, args.brief).as_bytes())?;
    }
    Ok(Ending::Done)
}

/// Whether to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    /// Colour if standard output is a terminal and `NO_COLOR` is unset or empty (no-color.org).
    pub fn for_stdout() -> Self {
        let unset = |name: &str| std::env::var_os(name).is_none_or(|v| v.is_empty());
        Self(
            std::io::stdout().is_terminal()
                && unset("NO_COLOR")
                && std::env::var_os("TERM").is_none_or(|t| t != "dumb"),
        )
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// For headings.
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
    /// For what is good.
    pub fn green(self, text: &str) -> String {
        self.with("32", text)
    }
    /// For what needs a look.
    pub fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }
    /// For what is bad.
    pub fn red(self, text: &str) -> String {
        self.with("31", text)
    }
    /// For what matters less.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
}

/// Confidence below which a field is coloured as worth a look. For the eye only; decisions follow the policy.
const DOUBTFUL: f64 = 0.95;

/// So many places are told of one reason; the JSON has all.
const MOST_PLACES: usize = 4;

/// From so many fields not found on, they are told in one line; the JSON has each.
const FOLDED: usize = 3;

/// So many of the things that count most towards the risk are told; the JSON has all.
const MOST_COUNTS: usize = 3;

/// One result as text, with an empty line after it; if `brief`, without what was read and checked.
pub fn render(result: &Value, lang: Lang, paint: Paint, brief: bool) -> String {
    let mut out = String::new();
    let documents = list(&result["documents"]);
    let sources: Vec<String> = documents.iter().map(|d| text(&d["source"])).collect();
    let title = ["claim", "id", "claim_id"].iter().find_map(|k| result[*k].as_str()).map(clean);
    let title = title.map_or_else(|| sources.join(", "), |id| format!("{id}  {}", sources.join(", ")));
    let decision = match result["decision"].as_str() {
        Some("auto_approve") => paint.green("✓ auto_approve"),
        Some(other) => paint.yellow(&format!("● {}", clean(other))),
        None => paint.dim("… not decided yet"),
    };
    line(&mut out, &paint.bold(&title));
    line(&mut out, &format!("  {decision}"));
    for reason in &folded(list(&result["reasons"])) {
        let blocking = reason["severity"] == "blocking";
        let code = text(&reason["code"]);
        let code = if blocking { paint.red(&code) } else { paint.dim(&code) };
        let mark = if blocking { "■" } else { "·" };
        line(&mut out, &format!("    {mark} {} [{code}]", message(&reason["message"], lang)));
        if let Some(place) = place(reason, &sources) {
            line(&mut out, &paint.dim(&format!("      look at {place}")));
        }
    }
    for document in documents.iter().filter(|_| !brief) {
        render_document(&mut out, document, lang, paint);
    }
    if let Some(risk) = risk(&result["risk"]).filter(|_| !brief) {
        line(&mut out, &paint.dim(&format!("  {risk}")));
    }
    if let Some(total) = result["timing_ms"]["total"].as_f64() {
        line(&mut out, &paint.dim(&format!("  {:.2} s", total / 1000.0)));
    }
    out.push('\n');
    out
}

/// Reasons with the fields that were not found on a document in one of them, where they are many.
fn folded(reasons: &[Value]) -> Vec<Value> {
    let missing = |r: &Value| r["code"] == "required_field_missing";
    let mut out: Vec<Value> = Vec::new();
    for reason in reasons {
        let alike = |r: &&Value| missing(r) && r["document"] == reason["document"];
        let count = if missing(reason) { reasons.iter().filter(alike).count() } else { 0 };
        if count < FOLDED {
            out.push(reason.clone());
        } else if !out.iter().any(|r| alike(&r)) {
            let fields: Vec<&Value> = reasons.iter().filter(alike).flat_map(|r| list(&r["fields"])).collect();
            let mut one = reason.clone();
            one["message"] =
                json!({ "en": format!("{count} fields were not found."), "zh": format!("未找到{count}项。") });
            one["fields"] = json!(fields);
            out.push(one);
        }
    }
    out
}

/// How likely approving is to be wrong, how likely it may be, and what counts most towards it.
fn risk(risk: &Value) -> Option<String> {
    let share = |value: &Value| value.as_f64().map(|share| format!("{:.2} %", share * 100.0));
    let probability = share(&risk["probability_wrong_approval"])?;
    let limit = share(&risk["limit"]).map_or_else(|| "nothing may be approved".to_owned(), |l| format!("limit {l}"));
    let counts = list(&risk["contributions"]).iter().filter_map(Value::as_object).flatten();
    let mut counts: Vec<(&String, f64)> = counts.filter_map(|(name, nat)| Some((name, nat.as_f64()?))).collect();
    counts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let most: Vec<String> = counts.iter().take(MOST_COUNTS).map(|(name, nat)| format!("{name} {nat:+.1}")).collect();
    let by = if most.is_empty() { String::new() } else { format!(": {}", most.join(", ")) };
    Some(format!("risk of a wrong approval {probability} ({limit}){by}"))
}

fn render_document(out: &mut String, document: &Value, lang: Lang, paint: Paint) {
    if let Some(why) = document["unreadable"].as_str() {
        line(out, &format!("  {}: {}", paint.bold(&text(&document["source"])), paint.red(&clean(why))));
        return;
    }
    let size = |v: &Value| format!("{}×{}", v[0], v[1]);
    let about = format!("{}  {}", text(&document["kind"]), paint.dim(&size(&document["size"])));
    line(out, &format!("  {}: {about}", paint.bold(&text(&document["source"]))));
    if let Some(fields) = document["fields"].as_object() {
        for (name, field) in fields {
            let confidence = field["confidence"].as_f64().unwrap_or(0.0);
            let share = format!("{:5.1} %", confidence * 100.0);
            let share = if confidence < DOUBTFUL { paint.yellow(&share) } else { paint.green(&share) };
            let value = match field["value"].as_str() {
                Some(value) => clean(value),
                None => paint.yellow(&format!("not understood: {:?}", text(&field["text"]))),
            };
            let repairs = list(&field["repairs"]).iter().map(text).collect::<Vec<_>>().join(", ");
            let repairs = if repairs.is_empty() { repairs } else { paint.dim(&format!("  ({repairs})")) };
            line(out, &format!("    {name:<18} {share}  {value}{repairs}"));
        }
    }
    for item in list(&document["items"]) {
        let amount = item["amount"].as_str().map_or_else(|| "?".to_owned(), clean);
        line(out, &format!("    {} {amount:>10}  {}", paint.dim("row"), text(&item["name"])));
    }
    for finding in list(&document["findings"]) {
        let outcome = match finding["outcome"].as_str() {
            Some("pass") => paint.green("pass"),
            Some("fail") => paint.red("fail"),
            Some("inconclusive") => paint.yellow("unclear"),
            _ => continue,
        };
        let detail = finding["detail"].as_object();
        let detail = detail.map(|d| d.iter().map(|(k, v)| format!("{k} {}", text(v))).collect::<Vec<_>>().join(", "));
        let detail = paint.dim(&detail.unwrap_or_default());
        line(out, &format!("    check {}: {outcome}  {detail}", text(&finding["check"])));
    }
    for advice in list(&document["retake"]) {
        line(out, &format!("    {} {}", paint.yellow("retake"), message(&advice["message"], lang)));
    }
}

/// Where to look: the document, the fields, the box of each region in pixels of the upload.
fn place(reason: &Value, sources: &[String]) -> Option<String> {
    let document = reason["document"].as_u64().and_then(|n| sources.get(n as usize));
    let fields = list(&reason["fields"]).iter().map(text).collect::<Vec<_>>().join(", ");
    let mut boxes: Vec<String> = list(&reason["regions"]).iter().filter_map(bounds).collect();
    let more = boxes.len().saturating_sub(MOST_PLACES);
    boxes.truncate(MOST_PLACES);
    let mut boxes = boxes.join(" and ");
    if more > 0 {
        boxes += &format!(" and {more} more");
    }
    let parts: Vec<String> =
        [document.cloned().unwrap_or_default(), fields, if boxes.is_empty() { boxes } else { format!("at {boxes}") }]
            .into_iter()
            .filter(|p| !p.is_empty())
            .collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn bounds(region: &Value) -> Option<String> {
    let corners: Vec<(f64, f64)> = list(region).iter().filter_map(|p| Some((p[0].as_f64()?, p[1].as_f64()?))).collect();
    let (&first, rest) = corners.split_first()?;
    let (low, high) =
        rest.iter().fold((first, first), |(l, h), p| ((l.0.min(p.0), l.1.min(p.1)), (h.0.max(p.0), h.1.max(p.1))));
    Some(format!("{:.0},{:.0}–{:.0},{:.0}", low.0, low.1, high.0, high.1))
}

fn message(message: &Value, lang: Lang) -> String {
    text(
        &message[match lang {
            Lang::En => "en",
            Lang::Zh => "zh",
        }],
    )
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(s) => clean(s),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Without control characters: what stands on a photo must not drive the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}", text.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result() -> Value {
        json!({
            "decision": "human_review",
            "reasons": [{ "code": "total_in_words_differs", "severity": "blocking", "document": 0,
                "message": { "en": "The words say 9.90.", "zh": "大写为9.90。" }, "fields": ["total"],
                "regions": [[[10.5, 20.0], [30.0, 20.0], [30.0, 40.0], [10.5, 41.0]]] }],
            "documents": [{ "source": "a\u{1b}[31m.jpg", "kind": "till_receipt", "size": [800, 600],
                "fields": { "total": { "value": "8.90", "confidence": 0.5, "text": "8.90", "repairs": ["O read as 0"] },
                            "tax": { "value": null, "confidence": 0.1, "text": "?.?" } },
                "items": [{ "name": "Tea", "amount": "8.90" }],
                "findings": [{ "check": "total_in_words", "outcome": "fail", "detail": { "words": "9.90" } }] }],
            "risk": { "probability_wrong_approval": 0.25, "limit": 0.01,
                "contributions": [{ "blur": 0.04, "recapture": 6.16 }, { "unsure": 0.35, "odd_in_line": 1.2 }] },
            "timing_ms": { "total": 930.0 },
        })
    }

    #[test]
    fn everything_a_person_needs_is_there() {
        let shown = render(&result(), Lang::En, Paint(false), false);
        for part in [
            "● human_review",
            "■ The words say 9.90. [total_in_words_differs]",
            "look at a [31m.jpg · total · at 10,20–30,41",
            "till_receipt  800×600",
            "total               50.0 %  8.90  (O read as 0)",
            "not understood: \"?.?\"",
            "8.90  Tea",
            "check total_in_words: fail  words 9.90",
            "risk of a wrong approval 25.00 % (limit 1.00 %): recapture +6.2, odd_in_line +1.2, unsure +0.3",
            "0.93 s",
        ] {
            assert!(shown.contains(part), "no {part:?} in\n{shown}");
        }
        assert!(!render(&result(), Lang::En, Paint(false), true).contains("check "));
        assert!(render(&result(), Lang::Zh, Paint(false), false).contains("大写为9.90。"));
    }

    #[test]
    fn many_fields_not_found_are_one_line() {
        let reason = |document: u64, field: &str| {
            json!({ "code": "required_field_missing", "severity": "blocking",
            "document": document, "message": { "en": format!("The {field} was not found.") }, "fields": [field] })
        };
        let reasons = [("a", 0), ("b", 0), ("c", 0), ("d", 1)].map(|(field, document)| reason(document, field));
        let shown = render(
            &json!({ "reasons": reasons, "documents": [{ "source": "1" }, { "source": "2" }] }),
            Lang::En,
            Paint(false),
            true,
        );
        assert!(
            shown.contains("■ 3 fields were not found. [required_field_missing]\n      look at 1 · a, b, c\n"),
            "{shown}"
        );
        assert!(shown.contains("The d was not found.") && !shown.contains("The a was"), "{shown}");
    }

    #[test]
    fn a_photo_cannot_drive_the_terminal() {
        assert!(!render(&result(), Lang::En, Paint(false), false).contains('\x1b'));
        assert!(render(&result(), Lang::En, Paint(true), false).contains("\x1b[31m"));
    }

    #[test]
    fn odd_json_is_no_trouble() {
        for odd in [json!(null), json!([1]), json!({ "documents": 3, "reasons": [null] })] {
            assert!(render(&odd, Lang::En, Paint(false), false).contains("not decided yet"));
        }
    }
}
