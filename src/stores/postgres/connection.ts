// One connection to the server: statements in order, errors as failures, and whether it is still there.
//
// Statements that are sent together travel together (the driver's pipeline), so a group costs two round trips and not one
// for each statement. Each is answered on its own: after one has failed, the server refuses the rest of the transaction.

import { type Driver, type DriverClient, type DriverResult, type Row, typesOf } from './driver.ts'
import { failureOf } from './failure.ts'

export interface Statement {
  readonly text: string
  readonly values?: readonly unknown[]
  /** Prepared under this name, where sessions last. */
  readonly name?: string
}

export interface ConnectionOptions {
  readonly driver: Driver
  readonly url: string
  readonly label: string
  /** Whether statements with a name are prepared. */
  readonly prepares: boolean
}

const connectTimeoutMs = 10_000

/** Where the server's warning comes from (in any language) when somebody ended its wait for a standby: what it calls
 * committed may not be replicated. */
const unreplicated = 'SyncRepWaitForLSN'

export class Connection {
  readonly #client: DriverClient
  readonly #label: string
  readonly #prepares: boolean
  /** Nothing more can be asked of it. */
  isLost = false
  /** A commit was answered before the standby had it. */
  isUnreplicated = false
  readonly #ended: Promise<void>

  private constructor(client: DriverClient, options: ConnectionOptions) {
    this.#client = client
    this.#label = options.label
    this.#prepares = options.prepares
    client.on('error', () => this.#lose())
    client.on('notice', ({ routine }) => {
      if (routine === unreplicated) this.isUnreplicated = true
    })
    this.#ended = new Promise((resolve) =>
      client.on('end', () => {
        this.#lose()
        resolve()
      }),
    )
  }

  /** Rejects with a SqlFailure. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { driver, url, label } = options
    const client = new driver.Client({
      connectionString: url,
      types: typesOf(driver),
      pipeline: true,
      keepAlive: true,
      connectionTimeoutMillis: connectTimeoutMs,
      application_name: 'holdfast',
    })
    const connection = new Connection(client, options)
    try {
      await client.connect()
      return connection
    } catch (error) {
      connection.drop()
      throw failureOf(error, label)
    }
  }

  /** All of them in order, in one go. Rejects with the failure of the first that failed, once all are answered. */
  async send(statements: readonly Statement[]): Promise<readonly DriverResult[]> {
    const answers = await Promise.allSettled(statements.map((one) => this.#client.query(this.#prepared(one))))
    return answers.map((answer) => {
      if (answer.status === 'fulfilled') return answer.value
      throw failureOf(answer.reason, this.#label)
    })
  }

  async rows(text: string, values?: readonly unknown[]): Promise<readonly Row[]> {
    const [result] = await this.send([values === undefined ? { text } : { text, values }])
    return result?.rows ?? []
  }

  onNotification(tell: (payload: string) => void): void {
    this.#client.on('notification', ({ payload = '' }) => tell(payload))
  }

  /** Calls back once, when it is lost; at once when it is already. */
  whenLost(tell: () => void): void {
    void this.#ended.then(tell)
  }

  /** Leaves without a word: the server rolls back what was open. */
  drop(): void {
    this.#lose()
    this.#client.connection.stream.destroy()
  }

  async close(): Promise<void> {
    if (this.isLost) return this.drop()
    try {
      await this.#client.end()
    } catch {
      this.drop() // it goes either way
    }
  }

  #prepared(statement: Statement): Statement {
    if (this.#prepares || statement.name === undefined) return statement
    const { name: _, ...rest } = statement
    return rest
  }

  #lose(): void {
    this.isLost = true
  }
}
