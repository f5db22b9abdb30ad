// A group of appends as one transaction: what judging it needs comes with the lock, in one round trip; what it changes
// goes with COMMIT, in another.

import type { GroupFound, GroupWanted, GroupWrite, SqlGroup } from '../sql/backend.ts'
import type { HeadRow } from '../sql/rows.ts'
import type { Scope } from './journal-tables.ts'
import { claimsEndedStatement, rowStatements } from './write-statements.ts'
import type { Transaction, Writer } from './writer.ts'

export interface GroupTask {
  readonly wanted: GroupWanted
  /** `isNews`: those who watch in other processes want to know. Who took which lease is no news. */
  readonly committed: (head: HeadRow, isNews: boolean) => void
}

export async function beginGroup(writer: Writer, scope: Scope, task: GroupTask): Promise<SqlGroup> {
  const { transaction, found } = await writer.begin(task.wanted)
  return new Group({ writer, scope, transaction, committed: task.committed }, found)
}

interface GroupParts {
  readonly writer: Writer
  readonly scope: Scope
  readonly transaction: Transaction
  readonly committed: GroupTask['committed']
}

class Group implements SqlGroup {
  readonly found: GroupFound
  readonly #parts: GroupParts

  constructor(parts: GroupParts, found: GroupFound) {
    this.#parts = parts
    this.found = found
  }

  async commit(write: GroupWrite): Promise<void> {
    const { writer, scope, transaction, committed } = this.#parts
    const { owner, digests } = write.claimsEnded
    const statements = [
      ...rowStatements(scope, write, transaction),
      ...(digests.length === 0 ? [] : [claimsEndedStatement(scope, owner, digests)]),
    ]
    await writer.commit(transaction, statements, write.sync)
    if (write.sync) writer.noteDurable(write.head.durable ?? 0)
    const head = { ...this.found.head, ...write.head }
    committed(head, write.events.length > 0 || write.agenda.length > 0 || head.durable > this.found.head.durable)
  }

  rollback(): Promise<void> {
    return this.#parts.writer.rollback(this.#parts.transaction)
  }
}
