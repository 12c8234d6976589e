//! claimlens reads photos of claim documents and answers *auto-approve* or *human-review*, with reasons.
//!
//! A document flows one way:
//!
//! ```text
//! bytes → image → text → fields → evidence → decision → record
//! ```
//!
//! Three ideas carry the design:
//!
//! 1. **Read, look up, judge.** [`pipeline::Reader::read`] turns bytes into a [`domain::Reading`]; [`pipeline::judge`]
//!    turns evidence into a [`domain::Verdict`]. Between them the service does the only I/O of a run (repeats, the
//!    time) and keeps the answers in [`domain::Facts`]. Replay is `judge` called again.
//! 2. **Trouble with the paper is a finding; trouble with us is an error.** A blurred photo or a bad checksum is data
//!    that reaches the reviewer. "We could not do the work" is an error, and an error ends in human review.
//! 3. **Floats end where evidence begins.** Confidences become basis points, coordinates 1/16 pixel, money whole fen
//!    the moment a reading is made. `judge` has no float, clock, locale, hash-map order or I/O, so the same evidence
//!    gives the same bytes on any machine.
//!
//! # The floors
//!
//! | module | what it does | may use of ours |
//! |---|---|---|
//! | [`domain`] | words of the trade: ids, money, identifiers, shapes, evidence, verdict, record, the steps of a review, roles | — |
//! | [`vision`] | bytes → upright, rectified, deskewed page with its homography and quality | domain |
//! | [`ocr`] | page → lines of text; second reader for decisive values | domain, vision, models |
//! | [`extract`] | lines → kind, typed fields, rows | domain |
//! | [`forensics`] | photo + lines → what the pixels tell of how the file came about | domain |
//! | [`checks`] | what the paper says: a table of checks over evidence | domain |
//! | [`decision`] | policy + findings → verdict with every reason | domain |
//! | [`models`] | the model files and their pinned hashes; the calibration table | domain |
//! | [`pipeline`] | read and judge: the only file that knows the order | domain, vision, ocr, extract, forensics, checks, decision, models |
//! | [`audit`] | hash chain and Merkle tree over log entries, signed checkpoints, proofs, and their verification | domain |
//! | [`store`] | verbs over SQLite or PostgreSQL; leases on work; content-addressed photos in a folder or on S3-compatible storage; what is known of people sealed under a key of each claim | domain, audit |
//! | [`service`] | intake, work, the processes that decode and read, reviews, keys, sign-in at an issuer, webhooks, traces, replay, backtests, where a shift came from, how carefully people rule, evaluation: what HTTP and CLI share | domain, vision, decision, models, pipeline, audit, store |
//! | [`http`] | routes and who may take them, problem answers, FHIR, OpenAPI, TLS, the workbench's pages | domain, decision, service |
//! | [`cli`] | the commands and their settings: puts the product together | domain, vision, forensics, decision, models, pipeline, audit, service, http, specimen |
//! | [`specimen`] | the lab: paints, photographs and alters labelled documents | domain |
//!
//! `tests/it/floor_plan.rs` reads this table and the sources, and fails on an import that it does not allow. From `domain` to
//! `pipeline` there is no clock, randomness, environment, file, network, logging, async or global state; the exceptions
//! are reading model files once at start, Tesseract's own start, the stage timer in `pipeline`, the thread with a
//! deep stack on which a PDF is drawn, and the threads on which the lines of one page are read.
//!
//! # Why is it so?
//!
//! *Why is there no `Stage` trait?* Stages have different types in and out and are never swapped; functions say so.
//!
//! *Which traits are there?* [`ocr::OcrEngine`] (PP-OCR, Tesseract, a canned one in tests), `ocr::tensor::TensorModel`
//! (ONNX Runtime, fakes), `service::ReadPhotos` (the pipeline here, in a process that is locked in, or what it read
//! before), `service::DecodePhotos` (here, or locked in) and `store::rows::{Backend, Rows}` with `store::walk::Walk`
//! (SQLite, PostgreSQL): two real things or more each.
//!
//! *Why does the service read in another process?* Photos come from strangers, and decoders are where strangers' bytes
//! break programs. `service::sandbox` keeps those that do away from the records, the keys and the network.
//!
//! *Why do the backends share a test suite and no SQL?* Each is good at other things (one file and one writer; arrays, row locks
//! and advisory locks). What rows mean is written once, above both.
//!
//! *Why are findings not part of the evidence?* They follow from it. What can be derived is derived again at replay.

pub mod audit;
pub mod checks;
pub mod cli;
pub mod decision;
pub mod domain;
pub mod extract;
pub mod forensics;
pub mod http;
pub mod models;
pub mod ocr;
pub mod pipeline;
pub mod service;
pub mod specimen;
pub mod store;
pub mod vision;
