/** `npm run bench -- <name> [--kafka] [--json]`: what one record costs, and how near the limits we are.
 *
 *  Run as `main.ts measure <name> <json>` it is the child in which one subject is measured. */

if (process.argv[2] === 'measure') {
  const { measureAndEnd } = await import('./measurements.ts')
  await measureAndEnd(process.argv[3] ?? '', process.argv[4] ?? '{}')
} else {
  const { runCommand } = await import('./command-line.ts')
  process.exitCode = await runCommand(process.argv)
}
