// A result as text: one table per work, and below it the targets.

import { targetText } from './targets.mjs'

export function tableText({ work, title, columns, rows, notes = [], targets = [] }) {
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
  const below = [...notes, ...targets.map((target) => targetText(target, figure))].map((line) => `  ${line}`)
  return [`${work}  ${title}`, '', lines[0], rule, ...lines.slice(1), ...below, ''].join('\n')
}

function cellText(value) {
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number') return figure(value)
  return `${figure(value.median)} (${figure(value.min)} to ${figure(value.max)})`
}

/** Three figures are as much as a measurement is worth. */
export function figure(value) {
  const size = Math.abs(value)
  if (Number.isInteger(value) && size < 10_000) return String(value)
  if (size >= 1_000) return Math.round(value).toLocaleString('en-US')
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2)
}
