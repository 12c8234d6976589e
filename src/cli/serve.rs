//! `serve`: the HTTP service; and the recorded form of `verify`.

use super::oidc::OidcArgs;
use super::places::{photo_bytes, read_policy};
use super::show::many;
use super::workers::{Case, Shop, Worked, failed, progress};
use super::{Ending, EngineArgs, IssuerArgs, PlaceArgs, complain, demo, reader, usage};
use crate::domain::Fen;
use crate::domain::tasks::Clocks;
use crate::http::client::Proxies;
use crate::http::server::bind;
use crate::http::tls;
use crate::pipeline::{Reader, ReaderConfig};
use crate::service::intake::{IntakeLimits, Submission, Upload};
use crate::service::retention::Rule;
use crate::service::sandbox::{ChildDecoder, ChildReader, Keeper, child};
use crate::service::work::{LoadReader, ReadPhotos};
use crate::service::{
    KeyLimits, Place, Reach, Records, ReviewTerms, Role, Service, ServiceConfig, ServiceError, Traces,
};
use actix_web::http::Uri;
use anyhow::{Context, Result};
use clap::builder::RangedI64ValueParser;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use jiff::Timestamp;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Run the HTTP service
#[derive(Debug, Args)]
#[command(after_help = "Records, photos and the audit log are kept under --data; photos elsewhere with --photos.

Examples:
  claimlens serve
  claimlens serve --demo
  claimlens serve --listen 127.0.0.1:9000 --data /var/lib/claimlens
  claimlens serve --role worker --listen 127.0.0.1:0 --database postgres://claimlens@db/claims
  curl -F claim='{\"id\":\"A-1\"};type=application/json' -F photo=@bill.jpg http://127.0.0.1:8080/v1/claims")]
