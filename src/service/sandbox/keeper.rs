//! The parent's side: starts a child, asks it, ends it when it is late, and starts another when it has died.

use super::locks::Locks;
use super::wire::{Answer, Hello, Reply, Request, Task, read, write};
use crate::domain::Reading;
use crate::pipeline::{Pictures, ReadError, ReadOutcome};
use crate::service::decode::{DecodePhotos, Undecoded, broken};
use crate::service::work::{LoadReader, ReadPhotos};
use crate::vision::{Limits, PdfPage, media_type};
use image::RgbImage;
use nix::fcntl::{FcntlArg, fcntl};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Time that a child has to load and to lock itself in: forty times the usual.
const START: Duration = Duration::from_secs(60);

/// Bytes that a pipe holds, the most that is given without asking an administrator. A page is some 15 MB.
const PIPE: i32 = 1 << 20;

/// What is passed on of the environment: how libraries use threads and memory, and where they find their files. Anything
/// else, passwords among it, is not there to be found.
const ENVIRONMENT: [&str; 6] = [
    "OMP_THREAD_LIMIT",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_THRESHOLD_",
    "ORT_DISABLE_TELEMETRY",
    "TESSDATA_PREFIX",
    "LD_LIBRARY_PATH",
];

/// The program that a child is.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its file.
    pub file: PathBuf,
    /// How it is called.
    pub arguments: Vec<OsString>,
}

impl Program {
    /// This very program, even where its file was replaced since it was started.
    pub fn this(arguments: Vec<OsString>) -> Self {
        Self { file: PathBuf::from("/proc/self/exe"), arguments }
    }

    /// A command that starts it with a bare environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command.args(&self.arguments).env_clear();
        command.envs(ENVIRONMENT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command
    }
}

/// Keeps one child at work.
#[derive(Debug)]
pub struct Keeper {
    program: Program,
    deadline: Duration,
    child: Mutex<Option<Child>>,
    /// Held for reading while photos are read side by side, for writing while one is read alone.
    alone: RwLock<()>,
    hello: OnceLock<Hello>,
    ids: AtomicU64,
    started: AtomicU64,
}

/// A child that runs, or did.
#[derive(Debug, Clone)]
struct Child {
    common: Arc<Common>,
    outbox: mpsc::Sender<(Request, Vec<u8>)>,
}

/// What the threads that listen to a child share with those that ask it.
#[derive(Debug)]
struct Common {
    process: Mutex<process::Child>,
    /// Who waits for which answer; `None` once there will be no more answers.
    waiting: Mutex<Option<HashMap<u64, mpsc::Sender<Heard>>>>,
}

type Heard = (Answer, Vec<u8>);

/// Why there is no answer.
enum Lost {
    /// The child died or talked nonsense.
    Died,
    /// It took too long and was ended.
    Late,
    /// There is none and none could be started.
    NoChild(String),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Common {
    fn kill(&self) {
        // One that is dead already is what was wanted.
        let _ = lock(&self.process).kill();
    }

    /// Hands an answer to whoever waits for it; `false` if nobody asked.
    fn deliver(&self, reply: Reply, body: Vec<u8>) -> bool {
        let asked = lock(&self.waiting).as_mut().and_then(|waiting| waiting.remove(&reply.id));
        let Some(asked) = asked else { return false };
        // Somebody who has given up waiting meanwhile is no fault of the child's.
        let _ = asked.send((reply.answer, body));
        true
    }
}

impl Child {
    /// Starts one and waits for its first word.
    fn start(program: &Program) -> Result<(Self, Hello), String> {
        let (first, first_word) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let mut command = program.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // The kernel ends a child with the thread that started it, so that thread stays for as long as the child.
        let keep = move || {
            let mut process = match command.spawn() {
                Ok(process) => process,
                Err(error) => return drop(tell.send(Err(format!("no process could be started: {error}")))),
            };
            let (Some(mut stdin), Some(mut stdout)) = (process.stdin.take(), process.stdout.take()) else { return };
            // Fewer turns to copy a photo; where it is not granted it only takes longer.
            for pipe in [stdin.as_fd(), stdout.as_fd()] {
                let _ = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(PIPE));
            }
            let waiting = Mutex::new(Some(HashMap::from([(0, first)])));
            let common = Arc::new(Common { process: Mutex::new(process), waiting });
            let (outbox, letters) = mpsc::channel::<(Request, Vec<u8>)>();
            // Whoever asks waits for the answer and not for the pipe: a child that does not listen is late, too.
            let writer = std::thread::Builder::new().spawn(move || {
                while let Ok((request, bytes)) = letters.recv() {
                    if write(&mut stdin, &request, &bytes).is_err() {
                        break;
                    }
                }
            });
            if writer.is_ok() {
                let _ = tell.send(Ok(Self { common: common.clone(), outbox }));
                while let Ok(Some((reply, body))) = read::<Reply>(&mut stdout) {
                    if !common.deliver(reply, body) {
                        break;
                    }
                }
            }
            // Those who wait are told by this that there will be no answer.
            *lock(&common.waiting) = None;
            common.kill();
            let _ = lock(&common.process).wait();
        };
        std::thread::Builder::new().name("keeper".to_owned()).spawn(keep).map_err(|e| e.to_string())?;
        let child = told.recv().map_err(|_| "no thread could be started".to_owned())??;
        match first_word.recv_timeout(START) {
            Ok((Answer::Ready(hello), _)) => Ok((child, hello)),
            Ok((Answer::Failed(why), _)) => Err(why),
            other => {
                child.common.kill();
                let late = matches!(other, Err(RecvTimeoutError::Timeout));
                Err(format!("the process that reads {}", if late { "does not get ready" } else { "ended at once" }))
            }
        }
    }

