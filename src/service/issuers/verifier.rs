//! A verifier asked over HTTP: `POST` of a question as JSON, answered by
//! `{"issuer": "known" | "unknown", "document": "genuine" | "forged" | "unknown"}`.

use crate::domain::issuer::{IssuerOutcome, IssuerQuestion, PaperAnswer};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time one question may take, from resolving the name to the last byte.
const DEADLINE: Duration = Duration::from_secs(2);
/// The longest answer; one takes some 50 bytes.
const MOST_BYTES: u64 = 16 << 10;
/// How long an answer stands before the question is asked again.
const FRESH: Duration = Duration::from_secs(3600);
/// Answers kept.
const MOST_KEPT: usize = 10_000;

/// Why there is no such verifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a verifier's address begins with http:// or https://, and it may be asked at least once a minute")]
pub struct VerifierError;

/// An address to ask, with what it answered lately.
pub struct Verifier {
    agent: ureq::Agent,
    url: String,
    per_minute: u32,
    /// When the minute began that is being counted, and the questions in it.
    asked: Mutex<Option<(Instant, u32)>>,
    kept: Mutex<HashMap<IssuerQuestion, (Instant, Answer)>>,
}

/// What it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) issuer: IssuerOutcome,
    pub(super) paper: PaperAnswer,
    /// Whether it answered otherwise before.
    pub(super) differs_from_before: bool,
}

#[derive(Deserialize)]
struct Body {
    issuer: Known,
    document: PaperAnswer,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Known {
    Known,
    Unknown,
}

impl Verifier {
    /// One at an address, asked so many times a minute at most.
    ///
    /// # Errors
    /// If the address is none of HTTP, or it may never be asked.
    pub fn new(url: &str, per_minute: u32) -> Result<Self, VerifierError> {
        if !(url.starts_with("http://") || url.starts_with("https://")) || per_minute == 0 {
            return Err(VerifierError);
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(DEADLINE))
            // Who was named is asked, and nobody that it names.
            .max_redirects(0)
            .proxy(None)
            .build();
        Ok(Self {
            agent: agent.into(),
            url: url.to_owned(),
            per_minute,
            asked: Mutex::default(),
            kept: Mutex::default(),
        })
    }

    /// What it answers; `None` if it does not in time and form, or was asked too often.
    pub(super) fn ask(&self, question: &IssuerQuestion) -> Option<Answer> {
        self.ask_at(question, Instant::now())
    }

    fn ask_at(&self, question: &IssuerQuestion, now: Instant) -> Option<Answer> {
        let before = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(question).copied();
        if let Some((at, answer)) = before
            && now.duration_since(at) < FRESH
        {
            return Some(answer);
        }
        if !self.may_ask(now) {
            tracing::warn!("the issuer verifier was not asked: the quota of this minute is used up");
            return None;
        }
        let Body { issuer, document } = match self.post(question) {
            Ok(body) => body,
            Err(why) => {
                tracing::warn!(why, "the issuer verifier gave no answer");
                return None;
            }
        };
        let issuer = match issuer {
            Known::Known => IssuerOutcome::Matched,
            Known::Unknown => IssuerOutcome::Unknown,
        };
        let differs = before.is_some_and(|(_, b)| b.differs_from_before || (b.issuer, b.paper) != (issuer, document));
        let answer = Answer { issuer, paper: document, differs_from_before: differs };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT
            && let Some(oldest) = kept.iter().min_by_key(|(_, (at, _))| *at).map(|(question, _)| question.clone())
        {
            kept.remove(&oldest);
        }
        kept.insert(question.clone(), (now, answer));
        Some(answer)
    }

