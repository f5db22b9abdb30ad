// A plot with two logarithmic axes, as SVG: a handful of series, each with a colour and a mark of its own, named in a legend
// beside the plot, so that no name can lie over a line. Readable on light and dark ground: the file asks the viewer which it is.

const width = 900
const height = 470
/** Of the area within the axes. */
const area = { left: 74, top: 50, right: 592, bottom: 402 }
const legendAt = { x: 618, y: 66, step: 44 }
const colors = ['#3b82f6', '#f97316', '#10b981', '#e11d48', '#a855f7', '#0891b2', '#ca8a04', '#6b7280']
const style = `
    text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #24292f }
    .title { font-size: 16px; font-weight: 600 }
    .tick, .note { font-size: 12px; fill: #57606a }
    .grid { stroke: #d0d7de; stroke-width: 1 }
    .axis { stroke: #57606a; stroke-width: 1 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .tick, .note { fill: #9198a1 }
      .grid { stroke: #30363d }
      .axis { stroke: #9198a1 }
    }`

/** `series`: { label, note, points: [x, y][] }, all above 0. `note` stands small below the label. */
export function plotSvg({ title, xLabel, yLabel, series }) {
  const points = series.flatMap((each) => each.points)
  if (points.length === 0) throw new Error('there is nothing to plot')
  const xs = decades(points.map(([x]) => x))
  const ys = decades(points.map(([, y]) => y))
  const placeX = (value) => area.left + along(xs, value) * (area.right - area.left)
  const placeY = (value) => area.bottom - along(ys, value) * (area.bottom - area.top)
  const middleX = (area.left + area.right) / 2
  const middleY = (area.top + area.bottom) / 2
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
  <style>${style}
  </style>
  <text class="title" x="${area.left}" y="28">${escaped(title)}</text>
${lines([
  ...ticks(xs).map((value) => line('grid', placeX(value), area.top, placeX(value), area.bottom)),
  ...ticks(ys).map((value) => line('grid', area.left, placeY(value), area.right, placeY(value))),
  line('axis', area.left, area.bottom, area.right, area.bottom),
  line('axis', area.left, area.top, area.left, area.bottom),
  ...ticks(xs).map((value) => label('tick', 'middle', placeX(value), area.bottom + 20, plainNumber(value))),
  ...ticks(ys).map((value) => label('tick', 'end', area.left - 8, placeY(value) + 4, plainNumber(value))),
  label('', 'middle', middleX, area.bottom + 46, xLabel),
  `<text text-anchor="middle" transform="translate(18 ${at(middleY)}) rotate(-90)">${escaped(yLabel)}</text>`,
  ...series.flatMap((each, index) => drawn(each, index, { placeX, placeY })),
])}
</svg>
`
}

/** The whole powers of ten that hold all values between them, as [lowest, highest]; never the same one twice. */
export function decades(values) {
  const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9)
  const high = Math.ceil(Math.log10(Math.max(...values)) - 1e-9)
  return [low, Math.max(high, low + 1)]
}

/** How far from the lowest to the highest power: 0 to 1. */
export function along([low, high], value) {
  return (Math.log10(value) - low) / (high - low)
}

function ticks([low, high]) {
  return Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index))
}

function drawn({ label: name, note, points }, index, { placeX, placeY }) {
  const color = colors[index % colors.length]
  const places = points.map(([x, y]) => [placeX(x), placeY(y)])
  const y = legendAt.y + index * legendAt.step
  return [
    `<polyline fill="none" stroke="${color}" stroke-width="2" points="${places.map(([px, py]) => `${at(px)},${at(py)}`).join(' ')}"/>`,
    ...places.map(([px, py]) => mark(index, px, py, color)),
    `<path d="M${legendAt.x} ${y}h26" stroke="${color}" stroke-width="2"/>`,
    mark(index, legendAt.x + 13, y, color),
    label('', 'start', legendAt.x + 36, y + 4, name),
    label('note', 'start', legendAt.x + 36, y + 21, note),
  ]
}

/** Told apart without colour as well. */
function mark(index, x, y, color) {
  const shapes = [
    () => `<circle cx="${at(x)}" cy="${at(y)}" r="4.5" fill="${color}"/>`,
    () => `<rect x="${at(x - 4)}" y="${at(y - 4)}" width="8" height="8" fill="${color}"/>`,
    () => `<path d="M${at(x)} ${at(y - 5.5)}l5.5 9.5h-11z" fill="${color}"/>`,
    () => `<path d="M${at(x)} ${at(y - 6)}l6 6l-6 6l-6 -6z" fill="${color}"/>`,
    () => `<path d="M${at(x)} ${at(y + 5.5)}l5.5 -9.5h-11z" fill="${color}"/>`,
    () => `<path d="M${at(x - 4.5)} ${at(y - 4.5)}l9 9m0 -9l-9 9" stroke="${color}" stroke-width="2.5"/>`,
    () => `<path d="M${at(x - 5.5)} ${at(y)}h11m-5.5 -5.5v11" stroke="${color}" stroke-width="2.5"/>`,
  ]
  return shapes[index % shapes.length]()
}

function line(name, x1, y1, x2, y2) {
  return `<path class="${name}" d="M${at(x1)} ${at(y1)}L${at(x2)} ${at(y2)}"/>`
}

function label(name, anchor, x, y, content) {
  return `<text${name === '' ? '' : ` class="${name}"`} text-anchor="${anchor}" x="${at(x)}" y="${at(y)}">${escaped(content)}</text>`
}

function lines(elements) {
  return elements.map((element) => `  ${element}`).join('\n')
}

function at(value) {
  return Number(value.toFixed(1))
}

export function plainNumber(value) {
  if (value < 1) return String(Number(value.toPrecision(1)))
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}

function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