    fn is_alive(&self) -> bool {
        lock(&self.common.waiting).is_some()
    }

    fn ask(&self, request: Request, bytes: &[u8], until: Instant) -> Result<Heard, Lost> {
        let (id, (sender, receiver)) = (request.id, mpsc::channel());
        match &mut *lock(&self.common.waiting) {
            Some(waiting) => waiting.insert(id, sender),
            None => return Err(Lost::Died),
        };
        self.outbox.send((request, bytes.to_vec())).map_err(|_| Lost::Died)?;
        match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(heard) => Ok(heard),
            Err(RecvTimeoutError::Disconnected) => Err(Lost::Died),
            Err(RecvTimeoutError::Timeout) => {
                self.common.kill();
                Err(Lost::Late)
            }
        }
    }
}

impl Keeper {
    /// Keeps such children, each of which has so much time for a photo. None is started yet.
    pub fn new(program: Program, deadline: Duration) -> Self {
        Self {
            program,
            deadline,
            child: Mutex::default(),
            alone: RwLock::default(),
            hello: OnceLock::new(),
            ids: AtomicU64::new(1),
            started: AtomicU64::new(0),
        }
    }

    /// Starts a child if none runs.
    ///
    /// # Errors
    /// Why none could be started or locked in.
    pub fn start(&self) -> Result<(), String> {
        self.child().map(|_| ())
    }

    /// What keeps children in; `None` before the first has started.
    pub fn locks(&self) -> Option<Locks> {
        self.hello.get().map(|hello| hello.locks)
    }

    /// How many children were started.
    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// The number of the child's process, while there is one.
    pub fn process(&self) -> Option<u32> {
        lock(&self.child).as_ref().filter(|child| child.is_alive()).map(|child| lock(&child.common.process).id())
    }

    fn child(&self) -> Result<Child, String> {
        let mut slot = lock(&self.child);
        if let Some(child) = slot.as_ref().filter(|child| child.is_alive()) {
            return Ok(child.clone());
        }
        *slot = None;
        let (child, hello) = Child::start(&self.program)?;
        if self.started.fetch_add(1, Ordering::Relaxed) > 0 {
            tracing::warn!("the process that decodes photos was started again");
        }
        // What decisions are recorded to be made with is what was there at first.
        if *self.hello.get_or_init(|| hello.clone()) != hello {
            child.common.kill();
            return Err(
                "the models, the runtime or the kernel's locks are not those of the start; start again".to_owned()
            );
        }
        Ok(slot.insert(child).clone())
    }

    /// Asks for something to be done with a photo. If the child dies, that may be another photo's fault: this one is then
    /// tried once more, with no other beside it.
    fn ask<T>(
        &self,
        task: impl Fn() -> Task,
        bytes: &[u8],
        understand: impl Fn(Heard) -> Option<T>,
    ) -> Result<T, Lost> {
        let once = || {
            // From its own turn on: what others make it wait is no fault of the photo's.
            let until = Instant::now() + self.deadline;
            let child = self.child().map_err(Lost::NoChild)?;
            let request = Request { id: self.ids.fetch_add(1, Ordering::Relaxed), task: task() };
            understand(child.ask(request, bytes, until)?).ok_or_else(|| {
                tracing::error!("the process that decodes photos answered nonsense");
                child.common.kill();
                Lost::Died
            })
        };
        let beside_others = {
            let _shared = self.alone.read().unwrap_or_else(PoisonError::into_inner);
            once()
        };
        match beside_others {
            Err(Lost::Died) => {
                let _alone = self.alone.write().unwrap_or_else(PoisonError::into_inner);
                once()
            }
            other => other,
        }
    }

    fn why(&self, lost: Lost) -> String {
        match lost {
            Lost::Died => "the process that reads died at it".to_owned(),
            Lost::Late => format!("reading it took longer than {} s", self.deadline.as_secs()),
            Lost::NoChild(why) => why,
        }
    }
}

/// A reader that reads in a child. Any number of them share one.
pub struct ChildReader {
    keeper: Arc<Keeper>,
    models: BTreeMap<String, String>,
    runtime: String,
}