pub struct ServeArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", env = "CLAIMLENS_LISTEN")]
    listen: SocketAddr,
    /// Listen beyond this machine although there is no API key, so that whoever reaches the service may do everything
    #[arg(long, env = "CLAIMLENS_OPEN")]
    open: bool,
    /// Speak TLS with this certificate, and those that lead to its root behind it, PEM
    #[arg(long, value_name = "FILE", env = "CLAIMLENS_TLS_CERTIFICATE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", env = "CLAIMLENS_TLS_KEY", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Which part of the work this process does; any number of processes may share the records
    #[arg(long, value_enum, default_value_t, env = "CLAIMLENS_ROLE")]
    role: RoleArg,
    /// Read so many photos at once [default: one a core]
    #[arg(long, short, value_name = "N", default_value_t = 0, hide_default_value = true)]
    jobs: usize,
    /// The policy to put in force at the first start on these records, instead of the built-in one. Later it must be
    /// the one in force: `claimlens policy adopt` changes it
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Do not tell in the audit log of every look at a claim's status and at the list of claims, as where senders ask
    /// again and again. Looks at pictures and evidence are always told
    #[arg(long)]
    skip_claim_reads: bool,
    /// Erase claims of a kind and decision so many days after the decision; `*` stands for any, `keep` for ever, and the rule
    /// that names most holds [default: keep all]
    #[arg(long, value_name = "KIND:DECISION=DAYS", value_delimiter = ',', env = "CLAIMLENS_RETAIN")]
    retain: Vec<Rule>,
    /// Days that people have to rule on a claim, while they wait for no photos
    #[arg(long, value_name = "DAYS", default_value_t = 30, env = "CLAIMLENS_DECIDE_DAYS", value_parser = days())]
    decide_days: u32,
    /// Days from a rejection to the notice of it with its reasons; 0: that is not followed here
    #[arg(long, value_name = "DAYS", default_value_t = 3, env = "CLAIMLENS_REFUSE_DAYS", value_parser = days())]
    refuse_days: u32,
    /// Days from a person's approval to the payment; 0: that is not followed here
    #[arg(long, value_name = "DAYS", default_value_t = 10, env = "CLAIMLENS_PAY_DAYS", value_parser = days())]
    pay_days: u32,
    /// Days for what is to be done with a claim besides ruling on it, such as asking for papers or asking an issuer, while
    /// people wait for no photos [default: 5; in the demo 0, so that some are late]
    #[arg(long, value_name = "DAYS", env = "CLAIMLENS_TASK_DAYS", value_parser = days())]
    task_days: Option<u32>,
    /// Above this amount an approval by a person takes another person's
    #[arg(long, value_name = "AMOUNT", default_value = "10000.00", value_parser = amount)]
    second_above: Fen,
    /// Above this amount nobody chooses which claim to look at next: it is drawn among the most urgent
    #[arg(long, value_name = "AMOUNT", default_value = "5000.00", value_parser = amount)]
    random_above: Fen,
    /// Share of the approvals and rejections by people that another person gives again without knowing of the first,
    /// such as 0.02; 0: none. Only where three people or more rule
    #[arg(long, value_name = "SHARE", default_value = "0.02", value_parser = share, env = "CLAIMLENS_BLIND_PAIRS")]
    blind_pairs: u32,
    /// Let webhooks name private addresses and this machine, and go without TLS: to try them out, or where all receivers
    /// are one's own
    #[arg(long, env = "CLAIMLENS_WEBHOOKS_ANYWHERE")]
    webhooks_anywhere: bool,
    /// Requests a minute that an API key without a limit of its own may send to this process [default: no limit]
    #[arg(long, value_name = "N", env = "CLAIMLENS_KEY_PER_MINUTE", help_heading = "Limits")]
    key_per_minute: Option<NonZeroU32>,
    /// Photos a day, of UTC, that an API key without a limit of its own may send [default: no limit]
    #[arg(long, value_name = "N", env = "CLAIMLENS_KEY_PHOTOS_A_DAY", help_heading = "Limits")]
    key_photos_a_day: Option<u32>,
    /// For trying out an app: read no photo, and make decisions up after the last two digits of the amount asked for (00
    /// is approved, 01 altered, 02 repeated, 03 another's, 04 blurred, 05 unreadable, 06 no known paper, 07 a failure, 08 too
    /// old, 09 slow). Needs records of its own
    #[arg(long)]
    sandbox_claims: bool,
    /// Show a working operation to look around in: made-up claims, one of each finding, decided as with --sandbox-claims,
    /// in records of their own beside --data, with `-demo` behind its name. Delete that folder to be rid of them
    #[arg(long)]
    demo: bool,
    /// Decode and read photos in this process, where a photo that breaks a decoder has the records before it. Without this
    /// they are decoded and read in processes of their own that can reach nothing
    #[arg(long, env = "CLAIMLENS_NO_SANDBOX", help_heading = "Limits")]
    no_sandbox: bool,
    /// Mebibytes of address space that each process which decodes or reads may take [default: 1024, and 1024 more for each
    /// photo read at once]
    #[arg(
        long,
        value_name = "MIB",
        env = "CLAIMLENS_READER_MEMORY",
        help_heading = "Limits",
        value_parser = clap::value_parser!(u64).range(LEAST_MEMORY..),
        conflicts_with = "no_sandbox"
    )]
    reader_memory: Option<u64>,
    /// Claims that may wait for their decision, in this process; more are told to come again
    #[arg(
        long,
        value_name = "N",
        default_value_t = IntakeLimits::default().queue as u32,
        env = "CLAIMLENS_QUEUE",
        value_parser = clap::value_parser!(u32).range(1..),
        help_heading = "Limits"
    )]
    queue: u32,
    /// Believe `X-Forwarded-For` of proxies in these networks: attempts to sign in are limited by the address it then
    /// names [default: of none]
    #[arg(
        long,
        value_name = "ADDRESS[/BITS]",
        value_delimiter = ',',
        value_parser = network,
        env = "CLAIMLENS_TRUSTED_PROXIES",
        help_heading = "Limits"
    )]
    trusted_proxies: Vec<IpNet>,
    /// Send traces of requests and of the work on claims to this OpenTelemetry collector, by OTLP over HTTP at
    /// /v1/traces below the address [default: none are made]
    #[arg(
        long,
        value_name = "URL",
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        hide_env_values = true,
        value_parser = collector,
        help_heading = "Traces"
    )]
    otlp_endpoint: Option<String>,
    #[command(flatten)]
    oidc: OidcArgs,
    #[command(flatten)]
    issuers: IssuerArgs,
    #[command(flatten)]
    engines: EngineArgs,
}

