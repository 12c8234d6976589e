//! The command line. Results go to standard output, everything else to standard error.
//!
//! Exit status of every command: 0 it was done (whatever was decided), 1 something could not be done or did not hold,
//! 2 wrong usage.

mod audit;
mod check;
mod config;
mod demo;
mod doctor;
mod erase;
mod eval;
mod gate;
mod kept;
mod keys;
mod known;
mod manual;
mod oidc;
mod places;
mod policy;
mod reader;
mod replay;
mod serve;
mod show;
mod specimen;
mod verify;
mod witness;
mod workers;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Reads photos of medical bills, invoices and receipts, checks them, and answers auto_approve or human_review.
///
/// Every decision comes with its reasons and with the places on the photo that they speak of. There is no automatic
/// rejection: what does not clearly hold goes to a person.
#[derive(Debug, Parser)]
#[command(name = "claimlens", version, styles = STYLES, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Examples:
  claimlens verify bill.jpg                      decide on one photo
  claimlens verify bills/ --format jsonl         one JSON object a photo
  claimlens serve                                the HTTP service on 127.0.0.1:8080
  claimlens doctor                               what is missing, and how to mend it

Exit status: 0 done, 1 something could not be done or did not hold, 2 wrong usage.")]
pub struct Cli {
    /// Settings that neither the command line nor the environment gives, in TOML: the long options of `serve`
    #[arg(long, value_name = "FILE", env = "CLAIMLENS_CONFIG", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::ServeArgs>),
    Verify(verify::VerifyArgs),
    Check(check::CheckArgs),
    Eval(eval::EvalArgs),
    Replay(replay::ReplayArgs),
    Audit(audit::AuditArgs),
    Gate(gate::GateArgs),
    Keys(keys::KeysArgs),
    Known(known::KnownArgs),
    Erase(erase::EraseArgs),
    Policy(policy::PolicyArgs),
    Specimen(specimen::SpecimenArgs),
    Show(show::ShowArgs),
    Doctor(doctor::DoctorArgs),
    Completions(manual::CompletionsArgs),
    Manual(manual::ManualArgs),
    #[command(hide = true)]
    Reader(reader::ReaderArgs),
}

/// What is logged at a level such as `info`, or by directives like those of `RUST_LOG`. Libraries that would quote what was
/// sent, or name where it is kept, are not heard.
pub fn log_filter(level: &str) -> EnvFilter {
    let silent = SILENT.iter().map(|name| format!("{name}=off").parse().expect("this is a directive"));
    silent.fold(EnvFilter::new(level), EnvFilter::add_directive)
}

/// `object_store` names buckets and keys; `ureq` quotes what is asked of an issuer verifier and answered.
const SILENT: [&str; 3] = ["object_store", "ureq", "ureq_proto"];

impl Cli {
    /// Reads the command line, the environment and the file of settings; tells what is wrong and ends the program if
    /// anything is.
    pub fn read() -> Self {
        match config::with_file(std::env::args_os().collect()) {
            Ok(arguments) => Self::parse_from(arguments),
            Err(faults) => {
                faults.iter().for_each(|fault| complain(fault));
                std::process::exit(2)
            }
        }
    }

    /// What to log when `RUST_LOG` is not set.
    pub fn default_log(&self) -> &'static str {
        match self.command {
            Command::Serve(_) => "info",
            _ => "warn",
        }
    }
}

/// Where the models and the inference library are; both are found on their own from the project's folder.
#[derive(Debug, Clone, Args)]
struct EngineArgs {
    /// Folder with manifest.toml and the models [default: models/ here or beside the program]
    #[arg(long, value_name = "DIR", env = "CLAIMLENS_MODELS", hide_env_values = true, help_heading = "Engines")]
    models: Option<PathBuf>,
    /// The ONNX Runtime library [default: the pinned one in native/ here or beside the program]
    #[arg(long, value_name = "FILE", env = "CLAIMLENS_ONNXRUNTIME", hide_env_values = true, help_heading = "Engines")]
    onnxruntime: Option<PathBuf>,
    /// In what numbers text is read. bf16 takes a quarter less time, needs a processor with AMX or AVX-512 BF16, and is not what
    /// the certificate was earned with
    #[arg(long, value_enum, default_value_t, env = "CLAIMLENS_PRECISION", help_heading = "Engines")]
    precision: PrecisionArg,
}

/// In what numbers text is found and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
enum PrecisionArg {
    /// 32-bit floats, by ONNX Runtime
    #[default]
    F32,
    /// bfloat16, by OpenVINO, which `CLAIMLENS_PRECISION=bf16 make setup` installs
    Bf16,
}

/// Where the records are.
#[derive(Debug, Clone, Args)]
struct PlaceArgs {
    /// Where records and photos are kept
    #[arg(long, value_name = "DIR", default_value = "data", env = "CLAIMLENS_DATA")]
    data: PathBuf,
    #[command(flatten)]
    storage: StorageArgs,
}

