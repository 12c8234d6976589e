//! One file a kind of document.

pub mod discharge;
pub mod expense;
pub mod medical;
mod prices;
pub mod till;
pub mod vat;
