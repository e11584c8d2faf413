// Keeps the page up to date: asks for the figures each second, writes them
// where the page has them, and says so when nobody answers.
"use strict";

const PERIOD = 1000; // ms between an answer and the next question
const PATIENCE = 3000; // ms that an answer may take
const SAMPLES = 60; // rates that a line shows

const byId = (id) => document.getElementById(id);

// Figures are written as format.go writes them.
function bytes(n) {
  if (n < 1024) return Math.round(n) + " B";
  let unit = -1;
  for (; n >= 1024 && unit < 5; unit++) n /= 1024;
  const digits = n < 10 ? 2 : n < 100 ? 1 : 0;
  return (Math.floor(n * 10 ** digits + 0.5) / 10 ** digits).toFixed(digits) + " " + "KMGTPE"[unit] + "iB";
}

function span(from, to) {
  if (from.startsWith("0001-")) return "–"; // the zero time of Go
  const s = Math.max(0, Math.floor((Date.parse(to) - Date.parse(from)) / 1000));
  const two = (a, x, b, y) => Math.floor(a) + " " + x + " " + Math.floor(b) + " " + y;
  if (s < 60) return s + " s";
  if (s < 3600) return two(s / 60, "min", s % 60, "s");
  if (s < 86400) return two(s / 3600, "h", (s % 3600) / 60, "min");
  return two(s / 86400, "d", (s % 86400) / 3600, "h");
}

// put writes figures into the elements of root that are named for them. What
// is right already stays untouched, so that a selection of text survives.
function put(root, figures) {
  for (const [name, value] of Object.entries(figures)) {
    const element = root.querySelector(`[data-f="${name}"]`);
    if (element.textContent !== String(value)) element.textContent = value;
  }
}

function putSince(root, name, from, to) {
  const element = root.querySelector(`[data-f="${name}"]`);
  put(root, { [name]: span(from, to) });
  const known = !from.startsWith("0001-");
  element.dateTime = element.title = known ? new Date(from).toISOString().replace(/\.\d+/, "") : "";
}

// resize makes list have n children, new ones being copies of a template.
function resize(list, n, template) {
  while (list.children.length > n) list.lastElementChild.remove();
  while (list.children.length < n) list.append(byId(template).content.firstElementChild.cloneNode(true));
}

// history has, for each service, what it had carried at the last answer and
// its rates until then.
let history = new Map();
let last = null;

// measure returns the rates of a service, the one of now last; none at first.
function measure(next, agent, service, seconds) {
  const key = JSON.stringify([agent.name, service.name]);
  const total = service.bytesIn + service.bytesOut;
  const before = history.get(key);
  let rates = before ? before.rates : [];
  if (before && seconds > 0) {
    rates = rates.concat(Math.max(0, total - before.total) / seconds).slice(-SAMPLES);
  }
  next.set(key, { total, rates });
  return rates;
}

// line returns the points of the rates, the one of now at the right.
function line(rates) {
  const top = Math.max(1, ...rates);
  return rates.map((rate, i) => `${60 - rates.length + i + 1},${(19 - (18 * rate) / top).toFixed(1)}`).join(" ");
}

function showService(row, service, rates) {
  put(row, {
    name: service.name, kind: service.kind, public: service.public,
    active: service.active, total: service.total,
    in: bytes(service.bytesIn), out: bytes(service.bytesOut),
    rate: rates.length ? bytes(rates.at(-1)) + "/s" : "–",
  });
  const link = row.querySelector("a");
  if (!service.public.startsWith("http:")) link.removeAttribute("href");
  else if (link.getAttribute("href") !== service.public) link.href = service.public;
  row.querySelector('[data-f="line"]').setAttribute("points", line(rates));
}

function show(doc) {
  if (last && last.started !== doc.started) history = new Map(); // another process answers
  const seconds = last ? (Date.parse(doc.now) - Date.parse(last.now)) / 1000 : 0;
  const next = new Map();
  let [connected, services, active, carried, rate, rated] = [0, 0, 0, 0, 0, false];

  const list = byId("agents");
  resize(list, doc.agents.length, "agent");
  doc.agents.forEach((agent, i) => {
    const card = list.children[i];
    card.classList.toggle("lost", !agent.connected);
    put(card, { name: agent.name, state: agent.connected ? "connected" : "lost", remote: agent.remote });
    putSince(card, "since", agent.since, doc.now);
    card.querySelector('[data-f="none"]').hidden = agent.services.length > 0;
    card.querySelector("table").hidden = agent.services.length === 0;
    const rows = card.querySelector("tbody");
    resize(rows, agent.services.length, "service");
    agent.services.forEach((service, j) => {
      const rates = measure(next, agent, service, seconds);
      showService(rows.children[j], service, rates);
      active += service.active;
      carried += service.bytesIn + service.bytesOut;
      if (rates.length) [rate, rated] = [rate + rates.at(-1), true];
    });
    connected += agent.connected ? 1 : 0;
    services += agent.services.length;
  });
  byId("none").hidden = doc.agents.length > 0;
  const totals = byId("totals");
  put(totals, {
    connected, agents: doc.agents.length, services, active,
    rate: rated ? bytes(rate) + "/s" : "–", bytes: bytes(carried),
  });
  putSince(totals, "up", doc.started, doc.now);
  [history, last] = [next, doc];
}

let awayFor = null; // since when nobody answers, and why

function present() {
  awayFor = null;
  document.body.classList.remove("away");
  byId("away").hidden = true;
  byId("state").textContent = "live";
}

function away(why) {
  const first = awayFor === null;
  awayFor ??= new Date();
  if (!first && byId("away").dataset.why === why) return;
  document.body.classList.add("away");
  byId("away").dataset.why = why;
  byId("away").textContent =
    `The server is not reachable since ${awayFor.toLocaleTimeString()} (${why}). ` +
    "The figures are the last ones it gave. Trying again each second.";
  byId("away").hidden = false;
  byId("state").textContent = "not reachable";
}

// ask returns the figures, or throws why there are none.
async function ask() {
  let answer;
  try {
    answer = await fetch("status.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  } catch (err) {
    throw new Error(err.name === "TimeoutError" ? "no answer" : "no connection");
  }
  if (!answer.ok) throw new Error("it answers " + answer.status);
  return answer.json();
}

async function run() {
  for (;;) {
    try {
      show(await ask());
      present();
    } catch (err) {
      away(err.message);
    }
    await new Promise((done) => setTimeout(done, PERIOD));
  }
}

run();
