//! The one place that prints: documents and tables on standard output, words on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use counterfoil::domain::outcome::Failure;
use counterfoil::flow::FlowError;
use counterfoil::runtime::local_stack::LocalError;
use serde::Serialize;

/// One JSON document on standard output: what `--json` promises. Call it once.
pub(crate) fn document(document: &impl Serialize) -> anyhow::Result<()> {
    out(&serde_json::to_string_pretty(document)?);
    Ok(())
}

/// A line for people on standard output: the answer to what they asked. Never with `--json`.
pub(crate) fn line(text: impl AsRef<str>) {
    out(text.as_ref());
}

/// A text as it is, on standard output: an exported file.
pub(crate) fn text(text: &str) {
    let _ = write!(std::io::stdout(), "{text}");
}

/// A word to people on standard error: what is being done, advice.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
}

/// The last word of a command that failed: `code: message`.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    let failure = failure_of(error);
    note(format!("{}: {}", failure.code, failure.message));
    ExitCode::from(1)
}

/// The stable code of an error, and its message with what stands around it.
fn failure_of(error: &anyhow::Error) -> Failure {
    let (code, bare) = if let Some(error) = error.downcast_ref::<FlowError>() {
        let failure = error.failure();
        (failure.code, Some(failure.message))
    } else if let Some(failure) = error.downcast_ref::<Failure>() {
        (failure.code.clone(), Some(failure.message.clone()))
    } else if let Some(error) = error.downcast_ref::<LocalError>() {
        (error.code().to_owned(), None)
    } else {
        ("failed".to_owned(), None)
    };
    // A failure's own text begins with its code, which is said once.
    let message = match bare {
        Some(message) if error.chain().len() == 1 || error.to_string().starts_with(&code) => message,
        _ => format!("{error:#}"),
    };
    Failure::new(code, message)
}

/// Columns as wide as they need to be.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let print = |cells: &[String]| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out(padded.join("  ").trim_end());
    };
    print(&headings.iter().map(|heading| (*heading).to_owned()).collect::<Vec<_>>());
    for row in rows {
        print(row);
    }
}

/// How long ago, in the largest unit that says enough.
pub(crate) fn age(now: jiff::Timestamp, at: jiff::Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// How far a long work is: drawn on a terminal, silent elsewhere.
pub(crate) fn progress(length: u64, what: &'static str) -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let style = indicatif::ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {elapsed}");
    let bar = indicatif::ProgressBar::new(length).with_message(what);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The log goes to standard error; `RUST_LOG` says how much of it.
pub(crate) fn start_telemetry() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing_subscriber::filter::LevelFilter::WARN.into())
        .from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Who reads us may have gone (`| head`): that is no error.
fn out(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
