// Numbers and durations as text, and elements made of text. Names come from users: they only ever become text nodes.

const MISSING = "–";

const byId = (id) => document.getElementById(id);

/** An element; `properties` are set on it (data-, aria- and style as attributes), `children` are elements or text. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-")) element.setAttribute(name, value);
    else if (name === "style") for (const [key, part] of Object.entries(value)) element.style.setProperty(key, part);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Text for plotly, which reads tags, entities and %{templates} in labels. */
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/%\{/g, "%&#123;");

const short = (text, length) => {
  const letters = Array.from(String(text));
  return letters.length <= length ? String(text) : letters.slice(0, length - 1).join("") + "…";
};

/** Metrics arrive as numbers, as "NaN", "Infinity", "-Infinity", or null where there is none. */
const toNumber = (value) => (value === null || value === undefined ? null : Number(value));

const isFinite_ = (value) => typeof value === "number" && Number.isFinite(value);

/** How many decimals show four digits of the largest of some numbers. */
function decimalsFor(values) {
  const sizes = values.filter((value) => isFinite_(value) && value !== 0).map(Math.abs);
  if (!sizes.length || sizes.every(Number.isInteger)) return 0;
  return Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(Math.max(...sizes)))));
}

/** A metric, with the true minus sign. */
function metricText(value, decimals = null) {
  if (value === null || value === undefined) return MISSING;
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const digits = decimals ?? decimalsFor([value]);
  const vanishes = size > 1e-12 && size < 0.5 / 10 ** digits; // would read as zero, and is not
  return (vanishes || size >= 1e7 ? value.toExponential(decimals === null ? 3 : 1) : value.toFixed(digits)).replace(/-/g, "−");
}

const signed = (value, decimals) => (value > 0 ? "+" : "") + metricText(value, decimals);

function durationText(seconds) {
  if (!isFinite_(seconds)) return MISSING;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${seconds.toFixed(0)} s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds % 60)).padStart(2, "0")} s`.replace("60 s", "59 s");
  return `${(seconds / 3600).toFixed(1)} h`;
}

function countText(count) {
  if (!isFinite_(count)) return MISSING;
  for (const [size, word] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (count >= size) return `${(count / size).toPrecision(3)} ${word}`;
  }
  return String(count);
}

const wholeText = (count) => count.toLocaleString("en");

const plural = (count, word) => `${wholeText(count)} ${word}${count === 1 ? "" : "s"}`;

function probabilityText(p) {
  if (!isFinite_(p)) return `p = ${metricText(p)}`;
  return p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(p < 0.1 ? 3 : 2)}`;
}

/** A value of a config, as one would type it. */
function settingText(value) {
  if (value === undefined || value === null) return MISSING;
  if (typeof value === "number") return String(Number(value.toPrecision(12))); // 0.1 * 3 is 0.3 to a reader
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Orders numbers, then words; missing and NaN last in both directions. */
function compareValues(one, other, descending) {
  const rank = (value) => (value === null || value === undefined || Number.isNaN(value) ? 1 : 0);
  if (rank(one) !== rank(other)) return rank(one) - rank(other);
  if (rank(one)) return 0;
  const numbers = typeof one === "number" && typeof other === "number";
  const order = numbers ? Math.sign(one - other) : settingText(one).localeCompare(settingText(other), "en", { numeric: true });
  return descending ? -order : order;
}
