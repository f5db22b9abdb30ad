// One life of the run, in a process: node long-run-process.mjs <plan as JSON>   (LifePlan in lives.ts)
// It ends when the run has ended, or where the plan says: killed, or stopped, before or behind the append of an event, or
// killed at a failpoint of the engine. What happens outside goes to a file, synced where a function is called, and every
// line that says what is durable also to the standard output, beside:
//
//   appends <label>    an event is about to be appended        ended    the run has, and the journal is closed
//   error <code>       the run could not go on here            refused <code>   so was an append

import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { tell } from '../kill/telling.mjs'
import { labelOf } from './label.mjs'
import { longRun, longRunOf, partOf } from './long-run.mjs'
import { noteAppends, Outside, runOf } from './outside.mjs'

const plan = JSON.parse(process.argv[2])
const { target, record, fails, by, point, failpoint, leaseTtl = '15s', segmentBytes } = plan
const signal = (name) => process.kill(process.pid, name)

const former = existsSync(record) ? readFileSync(record, 'utf8').split('\n').filter(Boolean).map(JSON.parse) : []
const [plain, synced] = ['a', 'as'].map((flags) => openSync(record, flags))
const outside = new Outside(former, (line) => {
  const text = JSON.stringify(line)
  writeSync(line.is === 'call' ? synced : plain, `${text}\n`)
  if (line.is === 'durable') tell(text)
})

const reach = (when) => (events, batch) => {
  const label = labelOf(events, batch)
  if (when === 'before') tell(`appends ${label}`)
  if (point?.when === when && point.label === label) signal(point.signal)
}
function note({ prototype }) {
  noteAppends(prototype, outside, {
    before: reach('before'),
    behind: reach('behind'),
    refused: ({ code }) => tell(`refused ${code}`),
  })
}

/** Only what it needs is loaded: most of what a short life takes is the loading. */
async function directoryOpener() {
  const { HoldfastJournal } = await import('../../build/holdfast-journal.js')
  const { FileStore } = await import('../../build/stores/file/file-store.js')
  const { openDirectory } = await import('../../build/open-directory.js')
  const openStore = failpoint === undefined ? openDirectory : await failingOpener()
  note(FileStore)
  return async () => new HoldfastJournal(await openStore(target, { segmentBytes }), { target, runs: { leaseTtl } })
}

async function failingOpener() {
  const { nodeDirectories } = await import('../../build/disks/node-directories.js')
  const { nodeDisk } = await import('../../build/disks/node-disk.js')
  const { systemClock } = await import('../../build/host/clock.js')
  const { systemRandom } = await import('../../build/host/random.js')
  const { openFileStore } = await import('../../build/stores/file/open-file-store.js')
  const { failpointDisk } = await import('../../build/testing/failpoint-disk.js')
  const { failpoints } = await import('../../build/testing/failpoints.js')
  const found = failpoints.find(({ name }) => name === failpoint.name)
  return (path) => {
    mkdirSync(path, { recursive: true })
    const die = () => signal('SIGKILL')
    const { disk } = failpointDisk(nodeDisk(path), { point: found, hit: failpoint.hit, die })
    const ports = { disk, directories: nodeDirectories, clock: systemClock, random: systemRandom }
    return openFileStore({ ...ports, process: { pid: process.pid, host: 'proof' }, segmentBytes })
  }
}

async function databaseOpener() {
  const { open } = await import('../../build/open.js')
  const { SqlStore } = await import('../../build/stores/sql/sql-store.js')
  note(SqlStore)
  return () => open(target, { runs: { leaseTtl } })
}

/** What is locked is so for a moment only: by a person who tells the run something. */
async function openJournal() {
  const isDatabase = target.endsWith('.db') || target.startsWith('postgres:')
  const openOnce = await (isDatabase ? databaseOpener() : directoryOpener())
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await openOnce()
    } catch (error) {
      if (attempt > 100 || error.code !== 'LOCKED') throw error
      await pause(20)
    }
  }
}

const journal = await openJournal()
for await (const { stream, seq, type, data } of journal.read({ prefix: `run/${longRun.id}` })) {
  outside.durable({ run: runOf(stream), seq, type, data })
}
tell('open')

const { id, name, input, budgets } = longRun
const body = longRunOf(outside, { fails })
journal.define('part', partOf(outside))
if (by === 'worker') {
  journal.define(name, body)
  journal.worker({ onError: (error) => tell(`error ${error.code}`) })
  await journal.start(name, { id, input, budgets, commandId: 'start' })
  await journal.result(id).catch(() => undefined)
} else {
  await journal.run(id, body, { input, budgets, ifOwned: 'wait' }).catch((error) => {
    if (error.code !== undefined) tell(`error ${error.code}`)
  })
}
await journal.close()
tell('ended')
closeSync(synced)
