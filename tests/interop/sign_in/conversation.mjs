// How a test speaks with these scripts: its question stands in the first argument, lines go both ways.

import { createInterface } from "node:readline";

export const asked = JSON.parse(process.argv[2]);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Send a browser to an address; where it came back to. */
export async function visit(address) {
  console.log(address);
  return new URL((await lines.next()).value);
}

export function answer(value) {
  console.log(JSON.stringify(value));
  process.exit(0);
}
