//! Changes of the cards that a queue shows against the log.

use crate::audit::{Entry, Fault, FaultKind, kind};
use crate::store::cards::RawCards;

/// The changes stored against those in the log.
pub(super) fn against_acts(stored: &[RawCards], logged: &[Entry]) -> Vec<Fault> {
    let same = |row: &RawCards, entry: &Entry| {
        (row.entry as u64, kind::CARDS_CHANGED, &row.at, &row.payload())
            == (entry.seq, entry.kind.as_str(), &entry.at, &entry.payload)
    };
    let fault = |n: u64| Fault::of(FaultKind::CardsAltered).at_entry(n);
    let lost = logged.iter().filter(|entry| !stored.iter().any(|row| same(row, entry))).map(|entry| fault(entry.seq));
    let made = stored.iter().filter(|row| !logged.iter().any(|e| e.seq == row.entry as u64));
    lost.chain(made.map(|row| fault(row.entry as u64))).collect()
}
