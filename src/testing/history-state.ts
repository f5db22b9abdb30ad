// Compares the state beside the events with what the batches that are there must have left.

import type { HistoryFinding } from './history-finding.ts'
import type { HistoryModel } from './history-model.ts'
import type { JournalContents } from './journal-contents.ts'

export function stateFinding(model: HistoryModel, contents: JournalContents): HistoryFinding | undefined {
  const wrong = wrongAgenda(model, contents) ?? wrongPins(model, contents) ?? wrongNames(model, contents)
  return wrong === undefined ? undefined : { kind: 'state', message: wrong }
}

function wrongAgenda(model: HistoryModel, { agenda }: JournalContents): string | undefined {
  if (agenda.length !== model.agenda.size)
    return `the agenda has ${agenda.length} items (${agenda.map(({ id }) => id).join(', ')}) instead of ${model.agenda.size} (${[...model.agenda.keys()].join(', ')})`
  const wrong = agenda.find(({ id, due, data }) => {
    const expected = model.agenda.get(id)
    const text = data === undefined ? undefined : JSON.stringify(JSON.parse(data))
    return expected === undefined || expected.due !== due || expected.data !== text
  })
  return wrong === undefined ? undefined : `agenda item ${wrong.id} is not as it was set`
}

function wrongPins(model: HistoryModel, { pins }: JournalContents): string | undefined {
  const wrong = pins.find(({ pin, stream, from }) => {
    const expected = model.pins.get(pin)
    return expected === undefined || expected.from !== from || expected.stream !== stream
  })
  if (wrong !== undefined) return `pin ${wrong.pin} is not as it was set`
  // Soft pins end by themselves.
  const missing = [...model.pins.values()].find(
    ({ pin, ttlMs }) => ttlMs === undefined && !pins.some((found) => found.pin === pin),
  )
  return missing === undefined ? undefined : `pin ${missing.pin} is gone`
}

function wrongNames(model: HistoryModel, { commands, leases }: JournalContents): string | undefined {
  for (const [id, receipt] of commands) {
    const expected = model.commands.get(id)
    if ((expected === undefined) !== (receipt === undefined)) {
      return `command ${id} is ${receipt === undefined ? 'not ' : ''}known, against its events`
    }
    const isSame = receipt?.events.every(({ stream, seq, position }, index) => {
      const place = expected?.[index]
      return place?.stream === stream && place.seq === seq && place.position === position
    })
    if (isSame === false || receipt?.events.length !== expected?.length) return `command ${id} has another receipt`
  }
  for (const [name, lease] of leases) {
    const expected = model.leases.get(name)
    if (expected?.token !== lease?.token || expected?.owner !== lease?.owner || expected?.held !== lease?.held) {
      return `lease ${name} is ${JSON.stringify(lease)} instead of ${JSON.stringify(expected)}`
    }
  }
  return undefined
}
