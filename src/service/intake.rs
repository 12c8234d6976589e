//! Accepting a claim: limits, idempotency, photos that can be decoded, durable storage, the queue.
//!
//! Everything is checked before anything is stored: a refused request leaves no trace.

use super::decode::{DecodePhotos, Undecoded};
use super::work::stamp;
use super::{Actor, ReviewRefusal, Role, Service, ServiceError, off_thread, review};
use crate::domain::money::is_currency;
use crate::domain::review::{CaseVerdict, Phase, StepKind};
use crate::domain::{Claim, ClaimId, ContentHash, Fen, RetakeAdvice, Tenant, canonical_json};
use crate::store::reviews::{CaseFile, RawStep};
use crate::store::{
    Acceptance, Blobs, Cell, ClaimKey, ClaimState, KeyedBody, KnownEnd, NewClaim, PhotoRow, StoreError,
};
use crate::vision::{self, DecodeError, Limits, PdfPage, media_type};
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Limits on what comes in.
#[derive(Debug, Clone)]
pub struct IntakeLimits {
    /// Longest request body in bytes. Default 50 MiB.
    pub body: usize,
    /// Longest photo in bytes. Default 20 MiB, four times what a phone's camera makes.
    pub photo: usize,
    /// Most photos in a claim, each page of a PDF counted. Default 20.
    pub photos: usize,
    /// Longest `claim` part in bytes. Default 64 KiB.
    pub claim: usize,
    /// Time a body may take. Default 60 s.
    pub body_time: Duration,
    /// Claims that may wait or be worked on. Default 200, some minutes' work on two cores.
    pub queue: usize,
    /// Bytes of bodies that may be held in memory together, whoever sends them. Default 400 MiB, eight of the longest
    /// bodies. Counted as they come: a thousand bodies that trickle hold next to nothing.
    pub held: usize,
    /// Limits on decoding.
    pub decode: Limits,
}

impl Default for IntakeLimits {
    fn default() -> Self {
        Self {
            body: 50 << 20,
            photo: 20 << 20,
            photos: 20,
            claim: 64 << 10,
            body_time: Duration::from_secs(60),
            queue: 200,
            held: 400 << 20,
            decode: Limits::default(),
        }
    }
}

/// Why a request cannot be accepted as it is. Photos are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no photo.
    #[error("at least one photo is needed")]
    PhotoMissing,
    /// There are too many.
    #[error("there may be no more photos than {0}; each page of a PDF counts")]
    TooManyPhotos(usize),
    /// A photo has no bytes.
    #[error("photo {0} is empty")]
    PhotoEmpty(usize),
    /// A photo has too many bytes.
    #[error("photo {0} is longer than {1} bytes")]
    PhotoTooLarge(usize, usize),
    /// A photo is none that can be read by its first bytes; what it looks like.
    #[error("photo {0} cannot be read: {1}")]
    PhotoUnsupported(usize, DecodeError),
    /// A PDF has more pages than a claim may have photos.
    #[error("photo {0} is too long: {1}")]
    PhotoTooLong(usize, DecodeError),
    /// A photo cannot be decoded.
    #[error("photo {0} cannot be read: {1}")]
    PhotoUnreadable(usize, DecodeError),
    /// The claim breaks a rule.
    #[error("the claim is not valid: {0}")]
    ClaimInvalid(String),
    /// A claim whose end is known would be told from others.
    #[error("known claims take a policy by which a share of sound claims goes to people: `review_share` is 0")]
    KnownTold,
    /// The idempotency key is not 1 to 255 visible ASCII characters.
    #[error("an idempotency key is 1 to 255 visible ASCII characters")]
    KeyInvalid,
    /// The idempotency key came with another body before.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// A request with this idempotency key is being received.
    #[error("a request with this idempotency key is under way")]
    KeyInFlight,
}

