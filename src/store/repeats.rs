//! What papers are found again by, and what earlier papers have in common with one.

use super::rows::{Alike, PrintRow, Rows, Sought};
use super::vault::Vault;
use super::{Fingerprint, SharedTrait, Store, StoreError, claim_id};
use crate::domain::likeness::{BUILD, SERIAL, device_marks, electronic_original, issuer, marks, proofs};
use crate::domain::{ClaimId, Decision, FieldName, PrintMatch, Reading, Record, Repeat, RepeatKind};
use std::collections::{BTreeMap, BTreeSet};

/// Pictures may show the same up to this many differing bits of 64.
///
/// The perceptual hash keeps within about 6 bits under recompression and scaling. Papers of one form, filled in
/// differently, come as near: what they say must tell them apart.
pub const SAME_PICTURE_BITS: u32 = 8;

/// Where the five parts of a picture hash begin, in hex digits, and how long they are; one index each. Of two hashes that
/// differ in at most [`SAME_PICTURE_BITS`] bits, one part differs in at most one.
const PARTS: [(usize, usize); 5] = [(0, 3), (3, 3), (6, 3), (9, 3), (12, 4)];

/// Rows of one part looked at when nothing but the picture is known of a paper.
const MOST_ALIKE: i64 = 20_000;

/// Repeats told of one document, by kind. One is enough for a review; more would only swell the record.
pub const REPEATS_TOLD: usize = 20;

/// Shorter numbers are taken for misread scraps: bills carry 10 digits, invoices 8 or 20.
const SHORTEST_NUMBER: usize = 6;

/// A claim that shares something with another: how it was last decided, and what it shares.
pub type Sharing = (ClaimId, Decision, BTreeSet<SharedTrait>);

/// After the names of all claims: every one starts with `clm_`.
pub(super) const AFTER_ALL: &str = "~";

/// A camera's model and version that more claims than these were photographed with tells nothing.
const MOST_OF_A_BUILD: i64 = 5;

/// What each photo of a claim is found again by.
pub fn fingerprints(readings: &[Reading]) -> Vec<Fingerprint> {
    readings.iter().enumerate().map(|(n, r)| fingerprint(n, r)).collect()
}

fn fingerprint(document: usize, reading: &Reading) -> Fingerprint {
    // Spaces and case are a reader's noise, never part of such a number.
    let plain = |name| {
        let text: String = reading.value(name)?.chars().filter(char::is_ascii_alphanumeric).collect();
        (!text.is_empty()).then(|| text.to_ascii_uppercase())
    };
    let number = |family: &str, code, number| {
        let number = plain(number).filter(|n| n.len() >= SHORTEST_NUMBER)?;
        Some((family.to_owned(), plain(code), number))
    };
    let numbered = electronic_original(reading)
        .map(|(code, number)| ("bill".to_owned(), code.map(str::to_owned), number.to_owned()))
        .or_else(|| number("bill", FieldName::BillCode, FieldName::BillNumber))
        .or_else(|| number("invoice", FieldName::InvoiceCode, FieldName::InvoiceNumber));
    let (family, code, number) = match numbered {
        Some((family, code, number)) => (Some(family), code, Some(number)),
        None => (None, None, None),
    };
    Fingerprint {
        document: document as i64,
        sha256: reading.sha256.to_string(),
        picture_hash: reading.picture_hash.clone(),
        family,
        code,
        number,
        issued: reading.value(FieldName::IssueDate).map(str::to_owned),
        issuer: issuer(reading),
        marks: &marks(reading) | &device_marks(reading),
    }
}

