// The benchmark's command: runs the works that are wanted, one after the other, prints a table of each and keeps the
// figures as JSON. Everything is made in one scratch directory, which is removed however the run ends.

import { EnginePlaces } from './engine-places.mjs'
import { failureText } from './failure.mjs'
import { Histories } from './histories.mjs'
import { describeMachine, machineText } from './machine.mjs'
import { readOptions, usage } from './options.mjs'
import { mustBeWritable, writeOutput } from './output.mjs'
import { plotSvg } from './plot.mjs'
import { PostgresServer } from './postgres-server.mjs'
import { Progress } from './progress.mjs'
import { makeScratch, removeScratch } from './scratch.mjs'
import { tableText } from './table.mjs'
import { endProcesses } from './task-process.mjs'
import { growth, scaleChart } from './works/scale.mjs'

/** What Holdfast writes for an event of 256 bytes: the append whose sync is timed. */
const lineBytes = 373
const signalCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }

const options = orTold(
  () => readOptions(process.argv.slice(2), new Date()),
  '\n`npm run bench -- --help` lists the options.',
)
if (options?.help) console.log(usage)
else if (options !== undefined) {
  const ready = orTold(() => prepared(options), '')
  if (ready !== undefined) await run(ready)
}

/** What it gives; or else it is told what is wrong, before anything was done. */
function orTold(make, hint) {
  try {
    return make()
  } catch (error) {
    console.error(`bench: ${failureText(error)}${hint}`)
    process.exitCode = 2
  }
}

function prepared(read) {
  mustBeWritable(read.json)
  if (read.works.includes(growth)) mustBeWritable(read.svg)
  return { ...read, scratch: makeScratch(read.directory, read) }
}

async function run({ works, scale, rounds, json, svg, scratch }) {
  const progress = new Progress({ stream: process.stderr, now: () => performance.now() })
  const postgres = new PostgresServer(scratch)
  const engines = new EnginePlaces(scratch, postgres)
  let isEnding = false
  /** What is under way comes to nothing: no process of ours goes on, and nothing is left but the figures of whole works. */
  const end = async (code, text) => {
    if (isEnding) return
    isEnding = true
    progress.clear()
    if (text !== undefined) await new Promise((told) => process.stderr.write(`bench: ${text}\n`, told))
    await endProcesses()
    await engines.end()
    await postgres.end()
    removeScratch(scratch)
    if (code !== 0) process.exit(code) // else nothing goes on, and all that was printed arrives
  }
  let current = scratch
  const fail = (error) => end(1, `${current}: ${failureText(error)}`)
  for (const [signal, code] of Object.entries(signalCodes)) process.on(signal, () => end(code))
  process.on('uncaughtException', fail) // and a promise that nobody waits for any more
  process.stdout.on('error', () => end(1)) // whoever read the tables has gone

  try {
    const machine = describeMachine(scratch, lineBytes)
    console.log(`${machineText(machine)}\n`)
    const wanted = works.map(({ id }) => id)
    const report = { at: new Date().toISOString(), scale, rounds, wanted, machine, results: [] }
    const tell = (row, round) => progress.tell(row, round)
    setInterval(() => progress.again(), 1_000).unref()
    const histories = new Histories(scratch, tell)
    for (const [at, work] of works.entries()) {
      current = work.id
      progress.begin(work.id)
      const began = performance.now()
      const result = {
        work: work.id,
        ...(await work.run({ scale, rounds, scratch, histories, postgres, engines, tell })),
      }
      const seconds = Math.round((performance.now() - began) / 1_000)
      await histories.keep(works.slice(at + 1).flatMap((later) => later.needs(scale)))
      report.results.push({ ...result, seconds })
      progress.clear()
      console.log(tableText({ ...result, title: `${result.title}, in ${seconds} s` }))
      writeOutput(json, `${JSON.stringify(report, undefined, 2)}\n`)
      if (work === growth) writeOutput(svg, plotSvg(scaleChart(result)))
    }
    console.log(`Figures: ${json}${works.includes(growth) ? `\nPlot: ${svg}` : ''}`)
    await end(0)
  } catch (error) {
    await fail(error)
  }
}