impl ChildReader {
    /// How readers of a keeper's child are made; the first one starts it.
    pub fn load_from(keeper: Arc<Keeper>) -> LoadReader {
        Arc::new(move || {
            keeper.start().map_err(ReadError::Elsewhere)?;
            let hello = keeper.hello.get().ok_or_else(|| ReadError::Elsewhere("no reader has started".to_owned()))?;
            let Hello { models, runtime, .. } = hello.clone();
            Ok(Box::new(Self { keeper: keeper.clone(), models, runtime }) as Box<dyn ReadPhotos>)
        })
    }
}

impl ReadPhotos for ChildReader {
    /// The upload is not among the pictures: it would take as long to come over as all the rest.
    fn read(&self, source: &str, bytes: &[u8], pdf_page: PdfPage) -> Result<ReadOutcome, ReadError> {
        let task = || Task::Read { source: source.to_owned(), pdf_page };
        let understand = |heard: Heard| match heard {
            (Answer::Read { reading, timing, page }, pixels) => {
                let pictures = match page {
                    Some([width, height]) => {
                        Some(Pictures { upload: None, page: RgbImage::from_raw(width, height, pixels)? })
                    }
                    None => None,
                };
                let asked_for = reading.source == source && reading.pdf_page == pdf_page;
                asked_for.then_some(Ok(ReadOutcome { reading: *reading, timing, pictures }))
            }
            (Answer::Failed(why), _) => Some(Err(ReadError::Elsewhere(why))),
            _ => None,
        };
        self.keeper.ask(task, bytes, understand).map_err(|lost| ReadError::Elsewhere(self.keeper.why(lost)))?
    }

    fn models(&self) -> &BTreeMap<String, String> {
        &self.models
    }

    fn runtime(&self) -> &str {
        &self.runtime
    }
}

/// A decoder that decodes in a child.
#[derive(Debug, Clone)]
pub struct ChildDecoder(pub Arc<Keeper>);

impl ChildDecoder {
    /// `expected` gives what was asked for, and `None` for anything else.
    fn ask<T>(
        &self,
        task: impl Fn() -> Task,
        bytes: &[u8],
        expected: impl Fn(Heard) -> Option<T>,
    ) -> Result<T, Undecoded> {
        let (Ok(media) | Err(media)) = media_type(bytes);
        let understand = |heard: Heard| match heard {
            (Answer::Undecodable(why), _) => Some(Err(Undecoded::Photo(why.error(media)))),
            (Answer::Failed(why), _) => Some(Err(Undecoded::Us(why))),
            heard => expected(heard).map(Ok),
        };
        self.0.ask(task, bytes, understand).map_err(|lost| match lost {
            Lost::NoChild(why) => Undecoded::Us(why),
            lost => {
                let why = self.0.why(lost);
                tracing::error!(%why, "a photo could not be decoded");
                broken(bytes)
            }
        })?
    }
}

/// Whether these can be the documents of an upload: one picture, or the pages of a PDF. Each becomes a row.
fn is_sound(documents: &[PdfPage]) -> bool {
    let counted = || documents.iter().zip(1..).all(|(page, number)| *page == Some(number));
    matches!(documents, [None]) || (1..=Limits::default().pdf_pages).contains(&documents.len()) && counted()
}

impl DecodePhotos for ChildDecoder {
    fn documents(&self, bytes: &[u8], probe: bool) -> Result<Vec<PdfPage>, Undecoded> {
        // A picture is one document, whatever there is in it.
        if !probe && media_type(bytes).is_ok_and(|media| media != "application/pdf") {
            return Ok(vec![None]);
        }
        self.ask(
            || Task::Documents { probe },
            bytes,
            |heard| match heard {
                (Answer::Documents(documents), _) => is_sound(&documents).then_some(documents),
                _ => None,
            },
        )
    }

    fn check(&self, bytes: &[u8]) -> Result<Value, Undecoded> {
        self.ask(
            || Task::Check,
            bytes,
            |heard| match heard {
                (Answer::Checked(look), _) => Some(look),
                _ => None,
            },
        )
    }

    fn draw(
        &self,
        bytes: &[u8],
        pdf_page: PdfPage,
        reading: &Reading,
        heatmap: bool,
    ) -> Result<Option<Vec<u8>>, Undecoded> {
        let task = || Task::Draw { heatmap, pdf_page, reading: Box::new(reading.clone()) };
        self.ask(task, bytes, |heard| match heard {
            (Answer::Drawn(drawn), jpeg) => Some(drawn.then_some(jpeg)),
            _ => None,
        })
    }

    fn locks(&self) -> Option<Locks> {
        self.0.locks()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_cannot_be_are_nonsense() {
        for sound in [vec![None], vec![Some(1)], vec![Some(1), Some(2)]] {
            assert!(is_sound(&sound), "{sound:?}");
        }
        let endless = (1..1_000_000).map(Some).collect();
        for nonsense in [vec![], vec![None, None], vec![Some(2)], vec![Some(1), Some(1)], vec![Some(1), None], endless]
        {
            assert!(!is_sound(&nonsense), "{} documents", nonsense.len());
        }
    }
}
