//! The child: loads what it needs, locks itself in, answers until its parent has nothing more to ask.

use super::locks::{Layers, begin, lock_in};
use super::wire::{Answer, Hello, Reply, Request, Task, read, write};
use crate::pipeline::Reader;
use crate::service::decode::{DecodePhotos, Here, Undecoded};
use crate::vision::Limits;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// Standard input without the library's buffer, so that a photo is copied once.
struct Input;

impl io::Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(nix::unistd::read(io::stdin(), buffer)?)
    }
}

/// Standard output without the library's buffer, which looks for the ends of lines.
struct Output;

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(nix::unistd::write(io::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Loads, locks itself in with at most `memory` MiB, says so, and answers. Without a reader it only decodes.
///
/// Returns when the parent has closed the pipe or is gone. A child that cannot be locked in or cannot load says why in its
/// first word, and sees no photo.
///
/// # Errors
/// If the pipes do not work or what comes is no question.
pub fn run(load: impl FnOnce() -> Result<Option<Reader>, String>, limits: Limits, memory: u64) -> io::Result<()> {
    // Messages of panics may quote what was read.
    std::panic::set_hook(Box::new(|_| {}));
    let ready = || {
        begin(Layers::All)?;
        let reader = load()?;
        let locks = lock_in(Layers::All, memory)?;
        Ok((reader, locks))
    };
    let (reader, locks) = match ready() {
        Ok(ready) => ready,
        Err(why) => return write(&mut Output, &Reply { id: 0, answer: Answer::Failed(why) }, &[]),
    };
    let (models, runtime) = match &reader {
        Some(reader) => (reader.models().clone(), reader.runtime().to_owned()),
        None => Default::default(),
    };
    write(&mut Output, &Reply { id: 0, answer: Answer::Ready(Hello { models, runtime, locks }) }, &[])?;
    let desk = Arc::new(Desk { reader, decoder: Here(limits), output: Mutex::new(Output) });
    while let Some((request, bytes)) = read::<Request>(&mut Input)? {
        let (id, working) = (request.id, desk.clone());
        let thread = std::thread::Builder::new().spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(|| working.answer(request.task, &bytes)));
            working.say(id, done.unwrap_or_else(|_| failed("the reader panicked")));
        });
        if thread.is_err() {
            desk.say(id, failed("there was no thread to read it on"));
        }
    }
    Ok(())
}

struct Desk {
    reader: Option<Reader>,
    decoder: Here,
    output: Mutex<Output>,
}

type Said = (Answer, Vec<u8>);

fn failed(why: &str) -> Said {
    (Answer::Failed(why.to_owned()), Vec::new())
}

impl Desk {
    fn say(&self, id: u64, (answer, body): Said) {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        if write(&mut *output, &Reply { id, answer }, &body).is_err() {
            // Nobody listens any more, or half a message is out.
            std::process::exit(1);
        }
    }

    fn answer(&self, task: Task, bytes: &[u8]) -> Said {
        let answer = match task {
            Task::Read { source, pdf_page } => return self.read(&source, bytes, pdf_page),
            Task::Documents { probe } => self.decoder.documents(bytes, probe).map(Answer::Documents),
            Task::Check => self.decoder.check(bytes).map(Answer::Checked),
            Task::Draw { heatmap, pdf_page, reading } => match self.decoder.draw(bytes, pdf_page, &reading, heatmap) {
                Ok(drawn) => return (Answer::Drawn(drawn.is_some()), drawn.unwrap_or_default()),
                Err(why) => Err(why),
            },
        };
        let answer = answer.unwrap_or_else(|why| match why {
            Undecoded::Photo(why) => Answer::Undecodable(why.into()),
            Undecoded::Us(why) => Answer::Failed(why),
        });
        (answer, Vec::new())
    }

    fn read(&self, source: &str, bytes: &[u8], pdf_page: Option<u32>) -> Said {
        let Some(reader) = &self.reader else { return failed("this process has no models") };
        match reader.read(source, bytes, pdf_page) {
            Ok(outcome) => {
                let page = outcome.pictures.map(|pictures| pictures.page);
                let size = page.as_ref().map(|page| [page.width(), page.height()]);
                let (reading, timing) = (Box::new(outcome.reading), outcome.timing);
                (Answer::Read { reading, timing, page: size }, page.map(|page| page.into_raw()).unwrap_or_default())
            }
            Err(why) => failed(&why.to_string()),
        }
    }
}

/// MiB of address space for a child that reads so many photos at once: what the models take, and several times the largest
/// photo for each.
pub fn memory_for(at_once: usize) -> u64 {
    1024 + 1024 * at_once as u64
}
