export interface PostgresPrograms {
  readonly version: string
  readonly postgres: string
  readonly initdb: string
}

export function postgresPrograms(): Promise<PostgresPrograms>
