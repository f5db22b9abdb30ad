// One life of a journal's process: opens, does a bit of everything, closes, unless it is killed before:
//   node life.mjs <plan as JSON>        (LifePlan in life-process.ts)
// Beside appends (telling.mjs) it tells:
//   open · closed · process (another owner goes on) · flushed <ids> · retain <rule> · retained · copied <name> · error <what>

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { digestBatch } from '../../build/core/digest.js'
import { nodeDirectories, nodeDirectoriesFor } from '../../build/disks/node-directories.js'
import { nodeDisk } from '../../build/disks/node-disk.js'
import { sendCommand } from '../../build/engine/inbox-sender.js'
import { systemClock } from '../../build/host/clock.js'
import { systemRandom } from '../../build/host/random.js'
import { importDirectory } from '../../build/import.js'
import { FileStore } from '../../build/stores/file/file-store.js'
import { openFileStore } from '../../build/stores/file/open-file-store.js'
import { failpointDisk } from '../../build/testing/failpoint-disk.js'
import { failpoints } from '../../build/testing/failpoints.js'
import { prng } from '../../build/testing/prng.js'
import { exportJournal } from '../../build/transfer/export.js'
import { tell, tellAppends } from './telling.mjs'

const plan = JSON.parse(process.argv[2])
const chance = prng(plan.seed)
const appends = tellAppends(FileStore.prototype)
const point = failpoints.find(({ name }) => name === plan.point)
const die = () => process.kill(process.pid, 'SIGKILL')
const failing = point === undefined ? undefined : failpointDisk(nodeDisk(plan.directory), { point, hit: plan.hit, die })
const disk = failing?.disk ?? nodeDisk(plan.directory)
/** Streams of which retention removes nothing. */
const kept = 'pinned'

function directories(inner, name) {
  return failing === undefined ? inner : failing.directories(inner, name)
}

