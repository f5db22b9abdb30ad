// The performance section of the README, from the figures that a run kept:
//
//   node bench/readme-table.mjs bench/results/<run>.json
//
// Ratios alone, each with its spread: they are what another machine can be expected to show as well.

import { readFileSync, realpathSync } from 'node:fs'
import { machineText } from './machine.mjs'
import { figure } from './table.mjs'

/** Markdown: the machine, then one table per work that the report holds. Throws for what is no report of a run. */
export function readmeTables(report) {
  mustBeReport(report)
  const parts = [`Measured on ${machineText(report.machine)}; ${report.rounds} rounds, median (minimum to maximum).`]
  for (const result of report.results) {
    const make = makers[result.work]
    if (make !== undefined) parts.push(make(result))
  }
  const missing = (report.wanted ?? []).filter((work) => !report.results.some((result) => result.work === work))
  if (missing.length > 0) parts.push(`The run was ended before ${missing.join(', ')}.`)
  return `${parts.join('\n\n')}\n`
}

function mustBeReport(report) {
  const { machine, rounds, results } = report ?? {}
  const isReport =
    typeof rounds === 'number' &&
    ['fdatasyncUs', 'dsyncUs', 'memoryBytes'].every((name) => typeof machine?.[name] === 'number') &&
    Array.isArray(results) &&
    results.every((result) => typeof result?.work === 'string' && Array.isArray(result.rows))
  if (!isReport) throw new Error('these are not the figures of a run')
}

const makers = {
  W1: appendTable,
  W2: openingTable,
  W3: readingTable,
  W4: storedTable,
  W6A: stepsTable,
  W6B: manyRunsTable,
  W6C: resumedTable,
  W8: retentionTable,
  W9: postgresTable,
  STORES: storesTable,
  SCALE: scaleTable,
}

function appendTable({ rows }) {
  const callers = unique(rows.map((row) => row.callers))
  const peers = unique(rows.map(({ peer }) => peer)).filter((peer) => peer !== 'holdfast')
  const cell = (peer, count) => text(rows.find((row) => row.peer === peer && row.callers === count)['holdfast ÷ peer'])
  const shown = callers.filter((count) => count !== 16)
  return table(
    [
      'Durable appends a second, Holdfast ÷',
      ...shown.map((count) => `${count.toLocaleString('en-US')} ${count === 1 ? 'caller' : 'callers'}`),
    ],
    peers.map((peer) => [peer, ...shown.map((count) => cell(peer, count))]),
  )
}

function openingTable({ rows }) {
  const ours = rows.filter(({ peer }) => peer === 'holdfast')
  const theirs = (row, peer) =>
    rows.find(
      (each) =>
        each.peer === peer &&
        each.events === row.events &&
        each.after === row.after &&
        each['command ids'] === row['command ids'],
    )
  return table(
    ['Opening', 'after', 'Holdfast, ms', 'SQLite, ms', 'LMDB, ms', 'Holdfast, MB'],
    ours.map((row) => [
      `${count(row.events)} events${row['command ids'] > 0 ? ' with command ids' : ''}`,
      row.after,
      text(row['open + head ms']),
      text(theirs(row, 'sqlite')['open + head ms']),
      text(theirs(row, 'lmdb')['open + head ms']),
      figure(row['RSS MB']),
    ]),
  )
}

function readingTable({ rows }) {
  const peers = unique(rows.map(({ peer }) => peer)).filter((peer) => peer !== 'holdfast')
  const cell = (read, peer) => text(rows.find((row) => row.read === read && row.peer === peer)['holdfast ÷ peer'])
  return table(
    ['Events read a second, Holdfast ÷', ...peers],
    unique(rows.map(({ read }) => read)).map((read) => [read, ...peers.map((peer) => cell(read, peer))]),
  )
}

function storedTable({ rows }) {
  return table(
    ['Stored', 'bytes an event', 'Holdfast ÷ peer'],
    rows.map((row) => [
      `${count(row.events)} events, ${row.peer}`,
      figure(row['bytes an event']),
      row['holdfast ÷ peer'] === undefined ? '' : text(row['holdfast ÷ peer']),
    ]),
  )
}

