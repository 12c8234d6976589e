//! The built program from the outside: exit status, what goes to which stream.

#![allow(clippy::unwrap_used, reason = "in a test, the panic is the message")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn claimlens(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_claimlens"))
        .args(args)
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG")
        .output()
        .expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// ONNX Runtime keeps a name for the machine there, and what it could not tell its maker.
#[test]
fn reading_leaves_nothing_in_the_home_and_tells_nobody() {
    let home = tempfile::tempdir().unwrap();
    let read = Command::new(env!("CARGO_BIN_EXE_claimlens"))
        .args(["verify", "samples/till_receipt/photo.jpg"])
        .env("HOME", home.path())
        .env_remove("ORT_DISABLE_TELEMETRY")
        .env_remove("XDG_CACHE_HOME")
        .output()
        .unwrap();
    assert!(stdout(&read).contains("till_receipt"), "{}", stderr(&read));
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn wrong_usage_ends_with_2_and_says_why() {
    let empty = tempfile::tempdir().unwrap();
    let empty = empty.path().to_str().unwrap();
    for (args, says) in [
        (&[][..], "Usage"),
        (&["paint"], "unrecognized subcommand"),
        (&["verify"], "required"),
        (&["verify", "a.jpg", "--now", "yesterday"], "--now"),
        (&["verify", "Cargo.toml", "--policy", "no/such.toml"], "no/such.toml"),
        (&["verify", "Cargo.toml", "--claim", "Cargo.toml"], "not a claim"),
        (&["verify", "a.jpg", "--format", "yaml"], "jsonl"),
        (&["verify", empty], "no pictures"),
        (&["verify", "no/such.jpg"], "error: no/such.jpg does not exist\n"),
        (&["eval", "no/such/folder"], "not a folder"),
        (&["eval", "samples", "--report", "no/such/folder/r.html"], "r.html cannot be written"),
        (&["replay"], "--all"),
        (&["audit", "verify", "--photos", "/srv/photos"], "--photos: it must be s3://BUCKET"),
        (&["replay", "--all", "--photos", "s3://claims/a//b"], "--photos: the prefix"),
        (&["replay", "clm_1", "--all"], "cannot be used with"),
        (&["erase", "clm_1", "--by", "a", "--why", "b"], "clm_1"),
        (&["erase", "clm_00000000000000000000000000", "--by", "a b", "--why", "b"], "--by must be"),
        (&["serve", "--retain", "till_receipt=3"], "till_receipt:auto_approve=365"),
        (&["serve", "--decide-days", "4294967295"], "4294967295 is not in 0..=3650"),
        (&["serve", "--refuse-days", "3651"], "3651 is not in 0..=3650"),
        (&["serve", "--pay-days", "3651"], "3651 is not in 0..=3650"),
        (&["serve", "--task-days", "3651"], "3651 is not in 0..=3650"),
        (&["audit", "export"], "<--claim <ID>|--tiles <DIR>>"),
        (&["show", "Cargo.toml"], "no JSON"),
    ] {
        let output = claimlens(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "{args:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn shells_and_man_are_told_of_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&claimlens(&["completions", shell]));
        assert!(script.contains("backtest") && script.contains("retain"), "{shell}");
    }
    assert!(stdout(&claimlens(&["manual"])).contains(".SH NAME"));
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("man1");
    assert_eq!(claimlens(&["manual", "--out", out.to_str().unwrap()]).status.code(), Some(0));
    assert!(out.join("claimlens-policy-adopt.1").is_file());
}

#[test]
fn a_databases_password_is_never_told() {
    for url in ["mysql://clerk:geheim@localhost/claims", "postgres://clerk:geheim@127.0.0.1:1/claims"] {
        let output = claimlens(&["audit", "verify", "--database", url]);
        assert_ne!(output.status.code(), Some(0));
        assert!(stderr(&output).starts_with("error: ") && !stderr(&output).contains("geheim"), "{}", stderr(&output));
    }
}

#[test]
fn a_policy_is_adopted_and_its_history_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.toml");
    std::fs::write(&file, crate::support::policy().replace("max_documents = 10", "max_documents = 9")).unwrap();
    let (data, file) = (dir.path().join("data"), file.to_str().unwrap());
    drop(crate::support::Running::open(crate::support::config(&data)));
    let data = data.to_str().unwrap();
    let refused = claimlens(&["policy", "adopt", file, "--data", data, "--by", "two words", "--why", "x"]);
    assert_eq!((refused.status.code(), stderr(&refused).contains("--by must be")), (Some(2), true));
    let adopt = ["policy", "adopt", file, "--data", data, "--by", "rv-1", "--why", "at most nine"];
    let adopted = claimlens(&adopt);
    assert_eq!(adopted.status.code(), Some(0), "{}", stderr(&adopted));
    let again = claimlens(&adopt);
    assert_eq!((again.status.code(), stderr(&again).contains("in force already")), (Some(1), true));
    let status = stdout(&claimlens(&["policy", "status", "--data", data]));
    assert!(status.starts_with("in force  ") && status.contains("by rv-1: at most nine"), "{status}");
    let history = stdout(&claimlens(&["policy", "history", "--data", data]));
    assert_eq!(history.lines().count(), 2, "{history}");
    let other = claimlens(&["serve", "--data", data, "--policy", "src/decision/policy.toml", "--role", "api"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(stderr(&other).contains("is not the one in force"), "{}", stderr(&other));
}

#[test]
fn help_and_version_end_with_0() {
    for command in
        ["serve", "verify", "eval", "replay", "audit", "gate", "erase", "policy", "specimen", "show", "doctor"]
    {
        let output = claimlens(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(stdout(&output).contains("Usage: claimlens"), "{command}");
    }
    assert!(stdout(&claimlens(&["--version"])).starts_with("claimlens "));
}

#[test]
fn a_text_called_jpg_gets_its_line() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b.jpg", "a.jpg"] {
        std::fs::write(dir.path().join(name), "this is no picture").unwrap();
    }
    let output = claimlens(&["verify", dir.path().to_str().unwrap(), "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let lines: Vec<Value> = stdout(&output).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let names: Vec<_> = lines
        .iter()
        .map(|l| Path::new(l["documents"][0]["source"].as_str().unwrap()).file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["a.jpg", "b.jpg"]);
    for line in &lines {
        assert_eq!(line["decision"], "human_review");
        let codes: Vec<_> = line["reasons"].as_array().unwrap().iter().map(|r| r["code"].as_str().unwrap()).collect();
        assert!(codes.contains(&"photo_unreadable"), "{codes:?}");
    }
}

#[test]
fn what_cannot_be_opened_goes_to_a_person_and_ends_with_1() {
    let output = claimlens(&["verify", "/dev/null", "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let line: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(line["decision"], "human_review");
    assert!(stderr(&output).contains("/dev/null"), "{}", stderr(&output));
}

#[test]
fn a_missing_engine_is_told_once_with_its_mending() {
    let dir = tempfile::tempdir().unwrap();
    let photo = dir.path().join("a.jpg");
    std::fs::write(&photo, "this is no picture").unwrap();
    let (photo, data) = (photo.to_str().unwrap(), dir.path().to_str().unwrap());
    for (args, says) in [
        (["serve", "--data", data, "--models", "/no/such"], "git checkout models"),
        (["serve", "--data", data, "--onnxruntime", "/no/such"], "make setup"),
        (["verify", photo, "--jobs=1", "--onnxruntime", "/no/such"], "make setup"),
    ] {
        let output = claimlens(&args);
        let told = stderr(&output);
        assert_eq!((output.status.code(), told.matches(says).count()), (Some(1), 1), "{args:?}: {told}");
    }
}

#[test]
fn what_verify_prints_show_can_read() {
    let dir = tempfile::tempdir().unwrap();
    let photo = dir.path().join("a.jpg");
    std::fs::write(&photo, "this is no picture").unwrap();
    let json = claimlens(&["verify", photo.to_str().unwrap(), "--format", "jsonl"]);
    let file = dir.path().join("results.jsonl");
    std::fs::write(&file, &json.stdout).unwrap();
    let shown = claimlens(&["show", file.to_str().unwrap()]);
    assert_eq!(shown.status.code(), Some(0), "{}", stderr(&shown));
    assert!(
        stdout(&shown).contains("human_review") && stdout(&shown).contains("[photo_unreadable]"),
        "{}",
        stdout(&shown)
    );
    assert!(!stdout(&shown).contains('\x1b'));
}

#[test]
fn eval_counts_a_photo_without_a_truth() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.jpg"), "this is no picture").unwrap();
    let report = dir.path().join("report.html");
    let args = ["eval", dir.path().to_str().unwrap(), "--format", "json", "--report", report.to_str().unwrap()];
    let output = claimlens(&args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let all: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&all["overall"]["photos"], &all["overall"]["unreadable"]), (&1.into(), &1.into()));
    assert_eq!(all["run"]["policy"], "built-in");
    assert!(std::fs::read_to_string(&report).unwrap().starts_with("<!doctype html>"));
}

#[test]
fn eval_judges_what_it_kept_and_reads_anew_what_other_models_read() {
    let dir = tempfile::tempdir().unwrap();
    let (photos, kept) = (dir.path().join("photos"), dir.path().join("kept"));
    std::fs::create_dir(&photos).unwrap();
    for file in ["photo.jpg", "photo.truth.json"] {
        std::fs::copy(format!("samples/till_receipt/{file}"), photos.join(file)).unwrap();
    }
    let is_total_missed = || {
        let args = ["eval", photos.to_str().unwrap(), "--errors", "--readings", kept.to_str().unwrap()];
        let output = claimlens(&args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output).contains("miss\tphoto.jpg\ttotal\t")
    };
    let change = |pointer: &str, value: &str| {
        let files: Vec<_> = std::fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).collect();
        let [file] = &files[..] else { panic!("{files:?}") };
        let mut json: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        *json.pointer_mut(pointer).unwrap() = value.into();
        std::fs::write(file, json.to_string()).unwrap();
    };
    assert!(!is_total_missed());
    change("/reading/fields/total/value", "1.00");
    assert!(is_total_missed(), "what is kept was not read again");
    change("/models/recognition", "another");
    assert!(!is_total_missed(), "other models may read otherwise");
}

#[test]
fn doctor_finds_everything_here_and_names_what_is_missing_elsewhere() {
    let well = claimlens(&["doctor", "--format", "json"]);
    let report: Value = serde_json::from_str(&stdout(&well)).unwrap();
    assert_eq!(well.status.code(), Some(0), "{report:#}");
    assert_eq!(report["healthy"], true);

    let empty = tempfile::tempdir().unwrap();
    let ill = claimlens(&["doctor", "--models", empty.path().to_str().unwrap(), "--onnxruntime", "no/such.so"]);
    assert_eq!(ill.status.code(), Some(1));
    let text = stdout(&ill);
    assert!(text.contains("✗ models") && text.contains("✗ inference library") && text.contains("→"), "{text}");
}
