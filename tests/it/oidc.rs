//! Signing in at an OpenID Connect issuer, against one that the tests play themselves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::access::{ask, bearer, beside, give, new_key, tamper};
use crate::stub;
use crate::support::{Answer, CLAIM, TestServer, form, photo};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64};
use claimlens::domain::ClaimId;
use claimlens::domain::access::Role;
use claimlens::service::{Oidc, OidcConfig};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING as ES256, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use url::Url;

const CLIENT: &str = "claim lens";
const SECRET: &str = "s:cr/t";
const PUBLIC: &str = "https://claims.example";
/// What an issuer knows of people, and nobody here may keep.
const EMAIL: &str = "zheng@insurer.example";

/// Changes what the issuer signs, or how.
type Change = fn(&mut Token);

/// A token before it is signed.
struct Token {
    header: Value,
    claims: Value,
    key: EcdsaKeyPair,
    /// Signs with the client's secret in the place of the key.
    by_secret: bool,
}

/// What the issuer knows of sign-ins under way.
#[derive(Default)]
struct Desk {
    /// By code: nonce and challenge.
    codes: BTreeMap<String, (String, String)>,
    change: Option<Change>,
    subject: Option<&'static str>,
    roles: Value,
}

/// An issuer with one key, as OpenID Connect Core 1.0 and Discovery 1.0 have it.
struct Issuer {
    url: String,
    desk: Arc<Mutex<Desk>>,
}

fn key() -> (Vec<u8>, EcdsaKeyPair) {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ES256, &random).unwrap().as_ref().to_vec();
    let pair = EcdsaKeyPair::from_pkcs8(&ES256, &pkcs8, &random).unwrap();
    (pkcs8, pair)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn signed(token: &Token) -> String {
    let [header, claims] = [&token.header, &token.claims].map(|part| BASE64.encode(part.to_string()));
    let message = format!("{header}.{claims}");
    let signature = if token.by_secret {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
        ring::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
    } else {
        token.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec()
    };
    format!("{message}.{}", BASE64.encode(signature))
}

impl Issuer {
    /// One that tells of itself with this name, or with its own.
    fn start(named: Option<&'static str>) -> Self {
        let (pkcs8, pair) = key();
        let point = pair.public_key().as_ref()[1..].to_vec();
        let desk = Arc::new(Mutex::new(Desk { roles: json!(["staff"]), ..Desk::default() }));
        let behind = desk.clone();
        let url = Arc::new(Mutex::new(String::new()));
        let own = url.clone();
        let started = stub::serve(move |asked| {
            let own = own.lock().unwrap().clone();
            let answer = |status, body: Value| (status, "application/json", body.to_string().into_bytes());
            match asked.path.as_str() {
                "/.well-known/openid-configuration" => answer(
                    200,
                    json!({
                        "issuer": named.unwrap_or(&own), "authorization_endpoint": format!("{own}/authorize?tenant=a"),
                        "token_endpoint": format!("{own}/token"), "jwks_uri": format!("{own}/keys"),
                    }),
                ),
                "/keys" => answer(
                    200,
                    json!({ "keys": [
                        { "kty": "oct", "kid": "of-another-kind", "k": "AAAA" },
                        { "kty": "EC", "crv": "P-256", "use": "sig", "kid": "k1",
                          "x": BASE64.encode(&point[..32]), "y": BASE64.encode(&point[32..]) },
                        { "kty": "XX", "kid": "of-no-known-kind" },
                    ] }),
                ),
                "/token" => {
                    let form: BTreeMap<String, String> =
                        url::form_urlencoded::parse(&asked.body).into_owned().collect();
                    // RFC 6749, section 2.3.1: both are encoded before they are joined.
                    let basic = format!("Basic {}", BASE64_STANDARD.encode("claim+lens:s%3Acr%2Ft"));
                    assert_eq!((asked.method.as_str(), &asked.headers["authorization"]), ("POST", &basic));
                    assert_eq!(form["grant_type"], "authorization_code");
                    assert_eq!(form["redirect_uri"], format!("{PUBLIC}/v1/session/oidc/callback"));
                    let mut desk = behind.lock().unwrap();
                    // A code is good once.
                    let Some((nonce, challenge)) = desk.codes.remove(&form["code"]) else {
                        return answer(400, json!({ "error": "invalid_grant" }));
                    };
                    assert_eq!(BASE64.encode(Sha256::digest(&form["code_verifier"])), challenge);
                    let mut token = Token {
                        header: json!({ "alg": "ES256", "typ": "JWT", "kid": "k1" }),
                        claims: json!({
                            "iss": own, "sub": desk.subject.unwrap_or("subject-1"), "aud": CLIENT, "nonce": nonce,
                            "iat": now(), "exp": now() + 300, "email": EMAIL, "realm": { "roles": desk.roles },
                        }),
                        key: EcdsaKeyPair::from_pkcs8(&ES256, &pkcs8, &SystemRandom::new()).unwrap(),
                        by_secret: false,
                    };
                    if let Some(change) = desk.change {
                        change(&mut token);
                    }
                    answer(200, json!({ "access_token": "x", "token_type": "Bearer", "id_token": signed(&token) }))
                }
                _ => answer(404, Value::Null),
            }
        });
        url.lock().unwrap().clone_from(&started);
        Self { url: started, desk }
    }

