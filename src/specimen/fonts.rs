//! The faces specimens are painted with. Finding them reads the file system; nothing else in the lab does but `samples`.
//!
//! Fonts are needed at painting time only and are not part of the project: painted pictures are committed instead.

use ab_glyph::{Font, FontVec, GlyphId};
use std::fs;
use std::path::{Path, PathBuf};

/// A face specimens are set in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Kai script: the form's own print.
    Kai,
    /// Light Song type, as old laser printers set it.
    Song,
    /// Sans-serif Chinese type; also stands in for glyphs that another face lacks.
    Hei,
    /// Latin sans-serif, the default of picture editors.
    Sans,
    /// Fixed pitch, as a thermal printer.
    Mono,
    /// Fixed pitch, bold.
    MonoBold,
    /// A second sans-serif Chinese type, narrower and of even weight.
    MicroHei,
    /// Latin with serifs, as office printers set it.
    Serif,
    /// Narrow Latin sans-serif.
    Narrow,
    /// Fixed pitch, after Courier.
    Courier,
    /// Fixed pitch, after Courier, bold.
    CourierBold,
    /// The dots of a 24-pin needle printer: Song for Chinese, fixed pitch for Latin. It has no file of its own.
    Needle,
}

impl Face {
    /// The stable name, written to the truth.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kai => "kai",
            Self::Song => "song",
            Self::Hei => "hei",
            Self::Sans => "sans",
            Self::Mono => "mono",
            Self::MonoBold => "mono_bold",
            Self::MicroHei => "micro_hei",
            Self::Serif => "serif",
            Self::Narrow => "narrow",
            Self::Courier => "courier",
            Self::CourierBold => "courier_bold",
            Self::Needle => "needle",
        }
    }

    /// The face an editor's hand takes for what was set in this one when it has not got it.
    pub(super) fn mistaken_for(self) -> Self {
        match self {
            Self::Mono | Self::Courier | Self::Serif | Self::Narrow => Self::Sans,
            Self::MonoBold | Self::CourierBold | Self::Song => Self::Hei,
            Self::Hei | Self::MicroHei | Self::Kai | Self::Sans | Self::Needle => Self::Song,
        }
    }
}

/// Face, file name, Debian package.
const FACES: [(Face, &str, &str); 11] = [
    (Face::Kai, "gkai00mp.ttf", "fonts-arphic-gkai00mp"),
    (Face::Song, "gbsn00lp.ttf", "fonts-arphic-gbsn00lp"),
    (Face::Hei, "wqy-zenhei.ttc", "fonts-wqy-zenhei"),
    (Face::Sans, "DejaVuSans.ttf", "fonts-dejavu-core"),
    (Face::Mono, "DejaVuSansMono.ttf", "fonts-dejavu-core"),
    (Face::MonoBold, "DejaVuSansMono-Bold.ttf", "fonts-dejavu-core"),
    (Face::Serif, "DejaVuSerif.ttf", "fonts-dejavu-core"),
    (Face::MicroHei, "wqy-microhei.ttc", "fonts-wqy-microhei"),
    (Face::Narrow, "LiberationSansNarrow-Regular.ttf", "fonts-liberation"),
    (Face::Courier, "LiberationMono-Regular.ttf", "fonts-liberation"),
    (Face::CourierBold, "LiberationMono-Bold.ttf", "fonts-liberation"),
];

/// Why the fonts could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FontError {
    /// Some files are not there.
    #[error("fonts missing: {}; on Debian: apt-get install {}", files.join(", "), packages.join(" "))]
    Missing {
        /// File names that were not found.
        files: Vec<&'static str>,
        /// Debian packages that hold them.
        packages: Vec<&'static str>,
    },
    /// A file could not be read.
    #[error("cannot read the font {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no font we understand.
    #[error("{} is not a usable font", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
    },
}

/// The loaded faces.
pub struct Fonts(Vec<FontVec>);

impl Fonts {
    /// Loads the faces from `dir` and below, or from the folders Debian installs fonts in.
    ///
    /// # Errors
    /// [`FontError`] naming the Debian packages to install, or the file that could not be used.
    pub fn find(dir: Option<&Path>) -> Result<Self, FontError> {
        let roots = match dir {
            Some(dir) => vec![dir.to_path_buf()],
            None => ["/usr/share/fonts", "/usr/local/share/fonts"].map(PathBuf::from).to_vec(),
        };
        let mut found: Vec<PathBuf> = Vec::new();
        let mut open = roots;
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(t) if t.is_dir() => open.push(entry.path()),
                    _ => found.push(entry.path()),
                }
            }
        }
        found.sort();
        let place = |file: &str| found.iter().find(|p| p.file_name().is_some_and(|n| n == file));
        let missing: Vec<_> = FACES.iter().filter(|(_, file, _)| place(file).is_none()).collect();
        if !missing.is_empty() {
            let mut packages: Vec<_> = missing.iter().map(|m| m.2).collect();
            packages.dedup();
            return Err(FontError::Missing { files: missing.iter().map(|m| m.1).collect(), packages });
        }
        FACES.iter().filter_map(|(_, file, _)| place(file)).map(|path| load(path)).collect::<Result<_, _>>().map(Self)
    }

    fn font(&self, face: Face) -> &FontVec {
        &self.0[FACES.iter().position(|(f, ..)| *f == face).unwrap_or(0)]
    }

    /// The glyph of a character in `face`, or in [`Face::Hei`] where `face` has none.
    pub(super) fn glyph(&self, face: Face, c: char) -> (&FontVec, GlyphId) {
        let font = match face {
            Face::Needle if c.is_ascii() => self.font(Face::Mono),
            Face::Needle => self.font(Face::Song),
            _ => self.font(face),
        };
        match font.glyph_id(c) {
            GlyphId(0) => {
                let hei = self.font(Face::Hei);
                (hei, hei.glyph_id(c))
            }
            id => (font, id),
        }
    }
}

fn load(path: &Path) -> Result<FontVec, FontError> {
    let data = fs::read(path).map_err(|source| FontError::Unreadable { path: path.to_owned(), source })?;
    // Collections (.ttc): the first face; a plain font has only index 0.
    FontVec::try_from_vec_and_index(data, 0).map_err(|_| FontError::Invalid { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_names_the_packages() {
        let dir = tempfile::tempdir().unwrap();
        let message = Fonts::find(Some(dir.path())).err().unwrap().to_string();
        assert!(
            message.contains(
                "apt-get install fonts-arphic-gkai00mp fonts-arphic-gbsn00lp fonts-wqy-zenhei fonts-dejavu-core \
                 fonts-wqy-microhei fonts-liberation"
            ),
            "{message}"
        );
    }

    #[test]
    fn a_damaged_font_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for (_, file, _) in FACES {
            fs::write(dir.path().join(file), b"no font").unwrap();
        }
        assert!(matches!(Fonts::find(Some(dir.path())), Err(FontError::Invalid { .. })));
    }
}
