//! TLS from certificate files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::support::config;
use claimlens::http::client::Proxies;
use claimlens::http::{server, tls};
use claimlens::service::Service;
use std::fs;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

#[test]
fn the_server_speaks_tls_with_the_certificate_it_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let speaks = tls::load(&certificate, &key).unwrap();

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (port, handle, running) = runtime.block_on(async {
        let service = Service::open(config(&dir.path().join("data"))).await.unwrap();
        let server = server::bind("127.0.0.1:0".parse().unwrap(), service, Some(speaks), Proxies::default()).unwrap();
        (server.port, server.handle(), tokio::spawn(server.run()))
    });
    let trusting = |roots| {
        let tls = TlsConfig::builder().root_certs(roots).build();
        ureq::Agent::new_with_config(ureq::Agent::config_builder().tls_config(tls).build())
    };
    let own = Certificate::from_pem(made.cert.pem().as_bytes()).unwrap().to_owned();
    let answer = trusting(RootCerts::from([own])).get(format!("https://localhost:{port}/healthz")).call();
    assert_eq!(answer.unwrap().status(), 200);
    let stranger = trusting(RootCerts::WebPki).get(format!("https://localhost:{port}/healthz")).call();
    assert!(stranger.is_err(), "who does not know the certificate does not talk to it");
    assert!(ureq::get(format!("http://localhost:{port}/healthz")).call().is_err(), "nothing goes in the clear");
    runtime.block_on(async {
        handle.stop(false).await;
        running.await.unwrap().unwrap();
    });
}

#[test]
fn files_that_make_no_server_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["b".to_owned()]).unwrap();
    fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::write(path("other.pem"), other.signing_key.serialize_pem()).unwrap();
    fs::write(path("empty.pem"), "").unwrap();
    for (certificate, key, says) in [
        ("missing.pem", "key.pem", "missing.pem"),
        ("empty.pem", "key.pem", "empty.pem: there is no certificate"),
        ("cert.pem", "empty.pem", "empty.pem"),
        ("cert.pem", "other.pem", "do not make a server"),
    ] {
        let error = tls::load(&path(certificate), &path(key)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