fn parse_picture_hash(text: &str) -> Option<u64> {
    (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// The numbers up to ten below and ten above, as long as this one and without it; none if it is not all digits.
fn neighbours(number: &str) -> Vec<String> {
    let digits = number.len();
    let most = u32::try_from(digits).ok().and_then(|digits| 10_u128.checked_pow(digits));
    let (Ok(value), Some(most)) = (number.parse::<u128>(), most) else { return Vec::new() };
    let near = value.saturating_sub(10)..=(value + 10).min(most - 1);
    near.filter(|other| *other != value).map(|other| format!("{other:0digits$}")).collect()
}

/// A part of a hash in hex digits, and those that differ from it in one bit.
fn within_one_bit(part: &str) -> Vec<String> {
    let Ok(value) = u32::from_str_radix(part, 16) else { return Vec::new() };
    let digits = part.len();
    let flipped = (0..4 * digits).map(|bit| value ^ 1 << bit);
    std::iter::once(value).chain(flipped).map(|value| format!("{value:0digits$x}")).collect()
}

/// Rows of other claims whose picture looks the same, nearest first, unless numbers or days tell two papers.
async fn same_pictures(db: &mut dyn Rows, claim: &str, print: &Fingerprint) -> Result<Vec<(u32, i64)>, StoreError> {
    let Some((text, hash)) = print.picture_hash.as_deref().and_then(|text| Some((text, parse_picture_hash(text)?)))
    else {
        return Ok(Vec::new());
    };
    let mut near = BTreeSet::new();
    for (part, place) in PARTS.into_iter().enumerate() {
        let probes = within_one_bit(&text[place.0..place.0 + place.1]);
        // Of two numbered papers the number tells, and is searched for by itself; of others, the day.
        let (number, issued) = (print.number.as_deref(), print.issued.as_deref());
        let like = Alike { part, place, probes, number, issued, not_claim: claim, limit: MOST_ALIKE };
        for (row, known) in db.alike(&like).await? {
            let known = parse_picture_hash(&known)
                .ok_or_else(|| StoreError::Corrupt("a fingerprint is not 16 hex digits".to_owned()))?;
            let distance = (known ^ hash).count_ones();
            if distance <= SAME_PICTURE_BITS {
                near.insert((distance, row));
            }
        }
    }
    Ok(near.into_iter().take(REPEATS_TOLD).collect())
}

fn repeat(document: usize, kind: RepeatKind, row: PrintRow, distance: u32) -> Result<Repeat, StoreError> {
    let sha256 = row.sha256.parse();
    Ok(Repeat {
        document,
        kind,
        claim: row.claim,
        other_document: row.document as usize,
        sha256: sha256.map_err(|_| StoreError::Corrupt("a fingerprint's hash is malformed".to_owned()))?,
        distance,
        print: None,
    })
}

fn strongest(mut found: Vec<Repeat>) -> Vec<Repeat> {
    let key = |r: &Repeat| (r.document, r.kind, r.distance, r.claim.clone(), r.other_document);
    found.sort_by_key(key);
    let mut told = BTreeSet::new();
    found.retain(|r| told.insert((r.document, r.claim.clone(), r.other_document)));
    found
}

/// Earlier photos like these in other claims: see [`super::DecisionTransaction::repeats`].
pub(super) async fn repeats(
    db: &mut dyn Rows,
    vault: &Vault,
    claim: &str,
    readings: &[Reading],
) -> Result<Vec<Repeat>, StoreError> {
    let most = REPEATS_TOLD as i64;
    let mut found = Vec::new();
    let mut proven = BTreeSet::new();
    for (document, reading) in readings.iter().enumerate() {
        let print = vault.print(&fingerprint(document, reading))?;
        for row in db.prints(&Sought::Bytes(&print.sha256), claim, most).await? {
            found.push(repeat(document, RepeatKind::SameBytes, row, 0)?);
        }
        for (distance, id) in same_pictures(db, claim, &print).await? {
            for row in db.prints(&Sought::Row(id), claim, 1).await? {
                found.push(repeat(document, RepeatKind::SamePicture, row, distance)?);
            }
        }
        if let (Some(family), Some(number)) = (&print.family, &print.number) {
            let code = print.code.as_deref().unwrap_or_default();
            for row in db.prints(&Sought::Number { family, number, code }, claim, most).await? {
                found.push(repeat(document, RepeatKind::SameNumber, row, 0)?);
            }
        }
        let proofs = proofs(reading);
        for mark in &marks(reading) {
            for row in db.prints(&Sought::Mark(&vault.keyed("mark", mark)?), claim, most).await? {
                let repeat = repeat(document, RepeatKind::SameContent, row, 0)?;
                if proofs.contains(mark) {
                    proven.insert((document, repeat.claim.clone(), repeat.other_document));
                }
                found.push(repeat);
            }
        }
    }
    let mut told = strongest(found);
    let mut records = BTreeMap::new();
    for repeat in &mut told {
        let by_chance = match repeat.kind {
            RepeatKind::SameBytes | RepeatKind::SameNumber => false,
            RepeatKind::SameContent => {
                !proven.contains(&(repeat.document, repeat.claim.clone(), repeat.other_document))
            }
            RepeatKind::SamePicture => true,
        };
        if by_chance {
            if !records.contains_key(&repeat.claim) {
                // One that cannot be read is the audit's to tell; nothing is compared with it.
                let stored = db.last_record(&repeat.claim).await?;
                let bytes = stored.and_then(|(stored, key)| vault.record(&repeat.claim, key.as_deref(), stored).ok());
                let record = bytes.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
                records.insert(repeat.claim.clone(), record);
            }
            let other = records.get(&repeat.claim).and_then(Option::as_ref);
            let other = other.and_then(|record| record.evidence.readings.get(repeat.other_document));
            repeat.print = other.and_then(|other| PrintMatch::of(readings.get(repeat.document)?, other));
        }
    }
    Ok(told)
}

fn parse_decision(text: &str) -> Result<Decision, StoreError> {
    let known = [Decision::AutoApprove, Decision::HumanReview];
    let unknown = || StoreError::Corrupt("unknown decision of a claim".to_owned());
    known.into_iter().find(|decision| decision.as_str() == text).ok_or_else(unknown)
}

impl Store {
    /// Decided claims that share something with this one, newest first and older than `before`, each with its last decision
    /// and what it shares; only those with this decision, if one is given. `None` if there is no such claim.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn related(
        &self,
        id: &ClaimId,
        decided: Option<Decision>,
        before: Option<&ClaimId>,
        limit: u32,
    ) -> Result<Option<Vec<Sharing>>, StoreError> {
        let mut db = self.read().await?;
        let Some(claim) = db.claim(id.as_str()).await? else { return Ok(None) };
        let before = before.map_or(AFTER_ALL, ClaimId::as_str);
        let vault = &self.vault;
        let open = |stored| vault.record(id.as_str(), claim.wrapped.as_deref(), stored);
        let stored = claim.decision.map(|decision| decision.record).filter(|_| claim.erased_at.is_none());
        let record: Option<Record> = stored
            .map(open)
            .transpose()?
            .map(|bytes| serde_json::from_slice(&bytes))
            .transpose()
            .map_err(|_| StoreError::Corrupt("a stored record is not a record".to_owned()))?;
        let mut shared: BTreeMap<String, (Decision, BTreeSet<SharedTrait>)> = BTreeMap::new();
        for plain in fingerprints(record.as_ref().map_or(&[][..], |record| &record.evidence.readings)) {
            let print = vault.print(&plain)?;
            let mut searches = vec![(SharedTrait::Bytes, Sought::Bytes(&print.sha256))];
            let code = print.code.as_deref().unwrap_or_default();
            let near = plain.number.as_deref().map(neighbours).unwrap_or_default();
            let near: Vec<String> =
                near.iter().map(|number| vault.keyed("number", number)).collect::<Result<_, _>>()?;
            if let (Some(family), Some(number)) = (&print.family, &print.number) {
                searches.push((SharedTrait::Number, Sought::Number { family, number, code }));
                if !near.is_empty() {
                    searches.push((SharedTrait::NeighbouringNumber, Sought::Near { family, numbers: &near, code }));
                }
            }
            searches.extend(print.issuer.as_deref().map(|issuer| (SharedTrait::Issuer, Sought::Issuer(issuer))));
            let marks: Vec<(&String, String)> = plain
                .marks
                .iter()
                .map(|mark| Ok((mark, vault.keyed("mark", mark)?)))
                .collect::<Result<_, StoreError>>()?;
            searches.extend(marks.iter().map(|(plain, mark)| match plain {
                plain if plain.starts_with(BUILD) => (SharedTrait::Device, Sought::RareMark(mark, MOST_OF_A_BUILD)),
                plain if plain.starts_with(SERIAL) => (SharedTrait::Device, Sought::Mark(mark)),
                _ => (SharedTrait::Content, Sought::Mark(mark)),
            }));
            let pictures = same_pictures(db.as_mut(), id.as_str(), &print).await?;
            searches.extend(pictures.into_iter().map(|(_, row)| (SharedTrait::Picture, Sought::Row(row))));
            for (what, sought) in searches {
                for [claim, decision] in db.sharing(&sought, id.as_str(), before, decided, limit).await? {
                    let decision = parse_decision(&decision)?;
                    shared.entry(claim).or_insert((decision, BTreeSet::new())).1.insert(what);
                }
            }
        }
        let newest = shared.into_iter().rev().take(limit as usize);
        let newest = newest.map(|(claim, (decision, shared))| Ok((claim_id(&claim)?, decision, shared)));
        Ok(Some(newest.collect::<Result<_, StoreError>>()?))
    }
}
