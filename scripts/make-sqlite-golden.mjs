// Makes the golden file of the SQLite store's present schema: the golden journal of the file store, moved into a SQLite
// file and packed. Run it once for a schema version and commit the result; a later release only ever reads it.
//
//   npm run build && node scripts/make-sqlite-golden.mjs test/golden/sqlite-v1

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { openDirectory } from '../build/open-directory.js'
import { openSqlite } from '../build/open-sqlite.js'
import { fakeClock } from '../build/testing/fake-clock.js'
import { seededRandom } from '../build/testing/seeded-random.js'

const [target] = process.argv.slice(2)
if (target === undefined || existsSync(target)) {
  console.error('usage: node scripts/make-sqlite-golden.mjs <directory that does not exist>')
  process.exit(1)
}
const scratch = mkdtempSync(join(tmpdir(), 'holdfast-golden-'))
try {
  cpSync('test/golden/v1/journal', join(scratch, 'journal'), { recursive: true })
  const clock = fakeClock(1_790_000_100_000)
  const from = await openDirectory(join(scratch, 'journal'), { clock })
  const file = join(scratch, 'agent.db')
  const to = await openSqlite(file, { clock, random: seededRandom(2026) })
  await to.load(from.dump())
  await to.close()
  await from.close()
  mkdirSync(target, { recursive: true })
  writeFileSync(join(target, 'agent.db.gz'), gzipSync(readFileSync(file), { level: 9 }))
} finally {
  rmSync(scratch, { recursive: true })
}
