// Fastify with @fastify/jwt and pg, as their documentation has it.
import Fastify from "fastify";
import jwt from "@fastify/jwt";
import pg from "pg";

const SQL = `
  SELECT p.id, p.sku, p.name, p.category, round(p.price, 2) AS price, p.currency,
         s.on_hand - s.reserved AS available, p.active
  FROM products_product p JOIN products_stock s ON s.product_id = p.id
  WHERE p.active ORDER BY p.search_key, p.id LIMIT $1 OFFSET $2`;
const text = { type: "string" };
const product = {
  type: "object",
  properties: {
    id: text, sku: text, name: text, category: text, price: text, currency: text,
    available: { type: "integer" }, active: { type: "boolean" },
  },
};
const schema = {
  querystring: {
    type: "object",
    properties: { limit: { type: "integer", default: 20 }, offset: { type: "integer", default: 0 } },
  },
  response: { 200: { type: "object", properties: { results: { type: "array", items: product } } } },
};

pg.types.setTypeParser(pg.types.builtins.INT8, Number);
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const app = Fastify();
app.register(jwt, { secret: process.env.PEER_SECRET });

async function authorize(request, reply) {
  await request.jwtVerify();
  if (!(request.user.scope ?? "").split(" ").includes("products:read")) {
    return reply.code(403).send({ message: "Not enough permissions" });
  }
}

app.get("/api/products/", { schema, onRequest: authorize }, async (request) => {
  const { limit, offset } = request.query;
  const { rows } = await pool.query({ name: "products", text: SQL, values: [limit, offset] });
  return { results: rows };
});

await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