    fn oidc(&self) -> Arc<Oidc> {
        Arc::new(Oidc::new(settings(&self.url)).unwrap())
    }

    /// A service that people sign in to here.
    fn server(&self) -> TestServer {
        let oidc = self.oidc();
        TestServer::start_with(move |config| config.oidc = Some(oidc))
    }

    /// What somebody does at the issuer: gives a code for what the browser came with.
    fn grant(&self, sent: &BTreeMap<String, String>) -> String {
        let mut desk = self.desk.lock().unwrap();
        let code = format!("code-{}", desk.codes.len());
        desk.codes.insert(code.clone(), (sent["nonce"].clone(), sent["code_challenge"].clone()));
        code
    }
}

fn settings(issuer: &str) -> OidcConfig {
    OidcConfig {
        issuer: issuer.to_owned(),
        client: CLIENT.to_owned(),
        secret: Some(SECRET.to_owned()),
        public_url: format!("{PUBLIC}/"),
        scopes: vec!["groups".to_owned()],
        role_claim: "/realm/roles".to_owned(),
        roles: [("boss", Role::Admin), ("staff", Role::Reviewer)].map(|(v, role)| (v.to_owned(), role)).to_vec(),
    }
}

/// Where a browser is sent, and the cookies that it is given, as `name=value`.
struct Sent {
    to: String,
    cookies: Vec<String>,
}

fn browse(server: &TestServer, path: &str, cookie: &str) -> Sent {
    let agent: ureq::Agent = ureq::Agent::config_builder().max_redirects(0).http_status_as_error(false).build().into();
    // As it is for a navigation that another site began.
    let request = agent.get(format!("http://127.0.0.1:{}{path}", server.port)).header("sec-fetch-site", "cross-site");
    let response = request.header("cookie", cookie).call().unwrap();
    assert_eq!(response.status(), 303);
    let text = |value: &ureq::http::HeaderValue| value.to_str().unwrap().to_owned();
    let cookies = response.headers().get_all("set-cookie").iter().map(text).collect();
    Sent { to: text(&response.headers()["location"]), cookies }
}

/// The cookie of this name that a browser then holds.
fn held(sent: &Sent, name: &str) -> Option<String> {
    let cookie = sent.cookies.iter().find(|cookie| cookie.starts_with(&format!("{name}=")))?;
    let pair = cookie.split(';').next().unwrap();
    (!cookie.contains("Max-Age=0")).then(|| pair.to_owned())
}

