/* Charts drawn by uPlot from the tables that stand below them, so that both say the same.

   Colours come from the page's variables; a chart is drawn again when they change (light, dark,
   print) and when its width does. */

import uPlot from "./vendor/uplot/uPlot.esm.js";

const HEIGHT_PX = 240;
const FONT = "12px system-ui, sans-serif";
const DAY_S = 86400;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];

/** Draw every `[data-chart]` of the page, and keep them in step with its colours and width. */
export function drawCharts(page) {
  const charts = [...page.querySelectorAll("[data-chart]")].filter((figure) =>
    figure.querySelector(".plot"),
  );
  const draw = () => charts.forEach(drawChart);
  draw();
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", draw);
  }
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) fit(target);
  });
  for (const figure of charts) resized.observe(figure.querySelector(".plot"));
}

const plots = new WeakMap();

function drawChart(figure) {
  const place = figure.querySelector(".plot");
  plots.get(place)?.destroy();
  const table = readTable(figure.querySelector("table"));
  const kind = figure.dataset.chart;
  const plot = new uPlot(options(kind, table, place.clientWidth), data(kind, table), place);
  plots.set(place, plot);
  figure.dataset.drawn = kind;
}

function fit(place) {
  const plot = plots.get(place);
  if (plot && plot.width !== place.clientWidth && place.clientWidth > 0) {
    plot.setSize({ width: place.clientWidth, height: HEIGHT_PX });
  }
}

/** Read `{xs, isTime, columns: [{name, unit, values}]}`; days become seconds since 1970. */
export function readTable(table) {
  const rows = [...table.tBodies[0].rows];
  const isTime = rows.some((row) => row.dataset.x.includes("-"));
  const heads = [...table.tHead.rows[0].cells].slice(1);
  return {
    isTime,
    first: table.tHead.rows[0].cells[0].textContent.trim(),
    xs: rows.map(({ dataset }) => (isTime ? Date.parse(dataset.x) / 1000 : Number(dataset.x))),
    columns: heads.map((head, n) => ({
      name: head.textContent.trim(),
      unit: head.dataset.unit,
      values: rows.map((row) => {
        const { y } = row.cells[n + 1].dataset;
        return y === "" ? null : Number(y);
      }),
    })),
  };
}

function data(kind, { xs, columns }) {
  const step = stepOf(xs, 1);
  // A column stands over its bin, whose lower edge the table names.
  const places = kind === "columns" ? xs.map((x) => x + step / 2) : xs;
  return [places, ...columns.map(({ values }) => values)];
}

function stepOf(xs, fallback) {
  return xs.length > 1 ? xs[1] - xs[0] : fallback;
}

function options(kind, { first, xs, isTime, columns }, width) {
  const colours = readColours();
  const isBars = kind === "bars" || kind === "columns";
  const step = stepOf(xs, isTime ? DAY_S : 1);
  const axis = {
    stroke: colours.muted,
    font: FONT,
    grid: { stroke: colours.line, width: 1 },
    ticks: { stroke: colours.line, width: 1, size: 4 },
  };
  return {
    width: Math.max(width, 120),
    height: HEIGHT_PX,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    padding: [12, 28, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    legend: { live: true, markers: { width: 0 } },
    hooks: { ready: [showLast], setLegend: [showLast] },
    scales: {
      x: { time: isTime, range: (_, low, high) => edges(kind, low, high, step) },
      y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] },
    },
    axes: [
      { ...axis, space: 64, values: isTime ? dayLabels : undefined, incrs: isTime ? undefined : STEPS },
      { ...axis, size: 56, values: (_, ticks) => ticks.map(short) },
    ],
    series: [
      { label: kind === "columns" ? `${first} from` : first, value: (_, x) => (x === null ? "–" : shownX(x, isTime, kind, step)) },
      ...columns.map((column, n) => seriesOf(kind, column, n, colours, isBars)),
    ],
    bands: kind === "band" ? [{ series: [2, 1], fill: colours.soft }] : undefined,
  };
}

/** Show the newest values in the legend while nobody points at others. */
function showLast(plot) {
  if (plot.cursor.idx === null || plot.cursor.idx === undefined) {
    if (plot.legend.idx === null || plot.legend.idx === undefined) {
      plot.setLegend({ idx: plot.data[0].length - 1 }, false);
    }
  }
}

function edges(kind, low, high, step) {
  const room = kind === "line" || kind === "area" || kind === "band" ? step / 3 : step * 0.6;
  return kind === "columns" ? [low - step / 2, high + step / 2] : [low - room, high + room];
}

function seriesOf(kind, { name, unit }, n, colours, isBars) {
  const colour = kind === "band" ? colours.accent : [colours.accent, colours.second, colours.third][n % 3];
  const isQuartile = kind === "band" && n < 2;
  return {
    label: name,
    value: (_, y) => (y === null || y === undefined ? "–" : `${short(y)}${unit === "%" ? " %" : ` ${unit}`}`),
    stroke: isQuartile ? colours.edge : colour,
    width: isQuartile ? 1 : 2,
    fill: isBars ? (n > 0 ? undefined : colour) : kind === "area" ? colours.soft : undefined,
    paths: isBars ? uPlot.paths.bars({ size: [0.8, 60], gap: 1 }) : undefined,
    points: { show: !isBars && !isQuartile && kind !== "area", size: 5 },
    spanGaps: false,
  };
}

function dayLabels(_, ticks) {
  const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });
  return ticks.map((tick) => (tick % DAY_S === 0 ? day.format(tick * 1000) : ""));
}

function shownX(x, isTime, kind, step) {
  if (isTime) return new Date(x * 1000).toISOString().slice(0, 10);
  return short(kind === "columns" ? x - step / 2 : x);
}

/** Write a number briefly: 12,400 and 0.125 alike fit an axis. */
export function short(value) {
  if (value === null) return "";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return new Intl.NumberFormat("en", { maximumFractionDigits: digits }).format(value);
}

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const named = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    accent: named("accent"),
    soft: named("accent-soft"),
    second: named("warning"),
    third: named("bad"),
    muted: named("muted"),
    line: named("line"),
    edge: named("edge"),
  };
}
