//! The seam to inference: one trait and its ONNX Runtime implementation.

use super::OcrError;
use ort::ep::ArbitrarilyConfigurableExecutionProvider;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A model from one tensor of `f32` to another.
pub trait TensorModel {
    /// Runs the model on a row-major tensor of this shape (`[N, C, H, W]`) and shows `see` the shape and the values that
    /// come out. They are shown, not given: those of one line of text are megabytes.
    ///
    /// # Errors
    /// If the runtime refuses the shape or fails; else what `see` gave.
    fn run(&mut self, shape: [usize; 4], data: Vec<f32>, see: &mut See<'_>) -> Result<(), OcrError>;
}

/// Sees the shape and the values of a model's answer.
pub type See<'a> = dyn FnMut(&[i64], &[f32]) -> Result<(), OcrError> + 'a;

/// In what numbers a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats, on any processor.
    F32,
    /// 16-bit bfloat16, by OpenVINO: twice as fast where the processor multiplies in it, see [`has_bf16`].
    Bf16,
}

/// Whether this processor multiplies in bfloat16, by AMX or AVX-512.
pub fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        // AVX512_BF16 is bit 5 of EAX in leaf 7.1; every processor with AMX has it, and the system must save its registers.
        std::arch::is_x86_feature_detected!("avx512bf16") && std::arch::is_x86_feature_detected!("avx512f")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The loaded ONNX Runtime library.
#[derive(Clone, Debug)]
pub struct Runtime(ort::environment::Environment);

/// The runtime allows one environment a process, so the first one loaded serves every reader.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Loads the shared library. In a process that has loaded one already, gives that one again.
    ///
    /// # Errors
    /// If the library is missing or too old for this build.
    pub fn load(library: &Path) -> Result<Self, OcrError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone());
        }
        let failed = |e: &dyn std::fmt::Display| OcrError::Runtime(format!("{e}; run `make setup`"));
        // Telemetry: this silences all but the first message; src/main.rs has silenced that.
        let builder = ort::init_from(library).map_err(|e| failed(&e))?;
        let environment = builder.with_name("claimlens").with_telemetry(false).build().map_err(|e| failed(&e))?;
        let runtime = Self(environment);
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }
}

/// A model in ONNX Runtime on the CPU.
pub struct OrtModel {
    session: ort::session::Session,
    usual: usize,
    give_back: ort::session::RunOptions,
}

impl OrtModel {
    /// Builds a session from the bytes of an ONNX file, running on `threads` threads.
    ///
    /// A session keeps the memory of its largest run. After one on more than `usual` values it gives back what that took,
    /// so that one odd picture does not count for ever; giving back after every run would cost a quarter of its time.
    /// In bfloat16, what is prepared for a shape is kept only where `usual` bounds the shapes.
    ///
    /// # Errors
    /// If the bytes are no model this runtime can run, or the runtime has no such precision.
    pub fn load(
        runtime: &Runtime,
        onnx: &[u8],
        precision: Precision,
        threads: usize,
        usual: usize,
    ) -> Result<Self, OcrError> {
        let build = || -> Result<ort::session::Session, String> {
            let text = |e: &dyn std::fmt::Display| e.to_string();
            let providers = match precision {
                Precision::F32 => vec![],
                Precision::Bf16 => vec![openvino_bf16(threads, usual < usize::MAX)],
            };
            ort::session::Session::builder(&runtime.0)
                .map_err(|e| text(&e))?
                .with_execution_providers(providers)
                .map_err(|e| text(&e))?
                .with_intra_threads(threads)
                .map_err(|e| text(&e))?
                // Spinning burns the second core of a small machine while the first one works.
                .with_intra_op_spinning(false)
                .map_err(|e| text(&e))?
                // Widths differ from line to line: a memory pattern per shape only grows.
                .with_memory_pattern(false)
                .map_err(|e| text(&e))?
                .commit_from_memory(onnx)
                .map_err(|e| text(&e))
        };
        let session = build().map_err(OcrError::Runtime)?;
        let give_back = || -> ort::Result<ort::session::RunOptions> {
            let mut options = ort::session::RunOptions::new()?;
            options.set("memory.enable_memory_arena_shrinkage", "cpu:0")?;
            Ok(options)
        };
        let give_back = give_back().map_err(|e| OcrError::Runtime(e.to_string()))?;
        Ok(Self { session, usual, give_back })
    }
}

/// OpenVINO on the CPU in bfloat16. Fails where it is missing: falling back would leave the versions untrue.
fn openvino_bf16(threads: usize, keep_shapes: bool) -> ort::ep::ExecutionProviderDispatch {
    let config = match keep_shapes {
        true => r#"{"CPU":{"INFERENCE_PRECISION_HINT":"bf16"}}"#,
        false => r#"{"CPU":{"INFERENCE_PRECISION_HINT":"bf16","CPU_RUNTIME_CACHE_CAPACITY":"0"}}"#,
    };
    ort::ep::OpenVINO::default()
        .with_device_type("CPU")
        .with_num_threads(threads)
        .with_num_streams(1)
        .with_arbitrary_config("load_config", config)
        .build()
        .error_on_failure()
}

impl TensorModel for OrtModel {
    fn run(&mut self, shape: [usize; 4], data: Vec<f32>, see: &mut See<'_>) -> Result<(), OcrError> {
        let large = data.len() > self.usual;
        let input = ort::value::Tensor::from_array((shape, data)).map_err(|e| OcrError::Runtime(e.to_string()))?;
        let outputs = if large {
            self.session.run_with_options(ort::inputs![input], &self.give_back)
        } else {
            self.session.run(ort::inputs![input])
        };
        let outputs = outputs.map_err(|e| OcrError::Runtime(e.to_string()))?;
        let (shape, values) = outputs[0].try_extract_tensor::<f32>().map_err(|e| OcrError::Runtime(e.to_string()))?;
        see(shape, values)
    }
}
