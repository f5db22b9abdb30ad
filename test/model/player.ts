// Does the same with a journal and with the model, and compares all that can be seen.

import { deepEqual, equal, ok } from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { BlobRef } from '../../src/core/blob-ref.ts'
import { compareUtf8 } from '../../src/core/utf8-order.ts'
import { HoldfastError } from '../../src/errors.ts'
import { openImported } from '../../src/import.ts'
import type { AppendOptions } from '../../src/journal/append-options.ts'
import type { JournalEvent } from '../../src/journal/event.ts'
import { createJournal, type Journal } from '../../src/journal.ts'
import type { Receipt } from '../../src/stores/store.ts'
import type { FakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import type { AppendCommand, Command, Select } from './commands.ts'
import { Model, type ModelAppend, type ModelEvent } from './model.ts'
import type { Place } from './places.ts'

const contents = [Buffer.from('small'), Buffer.alloc(900, 7), Buffer.alloc(6_000, 'large')]
/** Long enough that a few events fill a segment. */
const pad = 'x'.repeat(300)

export class Player {
  readonly #place: Place
  readonly #clock: FakeClock
  readonly #model: Model = new Model()
  #journal: Journal
  readonly #appends: AppendCommand[] = []
  readonly #cursors: { readonly cursor: string; readonly position: number }[] = []

  private constructor(place: Place, clock: FakeClock, journal: Journal) {
    this.#place = place
    this.#clock = clock
    this.#journal = journal
  }

  static async begin(place: Place, clock: FakeClock): Promise<Player> {
    return new Player(place, clock, createJournal(await place.open(), { clock }))
  }

  async play(command: Command): Promise<void> {
    // What was appended as 'eventual' shows when it is durable.
    if (command.do !== 'append' && command.do !== 'again' && command.do !== 'advance') await this.#journal.flush()
    switch (command.do) {
      case 'append':
        this.#appends.push(command)
        return this.#append(command)
      case 'again': {
        const earlier = this.#appends.at(-1 - command.back)
        return earlier === undefined ? undefined : this.#append(earlier)
      }
      case 'read':
        return this.#read(command)
      case 'tail': {
        const expected = command.n === 0 ? [] : this.#selected(command.select).slice(-command.n)
        return this.#same(await this.#journal.tail(command.n, command.select), expected)
      }
      case 'subscribe':
        return this.#subscribe(command)
      case 'retain':
        return this.#retain(command)
      case 'advance':
        return this.#clock.advance(command.ms)
      case 'look':
        return this.#look(this.#journal)
      case 'reopen':
        return this.#journal.reopen()
      case 'close':
        return this.#reopened(true)
      case 'crash':
        return this.#reopened(false)
      case 'export':
        return this.#export()
      case 'verify': {
        const { findings } = await this.#journal.verify()
        return deepEqual(
          findings.filter(({ severity }) => severity !== 'note'),
          [],
        )
      }
    }
  }

  async end(): Promise<void> {
    await this.#journal.flush()
    await this.#look(this.#journal)
    await this.#journal.close()
  }

  async #reopened(cleanly: boolean): Promise<void> {
    if (!this.#place.lasts || (!cleanly && this.#place.crash === undefined)) return
    if (cleanly) await this.#journal.close()
    else this.#place.crash?.()
    this.#journal = createJournal(await this.#place.open(), { clock: this.#clock })
    await this.#look(this.#journal)
  }

  async #append(command: AppendCommand): Promise<void> {
    const refs = new Map<number, BlobRef>()
    for (const { blob } of command.events) {
      if (blob !== undefined) refs.set(blob, await this.#journal.blobs.put(contents[blob] as Buffer)) // below the length
    }
    const resolved = this.#resolve(command, refs)
    const expected = this.#model.append(resolved, this.#clock.now())
    const events = resolved.events.map(({ stream, type, n }, index) => {
      const ref = refs.get(command.events[index]?.blob ?? -1)
      return { stream, type, data: ref === undefined ? { n, pad } : { n, pad, ref } }
    })
    const appended = await settled(this.#call(events, optionsOf(resolved, command), command.together))
    if (appended instanceof HoldfastError) return equal(appended.code, expected)
    const { durable, ...receipt } = appended
    deepEqual(receipt, expected)
    const isEmpty = receipt.events.length + receipt.leases.length === 0
    if (!isEmpty) equal(durable, receipt.duplicate || !command.eventual)
  }

  /** To one stream where there is only one, or to several at once. */
  #call(
    events: readonly { readonly stream: string; readonly type: string; readonly data: unknown }[],
    options: AppendOptions,
    together: boolean,
  ): Promise<Receipt> {
    const [first] = events
    const isOne = first !== undefined && events.every(({ stream }) => stream === first.stream)
    return isOne && !together
      ? this.#journal.append(first.stream, events, options)
      : this.#journal.append(events, options)
  }

  #resolve(command: AppendCommand, refs: ReadonlyMap<number, BlobRef>): ModelAppend {
    const { events, expect, lease, fence, commandId, agenda, pin, releases } = command
    const token = (name: string, choice: 'right' | 'wrong'): number =>
      (this.#model.leases.get(name)?.token ?? 1) - (choice === 'right' ? 0 : 1)
    return {
      events: events.map(({ blob, ...event }) => {
        const ref = blob === undefined ? undefined : refs.get(blob)
        return ref === undefined ? event : { ...event, blob: ref.digest }
      }),
      ...(expect === undefined ? {} : { expect: { stream: expect.stream, seq: this.#expected(expect) } }),
      ...(commandId === undefined ? {} : { commandId }),
      ...(agenda === undefined ? {} : { agenda }),
      ...(pin === undefined ? {} : { pin }),
      ...(releases === undefined ? {} : { releases }),
      ...(fence === undefined ? {} : { fence: { lease: fence.lease, token: token(fence.lease, fence.token) } }),
      ...(lease === undefined ? {} : leaseOf(lease, token(lease.lease, lease.token))),
    }
  }

  #expected({ stream, seq }: NonNullable<AppendCommand['expect']>): number {
    if (seq === 'none') return 0
    return this.#model.seq(stream) + (seq === 'right' ? 0 : 1)
  }

  #selected(select: Select): readonly ModelEvent[] {
    return this.#model.events.filter((event) => isSelected(event, select))
  }

  async #read({ select, backward, from, to, limit, type }: Extract<Command, { readonly do: 'read' }>): Promise<void> {
    const number = ({ seq, position }: ModelEvent): number => (typeof select === 'string' ? seq : position)
    const matching = this.#selected(select).filter(
      (event) =>
        number(event) >= (from ?? 0) &&
        number(event) <= (to ?? Number.POSITIVE_INFINITY) &&
        event.type === (type ?? event.type),
    )
    const ordered = backward ? matching.toReversed() : matching
    const reading = this.#journal.read(select, {
      direction: backward ? 'backward' : 'forward',
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(limit === undefined ? {} : { limit }),
      ...(type === undefined ? {} : { types: type }),
    })
    const found = await settled(reading.toArray())
    if (found instanceof HoldfastError) {
      // What a read names as its beginning must be retained.
      equal(found.code, 'RETAINED')
      return ok(from !== undefined && this.#model.removed.length > 0)
    }
    this.#same(found, limit === undefined ? ordered : ordered.slice(0, limit))
    for (const { cursor, position } of found) this.#cursors.push({ cursor, position })
  }

  async #subscribe({ select, cursor }: Extract<Command, { readonly do: 'subscribe' }>): Promise<void> {
    const after = cursor === undefined ? undefined : this.#cursors.at(-1 - cursor)
    const abort = new AbortController()
    const last = this.#selected(select).at(-1)?.position ?? 0
    const seen: JournalEvent[] = []
    const told: { readonly from: number; readonly to: number }[] = []
    let begin = after?.position ?? 0
    const options = {
      signal: abort.signal,
      ...(select === undefined ? {} : { select }),
      ...(after === undefined ? {} : { after: after.cursor }),
    }
    const mustHear = after !== undefined && this.#untold(select, { behind: after.position, told }) !== undefined
    const stopping = last <= begin ? stopLater(abort, { mustHear }) : undefined
    for await (const item of this.#journal.subscribe(options)) {
      if (!('notice' in item)) seen.push(item)
      else if (item.notice === 'removed') {
        const isThere = this.#selected(select).some(({ position }) => position >= item.from && position <= item.to)
        ok(!isThere, 'what is told to be removed is there')
        told.push(item)
      } else {
        equal(item.reason, 'older-than-retained')
        // By prefix it may come although nothing that matches was lost: a range is told when a matching event stood in it.
        ok(this.#model.removed.some(({ position }) => position > begin))
        ok(this.#model.removed.some((event) => isSelected(event, select)))
        begin = 0
        told.push({ from: 1, to: this.#model.position })
        stopping?.() // all that is there follows
      }
      if ((seen.at(-1)?.position ?? 0) >= last) break
    }
    stopping?.()
    if (after !== undefined) {
      const untold = this.#untold(select, { behind: after.position, before: seen.at(-1)?.position, told })
      ok(untold === undefined, `position ${untold} is gone, and that was not told`)
    }
    this.#same(
      seen,
      this.#selected(select).filter(({ position }) => position > begin),
    )
  }

  /** No gap is silent. What a stream has lost is told at once, other removals as they are passed. */
  #untold(
    select: Select,
    gap: {
      readonly behind: number
      readonly before?: number | undefined
      readonly told: readonly { readonly from: number; readonly to: number }[]
    },
  ): number | undefined {
    const end = typeof select === 'string' ? Number.POSITIVE_INFINITY : (gap.before ?? 0)
    const isToBeTold = (event: ModelEvent): boolean =>
      isSelected(event, select) && event.position > gap.behind && event.position < end
    const isTold = ({ position }: ModelEvent): boolean =>
      gap.told.some(({ from, to }) => position >= from && position <= to)
    return this.#model.removed.find((event) => isToBeTold(event) && !isTold(event))?.position
  }

  async #retain(command: Extract<Command, { readonly do: 'retain' }>): Promise<void> {
    const { dryRun, stream, do: _do, ...rest } = command
    const rule = { ...rest, ...(stream === undefined ? {} : { streams: [stream] }) }
    const { heldBy: holding, ...expected } = this.#model.retain(rule, this.#clock.now(), dryRun)
    const { events, streams, commands, heldBy } = await this.#journal.retain(rule, { dryRun })
    deepEqual({ events, streams, commands }, expected)
    // A pin may be named although all that it could hold is gone already.
    deepEqual(
      holding.filter((pin) => !heldBy.includes(pin)),
      [],
    )
  }

  /** Everything that the journal tells, against the model. */
  async #look(journal: Journal): Promise<void> {
    const model = this.#model
    const now = this.#clock.now()
    this.#same(await journal.read().toArray(), model.events)
    const { position, appended, earliest } = await journal.head()
    const first = model.events[0]?.position ?? model.position + 1
    deepEqual({ position, appended, earliest }, { position: model.position, appended: model.position, earliest: first })
    const heads = [...model.heads].map(([stream, { seq, position }]) => ({
      stream,
      seq,
      position,
      earliest: model.earliest(stream),
    }))
    const listed = []
    for await (const head of journal.streams()) listed.push(head)
    deepEqual(
      listed,
      heads.sort((a, b) => compareUtf8(a.stream, b.stream)),
    )
    const agenda = (await journal.agenda.list()).map(({ id, due }) => ({ id, due }))
    deepEqual(agenda, model.due(Number.POSITIVE_INFINITY))
    deepEqual(
      (await journal.agenda.due({ by: 3 })).map(({ id, due }) => ({ id, due })),
      model.due(3),
    )
    const pins = [...(await journal.pins.list())].sort((a, b) => compareUtf8(a.pin, b.pin))
    deepEqual(
      pins,
      [...model.pins(now)].sort((a, b) => compareUtf8(a.pin, b.pin)),
    )
    for (const name of ['l', 'm']) deepEqual(await journal.leases.get(name), model.leases.get(name))
    for (const id of ['c1', 'c2', 'c3']) {
      const known = model.commands.get(id)?.receipt
      const expected = known === undefined ? undefined : { ...known, duplicate: true, durable: true }
      deepEqual(await journal.command(id), expected)
    }
    for (const digest of new Set(model.events.flatMap(({ blob }) => blob ?? []))) {
      const content = Buffer.from(await journal.blobs.get(digest))
      ok(contents.some((each) => each.equals(content)))
    }
  }

  async #export(): Promise<void> {
    const pieces: Uint8Array[] = []
    await this.#journal.export((piece) => void pieces.push(Buffer.from(piece)))
    const source = (async function* () {
      yield* pieces
    })()
    const imported = await openImported(source, { clock: this.#clock, random: seededRandom(2) })
    equal(imported.id, this.#journal.id)
    await this.#look(imported)
    await imported.close()
  }

  #same(found: readonly JournalEvent[], expected: readonly ModelEvent[]): void {
    const shown = found.map(({ position, stream, seq, time, type, data }) => {
      const { n, ref } = data as { readonly n: number; readonly ref?: unknown }
      return { position, stream, seq, time, type, n, blob: ref instanceof BlobRef ? ref.digest : undefined }
    })
    deepEqual(shown, expected)
  }
}

