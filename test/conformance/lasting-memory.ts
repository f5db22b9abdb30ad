// A memory store that is taken for a persistent one: opening again gives a new door to the same store. It lets the
// suite's cases on reopening, crashes and readers run where nothing else can go wrong, so that a failure there is a
// mistake of the suite. It is a test's tool and proves nothing about durability.

import { HoldfastError } from '../../src/errors.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { StagedBlob, Store, StoreManifest } from '../../src/stores/store.ts'
import { memoryTarget } from '../../src/testing/memory-target.ts'
import type { StoreHandle, StoreUnderTest } from '../../src/testing/store-under-test.ts'

const manifest: StoreManifest = { ...memoryTarget.manifest, persistent: true, readersInOtherProcesses: true }

const iterating: ReadonlySet<unknown> = new Set(['read', 'streams', 'readBlob'])

interface Door {
  readonly store: Store
  /** What closing does, without asking the store beneath to close. */
  shut(): void
}

function openDoor(beneath: Store, isReader: boolean): Door {
  let isShut = false
  const claims = new Set<StagedBlob>()
  const watchers = new Set<() => void>()
  const shut = () => {
    if (isShut) return
    isShut = true
    for (const claim of claims) claim.release()
    for (const wake of [...watchers]) wake()
  }
  const own: Readonly<Record<string, unknown>> = {
    manifest,
    readOnly: isReader ? 'another process writes' : undefined,
    close: async () => shut(),
    ...(isReader ? { append: refuse, retain: refuse, relocate: refuse } : {}),
    watch(wake: () => void) {
      const stop = beneath.watch(wake)
      const watcher = () => wake()
      watchers.add(watcher)
      return () => {
        watchers.delete(watcher)
        stop()
      }
    },
    async stageBlob(content: Uint8Array | AsyncIterable<Uint8Array>) {
      const staged = await beneath.stageBlob(content)
      claims.add(staged)
      return staged
    },
  }
  const store = new Proxy(beneath, {
    get(target, key) {
      const value: unknown = typeof key === 'string' && Object.hasOwn(own, key) ? own[key] : Reflect.get(target, key)
      if (typeof value !== 'function' || key === 'close') return value
      if (key === 'identity') return value.bind(target)
      return (...given: readonly unknown[]): unknown => {
        if (!isShut) return Reflect.apply(value, target, given)
        return iterating.has(key) ? refusedPages() : Promise.reject(closed())
      }
    },
  })
  return { store, shut }
}

function closed(): HoldfastError {
  return new HoldfastError('CLOSED', 'this door is closed')
}

async function refuse(): Promise<never> {
  throw new HoldfastError('READ_ONLY', 'this is a reader')
}

// biome-ignore lint/correctness/useYield: it ends before it gives anything
async function* refusedPages(): AsyncGenerator<never, void, undefined> {
  throw closed()
}

export const lastingMemoryTarget: StoreUnderTest = {
  name: 'lasting memory',
  manifest,
  crashes: true,
  async create(options): Promise<StoreHandle> {
    const beneath = memoryStore(options)
    let door = openDoor(beneath, false)
    const again = async (): Promise<Store> => {
      door.shut()
      door = openDoor(beneath, false)
      return door.store
    }
    return {
      store: door.store,
      reopen: again,
      crash: again,
      openReader: async () => openDoor(beneath, true).store,
      dispose: () => beneath.close(),
    }
  },
}
