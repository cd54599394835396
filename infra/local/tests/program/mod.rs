//! The built program as a process, and plain HTTP to what it listens on.
#![allow(dead_code, reason = "each test program uses its part of it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

pub(crate) fn counterfoil(data: &Path, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
    command.args(words.split(' ')).env("COUNTERFOIL_DATA", data).env_remove("RUST_LOG");
    command
}

pub(crate) fn run(data: &Path, words: &str) -> Output {
    counterfoil(data, words).stdin(Stdio::null()).output().expect("the program starts")
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

/// The one document on standard output.
pub(crate) fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

pub(crate) fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Ended when the test ends, however it ends.
pub(crate) struct Running {
    child: Child,
    words: BufReader<std::process::ChildStderr>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let words = BufReader::new(child.stderr.take().expect("is piped"));
        Self { child, words }
    }

    /// The first line that begins so, without its beginning.
    pub(crate) fn said(&mut self, beginning: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            assert!(self.words.read_line(&mut line).expect("is text") > 0, "it ended, and said only {all}");
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.trim().to_owned();
            }
            all.push_str(&line);
        }
    }

    /// How it ends by itself.
    pub(crate) fn ended(mut self) -> i32 {
        self.child.wait().expect("ends").code().expect("by itself")
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(mut self) -> i32 {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().expect("kill runs");
        assert!(sent.success());
        self.child.wait().expect("ends").code().expect("by itself")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn post(address: &str, path: &str, body: &str) -> String {
    let head = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    ask(address, &format!("POST {path}"), &head, body)
}

pub(crate) fn get(address: &str, path: &str) -> String {
    ask(address, &format!("GET {path}"), "", "")
}

/// What stands between the two, once and for the first time.
pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("{start} in {text}")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("{end} in {rest}")).0
}

pub(crate) fn ask(address: &str, what: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    let request = format!("{what} HTTP/1.1\r\nhost: {address}\r\n{head}connection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).expect("is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("is answered");
    answer
}
