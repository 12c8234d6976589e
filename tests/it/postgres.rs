//! A PostgreSQL server of the tests' own, once a test process: a private folder, a socket in it and no port.

#![allow(clippy::unwrap_used, reason = "in a test, the panic is the message")]

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const MISSING: &str = "the tests need PostgreSQL's server programs: `make setup` installs them (Debian: postgresql)";

struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    made: AtomicU32,
    // Its input stays open as long as this process lives, however it ends; then the server stops and its folder goes.
    _server: Child,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();

/// The address of a new, empty database.
pub fn fresh_database() -> String {
    let cluster = CLUSTER.get_or_init(Cluster::start);
    let name = format!("test_{}", cluster.made.fetch_add(1, Ordering::Relaxed));
    let made =
        cluster.command("createdb").args(["-h", cluster.folder.to_str().unwrap(), "-U", "postgres", &name]).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    format!("postgres://postgres@localhost/{name}?host={}", cluster.folder.display())
}

fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    found.retain(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file());
    found.sort();
    found.pop().expect(MISSING)
}

/// A command run as a user that the server accepts: it refuses to run as root.
fn unprivileged(program: &Path, is_root: bool) -> Command {
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

fn id_of_postgres(flag: &str) -> u32 {
    let id = Command::new("id").args([flag, "postgres"]).output().unwrap();
    String::from_utf8_lossy(&id.stdout).trim().parse().expect(MISSING)
}

impl Cluster {
    fn start() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("claimlens-pg-").tempdir().unwrap().keep();
        let is_root = std::fs::metadata(&folder).unwrap().uid() == 0;
        if is_root {
            chown(&folder, Some(id_of_postgres("-u")), Some(id_of_postgres("-g"))).unwrap();
        }
        let made = unprivileged(&programs.join("initdb"), is_root)
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(folder.join("data"))
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let server = unprivileged(Path::new("/bin/sh"), is_root)
            .args([
                "-c",
                "\"$0\" -D data -c listen_addresses= -c unix_socket_directories=\"$PWD\" -c fsync=on \
                -c shared_buffers=32MB -c max_connections=300 >log 2>&1 & server=$!; cat; kill -QUIT $server; \
                wait $server; rm -rf \"$PWD\"",
            ])
            .arg(programs.join("postgres"))
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let cluster = Self { programs, folder, made: AtomicU32::new(0), _server: server };
        let start = Instant::now();
        while !cluster.command("pg_isready").arg("-q").arg("-h").arg(&cluster.folder).status().unwrap().success() {
            let log = || std::fs::read_to_string(cluster.folder.join("log")).unwrap_or_default();
            assert!(start.elapsed() < Duration::from_secs(60), "PostgreSQL did not start: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        cluster
    }

    fn command(&self, program: &str) -> Command {
        Command::new(self.programs.join(program))
    }
}
