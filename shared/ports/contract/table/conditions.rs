//! Conditions: what must hold for a write to happen.

use super::*;

pub(super) async fn each_condition_holds_where_it_should(stand: TableStand) {
    let item = with_field(with_field(stand.item("there"), "n", 5), "s", "five");
    stand.put(item.clone()).await;
    let missing = |name: &str| Condition::Missing(name.to_owned());
    let cases = [
        (Condition::Always, true, true),
        (Condition::Absent, false, true),
        (Condition::Exists, true, false),
        (Condition::equals("n", 5), true, false),
        (Condition::equals("n", 6), false, false),
        (Condition::equals("s", "five"), true, false),
        (Condition::equals("s", "Five"), false, false),
        (Condition::equals("nothing", 5), false, false),
        (Condition::below("n", 6), true, false),
        (Condition::below("n", 5), false, false),
        (Condition::below("s", 100), false, false),
        (Condition::below("nothing", 100), false, false),
        (missing("nothing"), true, true),
        (missing("n"), false, true),
    ];
    for (when, there, absent) in cases {
        assert_eq!(when.holds(Some(&item)), there, "{when:?} as it is defined");
        assert_eq!(when.holds(None), absent, "{when:?} as it is defined");
        for (name, holds) in [("there", there), ("absent", absent)] {
            let outcome =
                stand.table.write(vec![Write::Check { key: stand.key(name), when: when.clone() }]).await;
            match outcome {
                Ok(()) => assert!(holds, "{when:?} must not hold of an item that is {name}"),
                Err(TableError::Refused(0)) => {
                    assert!(!holds, "{when:?} must hold of an item that is {name}")
                }
                Err(error) => panic!("{when:?}: {error}"),
            }
        }
    }
}

pub(super) async fn all_and_any_combine_conditions(stand: TableStand) {
    stand.put(with_field(with_field(stand.item("one"), "generation", 3), "lease_until", 100)).await;
    let all = |conditions: &[Condition]| Condition::All(conditions.to_vec());
    let any = |conditions: &[Condition]| Condition::Any(conditions.to_vec());
    let (yes, no) = (Condition::equals("generation", 3), Condition::equals("generation", 4));
    let free = any(&[Condition::Missing("lease_until".to_owned()), Condition::below("lease_until", 200)]);
    let cases = [
        (all(&[yes.clone(), free.clone()]), true),
        (all(&[yes.clone(), no.clone()]), false),
        (any(&[no.clone(), yes.clone()]), true),
        (any(&[no.clone(), Condition::Absent]), false),
        (all(&[Condition::Always, yes.clone()]), true),
        (any(&[Condition::Always, no.clone()]), true),
        (all(&[free.clone(), any(&[no.clone(), all(&[yes.clone(), Condition::Exists])])]), true),
        (all(&[Condition::Any(vec![no.clone()]), yes.clone()]), false),
        (all(&[]), true),
        (any(&[]), false),
    ];
    for (n, (when, holds)) in cases.into_iter().enumerate() {
        let set = [("n", Field::Integer(i64::try_from(n).expect("small")))];
        let outcome = stand.table.write(vec![update(stand.key("one"), &set, when.clone())]).await;
        assert_eq!(outcome.is_ok(), holds, "{when:?}: {outcome:?}");
    }
}

pub(super) async fn conditions_look_at_text_and_numbers_apart(stand: TableStand) {
    stand.put(with_field(stand.item("one"), "n", "5")).await;
    let writes = vec![Write::Check { key: stand.key("one"), when: Condition::equals("n", 5) }];
    assert_eq!(refused(stand.table.write(writes).await), 0);
    stand.write(vec![Write::Check { key: stand.key("one"), when: Condition::equals("n", "5") }]).await;
}
