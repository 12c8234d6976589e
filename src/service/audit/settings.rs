//! What an admin said of how people work against the log.

use crate::audit::{Entry, Fault};
use crate::store::settings::{RawSetting, Setting};

/// The changes of a setting that are stored against those in the log.
pub(super) fn against_acts(setting: Setting, stored: &[RawSetting], logged: &[Entry]) -> Vec<Fault> {
    let same = |row: &RawSetting, entry: &Entry| {
        (row.entry as u64, setting.kind(), &row.at, &row.payload())
            == (entry.seq, entry.kind.as_str(), &entry.at, &entry.payload)
    };
    let fault = |n: u64| Fault::of(setting.altered()).at_entry(n);
    let logged: Vec<&Entry> = logged.iter().filter(|entry| entry.subject == setting.subject()).collect();
    let lost = logged.iter().filter(|entry| !stored.iter().any(|row| same(row, entry))).map(|entry| fault(entry.seq));
    let made = stored.iter().filter(|row| !logged.iter().any(|e| e.seq == row.entry as u64));
    lost.chain(made.map(|row| fault(row.entry as u64))).collect()
}
