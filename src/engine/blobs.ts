import type { BlobControl } from '../core/control.ts'
import type { Disk } from '../disks/disk.ts'
import type { LogView } from './log-view.ts'
import type { BlobStaging } from './writer.ts'
export class Blobs implements BlobStaging {
  constructor(_disk: Disk) {}
  staged(_d: string): BlobControl | undefined { return undefined }
  settled(_d: readonly string[]): void {}
  async stage(_c: unknown, _l: LogView): Promise<never> { throw new Error('stub') }
  async info(_d: string, _l: LogView): Promise<undefined> { return undefined }
  async *read(_d: string, _l: LogView): AsyncGenerator<Uint8Array> {}
  claimedChunks(): ReadonlySet<string> { return new Set() }
  isClaimed(_d: string): boolean { return false }
}
