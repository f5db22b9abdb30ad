// Stores that are wrong in what stands beside the events: heads, agenda, leases, retention, blobs, watching, closing.

import type { Relocation } from '../../src/stores/store.ts'
import { type WrongStore, wrong } from './wrong-store.ts'

export const wrongStates: readonly WrongStore[] = [
  wrong('stream names', 'orders streams by UTF-16 units', (right) => ({
    async *streams(query) {
      for await (const page of right.streams(query)) {
        yield page.toSorted((left, of) => (left.stream < of.stream ? -1 : 1))
      }
    },
  })),
  wrong('heads', 'lists the stream that it should go on after', (right) => ({
    async *streams({ prefix = '', after = '' }) {
      for await (const page of right.streams({ prefix })) {
        const listed = page.filter(({ stream }) => Buffer.compare(Buffer.from(stream), Buffer.from(after)) >= 0)
        if (listed.length > 0) yield listed
      }
    },
  })),
  wrong('heads', 'forgets a stream that has nothing left', (right) => ({
    async stream(name) {
      const head = await right.stream(name)
      return head !== undefined && head.earliest > head.seq ? undefined : head
    },
  })),
  wrong('agenda', 'orders what is due at one time by UTF-16 units', (right) => ({
    agenda: async (query) =>
      (await right.agenda(query)).toSorted((left, of) => left.due - of.due || (left.id < of.id ? -1 : 1)),
  })),
  wrong('agenda', 'takes dueBy for exclusive', (right) => ({
    agenda: ({ dueBy, ...query }) => right.agenda(dueBy === undefined ? query : { ...query, dueBy: dueBy - 1 }),
  })),
  wrong('agenda', 'cuts the agenda to the limit before it filters', (right) => ({
    async agenda({ limit, ...query }) {
      const first = (await right.agenda({})).slice(0, limit)
      const fitting = new Set((await right.agenda(query)).map(({ id }) => id))
      return first.filter(({ id }) => fitting.has(id))
    },
  })),
  wrong('retention reports', 'removes during a dry run', (right) => ({
    retain: async (rule, { dryRun }) => ({ ...(await right.retain(rule, { dryRun: false })), dryRun }),
  })),
  wrong('pins', 'lets no pin hold', (right) => ({
    async retain(rule, options) {
      const pins = (await right.pins()).map(({ pin }) => ({ pin, from: null }))
      if (pins.length > 0) await right.append({ events: [], pins, durability: 'sync' })
      return right.retain(rule, options)
    },
  })),
  wrong('pins', 'does not say what held', (right) => ({
    retain: async (rule, options) => ({ ...(await right.retain(rule, options)), heldBy: [] }),
  })),
  wrong('retention rules', 'removes what is as old as the bound', (right) => ({
    retain: (rule, options) =>
      right.retain(rule.before === undefined ? rule : { ...rule, before: rule.before + 1 }, options),
  })),
  wrong('command ids', 'forgets ids that are as old as the bound', (right) => ({
    retain: (rule, options) =>
      right.retain(
        rule.commandsBefore === undefined ? rule : { ...rule, commandsBefore: rule.commandsBefore + 1 },
        options,
      ),
  })),
  wrong('retention rules', 'removes one event more than the stream bound says', (right) => ({
    retain: (rule, options) =>
      right.retain(
        {
          ...rule,
          streams: (rule.streams ?? []).map(({ stream, before }) => ({
            stream,
            before: before === 'all' ? before : before + 1,
          })),
        },
        options,
      ),
  })),
  wrong('blobs that go', 'claims nothing that it stages', (right) => ({
    async stageBlob(content) {
      const staged = await right.stageBlob(content)
      staged.release()
      return staged
    },
  })),
  wrong('blobs', 'names content by something other than its digest', (right) => ({
    async stageBlob(content) {
      const staged = await right.stageBlob(content)
      return { ...staged, digest: staged.digest.toUpperCase() }
    },
  })),
  wrong('heads', 'says that a store with nothing left begins at 1', (right) => ({
    head() {
      const head = right.head()
      return head.earliest > head.position ? { ...head, earliest: 1 } : head
    },
  })),
  wrong('watch', 'wakes those that have stopped', (right) => ({
    watch(wake) {
      right.watch(wake)
      return () => undefined
    },
  })),
  wrong('lifecycle', 'leaves appends open after close', (right) => ({
    close: async () => undefined,
    stats: () => right.stats(),
  })),
  wrong('leases', 'gives each lease the token 1', (right) => ({
    async append(batch) {
      const receipt = await right.append(batch)
      return { ...receipt, leases: receipt.leases.map((lease) => ({ ...lease, token: 1 })) }
    },
  })),
  wrong('leases', 'frees a lease a millisecond too late', (right) => ({
    append: (batch) =>
      right.append({
        ...batch,
        leases: (batch.leases ?? []).map((change) =>
          change.op === 'release' ? change : { ...change, ttlMs: change.ttlMs + 1 },
        ),
      }),
  })),
  wrong('moving', 'takes appends although it has gone', () => {
    let mark: Relocation | undefined
    return {
      relocate: async (to) => {
        mark = to
      },
      relocation: async () => mark,
    }
  }),
  wrong('moving', 'retains although it has gone', (right) => ({
    async retain(rule, options) {
      const mark = await right.relocation()
      if (mark === undefined) return right.retain(rule, options)
      await right.relocate(undefined)
      const report = await right.retain(rule, options)
      await right.relocate(mark)
      return report
    },
  })),
  wrong('moving', 'gives the receipt of a command id although it has gone', (right) => ({
    append: async (batch) => (batch.command && (await right.command(batch.command.id))) ?? right.append(batch),
  })),
  wrong('moving', 'stays marked', (right) => ({
    relocate: async (to) => (to === undefined ? undefined : right.relocate(to)),
  })),
  wrong('moving', 'leaves blobs out whose content is not asked for', (right) => ({
    async *dump(options) {
      for await (const page of right.dump(options)) {
        yield options === undefined ? page : page.filter(({ control }) => control?.includes('"blob"') !== true)
      }
    },
  })),
]
