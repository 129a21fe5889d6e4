// Times in the viewer's zone, live parts, and passkeys. Without it every page still works, passkeys excepted.
"use strict";
(() => {
  const policy = window.trustedTypes ? trustedTypes.createPolicy("gonogo", { createHTML: text => text }) : { createHTML: text => text };
  const two = number => String(number).padStart(2, "0");

  function local(root) {
    for (const spot of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(spot.dateTime);
      if (isNaN(moment) || spot.dataset.local) continue;
      spot.dataset.local = "yes";
      spot.title = moment.toISOString().replace("T", " ").slice(0, 19) + " UTC";
      spot.textContent = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())} ${two(moment.getHours())}:${two(moment.getMinutes())}`;
    }
  }

  function countDown() {
    for (const spot of document.querySelectorAll("[data-until]")) {
      const left = Math.max(0, Math.round((new Date(spot.dataset.until) - Date.now()) / 1000));
      spot.textContent = left < 120 ? `${left} s` : left < 7200 ? `${Math.floor(left / 60)} min` : `${Math.floor(left / 3600)} h ${Math.floor(left % 3600 / 60)} min`;
    }
  }

  // A page that is loaded again by itself stays as open as somebody had opened it.
  const opened = () => [...document.querySelectorAll("details[open]:not(.act) > summary")].map(summary => summary.textContent);
  const place = `gonogo:${location.pathname}`;
  function again() {
    sessionStorage.setItem(place, JSON.stringify(opened()));
    location.reload();
  }
  function reopen() {
    const before = JSON.parse(sessionStorage.getItem(place) || "[]");
    sessionStorage.removeItem(place);
    for (const summary of document.querySelectorAll("details:not(.act) > summary")) if (before.includes(summary.textContent)) summary.parentElement.open = true;
  }

  // A browser keeps six connections to a server: a tab that nobody looks at gives its own back, and is told anew when
  // somebody does. Whoever reads is told where what they read is no longer told of; old figures must not look like new ones.
  function listen(address, heard) {
    const lost = document.createElement("p");
    lost.className = "notice bad lost";
    lost.setAttribute("role", "alert");
    lost.hidden = true;
    document.getElementById("main").prepend(lost);
    let source = null, over = false, late = 0;
    function close() { source?.close(); source = null; clearTimeout(late); late = 0; }
    function open() {
      if (source || over || document.visibilityState === "hidden") return;
      const opened = source = new EventSource(address);
      opened.addEventListener("open", () => { clearTimeout(late); late = 0; lost.hidden = true; });
      opened.addEventListener("error", () => {
        const now = new Date(), at = `${two(now.getHours())}:${two(now.getMinutes())}`;
        late ||= setTimeout(() => {
          lost.textContent = opened.readyState === EventSource.CLOSED ? `Not live since ${at}: load this page again.` : `Not live since ${at}: the server does not answer; trying again.`;
          lost.hidden = false;
        }, 3000);
      });
      for (const [name, hear] of Object.entries(heard)) opened.addEventListener(name, hear);
      opened.addEventListener("over", () => { close(); location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`); });
    }
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" ? close() : open());
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", open);
    open();
    return () => { over = true; close(); };
  }

  function stream(place) {
    listen(place.dataset.stream, { part(event) {
      const open = new Set([...place.querySelectorAll("details[open] > summary")].map(summary => summary.textContent));
      // Drawn by this very server from templates that escape everything.
      place.innerHTML = policy.createHTML(JSON.parse(event.data));
      for (const summary of place.querySelectorAll("details > summary")) summary.parentElement.open = open.has(summary.textContent);
      // The head of the page is drawn with the page: it is loaded again once, when the run is over.
      if (place.querySelector("[data-outcome]")?.dataset.outcome && !document.querySelector("details.act[open]")) again();
      local(place);
      countDown();
      place.dataset.told = String(Number(place.dataset.told || 0) + 1);
    }, cards(event) {
      for (const [run, card] of Object.entries(JSON.parse(event.data))) {
        const before = place.querySelector(`[data-run="${CSS.escape(run)}"]`);
        const held = before?.contains(document.activeElement);
        if (before) before.outerHTML = policy.createHTML(card);
        if (held) place.querySelector(`[data-run="${CSS.escape(run)}"] a`).focus();
      }
      local(place);
      place.dataset.told = String(Number(place.dataset.told || 0) + 1);
    } });
  }

  // A page that only notes that something moved: it is loaded again when nobody is writing in it.
  function watch(place) {
    const end = listen(place.dataset.watch, { part(event) {
      const seq = Number(/ data-seq="(\d+)"/.exec(JSON.parse(event.data))?.[1] ?? -1);
      const busy = document.querySelector("details.act[open]") || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName || "");
      if (seq > Number(place.dataset.seq) && !busy) again();
    } });
    // A page that is loaded again while it sends a form would take the form back.
    document.addEventListener("submit", end);
  }

  const bytes = text => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - text.length % 4) % 4)), letter => letter.charCodeAt(0));
  const text = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  function failed(form, error) {
    const spot = form.querySelector(".problem");
    spot.hidden = false;
    spot.textContent = error.name === "NotAllowedError" ? "The device did not sign: it was refused, or took too long. Nothing was recorded." : String(error.message || error);
    form.querySelector("button").disabled = false;
  }

  async function assertion(form) {
    const known = form.dataset.credentials.split(",").filter(Boolean);
    const said = await navigator.credentials.get({ publicKey: {
      challenge: bytes(form.dataset.challenge), rpId: form.dataset.rp, userVerification: "required", timeout: 120000,
      allowCredentials: known.map(id => ({ type: "public-key", id: bytes(id) })) } });
    const answer = said.response;
    return JSON.stringify({ id: said.id, response: { clientDataJSON: text(answer.clientDataJSON), authenticatorData: text(answer.authenticatorData), signature: text(answer.signature) } });
  }

  function signing(form, made) {
    form.addEventListener("submit", async event => {
      event.preventDefault();
      form.querySelector("button").disabled = true;
      try {
        await made(form);
        HTMLFormElement.prototype.submit.call(form);
      } catch (error) {
        failed(form, error);
      }
    });
  }

  async function enrol(form) {
    const begun = await fetch("/you/passkey/begin", { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: new URLSearchParams({ csrf: form.elements.csrf.value }) });
    if (!begun.ok) throw new Error((await begun.json()).detail || "refused");
    const given = await begun.json();
    const made = await navigator.credentials.create({ publicKey: {
      challenge: bytes(given.challenge), rp: { id: given.rp_id, name: "gonogo" },
      user: { id: new TextEncoder().encode(given.user), name: given.user, displayName: given.user },
      pubKeyCredParams: [{ type: "public-key", alg: -7 }], attestation: "direct", timeout: 120000,
      excludeCredentials: given.known.map(id => ({ type: "public-key", id: bytes(id) })),
      authenticatorSelection: { userVerification: "required", residentKey: "required" } } });
    form.elements.token.value = given.token;
    form.elements.registration.value = JSON.stringify({ id: made.id, response: { attestationObject: text(made.response.attestationObject), clientDataJSON: text(made.response.clientDataJSON) } });
  }

  reopen();
  local(document);
  countDown();
  setInterval(countDown, 1000);
  for (const place of document.querySelectorAll("[data-stream]:not([data-over])")) stream(place);
  for (const place of document.querySelectorAll("[data-watch]:not([data-over])")) watch(place);
  for (const id of ["passkey-sign", "passkey-in"]) {
    const form = document.getElementById(id);
    if (form) signing(form, async () => { form.elements.assertion.value = await assertion(form); });
  }
  const fresh = document.getElementById("passkey-new");
  if (fresh) signing(fresh, enrol);
  document.addEventListener("keydown", event => {
    if (event.key === "Escape") for (const panel of document.querySelectorAll("details.act[open]")) { panel.open = false; panel.querySelector("summary").focus(); }
  });
})();
