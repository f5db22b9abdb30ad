import type { Batch, Store } from '../../src/stores/store.ts'

export type OutsideLine =
  | {
      readonly is: 'durable'
      readonly run: string
      readonly seq: number
      readonly type: string
      readonly key?: string
      readonly attempt?: number
      readonly failures?: number
      readonly name?: string
      readonly effect?: string
      readonly idempotencyKey?: string
      readonly done?: boolean
    }
  | {
      readonly is: 'call'
      /** `try`: of a tool, and it fails without an effect. */
      readonly kind: 'step' | 'tool' | 'try' | 'verify' | 'undo'
      readonly run: string
      readonly key: string
      readonly attempt: number
      readonly idempotencyKey?: string
      /** Of the tool, as the code says it. */
      readonly effect?: string
    }
  | { readonly is: 'told'; readonly run: string; readonly value: { readonly did: string } }

export type DurableLine = Extract<OutsideLine, { readonly is: 'durable' }>
export type CallLine = Extract<OutsideLine, { readonly is: 'call' }>

export declare class Outside {
  constructor(lines: readonly OutsideLine[], write: (line: OutsideLine) => void)
  die(): void
  durable(event: {
    readonly run: string
    readonly seq: number
    readonly type: string
    readonly data: Readonly<Record<string, unknown>>
  }): void
  has(idempotencyKey: string): boolean
  readonly effects: readonly string[]
}

export interface AppendedEvent {
  readonly run: string
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface AroundAppends {
  readonly before?: (events: readonly AppendedEvent[], batch: Batch) => void
  readonly behind?: (events: readonly AppendedEvent[], batch: Batch) => void
  readonly refused?: (error: unknown) => void
}

export declare function noteAppends(store: { append: Store['append'] }, outside: Outside, around?: AroundAppends): void
export declare function runOf(stream: string): string
