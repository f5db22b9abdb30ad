#!/usr/bin/env node
// The command line of Holdfast. What each command does stands in cli/; this only starts it.

import { main } from './cli/main.ts'

process.exitCode = await main(process.argv.slice(2))
