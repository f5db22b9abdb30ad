// `npm run coverage`: which statements, functions and branches of core, engine and file store no test reaches.
// Fails unless there are none. A branch that begins with `never(` is left out and counted: it throws if it is ever
// reached, so a run that reached it would have failed. `npm run coverage -- --help` tells what it takes.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const report = join(root, 'coverage/coverage-final.json')
const usage = `npm run coverage -- [<part> …] [options]

  <part>          run only the tests of this part (src/engine/blobs) and show only its files' gaps
  --with <tests>  run these tests as well (test/faults); may be given more than once
  --last          don't run anything, read the last run's report again
  --json          the gaps as JSON
  --help          this

Without a part it runs what reaches much in little time: the unit tests but for those of runs, agents, commands and databases,
and transfer, copy, crash, faults and flip at a small size. RUNS_MULTIPLIER, FAULTS_EVERY, COPY_CRASH_EVERY and FLIP_EVERY change the size.
Ends with 1 unless everything is reached, with 2 if a test failed.`

/** Tests that reach nothing of it which others don't, and take long or a server. */
const elsewhere = [
  'src/agent/**',
  'src/cli/**',
  'src/runs/**',
  'src/stores/postgres/**',
  'src/stores/sql/**',
  'src/stores/sqlite/**',
  'test/copy/{databases,kill,pairs,runs}.test.ts',
]

const { values, positionals: parts } = parseArgs({
  allowPositionals: true,
  options: {
    with: { type: 'string', multiple: true, default: [] },
    last: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(usage)
  process.exit(0)
}

if (!values.last) runTests()
const entries = Object.values(JSON.parse(readFileSync(report, 'utf8')))
const files = entries
  .map((entry) => ({ ...entry, name: relative(root, entry.path) }))
  .filter(({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)))
  .sort((left, right) => (left.name < right.name ? -1 : 1))
  .map(gapsOf)
if (values.json) console.log(JSON.stringify(files, null, 2))
else for (const file of files) print(file)
const total = files.reduce((sum, file) => sum + file.gaps.length, 0)
const left = files.reduce((sum, file) => sum + file.nevers, 0)
const counts = { statements: 0, functions: 0, branches: 0 }
for (const { counted } of files) for (const kind of Object.keys(counts)) counts[kind] += counted[kind]
if (!values.json) {
  const all = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`)
  console.log(`coverage: ${files.length} files, ${all.join(', ')}, ${left} never(): ${total} not reached`)
}
process.exitCode = total === 0 && files.length > 0 ? 0 : 1

function runTests() {
  const tests =
    parts.length > 0
      ? [...parts, ...values.with]
      : ['src/', 'test/transfer', 'test/copy', 'test/crash', 'test/faults', 'test/flip', ...values.with]
  const without = parts.length > 0 ? [] : elsewhere.flatMap((files) => ['--exclude', files])
  const size = { RUNS_MULTIPLIER: '0.1', FAULTS_EVERY: '7', COPY_CRASH_EVERY: '8', FLIP_EVERY: '211' }
  const env = { ...size, NO_COLOR: '1', ...process.env }
  const options = [
    ...without,
    '--coverage',
    '--coverage.reporter=json',
    '--coverage.reportsDirectory=coverage',
    '--reporter=dot',
  ]
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  // With --json the output is the gaps alone.
  const stdio = ['ignore', values.json ? process.stderr : 'inherit', 'inherit']
  const run = spawnSync(process.execPath, [vitest, 'run', ...tests, ...options], { cwd: root, env, stdio })
  if (run.status === 0) return
  console.error('coverage: the tests failed')
  process.exit(2)
}

/** What is not reached in one file, in the order of its lines, without what never() guards. */
function gapsOf({ name, path, statementMap, s, fnMap, f, branchMap, b }) {
  const text = readFileSync(path, 'utf8')
  const lines = text.split('\n')
  const begins = [0]
  for (const line of lines) begins.push(begins.at(-1) + line.length + 1)
  const offset = ({ line, column }) => (column === null ? begins[line] - 1 : begins[line - 1] + column)
  const within = ({ start, end }) => text.slice(offset(start), offset(end))

  const gaps = []
  const guarded = []
  const counted = { statements: Object.keys(s).length, functions: Object.keys(f).length, branches: 0 }
  for (const [id, { type, loc, locations }] of Object.entries(branchMap)) {
    for (const [arm, count] of b[id].entries()) {
      counted.branches += 1
      if (count > 0) continue
      // An `else` that isn't written has no place of its own.
      const place = locations[arm]
      const isWritten = place?.start?.line !== undefined && !(type === 'if' && arm === 1 && isSame(place, loc))
      if (isWritten && beginsWithNever(within(place))) guarded.push(place)
      else gaps.push({ kind: `branch (${isWritten ? type : 'else'})`, place: isWritten ? place : loc })
    }
  }
  const isGuarded = ({ start, end }) =>
    guarded.some((place) => offset(place.start) <= offset(start) && offset(end) <= offset(place.end))
  const other = [
    ...Object.entries(fnMap).map(([id, { loc }]) => ({ kind: 'function', place: loc, count: f[id] })),
    ...Object.entries(statementMap).map(([id, place]) => ({ kind: 'statement', place, count: s[id] })),
  ]
  let nevers = guarded.length
  for (const { kind, place, count } of other) {
    if (count > 0 || isGuarded(place)) continue
    // Behind a chain of branches, or as the whole of a function.
    if (beginsWithNever(within(place))) nevers += 1
    else gaps.push({ kind, place })
  }
  const told = gaps
    .sort((left, right) => offset(left.place.start) - offset(right.place.start))
    .map(({ kind, place: { start } }) => ({
      kind,
      line: start.line,
      column: start.column + 1,
      text: lines[start.line - 1].trim(),
    }))
  return { name, nevers, counted, gaps: told }
}

function isSame(left, right) {
  return left.start.line === right.start.line && left.start.column === right.start.column
}

/** Only a branch that does nothing else first: one that does something must be reached. */
function beginsWithNever(text) {
  return /^(?:if \([^\n]*\) |\{|\(\)|=>|return\b|default:|case [^\n:]+:|\/\/[^\n]*\n|\s)*never\(/.test(text)
}

function print({ name, nevers, counted, gaps }) {
  if (gaps.length === 0) return
  const of = `${counted.statements} statements, ${counted.functions} functions, ${counted.branches} branches`
  console.log(`${name}: ${gaps.length} not reached of ${of}${nevers > 0 ? `, ${nevers} never()` : ''}`)
  for (const { kind, line, column, text } of gaps) console.log(`  ${line}:${column}  ${kind}: ${text}`)
}
