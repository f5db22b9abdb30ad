import type { Batch, Receipt } from '../stores/store.ts'
export class Inbox { constructor(..._: unknown[]) {} async start(): Promise<void> {} async stop(): Promise<void> {} }
export type ApplyBatch = (batch: Batch) => Promise<Receipt>
