//! Who may do what: every route by every role and tenant, keys, sessions, limits, and the open service.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::postgres::fresh_database;
use crate::support::{Answer, BOUNDARY, CLAIM, Running, TestServer, answer, config, form, photo};
use claimlens::audit::FaultKind;
use claimlens::domain::access::{Role, Scope, Tenant};
use claimlens::domain::gate::Reviewer;
use claimlens::domain::{ClaimId, canonical_json};
use claimlens::service::{
    Actor, KeyLimits, KeyRefusal, LimitReached, NewKey, Noted, Place, Records, ServiceConfig, ServiceError, Submission,
    Upload,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What each route should ask, written down here a second time: roles by their first letters (`-` for anybody), and
/// whose affair it is: a claim's, all claims' that are seen, the installation's, nobody's.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("GET /", "-", "nobody"),
    ("GET /healthz", "-", "nobody"),
    ("GET /readyz", "-", "nobody"),
    ("GET /openapi.json", "-", "nobody"),
    ("GET /metrics", "au ad", "installation"),
    ("POST /v1/claims", "su ad", "seen"),
    ("GET /v1/claims", "su re au ad", "seen"),
    ("GET /v1/claims/{id}", "su re au ad", "claim"),
    ("POST /v1/claims/{id}/outcome", "re ad", "claim"),
    ("POST /v1/claims/{id}/erase", "ad", "claim"),
    ("GET /v1/claims/{id}/related", "re au ad", "claim"),
    ("GET /v1/claims/{id}/evidence", "au ad", "claim"),
    ("GET /v1/claims/{id}/photos/{n}/{picture}", "re au ad", "claim"),
    ("POST /v1/photos:check", "su re ad", "nobody"),
    ("GET /v1/audit/checkpoint", "su re au ad", "nobody"),
    ("GET /v1/audit/key", "su re au ad", "nobody"),
    ("GET /v1/audit/keys", "su re au ad", "nobody"),
    ("GET /v1/audit/consistency", "su re au ad", "nobody"),
    ("GET /v1/audit/entries/{seq}/proof", "au ad", "installation"),
    ("GET /v1/audit/tile/{tile}", "au ad", "installation"),
    ("GET /v1/gate", "re au ad", "installation"),
    ("POST /v1/gate/reopen", "ad", "installation"),
    ("GET /v1/policy", "au ad", "installation"),
    ("POST /v1/policy/backtest", "au ad", "installation"),
    ("GET /v1/stats", "re au ad", "installation"),
    ("GET /docs", "-", "nobody"),
    ("GET /v1/cards", "re au ad", "nobody"),
    ("PUT /v1/cards", "ad", "installation"),
    ("GET /v1/skills", "au ad", "installation"),
    ("PUT /v1/skills", "ad", "installation"),
    ("GET /v1/forecast", "re au ad", "installation"),
    ("GET /v1/shift", "au ad", "installation"),
    ("GET /v1/vigilance", "au ad", "installation"),
    ("GET /v1/reasons", "su re au ad", "nobody"),
    ("GET /v1/webhooks", "ad", "installation"),
    ("POST /v1/webhooks", "ad", "installation"),
    ("DELETE /v1/webhooks/{id}", "ad", "installation"),
    ("POST /v1/webhooks/{id}/resume", "ad", "installation"),
    ("GET /v1/audit/entries", "au ad", "installation"),
    ("POST /v1/audit/replay", "au ad", "installation"),
    ("POST /v1/claims/{id}/appeal", "su ad", "claim"),
    ("POST /v1/claims/{id}/withdraw", "su ad", "claim"),
    ("POST /v1/claims/{id}/nudge", "su ad", "claim"),
    ("POST /v1/claims/{id}/photos", "su ad", "claim"),
    ("GET /v1/reviews", "re ad", "seen"),
    ("POST /v1/reviews/next", "re", "seen"),
    ("GET /v1/reviews/{id}", "re ad", "claim"),
    ("POST /v1/reviews/{id}/claim", "re", "claim"),
    ("POST /v1/reviews/{id}/release", "re", "claim"),
    ("POST /v1/reviews/{id}/decide", "re", "claim"),
    ("POST /v1/reviews/{id}/escalate", "re", "claim"),
    ("POST /v1/reviews/{id}/note", "re", "claim"),
    ("POST /v1/reviews/{id}/undo", "re", "claim"),
    ("POST /v1/reviews/{id}/tasks/{task}/done", "re", "claim"),
    ("GET /v1/tasks", "re ad", "seen"),
    ("POST /v1/session", "-", "nobody"),
    ("GET /v1/session", "su re au ad", "nobody"),
    ("DELETE /v1/session", "su re au ad", "nobody"),
    ("GET /v1/session/ways", "-", "nobody"),
    ("GET /v1/session/oidc", "-", "nobody"),
    ("GET /v1/session/oidc/callback", "-", "nobody"),
];

const TENANTS: [Option<&str>; 3] = [None, Some("north"), Some("south")];

pub fn new_key(name: &str, role: Role, tenant: Option<&str>) -> NewKey {
    NewKey {
        name: Reviewer::try_from(name.to_owned()).unwrap(),
        role,
        tenant: tenant.map(|tenant| tenant.parse().unwrap()),
        expires: None,
        limits: KeyLimits::default(),
    }
}

/// Does something with the records beside the service, as the command line does.
pub fn beside<T>(data: &Path, work: impl AsyncFnOnce(&Records) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let records = Records::open_existing(data).await.unwrap();
        let out = work(&records).await;
        records.close().await;
        out
    })
}

