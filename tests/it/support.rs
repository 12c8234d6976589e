//! The real server on a free port, with a reader whose answers are known beforehand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use claimlens::domain::result::Timing;
use claimlens::domain::{Bp, ContentHash, Field, Quad, Reading};
use claimlens::http::client::Proxies;
use claimlens::http::server;
use claimlens::pipeline::{Pictures, ReadError, ReadOutcome};
use claimlens::service::{LoadReader, ReadPhotos, Service, ServiceConfig};
use claimlens::vision::{self, Limits};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// A value that is read for sure.
pub fn printed(value: &str) -> Field {
    Field {
        value: Some(value.to_owned()),
        text: value.to_owned(),
        confidence: Bp::ONE,
        score: Bp::ONE,
        polygon: Quad::rect(0.0, 0.0, 1.0, 1.0),
        page_polygon: Quad::rect(0.0, 0.0, 1.0, 1.0),
        readers: BTreeMap::new(),
        repairs: Vec::new(),
    }
}

/// Reads nothing: what comes out depends on the photo's name and bytes alone.
///
/// `slow…` takes 300 ms, `stuck…` an hour, `broken…` fails and `panic…` panics.
pub struct CannedReader {
    models: BTreeMap<String, String>,
    text_height: u32,
}

impl ReadPhotos for CannedReader {
    fn read(&self, source: &str, bytes: &[u8], pdf_page: Option<u32>) -> Result<ReadOutcome, ReadError> {
        match source {
            s if s.starts_with("slow") => std::thread::sleep(Duration::from_millis(300)),
            s if s.starts_with("stuck") => std::thread::sleep(Duration::from_secs(3600)),
            s if s.starts_with("broken") => {
                return Err(claimlens::ocr::OcrError::Runtime("the engine failed".to_owned()).into());
            }
            s if s.starts_with("panic") => panic!("asked to"),
            _ => {}
        }
        let sha256 = ContentHash::of(bytes);
        let mut reading = Reading::unreadable(source, sha256, String::new());
        reading.unreadable = None;
        reading.pdf_page = pdf_page;
        reading.size = [64, 48];
        reading.page_size = [64, 48];
        // Different bytes are different pictures here.
        reading.picture_hash = Some(sha256.to_string()[..16].to_owned());
        reading.quality.sharpness = Some(Bp(9_000));
        reading.quality.text_height = Some(self.text_height);
        let picture = || vision::decode(bytes, pdf_page, &Limits::default()).unwrap().image;
        let pictures = Pictures { upload: Some(picture()), page: picture() };
        let mut timing = Timing::default();
        timing.add("recognise", Duration::from_micros(1500));
        Ok(ReadOutcome { reading, timing, pictures: Some(pictures) })
    }

    fn models(&self) -> &BTreeMap<String, String> {
        &self.models
    }

    fn runtime(&self) -> &str {
        "canned 1"
    }
}

/// Makes canned readers; `text_height` goes into each reading.
pub fn canned(text_height: u32) -> LoadReader {
    Arc::new(move || {
        let models = BTreeMap::from([("canned".to_owned(), "00".repeat(32))]);
        Ok(Box::new(CannedReader { models, text_height }) as Box<dyn ReadPhotos>)
    })
}

/// The text of the default policy.
pub fn policy() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/decision/policy.toml")).unwrap()
}

/// A configuration with two canned readers.
pub fn config(data: &Path) -> ServiceConfig {
    let mut config = ServiceConfig::new(data, policy(), canned(320));
    config.work.readers = 2;
    // Or some test would meet one now and then.
    config.reviews.blind_pairs_ppm = 0;
    // Short, since tests that restart wait for it.
    config.work.lease = Duration::from_secs(1);
    config
}

/// A picture that no other seed gives, as PNG.
pub fn photo(seed: u8) -> Vec<u8> {
    encode(seed, ImageFormat::Png)
}

/// The same as a file of another format.
pub fn encode(seed: u8, format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(64, 48, |x, y| Rgb([x as u8 * 3, y as u8 * 5, seed]));
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// A PDF of as many pages, with one to four red bars each, without fonts or pictures.
pub fn pdf(pages: usize) -> Vec<u8> {
    let kids: String = (0..pages).map(|i| format!("{} 0 R ", 2 * i + 3)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{kids}] /Count {pages} >>"),
    ];
    for i in 0..pages {
        let bars: String = (0..=i % 4).map(|bar| format!("{} 5 2 60 re f ", 4 + 4 * bar)).collect();
        objects.push(format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 70] /Contents {} 0 R >>", 2 * i + 4));
        objects.push(format!("<< /Length {} >>\nstream\n1 0 0 rg {bars}\nendstream", bars.len() + 9));
    }
    let mut out = "%PDF-1.7\n".to_owned();
    for (i, object) in objects.iter().enumerate() {
        out += &format!("{} 0 obj\n{object}\nendobj\n", i + 1);
    }
    (out + "trailer << /Root 1 0 R >>\n%%EOF\n").into_bytes()
}

