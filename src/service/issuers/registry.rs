//! The operator's list of issuers: a CSV file with the header `name,aliases,credit_code,level,nature,province`.
//!
//! Aliases are parted by `|`; every column but the name may be empty.

use crate::domain::ContentHash;
use crate::domain::identifier::credit_code_holds;
use crate::domain::issuer::{IssuerFact, IssuerOutcome, IssuerQuestion, IssuerSource};
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;

const HEADER: [&str; 6] = ["name", "aliases", "credit_code", "level", "nature", "province"];

/// Shorter names are not compared by likeness: one character is too much of them.
const LONG_NAME: usize = 6;

/// Everything wrong with a registry file, one line a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("issuer registry is not valid:\n{}", .0.join("\n"))]
pub struct RegistryError(pub Vec<String>);

/// A validated registry.
#[derive(Debug)]
pub struct Registry {
    hash: ContentHash,
    issuers: Vec<Issuer>,
    by_code: HashMap<String, usize>,
    by_name: HashMap<String, Vec<usize>>,
}

#[derive(Debug)]
struct Issuer {
    /// Name and aliases, plain.
    names: Vec<String>,
    code: Option<String>,
    level: Option<String>,
    nature: Option<String>,
    province: Option<String>,
}

impl Registry {
    /// Parses and validates a registry file; reports every fault at once, with its line.
    ///
    /// # Errors
    /// [`RegistryError`] with a line per fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        // Spreadsheets put a mark at the beginning, which is no part of the header.
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
        match reader.headers() {
            Ok(header) if header.iter().eq(HEADER) => {}
            _ => return Err(RegistryError(vec![format!("line 1: the header must be {}", HEADER.join(","))])),
        }
        let mut faults = Vec::new();
        let mut registry = Self {
            hash: ContentHash::of(bytes),
            issuers: Vec::new(),
            by_code: HashMap::new(),
            by_name: HashMap::new(),
        };
        let mut lines = HashMap::new();
        for row in reader.records() {
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    let what = match error.kind() {
                        csv::ErrorKind::UnequalLengths { len, .. } => format!("{len} columns, not {}", HEADER.len()),
                        csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
                        _ => "not readable".to_owned(),
                    };
                    faults.push(format!("line {line}: {what}"));
                    continue;
                }
            };
            let line = row.position().map_or(0, csv::Position::line);
            let cell = |i: usize| row.get(i).filter(|text| !text.is_empty()).map(str::to_owned);
            let names: Vec<String> =
                row.iter().take(1).chain(row[1].split('|').filter(|a| !a.trim().is_empty())).map(plain).collect();
            if names.iter().any(String::is_empty) {
                faults.push(format!("line {line}: a name is empty"));
            }
            let code = cell(2);
            if let Some(code) = &code {
                if !credit_code_holds(code) {
                    faults.push(format!("line {line}: the credit code has a wrong check character or form"));
                }
                if let Some(before) = lines.insert(code.clone(), line) {
                    faults.push(format!("line {line}: the credit code stands in line {before} too"));
                }
                registry.by_code.insert(code.clone(), registry.issuers.len());
            }
            for name in &names {
                registry.by_name.entry(name.clone()).or_default().push(registry.issuers.len());
            }
            registry.issuers.push(Issuer { names, code, level: cell(3), nature: cell(4), province: cell(5) });
        }
        if registry.issuers.is_empty() && faults.is_empty() {
            faults.push("it lists no issuer".to_owned());
        }
        if faults.is_empty() { Ok(registry) } else { Err(RegistryError(faults)) }
    }

    /// What it says of a document.
    pub(super) fn fact(&self, document: usize, question: &IssuerQuestion) -> IssuerFact {
        let (outcome, issuer) = self.find(question.issuer_name.as_deref(), question.credit_code.as_deref());
        let told = |of: fn(&Issuer) -> &Option<String>| issuer.and_then(|issuer| of(issuer).clone());
        IssuerFact {
            registry: Some(self.hash),
            level: told(|i| &i.level),
            nature: told(|i| &i.nature),
            province: told(|i| &i.province),
            ..IssuerFact::new(document, IssuerSource::Registry, outcome)
        }
    }

    /// By credit code first, then by name. A code with a wrong check character is a misread one and tells nothing.
    fn find(&self, name: Option<&str>, code: Option<&str>) -> (IssuerOutcome, Option<&Issuer>) {
        use IssuerOutcome::{Matched, Mismatched, Unanswered, Unclear, Unknown};
        let code = code.filter(|code| credit_code_holds(code));
        let name = name.map(plain).filter(|name| !name.is_empty());
        let of_code = code.and_then(|code| self.by_code.get(code)).map(|i| &self.issuers[*i]);
        match (of_code, name) {
            (Some(issuer), None) => (Matched, Some(issuer)),
            (Some(issuer), Some(name)) if issuer.names.contains(&name) => (Matched, Some(issuer)),
            (Some(issuer), Some(name)) if issuer.names.iter().any(|n| is_alike(n, &name)) => (Unclear, Some(issuer)),
            (Some(_), Some(_)) => (Mismatched, None),
            (None, Some(name)) => match self.by_name.get(&name) {
                // Of that name, but all of them with other codes than the paper's.
                Some(found) => {
                    match found.iter().map(|i| &self.issuers[*i]).find(|i| code.is_none() || i.code.is_none()) {
                        Some(issuer) => (Matched, Some(issuer)),
                        None => (Unclear, None),
                    }
                }
                None if self.by_name.keys().any(|n| is_alike(n, &name)) => (Unclear, None),
                None => (Unknown, None),
            },
            (None, None) if code.is_some() => (Unknown, None),
            (None, None) => (Unanswered, None),
        }
    }
}

