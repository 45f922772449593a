// Signs in with oauth4webapi: code, PKCE, refresh, userinfo, introspection, revocation, by a secret or a signed assertion.

import { importPKCS8 } from "jose";
import * as oauth from "oauth4webapi";
import { answer, asked, visit } from "./conversation.mjs";

const { issuer, client_id, client_secret, private_key, redirect_uri, scope } = asked;
const insecure = { [oauth.allowInsecureRequests]: true };
const discovery = await oauth.discoveryRequest(new URL(issuer), insecure);
const server = await oauth.processDiscoveryResponse(new URL(issuer), discovery);
const client = { client_id };

async function authenticate() {
  if (!private_key) return oauth.ClientSecretPost(client_secret);

  return oauth.PrivateKeyJwt({ key: await importPKCS8(private_key, "ES256"), kid: "first" });
}

const authentication = await authenticate();
const verifier = oauth.generateRandomCodeVerifier();
const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
const address = new URL(server.authorization_endpoint);
address.search = new URLSearchParams({
  response_type: "code",
  client_id,
  redirect_uri,
  scope,
  state,
  nonce,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
});

const back = oauth.validateAuthResponse(server, client, await visit(address.href), state);
const given = await oauth.authorizationCodeGrantRequest(
  server, client, authentication, back, redirect_uri, verifier, insecure,
);
const tokens = await oauth.processAuthorizationCodeResponse(server, client, given, {
  expectedNonce: nonce,
  requireIdToken: true,
});
await oauth.validateApplicationLevelSignature(server, given, insecure);
const claims = oauth.getValidatedIdTokenClaims(tokens);

const informed = await oauth.userInfoRequest(server, client, tokens.access_token, insecure);
const person = await oauth.processUserInfoResponse(server, client, claims.sub, informed);

const renewed = await oauth.refreshTokenGrantRequest(server, client, authentication, tokens.refresh_token, insecure);
const refreshed = await oauth.processRefreshTokenResponse(server, client, renewed);

async function introspect(token) {
  const response = await oauth.introspectionRequest(server, client, authentication, token, insecure);
  return oauth.processIntrospectionResponse(server, client, response);
}

const before = await introspect(refreshed.access_token);
const revoked = await oauth.revocationRequest(server, client, authentication, refreshed.refresh_token, insecure);
await oauth.processRevocationResponse(revoked);
const after = await introspect(refreshed.access_token);

answer({ person, before: { active: before.active, scope: before.scope, sub: before.sub }, after });
