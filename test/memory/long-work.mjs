// One piece of long work on a journal, in a process that is given little memory:
//   node --max-old-space-size=<MiB> long-work.mjs <what> <journal: a directory or a .db file> <beside it> <events>

import { extname } from 'node:path'
import { copyJournal, importJournal, open } from '../../dist/index.js'

const [what, path, beside, count] = process.argv.slice(2)
const events = Number(count)
// Small segments, so that what is kept of each would count.
const options = { segmentBytes: 1_048_576 }

const works = {
  async append(journal) {
    const data = { text: 'x'.repeat(120) }
    for (let at = 0; at < events; at += 1_000) {
      const page = Array.from({ length: 1_000 }, (_, n) => ({ stream: `s/${(at + n) % 20_000}`, type: 't', data }))
      await journal.append(page, { durability: 'eventual' })
    }
    await journal.flush()
    return events
  },
  async read(journal) {
    let read = 0
    for await (const _event of journal.read()) read++
    return read
  },
  async verify(journal) {
    const report = await journal.verify()
    if (!report.ok) throw new Error(JSON.stringify(report.findings))
    return report.events
  },
  export: async (journal) => (await journal.export(`${beside}/export`)).events,
  async backup(journal) {
    await journal.backup(`${beside}/backup`)
    return events
  },
  async retain(journal) {
    const report = await journal.retain({ streams: [{ stream: 's/1', before: 'all' }] }, { dryRun: false })
    return events - report.events + events / 20_000
  },
}

if (what === 'import') {
  const report = await importJournal(`${beside}/export`, `${beside}/imported${extname(path)}`, options)
  console.log(report.events)
} else if (what === 'fork') {
  const report = await copyJournal(path, `${beside}/forked`, { ...options, fork: true })
  console.log(report.compared.rows.find(({ kind }) => kind === 'event').count)
} else {
  const journal = await open(path, options)
  console.log(await works[what](journal))
  await journal.close()
}
