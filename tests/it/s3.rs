//! An S3-compatible server on loopback, over files, that can be stopped and made to misbehave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use claimlens::service::{BucketPlace, PhotoPlace};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

const BUCKET: &str = "made-up-claims";
const KEYS: [&str; 2] = ["MADEUPKEY", "made-up-secret"];

/// What becomes of connections.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    /// They are served.
    Serve,
    /// They are closed at once.
    Down,
    /// They break off after so many bytes of the client's.
    Cut(u64),
    /// They are accepted, and nothing ever comes.
    Hang,
    /// They get this answer, whatever was asked.
    Answer(&'static str),
}

/// What a proxy says that has nothing behind it.
pub const BARE_404: Mode =
    Mode::Answer("HTTP/1.1 404 Not Found\r\ncontent-length: 19\r\nconnection: close\r\n\r\n404 page not found\n");
/// What storage says that has too much to do.
pub const SLOW_DOWN: Mode =
    Mode::Answer("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");

/// What storage says that lacks the bucket.
pub const NO_BUCKET: Mode = Mode::Answer(
    "HTTP/1.1 404 Not Found\r\ncontent-type: application/xml\r\ncontent-length: 52\r\nconnection: close\r\n\r\n\
     <Error><Code>NoSuchBucket</Code><Key>x</Key></Error>",
);

/// The server. Objects are files under `objects`.
pub struct S3 {
    dir: tempfile::TempDir,
    /// Kept all the time, so that nobody else gets its port.
    listener: std::net::TcpListener,
    runtime: Option<Runtime>,
}

impl S3 {
    /// Starts on a free port.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(BUCKET)).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut s3 = Self { dir, listener, runtime: None };
        s3.mode(Mode::Serve);
        s3
    }

    /// Ends all connections; those that come from now on are treated like this.
    pub fn mode(&mut self, mode: Mode) {
        if let Some(before) = self.runtime.take() {
            before.shutdown_timeout(std::time::Duration::from_secs(10));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(self.dir.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEYS[0], KEYS[1]));
        let service = service.build();
        let listener = self.listener.try_clone().unwrap();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(attend(stream, service.clone(), mode));
            }
        });
        self.runtime = Some(runtime);
    }

    /// The environment that leads a client here.
    pub fn variables(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://{}", self.listener.local_addr().unwrap());
        let pairs = [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", KEYS[0]),
            ("AWS_SECRET_ACCESS_KEY", KEYS[1]),
            ("AWS_ALLOW_HTTP", "true"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// The address of its bucket, with a prefix.
    pub fn url(&self) -> String {
        format!("s3://{BUCKET}/kept/photos")
    }

    /// The place of photos in its bucket.
    pub fn bucket(&self) -> BucketPlace {
        BucketPlace::parse(&self.url(), self.variables()).unwrap()
    }

    /// The same for a service.
    pub fn place(&self) -> PhotoPlace {
        PhotoPlace::Bucket(self.bucket())
    }

    /// The folder its photos lie in.
    pub fn objects(&self) -> PathBuf {
        self.dir.path().join(BUCKET).join("kept/photos")
    }

    /// Whether a text tells what nobody should learn from logs and errors.
    pub fn betrays(text: &str) -> bool {
        [BUCKET, "kept/photos", KEYS[0], KEYS[1]].iter().any(|secret| text.contains(secret))
    }
}

async fn attend(mut stream: TcpStream, service: S3Service, mode: Mode) {
    let most = match mode {
        Mode::Serve => u64::MAX,
        Mode::Cut(most) => most,
        Mode::Down => return,
        Mode::Hang => std::future::pending().await,
        Mode::Answer(text) => {
            // All of a small request comes in one piece; the rest of a large one is not wanted.
            let _ = stream.read(&mut [0; 65536]).await;
            let _ = stream.write_all(text.as_bytes()).await;
            return;
        }
    };
    let (from, to) = stream.into_split();
    let stream = tokio::io::join(from.take(most), to);
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}
