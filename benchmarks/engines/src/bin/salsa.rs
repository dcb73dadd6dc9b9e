//! salsa: an input for each key, a tracked function for a result. It computes when read, so what a transaction
//! touched is read at its end. A sum reads all members of its group.

use std::collections::BTreeSet;

use livedirs_engines::{Engine, GROUPS, LINKS, OUTPUTS, Pairs, READERS, serve};
use salsa::{DatabaseImpl, Setter};

#[salsa::input]
struct Cell {
    key: i64,
    value: i64,
}

#[salsa::input]
struct Group {
    #[returns(ref)]
    members: Vec<Cell>,
}

/// A row of a result that is computed from one cell: of `fan_out` and `join`.
#[salsa::input]
struct Row {
    number: i64,
    source: Cell,
}

#[salsa::tracked]
fn doubled(db: &dyn salsa::Database, cell: Cell) -> i64 {
    2 * cell.value(db)
}

#[salsa::tracked]
fn total(db: &dyn salsa::Database, group: Group) -> i64 {
    group.members(db).iter().map(|cell| cell.value(db)).sum()
}

#[salsa::tracked]
fn output(db: &dyn salsa::Database, row: Row) -> i64 {
    row.source(db).value(db) + row.number(db)
}

#[salsa::tracked]
fn joined(db: &dyn salsa::Database, row: Row) -> i64 {
    row.source(db).value(db) + 1
}

#[salsa::tracked]
fn link(db: &dyn salsa::Database, cell: Cell, number: i64) -> i64 {
    if number == 0 { *cell.value(db) } else { link(db, cell, number - 1) + 1 }
}

struct Cells {
    db: DatabaseImpl,
    shape: String,
    cells: Vec<Cell>,
    groups: Vec<Group>,
    rows: Vec<Row>,
}

impl Cells {
    fn open(shape: &str, rows: &[(i64, i64)]) -> Self {
        let db = DatabaseImpl::new();
        let cells: Vec<Cell> = rows.iter().map(|&(key, value)| Cell::new(&db, key, value)).collect();
        let keys = cells.len() as i64;
        let group = |number: i64, of: i64| {
            let members = cells.iter().copied().filter(|cell| cell.key(&db) % of == number);
            Group::new(&db, members.collect())
        };
        let groups = match shape {
            "tables" | "values" => (0..GROUPS).map(|number| group(number, GROUPS)).collect(),
            "fan_in" => vec![group(0, 1)],
            _ => Vec::new(),
        };
        let rows = match shape {
            "fan_out" => (0..OUTPUTS).map(|output| Row::new(&db, output, cells[0])).collect(),
            "join" => (0..READERS * keys).map(|left| Row::new(&db, left, cells[(left % keys) as usize])).collect(),
            _ => Vec::new(),
        };
        let opened = Self { db, shape: shape.to_owned(), cells, groups, rows };
        opened.answer();
        opened
    }

    fn compute(&self, table: &str, key: i64) -> i64 {
        let at = key as usize;
        match table {
            "doubled" => *doubled(&self.db, self.cells[at]),
            "totals" | "total" => *total(&self.db, self.groups[at]),
            "spread" => *output(&self.db, self.rows[at]),
            "joined" => *joined(&self.db, self.rows[at]),
            _ => *link(&self.db, self.cells[at], LINKS),
        }
    }
}

impl Engine for Cells {
    fn write(&mut self, rows: &[(i64, i64)]) {
        for &(key, value) in rows {
            self.cells[key as usize].set_value(&mut self.db).to(value);
        }
        let keys: BTreeSet<i64> = rows.iter().map(|&(key, _)| key).collect();
        let count = self.cells.len() as i64;
        match self.shape.as_str() {
            "fan_out" => (0..OUTPUTS).for_each(|output| _ = self.compute("spread", output)),
            "fan_in" => _ = self.compute("total", 0),
            "chain" => keys.iter().for_each(|&key| _ = self.compute("last", key)),
            "join" => {
                for key in keys {
                    (0..READERS).for_each(|reader| _ = self.compute("joined", key + reader * count));
                }
            }
            _ => {
                keys.iter().for_each(|&key| _ = self.compute("doubled", key));
                let groups: BTreeSet<i64> = keys.iter().map(|key| key % GROUPS).collect();
                groups.into_iter().for_each(|group| _ = self.compute("totals", group));
            }
        }
    }

    fn read(&self, table: &str, key: i64) -> i64 {
        self.compute(table, key)
    }

    fn answer(&self) -> Vec<(&'static str, Pairs)> {
        let keys = self.cells.len() as i64;
        let all = |table: &'static str, size: i64| {
            (table, (0..size).map(|key| (key, self.compute(table, key))).collect())
        };
        match self.shape.as_str() {
            "fan_out" => vec![all("spread", OUTPUTS)],
            "fan_in" => vec![all("total", 1)],
            "chain" => vec![all("last", keys)],
            "join" => vec![all("joined", READERS * keys)],
            _ => vec![all("doubled", keys), all("totals", GROUPS)],
        }
    }
}

fn main() {
    serve(|shape, rows| Ok(Box::new(Cells::open(shape, rows))));
}