impl Refusal {
    /// Why photo `n` cannot be accepted.
    pub(super) fn of_photo(n: usize, why: DecodeError) -> Self {
        match why {
            DecodeError::Empty => Self::PhotoEmpty(n),
            DecodeError::TooManyBytes { limit, .. } => Self::PhotoTooLarge(n, limit),
            DecodeError::UnsupportedFormat { .. } => Self::PhotoUnsupported(n, why),
            DecodeError::TooManyPages { .. } => Self::PhotoTooLong(n, why),
            why => Self::PhotoUnreadable(n, why),
        }
    }

    /// What to send instead of a photo that cannot be read, as a decision would say it.
    pub fn retake(&self) -> Option<RetakeAdvice> {
        match self {
            Self::PhotoUnsupported(_, why) | Self::PhotoTooLong(_, why) | Self::PhotoUnreadable(_, why) => {
                Some(why.advice())
            }
            _ => None,
        }
    }
}

/// A photo as it came in.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Name as given by the sender; [`Service::submit`] cuts a path to its last part.
    pub name: String,
    /// As uploaded.
    pub bytes: Vec<u8>,
}

/// What is submitted.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// What goes with the photos; without, checks against the claim do not apply.
    pub claim: Option<Claim>,
    /// In order.
    pub photos: Vec<Upload>,
    /// Decide as if it were this time.
    pub now: Option<Timestamp>,
    /// How it has to end, if it is sent to see how people rule on it; and who says so. Then a person rules on it,
    /// nobody is told of it, and no figure counts it.
    pub known: Option<(CaseVerdict, Actor)>,
}

/// Leave to send a body. It is no place in the queue yet: one is taken when the body is there, or senders that trickle
/// would keep the places from all others.
pub struct Ticket {
    room: Room,
    tenant: Tenant,
    key: Option<KeyInUse>,
}

impl Ticket {
    /// Where the body is held until the claim is stored.
    pub fn room(&mut self) -> &mut Room {
        &mut self.room
    }
}

