//! Who may come in: API keys and the people who are signed in with one.
//!
//! As long as no key was ever given, whoever reaches the service may do everything: see [`Service::is_open`]. From the
//! first key on nobody comes in without one, also once all are taken back.
//!
//! A key is `clk_`, 16 hex digits that are its id, `_` and 64 hex digits that are its secret. What is kept of the
//! secret is told in `store::access`.

use super::work::stamp;
use super::{Actor, Place, Records, Service, ServiceError};
use crate::audit::kind;
use crate::domain::access::{Role, Scope, Tenant};
use crate::domain::gate::Reviewer;
use crate::store::access::{Ended, RawKeyAct, SessionRow};
use crate::store::{Store, StoreError};
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What every key begins with.
const PREFIX: &str = "clk_";
/// Hex digits of a key's id, and of a session's.
const ID: usize = 16;
/// Hex digits of a secret of 32 random bytes.
const SECRET: usize = 64;

/// How long a process goes by the keys it read: a key that is taken back opens nothing after this, wherever it was
/// taken back.
const KNOWN_FOR: Duration = Duration::from_secs(1);

/// Sessions end so long after they began.
pub const SESSION_LASTS: SignedDuration = SignedDuration::from_hours(12);
/// Sessions end so long after they were used last.
pub const SESSION_IDLE: SignedDuration = SignedDuration::from_hours(1);
/// When a session was used is noted as seldom as this.
const NOTED_EVERY: i64 = 60;

/// What sessions of people are of whom an issuer vouches for, in the place of a key's id, and what their names begin
/// with.
pub(super) const SIGNED_IN_BY_ISSUER: &str = "oidc";

