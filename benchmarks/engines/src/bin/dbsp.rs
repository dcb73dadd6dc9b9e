//! dbsp: an input map that is upserted, one transaction of the circuit for each of ours; a sum is a linear aggregate.
//!
//! A circuit runs in dbsp's own runtime only, on a thread of its: each transaction is a message to that and back.

use dbsp::typed_batch::IndexedZSetReader;
use dbsp::utils::Tup2;
use dbsp::{Circuit as _, DBSPHandle, MapHandle, OrdIndexedZSet, OutputHandle, RootCircuit, Runtime, Stream};
use livedirs_engines::{Engine, GROUPS, LINKS, OUTPUTS, Pairs, Table, apply, names, serve};

type Rows = OrdIndexedZSet<i64, i64>;
type Results = Vec<(&'static str, OutputHandle<Rows>)>;

struct Circuit {
    circuit: DBSPHandle,
    input: MapHandle<i64, i64, i64>,
    outputs: Results,
    tables: Vec<(&'static str, Table)>,
}

fn build(circuit: &mut RootCircuit, shape: &str, keys: usize) -> (MapHandle<i64, i64, i64>, Results) {
    let (rows, input) = circuit.add_input_map::<i64, i64, i64, _>(|value, update| *value = *update);
    let sums = |grouped: Stream<RootCircuit, Rows>| grouped.aggregate_linear(|value| *value).output();
    let outputs: Results = match shape {
        "fan_out" => {
            let spread = rows.flat_map_index(|(_, v)| {
                let v = *v;
                (0..OUTPUTS).map(move |output| (output, v + output))
            });
            vec![("spread", spread.output())]
        }
        "fan_in" => vec![("total", sums(rows.map_index(|(_, v)| (0, *v))))],
        "chain" => {
            let last = (0..LINKS).fold(rows, |last, _| last.map_index(|(k, v)| (*k, v + 1)));
            vec![("last", last.output())]
        }
        "join" => {
            let by_name = names(keys).into_iter().map(|(left, name)| Tup2(Tup2(name, left), 1)).collect::<Vec<_>>();
            let by_name = circuit.add_source(dbsp::operator::Generator::new({
                let mut rest = Some(by_name);
                move || OrdIndexedZSet::from_tuples((), rest.take().unwrap_or_default())
            }));
            vec![("joined", by_name.join_index(&rows, |_, left, v| Some((*left, v + 1))).output())]
        }
        _ => vec![
            ("doubled", rows.map_index(|(k, v)| (*k, 2 * v)).output()),
            ("totals", sums(rows.map_index(|(k, v)| (k % GROUPS, *v)))),
        ],
    };
    (input, outputs)
}

impl Engine for Circuit {
    fn write(&mut self, rows: &[(i64, i64)]) {
        for &(key, value) in rows {
            self.input.push(key, dbsp::operator::Update::Insert(value));
        }
        self.circuit.transaction().expect("a step");
        for ((_, output), (_, table)) in self.outputs.iter().zip(&self.tables) {
            for (key, value, weight) in output.consolidate().iter() {
                apply(table, key, value, weight);
            }
        }
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
    serve(|shape, rows| {
        let (named, keys) = (shape.to_owned(), rows.len());
        let built = Runtime::init_circuit(1, move |circuit| Ok(build(circuit, &named, keys)));
        let (circuit, (input, outputs)) = built.map_err(|error| error.to_string())?;
        let tables = outputs.iter().map(|(name, _)| (*name, Table::default())).collect();
        let mut opened = Circuit { circuit, input, outputs, tables };
        opened.write(rows);
        Ok(Box::new(opened))
    });
}
