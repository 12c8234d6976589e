//! The workbench: the pages on which people decide and auditors look, as they lie in `workbench/`, built into the
//! program. They are plain HTML, CSS and JavaScript modules; nothing is generated but the links in `index.html`.
//!
//! All files but `index.html` are served below `/workbench/VERSION/`, where the version is a hash of all of them. So a
//! browser keeps them for good, never mixes those of two builds, and asks anew for `index.html` alone.

use super::error::ApiError;
use super::ops;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::LazyLock;

/// What the pages may load: their own files, and pictures that they fetched themselves. No inline script or style runs,
/// and no text can become markup (`require-trusted-types-for`).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; \
                      img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'";

macro_rules! files {
    ($($path:literal)+) => { &[$(($path, include_bytes!(concat!("workbench/", $path)))),+] };
}

/// Every file, by its path below `workbench/`. A test holds the list against the folder.
const FILES: &[(&str, &[u8])] = files!(
    "css/audit.css"
    "css/base.css"
    "css/cards.css"
    "css/case.css"
    "css/operation.css"
    "css/parts.css"
    "css/queue.css"
    "css/skills.css"
    "fonts/OFL.txt"
    "fonts/inter-latin.woff2"
    "icon.svg"
    "index.html"
    "js/amounts.js"
    "js/api.js"
    "js/audit.js"
    "js/auditparts.js"
    "js/cardedit.js"
    "js/cards.js"
    "js/case.js"
    "js/cases.js"
    "js/crop.js"
    "js/decide.js"
    "js/dom.js"
    "js/draft.js"
    "js/entry.js"
    "js/fields.js"
    "js/forecast.js"
    "js/format.js"
    "js/geometry.js"
    "js/i18n.js"
    "js/keys.js"
    "js/layout.js"
    "js/ledger.js"
    "js/list.js"
    "js/main.js"
    "js/metrics.js"
    "js/names.js"
    "js/operation.js"
    "js/pack.js"
    "js/plot.js"
    "js/policies.js"
    "js/problems.js"
    "js/proof.js"
    "js/queue.js"
    "js/record.js"
    "js/related.js"
    "js/session.js"
    "js/shift.js"
    "js/signals.js"
    "js/skilledit.js"
    "js/skills.js"
    "js/tasklist.js"
    "js/tasks.js"
    "js/theme.js"
    "js/timeline.js"
    "js/types.js"
    "js/ui.js"
    "js/viewer.js"
    "js/vigilance.js"
    "js/witness.js"
    "js/words.en.js"
    "js/words.zh.js"
);

/// Where `index.html` names the version.
const VERSION: &str = "@version";
/// Where `index.html` takes the links by which a browser fetches all modules at once instead of one after the other.
const MODULES: &str = "<!-- modules -->";

/// A file, as it goes out.
struct Asset {
    media_type: &'static str,
    bytes: web::Bytes,
    /// `None` of what is compressed in itself.
    gzip: Option<web::Bytes>,
}

impl Asset {
    fn new(path: &str, bytes: Vec<u8>) -> Self {
        let media_type = match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            "txt" => "text/plain; charset=utf-8",
            "woff2" => "font/woff2",
            _ => "application/octet-stream",
        };
        let gzip = if media_type == "font/woff2" { None } else { compressed(&bytes) };
        Self { media_type, bytes: bytes.into(), gzip: gzip.map(Into::into) }
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response.content_type(self.media_type).insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
        match &self.gzip {
            Some(gzip) if says(request, header::ACCEPT_ENCODING, "gzip") => {
                response.insert_header((header::CONTENT_ENCODING, "gzip")).body(gzip.clone())
            }
            _ => response.body(self.bytes.clone()),
        }
    }
}

/// All files, and the version that they make up.
struct Pages {
    version: String,
    index: Asset,
    assets: BTreeMap<&'static str, Asset>,
}