/** What is locked may be so for a moment only: by a tool that outlives the process that it took the lock for. */
async function open(options = {}) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await openFileStore({
        disk,
        directories: directories(nodeDirectories, 'backup'),
        clock: systemClock,
        random: systemRandom,
        process: { pid: process.pid, host: 'kill' },
        segmentBytes: plan.segmentBytes,
        ...options,
      })
    } catch (error) {
      if (attempt > 20 || error.code !== 'LOCKED') throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

let events = 0
function event(stream, bytes = chance.below(300)) {
  const data = JSON.stringify({ life: plan.life, n: ++events, pad: 'x'.repeat(bytes) })
  return { stream, type: 'noted', version: 1, data }
}

function batch(parts, durability = 'sync') {
  return { events: [], durability, ...parts }
}

function command(id, parts) {
  const content = batch(parts)
  return { ...content, command: { id, digest: digestBatch(content) } }
}

function anyBatch(n) {
  const stream = `s${chance.below(24)}`
  const kind = chance.below(20)
  if (kind > 4) return batch({ events: [event(stream)] })
  if (kind > 1) return batch({ events: [event(stream), event(`s${chance.below(24)}`), event(stream)] })
  const due = chance.chance(0.6) ? 1_000_000 + n : null
  const agenda = [{ id: `due${chance.below(8)}`, due, ...(due === null ? {} : { data: `{"n":${n}}` }) }]
  return kind === 1 ? batch({ agenda }) : command(`${plan.life}/${n}`, { events: [event(stream)], agenda })
}

async function appendOn(store) {
  let left = plan.appends
  const caller = async () => {
    while (left-- > 0) await store.append(anyBatch(left))
  }
  await Promise.all(Array.from({ length: plan.callers }, caller))
}

async function leases(store) {
  const acquire = { lease: 'worker', op: 'acquire', owner: 'me', ttlMs: 60_000 }
  const [{ token }] = (await store.append(batch({ leases: [acquire] }))).leases
  await store.append(batch({ events: [event('worked')], fences: [{ lease: 'worker', token }] }))
  await store.append(batch({ leases: [{ lease: 'worker', op: 'renew', token, ttlMs: 90_000 }] }))
  if (chance.chance(0.5)) await store.append(batch({ leases: [{ lease: 'worker', op: 'release', token }] }))
}

async function expectations(store) {
  const pins = [{ pin: 'hold', stream: kept, from: 1 }]
  await store.append(batch({ events: [event(kept)], pins }))
  for (let count = 0; count < 3; count++) {
    const seq = (await store.stream('serial'))?.seq ?? 0
    await store.append(batch({ events: [event('serial')], expect: new Map([['serial', seq]]) }))
  }
}

async function eventual(store) {
  const ids = []
  for (let count = 0; count < 6; count++) {
    const appended = store.append(batch({ events: [event('eventual')] }, 'eventual'))
    ids.push(appends.newest())
    await appended
  }
  await store.flush()
  tell(`flushed ${ids.join(' ')}`)
}

/** A few contents only, so that they are found there, collected, and put again. */
async function blobs(store) {
  for (let count = 0; count < 3; count++) {
    const kind = chance.below(8)
    const content =
      kind < 3 ? Buffer.alloc(900 + kind, kind) : Buffer.from(`${kind}-0123456789abcdef`.repeat(400 * kind))
    const { digest } = await store.stageBlob(content)
    await store.append(batch({ events: [{ ...event(`blobs/${chance.below(3)}`), blobs: [digest] }] }))
  }
}

async function inbox() {
  for (let count = 0; count < 2; count++) {
    const sent = command(`${plan.life}/sent/${count}`, { events: [event('sent')] })
    await sendCommand(disk, systemClock, sent, { timeoutMs: 30_000 })
  }
}

/** Only what was there when this process began: of that, the parent knows the truth. */
async function retain(store, before) {
  const streams = before.heads
    .filter(({ stream }) => stream !== kept)
    .map(({ stream, seq }) => ({ stream, before: stream.startsWith('blobs/') ? seq + 1 : Math.max(1, seq - 3) }))
  tell(`retain ${JSON.stringify({ streams })}`)
  await store.retain({ streams }, { dryRun: false })
  tell('retained')
  const cut = await cutByAge(store, before.position - 60)
  if (cut === undefined) return
  tell(`retain ${JSON.stringify({ cut: cut.position, kept })}`)
  await store.retain({ before: cut.time }, { dryRun: false })
  tell('retained')
}

/** The first event of the millisecond in which the event at this position was written. */
async function cutByAge(store, position) {
  let first
  const query = { select: { kind: 'all' }, direction: 'backward', to: position }
  for await (const page of store.read(query)) {
    for (const found of page) {
      if (first !== undefined && found.time !== first.time) return first
      first = found
    }
  }
  return first
}

async function backup(store) {
  await store.backup(join(plan.side, 'backup'), {})
  tell('copied backup')
}

async function transfer(store) {
  const pieces = []
  await exportJournal(store, (piece) => {
    pieces.push(Buffer.from(piece))
  })
  const to = join(plan.side, 'import')
  await importDirectory(readOut(pieces), { to, directories: directories(nodeDirectoriesFor('import'), 'import') }, {})
  tell('copied import')
}

async function* readOut(pieces) {
  yield* pieces
}

/** Another owner takes over while the first one still lives: that one can append no more. */
async function takeOver() {
  const first = await open()
  await first.append(batch({ events: [event('first owner')] }))
  tell('process')
  const second = await open({ takeover: true })
  const late = await appends.untold.call(first, batch({ events: [event('late')] })).catch(({ code }) => code)
  if (late !== 'SUPERSEDED' && late !== 'INDETERMINATE') tell(`error a superseded owner was answered ${String(late)}`)
  await first.close()
  return second
}

async function headsOf(store) {
  const heads = []
  for await (const page of store.streams({})) heads.push(...page)
  return { heads, position: store.head().position }
}

async function live() {
  mkdirSync(plan.directory, { recursive: true })
  const { does } = plan
  const before = does.includes('retain') ? await atOpening() : undefined
  const store = before?.store ?? (does.includes('takeover') ? await takeOver() : await open())
  tell('open')
  if (!does.includes('recover')) {
    const parts = [appendOn, leases, expectations, eventual, blobs, inbox].map((part) => part(store))
    if (before !== undefined) parts.push(retain(store, before.place))
    await Promise.all(parts)
    if (does.includes('backup')) await backup(store)
    if (does.includes('transfer')) await transfer(store)
    if (does.includes('rest')) await new Promise((resolve) => setTimeout(resolve, 30))
  }
  await store.close()
  tell('closed')
}

async function atOpening() {
  const store = await open()
  return { store, place: await headsOf(store) }
}

try {
  await live()
} catch (error) {
  tell(`error ${error.code ?? ''} ${String(error.stack).replaceAll('\n', ' | ')}`)
  process.exit(1)
}
