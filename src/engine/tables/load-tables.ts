// From the manifest on disk to open tables, without disturbing a writer that may be at work in another process.
// Invariant: the tables that are returned are all those of one manifest, and their files are open: a writer that removes
// them afterwards takes nothing away.

import { TableDamaged } from './table-damaged.ts'
import { loadManifest, type StoredManifest, type TableManifest } from './table-manifest.ts'
import { type TableHome, TableReader } from './table-reader.ts'
import type { TableDescription } from './table-writer.ts'

export type LoadedTables =
  | (Extract<StoredManifest, { readonly state: 'ready' }> & { readonly tables: readonly TableReader[] })
  | Exclude<StoredManifest, { readonly state: 'ready' }>
  | { readonly state: 'unchanged' }

/** `known`: what the caller has open already; those tables are taken over. */
export async function loadTables(
  home: TableHome,
  known: { readonly tables: readonly TableReader[]; readonly manifestBytes: Buffer | undefined },
): Promise<LoadedTables> {
  let failedWith: Buffer | undefined
  for (;;) {
    const stored = await loadManifest(home.disk, home.folder)
    if (stored.state !== 'ready') return stored
    if (known.manifestBytes?.equals(stored.bytes)) return { state: 'unchanged' }
    try {
      return { ...stored, tables: await openTables(home, stored.manifest, known.tables) }
    } catch (error) {
      if (!(error instanceof TableDamaged)) throw error
      // A writer may have merged the table away since its manifest was read; then there is a new manifest.
      if (failedWith?.equals(stored.bytes)) return { state: 'damaged', why: error.message }
      failedWith = stored.bytes
    }
  }
}

async function openTables(home: TableHome, manifest: TableManifest, known: readonly TableReader[]) {
  const tables: TableReader[] = []
  const opened: TableReader[] = []
  try {
    for (const description of manifest.tables) {
      let table = known.find((open) => isSame(open.description, description))
      if (table === undefined) {
        table = await TableReader.open(home, description)
        opened.push(table)
      }
      tables.push(table)
    }
    return tables
  } catch (error) {
    await closeTables(opened)
    throw error
  }
}

/** The name alone does not do: numbers start anew when a set was cleared and its writer restarted. */
function isSame(a: TableDescription, b: TableDescription): boolean {
  return a.name === b.name && a.bytes === b.bytes && a.footer.sum === b.footer.sum
}

/** Never throws: a descriptor for reading that fails to close has nothing to lose. */
export async function closeTables(tables: readonly TableReader[]): Promise<void> {
  await Promise.allSettled(tables.map((table) => table.close()))
}
