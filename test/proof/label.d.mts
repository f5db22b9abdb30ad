import type { Batch } from '../../src/stores/store.ts'
import type { AppendedEvent } from './outside.mjs'

export declare function labelOf(events: readonly AppendedEvent[], batch: Batch): string

export declare function isParked(label: string): boolean

export declare function staysParked(label: string): boolean
