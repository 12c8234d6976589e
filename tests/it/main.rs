//! Everything that looks at the project from the outside, as one program.

mod api;
mod audit;
mod backtest;
mod blobs;
mod bucket;
mod cli;
mod floor_plan;
mod hostile;
mod postgres;
mod privacy;
mod replay;
mod s3;
mod store;
mod support;
mod tamper;
mod tiles;
mod workbench;
