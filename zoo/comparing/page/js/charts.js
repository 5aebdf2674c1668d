// plotly.js, unpacked from the page itself, and the look that all charts share.

let charts = null; // Plotly, once it is unpacked

async function unpackCharts() {
  const bytes = Uint8Array.from(atob(byId("library").textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  charts = window.Plotly;
}

const CONFIG = { displaylogo: false, responsive: true, displayModeBar: false };
const WITH_BUTTONS = { displayModeBar: true, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]], toImageButtonOptions: { format: "png", scale: 2 } };

const axisLook = () => ({
  gridcolor: cssColour("--line"),
  zerolinecolor: cssColour("--line-strong"),
  linecolor: cssColour("--line-strong"),
  tickfont: { color: cssColour("--soft") },
  automargin: true,
});

/** A layout with the page's colours; `axes` are xaxis, yaxis, ... */
function look(height, axes, more = {}) {
  const styled = Object.fromEntries(Object.entries(axes).map(([name, axis]) => [name, { ...axisLook(), ...axis }]));
  return {
    height,
    autosize: true,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: cssColour("--text") },
    margin: { l: 56, r: 16, t: 12, b: 44 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: cssColour("--line-strong"), activecolor: cssColour("--accent") },
    showlegend: false,
    hovermode: "closest",
    hoverlabel: { bgcolor: cssColour("--raised"), bordercolor: cssColour("--line-strong"), font: { family: getComputedStyle(document.body).fontFamily, color: cssColour("--text"), size: 13 }, namelength: -1, align: "left" },
    ...styled,
    ...more,
  };
}

/** Draws into an element; before plotly is there, nothing. */
function draw(element, traces, layout, config = {}) {
  if (!charts) return;
  charts.react(element, traces, layout, { ...CONFIG, ...config });
}

/** Calls back once for each event of a chart that exists only after its first drawing. */
function listen(element, event, act) {
  if (!charts || element[`has_${event}`]) return;
  element[`has_${event}`] = true;
  element.on(event, act);
}

const emptyHint = (text) => ({ annotations: [{ text: plain(text), showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5, font: { size: 14, color: cssColour("--soft") } }] });

/** Options of a select; keeps what was chosen where that is still there. */
function fill(select, options, chosen) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, text]) => make("option", { value, textContent: text })));
  const values = options.map(([value]) => value);
  select.value = values.includes(before) && before ? before : chosen ?? values[0];
}
