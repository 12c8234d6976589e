//! What the tests of several files here paint with.

/// A PDF whose catalogue is object 1 and whose page tree, with these kids, object 2; `objects` follow from 3 on.
///
/// It has no cross-reference table: readers then search for objects, as viewers do.
pub(crate) fn pdf(kids: &[&str], objects: &[Vec<u8>]) -> Vec<u8> {
    let tree = format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), kids.len());
    let head = [b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(), tree.into_bytes()];
    let mut out = b"%PDF-1.7\n".to_vec();
    for (i, object) in head.iter().chain(objects).enumerate() {
        out.extend([format!("{} 0 obj\n", i + 1).as_bytes(), object, b"\nendobj\n"].concat());
    }
    out.extend(b"trailer << /Root 1 0 R >>\n%%EOF\n");
    out
}

/// A stream object.
pub(crate) fn stream(dict: &str, data: &[u8]) -> Vec<u8> {
    [format!("<< {dict} /Length {} >>\nstream\n", data.len()).as_bytes(), data, b"\nendstream"].concat()
}
