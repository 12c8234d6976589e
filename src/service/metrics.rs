//! What a monitoring system reads: counts and times since the process started, and how things stand. Labels are routes,
//! codes and stages; never an id, a name or a number of anybody.

use super::work::{Decided, build};
use super::{Service, ServiceError};
use crate::domain::Gate as ApprovalGate;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeSet;
use std::time::Duration;

/// Time that the database has to answer: a scrape is given ten seconds as a rule.
const PATIENCE: Duration = Duration::from_secs(2);

/// Upper ends of the classes of times, seconds: from an answer out of memory to a claim of twenty large photos.
const SECONDS: [f64; 13] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    decision: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Told {
    taken: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lock {
    lock: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    stage: String,
}

type Times<Label> = Family<Label, Histogram, fn() -> Histogram>;

fn times() -> Histogram {
    Histogram::new(SECONDS)
}

/// A method as it is told of, if it is one of HTTP's.
pub(super) fn known_method(method: &str) -> Option<&'static str> {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].into_iter().find(|known| *known == method)
}

/// The process's own counts.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_time: Times<Route>,
    accepted: Counter,
    decisions: Family<Outcome, Counter>,
    reasons: Family<Code, Counter>,
    failures: Counter,
    interruptions: Counter,
    messages: Family<Told, Counter>,
    stage_time: Times<Stage>,
    queued: Gauge,
    queue_limit: Gauge,
    working: Gauge,
    gate: Gauge,
    store: Gauge,
    confined: Family<Lock, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut made = Self {
            registry: Registry::with_prefix("claimlens"),
            requests: Family::default(),
            request_time: Family::new_with_constructor(times),
            accepted: Counter::default(),
            decisions: Family::default(),
            reasons: Family::default(),
            failures: Counter::default(),
            interruptions: Counter::default(),
            messages: Family::default(),
            stage_time: Family::new_with_constructor(times),
            queued: Gauge::default(),
            queue_limit: Gauge::default(),
            working: Gauge::default(),
            gate: Gauge::default(),
            store: Gauge::default(),
            confined: Family::default(),
        };
        let registry = &mut made.registry;
        registry.register("build", "The build that runs", Info::new([("version", build())]));
        registry.register("http_requests", "Requests answered", made.requests.clone());
        let seconds = Unit::Seconds;
        let help = "Time from a request's head to its answer's";
        registry.register_with_unit("http_request_duration", help, seconds.clone(), made.request_time.clone());
        registry.register("claims_accepted", "Claims accepted and on the disk", made.accepted.clone());
        registry.register("decisions", "Claims decided here", made.decisions.clone());
        registry.register("reasons", "Decisions made here that gave this reason", made.reasons.clone());
        registry.register("failures", "Claims that no decision could be made on", made.failures.clone());
        registry.register("interruptions", "Times that work on a claim broke off", made.interruptions.clone());
        registry.register("webhook_messages", "Messages to webhooks, taken or not", made.messages.clone());
        let help = "Time a claim spent in a stage, all its photos together";
        registry.register_with_unit("stage_duration", help, seconds, made.stage_time.clone());
        registry.register(
            "queued_claims",
            "Claims in this process's queue, those worked on included",
            made.queued.clone(),
        );
        registry.register("queue_limit_claims", "Most claims that may queue", made.queue_limit.clone());
        registry.register("working_claims", "Claims being worked on here", made.working.clone());
        let help = "1 while claims may be approved, else 0; as last heard from the database";
        registry.register("approval_gate_open", help, made.gate.clone());
        registry.register(
            "database_answers",
            "1 if the database answered when this was asked, else 0",
            made.store.clone(),
        );
        let help = "1 if what decodes photos is kept in by this, else 0: a process of its own, landlock, seccomp";
        registry.register("decoding_confined", help, made.confined.clone());
        made
    }
}

impl Metrics {
    pub(super) fn accepted(&self) {
        self.accepted.inc();
    }

    pub(super) fn decided(&self, decided: &Decided) {
        let verdict = &decided.record.verdict;
        self.decisions.get_or_create(&Outcome { decision: verdict.decision.as_str() }).inc();
        // Once a decision, however often a reason stands in it.
        for code in verdict.reasons.iter().map(|reason| &reason.code).collect::<BTreeSet<_>>() {
            self.reasons.get_or_create(&Code { code: code.clone() }).inc();
        }
        for (stage, micros) in &decided.timing.0 {
            let label = Stage { stage: stage.clone() };
            self.stage_time.get_or_create(&label).observe(*micros as f64 / 1e6);
        }
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }

    pub(super) fn told(&self, taken: bool) {
        self.messages.get_or_create(&Told { taken: if taken { "yes" } else { "no" } }).inc();
    }

    pub(super) fn interrupted(&self) {
        self.interruptions.inc();
    }
}

impl Service {
    /// Counts an answered request. `route` is the pattern of its path.
    pub fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let metrics = &self.0.metrics;
        // Whatever else a caller names as a method is one class: labels are kept for good.
        let method = known_method(method).unwrap_or("other");
        let label = Request { method: method.to_owned(), route: route.to_owned(), status };
        metrics.requests.get_or_create(&label).inc();
        metrics.request_time.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// The counts of this process and how things stand, in the text form of OpenMetrics. Told also while the database does
    /// not answer: that is when people look.
    ///
    /// # Errors
    /// None that can be foreseen.
    pub async fn metrics(&self) -> Result<String, ServiceError> {
        let inner = &self.0;
        let metrics = &inner.metrics;
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        metrics.queued.set(count(inner.intake.queue.saturating_sub(inner.queue.available_permits())));
        metrics.queue_limit.set(count(inner.intake.queue));
        metrics.working.set(count(*inner.active.borrow()));
        let gate = async { Ok::<_, ServiceError>(inner.records.gate(&*self.policy().await?).await?.state) };
        let gate = tokio::time::timeout(PATIENCE, gate).await.ok().and_then(Result::ok);
        metrics.store.set(i64::from(gate.is_some()));
        if let Some(gate) = gate {
            metrics.gate.set(i64::from(gate == ApprovalGate::Open));
        }
        let locks = inner.decoder.locks();
        for (lock, on) in [
            ("process", locks.is_some()),
            ("landlock", locks.is_some_and(|locks| locks.landlock > 0)),
            ("seccomp", locks.is_some_and(|locks| locks.seccomp)),
        ] {
            metrics.confined.get_or_create(&Lock { lock }).set(i64::from(on));
        }
        let mut text = String::new();
        encode(&mut text, &metrics.registry).map_err(|_| ServiceError::Internal("metrics"))?;
        Ok(text)
    }
}
