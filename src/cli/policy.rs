//! `policy`: look at and check the rules decisions are made by.

use super::places::{actor, policy_or_default, read_policy, reviewer};
use super::serve::of_records;
use super::show::many;
use super::{Ending, Format, PlaceArgs, complain, usage};
use crate::decision::Policy;
use crate::domain::gate::Why;
use crate::models::{Certificate, PREVALENCE_PPM, RiskModel};
use crate::service::{AdoptedView, BacktestReport, Change, PolicyEvent, PolicyView, ServiceError};
use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use std::io::Write;
use std::path::PathBuf;

/// Check, try and adopt decision policies
#[derive(Debug, Args)]
#[command(
    after_help = "A policy takes effect by being adopted, and by nothing else; every act about policies stands in the audit log.

Examples:
  claimlens policy show > mine.toml              start from the built-in policy
  claimlens policy check mine.toml
  claimlens verify bills/ --policy mine.toml
  claimlens policy shadow mine.toml              let it decide beside the one in force, without effect
  claimlens policy backtest mine.toml            what it would have decided of everything recorded
  claimlens policy adopt mine.toml --by rv-017 --why 'up to 5,000 from July on' --from 2026-07-01T00:00:00+08:00
  claimlens policy status                        what is in force, what follows, what the shadow would do

