//! Traces: where the time of a request and of the work on a claim went, told to an OpenTelemetry collector if one is
//! named.
//!
//! No work waits for the collector: what has ended goes into a queue of bounded length (`OTEL_BSP_MAX_QUEUE_SIZE`,
//! 2048 spans), from which a thread of its own sends it. What finds the queue full, or the collector away, is dropped.
//!
//! Spans bear routes, stages, codes and the ids of claims, which are drawn at random; never a file's name, a person, an
//! amount or a text.

use crate::domain::ClaimId;
use crate::domain::result::Timing;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    FutureExt, SpanContext, SpanKind, Status, TraceContextExt, Tracer, TracerProvider, WithContext,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// Time that what still waits to be sent has when the service closes.
const FLUSH: Duration = Duration::from_secs(5);

/// What is left out: monitoring asks for these every few seconds.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The stages of reading one photo, in their order. Others come behind them.
const STAGES: [&str; 9] =
    ["decode", "normalise", "detect", "recognise", "seals", "seal_rims", "extract", "second_reader", "authenticity"];

/// Why no traces can be sent.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be sent to the collector that is named: {0}")]
pub struct TracesError(String);

/// Where spans go; nowhere by default.
#[derive(Debug, Clone, Default)]
pub struct Traces(Option<Arc<Collector>>);

#[derive(Debug)]
struct Collector {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// To a collector, by OTLP over HTTP at `/v1/traces` below this address. How much is sent and how it is named
    /// follows the variables of the OpenTelemetry specification: `OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`,
    /// `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_EXPORTER_OTLP_HEADERS` and
    /// `OTEL_EXPORTER_OTLP_TIMEOUT`.
    ///
    /// # Errors
    /// If nothing can be sent there. Whether anybody listens is not tried.
    pub fn to(endpoint: &str) -> Result<Self, TracesError> {
        // Fails if there is one already, which will do as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()
            .map_err(|error| TracesError(error.to_string()))?;
        let exporter = Watched { exporter, away: AtomicBool::new(false) };
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        let tracer = provider.tracer("claimlens");
        Ok(Self(Some(Arc::new(Collector { provider, tracer }))))
    }

    /// The span of a request to a route, below that which a `traceparent` header of W3C Trace Context names.
    pub fn request(&self, method: &str, route: &str, traceparent: Option<&str>) -> Span {
        let Some(collector) = self.0.as_ref().filter(|_| !PROBES.contains(&route)) else { return Span::default() };
        let method = super::metrics::known_method(method).unwrap_or("_OTHER");
        // Only this header: what else a caller sends along, such as `tracestate`, may say anything.
        let headers = HashMap::from([("traceparent".to_owned(), traceparent.unwrap_or_default().to_owned())]);
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
        let attributes = [KeyValue::new("http.request.method", method), KeyValue::new("http.route", route.to_owned())];
        let span = collector.tracer.span_builder(format!("{method} {route}"));
        let span = span.with_kind(SpanKind::Server).with_attributes(attributes);
        let span = span.start_with_context(&collector.tracer, &parent);
        Span(Some((collector.clone(), parent.with_span(span))))
    }

    /// A span below the one that this is done within; none where that is none.
    pub(super) fn begin(&self, name: &'static str) -> Span {
        let (Some(collector), within) = (&self.0, Context::current()) else { return Span::default() };
        if !within.has_active_span() {
            return Span::default();
        }
        Span(Some((collector.clone(), within))).child(name)
    }

    /// What this is done within, for work that is done later.
    pub(super) fn origin(&self) -> Origin {
        Origin { within: Context::current().span().span_context().clone(), since: SystemTime::now() }
    }

    /// The span of the work on a claim: from when it came into the queue, if that is known here, with the time in it as
    /// the first of its children.
    pub(super) fn claim(&self, id: &ClaimId, attempt: u32, origin: Option<Origin>) -> Span {
        let Some(collector) = &self.0 else { return Span::default() };
        let now = SystemTime::now();
        // A later attempt waited for an earlier one to break off, and not in the queue.
        let since = origin.as_ref().filter(|_| attempt == 1).map_or(now, |origin| origin.since);
        let parent = match origin {
            Some(origin) if origin.within.is_valid() => Context::new().with_remote_span_context(origin.within),
            _ => Context::new(),
        };
        let attributes =
            [KeyValue::new("claimlens.claim", id.to_string()), KeyValue::new("claimlens.attempt", i64::from(attempt))];
        let span = collector.tracer.span_builder("claim").with_start_time(since).with_attributes(attributes);
        let span = span.start_with_context(&collector.tracer, &parent);
        let span = Span(Some((collector.clone(), parent.with_span(span))));
        if since < now {
            span.child_from("queue", since).end_at(now);
        }
        span
    }

