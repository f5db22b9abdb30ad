import type { Batch } from '../../src/stores/store.ts'
import type { AppendedEvent } from './outside.mjs'

export declare function labelOf(events: readonly AppendedEvent[], batch: Batch): string
