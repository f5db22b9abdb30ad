// The benchmark's command: runs the works that are wanted, one after the other, prints a table of each and keeps the
// figures as JSON. Everything is made in one scratch directory, which is removed at the end.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Histories } from './histories.mjs'
import { endProcesses } from './journal-process.mjs'
import { describeMachine, fileSystemOf, isInMemory, machineText } from './machine.mjs'
import { readOptions, usage } from './options.mjs'
import { plotSvg } from './plot.mjs'
import { Progress } from './progress.mjs'
import { tableText } from './table.mjs'
import { growth, scaleChart } from './works/scale.mjs'

/** What Holdfast writes for an event of 256 bytes: the append whose sync is timed. */
const lineBytes = 373

const options = wantedOrTold()
if (options !== undefined) await run(options)

function wantedOrTold() {
  try {
    const read = readOptions(process.argv.slice(2), new Date())
    if (read.help) return void console.log(usage)
    mkdirSync(read.directory, { recursive: true })
    const fileSystem = fileSystemOf(read.directory)
    if (isInMemory(fileSystem) && !read.mayBeInMemory) {
      throw new Error(
        `${read.directory} is in memory (${fileSystem}), where a sync costs nothing and no figure means anything. ` +
          'Name a directory on a disk with --dir, or say --dir and --force.',
      )
    }
    return read
  } catch (error) {
    console.error(`bench: ${error.message}\n\n${usage}`)
    process.exitCode = 2
  }
}

async function run({ works, scale, rounds, json, svg, directory }) {
  const scratch = mkdtempSync(join(directory, 'run-'))
  const clear = async () => {
    await endProcesses()
    rmSync(scratch, { recursive: true, force: true })
  }
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, async () => {
      await clear()
      process.exit(signal === 'SIGINT' ? 130 : 143)
    })
  }
  try {
    const machine = describeMachine(scratch, lineBytes)
    console.log(`${machineText(machine)}\n`)
    const report = { at: new Date().toISOString(), scale, rounds, machine, results: [] }
    const progress = new Progress({ stream: process.stderr, now: () => performance.now() })
    const tell = (row, round) => progress.tell(row, round)
    setInterval(() => progress.again(), 1_000).unref()
    const histories = new Histories(scratch, tell)
    for (const [at, work] of works.entries()) {
      progress.begin(work.id)
      const began = performance.now()
      const result = { work: work.id, ...(await work.run({ scale, rounds, scratch, histories, tell })) }
      const seconds = Math.round((performance.now() - began) / 1_000)
      histories.keep(works.slice(at + 1).flatMap((later) => later.needs(scale)))
      report.results.push({ ...result, seconds })
      progress.clear()
      console.log(tableText({ ...result, title: `${result.title}, in ${seconds} s` }))
      write(json, `${JSON.stringify(report, undefined, 2)}\n`)
      if (work === growth) write(svg, plotSvg(scaleChart(result)))
    }
    console.log(`Figures: ${json}${works.includes(growth) ? `\nPlot: ${svg}` : ''}`)
  } finally {
    await clear()
  }
}

function write(path, content) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}
