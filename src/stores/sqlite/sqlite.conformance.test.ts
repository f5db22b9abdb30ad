import { describe, it } from 'vitest'
import { registerConformance } from '../../testing/conformance.ts'
import { sqliteTarget } from '../../testing/sqlite-target.ts'

registerConformance(sqliteTarget, { describe, it, skip: it.skip })
