//! Parses the command line, starts tracing, calls `cli`; nothing else.

use std::io::IsTerminal;
use std::process::ExitCode;

/// What libraries read from the environment when the program is loaded, before any of our code runs.
///
/// OpenMP's threads, which Tesseract uses, wait for one another in a loop: on small crops that costs several times the
/// work itself, and photos are read in parallel anyway. The C library's allocator gives each thread a heap of its own,
/// and pictures freed in one are no use to the others: one heap needs a fifth less memory under eight clients, and is no
/// slower. From a mebibyte on it is to ask the system and give back: kept, such pieces lie between others and are lost.
///
/// ONNX Runtime tells its maker of every process that loads it, keeps a name for the machine and what could not be sent in
/// the home, and does so from a thread that a reader which is locked in is killed for. Its own switch comes too late for
/// the first message: only this is heard before it.
const SETTINGS: [(&str, &str); 4] = [
    ("OMP_THREAD_LIMIT", "1"),
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "1048576"),
    ("ORT_DISABLE_TELEMETRY", "1"),
];

fn main() -> ExitCode {
    start_again_with_settings();
    let cli = claimlens::cli::Cli::read();
    // Standard output belongs to results; the log goes to standard error. RUST_LOG says how much of it.
    let level = std::env::var("RUST_LOG").ok().filter(|level| !level.is_empty());
    let level = claimlens::cli::log_filter(level.as_deref().unwrap_or(cli.default_log()));
    tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // Where nobody reads the log any more, saying so would panic, request by request.
        .log_internal_errors(false)
        .init();
    claimlens::cli::run(cli)
}

/// Starts this program again with those settings that the environment lacks, if any. If it cannot be started again it
/// goes on, only slower.
fn start_again_with_settings() {
    use std::os::unix::process::CommandExt;
    let missing: Vec<(&str, &str)> =
        SETTINGS.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()).collect();
    if missing.is_empty() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let mut arguments = std::env::args_os();
        let name = arguments.next();
        let mut command = std::process::Command::new(program);
        if let Some(name) = name {
            command.arg0(name);
        }
        let _ = command.args(arguments).envs(missing).exec();
    }
}
