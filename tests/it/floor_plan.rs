//! The import rule as a test: reads the sources and fails on any import that the floor plan does not allow. Which of our
//! own modules one may use stands in the map of `src/lib.rs`, and is read from there.
//!
//! Test modules are left out: they may use what they like.

#![allow(clippy::unwrap_used, reason = "in a test, the panic is the message")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// What one module may use, besides those of our own modules that the map in `src/lib.rs` names.
struct Floor {
    name: &'static str,
    /// Of other people's crates.
    crates: &'static [&'static str],
    /// No clock, randomness, environment, files, network, threads or changing globals.
    pure: bool,
}

const FLOORS: &[Floor] = &[
    Floor {
        name: "domain",
        crates: &["serde", "serde_json", "sha2", "hex", "thiserror", "jiff", "unicode_normalization", "utoipa"],
        pure: true,
    },
    Floor {
        name: "vision",
        crates: &["image", "imageproc", "exif", "fast_image_resize", "jpeg_decoder", "rqrr", "thiserror"],
        pure: true,
    },
    Floor {
        name: "ocr",
        crates: &["image", "imageproc", "fast_image_resize", "ndarray", "thiserror", "unicode_normalization"],
        pure: true,
    },
    Floor { name: "extract", crates: &["regex", "jiff", "serde", "thiserror", "unicode_normalization"], pure: true },
    Floor { name: "forensics", crates: &["image", "imageproc", "exif", "zune_jpeg", "thiserror"], pure: true },
    Floor { name: "checks", crates: &["jiff", "unicode_normalization"], pure: true },
    Floor { name: "decision", crates: &["serde", "thiserror", "jiff"], pure: true },
    Floor { name: "pipeline", crates: &["image", "imageproc", "serde", "thiserror"], pure: true },
    // Reads the model files and holds them against their hashes, for `ocr` and `pipeline` to load.
    Floor { name: "models", crates: &["serde", "toml", "thiserror"], pure: false },
    Floor {
        name: "specimen",
        crates: &[
            "ab_glyph",
            "image",
            "imageproc",
            "fast_image_resize",
            "qrcode",
            "rand",
            "rand_chacha",
            "serde",
            "serde_json",
            "thiserror",
            "jiff",
            "unicode_normalization",
        ],
        pure: false,
    },
    Floor {
        name: "audit",
        crates: &["base64", "ring", "serde", "serde_json", "sha2", "hex", "thiserror", "utoipa"],
        pure: true,
    },
    Floor {
        name: "store",
        crates: &[
            "sqlx",
            "async_trait",
            "serde",
            "serde_json",
            "sha2",
            "hex",
            "thiserror",
            "jiff",
            "tokio",
            "tracing",
            "bytes",
            "utoipa",
        ],
        pure: false,
    },
    Floor {
        name: "service",
        crates: &[
            "tokio",
            "serde",
            "serde_json",
            "sha2",
            "hex",
            "thiserror",
            "jiff",
            "image",
            "bytes",
            "rand",
            "tracing",
            "futures_util",
            "prometheus_client",
            "unicode_normalization",
            "utoipa",
        ],
        pure: false,
    },
    Floor {
        name: "http",
        crates: &[
            "actix_web",
            "actix_multipart",
            "utoipa",
            "utoipa_swagger_ui",
            "serde",
            "serde_json",
            "thiserror",
            "tracing",
            "futures_util",
            "bytes",
            "jiff",
            "tokio",
            "sha2",
            "hex",
            "rand",
        ],
        pure: false,
    },
    // The face for people at a terminal puts the product together, so it names what it hands to the service.
    Floor {
        name: "cli",
        crates: &[
            "clap",
            "indicatif",
            "anyhow",
            "serde",
            "serde_json",
            "jiff",
            "tokio",
            "tracing",
            "actix_web",
            "image",
        ],
        pure: false,
    },
    Floor { name: "main", crates: &["clap", "anyhow", "tracing_subscriber"], pure: false },
    Floor { name: "lib", crates: &[], pure: true },
];

