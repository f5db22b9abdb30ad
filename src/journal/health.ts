// The health of a journal: it really writes and reads, rather than saying that nothing has gone wrong so far.

import type { Clock } from '../host/clock.ts'
import type { Store } from '../stores/store.ts'
import type { RetentionKeeper } from './retention.ts'

export interface HealthCheck {
  readonly name: string
  readonly ok: boolean
  readonly ms: number
  readonly error?: unknown
}

export interface Health {
  /** Every check is. */
  readonly ok: boolean
  readonly checks: readonly HealthCheck[]
}

export async function checkHealth(store: Store, clock: Clock, retention: RetentionKeeper | undefined): Promise<Health> {
  const checks: HealthCheck[] = []
  const check = async (name: string, work: () => Promise<void>): Promise<void> => {
    const start = clock.now()
    try {
      await work()
      checks.push({ name, ok: true, ms: clock.now() - start })
    } catch (error) {
      checks.push({ name, ok: false, ms: clock.now() - start, error })
    }
  }
  // A journal that is open for reading only is in order as it is: there is nothing to write.
  if (store.readOnly === undefined) await check('write', () => store.probe())
  await check('read', () => readNewest(store))
  if (store.manifest.inbox && store.readOnly === undefined) {
    await check('inbox', async () => {
      const failure = store.inboxFailure()
      if (failure !== undefined) throw failure
    })
  }
  if (retention !== undefined) {
    await check('retention', async () => {
      if (retention.failure !== undefined) throw retention.failure
    })
  }
  return { ok: checks.every((one) => one.ok), checks }
}

async function readNewest(store: Store): Promise<void> {
  const pages = store.read({ select: { kind: 'all' }, direction: 'backward', limit: 1 })
  // Reading checks: a page that comes is whole.
  for await (const _page of pages) return
}
