//! `reader`: the process that decodes and reads for `serve`. Not for people: it is started by this program alone.

use super::{Ending, EngineArgs, usage};
use crate::pipeline::{Inference, Reader};
use crate::service::sandbox::{Keeper, Layers, Program, child, escapes};
use crate::vision::Limits;
use anyhow::Result;
use clap::Args;
use std::ffi::OsString;
use std::io::Write;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

/// Decode and read photos for another process, locked in
#[derive(Debug, Args)]
pub struct ReaderArgs {
    /// Mebibytes of address space it may take
    #[arg(long, value_name = "MIB", default_value_t = child::memory_for(1))]
    memory: u64,
    /// Only decode, without the models
    #[arg(long)]
    decode_only: bool,
    /// Lock itself in and try this way out
    #[arg(long = "try", value_name = "NAME")]
    escape: Option<String>,
    /// With which locks to try it
    #[arg(long, default_value = "all", requires = "escape")]
    layers: Layers,
    #[command(flatten)]
    engines: EngineArgs,
}

/// Runs the command.
pub fn run(args: &ReaderArgs) -> Result<Ending> {
    if let Some(name) = &args.escape {
        let said = escapes::take(name, args.layers).map_err(usage)?;
        writeln!(std::io::stdout(), "{said}")?;
        return Ok(Ending::Done);
    }
    let config = args.engines.reader();
    let load = || {
        if args.decode_only {
            return Ok(None);
        }
        let loaded = catch_unwind(|| Reader::load(&config));
        loaded.map_err(|_| "an engine failed while loading".to_owned())?.map(Some).map_err(|e| e.to_string())
    };
    child::run(load, Limits::default(), args.memory)?;
    Ok(Ending::Done)
}

/// Time that a sender waits for a photo to be decoded: a hundred times the usual.
const DECODE_TIME: Duration = Duration::from_secs(20);

/// What keeps the process that decodes what comes in.
pub fn decoder(memory: u64) -> Arc<Keeper> {
    let arguments = ["reader".into(), "--decode-only".into(), "--memory".into(), memory.to_string().into()];
    Arc::new(Keeper::new(Program::this(arguments.into()), DECODE_TIME))
}

/// What keeps the process that reads, each photo in so much time.
pub fn reader(engines: &EngineArgs, memory: u64, photo_time: Duration) -> Arc<Keeper> {
    let mut arguments: Vec<OsString> =
        vec!["reader".into(), "--memory".into(), memory.to_string().into(), "--models".into()];
    arguments.push(engines.models_dir().into());
    match engines.inference() {
        Inference::F32(library) => arguments.extend(["--onnxruntime".into(), library.into()]),
        Inference::Bf16(_) => arguments.extend(["--precision".into(), "bf16".into()]),
    }
    // Before the service gives the photo up, so that the reader is not given up with it.
    Arc::new(Keeper::new(Program::this(arguments), photo_time.mul_f64(0.95)))
}

/// The program that tries a way out.
pub fn tries() -> Program {
    Program::this(vec!["reader".into()])
}
