//! Which cards of a case a queue shows, in which order and under which names: what an admin says, and no release.

use super::DocumentKind;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The most queues there may be.
pub const QUEUES_MOST: usize = 32;
/// The most characters of a name.
const NAME_MOST: usize = 40;

/// A part of the page on which a case is worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CardKind {
    /// What was recorded, what is open, what was promised.
    Brief,
    /// What needs a person, and why.
    Problems,
    /// What the amounts add up to.
    Amounts,
    /// Everything that was read.
    Fields,
    /// What the pixels tell.
    Pixels,
    /// Other claims that share something.
    Related,
    /// Everything that happened.
    History,
}

impl CardKind {
    /// Every card, in the order in which they stand where nobody said otherwise.
    pub const ALL: [Self; 7] =
        [Self::Brief, Self::Problems, Self::Amounts, Self::Fields, Self::Pixels, Self::Related, Self::History];
}

/// A name in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// English, 1 to 40 characters.
    #[schema(min_length = 1, max_length = 40)]
    pub en: String,
    /// Simplified Chinese, 1 to 40 characters.
    #[schema(min_length = 1, max_length = 40)]
    pub zh: String,
}

/// A card where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Which.
    pub card: CardKind,
    /// What it is called here, if not as always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
}

/// Cases that are worked alike, and the cards that they show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// What it is called.
    pub name: Label,
    /// Cases whose first document is of this kind; without, of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "vat_invoice")]
    pub kind: Option<DocumentKind>,
    /// Cases held for this reason among others; without, for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "total_in_words_differs")]
    pub reason: Option<String>,
    /// In the order in which they stand.
    pub cards: Vec<Card>,
}

/// All of it. A case is shown as the first queue says that it is in, or else as `rest` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cards {
    /// At most 32.
    #[schema(max_items = 32)]
    pub queues: Vec<Queue>,
    /// Of cases that are in none of these queues.
    pub rest: Vec<Card>,
}

impl Default for Cards {
    fn default() -> Self {
        Self { queues: Vec::new(), rest: CardKind::ALL.map(|card| Card { card, label: None }).to_vec() }
    }
}

/// What keeps cards from being kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardsFault {
    /// Nobody could find their way.
    #[error("there are more than {QUEUES_MOST} queues")]
    TooManyQueues,
    /// It would be the rest, said twice.
    #[error("queue {0} names neither a kind of document nor a reason")]
    QueueOfAll(usize),
    /// Another before it takes all of its cases.
    #[error("queue {0} takes the same cases as an earlier one")]
    QueueTwice(usize),
    /// No decision gives it.
    #[error("queue {0} names a reason that there is not")]
    ReasonUnknown(usize),
    /// A name that cannot be shown.
    #[error("{0}: a name must be 1 to {NAME_MOST} characters in each language")]
    NameInvalid(String),
    /// A name that is not what it looks like, or makes what stands beside it look otherwise.
    #[error(
        "{0}: a name must be without characters that cannot be seen; U+{1:04X} is a control, a zero-width or a \
         bidirectional character"
    )]
    NameUnseen(String, u32),
    /// A card stands in one place.
    #[error("{0}: a card stands there twice")]
    CardTwice(String),
    /// Nobody may decide a case without seeing what holds it.
    #[error("{0}: the card `problems` must be among them, since it says what holds a case")]
    NoProblems(String),
}

impl Cards {
    /// Checks what serde cannot; `is_reason` tells whether a decision can give a reason.
    ///
    /// # Errors
    /// The first fault. Queues are counted from 1.
    pub fn check(&self, is_reason: impl Fn(&str) -> bool) -> Result<(), CardsFault> {
        if self.queues.len() > QUEUES_MOST {
            return Err(CardsFault::TooManyQueues);
        }
        let mut sought = HashSet::new();
        for (n, queue) in (1..).zip(&self.queues) {
            if queue.kind.is_none() && queue.reason.is_none() {
                return Err(CardsFault::QueueOfAll(n));
            }
            if !sought.insert((queue.kind, &queue.reason)) {
                return Err(CardsFault::QueueTwice(n));
            }
            if queue.reason.as_ref().is_some_and(|reason| !is_reason(reason)) {
                return Err(CardsFault::ReasonUnknown(n));
            }
            let place = format!("queue {n}");
            queue.name.check(&place)?;
            check_cards(&queue.cards, &place)?;
        }
        check_cards(&self.rest, "rest")
    }
}

impl Label {
    fn check(&self, place: &str) -> Result<(), CardsFault> {
        for name in [&self.en, &self.zh] {
            if let Some(unseen) = name.chars().find(|c| is_unseen(*c)) {
                return Err(CardsFault::NameUnseen(place.to_owned(), unseen.into()));
            }
            let is_long = name.chars().nth(NAME_MOST).is_some();
            if is_long || name.chars().all(|c| c.is_whitespace() || is_variation(c)) {
                return Err(CardsFault::NameInvalid(place.to_owned()));
            }
        }
        Ok(())
    }
}

