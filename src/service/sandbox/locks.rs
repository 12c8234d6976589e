//! What keeps a child in: limits of the kernel, landlock and seccomp. None of it can be taken off again.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};
use libc::c_long;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Is, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What keeps a child in, by what this kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locks {
    /// The landlock ABI in force; 0 where the kernel has none.
    pub landlock: u32,
    /// Whether system calls are filtered.
    pub seccomp: bool,
    /// MiB of address space.
    pub memory: u64,
}

impl std::fmt::Display for Locks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.landlock {
            0 => write!(f, "no landlock (this kernel has none)")?,
            abi => write!(f, "landlock ABI {abi}")?,
        }
        write!(f, ", {}", if self.seccomp { "seccomp" } else { "no seccomp (this kernel has none)" })?;
        write!(f, ", at most {} MiB", self.memory)
    }
}

/// Which of them to apply: all, or one alone, to see that it holds by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layers {
    /// Everything.
    All,
    /// Landlock alone.
    Landlock,
    /// Seccomp alone.
    Seccomp,
    /// Limits alone.
    Limits,
    /// Nothing.
    None,
}

impl std::str::FromStr for Layers {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "all" => Ok(Self::All),
            "landlock" => Ok(Self::Landlock),
            "seccomp" => Ok(Self::Seccomp),
            "limits" => Ok(Self::Limits),
            "none" => Ok(Self::None),
            _ => Err("layers are all, landlock, seccomp, limits or none"),
        }
    }
}

impl Layers {
    fn has(self, layer: Layers) -> bool {
        self == Layers::All || self == layer
    }
}

/// The landlock of this kernel that is made use of; what older kernels lack of it is left out.
const LANDLOCK: ABI = ABI::V6;

/// Open files a child may have: the two pipes, the null device, and what landlock needs while it is put on.
const OPEN_FILES: u64 = 16;

/// Before anything is loaded: dies with its parent, shows nothing of itself to others, changes no file, speaks to nobody.
/// Signals that ask a group of processes to end are the parent's to obey: it still needs this one to end in order.
///
/// # Errors
/// What the kernel refused.
pub fn begin(layers: Layers) -> Result<(), String> {
    if layers == Layers::None {
        return Ok(());
    }
    let said = |e: Errno| e.to_string();
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(said)?;
    prctl::set_dumpable(false).map_err(said)?;
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    signals.thread_block().map_err(said)?;
    if layers.has(Layers::Landlock) {
        landlock(AccessFs::from_read(LANDLOCK))?;
    }
    Ok(())
}

/// After everything is loaded, and before the first photo: nothing is left but to compute, and to speak over the pipes.
///
/// # Errors
/// What the kernel refused. What it does not have is told, not refused.
pub fn lock_in(layers: Layers, memory: u64) -> Result<Locks, String> {
    if layers.has(Layers::Limits) {
        limits(memory)?;
    }
    let landlock = if layers.has(Layers::Landlock) { landlock(landlock::BitFlags::EMPTY)? } else { 0 };
    let seccomp = if layers.has(Layers::Seccomp) { seccomp()? } else { false };
    Ok(Locks { landlock, seccomp, memory })
}

fn limits(memory: u64) -> Result<(), String> {
    let bytes = memory.saturating_mul(1 << 20);
    for (what, most) in [
        (Resource::RLIMIT_AS, bytes),
        (Resource::RLIMIT_NOFILE, OPEN_FILES),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_CORE, 0),
    ] {
        setrlimit(what, most, most).map_err(|e| format!("{what:?}: {e}"))?;
    }
    Ok(())
}

/// Leaves no access to files but `left`, no TCP, no abstract UNIX socket and no signal to others. Gives the ABI in force;
/// 0 where the kernel has no landlock.
fn landlock(left: landlock::BitFlags<AccessFs>) -> Result<u32, String> {
    let put_on = || -> Result<landlock::RestrictionStatus, landlock::RulesetError> {
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .scope(Scope::from_all(LANDLOCK))?
            .create()?;
        if !left.is_empty()
            && let Ok(root) = PathFd::new("/")
        {
            rules = rules.add_rule(PathBeneath::new(root, left))?;
        }
        rules.restrict_self()
    };
    let status = put_on().map_err(|e| e.to_string())?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => 0,
        (_, LandlockStatus::Available { effective_abi, .. }) => (effective_abi as u32).min(LANDLOCK as u32),
        _ => 0,
    })
}

