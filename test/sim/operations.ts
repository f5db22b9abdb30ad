// What a plan's operations do with an open journal, each as an actor of its own beside the others.

import { decodeCursor } from '../../src/core/cursor.ts'
import type { CommandBatch } from '../../src/engine/inbox-command.ts'
import { sendCommand } from '../../src/engine/inbox-sender.ts'
import { isHoldfastError } from '../../src/errors.ts'
import { openImported } from '../../src/import.ts'
import type { Journal } from '../../src/journal.ts'
import type { FileStore } from '../../src/stores/file/file-store.ts'
import { openFileStore } from '../../src/stores/file/open-file-store.ts'
import type { PinState, RetentionRule } from '../../src/stores/store.ts'
import type { Settled } from '../../src/testing/history.ts'
import { readEvents } from '../../src/testing/journal-contents.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { batchOf, blobContent, selectorOf, streamName } from './batches.ts'
import { type Ledger, nobodysBlob } from './ledger.ts'
import type { Machine } from './machine.ts'
import type { MemoryDirectories } from './memory-directories.ts'
import type { AppendSpec, Operation, Plan, RetainSpec } from './plan.ts'
import type { Process } from './process.ts'
import { Violation } from './violation.ts'

export interface Scene {
  readonly plan: Plan
  readonly machine: Machine
  readonly ledger: Ledger
  readonly directories: MemoryDirectories
  readonly process: Process
  readonly journal: Journal
  readonly store: FileStore
  /** Nothing was made to fail: what is done must succeed. */
  readonly sound: boolean
  /** Commands on their way, also when this process ends. */
  readonly sending: Set<Promise<void>>
}

const yearMs = 31_536_000_000
const sendMs = 1_500

export async function perform(operation: Operation, scene: Scene): Promise<void> {
  const { process, store, journal, machine } = scene
  await machine.scheduler.turns(process, operation.do, operation.wait)
  switch (operation.do) {
    case 'append':
      return append(operation, scene)
    case 'submit':
      return submit(operation, scene)
    case 'flush':
      return scene.ledger.history.flush(store)
    case 'read':
      return read(operation, scene)
    case 'retain':
      return retain(operation, scene)
    case 'stage':
      return void (await store.stageBlob(blobContent(operation.blob)))
    case 'verify':
      return verify(scene)
    case 'backup':
      return backup(scene)
    case 'export':
      return exportAll(scene)
    case 'probe':
      return store.probe()
    case 'stats':
      return void (await journal.stats())
    case 'intrude':
      return intrude(scene)
  }
}

async function append(spec: AppendSpec, { store, ledger }: Scene): Promise<void> {
  const staged = []
  const digests = new Map([[-1, nobodysBlob]])
  for (const { blob } of spec.events) {
    if (blob === undefined || blob < 0 || digests.has(blob)) continue
    const content = await store.stageBlob(blobContent(blob))
    staged.push(content)
    digests.set(blob, content.digest)
  }
  try {
    const receipt = await store.append(batchOf(spec, ledger, digests))
    if (receipt.duplicate) for (const { release } of staged) release()
  } catch (error) {
    for (const { release } of staged) release()
    throw error
  }
}

/** From a process of its own, which outlives this one. */
function submit(spec: AppendSpec, scene: Scene): void {
  const { machine, ledger } = scene
  // Its successor may just be comparing what is there.
  if (ledger.isSuperseded(scene.store)) return
  const process = machine.start('sender')
  const events = spec.events.map(({ blob: _blob, ...event }) => event)
  const { command, ...rest } = batchOf({ ...spec, events, eventual: false }, ledger, new Map())
  if (command === undefined) return
  const batch: CommandBatch = { ...rest, command }
  const random = seededRandom(machine.started)
  const sending = sendCommand(process.disk, process.clock, batch, { timeoutMs: sendMs, random }).then(
    (receipt) => ledger.commandDone(batch, receipt),
    (error: unknown) => {
      if (isHoldfastError(error, 'ASSERTION', 'DAMAGED') || !isHoldfastError(error)) {
        ledger.fail(new Violation('sender', `sending a command ended with ${String(error)}`))
      }
    },
  )
  const done: Promise<void> = sending.finally(() => {
    scene.sending.delete(done)
    machine.kill(process)
  })
  scene.sending.add(done)
}

async function read(
  { select, backward = false, limit }: Extract<Operation, { readonly do: 'read' }>,
  { store, ledger }: Scene,
): Promise<void> {
  const selector = selectorOf(select)
  const { position } = store.head()
  const direction = backward ? 'backward' : 'forward'
  const events = await readEvents(store, { select: selector, direction, ...(limit === undefined ? {} : { limit }) })
  // A backward read goes on where it began, whatever comes meanwhile.
  const through =
    backward || limit === undefined
      ? { through: backward ? Math.min(position, events[0]?.position ?? 0) : position }
      : {}
  const after = backward && limit !== undefined ? {} : { after: 0 }
  const sighting = ledger.sighting({
    who: `a ${direction} reader`,
    select: selector,
    tells: false,
    ...after,
    ...through,
  })
  for (const event of backward ? events.toReversed() : events) sighting.see(event)
}