/// Where the database and the photos are, if not in the folder.
#[derive(Debug, Clone, Args)]
struct StorageArgs {
    /// Keep the records in this PostgreSQL database, and only photos and the log's key in the folder:
    /// postgres://USER@HOST/NAME. A password is better given by the environment, which other users cannot see
    #[arg(long, value_name = "URL", env = "CLAIMLENS_DATABASE", hide_env_values = true)]
    database: Option<SecretText>,
    #[command(flatten)]
    photos: PhotosArgs,
    #[command(flatten)]
    kek: KekArgs,
}

/// What the records are sealed with. Every command that opens records needs the same.
#[derive(Debug, Clone, Args)]
struct KekArgs {
    /// The file with the key-encryption key, 32 bytes in base64, made for new records [default: kek.key under --data].
    /// CLAIMLENS_KEK may hold the key itself instead
    #[arg(long, value_name = "FILE", env = "CLAIMLENS_KEK_FILE")]
    kek_file: Option<PathBuf>,
}

/// An argument that may hold a password, and so is not printed.
#[derive(Clone)]
struct SecretText(String);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Who is asked about the issuers of documents. Without these nobody is, and nothing goes over the network.
#[derive(Debug, Clone, Args)]
struct IssuerArgs {
    /// List of known issuers, CSV with the header name,aliases,credit_code,level,nature,province
    #[arg(long, value_name = "FILE", env = "CLAIMLENS_ISSUERS", help_heading = "Issuers")]
    issuers: Option<PathBuf>,
    /// Also ask this address about each issuer and document, by POST of JSON
    #[arg(
        long,
        value_name = "URL",
        env = "CLAIMLENS_ISSUER_VERIFIER",
        hide_env_values = true,
        help_heading = "Issuers"
    )]
    issuer_verifier: Option<String>,
    /// Ask it so many times a minute at most; what is beyond goes to a person
    #[arg(long, value_name = "N", default_value_t = 60, help_heading = "Issuers")]
    issuer_quota: u32,
}

/// Where photos are kept. Every command that opens records needs the same.
#[derive(Debug, Clone, Args)]
struct PhotosArgs {
    /// Keep photos in a bucket of S3-compatible storage, s3://BUCKET/PREFIX, reached by the usual AWS_… variables
    /// [default: the folder photos/ under --data]
    #[arg(long, value_name = "URL", env = "CLAIMLENS_PHOTOS", hide_env_values = true)]
    photos: Option<String>,
}

/// How to decide, and as of when.
#[derive(Debug, Clone, Args)]
struct DecisionArgs {
    /// Decide by this policy instead of the built-in one
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Decide as if it were this time, such as 2026-05-12T09:30:00Z
    #[arg(long, value_name = "RFC3339")]
    now: Option<Timestamp>,
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// How results are printed, one a photo or claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
enum Lines {
    /// For people
    #[default]
    Text,
    /// One JSON object a line, in the order of the photos
    Jsonl,
}

/// What became of a command.
enum Ending {
    /// Done.
    Done,
    /// Ran to its end, and something could not be done or did not hold.
    NotAll,
}

/// The command was called in a way that cannot work: exit status 2.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error that says the usage was wrong.
fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Usage(message.into()))
}

/// Runs a command and gives its exit status.
pub fn run(cli: Cli) -> ExitCode {
    let ending = match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Known(args) => known::run(&args),
        Command::Erase(args) => erase::run(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Specimen(args) => specimen::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Manual(args) => manual::manual(&args),
        Command::Reader(args) => reader::run(&args),
    };
    match ending {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::NotAll) => ExitCode::from(1),
        // Whoever read our output has had enough; that is no fault.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|e| e.downcast_ref::<std::io::Error>()).any(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Writes a line to standard error; if even that is closed there is nobody left to tell.
fn complain(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_password_given_is_not_printed() {
        let cli = Cli::try_parse_from(["claimlens", "serve", "--database", "postgres://u:geheim@h/d"]).unwrap();
        assert!(!format!("{cli:?}").contains("geheim"));
    }

    #[test]
    fn a_collector_is_an_address_of_http_alone() {
        let given = |endpoint: &str| Cli::try_parse_from(["claimlens", "serve", "--otlp-endpoint", endpoint]);
        for good in ["http://127.0.0.1:4318", "https://collector.example/otlp", ""] {
            assert!(given(good).is_ok(), "{good}");
        }
        for bad in ["127.0.0.1:4318", "grpc://a:4317", "http://a:", "http://u:p@a", "http://a?b=c"] {
            assert!(given(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_clock_can_be_fixed() {
        assert!(Cli::try_parse_from(["claimlens", "verify", "a.jpg", "--now", "2026-05-12T09:30:00Z"]).is_ok());
        assert!(Cli::try_parse_from(["claimlens", "verify", "a.jpg", "--now", "yesterday"]).is_err());
        assert!(Cli::try_parse_from(["claimlens", "verify"]).is_err());
    }
}