/// What single files may use beyond their floor: crates, or paths that purity forbids.
const EXTRA: &[(&str, &[&str])] = &[
    // Threads joined where they are started, that share out what has one answer however it is shared.
    ("ocr/lanes.rs", &["std::thread", "std::sync::Mutex", "std::sync::atomic"]),
    // The inference runtime allows one environment a process; the constructor keeps it behind a lock.
    ("ocr/tensor.rs", &["ort", "std::path", "std::sync::Mutex"]),
    ("ocr/tesseract.rs", &["tesseract"]),
    ("cli.rs", &["tracing_subscriber"]),
    ("cli/eval/html.rs", &["base64"]),
    ("cli/manual.rs", &["clap_complete", "clap_mangen"]),
    // Constructors and a stopwatch: reads its model files once, and times the stages.
    ("ocr/ppocr.rs", &["std::fs"]),
    ("pipeline.rs", &["std::time::Instant"]),
    ("vision/heic.rs", &["heic_decoder"]),
    // A thread for its deep stack, joined where it is started; its callbacks must be shareable, so their notes are atomic.
    ("vision/pdf.rs", &["hayro", "flate2", "std::thread", "std::sync::atomic"]),
    ("decision/policy.rs", &["toml"]),
    ("cli/config.rs", &["toml"]),
    ("cli/serve.rs", &["ipnet"]),
    ("service/access.rs", &["governor"]),
    // The one place that speaks OpenID Connect.
    ("service/oidc.rs", &["base64", "jsonwebtoken", "ring", "ureq", "url"]),
    // The one place that speaks OpenTelemetry, and the TLS that it is spoken over.
    ("service/traces.rs", &["opentelemetry", "opentelemetry_otlp", "opentelemetry_sdk", "rustls"]),
    // The one place that speaks with the kernel: what keeps the processes in that decode, and what is tried against it.
    ("service/sandbox/locks.rs", &["landlock", "seccompiler", "nix", "libc"]),
    ("service/sandbox/escapes.rs", &["nix"]),
    ("service/sandbox/child.rs", &["nix"]),
    ("service/sandbox/keeper.rs", &["nix"]),
    // Compresses the pages once.
    ("http/workbench.rs", &["flate2"]),
    ("service/pictures.rs", &["jpeg_encoder"]),
    ("service/issuers/registry.rs", &["csv"]),
    ("service/issuers/verifier.rs", &["ureq"]),
    ("service/notify.rs", &["base64"]),
    ("service/notify/send.rs", &["ureq", "ring", "base64"]),
    // The one client of S3; its streams, and the TLS it speaks.
    ("store/blobs/bucket.rs", &["object_store", "futures_util", "rustls"]),
    // The TLS that the server speaks.
    ("http/tls.rs", &["rustls"]),
    ("http/server.rs", &["rustls"]),
    ("http/client.rs", &["ipnet"]),
    // The log's own key, made once.
    ("store/log.rs", &["rand"]),
    // The one place where content is sealed.
    ("store/vault.rs", &["ring", "rand", "lz4_flex"]),
    ("cli/witness.rs", &["ureq"]),
    ("cli/known.rs", &["ureq"]),
    ("specimen/camera.rs", &["jpeg_encoder"]),
];

/// Paths that a pure floor may not name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::OnceLock",
    "std::sync::mpsc",
    "std::sync::atomic",
    "std::cell::OnceCell",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
];

/// An import that is not allowed.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    file: String,
    line: usize,
    path: String,
    why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}:{}: {} — {}", self.file, self.line, self.path, self.why)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `::`
    Colons,
    Mark(char),
}

