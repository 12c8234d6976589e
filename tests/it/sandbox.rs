//! The processes that decode and read: what they are kept from, and what becomes of a photo that breaks one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::support::{Answer, CLAIM, TestServer, encode, pdf, photo};
use claimlens::domain::{Bp, ContentHash, Reading};
use claimlens::service::sandbox::escapes::{ESCAPES, Escape, is_denied};
use claimlens::service::sandbox::{ChildDecoder, ChildReader, Keeper, Program};
use image::{ImageFormat, RgbImage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn program(arguments: &[&str]) -> Program {
    let arguments = ["reader"].iter().chain(arguments).map(OsString::from).collect();
    Program { file: env!("CARGO_BIN_EXE_claimlens").into(), arguments }
}

/// The real process that decodes, with so many MiB and so much time.
fn decoder(memory: &str, deadline: Duration) -> Arc<Keeper> {
    Arc::new(Keeper::new(program(&["--decode-only", "--memory", memory]), deadline))
}

fn server_with(keeper: &Arc<Keeper>) -> TestServer {
    let keeper = keeper.clone();
    TestServer::start_with(move |config| config.decoder = Some(Arc::new(ChildDecoder(keeper))))
}

fn send(server: &TestServer, name: &str, photo: &[u8]) -> Answer {
    server.post(&[CLAIM, ("photo", Some(name), photo)], &[])
}

fn signal(keeper: &Keeper, signal: Signal) {
    let process = keeper.process().expect("there is a process");
    kill(Pid::from_raw(process as i32), signal).unwrap();
}

fn until(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(20), "it does not come to that");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn runs(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    // One that is dead and not yet asked for is listed, too.
    !status.is_empty() && !status.contains("State:\tZ")
}

/// The ways out that are denied under these locks.
fn denied_under(layers: &str) -> BTreeSet<&'static str> {
    let program = program(&["--layers", layers]);
    // On a machine that has no thread to spare just now an escape may not even be tried.
    let denied = |escape: &&Escape| {
        let tried = (0..3).find_map(|_| is_denied(escape, &program).ok());
        tried.unwrap_or_else(|| panic!("{} could not be tried", escape.name))
    };
    ESCAPES.iter().filter(denied).map(|escape| escape.name).collect()
}

#[test]
fn every_escape_is_denied() {
    assert!(ESCAPES.len() >= 12);
    let denied = denied_under("all");
    let open: Vec<_> = ESCAPES.iter().map(|escape| escape.name).filter(|name| !denied.contains(name)).collect();
    assert!(open.is_empty(), "not denied: {open:?}");
}

#[test]
fn each_lock_holds_by_itself_and_without_any_nothing_is_denied() {
    // As any user: what an ordinary one may not do anyway, and what would leave threads behind, shows nothing here.
    let anyones = ["read-a-file", "create-a-file", "list-a-folder", "memory-file", "tcp", "udp", "unix-socket"];
    let anyones = anyones.into_iter().chain(["become-a-program", "start-a-program", "signal-the-parent", "memory"]);
    let free = denied_under("none");
    for name in anyones {
        assert!(!free.contains(name), "{name} is denied without a lock: this test shows nothing");
    }
    let seccomp = denied_under("seccomp");
    let limits = denied_under("limits");
    for escape in ESCAPES {
        let by_limits = ["memory", "threads"].contains(&escape.name);
        let by = if by_limits { &limits } else { &seccomp };
        assert!(
            by.contains(escape.name),
            "{} is not denied by {}",
            escape.name,
            ["seccomp", "limits"][by_limits as usize]
        );
    }
    let keeper = decoder("1024", Duration::from_secs(20));
    keeper.start().unwrap();
    let locks = keeper.locks().unwrap();
    assert!(locks.seccomp, "this kernel has no seccomp");
    assert!(locks.landlock > 0, "this kernel has no landlock, which cannot be tried here: seccomp alone denies");
    let landlock = denied_under("landlock");
    // Of a file that is not there the kernel says so first.
    for name in ["read-a-file", "create-a-file", "list-a-folder", "parents-environment", "parents-memory"] {
        assert!(landlock.contains(name), "{name} is not denied by landlock");
    }
    // From ABI 4 and 6 on.
    assert_eq!(landlock.contains("tcp"), locks.landlock >= 4);
    assert_eq!(landlock.contains("signal-the-parent"), locks.landlock >= 6);
}

