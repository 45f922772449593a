// Orders with the client that openapi-generator makes of our document (typescript-fetch): log in, order, log out.

import { AccountsApi, Configuration, OrdersApi, ProductsApi, ResponseError } from "./generated/index.js";

const basePath = process.argv[2];
const accounts = new AccountsApi(new Configuration({ basePath }));

const credentialsRequest = { email: "alice@example.com", password: "tessera-demo" };
const { access, refresh } = await accounts.logIn({ credentialsRequest });
const known = new Configuration({ basePath, accessToken: access });

const found = await new ProductsApi(known).productsList({ q: "sencha" });
const product = found.results[0]!.id;

async function order(quantity: number) {
  const newOrderRequest = { lines: [{ product, quantity }] };
  return new OrdersApi(known).ordersPlace({ idempotencyKey: crypto.randomUUID(), newOrderRequest });
}

async function refusal(act: () => Promise<unknown>): Promise<any> {
  try {
    await act();
  } catch (error) {
    if (error instanceof ResponseError) return error.response.json();
    throw error;
  }
}

const { number, status, total } = await order(2);
const problem = await refusal(() => order(900));
const short = `${problem.code}: ${problem.lines[0].available} available`;

const refreshRequestRequest = { refresh };
await accounts.logOut({ refreshRequestRequest });
const after = await refusal(() => accounts.refresh({ refreshRequestRequest }));

console.log(JSON.stringify({ number, status, total, short, after: after.code }));
