//! What somebody who has taken a child over would try. Each is tried in a process of its own that is locked in like a
//! child, and has to be denied: by an error that says so, or by the end of that process.
//!
//! None does harm where it is not denied.

use super::keeper::Program;
use super::locks::{Layers, begin, lock_in};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::sys::{ptrace, signal};
use nix::unistd::{Pid, getppid};
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSliceMut};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;

/// One way out.
#[derive(Debug)]
pub struct Escape {
    /// Its name on the command line.
    pub name: &'static str,
    /// Takes it; an error is how it was denied, or why it failed.
    take: fn() -> io::Result<()>,
    /// The errors that say it was denied.
    denied: &'static [Errno],
}

/// Not allowed.
const FORBIDDEN: &[Errno] = &[Errno::EPERM, Errno::EACCES];
/// No more of it.
const EXHAUSTED: &[Errno] = &[Errno::ENOMEM, Errno::EAGAIN];

/// All of them.
pub const ESCAPES: &[Escape] = &[
    Escape { name: "read-a-file", take: read_a_file, denied: FORBIDDEN },
    Escape { name: "create-a-file", take: create_a_file, denied: FORBIDDEN },
    Escape { name: "remove-a-file", take: remove_a_file, denied: FORBIDDEN },
    Escape { name: "list-a-folder", take: list_a_folder, denied: FORBIDDEN },
    Escape { name: "memory-file", take: memory_file, denied: FORBIDDEN },
    Escape { name: "tcp", take: tcp, denied: FORBIDDEN },
    Escape { name: "udp", take: udp, denied: FORBIDDEN },
    Escape { name: "unix-socket", take: unix_socket, denied: FORBIDDEN },
    Escape { name: "become-a-program", take: become_a_program, denied: FORBIDDEN },
    Escape { name: "start-a-program", take: start_a_program, denied: FORBIDDEN },
    Escape { name: "trace-the-parent", take: trace_the_parent, denied: FORBIDDEN },
    Escape { name: "signal-the-parent", take: signal_the_parent, denied: FORBIDDEN },
    Escape { name: "read-the-parent", take: read_the_parent, denied: FORBIDDEN },
    Escape { name: "parents-environment", take: parents_environment, denied: FORBIDDEN },
    Escape { name: "parents-memory", take: parents_memory, denied: FORBIDDEN },
    Escape { name: "namespace", take: namespace, denied: FORBIDDEN },
    Escape { name: "mount", take: mount, denied: FORBIDDEN },
    Escape { name: "change-root", take: change_root, denied: FORBIDDEN },
    Escape { name: "raise-limits", take: raise_limits, denied: FORBIDDEN },
    Escape { name: "memory", take: memory, denied: EXHAUSTED },
    Escape { name: "threads", take: threads, denied: EXHAUSTED },
];

fn read_a_file() -> io::Result<()> {
    File::open("/etc/passwd").map(drop)
}

fn create_a_file() -> io::Result<()> {
    let path = std::env::temp_dir().join(format!("claimlens-escape-{}", std::process::id()));
    File::create_new(&path)?;
    fs::remove_file(path)
}

fn remove_a_file() -> io::Result<()> {
    fs::remove_file("/tmp/claimlens-there-is-no-such-file")
}

fn list_a_folder() -> io::Result<()> {
    fs::read_dir("/").map(drop)
}

fn memory_file() -> io::Result<()> {
    Ok(memfd_create(c"escape", MFdFlags::empty()).map(drop)?)
}

fn tcp() -> io::Result<()> {
    TcpStream::connect("127.0.0.1:9").map(drop)
}

fn udp() -> io::Result<()> {
    UdpSocket::bind("127.0.0.1:0").map(drop)
}

fn unix_socket() -> io::Result<()> {
    UnixStream::pair().map(drop)
}

fn become_a_program() -> io::Result<()> {
    Err(Command::new("/bin/true").exec())
}

fn start_a_program() -> io::Result<()> {
    Command::new("/bin/true").status().map(drop)
}

fn trace_the_parent() -> io::Result<()> {
    Ok(ptrace::seize(getppid(), ptrace::Options::empty())?)
}

