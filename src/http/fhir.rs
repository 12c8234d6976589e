//! Claims as FHIR R4 (4.0.1) has them: a `Claim` taken in, a `ClaimResponse` given out.
//!
//! What is taken of a `Claim`, and all else is passed over, as FHIR asks of readers: `identifier`, the name and identifier of
//! `patient`, number and period of the focal `insurance`'s coverage (either may be contained or told in place), `total`, and of
//! `subType` or `type` what it is for. What a paper would be compared with and cannot be, such as a patient's number without
//! a name, is refused: passed over, it would let an approval through that it speaks against.

use super::claims::ClaimAnswer;
use crate::domain::evidence::{Insured, PolicyTerm};
use crate::domain::{Claim, Decision};
use crate::service::ClaimState;
use crate::service::review::ReviewState;
use serde_json::{Value, json};

/// The media type of FHIR's JSON.
pub const MEDIA_TYPE: &str = "application/fhir+json";

/// The claim in a FHIR resource; `None` if it is none, but a claim of our own form.
///
/// # Errors
/// Names the element and the form it must have.
pub fn claim_of(json: &Value) -> Option<Result<Claim, String>> {
    let resource = json.get("resourceType")?;
    Some(match resource.as_str() {
        Some("Claim") => taken(json),
        _ => Err("`resourceType` must be \"Claim\"".to_owned()),
    })
}

fn taken(claim: &Value) -> Result<Claim, String> {
    let id =
        text(&claim["identifier"][0]["value"]).ok_or("`identifier` must hold a `value`, your name for the claim")?;
    let patient =
        told(claim, &claim["patient"], "patient", |one| number_of(one).is_some() || !matches!(name_of(one), Ok(None)))?;
    let coverage = told(claim, focal(claim), "insurance.coverage", |one| {
        number_of(one).is_some() || text(&one[1]["subscriberId"]).is_some()
    })?;
    let name = name_of(&patient)?;
    let id_number = number_of(&patient);
    let number = coverage.iter().find_map(|one| text(&one["subscriberId"])).or_else(|| number_of(&coverage));
    let day_of = |end: &str| coverage.iter().find_map(|one| text(&one["period"][end])).map(day);
    let (from, to) = (day_of("start"), day_of("end"));
    if name.is_none() && id_number.is_some() {
        return Err("`patient` must have a name with its identifier".to_owned());
    }
    if number.is_none() && (from.is_some() || to.is_some()) {
        return Err("`insurance.coverage` must have a `subscriberId` or identifier with its `period`".to_owned());
    }
    let total = &claim["total"];
    Ok(Claim {
        id,
        claim_type: claim_type(claim),
        insured: name.map(|name| Insured { name, id_number }),
        policy: number.map(|number| PolicyTerm { number, from, to }),
        amount: if total["value"].is_null() { None } else { Some(amount(&total["value"])?) },
        currency: text(&total["currency"]),
    })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A date, or the day of a date with a time.
fn day(text: String) -> String {
    text.split('T').next().unwrap_or_default().to_owned()
}

fn full_name(name: &Value) -> Option<String> {
    let family = name["family"].as_str().unwrap_or_default();
    let given: Vec<&str> = name["given"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // As Chinese names are written; others have a space.
    let join = if family.is_ascii() { " " } else { "" };
    let whole = [given.join(join), family.to_owned()];
    let whole = if family.is_ascii() { whole } else { [family.to_owned(), given.join(join)] };
    let whole = whole.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(join);
    (!whole.is_empty()).then_some(whole)
}

/// Whoever is told of: by the resource that a reference names, and by the reference itself. Who is not contained must be
/// told of in place, so that something can be compared; nobody is asked for it.
fn told<'a>(
    claim: &'a Value,
    reference: &'a Value,
    element: &str,
    is_told: impl Fn(&[&Value; 2]) -> bool,
) -> Result<[&'a Value; 2], String> {
    let named = reference["reference"].as_str();
    let id = named.and_then(|named| named.strip_prefix('#'));
    let mut contained = claim["contained"].as_array().into_iter().flatten();
    let found = contained.find(|one| id.is_some() && one["id"].as_str() == id);
    if named.is_some() && found.is_none() && !is_told(&[&Value::Null, reference]) {
        return Err(format!("`{element}.reference` must name what is contained"));
    }
    Ok([found.unwrap_or(&Value::Null), reference])
}

/// The coverage that the claim is judged by: that of the focal insurance, else of the first.
fn focal(claim: &Value) -> &Value {
    let insurances = claim["insurance"].as_array().map(Vec::as_slice).unwrap_or_default();
    let focal = insurances.iter().find(|one| one["focal"] == json!(true)).or(insurances.first());
    focal.map_or(&Value::Null, |one| &one["coverage"])
}

/// The name that papers bear: one for official or usual use, or for none in particular.
fn name_of(patient: &[&Value; 2]) -> Result<Option<String>, String> {
    let names = || patient.iter().filter_map(|one| one["name"].as_array()).flatten();
    let of_use = |wanted: Option<&str>| {
        let mut names = names().filter(|name| name["use"].as_str() == wanted);
        names.find_map(|name| text(&name["text"]).or_else(|| full_name(name)))
    };
    let name = [Some("official"), Some("usual"), None].into_iter().find_map(of_use);
    match name.or_else(|| patient.iter().find_map(|one| text(&one["display"]))) {
        None if names().next().is_some() => Err("`patient.name` must hold one for official or usual use".to_owned()),
        name => Ok(name),
    }
}

/// The first identifier: one of a resource's list, or a reference's only one.
fn number_of(who: &[&Value; 2]) -> Option<String> {
    who.iter().find_map(|one| text(&one["identifier"][0]["value"]).or_else(|| text(&one["identifier"]["value"])))
}

/// A FHIR decimal as a decimal with two digits.
fn amount(value: &Value) -> Result<String, String> {
    let wrong = || "`total.value` must be a number of at most two decimals such as 993.54".to_owned();
    let number = value.as_number().ok_or_else(wrong)?.to_string();
    let (whole, cents) = number.split_once('.').unwrap_or((&number, ""));
    if cents.len() > 2 || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(wrong());
    }
    Ok(format!("{whole}.{cents:0<2}"))
}

