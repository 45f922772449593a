// Orders with the types that openapi-typescript makes of our document, as the README does: log in, order, log out.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const shop = createClient<paths>({ baseUrl: process.argv[2] });

function wanted<T>(data: T | undefined, error: unknown): T {
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

const credentials = { email: "alice@example.com", password: "tessera-demo" };
const { data: pair, error: refused } = await shop.POST("/api/token/", { body: credentials });
const { access, refresh } = wanted(pair, refused);
const headers = { Authorization: `Bearer ${access}` };

const found = await shop.GET("/api/products/", { params: { query: { q: "sencha" } }, headers });
const sencha = wanted(found.data, found.error).results[0]!.id;

async function order(quantity: number) {
  const header = { "Idempotency-Key": crypto.randomUUID() };
  return shop.POST("/api/orders/", { params: { header }, headers, body: { lines: [{ product: sencha, quantity }] } });
}

const placed = await order(2);
const { number, status, total } = wanted(placed.data, placed.error);

// The problem is told apart by its code, and its facts have types.
function describe(problem: components["schemas"]["InsufficientStockProblem"] | { code: string }): string {
  return "lines" in problem ? `${problem.code}: ${problem.lines[0]!.available} available` : problem.code;
}
const problem = (await order(900)).error!;
if (problem.code !== "insufficient-stock") throw new Error(problem.code);
const short: string = describe(problem);

await shop.POST("/api/token/blacklist/", { body: { refresh } });
const after = await shop.POST("/api/token/refresh/", { body: { refresh } });

console.log(JSON.stringify({ number, status, total, short, after: after.error?.code }));
