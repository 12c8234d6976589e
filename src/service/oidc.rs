//! People who sign in at an OpenID Connect issuer: authorization code with PKCE (RFC 7636), by discovery.
//!
//! What this service has to remember of a sign-in under way is one secret in a cookie of the browser that began it.
//! `state`, `nonce` and the code's verifier are hashes of it, so that any process may end what another began, and
//! nobody but this browser can.
//!
//! Of a person nothing is kept but a keyed hash of issuer and subject, as the name that acts are logged under, and the
//! role. The issuer says the role, at each sign-in anew; whoever it says none for does not come in.

use super::access::SIGNED_IN_BY_ISSUER;
use super::{Holder, Secret, Service, ServiceError, off_thread};
use crate::domain::access::Role;
use crate::domain::gate::Reviewer;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::signature::{Error as BadSignature, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Validation, decode, decode_header};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use ureq::tls::{RootCerts, TlsConfig};
use url::{Host, Url};

/// Where the issuer sends browsers back to, below the service's own address.
pub const CALLBACK: &str = "/v1/session/oidc/callback";

/// How long somebody may take to sign in at the issuer.
pub const ATTEMPT_LASTS: Duration = Duration::from_secs(600);

/// Time that one question to the issuer may take, from resolving the name to the last byte.
const DEADLINE: Duration = Duration::from_secs(5);
/// The longest answer. A hundred keys take some 50 KiB.
const MOST_BYTES: u64 = 1 << 20;
/// How long what the issuer tells of itself is gone by.
const FRESH: Duration = Duration::from_secs(3600);
/// How soon it is asked again because a token names a key that it did not tell of.
const AGAIN: Duration = Duration::from_secs(60);
/// By how much its clock may differ, seconds.
const LEEWAY: u64 = 60;

/// The ways of signing that are taken: public keys only.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

/// How the issuer is asked.
#[derive(Clone)]
pub struct OidcConfig {
    /// Its address, as its tokens name it.
    pub issuer: String,
    /// Who this service is to it.
    pub client: String,
    /// What it proves that with; without, by PKCE alone.
    pub secret: Option<String>,
    /// Where browsers reach this service.
    pub public_url: String,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The member of the ID token that names roles: its name, or a JSON Pointer where it begins with `/`.
    pub role_claim: String,
    /// Which of its values stands for which role; of several the first here counts.
    pub roles: Vec<(String, Role)>,
}

impl fmt::Debug for OidcConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcConfig").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Why there is no such way to sign in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidcFault {
    /// An address is none.
    #[error("{0} must be an https address without query; http is taken for this machine alone")]
    Address(&'static str),
    /// Nobody could sign in.
    #[error("no value of the role claim stands for a role: say which with --oidc-role VALUE=ROLE")]
    NoRoles,
    /// Submitters are programs.
    #[error("people sign in as reviewer, auditor or admin")]
    Submitter,
}

/// Why a sign-in came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OidcRefusal {
    /// There is no issuer.
    #[error("there is no issuer to sign in at")]
    NotSetUp,
    /// The issuer does not answer as it should.
    #[error("the issuer does not answer, or not as it should")]
    Unreachable,
    /// It says no: the person turned back, or a code was used before.
    #[error("the issuer refuses")]
    Refused,
    /// This browser did not begin it, or too long ago.
    #[error("it was not begun in this browser, or too long ago")]
    Stale,
    /// The token is not what it must be.
    #[error("the issuer's token does not hold")]
    Invalid,
    /// The issuer says no role for this person.
    #[error("the issuer names no role for this person")]
    NoRole,
}

impl OidcRefusal {
    /// The name that the sign-in page is told.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotSetUp => "not_set_up",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Stale => "stale",
            Self::Invalid => "invalid",
            Self::NoRole => "no_role",
        }
    }
}

/// What came back with a browser. Holds what opens a session, and so does not print.
pub struct Returned {
    /// As it was sent.
    pub state: Option<String>,
    /// To be changed for a token.
    pub code: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// Who answers: RFC 9207.
    pub iss: Option<String>,
}

