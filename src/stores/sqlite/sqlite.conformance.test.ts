import { holdToConformance } from '../../../test/conformance/counted.ts'
import { sqliteTarget } from '../../testing/sqlite-target.ts'

holdToConformance(sqliteTarget)
