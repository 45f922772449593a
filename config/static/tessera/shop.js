"use strict";

// What is quicker with a script; without it, everything works by buttons.

document.documentElement.classList.add("with-script");

// Milliseconds in which two clicks are one double click.
const DOUBLE_CLICK = 500;

document.addEventListener("click", (event) => {
  if (event.target.hasAttribute("data-prints")) {
    window.print();
  }
});

// What the mouse or a finger presses right now, of what leads somewhere. A field is changed by leaving it, and it may be
// left by just that.
let pressed = null;
document.addEventListener("mousedown", (event) => {
  pressed = event.target.closest("a, button");
});
document.addEventListener("mouseup", () => {
  pressed = null;
});

// A filter, or a quantity in the basket, is taken over as soon as it is changed.
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (!form || event.target.type === "search" || !(event.target.hasAttribute("data-submits") || form.hasAttribute("data-submits"))) {
    return;
  }
  if (!pressed) {
    form.requestSubmit();
  } else if (pressed.form !== form && form.method === "post" && form.checkValidity()) {
    // Its own button takes it along; elsewhere it must not be in the way of where that leads.
    fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), keepalive: true });
  }
});

// What goes into the basket goes there from where one is.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  // What is on its way already is stopped below.
  if (!form.classList.contains("order-form") || event.defaultPrevented || form.dataset.sent) {
    return;
  }
  event.preventDefault();
  const began = performance.now();
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (!answer.ok || new URL(answer.url).pathname !== "/basket/") {
      throw new Error("It is not in the basket.");
    }
    showBasket(new DOMParser().parseFromString(await answer.text(), "text/html"));
    // Not before the second click of a double click.
    setTimeout(() => delete form.dataset.sent, DOUBLE_CLICK - (performance.now() - began));
  } catch {
    // Somebody has to log in first, or is to be told something.
    form.submit();
  }
});

// Take over from the page of the basket what is in the menu, and what it says.
function showBasket(page) {
  const entry = '.site-header a[href="/basket/"]';
  document.querySelector(entry)?.replaceChildren(...page.querySelector(entry).childNodes);
  const said = page.querySelector(".alerts");
  const main = document.getElementById("main");
  main.querySelector(".alerts")?.remove();
  if (said) {
    said.classList.add("alerts-floating");
    main.prepend(said);
  }
}

// A button is pressed once: the answer may take a moment.
document.addEventListener("submit", (event) => {
  if (event.target.method === "post" && event.target.dataset.sent) {
    event.preventDefault();
  }
  event.target.dataset.sent = "yes";
});

// Who comes back by the browser's own button may press it again.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) {
    delete form.dataset.sent;
  }
});