/** Each size beside the disk and the peers, which may have done fewer steps: theirs stand in the row of ours. */
function stepsTable({ rows }) {
  const sizes = groupsOf(rows, ({ peer }) => peer === 'holdfast')
  const peers = unique(rows.map(({ peer }) => peer)).filter((peer) => peer !== 'holdfast')
  const nameOf = (peer) => {
    const [own, row] = sizes.flatMap((group) =>
      group.filter((each) => each.peer === peer).map((each) => [group[0], each]),
    )[0]
    return row.steps < own.steps ? `${peer}, ${count(row.steps)} steps` : peer
  }
  const ratioTo = (group, peer) => {
    const found = group.find((row) => row.peer === peer)
    return found === undefined ? '' : text(found['holdfast ÷ peer'])
  }
  return table(
    ['Durable steps of one run a second, Holdfast ÷', ...peers.map(nameOf), 'last tenth ÷ first'],
    sizes.map((group) => [
      `${count(group[0].steps)} steps`,
      ...peers.map((peer) => ratioTo(group, peer)),
      text(group[0]['÷ that of the disk']),
    ]),
  )
}

function manyRunsTable({ rows }) {
  const [ours, ...theirs] = rows
  return table(
    [
      `Steps of ${ours.runs} runs at once a second, Holdfast ÷`,
      ...theirs.map((row) =>
        row['steps each'] < ours['steps each'] ? `${row.peer}, ${count(row['steps each'])} steps each` : row.peer,
      ),
    ],
    [[`${count(ours['steps each'])} steps each`, ...theirs.map((row) => text(row['holdfast ÷ peer']))]],
  )
}

function resumedTable({ rows }) {
  return table(
    ['After kill -9, from the start of a process', 'by', 'ms', 'more than with an empty journal'],
    rows.map((row) => [
      row.until,
      row.peer,
      text(row.ms),
      row['ms − empty journal'] === undefined ? '' : text(row['ms − empty journal']),
    ]),
  )
}

function retentionTable({ rows }) {
  const of = (callers, retention) => rows.find((row) => row.callers === callers && row.retention === retention)
  return table(
    ['Appends beside retention', 'p99 without, ms', 'p99 with, ms', 'with ÷ without'],
    unique(rows.map(({ callers }) => callers)).map((callers) => [
      `${callers} ${callers === 1 ? 'caller' : 'callers'}`,
      text(of(callers, 'without')['p99 ms']),
      text(of(callers, 'with')['p99 ms']),
      text(of(callers, 'with')['p99 ÷ without']),
    ]),
  )
}

function postgresTable({ rows }) {
  const peers = unique(rows.map(({ peer }) => peer)).filter((peer) => !peer.startsWith('holdfast'))
  const cell = (what, peer) => {
    const found = rows.find((row) => row.what === what && row.peer === peer)
    return found === undefined ? '' : text(found['holdfast ÷ peer'])
  }
  return table(
    ['On PostgreSQL, Holdfast ÷', ...peers],
    unique(rows.map(({ what }) => what)).map((what) => [what, ...peers.map((peer) => cell(what, peer))]),
  )
}

/** Here the figures themselves as well: which store to take is asked of them. */
function storesTable({ rows }) {
  const columns = ['file', 'SQLite', 'PostgreSQL', 'SQLite ÷ by hand', 'PostgreSQL ÷ by hand']
  return table(
    ["Holdfast's stores side by side", ...columns],
    rows.map((row) => [row.what, ...columns.map((column) => text(row[column]))]),
  )
}

function scaleTable({ exponents }) {
  return table(
    ['As the history grows', 'cost grows with'],
    Object.entries(exponents).map(([cost, power]) => [cost, power === undefined ? '' : `events^${power.toFixed(2)}`]),
  )
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

function text(value) {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return figure(value)
  return `${figure(value.median)} (${figure(value.min)} to ${figure(value.max)})`
}

/** The rows in their order, a new group wherever one begins it. */
function groupsOf(rows, isFirst) {
  const groups = []
  for (const row of rows) {
    if (isFirst(row)) groups.push([row])
    else groups.at(-1).push(row)
  }
  return groups
}

function count(value) {
  return value.toLocaleString('en-US')
}

function unique(values) {
  return [...new Set(values)]
}

if (process.argv[1] !== undefined && import.meta.filename === realpathSync(process.argv[1])) {
  const [file] = process.argv.slice(2)
  if (file === undefined || file.startsWith('--')) {
    console.error('node bench/readme-table.mjs <the JSON file of a run>')
    process.exitCode = 2
  } else {
    try {
      process.stdout.write(readmeTables(JSON.parse(readFileSync(file, 'utf8'))))
    } catch (error) {
      console.error(`readme-table: ${file}: ${error.message}`)
      process.exitCode = 1
    }
  }
}
