// How many events are retained: what stands in the segments, less what is hidden but not rewritten yet.

import { never } from '../errors.ts'
import type { LogView } from './log-view.ts'
import { isTouched, survey } from './segment-survey.ts'

export async function countEvents(log: LogView & { readonly activeEvents: number }): Promise<number> {
  let events = log.activeEvents
  for (const segment of log.catalog.all) {
    if (segment.facts.sealed !== undefined)
      events += segment.facts.events ?? never('the events of a sealed segment are counted')
    if (segment.facts.isResidue === true || !(await isTouched(log, segment, log.state.scalars))) continue
    events -= (await survey(log, segment)).hiddenEvents
  }
  return events
}
