//! The architecture, held by reading the sources: an arrow that points back fails here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Which rooms of the shared crate each room may name.
fn arrows() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("domain", &["domain"] as &[_]),
        ("expression", &["expression", "domain"]),
        ("ports", &["ports", "domain"]),
        ("flow", &["flow", "ports", "expression", "domain"]),
        ("connectors", &["connectors", "ports", "expression", "domain"]),
        ("aws", &["aws", "ports", "domain"]),
        ("embedded", &["embedded", "ports", "domain"]),
        ("runtime", &["runtime", "flow", "connectors", "aws", "embedded", "ports", "expression", "domain"]),
    ])
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            found.push((path, text));
        }
    }
    found
}

/// The rooms that a source names: `crate::flow::…`, also inside `use crate::{flow, …}`.
fn rooms_named(text: &str) -> Vec<String> {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let list = list.split("};").next().unwrap_or_default();
            rooms.extend(list.split(',').filter_map(first_name));
        } else {
            rooms.extend(first_name(rest));
        }
    }
    rooms
}

fn first_name(text: &str) -> Option<String> {
    let name: String =
        text.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

#[test]
fn no_arrow_between_rooms_points_back() {
    let mut wrong = Vec::new();
    for (room, allowed) in arrows() {
        for (path, text) in sources(&root().join("shared").join(room)) {
            // What only tests name is no arrow of the product.
            let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let in_tests =
                path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
            for named in rooms_named(product) {
                if !in_tests && arrows().contains_key(named.as_str()) && !allowed.contains(&named.as_str()) {
                    wrong.push(format!("{} names `{named}`", path.display()));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_two_connectors_dont_know_each_other() {
    for (one, other) in [("salesforce", "xero"), ("xero", "salesforce")] {
        for (path, text) in sources(&root().join("shared/connectors").join(one)) {
            assert!(!text.contains(&format!("connectors::{other}")), "{} names {other}", path.display());
        }
    }
}

#[test]
fn the_flow_room_names_no_provider_of_the_cloud_and_no_store() {
    for (path, text) in sources(&root().join("shared/flow")) {
        for word in ["aws_sdk", "rusqlite", "reqwest", "lambda_runtime"] {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn the_sandbox_uses_nothing_of_ours() {
    for (path, text) in sources(&root().join("infra/sandbox")) {
        assert!(!text.contains("use counterfoil::"), "{} names the product", path.display());
    }
}

#[test]
fn only_runtime_reads_the_environment() {
    for room in arrows().keys().filter(|room| **room != "runtime") {
        for (path, text) in sources(&root().join("shared").join(room)) {
            let in_tests = path.components().any(|part| part.as_os_str() == "tests");
            assert!(in_tests || !text.contains("env::var"), "{} reads the environment", path.display());
        }
    }
}

#[test]
fn every_main_of_a_function_is_a_sentence() {
    let functions = fs::read_dir(root().join("functions")).expect("the functions");
    let mut seen = 0;
    for entry in functions {
        let main = entry.expect("an entry").path().join("main.rs");
        let Ok(text) = fs::read_to_string(&main) else { continue };
        seen += 1;
        assert!(text.lines().count() < 40, "{} has {} lines", main.display(), text.lines().count());
        let decides = text.lines().any(|line| line.trim_start().starts_with("if "));
        assert!(!decides, "{} decides something", main.display());
    }
    assert!(seen >= 5, "{seen} functions");
}

/// The local program builds no AWS crate and no second TLS, and stays small enough to be built in minutes.
#[test]
fn the_local_program_is_small_and_free_of_aws() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("the lock file");
    assert!(!lock.contains("name = \"aws-lc-rs\""), "a second TLS came in");
    let tree = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "-p",
            "counterfoil-local",
            "-e",
            "normal,build",
            "--prefix",
            "none",
            "-f",
            "{p}",
        ])
        .current_dir(root())
        .output()
        .expect("cargo tree");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8_lossy(&tree.stdout).into_owned();
    let mut crates: Vec<&str> = text.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    crates.sort_unstable();
    crates.dedup();
    assert!(!crates.iter().any(|name| name.starts_with("aws-")), "{crates:#?}");
    assert!(crates.len() <= 350, "{} crates", crates.len());
    println!("{} crates", crates.len());
}
