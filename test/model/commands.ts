// What can be done with a journal, as data that fast-check makes and makes smaller. Numbers that depend on what has happened
// are named by how they are chosen.

import fc from 'fast-check'

export type Choice = 'right' | 'wrong'

export interface AppendCommand {
  readonly do: 'append'
  readonly events: readonly {
    readonly stream: string
    readonly type: string
    readonly n: number
    readonly blob?: number
  }[]
  readonly together: boolean
  readonly eventual: boolean
  readonly expect?: { readonly stream: string; readonly seq: Choice | 'none' }
  readonly commandId?: string
  readonly agenda?: { readonly id: string; readonly due: number | null }
  readonly lease?: {
    readonly lease: string
    readonly change: 'acquire' | 'renew' | 'release'
    readonly owner: string
    readonly ttl: number
    readonly token: Choice
  }
  readonly fence?: { readonly lease: string; readonly token: Choice }
  readonly pin?: { readonly pin: string; readonly stream?: string; readonly from: number | null; readonly ttl?: number }
  readonly releases?: { readonly stream: string; readonly through?: number }
}

export type Select = string | { readonly prefix: string } | undefined

export type Command =
  | AppendCommand
  /** The same append as the so-many-th before. */
  | { readonly do: 'again'; readonly back: number }
  | {
      readonly do: 'read'
      readonly select: Select
      readonly backward: boolean
      readonly from?: number
      readonly to?: number
      readonly after?: number
      readonly limit?: number
      readonly type?: string
    }
  | { readonly do: 'tail'; readonly select: Select; readonly n: number }
  | { readonly do: 'subscribe'; readonly select: Select; readonly cursor?: number }
  | {
      readonly do: 'retain'
      readonly dryRun: boolean
      readonly olderThan?: number
      readonly stream?: { readonly stream: string; readonly before: number | 'all' }
      readonly released?: boolean
      readonly commandsOlderThan?: number
    }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'look' | 'reopen' | 'close' | 'crash' | 'export' | 'verify' }

const streams = ['a', 'b', 'run/1', 'run/2', 'z/é🦊'] as const
const stream = fc.constantFrom(...streams)
const lease = fc.constantFrom('l', 'm')
const choice = fc.constantFrom<Choice>('right', 'right', 'wrong')
const select = fc.oneof(fc.constant(undefined), stream, fc.record({ prefix: fc.constantFrom('run/', 'z', 'none/') }))
const small = fc.nat({ max: 25 })
const ttl = fc.constantFrom(1, 500, 100_000)

const append: fc.Arbitrary<AppendCommand> = fc
  .tuple(
    fc.record({
      do: fc.constant('append' as const),
      events: fc.array(
        fc.record(
          { stream, type: fc.constantFrom('t', 'u'), n: small, blob: fc.nat({ max: 2 }) },
          { requiredKeys: ['stream', 'type', 'n'] },
        ),
        { maxLength: 4 },
      ),
      together: fc.boolean(),
      eventual: fc.boolean(),
    }),
    fc.record(
      {
        expect: fc.record({ stream, seq: fc.constantFrom<Choice | 'none'>('right', 'right', 'wrong', 'none') }),
        commandId: fc.constantFrom('c1', 'c2', 'c3'),
        agenda: fc.record({ id: fc.constantFrom('i', 'j', 'é'), due: fc.option(fc.nat({ max: 5 })) }),
        lease: fc.record({
          lease,
          change: fc.constantFrom('acquire', 'acquire', 'renew', 'release'),
          owner: fc.constantFrom('x', 'y'),
          ttl,
          token: choice,
        }),
        fence: fc.record({ lease, token: choice }),
        pin: fc.record(
          { pin: fc.constantFrom('p', 'q'), stream, from: fc.option(fc.integer({ min: 1, max: 20 })), ttl },
          { requiredKeys: ['pin', 'from'] },
        ),
        releases: fc.record({ stream, through: small }, { requiredKeys: ['stream'] }),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([must, may]) => ({ ...must, ...may }) as AppendCommand)

const plainAppend: fc.Arbitrary<AppendCommand> = fc.record({
  do: fc.constant('append' as const),
  events: fc.array(fc.record({ stream, type: fc.constantFrom('t', 'u'), n: small }), { minLength: 1, maxLength: 3 }),
  together: fc.boolean(),
  eventual: fc.constant(false),
})

const retain = fc.record(
  {
    do: fc.constant('retain' as const),
    dryRun: fc.boolean(),
    olderThan: fc.constantFrom(0, 10, 1_000, 60_000),
    stream: fc.record({ stream, before: fc.oneof(small, fc.constant('all' as const)) }),
    released: fc.boolean(),
    commandsOlderThan: fc.constantFrom(0, 1_000, 60_000),
  },
  { requiredKeys: ['do', 'dryRun'] },
)

const read = fc.record(
  {
    do: fc.constant('read' as const),
    select,
    backward: fc.boolean(),
    from: small,
    to: small,
    limit: fc.integer({ min: 1, max: 6 }),
    type: fc.constantFrom('t', 'u'),
  },
  { requiredKeys: ['do', 'select', 'backward'] },
)

export const commands: fc.Arbitrary<readonly Command[]> = fc.array(
  fc.oneof<fc.WeightedArbitrary<Command>[]>(
    { weight: 6, arbitrary: plainAppend },
    { weight: 8, arbitrary: append },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('again' as const), back: fc.nat({ max: 5 }) }) },
    { weight: 4, arbitrary: read as fc.Arbitrary<Command> },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('tail' as const), select, n: fc.nat({ max: 5 }) }) },
    {
      weight: 2,
      arbitrary: fc.record(
        { do: fc.constant('subscribe' as const), select, cursor: small },
        { requiredKeys: ['do', 'select'] },
      ) as fc.Arbitrary<Command>,
    },
    { weight: 3, arbitrary: retain as fc.Arbitrary<Command> },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 20, 700, 90_000) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('look', 'look', 'reopen', 'close', 'crash', 'export', 'verify'),
      }) as fc.Arbitrary<Command>,
    },
  ),
  { minLength: 5, maxLength: 60, size: 'max' },
)
