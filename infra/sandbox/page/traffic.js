// What goes over the wire: the calls that came, and what was sent of the stand-in's own accord, as it happens.

import { ask, cell, detail, get, lost, make, row } from "./parts.js";

const MOST_ROWS = 200;

// A list that grows: each time only what is newer than the last one seen is asked for.
function growing(path, holdsStill, show) {
  const kept = [];
  let seen = 0;
  async function read() {
    const told = await ask(`${path}?after=${seen}&most=${MOST_ROWS}`);
    if (told.total < seen) {
      // Somebody had it forgotten: the numbers begin again at 1.
      seen = kept.length = 0;
      show(kept, new Set());
    } else if (told.total > seen && !holdsStill()) {
      seen = told.total;
      kept.push(...told[path]);
      kept.splice(0, kept.length - MOST_ROWS);
      show(kept, new Set(told[path]));
    }
    return told;
  }
  return { read, kept };
}

function lines(id, things, fresh, line) {
  get(`${id}-rows`).replaceChildren(...things.toReversed().map((thing) => {
    const made = line(thing);
    if (fresh.has(thing)) made.classList.add("new");
    return made;
  }));
  get(`${id}-empty`).hidden = things.length > 0;
}

// Calls.
const calls = growing("calls", () => get("calls-pause").checked, showCalls);

export async function readCalls() {
  const { total } = await calls.read();
  get("calls-total").textContent = total === 1 ? "1 call in all" : `${total} calls in all`;
}

function outcome(call) {
  if (call.status === 0) return ["connection lost", "bad"];
  if (call.error) return [call.error, call.status >= 500 ? "bad" : "odd"];
  if (call.status >= 500) return ["failed", "bad"];
  if (call.status === 429) return ["over the limit", "odd"];
  if (call.status >= 400) return ["refused", "odd"];
  return ["✓", "good"];
}

function took(microseconds) {
  return microseconds < 1000 ? `${microseconds} µs` : microseconds < 1e6 ? `${(microseconds / 1000).toFixed(1)} ms`
    : `${(microseconds / 1e6).toFixed(1)} s`;
}

function showCalls(kept, fresh) {
  const which = get("calls-which").value;
  const wanted = kept.filter((call) => which === "all" || (which === "writes" ? call.method !== "GET"
    : call.status === 0 || call.status >= 400));
  get("calls-empty").textContent = kept.length ? "There is none like that." : "Nobody has called yet.";
  lines("calls", wanted, fresh, (call) => {
    const [word, kind] = outcome(call);
    const target = make("td", { title: call.path + (call.query && `?${call.query}`) },
      make("span", { class: "method" }, call.method), call.path, call.query ? make("span", { class: "quiet" }, `?${decodeQuery(call.query)}`) : "");
    return row(() => showCall(call.number).catch(lost), `${call.method} ${call.path} ${call.status}`,
      cell(call.at.slice(11, 19), "time"), target, cell(call.status || "–", `number ${kind}`),
      cell(word, kind), cell(took(call.took_microseconds), "number"));
  });
}
get("calls-which").addEventListener("change", () => showCalls(calls.kept, new Set()));

function decodeQuery(query) {
  try { return decodeURIComponent(query.replaceAll("+", " ")); } catch { return query; }
}

async function showCall(number) {
  const { call, bodies } = await ask(`calls/${number}`);
  detail(`${call.method} ${call.path}`, [
    ["At", call.at], ["Status", call.status || "no answer"], ["Error", call.error], ["Took", took(call.took_microseconds)],
    ["Query", decodeQuery(call.query)], ["Route", call.route], ["Account", call.account], ["Idempotency key", call.idempotency_key],
  ], [["Sent", bodies.request], ["Answered", bodies.answer]]);
}

// Deliveries.
const deliveries = growing("deliveries", () => false, showDeliveries);

export async function readDeliveries() {
  const { total, waiting } = await deliveries.read();
  get("deliveries-total").textContent = total === 1 ? "1 delivery in all" : `${total} deliveries in all`;
  get("deliveries-waiting").textContent = waiting ? `${waiting} not taken yet` : "";
  get("tab-deliveries").textContent = waiting ? `Deliveries (${waiting})` : "Deliveries";
}

function showDeliveries(kept, fresh) {
  lines("deliveries", kept, fresh, (one) => {
    const kind = one.problem ? "odd" : "good";
    return row(() => showDelivery(one.number).catch(lost), `${one.about} to ${one.url} ${one.problem ?? "taken"}`,
      cell(one.at.slice(11, 19), "time"), cell(one.about), cell(one.url), cell(one.status || "–", `number ${kind}`),
      cell(one.problem ?? "✓", kind));
  });
}

async function showDelivery(number) {
  const { delivery, bodies } = await ask(`deliveries/${number}`);
  detail(delivery.about, [
    ["At", delivery.at], ["To", delivery.url], ["Status", delivery.status || "no answer"], ["Outcome", delivery.problem ?? "taken"],
  ], [["Sent", bodies.request], ["Answered", bodies.answer]]);
}