/// A painted HEIC of 48 × 64 pixels.
pub const HEIC: &[u8] = include_bytes!("../fixtures/turned.heic");

/// A runtime with a service on it; dropped without a word, like a process that is killed.
pub struct Running {
    pub service: Service,
    pub runtime: Option<tokio::runtime::Runtime>,
}

impl Running {
    pub fn open(config: ServiceConfig) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let service = runtime.block_on(Service::open(config)).unwrap();
        Self { service, runtime: Some(runtime) }
    }

    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().unwrap().block_on(future)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// The real server on a free port.
pub struct TestServer {
    pub port: u16,
    pub data: PathBuf,
    _dir: tempfile::TempDir,
    stop: Option<(actix_web::dev::ServerHandle, JoinHandle<()>)>,
}

/// An answer with everything tests look at.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    /// Status and code of a problem, with its form checked.
    pub fn problem(&self) -> (u16, String) {
        let problem = self.json();
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        assert_eq!(problem["request_id"].as_str(), self.headers.get("x-request-id").map(String::as_str));
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}

impl TestServer {
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub fn start_with(change: impl FnOnce(&mut ServiceConfig) + Send + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let mut config = config(&data);
        change(&mut config);
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let service = Service::open(config).await.unwrap();
                service.start().await.unwrap();
                let server = server::bind("127.0.0.1:0".parse().unwrap(), service, None, Proxies::default()).unwrap();
                tell.send((server.port, server.handle())).unwrap();
                server.run().await.unwrap();
            });
            runtime.shutdown_background();
        });
        let (port, handle) = told.recv_timeout(Duration::from_secs(30)).unwrap();
        Self { port, data, _dir: dir, stop: Some((handle, thread)) }
    }

    /// Stops as SIGTERM does.
    pub fn stop(&mut self) {
        if let Some((handle, thread)) = self.stop.take() {
            drop(handle.stop(true));
            thread.join().unwrap();
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        let agent = agent();
        answer(agent.get(format!("http://127.0.0.1:{}{path}", self.port)).call())
    }

    /// The same by somebody who says who it is.
    pub fn get_as(&self, path: &str, who: &str) -> Answer {
        let agent = agent();
        let request = agent.get(format!("http://127.0.0.1:{}{path}", self.port)).header("x-claimlens-actor", who);
        answer(request.call())
    }

    pub fn delete(&self, path: &str) -> Answer {
        let agent = agent();
        answer(agent.delete(format!("http://127.0.0.1:{}{path}", self.port)).call())
    }

    pub fn send(&self, body: &[u8], headers: &[(&str, &str)]) -> Answer {
        self.send_to("/v1/claims", body, headers)
    }

    pub fn send_to(&self, path: &str, body: &[u8], headers: &[(&str, &str)]) -> Answer {
        let agent = agent();
        let mut request = agent.post(format!("http://127.0.0.1:{}{path}", self.port));
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body))
    }

    pub fn send_json(&self, path: &str, body: &Value) -> Answer {
        self.send_to(path, body.to_string().as_bytes(), &[("content-type", "application/json")])
    }

    pub fn post(&self, parts: &[Part<'_>], headers: &[(&str, &str)]) -> Answer {
        self.send(&form(parts), headers)
    }

    /// How many claims there are.
    pub fn claims(&self) -> usize {
        self.get("/v1/claims?limit=100").json()["claims"].as_array().unwrap().len()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some((handle, thread)) = self.stop.take() {
            drop(handle.stop(false));
            let _ = thread.join();
        }
    }
}

/// A client that takes every status for an answer.
pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

pub fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = result.unwrap();
    let headers = response.headers().iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect();
    let bytes = response.body_mut().read_to_vec().unwrap();
    Answer { status: response.status().as_u16(), headers, bytes }
}

pub const BOUNDARY: &str = "claimlens-test-boundary";

/// A part of a form: name, file name, bytes.
pub type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

/// The part `claim` with a good claim.
pub const CLAIM: Part<'static> = ("claim", None, br#"{ "id": "A-1", "amount": "12.00" }"#);

/// A body of `multipart/form-data`.
pub fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        let file = file.map(|f| format!("; filename=\"{f}\"")).unwrap_or_default();
        body.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}
