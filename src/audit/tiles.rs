//! The log as static files: C2SP `tlog-tiles`. Tiles of 256 hashes each, eight levels of the tree apart, and bundles of
//! the entries' bytes. A file never changes once it is full; one that is not full bears its width in its name.

use super::Entry;
use super::merkle::{self, Node, Nodes};
use crate::domain::ContentHash;
use std::fmt;
use std::str::FromStr;

/// Hashes in a full tile, and entries in a full bundle.
pub const WIDTH: u64 = 256;

/// Levels of the tree that a tile spans.
const HEIGHT: u32 = 8;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Hashes of complete subtrees: those of this level of tiles, 0 the leaves.
    Hashes(u32),
    /// The entries' bytes.
    Entries,
}

/// One file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// What it holds.
    pub holds: Holds,
    /// Which one of its level, from 0.
    pub index: u64,
    /// How many it holds, 1 to 256.
    pub width: u64,
}

/// The text names no tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no path of a tile")]
pub struct NoTile;

impl fmt::Display for Tile {
    /// The path below `tile/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.holds {
            Holds::Hashes(level) => write!(f, "{level}/")?,
            Holds::Entries => f.write_str("entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (n, group) in groups.iter().enumerate().rev() {
            write!(f, "{}{group:03}{}", if n > 0 { "x" } else { "" }, if n > 0 { "/" } else { "" })?;
        }
        if self.width < WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for Tile {
    type Err = NoTile;

    fn from_str(path: &str) -> Result<Self, NoTile> {
        let (holds, rest) = path.split_once('/').ok_or(NoTile)?;
        let holds = match holds {
            "entries" => Holds::Entries,
            level => Holds::Hashes(level.parse().ok().filter(|level| *level < 64 / HEIGHT).ok_or(NoTile)?),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse().ok().filter(|w| (1..WIDTH).contains(w)).ok_or(NoTile)?),
            None => (rest, WIDTH),
        };
        let group = |text: &str| text.trim_start_matches('x').parse::<u64>().ok().filter(|n| *n < 1000);
        let shift = |sum: u64, text: &str| sum.checked_mul(1000)?.checked_add(group(text)?);
        let index = index.split('/').try_fold(0_u64, shift).ok_or(NoTile)?;
        let tile = Self { holds, index, width };
        // There is one way to write it, and nothing beyond what a log can have.
        if tile.to_string() == path && index < 1 << 40 { Ok(tile) } else { Err(NoTile) }
    }
}

impl Tile {
    /// Every file of a log of so many entries, the full ones and those at its right edge.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let levels = (0..64 / HEIGHT).map(move |level| (Holds::Hashes(level), size >> (HEIGHT * level)));
        levels.chain([(Holds::Entries, size)]).flat_map(|(holds, count)| {
            (0..count.div_ceil(WIDTH)).map(move |index| Self { holds, index, width: WIDTH.min(count - index * WIDTH) })
        })
    }

    /// The nodes of the tree that it holds: their level, and from which to which, both included. `None` for a bundle.
    pub fn nodes(&self) -> Option<(u32, u64, u64)> {
        let Holds::Hashes(level) = self.holds else { return None };
        let first = self.index * WIDTH;
        Some((level * HEIGHT, first, first + self.width - 1))
    }

    /// The numbers of the entries that it holds, from which to which, both included. `None` for hashes.
    pub fn entries(&self) -> Option<(u64, u64)> {
        let first = self.index * WIDTH + 1;
        (self.holds == Holds::Entries).then_some((first, first + self.width - 1))
    }

    /// The file of these nodes; `None` if one is missing.
    pub fn of_nodes(&self, nodes: &Nodes) -> Option<Vec<u8>> {
        let (level, from, to) = self.nodes()?;
        let hashes: Option<Vec<ContentHash>> = (from..=to).map(|i| nodes.get(&(level, i)).copied()).collect();
        Some(hashes?.into_iter().flat_map(|hash| hash.0).collect())
    }

    /// The file of these entries: each as its length, 2 bytes, big-endian, and its bytes. `None` if one is missing or
    /// malformed.
    pub fn of_entries(&self, entries: &[Entry]) -> Option<Vec<u8>> {
        let (from, to) = self.entries()?;
        let mut out = Vec::new();
        for (seq, entry) in (from..=to).zip(entries) {
            let leaf = entry.leaf().filter(|_| entry.seq == seq)?;
            out.extend(u16::try_from(leaf.len()).ok()?.to_be_bytes());
            out.extend(leaf);
        }
        (entries.len() as u64 == self.width).then_some(out)
    }

    /// The hashes in a file of hashes, with the nodes above them that follow; `None` if it is not that long.
    pub fn read(&self, file: &[u8]) -> Option<Nodes> {
        let (level, first, _) = self.nodes()?;
        let (hashes, []) = file.as_chunks::<32>() else { return None };
        if hashes.len() as u64 != self.width {
            return None;
        }
        let mut nodes: Nodes = (first..).zip(hashes).map(|(i, hash)| ((level, i), ContentHash(*hash))).collect();
        for above in 1..HEIGHT {
            for i in first >> above..(first + self.width) >> above {
                let node: Node = (level + above, i);
                nodes.insert(node, merkle::from_children(node, &nodes)?);
            }
        }
        Some(nodes)
    }
}

/// The entries in a bundle; `None` if it is cut or holds something else.
pub fn read_bundle(mut file: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    while !file.is_empty() {
        let (length, rest) = file.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        out.push(entry.to_vec());
        file = rest;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification_and_there_is_one_for_each_tile() {
        let tile = |holds, index, width| Tile { holds, index, width };
        for (tile, path) in [
            (tile(Holds::Hashes(0), 0, 256), "0/000"),
            (tile(Holds::Hashes(3), 1_234_067, 256), "3/x001/x234/067"),
            (tile(Holds::Hashes(1), 67, 8), "1/067.p/8"),
            (tile(Holds::Entries, 999, 256), "entries/999"),
            (tile(Holds::Entries, 1000, 255), "entries/x001/000.p/255"),
        ] {
            assert_eq!(tile.to_string(), path);
            assert_eq!(path.parse(), Ok(tile));
        }
        for wrong in [
            "0/0",
            "0/0000",
            "0/x000/001",
            "8/000",
            "00/000",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/08",
            "0/001/002",
            "0/xx01/000",
            "entries",
            "entries/",
            "entries/000/",
            "0/-01",
            "0/x999/x999/x999/x999/999",
            "0/../000",
            "",
        ] {
            assert_eq!(wrong.parse::<Tile>(), Err(NoTile), "{wrong}");
        }
    }

    #[test]
    fn a_log_has_full_tiles_and_those_at_its_edge() {
        let paths = |size| Tile::all(size).map(|tile| tile.to_string()).collect::<Vec<_>>();
        assert_eq!(paths(0), [""; 0]);
        assert_eq!(paths(255), ["0/000.p/255", "entries/000.p/255"]);
        let wanted = ["0/000", "0/001", "0/002.p/88", "1/000.p/2", "entries/000", "entries/001", "entries/002.p/88"];
        assert_eq!(paths(600), wanted);
    }

    #[test]
    fn a_bundle_that_is_cut_is_none() {
        let file = [0, 2, 7, 8, 0, 0, 0, 1, 9];
        assert_eq!(read_bundle(&file), Some(vec![vec![7, 8], vec![], vec![9]]));
        for cut in [1, 3, 5, 7, 8] {
            assert_eq!(read_bundle(&file[..cut]), None, "{cut}");
        }
    }
}
