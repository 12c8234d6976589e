//! What the pixels of a photo tell of how its file came about: the evidence of the `forensics` floor.
//!
//! Scores are in thousandths of each signal's own unit, so that evidence stays free of floats. A signal that could not
//! be measured says why, and has no score: "not assessable" is never "genuine".

use super::document::FieldName;
use super::shape::{Quad, Upload};
use super::verdict::Message;
use serde::{Deserialize, Serialize};

/// What a photo's file went through, as far as the file tells. Decides which signals can speak and how loudly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stratum {
    /// A JPEG with a camera's own quantisation tables or its notes.
    Camera,
    /// A JPEG with the tables of the reference encoder: saved again by software, as messengers and editors do.
    Reencoded,
    /// A re-encoded JPEG of a size no camera makes: made smaller on its way.
    Resized,
    /// The picture of a screen, by its size or its writer's notes.
    Screenshot,
    /// Saved without loss; what it was before is not known.
    Lossless,
    /// The page of a PDF.
    Pdf,
    /// HEIC or WebP: no grid to look at.
    Other,
}

impl Stratum {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Reencoded => "reencoded",
            Self::Resized => "resized",
            Self::Screenshot => "screenshot",
            Self::Lossless => "lossless",
            Self::Pdf => "pdf",
            Self::Other => "other",
        }
    }
}

/// The file's own story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// What it went through.
    pub stratum: Stratum,
    /// Quality of the last JPEG save on the reference encoder's scale, 1..=100, by its luma table; `None` for others.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quality: Option<u8>,
    /// Quality of an earlier JPEG save, where the coefficients still show one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub earlier_quality: Option<u8>,
    /// Stable words for what the file says of itself that a photo off a camera would not: `editing_software`,
    /// `thumbnail_differs`, `generated_by_ai`, `edited_after_taken`. Never the file's own text.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
    /// The camera, as far as the file names it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device: Option<Device>,
}

/// A camera, known again but not named: hashes of 32 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Of maker, model and the camera's own number, where it has one: this very camera.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub serial: Option<String>,
    /// Of maker, model and the program that wrote the file: all cameras of one model with one version.
    pub build: String,
}

/// One way of looking at pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalName {
    /// Characters that lie on another 8 × 8 grid than the page's JPEG.
    GlyphGrid,
    /// Characters whose coefficients lack the traces of the page's earlier JPEG save.
    DoubleJpeg,
    /// Characters that are copies of each other to the noise.
    CopiedGlyphs,
    /// Characters unlike their own line, or lines unlike those nearby: ink, edges, noise, paper, shape.
    OddInLine,
    /// A picture of a screen or of a print of a photo.
    Recapture,
    /// Values that models trained on painted forgeries take for put in later: by the traces in their characters, and by how
    /// they differ from the other values of the page.
    LearnedTrace,
}

impl SignalName {
    /// All, in the order they are listed.
    pub const ALL: [SignalName; 6] =
        [Self::GlyphGrid, Self::DoubleJpeg, Self::CopiedGlyphs, Self::OddInLine, Self::Recapture, Self::LearnedTrace];

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GlyphGrid => "glyph_grid",
            Self::DoubleJpeg => "double_jpeg",
            Self::CopiedGlyphs => "copied_glyphs",
            Self::OddInLine => "odd_in_line",
            Self::Recapture => "recapture",
            Self::LearnedTrace => "learned_trace",
        }
    }
}

/// A place that a signal points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// Where.
    pub polygon: Quad<Upload>,
    /// How strongly, 1/1000 of the signal's unit; the larger the odder.
    pub score: i32,
    /// The field it stands in, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub field: Option<FieldName>,
    /// Where its like stands, for a copy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub like: Option<Quad<Upload>>,
}

/// What one signal found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Which.
    pub name: SignalName,
    /// A stable word for why it could not be measured, such as `no_jpeg_grid` or `too_few_characters`; then nothing else
    /// is said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_applicable: Option<String>,
    /// The strongest score, 1/1000 of the signal's unit; `None` if not applicable.
    pub score: Option<i32>,
    /// How many characters were looked at.
    pub tested: u32,
    /// The oddest places, at most 12, the oddest first: also those under the limit of an alarm.
    pub suspects: Vec<Suspect>,
}

impl Signal {
    /// One that could not be measured.
    pub fn not_applicable(name: SignalName, why: &str) -> Self {
        Self { name, not_applicable: Some(why.to_owned()), score: None, tested: 0, suspects: Vec::new() }
    }
}

/// All that the pixels of one photo tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelEvidence {
    /// What the file went through.
    pub history: History,
    /// One of each, in the order of [`SignalName::ALL`].
    pub signals: Vec<Signal>,
}

impl PixelEvidence {
    /// What one signal found.
    pub fn signal(&self, name: SignalName) -> Option<&Signal> {
        self.signals.iter().find(|s| s.name == name)
    }
}

