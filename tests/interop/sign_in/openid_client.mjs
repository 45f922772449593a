// Signs in with openid-client: discovery, code, PKCE, userinfo, refresh, log-out.

import * as openid from "openid-client";
import { answer, asked, visit } from "./conversation.mjs";

const { issuer, client_id, client_secret, redirect_uri, scope } = asked;
const authentication = client_secret ? openid.ClientSecretBasic(client_secret) : openid.None();
const options = { execute: [openid.allowInsecureRequests] };
const server = await openid.discovery(new URL(issuer), client_id, client_secret, authentication, options);
openid.enableNonRepudiationChecks(server);

const pkceCodeVerifier = openid.randomPKCECodeVerifier();
const [expectedState, expectedNonce] = [openid.randomState(), openid.randomNonce()];
const back = await visit(
  openid.buildAuthorizationUrl(server, {
    redirect_uri,
    scope,
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  }).href,
);

const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true, maxAge: 3600 };
const tokens = await openid.authorizationCodeGrant(server, back, checks);
const claims = tokens.claims();
const person = await openid.fetchUserInfo(server, tokens.access_token, claims.sub);
const refreshed = await openid.refreshTokenGrant(server, tokens.refresh_token);
const again = await openid.fetchUserInfo(server, refreshed.access_token, claims.sub);
const logOut = openid.buildEndSessionUrl(server, { id_token_hint: tokens.id_token, post_logout_redirect_uri: redirect_uri });
const loggedOut = await visit(logOut.href);
const replayed = await openid.authorizationCodeGrant(server, back, checks).catch((error) => error.error);

answer({
  person,
  isSame: person.sub === again.sub,
  isRotated: refreshed.refresh_token !== tokens.refresh_token,
  access: refreshed.access_token,
  loggedOut: loggedOut.href,
  replayed,
});
