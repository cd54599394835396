//! CSV, as jobs take and give it: a header, rows, one of six delimiters and one of two line endings.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/datafiles_csv_valid_record_rows.htm

use csv::{QuoteStyle, ReaderBuilder, Terminator, WriterBuilder};

const DELIMITERS: [(&str, u8); 6] = [
    ("COMMA", b','),
    ("TAB", b'\t'),
    ("SEMICOLON", b';'),
    ("PIPE", b'|'),
    ("CARET", b'^'),
    ("BACKQUOTE", b'`'),
];

#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(super) struct Layout {
    delimiter: u8,
    carriage_return: bool,
}

#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Table {
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Layout {
    pub(super) fn named(delimiter: &str, ending: &str) -> Option<Self> {
        let (_, delimiter) = DELIMITERS.into_iter().find(|(name, _)| *name == delimiter)?;
        let carriage_return = match ending {
            "LF" => false,
            "CRLF" => true,
            _ => return None,
        };
        Some(Self { delimiter, carriage_return })
    }

    pub(super) fn delimiter(self) -> &'static str {
        DELIMITERS.iter().find(|(_, byte)| *byte == self.delimiter).map_or("COMMA", |(name, _)| *name)
    }

    pub(super) fn ending(self) -> &'static str {
        if self.carriage_return { "CRLF" } else { "LF" }
    }

    /// Header and rows, or what is wrong with them in Salesforce's words.
    pub(super) fn read(self, text: &[u8]) -> Result<Table, String> {
        let first_line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if first_line.ends_with(b"\r") != self.carriage_return && text.contains(&b'\n') {
            return Err(format!(
                "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {}",
                self.ending()
            ));
        }
        let mut reader = ReaderBuilder::new().delimiter(self.delimiter).from_reader(text);
        let wrong = |error: csv::Error| format!("InvalidBatch : The 'CSV' content can't be read: {error}");
        let header: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for row in reader.records() {
            rows.push(row.map_err(wrong)?.iter().map(str::to_owned).collect());
        }
        Ok(Table { header, rows })
    }

    /// Every value in quotes, as results are written.
    pub(super) fn write(self, header: &[String], rows: &[Vec<String>]) -> Vec<u8> {
        let ending = if self.carriage_return { Terminator::CRLF } else { Terminator::Any(b'\n') };
        let mut writer = WriterBuilder::new()
            .delimiter(self.delimiter)
            .terminator(ending)
            .quote_style(QuoteStyle::Always)
            .from_writer(Vec::new());
        for row in std::iter::once(header).chain(rows.iter().map(Vec::as_slice)) {
            if writer.write_record(row).is_err() {
                return Vec::new();
            }
        }
        writer.into_inner().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_and_written_with_its_delimiter_and_line_ending() {
        let layout = Layout::named("SEMICOLON", "CRLF").unwrap();
        let table = layout.read(b"Name;Phone\r\n\"A;\nB\";1\r\n").unwrap();
        assert_eq!(
            (table.header.as_slice(), table.rows[0][0].as_str()),
            (&["Name".to_owned(), "Phone".into()][..], "A;\nB")
        );
        let text = layout.write(&table.header, &table.rows);
        assert_eq!(String::from_utf8(text).unwrap(), "\"Name\";\"Phone\"\r\n\"A;\nB\";\"1\"\r\n");
        let wrong = Layout::named("COMMA", "LF").unwrap().read(b"Name\r\nA\r\n").unwrap_err();
        assert_eq!(
            wrong,
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF"
        );
        assert!(Layout::named("COMMA", "LF").unwrap().read(b"A,B\n1\n").is_err());
        assert!(Layout::named("SPACE", "LF").is_none());
    }
}
