// Runs the tests of the public suite from its own folder and says of each: kind, outcome, id, what was seen.
import { runTests, getResults } from './client/runner.mjs'
import { determineTestResult } from './lib/display.mjs'
import fetch from 'node-fetch'
import suites from './tests/index.mjs'

const [base, only] = process.argv.slice(2)
const asked = ({ tests }) => only ? tests.filter(test => test.id === only).map(test => ({ ...test, dump: true })) : tests
const wanted = suites.map(suite => ({ ...suite, tests: asked(suite) }))
await runTests(wanted.filter(suite => suite.tests.length), fetch, false, base)
const results = getResults()
const words = { '✅': 'passes', 'Y': 'yes', 'N': 'no', '-': 'untested', '🔹': 'setup', '↻': 'setup', '⚪': 'depends' }
for (const { id, kind = 'required' } of wanted.flatMap(suite => suite.tests)) {
  const sign = determineTestResult(suites, id, results, false)[2].trim()
  const seen = Array.isArray(results[id]) ? results[id][1] : ''
  console.log([kind, words[sign] ?? 'fails', id, seen].join('\t'))
}
