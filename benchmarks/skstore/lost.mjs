// Shows which update SKStore 0.0.15 loses: node lost.mjs, half a minute. serve.mjs ends before that.
//
// The 176,545th or so is lost, however many keys there are or are written: the promise is kept, but the runtime has
// trapped within ("memory access out of bounds"), and the new value comes out nowhere. By then its counter SKIP_genSym,
// two of it for each update, has reached 353,104, which is the address where its heap begins. Set to 353,000 in the
// memory of the runtime, the counter has update 54 from there lost; set back now and then, 400,000 come out.

import { initService } from "@skipruntime/wasm";

class All { instantiate({ input }) { return input; } }

const store = await initService({
  initialData: { input: [[0, [-1]]] },
  resources: { all: All },
  createGraph: (inputs) => inputs,
});
let last;
await store.instantiateResource("all", "all", {});
await new Promise((subscribed) => {
  store.subscribe("all", { subscribed, notify: ({ values: [[, [value]]] }) => { last = value; }, close: () => {} });
});
for (let update = 0; update < 400_000; update++) {
  await store.update("input", [[0, [update]]]);
  if (last !== update) {
    console.log(`update ${update} is done, but the last value that came out is ${last}`);
    process.exit(1);
  }
}
console.log("none was lost");
process.exit(0);