impl Pages {
    fn build() -> Self {
        let mut hash = Sha256::new();
        for (path, bytes) in FILES {
            hash.update((path.len() as u64).to_be_bytes());
            hash.update(path);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        let version = hex::encode(&hash.finalize()[..8]);
        let link = |path: &str| format!("<link rel=\"modulepreload\" href=\"/workbench/{version}/{path}\">");
        let modules = FILES.iter().map(|(path, _)| *path).filter(|path| is_module(path));
        let links = modules.map(link).collect::<Vec<_>>().join("\n");
        let mut assets = BTreeMap::new();
        let mut index = String::new();
        for (path, bytes) in FILES {
            if *path == "index.html" {
                let text = String::from_utf8_lossy(bytes);
                index = text.replace(MODULES, &links).replace(VERSION, &version);
            } else {
                assets.insert(*path, Asset::new(path, bytes.to_vec()));
            }
        }
        Self { version, index: Asset::new("index.html", index.into_bytes()), assets }
    }
}

/// Whether a module imports it; `theme.js` runs by itself, `types.js` never.
fn is_module(path: &str) -> bool {
    path.starts_with("js/") && !["js/main.js", "js/theme.js", "js/types.js"].contains(&path)
}

fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

static PAGES: LazyLock<Pages> = LazyLock::new(Pages::build);

/// Whether a header names something among what it lists.
fn says(request: &HttpRequest, name: header::HeaderName, what: &str) -> bool {
    let listed = request.headers().get_all(name).filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    listed.map(|one| one.split(';').next().unwrap_or_default().trim()).any(|one| one.eq_ignore_ascii_case(what))
}

/// The workbench
///
/// A page for people: the queue of claims that wait for somebody, a case, the audit log, the operation's figures. Who
/// does not ask for `text/html` gets a few words on where to look.
#[utoipa::path(get, path = "/", tag = "operation", responses(
    (status = 200, description = "the page", content_type = "text/html", body = String),
))]
pub async fn root(request: HttpRequest) -> HttpResponse {
    if !says(&request, header::ACCEPT, "text/html") {
        let mut response = ops::root();
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        return response;
    }
    let pages = &*PAGES;
    let tag = format!("\"{}\"", pages.version);
    let same = says(&request, header::IF_NONE_MATCH, &tag);
    let mut response = if same { HttpResponse::NotModified().finish() } else { pages.index.answer(&request) };
    let headers = response.headers_mut();
    // Also where nothing changed: a browser takes the headers of that answer for those of the page it kept.
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// A file of the workbench; under another version than this build's there is none.
pub async fn file(path: web::Path<(String, String)>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let (version, path) = path.into_inner();
    let pages = &*PAGES;
    let asset = pages.assets.get(path.as_str()).filter(|_| version == pages.version).ok_or(ApiError::NotFound)?;
    let mut response = asset.answer(&request);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::reason_codes;
    use crate::domain::{DocumentKind, FieldName};
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    fn text(path: &str) -> String {
        let found = FILES.iter().find(|(name, _)| *name == path).expect("there");
        String::from_utf8(found.1.to_vec()).expect("text")
    }

    fn lying_in(folder: &Path, below: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("readable") {
            let entry = entry.expect("readable");
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                lying_in(&entry.path(), &format!("{name}/"), found);
            } else {
                found.insert(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_built_in() {
        let mut there = BTreeSet::new();
        lying_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/workbench"), "", &mut there);
        assert_eq!(FILES.iter().map(|(path, _)| (*path).to_owned()).collect::<BTreeSet<_>>(), there);
    }

    #[test]
    fn the_first_load_is_at_most_300_kb() {
        let pages = Pages::build();
        let files = pages.assets.iter().filter(|(path, _)| **path != "fonts/OFL.txt").map(|(_, asset)| asset);
        let sent = |asset: &Asset| asset.gzip.as_ref().unwrap_or(&asset.bytes).len();
        let all: usize = files.chain([&pages.index]).map(sent).sum();
        assert!(all <= 300_000, "{all} bytes");
    }

    #[test]
    fn no_page_has_inline_script_or_style_and_every_path_of_it_is_there() {
        let pages = Pages::build();
        let index = String::from_utf8(pages.index.bytes.to_vec()).expect("text");
        assert!(!index.contains(" style=") && !index.contains("<style") && !index.contains(" on"), "{index}");
        let prefix = format!("\"/workbench/{}/", pages.version);
        let named: Vec<&str> = index.split(prefix.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() > 10);
        for path in named {
            assert!(pages.assets.contains_key(path), "{path}");
        }
        for (path, _) in FILES.iter().filter(|(path, _)| path.ends_with(".js")) {
            let text = text(path);
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!text.contains(way), "{path}: {way}");
            }
        }
    }

    #[test]
    fn every_reason_field_and_kind_has_words_in_both_languages() {
        let codes = reason_codes().into_iter().map(|code| format!("'code.{code}'"));
        let fields = FieldName::ALL.iter().map(|field| format!("'field.{}'", field.as_str()));
        let kinds = DocumentKind::ALL.iter().map(|kind| format!("'kind.{}'", kind.as_str()));
        let wanted: Vec<String> = codes.chain(fields).chain(kinds).collect();
        for path in ["js/words.en.js", "js/words.zh.js"] {
            let words = text(path);
            for word in &wanted {
                assert!(words.contains(word.as_str()), "{path}: {word}");
            }
        }
    }
}
