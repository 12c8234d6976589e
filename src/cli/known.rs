//! `known`: claims whose end is known, sent to see how people rule on them.

use super::{Ending, SecretText, usage};
use crate::domain::evidence::Insured;
use crate::domain::review::CaseVerdict;
use crate::domain::{Claim, ContentHash, FieldName};
use crate::specimen::{Attack, CameraParams, Chain, Fonts, Order, Picture, SpecimenKind, Take, develop};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::io::Write;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What stands between the parts of a form: in no JSON, and too long to stand in a picture by chance.
const BOUNDARY: &str = "claimlens-known-3f0b6c1d9a7e4825b1c6";

/// Those on which an amount is printed that is asked for.
const KINDS: [SpecimenKind; 4] =
    [SpecimenKind::OutpatientBill, SpecimenKind::InpatientBill, SpecimenKind::TillReceipt, SpecimenKind::VatInvoice];

/// Send claims whose end is known, to see how people rule on them
#[derive(Debug, Args)]
#[command(
    after_help = "The service shows them to people like any other claim and counts them nowhere but in /v1/vigilance.
It takes them only from an admin. The same seed gives the same papers, which the service would tell as repeats: go on
with another.

Painted papers show who looks closely that they are painted. Better ones are your own: papers of which you know how
they have to end, each sent to POST /v1/claims with one more part, known=approve or known=reject.

Examples:
  claimlens known seed --count 20 --seed 1 --url https://claims.example --api-key clk_…"
)]
pub struct KnownArgs {
    #[command(subcommand)]
    command: KnownCommand,
}

#[derive(Debug, Subcommand)]
enum KnownCommand {
    /// Paint and photograph papers, forge a share of them, and send each as a claim
    Seed(SeedArgs),
}

#[derive(Debug, Args)]
struct SeedArgs {
    /// How many
    #[arg(long, value_name = "N", default_value_t = 10)]
    count: u64,
    /// The first seed
    #[arg(long, value_name = "N")]
    seed: u64,
    /// Which share of them is forged
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    forged: f64,
    /// How the claims are named, each # for a digit: as your own are, so that the name tells nobody
    #[arg(long, value_name = "PATTERN", default_value = "##########")]
    name: String,
    /// Address of the service
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An API key of an admin, if the service asks for one. Best given by the environment
    #[arg(long, value_name = "KEY", env = "CLAIMLENS_API_KEY", hide_env_values = true)]
    api_key: Option<SecretText>,
}

/// Runs the command.
pub fn run(args: &KnownArgs) -> Result<Ending> {
    let KnownCommand::Seed(args) = &args.command;
    if !(0.0..=1.0).contains(&args.forged) {
        return Err(usage("--forged is a share from 0 to 1"));
    }
    let fonts = Fonts::find(None)?;
    let mut out = std::io::stdout().lock();
    for seed in args.seed..args.seed.saturating_add(args.count) {
        let (claim, picture) = made(args, seed, &fonts)?;
        let verdict = if picture.truth.genuine { CaseVerdict::Approve } else { CaseVerdict::Reject };
        let id = send(args, &form(&claim, &picture, verdict)?)?;
        writeln!(out, "{id} {}", verdict.as_str())?;
    }
    Ok(Ending::Done)
}

/// Numbers that a seed gives, evenly spread.
fn drawn(seed: u64, what: &str) -> [u8; 32] {
    ContentHash::of(format!("{what} of {seed}").as_bytes()).0
}

/// The claim of a seed: what is asked for is what the paper says.
fn made(args: &SeedArgs, seed: u64, fonts: &Fonts) -> Result<(Claim, Picture)> {
    let [kind, high, low, ..] = drawn(seed, "known case");
    let kind = KINDS[usize::from(kind) % KINDS.len()];
    let is_forged = f64::from(u16::from_be_bytes([high, low])) < args.forged * 65_536.0;
    let layout = kind.layout(seed);
    let genuine = Order {
        kind,
        seed,
        layout,
        attack: None,
        chain: Chain::Camera,
        maker: None,
        camera: CameraParams::default(),
        take: Take::First,
    };
    let attack = is_forged.then(|| Attack::mixed(kind, layout, seed));
    let picture = match develop(&Order { attack, ..genuine }, fonts)? {
        Some(picture) => picture,
        // It offers nothing to the attack.
        None => develop(&genuine, fonts)?.context("a genuine paper is always painted")?,
    };
    let printed = |name| picture.truth.fields.get(&name).cloned().flatten();
    let digits = drawn(seed, "name");
    let mut digits = digits.iter().cycle().map(|byte| char::from(b'0' + byte % 10));
    let name = args.name.chars().map(|c| if c == '#' { digits.next().unwrap_or('0') } else { c }).collect();
    let claim = Claim {
        id: name,
        insured: printed(FieldName::PayerName).map(|name| Insured { name, id_number: None }),
        policy: None,
        amount: printed(FieldName::Total),
        claim_type: None,
        currency: (kind == SpecimenKind::TillReceipt).then(|| "MYR".to_owned()),
    };
    Ok((claim, picture))
}

/// The body of a request.
fn form(claim: &Claim, picture: &Picture, verdict: CaseVerdict) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut part = |head: &str, bytes: &[u8]| -> std::io::Result<()> {
        write!(body, "--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n")?;
        body.write_all(bytes)?;
        body.write_all(b"\r\n")
    };
    part("name=\"claim\"", &serde_json::to_vec(claim)?)?;
    part(&format!("name=\"photo\"; filename=\"photo.{}\"", picture.extension), &picture.bytes)?;
    part("name=\"known\"", verdict.as_str().as_bytes())?;
    write!(body, "--{BOUNDARY}--\r\n")?;
    Ok(body)
}

/// Sends a claim; gives its name.
fn send(args: &SeedArgs, body: &[u8]) -> Result<String> {
    let url = format!("{}/v1/claims", args.url.trim_end_matches('/'));
    let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
    let agent: ureq::Agent = config.build().into();
    let mut request = agent
        .post(&url)
        .header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .header("Prefer", "respond-async");
    if let Some(SecretText(key)) = &args.api_key {
        request = request.header("Authorization", format!("Bearer {key}"));
    }
    let mut answer = request.send(body).with_context(|| url.clone())?;
    let status = answer.status();
    let said: Value = serde_json::from_str(&answer.body_mut().read_to_string()?).unwrap_or_default();
    match said["id"].as_str() {
        Some(id) if status.is_success() => Ok(id.to_owned()),
        _ => bail!("{url}: {status}: {}", said["detail"].as_str().unwrap_or("no claim came of it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_the_share_that_was_asked_for_is_forged_and_of_every_kind() {
        let forged = |seed: u64| {
            let [_, high, low, ..] = drawn(seed, "known case");
            f64::from(u16::from_be_bytes([high, low])) < 0.5 * 65_536.0
        };
        let share = (0..1000).filter(|seed| forged(*seed)).count();
        assert!((430..570).contains(&share), "{share}");
        let kind = |seed: u64| usize::from(drawn(seed, "known case")[0]) % KINDS.len();
        for n in 0..KINDS.len() {
            assert!((0..40).any(|seed| kind(seed) == n && forged(seed)), "{n}");
            assert!((0..40).any(|seed| kind(seed) == n && !forged(seed)), "{n}");
        }
    }
}
