// What an agent has left behind: in the book of calls, in its journal, in its folder.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { auditOf, open } from 'holdfast'
import { runId } from '../research-agent.mjs'
import { readBook } from '../world.mjs'

/** What the book of calls says, and whether the journal holds all that was acknowledged. */
export async function findings(directory, recorded) {
  const journal = await open(join(directory, 'journal'))
  try {
    const events = await journal.read(`run/${runId}`).toArray()
    const missing = recorded.filter(({ seq, type }) => events[seq - 1]?.seq !== seq || events[seq - 1]?.type !== type)
    const report = await journal.verify()
    return {
      calls: byName(readBook(join(directory, 'calls.jsonl'))),
      events: events.length,
      acknowledged: recorded.length,
      missing: missing.length,
      isVerified: report.ok,
      records: report.records,
      report: await readFile(join(directory, 'files', 'report.txt'), 'utf8'),
      published: (await readFile(join(directory, 'files', 'published.txt'), 'utf8')).trim().split('\n').length,
      phases: (await auditOf(journal, runId, { last: 10_000 })).length,
    }
  } finally {
    await journal.close()
  }
}

/** For each name: calls that ended, calls that a kill cut off, ended calls made again, and calls behind their record. */
function byName(calls) {
  const names = new Map()
  for (const { call, begun, ended, repeated } of calls) {
    const row = names.get(call) ?? { ended: 0, cutOff: 0, unrecorded: 0, repeated: 0 }
    names.set(call, row)
    row.ended += Math.min(1, ended)
    row.cutOff += begun - ended
    row.unrecorded += Math.max(0, ended - 1)
    row.repeated += repeated
  }
  return names
}

export function isModel(name) {
  return name.includes('model')
}

export function isTool(name) {
  return !isModel(name)
}

export function sum(calls, is) {
  return [...calls].reduce((all, [name, { ended }]) => (is(name) ? all + ended : all), 0)
}

export function total(calls, column) {
  return [...calls.values()].reduce((all, row) => all + row[column], 0)
}

export function summaryOf({ calls, events, acknowledged, missing, published, isVerified }) {
  const columns = { cutOff: total(calls, 'cutOff'), repeated: total(calls, 'repeated') }
  return {
    modelCalls: sum(calls, isModel),
    toolCalls: sum(calls, isTool),
    ...columns,
    events,
    acknowledged,
    missing,
    published,
    verified: isVerified,
  }
}
