//! The settings by which people sign in at an OpenID Connect issuer.

use super::usage;
use crate::domain::access::Role;
use crate::service::oidc::{Oidc, OidcConfig, is_address};
use anyhow::Result;
use clap::Args;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// The client's secret itself, for those that hand secrets over in the environment.
const SECRET: &str = "CLAIMLENS_OIDC_CLIENT_SECRET";

/// Who vouches for people. Without these nobody does, and people sign in with API keys.
#[derive(Debug, Clone, Args)]
pub struct OidcArgs {
    /// Let people sign in at this OpenID Connect issuer: its address, exactly as its tokens name it
    #[arg(
        long,
        value_name = "URL",
        env = "CLAIMLENS_OIDC_ISSUER",
        value_parser = web_address,
        requires_all = ["oidc_client_id", "public_url", "oidc_role"],
        help_heading = "Sign-in"
    )]
    oidc_issuer: Option<String>,
    /// Who this service is to the issuer
    #[arg(
        long,
        value_name = "ID",
        env = "CLAIMLENS_OIDC_CLIENT_ID",
        requires = "oidc_issuer",
        help_heading = "Sign-in"
    )]
    oidc_client_id: Option<String>,
    /// The file with the client's secret. CLAIMLENS_OIDC_CLIENT_SECRET may hold the secret itself instead [default:
    /// none, a public client]
    #[arg(
        long,
        value_name = "FILE",
        env = "CLAIMLENS_OIDC_CLIENT_SECRET_FILE",
        requires = "oidc_issuer",
        help_heading = "Sign-in"
    )]
    oidc_client_secret_file: Option<PathBuf>,
    /// Where browsers reach this service; the issuer sends them back to /v1/session/oidc/callback below it
    #[arg(
        long,
        value_name = "URL",
        env = "CLAIMLENS_PUBLIC_URL",
        value_parser = web_address,
        help_heading = "Sign-in"
    )]
    public_url: Option<String>,
    /// Ask the issuer for these scopes besides `openid`
    #[arg(
        long,
        value_name = "SCOPE",
        value_delimiter = ',',
        env = "CLAIMLENS_OIDC_SCOPES",
        requires = "oidc_issuer",
        help_heading = "Sign-in"
    )]
    oidc_scope: Vec<String>,
    /// The member of the ID token that names roles, or a JSON Pointer to it such as /realm_access/roles
    #[arg(
        long,
        value_name = "NAME",
        default_value = "roles",
        env = "CLAIMLENS_OIDC_ROLE_CLAIM",
        help_heading = "Sign-in"
    )]
    oidc_role_claim: String,
    /// Which of its values stands for which role: reviewer, auditor or admin; the first that somebody has counts, and
    /// whoever has none does not come in
    #[arg(
        long,
        value_name = "VALUE=ROLE",
        value_delimiter = ',',
        value_parser = stands_for,
        env = "CLAIMLENS_OIDC_ROLES",
        requires = "oidc_issuer",
        help_heading = "Sign-in"
    )]
    oidc_role: Vec<(String, Role)>,
}

fn web_address(text: &str) -> Result<String, &'static str> {
    let fits = is_address(text).then(|| text.to_owned());
    fits.ok_or("it must be an https address without query; http is taken for this machine alone")
}

fn stands_for(text: &str) -> Result<(String, Role), &'static str> {
    let pair = text.rsplit_once('=').and_then(|(value, role)| Some((value.to_owned(), role.parse().ok()?)));
    let fits = |(value, role): &(String, Role)| !value.is_empty() && *role != Role::Submitter;
    pair.filter(fits).ok_or("it is VALUE=reviewer, VALUE=auditor or VALUE=admin")
}

impl OidcArgs {
    /// The issuer, if one is named; settings that cannot work are wrong usage.
    pub fn issuer(&self) -> Result<Option<Arc<Oidc>>> {
        let (Some(issuer), Some(client), Some(public_url)) =
            (&self.oidc_issuer, &self.oidc_client_id, &self.public_url)
        else {
            return Ok(None);
        };
        let config = OidcConfig {
            issuer: issuer.clone(),
            client: client.clone(),
            secret: self.secret()?,
            public_url: public_url.clone(),
            scopes: self.oidc_scope.clone(),
            role_claim: self.oidc_role_claim.clone(),
            roles: self.oidc_role.clone(),
        };
        Ok(Some(Arc::new(Oidc::new(config).map_err(|fault| usage(fault.to_string()))?)))
    }

    fn secret(&self) -> Result<Option<String>> {
        let text = match &self.oidc_client_secret_file {
            Some(file) => fs::read_to_string(file).map_err(|e| usage(format!("{}: {e}", file.display())))?,
            None => std::env::var(SECRET).unwrap_or_default(),
        };
        let text = text.trim();
        match (&self.oidc_client_secret_file, text.is_empty()) {
            (_, false) => Ok(Some(text.to_owned())),
            (None, true) => Ok(None),
            // Somebody meant there to be one.
            (Some(file), true) => Err(usage(format!("{} holds no secret", file.display()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Given {
        #[command(flatten)]
        oidc: OidcArgs,
    }

    fn given(arguments: &[&str]) -> Result<Option<Arc<Oidc>>, String> {
        let given = Given::try_parse_from([&["x"], arguments].concat()).map_err(|e| e.to_string())?;
        given.oidc.issuer().map_err(|e| e.to_string())
    }

    #[test]
    fn an_issuer_needs_all_that_it_takes_to_ask_it() {
        assert!(given(&[]).unwrap().is_none());
        let all = [
            "--oidc-issuer=https://login.example/realms/a",
            "--oidc-client-id=claimlens",
            "--public-url=https://claims.example",
            "--oidc-role=cn=staff=reviewer,boss=admin",
        ];
        assert!(given(&all).unwrap().is_some());
        for left_out in 0..all.len() {
            let mut some = all.to_vec();
            some.remove(left_out);
            assert!(given(&some).is_err(), "without {}", all[left_out]);
        }
        for (wrong, told) in [
            ("--oidc-issuer=http://login.example", "must be an https address"),
            ("--oidc-issuer=login.example", "must be an https address"),
            ("--public-url=https://claims.example/?a=b", "must be an https address"),
            ("--oidc-role=app=submitter", "VALUE=reviewer"),
            ("--oidc-role==admin", "VALUE=reviewer"),
            ("--oidc-client-secret-file=no/such", "no/such: "),
        ] {
            let name = wrong.split('=').next().unwrap();
            let others = all.into_iter().filter(|one| !one.starts_with(name)).chain([wrong]);
            let fault = given(&others.collect::<Vec<_>>()).unwrap_err();
            assert!(fault.contains(told), "{wrong}: {fault}");
        }
    }
}
