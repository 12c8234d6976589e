//! Telling others what happens to claims: webhooks after Standard Webhooks, <https://www.standardwebhooks.com>.
//!
//! A message says what happened to which claim and nothing more: whoever gets it asks for the claim, and so sees what is true
//! then, and no personal data travels to an address that somebody typed in. What is to be told is found in the log, where it
//! was written in the same transaction as what it tells of: see [`crate::store::webhooks`].

mod send;

use super::work::stamp;
use super::{Service, ServiceError, off_thread};
use crate::audit::{Entry, kind};
use crate::domain::ClaimId;
use crate::domain::review::{CaseVerdict, StepKind, UNDO};
use crate::store::reviews::Happened;
use crate::store::webhooks::{Attempt, Delivery, Told, Webhook};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use send::Sender;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;

/// When a message that was not taken is sent again, after the attempt before: about three days in all.
pub const RETRIES: [Duration; 10] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(24 * 3600),
];

/// How often the log is looked at.
const POLL: Duration = Duration::from_millis(500);
/// Messages to one webhook under way at once.
const AT_ONCE: usize = 16;
/// The same of one that did not answer last, or was told nothing yet: each may take until the deadline, and the others are
/// told meanwhile.
const AT_ONCE_TO_SILENCE: usize = 1;
/// For this long a message belongs to the process that took it: longer than an attempt may take.
const HOLD: Duration = Duration::from_secs(60);
/// Webhooks that there may be.
const MOST: usize = 100;
/// The longest address.
const LONGEST_URL: usize = 2000;

/// What is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Event {
    /// A decision was made.
    #[serde(rename = "claim.decided")]
    Decided,
    /// No decision could be made; a person looks at the claim.
    #[serde(rename = "claim.failed")]
    Failed,
    /// A person ruled, and can no longer take it back.
    #[serde(rename = "claim.reviewed")]
    Reviewed,
    /// A person asks for photos.
    #[serde(rename = "claim.photos_wanted")]
    PhotosWanted,
    /// The claimant does not agree.
    #[serde(rename = "claim.appealed")]
    Appealed,
    /// The claimant took the claim back.
    #[serde(rename = "claim.withdrawn")]
    Withdrawn,
    /// The claim's content was erased.
    #[serde(rename = "claim.erased")]
    Erased,
}

impl Event {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Decided,
        Self::Failed,
        Self::Reviewed,
        Self::PhotosWanted,
        Self::Appealed,
        Self::Withdrawn,
        Self::Erased,
    ];

    /// The name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decided => "claim.decided",
            Self::Failed => "claim.failed",
            Self::Reviewed => "claim.reviewed",
            Self::PhotosWanted => "claim.photos_wanted",
            Self::Appealed => "claim.appealed",
            Self::Withdrawn => "claim.withdrawn",
            Self::Erased => "claim.erased",
        }
    }

    /// Milliseconds to wait before it is told: what a person ruled is not, while it can be taken back.
    fn settles(self) -> i64 {
        match self {
            Self::Reviewed | Self::PhotosWanted => UNDO,
            _ => 0,
        }
    }

    /// What an entry of the log tells of, if anybody may be told.
    fn of(entry: &Entry) -> Option<Self> {
        match entry.kind.as_str() {
            kind::DECIDED => Some(Self::Decided),
            kind::FAILED => Some(Self::Failed),
            kind::ERASED => Some(Self::Erased),
            other => match StepKind::of_logged(other)? {
                StepKind::Decided | StepKind::Seconded if !closes(entry) => None,
                StepKind::Decided | StepKind::Seconded | StepKind::Agreed => Some(Self::Reviewed),
                StepKind::PhotosAsked => Some(Self::PhotosWanted),
                StepKind::Appealed => Some(Self::Appealed),
                StepKind::Withdrawn => Some(Self::Withdrawn),
                _ => None,
            },
        }
    }
}

