//! `keys`: who may come in over HTTP.

use super::places::actor;
use super::serve::{of_records, on_runtime};
use super::show::many;
use super::{Ending, Format, PlaceArgs, complain, usage};
use crate::domain::access::{Role, Tenant};
use crate::domain::gate::Reviewer;
use crate::service::{KeyLimits, KeyView, NewKey, Records, Secret, ServiceError};
use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use std::io::Write;
use std::num::NonZeroU32;

/// Give, list, replace and take back API keys
#[derive(Debug, Args)]
#[command(
    after_help = "As long as no key was ever given, whoever reaches the service may do everything; from the first one on nobody
comes in without one. A key is printed once, on standard output, and cannot be had again. Running services take
note within a second. Every change stands in the audit log.

Roles: submitter (sends claims and sees its tenant's), reviewer (rules on claims), auditor (holds the records
against the log), admin (everything but deciding reviews).

Examples:
  claimlens keys add boss --role admin
  claimlens keys add app-north --role submitter --tenant north --expires 365 --per-minute 300
  claimlens keys rotate 5f1d0a3c77e2b948 --overlap-hours 48
  claimlens keys revoke 5f1d0a3c77e2b948 --by boss

Exit status: 0 done, 1 there is no such key or it no longer opens, 2 wrong usage."
)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Give somebody a key, and print it
    Add {
        /// Whose it is: a short opaque name, which acts and readings are logged under
        name: String,
        /// What it may do: submitter, reviewer, auditor or admin
        #[arg(long, value_name = "ROLE")]
        role: Role,
        /// Send and see only claims of this tenant [default: `default` for submitters, all for others]
        #[arg(long, value_name = "TENANT")]
        tenant: Option<Tenant>,
        /// Stop opening after so many days [default: never]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
        expires: Option<u16>,
        /// Requests a minute, by each process; a minute's may come at once [default: as `serve` says]
        #[arg(long, value_name = "N")]
        per_minute: Option<NonZeroU32>,
        /// Photos a day, of UTC [default: as `serve` says]
        #[arg(long, value_name = "N")]
        photos_a_day: Option<u32>,
        #[command(flatten)]
        order: OrderArgs,
    },
    /// List all keys that ever were; no secret is kept that could be shown
    List {
        #[command(flatten)]
        place: PlaceArgs,
        /// How to print; JSON is one object a line
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Take a key back, now and for good; whoever is signed in with it no longer is
    Revoke {
        /// Its id: the 16 digits after `clk_`
        id: String,
        #[command(flatten)]
        order: OrderArgs,
    },
    /// Give a new key in the place of one, and print it. Both open for a while
    Rotate {
        /// Its id: the 16 digits after `clk_`
        id: String,
        /// For how many hours the old one opens on
        #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(..=8760))]
        overlap_hours: u16,
        /// Let the new one stop opening after so many days [default: when the old one would]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
        expires: Option<u16>,
        #[command(flatten)]
        order: OrderArgs,
    },
}

#[derive(Debug, Args)]
struct OrderArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// By whose order: a short opaque name
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Runs the command.
pub fn run(args: &KeysArgs) -> Result<Ending> {
    let done = match &args.command {
        KeysCommand::Add { name, role, tenant, expires, per_minute, photos_a_day, order } => {
            let new = NewKey {
                name: Reviewer::try_from(name.clone()).map_err(|e| usage(format!("NAME {e}")))?,
                role: *role,
                tenant: tenant.clone(),
                expires: expires.map(in_days),
                limits: KeyLimits { per_minute: *per_minute, photos_a_day: *photos_a_day },
            };
            let (place, by) = (order.place.place()?, actor(order.by.as_deref())?);
            // May be the first thing that is done on new records: before others can reach the service.
            let given = on_runtime(async {
                let records = Records::open(place).await?;
                let given = records.add_api_key(&new, &by).await;
                records.close().await;
                Ok(given?)
            });
            given.and_then(|(view, secret)| given_out(&view, &secret))
        }
        KeysCommand::List { place, format } => list(place, *format),
        KeysCommand::Revoke { id, order } => {
            let by = actor(order.by.as_deref())?;
            of_records(&order.place, async |records| Ok(records.revoke_api_key(id, &by).await?))
                .map(|view| complain(&format!("{} of {} opens nothing any more", view.id, view.name)))
        }
        KeysCommand::Rotate { id, overlap_hours, expires, order } => {
            let (by, expires) = (actor(order.by.as_deref())?, expires.map(in_days));
            let overlap = SignedDuration::from_hours((*overlap_hours).into());
            let given =
                of_records(&order.place, async |records| Ok(records.rotate_api_key(id, overlap, expires, &by).await?));
            given.and_then(|(view, secret)| {
                complain(&format!("{id} opens on for {}", many(*overlap_hours, "hour", "hours")));
                given_out(&view, &secret)
            })
        }
    };
    match done {
        Ok(()) => Ok(Ending::Done),
        Err(error) => match error.downcast_ref::<ServiceError>() {
            Some(ServiceError::ApiKey(refusal)) => {
                complain(&format!("nothing done: {refusal}"));
                Ok(Ending::NotAll)
            }
            _ => Err(error),
        },
    }
}

/// So many days from now.
fn in_days(days: u16) -> Timestamp {
    Timestamp::now().saturating_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX)
}

/// Prints a key, alone on standard output so that it can be sent on to where it belongs.
fn given_out(view: &KeyView, secret: &Secret) -> Result<()> {
    complain(&format!("{}; this is the only time that the key is shown", told(view)));
    Ok(writeln!(std::io::stdout(), "{}", secret.expose())?)
}

fn list(place: &PlaceArgs, format: Format) -> Result<()> {
    let keys = of_records(place, async |records| Ok(records.api_keys().await?))?;
    let mut out = std::io::stdout().lock();
    if keys.is_empty() {
        complain("there is no API key: whoever reaches the service may do everything");
    }
    for key in keys {
        match format {
            Format::Json => writeln!(out, "{}", serde_json::to_string(&key)?)?,
            Format::Text => writeln!(out, "{}", told(&key))?,
        }
    }
    Ok(())
}

/// A key on one line.
fn told(key: &KeyView) -> String {
    let mut out = format!("{}  {}  {}", key.id, key.role, key.name);
    let number = |n: Option<u32>| n.map(|n| n.to_string());
    for (before, text) in [
        ("  tenant ", key.tenant.clone()),
        ("  a minute ", number(key.per_minute)),
        ("  photos a day ", number(key.photos_a_day)),
        ("  since ", Some(key.added.clone())),
        ("  until ", key.ends.clone()),
        ("  revoked ", key.revoked.clone()),
        ("  replaced by ", key.replaced_by.clone()),
    ] {
        out += &text.map(|text| format!("{before}{text}")).unwrap_or_default();
    }
    out + if key.active { "" } else { "  opens nothing" }
}