/// An address of HTTP without a user or a query; empty, as the variable may be, for none.
fn collector(text: &str) -> Result<String, &'static str> {
    let address: Option<Uri> = text.parse().ok();
    let fits = address.is_some_and(|address| {
        matches!(address.scheme_str(), Some("http" | "https"))
            && address.authority().is_some_and(|host| !host.as_str().contains('@') && !host.as_str().ends_with(':'))
            && address.query().is_none()
    });
    if fits || text.is_empty() {
        Ok(text.to_owned())
    } else {
        Err("a collector's address is such as http://127.0.0.1:4318")
    }
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let one = text.parse::<IpAddr>().map(IpNet::from);
    one.or_else(|_| text.parse()).map_err(|_| "a network is such as 10.0.0.0/8 or 192.0.2.7")
}

/// Longest that anything may take, in days: ten years.
const MOST_DAYS: i64 = 3650;

/// Below this the models and one photo have no room, and every photo would be taken for damaged.
const LEAST_MEMORY: u64 = 1024;

fn days() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(..=MOST_DAYS)
}

fn amount(text: &str) -> Result<Fen, &'static str> {
    Fen::parse(text).filter(|fen| fen.0 >= 0).ok_or("an amount is a decimal with two digits such as 5000.00")
}

/// A share in millionths.
fn share(text: &str) -> Result<u32, &'static str> {
    let share: Option<f64> = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.map(|share| (share * 1e6).round() as u32).ok_or("a share is a number from 0 to 1 such as 0.02")
}

/// Which part of the work a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
enum RoleArg {
    /// Take claims in and show them
    Api,
    /// Work claims off; answers only /healthz and /readyz
    Worker,
    /// Both
    #[default]
    All,
}

/// Time that work under way has to end.
const DRAIN: Duration = Duration::from_secs(60);

