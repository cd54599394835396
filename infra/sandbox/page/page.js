// The page of one stand-in: it asks the control routes beside it, once a second, and shows what they say.

import { ask, cell, detail, get, lost, make, row } from "./parts.js";
import { readCalls, readDeliveries } from "./traffic.js";

// Tabs: arrows move between them, as the pattern asks.
const tabs = [...document.querySelectorAll("[role=tab]")];
function choose(tab) {
  for (const one of tabs) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", chosen);
    one.tabIndex = chosen ? 0 : -1;
    get(one.getAttribute("aria-controls")).hidden = !chosen;
  }
  history.replaceState(null, "", `#${tab.getAttribute("aria-controls")}`);
  if (tab.id === "tab-records") showKinds().catch(lost);
  if (tab.id === "tab-counts") showCounts().catch(lost);
}
for (const [place, tab] of tabs.entries()) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(place + step + tabs.length) % tabs.length];
    next.focus();
    choose(next);
  });
}

// Records.
const PAGE = 50;
let rows = [];
async function showKinds() {
  const kinds = await ask("kinds");
  const select = get("records-kind");
  const before = select.value;
  const several = new Set(kinds.map((kind) => kind.account)).size > 1;
  select.replaceChildren(...kinds.map((kind) => make("option", { value: JSON.stringify([kind.account, kind.kind]) },
    `${several ? `${kind.account}: ` : ""}${kind.kind} (${kind.count})`)));
  // At first a kind that there are some of: an org's own record tells little.
  const usual = kinds.findIndex((kind) => kind.count > 4);
  if ([...select.options].some((option) => option.value === before)) select.value = before;
  else if (usual >= 0) select.selectedIndex = usual;
  await look(true);
}

async function look(afresh) {
  if (!get("records-kind").value) return;
  const [account, kind] = JSON.parse(get("records-kind").value);
  if (afresh) rows = [];
  const query = new URLSearchParams({ account, kind, from: rows.length, most: PAGE, text: get("records-text").value });
  const more = await ask(`browse?${query}`);
  rows.push(...more);
  const columns = chosenColumns(rows);
  get("records-head").replaceChildren(make("tr", {}, ...columns.map((name) => make("th", {}, name))));
  get("records-rows").replaceChildren(...rows.map((record) => row(() => detail(kind, [], [["As it is kept", JSON.stringify(record)]]),
    String(record[columns[0]] ?? kind), ...columns.map((name) => cell(shown(record[name]), typeof record[name] === "number" ? "number" : undefined)))));
  get("records-empty").hidden = rows.length > 0;
  get("records-more").hidden = more.length < PAGE;
}

