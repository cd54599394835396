// As much of a browser as the page's scripts use, so that a test can run them: elements with their text, attributes and
// listeners, made out of the page's own HTML. `call` is the test's, and asks the stand-in. Never sent to anyone.

class Element {
  constructor(name) {
    Object.assign(this, { name, attributes: {}, children: [], listeners: {}, hidden: false, checked: false });
    this.classList = { add: (one) => { this.className = `${this.className} ${one}`.trim(); } };
  }
  get textContent() { return this.children.map((one) => one.textContent ?? one).join(""); }
  set textContent(text) { this.children = [String(text)]; }
  get className() { return this.attributes.class ?? ""; }
  set className(names) { this.attributes.class = names; }
  get dataset() {
    return Object.fromEntries(Object.entries(this.attributes).filter(([name]) => name.startsWith("data-"))
      .map(([name, value]) => [name.slice(5), value]));
  }
  get options() { return this.children.filter((one) => one.name === "option"); }
  get value() {
    if (this.name === "option") return this.attributes.value ?? this.textContent;
    if (this.name !== "select") return this.attributes.value ?? "";
    const chosen = this.options.find((one) => one.value === this.attributes.value) ?? this.options[0];
    return chosen ? chosen.value : "";
  }
  set value(value) { this.attributes.value = String(value); }
  set selectedIndex(place) { this.value = this.options[place].value; }
  get id() { return this.attributes.id; }
  getAttribute(name) { return this.attributes[name] ?? null; }
  setAttribute(name, value) {
    this.attributes[name] = String(value);
    if (name === "hidden") this.hidden = true;
  }
  append(...more) { this.children.push(...more); }
  replaceChildren(...others) { this.children = others; }
  addEventListener(kind, listener) { (this.listeners[kind] ??= []).push(listener); }
  fire(kind) { for (const one of this.listeners[kind] ?? []) one({ key: "", preventDefault() {} }); }
  focus() {}
  showModal() {}
  all() { return [this, ...this.children.flatMap((one) => one.all?.() ?? [])]; }
}

function read(html) {
  const root = new Element("document");
  const open = [root];
  for (const [, end, name, attributes, text] of html.matchAll(/<(\/?)([\w!]+)([^>]*)>|([^<]+)/g)) {
    if (text !== undefined) { if (text.trim()) open.at(-1).append(text.trim()); continue; }
    if (end) { open.pop(); continue; }
    const made = new Element(name);
    for (const [, key, value] of attributes.matchAll(/([\w-]+)(?:="([^"]*)")?/g)) made.setAttribute(key, value ?? "");
    open.at(-1).append(made);
    if (!["meta", "link", "input", "br", "!doctype"].includes(name)) open.push(made);
  }
  return root;
}

const root = read(html);
const later = [];
const document = {
  title: "", hidden: false, activeElement: null,
  createElement: (name) => new Element(name),
  getElementById: (id) => root.all().find((one) => one.id === id),
  querySelectorAll: (selector) => {
    const [, name, value] = /^\[([\w-]+)(?:=(\w+))?\]$/.exec(selector);
    return root.all().filter((one) => one.attributes[name] !== undefined && (!value || one.attributes[name] === value));
  },
};
const history = { replaceState() {} };
const location = { hash: "" };
const setTimeout = (what) => { later.push(what); };
const confirm = () => true;
class URLSearchParams {
  constructor(values) { this.values = values; }
  toString() {
    return Object.entries(this.values).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
  }
}
async function fetch(path, { method, body }) {
  const [status, text] = JSON.parse(call(method, path, body ?? ""));
  return { status, ok: status < 400, text: async () => text };
}

// What the person before it does and sees.
globalThis.person = {
  click: (id) => document.getElementById(id).fire("click"),
  clickIn: (id, name) => document.getElementById(id).all().find((one) => one.name === name).fire("click"),
  press: (name, value) => document.querySelectorAll(`[${name}]`).find((one) => one.attributes[name] === value).fire("click"),
  choose: (id, value) => { document.getElementById(id).value = value; document.getElementById(id).fire("change"); },
  submit: (id) => document.getElementById(id).fire("submit"),
  wait: () => later.splice(0).forEach((what) => what()),
  sees: (id) => (document.getElementById(id).hidden ? "" : document.getElementById(id).textContent),
  title: () => document.title,
  ask: (path) => fetch(path, { method: "GET" }),
};