/// Whether a verdict in the log ends a review: not one that another person has to agree to, nor that other person's
/// disagreement.
fn closes(entry: &Entry) -> bool {
    let Ok(payload) = serde_json::from_str::<Value>(&entry.payload) else { return true };
    let verdict = payload["verdict"].as_str().and_then(CaseVerdict::parse);
    match StepKind::of_logged(&entry.kind) {
        Some(StepKind::Seconded) => verdict == Some(CaseVerdict::Approve),
        _ => payload["second"] != true,
    }
}

/// Whether what a person ruled by an entry was taken back: the next ruling or taking back on the claim is that.
fn is_undone(happened: &[Happened], entry: u64) -> bool {
    use StepKind::{Agreed, Decided, Parted, PhotosAsked, Seconded, Undone};
    let later = happened.iter().filter(|one| one.entry as u64 > entry).filter_map(|one| one.step.as_ref());
    let mut rulings = later.filter_map(|step| StepKind::of_logged(&step.kind));
    let next = rulings.find(|kind| matches!(kind, Agreed | Decided | Parted | PhotosAsked | Seconded | Undone));
    next == Some(Undone)
}

/// Why a webhook cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefusal {
    /// The address is none that messages are sent to.
    #[error("`url` must be an https:// address of a public host, without a user in it, of at most {LONGEST_URL} bytes")]
    BadUrl,
    /// It is to be told of nothing.
    #[error("`events` must name at least one of those that there are; see /openapi.json")]
    NoEvents,
    /// There are too many.
    #[error("there may be {MOST} webhooks")]
    TooMany,
}

/// Whom messages are sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Public addresses, by https.
    #[default]
    Public,
    /// Also private ones and this machine, and without TLS: for trying out, or where all receivers are one's own.
    Anywhere,
}

/// How messages to a webhook go at present.
#[derive(Debug, Default)]
struct Way {
    under_way: usize,
    /// Whether the last one that ended was answered.
    answers: bool,
}

impl Way {
    fn room(&self) -> usize {
        let most = if self.answers { AT_ONCE } else { AT_ONCE_TO_SILENCE };
        most.saturating_sub(self.under_way)
    }
}

/// A webhook as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct WebhookView {
    /// Its name here.
    #[schema(example = "whk_6f3a9c01d2e4b587")]
    pub id: String,
    /// Where messages go.
    #[schema(example = "https://app.example.com/claims/hook")]
    pub url: String,
    /// What is told.
    pub events: Vec<Event>,
    /// Whether messages are sent; false after the receiver answered 410.
    pub active: bool,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// What messages are signed with. Told once, when the webhook is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_…")]
    pub secret: Option<String>,
    /// Messages that wait to be sent, or sent again.
    pub waiting: i64,
    /// Messages given up after the last retry; `resume` sends them again.
    pub gave_up: i64,
    /// The status that the receiver answered last, of messages it did not take; `null` where it did not answer.
    pub last_status: Option<i64>,
}

impl WebhookView {
    fn of(told: Told) -> Self {
        let Told { webhook, waiting, gave_up, last_status } = told;
        let events = Event::ALL.into_iter().filter(|event| webhook.events.iter().any(|name| name == event.as_str()));
        Self {
            events: events.collect(),
            id: webhook.id,
            url: webhook.url,
            active: webhook.active,
            created_at: webhook.created_at,
            secret: None,
            waiting,
            gave_up,
            last_status,
        }
    }
}

impl Service {
    /// Keeps a webhook, which is told of what happens from now on.
    ///
    /// # Errors
    /// [`WebhookRefusal`], or the store's.
    pub async fn add_webhook(&self, url: &str, events: &[Event]) -> Result<WebhookView, ServiceError> {
        if url.len() > LONGEST_URL || !send::may_send(url, self.0.reach) {
            return Err(WebhookRefusal::BadUrl.into());
        }
        let chosen: Vec<Event> = Event::ALL.into_iter().filter(|event| events.contains(event)).collect();
        if chosen.is_empty() {
            return Err(WebhookRefusal::NoEvents.into());
        }
        let store = &self.0.records.store;
        if store.webhooks().await?.len() >= MOST {
            return Err(WebhookRefusal::TooMany.into());
        }
        let secret: [u8; 32] = rand::random();
        let new = Webhook {
            id: format!("whk_{:016x}", rand::random::<u64>()),
            url: url.to_owned(),
            events: chosen.iter().map(|event| event.as_str().to_owned()).collect(),
            active: true,
            created_at: stamp(Timestamp::now()),
            place: 0,
            wrapped: Vec::new(),
        };
        let webhook = store.add_webhook(new, &secret).await?;
        let view = WebhookView::of(Told { webhook, waiting: 0, gave_up: 0, last_status: None });
        Ok(WebhookView { secret: Some(format!("whsec_{}", STANDARD.encode(secret))), ..view })
    }

