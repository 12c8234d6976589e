//! Who works on which cases: kinds of papers and languages, as an admin says. It says what the queue offers to whom, and
//! forbids nothing; what was put before the others, since its time is over or somebody asked for it, is offered to all.

use super::gate::Reviewer;
use super::text::is_chinese;
use super::{DocumentKind, Reading};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// The most people there may be.
pub const REVIEWERS_MOST: usize = 500;

/// A paper is Chinese if at least one of so many letters on it is. A character says as much as several Latin letters, and
/// Chinese papers hold codes and units in these: whoever cannot read the characters cannot read such a paper.
const ONE_OF: usize = 10;

/// What a paper is written in, as far as its letters tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Chinese.
    Zh,
    /// English, or whatever else is written in Latin letters.
    En,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Zh, Self::En];

    /// The name in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// By its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == text)
    }

    /// What a paper of these lines is written in; `None` if there is no letter.
    fn of<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Self> {
        let (mut chinese, mut letters) = (0, 0);
        for c in lines.flat_map(str::chars) {
            chinese += usize::from(is_chinese(c));
            letters += usize::from(c.is_alphabetic());
        }
        (letters > 0).then_some(if chinese * ONE_OF >= letters { Self::Zh } else { Self::En })
    }
}

/// What the papers of a claim are written in.
pub fn languages(readings: &[Reading]) -> BTreeSet<Language> {
    let of = |reading: &Reading| Language::of(reading.lines.iter().map(|line| line.text.as_str()));
    readings.iter().filter_map(of).collect()
}

/// What somebody works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Skill {
    /// Who: the short name that they go by.
    pub name: Reviewer,
    /// Cases whose first document is of one of these kinds, or was not read; without any, of all kinds.
    #[serde(default)]
    #[schema(example = json!(["vat_invoice"]))]
    pub kinds: Vec<DocumentKind>,
    /// Cases whose papers are all in one of these languages; without any, in whatever language.
    #[serde(default)]
    #[schema(example = json!(["zh"]))]
    pub languages: Vec<Language>,
}

impl Skill {
    /// Whether a case is theirs to work on.
    pub fn suits(&self, kind: Option<&str>, languages: &[Language]) -> bool {
        let knows = |kind: &str| self.kinds.is_empty() || self.kinds.iter().any(|known| known.as_str() == kind);
        kind.is_none_or(knows) && languages.iter().all(|language| self.reads(*language))
    }

    /// Whether they read a language.
    pub fn reads(&self, language: Language) -> bool {
        self.languages.is_empty() || self.languages.contains(&language)
    }
}

/// All of it. Whoever is not named works on everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Skills {
    /// At most 500, each once.
    #[schema(max_items = 500)]
    pub reviewers: Vec<Skill>,
}

/// What keeps skills from being kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkillsFault {
    /// Nobody could keep them right.
    #[error("there are more than {REVIEWERS_MOST} reviewers")]
    TooMany,
    /// It would not be clear which holds; names that differ in capitals alone are one.
    #[error("reviewer {0} is named before")]
    NamedTwice(usize),
    /// It says nothing more than once would.
    #[error("reviewer {0} has a kind or a language twice")]
    SkillTwice(usize),
}

impl Skills {
    /// Checks what serde cannot.
    ///
    /// # Errors
    /// The first fault. Reviewers are counted from 1.
    pub fn check(&self) -> Result<(), SkillsFault> {
        if self.reviewers.len() > REVIEWERS_MOST {
            return Err(SkillsFault::TooMany);
        }
        let mut named = HashSet::new();
        for (n, skill) in (1..).zip(&self.reviewers) {
            if !named.insert(skill.name.as_str().to_ascii_lowercase()) {
                return Err(SkillsFault::NamedTwice(n));
            }
            let (kinds, languages): (HashSet<_>, HashSet<_>) =
                (skill.kinds.iter().collect(), skill.languages.iter().collect());
            if (kinds.len(), languages.len()) != (skill.kinds.len(), skill.languages.len()) {
                return Err(SkillsFault::SkillTwice(n));
            }
        }
        Ok(())
    }

