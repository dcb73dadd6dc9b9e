//! differential-dataflow: an input session; a sum is a count of exploded rows; a step for each transaction.

use std::collections::HashMap;

use differential_dataflow::input::{Input, InputSession};
use differential_dataflow::operators::count::CountTotal;
use livedirs_engines::{Engine, GROUPS, LINKS, OUTPUTS, Pairs, Table, apply, names, serve};
use timely::dataflow::operators::probe::Handle;

struct Flow<'a> {
    worker: &'a mut timely::worker::Worker,
    input: InputSession<u64, (i64, i64), isize>,
    held: HashMap<i64, i64>,
    tables: Vec<(&'static str, Table)>,
    probe: Handle<u64>,
}

impl<'a> Flow<'a> {
    fn open(worker: &'a mut timely::worker::Worker, shape: &str, rows: &[(i64, i64)]) -> Self {
        let mut tables: Vec<(&'static str, Table)> = Vec::new();
        let probe = Handle::new();
        let input = worker.dataflow(|scope| {
            let (input, rows_of) = scope.new_collection::<(i64, i64), isize>();
            let mut follow = |name, result: differential_dataflow::VecCollection<'_, u64, (i64, i64), isize>| {
                let table = Table::default();
                let held = table.clone();
                result.inspect(move |((k, v), _, weight)| apply(&held, *k, *v, *weight as i64)).probe_with(&probe);
                tables.push((name, table));
            };
            match shape {
                "fan_out" => {
                    follow("spread", rows_of.flat_map(|(_, v)| (0..OUTPUTS).map(move |output| (output, v + output))));
                }
                "fan_in" => {
                    let ones = rows_of.explode(|(_, v)| Some((0_i64, v as isize)));
                    follow("total", ones.count_total().map(|(k, sum)| (k, sum as i64)));
                }
                "chain" => {
                    let last = (0..LINKS).fold(rows_of, |last, _| last.map(|(k, v)| (k, v + 1)));
                    follow("last", last);
                }
                "join" => {
                    let by_name: Pairs = names(rows.len()).into_iter().map(|(left, name)| (name, left)).collect();
                    let (_, by_name) = scope.new_collection_from(by_name);
                    follow("joined", by_name.join_map(rows_of, |_, left, v| (*left, v + 1)));
                }
                _ => {
                    follow("doubled", rows_of.clone().map(|(k, v)| (k, 2 * v)));
                    let grouped = rows_of.explode(|(k, v)| Some((k % GROUPS, v as isize)));
                    follow("totals", grouped.count_total().map(|(k, sum)| (k, sum as i64)));
                }
            }
            input
        });
        let mut flow = Self { worker, input, held: HashMap::new(), tables, probe };
        flow.write(rows);
        flow
    }
}

impl Engine for Flow<'_> {
    fn write(&mut self, rows: &[(i64, i64)]) {
        for &(key, value) in rows {
            if let Some(before) = self.held.insert(key, value) {
                self.input.remove((key, before));
            }
            self.input.insert((key, value));
        }
        self.input.advance_to(self.input.time() + 1);
        self.input.flush();
        let (probe, time) = (&self.probe, self.input.time());
        self.worker.step_while(|| probe.less_than(time));
    }

    fn read(&self, table: &str, key: i64) -> i64 {
        let found = self.tables.iter().find(|(name, _)| *name == table);
        found.expect("a result").1.borrow()[&key]
    }

    fn answer(&self) -> Vec<(&'static str, Pairs)> {
        let all = |table: &Table| table.borrow().iter().map(|(&k, &v)| (k, v)).collect();
        self.tables.iter().map(|(name, table)| (*name, all(table))).collect()
    }
}

fn main() {
    timely::execute_directly(|worker| {
        let mut free = Some(worker);
        serve(|shape, rows| {
            let worker = free.take().ok_or("one shape a process")?;
            Ok(Box::new(Flow::open(worker, shape, rows)))
        });
    });
}