    fn may_ask(&self, now: Instant) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, count) =
            asked.filter(|(began, _)| now.duration_since(*began) < Duration::from_secs(60)).unwrap_or((now, 0));
        *asked = Some((began, count.saturating_add(1)));
        count < self.per_minute
    }

    /// The reason for a failure is one of a few words: what came over the line is not repeated.
    fn post(&self, question: &IssuerQuestion) -> Result<Body, &'static str> {
        let json = serde_json::to_vec(question).map_err(|_| "the question cannot be written")?;
        let request = self.agent.post(&self.url).header("content-type", "application/json");
        let mut response = request.send(&json[..]).map_err(|e| match e {
            ureq::Error::Timeout(_) => "it took too long",
            ureq::Error::StatusCode(_) => "it refused",
            _ => "it could not be reached, or spoke no HTTP",
        })?;
        if response.status() != 200 {
            return Err("it refused");
        }
        let body = response.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
        let body = body.map_err(|_| "its answer broke off, took too long or was too long")?;
        serde_json::from_slice(&body).map_err(|_| "its answer is none that is known")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Issuers, Registry};
    use super::*;
    use crate::domain::issuer::IssuerSource;
    use crate::domain::support::{bill, invoice};
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const GOOD: &str = r#"{"issuer":"known","document":"genuine"}"#;

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }

    /// A server that gives these answers in turn, the last one for good; and how often it was asked.
    fn stub(answers: Vec<String>, pause: Duration) -> (Verifier, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/check", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                // To its end: closing a connection with something unread breaks it.
                let mut request = Vec::new();
                while !request.ends_with(b"}") {
                    let mut chunk = [0; 4096];
                    match stream.read(&mut chunk) {
                        Ok(n) if n > 0 => request.extend_from_slice(&chunk[..n]),
                        _ => break,
                    }
                }
                let n = count.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(pause);
                // A client that has had enough closes the connection.
                let _ = stream.write_all(answers[n.min(answers.len() - 1)].as_bytes());
            }
        });
        (Verifier::new(&url, 3).unwrap(), asked)
    }

    fn question(name: &str) -> IssuerQuestion {
        IssuerQuestion { issuer_name: Some(name.to_owned()), ..IssuerQuestion::default() }
    }

    #[test]
    fn an_answer_is_kept_and_the_quota_holds() {
        let (verifier, asked) = stub(vec![ok(GOOD)], Duration::ZERO);
        for _ in 0..5 {
            let answer = verifier.ask(&question("a")).unwrap();
            assert_eq!((answer.issuer, answer.paper), (IssuerOutcome::Matched, PaperAnswer::Genuine));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(verifier.ask(&question("b")).is_some() && verifier.ask(&question("c")).is_some());
        assert_eq!(verifier.ask(&question("d")), None, "the fourth of this minute");
        let later = Instant::now() + Duration::from_secs(61);
        assert!(verifier.ask_at(&question("d"), later).is_some());
    }

    #[test]
    fn an_answer_unlike_the_one_before_is_told_for_good() {
        let forged = r#"{"issuer":"known","document":"forged"}"#;
        let (verifier, _) = stub(vec![ok(GOOD), ok(forged), ok(forged)], Duration::ZERO);
        let start = Instant::now();
        let differs = |hours: u32| verifier.ask_at(&question("a"), start + hours * FRESH).unwrap().differs_from_before;
        assert_eq!([differs(0), differs(1), differs(2)], [false, true, true]);
    }

    #[test]
    fn whatever_a_bad_verifier_does_is_no_answer() {
        let huge = format!("HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n{}", " ".repeat(900_000));
        let to_itself = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_owned();
        let unavailable = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_owned();
        for (name, answer, pause) in [
            ("slow", ok(GOOD), 4_000),
            ("huge", huge, 0),
            ("endless", "HTTP/1.1 200 OK\r\n\r\n".to_owned() + &"x".repeat(100_000), 0),
            ("no JSON", ok("<html>"), 0),
            ("another answer", ok(r#"{"issuer":"perhaps","document":"genuine"}"#), 0),
            ("half an answer", ok(r#"{"issuer":"known"}"#), 0),
            ("redirect", to_itself, 0),
            ("error", unavailable, 0),
            ("no HTTP", "hello\n".to_owned(), 0),
            ("nothing", String::new(), 0),
        ] {
            let (verifier, asked) = stub(vec![answer], Duration::from_millis(pause));
            let start = Instant::now();
            assert_eq!(verifier.ask(&question("a")), None, "{name}");
            assert!(start.elapsed() < DEADLINE * 2, "{name}: {:?}", start.elapsed());
            assert_eq!(asked.load(Ordering::SeqCst), 1, "{name}");
        }
        let nobody = Verifier::new("http://127.0.0.1:1/", 9).unwrap();
        assert_eq!(nobody.ask(&question("a")), None);
        assert!(Verifier::new("file:///etc/passwd", 9).is_err() && Verifier::new("http://a/", 0).is_err());
    }

    #[test]
    fn facts_are_told_by_document_and_source() {
        let list = "name,aliases,credit_code,level,nature,province\n晴川市第一人民医院,,12110000400685133L,,,\n";
        let (verifier, _) = stub(vec![ok(r#"{"issuer":"unknown","document":"unknown"}"#)], Duration::ZERO);
        let both = Issuers { registry: Some(Registry::parse(list.as_bytes()).unwrap()), verifier: Some(verifier) };
        let told: Vec<_> = both
            .look_up(&[bill(), invoice()])
            .into_iter()
            .map(|f| (f.document, f.source, f.outcome, f.conflict))
            .collect();
        assert_eq!(
            told,
            [
                (0, IssuerSource::Registry, IssuerOutcome::Matched, false),
                (0, IssuerSource::Verifier, IssuerOutcome::Unknown, true),
                (1, IssuerSource::Registry, IssuerOutcome::Unknown, false),
                (1, IssuerSource::Verifier, IssuerOutcome::Unknown, false),
            ]
        );
        assert!(Issuers::default().look_up(&[bill()]).is_empty());
        let dead = Issuers { registry: None, verifier: Some(Verifier::new("http://127.0.0.1:1/", 9).unwrap()) };
        assert!(dead.look_up(&[bill(), invoice()]).iter().all(|f| f.outcome == IssuerOutcome::Unanswered));
    }
}
