// The page of the API: Swagger UI, with a log-in whose tokens live in this page alone.
"use strict";

const account = document.getElementById("account");
const { logIn, secondFactor, renew, logOut } = account.dataset;
const form = document.getElementById("log-in");
const second = document.getElementById("second-factor");
const loggedIn = document.getElementById("logged-in");
const complaint = document.getElementById("log-in-error");
let tokens = null;
let challenge = "";

// No cookie is sent along: the API believes the token alone.
async function post(address, body) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body), credentials: "omit" });
  const content = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(content.detail), content);
  return content;
}

function keep(answer) {
  tokens = answer && { ...answer, until: Date.now() + answer.expires_in * 1000 };
  form.hidden = Boolean(tokens);
  second.hidden = true;
  second.elements.code.value = "";
  loggedIn.hidden = !tokens;
  complaint.hidden = true;
  document.getElementById("who").textContent = form.elements.email.value;
}

// The password of somebody with a second factor earns a challenge, which a code or a passkey answers.
function askForFactor(asked) {
  challenge = asked.challenge;
  form.hidden = true;
  second.hidden = false;
  complaint.hidden = true;
  second.elements.passkey.hidden = !asked.factors.includes("passkey") || !window.PublicKeyCredential;
  second.elements.code.focus();
}

async function finish(answer) {
  try {
    keep(await post(secondFactor, { challenge, ...(await answer()) }));
  } catch (error) {
    complain(error);
  }
}

second.addEventListener("submit", (event) => {
  event.preventDefault();
  finish(() => ({ code: second.elements.code.value }));
});

second.elements.passkey.addEventListener("click", () =>
  finish(async () => {
    const publicKey = { challenge: new TextEncoder().encode(challenge), userVerification: "required" };
    return { credential: (await navigator.credentials.get({ publicKey })).toJSON() };
  }),
);

second.addEventListener("reset", () => keep(null));

function complain(error) {
  complaint.textContent = error.message;
  complaint.hidden = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { email, password } = form.elements;
  try {
    keep(await post(logIn, { email: email.value, password: password.value }));
  } catch (error) {
    if (error.code === "second-factor-required") askForFactor(error);
    else complain(error);
  }
  password.value = "";
});

document.getElementById("log-out").addEventListener("click", async () => {
  const { refresh } = tokens;
  keep(null);
  await post(logOut, { refresh }).catch(complain);
});

// A refresh token is good once: requests that come together wait for one renewal.
let renewal = null;

async function freshToken() {
  if (tokens.until - Date.now() > 15000) return tokens.access;

  renewal ??= post(renew, { refresh: tokens.refresh }).finally(() => (renewal = null));
  try {
    keep(await renewal);
    return tokens.access;
  } catch (error) {
    keep(null);
    complain(error);
    return null;
  }
}

async function addToken(request) {
  const { origin, pathname } = new URL(request.url, location.href);
  const isOurs = origin === location.origin && pathname.startsWith("/api/") && !pathname.startsWith("/api/token/");
  const token = tokens && isOurs ? await freshToken() : null;
  if (token) request.headers.Authorization = `Bearer ${token}`;
  return request;
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const followScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followScheme);
followScheme();

// What is shown of the document. Swagger UI's own layout would be a second main part of the page.
const parts = ({ React }) => ({
  components: {
    Parts: ({ getComponent }) => {
      const shown = ["SvgAssets", "errors", "operations", "Models"];
      const elements = shown.map((name) => React.createElement(getComponent(name, true), { key: name }));
      return React.createElement("div", { className: "swagger-ui" }, elements);
    },
  },
});

SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: document.getElementById("swagger-ui").dataset.document,
  // It would put links into buttons, which a screen reader cannot tell.
  deepLinking: false,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  requestInterceptor: addToken,
  layout: "Parts",
  plugins: [parts],
});
