//! The workbench's pages as they are served; what they do in a browser is tried by `tests/workbench`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::support::TestServer;
use std::io::Read;

/// What a browser gets: status, headers, and the body as it was sent.
fn browser(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> ureq::http::Response<Vec<u8>> {
    let agent = crate::support::agent();
    let mut request = agent.get(format!("http://127.0.0.1:{}{path}", server.port));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, mut body) = request.call().unwrap().into_parts();
    let mut bytes = Vec::new();
    body.as_reader().read_to_end(&mut bytes).unwrap();
    ureq::http::Response::from_parts(parts, bytes)
}

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

#[test]
fn browsers_get_the_workbench_with_a_strict_policy_and_others_a_few_words() {
    let server = TestServer::start();
    let page = browser(&server, "/", &[HTML]);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert_eq!(page.headers()["cache-control"], "no-cache");
    let tag = page.headers()["etag"].to_str().unwrap().to_owned();
    let again = browser(&server, "/", &[HTML, ("if-none-match", &tag)]);
    assert_eq!((again.status().as_u16(), again.body().len()), (304, 0));
    assert_eq!(
        again.headers()["content-security-policy"],
        policy.as_str(),
        "a browser takes it for that of what it kept"
    );
    let text = String::from_utf8(page.into_body()).unwrap();
    assert!(text.contains("<script type=\"module\""), "{text}");
    let other = browser(&server, "/", &[("accept", "*/*")]);
    assert!(String::from_utf8_lossy(other.body()).contains("POST /v1/claims"));
}

#[test]
fn files_are_kept_for_good_under_their_version_and_found_under_no_other() {
    let server = TestServer::start();
    let text = String::from_utf8(browser(&server, "/", &[HTML]).into_body()).unwrap();
    let paths: Vec<&str> = text.split('"').filter(|part| part.starts_with("/workbench/")).collect();
    assert!(paths.len() > 30, "{paths:?}");
    for path in &paths {
        let file = browser(&server, path, &[]);
        assert_eq!(file.status(), 200, "{path}");
        assert_eq!(file.headers()["cache-control"], "public, max-age=31536000, immutable");
        assert!(!file.body().is_empty());
    }
    let script = paths.iter().find(|path| path.ends_with("main.js")).unwrap();
    assert_eq!(browser(&server, script, &[]).headers()["content-type"], "text/javascript; charset=utf-8");
    let version = script.split('/').nth(2).unwrap();
    for path in [
        script.replace(version, "0000000000000000"),
        format!("/workbench/{version}/index.html"),
        format!("/workbench/{version}/../../Cargo.toml"),
        format!("/workbench/{version}/js/%2e%2e/%2e%2e/workbench.rs"),
    ] {
        assert_eq!(browser(&server, &path, &[]).status(), 404, "{path}");
    }
}
