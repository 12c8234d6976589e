//! Parses the command line, starts tracing, calls `cli`; nothing else.

use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;

/// OpenMP, which Tesseract uses, reads this when the program is loaded, before any of our code runs.
const OPENMP_THREADS: &str = "OMP_THREAD_LIMIT";

fn main() -> ExitCode {
    one_openmp_thread();
    let cli = claimlens::cli::Cli::parse();
    // Standard output belongs to results; the log goes to standard error. RUST_LOG says how much of it.
    let level = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(cli.default_log()));
    tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    claimlens::cli::run(cli)
}

/// Starts this program again with OpenMP held to one thread, if the environment does not say how many.
///
/// Tesseract's threads wait for one another in a loop: on small crops that costs several times the work itself, and
/// photos are read in parallel anyway. If the program cannot be started again it goes on, only slower.
fn one_openmp_thread() {
    use std::os::unix::process::CommandExt;
    if std::env::var_os(OPENMP_THREADS).is_some() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let mut arguments = std::env::args_os();
        let name = arguments.next();
        let mut command = std::process::Command::new(program);
        if let Some(name) = name {
            command.arg0(name);
        }
        let _ = command.args(arguments).env(OPENMP_THREADS, "1").exec();
    }
}
