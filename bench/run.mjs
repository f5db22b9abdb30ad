// The benchmark's command: runs the works that are wanted, one after the other, prints a table of each and keeps the
// figures as JSON. Everything is made in one scratch directory, which is removed at the end.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { tableText } from './table.mjs'
import { durableAppend } from './works/append.mjs'
import { opening } from './works/opening.mjs'
import { reading } from './works/reading.mjs'
import { storedBytes } from './works/stored-bytes.mjs'

const works = { W1: durableAppend, W2: opening, W3: reading, W4: storedBytes }
const here = dirname(fileURLToPath(import.meta.url))
const usage = `npm run bench -- [options]

  --quick          small sizes and 3 rounds: at most 3 minutes
  --full           the largest sizes (10,000,000 events): takes long, and 10 GB of disk
  --works W1,W2    only these; there are ${Object.keys(works).join(', ')}
  --rounds N       rounds per figure (5; 3 with --quick)
  --json FILE      where the figures are kept (bench/results/, named by the time)
  --dir DIR        where journals are made: on the disk that is to be measured (bench/.scratch)
  --help`

const options = readOptions()
if (options !== undefined) await run(options)

async function run({ names, scale, rounds, file, parent }) {
  mkdirSync(parent, { recursive: true })
  const scratch = mkdtempSync(join(parent, 'run-'))
  const clear = () => rmSync(scratch, { recursive: true, force: true })
  process.once('SIGINT', () => {
    clear()
    process.exit(130)
  })
  const machine = { node: process.version, platform: process.platform, cpus: cpus().length, memoryBytes: totalmem() }
  const report = { at: new Date().toISOString(), scale, rounds, machine, results: [] }
  try {
    for (const name of names) {
      const began = performance.now()
      const result = await works[name]({ scale, rounds, scratch })
      const seconds = Math.round((performance.now() - began) / 1_000)
      report.results.push({ ...result, seconds })
      console.log(tableText({ ...result, title: `${result.title}, in ${seconds} s` }))
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`)
    }
  } finally {
    clear()
  }
  console.log(`Figures: ${file}`)
}

/** Undefined when the answer was given already: the help, or what is wrong. */
function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        full: { type: 'boolean', default: false },
        works: { type: 'string', default: Object.keys(works).join(',') },
        rounds: { type: 'string' },
        json: { type: 'string' },
        dir: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return void console.log(usage)
    if (values.quick && values.full) throw new Error('--quick and --full exclude each other')
    const names = values.works.split(',').map((name) => name.trim().toUpperCase())
    const unknown = names.filter((name) => !Object.hasOwn(works, name))
    if (unknown.length > 0) throw new Error(`no work is called ${unknown.join(', ')}`)
    const rounds = Number(values.rounds ?? (values.quick ? 3 : 5))
    if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds is a whole number from 1')
    const scale = values.quick ? 'quick' : values.full ? 'full' : 'normal'
    const file = resolve(values.json ?? join(here, 'results', `${new Date().toISOString().replaceAll(':', '-')}.json`))
    return { names, scale, rounds, file, parent: resolve(values.dir ?? join(here, '.scratch')) }
  } catch (error) {
    console.error(`bench: ${error.message}\n\n${usage}`)
    process.exitCode = 2
  }
}
