// The tables of a journal, and how statements about them are put together: names with their schema, values by number, and
// ranges of names. $1 is the journal in every statement.

import type { Row } from './driver.ts'
import { journalGone } from './failure.ts'
import { prefixEnd } from './text-range.ts'

export type Run = (text: string, values: readonly unknown[]) => Promise<readonly Row[]>

/** Where in the database: the schema, quoted, and the number of the journal. */
export interface Scope {
  readonly schema: string
  readonly journal: number
  /** The database, as errors name it. */
  readonly label: string
}

/** A page of rows behind a name. */
export interface Behind {
  readonly after: string | undefined
  readonly rowsMax: number
}

export class JournalTables {
  readonly #run: Run
  protected readonly scope: Scope

  constructor(run: Run, scope: Scope) {
    this.#run = run
    this.scope = scope
  }

  protected table(name: string): string {
    return `${this.scope.schema}.${name}`
  }

  /** The number that the value has in the statement; $1 is the journal. */
  protected add(values: unknown[], value: unknown): number {
    return values.push(value) + 1
  }

  /** Names in a range, for the condition of a statement. */
  protected names(
    column: string,
    range: { readonly prefix?: string; readonly after: string | undefined },
    values: unknown[],
  ): string {
    const { prefix = '', after } = range
    const end = prefixEnd(prefix)
    const parts = [
      ...(prefix === '' ? [] : [`and ${column} >= $${this.add(values, prefix)}`]),
      ...(end === undefined ? [] : [`and ${column} < $${this.add(values, end)}`]),
      ...(after === undefined ? [] : [`and ${column} > $${this.add(values, after)}`]),
    ]
    return parts.join(' ')
  }

  protected page(table: string, key: string, query: Behind, more = ''): Promise<readonly Row[]> {
    const values: unknown[] = [query.rowsMax]
    const behind = this.names(`x.${key}`, { after: query.after }, values)
    const text = `select * from ${this.table(table)} x where x.journal = $1 ${more} ${behind} order by x.${key} limit $2`
    return this.rows(text, values)
  }

  protected streamName(alias: string): string {
    return `(select s.name from ${this.table('stream')} s where s.journal = ${alias}.journal and s.id = ${alias}.stream)`
  }

  protected rows(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return this.#run(text, [this.scope.journal, ...values])
  }

  protected async one(text: string, values: readonly unknown[] = []): Promise<Row> {
    const [row] = await this.rows(text, values)
    if (row === undefined) throw journalGone()
    return row
  }
}