/// Memory that a body is held in; given back when dropped.
pub struct Room {
    free: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Takes room for so many bytes more. Waits through short bursts; a line that does not move is told so.
    ///
    /// # Errors
    /// [`ServiceError::Busy`] if there is none for 5 s.
    pub async fn take(&mut self, bytes: usize) -> Result<(), ServiceError> {
        let bytes = u32::try_from(bytes).map_err(|_| ServiceError::Busy)?;
        let more = tokio::time::timeout(Duration::from_secs(5), self.free.clone().acquire_many_owned(bytes));
        let more = more.await.map_err(|_| ServiceError::Busy)?.map_err(|_| ServiceError::Closing)?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

/// An idempotency key of a request under way, as [`of_tenant`] gives it; given back when dropped.
struct KeyInUse {
    key: String,
    /// Where it is marked as in use, by the first who came with it.
    keys: Option<Arc<Mutex<HashSet<String>>>>,
}

impl Drop for KeyInUse {
    fn drop(&mut self) {
        if let Some(keys) = &self.keys {
            keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        }
    }
}

impl Service {
    /// Admits a request that names no tenant.
    ///
    /// # Errors
    /// As [`Self::admit_for`].
    pub async fn admit(&self, idempotency_key: Option<&str>) -> Result<Ticket, ServiceError> {
        self.admit_for(Tenant::default(), idempotency_key).await
    }

    /// Admits a request of a tenant, whose idempotency keys are its own.
    ///
    /// # Errors
    /// [`ServiceError::Busy`] or [`ServiceError::Closing`] if there is no room; a [`Refusal`] about the key.
    pub async fn admit_for(&self, tenant: Tenant, idempotency_key: Option<&str>) -> Result<Ticket, ServiceError> {
        if self.0.closing.load(Ordering::Acquire) {
            return Err(ServiceError::Closing);
        }
        let key = match idempotency_key {
            Some(key) => Some(self.take_key(&tenant, key).await?),
            None => None,
        };
        // A full house costs nobody an upload.
        if self.0.queue.available_permits() == 0 {
            return Err(ServiceError::Busy);
        }
        Ok(Ticket { room: self.room(), tenant, key })
    }

    /// Memory for the body of a request.
    pub fn room(&self) -> Room {
        Room { free: self.0.bodies.clone(), held: None }
    }

    /// A place in the queue.
    fn place(&self) -> Result<OwnedSemaphorePermit, ServiceError> {
        self.0.queue.clone().try_acquire_owned().map_err(|_| ServiceError::Busy)
    }

    async fn take_key(&self, tenant: &Tenant, key: &str) -> Result<KeyInUse, ServiceError> {
        if key.is_empty() || key.len() > 255 || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Refusal::KeyInvalid.into());
        }
        let (key, keys) = (of_tenant(tenant, key), self.0.keys.clone());
        if keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone()) {
            return Ok(KeyInUse { key, keys: Some(keys) });
        }
        // Once there is the claim, everybody is told of it, however many at a time.
        match self.0.records.store.has_key(ContentHash::of(key.as_bytes())).await? {
            true => Ok(KeyInUse { key, keys: None }),
            false => Err(Refusal::KeyInFlight.into()),
        }
    }

    /// Checks and stores a claim and queues its work. With a key that came before with the same body: that claim.
    ///
    /// The same body means the same claim and the same photos in the same order; names of files do not count, since a
    /// repeating client may make them up anew.
    ///
    /// # Errors
    /// A [`Refusal`], or what kept it from being stored. In no case is there a claim then.
    pub async fn submit(&self, ticket: Ticket, submission: Submission) -> Result<ClaimId, ServiceError> {
        let service = self.clone();
        let span = self.0.traces.begin("intake");
        // A task of its own: a client that hangs up must not come between the commit and the queue.
        let task = span.around(async move { service.take_in(ticket, submission).await });
        let taken = self.0.runtime.spawn(task).await.map_err(|_| ServiceError::Internal("intake panicked"))?;
        if let Ok(id) = &taken {
            span.tell("claimlens.claim", id.to_string());
        }
        span.end();
        taken
    }

    async fn take_in(&self, ticket: Ticket, mut submission: Submission) -> Result<ClaimId, ServiceError> {
        check(&submission, &self.0.intake)?;
        // A sound one could not hide among those that people look at.
        if submission.known.is_some() && self.policy().await?.review_share().0 == 0 {
            return Err(Refusal::KnownTold.into());
        }
        for (n, photo) in submission.photos.iter_mut().enumerate() {
            photo.name = source(&photo.name, n);
        }
        let (submission, hashes) = off_thread(move || {
            let hashes: Vec<ContentHash> = submission.photos.iter().map(|p| ContentHash::of(&p.bytes)).collect();
            (submission, hashes)
        })
        .await?;
        let key = ticket
            .key
            .as_ref()
            .map(|k| KeyedBody { key: ContentHash::of(k.key.as_bytes()), body: body_of(&submission, &hashes) });
        if let Some(keyed) = &key {
            match self.0.records.store.by_key(keyed).await {
                Ok(Some(id)) => return Ok(id),
                Ok(None) => {}
                Err(StoreError::KeyTaken) => return Err(Refusal::KeyReused.into()),
                Err(other) => return Err(other.into()),
            }
        }
        let place = self.place()?;
        // What was read here lately is decided here and now: it needs no reader, and so no turn.
        let at_once = self.0.role != Role::Api && hashes.iter().all(|hash| self.0.known.is_picture(*hash));
        let submission = self.probe(submission, hashes).await?;
        match self.store(submission, ticket.tenant, key, at_once).await? {
            (.., Acceptance::Repeated(first)) => Ok(first),
            (id, now, Acceptance::Accepted) => {
                tracing::info!(claim = %id, "claim accepted");
                self.0.waiting.begin(&id, Some(place), Some(self.0.traces.origin()));
                if at_once {
                    self.work_off_taken(id.clone(), now);
                } else {
                    self.0.news.notify_one();
                }
                Ok(id)
            }
        }
    }

    /// Checks and stores photos that came later and queues the work on their claim again: what was decided before stays
    /// in the records, and a new decision follows. `replaces` is the place of a photo that they stand for, among those
    /// that were decided of.
    ///
    /// # Errors
    /// A [`Refusal`] or a [`ReviewRefusal`], [`ServiceError::NotFound`], [`ServiceError::Erased`], or what kept them from
    /// being stored. In no case are they added then.
    pub async fn add_photos(
        &self,
        ticket: Ticket,
        id: &ClaimId,
        photos: Vec<Upload>,
        replaces: Option<usize>,
        actor: &Actor,
    ) -> Result<(), ServiceError> {
        let (service, id, actor) = (self.clone(), id.clone(), actor.clone());
        let span = self.0.traces.begin("intake");
        span.tell("claimlens.claim", id.to_string());
        // A task of its own: a client that hangs up must not come between the commit and the queue.
        let task = span.around(async move { service.take_more(ticket, &id, photos, replaces, &actor).await });
        let taken = self.0.runtime.spawn(task).await.map_err(|_| ServiceError::Internal("intake panicked"))?;
        span.end();
        taken
    }

    async fn take_more(
        &self,
        ticket: Ticket,
        id: &ClaimId,
        mut photos: Vec<Upload>,
        replaces: Option<usize>,
        actor: &Actor,
    ) -> Result<(), ServiceError> {
        check_photos(&photos, &self.0.intake)?;
        for (n, photo) in photos.iter_mut().enumerate() {
            photo.name = source(&photo.name, n);
        }
        let store = &self.0.records.store;
        let file = store.case_file(id).await?.ok_or(ServiceError::NotFound)?;
        let place = self.place()?;
        let (photos, hashes) = off_thread(move || {
            let hashes: Vec<ContentHash> = photos.iter().map(|photo| ContentHash::of(&photo.bytes)).collect();
            (photos, hashes)
        })
        .await?;
        if !file.is_erased() && came_before(&file, &hashes, replaces)? {
            return Ok(());
        }
        takes_photos(&file, replaces)?;
        let Submission { photos, .. } = self.probe(Submission { photos, ..Submission::default() }, hashes).await?;
        let (blobs, decoder) = (self.0.records.blobs.clone(), self.0.decoder.clone());
        let rows = off_thread(move || store_photos(&blobs, photos, file.seal.as_ref(), &*decoder)).await??;
        let tx = store.begin_review(id).await?.ok_or(ServiceError::NotFound)?;
        // Again, now that nobody else writes.
        let decided_of = takes_photos(&tx.file, replaces)?;
        let most = self.0.intake.photos;
        if decided_of + rows.len() - usize::from(replaces.is_some()) > most {
            return Err(Refusal::TooManyPhotos(most).into());
        }
        let step = review::step(StepKind::PhotosAdded, actor.name());
        tx.add_photos(step, &rows, replaces, &stamp(Timestamp::now())).await?;
        tracing::info!(claim = %id, "photos added");
        self.0.waiting.begin(id, Some(place), Some(self.0.traces.origin()));
        drop(ticket);
        self.0.news.notify_one();
        Ok(())
    }

    /// Opens every photo that was not read lately, so that what cannot be read is refused while the sender still listens.
    /// The pages of a longer PDF are only counted: twenty of them take longer to draw than a sender waits.
    async fn probe(&self, submission: Submission, hashes: Vec<ContentHash>) -> Result<Submission, ServiceError> {
        let span = self.0.traces.begin("probe");
        let permit = self.0.probes.clone().acquire_owned().await.map_err(|_| ServiceError::Closing)?;
        let most = self.0.intake.photos;
        let service = self.clone();
        off_thread(move || {
            let (_permit, _span) = (permit, span);
            let mut documents = 0;
            for (n, (photo, hash)) in submission.photos.iter().zip(&hashes).enumerate() {
                if service.0.known.is_picture(*hash) {
                    documents += 1;
                    continue;
                }
                let found = service.0.decoder.documents(&photo.bytes, true).map_err(|why| why.of_photo(n))?;
                documents += found.len();
            }
            if documents > most {
                return Err(Refusal::TooManyPhotos(most).into());
            }
            Ok(submission)
        })
        .await?
    }

    /// Stores photos, then rows, one for each page of a PDF; both have reached the disk when this returns. The job is for
    /// anybody to take, or this process has it already. Also gives the time to decide as of, as stored.
    pub(super) async fn store(
        &self,
        submission: Submission,
        tenant: Tenant,
        key: Option<KeyedBody>,
        taken: bool,
    ) -> Result<(ClaimId, Option<String>, Acceptance), ServiceError> {
        let _span = self.0.traces.begin("store");
        // Before photos are stored that no claim would name.
        self.0.records.store.unlocked()?;
        let blobs = self.0.records.blobs.clone();
        let Submission { claim, photos, now, known } = submission;
        let is_known = known.is_some();
        let decoder = self.0.decoder.clone();
        let created = Timestamp::now();
        let id = ClaimId::new(created.as_millisecond() as u64, rand::random());
        let seal = ClaimKey::new(&id);
        let key_of_photos = seal.clone();
        let photos = off_thread(move || store_photos(&blobs, photos, Some(&key_of_photos), &*decoder)).await??;
        let now = now.map(|t| t.to_string());
        let new = NewClaim {
            id: id.clone(),
            created_at: stamp(created),
            tenant,
            claim,
            salt: rand::random(),
            seal,
            photos,
            key,
            now: now.clone(),
            taken: taken.then(|| (self.0.name.clone(), self.0.work.lease)),
            known: known.map(|(verdict, by)| KnownEnd {
                by: by.name().map(str::to_owned),
                verdict,
                salt: rand::random(),
            }),
        };
        let acceptance = match self.0.records.store.accept(new).await {
            Err(StoreError::KeyTaken) => return Err(Refusal::KeyReused.into()),
            other => other?,
        };
        if matches!(acceptance, Acceptance::Accepted) && !is_known {
            self.0.metrics.accepted();
        }
        Ok((id, now, acceptance))
    }
}

