//! `completions` and `manual`: what shells and `man` know of the commands, made from the commands themselves.

use super::{Cli, Ending};
use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::{Write, stdout};
use std::path::PathBuf;

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  claimlens completions bash > /usr/share/bash-completion/completions/claimlens
  claimlens completions zsh  > /usr/local/share/zsh/site-functions/_claimlens")]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual page, or write one for every command
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  claimlens manual | man -l -
  claimlens manual --out /usr/local/share/man/man1")]
pub struct ManualArgs {
    /// Write claimlens.1, claimlens-verify.1 and so on into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs `completions`.
pub fn completions(args: &CompletionsArgs) -> Result<Ending> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "claimlens", &mut script);
    stdout().write_all(&script)?;
    Ok(Ending::Done)
}

/// Runs `manual`.
pub fn manual(args: &ManualArgs) -> Result<Ending> {
    match &args.out {
        Some(dir) => {
            std::fs::create_dir_all(dir)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), dir))
                .with_context(|| format!("{} cannot be written", dir.display()))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            stdout().write_all(&page)?;
        }
    }
    Ok(Ending::Done)
}