    /// Sends what still waits, for a few seconds at most, and makes no more spans.
    pub(super) fn close(&self) {
        if let Some(collector) = &self.0 {
            // A failure was told when it began.
            let _ = collector.provider.shutdown_with_timeout(FLUSH);
        }
    }
}

/// Where work that is done later comes from, and when it was put off.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    within: SpanContext,
    since: SystemTime,
}

/// A stretch of time under way, which ends with [`Span::end`] or when it is dropped; nothing at all where no traces are
/// made.
#[derive(Debug, Default)]
pub struct Span(Option<(Arc<Collector>, Context)>);

impl Span {
    /// Does something within it.
    pub fn around<F: Future>(&self, work: F) -> WithContext<F> {
        let within = self.0.as_ref().map_or_else(Context::current, |(_, context)| context.clone());
        work.with_context(within)
    }

    /// One within it, from now on.
    pub(super) fn child(&self, name: &'static str) -> Self {
        self.child_from(name, SystemTime::now())
    }

    fn child_from(&self, name: &'static str, since: SystemTime) -> Self {
        self.named(name.to_owned(), since)
    }

    fn named(&self, name: String, since: SystemTime) -> Self {
        let Some((collector, within)) = &self.0 else { return Self::default() };
        let span = collector.tracer.span_builder(name).with_start_time(since);
        let span = span.start_with_context(&collector.tracer, within);
        Self(Some((collector.clone(), within.with_span(span))))
    }

    /// Says something of it.
    pub(super) fn tell(&self, key: &'static str, value: impl Into<Value>) {
        if let Some((_, context)) = &self.0 {
            context.span().set_attribute(KeyValue::new(key, value));
        }
    }

    /// It came to nothing; why, in a word or two of our own.
    pub(super) fn failed(&self, why: &'static str) {
        if let Some((_, context)) = &self.0 {
            context.span().set_status(Status::error(why));
        }
    }

    /// The stages of a photo that was read within this. Only how long each took is known: they are laid one behind the
    /// other from the beginning, as they came.
    pub(super) fn stages(&self, begun: SystemTime, timing: &Timing) {
        if self.0.is_none() {
            return;
        }
        let place = |stage: &str| STAGES.iter().position(|known| *known == stage).unwrap_or(STAGES.len());
        let mut stages: Vec<(&String, &u64)> = timing.0.iter().filter(|(stage, _)| *stage != "total").collect();
        stages.sort_by_key(|(stage, _)| place(stage));
        let mut at = begun;
        for (stage, micros) in stages {
            let ended = at + Duration::from_micros(*micros);
            self.named(stage.clone(), at).end_at(ended);
            at = ended;
        }
    }

    /// Ends the span of a request by what was answered.
    pub fn answered(self, status: u16) {
        self.tell("http.response.status_code", i64::from(status));
        if status >= 500 {
            self.failed("");
        }
        self.end();
    }

    /// Ends it.
    pub(super) fn end(self) {
        self.end_at(SystemTime::now());
    }

    fn end_at(self, ended: SystemTime) {
        if let Some((_, context)) = &self.0 {
            context.span().end_with_timestamp(ended);
        }
    }
}

/// Who sends: this program, as whom the environment names it.
fn resource() -> Resource {
    let told = Resource::builder().build();
    let named = told.get(&"service.name".into()).is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let of_ours = [
        KeyValue::new("service.version", super::build()),
        KeyValue::new("service.instance.id", hex::encode(rand::random::<[u8; 8]>())),
    ];
    let resource = Resource::builder().with_attributes(of_ours);
    if named { resource.build() } else { resource.with_service_name("claimlens").build() }
}

/// Sends spans, and logs once when that begins to fail and once when it works again.
#[derive(Debug)]
struct Watched<E> {
    exporter: E,
    away: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        match (self.away.swap(sent.is_err(), Ordering::Relaxed), sent.is_err()) {
            (false, true) => tracing::warn!("traces cannot be sent to the collector at present, and are dropped"),
            (true, false) => tracing::info!("traces are sent to the collector again"),
            _ => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