/// What a request asked for, told from others under the same key.
fn body_of(submission: &Submission, hashes: &[ContentHash]) -> ContentHash {
    let verdict = submission.known.as_ref().map(|(verdict, _)| verdict.as_str());
    ContentHash::of(&match verdict {
        None => canonical_json(&(&submission.claim, hashes)),
        Some(verdict) => canonical_json(&(&submission.claim, hashes, verdict)),
    })
}

/// An idempotency key as no other tenant's can be: of the tenant that claims are of if nothing else is said the key
/// alone, as before there were tenants. Neither holds a line break.
fn of_tenant(tenant: &Tenant, key: &str) -> String {
    if tenant.is_default() { key.to_owned() } else { format!("{tenant}\n{key}") }
}

/// Whether photos can be added to a claim now; gives how many it was decided of, or has where it was not.
fn takes_photos(file: &CaseFile, replaces: Option<usize>) -> Result<usize, ServiceError> {
    match (file.claim.state, &file.case) {
        (ClaimState::Erased, _) => return Err(ServiceError::Erased),
        (ClaimState::Processing, _) => return Err(ReviewRefusal::Undecided.into()),
        (_, Some(case)) if case.withdrawn => return Err(ReviewRefusal::Withdrawn.into()),
        (_, Some(case)) if case.phase != Phase::Closed => {}
        _ => return Err(ReviewRefusal::PhotosNotTaken.into()),
    }
    match replaces {
        Some(place) if place >= file.photos => Err(ReviewRefusal::ReplacesInvalid(place).into()),
        _ => Ok(file.photos),
    }
}

