//! From the recogniser's class probabilities to characters (greedy CTC decoding).

use super::{OcrError, Recognised};
use crate::domain::Bp;

/// The least probability of a character to be named beside the likeliest.
const RIVAL: f32 = 0.01;

/// How many are named at most.
const RIVALS: usize = 4;

/// The classes of a recognition model: blank, the dictionary's lines, space.
#[derive(Debug, Clone)]
pub struct Alphabet(Vec<String>);

impl Alphabet {
    /// From a dictionary file, one entry a line; carriage returns are not part of entries.
    pub fn from_dictionary(text: &str) -> Self {
        let mut classes = vec![String::new()];
        classes.extend(text.trim_end_matches(['\r', '\n']).split('\n').map(|l| l.trim_end_matches('\r').to_owned()));
        classes.push(" ".to_owned());
        Self(classes)
    }

    /// Number of classes, blank included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing but blank and space.
    pub fn is_empty(&self) -> bool {
        self.0.len() <= 2
    }

    /// Decodes `[steps][classes]` probabilities: best class a step, repeats merged, blanks dropped.
    ///
    /// `used` is the share of the steps that hold the picture, the rest being padding; centres are in 1/1000 of
    /// the picture's width. A character's confidence is the probability at its surest step.
    ///
    /// # Errors
    /// If the number of classes differs from the alphabet's.
    pub fn decode(&self, probabilities: &[f32], classes: usize, used: f64) -> Result<Recognised, OcrError> {
        if classes != self.len() {
            return Err(OcrError::Dictionary { entries: self.len(), classes });
        }
        let steps = probabilities.len() / classes;
        let width = (steps as f64 * used).max(1.0);
        let mut out = Recognised::default();
        let mut previous = 0;
        let mut run: Option<(usize, usize, f32, usize)> = None; // first step, last step, best probability, its step
        let mut flush = |run: &mut Option<(usize, usize, f32, usize)>, class: usize| {
            let Some((first, last, best, step)) = run.take() else { return };
            let centre = ((first + last + 1) as f64 / 2.0 / width * 1000.0).clamp(0.0, 1000.0) as u16;
            let rivals = self.rivals(&probabilities[step * classes..(step + 1) * classes], class, best);
            for c in self.0[class].chars() {
                out.text.push(c);
                out.centres.push(centre);
                out.char_confidence.push(Bp::from_share(f64::from(best)));
                out.rivals.push(rivals.clone());
            }
        };
        for (step, row) in probabilities.chunks_exact(classes).enumerate() {
            let (class, p) = argmax(row);
            if class != previous {
                flush(&mut run, previous);
            }
            if class != 0 {
                run = Some(match run {
                    Some((first, _, best, at)) if best >= p => (first, step, best, at),
                    Some((first, ..)) => (first, step, p, step),
                    None => (step, step, p, step),
                });
            }
            previous = class;
        }
        flush(&mut run, previous);
        Ok(out)
    }

    /// What else a step may show than `class`, which has the probability `best`: the likeliest first.
    fn rivals(&self, row: &[f32], class: usize, best: f32) -> String {
        // Below this no class can have the least probability that counts.
        if best > 1.0 - RIVAL {
            return String::new();
        }
        let others = row.iter().enumerate().skip(1).filter(|(other, p)| **p >= RIVAL && *other != class);
        let mut others: Vec<(usize, f32)> = others.map(|(other, p)| (other, *p)).collect();
        others.sort_by(|a, b| b.1.total_cmp(&a.1));
        let faces = others.iter().map(|(other, _)| self.0[*other].as_str());
        faces.filter(|face| face.chars().count() == 1).take(RIVALS).collect()
    }
}

/// Index and value of the largest number, the first of equals.
///
/// Two passes, because each alone is vectorised by the compiler where one with an index is not.
fn argmax(row: &[f32]) -> (usize, f32) {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let mut chunks = row.chunks_exact(16);
    for chunk in &mut chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane = lane.max(*v);
        }
    }
    let best = lanes.iter().chain(chunks.remainder()).fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    (row.iter().position(|v| *v == best).unwrap_or(0), best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_merge_and_blanks_part_them() {
        let alphabet = Alphabet::from_dictionary("a\r\nb\r\n");
        assert_eq!(alphabet.len(), 4);
        let path = [1, 1, 0, 1, 2, 3, 0, 0]; // a a - a b space - -
        let mut p = vec![0.05_f32; path.len() * 4];
        for (step, class) in path.iter().enumerate() {
            p[step * 4 + class] = 0.85;
        }
        let out = alphabet.decode(&p, 4, 0.75).unwrap();
        assert_eq!(out.text, "aab ");
        assert_eq!(out.centres, vec![166, 583, 750, 916]);
        assert_eq!(out.confidence(), Bp(8500));
    }

    #[test]
    fn rivals_are_told_where_a_character_is_not_sure() {
        let alphabet = Alphabet::from_dictionary("a\r\nb\r\nc\r\n"); // blank a b c space
        let p = [0.0, 0.995, 0.005, 0.0, 0.0, 0.2, 0.1, 0.5, 0.15, 0.05];
        let out = alphabet.decode(&p, 5, 1.0).unwrap();
        assert_eq!((out.text.as_str(), &out.rivals[..]), ("ab", &[String::new(), "ca ".to_owned()][..]));
    }

    #[test]
    fn a_foreign_model_is_refused() {
        assert!(Alphabet::from_dictionary("a").decode(&[0.1; 10], 5, 1.0).is_err());
    }
}