/// Words and marks with their lines; comments, strings, characters, numbers' insides and lifetimes are gone.
fn tokens(source: &str) -> Vec<(Token, usize)> {
    let chars: Vec<char> = source.chars().collect();
    let (mut out, mut i, mut line) = (Vec::new(), 0, 1);
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    while i < chars.len() {
        let c = chars[i];
        let start = i;
        let from = line;
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && chars[i] != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            loop {
                match (at(i), at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
                if depth == 0 || i >= chars.len() {
                    break;
                }
            }
        } else if let Some(quote) = raw_string(&chars, i) {
            i = quote;
        } else if c == '"' {
            i += 1;
            while i < chars.len() && chars[i] != '"' {
                i += if chars[i] == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '\'' {
            // A character ends in a quote two or more further on; a lifetime does not.
            if at(i + 1) == '\\' {
                i += 3;
                while i < chars.len() && chars[i] != '\'' {
                    i += 1;
                }
                i += 1;
            } else if at(i + 2) == '\'' {
                i += 3;
            } else {
                i += 1;
                while at(i).is_alphanumeric() || at(i) == '_' {
                    i += 1;
                }
            }
        } else if c.is_alphanumeric() || c == '_' {
            while at(i).is_alphanumeric() || at(i) == '_' {
                i += 1;
            }
            // The prefix of b"…" and c"…" is no word.
            if at(i) != '"' || i - start > 1 {
                out.push((Token::Word(chars[start..i].iter().collect()), from));
            }
        } else if c == ':' && at(i + 1) == ':' {
            out.push((Token::Colons, from));
            i += 2;
        } else {
            if !c.is_whitespace() {
                out.push((Token::Mark(c), from));
            }
            i += 1;
        }
        line += chars[start..i.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    out
}

/// Where a raw string that begins here ends, if one does.
fn raw_string(chars: &[char], start: usize) -> Option<usize> {
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut i = start + usize::from(at(start) == 'b' || at(start) == 'c');
    if at(i) != 'r' || (start > 0 && (at(start - 1).is_alphanumeric() || at(start - 1) == '_')) {
        return None;
    }
    i += 1;
    let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
    i += hashes;
    if at(i) != '"' {
        return None;
    }
    loop {
        i += 1;
        if i >= chars.len() || (at(i) == '"' && (1..=hashes).all(|k| at(i + k) == '#')) {
            return Some(i + hashes + 1);
        }
    }
}

/// Removes every item marked `#[cfg(test)]`.
fn without_tests(tokens: Vec<(Token, usize)>) -> Vec<(Token, usize)> {
    let marker: Vec<Token> = ["#", "[", "cfg", "(", "test", ")", "]"]
        .iter()
        .map(|s| match s.chars().next() {
            Some(c) if !c.is_alphabetic() => Token::Mark(c),
            _ => Token::Word((*s).to_owned()),
        })
        .collect();
    let (mut out, mut i) = (Vec::new(), 0);
    while i < tokens.len() {
        let here = tokens[i..].iter().map(|t| &t.0).take(marker.len());
        if !here.eq(marker.iter()) {
            out.push(tokens[i].clone());
            i += 1;
            continue;
        }
        let mut depth = 0;
        i += marker.len();
        while i < tokens.len() {
            let mark = &tokens[i].0;
            i += 1;
            match mark {
                Token::Mark('{' | '[' | '(') => depth += 1,
                Token::Mark('}' | ']' | ')') => depth -= 1,
                Token::Mark(';') if depth == 0 => break,
                _ => continue,
            }
            if depth == 0 && *mark == Token::Mark('}') {
                break;
            }
        }
    }
    out
}

/// Every path that the source names, use trees written out, with its line.
fn paths(tokens: &[(Token, usize)]) -> Vec<(Vec<String>, usize)> {
    let (mut out, mut i) = (Vec::new(), 0);
    while i < tokens.len() {
        match &tokens[i].0 {
            Token::Word(word) if word == "use" => {
                i += 1;
                use_tree(tokens, &mut i, &[], &mut out);
            }
            Token::Word(_) => {
                let line = tokens[i].1;
                let mut path = Vec::new();
                while let Some((Token::Word(word), _)) = tokens.get(i) {
                    path.push(word.clone());
                    i += 1;
                    match tokens.get(i) {
                        Some((Token::Colons, _)) => i += 1,
                        _ => break,
                    }
                }
                // A word alone is a name in scope, and was judged where it came into scope.
                if path.len() > 1 {
                    out.push((path, line));
                }
            }
            _ => i += 1,
        }
    }
    out
}

fn use_tree(tokens: &[(Token, usize)], i: &mut usize, prefix: &[String], out: &mut Vec<(Vec<String>, usize)>) {
    let mut path = prefix.to_vec();
    let line = tokens.get(*i).map_or(0, |t| t.1);
    loop {
        match tokens.get(*i).map(|t| &t.0) {
            Some(Token::Word(word)) if word == "as" => *i += 2,
            Some(Token::Word(word)) => {
                // `use a::{self}` names `a`, while a leading `self` names this module.
                if word != "self" || path.is_empty() {
                    path.push(word.clone());
                }
                *i += 1;
            }
            Some(Token::Colons) => *i += 1,
            Some(Token::Mark('*')) => {
                path.push("*".to_owned());
                *i += 1;
            }
            Some(Token::Mark('{')) => {
                *i += 1;
                while !matches!(tokens.get(*i).map(|t| &t.0), None | Some(Token::Mark('}'))) {
                    use_tree(tokens, i, &path, out);
                    if matches!(tokens.get(*i).map(|t| &t.0), Some(Token::Mark(','))) {
                        *i += 1;
                    }
                }
                *i += 1;
                return;
            }
            _ => break,
        }
    }
    if path.len() > prefix.len() || !prefix.is_empty() {
        out.push((path, line));
    }
}

/// The module that a file is, as a path below `src`.
fn module_of(file: &str) -> Vec<String> {
    file.trim_end_matches(".rs").split('/').map(str::to_owned).collect()
}

/// Which of our modules each may use, as the map says: rows of ``| [`module`] | what it does | may use |``.
fn map(lib: &str) -> BTreeMap<String, Vec<String>> {
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | [`")?.strip_suffix(" |"));
    rows.map(|row| {
        let (module, rest) = row.split_once("`]").unwrap();
        let (_, uses) = rest.rsplit_once(" | ").unwrap();
        let uses = uses.split(", ").filter(|u| *u != "—").map(str::to_owned).collect();
        (module.to_owned(), uses)
    })
    .collect()
}

/// Every fault of one file. `file` is its path below `src`, `others` the crates in `Cargo.toml`, `ours` the map.
fn check(file: &str, source: &str, others: &BTreeSet<String>, ours: &BTreeMap<String, Vec<String>>) -> Vec<Fault> {
    let module = module_of(file);
    let fault =
        |path: &[String], line: usize, why: String| Fault { file: file.to_owned(), line, path: path.join("::"), why };
    let Some(floor) = FLOORS.iter().find(|f| f.name == module[0]) else {
        return vec![fault(&module, 1, "this module is not in the floor plan's table".to_owned())];
    };
    // The program's own file only calls the commands; the library's only names the modules.
    let floor_uses = match floor.name {
        "main" => &vec!["cli".to_owned()],
        "lib" => &Vec::new(),
        name => &ours[name],
    };
    let extra: Vec<&str> = EXTRA.iter().filter(|(f, _)| *f == file).flat_map(|(_, e)| *e).copied().collect();
    let mut faults = Vec::new();
    for (path, line) in paths(&without_tests(tokens(source))) {
        let head = path[0].as_str();
        let used = match head {
            "crate" | "claimlens" => path.get(1).cloned(),
            // `super` of a file in a folder stays within its floor; each further one climbs a step.
            "super" => {
                let ups = path.iter().take_while(|p| *p == "super").count();
                (ups >= module.len()).then(|| path.get(ups).cloned()).flatten()
            }
            _ => None,
        };
        if let Some(used) = used {
            if used == "*" {
                faults.push(fault(&path, line, "name what is used".to_owned()));
            } else if ours.contains_key(&used) && used != floor.name && !floor_uses.contains(&used) {
                faults.push(fault(&path, line, format!("`{}` may not use `{used}`", floor.name)));
            }
            continue;
        }
        let own_submodule = ours.contains_key(head) && floor.name == "lib";
        if others.contains(head) && !own_submodule && !floor.crates.contains(&head) && !extra.contains(&head) {
            faults.push(fault(&path, line, format!("`{}` may not use the crate `{head}`", floor.name)));
        }
        if floor.pure {
            let text = path.join("::");
            let within = |known: &str| text == known || text.starts_with(&format!("{known}::"));
            let clock = text.ends_with("Timestamp::now") || text.ends_with("Zoned::now");
            let whole = ["std", "std::*", "std::time::*", "std::io::*"].contains(&text.as_str());
            if (whole || clock || IMPURE.iter().any(|p| within(p))) && !extra.iter().any(|e| within(e)) {
                faults.push(fault(&path, line, format!("`{}` is a pure floor: values in, values out", floor.name)));
            }
        }
    }
    faults
}

/// The crates that `Cargo.toml` names, as written in code.
fn dependencies() -> BTreeSet<String> {
    let manifest: toml::Table = fs::read_to_string("Cargo.toml").unwrap().parse().unwrap();
    let names = manifest["dependencies"].as_table().unwrap().keys();
    // The library of `kamadak-exif` goes by another name than its package.
    names.map(|n| if n == "kamadak-exif" { "exif".to_owned() } else { n.replace('-', "_") }).collect()
}

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn our_modules() -> BTreeMap<String, Vec<String>> {
    map(&fs::read_to_string("src/lib.rs").unwrap())
}

#[test]
fn the_map_and_the_table_name_the_same_modules() {
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    let mapped = map(&lib);
    let modules: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(mapped.keys().map(String::as_str).collect::<BTreeSet<_>>(), modules);
    let floors: BTreeSet<&str> = FLOORS.iter().map(|f| f.name).filter(|n| !["main", "lib"].contains(n)).collect();
    assert_eq!(floors, modules);
    for (module, uses) in &mapped {
        let unknown: Vec<&String> = uses.iter().filter(|used| !modules.contains(used.as_str())).collect();
        assert!(unknown.is_empty(), "{module}: {unknown:?}");
    }
}

#[test]
fn every_import_is_allowed() {
    let (others, ours) = (dependencies(), our_modules());
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    files.sort();
    assert!(files.len() > 20, "the sources were not found");
    let faults: Vec<String> = files
        .iter()
        .flat_map(|f| {
            let below = f.strip_prefix("src").unwrap().to_str().unwrap();
            check(below, &fs::read_to_string(f).unwrap(), &others, &ours)
        })
        .map(|f| f.to_string())
        .collect();
    assert!(
        faults.is_empty(),
        "{} imports that the floor plan does not allow (the map is in src/lib.rs, the crates in tests/it/floor_plan.rs):\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn forbidden_imports_are_found() {
    let (others, ours) = (dependencies(), our_modules());
    let whys = |file: &str, source: &str| {
        check(file, source, &others, &ours).iter().map(|f| format!("{} {}", f.line, f.path)).collect::<Vec<_>>()
    };
    for (case, file, source, found) in [
        ("a door from a pure floor", "checks/dates.rs", "use crate::store::Store;", vec!["1 crate::store::Store"]),
        (
            "inside a group",
            "checks.rs",
            "use crate::{\n domain::Fen,\n vision::Photo };",
            vec!["3 crate::vision::Photo"],
        ),
        (
            "in the middle of code",
            "extract.rs",
            "fn f() { let p = crate::decision::Policy::default(); }",
            vec!["1 crate::decision::Policy::default"],
        ),
        ("by way of super", "domain/money.rs", "use super::super::checks::run;", vec!["1 super::super::checks::run"]),
        ("another's crate", "service/work.rs", "use actix_web::web;", vec!["1 actix_web::web"]),
        ("ort beside its file", "ocr/boxes.rs", "fn f(s: &ort::session::Session) {}", vec!["1 ort::session::Session"]),
        ("files", "decision.rs", "use std::{fmt, fs::{self, File}};", vec!["1 std::fs", "1 std::fs::File"]),
        ("the clock", "checks.rs", "use jiff::Timestamp;\nfn f() { Timestamp::now(); }", vec!["2 Timestamp::now"]),
        ("a stopwatch", "vision.rs", "use std::time::{Duration, Instant};", vec!["1 std::time::Instant"]),
        ("a module nobody planned", "manager.rs", "", vec!["1 manager"]),
    ] {
        assert_eq!(whys(file, source), found, "{case}");
    }
}

#[test]
fn allowed_imports_are_left_alone() {
    let (others, ours) = (dependencies(), our_modules());
    for (case, file, source) in [
        ("downwards", "pipeline.rs", "use crate::vision::{Limits, decode};\nuse std::time::Instant;"),
        ("within the floor", "domain/money.rs", "use super::text::Bp;"),
        (
            "a comment and a string",
            "checks.rs",
            "// crate::store::X\n/* use crate::http::Y; */ const A: &str = \"crate::store::Z\";",
        ),
        ("a raw string", "checks.rs", "const A: &str = r#\"use \"crate::http::Y\" \"#;"),
        (
            "a test",
            "checks.rs",
            "#[cfg(test)]\nmod tests { use crate::store::Store; fn f() { if a { b } } }\nfn g() {}",
        ),
        ("a character and a lifetime", "checks.rs", "fn f<'a>(c: &'a str) { c.split(['\"', '\\'']); let x = '{'; }"),
        ("ort in its file", "ocr/tensor.rs", "use ort::session::Session;"),
        ("a local name like a crate's", "checks.rs", "fn f(image: u8) -> u8 { image }"),
    ] {
        assert_eq!(check(file, source, &others, &ours), [], "{case}");
    }
}