/// Whether these photos are the last that were added, for the same one, and nobody asked for photos, appealed or withdrew
/// since: then the answer to them was lost, and they are sent again.
fn came_before(file: &CaseFile, hashes: &[ContentHash], replaces: Option<usize>) -> Result<bool, StoreError> {
    use StepKind::{Appealed, PhotosAdded, PhotosAsked, Withdrawn};
    let kind = |step: &RawStep| StepKind::of_logged(&step.kind);
    let asks = |step: &&RawStep| matches!(kind(step), Some(PhotosAdded | PhotosAsked | Appealed | Withdrawn));
    let last = file.happened.iter().filter_map(|happened| happened.step.as_ref()).rfind(asks);
    let Some(last) = last.filter(|step| kind(step) == Some(PhotosAdded)) else { return Ok(false) };
    if last.replaces != replaces.map(|place| place as i64) {
        return Ok(false);
    }
    let mut added: Vec<String> = last.content()?.photos.into_iter().map(|[_, sha256]| sha256).collect();
    let mut sent: Vec<String> = hashes.iter().map(ContentHash::to_string).collect();
    // Each page of a PDF bears the hash of the file.
    added.dedup();
    sent.dedup();
    Ok(added == sent)
}

/// Stores photos' bytes, sealed if there is a key, and gives a row for each page.
fn store_photos(
    blobs: &Blobs,
    photos: Vec<Upload>,
    seal: Option<&ClaimKey>,
    decoder: &dyn DecodePhotos,
) -> Result<Vec<PhotoRow>, ServiceError> {
    let mut rows = Vec::new();
    for (n, photo) in photos.into_iter().enumerate() {
        // What cannot be opened is one document, so that its reading can say why.
        let pages = match decoder.documents(&photo.bytes, false) {
            Ok(pages) => pages,
            Err(Undecoded::Photo(_)) => vec![None],
            Err(trouble) => return Err(trouble.of_photo(n)),
        };
        let sha256 = ContentHash::of(&photo.bytes);
        let blob = match seal {
            Some(key) => blobs.put(&key.seal(Cell::Photo, &photo.bytes))?,
            None => blobs.put(&photo.bytes)?,
        };
        let media_type = media_type(&photo.bytes).unwrap_or("application/octet-stream").to_owned();
        let row = PhotoRow {
            source: photo.name.clone(),
            sha256,
            blob,
            seal: seal.cloned(),
            bytes: photo.bytes.len() as u64,
            media_type,
            pdf_page: None,
            page: None,
        };
        rows.extend(named(&photo.name, pages).into_iter().map(|(source, pdf_page)| PhotoRow {
            source,
            pdf_page,
            ..row.clone()
        }));
    }
    Ok(rows)
}