/// Whether a character is not seen, or turns what stands beside it around: controls and line ends, the format
/// characters of Unicode (general category Cf), and letters that are drawn as nothing.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character only says how the one before it is drawn, as behind a symbol.
fn is_variation(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}')
}

fn check_cards(cards: &[Card], place: &str) -> Result<(), CardsFault> {
    let mut seen = HashSet::new();
    if !cards.iter().all(|card| seen.insert(card.card)) {
        return Err(CardsFault::CardTwice(place.to_owned()));
    }
    if !seen.contains(&CardKind::Problems) {
        return Err(CardsFault::NoProblems(place.to_owned()));
    }
    cards.iter().filter_map(|card| card.label.as_ref()).try_for_each(|label| label.check(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(en: &str) -> Label {
        Label { en: en.to_owned(), zh: "名".to_owned() }
    }

    fn card(card: CardKind) -> Card {
        Card { card, label: None }
    }

    fn queue(kind: Option<DocumentKind>, reason: Option<&str>) -> Queue {
        let reason = reason.map(str::to_owned);
        Queue { name: label("Invoices"), kind, reason, cards: vec![card(CardKind::Problems)] }
    }

    fn fault(change: impl FnOnce(&mut Cards)) -> Option<CardsFault> {
        let mut cards = Cards { queues: vec![queue(Some(DocumentKind::VatInvoice), None)], ..Cards::default() };
        change(&mut cards);
        cards.check(|reason| reason == "low_confidence").err()
    }

    #[test]
    fn what_nobody_changed_is_sound_and_shows_every_card() {
        assert_eq!(Cards::default().check(|_| false), Ok(()));
        assert_eq!(Cards::default().rest.len(), CardKind::ALL.len());
    }

    #[test]
    fn each_fault_is_told_with_its_place() {
        let second = |queue: Queue| move |cards: &mut Cards| cards.queues.push(queue);
        assert_eq!(fault(|_| {}), None);
        assert_eq!(fault(second(queue(None, Some("low_confidence")))), None);
        assert_eq!(fault(second(queue(None, None))), Some(CardsFault::QueueOfAll(2)));
        assert_eq!(fault(second(queue(Some(DocumentKind::VatInvoice), None))), Some(CardsFault::QueueTwice(2)));
        assert_eq!(fault(second(queue(None, Some("bad_luck")))), Some(CardsFault::ReasonUnknown(2)));
        let name = |name: &str| {
            let name = label(name);
            fault(|cards| cards.queues[0].name = name)
        };
        assert_eq!(name(&"x".repeat(40)), None);
        for bad in ["", "  ", "\u{3000}\u{fe0f}", &"x".repeat(41)] {
            assert_eq!(name(bad), Some(CardsFault::NameInvalid("queue 1".to_owned())), "{bad:?}");
        }
        let unseen =
            ['\n', '\u{7f}', '\u{200b}', '\u{200d}', '\u{202e}', '\u{2028}', '\u{2066}', '\u{feff}', '\u{3164}'];
        for bad in unseen {
            let found = name(&format!("Invoices{bad} here"));
            assert_eq!(found, Some(CardsFault::NameUnseen("queue 1".to_owned(), bad.into())), "{bad:?}");
        }
        let found = name("pay\u{202e}able").unwrap().to_string();
        assert!(found.contains("queue 1") && found.contains("U+202E") && found.contains("bidirectional"), "{found}");
        assert_eq!(name("Nur Rechnungen – 发票 ⚠\u{fe0f}"), None);
        let rest = |cards: Vec<Card>| fault(|all| all.rest = cards);
        assert_eq!(rest(vec![card(CardKind::Fields)]), Some(CardsFault::NoProblems("rest".to_owned())));
        let twice = [CardKind::Problems, CardKind::Fields, CardKind::Fields].map(card).to_vec();
        assert_eq!(rest(twice), Some(CardsFault::CardTwice("rest".to_owned())));
        let named = vec![Card { card: CardKind::Problems, label: Some(label("")) }];
        assert_eq!(rest(named), Some(CardsFault::NameInvalid("rest".to_owned())));
        assert_eq!(fault(|cards| cards.queues = vec![cards.queues[0].clone(); 33]), Some(CardsFault::TooManyQueues));
    }

    #[test]
    fn unknown_cards_and_members_are_refused() {
        let read = |text: &str| serde_json::from_str::<Cards>(text).is_ok();
        assert!(read(r#"{ "queues": [], "rest": [{ "card": "problems" }] }"#));
        assert!(!read(r#"{ "queues": [], "rest": [{ "card": "weather" }] }"#));
        assert!(!read(r#"{ "queues": [], "rest": [], "more": 1 }"#));
    }
}
