//! The Merkle tree over the log's entries, as in RFC 6962 (section 2.1) and RFC 9162, with SHA-256.
//!
//! A leaf's hash is SHA-256 of a zero byte and the leaf; a node's is SHA-256 of a one byte and its two children. Kept are
//! only *complete* subtrees, by level (0 for leaves) and index among those of their level; everything else is folded from
//! these.

use crate::domain::ContentHash;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::ops::Range;

/// A complete subtree: its level (it has two to that many leaves) and its place among those of its level, from 0.
pub type Node = (u32, u64);

/// Complete subtrees with their hashes.
pub type Nodes = HashMap<Node, ContentHash>;

/// The root of a tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> ContentHash {
    ContentHash::of(b"")
}

/// The hash of a leaf.
pub fn leaf_hash(leaf: &[u8]) -> ContentHash {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(leaf);
    ContentHash(hash.finalize().into())
}

fn node_hash(left: ContentHash, right: ContentHash) -> ContentHash {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left.0);
    hash.update(right.0);
    ContentHash(hash.finalize().into())
}

/// The hash of a complete subtree by its two children; `None` for a leaf or if one is missing.
pub fn from_children((level, index): Node, nodes: &Nodes) -> Option<ContentHash> {
    let child = |i| nodes.get(&(level.checked_sub(1)?, i)).copied();
    Some(node_hash(child(2 * index)?, child(2 * index + 1)?))
}

/// The complete subtrees that make up a range of leaves, from left to right. The range starts where a subtree of its
/// length, rounded up to a power of two, could start: all ranges in proofs do.
pub fn cover(range: Range<u64>) -> Vec<Node> {
    let (mut from, mut out) = (range.start, Vec::new());
    while from < range.end {
        let level = (range.end - from).ilog2();
        out.push((level, from >> level));
        from += 1 << level;
    }
    out
}

/// The hash over a range of leaves; `None` if a subtree of [`cover`] is not there.
pub fn fold(range: Range<u64>, nodes: &Nodes) -> Option<ContentHash> {
    let hashes: Option<Vec<ContentHash>> = cover(range).iter().map(|node| nodes.get(node).copied()).collect();
    hashes?.into_iter().rev().reduce(|right, left| node_hash(left, right))
}

/// The subtrees that one more leaf completes, its own first, in a tree of `size` leaves. `nodes` holds those of
/// `cover(0..size)`. `None` if one is missing.
pub fn append(size: u64, leaf: ContentHash, nodes: &Nodes) -> Option<Vec<(Node, ContentHash)>> {
    let mut out = vec![((0, size), leaf)];
    let (mut level, mut index, mut hash) = (0, size, leaf);
    while index % 2 == 1 {
        hash = node_hash(*nodes.get(&(level, index - 1))?, hash);
        (level, index) = (level + 1, index / 2);
        out.push(((level, index), hash));
    }
    Some(out)
}

/// A tree of which only the root is wanted: keeps the complete subtrees that make it up, from left to right.
#[derive(Debug, Clone, Default)]
pub struct Growing {
    size: u64,
    parts: Vec<ContentHash>,
}

impl Growing {
    /// Adds a leaf.
    pub fn push(&mut self, leaf: ContentHash) {
        let mut hash = leaf;
        // As many subtrees end here as the number of leaves before has ones at its low end.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.parts.pop() {
                hash = node_hash(left, hash);
            }
        }
        self.parts.push(hash);
        self.size += 1;
    }

    /// The root over what was added.
    pub fn root(&self) -> ContentHash {
        self.parts.iter().copied().rev().reduce(|right, left| node_hash(left, right)).unwrap_or_else(empty_root)
    }
}

/// Every complete subtree over these leaves.
pub fn build(leaves: impl IntoIterator<Item = ContentHash>) -> (u64, Nodes) {
    let (mut size, mut nodes) = (0, Nodes::new());
    for leaf in leaves {
        let made = append(size, leaf, &nodes).expect("all left subtrees are there");
        nodes.extend(made);
        size += 1;
    }
    (size, nodes)
}

/// The root over the first `size` leaves; `None` if a subtree is missing.
pub fn root(size: u64, nodes: &Nodes) -> Option<ContentHash> {
    if size == 0 { Some(empty_root()) } else { fold(0..size, nodes) }
}

/// The largest power of two below `n`, for `n` of 2 or more.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The ranges whose hashes prove that leaf `index` is in a tree of `size`, lowest first (RFC 9162, 2.1.3.1).
pub fn inclusion(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut from, mut to, mut out) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            out.push(middle..to);
            to = middle;
        } else {
            out.push(from..middle);
            from = middle;
        }
    }
    out.reverse();
    out
}

/// The ranges whose hashes prove that a tree of `new` leaves continues one of `old` (RFC 9162, 2.1.4.1).
///
/// Nothing has to be proved where `old` is 0 or `new`.
pub fn consistency(old: u64, new: u64) -> Vec<Range<u64>> {
    let (mut from, mut to, mut whole, mut out) = (0, new, true, Vec::new());
    if old == 0 || old == new {
        return out;
    }
    while old != to {
        let middle = from + split(to - from);
        if old <= middle {
            out.push(middle..to);
            to = middle;
        } else {
            out.push(from..middle);
            from = middle;
            whole = false;
        }
    }
    if !whole {
        out.push(from..to);
    }
    out.reverse();
    out
}

