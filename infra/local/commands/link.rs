//! `counterfoil link`: which document was made for which record; to look at, to take along, to bring in.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use counterfoil::domain::Value;
use counterfoil::domain::ids::{ConnectionId, LinkName};
use counterfoil::domain::link::{Link as Kept, LinkState};
use counterfoil::domain::outcome::Failure;
use counterfoil::flow::links::{self, Brought};
use serde_json::json;

use crate::output;
use crate::place::Place;

const EXAMPLES: &str = "\
Examples:
  counterfoil link list --name invoice
  counterfoil link export > links.csv
  counterfoil link export --format jsonl --connection books > links.jsonl
  counterfoil link import links.csv

A file to import has the columns connection, name, key and id; further columns become fields of the document, for
steps that ask for them (InvoiceNumber). Or JSON, one object a line, with the same names.";

/// Documents that were made, remembered by the record that they were made for
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Link {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Shows links
    List {
        #[command(flatten)]
        which: Which,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Writes links to standard output, as `import` takes them
    Export {
        #[command(flatten)]
        which: Which,
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
    },
    /// Brings links in, all of them or none that is wrong
    Import {
        /// CSV, or JSON lines (`.json`, `.jsonl`)
        file: PathBuf,
        /// Let another id take the place of the one that is there
        #[arg(long)]
        replace: bool,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Only links of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only links of this connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Csv,
    Jsonl,
}

impl Link {
    pub(crate) async fn perform(self, place: &Place) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::List { which, json } => list(place, which, json).await?,
            Command::Export { which, format } => export(place, which, format).await?,
            Command::Import { file, replace, json } => import(place, &file, replace, json).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn kept(place: &Place, which: Which) -> anyhow::Result<Vec<Kept>> {
    let (connection, name) = (which.connection.map(ConnectionId::new), which.name.map(LinkName::new));
    Ok(links::list(&place.existing()?, connection.as_ref(), name.as_ref()).await?)
}

async fn list(place: &Place, which: Which, json: bool) -> anyhow::Result<()> {
    let kept = kept(place, which).await?;
    if json {
        return output::document(&kept);
    }
    let rows: Vec<Vec<String>> = kept
        .iter()
        .map(|link| {
            let (id, number) = match &link.state {
                LinkState::Making => ("(being made)".to_owned(), String::new()),
                LinkState::Made { id, document } => (id.clone(), number(document)),
            };
            let by = link.run.map_or_else(|| "imported".to_owned(), |run| run.to_string());
            vec![link.connection.to_string(), link.name.to_string(), link.key.clone(), id, number, by]
        })
        .collect();
    output::table(&["CONNECTION", "NAME", "KEY", "ID", "NUMBER", "RUN"], &rows);
    Ok(())
}

/// What people know a document by.
fn number(document: &Value) -> String {
    let fields = document.as_object().into_iter().flatten();
    let number = fields.into_iter().find(|(name, value)| name.ends_with("Number") && value.is_string());
    number.and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
}

/// A link that is being made is no document yet, and stays behind.
async fn export(place: &Place, which: Which, format: Format) -> anyhow::Result<()> {
    let mut left = 0;
    let mut rows = Vec::new();
    for link in kept(place, which).await? {
        match link.state {
            LinkState::Made { id, document } => {
                rows.push((link.connection, link.name, link.key, id, document))
            }
            LinkState::Making => left += 1,
        }
    }
    match format {
        Format::Csv => {
            let mut csv = csv::Writer::from_writer(Vec::new());
            csv.write_record(["connection", "name", "key", "id"])?;
            for (connection, name, key, id, _) in &rows {
                csv.write_record([connection.as_str(), name.as_str(), key, id])?;
            }
            output::text(&String::from_utf8(csv.into_inner()?)?);
        }
        Format::Jsonl => {
            for (connection, name, key, id, document) in &rows {
                let mut line = json!({ "connection": connection, "name": name, "key": key, "id": id });
                let further = document.as_object().into_iter().flatten().filter(|(field, _)| *field != "_id");
                for (field, value) in further {
                    if line.get(field).is_none() {
                        line[field] = value.clone();
                    }
                }
                output::line(line.to_string());
            }
        }
    }
    if left > 0 {
        output::note(format!("{left} links are being made and were left out"));
    }
    Ok(())
}

async fn import(place: &Place, file: &PathBuf, replace: bool, json: bool) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    let lines = file.extension().is_some_and(|extension| extension == "json" || extension == "jsonl");
    let objects = if lines { json_lines(&text) } else { csv_rows(&text) };
    let brought = objects.and_then(|objects| brought(&objects)).map_err(|wrong| {
        Failure::new(
            "unreadable_links",
            format!("nothing was imported:\n{}", in_file(&wrong, &file.display().to_string())),
        )
    })?;
    let imported = links::import(&place.existing()?, brought, replace).await?;
    if json {
        return output::document(&imported);
    }
    output::line(format!(
        "{} links added, {} replaced, {} were there already",
        imported.added, imported.replaced, imported.unchanged
    ));
    Ok(())
}

fn in_file(wrong: &[(usize, String)], file: &str) -> String {
    let lines = wrong.iter().map(|(line, what)| format!("{file}:{line}: {what}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What was read, or everything that is wrong, by line.
type Read<T> = Result<T, Vec<(usize, String)>>;

fn json_lines(text: &str) -> Read<Vec<(usize, Value)>> {
    let mut objects = Vec::new();
    let mut wrong = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str::<Value>(line) {
            Ok(value) if value.is_object() => objects.push((at + 1, value)),
            Ok(_) => wrong.push((at + 1, "a line must be a JSON object".to_owned())),
            Err(error) => wrong.push((at + 1, error.to_string())),
        }
    }
    if wrong.is_empty() { Ok(objects) } else { Err(wrong) }
}

fn csv_rows(text: &str) -> Read<Vec<(usize, Value)>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headings = reader.headers().map_err(|error| vec![(1, error.to_string())])?.clone();
    let mut rows = Vec::new();
    let mut wrong = Vec::new();
    for (at, record) in reader.records().enumerate() {
        match record {
            Ok(record) => {
                let line =
                    record.position().map_or(at + 2, |place| usize::try_from(place.line()).unwrap_or(at + 2));
                let cells = headings.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
                rows.push((line, cells.map(|(name, cell)| (name.to_owned(), Value::from(cell))).collect()));
            }
            Err(error) => wrong.push((at + 2, error.to_string())),
        }
    }
    if wrong.is_empty() { Ok(rows) } else { Err(wrong) }
}

fn brought(objects: &[(usize, Value)]) -> Read<Vec<Brought>> {
    let mut brought = Vec::new();
    let mut wrong = Vec::new();
    for (line, object) in objects {
        let mut fields = object.as_object().cloned().unwrap_or_default();
        let mut take = |name: &str| match fields.shift_remove(name) {
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            _ => Err((*line, format!("`{name}` is missing or empty"))),
        };
        match (take("connection"), take("name"), take("key"), take("id")) {
            (Ok(connection), Ok(name), Ok(key), Ok(id)) => brought.push(Brought {
                connection: ConnectionId::new(connection),
                name: LinkName::new(name),
                key,
                id,
                document: fields,
            }),
            (connection, name, key, id) => {
                wrong.extend([connection, name, key, id].into_iter().filter_map(Result::err));
            }
        }
    }
    if wrong.is_empty() { Ok(brought) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_and_json_lines_bring_the_same() {
        let csv = "connection,name,key,id,InvoiceNumber\nbooks,invoice,006A,1,INV-1\n";
        let json = "{\"connection\":\"books\",\"name\":\"invoice\",\"key\":\"006A\",\"id\":1,\"InvoiceNumber\":\"INV-1\"}\n";
        let from_csv = brought(&csv_rows(csv).unwrap()).unwrap();
        assert_eq!(from_csv, brought(&json_lines(json).unwrap()).unwrap());
        assert_eq!(from_csv[0].document["InvoiceNumber"], "INV-1");
    }

    #[test]
    fn every_line_that_is_wrong_is_named() {
        let wrong =
            brought(&csv_rows("connection,name,key,id\nbooks,invoice,006A,\n,invoice,006B,2\n").unwrap());
        assert_eq!(
            in_file(&wrong.unwrap_err(), "l.csv"),
            "l.csv:2: `id` is missing or empty\nl.csv:3: `connection` is missing or empty"
        );
    }
}