function isSelected({ stream }: ModelEvent, select: Select): boolean {
  if (select === undefined) return true
  return typeof select === 'string' ? stream === select : stream.startsWith(select.prefix)
}

function leaseOf(
  { lease, change, owner, ttl }: NonNullable<AppendCommand['lease']>,
  token: number,
): Pick<ModelAppend, 'lease' | 'release'> {
  if (change === 'release') return { release: { lease, release: token } }
  return { lease: change === 'acquire' ? { lease, acquire: owner, ttl } : { lease, renew: token, ttl } }
}

function optionsOf(resolved: ModelAppend, { eventual }: AppendCommand): AppendOptions {
  const { expect, commandId, agenda, lease, release, fence, pin, releases } = resolved
  return {
    ...(eventual ? { durability: 'eventual' } : {}),
    ...(expect === undefined ? {} : { expect: { [expect.stream]: expect.seq } }),
    ...(commandId === undefined ? {} : { commandId }),
    ...(agenda === undefined ? {} : { agenda: [agenda] }),
    ...(lease === undefined ? {} : { leases: [lease] }),
    ...(release === undefined ? {} : { leases: [release] }),
    ...(fence === undefined ? {} : { fence }),
    ...(pin === undefined ? {} : { pins: [pin] }),
    ...(releases === undefined ? {} : { releases: [releases] }),
  }
}

async function settled<T>(work: Promise<T>): Promise<T | HoldfastError> {
  try {
    return await work
  } catch (error) {
    if (error instanceof HoldfastError) return error
    throw error
  }
}

/** Ends a subscription to which nothing more comes. What it must hear it hears however long that takes; that nothing else
 * comes can't be waited for. Returns how to let it go on. */
function stopLater(abort: AbortController, { mustHear }: { readonly mustHear: boolean }): () => void {
  let goesOn = false
  const stop = (): void => {
    if (!goesOn) abort.abort()
  }
  const timer = mustHear ? setTimeout(stop, 60_000) : undefined
  if (!mustHear) void turns(30).then(stop)
  return () => {
    goesOn = true
    clearTimeout(timer)
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn()
}