function shown(value) {
  if (value === null || value === undefined) return "";
  const moment = typeof value === "string" && /^\/Date\((-?\d+)/.exec(value);
  if (moment) return new Date(Number(moment[1])).toISOString().slice(0, 16).replace("T", " ");
  if (typeof value === "object") return value.Name ?? "…";
  return String(value);
}

// What tells records apart comes first; ids, flags and what is the same in all of them come last or not at all.
function chosenColumns(records) {
  const names = [...new Set(records.slice(0, 20).flatMap((record) => Object.keys(record)))];
  const score = (name) => {
    const values = records.map((record) => record[name]).filter((value) => value !== null && value !== undefined && value !== "");
    if (values.length === 0 || values.every((value) => typeof value === "object" && !value.Name)) return -1;
    const kinds = new Set(values.map((value) => JSON.stringify(value))).size;
    const telling = /^(Name|.*Number|Subject|Title|Code|Company|Status|StageName|Contact|Type|Total|AmountDue|Amount|CloseDate|DueDate|DateString|Email.*)$/;
    return (telling.test(name) ? 100 : 0) + (kinds > 1 ? 20 : 0) + values.length / records.length * 10
      - (/Id$|ID$|UTC$|^Is|^Has|^Created|^LastModified|Stamp$|String$/.test(name) ? 30 : 0) - name.length / 10;
  };
  const best = names.map((name) => [score(name), name]).filter(([points]) => points > 0)
    .sort(([left], [right]) => right - left).slice(0, 7).map(([, name]) => name);
  return names.filter((name) => best.includes(name)).sort((left, right) => (right === "Name") - (left === "Name"));
}

get("records-form").addEventListener("submit", (event) => { event.preventDefault(); showKinds().catch(lost); });
get("records-kind").addEventListener("change", () => look(true).catch(lost));
get("records-more").addEventListener("click", () => look(false).catch(lost));

// Faults: name, what it does, and the number that it takes, if any.
const FAULTS = {
  status: ["answers with a status", "Nothing is applied; the answer is a status and a body of your choice.", "Status", 503],
  late: ["runs long, applied late", "Taken up now; applied and answered when the clock has moved on so many seconds.", "Seconds", 120],
  delay: ["answers late", "Applied after a wait of real time.", "Milliseconds", 2000],
  reply_lost: ["applied, the reply is lost", "The connection closes before the answer."],
  internal_error_after_apply: ["applied, answers 500", "The caller can't know that it was applied."],
  truncate: ["the answer breaks off", "Applied; the connection closes in the middle of the body."],
  half: ["half of the answer", "Applied; half of the body comes as if it were all."],
  reset: ["the connection closes", "Nothing is applied."],
  empty: ["200 without a body", "Nothing is applied."],
  html: ["a proxy's 502 page", "Nothing is applied; HTML where JSON is expected."],
};
get("fault-kind").replaceChildren(...Object.entries(FAULTS).map(([kind, [name]]) => make("option", { value: kind }, name)));

function showFaultFields() {
  const kind = get("fault-kind").value;
  const [, about, amount, usual] = FAULTS[kind];
  get("fault-about").textContent = about;
  get("fault-amount-label").hidden = amount === undefined;
  get("fault-amount-name").textContent = amount ?? "";
  get("fault-amount").value = usual ?? 0;
  get("fault-body-label").hidden = kind !== "status";
}
get("fault-kind").addEventListener("change", showFaultFields);
showFaultFields();

get("fault-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const kind = get("fault-kind").value;
  const amount = Number(get("fault-amount").value);
  const text = get("fault-body").value;
  let body = text === "" ? null : text;
  try { body = JSON.parse(text); } catch { /* a text, then */ }
  const fault = {
    kind: kind === "status" ? { status: { code: amount, body } } : kind === "late" || kind === "delay" ? { [kind]: amount } : kind,
    path: get("fault-path").value,
    skip: Number(get("fault-skip").value),
    times: get("fault-times").value === "" ? null : Number(get("fault-times").value),
  };
  if (get("fault-method").value) fault.method = get("fault-method").value;
  if (get("fault-chance").value !== "") fault.probability = Number(get("fault-chance").value);
  try {
    await ask("faults", "POST", fault);
    get("fault-wrong").textContent = "";
    await readFaults();
  } catch (error) {
    get("fault-wrong").textContent = error.message;
  }
});

async function readFaults() {
  const faults = await ask("faults");
  get("tab-faults").textContent = faults.length ? `Faults (${faults.length})` : "Faults";
  get("faults-rows").replaceChildren(...faults.map(({ id, hits, fault }) => {
    const kind = typeof fault.kind === "string" ? fault.kind : Object.keys(fault.kind)[0];
    const amount = typeof fault.kind === "string" ? undefined : fault.kind[kind].code ?? fault.kind[kind];
    const [name, , unit] = FAULTS[kind] ?? [kind];
    const often = [fault.times === null ? "every time" : fault.times === 1 ? "once" : `${fault.times} times`,
      fault.skip ? `after ${fault.skip}` : "", fault.probability === null ? "" : `chance ${fault.probability}`];
    const remove = () => ask(`faults/${id}`, "DELETE").then(readFaults).catch(lost);
    return make("tr", {}, cell(amount === undefined ? name : `${name} (${amount}${unit === "Status" ? "" : ` ${unit.toLowerCase()}`})`),
      cell(`${fault.method ?? "any"} ${fault.path || "any path"}`), cell(often.filter(Boolean).join(", ")), cell(String(hits), "number"),
      make("td", {}, make("button", { onclick: remove, "aria-label": `Remove: ${name}` }, "Remove")));
  }));
  get("faults-empty").hidden = faults.length > 0;
}

