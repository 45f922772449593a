// A web app with @auth/core, which finds us by discovery; it stays until its input ends.

import { createServer } from "node:http";
import { Auth } from "@auth/core";

const { issuer, client_id, client_secret, origin, port } = JSON.parse(process.argv[2]);
const config = {
  basePath: "/auth",
  trustHost: true,
  secret: "a secret of this app for its own cookies",
  providers: [
    {
      id: "tessera",
      name: "Tessera",
      type: "oidc",
      issuer,
      clientId: client_id,
      clientSecret: client_secret,
      checks: ["pkce", "state", "nonce"],
      authorization: { params: { scope: "openid profile email" } },
    },
  ],
};

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

createServer(async (request, response) => {
  const { method, headers } = request;
  const body = method === "POST" ? await read(request) : undefined;
  const answer = await Auth(new Request(new URL(request.url, origin), { method, headers, body }), config);
  for (const [name, value] of answer.headers) response.appendHeader(name, value);
  response.writeHead(answer.status).end(await answer.text());
}).listen(port, "127.0.0.1", () => console.log("ready"));

process.stdin.resume().on("end", () => process.exit(0));
