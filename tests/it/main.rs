//! Everything that looks at the project from the outside, as one program.

mod api;
mod audit;
mod cli;
mod floor_plan;
mod hostile;
mod postgres;
mod replay;
mod store;
mod support;