impl SignalName {
    /// The score from which a signal is an alarm, 1/1000 of its unit: what genuine pictures reach at most once in a hundred
    /// or less, and those of [`Self::LearnedTrace`] three times. How each was found stands with the signal.
    pub fn alarm(self) -> i32 {
        match self {
            Self::GlyphGrid => 2_500,
            Self::DoubleJpeg => 2_000,
            Self::CopiedGlyphs => 3_600,
            Self::OddInLine => 2_300,
            Self::Recapture => 1_000,
            Self::LearnedTrace => 4_400,
        }
    }
}

impl Signal {
    /// Whether its strongest place is beyond what genuine pictures show; `None` if it could not be measured.
    pub fn alarms(&self) -> Option<bool> {
        self.score.map(|score| score >= self.name.alarm())
    }

    /// The places beyond the limit.
    pub fn alarming(&self) -> impl Iterator<Item = &Suspect> {
        self.suspects.iter().filter(|s| s.score >= self.name.alarm())
    }

    /// What it looked at and found, or why it could not look.
    pub fn message(&self) -> Message {
        let (en, zh) = match (self.name, self.alarms()) {
            (_, None) => return not_applicable(self.not_applicable.as_deref().unwrap_or_default()),
            (SignalName::GlyphGrid, Some(true)) => (
                "Characters lie on another JPEG grid than the page around them.",
                "部分字符的JPEG网格与周围页面不一致。",
            ),
            (SignalName::GlyphGrid, _) => {
                ("All characters lie on the page's JPEG grid.", "所有字符均在页面的JPEG网格上。")
            }
            (SignalName::DoubleJpeg, Some(true)) => (
                "Characters lack the traces of the earlier save that the page shows.",
                "部分字符缺少页面先前保存的痕迹。",
            ),
            (SignalName::DoubleJpeg, _) => {
                ("All characters show the same earlier saves as the page.", "所有字符的保存痕迹与页面一致。")
            }
            (SignalName::CopiedGlyphs, Some(true)) => {
                ("Characters are copies of each other, down to the noise.", "部分字符连同噪点完全相同，疑为复制。")
            }
            (SignalName::CopiedGlyphs, _) => ("No two characters share their noise.", "没有噪点相同的字符。"),
            (SignalName::OddInLine, Some(true)) => (
                "Characters differ from their own line in ink, edges or place.",
                "部分字符的墨色、边缘或位置与同行不一致。",
            ),
            (SignalName::OddInLine, _) => ("All characters look like those beside them.", "所有字符与同行字符一致。"),
            (SignalName::Recapture, Some(true)) => {
                ("This looks like a picture of a screen or of a printed picture.", "疑为翻拍屏幕或翻拍打印件。")
            }
            (SignalName::LearnedTrace, Some(true)) => (
                "Characters bear traces that a model has learned from forged bills.",
                "部分字符带有模型从伪造票据中学到的痕迹。",
            ),
            (SignalName::LearnedTrace, _) => ("The model finds no characters put in later.", "模型未发现后加的字符。"),
            (SignalName::Recapture, _) => ("No trace of a screen or of a printed picture.", "未见翻拍痕迹。"),
        };
        Message { en: en.to_owned(), zh: zh.to_owned() }
    }
}

/// Said plainly: nothing was looked at, which is not the same as nothing was found.
fn not_applicable(why: &str) -> Message {
    let (en, zh) = match why {
        "no_jpeg_grid" => ("the file keeps no JPEG grid", "文件中没有JPEG网格"),
        "too_few_characters" => ("there are too few characters", "字符太少"),
        "weak_jpeg_grid" => ("the JPEG grid is too faint", "JPEG网格过弱"),
        "saved_as_jpeg" => ("the last save as JPEG wiped older traces", "最后一次JPEG保存抹去了先前痕迹"),
        "no_earlier_save" => ("the file shows no earlier save", "文件没有更早的保存痕迹"),
        "faint_earlier_save" => ("the traces of an earlier save are too faint", "更早的保存痕迹过弱"),
        "no_jpeg" => ("the file is no JPEG", "文件不是JPEG"),
        "clipped" => ("the paper is overexposed to plain white", "纸面过曝为纯白"),
        "not_a_photo" => ("the page was drawn from a PDF", "页面由PDF绘制"),
        "drawn_by_computer" => (
            "the page was drawn by a program, and equal characters are equal there",
            "页面由程序绘制，相同字符本就一致",
        ),
        "too_small" => ("the characters are too small", "字符太小"),
        "too_large" => {
            ("characters that decide are too large or too many to look at", "关键字符过大或过多，无法逐一检查")
        }
        _ => ("the picture does not allow it", "图片不满足条件"),
    };
    Message { en: format!("Not applicable here: {en}."), zh: format!("不适用：{zh}。") }
}
