//! What the engines share: the lines of JSON of `peers/process.py`, the clock, and the results as maps.
//!
//! An engine keeps a result up to date in a `Table`, as a user of it would who reads single keys of it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::rc::Rc;
use std::time::Instant;

use serde_json::{Value, json};

pub const GROUPS: i64 = 100;
pub const LINKS: i64 = 20;
pub const OUTPUTS: i64 = 1_000;
pub const READERS: i64 = 10;

pub type Pairs = Vec<(i64, i64)>;
pub type Table = Rc<RefCell<HashMap<i64, i64>>>;

/// One shape, loaded.
pub trait Engine {
    /// One transaction: when it returns, the results are up to date.
    fn write(&mut self, rows: &[(i64, i64)]);
    /// A row of a result.
    fn read(&self, table: &str, key: i64) -> i64;
    /// All results.
    fn answer(&self) -> Vec<(&'static str, Pairs)>;
}

/// What differs comes as removals and insertions, in any order.
pub fn apply(table: &Table, key: i64, value: i64, weight: i64) {
    let mut table = table.borrow_mut();
    if weight > 0 {
        table.insert(key, value);
    } else if table.get(&key) == Some(&value) {
        table.remove(&key);
    }
}

/// The rows of the join's other table: (row, the key that it names).
pub fn names(keys: usize) -> Pairs {
    (0..READERS * keys as i64).map(|left| (left, left % keys as i64)).collect()
}

/// Answers every line until the end. `open` makes the engine for a shape, with its rows; it says why if it cannot.
pub fn serve<'a>(mut open: impl FnMut(&str, &[(i64, i64)]) -> Result<Box<dyn Engine + 'a>, String>) {
    let mut engine: Option<Box<dyn Engine + 'a>> = None;
    let mut shape = String::new();
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let question: Value = serde_json::from_str(&line).expect("a line of JSON");
        let answer = if let Some(name) = question["open"].as_str() {
            shape = name.to_owned();
            let rows = pairs(&question["rows"]);
            let begin = Instant::now();
            match open(name, &rows) {
                Ok(opened) => {
                    let spent = begin.elapsed().as_secs_f64();
                    engine = Some(opened);
                    json!({ "seconds": spent })
                }
                Err(why) => json!({ "unable": why }),
            }
        } else {
            let engine = engine.as_mut().expect("opened before");
            if question["answer"].is_boolean() {
                let tables = engine.answer().into_iter().map(|(name, rows)| (name.to_owned(), json!(rows)));
                json!({ "answer": tables.collect::<serde_json::Map<_, _>>() })
            } else if question["singles"].is_array() {
                let work = pairs(&question["singles"]);
                let begin = Instant::now();
                let mut read = 0;
                for pair in &work {
                    engine.write(std::slice::from_ref(pair));
                    read += read_back(&**engine, &shape, pair.0);
                }
                json!({ "seconds": begin.elapsed().as_secs_f64(), "read": read })
            } else {
                let lists = question["batches"].as_array().expect("batches");
                let work: Vec<Pairs> = lists.iter().map(pairs).collect();
                let begin = Instant::now();
                for rows in &work {
                    engine.write(rows);
                }
                json!({ "seconds": begin.elapsed().as_secs_f64(), "read": 0 })
            }
        };
        writeln!(out, "{answer}").expect("someone listens");
        out.flush().expect("someone listens");
    }
}

fn read_back(engine: &dyn Engine, shape: &str, key: i64) -> i64 {
    match shape {
        "fan_out" => engine.read("spread", OUTPUTS - 1),
        "fan_in" => engine.read("total", 0),
        "chain" => engine.read("last", key),
        "join" => engine.read("joined", key),
        _ => engine.read("doubled", key) + engine.read("totals", key % GROUPS),
    }
}

fn pairs(rows: &Value) -> Pairs {
    let pair = |row: &Value| (row[0].as_i64().expect("a key"), row[1].as_i64().expect("a value"));
    rows.as_array().expect("rows").iter().map(pair).collect()
}