/// A name without what differs between two spellings of it: width, blanks, brackets, case.
fn plain(name: &str) -> String {
    let is_noise = |c: &char| c.is_whitespace() || "()[]{}<>【】〔〕《》〈〉「」『』".contains(*c);
    name.nfkc().filter(|c| !is_noise(c)).flat_map(char::to_lowercase).collect()
}

/// Whether two long names differ in one character: exchanged, missing or added.
fn is_alike(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len() < LONG_NAME || long.len() - short.len() > 1 {
        return false;
    }
    let head = short.iter().zip(&long).take_while(|(a, b)| a == b).count();
    let from = |text: &[char], at: usize| text.get(at..).unwrap_or_default().to_vec();
    from(&short, head + usize::from(short.len() == long.len())) == from(&long, head + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use IssuerOutcome::*;

    const LIST: &str = "name,aliases,credit_code,level,nature,province\n\
        晴川市第一人民医院,晴川一院|晴川市人民医院（总院）,12110000400685133L,三级甲等,公立,某省\n\
        晴川大药房有限公司,,91440300MA5ABC120X,,民营,某省\n\
        晴川社区卫生服务中心,,,一级,公立,某省\n";

    #[test]
    fn the_code_comes_first_then_the_name() {
        let registry = Registry::parse(format!("\u{feff}{LIST}").as_bytes()).unwrap();
        let (hospital, shop) = (Some("12110000400685133L"), Some("91440300MA5ABC120X"));
        let strange = Some("123200004660000105");
        for (name, code, wanted) in [
            (Some("晴川市第一人民医院"), hospital, Matched),
            (Some("晴川一院"), hospital, Matched),
            (Some(" 晴川市人民医院 (总院)"), None, Matched),
            (None, hospital, Matched),
            (Some("晴川市第二人民医院"), hospital, Unclear),
            (Some("晴川市第一人民医"), None, Unclear),
            (Some("远山市中医院"), hospital, Mismatched),
            (Some("晴川市第一人民医院"), shop, Mismatched),
            (Some("晴川市第一人民医院"), strange, Unclear),
            (Some("晴川社区卫生服务中心"), strange, Matched),
            // A wrong check character: misread, so the name decides.
            (Some("晴川市第一人民医院"), Some("12110000400685133M"), Matched),
            (Some("远山市中医院"), None, Unknown),
            (None, strange, Unknown),
            (Some("（ ）"), None, Unanswered),
            (None, None, Unanswered),
        ] {
            assert_eq!(registry.find(name, code).0, wanted, "{name:?} {code:?}");
        }
        let question = IssuerQuestion { credit_code: hospital.map(str::to_owned), ..IssuerQuestion::default() };
        let fact = registry.fact(2, &question);
        assert_eq!((fact.document, fact.level.as_deref(), fact.nature.as_deref()), (2, Some("三级甲等"), Some("公立")));
        assert!(fact.registry.is_some());
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let broken =
            format!("{LIST}甲医院,,12110000400685133M,,,\n,别名,,,,\n乙医院,,91440300MA5ABC120X,,,\n丙医院,,\n");
        let RegistryError(faults) = Registry::parse(broken.as_bytes()).unwrap_err();
        assert_eq!(
            faults,
            [
                "line 5: the credit code has a wrong check character or form",
                "line 6: a name is empty",
                "line 7: the credit code stands in line 3 too",
                "line 8: 3 columns, not 6",
            ]
        );
        assert!(Registry::parse(b"name,code\nx,y\n").unwrap_err().0[0].contains("header"));
        assert!(Registry::parse(LIST.lines().next().unwrap().as_bytes()).unwrap_err().0[0].contains("no issuer"));
    }

    #[test]
    fn names_are_alike_by_one_character_if_long() {
        for (a, b, alike) in [
            ("abcdef", "abcxef", true),
            ("abcdef", "abcde", false),
            ("abcdefg", "abcdef", true),
            ("abcdefg", "bcdefg", true),
            ("abcdefg", "abdefg", true),
            ("abcdefg", "abxxefg", false),
            ("abc", "abd", false),
        ] {
            assert_eq!((is_alike(a, b), is_alike(b, a)), (alike, alike), "{a} {b}");
        }
    }
}
