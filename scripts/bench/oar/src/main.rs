//! Reads the pictures named on standard input with oar-ocr, as its preset for PP-OCRv6 small does: one JSON array a
//! picture, of `[corners, text]` for each region. The models lie in the current folder.

use oar_ocr::oarocr::PpOcrV6Size;
use oar_ocr::prelude::*;
use std::io::{BufRead, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let one_thread = oar_ocr::core::config::OrtSessionConfig::new().with_intra_threads(1).with_inter_threads(1);
    let ocr = OAROCRBuilder::pp_ocrv6(PpOcrV6Size::Small).ort_session(one_thread).build()?;
    for line in std::io::stdin().lock().lines() {
        let results = ocr.predict(vec![load_image(std::path::Path::new(&line?))?])?;
        let regions = results[0].text_regions.iter().filter_map(|region| {
            let (text, _) = region.text_with_confidence()?;
            let corners: Vec<[f32; 2]> = region.bounding_box.points.iter().map(|p| [p.x, p.y]).collect();
            Some(serde_json::json!([corners, text]))
        });
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", regions.collect::<serde_json::Value>())?;
        out.flush()?;
    }
    Ok(())
}