fn signal_the_parent() -> io::Result<()> {
    // The signal 0 only asks whether it may be sent one.
    Ok(signal::kill(getppid(), None)?)
}

fn read_the_parent() -> io::Result<()> {
    let mut bytes = [0; 8];
    let there = RemoteIoVec { base: 0x1000, len: bytes.len() };
    Ok(process_vm_readv(getppid(), &mut [IoSliceMut::new(&mut bytes)], &[there]).map(drop)?)
}

fn of_parent(file: &str) -> String {
    format!("/proc/{}/{file}", Pid::parent())
}

fn parents_environment() -> io::Result<()> {
    File::open(of_parent("environ")).map(drop)
}

fn parents_memory() -> io::Result<()> {
    OpenOptions::new().write(true).open(of_parent("mem")).map(drop)
}

fn namespace() -> io::Result<()> {
    Ok(unshare(CloneFlags::CLONE_NEWUTS)?)
}

fn mount() -> io::Result<()> {
    let nowhere = Path::new("/tmp/claimlens-there-is-no-such-folder");
    Ok(nix::mount::mount(None::<&Path>, nowhere, Some("tmpfs"), nix::mount::MsFlags::empty(), None::<&Path>)?)
}

fn change_root() -> io::Result<()> {
    Ok(nix::unistd::chroot("/")?)
}

fn raise_limits() -> io::Result<()> {
    Ok(setrlimit(Resource::RLIMIT_NOFILE, 1024, 4096)?)
}

fn memory() -> io::Result<()> {
    let more = usize::try_from(TRIED_MEMORY << 20).unwrap_or(usize::MAX).saturating_add(1);
    let mut bytes: Vec<u8> = Vec::new();
    let taken = bytes.try_reserve_exact(more);
    // Memory that is never looked at need not be taken at all.
    std::hint::black_box(&mut bytes);
    taken.map_err(|_| Errno::ENOMEM.into())
}

/// More than would ever be computed with at once, if they may all be started.
const MANY_THREADS: usize = 4096;

fn threads() -> io::Result<()> {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = std::sync::Arc::new(std::sync::Mutex::new(receiver));
    let mut all = Vec::new();
    let started = (0..MANY_THREADS).try_for_each(|_| {
        let receiver = receiver.clone();
        // Each waits until all have been let go.
        let wait = move || drop(receiver.lock().map(|receiver| receiver.recv()));
        all.push(std::thread::Builder::new().spawn(wait)?);
        Ok(())
    });
    drop(sender);
    started
}

/// MiB that a process which tries a way out may have.
const TRIED_MEMORY: u64 = 512;

/// Locks this process in and tries a way out. Says on standard output whether it was denied, if it lives to.
///
/// # Errors
/// If there is no such way, or this process cannot be locked in.
pub fn take(name: &str, layers: Layers) -> Result<String, String> {
    let escape = ESCAPES.iter().find(|escape| escape.name == name).ok_or_else(|| format!("there is no {name}"))?;
    begin(layers)?;
    if layers != Layers::None {
        lock_in(layers, TRIED_MEMORY)?;
    }
    Ok(match (escape.take)() {
        Err(error) if error.raw_os_error().is_some_and(|e| escape.denied.contains(&Errno::from_raw(e))) => {
            DENIED.to_owned()
        }
        Err(error) => format!("not denied: {error}"),
        Ok(()) => "not denied".to_owned(),
    })
}

/// What is said of a way out that was denied.
const DENIED: &str = "denied";

/// Tries a way out in a process of its own, and gives whether it was denied.
///
/// # Errors
/// If it could not be tried.
pub fn is_denied(escape: &Escape, program: &Program) -> Result<bool, String> {
    let mut command = program.command();
    command.arg("--try").arg(escape.name).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let killed = |status: ExitStatus| status.signal() == Some(signal::Signal::SIGSYS as i32);
    match (said.trim(), killed(output.status)) {
        (DENIED, _) | (_, true) => Ok(true),
        ("", false) if !output.status.success() => Err(format!("{} could not be tried", escape.name)),
        _ => Ok(false),
    }
}