/// Whom the issuer vouches for.
struct Vouched {
    subject: String,
    role: Role,
}

/// What the issuer tells of itself.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// The issuer as last heard.
struct Known {
    at: Instant,
    told: Discovered,
    keys: Vec<Jwk>,
}

/// An issuer to sign in at.
pub struct Oidc {
    config: OidcConfig,
    redirect: String,
    agent: ureq::Agent,
    known: Mutex<Option<Arc<Known>>>,
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

impl Oidc {
    /// One that is asked so. Whether it answers is not tried: see [`Self::try_out`].
    ///
    /// # Errors
    /// An [`OidcFault`].
    pub fn new(config: OidcConfig) -> Result<Self, OidcFault> {
        address(&config.issuer).ok_or(OidcFault::Address("--oidc-issuer"))?;
        let public = address(&config.public_url).ok_or(OidcFault::Address("--public-url"))?;
        if config.roles.is_empty() {
            return Err(OidcFault::NoRoles);
        }
        if config.roles.iter().any(|(_, role)| *role == Role::Submitter) {
            return Err(OidcFault::Submitter);
        }
        // For these signatures and for nothing else; fails if it was done before.
        let _ = CHECKS.install_default();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(DEADLINE))
            .http_status_as_error(false)
            // Who was named is asked, and nobody that it names.
            .max_redirects(0)
            .proxy(None)
            // An issuer within a company has that company's certificates, which the system knows.
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .build();
        let redirect = format!("{}{CALLBACK}", public.as_str().trim_end_matches('/'));
        Ok(Self { config, redirect, agent: agent.into(), known: Mutex::default() })
    }

    /// Asks the issuer for what it tells of itself, and says how many keys it signs with that can be checked.
    ///
    /// # Errors
    /// [`OidcRefusal::Unreachable`]
    pub fn try_out(&self) -> Result<usize, OidcRefusal> {
        Ok(self.ask_anew()?.keys.len())
    }

