//! Lines of text as a small PDF: one typeface, as many pages as it takes. Knows no document.
//!
//! Written by hand after ISO 32000-1, §7.5 (file structure) and §9.4 (text), because nothing more is needed.

/// Letters in a line and lines on a page, at 9 points on A4.
pub(crate) const COLUMNS: usize = 90;
const ROWS: usize = 60;

/// What comes before the objects of the pages: catalog, list of pages, typeface, information.
const FIRST_PAGE: usize = 5;

pub(crate) fn of_lines(title: &str, lines: &[String]) -> Vec<u8> {
    let pages: Vec<&[String]> = if lines.is_empty() { vec![&[]] } else { lines.chunks(ROWS).collect() };
    let numbers: Vec<String> =
        (0..pages.len()).map(|page| format!("{} 0 R", FIRST_PAGE + 2 * page)).collect();
    let mut objects: Vec<Vec<u8>> = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", numbers.join(" "), pages.len()).into_bytes(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>".to_vec(),
        [b"<< /Title ", string(title).as_slice(), b" >>"].concat(),
    ];
    for (page, lines) in pages.into_iter().enumerate() {
        let content = FIRST_PAGE + 2 * page + 1;
        objects.push(
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {content} 0 R \
                 /Resources << /Font << /F1 3 0 R >> >> >>"
            )
            .into_bytes(),
        );
        let drawn = drawn(lines);
        let head = format!("<< /Length {} >>\nstream\n", drawn.len());
        objects.push([head.as_bytes(), &drawn, b"\nendstream"].concat());
    }
    file(&objects)
}

/// Begins at the top left, and goes down by 12 points a line.
fn drawn(lines: &[String]) -> Vec<u8> {
    let mut text = b"BT /F1 9 Tf 12 TL 54 780 Td\n".to_vec();
    for line in lines {
        text.extend(string(line));
        text.extend(b" Tj T*\n");
    }
    text.extend(b"ET");
    text
}

/// In parentheses, in the letters that the typeface has.
fn string(text: &str) -> Vec<u8> {
    let mut bytes = vec![b'('];
    for letter in text.chars() {
        let byte = match letter {
            '\u{20ac}' => 0x80,
            '\u{2018}' => 0x91,
            '\u{2019}' => 0x92,
            '\u{201c}' => 0x93,
            '\u{201d}' => 0x94,
            '\u{2013}' => 0x96,
            '\u{2014}' => 0x97,
            ' '..='~' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(letter)).unwrap_or(b'?'),
            _ => b'?',
        };
        if matches!(byte, b'(' | b')' | b'\\') {
            bytes.push(b'\\');
        }
        bytes.push(byte);
    }
    bytes.push(b')');
    bytes
}

/// The objects, and where each of them begins.
fn file(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (object, number) in objects.iter().zip(1..) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{number} 0 obj\n").into_bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let start = file.len();
    file.extend(table.into_bytes());
    let size = objects.len() + 1;
    file.extend(
        format!("trailer\n<< /Size {size} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{start}\n%%EOF\n")
            .into_bytes(),
    );
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes as text, one letter each.
    fn latin(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    }

    #[test]
    fn every_object_is_where_the_table_says() {
        let lines: Vec<String> = (0..61).map(|line| format!("line {line}")).collect();
        let file = of_lines("Two pages", &lines);
        let text = latin(&file);
        let start: usize =
            text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        let table = latin(&file[start..]);
        let table: Vec<&str> = table.lines().collect();
        assert_eq!((table[0], table[1]), ("xref", "0 9"));
        for (number, row) in (1..9).zip(&table[3..]) {
            let at: usize = row[..10].parse().unwrap();
            assert!(file[at..].starts_with(format!("{number} 0 obj").as_bytes()), "{number}");
        }
        assert!(text.contains("/Count 2"));
    }

    #[test]
    fn letters_that_the_typeface_lacks_are_question_marks_and_parentheses_are_escaped() {
        assert_eq!(string("(a\\)"), b"(\\(a\\\\\\))");
        assert_eq!(latin(&string("\u{e9}\u{20ac}\u{4f60}")), "(\u{e9}\u{80}?)");
    }
}
