//! Acts about API keys against the log.

use crate::audit::{Entry, Fault, FaultKind};
use crate::store::access::RawKeyAct;
use std::collections::HashMap;

/// The acts stored against those in the log.
pub(super) fn against_acts(stored: &[RawKeyAct], logged: &[Entry]) -> Vec<Fault> {
    let rows: HashMap<u64, &RawKeyAct> = stored.iter().map(|row| (row.entry as u64, row)).collect();
    let same = |entry: &Entry| {
        let row = rows.get(&entry.seq);
        row.is_some_and(|row| (&row.kind, &row.at, &row.payload()) == (&entry.kind, &entry.at, &entry.payload))
    };
    let fault = |n: u64| Fault::of(FaultKind::AccessAltered).at_entry(n);
    let lost = logged.iter().filter(|entry| !same(entry)).map(|entry| fault(entry.seq));
    let made = stored.iter().filter(|row| !logged.iter().any(|e| e.seq == row.entry as u64));
    lost.chain(made.map(|row| fault(row.entry as u64))).collect()
}
