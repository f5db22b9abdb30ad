// Makes the golden journal of the present format: a small directory that holds every kind of record, with what reading it
// must give. Run it once for a format version and commit the result; a later release only ever reads it.
//
//   npm run build && node scripts/make-golden.mjs test/golden/v1
//
// Deterministic: clock and randomness are injected, so two runs give the same bytes.

import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BlobRef, open } from '../build/index.js'
import { openDirectory } from '../build/open-directory.js'
import { fakeClock } from '../build/testing/fake-clock.js'
import { seededRandom } from '../build/testing/seeded-random.js'

const [target] = process.argv.slice(2)
if (target === undefined || existsSync(target)) {
  console.error('usage: node scripts/make-golden.mjs <directory that does not exist>')
  process.exit(1)
}
mkdirSync(target, { recursive: true })
const directory = join(target, 'journal')
const start = 1_790_000_000_000
const clock = fakeClock(start)
const host = { clock, random: seededRandom(2026), segmentBytes: 4096 }

const journal = await open(directory, host)
await payloads()
await everythingBeside()
await blobs()
await names()
await retention()
await afterwards()
await journal.close()
rmSync(join(directory, 'owner.json')) // names a process of the machine that this ran on

const expected = await readBack()
writeFileSync(join(target, 'expected.json'), `${JSON.stringify(expected, undefined, 1)}\n`)

/** Every form that data can have. */
async function payloads() {
  const forms = {
    plain: {
      text: 'ä € 🦊 \u2028',
      number: -1.5e-7,
      whole: 9_007_199_254_740_991,
      yes: true,
      none: null,
      list: [1, [2, []]],
    },
    negativeZero: -0,
    bytes: new Uint8Array([0, 1, 254, 255]),
    date: new Date(1_600_000_000_123),
    bigint: -123_456_789_012_345_678_901_234_567_890n,
    map: new Map([
      ['a', 1],
      ['b', new Map([[{ key: true }, new Set([1, 'x'])]])],
    ]),
    set: new Set(['one', 2, null]),
    undefined: undefined,
    error: withStack(new TypeError('no such thing', { cause: withStack(new RangeError('inner')) })),
    dollars: { $key: 1, $$key: 2, $date: 'not a date', __proto__x: 3 },
  }
  for (const [form, value] of Object.entries(forms)) {
    clock.advance(7)
    await journal.append('payloads', { type: `payload.${form}`, data: value, meta: { form } })
  }
}

/** What can go along with an append, and what ends it. */
async function everythingBeside() {
  clock.advance(100)
  const batch = [
    { stream: 'runs/1', type: 'run.started', data: { step: 0 } },
    { stream: 'runs/2', type: 'run.started', data: { step: 0 } },
    { stream: 'runs/1', type: 'run.stepped', data: { step: 1 } },
  ]
  await journal.append(batch, {
    commandId: 'start runs',
    agenda: [
      { id: 'wake runs/1', due: start + 60_000, data: { at: new Date(start) } },
      { id: 'wake runs/2', due: start + 90_000 },
    ],
    leases: [{ lease: 'worker', acquire: 'host-a', ttl: '30s' }],
    pins: [
      { pin: 'reader', from: 1 },
      { pin: 'follower', stream: 'runs/1', from: 2, ttl: '1d' },
    ],
  })
  clock.advance(1_000)
  await journal.append(
    'runs/1',
    { type: 'run.ended', data: null },
    {
      commandId: 'end runs/1',
      agenda: [{ id: 'wake runs/1', due: null }],
      leases: [{ lease: 'worker', renew: 1, ttl: '60s' }],
      pins: [{ pin: 'reader', from: null }],
      releases: [{ stream: 'runs/1' }],
    },
  )
  clock.advance(1_000)
  await journal.append([], { leases: [{ lease: 'worker', release: 1 }], commandId: 'nothing but a lease' })
}

/** One in the log, one in chunk files, and one that retention will take. */
async function blobs() {
  const small = await journal.blobs.put('a small blob: it rides in the log')
  const large = await journal.blobs.put(largeContent())
  const passing = await journal.blobs.put('a blob that goes with its event')
  clock.advance(5)
  await journal.append('files', [
    { type: 'file.added', data: { name: 'small.txt', content: small } },
    {
      type: 'file.added',
      data: { name: 'large.bin', content: large, again: [new BlobRef(small.digest, small.bytes)] },
    },
  ])
  await journal.append('passing', { type: 'file.added', data: { content: passing } })
}

function largeContent() {
  const bytes = new Uint8Array(130_000)
  let state = 1
  for (let index = 0; index < bytes.length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

async function names() {
  for (const stream of ['заметки/1', '笔记/🦊', '../../etc/passwd', 'a b"c\\d', 'é', 'e\u0301', '__proto__']) {
    clock.advance(3)
    await journal.append(stream, { type: 'named', data: { stream } })
  }
}

/** Removes a stream, the beginning of another, and old command ids; leaves stubs and rewritten segments. */
async function retention() {
  for (let number = 1; number <= 20; number++) {
    clock.advance(500)
    await journal.append(
      'rolling',
      { type: 'counted', data: { number, filler: 'x'.repeat(100) } },
      { commandId: `count ${number}` },
    )
  }
  await journal.retain({
    streams: [
      { stream: 'passing', before: 'all' },
      { stream: 'rolling', before: 8 },
    ],
    released: true,
    commandsOlderThan: 5_000,
  })
}

/** Records of all kinds again, in segments that nothing has rewritten. */
async function afterwards() {
  for (let number = 1; number <= 12; number++) {
    clock.advance(1_000)
    const isEven = number % 2 === 0
    await journal.append(
      'after/retention',
      { type: 'counted', data: { number } },
      {
        commandId: `afterwards ${number}`,
        agenda: [{ id: 'look again', due: isEven ? null : start + number, data: { number } }],
        leases: [{ lease: 'other worker', acquire: 'host-b', ttl: '5s' }],
        pins: [{ pin: 'late reader', from: isEven ? null : 50 }],
        ...(number === 6 ? { releases: [{ stream: 'after/retention', through: 2 }] } : {}),
      },
    )
  }
}

/** What a reader of this release finds: the reference for all later ones. */
async function readBack() {
  const store = await openDirectory(directory, { ...host, readOnly: true })
  const events = []
  const removed = []
  const query = { select: { kind: 'all' }, direction: 'forward', withText: true, tellRemoved: true }
  for await (const page of store.read(query)) {
    for (const item of page) {
      if ('removed' in item) removed.push(item.removed)
      else events.push({ text: item.text, sum: item.sum, more: item.more })
    }
  }
  const streams = []
  for await (const page of store.streams({})) streams.push(...page)
  const commands = {}
  for (const id of ['start runs', 'end runs/1', 'nothing but a lease', 'count 1', 'count 20', 'afterwards 12'])
    commands[id] = (await store.command(id)) ?? null
  const blobs = {}
  for (const { text } of events) {
    for (const digest of JSON.parse(text).blobs ?? []) blobs[digest] = (await store.blob(digest))?.bytes
  }
  const state = {
    identity: store.identity(),
    head: store.head(),
    agenda: await store.agenda({}),
    leases: { worker: await store.lease('worker'), 'other worker': await store.lease('other worker') },
    pins: await store.pins(),
  }
  await store.close()
  return { ...state, streams, commands, blobs, removed, events }
}

/** A stack names the files of the machine that it comes from: a golden file has one of its own. */
function withStack(error) {
  return Object.assign(error, { stack: `${error.name}: ${error.message}` })
}
