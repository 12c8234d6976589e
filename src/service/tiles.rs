//! The log as static files, C2SP `tlog-tiles`: whoever mirrors it needs nothing but these.

use super::{Records, ServiceError};
use crate::audit::tiles::Tile;
use crate::store::{Snapshot, StoreError};

impl Records {
    /// One file; `None` if the log does not reach so far.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub async fn tile(&self, tile: &Tile) -> Result<Option<Vec<u8>>, ServiceError> {
        Ok(file(&mut self.store.snapshot().await?, tile).await?)
    }

    /// Hands over every file of the log at one moment, by its path, the checkpoint last; gives how many there are. One
    /// at a time is held in memory.
    ///
    /// # Errors
    /// If the log cannot be read or is damaged, or `keep` fails.
    pub async fn tiles(&self, mut keep: impl FnMut(&str, &[u8]) -> std::io::Result<()>) -> Result<u64, ServiceError> {
        let mut snapshot = self.store.snapshot().await?;
        snapshot.take_time().await?;
        let head = snapshot.proved(&[]).await?;
        let root = head.key.open(&head.note).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        let mut files = 1;
        for tile in Tile::all(root.size) {
            let lost = || StoreError::Corrupt("the tree over the log is incomplete".to_owned());
            let bytes = file(&mut snapshot, &tile).await?.ok_or_else(lost)?;
            keep(&format!("tile/{tile}"), &bytes)?;
            files += 1;
        }
        keep("checkpoint", head.note.as_bytes())?;
        Ok(files)
    }
}

async fn file(snapshot: &mut Snapshot, tile: &Tile) -> Result<Option<Vec<u8>>, StoreError> {
    if let Some((level, from, to)) = tile.nodes() {
        let nodes = snapshot.nodes_between(level, from, to).await?;
        return Ok(tile.of_nodes(&nodes));
    }
    let Some((from, to)) = tile.entries() else { return Ok(None) };
    let entries = snapshot.entries_between(from, to).await?;
    match tile.of_entries(&entries) {
        None if entries.len() as u64 == tile.width => Err(StoreError::Corrupt("a log entry is malformed".to_owned())),
        file => Ok(file),
    }
}
