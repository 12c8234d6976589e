//! Settings from a file: what stands in it counts where neither the command line nor the environment says otherwise.
//!
//! The keys are the long options of `serve`; other commands take those of them that they have, such as where the records
//! are. Everything that is wrong in the file and in the environment is told at once.

use super::Cli;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory};
use std::ffi::OsString;
use std::path::PathBuf;
use toml::{Table, Value};

/// The command line with what the file named by `--config` or `CLAIMLENS_CONFIG` adds to it.
///
/// # Errors
/// Every fault of the file and of the environment, a line each.
pub(super) fn with_file(mut arguments: Vec<OsString>) -> Result<Vec<OsString>, Vec<String>> {
    let cli = Cli::command();
    // Whatever else is wrong is told when the whole is parsed.
    let Ok(given) = cli.clone().ignore_errors(true).try_get_matches_from(&arguments) else { return Ok(arguments) };
    let serve = cli.find_subcommand("serve").expect("there is such a command").clone();
    let mut faults = Vec::new();
    if given.subcommand_name() == Some("serve") {
        faults.extend(of_environment(&serve));
    }
    if let Some(file) = given.get_one::<PathBuf>("config") {
        match read(file) {
            Err(fault) => faults.push(fault),
            Ok(table) => {
                let (at, command, matches) = leaf(&cli, &given, &arguments);
                let mut added = Vec::new();
                for (key, value) in &table {
                    match options(&serve, key, value) {
                        Err(fault) => faults.push(format!("{}: {key}: {fault}", file.display())),
                        Ok(options) if wants(command, matches, key) => added.extend(options),
                        Ok(_) => {}
                    }
                }
                arguments.splice(at..at, added.into_iter().map(OsString::from));
            }
        }
    }
    if faults.is_empty() { Ok(arguments) } else { Err(faults) }
}

fn read(file: &PathBuf) -> Result<Table, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    // The parser's own message quotes lines, and a line may hold a password.
    text.parse::<Table>().map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        format!("{}: line {line} is not TOML: {}", file.display(), error.message())
    })
}

/// The innermost command that was named, what is known of its options, and where they may stand.
fn leaf<'a>(cli: &'a Command, given: &'a ArgMatches, arguments: &[OsString]) -> (usize, &'a Command, &'a ArgMatches) {
    let (mut command, mut matches, mut at) = (cli, given, 1);
    while let Some((name, inner)) = matches.subcommand() {
        let Some(found) = command.find_subcommand(name) else { break };
        let place = arguments.iter().skip(at).position(|argument| argument == name);
        (command, matches, at) = (found, inner, at + place.map_or(0, |place| place + 1));
    }
    (at, command, matches)
}

/// Whether a command has an option that nothing more pressing has set.
fn wants(command: &Command, matches: &ArgMatches, key: &str) -> bool {
    let Some(option) = option(command, key) else { return false };
    !matches!(matches.value_source(option.get_id().as_str()), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

fn option<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|option| option.get_long() == Some(key) && key != "config" && key != "help")
}

/// An entry of the file as options of the command line.
fn options(serve: &Command, key: &str, value: &Value) -> Result<Vec<String>, String> {
    let option = option(serve, key).ok_or("there is no such setting")?;
    if matches!(option.get_action(), ArgAction::SetTrue) {
        return match value {
            Value::Boolean(true) => Ok(vec![format!("--{key}")]),
            Value::Boolean(false) => Ok(Vec::new()),
            _ => Err("must be true or false".to_owned()),
        };
    }
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        _ => Err("must be a text in quotes or a number".to_owned()),
    };
    let many = matches!(option.get_action(), ArgAction::Append);
    let values = match value {
        Value::Array(values) if many => values.iter().map(one).collect::<Result<_, _>>()?,
        Value::Array(_) => return Err("must be one value, not a list".to_owned()),
        value => vec![one(value)?],
    };
    for value in &values {
        holds(serve, key, value)?;
    }
    Ok(values.into_iter().map(|value| format!("--{key}={value}")).collect())
}

