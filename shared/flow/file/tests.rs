//! The grammar as a table of good and bad files, against a small catalog of our own.

use serde_json::json;

use super::{Problem, Reading, check, read};
use crate::domain::flow::*;
use crate::flow::made_up::catalog;

/// A flow around some steps.
fn with_steps(steps: &str) -> String {
    let steps: String = steps.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "flow: example\ntrigger:\n  type: salesforce.updated_record\n  object: Opportunity\n  fields: [Id, Name]\n\
         tables:\n  account: {{ Hardware: 090, default: \"200\" }}\nsettings: {{ days: 20 }}\nsteps:\n{steps}"
    )
}

fn load(path: &str) -> Result<String, String> {
    match path {
        "accounts.csv" => Ok("family,account\nHardware,090\n".to_owned()),
        _ => Err("there is no such file".to_owned()),
    }
}

fn good(text: &str) -> Flow {
    read(text, "f.yaml", &catalog(), &load).unwrap_or_else(|problems| panic!("{}", shown(&problems)))
}

fn bad(text: &str) -> Vec<Problem> {
    let Reading { flow, problems, .. } = check(text, "f.yaml", &catalog(), &load);
    assert!(flow.is_none(), "it was taken:\n{text}");
    problems
}

/// The one problem of some steps.
fn only(steps: &str) -> Problem {
    let problems = bad(&with_steps(steps));
    assert_eq!(problems.len(), 1, "{}", shown(&problems));
    problems.into_iter().next().unwrap()
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

fn action(step: &Step) -> &ActionStep {
    match &step.kind {
        StepKind::Action(action) => action,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_misspelled_action_is_found_with_its_line_and_the_name_that_was_meant() {
    let problem = only("- action: xero.create_invoyce\n  with: { anything: goes }");
    assert_eq!(
        problem.to_string(),
        "f.yaml:10:13: unknown_action: there is no action `xero.create_invoyce` (did you mean xero.create_invoice?)"
    );
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_lines() {
    let text = "flow: Example\ntitel: Oops\ntrigger:\n  type: salesforce.updated_record\n  object: Opportunity\n\
                steps:\n  - action: xero.create_invoice\n    with: { Contact: { ContactID: x }, Dat: 2026-01-01 }\n\
                \x20   link: 1st\n  - action: xero.upsert_contact\n    match: [Nmae]\n    with: { Name: \"{{ steps.gone.X }}\" }\n";
    let codes: Vec<(usize, &str)> = bad(text).iter().map(|problem| (problem.line, problem.code)).collect();
    assert_eq!(
        codes,
        [
            (1, "bad_name"),
            (2, "unknown_field"),
            (8, "unknown_field"),
            (9, "bad_name"),
            (11, "unknown_match"),
            (12, "unknown_step"),
        ],
        "{}",
        shown(&bad(text))
    );
}

#[test]
fn text_fields_take_scalars_as_written_and_numbers_keep_their_text() {
    let flow = good(&with_steps(
        "- action: xero.create_invoice\n  with:\n    Contact: { ContactID: 090 }\n    Date: 2026-01-01\n    \
         Reference: NO\n    LineItems:\n      - { Description: 1.10, UnitAmount: 1.10, Quantity: '2' }\n\
         - action: salesforce.update_record\n  with: { object: Account, id: 1, fields: { A: 1.10, B: 090, C: NO, D: 2026-01-01, E: true, F: null } }",
    ));
    let invoice = &action(&flow.steps[0]).with;
    assert_eq!(invoice["Contact"]["ContactID"], json!("090"));
    assert_eq!(invoice["Date"], json!("2026-01-01"));
    assert_eq!(invoice["Reference"], json!("NO"));
    assert_eq!(invoice["LineItems"][0]["Description"], json!("1.10"));
    assert!(invoice["LineItems"][0]["UnitAmount"].is_number());
    assert_eq!(invoice["LineItems"][0]["UnitAmount"].to_string(), "1.10");
    assert!(invoice["LineItems"][0]["Quantity"].is_number());
    let fields = &action(&flow.steps[1]).with["fields"];
    assert_eq!(fields.to_string(), r#"{"A":1.10,"B":"090","C":"NO","D":"2026-01-01","E":true,"F":null}"#);
    assert_eq!(action(&flow.steps[1]).with["id"], json!("1"));
    assert_eq!(flow.tables["account"]["Hardware"], json!("090"));
    assert_eq!(flow.settings["days"].to_string(), "20");
}

#[test]
fn a_missing_input_and_a_wrong_shape_say_where_they_belong() {
    let problem = only("- action: xero.create_invoice\n  with: { LineItems: [] }");
    assert_eq!((problem.code, problem.line), ("missing_input", 11));
    assert_eq!(problem.message, "with needs `Contact`");

    let problem = only(
        "- action: xero.create_invoice\n  with:\n    Contact: { ContactID: x }\n    LineItems: [{ Quantity: many }]",
    );
    assert_eq!((problem.code, problem.line, problem.column), ("wrong_shape", 13, 31));
    assert_eq!(problem.message, "with.LineItems[0].Quantity is a number, but this is `many`");

    let problem = only(
        "- action: xero.create_invoice\n  with:\n    Contact: { ContactID: x }\n    LineItems: { Quantity: 1 }",
    );
    assert_eq!(problem.message, "with.LineItems is a list, but this is a map");

    let problem = only(
        "- action: xero.create_invoice\n  with: { Contact: { ContactID: x }, LineAmountTypes: exclusiv }",
    );
    assert_eq!(problem.code, "unknown_value");
    assert_eq!(problem.advice.as_deref(), Some("did you mean Exclusive?"));

    let problem = only("- action: xero.create_invoice");
    assert_eq!(problem.message, "step create_invoice needs `with`: Contact");

    let problem = only("- action: xero.create_invoice\n  with: { Contact: { ContactID: x }, Reference: }");
    assert_eq!(problem.code, "empty_value");
}

#[test]
fn a_template_stands_for_any_type() {
    let flow = good(&with_steps(
        "- action: xero.create_invoice\n  with:\n    Contact: \"{{ record.contact }}\"\n    \
         LineItems: \"{{ record.lines }}\"\n    SentToContact: \"{{ record.sent }}\"\n    LineAmountTypes: \"{{ record.kind }}\"",
    ));
    assert_eq!(action(&flow.steps[0]).with["LineItems"], json!("{{ record.lines }}"));
}

#[test]
fn a_list_made_of_a_list_is_checked_inside() {
    let each = |with: &str, more: &str| {
        format!(
            "- action: xero.create_invoice\n  with:\n    Contact: {{ ContactID: x }}\n    LineItems:\n      \
             each: record.Lines\n      as: line\n      with: {with}\n      {more}"
        )
    };
    let flow = good(&with_steps(&each(
        "{ Quantity: \"{{ line.Quantity }}\" }",
        "plus: [{ Description: Freight, Quantity: 1 }]\n      when: line.Quantity > 0",
    )));
    let lines = &action(&flow.steps[0]).with["LineItems"];
    assert_eq!(lines["each"], json!("record.Lines"));
    assert_eq!(lines["plus"][0]["Quantity"].to_string(), "1");

    assert_eq!(only(&each("{ Quantitiy: 1 }", "")).advice.as_deref(), Some("did you mean Quantity?"));
    assert_eq!(only(&each("{ Quantity: 1 }", "wehn: x")).advice.as_deref(), Some("did you mean when?"));
    let problem = only("- action: xero.create_invoice\n  with:\n    Contact: { each: record.x, with: {} }");
    assert_eq!(problem.message, "with.Contact is a map of fields, but `each` makes a list");
}

#[test]
fn references_to_steps_must_exist_and_come_before() {
    let problem =
        only("- id: first\n  set: { a: \"x {{ steps.second.b }}\" }\n- id: second\n  set: { b: 1 }");
    assert_eq!((problem.code, problem.line, problem.column), ("step_comes_later", 11, 21));
    let problem =
        only("- id: contact\n  set: { a: 1 }\n- id: next\n  when: steps.contct.a == 1\n  set: { b: 1 }");
    assert_eq!((problem.code, problem.line), ("unknown_step", 13));
    assert_eq!(problem.advice.as_deref(), Some("did you mean contact?"));
    let problem = only("- id: one\n  javascript: |\n    const a = 1\n    return steps.nothing.x + a");
    assert_eq!((problem.code, problem.line, problem.column), ("unknown_step", 13, 14));
}

#[test]
fn the_steps_for_missing_fields_stand_apart_from_the_others() {
    let text = |id: &str| {
        format!(
            "flow: example\ntrigger: {{ type: manual }}\nrequire: [record.Name]\nsteps:\n  - id: a\n    set: {{ x: 1 }}\n\
             if_missing_fields:\n  - id: {id}\n    set: {{ x: \"{{{{ missing.join(', ') }}}}\", y: \"{{{{ steps.a.x }}}}\" }}\n"
        )
    };
    assert_eq!(bad(&text("b")).iter().map(|problem| problem.code).collect::<Vec<_>>(), ["step_comes_later"]);
    assert!(bad(&text("a")).iter().any(|problem| problem.code == "duplicate_id"));
}

#[test]
fn unknown_tables_and_settings_are_found() {
    let problem = only("- set: { a: \"{{ settings.dyas }}\" }");
    assert_eq!((problem.code, problem.advice.as_deref()), ("unknown_setting", Some("did you mean days?")));
    let problem = only("- set: { a: \"{{ table('acount', record.Name) }}\" }");
    assert_eq!((problem.code, problem.advice.as_deref()), ("unknown_table", Some("did you mean account?")));
}

#[test]
fn expressions_that_cannot_be_parsed_are_found_on_their_line() {
    let problem = only("- set:\n    a: \"{{ record.Name\"");
    assert_eq!((problem.code, problem.line), ("bad_expression", 11));
    let problem = only("- set:\n    a: 1\n    b: \"{{ record.Name + }}\"");
    assert_eq!((problem.code, problem.line), ("bad_expression", 12));
    let problem = only("- javascript: |\n    const a = 1\n    return a +* 2\n");
    assert_eq!((problem.code, problem.line), ("bad_expression", 12));
    let problem = only("- when: record.Name ==\n  set: { a: 1 }");
    assert_eq!((problem.code, problem.line), ("bad_expression", 10));
    let problem = only("- set: { a: \"{{ recrod.Name }}\" }");
    assert_eq!((problem.code, problem.advice.as_deref()), ("unknown_name", Some("did you mean record?")));
}

#[test]
fn ids_are_unique_and_needed_where_the_actions_name_is_not() {
    let task = "- action: salesforce.create_task\n  with: { Subject: x }\n";
    let flow = good(&with_steps(&format!(
        "{task}- id: other\n  action: salesforce.create_task\n  with: {{ Subject: y }}"
    )));
    assert_eq!(flow.steps[0].id.as_str(), "create_task");
    assert_eq!(only(&format!("{task}{task}")).code, "id_needed");
    let problem = only("- id: a\n  set: { x: 1 }\n- id: a\n  set: { x: 1 }");
    assert_eq!((problem.code, problem.line), ("duplicate_id", 12));
    assert_eq!(
        only("- id: first-step\n  set: { x: 1 }").advice.unwrap(),
        "letters, digits and _, starting with a letter: first_step"
    );
    assert_eq!(only("- id: _x\n  set: { x: 1 }").code, "bad_name");
    let problem = only("- id: a\n  set: { x: 1 }\n- id: b\n  was: a\n  set: { x: 1 }");
    assert_eq!((problem.code, problem.line), ("duplicate_id", 13));
    let flow = good(&with_steps("- javascript: return 1\n- javascript: return 2\n- stop: true"));
    let ids: Vec<&str> = flow.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["javascript", "javascript_2", "stop"]);
}

#[test]
fn branches_stops_and_what_happens_on_errors_are_read() {
    let flow = good(&with_steps(
        "- id: choice\n  branch:\n    when: record.Name == 'x'\n    steps:\n      - id: a\n        set: { x: 1 }\n    else:\n      - stop: { error: \"no {{ record.Name }}\" }\n\
         - id: note\n  was: old_note\n  action: salesforce.create_task\n  connection: crm\n  when: \"{{ steps.a.x }}\"\n  with: { Subject: x }\n  retry: { attempts: 3 }\n  \
         on_error: { steps: [{ id: after, set: { why: \"{{ steps.note._error }}\" } }], in_doubt: true }\n\
         - id: last\n  set: { y: 1 }\n  on_error: continue",
    ));
    let StepKind::Branch { when, steps, otherwise } = &flow.steps[0].kind else { panic!() };
    assert_eq!((when.as_str(), steps.len(), otherwise.len()), ("record.Name == 'x'", 1, 1));
    assert_eq!(otherwise[0].kind, StepKind::Stop(Stop { error: Some("no {{ record.Name }}".into()) }));
    let note = &flow.steps[1];
    assert_eq!(note.effect_id().as_str(), "old_note");
    assert_eq!((note.attempts, note.line), (3, 18));
    assert!(
        matches!(&note.on_error, OnError { then: OnErrorThen::Steps(steps), in_doubt: true } if steps.len() == 1)
    );
    assert_eq!(flow.steps[2].on_error.then, OnErrorThen::Continue);
    assert_eq!(flow.steps[2].attempts, DEFAULT_ATTEMPTS);
    assert_eq!(
        only("- set: { x: 1 }\n  on_error: contineu").advice.as_deref(),
        Some("did you mean continue?")
    );
    assert_eq!(only("- set: { x: 1 }\n  on_error: { in_doubt: true }").code, "missing_field");
    assert_eq!(only("- set: { x: 1 }\n  retry: { attempts: 0 }").code, "wrong_shape");
}

#[test]
fn a_step_does_one_thing_and_what_comes_later_is_said_so() {
    assert_eq!(
        only("- acton: xero.create_invoice\n  with: {}").advice.as_deref(),
        Some("did you mean action?")
    );
    assert_eq!(only("- id: x").code, "no_kind");
    assert_eq!(only("- set: { a: 1 }\n  stop: true").code, "two_kinds");
    for later in ["for_each: { in: record.x }", "http: { url: x }", "delay: 1h", "use: x"] {
        assert_eq!(only(&format!("- {later}")).code, "not_yet");
    }
    assert_eq!(only("- set: { a: 1 }\n  with: { b: 1 }").code, "unknown_field");
}

#[test]
fn links_and_matches_stand_only_where_they_mean_something() {
    let contact = |more: &str| format!("- action: xero.upsert_contact\n  with: {{ Name: x }}\n  {more}");
    let flow = good(&with_steps(&contact(
        "match: [ContactNumber, { all: [Name, EmailAddress] }]\n  if_found: fill_empty\n  if_many: oldest",
    )));
    let matching = &action(&flow.steps[0]).matching;
    assert_eq!(
        matching.alternatives,
        [vec!["ContactNumber".to_owned()], vec!["Name".into(), "EmailAddress".into()]]
    );
    assert_eq!((matching.if_found, matching.if_many), (IfFound::FillEmpty, IfMany::Oldest));
    assert_eq!(only(&contact("match: [Nmae]")).advice.as_deref(), Some("did you mean Name?"));
    assert_eq!(only(&contact("match: []")).code, "missing_field");

    let invoice = |more: &str| {
        format!("- action: xero.create_invoice\n  with: {{ Contact: {{ ContactID: x }} }}\n  {more}")
    };
    let flow =
        good(&with_steps(&invoice("link: { name: invoice, key: \"{{ record.Id }}\" }\n  if_exists: skip")));
    let link = action(&flow.steps[0]).link.as_ref().unwrap();
    assert_eq!((link.name.as_str(), link.if_exists), ("invoice", IfExists::Skip));
    assert_eq!(link.key.as_deref(), Some("{{ record.Id }}"));
    assert_eq!(only(&invoice("if_exists: skip")).code, "link_needed");
    assert_eq!(only(&invoice("match: [Name]")).code, "does_not_match");
    assert_eq!(
        only("- action: salesforce.create_task\n  with: { Subject: x }\n  link: task").code,
        "does_not_link"
    );
    assert_eq!(
        action(&good(&with_steps(&invoice("approve: submit"))).steps[0]).options["approve"],
        json!("submit")
    );
    assert_eq!(only(&invoice("approve: sumbit")).advice.as_deref(), Some("did you mean submit?"));
}

#[test]
fn a_connection_by_template_needs_the_list_of_connections() {
    let steps =
        "- action: salesforce.create_task\n  connection: \"{{ record.org }}\"\n  with: { Subject: x }";
    assert_eq!(only(steps).code, "connections_needed");
    let flow = good(&format!("connections: [a, b]\n{}", with_steps(steps)));
    assert_eq!(flow.connections.len(), 2);
}

fn triggered(trigger: &str) -> String {
    format!("flow: example\ntrigger: {trigger}\nsteps: [{{ set: {{ a: 1 }} }}]\n")
}

#[test]
fn trigger_options_are_checked_by_the_triggers_schema() {
    let only = |trigger: &str| {
        let problems = bad(&triggered(trigger));
        assert_eq!(problems.len(), 1, "{}", shown(&problems));
        problems.into_iter().next().unwrap()
    };
    let problem = only("{ type: salesforce.updated_recrod }");
    assert_eq!(
        (problem.code, problem.advice.as_deref()),
        ("unknown_trigger", Some("did you mean salesforce.updated_record?"))
    );
    assert_eq!(
        only("{ type: salesforce.updated_record, object: Account, field: [Id] }").advice.as_deref(),
        Some("did you mean fields?")
    );
    assert_eq!(
        only("{ type: salesforce.updated_record }").message,
        "salesforce.updated_record needs `object`"
    );
    assert_eq!(only("{ type: run.failed }").code, "not_yet");
    assert_eq!(only("{ type: http.webhook, secret_path: false }").code, "webhook_open");
    assert_eq!(only("{ type: http.webhook, event_id: 1 + 1 }").code, "bad_path");
    assert_eq!(only("{ type: schedule, cron: 0 7 * * }").code, "bad_cron");
    let problem = only("{ type: schedule, cron: 0 7 * * *, zone: Pacific/Aukland }");
    assert_eq!((problem.code, problem.line, problem.column), ("bad_zone", 2, 51));
    assert_eq!(only("{ type: xero.create_invoice }").code, "unknown_trigger");
    assert_eq!(only("{ type: manual, connection: crm }").code, "unknown_field");
    assert_eq!(only("{ type: salesforce.updated_record, object: \"{{ x }}\" }").code, "template_not_here");
    let changed = |changed: &str| {
        format!("{{ type: salesforce.updated_record, object: Opportunity, changed: {changed} }}")
    };
    assert_eq!(only(&changed("{ StageName: Closed Won }")).advice.as_deref(), Some("{ to: Closed Won }"));
    assert_eq!(
        only(&changed("{ StageName: { too: Closed Won } }")).advice.as_deref(),
        Some("did you mean to?")
    );
    assert_eq!(only(&changed("{ StageName: {} }")).code, "missing_field");
    assert_eq!(only(&changed("{}")).code, "missing_field");
}

#[test]
fn transitions_are_never_skipped_and_updates_are_unless_the_flow_says_otherwise() {
    let order = |text: &str| good(text).order;
    let updated = "{ type: salesforce.updated_record, object: Opportunity }";
    let changed = "{ type: salesforce.updated_record, object: Opportunity, changed: { StageName: { to: [Won, NO] }, any: [Amount] } }";
    assert_eq!(order(&triggered(updated)), Order::Newest);
    assert_eq!(order(&triggered(changed)), Order::Every);
    assert_eq!(order(&triggered("{ type: manual }")), Order::Every);
    assert_eq!(order(&format!("order: every\n{}", triggered(updated))), Order::Every);
    assert_eq!(
        good(&triggered(changed)).trigger.options["changed"],
        json!({ "StageName": { "to": ["Won", "NO"] }, "any": ["Amount"] })
    );
}

#[test]
fn a_field_that_the_trigger_does_not_read_and_a_null_are_warned_of() {
    let warnings = |steps: &str| {
        let Reading { flow, warnings, .. } = check(&with_steps(steps), "f.yaml", &catalog(), &load);
        assert!(flow.is_some());
        warnings
    };
    let found =
        warnings("- set: { a: \"{{ record.Name }}\", b: \"{{ record.Nmae }}\", c: \"{{ record.Amount }}\" }");
    let found: Vec<_> =
        found.iter().map(|warning| (warning.code, warning.advice.as_deref().unwrap())).collect();
    assert_eq!(
        found,
        [
            ("field_not_read", "did you mean record.Name?"),
            ("field_not_read", "add Amount to the trigger's fields"),
        ]
    );
    assert_eq!(warnings("- set: { a: null }")[0].code, "null_is_left_out");
    assert!(warnings("- set: { a: \"{{ record.id + record.LastModifiedDate }}\" }").is_empty());
}

#[test]
fn the_rest_of_the_top_level_is_read() {
    let flow = good(&format!(
        "title: 090\nwhen: \"{{{{ record.Name }}}}\"\nrequire: [record.Account.Name, \"record.Lines[0].Id\"]\nwithin: 12h\nwhen_failed: {{ email: true }}\n\
         tables: {{ a: {{ csv: accounts.csv }}, b: {{ connections: {{ nz: {{ x: 1 }}, au: {{ csv: accounts.csv }} }} }} }}\n{}",
        triggered("{ type: manual }")
    ));
    assert_eq!(flow.title.as_deref(), Some("090"));
    assert_eq!(flow.require, ["record.Account.Name", "record.Lines[0].Id"]);
    assert_eq!(flow.within.as_secs(), 12 * 60 * 60);
    assert!(flow.when_failed.email);
    assert_eq!(flow.tables["a"], json!({ "Hardware": "090" }));
    assert_eq!(
        flow.tables["b"],
        json!({ "connections": { "nz": { "x": "1" }, "au": { "Hardware": "090" } } })
    );

    let codes = |top: &str| -> Vec<&str> {
        bad(&format!("{top}\n{}", triggered("{ type: manual }"))).iter().map(|problem| problem.code).collect()
    };
    assert_eq!(codes("within: 30"), ["bad_duration"]);
    assert_eq!(codes("within: 0d"), ["bad_duration"]);
    assert_eq!(codes("require: [Account.Name]"), ["bad_path"]);
    assert_eq!(codes("require: [record.a + 1]"), ["bad_path"]);
    assert_eq!(codes("order: newst"), ["unknown_value"]);
    assert_eq!(codes("tables: { a: { csv: gone.csv } }"), ["bad_table"]);
    assert_eq!(codes("if_missing_fields: [{ stop: true }]"), ["nothing_required"]);
}

#[test]
fn a_json_file_is_the_same_flow() {
    let yaml = good(&triggered("{ type: manual }"));
    let json = good(r#"{"flow": "example", "trigger": {"type": "manual"}, "steps": [{"set": {"a": 1}}]}"#);
    assert_eq!(Flow { trigger: yaml.trigger.clone(), steps: yaml.steps.clone(), ..json.clone() }, yaml);
    assert_eq!(json.steps[0].kind, yaml.steps[0].kind);
}

#[test]
fn a_file_that_is_too_large_or_no_flow_at_all_is_one_problem() {
    assert_eq!(bad(&"#".repeat(super::MAX_BYTES + 1))[0].code, "too_large");
    assert_eq!(bad("just a text")[0].code, "wrong_shape");
    assert_eq!(bad("a: [")[0].code, "not_yaml");
}

proptest::proptest! {
    #[test]
    fn no_file_makes_the_reader_panic_and_a_refused_file_always_says_why(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "flow: a\n", "trigger: { type: manual }\n", "steps:\n", "  - ", "set: ", "{ a: b }\n", "when: ", "\"{{", "}}\"",
                "record.é", "steps.x", "[", "]", "|\n", ">\n", "    ", "\n", "table('", "&x ", "*x", "? ", "!!str ", "<<: ", "\t", "#",
                "{ each: a, with: ", "action: xero.create_invoice\n", "with: ", "Contact: ", "null", "-", "'", "on_error: ",
            ]),
            0..40,
        )
    ) {
        let text = pieces.concat();
        let Reading { flow, problems, .. } = check(&text, "f.yaml", &catalog(), &load);
        proptest::prop_assert_eq!(flow.is_none(), !problems.is_empty());
        for problem in problems {
            proptest::prop_assert!(problem.line >= 1 && problem.column >= 1 && !problem.message.is_empty());
        }
    }
}
