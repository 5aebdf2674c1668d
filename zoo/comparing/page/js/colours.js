// Colours that colour-blind readers tell apart: Okabe and Ito's, then Tol's muted ones; lighter where the page is dark.

const PALETTE = {
  light: ["#0072B2", "#D55E00", "#009E73", "#B3548C", "#C98A00", "#3AA0DC", "#882255", "#5B5BD6", "#117733", "#7A6A00", "#AA4499", "#5A6470"],
  dark: ["#56B4E9", "#FF8A3D", "#2FC79A", "#E39AC6", "#F0B93A", "#A8C7FA", "#F0E442", "#A79BFF", "#8FD18B", "#D6C27A", "#F28DA8", "#B8C0C8"],
};
const DASHES = ["solid", "dash", "dot", "dashdot"];
const darkness = window.matchMedia("(prefers-color-scheme: dark)");
let printing = false;

const isDark = () => darkness.matches && !printing;

/** Colour of the n-th of the things told apart; `dashOf` differs where colours begin again. */
const colourOf = (place) => PALETTE[isDark() ? "dark" : "light"][place % PALETTE.light.length];
const dashOf = (place) => DASHES[Math.floor(place / PALETTE.light.length) % DASHES.length];

const cssColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function withOpacity(colour, opacity) {
  const parts = [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
  return `rgba(${parts.join(",")},${opacity})`;
}

/** From the page's colour to blue: the share of rows in a cell. */
const shareScale = () =>
  isDark()
    ? [[0, "#1b2027"], [0.02, "#1f2c3b"], [0.5, "#2f6d9f"], [1, "#7cc4f5"]]
    : [[0, "#f7f9fb"], [0.02, "#e6f0f8"], [0.5, "#6aaad6"], [1, "#0b5a94"]];

/** From worse (faint) to better (strong): one hue, so that its order is seen without colour too. */
const resultScale = () =>
  isDark() ? [[0, "#3a4656"], [0.5, "#3f86b5"], [0.85, "#a5d8ff"], [1, "#fff3b0"]]
    : [[0, "#d3d9e0"], [0.5, "#7fb2d9"], [0.85, "#0b5a94"], [1, "#001f3d"]];