Exit status: 0 done, 1 it could not be done or did not hold, 2 wrong usage."
)]
pub struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Say whether a policy file is valid, with every fault it has
    Check {
        /// The policy file
        file: PathBuf,
    },
    /// Decide everything recorded again by a policy, and tell in figures what would change. Nothing is altered
    Backtest {
        /// The policy file
        file: PathBuf,
        #[command(flatten)]
        place: PlaceArgs,
        /// Who tries it: a short opaque name
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Put a policy in force. It must have been tried by `policy backtest` within the last 7 days, if anything was
    /// decided yet. Services take it up by themselves
    Adopt {
        /// The policy file
        file: PathBuf,
        #[command(flatten)]
        place: PlaceArgs,
        /// Who does: a short opaque name
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why, on one line
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// From when it decides; from now on without
        #[arg(long, value_name = "RFC3339")]
        from: Option<Timestamp>,
    },
    /// Let a policy decide beside the one in force, without effect; `policy status` shows what it would have decided
    /// otherwise
    Shadow {
        /// The policy file
        #[arg(required_unless_present = "off", conflicts_with = "off")]
        file: Option<PathBuf>,
        /// End it
        #[arg(long)]
        off: bool,
        #[command(flatten)]
        place: PlaceArgs,
        /// Who does: a short opaque name
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Say which policy is in force, since when and by whose order, what follows it, and what the shadow would do
    Status {
        #[command(flatten)]
        place: PlaceArgs,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List every act about policies, the first one first
    History {
        #[command(flatten)]
        place: PlaceArgs,
        /// How to print; JSON is one object a line
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print a policy, after it as comments the bound on wrong approvals that was earned, and on standard error its SHA-256;
    /// the built-in one if none is named
    Show {
        /// The policy file
        file: Option<PathBuf>,
    },
}

/// Runs the command.
pub fn run(args: &PolicyArgs) -> Result<Ending> {
    let mut out = std::io::stdout().lock();
    match &args.command {
        PolicyCommand::Check { file } => {
            let text = std::fs::read_to_string(file).map_err(|e| usage(format!("{}: {e}", file.display())))?;
            match Policy::parse(&text) {
                Ok(policy) => {
                    writeln!(out, "{} is valid\nsha256 {}", file.display(), policy.hash)?;
                    let rules = Policy::default();
                    for check in rules.must_apply().iter().filter(|check| !policy.must_apply().contains(check)) {
                        complain(&format!(
                            "warning: must_apply lacks {}; the bound on wrong approvals was earned with it",
                            check.as_str()
                        ));
                    }
                    let limit = policy.wrong_approvals_ppm();
                    if Certificate::in_force().step(RiskModel::in_force(), limit).is_none() {
                        complain(&format!(
                            "warning: by it nobody is approved: no bound that was earned keeps to \
                             wrong_approvals_ppm = {limit} (`claimlens policy show` prints what was earned)"
                        ));
                    }
                    Ok(Ending::Done)
                }
                Err(faults) => {
                    writeln!(out, "{}: {faults}", file.display())?;
                    Ok(Ending::NotAll)
                }
            }
        }
        PolicyCommand::Backtest { file, place, by, format } => {
            let (policy, actor) = (read_policy(file)?, actor(by.as_deref())?);
            let (report, logged) =
                of_records(place, async |records| Ok(records.backtest_logged(policy, &actor).await?))?;
            match format {
                Format::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
                Format::Text => out.write_all(told(&report).as_bytes())?,
            }
            if let Err(why) = &logged {
                complain(&format!("error: that it was tried could not be logged, so it cannot be adopted: {why}"));
            }
            Ok(if report.failed == 0 && logged.is_ok() { Ending::Done } else { Ending::NotAll })
        }
        PolicyCommand::Adopt { file, place, by, why, from } => {
            let policy = read_policy(file)?;
            let by = reviewer(by)?;
            let why = Why::try_from(why.clone()).map_err(|e| usage(format!("--why {e}")))?;
            let adopted = of_records(place, async |records| Ok(records.adopt(&policy, &by, &why, *from).await))?;
            match adopted {
                Err(ServiceError::PolicyAct(refusal)) => {
                    complain(&format!("not adopted: {refusal}"));
                    Ok(Ending::NotAll)
                }
                other => {
                    let AdoptedView { policy, since, entry, .. } = other?;
                    writeln!(out, "{policy:.12} decides from {since} on (entry {entry})")?;
                    Ok(Ending::Done)
                }
            }
        }
        PolicyCommand::Shadow { file, place, by, .. } => {
            let policy = file.as_deref().map(read_policy).transpose()?;
            let actor = actor(by.as_deref())?;
            let done = of_records(place, async |records| {
                Ok(match &policy {
                    Some(policy) => records.shadow(policy, &actor).await,
                    None => records.end_shadow(&actor).await,
                })
            })?;
            match done {
                Err(ServiceError::PolicyAct(refusal)) => {
                    complain(&format!("nothing to do: {refusal}"));
                    Ok(Ending::NotAll)
                }
                other => other.map(|()| Ending::Done).map_err(Into::into),
            }
        }
        PolicyCommand::Status { place, format } => {
            let view = of_records(place, async |records| Ok(records.policy_view().await?))?;
            match format {
                Format::Json => writeln!(out, "{}", serde_json::to_string(&view)?)?,
                Format::Text => out.write_all(status(&view).as_bytes())?,
            }
            Ok(Ending::Done)
        }
        PolicyCommand::History { place, format } => {
            for event in of_records(place, async |records| Ok(records.policy_history().await?))? {
                match format {
                    Format::Json => writeln!(out, "{}", serde_json::to_string(&event)?)?,
                    Format::Text => writeln!(out, "{}", line(&event))?,
                }
            }
            Ok(Ending::Done)
        }
        PolicyCommand::Show { file } => {
            let policy = policy_or_default(file.as_deref())?;
            write!(out, "{}", policy.text())?;
            for line in earned(&policy) {
                writeln!(out, "# {line}")?;
            }
            complain(&format!("sha256 {}", policy.hash));
            Ok(Ending::Done)
        }
    }
}

/// The policies for people.
fn status(view: &PolicyView) -> String {
    let order = |a: &AdoptedView| {
        let by = a.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
        let why = a.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{:.12} since {}{by}{why}\n", a.policy, a.since)
    };
    let mut out = match &view.in_force {
        Some(act) => format!("in force  {}", order(act)),
        None => "no policy is in force yet: the first start of a service adopts one\n".to_owned(),
    };
    for act in &view.waiting {
        out += &format!("to follow {}", order(act).replace(" since ", " from "));
    }
    let Some(shadow) = &view.shadow else { return out };
    out += &format!("shadow    {}", order(&shadow.set));
    out += &format!(
        "  of {} it would have approved {} that {} held, and held {} that {} approved\n",
        many(shadow.compared, "decision", "decisions"),
        shadow.newly_approved,
        were(shadow.newly_approved),
        shadow.newly_held,
        were(shadow.newly_held),
    );
    for (what, reasons) in [("more", &shadow.reasons_gained), ("fewer", &shadow.reasons_lost)] {
        for (code, n) in reasons {
            out += &format!("  {n} {what} with {code}\n");
        }
    }
    if shadow.failed > 0 {
        out += &format!("  judging by it broke down {}\n", many(shadow.failed, "time", "times"));
    }
    for flip in &shadow.flipped {
        out += &format!("  {} was decided {}\n", flip.claim, flip.decided);
    }
    out
}

fn were(n: u64) -> &'static str {
    if n == 1 { "was" } else { "were" }
}

/// An act for people.
fn line(event: &PolicyEvent) -> String {
    let mut out = format!("{:>6}  {}  {:<20}", event.entry, event.at, event.act);
    for (before, text) in [("  ", event.policy.as_ref().map(|p| format!("{p:.12}"))), ("  from ", event.from.clone())] {
        out += &text.map(|text| format!("{before}{text}")).unwrap_or_default();
    }
    for (before, text) in [("  by ", &event.by), (": ", &event.why)] {
        out += &text.as_ref().map(|text| format!("{before}{text}")).unwrap_or_default();
    }
    out.trim_end().to_owned()
}

/// A backtest for people: what changes first, what stays the same left out.
fn told(report: &BacktestReport) -> String {
    let BacktestReport { decisions, approved, newly_approved, newly_held, amount_approved_fen: amount, .. } = report;
    let yuan = |fen: u64| format!("{}.{:02}", fen / 100, fen % 100);
    let mut out = format!(
        "{} judged by {:.12}\n\
         approved            {} → {} ({newly_approved} newly approved, {newly_held} newly held)\n\
         amount approved     {} → {}\n",
        many(*decisions, "decision", "decisions"),
        report.policy,
        approved.before,
        approved.after,
        yuan(amount.before),
        yuan(amount.after),
    );
    for (title, changes) in [("approved, by kind", &report.approved_by_kind), ("claims with reason", &report.reasons)] {
        let changed: Vec<_> = changes.iter().filter(|(_, c)| c.before != c.after).collect();
        if !changed.is_empty() {
            out += &format!("{title}\n");
        }
        for (name, Change { before, after }) in changed {
            out += &format!("  {name:<32} {before} → {after}\n");
        }
    }
    let earned = &report.guarantee["earned"]["bound"];
    out += &match earned.as_f64() {
        Some(bound) => format!("bound it would run at: {:.0} wrong approvals in a million (95 %)\n", bound * 1e6),
        None => {
            "no bound on wrong approvals was earned that keeps to its limit: nothing would be approved\n".to_owned()
        }
    };
    if report.failed > 0 {
        let failed = many(report.failed, "decision", "decisions");
        out += &format!("{failed} could not be judged: their records are damaged\n");
    }
    out
}

/// What the certificate says to a policy's limit on wrong approvals, in lines.
fn earned(policy: &Policy) -> Vec<String> {
    let (model, certificate) = (RiskModel::in_force(), Certificate::in_force());
    let limit = policy.wrong_approvals_ppm();
    let mut lines = vec![
        String::new(),
        format!(
            "Earned on {} by the risk model {:.12}, on painted specimens no fit had seen:",
            certificate.date, model.hash
        ),
    ];
    let Some(step) = certificate.step(model, limit) else {
        lines.push(format!("no step keeps to {limit} wrong approvals in a million, so nothing is approved."));
        return lines;
    };
    let through = 100.0 * step.approved as f64 / step.genuine.max(1) as f64;
    lines.push(format!(
        "at most {:.0} wrong approvals in a million (95 %), if 1 in {} papers is altered; the policy allows {limit}.",
        step.bound() * 1e6,
        1_000_000 / PREVALENCE_PPM
    ));
    lines.push(format!(
        "{} of {} genuine let through ({through:.0} %), {} of them misread; {} of {} altered let through.",
        step.approved, step.genuine, step.misread, step.missed, step.altered
    ));
    let at = certificate.steps.iter().position(|s| s == step).unwrap_or(0);
    for (name, family) in &certificate.families {
        lines.push(format!("  {name}: {} of {} let through", family.missed.get(at).copied().unwrap_or(0), family.n));
    }
    lines
}