/// Gives keys and waits until the service takes note of them.
pub fn give(server: &TestServer, keys: &[NewKey]) -> Vec<String> {
    let given = beside(&server.data, async |records| {
        let mut given = Vec::new();
        for key in keys {
            given.push(records.add_api_key(key, &Actor::default()).await.unwrap().1.expose().to_owned());
        }
        given
    });
    let last = given.last().unwrap();
    until(|| ask(server, "GET", "/v1/session", &[&bearer(last)], b"").json()["open"] == json!(false));
    given
}

fn until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never came to that");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub type Header<'a> = (&'a str, String);

pub fn bearer(key: &str) -> Header<'static> {
    ("authorization", format!("Bearer {key}"))
}

pub fn ask(server: &TestServer, method: &str, path: &str, headers: &[&Header<'_>], body: &[u8]) -> Answer {
    let agent = crate::support::agent();
    let mut request =
        ureq::http::Request::builder().method(method).uri(format!("http://127.0.0.1:{}{path}", server.port));
    for (name, value) in headers {
        request = request.header(*name, value.as_str());
    }
    let has_body = ["POST", "PUT"].contains(&method);
    answer(if has_body { agent.run(request.body(body).unwrap()) } else { agent.run(request.body(()).unwrap()) })
}

fn json_post(server: &TestServer, path: &str, headers: &[&Header<'_>], body: &Value) -> Answer {
    let kind = ("content-type", "application/json".to_owned());
    ask(server, "POST", path, &[headers, &[&kind]].concat(), body.to_string().as_bytes())
}

/// Sends a claim and gives the answer.
fn submit(server: &TestServer, key: &str, seed: u8, more: &[&Header<'_>]) -> Answer {
    let kind = ("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
    let body = form(&[CLAIM, ("photo", Some("a.png"), &photo(seed))]);
    ask(server, "POST", "/v1/claims", &[&[&bearer(key), &kind], more].concat(), &body)
}

#[test]
#[expect(clippy::print_stdout, reason = "it measures")]
fn every_route_of_the_document_takes_every_role_and_tenant_as_it_should() {
    let server = TestServer::start();
    let document = server.get("/openapi.json").json();
    let expected: BTreeMap<&str, (&str, &str)> =
        EXPECTED.iter().map(|(route, roles, of)| (*route, (*roles, *of))).collect();
    let routes: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |m| format!("{} {path}", m.to_uppercase())))
        .collect();
    assert_eq!(routes.iter().map(String::as_str).collect::<Vec<_>>(), expected.keys().copied().collect::<Vec<_>>());

    let open = server.post(&[CLAIM, ("photo", Some("a.png"), &photo(1))], &[]).json();
    let callers: Vec<(Role, Option<&str>)> =
        Role::ALL.into_iter().flat_map(|role| TENANTS.map(|tenant| (role, tenant))).collect();
    let named =
        |(role, tenant): &(Role, Option<&str>)| new_key(&format!("{role}-{}", tenant.unwrap_or("all")), *role, *tenant);
    let keys: Vec<NewKey> = callers.iter().map(named).collect();
    let keys = give(&server, &keys);
    // One claim of each tenant: the first was sent while the service was open.
    let mut claims = vec![(Tenant::DEFAULT, open["id"].as_str().unwrap().to_owned())];
    for (seed, tenant) in [(2, "north"), (3, "south")] {
        let key = &keys[callers.iter().position(|c| *c == (Role::Submitter, Some(tenant))).unwrap()];
        let claim = submit(&server, key, seed, &[]);
        assert_eq!((claim.status, &claim.json()["tenant"]), (200, &json!(tenant)));
        claims.push((tenant, claim.json()["id"].as_str().unwrap().to_owned()));
    }
    let (mut tried, mut wrong) = (0, Vec::new());
    for route in &routes {
        let (roles, of) = expected[route.as_str()];
        let (method, path) = route.split_once(' ').unwrap();
        let claims: &[(&str, String)] = if of == "claim" { &claims } else { &claims[..1] };
        for (owner, claim) in claims {
            let path = path.replace("{id}", claim).replace("{n}", "0").replace("{picture}", "original");
            let path = path.replace("{task}", "issuer_check");
            let path = path.replace("{seq}", "1").replace("{tile}", "0/000.p/1");
            let path = if path.ends_with("consistency") { format!("{path}?old=1&new=1") } else { path };
            let nobody = (None, None);
            let known = callers.iter().zip(&keys).map(|(caller, key)| (Some(*caller), Some(key)));
            for (caller, key) in known.chain([nobody]) {
                let kind = ("content-type", "application/json".to_owned());
                let bearer = key.map(|key| bearer(key));
                let headers: Vec<&Header<'_>> = bearer.iter().chain([&kind]).collect();
                let got = ask(&server, method, &path, &headers, b"{}");
                let code = if got.status < 400 { String::new() } else { got.problem().1 };
                // Where the caller gets through, the empty body or order is what is refused.
                let through = !["unauthenticated", "forbidden", "not_found"].contains(&code.as_str())
                    || (code == "not_found" && route.contains("/v1/webhooks/{id}"));
                let sees = |tenant: Option<&str>, role| match (role, tenant) {
                    (_, Some(tenant)) => tenant == *owner,
                    (Role::Submitter, None) => *owner == Tenant::DEFAULT,
                    _ => true,
                };
                let bound = |tenant: Option<&str>, role| tenant.is_some() || role == Role::Submitter;
                let right = match caller {
                    _ if roles == "-" => through || (route == "POST /v1/session" && code == "body_invalid"),
                    None => (got.status, code.as_str()) == (401, "unauthenticated"),
                    Some((role, _)) if !roles.split(' ').any(|r| role.as_str().starts_with(r)) => {
                        (got.status, code.as_str()) == (403, "forbidden")
                    }
                    Some((role, tenant)) if of == "installation" && bound(tenant, role) => {
                        (got.status, code.as_str()) == (403, "forbidden")
                    }
                    Some((role, tenant)) if of == "claim" && !sees(tenant, role) => {
                        (got.status, code.as_str()) == (404, "not_found")
                    }
                    Some(_) => through && got.status < 500,
                };
                tried += 1;
                if !right {
                    wrong.push(format!("{route} of {owner} by {caller:?}: {} {code}", got.status));
                }
            }
        }
    }
    println!("{tried} requests to {} routes by {} callers, {} wrong", routes.len(), callers.len() + 1, wrong.len());
    assert_eq!(wrong, [""; 0]);
    assert!(tried > 400);
    // The document says it too.
    let operation = &document["paths"]["/v1/claims/{id}/erase"]["post"];
    assert_eq!(operation["security"][0]["key"], json!(["admin"]));
    assert!(operation["responses"]["401"].is_object() && operation["responses"]["403"].is_object());
    assert!(document["paths"]["/healthz"]["get"].get("security").is_none());
    assert_eq!(document["components"]["securitySchemes"]["key"]["scheme"], "bearer");
}

#[test]
fn without_a_key_a_name_made_to_stand_for_this_machine_is_refused() {
    let elsewhere = ("host", "elsewhere.example:8080".to_owned());
    let server = TestServer::start();
    assert_eq!(ask(&server, "GET", "/v1/claims", &[&elsewhere], b"").problem(), (403, "cross_site".to_owned()));
    assert_eq!(ask(&server, "GET", "/v1/claims", &[], b"").status, 200);
    let open = TestServer::start_with(|config| config.open_to_all = true);
    assert_eq!(ask(&open, "GET", "/v1/claims", &[&elsewhere], b"").status, 200);
}

#[test]
fn a_submitter_sees_nothing_of_another_tenant_and_acts_bear_the_name_of_the_key() {
    let mut server = TestServer::start();
    let keys = give(
        &server,
        &[
            new_key("app-north", Role::Submitter, Some("north")),
            new_key("app-south", Role::Submitter, Some("south")),
            new_key("rv-1", Role::Reviewer, None),
            new_key("rv-north", Role::Reviewer, Some("north")),
            new_key("boss", Role::Admin, None),
        ],
    );
    let [north, south, reviewer, northerner, admin] = keys.as_slice() else { unreachable!() };
    // The same idempotency key and the same claim, of two tenants: two claims.
    let retry = ("idempotency-key", "retry-1".to_owned());
    let id = |answer: Answer| answer.json()["id"].as_str().unwrap().to_owned();
    let of_north = id(submit(&server, north, 1, &[&retry]));
    let of_south = id(submit(&server, south, 1, &[&retry]));
    assert_ne!(of_north, of_south);
    assert_eq!(id(submit(&server, north, 1, &[&retry])), of_north);
    assert_eq!(submit(&server, north, 2, &[&retry]).problem(), (422, "idempotency_key_reused".to_owned()));
    let of_admin = submit(&server, admin, 3, &[]).json();
    assert!(of_admin.get("tenant").is_none(), "of the tenant that claims are of if nothing else is said");
    // Only an admin says of a claim how it has to end.
    let kind = ("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
    let known = form(&[CLAIM, ("photo", Some("a.png"), &photo(9)), ("known", None, b"reject")]);
    let refused = ask(&server, "POST", "/v1/claims", &[&bearer(north), &kind], &known).problem();
    assert_eq!(refused, (403, "forbidden".to_owned()));

    let listed = |key: &str| -> Vec<String> {
        let page = ask(&server, "GET", "/v1/claims", &[&bearer(key)], b"").json();
        let mut ids: Vec<_> = page["claims"].as_array().unwrap().iter().map(|c| c["id"].to_string()).collect();
        ids.iter_mut().for_each(|id| *id = id.trim_matches('"').to_owned());
        ids.sort();
        ids
    };
    assert_eq!((listed(north), listed(northerner)), (vec![of_north.clone()], vec![of_north.clone()]));
    assert_eq!(listed(south), std::slice::from_ref(&of_south));
    assert_eq!(listed(reviewer).len(), 3);
    // The same photo was sent by both, which is told to who sees both.
    let related = |key: &str| {
        let path = format!("/v1/claims/{of_north}/related?decision=any&limit=1");
        ask(&server, "GET", &path, &[&bearer(key)], b"").json()
    };
    assert_eq!(related(northerner), json!({ "related": [], "next": null }));
    assert_eq!(related(reviewer)["related"][0]["claim"], of_south.as_str());
    // A claim of another tenant is answered as one that is not there.
    let look = |key: &str, id: &str| ask(&server, "GET", &format!("/v1/claims/{id}"), &[&bearer(key)], b"");
    let (theirs, nobodys) = (look(south, &of_north), look(south, "clm_00000000000000000000000000"));
    let without_id = |answer: &Answer| {
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("request_id");
        (answer.status, body)
    };
    assert_eq!(without_id(&theirs), without_id(&nobodys));
    assert_eq!(look(south, "clm%5Fx").status, 404);
    let head = ask(&server, "HEAD", &format!("/v1/claims/{of_north}"), &[&bearer(south)], b"");
    assert_eq!(head.status, 404);
    let related = |key: &str| ask(&server, "GET", &format!("/v1/claims/{of_north}/related"), &[&bearer(key)], b"");
    assert_eq!((related(northerner).status, related(south).status), (200, 403));

    // Whoever the request says it is, it is whom the key names.
    let somebody = ("x-claimlens-actor", "somebody-2".to_owned());
    let path = format!("/v1/claims/{of_north}");
    assert_eq!(ask(&server, "GET", &path, &[&bearer(reviewer), &somebody], b"").status, 200);
    let erased = json_post(&server, &format!("{path}/erase"), &[&bearer(admin)], &json!({ "why": "asked for" }));
    assert_eq!(erased.status, 200, "{}", erased.json());
    let order = json!({ "by": "somebody", "why": "asked for" });
    assert_eq!(json_post(&server, &format!("/v1/claims/{of_south}/erase"), &[&bearer(admin)], &order).status, 200);
    let third: ClaimId = of_admin["id"].as_str().unwrap().parse().unwrap();
    let by = ask(&server, "GET", &format!("/v1/claims/{third}/evidence"), &[&bearer(admin)], b"");
    assert_eq!(by.status, 200);
    server.stop();
    beside(&server.data, async |records| {
        let readers = async |id: &ClaimId| {
            let reads = records.reads_of(id).await.unwrap();
            reads.into_iter().map(|read| (read.what, read.by.unwrap_or_default())).collect::<BTreeSet<_>>()
        };
        let wanted = [
            ("claim", "rv-1"),
            ("list", "app-north"),
            ("list", "rv-1"),
            ("list", "rv-north"),
            ("related", "rv-1"),
            ("related", "rv-north"),
        ];
        let wanted: BTreeSet<_> = wanted.map(|(what, by)| (what.to_owned(), by.to_owned())).into();
        assert_eq!(readers(&of_north.parse().unwrap()).await, wanted);
        for id in [&of_north, &of_south] {
            let pack = records.evidence_pack(&id.parse().unwrap()).await.unwrap();
            assert_eq!(pack["erased"]["by"], "boss");
        }
        assert_eq!(records.audit_verify(&Noted::default()).await.unwrap().faults, []);
    });
}

#[test]
fn a_pack_tells_whose_the_claim_is_and_the_second_verifier_holds_it_to_that() {
    let server = TestServer::start();
    let keys = give(&server, &[new_key("app", Role::Submitter, Some("north")), new_key("au-1", Role::Auditor, None)]);
    let id = submit(&server, &keys[0], 1, &[]).json()["id"].as_str().unwrap().to_owned();
    let get = |path: &str| ask(&server, "GET", path, &[&bearer(&keys[1])], b"");
    let pack = get(&format!("/v1/claims/{id}/evidence")).json();
    assert_eq!(pack["claim"]["tenant"], "north");
    let dir = tempfile::tempdir().unwrap();
    let public = dir.path().join("log.pub");
    std::fs::write(&public, get("/v1/audit/key").bytes).unwrap();
    let verified = |pack: &Value| {
        let file = dir.path().join("pack.json");
        std::fs::write(&file, canonical_json(pack)).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify_pack.py");
        let output = Command::new("python3").arg("-B").arg(script).args([&file, &public]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(verified(&pack), (Some(0), "holds\n".to_owned()));
    for tenant in [json!("south"), json!("default"), Value::Null] {
        let mut bent = pack.clone();
        bent["claim"]["tenant"] = tenant;
        assert_eq!(verified(&bent).0, Some(1));
    }
    let mut bent = pack;
    bent["claim"].as_object_mut().unwrap().remove("tenant");
    assert_eq!(verified(&bent).0, Some(1));
}

/// The same on each backend.
fn on_each_backend(test: impl Fn(&Place, Running)) {
    for url in [None, Some(fresh_database())] {
        let dir = tempfile::tempdir().unwrap();
        let place = Place { database: url.map(|url| url.parse().unwrap()), ..Place::from(dir.path()) };
        let running = Running::open(ServiceConfig { place: place.clone(), ..config(dir.path()) });
        test(&place, running);
    }
}

#[test]
fn keys_open_by_logged_acts_alone() {
    on_each_backend(|_, running| {
        let (service, records) = (&running.service, running.service.records());
        running.wait(async {
            assert!(service.is_open().await.unwrap());
            let boss = Actor::named(Reviewer::try_from("boss".to_owned()).unwrap());
            let (view, secret) =
                records.add_api_key(&new_key("app", Role::Submitter, Some("north")), &boss).await.unwrap();
            let key = secret.expose().to_owned();
            let opens = async |key: &str| service.by_key(key).await.unwrap().is_some();
            let comes_to = async |key: &str, open: bool| {
                let begun = Instant::now();
                while opens(key).await != open {
                    assert!(begun.elapsed() < Duration::from_secs(20), "it never came to that");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            comes_to(&key, true).await;
            assert!(!service.is_open().await.unwrap());
            let holder = service.by_key(&key).await.unwrap().unwrap();
            assert_eq!(
                (holder.key.as_str(), holder.name.as_str(), holder.role),
                (view.id.as_str(), "app", Role::Submitter)
            );
            assert_eq!(holder.scope, Scope::Of("north".parse().unwrap()));
            // A secret that is not its own, of a key that is there and of one that is not.
            let (end, other) = (&key[key.len() - 1..], &key[..key.len() - 1]);
            let wrong = format!("{other}{}", if end == "0" { "1" } else { "0" });
            let unknown = key.replace(&view.id, "0123456789abcdef");
            for bad in [wrong.as_str(), &unknown, &view.id, "", "clk_", &key.to_uppercase()] {
                assert_eq!(service.by_key(bad).await.unwrap(), None, "{bad}");
            }

            // Replaced: both open until the overlap is over, and the old one cannot be replaced again.
            let overlap = SignedDuration::from_secs(8);
            let (new, secret) = records.rotate_api_key(&view.id, overlap, None, &boss).await.unwrap();
            let newer = secret.expose().to_owned();
            assert_eq!((&new.name, new.role, new.tenant.as_deref()), (&view.name, view.role, Some("north")));
            comes_to(&newer, true).await;
            assert!(opens(&key).await, "both open");
            let again = records.rotate_api_key(&view.id, overlap, None, &boss).await;
            assert!(matches!(again, Err(ServiceError::ApiKey(KeyRefusal::Ended))));
            comes_to(&key, false).await;
            assert!(opens(&newer).await);

            // One that expires by itself.
            let soon = Some(Timestamp::now() + SignedDuration::from_secs(5));
            let brief = NewKey { expires: soon, ..new_key("brief", Role::Auditor, None) };
            let brief = records.add_api_key(&brief, &boss).await.unwrap().1.expose().to_owned();
            comes_to(&brief, true).await;
            comes_to(&brief, false).await;

            // Taken back, and once only; with all gone the service is not open again.
            let (_, session) = service.sign_in(&newer).await.unwrap().unwrap();
            assert!(service.by_session(session.expose()).await.unwrap().is_some());
            assert!(records.revoke_api_key(&new.id, &boss).await.unwrap().revoked.is_some());
            let unknown = records.revoke_api_key("0123456789abcdef", &boss).await;
            assert!(matches!(unknown, Err(ServiceError::ApiKey(KeyRefusal::Unknown))));
            let twice = records.revoke_api_key(&new.id, &boss).await;
            assert!(matches!(twice, Err(ServiceError::ApiKey(KeyRefusal::Ended))));
            comes_to(&newer, false).await;
            assert!(service.by_session(session.expose()).await.unwrap().is_none());
            assert!(!service.is_open().await.unwrap());
            let told: Vec<_> = records.api_keys().await.unwrap().into_iter().map(|k| (k.name, k.active)).collect();
            assert_eq!(told, [("app".to_owned(), false), ("app".to_owned(), false), ("brief".to_owned(), false)]);
            let report = records.audit_verify(&Noted::default()).await.unwrap();
            // The policy's adoption and four acts about keys.
            assert_eq!((report.entries, report.faults), (5, vec![]));
        });
    });
}

#[test]
fn claims_are_kept_by_tenant_and_sessions_and_photos_counted() {
    on_each_backend(|_, running| {
        let (service, records) = (&running.service, running.service.records());
        running.wait(async {
            service.start().await.unwrap();
            let limits = KeyLimits { per_minute: NonZeroU32::new(2), photos_a_day: Some(3) };
            let key = NewKey { limits, ..new_key("app", Role::Submitter, Some("north")) };
            let (_, secret) = records.add_api_key(&key, &Actor::default()).await.unwrap();
            let holder = service.by_key(secret.expose()).await.unwrap().unwrap();
            assert_eq!(service.count_photos(&holder, 2).await.unwrap(), Ok(()));
            assert!(matches!(service.count_photos(&holder, 2).await.unwrap(), Err(LimitReached::Photos(1..=86_400))));
            assert_eq!(service.count_photos(&holder, 1).await.unwrap(), Ok(()));
            assert!(service.count_photos(&holder, 1).await.unwrap().is_err());
            assert!(service.count_photos(&holder, 4).await.unwrap().is_err(), "at once");
            assert_eq!([service.count_request(&holder), service.count_request(&holder)], [Ok(()), Ok(())]);
            assert!(matches!(service.count_request(&holder), Err(LimitReached::Rate(1..=60))));

            let north: Tenant = "north".parse().unwrap();
            let mut ids = Vec::new();
            for (n, tenant) in [(1, Tenant::default()), (2, north.clone()), (3, north.clone())] {
                let ticket = service.admit_for(tenant, None).await.unwrap();
                let photos = vec![Upload { name: "a.png".to_owned(), bytes: photo(n) }];
                let id = service.submit(ticket, Submission { photos, ..Submission::default() }).await.unwrap();
                service.wait(&id, Duration::from_secs(60)).await;
                ids.push(id);
            }
            let (of_north, scope) = ([ids[2].clone(), ids[1].clone()], Scope::Of(north));
            let (page, next) = service.list(&scope, None, 1).await.unwrap();
            assert_eq!((&page[0].id, next.as_ref()), (&of_north[0], Some(&of_north[0])));
            let (page, next) = service.list(&scope, next.as_ref(), 1).await.unwrap();
            assert_eq!((&page[0].id, next), (&of_north[1], None));
            assert_eq!(service.list(&Scope::All, None, 9).await.unwrap().0.len(), 3);
            assert!(service.sees(&scope, &ids[1]).await.unwrap() && !service.sees(&scope, &ids[0]).await.unwrap());
            assert!(!service.sees(&Scope::All, &ClaimId::new(1, [0; 10])).await.unwrap(), "what is not there");

            let (_, session) = service.sign_in(secret.expose()).await.unwrap().unwrap();
            let signed_in = service.by_session(session.expose()).await.unwrap().unwrap();
            assert_eq!((signed_in.key, signed_in.scope), (holder.key, holder.scope));
            service.sign_out(&signed_in.session.unwrap()).await.unwrap();
            assert_eq!(service.by_session(session.expose()).await.unwrap(), None);
            assert_eq!(service.sign_in("clk_0").await.unwrap(), None);
            assert_eq!(records.audit_verify(&Noted::default()).await.unwrap().faults, []);
        });
    });
}

/// Changes rows behind the service's back.
pub fn tamper(data: &Path, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = SqliteConnectOptions::new().filename(data.join("claimlens.sqlite"));
    let changed = runtime.block_on(async {
        let mut db = options.connect().await.unwrap();
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut db).await.unwrap().rows_affected()
    });
    assert!(changed > 0, "{sql}");
}

#[test]
fn rows_that_somebody_changed_let_nobody_in() {
    let server = TestServer::start();
    let keys = give(&server, &[new_key("rv", Role::Reviewer, None), new_key("boss", Role::Admin, None)]);
    let status = || {
        std::thread::sleep(Duration::from_millis(1100));
        [&keys[0], &keys[1]].map(|key| ask(&server, "GET", "/v1/stats", &[&bearer(key)], b"").status)
    };
    assert_eq!(status(), [200, 200]);
    let faults = || beside(&server.data, async |r| r.audit_verify(&Noted::default()).await.unwrap().faults);
    assert_eq!(faults(), []);
    // Another key's hash in its place, a role that is none, and all rows gone.
    tamper(&server.data, "UPDATE api_keys SET mac = (SELECT mac FROM api_keys WHERE name = 'boss')");
    assert_eq!(status(), [401, 200]);
    assert!(faults().iter().any(|fault| fault.kind == FaultKind::AccessAltered));
    tamper(&server.data, "UPDATE api_keys SET role = 'king' WHERE name = 'rv'");
    assert_eq!(status(), [503, 503]);
    tamper(&server.data, "DELETE FROM api_keys");
    assert_eq!(status(), [401, 401], "and not open");
    assert!(faults().iter().all(|fault| fault.kind == FaultKind::AccessAltered));
    assert_eq!(faults().len(), 2);
}

#[test]
fn a_person_signs_in_with_a_key_and_out_again() {
    let server = TestServer::start();
    assert_eq!(server.get("/v1/session").json(), json!({ "open": true, "name": null, "role": null, "tenant": null }));
    let keys = give(&server, &[new_key("rv-1", Role::Reviewer, Some("north")), new_key("boss", Role::Admin, None)]);
    let sign_in =
        |headers: &[&Header<'_>], key: &str| json_post(&server, "/v1/session", headers, &json!({ "key": key }));
    let signed_in = sign_in(&[], &keys[0]);
    let who = json!({ "open": false, "name": "rv-1", "role": "reviewer", "tenant": "north" });
    assert_eq!((signed_in.status, signed_in.json()), (200, who.clone()));
    let set = &signed_in.headers["set-cookie"];
    assert!(set.starts_with("claimlens=") && set.contains("; HttpOnly") && set.contains("; SameSite=Strict"), "{set}");
    assert!(set.contains("; Path=/") && set.contains("; Max-Age=43200") && !set.contains("Secure"), "{set}");
    let cookie = ("cookie", set.split(';').next().unwrap().to_owned());
    let me = |headers: &[&Header<'_>]| ask(&server, "GET", "/v1/session", headers, b"");
    assert_eq!(me(&[&cookie]).json(), who);
    let beside_others = ("cookie", format!("theme=dark; {}; x=1", cookie.1));
    assert_eq!(me(&[&beside_others]).json(), who);
    // Neither by a name that browsers would not hold to TLS, nor by a secret that is another's.
    let elsewhere = ("host", "claims.example".to_owned());
    assert_eq!(me(&[&elsewhere, &cookie]).problem(), (401, "unauthenticated".to_owned()));
    let bent = ("cookie", format!("{}0", &cookie.1[..cookie.1.len() - 1]));
    assert!(bent.1 == cookie.1 || me(&[&bent]).status == 401);
    let over_tls = sign_in(&[&elsewhere], &keys[0]);
    let set = &over_tls.headers["set-cookie"];
    assert!(set.starts_with("__Host-claimlens=") && set.contains("; Secure") && !set.contains("Domain"), "{set}");
    let host_cookie = ("cookie", set.split(';').next().unwrap().to_owned());
    assert_eq!(me(&[&elsewhere, &host_cookie]).json(), who);

    // What another site makes the browser send is refused, and looking is not.
    let change = |headers: &[&Header<'_>]| json_post(&server, "/v1/photos:check", headers, &json!({})).problem();
    let from = |site: &str| ("sec-fetch-site", site.to_owned());
    let through = (415, "photo_unsupported".to_owned());
    assert_eq!(change(&[&cookie, &from("same-origin")]), through);
    for headers in
        [vec![], vec![from("cross-site")], vec![from("same-site")], vec![("origin", "https://evil.example".to_owned())]]
    {
        let headers: Vec<&Header<'_>> = headers.iter().chain([&cookie]).collect();
        assert_eq!(change(&headers), (403, "cross_site".to_owned()), "{headers:?}");
    }
    assert_eq!(change(&[&cookie, &("origin", format!("http://127.0.0.1:{}", server.port))]), through);
    assert_eq!(me(&[&cookie, &from("cross-site")]).status, 200);
    assert_eq!(change(&[&bearer(&keys[1]), &from("cross-site")]), through, "a key is no cookie");
    assert_eq!(sign_in(&[&from("cross-site")], &keys[0]).problem(), (403, "cross_site".to_owned()));

    let refused = sign_in(&[], "clk_0123456789abcdef_no");
    assert_eq!(refused.problem(), (401, "unauthenticated".to_owned()));
    assert_eq!(refused.headers["www-authenticate"], "Bearer realm=\"claimlens\"");
    assert!(!refused.headers.contains_key("set-cookie"));

    // Out again: this session, and no other.
    let out = ask(&server, "DELETE", "/v1/session", &[&cookie, &from("same-origin")], b"");
    assert_eq!((out.status, out.headers["set-cookie"].contains("Max-Age=0")), (204, true));
    assert_eq!(me(&[&cookie]).status, 401);
    assert_eq!(me(&[&elsewhere, &host_cookie]).status, 200);
    // An hour without use, half a day in all, or a key that is taken back end it.
    tamper(&server.data, "UPDATE sessions SET used = used - 3590");
    assert_eq!(me(&[&elsewhere, &host_cookie]).status, 200);
    tamper(&server.data, "UPDATE sessions SET used = used - 3590");
    assert_eq!(me(&[&elsewhere, &host_cookie]).status, 200, "it was used since");
    tamper(&server.data, "UPDATE sessions SET used = used - 3600");
    assert_eq!(me(&[&elsewhere, &host_cookie]).status, 401);
    tamper(&server.data, "UPDATE sessions SET used = used + 3600");
    assert_eq!(me(&[&elsewhere, &host_cookie]).status, 200);
    tamper(&server.data, &format!("UPDATE sessions SET key = '{}'", &keys[1][4..20]));
    assert_eq!(me(&[&elsewhere, &host_cookie]).status, 401, "a session is its own key's");
    tamper(&server.data, &format!("UPDATE sessions SET key = '{}'", &keys[0][4..20]));
    assert_eq!(me(&[&elsewhere, &host_cookie]).status, 200);
    tamper(&server.data, "UPDATE sessions SET begun = begun + 60");
    assert_eq!(me(&[&elsewhere, &host_cookie]).status, 401, "it cannot be made younger");
}

#[test]
fn a_key_that_sends_too_much_is_told_when_to_come_again() {
    let server = TestServer::start_with(|config| {
        config.key_limits = KeyLimits { per_minute: NonZeroU32::new(30), photos_a_day: Some(2) };
    });
    let own = KeyLimits { per_minute: NonZeroU32::new(5), photos_a_day: None };
    let app = NewKey { limits: own, ..new_key("app", Role::Submitter, None) };
    let keys = give(&server, &[app, new_key("other", Role::Submitter, None)]);
    let many = |key: &str, n: usize| -> Vec<u16> {
        (0..n).map(|_| ask(&server, "GET", "/v1/claims", &[&bearer(key)], b"").status).collect()
    };
    assert_eq!(many(&keys[0], 6), [200, 200, 200, 200, 200, 429]);
    let refused = ask(&server, "GET", "/v1/claims", &[&bearer(&keys[0])], b"");
    assert_eq!(refused.problem(), (429, "rate_limited".to_owned()));
    let seconds: u64 = refused.headers["retry-after"].parse().unwrap();
    assert!((1..=13).contains(&seconds), "one comes free in 12 s: {seconds}");
    // Nobody else waits for it, and what takes anybody takes this one too.
    assert_eq!(submit(&server, &keys[1], 1, &[]).status, 200);
    assert_eq!(submit(&server, &keys[1], 2, &[]).status, 200);
    let refused = submit(&server, &keys[1], 3, &[]);
    assert_eq!(refused.problem(), (429, "rate_limited".to_owned()));
    assert!(refused.headers["retry-after"].parse::<u64>().unwrap() <= 86_400);
    assert_eq!(ask(&server, "GET", "/healthz", &[&bearer(&keys[0])], b"").status, 200);
    assert!(many(&keys[1], 40).contains(&429), "the service's own limit");
}

/// The built program with everything logged; what it says goes into the string.
struct Program {
    child: Child,
    said: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Program {
    fn serve(data: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_claimlens"))
            .args(["serve", "--role", "api", "--data"])
            .arg(data)
            .args(more)
            .env("RUST_LOG", "trace")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let (from, to) = (child.stderr.take().unwrap(), said.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                *to.lock().unwrap() += &format!("{line}\n");
            }
        });
        Self { child, said }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    fn port(&self) -> u16 {
        let port = || {
            let said = self.said();
            let line = said.lines().find(|line| line.starts_with("claimlens listens on"))?;
            line.split_once(", ")?.0.rsplit_once(':')?.1.parse().ok()
        };
        until(|| port().is_some());
        port().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn claimlens(arguments: &[&str], data: &Path) -> (Option<i32>, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_claimlens")).args(arguments).arg("--data").arg(data).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn without_keys_the_service_stays_on_this_machine_unless_that_is_said_outright() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (code, _, said) = claimlens(&["serve", "--role", "api", "--listen", "0.0.0.0:0"], &data);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("there is no API key") && said.contains("claimlens keys add") && said.contains("--open"),
        "{said}"
    );
    assert!(!data.exists(), "nothing was made");
    for more in [["--listen", "127.0.0.1:0"].as_slice(), &["--listen", "0.0.0.0:0", "--open"]] {
        let program = Program::serve(&data, more);
        program.port();
        until(|| program.said().contains("there is no API key: whoever reaches it may do everything"));
    }
    let (code, key, said) = claimlens(&["keys", "add", "boss", "--role", "admin", "--by", "owner"], &data);
    assert_eq!((code, key.len()), (Some(0), "clk_".len() + 16 + 1 + 64 + 1), "{said}");
    assert!(!said.contains(key.trim()), "the key goes to standard output alone");
    let program = Program::serve(&data, &["--listen", "0.0.0.0:0"]);
    let url = format!("http://127.0.0.1:{}", program.port());
    assert!(!program.said().contains("no API key"));

    // Neither the key nor the session stands in any line of the log, nor in the database.
    let key = key.trim();
    let agent = crate::support::agent();
    let sign_in = agent.post(format!("{url}/v1/session")).header("content-type", "application/json");
    let signed_in = sign_in.send(json!({ "key": key }).to_string()).unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let stats = |name: &str, value: &str| agent.get(format!("{url}/v1/stats")).header(name, value).call().unwrap();
    assert_eq!(stats("authorization", &format!("Bearer {key}")).status(), 200);
    assert_eq!(stats("authorization", &format!("bearer  {key}")).status(), 200);
    assert_eq!(stats("cookie", &cookie).status(), 200);
    assert_eq!(stats("authorization", &format!("Basic {key}")).status(), 401);
    assert_eq!(stats("authorization", &format!("Bearer x{key}")).status(), 401);
    until(|| program.said().matches("answered").count() >= 6);
    let secrets = [&key[21..], &key[21..53], &cookie[cookie.len() - 64..]];
    let said = program.said();
    assert!(said.contains("TRACE"), "nothing was heard");
    for secret in secrets {
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{lines:?}");
    }
    drop(program);
    for file in ["claimlens.sqlite", "claimlens.sqlite-wal"] {
        let mut bytes = Vec::new();
        if let Ok(mut file) = std::fs::File::open(data.join(file)) {
            file.read_to_end(&mut bytes).unwrap();
        }
        for secret in secrets {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "in {file}");
        }
    }
    let (_, listed, _) = claimlens(&["keys", "list", "--format", "json"], &data);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&listed["id"], &listed["role"], &listed["active"]),
        (&json!(&key[4..20]), &json!("admin"), &json!(true))
    );
    let (code, newer, _) = claimlens(&["keys", "rotate", &key[4..20], "--overlap-hours", "0"], &data);
    assert_eq!((code, newer.trim().len()), (Some(0), key.len()));
    assert_eq!(claimlens(&["keys", "revoke", &key[4..20]], &data).0, Some(1), "it no longer opens");
    assert_eq!(claimlens(&["keys", "revoke", &newer[4..20]], &data).0, Some(0));
    assert_eq!(claimlens(&["keys", "add", "x", "--role", "king"], &data).0, Some(2));
    assert_eq!(claimlens(&["keys", "add", "two words", "--role", "admin"], &data).0, Some(2));
    assert_eq!(claimlens(&["audit", "verify"], &data).0, Some(0));
}

#[test]
fn no_two_keys_that_open_bear_the_same_name() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let records = Records::open(dir.path()).await.unwrap();
        let nobody = Actor::default();
        let add = async |name: &str| records.add_api_key(&new_key(name, Role::Reviewer, None), &nobody).await;
        let refused = |given: Result<_, ServiceError>| match given {
            Err(ServiceError::ApiKey(refusal)) => refusal,
            other => panic!("{other:?}"),
        };
        let (first, _) = add("rv-1").await.unwrap();
        add("rv-10").await.unwrap();
        assert_eq!(refused(add("rv-1").await), KeyRefusal::NameTaken);
        assert_eq!(refused(add("RV-1").await), KeyRefusal::NameTaken, "case tells nobody apart");
        assert_eq!(refused(add("oidc-1").await), KeyRefusal::NameReserved);
        add("oidcs").await.unwrap();
        // The one that takes its place bears it too, and keeps it.
        let hour = SignedDuration::from_hours(1);
        let (second, _) = records.rotate_api_key(&first.id, hour, None, &nobody).await.unwrap();
        records.revoke_api_key(&first.id, &nobody).await.unwrap();
        assert_eq!(refused(add("rv-1").await), KeyRefusal::NameTaken);
        records.revoke_api_key(&second.id, &nobody).await.unwrap();
        assert!(add("rv-1").await.is_ok(), "nobody acts under it any more");
        records.close().await;
    });
}

#[test]
fn attempts_to_sign_in_are_counted_and_keys_go_on_opening() {
    let server = TestServer::start();
    let keys = give(&server, &[new_key("rv-1", Role::Reviewer, None)]);
    let wrong = json!({ "key": format!("clk_{}_{}", "0".repeat(16), "0".repeat(64)) });
    let attempt = || json_post(&server, "/v1/session", &[], &wrong);
    // Some room comes back while these are sent.
    let last = (0..2_000).map(|_| attempt()).find(|answer| answer.status != 401).unwrap();
    assert_eq!(last.problem(), (429, "rate_limited".to_owned()));
    assert!((1..=60).contains(&last.headers["retry-after"].parse::<u64>().unwrap()));
    // Nobody escapes by naming another address: no proxy is believed unless it is named.
    let named = |n: u8| {
        let address = ("x-forwarded-for", format!("198.51.100.{n}"));
        json_post(&server, "/v1/session", &[&address], &wrong).status
    };
    assert!((0..50).map(named).any(|status| status == 429));
    assert_eq!(ask(&server, "GET", "/v1/session", &[&bearer(&keys[0])], b"").status, 200);
}
