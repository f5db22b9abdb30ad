// Questions about what stands beside the events: streams, command ids, agenda, leases, pins.

import type { TimeMs } from '../../core/numbers.ts'
import type { AgendaRow, CommandRow, LeaseRow, PinRow, StreamRow } from '../sql/rows.ts'
import type { AgendaQuery, LeaseQuery } from '../store.ts'
import { EventReader } from './event-reader.ts'
import type { Behind } from './journal-tables.ts'
import { agendaOf, commandOf, leaseOf, pinOf, streamColumns, streamOf } from './rows-read.ts'

export class StateReader extends EventReader {
  async stream(name: string): Promise<StreamRow | undefined> {
    const [row] = await this.rows(
      `select ${streamColumns} from ${this.table('stream')} s where s.journal = $1 and s.name = $2`,
      [name],
    )
    return row === undefined ? undefined : streamOf(row, this.scope.label)
  }

  streams(query: Behind & { readonly prefix: string }): Promise<readonly StreamRow[]> {
    return this.#streamsWith('s.seq > 0', query)
  }

  released(query: Behind): Promise<readonly StreamRow[]> {
    return this.#streamsWith('s.released > 0', query)
  }

  async command(id: string): Promise<CommandRow | undefined> {
    const [row] = await this.rows(`select * from ${this.table('command')} c where c.journal = $1 and c.id = $2`, [id])
    return row === undefined ? undefined : commandOf(row, this.scope.label)
  }

  async commands(query: Behind): Promise<readonly CommandRow[]> {
    return (await this.page('command', 'id', query)).map((row) => commandOf(row, this.scope.label))
  }

  async commandsBefore(time: TimeMs): Promise<number> {
    const text = `select count(*) as n from ${this.table('command')} c where c.journal = $1 and c.time < $2`
    return (await this.one(text, [time])).n as number
  }

  async agenda(query: AgendaQuery): Promise<readonly AgendaRow[]> {
    const values: unknown[] = []
    const due = query.dueBy === undefined ? '' : `and a.due <= $${this.add(values, query.dueBy)}`
    const names = this.names('a.id', { prefix: query.prefix ?? '', after: undefined }, values)
    const limit = query.limit === undefined ? '' : `limit $${this.add(values, query.limit)}`
    // As the index has them: what is free in order of time, and all that is held.
    const those = (held: string): string =>
      `(select a.* from ${this.table('agenda_entry')} a
         where a.journal = $1 and ${held} ${due} ${names} order by a.due, a.id ${limit})`
    const rows = await this.rows(
      `select * from ${those('a.held_until = 0')} free union all
       select * from ${those('a.held_until > 0')} held order by due, id ${limit}`,
      values,
    )
    return rows.map((row) => agendaOf(row, this.scope.label))
  }

  async agendaById(query: Behind): Promise<readonly AgendaRow[]> {
    return (await this.page('agenda_entry', 'id', query)).map((row) => agendaOf(row, this.scope.label))
  }

  async lease(name: string): Promise<LeaseRow | undefined> {
    const [row] = await this.rows(`select * from ${this.table('lease')} l where l.journal = $1 and l.name = $2`, [name])
    return row === undefined ? undefined : leaseOf(row, this.scope.label)
  }

  async leases(query: Behind): Promise<readonly LeaseRow[]> {
    return (await this.page('lease', 'name', query)).map((row) => leaseOf(row, this.scope.label))
  }

  async leasesOf({ owner, limit }: LeaseQuery): Promise<readonly LeaseRow[]> {
    const rows = await this.rows(
      `select l.* from ${this.table('lease')} l where l.journal = $1 and l.owner = $2 and l.held order by l.name limit $3`,
      [owner, limit ?? null],
    )
    return rows.map((row) => leaseOf(row, this.scope.label))
  }

  async pins(): Promise<readonly PinRow[]> {
    return (await this.rows(`select * from ${this.table('pin')} p where p.journal = $1 order by p.name`)).map((row) =>
      pinOf(row, this.scope.label),
    )
  }

  async #streamsWith(condition: string, query: Behind & { readonly prefix?: string }): Promise<readonly StreamRow[]> {
    const values: unknown[] = [query.rowsMax]
    const rows = await this.rows(
      `select ${streamColumns} from ${this.table('stream')} s
        where s.journal = $1 and ${condition} ${this.names('s.name', query, values)} order by s.name limit $2`,
      values,
    )
    return rows.map((row) => streamOf(row, this.scope.label))
  }
}
