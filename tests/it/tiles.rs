//! The log read back from its tiles alone.

#![allow(clippy::unwrap_used, reason = "in a test, the panic is the message")]

use crate::support::{Running, TestServer, config, photo};
use claimlens::audit::merkle::{self, Nodes};
use claimlens::audit::tiles::{Holds, Tile, read_bundle};
use claimlens::domain::ContentHash;
use claimlens::service::{Actor, ReadOf, Submission, Upload};
use std::collections::BTreeMap;

/// A log of 1 policy, 2 entries of a claim and 597 readings.
const SIZE: u64 = 600;

fn filled(data: &std::path::Path) -> Running {
    let running = Running::open(config(data));
    let photos = vec![Upload { name: "1.png".to_owned(), bytes: photo(1) }];
    running.wait(async {
        let decided = running.service.submit_and_wait(Submission { photos, ..Submission::default() }).await.unwrap();
        let read = vec![decided.id; SIZE as usize - 3];
        running.service.records().log_read(&Actor::default(), ReadOf::Page, &read).await.unwrap();
    });
    running
}

#[test]
fn the_tree_is_read_back_from_tiles_alone() {
    let dir = tempfile::tempdir().unwrap();
    let running = filled(dir.path());
    let mut files = BTreeMap::new();
    let keep = |path: &str, bytes: &[u8]| {
        files.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    };
    let count = running.wait(running.service.records().tiles(keep)).unwrap();
    assert_eq!(files.len() as u64, count);
    let (_, key) = running.wait(running.service.records().audit_checkpoint()).unwrap();
    let root = key.open(std::str::from_utf8(&files["checkpoint"]).unwrap()).unwrap();
    assert_eq!(root.size, SIZE);

    // From here on there are the files alone.
    let (mut nodes, mut leaves) = (Nodes::new(), Vec::new());
    for tile in Tile::all(root.size) {
        let file = &files[&format!("tile/{tile}")];
        match tile.holds {
            Holds::Hashes(_) => nodes.extend(tile.read(file).unwrap()),
            Holds::Entries => leaves.extend(read_bundle(file).unwrap()),
        }
    }
    assert_eq!(merkle::root(root.size, &nodes), Some(root.root));
    let hashes: Vec<ContentHash> = leaves.iter().map(|leaf| merkle::leaf_hash(leaf)).collect();
    let (size, anew) = merkle::build(hashes.iter().copied());
    assert_eq!((size, merkle::root(size, &anew)), (SIZE, Some(root.root)));
    for index in [0, 255, 256, 511, 512, 599] {
        let proof: Vec<ContentHash> =
            merkle::inclusion(index, size).into_iter().map(|range| merkle::fold(range, &nodes).unwrap()).collect();
        assert!(merkle::includes(hashes[index as usize], index, size, &proof, root.root), "{index}");
    }
}

#[test]
fn tiles_are_served_as_they_are_exported() {
    let server = TestServer::start();
    let form = crate::support::form(&[crate::support::CLAIM, ("photo", Some("1.png"), &photo(1))]);
    assert_eq!(server.send(&form, &[]).status, 200);
    let tile = server.get("/v1/audit/tile/0/000.p/3");
    assert_eq!((tile.status, tile.headers["content-type"].as_str()), (200, "application/octet-stream"));
    let bundle = server.get("/v1/audit/tile/entries/000.p/3");
    let hashes: Vec<u8> =
        read_bundle(&bundle.bytes).unwrap().iter().flat_map(|leaf| merkle::leaf_hash(leaf).0).collect();
    assert_eq!(tile.bytes, hashes);
    assert_eq!(server.get("/v1/audit/tile/0/000.p/2").bytes, hashes[..64]);
    for none in ["0/000", "0/000.p/4", "entries/000.p/4", "entries/001.p/1", "1/000.p/1", "0/0", "x", ""] {
        assert_eq!(server.get(&format!("/v1/audit/tile/{none}")).problem(), (404, "not_found".to_owned()), "{none}");
    }
}