async function verify({ journal, ledger, sound, store }: Scene): Promise<void> {
  const { findings } = await journal.verify()
  const found = findings.find(({ severity, kind }) => severity === 'damage' && (sound || kind !== 'io-error'))
  // What a successor has moved is damage to one that looks with old eyes.
  if (found !== undefined && !ledger.isSuperseded(store))
    ledger.fail(new Violation('verify', `${found.kind}: ${found.message}`))
}

async function backup({ journal, ledger, directories, store, plan }: Scene): Promise<void> {
  const to = `backup${directories.begun}`
  const { position } = store.head()
  await journal.backup(to)
  const disk = directories.taken(to)
  if (disk === undefined) throw new Violation('backup', 'a backup that was made is not there')
  const copy = await openFileStore({
    disk,
    clock: { now: () => 0, after: () => ({ cancel: () => undefined }) },
    random: seededRandom(1),
    process: { pid: 1, host: 'simulated' },
    segmentBytes: plan.segmentBytes,
    readOnly: true,
  })
  const select = { kind: 'all' } as const
  const sighting = ledger.sighting({ who: 'a backup', select, tells: false, after: 0, through: position })
  for (const event of await readEvents(copy, { select, direction: 'forward' })) sighting.see(event)
  await copy.close()
}

async function exportAll({ journal, ledger, store, process }: Scene): Promise<void> {
  const { position } = store.head()
  const pieces: Uint8Array[] = []
  await journal.export((piece) => void pieces.push(Buffer.from(piece)))
  const source = (async function* () {
    yield* pieces
  })()
  const imported = await openImported(source, { clock: process.clock, random: seededRandom(1) })
  const select = { kind: 'all' } as const
  const sighting = ledger.sighting({ who: 'an export', select, tells: false, after: 0, through: position })
  for await (const { position, stream, seq, cursor } of imported.read()) {
    sighting.see({ position, stream, seq, sum: decodeCursor(cursor).sum })
  }
  await imported.close()
}

/** Another process wants to write. */
async function intrude({ machine, plan, ledger, store, process: owner }: Scene): Promise<void> {
  if (ledger.isSuperseded(store)) return
  const process = machine.start('intruder')
  owner.children.add(process)
  try {
    await openFileStore({
      disk: process.disk,
      clock: process.clock,
      random: seededRandom(1),
      process: { pid: 2, host: 'simulated' },
      segmentBytes: plan.segmentBytes,
    })
    ledger.fail(new Violation('intruder', 'two processes have the journal open for writing'))
  } catch (error) {
    if (!isHoldfastError(error, 'LOCKED')) throw error
  } finally {
    machine.kill(process)
  }
}

async function retain(
  { rule: spec, dryRun = false }: Extract<Operation, { readonly do: 'retain' }>,
  { store, ledger, process, sound }: Scene,
): Promise<void> {
  const { history } = ledger
  const pins = await store.pins()
  // Whether it holds could change meanwhile.
  if (pins.some(({ until }) => until !== undefined && until < process.clock.now() + yearMs)) return
  if (spec.by === 'release' && isAhead(history.released, history.settled)) return
  const { rule, wants } = retention(spec, history.settled, history.released)
  const goes = (event: Settled): boolean => wants(event) && !pins.some((pin) => holds(pin, event))
  const expected = history.settled.filter((event) => goes(event) && isThere(event)).length
  const removal = dryRun ? undefined : history.remove(goes)
  const report = await store.retain(rule, { dryRun })
  if (removal !== undefined) removal.fate = 'done'
  if (sound && report.events !== expected) {
    const what = `retention by ${JSON.stringify(rule)} tells of ${report.events} events instead of ${expected}`
    ledger.fail(new Violation('retention', what))
  }
}

/** Released are events that are still to come, and may come meanwhile. */
function isAhead(released: ReadonlyMap<string, number>, settled: readonly Settled[]): boolean {
  const heads = new Map(settled.map(({ stream, seq }) => [stream, seq]))
  return [...released].some(([stream, through]) => through > (heads.get(stream) ?? 0))
}

function isThere({ removal }: Settled): boolean {
  return removal === undefined || removal.fate === 'undone'
}

function holds({ stream, from }: PinState, event: Settled): boolean {
  return stream === undefined ? event.position >= from : event.stream === stream && event.seq >= from
}

function retention(
  spec: RetainSpec,
  settled: readonly Settled[],
  released: ReadonlyMap<string, number>,
): { readonly rule: RetentionRule; readonly wants: (event: Settled) => boolean } {
  switch (spec.by) {
    case 'stream': {
      const stream = streamName(spec.stream)
      // No event that comes meanwhile may be meant.
      const head = settled.findLast((event) => event.stream === stream)?.seq ?? 0
      const before = spec.before === 'all' ? head + 1 : Math.min(spec.before, head + 1)
      return {
        rule: { streams: [{ stream, before }] },
        wants: (event) => event.stream === stream && event.seq < before,
      }
    }
    case 'age': {
      const before = settled[Math.floor(((settled.length - 1) * spec.hundredth) / 100)]?.time ?? 0
      return { rule: { before }, wants: ({ time }) => time !== undefined && time < before }
    }
    case 'release':
      return { rule: { released: true }, wants: ({ stream, seq }) => seq <= (released.get(stream) ?? 0) }
  }
}