/// Filters the system calls of all threads. What is not listed is refused; what nothing here ever has a use for ends the
/// process. Gives `false` where the kernel has no seccomp.
fn seccomp() -> Result<bool, String> {
    // Several filters hold together, and the sternest answer counts. The list comes last: it refuses to add more.
    let deadly = filter(plain(DEADLY), SeccompAction::Allow, SeccompAction::KillProcess)?;
    // Its arguments are in memory, where no filter sees them; the C library then takes `clone`, which is looked at.
    let not_there =
        filter(plain(&[libc::SYS_clone3]), SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?;
    let listed = filter(listed()?, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?;
    for program in [deadly, not_there, listed] {
        match apply_filter_all_threads(&program) {
            Ok(()) => {}
            Err(seccompiler::Error::Seccomp(e) | seccompiler::Error::Prctl(e))
                if [Some(libc::EINVAL), Some(libc::ENOSYS)].contains(&e.raw_os_error()) =>
            {
                return Ok(false);
            }
            Err(e) => return Err(e.to_string()),
        }
    }
    Ok(true)
}

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

fn filter(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> Result<BpfProgram, String> {
    let said = |e: seccompiler::BackendError| e.to_string();
    let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(said)?;
    SeccompFilter::new(rules, otherwise, matched, arch).map_err(said)?.try_into().map_err(said)
}

fn plain(calls: &[c_long]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

/// What computing takes, whatever its arguments: memory, waiting, ending, the clock, random numbers.
const FREE: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_clone3,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// Everything that is allowed, with what the arguments have to be where that matters.
fn listed() -> Result<Rules, String> {
    let mut rules = plain(FREE);
    let mut add = |call: c_long, alternatives: &[&[(u8, Width, Is, u64)]]| -> Result<(), String> {
        let said = |e: seccompiler::BackendError| e.to_string();
        let rule = |conditions: &&[(u8, Width, Is, u64)]| {
            let conditions = conditions
                .iter()
                .map(|(at, width, is, value)| SeccompCondition::new(*at, width.clone(), is.clone(), *value));
            SeccompRule::new(conditions.collect::<Result<_, _>>()?)
        };
        rules.insert(call, alternatives.iter().map(rule).collect::<Result<_, _>>().map_err(said)?);
        Ok(())
    };
    // Questions are read from standard input; answers and last words go to the other two.
    for call in [libc::SYS_read, libc::SYS_readv] {
        add(call, &[&[(0, Width::Dword, Is::Eq, 0)]])?;
    }
    for call in [libc::SYS_write, libc::SYS_writev] {
        add(call, &[&[(0, Width::Dword, Is::Eq, 1)], &[(0, Width::Dword, Is::Eq, 2)]])?;
    }
    // Memory of its own that no code is run from.
    let no_code = (2, Width::Qword, Is::MaskedEq(libc::PROT_EXEC as u64), 0);
    let own = (3, Width::Qword, Is::MaskedEq(libc::MAP_ANONYMOUS as u64), libc::MAP_ANONYMOUS as u64);
    add(libc::SYS_mmap, &[&[no_code.clone(), own]])?;
    add(libc::SYS_mprotect, &[&[no_code]])?;
    // Threads, and no processes.
    let thread = (libc::CLONE_THREAD | libc::CLONE_VM) as u64;
    add(libc::SYS_clone, &[&[(0, Width::Qword, Is::MaskedEq(thread), thread)]])?;
    add(libc::SYS_prctl, &[&[(0, Width::Dword, Is::Eq, libc::PR_SET_NAME as u64)]])?;
    // Limits are asked for and not set.
    add(libc::SYS_prlimit64, &[&[(2, Width::Qword, Is::Eq, 0)]])?;
    // How `abort` ends a process.
    add(libc::SYS_tgkill, &[&[(0, Width::Dword, Is::Eq, u64::from(std::process::id()))]])?;
    Ok(rules)
}

/// What no decoder has a use for: whoever calls it has taken the process over.
const DEADLY: &[c_long] = &[
    libc::SYS_accept4,
    libc::SYS_add_key,
    libc::SYS_bind,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_connect,
    libc::SYS_delete_module,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_finit_module,
    libc::SYS_fsopen,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_kill,
    libc::SYS_memfd_create,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_tkill,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];
