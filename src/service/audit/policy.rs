//! Acts about policies against the log.

use crate::audit::{Entry, Fault, FaultKind};
use crate::store::policy::RawAct;
use std::collections::HashMap;

/// The acts stored against those in the log, with the sound texts of policies by hash.
pub(super) fn against_acts(stored: &[RawAct], logged: &[Entry], texts: &HashMap<String, String>) -> Vec<Fault> {
    let same = |row: &RawAct, entry: &Entry| {
        let text = row.policy.as_ref().and_then(|hash| texts.get(hash)).map(String::as_str);
        let is_told = row.kind == entry.kind && row.payload(text) == entry.payload;
        is_told && row.entry as u64 == entry.seq && row.at == entry.at
    };
    let fault = |n: u64| Fault::of(FaultKind::PolicyActAltered).at_entry(n);
    let lost = logged.iter().filter(|entry| !stored.iter().any(|row| same(row, entry))).map(|entry| fault(entry.seq));
    let made = stored.iter().filter(|row| !logged.iter().any(|e| e.seq == row.entry as u64));
    lost.chain(made.map(|row| fault(row.entry as u64))).collect()
}