/// Whether the proof leads from leaf `index` to the root of a tree of `size` (RFC 9162, 2.1.3.2).
pub fn includes(leaf: ContentHash, index: u64, size: u64, proof: &[ContentHash], root: ContentHash) -> bool {
    if index >= size {
        return false;
    }
    let (mut index, mut last, mut hash) = (index, size - 1, leaf);
    for &part in proof {
        if last == 0 {
            return false;
        }
        if index % 2 == 1 || index == last {
            hash = node_hash(part, hash);
            while index.is_multiple_of(2) && index != 0 {
                (index, last) = (index / 2, last / 2);
            }
        } else {
            hash = node_hash(hash, part);
        }
        (index, last) = (index / 2, last / 2);
    }
    last == 0 && hash == root
}

/// Whether the proof shows that the tree of `new` leaves continues the one of `old` (RFC 9162, 2.1.4.2).
pub fn continues(
    (old, old_root): (u64, ContentHash),
    (new, new_root): (u64, ContentHash),
    proof: &[ContentHash],
) -> bool {
    if old == 0 || old == new {
        return proof.is_empty() && (old == 0 || old_root == new_root);
    }
    if old > new {
        return false;
    }
    // A complete old tree is a node of the new one, and its root is left out of the proof.
    let whole = old.is_power_of_two();
    let mut parts = whole.then_some(old_root).into_iter().chain(proof.iter().copied());
    let Some(first) = parts.next() else { return false };
    let (mut index, mut last) = (old - 1, new - 1);
    while index % 2 == 1 {
        (index, last) = (index / 2, last / 2);
    }
    let (mut of_old, mut of_new) = (first, first);
    for part in parts {
        if last == 0 {
            return false;
        }
        if index % 2 == 1 || index == last {
            (of_old, of_new) = (node_hash(part, of_old), node_hash(part, of_new));
            while index.is_multiple_of(2) && index != 0 {
                (index, last) = (index / 2, last / 2);
            }
        } else {
            of_new = node_hash(of_new, part);
        }
        (index, last) = (index / 2, last / 2);
    }
    last == 0 && of_old == old_root && of_new == new_root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(n: u64) -> Vec<ContentHash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    /// The definition, word for word (RFC 6962, 2.1).
    fn defined(leaves: &[ContentHash]) -> ContentHash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            many => {
                let (left, right) = many.split_at(split(many.len() as u64) as usize);
                node_hash(defined(left), defined(right))
            }
        }
    }

    fn hashes(ranges: Vec<Range<u64>>, nodes: &Nodes) -> Vec<ContentHash> {
        ranges.into_iter().map(|r| fold(r, nodes).unwrap()).collect()
    }

    #[test]
    fn known_roots() {
        // RFC 6962's own reference vectors, from certificate-transparency's merkle_tree_test.
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let (_, nodes) = build(inputs.iter().map(|i| leaf_hash(i)));
        for (size, hex) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ] {
            assert_eq!(root(size, &nodes).unwrap().to_string(), hex);
        }
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proved_and_nothing_else() {
        let all = leaves(40);
        let (_, nodes) = build(all.iter().copied());
        for size in 1..=40 {
            let top = root(size, &nodes).unwrap();
            assert_eq!(top, defined(&all[..size as usize]));
            let mut growing = Growing::default();
            all[..size as usize].iter().for_each(|leaf| growing.push(*leaf));
            assert_eq!(growing.root(), top);
            for index in 0..size {
                let proof = hashes(inclusion(index, size), &nodes);
                assert!(includes(all[index as usize], index, size, &proof, top));
                assert!(!includes(all[(index as usize + 1) % 40], index, size, &proof, top));
                assert!(!includes(all[index as usize], index + 1, size, &proof, top), "{index} of {size}");
                for i in 0..proof.len() {
                    let mut bent = proof.clone();
                    bent[i].0[0] ^= 1;
                    assert!(!includes(all[index as usize], index, size, &bent, top));
                }
                let longer: Vec<_> = proof.iter().copied().chain([top]).collect();
                assert!(!includes(all[index as usize], index, size, &longer, top));
            }
        }
    }

    #[test]
    fn every_small_tree_continues_its_beginnings_and_no_others() {
        let (_, nodes) = build(leaves(40));
        let (_, others) = build(leaves(41).into_iter().skip(1));
        for new in 1..=40 {
            let newer = (new, root(new, &nodes).unwrap());
            for old in 0..=new {
                let older = (old, root(old, &nodes).unwrap());
                let proof = hashes(consistency(old, new), &nodes);
                assert!(continues(older, newer, &proof), "{old} to {new}");
                if old > 0 {
                    let foreign = (old, root(old, &others).unwrap());
                    assert!(!continues(foreign, newer, &proof), "{old} to {new}");
                }
                for i in 0..proof.len() {
                    let mut bent = proof.clone();
                    bent[i].0[31] ^= 128;
                    assert!(!continues(older, newer, &bent));
                    assert!(!continues(older, newer, &proof[..i]));
                }
            }
        }
    }
}
