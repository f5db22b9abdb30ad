// What a run is executed with, from what the journal knows of it and what who executes it says.

import type { Fence } from '../journal/append-options.ts'
import type { Journal } from '../journal.ts'
import type { ExecutionTerms } from './execution.ts'
import { Renames } from './renames.ts'
import { streamOf } from './run-event.ts'
import { pinsOf } from './run-fork.ts'
import { RunHistory } from './run-history.ts'
import type { RunRecord } from './run-record.ts'

export interface CodeTerms {
  readonly fence: Fence
  readonly version?: string
  readonly renamed?: Readonly<Record<string, string>>
}

export function executionTerms(
  journal: Journal,
  { id, created, createdAt }: RunRecord,
  { fence, version, renamed }: CodeTerms,
): ExecutionTerms {
  return {
    id,
    stream: streamOf(id),
    agendaId: fence.lease,
    fence,
    history: new RunHistory(journal, id, { base: created.fork, renames: Renames.of(renamed) }),
    created: {
      time: created.fork?.createdAt ?? createdAt,
      budgets: created.budgets,
      ...(created.version === undefined ? {} : { version: created.version }),
    },
    lineage: { name: created.name, parent: created.parent, depth: created.depth ?? 0 },
    ...(version === undefined ? {} : { version }),
    ...(created.fork === undefined ? {} : { pins: pinsOf(id, created.fork) }),
  }
}