    /// Every webhook, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn webhooks(&self) -> Result<Vec<WebhookView>, ServiceError> {
        Ok(self.0.records.store.webhooks().await?.into_iter().map(WebhookView::of).collect())
    }

    /// Forgets a webhook and what it was to be told.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if there is none, or the store's.
    pub async fn drop_webhook(&self, id: &str) -> Result<(), ServiceError> {
        let was = self.0.records.store.drop_webhook(id).await?;
        if was { Ok(()) } else { Err(ServiceError::NotFound) }
    }

    /// Turns a webhook on again, and sends everything again that was logged from an entry on, if one is given.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if there is none, or the store's.
    pub async fn resume_webhook(&self, id: &str, from: Option<u64>) -> Result<WebhookView, ServiceError> {
        let from = from.map(|from| i64::try_from(from).unwrap_or(i64::MAX));
        if !self.0.records.store.resume_webhook(id, from).await? {
            return Err(ServiceError::NotFound);
        }
        let views = self.webhooks().await?;
        views.into_iter().find(|view| view.id == id).ok_or(ServiceError::NotFound)
    }

    /// Sends what is to be told, until the service closes.
    pub(super) async fn notify(self) {
        let sender = Sender::new(self.0.reach);
        let (mut under_way, mut ways) = (JoinSet::new(), HashMap::<String, Way>::new());
        while !self.0.closing.load(Ordering::Acquire) {
            while let Some(ended) = under_way.try_join_next() {
                let Ok((webhook, answers)) = ended else { continue };
                let way = ways.entry(webhook).or_default();
                *way = Way { under_way: way.under_way.saturating_sub(1), answers };
            }
            let taken = self.take_messages(&ways).await;
            match taken {
                Ok(taken) => {
                    for delivery in taken {
                        let (service, sender, webhook) = (self.clone(), sender.clone(), delivery.webhook.id.clone());
                        ways.entry(webhook.clone()).or_default().under_way += 1;
                        under_way.spawn(async move { (webhook, service.deliver(&sender, delivery).await) });
                    }
                }
                Err(error) => tracing::warn!(%error, "what is to be told to webhooks cannot be read at present"),
            }
            tokio::time::sleep(POLL).await;
        }
        // What is not ended is sent again by whoever comes: a receiver knows a message by its id.
        under_way.abort_all();
    }

    async fn take_messages(&self, ways: &HashMap<String, Way>) -> Result<Vec<Delivery>, ServiceError> {
        let now = Timestamp::now();
        let until = now + jiff::SignedDuration::try_from(HOLD).unwrap_or_default();
        let wanted = |webhook: &Webhook, entry: &Entry| {
            let event = Event::of(entry)?;
            let due = now.as_millisecond() + event.settles();
            webhook.events.iter().any(|name| name == event.as_str()).then_some(due)
        };
        let room = |webhook: &str| ways.get(webhook).map_or(AT_ONCE_TO_SILENCE, Way::room) as i64;
        let store = &self.0.records.store;
        Ok(store.take_deliveries(now.as_millisecond(), until.as_millisecond(), room, wanted).await?)
    }

    /// Whether the receiver answered at all.
    async fn deliver(&self, sender: &Sender, delivery: Delivery) -> bool {
        let store = &self.0.records.store;
        let secret = match store.webhook_secret(&delivery.webhook) {
            Ok(secret) => secret,
            Err(error) => {
                tracing::warn!(webhook = delivery.webhook.id, %error, "a message cannot be signed at present");
                return true;
            }
        };
        let Some(event) = Event::of(&delivery.entry) else { return true };
        match self.is_taken_back(event, &delivery.entry).await {
            Ok(false) => {}
            // There is nothing to tell.
            Ok(true) => {
                self.end_delivery(&delivery, Attempt::Delivered).await;
                return true;
            }
            Err(error) => {
                tracing::warn!(webhook = delivery.webhook.id, %error, "what happened to a claim cannot be read at present");
                return true;
            }
        }
        let message = send::Message {
            url: delivery.webhook.url.clone(),
            id: format!("msg_{}_{}", delivery.webhook.id.trim_start_matches("whk_"), delivery.entry.seq),
            body: body(event, &delivery.entry),
            secret,
        };
        let sender = sender.clone();
        let answered = off_thread(move || sender.send(&message, Timestamp::now())).await;
        let answered = answered.unwrap_or_else(|why| Err(why.to_string()));
        let (status, answers) = (answered.as_ref().ok().copied(), answered.is_ok());
        let attempt = outcome(status, delivery.attempts, Timestamp::now());
        self.0.metrics.told(matches!(attempt, Attempt::Delivered));
        if !matches!(attempt, Attempt::Delivered) {
            let (webhook, why) = (&delivery.webhook.id, answered.err());
            tracing::warn!(webhook, status, why, ?attempt, "a message was not taken");
        }
        self.end_delivery(&delivery, attempt).await;
        answers
    }

    async fn end_delivery(&self, delivery: &Delivery, attempt: Attempt) {
        if let Err(error) = self.0.records.store.end_delivery(delivery, attempt).await {
            tracing::warn!(webhook = delivery.webhook.id, %error, "a message may be sent twice");
        }
    }

    /// Whether it is something that a person ruled and took back.
    async fn is_taken_back(&self, event: Event, entry: &Entry) -> Result<bool, ServiceError> {
        if !matches!(event, Event::Reviewed | Event::PhotosWanted) {
            return Ok(false);
        }
        let Ok(claim) = entry.subject.parse::<ClaimId>() else { return Ok(false) };
        let file = self.0.records.store.case_file(&claim).await?;
        Ok(file.is_some_and(|file| is_undone(&file.happened, entry.seq)))
    }
}