// Counts.
async function showCounts() {
  const { accounts } = await ask("counters");
  const all = Object.entries(accounts).flatMap(([account, routes]) => Object.entries(routes).map(([route, count]) => [account, route, count]));
  all.sort((left, right) => right[2] - left[2]);
  get("counts-rows").replaceChildren(...all.map(([account, route, count]) =>
    make("tr", {}, cell(account || "–"), cell(route), cell(String(count), "number"))));
}
get("counts-clear").addEventListener("click", () => ask("counters", "DELETE").then(showCounts).catch(lost));

// Clock, limits, checks, state.
async function readClock() {
  const { now, offset_seconds, speed } = await ask("clock");
  get("clock-now").textContent = now.slice(0, 19).replace("T", " ");
  const ahead = Math.abs(offset_seconds) < 2 ? "as on this machine" : `${span(Math.abs(offset_seconds))} ${offset_seconds > 0 ? "ahead" : "behind"}`;
  get("clock-offset").textContent = `UTC, ${ahead}`;
  const select = get("clock-speed");
  if (![...select.options].some((option) => Number(option.value) === speed)) {
    select.append(make("option", { value: speed }, `${speed} times`));
  }
  if (document.activeElement !== select) select.value = speed;
}

function span(seconds) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const [size, unit] = parts.find(([size]) => seconds >= size) ?? [1, "s"];
  return `${Math.round(seconds / size * 10) / 10} ${unit}`;
}

const course = (wanted) => ask("clock", "POST", wanted).then(readClock).catch(lost);
for (const button of document.querySelectorAll("[data-advance]")) {
  button.addEventListener("click", () => course({ advance_seconds: Number(button.dataset.advance) }));
}
get("clock-speed").addEventListener("change", () => course({ speed: Number(get("clock-speed").value) }));

async function readLimits() {
  const limits = await ask("limits");
  get("limits").replaceChildren(...limits.map(({ account, limit, left, of }) => make("div", { class: "limit" },
    make("div", {}, make("span", {}, limit), make("span", { class: "number" }, `${left} of ${of}`)),
    make("meter", { min: 0, max: of, low: of * 0.2, optimum: of, value: left, title: account, "aria-label": `${limit}, ${account}` }),
    make("span", { class: "quiet" }, account))));
  if (limits.length === 0) get("limits").replaceChildren(make("p", { class: "quiet" }, "Nobody has called yet."));
  const { held } = await ask("held");
  get("held").textContent = held ? `${held} taken up and not yet applied` : "";
}

get("checks-run").addEventListener("click", async () => {
  try {
    const { ok, broken } = await ask("invariants");
    get("checks").textContent = ok ? "✓ all is as it should be" : `${broken.length} broken`;
    get("checks").className = ok ? "good" : "bad";
    get("checks-broken").replaceChildren(...broken.slice(0, 20).map((sentence) => make("li", {}, sentence)));
  } catch (error) { lost(error); }
});

const said = (promise, text) => promise.then(() => { get("state-said").textContent = text; showKinds(); })
  .catch((error) => { get("state-said").textContent = error.message; });
get("state-keep").addEventListener("click", () => said(ask("snapshots/page", "POST"), "kept"));
get("state-back").addEventListener("click", () => said(ask("snapshots/page/restore", "POST"), "as it was kept"));
get("state-reset").addEventListener("click", () => {
  if (confirm("Forget everything that is in here?")) said(ask("reset", "POST"), "as it was made");
});

// Once a second, and not while nobody looks.
async function tick() {
  if (!document.hidden) {
    try {
      await Promise.all([readCalls(), readDeliveries(), readFaults(), readClock(), readLimits()]);
      lost();
    } catch (error) { lost(error); }
  }
  setTimeout(tick, 1000);
}
ask("about").then(({ name }) => {
  document.title = name;
  get("title").textContent = name;
}).catch(lost);
choose(tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash) ?? tabs[0]);
tick();