    /// Begins a sign-in: a secret for the browser to keep, and where to send it.
    fn begin(&self) -> Result<(Secret, String), OidcRefusal> {
        let known = self.known()?;
        let secret = Secret::bare();
        let mut to = Url::parse(&known.told.authorization_endpoint).map_err(|_| OidcRefusal::Unreachable)?;
        let scope = std::iter::once("openid").chain(self.config.scopes.iter().map(String::as_str));
        let scope = scope.collect::<Vec<_>>().join(" ");
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(part(&secret, "verifier")));
        to.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("scope", &scope)
            .append_pair("state", &part(&secret, "state"))
            .append_pair("nonce", &part(&secret, "nonce"))
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok((secret, to.into()))
    }

    /// Ends a sign-in that a browser with this secret began.
    fn finish(&self, secret: &Secret, returned: &Returned) -> Result<Vouched, OidcRefusal> {
        if returned.state.as_deref() != Some(part(secret, "state").as_str())
            || returned.iss.as_ref().is_some_and(|iss| *iss != self.config.issuer)
        {
            return Err(OidcRefusal::Stale);
        }
        let Some(code) = returned.code.as_deref().filter(|_| returned.error.is_none()) else {
            return Err(OidcRefusal::Refused);
        };
        let known = self.known()?;
        let token = self.exchange(&known.told, code, &part(secret, "verifier"))?;
        let claims = self.check(&known, &token)?;
        let (text, now) = (|name: &str| claims.get(name).and_then(Value::as_str), jiff::Timestamp::now().as_second());
        // Also that the issuer stands there as one name, and not among others.
        let holds = text("iss") == Some(&self.config.issuer)
            && text("nonce") == Some(&part(secret, "nonce"))
            && self.is_party(&claims)
            && claims.get("iat").and_then(Value::as_i64).is_some_and(|at| at <= now + LEEWAY as i64);
        let subject = text("sub").filter(|subject| holds && !subject.is_empty()).ok_or(OidcRefusal::Invalid)?;
        Ok(Vouched { subject: subject.to_owned(), role: self.role(&claims).ok_or(OidcRefusal::NoRole)? })
    }

    /// Whether an ID token is for this client: where it is for others too it must name who asked for it (OpenID Connect
    /// Core 1.0, section 3.1.3.7).
    fn is_party(&self, claims: &Value) -> bool {
        let is_for_others = claims.get("aud").and_then(Value::as_array).is_some_and(|parties| parties.len() > 1);
        match claims.get("azp") {
            Some(party) => party.as_str() == Some(&self.config.client),
            None => !is_for_others,
        }
    }

    /// Changes a code for an ID token.
    fn exchange(&self, told: &Discovered, code: &str, verifier: &str) -> Result<String, OidcRefusal> {
        let OidcConfig { client, secret, .. } = &self.config;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect.as_str()),
            ("code_verifier", verifier),
        ];
        let mut request = self.agent.post(&told.token_endpoint).header("accept", "application/json");
        // What is not told is the basic way: OpenID Connect Discovery 1.0, section 3.
        let is_basic = told
            .token_endpoint_auth_methods_supported
            .as_ref()
            .is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"));
        match secret {
            Some(secret) if is_basic => {
                let pair = format!("{}:{}", encoded(client), encoded(secret));
                request = request.header("authorization", format!("Basic {}", BASE64_STANDARD.encode(pair)));
            }
            Some(secret) => form.extend([("client_id", client.as_str()), ("client_secret", secret.as_str())]),
            None => form.push(("client_id", client.as_str())),
        }
        let response = request.send_form(form).map_err(|_| OidcRefusal::Unreachable)?;
        match response.status().as_u16() {
            200 => Ok(json::<Tokens>(response)?.id_token),
            400..=499 => Err(OidcRefusal::Refused),
            _ => Err(OidcRefusal::Unreachable),
        }
    }

    /// What an ID token says, if the issuer signed it for this client and it has not run out.
    fn check(&self, known: &Known, token: &str) -> Result<Value, OidcRefusal> {
        let invalid = |_| OidcRefusal::Invalid;
        let header = decode_header(token).map_err(invalid)?;
        // What is critical must be understood (RFC 7515, section 4.1.11), and nothing of that kind is here.
        if !ALGORITHMS.contains(&header.alg) || header.crit.is_some() {
            return Err(OidcRefusal::Invalid);
        }
        let find = |known: &Known| key_of(&known.keys, header.kid.as_deref(), header.alg);
        let key = match find(known) {
            Some(key) => key,
            // A key that it took up lately.
            None if known.at.elapsed() > AGAIN => find(&*self.ask_anew()?).ok_or(OidcRefusal::Invalid)?,
            None => return Err(OidcRefusal::Invalid),
        };
        let mut must = Validation::new(header.alg);
        must.set_issuer(&[&self.config.issuer]);
        must.set_audience(&[&self.config.client]);
        must.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        must.validate_nbf = true;
        must.leeway = LEEWAY;
        Ok(decode::<Value>(token, &key, &must).map_err(invalid)?.claims)
    }

    /// The first role that a value of the role claim stands for.
    fn role(&self, claims: &Value) -> Option<Role> {
        let claim = &self.config.role_claim;
        let named = if claim.starts_with('/') { claims.pointer(claim) } else { claims.get(claim) }?;
        let values: Vec<&str> = match named {
            Value::String(value) => vec![value],
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        self.config.roles.iter().find(|(value, _)| values.contains(&value.as_str())).map(|(_, role)| *role)
    }

    fn known(&self) -> Result<Arc<Known>, OidcRefusal> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known.filter(|known| known.at.elapsed() < FRESH) {
            Some(known) => Ok(known),
            None => self.ask_anew(),
        }
    }

    fn ask_anew(&self) -> Result<Arc<Known>, OidcRefusal> {
        let at = Instant::now();
        let issuer = self.config.issuer.trim_end_matches('/');
        let told: Discovered = self.get(&format!("{issuer}/.well-known/openid-configuration"))?;
        let ends = [&told.authorization_endpoint, &told.token_endpoint, &told.jwks_uri];
        // Another issuer's tokens would be taken for this one's.
        if told.issuer != self.config.issuer || ends.into_iter().any(|end| endpoint(end).is_none()) {
            return Err(OidcRefusal::Unreachable);
        }
        let KeySet { keys } = self.get(&told.jwks_uri)?;
        // There may be keys for other purposes, and of kinds that are not known here.
        let keys = keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).filter(is_for_signing);
        let keys: Vec<Jwk> = keys.collect();
        let known = Arc::new(Known { at, told, keys });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        Ok(known)
    }

    fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, OidcRefusal> {
        let response = self.agent.get(url).header("accept", "application/json").call();
        let response = response.map_err(|_| OidcRefusal::Unreachable)?;
        if response.status() != 200 {
            return Err(OidcRefusal::Unreachable);
        }
        json(response)
    }
}

