//! One file a kind of document.

pub mod discharge;
pub mod expense;
pub mod medical;
pub mod till;
pub mod vat;