/// Runs the command.
pub fn run(args: &ServeArgs) -> Result<Ending> {
    let policy = args.policy.as_deref().map(read_policy).transpose()?.map(|policy| policy.text().to_owned());
    let load = load_reader(args.engines.reader());
    let place = args.place.place()?;
    let place = if args.demo { demo::place(&place) } else { place };
    let mut config = ServiceConfig::new(place, policy, load);
    let place = config.place.clone();
    config.role = match args.role {
        RoleArg::Api => Role::Api,
        RoleArg::Worker => Role::Worker,
        RoleArg::All => Role::All,
    };
    config.issuers = args.issuers.issuers()?;
    config.oidc = args.oidc.issuer()?;
    config.key_limits = KeyLimits { per_minute: args.key_per_minute, photos_a_day: args.key_photos_a_day };
    config.intake.queue = args.queue as usize;
    config.open_to_all = args.open;
    config.made_up = args.sandbox_claims || args.demo;
    config.log_claim_reads = !args.skip_claim_reads;
    config.retention.rules = args.retain.clone();
    config.reach = if args.webhooks_anywhere { Reach::Anywhere } else { Reach::Public };
    let ServeArgs {
        decide_days,
        refuse_days,
        pay_days,
        task_days,
        second_above,
        random_above,
        blind_pairs: blind_pairs_ppm,
        ..
    } = *args;
    let task = task_days.unwrap_or(if args.demo { 0 } else { Clocks::default().task });
    let clocks = Clocks { decide: decide_days, refuse: refuse_days, pay: pay_days, task };
    config.reviews = ReviewTerms { second_above, random_above, blind_pairs_ppm, clocks };
    let is_off = std::env::var("OTEL_SDK_DISABLED").is_ok_and(|off| off.eq_ignore_ascii_case("true"));
    if let Some(endpoint) = args.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty() && !is_off) {
        config.traces = Traces::to(endpoint)?;
    }
    if args.jobs > 0 {
        config.work.readers = args.jobs;
    }
    let sandbox = (!args.no_sandbox).then(|| Sandbox::new(args, &mut config));
    let tls = match (&args.tls_certificate, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(tls::load(certificate, key)?),
        _ => None,
    };
    on_runtime(async {
        // Workers show nobody anything.
        if config.role != Role::Worker {
            refuse_open(args, &config).await?;
        }
        let service = open(config).await?;
        Sandbox::tell(sandbox.as_ref())?;
        let is_open = service.is_open().await?;
        if let Err(error) = service.records().unlocked() {
            complain(&format!("no claims are accepted, decided or shown: {error}"));
        }
        if args.sandbox_claims {
            complain("decisions are made up: no photo is read (--sandbox-claims)");
        }
        let waiting = service.start().await?;
        if waiting > 0 {
            let waiting =
                many(waiting, "claim that was not decided before waits", "claims that were not decided before wait");
            complain(&waiting);
        }
        if args.demo {
            let filled = demo::fill(&service).await?;
            complain(&format!("demo: {filled}; to leave it, stop and start again without --demo"));
        }
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = bind(args.listen, service, tls, Proxies::new(args.trusted_proxies.clone()))
            .with_context(|| format!("{} cannot be listened on; --listen takes another address", args.listen))?;
        let address = SocketAddr::new(args.listen.ip(), server.port);
        complain(&format!("claimlens listens on {scheme}://{address}, records in {place}"));
        if is_open {
            complain("there is no API key: whoever reaches it may do everything; `claimlens keys add` changes that");
        }
        server.run().await?;
        Ok(Ending::Done)
    })
}

/// The processes that decode and read.
struct Sandbox {
    decoder: Arc<Keeper>,
    reader: Option<Arc<Keeper>>,
}

impl Sandbox {
    /// Has photos decoded and read in processes of their own. Those start when they are first needed.
    fn new(args: &ServeArgs, config: &mut ServiceConfig) -> Self {
        let memory = args.reader_memory.unwrap_or_else(|| child::memory_for(config.work.readers));
        let decoder = reader::decoder(memory);
        config.decoder = Some(Arc::new(ChildDecoder(decoder.clone())));
        let reader = (config.role != Role::Api).then(|| {
            let reader = reader::reader(&args.engines, memory, config.work.photo_time);
            config.load_reader = ChildReader::load_from(reader.clone());
            reader
        });
        Self { decoder, reader }
    }

    /// Says what keeps them in, and what of it this kernel lacks.
    fn tell(sandbox: Option<&Self>) -> Result<()> {
        let Some(Self { decoder, reader }) = sandbox else {
            complain(
                "photos are decoded in this process, which --no-sandbox asks for: one that breaks a decoder reaches the records",
            );
            return Ok(());
        };
        decoder.start().map_err(|why| anyhow::anyhow!("photos cannot be decoded: {why}"))?;
        let locks = [Some(decoder), reader.as_ref()].into_iter().flatten().find_map(|keeper| keeper.locks());
        if let Some(locks) = locks {
            complain(&format!("photos are decoded and read in processes that are locked in: {locks}"));
        }
        Ok(())
    }
}