    /// What somebody works on, if it is said.
    pub fn of(&self, who: &str) -> Option<&Skill> {
        self.reviewers.iter().find(|skill| skill.name.as_str().eq_ignore_ascii_case(who))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skill(name: &str, kinds: &[DocumentKind], languages: &[Language]) -> Skill {
        let name = Reviewer::try_from(name.to_owned()).unwrap();
        Skill { name, kinds: kinds.to_vec(), languages: languages.to_vec() }
    }

    #[test]
    fn what_says_nothing_of_kind_or_language_suits_every_case() {
        let all = skill("rv-1", &[], &[]);
        let both = [Language::Zh, Language::En];
        assert!(all.suits(Some("unknown"), &both) && all.suits(None, &[]));
        let some = skill("rv-1", &[DocumentKind::VatInvoice], &[Language::Zh]);
        assert!(some.suits(Some("vat_invoice"), &[Language::Zh]));
        assert!(!some.suits(Some("till_receipt"), &[Language::Zh]));
        assert!(!some.suits(Some("vat_invoice"), &both) && !some.suits(Some("vat_invoice"), &[Language::En]));
        // What was not read may be anything.
        assert!(some.suits(None, &[]));
    }

    #[test]
    fn people_are_found_by_their_name_in_whatever_capitals() {
        let skills = Skills { reviewers: vec![skill("Rv-1", &[DocumentKind::VatInvoice], &[])] };
        assert_eq!(skills.of("rv-1"), skills.reviewers.first());
        assert_eq!(skills.of("rv-2"), None);
    }

    #[test]
    fn each_fault_is_told_with_its_place() {
        let fault = |reviewers: Vec<Skill>| Skills { reviewers }.check().err();
        let (one, other) = (skill("rv-1", &[], &[Language::Zh]), skill("rv-2", &[], &[]));
        assert_eq!(fault(vec![one.clone(), other.clone()]), None);
        assert_eq!(fault(vec![one.clone(), other, skill("RV-1", &[], &[])]), Some(SkillsFault::NamedTwice(3)));
        let twice = skill("rv-3", &[], &[Language::Zh, Language::Zh]);
        assert_eq!(fault(vec![one.clone(), twice]), Some(SkillsFault::SkillTwice(2)));
        let twice = skill("rv-3", &[DocumentKind::Unknown; 2], &[]);
        assert_eq!(fault(vec![twice]), Some(SkillsFault::SkillTwice(1)));
        let many = (0..=REVIEWERS_MOST).map(|n| skill(&format!("rv-{n}"), &[], &[])).collect();
        assert_eq!(fault(many), Some(SkillsFault::TooMany));
    }

    #[test]
    fn names_that_are_none_and_unknown_members_are_refused() {
        let read = |text: &str| serde_json::from_str::<Skills>(text).is_ok();
        assert!(read(r#"{ "reviewers": [{ "name": "rv-1", "languages": ["zh"] }] }"#));
        for wrong in [
            r#"{ "reviewers": [{ "name": "", "languages": [] }] }"#,
            r#"{ "reviewers": [{ "name": "a b" }] }"#,
            r#"{ "reviewers": [{ "name": "rv-1", "languages": ["fr"] }] }"#,
            r#"{ "reviewers": [{ "name": "rv-1", "kinds": ["letter"] }] }"#,
            r#"{ "reviewers": [{ "name": "rv-1", "more": 1 }] }"#,
        ] {
            assert!(!read(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_paper_is_chinese_where_its_characters_are_no_mere_stamp() {
        let of = |lines: &[&str]| Language::of(lines.iter().copied());
        assert_eq!(of(&["医疗门诊收费票据", "ALT 12.00 mmol/L"]), Some(Language::Zh));
        assert_eq!(of(&["OLD MILL BOOKS", "Total 9.00"]), Some(Language::En));
        assert_eq!(of(&["OLD MILL BOOKS AND STATIONERY", "章", "Total 9.00"]), Some(Language::En));
        assert_eq!((of(&["12.00", "¥ 7"]), of(&[])), (None, None));
    }
}