/// What is wrong in the environment.
fn of_environment(serve: &Command) -> Vec<String> {
    let mut faults = Vec::new();
    for option in serve.get_arguments() {
        let (Some(key), Some(name)) = (option.get_long(), option.get_env()) else { continue };
        // Empty counts as not set.
        let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else { continue };
        if matches!(option.get_action(), ArgAction::SetTrue) {
            continue;
        }
        let told = value.to_str().map_or_else(|| Err("is not UTF-8".to_owned()), |value| holds(serve, key, value));
        faults.extend(told.err().map(|fault| format!("{}: {fault}", name.to_string_lossy())));
    }
    faults
}

/// Whether an option takes a value.
fn holds(serve: &Command, key: &str, value: &str) -> Result<(), String> {
    match serve.clone().try_get_matches_from(["serve".to_owned(), format!("--{key}={value}")]) {
        Err(error) if matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) => {
            let text = error.to_string();
            let mut lines = text.lines();
            let first = lines.next().unwrap_or_default().trim_start_matches("error: ");
            // The environment is looked at after the command line, and may have faults of its own.
            if !first.contains(&format!("'--{key}")) {
                return Ok(());
            }
            match lines.next().map(str::trim) {
                Some(known) if known.starts_with('[') => Err(format!("{first} {known}")),
                _ => Err(first.to_owned()),
            }
        }
        // Those that go with others only are looked at together.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(file: &str, arguments: &[&str]) -> Result<Vec<String>, Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("claimlens.toml");
        std::fs::write(&path, file).unwrap();
        let mut all = vec![OsString::from("claimlens"), OsString::from("--config"), path.clone().into_os_string()];
        all.extend(arguments.iter().map(OsString::from));
        let shown = |text: String| text.replace(&path.display().to_string(), "FILE");
        match with_file(all) {
            Ok(all) => Ok(all.into_iter().skip(3).map(|argument| argument.into_string().unwrap()).collect()),
            Err(faults) => Err(faults.into_iter().map(shown).collect()),
        }
    }

    #[test]
    fn what_the_command_line_does_not_say_the_file_does() {
        let file = "listen = \"127.0.0.1:9000\"\ndata = \"/srv/claims\"\njobs = 3\nopen = true\nskip-claim-reads = false\n\
                    retain = [\"*:*=90\", \"till_receipt:*=keep\"]\n";
        let all = with(file, &["serve", "--jobs", "1"]).unwrap();
        assert_eq!(
            all,
            [
                "serve",
                "--data=/srv/claims",
                "--listen=127.0.0.1:9000",
                "--open",
                "--retain=*:*=90",
                "--retain=till_receipt:*=keep",
                "--jobs",
                "1"
            ]
        );
        let of_another = with(file, &["audit", "verify"]).unwrap();
        assert_eq!(of_another, ["audit", "verify", "--data=/srv/claims"], "other commands take what they have");
        assert!(Cli::command().try_get_matches_from([vec!["claimlens".to_owned()], all].concat()).is_ok());
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let file = "retain = [\"what\"]\nprecision = \"f8\"\nlisten = \"nowhere\"\njobs = \"many\"\nopen = \"yes\"\nspeed = 9\nrole = [\"api\"]\nconfig = \"b\"\n";
        let faults = with(file, &["serve"]).unwrap_err();
        for fault in [
            "FILE: config: there is no such setting",
            "FILE: jobs: invalid value 'many' for '--jobs <N>': invalid digit found in string",
            "FILE: listen: invalid value 'nowhere' for '--listen <ADDRESS>': invalid socket address syntax",
            "FILE: open: must be true or false",
            "FILE: precision: invalid value 'f8' for '--precision <PRECISION>' [possible values: f32, bf16]",
            "FILE: role: must be one value, not a list",
            "FILE: speed: there is no such setting",
        ] {
            assert!(faults.iter().any(|told| told == fault), "{fault} is not in {faults:#?}");
        }
        assert_eq!(faults.len(), 8, "{faults:#?}");
        let faults = with("data = \"a\"\npassword = hunter2\n", &["serve"]).unwrap_err();
        assert!(faults.len() == 1 && faults[0].starts_with("FILE: line 2 is not TOML"), "{faults:?}");
        assert!(!faults[0].contains("hunter2"), "no line is quoted");
    }
}
