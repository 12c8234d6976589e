//! How a record looks to users: the contract's result object.

use super::document::{Field, Item};
use super::evidence::{Finding, Quality, Reading, RetakeAdvice};
use super::pixels::{PixelEvidence, Signal, Suspect};
use super::record::Record;
use super::risk::{Contribution, DocumentRisk, Risk};
use super::shape::Quad;
use super::verdict::Reason;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Wall time of each stage in whole microseconds; shown in milliseconds. Not part of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Timing(pub BTreeMap<String, u64>);

impl Timing {
    /// Adds `elapsed` to a stage.
    pub fn add(&mut self, stage: &str, elapsed: std::time::Duration) {
        *self.0.entry(stage.to_owned()).or_default() += elapsed.as_micros() as u64;
    }

    /// By stage, in milliseconds, as shown to people.
    pub fn to_millis(&self) -> Map<String, Value> {
        self.0.iter().map(|(stage, us)| (stage.clone(), json!(*us as f64 / 1000.0))).collect()
    }

    /// Adds all stages of another photo of the same claim.
    pub fn merge(&mut self, other: &Timing) {
        for (stage, us) in &other.0 {
            *self.0.entry(stage.clone()).or_default() += us;
        }
    }
}

/// The contract's result: `verify` line, HTTP body and stored decision share this shape.
pub fn result_json(record: &Record, timing: &Timing) -> Value {
    let documents: Vec<Value> = record
        .evidence
        .readings
        .iter()
        .enumerate()
        .map(|(i, reading)| {
            let risk = record.verdict.risk.as_ref().and_then(|risk| risk.documents.get(i));
            document(reading, record.verdict.findings.get(i).map_or(&[], Vec::as_slice), risk)
        })
        .collect();
    let mut result = json!({
        "decision": record.verdict.decision,
        "reasons": record.verdict.reasons.iter().map(reason).collect::<Vec<_>>(),
        "documents": documents,
        "risk": record.verdict.risk.as_ref().map(risk),
        "versions": record.versions,
        "timing_ms": timing.to_millis(),
        "evidence_sha256": record.evidence_hash(),
    });
    if let Some(completeness) = &record.verdict.completeness {
        result["completeness"] = json!(completeness);
    }
    result
}

/// Probabilities are shares; what each feature adds to the log-odds is in nats.
fn risk(r: &Risk) -> Value {
    let share = |ppm: u32| f64::from(ppm) / 1e6;
    let contributions = |of: &DocumentRisk| -> Map<String, Value> {
        let nats = |c: &Contribution| json!(c.millinats as f64 / 1000.0);
        of.contributions.iter().map(|c| (c.feature.as_str().to_owned(), nats(c))).collect()
    };
    json!({
        "probability_wrong_approval": share(r.probability_ppm),
        "limit": r.limit_ppm.map(share),
        "calibration": r.model,
        "contributions": r.documents.iter().map(contributions).collect::<Vec<_>>(),
    })
}

fn polygon<S>(quad: &Quad<S>) -> Value {
    json!(quad.to_px())
}

fn share(bp: super::text::Bp) -> Value {
    json!(bp.to_share())
}

fn reason(r: &Reason) -> Value {
    let mut out = json!({
        "code": r.code, "severity": r.severity, "message": r.message,
        "fields": r.fields, "regions": r.regions.iter().map(polygon).collect::<Vec<_>>(),
    });
    if let Some(document) = r.document {
        out["document"] = json!(document);
    }
    out
}

fn field(f: &Field) -> Value {
    json!({
        "value": f.value, "text": f.text, "confidence": share(f.confidence),
        "polygon": polygon(&f.polygon), "page_polygon": polygon(&f.page_polygon),
        "readers": f.readers, "repairs": f.repairs,
    })
}