/// An answer as JSON, within the limit.
fn json<T: DeserializeOwned>(mut response: ureq::http::Response<ureq::Body>) -> Result<T, OidcRefusal> {
    let body = response.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
    let body = body.map_err(|_| OidcRefusal::Unreachable)?;
    serde_json::from_slice(&body).map_err(|_| OidcRefusal::Unreachable)
}

/// An address of TLS, or one of this very machine.
fn endpoint(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_here = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let fits = url.scheme() == "https" || (url.scheme() == "http" && is_here);
    (fits && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()).then_some(url)
}

/// Whether an issuer, or this service to its browsers, can have this address.
pub fn is_address(text: &str) -> bool {
    address(text).is_some()
}

/// The same without a query.
fn address(text: &str) -> Option<Url> {
    endpoint(text).filter(|url| url.query().is_none())
}

/// Text as in a form, which RFC 6749 wants of client and secret before they are joined.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What a browser's secret stands for: 64 hex digits that tell nothing of it or of each other.
fn part(secret: &Secret, of: &str) -> String {
    hex::encode(Sha256::digest(format!("claimlens oidc {of} {}", secret.expose())))
}

/// Whether signatures with this key can be checked here.
fn is_for_signing(key: &Jwk) -> bool {
    let family = DecodingKey::from_jwk(key).ok().map(|key| key.family());
    key.common.public_key_use != Some(PublicKeyUse::Encryption)
        && ALGORITHMS.iter().any(|algorithm| Some(algorithm.family()) == family)
}

/// The key that a token is signed with: the one that it names, or the only one of its kind.
fn key_of(keys: &[Jwk], named: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    let of_kind = |key: &Jwk| DecodingKey::from_jwk(key).ok().filter(|key| key.family() == algorithm.family());
    let mut found = keys
        .iter()
        .filter(|key| named.is_none_or(|named| key.common.key_id.as_deref() == Some(named)))
        .filter_map(of_kind);
    let first = found.next()?;
    (named.is_some() || found.next().is_none()).then_some(first)
}

