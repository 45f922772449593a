"use strict";

// Passkeys. A form says in `data-options` what the browser is asked for, and sends its answer in `credential`.

const forms = [...document.querySelectorAll("form.passkey-form")];
const AGAIN = 4 * 60 * 1000; // A challenge is good for five minutes.
let waiting = null;

async function ask(form, more = {}) {
  const options = JSON.parse(form.dataset.options);
  const credential = form.classList.contains("makes-passkey")
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options), ...more });
  form.querySelector("[name$=credential]").value = JSON.stringify(credential);
  form.submit();
}

// Offer the passkeys of this browser in the field of the e-mail address, for as long as the page is open.
async function offer(form) {
  for (;;) {
    waiting = new AbortController();
    const own = waiting;
    const timer = setTimeout(() => own.abort("again"), AGAIN);
    try {
      return await ask(form, { mediation: "conditional", signal: own.signal });
    } catch {
      if (own.signal.reason !== "again") {
        return undefined;
      }
    } finally {
      clearTimeout(timer);
    }
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    form.dataset.options = page.querySelector("form.offers-passkeys").dataset.options;
  }
}

// A passkey that is not known here any more is not offered again, where the browser can be told so.
async function forget({ unknown }) {
  try {
    await (unknown && PublicKeyCredential.signalUnknownCredential?.(JSON.parse(unknown)));
  } catch {
    return;
  }
}

for (const form of window.PublicKeyCredential?.parseRequestOptionsFromJSON ? forms : []) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    waiting?.abort("pressed");
    form.querySelector("[role=status]").textContent = "";
    try {
      await ask(form);
    } catch {
      form.querySelector("[role=status]").textContent = "That did not work, or was cancelled. Try again.";
      delete form.dataset.sent;
    }
  });
  if (form.classList.contains("offers-passkeys")) {
    forget(form.dataset)
      .then(() => PublicKeyCredential.isConditionalMediationAvailable?.())
      .then((is) => is && offer(form));
  }
}