/// What it is for, where the codes say so: `inpatient` and `outpatient` of a claim's sub-type, `pharmacy` of its type.
fn claim_type(claim: &Value) -> Option<String> {
    let codes = |of: &str| {
        let coding = claim[of]["coding"].as_array().cloned().unwrap_or_default();
        coding.iter().filter_map(|one| text(&one["code"])).collect::<Vec<_>>()
    };
    let known = |code: &String| ["inpatient", "outpatient", "pharmacy"].contains(&code.as_str());
    codes("subType").into_iter().chain(codes("type")).find(known)
}

/// A claim as a `ClaimResponse`. It says what was decided and why, and no sums: those are the insurer's.
pub fn response_of(claim: &ClaimAnswer) -> Value {
    let review = claim.review.iter().flatten().next().map(|review| review.state);
    let decision = claim.result.get("decision").and_then(Value::as_str);
    let approved = decision == Some(Decision::AutoApprove.as_str());
    let outcome = match (claim.status, review) {
        (ClaimState::Processing, _) => "queued",
        (_, Some(ReviewState::Decided | ReviewState::Withdrawn)) => "complete",
        (_, None) if approved => "complete",
        _ => "queued",
    };
    let reasons = || claim.result.get("reasons").and_then(Value::as_array).into_iter().flatten();
    let note = |reason: &Value, language: &str| {
        json!({
            "type": "display",
            "text": reason["message"][language],
            "language": { "coding": [{ "system": "urn:ietf:bcp:47", "code": language }] },
        })
    };
    let mut notes: Vec<Value> =
        reasons().flat_map(|reason| ["en", "zh"].map(|language| note(reason, language))).collect();
    notes.iter_mut().zip(1..).for_each(|(note, n)| note["number"] = json!(n));
    let mut extensions: Vec<Value> = decision
        .map(|decision| json!({ "url": "urn:claimlens:decision", "valueCode": decision }))
        .into_iter()
        .collect();
    extensions.extend(reasons().map(|reason| json!({ "url": "urn:claimlens:reason", "valueCode": reason["code"] })));
    let mut response = json!({
        "resourceType": "ClaimResponse",
        "id": claim.id.as_str().replace('_', "-"),
        "identifier": [{ "system": "urn:claimlens:claim", "value": claim.id }],
        "status": if review == Some(ReviewState::Withdrawn) { "cancelled" } else { "active" },
        "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/claim-type", "code": "institutional" }] },
        "use": "claim",
        "patient": { "display": "the claim's patient" },
        "created": claim.decided_at.as_ref().unwrap_or(&claim.created_at),
        "insurer": { "display": "claimlens" },
        "outcome": outcome,
    });
    if let Some(claim) = &claim.claim {
        response["request"] = json!({ "type": "Claim", "identifier": { "value": claim.id } });
    }
    for (name, list) in [("extension", extensions), ("processNote", notes)] {
        if !list.is_empty() {
            response[name] = Value::Array(list);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Value {
        json!({
            "resourceType": "Claim",
            "status": "active",
            "contained": [
                { "resourceType": "Patient", "id": "p", "identifier": [{ "value": "11010519491231002X" }],
                  "name": [{ "family": "郑", "given": ["试例"] }] },
                { "resourceType": "Coverage", "id": "c", "subscriberId": "P-1",
                  "period": { "start": "2026-01-01", "end": "2026-12-31T23:59:59Z" } },
            ],
            "identifier": [{ "system": "urn:app", "value": "A-1" }],
            "type": { "coding": [{ "code": "institutional" }] },
            "subType": { "coding": [{ "code": "inpatient" }] },
            "use": "claim",
            "patient": { "reference": "#p" },
            "created": "2026-05-12",
            "insurance": [{ "sequence": 1, "focal": true, "coverage": { "reference": "#c" } }],
            "total": { "value": 644.1, "currency": "CNY" },
        })
    }

    #[test]
    fn a_claim_is_taken_from_its_elements() {
        let claim = claim_of(&example()).unwrap().unwrap();
        let wanted = json!({
            "id": "A-1", "type": "inpatient", "insured": { "name": "郑试例", "id_number": "11010519491231002X" },
            "policy": { "number": "P-1", "from": "2026-01-01", "to": "2026-12-31" }, "amount": "644.10", "currency": "CNY",
        });
        assert_eq!(serde_json::to_value(&claim).unwrap(), wanted);
        let least = json!({ "resourceType": "Claim", "identifier": [{ "value": "A-2" }] });
        let least = claim_of(&least).unwrap().unwrap();
        assert_eq!(serde_json::to_value(&least).unwrap(), json!({ "id": "A-2" }));
        let mut told_in_place = example();
        told_in_place["patient"] = json!({ "display": "Ann Lee", "identifier": { "value": "X1" } });
        told_in_place["insurance"][0]["coverage"] = json!({ "identifier": { "value": "P-9" } });
        let claim = claim_of(&told_in_place).unwrap().unwrap();
        assert_eq!(claim.insured.unwrap().name, "Ann Lee");
        assert_eq!(claim.policy.unwrap().number, "P-9");
        // Whole resources in place of references, and names that no paper bears.
        let mut resources = example();
        let (nickname, official) =
            (json!({ "use": "nickname", "text": "阿试" }), json!({ "use": "official", "text": "郑试例" }));
        resources["patient"] =
            json!({ "resourceType": "Patient", "name": [nickname, official], "identifier": [{ "value": "X2" }] });
        resources["insurance"] = json!([
            { "coverage": { "subscriberId": "P-0" } },
            { "focal": true, "coverage": { "subscriberId": "P-3", "period": { "start": "2026-02-01" } } },
        ]);
        let claim = claim_of(&resources).unwrap().unwrap();
        let insured = claim.insured.unwrap();
        assert_eq!((insured.name.as_str(), insured.id_number.as_deref()), ("郑试例", Some("X2")));
        let policy = claim.policy.unwrap();
        assert_eq!((policy.number.as_str(), policy.from.as_deref()), ("P-3", Some("2026-02-01")));
        let western = json!({ "family": "Lee", "given": ["Ann", "B."] });
        assert_eq!(full_name(&western).as_deref(), Some("Ann B. Lee"));
    }

    #[test]
    fn what_is_wrong_names_its_element() {
        let with = |element: &str, value: Value| json!({ "resourceType": "Claim", "identifier": [{ "value": "1" }], element: value });
        for (spoil, element) in [
            (json!({ "resourceType": "Patient" }), "`resourceType`"),
            (json!({ "resourceType": "Claim" }), "`identifier`"),
            (
                json!({ "resourceType": "Claim", "identifier": [{ "value": "1" }], "total": { "value": 1.234 } }),
                "`total.value`",
            ),
            (
                json!({ "resourceType": "Claim", "identifier": [{ "value": "1" }], "total": { "value": "1.20" } }),
                "`total.value`",
            ),
            (
                json!({ "resourceType": "Claim", "identifier": [{ "value": "1" }], "total": { "value": -1 } }),
                "`total.value`",
            ),
            (with("patient", json!({ "identifier": { "value": "11010519491231002X" } })), "`patient`"),
            (with("patient", json!({ "name": [{ "use": "nickname", "text": "阿试" }] })), "`patient.name`"),
            (with("patient", json!({ "reference": "#nobody" })), "`patient.reference`"),
            (with("patient", json!({ "reference": "Patient/1" })), "`patient.reference`"),
            (
                with("insurance", json!([{ "coverage": { "reference": "Coverage/c" } }])),
                "`insurance.coverage.reference`",
            ),
            // Words for people, with which nothing can be compared.
            (
                with("insurance", json!([{ "coverage": { "reference": "Coverage/c", "display": "2020" } }])),
                "`insurance.coverage.reference`",
            ),
            (
                with(
                    "insurance",
                    json!([{ "coverage": { "reference": "Coverage/c", "identifier": { "system": "x" } } }]),
                ),
                "`insurance.coverage.reference`",
            ),
            (with("insurance", json!([{ "coverage": { "period": { "end": "2020-12-31" } } }])), "`insurance.coverage`"),
        ] {
            assert!(claim_of(&spoil).unwrap().unwrap_err().starts_with(element), "{spoil}");
        }
        assert!(claim_of(&json!({ "id": "A-1" })).is_none(), "a claim of our own form");
        for (value, wanted) in [(json!(5), "5.00"), (json!(0.5), "0.50"), (json!(12.34), "12.34")] {
            assert_eq!(amount(&value).as_deref(), Ok(wanted));
        }
    }
}