/// What is sent: what happened to which claim, when, and where it stands in the audit log.
fn body(event: Event, entry: &Entry) -> String {
    let data = json!({ "id": entry.subject, "entry": entry.seq });
    json!({ "type": event.as_str(), "timestamp": entry.at, "data": data }).to_string()
}

/// What follows from an answer, or from none.
fn outcome(answered: Option<u16>, before: u32, now: Timestamp) -> Attempt {
    match answered {
        Some(200..=299) => Attempt::Delivered,
        Some(410) => Attempt::Gone,
        status => match RETRIES.get(before as usize) {
            Some(pause) => Attempt::Again { due: now.as_millisecond() + pause.as_millis() as i64, status },
            None => Attempt::GaveUp { status },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_sent_again_by_the_schedule_until_it_is_taken_or_given_up() {
        let now = Timestamp::from_millisecond(1_000_000).unwrap();
        assert_eq!(outcome(Some(204), 0, now), Attempt::Delivered);
        assert_eq!(outcome(Some(410), 0, now), Attempt::Gone);
        assert_eq!(outcome(None, 0, now), Attempt::Again { due: 1_005_000, status: None });
        // A redirection is not followed, and so is no success.
        assert_eq!(outcome(Some(302), 1, now), Attempt::Again { due: 1_030_000, status: Some(302) });
        assert_eq!(outcome(Some(500), 10, now), Attempt::GaveUp { status: Some(500) });
        let days = RETRIES.iter().sum::<Duration>().as_secs() / 3600;
        assert_eq!(days, 75, "hours in all");
    }
}