/// How signatures are checked: by `ring`, as everywhere here. Nothing is signed.
static CHECKS: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |algorithm, key| {
        if key.family() != algorithm.family() || !ALGORITHMS.contains(algorithm) {
            return Err(ErrorKind::UnsupportedAlgorithm.into());
        }
        Ok(Box::new(Check { algorithm: *algorithm, key: key.clone() }))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Check {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), BadSignature> {
        let rsa = |how: &'static RsaParameters| match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(how, message, signature).map_err(|_| BadSignature::new())
            }
            DecodingKeyKind::SecretOrDer(_) => Err(BadSignature::new()),
        };
        let point = |how: &'static dyn VerificationAlgorithm| match self.key.kind() {
            DecodingKeyKind::SecretOrDer(key) => {
                UnparsedPublicKey::new(how, key).verify(message, signature).map_err(|_| BadSignature::new())
            }
            DecodingKeyKind::RsaModulusExponent { .. } => Err(BadSignature::new()),
        };
        match self.algorithm {
            Algorithm::RS256 => rsa(&RSA_PKCS1_2048_8192_SHA256),
            Algorithm::PS256 => rsa(&RSA_PSS_2048_8192_SHA256),
            Algorithm::ES256 => point(&ECDSA_P256_SHA256_FIXED),
            Algorithm::ES384 => point(&ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDSA => point(&ED25519),
            _ => Err(BadSignature::new()),
        }
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Service {
    /// Whether people may sign in at an issuer.
    pub fn has_issuer(&self) -> bool {
        self.0.oidc.is_some()
    }

    /// Begins a sign-in at the issuer: a secret for the browser to keep meanwhile, and where to send it.
    ///
    /// # Errors
    /// An [`OidcRefusal`].
    pub async fn begin_sign_in(&self) -> Result<(Secret, String), ServiceError> {
        let oidc = self.0.oidc.clone().ok_or(OidcRefusal::NotSetUp)?;
        Ok(off_thread(move || oidc.begin()).await??)
    }

    /// Ends a sign-in at the issuer and begins a session.
    ///
    /// # Errors
    /// An [`OidcRefusal`], or the store's.
    pub async fn end_sign_in(&self, secret: &str, returned: Returned) -> Result<(Holder, Secret), ServiceError> {
        let oidc = self.0.oidc.clone().ok_or(OidcRefusal::NotSetUp)?;
        let secret = Secret::of_bare(secret).ok_or(OidcRefusal::Stale)?;
        let issuer = oidc.config.issuer.clone();
        let Vouched { subject, role } = off_thread(move || oidc.finish(&secret, &returned)).await??;
        // Neither says who it is to whoever reads the log, and both are needed to find it out again.
        let name = self.0.records.store.person_mac(&issuer, &subject)?;
        let name = Reviewer::try_from(format!("{SIGNED_IN_BY_ISSUER}-{}", &name[..32]));
        let name = name.map_err(|_| ServiceError::Internal("a name made here is none"))?;
        self.begin_session_of(name, role).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING};
    use ring::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair};

    /// What is signed below.
    const MESSAGE: &[u8] = b"e30.e30";
    /// The modulus of an RSA key made for this test; its exponent is 65537.
    const N: &str = concat!(
        "uRKkT5LIWm2iHNntCLdZmfPfRafta-zQJzX_C_dWR8cSTQcFEbu6cS1OWbV--wycGNC4ByJWxVxpqTDgnSFRBAc6T8Xczjwurp-y",
        "r95vi47fxH5bFdsuY3MY10jzHvLJGxua3h0V2A4Dp49hXwORoUbj1a4ppKGADSNDvq3FPfpvge0cKZY3OO-IEiMfdjWVM59sxcS4",
        "p9xd1bPinAU8QS4dyni-MyGNvijJxT7_R6QS1iPk70yFmJn2_n1vrnlrqXOsUZWsOrE980jSfZ6iHtEo35qr9nRWHbkLpJ3fb7wT",
        "CRWvDtNdWjFX8AcuJIqo0e6OCcZ45qAyAhBijZ7FTw",
    );
    /// [`MESSAGE`] signed with it by PKCS #1 v1.5.
    const RS256: &str = concat!(
        "VRld9Mb7RZDigBjCIG9A_RD_5bsEu3CtQ3fd2-6MIaIzOM-ECusVnx8T1vG3FOWXAjmDj6PyeF2jUngbMqruxEAgSmLDL6w7T09X",
        "M1l3Oxdtez7vXjSuUE3uqKMIs1xcp_JLH2OxPkHPxIaPrfjT9yStAkNmo7JUi0HVIqQPiYbo7l49WmZoaVKO13O_qXADguDLI0Pn",
        "7cqdekaIgGIDLTyOLGyG8ViO0J1x0NkrxoA-3Ri7Buw3YdOXDfcxvvXSRWIJXfpg11XAUHiVuXcXkf-bCbSMAQ1Vgn8h2-iy801o",
        "MBnY0G2THNO4sueOSu8S1n914uwLflMQmiukEZAoIA",
    );
    /// The same by PSS.
    const PS256: &str = concat!(
        "EayWdmbAYo94R7E8weMXViDf9_zcMFTIgwpOZIq9hF1dmqgRxEal_LTeH3QFZAEuyLF2jwXjGq0H3vbJP4eR2L2YMJEBSeOOpfEl",
        "ZuzvGWUkNkgV4eGInYRlhAPjctXSoCQCATEGKsl8IO_RBh8HzK2_IzYtH8RjDfSZyQaJy0DxV25QnJgW-_59N7bHeW4EX_dNvPK-",
        "6zZy5JV40lL3vgwygiDW2La3R8SNf8oDwEqcBXJxJ2mCMTnMMtmegAVADmtsXahpYNoHjw1VVP-g0GZw2Ot4PE7oftIM6PciWqsp",
        "Qx74b3PndPvJmxDEb3RACu0eu4N2ZvLMG9f0BnvACA",
    );

    fn holds(algorithm: Algorithm, key: &DecodingKey, message: &[u8], signature: &[u8]) -> bool {
        let check = (CHECKS.verifier_factory)(&algorithm, key);
        check.is_ok_and(|check| check.verify(message, &signature.to_vec()).is_ok())
    }

    #[test]
    fn every_way_of_signing_is_checked_with_a_key_of_its_kind() {
        let random = SystemRandom::new();
        let ec = |how: &'static EcdsaSigningAlgorithm| {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(how, pkcs8.as_ref(), &random).unwrap();
            let key = DecodingKey::from_ec_der(pair.public_key().as_ref());
            (key, pair.sign(&random, MESSAGE).unwrap().as_ref().to_vec())
        };
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let ed = DecodingKey::from_ed_der(pair.public_key().as_ref());
        let rsa = DecodingKey::from_rsa_components(N, "AQAB").unwrap();
        let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        let (p256, of_p256) = ec(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let (p384, of_p384) = ec(&ECDSA_P384_SHA384_FIXED_SIGNING);
        let cases = [
            (Algorithm::RS256, &rsa, bytes(RS256)),
            (Algorithm::PS256, &rsa, bytes(PS256)),
            (Algorithm::ES256, &p256, of_p256),
            (Algorithm::ES384, &p384, of_p384),
            (Algorithm::EdDSA, &ed, pair.sign(MESSAGE).as_ref().to_vec()),
        ];
        for (n, (algorithm, key, signature)) in cases.iter().enumerate() {
            assert!(holds(*algorithm, key, MESSAGE, signature), "{algorithm:?}");
            assert!(!holds(*algorithm, key, b"e30.e31", signature), "{algorithm:?} of another message");
            for (m, (other, key, _)) in cases.iter().enumerate() {
                assert!(n == m || !holds(*other, key, MESSAGE, signature), "{algorithm:?} as {other:?}");
            }
        }
        // Whoever knows a public key could sign with it as a secret.
        let secret = DecodingKey::from_secret(&bytes(N));
        assert!(Algorithm::HS256.family() == secret.family() && !holds(Algorithm::HS256, &secret, MESSAGE, &[0; 32]));
    }

    #[test]
    fn a_key_is_the_one_that_is_named_or_the_only_one_of_its_kind() {
        let key = |kid: &str, more: Value| {
            let mut key = serde_json::json!({ "kty": "RSA", "kid": kid, "n": N, "e": "AQAB" });
            key.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
            serde_json::from_value::<Jwk>(key).unwrap()
        };
        let both = [key("a", Value::Null), key("b", Value::Null)];
        let found = |keys: &[Jwk], named| key_of(keys, named, Algorithm::RS256).is_some();
        assert!(found(&both, Some("b")) && found(&both[..1], None));
        assert!(!found(&both, Some("c")) && !found(&both, None));
        assert!(key_of(&both, Some("b"), Algorithm::ES256).is_none());
        assert!(is_for_signing(&both[0]) && !is_for_signing(&key("c", serde_json::json!({ "use": "enc" }))));
    }

    #[test]
    fn an_issuer_is_asked_by_tls_or_on_this_machine() {
        for good in ["https://login.example", "https://login.example/a/", "http://127.0.0.1:1", "http://[::1]/a"] {
            assert!(address(good).is_some(), "{good}");
        }
        for bad in
            ["http://login.example", "ftp://a", "login.example", "https://u:p@a", "https://a/#b", "https://a?b", ""]
        {
            assert!(address(bad).is_none(), "{bad}");
        }
        assert!(endpoint("https://a?b").is_some(), "an endpoint may have a query");
    }
}
