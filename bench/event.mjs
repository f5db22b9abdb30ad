// The events that every store is given: 256 bytes each, counting all that a user gives — the stream's name, the type and
// the JSON of the data. Any event can be made again from its index, so what was stored can be compared with it.

export const eventBytes = 256
export const rareType = 'tool.failed'
const commonType = 'step.done'
const prose =
  'The agent looked at the order, asked the warehouse for the parcel, waited for its answer and wrote it down before going on. '
const filler = prose.repeat(4)

/** Names of one length, so that each event of a run has the same size. */
export function streamName(number) {
  return `agent/${String(number).padStart(6, '0')}`
}

/** The event at this index of a history over so many streams; neighbours are of different streams. */
export function eventAt(index, streams) {
  const type = index % 100 === 17 ? rareType : commonType
  return eventOf({ stream: streamName((index * 7919) % streams), type, index })
}

/** The same with a command id of its own. */
export function commandAt(index, streams) {
  return { ...eventAt(index, streams), commandId: commandIdAt(index) }
}

export function commandIdAt(index) {
  return `command/${String(index).padStart(9, '0')}`
}

function eventOf({ stream, type, index }) {
  const data = { step: 1_000_000_000 + index, tool: 'search', ok: type === commonType, text: '' }
  const bytes = eventBytes - stream.length - type.length - JSON.stringify(data).length
  const from = index % prose.length
  data.text = filler.slice(from, from + bytes)
  return { stream, type, data }
}

/** Events of one stream, made before the clock runs: making them is no part of any store's work. */
export function eventsOf(stream, count) {
  return Array.from({ length: count }, (_, index) => eventOf({ stream, type: commonType, index }))
}

/** What a user gives of an event, in bytes. */
export function givenBytes({ stream, type, data }) {
  return Buffer.byteLength(stream) + Buffer.byteLength(type) + Buffer.byteLength(JSON.stringify(data))
}