#[test]
fn a_process_of_its_own_decodes_as_this_one_does() {
    let keeper = decoder("1024", Duration::from_secs(20));
    let (apart, here) = (server_with(&keeper), TestServer::start());
    let both = [&apart, &here];
    let (png, jpeg) = (photo(1), encode(2, ImageFormat::Jpeg));
    let (three_pages, many_pages) = (pdf(3), pdf(21));
    let locked = [pdf(1), b"trailer << /Root 1 0 R /Encrypt << >> >>".to_vec()].concat();
    for (name, photo) in [
        ("a.png", png.as_slice()),
        ("a.jpg", &jpeg),
        ("cut.jpg", &jpeg[..jpeg.len() / 2]),
        ("a.gif", b"GIF89a and so on"),
        ("a.pdf", &three_pages),
        ("long.pdf", &many_pages),
        ("locked.pdf", &locked),
    ] {
        let [apart, here] = both.map(|server| {
            let answer = send(server, name, photo);
            let json = answer.json();
            let told = ["code", "detail", "decision", "documents", "reasons"].map(|key| json[key].clone());
            (answer.status, told)
        });
        assert_eq!(apart, here, "{name}");
        let [apart, here] = both.map(|server| {
            let answer = server.send_to("/v1/photos:check", photo, &[("content-type", "application/octet-stream")]);
            let mut json = answer.json();
            let of_this_request = ["timing_ms", "request_id"].map(|name| json.as_object_mut().unwrap().remove(name));
            assert!(of_this_request.iter().any(Option::is_some));
            (answer.status, json)
        });
        assert_eq!(apart, here, "{name}");
    }
    // A picture for a reviewer comes over byte by byte.
    let [apart, here] = both.map(|server| {
        let id = send(server, "b.png", &photo(9)).json()["id"].as_str().unwrap().to_owned();
        let picture = server.get(&format!("/v1/claims/{id}/photos/0/overlay"));
        assert_eq!(picture.status, 200);
        picture.bytes
    });
    assert!(!apart.is_empty() && apart == here);
    assert_eq!(keeper.started(), 1);
}

#[test]
fn what_keeps_decoding_in_is_among_the_metrics() {
    let keeper = decoder("1024", Duration::from_secs(20));
    keeper.start().unwrap();
    let told = |server: &TestServer| String::from_utf8(server.get("/metrics").bytes).unwrap();
    let (apart, here) = (told(&server_with(&keeper)), told(&TestServer::start()));
    for lock in ["process", "landlock", "seccomp"] {
        let line = |on: u8| format!("claimlens_decoding_confined{{lock=\"{lock}\"}} {on}\n");
        assert!(apart.contains(&line(1)), "{lock}: {apart}");
        assert!(here.contains(&line(0)), "{lock}: {here}");
    }
}

/// A picture that takes far more memory than its file.
fn large() -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    RgbImage::new(7000, 7000).write_to(&mut out, ImageFormat::Png).unwrap();
    out.into_inner()
}

#[test]
fn a_photo_that_takes_too_much_memory_or_time_is_refused_and_the_next_one_is_not() {
    // 147 MB of pixels.
    let small = decoder("192", Duration::from_secs(20));
    let server = server_with(&small);
    assert_eq!(send(&server, "fine.png", &photo(1)).status, 200);
    let refused = send(&server, "large.png", &large());
    assert_eq!((refused.status, &refused.json()["code"]), (422, &"photo_unreadable".into()), "{}", refused.json());
    assert_eq!(send(&server, "fine.png", &photo(2)).status, 200);
    assert!(small.started() >= 2, "the process died at it");
    assert_eq!(server.claims(), 2);

    let hasty = decoder("1024", Duration::from_secs(1));
    let server = server_with(&hasty);
    assert_eq!(send(&server, "fine.png", &photo(3)).status, 200);
    let stopped = hasty.process().unwrap();
    signal(&hasty, Signal::SIGSTOP);
    let start = Instant::now();
    assert_eq!(send(&server, "late.png", &photo(4)).json()["code"], "photo_unreadable");
    assert!(start.elapsed() < Duration::from_secs(10));
    until(|| !runs(stopped));
    assert_eq!(send(&server, "fine.png", &photo(5)).status, 200);
}

#[test]
fn a_process_that_is_killed_is_started_again() {
    let keeper = decoder("1024", Duration::from_secs(20));
    let server = server_with(&keeper);
    for seed in 1..4 {
        assert_eq!(send(&server, "fine.png", &photo(seed)).status, 200);
        signal(&keeper, Signal::SIGKILL);
    }
    assert_eq!(send(&server, "fine.png", &photo(4)).status, 200);
    assert_eq!(keeper.started(), 4);
}