/// Compared with where there is no such key, so that asking for one takes as long.
const NO_MAC: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A secret as it is handed out, once. Prints as `…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, to be given to whom it is for and to nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// One that nothing is found by.
    pub(super) fn bare() -> Self {
        Self(hex::encode(rand::random::<[u8; 32]>()))
    }

    /// What [`Self::bare`] made; `None` if it is nothing of that form.
    pub(super) fn of_bare(text: &str) -> Option<Self> {
        (text.len() == SECRET && is_hex(text)).then(|| Self(text.to_owned()))
    }

    fn parts(prefix: &str) -> (String, String, Self) {
        let (id, secret) = (hex::encode(rand::random::<[u8; 8]>()), hex::encode(rand::random::<[u8; 32]>()));
        let whole = Self(format!("{prefix}{id}_{secret}"));
        (id, secret, whole)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Id and secret of what [`Secret::parts`] made; `None` if it is nothing of that form.
fn split<'a>(text: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    let (id, secret) = text.strip_prefix(prefix)?.split_once('_')?;
    (id.len() == ID && secret.len() == SECRET && is_hex(id) && is_hex(secret)).then_some((id, secret))
}

/// A key to be given.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose it is.
    pub name: Reviewer,
    /// What it may do.
    pub role: Role,
    /// The one tenant whose claims it sends and sees. Without, a submitter's is [`Tenant::DEFAULT`], and everybody else
    /// sees those of all.
    pub tenant: Option<Tenant>,
    /// From when on it no longer opens; never without.
    pub expires: Option<Timestamp>,
    /// Limits on its use; those of the service without.
    pub limits: KeyLimits,
}

/// Limits on a key's use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyLimits {
    /// Requests a minute, by each process. A key may use up a minute's at once.
    pub per_minute: Option<NonZeroU32>,
    /// Photos taken in, a day of UTC.
    pub photos_a_day: Option<u32>,
}

impl KeyLimits {
    /// These, and where they say nothing the others.
    pub fn or(self, others: Self) -> Self {
        Self {
            per_minute: self.per_minute.or(others.per_minute),
            photos_a_day: self.photos_a_day.or(others.photos_a_day),
        }
    }
}

/// Why a key cannot be given, taken back or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// There is none of this id.
    #[error("there is no key of this id")]
    Unknown,
    /// It was taken back before, replaced, or has expired.
    #[error("this key no longer opens: it was revoked, rotated or has expired")]
    Ended,
    /// Somebody else acts under the name.
    #[error("there is a key of this name that opens: choose another name, rotate that key, or revoke it first")]
    NameTaken,
    /// People who sign in at an issuer have such names.
    #[error("names that begin with `oidc-` are those of people who sign in at an issuer: choose another one")]
    NameReserved,
}

/// A key as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// Its id, which stands in the open in the key itself.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The one tenant whose claims it sends and sees, if it is one.
    pub tenant: Option<String>,
    /// When it was given, RFC 3339 in UTC.
    pub added: String,
    /// From when on it no longer opens by itself, RFC 3339 in UTC.
    pub ends: Option<String>,
    /// When it was taken back.
    pub revoked: Option<String>,
    /// The id of the key that took its place.
    pub replaced_by: Option<String>,
    /// Requests a minute, if it has a limit of its own.
    pub per_minute: Option<u32>,
    /// Photos a day, if it has a limit of its own.
    pub photos_a_day: Option<u32>,
    /// Whether it opens now.
    pub active: bool,
}

/// A key as follows from the acts about it.
#[derive(Debug, Clone)]
struct Key {
    id: String,
    name: Reviewer,
    role: Role,
    tenant: Option<Tenant>,
    mac: String,
    limits: KeyLimits,
    added: String,
    ends: Option<String>,
    revoked: Option<String>,
    replaced_by: Option<String>,
}

impl Key {
    /// Times are compared as they are stored, which is in the order of time.
    fn opens_at(&self, now: &str) -> bool {
        self.revoked.is_none() && self.ends.as_deref().is_none_or(|ends| now < ends)
    }

    fn view(&self, now: &str) -> KeyView {
        KeyView {
            id: self.id.clone(),
            name: self.name.as_str().to_owned(),
            role: self.role,
            tenant: self.tenant.as_ref().map(Tenant::to_string),
            added: self.added.clone(),
            ends: self.ends.clone(),
            revoked: self.revoked.clone(),
            replaced_by: self.replaced_by.clone(),
            per_minute: self.limits.per_minute.map(NonZeroU32::get),
            photos_a_day: self.limits.photos_a_day,
            active: self.opens_at(now),
        }
    }
}

/// All keys that ever were, by what was done.
#[derive(Debug, Clone, Default)]
struct Roster {
    /// In the order they were given.
    keys: Vec<Key>,
    /// Whether a key was ever given, by the acts or by the log.
    any: bool,
}

impl Roster {
    fn of(acts: Vec<RawKeyAct>, logged: bool) -> Result<Self, StoreError> {
        let mut out = Self { any: logged || !acts.is_empty(), keys: Vec::new() };
        for act in acts {
            match act.kind.as_str() {
                kind::API_KEY_REVOKED => {
                    let key = out.find_mut(&act.key)?;
                    key.revoked.get_or_insert(act.at);
                }
                kind::API_KEY_ADDED => out.keys.push(key_of(act)?),
                kind::API_KEY_ROTATED => {
                    let old = out.find_mut(act.replaces.as_deref().unwrap_or_default())?;
                    let sooner = [old.ends.take(), act.overlap_ends.clone()].into_iter().flatten().min();
                    old.ends = sooner;
                    old.replaced_by = Some(act.key.clone());
                    out.keys.push(key_of(act)?);
                }
                _ => return Err(damaged()),
            }
        }
        Ok(out)
    }

    fn find(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    fn find_mut(&mut self, id: &str) -> Result<&mut Key, StoreError> {
        self.keys.iter_mut().find(|key| key.id == id).ok_or_else(damaged)
    }

    /// The key of an id, if it opens.
    fn opening(&self, id: &str, now: &str) -> Result<&Key, KeyRefusal> {
        let key = self.find(id).ok_or(KeyRefusal::Unknown)?;
        let still = key.opens_at(now) && key.replaced_by.is_none();
        still.then_some(key).ok_or(KeyRefusal::Ended)
    }
}

/// Who may come in is not guessed from rows that cannot be right.
fn damaged() -> StoreError {
    StoreError::Corrupt("what is stored about API keys is damaged".to_owned())
}

fn key_of(act: RawKeyAct) -> Result<Key, StoreError> {
    let name = act.name.and_then(|name| Reviewer::try_from(name).ok()).ok_or_else(damaged)?;
    let role = act.role.and_then(|role| role.parse().ok()).ok_or_else(damaged)?;
    let tenant = act.tenant.map(Tenant::try_from).transpose().map_err(|_| damaged())?;
    let number = |n: Option<i64>| n.map(u32::try_from).transpose().map_err(|_| damaged());
    let per_minute = match number(act.per_minute)? {
        None => None,
        Some(n) => Some(NonZeroU32::new(n).ok_or_else(damaged)?),
    };
    Ok(Key {
        id: act.key,
        name,
        role,
        tenant,
        mac: act.mac.ok_or_else(damaged)?,
        limits: KeyLimits { per_minute, photos_a_day: number(act.photos_a_day)? },
        added: act.at,
        ends: act.expires,
        revoked: None,
        replaced_by: None,
    })
}

/// Who came in with a key or a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The id of the key; of who signed in at an issuer, `oidc:ROLE:NAME`.
    pub key: String,
    /// Whose it is.
    pub name: Reviewer,
    /// What it may do.
    pub role: Role,
    /// Whose claims it sees.
    pub scope: Scope,
    /// The session, if it came in with one.
    pub session: Option<String>,
    limits: KeyLimits,
}

impl Holder {
    fn of(key: &Key, defaults: KeyLimits) -> Self {
        Self {
            key: key.id.clone(),
            name: key.name.clone(),
            role: key.role,
            scope: Scope::new(key.role, key.tenant.clone()),
            session: None,
            limits: key.limits.or(defaults),
        }
    }

    /// Somebody whom an issuer vouched for, as the session tells.
    fn vouched_for(key: &str, defaults: KeyLimits) -> Option<Self> {
        let (role, name) = key.strip_prefix(SIGNED_IN_BY_ISSUER)?.strip_prefix(':')?.split_once(':')?;
        let (role, name) = (role.parse().ok()?, Reviewer::try_from(name.to_owned()).ok()?);
        let scope = Scope::new(role, None);
        Some(Self { key: key.to_owned(), name, role, scope, session: None, limits: defaults })
    }

    /// The name that acts and readings are logged under.
    pub fn actor(&self) -> Actor {
        Actor::named(self.name.clone())
    }
}

/// What a process knows of who may come in.
#[derive(Debug, Default)]
pub(super) struct Access {
    roster: Mutex<Option<(Instant, Arc<Roster>)>>,
    /// One read at a time; those who come meanwhile wait for it.
    reading: tokio::sync::Mutex<()>,
    rates: Mutex<HashMap<String, (NonZeroU32, Arc<DefaultDirectRateLimiter>)>>,
    sign_ins: SignIns,
    /// Limits of keys that have none of their own.
    defaults: KeyLimits,
}

/// Attempts to sign in that an address may make in a minute; they may come at once. More than an office behind one
/// address needs in the morning, and far too few to keep this process busy.
const SIGN_INS: NonZeroU32 = NonZeroU32::new(120).expect("it is not zero");
/// Addresses that are told apart before those are forgotten that have their whole minute left.
const ADDRESSES: usize = 10_000;

/// Attempts to sign in, by address.
#[derive(Debug)]
struct SignIns(RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>);

impl Default for SignIns {
    fn default() -> Self {
        Self(RateLimiter::hashmap(Quota::per_minute(SIGN_INS)))
    }
}

impl Access {
    pub(super) fn new(defaults: KeyLimits) -> Self {
        Self { defaults, ..Self::default() }
    }

    fn known(&self) -> Option<Arc<Roster>> {
        let known = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(at, _)| at.elapsed() < KNOWN_FOR).map(|(_, roster)| roster.clone())
    }

    async fn roster(&self, records: &Records) -> Result<Arc<Roster>, ServiceError> {
        if let Some(roster) = self.known() {
            return Ok(roster);
        }
        let _turn = self.reading.lock().await;
        if let Some(roster) = self.known() {
            return Ok(roster);
        }
        let begun = Instant::now();
        let roster = Arc::new(records.roster().await?);
        *self.roster.lock().unwrap_or_else(PoisonError::into_inner) = Some((begun, roster.clone()));
        Ok(roster)
    }
}

impl Records {
    async fn roster(&self) -> Result<Roster, ServiceError> {
        let (acts, logged) = self.store.key_acts().await?;
        Ok(Roster::of(acts, logged)?)
    }

    /// Whether no key was ever given at a place, so that whoever reaches a service on it may do everything. Changes
    /// nothing there.
    ///
    /// # Errors
    /// The store's.
    pub async fn inspect_open(place: &Place) -> Result<bool, ServiceError> {
        Ok(!Store::inspect_keys(&place.database()).await?)
    }

    /// All keys that ever were, in the order they were given.
    ///
    /// # Errors
    /// The store's.
    pub async fn api_keys(&self) -> Result<Vec<KeyView>, ServiceError> {
        let now = stamp(Timestamp::now());
        Ok(self.roster().await?.keys.iter().map(|key| key.view(&now)).collect())
    }

    /// Gives somebody a key. Its secret is told here and never again. Who did what is told by names, so no two keys
    /// that open bear the same one, unless one replaces the other.
    ///
    /// # Errors
    /// A [`KeyRefusal`], or the store's; then there is no key.
    pub async fn add_api_key(&self, new: &NewKey, actor: &Actor) -> Result<(KeyView, Secret), ServiceError> {
        // Names that differ in case alone are one person's.
        let name = new.name.as_str().to_ascii_lowercase();
        if name.strip_prefix(SIGNED_IN_BY_ISSUER).is_some_and(|rest| rest.starts_with('-')) {
            return Err(KeyRefusal::NameReserved.into());
        }
        let mut tx = self.store.begin_keys().await?;
        let now = stamp(Timestamp::now());
        if Roster::of(tx.acts().await?, false)?
            .keys
            .iter()
            .any(|key| key.name.as_str().eq_ignore_ascii_case(&name) && key.opens_at(&now))
        {
            return Err(KeyRefusal::NameTaken.into());
        }
        let (id, secret, whole) = Secret::parts(PREFIX);
        let act = RawKeyAct {
            kind: kind::API_KEY_ADDED.to_owned(),
            name: Some(new.name.as_str().to_owned()),
            role: Some(new.role.as_str().to_owned()),
            tenant: new.tenant.as_ref().map(Tenant::to_string),
            mac: Some(tx.key_mac(&id, &secret)?),
            expires: new.expires.map(stamp),
            per_minute: new.limits.per_minute.map(|n| n.get().into()),
            photos_a_day: new.limits.photos_a_day.map(Into::into),
            ..act(id, actor)
        };
        let made = key_of(tx.record(act).await?)?;
        tx.commit().await?;
        Ok((made.view(&made.added), whole))
    }

    /// Takes a key back, now and for good. Whoever is signed in with it no longer is.
    ///
    /// # Errors
    /// A [`KeyRefusal`], or the store's.
    pub async fn revoke_api_key(&self, id: &str, actor: &Actor) -> Result<KeyView, ServiceError> {
        let mut tx = self.store.begin_keys().await?;
        let mut roster = Roster::of(tx.acts().await?, false)?;
        // One that was replaced and still opens for a while is taken back like any other.
        let key = roster.find_mut(id).map_err(|_| KeyRefusal::Unknown)?;
        let act = RawKeyAct { kind: kind::API_KEY_REVOKED.to_owned(), ..act(id.to_owned(), actor) };
        if !key.opens_at(&act.at) {
            return Err(KeyRefusal::Ended.into());
        }
        let done = tx.record(act).await?;
        tx.commit().await?;
        key.revoked = Some(done.at.clone());
        Ok(key.view(&done.at))
    }

    /// Gives a new key in the place of one, with the same name, role, tenant and limits, and the same end unless
    /// another is given. The old one opens on for as long as they overlap.
    ///
    /// # Errors
    /// A [`KeyRefusal`], or the store's.
    pub async fn rotate_api_key(
        &self,
        id: &str,
        overlap: SignedDuration,
        expires: Option<Timestamp>,
        actor: &Actor,
    ) -> Result<(KeyView, Secret), ServiceError> {
        let mut tx = self.store.begin_keys().await?;
        let roster = Roster::of(tx.acts().await?, false)?;
        let now = Timestamp::now();
        let old = roster.opening(id, &stamp(now))?;
        let (new_id, secret, whole) = Secret::parts(PREFIX);
        let act = RawKeyAct {
            kind: kind::API_KEY_ROTATED.to_owned(),
            name: Some(old.name.as_str().to_owned()),
            role: Some(old.role.as_str().to_owned()),
            tenant: old.tenant.as_ref().map(Tenant::to_string),
            mac: Some(tx.key_mac(&new_id, &secret)?),
            expires: expires.map(stamp).or_else(|| old.ends.clone()),
            per_minute: old.limits.per_minute.map(|n| n.get().into()),
            photos_a_day: old.limits.photos_a_day.map(Into::into),
            replaces: Some(id.to_owned()),
            overlap_ends: Some(stamp(now.saturating_add(overlap).map_err(|_| ServiceError::Internal("no such time"))?)),
            ..act(new_id, actor)
        };
        let made = key_of(tx.record(act).await?)?;
        tx.commit().await?;
        Ok((made.view(&made.added), whole))
    }
}

/// An act about a key, now, without what it says.
fn act(key: String, actor: &Actor) -> RawKeyAct {
    RawKeyAct {
        at: stamp(Timestamp::now()),
        key,
        reviewer: actor.name().map(str::to_owned),
        salt: rand::random::<[u8; 16]>().to_vec(),
        ..RawKeyAct::default()
    }
}

/// Why somebody who came in may not go on now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitReached {
    /// Too many requests; seconds after which there is room again.
    #[error("this key sent more requests than it may in a minute")]
    Rate(u64),
    /// Too many attempts to sign in; seconds after which there is room again.
    #[error("there were more attempts to sign in from this address than there may be in a minute")]
    SignIns(u64),
    /// Too many photos; seconds until the day is over.
    #[error("this key sent more photos than it may in a day")]
    Photos(u64),
}

impl LimitReached {
    /// Seconds after which to try again.
    pub fn retry_after(self) -> u64 {
        match self {
            Self::Rate(seconds) | Self::SignIns(seconds) | Self::Photos(seconds) => seconds,
        }
    }
}

impl Service {
    /// Whether no key was ever given and no issuer is named, so that whoever reaches the service may do everything.
    /// Takes note of the first key within a second.
    ///
    /// # Errors
    /// The store's.
    pub async fn is_open(&self) -> Result<bool, ServiceError> {
        Ok(!self.has_issuer() && !self.roster().await?.any)
    }

    /// Whether everybody who reaches the service may do everything as long as there is no key, wherever they are.
    pub fn is_open_to_all(&self) -> bool {
        self.0.open_to_all
    }

    async fn roster(&self) -> Result<Arc<Roster>, ServiceError> {
        self.0.access.roster(&self.0.records).await
    }

    /// Who has this key; `None` if it opens nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn by_key(&self, key: &str) -> Result<Option<Holder>, ServiceError> {
        let Some((id, secret)) = split(key, PREFIX) else { return Ok(None) };
        let roster = self.roster().await?;
        let found = roster.find(id);
        // Also of a key that does not exist: how long it takes tells nothing.
        let mac = found.map_or(NO_MAC, |key| &key.mac);
        let is_it = self.0.records.store.is_key_mac(id, secret, mac)?;
        let now = stamp(Timestamp::now());
        let found = found.filter(|key| is_it && key.opens_at(&now));
        Ok(found.map(|key| Holder::of(key, self.0.access.defaults)))
    }

    /// Begins a session for who has a key; `None` if the key opens nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_in(&self, key: &str) -> Result<Option<(Holder, Secret)>, ServiceError> {
        match self.by_key(key).await? {
            Some(holder) => self.begin_session(holder).await.map(Some),
            None => Ok(None),
        }
    }

    /// Begins a session for somebody whom the issuer vouches for.
    pub(super) async fn begin_session_of(&self, name: Reviewer, role: Role) -> Result<(Holder, Secret), ServiceError> {
        let key = format!("{SIGNED_IN_BY_ISSUER}:{role}:{}", name.as_str());
        let holder = Holder::vouched_for(&key, self.0.access.defaults);
        self.begin_session(holder.ok_or(ServiceError::Internal("a session made here is none"))?).await
    }

    async fn begin_session(&self, mut holder: Holder) -> Result<(Holder, Secret), ServiceError> {
        let store = &self.0.records.store;
        let (id, secret, whole) = Secret::parts("");
        let begun = Timestamp::now().as_second();
        let mac = store.session_mac(&secret, &holder.key, begun)?;
        let row = SessionRow { id: id.clone(), key: holder.key.clone(), mac, begun, used: begun };
        store.begin_session(&row, aged(begun)).await?;
        holder.session = Some(id);
        Ok((holder, whole))
    }

    /// Who is signed in with this; `None` if it is no session, has ended, or what it was begun with opens nothing any
    /// more: its key, or the issuer.
    ///
    /// # Errors
    /// The store's.
    pub async fn by_session(&self, session: &str) -> Result<Option<Holder>, ServiceError> {
        let Some((id, secret)) = split(session, "") else { return Ok(None) };
        let store = &self.0.records.store;
        let Some(row) = store.session(id).await? else { return Ok(None) };
        let now = Timestamp::now();
        let second = now.as_second();
        let is_young = second - row.begun < SESSION_LASTS.as_secs() && second - row.used < SESSION_IDLE.as_secs();
        if !store.is_session_mac(secret, &row)? || !is_young {
            return Ok(None);
        }
        let defaults = self.0.access.defaults;
        let holder = match Holder::vouched_for(&row.key, defaults) {
            Some(holder) => Some(holder).filter(|_| self.has_issuer()),
            None => {
                let roster = self.roster().await?;
                roster.find(&row.key).filter(|key| key.opens_at(&stamp(now))).map(|key| Holder::of(key, defaults))
            }
        };
        let Some(holder) = holder else { return Ok(None) };
        if second - row.used >= NOTED_EVERY {
            store.use_session(id, second).await?;
        }
        Ok(Some(Holder { session: Some(id.to_owned()), ..holder }))
    }

    /// Ends a session, by the name that its [`Holder`] bears.
    ///
    /// # Errors
    /// The store's; then it goes on.
    pub async fn sign_out(&self, session: &str) -> Result<(), ServiceError> {
        Ok(self.0.records.store.end_sessions(Ended::One(session)).await?)
    }

    /// Counts a request of somebody.
    ///
    /// # Errors
    /// [`LimitReached::Rate`] if there were too many in this process.
    pub fn count_request(&self, holder: &Holder) -> Result<(), LimitReached> {
        let Some(most) = holder.limits.per_minute else { return Ok(()) };
        let limiter = {
            let mut rates = self.0.access.rates.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = || (most, Arc::new(RateLimiter::direct(Quota::per_minute(most))));
            let (of, limiter) = rates.entry(holder.key.clone()).or_insert_with(fresh);
            if *of != most {
                (*of, *limiter) = fresh();
            }
            limiter.clone()
        };
        limiter.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(limiter.clock().now());
            LimitReached::Rate(wait.as_secs() + 1)
        })
    }

    /// Counts an attempt to sign in from an address.
    ///
    /// # Errors
    /// [`LimitReached::SignIns`] if there were too many in this process.
    pub fn count_sign_in(&self, from: IpAddr) -> Result<(), LimitReached> {
        let SignIns(limiter) = &self.0.access.sign_ins;
        if limiter.len() > ADDRESSES {
            limiter.retain_recent();
        }
        limiter.check_key(&from).map_err(|not_until| {
            let wait = not_until.wait_time_from(limiter.clock().now());
            LimitReached::SignIns(wait.as_secs() + 1)
        })
    }

    /// Counts photos that somebody sends.
    ///
    /// # Errors
    /// [`LimitReached::Photos`] inside if they would be more than it may send in a day; else the store's.
    pub async fn count_photos(&self, holder: &Holder, photos: usize) -> Result<Result<(), LimitReached>, ServiceError> {
        let Some(most) = holder.limits.photos_a_day else { return Ok(Ok(())) };
        let now = Timestamp::now();
        let day = stamp(now)[..10].to_owned();
        let counted = self.0.records.store.count_photos(&holder.key, &day, photos as i64, most.into()).await?;
        let left = 86_400 - now.as_second().rem_euclid(86_400);
        Ok(if counted { Ok(()) } else { Err(LimitReached::Photos(left as u64)) })
    }

    /// Whether somebody who sees so much sees a claim. One that is not there is not seen.
    ///
    /// # Errors
    /// The store's.
    pub async fn sees(&self, scope: &Scope, claim: &crate::domain::ClaimId) -> Result<bool, ServiceError> {
        Ok(self.0.records.store.sees(scope, claim).await?)
    }
}

/// Sessions that have ended by themselves at this time.
fn aged(now: i64) -> Ended<'static> {
    Ended::Aged { begun: now - SESSION_LASTS.as_secs(), used: now - SESSION_IDLE.as_secs() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-01-01T00:00:00.000Z";

    fn added(id: &str, expires: Option<&str>) -> RawKeyAct {
        RawKeyAct {
            at: AT.to_owned(),
            kind: kind::API_KEY_ADDED.to_owned(),
            key: id.to_owned(),
            name: Some("app".to_owned()),
            role: Some("submitter".to_owned()),
            mac: Some(NO_MAC.to_owned()),
            expires: expires.map(str::to_owned),
            ..RawKeyAct::default()
        }
    }

    fn rotated(id: &str, old: &str, until: &str) -> RawKeyAct {
        RawKeyAct {
            kind: kind::API_KEY_ROTATED.to_owned(),
            replaces: Some(old.to_owned()),
            overlap_ends: Some(until.to_owned()),
            ..added(id, None)
        }
    }

    fn revoked(id: &str) -> RawKeyAct {
        let (at, kind) = (AT.to_owned(), kind::API_KEY_REVOKED.to_owned());
        RawKeyAct { at, kind, key: id.to_owned(), ..RawKeyAct::default() }
    }

    fn open_at(acts: &[RawKeyAct], now: &str) -> Vec<String> {
        let roster = Roster::of(acts.to_vec(), false).unwrap();
        roster.keys.iter().filter(|key| key.opens_at(now)).map(|key| key.id.clone()).collect()
    }

    #[test]
    fn which_keys_open_follows_from_what_was_done() {
        let [early, late] = ["2026-01-02T00:00:00.000Z", "2026-01-04T00:00:00.000Z"];
        let until = "2026-01-03T00:00:00.000Z";
        assert_eq!(open_at(&[added("a", None), added("b", Some(until))], early), ["a", "b"]);
        assert_eq!(open_at(&[added("a", None), added("b", Some(until))], late), ["a"]);
        assert_eq!(open_at(&[added("b", Some(until))], until), [""; 0], "not at its end itself");
        let replaced = [added("a", None), rotated("b", "a", until)];
        assert_eq!(open_at(&replaced, early), ["a", "b"]);
        assert_eq!(open_at(&replaced, late), ["b"]);
        assert_eq!(open_at(&[added("a", None), revoked("a")], early), [""; 0]);
        let longer = [added("a", Some(early)), rotated("b", "a", until)];
        assert_eq!(open_at(&longer, "2026-01-02T12:00:00.000Z"), ["b"], "replacing makes nothing last longer");
    }

    #[test]
    fn what_cannot_be_right_opens_nothing() {
        for acts in [
            vec![revoked("a")],
            vec![rotated("b", "a", AT)],
            vec![RawKeyAct { role: Some("king".to_owned()), ..added("a", None) }],
            vec![RawKeyAct { name: None, ..added("a", None) }],
            vec![RawKeyAct { mac: None, ..added("a", None) }],
            vec![RawKeyAct { per_minute: Some(0), ..added("a", None) }],
            vec![RawKeyAct { kind: "x".to_owned(), ..added("a", None) }],
        ] {
            assert!(Roster::of(acts.clone(), true).is_err(), "{acts:?}");
        }
        assert!(Roster::of(Vec::new(), true).unwrap().any, "rows that are gone do not make it open");
        assert!(!Roster::of(Vec::new(), false).unwrap().any);
    }

    #[test]
    fn a_key_is_recognised_and_does_not_print() {
        let (id, secret, whole) = Secret::parts(PREFIX);
        assert_eq!(whole.expose().len(), PREFIX.len() + ID + 1 + SECRET);
        assert_eq!(split(whole.expose(), PREFIX), Some((id.as_str(), secret.as_str())));
        assert_eq!(format!("{whole:?}"), "…");
        let upper = whole.expose().to_uppercase();
        for other in ["", "clk_", "clk__", &whole.expose()[1..], &whole.expose()[..80], &upper, "Bearer x"] {
            assert_eq!(split(other, PREFIX), None, "{other}");
        }
        assert_ne!(Secret::parts(PREFIX).2, whole);
    }
}
