import type { Batch } from '../../src/stores/store.ts'

export declare function batchOf(process: number, n: number): Batch
