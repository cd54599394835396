// What the scripts of the page share: asking the control routes beside it, elements, and the dialog with the whole.

export const get = (id) => document.getElementById(id);

export async function ask(path, method = "GET", body) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  const told = text ? JSON.parse(text) : null;
  if (!answer.ok) throw new Error(told?.error ?? `${answer.status}`);
  return told;
}

// An element with its text or children; never HTML out of data.
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export function row(open, label, ...cells) {
  const keys = (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); } };
  return make("tr", { tabindex: "0", "aria-label": label, onclick: open, onkeydown: keys }, ...cells);
}

export const cell = (text, kind) => make("td", { class: kind, title: text }, text);

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

export function detail(name, facts, texts) {
  const list = make("dl", {}, ...facts.filter(([, value]) => value).flatMap(([key, value]) =>
    [make("dt", {}, key), make("dd", {}, String(value))]));
  const blocks = texts.filter(([, text]) => text).flatMap(([title, text]) =>
    [make("h2", {}, title), make("pre", { tabindex: "0" }, pretty(text))]);
  get("detail-name").textContent = name;
  get("detail-body").replaceChildren(...(facts.length ? [list] : []), ...blocks);
  get("detail").showModal();
}

export function lost(error) {
  get("connection").textContent = error ? `not reached: ${error.message}` : "";
}