fn item(i: &Item) -> Value {
    let mut out = json!({
        "name": i.name, "amount": i.amount, "confidence": share(i.confidence), "polygon": polygon(&i.polygon),
    });
    if !i.repairs.is_empty() {
        out["repairs"] = json!(i.repairs);
    }
    if let Some(quantity) = &i.quantity {
        out["quantity"] = json!(quantity);
    }
    if let Some(unit) = &i.unit {
        out["unit"] = json!(unit);
    }
    if let Some(price) = &i.price {
        out["price"] = json!(price);
    }
    out
}

/// One piece of retake advice as the contract shows it.
pub fn retake(r: &RetakeAdvice) -> Value {
    json!({ "code": r.code, "message": r.message, "region": r.region.as_ref().map(polygon) })
}

/// The measures of a picture as the contract shows them.
pub fn quality(q: &Quality) -> Value {
    json!({
        "sharpness": q.sharpness.map(share), "text_height_px": q.text_height.map(|h| f64::from(h) / 16.0),
        "glare": share(q.glare), "coverage": share(q.coverage), "brightness": q.brightness,
        "megapixels": f64::from(q.megapixels) / 100.0,
    })
}

fn finding(f: &Finding) -> Value {
    json!({
        "check": f.check, "outcome": f.outcome, "detail": f.detail, "fields": f.fields,
        "regions": f.regions.iter().map(polygon).collect::<Vec<_>>(),
    })
}

/// `genuine` is what the risk model leaves: the probability that the document is neither altered nor misread where it decides.
/// `heatmap` names the picture under the photo's route, where there is one.
fn authenticity(pixels: Option<&PixelEvidence>, risk: Option<&DocumentRisk>) -> Value {
    let Some(pixels) = pixels else { return json!({ "genuine": null, "signals": [], "heatmap": null }) };
    let milli = |score: i32| f64::from(score) / 1000.0;
    let suspect = |s: &Suspect| {
        let mut out = json!({ "score": milli(s.score), "polygon": polygon(&s.polygon) });
        if let Some(field) = s.field {
            out["field"] = json!(field);
        }
        if let Some(like) = &s.like {
            out["like"] = polygon(like);
        }
        out
    };
    let signal = |s: &Signal| {
        json!({
            "signal": s.name, "applicable": s.not_applicable.is_none(), "because": s.not_applicable,
            "alarm": s.alarms(), "score": s.score.map(milli), "limit": milli(s.name.alarm()), "tested": s.tested,
            "message": s.message(), "suspects": s.suspects.iter().map(suspect).collect::<Vec<_>>(),
        })
    };
    json!({
        "genuine": risk.map(|risk| 1.0 - f64::from(risk.probability_ppm) / 1e6),
        "history": pixels.history,
        "signals": pixels.signals.iter().map(signal).collect::<Vec<_>>(),
        "heatmap": "heatmap",
    })
}

fn document(r: &Reading, findings: &[Finding], risk: Option<&DocumentRisk>) -> Value {
    let mut out = json!({
        "source": r.source, "sha256": r.sha256, "kind": r.kind, "kind_confidence": share(r.kind_confidence),
        "unreadable": r.unreadable,
        "size": r.size, "page_size": r.page_size, "upload_to_page": r.upload_to_page.to_f64(),
        "quality": quality(&r.quality),
        "retake": r.retake.iter().map(retake).collect::<Vec<_>>(),
        "fields": r.fields.iter().map(|(name, f)| (name.as_str().to_owned(), field(f))).collect::<Map<_, _>>(),
        "items": r.items.iter().map(item).collect::<Vec<_>>(),
        "lines": r.lines.iter().map(|l| json!({
            "text": l.text, "confidence": share(l.confidence), "polygon": polygon(&l.polygon),
        })).collect::<Vec<_>>(),
        "qr": r.qr.iter().map(|c| json!({ "text": c.text, "polygon": polygon(&c.polygon) })).collect::<Vec<_>>(),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        "authenticity": authenticity(r.pixels.as_ref(), risk),
    });
    if let Some(page) = r.pdf_page {
        out["pdf_page"] = json!(page);
    }
    out
}
