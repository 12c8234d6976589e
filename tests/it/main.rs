//! Everything that looks at the project from the outside, as one program.

mod access;
mod api;
mod audit;
mod backtest;
mod blobs;
mod bucket;
mod cards;
mod cli;
mod clients;
mod fhir;
mod floor_plan;
mod hostile;
mod mock;
mod postgres;
mod privacy;
mod replay;
mod reviews;
mod s3;
mod sandbox;
mod store;
mod support;
mod tamper;
mod tiles;
mod tls;
mod webhooks;
mod workbench;