/// Begins a sign-in: the cookie, and what the issuer is sent.
fn begin(server: &TestServer) -> (String, BTreeMap<String, String>) {
    let sent = browse(server, "/v1/session/oidc", "");
    let to = Url::parse(&sent.to).unwrap();
    assert_eq!(to.path(), "/authorize");
    let asked: BTreeMap<String, String> = to.query_pairs().into_owned().collect();
    for (name, value) in [
        ("tenant", "a"),
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", &format!("{PUBLIC}/v1/session/oidc/callback")),
        ("scope", "openid groups"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(asked[name], value, "{name}");
    }
    let cookie = &sent.cookies[0];
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    (held(&sent, "claimlens-oidc").unwrap(), asked)
}

fn back(server: &TestServer, cookie: &str, state: &str, code: &str) -> Sent {
    browse(server, &format!("/v1/session/oidc/callback?state={state}&code={code}&session_state=x"), cookie)
}

/// The whole way; gives the session's cookie.
fn sign_in(issuer: &Issuer, server: &TestServer) -> Result<String, String> {
    let (cookie, asked) = begin(server);
    let sent = back(server, &cookie, &asked["state"], &issuer.grant(&asked));
    match held(&sent, "claimlens") {
        Some(session) => {
            assert_eq!(sent.to, "/");
            assert!(sent.cookies.iter().any(|c| c.starts_with("claimlens=") && c.contains("SameSite=Strict")));
            Ok(session)
        }
        None => Err(sent.to),
    }
}

fn with(server: &TestServer, method: &str, path: &str, session: &str) -> Answer {
    let headers = [("cookie", session.to_owned()), ("sec-fetch-site", "same-origin".to_owned())];
    ask(server, method, path, &[&headers[0], &headers[1]], b"")
}

#[test]
fn a_person_whom_the_issuer_vouches_for_works_under_a_name_that_tells_nobody_who_it_is() {
    let issuer = Issuer::start(None);
    let mut server = issuer.server();
    assert_eq!(server.get("/v1/session/ways").json(), json!({ "key": true, "oidc": true }));
    // Without any key, and still nobody comes in who is not known.
    assert_eq!(server.get("/v1/claims").problem(), (401, "unauthenticated".to_owned()));
    assert_eq!(server.get("/readyz").json()["access"], "keys");
    let keys = give(&server, &[new_key("app", Role::Submitter, None)]);
    let claim = form(&[CLAIM, ("photo", Some("a.png"), &photo(1))]);
    let claim = server.send(&claim, &[("authorization", &bearer(&keys[0]).1)]).json()["id"].clone();
    let claim = claim.as_str().unwrap();

    let session = sign_in(&issuer, &server).unwrap();
    let me = with(&server, "GET", "/v1/session", &session).json();
    let name = me["name"].as_str().unwrap().to_owned();
    assert_eq!((&me["open"], &me["role"], &me["tenant"]), (&json!(false), &json!("reviewer"), &Value::Null));
    assert!(name.strip_prefix("oidc-").is_some_and(|rest| rest.len() == 32), "{name}");
    assert_eq!(with(&server, "GET", &format!("/v1/claims/{claim}"), &session).status, 200);
    assert_eq!(with(&server, "GET", "/v1/audit/entries", &session).problem().0, 403, "reviewers do not look there");
    // A session is no key, and its cookie does not do for what another site sends.
    let elsewhere = [("cookie", session.clone()), ("sec-fetch-site", "cross-site".to_owned())];
    let sent = ask(&server, "POST", "/v1/reviews/next", &[&elsewhere[0], &elsewhere[1]], b"{}");
    assert_eq!(sent.problem(), (403, "cross_site".to_owned()));

    // The same person is the same name, and another one another; a role may change from one sign-in to the next.
    issuer.desk.lock().unwrap().roles = json!(["staff", "boss"]);
    let again = with(&server, "GET", "/v1/session", &sign_in(&issuer, &server).unwrap()).json();
    assert_eq!((again["name"].as_str(), again["role"].as_str()), (Some(&*name), Some("admin")));
    issuer.desk.lock().unwrap().subject = Some("subject-2");
    let other = with(&server, "GET", "/v1/session", &sign_in(&issuer, &server).unwrap()).json();
    assert_ne!(other["name"].as_str(), Some(&*name));

    // Out again, and only this one.
    assert_eq!(with(&server, "DELETE", "/v1/session", &session).status, 204);
    assert_eq!(with(&server, "GET", "/v1/session", &session).status, 401);
    assert_eq!(server.get("/v1/session/ways").status, 200);
    server.stop();
    let id: ClaimId = claim.parse().unwrap();
    let readers: Vec<_> = beside(&server.data, async |records| records.reads_of(&id).await.unwrap());
    assert!(readers.iter().any(|read| read.by.as_deref() == Some(&name)), "{readers:?}");
    let stored = std::fs::read(server.data.join("claimlens.sqlite")).unwrap();
    for private in [EMAIL, "subject-1", "subject-2", SECRET, &session[10..]] {
        assert!(!stored.windows(private.len()).any(|window| window == private.as_bytes()), "{private} is kept");
    }
}

#[test]
fn what_does_not_hold_ends_at_the_sign_in_page_and_begins_no_session() {
    let issuer = Issuer::start(None);
    let server = issuer.server();
    let changes: [(&str, &str, Change); 19] = [
        ("another nonce", "invalid", |t| t.claims["nonce"] = json!("0".repeat(64))),
        ("no nonce", "invalid", |t| t.claims["nonce"] = Value::Null),
        ("run out", "invalid", |t| t.claims["exp"] = json!(now() - 120)),
        ("no end", "invalid", |t| t.claims["exp"] = Value::Null),
        ("not yet", "invalid", |t| t.claims["nbf"] = json!(now() + 120)),
        ("for another", "invalid", |t| t.claims["aud"] = json!("another")),
        ("for nobody", "invalid", |t| t.claims["aud"] = Value::Null),
        ("given to another", "invalid", |t| t.claims["azp"] = json!("another")),
        ("for others too", "invalid", |t| t.claims["aud"] = json!([t.claims["aud"], "another"])),
        ("made later", "invalid", |t| t.claims["iat"] = json!(now() + 120)),
        ("made at no time", "invalid", |t| t.claims["iat"] = Value::Null),
        ("of a new kind", "invalid", |t| t.header["crit"] = json!(["b64"])),
        ("from another", "invalid", |t| t.claims["iss"] = json!("https://evil.example")),
        ("of nobody", "invalid", |t| t.claims["sub"] = Value::Null),
        ("another's key", "invalid", |t| t.key = key().1),
        ("an unknown key", "invalid", |t| t.header["kid"] = json!("k2")),
        ("unsigned", "invalid", |t| t.header["alg"] = json!("none")),
        ("signed with the client's secret", "invalid", |t| {
            t.header["alg"] = json!("HS256");
            t.by_secret = true;
        }),
        ("of no role", "no_role", |t| t.claims["realm"]["roles"] = json!(["visitors"])),
    ];
    for (what, code, change) in changes {
        issuer.desk.lock().unwrap().change = Some(change);
        assert_eq!(sign_in(&issuer, &server), Err(format!("/?signin={code}")), "{what}");
    }
    issuer.desk.lock().unwrap().change = None;
    assert!(sign_in(&issuer, &server).is_ok(), "the changes were what did not hold");

    // By way of what the browser brings.
    let (cookie, asked) = begin(&server);
    let state = asked["state"].clone();
    let code = issuer.grant(&asked);
    let (theirs, _) = begin(&server);
    let refused = |sent: &Sent, code: &str| {
        assert_eq!((sent.to.as_str(), held(sent, "claimlens")), (&*format!("/?signin={code}"), None));
    };
    refused(&back(&server, &cookie, &"0".repeat(64), &code), "stale");
    refused(&back(&server, "", &state, &code), "stale");
    refused(&back(&server, &theirs, &state, &code), "stale");
    refused(&back(&server, "claimlens-oidc=x", &state, &code), "stale");
    let path = |more: &str| format!("/v1/session/oidc/callback?state={state}{more}");
    refused(&browse(&server, &path(&format!("&code={code}&iss=https://evil.example")), &cookie), "stale");
    refused(&browse(&server, "/v1/session/oidc/callback", &cookie), "stale");
    refused(&browse(&server, &path("&error=access_denied"), &cookie), "refused");
    refused(&browse(&server, &path(""), &cookie), "refused");
    let good = back(&server, &cookie, &state, &code);
    assert!(held(&good, "claimlens").is_some(), "what came before took nothing from it");
    assert_eq!(held(&good, "claimlens-oidc"), None, "the sign-in is over");
    // The same way again: the code was good once.
    refused(&back(&server, &cookie, &state, &code), "refused");
}

#[test]
fn a_session_is_of_the_person_and_the_role_that_it_was_begun_for() {
    let issuer = Issuer::start(None);
    let server = issuer.server();
    let session = sign_in(&issuer, &server).unwrap();
    let status = || with(&server, "GET", "/v1/session", &session).status;
    assert_eq!(status(), 200);
    tamper(&server.data, "UPDATE sessions SET key = replace(key, 'reviewer', 'admin')");
    assert_eq!(status(), 401);
    tamper(&server.data, "UPDATE sessions SET key = replace(key, 'admin', 'reviewer')");
    assert_eq!(status(), 200);
    tamper(&server.data, "UPDATE sessions SET used = used - 3600");
    assert_eq!(status(), 401, "an hour without use");
}

#[test]
fn an_issuer_that_is_away_or_another_vouches_for_nobody() {
    let nowhere = Arc::new(Oidc::new(settings("http://127.0.0.1:1")).unwrap());
    let tried = nowhere.clone();
    let server = TestServer::start_with(move |config| config.oidc = Some(nowhere));
    assert_eq!(browse(&server, "/v1/session/oidc", "").to, "/?signin=unreachable");
    assert!(tried.try_out().is_err());
    let other = Issuer::start(Some("https://login.example"));
    assert!(other.oidc().try_out().is_err(), "it names itself another");
    assert_eq!(browse(&other.server(), "/v1/session/oidc", "").to, "/?signin=unreachable");
    // Keys of kinds that nothing is signed with here do not count.
    assert_eq!(Issuer::start(None).oidc().try_out().unwrap(), 1);
    let none = TestServer::start();
    assert_eq!(none.get("/v1/session/ways").json(), json!({ "key": true, "oidc": false }));
    assert_eq!(browse(&none, "/v1/session/oidc", "").to, "/?signin=not_set_up");
    let path = "/v1/session/oidc/callback?state=a&code=b";
    assert_eq!(browse(&none, path, "claimlens-oidc=x").to, "/?signin=not_set_up");
}
