//! What must hold of names, on random keys and texts.

#![cfg_attr(not(test), allow(dead_code, unused_imports, reason = "a fuzzer runs some of it"))]

use std::collections::HashMap;

use proptest::prelude::*;

use super::{Name, NameError};
use crate::key::Key;
use crate::key::tests::keys;

fn root() -> Name {
    Name::parse("/s/").unwrap()
}

/// The last part of the name that the key gives.
fn part(key: &Key) -> String {
    root().child(key).parts().next_back().unwrap().to_owned()
}

/// What must hold of the names that any two keys give.
pub(crate) fn check_two(a: &Key, b: &Key) {
    assert_eq!(a == b, part(a) == part(b), "{a:?} {b:?} {} {}", part(a), part(b));
}

/// What must hold of the name that any key gives: no text but itself gives it too; it is a name, one part longer.
pub(crate) fn check_key(key: &Key) {
    let disguised = Key::str(&part(key));
    check_two(key, &disguised);
    if let (Ok(key), Ok(disguised)) = (Key::tuple(vec![key.clone()]), Key::tuple(vec![disguised])) {
        check_two(&key, &disguised);
    }
    let child = root().child(key);
    assert_eq!(&Name::parse(child.as_str()).unwrap(), &child);
    assert_eq!(child.parent(), Some(root()));
    assert_eq!(child.parts().count(), 2);
    assert_eq!(child.child(key).parent(), Some(child));
}

/// A text is a name exactly if it keeps the rules.
pub(crate) fn check_text(text: &str) {
    let parts: Vec<&str> = text.split('/').collect();
    let good = |part: &&str| !["", ".", ".."].contains(part) && !part.contains(char::is_control);
    let right = parts.len() >= 3
        && parts[0].is_empty()
        && parts[parts.len() - 1].is_empty()
        && parts[1..parts.len() - 1].iter().all(good);
    assert_eq!(Name::parse(text).is_ok(), right, "{text:?}");
    if let Ok(name) = Name::parse(text) {
        assert_eq!(name.parts().collect::<Vec<_>>(), &parts[1..parts.len() - 1]);
        assert_eq!(name.as_str(), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn names_are_equal_exactly_if_keys_are(a in keys(), b in keys()) {
        check_two(&a, &b);
    }

    #[test]
    fn no_text_gives_the_name_of_another_key_and_a_child_is_a_name_one_part_longer(key in keys()) {
        check_key(&key);
    }

    #[test]
    fn a_text_is_parsed_exactly_if_it_keeps_the_rules(text in "[/a.\u{1f}\u{80} \u{e9}]{0,7}") {
        check_text(&text);
    }
}

#[test]
fn keys_give_the_names_of_the_table() {
    let float = |value| Key::float(value).unwrap();
    let tuple = |parts| Key::tuple(parts).unwrap();
    for (key, expected) in [
        (Key::str("abc"), "abc"),
        (Key::str("7"), "%37"),
        (Key::str("-7"), "%2D7"),
        (Key::str("-0"), "-0"),
        (Key::str("07"), "07"),
        (Key::str("1.5e-07"), "%31.5e-07"),
        (Key::str("1.5e-7"), "1.5e-7"),
        (Key::str("1.0"), "1.0"),
        (Key::str("inf"), "%69nf"),
        (Key::str("None"), "%4Eone"),
        (Key::str("(x"), "%28x"),
        (Key::str("b~"), "%62~"),
        (Key::str(".."), "%2E."),
        (Key::str("a/%\n\u{80}"), "a%2F%25%0A%C2%80"),
        (Key::str(""), "%"),
        (Key::int(7), "7"),
        (Key::int(-7), "-7"),
        (float(1.5), "1.5"),
        (float(1.0), "1"),
        (float(-0.0), "0"),
        (float(1e16), "10000000000000000"),
        (float(1.5e-7), "1.5e-07"),
        (float(f64::INFINITY), "inf"),
        (Key::NONE, "None"),
        (Key::bool(true), "True"),
        (Key::bytes(b"\x00a"), "b~0061"),
        (tuple(vec![Key::int(1), Key::str("a,b")]), "(1,a%2Cb)"),
        (tuple(vec![]), "()"),
        (tuple(vec![Key::int(1)]), "(1,)"),
        (tuple(vec![Key::str(""), tuple(vec![Key::str("(7)")])]), "(%,(%287%29,))"),
    ] {
        assert_eq!(part(&key), expected, "{key:?}");
    }
}

#[test]
fn an_error_says_what_was_asked_and_what_a_name_is() {
    let message = |text| Name::parse(text).unwrap_err().to_string();
    assert_eq!(message("/a//"), "'/a//' is no directory name: a name has no empty part");
    assert_eq!(message("/a/../"), "'/a/../' is no directory name: a name has no part '.' or '..'");
    assert_eq!(message("/\x07/"), "'/\\x07/' is no directory name: a name has no control character");
    assert!(message("/a").starts_with("'/a' is no directory name: a name begins and ends with a slash"));
    for text in ["", "/", "//", "a/", "/a"] {
        assert_eq!(Name::parse(text), Err(NameError::NoSlashes { asked: text.into() }));
    }
}

#[test]
fn a_map_of_names_may_be_asked_for_a_text() {
    let map = HashMap::from([(root(), 1)]);
    assert_eq!(map.get("/s/"), Some(&1));
    assert_eq!(root().parent(), None);
    assert_eq!(root(), root().clone());
    assert!(root() < root().child(&Key::int(1)));
}
