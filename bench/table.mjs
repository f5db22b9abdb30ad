// A result as text: one table per work.

export function tableText({ work, title, columns, rows, notes = [] }) {
  const cells = [columns, ...rows.map((row) => columns.map((column) => cellText(row[column])))]
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => line[at].length)))
  const isText = columns.map((column) => rows.every((row) => typeof row[column] === 'string'))
  const lines = cells.map((line) =>
    line
      .map((cell, at) => (isText[at] ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
      .join('  ')
      .trimEnd(),
  )
  const rule = widths.map((width) => '-'.repeat(width)).join('  ')
  return [`${work}  ${title}`, '', lines[0], rule, ...lines.slice(1), ...notes.map((note) => `  ${note}`), ''].join(
    '\n',
  )
}

function cellText(value) {
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number') return figure(value)
  return `${figure(value.median)} (${figure(value.min)} to ${figure(value.max)})`
}

function figure(value) {
  if (Number.isInteger(value) && value < 10_000) return String(value)
  if (value >= 1_000) return Math.round(value).toLocaleString('en-US')
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
