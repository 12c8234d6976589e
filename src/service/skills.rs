//! Who works on which cases: what is kept, changing it, which is logged, and what it leaves to nobody.

use super::settings::value;
use super::{Actor, Records, ServiceError};
use crate::domain::skills::{Skill, Skills, SkillsFault};
use crate::store::reviews::FreeCases;
use crate::store::settings::{RawSetting, Setting};
use jiff::Timestamp;
use serde::Serialize;

/// Why skills were not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkillsRefusal {
    /// They cannot be kept so.
    #[error(transparent)]
    Invalid(#[from] SkillsFault),
    /// Somebody else changed them meanwhile.
    #[error("who works on what was changed since it was looked at: look at it again")]
    Changed,
}

/// Who works on which cases, and who changed it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SkillsView {
    /// Of each person of whom something is said.
    pub skills: Skills,
    /// Place of the last change in the audit log; 0 while nobody changed anything. The ETag is made of it.
    pub entry: u64,
    /// When it was changed last, RFC 3339 in UTC.
    pub at: Option<String>,
    /// By whom, if that is known.
    pub by: Option<String>,
    /// How the cases that wait fall to them.
    pub open: SkillsOpen,
}

/// Cases that nobody holds and that wait for a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SkillsOpen {
    /// All of them.
    pub cases: u64,
    /// That none of those named works on. Whoever is not named sees them.
    pub unsuited: u64,
    /// That each of those named works on, in the order in which they are named.
    pub of: Vec<SkillOpen>,
}

/// Cases that somebody works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SkillOpen {
    /// Who.
    #[schema(example = "rv-017")]
    pub name: String,
    /// How many of them wait.
    pub cases: u64,
}

impl Records {
    /// Who works on which cases, and how the cases that wait fall to them.
    ///
    /// # Errors
    /// If they cannot be read, or are damaged.
    pub async fn skills(&self) -> Result<SkillsView, ServiceError> {
        let act = self.store.setting(Setting::Skills).await?;
        self.skills_view(act).await
    }

    /// Changes who works on which cases, if it is still that of the entry `seen`.
    ///
    /// # Errors
    /// [`SkillsRefusal`], or the store's.
    pub async fn change_skills(
        &self,
        skills: &Skills,
        actor: &Actor,
        seen: Option<i64>,
    ) -> Result<SkillsView, ServiceError> {
        skills.check().map_err(SkillsRefusal::from)?;
        match self.change_setting(Setting::Skills, skills, actor, seen).await? {
            Some(act) => self.skills_view(Some(act)).await,
            None => Err(SkillsRefusal::Changed.into()),
        }
    }

    /// What somebody works on, if an admin said so.
    pub(super) async fn skill_of(&self, who: &str) -> Result<Option<Skill>, ServiceError> {
        let Some(act) = self.store.setting(Setting::Skills).await? else { return Ok(None) };
        Ok(value::<Skills>(&act)?.of(who).cloned())
    }

    async fn skills_view(&self, act: Option<RawSetting>) -> Result<SkillsView, ServiceError> {
        let skills: Skills = act.as_ref().map(value).transpose()?.unwrap_or_default();
        let free = self.store.free_cases(Timestamp::now().as_millisecond()).await?;
        let count = |is_counted: &dyn Fn(&FreeCases) -> bool| {
            free.iter().filter(|some| is_counted(some)).map(|some| some.n).sum()
        };
        let suits = |skill: &Skill, some: &FreeCases| skill.suits(some.kind.as_deref(), &some.languages);
        let theirs = |skill: &Skill| SkillOpen {
            name: skill.name.as_str().to_owned(),
            cases: count(&|some| suits(skill, some)),
        };
        let is_said = !skills.reviewers.is_empty();
        let open = SkillsOpen {
            cases: count(&|_| true),
            unsuited: count(&|some| is_said && !skills.reviewers.iter().any(|skill| suits(skill, some))),
            of: skills.reviewers.iter().map(theirs).collect(),
        };
        let (entry, at, by) = act.map(|act| (act.entry as u64, Some(act.at), act.reviewer)).unwrap_or_default();
        Ok(SkillsView { skills, entry, at, by, open })
    }
}
