// Keeps the tables of ../shapes.py in SKStore; speaks the lines of JSON of ../peers/process.py.
//
// A shape is a service: one input collection, a resource for each result. Results are followed by subscription, which
// is the cheapest way that there is to read them: `getArray` makes and closes an instance of its resource at each call.
// A slice is an instance of a resource with parameters, made and closed.

import { createInterface } from "node:readline";
import { initService } from "@skipruntime/wasm";
import { Sum } from "@skipruntime/helpers";

const GROUPS = 100, LINKS = 20, OUTPUTS = 1000, READERS = 10;
const MOST = 150_000; // updates: after some 176,500 the runtime loses them, or fails (lost.mjs)

class Double { mapEntry(key, values) { return values.toArray().map((value) => [key, 2 * value]); } }
class Group { mapEntry(key, values) { return values.toArray().map((value) => [key % GROUPS, value]); } }
class ToOne { mapEntry(_, values) { return values.toArray().map((value) => [0, value]); } }
class PlusOne { mapEntry(key, values) { return values.toArray().map((value) => [key, value + 1]); } }
class Spread {
  mapEntry(_, values) {
    const outputs = [...Array(OUTPUTS).keys()];
    return values.toArray().flatMap((value) => outputs.map((output) => [output, value + output]));
  }
}
class LookUp { // it runs once before there are rows
  constructor(input) { this.input = input; }
  mapEntry(left, names) { return names.toArray().map((name) => [left, this.input.getUnique(name, { ifNone: 0 }) + 1]); }
}

const tables = ({ input }) => ({ doubled: input.map(Double), totals: input.mapReduce(Group)(Sum) });
const SHAPES = {
  tables,
  values: tables,
  fan_out: ({ input }) => ({ spread: input.map(Spread) }),
  fan_in: ({ input }) => ({ total: input.mapReduce(ToOne)(Sum) }),
  chain: ({ input }) => {
    let last = input;
    for (let link = 0; link < LINKS; link++) last = last.map(PlusOne);
    return { last };
  },
  join: ({ input, left }) => ({ joined: left.map(LookUp, input) }),
};
const NAMES = {
  tables: ["doubled", "totals"], values: ["doubled", "totals"], fan_out: ["spread"], fan_in: ["total"],
  chain: ["last"], join: ["joined"],
};
const READ = {
  fan_out: ({ spread }) => spread.get(OUTPUTS - 1),
  fan_in: ({ total }) => total.get(0),
  chain: ({ last }, key) => last.get(key),
  join: ({ joined }, key) => joined.get(key),
};
const both = ({ doubled, totals }, key) => doubled.get(key) + totals.get(key % GROUPS);

class Slice {
  constructor(params) { this.params = params; }
  instantiate({ input }) { return input.slice(this.params.low, this.params.high); }
}

function resource(name) {
  return class { instantiate(collections) { return collections[name]; } };
}

class Service {
  made = 0; // slices
  updates = 0;

  async open(shape, rows) {
    this.shape = shape;
    const initialData = { input: [] };
    if (shape === "join") {
      initialData.left = [...Array(READERS * rows.length).keys()].map((left) => [left, [left % rows.length]]);
    }
    const resources = Object.fromEntries(NAMES[shape].map((name) => [name, resource(name)]));
    const service = {
      initialData,
      resources: { ...resources, slice: Slice },
      createGraph: (inputs) => ({ ...SHAPES[shape](inputs), input: inputs.input }),
    };
    this.instance = await initService(service);
    this.tables = {};
    for (const name of NAMES[shape]) {
      const table = (this.tables[name] = new Map());
      await this.instance.instantiateResource(name, name, {});
      await new Promise((subscribed) => {
        this.instance.subscribe(name, {
          subscribed,
          notify: ({ values }) => {
            for (const [key, [value]] of values) {
              if (value === undefined) table.delete(key);
              else table.set(key, value);
            }
          },
          close: () => {},
        });
      });
    }
    // The runtime has started, and that is in no figure. All rows come in one update.
    const begin = performance.now();
    await this.write(rows);
    return (performance.now() - begin) / 1000;
  }

  write(rows) {
    if (++this.updates > MOST) throw new Error(`after ${MOST} updates SKStore 0.0.15 may lose the next`);
    return this.instance.update("input", rows.map(([key, value]) => [key, [value]]));
  }

  async singles(work) {
    const read = READ[this.shape] ?? both;
    let total = 0;
    for (const pair of work) {
      await this.write([pair]);
      total += read(this.tables, pair[0]);
    }
    return total;
  }

  async batches(work) {
    for (const rows of work) await this.write(rows);
    return 0;
  }

  // What a slice holds is looked at once, beforehand.
  async check(low) {
    return (await this.instance.getAll("slice", { low, high: low + 2 })).length;
  }

  async slices(lows) {
    for (const low of lows) {
      this.updates += 2; // it takes of the same counter, about 1.3 times as much as an update
      const name = `slice/${this.made++}`;
      await this.instance.instantiateResource(name, "slice", { low, high: low + 2 });
      this.instance.closeResourceInstance(name);
    }
  }
}

const service = new Service();

async function answer(question) {
  if ("open" in question) {
    if (!(question.open in SHAPES)) return { unable: `no shape ${question.open}` };
    return { seconds: await service.open(question.open, question.rows) };
  }
  if ("answer" in question) {
    return { answer: Object.fromEntries(Object.entries(service.tables).map(([name, table]) => [name, [...table]])) };
  }
  for (const kind of ["singles", "batches", "slices"]) {
    if (kind in question) {
      const checked = kind === "slices" ? await service.check(question.slices[0]) : 0;
      const begin = performance.now();
      const read = (await service[kind](question[kind])) ?? checked;
      return { seconds: (performance.now() - begin) / 1000, read };
    }
  }
  return { unable: Object.keys(question).join(", ") };
}

for await (const line of createInterface({ input: process.stdin })) {
  let said;
  try {
    said = await answer(JSON.parse(line));
  } catch (error) {
    said = { error: String(error?.stack ?? error).split("\n")[0] };
  }
  process.stdout.write(JSON.stringify(said) + "\n");
}
process.exit(0);
