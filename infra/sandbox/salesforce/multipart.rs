//! A record and its bytes in one request: `multipart/form-data` with a JSON part and a binary part.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/dome-sobject-insert-update-blob.html
//! The JSON part is the one without a file name; the binary part is named by its field.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::answer::Refused;
use super::store::Fields;

/// The record's fields, the bytes among them in base64 as a JSON request would have them.
pub(crate) fn fields(content_type: &str, body: &[u8]) -> Result<Fields, Refused> {
    let wrong = |what: &str| Refused::new(400, "INVALID_MULTIPART_REQUEST", what);
    let boundary = content_type.split(';').find_map(|part| part.trim().strip_prefix("boundary="));
    let boundary = boundary.ok_or_else(|| wrong("the boundary is missing"))?.trim_matches('"');
    let mut fields = Fields::new();
    for part in parts(body, boundary) {
        let (name, has_file, content) = part.ok_or_else(|| wrong("a part has no name"))?;
        if has_file {
            fields.insert(name, STANDARD.encode(content).into());
            continue;
        }
        match serde_json::from_slice(content) {
            Ok(Value::Object(given)) => fields.extend(given),
            _ => return Err(wrong(&format!("the part {name} must be a JSON object"))),
        }
    }
    Ok(fields)
}

type Part<'a> = Option<(String, bool, &'a [u8])>;

/// Name, whether it is a file, content; none for a part that can't be read.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<Part<'a>> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(start) = find(rest, delimiter.as_bytes()) {
        rest = &rest[start + delimiter.len()..];
        if rest.starts_with(b"--") {
            break;
        }
        let end = find(rest, delimiter.as_bytes()).unwrap_or(rest.len());
        parts.push(part(&rest[..end]));
    }
    parts
}

fn part(text: &[u8]) -> Part<'_> {
    let start = find(text, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&text[..start]).ok()?;
    let content = &text[start + 4..];
    let content = content.strip_suffix(b"\r\n").unwrap_or(content);
    let disposition =
        head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let said = |what: &str| {
        let value = disposition.split(';').find_map(|it| it.trim().strip_prefix(what))?;
        Some(value.trim_matches('"').to_owned())
    };
    Some((said("name=")?, said("filename=").is_some(), content))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_part_gives_the_fields_and_the_file_part_the_bytes() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"entity_content\"\r\nContent-Type: application/json\r\n\r\n\
            {\"Title\":\"A\"}\r\n--x\r\nContent-Disposition: form-data; name=\"VersionData\"; filename=\"a.txt\"\r\n\r\n\
            a\r\nb\r\n--x--\r\n";
        let read = fields("multipart/form-data; boundary=\"x\"", body).unwrap();
        assert_eq!((&read["Title"], &read["VersionData"]), (&"A".into(), &STANDARD.encode("a\r\nb").into()));
        assert!(fields("multipart/form-data", body).is_err());
        assert!(fields("multipart/form-data; boundary=x", b"--x\r\n\r\n\r\n--x--").is_err());
    }
}
