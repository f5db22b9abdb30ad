// The SQLite store as a target of the conformance suite: a file in a directory of its own. A crash leaves the files as a
// killed process does: a copy of the database and its log, taken while the store is open.

import { copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqlite } from '../open-sqlite.ts'
import { sqliteManifest } from '../stores/sqlite/backend.ts'
import type { Store } from '../stores/store.ts'
import type { CreateOptions, StoreHandle, StoreUnderTest } from './store-under-test.ts'

const name = 'agent.db'

export const sqliteTarget: StoreUnderTest = {
  name: 'SQLite store',
  manifest: sqliteManifest,
  crashes: true,
  async create(options: CreateOptions): Promise<StoreHandle> {
    const root = await mkdtemp(join(tmpdir(), 'holdfast-sqlite-'))
    let directory = join(root, 'journal-0')
    await mkdir(directory)
    const opened: Store[] = []
    const open = async (readOnly = false): Promise<Store> => {
      const store = await openSqlite(join(directory, name), { ...options, readOnly })
      opened.push(store)
      return store
    }
    let store = await open()
    const backupTo = join(root, 'backup')
    return {
      store,
      async reopen() {
        await store.close()
        store = await open()
        return store
      },
      async crash() {
        const copy = join(root, `journal-${opened.length}`)
        await mkdir(copy)
        for (const file of await readdir(directory)) {
          // The index of the log (-shm) is made anew from the log, as after a loss of power.
          if (!file.endsWith('-shm')) await copyFile(join(directory, file), join(copy, file))
        }
        directory = copy
        store = await open()
        return store
      },
      openReader: () => open(true),
      backup: {
        to: backupTo,
        async open() {
          const copy = await openSqlite(join(backupTo, name), options)
          opened.push(copy)
          return copy
        },
      },
      async dispose() {
        for (const each of opened) await each.close()
        await rm(root, { recursive: true, force: true })
      },
    }
  },
}