#[test]
fn no_process_outlives_what_started_it() {
    let keeper = decoder("1024", Duration::from_secs(20));
    keeper.start().unwrap();
    let process = keeper.process().unwrap();
    // Asking a group to end is how a terminal and systemd do it; those that decode end with their parent.
    signal(&keeper, Signal::SIGTERM);
    signal(&keeper, Signal::SIGINT);
    std::thread::sleep(Duration::from_millis(200));
    assert!(runs(process));
    drop(keeper);
    until(|| !runs(process));

    let dir = tempfile::tempdir().unwrap();
    let mut parent = Command::new(env!("CARGO_BIN_EXE_claimlens"))
        .args(["serve", "--role", "api", "--listen", "127.0.0.1:0", "--data"])
        .arg(dir.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(parent.stderr.take().unwrap()).lines().map_while(Result::ok);
    let said: Vec<String> = said.take_while(|line| !line.starts_with("there is no API key")).collect();
    assert!(said.iter().any(|line| line.contains("locked in: landlock ABI")), "{said:?}");
    let of = |process: u32| -> Vec<u32> {
        let children = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let child = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let status = std::fs::read_to_string(format!("/proc/{child}/status")).ok()?;
            status.contains(&format!("\nPPid:\t{process}\n")).then_some(child)
        });
        children.collect()
    };
    let children = of(parent.id());
    assert_eq!(children.len(), 1, "the one that decodes");
    parent.kill().unwrap();
    parent.wait().unwrap();
    until(|| !children.iter().any(|child| runs(*child)));
}

#[test]
fn without_the_sandbox_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut parent = Command::new(env!("CARGO_BIN_EXE_claimlens"))
        .args(["serve", "--role", "api", "--listen", "127.0.0.1:0", "--no-sandbox", "--data"])
        .arg(dir.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(parent.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("--no-sandbox")));
    parent.kill().unwrap();
    parent.wait().unwrap();
}

fn python() -> PathBuf {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// A process that seems to read, and breaks when asked to; see `tests/fixtures/reader.py`.
fn fragile(dir: &Path, deadline: Duration) -> Arc<Keeper> {
    let mut reading = Reading::unreadable("", ContentHash::of(b""), String::new());
    reading.unreadable = None;
    reading.size = [64, 48];
    reading.page_size = [64, 48];
    reading.quality.sharpness = Some(Bp(9_000));
    reading.quality.text_height = Some(320);
    let path = dir.join("reading.json");
    std::fs::write(&path, serde_json::to_string(&reading).unwrap()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/reader.py");
    let arguments = vec!["-u".into(), script.into(), path.into()];
    Arc::new(Keeper::new(Program { file: python(), arguments }, deadline))
}

fn reading_with(keeper: &Arc<Keeper>) -> TestServer {
    let keeper = keeper.clone();
    TestServer::start_with(move |config| config.load_reader = ChildReader::load_from(keeper))
}

/// Whether a photo was read, and not left to a person because we could not.
fn was_read(answer: &Answer) -> bool {
    let claim = answer.json();
    assert_eq!((answer.status, &claim["status"]), (200, &"decided".into()), "{claim}");
    assert_eq!(claim["decision"], "human_review");
    let failed = claim["reasons"].as_array().unwrap().iter().any(|reason| reason["code"] == "processing_failed");
    assert_eq!(failed, claim["documents"][0]["unreadable"] != Value::Null, "{claim}");
    !failed
}

#[test]
fn a_photo_at_which_the_process_dies_babbles_lies_or_hangs_goes_to_a_person() {
    let dir = tempfile::tempdir().unwrap();
    let keeper = fragile(dir.path(), Duration::from_secs(2));
    let server = reading_with(&keeper);
    for (n, name) in ["dies.png", "babbles.png", "lies.png", "stuck.png"].into_iter().enumerate() {
        let start = Instant::now();
        assert!(!was_read(&send(&server, name, &photo(10 + n as u8))), "{name}");
        assert!(start.elapsed() < Duration::from_secs(10), "{name}");
        assert!(was_read(&send(&server, "fine.png", &photo(20 + n as u8))), "the photo after {name}");
        assert_eq!(server.get("/readyz").status, 200, "{name}");
    }
}

#[test]
fn a_photo_being_read_when_the_process_is_killed_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let keeper = fragile(dir.path(), Duration::from_secs(20));
    let server = reading_with(&keeper);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| send(&server, "slow.png", &photo(1)));
        std::thread::sleep(Duration::from_millis(500));
        assert!(!answer.is_finished());
        signal(&keeper, Signal::SIGKILL);
        assert!(was_read(&answer.join().unwrap()));
    });
    assert_eq!(keeper.started(), 2);
}

#[test]
fn a_photo_that_hangs_costs_the_one_beside_it_nothing_but_time() {
    let dir = tempfile::tempdir().unwrap();
    let keeper = fragile(dir.path(), Duration::from_secs(3));
    let server = reading_with(&keeper);
    std::thread::scope(|scope| {
        let stuck = scope.spawn(|| send(&server, "stuck.png", &photo(1)));
        std::thread::sleep(Duration::from_millis(2500));
        let beside = scope.spawn(|| send(&server, "slow.png", &photo(2)));
        assert!(was_read(&beside.join().unwrap()));
        assert!(!was_read(&stuck.join().unwrap()));
    });
}