/// Without a key nobody is asked who they are, and so nobody else may reach the service unless that is said outright.
async fn refuse_open(args: &ServeArgs, config: &ServiceConfig) -> Result<()> {
    let is_kept = config.oidc.is_some() || args.open || args.listen.ip().is_loopback();
    if is_kept || !Records::inspect_open(&config.place).await? {
        return Ok(());
    }
    Err(usage(format!(
        "there is no API key, so whoever reaches {} could do everything: give the first key with `claimlens keys add NAME \
         --role admin`, listen on 127.0.0.1, or say --open",
        args.listen
    )))
}

/// Opens the service; a policy that is not the one in force is wrong usage.
async fn open(config: ServiceConfig) -> Result<Service> {
    Service::open(config).await.map_err(|e| match e {
        ServiceError::PolicyAct(refusal) => usage(refusal.to_string()),
        ServiceError::MadeUp { .. } => usage(e.to_string()),
        other => other.into(),
    })
}

/// How the service makes its readers: they share the engines of the first.
pub fn load_reader(config: ReaderConfig) -> LoadReader {
    let first: Mutex<Option<Reader>> = Mutex::new(None);
    Arc::new(move || {
        let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = match &*first {
            Some(reader) => reader.clone(),
            None => first.insert(Reader::load(&config)?).clone(),
        };
        Ok(Box::new(reader) as Box<dyn ReadPhotos>)
    })
}

/// Runs async work to its end, on a runtime of its own.
pub fn on_runtime<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// Opens records that must exist.
pub async fn existing_records(place: &Place) -> Result<Records> {
    Records::open_existing(place.clone()).await.map_err(|e| match e {
        ServiceError::NotFound => usage(format!("there are no records in {place}")),
        ServiceError::PhotosElsewhere => usage(e.to_string()),
        other => other.into(),
    })
}

/// Asks records that must exist.
pub fn of_records<T>(place: &PlaceArgs, ask: impl AsyncFnOnce(&Records) -> Result<T>) -> Result<T> {
    on_runtime(async {
        let records = existing_records(&place.place()?).await?;
        let answer = ask(&records).await;
        records.close().await;
        answer
    })
}

/// `verify --data`: decides like the service does, with repeats looked up and the decisions recorded at a place.
///
/// One case after the other, since each may repeat the one before. `policy`, if given, must be the one in force there;
/// `now` fixes the clock.
pub fn recorded<T>(
    place: Place,
    policy: Option<String>,
    now: Option<Timestamp>,
    shop: &Shop<'_>,
    cases: &[Case],
    map: impl Fn(usize, Worked) -> T,
    mut sink: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    let mut config = ServiceConfig::new(place, policy, load_reader(shop.reader.clone()));
    config.work.readers = 1;
    config.issuers = shop.issuers.clone();
    on_runtime(async {
        let service = open(config).await?;
        let bar = progress(cases.len(), shop.noun);
        let mut outcome = Ok(());
        for (i, case) in cases.iter().enumerate() {
            let start = Instant::now();
            let mut worked = match submit(&service, case, now).await {
                Ok(worked) => worked,
                Err(why) => failed(shop, case, why),
            };
            worked.wall_us = start.elapsed().as_micros() as u64;
            outcome = bar.suspend(|| sink(i, map(i, worked)));
            if outcome.is_err() {
                break;
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        service.drain(DRAIN).await;
        outcome
    })
}

async fn submit(service: &Service, case: &Case, now: Option<Timestamp>) -> Result<Worked, String> {
    let mut photos = Vec::new();
    for path in &case.photos {
        let bytes = photo_bytes(path).map_err(|why| format!("{}: {why}", path.display()))?;
        photos.push(Upload { name: path.display().to_string(), bytes });
    }
    let submission = Submission { claim: case.claim.clone(), photos, now, known: None };
    let decided = service.submit_and_wait(submission).await.map_err(|e| e.to_string())?;
    let failures = &decided.record.evidence.facts.failures;
    let failed = (!failures.is_empty()).then(|| failures.join("; "));
    Ok(Worked { record: decided.record, timing: decided.timing, pictures: decided.pictures, wall_us: 0, failed })
}