/// The documents in an upload, each with a name for the record: its own, and `bill.pdf#page=2` for one of several pages.
/// What cannot be opened is one document, so that its reading can say why.
pub(super) fn documents(name: &str, bytes: &[u8], limits: &Limits) -> Vec<(String, PdfPage)> {
    named(name, vision::documents(bytes, limits).unwrap_or_else(|_| vec![None]))
}

fn named(name: &str, pages: Vec<PdfPage>) -> Vec<(String, PdfPage)> {
    let several = pages.len() > 1;
    let named = |page: PdfPage| match page {
        Some(number) if several => (format!("{name}#page={number}"), page),
        _ => (name.to_owned(), page),
    };
    pages.into_iter().map(named).collect()
}

fn check(submission: &Submission, limits: &IntakeLimits) -> Result<(), Refusal> {
    if let Some(claim) = &submission.claim {
        check_claim(claim).map_err(Refusal::ClaimInvalid)?;
    }
    check_photos(&submission.photos, limits)
}

fn check_photos(photos: &[Upload], limits: &IntakeLimits) -> Result<(), Refusal> {
    if photos.is_empty() {
        return Err(Refusal::PhotoMissing);
    }
    if photos.len() > limits.photos {
        return Err(Refusal::TooManyPhotos(limits.photos));
    }
    for (n, photo) in photos.iter().enumerate() {
        if photo.bytes.is_empty() {
            return Err(Refusal::PhotoEmpty(n));
        }
        if photo.bytes.len() > limits.photo {
            return Err(Refusal::PhotoTooLarge(n, limits.photo));
        }
        media_type(&photo.bytes)
            .map_err(|looks_like| Refusal::of_photo(n, DecodeError::UnsupportedFormat { looks_like }))?;
    }
    Ok(())
}

