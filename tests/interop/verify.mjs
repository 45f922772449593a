// Verifies Tessera's tokens from its addresses alone: one JSON object a line in, one out.
// Asked {"issuer", "audience", "key"} first, then {"token"} as often as wanted; the key, where tokens
// are encrypted, opens them.

import { createInterface } from "node:readline";
import { base64url, compactDecrypt, createRemoteJWKSet, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value);
const insecure = { [oauth.allowInsecureRequests]: true };

const { issuer, audience, key } = await read();
const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", issuer), { cooldownDuration: 0 });
const discovery = await oauth.discoveryRequest(new URL(issuer), { algorithm: "oauth2", ...insecure });
const server = await oauth.processDiscoveryResponse(new URL(issuer), discovery);

async function attempt(verify) {
  try {
    return (await verify()).sub;
  } catch (error) {
    return `refused: ${error.code ?? error.message}`;
  }
}

async function open(token) {
  if (!key) return token;

  const only = { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] };
  const { plaintext } = await compactDecrypt(token, base64url.decode(key), only);
  return new TextDecoder().decode(plaintext);
}

async function byJose(token) {
  const verified = await jwtVerify(token, keys, { issuer, audience, typ: "at+jwt", algorithms: ["ES256"] });
  return verified.payload;
}

async function byOauth4webapi(token) {
  const request = new Request("http://resource.test/", { headers: { authorization: `Bearer ${token}` } });
  return await oauth.validateJwtAccessToken(server, request, audience, insecure);
}

for await (const line of lines) {
  const { token } = JSON.parse(line);
  const jose = await attempt(async () => byJose(await open(token)));
  const oauth4webapi = await attempt(async () => byOauth4webapi(await open(token)));
  console.log(JSON.stringify({ jose, oauth4webapi }));
}