/// Whether a claim's texts are what they must be.
///
/// # Errors
/// Names the member and the form it must have.
pub fn check_claim(claim: &Claim) -> Result<(), String> {
    let text = |name: &str, value: &str| {
        let fits = !value.trim().is_empty() && value.chars().count() <= 200 && !value.chars().any(char::is_control);
        if fits { Ok(()) } else { Err(format!("`{name}` must be 1 to 200 characters, none of them a control")) }
    };
    let date = |name: &str, value: &Option<String>| match value.as_deref().map(str::parse::<Date>) {
        None => Ok(None),
        Some(Ok(date)) if value.as_deref() == Some(&date.to_string()) => Ok(Some(date)),
        Some(_) => Err(format!("`{name}` must be a date such as 2026-05-12")),
    };
    text("id", &claim.id)?;
    if let Some(insured) = &claim.insured {
        text("insured.name", &insured.name)?;
        insured.id_number.as_deref().map_or(Ok(()), |number| text("insured.id_number", number))?;
    }
    if let Some(term) = &claim.policy {
        text("policy.number", &term.number)?;
        let (from, to) = (date("policy.from", &term.from)?, date("policy.to", &term.to)?);
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Err("`policy.from` must not be after `policy.to`".to_owned());
        }
    }
    if claim.claim_type.as_deref().is_some_and(|word| !is_word(word)) {
        return Err("`type` must be 1 to 40 small letters, digits and underscores such as \"inpatient\"".to_owned());
    }
    if claim.currency.as_deref().is_some_and(|code| !is_currency(code)) {
        return Err("`currency` must be a code of ISO 4217 such as \"CNY\"".to_owned());
    }
    match claim.amount.as_deref().map(Fen::parse) {
        None => Ok(()),
        Some(Some(amount)) if amount.0 > 0 => Ok(()),
        Some(_) => Err("`amount` must be a positive decimal with two digits such as \"993.54\"".to_owned()),
    }
}

fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=40).contains(&text.len()) && text.bytes().all(plain)
}

/// A name fit for the record: the last part of a path, without controls, at most 120 characters.
fn source(name: &str, n: usize) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(120).collect();
    if clean.trim().is_empty() { format!("photo-{n}") } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Insured, PolicyTerm};

    fn claim() -> Claim {
        Claim {
            id: "A-1".to_owned(),
            insured: Some(Insured { name: "张三".to_owned(), id_number: None }),
            policy: Some(PolicyTerm {
                number: "P-1".to_owned(),
                from: Some("2026-01-01".to_owned()),
                to: Some("2026-12-31".to_owned()),
            }),
            amount: Some("993.54".to_owned()),
            claim_type: None,
            currency: None,
        }
    }

    #[test]
    fn a_claim_is_checked_member_by_member() {
        assert_eq!(check_claim(&claim()), Ok(()));
        type Spoil = fn(&mut Claim);
        let cases: [(&str, Spoil); 11] = [
            ("`id`", |c| c.id = " ".to_owned()),
            ("`id`", |c| c.id = "x".repeat(201)),
            ("`amount`", |c| c.amount = Some("993.5".to_owned())),
            ("`amount`", |c| c.amount = Some("-1.00".to_owned())),
            ("`policy.from`", |c| c.policy.as_mut().unwrap().from = Some("2026-02-30".to_owned())),
            ("`policy.from`", |c| c.policy.as_mut().unwrap().from = Some("2027-01-01".to_owned())),
            ("`type`", |c| c.claim_type = Some("In patient".to_owned())),
            ("`type`", |c| c.claim_type = Some(String::new())),
            ("`currency`", |c| c.currency = Some("yuan".to_owned())),
            ("`currency`", |c| c.currency = Some("cny".to_owned())),
            ("`insured.name`", |c| c.insured.as_mut().unwrap().name = "a\nb".to_owned()),
        ];
        for (name, change) in cases {
            let mut changed = claim();
            change(&mut changed);
            assert!(check_claim(&changed).unwrap_err().starts_with(name), "{changed:?}");
        }
    }

    #[test]
    fn names_are_made_fit_for_the_record() {
        assert_eq!(source("C:\\bills\\a.jpg", 0), "a.jpg");
        assert_eq!(source("../../etc/x\n.jpg", 0), "x.jpg");
        assert_eq!(source("", 3), "photo-3");
    }
}
